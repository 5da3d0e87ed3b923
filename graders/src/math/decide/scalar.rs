//! Decides whether two expressions are equal.

use num_rational::BigRational;
use num_traits::{Signed, Zero};

use super::{Decision, Method};
use crate::math::ball::Ball;
use crate::math::ball::elementary::PRECISION_MAX;
use crate::math::budget::Stop;
use crate::math::complex::Complex;
use crate::math::evaluate::{Evaluation, Point};
use crate::math::modular;
use crate::math::normal::{Form, Forms, Id, ZERO};
use crate::math::sample::{self, Range};
use crate::math::tree::Constant;
use crate::math::words::Function;

/// The precision at which constants that cannot be told apart count as equal.
const CONSTANT_BITS: u64 = 512;
/// How far below its parts a difference must lie to count as zero, in bits.
const CONSTANT_ZERO: i64 = 400;
/// The same for expressions with letters.
const POINT_BITS: u64 = 256;
const POINT_ZERO: i64 = 200;
/// Points in one range, and the fewest that must have a value.
const POINTS: u32 = 8;
const POINTS_MIN: u32 = 3;
/// Points among the whole numbers.
const WHOLE_POINTS: u32 = 20;

/// Compares two forms. `seed` decides at which points.
pub(super) fn same(forms: &mut Forms, one: Id, two: Id, seed: u64) -> Decision {
    if one == two {
        return Decision::Equal(Method::Exact);
    }
    decide(forms, one, two, seed).unwrap_or_else(Decision::from)
}

fn decide(forms: &mut Forms, one: Id, two: Id, seed: u64) -> Result<Decision, Stop> {
    if is_infinite(forms, one) || is_infinite(forms, two) {
        return Ok(Decision::NotEqual(Method::Exact));
    }
    let difference = forms.sub(one, two)?;
    if difference == ZERO {
        return Ok(Decision::Equal(Method::Exact));
    }
    if forms.as_rational(difference).is_some() {
        return Ok(Decision::NotEqual(Method::Exact));
    }
    if !forms.is_open(difference) {
        return constants(forms, one, two, difference);
    }
    if modular::applies(forms, difference) {
        return rational_functions(forms, difference, seed);
    }
    functions(forms, one, two, seed)
}

/// Whether a form is a multiple of infinity.
fn is_infinite(forms: &Forms, id: Id) -> bool {
    let terms = forms.terms(id);
    terms.len() == 1 && matches!(forms.get(terms[0].0), Form::Constant(Constant::Infinity))
}

/// Compares constants at growing precision until they differ or cannot be told apart.
fn constants(forms: &mut Forms, one: Id, two: Id, difference: Id) -> Result<Decision, Stop> {
    // Numbers that differ in a late digit only are told apart by as many bits as they have.
    let widest = forms.widest(difference) + 64;
    if widest > PRECISION_MAX {
        return Err(Stop::Limit);
    }
    let mut prec = widest.max(64);
    loop {
        let point = Point { prec, values: &[], real: false, seed: 0 };
        let mut evaluation = Evaluation::new(forms, &point);
        match evaluation.value(forms, difference) {
            Ok(value) if !value.may_be_zero() => return Ok(Decision::NotEqual(Method::Numeric)),
            Ok(value) if prec >= CONSTANT_BITS => {
                let (a, b) = (evaluation.value(forms, one)?, evaluation.value(forms, two)?);
                let scale = scale(&a, &b);
                let left = value.radius_magnitude().unwrap_or(i64::MIN);
                if left < scale - CONSTANT_ZERO {
                    return Ok(Decision::Equal(Method::Numeric));
                }
            }
            Ok(_) | Err(Stop::Imprecise) => {}
            Err(stop) => return Err(stop),
        }
        if prec >= 4 * CONSTANT_BITS.max(widest) {
            return Err(Stop::Imprecise);
        }
        prec = if prec < CONSTANT_BITS { (2 * prec).clamp(128, CONSTANT_BITS) } else { 2 * prec };
    }
}

/// Compares rational functions: first at a point in full, then modulo primes.
fn rational_functions(forms: &mut Forms, difference: Id, seed: u64) -> Result<Decision, Stop> {
    // What vanishes modulo a prime need not vanish: `gold + p` differs everywhere.
    for n in 0..2 {
        let values = draw(forms, Range::Positive, n, seed, POINT_BITS)?;
        let point = Point { prec: POINT_BITS, values: &values, real: false, seed };
        let value = Evaluation::new(forms, &point).value(forms, difference);
        if value.is_ok_and(|value| !value.may_be_zero()) {
            return Ok(Decision::NotEqual(Method::Modular));
        }
    }
    let zero = modular::is_zero(forms, difference, seed)?;
    Ok(if zero { Decision::Equal(Method::Modular) } else { Decision::NotEqual(Method::Modular) })
}

/// The values of all letters at a point.
fn draw(forms: &Forms, range: Range, n: u32, seed: u64, prec: u64) -> Result<Vec<Complex>, Stop> {
    let symbols = u32::try_from(forms.symbols()).unwrap_or(u32::MAX);
    (0..symbols)
        .map(|symbol| Ok(Ball::rational(&sample::value(seed, range, n, symbol), prec)?.into()))
        .collect()
}

/// Compares functions of real letters at points where both have a real value.
fn functions(forms: &mut Forms, one: Id, two: Id, seed: u64) -> Result<Decision, Stop> {
    let whole = |form: &Form| {
        matches!(
            form,
            Form::Call(
                Function::Floor
                    | Function::Ceil
                    | Function::Mod
                    | Function::Factorial
                    | Function::DoubleFactorial
                    | Function::Binomial
                    | Function::Permutations
                    | Function::Gcd
                    | Function::Lcm,
                _
            )
        )
    };
    // A negative number to the power of a letter has a value at whole numbers only.
    let negative = |forms: &Forms, id| {
        forms.any(id, &|form| match form {
            Form::Product(factors) => factors.iter().any(|(base, exponent)| {
                forms.as_rational(*base).is_some_and(Signed::is_negative)
                    && forms.is_open(*exponent)
            }),
            _ => false,
        })
    };
    let powers = negative(forms, one) || negative(forms, two);
    if powers || forms.any(one, &whole) || forms.any(two, &whole) {
        return Sampling { forms, one, two, seed, real: true }.run(&[(Range::Whole, WHOLE_POINTS)]);
    }
    let complex = |form: &Form| {
        matches!(
            form,
            Form::Constant(Constant::I)
                | Form::Call(Function::Re | Function::Im | Function::Arg, _)
        )
    };
    let real = !(forms.any(one, &complex) || forms.any(two, &complex));
    let mut sampling = Sampling { forms, one, two, seed, real };
    let decision = sampling.run(&[(Range::Real, POINTS)])?;
    if !matches!(decision, Decision::Unknown(_)) {
        return Ok(decision);
    }
    let ranges = [(Range::Positive, POINTS), (Range::Small, POINTS), (Range::Far, POINTS)];
    let decision = sampling.run(&ranges)?;
    if !matches!(decision, Decision::Unknown(_)) {
        return Ok(decision);
    }
    sampling.real = false;
    sampling.run(&[(Range::Positive, POINTS)])
}

/// A comparison at points.
struct Sampling<'f> {
    forms: &'f mut Forms,
    one: Id,
    two: Id,
    seed: u64,
    /// Whether only real values count.
    real: bool,
}

impl Sampling<'_> {
    /// Compares at the points of `ranges`; unknown where too few of them have a value.
    fn run(&mut self, ranges: &[(Range, u32)]) -> Result<Decision, Stop> {
        let mut equal = 0;
        let mut seen: Vec<BigRational> = Vec::new();
        for (range, count) in ranges {
            for n in 0..*count {
                let first = sample::value(self.seed, *range, n, 0);
                match self.at(*range, n)? {
                    Some(false) => return Ok(Decision::NotEqual(Method::Sampled)),
                    Some(true) if !seen.contains(&first) => {
                        seen.push(first);
                        equal += 1;
                    }
                    _ => {}
                }
            }
        }
        if equal >= POINTS_MIN {
            Ok(Decision::Equal(Method::Sampled))
        } else {
            Ok(Decision::Unknown(Stop::Unsupported))
        }
    }

    /// Whether the two are equal at a point, or nothing where they have no value there.
    fn at(&mut self, range: Range, n: u32) -> Result<Option<bool>, Stop> {
        let mut prec = 64;
        while prec <= POINT_BITS {
            let values = draw(self.forms, range, n, self.seed, prec)?;
            let point = Point { prec, values: &values, real: self.real, seed: self.seed };
            let mut evaluation = Evaluation::new(self.forms, &point);
            let one = evaluation.value(self.forms, self.one);
            let two = evaluation.value(self.forms, self.two);
            let (one, two) = match (one, two) {
                (Err(Stop::Limit), _) | (_, Err(Stop::Limit)) => return Err(Stop::Limit),
                (Err(Stop::Unsupported), _) | (_, Err(Stop::Unsupported)) => {
                    return Err(Stop::Unsupported);
                }
                (Err(Stop::Undefined), _) | (_, Err(Stop::Undefined)) => return Ok(None),
                (Ok(one), Ok(two)) => (one, two),
                _ => {
                    prec *= 4;
                    continue;
                }
            };
            let difference = one.sub(&two, prec)?;
            if !difference.may_be_zero() {
                return Ok(Some(false));
            }
            let scale = scale(&one, &two);
            let left = difference.radius_magnitude().unwrap_or(i64::MIN);
            if left < scale - POINT_ZERO {
                return Ok(Some(true));
            }
            prec *= 4;
        }
        Ok(None)
    }
}

/// Whether two functions differ by a constant, at points where both have a real value.
pub(super) fn parallel(forms: &mut Forms, one: Id, two: Id, seed: u64) -> Decision {
    let difference = match forms.sub(one, two) {
        Ok(difference) => difference,
        Err(stop) => return stop.into(),
    };
    let mut known: Option<Complex> = None;
    let mut points = 0;
    for (range, n) in (0..POINTS).flat_map(|n| [(Range::Positive, n), (Range::Far, n)]) {
        let Ok(values) = draw(forms, range, n, seed, POINT_BITS) else { continue };
        let point = Point { prec: POINT_BITS, values: &values, real: true, seed };
        let Ok(value) = Evaluation::new(forms, &point).value(forms, difference) else { continue };
        match &known {
            Some(known) => match known.sub(&value, POINT_BITS) {
                Ok(change) if change.may_be_zero() => points += 1,
                _ => return Decision::NotEqual(Method::Sampled),
            },
            None => known = Some(value),
        }
    }
    if points >= POINTS_MIN {
        Decision::Equal(Method::Sampled)
    } else {
        Decision::Unknown(Stop::Unsupported)
    }
}

/// The exponent of the size of two numbers; that of one where neither is surely more than nothing.
fn scale(one: &Complex, two: &Complex) -> i64 {
    let sure = |value: &Complex| value.magnitude().filter(|_| !value.may_be_zero());
    sure(one).max(sure(two)).unwrap_or(0)
}

/// The value of a form without letters, to about `prec` bits.
pub(super) fn constant(forms: &mut Forms, id: Id, prec: u64) -> Result<Complex, Stop> {
    let point = Point { prec, values: &[], real: false, seed: 0 };
    Evaluation::new(forms, &point).value(forms, id)
}

/// How two real constants compare; nothing where that is not known.
pub(super) fn order(forms: &mut Forms, one: Id, two: Id) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering;
    if one == two {
        return Some(Ordering::Equal);
    }
    let difference = forms.sub(one, two).ok()?;
    if difference == ZERO {
        return Some(Ordering::Equal);
    }
    if let Some(value) = forms.as_rational(difference) {
        return Some(value.cmp(&BigRational::zero()));
    }
    if forms.is_open(difference) {
        return None;
    }
    for prec in [64, 256, CONSTANT_BITS] {
        let value = constant(forms, difference, prec).ok()?;
        if !value.is_real() {
            return None;
        }
        match value.re.sign() {
            Ok(num_bigint::Sign::Plus) => return Some(Ordering::Greater),
            Ok(num_bigint::Sign::Minus) => return Some(Ordering::Less),
            Ok(num_bigint::Sign::NoSign) => return Some(Ordering::Equal),
            Err(_) if prec == CONSTANT_BITS => return Some(Ordering::Equal),
            Err(_) => {}
        }
    }
    None
}
