//! A scripted model server on loopback: real TCP, the chat wire, answers from a function of the test.
//!
//! It remembers every request, so a test can count how often each prompt was asked. It lives no longer
//! than [`LIFETIME`] and serves no more than [`CONNECTIONS_MAX`] connections at once.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a server answers; a test that needs longer is stuck.
pub const LIFETIME: Duration = Duration::from_mins(10);
/// Connections at once; one more is closed unanswered.
pub const CONNECTIONS_MAX: usize = 256;
/// The most bytes of a request's head and body.
const HEAD_BYTES_MAX: u64 = 64 << 10;
const BODY_BYTES_MAX: usize = 16 << 20;
/// Characters of one delta of a streamed answer.
const DELTA_CHARACTERS: usize = 7;

/// A request as the server understood it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many requests came before it.
    pub number: usize,
    /// How often its prompt had been asked before.
    pub repeat: usize,
    /// The value of the header `authorization`.
    pub authorization: Option<String>,
    /// The whole body.
    pub body: Value,
}

impl Asked {
    /// Returns the model asked for.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// Returns the messages, each a role and a content.
    pub fn messages(&self) -> Vec<(&str, &str)> {
        let messages = self.body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        messages.iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect()
    }

    /// Returns the last message.
    pub fn prompt(&self) -> &str {
        self.messages().last().map_or("", |(_, content)| content)
    }

    /// Returns whether a streamed answer was asked for.
    pub fn stream(&self) -> bool {
        self.body["stream"] == true
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers, streamed if that was asked for.
    Answer(Answer),
    /// Begins to answer and closes the connection half way.
    Cut(Answer),
    /// Answers with a status, headers and a body of the test's own.
    Status {
        /// The status code.
        status: u16,
        /// Headers beside the length.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Closes the connection without a word.
    Close,
    /// Says nothing until the other side leaves.
    Silence,
}

/// An answer of the model.
#[derive(Clone, Debug)]
pub struct Answer {
    text: String,
    reasoning: Option<String>,
    tokens: Option<(u64, u64, u64)>,
    finish: String,
    delay: Duration,
}

impl Answer {
    /// An answer without reasoning, complete, at once, with no tokens counted.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            reasoning: None,
            tokens: None,
            finish: "stop".to_owned(),
            delay: Duration::ZERO,
        }
    }

    /// Returns what it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds reasoning, in the field `reasoning_content`.
    #[must_use]
    pub fn reasoning(mut self, text: impl Into<String>) -> Self {
        self.reasoning = Some(text.into());
        self
    }

    /// Adds counts of tokens: of the prompt, of all output, and of the reasoning in it.
    #[must_use]
    pub fn tokens(mut self, input: u64, output: u64, reasoning: u64) -> Self {
        self.tokens = Some((input, output, reasoning));
        self
    }

    /// Changes the reason for stopping.
    #[must_use]
    pub fn finish(mut self, reason: impl Into<String>) -> Self {
        self.finish = reason.into();
        self
    }

    /// Makes the server think for so long first.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A model that knows `answers` by prompt: it reasons, unless asked not to, and counts words as tokens.
/// What it is not told it does not know.
pub fn knowing(
    answers: impl IntoIterator<Item = (String, String)>,
) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let answers: HashMap<String, String> = answers.into_iter().collect();
    move |asked| {
        let text = answers.get(asked.prompt()).map_or("I do not know.", String::as_str);
        let words = |text: &str| text.split_whitespace().count() as u64;
        let input = asked.messages().iter().map(|(_, content)| words(content)).sum();
        let answer = Answer::new(text);
        if asked.body["reasoning_effort"] == "none" {
            return Reply::Answer(answer.tokens(input, words(text), 0));
        }
        let thought = format!("I was asked this before, and the answer was: {text}");
        let output = words(text) + words(&thought);
        Reply::Answer(answer.tokens(input, output, words(&thought)).reasoning(thought))
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A server on a free port of this machine, until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    script: Box<Script>,
    state: Mutex<State>,
    stopping: Condvar,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    connections: HashMap<usize, TcpStream>,
    accepted: usize,
    stopped: bool,
}

impl Server {
    /// Starts a server that asks `script` what to do with each request.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            state: Mutex::default(),
            stopping: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        let watching = Arc::clone(&shared);
        let threads = vec![
            thread::spawn(move || accept(&listener, &accepting)),
            thread::spawn(move || {
                watching.pause(LIFETIME);
                watching.stop();
                // Wakes the thread that accepts, so that it sees it is over.
                drop(TcpStream::connect(address));
            }),
        ];
        Self { address, shared, threads }
    }

    /// Returns the base address of its API, such as `http://127.0.0.1:4711/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns every request so far, in the order in which they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Returns how often each prompt was asked so far.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for asked in &self.shared.state().asked {
            *counts.entry(asked.prompt().to_owned()).or_default() += 1;
        }
        counts
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A script that panics holds no lock; whatever is here is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `delay`, or less when the server stops. Returns whether it goes on.
    fn pause(&self, delay: Duration) -> bool {
        let waited = self.stopping.wait_timeout_while(self.state(), delay, |s| !s.stopped);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        for (_, connection) in state.connections.drain() {
            connection.shutdown(Shutdown::Both).ok();
        }
        self.stopping.notify_all();
    }

    /// Keeps a request and numbers it.
    fn record(&self, authorization: Option<String>, body: Value) -> Asked {
        let mut state = self.state();
        let mut asked = Asked { number: state.asked.len(), repeat: 0, authorization, body };
        asked.repeat = state.asked.iter().filter(|a| a.prompt() == asked.prompt()).count();
        state.asked.push(asked.clone());
        asked
    }
}

/// Serves each connection on a thread of its own, until the server stops.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        let mut state = shared.state();
        if state.stopped {
            return;
        }
        let Ok(connection) = connection else { continue };
        let Ok(handle) = connection.try_clone() else { continue };
        if state.connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        let number = state.accepted;
        state.accepted += 1;
        state.connections.insert(number, handle);
        drop(state);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // The other side leaving is no news: tests kill their clients.
            serve(&connection, &shared).ok();
            shared.state().connections.remove(&number);
            connection.shutdown(Shutdown::Both).ok();
        });
    }
}

/// Answers request after request until either side closes.
fn serve(connection: &TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader)? {
        if !request.line.starts_with("POST ") || !request.line.contains("/chat/completions ") {
            send(
                connection,
                404,
                &[],
                r#"{"error":{"message":"there is only /chat/completions"}}"#,
            )?;
            continue;
        }
        let Ok(body) = serde_json::from_slice(&request.body) else {
            send(connection, 400, &[], r#"{"error":{"message":"the body is not JSON"}}"#)?;
            continue;
        };
        let asked = shared.record(request.authorization, body);
        let goes_on = match (shared.script)(&asked) {
            Reply::Answer(answer) => {
                shared.pause(answer.delay) && {
                    send_answer(connection, &asked, &answer, false)?;
                    true
                }
            }
            Reply::Cut(answer) => {
                if shared.pause(answer.delay) {
                    send_answer(connection, &asked, &answer, true)?;
                }
                false
            }
            Reply::Status { status, headers, body } => {
                send(connection, status, &headers, &body)?;
                true
            }
            Reply::Close => false,
            Reply::Silence => {
                io::copy(&mut reader, &mut io::sink())?;
                false
            }
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

struct HttpRequest {
    line: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

/// Reads a request; none when the other side is done.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<HttpRequest>> {
    let mut head = reader.by_ref().take(HEAD_BYTES_MAX);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        if head.read_line(&mut header)? == 0 {
            return Err(invalid("the head has no end"));
        }
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(|_| invalid("no length"))?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(invalid("the body is too long"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(HttpRequest { line, authorization, body }))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn send(
    mut connection: &TcpStream,
    status: u16,
    headers: &[(String, String)],
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let mut response = format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        write!(response, "{name}: {value}\r\n").expect("writing to a string does not fail");
    }
    connection.write_all(format!("{response}\r\n{body}").as_bytes())
}

/// Sends `answer`, or half of it.
fn send_answer(
    mut connection: &TcpStream,
    asked: &Asked,
    answer: &Answer,
    cut: bool,
) -> io::Result<()> {
    if !asked.stream() {
        let body = plain(asked, answer).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes())?;
        let sent = if cut { body.len() / 2 } else { body.len() };
        return connection.write_all(&body.as_bytes()[..sent]);
    }
    connection.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    let events = events(asked, answer);
    // The last three end the answer: none of them comes when it is cut.
    let sent = if cut { events.len().saturating_sub(3) / 2 } else { events.len() };
    for event in &events[..sent] {
        let event = format!("data: {event}\n\n");
        connection.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    if cut { Ok(()) } else { connection.write_all(b"0\r\n\r\n") }
}

fn plain(asked: &Asked, answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text});
    if let Some(reasoning) = &answer.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    let mut body = json!({
        "id": format!("chatcmpl-{}", asked.number),
        "object": "chat.completion",
        "model": asked.model(),
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
    });
    if let Some(tokens) = answer.tokens {
        body["usage"] = usage(tokens);
    }
    body
}

/// The events of a streamed answer, the last of them `[DONE]`.
fn events(asked: &Asked, answer: &Answer) -> Vec<String> {
    let chunk = |choices: Value| {
        json!({
            "id": format!("chatcmpl-{}", asked.number),
            "object": "chat.completion.chunk",
            "model": asked.model(),
            "choices": choices,
        })
    };
    let choice = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}])).to_string()
    };
    let mut events = vec![choice(json!({"role": "assistant", "content": ""}), Value::Null)];
    for piece in pieces(answer.reasoning.as_deref().unwrap_or_default()) {
        events.push(choice(json!({"reasoning_content": piece}), Value::Null));
    }
    for piece in pieces(&answer.text) {
        events.push(choice(json!({"content": piece}), Value::Null));
    }
    events.push(choice(json!({}), json!(answer.finish)));
    if let Some(tokens) = answer.tokens
        && asked.body["stream_options"]["include_usage"] == true
    {
        let mut last = chunk(json!([]));
        last["usage"] = usage(tokens);
        events.push(last.to_string());
    }
    events.push("[DONE]".to_owned());
    events
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(DELTA_CHARACTERS).map(|piece| piece.iter().collect()).collect()
}

fn usage((input, output, reasoning): (u64, u64, u64)) -> Value {
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn connect(server: &Server) -> TcpStream {
        let connection = TcpStream::connect(server.address).expect("a connection");
        connection.set_read_timeout(Some(Duration::from_secs(30))).expect("a bounded wait");
        connection
    }

    fn ask(mut connection: &TcpStream, body: &Value) {
        let body = body.to_string();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {}", body.len());
        let request = format!("{head}\r\nAuthorization: Bearer k\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).expect("the request is sent");
    }

    /// Reads until `end` has come, or all there is.
    fn read_until(mut connection: &TcpStream, end: &str) -> String {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(end.as_bytes()) && connection.read(&mut byte).expect("bytes") > 0 {
            text.push(byte[0]);
        }
        String::from_utf8(text).expect("UTF-8")
    }

    fn question(prompt: &str, stream: bool) -> Value {
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": prompt}],
            "stream": stream,
            "stream_options": {"include_usage": true},
        })
    }

    #[test]
    fn answers_plain_and_streamed_on_one_connection_and_counts() {
        let server = Server::start(knowing([("2 + 2?".to_owned(), "Answer: 4".to_owned())]));
        let connection = connect(&server);
        ask(&connection, &question("2 + 2?", false));
        let plain = read_until(&connection, "}}}");
        assert!(plain.contains(r#""content":"Answer: 4""#), "{plain}");
        ask(&connection, &question("2 + 2?", true));
        let streamed = read_until(&connection, "0\r\n\r\n");
        assert!(streamed.contains(r#"{"content":"Answer:"}"#), "{streamed}");
        assert!(streamed.contains(r#""finish_reason":"stop""#), "{streamed}");
        assert!(streamed.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{streamed}");
        ask(&connection, &question("why?", true));
        assert!(read_until(&connection, "0\r\n\r\n").contains("I do no"));
        assert_eq!(
            server.counts(),
            BTreeMap::from([("2 + 2?".to_owned(), 2), ("why?".to_owned(), 1)])
        );
        let asked = &server.asked()[1];
        assert_eq!((asked.number, asked.repeat, asked.model(), asked.stream()), (1, 1, "m", true));
        assert_eq!(asked.authorization.as_deref(), Some("Bearer k"));
    }

    #[test]
    fn a_cut_answer_never_ends() {
        let server = Server::start(|asked| match asked.number {
            0 => Reply::Close,
            1 => Reply::Status { status: 503, headers: Vec::new(), body: "busy".to_owned() },
            _ => Reply::Cut(Answer::new("a rather long answer").tokens(1, 2, 0)),
        });
        let mut ends = Vec::new();
        for stream in [false, false, false, true] {
            let connection = connect(&server);
            ask(&connection, &question("go", stream));
            // Lets the server close after it has answered; it may have closed already.
            connection.shutdown(Shutdown::Write).ok();
            ends.push(read_until(&connection, "never"));
        }
        assert_eq!(ends[0], "");
        assert_eq!(ends[1], "HTTP/1.1 503 -\r\ncontent-length: 4\r\n\r\nbusy");
        assert!(ends[2].contains("200 OK") && !ends[2].contains("usage"), "{}", ends[2]);
        assert!(!ends[3].contains(r#""finish_reason":"stop""#), "{}", ends[3]);
        assert!(!ends[3].ends_with("0\r\n\r\n"), "{}", ends[3]);
    }

    #[test]
    fn stopping_waits_for_nobody() {
        let slow = Duration::from_mins(5);
        let server = Server::start(move |asked| match asked.number {
            0 => Reply::Silence,
            _ => Reply::Answer(Answer::new("late").after(slow)),
        });
        let connections = [connect(&server), connect(&server)];
        for connection in &connections {
            ask(connection, &question("go", false));
        }
        let started = Instant::now();
        while server.asked().len() < 2 {
            thread::yield_now();
            assert!(started.elapsed() < Duration::from_secs(30), "the requests never came");
        }
        drop(server);
        for connection in &connections {
            assert_eq!(read_until(connection, "never"), "");
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_no_question_is_told_so() {
        let server = Server::start(|_| Reply::Close);
        let mut connection = connect(&server);
        connection.write_all(b"GET /v1/models HTTP/1.1\r\n\r\n").expect("the request is sent");
        assert!(read_until(&connection, "}}").starts_with("HTTP/1.1 404 "));
        let text = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1\r\n\r\n{";
        connection.write_all(text).expect("the request is sent");
        assert!(read_until(&connection, "}}").starts_with("HTTP/1.1 400 "));
        assert!(server.asked().is_empty());
    }
}
