//! One pass over the layers for rows of many sequences at once.
//!
//! [`Decoder::step`] is the whole interface: a row is one token of one sequence at one position,
//! and prefill, decode and scoring are only different mixtures of rows.

use std::sync::Arc;

use candle_core::Result;

use super::batch::{Batch, Row};
use super::error::LocalError;
use super::feed::FeedForward;
use super::gqa::Gqa;
use super::load::Weights;
use super::matrix::Matrix;
use super::mla::Mla;
use super::moe::Moe;
use super::norm::Norm;
use super::pages::Pages;
use super::rope::Rope;
use super::spec::{ArchSpec, AttentionSpec};
use super::telemetry::Counters;

/// A model and its cache.
pub(crate) struct Decoder {
    hidden: usize,
    vocab: usize,
    graph: Graph,
    rope: Rope,
    pages: Pages,
    counters: Arc<Counters>,
}

/// The weights of a model.
struct Graph {
    embedding: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
    head: Matrix,
}

struct Layer {
    attention_norm: Norm,
    attention: Attention,
    feed_norm: Norm,
    feed: Feed,
}

enum Attention {
    Gqa(Gqa),
    Mla(Mla),
}

enum Feed {
    Dense(FeedForward),
    /// With its number among the routed layers.
    Routed(usize, Box<Moe>),
}

impl Decoder {
    /// Takes the weights in and starts with an empty cache.
    pub(crate) fn load(
        spec: &ArchSpec,
        weights: &Weights<'_>,
        pages: Pages,
        counters: Arc<Counters>,
    ) -> std::result::Result<Self, LocalError> {
        // Nothing is copied before all of it is known to be there and to have its shape.
        Graph::load(spec, &weights.checking())?;
        Ok(Self {
            hidden: spec.hidden,
            vocab: spec.vocab,
            graph: Graph::load(spec, weights)?,
            rope: Rope::new(&spec.rope),
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
                &self.graph.embedding[row.token as usize * self.hidden..][..self.hidden],
            );
        }
        for (number, layer) in self.graph.layers.iter().enumerate() {
            let normed = layer.attention_norm.rows(&stream);
            add(&mut stream, &layer.attention.forward(&batch, number, &normed, &mut self.pages)?);
            let normed = layer.feed_norm.rows(&stream);
            add(&mut stream, &layer.feed.forward(&normed, &self.counters)?);
        }
        let mut last = vec![0.0; want.len() * self.hidden];
        for (row, out) in want.iter().zip(last.chunks_exact_mut(self.hidden)) {
            self.graph.norm.row(&stream[row * self.hidden..][..self.hidden], out);
        }
        if want.is_empty() { Ok(Vec::new()) } else { self.graph.head.apply(&last) }
    }
}

impl Graph {
    fn load(spec: &ArchSpec, weights: &Weights<'_>) -> std::result::Result<Self, LocalError> {
        let hidden = spec.hidden;
        let table = [spec.vocab, hidden];
        let embedding = weights.values("model.embed_tokens.weight", &table)?;
        let head =
            if spec.tied { embedding.clone() } else { weights.values("lm_head.weight", &table)? };
        let (mut layers, mut routed) = (Vec::new(), 0);
        for (number, layer) in spec.layers.iter().enumerate() {
            layers.push(Layer::load(spec, weights, number, routed)?);
            routed += usize::from(layer.routed);
        }
        Ok(Self {
            embedding,
            layers,
            norm: Norm::new(weights.values("model.norm.weight", &[hidden])?, spec.norm_eps),
            head: Matrix::new(head, hidden),
        })
    }
}

impl Layer {
    /// Loads layer `number`, before which there are `routed` layers with experts.
    fn load(
        spec: &ArchSpec,
        weights: &Weights<'_>,
        number: usize,
        routed: usize,
    ) -> std::result::Result<Self, LocalError> {
        let layer = spec.layers[number];
        let prefix = format!("model.layers.{number}");
        let norm = |part: &str| {
            let name = format!("{prefix}.{part}.weight");
            weights.values(&name, &[spec.hidden]).map(|weight| Norm::new(weight, spec.norm_eps))
        };
        let feed = if let (true, Some(moe)) = (layer.routed, &spec.moe) {
            Feed::Routed(routed, Box::new(Moe::load(moe, spec.hidden, weights, &prefix)?))
        } else {
            let mlp = format!("{prefix}.mlp");
            Feed::Dense(FeedForward::load(weights, &mlp, spec.hidden, spec.dense_inter)?)
        };
        let attention = format!("{prefix}.self_attn");
        let attention = match &spec.attention {
            AttentionSpec::Gqa(gqa) => {
                Attention::Gqa(Gqa::load(spec, gqa, weights, &attention, layer.window)?)
            }
            AttentionSpec::Mla(mla) => Attention::Mla(Mla::load(spec, mla, weights, &attention)?),
        };
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention,
            feed_norm: norm("post_attention_layernorm")?,
            feed,
        })
    }
}

impl Attention {
    fn forward(
        &self,
        batch: &Batch<'_>,
        layer: usize,
        normed: &[f32],
        pages: &mut Pages,
    ) -> Result<Vec<f32>> {
        match self {
            Self::Gqa(attention) => attention.forward(batch, layer, normed, pages),
            Self::Mla(attention) => attention.forward(batch, layer, normed, pages),
        }
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
