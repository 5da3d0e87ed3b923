//! Grades a mathematical answer: finds it in a completion and compares it with the gold.

use tripos_tasks::{Item, MathPolicy, Target};

use crate::extract::{self, Found, Missing, Readable, Want};
use crate::grade::{Grade, Outcome};
use crate::math::{self, Comparison, Gold, Verdict};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 2;

/// Grades the mathematical answer that `text` ends on.
pub(crate) fn grade(policy: &MathPolicy, item: &Item, text: Readable<'_>) -> Grade {
    let written = match &item.target {
        Target::Integer(_) | Target::Rational(_) | Target::Expression(_) => item.target.display(),
        _ => return Grade::without_answer(Outcome::Undecided, Some("target_mismatch")),
    };
    let gold = Gold::read(&written);
    let (found, comparison) = match decide(&gold, text, policy) {
        Ok(decided) => decided,
        Err(missing) => return missing.grade(),
    };
    let mut grade = match (comparison.verdict, comparison.reason) {
        (Verdict::Equal, _) => found.grade(Outcome::Correct, None),
        (Verdict::Unknown, reason) => found.grade(Outcome::Undecided, reason),
        (Verdict::NotEqual, reason @ Some("not_parsed")) => found.grade(Outcome::Unparsed, reason),
        (Verdict::NotEqual, reason @ Some(_)) => found.grade(Outcome::Incorrect, reason),
        (Verdict::NotEqual, None) => found.decoyed(decoy(item, found.text(), policy)),
    };
    grade.detail.method = Some(comparison.method.to_owned());
    grade.detail.steps = Some(comparison.steps);
    grade.detail.rules = comparison.rules.into_iter().map(str::to_owned).collect();
    grade
}

/// The name of the decoy that `given` equals.
fn decoy<'a>(item: &'a Item, given: &str, policy: &MathPolicy) -> Option<&'a str> {
    let is_given = |value: &String| math::compare(&Gold::read(value), given, policy).is_equal();
    item.decoys.iter().find(|(_, value)| is_given(value)).map(|(name, _)| name.as_str())
}

/// Finds the final answer in a completion and compares it with `gold`.
fn decide<'t>(
    gold: &Gold<'_>,
    text: Readable<'t>,
    policy: &MathPolicy,
) -> Result<(Found<'t>, Comparison), Missing> {
    let want = Want {
        choice: gold.is_choice(),
        several: gold.is_several(),
        mathematics: gold.is_mathematics(),
        number: gold.is_number(),
        strict: policy.strict_extraction,
    };
    let found = extract::mathematical(text, want)?;
    let comparison = compare(gold, &found, policy);
    Ok((found, comparison))
}

/// Compares a final answer, and what stands beside it, with the gold. Values beside it belong to a gold
/// of several parts; to any other they are a hedge, unless they say the same.
fn compare(gold: &Gold<'_>, found: &Found<'_>, policy: &MathPolicy) -> Comparison {
    let comparison = math::compare(gold, found.text(), policy);
    if found.also().next().is_none() {
        return comparison;
    }
    if gold.is_several() {
        if comparison.is_equal() {
            return comparison;
        }
        let mut parts: Vec<&str> = found.also().collect();
        parts.reverse();
        parts.push(found.text());
        return math::compare(gold, &parts.join(", "), policy);
    }
    let repeats = |other| math::compare(gold, other, policy).verdict == comparison.verdict;
    if comparison.is_equal() && !found.also().all(repeats) {
        return Comparison { verdict: Verdict::NotEqual, reason: Some("hedge"), ..comparison };
    }
    comparison
}

/// How a completion was graded, as `tripos grade math` reports it.
#[derive(Clone, Debug)]
pub struct Offline {
    /// The verdict and how it came about.
    pub comparison: Comparison,
    /// The final answer as written, where one was found.
    pub extracted: Option<String>,
    /// The rule that found it.
    pub rule: Option<&'static str>,
}

/// Grades a whole completion against `gold`.
pub fn grade_response(gold: &str, response: &str, policy: &MathPolicy) -> Offline {
    let gold = Gold::read(gold);
    let decided = extract::readable(response).and_then(|text| decide(&gold, text, policy));
    match decided {
        Ok((found, comparison)) => Offline {
            comparison,
            extracted: Some(found.quoted().to_owned()),
            rule: Some(found.rule()),
        },
        Err(missing) => Offline {
            comparison: Comparison::missing(missing.reason()),
            extracted: None,
            rule: None,
        },
    }
}

/// Grades a final answer without anything around it against `gold`.
pub fn grade_answer(gold: &str, answer: &str, policy: &MathPolicy) -> Offline {
    let comparison = math::compare(&Gold::read(gold), answer, policy);
    Offline { comparison, extracted: Some(extract::quote(answer).to_owned()), rule: None }
}

#[cfg(test)]
mod tests;
