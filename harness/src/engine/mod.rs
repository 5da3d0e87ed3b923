//! Asks what is planned, grades what was answered, and keeps it.
//!
//! Executors ask and grade; one recorder writes. What the store has already is neither asked nor
//! graded again, so an interrupted run goes on where it was.

mod event;
mod execute;
mod grade;
mod record;
mod retry;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use tokio::sync::{mpsc, watch};
use tripos_graders::Outcome as Verdict;

pub use self::grade::regrade;
pub use crate::plan::Job;

use self::execute::{Context, Unit, execute};
use self::record::{BATCH_MAX, Recorder};
use crate::plan::Plan;
use crate::store::rows::{RunId, RunState};
use crate::store::write::{Standing, Writer};
use crate::store::{Store, StoreError};

/// How far a run is; the recorder hands it to the observer after each commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// How far each arm is, in the order of the plan.
    pub arms: Vec<ArmProgress>,
    /// Of all trials, how many were in the store with their grades when the run began.
    pub reused: u64,
    /// Tries at a runner that were announced by this process.
    pub attempts: u64,
    /// Tokens of the prompts it sent.
    pub tokens_in: u64,
    /// Tokens generated for it, reasoning included.
    pub tokens_out: u64,
    /// Of these, reasoning.
    pub tokens_reasoning: u64,
    /// What the last commit settled; at first, what the store had.
    pub settled: Vec<Settled>,
}

/// A trial that is graded, or has no answer for good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    /// Its place in the plan.
    pub n: usize,
    /// Its score; absent where no answer could be had.
    pub score: Option<f64>,
}

/// How far an arm is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArmProgress {
    /// The arm's label.
    pub label: String,
    /// Its trials.
    pub total: u64,
    /// Of these, graded; by place in [`tripos_graders::Outcome::ALL`].
    pub outcomes: [u64; Verdict::ALL.len()],
    /// Of these, without an answer for good.
    pub failed: u64,
    /// Why it is not asked any more, if it is not.
    pub stopped: Option<String>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// Its name for people.
    pub handle: String,
    /// How far it got.
    pub progress: Progress,
    /// Whether it was cancelled before its end.
    pub interrupted: bool,
}

impl Progress {
    /// Returns how many trials there are.
    pub fn total(&self) -> u64 {
        self.arms.iter().map(|arm| arm.total).sum()
    }

    /// Returns how many trials are graded or failed.
    pub fn done(&self) -> u64 {
        self.arms.iter().map(ArmProgress::done).sum()
    }

    /// What the store has of a plan before anything is asked.
    fn of(plan: &Plan<'_>, standing: &[Standing]) -> Self {
        let label = |n: usize| plan.arms[n].arm.label.clone();
        let arm = |n| ArmProgress { label: label(n), ..ArmProgress::default() };
        let mut progress =
            Self { arms: (0..plan.arms.len()).map(arm).collect(), ..Self::default() };
        for (n, (trial, standing)) in plan.trials.iter().zip(standing).enumerate() {
            let arm = &mut progress.arms[trial.arm];
            arm.total += 1;
            if let Some(verdict) = standing.outcome {
                arm.count(verdict);
                progress.reused += 1;
                progress.settled.push(Settled { n, score: standing.score });
            }
        }
        progress
    }
}

impl ArmProgress {
    /// Returns how many of its trials are graded.
    pub fn graded(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Returns how many of its trials are graded or failed.
    pub fn done(&self) -> u64 {
        self.graded() + self.failed
    }

    /// Counts a verdict.
    fn count(&mut self, verdict: Verdict) {
        let place = Verdict::ALL.iter().position(|outcome| *outcome == verdict);
        self.outcomes[place.expect("`ALL` holds every outcome")] += 1;
    }
}

/// Works on a run until each trial is graded or failed, every arm has stopped, or `cancel` is true.
///
/// The same plan again is the same run: what the store has is kept, failed trials are tried anew.
pub async fn run(
    job: Job<'_>,
    store: &Store,
    cancel: watch::Receiver<bool>,
    observe: impl FnMut(&Progress),
) -> Result<Outcome, StoreError> {
    let (writer, begun) = Writer::begin(store, &job).await?;
    let (events, received) = mpsc::channel(BATCH_MAX);
    let context = Context {
        plan: job.plan,
        concurrency: job.selection.concurrency,
        sandbox: job.sandbox,
        events,
        cancel: cancel.clone(),
    };
    let recorder = Recorder {
        writer,
        plan: job.plan,
        standing: &begun.standing,
        progress: Progress::of(job.plan, &begun.standing),
        observe,
    };
    let units = units(job.plan, &begun.standing);
    let ((), recorded) = tokio::join!(execute(context, units), recorder.record(received));
    let (writer, progress) = recorded?;
    let missing = progress.done() < progress.total();
    let interrupted = missing && *cancel.borrow();
    let reason = reason(&progress);
    let state = match (missing, interrupted) {
        (false, _) => RunState::Finished,
        (true, true) => RunState::Interrupted,
        (true, false) => RunState::Stopped,
    };
    writer.end(state, reason.as_deref()).await?;
    Ok(Outcome { run: begun.run, handle: begun.handle, progress, interrupted })
}

/// Lists what is to be done, by arm: each trial once, answered ones first.
fn units(plan: &Plan<'_>, standing: &[Standing]) -> Vec<Vec<Unit>> {
    let mut units: Vec<Vec<Unit>> = plan.arms.iter().map(|_| Vec::new()).collect();
    let mut known: HashMap<i64, (usize, usize)> = HashMap::new();
    for (n, (first, standing)) in plan.trials.iter().zip(standing).enumerate() {
        if standing.outcome.is_some() {
            continue;
        }
        if let Some((arm, at)) = known.get(&standing.trial) {
            units[*arm][*at].places.push(n);
            continue;
        }
        known.insert(standing.trial, (first.arm, units[first.arm].len()));
        units[first.arm].push(Unit {
            trial: standing.trial,
            first: *first,
            places: vec![n],
            answered: standing.answered,
        });
    }
    for units in &mut units {
        units.sort_by_key(|unit| !unit.answered);
    }
    units
}

/// Says why arms have stopped, if any has.
fn reason(progress: &Progress) -> Option<String> {
    let stopped: Vec<String> = progress
        .arms
        .iter()
        .filter_map(|arm| Some(format!("`{}`: {}", arm.label, arm.stopped.as_ref()?)))
        .collect();
    (!stopped.is_empty()).then(|| stopped.join("; "))
}
