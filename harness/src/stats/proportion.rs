//! Shares of successes: intervals for one, and for the difference of two that were counted apart.
//!
//! What a newcomer would get wrong: none of these intervals is the estimate plus and minus a standard
//! error, which would claim certainty of 0 out of 12.

use super::special::{
    beta_quantile, binomial_mass, ln_prefactor, ln_regularized_beta, normal_quantile,
    regularized_beta, shares,
};
use super::sum::{count, sum};

/// Successes out of trials; never more of the one than of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    successes: usize,
    n: usize,
}

impl Tally {
    /// Counts `successes` out of `n`; absent where there would be more successes than trials.
    pub fn new(successes: usize, n: usize) -> Option<Self> {
        (successes <= n).then_some(Self { successes, n })
    }

    /// The share of successes; absent of nothing.
    pub fn share(self) -> Option<f64> {
        (self.n > 0).then(|| count(self.successes) / count(self.n))
    }

    /// Successes and failures.
    pub(super) fn parts(self) -> (usize, usize) {
        (self.successes, self.failures())
    }

    fn failures(self) -> usize {
        self.n - self.successes
    }
}

/// The share of successes and its interval, inside [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// The share; absent where nothing was counted.
    pub estimate: Option<f64>,
    /// The lower end; exactly 0 where there was no success.
    pub lower: f64,
    /// The upper end; exactly 1 where there was no failure.
    pub upper: f64,
}

/// Wilson's score interval (Wilson 1927, "Probable inference", equation for p; oracle `wilson`).
pub fn wilson(tally: Tally, level: f64) -> Proportion {
    let Some(p) = tally.share() else { return unknown() };
    let n = count(tally.n);
    let z = two_sided_z(level);
    let z2_n = z * z / n;
    let centre = (p + z2_n / 2.0) / (1.0 + z2_n);
    let half = z / (1.0 + z2_n) * libm::sqrt(p * (1.0 - p) / n + z2_n / (4.0 * n));
    Proportion {
        estimate: Some(p),
        lower: if tally.successes == 0 { 0.0 } else { centre - half },
        upper: if tally.failures() == 0 { 1.0 } else { centre + half },
    }
}

/// The exact interval of Clopper and Pearson (1934, "The use of confidence or fiducial limits"; oracle
/// `clopper_pearson`). It never covers less often than `level`.
pub fn clopper_pearson(tally: Tally, level: f64) -> Proportion {
    if tally.n == 0 {
        return unknown();
    }
    let (x, rest) = (count(tally.successes), count(tally.failures()));
    let tail = (1.0 - level) / 2.0;
    Proportion {
        estimate: tally.share(),
        lower: if tally.successes == 0 { 0.0 } else { beta_quantile(tail, x, rest + 1.0).0 },
        upper: if tally.failures() == 0 { 1.0 } else { beta_quantile(tail, rest, x + 1.0).1 },
    }
}

/// The pseudo-counts of a Beta prior; both above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    a: f64,
    b: f64,
}

impl Prior {
    /// A prior worth `a` successes and `b` failures; absent unless both are above 0 and finite.
    pub fn new(a: f64, b: f64) -> Option<Self> {
        let fits = |value: f64| value > 0.0 && value.is_finite();
        (fits(a) && fits(b)).then_some(Self { a, b })
    }

    /// The pseudo-counts of successes and failures.
    pub(super) fn shapes(self) -> (f64, f64) {
        (self.a, self.b)
    }

    fn updated(self, tally: Tally) -> (f64, f64) {
        (self.a + count(tally.successes), self.b + count(tally.failures()))
    }
}

/// What is believed of a share after counting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaPosterior {
    a: f64,
    b: f64,
}

/// Updates a Beta prior (Gelman et al. 2013, "Bayesian Data Analysis", 2.1; oracle `beta_posterior`).
pub fn beta_posterior(tally: Tally, prior: Prior) -> BetaPosterior {
    let (a, b) = prior.updated(tally);
    BetaPosterior { a, b }
}

impl BetaPosterior {
    /// The mean.
    pub fn mean(self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// The standard deviation.
    pub fn sd(self) -> f64 {
        let n = self.a + self.b;
        libm::sqrt(self.a / n * (self.b / n) / (n + 1.0))
    }

    /// The interval with equal tails at the two-sided confidence `level`.
    pub fn interval(self, level: f64) -> (f64, f64) {
        let tail = (1.0 - level) / 2.0;
        (beta_quantile(tail, self.a, self.b).0, beta_quantile(tail, self.b, self.a).1)
    }

    /// The probability that the share is above `threshold`.
    pub fn probability_above(self, threshold: f64) -> f64 {
        regularized_beta((1.0 - threshold, threshold), self.b, self.a)
    }
}

/// The probability that the share behind `b` is above that behind `a`, each with its own posterior
/// (oracle `beta_prob_greater`).
///
/// The integral of B's density times A's distribution over the log-odds, where both are smooth and fall
/// off on both sides, so that equal steps converge exponentially (Trefethen & Weideman 2014, "The
/// exponentially convergent trapezoidal rule").
pub fn beta_prob_greater(a: Tally, b: Tally, prior: Prior) -> f64 {
    let ((a1, a2), (b1, b2)) = (prior.updated(a), prior.updated(b));
    let log = |odds: f64| {
        let x = shares(odds);
        ln_prefactor(x, b1, b2) + ln_regularized_beta(x, a1, a2)
    };
    let sd = |one: f64, two: f64| libm::sqrt(1.0 / one + 1.0 / two);
    let step = (sd(a1, a2).min(sd(b1, b2)) / 3.0).min(0.25);
    let (middle_a, middle_b) = (libm::log(a1 / a2), libm::log(b1 / b2));
    let top = peak(log, middle_b.min(middle_a) - 40.0 * step, middle_b.max(middle_a) + 40.0 * step);
    let highest = log(top);
    let side = |direction: f64| {
        let terms = (1..).map(|n: u32| log(top + direction * f64::from(n) * step) - highest);
        sum(terms.take_while(|&term| term > -42.0).map(libm::exp))
    };
    (libm::exp(highest + libm::log(step)) * (1.0 + side(1.0) + side(-1.0))).min(1.0)
}

/// The place of the maximum of a concave function.
fn peak(of: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..60 {
        let third = (high - low) / 3.0;
        if of(low + third) < of(high - third) { low += third } else { high -= third }
    }
    f64::midpoint(low, high)
}

/// The difference of two shares and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProportionDifference {
    /// B minus A; absent where one side has nothing.
    pub difference: Option<f64>,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// The difference of shares that were counted on different items, B − A, from their Wilson intervals
/// (Newcombe 1998, "Interval estimation for the difference between independent proportions", method
/// 10; oracle `newcombe`).
pub fn newcombe(a: Tally, b: Tally, level: f64) -> ProportionDifference {
    let (Some(p_a), Some(p_b)) = (a.share(), b.share()) else {
        return ProportionDifference { difference: None, lower: -1.0, upper: 1.0 };
    };
    let (w_a, w_b) = (wilson(a, level), wilson(b, level));
    let difference = p_b - p_a;
    ProportionDifference {
        difference: Some(difference),
        lower: difference - libm::hypot(p_b - w_b.lower, w_a.upper - p_a),
        upper: difference + libm::hypot(w_b.upper - p_b, p_a - w_a.lower),
    }
}

/// How often an interval holds the share it is of, exactly: the outcomes of `n` trials with chance `p`
/// whose interval holds `p`, by their probability (Brown, Cai & `DasGupta` 2001, "Interval estimation for
/// a binomial proportion").
pub fn coverage(n: usize, p: f64, interval: impl Fn(Tally) -> (f64, f64)) -> f64 {
    let holds = |successes: usize| {
        let (lower, upper) = interval(Tally { successes, n });
        (lower..=upper).contains(&p)
    };
    let mass = |x: usize| binomial_mass(x, n, (p, 1.0 - p));
    sum((0..=n).filter(|&x| holds(x)).map(mass))
}

/// The normal quantile of a two-sided confidence.
pub(super) fn two_sided_z(level: f64) -> f64 {
    -normal_quantile((1.0 - level) / 2.0)
}

/// The interval of nothing.
fn unknown() -> Proportion {
    Proportion { estimate: None, lower: 0.0, upper: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(successes: usize, n: usize) -> Tally {
        Tally::new(successes, n).expect("no more successes than trials")
    }

    #[track_caller]
    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance, "got {got}, want {want}");
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        assert_eq!(Tally::new(3, 2), None);
        for (a, b) in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(Prior::new(a, b), None, "{a}, {b}");
        }
    }

    #[test]
    fn nothing_counted_excludes_nothing() {
        let nothing = tally(0, 0);
        for interval in [wilson(nothing, 0.95), clopper_pearson(nothing, 0.95)] {
            assert_eq!((interval.estimate, interval.lower, interval.upper), (None, 0.0, 1.0));
        }
        let difference = newcombe(nothing, tally(1, 2), 0.95);
        assert_eq!((difference.difference, difference.lower, difference.upper), (None, -1.0, 1.0));
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        for (x, n, lower, upper) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let got = wilson(tally(x, n), 0.95);
            close(got.lower, lower, 5e-5);
            close(got.upper, upper, 5e-5);
        }
    }

    #[test]
    fn clopper_pearson_agrees_with_published_values_and_never_covers_less_than_it_claims() {
        // The same table, method 5.
        for (x, n, lower, upper) in
            [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (1, 29, 0.0009, 0.1776)]
        {
            let got = clopper_pearson(tally(x, n), 0.95);
            close(got.lower, lower, 5e-5);
            close(got.upper, upper, 5e-5);
        }
        for n in [10, 50] {
            for percent in 1..=99 {
                let exact = |tally| {
                    let interval = clopper_pearson(tally, 0.95);
                    (interval.lower, interval.upper)
                };
                let covered = coverage(n, f64::from(percent) / 100.0, exact);
                assert!(covered >= 0.95 - 1e-12, "n {n}, p {percent} %: {covered}");
            }
        }
    }

    #[test]
    fn wilson_covers_as_often_as_it_claims_on_average() {
        let score = |tally| {
            let interval = wilson(tally, 0.95);
            (interval.lower, interval.upper)
        };
        let covered: Vec<f64> =
            (5..=95).map(|percent| coverage(50, f64::from(percent) / 100.0, score)).collect();
        assert!(covered.iter().all(|&covered| covered > 0.9), "{covered:?}");
        close(sum(covered.iter().copied()) / count(covered.len()), 0.95, 0.01);
    }

    #[test]
    fn a_newcombe_interval_agrees_with_published_values() {
        // Newcombe 1998, "Interval estimation for the difference", table II, cases a and d, method 10.
        for ((x_b, n_b), (x_a, n_a), lower, upper) in
            [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)]
        {
            let got = newcombe(tally(x_a, n_a), tally(x_b, n_b), 0.95);
            close(got.lower, lower, 5e-5);
            close(got.upper, upper, 5e-5);
        }
    }

    #[test]
    fn the_better_of_two_shares_agrees_with_the_closed_form() {
        // Under a uniform prior and one trial each: ∫ 2x·(1 − (1 − x)²) dx = 5/6.
        let uniform = Prior::new(1.0, 1.0).expect("a prior");
        close(beta_prob_greater(tally(0, 1), tally(1, 1), uniform), 5.0 / 6.0, 1e-13);
        close(beta_prob_greater(tally(7, 9), tally(7, 9), uniform), 0.5, 1e-13);
        let (many, more) = (tally(50_000, 100_000), tally(50_500, 100_000));
        let both = beta_prob_greater(many, more, uniform) + beta_prob_greater(more, many, uniform);
        close(both, 1.0, 1e-10);
    }
}
