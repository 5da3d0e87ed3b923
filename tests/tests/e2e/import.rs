//! `tripos import`: logs of other programs become runs that are compared and gated; `tests/fixtures/logs`
//! says how the logs were made.

use tripos_tests::Project;

use crate::project;

const SAMPLES: &str = "samples_tiny_sums_2026-11-25T04-05-53.761880.jsonl";
const RESULTS: &str = "results_2026-11-25T04-05-53.761880.json";
const POLICY: &str = "schema = 1\n[[rule]]\ntask = \"tiny_sums\"\nmetric = \"accuracy\"\n\
                      kind = \"non_inferior\"\nmargin = 0.4\n";

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/logs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect("the log is part of the project")
}

/// A project with the logs in it, and lm-evaluation-harness's once more with every answer wrong.
fn logs() -> Project {
    let project = project();
    for name in [SAMPLES, RESULTS, "tiny_sums.eval"] {
        project.write(name, fixture(name));
    }
    let samples = String::from_utf8(fixture(SAMPLES)).expect("it is text");
    let wrong = samples.replace("\"exact_match\": 1.0", "\"exact_match\": 0.0");
    assert_ne!(samples, wrong);
    project.write(&format!("wrong/{SAMPLES}"), wrong);
    project.write(&format!("wrong/{RESULTS}"), fixture(RESULTS));
    project.write("gate.toml", POLICY);
    project
}

#[test]
fn a_log_that_is_not_whole_or_not_known_is_an_error_with_code_4() {
    let project = logs();
    let samples = String::from_utf8(fixture(SAMPLES)).expect("it is text");
    let results = String::from_utf8(fixture(RESULTS)).expect("it is text");
    let archive = fixture("tiny_sums.eval");
    let newer =
        results.replace("\"lm_eval_version\": \"0.4.13\"", "\"lm_eval_version\": \"0.9.0\"");
    let twice = format!("{samples}{samples}");
    for (folder, samples, results, said) in [
        ("cut", &samples[..samples.len() / 2], results.as_str(), "is not whole JSON"),
        ("newer", &samples, &newer, "it is of lm-eval 0.9.0, and this version of tripos reads 0.4"),
        ("none", "", &results, "it holds no sample"),
        ("half", &samples, &results[..99], "it is cut short or damaged"),
        ("twice", &twice, &results, "repeat 1 of item `0` stands in it twice"),
    ] {
        let file = format!("{folder}/{SAMPLES}");
        project.write(&file, samples);
        project.write(&format!("{folder}/{RESULTS}"), results);
        let ran = project.run(&["import", &file]);
        assert_eq!(ran.code, Some(4), "{folder}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{folder}: {}", ran.stderr);
    }
    project.write("half.eval", &archive[..archive.len() / 2]);
    let deflated = fixture("tiny_sums_deflated.eval");
    let middle = deflated.len() / 3;
    let broken = [&deflated[..middle], &[0xff; 99], &deflated[middle + 99..]].concat();
    project.write("broken.eval", broken);
    project.write("other.json", "{}");
    project.write(&format!("alone/{SAMPLES}"), &samples);
    for (file, said) in [
        ("half.eval", "the archive is cut short or damaged"),
        ("other.json", "cannot use the baseline"),
        ("broken.eval", "is damaged"),
        (&format!("alone/{SAMPLES}"), "cannot read `alone/results_"),
        ("absent.eval", "cannot read `absent.eval`"),
    ] {
        let ran = project.run(&["import", file]);
        assert_eq!(ran.code, Some(4), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{file}: {}", ran.stderr);
    }
}

#[test]
fn logs_become_runs_that_are_compared_and_gated() {
    let project = logs();
    let imported = project.json(&["import", SAMPLES, "--name", "good"]);
    assert_eq!((&imported["trials"], &imported["model"]), (&12.into(), &"fake".into()));
    project.succeed(&["import", &format!("wrong/{SAMPLES}"), "--name", "bad"]);
    let again = project.json(&["import", SAMPLES]);
    assert_eq!(again["run"], imported["run"], "the same log again is the same run");
    let compared = project.succeed(&["compare", "good", "bad"]).stdout;
    assert!(compared.contains("−75 points [−91, −33] (n = 12)"), "{compared}");
    let gate = |candidate, baseline| {
        project.run(&["gate", candidate, "--baseline", baseline, "--policy", "gate.toml"])
    };
    let lost = gate("bad", "good");
    assert_eq!(lost.code, Some(1), "{}{}", lost.stdout, lost.stderr);
    assert_eq!(gate("good", "good").code, Some(0));
    // A file holds the verdicts of the run, and an import of it is judged as the run is.
    project.succeed(&["baseline", "export", "good", "-o", "good.json"]);
    project.succeed(&["import", "good.json", "--name", "pinned"]);
    assert_eq!(gate("bad", "good.json").stdout, lost.stdout);
    assert_eq!(gate("pinned", "good").code, Some(0));
}

/// A project with a log of that name, and the results that belong to it.
fn with_log(name: &str, results: Option<&str>) -> Project {
    let project = project();
    for file in std::iter::once(name).chain(results) {
        project.write(file, fixture(file));
    }
    project
}

/// The accuracy of a run with one model.
fn accuracy(project: &Project, run: &str) -> f64 {
    let shown = project.json(&["show", run]);
    let total = &shown["result"]["arms"][0]["total"]["accuracy"];
    total["estimate"].as_f64().expect("it was measured")
}

const FILTERED: &str = "samples_filtered_sums_2026-11-25T13-48-16.299386.jsonl";
const REPEATED: &str = "samples_repeated_sums_2026-11-25T13-48-16.299386.jsonl";
const CHOICE: &str = "samples_choice_sums_2026-11-25T13-48-21.744637.jsonl";
const GENERATED: &str = "results_2026-11-25T13-48-16.299386.json";
const CHOSEN: &str = "results_2026-11-25T13-48-21.744637.json";

#[test]
fn every_filter_becomes_a_run_and_how_far_they_agree_is_said() {
    let project = with_log(FILTERED, Some(GENERATED));
    let imported = project.json(&["import", FILTERED]);
    let runs = imported["runs"].as_array().expect("a list");
    let named = |grader: &str| {
        let run = runs.iter().find(|run| run["grader"] == grader).expect("it is there");
        run["run"].as_str().expect("a name").to_owned()
    };
    let (strict, flexible) = (named("strict-match"), named("flexible-extract"));
    // What lm-eval itself says of the log.
    assert!((accuracy(&project, &strict) - 4.0 / 12.0).abs() < 1e-12);
    assert!((accuracy(&project, &flexible) - 9.0 / 12.0).abs() < 1e-12);
    let shown = project.json(&["show", &strict]).to_string();
    assert!(shown.contains("unparsed"), "what the filter did not find: {shown}");
    // Four are right by both and three wrong by both: 7/12 agree, and chance alone gives 5/12.
    let agreement = &imported["agreement"][0];
    let number = |name: &str| agreement[name].as_f64().expect("a number");
    assert!((number("observed") - 7.0 / 12.0).abs() < 1e-12, "{agreement}");
    assert!((number("expected") - 5.0 / 12.0).abs() < 1e-12, "{agreement}");
    assert!((number("kappa") - 2.0 / 7.0).abs() < 1e-12, "{agreement}");
    assert!(number("lower") < 0.2 && number("upper") > 0.4, "{agreement}");
    let said = project.succeed(&["import", FILTERED]).stdout;
    assert!(said.contains("agree on 58 % of 12 answers; Cohen's kappa 0.29 ["), "{said}");
    // One filter is no baseline for the other.
    let mixed = project.run(&["compare", &strict, &flexible]);
    assert_eq!(mixed.code, Some(4), "{}", mixed.stdout);
    project.succeed(&["import", FILTERED, "--grader", "flexible-extract", "--name", "loose"]);
    assert!((accuracy(&project, "loose") - 0.75).abs() < 1e-12);
    for (arguments, said) in [
        (vec!["--name", "both"], "a name is for one run"),
        (vec!["--grader", "lose"], "it has no grader `lose`; it has "),
        (vec!["--metric", "bleu"], "it has no metric `bleu`; it has exact_match"),
    ] {
        let ran = project.run(&[&["import", FILTERED], &arguments[..]].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn repeats_have_the_verdict_that_their_filter_gives() {
    let project = with_log(REPEATED, Some(GENERATED));
    let imported = project.json(&["import", REPEATED]);
    let runs = imported["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 2, "{imported}");
    for run in runs {
        assert_eq!(run["trials"], 12, "a verdict is on an item");
        assert!((accuracy(&project, run["run"].as_str().expect("a name")) - 0.75).abs() < 1e-12);
    }
    assert_eq!(imported["agreement"][0]["kappa"], 1.0);
}

#[test]
fn of_likelihoods_the_option_that_was_chosen_is_the_answer() {
    let project = with_log(CHOICE, Some(CHOSEN));
    let imported = project.json(&["import", CHOICE, "--name", "acc"]);
    assert_eq!(imported["agreement"], serde_json::json!([]));
    assert!((accuracy(&project, "acc") - 0.75).abs() < 1e-12);
    let trials = project.json(&["show", "acc"])["trials"].clone();
    let trial = project.json(&["show", trials[0]["trial"].as_str().expect("a key")]);
    // Of 6, 5 and 3 the model preferred 6, and 5 is right.
    assert_eq!(trial["turns"][0]["completion"]["text"], "6");
    assert_eq!(trial["listings"][0]["target"], "5");
    assert_eq!(trial["turns"][0]["prompt"][0]["content"], "What is 1 + 4?");
    project.succeed(&["import", CHOICE, "--metric", "acc_norm", "--name", "norm"]);
    let mixed = project.run(&["compare", "acc", "norm"]);
    assert_eq!(mixed.code, Some(4), "another metric is another task: {}", mixed.stdout);
}

#[test]
fn deflated_archives_and_several_scorers_are_read() {
    let project = with_log("tiny_sums_deflated.eval", None);
    let imported = project.json(&["import", "tiny_sums_deflated.eval", "--name", "old"]);
    assert_eq!(imported["trials"], 12, "{imported}");
    assert!((accuracy(&project, "old") - 0.75).abs() < 1e-12);
    let project = with_log("long_sums.eval", None);
    let imported = project.json(&["import", "long_sums.eval"]);
    let runs = imported["runs"].as_array().expect("a list");
    let graders: Vec<&str> = runs.iter().filter_map(|run| run["grader"].as_str()).collect();
    assert_eq!(graders, ["match", "includes"]);
    // The sample whose tool broke is failed, not wrong: three of four were judged.
    assert_eq!(imported["agreement"][0]["n"], 3, "{imported}");
    let shown = project.json(&["show", imported["run"].as_str().expect("a name")]);
    let counts = &shown["result"]["arms"][0]["total"]["counts"];
    assert_eq!((&counts["graded"], &counts["failed"]), (&3.into(), &1.into()), "{counts}");
    assert!(shown.to_string().contains("the tool broke"), "{shown}");
}

#[test]
fn an_archive_of_inspect_keeps_its_epochs_and_tokens() {
    let project = logs();
    let imported = project.json(&["import", "tiny_sums.eval", "--name", "sums"]);
    assert_eq!(imported["trials"], 24);
    let shown = project.json(&["show", "sums"]);
    assert!(shown.to_string().contains("0.75"), "nine of twelve are right: {shown}");
    let gate = ["gate", "sums", "--baseline", "sums", "--policy", "gate.toml"];
    let judged = project.run(&gate);
    assert_eq!(judged.code, Some(0), "{}{}", judged.stdout, judged.stderr);
    // Another program's answers are no baseline for it.
    project.succeed(&["import", SAMPLES, "--name", "other"]);
    let other = project.run(&["gate", "sums", "--baseline", "other", "--policy", "gate.toml"]);
    assert_eq!(other.code, Some(4), "{}", other.stdout);
}
