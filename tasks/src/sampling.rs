//! How a completion is drawn: limits, temperature, stop strings and the level of reasoning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a completion is to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The most tokens a completion may have, reasoning included.
    pub max_tokens: u32,
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probabilities reach this sum.
    pub top_p: f64,
    /// Ends the answer where one of these appears.
    pub stop: Vec<String>,
    /// How much the model is asked to think first.
    pub reasoning: ReasoningLevel,
}

/// How much thinking is asked for before the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasoningLevel {
    /// Whatever the model does by itself.
    #[default]
    Auto,
    /// None: the chat template's switch is set off.
    Off,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// At most this many tokens of it.
    Tokens(u32),
}

/// Why a reasoning level was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reasoning level: use auto, off, low, medium, high or a number of tokens")]
pub struct ReasoningLevelError(String);

impl FromStr for ReasoningLevel {
    type Err = ReasoningLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            other => match other.parse::<u32>() {
                Ok(tokens) if tokens > 0 => Self::Tokens(tokens),
                _ => return Err(ReasoningLevelError(other.to_owned())),
            },
        })
    }
}

impl fmt::Display for ReasoningLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Off => f.pad("off"),
            Self::Low => f.pad("low"),
            Self::Medium => f.pad("medium"),
            Self::High => f.pad("high"),
            Self::Tokens(tokens) => write!(f, "{tokens}"),
        }
    }
}

impl Serialize for ReasoningLevel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReasoningLevel {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_reads_back_as_it_is_written() {
        for text in ["auto", "off", "low", "medium", "high", "512"] {
            assert_eq!(text.parse::<ReasoningLevel>().expect(text).to_string(), text);
        }
        assert!("0".parse::<ReasoningLevel>().is_err());
        assert!("lots".parse::<ReasoningLevel>().is_err());
    }
}
