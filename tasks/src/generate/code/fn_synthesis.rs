//! Write the function that these steps describe.

use std::collections::BTreeMap;

use serde_json::json;

use super::program::literal;
use super::synthesis::{Puzzle, check_calls, draw as draw_puzzle, test_set};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.fn_synthesis",
    version: 1,
    domain: Domain::Code,
    graders: &["function"],
    about: "a function on a list of whole numbers, described step by step",
    draw,
    check: check_calls,
    twins: None,
};

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let puzzle = draw_puzzle(place, random)?;
    Some(Draw {
        text: text(&puzzle),
        parameters: json!({ "steps": puzzle.steps }),
        target: Target::Tests(Box::new(test_set(&puzzle))),
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
