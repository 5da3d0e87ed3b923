//! Before anything is spent: what a policy can detect on the items there are, and what it would take.

use super::measure::Measured;
use super::policy::{Hold, Metric, Policy};
use crate::report::Source;
use crate::stats::size::POWER;
use crate::stats::{Errors, Sides, mde_paired, repeat_decomposition, sample_size_paired, size};

/// What a policy can detect.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its rules that compare, in order.
    pub rules: Vec<PlanRule>,
    /// How often a true difference must be seen.
    pub power: f64,
}

/// What one rule can detect.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRule {
    /// The task, or `*`.
    pub task: String,
    /// The margin, a fraction.
    pub margin: f64,
    /// Items that the baseline has.
    pub items: u64,
    /// Repeats of an item.
    pub repeats: f64,
    /// The variance of one item's difference between two identical models.
    pub variance: f64,
    /// Whether that variance was seen in repeats, or is the most it can be.
    pub seen: bool,
    /// The smallest margin that an equal candidate passes as often as `power`.
    pub detectable: f64,
    /// Items with which an equal candidate passes this margin as often as `power`.
    pub items_needed: Option<u64>,
    /// Tokens in and out that the baseline took for an item, all repeats.
    pub tokens_per_item: (f64, f64),
}

/// Plans every non-inferiority rule of `policy` on accuracy from what the baseline showed.
///
/// The candidate is thought of as the same model asked again. Where items were asked several times the
/// variance of an answer inside an item is known; else it is at most p(1 − p), as if items did not differ.
pub fn plan(policy: &Policy, baseline: &Source<'_>) -> Plan {
    let measured = Measured::new(baseline);
    let rules = policy.rules.iter().filter_map(|rule| {
        let Hold::NonInferior(margin) = rule.hold else { return None };
        if rule.metric != Metric::Accuracy {
            return None;
        }
        let scores: Vec<Vec<f64>> = measured
            .items()
            .filter(|(task, _)| rule.scope.holds(task))
            .map(|(_, item)| item.samples.iter().filter_map(|sample| sample.score).collect())
            .collect();
        let (tokens_in, tokens_out) = measured
            .samples()
            .filter(|sample| rule.scope.holds(&baseline.run.tasks[sample.task].task))
            .map(|sample| (real(sample.usage.input), real(sample.usage.output)))
            .fold((0.0, 0.0), |(a, b), (one, two)| (a + one, b + two));
        let items = scores.len();
        let n = count(items.max(1));
        let asked = count(scores.iter().map(Vec::len).sum());
        let (variance, seen) = variance(&scores);
        let errors = Errors { alpha: policy.alpha, power: POWER, sides: Sides::One };
        Some(PlanRule {
            task: rule.scope.as_str().to_owned(),
            margin,
            items: items as u64,
            repeats: asked / n,
            variance,
            seen,
            detectable: mde_paired(items, variance, errors)?.mde,
            items_needed: sample_size_paired(margin, variance, errors).and_then(size::whole),
            tokens_per_item: (tokens_in / n, tokens_out / n),
        })
    });
    Plan { rules: rules.collect(), power: POWER }
}

/// The variance of an item's difference between two runs of one model.
fn variance(scores: &[Vec<f64>]) -> (f64, bool) {
    let parts = repeat_decomposition(scores);
    if let Some(sampling) = parts.sampling_part {
        return (2.0 * sampling, true);
    }
    let p = parts.mean.unwrap_or(0.5);
    (2.0 * p * (1.0 - p), false)
}

#[expect(clippy::cast_precision_loss, reason = "token counts come nowhere near 2^53")]
fn real(tokens: Option<u64>) -> f64 {
    tokens.unwrap_or(0) as f64
}

#[expect(clippy::cast_precision_loss, reason = "items come nowhere near 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}
