//! How fast mathematical answers are compared and found: `cargo bench -p tripos-graders`.
//!
//! Comparisons are those of the MATH-500 golds, where that set lies beside the checkout, against
//! themselves typeset anew and against wrong forms; elsewhere those of this package's own cases.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use serde_json::Value;
use tripos_graders::math::{Gold, compare};
use tripos_graders::{grade_answer, grade_response};
use tripos_tasks::MathPolicy;

fn main() {
    divan::main();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads what it measures on")]
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).ok()
}

/// The values of a text field of every line.
fn fields(text: &str, name: &str) -> Vec<String> {
    let read = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a row a line");
        row[name].as_str().expect("a text field").to_owned()
    };
    text.lines().map(read).collect()
}

fn golds() -> Vec<String> {
    match read("../../shared/data/public/math500/test.jsonl") {
        Some(text) => fields(&text, "answer"),
        None => fields(&read("fixtures/math_cases.jsonl").expect("our own cases"), "gold"),
    }
}

/// The gold typeset anew: what a model writes.
fn typeset(gold: &str) -> String {
    let gold = gold.replace("\\frac", "\\dfrac").replace("\\ddfrac", "\\dfrac");
    format!("${} $", gold.replace('+', " + ").replace(", ", ",\\, "))
}

/// A wrong form: the last digit changed, or the sign.
fn wrong(gold: &str) -> String {
    match gold.rfind(|c: char| c.is_ascii_digit()) {
        Some(at) => {
            let digit = if &gold[at..=at] == "7" { "3" } else { "7" };
            format!("{}{digit}{}", &gold[..at], &gold[at + 1..])
        }
        None => format!("-{gold}"),
    }
}

/// Golds with answers: each typeset anew and each wrong.
fn mix() -> Vec<(String, String)> {
    let pairs = golds().into_iter().flat_map(|gold| {
        let (right, wrong) = (typeset(&gold), wrong(&gold));
        [(gold.clone(), right), (gold, wrong)]
    });
    pairs.collect()
}

/// Reading the gold and the answer, and comparing them.
#[divan::bench]
fn comparisons(bencher: Bencher<'_, '_>) {
    let (mix, policy) = (mix(), MathPolicy::default());
    bencher.counter(ItemsCount::new(mix.len())).bench_local(|| {
        for (gold, answer) in &mix {
            black_box(compare(&Gold::read(gold), answer, &policy));
        }
    });
}

/// The cases of this package's own file, which are harder than most.
#[divan::bench]
fn hard_comparisons(bencher: Bencher<'_, '_>) {
    let text = read("fixtures/math_cases.jsonl").expect("our own cases");
    let cases: Vec<(String, String)> =
        fields(&text, "gold").into_iter().zip(fields(&text, "pred")).collect();
    let policy = MathPolicy::default();
    bencher.counter(ItemsCount::new(cases.len())).bench_local(|| {
        for (gold, answer) in &cases {
            black_box(grade_answer(gold, answer, &policy));
        }
    });
}

/// A completion of about a mebibyte, as a reasoning model writes it, ending on `end`.
fn completion(end: &str) -> String {
    let step = "We have $x^2 + 3x - 10 = (x+5)(x-2)$, so the roots are $-5$ and $2$. Let me check: \
                substituting $x = 2$ gives \\(4 + 6 - 10 = 0\\), as it should. The answer may be 2.\n\n";
    format!("{}{end}", step.repeat((1 << 20) / step.len()))
}

fn extraction(bencher: Bencher<'_, '_>, end: &str) {
    let (text, policy) = (completion(end), MathPolicy::default());
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        black_box(grade_response("42", &text, &policy));
    });
}

/// Finding a box at the end.
#[divan::bench]
fn extraction_of_a_box(bencher: Bencher<'_, '_>) {
    extraction(bencher, "Thus \\boxed{42}.");
}

/// Finding what a phrase announces.
#[divan::bench]
fn extraction_of_a_phrase(bencher: Bencher<'_, '_>) {
    extraction(bencher, "**Final answer:** 42");
}

/// Finding the last number, after every other rule failed.
#[divan::bench]
fn extraction_of_a_number(bencher: Bencher<'_, '_>) {
    let step = "She buys some more of them and pays a little for it, then walks home slowly.\n";
    let text = format!("{}So she has 42 of them.", step.repeat((1 << 20) / step.len()));
    let policy = MathPolicy::default();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        black_box(grade_response("42", &text, &policy));
    });
}
