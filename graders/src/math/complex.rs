//! Complex numbers as pairs of balls, with the principal branch of every function.
//!
//! A number that lies on a branch cut for sure is on the upper side of it; one that may lie on a cut is
//! too imprecise to go on with.

use num_bigint::{BigUint, Sign};

use super::ball::Ball;
use super::ball::elementary::pi;
use super::budget::Stop;

/// A complex number, enclosed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complex {
    pub(super) re: Ball,
    pub(super) im: Ball,
}

impl From<Ball> for Complex {
    fn from(re: Ball) -> Self {
        Self { re, im: Ball::zero() }
    }
}

impl Complex {
    /// A whole number.
    pub(super) fn integer(value: i64) -> Self {
        Ball::integer(value).into()
    }

    /// The imaginary unit.
    pub(super) fn i() -> Self {
        Self { re: Ball::zero(), im: Ball::integer(1) }
    }

    /// Whether it is real for sure.
    pub(super) fn is_real(&self) -> bool {
        self.im.is_zero()
    }

    /// Whether it may be zero.
    pub(super) fn may_be_zero(&self) -> bool {
        self.re.may_be_zero() && self.im.may_be_zero()
    }

    /// Whether it is zero and nothing else.
    pub(super) fn is_zero(&self) -> bool {
        self.re.is_zero() && self.im.is_zero()
    }

    /// The exponent of a power of two above its size, or nothing for zero.
    pub(super) fn magnitude(&self) -> Option<i64> {
        self.re.magnitude().max(self.im.magnitude())
    }

    /// The exponent of a power of two above its uncertainty, or nothing where it is exact.
    pub(super) fn radius_magnitude(&self) -> Option<i64> {
        self.re.radius_magnitude().max(self.im.radius_magnitude())
    }

    pub(super) fn neg(&self) -> Self {
        Self { re: self.re.neg(), im: self.im.neg() }
    }

    pub(super) fn add(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        Ok(Self { re: self.re.add(&other.re, prec)?, im: self.im.add(&other.im, prec)? })
    }

    pub(super) fn sub(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        self.add(&other.neg(), prec)
    }

    pub(super) fn mul(&self, other: &Self, prec: u64) -> Result<Self, Stop> {
        let re = self.re.mul(&other.re, prec)?;
        if self.is_real() && other.is_real() {
            return Ok(re.into());
        }
        let re = re.sub(&self.im.mul(&other.im, prec)?, prec)?;
        let im = self.re.mul(&other.im, prec)?.add(&self.im.mul(&other.re, prec)?, prec)?;
        Ok(Self { re, im })
    }

    /// One over it.
    pub(super) fn inverse(&self, prec: u64) -> Result<Self, Stop> {
        if self.is_real() {
            return Ok(Ball::integer(1).div(&self.re, prec)?.into());
        }
        let size = self.norm(prec)?;
        Ok(Self { re: self.re.div(&size, prec)?, im: self.im.neg().div(&size, prec)? })
    }

    /// The square of its absolute value.
    fn norm(&self, prec: u64) -> Result<Ball, Stop> {
        self.re.mul(&self.re, prec)?.add(&self.im.mul(&self.im, prec)?, prec)
    }

    /// Its absolute value.
    pub(super) fn abs(&self, prec: u64) -> Result<Ball, Stop> {
        if self.is_real() { Ok(self.re.abs()) } else { self.norm(prec)?.sqrt(prec) }
    }

    /// Its argument, in (-π, π].
    pub(super) fn arg(&self, prec: u64) -> Result<Ball, Stop> {
        match (self.re.sign(), self.im.sign()) {
            (Ok(Sign::NoSign), Ok(Sign::NoSign)) => Err(Stop::Undefined),
            (Ok(Sign::Plus), Ok(Sign::NoSign)) => Ok(Ball::zero()),
            (Ok(Sign::Minus), Ok(Sign::NoSign)) => pi(prec),
            (Ok(Sign::Plus), _) => self.im.div(&self.re, prec)?.atan(prec),
            (_, Ok(Sign::Plus)) => {
                let angle = self.re.div(&self.im, prec)?.atan(prec)?;
                pi(prec)?.scaled(-1)?.sub(&angle, prec)
            }
            (_, Ok(Sign::Minus)) => {
                let angle = self.re.div(&self.im, prec)?.atan(prec)?;
                pi(prec)?.scaled(-1)?.neg().sub(&angle, prec)
            }
            _ => Err(Stop::Imprecise),
        }
    }

    pub(super) fn exp(&self, prec: u64) -> Result<Self, Stop> {
        let size = self.re.exp(prec)?;
        if self.is_real() {
            return Ok(size.into());
        }
        let (sin, cos) = self.im.sin_cos(prec)?;
        Ok(Self { re: size.mul(&cos, prec)?, im: size.mul(&sin, prec)? })
    }

    pub(super) fn ln(&self, prec: u64) -> Result<Self, Stop> {
        Ok(Self { re: self.abs(prec)?.ln(prec)?, im: self.arg(prec)? })
    }

    /// The principal square root.
    pub(super) fn sqrt(&self, prec: u64) -> Result<Self, Stop> {
        if self.is_zero() {
            return Ok(self.clone());
        }
        if self.is_real() {
            return match self.re.sign()? {
                Sign::Minus => Ok(Self { re: Ball::zero(), im: self.re.neg().sqrt(prec)? }),
                Sign::Plus | Sign::NoSign => Ok(self.re.sqrt(prec)?.into()),
            };
        }
        self.power(&Self::from(Ball::integer(1).scaled(-1)?), prec)
    }

    /// `self` to the power of a whole number.
    pub(super) fn powi(&self, power: &BigUint, prec: u64) -> Result<Self, Stop> {
        if self.is_real() {
            return Ok(self.re.powi(power, prec)?.into());
        }
        let mut result = Self::integer(1);
        for bit in (0..power.bits()).rev() {
            result = result.mul(&result, prec)?;
            if power.bit(bit) {
                result = result.mul(self, prec)?;
            }
        }
        Ok(result)
    }

    /// `self` to any power, by the principal logarithm.
    pub(super) fn power(&self, power: &Self, prec: u64) -> Result<Self, Stop> {
        // The logarithm's error grows with the exponent's size.
        let extra = power.magnitude().unwrap_or(0).clamp(0, 64).unsigned_abs() + 16;
        self.ln(prec + extra)?.mul(power, prec + extra)?.exp(prec)
    }

    /// Sine and cosine.
    pub(super) fn sin_cos(&self, prec: u64) -> Result<(Self, Self), Stop> {
        let (sin, cos) = self.re.sin_cos(prec)?;
        if self.is_real() {
            return Ok((sin.into(), cos.into()));
        }
        let (sinh, cosh) = hyperbolic(&self.im, prec)?;
        let sine = Self { re: sin.mul(&cosh, prec)?, im: cos.mul(&sinh, prec)? };
        let cosine = Self { re: cos.mul(&cosh, prec)?, im: sin.mul(&sinh, prec)?.neg() };
        Ok((sine, cosine))
    }
}

/// The hyperbolic sine and cosine.
pub(super) fn hyperbolic(x: &Ball, prec: u64) -> Result<(Ball, Ball), Stop> {
    // The difference of the two exponentials loses as many bits as the argument is small.
    let lost = x.magnitude().unwrap_or(0).clamp(-512, 0).unsigned_abs() + 8;
    let up = x.exp(prec + lost)?;
    let down = Ball::integer(1).div(&up, prec + lost)?;
    let sinh = up.sub(&down, prec)?.scaled(-1)?;
    Ok((sinh, up.add(&down, prec)?.scaled(-1)?))
}
