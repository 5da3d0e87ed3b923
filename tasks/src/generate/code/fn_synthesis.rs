//! Write the function that these steps describe.

use std::collections::BTreeMap;

use serde_json::json;

use super::program::literal;
use super::synthesis::{Puzzle, body, check as check_one, draw as draw_puzzle};
use crate::generate::{Draw, Family, Place, Random};
use crate::program::{Call, Check, FunctionTests};
use crate::{Domain, Target, TestSet, Tests};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.fn_synthesis",
    version: 1,
    domain: Domain::Code,
    graders: &["function"],
    about: "a function on a list of whole numbers, described step by step",
    draw,
    check,
};

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let puzzle = draw_puzzle(place, random)?;
    let call = |(input, result): &(Vec<i64>, Vec<i64>)| Call {
        arguments: format!("[{}]", literal(input)),
        expected: literal(result),
        tolerance: None,
    };
    let tests = Tests::Function(FunctionTests {
        entry: "f".to_owned(),
        prelude: String::new(),
        check: Check::Calls(puzzle.hidden.iter().map(call).collect()),
    });
    let function = |steps| format!("def f(xs):\n{}    return xs\n", body(steps));
    let set = TestSet {
        tests,
        reference: function(&puzzle.steps),
        stub: "def f(xs):\n    return None\n".to_owned(),
        mutants: puzzle.mutants.iter().map(|steps| function(steps)).collect(),
    };
    Some(Draw {
        text: text(&puzzle),
        parameters: json!({ "steps": puzzle.steps }),
        target: Target::Tests(Box::new(set)),
        decoys: BTreeMap::new(),
    })
}

fn text(puzzle: &Puzzle) -> String {
    let example = |(input, result): &(Vec<i64>, Vec<i64>)| {
        format!("f({}) returns {}", literal(input), literal(result))
    };
    let examples: Vec<String> = puzzle.shown.iter().map(example).collect();
    format!(
        "Write a Python function `f(xs)` that takes a list of whole numbers and returns a list. It \
         does this, in order:\n\n{}\n\nFor example, {}.",
        puzzle.prose(),
        examples.join(", and ")
    )
}

/// Interprets the printed reference on every hidden input.
fn check(draw: &Draw) -> Result<(), String> {
    let Target::Tests(set) = &draw.target else { return Err("no tests".to_owned()) };
    let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) = &set.tests else {
        return Err("no calls".to_owned());
    };
    calls.iter().try_for_each(|call| {
        let inner = call.arguments.trim_start_matches('[').trim_end_matches(']');
        let numbers = inner.split(", ").filter(|number| !number.is_empty());
        let input: Vec<i64> = numbers.map_while(|number| number.parse().ok()).collect();
        check_one(&set.reference, &input, &call.expected)
    })
}
