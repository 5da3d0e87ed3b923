//! The value of a form as a complex ball, at a precision and at given values of its letters.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};

use super::ball::Ball;
use super::ball::elementary::{self, pi};
use super::budget::Stop;
use super::complex::{Complex, hyperbolic};
use super::normal::{Form, Forms, Id};
use super::tree::Constant;
use super::words::Function;

/// The largest root that is taken directly; a larger one goes by the logarithm.
const DEGREE_MAX: u32 = 8;
/// The largest factorial of a letter's value.
const FACTORIAL_MAX: i64 = 3000;

/// Where a form is evaluated.
pub(super) struct Point<'p> {
    /// The bits of every step.
    pub(super) prec: u64,
    /// The value of each letter.
    pub(super) values: &'p [Complex],
    /// Whether a step that leaves the reals has no value.
    pub(super) real: bool,
    /// Tells apart the values of functions of which nothing is known.
    pub(super) seed: u64,
}

/// An evaluation on its way.
pub(super) struct Evaluation<'p> {
    point: &'p Point<'p>,
    known: Vec<Option<Complex>>,
}

impl<'p> Evaluation<'p> {
    pub(super) fn new(forms: &Forms, point: &'p Point<'p>) -> Self {
        Self { point, known: vec![None; forms.len()] }
    }

    /// The value of a form.
    pub(super) fn value(&mut self, forms: &mut Forms, id: Id) -> Result<Complex, Stop> {
        if let Some(value) = &self.known[id as usize] {
            return Ok(value.clone());
        }
        let limbs = self.point.prec / 64 + 1;
        forms.budget.charge(2 + limbs)?;
        let prec = self.point.prec;
        let value = match forms.get(id).clone() {
            Form::Rational(value) => Ball::rational(&value, prec)?.into(),
            Form::Symbol(name) => {
                self.point.values.get(name as usize).cloned().ok_or(Stop::Unsupported)?
            }
            Form::Constant(Constant::Pi) => pi(prec)?.into(),
            Form::Constant(Constant::E) => {
                forms.budget.charge(elementary::cost(prec))?;
                Ball::integer(1).exp(prec)?.into()
            }
            Form::Constant(Constant::I) => Complex::i(),
            Form::Sum(terms) => {
                let mut sum = Complex::integer(0);
                for (term, factor) in terms {
                    let term = self.value(forms, term)?;
                    let factor = Complex::from(Ball::rational(&factor, prec)?);
                    sum = sum.add(&term.mul(&factor, prec)?, prec)?;
                }
                sum
            }
            Form::Product(factors) => {
                let mut product = Complex::integer(1);
                for (base, exponent) in factors {
                    let power = self.power(forms, base, exponent)?;
                    product = product.mul(&power, prec)?;
                }
                product
            }
            Form::Call(function, parts) => self.call(forms, function, &parts)?,
            Form::Opaque { free: true, .. } => anything(self.point.seed, id).into(),
            Form::Constant(Constant::Infinity) | Form::Opaque { .. } => {
                return Err(Stop::Unsupported);
            }
        };
        self.known[id as usize] = Some(value.clone());
        Ok(value)
    }

    /// A base to its exponent.
    fn power(&mut self, forms: &mut Forms, base: Id, exponent: Id) -> Result<Complex, Stop> {
        let prec = self.point.prec;
        let limbs = prec / 64 + 1;
        let value = self.value(forms, base)?;
        if let Some(exponent) = forms.as_rational(exponent).cloned() {
            if value.is_zero() {
                return if exponent.is_positive() { Ok(value) } else { Err(Stop::Undefined) };
            }
            if exponent.is_integer() {
                let size = exponent.numer().magnitude();
                forms.budget.charge(2 * size.bits() * limbs * limbs)?;
                let power = value.powi(size, prec + size.bits().min(64))?;
                return if exponent.is_negative() { power.inverse(prec) } else { Ok(power) };
            }
            return self.root(forms, &value, &exponent);
        }
        forms.budget.charge(2 * elementary::cost(prec))?;
        let exponent_value = self.value(forms, exponent)?;
        if matches!(forms.get(base), Form::Constant(Constant::E)) {
            return exponent_value.exp(prec);
        }
        if value.is_zero() {
            return Err(Stop::Undefined);
        }
        // (-1)^n has a meaning at whole n.
        if let Ok(whole) = whole(&exponent_value) {
            forms.budget.charge(2 * whole.bits() * limbs * limbs)?;
            let power = value.powi(whole.magnitude(), prec + whole.bits().min(64))?;
            return if whole.is_negative() { power.inverse(prec) } else { Ok(power) };
        }
        let positive = value.is_real() && value.re.sign()? == Sign::Plus;
        if self.point.real && !positive {
            return Err(Stop::Undefined);
        }
        value.power(&exponent_value, prec)
    }

    /// A value to a power that is a fraction. Where the root is odd and the value real it is the real
    /// root.
    fn root(
        &mut self,
        forms: &mut Forms,
        value: &Complex,
        exponent: &BigRational,
    ) -> Result<Complex, Stop> {
        let prec = self.point.prec;
        let limbs = prec / 64 + 1;
        let degree = exponent.denom();
        if !value.is_real() {
            if self.point.real {
                return Err(Stop::Undefined);
            }
            forms.budget.charge(2 * elementary::cost(prec))?;
            return value.power(&Ball::rational(exponent, prec)?.into(), prec);
        }
        let sign = match value.re.sign() {
            Ok(sign) => sign,
            // What may be a little below zero is cut there.
            Err(Stop::Imprecise) if exponent.is_positive() => Sign::Plus,
            Err(stop) => return Err(stop),
        };
        if sign == Sign::Minus && degree.is_even() {
            if self.point.real {
                return Err(Stop::Undefined);
            }
            if *degree == BigInt::from(2) {
                let root = value.sqrt(prec)?;
                let root = root.powi(exponent.numer().magnitude(), prec)?;
                return if exponent.is_negative() { root.inverse(prec) } else { Ok(root) };
            }
            forms.budget.charge(2 * elementary::cost(prec))?;
            return value.power(&Ball::rational(exponent, prec)?.into(), prec);
        }
        let size = if sign == Sign::Minus { value.re.neg() } else { value.re.clone() };
        let small = degree.to_u32().filter(|degree| *degree <= DEGREE_MAX);
        let power = match small {
            Some(degree) if exponent.numer().bits() <= 16 => {
                forms.budget.charge(u64::from(degree) * limbs * limbs * 8)?;
                let root = size.root(degree, prec + 16)?;
                let power = root.powi(exponent.numer().magnitude(), prec + 16)?;
                if exponent.is_negative() { Complex::from(power).inverse(prec)?.re } else { power }
            }
            _ => {
                forms.budget.charge(2 * elementary::cost(prec))?;
                let exponent = Ball::rational(exponent, prec)?;
                Complex::from(size).power(&exponent.into(), prec)?.re
            }
        };
        let negative = sign == Sign::Minus && exponent.numer().is_odd();
        Ok(if negative { power.neg() } else { power }.into())
    }

    fn call(
        &mut self,
        forms: &mut Forms,
        function: Function,
        parts: &[Id],
    ) -> Result<Complex, Stop> {
        let prec = self.point.prec;
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            values.push(self.value(forms, *part)?);
        }
        let [x] = &values[..] else { return several(forms, function, &values) };
        match function {
            Function::Abs => return Ok(x.abs(prec)?.into()),
            Function::Floor => return Ok(Ball::integer(real(x)?.floor()?).into()),
            Function::Ceil => return Ok(Ball::integer(-real(x)?.neg().floor()?).into()),
            Function::Re => return Ok(x.re.clone().into()),
            Function::Im => return Ok(x.im.clone().into()),
            Function::Sign => return sign(real(x)?),
            Function::Factorial | Function::DoubleFactorial => {
                let step = if function == Function::Factorial { 1 } else { 2 };
                return factorial(forms, x, step);
            }
            Function::Max | Function::Min | Function::Gcd | Function::Lcm => return Ok(x.clone()),
            _ => {}
        }
        forms.budget.charge(elementary::cost(prec))?;
        match function {
            Function::Ln => self.ln(x),
            Function::Arg => Ok(x.arg(prec)?.into()),
            Function::Sin
            | Function::Cos
            | Function::Tan
            | Function::Cot
            | Function::Sec
            | Function::Csc => {
                let (sin, cos) = x.sin_cos(prec)?;
                ratio(function, sin, cos, prec)
            }
            Function::Sinh
            | Function::Cosh
            | Function::Tanh
            | Function::Coth
            | Function::Sech
            | Function::Csch => {
                let (sinh, cosh) = hyperbolic(real(x)?, prec)?;
                ratio(function, sinh.into(), cosh.into(), prec)
            }
            _ => {
                forms.budget.charge(2 * elementary::cost(prec))?;
                self.inverse_function(function, x)
            }
        }
    }

    fn ln(&self, x: &Complex) -> Result<Complex, Stop> {
        if x.is_zero() {
            return Err(Stop::Undefined);
        }
        let positive = x.is_real() && x.re.sign()? == Sign::Plus;
        if self.point.real && !positive { Err(Stop::Undefined) } else { x.ln(self.point.prec) }
    }

    /// The inverse of a trigonometric or hyperbolic function of a real number.
    fn inverse_function(&self, function: Function, x: &Complex) -> Result<Complex, Stop> {
        let prec = self.point.prec;
        let one = Ball::integer(1);
        let real = real(x)?;
        let angle = match function {
            Function::Asin => arc_sine(real, prec)?,
            Function::Acos => quarter(prec)?.sub(&arc_sine(real, prec)?, prec)?,
            Function::Atan => real.atan(prec)?,
            Function::Acot => quarter(prec)?.sub(&real.atan(prec)?, prec)?,
            Function::Acsc => arc_sine(&one.div(real, prec)?, prec)?,
            Function::Asec => quarter(prec)?.sub(&arc_sine(&one.div(real, prec)?, prec)?, prec)?,
            Function::Asinh => {
                let root = real.mul(real, prec)?.add(&one, prec)?.sqrt(prec)?;
                real.add(&root, prec)?.ln(prec)?
            }
            Function::Acosh => {
                let root = real.mul(real, prec)?.sub(&one, prec)?.sqrt(prec)?;
                real.add(&root, prec)?.ln(prec)?
            }
            Function::Atanh => {
                let (top, bottom) = (one.add(real, prec)?, one.sub(real, prec)?);
                top.div(&bottom, prec)?.ln(prec)?.scaled(-1)?
            }
            _ => return Err(Stop::Unsupported),
        };
        Ok(angle.into())
    }
}

/// π/2.
fn quarter(prec: u64) -> Result<Ball, Stop> {
    pi(prec)?.scaled(-1)
}

/// The arc sine: the argument of √(1-x²) + ix.
fn arc_sine(x: &Ball, prec: u64) -> Result<Ball, Stop> {
    let rest = Ball::integer(1).sub(&x.mul(x, prec)?, prec)?;
    Complex { re: rest.sqrt(prec)?, im: x.clone() }.arg(prec)
}

/// The real number that a value is.
fn real(x: &Complex) -> Result<&Ball, Stop> {
    if x.is_real() { Ok(&x.re) } else { Err(Stop::Unsupported) }
}

/// One of the six ratios of a sine and a cosine.
fn ratio(function: Function, sin: Complex, cos: Complex, prec: u64) -> Result<Complex, Stop> {
    match function {
        Function::Sin | Function::Sinh => Ok(sin),
        Function::Cos | Function::Cosh => Ok(cos),
        Function::Tan | Function::Tanh => sin.mul(&cos.inverse(prec)?, prec),
        Function::Cot | Function::Coth => cos.mul(&sin.inverse(prec)?, prec),
        Function::Sec | Function::Sech => cos.inverse(prec),
        Function::Csc | Function::Csch => sin.inverse(prec),
        _ => Err(Stop::Unsupported),
    }
}

fn sign(x: &Ball) -> Result<Complex, Stop> {
    Ok(Complex::integer(match x.sign()? {
        Sign::Minus => -1,
        Sign::NoSign => 0,
        Sign::Plus => 1,
    }))
}

/// The whole number that a value is for sure.
fn whole(x: &Complex) -> Result<BigInt, Stop> {
    let x = real(x)?;
    let floor = x.floor()?;
    let exact =
        x.radius_magnitude().is_none() && x.sub(&Ball::integer(floor.clone()), 8192)?.is_zero();
    if exact { Ok(floor) } else { Err(Stop::Unsupported) }
}

fn factorial(forms: &mut Forms, x: &Complex, step: u32) -> Result<Complex, Stop> {
    let n = whole(x)?;
    if n.to_i64().is_none_or(|n| n > FACTORIAL_MAX) {
        return Err(Stop::Unsupported);
    }
    let value = forms.factorial(&n, step)?.ok_or(Stop::Unsupported)?;
    Ok(Ball::integer(value).into())
}

/// A function of several values.
fn several(forms: &mut Forms, function: Function, values: &[Complex]) -> Result<Complex, Stop> {
    match (function, values) {
        (Function::Max | Function::Min, [first, rest @ ..]) => {
            let mut best = real(first)?;
            for value in rest {
                let value = real(value)?;
                let larger = value.sub(best, 64)?.sign()? == Sign::Plus;
                if larger == (function == Function::Max) {
                    best = value;
                }
            }
            Ok(best.clone().into())
        }
        (Function::Gcd | Function::Lcm, [first, rest @ ..]) => {
            let mut value = whole(first)?;
            for other in rest {
                let other = whole(other)?;
                value =
                    if function == Function::Gcd { value.gcd(&other) } else { value.lcm(&other) };
            }
            Ok(Ball::integer(value).into())
        }
        (Function::Mod, [x, modulus]) => {
            let (x, modulus) = (whole(x)?, whole(modulus)?);
            if !modulus.is_positive() {
                return Err(Stop::Undefined);
            }
            Ok(Ball::integer(x.mod_floor(&modulus)).into())
        }
        (Function::Binomial, [n, k]) => {
            let value = forms.choose(&whole(n)?, &whole(k)?, false)?.ok_or(Stop::Unsupported)?;
            Ok(Ball::integer(value).into())
        }
        _ => Err(Stop::Unsupported),
    }
}

/// A number between one and two that belongs to a form of which nothing is known.
fn anything(seed: u64, id: Id) -> Ball {
    let bits = super::sample::mix(seed ^ u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let numerator = BigInt::from((1_u64 << 32) + (bits >> 32));
    Ball::integer(numerator).scaled(-32).unwrap_or_else(|_| Ball::integer(1))
}
