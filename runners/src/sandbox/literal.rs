//! Python literals as a task writes them: read, never evaluated.

use super::value::{Value, equal};

/// The deepest nesting of a literal.
const MAX_DEPTH: usize = 60;

/// Reads a Python literal: what `ast.literal_eval` reads, without complex numbers.
pub(super) fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.literal()?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

/// The part of a text that is still to be read.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a str,
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

    /// Takes one literal off the front.
    pub(super) fn literal(&mut self) -> Option<Value> {
        self.value(MAX_DEPTH)
    }

    /// Takes the arguments of a call off the front, from one parenthesis to the other.
    pub(super) fn arguments(&mut self) -> Option<Vec<Value>> {
        self.items('(', ")", MAX_DEPTH).map(|(items, _)| items)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.space();
        for (word, value) in
            [("None", Value::None), ("True", Value::Bool(true)), ("False", Value::Bool(false))]
        {
            if self.rest.starts_with(word) && !continues(&self.rest[word.len()..]) {
                self.rest = &self.rest[word.len()..];
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
            (false, true) => are_keys(&items.iter()).then_some(Value::Set(items)),
            (true, _) => are_keys(&pairs.iter().map(|(key, _)| key)).then_some(Value::Dict(pairs)),
            (false, false) => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let unsigned = self.rest.trim_start_matches(['+', '-']);
        let sign = self.rest.len() - unsigned.len();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        // A sign inside a number stands after the letter of its exponent.
        let mut end = unsigned.find(|c| !is_part(c)).unwrap_or(unsigned.len());
        if unsigned[..end].ends_with(['e', 'E']) && unsigned[end..].starts_with(['+', '-']) {
            let exponent = &unsigned[end + 1..];
            end += 1 + exponent.find(|c| !is_part(c)).unwrap_or(exponent.len());
        }
        let (word, rest) = self.rest.split_at(sign + end);
        self.rest = rest;
        if sign > 1 || word.contains("__") || word.ends_with('_') {
            return None;
        }
        let plain = word.replace('_', "");
        let digits = &plain[sign..];
        if digits.bytes().all(|digit| digit.is_ascii_digit()) {
            let is_octal_looking = digits.starts_with('0') && digits.bytes().any(|d| d != b'0');
            return if is_octal_looking { None } else { plain.parse().ok().map(Value::Int) };
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

/// Says whether values can be the elements of one set or the keys of one dictionary: each of them can
/// be hashed, and no two are equal.
fn are_keys<'a>(keys: &(impl Iterator<Item = &'a Value> + Clone)) -> bool {
    let mut rest = keys.clone();
    let is_twice = keys.clone().any(|key| {
        rest.next();
        rest.clone().any(|other| equal(key, other, None))
    });
    !is_twice && keys.clone().all(is_hashable)
}

fn is_hashable(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Set(_) | Value::Dict(_) | Value::Opaque => false,
        Value::Tuple(items) => items.iter().all(is_hashable),
        _ => true,
    }
}

/// Says whether a word goes on in `rest`.
pub(super) fn continues(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn code_point(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let digits: String = chars.take(digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;

    use super::*;

    #[test]
    fn what_is_no_literal_is_refused() {
        let texts = [
            "",
            "f()",
            "1 + 1",
            "[1",
            "{1: 2, 3}",
            "'a",
            "__import__('os')",
            "1 2",
            "(,)",
            "Nonesuch",
            "1-1",
            "--1",
            "007",
            "1__0",
            "{[1]}",
            "{1, 1.0}",
            "{'a': 1, 'a': 2}",
            "'a' 'b'",
            "0x10",
            "1j",
        ];
        for text in texts {
            assert_eq!(literal(text), None, "{text}");
        }
        assert_eq!(literal(&"[".repeat(100_000)), None);
    }

    #[track_caller]
    fn number(text: &str, expected: &Value) {
        assert_eq!(literal(text).as_ref(), Some(expected), "{text}");
    }

    #[test]
    fn numbers_are_read_to_the_last_bit() {
        number("-0", &Value::Int(BigInt::ZERO));
        number("1_000", &Value::Int(BigInt::from(1_000)));
        number("1e-5", &Value::Float(1e-5));
        number("-1.E+3", &Value::Float(-1e3));
        number(".5", &Value::Float(0.5));
        number("0.30000000000000004", &Value::Float(0.1 + 0.2));
        number("-inf", &Value::Float(f64::NEG_INFINITY));
    }
}
