//! Write the program that reads a list, follows these steps and prints the result.

use std::collections::BTreeMap;

use serde_json::json;

use super::program::literal;
use super::synthesis::{Puzzle, body, check as check_one, draw as draw_puzzle};
use crate::generate::{Draw, Family, Place, Random};
use crate::program::{StdioCase, StdioTests};
use crate::{Domain, Target, TestSet, Tests};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "code.stdin_judge",
    version: 1,
    domain: Domain::Code,
    graders: &["stdio"],
    about: "a program that reads a list of whole numbers and prints one, described step by step",
    draw,
    check,
    twins: None,
};

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let puzzle = draw_puzzle(place, random)?;
    let case = |(input, result): &(Vec<i64>, Vec<i64>)| StdioCase {
        stdin: written(input),
        expect: written(result),
    };
    let tests = Tests::Stdio(StdioTests {
        cases: puzzle.hidden.iter().map(case).collect(),
        tolerance: None,
        judge: None,
    });
    let program = |steps| {
        format!(
            "def main():\n    input()\n    xs = [int(x) for x in input().split()]\n{}    \
             print(len(xs))\n    print(*xs)\n\nmain()\n",
            body(steps)
        )
    };
    let set = TestSet {
        tests,
        reference: program(&puzzle.steps),
        stub: "pass\n".to_owned(),
        mutants: puzzle.mutants.iter().map(|steps| program(steps)).collect(),
    };
    Some(Draw {
        text: text(&puzzle),
        parameters: json!({ "steps": puzzle.steps }),
        target: Target::Tests(Box::new(set)),
        decoys: BTreeMap::new(),
    })
}

/// A list as the programs read and write it: its length, then its elements on a line of their own.
fn written(list: &[i64]) -> String {
    let elements: Vec<String> = list.iter().map(i64::to_string).collect();
    format!("{}\n{}\n", list.len(), elements.join(" "))
}

fn text(puzzle: &Puzzle) -> String {
    let example = |(input, result): &(Vec<i64>, Vec<i64>)| {
        format!("Input:\n{}Output:\n{}", written(input), written(result))
    };
    let examples: Vec<String> = puzzle.shown.iter().map(example).collect();
    format!(
        "Write a program that reads a list of whole numbers from standard input and writes a list to \
         standard output. A list is two lines: how many numbers there are, then the numbers with \
         spaces between them (an empty line where there are none). What it does, in order:\n\n{}\n\n\
         Examples:\n\n{}",
        puzzle.prose(),
        examples.join("\n")
    )
}

/// Interprets the printed reference on every hidden input.
fn check(draw: &Draw) -> Result<(), String> {
    let Target::Tests(set) = &draw.target else { return Err("no tests".to_owned()) };
    let Tests::Stdio(StdioTests { cases, .. }) = &set.tests else {
        return Err("no cases".to_owned());
    };
    let read = |text: &str| -> Vec<i64> {
        text.split_whitespace().skip(1).filter_map(|number| number.parse().ok()).collect()
    };
    cases.iter().try_for_each(|case| {
        check_one(&set.reference, &read(&case.stdin), &literal(&read(&case.expect)))
    })
}
