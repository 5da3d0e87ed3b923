//! The difference of two arms that answered the same items; always candidate minus baseline.

use super::estimate::{Clustered, Part, canonical, clustered, is_binary, two_sided_z, weighted};
use super::special::{normal_tail, regularized_beta, student_two_sided};
use super::sum::{count, mean};
use super::{LEVEL, Method};

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
    /// The lower end of the interval at [`LEVEL`].
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

/// Compares two arms over the items both answered, in any order.
pub fn difference(pairs: &[PairedItem]) -> Comparison {
    let score = |of: fn(&PairedItem) -> f64| {
        let mut rows: Vec<_> = pairs.iter().map(|p| (p.cluster.as_deref(), of(p))).collect();
        canonical(&mut rows)
    };
    let (baseline, _) = score(|p| p.baseline);
    let (candidate, _) = score(|p| p.candidate);
    let (differences, clusters) = score(|p| p.candidate - p.baseline);
    let better = pairs.iter().filter(|p| p.candidate > p.baseline).count();
    let worse = pairs.iter().filter(|p| p.candidate < p.baseline).count();
    let plain = Comparison {
        baseline: mean(&baseline),
        candidate: mean(&candidate),
        n: pairs.len(),
        better,
        worse,
        ..nothing()
    };
    let Some(fit) = clustered(&differences, &clusters, LEVEL) else { return plain };
    let (spread, method) = fit.or_constant(LEVEL);
    let compared = Comparison {
        difference: Some(fit.mean),
        se: spread.map(|s| s.se),
        lower: spread.map(|s| (fit.mean - s.half_width).max(-1.0)),
        upper: spread.map(|s| (fit.mean + s.half_width).min(1.0)),
        clusters: fit.groups,
        method,
        ..plain
    };
    let binary = pairs.iter().all(|p| is_binary(p.baseline) && is_binary(p.candidate));
    if binary && fit.groups == fit.n {
        let (lower, upper) = paired_score(better, worse, fit.n, two_sided_z(LEVEL));
        return Comparison {
            lower: Some(lower),
            upper: Some(upper),
            p_value: Some(sign_test(better, worse)),
            method: Method::PairedScore,
            ..compared
        };
    }
    Comparison { p_value: student_p(&fit), ..compared }
}

/// The two-sided test of a mean difference by Student's t. One without spread has no t: its test is
/// absent, not certain.
pub(super) fn student_p(fit: &Clustered) -> Option<f64> {
    let se = fit.spread.map(|spread| spread.se).filter(|se| *se > 0.0)?;
    Some(student_two_sided(fit.mean / se, count(fit.groups) - 1.0))
}

/// Averages the differences of tasks by weight; absent when a task has none.
pub fn macro_difference(tasks: &[(u32, &Comparison)]) -> Comparison {
    let average = |of: fn(&Comparison) -> Option<f64>| {
        let part = |(weight, task): &(u32, &Comparison)| Part {
            weight: f64::from(*weight),
            mean: of(task),
            se: task.se,
        };
        weighted(&tasks.iter().map(part).collect::<Vec<_>>(), LEVEL)
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

/// The two-sided exact sign test, which on 0/1 scores is `McNemar`'s: twice the smaller tail of
/// Bin(N, ½), at most 1 (oracles `mcnemar_exact` and `sign_test`). The tail is one incomplete beta, so
/// a tiny one keeps its relative accuracy.
pub(super) fn sign_test(positive: usize, negative: usize) -> f64 {
    let (few, many) = (positive.min(negative), positive.max(negative));
    if few == many {
        return 1.0;
    }
    (2.0 * regularized_beta((0.5, 0.5), count(many), count(few) + 1.0)).min(1.0)
}

/// Tango's score interval for the difference of two paired proportions: the differences that the
/// counts do not reject at ±z (Tango 1998, Stat. Med. 17:891; oracle `paired_score`).
pub(super) fn paired_score(better: usize, worse: usize, n: usize, z: f64) -> (f64, f64) {
    (lower_score(better, worse, n, z), -lower_score(worse, better, n, z))
}

/// The lower end of [`paired_score`]; the upper end is the lower one of the arms swapped.
fn lower_score(better: usize, worse: usize, n: usize, z: f64) -> f64 {
    // The statistic falls from above z at −1 to below it at 1; 80 halvings exhaust a double.
    let (mut low, mut high) = (-1.0_f64, 1.0_f64);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if score_excess(better, worse, n, (middle, z)) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The numerator of Tango's statistic at `delta`, less z times its denominator.
#[expect(clippy::many_single_char_names, reason = "the symbols of the source")]
fn score_excess(better: usize, worse: usize, n: usize, (delta, z): (f64, f64)) -> f64 {
    let (b, c, n) = (count(better), count(worse), count(n));
    let linear = (2.0 * n - b + c) * delta - b - c;
    let constant = -c * delta * (1.0 - delta);
    let root = libm::sqrt((linear * linear - 8.0 * n * constant).max(0.0));
    let q = (root - linear) / (4.0 * n);
    let variance = n * (2.0 * q + delta * (1.0 - delta));
    b - c - n * delta - z * libm::sqrt(variance.max(0.0))
}
