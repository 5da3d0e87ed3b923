//! The option that a completion settles on, by its letter.
//!
//! A lone capital in prose is no option: it must follow a word that announces it, or stand in brackets
//! or in bold.

use std::ops::Range;

/// The last letter of an option.
const LAST: char = 'J';

/// Finds the option, and others that the same phrase offers.
pub(super) fn option(text: &str, steps: &mut usize) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    *steps += 4 * text.len();
    let lower = text.to_ascii_lowercase();
    let found = announced(text, &lower, &["answer"])
        .or_else(|| announced(text, &lower, &["option", "choice", "select", "choose"]))
        .or_else(|| marked(text))
        .or_else(|| alone(text))?;
    let mut also = Vec::new();
    let mut end = found.end;
    while let Some(next) = joined(text, end) {
        end = next.end;
        also.push(next);
    }
    Some((found, also))
}

/// The letter behind the last of `words` that announces one.
fn announced(text: &str, lower: &str, words: &[&str]) -> Option<Range<usize>> {
    let last = |word: &&str| {
        lower.rmatch_indices(*word).find_map(|(at, word)| letter_after(text, at + word.len()))
    };
    words.iter().filter_map(last).max_by_key(|found| found.start)
}

/// The letter that stands behind `at`, words and marks that lead to it aside.
fn letter_after(text: &str, at: usize) -> Option<Range<usize>> {
    let mut at = at;
    // A few words at most: `is clearly option (B)`.
    for _ in 0..6 {
        at += skipped(&text[at..]);
        if let Some(found) = letter(text, at) {
            return Some(found);
        }
        let word = text[at..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let leads = [
            "is",
            "must",
            "be",
            "should",
            "option",
            "choice",
            "the",
            "therefore",
            "letter",
            "thus",
            "clearly",
            "text",
            "textbf",
            "mathrm",
            "boxed",
            "s",
            "would",
            "answer",
            "correct",
        ];
        if word == 0 || !leads.iter().any(|lead| lead.eq_ignore_ascii_case(&text[at..at + word])) {
            return None;
        }
        at += word;
    }
    None
}

/// How many marks stand at the start of `text` before what they surround.
fn skipped(text: &str) -> usize {
    text.len()
        - text.trim_start_matches(|c: char| c.is_whitespace() || "*:`\"'([{$\\_=".contains(c)).len()
}

/// The single capital at `at`.
fn letter(text: &str, at: usize) -> Option<Range<usize>> {
    let mut rest = text[at..].chars();
    let first = rest.next().filter(|c| ('A'..=LAST).contains(c))?;
    let next = rest.next();
    let ends = !next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '\'' | '’' | '_' | '^'));
    // `A circle`: an article.
    let article = first == 'A'
        && next == Some(' ')
        && rest.next().is_some_and(char::is_alphabetic)
        && !text[at + 1..].trim_start().starts_with("is ")
        && !text[at + 1..].trim_start().starts_with("or ")
        && !text[at + 1..].trim_start().starts_with("and ")
        && !text[at + 1..].trim_start().starts_with("because");
    (ends && !article).then_some(at..at + 1)
}

/// The last letter in round brackets or in bold.
fn marked(text: &str) -> Option<Range<usize>> {
    let found = |open: &str, close: &str| {
        text.rmatch_indices(open).find_map(|(at, open)| {
            let at = at + open.len();
            let letter = letter(text, at)?;
            text[letter.end..].starts_with(close).then_some(letter)
        })
    };
    let all = [
        found("(", ")"),
        found("**", "**"),
        found("**", ")"),
        found("\\textbf{", "}"),
        found("\\text{", "}"),
        found("$", "$"),
        found("**(", ")"),
    ];
    all.into_iter().flatten().max_by_key(|letter| letter.start)
}

/// The letter that is all of the text, or all of its last line.
fn alone(text: &str) -> Option<Range<usize>> {
    let body = text.trim_end();
    let line = body.rfind('\n').map_or(0, |at| at + 1);
    let start = line + skipped(&body[line..]);
    let found = letter(body, start)?;
    let rest =
        body[found.end..].trim_matches(|c: char| c.is_whitespace() || "*:`\"').]}$".contains(c));
    let labels = [")", ".", ":", " - ", " – ", " — "]
        .into_iter()
        .any(|mark| body[found.end..].starts_with(mark));
    (rest.is_empty() || labels).then_some(found)
}

/// The option that `or`, `and`, a slash or a comma joins to the one that ends at `end`.
fn joined(text: &str, end: usize) -> Option<Range<usize>> {
    let rest = text[end..].trim_start_matches(|c: char| c.is_whitespace() || ")]}*$.".contains(c));
    let word = ["or", "and", "/", ","].into_iter().find(|word| rest.starts_with(word))?;
    let at = text.len() - rest.len() + word.len();
    if word.starts_with(char::is_alphabetic) && !text[at..].starts_with([' ', '(']) {
        return None;
    }
    let mut at = at + skipped(&text[at..]);
    for word in ["option ", "choice ", "or "] {
        if text[at..].starts_with(word) {
            at += word.len();
            at += skipped(&text[at..]);
        }
    }
    letter(text, at)
}
