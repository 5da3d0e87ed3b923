//! A claim against a record: supported, refuted, or not enough information (probe M1).

use std::collections::BTreeMap;

use serde_json::json;

use super::world::{self, Attribute, DISTORTION, Denied, Shape, Town, World};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "misinfo.claim_verification",
    version: 2,
    domain: Domain::Misinfo,
    graders: &["label"],
    about: "is a claim supported by a record, refuted by it, or neither",
    draw: |place, random| draw_with(place, random, Denied::All),
    check,
    twins: None,
};

/// The row of the first version, which the `smoke` suite asks: some of its names are real ones.
pub const FIRST: Family = Family {
    name: "misinfo.claim_verification",
    version: 1,
    domain: Domain::Misinfo,
    graders: &["label"],
    about: "is a claim supported by a record, refuted by it, or neither",
    draw: |place, random| draw_with(place, random, Denied::First),
    check,
    twins: None,
};

/// The labels, in the order `index mod 3` takes them.
pub const LABELS: [&str; 3] = ["SUPPORTED", "REFUTED", "NOT ENOUGH INFO"];

/// Recorded attributes, by level.
const ATTRIBUTES: [usize; 5] = [2, 3, 3, 3, 3];

#[expect(clippy::unnecessary_wraps, reason = "other families reject draws")]
fn draw_with(place: Place, random: &mut Random, denied: Denied) -> Option<Draw> {
    let level = usize::from(place.level);
    let label = LABELS[(place.index % 3) as usize];
    // One hop at level 1; above it the town may be named by its river.
    let rivers = level > 1;
    let world = World::draw(
        random,
        Shape { towns: 3 + 2 * level, attributes: ATTRIBUTES[level - 1], rivers, denied },
    );
    let by_river = rivers && random.below(2) == 1;
    let known = random.pick(&world.towns).clone();
    let column = random.index(world.attributes.len());
    let attribute = world.attributes[column];
    let value = known.values[column];
    let (town, attribute, value) = match label {
        "SUPPORTED" => (known, attribute, value),
        "REFUTED" => (known, attribute, world::distorted(random, value, DISTORTION[level - 1])),
        _ if random.below(2) == 0 => (world.stranger.clone(), attribute, value),
        _ => (known, *random.pick(&world.absent()), value),
    };
    let claim = claim(&town, attribute, value, by_river);
    Some(Draw {
        text: format!("{}\n\nClaim: {claim}", world.record()),
        parameters: json!({ "world": world, "claim": claim }),
        target: Target::Label(label.to_owned()),
        decoys: BTreeMap::new(),
    })
}

fn claim(town: &Town, attribute: Attribute, value: i64, by_river: bool) -> String {
    let attribute = attribute.words();
    if by_river {
        format!("The town on the river {} has {attribute} {value}.", town.river)
    } else {
        format!("{} has {attribute} {value}.", town.name)
    }
}

/// Reads record and claim back from the text and decides again.
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let (record, claim) = draw.text.split_once("\n\nClaim: ")?;
        let (subject, rest) = claim.strip_suffix('.')?.split_once(" has ")?;
        let (attribute, value) = rest.rsplit_once(' ')?;
        let value: i64 = value.parse().ok()?;
        let town = match subject.strip_prefix("The town on the river ") {
            Some(river) => world::town_on(record, river),
            None => Some(subject.to_owned()),
        };
        let found = town.and_then(|town| world::look_up(record, &town, attribute));
        Some(match found {
            None => LABELS[2],
            Some(found) if found == value => LABELS[0],
            Some(_) => LABELS[1],
        })
    };
    match read() {
        Some(label) if Target::Label(label.to_owned()) == draw.target => Ok(()),
        other => Err(format!("read back as {other:?}, drawn as {:?}", draw.target)),
    }
}
