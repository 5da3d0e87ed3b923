//! Which addresses a request, and the key with it, may be sent to.
//!
//! Anything over `https`; over `http` only this machine and private networks; link-local addresses,
//! where clouds keep their credentials, never. Names are checked after they are resolved, each time.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a base address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not parse.
    #[error("it is not an address such as `https://api.example.com/v1`")]
    Syntax,
    /// Neither `http` nor `https`.
    #[error("only `https` and `http` are spoken")]
    Scheme,
    /// A user, a password, a query or a fragment.
    #[error("it may have neither user, password, query nor fragment")]
    Extras,
    /// `http` to the open network.
    #[error("`http` is only for this machine and private networks; use `https`")]
    Public,
    /// A link-local address.
    #[error("link-local addresses are refused")]
    LinkLocal,
}

/// How far requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine and private networks: the connection is not encrypted.
    Private,
    /// Anywhere.
    Anywhere,
}

/// Reads `base_url` and appends `path` to it.
pub(super) fn join(base_url: &str, path: &str) -> Result<(Url, Reach), AddressError> {
    let mut url = Url::parse(base_url).map_err(|_| AddressError::Syntax)?;
    let reach = reach(&url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Extras);
    }
    let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    Ok((url, reach))
}

/// Says how far a request to `url` may go; refuses an address that none may be sent to.
pub(crate) fn reach(url: &Url) -> Result<Reach, AddressError> {
    let reach = match url.scheme() {
        "https" => Reach::Anywhere,
        "http" => Reach::Private,
        _ => return Err(AddressError::Scheme),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Extras);
    }
    let host = url.host_str().ok_or(AddressError::Syntax)?;
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        reach.check(address)?;
    }
    Ok(reach)
}

impl Reach {
    /// Says whether a request may go to `address`.
    fn check(self, address: IpAddr) -> Result<(), AddressError> {
        let address = address.to_canonical();
        let (link_local, private) = match address {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_private()),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_unique_local()),
        };
        // The unspecified address reaches this machine; servers print it when they start.
        let private = private || address.is_loopback() || address.is_unspecified();
        match self {
            _ if link_local => Err(AddressError::LinkLocal),
            Self::Private if !private => Err(AddressError::Public),
            _ => Ok(()),
        }
    }
}

/// Resolves names to addresses within reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver(pub Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            found.iter().try_for_each(|address| reach.check(address.ip()))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base_url: &str, expected: Result<&str, AddressError>) {
        let got = join(base_url, "chat/completions").map(|(url, _)| url.to_string());
        assert_eq!(got, expected.map(str::to_owned), "of {base_url:?}");
    }

    #[test]
    fn the_path_follows_the_version() {
        check("https://a.example/v1", Ok("https://a.example/v1/chat/completions"));
        check("https://a.example/v1/", Ok("https://a.example/v1/chat/completions"));
        check("https://a.example", Ok("https://a.example/chat/completions"));
        check("http://127.0.0.1:8000/v1", Ok("http://127.0.0.1:8000/v1/chat/completions"));
        check("http://[::1]:8000/v1", Ok("http://[::1]:8000/v1/chat/completions"));
        check("http://gpu:8000/v1", Ok("http://gpu:8000/v1/chat/completions"));
    }

    #[test]
    fn what_could_leak_a_key_is_refused() {
        for base_url in ["", "a", "http://", "/v1", "https://a b/"] {
            check(base_url, Err(AddressError::Syntax));
        }
        check("ftp://a.example", Err(AddressError::Scheme));
        check("file:///etc/passwd", Err(AddressError::Scheme));
        for base_url in
            ["https://u:p@a.example", "https://u@a.example", "https://a/?key=1", "https://a/#x"]
        {
            check(base_url, Err(AddressError::Extras));
        }
        for base_url in ["http://8.8.8.8/v1", "http://[2001:db8::1]/v1", "http://100.64.0.1"] {
            check(base_url, Err(AddressError::Public));
        }
        for base_url in [
            "http://169.254.169.254/latest",
            "https://169.254.1.1",
            "https://[fe80::1]",
            "http://[::ffff:169.254.169.254]",
            "http://0xA9FEA9FE/",
        ] {
            check(base_url, Err(AddressError::LinkLocal));
        }
        for base_url in
            ["http://10.1.2.3/v1", "http://192.168.0.9", "http://172.16.0.1", "http://[fd00::1]"]
        {
            assert!(join(base_url, "x").is_ok(), "{base_url}");
        }
    }

    #[tokio::test]
    async fn names_are_checked_by_what_they_resolve_to() {
        let resolve = async |reach: Reach, name: &str| {
            Resolver(reach).resolve(name.parse().expect("a name")).await
        };
        let found = resolve(Reach::Private, "localhost").await.expect("this machine");
        assert!(found.into_iter().all(|address| address.ip().is_loopback()));
        let public = resolve(Reach::Private, "8.8.8.8").await.err().expect("refused");
        assert!(public.is::<AddressError>());
        assert!(resolve(Reach::Anywhere, "8.8.8.8").await.is_ok());
        assert!(resolve(Reach::Anywhere, "169.254.0.1").await.is_err());
    }
}
