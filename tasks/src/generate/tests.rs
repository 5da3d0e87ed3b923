//! What every family promises, tested over all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PER_LEVEL: u64 = 1_000;

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
            for index in 0..PER_LEVEL {
                let mut random = Random::for_item(family.name, family.version, 9, index, 0);
                let Some(draw) = (family.draw)(Place { level, index }, &mut random) else {
                    continue;
                };
                let checked = (family.check)(&draw);
                assert_eq!(checked, Ok(()), "{} level {level} index {index}", family.name);
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
        draw.target = match draw.target {
            Target::Integer(value) => Target::Integer(value + 1),
            Target::Literal(_) => Target::Literal("[0]".to_owned()),
            Target::Label(_) => Target::Label("MAYBE".to_owned()),
            Target::Tests(mut set) => {
                match &mut set.tests {
                    crate::Tests::Function(tests) => {
                        let crate::program::Check::Calls(calls) = &mut tests.check else {
                            unreachable!("families write calls")
                        };
                        calls[3].expected = "[0]".to_owned();
                    }
                    crate::Tests::Stdio(tests) => tests.cases[3].expect = "1\n0\n".to_owned(),
                }
                Target::Tests(set)
            }
            other => Target::Token(match other {
                Target::Token(crate::item::Expected::Abstain) => unreachable!("no family abstains"),
                _ => crate::item::Expected::Abstain,
            }),
        };
        assert!((family.check)(&draw).is_err(), "{}", family.name);
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
        // A third and 2 % for three labels, 15 % for open answers.
        let bound = if family.graders == ["label"] { 70 } else { 30 };
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
};

#[test]
fn a_level_that_runs_dry_is_an_error() {
    assert_eq!(generate(&SINGLE, 0, 1, 1).expect("one item").len(), 1);
    let dry = generate(&SINGLE, 0, 1, 2).expect_err("there is no second item");
    let message = "`test.single` level 1: capacity exhausted after 1 different items of 2";
    assert_eq!(dry.to_string(), message);
}

/// The first 12 digits of the SHA-256 over the first 200 items of levels 1 to 5, seed 0. A change
/// here changes items: raise the family's version.
const PINNED: [(&str, [&str; 5]); 9] = [
    (
        "math.arith_chain",
        ["39a11da174ac", "93f9bf338e64", "a3b7e8c26abf", "88dfc806855a", "9d1361595294"],
    ),
    (
        "math.linear_system",
        ["84851135d16c", "987ce7c507b3", "2afa46155d95", "a74000fc2b7d", "ee20e4f0e2d1"],
    ),
    (
        "math.modular",
        ["dbad72815f00", "357e5690331d", "587db2b1b709", "623d5e5fe397", "a2feb8c8fd95"],
    ),
    (
        "code.output_prediction",
        ["c511413a8f81", "8285d39c7f2d", "35a88f28be8a", "5c8b4fc2efa1", "49ffd7f9795e"],
    ),
    (
        "code.fn_synthesis",
        ["d87085e01b24", "e6e35bb46f8b", "af0465d7e8a2", "c674964845d6", "281c84859eaa"],
    ),
    (
        "code.stdin_judge",
        ["af1728bc1394", "98345620491a", "1adeec298997", "c86351df9e42", "b1dd496c8224"],
    ),
    (
        "misinfo.claim_verification",
        ["cce1098cad83", "75f53f4f7c8d", "f6a199dc36f1", "4c57c19a0aa8", "4ea94091c6c8"],
    ),
    (
        "misinfo.context_poison",
        ["c49a760ce5d7", "25bfbc663537", "f6ff63b4ef86", "926dae4fa3d7", "774d852cb5de"],
    ),
    (
        "misinfo.false_premise",
        ["e91ce3857aaa", "ef55aa6c8051", "1120ed04985d", "b44686064680", "244ef47ab2ff"],
    ),
];

#[test]
fn the_items_of_every_family_are_pinned() {
    let found: Vec<(&str, [String; 5])> = FAMILIES
        .iter()
        .map(|family| {
            let digest = |level| {
                let items = generate(family, 0, level, 200).expect("200 items");
                let rows: Vec<Value> = items
                    .iter()
                    .map(|item| json!([item.id, item.fields, item.target.display(), item.decoys]))
                    .collect();
                Digest::of_json(&rows).short()
            };
            (family.name, [1, 2, 3, 4, 5].map(digest))
        })
        .collect();
    let pinned: Vec<(&str, [String; 5])> =
        PINNED.iter().map(|(name, digests)| (*name, digests.map(str::to_owned))).collect();
    assert_eq!(found, pinned, "{found:?}");
}
