//! Grades mathematical answers: whole numbers and fractions, exactly and at any size.
//!
//! A single value is asked for. An answer that names the gold together with another value is wrong; one
//! that is no number is not parsed; one over the limits is undecided unless it is the gold letter for
//! letter.

pub(crate) mod number;

use num_rational::BigRational;
use tripos_tasks::{Item, Target};

use crate::extract::{Found, Readable, mathematical};
use crate::grade::{Grade, Outcome};
use number::{Number, NumberError};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 1;

/// Grades the number that `text` ends on.
pub(crate) fn grade(item: &Item, text: Readable<'_>) -> Grade {
    let gold = match &item.target {
        Target::Integer(value) => BigRational::from_integer(value.clone()),
        Target::Rational(value) => value.clone(),
        _ => return Grade::without_answer(Outcome::Undecided, Some("target_mismatch")),
    };
    let found = match mathematical(text) {
        Ok(found) => found,
        Err(missing) => return missing.grade(),
    };
    if found.text() == item.target.display() && found.also().next().is_none() {
        return found.grade(Outcome::Correct, None);
    }
    match verdict(&Number::exact(gold), &found) {
        Verdict::Equal => found.grade(Outcome::Correct, None),
        Verdict::NotEqual(given) => found.decoyed(decoy(item, &given)),
        Verdict::Hedge => found.grade(Outcome::Incorrect, Some("hedge")),
        Verdict::NotANumber => found.grade(Outcome::Unparsed, Some("not_a_number")),
        Verdict::Limit => found.grade(Outcome::Undecided, Some("limit")),
    }
}

/// How an answer compares with the gold.
enum Verdict {
    Equal,
    NotEqual(Number),
    Hedge,
    NotANumber,
    Limit,
}

/// Compares a final answer, and what stands beside it, with the gold.
fn verdict(gold: &Number, found: &Found<'_>) -> Verdict {
    let given = match Number::read(found.text()) {
        Ok(given) => given,
        Err(NumberError::Limit) => return Verdict::Limit,
        Err(NumberError::NotANumber) if is_hedge(found.text()) => return Verdict::Hedge,
        Err(NumberError::NotANumber) => return Verdict::NotANumber,
    };
    let repeats = |other| Number::read(other).is_ok_and(|other| other.same(&given));
    if !found.also().all(repeats) {
        return Verdict::Hedge;
    }
    if equal(gold, &given) { Verdict::Equal } else { Verdict::NotEqual(given) }
}

/// Whether `given` equals `gold`: the same value, or the gold rounded where it has no end.
fn equal(gold: &Number, given: &Number) -> bool {
    gold.same(given) || given.rounds(gold)
}

/// Whether `text` is several numbers: `5 or 6`, `1, 2`.
fn is_hedge(text: &str) -> bool {
    let plain = text.replace("\\text{or}", ",").replace("\\text{ or }", ",");
    let parts = plain.replace(" or ", ",").replace(" and ", ",").replace(';', ",");
    let mut parts = parts.split(',').map(|part| part.trim_matches(['$', ' ', '{', '}', '(', ')']));
    parts.clone().count() > 1 && parts.all(|part| Number::read(part).is_ok())
}

/// The name of the decoy that `given` equals.
fn decoy<'a>(item: &'a Item, given: &Number) -> Option<&'a str> {
    let is_given = |value: &String| Number::read(value).is_ok_and(|decoy| equal(&decoy, given));
    item.decoys.iter().find(|(_, value)| is_given(value)).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests;
