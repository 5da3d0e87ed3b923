//! The loop of the thread that owns the model: which rows run in the next step.
//!
//! Sequences join and leave between any two steps. Those that generate go first, one row each; what
//! is left of a step's budget goes to prompts, the oldest first, in pieces. A sequence is admitted
//! only when the cache has room for its longest possible end, so nothing is ever thrown out.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tripos_tasks::Sampling;

use super::batch::Row;
use super::decoder::Decoder;
use super::sample::Sampler;
use super::telemetry::Counters;
use super::transcript::Transcript;
use super::vocabulary::Vocabulary;
use crate::completion::{Completion, Finish, Raw, Served, Timing, Usage, UsageSource};
use crate::error::{ErrorKind, Retry, RunnerError};

/// Sequences that run side by side.
pub(crate) const MAX_ROWS: usize = 32;
/// Rows of one step, prompts included.
const STEP_ROWS: usize = 512;

/// A request on its way to the model.
pub(crate) struct Job {
    pub(crate) prompt: Vec<u32>,
    /// Whether the prompt ends inside a think block.
    pub(crate) open: bool,
    pub(crate) sampling: Sampling,
    /// Tokens after which reasoning is closed.
    pub(crate) cap: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) received: Instant,
    pub(crate) reply: oneshot::Sender<Result<Completion, RunnerError>>,
}

/// The model and the sequences under way.
pub(crate) struct Engine {
    pub(crate) decoder: Decoder,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) counters: Arc<Counters>,
    /// Tokens that end a completion.
    pub(crate) end: Vec<u32>,
    /// Tokens that close a think block.
    pub(crate) closing: Vec<u32>,
    /// The longest sequence, in tokens.
    pub(crate) context: usize,
    pub(crate) served: Served,
}

/// A sequence under way.
struct Live {
    sampling: Sampling,
    reply: oneshot::Sender<Result<Completion, RunnerError>>,
    received: Instant,
    first: Option<Instant>,
    sampler: Sampler,
    transcript: Transcript,
    /// Tokens of the prompt.
    input: usize,
    /// Tokens that are not in the cache yet, and where the first of them goes.
    pending: Vec<u32>,
    position: usize,
    /// The most tokens it may generate.
    limit: usize,
    cap: Option<usize>,
    /// When it was admitted, counted in admissions.
    age: u64,
}

/// All sequences under way and the one that waits for room in the cache.
struct Schedule {
    engine: Engine,
    slots: Vec<Option<Live>>,
    waiting: Option<Job>,
    admitted: u64,
}

/// The rows of one step.
#[derive(Debug, Default)]
struct Step {
    rows: Vec<Row>,
    want: Vec<usize>,
    /// The slots whose logits are wanted, in the order of `want`.
    asked: Vec<usize>,
    prefill: usize,
}

/// Answers jobs until nobody can send another one.
pub(crate) fn serve(engine: Engine, mut jobs: mpsc::Receiver<Job>) {
    let slots = (0..MAX_ROWS).map(|_| None).collect();
    let mut schedule = Schedule { engine, slots, waiting: None, admitted: 0 };
    loop {
        schedule.drop_abandoned();
        if !schedule.admit(&mut jobs) {
            return;
        }
        schedule.run();
    }
}

impl Schedule {
    /// Frees the slots of requests that nobody waits for any more.
    fn drop_abandoned(&mut self) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].as_ref().is_some_and(|live| live.reply.is_closed()) {
                self.remove(slot);
            }
        }
    }

    /// Fills free slots, waiting for a job only when there is nothing else to do. Returns whether
    /// anything is under way.
    fn admit(&mut self, jobs: &mut mpsc::Receiver<Job>) -> bool {
        while let Some(slot) = self.slots.iter().position(Option::is_none) {
            let idle = self.slots.iter().all(Option::is_none);
            let next = match self.waiting.take() {
                Some(job) => Some(job),
                None if idle => jobs.blocking_recv(),
                None => jobs.try_recv().ok(),
            };
            let Some(job) = next else { return !idle };
            let limit = self.engine.limit(&job);
            if !self.engine.decoder.pages().reserve(slot, job.prompt.len() + limit) {
                self.waiting = Some(job);
                return true;
            }
            self.admitted += 1;
            self.slots[slot] = Some(Live::new(job, limit, self.admitted));
        }
        true
    }

    /// Runs one step and lets every sequence that asked for logits take its next token.
    fn run(&mut self) {
        let step = self.plan();
        let logits = match self.engine.decoder.step(&step.rows, &step.want) {
            Ok(logits) => logits,
            Err(error) => return self.fail_all(&error),
        };
        self.engine.counters.tokens(step.prefill, step.asked.len());
        let vocab = self.engine.decoder.vocab();
        for (slot, logits) in step.asked.iter().zip(logits.chunks_exact(vocab)) {
            let live = self.slots[*slot].as_mut().expect("only sequences under way ask for logits");
            if let Some(ending) = self.engine.advance(live, logits) {
                let mut live = self.remove(*slot).expect("the sequence was there a moment ago");
                let result = ending.map(|finish| self.engine.completion(&mut live, finish));
                // Whoever asked may be gone; then nobody misses the answer.
                let _ = live.reply.send(result);
            }
        }
    }

    /// Chooses the rows of the next step and moves them out of their sequences' pending tokens.
    fn plan(&mut self) -> Step {
        let mut order: Vec<usize> =
            (0..self.slots.len()).filter(|slot| self.slots[*slot].is_some()).collect();
        order.sort_by_key(|slot| {
            self.slots[*slot].as_ref().map(|live| (live.pending.len() > 1, live.age))
        });
        let mut step = Step::default();
        for slot in order {
            let live = self.slots[slot].as_mut().expect("only filled slots were kept");
            let count = live.pending.len().min(STEP_ROWS - step.rows.len());
            for token in live.pending.drain(..count) {
                let position = live.position;
                step.rows.push(Row { token, slot, position: position as u32 });
                step.prefill += usize::from(position < live.input);
                live.position += 1;
            }
            if count > 0 && live.pending.is_empty() {
                step.want.push(step.rows.len() - 1);
                step.asked.push(slot);
            }
        }
        step
    }

    fn remove(&mut self, slot: usize) -> Option<Live> {
        self.engine.decoder.pages().release(slot);
        self.slots[slot].take()
    }

    /// Tells every sequence that the engine failed.
    fn fail_all(&mut self, error: &candle_core::Error) {
        for slot in 0..self.slots.len() {
            if let Some(live) = self.remove(slot) {
                let message = format!("the local engine failed: {error}");
                let error = RunnerError::unbilled(ErrorKind::Engine, Retry::StopModel, message);
                let _ = live.reply.send(Err(error));
            }
        }
    }
}

impl Live {
    fn new(job: Job, limit: usize, age: u64) -> Self {
        Self {
            sampler: Sampler::new(job.sampling.temperature, job.sampling.top_p, job.seed),
            transcript: Transcript::new(job.open, &job.sampling.stop),
            sampling: job.sampling,
            reply: job.reply,
            received: job.received,
            first: None,
            input: job.prompt.len(),
            pending: job.prompt,
            position: 0,
            limit,
            cap: job.cap,
            age,
        }
    }

    /// Returns whether reasoning has to be closed now, leaving room for an answer.
    fn must_close(&self, closing: usize) -> bool {
        self.transcript.in_reasoning()
            && self.cap.is_some_and(|cap| self.transcript.reasoning_tokens() >= cap)
            && self.transcript.tokens() + closing < self.limit
    }
}

impl Engine {
    /// Returns the most tokens a job may generate: what it asks for, as far as the context goes.
    fn limit(&self, job: &Job) -> usize {
        (job.sampling.max_tokens as usize).min(self.context - job.prompt.len())
    }

    /// Gives a sequence its next token; returns how it ended, if it did.
    fn advance(&self, live: &mut Live, logits: &[f32]) -> Option<Result<Finish, RunnerError>> {
        live.first.get_or_insert_with(Instant::now);
        let Some(token) = live.sampler.next(logits) else {
            let message = "the model's logits are not all finite numbers";
            let error = RunnerError::unbilled(ErrorKind::Engine, Retry::Never, message);
            return Some(Err(error));
        };
        if self.end.contains(&token) {
            live.transcript.push_end();
            return Some(Ok(Finish::Stop));
        }
        live.transcript.push(&self.vocabulary, token);
        live.pending.push(token);
        if live.must_close(self.closing.len()) {
            live.pending.extend_from_slice(&self.closing);
            self.closing.iter().for_each(|token| live.transcript.push(&self.vocabulary, *token));
        }
        if live.transcript.stopped() {
            return Some(Ok(Finish::Stop));
        }
        if live.transcript.tokens() < live.limit {
            return None;
        }
        Some(Ok(match live.sampling.max_tokens as usize > live.limit {
            true => Finish::Context,
            false if live.transcript.in_reasoning() => Finish::LengthInReasoning,
            false => Finish::Length,
        }))
    }

    /// Puts together what came back.
    fn completion(&self, live: &mut Live, finish: Finish) -> Completion {
        let transcript = &mut live.transcript;
        transcript.finish(&self.vocabulary);
        Completion {
            text: transcript.answer().to_owned(),
            reasoning: transcript.reasoning(),
            finish,
            usage: Usage {
                input: Some(live.input as u64),
                cached_input: None,
                output: Some(transcript.tokens() as u64),
                reasoning: Some(transcript.reasoning_tokens() as u64),
                source: UsageSource::Provider,
            },
            timing: Timing {
                first: live.first.map(|first| first - live.received),
                total: live.received.elapsed(),
            },
            served: self.served.clone(),
            raw: Raw { status: None, body: transcript.whole().into(), redacted: false },
        }
    }
}
