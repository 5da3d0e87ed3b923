//! Keeps a run that was measured elsewhere: its trials, what was answered, and the verdicts that came with
//! it.
//!
//! The rows are those of a run that is planned here, so that it is compared, gated and resumed like one.

use serde_json::{Value, json};
use tripos_graders::Grade;
use tripos_runners::Completion;
use tripos_runners::runner::Telemetry;
use tripos_tasks::{Digest, Prompt};

use super::begin::{Rows, left_out};
use super::rows::{ArmRow, ItemRow, Run, RunState, Sample, TaskRow, TrialState, json_text};
use super::write::Writer;
use super::{Store, StoreError, doing, now_ms, read};
use crate::key::{TrialKey, sent_sampling};

statements! {
    KNOWN = "SELECT r.state, t.key, d.digest AS grader FROM run r
        JOIN run_trial l ON l.run = r.id
        JOIN trial t ON t.id = l.trial
        JOIN grader d ON d.id = l.grader
        WHERE r.digest = ?1 ORDER BY l.n";
}

/// Trials written in one transaction.
const BATCH: usize = 4_096;

/// A run that was measured elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The run.
    pub run: Run,
    /// Its trials, in the order of its plan.
    pub trials: Vec<ImportedTrial>,
    /// What was seen inside the model of each arm; empty where the source does not say.
    pub telemetry: Vec<Option<Telemetry>>,
}

/// One trial of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedTrial {
    /// What became of it.
    pub sample: Sample,
    /// What was asked.
    pub item: ItemRow,
    /// The verdict, where there is one.
    pub grade: Option<Grade>,
    /// The messages that were sent and what came back, where the source kept them.
    pub answer: Option<(Prompt, Completion)>,
}

/// Writes the run; returns its name for people. The same run again is the same run.
pub async fn import(
    store: &Store,
    imported: &Imported,
    name: Option<&str>,
) -> Result<String, StoreError> {
    let digest = imported.run.digest.as_str();
    let name = name.or(imported.run.summary.name.as_deref());
    let known = known(store, imported).await?;
    let (mut writer, begun) = Writer::begin_rows(store, (digest, name), || rows(imported)).await?;
    let seen = read::telemetry(store, begun.run).await?;
    if seen.iter().all(Option::is_none) {
        let mut batch = writer.batch().await?;
        for (n, seen) in imported.telemetry.iter().enumerate() {
            if let Some(seen) = seen {
                batch.observe(n, seen).await?;
            }
        }
        batch.commit().await?;
    }
    let places: Vec<usize> = (0..imported.trials.len()).collect();
    for chunk in places.chunks(BATCH) {
        let mut batch = writer.batch().await?;
        let (mut answers, mut grades) = (Vec::new(), Vec::new());
        for &n in chunk {
            let (trial, standing) = (&imported.trials[n], begun.standing[n]);
            if standing.outcome.is_some() {
                continue;
            }
            if let Some((prompt, completion)) = &trial.answer {
                answers.push((standing.trial, prompt, completion));
            }
            // A run that was graded anew here keeps its own verdicts.
            let graded_anew = known.graders.get(n).is_some_and(|own| *own != trial.sample.grader);
            if graded_anew {
                continue;
            }
            if let Some(grade) = &trial.grade {
                grades.push((standing.trial, standing.grader, grade));
            } else if let TrialState::Failed(why) = &trial.sample.state {
                batch.give_up(n, why).await?;
            }
        }
        batch.keep_answers(&answers).await?;
        batch.keep_grades(&grades).await?;
        batch.commit().await?;
    }
    let summary = &imported.run.summary;
    let state = match summary.state {
        // Whoever was at work on it is not at work here.
        _ if known.finished => RunState::Finished,
        RunState::Running => RunState::Interrupted,
        state => state,
    };
    writer.end(state, summary.reason.as_deref()).await?;
    Ok(begun.handle)
}

/// What the store has of the run already.
#[derive(Default)]
struct Known {
    finished: bool,
    /// The digests of its graders, by place; empty where the run is new.
    graders: Vec<String>,
}

/// Looks for the run, and refuses one that calls itself by the digest of another.
async fn known(store: &Store, imported: &Imported) -> Result<Known, StoreError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(KNOWN)
        .bind(&imported.run.digest)
        .fetch_all(store.readers())
        .await
        .map_err(doing("look for the run"))?;
    let keys = imported.trials.iter().map(|trial| trial.sample.key.to_string());
    if !rows.is_empty() && !keys.eq(rows.iter().map(|(_, key, _)| key.clone())) {
        return Err(StoreError::OtherRun(imported.run.digest.clone()));
    }
    Ok(Known {
        finished: rows.first().is_some_and(|(state, ..)| state == RunState::Finished.as_str()),
        graders: rows.into_iter().map(|(.., grader)| grader).collect(),
    })
}

fn rows(imported: &Imported) -> Rows {
    let run = &imported.run;
    let mut rows = Rows {
        command: run.command.clone(),
        selection: json_text(&run.selection),
        seed: run.selection.seed,
        version: run.version.clone(),
        created_ms: created_ms(run.summary.created_ms),
        arms: run.arms.iter().map(arm).collect(),
        tasks: run.tasks.iter().map(task).collect(),
        left_out: run.left_out.iter().map(left_out).collect(),
        items: Vec::new(),
        graders: Vec::new(),
        trials: Vec::new(),
        listing: Vec::new(),
    };
    for trial in &imported.trials {
        let sample = &trial.sample;
        let (digest, item) = item(&trial.item, sample.level);
        rows.items.push(item);
        rows.graders.push(Value::from(sample.grader.as_str()));
        let key = sample.key.to_string();
        let arm = &run.arms[sample.arm];
        let sampling = json_text(&sent_sampling(&arm.effective[sample.task]));
        let seed = TrialKey::seed(&sample.key, run.selection.seed).cast_signed();
        rows.trials.push(json!([key, arm.digest, sampling, seed]));
        rows.listing.push(json!([
            sample.arm,
            sample.task,
            sample.repeat,
            key,
            digest,
            sample.grader
        ]));
    }
    rows
}

/// When it was planned; now, where nobody says.
fn created_ms(said: i64) -> i64 {
    if said == 0 { now_ms() } else { said }
}

fn arm(arm: &ArmRow) -> Value {
    json!([arm.label, arm.model, arm.digest, json_text(&arm.requested), json_text(&arm.effective),])
}

fn task(task: &TaskRow) -> Value {
    json!([
        task.suite,
        task.task,
        task.version,
        task.title,
        task.domain,
        task.sensitivity,
        task.weight,
        task.digest,
        json_text(&task.grader),
        task.items,
        task.repeats,
    ])
}

/// Returns the digest of an item's content and its row, which begins with the digest.
fn item(item: &ItemRow, level: Option<u8>) -> (String, Value) {
    let content = json!([
        item.id,
        item.group,
        level,
        json_text(&item.fields),
        item.target_kind,
        item.target,
        json_text(&item.decoys),
        item.origin.as_ref().map(json_text),
    ]);
    let digest = Digest::of_json(&content).to_string();
    let mut row = vec![Value::from(digest.as_str())];
    row.extend(content.as_array().cloned().unwrap_or_default());
    (digest, Value::Array(row))
}
