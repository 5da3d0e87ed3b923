//! A system of linear equations with a whole-number solution; one unknown is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.linear_system",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational"],
    about: "linear equations with a whole-number solution",
    draw,
    check,
};

/// Unknowns, by level.
const UNKNOWNS: [usize; 5] = [2, 2, 3, 3, 4];
/// The largest coefficient, by level.
const MAX_COEFFICIENT: [i64; 5] = [4, 7, 5, 9, 9];
/// The largest value of an unknown, either way from 0, by level.
const MAX_VALUE: [i64; 5] = [6, 9, 9, 12, 12];
/// The names of the unknowns.
const NAMES: [char; 4] = ['x', 'y', 'z', 'w'];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let n = UNKNOWNS[level];
    let (max, max_value) = (MAX_COEFFICIENT[level], MAX_VALUE[level]);
    let rows: Vec<Vec<i64>> =
        (0..n).map(|_| (0..n).map(|_| random.range(-max, max)).collect()).collect();
    let solution: Vec<i64> = (0..n).map(|_| random.range(-max_value, max_value)).collect();
    let asked = random.index(n);
    let sparse = rows.iter().any(|row| row.iter().filter(|c| **c != 0).count() < 2);
    if sparse || determinant(&rows) == 0 {
        return None;
    }
    let sides: Vec<i64> =
        rows.iter().map(|row| row.iter().zip(&solution).map(|(c, v)| c * v).sum()).collect();
    let equations: Vec<String> =
        rows.iter().zip(&sides).map(|(row, side)| format!("{} = {side}", left_side(row))).collect();
    let text = format!("{}. What is {}?", equations.join("; "), NAMES[asked]);
    Some(Draw {
        parameters: json!({ "rows": rows, "sides": sides, "asked": asked }),
        text,
        target: Target::Integer(solution[asked].into()),
        decoys: BTreeMap::new(),
    })
}

/// Writes one left side, such as `2x - y`.
fn left_side(row: &[i64]) -> String {
    let mut text = String::new();
    for (coefficient, name) in row.iter().zip(NAMES) {
        let sign = match (*coefficient, text.is_empty()) {
            (0, _) => continue,
            (c, true) if c < 0 => "-",
            (c, false) if c < 0 => " - ",
            (_, true) => "",
            (_, false) => " + ",
        };
        text.push_str(sign);
        if coefficient.abs() != 1 {
            let _ = write!(text, "{}", coefficient.abs());
        }
        text.push(name);
    }
    text
}

/// Expands along the first row; exact, for at most four unknowns.
fn determinant(rows: &[Vec<i64>]) -> i64 {
    let Some((first, rest)) = rows.split_first() else { return 1 };
    let mut sum = 0;
    for (column, coefficient) in first.iter().enumerate() {
        let minor: Vec<Vec<i64>> = rest
            .iter()
            .map(|row| {
                row.iter().enumerate().filter(|(n, _)| *n != column).map(|(_, c)| *c).collect()
            })
            .collect();
        let sign = if column % 2 == 0 { 1 } else { -1 };
        sum += sign * coefficient * determinant(&minor);
    }
    sum
}

/// Reads the equations back from the text and solves them by Cramer's rule.
fn check(draw: &Draw) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("`{}`: {what}", draw.text));
    let Some((system, question)) = draw.text.split_once(". What is ") else {
        return wrong("no question");
    };
    let equations: Vec<&str> = system.split("; ").collect();
    let n = equations.len();
    let Some(asked) = NAMES.iter().position(|name| question.starts_with(*name)) else {
        return wrong("no unknown is asked for");
    };
    let mut rows = Vec::new();
    let mut sides = Vec::new();
    for equation in equations {
        let Some((row, side)) = read_equation(equation, n) else { return wrong("unreadable") };
        rows.push(row);
        sides.push(side);
    }
    let whole = determinant(&rows);
    let mut replaced = rows;
    for (row, side) in replaced.iter_mut().zip(sides) {
        row[asked] = side;
    }
    let part = determinant(&replaced);
    if whole == 0 || part % whole != 0 {
        return wrong("no whole-number solution");
    }
    if Target::Integer((part / whole).into()) == draw.target { Ok(()) } else { wrong("differs") }
}

/// Reads `2x - y = 3`.
fn read_equation(text: &str, n: usize) -> Option<(Vec<i64>, i64)> {
    let (left, side) = text.split_once(" = ")?;
    let mut row = vec![0; n];
    let spaced = left.replace(" - ", " -").replace(" + ", " ");
    for term in spaced.split(' ') {
        let name = NAMES.iter().position(|name| term.ends_with(*name))?;
        *row.get_mut(name)? = match &term[..term.len() - 1] {
            "" => 1,
            "-" => -1,
            number => number.parse().ok()?,
        };
    }
    Some((row, side.parse().ok()?))
}
