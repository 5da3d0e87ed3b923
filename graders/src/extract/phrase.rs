//! The answers that a contract line or a pair of tags announce.

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
pub(super) fn next_line(text: &str, end: usize) -> Range<usize> {
    let rest = &text[end..];
    let start = end + (rest.len() - rest.trim_start().len());
    let line = text[start..].lines().next().unwrap_or_default();
    without_emphasis(text, start..start + line.len())
}

/// `span` without white space, emphasis and code marks around it, and without its full stop.
pub(super) fn without_emphasis(text: &str, span: Range<usize>) -> Range<usize> {
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

/// Finds what is bold on the last line that is not blank.
pub(super) fn last_bold(text: &str) -> Option<Range<usize>> {
    let body = text.trim_end();
    let line = body.rfind('\n').map_or(0, |at| at + 1);
    let end = body[line..].rfind("**")? + line;
    let start = body[line..end].rfind("**")? + line + 2;
    (start < end).then_some(start..end)
}
