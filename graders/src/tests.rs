//! Tests of the dispatch, and what the graders' tests share.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use proptest::prelude::*;
use tripos_tasks::item::Expected;
use tripos_tasks::{Catalog, ItemId, LabelSpec, Target};

use super::*;

/// An item that expects `target`.
pub(crate) fn item(target: Target) -> Item {
    Item {
        id: ItemId::new("item"),
        group: None,
        fields: BTreeMap::new(),
        target,
        decoys: BTreeMap::new(),
        origin: None,
    }
}

/// The grade of a whole answer.
pub(crate) fn graded(spec: &GraderSpec, item: &Item, text: &str) -> Grade {
    let answers = [Answer { text, finish: AnswerFinish::Whole }];
    assert_eq!(need(spec, item, &answers), Need::Nothing);
    grade(spec, item, &answers, &Evidence::Nothing)
}

/// One of each kind of grader with an item it fits.
fn kinds() -> Vec<(GraderSpec, Item)> {
    let labels = vec![LabelSpec { name: "YES".to_owned(), aliases: Vec::new() }];
    vec![
        (GraderSpec::Integer, item(Target::Integer(7.into()))),
        (GraderSpec::Rational, item(Target::Integer(7.into()))),
        (GraderSpec::Literal, item(Target::Literal("7".to_owned()))),
        (GraderSpec::Label { labels }, item(Target::Label("YES".to_owned()))),
        (
            GraderSpec::Tokens { abstain: true, premise: true },
            item(Target::Token(Expected::Value("7".to_owned()))),
        ),
    ]
}

#[track_caller]
fn check_finish(finish: AnswerFinish, outcome: Outcome, reason: Option<&str>) {
    for (spec, item) in kinds() {
        let gold = item.target.display();
        for text in [format!("ANSWER: {gold}"), String::new()] {
            let answers = [Answer { text: &text, finish }];
            let grade = grade(&spec, &item, &answers, &Evidence::Nothing);
            assert_eq!(grade.outcome, outcome, "{spec:?} on {text:?}");
            assert_eq!(grade.detail.reason.as_deref(), reason);
            assert!(grade.score.abs() <= 0.0);
        }
    }
}

#[test]
fn an_answer_that_is_not_whole_is_never_right() {
    check_finish(AnswerFinish::CutInReasoning, Outcome::Truncated, Some("in_reasoning"));
    check_finish(AnswerFinish::CutInAnswer, Outcome::Truncated, Some("in_answer"));
    check_finish(AnswerFinish::Refused, Outcome::Refused, None);
    check_finish(AnswerFinish::Filtered, Outcome::Filtered, None);
}

#[track_caller]
fn check_every_kind(dress: impl Fn(&str) -> String, outcome: Outcome) {
    for (spec, item) in kinds() {
        let text = dress(&item.target.display());
        let grade = graded(&spec, &item, &text);
        assert_eq!(grade.outcome, outcome, "{spec:?} on {text:?}: {:?}", grade.detail);
        let score = if outcome == Outcome::Correct { 1.0 } else { 0.0 };
        assert!((grade.score - score).abs() <= 0.0);
    }
}

#[test]
fn the_gold_on_the_contract_line_is_right() {
    check_every_kind(|gold| format!("ANSWER: {gold}"), Outcome::Correct);
    check_every_kind(|gold| format!("So.\n\n**ANSWER: {gold}**\n"), Outcome::Correct);
    check_every_kind(|gold| format!("<think>ANSWER: 1</think>ANSWER: {gold}"), Outcome::Correct);
    check_every_kind(|gold| format!("ANSWER: 1\r\nANSWER: {gold}\r\n"), Outcome::Correct);
    check_every_kind(|gold| format!("ANSWER:\n{gold}\nThat is all."), Outcome::Correct);
}

#[test]
fn nothing_is_empty_and_reasoning_is_nothing() {
    check_every_kind(|_| String::new(), Outcome::Empty);
    check_every_kind(|_| " \n\t".to_owned(), Outcome::Empty);
    check_every_kind(|gold| format!("<think>ANSWER: {gold}</think>\n"), Outcome::Empty);
    check_every_kind(|gold| format!("ANSWER: {gold}\n</think>"), Outcome::Empty);
}

#[test]
fn an_open_reasoning_block_leaves_no_answer() {
    check_every_kind(|gold| format!("<think>\nANSWER: {gold}"), Outcome::Unparsed);
    check_every_kind(|gold| format!("ANSWER: {gold}\n<think>Hm"), Outcome::Unparsed);
    check_every_kind(|gold| format!("<think>a</think><think>ANSWER: {gold}"), Outcome::Unparsed);
}

#[test]
fn the_last_line_counts_even_when_it_is_empty() {
    check_every_kind(|gold| format!("ANSWER: {gold}\nANSWER:"), Outcome::Unparsed);
    check_every_kind(|gold| format!("ANSWER: {gold}\nANSWER: ** **"), Outcome::Unparsed);
}

#[test]
fn no_answers_at_all_are_empty() {
    for (spec, item) in kinds() {
        let grade = grade(&spec, &item, &[], &Evidence::Nothing);
        assert_eq!(grade.outcome, Outcome::Empty);
    }
}

#[test]
fn a_target_of_another_kind_is_undecided_and_not_a_panic() {
    let wrong = item(Target::Label("YES".to_owned()));
    for (spec, _) in kinds().into_iter().filter(|(spec, _)| spec.kind() != "label") {
        let grade = graded(&spec, &wrong, "ANSWER: YES");
        assert_eq!(grade.outcome, Outcome::Undecided, "{spec:?}");
        assert!(version(&spec) > 0);
    }
}

#[test]
fn the_span_points_into_the_whole_answer() {
    let text = "<think>é</think>\nANSWER: **7**.";
    for (spec, item) in kinds().into_iter().filter(|(spec, _)| spec.kind() != "label") {
        let detail = graded(&spec, &item, text).detail;
        let span = detail.span.expect("an answer was found");
        assert_eq!(Some(&text[span.start..span.end]), detail.extracted.as_deref());
    }
}

/// Wrong answers that name the gold, or nearly.
fn wrong_variants(item: &Item, gold: &str, other: &str) -> Vec<String> {
    let mut variants = vec![
        format!("ANSWER: {gold} or {other}"),
        format!("ANSWER: {other} or {gold}"),
        format!("ANSWER: {other}\nIt might be {gold}."),
        format!("ANSWER: {gold}\nANSWER: {other}"),
        format!("<think>ANSWER: {gold}</think>"),
        format!("<think>ANSWER: {gold}"),
        String::new(),
    ];
    let value = match &item.target {
        Target::Expression(_) => {
            variants.push(format!("ANSWER: {gold} + x"));
            variants.push(format!("ANSWER: -({gold})"));
            None
        }
        Target::Rational(value) => {
            let near = [value + BigInt::from(1), -value];
            let wrong = near.iter().filter(|near| *near != value);
            variants.extend(wrong.map(|near| format!("ANSWER: {near}")));
            None
        }
        Target::Integer(value) => Some(value),
        _ => None,
    };
    if let Some(value) = value {
        variants.extend([value + 1_i32, value - 1_i32].map(|near| format!("ANSWER: {near}")));
        if *value != -value {
            variants.push(format!("ANSWER: {}", -value));
        }
    }
    variants
}

#[track_caller]
fn check_golds(name: &str, seed: u64) -> usize {
    let suite = Catalog::built_in().suite_with_seed(name, seed).expect("a built-in suite");
    let mut graded_items = 0;
    for task in suite.tasks.iter().filter(|task| task.grader.language().is_none()) {
        let golds: Vec<String> =
            task.items.iter().filter_map(|item| item.target.answer()).collect();
        for (item, gold) in task.items.iter().zip(&golds) {
            let grade = graded(&task.grader, item, &format!("Hm.\nANSWER: {gold}"));
            assert_eq!(grade.outcome, Outcome::Correct, "{} {gold:?}", task.id);
            // A part of a list beside the list is no other answer.
            let adds =
                |other: &&String| !other.split(", ").all(|o| gold.split(", ").any(|g| g == o));
            let other = golds.iter().find(adds).expect("several golds");
            for text in wrong_variants(item, gold, other) {
                let grade = graded(&task.grader, item, &text);
                assert_ne!(grade.outcome, Outcome::Correct, "{} {gold:?}: {text:?}", task.id);
            }
            for (name, decoy) in &item.decoys {
                let grade = graded(&task.grader, item, &format!("ANSWER: {decoy}"));
                let seen = (grade.outcome, grade.detail.decoy.as_ref());
                assert_eq!(seen, (Outcome::Incorrect, Some(name)), "{} {decoy}", task.id);
            }
            graded_items += 1;
        }
    }
    graded_items
}

#[test]
fn every_built_in_gold_is_right_and_its_wrong_variants_are_not() {
    let mut graded_items = 0;
    for name in ["smoke", "reasoning-core", "misinformation", "twins"] {
        for seed in [1, 20_250_101] {
            graded_items += check_golds(name, seed);
        }
    }
    assert!(graded_items >= 7_900, "{graded_items} items");
}

proptest! {
    #[test]
    fn grading_is_total_on_any_string(text in any::<String>()) {
        for (spec, item) in kinds() {
            graded(&spec, &item, &text);
        }
    }

    #[test]
    fn grading_is_total_on_what_looks_like_an_answer(
        text in r"(ANSWER: |answer is |\\boxed|\\frac|[{}()$<>\\/.,%]|<think>|</think>|#### |[0-9]|−|é|\n| ){0,40}",
    ) {
        for (spec, item) in kinds() {
            let grade = graded(&spec, &item, &text);
            if let Some(span) = grade.detail.span {
                prop_assert!(text.get(span.start..span.end).is_some());
            }
        }
    }
}
