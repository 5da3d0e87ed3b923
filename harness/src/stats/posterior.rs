//! The probability that a candidate is better, from paired answers.

use super::margin::PairedCounts;
use super::special::regularized_beta;
use super::sum::count;

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

#[cfg(test)]
mod tests {
    use super::*;

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
