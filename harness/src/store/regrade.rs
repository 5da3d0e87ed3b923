//! Grades once more what a run already has: the completions as they were accepted, and where new
//! verdicts go.
//!
//! Everything a pure grader needs is in the store. An older verdict stays beside the new one, under the
//! digest of the grader that gave it; the run is listed under the new one.

use std::collections::BTreeMap;

use sqlx::{Connection, FromRow};
use tripos_graders::{Grade, Outcome};
use tripos_runners::Finish;
use tripos_tasks::{Digest, GraderSpec, Item, ItemId, Target};

use super::rows::{RunId, finish, json, json_text, number, outcome};
use super::{Store, StoreError, doing, now_ms};
use crate::key::target_of;

statements! {
    COMPLETIONS = "SELECT l.n, l.arm, l.task, l.trial, t.key, k.grader AS spec, r.digest AS grader,
            i.name AS item, i.target_kind, i.target, i.decoys, c.text, c.finish, g.outcome
        FROM run_trial l
        JOIN trial t ON t.id = l.trial
        JOIN run_task k ON k.run = l.run AND k.n = l.task
        JOIN grader r ON r.id = l.grader
        JOIN item i ON i.id = l.item
        JOIN turn u ON u.trial = l.trial AND u.n = 1
        JOIN attempt a ON a.turn = u.id AND a.status = 'ok'
        JOIN completion c ON c.attempt = a.id
        LEFT JOIN grade g ON g.trial = l.trial AND g.grader = l.grader
        WHERE l.run = ?1 ORDER BY l.n";
    INSERT_GRADER = "INSERT OR IGNORE INTO grader (digest) VALUES (?1)";
    INSERT_GRADE = "INSERT OR REPLACE INTO grade (trial, grader, outcome, score, detail, graded_ms)
        VALUES (?1, (SELECT id FROM grader WHERE digest = ?2), ?3, ?4, ?5, ?6)";
    LIST_UNDER = "UPDATE run_trial SET grader = (SELECT id FROM grader WHERE digest = ?3)
        WHERE run = ?1 AND n = ?2";
}

/// An accepted completion of a run and what was said of it.
#[derive(Clone, Debug)]
pub struct Graded {
    /// Its place in the run.
    pub place: i64,
    /// The place of its model.
    pub arm: usize,
    /// The place of its task.
    pub task: usize,
    /// The trial.
    pub key: String,
    /// How it is graded, and the item as graders see it; nothing where the store does not hold all of
    /// the target, as of runs that were measured elsewhere.
    pub gradable: Option<(GraderSpec, Item)>,
    /// The item's name.
    pub item_name: String,
    /// The answer.
    pub text: String,
    /// Why the model stopped.
    pub finish: Finish,
    /// The verdict that the run is listed under.
    pub outcome: Option<Outcome>,
    trial: i64,
    grader: String,
}

#[derive(FromRow)]
struct Row {
    n: i64,
    arm: i64,
    task: i64,
    trial: i64,
    key: String,
    spec: String,
    grader: String,
    item: String,
    target_kind: String,
    target: String,
    decoys: String,
    text: String,
    finish: String,
    outcome: Option<String>,
}

/// Returns the accepted completions of a run in the order of its plan.
pub async fn completions(store: &Store, run: RunId) -> Result<Vec<Graded>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(COMPLETIONS)
        .bind(run.0)
        .fetch_all(store.readers())
        .await
        .map_err(doing("read the completions"))?;
    rows.into_iter().map(graded).collect()
}

fn graded(row: Row) -> Result<Graded, StoreError> {
    let gradable = match target_of(&row.target_kind, &row.target) {
        Some(target) => Some((json("grader", &row.spec)?, item(&row, target)?)),
        None => None,
    };
    Ok(Graded {
        place: row.n,
        arm: number("arm", row.arm)?,
        task: number("task", row.task)?,
        key: row.key,
        gradable,
        item_name: row.item,
        text: row.text,
        finish: finish(&row.finish)?,
        outcome: row.outcome.as_deref().map(outcome).transpose()?,
        trial: row.trial,
        grader: row.grader,
    })
}

fn item(row: &Row, target: Target) -> Result<Item, StoreError> {
    let decoys: BTreeMap<String, String> = json("decoys", &row.decoys)?;
    Ok(Item {
        id: ItemId::new(row.item.clone()),
        group: None,
        fields: BTreeMap::new(),
        target,
        decoys,
        origin: None,
    })
}

/// Keeps new verdicts and lists the run under them, all or none.
pub(crate) async fn keep(
    store: &Store,
    run: RunId,
    grades: &[(&Graded, Digest, Grade)],
) -> Result<(), StoreError> {
    let mut connection = store.writer().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(doing("begin"))?;
    for (graded, digest, grade) in grades {
        let digest = digest.to_string();
        if digest == graded.grader && graded.outcome == Some(grade.outcome) {
            continue;
        }
        sqlx::query(INSERT_GRADER)
            .bind(&digest)
            .execute(&mut *transaction)
            .await
            .map_err(doing("record a grader"))?;
        sqlx::query(INSERT_GRADE)
            .bind(graded.trial)
            .bind(&digest)
            .bind(grade.outcome.as_str())
            .bind(grade.score)
            .bind(json_text(&grade.detail))
            .bind(now_ms())
            .execute(&mut *transaction)
            .await
            .map_err(doing("record a grade"))?;
        sqlx::query(LIST_UNDER)
            .bind(run.0)
            .bind(graded.place)
            .bind(&digest)
            .execute(&mut *transaction)
            .await
            .map_err(doing("list the run"))?;
    }
    transaction.commit().await.map_err(doing("commit"))?;
    connection.close().await.map_err(doing("close"))
}
