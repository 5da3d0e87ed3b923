//! The text of one completion as it grows: reasoning, answer, and where a stop string ended it.

use super::vocabulary::{Detokenizer, THINK_CLOSE, THINK_OPEN, Vocabulary};
use crate::completion::{Reasoning, ReasoningKind};

/// The text of one completion so far.
#[derive(Debug)]
pub(crate) struct Transcript {
    detokenizer: Detokenizer,
    text: String,
    phase: Phase,
    /// Where the reasoning's text begins and ends, once it has begun.
    reasoning: Option<(usize, usize)>,
    stop: Vec<String>,
    stopped_at: Option<usize>,
    tokens: usize,
    reasoning_tokens: usize,
}

/// What the next token belongs to. Places are bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// So far only blanks, or the first letters of an opening tag.
    Undecided,
    Reasoning,
    /// From this place on.
    Answer(usize),
}

impl Transcript {
    /// Starts a text; `open` says that the prompt ended inside a think block.
    pub(crate) fn new(open: bool, stop: &[String]) -> Self {
        Self {
            detokenizer: Detokenizer::default(),
            text: String::new(),
            phase: if open { Phase::Reasoning } else { Phase::Undecided },
            reasoning: open.then_some((0, 0)),
            stop: stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            stopped_at: None,
            tokens: 0,
            reasoning_tokens: 0,
        }
    }

    /// Takes one token.
    pub(crate) fn push(&mut self, vocabulary: &Vocabulary, token: u32) {
        let was = self.phase;
        let new = self.detokenizer.push(vocabulary, token);
        self.tokens += 1;
        self.grow(&new);
        if was == Phase::Reasoning {
            self.reasoning_tokens += 1;
        } else if self.phase == Phase::Reasoning {
            self.reasoning_tokens = self.tokens;
        }
    }

    /// Takes the token that ends the text and is not part of it.
    pub(crate) fn push_end(&mut self) {
        self.tokens += 1;
    }

    /// Returns the tokens so far, the last one included where it ended the text.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Returns the tokens of the reasoning, tags included.
    pub(crate) fn reasoning_tokens(&self) -> usize {
        self.reasoning_tokens
    }

    /// Returns whether the next token is still reasoning.
    pub(crate) fn in_reasoning(&self) -> bool {
        self.phase == Phase::Reasoning
    }

    /// Returns whether a stop string has come.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped_at.is_some()
    }

    /// Adds what was held back, at the end of the text.
    pub(crate) fn finish(&mut self, vocabulary: &Vocabulary) {
        if !self.stopped() {
            let rest = self.detokenizer.finish(vocabulary);
            self.grow(&rest);
        }
    }

    /// Returns the whole generated text, tags included.
    pub(crate) fn whole(&self) -> &str {
        &self.text
    }

    /// Returns the reasoning.
    pub(crate) fn reasoning(&self) -> Reasoning {
        match self.reasoning {
            None => Reasoning::default(),
            Some((start, end)) => Reasoning {
                kind: ReasoningKind::InlineTags,
                text: self.text[start..end].trim().to_owned(),
            },
        }
    }

    /// Returns the answer, up to a stop string.
    pub(crate) fn answer(&self) -> &str {
        let end = self.stopped_at.unwrap_or(self.text.len());
        match self.phase {
            Phase::Undecided => &self.text[..end],
            Phase::Reasoning => "",
            Phase::Answer(start) if self.reasoning.is_some() => self.text[start..end].trim_start(),
            Phase::Answer(start) => &self.text[start..end],
        }
    }

    /// Adds text and moves on to the phase it leads to.
    fn grow(&mut self, new: &str) {
        let mut from = self.text.len();
        self.text.push_str(new);
        if self.phase == Phase::Undecided {
            let begun = self.text.trim_start();
            if begun.starts_with(THINK_OPEN) {
                from = self.text.len() - begun.len() + THINK_OPEN.len();
                self.reasoning = Some((from, from));
                self.phase = Phase::Reasoning;
            } else if !THINK_OPEN.starts_with(begun) {
                from = 0;
                self.phase = Phase::Answer(0);
            }
        }
        if self.phase == Phase::Reasoning {
            from = self.reason(from);
        }
        if let Phase::Answer(start) = self.phase {
            self.find_stop(start.max(from));
        }
    }

    /// Looks for the end of the reasoning in the text from `from` on; returns where to go on.
    fn reason(&mut self, from: usize) -> usize {
        let start = self.reasoning.map_or(from, |(start, _)| start);
        let near = self.back(from, THINK_CLOSE.len() - 1).max(start);
        let found = self.text[near..].find(THINK_CLOSE).map(|place| near + place);
        self.reasoning = Some((start, found.unwrap_or(self.text.len())));
        let Some(end) = found else { return from };
        let answer = end + THINK_CLOSE.len();
        self.phase = Phase::Answer(answer);
        answer
    }

    /// Looks for the first stop string of the answer in the text from `from` on.
    fn find_stop(&mut self, from: usize) {
        let Phase::Answer(start) = self.phase else { return };
        let longest = self.stop.iter().map(String::len).max().unwrap_or(1);
        let near = self.back(from, longest - 1).max(start);
        let places = self.stop.iter().filter_map(|stop| self.text[near..].find(stop.as_str()));
        self.stopped_at = places.min().map(|place| near + place);
    }

    /// Returns the start of a character at least `count` bytes before `place`.
    fn back(&self, place: usize, count: usize) -> usize {
        self.text.floor_char_boundary(place.saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `pieces` as if each were one token's text and returns reasoning, answer and whether a
    /// stop string came.
    fn feed(open: bool, stop: &[&str], pieces: &[&str]) -> (String, String, bool) {
        let stop: Vec<String> = stop.iter().map(|&stop| stop.to_owned()).collect();
        let mut transcript = Transcript::new(open, &stop);
        for piece in pieces {
            if !transcript.stopped() {
                transcript.grow(piece);
            }
        }
        let reasoning = transcript.reasoning().text;
        (reasoning, transcript.answer().to_owned(), transcript.stopped())
    }

    #[track_caller]
    fn check(open: bool, stop: &[&str], text: &str, expected: (&str, &str, bool)) {
        let expected = (expected.0.to_owned(), expected.1.to_owned(), expected.2);
        assert_eq!(feed(open, stop, &[text]), expected, "{text:?} in one piece");
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(feed(open, stop, &letters), expected, "{text:?} letter by letter");
    }

    #[test]
    fn reasoning_is_what_stands_between_the_tags() {
        check(false, &[], "<think>a b</think>\n\n42", ("a b", "42", false));
        check(false, &[], "\n<think>\nü</think>é", ("ü", "é", false));
        check(true, &[], "a b</think> 42", ("a b", "42", false));
        check(true, &[], "never closed </thin", ("never closed </thin", "", false));
        check(false, &[], "<think>", ("", "", false));
    }

    #[test]
    fn tags_inside_the_answer_are_text() {
        check(false, &[], "I say <think>no</think>", ("", "I say <think>no</think>", false));
        check(false, &[], "<thin ice>", ("", "<thin ice>", false));
        check(false, &[], " <th", ("", " <th", false));
        check(false, &[], "", ("", "", false));
    }

    #[test]
    fn the_first_stop_string_of_the_answer_ends_it() {
        check(false, &["END"], "42 END more", ("", "42 ", true));
        check(false, &["ßx", "b"], "aßxb", ("", "a", true));
        check(false, &["x"], "<think>x</think>yxz", ("x", "y", true));
        check(true, &["\n\n"], "a\n\nb</think>c\n\nd", ("a\n\nb", "c", true));
        check(false, &["", "zz"], "z", ("", "z", false));
    }
}
