//! Tests of the extraction rules.

use super::*;

/// A number among mathematics.
const WANT: Want =
    Want { choice: false, several: false, mathematics: true, number: true, strict: false };

/// The rule, the answer and what stands beside it, or why there is none.
type Expected<'a> = Result<(Rule, &'a str, &'a [&'a str]), Missing>;

#[track_caller]
fn check(text: &str, expected: Expected<'_>) {
    let found = readable(text).and_then(|text| mathematical(text, WANT));
    let found = found.as_ref().map_err(|missing| *missing);
    let seen = found.map(|found| (found.rule, found.text(), found.also().collect::<Vec<_>>()));
    assert_eq!(seen, expected.map(|(rule, text, also)| (rule, text, also.to_vec())), "in {text:?}");
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where `Expected` is wanted")]
fn one(rule: Rule, text: &str) -> Expected<'_> {
    Ok((rule, text, &[]))
}

#[test]
fn reasoning_is_taken_out_first() {
    check("<think>Perhaps \\boxed{207}.</think>\n\n\\boxed{204}", one(Rule::Box, "204"));
    check("I think \\boxed{1}</think> \\boxed{2}", one(Rule::Box, "2"));
    check("<think>\\boxed{204}", Err(Missing::UnclosedReasoning));
    check("\\boxed{1}<think>\\boxed{204}", Err(Missing::UnclosedReasoning));
    check("<think>\\boxed{204}</think>", Err(Missing::NoAnswer));
}

#[test]
fn the_contract_line_comes_first() {
    check("\\boxed{1}\nANSWER: 2\nThe answer is 3", one(Rule::AnswerLine, "2"));
    check("ANSWER: 1\nANSWER: 2", one(Rule::AnswerLine, "2"));
    check("> **ANSWER:** 2 ", one(Rule::AnswerLine, "2"));
    check("- ANSWER : `2`.", one(Rule::AnswerLine, "2"));
    check("ANSWER: $\\boxed{2}$", one(Rule::AnswerLine, "2"));
    check("ANSWER: \\boxed{2} or \\boxed{3}", Ok((Rule::AnswerLine, "3", &["2"])));
    check("ANSWER:\n\n42\nDone", one(Rule::AnswerLine, "42"));
    check("ANSWER: 5\nANSWER:", Err(Missing::Empty));
    check("ANSWER: \\boxed{}", Err(Missing::Empty));
    check("THE ANSWER: is here, 7", one(Rule::Marker, "7"));
}

#[test]
fn the_last_pair_of_tags_wins() {
    check("<answer>1</answer> no: <answer> 294 </answer>.", one(Rule::AnswerTag, "294"));
    check("<answer>So \\boxed{5}</answer>", one(Rule::AnswerTag, "5"));
    check("<answer></answer>", Err(Missing::Empty));
    check("5</answer>", one(Rule::LastNumber, "5"));
}

#[test]
fn the_last_box_wins_and_is_unwrapped() {
    check("\\boxed{1} then $$\\boxed{294}$$", one(Rule::Box, "294"));
    check("$\\boxed {73}$", one(Rule::Box, "73"));
    check("\\boxed 5.", one(Rule::Box, "5"));
    check("\\fbox{5} \\boxedeq{6}", one(Rule::Box, "5"));
    check("\\boxed{\\frac{1}{2}}", one(Rule::Box, "\\frac{1}{2}"));
    check("\\boxed{a \\} b} c}", one(Rule::Box, "a \\} b"));
    check("\\boxed{x = \\boxed{5}}", one(Rule::Box, "x = \\boxed{5}"));
    check("{\\boxed{1}} } \\boxed{2}", one(Rule::Box, "2"));
}

#[test]
fn boxes_that_a_separator_joins_belong_together() {
    check("Either \\boxed{73} or \\boxed{76}.", Ok((Rule::Box, "76", &["73"])));
    check("$\\boxed{1}$, $\\boxed{2}$ and $\\boxed{3}$", Ok((Rule::Box, "3", &["2", "1"])));
    check("\\boxed{1},\\boxed{2}", Ok((Rule::Box, "2", &["1"])));
    check("\\boxed{1}. Wait, \\boxed{2}", one(Rule::Box, "2"));
    check("\\boxed{1}\n\\boxed{2}", one(Rule::Box, "2"));
}

#[test]
fn a_broken_last_box_never_falls_back() {
    check("\\boxed{1} and \\boxed{2", one(Rule::UnclosedBox, "2"));
    check("\\boxed{211$$\n", one(Rule::UnclosedBox, "211"));
    check("\\boxed{1} \\boxed{2\nand so on", Err(Missing::BrokenBox));
    check("\\boxed{1} \\boxed{\\frac{2", Err(Missing::BrokenBox));
    check("\\boxed{1} \\boxed{}", Err(Missing::Empty));
    check("\\boxed{1} \\boxed{", Err(Missing::Empty));
    check("ANSWER: \\boxed{2\nand so on", one(Rule::AnswerLine, "2"));
}

#[test]
fn markers_reach_to_the_end_of_their_sentence() {
    check("The answer is 73.", one(Rule::Marker, "73"));
    check("The answer is **3.5**. I hope it is correct.", one(Rule::Marker, "3.5"));
    check("**Final Answer:** 25", one(Rule::Marker, "25"));
    check("The final answer is: $25$", one(Rule::Marker, "$25$"));
    check("the answer is 1. So the answer is 2.", one(Rule::Marker, "2"));
    check("Final answer:\n\n25 .\n", one(Rule::Marker, "25"));
    check("#### 1,624\n", one(Rule::Marker, "1,624"));
    check("#### Step 2\n7", one(Rule::LastNumber, "7"));
    check("The answer issue is 12", one(Rule::LastNumber, "12"));
}

#[test]
fn mathematics_is_not_a_price() {
    check("so $x = 5$ holds", one(Rule::Mathematics, "x = 5"));
    check("so \\(4\\) and \\[ 5 \\] hold", Ok((Rule::Mathematics, "5", &["4"])));
    check("$$\n5\n$$ for all $n$", one(Rule::Mathematics, "n"));
    check("So she pays $72 in total.", one(Rule::LastNumber, "$72"));
    check("Costs $7 and $5 each, 12 in all", one(Rule::LastNumber, "12"));
    check("a \\$5 note$", one(Rule::LastNumber, "\\$5"));
}

#[test]
fn the_last_number_is_a_whole_one() {
    check("That leaves 1,234.50 of it", one(Rule::LastNumber, "1,234.50"));
    check("It is −7, by x2 and n_3.", one(Rule::LastNumber, "−7"));
    check("It is -$7.", one(Rule::LastNumber, "-$7"));
    check("about 3/4 of them", one(Rule::LastNumber, "3/4"));
    check("it fell by .5", one(Rule::LastNumber, ".5"));
    check("some 12%", one(Rule::LastNumber, "12%"));
    check("It is 5 or 6.", Ok((Rule::LastNumber, "6", &["5"])));
    check("It is 5-6.", Ok((Rule::LastNumber, "6", &["5"])));
    check("from $5 to $6", Ok((Rule::LastNumber, "6", &["5"])));
    check("I am not sure.", Err(Missing::NoAnswer));
    check("x1", one(Rule::Mathematics, "x1"));
}

#[test]
fn a_megabyte_costs_a_bounded_number_of_looks_at_each_byte() {
    let patterns = [
        "\\boxed{",
        "\\boxed{1",
        "}",
        "{",
        "$",
        "$ ",
        "$1 $",
        "\\[ ",
        "\\]",
        "answer is ",
        "answer:",
        "#### ",
        "####     ",
        "1",
        "a1 ",
        "-$",
        "$1",
        "1,",
        "1/",
        "..",
        "</think>",
        "<answer>",
        "ANSWER:\n",
        "ANSWER: x ",
        "\n",
        " ",
        "\\boxed1,",
        "\\boxed{1} or ",
        "é",
        "−",
        "5 or ",
    ];
    for pattern in patterns {
        let text = pattern.repeat((1 << 20) / pattern.len());
        let mut steps = 0;
        let source = readable(&text).expect("no pattern opens a reasoning block");
        let outcome = counted(source, WANT, &mut steps).map(|found| found.text().len());
        let bound = 12 * text.len() + 100;
        assert!(steps <= bound, "{steps} steps for {pattern:?}, {outcome:?}");
    }
}

#[test]
fn of_a_very_long_answer_the_end_is_read() {
    let text = format!("é\\boxed{{1}}{}\\boxed{{2}}", "é".repeat(READ_MAX));
    let source = readable(&text).expect("no reasoning");
    assert!(source.text.len() <= READ_MAX);
    let found = mathematical(source, WANT).expect("a box");
    assert_eq!(found.text(), "2");
    let span = found.grade(Outcome::Correct, None).detail.span.expect("found");
    assert_eq!(&text[span.start..span.end], "2");
}
