//! Whether a candidate is worse by more than a margin: the tests behind a gate.
//!
//! What a newcomer would get wrong: "no significant difference" is no proof of equality. The question is
//! whether the whole interval lies above minus the margin.

use super::estimate::{ItemScore, is_binary};
use super::mean::{ClusteredMean, clustered, number_clusters, or_constant};
use super::proportion::{Tally, clopper_pearson};
use super::special::{
    binomial_cdf, binomial_tail, normal_quantile, normal_tail, student_quantile, student_tail,
};
use super::sum::count;

/// What bounds say of a margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarginVerdict {
    /// Not worse by the margin.
    Pass,
    /// Worse by more than the margin.
    Regress,
    /// Too few items to say.
    Inconclusive,
}

impl MarginVerdict {
    /// Decides by one-sided bounds of a difference: pass if the lower one is above −margin, regress if
    /// the upper one is below it (Piaggio et al. 2012, CONSORT for non-inferiority trials).
    pub fn of(bounds: Option<(f64, f64)>, margin: f64) -> Self {
        match bounds {
            Some((lower, _)) if lower > -margin => Self::Pass,
            Some((_, upper)) if upper < -margin => Self::Regress,
            _ => Self::Inconclusive,
        }
    }

    /// Returns the name as reports and `--format json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Regress => "regress",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A difference held against a margin. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginTest {
    /// Candidate minus baseline.
    pub difference: Option<f64>,
    /// The standard error, where the test rests on one.
    pub se: Option<f64>,
    /// Degrees of freedom, where the test rests on Student's t.
    pub df: Option<usize>,
    /// The test's statistic at −margin: Student's t, or Tango's z.
    pub statistic: Option<f64>,
    /// One-sided: how often a candidate that is worse by exactly the margin looks as good.
    pub p_value: Option<f64>,
    /// The lower and the upper bound, each one-sided at the error rate.
    pub bounds: Option<(f64, f64)>,
    /// Whether every difference was the same, so that their spread says nothing.
    pub degenerate: bool,
    /// What follows.
    pub verdict: MarginVerdict,
}

impl MarginTest {
    /// Whether it passed and is worse all the same.
    pub fn worse_within_margin(&self) -> bool {
        let below = self.bounds.is_some_and(|(_, upper)| upper < 0.0);
        self.verdict == MarginVerdict::Pass && below
    }

    /// Whether it is better beyond doubt.
    pub fn improved(&self) -> bool {
        self.bounds.is_some_and(|(lower, _)| lower > 0.0)
    }
}

/// Tests differences against `margin` with Student's t, one-sided at `alpha`; clusters widen it (oracle
/// `non_inferiority`).
///
/// Differences that are all the same get the bounds mean ± z²/(n + z²), Wilson's without an exception:
/// fifty identical answers do not prove a margin of three points.
///
/// ```
/// use tripos::stats::{MarginVerdict, non_inferiority};
///
/// assert_eq!(non_inferiority(&[0.0; 50], None, 0.03, 0.05).verdict, MarginVerdict::Inconclusive);
/// assert_eq!(non_inferiority(&[0.0; 100], None, 0.03, 0.05).verdict, MarginVerdict::Pass);
/// ```
pub fn non_inferiority(
    differences: &[f64],
    clusters: Option<&[usize]>,
    margin: f64,
    alpha: f64,
) -> MarginTest {
    let alone: Vec<usize> = (0..differences.len()).collect();
    let fit = clustered(differences, clusters.unwrap_or(&alone));
    let df = fit.clusters.saturating_sub(1);
    let spread = fit.mean.zip(fit.se);
    let degenerate = fit.se.is_some_and(|se| se <= 0.0);
    let half = if degenerate {
        let z = normal_quantile(alpha);
        Some(z * z / (count(fit.n) + z * z))
    } else {
        fit.se.map(|se| student_quantile(1.0 - alpha, count(df)) * se)
    };
    let clip = |bound: f64| if degenerate { bound.clamp(-1.0, 1.0) } else { bound };
    let bounds = fit.mean.zip(half).map(|(mean, half)| (clip(mean - half), clip(mean + half)));
    let statistic = spread.filter(|_| !degenerate).map(|(mean, se)| (mean + margin) / se);
    MarginTest {
        difference: fit.mean,
        se: fit.se,
        df: Some(df),
        statistic,
        p_value: statistic.map(|t| student_tail(t, count(df))),
        bounds,
        degenerate,
        verdict: MarginVerdict::of(bounds, margin),
    }
}

/// Tests a difference that is known by its mean and its standard error, such as a suite's, against
/// `margin` with the normal distribution, one-sided at `alpha`.
pub fn normal_margin(
    difference: Option<f64>,
    se: Option<f64>,
    margin: f64,
    alpha: f64,
) -> MarginTest {
    let half = se.map(|se| -normal_quantile(alpha) * se);
    let bounds = difference.zip(half).map(|(mean, half)| (mean - half, mean + half));
    let spread = se.filter(|se| *se > 0.0);
    let statistic = difference.zip(spread).map(|(mean, se)| (mean + margin) / se);
    MarginTest {
        difference,
        se,
        df: None,
        statistic,
        p_value: statistic.map(normal_tail),
        bounds,
        degenerate: false,
        verdict: MarginVerdict::of(bounds, margin),
    }
}

/// A mean held against a value. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundTest {
    /// The mean.
    pub estimate: Option<f64>,
    /// The lower and the upper bound, each one-sided at the error rate.
    pub bounds: Option<(f64, f64)>,
    /// One-sided: how often a mean at the value looks as far above it.
    pub p_above: Option<f64>,
    /// One-sided: how often a mean at the value looks as far below it.
    pub p_below: Option<f64>,
    /// Whether the bounds are exact ones of a proportion.
    pub exact: bool,
}

/// Holds shares of items against `value`, one-sided at `alpha`: Clopper and Pearson's exact bounds where
/// every item is a yes or a no and stands alone, else the clustered mean.
pub fn share_bound(items: &[ItemScore], value: f64, alpha: f64) -> BoundTest {
    let values: Vec<f64> = items.iter().map(|item| item.score).collect();
    let names: Vec<Option<&str>> = items.iter().map(|item| item.cluster.as_deref()).collect();
    let clusters = number_clusters(&names);
    let fit = clustered(&values, &clusters);
    let successes = values.iter().filter(|&&value| value > 0.5).count();
    let alone = fit.n > 0 && fit.clusters == fit.n && values.iter().all(|&v| is_binary(v));
    let Some(tally) = Tally::new(successes, fit.n).filter(|_| alone) else {
        let (fit, _) = or_constant(fit, 1.0 - 2.0 * alpha);
        return mean_bound(&fit, value);
    };
    let exact = clopper_pearson(tally, 1.0 - 2.0 * alpha);
    let chances = (value, 1.0 - value);
    BoundTest {
        estimate: exact.estimate,
        bounds: Some((exact.lower, exact.upper)),
        p_above: Some(binomial_tail(successes, fit.n, chances)),
        p_below: Some(binomial_cdf(successes, fit.n, chances)),
        exact: true,
    }
}

/// Holds a mean with its interval against `value`.
pub fn mean_bound(fit: &ClusteredMean, value: f64) -> BoundTest {
    let df = count(fit.clusters.saturating_sub(1));
    let spread = fit.mean.zip(fit.se).filter(|(_, se)| *se > 0.0 && fit.clusters > 1);
    let t = spread.map(|(mean, se)| (mean - value) / se);
    BoundTest {
        estimate: fit.mean,
        bounds: fit.lower.zip(fit.upper),
        p_above: t.map(|t| student_tail(t, df)),
        p_below: t.map(|t| student_tail(-t, df)),
        exact: false,
    }
}

/// How paired yes-or-no answers fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairedCounts {
    /// Only the baseline is right.
    pub n10: usize,
    /// Only the candidate is right.
    pub n01: usize,
    /// Both are right.
    pub n11: usize,
    /// Neither is.
    pub n00: usize,
}

impl PairedCounts {
    /// Pairs.
    pub fn n(&self) -> usize {
        self.n10 + self.n01 + self.n11 + self.n00
    }
}

/// Tests paired yes-or-no answers against `margin` with Tango's score statistic, one-sided at `alpha`
/// (Tango 1998, Stat. Med. 17:891; oracle `paired_score`). Preferred for one yes-or-no answer an item.
pub fn paired_score(counts: PairedCounts, margin: f64, alpha: f64) -> MarginTest {
    let (better, worse, n) = (counts.n01, counts.n10, counts.n());
    let z = -normal_quantile(alpha);
    let bounds = (n > 0).then(|| score_bounds((better, worse), n, z));
    let statistic = (n > 0).then(|| score_statistic((better, worse), n, -margin)).flatten();
    MarginTest {
        difference: (n > 0).then(|| (count(better) - count(worse)) / count(n)),
        se: None,
        df: None,
        statistic,
        p_value: statistic.map(normal_tail),
        bounds,
        degenerate: false,
        verdict: MarginVerdict::of(bounds, margin),
    }
}

/// Tango's score interval for the difference of two paired proportions: the differences that the
/// counts do not reject at ±z.
pub(super) fn score_bounds((better, worse): (usize, usize), n: usize, z: f64) -> (f64, f64) {
    (lower_score((better, worse), n, z), -lower_score((worse, better), n, z))
}

/// The lower end of [`score_bounds`]; the upper end is the lower one of the arms swapped.
fn lower_score(counts: (usize, usize), n: usize, z: f64) -> f64 {
    // The statistic falls from above z at −1 to below it at 1; 80 halvings exhaust a double.
    let (mut low, mut high) = (-1.0_f64, 1.0_f64);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        let (excess, spread) = score_parts(counts, n, middle);
        if excess > z * spread { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// Tango's statistic at `delta`; absent where nothing could vary.
pub(super) fn score_statistic(counts: (usize, usize), n: usize, delta: f64) -> Option<f64> {
    let (excess, spread) = score_parts(counts, n, delta);
    (spread > 0.0).then(|| excess / spread)
}

/// The numerator and the denominator of Tango's statistic at `delta`, with the nuisance parameter q
/// from the form of the quadratic's root that does not cancel.
fn score_parts((better, worse): (usize, usize), n: usize, delta: f64) -> (f64, f64) {
    let (b, c, n) = (count(better), count(worse), count(n));
    let linear = (2.0 * n - b + c) * delta - b - c;
    let constant = -c * delta * (1.0 - delta);
    let root = libm::sqrt((linear * linear - 8.0 * n * constant).max(0.0));
    let q =
        if linear > 0.0 { -2.0 * constant / (root + linear) } else { (root - linear) / (4.0 * n) };
    let variance = n * (2.0 * q + delta * (1.0 - delta));
    (b - c - n * delta, libm::sqrt(variance.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_little_is_inconclusive_and_never_a_number_out_of_nothing() {
        for test in [
            non_inferiority(&[], None, 0.1, 0.05),
            non_inferiority(&[1.0], None, 0.1, 0.05),
            non_inferiority(&[1.0, 0.0], Some(&[3, 3]), 0.1, 0.05),
            paired_score(PairedCounts::default(), 0.1, 0.05),
        ] {
            assert_eq!((test.verdict, test.bounds), (MarginVerdict::Inconclusive, None));
            assert_eq!((test.statistic, test.p_value), (None, None));
        }
    }

    #[test]
    fn the_bounds_decide_and_touching_the_margin_decides_nothing() {
        for (lower, upper, verdict) in [
            (-0.01, 0.05, MarginVerdict::Pass),
            (-0.02, 0.05, MarginVerdict::Inconclusive),
            (-0.09, -0.02, MarginVerdict::Inconclusive),
            (-0.09, -0.021, MarginVerdict::Regress),
            (-0.09, 0.09, MarginVerdict::Inconclusive),
        ] {
            assert_eq!(MarginVerdict::of(Some((lower, upper)), 0.02), verdict, "{lower} {upper}");
        }
    }

    #[test]
    fn a_share_is_held_against_a_value_by_exact_bounds_where_items_stand_alone() {
        let items = |scores: &[f64], cluster: Option<&str>| -> Vec<ItemScore> {
            let item = |&score| ItemScore { score, cluster: cluster.map(str::to_owned) };
            scores.iter().map(item).collect()
        };
        let none_of_hundred = share_bound(&items(&[0.0; 100], None), 0.05, 0.05);
        let (_, upper) = none_of_hundred.bounds.expect("a hundred items");
        // 1 − 0.05^(1/100), the rule of three.
        assert!((upper - 0.029_513_049_607_039_87).abs() < 1e-9, "{upper}");
        assert_eq!((none_of_hundred.exact, none_of_hundred.p_above), (true, Some(1.0)));
        assert_eq!(share_bound(&[], 0.05, 0.05).bounds, None);
        let half = share_bound(&items(&[0.5, 0.0, 1.0], None), 0.5, 0.05);
        assert_eq!((half.exact, half.p_above), (false, Some(0.5)));
        assert_eq!(share_bound(&items(&[1.0, 0.0], Some("a")), 0.5, 0.05).bounds, None);
    }

    #[test]
    fn passing_and_being_worse_can_both_be_true() {
        let counts = PairedCounts { n10: 30, n01: 5, n11: 4_000, n00: 965 };
        let test = paired_score(counts, 0.02, 0.05);
        assert_eq!(test.verdict, MarginVerdict::Pass);
        assert!(test.worse_within_margin() && !test.improved());
        let turned = PairedCounts { n10: 5, n01: 30, ..counts };
        assert!(paired_score(turned, 0.02, 0.05).improved());
    }
}
