//! The mathematics between delimiters, and the last number.

use std::ops::Range;

/// Finds the last mathematics between `$`, `$$`, `\(…\)` or `\[…\]`, or the end of lines set under each
/// other. A dollar sign opens only before a
/// visible character and closes only after one and not before a digit, so that prices are not
/// mathematics.
/// Finds it with what a comma, `and` or `or` joins to it, and says whether anything was joined.
pub(super) fn last(text: &str, steps: &mut usize) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let mut last: Option<(Range<usize>, Vec<Range<usize>>)> = None;
    scan(text, steps, |found| {
        let joined = match last.take() {
            Some((before, mut also)) if joins(&text[before.end..found.start]) => {
                also.insert(0, before);
                also
            }
            _ => Vec::new(),
        };
        last = Some((found, joined));
    });
    last
}

/// Whether what stands between two pieces of mathematics makes them one answer.
fn joins(between: &str) -> bool {
    let marks = |c: char| c.is_whitespace() || "$,;\\()[]*".contains(c);
    matches!(between.trim_matches(marks).to_ascii_lowercase().as_str(), "" | "and" | "or")
        && !between.contains("\n\n")
}

/// Calls `found` with all mathematics between delimiters, in order.
fn scan(text: &str, steps: &mut usize, mut found: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let (mut dollar, mut display, mut bracket) = (None, None, None);
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
                    found(start..at);
                }
                length = 2;
            }
            (b'\\', Some(b'b')) => {
                if let Some((span, behind)) = aligned(text, at) {
                    found(span);
                    length = behind - at;
                }
            }
            (b'\\', Some(b'$' | b'\\')) => length = 2,
            (b'$', Some(b'$')) => {
                match display.take() {
                    Some(start) => found(start..at),
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
                    Some(start) if closes => found(start..at),
                    _ if opens => dollar = Some(at + 1),
                    _ => {}
                }
            }
            (b'\n', Some(b'\n')) => dollar = None,
            _ => {}
        }
        at += length;
    }
}

/// The last line of the equations that are set under each other from `at` on, and where those end.
fn aligned(text: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let name = text[at..].strip_prefix("\\begin{")?;
    let name = &name[..name.find('}').filter(|end| *end < 16)?];
    if !matches!(
        name.trim_end_matches('*'),
        "align" | "equation" | "gather" | "aligned" | "multline"
    ) {
        return None;
    }
    let start = at + "\\begin{}".len() + name.len();
    let end = start + text[start..].find("\\end{")?;
    let body = text[start..end].trim_end().trim_end_matches("\\\\");
    let line = start + body.rfind("\\\\").map_or(0, |at| at + 2);
    let value = line + text[line..start + body.len()].find("&=").map_or(0, |at| at + 2);
    Some((value..start + body.len(), end))
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
    let behind = &text[span.end..];
    // `5cm`
    let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
    let unit = (2..=3).contains(&letters) && crate::math::is_unit(&behind[..letters]);
    !text[..span.start].ends_with(in_word) && (unit || !behind.starts_with(in_word))
}

/// Whether what stands between two numbers makes them alternatives or a range.
fn is_choice(between: &str) -> bool {
    let bare = between.trim_matches(|c: char| c.is_whitespace() || "$€£%*,°".contains(c));
    matches!(bare.to_ascii_lowercase().as_str(), "or" | "and" | "to" | "-" | "–")
        || matches!(between, "-" | "–")
}
