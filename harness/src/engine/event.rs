//! What executors tell the recorder.
//!
//! An event that must be durable before its sender goes on carries the way to answer it.

use tokio::sync::oneshot;
use tripos_graders::Grade;
use tripos_runners::runner::Telemetry;
use tripos_runners::{Completion, RunnerError};
use tripos_tasks::Prompt;

use crate::store::write::{Accepted, Announced, AttemptId};

/// Something that happened. Places are those of the plan.
pub(super) enum Event {
    /// A request is about to be sent.
    Started {
        /// The trial, as the store numbers it.
        trial: i64,
        /// What is asked.
        prompt: Prompt,
        /// Answered once the attempt is in the ledger.
        reply: oneshot::Sender<Announced>,
    },
    /// A whole answer came.
    Completed {
        /// The attempt.
        attempt: AttemptId,
        /// The answer.
        completion: Box<Completion>,
        /// Answered, with the answer that counts, once it is durable.
        reply: oneshot::Sender<Accepted>,
    },
    /// An attempt ended in an error; another may follow.
    Missed {
        /// The attempt.
        attempt: AttemptId,
        /// What happened.
        error: RunnerError,
    },
    /// A trial has its verdict.
    Graded {
        /// The place of the trial.
        n: usize,
        /// The verdict.
        grade: Grade,
    },
    /// No answer can be had for a trial. It has no verdict.
    Failed {
        /// The place of the trial.
        n: usize,
        /// Why.
        why: String,
    },
    /// An arm is not asked any more; what is left of it stays planned.
    Stopped {
        /// The place of the arm.
        arm: usize,
        /// Why.
        why: String,
    },
    /// An arm is through.
    Finished {
        /// The place of the arm.
        arm: usize,
        /// What was seen inside the model meanwhile.
        seen: Option<Telemetry>,
    },
}
