//! An invented bibliography: authors, titles and years.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::world::{Denied, name};
use crate::generate::Random;

/// What the works are about.
const TOPICS: [&str; 12] = [
    "stone bridges",
    "river crossings",
    "town records",
    "hill paths",
    "old mills",
    "water levels",
    "market squares",
    "street lamps",
    "clock towers",
    "garden walls",
    "wooden doors",
    "slate roofs",
];
/// How the works are called.
const FRAMES: [&str; 6] = [
    "Notes on {}",
    "A survey of {}",
    "A handbook of {}",
    "On {}",
    "Measuring {}",
    "Drawings of {}",
];

/// One work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Work {
    pub(super) authors: Vec<String>,
    pub(super) title: String,
    pub(super) year: i64,
}

impl Work {
    /// Draws a work by one author or two.
    pub(super) fn draw(random: &mut Random, taken: &mut BTreeSet<String>) -> Self {
        let authors = (0..=random.index(2)).map(|_| name(random, 3, Denied::All, taken)).collect();
        Self { authors, title: title(random), year: random.range(1_950, 2_015) }
    }
}

/// Draws a title.
pub(super) fn title(random: &mut Random) -> String {
    let frame = *random.pick(&FRAMES);
    let topic = *random.pick(&TOPICS);
    frame.replace("{}", topic)
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.authors.join(" and "), self.title, self.year)
    }
}
