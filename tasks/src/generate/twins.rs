//! Twin sets: a base item with variants that a reader should answer alike, or for a stated reason not.
//!
//! A variant is drawn from the same stream as its base, so the two share everything that the variant
//! does not change. All variants but [`Variant::Renumbered`] and [`Variant::Missing`] keep the gold.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Draw, Place, Random};

/// How a variant departs from its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Other names.
    Renamed,
    /// Other numbers, and another gold.
    Renumbered,
    /// Independent parts in another order.
    Reordered,
    /// One more sentence with a number, beside the point.
    Noop,
    /// Other words.
    Reworded,
    /// Other units.
    Units,
    /// A needed fact is left out: the gold is `ABSTAIN`.
    Missing,
    /// Someone says the right answer.
    RightHint,
    /// Someone says a wrong answer.
    WrongHint,
    /// Someone denies the right answer.
    Denied,
}

impl Variant {
    /// Every variant, in the order they stand in a set.
    pub const ALL: [Self; 10] = [
        Self::Renamed,
        Self::Renumbered,
        Self::Reordered,
        Self::Noop,
        Self::Reworded,
        Self::Units,
        Self::Missing,
        Self::RightHint,
        Self::WrongHint,
        Self::Denied,
    ];

    /// Returns the name as suite files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Renumbered => "renumbered",
            Self::Reordered => "reordered",
            Self::Noop => "noop",
            Self::Reworded => "reworded",
            Self::Units => "units",
            Self::Missing => "missing",
            Self::RightHint => "right_hint",
            Self::WrongHint => "wrong_hint",
            Self::Denied => "denied",
        }
    }

    /// Whether the gold is the base's.
    pub fn keeps_gold(self) -> bool {
        !matches!(self, Self::Renumbered | Self::Missing)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The variants that a family can make.
#[derive(Clone, Copy, Debug)]
pub struct Twins {
    /// Those a suite may ask for.
    pub offered: &'static [Variant],
    /// Those that every set has, because the base alone would be won by one habit.
    pub always: &'static [Variant],
    /// Draws a variant: the first stream is the base's, the second the variant's own. Nothing where
    /// this base has no such variant.
    pub draw: fn(Place, &mut Random, Variant, &mut Random) -> Option<Draw>,
}
