//! Letters with what is written at their foot and above them, and functions by their names.

use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::tree::{Constant, Node, Numbers};
use crate::math::words::Function;

impl Parser<'_, '_> {
    /// Reads a letter with its index and primes; `e` and `i` are constants.
    pub(super) fn letter(&mut self, letter: char) -> Result<Ref, Stop> {
        self.at += 1;
        let plain = !self.is_sign('_') && !self.is_sign('\'');
        match letter {
            'e' if plain => return self.add(Node::Constant(Constant::E)),
            'i' if plain => return self.add(Node::Constant(Constant::I)),
            _ => {}
        }
        self.symbol(letter.to_string())
    }

    /// A symbol with what is written at its foot, or the function of that name.
    pub(super) fn symbol(&mut self, mut name: String) -> Result<Ref, Stop> {
        loop {
            if self.is_sign('_') {
                self.at += 1;
                name.push('_');
                name.push_str(&self.foot()?);
            } else if self.take_sign('\'') {
                name.push('\'');
            } else {
                let primes = self.take_raised_primes();
                if primes == 0 {
                    break;
                }
                name.extend(std::iter::repeat_n('\'', primes));
            }
        }
        // `x1` is `x_1`.
        if name.len() == 1
            && let Some(Token::Number(index)) = self.peek()
            && !self.is_spaced()
            && let Some(digits) = index.digits()
        {
            name = format!("{name}_{digits}");
            self.at += 1;
        }
        let letters = name.trim_end_matches('\'');
        let is_function = matches!(letters, "f" | "g" | "h" | "F" | "G" | "H" | "P" | "Q")
            || letters.len() < name.len();
        if is_function && self.peek() == Some(&Token::Open(Bracket::Round)) && !self.is_spaced() {
            self.at += 1;
            let arguments = self.arguments(Bracket::Round)?;
            return self.add(Node::Unknown(name, arguments));
        }
        if is_function && self.take_inverse() {
            name.push_str("^-1");
            self.at += 1;
            let arguments = self.arguments(Bracket::Round)?;
            return self.add(Node::Unknown(name, arguments));
        }
        if self.is_labelled_call() {
            self.at += 1;
            let arguments = self.arguments(Bracket::Round)?;
            return self.add(Node::Unknown(name, arguments));
        }
        // Expectations and variances have square brackets.
        if matches!(letters, "E" | "V") && self.peek() == Some(&Token::Open(Bracket::Square)) {
            self.at += 1;
            let arguments = self.arguments(Bracket::Square)?;
            return self.add(Node::Unknown(name, arguments));
        }
        // `C(n, k)`; a point with its name, `A(1, 2)`.
        let is_capital = name.len() == 1 && name.starts_with(|c: char| c.is_ascii_uppercase());
        if is_capital && self.peek() == Some(&Token::Open(Bracket::Round)) {
            let start = self.at;
            self.at += 1;
            match self.arguments(Bracket::Round) {
                Ok(arguments) if arguments.len() == 2 && name == "C" => {
                    return self.add(Node::Call(Function::Binomial, arguments));
                }
                Ok(arguments) if arguments.len() > 1 => {
                    return self.add(Node::Unknown(name, arguments));
                }
                Err(Stop::Limit) => return Err(Stop::Limit),
                _ => self.at = start,
            }
        }
        self.add(Node::Symbol(name))
    }

    /// Takes `^{\prime\prime}` and says how many primes it holds, or `^\prime`.
    fn take_raised_primes(&mut self) -> usize {
        let is_prime = |token: Option<&Token<'_>>| {
            matches!(token, Some(Token::Command("prime") | Token::Sign('\'')))
        };
        if !self.is_sign('^') {
            return 0;
        }
        if is_prime(self.peek_at(1)) {
            self.at += 2;
            return 1;
        }
        let mut count = 0;
        while is_prime(self.peek_at(2 + count)) {
            count += 1;
        }
        let grouped = self.peek_at(1) == Some(&Token::Open(Bracket::Group))
            && self.peek_at(2 + count) == Some(&Token::Close(Bracket::Group));
        if !grouped {
            return 0;
        }
        self.at += if count > 0 { 3 + count } else { 0 };
        count
    }

    /// Takes `^{-1}` before a bracket.
    fn take_inverse(&mut self) -> bool {
        let grouped = usize::from(self.peek_at(1) == Some(&Token::Open(Bracket::Group)));
        let one = matches!(self.peek_at(2 + grouped), Some(Token::Number(one)) if one.digits() == Some("1"));
        let found = self.is_sign('^')
            && self.peek_at(1 + grouped) == Some(&Token::Sign('-'))
            && one
            && (grouped == 0 || self.peek_at(4) == Some(&Token::Close(Bracket::Group)))
            && self.peek_at(3 + 2 * grouped) == Some(&Token::Open(Bracket::Round));
        self.at += if found { 3 + 2 * grouped } else { 0 };
        found
    }

    /// Whether `(x) =` stands here: what is before it is the name of a function.
    fn is_labelled_call(&self) -> bool {
        self.at == 1
            && self.peek() == Some(&Token::Open(Bracket::Round))
            && matches!(self.peek_at(1), Some(Token::Letter(_)))
            && self.peek_at(2) == Some(&Token::Close(Bracket::Round))
            && self.peek_at(3) == Some(&Token::Relation(crate::math::lex::Relation::Equal))
    }

    /// Reads an index as text.
    pub(super) fn foot(&mut self) -> Result<String, Stop> {
        if !self.take(&Token::Open(Bracket::Group)) {
            let text = self.peek().map(spelled).ok_or(Stop::Unsupported)?;
            self.at += 1;
            return Ok(text);
        }
        let mut text = String::new();
        let mut depth = 0_u32;
        loop {
            let token = self.peek().ok_or(Stop::Unsupported)?;
            self.at += 1;
            match token {
                Token::Close(Bracket::Group) if depth == 0 => return Ok(text),
                Token::Close(Bracket::Group) => depth -= 1,
                Token::Open(Bracket::Group) => depth += 1,
                token => text.push_str(&spelled(token)),
            }
        }
    }

    /// The product of the letters of `word`.
    pub(super) fn letters(&mut self, word: &str) -> Result<Ref, Stop> {
        let mut factors = Vec::new();
        let last = word.chars().count() - 1;
        for (n, letter) in word.chars().enumerate() {
            let factor = match letter {
                'e' => self.add(Node::Constant(Constant::E))?,
                'i' => self.add(Node::Constant(Constant::I))?,
                // An index belongs to the last letter.
                letter if n == last => self.symbol(letter.to_string())?,
                letter => self.add(Node::Symbol(letter.to_string()))?,
            };
            // So does a power.
            factors.push(if n == last { self.postfix(factor)? } else { factor });
        }
        self.add(Node::Product(factors))
    }

    /// Reads `\mathbb{R}` with what may stand behind it.
    pub(super) fn numbers(&mut self) -> Result<Ref, Stop> {
        let grouped = self.take(&Token::Open(Bracket::Group));
        let Some(Token::Letter(letter)) = self.peek() else { return Err(Stop::Unsupported) };
        self.at += 1;
        if grouped {
            self.expect(&Token::Close(Bracket::Group))?;
        }
        if matches!(letter, 'E' | 'P' | 'V') {
            return self.symbol(letter.to_string());
        }
        self.number_set(*letter)
    }

    pub(super) fn number_set(&mut self, letter: char) -> Result<Ref, Stop> {
        let numbers = match letter {
            'R' => Numbers::Reals,
            'Z' => Numbers::Integers,
            'N' => Numbers::Naturals,
            'Q' => Numbers::Rationals,
            'C' => Numbers::Complex,
            _ => return Err(Stop::Unsupported),
        };
        // ℝ³, ℤ⁺: another set than the ones known here.
        if self.is_sign('^') || self.is_sign('_') {
            self.at += 1;
            let mark = self.foot()?;
            return self.add(Node::Text(format!("{letter} {mark}")));
        }
        self.add(Node::Numbers(numbers))
    }

    /// A letter with something above it, or a figure's name under a line.
    pub(super) fn decorated(&mut self, name: &str) -> Result<Ref, Stop> {
        if name == "jmath" {
            return self.symbol("j".to_owned());
        }
        let inside = self.foot()?;
        if matches!(name, "hat" | "vec" | "widehat") {
            // Unit vectors.
            match inside.as_str() {
                "i" | "imath" => return self.add(Node::Constant(Constant::I)),
                "j" | "jmath" | "k" => return self.symbol(inside.replace("jmath", "j")),
                _ => {}
            }
        }
        self.symbol(format!("{name} {inside}"))
    }

    /// An angle or a triangle, by its corners.
    pub(super) fn figure(&mut self, name: &str) -> Result<Ref, Stop> {
        let corners = match self.peek() {
            Some(Token::Word(word) | Token::Text(word)) => (*word).to_owned(),
            Some(Token::Letter(letter)) => letter.to_string(),
            _ => return Err(Stop::Unsupported),
        };
        self.at += 1;
        self.add(Node::Symbol(format!("{name} {corners}")))
    }
}

/// A token as an index spells it.
fn spelled(token: &Token<'_>) -> String {
    match token {
        Token::Number(literal) => literal.digits().unwrap_or("?").to_owned(),
        Token::Letter(letter) | Token::Sign(letter) | Token::Other(letter) => letter.to_string(),
        Token::Word(word) | Token::Text(word) | Token::Command(word) => (*word).to_owned(),
        _ => "?".to_owned(),
    }
}
