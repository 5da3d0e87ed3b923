//! The report for programs: the view data as it is, under a schema number.
//!
//! A change that a reader of schema 1 would trip over needs schema 2.

use serde::Serialize;

use crate::excerpt::{Limits, excerpt};
use crate::report::Report;

/// The format's version.
const SCHEMA: u32 = 1;

/// What the file holds of each comparison's flips.
const LIMITS: Limits = Limits { flips: 2_000, characters: 20_000 };

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    kind: &'static str,
    /// What was left out of the flips, for each comparison.
    left_out: Vec<Vec<String>>,
    #[serde(flatten)]
    report: &'a Report,
}

/// Returns `report` as one JSON document that ends in a line feed.
///
/// # Panics
///
/// Never: the view data holds nothing that JSON cannot say.
pub(crate) fn render(report: &Report) -> String {
    let mut shown = report.clone();
    let mut left_out = Vec::new();
    for (comparison, kept) in report.comparisons.iter().zip(&mut shown.comparisons) {
        let excerpt = excerpt(report, comparison, LIMITS);
        kept.flips = excerpt.flips;
        left_out.push(excerpt.left_out);
    }
    let document = Document { schema: SCHEMA, kind: "report", left_out, report: &shown };
    let mut text = serde_json::to_string_pretty(&document).expect("view data is plain data");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fixture::{empty, two_arms};

    #[test]
    fn the_document_carries_its_version_and_the_numbers_as_they_came() {
        let document: Value = serde_json::from_str(&render(&two_arms())).expect("it is JSON");
        assert_eq!(document["schema"], 1);
        assert_eq!(document["kind"], "report");
        let keys: Vec<&str> =
            document.as_object().expect("an object").keys().map(String::as_str).collect();
        insta::assert_snapshot!(keys.join(" "), @"schema kind left_out title created confidence notices arms tasks comparisons items provenance");
        insta::assert_snapshot!(
            document["comparisons"][0]["overall"].to_string(),
            @r#"{"figure":{"estimate":0.129,"lower":0.047,"upper":0.211,"n":138,"method":"paired t, by item"},"direction":"better","p_value":0.0023,"p_adjusted":null,"test":"sign flip, exact"}"#
        );
        assert_eq!(document["arms"][0]["experts"]["state"], "observed");
        assert_eq!(document["comparisons"][0]["flips"][0]["baseline"]["span"][0], 8);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let mut report = two_arms();
        report.tasks[0].cells[0].accuracy.estimate = None;
        let document: Value = serde_json::from_str(&render(&report)).expect("it is JSON");
        assert!(document["tasks"][0]["cells"][0]["accuracy"]["estimate"].is_null());
        assert!(render(&empty()).ends_with("}\n"));
    }
}
