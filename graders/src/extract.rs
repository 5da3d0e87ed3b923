//! The final answer inside a completion: which rule found it and where it stands.
//!
//! The rules come in one order. The contract line `ANSWER: <value>` is first; where the grader is
//! mathematical, `<answer>` tags, boxes, markers, mathematics and the last number follow. A rule that
//! applies decides: a broken last box never falls back to an earlier one. What one rule does costs a
//! bounded number of looks at each byte.

mod boxes;
mod phrase;
mod reasoning;

use std::ops::Range;

use crate::grade::{Detail, Grade, Outcome, Span};

pub(crate) use reasoning::readable;

/// The most bytes of an answer that are read; of a longer one, the last.
const READ_MAX: usize = 1 << 20;
/// The most bytes of a final answer that a grade quotes.
const QUOTE_MAX: usize = 4096;

/// The part of an answer that may be graded: reasoning taken out, length bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readable<'a> {
    text: &'a str,
    /// Where it starts in the whole answer.
    start: usize,
}

impl<'a> Readable<'a> {
    /// The text.
    pub(crate) fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether nothing visible stands in it.
    pub(crate) fn is_blank(self) -> bool {
        self.text.trim().is_empty()
    }
}

/// The rule that found a final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The contract line, `ANSWER: <value>`.
    AnswerLine,
    /// The last `<answer>…</answer>`.
    AnswerTag,
    /// The last `\boxed{…}`.
    Box,
    /// A last `\boxed{` that ends with the text, its brace supplied.
    UnclosedBox,
    /// `the answer is`, `Answer:`, `####`.
    Marker,
    /// The last mathematics between delimiters.
    Mathematics,
    /// The last number.
    LastNumber,
}

impl Rule {
    /// Returns the name as a grade's detail writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::AnswerLine => "answer_line",
            Self::AnswerTag => "answer_tag",
            Self::Box => "box",
            Self::UnclosedBox => "unclosed_box",
            Self::Marker => "marker",
            Self::Mathematics => "mathematics",
            Self::LastNumber => "last_number",
        }
    }
}

/// A final answer.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a> {
    source: Readable<'a>,
    rule: Rule,
    span: Range<usize>,
    /// Other values that the same sentence offers beside it.
    also: Vec<Range<usize>>,
}

impl<'a> Found<'a> {
    fn new(source: Readable<'a>, rule: Rule, span: Range<usize>) -> Self {
        Self { source, rule, span, also: Vec::new() }
    }

    /// The final answer as written.
    pub(crate) fn text(&self) -> &'a str {
        &self.source.text[self.span.clone()]
    }

    /// The values offered beside it.
    pub(crate) fn also(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.also.iter().map(|span| &self.source.text[span.clone()])
    }

    /// The grade of this answer.
    pub(crate) fn grade(&self, outcome: Outcome, reason: Option<&str>) -> Grade {
        let start = self.source.start + self.span.start;
        let detail = Detail {
            rule: Some(self.rule.as_str().to_owned()),
            span: Some(Span { start, end: start + self.span.len() }),
            extracted: Some(quote(self.text()).to_owned()),
            reason: reason.map(str::to_owned),
            ..Detail::default()
        };
        Grade::new(outcome, detail)
    }

    /// The grade of this answer when it is wrong, and which decoy it equals.
    pub(crate) fn decoyed(&self, decoy: Option<&str>) -> Grade {
        let mut grade = self.grade(Outcome::Incorrect, None);
        grade.detail.decoy = decoy.map(str::to_owned);
        grade
    }
}

/// Why there is no final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// A reasoning block has no end.
    UnclosedReasoning,
    /// No rule applies.
    NoAnswer,
    /// A rule applies to nothing: `ANSWER:`, `\boxed{}`.
    Empty,
    /// The last box has no end.
    BrokenBox,
}

impl Missing {
    /// The grade of an answer without a final answer.
    pub(crate) fn grade(self) -> Grade {
        let reason = match self {
            Self::UnclosedReasoning => "truncated_think",
            Self::NoAnswer => "no_answer",
            Self::Empty => "empty_answer",
            Self::BrokenBox => "broken_box",
        };
        Grade::without_answer(Outcome::Unparsed, Some(reason))
    }
}

/// Finds the value of the last `ANSWER:` line, in any case.
pub(crate) fn final_line(source: Readable<'_>) -> Result<Found<'_>, Missing> {
    let span = phrase::answer_line(source.text, phrase::Case::Any, &mut 0);
    span.map_or(Err(Missing::NoAnswer), |span| found(source, Rule::AnswerLine, span))
}

/// Finds a mathematical final answer.
pub(crate) fn mathematical(source: Readable<'_>) -> Result<Found<'_>, Missing> {
    counted(source, &mut 0)
}

/// [`mathematical`], counting the bytes it looks at.
fn counted<'a>(source: Readable<'a>, steps: &mut usize) -> Result<Found<'a>, Missing> {
    let text = source.text;
    if let Some(span) = phrase::answer_line(text, phrase::Case::Upper, steps) {
        return within(source, Rule::AnswerLine, span, steps);
    }
    if let Some(span) = phrase::answer_tag(text, steps) {
        return within(source, Rule::AnswerTag, span, steps);
    }
    if let Some(last) = boxes::last(text, steps) {
        return boxed(source, last);
    }
    if let Some(span) = phrase::marker(text, steps) {
        return found(source, Rule::Marker, span);
    }
    if let Some(span) = phrase::mathematics(text, steps) {
        return found(source, Rule::Mathematics, span);
    }
    let (span, also) = phrase::last_number(text, steps).ok_or(Missing::NoAnswer)?;
    Ok(Found { also, ..Found::new(source, Rule::LastNumber, span) })
}

/// The answer inside `span`: its last box if it has one, else all of it.
fn within<'a>(
    source: Readable<'a>,
    rule: Rule,
    span: Range<usize>,
    steps: &mut usize,
) -> Result<Found<'a>, Missing> {
    let inside = Readable { text: &source.text[span.clone()], start: source.start + span.start };
    match boxes::last(inside.text, steps) {
        Some(last) => Ok(Found { rule, ..boxed(inside, last)? }),
        None => found(source, rule, span),
    }
}

/// The answer in a box.
fn boxed(source: Readable<'_>, last: boxes::LastBox) -> Result<Found<'_>, Missing> {
    match last {
        boxes::LastBox::Closed { inside, also } => {
            Ok(Found { also, ..found(source, Rule::Box, inside)? })
        }
        boxes::LastBox::EndsWithText { inside } => found(source, Rule::UnclosedBox, inside),
        boxes::LastBox::Broken => Err(Missing::BrokenBox),
    }
}

/// The answer at `span`, white space left out.
fn found(source: Readable<'_>, rule: Rule, span: Range<usize>) -> Result<Found<'_>, Missing> {
    let text = &source.text[span.clone()];
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Missing::Empty);
    }
    let start = span.start + (text.len() - text.trim_start().len());
    Ok(Found::new(source, rule, start..start + trimmed.len()))
}

/// The start of `text`, at most [`QUOTE_MAX`] bytes.
fn quote(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTE_MAX)]
}

#[cfg(test)]
mod tests;
