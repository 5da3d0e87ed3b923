//! Any two texts are compared without a panic and within the budget; the order of the two matters only
//! where the semantics say so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripos_graders::math::{Gold, STEPS_MAX, compare};
use tripos_tasks::MathPolicy;

fuzz_target!(|texts: (&str, &str)| {
    let (gold, answer) = texts;
    let policy = MathPolicy::default();
    let there = compare(&Gold::read(gold), answer, &policy);
    let back = compare(&Gold::read(answer), gold, &policy);
    for comparison in [&there, &back] {
        assert_ne!(comparison.reason, Some("panic"), "{gold:?} and {answer:?}");
        assert!(comparison.steps <= 16 * STEPS_MAX, "{gold:?} and {answer:?}");
    }
    // What is the same number or the same expression without leaning on a rule is so both ways.
    if there.is_equal() && there.rules.is_empty() && there.method == "exact" {
        assert!(back.is_equal() || back.reason.is_some(), "{gold:?} and {answer:?}: {back:?}");
    }
});
