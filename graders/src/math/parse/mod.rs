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
mod scalar;
mod symbol;

pub(super) use scalar::is_value;

use num_integer::Integer;

use super::budget::Stop;
use super::lex::{self, Bracket, Lexeme, Relation, Token};
use super::tree::{Join, Node, Ref, Tree};

/// The most items of a list, a tuple or a set.
const ITEMS_MAX: usize = 1024;
/// The deepest that the grammar calls itself.
const NESTING_MAX: u32 = 800;

/// Which of two ways of reading is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
struct Reading {
    /// `1,234` in brackets is two items.
    commas_separate: bool,
    /// `1/2x` is 1/(2x).
    tight_slash: bool,
    /// `\sin x/2` is the sine of x/2.
    slash_in_argument: bool,
    /// `5 m` is five metres.
    letter_is_unit: bool,
}

/// An answer that was read.
#[derive(Clone, Debug)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    pub(super) root: Ref,
    /// Whether a letter was read as a unit.
    letter_is_unit: bool,
    /// Whether that letter ends the answer, with a space before it: `5 m`.
    letter_apart: bool,
    /// Whether commas before three digits were read as separators of items.
    commas_separate: bool,
}

/// Whether commas were read as separators of thousands.
fn is_grouped(lexeme: &Lexeme<'_>) -> bool {
    matches!(&lexeme.token, Token::Number(literal) if literal.grouped)
}

/// Whether two readings may be compared: a letter is a unit only beside a unit, or in an answer beside a
/// number without one.
pub(super) fn may_meet(gold: &Parsed, given: &Parsed) -> bool {
    let sized =
        |parsed: &Parsed| parsed.tree.any(parsed.root, &|node| matches!(node, Node::Quantity(..)));
    let lettered =
        |parsed: &Parsed| parsed.tree.any(parsed.root, &|node| matches!(node, Node::Symbol(_)));
    let several = |parsed: &Parsed| {
        matches!(
            parsed.tree.get(parsed.root),
            Node::List { .. } | Node::Tuple { .. } | Node::Set(_) | Node::Union(_)
        )
    };
    // `1,234` alone is a number; an answer may mean two items where the gold has several.
    let commas = (!gold.commas_separate || !matches!(gold.tree.get(gold.root), Node::List { .. }))
        && (!given.commas_separate || several(gold));
    let letters = !gold.letter_is_unit || gold.letter_apart || sized(given);
    commas && letters && (!given.letter_is_unit || !lettered(gold))
}

/// Reads `text`, which is in plain characters, in every way it can be read; the likeliest first.
pub(super) fn readings(text: &str) -> Result<Vec<Parsed>, Stop> {
    // `(1,234)` is a pair.
    let starts = ["(", "[", "{", "\\left", "\\{"].into_iter().any(|open| text.starts_with(open));
    let bracketed = starts && lex::lex(text, true)?.iter().any(is_grouped);
    let mut wanted = vec![Reading { commas_separate: bracketed, ..Reading::default() }];
    let mut tried = 0;
    let mut found = Vec::new();
    let mut first_error = None;
    while let Some(reading) = wanted.get(tried).copied() {
        tried += 1;
        let tokens = lex::lex(text, !reading.commas_separate)?;
        let mut parser = Parser::new(&tokens, reading);
        match parser.answer() {
            Ok(root) => {
                let Reading { letter_is_unit, commas_separate, .. } = reading;
                let letter_apart = tokens
                    .last()
                    .is_some_and(|last| last.spaced && matches!(last.token, Token::Letter(_)));
                found.push(Parsed {
                    tree: parser.tree,
                    root,
                    letter_is_unit,
                    letter_apart,
                    commas_separate,
                });
            }
            Err(Stop::Limit) => return Err(Stop::Limit),
            Err(stop) => first_error = first_error.or(Some(stop)),
        }
        if tried == 1 {
            wanted.extend(parser.doubts.alternatives(bracketed));
        }
    }
    match first_error {
        Some(stop) if found.is_empty() => Err(stop),
        _ => Ok(found),
    }
}

/// Whether a letter was read as a unit on either side.
pub(super) fn is_by_letter(gold: &Parsed, given: &Parsed) -> bool {
    gold.letter_is_unit || given.letter_is_unit
}

/// `text` as one text.
pub(super) fn text(text: &str) -> Result<Parsed, Stop> {
    let mut tree = Tree::default();
    let root = tree.add(Node::Text(text.to_owned()))?;
    Ok(Parsed { tree, root, letter_is_unit: false, letter_apart: false, commas_separate: false })
}

/// What could have been read otherwise.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
struct Doubts {
    commas: bool,
    slash: bool,
    argument: bool,
    letter: bool,
}

impl Doubts {
    /// The other readings: each doubt alone.
    fn alternatives(self, bracketed: bool) -> Vec<Reading> {
        let plain = Reading { commas_separate: bracketed, ..Reading::default() };
        let mut others = Vec::new();
        if self.commas {
            others.push(Reading { commas_separate: true, ..plain });
        }
        if self.slash {
            others.push(Reading { tight_slash: true, ..plain });
        }
        if self.argument {
            others.push(Reading { slash_in_argument: true, ..plain });
        }
        if self.letter {
            others.push(Reading { letter_is_unit: true, ..plain });
        }
        others
    }
}

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
        let root = self.list()?;
        if self.at == self.tokens.len() { Ok(root) } else { Err(Stop::Unsupported) }
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
