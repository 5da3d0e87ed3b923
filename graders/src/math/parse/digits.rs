//! Numbers: in a base, mixed with a fraction, or plain.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;

use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::lex::number::Literal;
use crate::math::tree::Node;
use crate::math::words;

impl<'a> Parser<'_, 'a> {
    /// Reads a number: in a base, mixed with a fraction, or plain.
    pub(super) fn number(&mut self, literal: &Literal<'a>) -> Result<Ref, Stop> {
        self.at += 1;
        if let Some(digits) = literal.digits() {
            if self.is_sign('_') {
                return self.based(digits.to_owned());
            }
            if let Some(base) = self.named_base() {
                return self.add(Node::Based { digits: digits.to_owned(), base });
            }
        }
        if let Some(digits) = literal.digits()
            && let Some(digits) = self.digits_with_letters_behind(digits)
        {
            return self.based(digits);
        }
        let value = literal.value().map_err(|_| Stop::Limit)?;
        if literal.pointed {
            return self.add(Node::Decimal(value, literal.decimals()));
        }
        if value.is_integer()
            && let Some(part) = self.mixed_part()
        {
            return self.add(Node::Number(value + part));
        }
        self.add(Node::Number(value))
    }

    /// Reads the base behind `digits`.
    pub(super) fn based(&mut self, digits: String) -> Result<Ref, Stop> {
        self.expect(&Token::Sign('_'))?;
        let grouped = self.take(&Token::Open(Bracket::Group));
        let bracketed = self.take(&Token::Open(Bracket::Round));
        if self.is_word(&["base"]) {
            self.at += 1;
        }
        let base = match self.peek() {
            Some(Token::Number(base)) => base.digits().and_then(|base| base.parse::<u32>().ok()),
            Some(Token::Text(word) | Token::Word(word)) => words::number(&word.to_lowercase()),
            _ => None,
        };
        let base = base.filter(|base| (2..=36).contains(base)).ok_or(Stop::Unsupported)?;
        self.at += 1;
        if bracketed {
            self.expect(&Token::Close(Bracket::Round))?;
        }
        if grouped {
            self.expect(&Token::Close(Bracket::Group))?;
        }
        self.add(Node::Based { digits, base })
    }

    /// Takes a base in words: `base 8`, `(base 8)`, `in base 8`.
    fn named_base(&mut self) -> Option<u32> {
        let start = self.at;
        let bracketed = self.take(&Token::Open(Bracket::Round));
        if self.is_word(&["in"]) || self.peek() == Some(&Token::Command("in")) {
            self.at += 1;
        }
        let named = self.is_word(&["base"]);
        self.at += 1;
        let base = match self.peek() {
            Some(Token::Number(base)) if named => base.digits().and_then(|base| base.parse().ok()),
            _ => None,
        };
        self.at += 1;
        let closed = !bracketed || self.take(&Token::Close(Bracket::Round));
        let base = base.filter(|base| closed && (2..=36).contains(base));
        if base.is_none() {
            self.at = start;
        }
        base
    }

    /// The digits of a number to a base above ten that begins with the word here; taken where its base
    /// follows.
    pub(super) fn digits_with_letters(&mut self, word: String) -> Option<String> {
        self.at += 1;
        let digits = self
            .digits_with_letters_behind(&word)
            .or_else(|| (self.is_sign('_') && word.len() > 1 && is_digits(&word)).then_some(word));
        self.at -= usize::from(digits.is_none());
        digits
    }

    /// `head` with the letters and digits that follow without a space, where a base follows those.
    fn digits_with_letters_behind(&mut self, head: &str) -> Option<String> {
        let mut digits = head.to_owned();
        let mut ahead = 0;
        while let Some(lexeme) = self.tokens.get(self.at + ahead).filter(|lexeme| !lexeme.spaced) {
            match &lexeme.token {
                Token::Number(literal) => digits.push_str(literal.digits()?),
                Token::Letter(letter) => digits.push(*letter),
                Token::Word(word) => digits.push_str(word),
                _ => break,
            }
            ahead += 1;
        }
        let based =
            ahead > 0 && self.peek_at(ahead) == Some(&Token::Sign('_')) && is_digits(&digits);
        self.at += if based { ahead } else { 0 };
        based.then_some(digits)
    }

    /// Takes the fraction of a mixed number: `\frac12` or ` 1/2`, of whole numbers and below one.
    fn mixed_part(&mut self) -> Option<BigRational> {
        let start = self.at;
        let part = match self.peek() {
            Some(Token::Command("frac" | "dfrac" | "tfrac" | "cfrac")) => {
                self.at += 1;
                self.plain_arguments()
            }
            Some(Token::Number(top)) if self.is_spaced() => {
                match (self.peek_at(1), self.peek_at(2)) {
                    (Some(Token::Sign('/')), Some(Token::Number(bottom))) => {
                        let parts = whole(top).zip(whole(bottom));
                        self.at += 3;
                        parts
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        let behind_is_power = self.is_sign('^') && !self.raises_degrees();
        let part = part.filter(|(top, bottom)| top < bottom && !behind_is_power);
        if part.is_none() {
            self.at = start;
        }
        part.map(|(top, bottom)| BigRational::new(top, bottom))
    }

    /// Takes the arguments of a fraction of whole numbers: `{1}{2}`, `12`.
    fn plain_arguments(&mut self) -> Option<(BigInt, BigInt)> {
        if self.peek() == Some(&Token::Open(Bracket::Group)) {
            return Some((self.plain_argument()?, self.plain_argument()?));
        }
        match self.digit_argument()? {
            (top, None) => Some((top, self.plain_argument()?)),
            (top, Some(rest)) if rest.len() == 1 => {
                Some((top, BigInt::parse_bytes(rest.as_bytes(), 10)?))
            }
            _ => None,
        }
    }

    /// Takes an argument that is a whole number: `{12}`, or one digit.
    fn plain_argument(&mut self) -> Option<BigInt> {
        if self.take(&Token::Open(Bracket::Group)) {
            let Some(Token::Number(literal)) = self.peek() else { return None };
            self.at += 1;
            return whole(literal).filter(|_| self.take(&Token::Close(Bracket::Group)));
        }
        self.digit_argument().filter(|(_, rest)| rest.is_none()).map(|(digit, _)| digit)
    }

    /// The one digit that an argument without braces takes, and where more digits follow, those.
    pub(super) fn digit_argument(&mut self) -> Option<(BigInt, Option<String>)> {
        let Some(Token::Number(literal)) = self.peek() else { return None };
        let digits = literal.digits()?.to_owned();
        self.at += 1;
        let first = BigInt::parse_bytes(&digits.as_bytes()[..1], 10)?;
        let rest = (digits.len() > 1).then(|| digits[1..].to_owned());
        Some((first, rest))
    }
}

/// The whole number that a literal is.
fn whole(literal: &Literal<'_>) -> Option<BigInt> {
    let value = literal.value().ok()?;
    (!literal.pointed && value.denom().is_one()).then(|| value.numer().clone())
}

/// Whether `text` could be digits to a base above ten.
fn is_digits(text: &str) -> bool {
    let upper = text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    upper && text.chars().any(|c| c.is_ascii_digit() || c <= 'F')
}
