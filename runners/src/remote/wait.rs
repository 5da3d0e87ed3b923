//! How long a server asks to be left alone, in every form servers have for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;
use serde_json::Value;

/// From here on a number of seconds is a point in time, and from a thousand times it one in milliseconds.
const EPOCH_SECONDS_MIN: f64 = 1e9;

/// Returns how long after `now` the next request is welcome, if the server says.
///
/// The first form found counts: `retry-after-ms`, `retry-after` (seconds or a date), a `retryDelay` in
/// the details of the error, the latest reset among the rate limits.
pub(super) fn asked(headers: &HeaderMap, body: &[u8], now: SystemTime) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let in_ms = || header("retry-after-ms")?.parse().ok().and_then(|ms: f64| seconds(ms / 1000.0));
    let after = || {
        let text = header("retry-after")?;
        match text.parse() {
            Ok(number) => seconds(number),
            Err(_) => Some(until(httpdate::parse_http_date(text).ok()?, now)),
        }
    };
    in_ms().or_else(after).or_else(|| delay_in(body)).or_else(|| latest_reset(headers, now))
}

/// The `retryDelay` among the details of an error.
fn delay_in(body: &[u8]) -> Option<Duration> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let details = value["error"]["details"].as_array()?;
    details.iter().find_map(|detail| spelled(detail["retryDelay"].as_str()?))
}

fn latest_reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let resets = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        name.starts_with("x-ratelimit-reset")
            || (name.starts_with("anthropic-ratelimit-") && name.ends_with("-reset"))
    });
    resets.filter_map(|(_, value)| reset(value.to_str().ok()?.trim(), now)).max()
}

/// Reads a reset: seconds, a point in time, or a duration such as `1m30s`.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let point = |secs: f64| Some(until(UNIX_EPOCH.checked_add(seconds(secs)?)?, now));
    match text.parse::<f64>() {
        Ok(number) if number >= EPOCH_SECONDS_MIN * 1000.0 => point(number / 1000.0),
        Ok(number) if number >= EPOCH_SECONDS_MIN => point(number),
        Ok(number) => seconds(number),
        Err(_) => spelled(text).or_else(|| Some(until(rfc3339(text)?, now))),
    }
}

/// Reads a duration of numbers and units: `500ms`, `12s`, `1h2m3.5s`.
fn spelled(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len())];
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(seconds(number * factor)?)?;
        rest = &rest[digits + unit.len()..];
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// Reads a point in time such as `2026-09-30T12:00:00.5Z` or one with an offset; fractions round down.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let field = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let separators = [(4, '-'), (7, '-'), (13, ':'), (16, ':')];
    if !text.is_ascii() || separators.iter().any(|(at, c)| text[..].chars().nth(*at) != Some(*c)) {
        return None;
    }
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    let fits =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970, with years that begin in March (H. Hinnant, `days_from_civil`).
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted_year / 400, shifted_year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year)
        .checked_sub(719_468)?;
    let local = Duration::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second);
    let zone = text[19..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = |zone: &str| {
        let (hours, minutes) = zone.split_once(':')?;
        let minutes =
            hours.parse::<u64>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)?;
        Some(Duration::from_secs(minutes.checked_mul(60)?))
    };
    let since_epoch = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => Some(local),
        ("+", east) => local.checked_sub(offset(east)?),
        ("-", west) => local.checked_add(offset(west)?),
        _ => None,
    };
    UNIX_EPOCH.checked_add(since_epoch?)
}

fn until(point: SystemTime, now: SystemTime) -> Duration {
    point.duration_since(now).unwrap_or_default()
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// 2026-09-30T12:00:00Z.
    const NOW: u64 = 1_790_769_600;

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &str, expected_ms: Option<u64>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a header name");
                (name, HeaderValue::from_str(value).expect("a header value"))
            })
            .collect();
        let got = asked(&headers, body.as_bytes(), UNIX_EPOCH + Duration::from_secs(NOW));
        assert_eq!(got, expected_ms.map(Duration::from_millis), "{headers:?} {body}");
    }

    #[test]
    fn reads_retry_after_in_each_of_its_forms() {
        check(&[], "", None);
        check(&[("retry-after", "7")], "", Some(7000));
        check(&[("retry-after", " 0.25 ")], "", Some(250));
        check(&[("retry-after", "Wed, 30 Sep 2026 12:00:30 GMT")], "", Some(30_000));
        check(&[("retry-after", "Wed, 30 Sep 2026 11:00:00 GMT")], "", Some(0));
        check(&[("retry-after", "9"), ("retry-after-ms", "1500")], "", Some(1500));
        for nonsense in ["", "soon", "-5", "NaN", "inf", "1e400"] {
            check(&[("retry-after", nonsense)], "", None);
        }
    }

    #[test]
    fn reads_the_delay_in_the_details_of_an_error() {
        let body = r#"{"error":{"details":[{"a":1},{"retryDelay":"12.5s"}]}}"#;
        check(&[], body, Some(12_500));
        check(&[("retry-after", "3")], body, Some(3000));
        check(&[], r#"{"error":{"details":[{"retryDelay":"soon"}]}}"#, None);
        check(&[], r#"{"error":{"details":{"retryDelay":"1s"}}}"#, None);
    }

    #[test]
    fn takes_the_latest_reset_of_the_rate_limits() {
        check(
            &[("x-ratelimit-reset-requests", "500ms"), ("x-ratelimit-reset-tokens", "1m30s")],
            "",
            Some(90_000),
        );
        check(&[("x-ratelimit-reset-tokens", "2.5")], "", Some(2500));
        check(&[("x-ratelimit-reset", "1790769610")], "", Some(10_000));
        check(&[("x-ratelimit-reset", "1790769610500")], "", Some(10_500));
        let reset = "anthropic-ratelimit-tokens-reset";
        check(&[(reset, "2026-09-30T12:00:05Z")], "", Some(5000));
        check(&[(reset, "2026-09-30T12:00:05.750Z")], "", Some(5000));
        check(&[(reset, "2026-09-30T14:00:05+02:00")], "", Some(5000));
        check(&[(reset, "2026-09-30T10:30:05-01:30")], "", Some(5000));
        check(&[(reset, "2026-09-30T11:00:00Z")], "", Some(0));
        check(&[(reset, "2028-03-01T00:00:00Z")], "", Some(44_712_000_000));
        for nonsense in
            ["2026-13-30T12:00:05Z", "2026-09-30", "2026-09-30T12:00:05", "é", "1x", "5 s"]
        {
            check(&[("x-ratelimit-reset-tokens", nonsense)], "", None);
        }
        check(&[("anthropic-ratelimit-tokens-limit", "5")], "", None);
    }
}
