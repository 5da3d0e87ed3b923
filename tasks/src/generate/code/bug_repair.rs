//! One line of this function is wrong: repair it.
//!
//! The steps are told, so that there is one right behaviour and not only one that fits the example.

use std::collections::BTreeMap;

use serde_json::json;

use super::program::{Step, literal};
use super::synthesis::{Puzzle, apply, body, check_calls, draw as draw_puzzle, test_set};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.bug_repair",
    version: 1,
    domain: Domain::Code,
    graders: &["function"],
    about: "a function on a list with one wrong line, to be repaired",
    draw,
    check,
    twins: None,
};

/// How many hidden tests the wrong line must fail.
const FAILED: usize = 2;

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let puzzle = draw_puzzle(place, random)?;
    // A wrong program that an example shows to be wrong.
    let fails = |mutant: &[Step], (input, result): &(Vec<i64>, Vec<i64>)| {
        apply(mutant, input).is_some_and(|found| found != *result)
    };
    let is_wrong = |mutant: &&Vec<Step>| {
        let hidden = puzzle.hidden.iter().filter(|case| fails(mutant, case)).count();
        hidden >= FAILED && puzzle.shown.iter().any(|case| fails(mutant, case))
    };
    let bug = puzzle.mutants.iter().find(is_wrong)?;
    let example = puzzle.shown.iter().find(|case| fails(bug, case))?;
    Some(Draw {
        text: text(&puzzle, bug, example)?,
        parameters: json!({ "steps": puzzle.steps, "bug": bug }),
        target: Target::Tests(Box::new(test_set(&puzzle))),
        decoys: BTreeMap::new(),
    })
}

fn text(puzzle: &Puzzle, bug: &[Step], (input, result): &(Vec<i64>, Vec<i64>)) -> Option<String> {
    Some(format!(
        "The Python function `f(xs)` should take a list of whole numbers and return a list. What it \
         should do, in order:\n\n{}\n\nOne line of it is wrong:\n\ndef f(xs):\n{}    return xs\n\n\
         For example, f({}) should return {} but returns {}.",
        puzzle.prose(),
        body(bug),
        literal(input),
        literal(result),
        literal(&apply(bug, input)?)
    ))
}

/// Interprets the printed reference on every hidden input, and the printed function on the example.
fn check(draw: &Draw) -> Result<(), String> {
    check_calls(draw)?;
    let read = || {
        let (_, rest) = draw.text.split_once("One line of it is wrong:\n\n")?;
        let (function, example) = rest.split_once("\n\nFor example, f([")?;
        let (input, rest) = example.split_once("]) should return ")?;
        let (right, wrong) = rest.strip_suffix('.')?.split_once(" but returns ")?;
        let input: Vec<i64> = input.split(", ").map_while(|number| number.parse().ok()).collect();
        Some((function, input, right, wrong))
    };
    let Some((function, input, right, wrong)) = read() else {
        return Err(format!("`{}` does not read back", draw.text));
    };
    if right == wrong {
        return Err(format!("the example of `{}` shows nothing", draw.text));
    }
    super::synthesis::check(function, &input, wrong)
}
