//! The attention of a model: grouped heads, or heads over a latent.

use super::family::Family;
use super::keys::{Keys, value};
use super::{MAX_CONTEXT, MAX_HEADS, MAX_WIDTH, SpecError};

/// The attention of every layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AttentionSpec {
    /// Grouped query attention.
    Gqa(GqaSpec),
    /// Latent attention.
    Mla(MlaSpec),
}

/// Grouped query attention: several query heads share the keys and values of one head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GqaSpec {
    /// Query heads.
    pub(crate) heads: usize,
    /// Heads of keys and values; they divide the query heads.
    pub(crate) kv_heads: usize,
    /// Width of a head.
    pub(crate) head: usize,
    /// The norm of queries and keys.
    pub(crate) qk_norm: QkNorm,
    /// Whether queries, keys and values have a bias.
    pub(crate) entry_bias: bool,
    /// Whether the output has a bias.
    pub(crate) exit_bias: bool,
    /// Whether each head has a score that takes attention away from every token.
    pub(crate) sinks: bool,
}

/// The norm of queries and keys before they are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QkNorm {
    /// None.
    None,
    /// Each head for itself.
    Head,
    /// All heads as one row.
    Whole,
}

/// Latent attention.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MlaSpec {
    /// Query heads.
    pub(crate) heads: usize,
    /// Rank of the query's bottleneck, if it has one.
    pub(crate) q_rank: Option<usize>,
    /// Rank of the latent that keys and values share.
    pub(crate) kv_rank: usize,
    /// Width of a key without position.
    pub(crate) nope: usize,
    /// Width of a key with position.
    pub(crate) rope: usize,
    /// Width of a value.
    pub(crate) value: usize,
}

impl AttentionSpec {
    /// Returns the values that a layer keeps of one token.
    pub(crate) fn kept(&self) -> usize {
        match self {
            Self::Gqa(gqa) => 2 * gqa.kv_heads * gqa.head,
            Self::Mla(mla) => mla.kv_rank + mla.rope,
        }
    }

    /// Returns the values of one head that may be rotated.
    pub(super) fn placed(&self) -> usize {
        match self {
            Self::Gqa(gqa) => gqa.head,
            Self::Mla(mla) => mla.rope,
        }
    }

    /// Returns the width of a whole query.
    pub(super) fn query(&self) -> usize {
        match self {
            Self::Gqa(gqa) => gqa.head,
            Self::Mla(mla) => mla.nope + mla.rope,
        }
    }
}

/// Reads the attention of a model whose residual stream is `hidden` wide.
pub(super) fn read(
    keys: &Keys<'_>,
    family: Family,
    hidden: usize,
) -> Result<AttentionSpec, SpecError> {
    if family.is_latent() {
        read_mla(keys).map(AttentionSpec::Mla)
    } else {
        read_gqa(keys, family, hidden).map(AttentionSpec::Gqa)
    }
}

fn read_gqa(keys: &Keys<'_>, family: Family, hidden: usize) -> Result<GqaSpec, SpecError> {
    let heads = keys.size("num_attention_heads", MAX_HEADS)?;
    let kv_heads = keys.optional_size("num_key_value_heads", heads)?.unwrap_or(heads);
    if !heads.is_multiple_of(kv_heads) {
        let problem = format!("is {kv_heads}, which does not divide {heads} heads");
        return Err(value("num_key_value_heads", problem));
    }
    let head = match keys.optional_size("head_dim", MAX_WIDTH)?.or(family.head()) {
        Some(head) => head,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => return Err(SpecError::Missing("head_dim")),
    };
    if keys.get("clip_qkv").is_some() {
        return Err(value("clip_qkv", "is given: clipped queries and keys are not computed"));
    }
    let bias = keys.switch_or("attention_bias", family == Family::GptOss)?;
    let entry_bias = match family {
        Family::Qwen2 => true,
        Family::Qwen2Moe => keys.switch_or("qkv_bias", true)?,
        Family::Mixtral => false,
        _ => bias,
    };
    let one_bias =
        matches!(family, Family::Qwen2 | Family::Qwen2Moe | Family::Mixtral | Family::Glm4Moe);
    let qk_norm = match family {
        Family::Qwen3 | Family::Qwen3Moe => QkNorm::Head,
        Family::Glm4Moe if keys.switch_or("use_qk_norm", false)? => QkNorm::Head,
        Family::Olmoe => QkNorm::Whole,
        _ => QkNorm::None,
    };
    Ok(GqaSpec {
        heads,
        kv_heads,
        head,
        qk_norm,
        entry_bias,
        exit_bias: bias && !one_bias,
        sinks: family == Family::GptOss,
    })
}

fn read_mla(keys: &Keys<'_>) -> Result<MlaSpec, SpecError> {
    keys.off("attention_bias", "biases in latent attention")?;
    let heads = keys.size("num_attention_heads", MAX_HEADS)?;
    if let Some(given) = keys.optional_size("num_key_value_heads", MAX_HEADS)?
        && given != heads
    {
        return Err(value("num_key_value_heads", "differs from `num_attention_heads`"));
    }
    Ok(MlaSpec {
        heads,
        q_rank: keys.optional_size("q_lora_rank", MAX_WIDTH)?,
        kv_rank: keys.size("kv_lora_rank", MAX_WIDTH)?,
        nope: keys.size("qk_nope_head_dim", MAX_WIDTH)?,
        rope: keys.size("qk_rope_head_dim", MAX_WIDTH)?,
        value: keys.size("v_head_dim", MAX_WIDTH)?,
    })
}

/// Returns for each layer how many tokens back it looks, itself counted, if that is bounded.
pub(super) fn read_windows(
    keys: &Keys<'_>,
    family: Family,
    layers: usize,
) -> Result<Vec<Option<usize>>, SpecError> {
    const KEY: &str = "sliding_window";
    let window = match family {
        Family::GptOss => Some(keys.optional_size(KEY, MAX_CONTEXT)?.unwrap_or(128)),
        Family::Mixtral => keys.optional_size(KEY, MAX_CONTEXT)?,
        Family::Qwen2 | Family::Qwen3 | Family::Qwen2Moe | Family::Qwen3Moe => {
            if keys.switch_or("use_sliding_window", false)? {
                Some(keys.optional_size(KEY, MAX_CONTEXT)?.unwrap_or(4096))
            } else {
                None
            }
        }
        _ => None,
    };
    let named = keys.list("layer_types")?;
    if named.is_empty() {
        let Some(window) = window else { return Ok(vec![None; layers]) };
        let full = keys.optional_count("max_window_layers", usize::MAX)?.unwrap_or(28);
        let slides = |layer: usize| match family {
            Family::GptOss => layer.is_multiple_of(2),
            Family::Qwen2 | Family::Qwen3 => layer >= full,
            Family::Qwen2Moe => layer.is_multiple_of(2) && layer < full,
            _ => true,
        };
        return Ok((0..layers).map(|layer| slides(layer).then_some(window)).collect());
    }
    if named.len() != layers {
        let problem = format!("has {} entries for {layers} layers", named.len());
        return Err(value("layer_types", problem));
    }
    let one = |name: &serde_json::Value| match (name.as_str(), window) {
        (Some("full_attention"), _) => Ok(None),
        (Some("sliding_attention"), Some(window)) => Ok(Some(window)),
        (Some("sliding_attention"), None) => {
            Err(value("layer_types", "has sliding layers, but no window is in use"))
        }
        _ => Err(value("layer_types", format!("has {name}, which is not computed"))),
    };
    named.iter().map(one).collect()
}
