//! What logs of other programs have in common, and how it becomes a run of ours.
//!
//! The verdicts are theirs: nothing is graded again. What makes two of their runs comparable (task,
//! metric, filter, sampling) goes into the digests, so that a gate refuses to compare other things.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tripos_graders::{Detail, Grade, Outcome};
use tripos_runners::{Completion, Effective, Finish, Raw, Reasoning, Served, Timing, Usage};
use tripos_tasks::{Digest, Prompt, ReasoningLevel, Sampling};

use super::ImportError;
use crate::key::TrialKey;
use crate::plan::Selection;
use crate::store::import::{Imported, ImportedTrial};
use crate::store::rows::{
    ArmRow, ItemRow, Run, RunId, RunState, RunSummary, Sample, TaskRow, TrialState,
};

/// A log with one task and one model.
pub(super) struct Log {
    /// The program and its version, such as `lm-eval 0.4.13`.
    pub(super) program: String,
    pub(super) model: String,
    /// What else says who answered.
    pub(super) served: Value,
    pub(super) task: String,
    pub(super) version: String,
    /// What decides a result: task settings, metric, filter.
    pub(super) settings: Value,
    pub(super) sampling: Sampling,
    pub(super) entries: Vec<Entry>,
}

/// One answer of a log.
pub(super) struct Entry {
    pub(super) item: String,
    pub(super) repeat: u32,
    pub(super) fields: Value,
    pub(super) target: String,
    pub(super) prompt: Prompt,
    pub(super) text: String,
    /// The final answer as its grader read it, where the log says so.
    pub(super) extracted: Option<String>,
    pub(super) finish: Finish,
    pub(super) usage: Usage,
    pub(super) timing: Timing,
    /// The verdict, or why there is none.
    pub(super) verdict: Result<(Outcome, f64), String>,
}

/// Makes a run of a log.
pub(super) fn imported(log: Log) -> Result<Imported, ImportError> {
    once_each(&log.entries)?;
    let model = Digest::of_json(&json!([log.program, log.model, log.served])).to_string();
    let task = Digest::of_json(&json!([log.task, log.version, log.settings])).to_string();
    let trials: Vec<ImportedTrial> =
        log.entries.iter().map(|entry| trial(entry, (&model, &task), &log.sampling)).collect();
    let keys: Vec<String> = trials.iter().map(|trial| trial.sample.key.to_string()).collect();
    let scores: Vec<Option<f64>> = trials.iter().map(|trial| trial.sample.score).collect();
    let digest = Digest::of_json(&json!({ "imported": 1, "keys": keys, "scores": scores }));
    let items: BTreeSet<&str> = log.entries.iter().map(|entry| entry.item.as_str()).collect();
    let repeats = log.entries.iter().map(|entry| entry.repeat + 1).max().unwrap_or(1);
    let row = TaskRow {
        suite: log.task.clone(),
        task: log.task.clone(),
        version: log.version.clone(),
        title: format!("{} of {}", log.task, log.program),
        domain: "other".to_owned(),
        sensitivity: "none".to_owned(),
        weight: 1,
        digest: task,
        grader: json!({ "kind": "imported", "by": log.program }),
        items: items.len() as u64,
        repeats,
    };
    let effective = Effective {
        sampling: log.sampling.clone(),
        reasoning: ReasoningLevel::Auto,
        dropped: Vec::new(),
    };
    let graded = scores.iter().flatten().count() as u64;
    let run = Run {
        summary: RunSummary {
            id: RunId(0),
            handle: String::new(),
            name: None,
            created_ms: 0,
            ended_ms: None,
            state: RunState::Finished,
            reason: None,
            suites: vec![log.task.clone()],
            arms: vec![log.model.clone()],
            trials: trials.len() as u64,
            graded,
            failed: trials.len() as u64 - graded,
        },
        digest: digest.to_string(),
        command: format!("imported from {}", log.program),
        selection: Selection {
            suites: vec![log.task],
            models: vec![log.model.clone()],
            reasoning: Vec::new(),
            seed: 0,
            repeats: None,
            limit: None,
            max_tokens: None,
            concurrency: None,
            shuffled: false,
        },
        version: log.program,
        arms: vec![ArmRow {
            label: log.model.clone(),
            model: log.model,
            digest: model,
            requested: vec![log.sampling],
            effective: vec![effective],
        }],
        tasks: vec![row],
        left_out: Vec::new(),
    };
    Ok(Imported { run, trials, telemetry: Vec::new() })
}

/// Checks that no repeat of an item stands twice.
fn once_each(entries: &[Entry]) -> Result<(), ImportError> {
    let mut places = BTreeSet::new();
    for entry in entries {
        if !places.insert((&entry.item, entry.repeat)) {
            let (item, repeat) = (&entry.item, entry.repeat + 1);
            let twice = format!("repeat {repeat} of item `{item}` stands in it twice");
            return Err(ImportError::Content(twice));
        }
    }
    Ok(())
}

fn trial(entry: &Entry, (model, task): (&str, &str), sampling: &Sampling) -> ImportedTrial {
    // The verdict belongs to it: another log may judge the same answer in another way.
    let verdict = entry.verdict.as_ref().ok();
    let said = json!([entry.prompt, entry.text, verdict]);
    let identity = json!([model, task, entry.item, entry.repeat, said, sampling]);
    let key: TrialKey =
        Digest::of_json(&identity).to_string().parse().expect("a digest has 64 digits");
    let (outcome, score) = entry.verdict.as_ref().ok().copied().unzip();
    let state = match &entry.verdict {
        Ok(_) => TrialState::Graded,
        Err(why) => TrialState::Failed(why.clone()),
    };
    let sample = Sample {
        arm: 0,
        task: 0,
        item: entry.item.clone(),
        cluster: entry.item.clone(),
        level: None,
        repeat: entry.repeat,
        key,
        grader: Digest::of_json(&json!([task, entry.target])).to_string(),
        state,
        outcome,
        score,
        tier: None,
        confidence: None,
        finish: Some(entry.finish.clone()),
        usage: entry.usage,
        timing: Some(entry.timing),
    };
    let completion = Completion {
        text: entry.text.clone(),
        reasoning: Reasoning::default(),
        finish: entry.finish.clone(),
        usage: entry.usage,
        timing: entry.timing,
        served: Served::default(),
        raw: Raw::default(),
    };
    let extracted = entry.extracted.clone().filter(|found| *found != entry.text);
    ImportedTrial {
        sample,
        item: ItemRow {
            id: entry.item.clone(),
            group: None,
            fields: entry.fields.clone(),
            target_kind: "imported".to_owned(),
            target: entry.target.clone(),
            decoys: json!({}),
            origin: None,
        },
        grade: outcome.zip(score).map(|(outcome, score)| Grade {
            outcome,
            score,
            detail: Detail { extracted: extracted.clone(), ..Detail::default() },
        }),
        answer: entry.verdict.is_ok().then(|| (entry.prompt.clone(), completion)),
    }
}

/// A score as an outcome.
pub(super) fn outcome(score: f64, text: &str) -> Outcome {
    match score {
        score if score >= 1.0 => Outcome::Correct,
        _ if text.trim().is_empty() => Outcome::Empty,
        _ => Outcome::Incorrect,
    }
}
