//! The points at which expressions with letters are compared.
//!
//! They are drawn from a seed that the gold decides, so that a verdict repeats and no answer can be
//! written to suit them.

use num_bigint::BigInt;
use num_rational::BigRational;

/// Where a letter's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// Fractions around zero, both signs by turns.
    Real,
    /// Small positive fractions.
    Positive,
    /// Larger positive fractions, for what begins at some distance from zero.
    Far,
    /// Fractions below one.
    Small,
    /// Whole numbers: 1 to 12 and larger ones.
    Whole,
}

/// Spreads the bits of `x` (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014, figure 17).
pub(super) fn mix(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The seed that a text decides.
pub(super) fn seed(text: &str) -> u64 {
    text.bytes().fold(0x0074_7269_706f_7321, |state, byte| mix(state ^ u64::from(byte)))
}

/// The value of letter `symbol` at point `n`.
pub(super) fn value(seed: u64, range: Range, n: u32, symbol: u32) -> BigRational {
    const DENOMINATORS: [i64; 8] = [61, 67, 71, 73, 79, 83, 89, 97];
    let bits = mix(seed ^ mix(u64::from(n) << 32 | u64::from(symbol)));
    let denominator = DENOMINATORS[(bits & 7) as usize];
    let draw = i64::try_from((bits >> 8) & 0xffff).unwrap_or(0);
    let positive = |low: i64, high: i64| low + draw % (high - low);
    let numerator = match range {
        Range::Whole => {
            let value = if n < 12 {
                1 + (i64::from(n) + 5 * i64::from(symbol)) % 12
            } else {
                positive(13, 120)
            };
            return BigRational::from_integer(value.into());
        }
        // From 0.1 to about 3; the signs of the letters run through every pattern.
        Range::Real | Range::Positive => positive(denominator / 8, 3 * denominator),
        Range::Far => positive(4 * denominator, (12 + 20 * i64::from(n % 4)) * denominator),
        Range::Small => positive(denominator / 12, denominator - 2),
    };
    let negative = range == Range::Real && (n + 1) >> (symbol % 3) & 1 == 1;
    // A multiple of the denominator would be a whole number.
    let numerator = if numerator % denominator == 0 { numerator + 1 } else { numerator };
    let numerator = if negative { -numerator } else { numerator };
    BigRational::new(BigInt::from(numerator), BigInt::from(denominator))
}
