//! Sums and products of exact rationals, and what they cost.
//!
//! Whole numbers take a path of their own: reducing a fraction costs the square of its length even where
//! the denominator is one.

use num_rational::BigRational;

/// The 64-bit limbs of a number.
pub(super) fn limbs(value: &BigRational) -> u64 {
    1 + (value.numer().bits() + value.denom().bits()) / 64
}

/// The steps that a sum or a product of two numbers is charged.
pub(super) fn cost(one: &BigRational, two: &BigRational) -> u64 {
    let (a, b) = (limbs(one), limbs(two));
    if one.is_integer() && two.is_integer() { 1 + a * b / 8 } else { 8 * (a + b) * (a + b) }
}

/// `one + two`.
pub(super) fn sum(one: &BigRational, two: &BigRational) -> BigRational {
    if one.is_integer() && two.is_integer() {
        return BigRational::from_integer(one.numer() + two.numer());
    }
    one + two
}

/// `one * two`.
pub(super) fn product(one: &BigRational, two: &BigRational) -> BigRational {
    if one.is_integer() && two.is_integer() {
        return BigRational::from_integer(one.numer() * two.numer());
    }
    one * two
}
