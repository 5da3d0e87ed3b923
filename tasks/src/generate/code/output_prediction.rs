//! What does this program print?

use std::collections::BTreeMap;

use serde_json::json;

use super::program::{self, Step};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.output_prediction",
    version: 1,
    domain: Domain::Code,
    graders: &["literal"],
    about: "the list that a short Python program prints",
    draw,
    check,
    twins: None,
};

/// The largest element and constant, by level.
const MAX: [i64; 5] = [9, 15, 30, 60, 99];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let max = MAX[level - 1];
    let len = random.range(3, 4 + i64::from(place.level) / 2);
    let list: Vec<i64> = (0..len).map(|_| random.range(0, max)).collect();
    let steps: Vec<Step> = (0..level).map(|_| Step::draw(random, max)).collect();
    let mut result = list.clone();
    for step in &steps {
        let next = step.apply(&result)?;
        if next == result {
            return None; // A step that does nothing asks nothing.
        }
        result = next;
    }
    (!result.is_empty() && result != list).then(|| Draw {
        text: program::python(&list, &steps),
        parameters: json!({ "list": list, "steps": steps }),
        target: Target::Literal(program::literal(&result)),
        decoys: BTreeMap::new(),
    })
}

/// Reads the printed lines and interprets them, knowing nothing of the steps that were drawn.
fn check(draw: &Draw) -> Result<(), String> {
    match interpret(&draw.text) {
        Some(printed) if Target::Literal(program::literal(&printed)) == draw.target => Ok(()),
        other => Err(format!("`{}` prints {other:?}", draw.text)),
    }
}

/// Interprets a printed program line by line.
fn interpret(text: &str) -> Option<Vec<i64>> {
    let mut lines = text.lines();
    let first = lines.next()?.strip_prefix("xs = [")?.strip_suffix(']')?;
    let mut xs: Vec<i64> = first.split(", ").map(|x| x.parse().ok()).collect::<Option<_>>()?;
    for line in lines {
        if line == "print(xs)" {
            return Some(xs);
        }
        xs = interpret_line(line.strip_prefix("xs = ")?, xs)?;
    }
    None
}

/// Interprets one printed line on a list.
pub(super) fn interpret_line(line: &str, mut xs: Vec<i64>) -> Option<Vec<i64>> {
    if let Some(rest) = line.strip_prefix("[x ").and_then(|rest| rest.strip_suffix(']')) {
        if let Some(condition) = rest.strip_prefix("for x in xs if x ") {
            let words: Vec<&str> = condition.split(' ').collect();
            return match words.as_slice() {
                [">", bound] => keep(xs, |x, n| x > n, bound),
                ["%", divisor, "==", remainder] => {
                    let remainder: i64 = remainder.parse().ok()?;
                    keep(xs, |x, n| ((x % n) + n) % n == remainder, divisor)
                }
                _ => None,
            };
        }
        let (operator, constant) = rest.strip_suffix(" for x in xs")?.split_once(' ')?;
        let constant: i64 = constant.parse().ok()?;
        for x in &mut xs {
            *x = match operator {
                "+" => *x + constant,
                "-" => *x - constant,
                _ => *x * constant,
            };
        }
        return Some(xs);
    }
    match line {
        "sorted(xs)" => xs.sort_by(i64::cmp),
        "xs[::-1]" => xs.reverse(),
        "list(dict.fromkeys(xs))" => {
            let mut seen = std::collections::HashSet::new();
            xs.retain(|x| seen.insert(*x));
        }
        "[a + b for a, b in zip(xs, xs[1:])]" => {
            xs = xs.iter().zip(xs.iter().skip(1)).map(|(a, b)| a + b).collect();
        }
        "[sum(xs[:i + 1]) for i in range(len(xs))]" => {
            xs = (0..xs.len()).map(|i| xs[..=i].iter().sum()).collect();
        }
        slice => xs.truncate(slice.strip_prefix("xs[:")?.strip_suffix(']')?.parse().ok()?),
    }
    Some(xs)
}

fn keep(xs: Vec<i64>, holds: impl Fn(i64, i64) -> bool, constant: &str) -> Option<Vec<i64>> {
    let constant = constant.parse().ok()?;
    Some(xs.into_iter().filter(|x| holds(*x, constant)).collect())
}
