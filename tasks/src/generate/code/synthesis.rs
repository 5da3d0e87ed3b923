//! What the families that ask for a program share: steps, hidden inputs, and programs that are
//! wrong in one step.

use std::collections::BTreeSet;

use super::output_prediction::interpret_line;
use super::program::{Step, literal};
use crate::generate::{Draw, Place, Random};
use crate::program::{Call, Check, FunctionTests};
use crate::{Target, TestSet, Tests};

/// Hidden inputs of an item.
pub(super) const HIDDEN: usize = 14;
/// Inputs shown with their results; none of them is hidden.
pub(super) const SHOWN: usize = 2;
/// Programs wrong in one step, each of which a hidden input must tell apart.
const MUTANTS: usize = 5;
/// How many different results the hidden inputs must have.
const DISTINCT: usize = 9;
/// The largest element and constant, by level.
const MAX: [i64; 5] = [9, 15, 30, 60, 99];

/// A program to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Puzzle {
    pub(super) steps: Vec<Step>,
    pub(super) shown: Vec<(Vec<i64>, Vec<i64>)>,
    pub(super) hidden: Vec<(Vec<i64>, Vec<i64>)>,
    pub(super) mutants: Vec<Vec<Step>>,
}

/// The largest element and constant at a place.
pub(super) fn max(place: Place) -> i64 {
    MAX[usize::from(place.level) - 1]
}

/// Applies every step.
pub(super) fn apply(steps: &[Step], input: &[i64]) -> Option<Vec<i64>> {
    steps.iter().try_fold(input.to_vec(), |list, step| step.apply(&list))
}

/// Draws a puzzle whose hidden inputs tell it from every program that lacks a step and from five that
/// are wrong in one.
pub(super) fn draw(place: Place, random: &mut Random) -> Option<Puzzle> {
    let level = usize::from(place.level);
    let max = max(place);
    let steps: Vec<Step> = (0..=level).map(|_| Step::draw(random, max)).collect();
    let mut inputs = vec![Vec::new(), vec![random.range(-max, max)]];
    while inputs.len() < HIDDEN + SHOWN {
        let length = random.range(3, 9);
        // A few equal elements, so that what is done about them matters.
        let mut list: Vec<i64> = (1..length).map(|_| random.range(-max, max)).collect();
        list.push(list[random.index(list.len())]);
        random.shuffle(&mut list);
        if !inputs.contains(&list) {
            inputs.push(list);
        }
    }
    let results: Vec<(Vec<i64>, Vec<i64>)> = inputs
        .into_iter()
        .map(|input| apply(&steps, &input).map(|result| (input, result)))
        .collect::<Option<_>>()?;
    let (hidden, shown) = results.split_at(HIDDEN);
    let distinct: BTreeSet<&Vec<i64>> = hidden.iter().map(|(_, result)| result).collect();
    let is_told = |steps: &[Step]| {
        hidden.iter().any(|(input, result)| apply(steps, input).as_ref() != Some(result))
    };
    let without = |n: usize| {
        let rest = steps.iter().enumerate().filter(|(m, _)| *m != n);
        rest.map(|(_, step)| *step).collect::<Vec<Step>>()
    };
    if distinct.len() < DISTINCT || !(0..steps.len()).all(|n| is_told(&without(n))) {
        return None;
    }
    let mut mutants: Vec<Vec<Step>> = Vec::new();
    while mutants.len() < MUTANTS {
        let mut mutant = steps.clone();
        let at = random.index(mutant.len());
        mutant[at] = Step::draw(random, max);
        if mutant == steps || mutants.contains(&mutant) {
            continue;
        }
        if !is_told(&mutant) {
            return None;
        }
        mutants.push(mutant);
    }
    Some(Puzzle { shown: shown.to_vec(), hidden: hidden.to_vec(), steps, mutants })
}

impl Puzzle {
    /// The steps in words, numbered.
    pub(super) fn prose(&self) -> String {
        let line = |(n, step): (usize, &Step)| format!("{}. {}", n + 1, step.prose());
        self.steps.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Writes steps as lines of Python inside a function.
pub(super) fn body(steps: &[Step]) -> String {
    let lines: Vec<String> = steps.iter().map(|step| format!("    {}\n", step.python())).collect();
    lines.concat()
}

/// Reads the lines of a printed function and interprets them, knowing nothing of the steps.
pub(super) fn check(source: &str, input: &[i64], expected: &str) -> Result<(), String> {
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix("xs = "));
    let result = lines
        .filter(|line| !line.contains("input()"))
        .try_fold(input.to_vec(), |list, line| interpret_line(line, list));
    match result {
        Some(result) if literal(&result) == expected => Ok(()),
        other => Err(format!("`{source}` makes {other:?} of {input:?}")),
    }
}

/// The tests of a function that does the steps of `puzzle`.
pub(super) fn test_set(puzzle: &Puzzle) -> TestSet {
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
    TestSet {
        tests,
        reference: function(&puzzle.steps),
        stub: "def f(xs):\n    return None\n".to_owned(),
        mutants: puzzle.mutants.iter().map(|steps| function(steps)).collect(),
    }
}

/// Interprets the printed reference of a function on every hidden input.
pub(super) fn check_calls(draw: &Draw) -> Result<(), String> {
    let Target::Tests(set) = &draw.target else { return Err("no tests".to_owned()) };
    let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) = &set.tests else {
        return Err("no calls".to_owned());
    };
    calls.iter().try_for_each(|call| {
        let inner = call.arguments.trim_start_matches('[').trim_end_matches(']');
        let numbers = inner.split(", ").filter(|number| !number.is_empty());
        let input: Vec<i64> = numbers.map_while(|number| number.parse().ok()).collect();
        check(&set.reference, &input, &call.expected)
    })
}
