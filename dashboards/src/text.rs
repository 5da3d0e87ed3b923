//! Makes hostile text harmless to look at: what would act on a terminal or reorder a line is shown as
//! an escape.
//!
//! Every renderer passes all data through here before it escapes for its own format. Joiners that
//! scripts and emoji need (U+200C, U+200D) are left alone.

use std::borrow::Cow;

/// Returns `text` with control, bidi and invisible characters as `\u{..}`; line feeds and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| hides(c) && c != '\n' && c != '\t')
}

/// Returns `text` on one line: as [`visible`], with line feeds and tabs escaped too.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, hides)
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if hidden(c) => shown.push_str("\\n"),
            '\t' if hidden(c) => shown.push_str("\\t"),
            _ if hidden(c) => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Says whether `c` does something other than being seen, or may not stand in XML.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' |
            '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' |
            '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns the columns that `text` takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// Returns `text` in at most `limit` columns, its middle cut out: names often differ at their ends.
pub(crate) fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if columns(text) <= limit {
        return Cow::Borrowed(text);
    }
    if limit == 0 {
        return Cow::Borrowed("");
    }
    let room = limit - 1;
    let head = fitting(text.chars(), room / 2);
    let tail = fitting(text.chars().rev(), room - room / 2);
    let tail: String = tail.chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// Returns the first of `characters`, as many as fit `limit` columns.
fn fitting(characters: impl Iterator<Item = char>, limit: usize) -> String {
    let mut taken = 0;
    characters
        .take_while(|c| {
            taken += char_columns(*c);
            taken <= limit
        })
        .collect()
}

/// East Asian wide characters and emoji take two columns, combining marks none.
fn char_columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(visible_line(text), expected);
    }

    #[test]
    fn shows_what_would_act_or_hide() {
        check("plain", "plain");
        check("\u{1b}[31mred", "\\u{1b}[31mred");
        check("a\r\n\tb", "a\\u{d}\\n\\tb");
        check("\u{9b}31m", "\\u{9b}31m");
        check("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe");
        check("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}");
        check("zero\u{200b}width", "zero\\u{200b}width");
        check("\u{feff}\u{ffff}", "\\u{feff}\\u{ffff}");
        check("tag\u{e0041}", "tag\\u{e0041}");
        check("👩\u{200d}🔬 می\u{200c}خواهم 数", "👩\u{200d}🔬 می\u{200c}خواهم 数");
    }

    #[test]
    fn keeps_lines_where_lines_are_wanted() {
        assert_eq!(visible("a\n\tb\u{7}"), "a\n\tb\\u{7}");
    }

    #[test]
    fn clips_by_columns() {
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdefg", 6), "ab…efg");
        assert_eq!(clip("数数数数", 5), "数…数");
        assert_eq!(clip("ab", 0), "");
        assert_eq!(columns("数e\u{301}"), 3);
    }
}
