//! An answer as the comparison sees it: undressed, in plain characters, read in every way it can be.

use std::borrow::Cow;

use super::budget::Stop;
use super::lex::unicode;
use super::parse::{self, Parsed};
use super::words;

/// The most bytes of an answer.
pub(super) const BYTES_MAX: usize = 4096;

/// Words before a value that leave it as it is.
const APPROXIMATIONS: [&str; 14] = [
    "exactly",
    "only",
    "approximately",
    "approx.",
    "approx",
    "about",
    "roughly",
    "around",
    "nearly",
    "almost",
    "\\approx",
    "\\sim",
    "~",
    "=",
];

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    /// In plain characters, without what surrounds it.
    pub(super) text: Cow<'a, str>,
    /// What it says.
    pub(super) content: Content,
    /// Whether a word such as `about` stands before it.
    pub(super) approximate: bool,
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Mathematics, in each of its readings.
    Mathematics(Vec<Parsed>),
    /// Words, or notation that is not known here.
    Text,
    /// Nothing.
    Empty,
    /// More than the limits allow.
    Limit,
}

impl<'a> Answer<'a> {
    /// Reads `text`.
    pub(super) fn read(text: &'a str) -> Self {
        if text.len() > BYTES_MAX {
            return Self { text: Cow::Borrowed(text), content: Content::Limit, approximate: false };
        }
        let plain = unicode::plain(text);
        let bare = undressed(unwrapped(undressed(&plain)));
        let exact = without_approximation(bare);
        let approximate = exact.len() < bare.len();
        let content = content(exact);
        let text = match plain {
            Cow::Borrowed(_) if std::ptr::eq(exact, text) => Cow::Borrowed(text),
            Cow::Borrowed(plain) => {
                let start = exact.as_ptr() as usize - plain.as_ptr() as usize;
                Cow::Borrowed(&plain[start..start + exact.len()])
            }
            Cow::Owned(_) => Cow::Owned(exact.to_owned()),
        };
        Self { text, content, approximate }
    }
}

fn content(text: &str) -> Content {
    if text.is_empty() {
        return Content::Empty;
    }
    // Words first: `twenty-one` and `no solution` are no products of letters.
    for word in ["negative ", "minus "] {
        if let Some(rest) = text.strip_prefix(word)
            && let Content::Mathematics(_) = content(rest)
        {
            let bare = words::bare(rest);
            let number = words::leading_number(&bare);
            let spelled = number.map_or(rest.to_owned(), |(value, rest)| format!("{value} {rest}"));
            return readings(&format!("-{spelled}"));
        }
    }
    let lower = text.trim_start_matches("\\text{").to_ascii_lowercase();
    if lower.starts_with("all real") && lower.contains(" except ") {
        let rest = lower.split_once(" except ").map_or("", |(_, rest)| rest);
        return readings(&format!("x \\ne {}", rest.replace('}', " ").replace(" and ", ", ")));
    }
    let angled = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    if let Some(inside) =
        angled.filter(|rest| rest.contains(',') && !rest.contains(['<', '>', '=']))
    {
        return readings(&format!("\\langle {inside}\\rangle"));
    }
    if let Some((whole, part)) = words::and_part(text) {
        return readings(&format!("{whole}+{part}"));
    }
    if !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'-' | b'\''))
    {
        let words = words::bare(text);
        if let Some((top, bottom)) = words::fraction(&words) {
            return content(&format!("{top}/{bottom}"));
        }
        if let Some((value, rest)) = words::leading_number(&words) {
            return content(&format!("{value} {rest}"));
        }
        if is_run(text) {
            return readings(text);
        }
        if words::meaning(&words).is_some() || text.split([' ', '-']).any(is_prose) {
            return parse::text(text)
                .map_or(Content::Text, |parsed| Content::Mathematics(vec![parsed]));
        }
    }
    readings(text)
}

fn readings(text: &str) -> Content {
    match parse::readings(text) {
        Ok(readings) => Content::Mathematics(readings),
        Err(Stop::Limit) => Content::Limit,
        Err(_) => Content::Text,
    }
}

/// Whether `text` is three or four small letters that follow each other in the alphabet, in any order:
/// a product such as `abc` or `zxy`, and no word.
pub(super) fn is_run(text: &str) -> bool {
    let mut letters: Vec<u8> = text.bytes().collect();
    letters.sort_unstable();
    (3..=4).contains(&letters.len())
        && letters.iter().all(u8::is_ascii_lowercase)
        && letters.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Whether a word can only be part of a text.
fn is_prose(word: &str) -> bool {
    word.len() > 3 && !is_known(word)
}

/// Whether a word has a meaning in mathematics.
pub(super) fn is_known(word: &str) -> bool {
    let lower = word.to_lowercase();
    words::function(word).is_some()
        || words::letter(word).is_some()
        || words::glued(word).is_some()
        || words::number(&lower).is_some()
        || parse::is_value(word)
        || super::unit::named(word).is_some()
        || matches!(
            lower.as_str(),
            "percent" | "degrees" | "degree" | "per" | "square" | "cubic" | "sq"
        )
}

/// `text` without what stands around an answer: spaces, emphasis, quotes, a full stop.
fn undressed(text: &str) -> &str {
    // One dollar sign alone is money.
    let delimits = text.matches('$').count() > 1;
    let around =
        |c: char| c.is_whitespace() || matches!(c, '*' | '`' | '"') || c == '$' && delimits;
    let mut text = text;
    loop {
        let before = text.len();
        text = text.trim_start_matches(around);
        text = text.strip_suffix("\\\\").unwrap_or(text);
        text = text.trim_end_matches(|c: char| around(c) || matches!(c, ',' | ';' | ':'));
        if !text.ends_with("..") && !text.ends_with("\\left.") && !text.ends_with("\\right.") {
            text = text.strip_suffix('.').unwrap_or(text);
        }
        text = text.strip_suffix('✓').unwrap_or(text);
        for (open, close) in [
            ("\\(", "\\)"),
            ("\\[", "\\]"),
            ("<b>", "</b>"),
            ("<strong>", "</strong>"),
            ("__", "__"),
        ] {
            if let Some(inside) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close))
            {
                text = inside;
            }
        }
        if text.len() == before {
            return text;
        }
    }
}

/// `text` without what announces it: an arrow, `\text{Answer: }`.
fn without_label(text: &str) -> &str {
    for arrow in ["\\Rightarrow", "\\implies", "\\therefore", "=>", "\\to"] {
        if let Some(rest) = text.strip_prefix(arrow) {
            return rest.trim_start();
        }
    }
    let plain = text.strip_prefix("the ").unwrap_or(text);
    for kind in KINDS {
        if let Some(rest) = plain.strip_prefix(kind)
            && rest.starts_with([' ', '$'])
            && !rest.trim_start().starts_with(|c: char| c.is_ascii_lowercase())
        {
            return rest.trim_start();
        }
    }
    if let Some(inside) = text.strip_prefix("\\text{")
        && let Some((label, rest)) = inside.split_once('}')
    {
        let label = words::bare(label);
        if inside.split('}').next().is_some_and(|label| label.trim_end().ends_with(':'))
            && !rest.trim().is_empty()
        {
            return rest.trim_start_matches([' ', '~']);
        }
        let announces = ["answer", "final answer", "answer is", "final answer is"];
        if KINDS.contains(&label.as_str())
            || announces.contains(&label.as_str()) && !rest.trim().is_empty()
        {
            return rest.trim_start_matches([' ', ':', '~']);
        }
    }
    text
}

/// `text` without one command of text around all of it.
fn unwrapped(text: &str) -> &str {
    for command in [
        "\\boxed{",
        "\\fbox{",
        "\\text{",
        "\\textbf{",
        "\\mathrm{",
        "\\mbox{",
        "\\textrm{",
        "\\textit{",
    ] {
        if let Some(inside) = text.strip_prefix(command)
            && let Some(inside) = inside.strip_suffix('}')
            && !inside.contains(['{', '}', '\\', '$'])
        {
            return inside;
        }
    }
    text
}

/// Words for what an answer is, before it.
const KINDS: [&str; 8] =
    ["point", "interval", "set", "line", "equation", "circle", "ordered pair", "vector"];

/// `text` without a word of approximation before it.
fn without_approximation(text: &str) -> &str {
    let text = without_label(text);
    let inside = text.strip_prefix("\\text{").unwrap_or(text);
    for word in APPROXIMATIONS {
        let Some(rest) = inside.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))
        else {
            continue;
        };
        let rest = &inside[rest.len()..];
        let ends = word.ends_with(|c: char| !c.is_alphabetic())
            || !rest.starts_with(|c: char| c.is_alphabetic());
        if ends {
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '}' || c == '$');
            return rest;
        }
    }
    text
}
