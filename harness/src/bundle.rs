//! Runs as files: pinned baselines, whole runs, and the logs of other programs.
//!
//! A baseline is what one arm of a run was measured as. It holds verdicts and counts, no prompt, no answer
//! and no setting that could hold a secret. A whole run (`whole`) holds what was sent and answered too. A digest
//! of its content stands inside either, so that a file cut in half or edited by hand is refused.

mod agree;
mod foreign;
mod inspect;
mod lm_eval;
mod whole;
mod zip;

use std::time::Duration;

pub use agree::TwoGraders;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tripos_graders::{Detail, Grade, Outcome};
use tripos_runners::{Effective, Timing, Usage};
use tripos_tasks::{Digest, Sampling};

use crate::plan::Selection;
use crate::report::Source;
use crate::store::import::{Imported, ImportedTrial};
use crate::store::rows::{
    ArmRow, ItemRow, Run, RunId, RunState, RunSummary, Sample, TaskRow, TrialState,
};

/// What the file says that it is.
const KIND: &str = "tripos-baseline";
/// The format's version.
const VERSION: u64 = 1;
/// The most bytes a baseline may have.
pub const MAX_BYTES: u64 = 1 << 30;

/// Why a baseline or a whole run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is no JSON, as when it was cut in half.
    #[error("the file is cut short or damaged: it is not whole JSON")]
    Damaged(#[source] serde_json::Error),
    /// It is something else.
    #[error("the file does not say `\"kind\": \"{0}\"`")]
    NotOne(&'static str),
    /// Lines are missing, as when it was cut.
    #[error("the file is cut short or damaged: it has {found} of {said} lines")]
    Cut {
        /// The lines it has.
        found: usize,
        /// The lines it says it has.
        said: usize,
    },
    /// A later version wrote it.
    #[error("the {what} has format {found}, and this version of tripos knows {known}")]
    Version {
        /// What the file is.
        what: &'static str,
        /// Its format.
        found: u64,
        /// The format that is read.
        known: u64,
    },
    /// Its content is not what was written.
    #[error(
        "the file was changed after it was written: its content has digest {found:.12}, and it \
         says {said:.12}"
    )]
    Digest {
        /// The digest that the content has.
        found: String,
        /// The digest that stands in the file.
        said: String,
    },
    /// Its content makes no sense.
    #[error("the file makes no sense: {0}")]
    Content(String),
}

/// Why a log of another program cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file is no JSON.
    #[error("it is cut short or damaged: it is not whole JSON")]
    NoJson(#[source] serde_json::Error),
    /// A line is no JSON.
    #[error("line {line} is not whole JSON")]
    Line {
        /// The line.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A sample lacks what is read of it.
    #[error("line {line} has no number, score or prompt where they are expected")]
    Sample {
        /// The line.
        line: usize,
    },
    /// Another version wrote it.
    #[error("it is of {program} {found}, and this version of tripos reads {known}")]
    Version {
        /// The program.
        program: &'static str,
        /// The version it names.
        found: String,
        /// The versions that are read.
        known: &'static str,
    },
    /// It has no grader or metric of the name that was given.
    #[error("it has no {what} `{name}`; it has {}", known.join(", "))]
    NoSuch {
        /// A grader or a metric.
        what: &'static str,
        /// What was given.
        name: String,
        /// What it has.
        known: Vec<String>,
    },
    /// It holds no sample.
    #[error("it holds no sample")]
    Empty,
    /// Its content makes no sense.
    #[error("{0}")]
    Content(String),
}

/// The answers of a log as one of its graders judged them.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The grader: a filter of lm-evaluation-harness, a scorer of Inspect.
    pub grader: String,
    /// The run.
    pub run: Imported,
}

/// How far every two graders of a log agree.
pub fn agreement(all: &[Judged]) -> Vec<TwoGraders> {
    agree::of(all)
}

/// Whose verdicts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// One grader of the log; all of them where none is named.
    pub grader: Option<&'a str>,
    /// The metric of lm-evaluation-harness; its usual one where none is named.
    pub metric: Option<&'a str>,
}

impl Wanted<'_> {
    /// Those of `known` that are wanted.
    fn of<'k>(self, known: &[&'k str]) -> Result<Vec<&'k str>, ImportError> {
        let Some(wanted) = self.grader else { return Ok(known.to_vec()) };
        match known.iter().find(|name| **name == wanted) {
            Some(found) => Ok(vec![*found]),
            None => Err(ImportError::NoSuch {
                what: "grader",
                name: wanted.to_owned(),
                known: known.iter().map(|&name| name.to_owned()).collect(),
            }),
        }
    }
}

/// Returns the task of a samples file of lm-evaluation-harness, and the name of the results file that belongs
/// beside it; absent where the name is not of that form.
pub fn lm_eval_names(samples: &str) -> Option<(String, String)> {
    lm_eval::names(samples)
}

/// Reads the samples of one task of lm-evaluation-harness, given with their results; a run for each filter.
pub fn from_lm_eval(
    task: &str,
    texts: (&str, &str),
    wanted: Wanted<'_>,
) -> Result<Vec<Judged>, ImportError> {
    lm_eval::read(task, texts, wanted)
}

/// Reads an `.eval` log of Inspect; a run for each scorer.
pub fn from_inspect(archive: &[u8], wanted: Wanted<'_>) -> Result<Vec<Judged>, ImportError> {
    inspect::read(archive, wanted)
}

/// Makes a pinned baseline a run again. It holds verdicts only: no prompt, no answer, no tokens.
pub fn from_baseline(baseline: Baseline) -> Imported {
    let item = |sample: &Sample| ItemRow {
        id: sample.item.clone(),
        group: Some(sample.cluster.clone()),
        fields: Value::Null,
        target_kind: "imported".to_owned(),
        target: sample.grader.clone(),
        decoys: Value::Null,
        origin: None,
    };
    let trials = baseline
        .samples
        .into_iter()
        .map(|sample| ImportedTrial {
            item: item(&sample),
            grade: sample.outcome.zip(sample.score).map(|(outcome, score)| Grade {
                outcome,
                score,
                detail: Detail::default(),
            }),
            answer: None,
            sample,
        })
        .collect();
    let mut run = baseline.run;
    // Another run than the one it was taken from: that has more.
    run.digest = Digest::of_json(&[run.digest.as_str(), "baseline"]).to_string();
    Imported { run, trials, telemetry: Vec::new() }
}

/// Writes a whole run as one text.
pub fn export_run(run: &Imported) -> String {
    whole::write(run)
}

/// Says whether `text` begins as [`export_run`] begins.
pub fn is_run(text: &str) -> bool {
    whole::is_one(text)
}

/// Reads what [`export_run`] wrote.
pub fn read_run(text: &str) -> Result<Imported, BundleError> {
    whole::read(text)
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct Envelope {
    kind: String,
    version: u64,
    digest: String,
    content: Value,
}

#[derive(Serialize, Deserialize)]
struct Content {
    run: RunPart,
    arm: ArmPart,
    tasks: Vec<TaskPart>,
    samples: Vec<SamplePart>,
}

#[derive(Serialize, Deserialize)]
struct RunPart {
    handle: String,
    digest: String,
    created_ms: i64,
    state: RunState,
    version: String,
    suites: Vec<String>,
    seed: u64,
    limit: Option<usize>,
    repeats: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct ArmPart {
    label: String,
    model: String,
    digest: String,
    requested: Vec<Sampling>,
    effective: Vec<Effective>,
}

#[derive(Serialize, Deserialize)]
struct TaskPart {
    suite: String,
    task: String,
    version: String,
    title: String,
    domain: String,
    sensitivity: String,
    weight: u32,
    digest: String,
    grader: Value,
    items: u64,
    repeats: u32,
}

#[derive(Serialize, Deserialize)]
struct SamplePart {
    task: usize,
    item: String,
    cluster: String,
    level: Option<u8>,
    repeat: u32,
    key: String,
    grader: String,
    state: StatePart,
    outcome: Option<Outcome>,
    score: Option<f64>,
    /// What stood between the program and the machine, where one was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    /// How sure the answer said it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    usage: Usage,
    total_us: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatePart {
    Planned,
    Completed,
    Failed,
    Graded,
}

/// A baseline as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// The run, with the one arm.
    pub run: Run,
    /// What became of its trials.
    pub samples: Vec<Sample>,
}

/// Writes the arm that `source` names as one JSON document that ends in a line feed.
///
/// # Panics
///
/// Never: what is stored is plain data.
pub fn export(source: &Source<'_>) -> String {
    let content = serde_json::to_value(content(source)).expect("plain data serialises to JSON");
    let digest = Digest::of_json(&content).to_string();
    let envelope = Envelope { kind: KIND.to_owned(), version: VERSION, digest, content };
    let mut text = serde_json::to_string(&envelope).expect("plain data serialises to JSON");
    text.push('\n');
    text
}

/// Reads what [`export`] wrote.
pub fn read(text: &str) -> Result<Baseline, BundleError> {
    let value: Value = serde_json::from_str(text).map_err(BundleError::Damaged)?;
    if value["kind"] != KIND {
        return Err(BundleError::NotOne(KIND));
    }
    match value["version"].as_u64() {
        Some(VERSION) => {}
        Some(found) => {
            return Err(BundleError::Version { what: "baseline", found, known: VERSION });
        }
        None => return Err(BundleError::Content("it names no version".to_owned())),
    }
    let nonsense = |error: serde_json::Error| BundleError::Content(error.to_string());
    let envelope: Envelope = serde_json::from_value(value).map_err(nonsense)?;
    let found = Digest::of_json(&envelope.content).to_string();
    if found != envelope.digest {
        return Err(BundleError::Digest { found, said: envelope.digest });
    }
    restore(serde_json::from_value(envelope.content).map_err(nonsense)?)
}

fn content(source: &Source<'_>) -> Content {
    let (run, arm) = (source.run, &source.run.arms[source.arm]);
    let mut samples: Vec<SamplePart> = source
        .samples
        .iter()
        .filter(|sample| sample.arm == source.arm)
        .map(|sample| SamplePart {
            task: sample.task,
            item: sample.item.clone(),
            cluster: sample.cluster.clone(),
            level: sample.level,
            repeat: sample.repeat,
            key: sample.key.to_string(),
            grader: sample.grader.clone(),
            // Why a trial failed may quote a server: that stays in the store.
            state: match sample.state {
                TrialState::Planned => StatePart::Planned,
                TrialState::Completed => StatePart::Completed,
                TrialState::Failed(_) => StatePart::Failed,
                TrialState::Graded => StatePart::Graded,
            },
            outcome: sample.outcome,
            score: sample.score,
            tier: sample.tier,
            confidence: sample.confidence,
            usage: sample.usage,
            total_us: sample.timing.map(|t| u64::try_from(t.total.as_micros()).unwrap_or(u64::MAX)),
        })
        .collect();
    samples.sort_by(|a, b| (a.task, &a.item, a.repeat).cmp(&(b.task, &b.item, b.repeat)));
    Content {
        run: RunPart {
            handle: run.summary.handle.clone(),
            digest: run.digest.clone(),
            created_ms: run.summary.created_ms,
            state: run.summary.state,
            version: run.version.clone(),
            suites: run.summary.suites.clone(),
            seed: run.selection.seed,
            limit: run.selection.limit,
            repeats: run.selection.repeats,
        },
        arm: ArmPart {
            label: arm.label.clone(),
            model: arm.model.clone(),
            digest: arm.digest.clone(),
            requested: arm.requested.clone(),
            effective: arm.effective.clone(),
        },
        tasks: run.tasks.iter().map(task_part).collect(),
        samples,
    }
}

fn task_part(task: &TaskRow) -> TaskPart {
    TaskPart {
        suite: task.suite.clone(),
        task: task.task.clone(),
        version: task.version.clone(),
        title: task.title.clone(),
        domain: task.domain.clone(),
        sensitivity: task.sensitivity.clone(),
        weight: task.weight,
        digest: task.digest.clone(),
        grader: task.grader.clone(),
        items: task.items,
        repeats: task.repeats,
    }
}

fn restore(content: Content) -> Result<Baseline, BundleError> {
    let Content { run, arm, tasks, samples } = content;
    let settings = [arm.requested.len(), arm.effective.len()];
    if settings.iter().any(|&settings| settings != tasks.len()) {
        return Err(BundleError::Content("a task has no settings".to_owned()));
    }
    let samples =
        samples.into_iter().map(|part| sample(part, tasks.len())).collect::<Result<Vec<_>, _>>()?;
    let count = |keep: fn(&Sample) -> bool| samples.iter().filter(|s| keep(s)).count() as u64;
    let summary = RunSummary {
        id: RunId(0),
        handle: run.handle,
        name: None,
        created_ms: run.created_ms,
        ended_ms: None,
        state: run.state,
        reason: None,
        suites: run.suites.clone(),
        arms: vec![arm.label.clone()],
        trials: samples.len() as u64,
        graded: count(|sample| sample.score.is_some()),
        failed: count(|sample| matches!(sample.state, TrialState::Failed(_))),
    };
    let selection = Selection {
        suites: run.suites,
        models: vec![arm.label.clone()],
        reasoning: Vec::new(),
        seed: run.seed,
        repeats: run.repeats,
        limit: run.limit,
        max_tokens: None,
        concurrency: None,
        shuffled: false,
    };
    let ArmPart { label, model, digest, requested, effective } = arm;
    Ok(Baseline {
        run: Run {
            summary,
            digest: run.digest,
            command: String::new(),
            selection,
            version: run.version,
            arms: vec![ArmRow { label, model, digest, requested, effective }],
            tasks: tasks.into_iter().map(task_row).collect(),
            left_out: Vec::new(),
        },
        samples,
    })
}

fn task_row(task: TaskPart) -> TaskRow {
    TaskRow {
        suite: task.suite,
        task: task.task,
        version: task.version,
        title: task.title,
        domain: task.domain,
        sensitivity: task.sensitivity,
        weight: task.weight,
        digest: task.digest,
        grader: task.grader,
        items: task.items,
        repeats: task.repeats,
    }
}

fn sample(part: SamplePart, tasks: usize) -> Result<Sample, BundleError> {
    let wrong = |what: &str| Err(BundleError::Content(format!("item `{}` has {what}", part.item)));
    if part.task >= tasks {
        return wrong("a task that is not listed");
    }
    if part.score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
        return wrong("a score outside 0 to 1");
    }
    let graded = matches!(part.state, StatePart::Graded);
    if graded != part.score.is_some() || graded != part.outcome.is_some() {
        return wrong("a state that does not fit its verdict");
    }
    let Ok(key) = part.key.parse() else { return wrong("a key that is none") };
    Ok(Sample {
        arm: 0,
        task: part.task,
        item: part.item,
        cluster: part.cluster,
        level: part.level,
        repeat: part.repeat,
        key,
        grader: part.grader,
        state: match part.state {
            StatePart::Planned => TrialState::Planned,
            StatePart::Completed => TrialState::Completed,
            StatePart::Failed => TrialState::Failed("not kept in the baseline".to_owned()),
            StatePart::Graded => TrialState::Graded,
        },
        outcome: part.outcome,
        score: part.score,
        tier: part.tier,
        confidence: part.confidence,
        finish: None,
        usage: part.usage,
        timing: part
            .total_us
            .map(|micros| Timing { first: None, total: Duration::from_micros(micros) }),
    })
}

#[cfg(test)]
mod tests;
