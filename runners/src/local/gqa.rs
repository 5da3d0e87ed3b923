//! Grouped query attention: several query heads share the keys and values of one head (Ainslie et
//! al., "GQA", 2023, section 2.2). Keys are kept rotated.

use candle_core::Result;
use rayon::prelude::*;

use super::attend::{Look, attend};
use super::batch::Batch;
use super::error::LocalError;
use super::load::Weights;
use super::matrix::Matrix;
use super::norm::Norm;
use super::pages::Pages;
use super::rope::{Angle, Rope};
use super::spec::{ArchSpec, GqaSpec, QkNorm};

/// The attention of one layer.
pub(crate) struct Gqa {
    spec: GqaSpec,
    /// To queries, keys and values, in this order.
    entry: Matrix,
    norms: Option<(Norm, Norm)>,
    sinks: Vec<f32>,
    exit: Matrix,
    scale: f32,
    window: Option<usize>,
}

impl Gqa {
    /// Loads the attention whose tensors start with `prefix` and which looks `window` tokens back.
    pub(crate) fn load(
        arch: &ArchSpec,
        spec: &GqaSpec,
        weights: &Weights<'_>,
        prefix: &str,
        window: Option<usize>,
    ) -> std::result::Result<Self, LocalError> {
        let (spec, hidden) = (spec.clone(), arch.hidden);
        let name = |part: &str| format!("{prefix}.{part}");
        let (query, kept) = (spec.heads * spec.head, spec.kv_heads * spec.head);
        let parts = [("q_proj", query), ("k_proj", kept), ("v_proj", kept)];
        let matrices = parts.map(|(part, rows)| (name(&format!("{part}.weight")), rows));
        let mut entry = Matrix::new(weights.stacked(&matrices, hidden)?, hidden);
        if spec.entry_bias {
            let mut bias = Vec::new();
            for (part, rows) in parts {
                bias.append(&mut weights.values(&name(&format!("{part}.bias")), &[rows])?);
            }
            entry = entry.with_bias(bias);
        }
        let mut exit =
            Matrix::new(weights.values(&name("o_proj.weight"), &[hidden, query])?, query);
        if spec.exit_bias {
            exit = exit.with_bias(weights.values(&name("o_proj.bias"), &[hidden])?);
        }
        let norm = |part: &str, width: usize| {
            weights.values(&name(part), &[width]).map(|weight| Norm::new(weight, arch.norm_eps))
        };
        let norms = match spec.qk_norm {
            QkNorm::None => None,
            QkNorm::Head => {
                Some((norm("q_norm.weight", spec.head)?, norm("k_norm.weight", spec.head)?))
            }
            QkNorm::Whole => Some((norm("q_norm.weight", query)?, norm("k_norm.weight", kept)?)),
        };
        let sinks =
            if spec.sinks { weights.values(&name("sinks"), &[spec.heads])? } else { Vec::new() };
        Ok(Self { entry, norms, sinks, exit, scale: arch.score_scale(), window, spec })
    }

    /// Returns what attention adds to each row, after putting the rows' keys and values into the
    /// cache.
    pub(crate) fn forward(
        &self,
        batch: &Batch<'_>,
        layer: usize,
        normed: &[f32],
        pages: &mut Pages,
    ) -> Result<Vec<f32>> {
        let mut entry = self.entry.apply(normed)?;
        let width = entry.len() / batch.rows.len();
        let query_width = self.spec.heads * self.spec.head;
        let mut queries = Vec::with_capacity(batch.rows.len() * query_width);
        for ((row, angle), values) in
            batch.rows.iter().zip(&batch.angles).zip(entry.chunks_exact_mut(width))
        {
            let (query, kept) = values.split_at_mut(query_width);
            self.place(query, kept, angle, batch.rope);
            pages.write(layer, row.slot, row.position as usize, kept);
            queries.extend(query.iter().map(|value| value * self.scale));
        }
        self.exit.apply(&self.mix(&queries, batch, layer, pages))
    }

    /// Normalises and rotates a query and the keys at the start of what is kept.
    fn place(&self, query: &mut [f32], kept: &mut [f32], angle: &Angle, rope: &Rope) {
        let keys = &mut kept[..self.spec.kv_heads * self.spec.head];
        if let Some((query_norm, key_norm)) = &self.norms {
            let whole = self.spec.qk_norm == QkNorm::Whole;
            for (norm, values) in [(query_norm, &mut *query), (key_norm, &mut *keys)] {
                let width = if whole { values.len() } else { self.spec.head };
                values.chunks_exact_mut(width).for_each(|row| norm.in_place(row));
            }
        }
        for head in query.chunks_exact_mut(self.spec.head) {
            rope.rotate(head, angle);
        }
        for head in keys.chunks_exact_mut(self.spec.head) {
            rope.rotate(head, angle);
        }
    }

    /// Returns for each row and head the values it attends to, mixed: `[rows, heads, head]`.
    fn mix(&self, queries: &[f32], batch: &Batch<'_>, layer: usize, pages: &Pages) -> Vec<f32> {
        let GqaSpec { heads, kv_heads, head, .. } = self.spec;
        let group = heads / kv_heads;
        let mut mixed = vec![0.0; queries.len()];
        let queries = queries.par_chunks_exact(heads * head);
        let outputs = mixed.par_chunks_exact_mut(heads * head);
        batch.rows.par_iter().zip(queries).zip(outputs).for_each(|((row, query), out)| {
            let end = row.position as usize + 1;
            let start = self.window.map_or(0, |window| end.saturating_sub(window));
            let runs: Vec<&[f32]> = pages.read(layer, row.slot, start..end).collect();
            let groups = query.chunks_exact(group * head).zip(out.chunks_exact_mut(group * head));
            for (number, (query, out)) in groups.enumerate() {
                let (key, value) = (number * head, (kv_heads + number) * head);
                let look = Look {
                    row: 2 * kv_heads * head,
                    key: key..key + head,
                    value: value..value + head,
                    sinks: self.sinks.chunks_exact(group).nth(number).unwrap_or_default(),
                };
                attend(&look, query, &runs, out);
            }
        });
        mixed
    }
}
