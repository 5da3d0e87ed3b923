//! Plain values of Python, compared as Python compares them.
//!
//! Arguments and expected results come as literals of the task; results of a program come over its link,
//! tagged as `python/values.py` writes them. Nothing is evaluated.

use std::fmt::{self, Write as _};

use num_bigint::{BigInt, Sign};
use num_rational::BigRational;
use num_traits::ToPrimitive as _;
use serde_json::{Value as Json, json};
use tripos_tasks::program::Tolerance;

/// The widest whole number that crosses as a number of JSON.
const PLAIN_BITS: u64 = 60;

/// The most digits of a decimal that is compared.
const DECIMAL_DIGITS_MAX: usize = 10_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    /// A `Decimal` or a `Fraction`, by its exact value.
    Ratio(BigRational),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// What stayed with the program, or has no literal: equal to nothing.
    Opaque,
}

/// As Python writes it, near enough for a line of a verdict.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => out.write_str("None"),
            Self::Bool(value) => out.write_str(if *value { "True" } else { "False" }),
            Self::Int(value) => value.fmt(out),
            Self::Float(value) => write!(out, "{value:?}"),
            Self::Ratio(value) => value.fmt(out),
            Self::Str(text) => write!(out, "'{text}'"),
            Self::Bytes(bytes) => write!(out, "b'{}'", bytes.escape_ascii()),
            Self::List(items) => listed(out, '[', items, ']'),
            Self::Tuple(items) if items.len() == 1 => write!(out, "({},)", items[0]),
            Self::Tuple(items) => listed(out, '(', items, ')'),
            Self::Set(items) if items.is_empty() => out.write_str("set()"),
            Self::Set(items) => listed(out, '{', items, '}'),
            Self::Dict(pairs) => {
                out.write_char('{')?;
                for (n, (key, value)) in pairs.iter().enumerate() {
                    write!(out, "{}{key}: {value}", if n > 0 { ", " } else { "" })?;
                }
                out.write_char('}')
            }
            Self::Opaque => out.write_str("an object"),
        }
    }
}

fn listed(out: &mut fmt::Formatter<'_>, open: char, items: &[Value], close: char) -> fmt::Result {
    out.write_char(open)?;
    for (n, item) in items.iter().enumerate() {
        write!(out, "{}{item}", if n > 0 { ", " } else { "" })?;
    }
    out.write_char(close)
}

/// Says whether two values are equal in Python: `1 == 1.0 == True`, a list is no tuple, order in sets
/// and dictionaries does not count. A tolerance is for floats, wherever they stand.
pub(super) fn equal(found: &Value, expected: &Value, tolerance: Option<Tolerance>) -> bool {
    use Value::{Bytes, Dict, List, None, Set, Str, Tuple};
    let all = |found: &[Value], expected: &[Value]| {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(f, e)| equal(f, e, tolerance))
    };
    match (found, expected) {
        (None, None) => true,
        (Str(found), Str(expected)) => found == expected,
        (Bytes(found), Bytes(expected)) => found == expected,
        (List(found), List(expected)) | (Tuple(found), Tuple(expected)) => all(found, expected),
        (Set(found), Set(expected)) => {
            found.len() == expected.len()
                && found.iter().all(|f| expected.iter().any(|e| equal(f, e, Option::None)))
        }
        (Dict(found), Dict(expected)) => {
            found.len() == expected.len()
                && found.iter().all(|(key, value)| {
                    let same = expected.iter().find(|(k, _)| equal(key, k, Option::None));
                    same.is_some_and(|(_, e)| equal(value, e, tolerance))
                })
        }
        _ => numbers_equal(found, expected, tolerance),
    }
}

/// Numbers are compared as what they are exactly: `0.1` is not `Decimal("0.1")`.
fn numbers_equal(found: &Value, expected: &Value, tolerance: Option<Tolerance>) -> bool {
    if let (Some(f), Some(e), Some(tolerance)) = (float(found), float(expected), tolerance)
        && (whole(found).is_none() || whole(expected).is_none())
    {
        return tolerance.allows(f, e);
    }
    match (found, expected) {
        (Value::Float(found), Value::Float(expected)) => {
            found.partial_cmp(expected).is_some_and(std::cmp::Ordering::is_eq)
        }
        _ => matches!((ratio(found), ratio(expected)), (Some(f), Some(e)) if f == e),
    }
}

fn whole(value: &Value) -> Option<BigInt> {
    match value {
        Value::Bool(value) => Some(BigInt::from(u8::from(*value))),
        Value::Int(value) => Some(value.clone()),
        _ => None,
    }
}

/// The exact value of a finite number.
fn ratio(value: &Value) -> Option<BigRational> {
    match value {
        Value::Float(value) => BigRational::from_float(*value),
        Value::Ratio(value) => Some(value.clone()),
        _ => whole(value).map(BigRational::from_integer),
    }
}

/// The nearest float of a number; one too large is infinite.
fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Ratio(value) => value.to_f64(),
        _ => whole(value)?.to_f64(),
    }
}

/// Reads what came over the link.
pub(super) fn from_link(json: &Json) -> Option<Value> {
    match json {
        Json::Null => Some(Value::None),
        Json::Bool(value) => Some(Value::Bool(*value)),
        Json::String(text) => Some(Value::Str(text.clone())),
        Json::Number(number) => Some(match number.as_i64() {
            Some(whole) => Value::Int(whole.into()),
            None => Value::Float(number.as_f64()?),
        }),
        Json::Array(items) => many(items).map(Value::List),
        Json::Object(tagged) => {
            let mut entries = tagged.iter();
            let (tag, inner) = entries.next()?;
            if entries.next().is_some() {
                return None;
            }
            tagged_value(tag, inner)
        }
    }
}

fn tagged_value(tag: &str, inner: &Json) -> Option<Value> {
    Some(match tag {
        "t" => Value::Tuple(many(inner.as_array()?)?),
        // The keys of a dictionary equal the set of them.
        "s" | "z" | "k" => Value::Set(many(inner.as_array()?)?),
        "d" => {
            let pair = |pair: &Json| match pair.as_array()?.as_slice() {
                [key, value] => Some((from_link(key)?, from_link(value)?)),
                _ => None,
            };
            Value::Dict(inner.as_array()?.iter().map(pair).collect::<Option<_>>()?)
        }
        "i" => Value::Int(hexadecimal(inner.as_str()?)?),
        "n" => decimal(inner.as_str()?).map_or(Value::Opaque, Value::Ratio),
        "f" => match many(inner.as_array()?)?.as_slice() {
            [Value::Int(over), Value::Int(under)] if *under != BigInt::ZERO => {
                Value::Ratio(BigRational::new(over.clone(), under.clone()))
            }
            _ => return None,
        },
        // No literal that is read here has an imaginary part.
        "c" => match many(inner.as_array()?)?.as_slice() {
            [Value::Float(real), Value::Float(0.0)] => Value::Float(*real),
            _ => Value::Opaque,
        },
        "x" => Value::Float(inner.as_str()?.parse().ok()?),
        "b" | "y" => Value::Bytes(bytes(inner.as_str()?)?),
        _ => Value::Opaque,
    })
}

fn many(items: &[Json]) -> Option<Vec<Value>> {
    items.iter().map(from_link).collect()
}

fn hexadecimal(text: &str) -> Option<BigInt> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (Sign::Minus, rest),
        None => (Sign::Plus, text),
    };
    let magnitude = BigInt::parse_bytes(digits.strip_prefix("0x")?.as_bytes(), 16)?;
    Some(if sign == Sign::Minus { -magnitude } else { magnitude })
}

/// Reads what Python writes of a decimal; nothing for what is no number, or has too many digits to be
/// worth an exact value.
fn decimal(text: &str) -> Option<BigRational> {
    let lower = text.to_ascii_lowercase();
    let (digits, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let places = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(after.len()).ok()?)?;
    if digits.len() > DECIMAL_DIGITS_MAX || places.unsigned_abs() as usize > DECIMAL_DIGITS_MAX {
        return None;
    }
    let whole: BigInt = format!("{before}{after}").parse().ok()?;
    let scale = BigInt::from(10).pow(places.unsigned_abs());
    Some(if places < 0 { BigRational::new(whole, scale) } else { (whole * scale).into() })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect())
}

/// Writes a value as it goes over the link; nothing for what cannot cross.
pub(super) fn to_link(value: &Value) -> Option<Json> {
    let list = |items: &[Value]| items.iter().map(to_link).collect::<Option<Vec<Json>>>();
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(number) if number.bits() <= PLAIN_BITS => {
            json!(i64::try_from(number).expect("it has few bits"))
        }
        Value::Int(number) => {
            let sign = if number.sign() == Sign::Minus { "-" } else { "" };
            json!({ "i": format!("{sign}0x{}", number.magnitude().to_str_radix(16)) })
        }
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Float(number) => json!({ "x": number.to_string().to_lowercase() }),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            json!({ "b": hex })
        }
        Value::List(items) => json!(list(items)?),
        Value::Tuple(items) => json!({ "t": list(items)? }),
        Value::Set(items) => json!({ "s": list(items)? }),
        Value::Dict(pairs) => {
            let pair =
                |(key, value): &(Value, Value)| Some(json!([to_link(key)?, to_link(value)?]));
            json!({ "d": pairs.iter().map(pair).collect::<Option<Vec<Json>>>()? })
        }
        Value::Ratio(_) | Value::Opaque => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::literal::literal;
    use super::*;

    #[track_caller]
    fn check(found: &str, expected: &str, is_equal: bool) {
        let read = |text| literal(text).unwrap_or_else(|| panic!("{text} is a literal"));
        assert_eq!(equal(&read(found), &read(expected), None), is_equal, "{found} == {expected}");
        assert_eq!(equal(&read(expected), &read(found), None), is_equal, "{expected} == {found}");
    }

    #[test]
    fn values_are_equal_as_in_python() {
        check("1", "1.0", true);
        check("True", "1", true);
        check("0.1", "0.1", true);
        check("9007199254740993", "9007199254740992.0", false);
        check("[1, 2]", "(1, 2)", false);
        check("(1,)", "(1, )", true);
        check("(1)", "1", true);
        check("{1, 2}", "{2, 1}", true);
        check("{'a': 1, 'b': [2]}", "{'b': [2.0], 'a': True}", true);
        check("{}", "set()", false);
        check("'a\\n\\u00e9'", "'a\\né'", true);
        check("b'a'", "'a'", false);
        check("None", "False", false);
        check("-1_000", "-1000", true);
        check(
            "340282366920938463463374607431768211456",
            "340282366920938463463374607431768211456",
            true,
        );
        check("[]", "[[]]", false);
    }

    #[test]
    fn what_crosses_comes_back_equal() {
        for text in [
            "[1, -2.5, 'x', None, True]",
            "(1, [2, {3: 'y'}])",
            "{1, 2}",
            "b'\\x00\\xff'",
            "-123456789012345678901234567890",
        ] {
            let value = literal(text).expect("a literal");
            let json = to_link(&value).expect("it crosses");
            let back = from_link(&json).expect("it comes back");
            assert!(equal(&back, &value, None), "{text} as {json}");
        }
    }

    #[test]
    fn a_handle_equals_nothing_not_even_itself() {
        let handle = from_link(&json!({ "o": 1 })).expect("a value");
        assert!(!equal(&handle, &handle, None));
    }

    #[track_caller]
    fn crossed(json: &Json, expected: &str, is_equal: bool) {
        let found = from_link(json).expect("a value");
        let expected = literal(expected).expect("a literal");
        assert_eq!(equal(&found, &expected, None), is_equal, "{json} == {expected:?}");
    }

    #[test]
    fn values_without_a_literal_equal_what_they_equal_in_python() {
        crossed(&json!({ "n": "1.50" }), "1.5", true);
        crossed(&json!({ "n": "0.1" }), "0.1", false);
        crossed(&json!({ "n": "1E+3" }), "1000", true);
        crossed(&json!({ "n": "-5E-1" }), "-0.5", true);
        crossed(&json!({ "n": "NaN" }), "0", false);
        crossed(&json!({ "n": "1E+999999999" }), "0", false);
        crossed(&json!({ "f": [1, 2] }), "0.5", true);
        crossed(&json!({ "f": [3, 1] }), "3", true);
        crossed(&json!({ "f": [1, 3] }), "0.3333333333333333", false);
        crossed(&json!({ "c": [2.0, 0.0] }), "2", true);
        crossed(&json!({ "c": [2.0, 1.0] }), "2", false);
        crossed(&json!({ "k": ["a", "b"] }), "{'b', 'a'}", true);
        crossed(&json!({ "q": [1] }), "[1]", false);
        crossed(&json!({ "r": [0, 2, 1] }), "[0, 1]", false);
        crossed(&json!({ "x": "nan" }), "0.0", false);
        assert_eq!(from_link(&json!({ "f": [1, 0] })), None);
    }
}
