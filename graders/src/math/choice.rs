//! Answers that are one option of several, by its letter.

/// The last letter of an option.
const LAST: char = 'J';

/// The letter that a gold such as `B`, `(C)` or `\text{(D)}` is.
pub(crate) fn gold(text: &str) -> Option<char> {
    let bare = without_styling(text);
    let letter = bare.trim_matches(|c: char| c.is_whitespace() || "()[].$:*".contains(c));
    single(letter)
}

/// The letter of the option that an answer names and nothing else: `(C)`, `C. 14`, `\textbf{(C)}\ 14`.
pub(super) fn given(text: &str) -> Option<char> {
    let bare = without_styling(text);
    let mut rest = bare.trim_matches(|c: char| c.is_whitespace() || "$*:`\"".contains(c));
    for word in ["the", "answer", "option", "choice", "is", ":"] {
        if rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) {
            rest = rest[word.len()..].trim_start_matches(|c: char| c.is_whitespace() || c == ':');
        }
    }
    let opened = rest.trim_start_matches(['(', '[']);
    let bracketed = opened.len() < rest.len();
    let behind = opened.get(1..)?;
    let first = &opened[..1];
    // `(c)` is option C; a bare `c` is a letter of its own.
    let marked = bracketed || behind.starts_with(')');
    let letter = if marked { single(&first.to_ascii_uppercase())? } else { single(first)? };
    let ends =
        behind.trim_matches(|c: char| c.is_whitespace() || ".,)]:;$*".contains(c)).is_empty();
    let labels =
        behind.starts_with([')', ']']) || (!bracketed && behind.starts_with(['.', ':', ')']));
    if !ends && !labels {
        return None;
    }
    // `(C) is wrong`, `(C) or 14`.
    let goes_on = behind.trim_start_matches(|c: char| c.is_whitespace() || c == ')' || c == ']');
    let word = goes_on.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if goes_on.starts_with(';') || matches!(word, "is" | "or" | "and" | "isn" | "not" | "wrong") {
        return None;
    }
    // Another option behind it is a hedge.
    let marks = |at: usize| {
        let (head, tail) = (&behind[..at], &behind[at + 1..]);
        let before = head.ends_with('(')
            || head.ends_with("or ")
            || head.ends_with("and ")
            || head.ends_with('/')
            || head.ends_with(", ");
        before && !tail.starts_with(char::is_alphanumeric)
    };
    let other = behind.char_indices().any(|(at, c)| {
        single(&behind[at..at + c.len_utf8()]).is_some_and(|c| c != letter) && marks(at)
    });
    (!other).then_some(letter)
}

fn single(text: &str) -> Option<char> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if ('A'..=LAST).contains(&letter) => Some(letter),
        _ => None,
    }
}

/// `text` without the commands that set letters in a font, and without their braces.
fn without_styling(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match c {
            '\\' => {
                let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
                let name = &rest[1..=letters];
                length = 1 + letters;
                let styles = name.starts_with("text")
                    || name.starts_with("math")
                    || matches!(
                        name,
                        "boxed"
                            | "bf"
                            | "mbox"
                            | "rm"
                            | "quad"
                            | "left"
                            | "right"
                            | "boldsymbol"
                            | "bm"
                    );
                if letters == 0 {
                    length = (1 + rest[1..].chars().next().map_or(0, char::len_utf8)).max(1);
                    out.push(' ');
                } else if styles {
                    out.push_str(if name == "quad" { " " } else { "" });
                } else {
                    out.push_str(&rest[..length]);
                }
            }
            '{' | '}' => {}
            '~' => out.push(' '),
            c => out.push(c),
        }
        rest = &rest[length..];
    }
    out
}
