//! Whole numbers: prime factors, factorials, binomials, remainders.

use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{Form, Forms, Id, Stop};

/// The most bits of a power that is worked out.
pub(super) const POWER_BITS_MAX: u64 = 1 << 16;
/// The largest number whose factorial is worked out, and the longest product of a binomial.
const FACTORIAL_MAX: u32 = 3000;
/// The largest divisor that is tried.
const DIVISOR_MAX: u64 = 10_000;

impl Forms {
    /// The prime factors of a positive number with their exponents. A number over 64 bits, and what has
    /// only large factors, stays in one piece, unless it is a square.
    pub(super) fn factors(&mut self, value: &BigUint) -> Result<Vec<(BigUint, u32)>, Stop> {
        let Some(mut rest) = value.to_u64() else {
            self.budget.charge(value.bits() / 16)?;
            let root = value.sqrt();
            let is_square = &root * &root == *value;
            return Ok(vec![if is_square { (root, 2) } else { (value.clone(), 1) }]);
        };
        let mut found = Vec::new();
        let mut divisor = 2;
        while divisor <= DIVISOR_MAX && divisor * divisor <= rest {
            let mut exponent = 0;
            while rest % divisor == 0 {
                rest /= divisor;
                exponent += 1;
            }
            if exponent > 0 {
                found.push((BigUint::from(divisor), exponent));
            }
            divisor += if divisor == 2 { 1 } else { 2 };
        }
        self.budget.charge(divisor / 16 + 1)?;
        if rest > 1 {
            let root = rest.isqrt();
            let is_square = root * root == rest;
            found.push(if is_square { (root.into(), 2) } else { (rest.into(), 1) });
        }
        Ok(found)
    }

    /// n!, or nothing where it is too large.
    pub(in crate::math) fn factorial(
        &mut self,
        n: &BigInt,
        step: u32,
    ) -> Result<Option<BigInt>, Stop> {
        if n.is_negative() {
            return Err(Stop::Undefined);
        }
        let Some(n) = n.to_u32().filter(|n| *n <= FACTORIAL_MAX) else { return Ok(None) };
        self.budget.charge(u64::from(n) * (u64::from(n) / 16 + 1))?;
        let mut product = BigInt::one();
        let mut factor = n;
        while factor > 1 {
            product *= factor;
            factor = factor.saturating_sub(step);
        }
        Ok(Some(product))
    }

    /// n over k, or n!/(n-k)! where `ordered`; nothing where it is too large.
    pub(in crate::math) fn choose(
        &mut self,
        n: &BigInt,
        k: &BigInt,
        ordered: bool,
    ) -> Result<Option<BigInt>, Stop> {
        if n.is_negative() {
            return Ok(None);
        }
        if k.is_negative() || k > n {
            return Ok(Some(BigInt::zero()));
        }
        let k = if ordered { k.clone() } else { k.clone().min(n - k) };
        let Some(k) = k.to_u32().filter(|k| *k <= FACTORIAL_MAX) else { return Ok(None) };
        let limbs = n.bits() / 64 + 1;
        self.budget.charge(u64::from(k) * (u64::from(k) * limbs / 2 + limbs))?;
        let mut product = BigInt::one();
        for i in 0..k {
            product *= n - i;
            if !ordered {
                product /= i + 1;
            }
        }
        Ok(Some(product))
    }

    /// The remainder of a form by a positive number, where the form is built of whole numbers only;
    /// powers are never worked out in full.
    pub(super) fn remainder(&mut self, id: Id, modulus: &BigInt) -> Result<Option<BigInt>, Stop> {
        self.budget.charge(1 + modulus.bits() / 64)?;
        let value = match self.get(id).clone() {
            Form::Rational(value) if value.is_integer() => value.numer().mod_floor(modulus),
            Form::Sum(terms) => {
                let mut sum = BigInt::zero();
                for (term, value) in terms {
                    let Some(part) = self.remainder(term, modulus)? else { return Ok(None) };
                    if !value.is_integer() {
                        return Ok(None);
                    }
                    sum += part * value.numer();
                }
                sum.mod_floor(modulus)
            }
            Form::Product(factors) => {
                let mut product = BigInt::one();
                for (base, exponent) in factors {
                    let exponent = self.as_integer(exponent).filter(|e| !e.is_negative()).cloned();
                    let (Some(exponent), Some(base)) = (exponent, self.remainder(base, modulus)?)
                    else {
                        return Ok(None);
                    };
                    let limbs = modulus.bits() / 64 + 1;
                    self.budget.charge(exponent.bits() * limbs * limbs)?;
                    product = (product * base.modpow(&exponent, modulus)).mod_floor(modulus);
                }
                product
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }
}
