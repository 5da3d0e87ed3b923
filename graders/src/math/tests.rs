//! Tests of grading numbers.

use num_bigint::BigInt;
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
fn what_is_no_number_is_not_parsed() {
    check(27, "ANSWER: twenty-seven", Outcome::Unparsed, Some("not_a_number"));
    check(27, "ANSWER: 27 is wrong", Outcome::Unparsed, Some("not_a_number"));
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

/// The published development cases whose gold is a number, as this grader sees them.
#[test]
fn no_false_positive_among_the_development_cases() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/math_equiv_dev.jsonl");
    let Some(cases) = shared(path) else { return };
    let (mut numbers, mut right) = (0, 0);
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).expect("a case a line");
        let field = |name: &str| case[name].as_str().expect("a text field");
        let Some((item, extracted)) = number_case(field("gold"), field("level"), field("pred"))
        else {
            continue;
        };
        let correct = graded(&GraderSpec::Rational, &item, &extracted).outcome == Outcome::Correct;
        let expected = case["expected"].as_bool().expect("a verdict");
        assert!(expected || !correct, "false positive: {line}");
        numbers += 1;
        right += usize::from(correct == expected);
        if correct != expected {
            println!("not yet: {line}");
        }
    }
    println!("{right} of {numbers} cases whose gold is one number");
    assert!(right * 100 >= numbers * 98, "{right} of {numbers}");
}

/// The cases at `path`; where they are absent the test is skipped, unless it is told not to.
#[expect(clippy::disallowed_methods, reason = "a test reads its cases and how strict it is to be")]
fn shared(path: &str) -> Option<String> {
    let cases = std::fs::read_to_string(path);
    if let Err(error) = &cases {
        let required = std::env::var("TRIPOS_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!required, "`{path}` is required: {error}");
        println!("skipped: `{path}`: {error}");
    }
    cases.ok()
}

/// The item and the answer of a case whose gold is one number.
fn number_case(gold: &str, level: &str, given: &str) -> Option<(Item, String)> {
    let gold = Number::read(gold).ok().filter(|gold| !gold.percent)?.value;
    let text = if level == "response" { given.to_owned() } else { format!("ANSWER: {given}") };
    Some((item(Target::Rational(gold)), text))
}
