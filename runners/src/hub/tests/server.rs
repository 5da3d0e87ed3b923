//! A hub on this machine: real TCP, one repository, and faults of the test's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::super::fetch::hex;

/// The commit of the repository.
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A request, its header names in small letters.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// How many requests came before it.
    pub(super) number: usize,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
}

/// What is sent back. The body of a `HEAD` is measured and not sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Bytes of the body after which the connection is closed.
    pub(super) cut: Option<usize>,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A server until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let stopped: Arc<AtomicBool> = Arc::default();
        let (list, stop) = (Arc::clone(&asked), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let connection = connection.expect("a connection");
                let Some(mut request) = read(&connection) else { continue };
                {
                    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
                    request.number = list.len();
                    list.push(request.clone());
                }
                // A client that leaves early is no news.
                send(&connection, &request.method, &script(&request)).ok();
            }
        });
        Self { address, asked, stopped, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The requests so far, each as method and path.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn read(connection: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    Some(Asked { number: 0, method, path, headers })
}

fn send(mut connection: &TcpStream, method: &str, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} -\r\nconnection: close\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| name == "transfer-encoding") {
        let _ = write!(head, "content-length: {}\r\n", answer.body.len());
    }
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    connection.write_all(format!("{head}\r\n").as_bytes())?;
    if method != "HEAD" {
        let sent = answer.cut.unwrap_or(answer.body.len());
        connection.write_all(&answer.body[..sent])?;
    }
    Ok(())
}

/// The files of the repository `acme/tiny`; those of weights are large ones.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// A checkpoint in one part, with files that are of no use to it.
    pub(super) fn checkpoint() -> Self {
        let file = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        let weights: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        Self {
            files: BTreeMap::from([
                file("README.md", b"# Tiny"),
                file("config.json", b"{}"),
                file("model.safetensors", &weights),
                file("original/model.safetensors", b"twice"),
                file("pytorch_model.bin", b"pickle"),
                file("tokenizer.json", b"{\"model\": 1}"),
                file("tokenizer_config.json", b"{\"a\": 1}"),
            ]),
        }
    }

    /// What the hub answers.
    pub(super) fn answer(&self, asked: &Asked) -> Answer {
        let path = asked.path.as_str();
        if path.starts_with("/api/models/acme/tiny/revision/") {
            return self.list();
        }
        let prefix = format!("/acme/tiny/resolve/{COMMIT}/");
        match path.strip_prefix(&prefix).and_then(|name| Some((name, self.files.get(name)?))) {
            Some((name, bytes)) => file(asked, name, bytes),
            None => Answer::new(404, "").header("x-error-code", "EntryNotFound"),
        }
    }

    /// The list of files.
    pub(super) fn list(&self) -> Answer {
        let files: Vec<_> =
            self.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "id": "acme/tiny", "sha": COMMIT, "siblings": files });
        Answer::new(200, body.to_string())
    }
}

/// A file as the hub sends it, or the part of it that is asked for.
pub(super) fn file(asked: &Asked, name: &str, bytes: &[u8]) -> Answer {
    let from = asked.headers.get("range").map(|range| {
        let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        from.expect("a range").parse::<usize>().expect("a number")
    });
    let mut answer = match from {
        None => Answer::new(200, bytes),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Answer::new(206, &bytes[from..]).header("content-range", range)
        }
    };
    answer = answer.header("x-repo-commit", COMMIT);
    if name.ends_with(".safetensors") {
        answer
            .header("etag", "\"a-tag-of-the-store\"")
            .header("x-linked-etag", format!("\"{}\"", sha256(bytes)))
            .header("x-linked-size", bytes.len().to_string())
    } else {
        answer.header("etag", format!("\"{}\"", git_sha1(bytes)))
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn git_sha1(bytes: &[u8]) -> String {
    let blob = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    hex(&Sha1::digest(blob))
}
