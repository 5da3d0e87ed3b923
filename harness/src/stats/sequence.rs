//! Confidence sequences: intervals that hold at every number of items at once, however often one looks.

use super::proportion::{Prior, Tally};
use super::running::Running;
use super::special::{ln_beta, ln_prefactor, shares};
use super::sum::count;

/// A share of successes at any time: the p with B(a + s, b + f)/B(a, b) < pˢ(1 − p)ᶠ/α, from the mixture
/// over a Beta prior (Robbins 1970, "Statistical methods related to the law of the iterated logarithm";
/// Howard et al. 2021, "Time-uniform confidence sequences", prop. 5; oracle `cs_beta_binomial`).
pub fn cs_beta_binomial(tally: Tally, prior: Prior, alpha: f64) -> (f64, f64) {
    let (successes, failures) = tally.parts();
    let (a, b) = prior.shapes();
    let (hits, misses) = (count(successes), count(failures));
    if successes + failures == 0 {
        return (0.0, 1.0);
    }
    let bound = libm::log(alpha) - ln_beta(a, b);
    let holds = |odds: f64| {
        let (p, q) = shares(odds);
        ln_prefactor((p, q), a + hits, b + misses) - a * libm::log(p) - b * libm::log(q) > bound
    };
    // The likelihood is highest at s/n; without a success or a failure it is highest at an end.
    let top = if hits > 0.0 && misses > 0.0 { libm::log(hits / misses) } else { 0.0 };
    let search = |far: f64, near: f64| {
        let (mut out, mut inside) = (far, near);
        for _ in 0..200 {
            let middle = f64::midpoint(out, inside);
            if holds(middle) { inside = middle } else { out = middle }
        }
        shares(inside).0
    };
    let (low, high) = (-700.0, 700.0);
    let lower = if hits > 0.0 { search(low, if misses > 0.0 { top } else { high }) } else { 0.0 };
    let upper = if misses > 0.0 { search(high, if hits > 0.0 { top } else { low }) } else { 1.0 };
    (lower, upper)
}

/// The radius around the mean of `n` values of known standard deviation, from the mixture over a normal
/// prior of variance `rho2`: σ√(2(nρ² + 1)/(n²ρ²)·ln(√(nρ² + 1)/α)) (Waudby-Smith et al. 2021,
/// "Time-uniform central limit theory", eq. 14; oracle `cs_normal_mixture`); absent without values.
pub fn cs_normal_mixture(n: usize, sigma: f64, rho2: f64, alpha: f64) -> Option<f64> {
    let spread = count(n) * rho2;
    let log = 0.5 * libm::log1p(spread) - libm::log(alpha);
    let radius = sigma * libm::sqrt(2.0 * (spread + 1.0) / (count(n) * spread) * log);
    (n > 0 && rho2 > 0.0).then_some(radius)
}

/// The ρ² that makes [`cs_normal_mixture`] tightest near `t_opt` values: (a + ln(a + 1))/`t_opt` with
/// a = −2 ln α (Waudby-Smith et al. 2021, B.2; oracle `cs_rho2`).
pub fn cs_rho2(t_opt: f64, alpha: f64) -> f64 {
    let a = -2.0 * libm::log(alpha);
    (a + libm::log1p(a)) / t_opt
}

/// A confidence sequence at its last value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequence {
    /// The interval at the last value, inside [0, 1].
    pub last: (f64, f64),
    /// What every interval so far holds.
    pub running: (f64, f64),
}

/// The mean of values in [0, 1], in the order in which they came, from their own variance
/// (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", theorem 2;
/// oracle `cs_empirical_bernstein`).
pub fn cs_empirical_bernstein(values: &[f64], alpha: f64) -> Sequence {
    let log = libm::log(2.0 / alpha);
    let mut sequence = Sequence { last: (0.0, 1.0), running: (0.0, 1.0) };
    let mut seen = Running::default();
    let (mut weights, mut weighted, mut spread) = (0.0, 0.0, log);
    for (&y, t) in values.iter().zip(1_u32..) {
        let t = f64::from(t);
        let lambda = libm::sqrt(2.0 * log / (seen.variance() * t * libm::log1p(t))).min(0.5);
        let psi = (-libm::log1p(-lambda) - lambda) / 4.0;
        spread += 4.0 * (y - seen.mean()).powi(2) * psi;
        weights += lambda;
        weighted += lambda * y;
        seen.see(y);
        let (centre, radius) = (weighted / weights, spread / weights);
        sequence.last = ((centre - radius).max(0.0), (centre + radius).min(1.0));
        let (lower, upper) = sequence.running;
        sequence.running = (lower.max(sequence.last.0), upper.min(sequence.last.1));
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_excludes_nothing() {
        let prior = Prior::new(1.0, 1.0).expect("a prior");
        let none = Tally::new(0, 0).expect("nothing");
        assert_eq!(cs_beta_binomial(none, prior, 0.05), (0.0, 1.0));
        assert_eq!(cs_normal_mixture(0, 1.0, 0.1, 0.05), None);
        assert_eq!(cs_empirical_bernstein(&[], 0.05).running, (0.0, 1.0));
    }

    #[test]
    fn a_sequence_holds_the_share_and_narrows() {
        let prior = Prior::new(0.5, 0.5).expect("a prior");
        let mut before = 1.0;
        for n in [10, 100, 1_000, 100_000] {
            let tally = Tally::new(3 * n / 10, n).expect("a share");
            let (lower, upper) = cs_beta_binomial(tally, prior, 0.05);
            assert!(lower < 0.3 && 0.3 < upper && upper - lower < before, "{n}: {lower} {upper}");
            before = upper - lower;
        }
        let (lower, upper) = cs_beta_binomial(Tally::new(40, 40).expect("all"), prior, 0.05);
        assert!(lower > 0.8 && upper >= 1.0);
    }
}
