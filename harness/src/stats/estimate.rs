//! Means with their intervals: a task's accuracy, a suite's average, quantiles.

use super::mean::{clustered, number_clusters, or_constant};
use super::proportion::{Tally, wilson};
use super::sum::{count, mean};
use super::weighted::{Part, weighted_mean};
use super::{LEVEL, Method};

/// What a model scored on one item, repeats averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemScore {
    /// The mean score of the repeats, 0 to 1.
    pub score: f64,
    /// The variants it belongs to; without one it is a cluster of its own.
    pub cluster: Option<String>,
}

impl ItemScore {
    /// Averages the repeats of one item; an item without a graded repeat has no score.
    pub fn of_repeats(scores: &[f64], cluster: Option<String>) -> Option<Self> {
        mean(scores).map(|score| Self { score, cluster })
    }
}

/// A mean and how sure it is. What is not defined is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The mean score; absent when there is no item.
    pub estimate: Option<f64>,
    /// Its standard error; absent when all items are one cluster.
    pub se: Option<f64>,
    /// The lower end of the interval at [`LEVEL`].
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// Items.
    pub n: usize,
    /// Independent clusters of items.
    pub clusters: usize,
    /// Where the interval comes from.
    pub method: Method,
}

/// Estimates the accuracy of a task from its items, in any order.
pub fn accuracy(items: &[ItemScore]) -> Estimate {
    let values: Vec<f64> = items.iter().map(|item| item.score).collect();
    let names: Vec<Option<&str>> = items.iter().map(|item| item.cluster.as_deref()).collect();
    let clusters = number_clusters(&names);
    let n = values.len();
    let (fit, method) = or_constant(clustered(&values, &clusters), LEVEL);
    let estimate = Estimate {
        estimate: fit.mean,
        se: fit.se,
        lower: fit.lower.map(|lower| lower.max(0.0)),
        upper: fit.upper.map(|upper| upper.min(1.0)),
        n,
        clusters: fit.clusters,
        method,
    };
    let successes = values.iter().filter(|&&v| v > 0.5).count();
    let alone = fit.clusters == n && values.iter().all(|&v| is_binary(v));
    match Tally::new(successes, n).filter(|_| alone) {
        Some(tally) => {
            let interval = wilson(tally, LEVEL);
            let (lower, upper) = (Some(interval.lower), Some(interval.upper));
            Estimate { lower, upper, method: Method::Wilson, ..estimate }
        }
        None => estimate,
    }
}

/// Averages the accuracies of tasks by weight.
///
/// The average is absent when a task has no estimate: a mean over whichever tasks happened to be
/// answered is not the suite's.
pub fn macro_average(tasks: &[(u32, &Estimate)]) -> Estimate {
    let parts: Vec<Part> = tasks
        .iter()
        .map(|(weight, task)| Part { weight: f64::from(*weight), mean: task.estimate, se: task.se })
        .collect();
    let average = weighted_mean(&parts, LEVEL);
    Estimate {
        estimate: average.mean,
        se: average.se,
        lower: average.lower.map(|v| v.max(0.0)),
        upper: average.upper.map(|v| v.min(1.0)),
        n: tasks.iter().map(|(_, task)| task.n).sum(),
        clusters: tasks.iter().map(|(_, task)| task.clusters).sum(),
        method: Method::MacroAverage,
    }
}

/// Returns the quantile `q` of `values`, interpolated between order statistics at h = (n − 1)q
/// (Hyndman & Fan 1996, definition 7; oracle `quantile7`).
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let h = count(last) * q.clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= h <= last")]
    let below = (h.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (h - count(below)) * (sorted[above] - sorted[below]))
}

/// Whether a score is plain right or wrong.
pub(super) fn is_binary(score: f64) -> bool {
    score.to_bits() == 0.0_f64.to_bits() || score.to_bits() == 1.0_f64.to_bits()
}
