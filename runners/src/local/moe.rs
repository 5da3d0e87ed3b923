//! Layers of routed experts, and what every token passes beside them.

use candle_core::Result;
use rayon::prelude::*;

use super::error::LocalError;
use super::feed::{FeedForward, sigmoid};
use super::load::Weights;
use super::matrix::Matrix;
use super::route::{Route, route};
use super::spec::{ExpertLayout, MoeSpec};
use super::telemetry::Counters;

/// One layer of routed experts.
pub(crate) struct Moe {
    spec: MoeSpec,
    hidden: usize,
    router: Matrix,
    /// Added to the scores for choosing; may be empty.
    bias: Vec<f32>,
    experts: Vec<FeedForward>,
    shared: Option<Shared>,
}

/// What every token passes.
struct Shared {
    feed: FeedForward,
    /// Weighs it token by token.
    gate: Option<Matrix>,
}

impl Moe {
    /// Loads the layer whose tensors start with `prefix`.
    pub(crate) fn load(
        spec: &MoeSpec,
        hidden: usize,
        weights: &Weights<'_>,
        prefix: &str,
    ) -> std::result::Result<Self, LocalError> {
        let block = match spec.layout {
            ExpertLayout::Mixtral => format!("{prefix}.block_sparse_moe"),
            ExpertLayout::Split | ExpertLayout::Bank => format!("{prefix}.mlp"),
        };
        let bias = if spec.selection_bias {
            weights.values(&format!("{block}.gate.e_score_correction_bias"), &[spec.experts])?
        } else {
            Vec::new()
        };
        Ok(Self {
            router: load_router(spec, hidden, weights, &block)?,
            bias,
            experts: load_experts(spec, hidden, weights, &block)?,
            shared: Shared::load(spec, hidden, weights, &block)?,
            spec: spec.clone(),
            hidden,
        })
    }

    /// Returns what the layer adds to each row. `routed` numbers it among the routed layers.
    pub(crate) fn forward(
        &self,
        rows: &[f32],
        routed: usize,
        counters: &Counters,
    ) -> Result<Vec<f32>> {
        let logits = self.router.apply(rows)?;
        let routes: Vec<Route> = logits
            .chunks_exact(self.spec.experts)
            .map(|logits| route(&self.spec, logits, &self.bias))
            .collect();
        let entropy = routes.iter().map(|route| route.entropy_bits).sum();
        let order = by_expert(&routes, self.spec.experts);
        let load: Vec<usize> = order.iter().map(Vec::len).collect();
        counters.routed(routed, &load, routes.len(), entropy);
        let outputs = self.run_experts(rows, &order)?;
        let mut sums = match &self.shared {
            Some(shared) => shared.forward(rows, self.hidden)?,
            None => vec![0.0; rows.len()],
        };
        for ((sum, output), route) in sums
            .chunks_exact_mut(self.hidden)
            .zip(outputs.chunks_exact(self.spec.top_k * self.hidden))
            .zip(&routes)
        {
            for (output, weight) in output.chunks_exact(self.hidden).zip(&route.weights) {
                sum.iter_mut().zip(output).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        Ok(sums)
    }

    /// Runs each expert once over the rows that chose it. The result is `[rows, top_k, hidden]`, so
    /// that each row is summed in the order of its own choices.
    fn run_experts(&self, rows: &[f32], order: &[Vec<usize>]) -> Result<Vec<f32>> {
        let busy: Vec<(&FeedForward, &Vec<usize>)> =
            self.experts.iter().zip(order).filter(|(_, places)| !places.is_empty()).collect();
        let results: Vec<Vec<f32>> = busy
            .par_iter()
            .map(|(expert, places)| {
                let mut gathered = Vec::with_capacity(places.len() * self.hidden);
                for place in *places {
                    let row = place / self.spec.top_k;
                    gathered.extend_from_slice(&rows[row * self.hidden..][..self.hidden]);
                }
                expert.forward(&gathered)
            })
            .collect::<Result<_>>()?;
        let mut outputs = vec![0.0; rows.len() * self.spec.top_k];
        for ((_, places), result) in busy.iter().zip(&results) {
            for (place, row) in places.iter().zip(result.chunks_exact(self.hidden)) {
                outputs[place * self.hidden..][..self.hidden].copy_from_slice(row);
            }
        }
        Ok(outputs)
    }
}

fn load_router(
    spec: &MoeSpec,
    hidden: usize,
    weights: &Weights<'_>,
    block: &str,
) -> std::result::Result<Matrix, LocalError> {
    let shape = [spec.experts, hidden];
    if spec.layout != ExpertLayout::Bank {
        let router = weights.values(&format!("{block}.gate.weight"), &shape)?;
        return Ok(Matrix::new(router, hidden));
    }
    let router = weights.values(&format!("{block}.router.weight"), &shape)?;
    let bias = weights.values(&format!("{block}.router.bias"), &[spec.experts])?;
    Ok(Matrix::new(router, hidden).with_bias(bias))
}

fn load_experts(
    spec: &MoeSpec,
    hidden: usize,
    weights: &Weights<'_>,
    block: &str,
) -> std::result::Result<Vec<FeedForward>, LocalError> {
    let names = match spec.layout {
        ExpertLayout::Split => ["gate_proj", "up_proj", "down_proj"],
        ExpertLayout::Mixtral => ["w1", "w3", "w2"],
        ExpertLayout::Bank => {
            let prefix = format!("{block}.experts");
            let sizes = [spec.experts, hidden, spec.inter];
            return FeedForward::banked(weights, &prefix, sizes, spec.clamp);
        }
    };
    let load = |expert: usize| {
        let names = names.map(|part| format!("{block}.experts.{expert}.{part}.weight"));
        FeedForward::named(weights, names, hidden, spec.inter)
    };
    (0..spec.experts).map(load).collect()
}

impl Shared {
    fn load(
        spec: &MoeSpec,
        hidden: usize,
        weights: &Weights<'_>,
        block: &str,
    ) -> std::result::Result<Option<Self>, LocalError> {
        let Some(shared) = spec.shared else { return Ok(None) };
        let name = if shared.gated { "shared_expert" } else { "shared_experts" };
        let feed = FeedForward::load(weights, &format!("{block}.{name}"), hidden, shared.inter)?;
        let gate = if shared.gated {
            let gate = weights.values(&format!("{block}.{name}_gate.weight"), &[1, hidden])?;
            Some(Matrix::new(gate, hidden))
        } else {
            None
        };
        Ok(Some(Self { feed, gate }))
    }

    fn forward(&self, rows: &[f32], hidden: usize) -> Result<Vec<f32>> {
        let mut outputs = self.feed.forward(rows)?;
        if let Some(gate) = &self.gate {
            for (row, gate) in outputs.chunks_exact_mut(hidden).zip(gate.apply(rows)?) {
                let share = sigmoid(gate);
                for value in row {
                    *value *= share;
                }
            }
        }
        Ok(outputs)
    }
}

/// Returns for each expert the places `row * top_k + choice` that fall to it, in ascending order.
fn by_expert(routes: &[Route], experts: usize) -> Vec<Vec<usize>> {
    let mut order = vec![Vec::new(); experts];
    for (place, expert) in routes.iter().flat_map(|route| &route.experts).enumerate() {
        order[*expert].push(place);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_sorted_by_expert_and_stay_in_order() {
        let routes = [vec![2, 0], vec![0, 3]].map(|experts| Route {
            experts,
            weights: vec![],
            entropy_bits: 0.0,
        });
        assert_eq!(by_expert(&routes, 4), [vec![1, 2], vec![], vec![0], vec![3]]);
    }
}
