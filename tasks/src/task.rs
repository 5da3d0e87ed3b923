//! A task: items, the prompt that asks them, the protocol, the grader and the sampling.

use serde::{Deserialize, Serialize};

use crate::prompt::{Message, Prompt};
use crate::template::TemplateError;
use crate::{Digest, Item, Language, Limits, Sampling, TaskId, Template, Version};

/// A set of items asked in one way and graded in one way.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name, such as `math/arith_chain`.
    pub id: TaskId,
    /// A version for people.
    pub version: Version,
    /// One line for lists and reports.
    pub title: String,
    /// What nobody's result depends on.
    pub about: About,
    /// The leg it belongs to.
    pub domain: Domain,
    /// What may be shown of its text.
    pub sensitivity: Sensitivity,
    /// The message above the conversation, if any.
    pub system: Option<Template>,
    /// The message that asks.
    pub prompt: Template,
    /// How the conversation goes.
    pub protocol: Protocol,
    /// How an answer is graded.
    pub grader: GraderSpec,
    /// How completions are drawn.
    pub sampling: Sampling,
    /// Repeats of each item unless the command line says otherwise.
    pub samples: u32,
    /// Its share in the suite's average.
    pub weight: u32,
    /// The questions.
    pub items: Vec<Item>,
    /// The digest of everything that decides a result.
    pub digest: Digest,
}

impl Task {
    /// Renders the messages that open a trial of `item`.
    pub fn render(&self, item: &Item) -> Result<Prompt, TemplateError> {
        let mut messages = Vec::with_capacity(2);
        if let Some(system) = &self.system {
            messages.push(Message::system(system.render(&item.fields)?));
        }
        messages.push(Message::user(self.prompt.render(&item.fields)?));
        Ok(Prompt(messages))
    }
}

/// What a task's file says for people; no digest covers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// What the task measures.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The licence of the items.
    pub license: Option<String>,
    /// The line by which a training set that took the items in can be found.
    pub canary: Option<String>,
}

/// The leg a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Domain {
    /// Verifiable maths.
    Math,
    /// Code.
    Code,
    /// Misinformation probes.
    Misinfo,
    /// Following instructions.
    Instruction,
}

/// What may be shown of a task's text outside the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Everything.
    #[default]
    None,
    /// Real false claims: shown with care.
    Misinformation,
    /// Only ids and verdicts.
    Gated,
}

/// How the conversation of a trial goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Protocol {
    /// One question, one answer.
    Single,
}

/// How an answer is graded. A closed set: each kind is one match arm in `graders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum GraderSpec {
    /// A whole number, compared exactly.
    Integer,
    /// An exact fraction, decimal or whole number.
    Rational,
    /// Any mathematical answer: numbers, expressions, equations, intervals, sets, tuples, matrices.
    Expression(MathPolicy),
    /// A literal value of a program, compared after a safe parse.
    Literal,
    /// One label of a closed set.
    Label {
        /// The labels and the other words accepted for each.
        labels: Vec<LabelSpec>,
    },
    /// A value, or `ABSTAIN` or `FALSE PREMISE` where the task allows them.
    Tokens {
        /// Whether `ABSTAIN` is an answer.
        #[serde(default)]
        abstain: bool,
        /// Whether `FALSE PREMISE` is an answer.
        #[serde(default)]
        premise: bool,
    },
    /// A function, called by tests.
    Function {
        /// What it may use.
        #[serde(default)]
        limits: Limits,
    },
    /// An input for which the item's function returns what is asked: a literal, judged by a call.
    Input {
        /// What the function may use.
        #[serde(default)]
        limits: Limits,
    },
    /// A program that reads standard input and writes standard output.
    Stdio {
        /// What it is written in.
        #[serde(default = "python")]
        language: Language,
        /// What it may use.
        #[serde(default)]
        limits: Limits,
    },
}

fn python() -> Language {
    Language::Python
}

impl GraderSpec {
    /// Returns the kind as suite files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Rational => "rational",
            Self::Expression(_) => "expression",
            Self::Literal => "literal",
            Self::Label { .. } => "label",
            Self::Tokens { .. } => "tokens",
            Self::Function { .. } => "function",
            Self::Input { .. } => "input",
            Self::Stdio { .. } => "stdio",
        }
    }

    /// Returns the language of the programs it runs, if it runs any.
    pub fn language(&self) -> Option<Language> {
        match self {
            Self::Function { .. } | Self::Input { .. } => Some(Language::Python),
            Self::Stdio { language, .. } => Some(*language),
            Self::Integer
            | Self::Rational
            | Self::Expression(_)
            | Self::Literal
            | Self::Label { .. }
            | Self::Tokens { .. } => None,
        }
    }
}

/// How mathematical answers are compared where people differ. The defaults are what a careful reader
/// would say; a suite names what its golds need otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in a suite file")]
pub struct MathPolicy {
    /// `\log` without a base is the natural logarithm, not the one to base ten.
    pub natural_log: bool,
    /// The golds are rounded: an exact value that rounds to one is right.
    pub rounded_gold: bool,
    /// A fraction must be in lowest terms.
    pub require_reduced: bool,
    /// An antiderivative must carry its constant.
    pub require_constant: bool,
    /// The items of a list stand in an order.
    pub ordered: bool,
    /// An interval and an inequality are different answers.
    pub strict_intervals: bool,
    /// Only a contract line, a tag, a box or a phrase such as `the answer is` makes an answer.
    pub strict_extraction: bool,
    /// How much of the gold a constant may differ from it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_tolerance: Option<f64>,
}

/// A label and its aliases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// The label as the task writes it.
    pub name: String,
    /// Other words that mean it.
    #[serde(default)]
    pub aliases: Vec<String>,
}
