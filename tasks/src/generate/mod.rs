//! Generated families: items drawn from a seed, right by construction, checked by a second method.
//!
//! A family is a row of [`FAMILIES`]. Its `draw` makes an item or rejects the draw; [`generate`] draws
//! again until the item is new in its set. Items of one set differ in meaning, not in wording only:
//! two draws with equal parameters count as one. [`generate_sets`] adds the variants of [`twins`].

pub mod code;
pub mod maths;
pub mod misinformation;
pub mod random;
pub mod twins;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use random::Random;
pub use twins::{Twins, Variant};

use crate::item::{Fields, Item, Origin, Target};
use crate::{Digest, Domain, GroupId, ItemId};

/// Draws after which a level counts as exhausted.
const MAX_DRAWS: u32 = 2_000;
/// Draws of a variant after which its base is drawn again.
const MAX_VARIANT_DRAWS: u32 = 20;
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
    /// The variants it can make of an item.
    pub twins: Option<Twins>,
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

/// Every family; of one that has several versions, each, the newest last.
pub const FAMILIES: &[Family] = &[
    maths::arith_chain::FAMILY,
    maths::linear_system::FAMILY,
    maths::modular::FAMILY,
    maths::counting::FAMILY,
    maths::number_theory::FAMILY,
    maths::geometry::FAMILY,
    maths::probability::FAMILY,
    maths::poly_roots::FAMILY,
    maths::derivative::FAMILY,
    maths::integral::FAMILY,
    maths::word_problem::FAMILY,
    maths::symbolic::FAMILY,
    code::output_prediction::FAMILY,
    code::input_prediction::FAMILY,
    code::bug_repair::FAMILY,
    code::fn_synthesis::FAMILY,
    code::stdin_judge::FAMILY,
    misinformation::claim_verification::FIRST,
    misinformation::claim_verification::FAMILY,
    misinformation::context_poison::FIRST,
    misinformation::context_poison::FAMILY,
    misinformation::false_premise::FIRST,
    misinformation::false_premise::FAMILY,
    misinformation::unanswerable::FAMILY,
    misinformation::hint::FAMILY,
    misinformation::citation_check::FAMILY,
    misinformation::cite_support::FAMILY,
    misinformation::numeric_claim::FAMILY,
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

/// Returns the newest version of a family.
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().rev().find(|family| family.name == name)
}

/// Returns a version of a family.
pub fn family_at(name: &str, version: u32) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name && family.version == version)
}

/// Makes `count` different items of one level.
pub fn generate(
    family: &'static Family,
    seed: u64,
    level: u8,
    count: u64,
) -> Result<Vec<Item>, GenerateError> {
    generate_sets(family, &[], seed, level, count)
}

/// Makes `count` different items of one level, each followed by these variants of it. An item that has
/// not all of them is drawn again.
pub fn generate_sets(
    family: &'static Family,
    variants: &[Variant],
    seed: u64,
    level: u8,
    count: u64,
) -> Result<Vec<Item>, GenerateError> {
    generate_levels(family, variants, seed, &[(level, count)])
}

/// Makes so many items of each level, no two of any level alike, each followed by these variants of it.
pub fn generate_levels(
    family: &'static Family,
    variants: &[Variant],
    seed: u64,
    levels: &[(u8, u64)],
) -> Result<Vec<Item>, GenerateError> {
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for (level, count) in levels.iter().copied() {
        if level == 0 || level > MAX_LEVEL {
            return Err(GenerateError::Level { family: family.name, level });
        }
        for index in 0..count {
            let set = Set { family, variants, seed, place: Place { level, index } };
            let Some(made) = set.draw_new(&mut seen) else {
                return Err(GenerateError::Exhausted {
                    family: family.name,
                    level,
                    made: index,
                    wanted: count,
                });
            };
            items.extend(made);
        }
    }
    Ok(items)
}

/// An item and the variants wanted of it.
#[derive(Clone, Copy)]
struct Set<'a> {
    family: &'static Family,
    variants: &'a [Variant],
    seed: u64,
    place: Place,
}

impl Set<'_> {
    /// Draws until a set comes of which nothing was seen.
    fn draw_new(&self, seen: &mut BTreeSet<Digest>) -> Option<Vec<Item>> {
        (0..MAX_DRAWS).find_map(|number| {
            let base = (self.family.draw)(self.place, &mut self.stream(number))?;
            let print = fingerprint(&base);
            if seen.contains(&print) {
                return None;
            }
            let mut drawn = vec![(None, base, print)];
            for variant in self.variants {
                let draw = self.variant(number, *variant)?;
                let print = fingerprint(&draw);
                // Another meaning must be new as the base's must; the same meaning was just seen.
                if print != drawn[0].2 && seen.contains(&print) {
                    return None;
                }
                drawn.push((Some(*variant), draw, print));
            }
            seen.extend(drawn.iter().map(|(_, _, print)| *print));
            let named = drawn
                .into_iter()
                .map(|(variant, draw, print)| self.named(draw, variant, (number, &print)));
            Some(named.collect())
        })
    }

    fn stream(&self, number: u32) -> Random {
        let Family { name, version, .. } = self.family;
        Random::for_item(name, *version, self.seed, self.place.index, number)
    }

    /// Draws a variant, with a few streams of its own: a renumbered item must not lead nowhere.
    fn variant(&self, number: u32, variant: Variant) -> Option<Draw> {
        let twins = self.family.twins.filter(|twins| twins.offered.contains(&variant))?;
        let Family { name, version, .. } = self.family;
        (0..MAX_VARIANT_DRAWS).find_map(|again| {
            let mut own = Random::for_variant(
                &format!("{name}\n{version}\n{}\n{}\n{number}", self.seed, self.place.index),
                variant.as_str(),
                again,
            );
            (twins.draw)(self.place, &mut self.stream(number), variant, &mut own)
        })
    }

    /// Gives a draw its name and the fields that templates see.
    fn named(&self, draw: Draw, variant: Option<Variant>, (number, print): (u32, &Digest)) -> Item {
        let Place { level, index } = self.place;
        let name = format!("L{level}-{index:04}");
        let mut fields = Fields::from([
            ("text".to_owned(), json!(draw.text)),
            ("level".to_owned(), json!(level)),
        ]);
        let is_set = !self.variants.is_empty();
        if is_set {
            let variant = variant.map_or("base", Variant::as_str);
            fields.insert("variant".to_owned(), json!(variant));
        }
        Item {
            id: ItemId::new(variant.map_or(name.clone(), |variant| format!("{name}-{variant}"))),
            group: is_set.then(|| GroupId::new(name)),
            fields,
            target: draw.target,
            decoys: draw.decoys,
            origin: Some(Origin {
                family: self.family.name.to_owned(),
                version: self.family.version,
                level,
                seed: self.seed,
                index,
                draw: number,
                variant,
                fingerprint: print.to_string(),
            }),
        }
    }
}

/// Digests what a draw means, whatever its wording.
pub fn fingerprint(draw: &Draw) -> Digest {
    Digest::of_json(&draw.parameters)
}

/// Writes a list for people: `2, 3 and 4`.
pub(crate) fn listed(list: &[impl ToString]) -> String {
    let words: Vec<String> = list.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests;
