//! Reads a text in every way that its notation allows, and says which readings of two texts may meet.

use super::Parser;
use crate::math::budget::Stop;
use crate::math::lex::{self, Lexeme, Token};
use crate::math::tree::{Node, Ref, Tree};

/// Which of two ways of reading is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
pub(super) struct Reading {
    /// `1,234` in brackets is two items.
    pub(super) commas_separate: bool,
    /// `1/2x` is 1/(2x).
    pub(super) tight_slash: bool,
    /// `\sin x/2` is the sine of x/2.
    pub(super) slash_in_argument: bool,
    /// `5 m` is five metres.
    pub(super) letter_is_unit: bool,
}

/// An answer that was read.
#[derive(Clone, Debug)]
pub(in crate::math) struct Parsed {
    pub(in crate::math) tree: Tree,
    pub(in crate::math) root: Ref,
    /// Whether a letter was read as a unit.
    letter_is_unit: bool,
    /// Whether that letter ends the answer, with a space before it: `5 m`.
    letter_apart: bool,
    /// Whether commas before three digits were read as separators of items where nothing else says that
    /// there are several.
    commas_doubtful: bool,
}

/// Whether commas were read as separators of thousands.
pub(super) fn is_grouped(lexeme: &Lexeme<'_>) -> bool {
    matches!(&lexeme.token, Token::Number(literal) if literal.grouped)
}

/// Whether two readings may be compared: a letter is a unit only beside a unit, or in an answer beside a
/// number without one.
pub(in crate::math) fn may_meet(gold: &Parsed, given: &Parsed) -> bool {
    let sized =
        |parsed: &Parsed| parsed.tree.any(parsed.root, &|node| matches!(node, Node::Quantity(..)));
    let lettered =
        |parsed: &Parsed| parsed.tree.any(parsed.root, &|node| matches!(node, Node::Symbol(_)));
    let several = |parsed: &Parsed| {
        matches!(
            parsed.tree.get(parsed.root),
            Node::List { .. }
                | Node::Tuple { .. }
                | Node::Set(_)
                | Node::Union(_)
                | Node::Matrix { .. }
        )
    };
    // `1,234` alone is a number; an answer may mean two items where the gold has several.
    let commas = (!gold.commas_doubtful || !matches!(gold.tree.get(gold.root), Node::List { .. }))
        && (!given.commas_doubtful || several(gold));
    let letters = !gold.letter_is_unit || gold.letter_apart || sized(given);
    commas && letters && (!given.letter_is_unit || !lettered(gold))
}

/// Reads `text`, which is in plain characters, in every way it can be read; the likeliest first.
pub(in crate::math) fn readings(text: &str) -> Result<Vec<Parsed>, Stop> {
    // `(1,234)` is a pair.
    let starts = ["(", "[", "{", "\\left", "\\{"].into_iter().any(|open| text.starts_with(open));
    let bracketed = starts && lex::lex(text, true)?.iter().any(is_grouped);
    let mut wanted = vec![Reading { commas_separate: bracketed, ..Reading::default() }];
    let mut tried = 0;
    let mut found = Vec::new();
    let mut first_error = None;
    let mut several = bracketed;
    while let Some(reading) = wanted.get(tried).copied() {
        tried += 1;
        let tokens = lex::lex(text, !reading.commas_separate)?;
        let mut parser = Parser::new(&tokens, reading);
        match parser.answer() {
            Ok(root) => {
                let Reading { letter_is_unit, commas_separate, .. } = reading;
                let at_root = parser.tree.get(root);
                several |= tried == 1 && matches!(at_root, Node::List { .. });
                let groups = bracketed && !commas_separate;
                if groups && !matches!(at_root, Node::Tuple { .. } | Node::Set(_)) {
                    continue;
                }
                let letter_apart = tokens
                    .last()
                    .is_some_and(|last| last.spaced && matches!(last.token, Token::Letter(_)));
                found.push(Parsed {
                    tree: parser.tree,
                    root,
                    letter_is_unit,
                    letter_apart,
                    commas_doubtful: commas_separate && !several,
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
pub(in crate::math) fn is_by_letter(gold: &Parsed, given: &Parsed) -> bool {
    gold.letter_is_unit || given.letter_is_unit
}

/// `text` as one text.
pub(in crate::math) fn text(text: &str) -> Result<Parsed, Stop> {
    let mut tree = Tree::default();
    let root = tree.add(Node::Text(text.to_owned()))?;
    Ok(Parsed { tree, root, letter_is_unit: false, letter_apart: false, commas_doubtful: false })
}

/// What could have been read otherwise.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a doubt of its own")]
pub(super) struct Doubts {
    pub(super) commas: bool,
    pub(super) slash: bool,
    pub(super) argument: bool,
    pub(super) letter: bool,
}

impl Doubts {
    /// The other readings: each doubt alone.
    fn alternatives(self, bracketed: bool) -> Vec<Reading> {
        let plain = Reading { commas_separate: bracketed, ..Reading::default() };
        let mut others = Vec::new();
        if self.commas || bracketed {
            others.push(Reading { commas_separate: !bracketed, ..plain });
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
