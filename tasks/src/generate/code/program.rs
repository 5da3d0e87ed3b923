//! The small list language: steps on a list of whole numbers, each printed as one line of Python.
//!
//! Arithmetic is Python's: the sign of a remainder follows the divisor. A value beyond [`MAX_VALUE`]
//! either way rejects the program.

use serde::{Deserialize, Serialize};

use crate::generate::Random;

/// The largest value a program may reach, either way from 0.
pub const MAX_VALUE: i64 = 1_000_000_000;

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Adds to every element.
    Add(i64),
    /// Multiplies every element.
    Multiply(i64),
    /// Keeps the elements above a bound.
    KeepAbove(i64),
    /// Keeps the elements that leave a remainder.
    KeepRemainder {
        /// The divisor.
        divisor: i64,
        /// The remainder.
        remainder: i64,
    },
    /// Sorts upwards.
    Sort,
    /// Turns the order round.
    Reverse,
    /// Keeps the first elements.
    Take(usize),
    /// Keeps the first of equal elements.
    Distinct,
    /// Adds each element to the one after it.
    AdjacentSums,
    /// Adds up from the start.
    RunningSums,
}

impl Step {
    /// Draws a step whose constants are at most `max`.
    pub fn draw(random: &mut Random, max: i64) -> Self {
        match random.below(10) {
            0 => Self::Add(random.range(1, max)),
            1 => Self::Add(-random.range(1, max)),
            2 => Self::Multiply(random.range(2, 2 + max / 4)),
            3 => Self::KeepAbove(random.range(1, max)),
            4 => {
                let divisor = random.range(2, 3);
                Self::KeepRemainder { divisor, remainder: random.range(0, divisor - 1) }
            }
            5 => Self::Sort,
            6 => Self::Reverse,
            7 => Self::Take(2 + random.index(3)),
            8 => Self::AdjacentSums,
            _ => {
                if random.below(2) == 0 {
                    Self::RunningSums
                } else {
                    Self::Distinct
                }
            }
        }
    }

    /// Applies the step; `None` where a value grows too large.
    pub fn apply(self, list: &[i64]) -> Option<Vec<i64>> {
        let result: Vec<i64> = match self {
            Self::Add(n) => list.iter().map(|x| x.saturating_add(n)).collect(),
            Self::Multiply(n) => list.iter().map(|x| x.saturating_mul(n)).collect(),
            Self::KeepAbove(n) => list.iter().copied().filter(|x| *x > n).collect(),
            Self::KeepRemainder { divisor, remainder } => {
                list.iter().copied().filter(|x| x.rem_euclid(divisor) == remainder).collect()
            }
            Self::Sort => {
                let mut sorted = list.to_vec();
                sorted.sort_unstable();
                sorted
            }
            Self::Reverse => list.iter().rev().copied().collect(),
            Self::Take(n) => list.iter().take(n).copied().collect(),
            Self::Distinct => {
                let mut kept = Vec::new();
                for x in list {
                    if !kept.contains(x) {
                        kept.push(*x);
                    }
                }
                kept
            }
            Self::AdjacentSums => list.windows(2).map(|pair| pair[0] + pair[1]).collect(),
            Self::RunningSums => list
                .iter()
                .scan(0_i64, |sum, x| {
                    *sum = sum.saturating_add(*x);
                    Some(*sum)
                })
                .collect(),
        };
        result.iter().all(|x| x.abs() <= MAX_VALUE).then_some(result)
    }

    /// Says the step in words.
    pub fn prose(self) -> String {
        match self {
            Self::Add(n) if n < 0 => format!("subtract {} from every number", -n),
            Self::Add(n) => format!("add {n} to every number"),
            Self::Multiply(n) => format!("multiply every number by {n}"),
            Self::KeepAbove(n) => format!("keep only the numbers greater than {n}"),
            Self::KeepRemainder { divisor, remainder } => format!(
                "keep only the numbers that leave remainder {remainder} when divided by {divisor} \
                 (the remainder of a negative number is not negative: -1 leaves {} here)",
                divisor - 1
            ),
            Self::Sort => "sort the numbers upwards".to_owned(),
            Self::Reverse => "reverse the order".to_owned(),
            Self::Take(n) => {
                format!("keep only the first {n} numbers, or all where there are fewer")
            }
            Self::Distinct => "of equal numbers, keep only the first".to_owned(),
            Self::AdjacentSums => {
                "replace the list by the sums of each number and the one after it (a list of one \
                 number, or of none, becomes empty)"
                    .to_owned()
            }
            Self::RunningSums => {
                "replace each number by the sum of all up to and with it".to_owned()
            }
        }
    }

    /// Writes the step as a line of Python.
    pub fn python(self) -> String {
        match self {
            Self::Add(n) if n < 0 => format!("xs = [x - {} for x in xs]", -n),
            Self::Add(n) => format!("xs = [x + {n} for x in xs]"),
            Self::Multiply(n) => format!("xs = [x * {n} for x in xs]"),
            Self::KeepAbove(n) => format!("xs = [x for x in xs if x > {n}]"),
            Self::KeepRemainder { divisor, remainder } => {
                format!("xs = [x for x in xs if x % {divisor} == {remainder}]")
            }
            Self::Sort => "xs = sorted(xs)".to_owned(),
            Self::Reverse => "xs = xs[::-1]".to_owned(),
            Self::Take(n) => format!("xs = xs[:{n}]"),
            Self::Distinct => "xs = list(dict.fromkeys(xs))".to_owned(),
            Self::AdjacentSums => "xs = [a + b for a, b in zip(xs, xs[1:])]".to_owned(),
            Self::RunningSums => "xs = [sum(xs[:i + 1]) for i in range(len(xs))]".to_owned(),
        }
    }
}

/// Writes a list as Python prints it.
pub fn literal(list: &[i64]) -> String {
    let elements: Vec<String> = list.iter().map(i64::to_string).collect();
    format!("[{}]", elements.join(", "))
}

/// Writes a program: the list, its steps, and a line that prints the result.
pub fn python(list: &[i64], steps: &[Step]) -> String {
    let mut lines = vec![format!("xs = {}", literal(list))];
    lines.extend(steps.iter().map(|step| step.python()));
    lines.push("print(xs)".to_owned());
    lines.join("\n")
}
