//! Generated families: items drawn from a seed, right by construction, checked by a second method.
//!
//! A family is a row of [`FAMILIES`]. Its `draw` makes an item or rejects the draw; [`generate`] draws
//! again until the item is new in its set. Items of one set differ in meaning, not in wording only:
//! two draws with equal parameters count as one.

pub mod code;
pub mod maths;
pub mod misinformation;
pub mod random;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use random::Random;

use crate::item::{Fields, Item, Origin, Target};
use crate::{Digest, Domain, GroupId, ItemId};

/// Draws after which a level counts as exhausted.
const MAX_DRAWS: u32 = 2_000;
/// The hardest level.
pub const MAX_LEVEL: u8 = 5;

/// A family of generated items.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, such as `math.arith_chain`.
    pub name: &'static str,
    /// Raised by any change that alters any item.
    pub version: u32,
    /// The leg it belongs to.
    pub domain: Domain,
    /// The grader kinds that can grade its items.
    pub graders: &'static [&'static str],
    /// One line for people.
    pub about: &'static str,
    /// Draws one item, or rejects the draw.
    pub draw: fn(Place, &mut Random) -> Option<Draw>,
    /// Works the gold out again from what the item says, by another method.
    pub check: fn(&Draw) -> Result<(), String>,
}

/// Where in a set an item stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// How hard, 1 to 5.
    pub level: u8,
    /// Its number in the level, from which balanced labels are taken.
    pub index: u64,
}

/// An item before it has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The question.
    pub text: String,
    /// The parameters that decide the meaning, whatever the wording.
    pub parameters: Value,
    /// What counts as right.
    pub target: Target,
    /// Wrong values worth telling apart, by name.
    pub decoys: BTreeMap<String, String>,
}

/// Every family of this version.
pub const FAMILIES: &[Family] = &[
    maths::arith_chain::FAMILY,
    maths::linear_system::FAMILY,
    maths::modular::FAMILY,
    code::output_prediction::FAMILY,
    code::fn_synthesis::FAMILY,
    code::stdin_judge::FAMILY,
    misinformation::claim_verification::FAMILY,
    misinformation::context_poison::FAMILY,
    misinformation::false_premise::FAMILY,
];

/// Why a set could not be generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// Levels go from 1 to 5.
    #[error("`{family}` has no level {level}: levels are 1 to 5")]
    Level {
        /// The family.
        family: &'static str,
        /// The level asked for.
        level: u8,
    },
    /// The level has too few different items.
    #[error(
        "`{family}` level {level}: capacity exhausted after {made} different items of {wanted}"
    )]
    Exhausted {
        /// The family.
        family: &'static str,
        /// The level.
        level: u8,
        /// How many were made.
        made: u64,
        /// How many were wanted.
        wanted: u64,
    },
}

/// Returns the family of a name.
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// Makes `count` different items of one level.
pub fn generate(
    family: &'static Family,
    seed: u64,
    level: u8,
    count: u64,
) -> Result<Vec<Item>, GenerateError> {
    if level == 0 || level > MAX_LEVEL {
        return Err(GenerateError::Level { family: family.name, level });
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for index in 0..count {
        let place = Place { level, index };
        let Some((draw, origin)) = draw_new(family, seed, place, &mut seen) else {
            return Err(GenerateError::Exhausted {
                family: family.name,
                level,
                made: index,
                wanted: count,
            });
        };
        items.push(named(draw, origin));
    }
    Ok(items)
}

/// Draws until an item comes that the set does not have.
fn draw_new(
    family: &Family,
    seed: u64,
    place: Place,
    seen: &mut BTreeSet<Digest>,
) -> Option<(Draw, Origin)> {
    (0..MAX_DRAWS).find_map(|number| {
        let mut random = Random::for_item(family.name, family.version, seed, place.index, number);
        let draw = (family.draw)(place, &mut random)?;
        let fingerprint = fingerprint(&draw);
        seen.insert(fingerprint).then(|| {
            let origin = Origin {
                family: family.name.to_owned(),
                version: family.version,
                level: place.level,
                seed,
                index: place.index,
                draw: number,
                fingerprint: fingerprint.to_string(),
            };
            (draw, origin)
        })
    })
}

/// Digests what a draw means, whatever its wording.
pub fn fingerprint(draw: &Draw) -> Digest {
    Digest::of_json(&draw.parameters)
}

/// Gives a draw its name and the fields that templates see.
fn named(draw: Draw, origin: Origin) -> Item {
    let id = format!("L{}-{:04}", origin.level, origin.index);
    let fields = Fields::from([
        ("text".to_owned(), json!(draw.text)),
        ("level".to_owned(), json!(origin.level)),
    ]);
    let group = draw.parameters.get("group").and_then(Value::as_str).map(GroupId::new);
    Item {
        id: ItemId::new(id),
        group,
        fields,
        target: draw.target,
        decoys: draw.decoys,
        origin: Some(origin),
    }
}

#[cfg(test)]
mod tests;
