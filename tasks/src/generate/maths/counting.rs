//! Counting: numbers with given divisors, balls in boxes, lattice paths, orders of letters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::generate::{Draw, Family, Place, Random, listed};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.counting",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "expression"],
    about: "divisibility, balls in boxes, lattice paths that avoid a point, orders of letters",
    draw,
    check,
    twins: None,
};

/// The end of the range of numbers, by level.
const MAX_NUMBER: [i64; 5] = [60, 200, 1_000, 5_000, 20_000];
/// The largest divisor, by level.
const MAX_DIVISOR: [i64; 5] = [9, 12, 15, 20, 30];
/// The letters that are arranged.
const LETTERS: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    match random.below(4) {
        0 => divisible(place, random),
        1 => capped(place, random),
        2 => paths(place, random),
        _ => arrangements(place, random),
    }
}

fn made(text: String, parameters: Value, gold: i64) -> Option<Draw> {
    let target = Target::Integer(gold.into());
    (gold > 0).then_some(Draw { text, parameters, target, decoys: BTreeMap::new() })
}

/// Counts one by one.
fn divisible(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let end = random.range(MAX_NUMBER[level] / 3, MAX_NUMBER[level]);
    let count = if level < 2 { 2 } else { 3 };
    let mut divisors: Vec<i64> = (0..count).map(|_| random.range(2, MAX_DIVISOR[level])).collect();
    divisors.sort_unstable();
    let asked = *random.pick(&["at least one", "none", "exactly one"]);
    // A divisor that another divides says nothing of its own.
    let is_idle = |n: usize| (0..n).any(|m| divisors[n] % divisors[m] == 0);
    if (1..divisors.len()).any(is_idle) {
        return None;
    }
    let holds = |x: &i64| {
        let hits = divisors.iter().filter(|divisor| x % **divisor == 0).count();
        match asked {
            "at least one" => hits > 0,
            "none" => hits == 0,
            _ => hits == 1,
        }
    };
    let gold = (1..=end).filter(holds).count();
    made(
        format!(
            "How many whole numbers from 1 to {end} are divisible by {asked} of the numbers {}?",
            listed(&divisors)
        ),
        json!({ "kind": "divisible", "end": end, "divisors": divisors, "asked": asked }),
        i64::try_from(gold).ok()?,
    )
}

/// Fills box after box.
fn capped(place: Place, random: &mut Random) -> Option<Draw> {
    let level = i64::from(place.level);
    let boxes = random.range(3, 3 + level);
    let cap = random.range(2, 3 + 2 * level);
    let balls = random.range(cap + 1, boxes * cap - 1);
    let size = usize::try_from(balls).ok()? + 1;
    let cap_size = usize::try_from(cap).ok()?;
    let mut ways = vec![0_i64; size];
    ways[0] = 1;
    for _ in 0..boxes {
        ways = (0..size).map(|n| ways[n.saturating_sub(cap_size)..=n].iter().sum()).collect();
    }
    made(
        format!(
            "In how many ways can {balls} identical balls be put into {boxes} different boxes, with \
             at most {cap} balls in each box? A box may stay empty."
        ),
        json!({ "kind": "capped", "balls": balls, "boxes": boxes, "cap": cap }),
        ways[size - 1],
    )
}

/// Adds up point by point.
fn paths(place: Place, random: &mut Random) -> Option<Draw> {
    let level = i64::from(place.level);
    let (width, height) = (random.range(2, 3 + 2 * level), random.range(2, 3 + 2 * level));
    let (x, y) = (random.range(0, width), random.range(0, height));
    if (x, y) == (0, 0) || (x, y) == (width, height) {
        return None;
    }
    let mut row: Vec<i64> = vec![0; usize::try_from(width).ok()? + 1];
    row[0] = 1;
    for j in 0..=height {
        for (i, n) in (0..=width).zip(0..) {
            let left = if n == 0 { 0 } else { row[n - 1] };
            row[n] = if (i, j) == (x, y) { 0 } else { row[n] + left };
        }
    }
    made(
        format!(
            "A path goes from (0, 0) to ({width}, {height}). Each step goes one unit to the right or \
             one unit up. How many such paths do not pass through the point ({x}, {y})?"
        ),
        json!({ "kind": "paths", "end": [width, height], "hole": [x, y] }),
        *row.last()?,
    )
}

/// Takes away one letter at a time.
fn arrangements(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let kinds = 2 + random.index(level.min(4)) + usize::from(level > 1);
    let mut counts: Vec<usize> = (0..kinds.min(6)).map(|_| 1 + random.index(3)).collect();
    if level > 3 {
        counts[0] += 1;
    }
    let total: usize = counts.iter().sum();
    let first = (level > 1 && random.below(2) == 0).then(|| random.index(counts.len()));
    if !(3 + level..=6 + 2 * level).contains(&total) || counts.iter().all(|count| *count == 1) {
        return None;
    }
    let mut letters: Vec<char> =
        LETTERS.iter().zip(&counts).flat_map(|(letter, count)| vec![*letter; *count]).collect();
    random.shuffle(&mut letters);
    let word: String = letters.into_iter().collect();
    let mut rest = counts.clone();
    if let Some(first) = first {
        rest[first] -= 1;
    }
    let condition =
        first.map_or(String::new(), |n| format!(" so that the first letter is {}", LETTERS[n]));
    let parameters = json!({ "kind": "arrangements", "counts": counts, "first": first });
    made(
        format!(
            "In how many different orders can the letters of {word} be written{condition}? All of the \
             letters are used, and equal letters are not told apart."
        ),
        parameters,
        orders(&mut rest, &mut BTreeMap::new()),
    )
}

fn orders(counts: &mut Vec<usize>, known: &mut BTreeMap<Vec<usize>, i64>) -> i64 {
    if let Some(found) = known.get(counts) {
        return *found;
    }
    let mut sum = i64::from(counts.iter().all(|count| *count == 0));
    for n in 0..counts.len() {
        if counts[n] > 0 {
            counts[n] -= 1;
            sum += orders(counts, known);
            counts[n] += 1;
        }
    }
    known.insert(counts.clone(), sum);
    sum
}

/// Finds the gold again with the closed formula.
fn check(draw: &Draw) -> Result<(), String> {
    let found = formula(&draw.parameters);
    match found {
        Some(value) if Target::Integer(value.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}

fn formula(parameters: &Value) -> Option<i64> {
    let number = |name: &str| parameters[name].as_i64();
    let list = |name: &str| -> Option<Vec<i64>> {
        parameters[name].as_array()?.iter().map(Value::as_i64).collect()
    };
    match parameters["kind"].as_str()? {
        "divisible" => {
            let (end, divisors) = (number("end")?, list("divisors")?);
            // The sums over one, two and three divisors.
            let mut sums = [end, 0, 0, 0];
            for set in 1_usize..1 << divisors.len() {
                let chosen = (0..divisors.len()).filter(|n| set >> n & 1 == 1);
                let multiple =
                    chosen.clone().fold(1, |lcm, n| lcm / gcd(lcm, divisors[n]) * divisors[n]);
                sums[chosen.count()] += end / multiple;
            }
            Some(match parameters["asked"].as_str()? {
                "at least one" => sums[1] - sums[2] + sums[3],
                "none" => sums[0] - sums[1] + sums[2] - sums[3],
                _ => sums[1] - 2 * sums[2] + 3 * sums[3],
            })
        }
        "capped" => {
            let (balls, boxes, cap) = (number("balls")?, number("boxes")?, number("cap")?);
            let term = |over: i64| {
                let left = balls - over * (cap + 1);
                let sign = if over % 2 == 0 { 1 } else { -1 };
                sign * binomial(boxes, over) * binomial(left + boxes - 1, boxes - 1)
            };
            Some((0..=boxes).take_while(|over| over * (cap + 1) <= balls).map(term).sum())
        }
        "paths" => {
            let (end, hole) = (list("end")?, list("hole")?);
            let through = binomial(hole[0] + hole[1], hole[0])
                * binomial(end[0] + end[1] - hole[0] - hole[1], end[0] - hole[0]);
            Some(binomial(end[0] + end[1], end[0]) - through)
        }
        _ => {
            let mut counts = list("counts")?;
            if let Some(first) = parameters["first"].as_u64() {
                counts[usize::try_from(first).ok()?] -= 1;
            }
            let factorial = |n: i64| (1..=n).product::<i64>();
            let equal: i64 = counts.iter().map(|count| factorial(*count)).product();
            Some(factorial(counts.iter().sum()) / equal)
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The number of ways to choose `k` of `n`.
fn binomial(n: i64, k: i64) -> i64 {
    (0..k.min(n - k)).fold(1, |value, i| value * (n - i) / (i + 1))
}
