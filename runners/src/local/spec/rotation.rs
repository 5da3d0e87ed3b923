//! How positions are rotated, in the new form (`rope_parameters`) or the old one (`rope_theta` and
//! `rope_scaling`).

use serde_json::Map;

use super::family::Family;
use super::keys::{Keys, value};
use super::{MAX_CONTEXT, SpecError};

/// The rotation of positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RopeSpec {
    /// The base of the wave lengths.
    pub(crate) theta: f64,
    /// How many values of a head are rotated; the rest stays as it is.
    pub(crate) width: usize,
    /// Whether a pair is two neighbours or one value of each half.
    pub(crate) interleaved: bool,
    /// The stretch for long contexts, if there is one.
    pub(crate) stretch: Option<Stretch>,
}

/// A stretch of the wave lengths for contexts longer than those first trained on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stretch {
    /// By the rotations that a pair makes in the context, and with scales.
    Yarn(YarnSpec),
    /// By the wave lengths alone.
    Llama3(Llama3Spec),
    /// By one factor a pair, as GGUF files have them.
    Factors(Vec<f32>),
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

/// The stretch of Llama 3.1 (Meta's `apply_scaling` of `llama-models`, 2024).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Llama3Spec {
    /// How many times longer the context became.
    pub(crate) factor: f64,
    /// The context before.
    pub(crate) original_context: f64,
    /// Waves in the old context below which a wave length is stretched in full.
    pub(crate) low: f64,
    /// Waves in the old context above which it stays as it was.
    pub(crate) high: f64,
}

/// Returns the magnitude scale of `YaRN` for a context `factor` times longer.
pub(crate) fn magnitude(factor: f64, scale: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 }
}

/// Reads the rotation of the `head` values that may be rotated.
pub(super) fn read(
    keys: &Keys<'_>,
    family: Family,
    head: usize,
    context: usize,
) -> Result<RopeSpec, SpecError> {
    let empty = Map::new();
    let (base, stretch) = match keys.object("rope_parameters")? {
        Some(both) => (Keys(both), Keys(both)),
        None => (Keys(keys.0), Keys(keys.object("rope_scaling")?.unwrap_or(&empty))),
    };
    let kind = match stretch.text("rope_type")? {
        Some(kind) => kind,
        None => stretch.text("type")?.unwrap_or("default"),
    };
    Ok(RopeSpec {
        theta: base.number_or("rope_theta", family.theta(), 1.0..=1e12)?,
        width: read_width(keys, &base, family, head)?,
        interleaved: match family {
            Family::DeepseekV2 => true,
            Family::DeepseekV3 => keys.switch_or("rope_interleave", true)?,
            _ => false,
        },
        stretch: match kind {
            "default" => None,
            "yarn" => Some(Stretch::Yarn(read_yarn(&stretch, context)?)),
            "llama3" => Some(Stretch::Llama3(read_llama3(&stretch)?)),
            other => return Err(SpecError::RopeType(other.to_owned())),
        },
    })
}

/// Returns how many of `head` values are rotated.
fn read_width(
    keys: &Keys<'_>,
    base: &Keys<'_>,
    family: Family,
    head: usize,
) -> Result<usize, SpecError> {
    const KEY: &str = "partial_rotary_factor";
    let given = match base.optional_number(KEY, 0.0..=1.0)? {
        None => keys.optional_number(KEY, 0.0..=1.0)?,
        given => given,
    };
    let share = match (family, given) {
        (Family::Glm4Moe, given) => given.unwrap_or(0.5),
        (_, None | Some(1.0)) => 1.0,
        (_, Some(share)) => {
            return Err(value(KEY, format!("is {share}: only `glm4_moe` rotates a part")));
        }
    };
    #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
    let width = (head as f64 * share) as usize;
    if width == 0 || !width.is_multiple_of(2) {
        let problem = format!("leaves {width} of {head} values: pairs are rotated");
        return Err(value(if share < 1.0 { KEY } else { family.head_key() }, problem));
    }
    Ok(width)
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

fn read_llama3(keys: &Keys<'_>) -> Result<Llama3Spec, SpecError> {
    let low = keys.number("low_freq_factor", 1e-6..=1e6)?;
    let high = keys.number("high_freq_factor", 1e-6..=1e6)?;
    if high <= low {
        return Err(value("high_freq_factor", format!("is {high}, not more than {low}")));
    }
    let original = keys.size("original_max_position_embeddings", MAX_CONTEXT)?;
    Ok(Llama3Spec {
        factor: keys.number("factor", 1e-3..=1e6)?,
        original_context: original as f64,
        low,
        high,
    })
}
