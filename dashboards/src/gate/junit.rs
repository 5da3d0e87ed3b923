//! The gate for test reporters: a test suite whose cases are the rules.
//!
//! The shape is that of the `JUnit` schema which Jenkins and GitLab read: `testsuites`, `testsuite`,
//! `properties`, `testcase`, and in a case at most one of `failure`, `error` and `skipped`.

use std::fmt::Write as _;

use super::words::{changed, details, finding, headline, name};
use super::{Gate, Rule, Verdict};
use crate::text::visible;

/// Flips listed in a failure.
const FLIPS_LISTED: usize = 20;

/// Returns `gate` as one `JUnit` document.
pub(super) fn render(gate: &Gate) -> String {
    // What could not be measured is an error of the gate itself, not a failure of a rule.
    let invalid = usize::from(!gate.invalid.is_empty());
    let count = |wanted: Verdict| gate.rules.iter().filter(|rule| rule.verdict == wanted).count();
    let tests = gate.rules.len() + invalid;
    let warns = gate.exit_code == 0;
    let (open, failures) = (count(Verdict::Inconclusive), count(Verdict::Regress));
    let (failures, skipped) = if warns { (failures, open) } else { (failures + open, 0) };
    let errors = count(Verdict::Invalid) + invalid;
    let counts = format!(
        "name=\"tripos gate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"0\""
    );
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // `testsuites` has no attribute for skipped cases in the schema that Jenkins publishes.
    let outer = counts.replace(&format!(" skipped=\"{skipped}\""), "");
    let _ = writeln!(text, "<testsuites {outer}>\n  <testsuite {counts}>\n    <properties>");
    for (key, value) in [
        ("verdict", gate.verdict.as_str().to_owned()),
        ("policy", gate.policy.clone()),
        ("alpha", gate.alpha.to_string()),
        ("baseline", gate.baseline.name.clone()),
        ("candidate", gate.candidate.name.clone()),
    ] {
        let _ = writeln!(text, "      <property name=\"{key}\" value=\"{}\"/>", escape(&value));
    }
    text.push_str("    </properties>\n");
    if invalid > 0 {
        let body = gate.invalid.join("\n");
        case(&mut text, "comparable", ("error", &headline(gate)), &body);
    }
    for rule in &gate.rules {
        rule_case(&mut text, gate, rule, warns);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn rule_case(text: &mut String, gate: &Gate, rule: &Rule, warns: bool) {
    let title = name(rule);
    let kind = match rule.verdict {
        Verdict::Pass => {
            let _ = writeln!(
                text,
                "    <testcase name=\"{}\" classname=\"tripos.gate\" time=\"0\"/>",
                escape(&title)
            );
            return;
        }
        Verdict::Inconclusive if warns => "skipped",
        Verdict::Inconclusive | Verdict::Regress => "failure",
        Verdict::Invalid => "error",
    };
    let mut body = details(rule);
    body.push(changed(gate));
    let of_rule = |task: &str| rule.task == "*" || rule.task == task;
    let lost = gate.flips.iter().filter(|flip| flip.candidate < flip.baseline);
    for flip in lost.filter(|flip| of_rule(&flip.task)).take(FLIPS_LISTED) {
        body.push(format!("{} {}: {} ({})", flip.task, flip.item, flip.outcome, flip.trial));
    }
    case(text, &title, (kind, &finding(rule)), &body.join("\n"));
}

fn case(text: &mut String, name: &str, (kind, message): (&str, &str), body: &str) {
    let (name, message, body) = (escape(name), escape(message), escape(body));
    let _ = writeln!(
        text,
        "    <testcase name=\"{name}\" classname=\"tripos.gate\" time=\"0\">\n      \
         <{kind} message=\"{message}\">{body}</{kind}>\n    </testcase>"
    );
}

/// Makes text harmless in XML, in attributes and outside.
fn escape(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\t', "&#9;")
}
