//! One question with what counts as right.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use serde::Serialize;
use serde_json::Value;

use crate::generate::Variant;
use crate::{GroupId, ItemId, TestSet};

/// The values a template may show, by name.
pub type Fields = BTreeMap<String, Value>;

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its name, unique inside the task.
    pub id: ItemId,
    /// The variants it belongs to.
    pub group: Option<GroupId>,
    /// What the prompt template sees. The target is never among them.
    pub fields: Fields,
    /// What counts as right.
    pub target: Target,
    /// Wrong values worth telling apart, by name: `poison` is the value a false note gave.
    pub decoys: BTreeMap<String, String>,
    /// Where a generated item came from.
    pub origin: Option<Origin>,
}

/// The draw that made a generated item; enough to make it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The family's name.
    pub family: String,
    /// The family's version, raised by any change to any item.
    pub version: u32,
    /// How hard, 1 to 5.
    pub level: u8,
    /// The task's seed.
    pub seed: u64,
    /// The item's place in its level.
    pub index: u64,
    /// Draws rejected before this one.
    pub draw: u32,
    /// How it departs from the base of its twin set, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// The digest of the item's meaning, equal for two items that differ in wording only.
    pub fingerprint: String,
}

/// What counts as right.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A whole number of any size.
    Integer(BigInt),
    /// An exact fraction.
    Rational(BigRational),
    /// A mathematical answer, in LaTeX or plain notation.
    Expression(String),
    /// A literal value of a program, such as `[1, 2]`.
    Literal(String),
    /// One label out of a closed set.
    Label(String),
    /// A value, or the token that says there is none.
    Token(Expected),
    /// Tests that a program must pass.
    Tests(Box<TestSet>),
}

/// What a question with an escape hatch expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The question can be answered: this value.
    Value(String),
    /// The needed fact is missing: `ABSTAIN`.
    Abstain,
    /// What the question presupposes is false: `FALSE PREMISE`; the true value is kept for the detail.
    FalsePremise {
        /// What is true in place of the presupposition.
        corrected: String,
    },
}

impl Target {
    /// Returns what a right answer may write after `ANSWER: `; nothing where a program is asked for.
    pub fn answer(&self) -> Option<String> {
        match self {
            Self::Tests(_) => None,
            Self::Token(Expected::FalsePremise { .. }) => Some("FALSE PREMISE".to_owned()),
            other => Some(other.display()),
        }
    }

    /// Returns the target as a person would write it; tests as JSON.
    ///
    /// # Panics
    ///
    /// Never: tests have no map with keys that JSON lacks.
    pub fn display(&self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Rational(value) => value.to_string(),
            Self::Expression(text) | Self::Literal(text) | Self::Label(text) => text.clone(),
            Self::Tests(set) => serde_json::to_string(&set.tests).expect("tests serialise to JSON"),
            Self::Token(Expected::Value(value)) => value.clone(),
            Self::Token(Expected::Abstain) => "ABSTAIN".to_owned(),
            Self::Token(Expected::FalsePremise { corrected }) => {
                format!("FALSE PREMISE (true: {corrected})")
            }
        }
    }
}
