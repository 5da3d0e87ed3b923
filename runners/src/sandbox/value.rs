//! Plain values of Python, compared as Python compares them.
//!
//! Arguments and results of a task come as literals; results of a program come over its link, tagged
//! as `python/values.py` writes them. Nothing is evaluated.

use num_bigint::{BigInt, Sign};
use serde_json::{Value as Json, json};
use tripos_tasks::program::Tolerance;

/// The deepest nesting of a literal.
const MAX_DEPTH: usize = 60;
/// The widest whole number that crosses as a number of JSON.
const PLAIN_BITS: u64 = 60;

/// More bits than any finite float has.
const FLOAT_BITS: u64 = 1_024;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(BigInt),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// What stayed with the program, or has no literal: equal to nothing.
    Opaque,
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

fn numbers_equal(found: &Value, expected: &Value, tolerance: Option<Tolerance>) -> bool {
    if let (Some(found), Some(expected)) = (whole(found), whole(expected)) {
        return found == expected;
    }
    let (Some(f), Some(e)) = (float(found), float(expected)) else { return false };
    if let Some(tolerance) = tolerance {
        return tolerance.allows(f, e);
    }
    let exact = |number: &Value, float: f64| whole(number).is_none_or(|n| is_exactly(&n, float));
    f.partial_cmp(&e).is_some_and(std::cmp::Ordering::is_eq)
        && exact(found, e)
        && exact(expected, f)
}

fn whole(value: &Value) -> Option<BigInt> {
    match value {
        Value::Bool(value) => Some(BigInt::from(u8::from(*value))),
        Value::Int(value) => Some(value.clone()),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        // The nearest float; a number too large for one becomes infinite, which no finite float is.
        // One of millions of digits is not written out to find that.
        _ => match whole(value)? {
            number if number.bits() > FLOAT_BITS => {
                Some(f64::INFINITY.copysign(if number.sign() == Sign::Minus { -1.0 } else { 1.0 }))
            }
            number => number.to_string().parse().ok(),
        },
    }
}

/// Says whether a whole number is exactly a float.
fn is_exactly(number: &BigInt, float: f64) -> bool {
    float.is_finite() && format!("{float:.0}") == number.to_string()
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
        "s" | "z" => Value::Set(many(inner.as_array()?)?),
        "d" => {
            let pair = |pair: &Json| match pair.as_array()?.as_slice() {
                [key, value] => Some((from_link(key)?, from_link(value)?)),
                _ => None,
            };
            Value::Dict(inner.as_array()?.iter().map(pair).collect::<Option<_>>()?)
        }
        "i" => Value::Int(hexadecimal(inner.as_str()?)?),
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
            use std::fmt::Write as _;
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
        Value::Opaque => return None,
    })
}

/// Reads a Python literal: what `ast.literal_eval` reads, without complex numbers.
pub(super) fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(MAX_DEPTH)?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

/// The part of a literal that is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, what: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.space();
        for (word, value) in
            [("None", Value::None), ("True", Value::Bool(true)), ("False", Value::Bool(false))]
        {
            if self.take(word) {
                return Some(value);
            }
        }
        if self.take("set()") {
            return Some(Value::Set(Vec::new()));
        }
        match self.rest.chars().next()? {
            '[' => self.items('[', "]", depth).map(|(items, _)| Value::List(items)),
            '(' => {
                let (mut items, has_comma) = self.items('(', ")", depth)?;
                let is_one = items.len() == 1 && !has_comma;
                if is_one { items.pop() } else { Some(Value::Tuple(items)) }
            }
            '{' => self.braces(depth),
            '"' | '\'' => self.string().map(Value::Str),
            'b' if self.rest[1..].starts_with(['"', '\'']) => {
                self.rest = &self.rest[1..];
                let text = self.string()?;
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).ok())
                    .collect::<Option<_>>()
                    .map(Value::Bytes)
            }
            _ => self.number(),
        }
    }

    fn items(&mut self, open: char, close: &str, depth: usize) -> Option<(Vec<Value>, bool)> {
        self.rest = self.rest.strip_prefix(open)?;
        let (mut items, mut has_comma) = (Vec::new(), false);
        while !self.take(close) {
            items.push(self.value(depth)?);
            has_comma = self.take(",");
            if !has_comma {
                return self.take(close).then_some((items, false));
            }
        }
        Some((items, has_comma))
    }

    fn braces(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.strip_prefix('{')?;
        let (mut items, mut pairs) = (Vec::new(), Vec::new());
        while !self.take("}") {
            let key = self.value(depth)?;
            if self.take(":") {
                pairs.push((key, self.value(depth)?));
            } else {
                items.push(key);
            }
            if !self.take(",") {
                self.take("}").then_some(())?;
                break;
            }
        }
        match (items.is_empty(), pairs.is_empty()) {
            (false, true) => Some(Value::Set(items)),
            (true, _) => Some(Value::Dict(pairs)),
            (false, false) => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let plain = word.replace('_', "");
        if let Ok(number) = plain.parse::<BigInt>() {
            return Some(Value::Int(number));
        }
        plain.parse().ok().map(Value::Float)
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        loop {
            let (at, c) = chars.next()?;
            match c {
                c if c == quote => {
                    self.rest = &self.rest[1 + at + 1..];
                    return Some(text);
                }
                '\\' => {
                    let (_, escape) = chars.next()?;
                    match escape {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        '\\' | '\'' | '"' => text.push(escape),
                        '\n' => {}
                        'x' => text.push(code_point(&mut chars, 2)?),
                        'u' => text.push(code_point(&mut chars, 4)?),
                        'U' => text.push(code_point(&mut chars, 8)?),
                        _ => return None,
                    }
                }
                '\n' => return None,
                c => text.push(c),
            }
        }
    }
}

fn code_point(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let digits: String = chars.take(digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
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
    fn what_is_no_literal_is_refused() {
        for text in ["", "f()", "1 + 1", "[1", "{1: 2, 3}", "'a", "__import__('os')", "1 2", "(,)"]
        {
            assert_eq!(literal(text), None, "{text}");
        }
        assert_eq!(literal(&"[".repeat(100_000)), None);
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
}
