//! What every family promises, tested over all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::misinformation::harmless;
use super::*;
use crate::Tests;
use crate::item::Expected;
use crate::program::Check;

const PER_LEVEL: usize = 1_000;

#[track_caller]
fn for_each_level(count: u64, check: impl Fn(&'static Family, u8, &[Item])) {
    for family in FAMILIES {
        for level in 1..=MAX_LEVEL {
            let items = generate(family, 5, level, count).expect("the level has this many items");
            check(family, level, &items);
        }
    }
}

#[test]
fn the_independent_check_agrees_with_every_gold() {
    for family in FAMILIES {
        for level in 1..=MAX_LEVEL {
            let drawn = (0..).filter_map(|index| {
                let mut random = Random::for_item(family.name, family.version, 9, index, 0);
                Some((index, (family.draw)(Place { level, index }, &mut random)?))
            });
            for (index, draw) in drawn.take(PER_LEVEL) {
                let checked = (family.check)(&draw);
                assert_eq!(checked, Ok(()), "{} level {level} index {index}", family.name);
            }
        }
    }
}

#[test]
fn variants_are_checked_and_keep_the_gold_where_they_should() {
    for family in FAMILIES {
        let Some(twins) = family.twins else { continue };
        for level in 1..=MAX_LEVEL {
            for variant in twins.offered {
                let items = generate_sets(family, &[*variant], 9, level, 150).expect("150 sets");
                for (base, twin) in items.iter().step_by(2).zip(items.iter().skip(1).step_by(2)) {
                    let name = format!("{} {}", family.name, twin.id);
                    let keeps = base.target == twin.target;
                    assert_eq!(keeps, variant.keeps_gold(), "{name}: {:?}", twin.target);
                    assert_eq!(base.group, twin.group);
                    assert_ne!(base.fields["text"], twin.fields["text"], "{name}");
                    let draw = Draw {
                        text: twin.fields["text"].as_str().expect("a text").to_owned(),
                        parameters: Value::Null,
                        target: twin.target.clone(),
                        decoys: BTreeMap::new(),
                    };
                    assert_eq!((family.check)(&draw), Ok(()), "{name}");
                }
            }
        }
    }
}

#[test]
fn the_check_refuses_a_wrong_gold() {
    for family in FAMILIES {
        let mut random = Random::for_item(family.name, family.version, 9, 3, 0);
        let place = Place { level: 2, index: 4 };
        let mut draw =
            (0..100).find_map(|_| (family.draw)(place, &mut random)).expect("a draw is accepted");
        draw.target = wrong(draw.target);
        assert!((family.check)(&draw).is_err(), "{}", family.name);
    }
}

/// A target of the same kind that is not right.
fn wrong(target: Target) -> Target {
    match target {
        Target::Integer(value) => Target::Integer(value + 1),
        Target::Rational(value) => Target::Rational(-value - num_bigint::BigInt::from(1)),
        Target::Expression(gold) => Target::Expression(gold + "1"),
        Target::Literal(_) => Target::Literal("[0]".to_owned()),
        Target::Label(_) => Target::Label("MAYBE".to_owned()),
        Target::Tests(mut set) => {
            match &mut set.tests {
                Tests::Function(tests) => {
                    let Check::Calls(calls) = &mut tests.check else {
                        unreachable!("families write calls")
                    };
                    calls.last_mut().expect("a call").expected = "[0]".to_owned();
                }
                Tests::Stdio(tests) => tests.cases[3].expect = "1\n0\n".to_owned(),
            }
            Target::Tests(set)
        }
        Target::Token(Expected::Abstain) => Target::Token(Expected::Value("0".to_owned())),
        Target::Token(_) => Target::Token(Expected::Abstain),
    }
}

#[test]
fn no_set_holds_an_item_twice() {
    for_each_level(200, |family, level, items| {
        let texts: BTreeSet<String> =
            items.iter().map(|item| item.fields["text"].to_string()).collect();
        assert_eq!(texts.len(), items.len(), "{} level {level}", family.name);
    });
}

#[test]
fn no_gold_is_common_enough_to_be_guessed() {
    for_each_level(200, |family, level, items| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            *counts.entry(item.target.display()).or_default() += 1;
        }
        let commonest = counts.values().max().copied().unwrap_or_default();
        // An equal share and 2 % for labels, 15 % for open answers.
        let bound = if family.graders == ["label"] { 200 / counts.len() + 4 } else { 30 };
        assert!(commonest <= bound, "{} level {level}: {counts:?}", family.name);
    });
}

#[test]
fn the_same_seed_makes_the_same_items_and_another_seed_others() {
    for family in FAMILIES {
        let one = generate(family, 1, 3, 50).expect("50 items");
        assert_eq!(one, generate(family, 1, 3, 50).expect("50 items"));
        let two = generate(family, 2, 3, 50).expect("50 items");
        let shared = one.iter().filter(|item| two.iter().any(|o| o.fields == item.fields)).count();
        assert!(shared <= 2, "{}: {shared} items shared", family.name);
    }
}

#[test]
fn a_level_that_does_not_exist_is_an_error() {
    let family = family("math.modular").expect("a family");
    let level = generate(family, 0, 6, 1).expect_err("no level 6");
    assert_eq!(level.to_string(), "`math.modular` has no level 6: levels are 1 to 5");
}

/// A family with one item.
static SINGLE: Family = Family {
    name: "test.single",
    version: 1,
    domain: Domain::Math,
    graders: &["integer"],
    about: "one item",
    draw: |_, _| {
        Some(Draw {
            text: "1".to_owned(),
            parameters: json!(1),
            target: Target::Integer(1.into()),
            decoys: BTreeMap::new(),
        })
    },
    check: |_| Ok(()),
    twins: None,
};

#[test]
fn a_level_that_runs_dry_is_an_error() {
    assert_eq!(generate(&SINGLE, 0, 1, 1).expect("one item").len(), 1);
    let dry = generate(&SINGLE, 0, 1, 2).expect_err("there is no second item");
    let message = "`test.single` level 1: capacity exhausted after 1 different items of 2";
    assert_eq!(dry.to_string(), message);
}

#[test]
fn no_text_names_anything_real() {
    for_each_level(100, |family, level, items| {
        // An older version keeps the names it had: villages are among them.
        if super::family(family.name).is_some_and(|newest| newest.version > family.version) {
            return;
        }
        for item in items {
            let text = item.fields["text"].as_str().expect("a text");
            let found = [harmless::lint(text), harmless::spelled(text)].concat();
            assert!(found.is_empty(), "{} level {level} {}: {found:?}", family.name, item.id);
        }
    });
}

/// Digests the first 200 items of every level, seed 0.
fn digests(family: &'static Family) -> [String; 5] {
    [1, 2, 3, 4, 5].map(|level| {
        let items = generate(family, 0, level, 200).expect("200 items");
        let rows: Vec<Value> = items
            .iter()
            .map(|item| json!([item.id, item.fields, item.target.display(), item.decoys]))
            .collect();
        Digest::of_json(&rows).short()
    })
}

/// The pinned digests: family, version, and the first 12 digits of the SHA-256 over the first 200 items
/// of levels 1 to 5. A change here changes items: raise the family's version.
const PINNED: &str = include_str!("pinned.txt");

#[test]
fn the_items_of_every_family_are_pinned_at_any_thread_count() {
    // A thread a family at once, and one after another: the items are the same.
    let found: Vec<String> = std::thread::scope(|scope| {
        let started: Vec<_> =
            FAMILIES.iter().map(|family| (family, scope.spawn(|| digests(family)))).collect();
        started
            .into_iter()
            .map(|(family, digests)| {
                let digests = digests.join().expect("no panic").join(" ");
                format!("{} {} {digests}", family.name, family.version)
            })
            .collect()
    });
    let pinned: Vec<&str> = PINNED.lines().collect();
    assert_eq!(found, pinned, "pin these:\n{}", found.join("\n"));
}
