//! Asks: bounded streams, attempts and retries, deadlines, cancellation.
//!
//! Arms of one runner take turns, so that what is seen inside the model belongs to one arm; runners
//! are asked side by side. Nothing is sent before the recorder has it in the ledger, and an answer
//! is graded only after it is durable.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tripos_runners::sandbox::Sandbox;
use tripos_runners::{Billed, Completion, ErrorKind, Request, Retry, Runner, RunnerError, Want};
use tripos_tasks::Prompt;

use super::event::Event;
use super::grade::grade;
use super::retry::{Next, Retries};
use crate::key::sent_sampling;
use crate::plan::{Plan, Trial};
use crate::store::write::{Accepted, Announced, AttemptId};

/// The longest one attempt may take; runners have tighter limits of their own.
const ATTEMPT_MAX: Duration = Duration::from_hours(1);
/// The longest all attempts at a trial may take together, waits included.
const TRIAL_MAX: Duration = Duration::from_hours(2);
/// How many trials in a row may fail with one configuration error before the arm is stopped.
const EQUAL_ERRORS_MAX: u32 = 5;

/// How many attempts at a trial may find nobody before the runner is taken for down, while nothing
/// has been heard from it.
const UNREACHED_MAX: u32 = 4;

/// What all executors share.
pub(super) struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// Requests under way at once, in place of the runner's own wish.
    pub concurrency: Option<usize>,
    /// Where programs are run.
    pub sandbox: Option<&'a Arc<Sandbox>>,
    /// The way to the recorder.
    pub events: mpsc::Sender<Event>,
    /// Turns true when nothing more is to be sent.
    pub cancel: watch::Receiver<bool>,
}

/// A trial to be asked once, for every place of the plan that lists it.
pub(super) struct Unit {
    /// The trial, as the store numbers it.
    pub trial: i64,
    /// The first place that lists it.
    pub first: Trial,
    /// The places that want a verdict.
    pub places: Vec<usize>,
    /// Whether the store has its answer already.
    pub answered: bool,
}

/// How the work on a unit ended, when not in an answer.
enum End {
    /// The unit is left as it is: the arm has stopped, or the run was cancelled.
    Left,
    /// No answer can be had.
    Failed(ErrorKind, String),
}

/// Why an arm is not asked any more.
#[derive(Clone)]
struct Stop {
    why: String,
    /// Whether every arm of the runner stops with it.
    runner: bool,
}

/// The arms of one runner, each with its units.
type Queue = Vec<(usize, Vec<Unit>)>;

/// One arm at work.
struct Lane<'a> {
    context: &'a Context<'a>,
    arm: usize,
    stop: watch::Sender<Option<Stop>>,
    /// Whether anything has been heard from the runner.
    heard: AtomicBool,
}

/// Works on every unit; `units` has a list for each arm of the plan.
pub(super) async fn execute(context: Context<'_>, units: Vec<Vec<Unit>>) {
    let runner = |arm: usize| &context.plan.arms[arm].arm.runner;
    let mut queues: Vec<Queue> = Vec::new();
    for (arm, units) in units.into_iter().enumerate() {
        match queues.iter_mut().find(|queue| Arc::ptr_eq(runner(queue[0].0), runner(arm))) {
            Some(queue) => queue.push((arm, units)),
            None => queues.push(vec![(arm, units)]),
        }
    }
    join_all(queues.into_iter().map(|queue| one_runner(&context, queue))).await;
}

/// Works on the arms of one runner, one after the other.
async fn one_runner(context: &Context<'_>, queue: Queue) {
    let mut dead = None;
    for (arm, units) in queue {
        if units.is_empty() {
            continue;
        }
        let (stop, _) = watch::channel(dead.clone());
        let lane = Lane { context, arm, stop, heard: AtomicBool::new(false) };
        lane.run(units).await;
        dead = lane.stop.borrow().clone().filter(|stop| stop.runner);
    }
}

impl Lane<'_> {
    /// Works on every unit of the arm.
    async fn run(&self, units: Vec<Unit>) {
        let runner = self.runner();
        let before = runner.telemetry();
        let limit = self.context.concurrency.unwrap_or_else(|| runner.concurrency()).max(1);
        let mut ends = stream::iter(units).map(|unit| self.work(unit)).buffer_unordered(limit);
        let mut streak: (u32, Option<String>) = (0, None);
        while let Some(end) = ends.next().await {
            match end {
                Err(End::Left) => {}
                Err(End::Failed(ErrorKind::Configuration, message)) => {
                    let equal = streak.1.as_ref() == Some(&message);
                    streak = (if equal { streak.0 + 1 } else { 1 }, Some(message.clone()));
                    if streak.0 == EQUAL_ERRORS_MAX {
                        let why = format!("{EQUAL_ERRORS_MAX} times in a row: {message}");
                        self.stop(Stop { why, runner: false });
                    }
                }
                Err(End::Failed(..)) | Ok(()) => streak = (0, None),
            }
        }
        let why = self.stop.borrow().as_ref().map(|stop| stop.why.clone());
        if let Some(why) = why {
            self.tell(Event::Stopped { arm: self.arm, why }).await.ok();
        }
        let seen = runner.telemetry().map(|after| match &before {
            Some(before) => after.since(before),
            None => after,
        });
        let seen = seen.filter(|seen| seen.prefill_tokens + seen.decode_tokens > 0);
        self.tell(Event::Finished { arm: self.arm, seen }).await.ok();
    }

    /// Gets the answer of one unit and its verdicts.
    async fn work(&self, unit: Unit) -> Result<(), End> {
        let answer = self.answer(&unit).await;
        if let Err(End::Failed(_, why)) = &answer {
            for &n in &unit.places {
                self.tell(Event::Failed { n, why: why.clone() }).await?;
            }
        }
        let accepted = answer?;
        for &n in &unit.places {
            let place = &self.context.plan.trials[n];
            let planned = &self.context.plan.tasks[place.task];
            let item = planned.items[place.item];
            let event = match grade(planned.task, item, &accepted, self.context.sandbox).await {
                Ok(grade) => Event::Graded { n, grade },
                Err(why) => Event::Failed { n, why },
            };
            self.tell(event).await?;
        }
        Ok(())
    }

    /// Asks until there is an answer, or there will be none. The one retry loop.
    async fn answer(&self, unit: &Unit) -> Result<Accepted, End> {
        let plan = self.context.plan;
        let planned = &plan.tasks[unit.first.task];
        let prompt = planned
            .task
            .render(planned.items[unit.first.item])
            .expect("the plan rendered the same prompt");
        let request = Request {
            conversation: prompt.0.clone(),
            want: Want::Text,
            sampling: sent_sampling(&plan.arms[self.arm].effective[unit.first.task]),
            seed: unit.first.key.seed(plan.seed),
        };
        let began = Instant::now();
        let mut retries = Retries::new(request.seed);
        loop {
            if self.halted() && !unit.answered {
                return Err(End::Left);
            }
            let attempt = match self.announce(unit.trial, prompt.clone()).await? {
                Announced::Attempt(attempt) => attempt,
                Announced::Answered(accepted) => return Ok(accepted),
            };
            let answer = self.ask(&request).await?;
            if !matches!(&answer, Err(error) if error.kind == ErrorKind::Connect) {
                self.heard.store(true, Ordering::Relaxed);
            }
            let error = match answer {
                Ok(completion) => return self.accept(attempt, completion).await,
                Err(error) => error,
            };
            let mut next = retries.after(&error);
            if !self.heard.load(Ordering::Relaxed) && retries.failed() >= UNREACHED_MAX {
                next = Next::Stop(error.message.clone());
            }
            let (kind, message) = (error.kind, error.message.clone());
            self.tell(Event::Missed { attempt, error }).await?;
            match next {
                Next::Again(wait) if began.elapsed() + wait < TRIAL_MAX => self.wait(wait).await?,
                Next::Again(_) | Next::GiveUp => return Err(End::Failed(kind, message)),
                Next::Stop(why) => {
                    self.stop(Stop { why, runner: true });
                    return Err(End::Left);
                }
            }
        }
    }

    /// Has an attempt written to the ledger.
    async fn announce(&self, trial: i64, prompt: Prompt) -> Result<Announced, End> {
        let (reply, answer) = oneshot::channel();
        self.tell(Event::Started { trial, prompt, reply }).await?;
        answer.await.map_err(|_| End::Left)
    }

    /// Sends the request, unless the run is cancelled first.
    async fn ask(&self, request: &Request) -> Result<Result<Completion, RunnerError>, End> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(End::Left),
            answer = timeout(ATTEMPT_MAX, self.runner().complete(request)) => {
                Ok(answer.unwrap_or_else(|_| Err(too_slow())))
            }
        }
    }

    /// Has an answer made durable and returns the one that counts.
    async fn accept(&self, attempt: AttemptId, completion: Completion) -> Result<Accepted, End> {
        let (reply, answer) = oneshot::channel();
        let completion = Box::new(completion);
        self.tell(Event::Completed { attempt, completion, reply }).await?;
        answer.await.map_err(|_| End::Left)
    }

    /// Waits before another attempt, no longer than the arm is asked.
    async fn wait(&self, wait: Duration) -> Result<(), End> {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            () = sleep(wait) => Ok(()),
            () = self.cancelled() => Err(End::Left),
            _ = stop.wait_for(Option::is_some) => Err(End::Left),
        }
    }

    /// Returns when the run is cancelled.
    async fn cancelled(&self) {
        let mut cancel = self.context.cancel.clone();
        if cancel.wait_for(|cancelled| *cancelled).await.is_err() {
            // Nobody is left who could cancel.
            pending::<()>().await;
        }
    }

    /// Says whether nothing more is to be sent.
    fn halted(&self) -> bool {
        *self.context.cancel.borrow() || self.stop.borrow().is_some()
    }

    /// Stops the arm, unless it has stopped already.
    fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(stop);
            first
        });
    }

    /// Sends an event. The recorder is gone only when it could not write: nothing more can be kept.
    async fn tell(&self, event: Event) -> Result<(), End> {
        self.context.events.send(event).await.map_err(|_| End::Left)
    }

    fn runner(&self) -> &dyn Runner {
        &*self.context.plan.arms[self.arm].arm.runner
    }
}

/// The error of an attempt that ran past its limit.
fn too_slow() -> RunnerError {
    RunnerError {
        kind: ErrorKind::Timeout,
        billed: Billed::Possibly,
        retry: Retry::After(None),
        message: format!("no answer within {} s", ATTEMPT_MAX.as_secs()),
        raw: Box::default(),
    }
}
