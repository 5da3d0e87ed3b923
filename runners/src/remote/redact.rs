//! Keeps the key out of everything that is stored or shown.
//!
//! The redactor runs on what comes from the network before anything else sees it: servers do echo keys.
//! The key goes from answers too; what merely looks like some key goes only from errors, because in an
//! answer it is the model's text.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::model::ApiKey;

/// Shorter keys are placeholders such as `none`: replacing them would only destroy answers.
const KEY_BYTES_MIN: usize = 8;
/// As much of the key as gives it away.
const PREFIX_BYTES: usize = 12;
/// What keys of known providers begin with.
const KEY_PREFIXES: [&[u8]; 6] = [b"sk-", b"AIza", b"xai-", b"hf_", b"gsk_", b"Bearer "];
/// How many more characters make one of these a key.
const PATTERN_BYTES_MIN: usize = 8;
const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"-----END ";

/// The owner of one key, which it replaces wherever it appears.
#[derive(Debug)]
pub(super) struct Redactor {
    mark: String,
    forms: Vec<SecretSlice<u8>>,
}

impl Redactor {
    /// A redactor of `key` in each of its forms.
    pub(super) fn new(key: Option<&ApiKey>) -> Self {
        let Some(key) = key else { return Self { mark: String::new(), forms: Vec::new() } };
        let secret = key.secret.expose_secret().as_bytes();
        let name = key.variable.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let mark = format!("[redacted:{name}]");
        if secret.len() < KEY_BYTES_MIN {
            return Self { mark, forms: Vec::new() };
        }
        let mut forms = vec![secret.to_vec()];
        let others = [percent_encoded(secret, true), percent_encoded(secret, false)]
            .into_iter()
            .chain([json_escaped(secret)])
            .chain((0..3).flat_map(|skip| base64_forms(secret, skip)));
        for form in others {
            if form.len() >= KEY_BYTES_MIN && !forms.contains(&form) {
                forms.push(form);
            }
        }
        Self { mark, forms: forms.into_iter().map(SecretSlice::from).collect() }
    }

    /// Replaces the key in `bytes`; says whether it was there.
    pub(super) fn answer<'a>(&self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        replace(bytes, &self.mark, |rest| self.match_key(rest))
    }

    /// Replaces the key in `text`; says whether it was there.
    pub(super) fn text(&self, text: String) -> (String, bool) {
        match self.answer(text.as_bytes()) {
            (_, false) => (text, false),
            (bytes, true) => (String::from_utf8_lossy(&bytes).into_owned(), true),
        }
    }

    /// Replaces the key, and everything that looks like one, in the `bytes` of an error.
    pub(super) fn error<'a>(&self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let (bytes, one) = self.answer(bytes);
        let (again, two) = replace(&bytes, "[redacted]", match_pattern);
        if two {
            return (Cow::Owned(again.into_owned()), true);
        }
        drop(again);
        (bytes, one)
    }

    /// Replaces the key, and everything that looks like one, in the text of an error.
    pub(super) fn error_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.error(text.as_bytes()).0).into_owned()
    }

    /// Returns how many bytes of the key, in any form, `rest` begins with, if they give it away.
    fn match_key(&self, rest: &[u8]) -> Option<usize> {
        let longest = |form: &SecretSlice<u8>| {
            let form = form.expose_secret();
            let common = form.iter().zip(rest).take_while(|(a, b)| a == b).count();
            (common >= form.len().min(PREFIX_BYTES)).then_some(common)
        };
        self.forms.iter().filter_map(longest).max()
    }
}

/// Replaces each match of `length`, which says how much of the rest belongs to one.
fn replace<'a>(
    bytes: &'a [u8],
    mark: &str,
    length: impl Fn(&[u8]) -> Option<usize>,
) -> (Cow<'a, [u8]>, bool) {
    let mut out: Vec<u8> = Vec::new();
    let (mut kept, mut at) = (0, 0);
    while at < bytes.len() {
        let Some(matched) = length(&bytes[at..]) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[kept..at]);
        out.extend_from_slice(mark.as_bytes());
        at += matched;
        kept = at;
    }
    if kept == 0 {
        return (Cow::Borrowed(bytes), false);
    }
    out.extend_from_slice(&bytes[kept..]);
    (Cow::Owned(out), true)
}

/// Returns how long the key, the PEM block or the password is that `rest` seems to begin with.
fn match_pattern(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(PEM_BEGIN) {
        let end = find(rest, PEM_END).map_or(rest.len(), |at| at + PEM_END.len());
        return Some(end + rest[end..].iter().take_while(|b| !b.is_ascii_control()).count());
    }
    if rest.starts_with(b"://") {
        let authority = rest[3..].iter().take_while(|b| is_authority_byte(**b)).count();
        let at = rest[3..3 + authority].iter().rposition(|b| *b == b'@')?;
        return rest[3..3 + at].contains(&b':').then_some(3 + at);
    }
    let prefix = KEY_PREFIXES.into_iter().find(|prefix| rest.starts_with(prefix))?;
    let run = rest[prefix.len()..].iter().take_while(|b| is_key_byte(**b)).count();
    (run >= PATTERN_BYTES_MIN).then_some(prefix.len() + run)
}

/// Providers put stars in the middle of a key they show.
fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_*".contains(&byte)
}

fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"/?#\"'<>\\".contains(&byte)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn percent_encoded(secret: &[u8], upper: bool) -> Vec<u8> {
    let mut out = String::with_capacity(secret.len());
    for byte in secret {
        let written = match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) => {
                out.push(char::from(*byte));
                Ok(())
            }
            byte if upper => write!(out, "%{byte:02X}"),
            byte => write!(out, "%{byte:02x}"),
        };
        written.expect("writing to a string does not fail");
    }
    out.into_bytes()
}

/// The key as it stands inside a JSON string whose writer escapes slashes.
fn json_escaped(secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len());
    for byte in secret {
        if b"/\"\\".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// The characters of Base64 that the key alone decides when it starts at byte `skip` of a group of
/// three, as it does behind `user:` in a header for basic authentication.
fn base64_forms(secret: &[u8], skip: usize) -> [Vec<u8>; 2] {
    let decided = &secret[(3 - skip) % 3..];
    let characters = decided.len() * 8 / 6;
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|alphabet| {
        let mut form = alphabet.encode(decided).into_bytes();
        form.truncate(characters);
        form
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "tk/9f+Xq?ab-cd_7654321ZYX";

    fn redactor(key: &str) -> Redactor {
        Redactor::new(Some(&ApiKey { variable: "MY-KEY".to_owned(), secret: key.into() }))
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let redactor = redactor(KEY);
        let (bytes, changed) = redactor.answer(text.as_bytes());
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
        assert_eq!(changed, text != expected, "in {text:?}");
        assert_eq!(redactor.text(text.to_owned()), (expected.to_owned(), changed));
    }

    #[test]
    fn every_form_of_the_key_and_every_long_prefix_goes() {
        check(&format!("a {KEY} b {KEY}"), "a [redacted:MY_KEY] b [redacted:MY_KEY]");
        check(&format!("a {}* b", &KEY[..12]), "a [redacted:MY_KEY]* b");
        check(&format!("a {}* b", &KEY[..20]), "a [redacted:MY_KEY]* b");
        check(&format!("a {}* b", &KEY[..11]), &format!("a {}* b", &KEY[..11]));
        check("tk%2F9f%2BXq%3Fab-cd_7654321ZYX", "[redacted:MY_KEY]");
        check("tk%2f9f%2bXq%3fab-cd_7654321ZYX", "[redacted:MY_KEY]");
        check("tk\\/9f+Xq?ab-cd_7654321ZYX", "[redacted:MY_KEY]");
        check("nothing here", "nothing here");
        check("", "");
    }

    #[test]
    fn the_key_goes_from_base64_at_any_place_of_its_groups() {
        for user in ["", "u", "us", "user:", "someone:"] {
            let pair = format!("{user}{KEY}");
            for encoded in [STANDARD.encode(&pair), URL_SAFE.encode(&pair)] {
                let (left, changed) = redactor(KEY).text(encoded.clone());
                assert!(changed, "{encoded}");
                assert!(left.len() < encoded.len() - KEY.len() + "[redacted:MY_KEY]".len());
            }
        }
    }

    #[test]
    fn a_placeholder_for_a_key_destroys_no_answer() {
        assert_eq!(
            redactor("none").text("none of them".to_owned()),
            ("none of them".into(), false)
        );
        assert_eq!(Redactor::new(None).text("a".to_owned()), ("a".into(), false));
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(redactor(KEY).error_text(text), expected);
    }

    #[test]
    fn what_looks_like_a_key_goes_from_errors_only() {
        check_error("provided: sk-abcd****************wxyz.", "provided: [redacted].");
        check_error("sk-learn and task-1", "sk-learn and task-1");
        check_error("`Bearer abcdefgh12345678`", "`[redacted]`");
        check_error("via http://joe:pass@proxy:3128/x", "via http[redacted]@proxy:3128/x");
        check_error("http://host/a@b and a:b@c", "http://host/a@b and a:b@c");
        check_error("-----BEGIN KEY-----\nabc\n-----END KEY-----\nrest", "[redacted]\nrest");
        check_error("-----BEGIN KEY-----\nabc", "[redacted]");
        check_error(&format!("key {KEY}"), "key [redacted:MY_KEY]");
        check("the constant sk-0123456789abcdef", "the constant sk-0123456789abcdef");
    }

    proptest! {
        #[test]
        fn the_key_is_found_in_any_bytes(
            before in prop::collection::vec(any::<u8>(), 0..50),
            after in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let bytes = [&before, KEY.as_bytes(), &after].concat();
            let redactor = redactor(KEY);
            let (left, changed) = redactor.error(&bytes);
            prop_assert!(changed);
            prop_assert_eq!(find(&left, &KEY.as_bytes()[..12]), None);
        }
    }
}
