//! Tests of finding and comparing mathematical answers.

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use serde_json::Value;
use tripos_tasks::GraderSpec;

use super::*;
use crate::tests::{graded, item};

#[track_caller]
fn check(gold: i64, text: &str, outcome: Outcome, reason: Option<&str>) {
    let mut item = item(Target::Integer(gold.into()));
    item.decoys.insert("poison".to_owned(), "1,999".to_owned());
    let grade = graded(&GraderSpec::Integer, &item, text);
    let seen = (grade.outcome, grade.detail.reason.as_deref());
    assert_eq!(seen, (outcome, reason), "in {text:?}: {:?}", grade.detail);
    let poisoned = outcome == Outcome::Incorrect && text.contains("1999") && reason.is_none();
    assert_eq!(grade.detail.decoy.is_some(), poisoned, "in {text:?}");
}

#[test]
fn the_gold_is_right_wherever_the_rules_find_it() {
    for text in [
        "ANSWER: 27",
        "ANSWER: 27.0",
        "ANSWER: $27$",
        "ANSWER: \\boxed{27}",
        "ANSWER: 54/2",
        "ANSWER: x = 27",
        "ANSWER: 027",
        "**ANSWER: 27.**",
        "Thus \\boxed{27}.",
        "The answer is 27.",
        "<answer>27</answer>",
        "#### 27",
        "so $27$",
        "It comes to 27.",
        "\\boxed{27} or \\boxed{27}",
    ] {
        check(27, text, Outcome::Correct, None);
    }
}

#[test]
fn another_number_is_wrong_and_a_decoy_is_named() {
    for text in [
        "ANSWER: 28",
        "ANSWER: -27",
        "ANSWER: 2.7",
        "ANSWER: 1/27",
        "ANSWER: 1999",
        "\\boxed{1999}",
    ] {
        check(27, text, Outcome::Incorrect, None);
    }
    check(27, "ANSWER: 28\nIn words: 27", Outcome::Incorrect, None);
}

#[test]
fn the_gold_beside_another_value_is_a_hedge() {
    for text in [
        "ANSWER: 27 or 28",
        "ANSWER: 28 or 27",
        "ANSWER: 27, 28",
        "ANSWER: 28; 27",
        "It is 28 or 27.",
        "ANSWER: 27 and 28",
        "Either \\boxed{28} or \\boxed{27}.",
        "$28 \\text{ or } 27$",
        "The answer is 28 or 27.",
        "Between 26-27",
    ] {
        check(27, text, Outcome::Incorrect, Some("hedge"));
    }
}

#[test]
fn what_is_no_mathematics_is_not_parsed() {
    check(27, "ANSWER: none of these is right", Outcome::Unparsed, Some("not_parsed"));
    check(27, "ANSWER: 27 is wrong", Outcome::Unparsed, Some("not_parsed"));
    check(27, "I do not know.", Outcome::Unparsed, Some("no_answer"));
    check(27, "\\boxed{27} so \\boxed{2\n7", Outcome::Unparsed, Some("broken_box"));
    check(27, "ANSWER: 27\nANSWER:", Outcome::Unparsed, Some("empty_answer"));
    check(27, "<think>27", Outcome::Unparsed, Some("truncated_think"));
}

#[test]
fn what_is_over_the_limits_is_undecided_unless_it_is_the_gold() {
    check(27, "ANSWER: 1e999999999", Outcome::Undecided, Some("limit"));
    check(27, &format!("ANSWER: {}", "2".repeat(1 << 20)), Outcome::Undecided, Some("limit"));
    let digits = "7".repeat(5000);
    let gold = item(Target::Integer(digits.parse().expect("digits")));
    let grade = graded(&GraderSpec::Integer, &gold, &format!("ANSWER: {digits}"));
    assert_eq!(grade.outcome, Outcome::Correct);
}

#[test]
fn a_fraction_is_right_as_any_of_its_spellings() {
    let gold = item(Target::Rational(BigRational::new(11.into(), 18.into())));
    for (text, outcome) in [
        ("ANSWER: 11/18", Outcome::Correct),
        ("ANSWER: 22/36", Outcome::Correct),
        ("\\boxed{\\frac{11}{18}}", Outcome::Correct),
        ("ANSWER: 0.611111", Outcome::Correct),
        ("ANSWER: 0.61", Outcome::Incorrect),
        ("ANSWER: 18/11", Outcome::Incorrect),
        ("ANSWER: 11/18 or 7/18", Outcome::Incorrect),
    ] {
        assert_eq!(graded(&GraderSpec::Rational, &gold, text).outcome, outcome, "{text:?}");
    }
}

/// Every way of writing `value` that must be accepted.
fn typesettings(value: &BigInt) -> Vec<String> {
    let plain = value.to_string();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.as_str()),
    };
    let group = |separator: &str| {
        let mut grouped = String::new();
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n) % 3 == 0 {
                grouped.push_str(separator);
            }
            grouped.push(digit);
        }
        format!("{sign}{grouped}")
    };
    let mut written = [",", "{,}", "\\,", " ", "_"].map(group).to_vec();
    written.extend([
        plain.clone(),
        plain.replace('-', "−"),
        format!("{plain}.0"),
        format!("{plain}."),
        format!("${plain}$"),
        format!("\\boxed{{{plain}}}"),
        format!("\\dfrac{{{plain}}}{{1}}"),
        format!("\\left({plain}\\right)"),
        format!("{sign}00{digits}"),
        format!("{plain}/1"),
    ]);
    written
}

/// Every way of ending an answer on `written`.
fn endings(written: &str) -> Vec<String> {
    vec![
        format!("Working.\nANSWER: {written}"),
        format!("**ANSWER:** {written}\n"),
        format!("<think>0</think>\nANSWER: {written}"),
        format!("So it is \\boxed{{{written}}}."),
        format!("<answer>{written}</answer>"),
        format!("The final answer is: {written}"),
    ]
}

proptest! {
    #[test]
    fn the_gold_is_right_in_all_its_typesettings(digits in "-?[1-9][0-9]{0,60}") {
        let gold: BigInt = digits.parse().expect("digits");
        let item = item(Target::Integer(gold.clone()));
        for text in typesettings(&gold).iter().flat_map(|written| endings(written)) {
            let grade = graded(&GraderSpec::Integer, &item, &text);
            prop_assert_eq!(grade.outcome, Outcome::Correct, "{}: {:?}", text, grade.detail);
        }
    }

    #[test]
    fn wrong_variants_of_the_gold_are_rejected(digits in "-?[1-9][0-9]{0,60}") {
        let gold: BigInt = digits.parse().expect("digits");
        let item = item(Target::Integer(gold.clone()));
        let next: BigInt = &gold + 1_i32;
        let variants: [String; 7] = [
            next.to_string(),
            (-&gold).to_string(),
            (&gold * 10_i32).to_string(),
            format!("{gold} or {next}"),
            format!("{next}, {gold}"),
            format!("either {gold} or 0"),
            String::new(),
        ];
        for text in variants.iter().flat_map(|wrong| endings(wrong)) {
            let grade = graded(&GraderSpec::Integer, &item, &text);
            prop_assert_ne!(grade.outcome, Outcome::Correct, "{}: {:?}", text, grade.detail);
        }
        for text in endings(&gold.to_string()) {
            let grade = graded(&GraderSpec::Integer, &item, &format!("<think>{text}</think>\n"));
            prop_assert_ne!(grade.outcome, Outcome::Correct, "{}", text);
        }
    }
}

/// A case of one of the case files.
struct Case {
    line: String,
    gold: String,
    pred: String,
    expected: bool,
    response: bool,
    core: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let read = |line: &str| {
        let case: Value = serde_json::from_str(line).expect("a case a line");
        let field = |name: &str| case[name].as_str().expect("a text field").to_owned();
        Case {
            line: line.to_owned(),
            gold: field("gold"),
            pred: field("pred"),
            expected: case["expected"].as_bool().expect("a verdict"),
            response: field("level") == "response",
            core: case["tier"] != "policy",
        }
    };
    text.lines().map(read).collect()
}

impl Case {
    fn grade(&self) -> Offline {
        let policy = MathPolicy::default();
        if self.response {
            grade_response(&self.gold, &self.pred, &policy)
        } else {
            grade_answer(&self.gold, &self.pred, &policy)
        }
    }

    fn is_right(&self) -> bool {
        self.grade().comparison.is_equal() == self.expected
    }
}

/// The text at `path`; where it is absent the test is skipped, unless it is told not to.
#[expect(clippy::disallowed_methods, reason = "a test reads its cases and how strict it is to be")]
fn shared(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path);
    if let Err(error) = &text {
        let required = std::env::var("TRIPOS_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!required, "`{path}` is required: {error}");
        println!("skipped: `{path}`: {error}");
    }
    text.ok()
}

#[test]
fn the_development_cases_are_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/math_equiv_dev.jsonl");
    let Some(text) = shared(path) else { return };
    let all = cases(&text);
    let wrong: Vec<&Case> = all.iter().filter(|case| !case.is_right()).collect();
    let core = wrong.iter().filter(|case| case.core).count();
    println!("{} of {} right, {core} core cases wrong", all.len() - wrong.len(), all.len());
    let false_positives: Vec<&str> =
        wrong.iter().filter(|case| !case.expected).map(|case| case.line.as_str()).collect();
    assert!(false_positives.is_empty(), "{false_positives:#?}");
    // One case wants two texts to be equal that differ in their words; no text is compared loosely.
    let unexpected: Vec<&str> = wrong
        .iter()
        .filter(|case| !case.line.contains("text_paraphrase"))
        .map(|case| case.line.as_str())
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn our_own_cases_are_all_right() {
    let all = cases(include_str!("../../fixtures/math_cases.jsonl"));
    assert!(all.len() >= 2000, "{} cases", all.len());
    let wrong: Vec<&str> =
        all.iter().filter(|case| !case.is_right()).map(|case| case.line.as_str()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The golds of the public sets, by the field that holds them.
fn public_golds() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/public/");
    let mut golds = Vec::new();
    for (file, expected) in [("math500/test.jsonl", 500), ("gsm8k/test.jsonl", 1319)] {
        let Some(text) = shared(&format!("{folder}{file}")) else { continue };
        let before = golds.len();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).expect("a row a line");
            let answer = row["answer"].as_str().expect("a text field");
            let gold = answer.rsplit("#### ").next().expect("a last part");
            golds.push(gold.trim().to_owned());
        }
        assert_eq!(golds.len() - before, expected, "rows of {file}");
    }
    golds
}

#[track_caller]
fn check_equal(gold: &str, answer: &str, equal: bool) {
    let comparison = grade_answer(gold, answer, &MathPolicy::default()).comparison;
    assert_eq!(comparison.is_equal(), equal, "{gold:?} and {answer:?}: {comparison:?}");
}

#[test]
fn public_golds_equal_themselves_in_every_dress() {
    for gold in public_golds() {
        let typeset = gold
            .replace("\\frac", "\\dfrac")
            .replace("\\ddfrac", "\\dfrac")
            .replace("\\left", "")
            .replace("\\right", "")
            .replace('(', "\\left(")
            .replace(')', "\\right)");
        for answer in [gold.clone(), format!("${gold}$"), format!("\\boxed{{{gold}}}"), typeset] {
            check_equal(&gold, &answer, true);
        }
        let boxed = format!("So the answer is\n\\[\\boxed{{{gold}}}\\]");
        let response = grade_response(&gold, &boxed, &MathPolicy::default());
        assert!(response.comparison.is_equal(), "{gold:?}: {response:?}");
    }
}

/// `text` with the whole number at `at` changed by `by`; nothing where it is part of a decimal.
fn changed(text: &str, at: std::ops::Range<usize>, by: i32) -> String {
    let number: BigInt = text[at.clone()].parse().expect("digits");
    let width = at.len();
    let changed = (number + by).to_string();
    format!("{}{changed:0>width$}{}", &text[..at.start], &text[at.end..])
}

#[test]
fn public_golds_with_a_number_changed_are_different() {
    let (mut tried, mut equal) = (0, Vec::new());
    for gold in public_golds() {
        let bytes = gold.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let length = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if length == 0 {
                at += 1;
                continue;
            }
            for by in [1, -1] {
                if gold[at..at + length].bytes().all(|b| b == b'0') && by < 0 {
                    continue;
                }
                let wrong = changed(&gold, at..at + length, by);
                let comparison = grade_answer(&gold, &wrong, &MathPolicy::default()).comparison;
                tried += 1;
                if comparison.is_equal() {
                    equal.push((gold.clone(), wrong, comparison));
                }
            }
            at += length;
        }
    }
    println!("{tried} changed golds, {} equal", equal.len());
    // 13x^1 and the like: equal by the exact tier only, and rarely.
    assert!(equal.iter().all(|(.., comparison)| comparison.method == "exact"), "{equal:#?}");
    assert!(equal.len() <= tried / 500, "{equal:#?}");
}

/// A text of the hostile file: written out, repeated, or put together from such.
fn expanded(recipe: &Value) -> String {
    if let Some(text) = recipe.as_str() {
        return text.to_owned();
    }
    if let Some(parts) = recipe["concat"].as_array() {
        return parts.iter().map(expanded).collect();
    }
    let part = |n: usize| recipe["repeat"][n].as_str().expect("a text");
    let times = recipe["repeat"][2].as_u64().expect("a count");
    let times = usize::try_from(times).expect("a count");
    format!("{}{}{}", part(0), part(1).repeat(times), part(3))
}

#[test]
fn hostile_inputs_cost_a_bounded_number_of_steps() {
    let all: Vec<Value> =
        serde_json::from_str(include_str!("../../fixtures/math_hostile.json")).expect("JSON");
    assert!(all.len() >= 300, "{} inputs", all.len());
    for case in all {
        let (gold, pred) = (expanded(&case["gold"]), expanded(&case["pred"]));
        let policy = MathPolicy::default();
        let offline = if case["level"] == "response" {
            grade_response(&gold, &pred, &policy)
        } else {
            grade_answer(&gold, &pred, &policy)
        };
        let verdict = serde_json::to_value(offline.comparison.verdict).expect("a name");
        let allowed = case["allowed"].as_array().expect("a list");
        assert!(allowed.contains(&verdict), "{}: {:?}", case["name"], offline.comparison);
        // Each pair of readings has a budget of its own.
        assert!(offline.comparison.steps <= 16 * math::STEPS_MAX, "{}", case["name"]);
    }
}

/// The rows of the tables that have a gold, an answer and whether they are equal.
fn documented() -> Vec<(String, String, bool)> {
    let page = include_str!("../../../docs/grading-math.md");
    let row = |line: &str| {
        let cells: Vec<&str> =
            line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [gold, answer, equal, ..] = cells[..] else { return None };
        let code = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        let equal = match equal {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some((code(gold)?, code(answer)?, equal))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_page_for_users_says_what_is_so() {
    let rows = documented();
    assert!(rows.len() >= 70, "{} rows", rows.len());
    for (gold, answer, equal) in rows {
        check_equal(&gold, &answer, equal);
    }
}

#[test]
fn the_policies_change_what_they_say() {
    let default = MathPolicy::default();
    let cases = [
        ("2", "\\log e^2", MathPolicy { natural_log: true, ..default.clone() }, true),
        ("2.67", "\\frac{8}{3}", MathPolicy { rounded_gold: true, ..default.clone() }, true),
        ("\\frac12", "\\frac24", MathPolicy { require_reduced: true, ..default.clone() }, false),
        ("x^2+C", "x^2", MathPolicy { require_constant: true, ..default.clone() }, false),
        ("1,2", "2,1", MathPolicy { ordered: true, ..default.clone() }, false),
        ("(0,1)", "0<x<1", MathPolicy { strict_intervals: true, ..default.clone() }, false),
        ("\\pi", "3.1416", MathPolicy { relative_tolerance: Some(1e-4), ..default.clone() }, true),
    ];
    for (gold, answer, policy, with) in cases {
        let equal = |policy| grade_answer(gold, answer, policy).comparison.is_equal();
        assert_eq!((equal(&default), equal(&policy)), (!with, with), "{gold} and {answer}");
    }
    let strict = MathPolicy { strict_extraction: true, ..default.clone() };
    let found = |policy| grade_response("7", "so there are 7", policy).comparison.is_equal();
    assert_eq!((found(&default), found(&strict)), (true, false));
}
