//! `tripos gate` and `tripos baseline`: the exit code, the files, and what is refused.

use tripos_tests::server::{Answer, Reply};
use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

const POLICY: &str = "schema = 1\n\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                      kind = \"non_inferior\"\nmargin = 0.2\n\n[[rule]]\ntask = \"*\"\n\
                      metric = \"truncated\"\nkind = \"at_most\"\nvalue = 0.2\n";

/// A project with a policy and a run of two arms: one that is always wrong, one that is always right.
fn runs() -> (Server, Project) {
    let right = knows_smoke();
    let server = Server::start(move |asked| match asked.body["reasoning_effort"].as_str() {
        Some("none") => Reply::Answer(Answer::new("Answer: 987654321")),
        _ => right(asked),
    });
    let project = project_with(&server);
    project.write("gate.toml", POLICY);
    let two = ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "off,low"];
    project.succeed(&[&two[..], &["--name", "two"]].concat());
    (server, project)
}

const GATE: [&str; 5] = ["gate", "two/far+low", "--policy", "gate.toml", "--baseline"];

#[test]
fn a_baseline_kept_in_a_file_gives_the_verdict_of_the_run() {
    let (_server, project) = runs();
    project.succeed(&["baseline", "export", "two/far+low", "-o", "base.json"]);
    let forms =
        ["--junit", "gate.xml", "--summary", "s.md", "--comment", "c.md", "--json", "gate.json"];
    let passed = project.run(&[&GATE[..], &["base.json"], &forms].concat());
    assert_eq!(passed.code, Some(0), "{}{}", passed.stdout, passed.stderr);
    assert!(passed.stdout.starts_with("PASS: "), "{}", passed.stdout);
    assert!(project.read("gate.xml").contains("<testsuites name=\"tripos gate\" tests=\"2\""));
    for page in ["s.md", "c.md"] {
        assert!(project.read(page).starts_with("<!-- tripos-gate -->\n## PASS: "));
    }
    let written: serde_json::Value =
        serde_json::from_str(&project.read("gate.json")).expect("it is JSON");
    assert_eq!((&written["verdict"], &written["exit_code"]), (&"pass".into(), &0.into()));
    let printed = project.json(&[&GATE[..], &["two/far+low"]].concat());
    assert_eq!(printed["rules"], written["rules"], "from the store and from the file");
}

#[test]
fn what_knows_half_is_a_regression_and_names_what_was_lost() {
    let (_server, project) = runs();
    let arguments = ["gate", "two/far+nothink", "--policy", "gate.toml", "--allow-mismatch"];
    let lost = project.run(&[&arguments[..], &["--baseline", "two/far+low"]].concat());
    assert_eq!(lost.code, Some(1), "{}{}", lost.stdout, lost.stderr);
    assert!(lost.stdout.contains("REGRESS: ") && lost.stdout.contains("incorrect"));
    let invalid = project.run(&[&arguments[..4], &["--baseline", "two/far+low"]].concat());
    assert_eq!(invalid.code, Some(4), "{}", invalid.stdout);
    assert!(invalid.stdout.contains("was reasoned about at level low in one and off in the other"));
}

#[test]
fn what_cannot_be_judged_is_an_error_and_never_a_verdict() {
    let (_server, project) = runs();
    project.succeed(&[
        "run",
        "smoke/linear_system",
        "-m",
        "far",
        "--limit",
        "4",
        "--name",
        "other",
    ]);
    project.succeed(&["baseline", "export", "two/far+low", "-o", "base.json"]);
    let whole = project.read("base.json");
    project.write("half.json", &whole.as_bytes()[..whole.len() / 2]);
    project.write("newer.json", whole.replacen("\"version\":1", "\"version\":9", 1));
    project.write("twenty.toml", POLICY.replace("0.2\n\n", "20\n\n"));
    project.write("unknown.toml", POLICY.replacen("\"*\"", "\"smoke/arith_chian\"", 1));
    for (baseline, policy, code, said) in [
        ("other", "gate.toml", 4, "the baseline and the candidate have no task in common"),
        ("half.json", "gate.toml", 4, "the file is cut short or damaged"),
        ("newer.json", "gate.toml", 4, "has format 9, and this version of tripos knows 1"),
        ("nobody", "gate.toml", 2, "no run is called `nobody`"),
        ("two", "gate.toml", 2, "`two` holds 2 models: name one"),
        ("base.json", "twenty.toml", 2, "line 7: margin is 20"),
        ("base.json", "unknown.toml", 2, "did you mean `smoke/arith_chain`?"),
        ("base.json", "absent.toml", 2, "cannot read the policy `absent.toml`"),
    ] {
        let arguments = ["gate", "two/far+low", "--baseline", baseline, "--policy", policy];
        let ran = project.run(&arguments);
        assert_eq!(ran.code, Some(code), "{baseline} {policy}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{baseline} {policy}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{baseline} {policy}");
    }
}

#[test]
fn a_plan_says_what_can_be_detected_before_anything_is_spent() {
    let (server, project) = runs();
    let asked = server.asked().len();
    let plan = ["gate", "plan", "--baseline", "two/far+low", "--policy", "gate.toml"];
    let planned = project.json(&[&plan[..], &["--price", "1,2"]].concat());
    assert_eq!(planned["rules"].as_array().expect("a list").len(), 1);
    assert_eq!(planned["rules"][0]["margin"], 0.2);
    assert!(planned["rules"][0]["usd_needed"].is_number());
    let table = project.succeed(&plan).stdout;
    assert!(table.contains("20.0 points") && table.contains("detectable"), "{table}");
    assert_eq!(server.asked().len(), asked, "nothing was asked");
}

#[test]
fn a_run_that_is_gated_ends_when_its_answer_is_clear_and_can_be_finished() {
    let (server, project) = runs();
    project.succeed(&["baseline", "export", "two/far+low", "-o", "base.json"]);
    let early = "schema = 1\nearly_stop = \"hybrid\"\n[[rule]]\ntask = \"*\"\n\
                 metric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.9\n";
    project.write("early.toml", early);
    let run = ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "low", "--seed", "2"];
    let gate = ["--gate", "early.toml", "--baseline", "base.json", "--concurrency", "1"];
    let asked = server.asked().len();
    let passed = project.json(&[&run[..], &gate, &["--name", "quick"]].concat());
    assert_eq!(passed["gate"]["verdict"], "pass", "{}", passed["gate"]);
    let notes = passed["gate"]["notes"].to_string();
    assert!(notes.contains("Stopped early, after 4 of "), "{notes}");
    let few = server.asked().len() - asked;
    assert!((4..10).contains(&few), "{few} requests");
    project.succeed(&["resume", "quick"]);
    let finished =
        project.run(&["gate", "quick", "--baseline", "base.json", "--policy", "gate.toml"]);
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
}

#[test]
fn a_gated_run_is_refused_before_anything_is_asked() {
    let (server, project) = runs();
    project.succeed(&["baseline", "export", "two/far+low", "-o", "base.json"]);
    let asked = server.asked().len();
    for (arguments, code, said) in [
        (vec!["smoke/modular", "-m", "far", "--baseline", "base.json"], 4, "no task in common"),
        (
            vec![
                "smoke/arith_chain",
                "-m",
                "far",
                "--reasoning",
                "off,low",
                "--baseline",
                "base.json",
            ],
            2,
            "holds 2 models",
        ),
        (vec!["smoke/arith_chain", "-m", "far", "--baseline", "nobody"], 2, "no run is called"),
        (vec!["smoke/arith_chain", "-m", "far"], 2, "--baseline"),
    ] {
        let ran = project.run(&[&["run", "--gate", "gate.toml"], &arguments[..]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(server.asked().len(), asked, "nothing was asked");
}
