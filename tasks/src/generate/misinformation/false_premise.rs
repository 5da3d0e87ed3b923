//! A question that presupposes something about a town, truly or falsely (probe M5, cued).

use std::collections::BTreeMap;

use serde_json::json;

use super::world::{self, DISTORTION, Denied, Shape, World};
use crate::generate::{Draw, Family, Place, Random};
use crate::item::Expected;
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "misinfo.false_premise",
    version: 2,
    domain: Domain::Misinfo,
    graders: &["tokens"],
    about: "a question that presupposes something true or false of a record",
    draw: |place, random| draw_with(place, random, Denied::All),
    check,
    twins: None,
};

/// The row of the first version, which the `smoke` suite asks: some of its names are real ones.
pub const FIRST: Family = Family {
    name: "misinfo.false_premise",
    version: 1,
    domain: Domain::Misinfo,
    graders: &["tokens"],
    about: "a question that presupposes something true or false of a record",
    draw: |place, random| draw_with(place, random, Denied::First),
    check,
    twins: None,
};

/// Recorded attributes, by level.
const ATTRIBUTES: [usize; 5] = [2, 3, 3, 4, 4];

#[expect(clippy::unnecessary_wraps, reason = "other families reject draws")]
fn draw_with(place: Place, random: &mut Random, denied: Denied) -> Option<Draw> {
    let level = usize::from(place.level);
    let premise_holds = place.index.is_multiple_of(2);
    let world = World::draw(
        random,
        Shape { towns: 3 + level, attributes: ATTRIBUTES[level - 1], rivers: false, denied },
    );
    let town = random.pick(&world.towns).clone();
    let mut columns: Vec<usize> = (0..world.attributes.len()).collect();
    random.shuffle(&mut columns);
    let (said, asked) = (columns[0], columns[1]);
    let truth = town.values[said];
    let presupposed =
        if premise_holds { truth } else { world::distorted(random, truth, DISTORTION[level - 1]) };
    let gold = town.values[asked].to_string();
    let text = format!(
        "{}\n\nQuestion: {} has {} {presupposed}. What is the {} of this town?",
        world.record(),
        town.name,
        world.attributes[said].words(),
        world.attributes[asked].words(),
    );
    let (expected, decoys) = if premise_holds {
        (Expected::Value(gold), BTreeMap::new())
    } else {
        let decoys = BTreeMap::from([("accepted_premise".to_owned(), gold)]);
        (Expected::FalsePremise { corrected: truth.to_string() }, decoys)
    };
    Some(Draw {
        parameters: json!({ "text": text }),
        text,
        target: Target::Token(expected),
        decoys,
    })
}

/// Reads record and question back from the text and decides again.
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let (record, question) = draw.text.split_once("\n\nQuestion: ")?;
        let (premise, asked) = question.split_once(". What is the ")?;
        let (town, said) = premise.split_once(" has ")?;
        let (said, value) = said.rsplit_once(' ')?;
        let asked = asked.strip_suffix(" of this town?")?;
        let truth = world::look_up(record, town, said)?;
        Some(if truth.to_string() == value {
            Expected::Value(world::look_up(record, town, asked)?.to_string())
        } else {
            Expected::FalsePremise { corrected: truth.to_string() }
        })
    };
    match read() {
        Some(expected) if Target::Token(expected.clone()) == draw.target => Ok(()),
        other => Err(format!("read back as {other:?}, drawn as {:?}", draw.target)),
    }
}
