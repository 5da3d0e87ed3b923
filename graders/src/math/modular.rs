//! Tests whether a rational function is zero, by its values modulo large primes.
//!
//! A function of degree d that is not zero vanishes at a random point of a field of p elements with a
//! probability of at most d/p (J. Schwartz, "Fast Probabilistic Algorithms for Verification of
//! Polynomial Identities", JACM 27, 1980, lemma 1). Two primes near 2^61 and three points each leave
//! less than (d/2^60)^6. Powers cost the logarithm of their exponent, so that (x+y+z)^60 is as quick as
//! x. The primes are one more than a multiple of four, so that i has a value.

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};

use super::budget::Stop;
use super::normal::{Form, Forms, Id};
use super::sample::mix;
use super::tree::Constant;

/// Primes of 61 bits, each one more than a multiple of four.
const PRIMES: [u64; 32] = [
    1_153_196_650_888_405_337,
    1_165_302_568_356_789_581,
    1_198_198_659_207_851_233,
    1_230_880_748_048_484_829,
    1_267_808_044_327_967_437,
    1_398_470_440_345_616_593,
    1_473_897_874_129_711_453,
    1_502_980_983_003_655_733,
    1_517_214_163_566_096_629,
    1_535_845_803_648_861_869,
    1_579_912_755_173_552_801,
    1_595_671_878_504_516_181,
    1_623_426_967_166_054_021,
    1_710_553_242_912_682_897,
    1_720_301_165_712_361_697,
    1_755_929_202_898_918_189,
    1_838_292_796_148_170_993,
    1_879_960_860_729_215_837,
    1_954_057_712_864_515_277,
    1_977_386_911_060_539_037,
    1_984_984_659_788_782_837,
    2_023_632_905_709_844_973,
    2_090_003_783_518_908_197,
    2_101_982_606_303_578_849,
    2_175_817_325_688_440_153,
    2_215_039_806_668_667_233,
    2_260_848_285_759_829_217,
    2_274_710_532_841_942_753,
    2_287_856_849_035_813_801,
    2_290_657_234_456_935_481,
    2_295_638_984_505_522_473,
    2_295_960_847_557_042_241,
];
/// Points for each prime.
const POINTS: u64 = 3;
/// Points that may fall on a pole before the test gives up.
const POLES_MAX: u64 = 8;
/// The largest exponent that keeps the degree small against the primes.
const EXPONENT_BITS_MAX: u64 = 40;

/// Whether every form in `id` is one of a rational function, over the rationals with i.
pub(super) fn applies(forms: &Forms, id: Id) -> bool {
    !forms.any(id, &|form| match form {
        Form::Rational(_) | Form::Symbol(_) | Form::Sum(_) => false,
        Form::Constant(constant) => *constant != Constant::I,
        Form::Product(factors) => factors.iter().any(|(_, exponent)| {
            forms.as_integer(*exponent).is_none_or(|e| e.bits() > EXPONENT_BITS_MAX)
        }),
        Form::Call(..) | Form::Opaque { .. } => true,
    })
}

/// Whether the rational function `id` is zero; [`applies`] holds of it.
pub(super) fn is_zero(forms: &mut Forms, id: Id, seed: u64) -> Result<bool, Stop> {
    let first = draw(seed, PRIMES.len());
    let second = (first + 1 + draw(seed ^ 1, PRIMES.len() - 1)) % PRIMES.len();
    for prime in [PRIMES[first], PRIMES[second]] {
        let field = Field::new(prime);
        let (mut points, mut poles) = (0, 0);
        while points < POINTS {
            let values = (0..forms.symbols() as u64)
                .map(|symbol| {
                    mix(seed ^ mix(prime ^ (points + POINTS * poles) << 32 ^ symbol)) % prime
                })
                .collect();
            let mut evaluation = Evaluation { field, values, known: vec![None; forms.len()] };
            match evaluation.value(forms, id) {
                Ok(0) => points += 1,
                Ok(_) => return Ok(false),
                Err(Stop::Undefined) if poles < POLES_MAX => poles += 1,
                Err(stop) => return Err(stop),
            }
        }
    }
    Ok(true)
}

/// A place among `count`, as the seed decides.
fn draw(seed: u64, count: usize) -> usize {
    usize::try_from(mix(seed) >> 32).unwrap_or(0) % count
}

/// The whole numbers modulo a prime.
#[derive(Clone, Copy)]
struct Field {
    prime: u64,
    /// A root of minus one.
    i: u64,
}

impl Field {
    fn new(prime: u64) -> Self {
        let mut field = Self { prime, i: 0 };
        // A quarter power of a number without a root is a root of minus one.
        let i = (2..).map(|base| field.pow(base, (prime - 1) / 4));
        field.i = i.into_iter().find(|i| field.mul(*i, *i) == prime - 1).unwrap_or(0);
        field
    }

    fn mul(self, one: u64, two: u64) -> u64 {
        let product = u128::from(one) * u128::from(two) % u128::from(self.prime);
        u64::try_from(product).expect("a remainder is below the prime")
    }

    fn add(self, one: u64, two: u64) -> u64 {
        (one + two) % self.prime
    }

    fn pow(self, base: u64, mut exponent: u64) -> u64 {
        let (mut square, mut result) = (base, 1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        result
    }

    fn inverse(self, value: u64) -> Result<u64, Stop> {
        if value == 0 { Err(Stop::Undefined) } else { Ok(self.pow(value, self.prime - 2)) }
    }

    fn integer(self, value: &BigInt) -> u64 {
        let size = value.magnitude() % BigUint::from(self.prime);
        let size = size.to_u64().unwrap_or(0);
        if value.is_negative() && size != 0 { self.prime - size } else { size }
    }

    fn rational(self, value: &BigRational) -> Result<u64, Stop> {
        let top = self.integer(value.numer());
        if value.is_integer() {
            return Ok(top);
        }
        Ok(self.mul(top, self.inverse(self.integer(value.denom()))?))
    }
}

struct Evaluation {
    field: Field,
    values: Vec<u64>,
    known: Vec<Option<u64>>,
}

impl Evaluation {
    fn value(&mut self, forms: &mut Forms, id: Id) -> Result<u64, Stop> {
        if let Some(value) = self.known[id as usize] {
            return Ok(value);
        }
        forms.budget.charge(1)?;
        let field = self.field;
        let value = match forms.get(id).clone() {
            Form::Rational(value) => field.rational(&value)?,
            Form::Symbol(name) => self.values.get(name as usize).copied().unwrap_or(0),
            Form::Constant(Constant::I) => field.i,
            Form::Sum(terms) => {
                let mut sum = 0;
                for (term, factor) in terms {
                    let term = self.value(forms, term)?;
                    sum = field.add(sum, field.mul(term, field.rational(&factor)?));
                }
                sum
            }
            Form::Product(factors) => {
                let mut product = 1;
                for (base, exponent) in factors {
                    forms.budget.charge(EXPONENT_BITS_MAX)?;
                    let base = self.value(forms, base)?;
                    let exponent = forms.as_integer(exponent).cloned().ok_or(Stop::Unsupported)?;
                    let size = exponent.magnitude().to_u64().ok_or(Stop::Unsupported)?;
                    let power = field.pow(base, size);
                    let power = if exponent.is_negative() { field.inverse(power)? } else { power };
                    product = field.mul(product, power);
                }
                product
            }
            Form::Constant(_) | Form::Call(..) | Form::Opaque { .. } => {
                return Err(Stop::Unsupported);
            }
        };
        self.known[id as usize] = Some(value);
        Ok(value)
    }
}
