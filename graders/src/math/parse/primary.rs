//! Values that stand for themselves: numbers, letters, words and commands.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::scalar::is_value;
use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::tree::{Constant, Join, Node};
use crate::math::words::{self, Function};

impl Parser<'_, '_> {
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
            // Money inside of a sum: `9 · $2`.
            Some(Token::Money(_)) => {
                parser.at += 1;
                parser.primary()
            }
            Some(Token::Ellipsis) => {
                parser.at += 1;
                parser.add(Node::Text("...".to_owned()))
            }
            _ => Err(Stop::Unsupported),
        })
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
            "Pr" => self.symbol("P".to_owned()),
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
        let separates = std::mem::replace(&mut self.bar_separates, bracket == Bracket::Round);
        let inside = self.nested(Self::list);
        self.bar_separates = separates;
        let inside = inside?;
        // `P(A|B)`
        if bracket == Bracket::Round
            && matches!(self.peek(), Some(Token::Sign('|') | Token::Command("mid")))
        {
            self.at += 1;
            let given = self.nested(Self::list)?;
            self.expect(&Token::Close(bracket))?;
            return Ok(vec![inside, given]);
        }
        self.expect(&Token::Close(bracket))?;
        Ok(match self.tree.get(inside) {
            Node::List { items, join: Join::Comma } => items.clone(),
            _ => vec![inside],
        })
    }
}
