//! The words of mathematics: functions, letters by name, numbers in words and what means the same.

/// A function with a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Asin,
    Acos,
    Atan,
    Acot,
    Asec,
    Acsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Asinh,
    Acosh,
    Atanh,
    Exp,
    /// The natural logarithm.
    Ln,
    /// `\log` without a base, or with one as its second argument.
    Log,
    /// The second argument is the degree.
    Root,
    Abs,
    Floor,
    Ceil,
    Factorial,
    DoubleFactorial,
    Binomial,
    Permutations,
    Gcd,
    Lcm,
    Max,
    Min,
    Mod,
    Sign,
    Re,
    Im,
    Arg,
    Det,
}

impl Function {
    /// What `f^{-1}` means.
    pub(super) fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::Sin => Self::Asin,
            Self::Cos => Self::Acos,
            Self::Tan => Self::Atan,
            Self::Cot => Self::Acot,
            Self::Sec => Self::Asec,
            Self::Csc => Self::Acsc,
            Self::Sinh => Self::Asinh,
            Self::Cosh => Self::Acosh,
            Self::Tanh => Self::Atanh,
            _ => return None,
        })
    }

    /// Whether it takes several arguments.
    pub(super) fn is_variadic(self) -> bool {
        matches!(
            self,
            Self::Gcd
                | Self::Lcm
                | Self::Max
                | Self::Min
                | Self::Binomial
                | Self::Permutations
                | Self::Mod
        )
    }
}

/// The function called `name`, with or without a backslash.
pub(super) fn function(name: &str) -> Option<Function> {
    Some(match name {
        "sin" => Function::Sin,
        "cos" => Function::Cos,
        "tan" | "tg" => Function::Tan,
        "cot" | "ctg" | "cotan" => Function::Cot,
        "sec" => Function::Sec,
        "csc" | "cosec" => Function::Csc,
        "arcsin" | "asin" => Function::Asin,
        "arccos" | "acos" => Function::Acos,
        "arctan" | "atan" | "arctg" => Function::Atan,
        "arccot" | "acot" => Function::Acot,
        "arcsec" | "asec" => Function::Asec,
        "arccsc" | "acsc" => Function::Acsc,
        "sinh" => Function::Sinh,
        "cosh" => Function::Cosh,
        "tanh" => Function::Tanh,
        "coth" => Function::Coth,
        "sech" => Function::Sech,
        "csch" => Function::Csch,
        "arcsinh" | "asinh" | "arsinh" => Function::Asinh,
        "arccosh" | "acosh" | "arcosh" => Function::Acosh,
        "arctanh" | "atanh" | "artanh" => Function::Atanh,
        "exp" => Function::Exp,
        "ln" => Function::Ln,
        "log" | "lg" => Function::Log,
        "abs" => Function::Abs,
        "floor" => Function::Floor,
        "ceil" | "ceiling" => Function::Ceil,
        "factorial" => Function::Factorial,
        "binom" | "binomial" | "comb" => Function::Binomial,
        "gcd" => Function::Gcd,
        "lcm" => Function::Lcm,
        "max" => Function::Max,
        "min" => Function::Min,
        "sgn" | "sign" => Function::Sign,
        "Re" => Function::Re,
        "Im" => Function::Im,
        "arg" => Function::Arg,
        "det" => Function::Det,
        _ => return None,
    })
}

/// A function and its letter without a space between: `sinx`.
pub(super) fn glued(word: &str) -> Option<(Function, char)> {
    let letter = word.chars().next_back().filter(|c| matches!(c, 'x' | 'y' | 't' | 'u' | 'z'))?;
    let name = word.strip_suffix(letter)?;
    if name.len() < 2 || function(word).is_some() {
        return None;
    }
    function(name).filter(|f| !f.is_variadic()).map(|function| (function, letter))
}

/// Letters that have a name.
const LETTERS: [&str; 37] = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "varepsilon",
    "zeta",
    "eta",
    "theta",
    "vartheta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "rho",
    "varrho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "varphi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Theta",
    "Lambda",
    "Xi",
    "Pi",
    "Sigma",
    "Phi",
    "Psi",
    "Omega",
    "ell",
];

/// The letter that `name` names, variant shapes made one.
pub(super) fn letter(name: &str) -> Option<&'static str> {
    let plain = match name {
        "varepsilon" => "epsilon",
        "vartheta" => "theta",
        "varphi" => "phi",
        "varrho" => "rho",
        name => name,
    };
    LETTERS.into_iter().find(|letter| *letter == plain)
}

/// Values that have a word.
const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The whole number that `words` spell, below a million.
pub(super) fn number(words: &str) -> Option<u32> {
    let parts = words.split([' ', '-']).filter(|part| !part.is_empty() && *part != "and");
    // What is below the next thousand, and the thousands so far.
    let (mut below, mut thousands, mut last) = (0_u32, 0_u32, u32::MAX);
    let mut any = false;
    for part in parts {
        // `a hundred`; articles are not here any more.
        if !any && matches!(part, "hundred" | "thousand") {
            below = 1;
        }
        any = true;
        if part == "hundred" && (1..100).contains(&below) {
            (below, last) = (below * 100, 100);
        } else if part == "thousand" && thousands == 0 && (1..1000).contains(&below) {
            (thousands, below, last) = (below * 1000, 0, 1000);
        } else {
            let (value, limit) = small(part)?;
            if last <= limit {
                return None;
            }
            (below, last) = (below + value, limit);
        }
    }
    any.then_some(thousands + below)
}

/// The whole number that the first of `words` spell, and the words behind it.
pub(super) fn leading_number(words: &str) -> Option<(u32, &str)> {
    let mut ends: Vec<usize> = words.match_indices(' ').map(|(at, _)| at).collect();
    ends.push(words.len());
    let longest = ends.into_iter().rev().find_map(|end| Some((number(&words[..end])?, end)));
    longest.map(|(value, end)| (value, words[end..].trim()))
}

/// The value of one word, and the size that must have come before it.
fn small(word: &str) -> Option<(u32, u32)> {
    let place = |names: &[&str]| {
        names.iter().position(|name| *name == word).and_then(|at| u32::try_from(at).ok())
    };
    if let Some(value) = place(&SMALL) {
        return Some((value, if value < 10 { 1 } else { 10 }));
    }
    place(&TENS).map(|at| (10 * (at + 2), 10))
}

/// The fraction that `words` spell: `two thirds`, `one half`.
pub(super) fn fraction(words: &str) -> Option<(u32, u32)> {
    if words == "half" {
        return Some((1, 2));
    }
    let (top, part) = words.rsplit_once([' ', '-'])?;
    let parts =
        ["half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    let singular = if part == "halves" { "half" } else { part.strip_suffix('s').unwrap_or(part) };
    let singular = if singular == "fourth" { "quarter" } else { singular };
    let place = parts.iter().position(|name| *name == singular)?;
    Some((number(top)?, u32::try_from(place + 2).ok()?))
}

/// A whole number and the fraction behind it, both as digits: `two and a half`, `2 and 3/4`.
pub(super) fn and_part(text: &str) -> Option<(u32, String)> {
    let (whole, part) = text.split_once(" and ")?;
    let whole = whole.parse().ok().or_else(|| number(&bare(whole)))?;
    let words = bare(part);
    let spelled = fraction(&words).or_else(|| fraction(&format!("one {words}")));
    spelled
        .filter(|(top, bottom)| top < bottom)
        .map(|(top, bottom)| (whole, format!("{top}/{bottom}")))
}

/// What a text answer says, where several texts say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    DoesNotExist,
    Infinity,
    MinusInfinity,
    AllReals,
    Yes,
    No,
}

/// The meaning of `text`, which [`bare`] has made plain.
pub(super) fn meaning(text: &str) -> Option<Meaning> {
    let text =
        text.strip_suffix(" solutions").filter(|_| text.starts_with("infinitely")).unwrap_or(text);
    // `all real x`, `any real number y`
    let reals =
        ["all real ", "any real ", "every real "].into_iter().any(|head| text.starts_with(head));
    if reals
        && text.split(' ').count() <= 4
        && text
            .split(' ')
            .skip(2)
            .all(|word| word.len() == 1 || word.starts_with("number") || word.starts_with("value"))
    {
        return Some(Meaning::AllReals);
    }
    Some(match text {
        "no solution"
        | "no solutions"
        | "none"
        | "empty set"
        | "null set"
        | "no real solution"
        | "no real solutions"
        | "there is no solution"
        | "there are no solutions"
        | "no such number"
        | "no solution exists"
        | "no solutions exist"
        | "has no solution"
        | "nothing"
        | "empty"
        | "no values"
        | "no value" => Meaning::Nothing,
        "does not exist"
        | "dne"
        | "undefined"
        | "not defined"
        | "doesnt exist"
        | "limit does not exist"
        | "is undefined"
        | "not exist"
        | "is not defined" => Meaning::DoesNotExist,
        "infinity"
        | "positive infinity"
        | "plus infinity"
        | "infinite"
        | "infinitely many"
        | "diverges to infinity"
        | "inf"
        | "+infinity"
        | "infty" => Meaning::Infinity,
        "negative infinity" | "minus infinity" | "-infinity" | "-inf" => Meaning::MinusInfinity,
        "all real numbers"
        | "all reals"
        | "real numbers"
        | "all real number"
        | "any real number"
        | "set of all real numbers"
        | "set of real numbers"
        | "all real values" => Meaning::AllReals,
        "yes" | "true" | "correct" => Meaning::Yes,
        "no" | "false" | "incorrect" => Meaning::No,
        _ => return None,
    })
}

/// `text` as its words: lower case, without articles, marks, commands of styling and punctuation.
pub(super) fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut word = String::new();
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if c == '\\' {
            let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let name = &rest[1..=letters];
            let styles = name.starts_with("text") || name.starts_with("math");
            end_word(&mut word, &mut out);
            if !styles
                && !matches!(
                    name,
                    "boxed" | "mbox" | "left" | "right" | "quad" | "qquad" | "rm" | "bf"
                )
            {
                word.push_str(name);
                end_word(&mut word, &mut out);
            }
            length = 1 + letters;
        } else if c.is_alphanumeric() || matches!(c, '+' | '=' | '<' | '>' | '/' | '^') {
            word.push(c);
        } else if matches!(c, '\'' | '"')
            || (c == '.' && !rest[1..].starts_with(|d: char| d.is_ascii_digit()))
        {
            // `doesn't` is one word and `U.S.` another.
        } else if c == '.'
            || (c == '-' && word.is_empty() && rest[1..].starts_with(|d: char| d.is_ascii_digit()))
        {
            word.push(c);
        } else {
            end_word(&mut word, &mut out);
        }
        rest = &rest[length..];
    }
    end_word(&mut word, &mut out);
    out
}

/// Adds a word to the others, unless it is an article.
fn end_word(word: &mut String, out: &mut String) {
    // A capital `A` may be a name or an option.
    if !word.is_empty() && !matches!(word.as_str(), "a" | "an" | "An" | "the" | "The") {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    word.clear();
}
