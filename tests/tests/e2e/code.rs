//! `tripos run code`: programs of a model, run against the hidden tests of the built-in suite.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;
use tripos_tests::Server;
use tripos_tests::server::{Answer, Reply};

use crate::project;

/// A program that has the answers of the hidden tests by heart.
fn by_heart(target: &Value) -> String {
    let mut table = String::new();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    if let Some(tests) = target.get("Function") {
        for call in tests["check"]["Calls"].as_array().expect("calls") {
            let _ =
                writeln!(table, "    {:?}: {},", text(&call["arguments"]), text(&call["expected"]));
        }
        return format!("TABLE = {{\n{table}}}\n\ndef f(xs):\n    return TABLE[repr([xs])]");
    }
    for case in target["Stdio"]["cases"].as_array().expect("cases") {
        let _ = writeln!(table, "    {}: {},", case["stdin"], case["expect"]);
    }
    format!("import sys\nTABLE = {{\n{table}}}\nprint(TABLE[sys.stdin.read()], end='')")
}

#[test]
fn programs_that_are_right_pass_and_others_do_not() {
    let project = project();
    let items = project.json(&["suites", "preview", "code", "-n", "1000"])["items"].clone();
    let items = items.as_array().expect("a list");
    assert!(items.len() >= 6, "only {} items", items.len());
    let programs: HashMap<String, String> = items
        .iter()
        .map(|item| {
            let prompt = item["prompt"][0]["content"].as_str().expect("a prompt").to_owned();
            let target = item["target"].as_str().expect("a text");
            (prompt, by_heart(&serde_json::from_str(target).expect("the tests as JSON")))
        })
        .collect();
    let server = Server::start(move |asked| {
        let program = programs.get(asked.prompt()).cloned().unwrap_or_default();
        Reply::Answer(Answer::new(match asked.model() {
            "right" => format!("Here it is:\n\n```python\n{program}\n```\n"),
            // It says that all is well, and leaves before it has to show it.
            "forger" => "```python\nimport os\nprint('PASS 14 of 14')\nos._exit(0)\n```".to_owned(),
            _ => "I would rather not.".to_owned(),
        }))
    });
    let url = server.base_url();
    let models = ["right", "forger", "silent"];
    let mut config = String::new();
    for name in models {
        let _ = writeln!(config, "[models.{name}]\nrunner = \"chat\"\nbase_url = \"{url}\"");
    }
    project.write("tripos.toml", config);
    project.succeed(&[
        "run",
        "code",
        "-m",
        "right",
        "-m",
        "forger",
        "-m",
        "silent",
        "--reasoning",
        "off",
        "--limit",
        "3",
        "--name",
        "programs",
    ]);
    let shown = project.json(&["show", "programs"]);
    let trials = shown["trials"].as_array().expect("a list");
    assert_eq!(trials.len(), 18);
    for trial in trials {
        let model = trial["model"].as_str().expect("a model");
        let outcome = trial["outcome"].as_str();
        let is_right = model.starts_with("right");
        assert_eq!(outcome == Some("correct"), is_right, "{trial}");
        assert!(outcome.is_some(), "it was measured: {trial}");
    }
}
