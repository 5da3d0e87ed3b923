//! Reads one number, exactly, from LaTeX or plain notation.
//!
//! The value is a rational; what the notation says beside it (a percent sign, the digits of a decimal)
//! is kept, since equality depends on it. More than one number is not a number: `5 or 6`, `1, 2` and
//! `3 - 4` are refused, and so is everything larger than the limits.

mod lex;

use std::str::FromStr;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, Zero};

use lex::{Token, lex, plain};

/// The most bytes a number may be written with.
const BYTES_MAX: usize = 4096;
/// The largest power of ten a number may carry.
const EXPONENT_MAX: u32 = 4096;
/// The fewest significant digits with which a decimal may stand for a fraction that never ends.
const ROUNDED_DIGITS_MIN: usize = 6;

/// A number as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(super) value: BigRational,
    /// Whether a percent sign follows; `value` is already a hundredth then.
    pub(super) percent: bool,
    /// The digits after the point, where it is written as a decimal.
    places: Option<u32>,
}

/// Why a text is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// It is something else, or more than one.
    NotANumber,
    /// It is over a limit.
    Limit,
}

use NumberError::{Limit, NotANumber};

impl Number {
    /// Reads the one number that `text` is.
    pub(crate) fn read(text: &str) -> Result<Self, NumberError> {
        if text.len() > BYTES_MAX {
            return Err(Limit);
        }
        let dressed = |c: char| c.is_whitespace() || matches!(c, '*' | '`' | '"');
        let text = plain(text.trim_matches(dressed));
        let tokens = lex(&text).ok_or(NotANumber)?;
        read_dressed(&tokens)
    }

    /// Wraps an exact value.
    pub(crate) fn exact(value: BigRational) -> Self {
        Self { value, percent: false, places: None }
    }

    /// Whether the two are the same number. A percent sign on one side only does not count, since the
    /// question may have asked for percents: 50 % is 0.5 and is 50.
    pub(crate) fn same(&self, other: &Self) -> bool {
        if self.value == other.value {
            return true;
        }
        let hundred = BigRational::from_integer(BigInt::from(100));
        match (self.percent, other.percent) {
            (true, false) => &self.value * hundred == other.value,
            (false, true) => self.value == &other.value * hundred,
            _ => false,
        }
    }

    /// Whether `self`, a decimal, is `exact` rounded or cut off, where `exact` has no end as a decimal
    /// and the digits are enough that nothing else was meant.
    pub(crate) fn rounds(&self, exact: &Self) -> bool {
        let (Some(places), false) = (self.places, self.percent) else { return false };
        if ends_as_decimal(exact.value.denom().magnitude().clone()) {
            return false;
        }
        let shift = BigRational::from_integer(ten_to(places));
        let (given, wanted) = (&self.value * &shift, &exact.value * &shift);
        let digits = given.to_integer().magnitude().to_string().len();
        digits >= ROUNDED_DIGITS_MIN && (given == wanted.trunc() || given == wanted.round())
    }
}

/// Whether 1/`denominator` ends as a decimal: it has no prime factor but 2 and 5.
fn ends_as_decimal(mut denominator: BigUint) -> bool {
    denominator >>= denominator.trailing_zeros().unwrap_or(0);
    let five = BigUint::from(5_u32);
    while (&denominator % &five).is_zero() {
        denominator /= &five;
    }
    denominator.is_one()
}

/// 10 to the power of `exponent`.
fn ten_to(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// Reads a number in brackets, between dollar signs, after `x =` and before a full stop.
fn read_dressed(tokens: &[Token<'_>]) -> Result<Number, NumberError> {
    let mut rest = tokens;
    loop {
        rest = match rest {
            [Token::Space | Token::Dollar, inner @ ..]
            | [inner @ .., Token::Space | Token::Dollar] => inner,
            [inner @ .., Token::Point] if !inner.is_empty() => inner,
            [Token::Open(open), inner @ .., Token::Close(close)]
                if open == close && is_one_group(inner) =>
            {
                inner
            }
            [Token::Word(name), Token::Equals, inner @ ..]
            | [Token::Word(name), Token::Space, Token::Equals, inner @ ..]
                if name.len() <= 2 =>
            {
                inner
            }
            _ => break,
        };
    }
    if let [inner @ .., Token::Percent] = rest {
        let number = signed(inner)?;
        let value = number.value / BigRational::from_integer(BigInt::from(100));
        return Ok(Number { value, percent: true, places: None });
    }
    signed(rest)
}

/// Whether the brackets around `inner` belong together.
fn is_one_group(inner: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    inner.iter().all(|token| match token {
        Token::Open(_) => {
            depth += 1;
            true
        }
        Token::Close(_) => match depth.checked_sub(1) {
            Some(outer) => {
                depth = outer;
                true
            }
            None => false,
        },
        _ => true,
    }) && depth == 0
}

/// Reads a number with at most one sign.
fn signed(tokens: &[Token<'_>]) -> Result<Number, NumberError> {
    let tokens = trim(tokens);
    let (sign, rest) = match tokens {
        [sign @ (Token::Minus | Token::Plus), rest @ ..] => (Some(sign), rest),
        rest => (None, rest),
    };
    let number = unsigned(trim(rest))?;
    let value = if sign == Some(&Token::Minus) { -number.value } else { number.value };
    Ok(Number { value, ..number })
}

/// `tokens` without the spaces and dollar signs around them.
fn trim<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while let [Token::Space | Token::Dollar, inner @ ..]
    | [inner @ .., Token::Space | Token::Dollar] = tokens
    {
        tokens = inner;
    }
    tokens
}

/// Reads a number without a sign: a fraction, a mixed number, a decimal or one times a power of ten.
fn unsigned(tokens: &[Token<'_>]) -> Result<Number, NumberError> {
    match tokens {
        [Token::Frac, arguments @ ..] => return fraction(arguments).map(Number::exact),
        [Token::Vulgar(top, bottom)] => return ratio(&(*top).into(), &(*bottom).into()),
        [Token::Digits(whole), rest @ ..] if has_fraction(rest) => return mixed(whole, rest),
        _ => {}
    }
    if let Some(at) = tokens.iter().position(|token| *token == Token::Slash) {
        let (top, bottom) = (operand(&tokens[..at])?, operand(&tokens[at + 1..])?);
        return quotient(&top, &bottom).map(Number::exact);
    }
    if let Some(at) = tokens.iter().position(|t| matches!(t, Token::Times | Token::Word("e" | "E")))
    {
        let number = decimal(trim(&tokens[..at]))?;
        let after = trim(&tokens[at + 1..]);
        let exponent = if tokens[at] == Token::Times { power_of_ten(after)? } else { after };
        return scaled(&number, exponent);
    }
    if matches!(tokens, [Token::Digits("10"), Token::Caret, ..]) {
        return scaled(&Number::exact(BigRational::one()), power_of_ten(tokens)?);
    }
    decimal(tokens)
}

/// Whether what follows a whole number is the fraction of a mixed one.
fn has_fraction(rest: &[Token<'_>]) -> bool {
    matches!(
        rest,
        [Token::Frac | Token::Vulgar(..), ..]
            | [Token::Space, Token::Frac | Token::Vulgar(..), ..]
            | [Token::Space, Token::Digits(_), Token::Slash, Token::Digits(_)]
    )
}

/// Reads a mixed number: a whole one directly before a fraction below one.
fn mixed(whole: &str, rest: &[Token<'_>]) -> Result<Number, NumberError> {
    let part = unsigned(trim(rest))?.value;
    if part.is_negative() || part >= BigRational::one() {
        return Err(NotANumber);
    }
    Ok(Number::exact(BigRational::from_integer(integer(whole)?) + part))
}

/// Reads the two arguments of `\frac`: groups, or single digits as in `\frac34`.
fn fraction(arguments: &[Token<'_>]) -> Result<BigRational, NumberError> {
    match arguments {
        [Token::Space, rest @ ..] => fraction(rest),
        [Token::Digits(both)] if both.len() == 2 => {
            quotient(&integer(&both[..1])?.into(), &integer(&both[1..])?.into())
        }
        [Token::Digits(top), rest @ ..] if top.len() == 1 => {
            quotient(&integer(top)?.into(), &operand(rest)?)
        }
        [Token::Open('{'), ..] => {
            let end = arguments.iter().position(|token| *token == Token::Close('{'));
            let (top, bottom) = arguments.split_at(end.ok_or(NotANumber)? + 1);
            match trim(bottom) {
                bottom @ ([Token::Open('{'), .., Token::Close('{')] | [Token::Digits(_)])
                    if bottom.len() > 1 || matches!(bottom, [Token::Digits(d)] if d.len() == 1) =>
                {
                    quotient(&operand(top)?, &operand(bottom)?)
                }
                _ => Err(NotANumber),
            }
        }
        _ => Err(NotANumber),
    }
}

/// Reads one side of a fraction: a decimal, or a number with a sign in brackets.
fn operand(tokens: &[Token<'_>]) -> Result<BigRational, NumberError> {
    let tokens = trim(tokens);
    let (negative, tokens) = match tokens {
        [Token::Open(open), inner @ .., Token::Close(close)] if open == close => {
            match trim(inner) {
                [Token::Minus, inner @ ..] => (true, trim(inner)),
                inner => (false, inner),
            }
        }
        [Token::Minus, inner @ ..] => (true, trim(inner)),
        _ => (false, tokens),
    };
    let value = decimal(tokens)?.value;
    Ok(if negative { -value } else { value })
}

/// `top` over `bottom`.
fn quotient(top: &BigRational, bottom: &BigRational) -> Result<BigRational, NumberError> {
    if bottom.is_zero() { Err(NotANumber) } else { Ok(top / bottom) }
}

/// `top` over `bottom`, which is not zero.
fn ratio(top: &BigInt, bottom: &BigInt) -> Result<Number, NumberError> {
    quotient(&top.clone().into(), &bottom.clone().into()).map(Number::exact)
}

/// Returns the exponent's tokens in `10^…`.
fn power_of_ten<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<&'t [Token<'a>], NumberError> {
    match tokens {
        [Token::Digits("10"), Token::Caret, Token::Open('{'), exponent @ .., Token::Close('{')]
        | [Token::Digits("10"), Token::Caret, exponent @ ..] => Ok(exponent),
        _ => Err(NotANumber),
    }
}

/// `number` times ten to a power, which is refused before anything is computed when it is large.
fn scaled(number: &Number, exponent: &[Token<'_>]) -> Result<Number, NumberError> {
    let (negative, digits) = match exponent {
        [Token::Minus, Token::Digits(digits)] => (true, digits),
        [Token::Plus, Token::Digits(digits)] | [Token::Digits(digits)] => (false, digits),
        _ => return Err(NotANumber),
    };
    let power = u32::from_str(digits).ok().filter(|power| *power <= EXPONENT_MAX).ok_or(Limit)?;
    let factor = BigRational::from_integer(ten_to(power));
    let value = if negative { &number.value / factor } else { &number.value * factor };
    Ok(Number::exact(value))
}

/// Reads digits, with thousands separators before the point and none after it.
fn decimal(tokens: &[Token<'_>]) -> Result<Number, NumberError> {
    let point = tokens.iter().position(|token| *token == Token::Point);
    let (whole, places) = match point {
        None => (tokens, ""),
        Some(at) => match &tokens[at + 1..] {
            [Token::Digits(places)] => (&tokens[..at], *places),
            _ => return Err(NotANumber),
        },
    };
    let mut digits =
        if whole.is_empty() && point.is_some() { String::new() } else { grouped(whole)? };
    digits.push_str(places);
    let count = u32::try_from(places.len()).map_err(|_| Limit)?;
    let value = BigRational::new(integer(&digits)?, ten_to(count));
    Ok(Number { value, percent: false, places: point.map(|_| count) })
}

/// Joins the groups of a whole number: `1,234,567`, `1 234 567`, `1_234_567`. Groups are of three
/// digits and one separator; anything else, such as `1,23`, is a list.
fn grouped(tokens: &[Token<'_>]) -> Result<String, NumberError> {
    let [Token::Digits(first), rest @ ..] = tokens else { return Err(NotANumber) };
    let mut digits = (*first).to_owned();
    let Some(separator) = rest.first() else { return Ok(digits) };
    let separates = matches!(separator, Token::Comma | Token::Space | Token::Underscore);
    if !separates || first.len() > 3 || first.starts_with('0') {
        return Err(NotANumber);
    }
    for pair in rest.chunks(2) {
        match pair {
            [between, Token::Digits(group)] if between == separator && group.len() == 3 => {
                digits.push_str(group);
            }
            _ => return Err(NotANumber),
        }
    }
    Ok(digits)
}

/// Reads plain digits.
fn integer(digits: &str) -> Result<BigInt, NumberError> {
    BigInt::from_str(digits).map_err(|_| NotANumber)
}

#[cfg(test)]
mod tests;
