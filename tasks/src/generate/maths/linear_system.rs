//! A system of linear equations with a whole-number solution; one unknown is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::generate::{Draw, Family, Place, Random, Twins, Variant, listed};
use crate::item::Expected;
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.linear_system",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "tokens"],
    about: "linear equations with a whole-number solution",
    draw,
    check,
    twins: Some(Twins {
        offered: &[
            Variant::Renamed,
            Variant::Renumbered,
            Variant::Reordered,
            Variant::Reworded,
            Variant::Missing,
        ],
        always: &[],
        draw: twin,
    }),
};

/// Unknowns, by level.
const UNKNOWNS: [usize; 5] = [2, 2, 3, 3, 4];
/// The largest coefficient, by level.
const MAX_COEFFICIENT: [i64; 5] = [4, 7, 5, 9, 9];
/// The largest value of an unknown, either way from 0, by level.
const MAX_VALUE: [i64; 5] = [6, 9, 9, 12, 12];
/// The names of the unknowns.
const NAMES: [char; 4] = ['x', 'y', 'z', 'w'];
/// The names they may be renamed to.
const OTHER_NAMES: [char; 4] = ['p', 'q', 'r', 's'];

/// Equations, and the unknown that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct System {
    rows: Vec<Vec<i64>>,
    sides: Vec<i64>,
    asked: usize,
    gold: i64,
}

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let system = system(place, random)?;
    let text = text(&system, NAMES);
    Some(made(&system, text))
}

fn system(place: Place, random: &mut Random) -> Option<System> {
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
    Some(System { rows, sides, asked, gold: solution[asked] })
}

fn made(system: &System, text: String) -> Draw {
    let System { rows, sides, asked, gold } = system;
    Draw {
        parameters: json!({ "rows": rows, "sides": sides, "asked": asked }),
        text,
        target: Target::Integer((*gold).into()),
        decoys: BTreeMap::new(),
    }
}

fn equations(system: &System, names: [char; 4]) -> Vec<String> {
    let pairs = system.rows.iter().zip(&system.sides);
    pairs.map(|(row, side)| format!("{} = {side}", left_side(row, names))).collect()
}

fn text(system: &System, names: [char; 4]) -> String {
    let equations = equations(system, names);
    format!("{}. What is {}?", equations.join("; "), names[system.asked])
}

fn twin(place: Place, base: &mut Random, variant: Variant, random: &mut Random) -> Option<Draw> {
    let mut system = system(place, base)?;
    let whole = made(&system, String::new());
    let text = match variant {
        Variant::Renamed => text(&system, OTHER_NAMES),
        Variant::Renumbered => {
            let gold = system.gold;
            system = self::system(place, random).filter(|system| system.gold != gold)?;
            let text = text(&system, NAMES);
            return Some(made(&system, text));
        }
        Variant::Reordered => {
            system.rows.rotate_left(1);
            system.sides.rotate_left(1);
            text(&system, NAMES)
        }
        Variant::Reworded => {
            let equations = listed(&equations(&system, NAMES));
            format!("Find {}, given that {equations}.", NAMES[system.asked])
        }
        Variant::Missing => {
            let dropped = random.index(system.rows.len());
            system.rows.remove(dropped);
            system.sides.remove(dropped);
            // Left undetermined: the other unknowns can be found for any value of this one.
            let without: Vec<Vec<i64>> =
                system.rows.iter().map(|row| without_column(row, system.asked)).collect();
            let is_named = system.rows.iter().any(|row| row[system.asked] != 0);
            if determinant(&without) == 0 || !is_named {
                return None;
            }
            let text = text(&system, NAMES);
            return Some(Draw { target: Target::Token(Expected::Abstain), ..made(&system, text) });
        }
        _ => return None,
    };
    // The order of the equations is no part of the meaning.
    Some(Draw { text, ..whole })
}

fn without_column(row: &[i64], column: usize) -> Vec<i64> {
    row.iter().enumerate().filter(|(n, _)| *n != column).map(|(_, c)| *c).collect()
}

/// Writes one left side, such as `2x - y`.
fn left_side(row: &[i64], names: [char; 4]) -> String {
    let mut text = String::new();
    for (coefficient, name) in row.iter().zip(names) {
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
        let minor: Vec<Vec<i64>> = rest.iter().map(|row| without_column(row, column)).collect();
        let sign = if column % 2 == 0 { 1 } else { -1 };
        sum += sign * coefficient * determinant(&minor);
    }
    sum
}

/// Reads the equations back from the text and solves them by Cramer's rule.
fn check(draw: &Draw) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("`{}`: {what}", draw.text));
    let Some((equations, asked, names)) = read(&draw.text) else { return wrong("unreadable") };
    let all = equations.concat();
    let n = names.iter().filter(|name| all.contains(**name)).count();
    let mut rows = Vec::new();
    let mut sides = Vec::new();
    for equation in &equations {
        let Some((row, side)) = read_equation(equation, names, n) else {
            return wrong("unreadable equation");
        };
        rows.push(row);
        sides.push(side);
    }
    if rows.len() + 1 == n {
        // Each value of the unknown has a solution of its own.
        let without: Vec<Vec<i64>> = rows.iter().map(|row| without_column(row, asked)).collect();
        let is_open = determinant(&without) != 0;
        let is_abstain = draw.target == Target::Token(Expected::Abstain);
        return if is_open && is_abstain { Ok(()) } else { wrong("one equation too few") };
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

/// The equations of a text, the unknown it asks for, and the names of its unknowns.
fn read(text: &str) -> Option<(Vec<String>, usize, [char; 4])> {
    let (equations, name) = match text.strip_prefix("Find ") {
        None => {
            let (system, question) = text.split_once(". What is ")?;
            (system.to_owned(), question.strip_suffix('?')?)
        }
        Some(rest) => {
            let (name, system) = rest.split_once(", given that ")?;
            let system = system.strip_suffix('.')?;
            (system.replace(" and ", "; ").replace(", ", "; "), name)
        }
    };
    let equations = equations.split("; ").map(str::to_owned).collect();
    let place = |names: [char; 4]| names.iter().position(|n| name.starts_with(*n));
    let named = [NAMES, OTHER_NAMES].into_iter().find_map(|names| Some((place(names)?, names)));
    named.map(|(asked, names)| (equations, asked, names))
}

/// Reads `2x - y = 3`.
fn read_equation(text: &str, names: [char; 4], n: usize) -> Option<(Vec<i64>, i64)> {
    let (left, side) = text.split_once(" = ")?;
    let mut row = vec![0; n];
    let spaced = left.replace(" - ", " -").replace(" + ", " ");
    for term in spaced.split(' ') {
        let name = names.iter().position(|name| term.ends_with(*name))?;
        *row.get_mut(name)? = match &term[..term.len() - 1] {
            "" => 1,
            "-" => -1,
            number => number.parse().ok()?,
        };
    }
    Some((row, side.parse().ok()?))
}
