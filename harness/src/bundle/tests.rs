//! A baseline comes back as it was written, and nothing else is taken for one.

use tripos_graders::Outcome;
use tripos_tasks::ReasoningLevel;

use super::*;
use crate::report::tests::{a_run, arm_row, sample};

fn written() -> String {
    let run = a_run("r-1", vec![arm_row("tiny", ReasoningLevel::Off, 64)]);
    let outcomes = [Some(Outcome::Correct), Some(Outcome::Truncated), None];
    let samples: Vec<Sample> =
        outcomes.iter().enumerate().map(|(n, outcome)| sample(0, n, *outcome)).collect();
    export(&Source {
        run: &run,
        arm: 0,
        samples: &samples,
        telemetry: None,
        price: None,
        remote: false,
    })
}

#[test]
fn what_is_not_whole_or_not_ours_is_refused() {
    let text = written();
    let half = &text[..text.len() / 2];
    assert!(matches!(read(half), Err(BundleError::Damaged(_))));
    assert!(matches!(read("{}"), Err(BundleError::NotOne(_))));
    assert!(matches!(read("[1]"), Err(BundleError::NotOne(_))));
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(read(&newer), Err(BundleError::Version { found: 2, .. })));
    let edited = text.replacen("\"correct\"", "\"incorrect\"", 1);
    assert!(matches!(read(&edited), Err(BundleError::Digest { .. })));
}

#[test]
fn content_that_makes_no_sense_is_refused_even_with_its_digest() {
    for (from, to) in [
        ("\"score\":1.0", "\"score\":7.0"),
        ("\"score\":1.0", "\"score\":null"),
        ("\"task\":0", "\"task\":9"),
        ("\"requested\":[", "\"requested\":[],\"ignored\":["),
    ] {
        let mut envelope: Value = serde_json::from_str(&written()).expect("JSON");
        let text = envelope["content"].to_string();
        assert!(text.contains(from), "{from} is in {text}");
        envelope["content"] = serde_json::from_str(&text.replacen(from, to, 1)).expect("JSON");
        envelope["digest"] = Value::from(Digest::of_json(&envelope["content"]).to_string());
        let refused = read(&envelope.to_string());
        assert!(matches!(refused, Err(BundleError::Content(_))), "{to}: {refused:?}");
    }
}

#[test]
fn a_baseline_comes_back_and_its_export_is_the_same_bytes() {
    let text = written();
    let baseline = read(&text).expect("it was just written");
    assert_eq!((baseline.run.summary.trials, baseline.run.summary.failed), (3, 1));
    assert_eq!(baseline.samples[1].outcome, Some(Outcome::Truncated));
    let source = Source {
        run: &baseline.run,
        arm: 0,
        samples: &baseline.samples,
        telemetry: None,
        price: None,
        remote: false,
    };
    assert_eq!(export(&source), text);
    // Why a trial failed may quote a server, and the command may hold an address.
    assert!(!text.contains("refused\"") && !text.contains("tripos run"));
}

/// A whole run of three trials, one of them failed.
fn whole_run() -> Imported {
    let run = a_run("r-1", vec![arm_row("tiny", ReasoningLevel::Off, 64)]);
    let outcomes = [Some(Outcome::Correct), Some(Outcome::Truncated), None];
    let samples = outcomes.iter().enumerate().map(|(n, outcome)| sample(0, n, *outcome)).collect();
    from_baseline(Baseline { run, samples })
}

/// Puts other lines behind a first line that fits them.
fn with_lines(lines: &[String]) -> String {
    let body = lines.join("\n") + "\n";
    let digest = Digest::of_bytes(body.as_bytes());
    let count = lines.len();
    format!(
        "{{\"kind\":\"tripos-run\",\"version\":1,\"lines\":{count},\"digest\":\"{digest}\"}}\n{body}"
    )
}

#[test]
fn a_whole_run_comes_back_and_its_export_is_the_same_bytes() {
    let text = export_run(&whole_run());
    assert!(is_run(&text) && !is_run("{}") && !is_run(""));
    let again = read_run(&text).expect("it was just written");
    assert_eq!(export_run(&again), text);
    assert_eq!((again.run.summary.graded, again.run.summary.failed), (2, 1));
}

#[test]
fn a_whole_run_that_makes_no_sense_is_refused_even_with_its_digest() {
    let text = export_run(&whole_run());
    let lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    assert!(read_run(&with_lines(&lines)).is_ok(), "the helper makes a file that is read");
    let trial = lines.iter().position(|line| line.starts_with("{\"trial\"")).expect("a trial");
    for (from, to) in [
        ("\"score\":1.0", "\"score\":7.0"),
        ("\"item\":0", "\"item\":9"),
        ("\"arm\":0", "\"arm\":3"),
        ("\"task\":0", "\"task\":3"),
        ("\"key\":\"00", "\"key\":\"zz"),
        ("\"repeat\":0", "\"repeat\":-1"),
        ("{\"trial\"", "{\"verdict\""),
    ] {
        let mut lines = lines.clone();
        assert!(lines[trial].contains(from), "{from} is in {}", lines[trial]);
        lines[trial] = lines[trial].replacen(from, to, 1);
        let refused = read_run(&with_lines(&lines));
        assert!(matches!(refused, Err(BundleError::Content(_))), "{to}: {refused:?}");
    }
    let twice = [lines.clone(), vec![lines[0].clone()]].concat();
    let none: Vec<String> = lines.iter().filter(|l| !l.starts_with("{\"trial")).cloned().collect();
    for lines in [twice, none, vec![lines[trial].clone()]] {
        assert!(matches!(read_run(&with_lines(&lines)), Err(BundleError::Content(_))));
    }
    assert!(matches!(read_run("{\"kind\":\"else\"}\n"), Err(BundleError::NotOne(_))));
    assert!(matches!(read_run("not JSON"), Err(BundleError::Damaged(_))));
}
