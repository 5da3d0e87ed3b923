//! What a refusal, an error inside an answer or a broken connection means for the next try.
//!
//! A full context and a withheld answer are results about the model, not failures to measure it, so a
//! request that ends in one is finished. Everything else says whether it may be billed and whether
//! another try makes sense; nothing here tries again.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::address::AddressError;
use super::wait;
use crate::completion::{Billed, Finish};
use crate::error::{ErrorKind, Retry};

/// A server that wants to be left alone for longer than this is not waited for.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// What a refused request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The refusal says something about the model's answer.
    Finished(Finish),
    /// There is no answer.
    Failed(Failed),
}

/// A request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub kind: ErrorKind,
    pub billed: Billed,
    pub retry: Retry,
}

/// What a server says about an error of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    /// For people.
    pub message: String,
    /// The words it has for it: code, type, status.
    words: Vec<String>,
    /// The HTTP status it gives inside the body.
    status: Option<u16>,
}

impl Reported {
    /// Reads the body of an error, whatever it is.
    pub(super) fn from_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_value(&value),
            Err(_) => Self { message: gist(&String::from_utf8_lossy(body)), ..Self::default() },
        }
    }

    /// Reads an error given as JSON: in a member `error`, in `detail`, or at the top.
    pub(super) fn from_value(value: &Value) -> Self {
        let inner = if value["error"].is_null() { value } else { &value["error"] };
        let said = [&inner["message"], inner, &value["message"], &value["detail"]];
        let message = match said.into_iter().find_map(Value::as_str) {
            Some(text) => gist(text),
            None if !value["detail"].is_null() => gist(&value["detail"].to_string()),
            None => gist(&inner.to_string()),
        };
        let number = |member: &Value| {
            let digits = member.as_u64().or_else(|| member.as_str()?.parse().ok())?;
            u16::try_from(digits).ok().filter(|status| (400..600).contains(status))
        };
        let members = [&inner["code"], &inner["type"], &inner["status"]];
        Self {
            message,
            words: members.iter().filter_map(|m| m.as_str()).map(str::to_lowercase).collect(),
            status: members.into_iter().find_map(number),
        }
    }

    fn has_word(&self, wanted: &[&str]) -> bool {
        self.words.iter().any(|word| wanted.contains(&word.as_str()))
    }

    fn says(&self, wanted: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        wanted.iter().any(|text| message.contains(text))
    }

    /// The status it would have had in the place of its own.
    fn status(&self) -> u16 {
        const STATUS_OF_WORD: [(u16, &[&str]); 7] = [
            (529, &["overloaded_error", "overloaded", "server_overloaded"]),
            (429, &["rate_limit_error", "rate_limit_exceeded", "too_many_requests"]),
            (402, &["insufficient_quota", "billing_error"]),
            (401, &["authentication_error", "invalid_api_key"]),
            (403, &["permission_error"]),
            (404, &["not_found_error", "model_not_found"]),
            (400, &["invalid_request_error", "bad_request", "badrequesterror"]),
        ];
        let by_word = || STATUS_OF_WORD.iter().find(|(_, words)| self.has_word(words));
        self.status.or_else(|| by_word().map(|(status, _)| *status)).unwrap_or(500)
    }

    /// Whether the prompt and the answer do not fit the context.
    fn is_context(&self) -> bool {
        const WORDS: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
        const TEXTS: [&str; 6] = [
            "maximum context length",
            "prompt is too long",
            "input length and `max_tokens` exceed",
            "exceeded model token limit",
            "exceeds the available context size",
            "context window",
        ];
        // A limit above what the server takes at all is the user's to mend; no prompt would fit.
        let limit =
            self.says(&["max_tokens' or", "max_tokens is too large", "max_completion_tokens"])
                && self.says(&["too large"]);
        self.has_word(&WORDS) || (!limit && self.says(&TEXTS))
    }

    /// Whether the provider withheld the answer for what was asked or said.
    fn is_policy(&self, with_texts: bool) -> bool {
        const WORDS: [&str; 5] = [
            "content_policy_violation",
            "content_filter",
            "invalid_prompt",
            "cyber_policy",
            "content_policy",
        ];
        const TEXTS: [&str; 3] =
            ["content filtering", "content management policy", "content policy"];
        self.has_word(&WORDS) || (with_texts && self.says(&TEXTS))
    }

    fn is_quota(&self) -> bool {
        const WORDS: [&str; 4] = [
            "insufficient_quota",
            "billing_error",
            "billing_hard_limit_reached",
            "billing_not_active",
        ];
        const TEXTS: [&str; 3] = ["spend limit", "spending limit", "exceeded your current quota"];
        self.has_word(&WORDS) || self.says(&TEXTS)
    }
}

/// Says what a response with `status` means, in which the server reported `reported`.
pub(super) fn refused(status: u16, reported: &Reported, wait: Option<Duration>) -> Outcome {
    if matches!(status, 400 | 413 | 422) && reported.is_context() {
        return Outcome::Finished(Finish::Context);
    }
    if matches!(status, 400 | 403 | 422) && reported.is_policy(status == 400) {
        return Outcome::Finished(Finish::ContentFilter);
    }
    let (kind, retry) = match status {
        402 => (ErrorKind::Quota, Retry::StopModel),
        429 if reported.is_quota() => (ErrorKind::Quota, Retry::StopModel),
        401 | 403 => (ErrorKind::Unauthorised, Retry::StopModel),
        429 | 529 => (ErrorKind::Overloaded, again(wait)),
        408 | 409 | 425 | 500.. => (ErrorKind::Server, again(wait)),
        _ => (ErrorKind::Configuration, Retry::Never),
    };
    // Behind a gateway that gave up waiting, the model may have gone on.
    let billed = match status {
        408 | 502 | 504 | 520 | 524 => Billed::Possibly,
        _ => Billed::No,
    };
    Outcome::Failed(Failed { kind, billed, retry })
}

/// Says what an error means that came in the place of an answer, or in the middle of one.
pub(super) fn inside(reported: &Reported, in_stream: bool, wait: Option<Duration>) -> Outcome {
    match refused(reported.status(), reported, wait) {
        Outcome::Failed(failed) if in_stream => {
            Outcome::Failed(Failed { billed: Billed::Possibly, ..failed })
        }
        outcome => outcome,
    }
}

/// Says what it means that a request got no response, or only part of one.
pub(super) fn transport(error: &reqwest::Error) -> Failed {
    let address = sources(error).any(<dyn std::error::Error>::is::<AddressError>);
    let (kind, billed, retry) = if address || error.is_builder() {
        (ErrorKind::Configuration, Billed::No, Retry::StopModel)
    } else if error.is_connect() {
        (ErrorKind::Connect, Billed::No, Retry::After(None))
    } else {
        (ErrorKind::Cut, Billed::Possibly, Retry::After(None))
    };
    Failed { kind, billed, retry }
}

/// What went wrong at the bottom of `error`, without the address.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    sources(error).last().map_or_else(|| "unknown reason".to_owned(), ToString::to_string)
}

/// A request that was written, or may have been, and got no whole answer.
pub(super) fn lost(kind: ErrorKind) -> Failed {
    Failed { kind, billed: Billed::Possibly, retry: Retry::After(None) }
}

/// How long the server asks to wait, from the headers of its response and the body of its error.
pub(crate) fn asked_wait(headers: &HeaderMap, body: &[u8]) -> Option<Duration> {
    wait::asked(headers, body, SystemTime::now())
}

fn again(wait: Option<Duration>) -> Retry {
    match wait {
        Some(wait) if wait > WAIT_MAX => Retry::StopModel,
        wait => Retry::After(wait),
    }
}

fn sources<'a>(
    error: &'a reqwest::Error,
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |source| (**source).source())
}

/// The beginning of what a server says, on one line.
fn gist(text: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failed(kind: ErrorKind, billed: Billed, retry: Retry) -> Outcome {
        Outcome::Failed(Failed { kind, billed, retry })
    }

    #[track_caller]
    fn check(status: u16, body: &Value, expected: &Outcome) {
        let reported = Reported::from_value(body);
        assert_eq!(&refused(status, &reported, None), expected, "{status} with {body}");
    }

    #[test]
    fn the_status_decides_what_a_refusal_means() {
        use Billed::{No, Possibly};
        use ErrorKind::{Configuration, Overloaded, Quota, Server, Unauthorised};
        use Retry::{After, Never, StopModel};
        let rows: [(&[u16], ErrorKind, Billed, Retry); 7] = [
            (&[429, 529], Overloaded, No, After(None)),
            (&[409, 425, 500, 501, 503, 521, 522, 523], Server, No, After(None)),
            (&[408, 502, 504, 520, 524], Server, Possibly, After(None)),
            (&[401, 403], Unauthorised, No, StopModel),
            (&[402], Quota, No, StopModel),
            (&[300, 301, 302, 307, 308], Configuration, No, Never),
            (&[400, 404, 405, 413, 415, 422], Configuration, No, Never),
        ];
        for (statuses, kind, billed, retry) in rows {
            for status in statuses {
                check(*status, &json!({"error": {"message": "no"}}), &failed(kind, billed, retry));
            }
        }
    }

    #[test]
    fn a_full_context_and_a_withheld_answer_are_results() {
        let context = Outcome::Finished(Finish::Context);
        let filter = Outcome::Finished(Finish::ContentFilter);
        let coded = |code: &str| json!({"error": {"message": "m", "code": code}});
        let typed = |kind: &str| json!({"error": {"message": "m", "type": kind}});
        let said = |text: &str| json!({"error": {"message": text}});
        check(400, &coded("context_length_exceeded"), &context);
        check(400, &typed("exceed_context_size_error"), &context);
        check(400, &said("This model's maximum context length is 8192 tokens."), &context);
        check(400, &json!({"object": "error", "message": "Prompt is too long"}), &context);
        check(400, &json!({"detail": "exceeded model token limit: 8192"}), &context);
        check(422, &json!({"error": "larger than the context window"}), &context);
        check(400, &coded("content_policy_violation"), &filter);
        check(400, &coded("content_filter"), &filter);
        check(400, &said("Output blocked by content filtering policy"), &filter);
        check(403, &coded("cyber_policy"), &filter);
    }

    #[test]
    fn a_token_limit_that_no_prompt_would_fit_is_for_the_user_to_mend() {
        let text = "'max_tokens' or 'max_completion_tokens' is too large: 40960. This model's \
                    maximum context length is 40960 tokens and your request has 20 input tokens";
        let expected = failed(ErrorKind::Configuration, Billed::No, Retry::Never);
        check(400, &json!({"message": text}), &expected);
    }

    #[test]
    fn an_account_that_cannot_pay_stops_the_model() {
        let expected = failed(ErrorKind::Quota, Billed::No, Retry::StopModel);
        check(429, &json!({"error": {"code": "insufficient_quota"}}), &expected);
        check(429, &json!({"error": {"message": "You exceeded your current quota"}}), &expected);
    }

    #[test]
    fn a_wait_beyond_ten_minutes_stops_the_model() {
        let after =
            |seconds| refused(429, &Reported::default(), Some(Duration::from_secs(seconds)));
        let overloaded = |retry| failed(ErrorKind::Overloaded, Billed::No, retry);
        assert_eq!(after(600), overloaded(Retry::After(Some(Duration::from_mins(10)))));
        assert_eq!(after(601), overloaded(Retry::StopModel));
    }

    #[track_caller]
    fn check_inside(error: &Value, kind: ErrorKind, retry: Retry) {
        let reported = Reported::from_value(&json!({ "error": error }));
        let plain = inside(&reported, false, None);
        assert!(
            matches!(plain, Outcome::Failed(f) if f.kind == kind && f.retry == retry),
            "{error}"
        );
        assert_eq!(inside(&reported, true, None), failed(kind, Billed::Possibly, retry), "{error}");
    }

    #[test]
    fn an_error_inside_an_answer_is_told_by_its_code_or_its_words() {
        use ErrorKind::{Configuration, Overloaded, Quota, Server, Unauthorised};
        let again = Retry::After(None);
        check_inside(&json!({"code": 429, "message": "slow down"}), Overloaded, again);
        check_inside(&json!({"code": "502"}), Server, again);
        check_inside(&json!({"type": "overloaded_error"}), Overloaded, again);
        check_inside(&json!({"code": "rate_limit_exceeded"}), Overloaded, again);
        check_inside(&json!({"code": 401}), Unauthorised, Retry::StopModel);
        check_inside(&json!({"code": 402}), Quota, Retry::StopModel);
        check_inside(&json!({"type": "invalid_request_error"}), Configuration, Retry::Never);
        check_inside(&json!("upstream fell over"), Server, again);
        check_inside(&json!({"code": 12345}), Server, again);
        check_inside(&json!([1, 2]), Server, again);
    }

    #[test]
    fn the_message_is_found_in_every_shape_of_error() {
        let cases: [(&[u8], &str); 9] = [
            (br#"{"error":{"message":"a\n  b","type":"t"}}"#, "a b"),
            (br#"{"error":"a"}"#, "a"),
            (br#"{"object":"error","message":"a"}"#, "a"),
            (br#"{"detail":"a"}"#, "a"),
            (br#"{"detail":[{"msg":"a"}]}"#, r#"[{"msg":"a"}]"#),
            (br#"{"error":{"code":7}}"#, r#"{"code":7}"#),
            (b"<html>\n<b>Bad gateway</b>", "<html> <b>Bad gateway</b>"),
            (b"\xff", "\u{fffd}"),
            (b"", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(Reported::from_body(body).message, expected);
        }
        assert_eq!(Reported::from_body("é".repeat(999).as_bytes()).message.chars().count(), 301);
    }
}
