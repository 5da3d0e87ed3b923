//! What holds of every comparison: it ends, it is reflexive, symmetric where no rule is leant on, and
//! blind to what is written around an answer.

use proptest::prelude::*;

use super::*;

/// Pieces that mathematical answers are made of, put together without sense.
const PIECES: [&str; 64] = [
    "1",
    "2",
    "7",
    "0",
    "12",
    "1,000",
    "0.5",
    "3.14",
    "x",
    "y",
    "n",
    "C",
    "e",
    "i",
    "\\pi",
    "+",
    "-",
    "*",
    "/",
    "^",
    "_",
    "=",
    "<",
    "\\le",
    "\\ne",
    "\\in",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\\{",
    "\\}",
    "|",
    ",",
    ";",
    "!",
    "%",
    "^\\circ",
    "\\frac",
    "\\sqrt",
    "\\sin",
    "\\log",
    "\\ln",
    "\\pm",
    "\\cup",
    "\\infty",
    "\\mathbb{R}",
    "\\text{ or }",
    "\\text{ cm}",
    "\\text{",
    "$",
    "\\$",
    "\\left(",
    "\\right)",
    "\\boxed{",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "&",
    "\\\\",
    " ",
    "\\binom",
    "\\to",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// Expressions in LaTeX that have a value almost everywhere.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (1_u32..200).prop_map(|n| n.to_string()),
        (1_u32..40, 2_u32..40).prop_map(|(a, b)| format!("\\frac{{{a}}}{{{b}}}")),
        (1_u32..400).prop_map(|n| format!("{}.{:02}", n / 100, n % 100)),
        prop::sample::select(vec!["x", "y", "\\pi"]).prop_map(str::to_owned),
        (2_u32..50).prop_map(|n| format!("\\sqrt{{{n}}}")),
    ];
    leaf.prop_recursive(3, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}+{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}-{b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} \\cdot {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\\frac{{{a}}}{{{b}}}")),
            (inner.clone(), 2_u32..4).prop_map(|(a, n)| format!("({a})^{{{n}}}")),
            inner.clone().prop_map(|a| format!("\\sin({a})")),
            inner.prop_map(|a| format!("e^{{{a}}}")),
        ]
    })
}

fn verdict(gold: &str, answer: &str) -> Comparison {
    let comparison = compare(&Gold::read(gold), answer, &MathPolicy::default());
    assert_ne!(comparison.reason, Some("panic"), "{gold:?} and {answer:?}");
    // Every pair of readings has a budget of its own.
    assert!(comparison.steps <= 16 * STEPS_MAX, "{gold:?} and {answer:?}: {comparison:?}");
    comparison
}

/// Ways to write the same answer that must not matter.
fn dresses(text: &str) -> Vec<String> {
    vec![
        format!("${text}$"),
        format!("\\({text}\\)"),
        format!("\\boxed{{{text}}}"),
        format!("  {text} ."),
        format!("**{text}**"),
        format!("\\left({text}\\right)"),
        text.replace("\\frac", "\\dfrac").replace('(', "\\left(").replace(')', "\\right)"),
        text.replace(" \\cdot ", "\\times "),
        format!("x_0 = {text}"),
    ]
}

proptest! {
    #[test]
    fn any_two_texts_are_compared_within_the_budget(one in soup(), two in soup(), any in ".{0,60}") {
        verdict(&one, &two);
        verdict(&any, &one);
        verdict(&one, &any);
    }

    #[test]
    fn a_text_equals_itself(text in soup(), any in ".{1,60}") {
        for text in [text, any] {
            if text.trim().is_empty() {
                continue;
            }
            prop_assert!(verdict(&text, &text).is_equal(), "{:?}", text);
        }
    }

    #[test]
    fn an_expression_equals_itself_in_every_dress(text in expression()) {
        for dressed in dresses(&text) {
            let comparison = verdict(&text, &dressed);
            prop_assert!(
                comparison.is_equal() || comparison.reason.is_some(),
                "{} and {}: {:?}", text, dressed, comparison
            );
        }
    }

    #[test]
    fn a_verdict_without_a_rule_holds_both_ways(one in expression(), two in expression()) {
        for (one, two) in [(&one, &two), (&one, &format!("{two}+0")), (&one, &format!("2({one})/2"))] {
            let (there, back) = (verdict(one, two), verdict(two, one));
            if there.rules.is_empty() && back.rules.is_empty() {
                prop_assert_eq!(there.verdict, back.verdict, "{} and {}", one, two);
            }
        }
    }

    #[test]
    fn one_more_is_something_else(text in expression()) {
        let more = format!("{text}+1");
        prop_assert!(!verdict(&text, &more).is_equal(), "{}", text);
        prop_assert!(!verdict(&more, &text).is_equal(), "{}", text);
    }
}
