//! `--format json`: the members that `docs/json.md` names, command by command, and no others.

use serde_json::Value;
use tripos_tests::Server;

use crate::{knows_smoke, project_with};

#[track_caller]
fn check(document: &Value, expected: &str) {
    let members = document.as_object().expect("an object").keys();
    assert_eq!(members.map(String::as_str).collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn every_document_has_the_members_that_are_documented() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let run = ["run", "smoke/modular", "-m", "far", "--reasoning", "off,low", "--limit", "2"];

    let planned = project.json(&[&run[..], &["--dry-run"]].concat());
    check(&planned, "schema plan trials tokens_max");
    check(&planned["plan"][0], "model task items repeats trials tokens_max");

    let ran = project.json(&run);
    check(&ran, "schema run store report result");
    let result = "schema kind left_out title created confidence notices arms tasks comparisons \
                  items provenance";
    check(&ran["result"], result);
    check(
        &project.json(&["resume", ran["run"].as_str().expect("a name")]),
        "schema run store report result",
    );

    let runs = project.json(&["runs"]);
    check(&runs, "schema runs");
    let summary = "run name created_ms ended_ms state reason suites models trials graded failed";
    check(&runs["runs"][0], summary);

    let shown = project.json(&["show", ran["run"].as_str().expect("a name")]);
    check(&shown, "schema run result trials");
    check(&shown["run"], summary);
    check(&shown["trials"][0], "trial model task item level repeat state failed outcome score");

    let trial = project.json(&["show", shown["trials"][0]["trial"].as_str().expect("a key")]);
    check(&trial, "schema trial model_digest seed sampling turns listings");
    let turn = &trial["turns"][0];
    check(turn, "prompt attempts completion");
    let attempt = "n status started_ms ended_ms error message billed http_status redacted raw";
    check(&turn["attempts"][0], attempt);
    check(&turn["completion"], "text reasoning finish usage seconds served");
    let listing = "run model task item repeat target failed grade";
    check(&trial["listings"][0], listing);

    let compared = project.json(&["compare", ran["run"].as_str().expect("a name")]);
    check(&compared, "schema result");
    check(&compared["result"], result);
    check(&compared["result"]["items"], "all_right none_right reliability rows");
    let worth = "task item difficulty discrimination";
    check(&compared["result"]["items"]["rows"][0], worth);
    let arm = "name model run reasoning digest settings total budgets calibration experts";
    check(&compared["result"]["arms"][0], arm);
    check(&compared["result"]["arms"][0]["budgets"][0], "tokens accuracy");
    let comparison = "baseline candidate overall tasks token_ratio cost_ratio pairs latency_ratio \
                      probability_better spread pairs_needed caveats flips";
    check(&compared["result"]["comparisons"][0], comparison);
    let difference = "figure direction p_value p_adjusted test";
    check(&compared["result"]["comparisons"][0]["overall"], difference);

    let policy = "schema = 1\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                  kind = \"non_inferior\"\nmargin = 0.9\n";
    project.write("gate.toml", policy);
    let arm = format!("{}/far+low", ran["run"].as_str().expect("a name"));
    let judged = project.json(&["gate", &arm, "--baseline", &arm, "--policy", "gate.toml"]);
    check(
        &judged,
        "schema kind verdict exit_code policy alpha baseline candidate invalid rules notes \
         changed flips",
    );
    let rule = "task metric kind limit verdict baseline candidate figure unit p_value p_adjusted \
                items_needed notes";
    check(&judged["rules"][0], rule);
    let planned = project.json(&["gate", "plan", "--baseline", &arm, "--policy", "gate.toml"]);
    check(&planned, "schema power rules");
    let row = "task margin items repeats variance variance_seen detectable items_needed usd_needed";
    check(&planned["rules"][0], row);
    let written = project.json(&["baseline", "export", &arm, "-o", "base.json"]);
    check(&written, "schema baseline");
}

#[test]
fn what_is_carried_and_graded_again_has_the_members_that_are_documented() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let ran = project.json(&["run", "smoke/modular", "-m", "far", "--limit", "2"]);
    let run = ran["run"].as_str().expect("a name");
    let written = project.json(&["export", run, "-o", "whole.run"]);
    check(&written, "schema run bundle trials");
    let imported = project.json(&["import", "whole.run"]);
    check(&imported, "schema run model trials runs agreement");
    check(&imported["runs"][0], "run grader trials");
    let graded = project.json(&["regrade", run]);
    check(&graded, "schema run graded skipped changed agreement");
    check(&graded["agreement"], "n observed expected kappa lower upper");
}

#[test]
fn the_lists_have_the_members_that_are_documented() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let suites = project.json(&["suites"]);
    check(&suites, "schema suites");
    check(&suites["suites"][0], "id kind title");
    let suite = project.json(&["suites", "show", "smoke"]);
    check(&suite, "schema id version title description digest tasks");
    let task =
        "id version title about domain sensitivity grader sampling repeats weight items digest";
    check(&suite["tasks"][0], task);
    let preview = project.json(&["suites", "preview", "smoke"]);
    check(&preview, "schema items");
    check(&preview["items"][0], "task item prompt target");
    let models = project.json(&["models"]);
    check(&models, "schema models");
    check(&models["models"][1], "name runner where key key_present");
    let checked = project.json(&["models", "check", "far"]);
    let members =
        "schema model digest effective question answer reasoning finish usage seconds served";
    check(&checked, members);
    let doctor = project.json(&["doctor"]);
    check(&doctor, "schema version machine devices sandbox config keys store");
    check(&doctor["store"], "path state runs");
}
