//! The chat wire: `POST /chat/completions` of `OpenAI` and of everyone who speaks like it.
//!
//! Answers are read leniently: any member may be missing, null or of another type, and what a server
//! calls things is kept rather than refused. Whether a body is a stream or one object is seen from its
//! bytes, not from what was asked for or what its headers say.

use reqwest::Url;
use serde_json::{Map, Value, json};
use tripos_tasks::{ReasoningLevel, Sampling};

use crate::completion::{Finish, ReasoningKind, Served, Usage, UsageSource};
use crate::model::ChatEndpoint;
use crate::remote::classify::Reported;
use crate::remote::reasoning::{Pieces, Split};
use crate::remote::stream::read_all;
use crate::runner::{Effective, Request};

/// Where requests go, under the base address.
pub(in crate::remote) const PATH: &str = "chat/completions";
/// A stream with this many events that are not JSON is not one.
const BAD_EVENTS_MAX: usize = 1;
/// What the lines of a stream begin with.
const EVENT_FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
/// The most characters kept of a reason for stopping that we have no word for.
const REASON_CHARACTERS_MAX: usize = 64;

/// How one server departs from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remote) struct Dialect {
    /// What it calls the token limit.
    limit: &'static str,
    /// Whether it refuses to be told how to sample.
    fixed_sampling: bool,
}

impl Dialect {
    /// Returns the dialect of `model` at `url`.
    pub(in crate::remote) fn of(url: &Url, model: &str) -> Self {
        let openai = url.host_str() == Some("api.openai.com");
        let numbered =
            model.strip_prefix('o').is_some_and(|m| m.starts_with(|c: char| c.is_ascii_digit()));
        Self {
            limit: if openai { "max_completion_tokens" } else { "max_tokens" },
            fixed_sampling: openai && (numbered || model.starts_with("gpt-5")),
        }
    }
}

/// A setting of the sampling as it is sent.
struct Setting {
    /// What the sampling calls it.
    name: &'static str,
    /// What the wire calls it.
    member: &'static str,
    value: Value,
}

/// Returns the settings to send, and the names of those that this server does not take.
fn settings(dialect: Dialect, sampling: &Sampling) -> (Vec<Setting>, Vec<&'static str>) {
    let mut sent = Vec::new();
    let mut dropped = Vec::new();
    let mut send = |name, member, value| sent.push(Setting { name, member, value });
    send("max_tokens", dialect.limit, json!(sampling.max_tokens));
    if dialect.fixed_sampling {
        let asked = [
            ("temperature", sampling.temperature.to_bits() != 1.0_f64.to_bits()),
            ("top_p", sampling.top_p.to_bits() != 1.0_f64.to_bits()),
            ("stop", !sampling.stop.is_empty()),
        ];
        dropped.extend(asked.into_iter().filter_map(|(name, asked)| asked.then_some(name)));
    } else {
        // Never left to the server: its own defaults differ from model to model.
        send("temperature", "temperature", json!(sampling.temperature));
        send("top_p", "top_p", json!(sampling.top_p));
        if !sampling.stop.is_empty() {
            send("stop", "stop", json!(sampling.stop));
        }
    }
    let mut effort = |level: &str| send("reasoning", "reasoning_effort", json!(level));
    match sampling.reasoning {
        ReasoningLevel::Auto => {}
        ReasoningLevel::Off => effort("none"),
        ReasoningLevel::Low => effort("low"),
        ReasoningLevel::Medium => effort("medium"),
        ReasoningLevel::High => effort("high"),
        // The wire has no member that caps reasoning alone.
        ReasoningLevel::Tokens(_) => dropped.push("reasoning"),
    }
    (sent, dropped)
}

/// Says what `sampling` becomes at `endpoint`: what its `extra` members set wins.
pub(in crate::remote) fn effective(
    dialect: Dialect,
    endpoint: &ChatEndpoint,
    sampling: &Sampling,
) -> Effective {
    let (sent, mut dropped) = settings(dialect, sampling);
    let replaced = sent.into_iter().filter(|setting| endpoint.extra.contains_key(setting.member));
    dropped.extend(replaced.map(|setting| setting.name));
    let extra = |member: &str| endpoint.extra.get(member);
    let mut takes = sampling.clone();
    for name in &dropped {
        match *name {
            "max_tokens" => {
                let limit = extra(dialect.limit).and_then(Value::as_u64);
                takes.max_tokens =
                    limit.and_then(|n| n.try_into().ok()).unwrap_or(takes.max_tokens);
            }
            "temperature" => {
                takes.temperature = extra("temperature").and_then(Value::as_f64).unwrap_or(1.0);
            }
            "top_p" => takes.top_p = extra("top_p").and_then(Value::as_f64).unwrap_or(1.0),
            "stop" => takes.stop.clear(),
            _ => takes.reasoning = ReasoningLevel::Auto,
        }
    }
    Effective {
        reasoning: takes.reasoning,
        sampling: takes,
        dropped: dropped.into_iter().map(str::to_owned).collect(),
    }
}

/// Returns the body that asks `endpoint` for `request`.
pub(in crate::remote) fn body(
    dialect: Dialect,
    endpoint: &ChatEndpoint,
    request: &Request,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(endpoint.model));
    body.insert("messages".to_owned(), json!(request.conversation));
    for setting in settings(dialect, &request.sampling).0 {
        body.insert(setting.member.to_owned(), setting.value);
    }
    // 31 bits: some servers read a smaller whole number than JSON can write.
    body.insert("seed".to_owned(), json!(request.seed >> 33));
    if endpoint.stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    body.extend(endpoint.extra.clone());
    body
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::remote) struct Answer {
    pub split: Split,
    pub finish: Finish,
    pub usage: Usage,
    pub served: Served,
}

/// Why a body is not a whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::remote) enum NoAnswer {
    /// It reports an error, in its place or in the middle of it.
    Reported { reported: Reported, in_stream: bool },
    /// It ends before it says that it is over.
    Cut,
    /// It is something else.
    Malformed(String),
}

/// Reads the body of an answer; `tags` are those around reasoning inside the text.
pub(in crate::remote) fn parse(
    bytes: &[u8],
    tags: Option<&(String, String)>,
) -> Result<Answer, NoAnswer> {
    let mut assembly = Assembly::default();
    match shape(bytes) {
        Shape::Empty => return Err(NoAnswer::Malformed("the body is empty".to_owned())),
        Shape::Other => {
            let said = Reported::from_body(bytes).message;
            return Err(NoAnswer::Malformed(format!("the body is not an answer: {said}")));
        }
        Shape::Object(text) => {
            let whole: Value = serde_json::from_slice(text).map_err(|error| {
                if error.is_eof() {
                    return NoAnswer::Cut;
                }
                NoAnswer::Malformed(format!("the body is not JSON: {error}"))
            })?;
            assembly.take(&whole, false)?;
            if assembly.pieces.is_empty() && assembly.finish.is_none() {
                return Err(NoAnswer::Malformed("the body holds no choice".to_owned()));
            }
        }
        Shape::Events => {
            assembly.take_events(bytes)?;
            if assembly.finish.is_none() {
                return Err(NoAnswer::Cut);
            }
        }
    }
    Ok(assembly.answer(tags))
}

/// What a body looks like.
enum Shape<'a> {
    Empty,
    /// JSON, from its first brace.
    Object(&'a [u8]),
    Events,
    Other,
}

/// Looks at the first bytes that say something. White space and comments that kept the connection open
/// may come before either form.
fn shape(bytes: &[u8]) -> Shape<'_> {
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    loop {
        rest = rest.trim_ascii_start();
        if !rest.starts_with(b":") {
            break;
        }
        let line = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        rest = &rest[line.unwrap_or(rest.len())..];
    }
    match rest {
        [] => Shape::Empty,
        [b'{', ..] => Shape::Object(rest),
        _ if EVENT_FIELDS.iter().any(|field| rest.starts_with(field)) => Shape::Events,
        _ => Shape::Other,
    }
}

/// What an answer has come to so far.
#[derive(Default)]
struct Assembly {
    pieces: Pieces,
    finish: Option<String>,
    usage: Usage,
    served: Served,
}

impl Assembly {
    fn take_events(&mut self, bytes: &[u8]) -> Result<(), NoAnswer> {
        let events = read_all(bytes).map_err(|error| NoAnswer::Malformed(error.to_string()))?;
        let mut bad = 0;
        for event in events {
            let data = event.data.trim_ascii();
            if data == b"[DONE]" {
                break;
            }
            match serde_json::from_slice::<Value>(data) {
                Ok(chunk) if event.name == b"error" => return Err(reported(&chunk, true)),
                Ok(chunk) => self.take(&chunk, true)?,
                Err(_) if data.is_empty() => {}
                Err(_) => bad += 1,
            }
            if bad > BAD_EVENTS_MAX {
                let message = format!("the stream holds {bad} events that are not JSON");
                return Err(NoAnswer::Malformed(message));
            }
        }
        Ok(())
    }

    /// Takes a whole answer or one chunk of a streamed one.
    fn take(&mut self, chunk: &Value, in_stream: bool) -> Result<(), NoAnswer> {
        if !chunk["error"].is_null() || chunk["object"] == "error" {
            return Err(reported(chunk, in_stream));
        }
        keep_text(&mut self.served.model, &chunk["model"]);
        keep_text(&mut self.served.fingerprint, &chunk["system_fingerprint"]);
        keep_text(&mut self.served.request_id, &chunk["id"]);
        if chunk["usage"].is_object() {
            self.usage = usage(&chunk["usage"]);
        }
        let choices = chunk["choices"].as_array().map_or(&[][..], Vec::as_slice);
        for choice in choices.iter().filter(|c| c["index"].as_u64().unwrap_or(0) == 0) {
            if choice["error"].is_object() {
                return Err(reported(choice, in_stream));
            }
            let delta = &choice["delta"];
            self.pieces.absorb(if delta.is_object() { delta } else { &choice["message"] });
            match choice["finish_reason"].as_str() {
                // Some servers send an empty one until the last.
                None | Some("") => {}
                Some("error") => return Err(ended("the server ended it with an error", "error")),
                Some("insufficient_system_resource") => {
                    return Err(ended("the server ran out of resources", "overloaded"));
                }
                Some(reason) => self.finish = Some(reason.to_owned()),
            }
        }
        Ok(())
    }

    fn answer(self, tags: Option<&(String, String)>) -> Answer {
        let Self { pieces, finish: reason, usage, served } = self;
        let mut split = pieces.split(tags);
        let counted = usage.reasoning.is_some_and(|tokens| tokens > 0);
        if counted && split.reasoning.kind == ReasoningKind::None {
            split.reasoning.kind = ReasoningKind::Hidden;
        }
        let finish = finish(reason.as_deref(), &split);
        if finish == Finish::Refusal && split.answer.is_empty() {
            split.answer = std::mem::take(&mut split.refusal);
        }
        Answer { split, finish, usage, served }
    }
}

/// Translates the server's reason for stopping; what we have no word for is kept.
fn finish(reason: Option<&str>, split: &Split) -> Finish {
    let empty = split.answer.trim().is_empty();
    match reason {
        Some("stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "refusal")
            if empty && !split.refusal.is_empty() =>
        {
            Finish::Refusal
        }
        Some("stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence") => Finish::Stop,
        Some("length" | "max_tokens") if empty && split.reasoning.kind != ReasoningKind::None => {
            Finish::LengthInReasoning
        }
        Some("length" | "max_tokens") => Finish::Length,
        Some("model_length" | "model_context_window_exceeded") => Finish::Context,
        Some("content_filter") => Finish::ContentFilter,
        Some("refusal") => Finish::Refusal,
        Some(other) => Finish::Other(other.chars().take(REASON_CHARACTERS_MAX).collect()),
        None => Finish::Other("null".to_owned()),
    }
}

fn usage(value: &Value) -> Usage {
    let input = count(&value["prompt_tokens"]);
    let cached = &value["prompt_tokens_details"]["cached_tokens"];
    let reasoning = count(&value["completion_tokens_details"]["reasoning_tokens"])
        .or_else(|| count(&value["reasoning_tokens"]));
    let mut output = count(&value["completion_tokens"]);
    if let (Some(i), Some(o), Some(r)) = (input, output, reasoning)
        && let Some(both) = o.checked_add(r)
        && let Some(total) = count(&value["total_tokens"])
        && r > 0
        && i.checked_add(both) == Some(total)
    {
        // This server counts reasoning beside the answer; ours includes it.
        output = Some(both);
    }
    let counted = input.is_some() || output.is_some();
    Usage {
        input,
        cached_input: count(cached).or_else(|| count(&value["prompt_cache_hit_tokens"])),
        output,
        reasoning,
        source: if counted { UsageSource::Provider } else { UsageSource::Missing },
    }
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        // `5.0` is a count too.
        let text = value.as_f64().filter(|number| number.fract() == 0.0)?.to_string();
        text.parse().ok()
    })
}

fn keep_text(kept: &mut Option<String>, value: &Value) {
    if kept.is_none() {
        *kept = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    }
}

fn reported(value: &Value, in_stream: bool) -> NoAnswer {
    NoAnswer::Reported { reported: Reported::from_value(value), in_stream }
}

/// An answer whose reason for stopping is a failure of the server; the tokens before it were spent.
fn ended(message: &str, code: &str) -> NoAnswer {
    reported(&json!({"error": {"message": message, "code": code}}), true)
}

#[cfg(test)]
mod tests;
