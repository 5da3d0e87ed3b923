//! Powers and roots.

use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use super::{Constant, Form, Forms, Function, Id, ONE, Stop, ZERO, limbs};

impl Forms {
    /// `base` to the power of `exponent`.
    pub(in crate::math) fn pow(&mut self, base: Id, exponent: Id) -> Result<Id, Stop> {
        if exponent == ONE || base == ONE {
            return Ok(base);
        }
        match self.as_rational(exponent).cloned() {
            Some(exponent) if exponent.is_zero() => {
                // 0⁰ has no value everybody agrees on.
                if base == ZERO { Err(Stop::Undefined) } else { Ok(ONE) }
            }
            Some(exponent) => self.rational_power(base, &exponent),
            None => self.symbolic_power(base, exponent),
        }
    }

    /// One over `id`.
    pub(in crate::math) fn inverse(&mut self, id: Id) -> Result<Id, Stop> {
        self.rational_power(id, &-BigRational::one())
    }

    /// `one / two`.
    pub(in crate::math) fn div(&mut self, one: Id, two: Id) -> Result<Id, Stop> {
        let inverse = self.inverse(two)?;
        self.mul(&[one, inverse])
    }

    /// A power whose exponent is a number.
    fn rational_power(&mut self, base: Id, exponent: &BigRational) -> Result<Id, Stop> {
        if let Some(number) = self.as_rational(base).cloned() {
            return self.number_power(&number, exponent);
        }
        let (content, factors) = self.split(base)?;
        if exponent.is_integer() {
            let number = self.number_power(&content, exponent)?;
            let mut raised = Vec::with_capacity(factors.len());
            for (base, inner) in factors {
                raised.push((base, self.scale(inner, exponent)?));
            }
            let rest = self.collect(BigRational::one(), raised)?;
            return self.mul(&[number, rest]);
        }
        // (c z)^e = c^e z^e holds for positive c only.
        let number = self.number_power(&content.abs(), exponent)?;
        let mut rest = self.collect(BigRational::one(), factors.clone())?;
        if content.is_negative() {
            rest = self.negative(rest)?;
        } else if let Some(raised) = self.positive_power(&factors, exponent)? {
            return self.mul(&[number, raised]);
        }
        let exponent = self.rational(exponent.clone())?;
        let rest = self.collect(BigRational::one(), vec![(rest, exponent)])?;
        self.mul(&[number, rest])
    }

    /// A power of factors that are all positive for sure.
    fn positive_power(
        &mut self,
        factors: &[(Id, Id)],
        exponent: &BigRational,
    ) -> Result<Option<Id>, Stop> {
        let is_positive = |forms: &Self, base: Id, inner: Id| {
            let base = match forms.get(base) {
                Form::Rational(value) => value.is_positive(),
                Form::Constant(constant) => matches!(constant, Constant::Pi | Constant::E),
                _ => false,
            };
            base && forms.as_rational(inner).is_some()
        };
        if !factors.iter().all(|(base, inner)| is_positive(self, *base, *inner)) {
            return Ok(None);
        }
        let mut raised = Vec::with_capacity(factors.len());
        for (base, inner) in factors {
            raised.push((*base, self.scale(*inner, exponent)?));
        }
        self.collect(BigRational::one(), raised).map(Some)
    }

    /// A power of a number.
    fn number_power(&mut self, base: &BigRational, exponent: &BigRational) -> Result<Id, Stop> {
        if base.is_zero() {
            return if exponent.is_positive() { Ok(ZERO) } else { Err(Stop::Undefined) };
        }
        if base.is_one() || exponent.is_one() {
            return self.rational(base.clone());
        }
        if exponent.is_integer() {
            if Self::fits(base, exponent.numer()) {
                return self.whole_power(base, exponent.numer());
            }
            if base.is_negative() {
                let size = self.number_power(&-base, exponent)?;
                let sign = if exponent.numer().is_even() { 1 } else { -1 };
                return self.scale(size, &BigRational::from_integer(sign.into()));
            }
        } else if base.is_negative() {
            return self.negative_base(base, exponent);
        }
        self.root_of(base, exponent)
    }

    /// A negative number to a power that is no whole number. An odd root is the real one.
    fn negative_base(&mut self, base: &BigRational, exponent: &BigRational) -> Result<Id, Stop> {
        let degree = exponent.denom();
        if degree.is_odd() {
            let size = self.number_power(&-base, exponent)?;
            let sign = if exponent.numer().is_even() { 1 } else { -1 };
            return self.scale(size, &BigRational::from_integer(sign.into()));
        }
        if *degree == BigInt::from(2) {
            let size = self.number_power(&-base, exponent)?;
            let i = self.constant(Constant::I)?;
            let turns = exponent.numer().mod_floor(&BigInt::from(4));
            let turns = self.rational(BigRational::from_integer(turns))?;
            let turned = self.collect(BigRational::one(), vec![(i, turns)])?;
            return self.mul(&[size, turned]);
        }
        let base = self.rational(base.clone())?;
        let exponent = self.rational(exponent.clone())?;
        self.intern(Form::Product(vec![(base, exponent)]))
    }

    /// A positive number to a power, by its prime factors.
    fn root_of(&mut self, base: &BigRational, exponent: &BigRational) -> Result<Id, Stop> {
        let mut powers = Vec::new();
        for (part, sign) in [(base.numer(), 1), (base.denom(), -1)] {
            for (prime, times) in self.factors(part.magnitude())? {
                let times = BigRational::from_integer(BigInt::from(times) * sign);
                let prime = self.rational(BigRational::from_integer(prime.into()))?;
                powers.push((prime, self.rational(exponent * times)?));
            }
        }
        powers.retain(|(prime, _)| *prime != ONE);
        self.collect(BigRational::one(), powers)
    }

    /// A number to a whole power that [`Forms::fits`].
    fn whole_power(&mut self, base: &BigRational, exponent: &BigInt) -> Result<Id, Stop> {
        let by = exponent.magnitude().to_u32().unwrap_or(0);
        let long = limbs(base) * u64::from(by);
        self.budget.charge(long * long / 16 + 1)?;
        let by =
            if base.numer().magnitude().is_one() && base.denom().is_one() { by % 2 } else { by };
        let power: BigRational = Pow::pow(base, by);
        self.rational(if exponent.is_negative() { power.recip() } else { power })
    }

    /// A power with anything but a number in the exponent.
    fn symbolic_power(&mut self, base: Id, exponent: Id) -> Result<Id, Stop> {
        match self.get(base).clone() {
            Form::Constant(Constant::E) => self.exponential(exponent),
            Form::Rational(value) if value.is_positive() => {
                let mut powers = Vec::new();
                for (part, sign) in [(value.numer(), 1_i64), (value.denom(), -1)] {
                    for (prime, times) in self.factors(part.magnitude())? {
                        let times = BigRational::from_integer((sign * i64::from(times)).into());
                        let prime = self.rational(BigRational::from_integer(prime.into()))?;
                        powers.push((prime, self.scale(exponent, &times)?));
                    }
                }
                powers.retain(|(prime, _)| *prime != ONE);
                self.collect(BigRational::one(), powers)
            }
            _ => self.collect(BigRational::one(), vec![(base, exponent)]),
        }
    }

    /// e to a power; e to a multiple of a logarithm is a power of what it is the logarithm of.
    fn exponential(&mut self, exponent: Id) -> Result<Id, Stop> {
        if let [(term, times)] = &self.terms(exponent)[..]
            && let Form::Call(Function::Ln, parts) = self.get(*term)
        {
            let (inside, times) = (parts[0], times.clone());
            return self.rational_power(inside, &times);
        }
        let e = self.constant(Constant::E)?;
        self.collect(BigRational::one(), vec![(e, exponent)])
    }

    /// What a power of a number or of i leaves of its exponent, and the number that comes out.
    pub(super) fn reduced(&mut self, base: Id, exponent: Id) -> Result<(BigRational, Id), Stop> {
        let unchanged = (BigRational::one(), exponent);
        match self.get(base).clone() {
            Form::Constant(Constant::I) => {
                let Some(turns) = self.as_integer(exponent) else { return Ok(unchanged) };
                let turns = turns.mod_floor(&BigInt::from(4)).to_u8().unwrap_or(0);
                let sign = if turns >= 2 { -BigRational::one() } else { BigRational::one() };
                Ok((sign, if turns % 2 == 0 { ZERO } else { ONE }))
            }
            Form::Rational(value) if value.is_positive() => {
                let Some(constant) = self.constant_term(exponent) else { return Ok(unchanged) };
                let whole = constant.floor();
                if whole.is_zero() || !Self::fits(&value, whole.numer()) {
                    return Ok(unchanged);
                }
                let number = self.whole_power(&value, whole.numer())?;
                let number = self.as_rational(number).cloned().unwrap_or_else(BigRational::one);
                let whole = self.rational(whole)?;
                Ok((number, self.sub(exponent, whole)?))
            }
            _ => Ok(unchanged),
        }
    }

    /// The number that stands in a sum by itself.
    fn constant_term(&self, id: Id) -> Option<BigRational> {
        match self.get(id) {
            Form::Rational(value) => Some(value.clone()),
            Form::Sum(terms) => {
                terms.iter().find(|(term, _)| *term == ONE).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// The natural logarithm of a positive number, by its prime factors.
    pub(super) fn ln_of(&mut self, value: &BigRational) -> Result<Id, Stop> {
        let mut terms = Vec::new();
        for (part, sign) in [(value.numer(), 1_i64), (value.denom(), -1)] {
            for (prime, times) in self.factors(part.magnitude())? {
                if prime.is_one() {
                    continue;
                }
                let ln = self.ln_of_prime(prime)?;
                let times = BigRational::from_integer((sign * i64::from(times)).into());
                terms.push(self.scale(ln, &times)?);
            }
        }
        self.add(&terms)
    }

    fn ln_of_prime(&mut self, prime: BigUint) -> Result<Id, Stop> {
        let prime = BigInt::from_biguint(Sign::Plus, prime);
        let prime = self.rational(BigRational::from_integer(prime))?;
        self.intern(Form::Call(Function::Ln, vec![prime]))
    }
}
