//! Why something could not be brought from the hub.

use std::path::PathBuf;

use crate::remote::AddressError;

/// Why something could not be brought from the hub. What had arrived whole is kept, and the beginnings
/// of the rest too.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant means")]
pub enum HubError {
    #[error("the hub's address `{endpoint}` cannot be used")]
    Endpoint { endpoint: String, source: AddressError },
    #[error("the token from `{variable}` is empty or holds characters that no token has")]
    Token { variable: String },
    #[error("cannot set up a client for the hub: {reason}")]
    Client { reason: String },
    #[error(
        "`{reference}` is not whole in the cache, and the network is not to be used: no {missing}"
    )]
    Offline { reference: String, missing: String },
    #[error("`{host}` has no `{reference}`: no such repository, or none that may be seen")]
    NoRepository { host: String, reference: String },
    #[error("`{reference}`: the repository has no such revision")]
    NoRevision { reference: String },
    #[error("`{reference}` has no file `{file}`")]
    NoFile { reference: String, file: String },
    #[error("`{reference}` is gated: its terms are accepted at `{page}`")]
    Gated { reference: String, page: String, with_token: bool },
    #[error("`{host}` refuses `{reference}` (status {status})")]
    Denied { host: String, reference: String, status: u16, with_token: bool },
    #[error("`{host}` wants no more requests for {seconds} s")]
    RateLimited { host: String, seconds: u64 },
    #[error("`{host}` answered {status} for `{what}`")]
    Status { host: String, what: String, status: u16 },
    #[error("no connection to `{host}` for `{what}`: {reason}")]
    Connection { host: String, what: String, reason: String },
    #[error("`{host}` redirects `{what}` {problem}")]
    Redirect { host: String, what: String, problem: String },
    #[error("`{host}` gives an address for `{what}` that is not followed")]
    Target { host: String, what: String, source: AddressError },
    #[error("what `{host}` says of `{what}` makes no sense: {problem}")]
    Malformed { host: String, what: String, problem: String },
    #[error("`{reference}` lists a file whose name leaves its folder: `{name}`")]
    FileName { reference: String, name: String },
    #[error("`{file}` has more than the {max} bytes that such a file may have: {size}")]
    TooLarge { file: String, size: u64, max: u64 },
    #[error("`{file}` was to have {said} bytes and has {got}")]
    Size { file: String, said: u64, got: u64 },
    #[error("`{file}` is not what the hub says it is: its digest is {got}, not {said}")]
    Digest { file: String, said: String, got: String },
    #[error("`{}` has {available} bytes free, and {needed} are missing", folder.display())]
    Space { folder: PathBuf, needed: u64, available: u64 },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl HubError {
    /// What to try, where there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Endpoint { .. } => "`HF_ENDPOINT` names it".to_owned(),
            Self::Token { .. } => {
                "`HF_TOKEN` is a token from `https://huggingface.co/settings/tokens`".to_owned()
            }
            Self::Offline { .. } => "run it once without `HF_HUB_OFFLINE`".to_owned(),
            Self::NoRepository { .. } => {
                "check the name; for a private repository set `HF_TOKEN`".to_owned()
            }
            Self::Gated { with_token: true, .. } => {
                "accept them with the account of this `HF_TOKEN`, and allow the token to read gated \
                 repositories"
                    .to_owned()
            }
            Self::Gated { with_token: false, .. } => {
                "accept them there, then set `HF_TOKEN` to a token of that account".to_owned()
            }
            Self::Denied { with_token: true, .. } => {
                "this `HF_TOKEN` does not let you read it".to_owned()
            }
            Self::Denied { with_token: false, .. } => "set `HF_TOKEN` to a token of yours".to_owned(),
            Self::Connection { .. } | Self::Status { .. } | Self::Size { .. } => {
                "run it again: what has arrived is kept; `HF_HUB_OFFLINE=1` uses what is whole"
                    .to_owned()
            }
            Self::RateLimited { .. } => "run it again then: what has arrived is kept".to_owned(),
            Self::Space { .. } | Self::Write { .. } => {
                "`HF_HOME` or `HF_HUB_CACHE` names another place".to_owned()
            }
            _ => return None,
        })
    }
}
