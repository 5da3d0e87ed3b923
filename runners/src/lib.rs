//! Whoever answers.
//!
//! [`open()`] turns a [`Model`] into a [`Runner`]: the local mixture-of-experts engine behind a channel,
//! or a remote endpoint over HTTP. This is the only package that connects out.

pub mod completion;
pub mod error;
pub mod hub;
pub mod model;
pub mod open;
pub mod remote;
pub mod runner;
pub mod sandbox;

#[cfg(feature = "local")]
pub mod local;

pub use completion::{
    Billed, Completion, Finish, Raw, Reasoning, ReasoningKind, Served, Timing, Usage, UsageSource,
};
pub use error::{ErrorKind, Retry, RunnerError};
pub use model::{ApiKey, ChatEndpoint, LocalModel, Model, ModelSource};
pub use open::{OpenError, open};
pub use runner::{BoxFuture, Effective, Request, Runner, Want};
