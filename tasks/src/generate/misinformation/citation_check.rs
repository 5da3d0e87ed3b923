//! Is this work in a closed list, or is it not (probe M9)?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::citations::{Work, title};
use super::world::{Denied, name};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "misinfo.citation_check",
    version: 1,
    domain: Domain::Misinfo,
    graders: &["label"],
    about: "is a work, as cited, in a closed list",
    draw,
    check,
    twins: None,
};

/// The labels, in the order `index mod 2` takes them.
pub const LABELS: [&str; 2] = ["LISTED", "NOT LISTED"];
/// How far a wrong year may be off, by level.
const YEARS: [i64; 5] = [20, 10, 5, 2, 1];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let label = LABELS[usize::from(place.index % 2 == 1)];
    let mut taken = BTreeSet::new();
    let works: Vec<Work> = (0..4 + 3 * level).map(|_| Work::draw(random, &mut taken)).collect();
    let mut cited = random.pick(&works).clone();
    if label == LABELS[1] {
        corrupt(&mut cited, random, (&works, &mut taken), level);
    }
    let is_listed = works.contains(&cited);
    let list: Vec<String> =
        works.iter().zip(1..).map(|(work, n)| format!("[{n}] {work}")).collect();
    (is_listed == (label == LABELS[0])).then(|| Draw {
        text: format!("{}\n\nCited: {cited}", list.join("\n")),
        parameters: json!({ "works": works, "cited": cited }),
        target: Target::Label(label.to_owned()),
        decoys: BTreeMap::new(),
    })
}

/// Changes the year, an author or the title; from level 3 up, authors and titles are taken from another
/// work of the list.
fn corrupt(
    cited: &mut Work,
    random: &mut Random,
    (works, taken): (&[Work], &mut BTreeSet<String>),
    level: usize,
) {
    let other = random.pick(works).clone();
    match random.below(3) {
        0 => {
            let distance = random.range(1, YEARS[level - 1]);
            cited.year += if random.below(2) == 0 { distance } else { -distance };
        }
        1 if level < 3 => {
            let at = random.index(cited.authors.len());
            cited.authors[at] = name(random, 3, Denied::All, taken);
        }
        1 => cited.authors = other.authors,
        _ if level < 3 => cited.title = title(random),
        _ => cited.title = other.title,
    }
}

/// Looks for the cited line among the lines of the list.
fn check(draw: &Draw) -> Result<(), String> {
    let Some((list, cited)) = draw.text.split_once("\n\nCited: ") else {
        return Err("nothing is cited".to_owned());
    };
    let entries = list.lines().filter_map(|line| Some(line.split_once("] ")?.1));
    let label = LABELS[usize::from(!entries.into_iter().any(|entry| entry == cited))];
    if Target::Label(label.to_owned()) == draw.target {
        return Ok(());
    }
    Err(format!("`{cited}` is {label}, drawn as {:?}", draw.target))
}
