//! The forms of a gate: every verdict in words, limits kept, hostile text harmless.

use super::*;
use crate::terminal::Screen;

fn rule(kind: &str, verdict: Verdict) -> Rule {
    Rule {
        task: "math/sums".to_owned(),
        metric: "accuracy".to_owned(),
        kind: kind.to_owned(),
        limit: Some(0.02),
        verdict,
        baseline: Some(0.8),
        candidate: Some(0.7),
        figure: Figure {
            estimate: Some(-0.1),
            lower: Some(-0.15),
            upper: Some(-0.05),
            n: 198,
            method: "Tango, one-sided".to_owned(),
        },
        unit: Unit::Points,
        p_value: Some(0.001),
        p_adjusted: Some(0.002),
        items_needed: (verdict == Verdict::Inconclusive).then_some(900),
        notes: Vec::new(),
    }
}

fn gate(verdict: Verdict) -> Gate {
    let side = |name: &str| Side {
        name: name.to_owned(),
        model: "tiny".to_owned(),
        digest: "00ff".to_owned(),
        planned: 198,
        failed: 1,
    };
    Gate {
        verdict,
        exit_code: verdict.code(),
        policy: "gate.toml".to_owned(),
        alpha: 0.05,
        baseline: side("r-1/tiny"),
        candidate: side("r-2/tiny"),
        invalid: Vec::new(),
        rules: vec![rule("non_inferior", verdict)],
        notes: vec!["1 of 198 trials failed.".to_owned()],
        changed: Changed { pairs: 195, lost: 2, gained: 1, unpaired: 3 },
        flips: vec![flip(1)],
    }
}

fn flip(n: usize) -> Flip {
    Flip {
        task: "math/sums".to_owned(),
        item: format!("item-{n}"),
        baseline: 1.0,
        candidate: 0.0,
        outcome: "incorrect".to_owned(),
        trial: "ab".repeat(32),
    }
}

/// Checks that `text` is well-formed XML of the `JUnit` shape, and returns its elements in order.
fn elements(text: &str) -> Vec<String> {
    let allowed: [(&str, &[&str], &[&str]); 8] = [
        ("testsuites", &[""], &["name", "tests", "failures", "errors", "time"]),
        ("testsuite", &["testsuites"], &["name", "tests", "failures", "errors", "skipped", "time"]),
        ("properties", &["testsuite"], &[]),
        ("property", &["properties"], &["name", "value"]),
        ("testcase", &["testsuite"], &["name", "classname", "time"]),
        ("failure", &["testcase"], &["message"]),
        ("error", &["testcase"], &["message"]),
        ("skipped", &["testcase"], &["message"]),
    ];
    let text = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a prolog");
    let (mut open, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for part in text.split('<').skip(1) {
        let (tag, content) = part.split_once('>').expect("a tag ends");
        assert!(!content.contains('>'), "text holds a bare `>`: {content}");
        assert!(!tag.contains(['\n', '\u{1b}']), "{tag:?}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "tags nest");
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let (_, parents, names) =
            allowed.iter().find(|(allowed, ..)| *allowed == name).expect("an element of JUnit");
        assert!(parents.contains(&open.last().map_or("", String::as_str)), "{name} in {open:?}");
        let given: Vec<&str> = attributes.split('"').step_by(2).filter(|a| !a.is_empty()).collect();
        let given: Vec<&str> = given.iter().map(|a| a.trim().trim_end_matches('=')).collect();
        assert_eq!(given, *names, "the attributes of {name}");
        seen.push(name.to_owned());
        if !empty {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "every element ends");
    seen
}

#[test]
fn every_verdict_has_its_exit_code_and_its_case_in_junit() {
    for (verdict, code, case) in [
        (Verdict::Pass, 0, None),
        (Verdict::Regress, 1, Some("failure")),
        (Verdict::Inconclusive, 3, Some("failure")),
        (Verdict::Invalid, 4, Some("error")),
    ] {
        assert_eq!(verdict.code(), code);
        let seen = elements(&render(&gate(verdict), Form::Junit));
        for kind in ["failure", "error", "skipped"] {
            assert_eq!(seen.iter().any(|name| name == kind), case == Some(kind), "{verdict:?}");
        }
    }
    let warned = Gate { exit_code: 0, ..gate(Verdict::Inconclusive) };
    assert!(elements(&render(&warned, Form::Junit)).iter().any(|name| name == "skipped"));
}

#[test]
fn what_cannot_be_compared_is_one_error_without_rules() {
    let sentence = "Task math/sums had a token limit of 99 in one and 512 in the other.".to_owned();
    let invalid = Gate { invalid: vec![sentence.clone()], rules: vec![], ..gate(Verdict::Invalid) };
    let text = render(&invalid, Form::Junit);
    assert_eq!(elements(&text).iter().filter(|name| *name == "testcase").count(), 1);
    assert!(
        text.contains("tests=\"1\"") && text.contains("errors=\"1\"") && text.contains(&sentence)
    );
}

#[test]
fn fifty_thousand_flips_stay_below_the_limits_and_are_counted() {
    let flips: Vec<Flip> = (0..50_000).map(flip).collect();
    let changed = Changed { pairs: 60_000, lost: 50_000, gained: 0, unpaired: 0 };
    let many = Gate { changed, flips, ..gate(Verdict::Regress) };
    let summary = render(&many, Form::Summary);
    let comment = render(&many, Form::Comment);
    assert!(summary.len() < SUMMARY_BYTES, "{}", summary.len());
    assert!(comment.chars().count() < COMMENT_CHARACTERS, "{}", comment.chars().count());
    for text in [&summary, &comment] {
        assert!(text.contains("item-0 |") && text.contains("are not listed here"));
    }
    let document: serde_json::Value =
        serde_json::from_str(&render(&many, Form::Json)).expect("it is JSON");
    assert_eq!(document["changed"]["lost"], 50_000);
    assert_eq!(document["flips"].as_array().expect("a list").len(), FLIPS_MAX);
}

#[test]
fn hostile_names_are_only_text_in_every_form() {
    let evil = "</failure>\u{1b}[2J|@all <img src=x> `x` www.example.com ]]>".to_owned();
    let mut hostile = gate(Verdict::Regress);
    hostile.flips[0].item.clone_from(&evil);
    hostile.rules[0].notes.push(evil.clone());
    hostile.candidate.name = evil.repeat(2_000);
    elements(&render(&hostile, Form::Junit));
    let comment = render(&hostile, Form::Comment);
    assert!(comment.len() < COMMENT_CHARACTERS);
    assert!(!comment.contains("<img") && !comment.contains('\u{1b}') && !comment.contains("@all"));
}

#[test]
fn a_person_reads_the_verdict_first() {
    let screen = Screen { width: 100, color: false };
    insta::assert_snapshot!(terminal(&gate(Verdict::Inconclusive), screen), @"
    INCONCLUSIVE: r-2/tiny against r-1/tiny: 1 of 1 rule open

    ? accuracy of math/sums not worse by 2 points: not decided, −10 points [−15, −5] (n = 198)
      Tango, one-sided; broken this far by chance: p = 0.001, over all rules (Holm): p = 0.002.
      About 900 items of this spread would decide.

    Of 195 items that both answered, 2 lost and 1 gained. 3 items were answered by one side only: in no
    difference.
    1 of 198 trials failed.

    task       item    before  now  outcome    trial
    math/sums  item-1       1    0  incorrect  abababababab
    ");
}
