//! Any text is read and found in without a panic, and equals itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tripos_graders::math::{Gold, compare};
use tripos_graders::{grade_answer, grade_response};
use tripos_tasks::MathPolicy;

fuzz_target!(|text: &str| {
    let policy = MathPolicy::default();
    if !text.trim().is_empty() {
        // The second spelling is read in full: only the first is caught by comparing the texts.
        let dressed = format!("$ {} $", text.trim());
        let comparison = compare(&Gold::read(text), &dressed, &policy);
        assert_ne!(comparison.reason, Some("panic"), "{text:?}");
        assert!(grade_answer(text, text, &policy).comparison.is_equal(), "{text:?}");
    }
    let response = grade_response("42", text, &policy).comparison;
    assert_ne!(response.reason, Some("panic"), "{text:?}");
});
