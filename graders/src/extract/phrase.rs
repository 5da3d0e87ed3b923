//! The answers that a phrase, a pair of tags or delimiters announce, and the last number.

use std::ops::Range;

/// Whether a word must be written in capitals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `ANSWER` only.
    Upper,
    /// `answer` and `Answer` as well.
    Any,
}

/// Finds the value of the last line that begins with `ANSWER:`, list and heading marks, quotes and
/// emphasis aside. Where nothing follows on the line, the next line that is not blank is the value.
pub(super) fn answer_line(text: &str, case: Case, steps: &mut usize) -> Option<Range<usize>> {
    let mut end = text.len();
    loop {
        let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        *steps += end - start + 1;
        if let Some(after) = after_answer(&text[start..end], case) {
            let value = without_emphasis(text, start + after..end);
            return Some(if value.is_empty() { next_line(text, end) } else { value });
        }
        end = start.checked_sub(1)?;
    }
}

/// Where the value begins in a line that begins with `ANSWER:`.
fn after_answer(line: &str, case: Case) -> Option<usize> {
    const MARKS: [char; 6] = ['*', '#', '>', '`', '-', '•'];
    let body = line.trim_start_matches(|c: char| c.is_whitespace() || MARKS.contains(&c));
    let word = body.get(.."ANSWER".len())?;
    let reads = match case {
        Case::Upper => word == "ANSWER",
        Case::Any => word.eq_ignore_ascii_case("ANSWER"),
    };
    let after = body["ANSWER".len()..].trim_start_matches(['*', '`', ' ']);
    let value = after.strip_prefix(':').or_else(|| after.strip_prefix('：'))?;
    reads.then(|| line.len() - value.len())
}

/// The next line after `end` that is not blank, or nothing.
fn next_line(text: &str, end: usize) -> Range<usize> {
    let rest = &text[end..];
    let start = end + (rest.len() - rest.trim_start().len());
    let line = text[start..].lines().next().unwrap_or_default();
    without_emphasis(text, start..start + line.len())
}

/// `span` without white space, emphasis and code marks around it, and without its full stop.
fn without_emphasis(text: &str, span: Range<usize>) -> Range<usize> {
    let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '`');
    let whole = &text[span.clone()];
    let start = span.start + (whole.len() - whole.trim_start_matches(marks).len());
    let body = text[start..span.end].trim_end_matches(|c| marks(c) || c == '.');
    start..start + body.len()
}

/// Finds what the last pair of `<answer>` tags holds.
pub(super) fn answer_tag(text: &str, steps: &mut usize) -> Option<Range<usize>> {
    *steps += text.len();
    let end = text.rfind("</answer>")?;
    let start = text[..end].rfind("<answer>")? + "<answer>".len();
    Some(start..end)
}

/// Finds what the last `answer is`, `answer:` or `####` announces, to the end of its line or sentence.
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
    let span = without_emphasis(text, start..sentence_end(text, start..line_end));
    Some(if span.is_empty() { next_line(text, line_end) } else { span })
}

/// How far `after`, which follows the word "answer", goes before it announces a value.
fn announced(after: &str) -> Option<usize> {
    let verb = after.trim_start_matches(|c: char| "*_`\" ".contains(c));
    let rest = verb.strip_prefix(':').or_else(|| {
        let rest = verb.strip_prefix("is")?;
        let colon = rest.trim_start_matches(['*', ' ']).strip_prefix(':');
        colon.or_else(|| (!rest.starts_with(char::is_alphanumeric)).then_some(rest))
    })?;
    Some(after.len() - rest.len())
}

/// Where the sentence in `span` ends: at a full stop before white space.
fn sentence_end(text: &str, span: Range<usize>) -> usize {
    text[span.clone()].find(". ").map_or(span.end, |at| span.start + at)
}

/// Finds the last mathematics between `$`, `$$`, `\(…\)` or `\[…\]`. A dollar sign opens only before a
/// visible character and closes only after one and not before a digit, so that prices are not
/// mathematics.
pub(super) fn mathematics(text: &str, steps: &mut usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut last, mut dollar, mut display, mut bracket) = (None, None, None, None);
    let mut at = 0;
    while at < bytes.len() {
        *steps += 1;
        let next = bytes.get(at + 1).copied();
        let mut length = 1;
        match (bytes[at], next) {
            (b'\\', Some(opened @ (b'(' | b'['))) => {
                bracket = Some((opened, at + 2));
                length = 2;
            }
            (b'\\', Some(closed @ (b')' | b']'))) => {
                let partner = if closed == b')' { b'(' } else { b'[' };
                if let Some((_, start)) = bracket.take().filter(|(opened, _)| *opened == partner) {
                    last = Some(start..at);
                }
                length = 2;
            }
            (b'\\', Some(b'$' | b'\\')) => length = 2,
            (b'$', Some(b'$')) => {
                match display.take() {
                    Some(start) => last = Some(start..at),
                    None => display = Some(at + 2),
                }
                dollar = None;
                length = 2;
            }
            (b'$', next) if display.is_none() => {
                let closes = at > 0
                    && !bytes[at - 1].is_ascii_whitespace()
                    && !next.is_some_and(|b| b.is_ascii_digit());
                let opens = next.is_some_and(|b| !b.is_ascii_whitespace());
                match dollar.take() {
                    Some(start) if closes => last = Some(start..at),
                    _ if opens => dollar = Some(at + 1),
                    _ => {}
                }
            }
            (b'\n', Some(b'\n')) => dollar = None,
            _ => {}
        }
        at += length;
    }
    last
}

/// Finds the last number that is not part of a word, with its sign, and the numbers that `or`, `and`,
/// `to` or a dash join to it.
pub(super) fn last_number(
    text: &str,
    steps: &mut usize,
) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let mut end = text.len();
    let last = loop {
        let number = number_before(text, end, steps)?;
        end = number.start;
        if stands_alone(text, &number) {
            break number;
        }
    };
    let mut also = Vec::new();
    if let Some(earlier) = number_before(text, last.start, steps) {
        let between = &text[earlier.end..last.start];
        if stands_alone(text, &earlier) && is_choice(between) {
            also.push(earlier);
        }
    }
    Some((last, also))
}

/// The last run of digits before `end`, with the separators, the fraction and the sign that belong
/// to it.
fn number_before(text: &str, end: usize, steps: &mut usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let last = bytes[..end].iter().rposition(u8::is_ascii_digit);
    *steps += end - last.unwrap_or(0);
    let last = last?;
    let mut start = last;
    while start > 0 {
        *steps += 1;
        let inside =
            matches!(bytes[start - 1], b'.' | b',' | b'/') && start > 1 && digit(start - 2);
        if !digit(start - 1) && !inside {
            break;
        }
        start -= 1;
    }
    if start > 0 && bytes[start - 1] == b'.' {
        start -= 1;
    }
    let percent = text[last + 1..end].starts_with('%');
    let body = text[..start].trim_end_matches(['$', '€', '£']);
    let before = body.chars().next_back();
    let signed = matches!(before, Some('-' | '−' | '–'))
        && !body.trim_end_matches(['-', '−', '–']).ends_with(char::is_alphanumeric);
    if signed {
        start = body.len() - before.map_or(0, char::len_utf8);
    }
    Some(start..last + 1 + usize::from(percent))
}

/// Whether the number at `span` is not a part of a word.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '^';
    !text[..span.start].ends_with(in_word) && !text[span.end..].starts_with(in_word)
}

/// Whether what stands between two numbers makes them alternatives or a range.
fn is_choice(between: &str) -> bool {
    let bare = between.trim_matches(|c: char| c.is_whitespace() || "$€£%*,".contains(c));
    matches!(bare.to_ascii_lowercase().as_str(), "or" | "and" | "to" | "-" | "–")
        || matches!(between, "-" | "–")
}
