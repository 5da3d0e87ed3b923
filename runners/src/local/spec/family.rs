//! The families of models and what each takes for granted.
//!
//! The defaults are those of the reference implementation, Hugging Face transformers, for keys that
//! a `config.json` leaves out.

use super::SpecError;
use super::keys::Keys;

/// A family, as `model_type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `llama`.
    Llama,
    /// `qwen2`.
    Qwen2,
    /// `qwen3`.
    Qwen3,
    /// `qwen2_moe`.
    Qwen2Moe,
    /// `qwen3_moe`.
    Qwen3Moe,
    /// `mixtral`.
    Mixtral,
    /// `olmoe`.
    Olmoe,
    /// `glm4_moe`.
    Glm4Moe,
    /// `gpt_oss`.
    GptOss,
    /// `deepseek_v2`.
    DeepseekV2,
    /// `deepseek_v3`.
    DeepseekV3,
}

/// Every family and the name of its `model_type`.
const FAMILIES: [(&str, Family); 11] = [
    ("llama", Family::Llama),
    ("qwen2", Family::Qwen2),
    ("qwen3", Family::Qwen3),
    ("qwen2_moe", Family::Qwen2Moe),
    ("qwen3_moe", Family::Qwen3Moe),
    ("mixtral", Family::Mixtral),
    ("olmoe", Family::Olmoe),
    ("glm4_moe", Family::Glm4Moe),
    ("gpt_oss", Family::GptOss),
    ("deepseek_v2", Family::DeepseekV2),
    ("deepseek_v3", Family::DeepseekV3),
];

/// Returns the names of all families, for an error.
pub(super) fn names() -> String {
    FAMILIES.map(|(name, _)| format!("`{name}`")).join(", ")
}

impl Family {
    /// Reads the family out of a configuration.
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, SpecError> {
        let name = keys.text("model_type")?.ok_or(SpecError::Missing("model_type"))?;
        let known = FAMILIES.iter().find(|(known, _)| *known == name);
        known.map(|(_, family)| *family).ok_or_else(|| SpecError::Architecture(name.to_owned()))
    }

    /// Whether attention goes through a latent.
    pub(crate) fn is_latent(self) -> bool {
        matches!(self, Self::DeepseekV2 | Self::DeepseekV3)
    }

    /// Whether a layer may have routed experts.
    pub(crate) fn is_routed(self) -> bool {
        !matches!(self, Self::Llama | Self::Qwen2 | Self::Qwen3)
    }

    /// The base of the wave lengths where none is given.
    pub(super) fn theta(self) -> f64 {
        match self {
            Self::Mixtral => 1e6,
            Self::GptOss => 150_000.0,
            _ => 1e4,
        }
    }

    /// What is added to the mean square in norms where nothing is given.
    pub(super) fn norm_eps(self) -> f64 {
        match self {
            Self::Mixtral | Self::Olmoe | Self::Glm4Moe | Self::GptOss => 1e-5,
            _ => 1e-6,
        }
    }

    /// The width of a head where none is given and it is not the share of the residual stream.
    pub(super) fn head(self) -> Option<usize> {
        match self {
            Self::Qwen3 => Some(128),
            Self::GptOss => Some(64),
            _ => None,
        }
    }

    /// The key that says how many values of a head have a position.
    pub(super) fn head_key(self) -> &'static str {
        if self.is_latent() { "qk_rope_head_dim" } else { "head_dim" }
    }
}
