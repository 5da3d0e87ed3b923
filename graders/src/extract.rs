//! The final answer inside a completion: which rule found it and where it stands.
//!
//! The rules come in one order. The contract line `ANSWER: <value>` is first; where the grader is
//! mathematical, `<answer>` tags, boxes, markers, mathematics and the last number follow. A rule that
//! applies decides: a broken last box never falls back to an earlier one. What one rule does costs a
//! bounded number of looks at each byte.

mod boxes;
mod choice;
mod marker;
mod mathematics;
mod phrase;
mod prose;
mod reasoning;

use std::ops::Range;

use crate::grade::{Detail, Grade, Outcome, Span};
use crate::math;

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
    /// The letter of an option, announced, in brackets or in bold.
    Choice,
    /// `the answer is`, `Answer:`, `####`.
    Marker,
    /// The last mathematics between delimiters.
    Mathematics,
    /// What is bold on the last line.
    Bold,
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
            Self::Choice => "choice",
            Self::Marker => "marker",
            Self::Mathematics => "mathematics",
            Self::Bold => "bold",
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

    /// The start of it, as a grade quotes it.
    pub(crate) fn quoted(&self) -> &'a str {
        quote(self.text())
    }

    /// The name of the rule that found it.
    pub(crate) fn rule(&self) -> &'static str {
        self.rule.as_str()
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
    /// The name, as a grade's detail writes it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::UnclosedReasoning => "truncated_think",
            Self::NoAnswer => "no_answer",
            Self::Empty => "empty_answer",
            Self::BrokenBox => "broken_box",
        }
    }

    /// The grade of an answer without a final answer.
    pub(crate) fn grade(self) -> Grade {
        Grade::without_answer(Outcome::Unparsed, Some(self.reason()))
    }
}

/// Finds the value of the last `ANSWER:` line, in any case.
pub(crate) fn final_line(source: Readable<'_>) -> Result<Found<'_>, Missing> {
    let span = phrase::answer_line(source.text, phrase::Case::Any, &mut 0);
    span.map_or(Err(Missing::NoAnswer), |span| found(source, Rule::AnswerLine, span))
}

/// What kind of answer is looked for.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each turns one rule on")]
pub(crate) struct Want {
    /// The letter of an option.
    pub(crate) choice: bool,
    /// Several values: boxes side by side belong together.
    pub(crate) several: bool,
    /// Mathematics rather than words.
    pub(crate) mathematics: bool,
    /// A number: the last one may be it.
    pub(crate) number: bool,
    /// Only what is announced counts.
    pub(crate) strict: bool,
}

/// Finds a mathematical final answer.
pub(crate) fn mathematical(source: Readable<'_>, want: Want) -> Result<Found<'_>, Missing> {
    counted(source, want, &mut 0)
}

/// [`mathematical`], counting the bytes it looks at.
fn counted<'a>(source: Readable<'a>, want: Want, steps: &mut usize) -> Result<Found<'a>, Missing> {
    let text = source.text;
    if let Some(span) = phrase::answer_line(text, phrase::Case::Upper, steps) {
        return within(source, Rule::AnswerLine, span, (want, steps));
    }
    if let Some(span) = phrase::answer_tag(text, steps) {
        return within(source, Rule::AnswerTag, span, (want, steps));
    }
    if let Some(last) = boxes::last(text, want.several, steps) {
        return boxed(source, last);
    }
    if want.choice
        && let Some((span, also)) = choice::option(text, steps)
    {
        return Ok(Found { also, ..Found::new(source, Rule::Choice, span) });
    }
    if let Some(span) = marker::marker(text, steps) {
        let span = marker::value(text, span, want.mathematics);
        return found(source, Rule::Marker, span);
    }
    if want.strict || want.choice {
        return Err(Missing::NoAnswer);
    }
    if let Some((span, also)) = mathematics::last(text, steps) {
        return Ok(Found { also, ..found(source, Rule::Mathematics, span)? });
    }
    let whole = text.trim();
    let is_value =
        |whole: &str| prose::value(whole).is_some_and(|found| found.len() == whole.len());
    if want.mathematics && !whole.contains('\n') && is_value(whole) {
        let span = text.len() - text.trim_start().len()..text.trim_end().len();
        return found(source, Rule::Mathematics, span);
    }
    if let Some(span) = phrase::last_bold(text)
        && want.mathematics
        && math::reads(&text[span.clone()])
    {
        return found(source, Rule::Bold, span);
    }
    let number = if want.number { mathematics::last_number(text, steps) } else { None };
    let (span, also) = number.ok_or(Missing::NoAnswer)?;
    if !also.is_empty() {
        return Ok(Found { also, ..Found::new(source, Rule::LastNumber, span) });
    }
    let span = prose::formula(text, &span).ok_or(Missing::NoAnswer)?;
    found(source, Rule::LastNumber, span)
}

/// The answer inside `span`: its last box if it has one, else all of it.
fn within<'a>(
    source: Readable<'a>,
    rule: Rule,
    span: Range<usize>,
    (want, steps): (Want, &mut usize),
) -> Result<Found<'a>, Missing> {
    let inside = Readable { text: &source.text[span.clone()], start: source.start + span.start };
    match boxes::last(inside.text, want.several, steps) {
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
pub(crate) fn quote(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTE_MAX)]
}

#[cfg(test)]
mod tests;
