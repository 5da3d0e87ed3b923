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
    project.write("other.json", "{}");
    project.write(&format!("alone/{SAMPLES}"), &samples);
    for (file, said) in [
        ("half.eval", "the archive is cut short or damaged"),
        ("other.json", "cannot use the baseline"),
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
