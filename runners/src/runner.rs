//! The one trait of the workspace: a request in, a completion out.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use tripos_tasks::{Message, ReasoningLevel, Sampling};

use crate::completion::Completion;
use crate::error::RunnerError;

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Someone who answers requests.
///
/// A request either ends in a whole completion or in an error that says whether another try makes
/// sense; an implementation never tries again by itself. Dropping the future ends the request.
pub trait Runner: Send + Sync {
    /// Answers one request.
    fn complete<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Completion, RunnerError>>;

    /// Says what `sampling` becomes with this model: what takes effect, and what is dropped.
    fn effective(&self, sampling: &Sampling) -> Effective;

    /// Returns the digest of what answers: weights and template, or address, wire and model name.
    fn digest(&self) -> &str;

    /// Returns how many requests are worth having under way at once.
    fn concurrency(&self) -> usize;

    /// Returns what was observed inside the model since it was opened, where that can be seen.
    fn telemetry(&self) -> Option<Telemetry> {
        None
    }
}

/// What is asked of a model. It has no field that could carry a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The messages so far.
    pub conversation: Vec<Message>,
    /// What is wanted back.
    pub want: Want,
    /// How the completion is to be drawn.
    pub sampling: Sampling,
    /// Decides every draw.
    pub seed: u64,
}

/// What is wanted back from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// A text.
    Text,
}

/// What a sampling becomes with one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effective {
    /// What takes effect.
    pub sampling: Sampling,
    /// The reasoning level that takes effect, after caps.
    pub reasoning: ReasoningLevel,
    /// The settings that the model ignores or refuses, by name.
    pub dropped: Vec<String>,
}

/// What was observed inside a local model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// For each layer with routed experts, by its number: how many tokens each expert took.
    pub expert_load: Vec<LayerLoad>,
    /// Tokens of prompts taken in.
    pub prefill_tokens: u64,
    /// Tokens generated.
    pub decode_tokens: u64,
    /// Bytes of key and value cache one token takes over all layers.
    pub kv_bytes_per_token: u64,
}

/// How the tokens of one layer spread over its experts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerLoad {
    /// The layer's number, from 0.
    pub layer: u32,
    /// Tokens by expert.
    pub tokens: Vec<u64>,
    /// The mean entropy of the router's normalised scores, in bits.
    pub router_entropy_bits: f64,
}

impl Telemetry {
    /// Returns what was observed after `earlier`, which is of the same opened model.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.combine(earlier, u64::saturating_sub)
    }

    /// Returns what was observed of the same model here and in `more`.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        self.combine(more, u64::saturating_add)
    }

    fn combine(&self, other: &Self, count: fn(u64, u64) -> u64) -> Self {
        let load = |layer: &LayerLoad| {
            let of_other = other.expert_load.iter().find(|load| load.layer == layer.layer);
            of_other.map_or_else(|| layer.clone(), |load| layer.combine(load, count))
        };
        Self {
            expert_load: self.expert_load.iter().map(load).collect(),
            prefill_tokens: count(self.prefill_tokens, other.prefill_tokens),
            decode_tokens: count(self.decode_tokens, other.decode_tokens),
            kv_bytes_per_token: self.kv_bytes_per_token,
        }
    }
}

impl LayerLoad {
    fn combine(&self, other: &Self, count: fn(u64, u64) -> u64) -> Self {
        let pairs = self.tokens.iter().zip(&other.tokens);
        let tokens: Vec<u64> = pairs.map(|(mine, theirs)| count(*mine, *theirs)).collect();
        // The means are weighted by the tokens they were taken over. A difference of means is the mean
        // of the difference when the weights are subtracted too.
        let (mine, theirs) = (self.weight(), other.weight());
        let weight = LayerLoad { tokens: tokens.clone(), ..Self::default() }.weight();
        let sign = if weight < mine { -1.0 } else { 1.0 };
        let sum = self.router_entropy_bits * mine + sign * other.router_entropy_bits * theirs;
        let router_entropy_bits = if weight > 0.0 { sum / weight } else { 0.0 };
        Self { layer: self.layer, tokens, router_entropy_bits }
    }

    /// The tokens of all experts.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens stay far below 2^53")]
    fn weight(&self) -> f64 {
        self.tokens.iter().map(|tokens| *tokens as f64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tokens: [u64; 2], router_entropy_bits: f64, decode_tokens: u64) -> Telemetry {
        Telemetry {
            expert_load: vec![LayerLoad { layer: 1, tokens: tokens.to_vec(), router_entropy_bits }],
            prefill_tokens: 7,
            decode_tokens,
            kv_bytes_per_token: 64,
        }
    }

    #[test]
    fn what_was_seen_before_and_since_adds_up_to_all() {
        let before = seen([3, 1], 0.5, 10);
        let all = seen([5, 7], 0.8, 30);
        let since = all.since(&before);
        assert_eq!(since.expert_load[0].tokens, [2, 6]);
        assert_eq!(since.decode_tokens, 20);
        assert!((since.expert_load[0].router_entropy_bits - 0.95).abs() < 1e-12);
        let again = before.plus(&since);
        assert_eq!(again.expert_load[0].tokens, all.expert_load[0].tokens);
        assert!((again.expert_load[0].router_entropy_bits - 0.8).abs() < 1e-12);
    }

    #[test]
    fn nothing_seen_since_has_no_entropy() {
        let all = seen([3, 1], 0.5, 10);
        assert!(all.since(&all).expert_load[0].router_entropy_bits.abs() < 1e-12);
    }
}
