//! What a `config.json` says a model is: the sizes and switches of one decoder.
//!
//! A checkpoint is hostile input. Every size is checked here, before anything is allocated, and
//! whatever this engine does not compute is refused by name instead of being computed wrongly.

use serde_json::{Map, Value};

/// The architecture this engine computes, as `model_type` names it.
const ARCHITECTURE: &str = "deepseek_v3";

const MAX_VOCAB: usize = 1 << 21;
const MAX_WIDTH: usize = 1 << 17;
const MAX_LAYERS: usize = 1024;
const MAX_HEADS: usize = 1024;
const MAX_EXPERTS: usize = 4096;
const MAX_CONTEXT: usize = 1 << 24;

/// The sizes and switches of one decoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArchSpec {
    /// Tokens of the vocabulary.
    pub(crate) vocab: usize,
    /// Width of the residual stream.
    pub(crate) hidden: usize,
    /// Number of layers.
    pub(crate) layers: usize,
    /// The longest sequence, in tokens.
    pub(crate) context: usize,
    /// Added to the mean square in the norms around attention and feed-forward.
    pub(crate) norm_eps: f32,
    /// Whether the output matrix is the embedding.
    pub(crate) tied: bool,
    /// The attention of every layer.
    pub(crate) mla: MlaSpec,
    /// The rotation of positions.
    pub(crate) rope: RopeSpec,
    /// Width of the dense feed-forward layers.
    pub(crate) dense_inter: usize,
    /// Layers before the first with routed experts.
    pub(crate) dense_layers: usize,
    /// The routed layers.
    pub(crate) moe: MoeSpec,
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

/// The rotation of positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RopeSpec {
    /// The base of the wave lengths.
    pub(crate) theta: f64,
    /// Whether a pair is two neighbours or one value of each half.
    pub(crate) interleaved: bool,
    /// The stretch for long contexts, if there is one.
    pub(crate) yarn: Option<YarnSpec>,
}

/// The stretch of `YaRN` (Peng et al., "`YaRN`: Efficient Context Window Extension", 2023,
/// section 3). The fixture `deepseek_v3_yarn` holds it against the reference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct YarnSpec {
    /// How many times longer the context became.
    pub(crate) factor: f64,
    /// The context before.
    pub(crate) original_context: f64,
    /// Rotations above which a wave length stays as it was.
    pub(crate) beta_fast: f64,
    /// Rotations below which a wave length is stretched in full.
    pub(crate) beta_slow: f64,
    /// Scale of the rotated values.
    pub(crate) mscale: Option<f64>,
    /// Scale of the attention scores.
    pub(crate) mscale_all_dim: Option<f64>,
    /// Scale of the rotated values, where it is given outright.
    pub(crate) attention_factor: Option<f64>,
    /// Whether the bounds of the ramp are rounded outwards to whole pairs.
    pub(crate) truncate: bool,
}

/// The routed layers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MoeSpec {
    /// Routed experts a layer.
    pub(crate) experts: usize,
    /// Experts a token.
    pub(crate) top_k: usize,
    /// Groups of experts.
    pub(crate) groups: usize,
    /// Groups that a token may choose from.
    pub(crate) top_groups: usize,
    /// Width of an expert.
    pub(crate) inter: usize,
    /// Experts that every token passes.
    pub(crate) shared: usize,
    /// Whether the weights of the chosen experts are made to sum to one.
    pub(crate) normalised: bool,
    /// Multiplies the weights of the chosen experts.
    pub(crate) scale: f32,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// It is not an object.
    #[error("the file holds no object")]
    NotAnObject,
    /// Another architecture.
    #[error("unknown architecture `{0}`: this engine computes `deepseek_v3`")]
    Architecture(String),
    /// Another rotation of positions.
    #[error("unknown rope type `{0}`: `default` and `yarn` are known")]
    RopeType(String),
    /// Packed weights.
    #[error("unknown quantisation `{0}`: only f32, bf16 and f16 weights are read")]
    Quantization(String),
    /// Another activation.
    #[error("unknown activation `{0}`: `silu` is known")]
    Activation(String),
    /// A key is needed.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value cannot be.
    #[error("`{key}` {problem}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

impl ArchSpec {
    /// Reads the spec out of a parsed `config.json`.
    pub(crate) fn read(config: &Value) -> Result<Self, SpecError> {
        let keys = Keys(config.as_object().ok_or(SpecError::NotAnObject)?);
        refuse_unknown(&keys)?;
        let layers = keys.size("num_hidden_layers", MAX_LAYERS)?;
        let context = keys.size("max_position_embeddings", MAX_CONTEXT)?;
        Ok(Self {
            vocab: keys.size("vocab_size", MAX_VOCAB)?,
            hidden: keys.size("hidden_size", MAX_WIDTH)?,
            layers,
            context,
            norm_eps: keys.number_or("rms_norm_eps", 1e-6, 0.0..=1.0)? as f32,
            tied: keys.switch_or("tie_word_embeddings", false)?,
            mla: read_mla(&keys)?,
            rope: read_rope(&keys, context)?,
            dense_inter: keys.size("intermediate_size", MAX_WIDTH)?,
            dense_layers: keys.count("first_k_dense_replace", layers)?,
            moe: read_moe(&keys)?,
        })
    }

    /// Returns what attention multiplies a score by.
    pub(crate) fn score_scale(&self) -> f32 {
        let plain = ((self.mla.nope + self.mla.rope) as f64).powf(-0.5);
        let stretch = self.rope.yarn.as_ref().map_or(1.0, |yarn| match yarn.mscale_all_dim {
            Some(scale) if scale != 0.0 => magnitude(yarn.factor, scale).powi(2),
            _ => 1.0,
        });
        (plain * stretch) as f32
    }
}

/// Returns the magnitude scale of `YaRN` for a context `factor` times longer.
pub(crate) fn magnitude(factor: f64, scale: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 }
}

/// Refuses by name what this engine does not compute.
fn refuse_unknown(keys: &Keys<'_>) -> Result<(), SpecError> {
    match keys.text("model_type")? {
        Some(ARCHITECTURE) => {}
        Some(other) => return Err(SpecError::Architecture(other.to_owned())),
        None => return Err(SpecError::Missing("model_type")),
    }
    if let Some(packed) = keys.get("quantization_config") {
        let name = packed.get("quant_method").and_then(Value::as_str).unwrap_or("unnamed");
        return Err(SpecError::Quantization(name.to_owned()));
    }
    match keys.text("hidden_act")? {
        None | Some("silu") => {}
        Some(other) => return Err(SpecError::Activation(other.to_owned())),
    }
    keys.only("scoring_func", "sigmoid")?;
    keys.only("topk_method", "noaux_tc")?;
    if keys.switch_or("attention_bias", false)? {
        return Err(value("attention_bias", "is true: biases in attention are not computed"));
    }
    match keys.get("moe_layer_freq") {
        None => Ok(()),
        Some(frequency) if frequency.as_u64() == Some(1) => Ok(()),
        Some(other) => Err(value("moe_layer_freq", format!("is {other}: only 1 is computed"))),
    }
}

fn read_mla(keys: &Keys<'_>) -> Result<MlaSpec, SpecError> {
    let heads = keys.size("num_attention_heads", MAX_HEADS)?;
    if let Some(given) = keys.optional_size("num_key_value_heads", MAX_HEADS)?
        && given != heads
    {
        return Err(value("num_key_value_heads", "differs from `num_attention_heads`"));
    }
    let rope = keys.size("qk_rope_head_dim", MAX_WIDTH)?;
    if rope % 2 != 0 {
        return Err(value("qk_rope_head_dim", format!("is {rope}: pairs are rotated")));
    }
    Ok(MlaSpec {
        heads,
        q_rank: keys.optional_size("q_lora_rank", MAX_WIDTH)?,
        kv_rank: keys.size("kv_lora_rank", MAX_WIDTH)?,
        nope: keys.size("qk_nope_head_dim", MAX_WIDTH)?,
        rope,
        value: keys.size("v_head_dim", MAX_WIDTH)?,
    })
}

fn read_moe(keys: &Keys<'_>) -> Result<MoeSpec, SpecError> {
    let experts = keys.size("n_routed_experts", MAX_EXPERTS)?;
    let groups = keys.size("n_group", experts)?;
    if experts % groups != 0 {
        return Err(value(
            "n_group",
            format!("is {groups}, which does not divide {experts} experts"),
        ));
    }
    if groups > 1 && experts / groups < 2 {
        return Err(value("n_group", "leaves less than two experts a group"));
    }
    let top_groups = keys.size("topk_group", groups)?;
    Ok(MoeSpec {
        experts,
        top_k: keys.size("num_experts_per_tok", top_groups * (experts / groups))?,
        groups,
        top_groups,
        inter: keys.size("moe_intermediate_size", MAX_WIDTH)?,
        shared: keys.count("n_shared_experts", 64)?,
        normalised: keys.switch_or("norm_topk_prob", true)?,
        scale: keys.number("routed_scaling_factor", 0.0..=1e6)? as f32,
    })
}

/// Reads the rotation in its new form (`rope_parameters`) or its old one (`rope_theta` and
/// `rope_scaling`).
fn read_rope(keys: &Keys<'_>, context: usize) -> Result<RopeSpec, SpecError> {
    let interleaved = keys.switch_or("rope_interleave", true)?;
    let empty = Map::new();
    let (base, stretch) = match keys.object("rope_parameters")? {
        Some(both) => (Keys(both), Keys(both)),
        None => (Keys(keys.0), Keys(keys.object("rope_scaling")?.unwrap_or(&empty))),
    };
    let theta = base.number_or("rope_theta", 10_000.0, 1.0..=1e12)?;
    let kind = match stretch.text("rope_type")? {
        Some(kind) => kind,
        None => stretch.text("type")?.unwrap_or("default"),
    };
    let yarn = match kind {
        "default" => None,
        "yarn" => Some(read_yarn(&stretch, context)?),
        other => return Err(SpecError::RopeType(other.to_owned())),
    };
    Ok(RopeSpec { theta, interleaved, yarn })
}

fn read_yarn(keys: &Keys<'_>, context: usize) -> Result<YarnSpec, SpecError> {
    const SCALE: std::ops::RangeInclusive<f64> = 0.0..=1e3;
    let original = keys.optional_size("original_max_position_embeddings", MAX_CONTEXT)?;
    Ok(YarnSpec {
        factor: keys.number("factor", 1e-3..=1e6)?,
        original_context: original.unwrap_or(context) as f64,
        beta_fast: keys.number_or("beta_fast", 32.0, 1e-6..=1e6)?,
        beta_slow: keys.number_or("beta_slow", 1.0, 1e-6..=1e6)?,
        mscale: keys.optional_number("mscale", SCALE)?,
        mscale_all_dim: keys.optional_number("mscale_all_dim", SCALE)?,
        attention_factor: keys.optional_number("attention_factor", SCALE)?,
        truncate: keys.switch_or("truncate", true)?,
    })
}

fn value(key: &'static str, problem: impl Into<String>) -> SpecError {
    SpecError::Value { key, problem: problem.into() }
}

/// The members of a configuration, read with their types and bounds. A `null` counts as absent.
struct Keys<'a>(&'a Map<String, Value>);

impl<'a> Keys<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to `most`.
    fn size(&self, key: &'static str, most: usize) -> Result<usize, SpecError> {
        self.optional_size(key, most)?.ok_or(SpecError::Missing(key))
    }

    fn optional_size(&self, key: &'static str, most: usize) -> Result<Option<usize>, SpecError> {
        if self.get(key).is_none() {
            return Ok(None);
        }
        match self.count(key, most)? {
            0 => Err(value(key, "is 0")),
            size => Ok(Some(size)),
        }
    }

    /// A whole number from 0 to `most`.
    fn count(&self, key: &'static str, most: usize) -> Result<usize, SpecError> {
        let given = self.get(key).ok_or(SpecError::Missing(key))?;
        let count = given.as_u64().and_then(|count| usize::try_from(count).ok());
        match count {
            None => Err(value(key, format!("is {given}, not a whole number from 0"))),
            Some(count) if count > most => Err(value(key, format!("is {count}, more than {most}"))),
            Some(count) => Ok(count),
        }
    }

    fn number(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, SpecError> {
        self.optional_number(key, range)?.ok_or(SpecError::Missing(key))
    }

    fn number_or(
        &self,
        key: &'static str,
        default: f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, SpecError> {
        Ok(self.optional_number(key, range)?.unwrap_or(default))
    }

    fn optional_number(
        &self,
        key: &'static str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        match given.as_f64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (low, high) = range.into_inner();
                Err(value(key, format!("is {given}, not a number from {low} to {high}")))
            }
        }
    }

    fn switch_or(&self, key: &'static str, default: bool) -> Result<bool, SpecError> {
        let Some(given) = self.get(key) else { return Ok(default) };
        given.as_bool().ok_or_else(|| value(key, format!("is {given}, not true or false")))
    }

    fn text(&self, key: &'static str) -> Result<Option<&'a str>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        given.as_str().map(Some).ok_or_else(|| value(key, format!("is {given}, not a string")))
    }

    fn object(&self, key: &'static str) -> Result<Option<&'a Map<String, Value>>, SpecError> {
        let Some(given) = self.get(key) else { return Ok(None) };
        given.as_object().map(Some).ok_or_else(|| value(key, "is not an object"))
    }

    /// Refuses any value but `known`.
    fn only(&self, key: &'static str, known: &str) -> Result<(), SpecError> {
        match self.text(key)? {
            Some(other) if other != known => {
                Err(value(key, format!("is `{other}`: only `{known}` is computed")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
