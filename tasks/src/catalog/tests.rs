//! What a suite file may say, and what is said when it says something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::*;
use crate::generate::misinformation::harmless::{lint, spelled};
use crate::generate::{self, FAMILIES};

const TASK: &str = r#"
schema = 1
id = "mine/sum"
version = "1.0.0"
title = "Sums"
kind = "inline"
domain = "math"

[prompt]
user = "{{ item.text }}"

[grade]
kind = "integer"

[[item]]
id = "one"
text = "1 + 1?"
gold = 2
"#;

/// Loads a file of this text and returns what is wrong with it.
#[track_caller]
fn refused(text: &str) -> SuiteError {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("task.toml");
    fs::write(&path, text).expect("written");
    let error = Catalog::built_in().suite(&path.display().to_string()).expect_err("refused");
    drop(folder);
    error
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let message = refused(text).to_string();
    let message = message.split_once("task.toml").map_or(message.as_str(), |(_, rest)| rest);
    assert!(message.contains(expected), "{message}\nhas no\n{expected}");
}

#[test]
fn every_file_inside_the_binary_loads_with_licence_and_canary() {
    let catalog = Catalog::built_in();
    for entry in catalog.entries() {
        let suite = catalog.suite(&entry.id).expect("loads");
        for task in &suite.tasks {
            assert!(task.about.license.is_some(), "{} has no licence", task.id);
            let canary = task.about.canary.as_deref().unwrap_or_default();
            assert!(canary.starts_with("tripos-canary "), "{} has no canary", task.id);
        }
    }
}

#[test]
fn reasoning_core_asks_every_family_at_every_level() {
    let suite = Catalog::built_in().suite("reasoning-core").expect("loads");
    let names: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(suite.tasks.len(), names.len());
    for task in &suite.tasks {
        let origins = || task.items.iter().filter_map(|item| item.origin.as_ref());
        for level in 1..=5 {
            let found = origins().filter(|origin| origin.level == level).count();
            assert!((12..=16).contains(&found), "{} level {level}: {found}", task.id);
        }
        let asked = origins().next().expect("generated");
        assert!(names.contains(asked.family.as_str()));
        let newest = generate::family(&asked.family).expect("a family");
        assert_eq!(asked.version, newest.version, "{}", task.id);
    }
    let items: usize = suite.tasks.iter().map(|task| task.items.len()).sum();
    assert!((1_900..=2_100).contains(&items), "{items} items");
}

#[test]
fn twin_sets_are_whole_and_share_a_group() {
    for name in ["twins", "misinfo/unanswerable", "misinfo/hint"] {
        for task in Catalog::built_in().suite(name).expect("loads").tasks {
            let mut sets: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for item in &task.items {
                let group = item.group.as_ref().expect("a group").as_str();
                sets.entry(group.to_owned()).or_default().push(item.fields["variant"].clone());
            }
            let first = sets.values().next().expect("a set").clone();
            assert!(first.len() > 1 && first[0] == "base", "{first:?}");
            assert!(sets.values().all(|set| *set == first), "{}", task.id);
        }
    }
}

#[test]
fn no_built_in_prompt_names_anything_real() {
    let catalog = Catalog::built_in();
    for entry in catalog.entries().iter().filter(|entry| !entry.is_suite) {
        for task in catalog.suite(&entry.id).expect("loads").tasks {
            for item in &task.items {
                for message in task.render(item).expect("renders").0 {
                    let mut found = lint(&message.content);
                    // `smoke` asks the first versions of three families, whose names were held against
                    // a short list: some are those of villages. Its items stay, since results name them.
                    if !task.id.as_str().starts_with("smoke/") {
                        found.extend(spelled(&message.content));
                    }
                    assert!(found.is_empty(), "{} {}: {found:?}", task.id, item.id);
                }
            }
        }
    }
}

#[test]
fn the_digests_of_the_built_in_suites_are_pinned() {
    let digest = |name| Catalog::built_in().suite(name).expect("loads").digest.short();
    let found = ["smoke", "code", "reasoning-core", "misinformation", "twins"].map(digest);
    let pinned = ["3f13aae4edda", "fcd787980af2", "3c29584aaba8", "81e0d43bf67a", "8aee81badb5e"];
    assert_eq!(found, pinned);
}

/// The row of a table in `docs/suites.md` that begins with `name`.
fn rows_of(name: &str) -> Vec<&'static str> {
    let start = format!("| `{name}` |");
    include_str!("../../../docs/suites.md").lines().filter(|l| l.starts_with(&start)).collect()
}

#[test]
fn the_catalogue_in_the_docs_is_this_one() {
    let catalog = Catalog::built_in();
    for entry in catalog.entries().iter().filter(|entry| entry.is_suite) {
        let items: usize =
            catalog.suite(&entry.id).expect("loads").tasks.iter().map(|t| t.items.len()).sum();
        let shown = format!("| {items} |");
        let rows = rows_of(&entry.id);
        let row = rows.first().expect("a row").replace(',', "");
        assert!(row.contains(&shown), "{row} has no {shown}");
    }
    for family in FAMILIES {
        let rows = rows_of(family.name);
        assert!(!rows.is_empty(), "{} has no row", family.name);
        for variant in family.twins.iter().flat_map(|twins| twins.offered) {
            let told = rows.iter().any(|row| row.contains(variant.as_str()));
            assert!(told, "the docs do not say that {} has `{variant}`", family.name);
        }
    }
}

#[test]
fn a_name_nobody_has_is_answered_with_the_nearest() {
    let error = Catalog::built_in().suite("smkoe").expect_err("no such suite");
    assert_eq!(error.to_string(), "there is no suite or task `smkoe`");
    assert_eq!(error.nearest(), Some("smoke"));
    assert!(Catalog::built_in().suite("something/else").expect_err("none").nearest().is_none());
}

#[test]
fn a_mistake_names_its_line() {
    check("schema = 1\nid = \"a\nkind = \"suite\"", "line 2, column");
    check("schema = 1\nkind = \"suite\"", "missing field `id`");
    check(&TASK.replace("[grade]", "[grades]"), "line 12: unknown key `grades`");
    check(&TASK.replace("version = \"1.0.0\"", "version = 1"), "line 4");
    check(&TASK.replace("schema = 1", "schema = 2"), "schema 2 is not known");
    check(&TASK.replace("\"integer\"", "\"integr\""), "integr");
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let error = refused(&TASK.replace("[grade]", "[grades]"));
    assert_eq!(error.nearest(), Some("grade"));
}

#[test]
fn values_that_could_not_be_asked_or_graded_are_refused() {
    check(&TASK.replace("gold = 2", "gold = \"two\""), "the gold of item `one` is no integer");
    check(&format!("{TASK}\n[[item]]\nid = \"one\"\ntext = \"\"\ngold = 1"), "appears twice");
    check(&TASK.replace("mine/sum", "mine sum"), "is no name");
    check(&format!("{TASK}\n[generation]\nmax_tokens = 0"), "`max_tokens` is 0");
    check(&format!("{TASK}\n[generation]\ntemperature = -1.0"), "`temperature` is -1");
    check(&format!("{TASK}\n[generation]\ntop_p = 0.0"), "`top_p` is 0");
    check(&format!("{TASK}\n[generation]\nsamples = 0"), "`samples` is 0");
    check(&format!("{TASK}\n[generation]\nstop = [\"\"]"), "`stop` has an empty string");
    check(&TASK.replace("item.text", "item.txt"), "the prompt of item `one`");
    check(&TASK.replace("}}", ""), "the prompt of item ``");
    check(TASK.split("[[item]]").next().expect("a head"), "the task has no items");
}

#[test]
fn a_generated_task_says_which_family_version_and_level_it_wants() {
    let source = |family: &str, version: u32, levels: &str| {
        let source = format!(
            "[source]\nfamily = \"{family}\"\nfamily_version = {version}\nseed = 1\nlevels = {levels}\n"
        );
        let head = TASK.split("[[item]]").next().expect("a head");
        head.replace("\"inline\"", "\"generated\"") + &source
    };
    check(&source("math.modluar", 1, "{ \"1\" = 2 }"), "did you mean `math.modular`?");
    check(&source("math.modular", 9, "{ \"1\" = 2 }"), "the file wants 9");
    check(&source("math.modular", 1, "{ \"6\" = 2 }"), "`6` is not a level");
    check(&source("math.modular", 1, "{ \"1\" = 1000000 }"), "asks for 1000000 items");
    check(&source("misinfo.false_premise", 1, "{ \"1\" = 2 }"), "grader `integer` cannot grade");
    let twins = |family: &str, twin: &str| {
        source(family, 1, "{ \"1\" = 2 }") + &format!("twins = [\"{twin}\"]\n")
    };
    check(&twins("math.modular", "noop"), "has no twin `noop`: it has none");
    check(&twins("math.linear_system", "noop"), "it has renamed, renumbered, reordered");
    check(&twins("math.linear_system", "missing"), "needs the grader `tokens`");
    check(&twins("math.linear_system", "mirrored"), "unknown variant `mirrored`");
}

#[test]
fn a_suite_finds_the_tasks_beside_it_and_those_inside_the_binary() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("sum.toml"), TASK).expect("written");
    fs::write(folder.path().join("notes.toml"), "not = \"a task\"").expect("written");
    let suite = "schema = 1\nid = \"both\"\nversion = \"1\"\nkind = \"suite\"\n\
                 [[task]]\nid = \"mine/sum\"\n[[task]]\nid = \"smoke/modular\"\nlimit = 7\nweight = 3\n";
    let path = folder.path().join("both.toml");
    fs::write(&path, suite).expect("written");
    let suite = Catalog::built_in().suite(&path.display().to_string()).expect("loads");
    let shape: Vec<_> =
        suite.tasks.iter().map(|t| (t.id.as_str(), t.items.len(), t.weight)).collect();
    assert_eq!(shape, [("mine/sum", 1, 1), ("smoke/modular", 7, 3)]);
}

#[test]
fn a_limit_takes_from_every_level_in_turn() {
    let suite = Catalog::built_in().suite("smoke/modular").expect("loads");
    let limited = limited(suite, 7).expect("limited");
    let levels: Vec<u8> =
        limited.tasks[0].items.iter().filter_map(|i| Some(i.origin.as_ref()?.level)).collect();
    assert_eq!(levels, [1, 1, 2, 2, 3, 4, 5]);
}

#[test]
fn a_limit_leaves_twin_sets_whole() {
    let shown = |limit| {
        let suite = Catalog::built_in().suite("misinfo/unanswerable").expect("loads");
        let limited = limited(suite, limit).expect("limited");
        limited.tasks[0].items.iter().map(|item| item.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(shown(4), ["L1-0000", "L1-0000-missing", "L2-0000", "L2-0000-missing"]);
    assert_eq!(shown(5), shown(4));
    assert_eq!(shown(1), ["L1-0000"]);
}

#[test]
fn a_file_that_is_not_there_and_one_that_is_too_long_are_refused() {
    let missing = Catalog::built_in().suite("no/such/file.toml").expect_err("missing");
    assert!(matches!(missing, SuiteError::Read { .. }), "{missing}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.toml");
    fs::File::create(&path).and_then(|file| file.set_len(MAX_FILE_BYTES + 1)).expect("made");
    let long = Catalog::built_in().suite(&path.display().to_string()).expect_err("too long");
    assert!(long.to_string().contains("at most 16777216"), "{long}");
}
