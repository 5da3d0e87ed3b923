//! Reads expressions in x and evaluates them, with their slope, modulo a prime.
//!
//! A dual number `a + b·ε` with ε² = 0 carries the value of a function and of its derivative through
//! every operation (Clifford, "Preliminary Sketch of Biquaternions", 1873), so a derivative is checked
//! without a rule of differentiation.

/// A value and its slope modulo a prime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dual {
    pub(super) value: u64,
    pub(super) slope: u64,
}

/// Evaluates `text` at `x` modulo `prime`, a prime below 2³¹. Letters other than `x` are constants of
/// integration and count as 0. Nothing where the text is no expression, or a divisor is 0.
pub(super) fn evaluate(text: &str, x: u64, prime: u64) -> Option<Dual> {
    let tokens: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let mut reader = Reader { rest: &tokens, x, prime };
    let value = reader.sum()?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a [u8],
    x: u64,
    prime: u64,
}

impl Reader<'_> {
    fn take(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn sum(&mut self) -> Option<Dual> {
        let is_negative = self.take(b'-');
        let first = self.product_of()?;
        let mut sum = if is_negative { self.negative(first) } else { first };
        loop {
            let next = if self.take(b'+') {
                self.product_of()?
            } else if self.take(b'-') {
                let next = self.product_of()?;
                self.negative(next)
            } else {
                return Some(sum);
            };
            sum = Dual {
                value: (sum.value + next.value) % self.prime,
                slope: (sum.slope + next.slope) % self.prime,
            };
        }
    }

    fn product_of(&mut self) -> Option<Dual> {
        let mut product = self.power()?;
        loop {
            product = if self.take(b'/') {
                let divisor = self.power()?;
                let inverse = self.inverse(divisor)?;
                self.times(product, inverse)
            } else if self.take(b'*') || self.rest.first().is_some_and(|c| is_factor(*c)) {
                let factor = self.power()?;
                self.times(product, factor)
            } else {
                return Some(product);
            };
        }
    }

    fn power(&mut self) -> Option<Dual> {
        let base = self.atom()?;
        if !self.take(b'^') {
            return Some(base);
        }
        let exponent = self.number()?;
        let one = Dual { value: 1, slope: 0 };
        Some((0..exponent.min(64)).fold(one, |power, _| self.times(power, base)))
    }

    fn atom(&mut self) -> Option<Dual> {
        if self.take(b'(') {
            let inner = self.sum()?;
            return self.take(b')').then_some(inner);
        }
        let first = *self.rest.first()?;
        if first.is_ascii_alphabetic() {
            self.rest = &self.rest[1..];
            let (value, slope) = if first == b'x' { (self.x, 1) } else { (0, 0) };
            return Some(Dual { value, slope });
        }
        let value = self.number()? % self.prime;
        Some(Dual { value, slope: 0 })
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn negative(&self, of: Dual) -> Dual {
        let negative = |n: u64| (self.prime - n) % self.prime;
        Dual { value: negative(of.value), slope: negative(of.slope) }
    }

    fn times(&self, a: Dual, b: Dual) -> Dual {
        let slope = a.slope * b.value % self.prime + a.value * b.slope % self.prime;
        Dual { value: a.value * b.value % self.prime, slope: slope % self.prime }
    }

    /// `1 / (a + bε) = 1/a - (b/a²)ε`.
    fn inverse(&self, of: Dual) -> Option<Dual> {
        if of.value == 0 {
            return None;
        }
        let value = inverse(of.value, self.prime);
        let slope = of.slope * value % self.prime * value % self.prime;
        Some(Dual { value, slope: (self.prime - slope) % self.prime })
    }
}

fn is_factor(byte: u8) -> bool {
    byte == b'(' || byte.is_ascii_alphabetic()
}

/// The inverse modulo a prime, by Fermat's little theorem.
pub(super) fn inverse(n: u64, prime: u64) -> u64 {
    let (mut result, mut square, mut exponent) = (1, n % prime, prime - 2);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * square % prime;
        }
        square = square * square % prime;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, x: u64, expected: Option<(u64, u64)>) {
        let found = evaluate(text, x, 10_007).map(|dual| (dual.value, dual.slope));
        assert_eq!(found, expected, "{text} at {x}");
    }

    #[test]
    fn values_and_slopes_are_those_of_the_function() {
        check("x^2 - 3x + 1", 5, Some((11, 7)));
        check("-x + 2x", 5, Some((5, 1)));
        check("(x + 1)(x - 1)", 4, Some((15, 8)));
        check("3(2x + 1)^2 + C", 1, Some((27, 36)));
        check("x/2", 4, Some((2, inverse(2, 10_007))));
        check("1/(x - 4)", 4, None);
        check("2x +", 4, None);
        check("(x", 4, None);
    }
}
