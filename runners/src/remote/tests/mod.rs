//! The runner against real connections: each way an answer can come, and each way it can fail.

pub(super) mod fixtures;
mod server;

use std::net::TcpListener;
use std::time::Duration;

use reqwest::dns::{Name, Resolve, Resolving};
use serde_json::{Value, json};
use tripos_tasks::{Message, ReasoningLevel, Sampling};

use self::fixtures::FIXTURES;
use self::server::{Server, Step};
use super::*;
use crate::completion::{Billed, Finish, ReasoningKind, UsageSource};
use crate::runner::Want;

const KEY: &str = "tk-0123456789-abcdefghij";

fn endpoint(base_url: String, stream: bool) -> ChatEndpoint {
    ChatEndpoint {
        base_url,
        model: "m".to_owned(),
        key: Some(ApiKey { variable: "MY_KEY".to_owned(), secret: KEY.into() }),
        extra: serde_json::Map::new(),
        think_tags: Some(("<think>".to_owned(), "</think>".to_owned())),
        stream,
        concurrency: 4,
    }
}

fn sampling() -> Sampling {
    Sampling {
        max_tokens: 100,
        temperature: 0.5,
        top_p: 1.0,
        stop: vec!["END".to_owned()],
        reasoning: ReasoningLevel::Auto,
    }
}

fn request() -> Request {
    Request {
        conversation: vec![Message::user("2 + 2?")],
        want: Want::Text,
        sampling: sampling(),
        seed: u64::MAX,
    }
}

/// A whole response with a body of known length.
fn response(status: &str, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n");
    vec![Step::Send(format!("{head}{body}").into_bytes())]
}

/// The head of a response whose body ends with the connection.
fn open_response(body: &str) -> Step {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Step::Send(format!("{head}{body}").into_bytes())
}

fn ok(body: &Value) -> Vec<Step> {
    response("200 OK", "content-type: application/json\r\n", &body.to_string())
}

type Asked = Result<Completion, RunnerError>;

/// Asks once, with the runner changed by `tune`; returns what came of it and the request.
async fn ask(
    reply: Vec<Step>,
    stream: bool,
    tune: impl FnOnce(&mut RemoteRunner),
) -> (Asked, String) {
    let server = Server::start(vec![reply]);
    let mut runner = open(&endpoint(server.base_url(), stream)).expect("a runner");
    tune(&mut runner);
    let asked = runner.complete(&request()).await;
    (asked, server.requests().await.remove(0))
}

async fn answer(reply: Vec<Step>) -> Completion {
    ask(reply, false, |_| ()).await.0.expect("an answer")
}

#[track_caller]
fn check_error(asked: Asked, kind: ErrorKind, billed: Billed, retry: Retry) -> RunnerError {
    let error = asked.expect_err("no answer");
    assert_eq!((error.kind, error.billed, error.retry), (kind, billed, retry), "{error}");
    error
}

#[tokio::test]
async fn every_status_becomes_its_kind_of_failure() {
    use Billed::{No, Possibly};
    use ErrorKind::{Configuration, Overloaded, Quota, Server as Failing, Unauthorised};
    use Retry::{After, Never, StopModel};
    let seconds = |s| After(Some(Duration::from_secs(s)));
    let cases = [
        ("401 Unauthorized", "", Unauthorised, No, StopModel),
        ("403 Forbidden", "", Unauthorised, No, StopModel),
        ("404 Not Found", "", Configuration, No, Never),
        ("402 Payment Required", "", Quota, No, StopModel),
        ("429 Too Many Requests", "", Overloaded, No, After(None)),
        ("429 Too Many Requests", "retry-after: 7\r\n", Overloaded, No, seconds(7)),
        (
            "429 Too Many Requests",
            "Retry-After-Ms: 3000\r\nRetry-After: 9\r\n",
            Overloaded,
            No,
            seconds(3),
        ),
        (
            "429 Too Many Requests",
            "retry-after: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
            Overloaded,
            No,
            seconds(0),
        ),
        ("429 Too Many Requests", "retry-after: 86400\r\n", Overloaded, No, StopModel),
        ("500 Internal Server Error", "", Failing, No, After(None)),
        ("503 Service Unavailable", "retry-after: 2\r\n", Failing, No, seconds(2)),
        ("504 Gateway Timeout", "", Failing, Possibly, After(None)),
    ];
    for (status, headers, kind, billed, retry) in cases {
        let reply = response(status, headers, r#"{"error":{"message":"the reason"}}"#);
        let error = check_error(ask(reply, false, |_| ()).await.0, kind, billed, retry);
        let message = error.to_string();
        assert!(message.contains(&status[..3]) && message.contains("the reason"), "{message}");
        assert_eq!(error.raw.body, br#"{"error":{"message":"the reason"}}"#);
        assert_eq!(error.raw.status.map(|s| s.to_string()).as_deref(), Some(&status[..3]));
    }
}

#[tokio::test]
async fn a_full_context_and_a_withheld_answer_are_completed() {
    let cases = [
        (json!({"error": {"message": "m", "code": "context_length_exceeded"}}), Finish::Context),
        (json!({"message": "This model's maximum context length is 10 tokens."}), Finish::Context),
        (
            json!({"error": {"message": "m", "code": "content_policy_violation"}}),
            Finish::ContentFilter,
        ),
    ];
    for (body, finish) in cases {
        let completion = answer(response("400 Bad Request", "", &body.to_string())).await;
        assert_eq!((completion.finish, completion.text.as_str()), (finish, ""));
        assert_eq!(completion.usage.source, UsageSource::Missing);
        assert_eq!(completion.raw.status, Some(400));
        assert_eq!(completion.raw.body, body.to_string().into_bytes());
    }
}

#[tokio::test]
async fn a_body_that_is_no_answer_may_be_billed_and_is_asked_for_again() {
    use ErrorKind::{Cut, Malformed, Overloaded};
    let again = Retry::After(None);
    let cases = [
        ("", Malformed),
        ("  \n\n", Malformed),
        ("<html><body>Welcome</body></html>", Malformed),
        ("{}", Malformed),
        (r#"{"choices":[]}"#, Malformed),
        (r#"{"choices":"4"}"#, Malformed),
        (r#"[{"choices":[]}]"#, Malformed),
        (r#"{"choices":[{"message":{"content":"4"#, Cut),
        (r#"{"choices":[{"message":{"content":"4"}}]} and more"#, Malformed),
    ];
    for (body, kind) in cases {
        let reply = response("200 OK", "", body);
        let error = check_error(ask(reply, false, |_| ()).await.0, kind, Billed::Possibly, again);
        assert_eq!(error.raw.body, body.as_bytes());
    }
    let limited = ok(&json!({"error": {"code": 429, "message": "slow down"}}));
    check_error(ask(limited, false, |_| ()).await.0, Overloaded, Billed::No, again);
}

#[tokio::test]
async fn a_connection_that_breaks_says_whether_the_request_was_written() {
    let again = Retry::After(None);
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address")
    };
    let runner = open(&endpoint(format!("http://{nobody}/v1"), false)).expect("a runner");
    let refused = runner.complete(&request()).await;
    let error = check_error(refused, ErrorKind::Connect, Billed::No, again);
    assert!(error.to_string().contains("refused"), "{error}");

    let silent = ask(vec![], false, |_| ()).await.0;
    check_error(silent, ErrorKind::Cut, Billed::Possibly, again);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\":[{\"message\"";
    let cut = ask(vec![Step::Send(head.into())], false, |_| ()).await.0;
    let error = check_error(cut, ErrorKind::Cut, Billed::Possibly, again);
    assert_eq!(error.raw.body, b"{\"choices\":[{\"message\"");
}

#[tokio::test]
async fn a_stream_without_its_end_is_cut_and_one_that_breaks_after_it_is_whole() {
    let cut = Retry::After(None);
    for body in [
        r#"data: {"choices":[{"delta":{"content":"4"}}]}"#.to_owned() + "\n\n",
        r#"data: {"choices":[{"delta":{"content":"4"}}]}"#.to_owned() + "\n\ndata: [DONE]\n\n",
        r#"data: {"choices":[{"delta":{"content":"4"#.to_owned(),
    ] {
        let asked = ask(vec![open_response(&body)], true, |_| ()).await.0;
        check_error(asked, ErrorKind::Cut, Billed::Possibly, cut);
    }
    let chunk = r#"data: {"choices":[{"delta":{"content":"4"},"finish_reason":"stop"}]}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";
    let reply = vec![Step::Send(format!("{head}{chunk}\n\n").into_bytes())];
    assert_eq!(ask(reply, true, |_| ()).await.0.expect("whole").text, "4");
}

#[tokio::test]
async fn an_error_inside_a_stream_is_told_by_its_kind() {
    let first = r#"data: {"choices":[{"delta":{"content":"4"}}]}"#;
    let again = Retry::After(None);
    let cases = [
        (r#"data: {"error":{"type":"overloaded_error"}}"#, ErrorKind::Overloaded, again),
        ("event: error\ndata: {\"message\":\"oops\"}", ErrorKind::Server, again),
        (r#"data: {"error":{"code":401}}"#, ErrorKind::Unauthorised, Retry::StopModel),
        (r#"data: {"choices":[{"finish_reason":"error"}]}"#, ErrorKind::Server, again),
        (
            r#"data: {"choices":[{"finish_reason":"insufficient_system_resource"}]}"#,
            ErrorKind::Overloaded,
            again,
        ),
        ("data: oops\n\ndata: oops", ErrorKind::Malformed, again),
    ];
    for (event, kind, retry) in cases {
        let body = format!("{first}\n\n{event}\n\n");
        let asked = ask(vec![open_response(&body)], true, |_| ()).await.0;
        check_error(asked, kind, Billed::Possibly, retry);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = TcpListener::bind("127.0.0.1:0").expect("a free port");
    target.set_nonblocking(true).expect("a listener that does not wait");
    let location = format!("location: http://{}/v1\r\n", target.local_addr().expect("an address"));
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let asked = ask(response(status, &location, ""), false, |_| ()).await.0;
        let error = check_error(asked, ErrorKind::Configuration, Billed::No, Retry::Never);
        assert!(error.to_string().contains("redirects are not followed"), "{error}");
    }
    assert!(target.accept().is_err(), "somebody followed");
}

#[tokio::test]
async fn each_timer_ends_an_attempt() {
    let short = Duration::from_millis(60);
    let long = Duration::from_mins(1);
    let calm = Bounds { first_byte: long, idle: long, useful: long, whole: long, ..STREAMED };
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"4\"}}]}\n\n";
    let cases = [
        (vec![Step::Hold], Bounds { first_byte: short, ..calm.clone() }, "nothing came"),
        (
            vec![open_response(""), Step::Hold],
            Bounds { first_byte: short, ..calm.clone() },
            "nothing came",
        ),
        (
            vec![open_response(": wait\n\n"), Step::Hold],
            Bounds { idle: short, ..calm.clone() },
            "nothing more came",
        ),
        (
            vec![open_response(": wait\n\n"), Step::Hold],
            Bounds { useful: short, ..calm.clone() },
            "nothing but comments",
        ),
        (
            vec![open_response(chunk), Step::Hold],
            Bounds { whole: short, ..calm.clone() },
            "the answer was not whole",
        ),
    ];
    for (reply, bounds, message) in cases {
        let asked = ask(reply, true, |runner| runner.bounds = bounds).await.0;
        let error = check_error(asked, ErrorKind::Timeout, Billed::Possibly, Retry::After(None));
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_never_closes_is_not_waited_for_after_the_end() {
    let chunk = r#"data: {"choices":[{"delta":{"content":"4"},"finish_reason":"stop"}]}"#;
    let reply = vec![open_response(&format!("{chunk}\n\ndata: [DONE]\n\n")), Step::Hold];
    let completion = ask(reply, true, |_| ()).await.0.expect("an answer");
    assert_eq!(completion.text, "4");
    assert!(completion.timing.first.expect("an event") < completion.timing.total);
}

#[tokio::test]
async fn a_body_beyond_its_bound_is_refused() {
    let body = json!({"choices": [{"message": {"content": "4".repeat(5000)}}]});
    let asked = ask(ok(&body), false, |runner| runner.bounds.body_bytes_max = 1000).await.0;
    let error = check_error(asked, ErrorKind::Malformed, Billed::Possibly, Retry::Never);
    assert_eq!(error.raw.body.len(), 1000);
    let long = response("500 Oops", "", &"x".repeat(100_000));
    let error = ask(long, false, |_| ()).await.0.expect_err("no answer");
    assert_eq!(error.raw.body.len(), 64 << 10);
    assert!(error.to_string().len() < 500);
}

#[tokio::test]
async fn the_key_is_sent_and_never_kept() {
    let body = format!(r#"{{"error":{{"message":"bad key {KEY}, {}***"}}}}"#, &KEY[..14]);
    let reply = response("401 Unauthorized", &format!("location: /?key={KEY}\r\n"), &body);
    let (asked, sent) = ask(reply, false, |_| ()).await;
    assert!(sent.to_lowercase().contains(&format!("authorization: bearer {KEY}")), "{sent}");
    let error = asked.expect_err("no answer");
    let kept = format!("{error} {error:?} {}", String::from_utf8_lossy(&error.raw.body));
    assert!(!kept.contains(&KEY[..12]) && kept.contains("[redacted:MY_KEY]"), "{kept}");
    assert!(error.raw.redacted);

    let parts = KEY.split_at(10);
    let stream = [parts.0, parts.1, ""].map(|text| {
        let finish = if text.is_empty() { json!("stop") } else { Value::Null };
        let choice = json!({"delta": {"content": text}, "finish_reason": finish});
        format!("data: {}\n\n", json!({ "choices": [choice] }))
    });
    let echoed =
        ask(vec![open_response(&stream.concat())], true, |_| ()).await.0.expect("an answer");
    assert_eq!((echoed.text.as_str(), echoed.raw.redacted), ("[redacted:MY_KEY]", true));
    let runner = open(&endpoint("https://a.example".to_owned(), false)).map(|r| format!("{r:?}"));
    assert!(runner.map_or(true, |shown| !shown.contains(&KEY[..12])));
}

#[tokio::test]
async fn a_plain_answer_comes_with_its_counts_and_its_bytes() {
    let body = json!({
        "id": "c1", "model": "m-2026", "system_fingerprint": "fp",
        "choices": [{"message": {"content": "4"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
    });
    let reply = response("200 OK", "x-request-id: req-7\r\n", &body.to_string());
    let (asked, sent) = ask(reply, false, |_| ()).await;
    let completion = asked.expect("an answer");
    assert_eq!((completion.text.as_str(), &completion.finish), ("4", &Finish::Stop));
    assert_eq!(
        completion.usage,
        Usage {
            input: Some(5),
            cached_input: Some(2),
            output: Some(1),
            reasoning: None,
            source: UsageSource::Provider,
        }
    );
    assert_eq!(
        completion.served,
        Served {
            model: Some("m-2026".to_owned()),
            fingerprint: Some("fp".to_owned()),
            request_id: Some("req-7".to_owned()),
        }
    );
    let kept = Raw { status: Some(200), body: body.to_string().into_bytes(), redacted: false };
    assert_eq!(completion.raw, kept);
    assert!(completion.timing.first.is_some_and(|first| first <= completion.timing.total));
    assert!(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{sent}");
    let expected = json!({
        "model": "m", "messages": [{"role": "user", "content": "2 + 2?"}], "max_tokens": 100,
        "temperature": 0.5, "top_p": 1.0, "stop": ["END"], "seed": 0x7fff_ffff,
    });
    let (_, sent) = sent.split_once("\r\n\r\n").expect("a body");
    assert_eq!(serde_json::from_str::<Value>(sent).expect("JSON"), expected);
}

#[tokio::test]
async fn reasoning_never_ends_up_in_the_answer() {
    let cases = [
        json!({"content": "4", "reasoning_content": "r"}),
        json!({"content": "4", "reasoning": "r"}),
        json!({"content": [{"type": "thinking", "thinking": [{"text": "r"}]}, {"type": "text", "text": "4"}]}),
        json!({"content": "<think>r</think>4"}),
        json!({"content": "r</think>4"}),
    ];
    for message in cases {
        let completion = answer(ok(&json!({"choices": [{"message": message}]}))).await;
        assert_eq!((completion.text.as_str(), completion.reasoning.text.as_str()), ("4", "r"));
        assert_eq!(completion.finish, Finish::Other("null".to_owned()));
    }
    let unclosed = json!({"message": {"content": "<think>r"}, "finish_reason": "length"});
    let completion = answer(ok(&json!({"choices": [unclosed]}))).await;
    assert_eq!((completion.text.as_str(), completion.finish), ("", Finish::LengthInReasoning));
    assert_eq!(completion.reasoning.kind, ReasoningKind::InlineTags);
}

#[tokio::test]
async fn a_streamed_answer_is_the_same_in_any_pieces() {
    for fixture in &FIXTURES {
        let bytes = fixture.stream.as_bytes();
        let mut reply = vec![open_response("")];
        reply.extend(bytes.chunks(7).map(|piece| Step::Send(piece.to_vec())));
        let (asked, sent) = ask(reply, true, |_| ()).await;
        let completion = asked.expect(fixture.name);
        assert_eq!(completion.text, fixture.answer, "{}", fixture.name);
        assert_eq!(completion.raw.body, bytes, "{}", fixture.name);
        assert!(
            sent.contains(r#""stream":true,"stream_options":{"include_usage":true}"#),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn dropping_the_request_ends_it() {
    let server = Server::start(vec![vec![Step::Hold]]);
    let runner = open(&endpoint(server.base_url(), true)).expect("a runner");
    let request = request();
    let given_up = tokio::time::timeout(Duration::from_millis(50), runner.complete(&request)).await;
    assert!(given_up.is_err());
    // The server was holding the connection until we left it.
    assert_eq!(server.requests().await.len(), 1);
}

#[test]
fn an_address_that_could_leak_the_key_opens_nothing() {
    let error =
        open(&endpoint("http://169.254.169.254/v1".to_owned(), false)).expect_err("refused");
    assert_eq!(error.to_string(), "`base_url` of model `m` cannot be used");
    assert!(matches!(error, RemoteError::Address { source: AddressError::LinkLocal, .. }));
}

/// A resolver that finds only addresses out of reach.
struct OutOfReach;

impl Resolve for OutOfReach {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err(AddressError::LinkLocal.into()) })
    }
}

#[tokio::test]
async fn a_name_that_leads_out_of_reach_stops_the_model() {
    let mut runner = open(&endpoint("http://gpu.test/v1".to_owned(), false)).expect("a runner");
    let client = Client::builder().no_proxy().tls_certs_only([]).dns_resolver(OutOfReach);
    runner.client = client.build().expect("a client");
    let asked = runner.complete(&request()).await;
    let stop = Retry::StopModel;
    let error = check_error(asked, ErrorKind::Configuration, Billed::No, stop);
    assert!(error.to_string().ends_with(": link-local addresses are refused"), "{error}");
}

#[test]
fn a_key_that_fits_no_header_is_named_and_not_shown() {
    for secret in ["", "a b", "abc\n", "abc\u{7f}"] {
        let mut endpoint = endpoint("http://127.0.0.1".to_owned(), false);
        endpoint.key = Some(ApiKey { variable: "MY_KEY".to_owned(), secret: secret.into() });
        let error = open(&endpoint).expect_err(secret);
        let shown = "`MY_KEY` is empty or holds characters that no key has";
        assert_eq!(error.to_string(), shown);
    }
}

#[test]
fn the_digest_names_what_answers_and_not_the_key() {
    let digest = |change: &dyn Fn(&mut ChatEndpoint)| {
        let mut endpoint = endpoint("http://127.0.0.1/v1".to_owned(), false);
        change(&mut endpoint);
        open(&endpoint).expect("a runner").digest().to_owned()
    };
    let base = digest(&|_| ());
    assert!(base.starts_with("chat:") && base.len() == 5 + 64);
    assert_eq!(digest(&|e| e.key = None), base);
    assert_eq!(digest(&|e| e.stream = true), base);
    assert_eq!(digest(&|e| e.base_url.push('/')), base);
    assert_ne!(digest(&|e| e.model.push('x')), base);
    assert_ne!(digest(&|e| e.base_url.push('x')), base);
    assert_ne!(digest(&|e| e.think_tags = None), base);
    assert_ne!(digest(&|e| e.extra = json!({"a": 1}).as_object().expect("a map").clone()), base);
}
