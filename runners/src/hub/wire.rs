//! The hub's addresses and headers, and how far a request follows them.
//!
//! A redirect is followed by ourselves, a few times at most. The token goes to the hub's own address and
//! nowhere else: not to another host, and not back to the hub once another host has had a say.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue, LOCATION, RANGE,
};
use reqwest::{Client, Method, Response, Url};
use serde::Deserialize;

use super::cache::is_digest;
use super::error::HubError;
use super::reference::{Reference, is_commit};
use super::{PARALLEL, Settings};
use crate::model::ApiKey;
use crate::remote::{self, Reach};

/// How often a request is redirected at most.
const HOPS_MAX: usize = 5;
/// Until an answer begins, and between two pieces of it.
pub(super) const SILENCE_MAX: Duration = Duration::from_mins(1);
/// Bytes of a list of files, and entries in it.
const LIST_BYTES_MAX: usize = 32 << 20;
const LIST_FILES_MAX: usize = 200_000;

const COMMIT: &str = "x-repo-commit";
const LINKED_ETAG: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";
const ERROR_CODE: &str = "x-error-code";

/// A connection to the hub.
#[derive(Debug)]
pub(super) struct Wire {
    endpoint: Url,
    authorization: Option<HeaderValue>,
    private: OnceLock<Client>,
    anywhere: OnceLock<Client>,
}

/// Why a request came to nothing, and whether another try makes sense.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: HubError,
    pub(super) again: Again,
}

/// Whether another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// After a pause of our own.
    Soon,
    /// After the pause that was asked for.
    After(Duration),
}

impl From<HubError> for Fault {
    fn from(error: HubError) -> Self {
        Self { error, again: Again::Never }
    }
}

/// What the hub says of a repository at a revision.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

/// What the hub says of a file.
#[derive(Clone, Debug)]
pub(super) struct Stated {
    /// SHA-256 of a large file, SHA-1 of any other as a git blob.
    pub(super) digest: String,
    pub(super) size: u64,
}

#[derive(Deserialize)]
struct RepositoryShape {
    sha: String,
    #[serde(default)]
    siblings: Vec<SiblingShape>,
}

#[derive(Deserialize)]
struct SiblingShape {
    rfilename: String,
}

impl Wire {
    /// Prepares to ask; connects nowhere yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, HubError> {
        let text = settings.endpoint.trim_end_matches('/');
        let failed = |source| HubError::Endpoint { endpoint: text.to_owned(), source };
        let endpoint = Url::parse(text).map_err(|_| failed(remote::AddressError::Syntax))?;
        remote::reach(&endpoint).map_err(failed)?;
        if endpoint.query().is_some() || endpoint.fragment().is_some() {
            return Err(failed(remote::AddressError::Extras));
        }
        let header = |token: &ApiKey| {
            let variable = token.variable.clone();
            remote::bearer(token).map_err(|_| HubError::Token { variable })
        };
        let authorization = settings.token.as_ref().map(header).transpose()?;
        Ok(Self { endpoint, authorization, private: OnceLock::new(), anywhere: OnceLock::new() })
    }

    /// The host by which errors name the hub.
    pub(super) fn host(&self) -> String {
        name_of(&self.endpoint)
    }

    /// Asks which commit a revision is, and which files it has.
    pub(super) async fn list(&self, reference: &Reference) -> Result<Listing, Fault> {
        let what = reference.to_string();
        let (kind, repository) = (reference.kind.plural(), &reference.repository);
        let url = self.url(&["api", kind, repository, "revision"], &reference.revision);
        let response = self.get(&url, (reference, &what), None).await?;
        let body = self.body(response, &what).await?;
        let shape: RepositoryShape = serde_json::from_slice(&body)
            .map_err(|error| self.malformed(&what, format!("{error}")))?;
        let commit = shape.sha;
        if !is_commit(&commit) {
            return Err(self.malformed(&what, format!("`{commit}` is no commit")).into());
        }
        if reference.is_pinned() && commit != reference.revision {
            return Err(self.malformed(&what, format!("it gives commit `{commit}`")).into());
        }
        if shape.siblings.len() > LIST_FILES_MAX {
            let problem = format!("it lists more than {LIST_FILES_MAX} files");
            return Err(self.malformed(&what, problem).into());
        }
        let files = shape.siblings.into_iter().map(|file| file.rfilename).collect();
        Ok(Listing { commit, files })
    }

    /// Asks for size and digest of a file.
    pub(super) async fn head(
        &self,
        reference: &Reference,
        commit: &str,
        file: &str,
    ) -> Result<Stated, Fault> {
        let url = self.file_url(reference, commit, file);
        let headers = self.metadata(&url, (reference, file)).await?;
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        if let Some(said) = text(COMMIT).filter(|said| *said != commit) {
            let problem = format!("it belongs to commit `{said}`, not `{commit}`");
            return Err(self.malformed(file, problem).into());
        }
        let tag = text(LINKED_ETAG).or_else(|| text(ETAG.as_str())).unwrap_or_default();
        let digest = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned();
        if !is_digest(&digest) {
            return Err(self.malformed(file, format!("its tag `{tag}` is no digest")).into());
        }
        let size = text(LINKED_SIZE).or_else(|| text(CONTENT_LENGTH.as_str()));
        let size = size.and_then(|size| size.parse().ok());
        let size = size.ok_or_else(|| self.malformed(file, "it has no size".to_owned()))?;
        Ok(Stated { digest, size })
    }

    /// Asks for the bytes of a file from `from` on, wherever they are.
    pub(super) async fn bytes(
        &self,
        (reference, commit): (&Reference, &str),
        file: &str,
        from: u64,
    ) -> Result<Response, Fault> {
        let url = self.file_url(reference, commit, file);
        self.get(&url, (reference, file), (from > 0).then_some(from)).await
    }

    /// Follows redirects as long as they stay at the hub, and gathers what the answers say of the file.
    async fn metadata(&self, url: &Url, of: (&Reference, &str)) -> Result<HeaderMap, Fault> {
        let mut url = url.clone();
        let mut found = HeaderMap::new();
        for _ in 0..=HOPS_MAX {
            let response = self.send(Method::HEAD, &url, of.1, (true, None)).await?;
            let redirected = response.status().is_redirection();
            if !redirected {
                self.accept(&response, of)?;
            }
            for name in [COMMIT, LINKED_ETAG, LINKED_SIZE] {
                if let (false, Some(value)) =
                    (found.contains_key(name), response.headers().get(name))
                {
                    found.insert(name, value.clone());
                }
            }
            if !redirected {
                for name in [ETAG, CONTENT_LENGTH] {
                    found.extend(response.headers().get(&name).map(|v| (name, v.clone())));
                }
                return Ok(found);
            }
            let next = self.target(&url, location(&response), of.1)?;
            if next.origin() != self.endpoint.origin() {
                return Ok(found);
            }
            url = next;
        }
        Err(self.redirect(of.1, "too often").into())
    }

    /// Follows redirects to the bytes.
    async fn get(
        &self,
        url: &Url,
        of: (&Reference, &str),
        from: Option<u64>,
    ) -> Result<Response, Fault> {
        let mut url = url.clone();
        let mut at_hub = true;
        for _ in 0..=HOPS_MAX {
            let response = self.send(Method::GET, &url, of.1, (at_hub, from)).await?;
            if !response.status().is_redirection() {
                self.accept(&response, of)?;
                return Ok(response);
            }
            url = self.target(&url, location(&response), of.1)?;
            at_hub &= url.origin() == self.endpoint.origin();
        }
        Err(self.redirect(of.1, "too often").into())
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        what: &str,
        (at_hub, from): (bool, Option<u64>),
    ) -> Result<Response, Fault> {
        let target = |source| HubError::Target { host: self.host(), what: what.to_owned(), source };
        let client = self.client(remote::reach(url).map_err(target)?)?;
        let mut request = client.request(method, url.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(authorization) = self.authorization.as_ref().filter(|_| at_hub) {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(from) = from {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        match tokio::time::timeout(SILENCE_MAX, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(lost(url, what, remote::root_cause(&error))),
            Err(_) => Err(lost(url, what, silent())),
        }
    }

    fn client(&self, reach: Reach) -> Result<&Client, HubError> {
        let slot = match reach {
            Reach::Private => &self.private,
            Reach::Anywhere => &self.anywhere,
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let made = remote::client(reach, PARALLEL)
            .map_err(|error| HubError::Client { reason: remote::root_cause(&error) })?;
        Ok(slot.get_or_init(|| made))
    }

    /// Where a redirect of `from` leads.
    fn target(&self, from: &Url, location: Option<&str>, what: &str) -> Result<Url, HubError> {
        let location = location.ok_or_else(|| self.redirect(what, "without saying where to"))?;
        let url = from.join(location).map_err(|_| self.redirect(what, "to no address"))?;
        if from.scheme() == "https" && url.scheme() != "https" {
            return Err(self.redirect(what, "to a connection that is not encrypted"));
        }
        Ok(url)
    }

    /// Refuses an answer that is none.
    fn accept(&self, response: &Response, of: (&Reference, &str)) -> Result<(), Fault> {
        let status = response.status().as_u16();
        if matches!(status, 200 | 206) {
            return Ok(());
        }
        let headers = response.headers();
        let code = headers.get(ERROR_CODE).and_then(|code| code.to_str().ok()).unwrap_or_default();
        let (host, reference, what) = (name_of(response.url()), of.0.to_string(), of.1.to_owned());
        let with_token = self.authorization.is_some();
        let error = match (status, code) {
            (401 | 403, "GatedRepo") => {
                let (prefix, repository) = (of.0.kind.prefix(), &of.0.repository);
                let page = format!(
                    "{}/{prefix}{repository}",
                    self.endpoint.as_str().trim_end_matches('/')
                );
                HubError::Gated { reference, page, with_token }
            }
            (401 | 404, "RepoNotFound") => HubError::NoRepository { host, reference },
            (404, "RevisionNotFound") => HubError::NoRevision { reference },
            (404, "EntryNotFound") => HubError::NoFile { reference, file: what },
            (401 | 403, _) => HubError::Denied { host, reference, status, with_token },
            (404, _) if what == reference => HubError::NoRepository { host, reference },
            (404, _) => HubError::NoFile { reference, file: what },
            (429, _) => {
                let wait = remote::asked_wait(headers, &[]).unwrap_or(Duration::from_secs(1));
                let error = HubError::RateLimited { host, seconds: wait.as_secs() };
                return Err(Fault { error, again: Again::After(wait) });
            }
            _ => {
                let error = HubError::Status { host, what, status };
                let again = if status >= 500 { Again::Soon } else { Again::Never };
                return Err(Fault { error, again });
            }
        };
        Err(error.into())
    }

    /// Reads a short answer.
    async fn body(&self, response: Response, what: &str) -> Result<Vec<u8>, Fault> {
        let url = response.url().clone();
        let mut pieces = response.bytes_stream();
        let mut body = Vec::new();
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, pieces.next()).await;
            match next.map_err(|_| lost(&url, what, silent()))? {
                None => return Ok(body),
                Some(Err(error)) => return Err(lost(&url, what, remote::root_cause(&error))),
                Some(Ok(piece)) => body.extend_from_slice(&piece),
            }
            if body.len() > LIST_BYTES_MAX {
                let problem = format!("it has more than {LIST_BYTES_MAX} bytes");
                return Err(self.malformed(what, problem).into());
            }
        }
    }

    fn file_url(&self, reference: &Reference, commit: &str, file: &str) -> Url {
        let repository = format!("{}{}", reference.kind.prefix(), reference.repository);
        let mut url = self.url(&[&repository, "resolve"], commit);
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(file.split('/'));
        }
        url
    }

    /// An address of the hub; `last` is one segment, slashes and all.
    fn url(&self, parts: &[&str], last: &str) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts.iter().flat_map(|part| part.split('/'))).push(last);
        }
        url
    }

    pub(super) fn malformed(&self, what: &str, problem: String) -> HubError {
        HubError::Malformed { host: self.host(), what: what.to_owned(), problem }
    }

    fn redirect(&self, what: &str, problem: &str) -> HubError {
        let problem = problem.to_owned();
        HubError::Redirect { host: self.host(), what: what.to_owned(), problem }
    }
}

fn location(response: &Response) -> Option<&str> {
    response.headers().get(LOCATION)?.to_str().ok()
}

/// A connection that gave no whole answer.
pub(super) fn lost(url: &Url, what: &str, reason: String) -> Fault {
    let error = HubError::Connection { host: name_of(url), what: what.to_owned(), reason };
    Fault { error, again: Again::Soon }
}

/// Why a connection on which nothing comes is given up.
pub(super) fn silent() -> String {
    format!("nothing came for {} s", SILENCE_MAX.as_secs())
}

/// Host and port; the rest of an address may be signed and is not shown.
fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::super::reference::Kind;
    use super::*;

    fn wire(endpoint: &str, token: Option<&str>) -> Result<Wire, HubError> {
        let token = token.map(|token| ApiKey { variable: "HF_TOKEN".into(), secret: token.into() });
        let cache = std::path::PathBuf::from("none");
        Wire::new(&Settings { endpoint: endpoint.to_owned(), cache, token, offline: false })
    }

    #[test]
    fn addresses_are_those_of_the_hub() {
        let reference = Reference::parse(Kind::Dataset, "a/b").expect("reads");
        for endpoint in ["https://hub.example/hf", "https://hub.example/hf/"] {
            let wire = wire(endpoint, None).expect("is an address");
            let list = wire.url(&["api", "models", "a/b", "revision"], "refs/pr/1");
            let expected = "https://hub.example/hf/api/models/a/b/revision/refs%2Fpr%2F1";
            assert_eq!(list.as_str(), expected);
            let file = wire.file_url(&reference, "c", "x/y z#?.csv");
            let expected = "https://hub.example/hf/datasets/a/b/resolve/c/x/y%20z%23%3F.csv";
            assert_eq!(file.as_str(), expected);
        }
    }

    #[test]
    fn hubs_and_tokens_that_cannot_be_used_are_refused() {
        for endpoint in
            ["", "hub", "ftp://hub.example", "http://8.8.8.8", "https://u:p@hub.example"]
        {
            let error = wire(endpoint, None).expect_err("is refused").to_string();
            assert_eq!(error, format!("the hub's address `{endpoint}` cannot be used"));
        }
        let query = wire("https://hub.example?a=b", None).expect_err("is refused");
        assert!(matches!(query, HubError::Endpoint { .. }));
        for token in ["a b", "a\nb", ""] {
            let error = wire("https://hub.example", Some(token)).expect_err("is refused");
            assert!(matches!(error, HubError::Token { .. }), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn a_redirect_keeps_the_encryption() {
        let wire = wire("https://hub.example", None).expect("is an address");
        let from = Url::parse("https://hub.example/a/b").expect("an address");
        let target = |location| wire.target(&from, location, "x").map(|url| url.to_string());
        let moved = target(Some("/c?d=e")).expect("a path");
        assert_eq!(moved, "https://hub.example/c?d=e");
        let elsewhere = target(Some("https://store.example/f")).expect("an address");
        assert_eq!(elsewhere, "https://store.example/f");
        for (location, problem) in [
            (Some("http://store.example/f"), "to a connection that is not encrypted"),
            (Some("file:///etc/passwd"), "to a connection that is not encrypted"),
            (Some("https://"), "to no address"),
            (None, "without saying where to"),
        ] {
            let error = target(location).expect_err("is refused").to_string();
            assert_eq!(error, format!("`hub.example` redirects `x` {problem}"));
        }
    }
}
