//! The shell steps of `action.yml` and the commands of the GitLab job, run as a runner would run them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tripos_tests::Project;

use crate::project;

const POLICY: &str = "schema = 1\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                      kind = \"non_inferior\"\nmargin = 0.5\n";
const RUN: [&str; 8] =
    ["run", "smoke/modular", "-m", "tiny", "--reasoning", "off", "--limit", "20"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A project with a policy and a pinned baseline.
fn pinned() -> Project {
    let project = project();
    project.write("gate.toml", POLICY);
    project.succeed(&[&RUN[..], &["--name", "base"]].concat());
    project.succeed(&["baseline", "export", "base", "-o", "baseline.json"]);
    project
}

/// Runs one step of the action in the project.
fn step(project: &Project, script: &str, variables: &[(&str, &str)]) -> Output {
    let folder = project.folder();
    let path = std::env::var("PATH").expect("a path");
    let mut command = Command::new("bash");
    command
        .arg(root().join("action").join(script))
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}/temp/tripos/bin:{path}", folder.display()))
        .env("RUNNER_TEMP", folder.join("temp"))
        .env("GITHUB_ACTION_PATH", root());
    for file in ["GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        command.env(file, folder.join(file));
    }
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command.output().expect("bash starts")
}

fn installed(project: &Project) {
    let binary = env!("CARGO_BIN_EXE_tripos-under-test");
    let output = step(project, "install.sh", &[("TRIPOS_BINARY", binary)]);
    assert!(output.status.success(), "{output:?}");
    assert!(project.read("GITHUB_PATH").ends_with("temp/tripos/bin\n"));
}

const GATE: [(&str, &str); 5] = [
    ("TRIPOS_SUITE", "smoke/modular"),
    ("TRIPOS_MODEL", "tiny"),
    ("TRIPOS_BASELINE", "baseline.json"),
    ("TRIPOS_POLICY", "gate.toml"),
    ("TRIPOS_ARGUMENTS", "--reasoning off --limit 20 --seed 2"),
];

#[test]
fn a_binary_that_is_not_there_is_named() {
    let output = step(&project(), "install.sh", &[("TRIPOS_BINARY", "nowhere/tripos")]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("::error title=Tripos gate::there is no program at"), "{said}");
}

#[test]
fn the_steps_install_run_gate_and_write_the_summary() {
    let project = pinned();
    installed(&project);
    let output = step(&project, "gate.sh", &GATE);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(project.read("GITHUB_OUTPUT"), "verdict=pass\ncode=0\n");
    assert!(project.read("GITHUB_STEP_SUMMARY").starts_with("<!-- tripos-gate -->\n## PASS"));
    for file in ["report.html", "gate.xml", "gate.json", "summary.md", "comment.md"] {
        assert!(project.folder().join("tripos-gate").join(file).exists(), "{file}");
    }
}

#[test]
fn what_cannot_be_judged_is_annotated_and_its_code_handed_on() {
    let project = pinned();
    installed(&project);
    project.write("gate.toml", POLICY.replace("0.5", "50"));
    let output = step(&project, "gate.sh", &GATE);
    assert_eq!(project.read("GITHUB_OUTPUT"), "code=2\n");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("::error title=Tripos gate::error: `gate.toml` line 6: margin is 50"),
        "{said}"
    );
}

/// One request that a host of repositories was sent.
struct Sent {
    line: String,
    body: String,
}

/// A host that has `comments` and takes `requests` requests.
fn host(comments: &str, requests: usize) -> (String, mpsc::Receiver<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let page = comments.replace("HOST", &address);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(requests) {
            let Ok(sent) = serve(stream.expect("a connection"), &page) else { return };
            if sender.send(sent).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

fn serve(mut stream: TcpStream, page: &str) -> std::io::Result<Sent> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = if line.starts_with("GET") { page } else { "{}" };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    Ok(Sent { line, body: String::from_utf8_lossy(&body).into_owned() })
}

#[test]
fn one_comment_is_posted_and_then_updated() {
    let project = project();
    project.write("tripos-gate/comment.md", "<!-- tripos-gate -->\n## PASS: \"quoted\"\n");
    let others = "[{\"url\": \"HOST/other\", \"body\": \"hello\"}]";
    let ours = "[{\"url\": \"HOST/other\", \"body\": null}, \
                {\"url\": \"HOST/ours\", \"body\": \"<!-- tripos-gate -->\\nold\"}]";
    for (comments, wanted) in
        [(others, "POST /repos/me/it/issues/7/comments "), (ours, "PATCH /ours ")]
    {
        let (address, sent) = host(comments, 2);
        let variables = [
            ("GITHUB_API_URL", address.as_str()),
            ("GITHUB_REPOSITORY", "me/it"),
            ("PULL_REQUEST", "7"),
            ("GITHUB_TOKEN", "t"),
        ];
        let output = step(&project, "comment.sh", &variables);
        assert!(output.status.success(), "{output:?}");
        let sent: Vec<Sent> = sent.iter().take(2).collect();
        assert!(sent[0].line.starts_with("GET /repos/me/it/issues/7/comments?"));
        assert!(sent[1].line.starts_with(wanted), "{}", sent[1].line);
        let body: Value = serde_json::from_str(&sent[1].body).expect("it is JSON");
        assert_eq!(body["body"], project.read("tripos-gate/comment.md"));
    }
}

#[test]
fn every_step_of_the_action_is_one_of_the_scripts() {
    let action = fs::read_to_string(root().join("action.yml")).expect("the action");
    for script in ["install.sh", "gate.sh", "comment.sh"] {
        assert!(action.contains(&format!("run: bash \"$GITHUB_ACTION_PATH/action/{script}\"")));
    }
    assert_eq!(action.matches("run: ").count(), 4, "three scripts, and the exit code");
}

#[test]
fn the_commands_of_the_gitlab_job_pass() {
    let project = pinned();
    installed(&project);
    let job = fs::read_to_string(root().join("action/gitlab.yml")).expect("the job");
    let commands: Vec<&str> = job
        .lines()
        .filter_map(|line| line.strip_prefix("    - "))
        .filter(|c| c.contains(' '))
        .collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let script = commands.join("\n").replace("--name", "--reasoning off --limit 20 --name");
    let path = std::env::var("PATH").expect("a path");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(project.folder())
        .env_clear()
        .env("PATH", format!("{}/temp/tripos/bin:{path}", project.folder().display()))
        .envs(GATE)
        .env("CI_JOB_ID", "3")
        .output()
        .expect("bash starts");
    assert!(output.status.success(), "{output:?}");
    assert!(project.read("tripos-gate/gate.xml").contains("failures=\"0\""));
}
