//! What stands behind a value and says what it measures.

use super::{Parser, Ref, Stop, Token};
use crate::math::tree::Node;
use crate::math::unit::{self, Unit};
use crate::math::words;

/// Words that join or end units rather than name one.
const JOINTS: [&str; 13] = [
    "or", "and", "for", "where", "if", "when", "with", "such", "mod", "is", "union", "either", "to",
];

/// Whether `word` names a unit outside of text.
pub(super) fn is_unit(word: &str) -> bool {
    word.len() > 1 && !matches!(word, "in" | "ha" | "ms") && unit::named(word).is_some()
        || matches!(word, "degrees" | "degree" | "percent" | "sq" | "deg")
}

impl Parser<'_, '_> {
    /// Reads a value and its unit.
    pub(super) fn sized(&mut self) -> Result<Ref, Stop> {
        match (self.peek(), self.peek_at(1)) {
            (Some(Token::Money(sign)), _) => {
                self.at += 1;
                let value = self.set()?;
                self.money(value, sign)
            }
            // `-$7` is `$-7`.
            (Some(Token::Sign('-')), Some(Token::Money(sign))) => {
                self.at += 2;
                let value = self.set()?;
                let value = self.add(Node::Negative(value))?;
                self.money(value, sign)
            }
            (Some(Token::Word(code) | Token::Text(code)), Some(Token::Number(_)))
                if matches!(*code, "USD" | "EUR" | "GBP" | "JPY" | "INR" | "Rs") =>
            {
                self.at += 1;
                let value = self.set()?;
                self.money(value, code)
            }
            _ => {
                let value = self.set()?;
                self.measured(value)
            }
        }
    }

    /// An amount of money: a sign before it, and perhaps the millions behind it.
    fn money(&mut self, value: Ref, sign: &str) -> Result<Ref, Stop> {
        let currency = unit::named(sign).ok_or(Stop::Unsupported)?;
        let value = self.measured(value)?;
        let (inner, unit) = match self.tree.get(value) {
            Node::Quantity(inner, unit) if unit.is_bare() => {
                (*inner, unit.times(&currency, 1).ok_or(Stop::Unsupported)?)
            }
            Node::Quantity(..) => return Ok(value),
            _ => (value, currency),
        };
        self.add(Node::Quantity(inner, unit))
    }

    /// `value` with the unit that stands behind it, if one does.
    fn measured(&mut self, value: Ref) -> Result<Ref, Stop> {
        if let Some(Token::Money(sign)) = self.peek() {
            self.at += 1;
            let unit = unit::named(sign).ok_or(Stop::Unsupported)?;
            return self.add(Node::Quantity(value, unit));
        }
        if self.peek() == Some(&Token::Open(super::Bracket::Round)) && self.is_bracketed_unit() {
            self.at += 1;
            let measured = self.measured(value)?;
            self.expect(&Token::Close(super::Bracket::Round))?;
            return Ok(measured);
        }
        if !self.starts_unit() {
            return Ok(value);
        }
        if let Some(Token::Word(word) | Token::Text(word)) = self.peek() {
            match word.to_lowercase().as_str() {
                "per"
                    if matches!(
                        self.peek_at(1),
                        Some(Token::Word("cent") | Token::Text("cent"))
                    ) =>
                {
                    self.at += 2;
                    return self.add(Node::Percent(value));
                }
                "percent" | "pct" => {
                    self.at += 1;
                    return self.add(Node::Percent(value));
                }
                "degrees" | "degree" | "deg" => {
                    self.at += 1;
                    return self.temperature_or_angle(value);
                }
                // A time of day is a text.
                "am" | "pm" | "a.m" | "p.m" | "o'clock" => return Err(Stop::Unsupported),
                _ => {}
            }
        }
        if self.is_word(&["squared", "cubed"]) {
            return Err(Stop::Unsupported);
        }
        let unit = if self.is_unit_fraction() { self.unit_fraction()? } else { self.unit()? };
        let whole = self.add(Node::Quantity(value, unit.clone()))?;
        self.with_parts(whole, &unit)
    }

    /// Adds what stands behind a quantity in a smaller unit: `5 ft 3 in`, `2 h 30 min`.
    fn with_parts(&mut self, whole: Ref, unit: &Unit) -> Result<Ref, Stop> {
        if !matches!(self.peek(), Some(Token::Number(_))) || !unit.known {
            return Ok(whole);
        }
        let rest = self.nested(Self::sized)?;
        match self.tree.get(rest) {
            Node::Quantity(_, smaller)
                if smaller.known && smaller.measures_as(unit) && smaller.size < unit.size =>
            {
                self.together(whole, rest)
            }
            _ => Err(Stop::Unsupported),
        }
    }

    /// The sum of two quantities, in the unit of the second.
    pub(super) fn together(&mut self, whole: Ref, rest: Ref) -> Result<Ref, Stop> {
        let (Node::Quantity(large, unit), Node::Quantity(small, smaller)) =
            (self.tree.get(whole), self.tree.get(rest))
        else {
            return Err(Stop::Unsupported);
        };
        let (large, unit) = (*large, unit.clone());
        let (small, smaller) = (*small, smaller.clone());
        let ratio = self.add(Node::Number(&unit.size / &smaller.size))?;
        let large = self.add(Node::Product(vec![large, ratio]))?;
        let sum = self.add(Node::Sum(vec![large, small]))?;
        self.add(Node::Quantity(sum, smaller))
    }

    fn temperature_or_angle(&mut self, value: Ref) -> Result<Ref, Stop> {
        let scale = match self.peek() {
            Some(Token::Word(word) | Token::Text(word)) => word.to_lowercase(),
            Some(Token::Letter(letter)) => letter.to_string().to_lowercase(),
            _ => return self.add(Node::Degrees(value)),
        };
        let scale = match scale.as_str() {
            "c" | "celsius" => "celsius",
            "f" | "fahrenheit" => "fahrenheit",
            _ => return self.add(Node::Degrees(value)),
        };
        self.at += 1;
        let unit = unit::named(scale).ok_or(Stop::Unsupported)?;
        self.add(Node::Quantity(value, unit))
    }

    /// Whether the next token can begin a unit.
    fn starts_unit(&self) -> bool {
        let per = self.is_sign('/') && self.is_per_unit();
        if per || self.is_unit_letter() || self.is_unit_fraction() {
            return true;
        }
        matches!(self.peek(), Some(Token::Word(_) | Token::Text(_))) && !self.is_word(&JOINTS)
    }

    /// Whether words alone stand in the bracket here: `204 (minutes)`.
    pub(super) fn is_bracketed_unit(&self) -> bool {
        let mut ahead = 1;
        while matches!(self.peek_at(ahead), Some(Token::Word(_) | Token::Text(_))) {
            ahead += 1;
        }
        let named = match self.peek_at(1) {
            Some(Token::Text(_)) => true,
            Some(Token::Word(word)) => {
                word.len() > 2 && !crate::math::answer::is_known(word) || is_unit(word)
            }
            _ => false,
        };
        named && self.peek_at(ahead) == Some(&Token::Close(super::Bracket::Round))
    }

    /// Reads a product of units: `ft/sec`, `cm^2`, `square feet`, `miles per hour`.
    fn unit(&mut self) -> Result<Unit, Stop> {
        let mut whole = Unit::none();
        let (mut sign, mut prefix) = (1_i8, 1_i8);
        if self.take_sign('/') {
            sign = -1;
        }
        loop {
            let article =
                matches!(self.peek(), Some(Token::Word("a" | "an") | Token::Text("a" | "an")));
            if article || self.is_word(&["per"]) {
                self.at += 1;
                sign = -1;
                continue;
            }
            if self.is_word(&["square", "sq", "squared", "cubic"]) {
                prefix = if self.is_word(&["cubic"]) { 3 } else { 2 };
                self.at += 1;
                self.take_sign('.');
                continue;
            }
            // Words that say something else about the value.
            if self.is_word(&[
                "over", "at", "most", "least", "less", "fewer", "more", "than", "times", "minus",
                "plus", "not",
            ]) {
                return Err(Stop::Unsupported);
            }
            let named = match self.peek() {
                Some(Token::Word(word) | Token::Text(word)) => {
                    let lower = word.to_lowercase();
                    if words::number(&lower).is_some() && unit::named(word).is_none() {
                        return Err(Stop::Unsupported);
                    }
                    Some(named(word))
                }
                Some(Token::Letter(letter)) if sign < 0 || self.is_unit_letter() => {
                    Some(named(&letter.to_string()))
                }
                _ => None,
            };
            let Some(named) = named.filter(|_| !self.is_word(&JOINTS)) else { break };
            // `5 million eggs` is a number, `5 eggs million` is none.
            if !whole.known && named.is_scale() {
                return Err(Stop::Unsupported);
            }
            self.at += 1;
            self.take_sign('.');
            let power = self.unit_power()? * prefix * sign;
            whole = whole.times(&named, power).ok_or(Stop::Unsupported)?;
            prefix = 1;
            sign = self.unit_joint(sign);
        }
        if sign < 0 || prefix != 1 {
            whole.known = false;
        }
        Ok(whole)
    }

    /// Reads `\frac{mi}{h}`.
    fn unit_fraction(&mut self) -> Result<Unit, Stop> {
        self.at += 1;
        let mut parts = [Unit::none(), Unit::none()];
        for part in &mut parts {
            self.expect(&Token::Open(super::Bracket::Group))?;
            let name = match self.peek() {
                Some(Token::Word(word) | Token::Text(word)) => named(word),
                Some(Token::Letter(letter)) => named(&letter.to_string()),
                _ => return Err(Stop::Unsupported),
            };
            self.at += 1;
            let power = self.unit_power()?;
            *part = Unit::none().times(&name, power).ok_or(Stop::Unsupported)?;
            self.expect(&Token::Close(super::Bracket::Group))?;
        }
        let [top, bottom] = parts;
        top.times(&bottom, -1).ok_or(Stop::Unsupported)
    }

    /// Takes the sign between two units, and says how the next one counts.
    fn unit_joint(&mut self, sign: i8) -> i8 {
        let named_next =
            matches!(self.peek_at(1), Some(Token::Word(_) | Token::Text(_) | Token::Letter(_)));
        match self.peek() {
            Some(Token::Sign('/')) if named_next => {
                self.at += 1;
                -1
            }
            Some(Token::Sign('*' | '-')) if named_next => {
                self.at += 1;
                sign
            }
            _ => 1,
        }
    }

    /// Reads the exponent of a unit.
    fn unit_power(&mut self) -> Result<i8, Stop> {
        if self.is_word(&["squared", "cubed"]) {
            let power = if self.is_word(&["cubed"]) { 3 } else { 2 };
            self.at += 1;
            return Ok(power);
        }
        if !self.take_sign('^') {
            return Ok(1);
        }
        let grouped = self.take(&Token::Open(super::Bracket::Group));
        let negative = self.take_sign('-');
        let Some(Token::Number(literal)) = self.peek() else { return Err(Stop::Unsupported) };
        let power = literal.digits().and_then(|digits| digits.parse::<i8>().ok());
        let power = power.filter(|power| *power <= 12).ok_or(Stop::Unsupported)?;
        self.at += 1;
        if grouped {
            self.expect(&Token::Close(super::Bracket::Group))?;
        }
        Ok(if negative { -power } else { power })
    }
}

/// The unit that a word names; any other word is an unknown one.
fn named(word: &str) -> Unit {
    unit::named(word).unwrap_or_else(Unit::unknown)
}
