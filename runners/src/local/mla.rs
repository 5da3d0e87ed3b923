//! Latent attention in its absorbed form: queries are taken into the space of the latents, so that
//! the cache holds one row a token for all heads.
//!
//! DeepSeek-AI, "DeepSeek-V2", 2024, section 2.1. The keys' and values' up-projections are applied
//! to queries and outputs instead of to every cached token. The fixtures' reference expands them.

use candle_core::Result;
use rayon::prelude::*;

use super::attend::{Look, attend};
use super::batch::Batch;
use super::error::LocalError;
use super::load::Weights;
use super::matrix::{HeadMatrices, Matrix};
use super::norm::Norm;
use super::pages::Pages;
use super::rope::{Angle, Rope};
use super::spec::{ArchSpec, MlaSpec};

/// What is added to the mean square in the norms of the bottlenecks; not in any configuration.
const RANK_NORM_EPS: f32 = 1e-6;

/// The attention of one layer.
pub(crate) struct Mla {
    spec: MlaSpec,
    /// To the query (or its bottleneck), the latent and the positional key, in this order.
    entry: Matrix,
    query: Option<(Norm, Matrix)>,
    latent_norm: Norm,
    key_up: HeadMatrices,
    value_up: HeadMatrices,
    exit: Matrix,
    scale: f32,
}

impl Mla {
    /// Loads the attention whose tensors start with `prefix`.
    pub(crate) fn load(
        arch: &ArchSpec,
        spec: &MlaSpec,
        weights: &Weights<'_>,
        prefix: &str,
    ) -> std::result::Result<Self, LocalError> {
        let (spec, hidden) = (spec.clone(), arch.hidden);
        let name = |part: &str| format!("{prefix}.{part}.weight");
        let query_width = spec.heads * (spec.nope + spec.rope);
        let first = match spec.q_rank {
            Some(rank) => (name("q_a_proj"), rank),
            None => (name("q_proj"), query_width),
        };
        let latent = (name("kv_a_proj_with_mqa"), spec.kv_rank + spec.rope);
        let norm = |part: &str, width: usize| {
            weights.values(&name(part), &[width]).map(|w| Norm::new(w, RANK_NORM_EPS))
        };
        let query = match spec.q_rank {
            Some(rank) => {
                let up = weights.values(&name("q_b_proj"), &[query_width, rank])?;
                Some((norm("q_a_layernorm", rank)?, Matrix::new(up, rank)))
            }
            None => None,
        };
        let (key_up, value_up) = load_up(&spec, weights, prefix)?;
        let exit_width = spec.heads * spec.value;
        let exit = weights.values(&name("o_proj"), &[hidden, exit_width])?;
        Ok(Self {
            entry: Matrix::new(weights.stacked(&[first, latent], hidden)?, hidden),
            query,
            latent_norm: norm("kv_a_layernorm", spec.kv_rank)?,
            key_up: HeadMatrices::new(key_up, spec.heads, spec.nope),
            value_up: HeadMatrices::new(value_up, spec.heads, spec.kv_rank),
            exit: Matrix::new(exit, exit_width),
            scale: arch.score_scale(),
            spec,
        })
    }

    /// Returns what attention adds to each row, after putting the rows' latents into the cache.
    pub(crate) fn forward(
        &self,
        batch: &Batch<'_>,
        layer: usize,
        normed: &[f32],
        pages: &mut Pages,
    ) -> Result<Vec<f32>> {
        let entry = self.entry.apply(normed)?;
        let width = entry.len() / batch.rows.len();
        let query_width = width - self.spec.kv_rank - self.spec.rope;
        for ((row, angle), values) in
            batch.rows.iter().zip(&batch.angles).zip(entry.chunks_exact(width))
        {
            let latent = self.latent(&values[query_width..], angle, batch.rope);
            pages.write(layer, row.slot, row.position as usize, &latent);
        }
        let queries = self.queries(&entry, query_width, batch)?;
        let mixed = self.mix(&queries, batch, layer, pages);
        let rows = batch.rows.len();
        let values = self.value_up.apply(&swap(&mixed, rows, self.spec.heads))?;
        self.exit.apply(&swap(&values, self.spec.heads, rows))
    }

    /// Returns the cached row of one token: normalised latent, rotated key.
    fn latent(&self, values: &[f32], angle: &Angle, rope: &Rope) -> Vec<f32> {
        let mut latent = values.to_vec();
        let rank = self.spec.kv_rank;
        self.latent_norm.row(&values[..rank], &mut latent[..rank]);
        rope.rotate(&mut latent[rank..], angle);
        latent
    }

    /// Returns the scaled queries in the space of the cache: `[rows, heads, kv_rank + rope]`.
    fn queries(&self, entry: &[f32], query_width: usize, batch: &Batch<'_>) -> Result<Vec<f32>> {
        let MlaSpec { heads, kv_rank, nope, rope, .. } = self.spec;
        let rows = batch.rows.len();
        let width = entry.len() / rows;
        let parts = entry.chunks_exact(width).map(|row| &row[..query_width]);
        let plain = match &self.query {
            None => parts.flatten().copied().collect(),
            Some((norm, up)) => {
                let mut normed = vec![0.0; rows * query_width];
                parts.zip(normed.chunks_exact_mut(query_width)).for_each(|(x, y)| norm.row(x, y));
                up.apply(&normed)?
            }
        };
        let mut unplaced = Vec::with_capacity(rows * heads * nope);
        for head in 0..heads {
            for row in plain.chunks_exact(heads * (nope + rope)) {
                unplaced.extend_from_slice(&row[head * (nope + rope)..][..nope]);
            }
        }
        let lifted = self.key_up.apply(&unplaced)?;
        let mut queries = Vec::with_capacity(rows * heads * (kv_rank + rope));
        for (row, values) in plain.chunks_exact(heads * (nope + rope)).enumerate() {
            for (head, query) in values.chunks_exact(nope + rope).enumerate() {
                queries.extend_from_slice(&lifted[(head * rows + row) * kv_rank..][..kv_rank]);
                let start = queries.len();
                queries.extend_from_slice(&query[nope..]);
                batch.rope.rotate(&mut queries[start..], &batch.angles[row]);
            }
        }
        for value in &mut queries {
            *value *= self.scale;
        }
        Ok(queries)
    }

    /// Returns for each row and head the latents it attends to, mixed: `[rows, heads, kv_rank]`.
    fn mix(&self, queries: &[f32], batch: &Batch<'_>, layer: usize, pages: &Pages) -> Vec<f32> {
        let MlaSpec { heads, kv_rank, rope, .. } = self.spec;
        let mut mixed = vec![0.0; batch.rows.len() * heads * kv_rank];
        let row = kv_rank + rope;
        let look = Look { row, key: 0..row, value: 0..kv_rank, sinks: &[] };
        let queries = queries.par_chunks_exact(heads * row);
        let outputs = mixed.par_chunks_exact_mut(heads * kv_rank);
        batch.rows.par_iter().zip(queries).zip(outputs).for_each(|((row, query), out)| {
            let runs: Vec<&[f32]> =
                pages.read(layer, row.slot, 0..row.position as usize + 1).collect();
            attend(&look, query, &runs, out);
        });
        mixed
    }
}

/// Loads the up-projections of keys and of values: out of one matrix, or out of one each, as newer
/// GGUF files have them.
fn load_up(
    spec: &MlaSpec,
    weights: &Weights<'_>,
    prefix: &str,
) -> std::result::Result<(Vec<f32>, Vec<f32>), LocalError> {
    let MlaSpec { heads, kv_rank, nope, value, .. } = *spec;
    let [key, values] = ["k_b_proj", "v_b_proj"].map(|part| format!("{prefix}.{part}.weight"));
    if !weights.has(&key) {
        let rows = heads * (nope + value);
        let up = weights.values(&format!("{prefix}.kv_b_proj.weight"), &[rows, kv_rank])?;
        return Ok(split_up(&up, spec));
    }
    let key = weights.values(&key, &[heads, kv_rank, nope])?;
    let values = weights.values(&values, &[heads, value, kv_rank])?;
    let turn = |matrix: &[f32], width: usize| -> Vec<f32> {
        (0..width).flat_map(|column| matrix.iter().skip(column).step_by(width).copied()).collect()
    };
    let key = key.chunks_exact(kv_rank * nope).flat_map(|head| turn(head, nope));
    let values = values.chunks_exact(value * kv_rank).flat_map(|head| turn(head, kv_rank));
    Ok((key.collect(), values.collect()))
}

/// Splits the up-projection into one matrix a head for keys, `[nope, kv_rank]`, and one for values,
/// turned to `[kv_rank, value]`.
fn split_up(up: &[f32], spec: &MlaSpec) -> (Vec<f32>, Vec<f32>) {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for head in up.chunks_exact((spec.nope + spec.value) * spec.kv_rank) {
        let (key, value) = head.split_at(spec.nope * spec.kv_rank);
        keys.extend_from_slice(key);
        for rank in 0..spec.kv_rank {
            values.extend(value.chunks_exact(spec.kv_rank).map(|row| row[rank]));
        }
    }
    (keys, values)
}

/// Swaps the first two of three dimensions, `[first, second, width]`.
fn swap(values: &[f32], first: usize, second: usize) -> Vec<f32> {
    let width = values.len() / (first * second);
    let mut swapped = Vec::with_capacity(values.len());
    for b in 0..second {
        for a in 0..first {
            swapped.extend_from_slice(&values[(a * second + b) * width..][..width]);
        }
    }
    swapped
}
