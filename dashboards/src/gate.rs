//! The view data of a gate: one value that feeds terminal, JSON, `JUnit`, step summary, comment and exit
//! code, so that none can say what another does not.

mod comment;
mod junit;
mod words;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use crate::number::Unit;
use crate::report::Figure;
pub use words::terminal;

/// The format's version.
const SCHEMA: u32 = 1;
/// Flips that the document holds; how many there are in all is said beside them.
const FLIPS_MAX: usize = 2_000;
/// Hosts refuse a step summary above 1 MiB.
const SUMMARY_BYTES: usize = 1 << 20;
/// Hosts refuse a comment above 65,536 characters.
const COMMENT_CHARACTERS: usize = 65_536;

/// What a gate found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// What follows.
    pub verdict: Verdict,
    /// The exit code: the verdict's, unless the policy lets an inconclusive gate pass with a warning.
    pub exit_code: u8,
    /// The policy, as it was named.
    pub policy: String,
    /// The one-sided error rate of every rule.
    pub alpha: f64,
    /// What the candidate is judged against.
    pub baseline: Side,
    /// What is judged.
    pub candidate: Side,
    /// Why nothing can be said, if so: whole sentences.
    pub invalid: Vec<String>,
    /// The rules, in the order of the policy.
    pub rules: Vec<Rule>,
    /// What a reader must know beside: whole sentences.
    pub notes: Vec<String>,
    /// How many items changed.
    pub changed: Changed,
    /// What changed, lost before gained, the worst first.
    pub flips: Vec<Flip>,
}

/// What follows from a gate, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every rule holds.
    Pass,
    /// Too few items to decide.
    Inconclusive,
    /// A rule is broken beyond doubt.
    Regress,
    /// It could not be measured.
    Invalid,
}

impl Verdict {
    /// Returns the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Regress => 1,
            Self::Inconclusive => 3,
            Self::Invalid => 4,
        }
    }

    /// Returns the word that reports write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Regress => "regress",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
        }
    }
}

/// One arm of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// The run and the arm.
    pub name: String,
    /// The model.
    pub model: String,
    /// The digest of what answered.
    pub digest: String,
    /// Trials that were to be done.
    pub planned: u64,
    /// Trials without an answer: in no score.
    pub failed: u64,
}

/// One rule of the policy and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// The task, or `*` for all of them.
    pub task: String,
    /// What is measured: `accuracy`, `truncated`, `output_tokens`.
    pub metric: String,
    /// How it is held: `non_inferior`, `at_most`, `at_least`, `ratio_at_most`, `all_pass`.
    pub kind: String,
    /// The margin or the value of the rule; `None` for `all_pass`.
    pub limit: Option<f64>,
    /// What follows from this rule alone.
    pub verdict: Verdict,
    /// The baseline's mean, where the rule compares.
    pub baseline: Option<f64>,
    /// The candidate's mean.
    pub candidate: Option<f64>,
    /// What is held against the limit, with its two one-sided bounds and its method.
    pub figure: Figure,
    /// What the figure is written in.
    pub unit: Unit,
    /// One-sided: how often chance alone breaks the rule as far.
    pub p_value: Option<f64>,
    /// The same, adjusted over the rules.
    pub p_adjusted: Option<f64>,
    /// How many items of the same spread would decide, where this one does not.
    pub items_needed: Option<u64>,
    /// What a reader must know of it: whole sentences.
    pub notes: Vec<String>,
}

/// How many items changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Items that both answered.
    pub pairs: u64,
    /// Items the candidate scored lower on.
    pub lost: u64,
    /// Items the candidate scored higher on.
    pub gained: u64,
    /// Items that only one side answered: in no difference.
    pub unpaired: u64,
}

/// An item that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The task.
    pub task: String,
    /// The item.
    pub item: String,
    /// The baseline's score.
    pub baseline: f64,
    /// The candidate's score.
    pub candidate: f64,
    /// The candidate's outcome, as the store writes it.
    pub outcome: String,
    /// The candidate's trial, for `tripos show`.
    pub trial: String,
}

/// What a gate is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For programs; carries `"schema": 1`.
    Json,
    /// For test reporters.
    Junit,
    /// For the page of a CI run, in Markdown: below 1 MiB.
    Summary,
    /// For a pull request, in Markdown: below 65,536 characters.
    Comment,
}

/// Writes `gate` as `form`. The same gate gives the same bytes.
pub fn render(gate: &Gate, form: Form) -> String {
    match form {
        Form::Json => json(gate),
        Form::Junit => junit::render(gate),
        Form::Summary => comment::render(gate, SUMMARY_BYTES),
        Form::Comment => comment::render(gate, COMMENT_CHARACTERS),
    }
}

/// Returns the gate as one JSON document that ends in a line feed.
fn json(gate: &Gate) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u32,
        kind: &'static str,
        #[serde(flatten)]
        gate: &'a Gate,
    }
    let mut shown = gate.clone();
    shown.flips.truncate(FLIPS_MAX);
    let document = Document { schema: SCHEMA, kind: "gate", gate: &shown };
    let mut text = serde_json::to_string_pretty(&document).expect("view data is plain data");
    text.push('\n');
    text
}
