//! Tokens of numbers, in LaTeX and plain notation.

use std::borrow::Cow;

/// One token. Digits and words borrow from the text, so a token costs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Digits(&'a str),
    Word(&'a str),
    Point,
    Comma,
    Underscore,
    Space,
    Minus,
    Plus,
    Slash,
    Times,
    Caret,
    Percent,
    Equals,
    /// A currency sign or a delimiter of mathematics.
    Dollar,
    /// `\frac` and its like.
    Frac,
    /// A fraction that is one character, such as ½.
    Vulgar(u8, u8),
    /// An opening bracket.
    Open(char),
    /// A closing bracket, by its opening partner.
    Close(char),
}

/// Splits `text` into tokens; nothing where it holds what no number holds.
pub(super) fn lex(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '0'..='9' => run(rest, |c| c.is_ascii_digit(), Token::Digits),
            'a'..='z' | 'A'..='Z' => run(rest, |c| c.is_ascii_alphabetic(), Token::Word),
            '\\' => command(rest)?,
            '{' if rest.starts_with("{,}") => (Some(Token::Comma), 3),
            _ => (Some(symbol(c)?), c.len_utf8()),
        };
        rest = &rest[length..];
        match token {
            Some(Token::Space) if tokens.last() == Some(&Token::Space) => {}
            Some(token) => tokens.push(token),
            None => {}
        }
    }
    Some(tokens)
}

/// The run of characters at the start of `rest` that are `of` one kind.
fn run<'a>(
    rest: &'a str,
    of: fn(char) -> bool,
    token: fn(&'a str) -> Token<'a>,
) -> (Option<Token<'a>>, usize) {
    let end = rest.find(|c| !of(c)).unwrap_or(rest.len());
    (Some(token(&rest[..end])), end)
}

/// The token of a character that stands for itself.
fn symbol(c: char) -> Option<Token<'static>> {
    Some(match c {
        '.' => Token::Point,
        ',' => Token::Comma,
        '_' => Token::Underscore,
        '-' | '−' | '–' | '﹣' | '－' => Token::Minus,
        '+' | '＋' => Token::Plus,
        '/' | '⁄' | '∕' | '÷' => Token::Slash,
        '*' | '×' | '·' | '⋅' => Token::Times,
        '^' => Token::Caret,
        '%' | '％' => Token::Percent,
        '=' => Token::Equals,
        '$' | '€' | '£' | '¥' => Token::Dollar,
        '(' | '[' | '{' => Token::Open(c),
        ')' => Token::Close('('),
        ']' => Token::Close('['),
        '}' => Token::Close('{'),
        '~' => Token::Space,
        '½' => Token::Vulgar(1, 2),
        '⅓' => Token::Vulgar(1, 3),
        '⅔' => Token::Vulgar(2, 3),
        '¼' => Token::Vulgar(1, 4),
        '¾' => Token::Vulgar(3, 4),
        '⅕' => Token::Vulgar(1, 5),
        '⅖' => Token::Vulgar(2, 5),
        '⅗' => Token::Vulgar(3, 5),
        '⅘' => Token::Vulgar(4, 5),
        '⅙' => Token::Vulgar(1, 6),
        '⅚' => Token::Vulgar(5, 6),
        '⅛' => Token::Vulgar(1, 8),
        '⅜' => Token::Vulgar(3, 8),
        '⅝' => Token::Vulgar(5, 8),
        '⅞' => Token::Vulgar(7, 8),
        c if c.is_whitespace() => Token::Space,
        _ => return None,
    })
}

/// The token of the LaTeX command that `rest` starts with; a command of layout only is no token.
fn command(rest: &str) -> Option<(Option<Token<'static>>, usize)> {
    let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        let c = rest[1..].chars().next()?;
        let token = match c {
            '!' => None,
            ',' | ';' | ':' | ' ' => Some(Token::Space),
            '%' => Some(Token::Percent),
            '$' | '(' | ')' | '[' | ']' => Some(Token::Dollar),
            _ => return None,
        };
        return Some((token, 1 + c.len_utf8()));
    }
    let token = match &rest[1..=letters] {
        "frac" | "dfrac" | "tfrac" | "cfrac" => Some(Token::Frac),
        "times" | "cdot" => Some(Token::Times),
        "div" => Some(Token::Slash),
        "quad" | "qquad" => Some(Token::Space),
        "left" | "right" | "big" | "Big" | "bigl" | "bigr" | "displaystyle" | "boxed" | "fbox"
        | "text" | "mathrm" | "mathbf" | "textbf" | "boldsymbol" => None,
        _ => return None,
    };
    Some((token, 1 + letters))
}

/// Returns `text` with the decimal digits of other scripts as ASCII, and without what has no width.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    const ZEROS: [char; 3] = ['０', '٠', '۰'];
    let digit = |c: char| {
        let value = ZEROS.iter().find_map(|&zero| {
            u32::from(c).checked_sub(u32::from(zero)).filter(|offset| *offset < 10)
        })?;
        char::from_digit(value, 10)
    };
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let visible = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    Cow::Owned(text.chars().filter(visible).map(|c| digit(c).unwrap_or(c)).collect())
}
