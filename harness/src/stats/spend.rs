//! What answers took: means of tokens and seconds, and how two arms' totals compare.

use super::estimate::{Row, canonical, clustered};
use super::sum::{mean, sum};
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
    let mut rows: Vec<Row<'_>> = amounts.iter().map(|a| (a.cluster.as_deref(), a.value)).collect();
    let (values, clusters) = canonical(&mut rows);
    let fit = clustered(&values, &clusters, LEVEL);
    let spread = fit.and_then(|fit| fit.spread).filter(|spread| spread.se > 0.0);
    Estimate {
        estimate: fit.map(|fit| fit.mean),
        se: spread.map(|s| s.se),
        lower: fit.zip(spread).map(|(fit, s)| fit.mean - s.half_width),
        upper: fit.zip(spread).map(|(fit, s)| fit.mean + s.half_width),
        n: values.len(),
        clusters: fit.map_or(0, |fit| fit.groups),
        method: Method::ClusteredMean,
    }
}

/// Estimates the candidate's total as ratio to the baseline's, on the same items.
///
/// The standard error is that of the linearised ratio, the mean of (c − r·b) over the mean of b
/// (Cochran 1977, "Sampling Techniques", 6.4). Absent when the baseline took nothing.
pub fn ratio(pairs: &[PairedAmount]) -> Estimate {
    let baseline = mean(&pairs.iter().map(|pair| pair.baseline).collect::<Vec<_>>());
    let ratio = baseline.filter(|mean| *mean > 0.0).map(|_| {
        sum(pairs.iter().map(|pair| pair.candidate)) / sum(pairs.iter().map(|pair| pair.baseline))
    });
    let (Some(base), Some(ratio)) = (baseline, ratio) else { return mean_amount(&[]) };
    let errors: Vec<Amount> = pairs
        .iter()
        .map(|pair| Amount {
            value: (pair.candidate - ratio * pair.baseline) / base,
            cluster: pair.cluster.clone(),
        })
        .collect();
    let error = mean_amount(&errors);
    Estimate {
        estimate: Some(ratio),
        lower: error.lower.map(|lower| (ratio + lower).max(0.0)),
        upper: error.upper.map(|upper| ratio + upper),
        ..error
    }
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
