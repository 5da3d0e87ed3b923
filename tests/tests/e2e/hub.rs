//! A model from a hub: pulled once, run, and found again without asking.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tripos_tests::Project;

use crate::{fixture, project};

const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";
const TOKEN: &str = "hf_abcdefghijklmnop";

/// A hub on this machine that has the fixture as `acme/tiny`, for those with the token.
struct Hub {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let stopped: Arc<AtomicBool> = Arc::default();
        let (list, stop) = (Arc::clone(&asked), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                // A client that leaves is no news.
                let connection = connection.expect("a connection");
                if let Some(line) = serve(&connection) {
                    list.lock().expect("no panic").push(line);
                }
            }
        });
        Self { address, asked, stopped, thread: Some(thread) }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Answers one request and returns its method and path.
fn serve(mut connection: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    let (method, path) = first.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let known = head.iter().any(|line| *line == format!("authorization: Bearer {TOKEN}"));
    let resolve = format!("/acme/tiny/resolve/{COMMIT}/");
    let (status, headers, body) = if !known {
        (401, "x-error-code: GatedRepo\r\n".to_owned(), Vec::new())
    } else if let Some(name) = path.strip_prefix(&resolve) {
        let bytes = fs::read(fixture().join(name)).expect("a file of the fixture");
        let tag = tag(name, &bytes);
        (200, format!("{tag}x-repo-commit: {COMMIT}\r\n"), bytes)
    } else if path == "/api/models/acme/tiny/revision/main" {
        (200, String::new(), listing())
    } else {
        (404, "x-error-code: RevisionNotFound\r\n".to_owned(), Vec::new())
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    connection.write_all(head.as_bytes()).ok()?;
    if method == "GET" {
        connection.write_all(&body).ok()?;
    }
    Some(format!("{method} {path}"))
}

fn listing() -> Vec<u8> {
    let files = fs::read_dir(fixture()).expect("the fixture").map(
        |entry| json!({ "rfilename": entry.expect("an entry").file_name().to_string_lossy() }),
    );
    json!({ "sha": COMMIT, "siblings": files.collect::<Vec<_>>() }).to_string().into_bytes()
}

/// The headers with a file's digest.
fn tag(name: &str, bytes: &[u8]) -> String {
    if name == "model.safetensors" {
        let (digest, size) = (hex(&Sha256::digest(bytes)), bytes.len());
        return format!("x-linked-etag: \"{digest}\"\r\nx-linked-size: {size}\r\n");
    }
    let blob = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    format!("etag: \"{}\"\r\n", hex(&Sha1::digest(blob)))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text can be longer");
    }
    text
}

/// A project that pulls from `hub` into a folder of its own.
fn project_at(hub: &Hub) -> Project {
    let mut project = project();
    let home = project.folder().join("hf").display().to_string();
    project.set("HF_HOME", &home);
    project.set("HF_ENDPOINT", &format!("http://{}", hub.address));
    project
}

#[test]
fn a_model_on_a_hub_is_pulled_and_run() {
    let hub = Hub::start();
    let mut project = project_at(&hub);
    project.write("hf/token", format!("{TOKEN}\n"));
    let run = |name: &str| {
        let model = format!("hf:{name}");
        let asked = ["--limit", "1", "--max-tokens", "4", "--reasoning", "off", "--name", "hub"];
        ["run", "smoke", "-m", &model].iter().chain(&asked).map(|&a| a.to_owned()).collect()
    };
    let first: Vec<String> = run("acme/tiny@main");
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let ran = project.succeed(&first);
    project.succeed(&["baseline", "export", "hub/acme/tiny@main+nothink", "-o", "arm.json"]);
    let pulled = "acme/tiny@main: commit 89abcdef0123, 6 files, 1.1 MB, pulled in";
    assert!(ran.stderr.contains(pulled), "{}", ran.stderr);
    assert!(!ran.stderr.contains(TOKEN) && !ran.stdout.contains(TOKEN));
    assert_eq!(hub.asked().len(), 13, "a list, HEAD and GET of six files: {:?}", hub.asked());
    let again = project.succeed(&first);
    assert!(again.stderr.contains("commit 89abcdef0123, from the cache"), "{}", again.stderr);
    assert!(again.stderr.contains("new trials: 0;"), "{}", again.stderr);
    assert_eq!(hub.asked()[13..], ["GET /api/models/acme/tiny/revision/main"]);
    let pinned: Vec<String> = run(&format!("acme/tiny@{COMMIT}"));
    project.succeed(&pinned.iter().map(String::as_str).collect::<Vec<_>>());
    project.set("HF_HUB_OFFLINE", "1");
    project.succeed(&first);
    assert_eq!(hub.asked().len(), 14, "neither a pinned commit nor offline asks anything");
}

#[test]
fn what_a_hub_refuses_is_said_with_what_to_do() {
    let hub = Hub::start();
    let mut project = project_at(&hub);
    let gated = project.run(&["run", "smoke", "-m", "hf:acme/tiny"]);
    assert_eq!(gated.code, Some(4));
    let said = "error: `acme/tiny@main` is gated: its terms are accepted at \
                `http://127.0.0.1:[PORT]/acme/tiny`\nhint: accept them there, then set `HF_TOKEN` \
                to a token of that account\n";
    assert_eq!(gated.stderr, said);
    project.set("HF_TOKEN", TOKEN);
    let missing = project.run(&["run", "smoke", "-m", "hf:acme/tiny@none"]);
    assert_eq!(missing.code, Some(2));
    let said = "error: `acme/tiny@none`: the repository has no such revision\n";
    assert_eq!(missing.stderr, said);
    let wrong = project.run(&["models", "check", "hf:acme"]);
    assert_eq!(wrong.code, Some(2));
    let said = "error: `hf:acme` names nothing on a hub\n  caused by: a repository is `ORG/NAME`\n";
    assert!(wrong.stderr.starts_with(said), "{}", wrong.stderr);
    assert!(!project.store().exists(), "nothing is kept of a run that cannot start");
}
