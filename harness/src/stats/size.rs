//! How much it takes to see a difference: planning before, and what would settle it after.

use super::exact::mcnemar_exact;
use super::special::{binomial_mass, binomial_tail, normal_cdf, normal_quantile};
use super::sum::{count, sum};
use super::{Comparison, LEVEL};

/// The chance wanted of seeing a difference that is there.
pub const POWER: f64 = 0.8;

/// Whether a difference counts in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// A test of any difference.
    Two,
    /// A test in one direction, as a gate makes.
    One,
}

/// The error rates of a planned test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// How often chance alone may look like a difference.
    pub alpha: f64,
    /// How often a true difference must be seen.
    pub power: f64,
    /// The directions that count.
    pub sides: Sides,
}

impl Errors {
    /// The standard errors that a difference must span.
    fn span(self) -> f64 {
        critical(self.alpha, self.sides) + normal_quantile(self.power)
    }
}

/// What makes one paired difference vary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairVariance {
    /// The variance between questions of the true difference.
    pub omega2: f64,
    /// The variance of a repeat inside a question, of the baseline and of the candidate.
    pub sigma2: (f64, f64),
    /// Repeats of a question, of the baseline and of the candidate.
    pub repeats: (u32, u32),
}

impl PairVariance {
    /// ω² + σ²ₐ/Kₐ + σ²ᵦ/Kᵦ (Miller 2024, "Adding error bars to evals", 5, eq. 9).
    pub fn total(self) -> f64 {
        let (a, b) = self.repeats;
        sum([self.omega2, self.sigma2.0 / f64::from(a), self.sigma2.1 / f64::from(b)])
    }
}

/// The standard error a plan leads to, and the smallest difference it can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detectable {
    /// The standard error of the difference.
    pub se: f64,
    /// The smallest difference that is seen as often as wanted.
    pub mde: f64,
}

/// The smallest paired difference that `n` items show (Miller 2024, 5; oracle `mde_paired`); absent
/// without items.
///
/// ```
/// use tripos::stats::{Errors, Sides, mde_paired};
///
/// // 198 items of which one in five flips between two runs, one-sided at 5 %, seen four times in five.
/// let errors = Errors { alpha: 0.05, power: 0.8, sides: Sides::One };
/// let detectable = mde_paired(198, 0.2, errors).expect("items");
/// assert!(detectable.mde > 0.07, "a gate on 198 items cannot hold a margin of two points");
/// ```
pub fn mde_paired(n: usize, variance: f64, errors: Errors) -> Option<Detectable> {
    let se = (n > 0).then(|| libm::sqrt(variance / count(n)))?;
    Some(Detectable { se, mde: errors.span() * se })
}

/// The smallest difference that shares near `p` show on `n_a` and `n_b` different items, two-sided
/// (oracle `mde_unpaired`); absent without items.
pub fn mde_unpaired(p: f64, (n_a, n_b): (usize, usize), errors: Errors) -> Option<Detectable> {
    if n_a == 0 || n_b == 0 {
        return None;
    }
    let se = libm::sqrt(p * (1.0 - p) * (1.0 / count(n_a) + 1.0 / count(n_b)));
    Some(Detectable { se, mde: errors.span() * se })
}

/// The items that show a paired difference of `delta`, before rounding up (Miller 2024, 5, eq. 10;
/// oracle `sample_size_paired`); absent for no difference, which no number of items shows.
pub fn sample_size_paired(delta: f64, variance: f64, errors: Errors) -> Option<f64> {
    (delta.abs() > 0.0).then(|| errors.span().powi(2) * variance / (delta * delta))
}

/// The chance that `n` items show a paired difference of `delta` (oracle `power_paired`); absent where
/// nothing varies.
pub fn power_paired(
    n: usize,
    delta: f64,
    variance: f64,
    (alpha, sides): (f64, Sides),
) -> Option<f64> {
    let se = libm::sqrt(variance / count(n));
    if n == 0 || se <= 0.0 {
        return None;
    }
    let z = critical(alpha, sides);
    Some(match sides {
        Sides::One => normal_cdf(delta / se - z),
        Sides::Two => {
            let effect = delta.abs() / se;
            normal_cdf(effect - z) + normal_cdf(-effect - z)
        }
    })
}

/// The chance that the exact two-sided test of `McNemar` sees that a share `p10` of pairs is lost and
/// `p01` gained, over every number of discordant pairs (oracle `mcnemar_power`).
pub fn mcnemar_power(n: usize, p10: f64, p01: f64, alpha: f64) -> f64 {
    let discordant = (p10 + p01).min(1.0);
    if discordant <= 0.0 {
        return if alpha >= 1.0 { 1.0 } else { 0.0 };
    }
    let lost = (p10 / (p10 + p01), p01 / (p10 + p01));
    let mut few = None;
    let terms = (0..=n).map(|m| {
        let weight = binomial_mass(m, n, (discordant, 1.0 - discordant));
        while rejects(few.map_or(0, |few| few + 1), m, alpha) {
            few = Some(few.map_or(0, |few| few + 1));
        }
        let Some(few) = few.filter(|_| weight > 0.0) else { return 0.0 };
        if 2 * few >= m {
            return weight;
        }
        weight * (binomial_tail(m - few, m, lost) + binomial_tail(m - few, m, (lost.1, lost.0)))
    });
    sum(terms).min(1.0)
}

/// Whether `few` of `m` discordant pairs, at most half of them, are too few to be chance. Exact
/// chances that equal alpha are rejected: they differ from it by rounding alone.
fn rejects(few: usize, m: usize, alpha: f64) -> bool {
    2 * few <= m && mcnemar_exact(few, m - few).p_two_sided <= alpha * (1.0 + 1e-12)
}

/// The standard errors from which a difference counts.
fn critical(alpha: f64, sides: Sides) -> f64 {
    match sides {
        Sides::Two => -normal_quantile(alpha / 2.0),
        Sides::One => -normal_quantile(alpha),
    }
}

/// Returns how many pairs of the same spread would show the difference seen, if it is the true one,
/// four times in five: n·((z₁₋α⁄₂ + z₀.₈)·se/d)². Absent when the interval already excludes zero, and
/// when there is no difference to settle.
pub fn pairs_needed(comparison: &Comparison) -> Option<u64> {
    let (lower, upper) = (comparison.lower?, comparison.upper?);
    let (difference, se) = (comparison.difference?, comparison.se?);
    if lower > 0.0 || upper < 0.0 || difference.abs() < f64::EPSILON {
        return None;
    }
    let errors = Errors { alpha: 1.0 - LEVEL, power: POWER, sides: Sides::Two };
    whole(sample_size_paired(difference, se * se * count(comparison.n), errors)?)
}

/// Rounds a number of items up; absent where it is beyond anything that could be asked.
pub fn whole(items: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= items < 1e15"
    )]
    (0.0..1e15).contains(&items).then(|| items.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{PairedItem, difference};

    fn compared(better: usize, worse: usize, same: usize) -> Comparison {
        let pair = |baseline, candidate| PairedItem { baseline, candidate, cluster: None };
        let mut pairs = vec![pair(0.0, 1.0); better];
        pairs.extend(vec![pair(1.0, 0.0); worse]);
        pairs.extend(vec![pair(1.0, 1.0); same]);
        difference(&pairs)
    }

    #[test]
    fn only_an_open_difference_needs_more() {
        assert_eq!(pairs_needed(&compared(30, 0, 10)), None);
        assert_eq!(pairs_needed(&compared(4, 4, 10)), None);
        assert_eq!(pairs_needed(&compared(0, 0, 0)), None);
    }

    #[test]
    fn the_number_grows_as_the_difference_shrinks() {
        let wide = pairs_needed(&compared(6, 3, 31)).expect("open");
        let narrow = pairs_needed(&compared(5, 4, 31)).expect("open");
        assert!(wide > 40 && narrow > 5 * wide, "{wide} and {narrow}");
    }

    #[test]
    fn what_cannot_be_planned_is_absent() {
        let errors = Errors { alpha: 0.05, power: 0.8, sides: Sides::Two };
        assert_eq!(mde_paired(0, 0.3, errors), None);
        assert_eq!(mde_unpaired(0.5, (10, 0), errors), None);
        assert_eq!(sample_size_paired(0.0, 0.3, errors), None);
        assert_eq!(power_paired(10, 0.1, 0.0, (0.05, Sides::Two)), None);
        assert_eq!(whole(f64::INFINITY), None);
        assert_eq!(whole(12.1), Some(13));
    }

    #[test]
    fn a_plan_takes_its_own_power_back() {
        let errors = Errors { alpha: 0.05, power: 0.8, sides: Sides::One };
        let mde = mde_paired(300, 0.4, errors).expect("items").mde;
        let power = power_paired(300, mde, 0.4, (0.05, Sides::One)).expect("it varies");
        assert!((power - 0.8).abs() < 1e-12, "{power}");
        let n = sample_size_paired(mde, 0.4, errors).expect("a difference");
        assert!((n - 300.0).abs() < 1e-9, "{n}");
    }

    #[test]
    fn without_a_difference_the_exact_test_errs_less_often_than_it_may() {
        for n in [1, 10, 200] {
            let errs = mcnemar_power(n, 0.1, 0.1, 0.05);
            assert!(errs <= 0.05, "{n}: {errs}");
        }
        assert!(mcnemar_power(10, 0.0, 0.0, 0.05) <= 0.0);
        // Six pairs, all discordant and all lost: p = 1/32 is rejected at exactly that alpha.
        assert!((mcnemar_power(6, 1.0, 0.0, 0.031_25) - 1.0).abs() < 1e-12);
    }
}
