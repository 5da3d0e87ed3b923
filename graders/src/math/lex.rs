//! Splits an answer into tokens, LaTeX and plain notation alike.
//!
//! What only dresses an answer is no token: dollar signs, `\left`, sizes, fonts, thin spaces. A token
//! remembers whether a space stands before it, since `1 1/2` and `11/2` differ by nothing else.

pub(super) mod number;
pub(super) mod unicode;

use super::budget::Stop;
use super::words;
use number::Literal;

/// The most tokens of an answer.
const TOKENS_MAX: usize = 2048;

/// What brackets look like; opening and closing ones share a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bracket {
    /// `( )`
    Round,
    /// `[ ]`
    Square,
    /// `{ }`, which LaTeX does not print.
    Group,
    /// `\{ \}`
    Curly,
    /// `\lfloor \rfloor`
    Floor,
    /// `\lceil \rceil`
    Ceil,
    /// `\langle \rangle`
    Angle,
}

/// How two sides are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Approximately,
    Congruent,
    In,
    NotIn,
    Implies,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Number(Literal<'a>),
    /// One letter that stands alone.
    Letter(char),
    /// Two letters or more outside `\text`.
    Word(&'a str),
    /// A word inside `\text` or an upright font.
    Text(&'a str),
    /// A command, without its backslash.
    Command(&'a str),
    /// `\begin{…}`, with what names the environment.
    Begin(&'a str),
    End(&'a str),
    Open(Bracket),
    Close(Bracket),
    Relation(Relation),
    /// One of `+ - * / ^ _ % ! ' , ; : & | .`
    Sign(char),
    /// `\|`
    DoubleBar,
    /// `\\`
    Row,
    /// `...`
    Ellipsis,
    /// A sign of money.
    Money(&'a str),
    /// Anything else.
    Other(char),
}

/// A token where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme<'a> {
    pub(super) token: Token<'a>,
    /// Whether a space stands before it.
    pub(super) spaced: bool,
}

/// Splits `text`, which is in plain characters, into at most [`TOKENS_MAX`] tokens.
pub(super) fn lex(text: &str, commas: bool) -> Result<Vec<Lexeme<'_>>, Stop> {
    let mut lexer = Lexer { text, at: 0, commas, spaced: false, tokens: Vec::new() };
    lexer.run(text.len(), false)?;
    let mut tokens = lexer.tokens;
    for at in 1..tokens.len().saturating_sub(2) {
        // `3.2 x 10^5`
        let around = (&tokens[at - 1].token, &tokens[at + 1].token, &tokens[at + 2].token);
        let ten = |literal: &Literal<'_>| literal.digits() == Some("10");
        let power = matches!(around, (Token::Number(_), Token::Number(base), Token::Sign('^')) if ten(base));
        // `9 x 2`
        let apart = tokens[at].spaced && tokens[at + 1].spaced;
        let times = apart && matches!(around, (Token::Number(_), Token::Number(_), _));
        if (power || times) && matches!(tokens[at].token, Token::Letter('x' | 'X')) {
            tokens[at].token = Token::Sign('*');
        }
    }
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    commas: bool,
    spaced: bool,
    tokens: Vec<Lexeme<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token<'a>, length: usize) -> Result<(), Stop> {
        if self.tokens.len() >= TOKENS_MAX {
            return Err(Stop::Limit);
        }
        self.tokens.push(Lexeme { token, spaced: self.spaced });
        self.spaced = false;
        self.at += length;
        Ok(())
    }

    /// Skips `length` bytes that are nothing, or a space.
    fn skip(&mut self, length: usize, is_space: bool) {
        self.at += length;
        self.spaced |= is_space;
    }

    /// Reads up to `end`; inside `\text` every run of letters is a word.
    fn run(&mut self, end: usize, in_text: bool) -> Result<(), Stop> {
        while self.at < end {
            let rest = &self.text[self.at..end];
            let Some(c) = rest.chars().next() else { break };
            match c {
                c if c.is_whitespace() || c == '~' => self.skip(c.len_utf8(), true),
                '0'..='9' | '.' => self.number(rest)?,
                '\\' => self.command(rest)?,
                c if c.is_alphabetic() => self.word(rest, in_text)?,
                _ => self.symbol(rest, c)?,
            }
        }
        Ok(())
    }

    fn number(&mut self, rest: &'a str) -> Result<(), Stop> {
        if let Some(literal) = number::read(rest, self.commas) {
            let length = literal.length;
            return self.push(Token::Number(literal), length);
        }
        let dots = rest.bytes().take_while(|b| *b == b'.').count();
        match dots {
            1 | 2 => self.push(Token::Sign('.'), dots),
            _ => self.push(Token::Ellipsis, dots),
        }
    }

    fn word(&mut self, rest: &'a str, in_text: bool) -> Result<(), Stop> {
        let mut length = 0;
        for c in rest.chars() {
            // `don't` and `twenty-one` are words where words are meant.
            let joins = in_text && length > 0 && matches!(c, '\'' | '-');
            if !c.is_alphabetic() && !joins {
                break;
            }
            length += c.len_utf8();
        }
        let word = &rest[..length];
        let word = word.trim_end_matches(['\'', '-']);
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if !in_text => self.push(Token::Letter(letter), word.len()),
            _ if in_text => self.push(Token::Text(word), word.len()),
            _ => self.push(Token::Word(word), word.len()),
        }
    }

    fn symbol(&mut self, rest: &'a str, c: char) -> Result<(), Stop> {
        use Relation::{Equal, Greater, GreaterEqual, Implies, Less, LessEqual, NotEqual};
        let relations = [
            ("<=>", Implies),
            ("=>", Implies),
            ("->", Implies),
            (":=", Equal),
            ("==", Equal),
            ("<=", LessEqual),
            (">=", GreaterEqual),
            ("!=", NotEqual),
            ("=", Equal),
            ("<", Less),
            (">", Greater),
        ];
        if let Some((sign, relation)) = relations.iter().find(|(sign, _)| rest.starts_with(sign)) {
            // `5!=120` is a factorial.
            let factorial = *sign == "!="
                && matches!(self.tokens.last(), Some(Lexeme { token: Token::Number(_), .. }));
            if !factorial {
                return self.push(Token::Relation(*relation), sign.len());
            }
        }
        match c {
            // One dollar sign alone before a number is money; two are delimiters.
            '$' if rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && self.text.matches('$').count() == 1 =>
            {
                self.push(Token::Money("$"), 1)
            }
            '$' => {
                self.skip(1, false);
                Ok(())
            }
            '{' if rest.starts_with("{:}") => self.push(Token::Sign(':'), 3),
            '*' if rest.starts_with("**") => self.push(Token::Sign('^'), 2),
            '+' | '-' | '*' | '/' | '^' | '_' | '%' | '!' | '\'' | ',' | ';' | ':' | '&' | '|' => {
                self.push(Token::Sign(c), 1)
            }
            '(' => self.push(Token::Open(Bracket::Round), 1),
            ')' => self.push(Token::Close(Bracket::Round), 1),
            '[' => self.push(Token::Open(Bracket::Square), 1),
            ']' => self.push(Token::Close(Bracket::Square), 1),
            '{' => self.push(Token::Open(Bracket::Group), 1),
            '}' => self.push(Token::Close(Bracket::Group), 1),
            c => self.push(Token::Other(c), c.len_utf8()),
        }
    }

    fn command(&mut self, rest: &'a str) -> Result<(), Stop> {
        let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters == 0 {
            return self.escaped(rest);
        }
        let length = 1 + letters;
        let name = &rest[1..length];
        match name {
            "text" | "textbf" | "textit" | "textrm" | "textsf" | "texttt" | "textnormal"
            | "mbox" | "hbox" | "emph" | "mathrm" | "mathsf" | "operatorname" | "rm" => {
                self.upright(name, length)
            }
            "left" | "right" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr" | "Bigl"
            | "Bigr" | "biggl" | "biggr" | "Biggl" | "Biggr" | "middle" => {
                let dot = rest[length..].trim_start().starts_with('.');
                let blank = rest[length..].len() - rest[length..].trim_start().len();
                self.skip(length + if dot { blank + 1 } else { 0 }, false);
                Ok(())
            }
            "textcolor" | "color" | "tag" => {
                let inside = group(&rest[length..]).map_or(0, |inside| inside.len() + 2);
                self.skip(length + inside, false);
                Ok(())
            }
            "displaystyle" | "textstyle" | "scriptstyle" | "limits" | "nolimits" | "mathbf"
            | "bf" | "boldsymbol" | "bm" | "mathit" | "mathcal" | "mathfrak" | "mathscr"
            | "pmb" | "boxed" | "fbox" | "bold" | "it" | "mathord" | "underline" | "ensuremath"
            | "mathtt" | "large" | "Large" | "LARGE" | "huge" | "Huge" | "small" | "normalsize"
            | "blacksquare" | "checkmark" | "qed" => {
                self.skip(length, false);
                Ok(())
            }
            "quad" | "qquad" | "enspace" | "thinspace" | "medspace" | "thickspace" | "space" => {
                self.skip(length, true);
                Ok(())
            }
            "hspace" | "vspace" | "phantom" | "hphantom" | "vphantom" => {
                let inside = group(&rest[length..]).map_or(0, |inside| inside.len() + 2);
                self.skip(length + inside, true);
                Ok(())
            }
            "not" => {
                let behind = rest[length..].trim_start();
                let skipped = rest.len() - behind.len();
                if behind.starts_with('=') {
                    return self.push(Token::Relation(Relation::NotEqual), skipped + 1);
                }
                if behind.starts_with("\\in") {
                    return self.push(Token::Relation(Relation::NotIn), skipped + 3);
                }
                self.push(Token::Command("not"), length)
            }
            "begin" | "end" => match group(&rest[length..]) {
                Some(kind) if name == "begin" => {
                    self.push(Token::Begin(kind), length + kind.len() + 2)
                }
                Some(kind) => self.push(Token::End(kind), length + kind.len() + 2),
                None => Err(Stop::Unsupported),
            },
            _ => match named(name) {
                Some(token) => self.push(token, length),
                None => self.push(Token::Command(name), length),
            },
        }
    }

    /// A command that is one sign.
    fn escaped(&mut self, rest: &'a str) -> Result<(), Stop> {
        let Some(c) = rest[1..].chars().next() else {
            self.skip(1, false);
            return Ok(());
        };
        let length = 1 + c.len_utf8();
        match c {
            '!' | '(' | ')' | '[' | ']' => self.skip(length, false),
            ',' | ';' | ':' | ' ' | '>' | '\n' => self.skip(length, true),
            '%' | '&' => return self.push(Token::Sign(c), length),
            '$' => return self.push(Token::Money("$"), length),
            '{' => return self.push(Token::Open(Bracket::Curly), length),
            '}' => return self.push(Token::Close(Bracket::Curly), length),
            '|' => return self.push(Token::DoubleBar, length),
            '\\' => {
                let behind = &rest[length..];
                let gap =
                    behind.strip_prefix('[').and_then(|gap| gap.find(']').map(|end| &gap[..end]));
                let is_gap = |gap: &str| {
                    gap.starts_with(|c: char| c.is_ascii_digit())
                        && gap.ends_with(|c: char| c.is_ascii_alphabetic())
                };
                let extra = gap.filter(|gap| is_gap(gap)).map_or(0, |gap| gap.len() + 2);
                return self.push(Token::Row, length + extra);
            }
            '_' | '#' | '-' | '/' => self.skip(1, false),
            c => return self.push(Token::Other(c), length),
        }
        Ok(())
    }

    /// What stands in an upright font: a function, a constant, or words.
    fn upright(&mut self, command: &str, length: usize) -> Result<(), Stop> {
        let behind = &self.rest()[length..];
        let starred = behind.strip_prefix('*').unwrap_or(behind);
        let star = behind.len() - starred.len();
        let Some(inside) = group(starred) else {
            self.skip(length + star, false);
            return Ok(());
        };
        let open = starred.len() - starred.trim_start().len() + 1;
        let start = self.at + length + star + open;
        let name = inside.trim();
        let mathematical = matches!(command, "mathrm" | "operatorname" | "rm" | "mathsf");
        let known = (mathematical && matches!(name, "e" | "i" | "d"))
            || (matches!(command, "mathrm" | "operatorname") && matches!(name, "P" | "E"))
            || (words::function(name).is_some()
                && (command == "operatorname" || !matches!(name, "sec" | "min")));
        if known && name.is_ascii() {
            self.at = start;
            let token = match name {
                "e" => Token::Letter('e'),
                "i" => Token::Letter('i'),
                "d" => Token::Letter('d'),
                "P" => Token::Letter('P'),
                "E" => Token::Letter('E'),
                name => Token::Command(name),
            };
            self.push(token, inside.len() + 1)?;
            return Ok(());
        }
        self.at = start;
        self.run(start + inside.len(), true)?;
        self.at = start + inside.len() + 1;
        Ok(())
    }
}

/// The inside of the group that `text` begins with, spaces aside, where its braces balance.
fn group(text: &str) -> Option<&str> {
    let inside = text.trim_start().strip_prefix('{')?;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, b) in inside.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(&inside[..at]),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The token of a command that is a sign by another name.
fn named(name: &str) -> Option<Token<'static>> {
    Some(match name {
        "times" | "cdot" | "ast" | "star" | "bullet" => Token::Sign('*'),
        "div" => Token::Sign('/'),
        "le" | "leq" | "leqslant" | "leqq" => Token::Relation(Relation::LessEqual),
        "ge" | "geq" | "geqslant" | "geqq" => Token::Relation(Relation::GreaterEqual),
        "lt" => Token::Relation(Relation::Less),
        "gt" => Token::Relation(Relation::Greater),
        "ne" | "neq" => Token::Relation(Relation::NotEqual),
        "approx" | "sim" | "simeq" | "cong" | "thickapprox" | "doteq" => {
            Token::Relation(Relation::Approximately)
        }
        "equiv" => Token::Relation(Relation::Congruent),
        "in" => Token::Relation(Relation::In),
        "notin" => Token::Relation(Relation::NotIn),
        "to" | "rightarrow" | "implies" | "iff" | "Rightarrow" | "Leftrightarrow"
        | "longrightarrow" | "mapsto" => Token::Relation(Relation::Implies),
        "lbrace" => Token::Open(Bracket::Curly),
        "rbrace" => Token::Close(Bracket::Curly),
        "lbrack" => Token::Open(Bracket::Square),
        "rbrack" => Token::Close(Bracket::Square),
        "lparen" => Token::Open(Bracket::Round),
        "rparen" => Token::Close(Bracket::Round),
        "lfloor" => Token::Open(Bracket::Floor),
        "rfloor" => Token::Close(Bracket::Floor),
        "lceil" => Token::Open(Bracket::Ceil),
        "rceil" => Token::Close(Bracket::Ceil),
        "langle" => Token::Open(Bracket::Angle),
        "rangle" => Token::Close(Bracket::Angle),
        "vert" | "lvert" | "rvert" => Token::Sign('|'),
        "Vert" | "lVert" | "rVert" => Token::DoubleBar,
        "ldots" | "dots" | "cdots" | "dotsc" | "dotsb" => Token::Ellipsis,
        "newline" | "cr" => Token::Row,
        "colon" => Token::Sign(':'),
        "lnot" | "neg" => Token::Command("neg"),
        "euro" => Token::Money("€"),
        "pounds" => Token::Money("£"),
        "yen" => Token::Money("¥"),
        "percent" => Token::Sign('%'),
        "textdollar" => Token::Money("$"),
        _ => return None,
    })
}
