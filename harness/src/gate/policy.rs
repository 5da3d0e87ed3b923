//! The policy file: which rules a candidate is held to. Every mistake in it is named with its line.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

/// The format's version.
const SCHEMA: i64 = 1;
/// The most bytes a policy may have.
pub const MAX_BYTES: usize = 1 << 20;

/// What a candidate is held to.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What the file is called.
    pub name: String,
    /// The one-sided error rate of every rule.
    pub alpha: f64,
    /// What becomes of a gate that cannot decide.
    pub on_inconclusive: OnInconclusive,
    /// Whether a run that is gated while it goes on may stop before its end.
    pub early_stop: EarlyStop,
    /// The share of trials or items that may be missing.
    pub max_failed: f64,
    /// Dollars that more samples may cost where the items cannot decide.
    pub max_extra_cost: Option<f64>,
    /// The rules.
    pub rules: Vec<PolicyRule>,
}

/// What becomes of a gate that cannot decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// It ends with exit code 3.
    Fail,
    /// It ends with exit code 0 and says so.
    Warn,
    /// More samples are asked, as [`crate::gate::more()`] says; what is open after that ends as with `fail`. A
    /// gate over finished runs cannot ask any.
    SampleMore,
}

/// Whether a run that is gated while it goes on may stop before its end. A gate over finished runs has
/// every item already, and judges all of them once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStop {
    /// It goes to its end.
    None,
    /// By O'Brien and Fleming's boundary and by betting: [`crate::stats::HybridGate`].
    Hybrid,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRule {
    /// The tasks it is about.
    pub scope: Scope,
    /// What is measured.
    pub metric: Metric,
    /// How it is held.
    pub hold: Hold,
    /// The line of the file it stands on.
    pub line: usize,
}

/// The tasks a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them, `*`.
    All,
    /// One of them.
    Task(String),
}

impl Scope {
    /// Whether `task` is meant.
    pub fn holds(&self, task: &str) -> bool {
        match self {
            Self::All => true,
            Self::Task(name) => name == task,
        }
    }

    /// Returns the name as policies write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "*",
            Self::Task(name) => name,
        }
    }
}

/// What is measured of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Its score.
    Accuracy,
    /// Whether its answer was cut off.
    Truncated,
    /// Whether no final answer could be taken from the text.
    Unparsed,
    /// Whether the model said that it does not know.
    Abstained,
    /// Whether the model declined.
    Refused,
    /// Tokens generated, reasoning included.
    OutputTokens,
    /// Of these, reasoning.
    ReasoningTokens,
    /// Seconds.
    LatencyS,
}

impl Metric {
    /// Returns the name as policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Truncated => "truncated",
            Self::Unparsed => "unparsed",
            Self::Abstained => "abstained",
            Self::Refused => "refused",
            Self::OutputTokens => "output_tokens",
            Self::ReasoningTokens => "reasoning_tokens",
            Self::LatencyS => "latency_s",
        }
    }

    /// Whether it is a share between 0 and 1.
    pub const fn is_share(self) -> bool {
        !matches!(self, Self::OutputTokens | Self::ReasoningTokens | Self::LatencyS)
    }
}

/// How a metric is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hold {
    /// Not worse than the baseline by `margin`, a fraction.
    NonInferior(f64),
    /// At most a value.
    AtMost(f64),
    /// At least a value.
    AtLeast(f64),
    /// At most so many times the baseline's.
    RatioAtMost(f64),
    /// Every item has the full score.
    AllPass,
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not TOML, or a key is not known or has a value of another kind.
    #[error("`{file}` line {line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A number is outside what it may be.
    #[error("`{file}` line {line}: {what} is {found}: {allowed}")]
    Number {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The key.
        what: &'static str,
        /// What was written.
        found: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// A key is missing, or does not belong to the rule.
    #[error("`{file}` line {line}: {message}")]
    Rule {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It was written for another version.
    #[error("`{file}` is a policy of schema {found}, and this version of tripos knows {SCHEMA}")]
    Schema {
        /// The file.
        file: String,
        /// The schema it names.
        found: i64,
    },
    /// It holds no rule.
    #[error("`{0}` holds no rule: nothing would be judged")]
    Empty(String),
    /// A rule is about a task that was not run.
    #[error("`{file}` line {line}: there is no task `{task}` in what is judged")]
    UnknownTask {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The task.
        task: String,
        /// The task that was perhaps meant.
        near: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    schema: i64,
    #[serde(default = "five_percent")]
    alpha: Spanned<f64>,
    #[serde(default = "fail")]
    on_inconclusive: OnInconclusive,
    #[serde(default = "no_early_stop")]
    early_stop: EarlyStop,
    #[serde(default = "two_percent")]
    max_failed: Spanned<f64>,
    max_extra_cost: Option<Spanned<f64>>,
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    task: String,
    metric: Option<Metric>,
    kind: Kind,
    margin: Option<Spanned<f64>>,
    value: Option<Spanned<f64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    NonInferior,
    AtMost,
    AtLeast,
    RatioAtMost,
    AllPass,
}

fn five_percent() -> Spanned<f64> {
    Spanned::new(0..0, 0.05)
}

fn two_percent() -> Spanned<f64> {
    Spanned::new(0..0, 0.02)
}

fn no_early_stop() -> EarlyStop {
    EarlyStop::None
}

fn fail() -> OnInconclusive {
    OnInconclusive::Fail
}

impl Policy {
    /// Reads the policy that `text` holds; `name` is what its file is called.
    pub fn parse(name: &str, text: &str) -> Result<Self, PolicyError> {
        let file = File { name, text };
        let raw: RawPolicy = toml::from_str(text).map_err(|error| PolicyError::Syntax {
            file: name.to_owned(),
            line: file.line(error.span()),
            message: error.message().replace('\n', " "),
        })?;
        if raw.schema != SCHEMA {
            return Err(PolicyError::Schema { file: name.to_owned(), found: raw.schema });
        }
        let alpha = file.number(&raw.alpha, "alpha", (0.0, 0.5), ALPHA)?;
        let max_failed = file.number(&raw.max_failed, "max_failed", (-1.0, 1.0), MAX_FAILED)?;
        let cost = |cost| file.number(cost, "max_extra_cost", (-1.0, f64::INFINITY), COST);
        let max_extra_cost = raw.max_extra_cost.as_ref().map(cost).transpose()?;
        let rules = raw.rule.iter().map(|rule| file.rule(rule)).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(PolicyError::Empty(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            alpha,
            on_inconclusive: raw.on_inconclusive,
            early_stop: raw.early_stop,
            max_failed,
            max_extra_cost,
            rules,
        })
    }

    /// Checks that every rule is about a task of `tasks`.
    pub fn check_tasks(&self, tasks: &[&str]) -> Result<(), PolicyError> {
        for rule in &self.rules {
            if let Scope::Task(task) = &rule.scope
                && !tasks.contains(&task.as_str())
            {
                return Err(PolicyError::UnknownTask {
                    file: self.name.clone(),
                    line: rule.line,
                    task: task.clone(),
                    near: tripos_tasks::nearest(task, tasks.iter().copied()),
                });
            }
        }
        Ok(())
    }
}

const ALPHA: &str = "a one-sided error rate above 0 and below 0.5, such as 0.05";
const MAX_FAILED: &str = "a fraction below 1: 0.02 is 2 %";
const MARGIN: &str =
    "a margin is a fraction above 0 and below 1: 0.02 is two points, 0.2 is twenty";
const SHARE: &str = "a share is a fraction above 0 and below 1: 0.05 is 5 %; no number of items shows \
                     that something never happens, and `all_pass` asks for every item there is";
const COST: &str = "dollars, 0 or more";
const AMOUNT: &str = "a number above 0";

/// The file being read.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    /// The line at which `span` begins, from 1.
    fn line(&self, span: Option<Range<usize>>) -> usize {
        let start = span.map_or(0, |span| span.start.min(self.text.len()));
        self.text[..start].matches('\n').count() + 1
    }

    /// A number between two others, neither of them included.
    fn number(
        &self,
        value: &Spanned<f64>,
        what: &'static str,
        (low, high): (f64, f64),
        allowed: &'static str,
    ) -> Result<f64, PolicyError> {
        let found = *value.get_ref();
        // A number that is none is between nothing, and no number here may be below 0.
        if found > low && found < high && found >= 0.0 {
            return Ok(found);
        }
        let line = self.line(Some(value.span()));
        Err(PolicyError::Number { file: self.name.to_owned(), line, what, found, allowed })
    }

    fn rule(&self, raw: &Spanned<RawRule>) -> Result<PolicyRule, PolicyError> {
        let line = self.line(Some(raw.span()));
        let raw = raw.get_ref();
        let scope = if raw.task == "*" { Scope::All } else { Scope::Task(raw.task.clone()) };
        let wrong =
            |message: String| PolicyError::Rule { file: self.name.to_owned(), line, message };
        let metric = match (raw.metric, raw.kind) {
            (Some(metric), Kind::AllPass) if metric != Metric::Accuracy => {
                return Err(wrong("`all_pass` is about `accuracy`".to_owned()));
            }
            (Some(metric), _) => metric,
            (None, Kind::AllPass) => Metric::Accuracy,
            (None, _) => return Err(wrong("the rule names no `metric`".to_owned())),
        };
        let (wanted, unwanted) = match raw.kind {
            Kind::NonInferior => (Some(("margin", &raw.margin)), vec![("value", &raw.value)]),
            Kind::AllPass => (None, vec![("margin", &raw.margin), ("value", &raw.value)]),
            _ => (Some(("value", &raw.value)), vec![("margin", &raw.margin)]),
        };
        if let Some((key, _)) = unwanted.iter().find(|(_, value)| value.is_some()) {
            return Err(wrong(format!("`{key}` does not belong to a rule of this kind")));
        }
        let limit = match wanted {
            None => return Ok(PolicyRule { scope, metric, hold: Hold::AllPass, line }),
            Some((key, None)) => return Err(wrong(format!("the rule has no `{key}`"))),
            Some((_, Some(value))) => value,
        };
        let hold = match raw.kind {
            Kind::NonInferior if !metric.is_share() => {
                let metric = metric.as_str();
                return Err(wrong(format!("`{metric}` is no share: `ratio_at_most` compares it")));
            }
            Kind::RatioAtMost if metric.is_share() => {
                let metric = metric.as_str();
                return Err(wrong(format!("`{metric}` is a share: `non_inferior` compares it")));
            }
            Kind::NonInferior => {
                Hold::NonInferior(self.number(limit, "margin", (0.0, 1.0), MARGIN)?)
            }
            Kind::RatioAtMost => {
                Hold::RatioAtMost(self.number(limit, "value", (0.0, f64::INFINITY), AMOUNT)?)
            }
            kind => {
                let value = if metric.is_share() {
                    self.number(limit, "value", (0.0, 1.0), SHARE)?
                } else {
                    self.number(limit, "value", (0.0, f64::INFINITY), AMOUNT)?
                };
                if kind == Kind::AtMost { Hold::AtMost(value) } else { Hold::AtLeast(value) }
            }
        };
        Ok(PolicyRule { scope, metric, hold, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Policy::parse("gate.toml", text).expect_err("it is refused");
        assert_eq!(error.to_string(), expected);
    }

    fn rule(lines: &str) -> String {
        format!("schema = 1\n\n[[rule]]\ntask = \"*\"\n{lines}")
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_was_perhaps_meant() {
        refused(
            &rule("metric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 20\n"),
            "`gate.toml` line 7: margin is 20: a margin is a fraction above 0 and below 1: 0.02 is \
             two points, 0.2 is twenty",
        );
        refused(
            &rule("metric = \"truncated\"\nkind = \"at_most\"\nvalue = 5.0\n"),
            "`gate.toml` line 7: value is 5: a share is a fraction above 0 and below 1: 0.05 is 5 %; no \
             number of items shows that something never happens, and `all_pass` asks for every item \
             there is",
        );
        let never = rule("metric = \"truncated\"\nkind = \"at_most\"\nvalue = 0\n");
        assert!(Policy::parse("gate.toml", &never).is_err(), "never cannot be shown");
        refused(
            "schema = 1\nalpha = 0.5\n",
            "`gate.toml` line 2: alpha is 0.5: a one-sided error rate above 0 and below 0.5, such as \
             0.05",
        );
        refused(
            "schema = 1\nmax_failed = nan\n",
            "`gate.toml` line 2: max_failed is NaN: a fraction below 1: 0.02 is 2 %",
        );
    }

    #[test]
    fn a_rule_has_what_its_kind_needs_and_nothing_else() {
        refused(
            &rule("kind = \"at_most\"\nvalue = 0.1\n"),
            "`gate.toml` line 3: the rule names no `metric`",
        );
        refused(
            &rule("metric = \"accuracy\"\nkind = \"non_inferior\"\n"),
            "`gate.toml` line 3: the rule has no `margin`",
        );
        refused(
            &rule("metric = \"accuracy\"\nkind = \"at_least\"\nmargin = 0.1\nvalue = 0.5\n"),
            "`gate.toml` line 3: `margin` does not belong to a rule of this kind",
        );
        refused(
            &rule("metric = \"output_tokens\"\nkind = \"non_inferior\"\nmargin = 0.1\n"),
            "`gate.toml` line 3: `output_tokens` is no share: `ratio_at_most` compares it",
        );
        refused(
            &rule("metric = \"accuracy\"\nkind = \"ratio_at_most\"\nvalue = 1.1\n"),
            "`gate.toml` line 3: `accuracy` is a share: `non_inferior` compares it",
        );
        refused(
            &rule("metric = \"truncated\"\nkind = \"all_pass\"\n"),
            "`gate.toml` line 3: `all_pass` is about `accuracy`",
        );
    }

    #[test]
    fn what_is_not_a_policy_is_refused() {
        refused("schema = 1\n", "`gate.toml` holds no rule: nothing would be judged");
        refused(
            "schema = 2\n",
            "`gate.toml` is a policy of schema 2, and this version of tripos knows 1",
        );
        for (text, line) in [("schema = 1\nalfa = 0.05\n", 2), ("schema = 1\n[[rule\n", 2)] {
            let error = Policy::parse("gate.toml", text).expect_err("it is refused");
            let start = format!("`gate.toml` line {line}: ");
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }

    #[test]
    fn an_unknown_task_is_named_with_the_nearest_one() {
        let text = "schema = 1\n[[rule]]\ntask = \"math/linear\"\nkind = \"all_pass\"\n";
        let policy = Policy::parse("gate.toml", text).expect("a policy");
        let error = policy.check_tasks(&["math/lineal", "code/x"]).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "`gate.toml` line 2: there is no task `math/linear` in what is judged"
        );
        assert!(
            matches!(error, PolicyError::UnknownTask { near: Some(near), .. } if near == "math/lineal")
        );
        assert!(policy.check_tasks(&["math/linear"]).is_ok());
    }

    #[test]
    fn every_documented_key_is_read() {
        let text = format!(
            "early_stop = \"hybrid\"\non_inconclusive = \"sample_more\"\nmax_extra_cost = 5.0\n{}",
            rule("kind = \"all_pass\"\n")
        );
        let policy = Policy::parse("p", &text).expect("a policy");
        assert_eq!(policy.early_stop, EarlyStop::Hybrid);
        assert_eq!(policy.on_inconclusive, OnInconclusive::SampleMore);
        assert_eq!(policy.max_extra_cost, Some(5.0));
        refused(
            "schema = 1\nmax_extra_cost = -1\n",
            "`gate.toml` line 2: max_extra_cost is -1: dollars, 0 or more",
        );
    }

    #[test]
    fn what_is_not_said_has_the_documented_default() {
        let policy = Policy::parse("p", &rule("kind = \"all_pass\"\n")).expect("a policy");
        assert_eq!((policy.alpha, policy.max_failed), (0.05, 0.02));
        assert_eq!(policy.on_inconclusive, OnInconclusive::Fail);
        assert_eq!(policy.rules[0].scope, Scope::All);
    }
}
