//! The one writer: every event becomes rows, and the observer hears of it after the commit.
//!
//! What is waiting when a commit ends goes into the next one, so that a transaction holds as much
//! as came while the one before it was made durable, and a lone event waits for nobody.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::event::Event;
use super::{Progress, Settled};
use crate::plan::Plan;
use crate::store::StoreError;
use crate::store::write::{Accepted, Announced, Batch, Standing, Writer};

/// The most events in one transaction, and the most that may wait.
pub(super) const BATCH_MAX: usize = 256;
/// How often this process says that it is still at work.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The one task that writes.
pub(super) struct Recorder<'a, F> {
    /// The connection.
    pub writer: Writer,
    /// The plan.
    pub plan: &'a Plan<'a>,
    /// The trials and graders of the plan, as the store numbers them.
    pub standing: &'a [Standing],
    /// How far the run is.
    pub progress: Progress,
    /// Hears of it after each commit.
    pub observe: F,
}

/// What is told to an executor once its event is durable.
enum Reply {
    Announced(oneshot::Sender<Announced>, Announced),
    Accepted(oneshot::Sender<Accepted>, Accepted),
}

impl<F: FnMut(&Progress)> Recorder<'_, F> {
    /// Writes until every executor is through.
    pub(super) async fn record(
        mut self,
        mut events: mpsc::Receiver<Event>,
    ) -> Result<(Writer, Progress), StoreError> {
        (self.observe)(&self.progress);
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut waiting = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                biased;
                received = events.recv_many(&mut waiting, BATCH_MAX) => {
                    if received == 0 {
                        return Ok((self.writer, self.progress));
                    }
                    self.commit(waiting.drain(..)).await?;
                    (self.observe)(&self.progress);
                }
                _ = heartbeat.tick() => self.writer.heartbeat().await?,
            }
        }
    }

    /// Writes events in one transaction and answers their senders.
    async fn commit(&mut self, events: impl Iterator<Item = Event>) -> Result<(), StoreError> {
        let mut batch = self.writer.batch().await?;
        let mut replies = Vec::new();
        self.progress.settled.clear();
        for event in events {
            count(&mut self.progress, self.plan, &event);
            let reply = write(&mut batch, self.standing, event).await?;
            if let Some(Reply::Announced(_, Announced::Attempt(_))) = &reply {
                self.progress.attempts += 1;
            }
            replies.extend(reply);
        }
        batch.commit().await?;
        for reply in replies {
            // An executor that is gone was cancelled; the facts are kept all the same.
            match reply {
                Reply::Announced(sender, announced) => drop(sender.send(announced)),
                Reply::Accepted(sender, accepted) => drop(sender.send(accepted)),
            }
        }
        Ok(())
    }
}

/// Writes one event.
async fn write(
    batch: &mut Batch<'_>,
    standing: &[Standing],
    event: Event,
) -> Result<Option<Reply>, StoreError> {
    match event {
        Event::Started { trial, prompt, reply } => {
            let announced = batch.announce(trial, &prompt).await?;
            return Ok(Some(Reply::Announced(reply, announced)));
        }
        Event::Completed { attempt, completion, reply } => {
            let earlier = batch.complete(attempt, &completion).await?;
            let accepted = earlier.unwrap_or_else(|| {
                let completion = *completion;
                Accepted { text: completion.text, finish: completion.finish }
            });
            return Ok(Some(Reply::Accepted(reply, accepted)));
        }
        Event::Missed { attempt, error } => batch.fail(attempt, &error).await?,
        Event::Graded { n, grade } => {
            let Standing { trial, grader, .. } = standing[n];
            batch.grade((trial, grader), &grade).await?;
        }
        Event::Failed { n, why } => batch.give_up(n, &why).await?,
        Event::Finished { arm, seen: Some(seen) } => batch.observe(arm, &seen).await?,
        // Kept with the run when it ends.
        Event::Stopped { .. } | Event::Finished { seen: None, .. } => {}
    }
    Ok(None)
}

/// Counts one event.
fn count(progress: &mut Progress, plan: &Plan<'_>, event: &Event) {
    match event {
        Event::Completed { completion, .. } => {
            let usage = &completion.usage;
            progress.tokens_in += usage.input.unwrap_or(0);
            progress.tokens_out += usage.output.unwrap_or(0);
            progress.tokens_reasoning += usage.reasoning.unwrap_or(0);
        }
        Event::Graded { n, grade } => {
            progress.arms[plan.trials[*n].arm].count(grade.outcome);
            progress.settled.push(Settled { n: *n, score: Some(grade.score) });
        }
        Event::Failed { n, .. } => {
            progress.arms[plan.trials[*n].arm].failed += 1;
            progress.settled.push(Settled { n: *n, score: None });
        }
        Event::Stopped { arm, why } => progress.arms[*arm].stopped = Some(why.clone()),
        Event::Started { .. } | Event::Missed { .. } | Event::Finished { .. } => {}
    }
}
