//! What answers took: means of tokens and seconds, and how two arms' totals compare.

use super::mean::{ClusteredMean, clustered, clustered_se, number_clusters};
use super::proportion::two_sided_z;
use super::sum::{count, sum};
use super::{Estimate, LEVEL, Method};

/// What a trial took, in any unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// How much.
    pub value: f64,
    /// The items that vary together; without one it is a cluster of its own.
    pub cluster: Option<String>,
}

/// What two arms took for the same item.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedAmount {
    /// What the baseline took.
    pub baseline: f64,
    /// What the candidate took.
    pub candidate: f64,
    /// The variants the item belongs to; without one it is a cluster of its own.
    pub cluster: Option<String>,
}

/// Estimates the mean of amounts, in any order, with a clustered standard error and Student's t.
///
/// Amounts that are all the same have no interval: their spread says nothing, and no bound is known.
pub fn mean_amount(amounts: &[Amount]) -> Estimate {
    let values: Vec<f64> = amounts.iter().map(|amount| amount.value).collect();
    let names: Vec<Option<&str>> = amounts.iter().map(|a| a.cluster.as_deref()).collect();
    let fit = clustered_se(&values, &number_clusters(&names), LEVEL);
    let varies = fit.se.is_some_and(|se| se > 0.0);
    Estimate {
        estimate: fit.mean,
        se: fit.se.filter(|_| varies),
        lower: fit.lower.filter(|_| varies),
        upper: fit.upper.filter(|_| varies),
        n: fit.n,
        clusters: fit.clusters,
        method: Method::ClusteredMean,
    }
}

/// Estimates the candidate's total as ratio to the baseline's, on the same items; [`ratio_ci`] names the
/// method. Absent when the baseline took nothing.
pub fn ratio(pairs: &[PairedAmount]) -> Estimate {
    let fit = ratio_at(pairs, LEVEL);
    let varies = fit.se.is_some_and(|se| se > 0.0);
    Estimate {
        estimate: fit.mean,
        se: fit.se.filter(|_| varies),
        lower: fit.lower.filter(|_| varies).map(|lower| lower.max(0.0)),
        upper: fit.upper.filter(|_| varies),
        n: fit.n,
        clusters: fit.clusters,
        method: Method::RatioOfTotals,
    }
}

/// The same at the two-sided confidence `level`, with what its clusters cost.
pub fn ratio_at(pairs: &[PairedAmount], level: f64) -> ClusteredMean {
    let amounts: Vec<(f64, f64)> = pairs.iter().map(|p| (p.candidate, p.baseline)).collect();
    let names: Vec<Option<&str>> = pairs.iter().map(|p| p.cluster.as_deref()).collect();
    let fit = linearised(&amounts, &number_clusters(&names));
    let end = |sign: f64| Some(fit.mean? + sign * fit.se? * two_sided_z(level));
    ClusteredMean { lower: end(-1.0), upper: end(1.0), ..fit }
}

/// A ratio of totals and its normal interval. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioInterval {
    /// The ratio; absent where the denominators add up to nothing.
    pub ratio: Option<f64>,
    /// Its standard error; absent with fewer than two items.
    pub se: Option<f64>,
    /// The lower end of the interval.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
}

/// Estimates Σ numerator/Σ denominator over items, each an item's (numerator, denominator), such as
/// dollars and right answers: √(Σe²/(n − 1)/n)/mean(denominator) with e = numerator − R·denominator is
/// its standard error (Cochran 1977, "Sampling Techniques", 6.4; oracle `ratio_ci`).
///
/// ```
/// // What a right answer costs: three questions at one, two and three cents, two of them right.
/// let cost = tripos::stats::ratio_ci(&[(0.01, 1.0), (0.02, 0.0), (0.03, 1.0)], 0.95);
/// assert!(cost.ratio.is_some_and(|usd| (usd - 0.03).abs() < 1e-12));
/// ```
pub fn ratio_ci(items: &[(f64, f64)], level: f64) -> RatioInterval {
    let alone: Vec<usize> = (0..items.len()).collect();
    let fit = linearised(items, &alone);
    let half = fit.se.map(|se| se * two_sided_z(level));
    RatioInterval {
        ratio: fit.mean,
        se: fit.se,
        lower: fit.mean.zip(half).map(|(ratio, half)| ratio - half),
        upper: fit.mean.zip(half).map(|(ratio, half)| ratio + half),
    }
}

/// The ratio of totals as a mean, with the standard error of its linearisation.
fn linearised(items: &[(f64, f64)], clusters: &[usize]) -> ClusteredMean {
    let total = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = items.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        sum(values)
    };
    let (above, below) = (total(|item| item.0), total(|item| item.1));
    if below <= 0.0 {
        return ClusteredMean::default();
    }
    let (ratio, mean) = (above / below, below / count(items.len()));
    let errors: Vec<f64> = items.iter().map(|(a, b)| (a - ratio * b) / mean).collect();
    ClusteredMean { mean: Some(ratio), ..clustered(&errors, clusters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(values: &[f64]) -> Vec<Amount> {
        values.iter().map(|&value| Amount { value, cluster: None }).collect()
    }

    #[test]
    fn a_mean_without_spread_has_no_interval() {
        let same = mean_amount(&amounts(&[3.0, 3.0]));
        assert_eq!((same.estimate, same.lower, same.n), (Some(3.0), None, 2));
        assert_eq!(mean_amount(&[]).estimate, None);
    }

    #[test]
    fn a_mean_has_students_interval() {
        // R: t.test(c(1, 2, 3, 4)) gives 0.4457397 to 4.5542603.
        let mean = mean_amount(&amounts(&[4.0, 1.0, 3.0, 2.0]));
        assert_eq!(mean.estimate, Some(2.5));
        assert!((mean.lower.expect("bounded") - 0.445_739_7).abs() < 1e-6);
        assert!((mean.upper.expect("bounded") - 4.554_260_3).abs() < 1e-6);
    }

    #[test]
    fn a_ratio_is_that_of_the_totals_and_its_interval_holds_it() {
        let pair = |baseline, candidate| PairedAmount { baseline, candidate, cluster: None };
        let pairs = [pair(1.0, 2.0), pair(2.0, 6.0), pair(3.0, 4.0)];
        let estimate = ratio(&pairs);
        assert_eq!(estimate.estimate, Some(2.0));
        let (lower, upper) = (estimate.lower.expect("bounded"), estimate.upper.expect("bounded"));
        assert!(lower < 2.0 && upper > 2.0 && lower >= 0.0);
        assert_eq!(ratio(&[pair(0.0, 1.0)]).estimate, None);
        assert_eq!(ratio(&[pair(2.0, 4.0), pair(1.0, 2.0)]).lower, None);
    }
}
