//! The names of a trial and of a grader: digests of everything that decides the answer and the
//! verdict, and of nothing else.
//!
//! No grader, suite or task is part of a trial's key, so a better grader never asks again and two
//! tasks that ask the same thing share the answer.

use std::fmt;
use std::str::FromStr;

use serde_json::json;
use tripos_runners::Effective;
use tripos_tasks::item::Expected;
use tripos_tasks::{Digest, GraderSpec, Item, Prompt, Sampling, Target};

/// Names a trial by its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialKey([u8; 32]);

/// What decides the answer of a trial.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The digest of the model that answers.
    pub model: &'a str,
    /// The messages that open the trial.
    pub prompt: &'a Prompt,
    /// What the sampling becomes with this model.
    pub effective: &'a Effective,
    /// The seed of the run.
    pub seed: u64,
    /// Which repeat of the item this is, from 0.
    pub repeat: u32,
}

impl TrialKey {
    /// Names the trial with this content.
    pub fn of(identity: &Identity<'_>) -> Self {
        let digest = Digest::of_json(&json!({
            "trial": 1,
            "model": identity.model,
            "prompt": identity.prompt,
            "turns": [],
            "sampling": sent_sampling(identity.effective),
            "seed": identity.seed,
            "repeat": identity.repeat,
        }));
        Self(*digest.as_bytes())
    }

    /// Returns the seed that decides every draw of this trial in a run with `run_seed`.
    pub fn seed(&self, run_seed: u64) -> u64 {
        let digest = Digest::of_json(&json!({ "seed": run_seed, "trial": self.to_string() }));
        u64::from_le_bytes(std::array::from_fn(|n| digest.as_bytes()[n]))
    }
}

/// Returns the sampling that is sent: what takes effect, the reasoning level included.
pub fn sent_sampling(effective: &Effective) -> Sampling {
    Sampling { reasoning: effective.reasoning, ..effective.sampling.clone() }
}

/// Names the grader of `item`: its spec, its version and what counts as right.
pub fn grader_digest(spec: &GraderSpec, item: &Item) -> Digest {
    Digest::of_json(&json!({
        "grader": spec,
        "version": tripos_graders::version(spec),
        "target": [target_kind(&item.target), item.target.display()],
        "decoys": item.decoys,
    }))
}

/// Returns the kind of a target, as the store writes it.
pub fn target_kind(target: &Target) -> &'static str {
    match target {
        Target::Integer(_) => "integer",
        Target::Rational(_) => "rational",
        Target::Expression(_) => "expression",
        Target::Literal(_) => "literal",
        Target::Label(_) => "label",
        Target::Tests(_) => "tests",
        Target::Token(Expected::Value(_)) => "value",
        Target::Token(Expected::Abstain) => "abstain",
        Target::Token(Expected::FalsePremise { .. }) => "premise",
    }
}

/// Returns the target that the store keeps under a kind, as [`Target::display`] wrote it; nothing for
/// one that it does not keep whole.
pub fn target_of(kind: &str, text: &str) -> Option<Target> {
    Some(match kind {
        "integer" => Target::Integer(text.parse().ok()?),
        "rational" => Target::Rational(text.parse().ok()?),
        "expression" => Target::Expression(text.to_owned()),
        "literal" => Target::Literal(text.to_owned()),
        "label" => Target::Label(text.to_owned()),
        "value" => Target::Token(Expected::Value(text.to_owned())),
        "abstain" => Target::Token(Expected::Abstain),
        "premise" => {
            let corrected = text.strip_prefix("FALSE PREMISE (true: ")?.strip_suffix(')')?;
            Target::Token(Expected::FalsePremise { corrected: corrected.to_owned() })
        }
        _ => return None,
    })
}

impl fmt::Display for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrialKey({self})")
    }
}

/// A text that is not the whole key of a trial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a trial key: 64 hexadecimal digits")]
pub struct TrialKeyError(String);

impl FromStr for TrialKey {
    type Err = TrialKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TrialKeyError(text.to_owned());
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use tripos_tasks::{Message, ReasoningLevel};

    use super::*;

    fn effective(reasoning: ReasoningLevel, asked: ReasoningLevel) -> Effective {
        Effective {
            sampling: Sampling {
                max_tokens: 64,
                temperature: 0.0,
                top_p: 1.0,
                stop: Vec::new(),
                reasoning: asked,
            },
            reasoning,
            dropped: Vec::new(),
        }
    }

    fn key(model: &str, text: &str, reasoning: ReasoningLevel, numbers: (u64, u32)) -> TrialKey {
        let prompt = Prompt(vec![Message::user(text)]);
        let effective = effective(reasoning, ReasoningLevel::Auto);
        let (seed, repeat) = numbers;
        TrialKey::of(&Identity { model, prompt: &prompt, effective: &effective, seed, repeat })
    }

    #[test]
    fn every_part_of_the_content_changes_the_key() {
        let keys = [
            key("m", "1 + 1", ReasoningLevel::Off, (0, 0)),
            key("n", "1 + 1", ReasoningLevel::Off, (0, 0)),
            key("m", "1 + 2", ReasoningLevel::Off, (0, 0)),
            key("m", "1 + 1", ReasoningLevel::Tokens(9), (0, 0)),
            key("m", "1 + 1", ReasoningLevel::Off, (1, 0)),
            key("m", "1 + 1", ReasoningLevel::Off, (0, 1)),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(keys[n + 1..].iter().all(|other| one != other), "{one} appears twice");
        }
        assert_eq!(keys[0], key("m", "1 + 1", ReasoningLevel::Off, (0, 0)));
    }

    #[test]
    fn what_was_asked_for_but_did_not_take_effect_is_no_part_of_it() {
        let prompt = Prompt(vec![Message::user("1 + 1")]);
        let of = |asked| {
            let effective = effective(ReasoningLevel::Off, asked);
            let effective = &effective;
            TrialKey::of(&Identity { model: "m", prompt: &prompt, effective, seed: 0, repeat: 0 })
        };
        assert_eq!(of(ReasoningLevel::Low), of(ReasoningLevel::High));
    }

    #[test]
    fn a_key_reads_back_and_anything_else_does_not() {
        let key = key("m", "1 + 1", ReasoningLevel::Off, (0, 0));
        assert_eq!(key.to_string().parse(), Ok(key));
        for text in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert!(text.parse::<TrialKey>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn the_seed_of_a_trial_follows_the_seed_of_the_run_and_the_key() {
        let one = key("m", "1 + 1", ReasoningLevel::Off, (0, 0));
        let two = key("m", "1 + 2", ReasoningLevel::Off, (0, 0));
        assert_eq!(one.seed(7), one.seed(7));
        assert_ne!(one.seed(7), one.seed(8));
        assert_ne!(one.seed(7), two.seed(7));
    }
}
