//! Sums, products, signs and what stands behind a value.

use super::{Bracket, Parser, Ref, Stop, Token};
use num_rational::BigRational;

use crate::math::tree::Node;
use crate::math::words::{self, Function};

impl Parser<'_, '_> {
    /// Reads terms joined by signs.
    pub(super) fn sum(&mut self) -> Result<Ref, Stop> {
        let mut terms = vec![self.signed_term(true)?];
        while matches!(self.peek(), Some(Token::Sign('+' | '-') | Token::Command("pm" | "mp"))) {
            terms.push(self.signed_term(false)?);
        }
        let is_text = |term: &Ref| matches!(self.tree.get(*term), Node::Text(_));
        if terms.len() > 1 && terms.iter().any(is_text) {
            return Err(Stop::Unsupported);
        }
        match terms[..] {
            [only] => Ok(only),
            _ => self.add(Node::Sum(terms)),
        }
    }

    /// Reads a term with the signs before it.
    fn signed_term(&mut self, first: bool) -> Result<Ref, Stop> {
        let mut negative = false;
        let mut branches = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Sign('+')) => {}
                Some(Token::Sign('-')) => negative = !negative,
                Some(Token::Command(name @ ("pm" | "mp"))) => branches.push(*name == "mp"),
                _ => break,
            }
            self.at += 1;
        }
        // An end where a term should be: `x^+`, `5-`.
        if !first && self.is_end() {
            return Err(Stop::Unsupported);
        }
        let mut term = self.term()?;
        if negative {
            term = self.add(Node::Negative(term))?;
        }
        for flipped in branches {
            term = self.add(Node::PlusMinus { operand: term, flipped })?;
        }
        Ok(term)
    }

    /// Reads factors joined by signs of multiplication and division, or by nothing.
    pub(super) fn term(&mut self) -> Result<Ref, Stop> {
        let mut factors = vec![self.factor()?];
        loop {
            if self.take_sign('*') {
                factors.push(self.factor()?);
            } else if self.is_sign('/') && self.is_per_unit() {
                return self.product(factors);
            } else if self.take_sign('/') {
                let top = self.product(factors)?;
                let bottom = self.divisor()?;
                factors = vec![self.add(Node::Quotient(top, bottom))?];
            } else if self.is_modulo() {
                self.at += 1;
                let value = self.product(factors)?;
                let modulus = self.factor()?;
                factors = vec![self.add(Node::Call(Function::Mod, vec![value, modulus]))?];
            } else if self.starts_factor() {
                factors.push(self.factor()?);
            } else {
                return self.product(factors);
            }
        }
    }

    /// Whether a unit that a value is for each of stands behind the slash here: `18/day`.
    pub(super) fn is_per_unit(&self) -> bool {
        let named = match self.peek_at(1) {
            Some(Token::Text(word)) => words::function(word).is_none(),
            Some(Token::Word(word)) => super::measure::is_unit(word),
            _ => false,
        };
        let before = self.at.checked_sub(1).map(|at| &self.tokens[at].token);
        named && matches!(before, Some(Token::Number(_) | Token::Close(_)))
    }

    fn is_modulo(&self) -> bool {
        matches!(
            self.peek(),
            Some(Token::Command("bmod" | "mod") | Token::Word("mod") | Token::Text("mod"))
        )
    }

    /// The product of `factors`.
    fn product(&mut self, factors: Vec<Ref>) -> Result<Ref, Stop> {
        let is_text = |factor: &Ref| matches!(self.tree.get(*factor), Node::Text(_));
        if factors.len() > 1 && factors.iter().any(is_text) {
            return Err(Stop::Unsupported);
        }
        match factors[..] {
            [only] => Ok(only),
            _ => self.add(Node::Product(factors)),
        }
    }

    /// Reads what a slash divides by: one factor, or all that stands against it.
    fn divisor(&mut self) -> Result<Ref, Stop> {
        let first = self.factor()?;
        if !self.starts_factor() || self.is_spaced() && self.starts_word() {
            return Ok(first);
        }
        self.doubts.slash = true;
        if !self.reading.tight_slash {
            return Ok(first);
        }
        let mut factors = vec![first];
        while self.starts_factor() {
            factors.push(self.factor()?);
        }
        self.product(factors)
    }

    fn starts_word(&self) -> bool {
        matches!(self.peek(), Some(Token::Word(_) | Token::Text(_)))
    }

    /// Whether the next token can begin a factor without a sign of multiplication before it.
    pub(super) fn starts_factor(&self) -> bool {
        let after_number = self
            .at
            .checked_sub(1)
            .is_some_and(|at| matches!(self.tokens[at].token, Token::Number(_)));
        match self.peek() {
            Some(Token::Number(_)) => !after_number,
            Some(Token::Letter('U' | 'u')) => !self.joins_sets(),
            Some(Token::Letter(_)) => !self.is_unit_letter(),
            Some(Token::Begin(_)) => true,
            Some(Token::Word(word)) => self.multiplies(word, after_number),
            Some(Token::Command("frac" | "dfrac" | "tfrac")) => !self.is_unit_fraction(),
            Some(Token::Command(name)) => starts_value(name),
            // `[2, 5[` ends on a bracket that looks like one that opens.
            Some(Token::Open(Bracket::Square)) => !self.ends_interval(),
            Some(Token::Open(Bracket::Round)) => {
                !self.is_bracketed_unit() && !self.is_bracketed_condition()
            }
            Some(Token::Open(bracket)) => *bracket != Bracket::Curly || self.nesting == 0,
            Some(Token::Sign('|')) => self.bars == 0 && !self.bar_separates,
            _ => false,
        }
    }

    /// Whether nothing that a bracket could hold follows the one here.
    fn ends_interval(&self) -> bool {
        matches!(
            self.peek_at(1),
            None | Some(
                Token::Sign(',' | ';')
                    | Token::Close(_)
                    | Token::Command("cup" | "cap")
                    | Token::Text(_)
            )
        )
    }

    /// Whether the letter here is read as a unit.
    pub(super) fn is_unit_letter(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| &self.tokens[at].token);
        self.reading.letter_is_unit
            && matches!(before, Some(Token::Number(_) | Token::Close(_)))
            && matches!(self.peek(), Some(Token::Letter(letter)) if crate::math::unit::is_letter(*letter))
    }

    /// Whether a fraction of two units stands here, as in `\frac{\text{mi}}{\text{h}}`.
    pub(super) fn is_unit_fraction(&self) -> bool {
        let named = |token: Option<&Token<'_>>| match token {
            Some(Token::Text(word) | Token::Word(word)) => crate::math::unit::named(word).is_some(),
            Some(Token::Letter(letter)) => {
                self.reading.letter_is_unit && crate::math::unit::is_letter(*letter)
            }
            _ => false,
        };
        matches!(self.peek(), Some(Token::Command("frac" | "dfrac" | "tfrac")))
            && self.peek_at(1) == Some(&Token::Open(Bracket::Group))
            && named(self.peek_at(2))
            && self.peek_at(3) == Some(&Token::Close(Bracket::Group))
            && self.peek_at(4) == Some(&Token::Open(Bracket::Group))
            && named(self.peek_at(5))
    }

    /// Whether a word is a factor: a function, a constant or a product of two letters, but no unit.
    fn multiplies(&self, word: &str, after_number: bool) -> bool {
        if super::measure::is_unit(word) && self.ends_value(1) {
            return false;
        }
        let known = words::function(word).is_some() || words::letter(word).is_some();
        if known || words::glued(word).is_some() || is_value(word) {
            return true;
        }
        let is_unit = super::measure::is_unit(word) && (after_number || self.is_spaced());
        self.is_product(word) && !is_unit
    }

    /// Whether the token `ahead` cannot go on with the value before it.
    fn ends_value(&self, ahead: usize) -> bool {
        match self.peek_at(ahead) {
            None
            | Some(
                Token::Close(_)
                | Token::Relation(_)
                | Token::Row
                | Token::End(_)
                | Token::Word(_)
                | Token::Text(_),
            ) => true,
            Some(Token::Sign(sign)) => matches!(sign, ',' | ';' | '^' | '/' | '.' | '&'),
            _ => false,
        }
    }

    /// Whether a word that means nothing is a product of its letters.
    pub(super) fn is_product(&self, word: &str) -> bool {
        if matches!(word, "or" | "and" | "if" | "is" | "in" | "to" | "of" | "at" | "mod") {
            return false;
        }
        let runs = crate::math::answer::is_run(word);
        word.is_ascii() && (word.len() == 2 || runs || word.len() <= 4 && !self.stands_apart(word))
    }

    /// Whether nothing mathematical touches the word here.
    fn stands_apart(&self, word: &str) -> bool {
        if word.starts_with(|c: char| c.is_ascii_uppercase()) && word.len() > 3 {
            return true;
        }
        let touches = |token: Option<&Token<'_>>| {
            matches!(
                token,
                Some(
                    Token::Sign('^' | '_' | '+' | '-' | '*' | '/')
                        | Token::Number(_)
                        | Token::Relation(_)
                        | Token::Command(_)
                        | Token::Open(_)
                        | Token::Close(_)
                )
            )
        };
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let after = self.tokens.get(self.at + 1);
        let near_before = !self.is_spaced() && touches(before.map(|lexeme| &lexeme.token));
        let near_after = after.is_some_and(|lexeme| !lexeme.spaced)
            && touches(after.map(|lexeme| &lexeme.token));
        let operated = |lexeme: Option<&crate::math::lex::Lexeme<'_>>| {
            matches!(lexeme.map(|lexeme| &lexeme.token), Some(Token::Sign('+' | '-' | '*' | '/')))
        };
        !(near_before || near_after || operated(before) || operated(after))
    }

    /// Reads a value with its signs and what stands behind it.
    pub(super) fn factor(&mut self) -> Result<Ref, Stop> {
        self.nested(|parser| {
            if parser.take_sign('-') {
                let operand = parser.factor()?;
                return parser.add(Node::Negative(operand));
            }
            if parser.take_sign('+') {
                return parser.factor();
            }
            let value = parser.primary()?;
            parser.postfix(value)
        })
    }

    /// Reads powers, factorials, percent and degree signs behind `value`.
    pub(super) fn postfix(&mut self, mut value: Ref) -> Result<Ref, Stop> {
        loop {
            if self.is_sign('^') {
                value = match self.mark() {
                    Some(Mark::Degrees) => self.degrees(value)?,
                    Some(Mark::Nothing) => value,
                    None if self.takes_transpose(value) => self.transposed(value)?,
                    None => {
                        let exponent = self.exponent()?;
                        self.add(Node::Power(value, exponent))?
                    }
                };
            } else if self.is_sign('!') {
                self.at += 1;
                let function = if self.take_sign('!') {
                    Function::DoubleFactorial
                } else {
                    Function::Factorial
                };
                value = self.add(Node::Call(function, vec![value]))?;
            } else if self.take_sign('%') {
                value = self.add(Node::Percent(value))?;
            } else if matches!(self.peek(), Some(Token::Command("degree"))) {
                self.at += 1;
                value = self.degrees(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    /// Takes a raised T behind a vector or a matrix.
    fn takes_transpose(&mut self, value: Ref) -> bool {
        if !matches!(self.tree.get(value), Node::Tuple { .. } | Node::Matrix { .. }) {
            return false;
        }
        let is_mark = |token: Option<&Token<'_>>| {
            matches!(
                token,
                Some(Token::Letter('T') | Token::Text("T") | Token::Command("top" | "intercal"))
            )
        };
        let grouped = self.peek_at(1) == Some(&Token::Open(Bracket::Group))
            && self.peek_at(3) == Some(&Token::Close(Bracket::Group));
        let mark = if grouped { self.peek_at(2) } else { self.peek_at(1) };
        let found = is_mark(mark);
        self.at += if !found {
            0
        } else if grouped {
            4
        } else {
            2
        };
        found
    }

    /// The transpose; a tuple is a column already.
    fn transposed(&mut self, value: Ref) -> Result<Ref, Stop> {
        let Node::Matrix { columns, cells } = self.tree.get(value) else { return Ok(value) };
        let (columns, rows) = (*columns, cells.len() / columns);
        let turned =
            (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
        let cells = turned.map(|at| cells[at]).collect();
        self.add(Node::Matrix { columns: rows, cells })
    }

    /// Takes a raised mark that is no exponent: a degree sign, an ordinal's ending.
    fn mark(&mut self) -> Option<Mark> {
        let (inside, length) = match (self.peek_at(1), self.peek_at(2), self.peek_at(3)) {
            (Some(Token::Open(Bracket::Group)), inside, Some(Token::Close(Bracket::Group))) => {
                (inside, 4)
            }
            (inside, ..) => (inside, 2),
        };
        let mark = match inside {
            Some(Token::Command("circ" | "degree") | Token::Letter('o')) => Mark::Degrees,
            Some(
                Token::Text("th" | "st" | "nd" | "rd") | Token::Word("th" | "st" | "nd" | "rd"),
            ) => Mark::Nothing,
            _ => return None,
        };
        self.at += length;
        Some(mark)
    }

    /// An angle, or a temperature where the scale is named.
    fn degrees(&mut self, value: Ref) -> Result<Ref, Stop> {
        let scale = match self.peek() {
            Some(Token::Letter('C') | Token::Text("C")) => "celsius",
            Some(Token::Letter('F') | Token::Text("F")) => "fahrenheit",
            Some(Token::Number(minutes)) => {
                let minutes = minutes.value().map_err(|_| Stop::Limit)?;
                return self.with_minutes(value, &minutes);
            }
            _ => return self.add(Node::Degrees(value)),
        };
        self.at += 1;
        let unit = crate::math::unit::named(scale).ok_or(Stop::Unsupported)?;
        self.add(Node::Quantity(value, unit))
    }

    /// An angle with its minutes, `45°30'`, where they are marked as such.
    fn with_minutes(&mut self, degrees: Ref, minutes: &BigRational) -> Result<Ref, Stop> {
        let raised = self.peek_at(1) == Some(&Token::Sign('^'));
        let mark = match (raised, self.peek_at(1), self.peek_at(2), self.peek_at(3)) {
            (false, Some(Token::Sign('\'')), ..) => 1,
            (true, _, Some(Token::Command("prime")), _) => 2,
            (true, _, Some(Token::Open(Bracket::Group)), Some(Token::Command("prime"))) => 4,
            _ => return self.add(Node::Degrees(degrees)),
        };
        self.at += 1 + mark;
        let minutes = self.add(Node::Number(minutes / BigRational::from_integer(60.into())))?;
        let sum = self.add(Node::Sum(vec![degrees, minutes]))?;
        self.add(Node::Degrees(sum))
    }

    /// Reads an exponent behind its caret: a group, or one value with its sign.
    pub(super) fn exponent(&mut self) -> Result<Ref, Stop> {
        self.expect(&Token::Sign('^'))?;
        self.nested(|parser| {
            if parser.take_sign('-') {
                let operand = parser.raised()?;
                return parser.add(Node::Negative(operand));
            }
            parser.take_sign('+');
            parser.raised()
        })
    }

    fn raised(&mut self) -> Result<Ref, Stop> {
        let value = self.primary()?;
        if self.is_sign('^') && !self.raises_degrees() {
            let exponent = self.exponent()?;
            return self.add(Node::Power(value, exponent));
        }
        if self.take_sign('!') {
            return self.add(Node::Call(Function::Factorial, vec![value]));
        }
        Ok(value)
    }

    /// Whether the caret here raises a degree sign.
    pub(super) fn raises_degrees(&self) -> bool {
        let is_mark =
            |ahead| matches!(self.peek_at(ahead), Some(Token::Command("circ" | "degree")));
        is_mark(1) || self.peek_at(1) == Some(&Token::Open(Bracket::Group)) && is_mark(2)
    }
}

/// A raised mark.
enum Mark {
    Degrees,
    Nothing,
}

/// Whether a word is a value by itself.
pub(in crate::math) fn is_value(word: &str) -> bool {
    matches!(
        word,
        "pi" | "Pi"
            | "PI"
            | "infinity"
            | "Infinity"
            | "infty"
            | "oo"
            | "inf"
            | "Inf"
            | "sqrt"
            | "cbrt"
            | "root"
    )
}

/// Whether a command begins a value.
fn starts_value(name: &str) -> bool {
    words::function(name).is_some()
        || words::letter(name).is_some()
        || matches!(
            name,
            "frac"
                | "dfrac"
                | "tfrac"
                | "cfrac"
                | "sfrac"
                | "nicefrac"
                | "sqrt"
                | "surd"
                | "binom"
                | "dbinom"
                | "tbinom"
                | "pi"
                | "infty"
                | "overline"
                | "bar"
                | "hat"
                | "vec"
                | "tilde"
                | "widehat"
                | "dot"
                | "overrightarrow"
                | "angle"
                | "triangle"
                | "sum"
                | "prod"
                | "int"
                | "iint"
                | "oint"
                | "lim"
                | "imath"
                | "jmath"
                | "partial"
                | "nabla"
                | "mathbb"
                | "hbar"
        )
}
