//! Reads a Python literal. Recursion is bounded by a depth, everything else by the length.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::Literal;

/// The most bytes a literal may have.
const BYTES_MAX: usize = 4096;
/// The most brackets a value may stand in.
const DEPTH_MAX: usize = 64;

/// Why a text is not a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParseError {
    /// It is something else.
    NotALiteral,
    /// It is a literal, and then another value is offered: `[1] or [2]`.
    More,
    /// It is over a limit.
    Limit,
}

use ParseError::{Limit, More, NotALiteral};

/// Reads the one literal that `text` is; a full stop after it is not part of it, and a tuple may lack
/// its brackets.
pub(super) fn parse(text: &str) -> Result<Literal, ParseError> {
    if text.len() > BYTES_MAX {
        return Err(Limit);
    }
    let mut cursor = Cursor { rest: text, depth: 0 };
    let value = cursor.bare()?;
    cursor.skip_space();
    match cursor.rest {
        "" | "." => Ok(value),
        rest if rest.starts_with("or ") || rest.starts_with("and ") || rest.starts_with("; ") => {
            Err(More)
        }
        _ => Err(NotALiteral),
    }
}

/// Where the parser stands.
struct Cursor<'a> {
    rest: &'a str,
    depth: usize,
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `token` after white space, if it is next.
    fn take(&mut self, token: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A value, or several with commas between them: a tuple without its brackets.
    fn bare(&mut self) -> Result<Literal, ParseError> {
        let first = self.value()?;
        if !self.take(',') {
            return Ok(first);
        }
        let mut elements = vec![first];
        self.skip_space();
        while !matches!(self.rest, "" | ".") {
            elements.push(self.value()?);
            if !self.take(',') {
                break;
            }
        }
        Ok(Literal::Tuple(elements))
    }

    fn value(&mut self) -> Result<Literal, ParseError> {
        self.skip_space();
        match self.rest.chars().next().ok_or(NotALiteral)? {
            '[' => self.nested(|cursor| Ok(Literal::List(cursor.elements(']')?.0))),
            '(' => self.nested(Self::parenthesised),
            '{' => self.nested(Self::braced),
            '\'' | '"' => self.text(),
            '0'..='9' | '.' | '+' | '-' | '−' => self.number(),
            _ => self.word(),
        }
    }

    /// Reads what stands in brackets, after the opening one.
    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Literal, ParseError>,
    ) -> Result<Literal, ParseError> {
        if self.depth == DEPTH_MAX {
            return Err(Limit);
        }
        self.depth += 1;
        self.rest = &self.rest[1..];
        let value = inner(self);
        self.depth -= 1;
        value
    }

    /// Reads elements up to `close`, and whether a comma followed the last.
    fn elements(&mut self, close: char) -> Result<(Vec<Literal>, bool), ParseError> {
        let mut elements = Vec::new();
        let mut comma = false;
        while !self.take(close) {
            if !elements.is_empty() && !comma {
                return Err(NotALiteral);
            }
            elements.push(self.value()?);
            comma = self.take(',');
        }
        Ok((elements, comma))
    }

    /// A tuple, or one value in brackets.
    fn parenthesised(&mut self) -> Result<Literal, ParseError> {
        let (mut elements, comma) = self.elements(')')?;
        if elements.len() == 1 && !comma {
            return elements.pop().ok_or(NotALiteral);
        }
        Ok(Literal::Tuple(elements))
    }

    /// A dict or a set.
    fn braced(&mut self) -> Result<Literal, ParseError> {
        let mut dict = BTreeMap::new();
        if self.take('}') {
            return Ok(Literal::Dict(dict));
        }
        let first = self.value()?;
        if !self.take(':') {
            let mut set = BTreeSet::from([first]);
            if self.take(',') {
                set.extend(self.elements('}')?.0);
            } else if !self.take('}') {
                return Err(NotALiteral);
            }
            return Ok(Literal::Set(set));
        }
        let mut key = first;
        loop {
            let value = self.value()?;
            dict.insert(key, value);
            let comma = self.take(',');
            if self.take('}') {
                return Ok(Literal::Dict(dict));
            }
            if !comma {
                return Err(NotALiteral);
            }
            key = self.value()?;
            if !self.take(':') {
                return Err(NotALiteral);
            }
        }
    }

    /// A string in single or double quotes.
    fn text(&mut self) -> Result<Literal, ParseError> {
        let mut chars = self.rest.chars();
        let quote = chars.next().ok_or(NotALiteral)?;
        let mut text = String::new();
        loop {
            match chars.next().ok_or(NotALiteral)? {
                c if c == quote => break,
                '\n' => return Err(NotALiteral),
                '\\' => text.push(escape(&mut chars)?),
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(Literal::Text(text))
    }

    /// A whole number of any size or a float, with its sign.
    fn number(&mut self) -> Result<Literal, ParseError> {
        let negative = self.rest.starts_with(['-', '−']);
        let body = self.rest.trim_start_matches(['-', '−', '+']);
        if self.rest[..self.rest.len() - body.len()].chars().count() > 1 {
            return Err(NotALiteral);
        }
        let end = number_end(body);
        let (digits, rest) = body.split_at(end);
        let digits = digits.replace('_', "");
        let value = if digits.bytes().all(|b| b.is_ascii_digit()) {
            Literal::Int(BigInt::from_str(&digits).map_err(|_| NotALiteral)?)
        } else {
            float(&digits)?
        };
        self.rest = rest;
        Ok(if negative { negated(value) } else { value })
    }

    /// `True`, `False` or `None`.
    fn word(&mut self) -> Result<Literal, ParseError> {
        let words = [
            ("True", Literal::Bool(true)),
            ("False", Literal::Bool(false)),
            ("None", Literal::None),
        ];
        let (word, value) =
            words.into_iter().find(|(word, _)| self.rest.starts_with(word)).ok_or(NotALiteral)?;
        let rest = &self.rest[word.len()..];
        if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(NotALiteral);
        }
        self.rest = rest;
        Ok(value)
    }
}

/// Where the number that `body` starts with ends. A full stop that no digit follows, at the end of
/// the text, ends the sentence and not the number.
fn number_end(body: &str) -> usize {
    let bytes = body.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let part = match bytes[at] {
            b'0'..=b'9' | b'_' | b'e' | b'E' => true,
            b'.' => at + 1 < bytes.len(),
            b'+' | b'-' => matches!(bytes[at - 1], b'e' | b'E'),
            _ => false,
        };
        if !part {
            break;
        }
        at += 1;
    }
    at
}

/// Reads a float; one that is whole is an integer.
fn float(digits: &str) -> Result<Literal, ParseError> {
    let value = f64::from_str(digits).map_err(|_| NotALiteral)?;
    if !value.is_finite() {
        return Err(Limit);
    }
    let whole = value.fract().abs() <= 0.0;
    Ok(match BigInt::from_f64(value).filter(|_| whole) {
        Some(integer) => Literal::Int(integer),
        None => Literal::Float(value.to_bits()),
    })
}

/// `value` with the other sign.
fn negated(value: Literal) -> Literal {
    match value {
        Literal::Int(value) => Literal::Int(-value),
        Literal::Float(bits) => Literal::Float((-f64::from_bits(bits)).to_bits()),
        other => other,
    }
}

/// Reads what follows a backslash in a string.
fn escape(chars: &mut std::str::Chars<'_>) -> Result<char, ParseError> {
    let digits = match chars.next().ok_or(NotALiteral)? {
        'n' => return Ok('\n'),
        't' => return Ok('\t'),
        'r' => return Ok('\r'),
        '0' => return Ok('\0'),
        c @ ('\\' | '\'' | '"') => return Ok(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Err(NotALiteral),
    };
    let code = chars.as_str().get(..digits).ok_or(NotALiteral)?;
    *chars = chars.as_str()[digits..].chars();
    u32::from_str_radix(code, 16).ok().and_then(char::from_u32).ok_or(NotALiteral)
}
