//! Which of these reports say what the claim says (probe M9)?
//!
//! The answer is a set of numbers of the list: one that is missing, one too many, and one that is not in
//! the list are all wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::world::{self, Attribute, DISTORTION, Denied, name};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "misinfo.cite_support",
    version: 1,
    domain: Domain::Misinfo,
    graders: &["expression"],
    about: "the numbers of the reports that support a claim",
    draw,
    check,
    twins: None,
};

/// The most reports that support a claim.
const MAX_SUPPORT: usize = 3;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fact {
    town: String,
    attribute: Attribute,
    value: i64,
}

impl Fact {
    fn says(&self) -> String {
        format!("the {} of {} is {}", self.attribute.words(), self.town, self.value)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "other families reject draws")]
fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let mut taken = BTreeSet::new();
    let towns: Vec<String> = (0..3).map(|_| name(random, 3, Denied::All, &mut taken)).collect();
    let attribute = *random.pick(&Attribute::ALL);
    let claim = Fact { town: towns[0].clone(), attribute, value: attribute.draw(random) };
    let support = 1 + random.index(MAX_SUPPORT);
    let reports = 4 + 3 * level;
    let mut facts = vec![claim.clone(); support];
    while facts.len() < reports {
        facts.push(near(random, &claim, &towns, DISTORTION[level - 1]));
    }
    random.shuffle(&mut facts);
    let lines: Vec<String> = facts
        .iter()
        .zip(1..)
        .map(|(fact, n)| {
            let author = name(random, 3, Denied::All, &mut taken);
            format!("[{n}] {author} reports that {}.", fact.says())
        })
        .collect();
    let keys: Vec<String> =
        (1..).zip(&facts).filter(|(_, fact)| **fact == claim).map(|(n, _)| n.to_string()).collect();
    let text = format!("{}\n\nClaim: {}.", lines.join("\n"), claim.says());
    Some(Draw {
        parameters: json!({ "text": text }),
        text,
        target: Target::Expression(keys.join(", ")),
        decoys: BTreeMap::new(),
    })
}

/// Draws what differs from the claim in its value, its town or its attribute.
fn near(random: &mut Random, claim: &Fact, towns: &[String], part: i64) -> Fact {
    let mut fact = claim.clone();
    match random.below(3) {
        0 => fact.value = world::distorted(random, claim.value, part),
        1 => fact.town.clone_from(random.pick(&towns[1..])),
        _ => {
            let others: Vec<Attribute> =
                Attribute::ALL.into_iter().filter(|other| *other != claim.attribute).collect();
            fact.attribute = *random.pick(&others);
            fact.value = fact.attribute.draw(random);
        }
    }
    fact
}

/// Looks for the words of the claim in every line.
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let (list, claim) = draw.text.split_once("\n\nClaim: ")?;
        let ending = format!(" reports that {claim}");
        let keys = list.lines().filter(|line| line.ends_with(&ending));
        keys.map(|line| line.strip_prefix('[')?.split_once(']').map(|(key, _)| key.to_owned()))
            .collect::<Option<Vec<String>>>()
    };
    match read() {
        Some(keys)
            if (1..=MAX_SUPPORT).contains(&keys.len())
                && Target::Expression(keys.join(", ")) == draw.target =>
        {
            Ok(())
        }
        other => Err(format!("read back as {other:?}, drawn as {:?}", draw.target)),
    }
}
