//! Reads a whole run back in the order of its plan: what [`import`](super::import::import) keeps elsewhere.
//!
//! Of each trial there is what was sent, what was accepted and the verdict that the run is listed
//! under. Attempts that failed and the bytes that came back stay where they were measured.

use std::collections::BTreeMap;

use sqlx::{FromRow, SqliteConnection};
use tripos_runners::{Completion, Raw};
use tripos_tasks::Prompt;

use super::import::{Imported, ImportedTrial};
use super::read::{self, samples, telemetry};
use super::rows::{CompletionRow, GradeColumns, ItemColumns, RunId, Sample, json, number};
use super::transcript::{body_text, completion};
use super::{Store, StoreError, doing};

statements! {
    LISTED = "SELECT l.arm, l.task, l.repeat, i.name, i.cluster, i.fields, i.target_kind, i.target,
            i.decoys, i.origin, u.id AS turn, u.prompt, g.outcome, g.score, g.detail
        FROM run_trial l
        JOIN item i ON i.id = l.item
        LEFT JOIN turn u ON u.trial = l.trial AND u.n = 1
        LEFT JOIN grade g ON g.trial = l.trial AND g.grader = l.grader
        WHERE l.run = ?1 ORDER BY l.n";
    LONG = "SELECT count(*) FROM run_trial l JOIN turn u ON u.trial = l.trial
        WHERE l.run = ?1 AND u.n > 1";
}

#[derive(FromRow)]
struct Row {
    arm: i64,
    task: i64,
    repeat: u32,
    #[sqlx(flatten)]
    item: ItemColumns,
    turn: Option<i64>,
    prompt: Option<Vec<u8>>,
    #[sqlx(flatten)]
    grade: GradeColumns,
}

/// Returns a run with everything that another store needs to stand in for this one.
pub async fn export(store: &Store, id: RunId) -> Result<Imported, StoreError> {
    let run = read::run(store, id).await?;
    let mut connection = store.readers().acquire().await.map_err(doing("read the run"))?;
    let long: i64 = sqlx::query_scalar(LONG)
        .bind(id.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(doing("read the run"))?;
    if long > 0 {
        return Err(StoreError::ManyTurns { run: run.summary.handle });
    }
    let rows: Vec<Row> = sqlx::query_as(LISTED)
        .bind(id.0)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("read the run"))?;
    let place = |s: &Sample| (s.arm, s.task, s.item.clone(), s.repeat);
    let mut known: BTreeMap<_, Sample> = samples(store, id, None)
        .await?
        .into_iter()
        .map(|sample| (place(&sample), sample))
        .collect();
    let mut trials = Vec::with_capacity(rows.len());
    for row in rows {
        let place =
            (number("arm", row.arm)?, number("task", row.task)?, row.item.name.clone(), row.repeat);
        let sample = known.remove(&place).ok_or(StoreError::Value {
            what: "place of a trial",
            value: format!("{} {}", row.item.name, row.repeat),
        })?;
        trials.push(trial(&mut connection, row, sample).await?);
    }
    Ok(Imported { run, trials, telemetry: telemetry(store, id).await? })
}

async fn trial(
    connection: &mut SqliteConnection,
    row: Row,
    sample: Sample,
) -> Result<ImportedTrial, StoreError> {
    Ok(ImportedTrial {
        item: row.item.item()?,
        answer: answer(connection, row.turn, row.prompt).await?,
        grade: row.grade.grade()?,
        sample,
    })
}

/// What was sent and what was accepted, where an answer was.
async fn answer(
    connection: &mut SqliteConnection,
    turn: Option<i64>,
    prompt: Option<Vec<u8>>,
) -> Result<Option<(Prompt, Completion)>, StoreError> {
    let Some(turn) = turn else { return Ok(None) };
    let Some(row) = completion(connection, turn).await? else { return Ok(None) };
    let prompt = body_text(connection, prompt).await?;
    let CompletionRow { text, reasoning, finish, usage, timing, served } = row;
    let raw = Raw::default();
    let completion = Completion { text, reasoning, finish, usage, timing, served, raw };
    Ok(Some((json("prompt", &prompt)?, completion)))
}
