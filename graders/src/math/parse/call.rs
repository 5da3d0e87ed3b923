//! Functions with their powers, bases and arguments.

use num_rational::BigRational;
use num_traits::One;

use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::lex::Relation;
use crate::math::tree::Node;
use crate::math::words::{self, Function};

impl Parser<'_, '_> {
    /// Reads what belongs to a function whose name has been read.
    pub(super) fn call(&mut self, function: Function) -> Result<Ref, Stop> {
        let mut function = function;
        let base = if function == Function::Log && self.take_sign('_') {
            Some(self.nested(Self::argument_number)?)
        } else {
            None
        };
        let mut power = None;
        if self.is_sign('^') {
            let exponent = self.exponent()?;
            match function.inverse() {
                Some(inverse) if self.is_minus_one(exponent) => function = inverse,
                _ => power = Some(exponent),
            }
        }
        // `\max = 5`: a name.
        if power.is_none() && (matches!(self.peek(), Some(Token::Relation(_))) || self.is_end()) {
            return self.add(Node::Symbol(format!("{function:?}").to_lowercase()));
        }
        let mut arguments = self.function_arguments(function)?;
        if let Some(base) = base {
            if arguments.len() != 1 {
                return Err(Stop::Unsupported);
            }
            arguments.push(base);
        } else if arguments.len() > 1 && !function.is_variadic() && function != Function::Log {
            return Err(Stop::Unsupported);
        }
        let call = self.add(Node::Call(function, arguments))?;
        match power {
            Some(power) => self.add(Node::Power(call, power)),
            None => Ok(call),
        }
    }

    /// A base at the foot: a group, or a number in full.
    fn argument_number(&mut self) -> Result<Ref, Stop> {
        match self.peek() {
            Some(Token::Open(Bracket::Group)) => self.argument(),
            _ => self.primary(),
        }
    }

    fn is_minus_one(&self, at: Ref) -> bool {
        match self.tree.get(at) {
            Node::Negative(one) => {
                matches!(self.tree.get(*one), Node::Number(value) if value.is_one())
            }
            Node::Number(value) => (-value).is_one(),
            _ => false,
        }
    }

    /// Reads arguments in brackets, or the product that follows.
    fn function_arguments(&mut self, function: Function) -> Result<Vec<Ref>, Stop> {
        match self.peek() {
            Some(Token::Open(bracket @ (Bracket::Round | Bracket::Square | Bracket::Curly))) => {
                self.at += 1;
                self.arguments(*bracket)
            }
            Some(Token::Open(Bracket::Group)) => Ok(vec![self.argument()?]),
            _ => Ok(vec![self.bare_argument(function)?]),
        }
    }

    /// Reads an argument without brackets: factors side by side, up to a sum, a function or a bracket.
    fn bare_argument(&mut self, function: Function) -> Result<Ref, Stop> {
        let mut factors = vec![self.signed_factor()?];
        while self.continues_argument() {
            factors.push(self.factor()?);
        }
        let mut value = match factors[..] {
            [only] => only,
            _ => self.add(Node::Product(factors))?,
        };
        if self.is_sign('/') && function != Function::Det {
            self.doubts.argument = true;
            if self.reading.slash_in_argument {
                self.at += 1;
                let bottom = self.factor()?;
                value = self.add(Node::Quotient(value, bottom))?;
            }
        }
        Ok(value)
    }

    fn signed_factor(&mut self) -> Result<Ref, Stop> {
        if self.take(&Token::Command("pm")) {
            let operand = self.factor()?;
            return self.add(Node::PlusMinus { operand, flipped: false });
        }
        self.factor()
    }

    /// Whether the next token goes on with the argument before it.
    fn continues_argument(&self) -> bool {
        match self.peek() {
            Some(Token::Letter('e')) => self.peek_at(1) != Some(&Token::Sign('^')),
            Some(Token::Letter(_)) => self.starts_factor(),
            Some(Token::Word(word)) => words::function(word).is_none() && self.starts_factor(),
            Some(Token::Command("pi")) => true,
            Some(Token::Command("sqrt" | "frac" | "dfrac" | "tfrac")) => {
                let before = self.at.checked_sub(1).map(|at| &self.tokens[at].token);
                matches!(before, Some(Token::Number(_)))
            }
            Some(Token::Command(name)) => words::letter(name).is_some(),
            _ => false,
        }
    }

    /// Reads a root behind its command: an index in brackets, and what is under the sign.
    pub(super) fn root(&mut self, degree: u32) -> Result<Ref, Stop> {
        let mut degree = self.whole(degree)?;
        if self.take(&Token::Open(Bracket::Square)) {
            degree = self.nested(Self::sized)?;
            self.expect(&Token::Close(Bracket::Square))?;
        }
        let radicand = match self.peek() {
            Some(Token::Open(bracket @ Bracket::Round)) => {
                self.at += 1;
                let mut inside = self.arguments(*bracket)?;
                match (inside.pop(), inside.pop()) {
                    (Some(only), None) => only,
                    _ => return Err(Stop::Unsupported),
                }
            }
            Some(Token::Open(Bracket::Group)) => self.argument()?,
            // `\sqrt13` prints as √1·3, but nobody means that.
            _ => self.primary()?,
        };
        self.add(Node::Call(Function::Root, vec![radicand, degree]))
    }

    /// Reads a root sign of one character: it covers a number in full, a letter or a bracket.
    pub(super) fn surd(&mut self) -> Result<Ref, Stop> {
        self.root(2)
    }

    pub(super) fn whole(&mut self, value: u32) -> Result<Ref, Stop> {
        self.add(Node::Number(BigRational::from_integer(value.into())))
    }

    /// Reads a sum or a product over whole numbers.
    pub(super) fn series(&mut self, product: bool) -> Result<Ref, Stop> {
        let (mut low, mut to) = (None, None);
        for _ in 0..2 {
            if self.take_sign('_') {
                low = Some(self.lower_bound()?);
            } else if self.is_sign('^') {
                to = Some(self.exponent()?);
            }
        }
        let body = self.nested(Self::term)?;
        if let (Some((index, from)), Some(to)) = (low, to) {
            return self.add(Node::Series { product, index, from, to, body });
        }
        let name = if product { "prod" } else { "sum" };
        self.add(Node::Opaque(name.to_owned(), vec![body]))
    }

    /// Reads `k=1` in braces.
    fn lower_bound(&mut self) -> Result<(String, Ref), Stop> {
        self.expect(&Token::Open(Bracket::Group))?;
        let index = match self.peek() {
            Some(Token::Letter(letter)) => letter.to_string(),
            _ => return Err(Stop::Unsupported),
        };
        self.at += 1;
        self.expect(&Token::Relation(Relation::Equal))?;
        let from = self.nested(Self::sized)?;
        self.expect(&Token::Close(Bracket::Group))?;
        Ok((index, from))
    }
}
