//! The difference of two arms that answered the same items; always candidate minus baseline.

use super::estimate::is_binary;
use super::exact::mcnemar_exact;
use super::margin::score_bounds;
use super::mean::{ClusteredMean, clustered, clustered_se, number_clusters, or_constant};
use super::proportion::two_sided_z;
use super::special::{normal_tail, student_two_sided};
use super::sum::{count, mean, sorted_mean, sum, variance};
use super::weighted::{Part, weighted_mean};
use super::{LEVEL, Method};

/// A mean difference of paired scores, B − A. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// A's mean.
    pub mean_a: Option<f64>,
    /// B's mean.
    pub mean_b: Option<f64>,
    /// The mean of the differences, its standard error and its interval.
    pub fit: ClusteredMean,
    /// The standard deviation of the differences.
    pub sd: Option<f64>,
    /// Degrees of freedom: items, or clusters, less one.
    pub df: usize,
    /// What the standard error would be if the items were not the same.
    pub se_unpaired: Option<f64>,
    /// Student's t; absent without spread.
    pub t: Option<f64>,
    /// The two-sided test of no difference.
    pub p_two_sided: Option<f64>,
    /// Pearson's correlation of the two sides; absent where one is constant.
    pub correlation: Option<f64>,
}

/// Compares the scores of the same items, B − A, plain or with clusters (Miller 2024, "Adding error bars
/// to evals", 4.2; oracle `paired_diff`). Values past the end of the shorter list are left out.
pub fn paired_diff(
    a: &[f64],
    b: &[f64],
    clusters: Option<&[usize]>,
    level: f64,
) -> PairedDifference {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    let alone: Vec<usize> = (0..n).collect();
    let fit = clustered_se(&differences, clusters.unwrap_or(&alone), level);
    let t = fit.mean.zip(fit.se).filter(|(_, se)| *se > 0.0).map(|(mean, se)| mean / se);
    let unpaired = variance(a).zip(variance(b)).map(|(a, b)| libm::sqrt((a + b) / count(n)));
    PairedDifference {
        mean_a: mean(a),
        mean_b: mean(b),
        fit,
        sd: variance(&differences).map(libm::sqrt),
        df: fit.clusters.saturating_sub(1),
        se_unpaired: unpaired,
        t,
        p_two_sided: t.map(|t| student_two_sided(t, count(fit.clusters) - 1.0)),
        correlation: correlation(a, b),
    }
}

/// Pearson's correlation; absent where one side is constant (oracles `paired_diff`, `item_stats`).
pub(super) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (var_a, var_b) = (variance(a)?, variance(b)?);
    if var_a <= 0.0 || var_b <= 0.0 {
        return None;
    }
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    let covariance = sum(products) / (count(a.len()) - 1.0);
    Some((covariance / (libm::sqrt(var_a) * libm::sqrt(var_b))).clamp(-1.0, 1.0))
}

/// What two arms scored on the same item, repeats averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedItem {
    /// The baseline's score, 0 to 1.
    pub baseline: f64,
    /// The candidate's score, 0 to 1.
    pub candidate: f64,
    /// The variants the item belongs to; without one it is a cluster of its own.
    pub cluster: Option<String>,
}

/// A difference and how sure it is. What is not defined is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The baseline's mean score over the pairs.
    pub baseline: Option<f64>,
    /// The candidate's mean score over the pairs.
    pub candidate: Option<f64>,
    /// Candidate minus baseline.
    pub difference: Option<f64>,
    /// The standard error of the difference.
    pub se: Option<f64>,
    /// The lower end of the interval.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// Two-sided: how often chance alone would move the score as far.
    pub p_value: Option<f64>,
    /// Pairs.
    pub n: usize,
    /// Independent clusters of pairs.
    pub clusters: usize,
    /// Items the candidate scored higher on.
    pub better: usize,
    /// Items the candidate scored lower on.
    pub worse: usize,
    /// Where the interval comes from.
    pub method: Method,
}

/// Compares two arms over the items both answered, in any order, at [`LEVEL`].
pub fn difference(pairs: &[PairedItem]) -> Comparison {
    difference_at(pairs, LEVEL)
}

/// Compares two arms over the items both answered, in any order, at the two-sided confidence `level`.
pub fn difference_at(pairs: &[PairedItem], level: f64) -> Comparison {
    let score = |of: fn(&PairedItem) -> f64| pairs.iter().map(of).collect::<Vec<f64>>();
    let differences = score(|p| p.candidate - p.baseline);
    let names: Vec<Option<&str>> = pairs.iter().map(|p| p.cluster.as_deref()).collect();
    let clusters = number_clusters(&names);
    let better = pairs.iter().filter(|p| p.candidate > p.baseline).count();
    let worse = pairs.iter().filter(|p| p.candidate < p.baseline).count();
    let plain = Comparison {
        baseline: sorted_mean(score(|p| p.baseline)),
        candidate: sorted_mean(score(|p| p.candidate)),
        n: pairs.len(),
        better,
        worse,
        ..nothing()
    };
    let fit = clustered(&differences, &clusters);
    if fit.n == 0 {
        return plain;
    }
    let (shown, method) = or_constant(fit, level);
    let compared = Comparison {
        difference: shown.mean,
        se: shown.se,
        lower: shown.lower.map(|lower| lower.max(-1.0)),
        upper: shown.upper.map(|upper| upper.min(1.0)),
        clusters: fit.clusters,
        method,
        ..plain
    };
    let binary = pairs.iter().all(|p| is_binary(p.baseline) && is_binary(p.candidate));
    if binary && fit.clusters == fit.n {
        let (lower, upper) = score_bounds((better, worse), fit.n, two_sided_z(level));
        return Comparison {
            lower: Some(lower),
            upper: Some(upper),
            p_value: Some(mcnemar_exact(better, worse).p_two_sided),
            method: Method::PairedScore,
            ..compared
        };
    }
    // A difference without spread has no t: its test is absent, not certain.
    let t = fit.mean.zip(fit.se).filter(|(_, se)| *se > 0.0).map(|(mean, se)| mean / se);
    Comparison { p_value: t.map(|t| student_two_sided(t, count(fit.clusters) - 1.0)), ..compared }
}

/// Averages the differences of tasks by weight; absent when a task has none.
pub fn macro_difference(tasks: &[(u32, &Comparison)]) -> Comparison {
    let average = |of: fn(&Comparison) -> Option<f64>| {
        let part = |(weight, task): &(u32, &Comparison)| Part {
            weight: f64::from(*weight),
            mean: of(task),
            se: task.se,
        };
        weighted_mean(&tasks.iter().map(part).collect::<Vec<_>>(), LEVEL)
    };
    let change = average(|task| task.difference);
    let p_value = change.mean.zip(change.se).filter(|(_, se)| *se > 0.0);
    Comparison {
        baseline: average(|task| task.baseline).mean,
        candidate: average(|task| task.candidate).mean,
        difference: change.mean,
        se: change.se,
        lower: change.lower.map(|v| v.max(-1.0)),
        upper: change.upper.map(|v| v.min(1.0)),
        p_value: p_value.map(|(mean, se)| 2.0 * normal_tail((mean / se).abs())),
        n: tasks.iter().map(|(_, task)| task.n).sum(),
        clusters: tasks.iter().map(|(_, task)| task.clusters).sum(),
        better: tasks.iter().map(|(_, task)| task.better).sum(),
        worse: tasks.iter().map(|(_, task)| task.worse).sum(),
        method: Method::MacroAverage,
    }
}

/// The comparison of no pairs.
fn nothing() -> Comparison {
    Comparison {
        baseline: None,
        candidate: None,
        difference: None,
        se: None,
        lower: None,
        upper: None,
        p_value: None,
        n: 0,
        clusters: 0,
        better: 0,
        worse: 0,
        method: Method::PairedScore,
    }
}
