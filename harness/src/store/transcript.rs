//! Everything the store has about one trial.

use sqlx::{FromRow, SqliteConnection};
use tripos_runners::{Reasoning, Served, Usage};

use super::read::timing;
use super::rows::{
    AttemptRow, CompletionRow, GradeColumns, ItemColumns, Listing, Transcript, TurnRow, finish,
    json, name,
};
use super::{Store, StoreError, blob, doing};
use crate::key::TrialKey;

statements! {
    TRIAL = "SELECT id, model, sampling, seed FROM trial WHERE key = ?1";
    TURNS = "SELECT id, prompt FROM turn WHERE trial = ?1 ORDER BY n";
    ATTEMPTS = "SELECT n, status, started_ms, ended_ms, error, message, billed, http_status,
            redacted, raw
        FROM attempt WHERE turn = ?1 ORDER BY n";
    COMPLETION = "SELECT c.text, c.reasoning_kind, c.reasoning, c.finish, c.tokens_in,
            c.tokens_cached, c.tokens_out, c.tokens_reasoning, c.usage_source, c.first_us,
            c.total_us, c.served_model, c.fingerprint, c.request_id
        FROM attempt a JOIN completion c ON c.attempt = a.id
        WHERE a.turn = ?1 AND a.status = 'ok'";
    LISTINGS = "SELECT r.handle AS run, a.label AS arm, t.task, l.repeat, l.failed, i.name,
            i.cluster, i.fields, i.target_kind, i.target, i.decoys, i.origin, g.outcome,
            g.score, g.detail
        FROM run_trial l
        JOIN run r ON r.id = l.run
        JOIN run_arm a ON a.run = l.run AND a.n = l.arm
        JOIN run_task t ON t.run = l.run AND t.n = l.task
        JOIN item i ON i.id = l.item
        LEFT JOIN grade g ON g.trial = l.trial AND g.grader = l.grader
        WHERE l.trial = ?1 ORDER BY r.created_ms, r.id, l.n";
}

/// Returns everything about one trial.
pub async fn transcript(store: &Store, key: TrialKey) -> Result<Transcript, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(doing("read the trial"))?;
    let row: Option<(i64, String, String, i64)> = sqlx::query_as(TRIAL)
        .bind(key.to_string())
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("read the trial"))?;
    let Some((id, model, sampling, seed)) = row else {
        return Err(StoreError::NoSuchTrial(key.to_string()));
    };
    let turns: Vec<(i64, Vec<u8>)> = sqlx::query_as(TURNS)
        .bind(id)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("read the trial"))?;
    let mut rows = Vec::with_capacity(turns.len());
    for (turn, prompt) in turns {
        let prompt = body_text(&mut connection, Some(prompt)).await?;
        rows.push(TurnRow {
            prompt: json("prompt", &prompt)?,
            attempts: attempts(&mut connection, turn).await?,
            completion: completion(&mut connection, turn).await?,
        });
    }
    Ok(Transcript {
        key,
        model,
        sampling: json("sampling", &sampling)?,
        seed: seed.cast_unsigned(),
        turns: rows,
        listings: listings(&mut connection, id).await?,
    })
}

#[derive(FromRow)]
struct RawAttempt {
    n: u32,
    status: String,
    started_ms: i64,
    ended_ms: Option<i64>,
    error: Option<String>,
    message: Option<String>,
    billed: Option<String>,
    http_status: Option<u16>,
    redacted: bool,
    raw: Option<Vec<u8>>,
}

async fn attempts(
    connection: &mut SqliteConnection,
    turn: i64,
) -> Result<Vec<AttemptRow>, StoreError> {
    let rows: Vec<RawAttempt> = sqlx::query_as(ATTEMPTS)
        .bind(turn)
        .fetch_all(&mut *connection)
        .await
        .map_err(doing("read the attempts"))?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows {
        attempts.push(AttemptRow {
            n: row.n,
            status: name("status", &row.status)?,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
            error: row.error,
            message: row.message,
            billed: row.billed.as_deref().map(|text| name("bill", text)).transpose()?,
            http_status: row.http_status,
            redacted: row.redacted,
            raw: match row.raw {
                Some(hash) => blob::get(&mut *connection, &hash).await?,
                None => Vec::new(),
            },
        });
    }
    Ok(attempts)
}

#[derive(FromRow)]
struct RawCompletion {
    text: String,
    reasoning_kind: String,
    reasoning: Option<Vec<u8>>,
    finish: String,
    tokens_in: Option<u64>,
    tokens_cached: Option<u64>,
    tokens_out: Option<u64>,
    tokens_reasoning: Option<u64>,
    usage_source: String,
    first_us: Option<i64>,
    total_us: i64,
    served_model: Option<String>,
    fingerprint: Option<String>,
    request_id: Option<String>,
}

pub(super) async fn completion(
    connection: &mut SqliteConnection,
    turn: i64,
) -> Result<Option<CompletionRow>, StoreError> {
    let row: Option<RawCompletion> = sqlx::query_as(COMPLETION)
        .bind(turn)
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing("read the answer"))?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(CompletionRow {
        reasoning: Reasoning {
            kind: name("kind of reasoning", &row.reasoning_kind)?,
            text: body_text(connection, row.reasoning).await?,
        },
        text: row.text,
        finish: finish(&row.finish)?,
        usage: Usage {
            input: row.tokens_in,
            cached_input: row.tokens_cached,
            output: row.tokens_out,
            reasoning: row.tokens_reasoning,
            source: name("usage source", &row.usage_source)?,
        },
        timing: timing(row.first_us, row.total_us)?,
        served: Served {
            model: row.served_model,
            fingerprint: row.fingerprint,
            request_id: row.request_id,
        },
    }))
}

#[derive(FromRow)]
struct RawListing {
    run: String,
    arm: String,
    task: String,
    repeat: u32,
    failed: Option<String>,
    #[sqlx(flatten)]
    item: ItemColumns,
    #[sqlx(flatten)]
    grade: GradeColumns,
}

async fn listings(
    connection: &mut SqliteConnection,
    trial: i64,
) -> Result<Vec<Listing>, StoreError> {
    let rows: Vec<RawListing> = sqlx::query_as(LISTINGS)
        .bind(trial)
        .fetch_all(connection)
        .await
        .map_err(doing("read where the trial is listed"))?;
    rows.into_iter().map(listing).collect()
}

fn listing(row: RawListing) -> Result<Listing, StoreError> {
    Ok(Listing {
        run: row.run,
        arm: row.arm,
        task: row.task,
        repeat: row.repeat,
        item: row.item.item()?,
        failed: row.failed,
        grade: row.grade.grade()?,
    })
}

/// Returns a body that is text, or nothing where there is none.
pub(super) async fn body_text(
    connection: &mut SqliteConnection,
    hash: Option<Vec<u8>>,
) -> Result<String, StoreError> {
    let Some(hash) = hash else {
        return Ok(String::new());
    };
    let body = blob::get(connection, &hash).await?;
    String::from_utf8(body)
        .map_err(|_| StoreError::Value { what: "text", value: blob::name(&hash) })
}
