//! Functions of forms: worked out where the result is exact, kept otherwise.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::{Constant, Form, Forms, Function, Id, ONE, Stop, ZERO};

impl Forms {
    /// `function` of `parts`.
    pub(in crate::math) fn call(&mut self, function: Function, parts: &[Id]) -> Result<Id, Stop> {
        match (function, parts) {
            (Function::Exp, [x]) => {
                let e = self.constant(Constant::E)?;
                self.pow(e, *x)
            }
            (Function::Ln, [x]) => self.ln(*x),
            (Function::Log, [x, base]) => {
                let (x, base) = (self.ln(*x)?, self.ln(*base)?);
                self.div(x, base)
            }
            (Function::Root, [x, degree]) => self.root(*x, *degree),
            (Function::Abs, [x]) => self.absolute(*x),
            (Function::Floor | Function::Ceil, [x]) => self.rounded(function, *x),
            (Function::Factorial | Function::DoubleFactorial, [n]) => {
                let step = if function == Function::Factorial { 1 } else { 2 };
                let value = match self.as_integer(*n).cloned() {
                    Some(n) => self.factorial(&n, step)?,
                    None => None,
                };
                self.known_or_kept(value, function, parts)
            }
            (Function::Binomial | Function::Permutations, [n, k]) => {
                let value = match (self.as_integer(*n).cloned(), self.as_integer(*k).cloned()) {
                    (Some(n), Some(k)) => {
                        self.choose(&n, &k, function == Function::Permutations)?
                    }
                    _ => None,
                };
                self.known_or_kept(value, function, parts)
            }
            (Function::Mod, [x, modulus]) => {
                let modulus = self.as_integer(*modulus).filter(|m| m.is_positive()).cloned();
                let value = match modulus {
                    Some(modulus) => self.remainder(*x, &modulus)?,
                    None => None,
                };
                self.known_or_kept(value, function, parts)
            }
            (Function::Gcd | Function::Lcm, [_, ..]) => self.divisors(function, parts),
            (Function::Max | Function::Min, [_, ..]) => self.extreme(function, parts),
            _ => self.odd_or_even(function, parts),
        }
    }

    fn known_or_kept(
        &mut self,
        value: Option<BigInt>,
        function: Function,
        parts: &[Id],
    ) -> Result<Id, Stop> {
        match value {
            Some(value) => self.rational(BigRational::from_integer(value)),
            None => self.intern(Form::Call(function, parts.to_vec())),
        }
    }

    /// The natural logarithm.
    fn ln(&mut self, x: Id) -> Result<Id, Stop> {
        match self.get(x).clone() {
            Form::Rational(value) if value.is_zero() => Err(Stop::Undefined),
            Form::Rational(value) if value.is_positive() => self.ln_of(&value),
            Form::Constant(Constant::E) => Ok(ONE),
            Form::Product(factors) => match factors[..] {
                [(base, exponent)]
                    if self.as_rational(exponent).is_some()
                        && matches!(self.get(base), Form::Constant(Constant::E | Constant::Pi)) =>
                {
                    let inner = self.ln(base)?;
                    self.mul(&[inner, exponent])
                }
                _ => self.logarithm_of_primes(x, &factors),
            },
            _ => self.intern(Form::Call(Function::Ln, vec![x])),
        }
    }

    /// The logarithm of a product of powers of primes.
    fn logarithm_of_primes(&mut self, x: Id, factors: &[(Id, Id)]) -> Result<Id, Stop> {
        let mut terms = Vec::new();
        for (base, exponent) in factors {
            let positive = self.as_rational(*base).is_some_and(BigRational::is_positive);
            if !positive || self.as_rational(*exponent).is_none() {
                return self.intern(Form::Call(Function::Ln, vec![x]));
            }
            let inner = self.ln(*base)?;
            terms.push(self.mul(&[inner, *exponent])?);
        }
        self.add(&terms)
    }

    fn root(&mut self, x: Id, degree: Id) -> Result<Id, Stop> {
        if degree == ZERO {
            return Err(Stop::Undefined);
        }
        let exponent = self.inverse(degree)?;
        self.pow(x, exponent)
    }

    fn absolute(&mut self, x: Id) -> Result<Id, Stop> {
        if let Some(value) = self.as_rational(x) {
            let value = value.abs();
            return self.rational(value);
        }
        let content = self.coefficient(x)?;
        let rest = self.scale(x, &content.recip())?;
        let size = self.intern(Form::Call(Function::Abs, vec![rest]))?;
        self.scale(size, &content.abs())
    }

    fn rounded(&mut self, function: Function, x: Id) -> Result<Id, Stop> {
        let value = self
            .as_rational(x)
            .map(|value| if function == Function::Floor { value.floor() } else { value.ceil() });
        match value {
            Some(value) => self.rational(value),
            None => self.intern(Form::Call(function, vec![x])),
        }
    }

    /// The greatest common divisor or the least common multiple.
    fn divisors(&mut self, function: Function, parts: &[Id]) -> Result<Id, Stop> {
        let mut value: Option<BigInt> = None;
        for part in parts {
            let Some(number) = self.as_integer(*part).cloned() else {
                return self.intern(Form::Call(function, parts.to_vec()));
            };
            let limbs = number.bits() / 64 + 1;
            self.budget.charge(limbs * limbs * 4)?;
            value = Some(match value {
                None => number,
                Some(so_far) if function == Function::Gcd => so_far.gcd(&number),
                Some(so_far) => so_far.lcm(&number),
            });
        }
        self.known_or_kept(value.map(|value| value.abs()), function, parts)
    }

    fn extreme(&mut self, function: Function, parts: &[Id]) -> Result<Id, Stop> {
        let numbers: Option<Vec<BigRational>> =
            parts.iter().map(|part| self.as_rational(*part).cloned()).collect();
        let Some(numbers) = numbers else {
            let mut sorted = parts.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            return self.intern(Form::Call(function, sorted));
        };
        let value = if function == Function::Max {
            numbers.into_iter().max()
        } else {
            numbers.into_iter().min()
        };
        self.rational(value.unwrap_or_else(BigRational::zero))
    }

    /// Takes a sign out of the argument of an odd or an even function.
    fn odd_or_even(&mut self, function: Function, parts: &[Id]) -> Result<Id, Stop> {
        let sign: i8 = match function {
            Function::Sin
            | Function::Tan
            | Function::Cot
            | Function::Csc
            | Function::Asin
            | Function::Atan
            | Function::Sinh
            | Function::Tanh
            | Function::Coth
            | Function::Csch
            | Function::Asinh
            | Function::Atanh
            | Function::Sign => -1,
            Function::Cos | Function::Sec | Function::Cosh | Function::Sech => 1,
            _ => return self.intern(Form::Call(function, parts.to_vec())),
        };
        let [x] = *parts else { return Err(Stop::Unsupported) };
        if x == ZERO {
            return match function {
                Function::Cot | Function::Csc | Function::Coth | Function::Csch => {
                    Err(Stop::Undefined)
                }
                _ => Ok(if sign > 0 { ONE } else { ZERO }),
            };
        }
        if !self.coefficient(x)?.is_negative() {
            return self.intern(Form::Call(function, vec![x]));
        }
        let turned = self.negative(x)?;
        let call = self.intern(Form::Call(function, vec![turned]))?;
        if sign > 0 { Ok(call) } else { self.scale(call, &-BigRational::one()) }
    }
}
