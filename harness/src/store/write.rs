//! Appends to the store: one transaction a batch, one writer.
//!
//! The order of facts is the caller's: an attempt is committed as started before its request is
//! sent, its outcome and raw bytes in one later transaction, the grade in another.

use sqlx::sqlite::Sqlite;
use sqlx::{Connection, SqliteConnection, Transaction};
use tripos_graders::Grade;
use tripos_runners::runner::Telemetry;
use tripos_runners::{Completion, Finish, Raw, RunnerError};
use tripos_tasks::Prompt;

pub(crate) use super::begin::{Begun, Standing};
use super::rows::{RunState, finish, finish_text, json_text, micros, name_text};
use super::{Store, StoreError, begin, blob, doing, now_ms};
use crate::plan::Job;

/// The one connection that writes, and the run it writes to.
pub(crate) struct Writer {
    connection: SqliteConnection,
    run: i64,
    owner: i64,
}

/// What is written together.
pub(crate) struct Batch<'a> {
    pub(super) transaction: Transaction<'a, Sqlite>,
    run: i64,
    pub(super) owner: i64,
    pub(super) now_ms: i64,
}

/// One try at a runner, as the ledger numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptId(i64);

/// What grading needs of an accepted completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The final text.
    pub text: String,
    /// Why the model stopped.
    pub finish: Finish,
}

/// What became of an announcement.
#[derive(Debug)]
pub(crate) enum Announced {
    /// It is in the ledger: the request may be sent.
    Attempt(AttemptId),
    /// An answer had been accepted before: nothing is to be sent.
    Answered(Accepted),
}

statements! {
    INSERT_TURN = "INSERT OR IGNORE INTO turn (trial, n, prompt) VALUES (?1, 1, ?2)";
    SELECT_TURN = "SELECT id FROM turn WHERE trial = ?1 AND n = 1";
    INSERT_ATTEMPT = "INSERT INTO attempt (turn, n, owner, status, started_ms)
        SELECT ?1, 1 + coalesce(max(n), 0), ?2, 'started', ?3 FROM attempt WHERE turn = ?1
        RETURNING id";
    ACCEPTED = "SELECT c.text, c.finish FROM attempt a JOIN completion c ON c.attempt = a.id
        WHERE a.turn = ?1 AND a.status = 'ok'";
    TURN_OF = "SELECT turn FROM attempt WHERE id = ?1";
    ACCEPT = "UPDATE attempt SET status = 'ok', ended_ms = ?2, http_status = ?3, redacted = ?4,
        raw = ?5 WHERE id = ?1 AND NOT EXISTS
        (SELECT 1 FROM attempt o WHERE o.turn = attempt.turn AND o.status = 'ok')";
    SUPERSEDE = "UPDATE attempt SET status = 'lost', ended_ms = ?2, http_status = ?3,
        redacted = ?4, raw = ?5, billed = 'possibly',
        message = 'another answer was accepted first' WHERE id = ?1";
    FAIL = "UPDATE attempt SET status = 'failed', ended_ms = ?2, http_status = ?3, redacted = ?4,
        raw = ?5, error = ?6, message = ?7, billed = ?8 WHERE id = ?1";
    INSERT_COMPLETION = "INSERT INTO completion (attempt, text, reasoning_kind, reasoning, finish,
        tokens_in, tokens_cached, tokens_out, tokens_reasoning, usage_source, first_us, total_us,
        served_model, fingerprint, request_id)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    GIVE_UP = "UPDATE run_trial SET failed = ?3 WHERE run = ?1 AND n = ?2";
    INSERT_GRADE = "INSERT OR IGNORE INTO grade (trial, grader, outcome, score, detail, graded_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    HEARTBEAT = "UPDATE owner SET heartbeat_ms = ?2 WHERE id = ?1";
    INSERT_TELEMETRY = "INSERT INTO telemetry (owner, run, arm, seen) VALUES (?1, ?2, ?3, ?4)";
    END_RUN = "UPDATE run SET state = ?2, reason = ?3, ended_ms = ?4 WHERE id = ?1";
}

impl Writer {
    /// Makes this process the owner of the run, listing the run when it is new.
    pub(crate) async fn begin(store: &Store, job: &Job<'_>) -> Result<(Self, Begun), StoreError> {
        let digest = job.plan.digest.to_string();
        Self::begin_rows(store, (&digest, job.name), || begin::Rows::of(job)).await
    }

    /// The same for a run whose rows were made elsewhere.
    pub(super) async fn begin_rows(
        store: &Store,
        named: (&str, Option<&str>),
        rows: impl FnOnce() -> begin::Rows,
    ) -> Result<(Self, Begun), StoreError> {
        let mut connection = store.writer().await?;
        let mut transaction =
            connection.begin_with("BEGIN IMMEDIATE").await.map_err(doing("begin"))?;
        let begun = begin::begin(&mut transaction, named, rows).await?;
        transaction.commit().await.map_err(doing("commit"))?;
        Ok((Self { connection, run: begun.run.0, owner: begun.owner }, begun))
    }

    /// Begins a batch.
    pub(crate) async fn batch(&mut self) -> Result<Batch<'_>, StoreError> {
        let transaction =
            self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(doing("begin"))?;
        Ok(Batch { transaction, run: self.run, owner: self.owner, now_ms: now_ms() })
    }

    /// Says that this process is still at work.
    pub(crate) async fn heartbeat(&mut self) -> Result<(), StoreError> {
        sqlx::query(HEARTBEAT)
            .bind(self.owner)
            .bind(now_ms())
            .execute(&mut self.connection)
            .await
            .map_err(doing("give a sign of life"))?;
        Ok(())
    }

    /// Ends the session: what was sent and not heard of is lost, and the run is as `state` says.
    pub(crate) async fn end(
        mut self,
        state: RunState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut batch = self.batch().await?;
        begin::close_owner(&mut batch.transaction, batch.owner).await?;
        sqlx::query(END_RUN)
            .bind(batch.run)
            .bind(state.as_str())
            .bind(reason)
            .bind(batch.now_ms)
            .execute(&mut *batch.transaction)
            .await
            .map_err(doing("end the run"))?;
        batch.commit().await?;
        // Whoever copies the file gets all of it.
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await
            .map_err(doing("end the run"))?;
        self.connection.close().await.map_err(doing("close"))
    }
}

impl Batch<'_> {
    /// Announces an attempt at a trial, unless an answer was accepted before.
    pub(crate) async fn announce(
        &mut self,
        trial: i64,
        prompt: &Prompt,
    ) -> Result<Announced, StoreError> {
        let connection = &mut *self.transaction;
        let prompt = blob::put(connection, json_text(prompt).as_bytes()).await?;
        sqlx::query(INSERT_TURN)
            .bind(trial)
            .bind(prompt)
            .execute(&mut *connection)
            .await
            .map_err(doing("announce an attempt"))?;
        let turn: i64 = sqlx::query_scalar(SELECT_TURN)
            .bind(trial)
            .fetch_one(&mut *connection)
            .await
            .map_err(doing("announce an attempt"))?;
        if let Some(accepted) = accepted(connection, turn).await? {
            return Ok(Announced::Answered(accepted));
        }
        let id = sqlx::query_scalar(INSERT_ATTEMPT)
            .bind(turn)
            .bind(self.owner)
            .bind(self.now_ms)
            .fetch_one(connection)
            .await
            .map_err(doing("announce an attempt"))?;
        Ok(Announced::Attempt(AttemptId(id)))
    }

    /// Accepts a completion; returns the one that was accepted before, if there is one.
    pub(crate) async fn complete(
        &mut self,
        attempt: AttemptId,
        completion: &Completion,
    ) -> Result<Option<Accepted>, StoreError> {
        if self.end_attempt(ACCEPT, attempt, &completion.raw).await? == 0 {
            self.end_attempt(SUPERSEDE, attempt, &completion.raw).await?;
            let turn: i64 = sqlx::query_scalar(TURN_OF)
                .bind(attempt.0)
                .fetch_one(&mut *self.transaction)
                .await
                .map_err(doing("keep a completion"))?;
            return accepted(&mut self.transaction, turn).await;
        }
        self.insert_completion(attempt, completion).await?;
        Ok(None)
    }

    /// Runs `statement`, which ends an attempt, and returns how many rows it changed.
    async fn end_attempt(
        &mut self,
        statement: &'static str,
        attempt: AttemptId,
        raw: &Raw,
    ) -> Result<u64, StoreError> {
        let body = self.body(&raw.body).await?;
        let result = sqlx::query(statement)
            .bind(attempt.0)
            .bind(self.now_ms)
            .bind(raw.status)
            .bind(raw.redacted)
            .bind(body)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("keep a completion"))?;
        Ok(result.rows_affected())
    }

    async fn insert_completion(
        &mut self,
        attempt: AttemptId,
        completion: &Completion,
    ) -> Result<(), StoreError> {
        let Completion { reasoning, usage, timing, served, .. } = completion;
        let tokens =
            |count: Option<u64>| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let thought = self.body(reasoning.text.as_bytes()).await?;
        sqlx::query(INSERT_COMPLETION)
            .bind(attempt.0)
            .bind(&completion.text)
            .bind(name_text(&reasoning.kind))
            .bind(thought)
            .bind(finish_text(&completion.finish))
            .bind(tokens(usage.input))
            .bind(tokens(usage.cached_input))
            .bind(tokens(usage.output))
            .bind(tokens(usage.reasoning))
            .bind(name_text(&usage.source))
            .bind(timing.first.map(micros))
            .bind(micros(timing.total))
            .bind(served.model.as_deref())
            .bind(served.fingerprint.as_deref())
            .bind(served.request_id.as_deref())
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("keep a completion"))?;
        Ok(())
    }

    /// Records that an attempt ended in an error.
    pub(crate) async fn fail(
        &mut self,
        attempt: AttemptId,
        error: &RunnerError,
    ) -> Result<(), StoreError> {
        let body = self.body(&error.raw.body).await?;
        sqlx::query(FAIL)
            .bind(attempt.0)
            .bind(self.now_ms)
            .bind(error.raw.status)
            .bind(error.raw.redacted)
            .bind(body)
            .bind(name_text(&error.kind))
            .bind(&error.message)
            .bind(name_text(&error.billed))
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("record a failed attempt"))?;
        Ok(())
    }

    /// Records that no answer can be had for the trial at place `n` of the plan.
    pub(crate) async fn give_up(&mut self, n: usize, why: &str) -> Result<(), StoreError> {
        sqlx::query(GIVE_UP)
            .bind(self.run)
            .bind(place(n))
            .bind(why)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("record a failed trial"))?;
        Ok(())
    }

    /// Records a verdict. One that is there already stays: graders are pure, so it is the same.
    pub(crate) async fn grade(
        &mut self,
        (trial, grader): (i64, i64),
        grade: &Grade,
    ) -> Result<(), StoreError> {
        sqlx::query(INSERT_GRADE)
            .bind(trial)
            .bind(grader)
            .bind(grade.outcome.as_str())
            .bind(grade.score)
            .bind(json_text(&grade.detail))
            .bind(self.now_ms)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("record a grade"))?;
        Ok(())
    }

    /// Records what was seen inside the model while this session asked the arm at place `n`.
    pub(crate) async fn observe(&mut self, n: usize, seen: &Telemetry) -> Result<(), StoreError> {
        sqlx::query(INSERT_TELEMETRY)
            .bind(self.owner)
            .bind(self.run)
            .bind(place(n))
            .bind(json_text(seen))
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("record telemetry"))?;
        Ok(())
    }

    /// Makes all of it durable.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(doing("commit"))
    }

    /// Keeps a body, if there is one.
    async fn body(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if body.is_empty() {
            return Ok(None);
        }
        blob::put(&mut self.transaction, body).await.map(Some)
    }
}

/// Returns the accepted completion of a turn.
async fn accepted(
    connection: &mut SqliteConnection,
    turn: i64,
) -> Result<Option<Accepted>, StoreError> {
    let row: Option<(String, String)> = sqlx::query_as(ACCEPTED)
        .bind(turn)
        .fetch_optional(connection)
        .await
        .map_err(doing("read an answer"))?;
    row.map(|(text, stop)| Ok(Accepted { text, finish: finish(&stop)? })).transpose()
}

/// Returns a place in a plan as the store numbers it.
fn place(n: usize) -> i64 {
    i64::try_from(n).expect("a plan fits in memory")
}
