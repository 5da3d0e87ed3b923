//! A value among words: where mathematics ends and prose begins.

use std::ops::Range;

use crate::math;

/// Words that stand inside of mathematical answers.
const JOINTS: [&str; 7] = ["and", "or", "to", "mod", "in", "base", "for"];
/// Words before a value that change it, so that the value alone is not what was said.
const CHANGES: [&str; 38] = [
    "not",
    "no",
    "never",
    "neither",
    "nor",
    "isn't",
    "cannot",
    "can't",
    "least",
    "most",
    "more",
    "less",
    "greater",
    "fewer",
    "than",
    "minus",
    "negative",
    "twice",
    "half",
    "double",
    "triple",
    "square",
    "root",
    "none",
    "undefined",
    "one",
    "between",
    "up",
    "wrong",
    "under",
    "over",
    "below",
    "above",
    "unknown",
    "either",
    "times",
    "cube",
    "squared",
];
/// Words behind a value that take it back.
const RETRACTS: [&str; 6] = ["wrong", "actually", "wait", "incorrect", "squared", "cubed"];

/// The longest line that is searched for the formula around a number.
const LINE_MAX: usize = 4096;

/// What prose begins with at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// Mathematics, or a word that stands in it.
    Value,
    /// A word of a language, and where it ends.
    Word(usize),
    /// A remark in brackets, and where it ends.
    Remark(usize),
}

/// The value that a sentence states: the first that reads as mathematics, up to where prose begins.
/// Nothing where words change it, or where the sentence states several.
pub(super) fn value(sentence: &str) -> Option<Range<usize>> {
    let mut at = 0;
    // Words that lead to the value.
    loop {
        at += sentence[at..].len() - sentence[at..].trim_start().len();
        match piece(sentence, at) {
            Piece::Word(end) => {
                let word = sentence[at..end].to_lowercase();
                if CHANGES.contains(&word.as_str()) {
                    return None;
                }
                at = end;
                at += sentence[at..].bytes().take_while(|b| matches!(b, b':' | b',')).count();
            }
            Piece::Remark(end) => at = end,
            Piece::Value => break,
        }
        if at >= sentence.len() {
            return None;
        }
    }
    let leads = at > 0;
    let end = value_end(sentence, at);
    let found = trimmed(sentence, at..end);
    let rest = &sentence[end..];
    if found.is_empty() || !math::reads(&sentence[found.clone()]) || takes_back(rest) {
        return None;
    }
    // Behind words, a second number makes it unclear which is meant.
    if leads && rest.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(found)
}

/// Whether what follows a value takes it back.
fn takes_back(rest: &str) -> bool {
    let rest = rest.trim_start();
    if rest.starts_with('?') || rest.starts_with("...") {
        return true;
    }
    let mut words = rest.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    words.any(|word| RETRACTS.contains(&word.to_lowercase().as_str()))
}

/// Where the value that begins at `start` ends.
fn value_end(sentence: &str, start: usize) -> usize {
    let mut at = start;
    while at < sentence.len() {
        let rest = &sentence[at..];
        let c = rest.chars().next().unwrap_or(' ');
        if c == '\\' {
            at += command(rest);
            continue;
        }
        let abbreviated =
            rest.starts_with("</") || rest.starts_with("i.e") || rest.starts_with("e.g");
        let ends = abbreviated
            || c == '?'
            || rest.starts_with("...")
            || rest.starts_with(" - ") && !is_value_next(&rest[3..]);
        if ends {
            return at;
        }
        if (c.is_alphabetic() || matches!(c, '(' | '[')) && (at == start || !glued(sentence, at)) {
            match piece(sentence, at) {
                Piece::Word(_) | Piece::Remark(_) => return at,
                Piece::Value => {}
            }
        }
        at += if c.is_alphabetic() { word_length(rest) } else { c.len_utf8() };
    }
    at
}

/// Whether mathematics goes on after a dash.
fn is_value_next(rest: &str) -> bool {
    piece(rest, 0) == Piece::Value
}

/// Whether the character at `at` touches a letter or digit before it.
fn glued(sentence: &str, at: usize) -> bool {
    sentence[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '^')
}

/// The length of the LaTeX command at the start of `rest`, with the words that a text command holds.
fn command(rest: &str) -> usize {
    let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
    let name = &rest[1..=letters];
    if name.starts_with("text")
        || matches!(name, "mathrm" | "mbox" | "operatorname" | "begin" | "end")
    {
        let close = rest.find('}').map_or(rest.len(), |at| at + 1);
        return close.max(1 + letters);
    }
    1 + letters.max(rest[1..].chars().next().map_or(0, char::len_utf8))
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphabetic() && !matches!(c, '\'' | '’')).unwrap_or(rest.len())
}

/// What stands at `at`.
fn piece(sentence: &str, at: usize) -> Piece {
    let rest = &sentence[at..];
    match rest.chars().next() {
        Some(open @ ('(' | '[')) => {
            let close = if open == '(' { ')' } else { ']' };
            let Some(end) = rest.find(close) else { return Piece::Value };
            let inside = &rest[1..end];
            let behind_value = at > 0 && sentence[..at].ends_with(' ');
            let has_prose = inside
                .split(' ')
                .any(|word| word.chars().all(char::is_alphabetic) && is_prose(word));
            let first = inside.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
            let limits = matches!(first, "for" | "when" | "if" | "in" | "as" | "at" | "by");
            let after_number =
                sentence[..at].trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '%');
            let sum =
                behind_value && after_number && !inside.contains(',') && !inside.contains('\\');
            if has_prose || limits || sum { Piece::Remark(at + end + 1) } else { Piece::Value }
        }
        Some(c) if c.is_alphabetic() => {
            let length = word_length(rest);
            let word = &rest[..length];
            // `f(x)`, `x_1`, `sqrt(2)`: a name in a formula.
            let touches = rest[length..].starts_with(['(', '_', '^', '=', '/', '*', '+']);
            if touches || !is_prose(word) { Piece::Value } else { Piece::Word(at + length) }
        }
        _ => Piece::Value,
    }
}

/// Whether `word` belongs to a sentence and not to a formula.
fn is_prose(word: &str) -> bool {
    let lower = word.to_lowercase();
    if JOINTS.contains(&lower.as_str()) || math::knows(word) {
        return false;
    }
    // Products of letters are short, and words such as these are none.
    match lower.chars().count() {
        0 => false,
        1 => lower == "a" && word == "a",
        2 => matches!(
            lower.as_str(),
            "is" | "as"
                | "so"
                | "we"
                | "it"
                | "if"
                | "by"
                | "at"
                | "of"
                | "on"
                | "be"
                | "he"
                | "an"
                | "no"
                | "up"
                | "do"
                | "my"
                | "us"
                | "vs"
        ),
        _ => true,
    }
}

/// `span` without the punctuation and the joints at its end.
fn trimmed(sentence: &str, span: Range<usize>) -> Range<usize> {
    let mut text = &sentence[span.clone()];
    loop {
        let before = text.len();
        text = text.trim_end().trim_end_matches(['*', ',', ';', ':', '.', '`', '-', '–', '—', '=']);
        for word in ["and", "or", "for", "in", "to", "i"] {
            if let Some(shorter) = text.strip_suffix(word)
                && shorter.ends_with([' ', ','])
            {
                text = shorter;
            }
        }
        if text.len() == before {
            break;
        }
    }
    let start = span.start + (text.len() - text.trim_start_matches([' ', '*', '`']).len());
    start..(span.start + text.len()).max(start)
}

/// The bold text that a sentence begins with.
pub(super) fn bold_first(sentence: &str) -> Option<Range<usize>> {
    let start = sentence.len() - sentence.trim_start().len();
    let mark = ["**", "__"].into_iter().find(|mark| sentence[start..].starts_with(mark))?;
    let inside = &sentence[start + 2..];
    let end = inside.find(mark)?;
    (end > 0).then_some(start + 2..start + 2 + end)
}

/// The formula that the number at `span` belongs to: the number alone where words surround it. Nothing
/// where the sentence denies the number, gives it as a bound or as the number of a figure or a step.
pub(super) fn formula(text: &str, span: &Range<usize>) -> Option<Range<usize>> {
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    if denies(&text[line_start..span.start]) || is_denied(&text[span.end..line_end]) {
        return None;
    }
    if line_end - line_start > LINE_MAX {
        return Some(span.clone());
    }
    let line = &text[line_start..line_end];
    let (start, end) = (span.start - line_start, span.end - line_start);
    let mut from = 0;
    let mut at = 0;
    while at < start {
        at += line[at..].len() - line[at..].trim_start().len();
        let next = match piece(line, at) {
            Piece::Word(next) | Piece::Remark(next) if next <= start => {
                from = next;
                next
            }
            _ if line[at..].starts_with(". ") || line[at..].starts_with(": ") => {
                from = at + 1;
                at + 1
            }
            _ => at + step(&line[at..]),
        };
        at = next.max(at + 1);
    }
    let whole = trimmed(line, from..value_end(line, from).max(end));
    let whole = without_joints(line, whole);
    let at = |range: Range<usize>| line_start + range.start..line_start + range.end;
    if whole.start > start || whole.end < end || whole == (start..end) {
        return Some(span.clone());
    }
    // What is no mathematics as a whole, such as a time, is not its last number.
    math::reads(&line[whole.clone()]).then(|| at(whole))
}

/// How far one piece of a formula goes.
fn step(rest: &str) -> usize {
    match rest.chars().next() {
        Some('\\') => command(rest),
        Some(c) if c.is_alphabetic() => word_length(rest),
        Some(c) => c.len_utf8(),
        None => 1,
    }
}

/// `span` without the joints at its start.
fn without_joints(line: &str, span: Range<usize>) -> Range<usize> {
    let mut text = line[span.clone()].trim_start_matches([' ', ',', ';', ':', '.', '*']);
    for word in ["and ", "or ", "to ", "in ", "for "] {
        text = text.strip_prefix(word).unwrap_or(text);
    }
    span.end - text.len()..span.end
}

/// Whether what follows a number denies it or makes it a bound.
fn is_denied(after: &str) -> bool {
    let after = after.trim_start_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    ["is not", "isn't", "is wrong", "is incorrect", "or more", "or less", "or fewer"]
        .into_iter()
        .any(|denial| after.starts_with(denial))
}

/// Whether the words before a number deny it, make it a bound, or refer by it to something else.
fn denies(before: &str) -> bool {
    let sentence = before.rsplit(['.', '\n', ';']).next().unwrap_or(before);
    let start = sentence.floor_char_boundary(sentence.len().saturating_sub(64));
    let words: Vec<String> = sentence[start..]
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '('))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let near = |count: usize| words.iter().rev().take(count).map(String::as_str);
    let bound = near(2).any(|word| {
        matches!(
            word,
            "not"
                | "never"
                | "nor"
                | "neither"
                | "cannot"
                | "isn't"
                | "than"
                | "least"
                | "most"
                | "can't"
        )
    });
    let reference = near(1).any(|word| {
        matches!(
            word,
            "figure"
                | "step"
                | "equation"
                | "case"
                | "part"
                | "example"
                | "section"
                | "problem"
                | "question"
                | "chapter"
                | "theorem"
                | "lemma"
                | "table"
                | "page"
                | "eq"
        )
    });
    bound
        || reference
        || sentence.to_lowercase().trim_end().ends_with("up to")
        || ends_in_name(before)
}

/// Whether a number continues a name, as in `GPT-3`.
fn ends_in_name(before: &str) -> bool {
    before.ends_with('-') && before.trim_end_matches('-').ends_with(char::is_alphabetic)
}
