//! The special functions that intervals and tests rest on.
//!
//! What a newcomer would get wrong: a tail is never formed as 1 minus its complement, and the
//! incomplete beta's prefactor is never a difference of large log-gammas, so both keep their relative
//! accuracy for shapes of hundreds of thousands and tails of 1e-300.

use std::f64::consts::{PI, SQRT_2};

use super::sum::count;

/// P(Z > z) of the standard normal (checked by `the_normal_tail_and_quantile_are_the_published_ones`).
pub(super) fn normal_tail(z: f64) -> f64 {
    libm::erfc(z / SQRT_2) / 2.0
}

/// P(Z ≤ z) of the standard normal.
pub(super) fn normal_cdf(z: f64) -> f64 {
    normal_tail(-z)
}

/// The standard normal quantile of `q` in (0, 1): the rational start of Abramowitz & Stegun 26.2.23,
/// polished by Halley's method on the tail itself.
pub(super) fn normal_quantile(q: f64) -> f64 {
    if q < 0.5 {
        return -tail_quantile(q);
    }
    tail_quantile(1.0 - q)
}

/// The z with P(Z > z) = `tail`, for a tail of at most a half.
fn tail_quantile(tail: f64) -> f64 {
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = t - top / bottom;
    for _ in 0..4 {
        let density = libm::exp(-z * z / 2.0) / libm::sqrt(2.0 * PI);
        let step = (normal_tail(z) - tail) / density;
        z += step / (1.0 - z * step / 2.0);
    }
    z
}

/// P(|T| > |t|) of Student's t (DLMF 8.17 with x = ν/(ν + t²); oracle `paired_diff`).
pub(super) fn student_two_sided(t: f64, df: f64) -> f64 {
    let whole = df + t * t;
    regularized_beta((df / whole, t * t / whole), df / 2.0, 0.5)
}

/// P(T > t) of Student's t.
pub(super) fn student_tail(t: f64, df: f64) -> f64 {
    let half = student_two_sided(t, df) / 2.0;
    if t > 0.0 { half } else { 1.0 - half }
}

/// The quantile of Student's t at `q` in (0, 1), by Newton's method on log P(|T| > t) over log t. That
/// curve is concave, so that from the second step on the iterates fall towards the root and cannot
/// leave it (oracles `mean_ci`, `clustered_se`).
pub(super) fn student_quantile(q: f64, df: f64) -> f64 {
    if q <= 0.5 {
        return if q < 0.5 { -student_quantile(1.0 - q, df) } else { 0.0 };
    }
    let log_tail = libm::log(2.0 * (1.0 - q));
    let mut t = normal_quantile(q);
    for _ in 0..100 {
        let whole = df + t * t;
        let (x, y) = (df / whole, t * t / whole);
        let tail = regularized_beta((x, y), df / 2.0, 0.5);
        let slope = -2.0 * prefactor((x, y), df / 2.0, 0.5) / tail;
        let step = (libm::log(tail) - log_tail) / slope;
        t *= libm::exp(-step);
        if step.abs() < 1e-15 {
            break;
        }
    }
    t
}

/// The regularised incomplete beta function `I_x(a, b)`, for (x, 1 − x) given apart, so that
/// neither loses its digits: the continued fraction DLMF 8.17.22 by Lentz's method, on the side of the
/// mean where it converges.
pub(super) fn regularized_beta((x, y): (f64, f64), a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - prefactor((y, x), b, a) * continued_fraction(y, b, a) / b;
    }
    prefactor((x, y), a, b) * continued_fraction(x, a, b) / a
}

/// ln `I_x(a, b)` where it may be too small for a double.
pub(super) fn ln_regularized_beta((x, y): (f64, f64), a: f64, b: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return libm::log(regularized_beta((x, y), a, b));
    }
    ln_prefactor((x, y), a, b) + libm::log(continued_fraction(x, a, b) / a)
}

/// The `p` quantile of Beta(a, b), as (x, 1 − x): Newton's method on the logarithm of the smaller tail
/// over the log-odds, in a bracket (oracles `clopper_pearson`, `beta_posterior`).
pub(super) fn beta_quantile(p: f64, a: f64, b: f64) -> (f64, f64) {
    if p > 0.5 {
        let (rest, share) = beta_quantile(1.0 - p, b, a);
        return (share, rest);
    }
    let goal = libm::log(p);
    let (mut low, mut high) = (-800.0_f64, 800.0_f64);
    let mut odds = libm::log(a / b);
    for _ in 0..200 {
        let log = ln_regularized_beta(shares(odds), a, b);
        if log < goal {
            low = odds;
        } else {
            high = odds;
        }
        let slope = libm::exp(ln_prefactor(shares(odds), a, b) - log);
        let step = (log - goal) / slope;
        let next = odds - step;
        let inside = next > low && next < high;
        let next = if inside { next } else { f64::midpoint(low, high) };
        if (next - odds).abs() <= 1e-15 * odds.abs().max(1.0) {
            break;
        }
        odds = next;
    }
    shares(odds)
}

/// The share x and its complement, from their log-odds.
pub(super) fn shares(odds: f64) -> (f64, f64) {
    (1.0 / (1.0 + libm::exp(-odds)), 1.0 / (1.0 + libm::exp(odds)))
}

/// ln B(a, b), from the prefactor at the mode, whose deviances vanish.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    let (x, y) = (a / (a + b), b / (a + b));
    a * libm::log(x) + b * libm::log(y) - ln_prefactor((x, y), a, b)
}

/// P(X = x) of Bin(n, p), for (p, 1 − p) given apart (Loader 2000).
pub(super) fn binomial_mass(x: usize, n: usize, (p, q): (f64, f64)) -> f64 {
    libm::exp(ln_binomial_mass(x, n, (p, q)))
}

/// ln P(X = x) of Bin(n, p).
pub(super) fn ln_binomial_mass(x: usize, n: usize, (p, q): (f64, f64)) -> f64 {
    if x > n || (x > 0 && p <= 0.0) || (x < n && q <= 0.0) {
        return f64::NEG_INFINITY;
    }
    if x == 0 {
        return if n == 0 { 0.0 } else { count(n) * ln_share(q, p) };
    }
    if x == n {
        return count(n) * ln_share(p, q);
    }
    let odds = libm::log(p) + libm::log(q) + libm::log(count(n) + 1.0);
    ln_prefactor((p, q), count(x) + 1.0, count(n - x) + 1.0) - odds
}

/// ln p, from the smaller of p and 1 − p.
fn ln_share(p: f64, q: f64) -> f64 {
    if q < 0.5 { libm::log1p(-q) } else { libm::log(p) }
}

/// P(X ≤ x) of Bin(n, p).
pub(super) fn binomial_cdf(x: usize, n: usize, (p, q): (f64, f64)) -> f64 {
    if x >= n { 1.0 } else { regularized_beta((q, p), count(n - x), count(x) + 1.0) }
}

/// P(X ≥ x) of Bin(n, p).
pub(super) fn binomial_tail(x: usize, n: usize, (p, q): (f64, f64)) -> f64 {
    match n.checked_sub(x) {
        Some(fewer) => binomial_cdf(fewer, n, (q, p)),
        None => 0.0,
    }
}

/// ln xᵃyᵇ/B(a, b), from deviances and Stirling remainders in place of log-gammas, whose difference would
/// cancel (Loader 2000, "Fast and accurate computation of binomial probabilities"; checked by
/// `the_prefactor_holds_for_large_shapes`).
#[expect(clippy::many_single_char_names, reason = "the symbols of the source")]
pub(super) fn ln_prefactor((x, y): (f64, f64), a: f64, b: f64) -> f64 {
    let n = a + b;
    let deviance = a * log_deviance(n * x, a) + b * log_deviance(n * y, b);
    let stirling = stirling_remainder(n) - stirling_remainder(a) - stirling_remainder(b);
    0.5 * libm::log(a * b / (2.0 * PI * n)) + deviance + stirling
}

/// The prefactor itself.
fn prefactor(shares: (f64, f64), a: f64, b: f64) -> f64 {
    libm::exp(ln_prefactor(shares, a, b))
}

/// ln(value/mean) − (value/mean − 1), near the mean and far below it.
fn log_deviance(value: f64, mean: f64) -> f64 {
    let excess = (value - mean) / mean;
    let log = if excess < -0.5 { libm::log(value / mean) } else { libm::log1p(excess) };
    log - excess
}

/// ln Γ(z) less Stirling's (z − ½)ln z − z + ½ln 2π (DLMF 5.11.1).
fn stirling_remainder(z: f64) -> f64 {
    if z < 10.0 {
        return libm::lgamma(z) - ((z - 0.5) * libm::log(z) - z + 0.5 * libm::log(2.0 * PI));
    }
    let square = z * z;
    let tail = 1.0 / 1260.0
        - (1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - tail / square) / square) / z
}

/// The continued fraction of the incomplete beta. It needs about √max(a, b) terms.
#[expect(clippy::many_single_char_names, reason = "the symbols of the source")]
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const SMALLEST: f64 = 1e-300;
    const TERMS_MAX: u32 = 100_000;
    let away = |value: f64| if value.abs() < SMALLEST { SMALLEST } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for term in 1..TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, want: f64, rtol: f64) {
        assert!((got - want).abs() <= rtol * want.abs(), "got {got:e}, want {want:e}");
    }

    #[test]
    fn the_normal_tail_and_quantile_are_the_published_ones() {
        // Abramowitz & Stegun, table 26.1 and 26.6; the far tail from its asymptotic series.
        close(normal_tail(1.0), 0.158_655_253_931_457_05, 1e-14);
        close(normal_tail(10.0), 7.619_853_024_160_526e-24, 1e-12);
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
        close(normal_quantile(0.995), 2.575_829_303_548_901, 1e-14);
        close(normal_quantile(0.05), -1.644_853_626_951_472_7, 1e-14);
        assert!(normal_quantile(0.5).abs() < 1e-15);
        for exponent in 1..300 {
            let tail = libm::pow(10.0, -f64::from(exponent));
            close(normal_tail(tail_quantile(tail)), tail, 1e-11);
        }
    }

    #[test]
    fn student_quantiles_are_the_published_ones() {
        // Fisher & Yates, table III, to six figures; one degree of freedom is tan(π(q − ½)).
        for (q, df, want) in [
            (0.975, 1.0, 12.706_204_736_174_7),
            (0.995, 1.0, 63.656_741_162_871_5),
            (0.975, 2.0, 4.302_652_729_696_14),
            (0.975, 5.0, 2.570_581_835_636_3),
            (0.975, 10.0, 2.228_138_851_964_94),
            (0.975, 30.0, 2.042_272_456_301_24),
            (0.95, 120.0, 1.657_650_899),
            (0.975, 1000.0, 1.962_339_080_826_41),
        ] {
            close(student_quantile(q, df), want, 1e-9);
        }
    }

    #[test]
    fn a_quantile_takes_its_tail_back() {
        for df in [1.0, 2.0, 3.0, 17.0, 139.0, 9_999.0, 99_999.0, 1e7] {
            for q in [0.501, 0.6, 0.9, 0.975, 0.999, 0.999_999] {
                let tail = 2.0 * (1.0 - q);
                close(student_two_sided(student_quantile(q, df), df), tail, 1e-9);
            }
        }
    }

    #[test]
    fn the_incomplete_beta_holds_for_large_shapes() {
        // I_x(a, 1) = x^a and I_x(1, b) = 1 − (1 − x)^b, exactly; I_½(a, a) = ½.
        for a in [0.5_f64, 3.0, 45.0, 1e5] {
            let x = 1.0 - 2.0 / a.max(4.0);
            close(regularized_beta((x, 1.0 - x), a, 1.0), libm::pow(x, a), 1e-11);
            close(regularized_beta((0.5, 0.5), a, a), 0.5, 1e-10);
        }
        close(regularized_beta((0.5, 0.5), 1000.0, 1.0), libm::exp2(-1000.0), 1e-11);
        assert!(regularized_beta((0.0, 1.0), 2.0, 3.0).abs() <= 0.0);
        assert!((regularized_beta((1.0, 0.0), 2.0, 3.0) - 1.0).abs() <= 0.0);
    }

    #[test]
    fn the_prefactor_holds_for_large_shapes() {
        // Stirling's series of the central binomial: C(2m, m)/4^m = (1 − 1/(8m) + 1/(128m²))/√(πm).
        let m = 1e5;
        let central = (1.0 - 1.0 / (8.0 * m) + 1.0 / (128.0 * m * m)) / libm::sqrt(PI * m);
        // B(m + 1, m + 1) = 1/((2m + 1)·C(2m, m)).
        let want = central * (2.0 * m + 1.0) / 4.0;
        close(prefactor((0.5, 0.5), m + 1.0, m + 1.0), want, 1e-12);
    }
}
