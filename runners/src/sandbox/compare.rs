//! Compares what a program wrote with what it should have written.

use tripos_tasks::program::Tolerance;

/// The longest piece of text quoted in a verdict.
const QUOTE_MAX: usize = 160;

/// Says how `found` differs from `expected`; nothing where it is right.
///
/// White space at the ends of lines and empty lines at the end don't count, nor does a carriage
/// return before a line feed. With a tolerance, words that are both decimal numbers may be apart by
/// it. Bytes that are not UTF-8 are wrong, and so is a NUL that is not expected.
pub(super) fn difference(
    found: &[u8],
    expected: &str,
    tolerance: Option<Tolerance>,
) -> Option<String> {
    let Ok(found) = std::str::from_utf8(found) else {
        return Some("the output is not UTF-8".to_owned());
    };
    let (found, expected) = (lines(found), lines(expected));
    if found == expected {
        return None;
    }
    if let Some(tolerance) = tolerance {
        let words = |lines: &[&str]| -> Vec<String> {
            lines.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect()
        };
        let (found, expected) = (words(&found), words(&expected));
        let is_near = |(found, expected): (&String, &String)| {
            found == expected
                || matches!((number(found), number(expected)),
                    (Some(found), Some(expected)) if tolerance.allows(found, expected))
        };
        if found.len() == expected.len() && found.iter().zip(&expected).all(is_near) {
            return None;
        }
    }
    let line =
        found.iter().zip(&expected).take_while(|(found, expected)| found == expected).count();
    let at = |lines: &[&str]| lines.get(line).map_or("nothing".to_owned(), |text| quoted(text));
    Some(format!("line {}: {} in place of {}", line + 1, at(&found), at(&expected)))
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

/// Reads a decimal number, and nothing else that a parser of floats takes for one.
fn number(word: &str) -> Option<f64> {
    let is_plain =
        word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if is_plain { word.parse().ok() } else { None }
}

/// Quotes text for a line of a verdict: short, and with control characters written out.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// Writes control characters out and cuts what is long.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= QUOTE_MAX {
            out.push('…');
            break;
        }
        let is_hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if is_hidden { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[u8], expected: &str, tolerance: Option<f64>, is_right: bool) {
        let tolerance = tolerance.map(|t| Tolerance::try_from(t).expect("a tolerance"));
        let difference = difference(found, expected, tolerance);
        assert_eq!(difference.is_none(), is_right, "{difference:?}");
    }

    #[test]
    fn white_space_at_ends_does_not_count_and_all_else_does() {
        check(b"5\n", "5\n", None, true);
        check(b"5", "5\n", None, true);
        check(b"5 \r\n6\t\n\n\n", "5\n6", None, true);
        check(b" 5", "5", None, false);
        check(b"5\n\n6", "5\n6", None, false);
        check(b"5  6", "5 6", None, false);
        check(b"", "", None, true);
        check(b"", "5", None, false);
        check(b"5\x00\n", "5", None, false);
        check(b"\xff5\n", "5", None, false);
        check("５".as_bytes(), "5", None, false);
        check(b"5.0", "5", None, false);
    }

    #[test]
    fn numbers_may_be_off_by_the_tolerance_and_words_may_not() {
        check(b"0.3000000001 ok", "0.3 ok", Some(1e-6), true);
        check(b"0.31", "0.3", Some(1e-6), false);
        check(b"1000001", "1000000", Some(1e-5), true);
        check(b"nan", "1", Some(1e-6), false);
        check(b"inf", "1e300", Some(0.5), false);
        check(b"1 2", "1", Some(1e-6), false);
        check(b"0x1", "1", Some(1e-6), false);
        check(b"one", "1", Some(0.9), false);
    }

    #[test]
    fn what_is_quoted_cannot_move_a_cursor() {
        assert_eq!(shown("a\u{1b}[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
        assert!(shown(&"x".repeat(10_000)).len() < 200);
    }
}
