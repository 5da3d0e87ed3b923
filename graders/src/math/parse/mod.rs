//! Reads an answer into a tree: one grammar for LaTeX and plain notation.
//!
//! ```text
//! answer    = list
//! list      = statement { (, | ; | or | and) statement } [ (for | where | if) list ]
//! statement = sized { relation sized }
//! sized     = set [ unit ]
//! set       = sum { (∪ | ∩ | \) sum }
//! sum       = [sign] term { (+ | - | ±) term }
//! term      = factor { [* | /] factor }
//! factor    = { - } primary { ^ exponent | ! | % | ° }
//! ```
//!
//! Where the notation can be read in two ways (`1/2x`, `\sin x/2`, `1,234` in brackets) a [`Reading`]
//! says which is meant; the parser notes what was in doubt, and [`readings`] reads again.

mod bracket;
mod call;
mod digits;
mod measure;
mod primary;
mod reading;
mod scalar;
mod symbol;

pub(super) use reading::{Parsed, is_by_letter, may_meet, readings, text};
pub(super) use scalar::is_value;

use num_integer::Integer;

use self::reading::{Doubts, Reading, is_grouped};
use super::budget::Stop;
use super::lex::number::Literal;
use super::lex::{Bracket, Lexeme, Relation, Token};
use super::tree::{Join, Node, Ref, Tree};

/// The most items of a list, a tuple or a set.
const ITEMS_MAX: usize = 1024;
/// The deepest that the grammar calls itself.
const NESTING_MAX: u32 = 800;

struct Parser<'t, 'a> {
    tokens: &'t [Lexeme<'a>],
    at: usize,
    tree: Tree,
    reading: Reading,
    doubts: Doubts,
    nesting: u32,
    /// How many `|` are open.
    bars: u32,
    /// Whether a `|` here stands before the conditions of a set.
    bar_separates: bool,
}

impl<'t, 'a> Parser<'t, 'a> {
    fn new(tokens: &'t [Lexeme<'a>], reading: Reading) -> Self {
        let letter = |pair: &[Lexeme<'_>]| match (&pair[0].token, &pair[1].token) {
            (Token::Number(_) | Token::Close(_), Token::Letter(letter)) => {
                crate::math::unit::is_letter(*letter)
            }
            (Token::Number(_), Token::Command("frac" | "dfrac" | "tfrac")) => true,
            _ => false,
        };
        let doubts = Doubts {
            commas: tokens.iter().any(is_grouped),
            letter: tokens.windows(2).any(letter),
            ..Doubts::default()
        };
        Self {
            tokens,
            at: 0,
            tree: Tree::default(),
            reading,
            doubts,
            nesting: 0,
            bars: 0,
            bar_separates: false,
        }
    }

    fn peek(&self) -> Option<&'t Token<'a>> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at + ahead).map(|lexeme| &lexeme.token)
    }

    /// Whether a space stands before the next token.
    fn is_spaced(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|lexeme| lexeme.spaced)
    }

    fn is_sign(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    /// Takes the next token where it is `token`.
    fn take(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: char) -> bool {
        self.take(&Token::Sign(sign))
    }

    fn expect(&mut self, token: &Token<'_>) -> Result<(), Stop> {
        if self.take(token) { Ok(()) } else { Err(Stop::Unsupported) }
    }

    fn add(&mut self, node: Node) -> Result<Ref, Stop> {
        self.tree.add(node)
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.nesting >= NESTING_MAX {
            return Err(Stop::Limit);
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Reads all of the tokens.
    fn answer(&mut self) -> Result<Ref, Stop> {
        if let Some((quotient, rest)) = self.with_remainder() {
            self.at = self.tokens.len();
            let [quotient, rest] = [quotient, rest].map(Literal::value);
            let (quotient, rest) =
                quotient.and_then(|q| Ok((q, rest?))).map_err(|_| Stop::Limit)?;
            return self.add(Node::Text(format!("{quotient} remainder {rest}")));
        }
        let root = self.list()?;
        if self.at == self.tokens.len() { Ok(root) } else { Err(Stop::Unsupported) }
    }

    /// A quotient and what is left, where that is all: `12 R 5`.
    fn with_remainder(&self) -> Option<(&'t Literal<'a>, &'t Literal<'a>)> {
        let [quotient, mark, rest] = self.tokens else { return None };
        let marked = match &mark.token {
            Token::Letter(letter) => matches!(letter, 'R' | 'r'),
            Token::Word(word) | Token::Text(word) => {
                matches!(*word, "R" | "r" | "rem" | "remainder")
            }
            _ => false,
        };
        match (&quotient.token, &rest.token) {
            (Token::Number(quotient), Token::Number(rest)) if marked => Some((quotient, rest)),
            _ => None,
        }
    }

    /// Reads statements up to whatever ends them.
    fn list(&mut self) -> Result<Ref, Stop> {
        let mut items = vec![self.statement()?];
        let mut join = Join::Comma;
        while let Some(next) = self.separator() {
            if next != Join::Comma {
                join = next;
            }
            if self.is_end() {
                break;
            }
            if self.is_condition() {
                return self.conditions(items, join);
            }
            if items.len() >= ITEMS_MAX {
                return Err(Stop::Limit);
            }
            items.push(self.statement()?);
        }
        if self.is_condition() {
            return self.conditions(items, join);
        }
        self.limited(items, join)
    }

    /// Items, of which the last may say for which letters the others hold: `2kπ, k ∈ ℤ`; `x-3, x ≠ -3`.
    fn limited(&mut self, items: Vec<Ref>, join: Join) -> Result<Ref, Stop> {
        let relation = |at: &Ref| match self.tree.get(*at) {
            Node::Relations(_, rest) => match rest[..] {
                [(relation, right)] => Some((relation, right)),
                _ => None,
            },
            _ => None,
        };
        let is_inequality = items.first().is_some_and(|first| match self.tree.get(*first) {
            Node::Relations(_, rest) => rest.iter().all(|(relation, _)| {
                !matches!(relation, Relation::Equal | Relation::In | Relation::Implies)
            }),
            _ => false,
        });
        let limits = |at: &Ref| match relation(at) {
            Some((Relation::In, set)) => {
                matches!(self.tree.get(set), Node::Numbers(_) | Node::Text(_))
            }
            Some((Relation::NotEqual, _)) => !is_inequality && join != Join::Or,
            _ => false,
        };
        let kept = items.iter().rposition(|item| !limits(item)).map_or(0, |at| at + 1);
        if kept == 0 || kept == items.len() {
            return self.joined(items, join);
        }
        let rest = items[kept..].to_vec();
        let body = self.joined(items[..kept].to_vec(), join)?;
        self.add(Node::Where(body, rest))
    }

    /// One item alone, or a list.
    fn joined(&mut self, mut items: Vec<Ref>, join: Join) -> Result<Ref, Stop> {
        // `2 hours and 30 minutes`
        if let ([large, small], Join::And) = (&items[..], join)
            && let (Node::Quantity(_, unit), Node::Quantity(_, part)) =
                (self.tree.get(*large), self.tree.get(*small))
            && unit.known
            && part.known
            && !unit.is_bare()
            && unit.measures_as(part)
            && part.size < unit.size
        {
            return self.together(*large, *small);
        }
        match items.pop() {
            Some(only) if items.is_empty() => Ok(only),
            Some(last) => {
                items.push(last);
                self.add(Node::List { items, join })
            }
            None => Err(Stop::Unsupported),
        }
    }

    /// Whether a bracket here holds a condition: `1/x (x ≠ 0)`.
    fn is_bracketed_condition(&self) -> bool {
        if self.peek() != Some(&Token::Open(Bracket::Round)) {
            return false;
        }
        let mut ahead = 1;
        let mut related = false;
        loop {
            match self.peek_at(ahead) {
                Some(Token::Close(Bracket::Round)) => return related,
                Some(Token::Relation(relation)) => related |= *relation != Relation::Equal,
                None | Some(Token::Open(Bracket::Round) | Token::Sign(',')) => return false,
                _ => {}
            }
            ahead += 1;
        }
    }

    /// Whether the next token introduces a condition.
    fn is_condition(&self) -> bool {
        if self.is_bracketed_condition() || self.peek() == Some(&Token::Command("forall")) {
            return true;
        }
        self.is_word(&["for", "where", "if", "when", "with", "such"])
    }

    /// Reads `for …`, `where …`: what limits the statements before it.
    fn conditions(&mut self, items: Vec<Ref>, join: Join) -> Result<Ref, Stop> {
        let body = self.joined(items, join)?;
        if self.is_bracketed_condition() {
            self.at += 1;
            let condition = self.nested(Self::list)?;
            self.expect(&Token::Close(Bracket::Round))?;
            return self.add(Node::Where(body, vec![condition]));
        }
        self.take(&Token::Command("forall"));
        while self.is_word(&[
            "for", "where", "if", "when", "with", "such", "that", "all", "any", "some", "every",
            "each",
        ]) {
            self.at += 1;
        }
        let start = self.at;
        let Ok(rest) = self.nested(Self::list) else {
            // `where n is an integer`: words limit nothing that is compared.
            self.at = start;
            let in_words = |lexeme: &Lexeme<'_>| {
                matches!(
                    lexeme.token,
                    Token::Word(_) | Token::Text(_) | Token::Letter(_) | Token::Sign('.')
                )
            };
            if !self.tokens[start..].iter().all(in_words) {
                return Err(Stop::Unsupported);
            }
            self.at = self.tokens.len();
            return self.add(Node::Where(body, Vec::new()));
        };
        let rest = match self.tree.get(rest) {
            Node::List { items, .. } => items.clone(),
            _ => vec![rest],
        };
        // `42 if x > 0, 43 otherwise` has two values.
        let is_relation = |at: &Ref| matches!(self.tree.get(*at), Node::Relations(..));
        if !rest.iter().all(is_relation) {
            return Err(Stop::Unsupported);
        }
        self.add(Node::Where(body, rest))
    }

    /// Whether the next token is one of `words`, in `\text` or not.
    fn is_word(&self, words: &[&str]) -> bool {
        let word = match self.peek() {
            Some(Token::Word(word) | Token::Text(word)) => *word,
            _ => return false,
        };
        words.iter().any(|known| known.eq_ignore_ascii_case(word))
    }

    /// Takes what separates two items.
    fn separator(&mut self) -> Option<Join> {
        let mut found = None;
        loop {
            let join = match self.peek() {
                Some(Token::Sign(',' | ';') | Token::Row) => Join::Comma,
                Some(Token::Command("lor" | "vee")) => Join::Or,
                Some(Token::Command("land" | "wedge")) => Join::And,
                Some(Token::Sign('&')) if self.nesting == 0 => Join::Comma,
                Some(Token::Word(_) | Token::Text(_)) if self.is_word(&["or"]) => Join::Or,
                Some(Token::Word(_) | Token::Text(_)) if self.is_word(&["and"]) => Join::And,
                _ => return found,
            };
            self.at += 1;
            found = Some(match found {
                None | Some(Join::Comma) => join,
                Some(other) => other,
            });
        }
    }

    /// Whether nothing more stands on this level.
    fn is_end(&self) -> bool {
        matches!(self.peek(), None | Some(Token::Close(_) | Token::End(_)))
    }

    /// Reads a chain of relations, or what stands alone.
    fn statement(&mut self) -> Result<Ref, Stop> {
        while self.is_word(&["either", "both", "is"]) {
            self.at += 1;
        }
        let first = self.nested(Self::sized)?;
        let mut rest = Vec::new();
        while let Some(Token::Relation(relation)) = self.peek() {
            self.at += 1;
            rest.push((*relation, self.related(*relation)?));
        }
        let ratio = self.is_sign(':') && !self.bar_separates || self.is_word(&["to"]);
        if ratio && rest.is_empty() {
            return self.ratio(first);
        }
        if rest.is_empty() { Ok(first) } else { self.add(Node::Relations(first, rest)) }
    }

    /// The right side of a relation; a congruence may name its modulus.
    fn related(&mut self, relation: Relation) -> Result<Ref, Stop> {
        let side = self.nested(Self::sized)?;
        if relation == Relation::Congruent && self.take(&Token::Command("pmod")) {
            let modulus = self.nested(Self::primary)?;
            return self.add(Node::Opaque("pmod".to_owned(), vec![side, modulus]));
        }
        Ok(side)
    }

    /// Reads `a : b : c`.
    fn ratio(&mut self, first: Ref) -> Result<Ref, Stop> {
        let mut parts = vec![first];
        while self.take_sign(':') || self.take_word("to") {
            if parts.len() >= ITEMS_MAX {
                return Err(Stop::Limit);
            }
            // A zero in front is how a time is written, which is a text.
            if let Some(Token::Number(literal)) = self.peek()
                && literal
                    .digits()
                    .is_some_and(|digits| digits.len() > 1 && digits.starts_with('0'))
            {
                return Err(Stop::Unsupported);
            }
            parts.push(self.nested(Self::sized)?);
        }
        if self.is_time(&parts) {
            return Err(Stop::Unsupported);
        }
        self.add(Node::Ratio(parts))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(&[word]);
        self.at += usize::from(found);
        found
    }

    /// Whether two numbers are a time of day: a ratio would have been reduced.
    fn is_time(&self, parts: &[Ref]) -> bool {
        let whole = |at: Ref| match self.tree.get(at) {
            Node::Number(value) if value.is_integer() => u32::try_from(value.numer()).ok(),
            Node::Quantity(inner, _) => match self.tree.get(*inner) {
                Node::Number(value) => u32::try_from(value.numer()).ok(),
                _ => None,
            },
            _ => None,
        };
        match *parts {
            [hours, minutes] => match (whole(hours), whole(minutes)) {
                (Some(h), Some(m)) => h <= 24 && (10..60).contains(&m) && h.gcd(&m) > 1,
                _ => false,
            },
            _ => false,
        }
    }

    /// Reads sets joined by their operators.
    fn set(&mut self) -> Result<Ref, Stop> {
        let mut left = self.sum()?;
        loop {
            let between = match self.peek() {
                Some(Token::Command("cup" | "bigcup")) => Join::Or,
                Some(Token::Letter('U' | 'u') | Token::Word("U" | "union"))
                    if self.joins_sets() =>
                {
                    Join::Or
                }
                Some(Token::Command("over")) => {
                    self.at += 1;
                    let below = self.sum()?;
                    left = self.add(Node::Quotient(left, below))?;
                    continue;
                }
                Some(Token::Command("cap" | "bigcap")) => Join::And,
                Some(Token::Command("setminus" | "backslash" | "smallsetminus")) => {
                    self.at += 1;
                    let right = self.set_operand()?;
                    left = self.add(Node::Difference(left, right))?;
                    continue;
                }
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.set_operand()?;
            left = self.add(match between {
                Join::Or => Node::Union(vec![left, right]),
                _ => Node::Intersection(vec![left, right]),
            })?;
        }
    }

    /// Reads a set behind an operator; braces without backslashes are meant as those of a set there.
    fn set_operand(&mut self) -> Result<Ref, Stop> {
        let operand = self.sum()?;
        match self.tree.get(operand) {
            Node::List { items, join: Join::Comma } => {
                let items = items.clone();
                self.add(Node::Set(items))
            }
            _ => Ok(operand),
        }
    }

    /// Whether the letter here stands between two brackets, as the U in `(1,2)U(3,4)`.
    fn joins_sets(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let closes = before.is_some_and(|lexeme| matches!(lexeme.token, Token::Close(_)));
        let opens = matches!(
            self.peek_at(1),
            Some(Token::Open(Bracket::Round | Bracket::Square | Bracket::Curly))
        );
        closes && opens
    }
}
