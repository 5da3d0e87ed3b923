//! What the two families that ask for a program share: steps, hidden inputs, and programs that are
//! wrong in one step.

use std::collections::BTreeSet;

use super::output_prediction::interpret_line;
use super::program::{Step, literal};
use crate::generate::{Place, Random};

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

/// Applies every step.
fn apply(steps: &[Step], input: &[i64]) -> Option<Vec<i64>> {
    steps.iter().try_fold(input.to_vec(), |list, step| step.apply(&list))
}

/// Draws a puzzle whose hidden inputs tell it from every program that lacks a step and from five that
/// are wrong in one.
pub(super) fn draw(place: Place, random: &mut Random) -> Option<Puzzle> {
    let level = usize::from(place.level);
    let max = MAX[level - 1];
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
