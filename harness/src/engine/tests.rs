//! What a run does when everything goes well, and when requests, runners, stores and users do not.

use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tripos_runners::{Billed, ErrorKind, Retry};
use tripos_tasks::{Digest, GraderSpec, Item, Suite};

use super::*;
use crate::plan::scripted::{
    Scripted, arm, completion, error, right, selection, suite, suite_of, task,
};
use crate::plan::{Arm, Selection, plan};
use crate::store::read;
use crate::store::rows::{AttemptStatus, Sample, TrialState};

/// A store in a folder of its own, and the suites that are asked.
struct Bench {
    _folder: TempDir,
    store: Store,
    suites: Vec<Suite>,
    selection: Selection,
}

impl Bench {
    async fn new(items: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("t.db")).await.expect("a store");
        let selection = selection();
        Self { _folder: folder, store, suites: vec![suite(items)], selection }
    }

    async fn run(&self, arms: &[Arm]) -> Outcome {
        let (_hold, cancel) = watch::channel(false);
        self.run_until(arms, cancel).await.expect("runs")
    }

    async fn run_until(
        &self,
        arms: &[Arm],
        cancel: watch::Receiver<bool>,
    ) -> Result<Outcome, StoreError> {
        let plan = plan(&self.suites, arms, &self.selection).expect("a plan");
        let selection = &self.selection;
        let job = Job {
            plan: &plan,
            selection,
            command: "tripos run",
            name: None,
            sandbox: None,
            left_out: &[],
        };
        run(job, &self.store, cancel, |_| {}).await
    }

    async fn samples(&self, outcome: &Outcome) -> Vec<Sample> {
        read::samples(&self.store, outcome.run, None).await.expect("read")
    }

    /// Counts the attempts of the whole store by their status.
    async fn attempts(&self) -> BTreeMap<String, i64> {
        let mut connection = open(self.store.path().to_owned()).await;
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT status, count(*) FROM attempt GROUP BY status")
                .fetch_all(&mut connection)
                .await
                .expect("counted");
        rows.into_iter().collect()
    }
}

async fn open(path: PathBuf) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

fn statuses(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(status, n)| ((*status).to_owned(), *n)).collect()
}

/// Counts the samples that are graded, failed and planned.
fn states(samples: &[Sample]) -> (usize, usize, usize) {
    let count = |is: fn(&TrialState) -> bool| samples.iter().filter(|s| is(&s.state)).count();
    (
        count(|state| *state == TrialState::Graded),
        count(|state| matches!(state, TrialState::Failed(_))),
        count(|state| *state == TrialState::Planned),
    )
}

/// Sleeps take no time: the clock jumps whenever nothing else is to be done.
fn stop_the_clock() {
    tokio::time::pause();
}

#[tokio::test]
async fn every_trial_is_asked_once_and_graded_and_never_asked_again() {
    let bench = Bench::new(6).await;
    let runner = Scripted::new("m", 4, |n, request| {
        Ok(if n == 2 { completion("Answer: 99") } else { right(request) })
    });
    let arms = [arm("m", &runner)];
    let outcome = bench.run(&arms).await;
    assert_eq!(runner.asked(), 6);
    assert!(!outcome.interrupted);
    assert_eq!((outcome.progress.done(), outcome.progress.total()), (6, 6));
    assert_eq!((outcome.progress.reused, outcome.progress.attempts), (0, 6));
    assert_eq!(outcome.progress.arms[0].outcomes[..2], [5, 1]);
    assert_eq!((outcome.progress.tokens_in, outcome.progress.tokens_reasoning), (42, 18));
    let samples = bench.samples(&outcome).await;
    assert_eq!(states(&samples), (6, 0, 0));
    assert!((samples.iter().filter_map(|sample| sample.score).sum::<f64>() - 5.0).abs() < 1e-9);

    let again = bench.run(&arms).await;
    assert_eq!(runner.asked(), 6);
    assert_eq!((again.run, again.progress.reused), (outcome.run, 6));
    assert_eq!(bench.samples(&again).await, samples);
    assert_eq!(bench.attempts().await, statuses(&[("ok", 6)]));
    let seen = read::telemetry(&bench.store, outcome.run).await.expect("read");
    assert_eq!(seen[0].as_ref().map(|seen| seen.decode_tokens), Some(6));
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_in_the_ledger() {
    let bench = Bench::new(5).await;
    let path = bench.store.path().to_owned();
    let runner = Scripted::waiting("m", 1, move |n, request| {
        let path = path.clone();
        Box::pin(async move {
            let mut connection = open(path).await;
            let started: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM attempt a JOIN turn u ON u.id = a.turn
                    JOIN trial t ON t.id = u.trial
                    WHERE a.status = 'started' AND t.seed = ?1",
            )
            .bind(request.seed.cast_signed())
            .fetch_one(&mut connection)
            .await
            .expect("counted");
            assert_eq!(started, 1, "request {n} was sent before its row was there");
            Ok(right(&request))
        })
    });
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!((outcome.progress.done(), runner.asked()), (5, 5));
}

/// Fails every attempt, then says how many there were and what became of the trial.
async fn check_bound(billed: Billed, retry: Retry, expected: usize) {
    let bench = Bench::new(1).await;
    let runner = Scripted::new("m", 1, move |_, _| Err(error(ErrorKind::Server, billed, retry)));
    stop_the_clock();
    let outcome = bench.run(&[arm("m", &runner)]).await;
    tokio::time::resume();
    assert_eq!(runner.asked(), expected, "with {billed:?} and {retry:?}");
    assert_eq!(outcome.progress.arms[0].failed, 1);
    let samples = bench.samples(&outcome).await;
    assert_eq!(samples[0].state, TrialState::Failed("the server said no".to_owned()));
    assert_eq!(samples[0].outcome, None);
    let failed = i64::try_from(expected).expect("few");
    assert_eq!(bench.attempts().await, statuses(&[("failed", failed)]));

    // The next run tries again, and an answer ends it.
    let well = Scripted::right("m");
    let outcome = bench.run(&[arm("m", &well)]).await;
    assert_eq!((well.asked(), outcome.progress.arms[0].graded()), (1, 1));
    let key = bench.samples(&outcome).await[0].key;
    let transcript = read::transcript(&bench.store, key).await.expect("read");
    let last = transcript.turns[0].attempts.last().expect("attempts");
    assert_eq!((last.n as usize, last.status), (expected + 1, AttemptStatus::Ok));
}

#[tokio::test]
async fn attempts_are_bounded() {
    check_bound(Billed::No, Retry::After(None), 8).await;
    check_bound(Billed::Possibly, Retry::After(None), 3).await;
    check_bound(Billed::No, Retry::Never, 1).await;
}

#[tokio::test]
async fn a_passing_failure_is_waited_out() {
    let bench = Bench::new(3).await;
    let runner = Scripted::new("m", 1, |n, request| match n {
        0 | 2 => Err(error(ErrorKind::Overloaded, Billed::No, Retry::After(None))),
        _ => Ok(right(request)),
    });
    stop_the_clock();
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!((outcome.progress.arms[0].graded(), outcome.progress.attempts), (3, 5));
    assert_eq!(bench.attempts().await, statuses(&[("failed", 2), ("ok", 3)]));
}

#[tokio::test]
async fn an_attempt_without_end_is_ended() {
    let bench = Bench::new(1).await;
    let runner = Scripted::waiting("m", 1, |_, _| Box::pin(pending()));
    let arms = [arm("m", &runner)];
    stop_the_clock();
    let outcome = bench.run(&arms).await;
    tokio::time::resume();
    // Two attempts of an hour fill the two hours of a trial.
    assert_eq!((runner.asked(), outcome.progress.arms[0].failed), (2, 1));
    let state = &bench.samples(&outcome).await[0].state;
    assert_eq!(*state, TrialState::Failed("no answer within 3600 s".to_owned()));
}

#[tokio::test]
async fn a_model_that_cannot_be_asked_stops_its_arms_and_no_other() {
    let bench = Bench::new(4).await;
    let dead = Scripted::new("dead", 1, |n, request| match n {
        1 => Err(error(ErrorKind::Unauthorised, Billed::No, Retry::StopModel)),
        _ => Ok(right(request)),
    });
    let mut second = arm("dead+nothink", &dead);
    second.max_tokens = Some(9);
    let arms = [arm("dead", &dead), second, arm("well", &Scripted::right("well"))];
    let outcome = bench.run(&arms).await;
    assert_eq!(dead.asked(), 2, "a stopped model was asked again");
    assert!(!outcome.interrupted);
    let why = Some("the server said no".to_owned());
    let arms: Vec<_> = outcome.progress.arms.iter().map(|arm| arm.stopped.clone()).collect();
    assert_eq!(arms, [why.clone(), why, None]);
    let samples = bench.samples(&outcome).await;
    assert_eq!(states(&samples[..4]), (1, 0, 3));
    assert_eq!(states(&samples[4..8]), (0, 0, 4));
    assert_eq!(states(&samples[8..]), (4, 0, 0));
    let run = read::run(&bench.store, outcome.run).await.expect("read").summary;
    assert_eq!(run.state, RunState::Stopped);
    let reason = "`dead`: the server said no; `dead+nothink`: the server said no";
    assert_eq!(run.reason.as_deref(), Some(reason));
}

#[tokio::test]
async fn a_runner_that_was_never_reached_is_soon_taken_for_down() {
    let bench = Bench::new(9).await;
    let refused = || Err(error(ErrorKind::Connect, Billed::No, Retry::After(None)));
    let down = Scripted::new("m", 1, move |_, _| refused());
    stop_the_clock();
    let outcome = bench.run(&[arm("m", &down)]).await;
    assert_eq!((down.asked(), outcome.progress.done()), (4, 0));
    assert_eq!(outcome.progress.arms[0].stopped.as_deref(), Some("the server said no"));
    tokio::time::resume();
    // One that has answered gets every attempt.
    let bench = Bench::new(2).await;
    stop_the_clock();
    let gone = Scripted::new("m", 1, move |n, request| match n {
        0 => Ok(right(request)),
        _ => refused(),
    });
    let outcome = bench.run(&[arm("m", &gone)]).await;
    assert_eq!((gone.asked(), outcome.progress.arms[0].failed), (9, 1));
}

#[tokio::test]
async fn one_configuration_error_again_and_again_stops_the_arm() {
    let bench = Bench::new(9).await;
    let refuses = |_: usize, _: &_| Err(error(ErrorKind::Configuration, Billed::No, Retry::Never));
    let runner = Scripted::new("m", 1, refuses);
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!(runner.asked(), 5);
    assert_eq!(states(&bench.samples(&outcome).await), (0, 5, 4));
    let stopped = outcome.progress.arms[0].stopped.as_deref();
    assert_eq!(stopped, Some("5 times in a row: the server said no"));
}

#[tokio::test]
async fn configuration_errors_between_answers_stop_nothing() {
    let bench = Bench::new(9).await;
    let runner = Scripted::new("m", 1, |n, request| match n {
        4 => Ok(right(request)),
        _ => Err(error(ErrorKind::Configuration, Billed::No, Retry::Never)),
    });
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!(states(&bench.samples(&outcome).await), (1, 8, 0));
    assert_eq!(outcome.progress.arms[0].stopped, None);
    let state = read::run(&bench.store, outcome.run).await.expect("read").summary.state;
    assert_eq!(state, RunState::Finished);
}

#[tokio::test]
async fn cancelling_loses_nothing_that_was_finished() {
    let bench = Bench::new(8).await;
    let (stop, cancel) = watch::channel(false);
    let runner = Scripted::waiting("m", 2, move |n, request| {
        if n < 3 {
            return Box::pin(async move { Ok(right(&request)) });
        }
        stop.send_replace(true);
        Box::pin(pending())
    });
    let outcome = bench.run_until(&[arm("m", &runner)], cancel).await.expect("runs");
    assert!(outcome.interrupted);
    let asked = runner.asked();
    assert!((4..=5).contains(&asked), "{asked} were sent");
    assert_eq!(states(&bench.samples(&outcome).await), (3, 0, 5));
    assert_eq!(bench.attempts().await.get("started"), None);
    let state = read::run(&bench.store, outcome.run).await.expect("read").summary.state;
    assert_eq!(state, RunState::Interrupted);

    let well = Scripted::right("m");
    let outcome = bench.run(&[arm("m", &well)]).await;
    assert_eq!((well.asked(), outcome.progress.reused), (5, 3));
    assert_eq!(bench.attempts().await["ok"], 8);
}

#[tokio::test]
async fn a_cancelled_wait_ends_at_once() {
    let bench = Bench::new(1).await;
    let (stop, cancel) = watch::channel(false);
    let wish = Retry::After(Some(std::time::Duration::from_mins(10)));
    let runner = Scripted::new("m", 1, move |_, _| {
        stop.send_replace(true);
        Err(error(ErrorKind::Overloaded, Billed::No, wish))
    });
    let outcome = bench.run_until(&[arm("m", &runner)], cancel).await.expect("runs");
    assert!(outcome.interrupted);
    assert_eq!(states(&bench.samples(&outcome).await), (0, 0, 1));
}

/// Ends the work at the moment of the `at`-th request, as a kill would: nothing is wound up.
async fn killed_at(bench: &Bench, at: usize) -> usize {
    let (reached, mut killed) = watch::channel(false);
    let runner = Scripted::waiting("m", 3, move |n, request| {
        if n >= at {
            reached.send_replace(true);
            return Box::pin(pending());
        }
        Box::pin(async move { Ok(right(&request)) })
    });
    let arms = [arm("m", &runner)];
    let (_hold, cancel) = watch::channel(false);
    tokio::select! {
        _ = killed.wait_for(|killed| *killed) => {}
        outcome = bench.run_until(&arms, cancel) => drop(outcome.expect("runs")),
    }
    runner.asked()
}

#[tokio::test]
async fn after_any_crash_the_rest_is_asked_and_no_answer_is_asked_for_again() {
    for at in 0..10 {
        let bench = Bench::new(9).await;
        killed_at(&bench, at).await;
        killed_at(&bench, 2).await;
        let accepted = bench.attempts().await.get("ok").copied().unwrap_or(0);
        let well = Scripted::right("m");
        let outcome = bench.run(&[arm("m", &well)]).await;
        assert_eq!(i64::try_from(well.asked()).expect("few"), 9 - accepted, "killed at {at}");
        assert_eq!(states(&bench.samples(&outcome).await), (9, 0, 0));
        let attempts = bench.attempts().await;
        assert_eq!((attempts["ok"], attempts.get("started")), (9, None));
    }
}

#[tokio::test]
async fn an_answer_without_a_grade_is_graded_without_asking() {
    let bench = Bench::new(4).await;
    let arms = [arm("m", &Scripted::right("m"))];
    bench.run(&arms).await;
    let options = SqliteConnectOptions::new().filename(bench.store.path());
    let mut connection = SqliteConnection::connect_with(&options).await.expect("a connection");
    sqlx::query("DELETE FROM grade").execute(&mut connection).await.expect("deleted");
    // Not even a model that cannot be asked keeps them from their grades.
    let dead = Scripted::new("m", 1, |_, _| panic!("asked for an answer the store has"));
    let outcome = bench.run(&[arm("m", &dead)]).await;
    assert_eq!((dead.asked(), outcome.progress.attempts), (0, 0));
    assert_eq!(outcome.progress.arms[0].outcomes[0], 4);
    assert_eq!(bench.attempts().await, statuses(&[("ok", 4)]));
}

#[tokio::test]
async fn tasks_and_runs_that_ask_the_same_thing_share_the_answer() {
    let mut bench = Bench::new(0).await;
    let mut other = task("math/other", 3);
    other.digest = Digest::of_bytes(b"other");
    other.grader = GraderSpec::Rational;
    for item in &mut other.items {
        let Item { decoys, .. } = item;
        decoys.clear();
    }
    bench.suites = vec![suite_of(vec![task("math/sum", 3), other])];
    let runner = Scripted::right("m");
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!((runner.asked(), outcome.progress.arms[0].graded()), (3, 6));

    bench.suites = vec![suite(4)];
    let another = bench.run(&[arm("m", &runner)]).await;
    assert_ne!(another.run, outcome.run);
    assert_eq!((runner.asked(), another.progress.reused), (4, 3));
}

#[tokio::test]
async fn a_better_grader_grades_again_and_asks_nothing() {
    let mut bench = Bench::new(3).await;
    let runner = Scripted::right("m");
    bench.run(&[arm("m", &runner)]).await;
    bench.suites[0].tasks[0].grader = GraderSpec::Rational;
    let outcome = bench.run(&[arm("m", &runner)]).await;
    assert_eq!((runner.asked(), outcome.progress.reused), (3, 0));
    assert_eq!(states(&bench.samples(&outcome).await), (3, 0, 0));
}

#[tokio::test]
async fn no_more_are_asked_at_once_than_is_wished() {
    for (wish, expected) in [(None, 3), (Some(2), 2)] {
        let mut bench = Bench::new(9).await;
        bench.selection.concurrency = wish;
        let under_way = Arc::new(watch::Sender::new((0_usize, 0_usize)));
        let counter = Arc::clone(&under_way);
        let runner = Scripted::waiting("m", 3, move |_, request| {
            let counter = Arc::clone(&counter);
            Box::pin(async move {
                counter.send_modify(|(now, most)| {
                    *now += 1;
                    *most = (*most).max(*now);
                });
                tokio::task::yield_now().await;
                counter.send_modify(|(now, _)| *now -= 1);
                Ok(right(&request))
            })
        });
        let outcome = bench.run(&[arm("m", &runner)]).await;
        assert_eq!(outcome.progress.done(), 9);
        assert!(under_way.borrow().1 <= expected, "{} at once", under_way.borrow().1);
    }
}

#[tokio::test]
async fn the_observer_hears_of_every_commit_up_to_the_end() {
    let bench = Bench::new(5).await;
    let arms = [arm("m", &Scripted::right("m"))];
    let plan = plan(&bench.suites, &arms, &bench.selection).expect("a plan");
    let selection = &bench.selection;
    let job = Job {
        plan: &plan,
        selection,
        command: "tripos run",
        name: Some("first"),
        sandbox: None,
        left_out: &[],
    };
    let (_hold, cancel) = watch::channel(false);
    let mut heard = Vec::new();
    let outcome = run(job, &bench.store, cancel, |progress| heard.push(progress.done())).await;
    assert_eq!(heard.first(), Some(&0));
    assert_eq!(heard.last(), Some(&5));
    assert!(heard.is_sorted());
    let found = read::find_run(&bench.store, "first").await.expect("found");
    assert_eq!((found.run, found.arm), (outcome.expect("runs").run, Some(0)));
}

#[tokio::test]
async fn a_store_that_takes_no_more_ends_the_run() {
    let bench = Bench::new(6).await;
    let options = SqliteConnectOptions::new().filename(bench.store.path());
    let mut connection = SqliteConnection::connect_with(&options).await.expect("a connection");
    sqlx::raw_sql(
        "CREATE TRIGGER full BEFORE INSERT ON completion WHEN (SELECT count(*) FROM completion) >= 2
            BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .execute(&mut connection)
    .await
    .expect("made");
    let (_hold, cancel) = watch::channel(false);
    let runner = Scripted::new("m", 1, |_, request| Ok(right(request)));
    let ended = bench.run_until(&[arm("m", &runner)], cancel).await;
    assert_eq!(ended.expect_err("an error").to_string(), "cannot keep a completion in the store");
    assert_eq!(runner.asked(), 3);
    assert_eq!(bench.attempts().await, statuses(&[("ok", 2), ("started", 1)]));
}
