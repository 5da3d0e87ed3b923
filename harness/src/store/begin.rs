//! Puts a plan into the store and says what the store already has of it.
//!
//! One transaction: either the run is listed whole and this process owns it, or nothing happened.

use serde_json::{Value, json};
use sqlx::SqliteConnection;
use tripos_graders::Outcome;
use tripos_tasks::{Digest, Item};

use super::owner::Owner;
use super::rows::{RunId, json_text, outcome};
use super::{StoreError, doing, now_ms};
use crate::key::{grader_digest, sent_sampling, target_kind};
use crate::plan::{Job, LeftOut, Plan, Trial};

/// What the store has of a run.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The run.
    pub run: RunId,
    /// Its name for people.
    pub handle: String,
    /// This process as an owner of the run.
    pub owner: i64,
    /// What there is of each trial, in the order of the plan.
    pub standing: Vec<Standing>,
}

/// What the store has of one trial of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The trial.
    pub trial: i64,
    /// The grader that this run has for it.
    pub grader: i64,
    /// Whether an answer was accepted.
    pub answered: bool,
    /// The verdict, where there is one.
    pub outcome: Option<Outcome>,
    /// Its share of a point, where there is a verdict.
    pub score: Option<f64>,
}

statements! {
    FIND = "SELECT id, handle FROM run WHERE digest = ?1";
    TAKEN = "SELECT 1 FROM run WHERE handle = ?1";
    INSERT_RUN = "INSERT INTO run (digest, handle, name, created_ms, state, command, selection,
        seed, version) VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?6, ?7, ?8) RETURNING id";
    REOPEN = "UPDATE run SET state = 'running', reason = NULL, ended_ms = NULL,
        name = coalesce(?2, name) WHERE id = ?1";
    FORGET_FAILURES = "UPDATE run_trial SET failed = NULL WHERE run = ?1 AND failed IS NOT NULL";
    OPEN_OWNERS = "SELECT id, run, pid, boot, started, heartbeat_ms FROM owner
        WHERE ended_ms IS NULL";
    LOSE = "UPDATE attempt SET status = 'lost', billed = 'possibly', ended_ms = ?2
        WHERE owner = ?1 AND status = 'started'";
    CLOSE_OWNER = "UPDATE owner SET ended_ms = ?2 WHERE id = ?1";
    INSERT_OWNER = "INSERT INTO owner (run, pid, boot, started, heartbeat_ms)
        VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    INSERT_ARMS = "INSERT INTO run_arm (run, n, label, model, digest, requested, effective)
        SELECT ?1, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
        FROM json_each(?2)";
    INSERT_TASKS = "INSERT INTO run_task (run, n, suite, task, version, title, domain, sensitivity,
        weight, digest, grader, items, repeats)
        SELECT ?1, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
            value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
        FROM json_each(?2)";
    INSERT_LEFT_OUT = "INSERT INTO left_out (run, n, task, item, why)
        SELECT ?1, key, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)";
    INSERT_ITEMS = "INSERT OR IGNORE INTO item (digest, name, cluster, level, fields, target_kind,
        target, decoys, origin)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
            value ->> 6, value ->> 7, value ->> 8
        FROM json_each(?1)";
    INSERT_GRADERS = "INSERT OR IGNORE INTO grader (digest) SELECT value FROM json_each(?1)";
    INSERT_TRIALS = "INSERT OR IGNORE INTO trial (key, model, sampling, seed)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)";
    INSERT_LISTING = "INSERT INTO run_trial (run, n, arm, task, repeat, trial, item, grader)
        SELECT ?1, listed.key, value ->> 0, value ->> 1, value ->> 2,
            (SELECT id FROM trial WHERE trial.key = value ->> 3),
            (SELECT id FROM item WHERE item.digest = value ->> 4),
            (SELECT id FROM grader WHERE grader.digest = value ->> 5)
        FROM json_each(?2) AS listed";
    STANDING = "SELECT l.trial, l.grader, g.outcome, g.score,
            EXISTS (SELECT 1 FROM turn u JOIN attempt a ON a.turn = u.id AND a.status = 'ok'
                WHERE u.trial = l.trial) AS answered
        FROM run_trial l
        LEFT JOIN grade g ON g.trial = l.trial AND g.grader = l.grader
        WHERE l.run = ?1 ORDER BY l.n";
}

/// A run as it is listed: a row for each arm, task, item, grader, trial and place of a trial.
pub(super) struct Rows {
    pub(super) command: String,
    pub(super) selection: String,
    pub(super) seed: u64,
    pub(super) version: String,
    /// When it was first planned, in milliseconds since 1970.
    pub(super) created_ms: i64,
    pub(super) arms: Vec<Value>,
    pub(super) tasks: Vec<Value>,
    pub(super) left_out: Vec<Value>,
    pub(super) items: Vec<Value>,
    pub(super) graders: Vec<Value>,
    pub(super) trials: Vec<Value>,
    pub(super) listing: Vec<Value>,
}

impl Rows {
    /// The rows of a run that is planned here.
    pub(super) fn of(job: &Job<'_>) -> Self {
        let plan = job.plan;
        let (items, graders, listing) = listing(plan);
        Self {
            command: job.command.to_owned(),
            selection: json_text(job.selection),
            seed: plan.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_ms: now_ms(),
            arms: arms(plan),
            tasks: tasks(plan),
            left_out: job.left_out.iter().map(left_out).collect(),
            items,
            graders,
            trials: trials(plan),
            listing,
        }
    }
}

/// Makes this process the owner of the run, listing the run when it is new.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    (digest, name): (&str, Option<&str>),
    rows: impl FnOnce() -> Rows,
) -> Result<Begun, StoreError> {
    let known: Option<(i64, String)> = sqlx::query_as(FIND)
        .bind(digest)
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("look for the run"))?;
    let (run, handle) = match known {
        Some(known) => known,
        None => list(&mut *connection, (digest, name), rows()).await?,
    };
    bury(&mut *connection, run, &handle).await?;
    sqlx::query(REOPEN)
        .bind(run)
        .bind(name)
        .execute(&mut *connection)
        .await
        .map_err(doing("open the run"))?;
    sqlx::query(FORGET_FAILURES)
        .bind(run)
        .execute(&mut *connection)
        .await
        .map_err(doing("open the run"))?;
    let owner = own(&mut *connection, run).await?;
    let standing = standing(connection, run).await?;
    Ok(Begun { run: RunId(run), handle, owner, standing })
}

/// Ends the sessions of dead processes; what they had sent is lost. Refuses when a live one is at
/// work on `run`.
async fn bury(connection: &mut SqliteConnection, run: i64, handle: &str) -> Result<(), StoreError> {
    let owners: Vec<(i64, i64, u32, String, i64, i64)> = sqlx::query_as(OPEN_OWNERS)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("look for other processes"))?;
    for (id, its_run, pid, boot, started, heartbeat_ms) in owners {
        let owner = Owner { pid, boot, started };
        // What is left open by this very process is from a session that ended in an error.
        let lives = owner != Owner::this() && owner.lives(heartbeat_ms);
        if lives && its_run == run {
            return Err(StoreError::Busy { run: handle.to_owned(), pid });
        }
        if !lives {
            close_owner(&mut *connection, id).await?;
        }
    }
    Ok(())
}

/// Ends a session: what it had sent and not heard of is lost.
pub(super) async fn close_owner(
    connection: &mut SqliteConnection,
    owner: i64,
) -> Result<(), StoreError> {
    for statement in [LOSE, CLOSE_OWNER] {
        sqlx::query(statement)
            .bind(owner)
            .bind(now_ms())
            .execute(&mut *connection)
            .await
            .map_err(doing("end a session"))?;
    }
    Ok(())
}

async fn own(connection: &mut SqliteConnection, run: i64) -> Result<i64, StoreError> {
    let this = Owner::this();
    sqlx::query_scalar(INSERT_OWNER)
        .bind(run)
        .bind(this.pid)
        .bind(this.boot)
        .bind(this.started)
        .bind(now_ms())
        .fetch_one(connection)
        .await
        .map_err(doing("own the run"))
}

/// The trial, its grader, the verdict, its score, and whether an answer was accepted.
type Standings = (i64, i64, Option<String>, Option<f64>, bool);

async fn standing(
    connection: &mut SqliteConnection,
    run: i64,
) -> Result<Vec<Standing>, StoreError> {
    let rows: Vec<Standings> = sqlx::query_as(STANDING)
        .bind(run)
        .fetch_all(connection)
        .await
        .map_err(doing("read what is known of the run"))?;
    rows.into_iter()
        .map(|(trial, grader, verdict, score, answered)| {
            let outcome = verdict.as_deref().map(outcome).transpose()?;
            Ok(Standing { trial, grader, answered, outcome, score })
        })
        .collect()
}

/// Lists a new run with its arms, tasks, items and trials.
async fn list(
    connection: &mut SqliteConnection,
    (digest, name): (&str, Option<&str>),
    rows: Rows,
) -> Result<(i64, String), StoreError> {
    let handle = free_handle(&mut *connection, digest).await?;
    let run: i64 = sqlx::query_scalar(INSERT_RUN)
        .bind(digest)
        .bind(&handle)
        .bind(name)
        .bind(rows.created_ms)
        .bind(rows.command)
        .bind(rows.selection)
        .bind(rows.seed.cast_signed())
        .bind(rows.version)
        .fetch_one(&mut *connection)
        .await
        .map_err(doing("list the run"))?;
    for (statement, rows) in
        [(INSERT_ARMS, rows.arms), (INSERT_TASKS, rows.tasks), (INSERT_LEFT_OUT, rows.left_out)]
    {
        insert(&mut *connection, statement, (Some(run), rows)).await?;
    }
    for (statement, rows) in
        [(INSERT_ITEMS, rows.items), (INSERT_GRADERS, rows.graders), (INSERT_TRIALS, rows.trials)]
    {
        insert(&mut *connection, statement, (None, rows)).await?;
    }
    insert(connection, INSERT_LISTING, (Some(run), rows.listing)).await?;
    Ok((run, handle))
}

pub(super) fn left_out(item: &LeftOut) -> Value {
    json!([item.task, item.item, item.why])
}

/// Runs a statement that takes its rows as one JSON array, after the run where it wants it.
async fn insert(
    connection: &mut SqliteConnection,
    statement: &'static str,
    (run, rows): (Option<i64>, Vec<Value>),
) -> Result<(), StoreError> {
    let mut query = sqlx::query(statement);
    if let Some(run) = run {
        query = query.bind(run);
    }
    query = query.bind(json_text(&rows));
    query.execute(connection).await.map_err(doing("list the run"))?;
    Ok(())
}

/// Returns the shortest beginning of the digest, from 8 digits on, that no run is called by.
async fn free_handle(
    connection: &mut SqliteConnection,
    digest: &str,
) -> Result<String, StoreError> {
    for digits in 8..digest.len() {
        let handle = format!("r-{}", &digest[..digits]);
        let taken: Option<i64> = sqlx::query_scalar(TAKEN)
            .bind(&handle)
            .fetch_optional(&mut *connection)
            .await
            .map_err(doing("name the run"))?;
        if taken.is_none() {
            return Ok(handle);
        }
    }
    Ok(format!("r-{digest}"))
}

fn arms(plan: &Plan<'_>) -> Vec<Value> {
    plan.arms
        .iter()
        .map(|planned| {
            json!([
                planned.arm.label,
                planned.arm.model,
                planned.arm.runner.digest(),
                json_text(&planned.requested),
                json_text(&planned.effective),
            ])
        })
        .collect()
}

fn tasks(plan: &Plan<'_>) -> Vec<Value> {
    plan.tasks
        .iter()
        .map(|planned| {
            let task = planned.task;
            json!([
                planned.suite,
                task.id,
                task.version,
                task.title,
                task.domain,
                task.sensitivity,
                task.weight,
                task.digest,
                json_text(&task.grader),
                planned.items.len(),
                planned.repeats,
            ])
        })
        .collect()
}

fn trials(plan: &Plan<'_>) -> Vec<Value> {
    plan.trials
        .iter()
        .map(|trial| {
            let planned = &plan.arms[trial.arm];
            let sampling = sent_sampling(&planned.effective[trial.task]);
            json!([
                trial.key.to_string(),
                planned.arm.runner.digest(),
                json_text(&sampling),
                trial.key.seed(plan.seed).cast_signed(),
            ])
        })
        .collect()
}

/// Returns the items, the digests of the graders, and the trials with the digests of both.
fn listing(plan: &Plan<'_>) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    let mut items = Vec::new();
    let mut graders = Vec::new();
    let mut digests = Vec::with_capacity(plan.tasks.len());
    for planned in &plan.tasks {
        let mut of_task = Vec::with_capacity(planned.items.len());
        for item in &planned.items {
            let (digest, row) = item_row(item);
            let grader = grader_digest(&planned.task.grader, item).to_string();
            items.push(row);
            graders.push(Value::from(grader.as_str()));
            of_task.push((digest, grader));
        }
        digests.push(of_task);
    }
    let row = |trial: &Trial| {
        let (item, grader) = &digests[trial.task][trial.item];
        json!([trial.arm, trial.task, trial.repeat, trial.key.to_string(), item, grader])
    };
    (items, graders, plan.trials.iter().map(row).collect())
}

/// Returns the digest of an item's content and its row, which begins with the digest.
fn item_row(item: &Item) -> (String, Value) {
    let content = json!([
        item.id,
        item.group,
        item.origin.as_ref().map(|origin| origin.level),
        json_text(&item.fields),
        target_kind(&item.target),
        item.target.display(),
        json_text(&item.decoys),
        item.origin.as_ref().map(json_text),
    ]);
    let digest = Digest::of_json(&content).to_string();
    let mut row = vec![Value::from(digest.as_str())];
    row.extend(content.as_array().cloned().unwrap_or_default());
    (digest, Value::Array(row))
}
