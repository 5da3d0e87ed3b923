//! The routed layers of a model: how experts are scored, chosen and weighed, and which layers have
//! them.

use serde_json::Value;

use super::family::Family;
use super::keys::{Keys, value};
use super::{MAX_EXPERTS, MAX_WIDTH, SpecError};

/// The routed layers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MoeSpec {
    /// Routed experts a layer.
    pub(crate) experts: usize,
    /// Experts a token.
    pub(crate) top_k: usize,
    /// Width of an expert.
    pub(crate) inter: usize,
    /// What the router makes of its logits.
    pub(crate) scoring: Scoring,
    /// Groups of experts of which only some are open to a token.
    pub(crate) groups: Option<GroupSpec>,
    /// Whether a bias is added to the scores for choosing, and not for weighing.
    pub(crate) selection_bias: bool,
    /// Whether the weights of the chosen experts are made to sum to one.
    pub(crate) normalised: bool,
    /// Multiplies the weights of the chosen experts.
    pub(crate) scale: f32,
    /// What every token passes.
    pub(crate) shared: Option<SharedSpec>,
    /// The bounds inside an expert, if it has any.
    pub(crate) clamp: Option<Clamp>,
    /// How a checkpoint names and stores the experts.
    pub(crate) layout: ExpertLayout,
}

/// What a router makes of its logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scoring {
    /// Shares of all experts.
    Softmax,
    /// Each expert for itself.
    Sigmoid,
    /// Shares of the chosen experts; the logits choose.
    SoftmaxOfChosen,
}

/// Groups of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupSpec {
    /// Groups; they divide the experts.
    pub(crate) count: usize,
    /// Groups that a token may choose from.
    pub(crate) open: usize,
    /// A group counts as much as this many of its highest members together: one in DeepSeek-V2,
    /// two in DeepSeek-V3.
    pub(crate) best: usize,
}

/// A feed-forward layer that every token passes beside its experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedSpec {
    /// Its width.
    pub(crate) inter: usize,
    /// Whether a gate weighs it token by token.
    pub(crate) gated: bool,
}

/// The bounded activation of gpt-oss (`OpenAI`, `gpt-oss`, 2025, `swiglu` in `torch/model.py`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clamp {
    /// Steepness of the sigmoid.
    pub(crate) alpha: f32,
    /// The most a gate may be, and the most either way for what it gates.
    pub(crate) limit: f32,
}

/// How a checkpoint names and stores the experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpertLayout {
    /// `mlp.experts.N.{gate,up,down}_proj`.
    Split,
    /// `block_sparse_moe.experts.N.{w1,w3,w2}`.
    Mixtral,
    /// `mlp.experts.{gate_up,down}_proj`: all experts in one tensor, with biases.
    Bank,
}

/// Reads what the routed layers of a family are.
pub(super) fn read(keys: &Keys<'_>, family: Family) -> Result<MoeSpec, SpecError> {
    let count: &[_] = match family {
        Family::Glm4Moe | Family::DeepseekV2 | Family::DeepseekV3 => &["n_routed_experts"],
        Family::Mixtral | Family::GptOss => &["num_local_experts", "num_experts"],
        _ => &["num_experts", "num_local_experts"],
    };
    let inter = match family {
        Family::Mixtral | Family::Olmoe | Family::GptOss => "intermediate_size",
        _ => "moe_intermediate_size",
    };
    let experts = keys.first_size(count, MAX_EXPERTS)?;
    let inter = keys.size(inter, MAX_WIDTH)?;
    let groups = read_groups(keys, family, experts)?;
    let open = groups.map_or(experts, |groups| groups.open * (experts / groups.count));
    let sigmoid = matches!(family, Family::Glm4Moe | Family::DeepseekV3);
    Ok(MoeSpec {
        experts,
        top_k: keys.size("num_experts_per_tok", open)?,
        inter,
        scoring: read_scoring(keys, family)?,
        groups,
        selection_bias: sigmoid,
        normalised: match family {
            Family::Mixtral => true,
            Family::GptOss => false,
            _ => keys.switch_or("norm_topk_prob", sigmoid)?,
        },
        scale: match family {
            Family::Glm4Moe | Family::DeepseekV2 => {
                keys.number_or("routed_scaling_factor", 1.0, 0.0..=1e6)? as f32
            }
            Family::DeepseekV3 => keys.number("routed_scaling_factor", 0.0..=1e6)? as f32,
            _ => 1.0,
        },
        shared: read_shared(keys, family, inter)?,
        clamp: match family {
            Family::GptOss => Some(Clamp {
                alpha: keys.number_or("swiglu_alpha", 1.702, 0.0..=1e3)? as f32,
                limit: keys.number_or("swiglu_limit", 7.0, 0.0..=1e6)? as f32,
            }),
            _ => None,
        },
        layout: match family {
            Family::Mixtral => ExpertLayout::Mixtral,
            Family::GptOss => ExpertLayout::Bank,
            _ => ExpertLayout::Split,
        },
    })
}

/// Returns the scoring of a family, and refuses another one.
fn read_scoring(keys: &Keys<'_>, family: Family) -> Result<Scoring, SpecError> {
    match family {
        Family::Glm4Moe | Family::DeepseekV3 => {
            keys.only("scoring_func", "sigmoid")?;
            keys.only("topk_method", "noaux_tc")?;
            Ok(Scoring::Sigmoid)
        }
        Family::GptOss => Ok(Scoring::SoftmaxOfChosen),
        _ => {
            keys.only("scoring_func", "softmax")?;
            if family == Family::DeepseekV2 {
                // The published code then leaves out the scale, and transformers the sum.
                keys.off("norm_topk_prob", "normalised weights of `deepseek_v2`")?;
            }
            Ok(Scoring::Softmax)
        }
    }
}

/// Returns the groups of a family that has them and of which some are closed.
fn read_groups(
    keys: &Keys<'_>,
    family: Family,
    experts: usize,
) -> Result<Option<GroupSpec>, SpecError> {
    let best = match family {
        Family::DeepseekV3 | Family::Glm4Moe => 2,
        Family::DeepseekV2 => match keys.text("topk_method")?.unwrap_or("greedy") {
            "greedy" => return Ok(None),
            "group_limited_greedy" => 1,
            other => {
                let known = "only `greedy` and `group_limited_greedy` are computed";
                return Err(value("topk_method", format!("is `{other}`: {known}")));
            }
        },
        _ => return Ok(None),
    };
    let count = match family {
        Family::Glm4Moe => keys.optional_size("n_group", experts)?.unwrap_or(1),
        _ => keys.size("n_group", experts)?,
    };
    if !experts.is_multiple_of(count) {
        let problem = format!("is {count}, which does not divide {experts} experts");
        return Err(value("n_group", problem));
    }
    if count > 1 && experts / count < best {
        return Err(value("n_group", "leaves less than two experts a group"));
    }
    let open = match keys.optional_size("topk_group", count)? {
        Some(open) => open,
        None if count == 1 => 1,
        None => return Err(SpecError::Missing("topk_group")),
    };
    Ok((open < count).then_some(GroupSpec { count, open, best }))
}

/// Returns what every token passes beside its experts.
fn read_shared(
    keys: &Keys<'_>,
    family: Family,
    inter: usize,
) -> Result<Option<SharedSpec>, SpecError> {
    match family {
        Family::Qwen2Moe => {
            let inter = keys.size("shared_expert_intermediate_size", MAX_WIDTH)?;
            Ok(Some(SharedSpec { inter, gated: true }))
        }
        Family::Glm4Moe | Family::DeepseekV2 | Family::DeepseekV3 => {
            let count = keys.optional_count("n_shared_experts", 64)?.unwrap_or(0);
            Ok((count > 0).then_some(SharedSpec { inter: count * inter, gated: false }))
        }
        _ => Ok(None),
    }
}

/// Returns for each layer whether it has routed experts.
pub(super) fn read_layers(
    keys: &Keys<'_>,
    family: Family,
    layers: usize,
) -> Result<Vec<bool>, SpecError> {
    match family {
        Family::Llama | Family::Qwen2 | Family::Qwen3 => Ok(vec![false; layers]),
        Family::Mixtral | Family::Olmoe | Family::GptOss => Ok(vec![true; layers]),
        Family::Qwen2Moe | Family::Qwen3Moe => {
            let step = keys.optional_size("decoder_sparse_step", usize::MAX)?.unwrap_or(1);
            let mut routed: Vec<bool> =
                (1..=layers).map(|layer| layer.is_multiple_of(step)).collect();
            for layer in keys.list("mlp_only_layers")? {
                let place = layer.as_u64().and_then(|layer| usize::try_from(layer).ok());
                match place.and_then(|place| routed.get_mut(place)) {
                    Some(routed) => *routed = false,
                    None => return Err(not_a_layer(layer, layers)),
                }
            }
            Ok(routed)
        }
        Family::Glm4Moe | Family::DeepseekV2 | Family::DeepseekV3 => {
            match keys.get("moe_layer_freq") {
                Some(other) if other.as_u64() != Some(1) => {
                    return Err(value("moe_layer_freq", format!("is {other}: only 1 is computed")));
                }
                _ => {}
            }
            let dense = keys.count("first_k_dense_replace", layers)?;
            Ok((0..layers).map(|layer| layer >= dense).collect())
        }
    }
}

fn not_a_layer(layer: &Value, layers: usize) -> SpecError {
    value("mlp_only_layers", format!("has {layer}, which is none of {layers} layers"))
}
