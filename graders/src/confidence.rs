//! Reads how sure a model says it is: a line of its own such as `Confidence: 85`.
//!
//! Nothing is guessed: a line that says anything else, or a number outside 0 to 100, states no confidence.

/// Returns the last stated confidence in `text`, 0 to 100.
pub(crate) fn stated(text: &str) -> Option<f64> {
    text.lines().rev().find_map(line)
}

fn line(line: &str) -> Option<f64> {
    let plain: String = line.chars().filter(|c| !matches!(c, '*' | '_' | '`')).collect();
    let plain = plain.trim();
    let (word, rest) = plain.split_once(':')?;
    if !word.trim().eq_ignore_ascii_case("confidence") {
        return None;
    }
    let rest = rest.trim().trim_end_matches('.');
    let number = rest.strip_suffix('%').unwrap_or(rest).trim_end();
    let digits = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let value: f64 = number.parse().ok().filter(|_| digits)?;
    (0.0..=100.0).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        assert_eq!(stated(text), expected, "in {text:?}");
    }

    #[test]
    fn a_line_of_its_own_states_a_confidence() {
        check("Answer: 5\nConfidence: 85", Some(85.0));
        check("Confidence: 85%\nAnswer: 5\n", Some(85.0));
        check("**Confidence:** 99.5 %", Some(99.5));
        check("confidence : 0", Some(0.0));
        check("Confidence: 40\nNo, wait.\nCONFIDENCE: 70.", Some(70.0));
    }

    #[test]
    fn what_is_no_number_from_0_to_100_states_nothing() {
        for text in [
            "",
            "I have confidence: 85",
            "Confidence: high",
            "Confidence: 101",
            "Confidence: -5",
            "Confidence: 85 of 100",
            "Confidence: 1e1",
            "Confidence: NaN",
            "Confidence 85",
            "Confidence:",
            "Confidence: 8 5",
        ] {
            check(text, None);
        }
    }
}
