//! The runner for a model on this machine: a handle with a channel to the thread that owns it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tripos_tasks::{ReasoningLevel, Sampling};

use super::chat::Chat;
use super::error::LocalError;
use super::schedule::{Engine, Job, MAX_ROWS, serve};
use super::telemetry::Counters;
use super::vocabulary::Vocabulary;
use crate::completion::Completion;
use crate::error::{ErrorKind, Retry, RunnerError};
use crate::runner::{BoxFuture, Effective, Request, Runner, Telemetry, Want};

/// The name of the thread that owns a model.
const THREAD: &str = "tripos-model";

/// A model on this machine.
pub struct LocalRunner {
    /// `None` only while it is being dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    chat: Chat,
    vocabulary: Arc<Vocabulary>,
    counters: Arc<Counters>,
    context: usize,
    digest: String,
}

impl LocalRunner {
    /// Hands the engine to a thread of its own.
    pub(crate) fn start(engine: Engine, chat: Chat, digest: String) -> Result<Self, LocalError> {
        let (vocabulary, counters) = (engine.vocabulary.clone(), engine.counters.clone());
        let context = engine.context;
        let (jobs, receiver) = mpsc::channel(MAX_ROWS);
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || serve(engine, receiver))
            .map_err(LocalError::Thread)?;
        let thread = Some(thread);
        Ok(Self { jobs: Some(jobs), thread, chat, vocabulary, counters, context, digest })
    }

    /// Turns a request into a job.
    fn prepare(
        &self,
        request: &Request,
        reply: oneshot::Sender<Result<Completion, RunnerError>>,
    ) -> Result<Job, RunnerError> {
        let Want::Text = request.want;
        let received = Instant::now();
        let effective = self.effective(&request.sampling);
        check(&effective.sampling)?;
        let think = match effective.reasoning {
            ReasoningLevel::Auto => None,
            level => Some(level != ReasoningLevel::Off),
        };
        let prompt =
            self.chat.render(&request.conversation, think).map_err(|e| refused(e.to_string()))?;
        let tokens = self.vocabulary.encode(&prompt.text, prompt.mark);
        let tokens = tokens.map_err(|e| refused(e.to_string()))?;
        if tokens.is_empty() {
            return Err(refused("the chat template makes an empty prompt".to_owned()));
        }
        if tokens.len() >= self.context {
            let (length, context) = (tokens.len(), self.context);
            return Err(refused(format!("the prompt has {length} tokens, the context {context}")));
        }
        Ok(Job {
            prompt: tokens,
            open: prompt.open,
            cap: cap(effective.reasoning),
            sampling: effective.sampling,
            seed: request.seed,
            received,
            reply,
        })
    }
}

impl Runner for LocalRunner {
    fn complete<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Completion, RunnerError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let job = self.prepare(request, reply)?;
            let jobs = self.jobs.as_ref().ok_or_else(gone)?;
            jobs.send(job).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }

    fn effective(&self, sampling: &Sampling) -> Effective {
        let mut sampling = sampling.clone();
        let mut dropped = Vec::new();
        let takes = match sampling.reasoning {
            ReasoningLevel::Auto => true,
            ReasoningLevel::Off => self.chat.has_switch(),
            _ => self.chat.has_tags(),
        };
        if !takes {
            sampling.reasoning = ReasoningLevel::Auto;
            dropped.push("reasoning".to_owned());
        }
        if sampling.temperature == 0.0 && sampling.top_p < 1.0 {
            sampling.top_p = 1.0;
            dropped.push("top_p".to_owned());
        }
        let context = u32::try_from(self.context).unwrap_or(u32::MAX);
        sampling.max_tokens = sampling.max_tokens.min(context);
        Effective { reasoning: sampling.reasoning, sampling, dropped }
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn concurrency(&self) -> usize {
        MAX_ROWS
    }

    fn telemetry(&self) -> Option<Telemetry> {
        Some(self.counters.read())
    }
}

impl Drop for LocalRunner {
    /// Closes the channel and waits until the thread has let go of the model: at most one step,
    /// because nobody can be waiting for an answer any more.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been answered with errors.
            let _ = thread.join();
        }
    }
}

/// Returns the tokens after which a level closes the reasoning.
fn cap(level: ReasoningLevel) -> Option<usize> {
    match level {
        ReasoningLevel::Auto | ReasoningLevel::Off => None,
        ReasoningLevel::Low => Some(1024),
        ReasoningLevel::Medium => Some(4096),
        ReasoningLevel::High => Some(16_384),
        ReasoningLevel::Tokens(tokens) => Some(tokens as usize),
    }
}

/// Refuses settings that no token can be drawn with.
fn check(sampling: &Sampling) -> Result<(), RunnerError> {
    if sampling.max_tokens == 0 {
        return Err(refused("`max_tokens` is 0".to_owned()));
    }
    if !(sampling.temperature.is_finite() && sampling.temperature >= 0.0) {
        return Err(refused(format!("`temperature` is {}", sampling.temperature)));
    }
    if !(sampling.top_p > 0.0 && sampling.top_p <= 1.0) {
        return Err(refused(format!("`top_p` is {}", sampling.top_p)));
    }
    Ok(())
}

/// An error of the request itself.
fn refused(message: String) -> RunnerError {
    RunnerError::unbilled(ErrorKind::Configuration, Retry::Never, message)
}

/// The error when the model's thread has ended.
fn gone() -> RunnerError {
    let message = "the thread of the local model has ended";
    RunnerError::unbilled(ErrorKind::Engine, Retry::StopModel, message)
}

#[cfg(test)]
mod tests;
