//! Where models are pulled from and kept: the variables of the Hugging Face library.
//!
//! They are read when something is pulled, not before, and mean here what they mean there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tripos_runners::hub::Settings;
use tripos_runners::model::ApiKey;

use super::{ConfigError, read_bounded};

/// The hub that is asked unless another is named.
const ENDPOINT: &str = "https://huggingface.co";

/// Reads where models are pulled from and kept.
pub fn hub() -> Result<Settings, ConfigError> {
    read(&|name| std::env::var_os(name))
}

/// The same from any set of variables; empty ones count as not set.
fn read(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Settings, ConfigError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let home = || set("HOME").map(PathBuf::from);
    let path = |name: &str| set(name).map(|value| expanded(PathBuf::from(value), home()));
    let folder = path("HF_HOME")
        .or_else(|| Some(path("XDG_CACHE_HOME")?.join("huggingface")))
        .or_else(|| Some(home()?.join(".cache/huggingface")));
    let cache = path("HF_HUB_CACHE")
        .or_else(|| Some(folder.as_ref()?.join("hub")))
        .ok_or(ConfigError::NoHome)?;
    let text = |name: &'static str| match set(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.trim().to_owned())),
        Some(Err(_)) => Err(ConfigError::NotText { variable: name }),
    };
    let key = |variable: String, secret: String| ApiKey { variable, secret: secret.into() };
    let token = match text("HF_TOKEN")? {
        Some(secret) => Some(key("HF_TOKEN".to_owned(), secret)),
        None => match path("HF_TOKEN_PATH").or_else(|| Some(folder?.join("token"))) {
            Some(path) => kept_token(&path)?.map(|secret| key(path.display().to_string(), secret)),
            None => None,
        },
    };
    let offline = text("HF_HUB_OFFLINE")?.unwrap_or_default().to_ascii_uppercase();
    Ok(Settings {
        endpoint: text("HF_ENDPOINT")?.unwrap_or_else(|| ENDPOINT.to_owned()),
        cache,
        token,
        offline: ["1", "ON", "YES", "TRUE"].contains(&offline.as_str()),
    })
}

/// The token that a login has left in a file, if there was one.
fn kept_token(path: &Path) -> Result<Option<String>, ConfigError> {
    match read_bounded(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Puts the home folder in place of a `~` at the beginning.
fn expanded(path: PathBuf, home: Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let variables: Vec<(String, OsString)> =
            variables.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        read(&|name| variables.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone()))
    }

    #[track_caller]
    fn check_cache(variables: &[(&str, &str)], expected: &str) {
        assert_eq!(of(variables).expect("reads").cache, Path::new(expected), "{variables:?}");
    }

    #[test]
    fn the_cache_is_where_the_python_library_has_it() {
        let home = ("HOME", "/none/home");
        check_cache(&[home], "/none/home/.cache/huggingface/hub");
        check_cache(&[home, ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub");
        check_cache(&[home, ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub");
        check_cache(&[home, ("HF_HOME", "~/h"), ("XDG_CACHE_HOME", "")], "/none/home/h/hub");
        check_cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")], "/c");
        check_cache(&[("HF_HUB_CACHE", "/c")], "/c");
        assert!(matches!(of(&[]), Err(ConfigError::NoHome)));
    }

    #[test]
    fn hub_and_network_are_as_the_variables_say() {
        let plain = of(&[("HOME", "/none")]).expect("reads");
        assert_eq!((plain.endpoint.as_str(), plain.offline), ("https://huggingface.co", false));
        assert_eq!(plain.token, None);
        let named = of(&[("HOME", "/none"), ("HF_ENDPOINT", "http://hub:8080")]).expect("reads");
        assert_eq!(named.endpoint, "http://hub:8080");
        for (said, offline) in [("1", true), ("true", true), ("YES", true), ("0", false)] {
            let settings = of(&[("HOME", "/none"), ("HF_HUB_OFFLINE", said)]).expect("reads");
            assert_eq!(settings.offline, offline, "{said}");
        }
    }

    #[test]
    fn the_token_is_the_variable_or_else_the_file_of_a_login() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().display().to_string();
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let all = [&[("HF_HOME", home.as_str())], variables].concat();
            let token = of(&all).expect("reads").token;
            assert_eq!(token.map(|token| token.variable).as_deref(), expected, "{variables:?}");
        };
        check(&[], None);
        std::fs::write(folder.path().join("token"), " \n").expect("writes");
        check(&[], None);
        std::fs::write(folder.path().join("token"), "hf_file\n").expect("writes");
        std::fs::write(folder.path().join("other"), "hf_other").expect("writes");
        let (login, other) = (format!("{home}/token"), format!("{home}/other"));
        check(&[], Some(&login));
        check(&[("HF_TOKEN_PATH", &other)], Some(&other));
        check(&[("HF_TOKEN", " hf_set ")], Some("HF_TOKEN"));
    }
}
