//! Values that stand for themselves: numbers, letters, words and commands.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;

use super::scalar::is_value;
use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::lex::number::Literal;
use crate::math::tree::{Constant, Join, Node, Numbers};
use crate::math::words::{self, Function};

impl<'a> Parser<'_, 'a> {
    /// Reads one value.
    pub(super) fn primary(&mut self) -> Result<Ref, Stop> {
        self.nested(|parser| match parser.peek() {
            Some(Token::Number(literal)) => parser.number(literal),
            Some(Token::Letter(letter)) => parser.letter(*letter),
            Some(Token::Word(word)) => parser.word(word),
            Some(Token::Text(word)) => parser.text(word),
            Some(Token::Command(name)) => parser.command(name),
            Some(Token::Open(bracket)) => parser.bracketed(*bracket),
            Some(Token::Close(Bracket::Square)) => parser.outward(),
            Some(Token::Sign('|')) => parser.absolute(&Token::Sign('|')),
            Some(Token::DoubleBar) => parser.absolute(&Token::DoubleBar),
            Some(Token::Begin(kind)) => parser.environment(kind),
            Some(Token::Ellipsis) => {
                parser.at += 1;
                parser.add(Node::Text("...".to_owned()))
            }
            _ => Err(Stop::Unsupported),
        })
    }

    /// Reads a number: in a base, mixed with a fraction, or plain.
    fn number(&mut self, literal: &Literal<'a>) -> Result<Ref, Stop> {
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
    fn digits_with_letters(&mut self, word: String) -> Option<String> {
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
    fn digit_argument(&mut self) -> Option<(BigInt, Option<String>)> {
        let Some(Token::Number(literal)) = self.peek() else { return None };
        let digits = literal.digits()?.to_owned();
        self.at += 1;
        let first = BigInt::parse_bytes(&digits.as_bytes()[..1], 10)?;
        let rest = (digits.len() > 1).then(|| digits[1..].to_owned());
        Some((first, rest))
    }

    /// Reads a letter with its index and primes; `e` and `i` are constants.
    fn letter(&mut self, letter: char) -> Result<Ref, Stop> {
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
    fn foot(&mut self) -> Result<String, Stop> {
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

    /// Reads a run of letters outside `\text`.
    fn word(&mut self, word: &str) -> Result<Ref, Stop> {
        if let Some(function) = words::function(word) {
            self.at += 1;
            return self.call(function);
        }
        if is_value(word) {
            self.at += 1;
            return match word {
                "pi" | "Pi" | "PI" => self.add(Node::Constant(Constant::Pi)),
                "sqrt" => self.root(2),
                "cbrt" => self.root(3),
                "root" => Err(Stop::Unsupported),
                _ => self.add(Node::Constant(Constant::Infinity)),
            };
        }
        if let Some(letter) = words::letter(word) {
            self.at += 1;
            return self.symbol(letter.to_owned());
        }
        if let Some((function, letter)) = words::glued(word) {
            self.at += 1;
            let letter = self.symbol(letter.to_string())?;
            let argument = self.postfix(letter)?;
            return self.add(Node::Call(function, vec![argument]));
        }
        if let Some(digits) = self.digits_with_letters(word.to_owned()) {
            return self.based(digits);
        }
        if self.is_product(word) {
            self.at += 1;
            return self.letters(word);
        }
        self.words()
    }

    /// The product of the letters of `word`.
    fn letters(&mut self, word: &str) -> Result<Ref, Stop> {
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

    /// Reads a word of `\text` where a value is expected.
    fn text(&mut self, word: &str) -> Result<Ref, Stop> {
        if let Some(value) = words::number(&word.to_lowercase()) {
            self.at += 1;
            return self.add(Node::Number(BigRational::from_integer(value.into())));
        }
        if word == "constant" {
            self.at += 1;
            return self.add(Node::Symbol("C".to_owned()));
        }
        match words::meaning(&words::bare(word)) {
            Some(words::Meaning::Infinity) => {
                self.at += 1;
                self.add(Node::Constant(Constant::Infinity))
            }
            _ => self.words(),
        }
    }

    /// Reads words as a text, up to whatever is not a word.
    fn words(&mut self) -> Result<Ref, Stop> {
        let mut text = String::new();
        while let Some(Token::Word(word) | Token::Text(word)) = self.peek() {
            if !text.is_empty() {
                if self.is_word(&["or", "and", "for", "where", "if", "when"]) {
                    break;
                }
                text.push(' ');
            }
            text.push_str(word);
            self.at += 1;
        }
        if words::function(text.trim()).is_some() {
            return Err(Stop::Unsupported);
        }
        self.add(Node::Text(text))
    }

    fn command(&mut self, name: &str) -> Result<Ref, Stop> {
        self.at += 1;
        if let Some(function) = words::function(name) {
            // `\binom` has two arguments in braces, the functions of that name have brackets.
            if name != "binom" {
                return self.call(function);
            }
        }
        match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" | "sfrac" | "nicefrac" => {
                let (top, bottom) = self.two_arguments()?;
                self.add(Node::Quotient(top, bottom))
            }
            "binom" | "dbinom" | "tbinom" => {
                let (top, bottom) = self.two_arguments()?;
                self.add(Node::Call(Function::Binomial, vec![top, bottom]))
            }
            "sqrt" => self.root(2),
            "surd" => self.surd(),
            "pi" => self.add(Node::Constant(Constant::Pi)),
            "infty" => self.add(Node::Constant(Constant::Infinity)),
            "imath" => self.add(Node::Constant(Constant::I)),
            "emptyset" | "varnothing" => self.add(Node::Empty),
            "mathbb" => self.numbers(),
            "R" | "Z" | "N" | "Q" => {
                let letter = name.chars().next().unwrap_or('R');
                self.number_set(letter)
            }
            "overline" | "bar" | "hat" | "vec" | "tilde" | "widehat" | "dot" | "overrightarrow"
            | "jmath" => self.decorated(name),
            "angle" | "triangle" | "measuredangle" => self.figure(name),
            "partial" if matches!(self.peek(), Some(Token::Letter(_))) => {
                // ∂f, as dy is d times y.
                let d = self.add(Node::Symbol("d".to_owned()))?;
                let of = self.primary()?;
                self.add(Node::Product(vec![d, of]))
            }
            "sum" | "prod" => self.series(name == "prod"),
            "int" | "iint" | "iiint" | "oint" | "lim" | "partial" | "nabla" | "hbar" => {
                self.opaque(name)
            }
            _ => match words::letter(name) {
                Some(letter) => self.symbol(letter.to_owned()),
                None => Err(Stop::Unsupported),
            },
        }
    }

    /// Reads the two arguments of a fraction, with braces or without: `\frac{1}{2}`, `\frac12`.
    fn two_arguments(&mut self) -> Result<(Ref, Ref), Stop> {
        if self.peek() != Some(&Token::Open(Bracket::Group))
            && let Some((first, rest)) = self.digit_argument()
        {
            let top = self.add(Node::Number(BigRational::from_integer(first)))?;
            let bottom = match rest {
                Some(digits) => {
                    let second =
                        BigInt::parse_bytes(digits.as_bytes(), 10).filter(|_| digits.len() == 1);
                    let second = second.ok_or(Stop::Unsupported)?;
                    self.add(Node::Number(BigRational::from_integer(second)))?
                }
                None => self.argument()?,
            };
            return Ok((top, bottom));
        }
        let top = self.argument()?;
        let bottom = self.argument()?;
        Ok((top, bottom))
    }

    /// Reads one argument of a command: a group or one value.
    pub(super) fn argument(&mut self) -> Result<Ref, Stop> {
        self.nested(|parser| match parser.peek() {
            Some(Token::Open(Bracket::Group)) => {
                parser.at += 1;
                let inside = parser.nested(Self::sized)?;
                parser.expect(&Token::Close(Bracket::Group))?;
                Ok(inside)
            }
            Some(Token::Number(literal)) => {
                let digits = literal.digits().filter(|digits| digits.len() == 1);
                let value = digits
                    .and_then(|digits| digits.parse::<u32>().ok())
                    .ok_or(Stop::Unsupported)?;
                parser.at += 1;
                parser.add(Node::Number(BigRational::from_integer(value.into())))
            }
            _ => parser.primary(),
        })
    }

    /// Reads `\mathbb{R}` with what may stand behind it.
    fn numbers(&mut self) -> Result<Ref, Stop> {
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

    fn number_set(&mut self, letter: char) -> Result<Ref, Stop> {
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
    fn decorated(&mut self, name: &str) -> Result<Ref, Stop> {
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
    fn figure(&mut self, name: &str) -> Result<Ref, Stop> {
        let corners = match self.peek() {
            Some(Token::Word(word) | Token::Text(word)) => (*word).to_owned(),
            Some(Token::Letter(letter)) => letter.to_string(),
            _ => return Err(Stop::Unsupported),
        };
        self.at += 1;
        self.add(Node::Symbol(format!("{name} {corners}")))
    }

    /// A construct that is compared by its parts: what belongs to it reaches to the end.
    fn opaque(&mut self, name: &str) -> Result<Ref, Stop> {
        let mut parts = Vec::new();
        for sign in ['_', '^', '_'] {
            if self.take_sign(sign) {
                parts.push(self.opaque_bound()?);
            }
        }
        if self.starts_factor() || matches!(self.peek(), Some(Token::Open(_))) {
            parts.push(self.nested(Self::sum)?);
        }
        self.add(Node::Opaque(name.to_owned(), parts))
    }

    /// A bound of an integral or what a limit goes to.
    fn opaque_bound(&mut self) -> Result<Ref, Stop> {
        if !self.take(&Token::Open(Bracket::Group)) {
            return self.raised_bound();
        }
        let inside = self.nested(Self::list)?;
        self.expect(&Token::Close(Bracket::Group))?;
        Ok(inside)
    }

    fn raised_bound(&mut self) -> Result<Ref, Stop> {
        if self.take_sign('-') {
            let inside = self.primary()?;
            return self.add(Node::Negative(inside));
        }
        self.primary()
    }

    /// The items of a bracket that has been opened.
    pub(super) fn arguments(&mut self, bracket: Bracket) -> Result<Vec<Ref>, Stop> {
        let inside = self.nested(Self::list)?;
        self.expect(&Token::Close(bracket))?;
        Ok(match self.tree.get(inside) {
            Node::List { items, join: Join::Comma } => items.clone(),
            _ => vec![inside],
        })
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

/// A token as an index spells it.
fn spelled(token: &Token<'_>) -> String {
    match token {
        Token::Number(literal) => literal.digits().unwrap_or("?").to_owned(),
        Token::Letter(letter) | Token::Sign(letter) | Token::Other(letter) => letter.to_string(),
        Token::Word(word) | Token::Text(word) | Token::Command(word) => (*word).to_owned(),
        _ => "?".to_owned(),
    }
}
