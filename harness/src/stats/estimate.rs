//! Means with their intervals: a task's accuracy, a suite's average, quantiles.

use std::collections::BTreeMap;

use super::special::{normal_quantile, student_quantile};
use super::sum::{count, mean, sum};
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
    let mut rows: Vec<Row<'_>> = items.iter().map(|i| (i.cluster.as_deref(), i.score)).collect();
    let (values, clusters) = canonical(&mut rows);
    let n = values.len();
    let Some(fit) = clustered(&values, &clusters, LEVEL) else {
        return Estimate {
            estimate: None,
            se: None,
            lower: Some(0.0),
            upper: Some(1.0),
            n,
            clusters: 0,
            method: Method::Wilson,
        };
    };
    let (spread, method) = fit.or_constant(LEVEL);
    let estimate = Estimate {
        estimate: Some(fit.mean),
        se: spread.map(|s| s.se),
        lower: spread.map(|s| (fit.mean - s.half_width).max(0.0)),
        upper: spread.map(|s| (fit.mean + s.half_width).min(1.0)),
        n,
        clusters: fit.groups,
        method,
    };
    if fit.groups == n && values.iter().all(|&v| is_binary(v)) {
        let successes = values.iter().filter(|&&v| v > 0.5).count();
        let (lower, upper) = wilson(successes, n, LEVEL);
        let method = Method::Wilson;
        return Estimate { lower: Some(lower), upper: Some(upper), method, ..estimate };
    }
    estimate
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
    let average = weighted(&parts, LEVEL);
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

/// Wilson's score interval for `successes` out of `n` (Wilson 1927, "Probable inference", eq. for
/// p; oracle `wilson`).
pub(super) fn wilson(successes: usize, n: usize, level: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (x, n_items) = (count(successes), count(n));
    let z = two_sided_z(level);
    let z2_n = z * z / n_items;
    let p = x / n_items;
    let centre = (p + z2_n / 2.0) / (1.0 + z2_n);
    let half = z / (1.0 + z2_n) * libm::sqrt(p * (1.0 - p) / n_items + z2_n / (4.0 * n_items));
    let lower = if successes == 0 { 0.0 } else { centre - half };
    let upper = if successes == n { 1.0 } else { centre + half };
    (lower, upper)
}

/// The normal quantile of a two-sided confidence.
pub(super) fn two_sided_z(level: f64) -> f64 {
    normal_quantile(1.0 - (1.0 - level) / 2.0)
}

/// A mean whose items stand in clusters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clustered {
    pub(super) mean: f64,
    pub(super) n: usize,
    pub(super) groups: usize,
    /// Absent when there are fewer than two clusters.
    pub(super) spread: Option<Spread>,
}

/// How far a mean may be off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) se: f64,
    pub(super) half_width: f64,
}

impl Clustered {
    /// The spread to report. Where all clusters agree the standard error is 0, which would claim
    /// certainty; z²/(G + z²), the width of Wilson's interval without an exception, stands in for
    /// it, as in the gate's rule for identical answers.
    pub(super) fn or_constant(&self, level: f64) -> (Option<Spread>, Method) {
        let agree = self.n == 1 || self.spread.is_some_and(|spread| spread.se <= 0.0);
        if !agree {
            return (self.spread, Method::ClusteredMean);
        }
        let z = two_sided_z(level);
        let se = z / (count(self.groups) + z * z);
        (Some(Spread { se, half_width: z * se }), Method::Constant)
    }
}

/// Estimates a mean with the cluster-robust standard error √S/n·√(G/(G − 1)), where S sums the
/// squares of the clusters' summed errors, and Student's t with G − 1 degrees of freedom (Liang &
/// Zeger 1986; Miller 2024, "Adding error bars to evals"; oracle `clustered_se`, and `mean_ci` where
/// every value is its own cluster). `clusters` number the values' clusters from 0 in rising order.
pub(super) fn clustered(values: &[f64], clusters: &[usize], level: f64) -> Option<Clustered> {
    let mean = mean(values)?;
    let mut errors: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (&value, &cluster) in values.iter().zip(clusters) {
        errors.entry(cluster).or_default().push(value - mean);
    }
    let (n, groups) = (values.len(), errors.len());
    let spread = (groups > 1).then(|| {
        let squares = sum(errors.into_values().map(|group| sum(group).powi(2)));
        // Clusters that agree leave rounding behind, not spread.
        let scale = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let rounding = (4.0 * f64::EPSILON * scale * count(n)).powi(2);
        let squares = if squares <= rounding { 0.0 } else { squares };
        let g = count(groups);
        let se = libm::sqrt(squares * g / (g - 1.0)) / count(n);
        Spread { se, half_width: student_quantile(1.0 - (1.0 - level) / 2.0, g - 1.0) * se }
    });
    Some(Clustered { mean, n, groups, spread })
}

/// One task's part in an average.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) weight: f64,
    pub(super) mean: Option<f64>,
    pub(super) se: Option<f64>,
}

/// A weighted average and its interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Average {
    pub(super) mean: Option<f64>,
    pub(super) se: Option<f64>,
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
}

/// Averages independent means: Σwm/Σw with standard error √Σ(w·se)²/Σw (variance of a linear
/// combination; oracle `macro_average`).
pub(super) fn weighted(parts: &[Part], level: f64) -> Average {
    let total = sum(parts.iter().map(|p| p.weight));
    let means: Option<Vec<f64>> = parts.iter().map(|p| p.mean.map(|m| p.weight * m)).collect();
    let Some(means) = means.filter(|_| total > 0.0) else {
        return Average::default();
    };
    let mean = sum(means) / total;
    let errors: Option<Vec<f64>> =
        parts.iter().map(|p| p.se.map(|se| (p.weight * se).powi(2))).collect();
    let se = errors.map(|squares| libm::sqrt(sum(squares)) / total);
    let half = se.map(|se| se * two_sided_z(level));
    Average { mean: Some(mean), se, lower: half.map(|h| mean - h), upper: half.map(|h| mean + h) }
}

/// Whether a score is plain right or wrong.
pub(super) fn is_binary(score: f64) -> bool {
    score.to_bits() == 0.0_f64.to_bits() || score.to_bits() == 1.0_f64.to_bits()
}

/// A value with the name of its cluster.
pub(super) type Row<'a> = (Option<&'a str>, f64);

/// Sorts rows, so that the order of items cannot move the last digit, and numbers their clusters
/// from 0; a row without a cluster gets one of its own.
pub(super) fn canonical(rows: &mut [Row<'_>]) -> (Vec<f64>, Vec<usize>) {
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut clusters = Vec::with_capacity(rows.len());
    for (n, row) in rows.iter().enumerate() {
        let same = n > 0 && row.0.is_some() && rows[n - 1].0 == row.0;
        let previous = clusters.last().copied();
        clusters.push(match previous {
            None => 0,
            Some(number) if same => number,
            Some(number) => number + 1,
        });
    }
    (rows.iter().map(|row| row.1).collect(), clusters)
}
