//! Means: how far one may be off, when its values stand in clusters, and how much of that is the
//! questions and how much the sampling.

use std::collections::HashMap;

use super::Method;
use super::proportion::two_sided_z;
use super::special::student_quantile;
use super::sum::{count, mean, sum, variance, without_rounding};

/// A mean and its intervals. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanInterval {
    /// The mean; absent of nothing.
    pub mean: Option<f64>,
    /// The standard deviation, with n − 1.
    pub sd: Option<f64>,
    /// The standard error, sd/√n.
    pub se: Option<f64>,
    /// The interval of Student's t with n − 1 degrees of freedom.
    pub t: Option<(f64, f64)>,
    /// The normal interval.
    pub z: Option<(f64, f64)>,
}

/// A mean of values that each stand alone (Student 1908; oracle `mean_ci`).
pub fn mean_ci(values: &[f64], level: f64) -> MeanInterval {
    let middle = mean(values);
    let sd = variance(values).map(libm::sqrt);
    let se = sd.map(|sd| sd / libm::sqrt(count(values.len())));
    let around = |quantile: f64| {
        let (mean, half) = (middle?, quantile * se?);
        Some((mean - half, mean + half))
    };
    let t = se.and_then(|_| around(two_sided_t(level, values.len() - 1)));
    MeanInterval { mean: middle, sd, se, t, z: around(two_sided_z(level)) }
}

/// A mean of values that vary together inside clusters. What is not defined is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClusteredMean {
    /// The mean; absent of nothing.
    pub mean: Option<f64>,
    /// Values.
    pub n: usize,
    /// Clusters.
    pub clusters: usize,
    /// The standard error as if every value stood alone.
    pub se_naive: Option<f64>,
    /// The standard error without the correction for few clusters.
    pub se_cr0: Option<f64>,
    /// The standard error; absent when there are fewer than two clusters.
    pub se: Option<f64>,
    /// The lower end of the interval.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// How many times more items the clusters cost: (se/`se_naive`)².
    pub design_effect: Option<f64>,
}

/// Estimates a mean with the cluster-robust standard error √S/n·√(G/(G − 1)), where S sums the squares
/// of the clusters' summed errors, and Student's t with G − 1 degrees of freedom (Liang & Zeger 1986;
/// Miller 2024, "Adding error bars to evals", 2.2; oracle `clustered_se`).
///
/// `clusters` names each value's cluster, as [`number_clusters`] does. The order of the values changes
/// nothing, not even the last digit.
///
/// ```
/// use tripos::stats::{clustered_se, number_clusters};
///
/// let clusters = number_clusters(&["one", "one", "two", "two", "three", "three"].map(Some));
/// let fit = clustered_se(&[1.0, 1.0, 0.0, 0.0, 1.0, 1.0], &clusters, 0.95);
/// assert_eq!((fit.n, fit.clusters), (6, 3));
/// // Twins that agree count once, not twice.
/// assert!(fit.design_effect.is_some_and(|effect| effect > 2.0));
/// ```
pub fn clustered_se(values: &[f64], clusters: &[usize], level: f64) -> ClusteredMean {
    let fit = clustered(values, clusters);
    let half = fit.se.map(|se| two_sided_t(level, fit.clusters - 1) * se);
    let end = |sign: f64| Some(fit.mean? + sign * half?);
    ClusteredMean { lower: end(-1.0), upper: end(1.0), ..fit }
}

/// Numbers clusters by name; what has no name is a cluster of its own.
pub fn number_clusters(names: &[Option<&str>]) -> Vec<usize> {
    let mut known: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    let mut next = 0;
    names
        .iter()
        .map(|name| {
            let number = name.map_or(next, |name| *known.entry(name).or_insert(next));
            next += usize::from(number == next);
            number
        })
        .collect()
}

/// [`clustered_se`] without its interval.
pub(super) fn clustered(values: &[f64], clusters: &[usize]) -> ClusteredMean {
    let mut rows: Vec<(usize, f64)> =
        clusters.iter().copied().zip(values.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let values: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let Some(mean) = mean(&values) else { return ClusteredMean::default() };
    // A stable sort: inside a cluster the errors stay in the order of their values.
    rows.sort_by_key(|row| row.0);
    let mut squares: Vec<f64> = rows
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| sum(group.iter().map(|row| row.1 - mean)).powi(2))
        .collect();
    let (n, groups) = (values.len(), squares.len());
    squares.sort_by(f64::total_cmp);
    let squares = without_rounding(sum(squares), &values);
    let se_cr0 = libm::sqrt(squares) / count(n);
    let correction = count(groups) / (count(groups) - 1.0);
    let se = (groups > 1).then(|| se_cr0 * libm::sqrt(correction));
    let se_naive = variance(&values).map(|variance| libm::sqrt(variance / count(n)));
    let design_effect =
        se.zip(se_naive).filter(|(_, naive)| *naive > 0.0).map(|(se, naive)| (se / naive).powi(2));
    ClusteredMean {
        mean: Some(mean),
        n,
        clusters: groups,
        se_naive,
        se_cr0: Some(se_cr0),
        se,
        lower: None,
        upper: None,
        design_effect,
    }
}

/// Gives a mean the interval to report. Where all clusters agree the standard error is 0, which would
/// claim certainty; z²/(G + z²), the width of Wilson's interval without an exception, stands in for it,
/// as in the gate's rule for identical answers.
pub(super) fn or_constant(fit: ClusteredMean, level: f64) -> (ClusteredMean, Method) {
    let agree = fit.n == 1 || fit.se.is_some_and(|se| se <= 0.0);
    let (se, half) = if agree {
        let z = two_sided_z(level);
        let se = z / (count(fit.clusters) + z * z);
        (Some(se), Some(z * se))
    } else {
        (fit.se, fit.se.map(|se| two_sided_t(level, fit.clusters - 1) * se))
    };
    let end = |sign: f64| Some(fit.mean? + sign * half?);
    let method = if agree { Method::Constant } else { Method::ClusteredMean };
    (ClusteredMean { se, lower: end(-1.0), upper: end(1.0), ..fit }, method)
}

/// The quantile of Student's t of a two-sided confidence.
fn two_sided_t(level: f64, df: usize) -> f64 {
    student_quantile(1.0 - (1.0 - level) / 2.0, count(df))
}

/// Where the spread of an average over questions comes from. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decomposition {
    /// The mean of the question means.
    pub mean: Option<f64>,
    /// The variance of the question means, with n − 1.
    pub var_of_question_means: Option<f64>,
    /// The mean variance of the repeats of a question, with K − 1.
    pub mean_within_variance: Option<f64>,
    /// The part of the variance of question means that comes from sampling answers.
    pub sampling_part: Option<f64>,
    /// The part that comes from the choice of questions; never below 0.
    pub question_part: Option<f64>,
    /// The standard error of the mean.
    pub se_total: Option<f64>,
    /// The standard error that would stay if the questions were all there are.
    pub se_sampling_only: Option<f64>,
    /// The share of the variance that more repeats could take away.
    pub sampling_share: Option<f64>,
}

/// Splits the variance of an average into questions and sampling (Miller 2024, "Adding error bars to
/// evals", 3.1, the law of total variance; oracle `repeat_decomposition`).
///
/// `scores` holds the repeats of each question. A question asked once says nothing of the spread inside
/// a question: the parts rest on those asked at least twice. One without repeats is left out.
pub fn repeat_decomposition(scores: &[Vec<f64>]) -> Decomposition {
    let means: Vec<f64> = scores.iter().filter_map(|repeats| mean(repeats)).collect();
    let n = count(means.len());
    let within: Vec<(f64, f64)> = scores
        .iter()
        .filter_map(|repeats| Some((variance(repeats)?, count(repeats.len()))))
        .collect();
    let average = |part: fn(&(f64, f64)) -> f64| mean(&within.iter().map(part).collect::<Vec<_>>());
    let total = variance(&means);
    let sampling = average(|(variance, repeats)| variance / repeats);
    Decomposition {
        mean: mean(&means),
        var_of_question_means: total,
        mean_within_variance: average(|(variance, _)| *variance),
        sampling_part: sampling,
        question_part: total.zip(sampling).map(|(all, sampling)| (all - sampling).max(0.0)),
        se_total: total.map(|total| libm::sqrt(total / n)),
        se_sampling_only: sampling.map(|sampling| libm::sqrt(sampling / n)),
        sampling_share: total
            .zip(sampling)
            .filter(|(all, _)| *all > 0.0)
            .map(|(all, sampling)| (sampling / all).min(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_has_no_spread() {
        let nothing = mean_ci(&[], 0.95);
        assert_eq!((nothing.mean, nothing.sd, nothing.t), (None, None, None));
        let one = mean_ci(&[0.5], 0.95);
        assert_eq!((one.mean, one.sd, one.se, one.t, one.z), (Some(0.5), None, None, None, None));
        assert_eq!(clustered_se(&[], &[], 0.95), ClusteredMean::default());
        let one = clustered_se(&[0.5], &[0], 0.95);
        assert_eq!((one.mean, one.se, one.se_naive, one.lower), (Some(0.5), None, None, None));
        let none = repeat_decomposition(&[]);
        assert_eq!((none.mean, none.se_total, none.sampling_share), (None, None, None));
        let single = repeat_decomposition(&[vec![1.0], vec![0.0], vec![]]);
        assert_eq!((single.mean, single.sampling_part), (Some(0.5), None));
        assert!(single.se_total.is_some_and(|se| se > 0.0));
    }

    #[test]
    fn values_that_agree_have_no_spread_left_from_rounding() {
        let same = mean_ci(&[0.1; 7], 0.95);
        assert_eq!((same.sd, same.t.map(|t| t.0 <= t.1)), (Some(0.0), Some(true)));
        assert_eq!(clustered_se(&[0.3; 9], &[0, 0, 1, 1, 2, 2, 3, 3, 3], 0.95).se, Some(0.0));
    }

    #[test]
    fn clusters_are_numbered_by_name_and_what_has_none_stands_alone() {
        let names = [Some("b"), None, Some("a"), Some("b"), None];
        assert_eq!(number_clusters(&names), [0, 1, 2, 0, 3]);
        assert_eq!(number_clusters(&[]), [0_usize; 0]);
    }
}
