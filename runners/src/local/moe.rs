//! Feed-forward layers: dense, and routed over experts.
//!
//! The router scores with a sigmoid; a bias that was balanced during training decides which experts
//! are chosen, but not how much they weigh (DeepSeek-AI, "DeepSeek-V3", 2024, section 2.1.2).

use candle_core::Result;
use rayon::prelude::*;

use super::error::LocalError;
use super::load::Weights;
use super::matrix::Matrix;
use super::spec::{ArchSpec, MoeSpec};
use super::telemetry::Counters;

/// One gated feed-forward layer.
pub(crate) struct FeedForward {
    /// The gate's rows, then the rows it gates.
    entry: Matrix,
    exit: Matrix,
    inter: usize,
}

impl FeedForward {
    /// Loads the layer whose tensors start with `prefix`.
    pub(crate) fn load(
        weights: &Weights<'_>,
        prefix: &str,
        hidden: usize,
        inter: usize,
    ) -> std::result::Result<Self, LocalError> {
        let name = |part: &str| format!("{prefix}.{part}.weight");
        let parts = [(name("gate_proj"), inter), (name("up_proj"), inter)];
        let exit = weights.values(&name("down_proj"), &[hidden, inter])?;
        Ok(Self {
            entry: Matrix::new(weights.stacked(&parts, hidden)?, hidden),
            exit: Matrix::new(exit, inter),
            inter,
        })
    }

    /// Returns what the layer makes of each row.
    pub(crate) fn forward(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let entry = self.entry.apply(rows)?;
        let mut gated = Vec::with_capacity(entry.len() / 2);
        for row in entry.chunks_exact(2 * self.inter) {
            let (gate, up) = row.split_at(self.inter);
            gated.extend(gate.iter().zip(up).map(|(gate, up)| gate * sigmoid(*gate) * up));
        }
        self.exit.apply(&gated)
    }
}

/// One layer of routed experts, and those that every token passes.
pub(crate) struct Moe {
    spec: MoeSpec,
    hidden: usize,
    router: Matrix,
    bias: Vec<f32>,
    experts: Vec<FeedForward>,
    shared: Option<FeedForward>,
}

/// The experts of one token, in the order they were chosen, and their weights.
#[derive(Clone, Debug, PartialEq)]
struct Route {
    experts: Vec<usize>,
    weights: Vec<f32>,
}

impl Moe {
    /// Loads the layer whose tensors start with `prefix`.
    pub(crate) fn load(
        arch: &ArchSpec,
        weights: &Weights<'_>,
        prefix: &str,
    ) -> std::result::Result<Self, LocalError> {
        let (spec, hidden) = (arch.moe.clone(), arch.hidden);
        let router = weights.values(&format!("{prefix}.gate.weight"), &[spec.experts, hidden])?;
        let bias = format!("{prefix}.gate.e_score_correction_bias");
        let mut experts = Vec::new();
        for expert in 0..spec.experts {
            let prefix = format!("{prefix}.experts.{expert}");
            experts.push(FeedForward::load(weights, &prefix, hidden, spec.inter)?);
        }
        let shared = match spec.shared {
            0 => None,
            count => {
                let prefix = format!("{prefix}.shared_experts");
                Some(FeedForward::load(weights, &prefix, hidden, count * spec.inter)?)
            }
        };
        Ok(Self {
            router: Matrix::new(router, hidden),
            bias: weights.values(&bias, &[spec.experts])?,
            experts,
            shared,
            spec,
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
        let mut entropy = 0.0;
        let mut routes = Vec::with_capacity(rows.len() / self.hidden);
        for logits in logits.chunks_exact(self.spec.experts) {
            let scores: Vec<f32> = logits.iter().map(|logit| sigmoid(*logit)).collect();
            entropy += entropy_bits(&scores);
            routes.push(route(&self.spec, &scores, &self.bias));
        }
        let order = by_expert(&routes, self.spec.experts);
        let load: Vec<usize> = order.iter().map(Vec::len).collect();
        counters.routed(routed, &load, routes.len(), entropy);
        let outputs = self.run_experts(rows, &order)?;
        let mut sums = match &self.shared {
            Some(shared) => shared.forward(rows)?,
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

/// Chooses the experts of one token.
fn route(spec: &MoeSpec, scores: &[f32], bias: &[f32]) -> Route {
    let choice: Vec<f32> = scores.iter().zip(bias).map(|(score, bias)| score + bias).collect();
    let members = spec.experts / spec.groups;
    let mut open: Vec<usize> = (0..spec.experts).collect();
    if spec.top_groups < spec.groups {
        let groups: Vec<f32> = choice.chunks_exact(members).map(best_two).collect();
        let all: Vec<usize> = (0..spec.groups).collect();
        let chosen = top(&groups, &all, spec.top_groups);
        open.retain(|expert| chosen.contains(&(expert / members)));
    }
    let experts = top(&choice, &open, spec.top_k);
    let mut weights: Vec<f32> = experts.iter().map(|expert| scores[*expert]).collect();
    if spec.normalised {
        let sum: f32 = weights.iter().sum::<f32>() + 1e-20;
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    for weight in &mut weights {
        *weight *= spec.scale;
    }
    Route { experts, weights }
}

/// Returns the sum of a group's two highest values.
fn best_two(group: &[f32]) -> f32 {
    let all: Vec<usize> = (0..group.len()).collect();
    top(group, &all, 2).iter().map(|member| group[*member]).sum()
}

/// Returns the `count` of `candidates` with the highest values, the highest first, ties by number.
fn top(values: &[f32], candidates: &[usize], count: usize) -> Vec<usize> {
    let mut candidates = candidates.to_vec();
    candidates.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    candidates.truncate(count);
    candidates
}

/// Returns for each expert the places `row * top_k + choice` that fall to it, in ascending order.
fn by_expert(routes: &[Route], experts: usize) -> Vec<Vec<usize>> {
    let mut order = vec![Vec::new(); experts];
    for (place, expert) in routes.iter().flat_map(|route| &route.experts).enumerate() {
        order[*expert].push(place);
    }
    order
}

/// Returns the entropy of the scores taken as shares, in bits.
fn entropy_bits(scores: &[f32]) -> f64 {
    let sum: f64 = scores.iter().map(|score| f64::from(*score)).sum();
    let shares = scores.iter().map(|score| f64::from(*score) / sum).filter(|share| *share > 0.0);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(groups: usize, top_groups: usize, top_k: usize) -> MoeSpec {
        MoeSpec {
            experts: 4,
            top_k,
            groups,
            top_groups,
            inter: 1,
            shared: 0,
            normalised: true,
            scale: 2.0,
        }
    }

    #[test]
    fn the_bias_chooses_and_does_not_weigh() {
        let chosen = route(&spec(1, 1, 2), &[0.25, 0.75, 0.5, 0.1], &[1.0, 0.0, 0.0, 0.0]);
        assert_eq!(chosen, Route { experts: vec![0, 1], weights: vec![0.5, 1.5] });
    }

    #[test]
    fn only_the_best_groups_are_open() {
        // The best single expert stands in the group with the lower sum of two.
        let chosen = route(&spec(2, 1, 2), &[0.9, 0.1, 0.6, 0.6], &[0.0; 4]);
        assert_eq!(chosen.experts, [2, 3]);
    }

    #[test]
    fn ties_go_to_the_lowest_number() {
        assert_eq!(route(&spec(1, 1, 2), &[0.5; 4], &[0.0; 4]).experts, [0, 1]);
    }

    #[test]
    fn places_are_sorted_by_expert_and_stay_in_order() {
        let routes = [
            Route { experts: vec![2, 0], weights: vec![] },
            Route { experts: vec![0, 3], weights: vec![] },
        ];
        assert_eq!(by_expert(&routes, 4), [vec![1, 2], vec![], vec![0], vec![3]]);
    }

    #[test]
    fn even_scores_have_the_most_entropy() {
        assert!((entropy_bits(&[0.5; 8]) - 3.0).abs() < 1e-9);
        assert!(entropy_bits(&[1.0, 0.0]).abs() < 1e-9);
    }
}
