//! What the store keeps, what it refuses to open, and what it never writes to.

use std::process::{Command, Stdio};

use sqlx::{Executor as _, Row as _, SqlSafeStr as _};
use tempfile::TempDir;
use tripos_runners::{Billed, ErrorKind, Finish, Retry};
use tripos_tasks::Prompt;

use super::owner::Owner;
use super::rows::{AttemptStatus, RunState, TrialState};
use super::write::{Accepted, Announced, AttemptId, Writer};
use super::*;
use crate::plan::scripted::{Scripted, arm, completion, error, selection, suite};
use crate::plan::{Arm, Job, Selection, plan};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn store(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("t.db")).await.expect("a store")
}

/// Runs statements on the file itself, past the store.
async fn tamper(store: &Store, statements: &'static str) {
    let mut connection = connect(store.path()).await.expect("a connection");
    sqlx::raw_sql(statements).execute(&mut connection).await.expect(statements);
    connection.close().await.expect("closes");
}

/// Counts the rows that a statement says.
async fn count(store: &Store, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(store.readers()).await.expect(statement)
}

/// Begins a run of three sums by two arms, as this process.
async fn begin(store: &Store, selection: &Selection) -> (Writer, write::Begun) {
    begin_with(store, selection, None).await.expect("begins")
}

async fn begin_with(
    store: &Store,
    selection: &Selection,
    name: Option<&str>,
) -> Result<(Writer, write::Begun), StoreError> {
    let suites = [suite(3)];
    let runner = Scripted::right("digest of m");
    let arms: [Arm; 2] = [arm("lab/m+think", &runner), arm("lab/m+nothink", &runner)];
    let mut arms = arms;
    arms[1].reasoning = Some(tripos_tasks::ReasoningLevel::Off);
    let plan = plan(&suites, &arms, selection).expect("a plan");
    Writer::begin(
        store,
        &Job { plan: &plan, selection, command: "tripos run", name, sandbox: None, left_out: &[] },
    )
    .await
}

async fn announce(writer: &mut Writer, trial: i64) -> Announced {
    let mut batch = writer.batch().await.expect("a batch");
    let prompt = Prompt(vec![tripos_tasks::Message::user("Compute 0 + 1.")]);
    let announced = batch.announce(trial, &prompt).await.expect("announced");
    batch.commit().await.expect("commits");
    announced
}

async fn attempt(writer: &mut Writer, trial: i64) -> AttemptId {
    match announce(writer, trial).await {
        Announced::Attempt(attempt) => attempt,
        Announced::Answered(accepted) => panic!("{accepted:?} in place of an attempt"),
    }
}

async fn complete(writer: &mut Writer, attempt: AttemptId, text: &str) -> Option<Accepted> {
    let mut batch = writer.batch().await.expect("a batch");
    let earlier = batch.complete(attempt, &completion(text)).await.expect("completed");
    batch.commit().await.expect("commits");
    earlier
}

#[track_caller]
fn check_refusal(result: Result<Store, StoreError>, expected: &str) {
    let error = result.expect_err(expected).to_string();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    let long = "not a database ".repeat(99);
    for text in ["short", long.as_str()] {
        fs::write(&path, text).expect("written");
        check_refusal(Store::open(&path).await, "is not a Tripos store: it is not a SQLite");
        assert_eq!(fs::read_to_string(&path).expect("read"), text);
    }
    assert_eq!(
        fs::read_dir(folder.path()).expect("listed").count(),
        1,
        "files were made beside it"
    );
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("other.db");
    for id in ["0", "17"] {
        fs::remove_file(&path).ok();
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("a database");
        let statements = format!("CREATE TABLE t (a); PRAGMA application_id = {id}");
        let statements = sqlx::AssertSqlSafe(statements);
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("made");
        connection.close().await.expect("closes");
        let before = fs::read(&path).expect("read");
        check_refusal(Store::open(&path).await, "it is the database of another program");
        assert_eq!(fs::read(&path).expect("read"), before);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = folder();
    let store = store(&folder).await;
    let path = store.path().to_owned();
    tamper(&store, "PRAGMA user_version = 9").await;
    store.readers.close().await;
    check_refusal(Store::open(&path).await, "has schema 9; this version of tripos reads up to 2");
}

#[tokio::test]
async fn a_store_of_the_first_schema_becomes_one_of_the_newest_and_keeps_its_runs() {
    let folder = folder();
    let store = store(&folder).await;
    let path = store.path().to_owned();
    begin(&store, &selection()).await;
    tamper(&store, "DROP TABLE left_out; PRAGMA user_version = 1").await;
    store.readers.close().await;
    let store = Store::open(&path).await.expect("it is brought up to date");
    assert_eq!(count(&store, "PRAGMA user_version").await, 2);
    assert_eq!(count(&store, "SELECT count(*) FROM left_out").await, 0);
    assert_eq!(count(&store, "SELECT count(*) FROM run_trial").await, 6);
}

#[tokio::test]
async fn a_store_that_cannot_be_made_says_why() {
    let folder = folder();
    let open = async |path: &Path| {
        let error = Store::open(path).await.expect_err("opened");
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    };
    open(folder.path()).await;
    open(&folder.path().join("none/t.db")).await;
    let missing = folder.path().join("t.db");
    check_refusal(Store::open_existing(&missing).await, "there is no store at");
    assert!(!missing.exists(), "asking for a store made one");
}

#[tokio::test]
async fn a_folder_that_takes_no_more_files_is_named() {
    let folder = folder();
    let path = folder.path().join("t.db");
    // What stands in the way of the journal stands in the way of root too.
    fs::create_dir(folder.path().join("t.db-journal")).expect("made");
    let error = Store::open(&path).await.expect_err("opened");
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = folder();
    fs::write(folder.path().join("t.db"), "").expect("written");
    let store = store(&folder).await;
    assert_eq!(read::runs(&store).await.expect("listed"), []);
    assert_eq!(count(&store, "PRAGMA application_id").await, i64::from(APPLICATION_ID));
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let folder = folder();
    let store = store(&folder).await;
    let (writer, _) = begin(&store, &selection()).await;
    writer.end(RunState::Finished, None).await.expect("ends");
    let path = store.path().to_owned();
    store.readers.close().await;
    let mut bytes = fs::read(&path).expect("read");
    for byte in bytes.iter_mut().skip(4096).step_by(7) {
        *byte = 0xa5;
    }
    fs::write(&path, &bytes).expect("written");
    let error = Store::open(&path).await.expect_err("opened");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(fs::read(&path).expect("read"), bytes);
}

#[tokio::test]
async fn every_statement_prepares() {
    let folder = folder();
    let store = store(&folder).await;
    let mut connection = store.writer().await.expect("a writer");
    let modules = [
        begin::STATEMENTS,
        blob::STATEMENTS,
        bulk::STATEMENTS,
        export::STATEMENTS,
        import::STATEMENTS,
        read::STATEMENTS,
        regrade::STATEMENTS,
        transcript::STATEMENTS,
        write::STATEMENTS,
    ];
    for statement in modules.concat() {
        let prepared = (&mut connection).prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn the_writer_commits_for_good() {
    let folder = folder();
    let store = store(&folder).await;
    let mut writer = store.writer().await.expect("a writer");
    let mut pragma = async |statement: &'static str| -> String {
        let row = sqlx::query(statement).fetch_one(&mut writer).await.expect(statement);
        row.try_get::<String, _>(0).unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
    };
    assert_eq!(pragma("PRAGMA journal_mode").await, "wal");
    assert_eq!(pragma("PRAGMA synchronous").await, "2");
    assert_eq!(pragma("PRAGMA foreign_keys").await, "1");
    assert_eq!(pragma("PRAGMA trusted_schema").await, "0");
    assert_eq!(pragma("PRAGMA cell_size_check").await, "1");
    assert_eq!(pragma("PRAGMA journal_size_limit").await, "67108864");
}

#[tokio::test]
async fn the_same_plan_is_the_same_run() {
    let folder = folder();
    let store = store(&folder).await;
    let (one, first) = begin(&store, &selection()).await;
    one.end(RunState::Interrupted, None).await.expect("ends");
    let (two, second) = begin(&store, &selection()).await;
    two.end(RunState::Finished, None).await.expect("ends");
    assert_eq!((first.run, &first.handle), (second.run, &second.handle));
    assert_eq!(first.standing, second.standing);
    let (three, third) = begin(&store, &Selection { seed: 2, ..selection() }).await;
    three.end(RunState::Stopped, Some("`m`: no key")).await.expect("ends");
    assert_ne!(third.run, first.run);
    let runs = read::runs(&store).await.expect("listed");
    assert_eq!(
        runs.iter().map(|run| run.state).collect::<Vec<_>>(),
        [RunState::Stopped, RunState::Finished]
    );
    assert_eq!(runs[0].reason.as_deref(), Some("`m`: no key"));
    assert_eq!((runs[1].trials, runs[1].graded, runs[1].failed), (6, 0, 0));
    assert_eq!(runs[1].suites, ["sums"]);
    assert_eq!(runs[1].arms, ["lab/m+think", "lab/m+nothink"]);
    let run = read::run(&store, first.run).await.expect("read");
    assert_eq!(run.selection, selection());
    assert_eq!((run.tasks[0].items, run.tasks[0].task.as_str()), (3, "math/sum"));
    assert_eq!(run.arms[0].effective[0].dropped, ["top_p"]);
}

#[tokio::test]
async fn a_run_that_a_live_process_works_on_is_refused_until_it_dies() {
    let folder = folder();
    let store = store(&folder).await;
    let (mut writer, begun) = begin(&store, &selection()).await;
    attempt(&mut writer, begun.standing[0].trial).await;
    drop(writer);
    let mut other =
        Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("a process");
    let owner = Owner::of(other.id());
    let mut connection = connect(store.path()).await.expect("a connection");
    sqlx::query("UPDATE owner SET pid = ?1, started = ?2")
        .bind(owner.pid)
        .bind(owner.started)
        .execute(&mut connection)
        .await
        .expect("updated");
    let busy = begin_with(&store, &selection(), None).await.err().expect("a refusal");
    assert_eq!(
        busy.to_string(),
        format!("the run `{}` is being worked on by process {}", begun.handle, other.id())
    );
    assert_eq!(read::runs(&store).await.expect("listed")[0].state, RunState::Running);
    // Another run of the store is free, and takes nothing from the process at work.
    let another = begin(&store, &Selection { seed: 2, ..selection() }).await;
    drop(another);
    assert_eq!(count(&store, "SELECT count(*) FROM attempt WHERE status = 'started'").await, 1);
    other.kill().expect("killed");
    other.wait().expect("reaped");
    assert_eq!(read::runs(&store).await.expect("listed")[1].state, RunState::Interrupted);
    begin(&store, &selection()).await;
    assert_eq!(
        count(&store, "SELECT count(*) FROM attempt WHERE status = 'lost' AND billed = 'possibly'")
            .await,
        1
    );
}

#[tokio::test]
async fn only_one_answer_of_a_turn_is_ever_accepted() {
    let folder = folder();
    let store = store(&folder).await;
    let (mut writer, begun) = begin(&store, &selection()).await;
    let trial = begun.standing[0].trial;
    let (one, two) = (attempt(&mut writer, trial).await, attempt(&mut writer, trial).await);
    assert_eq!(complete(&mut writer, one, "Answer: 1").await, None);
    let first = Accepted { text: "Answer: 1".to_owned(), finish: Finish::Stop };
    assert_eq!(complete(&mut writer, two, "Answer: 2").await, Some(first.clone()));
    let Announced::Answered(again) = announce(&mut writer, trial).await else {
        panic!("an answered trial was announced again");
    };
    assert_eq!(again, first);
    drop(writer);
    let mut connection = connect(store.path()).await.expect("a connection");
    let accepted = sqlx::query("UPDATE attempt SET status = 'ok'").execute(&mut connection).await;
    let refusal = accepted.expect_err("two answers were accepted").to_string();
    assert!(refusal.contains("UNIQUE constraint failed"), "{refusal}");
    let twice = "INSERT INTO attempt (turn, n, owner, status, started_ms)
        SELECT turn, n, owner, 'started', 0 FROM attempt LIMIT 1";
    let twice = sqlx::query(twice).execute(&mut connection).await;
    assert!(twice.is_err(), "two attempts have one place");
}

#[tokio::test]
async fn a_transcript_holds_everything_about_a_trial() {
    let folder = folder();
    let store = store(&folder).await;
    let (mut writer, begun) = begin(&store, &selection()).await;
    let standing = begun.standing[0];
    let first = attempt(&mut writer, standing.trial).await;
    let mut batch = writer.batch().await.expect("a batch");
    let failed = error(ErrorKind::Server, Billed::Possibly, Retry::After(None));
    batch.fail(first, &failed).await.expect("failed");
    batch.commit().await.expect("commits");
    let second = attempt(&mut writer, standing.trial).await;
    let mut sent = completion("Answer: \u{0}1");
    sent.finish = Finish::Other("eos".to_owned());
    let mut batch = writer.batch().await.expect("a batch");
    batch.complete(second, &sent).await.expect("completed");
    batch.commit().await.expect("commits");
    let key = read::samples(&store, begun.run, None).await.expect("read")[0].key;
    let found = read::find_trial(&store, &key.to_string()[..9].to_uppercase()).await;
    assert_eq!(found.expect("found"), key);
    let transcript = read::transcript(&store, key).await.expect("read");
    let [turn] = transcript.turns.as_slice() else { panic!("{:?}", transcript.turns) };
    assert_eq!(turn.prompt.0[0].content, "Compute 0 + 1.");
    let [failed, ok] = turn.attempts.as_slice() else { panic!("{:?}", turn.attempts) };
    assert_eq!((failed.n, failed.status), (1, AttemptStatus::Failed));
    assert_eq!(failed.error.as_deref(), Some("server"));
    assert_eq!(failed.message.as_deref(), Some("the server said no"));
    assert_eq!((failed.billed, failed.http_status), (Some(Billed::Possibly), Some(500)));
    assert_eq!((failed.redacted, failed.raw.as_slice()), (true, b"no".as_slice()));
    assert_eq!((ok.n, ok.status, ok.billed), (2, AttemptStatus::Ok, None));
    assert_eq!(ok.raw, sent.raw.body);
    let kept = turn.completion.as_ref().expect("a completion");
    assert_eq!((&kept.text, &kept.reasoning), (&sent.text, &sent.reasoning));
    assert_eq!((&kept.finish, &kept.usage), (&sent.finish, &sent.usage));
    assert_eq!((&kept.timing, &kept.served), (&sent.timing, &sent.served));
    let [listing] = transcript.listings.as_slice() else { panic!("{:?}", transcript.listings) };
    assert_eq!((listing.arm.as_str(), listing.task.as_str()), ("lab/m+think", "math/sum"));
    assert_eq!((listing.item.target.as_str(), listing.item.id.as_str()), ("1", "sum-0"));
    assert_eq!(listing.item.target_kind, "integer");
    assert_eq!(listing.grade, None);
}

#[tokio::test]
async fn runs_and_arms_are_found_by_what_people_call_them() {
    let folder = folder();
    let store = store(&folder).await;
    for (seed, name) in [(1, "nightly"), (2, "nightly"), (3, "a/b")] {
        let (writer, _) = begin_with(&store, &Selection { seed, ..selection() }, Some(name))
            .await
            .expect("begins");
        writer.end(RunState::Finished, None).await.expect("ends");
    }
    let runs = read::runs(&store).await.expect("listed");
    let find = async |name: &str| read::find_run(&store, name).await;
    let handle = &runs[2].handle;
    for name in [handle.as_str(), &handle[..9], &handle[2..]] {
        assert_eq!(find(name).await.expect(name).run, runs[2].id);
    }
    assert_eq!(find("nightly").await.expect("by name").run, runs[1].id);
    let named = find("a/b/lab/m+nothink").await.expect("with its arm");
    assert_eq!((named.run, named.arm), (runs[0].id, Some(1)));
    assert_eq!(find("a/b").await.expect("with two arms").arm, None);
    let refusal = async |name: &str| find(name).await.expect_err(name).to_string();
    assert!(refusal("r-").await.starts_with("`r-` can mean several runs: r-"));
    assert_eq!(refusal("").await, "no run is called ``");
    assert_eq!(refusal("weekly/x").await, "no run is called `weekly/x`");
    assert_eq!(
        refusal("nightly/lab/m").await,
        "the run `nightly` has no model `lab/m`; it has lab/m+think, lab/m+nothink"
    );
    let trial =
        async |prefix| read::find_trial(&store, prefix).await.expect_err(prefix).to_string();
    assert_eq!(trial("zz").await, "no trial has a key that begins with `zz`");
    assert_eq!(trial("").await, "several trials have a key that begins with ``");
}

#[tokio::test]
async fn what_was_altered_in_the_file_is_noticed() {
    let folder = folder();
    let store = store(&folder).await;
    let (mut writer, begun) = begin(&store, &selection()).await;
    let first = attempt(&mut writer, begun.standing[0].trial).await;
    complete(&mut writer, first, "Answer: 1").await;
    let key = read::samples(&store, begun.run, None).await.expect("read")[0].key;
    tamper(&store, "UPDATE blob SET bytes = zeroblob(length(bytes))").await;
    let error = read::transcript(&store, key).await.expect_err("a damaged body");
    assert!(matches!(error, StoreError::Body { .. }), "{error:?}");
    tamper(&store, "UPDATE completion SET finish = 'sideways'").await;
    let error = read::samples(&store, begun.run, None).await.expect_err("an unknown finish");
    assert_eq!(error.to_string(), "the stored finish `sideways` is not one this version knows");
    tamper(&store, "PRAGMA foreign_keys = OFF; DROP TABLE completion").await;
    let error = read::samples(&store, begun.run, None).await.expect_err("a missing table");
    assert_eq!(error.to_string(), "cannot read the trials in the store");
}

#[tokio::test]
async fn a_trial_nobody_asked_for_is_planned() {
    let folder = folder();
    let store = store(&folder).await;
    let (_writer, begun) = begin(&store, &selection()).await;
    let samples = read::samples(&store, begun.run, None).await.expect("read");
    assert_eq!(samples.len(), 6);
    assert!(samples.iter().all(|sample| sample.state == TrialState::Planned));
    assert_eq!((samples[0].cluster.as_str(), samples[0].level), ("sum-0", Some(1)));
    assert_eq!(read::telemetry(&store, begun.run).await.expect("read"), [None, None]);
}

#[test]
fn every_finish_reads_back() {
    let all = [
        Finish::Stop,
        Finish::Length,
        Finish::LengthInReasoning,
        Finish::Context,
        Finish::ContentFilter,
        Finish::Refusal,
        Finish::Other("stop".to_owned()),
        Finish::Other(String::new()),
    ];
    for finish in all {
        assert_eq!(rows::finish(&rows::finish_text(&finish)).expect("reads"), finish);
    }
}

#[tokio::test]
async fn a_run_with_conversations_of_several_turns_is_not_exported() {
    let folder = folder();
    let store = store(&folder).await;
    let (mut writer, begun) = begin(&store, &selection()).await;
    let first = attempt(&mut writer, begun.standing[0].trial).await;
    complete(&mut writer, first, "Answer: 1").await;
    let whole = export::export(&store, begun.run).await.expect("one turn");
    assert_eq!(whole.trials.len(), 6);
    assert_eq!(whole.trials.iter().filter(|trial| trial.answer.is_some()).count(), 1);
    tamper(&store, "INSERT INTO turn (trial, n, prompt) SELECT trial, 2, prompt FROM turn").await;
    let refused = export::export(&store, begun.run).await.expect_err("two turns");
    assert!(refused.to_string().contains("conversations of several turns"), "{refused}");
}
