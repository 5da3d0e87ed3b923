//! Text to tokens and back, with what was written by others kept apart from control tokens.
//!
//! A rendered prompt carries text of users. A spelling such as `<|end|>` in it must not become the
//! control token, so the prompt arrives *marked* (see [`super::chat`]): whatever only looks like a
//! control token is broken by a mark and is encoded as plain text.

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use tokenizers::{AddedToken, AddedVocabulary, Tokenizer};

/// The tags around reasoning.
pub(crate) const THINK_OPEN: &str = "<think>";
/// The end of [`THINK_OPEN`].
pub(crate) const THINK_CLOSE: &str = "</think>";

/// A tokenizer and its control tokens.
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    /// The same without control tokens: any text is plain to it.
    plain: Tokenizer,
    /// Control tokens by their spelling.
    control: BTreeMap<String, (u32, AddedToken)>,
}

/// Why a text could not be turned into tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    /// The tokenizer itself failed.
    #[error("the tokenizer cannot encode the prompt: {0}")]
    Tokenizer(Box<dyn std::error::Error + Send + Sync>),
    /// Even piece by piece the text becomes a control token.
    #[error("text of a message would become the control token {0}")]
    Control(u32),
}

/// A piece of a marked text.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Control(u32),
    Plain(&'a str),
}

impl Vocabulary {
    /// Reads a `tokenizer.json`.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // The tokenizers package panics on some files that are not what it expects, and on every
        // one that is not JSON.
        serde_json::from_slice::<serde_json::Value>(json)?;
        catch_unwind(|| Self::read_trusting(json))
            .unwrap_or_else(|_| Err("reading it ended in a panic".into()))
    }

    fn read_trusting(json: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut tokenizer = Tokenizer::from_bytes(json)?;
        tokenizer.with_truncation(None)?;
        tokenizer.with_padding(None);
        let (mut control, mut harmless) = (BTreeMap::new(), Vec::new());
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            // A single character cannot be broken by a mark, and runs of blanks control nothing.
            if token.content.chars().nth(1).is_none() || token.content.trim().is_empty() {
                harmless.push(token);
            } else {
                control.insert(token.content.clone(), (id, token));
            }
        }
        let mut plain = tokenizer.clone();
        plain.with_added_vocabulary(AddedVocabulary::new());
        plain.add_tokens(harmless)?;
        Ok(Self { tokenizer, plain, control })
    }

    /// Returns the highest token.
    pub(crate) fn highest(&self) -> u32 {
        self.tokenizer.get_vocab(true).into_values().max().unwrap_or(0)
    }

    /// Returns the token spelled `text`.
    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.tokenizer.token_to_id(text)
    }

    /// Returns the spellings that text of users must not contain unmarked.
    pub(crate) fn guarded(&self) -> Vec<String> {
        let tags = [THINK_OPEN, THINK_CLOSE].map(str::to_owned);
        let mut guarded: Vec<String> = self.control.keys().cloned().collect();
        guarded.extend(tags.into_iter().filter(|tag| !self.control.contains_key(tag)));
        guarded
    }

    /// Returns the tokens of a marked text, marks left out.
    pub(crate) fn encode(&self, text: &str, mark: char) -> Result<Vec<u32>, EncodeError> {
        let pieces = self.split(text);
        let wanted = pieces.iter().filter_map(|piece| match piece {
            Piece::Control(id) => Some(*id),
            Piece::Plain(_) => None,
        });
        let whole = ids(&self.tokenizer, &text.replace(mark, ""))?;
        if whole.iter().copied().filter(|id| self.is_control(*id)).eq(wanted) {
            return Ok(whole);
        }
        let mut tokens = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Control(id) => tokens.push(id),
                Piece::Plain(text) => tokens.extend(self.encode_plain(text, mark)?),
            }
        }
        Ok(tokens)
    }

    /// Returns the text of `tokens`, control tokens spelled out.
    pub(crate) fn decode(&self, tokens: &[u32]) -> String {
        self.tokenizer.decode(tokens, false).unwrap_or_default()
    }

    fn is_control(&self, id: u32) -> bool {
        self.control.values().any(|(control, _)| *control == id)
    }

    /// Encodes text that must not become a control token: whole where that works, else broken at
    /// the marks.
    fn encode_plain(&self, text: &str, mark: char) -> Result<Vec<u32>, EncodeError> {
        let whole = ids(&self.plain, &text.replace(mark, ""))?;
        if !whole.iter().any(|id| self.is_control(*id)) {
            return Ok(whole);
        }
        let mut tokens = Vec::new();
        for part in text.split(mark) {
            tokens.extend(ids(&self.plain, part)?);
        }
        match tokens.iter().find(|id| self.is_control(**id)) {
            Some(id) => Err(EncodeError::Control(*id)),
            None => Ok(tokens),
        }
    }

    /// Splits at control tokens: the leftmost first, of several there the longest.
    fn split<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let (mut plain, mut rest) = (text, text);
        while let Some(first) = rest.chars().next() {
            let here = self.control.iter().filter(|(spelling, _)| rest.starts_with(*spelling));
            let Some((spelling, (id, token))) = here.max_by_key(|(spelling, _)| spelling.len())
            else {
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let before = &plain[..plain.len() - rest.len()];
            pieces.push(Piece::Plain(if token.lstrip { before.trim_end() } else { before }));
            pieces.push(Piece::Control(*id));
            rest = &rest[spelling.len()..];
            rest = if token.rstrip { rest.trim_start() } else { rest };
            plain = rest;
        }
        pieces.push(Piece::Plain(plain));
        pieces.retain(|piece| *piece != Piece::Plain(""));
        pieces
    }
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, EncodeError> {
    let encoding = tokenizer.encode_fast(text, false).map_err(EncodeError::Tokenizer)?;
    Ok(encoding.get_ids().to_vec())
}

/// Turns tokens into text as they come, holding back a character until all its bytes are there.
#[derive(Debug, Default)]
pub(crate) struct Detokenizer {
    tokens: Vec<u32>,
    /// Where decoding starts again: a token's text can depend on the one before it.
    start: usize,
    /// Up to where text has been given out.
    given: usize,
}

impl Detokenizer {
    /// Takes one token and returns the text that became certain.
    pub(crate) fn push(&mut self, vocabulary: &Vocabulary, token: u32) -> String {
        self.tokens.push(token);
        let new = self.pending(vocabulary);
        if new.is_empty() || new.ends_with('\u{fffd}') {
            return String::new();
        }
        self.start = self.given;
        self.given = self.tokens.len();
        new
    }

    /// Returns the text that was still held back, cut characters replaced.
    pub(crate) fn finish(&self, vocabulary: &Vocabulary) -> String {
        self.pending(vocabulary)
    }

    fn pending(&self, vocabulary: &Vocabulary) -> String {
        let given = vocabulary.decode(&self.tokens[self.start..self.given]);
        let all = vocabulary.decode(&self.tokens[self.start..]);
        all.get(given.len()..).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests;
