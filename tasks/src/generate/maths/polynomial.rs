//! Polynomials in x with whole coefficients: arithmetic, printing, and reading what was printed.

use std::fmt;

use num_bigint::BigInt;
use num_rational::BigRational;

use crate::generate::Random;

/// A polynomial by its coefficients, the constant first. No leading zeros, unless it is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Polynomial(Vec<i64>);

impl Polynomial {
    /// A polynomial of these coefficients, the constant first.
    pub(super) fn new(mut coefficients: Vec<i64>) -> Self {
        while coefficients.len() > 1 && coefficients.last() == Some(&0) {
            coefficients.pop();
        }
        Self(coefficients)
    }

    /// Draws a polynomial of this degree with coefficients up to `max` either way.
    pub(super) fn draw(random: &mut Random, degree: usize, max: i64) -> Self {
        let mut coefficients: Vec<i64> = (0..degree).map(|_| random.range(-max, max)).collect();
        let leading = random.range(1, max);
        coefficients.push(if random.below(4) == 0 { -leading } else { leading });
        Self::new(coefficients)
    }

    /// The coefficients, the constant first.
    pub(super) fn coefficients(&self) -> &[i64] {
        &self.0
    }

    /// How many terms are printed.
    pub(super) fn terms(&self) -> usize {
        self.0.iter().filter(|coefficient| **coefficient != 0).count()
    }

    /// The value at `x`, by Horner's rule.
    pub(super) fn at(&self, x: i64) -> i64 {
        self.0.iter().rev().fold(0, |value, coefficient| value * x + coefficient)
    }

    /// The value at a fraction.
    pub(super) fn at_fraction(&self, x: &BigRational) -> BigRational {
        self.0.iter().rev().fold(BigRational::from_integer(BigInt::ZERO), |value, coefficient| {
            value * x + BigRational::from_integer((*coefficient).into())
        })
    }

    /// The product.
    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0; self.0.len() + other.0.len() - 1];
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in other.0.iter().enumerate() {
                product[i + j] += a * b;
            }
        }
        Self::new(product)
    }

    /// The derivative.
    pub(super) fn derivative(&self) -> Self {
        let mut coefficients: Vec<i64> = self
            .0
            .iter()
            .zip(0_i64..)
            .skip(1)
            .map(|(coefficient, power)| coefficient * power)
            .collect();
        if coefficients.is_empty() {
            coefficients.push(0);
        }
        Self::new(coefficients)
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        let spaced = text.replace(" - ", " -").replace(" + ", " ");
        let mut coefficients = Vec::new();
        for term in spaced.split(' ') {
            let (coefficient, power) = match term.split_once('x') {
                None => (term.parse().ok()?, 0),
                Some((coefficient, power)) => {
                    let coefficient = match coefficient {
                        "" => 1,
                        "-" => -1,
                        number => number.parse().ok()?,
                    };
                    let power = match power.strip_prefix('^') {
                        Some(power) => power.parse().ok().filter(|power| *power < 64)?,
                        None if power.is_empty() => 1,
                        None => return None,
                    };
                    (coefficient, power)
                }
            };
            if coefficients.len() <= power {
                coefficients.resize(power + 1, 0);
            }
            coefficients[power] = coefficient;
        }
        Some(Self::new(coefficients))
    }
}

impl fmt::Display for Polynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for (power, coefficient) in self.0.iter().enumerate().rev() {
            let sign = match (*coefficient, is_first) {
                (0, true) if power == 0 => return f.write_str("0"),
                (0, _) => continue,
                (c, true) if c < 0 => "-",
                (c, false) if c < 0 => " - ",
                (_, true) => "",
                (_, false) => " + ",
            };
            is_first = false;
            f.write_str(sign)?;
            let size = coefficient.unsigned_abs();
            match (power, size) {
                (0, _) => write!(f, "{size}")?,
                (1, 1) => f.write_str("x")?,
                (1, _) => write!(f, "{size}x")?,
                (_, 1) => write!(f, "x^{power}")?,
                (_, _) => write!(f, "{size}x^{power}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        let printed = |coefficients: &[i64]| Polynomial::new(coefficients.to_vec()).to_string();
        assert_eq!(printed(&[6, -5, 1]), "x^2 - 5x + 6");
        assert_eq!(printed(&[0, 1, 0, -2]), "-2x^3 + x");
        assert_eq!(printed(&[-1, -1]), "-x - 1");
        assert_eq!(printed(&[0]), "0");
        let mut random = Random::from_key("polynomials");
        for degree in 0..5 {
            let drawn = Polynomial::draw(&mut random, degree, 3);
            assert_eq!(Polynomial::read(&drawn.to_string()), Some(drawn));
        }
        assert_eq!(Polynomial::read("2y"), None);
        assert_eq!(Polynomial::read("x^99999999"), None);
    }
}
