//! Reads the number literal that a text begins with.

use std::borrow::Cow;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Pow, Zero};

/// The most digits of a literal.
pub(in crate::math) const DIGITS_MAX: usize = 4096;
/// The largest power of ten a literal may carry.
const EXPONENT_MAX: i64 = 4096;
/// What may stand between groups of three digits and is nothing else there.
const SEPARATORS: [&str; 8] = ["{,}", ",\\!", "\\,", "\\;", "\\ ", "\\!", "_", " "];

/// A number literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::math) struct Literal<'a> {
    /// The digits before the point.
    pub(super) whole: Cow<'a, str>,
    /// The digits behind the point that do not repeat.
    pub(super) places: &'a str,
    /// The digits behind those that repeat for ever.
    pub(super) period: Option<Cow<'a, str>>,
    /// The power of ten.
    pub(super) exponent: i64,
    /// Whether a point is written.
    pub(in crate::math) pointed: bool,
    /// Whether plain commas were read as thousands separators.
    pub(in crate::math) grouped: bool,
    /// The length of it all.
    pub(super) length: usize,
}

/// Why a literal has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::math) struct TooLong;

impl Literal<'_> {
    /// Its value.
    pub(in crate::math) fn value(&self) -> Result<BigRational, TooLong> {
        if self.whole.len() + self.places.len() > DIGITS_MAX || self.exponent.abs() > EXPONENT_MAX {
            return Err(TooLong);
        }
        let digits = integer(&self.whole, self.places);
        let scale = self.exponent - count(self.places.len());
        let mut value = BigRational::from_integer(digits);
        if let Some(period) = &self.period {
            let nines: BigInt = power_of_ten(count(period.len())) - 1_u32;
            value += BigRational::new(integer(period, ""), nines);
        }
        let factor = power_of_ten(scale.abs());
        Ok(if scale < 0 { value / factor } else { value * factor })
    }

    /// How many digits stand behind the point, the power of ten taken in.
    pub(in crate::math) fn decimals(&self) -> i64 {
        count(self.places.len()) - self.exponent
    }

    /// The digits as written, where it is a whole number in one piece: what a base applies to.
    pub(in crate::math) fn digits(&self) -> Option<&str> {
        let plain = !self.pointed && self.period.is_none() && self.exponent == 0;
        (plain && self.whole.len() <= DIGITS_MAX).then_some(&*self.whole)
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

/// The whole number that the two runs of digits make.
fn integer(head: &str, tail: &str) -> BigInt {
    if head.len() + tail.len() <= 18 {
        let fold = |value: i64, b: u8| value * 10 + i64::from(b - b'0');
        return head.bytes().chain(tail.bytes()).fold(0, fold).into();
    }
    BigInt::parse_bytes(format!("{head}{tail}").as_bytes(), 10).unwrap_or_else(BigInt::zero)
}

/// Reads a literal; `commas` says whether plain commas may separate thousands.
pub(super) fn read(text: &str, commas: bool) -> Option<Literal<'_>> {
    let whole_end = digits(text);
    let (whole, mut at, grouped) = groups(text, whole_end, commas);
    let mut literal = Literal {
        whole,
        places: "",
        period: None,
        exponent: 0,
        pointed: false,
        grouped,
        length: at,
    };
    let behind = text[at..].strip_prefix('.');
    if let Some(behind) = behind {
        let places = digits(behind);
        let period = period(&behind[places..]);
        if places == 0 && period.is_none() {
            if whole_end == 0 {
                return None;
            }
            return Some(literal);
        }
        literal.pointed = true;
        literal.places = &behind[..places];
        at += 1 + places;
        if let Some((digits, length)) = period {
            literal.period = Some(Cow::Borrowed(digits));
            at += length;
        } else if let Some(length) = ellipsis(&text[at..]) {
            literal.repeat();
            at += length;
        }
    } else if whole_end == 0 {
        return None;
    }
    if let Some((exponent, length)) = exponent(&text[at..]) {
        literal.exponent = exponent;
        at += length;
    }
    literal.length = at;
    Some(literal)
}

impl Literal<'_> {
    /// Takes the digits that dots carry on: a block that stands at the end at least twice, and three
    /// digits in all, repeats for ever.
    fn repeat(&mut self) {
        let places = self.places;
        for length in 1..=6.min(places.len() / 2) {
            let (head, block) = places.split_at(places.len() - length);
            if head.ends_with(block)
                && (length > 1 || head.len() > 1 && head[..head.len() - 1].ends_with(block))
            {
                self.period = Some(Cow::Owned(block.to_owned()));
                return;
            }
        }
    }
}

/// How many digits `text` begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The digits before the point with the separators between thousands taken out.
fn groups(text: &str, first: usize, commas: bool) -> (Cow<'_, str>, usize, bool) {
    let head = &text[..first];
    if !(1..=3).contains(&first) {
        return (Cow::Borrowed(head), first, false);
    }
    let mut candidates = SEPARATORS.to_vec();
    if commas && !head.starts_with('0') {
        candidates.push(",");
    }
    for separator in candidates {
        let mut at = first;
        let mut whole = head.to_owned();
        while let Some(rest) = text[at..].strip_prefix(separator) {
            // `,\! 111` has a space between.
            let spaces = if separator == ",\\!" { rest.len() - rest.trim_start().len() } else { 0 };
            let rest = &rest[spaces..];
            if digits(rest) != 3 {
                break;
            }
            whole.push_str(&rest[..3]);
            at += separator.len() + spaces + 3;
        }
        // `10,100,1000` is a list.
        let more = separator == "," && text[at..].strip_prefix(',').is_some_and(|r| digits(r) > 0);
        if at > first && !more {
            return (Cow::Owned(whole), at, separator == ",");
        }
    }
    (Cow::Borrowed(head), first, false)
}

/// The digits under `\overline{…}` and its like, and the length of it.
fn period(text: &str) -> Option<(&str, usize)> {
    if let Some(inside) = text.strip_prefix('(') {
        let count = digits(inside);
        let closed = inside[count..].starts_with(')');
        return (count > 0 && count <= 64 && closed).then(|| (&inside[..count], count + 2));
    }
    let names = ["\\overline", "\\bar", "\\dot", "\\widehat"];
    let name = names.into_iter().find(|name| text.starts_with(name))?;
    let rest = text[name.len()..].trim_start();
    let skipped = text.len() - rest.len();
    let (inside, length) = match rest.strip_prefix('{') {
        Some(inside) => (inside, digits(inside) + 2),
        None => (rest, 1),
    };
    let count = digits(inside).min(if rest.starts_with('{') { usize::MAX } else { 1 });
    let closed = !rest.starts_with('{') || inside[count..].starts_with('}');
    (count > 0 && count <= 64 && closed).then(|| (&inside[..count], skipped + length))
}

/// The length of dots that carry a decimal on.
fn ellipsis(text: &str) -> Option<usize> {
    ["...", "\\ldots", "\\dots", "\\cdots"]
        .into_iter()
        .find(|dots| text.starts_with(dots))
        .map(str::len)
}

/// The power of ten in `e-7`, and its length.
fn exponent(text: &str) -> Option<(i64, usize)> {
    let rest = text.strip_prefix(['e', 'E'])?;
    let digits_at = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let count = digits(digits_at);
    let behind = &digits_at[count..];
    if count == 0 || behind.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let length = text.len() - behind.len();
    let value = digits_at[..count].parse::<i64>().unwrap_or(i64::MAX / 2);
    Some((if rest.starts_with('-') { -value } else { value }, length))
}
