//! Real numbers as balls: a midpoint and a radius that surely hold the true value.
//!
//! A ball is `(mid ± rad) · 2^exp`. Every operation rounds its midpoint to the precision asked for and
//! widens the radius by all that was lost, so that a ball without zero proves that its number is not
//! zero (J. van der Hoeven, "Ball arithmetic", 2009). The elementary functions stand in
//! [`elementary`].

pub(super) mod elementary;

use num_bigint::{BigInt, BigUint, Sign};
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::budget::Stop;

/// The most bits a radius keeps; a longer one is rounded up.
const RADIUS_BITS: u64 = 30;
/// The largest exponent of two.
const EXPONENT_MAX: i64 = 1 << 40;
/// Bits kept below the precision while terms are lined up.
const GUARD: i64 = 32;

/// A real number, enclosed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ball {
    mid: BigInt,
    rad: BigUint,
    exp: i64,
}

/// `bits` as an exponent.
#[expect(clippy::cast_possible_wrap, reason = "no number here has 2^63 bits")]
fn signed(bits: u64) -> i64 {
    bits as i64
}

/// `count`, which is not negative, as a shift.
fn shift(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

impl Ball {
    /// Zero, exactly.
    pub(super) fn zero() -> Self {
        Self { mid: BigInt::zero(), rad: BigUint::zero(), exp: 0 }
    }

    /// A whole number, exactly.
    pub(super) fn integer(value: impl Into<BigInt>) -> Self {
        Self { mid: value.into(), rad: BigUint::zero(), exp: 0 }
    }

    /// `value` to `prec` bits.
    pub(super) fn rational(value: &BigRational, prec: u64) -> Result<Self, Stop> {
        let top = Self::integer(value.numer().clone()).rounded(prec)?;
        if value.is_integer() {
            return Ok(top);
        }
        top.div(&Self::integer(value.denom().clone()).rounded(prec)?, prec)
    }

    /// `mid · 2^exp`, give or take `rad · 2^exp`, rounded to `prec` bits.
    fn new(mid: BigInt, rad: BigUint, exp: i64, prec: u64) -> Result<Self, Stop> {
        Self { mid, rad, exp }.rounded(prec)
    }

    /// The ball with a midpoint of at most `prec` bits.
    fn rounded(mut self, prec: u64) -> Result<Self, Stop> {
        let surplus = self.mid.bits().saturating_sub(prec);
        let surplus = surplus.max(self.rad.bits().saturating_sub(RADIUS_BITS));
        if surplus > 0 {
            let whole = self.mid.trailing_zeros().is_some_and(|zeros| zeros >= surplus);
            self.mid >>= surplus;
            let exact = whole && self.rad.is_zero();
            self.rad = (self.rad >> surplus) + if exact { 0_u32 } else { 2 };
            self.exp += signed(surplus);
        }
        if self.mid.is_zero() && self.rad.is_zero() {
            self.exp = 0;
        }
        if self.exp.abs() > EXPONENT_MAX { Err(Stop::Limit) } else { Ok(self) }
    }

    /// Whether it is zero and nothing else.
    pub(super) fn is_zero(&self) -> bool {
        self.mid.is_zero() && self.rad.is_zero()
    }

    /// Whether it may be zero.
    pub(super) fn may_be_zero(&self) -> bool {
        self.mid.magnitude() <= &self.rad
    }

    /// Its sign, where it has one for sure.
    pub(super) fn sign(&self) -> Result<Sign, Stop> {
        if self.is_zero() {
            Ok(Sign::NoSign)
        } else if self.may_be_zero() {
            Err(Stop::Imprecise)
        } else {
            Ok(self.mid.sign())
        }
    }

    /// A power of two that is larger than every value in it: its exponent, or nothing for zero.
    pub(super) fn magnitude(&self) -> Option<i64> {
        if self.is_zero() {
            return None;
        }
        Some(self.exp + signed((self.mid.magnitude() + &self.rad).bits()))
    }

    /// A power of two that is larger than its radius, or nothing where it is exact.
    pub(super) fn radius_magnitude(&self) -> Option<i64> {
        (!self.rad.is_zero()).then(|| self.exp + signed(self.rad.bits()))
    }

    /// The highest bit that matters in it.
    fn top(&self) -> i64 {
        self.exp + signed(self.mid.bits().max(self.rad.bits()))
    }

    /// `-self`.
    pub(super) fn neg(&self) -> Self {
        Self { mid: -&self.mid, rad: self.rad.clone(), exp: self.exp }
    }

    /// `|self|`.
    pub(super) fn abs(&self) -> Self {
        if self.may_be_zero() {
            // From zero to the far end: centred on half of that end.
            let far = self.mid.magnitude() + &self.rad;
            return Self { mid: far.clone().into(), rad: far, exp: self.exp - 1 };
        }
        Self { mid: self.mid.abs(), rad: self.rad.clone(), exp: self.exp }
    }

    /// `self · 2^power`.
    pub(super) fn scaled(&self, power: i64) -> Result<Self, Stop> {
        if self.is_zero() {
            return Ok(self.clone());
        }
        let exp = self.exp + power;
        if exp.abs() > EXPONENT_MAX {
            return Err(Stop::Limit);
        }
        Ok(Self { exp, ..self.clone() })
    }

    /// The midpoint and the radius in units of `2^exp`.
    fn aligned(&self, exp: i64) -> (BigInt, BigUint) {
        let by = self.exp - exp;
        if by >= 0 {
            return (&self.mid << shift(by), &self.rad << shift(by));
        }
        (&self.mid >> shift(-by), (&self.rad >> shift(-by)) + 2_u32)
    }

    /// `self + other`.
    pub(super) fn add(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        if self.is_zero() {
            return other.clone().rounded(prec);
        }
        if other.is_zero() {
            return self.clone().rounded(prec);
        }
        let lowest = self.top().max(other.top()) - signed(prec) - GUARD;
        let exp = self.exp.min(other.exp).max(lowest);
        let ((mid, rad), (other_mid, other_rad)) = (self.aligned(exp), other.aligned(exp));
        Self::new(mid + other_mid, rad + other_rad, exp, prec)
    }

    /// `self - other`.
    pub(super) fn sub(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        self.add(&other.neg(), prec)
    }

    /// `self · other`.
    pub(super) fn mul(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        let mut rad = BigUint::zero();
        if !self.rad.is_zero() {
            rad += &self.rad * (other.mid.magnitude() + &other.rad);
        }
        if !other.rad.is_zero() {
            rad += &other.rad * self.mid.magnitude();
        }
        Self::new(&self.mid * &other.mid, rad, self.exp + other.exp, prec)
    }

    /// `self / other`.
    pub(super) fn div(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        if other.is_zero() {
            return Err(Stop::Undefined);
        }
        if other.may_be_zero() {
            return Err(Stop::Imprecise);
        }
        let wanted = prec + 8 + other.mid.bits();
        let up = wanted.saturating_sub(self.mid.bits());
        let quotient = (&self.mid << up) / &other.mid;
        let mut rad = BigUint::one();
        if !self.rad.is_zero() || !other.rad.is_zero() {
            let divisor = other.mid.magnitude();
            let spread = &self.rad * divisor + &other.rad * self.mid.magnitude();
            rad += (spread << up) / (divisor * (divisor - &other.rad)) + 1_u32;
        } else if (&quotient * &other.mid) == (&self.mid << up) {
            rad = BigUint::zero();
        }
        Self::new(quotient, rad, self.exp - other.exp - signed(up), prec)
    }

    /// The square root; a ball that reaches below zero is cut there.
    pub(super) fn sqrt(&self, prec: u64) -> Result<Self, Stop> {
        self.root(2, prec)
    }

    /// The root of `degree` of a ball that is not negative; one that reaches below zero is cut there.
    pub(super) fn root(&self, degree: u32, prec: u64) -> Result<Self, Stop> {
        if self.is_zero() {
            return Ok(Self::zero());
        }
        if self.mid.is_negative() && !self.may_be_zero() {
            return Err(Stop::Undefined);
        }
        let wanted = (prec + 8) * u64::from(degree);
        let mut up = signed(wanted.saturating_sub(self.mid.bits()));
        up += (self.exp - up).rem_euclid(i64::from(degree));
        let exp = (self.exp - up) / i64::from(degree);
        let low = (&self.mid - BigInt::from(self.rad.clone())).max(BigInt::zero());
        let low = low << shift(up);
        let low_root = low.nth_root(degree);
        if self.rad.is_zero() {
            let exact = low_root.pow(degree) == low;
            return Self::new(low_root, BigUint::from(u32::from(!exact)), exp, prec);
        }
        let high = (&self.mid + BigInt::from(self.rad.clone())) << shift(up);
        let high_root: BigInt = high.nth_root(degree) + 1_u32;
        let rad = (&high_root - &low_root).magnitude().clone();
        // Twice the midpoint, so that no bit is lost by halving.
        Self::new(low_root + high_root, rad, exp - 1, prec)
    }

    /// `self` to the power of a whole number, by repeated squaring.
    pub(super) fn powi(&self, power: &BigUint, prec: u64) -> Result<Self, Stop> {
        let mut result = Self::integer(1);
        for bit in (0..power.bits()).rev() {
            result = result.mul(&result, prec)?;
            if power.bit(bit) {
                result = result.mul(self, prec)?;
            }
        }
        Ok(result)
    }

    /// The largest whole number that is not above it, where all of the ball agrees on one.
    pub(super) fn floor(&self) -> Result<BigInt, Stop> {
        if self.exp >= 0 {
            if !self.rad.is_zero() {
                return Err(Stop::Imprecise);
            }
            if self.exp > 1 << 16 {
                return Err(Stop::Limit);
            }
            return Ok(&self.mid << shift(self.exp));
        }
        let rad = BigInt::from(self.rad.clone());
        let low: BigInt = (&self.mid - &rad) >> shift(-self.exp);
        let high: BigInt = (&self.mid + &rad) >> shift(-self.exp);
        if low == high { Ok(low) } else { Err(Stop::Imprecise) }
    }

    /// The whole number nearest to its midpoint.
    fn nearest(&self) -> BigInt {
        if self.exp >= 0 {
            return &self.mid << shift(self.exp);
        }
        // The power of two below may be as small as the limits allow, and so as long.
        if self.top() < 0 {
            return BigInt::zero();
        }
        let half = BigInt::one() << shift(-self.exp - 1);
        (&self.mid + half) >> shift(-self.exp)
    }

    /// The exact number at its centre.
    fn centre(&self) -> Self {
        Self { mid: self.mid.clone(), rad: BigUint::zero(), exp: self.exp }
    }

    /// The ball with its radius grown by `by`'s farthest value.
    fn widened(&self, by: &Self, prec: u64) -> Result<Self, Stop> {
        let far = by.mid.magnitude() + &by.rad;
        let wide = Self { mid: BigInt::zero(), rad: far, exp: by.exp };
        self.add(&wide.rounded(prec)?, prec)
    }

    /// Its radius, as a number.
    fn radius(&self) -> Self {
        Self { mid: self.rad.clone().into(), rad: BigUint::zero(), exp: self.exp }
    }

    /// The midpoint in units of `2^-bits`, rounded down.
    fn fixed(&self, bits: u64) -> BigInt {
        let by = self.exp + signed(bits);
        if by >= 0 { &self.mid << shift(by) } else { &self.mid >> shift(-by) }
    }

    /// `mid · 2^-bits`, give or take `error` units.
    fn from_fixed(mid: BigInt, error: u32, bits: u64, prec: u64) -> Result<Self, Stop> {
        Self::new(mid, BigUint::from(error), -signed(bits), prec)
    }

    /// The midpoint as a double, for choosing among decimals.
    pub(super) fn approximate(&self) -> f64 {
        let keep = self.mid.bits().saturating_sub(60);
        let head = (&self.mid >> keep).to_f64().unwrap_or(f64::NAN);
        let power = i32::try_from(self.exp + signed(keep)).unwrap_or(i32::MAX);
        head * 2_f64.powi(power)
    }
}
