//! Writes many answers and verdicts at once, as an import has them: a statement for hundreds of rows.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use sqlx::QueryBuilder;
use sqlx::sqlite::Sqlite;
use tripos_graders::Grade;
use tripos_runners::Completion;
use tripos_tasks::Prompt;

use super::rows::{finish_text, json_text, micros, name_text};
use super::write::Batch;
use super::{StoreError, blob, doing};

/// Rows of one statement: of the widest, they hold half the values that `SQLite` allows (32,766).
const ROWS: usize = 1_024;

statements! {
    TURNS = "INSERT OR IGNORE INTO turn (trial, n, prompt)
        SELECT value ->> 0, 1, unhex(value ->> 1) FROM json_each(?1)";
    // The first answer to a trial is the one that counts, here and in what is there already.
    ATTEMPTS = "INSERT INTO attempt (turn, n, owner, status, started_ms, ended_ms, http_status,
            redacted, raw)
        SELECT id, n, ?2, 'ok', ?3, ?3, status, redacted, raw FROM (
            SELECT u.id, 1 + coalesce((SELECT max(o.n) FROM attempt o WHERE o.turn = u.id), 0) AS n,
                value ->> 1 AS status, value ->> 2 AS redacted, unhex(value ->> 3) AS raw,
                min(answers.key)
            FROM json_each(?1) AS answers
            CROSS JOIN turn u ON u.trial = value ->> 0 AND u.n = 1
            WHERE NOT EXISTS
                (SELECT 1 FROM attempt o WHERE o.turn = u.id AND o.status = 'ok')
            GROUP BY u.id)
        RETURNING id, (SELECT u.trial FROM turn u WHERE u.id = attempt.turn)";
}

/// An answer to a trial: the trial, what was sent and what came back.
pub(super) type Answer<'a> = (i64, &'a Prompt, &'a Completion);

/// A verdict: the trial, the grader and what it said.
pub(super) type Verdict<'a> = (i64, i64, &'a Grade);

impl Batch<'_> {
    /// Keeps the answers to trials that have none: all that [`Batch::announce`] and [`Batch::complete`] keep.
    pub(super) async fn keep_answers(&mut self, answers: &[Answer<'_>]) -> Result<(), StoreError> {
        for answers in answers.chunks(ROWS) {
            self.keep_some(answers).await?;
        }
        Ok(())
    }

    async fn keep_some(&mut self, answers: &[Answer<'_>]) -> Result<(), StoreError> {
        let mut bodies = Bodies::default();
        let mut turns = Vec::with_capacity(answers.len());
        let mut attempts = Vec::with_capacity(answers.len());
        let mut thoughts = Vec::with_capacity(answers.len());
        for (trial, prompt, completion) in answers {
            let raw = &completion.raw;
            let prompt = bodies.add(json_text(prompt).as_bytes()).map(|hash| hash.to_string());
            let body = bodies.add(&raw.body).map(|hash| hash.to_string());
            turns.push(json!([trial, prompt]));
            attempts.push(json!([trial, raw.status, raw.redacted, body]));
            thoughts.push(bodies.add(completion.reasoning.text.as_bytes()));
        }
        self.keep_bodies(&bodies).await?;
        sqlx::query(TURNS)
            .bind(json_text(&turns))
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("keep a prompt"))?;
        let accepted = self.accept(&attempts).await?;
        let mut seen = HashSet::with_capacity(answers.len());
        let rows: Vec<_> = answers
            .iter()
            .zip(thoughts)
            .filter(|((trial, ..), _)| seen.insert(*trial))
            .filter_map(|((trial, _, completion), thought)| {
                Some((*accepted.get(trial)?, *completion, thought))
            })
            .collect();
        self.keep_completions(rows).await
    }

    /// Lists an accepted attempt for each trial that has none; returns those by trial.
    async fn accept(&mut self, attempts: &[Value]) -> Result<HashMap<i64, i64>, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(ATTEMPTS)
            .bind(json_text(&attempts))
            .bind(self.owner)
            .bind(self.now_ms)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(doing("keep a completion"))?;
        Ok(rows.into_iter().map(|(attempt, trial)| (trial, attempt)).collect())
    }

    async fn keep_bodies(&mut self, bodies: &Bodies) -> Result<(), StoreError> {
        if bodies.kept.is_empty() {
            return Ok(());
        }
        let mut query: QueryBuilder<Sqlite> =
            QueryBuilder::new("INSERT OR IGNORE INTO blob (hash, size, bytes) ");
        query.push_values(&bodies.kept, |mut row, (hash, size, bytes)| {
            row.push_bind(hash.as_bytes().as_slice()).push_bind(*size).push_bind(bytes.as_slice());
        });
        query.build().execute(&mut *self.transaction).await.map_err(doing("keep a body"))?;
        Ok(())
    }

    async fn keep_completions(
        &mut self,
        rows: Vec<(i64, &Completion, Option<blake3::Hash>)>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let tokens =
            |count: Option<u64>| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "INSERT INTO completion (attempt, text, reasoning_kind, reasoning, finish, tokens_in, \
             tokens_cached, tokens_out, tokens_reasoning, usage_source, first_us, total_us, \
             served_model, fingerprint, request_id) ",
        );
        query.push_values(rows, |mut row, (attempt, completion, thought)| {
            let Completion { text, reasoning, finish, usage, timing, served, .. } = completion;
            row.push_bind(attempt)
                .push_bind(text.as_str())
                .push_bind(name_text(&reasoning.kind))
                .push_bind(thought.map(|hash| hash.as_bytes().to_vec()))
                .push_bind(finish_text(finish))
                .push_bind(tokens(usage.input))
                .push_bind(tokens(usage.cached_input))
                .push_bind(tokens(usage.output))
                .push_bind(tokens(usage.reasoning))
                .push_bind(name_text(&usage.source))
                .push_bind(timing.first.map(micros))
                .push_bind(micros(timing.total))
                .push_bind(served.model.as_deref())
                .push_bind(served.fingerprint.as_deref())
                .push_bind(served.request_id.as_deref());
        });
        query.build().execute(&mut *self.transaction).await.map_err(doing("keep a completion"))?;
        Ok(())
    }

    /// Records verdicts, as [`Batch::grade`] does.
    pub(super) async fn keep_grades(&mut self, grades: &[Verdict<'_>]) -> Result<(), StoreError> {
        for grades in grades.chunks(ROWS) {
            let now_ms = self.now_ms;
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT OR IGNORE INTO grade (trial, grader, outcome, score, detail, graded_ms) ",
            );
            query.push_values(grades, |mut row, (trial, grader, grade)| {
                row.push_bind(*trial)
                    .push_bind(*grader)
                    .push_bind(grade.outcome.as_str())
                    .push_bind(grade.score)
                    .push_bind(json_text(&grade.detail))
                    .push_bind(now_ms);
            });
            query.build().execute(&mut *self.transaction).await.map_err(doing("record a grade"))?;
        }
        Ok(())
    }
}

/// Bodies to keep, each once.
#[derive(Default)]
struct Bodies {
    known: HashSet<blake3::Hash>,
    kept: Vec<(blake3::Hash, i64, Vec<u8>)>,
}

impl Bodies {
    /// Adds a body, if there is one, and returns its name.
    fn add(&mut self, body: &[u8]) -> Option<blake3::Hash> {
        if body.is_empty() {
            return None;
        }
        let hash = blake3::hash(body);
        if self.known.insert(hash) {
            let (size, bytes) = blob::packed(body);
            self.kept.push((hash, size, bytes));
        }
        Some(hash)
    }
}
