//! Decides whether a free-form mathematical answer equals the gold.
//!
//! ```text
//! text ─▶ plain characters ─▶ tokens ─▶ trees, one a reading ─▶ shapes side by side
//!                                                                  │ scalars
//!                                normal forms ─▶ exact ─▶ modulo primes ─▶ ball arithmetic
//! ```
//!
//! No computer algebra, no evaluation of text, no clock: a comparison has a budget of steps, so its
//! verdict is the same on every machine. `docs/grading-math.md` has the semantics with examples.

mod answer;
mod ball;
mod budget;
pub(crate) mod choice;
mod complex;
mod decide;
mod evaluate;
mod lex;
mod modular;
mod normal;
mod parse;
mod rational;
mod sample;
mod tree;
mod unit;
mod words;

use tripos_tasks::MathPolicy;

use crate::guard::guarded;

use answer::{Answer, Content};
use budget::Stop;
use decide::{Decision, Method, Outcome};
use tree::Node;

pub use budget::STEPS_MAX;

/// Whether an answer equals the gold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Equal,
    /// It does not.
    NotEqual,
    /// That could not be decided; [`Comparison::reason`] says why.
    Unknown,
}

/// A verdict and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The verdict.
    pub verdict: Verdict,
    /// What decided: `identical`, `text`, `choice`, `exact`, `modular`, `sampled` or `numeric-512`.
    pub method: &'static str,
    /// Why nothing was decided, or why the answer could not be read.
    pub reason: Option<&'static str>,
    /// The rules of the semantics table that an `Equal` leans on.
    pub rules: Vec<&'static str>,
    /// The steps it took, of [`STEPS_MAX`].
    pub steps: u64,
}

impl Comparison {
    fn new(verdict: Verdict, method: &'static str) -> Self {
        Self { verdict, method, reason: None, rules: Vec::new(), steps: 0 }
    }

    /// The verdict where there is no final answer, and why.
    pub(crate) fn missing(reason: &'static str) -> Self {
        Self::new(Verdict::NotEqual, "none").because(reason)
    }

    fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Whether the answer equals the gold.
    pub fn is_equal(&self) -> bool {
        self.verdict == Verdict::Equal
    }
}

/// A gold that has been read.
#[derive(Clone, Debug)]
pub struct Gold<'a> {
    written: &'a str,
    answer: Answer<'a>,
    choice: Option<char>,
}

impl<'a> Gold<'a> {
    /// Reads `text`.
    pub fn read(text: &'a str) -> Self {
        Self { written: text, answer: Answer::read(text), choice: choice::gold(text) }
    }

    /// Whether it is the letter of an option.
    pub fn is_choice(&self) -> bool {
        self.choice.is_some()
    }

    /// Whether it is one number, with a unit or without.
    pub fn is_number(&self) -> bool {
        self.first().is_some_and(|(tree, root)| {
            let mut at = root;
            loop {
                match tree.get(at) {
                    Node::Number(_) | Node::Decimal(..) => return true,
                    Node::Negative(inner)
                    | Node::Percent(inner)
                    | Node::Degrees(inner)
                    | Node::Quantity(inner, _) => at = *inner,
                    Node::Quotient(top, bottom) => {
                        let plain = |at| {
                            matches!(
                                tree.get(at),
                                Node::Number(_) | Node::Decimal(..) | Node::Negative(_)
                            )
                        };
                        return plain(*top) && plain(*bottom);
                    }
                    _ => return false,
                }
            }
        })
    }

    /// Whether it has several parts: a list, a set, alternatives.
    pub fn is_several(&self) -> bool {
        self.first().is_some_and(|(tree, root)| match tree.get(root) {
            Node::Set(_) | Node::List { .. } | Node::Tuple { .. } => true,
            _ => tree.any(root, &|node| matches!(node, Node::PlusMinus { .. })),
        })
    }

    /// Whether it is mathematics rather than words.
    pub fn is_mathematics(&self) -> bool {
        self.first().is_some_and(|(tree, root)| !matches!(tree.get(root), Node::Text(_)))
    }

    fn first(&self) -> Option<(&tree::Tree, tree::Ref)> {
        match &self.answer.content {
            Content::Mathematics(readings) => readings.first().map(|r| (&r.tree, r.root)),
            _ => None,
        }
    }
}

/// Whether `word` has a meaning in mathematics: a function, a letter's name, a unit, a number.
pub(crate) fn knows(word: &str) -> bool {
    answer::is_known(word)
}

/// Whether `word` is a unit.
pub(crate) fn is_unit(word: &str) -> bool {
    unit::named(word).is_some()
}

/// Whether `text` can be read as mathematics and not only as words.
pub(crate) fn reads(text: &str) -> bool {
    match Answer::read(text).content {
        Content::Mathematics(readings) => {
            readings.first().is_some_and(|r| !matches!(r.tree.get(r.root), Node::Text(_)))
        }
        _ => false,
    }
}

/// Compares `answer`, a final answer without anything around it, with `gold`.
///
/// A panic inside is a bug; it leaves this one comparison undecided.
pub fn compare(gold: &Gold<'_>, answer: &str, policy: &MathPolicy) -> Comparison {
    guarded(|| compare_unguarded(gold, answer, policy))
        .unwrap_or_else(|| Comparison::new(Verdict::Unknown, "none").because("panic"))
}

fn compare_unguarded(gold: &Gold<'_>, answer: &str, policy: &MathPolicy) -> Comparison {
    if gold.written.trim() == answer.trim() && !answer.trim().is_empty() {
        return Comparison::new(Verdict::Equal, "identical");
    }
    if let Some(letter) = gold.choice
        && let Some(given) = choice::given(answer)
    {
        let verdict = if given == letter { Verdict::Equal } else { Verdict::NotEqual };
        return Comparison::new(verdict, "choice");
    }
    let given = Answer::read(answer);
    let mut comparison = contents(gold, &given, policy);
    if given.approximate && comparison.is_equal() {
        comparison.rules.push("approximation_word");
    }
    comparison
}

fn contents(gold: &Gold<'_>, given: &Answer<'_>, policy: &MathPolicy) -> Comparison {
    match (&gold.answer.content, &given.content) {
        (_, Content::Empty) => Comparison::new(Verdict::NotEqual, "text").because("empty"),
        (Content::Limit, _) | (_, Content::Limit) => {
            if tight(&gold.answer.text) == tight(&given.text) {
                Comparison::new(Verdict::Equal, "identical")
            } else {
                Comparison::new(Verdict::Unknown, "text").because("limit")
            }
        }
        (Content::Mathematics(golds), Content::Mathematics(givens)) => {
            let seed = sample::seed(&gold.answer.text);
            let comparison = readings((golds, givens), policy, seed);
            match refusal(gold, givens) {
                Some(reason) if comparison.verdict == Verdict::NotEqual => {
                    comparison.because(reason)
                }
                _ => comparison,
            }
        }
        (Content::Mathematics(_), Content::Text) => {
            let is_text =
                gold.first().is_some_and(|(tree, root)| matches!(tree.get(root), Node::Text(_)));
            let same = tight(&gold.answer.text) == tight(&given.text)
                || same_meaning(gold, given)
                || is_text && decide::same_text(&gold.answer.text, &given.text).is_equal();
            let verdict = if same { Verdict::Equal } else { Verdict::NotEqual };
            let comparison = Comparison::new(verdict, "text");
            if same { comparison } else { comparison.because("not_parsed") }
        }
        (Content::Text | Content::Empty, _) => {
            let same = decide::same_text(&gold.answer.text, &given.text).is_equal()
                || tight(&gold.answer.text) == tight(&given.text)
                || same_meaning(gold, given);
            Comparison::new(if same { Verdict::Equal } else { Verdict::NotEqual }, "text")
        }
    }
}

/// Why an answer that differs from the gold could not have been it: several values for one, or words.
fn refusal(gold: &Gold<'_>, givens: &[parse::Parsed]) -> Option<&'static str> {
    let given = givens.first()?;
    match given.tree.get(given.root) {
        Node::List { .. } if gold.is_mathematics() && !gold.is_several() => Some("hedge"),
        Node::Text(text) if gold.is_mathematics() => {
            words::meaning(&words::bare(text)).is_none().then_some("not_parsed")
        }
        _ => None,
    }
}

/// Compares a text with mathematics by the words for nothing, infinity and the like.
fn same_meaning(gold: &Gold<'_>, given: &Answer<'_>) -> bool {
    let meaning = |answer: &Answer<'_>| match &answer.content {
        Content::Mathematics(readings) => {
            readings.first().and_then(|r| decide::meaning_of(&r.tree, r.root))
        }
        _ => words::meaning(&words::bare(&answer.text)),
    };
    let gold = meaning(&gold.answer);
    gold.is_some() && gold == meaning(given)
}

/// Compares every reading of the answer with every reading of the gold: equal where any two are.
fn readings(
    (golds, givens): (&[parse::Parsed], &[parse::Parsed]),
    policy: &MathPolicy,
    seed: u64,
) -> Comparison {
    let mut first: Option<Outcome> = None;
    let mut steps = 0;
    for gold in golds {
        for given in givens {
            if !parse::may_meet(gold, given) {
                continue;
            }
            let outcome = decide::decide(gold, given, policy, seed);
            steps += outcome.steps;
            if outcome.decision.is_equal() {
                let mut comparison = Comparison { steps, ..said(outcome) };
                if parse::is_by_letter(gold, given) {
                    comparison.rules.push("letter_is_unit");
                }
                return comparison;
            }
            first = first.or(Some(outcome));
        }
    }
    first.map_or_else(
        || Comparison::new(Verdict::NotEqual, "exact"),
        |outcome| Comparison { steps, ..said(outcome) },
    )
}

/// The public form of a decision.
fn said(outcome: Outcome) -> Comparison {
    let name = |method| match method {
        Method::Identical => "identical",
        Method::Text => "text",
        Method::Exact => "exact",
        Method::Modular => "modular",
        Method::Sampled => "sampled",
        Method::Numeric => "numeric-512",
    };
    let (verdict, method, reason) = match outcome.decision {
        Decision::Equal(method) => (Verdict::Equal, name(method), None),
        Decision::NotEqual(method) => (Verdict::NotEqual, name(method), None),
        Decision::Unknown(stop) => {
            let reason = match stop {
                Stop::Limit => "limit",
                Stop::Undefined => "undefined",
                Stop::Imprecise => "precision",
                Stop::Unsupported => "unsupported",
            };
            (Verdict::Unknown, "numeric-512", Some(reason))
        }
    };
    let rules = if verdict == Verdict::Equal { outcome.flags } else { Vec::new() };
    Comparison { verdict, method, reason, rules, steps: outcome.steps }
}

/// `text` without dollar signs, and without spaces but for those that keep words and numbers apart.
fn tight(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut spaced = false;
    for c in text.chars().filter(|c| *c != '$') {
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        if spaced && c.is_alphanumeric() && out.ends_with(char::is_alphanumeric) {
            out.push(' ');
        }
        spaced = false;
        out.push(c);
    }
    out
}
