//! What a row holds, in the types of the product.

use std::time::Duration;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use tripos_graders::{Grade, Outcome};
use tripos_runners::{Billed, Effective, Finish, Reasoning, Served, Timing, Usage};
use tripos_tasks::{Prompt, Sampling};

use super::StoreError;
use crate::key::TrialKey;
use crate::plan::{LeftOut, Selection};

/// The number of a run inside its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub(crate) i64);

/// One line of the list of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Its number inside this store.
    pub id: RunId,
    /// Its name for people, such as `r-1f0c22ab`.
    pub handle: String,
    /// The name the user gave it.
    pub name: Option<String>,
    /// When it was first planned, in milliseconds since 1970.
    pub created_ms: i64,
    /// When the last process that worked on it ended, if it could say so.
    pub ended_ms: Option<i64>,
    /// How far it is.
    pub state: RunState,
    /// Why it stopped early, if it did.
    pub reason: Option<String>,
    /// The suites, in order.
    pub suites: Vec<String>,
    /// The labels of its arms, in order.
    pub arms: Vec<String>,
    /// How many trials it lists.
    pub trials: u64,
    /// Of these, graded.
    pub graded: u64,
    /// Of these, without an answer for good.
    pub failed: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// A process is at work on it.
    Running,
    /// Every trial is graded or failed.
    Finished,
    /// It was stopped, or its process died.
    Interrupted,
    /// A model could not be asked any more; [`RunSummary::reason`] says why.
    Stopped,
}

impl RunState {
    /// Returns the name as lists and `--format json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
        }
    }
}

/// A run with its arms and tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What the list of runs shows of it.
    pub summary: RunSummary,
    /// The digest that makes two plans the same run.
    pub digest: String,
    /// The command line as typed.
    pub command: String,
    /// What was chosen: enough to plan it again.
    pub selection: Selection,
    /// The version of Tripos that planned it.
    pub version: String,
    /// Its arms; their places are what [`Sample::arm`] means.
    pub arms: Vec<ArmRow>,
    /// Its tasks; their places are what [`Sample::task`] means.
    pub tasks: Vec<TaskRow>,
    /// What of its suites was not asked.
    pub left_out: Vec<LeftOut>,
}

/// An arm of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmRow {
    /// What reports call it.
    pub label: String,
    /// The model's name.
    pub model: String,
    /// The digest of the model.
    pub digest: String,
    /// What was requested, for each task of the run.
    pub requested: Vec<Sampling>,
    /// What took effect, for each task of the run.
    pub effective: Vec<Effective>,
}

/// A task of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRow {
    /// The suite it belongs to.
    pub suite: String,
    /// Its name.
    pub task: String,
    /// Its version for people.
    pub version: String,
    /// One line about it.
    pub title: String,
    /// The leg it belongs to: `math`, `code`, `misinfo` or `instruction`.
    pub domain: String,
    /// What may be shown of its text: `none`, `misinformation` or `gated`.
    pub sensitivity: String,
    /// Its share in the suite's average.
    pub weight: u32,
    /// The digest of everything that decides a result.
    pub digest: String,
    /// How it is graded, as suite files write it.
    pub grader: Value,
    /// How many items are asked.
    pub items: u64,
    /// How often each is asked.
    pub repeats: u32,
}

/// What became of one repeat of one item by one arm: what statistics are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The place of the arm in its run.
    pub arm: usize,
    /// The place of the task in its run.
    pub task: usize,
    /// The item's name.
    pub item: String,
    /// What varies together: the item's group, or the item itself.
    pub cluster: String,
    /// The item's level, where it was generated.
    pub level: Option<u8>,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// The key of the trial.
    pub key: TrialKey,
    /// The digest of what grades it.
    pub grader: String,
    /// How far it is.
    pub state: TrialState,
    /// The verdict, where there is one.
    pub outcome: Option<Outcome>,
    /// Its share of a point, where there is a verdict.
    pub score: Option<f64>,
    /// What stood between its program and the machine, by number, where a program was run.
    pub tier: Option<u8>,
    /// How sure the answer says it is, 0 to 100, where it does.
    pub confidence: Option<f64>,
    /// Why the model stopped, where it answered.
    pub finish: Option<Finish>,
    /// The tokens it took, where it answered.
    pub usage: Usage,
    /// How long it took, where it answered.
    pub timing: Option<Timing>,
}

/// How far a trial is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// Not asked yet, or asked and lost.
    Planned,
    /// Answered, not graded.
    Completed,
    /// No answer could be had; why.
    Failed(String),
    /// Answered and graded.
    Graded,
}

/// Everything about one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Its key.
    pub key: TrialKey,
    /// The digest of the model that was asked.
    pub model: String,
    /// The sampling that was sent.
    pub sampling: Sampling,
    /// The seed that was sent.
    pub seed: u64,
    /// Its turns in order; empty before the first is asked.
    pub turns: Vec<TurnRow>,
    /// Where runs list it, with the verdict each of them has on it.
    pub listings: Vec<Listing>,
}

/// One turn of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnRow {
    /// The messages that were sent.
    pub prompt: Prompt,
    /// Every try at the runner, in order.
    pub attempts: Vec<AttemptRow>,
    /// What was accepted.
    pub completion: Option<CompletionRow>,
}

/// One try at a runner.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// Its place in the turn, from 1.
    pub n: u32,
    /// What became of it.
    pub status: AttemptStatus,
    /// When it was announced, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, if that is known.
    pub ended_ms: Option<i64>,
    /// What kind of failure it met, as `ErrorKind` writes it.
    pub error: Option<String>,
    /// What happened, for people.
    pub message: Option<String>,
    /// Whether it may appear on a bill.
    pub billed: Option<Billed>,
    /// The status of the HTTP response, if there was one.
    pub http_status: Option<u16>,
    /// Whether a secret was replaced in the body.
    pub redacted: bool,
    /// The bytes that came back.
    pub raw: Vec<u8>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptStatus {
    /// Announced; nothing more is known.
    Started,
    /// Its completion was accepted.
    Ok,
    /// It ended in an error.
    Failed,
    /// Its process ended first, or another answer had been accepted before.
    Lost,
}

impl AttemptStatus {
    /// Returns the name as the store and `--format json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// An accepted completion.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionRow {
    /// The final text.
    pub text: String,
    /// The reasoning.
    pub reasoning: Reasoning,
    /// Why the model stopped.
    pub finish: Finish,
    /// The tokens it took.
    pub usage: Usage,
    /// How long it took.
    pub timing: Timing,
    /// Who served it.
    pub served: Served,
}

/// A place where a run lists a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// The run's name for people.
    pub run: String,
    /// The arm's label.
    pub arm: String,
    /// The task's name.
    pub task: String,
    /// Which repeat, from 0.
    pub repeat: u32,
    /// The question, with what counts as right.
    pub item: ItemRow,
    /// Why no answer could be had, if none could.
    pub failed: Option<String>,
    /// The verdict.
    pub grade: Option<Grade>,
}

/// An item as the store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow {
    /// Its name.
    pub id: String,
    /// The variants it belongs to.
    pub group: Option<String>,
    /// What the prompt's template saw.
    pub fields: Value,
    /// The kind of its target, such as `integer`.
    pub target_kind: String,
    /// What counts as right, as a person would write it.
    pub target: String,
    /// Wrong values worth telling apart, by name.
    pub decoys: Value,
    /// Where it came from, if it was generated.
    pub origin: Option<Value>,
}

/// Writes why a model stopped.
pub(super) fn finish_text(finish: &Finish) -> String {
    let name = match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::LengthInReasoning => "length_in_reasoning",
        Finish::Context => "context",
        Finish::ContentFilter => "content_filter",
        Finish::Refusal => "refusal",
        Finish::Other(said) => return format!("other: {said}"),
    };
    name.to_owned()
}

/// Reads why a model stopped.
pub(super) fn finish(text: &str) -> Result<Finish, StoreError> {
    Ok(match text {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        "length_in_reasoning" => Finish::LengthInReasoning,
        "context" => Finish::Context,
        "content_filter" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        text => match text.strip_prefix("other: ") {
            Some(said) => Finish::Other(said.to_owned()),
            None => return Err(unknown("finish", &text)),
        },
    })
}

/// Writes a value of an enum that serialises to its name.
pub(super) fn name_text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => unreachable!("only enums without fields are written by name"),
    }
}

/// Reads a value of an enum from its name.
pub(super) fn name<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    let named: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(named).map_err(|_| unknown(what, &text))
}

/// The columns of an item, as statements that list trials read them.
#[derive(FromRow)]
pub(super) struct ItemColumns {
    pub(super) name: String,
    cluster: Option<String>,
    fields: String,
    target_kind: String,
    target: String,
    decoys: String,
    origin: Option<String>,
}

/// The columns of the grade that a trial may have.
#[derive(FromRow)]
pub(super) struct GradeColumns {
    outcome: Option<String>,
    score: Option<f64>,
    detail: Option<String>,
}

impl ItemColumns {
    pub(super) fn item(self) -> Result<ItemRow, StoreError> {
        Ok(ItemRow {
            id: self.name,
            group: self.cluster,
            fields: json("fields", &self.fields)?,
            target_kind: self.target_kind,
            target: self.target,
            decoys: json("decoys", &self.decoys)?,
            origin: self.origin.as_deref().map(|text| json("origin", text)).transpose()?,
        })
    }
}

impl GradeColumns {
    pub(super) fn grade(self) -> Result<Option<Grade>, StoreError> {
        let (Some(verdict), Some(score), Some(detail)) = (self.outcome, self.score, self.detail)
        else {
            return Ok(None);
        };
        let detail = json("detail of a grade", &detail)?;
        Ok(Some(Grade { outcome: outcome(&verdict)?, score, detail }))
    }
}

/// Reads a value from JSON.
pub(super) fn json<'a, T: Deserialize<'a>>(
    what: &'static str,
    text: &'a str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| unknown(what, &text))
}

/// Writes a value as JSON.
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("stored types serialise to JSON")
}

/// Reads a number that the schema keeps small and not negative.
pub(super) fn number<T: TryFrom<i64>>(what: &'static str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| unknown(what, &value))
}

/// Reads the verdict's name.
pub(super) fn outcome(text: &str) -> Result<Outcome, StoreError> {
    name("outcome", text)
}

/// Writes a duration as whole microseconds.
pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Reads a duration.
pub(super) fn duration(micros: i64) -> Result<Duration, StoreError> {
    number("duration", micros).map(Duration::from_micros)
}

fn unknown(what: &'static str, value: &impl ToString) -> StoreError {
    StoreError::Value { what, value: value.to_string() }
}
