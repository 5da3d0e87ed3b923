//! The answer that a phrase announces: `the answer is`, `Answer:`, `####`.
//!
//! What follows the phrase may go on after the answer: `10 after 5 years`, `12, not 13`. The value right
//! behind the phrase is the answer, up to where prose begins; words that only lead to it are passed over,
//! words that change it are not.

use std::ops::Range;

use super::phrase::{next_line, without_emphasis};
use super::prose;
use crate::math;

/// The most bytes of a sentence that are tried as mathematics.
const SENTENCE_MAX: usize = 4096;
/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 8] = ["approx", "i.e", "e.g", "sq", "ft", "vs", "no", "ca"];

/// Finds what the last phrase announces.
pub(super) fn marker(text: &str, steps: &mut usize) -> Option<Range<usize>> {
    *steps += 4 * text.len();
    let lower = text.to_ascii_lowercase();
    let said = ["answer", "solution"].into_iter().filter_map(|word| {
        lower.rmatch_indices(word).find_map(|(at, word)| {
            if is_supposed(&lower[..at]) {
                return None;
            }
            let after = at + word.len();
            let window = lower.ceil_char_boundary((after + 24).min(lower.len()));
            announced(&lower[after..window], word == "answer").map(|skip| after + skip)
        })
    });
    let said = said.max().max(in_chinese(text));
    let last_line = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let marked = lower.rmatch_indices("####").find_map(|(at, mark)| {
        let after = at + mark.len();
        let value = text[after..].trim_start_matches([' ', '#']);
        let is_value = value.starts_with(|c: char| c.is_numeric() || "+-−$\\.".contains(c));
        (is_value || at >= last_line).then_some(after)
    });
    let start = said.max(marked)?;
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    *steps += line_end - start;
    let span = sentence(text, start..line_end);
    let span = without_marks(text, span);
    Some(if span.is_empty() { next_block(text, line_end) } else { span })
}

/// `span` without the marks that end the phrase's own emphasis, and without those at its end; emphasis of
/// the value is kept where it ends before the sentence does.
fn without_marks(text: &str, span: Range<usize>) -> Range<usize> {
    let whole = &text[span.clone()];
    let behind = whole.trim_start_matches(['*', '_', ' ', '`', '\t']);
    let skipped = whole.len() - behind.len();
    let opens = whole[..skipped].ends_with("**") || whole[..skipped].ends_with("__");
    if opens && prose::bold_first(&whole[skipped - 2..]).is_some() {
        return span.start + skipped - 2..span.end;
    }
    without_emphasis(text, span)
}

/// Where the value begins behind the last 答案, the answer.
fn in_chinese(text: &str) -> Option<usize> {
    text.rmatch_indices("答案").find_map(|(at, word)| {
        let after = &text[at + word.len()..];
        let value = after.trim_start_matches(['是', '为', '：', ':', ' ', '*']);
        (value.len() < after.len()).then(|| text.len() - value.len())
    })
}

/// Whether the words before say that what follows is only supposed: `if the answer is`.
fn is_supposed(before: &str) -> bool {
    let start = before.floor_char_boundary(before.len().saturating_sub(48));
    let words = before[start..].split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let leads = |word: &&str| matches!(*word, "the" | "that" | "our" | "final" | "correct");
    let last = words.rev().find(|word| !leads(word));
    last.is_some_and(|word| {
        matches!(
            word,
            "if" | "suppose" | "assume" | "assuming" | "think" | "say" | "whether" | "unless"
        )
    })
}

/// How far `after`, which follows the word, goes before it announces a value. A solution must be said
/// to be something: `Solution:` begins a derivation.
fn announced(after: &str, colon: bool) -> Option<usize> {
    let after_plural =
        after.strip_prefix("(s)").or_else(|| after.strip_prefix('s')).unwrap_or(after);
    let verb = after_plural.trim_start_matches(|c: char| "*_`\" ".contains(c));
    let rest = verb.strip_prefix(':').filter(|_| colon).or_else(|| {
        let rest = ["is", "are", "="].into_iter().find_map(|word| verb.strip_prefix(word))?;
        let behind = rest.trim_start_matches(['*', ' ']).strip_prefix(':');
        behind.or_else(|| (!rest.starts_with(char::is_alphanumeric)).then_some(rest))
    })?;
    // `isn't`
    (!rest.starts_with('\'')).then_some(after.len() - rest.len())
}

/// The sentence that `line` begins with: it ends at a full stop before white space, and an exclamation
/// mark at its end is no factorial.
fn sentence(text: &str, line: Range<usize>) -> Range<usize> {
    let whole = &text[line.clone()];
    let mut from = 0;
    let mut end = whole.len();
    while let Some(at) = whole[from..].find(". ").map(|at| from + at) {
        let word = whole[..at].rsplit(|c: char| c.is_whitespace() || c == '(').next();
        let dots = whole[..at].ends_with('.');
        if dots
            || word.is_some_and(|word| ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str()))
        {
            from = at + 2;
            continue;
        }
        end = at;
        break;
    }
    let body = whole[..end].trim_end_matches(['*', ' ', '\r', '。']);
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
    let line = next_line(text, end);
    let sentence = sentence(text, line);
    without_emphasis(text, sentence)
}

/// The value in an announced `span`: of `mathematics`, or in words.
pub(super) fn value(text: &str, span: Range<usize>, is_mathematics: bool) -> Range<usize> {
    let whole = &text[span.clone()];
    if let Some(bold) = prose::bold_first(whole) {
        let bold = span.start + bold.start..span.start + bold.end;
        if !is_mathematics || math::reads(&text[bold.clone()]) {
            return bold;
        }
    }
    if !is_mathematics || whole.len() > SENTENCE_MAX {
        return span;
    }
    match prose::value(whole) {
        Some(found) => span.start + found.start..span.start + found.end,
        None => span,
    }
}
