//! `tripos grade code` and the suites that ask for programs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::{Value, json};
use tripos_tests::server::{Answer, Reply};
use tripos_tests::{Project, Server};

use crate::{project, project_with};

/// A program that reads two numbers, and its cases.
fn line(id: &str, program: &str) -> Value {
    let cases = json!([{"stdin": "2 3\n", "expect": "5\n"}, {"stdin": "10 -4\n", "expect": "6\n"}]);
    json!({"id": id, "lang": "python", "program": program, "tests": {"kind": "stdio", "cases": cases}})
}

/// Grades lines; returns the exit code and what was written for each.
fn grade(project: &Project, text: impl AsRef<[u8]>, more: &[&str]) -> (Option<i32>, Vec<Value>) {
    project.write("in.jsonl", text);
    let files = ["grade", "code", "--input", "in.jsonl", "--output", "out.jsonl"];
    let ran = project.run(&[&files[..], more].concat());
    let out = project.read("out.jsonl");
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (ran.code, lines)
}

#[test]
fn every_line_has_its_verdict_in_its_place() {
    let right = "a, b = map(int, input().split())\nprint(a + b)";
    let slow = "import time\ntime.sleep(0.3)\nprint(5 if input()[0] == '2' else 6)";
    let text: String = (0..40)
        .map(|n| match n % 3 {
            0 => line(&n.to_string(), right),
            1 => line(&n.to_string(), "print(5)"),
            _ => line(&n.to_string(), if n < 6 { slow } else { "1 / 0" }),
        })
        .fold(String::new(), |text, line| text + &line.to_string() + "\n");
    for tier in ["1", "2"] {
        let (code, lines) = grade(&project(), &text, &["--tier", tier]);
        if code == Some(4) && lines.is_empty() {
            println!("skipped: tier {tier} is refused");
            continue;
        }
        assert_eq!(code, Some(0));
        assert_eq!(lines.len(), 40);
        for (n, line) in lines.iter().enumerate() {
            assert_eq!(line["id"], n.to_string());
            let expected = if n % 3 == 0 || n < 6 && n % 3 == 2 { "pass" } else { "fail" };
            assert_eq!(line["verdict"], expected, "{line}");
            assert_eq!(line["tier"].to_string(), tier);
            assert_eq!(line["integrity"], "isolated");
            let members: Vec<&String> = line.as_object().expect("an object").keys().collect();
            let expected = ["id", "verdict", "detail", "tier", "integrity", "wall_ms", "cpu_ms"];
            assert_eq!(members, expected);
        }
    }
}

#[test]
fn a_bad_line_is_an_error_of_its_own() {
    let good = line("good", "print(sum(map(int, input().split())))").to_string();
    let mut text = format!("{good}\n{{\"id\": 7}}\nno JSON\n\n{good}\n").into_bytes();
    text.extend(b"{\"id\": \"\xff\"}\n\0\n");
    text.extend(good.as_bytes());
    let (code, lines) = grade(&project(), text, &[]);
    assert_eq!(code, Some(4));
    let kinds: Vec<&str> =
        lines.iter().map(|line| line["verdict"].as_str().unwrap_or("error")).collect();
    // The blank line is left out.
    assert_eq!(kinds, ["pass", "error", "error", "pass", "error", "error", "pass"]);
    assert_eq!(lines[1]["id"], 7);
    assert_eq!(lines[2]["id"], Value::Null);
    let members: Vec<&String> = lines[1].as_object().expect("an object").keys().collect();
    assert_eq!(members, ["id", "error"]);
    assert!(lines[1]["error"].as_str().expect("text").contains("missing field"), "{}", lines[1]);
}

#[test]
fn a_language_that_is_not_here_is_not_measured_and_the_rest_is() {
    let project = project();
    let doctor = project.json(&["doctor"]);
    let languages = doctor["sandbox"]["languages"].as_array().expect("a list").clone();
    let Some(missing) = languages.iter().find(|l| l["version"].is_null()) else {
        return println!("skipped: every language is here");
    };
    let mut other = line("other", "x");
    other["lang"] = missing["language"].clone();
    let good = line("good", "print(sum(map(int, input().split())))");
    let (code, lines) = grade(&project, format!("{other}\n{good}\n"), &[]);
    assert_eq!(code, Some(4));
    assert_eq!(lines[0]["verdict"], "infra");
    assert!(lines[0]["detail"].as_str().expect("text").contains("not installed"), "{}", lines[0]);
    assert_eq!(lines[1]["verdict"], "pass");
}

#[test]
fn lines_go_through_standard_streams_a_few_at_a_time() {
    let project = project();
    let good = line("good", "print(sum(map(int, input().split())))").to_string();
    let mut command =
        project.command(&["grade", "code", "--input", "-", "--output", "-", "--jobs", "1"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    writeln!(stdin, "{good}\n{good}").expect("written");
    drop(stdin);
    let ran = project.ran(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.matches("\"verdict\":\"pass\"").count(), 2, "{}", ran.stdout);
}

/// A project in which only these programs of the machine can be found.
fn project_without_python(mut project: Project) -> Project {
    let folder = project.folder().join("bin");
    fs::create_dir(&folder).expect("a folder");
    symlink("/bin/sh", folder.join("sh")).expect("a link");
    project.set("PATH", &folder.display().to_string());
    project
}

#[test]
fn a_machine_without_python_still_runs_the_rest() {
    let project = project_without_python(project());
    let python = line("python", "print(sum(map(int, input().split())))");
    let mut shell = line("shell", "read a b\necho $((a + b))\n");
    shell["lang"] = json!("sh");
    let (code, lines) = grade(&project, format!("{python}\n{shell}\n"), &[]);
    assert_eq!(code, Some(4));
    assert_eq!(lines[0]["verdict"], "infra");
    assert_eq!(lines[0]["detail"], "no python can be run here: `python3` is not installed");
    assert_eq!(lines[1]["verdict"], "pass", "{}", lines[1]);
    let doctor = project.succeed(&["doctor"]);
    assert!(doctor.stdout.contains("python: `python3` is not installed"), "{}", doctor.stdout);
}

#[test]
fn a_run_without_python_says_so_in_one_line_and_measures_its_other_tasks() {
    let server = Server::start(|_| Reply::Answer(Answer::new("Answer: 5")));
    let project = project_without_python(project_with(&server));
    let ran = project.run(&["run", "code", "smoke", "-m", "far", "--limit", "2"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("no python can be run here").count(), 1, "{}", ran.stderr);
    let runs = project.json(&["runs"]);
    assert_eq!(runs["runs"][0]["graded"], 14, "{runs}");
    assert_eq!(runs["runs"][0]["failed"], 4, "{runs}");
}

#[test]
fn a_program_sees_nothing_of_the_environment() {
    let mut project = project();
    project.set("SBX_CANARY", "canary-4711");
    let spy = "import os\nprint(dict(os.environ))\nfor p in os.listdir('/proc'):\n    \
               for f in ('environ', 'cmdline'):\n        \
               try: print(open('/proc/%s/%s' % (p, f)).read())\n        except OSError: pass";
    let (code, lines) = grade(&project, line("spy", spy).to_string(), &[]);
    assert_eq!(code, Some(0));
    assert_eq!(lines[0]["verdict"], "fail");
    assert!(!lines[0].to_string().contains("canary-4711"), "{}", lines[0]);
}

#[test]
fn a_refused_tier_ends_with_its_reason() {
    let project = project();
    project.write("in.jsonl", line("x", "print(5)").to_string());
    let files = ["grade", "code", "--input", "in.jsonl", "--output", "out.jsonl", "--tier", "3"];
    let ran = project.run(&files);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.starts_with("error: no sandbox works here: tier 3: "), "{}", ran.stderr);
    let ran = project.run(&[&files[..], &["--unsafe-no-sandbox"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("WITHOUT ISOLATION"), "{}", ran.stderr);
    let verdict: Value = serde_json::from_str(&project.read("out.jsonl")).expect("JSON");
    assert_eq!(verdict["unsafe_no_sandbox"], true);
}

/// A suite with three functions: one whose tests can be trusted, one whose reference is wrong, one
/// whose tests test nothing.
const SUITE: &str = r#"
schema = 1
id = "mine/functions"
version = "1.0.0"
title = "Functions"
kind = "inline"
domain = "code"

[prompt]
user = "{{ item.text }}"

[grade]
kind = "function"

[[item]]
id = "add"
text = "Write add(a, b)."
[item.gold]
reference = "def add(a, b): return a + b"
stub = "def add(a, b): return None"
tests = { kind = "function", entry = "add", test = "def check(c):\n    assert c(1, 2) == 3\n" }

[[item]]
id = "wrong"
text = "Write sub(a, b)."
[item.gold]
reference = "def sub(a, b): return a + b"
stub = "def sub(a, b): return None"
tests = { kind = "function", entry = "sub", calls = [{ args = "[1, 2]", expect = "-1" }] }

[[item]]
id = "idle"
text = "Write any(a)."
[item.gold]
reference = "def one(a): return 1"
stub = "def one(a): return None"
tests = { kind = "function", entry = "one", test = "def check(c):\n    c(1)\n" }
"#;

#[test]
fn a_run_judges_programs_and_leaves_out_what_cannot_be_trusted() {
    let answer = "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```\n";
    let server = Server::start(move |_| Reply::Answer(Answer::new(answer)));
    let project = project_with(&server);
    project.write("mine.toml", SUITE);
    let ran = project.succeed(&["run", "mine.toml", "-m", "far", "--name", "mine"]);
    assert!(ran.stderr.contains("item `wrong` is left out: its own reference"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("item `idle` is left out: a program that does nothing"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.asked().len(), 1);
    let shown = project.json(&["show", "mine"]);
    let trials = shown["trials"].as_array().expect("trials").clone();
    assert_eq!(trials.len(), 1);
    assert_eq!(trials[0]["outcome"], "correct");
    let trial = project.json(&["show", trials[0]["trial"].as_str().expect("a key")]);
    let grade = &trial["listings"][0]["grade"];
    assert_eq!(grade["detail"]["run"]["verdict"], "pass", "{grade}");
    assert_eq!(grade["detail"]["run"]["integrity"], "isolated", "{grade}");
    // Whoever reads the report later is told as well, from another store too.
    let told = "2 items of run r-";
    let why = "left out, since their own tests cannot be trusted: `idle` of `mine/functions` first (a program that \
               does nothing passes).";
    let elsewhere = project.folder().join("other.db");
    let elsewhere = elsewhere.to_str().expect("a path");
    project.succeed(&["export", "mine", "-o", "run.bundle"]);
    project.succeed(&["--store", elsewhere, "import", "run.bundle"]);
    for store in [&["--store", elsewhere][..], &[]] {
        let report = project.succeed(&[store, &["report", "mine", "-o", "page.json"]].concat());
        let page = project.read("page.json");
        assert!(page.contains(told) && page.contains(why), "{page}\n{}", report.stderr);
    }
}

#[test]
fn a_run_without_isolation_says_so_in_its_report() {
    let answer = "```python\ndef add(a, b):\n    return a + b\n```\n";
    let server = Server::start(move |_| Reply::Answer(Answer::new(answer)));
    let project = project_with(&server);
    project.write("mine.toml", SUITE);
    let run = ["run", "mine.toml", "-m", "far", "--tier", "3"];
    assert_eq!(project.run(&run).code, Some(4));
    let ran = project.succeed(&[&run[..], &["--unsafe-no-sandbox", "--report", "r.md"]].concat());
    assert!(ran.stdout.contains("WITHOUT ISOLATION"), "{}", ran.stdout);
    assert!(project.read("r.md").contains("WITHOUT ISOLATION"));
}
