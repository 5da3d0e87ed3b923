//! What the model's thread counts and anybody may read.

use std::sync::atomic::{AtomicU64, Ordering};

use super::pages::bytes_per_token;
use super::spec::ArchSpec;
use crate::runner::{LayerLoad, Telemetry};

/// Entropies are summed in millionths of a bit.
const MICRO: f64 = 1e6;

/// Counters of one opened model.
#[derive(Debug)]
pub(crate) struct Counters {
    layers: Vec<LayerCounters>,
    prefill_tokens: AtomicU64,
    decode_tokens: AtomicU64,
    kv_bytes_per_token: u64,
}

/// Counters of one routed layer.
#[derive(Debug)]
struct LayerCounters {
    layer: u32,
    tokens: Vec<AtomicU64>,
    rows: AtomicU64,
    entropy_micro: AtomicU64,
}

impl Counters {
    /// Starts all counters at zero.
    pub(crate) fn new(spec: &ArchSpec) -> Self {
        let experts = spec.moe.as_ref().map_or(0, |moe| moe.experts);
        let routed = spec.layers.iter().enumerate().filter(|(_, layer)| layer.routed);
        let layer = |(layer, _): (usize, _)| LayerCounters {
            layer: layer as u32,
            tokens: (0..experts).map(|_| AtomicU64::new(0)).collect(),
            rows: AtomicU64::new(0),
            entropy_micro: AtomicU64::new(0),
        };
        Self {
            layers: routed.map(layer).collect(),
            prefill_tokens: AtomicU64::new(0),
            decode_tokens: AtomicU64::new(0),
            kv_bytes_per_token: bytes_per_token(spec) as u64,
        }
    }

    /// Adds what one step sent to the experts of the `routed`-th routed layer.
    #[expect(clippy::cast_sign_loss, reason = "an entropy is not negative")]
    pub(crate) fn routed(&self, routed: usize, tokens: &[usize], rows: usize, entropy_bits: f64) {
        let layer = &self.layers[routed];
        for (counter, count) in layer.tokens.iter().zip(tokens) {
            counter.fetch_add(*count as u64, Ordering::Relaxed);
        }
        layer.rows.fetch_add(rows as u64, Ordering::Relaxed);
        layer.entropy_micro.fetch_add((entropy_bits * MICRO).round() as u64, Ordering::Relaxed);
    }

    /// Adds the tokens of prompts and the generated ones.
    pub(crate) fn tokens(&self, prefill: usize, decode: usize) {
        self.prefill_tokens.fetch_add(prefill as u64, Ordering::Relaxed);
        self.decode_tokens.fetch_add(decode as u64, Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    pub(crate) fn read(&self) -> Telemetry {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let load = |layer: &LayerCounters| LayerLoad {
            layer: layer.layer,
            tokens: layer.tokens.iter().map(get).collect(),
            router_entropy_bits: match get(&layer.rows) {
                0 => 0.0,
                rows => get(&layer.entropy_micro) as f64 / MICRO / rows as f64,
            },
        };
        Telemetry {
            expert_load: self.layers.iter().map(load).collect(),
            prefill_tokens: get(&self.prefill_tokens),
            decode_tokens: get(&self.decode_tokens),
            kv_bytes_per_token: self.kv_bytes_per_token,
        }
    }
}
