//! The answer that a phrase announces: `the answer is`, `Answer:`, `####`.
//!
//! What follows the phrase may go on after the answer. The first of these that reads as mathematics is
//! the answer: the sentence, the sentence up to where it begins to explain, its mathematics between
//! delimiters, its last number. Where none does, the sentence is the answer, in words.

use std::ops::Range;

use super::mathematics;
use super::phrase::without_emphasis;
use crate::math;

/// The most bytes of a sentence that are tried as mathematics.
const SENTENCE_MAX: usize = 4096;
/// Where a sentence stops to answer and begins to explain.
const EXPLAINS: [&str; 14] = [
    " because",
    " since",
    ", which",
    ", so ",
    ", as ",
    " as ",
    " (since",
    " (because",
    " (",
    ", where",
    " where ",
    " when ",
    ", because",
    " -- ",
];
/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 8] = ["approx", "i.e", "e.g", "sq", "ft", "vs", "no", "ca"];

/// Finds what the last phrase announces.
pub(super) fn marker(text: &str, steps: &mut usize) -> Option<Range<usize>> {
    *steps += 2 * text.len();
    let lower = text.to_ascii_lowercase();
    let said = lower.rmatch_indices("answer").find_map(|(at, word)| {
        let after = at + word.len();
        announced(&lower[after..lower.ceil_char_boundary((after + 24).min(lower.len()))])
            .map(|skip| after + skip)
    });
    let marked = lower.rmatch_indices("#### ").find_map(|(at, mark)| {
        let after = at + mark.len();
        let value = text[after..].trim_start_matches(' ');
        value.starts_with(|c: char| c.is_numeric() || "+-−$\\.".contains(c)).then_some(after)
    });
    let start = said.max(marked)?;
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    *steps += line_end - start;
    let span = sentence(text, start..line_end);
    let span = without_emphasis(text, span);
    Some(if span.is_empty() { next_block(text, line_end) } else { span })
}

/// How far `after`, which follows the word "answer", goes before it announces a value.
fn announced(after: &str) -> Option<usize> {
    let verb = after.trim_start_matches(|c: char| "*_`\" ".contains(c));
    let rest = verb.strip_prefix(':').or_else(|| {
        let rest = verb.strip_prefix("is").or_else(|| verb.strip_prefix('='))?;
        let colon = rest.trim_start_matches(['*', ' ']).strip_prefix(':');
        colon.or_else(|| (!rest.starts_with(char::is_alphanumeric)).then_some(rest))
    })?;
    Some(after.len() - rest.len())
}

/// The sentence that `line` begins with: it ends at a full stop before white space, and an exclamation
/// mark at its end is no factorial.
fn sentence(text: &str, line: Range<usize>) -> Range<usize> {
    let whole = &text[line.clone()];
    let mut from = 0;
    let mut end = whole.len();
    while let Some(at) = whole[from..].find(". ").map(|at| from + at) {
        let word = whole[..at].rsplit(|c: char| c.is_whitespace() || c == '(').next();
        if word.is_some_and(|word| ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str())) {
            from = at + 2;
            continue;
        }
        end = at;
        break;
    }
    let body = whole[..end].trim_end_matches(['*', ' ', '\r']);
    line.start..line.start + body.strip_suffix('!').unwrap_or(body).len()
}

/// The next lines after `end`: the mathematics displayed there, or one line that is not blank.
fn next_block(text: &str, end: usize) -> Range<usize> {
    let rest = &text[end..];
    let start = end + (rest.len() - rest.trim_start().len());
    for (open, close) in [("\\[", "\\]"), ("$$", "$$")] {
        if let Some(inside) = text[start..].strip_prefix(open)
            && let Some(length) = inside.find(close)
        {
            return start + open.len()..start + open.len() + length;
        }
    }
    let line = super::phrase::next_line(text, end);
    let sentence = sentence(text, line);
    without_emphasis(text, sentence)
}

/// The part of an announced `span` that reads as mathematics.
pub(super) fn value(text: &str, span: Range<usize>, steps: &mut usize) -> Range<usize> {
    let whole = &text[span.clone()];
    if whole.len() > SENTENCE_MAX || math::reads(whole) {
        return span;
    }
    let at = |range: Range<usize>| span.start + range.start..span.start + range.end;
    let explains = EXPLAINS.iter().filter_map(|word| whole.find(word)).filter(|at| *at > 0).min();
    if let Some(end) = explains
        && math::reads(&whole[..end])
    {
        return without_emphasis(text, at(0..end));
    }
    if let Some(found) = delimited(whole, steps)
        && math::reads(&whole[found.clone()])
    {
        return at(found);
    }
    match mathematics::last_number(whole, steps) {
        Some((number, also)) if also.is_empty() => at(number),
        _ => span,
    }
}

/// The first mathematics between delimiters, with what a comma, `and` or `or` joins to it.
fn delimited(whole: &str, steps: &mut usize) -> Option<Range<usize>> {
    let all = mathematics::all(whole, steps);
    let (first, rest) = all.split_first()?;
    let mut found = first.clone();
    for next in rest {
        let between = whole[found.end..next.start].trim_matches(|c: char| {
            c.is_whitespace() || matches!(c, '$' | ',' | ';' | '\\' | '(' | ')' | '[' | ']')
        });
        if !matches!(between.to_ascii_lowercase().as_str(), "" | "and" | "or") {
            break;
        }
        found.end = next.end;
    }
    Some(found)
}
