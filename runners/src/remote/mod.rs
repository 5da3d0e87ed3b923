//! Whoever answers over HTTP.
//!
//! A runner sends a request once and says what came of it; whether to try again is decided by who asked.
//! What comes back is kept as bytes, without the key, before anything reads it.

mod address;
mod classify;
mod exchange;
mod reasoning;
mod redact;
mod stream;
mod timeouts;
mod wait;
mod wire;

#[cfg(test)]
mod tests;

use std::time::Instant;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Url, redirect, retry};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tripos_tasks::{Digest, Sampling};

pub use self::address::AddressError;
use self::address::Resolver;
pub(crate) use self::address::{Reach, reach};
use self::classify::{Failed, Outcome, Reported};
pub(crate) use self::classify::{asked_wait, root_cause};
use self::exchange::{Broken, Ending, Reply};
use self::redact::Redactor;
use self::timeouts::{Bounds, CONNECT, PLAIN, POOL_IDLE, STREAMED, TCP_KEEP_ALIVE};
use self::wire::chat::{self, Answer, Dialect, NoAnswer};
use crate::completion::{Completion, Raw, Reasoning, Served, Timing, Usage};
use crate::error::{ErrorKind, Retry, RunnerError};
use crate::model::{ApiKey, ChatEndpoint};
use crate::runner::{BoxFuture, Effective, Request, Runner};

/// A model behind a server that speaks the chat wire.
#[derive(Debug)]
pub struct RemoteRunner {
    client: Client,
    url: Url,
    authorization: Option<HeaderValue>,
    endpoint: ChatEndpoint,
    dialect: Dialect,
    redactor: Redactor,
    bounds: Bounds,
    digest: String,
}

/// Why a runner for an endpoint could not be made. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The base address cannot be used.
    #[error("`base_url` of model `{model}` cannot be used")]
    Address {
        /// The name the server knows the model by.
        model: String,
        /// Why not.
        source: AddressError,
    },
    /// The key cannot be put into a header.
    #[error("`{variable}` is empty or holds characters that no key has")]
    Key {
        /// The variable that holds it.
        variable: String,
    },
    /// The machine lacks something the client needs, such as certificates.
    #[error("cannot set up a client for `{url}`: {reason}")]
    Client {
        /// Where it was to connect to.
        url: String,
        /// What is missing.
        reason: String,
    },
}

/// Makes a runner for `endpoint`; connects nowhere yet.
pub fn open(endpoint: &ChatEndpoint) -> Result<RemoteRunner, RemoteError> {
    let (url, reach) = address::join(&endpoint.base_url, chat::PATH)
        .map_err(|source| RemoteError::Address { model: endpoint.model.clone(), source })?;
    let authorization = endpoint.key.as_ref().map(bearer).transpose()?;
    let client = client(reach, endpoint.concurrency).map_err(|error| RemoteError::Client {
        url: url.to_string(),
        reason: classify::root_cause(&error),
    })?;
    Ok(RemoteRunner {
        client,
        dialect: Dialect::of(&url, &endpoint.model),
        url,
        authorization,
        redactor: Redactor::new(endpoint.key.as_ref()),
        bounds: if endpoint.stream { STREAMED } else { PLAIN },
        digest: digest(endpoint),
        endpoint: endpoint.clone(),
    })
}

/// The header that carries `key`.
pub(crate) fn bearer(key: &ApiKey) -> Result<HeaderValue, RemoteError> {
    let secret = key.secret.expose_secret();
    let refused = || RemoteError::Key { variable: key.variable.clone() };
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        return Err(refused());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok(value)
}

/// What every client of ours does: it follows no redirect, tries nothing twice and says who it is.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // An error means that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT)
        .tcp_keepalive(TCP_KEEP_ALIVE)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("tripos/", env!("CARGO_PKG_VERSION")))
}

/// A client whose connections go no further than `reach`.
pub(crate) fn client(reach: Reach, connections: usize) -> Result<Client, reqwest::Error> {
    let builder = builder().pool_max_idle_per_host(connections).dns_resolver(Resolver(reach));
    match reach {
        // Without encryption no certificates are needed, and no proxy may stand in between.
        Reach::Private => builder.no_proxy().tls_certs_only([]).build(),
        Reach::Anywhere => builder.https_only(true).build(),
    }
}

/// The digest of what decides an answer. The key is no part of it.
fn digest(endpoint: &ChatEndpoint) -> String {
    let decides = json!({
        "base_url": endpoint.base_url.trim_end_matches('/'),
        "model": endpoint.model,
        "extra": endpoint.extra,
        "think_tags": endpoint.think_tags,
    });
    format!("chat:{}", Digest::of_json(&decides))
}

impl Runner for RemoteRunner {
    fn complete<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Completion, RunnerError>> {
        Box::pin(self.ask(request))
    }

    fn effective(&self, sampling: &Sampling) -> Effective {
        chat::effective(self.dialect, &self.endpoint, sampling)
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn concurrency(&self) -> usize {
        self.endpoint.concurrency
    }
}

impl RemoteRunner {
    async fn ask(&self, request: &Request) -> Result<Completion, RunnerError> {
        let body = chat::body(self.dialect, &self.endpoint, request);
        let body = serde_json::to_vec(&body).expect("a map of JSON values serialises");
        let mut post = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            post = post.header(AUTHORIZATION, authorization);
        }
        let started = Instant::now();
        let sent = exchange::exchange(post.body(body), &self.bounds, self.endpoint.stream).await;
        let mut reply = sent.map_err(|broken| self.broken(broken, Raw::default()))?;
        let success = (200..300).contains(&reply.status);
        let body = std::mem::take(&mut reply.body);
        let raw = self.raw(reply.status, body, success);
        let timing = Timing { first: reply.first, total: started.elapsed() };
        if success { self.success(reply, raw, timing) } else { self.refusal(&reply, raw, timing) }
    }

    /// The bytes as they may be kept.
    fn raw(&self, status: u16, body: Vec<u8>, success: bool) -> Raw {
        let clean = if success { self.redactor.answer(&body) } else { self.redactor.error(&body) };
        let (body, redacted) = match clean {
            (_, false) => (body, false),
            (clean, true) => (clean.into_owned(), true),
        };
        Raw { status: Some(status), body, redacted }
    }

    fn success(&self, reply: Reply, raw: Raw, timing: Timing) -> Result<Completion, RunnerError> {
        // A connection that broke after the answer was whole took nothing from it.
        let no_answer = match chat::parse(&raw.body, self.endpoint.think_tags.as_ref()) {
            Ok(answer) => return Ok(self.completion(answer, &reply.headers, raw, timing)),
            Err(no_answer) => no_answer,
        };
        match (no_answer, reply.ending) {
            (NoAnswer::Reported { reported, in_stream }, _) => {
                let wait = classify::asked_wait(&reply.headers, &raw.body);
                let outcome = classify::inside(&reported, in_stream, wait);
                let message =
                    format!("`{}` answered with an error: {}", self.url, reported.message);
                self.settle(outcome, &message, raw, timing)
            }
            (_, Ending::Early(broken)) => Err(self.broken(broken, raw)),
            (_, Ending::TooLong) => {
                let message = format!(
                    "`{}` answered with more than {} bytes",
                    self.url, self.bounds.body_bytes_max
                );
                let failed = Failed { retry: Retry::Never, ..classify::lost(ErrorKind::Malformed) };
                Err(self.error(failed, &message, raw))
            }
            (NoAnswer::Cut, Ending::Whole) => {
                let message = format!("`{}` ended before the answer was whole", self.url);
                Err(self.error(classify::lost(ErrorKind::Cut), &message, raw))
            }
            (NoAnswer::Malformed(reason), Ending::Whole) => {
                let message = format!("`{}` did not answer: {reason}", self.url);
                Err(self.error(classify::lost(ErrorKind::Malformed), &message, raw))
            }
        }
    }

    fn refusal(&self, reply: &Reply, raw: Raw, timing: Timing) -> Result<Completion, RunnerError> {
        let reported = Reported::from_body(&raw.body);
        let wait = classify::asked_wait(&reply.headers, &raw.body);
        let outcome = classify::refused(reply.status, &reported, wait);
        let mut message = format!("`{}` answered {}", self.url, reply.status);
        if !reported.message.is_empty() {
            message = format!("{message}: {}", reported.message);
        }
        if let Some(target) = header(&reply.headers, LOCATION.as_str()) {
            message =
                format!("{message} (it points to `{target}`, and redirects are not followed)");
        }
        if let (Outcome::Failed(Failed { retry: Retry::StopModel, .. }), Some(wait)) =
            (&outcome, wait)
        {
            message = format!("{message} (it asks to wait {} s)", wait.as_secs());
        }
        self.settle(outcome, &message, raw, timing)
    }

    fn settle(
        &self,
        outcome: Outcome,
        message: &str,
        raw: Raw,
        timing: Timing,
    ) -> Result<Completion, RunnerError> {
        match outcome {
            Outcome::Failed(failed) => Err(self.error(failed, message, raw)),
            Outcome::Finished(finish) => Ok(Completion {
                text: String::new(),
                reasoning: Reasoning::default(),
                finish,
                usage: Usage::default(),
                timing,
                served: Served::default(),
                raw,
            }),
        }
    }

    fn completion(
        &self,
        answer: Answer,
        headers: &HeaderMap,
        mut raw: Raw,
        timing: Timing,
    ) -> Completion {
        let Answer { split, finish, usage, served } = answer;
        // A key cut over two events is whole only now.
        let (text, in_text) = self.redactor.text(split.answer);
        let (thought, in_thought) = self.redactor.text(split.reasoning.text);
        raw.redacted |= in_text || in_thought;
        let request_id = header(headers, "x-request-id").map(|id| self.redactor.error_text(&id));
        Completion {
            text,
            reasoning: Reasoning { text: thought, ..split.reasoning },
            finish,
            usage,
            timing,
            served: Served { request_id: request_id.or(served.request_id), ..served },
            raw,
        }
    }

    fn broken(&self, broken: Broken, raw: Raw) -> RunnerError {
        let (failed, message) = match broken {
            Broken::Late(late) => {
                (classify::lost(ErrorKind::Timeout), format!("`{}` was too slow: {late}", self.url))
            }
            Broken::Connection(error) => {
                let failed = classify::transport(&error);
                let what = match failed.kind {
                    ErrorKind::Cut => "lost the connection to",
                    _ => "cannot connect to",
                };
                (failed, format!("{what} `{}`: {}", self.url, classify::root_cause(&error)))
            }
        };
        self.error(failed, &message, raw)
    }

    fn error(&self, failed: Failed, message: &str, raw: Raw) -> RunnerError {
        let Failed { kind, billed, retry } = failed;
        let message = self.redactor.error_text(message);
        RunnerError { kind, billed, retry, message, raw: Box::new(raw) }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    const CHARACTERS_MAX: usize = 200;
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(CHARACTERS_MAX).collect())
}
