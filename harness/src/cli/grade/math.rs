//! `tripos grade math`: mathematical answers against their golds.

use std::process::ExitCode;

use serde_json::{Value, json};
use tripos_graders::{Offline, grade_answer, grade_response};
use tripos_tasks::MathPolicy;

use super::lines::{self, Files};
use crate::cli::Context;
use crate::failure::Failure;

/// Grade mathematical answers
///
/// In: `{"id", "gold", "answer"}` with a final answer, or `{"id", "gold", "response"}` with a whole
/// completion to find it in. A line may carry a `policy`, an object with the keys of the grader
/// `expression`. Out: `{"id", "verdict", "extracted", "method", "reason"}` with the rule that found the
/// answer, the rules of the semantics table that an `equal` leans on, and the steps it took.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct MathArgs {
    #[command(flatten)]
    files: Files,
}

/// Grades every line.
pub(super) fn run(context: &Context, arguments: &MathArgs) -> Result<ExitCode, Failure> {
    lines::run(context, &arguments.files, arguments.files.threads.unwrap_or(0), grade)
}

/// Grades one line.
fn grade(line: &Value) -> Result<Value, String> {
    let field = |name: &str| match &line[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_str())),
        _ => Err(format!("`{name}` is not a text")),
    };
    let gold = field("gold")?.ok_or("no `gold`")?;
    let policy = match &line["policy"] {
        policy @ Value::Object(_) => {
            serde_json::from_value(policy.clone()).map_err(|error| format!("`policy`: {error}"))?
        }
        // The case files name the row of the semantics table here.
        _ => MathPolicy::default(),
    };
    let is_response = field("level")? == Some("response");
    let offline = match (field("answer")?, field("response")?, field("pred")?) {
        (Some(answer), None, None) => grade_answer(gold, answer, &policy),
        (None, Some(response), None) => grade_response(gold, response, &policy),
        (None, None, Some(pred)) if is_response => grade_response(gold, pred, &policy),
        (None, None, Some(pred)) => grade_answer(gold, pred, &policy),
        (None, None, None) => return Err("neither `answer` nor `response`".to_owned()),
        _ => return Err("more than one of `answer`, `response` and `pred`".to_owned()),
    };
    Ok(written(&line["id"], offline))
}

fn written(id: &Value, offline: Offline) -> Value {
    let comparison = offline.comparison;
    json!({
        "id": id,
        "verdict": comparison.verdict,
        "extracted": offline.extracted,
        "method": comparison.method,
        "reason": comparison.reason,
        "extraction": offline.rule,
        "rules": comparison.rules,
        "steps": comparison.steps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &Value, expected: Result<(&str, Option<&str>), &str>) {
        let graded = grade(line);
        let seen = graded.as_ref().map_err(String::as_str).map(|graded| {
            (graded["verdict"].as_str().expect("a verdict"), graded["extracted"].as_str())
        });
        assert_eq!(seen, expected, "{line}: {graded:?}");
    }

    #[test]
    fn a_line_holds_a_gold_and_an_answer_or_a_response() {
        check(&json!({"gold": "1/2", "answer": "0.5"}), Ok(("equal", Some("0.5"))));
        check(&json!({"gold": "1/2", "response": "So \\boxed{2}."}), Ok(("not_equal", Some("2"))));
        check(&json!({"gold": "1", "response": "Hm."}), Ok(("not_equal", None)));
        check(
            &json!({"gold": "1", "pred": "\\boxed{1}", "level": "response"}),
            Ok(("equal", Some("1"))),
        );
        check(
            &json!({"gold": "9^{9^{9^9}}", "answer": "3^{9^9}"}),
            Ok(("unknown", Some("3^{9^9}"))),
        );
        check(&json!({"answer": "1"}), Err("no `gold`"));
        check(&json!({"gold": 1, "answer": "1"}), Err("`gold` is not a text"));
        check(&json!({"gold": "1"}), Err("neither `answer` nor `response`"));
    }

    #[test]
    fn a_policy_changes_a_verdict() {
        let policy = json!({"require_reduced": true});
        check(&json!({"gold": "1/2", "answer": "2/4"}), Ok(("equal", Some("2/4"))));
        check(
            &json!({"gold": "1/2", "answer": "2/4", "policy": policy}),
            Ok(("not_equal", Some("2/4"))),
        );
        check(
            &json!({"gold": "1/2", "answer": "2/4", "policy": "unreduced"}),
            Ok(("equal", Some("2/4"))),
        );
        let wrong = grade(&json!({"gold": "1", "answer": "1", "policy": {"reduce": true}}));
        assert!(wrong.expect_err("an unknown key").starts_with("`policy`: unknown field `reduce`"));
    }
}
