//! What a `config.json` says a model is: the sizes and switches of one decoder.
//!
//! A checkpoint is hostile input. Every size is checked here, before anything is allocated, and
//! whatever this engine does not compute is refused by name instead of being computed wrongly.

mod attention;
mod family;
mod keys;
mod rotation;
mod routing;

use serde_json::Value;

pub(crate) use self::attention::{AttentionSpec, GqaSpec, MlaSpec, QkNorm};
pub(crate) use self::rotation::{Llama3Spec, RopeSpec, Stretch, YarnSpec, magnitude};
pub(crate) use self::routing::{Clamp, ExpertLayout, GroupSpec, MoeSpec, Scoring};

use self::family::Family;
use self::keys::{Keys, value};

const MAX_VOCAB: usize = 1 << 21;
const MAX_WIDTH: usize = 1 << 17;
const MAX_LAYERS: usize = 1024;
const MAX_HEADS: usize = 1024;
/// The most experts a layer may have.
pub(crate) const MAX_EXPERTS: usize = 4096;
const MAX_CONTEXT: usize = 1 << 24;
const MAX_BLOCK: usize = 1 << 12;

/// The sizes and switches of one decoder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArchSpec {
    /// Tokens of the vocabulary.
    pub(crate) vocab: usize,
    /// Width of the residual stream.
    pub(crate) hidden: usize,
    /// The longest sequence, in tokens.
    pub(crate) context: usize,
    /// Added to the mean square in the norms around attention and feed-forward.
    pub(crate) norm_eps: f32,
    /// Whether the output matrix is the embedding.
    pub(crate) tied: bool,
    /// The attention of every layer.
    pub(crate) attention: AttentionSpec,
    /// The rotation of positions.
    pub(crate) rope: RopeSpec,
    /// Width of the dense feed-forward layers.
    pub(crate) dense_inter: usize,
    /// The routed layers, if the family has any.
    pub(crate) moe: Option<MoeSpec>,
    /// What differs from layer to layer.
    pub(crate) layers: Vec<LayerSpec>,
    /// How matrices may be packed.
    pub(crate) packing: Packing,
}

/// What differs from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerSpec {
    /// How many tokens back it looks, itself counted, if that is bounded.
    pub(crate) window: Option<usize>,
    /// Whether it has routed experts.
    pub(crate) routed: bool,
}

/// How matrices may be packed in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    None,
    /// Eight-bit floats with one scale a block.
    Float8 {
        /// Rows of a block.
        rows: usize,
        /// Columns of a block.
        columns: usize,
    },
    /// The experts in four-bit floats, thirty-two with one exponent.
    Mxfp4,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// It is not an object.
    #[error("the file holds no object")]
    NotAnObject,
    /// Another architecture.
    #[error("unknown architecture `{0}`: this engine computes {names}", names = family::names())]
    Architecture(String),
    /// Another rotation of positions.
    #[error("unknown rope type `{0}`: `default`, `yarn` and `llama3` are known")]
    RopeType(String),
    /// Packed weights.
    #[error(
        "unknown quantisation `{0}`: `fp8` in blocks is known, and `mxfp4` for the experts of \
         `gpt_oss`"
    )]
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
        let family = Family::read(&keys)?;
        let packing = read_packing(&keys, family)?;
        match keys.text("hidden_act")? {
            None | Some("silu") => {}
            Some(other) => return Err(SpecError::Activation(other.to_owned())),
        }
        keys.off("mlp_bias", "biases in dense feed-forward layers")?;
        let hidden = keys.size("hidden_size", MAX_WIDTH)?;
        let layers = keys.size("num_hidden_layers", MAX_LAYERS)?;
        let context = keys.size("max_position_embeddings", MAX_CONTEXT)?;
        let attention = attention::read(&keys, family, hidden)?;
        let windows = attention::read_windows(&keys, family, layers)?;
        let routed = routing::read_layers(&keys, family, layers)?;
        let layers = windows.into_iter().zip(routed);
        Ok(Self {
            vocab: keys.size("vocab_size", MAX_VOCAB)?,
            hidden,
            context,
            norm_eps: keys.number_or("rms_norm_eps", family.norm_eps(), 0.0..=1.0)? as f32,
            tied: keys.switch_or("tie_word_embeddings", false)?,
            rope: rotation::read(&keys, family, attention.placed(), context)?,
            attention,
            dense_inter: keys.size("intermediate_size", MAX_WIDTH)?,
            moe: if family.is_routed() { Some(routing::read(&keys, family)?) } else { None },
            layers: layers.map(|(window, routed)| LayerSpec { window, routed }).collect(),
            packing,
        })
    }

    /// Returns what attention multiplies a score by.
    pub(crate) fn score_scale(&self) -> f32 {
        let plain = (self.attention.query() as f64).powf(-0.5);
        let stretch = match (&self.attention, &self.rope.stretch) {
            (AttentionSpec::Mla(_), Some(Stretch::Yarn(yarn))) => match yarn.mscale_all_dim {
                Some(scale) if scale != 0.0 => magnitude(yarn.factor, scale).powi(2),
                _ => 1.0,
            },
            _ => 1.0,
        };
        (plain * stretch) as f32
    }
}

/// Reads how matrices are packed, and refuses by name what cannot be unpacked.
fn read_packing(keys: &Keys<'_>, family: Family) -> Result<Packing, SpecError> {
    const KEY: &str = "quantization_config";
    let Some(packed) = keys.object(KEY)? else { return Ok(Packing::None) };
    let packed = Keys(packed);
    match packed.text("quant_method")? {
        Some("fp8") => {
            packed.only("fmt", "e4m3")?;
            let sizes = packed.list("weight_block_size")?.iter().map(Value::as_u64);
            match sizes.collect::<Option<Vec<u64>>>().as_deref() {
                Some([rows, columns]) => {
                    Ok(Packing::Float8 { rows: block_size(*rows)?, columns: block_size(*columns)? })
                }
                _ => Err(value("weight_block_size", "does not give the two sides of a block")),
            }
        }
        Some("mxfp4") if family == Family::GptOss => Ok(Packing::Mxfp4),
        other => Err(SpecError::Quantization(other.unwrap_or("unnamed").to_owned())),
    }
}

fn block_size(side: u64) -> Result<usize, SpecError> {
    match usize::try_from(side) {
        Ok(side) if (1..=MAX_BLOCK).contains(&side) => Ok(side),
        _ => Err(value("weight_block_size", format!("has {side}, not 1 to {MAX_BLOCK}"))),
    }
}

#[cfg(test)]
mod tests;
