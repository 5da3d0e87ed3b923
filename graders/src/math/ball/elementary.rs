//! Exponential, logarithm, sine, cosine and arc tangent of balls, and the constants they need.
//!
//! Each works on the exact centre with Taylor series in fixed point, and widens the result by what the
//! radius can change: by a factor for the exponential, by the derivative's bound for the others (J.-M.
//! Muller, "Elementary Functions", 3rd ed., chapters 3 and 11).

use std::sync::OnceLock;

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Ball, Stop, shift, signed};

/// The most bits of a result.
pub(in crate::math) const PRECISION_MAX: u64 = 8192;
/// The most bits of an argument's whole part that is reduced.
const REDUCED_BITS_MAX: i64 = 256;
/// Bits of the constants: the longest result, the longest argument and some to spare.
const CONSTANT_BITS: u64 = PRECISION_MAX + 1024;
/// Bits that a series keeps below its result's.
const SERIES_GUARD: u64 = 40;

/// π.
pub(in crate::math) fn pi(prec: u64) -> Result<Ball, Stop> {
    static PI: OnceLock<BigInt> = OnceLock::new();
    // J. Machin, 1706: π = 16 atan(1/5) - 4 atan(1/239).
    let fixed = PI
        .get_or_init(|| 16 * atan_inverse(5, CONSTANT_BITS) - 4 * atan_inverse(239, CONSTANT_BITS));
    Ball::from_fixed(constant(fixed, prec), 4, prec + SERIES_GUARD, prec)
}

/// The natural logarithm of 2.
fn ln_2(prec: u64) -> Result<Ball, Stop> {
    static LN_2: OnceLock<BigInt> = OnceLock::new();
    // ln 2 = 18 atanh(1/26) - 2 atanh(1/4801) + 8 atanh(1/8749).
    let fixed = LN_2.get_or_init(|| {
        let part = |by: u32| atanh_inverse(by, CONSTANT_BITS);
        18 * part(26) - 2 * part(4801) + 8 * part(8749)
    });
    Ball::from_fixed(constant(fixed, prec), 4, prec + SERIES_GUARD, prec)
}

/// The first bits of a constant.
fn constant(fixed: &BigInt, prec: u64) -> BigInt {
    fixed >> (CONSTANT_BITS - prec - SERIES_GUARD)
}

/// atan(1/`by`) in units of `2^-bits`.
fn atan_inverse(by: u32, bits: u64) -> BigInt {
    inverse_series(by, bits, true)
}

/// atanh(1/`by`) in units of `2^-bits`.
fn atanh_inverse(by: u32, bits: u64) -> BigInt {
    inverse_series(by, bits, false)
}

/// The sum of `(1/by)^(2k+1) / (2k+1)`, with alternating signs or without.
fn inverse_series(by: u32, bits: u64, alternates: bool) -> BigInt {
    // Sixty-four bits more than asked for outlast the errors of all terms.
    let mut power = (BigInt::one() << (bits + 64)) / by;
    let square = u64::from(by) * u64::from(by);
    let (mut sum, mut odd, mut negative) = (BigInt::zero(), 1_u32, false);
    while !power.is_zero() {
        let term = &power / odd;
        if negative {
            sum -= term;
        } else {
            sum += term;
        }
        power /= square;
        odd += 2;
        negative = alternates && !negative;
    }
    sum >> 64_u32
}

impl Ball {
    /// e to the power of `self`.
    pub(in crate::math) fn exp(&self, prec: u64) -> Result<Ball, Stop> {
        if self.is_zero() {
            return Ok(Ball::integer(1));
        }
        if self.top() > 45 {
            return Err(Stop::Limit);
        }
        let extra = shift(self.top().max(0)) + SERIES_GUARD;
        let centre = self.centre();
        let turns = centre.div(&ln_2(64)?, 64)?.nearest();
        let whole = Ball::integer(turns.clone()).mul(&ln_2(prec + extra)?, prec + extra)?;
        let rest = centre.sub(&whole, prec + extra)?;
        let turns = turns.to_i64().ok_or(Stop::Limit)?;
        let core = exp_core(&rest, prec)?.scaled(turns)?;
        if self.rad.is_zero() {
            return Ok(core);
        }
        // e^r - 1 is at most 2r for r up to 1.
        let radius = self.radius();
        if radius.magnitude().is_some_and(|top| top > 0) {
            return Err(Stop::Imprecise);
        }
        core.widened(&core.mul(&radius.scaled(1)?, prec)?, prec)
    }

    /// The natural logarithm of a positive ball.
    pub(in crate::math) fn ln(&self, prec: u64) -> Result<Ball, Stop> {
        if self.is_zero() {
            return Err(Stop::Undefined);
        }
        if self.may_be_zero() {
            return Err(Stop::Imprecise);
        }
        if self.mid.is_negative() {
            return Err(Stop::Undefined);
        }
        let centre = self.centre();
        let power = centre.top();
        let extra = 64;
        // The mantissa lies in [1/2, 1).
        let mantissa = centre.scaled(-power)?;
        let whole = Ball::integer(power).mul(&ln_2(prec + extra)?, prec + extra)?;
        let core = whole.add(&ln_core(&mantissa, prec + extra)?, prec)?;
        if self.rad.is_zero() {
            return Ok(core);
        }
        let low = Ball { mid: &self.mid - BigInt::from(self.rad.clone()), ..self.centre() };
        core.widened(&self.radius().div(&low, 64)?, prec)
    }

    /// The sine and the cosine.
    pub(in crate::math) fn sin_cos(&self, prec: u64) -> Result<(Ball, Ball), Stop> {
        if self.is_zero() {
            return Ok((Ball::zero(), Ball::integer(1)));
        }
        if self.top() > REDUCED_BITS_MAX {
            return Err(Stop::Limit);
        }
        let extra = shift(self.top().max(0)) + SERIES_GUARD;
        let centre = self.centre();
        let half_pi = pi(prec + extra)?.scaled(-1)?;
        let turns = centre.div(&half_pi, 64 + extra)?.nearest();
        let whole = Ball::integer(turns.clone()).mul(&half_pi, prec + extra)?;
        let rest = centre.sub(&whole, prec + extra)?;
        let (sin, cos) = sin_cos_core(&rest, prec)?;
        let quadrant: BigInt = &turns - ((&turns >> 2_u32) << 2_u32);
        let (sin, cos) = match quadrant.to_u8() {
            Some(0) => (sin, cos),
            Some(1) => (cos, sin.neg()),
            Some(2) => (sin.neg(), cos.neg()),
            _ => (cos.neg(), sin),
        };
        if self.rad.is_zero() {
            return Ok((sin, cos));
        }
        let radius = self.radius();
        Ok((sin.widened(&radius, prec)?, cos.widened(&radius, prec)?))
    }

    /// The arc tangent.
    pub(in crate::math) fn atan(&self, prec: u64) -> Result<Ball, Stop> {
        if self.is_zero() {
            return Ok(Ball::zero());
        }
        let work = prec + SERIES_GUARD;
        let one = Ball::integer(1);
        let mut x = self.centre();
        let large = x.top() > 0;
        if large {
            x = one.div(&x, work)?;
        }
        // Three halvings of the angle leave at most 1/10.
        for _ in 0..3 {
            let hypotenuse = one.add(&x.mul(&x, work)?, work)?.sqrt(work)?;
            x = x.div(&one.add(&hypotenuse, work)?, work)?;
        }
        let mut angle = atan_core(&x, work)?.scaled(3)?;
        if large {
            let quarter = pi(work)?.scaled(-1)?;
            let quarter = if self.mid.is_negative() { quarter.neg() } else { quarter };
            angle = quarter.sub(&angle, work)?;
        }
        angle.widened(&self.radius(), prec)
    }
}

/// The exponential of a number below one.
fn exp_core(x: &Ball, prec: u64) -> Result<Ball, Stop> {
    const HALVINGS: u32 = 8;
    let bits = prec + SERIES_GUARD + 2 * u64::from(HALVINGS);
    let reduced = x.fixed(bits) >> HALVINGS;
    let one = BigInt::one() << bits;
    let (mut sum, mut term, mut n) = (one.clone(), one, 1_u32);
    while !term.is_zero() && term != BigInt::from(-1) {
        term = ((&term * &reduced) >> bits) / n;
        sum += &term;
        n += 1;
    }
    for _ in 0..HALVINGS {
        sum = (&sum * &sum) >> bits;
    }
    // Each term loses less than 2 units and each squaring doubles the error, of a value below e.
    let error = (2 * n + 8) << (HALVINGS + 2);
    Ball::from_fixed(sum, error, bits, prec)?.widened(&x.radius().scaled(2)?, prec)
}

/// The logarithm of an exact number in [1/2, 1): 2 atanh((x-1)/(x+1)).
fn ln_core(x: &Ball, prec: u64) -> Result<Ball, Stop> {
    let bits = prec + SERIES_GUARD;
    let one = Ball::integer(1);
    let ratio = x.sub(&one, bits)?.div(&x.add(&one, bits)?, bits)?;
    let z = ratio.fixed(bits);
    let square = (&z * &z) >> bits;
    let (mut sum, mut power, mut odd) = (z.clone(), z, 1_u32);
    loop {
        power = (&power * &square) >> bits;
        odd += 2;
        let term = &power / odd;
        if term.is_zero() {
            break;
        }
        sum += term;
        if power == BigInt::from(-1) {
            break;
        }
    }
    Ball::from_fixed(sum << 1_u32, 4 * odd + 16, bits, prec)
}

/// Sine and cosine of a number below one.
fn sin_cos_core(x: &Ball, prec: u64) -> Result<(Ball, Ball), Stop> {
    let bits = prec + SERIES_GUARD;
    let z = x.fixed(bits);
    let square: BigInt = (&z * &z) >> bits;
    let series = |first: BigInt, mut n: u32| {
        let (mut sum, mut term) = (first.clone(), first);
        while !term.is_zero() && term != BigInt::from(-1) {
            term = -(((&term * &square) >> bits) / (n * (n + 1)));
            sum += &term;
            n += 2;
        }
        (sum, n)
    };
    let ((sin, n), (cos, _)) = (series(z.clone(), 2), series(BigInt::one() << bits, 1));
    let error = 4 * n + 16;
    let radius = x.radius();
    let sin = Ball::from_fixed(sin, error, bits, prec)?.widened(&radius, prec)?;
    let cos = Ball::from_fixed(cos, error, bits, prec)?.widened(&radius, prec)?;
    Ok((sin, cos))
}

/// The arc tangent of a number up to 1/8.
fn atan_core(x: &Ball, prec: u64) -> Result<Ball, Stop> {
    let bits = prec + SERIES_GUARD;
    let z = x.fixed(bits);
    let square: BigInt = (&z * &z) >> bits;
    let (mut sum, mut power, mut odd) = (z.clone(), z, 1_u32);
    while !power.is_zero() && power != BigInt::from(-1) {
        power = -((&power * &square) >> bits);
        odd += 2;
        sum += &power / odd;
    }
    Ball::from_fixed(sum, 4 * odd + 16, bits, prec)?.widened(&x.radius(), prec)
}

/// The steps that one elementary function at `prec` bits is charged.
pub(in crate::math) fn cost(prec: u64) -> u64 {
    let limbs = prec / 64 + 2;
    // About one term for every six bits, and two products a term.
    (prec / 6) * limbs * limbs / 2 + 64 + u64::try_from(signed(prec)).unwrap_or(prec)
}
