//! A whole run in one file: a line that says what it is, then a line of JSON for each arm, task, item and trial.
//!
//! The first line holds the number of the others and a digest of their bytes, so that a file that was cut or
//! changed is refused before anything of it is kept. Attempts that failed, why trials failed (which may quote a
//! server or its address), the bytes that servers sent and all settings stay behind: no key gets near.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tripos_graders::Grade;
use tripos_runners::runner::Telemetry;
use tripos_runners::{Completion, Finish, Raw, Reasoning, Served, Timing, Usage};
use tripos_tasks::{Digest, Prompt};

use super::{ArmPart, BundleError, TaskPart, task_part, task_row};
use crate::plan::{LeftOut, Selection};
use crate::store::import::{Imported, ImportedTrial};
use crate::store::rows::{ArmRow, ItemRow, Run, RunId, RunState, RunSummary, Sample, TrialState};

/// What the first line says that the file is.
pub(super) const KIND: &str = "tripos-run";
/// The format's version.
const VERSION: u64 = 1;
/// Why a trial failed, as a store says it that does not know.
const NOT_KEPT: &str = "not kept in the bundle";
/// What messages call the file.
const WHAT: &str = "bundle";

#[derive(Serialize, Deserialize)]
struct Head {
    kind: String,
    version: u64,
    lines: usize,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run(Box<RunPart>),
    Arm { row: ArmPart, telemetry: Option<Telemetry> },
    Task(Box<TaskPart>),
    Item(Box<ItemPart>),
    Trial(Box<TrialPart>),
}

#[derive(Serialize, Deserialize)]
struct RunPart {
    handle: String,
    name: Option<String>,
    digest: String,
    created_ms: i64,
    state: RunState,
    reason: Option<String>,
    command: String,
    selection: Selection,
    version: String,
    suites: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct ItemPart {
    id: String,
    group: Option<String>,
    level: Option<u8>,
    fields: Value,
    target_kind: String,
    target: String,
    decoys: Value,
    origin: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct TrialPart {
    arm: usize,
    task: usize,
    /// The place of its item among the items.
    item: usize,
    repeat: u32,
    key: String,
    grader: String,
    failed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grade: Option<Grade>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerPart>,
}

#[derive(Serialize, Deserialize)]
struct AnswerPart {
    prompt: Prompt,
    text: String,
    reasoning: Reasoning,
    finish: Finish,
    usage: Usage,
    timing: Timing,
    served: Served,
}

/// Writes a run as lines of JSON; the last one ends in a line feed.
pub(super) fn write(run: &Imported) -> String {
    let mut body = String::new();
    let mut lines = 0;
    let mut add = |line: &Line| {
        body.push_str(&serde_json::to_string(line).expect("plain data serialises to JSON"));
        body.push('\n');
        lines += 1;
    };
    add(&Line::Run(Box::new(run_part(&run.run))));
    for (n, arm) in run.run.arms.iter().enumerate() {
        let telemetry = run.telemetry.get(n).cloned().flatten();
        add(&Line::Arm { row: arm_part(arm), telemetry });
    }
    for task in &run.run.tasks {
        add(&Line::Task(Box::new(task_part(task))));
    }
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for trial in &run.trials {
        let item = item_part(trial);
        let content = Digest::of_json(&item).to_string();
        let next = places.len();
        let place = *places.entry(content).or_insert(next);
        if place == next {
            add(&Line::Item(Box::new(item)));
        }
        add(&Line::Trial(Box::new(trial_part(trial, place))));
    }
    let digest = Digest::of_bytes(body.as_bytes()).to_string();
    let head = Head { kind: KIND.to_owned(), version: VERSION, lines, digest };
    let head = serde_json::to_string(&head).expect("plain data serialises to JSON");
    format!("{head}\n{body}")
}

/// Says whether `text` begins as such a file does.
pub(super) fn is_one(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    serde_json::from_str::<Value>(first).is_ok_and(|head| head["kind"] == KIND)
}

/// Reads what [`write`] wrote.
pub(super) fn read(text: &str) -> Result<Imported, BundleError> {
    let (first, body) = text.split_once('\n').unwrap_or((text, ""));
    let head: Value = serde_json::from_str(first).map_err(BundleError::Damaged)?;
    if head["kind"] != KIND {
        return Err(BundleError::NotOne(KIND));
    }
    match head["version"].as_u64() {
        Some(VERSION) => {}
        Some(found) => return Err(BundleError::Version { what: WHAT, found, known: VERSION }),
        None => return Err(nonsense("it names no version")),
    }
    let head: Head = parse(first, 1)?;
    let found = body.lines().count();
    if found < head.lines || !body.ends_with('\n') {
        return Err(BundleError::Cut { found, said: head.lines });
    }
    let found = Digest::of_bytes(body.as_bytes()).to_string();
    if found != head.digest {
        return Err(BundleError::Digest { found, said: head.digest });
    }
    let mut parts = Parts::default();
    for (n, line) in body.lines().enumerate() {
        parts.add(parse(line, n + 2)?)?;
    }
    parts.whole()
}

fn parse<T: DeserializeOwned>(line: &str, n: usize) -> Result<T, BundleError> {
    serde_json::from_str(line).map_err(|error| nonsense(&format!("line {n}: {error}")))
}

fn nonsense(what: &str) -> BundleError {
    BundleError::Content(what.to_owned())
}

/// The lines as they were read so far.
#[derive(Default)]
struct Parts {
    run: Option<RunPart>,
    arms: Vec<ArmRow>,
    telemetry: Vec<Option<Telemetry>>,
    tasks: Vec<TaskPart>,
    items: Vec<ItemPart>,
    trials: Vec<ImportedTrial>,
}

impl Parts {
    fn add(&mut self, line: Line) -> Result<(), BundleError> {
        match line {
            Line::Run(run) if self.run.is_none() => self.run = Some(*run),
            Line::Run(_) => return Err(nonsense("it holds two runs")),
            Line::Arm { row, telemetry } => {
                let ArmPart { label, model, digest, requested, effective } = row;
                self.arms.push(ArmRow { label, model, digest, requested, effective });
                self.telemetry.push(telemetry);
            }
            Line::Task(task) => self.tasks.push(*task),
            Line::Item(item) => self.items.push(*item),
            Line::Trial(part) => {
                let trial = self.trial(*part)?;
                self.trials.push(trial);
            }
        }
        Ok(())
    }

    fn trial(&self, part: TrialPart) -> Result<ImportedTrial, BundleError> {
        let Some(item) = self.items.get(part.item) else {
            return Err(nonsense("a trial has an item that is not listed"));
        };
        let wrong = |what: &str| nonsense(&format!("item `{}` has {what}", item.id));
        if part.arm >= self.arms.len() || part.task >= self.tasks.len() {
            return Err(wrong("a model or a task that is not listed"));
        }
        if part.grade.as_ref().is_some_and(|grade| !(0.0..=1.0).contains(&grade.score)) {
            return Err(wrong("a score outside 0 to 1"));
        }
        let answer = part.answer.map(|answer| {
            let AnswerPart { prompt, text, reasoning, finish, usage, timing, served } = answer;
            let raw = Raw::default();
            (prompt, Completion { text, reasoning, finish, usage, timing, served, raw })
        });
        let state = match (&part.grade, part.failed, &answer) {
            (Some(_), ..) => TrialState::Graded,
            (None, true, _) => TrialState::Failed(NOT_KEPT.to_owned()),
            (None, false, Some(_)) => TrialState::Completed,
            (None, false, None) => TrialState::Planned,
        };
        let completion = answer.as_ref().map(|(_, completion)| completion);
        let sample = Sample {
            arm: part.arm,
            task: part.task,
            item: item.id.clone(),
            cluster: item.group.clone().unwrap_or_else(|| item.id.clone()),
            level: item.level,
            repeat: part.repeat,
            key: part.key.parse().map_err(|_| wrong("a key that is none"))?,
            grader: part.grader,
            state,
            outcome: part.grade.as_ref().map(|grade| grade.outcome),
            score: part.grade.as_ref().map(|grade| grade.score),
            tier: part.grade.as_ref().and_then(|g| Some(g.detail.run.as_ref()?.tier.number())),
            confidence: part.grade.as_ref().and_then(|grade| grade.detail.confidence),
            finish: completion.map(|completion| completion.finish.clone()),
            usage: completion.map(|completion| completion.usage).unwrap_or_default(),
            timing: completion.map(|completion| completion.timing),
        };
        let item = ItemRow {
            id: item.id.clone(),
            group: item.group.clone(),
            fields: item.fields.clone(),
            target_kind: item.target_kind.clone(),
            target: item.target.clone(),
            decoys: item.decoys.clone(),
            origin: item.origin.clone(),
        };
        Ok(ImportedTrial { sample, item, grade: part.grade, answer })
    }

    fn whole(self) -> Result<Imported, BundleError> {
        let run = self.run.ok_or_else(|| nonsense("it holds no run"))?;
        if self.trials.is_empty() {
            return Err(nonsense("it holds no trial"));
        }
        let tasks = self.tasks.len();
        let settled = |arm: &ArmRow| arm.requested.len() == tasks && arm.effective.len() == tasks;
        if !self.arms.iter().all(settled) {
            return Err(nonsense("a task has no settings"));
        }
        let count = |keep: fn(&ImportedTrial) -> bool| {
            self.trials.iter().filter(|trial| keep(trial)).count() as u64
        };
        let summary = RunSummary {
            id: RunId(0),
            handle: run.handle,
            name: run.name,
            created_ms: run.created_ms,
            ended_ms: None,
            state: run.state,
            reason: run.reason,
            suites: run.suites,
            arms: self.arms.iter().map(|arm| arm.label.clone()).collect(),
            trials: self.trials.len() as u64,
            graded: count(|trial| trial.grade.is_some()),
            failed: count(|trial| matches!(trial.sample.state, TrialState::Failed(_))),
        };
        Ok(Imported {
            run: Run {
                summary,
                digest: run.digest,
                command: run.command,
                selection: run.selection,
                version: run.version,
                arms: self.arms,
                tasks: self.tasks.into_iter().map(task_row).collect(),
                left_out: run.left_out,
            },
            trials: self.trials,
            telemetry: self.telemetry,
        })
    }
}

fn run_part(run: &Run) -> RunPart {
    RunPart {
        handle: run.summary.handle.clone(),
        name: run.summary.name.clone(),
        digest: run.digest.clone(),
        created_ms: run.summary.created_ms,
        state: run.summary.state,
        reason: run.summary.reason.clone(),
        command: run.command.clone(),
        selection: run.selection.clone(),
        version: run.version.clone(),
        suites: run.summary.suites.clone(),
        left_out: run.left_out.clone(),
    }
}

fn arm_part(arm: &ArmRow) -> ArmPart {
    ArmPart {
        label: arm.label.clone(),
        model: arm.model.clone(),
        digest: arm.digest.clone(),
        requested: arm.requested.clone(),
        effective: arm.effective.clone(),
    }
}

fn item_part(trial: &ImportedTrial) -> ItemPart {
    let item = trial.item.clone();
    ItemPart {
        id: item.id,
        group: item.group,
        level: trial.sample.level,
        fields: item.fields,
        target_kind: item.target_kind,
        target: item.target,
        decoys: item.decoys,
        origin: item.origin,
    }
}

fn trial_part(trial: &ImportedTrial, item: usize) -> TrialPart {
    let sample = &trial.sample;
    let answer = trial.answer.clone().map(|(prompt, completion)| {
        let Completion { text, reasoning, finish, usage, timing, served, .. } = completion;
        AnswerPart { prompt, text, reasoning, finish, usage, timing, served }
    });
    TrialPart {
        arm: sample.arm,
        task: sample.task,
        item,
        repeat: sample.repeat,
        key: sample.key.to_string(),
        grader: sample.grader.clone(),
        failed: matches!(sample.state, TrialState::Failed(_)),
        grade: trial.grade.clone(),
        answer,
    }
}
