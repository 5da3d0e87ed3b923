//! Why a request ended without an answer, and whether another try makes sense.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::completion::{Billed, Raw};

/// A request that ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunnerError {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// Whether it may appear on a bill.
    pub billed: Billed,
    /// Whether and when to try again.
    pub retry: Retry,
    /// What happened, for people; secrets replaced.
    pub message: String,
    /// The bytes that came back, as far as any did.
    pub raw: Box<Raw>,
}

/// What kind of failure a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No connection could be made.
    Connect,
    /// Nothing, or not enough, came in time.
    Timeout,
    /// The connection ended before the answer did.
    Cut,
    /// What came back is not an answer.
    Malformed,
    /// Too many requests, or the server is overloaded.
    Overloaded,
    /// The server failed.
    Server,
    /// The request is not one this server takes.
    Configuration,
    /// The key is missing, wrong or not allowed.
    Unauthorised,
    /// The account cannot pay.
    Quota,
    /// The local engine failed.
    Engine,
}

/// Whether and when to try a request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again; no sooner than the server's own wish, if it had one.
    After(Option<Duration>),
    /// This request will fail again; others may not.
    Never,
    /// Every request to this model will fail: stop asking it.
    StopModel,
}

impl RunnerError {
    /// An error before anything came back, that cannot have been billed.
    pub fn unbilled(kind: ErrorKind, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, billed: Billed::No, retry, message: message.into(), raw: Box::default() }
    }
}
