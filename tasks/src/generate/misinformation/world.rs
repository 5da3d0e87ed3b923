//! The closed world: invented towns, their attributes, and the record that lists them.
//!
//! Names are made of syllables and held against a list of real names, so that nothing here says
//! anything false about a real place.

use std::collections::BTreeSet;

use serde::Serialize;

use super::harmless;
use crate::generate::Random;

/// What names are made of.
pub const SYLLABLES: [&str; 24] = [
    "ba", "be", "do", "fe", "fo", "ga", "gi", "he", "hu", "jo", "ke", "ku", "li", "lo", "me", "mu",
    "ne", "po", "ra", "ru", "se", "ti", "vu", "za",
];

/// What the first versions of the families held a name against.
const FIRST_DENIED: [&str; 24] = [
    "bali", "gabe", "galiza", "hebe", "joli", "juba", "kelo", "kenora", "liga", "lira", "lisera",
    "lobera", "melo", "mera", "mulira", "muru", "nera", "pori", "raba", "rameli", "seba", "sera",
    "tilira", "zara",
];

/// Which names may not be drawn. A family's version says which, since it decides its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A first, short list: by chance some names are those of villages.
    First,
    /// Every name that [`super::harmless`] knows.
    All,
}

impl Denied {
    fn has(self, lower: &str) -> bool {
        match self {
            Self::First => FIRST_DENIED.contains(&lower),
            Self::All => FIRST_DENIED.contains(&lower) || harmless::is_spelled(lower),
        }
    }
}

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many towns are recorded.
    pub towns: usize,
    /// How many of the four attributes are recorded.
    pub attributes: usize,
    /// Whether rivers are recorded.
    pub rivers: bool,
    /// Which names may not be drawn.
    pub denied: Denied,
}

/// What is recorded of a town besides its river.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// The year it was founded.
    FoundingYear,
    /// How many live there.
    Population,
    /// How many bridges it has.
    BridgeCount,
    /// Its height above the sea.
    Elevation,
}

impl Attribute {
    /// Every attribute, in the order the record lists them.
    pub const ALL: [Self; 4] =
        [Self::FoundingYear, Self::Population, Self::BridgeCount, Self::Elevation];

    /// Returns the words that name it.
    pub fn words(self) -> &'static str {
        match self {
            Self::FoundingYear => "founding year",
            Self::Population => "population",
            Self::BridgeCount => "bridge count",
            Self::Elevation => "elevation",
        }
    }

    /// Draws a value.
    pub fn draw(self, random: &mut Random) -> i64 {
        match self {
            Self::FoundingYear => random.range(1_100, 1_990),
            Self::Population => random.range(1_200, 98_000),
            Self::BridgeCount => random.range(4, 60),
            Self::Elevation => random.range(40, 2_400),
        }
    }
}

/// A town of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Town {
    /// Its name.
    pub name: String,
    /// The river it lies on; no other town of the record does.
    pub river: String,
    /// The recorded values, in the order of the record's attributes.
    pub values: Vec<i64>,
}

/// Towns and the attributes that are recorded of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct World {
    /// The attributes that are recorded, in order.
    pub attributes: Vec<Attribute>,
    /// Whether rivers are recorded.
    pub rivers: bool,
    /// The towns, in order.
    pub towns: Vec<Town>,
    /// A town that is not in the record.
    pub stranger: Town,
}

impl World {
    /// Draws a world.
    pub fn draw(random: &mut Random, shape: Shape) -> Self {
        let Shape { towns, attributes, rivers, denied } = shape;
        let mut kept = Attribute::ALL.to_vec();
        while kept.len() > attributes {
            kept.remove(random.index(kept.len()));
        }
        let mut taken = BTreeSet::new();
        let mut drawn: Vec<Town> = (0..=towns)
            .map(|_| Town {
                name: name(random, 3, denied, &mut taken),
                river: name(random, 2, denied, &mut taken),
                values: kept.iter().map(|attribute| attribute.draw(random)).collect(),
            })
            .collect();
        let stranger = drawn.remove(towns);
        Self { attributes: kept, rivers, towns: drawn, stranger }
    }

    /// Writes the record, a line a town.
    pub fn record(&self) -> String {
        let lines: Vec<String> = self.towns.iter().map(|town| self.line(town)).collect();
        lines.join("\n")
    }

    /// Writes one line of the record.
    pub fn line(&self, town: &Town) -> String {
        let river = self.rivers.then(|| format!("river {}", town.river));
        let values = self
            .attributes
            .iter()
            .zip(&town.values)
            .map(|(attribute, value)| format!("{} {value}", attribute.words()));
        let entries: Vec<String> = river.into_iter().chain(values).collect();
        format!("{}: {}", town.name, entries.join(", "))
    }

    /// The attributes that are not recorded.
    pub fn absent(&self) -> Vec<Attribute> {
        Attribute::ALL.into_iter().filter(|a| !self.attributes.contains(a)).collect()
    }
}

/// Draws a name that is neither real nor taken.
pub(super) fn name(
    random: &mut Random,
    syllables: usize,
    denied: Denied,
    taken: &mut BTreeSet<String>,
) -> String {
    loop {
        let lower: String = (0..syllables).map(|_| *random.pick(&SYLLABLES)).collect();
        if !denied.has(&lower) && taken.insert(lower.clone()) {
            let (first, rest) = lower.split_at(1);
            return first.to_uppercase() + rest;
        }
    }
}

/// Draws a wrong value at most `1/part` of the true one away from it, and at least 1.
pub fn distorted(random: &mut Random, value: i64, part: i64) -> i64 {
    let distance = random.range(1, (value / part).max(1));
    if random.below(2) == 0 { value + distance } else { value - distance }
}

/// The largest distortion, as a part of the value, by level.
pub const DISTORTION: [i64; 5] = [2, 4, 8, 15, 30];

/// Looks a value up in the printed record, the way a reader would.
pub fn look_up(record: &str, town: &str, attribute: &str) -> Option<i64> {
    let line = record.lines().find_map(|line| line.strip_prefix(town)?.strip_prefix(": "))?;
    let entry = line.split(", ").find_map(|entry| entry.strip_prefix(attribute))?;
    entry.trim().parse().ok()
}

/// Finds the town on a river in the printed record.
pub fn town_on(record: &str, river: &str) -> Option<String> {
    let entry = format!("river {river}");
    let line = record.lines().find(|line| {
        line.split_once(": ").is_some_and(|(_, rest)| rest.split(", ").any(|part| part == entry))
    })?;
    line.split_once(": ").map(|(town, _)| town.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_new_and_none_is_real() {
        let mut random = Random::from_key("names");
        let mut taken = BTreeSet::new();
        let names: Vec<String> =
            (0..300).map(|_| name(&mut random, 2, Denied::All, &mut taken)).collect();
        assert_eq!(taken.len(), names.len());
        assert!(names.iter().all(|name| harmless::spelled(name).is_empty()));
    }

    #[test]
    fn the_record_reads_back() {
        let world = World::draw(
            &mut Random::from_key("record"),
            Shape { towns: 4, attributes: 3, rivers: true, denied: Denied::All },
        );
        let record = world.record();
        for town in &world.towns {
            assert_eq!(town_on(&record, &town.river).as_ref(), Some(&town.name));
            for (attribute, value) in world.attributes.iter().zip(&town.values) {
                assert_eq!(look_up(&record, &town.name, attribute.words()), Some(*value));
            }
        }
        assert_eq!(look_up(&record, &world.stranger.name, "population"), None);
    }
}
