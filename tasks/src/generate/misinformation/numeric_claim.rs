//! A number worked out from a record, claimed truly or falsely (probe M10).
//!
//! A false number is near the true one, and the nearer the higher the level.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::{self, Attribute, DISTORTION, Denied, Shape, World};
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "misinfo.numeric_claim",
    version: 1,
    domain: Domain::Misinfo,
    graders: &["label"],
    about: "a sum, a maximum, a mean or a share of a record, claimed truly or falsely",
    draw,
    check,
    twins: None,
};

/// The labels, in the order `index mod 2` takes them.
pub const LABELS: [&str; 2] = ["TRUE", "FALSE"];

/// What is claimed of a record; columns by number.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Sum(usize),
    Maximum(usize),
    /// The mean of the first column over the towns whose second is above a bound.
    Mean {
        of: usize,
        by: usize,
        above: i64,
    },
    /// One town's value as a whole number of percent of another's.
    Share {
        of: usize,
        part: usize,
        whole: usize,
    },
    /// How much larger one town's value is than another's.
    Change {
        of: usize,
        from: usize,
        to: usize,
    },
}

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let is_true = place.index.is_multiple_of(2);
    let shape = Shape { towns: 3 + level, attributes: 2, rivers: false, denied: Denied::All };
    let world = World::draw(random, shape);
    let operation = operation(&world, random);
    let truth = value(&world, operation)?;
    let claimed =
        if is_true { truth } else { world::distorted(random, truth, DISTORTION[level - 1]) };
    let claim = claim(&world, operation, claimed);
    (claimed > 0).then(|| Draw {
        text: format!("{}\n\nClaim: {claim}", world.record()),
        parameters: json!({ "world": world, "claim": claim }),
        target: Target::Label(LABELS[usize::from(!is_true)].to_owned()),
        decoys: BTreeMap::new(),
    })
}

fn operation(world: &World, random: &mut Random) -> Operation {
    // Years are told apart by, and not added up.
    let drawn = random.index(2);
    let is_year = world.attributes[drawn] == Attribute::FoundingYear;
    let of = if is_year { 1 - drawn } else { drawn };
    let mut towns: Vec<usize> = (0..world.towns.len()).collect();
    random.shuffle(&mut towns);
    let (first, second) = (towns[0], towns[1]);
    match random.below(5) {
        0 => Operation::Sum(of),
        1 => Operation::Maximum(of),
        2 => {
            let by = 1 - of;
            // Just below a town's value, so that the bound is met by nobody.
            Operation::Mean { of, by, above: world.towns[first].values[by] - 1 }
        }
        3 => Operation::Share { of, part: first, whole: second },
        _ => Operation::Change { of, from: first, to: second },
    }
}

/// The true number; nothing where it is not whole, hangs on a tie, or is no number to claim.
fn value(world: &World, operation: Operation) -> Option<i64> {
    let column = |of: usize| world.towns.iter().map(move |town| town.values[of]);
    let at = |of: usize, town: usize| world.towns[town].values[of];
    match operation {
        Operation::Sum(of) => Some(column(of).sum()),
        Operation::Maximum(of) => column(of).max(),
        Operation::Mean { of, by, above } => {
            let kept: Vec<i64> =
                column(by).zip(column(of)).filter(|(b, _)| *b > above).map(|(_, a)| a).collect();
            let count = i64::try_from(kept.len()).ok().filter(|count| *count > 1)?;
            let sum: i64 = kept.iter().sum();
            (sum % count == 0).then_some(sum / count)
        }
        Operation::Share { of, part, whole } => {
            let (part, whole) = (at(of, part), at(of, whole));
            // Rounded to the nearest percent; half a percent would be a tie.
            let is_tie = part * 200 % whole == 0 && part * 200 / whole % 2 == 1;
            Some((part * 200 + whole) / (2 * whole)).filter(|share| !is_tie && *share > 1)
        }
        Operation::Change { of, from, to } => {
            Some(at(of, to) - at(of, from)).filter(|change| *change > 1)
        }
    }
}

fn claim(world: &World, operation: Operation, claimed: i64) -> String {
    let words = |of: usize| world.attributes[of].words();
    let name = |town: usize| world.towns[town].name.as_str();
    match operation {
        Operation::Sum(of) => format!("The {}s of all towns add up to {claimed}.", words(of)),
        Operation::Maximum(of) => format!("The largest {} of any town is {claimed}.", words(of)),
        Operation::Mean { of, by, above } => format!(
            "The mean {} of the towns with a {} above {above} is {claimed}.",
            words(of),
            words(by)
        ),
        Operation::Share { of, part, whole } => format!(
            "The {} of {} is {claimed} percent of that of {}, rounded to the nearest percent.",
            words(of),
            name(part),
            name(whole)
        ),
        Operation::Change { of, from, to } => format!(
            "The {} of {} is larger by {claimed} than that of {}.",
            words(of),
            name(to),
            name(from)
        ),
    }
}

/// Reads record and claim back and works the number out from the printed lines.
fn check(draw: &Draw) -> Result<(), String> {
    let holds = || {
        let (record, claim) = draw.text.split_once("\n\nClaim: The ")?;
        let claim = claim.strip_suffix('.')?;
        let towns: Vec<&str> = record.lines().filter_map(|l| Some(l.split_once(": ")?.0)).collect();
        let all = |attribute: &str| -> Option<Vec<i64>> {
            towns.iter().map(|town| world::look_up(record, town, attribute)).collect()
        };
        let number = |text: &str| text.parse::<i64>().ok();
        if let Some((attribute, sum)) = claim.split_once("s of all towns add up to ") {
            return Some(all(attribute)?.iter().sum::<i64>() == number(sum)?);
        }
        if let Some(rest) = claim.strip_prefix("largest ") {
            let (attribute, value) = rest.split_once(" of any town is ")?;
            let (values, value) = (all(attribute)?, number(value)?);
            return Some(values.contains(&value) && values.iter().all(|other| *other <= value));
        }
        if let Some(rest) = claim.strip_prefix("mean ") {
            let (attribute, rest) = rest.split_once(" of the towns with a ")?;
            let (by, rest) = rest.split_once(" above ")?;
            let (above, mean) = rest.split_once(" is ")?;
            let (above, mean) = (number(above)?, number(mean)?);
            // The deviations from a mean cancel out.
            let pairs = all(by)?.into_iter().zip(all(attribute)?);
            let kept = pairs.filter(|(by, _)| *by > above);
            return Some(kept.map(|(_, value)| value - mean).sum::<i64>() == 0);
        }
        let (attribute, rest) = claim.split_once(" of ")?;
        let (town, rest) = rest.split_once(" is ")?;
        let first = world::look_up(record, town, attribute)?;
        if let Some(rest) = rest.strip_prefix("larger by ") {
            let (change, other) = rest.split_once(" than that of ")?;
            return Some(world::look_up(record, other, attribute)? + number(change)? == first);
        }
        let (share, rest) = rest.split_once(" percent of that of ")?;
        let (other, _) = rest.split_once(", rounded")?;
        let (share, second) = (number(share)?, world::look_up(record, other, attribute)?);
        // Within half a percent of the whole.
        Some((first * 100 - share * second).abs() * 2 < second)
    };
    match holds() {
        Some(is_true) if draw.target == Target::Label(LABELS[usize::from(!is_true)].to_owned()) => {
            Ok(())
        }
        other => Err(format!("read back as {other:?}, drawn as {:?}", draw.target)),
    }
}
