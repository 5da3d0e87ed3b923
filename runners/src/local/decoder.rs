//! One pass over the layers for rows of many sequences at once.
//!
//! [`Decoder::step`] is the whole interface: a row is one token of one sequence at one position,
//! and prefill, decode and scoring are only different mixtures of rows.

use std::sync::Arc;

use candle_core::Result;

use super::batch::{Batch, Row};
use super::error::LocalError;
use super::load::Weights;
use super::matrix::Matrix;
use super::mla::Mla;
use super::moe::{FeedForward, Moe};
use super::norm::Norm;
use super::pages::Pages;
use super::rope::Rope;
use super::spec::ArchSpec;
use super::telemetry::Counters;

/// A model and its cache.
pub(crate) struct Decoder {
    hidden: usize,
    vocab: usize,
    embedding: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
    head: Matrix,
    rope: Rope,
    pages: Pages,
    counters: Arc<Counters>,
}

struct Layer {
    attention_norm: Norm,
    attention: Mla,
    feed_norm: Norm,
    feed: Feed,
}

enum Feed {
    Dense(FeedForward),
    /// With its number among the routed layers.
    Routed(usize, Moe),
}

impl Decoder {
    /// Takes the weights in and starts with an empty cache.
    pub(crate) fn load(
        spec: &ArchSpec,
        weights: &Weights<'_>,
        pages: Pages,
        counters: Arc<Counters>,
    ) -> std::result::Result<Self, LocalError> {
        let hidden = spec.hidden;
        let table = [spec.vocab, hidden];
        let embedding = weights.values("model.embed_tokens.weight", &table)?;
        let head =
            if spec.tied { embedding.clone() } else { weights.values("lm_head.weight", &table)? };
        let mut layers = Vec::new();
        for layer in 0..spec.layers {
            layers.push(Layer::load(spec, weights, layer)?);
        }
        Ok(Self {
            hidden,
            vocab: spec.vocab,
            embedding,
            layers,
            norm: Norm::new(weights.values("model.norm.weight", &[hidden])?, spec.norm_eps),
            head: Matrix::new(head, hidden),
            rope: Rope::new(&spec.rope, spec.mla.rope),
            pages,
            counters,
        })
    }

    /// Returns the cache.
    pub(crate) fn pages(&mut self) -> &mut Pages {
        &mut self.pages
    }

    /// Returns the size of the vocabulary.
    pub(crate) fn vocab(&self) -> usize {
        self.vocab
    }

    /// Runs `rows` through all layers and returns the logits of the rows that `want` numbers, one
    /// vocabulary after the other.
    ///
    /// The positions of a slot's rows follow on what the slot has seen, in ascending order.
    pub(crate) fn step(&mut self, rows: &[Row], want: &[usize]) -> Result<Vec<f32>> {
        let angles = rows.iter().map(|row| self.rope.angle(row.position)).collect();
        let batch = Batch { rows, rope: &self.rope, angles };
        let mut stream = Vec::with_capacity(rows.len() * self.hidden);
        for row in rows {
            stream.extend_from_slice(
                &self.embedding[row.token as usize * self.hidden..][..self.hidden],
            );
        }
        for (number, layer) in self.layers.iter().enumerate() {
            let normed = layer.attention_norm.rows(&stream);
            add(&mut stream, &layer.attention.forward(&batch, number, &normed, &mut self.pages)?);
            let normed = layer.feed_norm.rows(&stream);
            add(&mut stream, &layer.feed.forward(&normed, &self.counters)?);
        }
        let mut last = vec![0.0; want.len() * self.hidden];
        for (row, out) in want.iter().zip(last.chunks_exact_mut(self.hidden)) {
            self.norm.row(&stream[row * self.hidden..][..self.hidden], out);
        }
        if want.is_empty() { Ok(Vec::new()) } else { self.head.apply(&last) }
    }
}

impl Layer {
    fn load(
        spec: &ArchSpec,
        weights: &Weights<'_>,
        number: usize,
    ) -> std::result::Result<Self, LocalError> {
        let prefix = format!("model.layers.{number}");
        let norm = |part: &str| {
            let name = format!("{prefix}.{part}.weight");
            weights.values(&name, &[spec.hidden]).map(|weight| Norm::new(weight, spec.norm_eps))
        };
        let mlp = format!("{prefix}.mlp");
        let feed = match number.checked_sub(spec.dense_layers) {
            None => Feed::Dense(FeedForward::load(weights, &mlp, spec.hidden, spec.dense_inter)?),
            Some(routed) => Feed::Routed(routed, Moe::load(spec, weights, &mlp)?),
        };
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention: Mla::load(spec, weights, &format!("{prefix}.self_attn"))?,
            feed_norm: norm("post_attention_layernorm")?,
            feed,
        })
    }
}

impl Feed {
    fn forward(&self, rows: &[f32], counters: &Counters) -> Result<Vec<f32>> {
        match self {
            Self::Dense(layer) => layer.forward(rows),
            Self::Routed(routed, layer) => layer.forward(rows, *routed, counters),
        }
    }
}

fn add(stream: &mut [f32], values: &[f32]) {
    stream.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

#[cfg(test)]
mod tests;
