//! `tripos gate --junit` held against a schema (`tests/fixtures/junit/junit.xsd`) by `xmllint`, for every verdict.

use std::process::Command;

use tripos_tests::server::{Answer, Reply};
use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

/// What `xmllint` says of a file: nothing where it is valid.
#[expect(clippy::print_stdout, reason = "a test that skips says so")]
fn complaints(project: &Project, file: &str) -> Option<String> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/junit/junit.xsd");
    let ran = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", schema])
        .arg(project.folder().join(file))
        .output();
    match ran {
        Ok(ran) if ran.status.success() => Some(String::new()),
        Ok(ran) => Some(String::from_utf8_lossy(&ran.stderr).into_owned()),
        Err(error) => {
            let required = std::env::var("TRIPOS_REQUIRE_XMLLINT").is_ok_and(|value| value == "1");
            assert!(!required, "xmllint does not start: {error}");
            println!("skipped: `xmllint` is not installed");
            None
        }
    }
}

#[test]
fn every_verdict_is_a_document_that_the_schema_takes() {
    let right = knows_smoke();
    let server = Server::start(move |asked| match asked.body["reasoning_effort"].as_str() {
        Some("none") => Reply::Answer(Answer::new("Answer: 987654321")),
        _ => right(asked),
    });
    let project = project_with(&server);
    let two = ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "off,low"];
    project.succeed(&[&two[..], &["--limit", "8", "--name", "two"]].concat());
    let rules = |more: &str, margin: &str| {
        format!(
            "schema = 1\n{more}[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
             kind = \"non_inferior\"\nmargin = {margin}\n[[rule]]\ntask = \"*\"\n\
             metric = \"truncated\"\nkind = \"at_most\"\nvalue = 0.9\n"
        )
    };
    project.write("wide.toml", rules("", "0.5"));
    project.write("narrow.toml", rules("", "0.2"));
    project.write("tight.toml", rules("", "0.001"));
    project.write("warn.toml", rules("on_inconclusive = \"warn\"\n", "0.001"));
    let (hasty, slow) = ("two/far+nothink", "two/far+low");
    for (candidate, baseline, policy, code, more) in [
        (slow, slow, "wide.toml", 0, None),
        (slow, slow, "tight.toml", 3, None),
        (slow, slow, "warn.toml", 0, None),
        (hasty, slow, "narrow.toml", 1, Some("--allow-mismatch")),
        (hasty, slow, "wide.toml", 4, None),
    ] {
        let gate = ["gate", candidate, "--baseline", baseline, "--policy", policy];
        let mut arguments = [&gate[..], &["--junit", "gate.xml"]].concat();
        arguments.extend(more);
        let ran = project.run(&arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        let Some(said) = complaints(&project, "gate.xml") else { return };
        assert_eq!(said, "", "{arguments:?}: {}", project.read("gate.xml"));
    }
    // The schema is no rubber stamp: what readers trip over is refused.
    let good = project.read("gate.xml");
    for (name, from, to) in [
        ("a count that is none", "tests=\"1\"", "tests=\"one\""),
        ("a case without a class", " classname=\"tripos.gate\"", ""),
        ("two results in a case", "</error>", "</error><failure message=\"x\">y</failure>"),
        ("an element nobody knows", "</properties>", "</properties><verdict/>"),
        ("a case that does not end", "</testcase>", ""),
        ("a negative time", "time=\"0\"", "time=\"-1\""),
    ] {
        assert!(good.contains(from), "{name}: {good}");
        project.write("bad.xml", good.replacen(from, to, 1));
        let said = complaints(&project, "bad.xml").expect("it ran a moment ago");
        assert_ne!(said, "", "{name} was taken");
    }
}
