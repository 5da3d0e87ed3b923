//! The probability that a candidate is better, from paired answers.

use super::margin::PairedCounts;
use super::special::{normal_cdf, regularized_beta};
use super::sum::count;
use super::{Comparison, Method};

/// What is believed of two arms after paired yes-or-no answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedPosterior {
    /// The probability that the candidate is right more often.
    pub prob_b_better: f64,
    /// The posterior mean of the difference, candidate minus baseline.
    pub mean_difference: f64,
    /// Its standard deviation.
    pub sd_difference: f64,
}

/// Updates a Dirichlet prior of `prior` in each of the four cells of paired answers: the share gained
/// among those that differ is Beta(n01 + prior, n10 + prior) (Gelman et al. 2013, "Bayesian Data
/// Analysis", 3.4; oracle `paired_dirichlet`). Absent unless the prior is above 0.
pub fn paired_dirichlet(counts: PairedCounts, prior: f64) -> Option<PairedPosterior> {
    if !(prior > 0.0 && prior.is_finite()) {
        return None;
    }
    let total = count(counts.n()) + 4.0 * prior;
    let (gained, lost) = (count(counts.n01) + prior, count(counts.n10) + prior);
    let (m01, m10) = (gained / total, lost / total);
    let variance = (m01 * (1.0 - m01) + m10 * (1.0 - m10) + 2.0 * m01 * m10) / (total + 1.0);
    Some(PairedPosterior {
        prob_b_better: regularized_beta((0.5, 0.5), lost, gained),
        mean_difference: m01 - m10,
        sd_difference: libm::sqrt(variance),
    })
}

/// The probability that the candidate of a comparison is better, under a prior that favours neither: of
/// the shares gained and lost where answers are a yes or a no, else of a normal mean.
pub fn probability_better(comparison: &Comparison) -> Option<f64> {
    if comparison.method == Method::PairedScore {
        let (n10, n01) = (comparison.worse, comparison.better);
        let n00 = comparison.n.saturating_sub(n10 + n01);
        let counts = PairedCounts { n10, n01, n11: 0, n00 };
        return paired_dirichlet(counts, 0.5).map(|fit| fit.prob_b_better);
    }
    let (difference, se) = (comparison.difference?, comparison.se?);
    (se > 0.0).then(|| normal_cdf(difference / se))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{PairedItem, difference};

    #[test]
    fn the_shape_of_the_scores_chooses_the_prior() {
        let pair = |baseline, candidate| PairedItem { baseline, candidate, cluster: None };
        let mut pairs = vec![pair(0.0, 1.0); 9];
        pairs.extend(vec![pair(1.0, 0.0); 2]);
        let plain = probability_better(&difference(&pairs)).expect("pairs");
        let counts = PairedCounts { n10: 2, n01: 9, ..PairedCounts::default() };
        let want = paired_dirichlet(counts, 0.5).expect("a prior").prob_b_better;
        assert!((plain - want).abs() < 1e-12);
        pairs.push(pair(0.5, 0.75));
        assert!(probability_better(&difference(&pairs)).is_some_and(|p| p > 0.9 && p < 1.0));
        let none = difference(&[]);
        assert!(probability_better(&none).is_some_and(|p| (p - 0.5).abs() < 1e-12));
    }

    #[test]
    fn nothing_seen_favours_nobody_and_no_prior_believes_nothing() {
        let none = PairedCounts::default();
        let posterior = paired_dirichlet(none, 0.5).expect("a prior");
        assert!((posterior.prob_b_better - 0.5).abs() < 1e-12);
        assert!(posterior.mean_difference.abs() < 1e-12);
        for prior in [0.0, -1.0, f64::NAN] {
            assert_eq!(paired_dirichlet(none, prior), None);
        }
    }

    #[test]
    fn the_arms_swapped_share_the_probability() {
        let counts = PairedCounts { n10: 3, n01: 11, n11: 40, n00: 6 };
        let turned = PairedCounts { n10: 11, n01: 3, ..counts };
        let better = |counts| paired_dirichlet(counts, 0.5).expect("a prior").prob_b_better;
        assert!((better(counts) + better(turned) - 1.0).abs() < 1e-12);
        assert!(better(counts) > 0.95);
    }
}
