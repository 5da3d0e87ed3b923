//! Brings an answer to plain characters: mathematical signs become the LaTeX that names them.
//!
//! What has no width, changes the direction of writing or controls a terminal is dropped. Whatever the
//! table does not name goes through compatibility decomposition (Unicode Standard Annex 15, NFKC).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Returns `text` in plain characters.
pub(in crate::math) fn plain(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut script = Script::None;
    for c in text.chars() {
        write_char(c, &mut out, &mut script);
    }
    script.close(&mut out);
    Cow::Owned(out)
}

/// The raised or lowered characters being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    None,
    Above,
    Below,
}

impl Script {
    /// Ends a run of raised or lowered characters.
    fn close(&mut self, out: &mut String) {
        if *self != Self::None {
            out.push('}');
            *self = Self::None;
        }
    }

    /// Begins a run, or goes on with it.
    fn open(&mut self, wanted: Self, out: &mut String) {
        if *self != wanted {
            self.close(out);
            out.push_str(if wanted == Self::Above { "^{" } else { "_{" });
            *self = wanted;
        }
    }
}

fn write_char(c: char, out: &mut String, script: &mut Script) {
    if let Some(raised) = raised(c) {
        script.open(Script::Above, out);
        out.push(raised);
        return;
    }
    if let Some(lowered) = lowered(c) {
        script.open(Script::Below, out);
        out.push(lowered);
        return;
    }
    if is_unseen(c) {
        return;
    }
    script.close(out);
    if c.is_ascii() {
        out.push(c);
    } else if let Some(name) = named(c) {
        out.push_str(name);
    } else if c.is_whitespace() {
        out.push(' ');
    } else if let Some(digit) = digit(c) {
        out.push(digit);
    } else {
        for part in std::iter::once(c).nfkc().filter(|part| !is_unseen(*part)) {
            match named(part) {
                Some(name) => out.push_str(name),
                None => out.push(part),
            }
        }
    }
}

/// Whether a reader sees nothing of `c`.
fn is_unseen(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A raised digit or sign.
fn raised(c: char) -> Option<char> {
    Some(match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_digit(u32::from(c) - 0x2070, 10)?,
        '⁺' => '+',
        '⁻' => '-',
        '⁽' => '(',
        '⁾' => ')',
        'ⁿ' => 'n',
        'ⁱ' => 'i',
        'ˣ' => 'x',
        'ᵏ' => 'k',
        'ᵐ' => 'm',
        _ => return None,
    })
}

/// A lowered digit or sign.
fn lowered(c: char) -> Option<char> {
    Some(match c {
        '₀'..='₉' => char::from_digit(u32::from(c) - 0x2080, 10)?,
        '₊' => '+',
        '₋' => '-',
        'ₐ' => 'a',
        'ₑ' => 'e',
        'ₙ' => 'n',
        'ₘ' => 'm',
        'ₖ' => 'k',
        'ᵢ' => 'i',
        'ⱼ' => 'j',
        'ₓ' => 'x',
        _ => return None,
    })
}

/// The value of a decimal digit of another script.
fn digit(c: char) -> Option<char> {
    const ZEROS: [char; 10] = ['٠', '۰', '०', '০', '੦', '૦', '௦', '౦', '๐', '０'];
    let offset = |zero: char| u32::from(c).checked_sub(u32::from(zero)).filter(|n| *n < 10);
    char::from_digit(ZEROS.into_iter().find_map(offset)?, 10)
}

/// The LaTeX of a sign, with a space behind a command.
fn named(c: char) -> Option<&'static str> {
    signs(c).or_else(|| greek(c)).or_else(|| vulgar(c))
}

fn signs(c: char) -> Option<&'static str> {
    Some(match c {
        '−' | '–' | '﹣' | '－' | '‐' | '‑' | '‒' | '—' | '⁃' => "-",
        '＋' => "+",
        '×' | '✕' | '✖' | '⨯' => "\\times ",
        '·' | '⋅' | '∙' | '•' | '∗' | '⁎' => "\\cdot ",
        '÷' => "\\div ",
        '⁄' | '∕' | '／' => "/",
        '√' => "\\surd ",
        '∛' => "\\surd[3]",
        '∜' => "\\surd[4]",
        '∞' => "\\infty ",
        '≤' | '⩽' | '≦' => "\\le ",
        '≥' | '⩾' | '≧' => "\\ge ",
        '≠' => "\\ne ",
        '≈' | '≅' | '≃' => "\\approx ",
        '≡' => "\\equiv ",
        '±' => "\\pm ",
        '∓' => "\\mp ",
        '∪' | '⋃' => "\\cup ",
        '∩' | '⋂' => "\\cap ",
        '∖' => "\\setminus ",
        '∈' => "\\in ",
        '∉' => "\\notin ",
        '∅' | '⌀' => "\\emptyset ",
        '∣' => "\\mid ",
        'ℝ' => "\\mathbb{R}",
        'ℤ' => "\\mathbb{Z}",
        'ℕ' => "\\mathbb{N}",
        'ℚ' => "\\mathbb{Q}",
        'ℂ' => "\\mathbb{C}",
        '°' | 'º' | '˚' => "^\\circ ",
        '′' | '’' | '‘' | 'ʹ' => "'",
        '″' => "''",
        '“' | '”' | '„' => "\"",
        '→' | '⟶' => "\\to ",
        '⇒' | '⟹' => "\\implies ",
        '⌊' => "\\lfloor ",
        '⌋' => "\\rfloor ",
        '⌈' => "\\lceil ",
        '⌉' => "\\rceil ",
        '⟨' | '〈' => "\\langle ",
        '⟩' | '〉' => "\\rangle ",
        '∑' => "\\sum ",
        '∏' => "\\prod ",
        '∫' => "\\int ",
        '∠' => "\\angle ",
        '△' => "\\triangle ",
        'ℓ' => "\\ell ",
        'ℯ' => "e",
        'ⅈ' => "i",
        '…' | '⋯' => "\\ldots ",
        '€' => "\\euro ",
        '£' => "\\pounds ",
        '¥' => "\\yen ",
        '¢' => "\\text{cents}",
        '％' => "%",
        '，' => ",",
        '。' => ".",
        '、' => ", ",
        '；' => ";",
        '：' => ":",
        _ => return None,
    })
}

fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "\\alpha ",
        'β' => "\\beta ",
        'γ' => "\\gamma ",
        'δ' => "\\delta ",
        'ε' | 'ϵ' => "\\epsilon ",
        'ζ' => "\\zeta ",
        'η' => "\\eta ",
        'θ' | 'ϑ' => "\\theta ",
        'κ' => "\\kappa ",
        'λ' => "\\lambda ",
        'μ' | 'µ' => "\\mu ",
        'ν' => "\\nu ",
        'ξ' => "\\xi ",
        'π' => "\\pi ",
        'ρ' => "\\rho ",
        'σ' | 'ς' => "\\sigma ",
        'τ' => "\\tau ",
        'φ' | 'ϕ' => "\\phi ",
        'χ' => "\\chi ",
        'ψ' => "\\psi ",
        'ω' => "\\omega ",
        'Γ' => "\\Gamma ",
        'Δ' | '∆' => "\\Delta ",
        'Θ' => "\\Theta ",
        'Λ' => "\\Lambda ",
        'Σ' => "\\Sigma ",
        'Φ' => "\\Phi ",
        'Ψ' => "\\Psi ",
        'Ω' => "\\Omega ",
        _ => return None,
    })
}

fn vulgar(c: char) -> Option<&'static str> {
    Some(match c {
        '½' => "\\frac{1}{2}",
        '⅓' => "\\frac{1}{3}",
        '⅔' => "\\frac{2}{3}",
        '¼' => "\\frac{1}{4}",
        '¾' => "\\frac{3}{4}",
        '⅕' => "\\frac{1}{5}",
        '⅖' => "\\frac{2}{5}",
        '⅗' => "\\frac{3}{5}",
        '⅘' => "\\frac{4}{5}",
        '⅙' => "\\frac{1}{6}",
        '⅚' => "\\frac{5}{6}",
        '⅐' => "\\frac{1}{7}",
        '⅛' => "\\frac{1}{8}",
        '⅜' => "\\frac{3}{8}",
        '⅝' => "\\frac{5}{8}",
        '⅞' => "\\frac{7}{8}",
        '⅑' => "\\frac{1}{9}",
        '⅒' => "\\frac{1}{10}",
        _ => return None,
    })
}
