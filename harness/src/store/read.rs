//! The questions the product asks of the store.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};
use tripos_runners::runner::Telemetry;
use tripos_runners::{Effective, Timing, Usage};
use tripos_tasks::Sampling;

use super::owner::Owner;
use super::rows::{
    ArmRow, Run, RunId, RunState, RunSummary, Sample, TaskRow, TrialState, duration, finish, json,
    name, number, outcome,
};
pub use super::transcript::transcript;
use super::{Store, StoreError, doing};
use crate::key::TrialKey;
use crate::plan::LeftOut;

/// A run, or one arm of it, as `RUN` or `RUN/MODEL` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The run.
    pub run: RunId,
    /// The place of the arm, where one was named or the run has only one.
    pub arm: Option<usize>,
}

statements! {
    LEFT_OUT = "SELECT task, item, why FROM left_out WHERE run = ?1 ORDER BY n";
    RUNS = "SELECT r.id, r.handle, r.name, r.created_ms, r.ended_ms, r.state, r.reason,
            (SELECT json_group_array(suite) FROM (SELECT suite FROM run_task
                WHERE run = r.id GROUP BY suite ORDER BY min(n))) AS suites,
            (SELECT json_group_array(label) FROM (SELECT label FROM run_arm
                WHERE run = r.id ORDER BY n)) AS arms,
            (SELECT count(*) FROM run_trial l WHERE l.run = r.id) AS trials,
            (SELECT count(*) FROM run_trial l JOIN grade g
                ON g.trial = l.trial AND g.grader = l.grader WHERE l.run = r.id) AS graded,
            (SELECT count(*) FROM run_trial l WHERE l.run = r.id AND l.failed IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM grade g
                    WHERE g.trial = l.trial AND g.grader = l.grader)) AS failed
        FROM run r WHERE ?1 IS NULL OR r.id = ?1 ORDER BY r.created_ms DESC, r.id DESC";
    OPEN_OWNERS = "SELECT run, pid, boot, started, heartbeat_ms FROM owner
        WHERE ended_ms IS NULL";
    NAMES = "SELECT id, handle, name FROM run ORDER BY created_ms DESC, id DESC";
    RUN = "SELECT digest, command, selection, version FROM run WHERE id = ?1";
    ARMS = "SELECT label, model, digest, requested, effective FROM run_arm
        WHERE run = ?1 ORDER BY n";
    TASKS = "SELECT suite, task, version, title, domain, sensitivity, weight, digest, grader,
            items, repeats
        FROM run_task WHERE run = ?1 ORDER BY n";
    SAMPLES = "SELECT json_array(l.arm, l.task, i.name, i.cluster, i.level, l.repeat, t.key,
                d.digest, l.failed, g.outcome, json_extract(g.detail, '$.run.tier'), c.finish,
                c.tokens_in, c.tokens_cached, c.tokens_out, c.tokens_reasoning, c.usage_source,
                c.first_us, c.total_us) AS packed,
            g.score, CAST(json_extract(g.detail, '$.confidence') AS REAL) AS confidence
        FROM run_trial l
        JOIN trial t ON t.id = l.trial
        JOIN item i ON i.id = l.item
        JOIN grader d ON d.id = l.grader
        LEFT JOIN turn u ON u.trial = l.trial AND u.n = 1
        LEFT JOIN attempt a ON a.turn = u.id AND a.status = 'ok'
        LEFT JOIN completion c ON c.attempt = a.id
        LEFT JOIN grade g ON g.trial = l.trial AND g.grader = l.grader
        WHERE l.run = ?1 AND (?2 IS NULL OR l.arm = ?2) ORDER BY l.n";
    KEYS = "SELECT key FROM trial WHERE key >= ?1 AND key < ?1 || 'g' ORDER BY key LIMIT 2";
    TELEMETRY = "SELECT arm, seen FROM telemetry WHERE run = ?1 ORDER BY owner";
}

/// Lists the runs, newest first.
pub async fn runs(store: &Store) -> Result<Vec<RunSummary>, StoreError> {
    summaries(store, None).await
}

/// Finds a run by handle, by the beginning of a handle, or by name (the newest of that name), with
/// or without `/MODEL`.
pub async fn find_run(store: &Store, name: &str) -> Result<Selected, StoreError> {
    let names: Vec<(i64, String, Option<String>)> = sqlx::query_as(NAMES)
        .fetch_all(store.readers())
        .await
        .map_err(doing("look for the run"))?;
    if let Some(id) = pick_run(&names, name)? {
        let arms = arms(store, id).await?;
        return Ok(Selected { run: RunId(id), arm: (arms.len() == 1).then_some(0) });
    }
    // A label may hold slashes, so may a name: every place to split is tried.
    for (at, _) in name.match_indices('/') {
        if let Some(id) = pick_run(&names, &name[..at])? {
            let label = &name[at + 1..];
            let arms = arms(store, id).await?;
            let Some(arm) = pick_arm(&arms, label) else {
                return Err(StoreError::NoSuchArm {
                    run: name[..at].to_owned(),
                    name: label.to_owned(),
                    candidates: arms.into_iter().map(|arm| arm.label).collect(),
                });
            };
            return Ok(Selected { run: RunId(id), arm: Some(arm) });
        }
    }
    Err(StoreError::NoSuchRun(name.to_owned()))
}

/// Returns a run with its arms and tasks.
pub async fn run(store: &Store, id: RunId) -> Result<Run, StoreError> {
    let missing = || StoreError::NoSuchRun(id.0.to_string());
    let summary = summaries(store, Some(id)).await?.pop().ok_or_else(missing)?;
    let (digest, command, selection, version): (String, String, String, String) =
        sqlx::query_as(RUN)
            .bind(id.0)
            .fetch_one(store.readers())
            .await
            .map_err(doing("read the run"))?;
    Ok(Run {
        summary,
        digest,
        command,
        selection: json("selection", &selection)?,
        version,
        arms: arms(store, id.0).await?,
        tasks: tasks(store, id).await?,
        left_out: left_out(store, id).await?,
    })
}

/// Returns what of a run's suites was not asked.
async fn left_out(store: &Store, id: RunId) -> Result<Vec<LeftOut>, StoreError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(LEFT_OUT)
        .bind(id.0)
        .fetch_all(store.readers())
        .await
        .map_err(doing("read the run"))?;
    Ok(rows.into_iter().map(|(task, item, why)| LeftOut { task, item, why }).collect())
}

/// Returns what became of every trial of a run, or of one arm of it: by arm, by task, then in the order of
/// the plan.
pub async fn samples(
    store: &Store,
    id: RunId,
    arm: Option<usize>,
) -> Result<Vec<Sample>, StoreError> {
    let rows: Vec<ReadSample> = sqlx::query_as(SAMPLES)
        .bind(id.0)
        .bind(arm.map(|arm| i64::try_from(arm).unwrap_or(i64::MAX)))
        .fetch_all(store.readers())
        .await
        .map_err(doing("read the trials"))?;
    let mut samples =
        rows.into_iter().map(|read| read.0).collect::<Result<Vec<Sample>, StoreError>>()?;
    samples.sort_by_key(|sample| (sample.arm, sample.task));
    Ok(samples)
}

/// Finds the one trial whose key begins with `prefix`.
pub async fn find_trial(store: &Store, prefix: &str) -> Result<TrialKey, StoreError> {
    let keys: Vec<String> = sqlx::query_scalar(KEYS)
        .bind(prefix.to_ascii_lowercase())
        .fetch_all(store.readers())
        .await
        .map_err(doing("look for the trial"))?;
    match keys.as_slice() {
        [] => Err(StoreError::NoSuchTrial(prefix.to_owned())),
        [key] => parse_key(key),
        _ => Err(StoreError::AmbiguousTrial(prefix.to_owned())),
    }
}

/// Returns what was observed inside the models, for each arm of the run.
pub async fn telemetry(store: &Store, id: RunId) -> Result<Vec<Option<Telemetry>>, StoreError> {
    let mut seen = vec![None; arms(store, id.0).await?.len()];
    let rows: Vec<(i64, String)> = sqlx::query_as(TELEMETRY)
        .bind(id.0)
        .fetch_all(store.readers())
        .await
        .map_err(doing("read telemetry"))?;
    for (arm, text) in rows {
        let more: Telemetry = json("telemetry", &text)?;
        let of_arm: &mut Option<Telemetry> = &mut seen[number::<usize>("arm", arm)?];
        *of_arm = Some(match of_arm.take() {
            Some(earlier) => earlier.plus(&more),
            None => more,
        });
    }
    Ok(seen)
}

/// Reads the key of a trial.
pub(super) fn parse_key(text: &str) -> Result<TrialKey, StoreError> {
    text.parse().map_err(|_| StoreError::Value { what: "trial key", value: text.to_owned() })
}

/// Picks a run by its handle, its name or the beginning of its handle, in this order.
fn pick_run(
    names: &[(i64, String, Option<String>)],
    wanted: &str,
) -> Result<Option<i64>, StoreError> {
    let exact = names
        .iter()
        .find(|(_, handle, _)| handle == wanted)
        .or_else(|| names.iter().find(|(_, _, name)| name.as_deref() == Some(wanted)));
    if let Some((id, ..)) = exact {
        return Ok(Some(*id));
    }
    let begins = |handle: &str| {
        handle.starts_with(wanted) || handle.trim_start_matches("r-").starts_with(wanted)
    };
    let mut candidates = names.iter().filter(|(_, handle, _)| !wanted.is_empty() && begins(handle));
    let first = candidates.next();
    let others: Vec<String> = candidates.map(|(_, handle, _)| handle.clone()).collect();
    match first {
        Some((_, handle, _)) if !others.is_empty() => Err(StoreError::AmbiguousRun {
            name: wanted.to_owned(),
            candidates: [vec![handle.clone()], others].concat(),
        }),
        first => Ok(first.map(|(id, ..)| *id)),
    }
}

/// Picks an arm by its label, or by its model's name where only one arm has it.
fn pick_arm(arms: &[ArmRow], wanted: &str) -> Option<usize> {
    if let Some(arm) = arms.iter().position(|arm| arm.label == wanted) {
        return Some(arm);
    }
    let mut of_model = arms.iter().enumerate().filter(|(_, arm)| arm.model == wanted);
    let (arm, _) = of_model.next()?;
    of_model.next().is_none().then_some(arm)
}

#[derive(FromRow)]
struct RawSummary {
    id: i64,
    handle: String,
    name: Option<String>,
    created_ms: i64,
    ended_ms: Option<i64>,
    state: String,
    reason: Option<String>,
    suites: String,
    arms: String,
    trials: u64,
    graded: u64,
    failed: u64,
}

async fn summaries(store: &Store, id: Option<RunId>) -> Result<Vec<RunSummary>, StoreError> {
    let rows: Vec<RawSummary> = sqlx::query_as(RUNS)
        .bind(id.map(|id| id.0))
        .fetch_all(store.readers())
        .await
        .map_err(doing("list the runs"))?;
    let owners: Vec<(i64, u32, String, i64, i64)> = sqlx::query_as(OPEN_OWNERS)
        .fetch_all(store.readers())
        .await
        .map_err(doing("list the runs"))?;
    let worked_on: BTreeSet<i64> = owners
        .into_iter()
        .filter(|(_, pid, boot, started, heartbeat_ms)| {
            Owner { pid: *pid, boot: boot.clone(), started: *started }.lives(*heartbeat_ms)
        })
        .map(|(run, ..)| run)
        .collect();
    rows.into_iter().map(|row| summary(row, &worked_on)).collect()
}

fn summary(row: RawSummary, worked_on: &BTreeSet<i64>) -> Result<RunSummary, StoreError> {
    let state = match name("state", &row.state)? {
        RunState::Running if !worked_on.contains(&row.id) => RunState::Interrupted,
        state => state,
    };
    Ok(RunSummary {
        id: RunId(row.id),
        handle: row.handle,
        name: row.name,
        created_ms: row.created_ms,
        ended_ms: row.ended_ms,
        state,
        reason: row.reason,
        suites: json("suites", &row.suites)?,
        arms: json("arms", &row.arms)?,
        trials: row.trials,
        graded: row.graded,
        failed: row.failed,
    })
}

async fn arms(store: &Store, run: i64) -> Result<Vec<ArmRow>, StoreError> {
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(ARMS)
        .bind(run)
        .fetch_all(store.readers())
        .await
        .map_err(doing("read the arms"))?;
    rows.into_iter()
        .map(|(label, model, digest, requested, effective)| {
            let requested: Vec<Sampling> = json("sampling", &requested)?;
            let effective: Vec<Effective> = json("sampling", &effective)?;
            Ok(ArmRow { label, model, digest, requested, effective })
        })
        .collect()
}

#[derive(FromRow)]
struct RawTask {
    suite: String,
    task: String,
    version: String,
    title: String,
    domain: String,
    sensitivity: String,
    weight: u32,
    digest: String,
    grader: String,
    items: u64,
    repeats: u32,
}

async fn tasks(store: &Store, run: RunId) -> Result<Vec<TaskRow>, StoreError> {
    let rows: Vec<RawTask> = sqlx::query_as(TASKS)
        .bind(run.0)
        .fetch_all(store.readers())
        .await
        .map_err(doing("read the tasks"))?;
    rows.into_iter()
        .map(|row| {
            Ok(TaskRow {
                suite: row.suite,
                task: row.task,
                version: row.version,
                title: row.title,
                domain: row.domain,
                sensitivity: row.sensitivity,
                weight: row.weight,
                digest: row.digest,
                grader: json("grader", &row.grader)?,
                items: row.items,
                repeats: row.repeats,
            })
        })
        .collect()
}

/// A trial as it was read; an error where a value is not one that this version knows.
struct ReadSample(Result<Sample, StoreError>);

impl FromRow<'_, SqliteRow> for ReadSample {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let (packed, score, confidence) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Self(json("trial", packed).and_then(|row| sample(row, score, confidence))))
    }
}

/// What JSON loses nothing of, as the array that the database made of it: each column costs a copy on its
/// way out, and a run has many trials.
#[derive(Deserialize)]
struct Packed<'a> {
    arm: usize,
    task: usize,
    item: String,
    cluster: Option<String>,
    level: Option<u8>,
    repeat: u32,
    #[serde(borrow)]
    key: Cow<'a, str>,
    grader: String,
    failed: Option<String>,
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    tier: Option<u8>,
    #[serde(borrow)]
    finish: Option<Cow<'a, str>>,
    tokens_in: Option<u64>,
    tokens_cached: Option<u64>,
    tokens_out: Option<u64>,
    tokens_reasoning: Option<u64>,
    #[serde(borrow)]
    usage_source: Option<Cow<'a, str>>,
    first_us: Option<i64>,
    total_us: Option<i64>,
}

fn sample(
    row: Packed<'_>,
    score: Option<f64>,
    confidence: Option<f64>,
) -> Result<Sample, StoreError> {
    let state = match (&row.outcome, &row.finish, row.failed) {
        (Some(_), _, _) => TrialState::Graded,
        // Answered perhaps, but what the grader asked for could not be had.
        (None, _, Some(why)) => TrialState::Failed(why),
        (None, Some(_), None) => TrialState::Completed,
        (None, None, None) => TrialState::Planned,
    };
    let source = row.usage_source.as_deref().map(|text| name("usage source", text)).transpose()?;
    Ok(Sample {
        arm: row.arm,
        task: row.task,
        cluster: row.cluster.unwrap_or_else(|| row.item.clone()),
        item: row.item,
        level: row.level,
        repeat: row.repeat,
        key: parse_key(&row.key)?,
        grader: row.grader,
        state,
        outcome: row.outcome.as_deref().map(outcome).transpose()?,
        score,
        tier: row.tier,
        confidence,
        finish: row.finish.as_deref().map(finish).transpose()?,
        usage: Usage {
            input: row.tokens_in,
            cached_input: row.tokens_cached,
            output: row.tokens_out,
            reasoning: row.tokens_reasoning,
            source: source.unwrap_or_default(),
        },
        timing: row.total_us.map(|total| timing(row.first_us, total)).transpose()?,
    })
}

/// Reads how long a completion took.
pub(super) fn timing(first_us: Option<i64>, total_us: i64) -> Result<Timing, StoreError> {
    Ok(Timing { first: first_us.map(duration).transpose()?, total: duration(total_us)? })
}
