//! Grades the value a program gives: a Python literal, parsed and never evaluated.
//!
//! Values are compared, not spellings: `[1,2]` is `[1, 2]`, `'a'` is `"a"`, `1.0` is `1`, and the
//! entries of a dict or a set have no order. A list is not a tuple and `True` is not 1, since a program
//! prints them differently.

mod parse;

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use tripos_tasks::{Item, Target};

use crate::extract::{Readable, final_line};
use crate::grade::{Grade, Outcome};
use parse::{ParseError, parse};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 1;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Literal {
    None,
    Bool(bool),
    Int(BigInt),
    /// A float that is no whole number, by its bits.
    Float(u64),
    Text(String),
    List(Vec<Literal>),
    Tuple(Vec<Literal>),
    Set(BTreeSet<Literal>),
    Dict(BTreeMap<Literal, Literal>),
}

/// Grades the literal that `text` ends on.
pub(crate) fn grade(item: &Item, text: Readable<'_>) -> Grade {
    let Target::Literal(gold) = &item.target else {
        return Grade::without_answer(Outcome::Undecided, Some("target_mismatch"));
    };
    let found = match final_line(text) {
        Ok(found) => found,
        Err(missing) => return missing.grade(),
    };
    if found.text() == gold {
        return found.grade(Outcome::Correct, None);
    }
    let given = match parse(found.text()) {
        Ok(given) => given,
        Err(ParseError::Limit) => return found.grade(Outcome::Undecided, Some("limit")),
        Err(ParseError::More) => return found.grade(Outcome::Incorrect, Some("hedge")),
        Err(ParseError::NotALiteral) => {
            return found.grade(Outcome::Unparsed, Some("not_a_literal"));
        }
    };
    let is_given = |value: &str| parse(value).is_ok_and(|value| value == given);
    if is_given(gold) {
        return found.grade(Outcome::Correct, None);
    }
    let decoy = item.decoys.iter().find(|(_, value)| is_given(value));
    found.decoyed(decoy.map(|(name, _)| name.as_str()))
}

/// Why a text is not given to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no literal.
    NotALiteral,
    /// It offers more than one value.
    Hedge,
    /// It is over a limit.
    Limit,
    /// It is a literal of another type.
    OtherShape,
}

/// Checks that `text` is one literal with the types of the one argument that `known`, a list, holds.
pub(crate) fn has_shape_of(text: &str, known: &str) -> Result<(), Unread> {
    let given = parse(text).map_err(|error| match error {
        ParseError::NotALiteral => Unread::NotALiteral,
        ParseError::More => Unread::Hedge,
        ParseError::Limit => Unread::Limit,
    })?;
    match parse(known) {
        Ok(Literal::List(arguments)) if arguments.len() == 1 && is_alike(&given, &arguments[0]) => {
            Ok(())
        }
        _ => Err(Unread::OtherShape),
    }
}

/// Whether two values have the same types; every element of a list those of the other's first.
fn is_alike(given: &Literal, known: &Literal) -> bool {
    match (given, known) {
        (Literal::List(given), Literal::List(known)) => {
            known.first().is_none_or(|first| given.iter().all(|element| is_alike(element, first)))
        }
        (Literal::Tuple(given), Literal::Tuple(known)) => {
            given.len() == known.len() && given.iter().zip(known).all(|(a, b)| is_alike(a, b))
        }
        (given, known) => std::mem::discriminant(given) == std::mem::discriminant(known),
    }
}

#[cfg(test)]
mod tests;
