//! What a grader sees and what it says.

use serde::{Deserialize, Serialize};
use tripos_tasks::{Integrity, RunVerdict, Tier};

/// What a grader sees of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The final text, reasoning taken out.
    pub text: &'a str,
    /// Whether it is whole.
    pub finish: AnswerFinish,
}

/// Whether an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFinish {
    /// The model was done.
    Whole,
    /// The limit, the context or the time came while it was still reasoning.
    CutInReasoning,
    /// The limit, the context or the time came inside the answer.
    CutInAnswer,
    /// The model declined.
    Refused,
    /// The provider withheld the answer.
    Filtered,
}

/// The verdict on an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// What became of it.
    pub outcome: Outcome,
    /// Its share of a point, 0 to 1.
    pub score: f64,
    /// How the verdict came about.
    pub detail: Detail,
}

impl Grade {
    /// The grade of an answer with `outcome`; only a correct one scores.
    pub(crate) fn new(outcome: Outcome, detail: Detail) -> Self {
        let score = if outcome == Outcome::Correct { 1.0 } else { 0.0 };
        Self { outcome, score, detail }
    }

    /// The grade where no final answer was there to be judged.
    pub(crate) fn without_answer(outcome: Outcome, reason: Option<&str>) -> Self {
        Self::new(outcome, Detail { reason: reason.map(str::to_owned), ..Detail::default() })
    }
}

/// What became of an answer. Exactly one of these; only the first counts in accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Right.
    Correct,
    /// Wrong.
    Incorrect,
    /// An honest "I don't know" where the task allows it and the gold is something else.
    Abstained,
    /// An answer from which no final answer could be taken.
    Unparsed,
    /// The grader could not decide.
    Undecided,
    /// The limit, the context or the time came first.
    Truncated,
    /// Nothing came.
    Empty,
    /// The model declined.
    Refused,
    /// The provider withheld the answer.
    Filtered,
}

impl Outcome {
    /// Every outcome, in the order tables show them.
    pub const ALL: [Self; 9] = [
        Self::Correct,
        Self::Incorrect,
        Self::Abstained,
        Self::Unparsed,
        Self::Undecided,
        Self::Truncated,
        Self::Empty,
        Self::Refused,
        Self::Filtered,
    ];

    /// Returns the name as the store and `--format json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Incorrect => "incorrect",
            Self::Abstained => "abstained",
            Self::Unparsed => "unparsed",
            Self::Undecided => "undecided",
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::Filtered => "filtered",
        }
    }
}

/// How a verdict came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// The rule that took the final answer out of the text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// Where in the text it stood.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub span: Option<Span>,
    /// The final answer, as written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub extracted: Option<String>,
    /// The decoy it equals, by name: `poison`, for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decoy: Option<String>,
    /// What decided between right and wrong, where there are several ways to: `exact`, `sampled`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub method: Option<String>,
    /// The rules of the grader's table that a right answer leans on, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<String>,
    /// The steps that deciding took, where they are counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub steps: Option<u64>,
    /// Why, where the outcome alone does not say it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// How sure the answer says it is, 0 to 100, where it says so on a line of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<f64>,
    /// How the program ran, where one was run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<Ran>,
}

/// How a program ran: enough to filter verdicts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The verdict of the run.
    pub verdict: RunVerdict,
    /// What stood between the program and the machine; 0 where nothing did.
    pub tier: Tier,
    /// What stood between the program and its verdict.
    pub integrity: Integrity,
}

/// A range of bytes in the answer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}
