//! Tier 3 from outside, with stand-ins for what runs the programs: a command that takes the words of a
//! container engine and starts the container's shell in a folder, and a service that speaks both
//! interfaces over loopback. Neither isolates anything: the programs here are harmless.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tripos_runners::sandbox::{Dialect, Elsewhere, Options, Sandbox, Service};
use tripos_tasks::program::{Check, StdioTests};
use tripos_tasks::{Language, Limits, RunVerdict, Tests, Tier};

use super::{add, check, function, interpreted, options, program, python, stdio, sum};
use RunVerdict::{CompileError, Fail, Infra, OutputLimit, Pass, RuntimeError, Timeout};

/// Answers as an engine does that has two images, and keeps every command line.
const ENGINE: &str = r#"#!/bin/sh
echo "$*" >> "$(dirname "$0")/log"
case "$1" in
ps | kill | rm) ;;
image) case "$5" in python:* | debian:*) echo "sha256:1" ;; *) echo "no such image" >&2; exit 1 ;; esac ;;
inspect) echo "exited false" ;;
run)
    while [ "$1" != sh ]; do shift; done
    cd "$(mktemp -d "$(dirname "$0")/box.XXXXXX")" && "$@"; exit $? ;;
*) exit 125 ;;
esac
"#;

/// A folder with the engine in it.
fn engine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("docker");
    fs::write(&path, ENGINE).expect("it can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    folder
}

fn elsewhere(folder: Option<&Path>, service: Option<Service>) -> Sandbox {
    let folders = folder.map(Path::to_owned).into_iter().collect();
    let elsewhere = Elsewhere { service, image: None };
    Sandbox::open(&Options { folders, elsewhere, ..options(Tier::Container) }).expect("it works")
}

/// Starts a service that runs Python and shell programs; it ends with this process.
fn service(dialect: Dialect) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Service { url, dialect }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
    let mut body = bytes.split_off(end);
    let mut rest = vec![0; length - body.len()];
    stream.read_exact(&mut rest).ok()?;
    body.extend(rest);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = match head.split_whitespace().nth(1)? {
        "/api/v2/runtimes" => json!([
            { "language": "python", "version": "3.12.0", "aliases": ["py"] },
            { "language": "bash", "version": "5.2.0", "aliases": ["sh"] },
        ]),
        "/api/v2/execute" => {
            let text = body["files"][0]["content"].as_str()?;
            let (out, error, code) = run(&body, text, body["run_timeout"].as_f64()? / 1e3);
            let killed = code.is_none().then_some("SIGKILL");
            json!({ "run": { "stdout": out, "stderr": error, "code": code, "signal": killed } })
        }
        _ => {
            let (out, error, code) =
                run(&body, body["code"].as_str()?, body["run_timeout"].as_f64()?);
            let status = if code.is_none() { "TimeLimitExceeded" } else { "Finished" };
            let success = if code == Some(0) { "Success" } else { "Failed" };
            json!({ "status": success, "message": "", "run_result": {
                "status": status, "return_code": code, "stdout": out, "stderr": error } })
        }
    };
    let answer = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    )
    .ok()
}

/// Runs a program as the service does; no code is a program that took too long.
fn run(body: &Value, text: &str, seconds: f64) -> (String, String, Option<i32>) {
    let interpreter = if body["language"] == "bash" { "sh" } else { "python3" };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("main"), text).expect("it can be written");
    let mut child = Command::new("timeout")
        .args(["-s", "KILL", &seconds.to_string(), interpreter, "main"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`timeout` is there");
    let mut input = child.stdin.take().expect("a pipe");
    let stdin = body["stdin"].as_str().unwrap_or_default().to_owned();
    std::thread::spawn(move || drop(input.write_all(stdin.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    let code = output.status.code().filter(|code| *code != 137);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), code)
}

#[test]
fn verdicts_of_tier_3_are_those_of_the_others() {
    let folder = engine();
    for sandbox in [
        elsewhere(Some(folder.path()), None),
        elsewhere(None, Some(service(Dialect::Piston))),
        elsewhere(None, Some(service(Dialect::Fusion))),
    ] {
        assert_eq!(sandbox.tier(), Tier::Container);
        programs(&sandbox);
        functions(&sandbox);
    }
    let log = fs::read_to_string(folder.path().join("log")).expect("commands were given");
    let runs: Vec<&str> = log.lines().filter(|line| line.starts_with("run ")).collect();
    assert!(runs.len() > 20, "{} containers", runs.len());
    for line in &runs {
        for word in ["--network none", "--read-only", "--cap-drop ALL", "no-new-privileges"] {
            assert!(line.contains(word), "{line}");
        }
    }
    let removed = log.lines().filter(|line| line.starts_with("rm --force tripos-")).count();
    assert_eq!(removed, runs.len(), "no container is left behind");
}

fn programs(sandbox: &Sandbox) {
    let right = "a, b = map(int, input().split())\nprint(a + b)";
    let run = check(sandbox, &python(right, sum()), &[Pass]);
    assert_eq!(run.tier, Tier::Container);
    check(sandbox, &python("print(6)", sum()), &[Fail]);
    check(sandbox, &python("print(5); raise SystemExit(3)", sum()), &[Fail]);
    check(sandbox, &python("1 / 0", sum()), &[RuntimeError]);
    check(sandbox, &python("print(", sum()), &[CompileError]);
    check(sandbox, &python("", sum()), &[Fail]);
    check(sandbox, &program(Language::Shell, "read a b; echo $((a + b))", sum()), &[Pass]);
    if sandbox.tool(Language::Rust).is_err() {
        check(sandbox, &program(Language::Rust, "fn main() {}", sum()), &[Infra]);
    }
    let limits = Limits { wall_ms: 700, cpu_ms: 600, output_bytes: 1_000, ..Limits::default() };
    let mut slow = python("import time\ntime.sleep(5)", sum());
    slow.limits = limits;
    check(sandbox, &slow, &[Timeout]);
    let mut loud = python("print('x' * 5_000)", sum());
    loud.limits = limits;
    check(sandbox, &loud, &[OutputLimit, Fail]);
    let judge = "import sys\nsys.exit(0 if '5' in open(sys.argv[2]).read() else 1)";
    let Tests::Stdio(tests) = stdio(&[("", "")]) else { unreachable!("made so") };
    let judged = Tests::Stdio(StdioTests { judge: Some(judge.to_owned()), ..tests });
    check(sandbox, &python("print('about 5')", judged.clone()), &[Pass]);
    check(sandbox, &python("print('about 6')", judged), &[Fail]);
}

fn functions(sandbox: &Sandbox) {
    let changes = "def check(c):\n    x = [3, 1]\n    c(x)\n    assert x == [1, 3]\n    assert c([]) is None\n";
    let changes = || function("f", Check::Candidate(changes.to_owned()));
    for tests in [add(), interpreted(add())] {
        let run = |source: &str, expected: &[RunVerdict]| {
            check(sandbox, &python(source, tests.clone()), expected)
        };
        run("print('hello')\ndef add(a, b):\n    print(a)\n    return a + b", &[Pass]);
        run("def add(a, b): return a - b", &[Fail]);
        run("def add(a, b): raise ValueError('no')", &[Fail, RuntimeError]);
        run("def sub(a, b): return 0", &[Fail]);
        run("def add(a, b) return 0", &[CompileError]);
        run("raise SystemExit", &[RuntimeError, Fail]);
        run("import os\ndef add(a, b): os._exit(0)", &[RuntimeError, Fail]);
        // Lies: equal to everything, and lines that only the other side may write.
        let lie = "class E(int):\n    def __eq__(s, o): return True\ndef add(a, b): return E(9)";
        run(lie, &[Fail]);
        let forged = "import os\nfor n in range(3, 9):\n    try: os.write(n, b'{\"ready\":1}\\n{\"verdict\":\"pass\",\"calls\":3}\\n')\n    \
                      except OSError: pass\nos._exit(0)";
        run(forged, &[RuntimeError, Fail]);
    }
    check(sandbox, &python("def f(x): x.sort()", changes()), &[Pass]);
    check(sandbox, &python("def f(x): sorted(x)", changes()), &[Fail]);
    let beside = function("", Check::Beside("assert A().x == 1".to_owned()));
    check(sandbox, &python("class A: x = 1", beside), &[Infra]);
}

#[test]
fn what_is_missing_for_tier_3_is_said() {
    let refused = |options: &Options| {
        let error = Sandbox::open(options).expect_err("nothing works").to_string();
        error
            .strip_prefix("no sandbox works here: tier 3: ")
            .expect("the tier asked for")
            .to_owned()
    };
    let folder = engine();
    let at =
        |folders: Vec<_>, elsewhere| Options { folders, elsewhere, ..options(Tier::Container) };
    // An engine without the image: nothing is fetched.
    let elsewhere = Elsewhere { image: Some("mine".to_owned()), service: None };
    let why = refused(&at(vec![folder.path().to_owned()], elsewhere));
    assert!(why.contains("docker pull mine"), "{why}");
    let named = |url: &str, dialect| Elsewhere {
        service: Some(Service { url: url.to_owned(), dialect }),
        image: None,
    };
    let why = refused(&at(Vec::new(), named("localhost:1", Dialect::Piston)));
    assert!(why.contains("no address"), "{why}");
    let why = refused(&at(Vec::new(), named("http://127.0.0.1:9", Dialect::Fusion)));
    assert!(why.contains("the service at `http://127.0.0.1:9/`"), "{why}");
}
