//! `tripos regrade`: what a change of a grader's version changed, without asking anybody again.

use std::process::Command;

use serde_json::Value;
use tripos_tests::{Project, Server};

use crate::{knows_smoke, project, project_with};

/// Does to the grades of a store what another version of the graders would have done: other verdicts,
/// under other names.
const AGE: &str = r"
import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute('PRAGMA foreign_keys = OFF')
store.execute('UPDATE grader SET digest = substr(digest, 33) || substr(digest, 1, 32)')
right = store.execute(
    'SELECT g.trial FROM grade g JOIN trial t ON t.id = g.trial '
    'WHERE outcome = ? ORDER BY t.key LIMIT 3', ('correct',)).fetchall()
for trial in right:
    store.execute('UPDATE grade SET outcome = ?, score = 0 WHERE trial = ?', ('incorrect',) + trial)
store.commit()
";

/// A project with one run of 28 trials, half of them right.
fn ran() -> (Server, Project) {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    project.succeed(&[
        "run",
        "smoke",
        "-m",
        "far",
        "--reasoning",
        "off",
        "--limit",
        "4",
        "--name",
        "one",
    ]);
    (server, project)
}

fn outcomes(project: &Project) -> Vec<Value> {
    let shown = project.json(&["show", "one"]);
    let trials = shown["trials"].as_array().expect("a list");
    trials.iter().map(|trial| trial["outcome"].clone()).collect()
}

#[test]
fn the_same_graders_change_nothing() {
    let (server, project) = ran();
    let before = (outcomes(&project), server.asked().len());
    let said = project.succeed(&["regrade", "one"]).stdout;
    assert_eq!(said, "0 of 28 verdicts changed\n");
    assert_eq!((outcomes(&project), server.asked().len()), before);
}

#[test]
fn what_another_version_decided_otherwise_is_listed_and_mended() {
    let (server, project) = ran();
    let before = outcomes(&project);
    let aged = Command::new("python3").args(["-c", AGE]).arg(project.store()).output();
    let aged = aged.expect("python3 starts");
    assert!(aged.status.success(), "{}", String::from_utf8_lossy(&aged.stderr));
    let old = outcomes(&project);
    assert_ne!(old, before);

    let tried = project.json(&["regrade", "one", "--dry-run"]);
    assert_eq!(outcomes(&project), old, "a dry run keeps nothing");
    let changed = tried["changed"].as_array().expect("a list").clone();
    assert_eq!(tried["graded"], 28);
    assert_eq!(changed.len(), 3);
    // Three of 28 answers changed, all of them from wrong to right: 25/28 agree.
    let agreement = &tried["agreement"];
    assert_eq!(agreement["n"], 28, "{agreement}");
    assert!((agreement["observed"].as_f64().expect("a share") - 25.0 / 28.0).abs() < 1e-12);
    let bound = |name: &str| agreement[name].as_f64().expect("a number");
    assert!(bound("lower") < bound("kappa") && bound("kappa") < bound("upper"), "{agreement}");
    for change in &changed {
        assert_eq!(
            (&change["was"], &change["is"]),
            (&"incorrect".into(), &"correct".into()),
            "{change}"
        );
    }

    let said = project.succeed(&["regrade", "one"]).stdout;
    let summary =
        "3 of 28 verdicts changed; incorrect -> correct: 3; they agree on 89.3 % (Cohen's kappa 0.";
    assert!(said.contains(summary), "{said}");
    let trial = changed[0]["trial"].as_str().expect("a key");
    assert!(said.contains(&trial[..12]), "{said}");
    assert_eq!(outcomes(&project), before);
    assert_eq!(project.succeed(&["regrade", "one"]).stdout, "0 of 28 verdicts changed\n");
    assert_eq!(server.asked().len(), 28, "nobody is asked again");
}

#[test]
fn verdicts_that_were_given_elsewhere_stay() {
    let project = project();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/logs/tiny_sums.eval");
    project.succeed(&["import", log, "--name", "theirs"]);
    let before = project.succeed(&["show", "theirs"]).stdout;
    let said = project.succeed(&["regrade", "theirs"]).stdout;
    assert_eq!(
        said,
        "0 of 0 verdicts changed; 24 not graded again: the store does not hold all that their grader \
         needs\n"
    );
    assert_eq!(project.succeed(&["show", "theirs"]).stdout, before);
}

#[test]
fn a_run_that_is_not_there_is_named() {
    let (_server, project) = ran();
    let refused = project.run(&["regrade", "two"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
    assert!(refused.stderr.contains("two"), "{}", refused.stderr);
}
