//! `tripos grade math` and suites whose gold is an expression.

use serde_json::{Value, json};
use tripos_tests::server::{Answer, Reply};
use tripos_tests::{Project, Server};

use crate::{project, project_with};

const FILES: &[&str] = &["grade", "math", "--input", "in.jsonl", "--output", "out.jsonl"];

fn verdicts(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Lines of every kind: right, wrong, undecided, whole completions, and what cannot be read.
fn lines(count: usize) -> String {
    let line = |n: usize| match n % 7 {
        0 => json!({"id": n, "gold": "\\frac{1}{2}", "answer": "0.5"}).to_string(),
        1 => json!({"id": n, "gold": "x^2-1", "answer": "(x-1)(x+1)"}).to_string(),
        2 => json!({"id": n, "gold": "2", "response": format!("So \\boxed{{{n}}}.")}).to_string(),
        3 => json!({"id": n, "gold": "9^{9^{9^9}}", "answer": "3^{9^9}"}).to_string(),
        4 => json!({"id": n, "gold": "1", "response": "Hm."}).to_string(),
        5 => json!({"id": n, "answer": "1"}).to_string(),
        _ => format!("{{\"id\": {n}, \"gold\": \"\u{0}\"}}"),
    };
    (0..count).map(|n| line(n) + "\n").collect()
}

#[test]
fn verdicts_stand_in_the_order_of_the_lines_at_any_number_of_threads() {
    let project = project();
    project.write("in.jsonl", lines(9_000));
    let mut outputs = Vec::new();
    for threads in ["1", "2", "5"] {
        let ran = project.run(&[FILES, &["--threads", threads]].concat());
        assert_eq!(ran.code, Some(4), "{}", ran.stderr);
        let said =
            "error: 2,570 of 9,000 lines could not be graded; the first is line 6: no `gold`\n";
        assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
        outputs.push(project.read("out.jsonl"));
    }
    assert!(outputs.iter().all(|output| *output == outputs[0]), "threads change the output");
    let verdicts = verdicts(&outputs[0]);
    assert_eq!(verdicts.len(), 9_000);
    for (n, line) in verdicts.iter().enumerate() {
        let expected = ["equal", "equal", "not_equal", "unknown", "not_equal"].get(n % 7);
        let expected = if n == 2 { Some(&"equal") } else { expected };
        assert_eq!(line["verdict"].as_str(), expected.copied(), "{line}");
        if n % 7 != 6 {
            assert_eq!(line["id"], n);
        }
        assert_eq!(line["error"].is_string(), expected.is_none(), "{line}");
    }
}

#[test]
fn a_grade_says_how_it_came_about() {
    let project = project();
    let response = "<think>\\boxed{1}</think>Thus \\boxed{300 \\text{ inches}}.";
    let line = json!({"id": "a", "gold": "25 \\mathrm{ft}", "response": response});
    project.write("in.jsonl", line.to_string());
    let ran = project.succeed(&["grade", "math", "--input", "in.jsonl", "--output", "-"]);
    let verdict = &verdicts(&ran.stdout)[0];
    let steps = verdict["steps"].as_u64().expect("a count");
    assert_eq!(
        *verdict,
        json!({
            "id": "a", "verdict": "equal", "extracted": "300 \\text{ inches}", "method": "exact",
            "reason": null, "extraction": "box", "rules": ["unit_conversion"], "steps": steps,
        })
    );
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let project = project();
    let missing = project.run(FILES);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.starts_with("error: cannot read `in.jsonl`"), "{}", missing.stderr);
    project.write("in.jsonl", lines(3));
    let same = ["grade", "math", "--input", "in.jsonl", "--output", "./in.jsonl"];
    let same = project.run(&same);
    assert_eq!(same.code, Some(2));
    assert!(same.stderr.contains("is both the input and the output"), "{}", same.stderr);
    assert_eq!(project.read("in.jsonl"), lines(3), "nothing is lost");
}

const SUITE: &str = r#"
schema = 1
id = "mine/algebra"
version = "1.0.0"
title = "Algebra"
kind = "inline"
domain = "math"

[prompt]
user = "{{ item.text }}"

[grade]
kind = "expression"
ordered = true

[[item]]
id = "factor"
text = "Factor x^2 - 1."
gold = "(x-1)(x+1)"

[[item]]
id = "list"
text = "List them."
gold = "1,2"
"#;

fn answers(project: &Project) -> Vec<(String, String)> {
    let shown = project.json(&["show", "one"]);
    let trials = shown["trials"].as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    trials.iter().map(|trial| (text(&trial["item"]), text(&trial["outcome"]))).collect()
}

#[test]
fn a_suite_grades_by_expressions_with_its_options() {
    let server = Server::start(|asked| {
        let prompt = asked.body["messages"].to_string();
        let answer = if prompt.contains("Factor") { "\\boxed{(1+x)(x-1)}" } else { "\\boxed{2,1}" };
        Reply::Answer(Answer::new(answer))
    });
    let project = project_with(&server);
    project.write("algebra.toml", SUITE);
    project.succeed(&["run", "algebra.toml", "-m", "far", "--name", "one"]);
    let expected = [("factor", "correct"), ("list", "incorrect")];
    assert_eq!(answers(&project), expected.map(|(item, is)| (item.to_owned(), is.to_owned())));
    assert_eq!(project.succeed(&["regrade", "one"]).stdout, "0 of 2 verdicts changed\n");
}
