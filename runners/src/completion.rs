//! What came back for a request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole answer, with the reasoning already taken out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The final text, without reasoning.
    pub text: String,
    /// The reasoning, as far as it was given.
    pub reasoning: Reasoning,
    /// Why the model stopped.
    pub finish: Finish,
    /// The tokens it took.
    pub usage: Usage,
    /// How long it took.
    pub timing: Timing,
    /// Who served it.
    pub served: Served,
    /// The bytes that came back.
    pub raw: Raw,
}

/// The reasoning of a completion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    /// How it was given.
    pub kind: ReasoningKind,
    /// Its text; empty where none was given.
    pub text: String,
}

/// How reasoning was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningKind {
    /// There was none.
    #[default]
    None,
    /// In a field of its own, in full.
    Full,
    /// In a field of its own, as a summary.
    Summary,
    /// Between tags inside the text.
    InlineTags,
    /// Counted but not given.
    Hidden,
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// The token limit came first, inside the answer.
    Length,
    /// The token limit came first, inside the reasoning.
    LengthInReasoning,
    /// The context was full.
    Context,
    /// The provider withheld the answer.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// Anything else a provider says, kept as it said it.
    Other(String),
}

/// The tokens of a completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: Option<u64>,
    /// Of these, served from a cache.
    pub cached_input: Option<u64>,
    /// Tokens generated, reasoning included.
    pub output: Option<u64>,
    /// Of these, reasoning.
    pub reasoning: Option<u64>,
    /// Who counted.
    pub source: UsageSource,
}

/// Who counted the tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// Whoever served the model.
    Provider,
    /// Nobody.
    #[default]
    Missing,
}

/// How long a completion took, from the moment it was handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Until the first token or byte.
    pub first: Option<Duration>,
    /// Until the end.
    pub total: Duration,
}

/// Who served a completion, as reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The model that answered.
    pub model: Option<String>,
    /// The provider's fingerprint of its system.
    pub fingerprint: Option<String>,
    /// The provider's name for the request.
    pub request_id: Option<String>,
}

/// The bytes that came back, secrets replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// The status of the HTTP response, if there was one.
    pub status: Option<u16>,
    /// The body, as far as it came and as far as it was kept.
    pub body: Vec<u8>,
    /// Whether a secret was replaced in the body.
    pub redacted: bool,
}

/// Whether a failed attempt may appear on a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billed {
    /// It cannot: nothing was served.
    No,
    /// It can: the request had been written.
    Possibly,
}
