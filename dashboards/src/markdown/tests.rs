//! Tests of the Markdown: escapes, fences, and how a report reads.

use super::*;
use crate::fixture::{empty, one_arm, two_arms};
use crate::report::Experts;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(escape(text), expected);
}

#[test]
fn nothing_in_a_text_is_markup() {
    check("a | b", "a &#124; b");
    check("`rm`", "&#96;rm&#96;");
    check("<img src=x>", "&lt;img src=x&gt;");
    check("&lt; &#60;", "&amp;lt; &amp;\\#60;");
    check("**bold** _it_ ~~no~~", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~");
    check("![x](y) # h", "\\!\\[x\\](y) \\# h");
    check("https://example.com www.example.com", "https&#58;//example.com www&#46;example.com");
    check("@somebody $x$", "&#64;somebody \\$x\\$");
    check("two\nlines\u{1b}[0m", "two\\\\nlines\\\\u{1b}\\[0m");
    check("score: 3.1", "score: 3.1");
}

#[test]
fn no_text_closes_its_fence() {
    assert_eq!(fenced("plain"), "```text\nplain\n```");
    assert_eq!(fenced("````\n</details>"), "`````text\n````\n</details>\n`````");
    assert_eq!(fenced("\u{202e}x"), "```text\n\\u{202e}x\n```");
}

/// A report with one of everything, as Markdown: what was measured, and what lies behind it.
fn two_parts() -> (String, String) {
    let mut report = two_arms();
    report.tasks.truncate(1);
    report.provenance.methods.truncate(1);
    report.comparisons[0].flips.remove(0);
    report.arms[0].experts = Experts::NotObservable;
    report.arms[1].experts = Experts::Dense;
    let page = render(&report);
    let (measured, behind) = page.split_at(page.find("## What flipped").expect("a heading"));
    (measured.to_owned(), behind.to_owned())
}

#[test]
fn what_was_measured_reads_as_markdown() {
    insta::assert_snapshot!(two_parts().0, @r#"
    # smoke: tiny, thinking off and on

    > 2 of 280 trials have no answer and are in no score.

    **▲ tiny+think is better than tiny+nothink: +13 points \[+5, +21\] (n = 138)**

    p = 0.002 (sign flip, exact). Gained 28, lost 10; both right on 42, both wrong on 58. 2 items were answered by one arm only and left out of the difference. tiny+think generated 21.6× \[19.8, 23.4\] (n = 138) the tokens of tiny+nothink. 4.3 % of the candidate's answers were cut off and none of the baseline's: part of the difference is a difference in length.

    ## Tasks

    | Task | tiny+nothink | tiny+think | tiny+think − tiny+nothink |
    | --- | ---: | ---: | ---: |
    | math/arith\_chain | 35 % [18, 57] (n = 20) | 90 % [70, 97] (n = 20) | +55 points [+29, +81] (n = 20) ▲ better |
    | **all tasks** | 37 % [30, 45] (n = 140) | 50 % [42, 58] (n = 140) | +13 points [+5, +21] (n = 138) ▲ better |

    ## Cost, tokens, latency, truncation

    | Mean a trial | tiny+nothink | tiny+think |
    | --- | ---: | ---: |
    | generated tokens | 4.7 [4.3, 5.1] (n = 140) | 102 [93, 110] (n = 140) |
    | of these, reasoning | 0 [0, 0] (n = 140) | 96 [87, 104] (n = 140) |
    | latency | 0.030 s [0.027, 0.033] (n = 140) | 0.233 s [0.208, 0.259] (n = 140) |
    | truncated | 0.0 % [0.0, 2.7] (n = 140) | 4 % [2, 9] (n = 138) |
    | unparsed | 2.1 % [0.7, 6.1] (n = 140) | 2.1 % [0.7, 6.1] (n = 140) |
    | failed trials | 0 of 140 | 2 of 140 |
    | cost in all | no price known | no price known |

    ## What a token limit would have bought

    | Token limit | tiny+nothink | tiny+think |
    | ---: | ---: | ---: |
    | 16 | 9.3 % [7.4, 11.3] (n = 140) | 12.5 % [10.4, 14.5] (n = 140) |
    | 64 | 19 % [15, 23] (n = 140) | 25 % [21, 29] (n = 140) |
    | 256 | 37 % [30, 45] (n = 140) | 50 % [42, 58] (n = 140) |
    "#);
}

#[test]
fn what_lies_behind_reads_as_markdown() {
    insta::assert_snapshot!(two_parts().1, @r#"
    ## What flipped: tiny+think against tiny+nothink

    |  | Task | Item | tiny+nothink | tiny+think |
    | --- | --- | --- | --- | --- |
    | ▲ gained | math/arith\_chain | arith\_chain-1-0004 | incorrect: 31 | correct: 33 |

    <details><summary>▲ gained math/arith_chain arith_chain-1-0004</summary>

    Question:

    ```text
    Compute 17 + 25 − 9. End with `Answer: <number>`.
    ```

    Expected:

    ```text
    33
    ```

    tiny+nothink, incorrect:

    ```text
    Answer: 31
    ```

    tiny+think, reasoning:

    ```text
    17 + 25 = 42
    42 − 9 = 33
    ```

    tiny+think, correct:

    ```text
    Answer: 33
    ```

    </details>

    ## What the items tell

    Every arm answered 4 items: 1 right in all arms and 1 in none, which tell no arm from another. The reliability of the whole is 0.83 (KR-20).

    Arms that do well on the rest do worse on these; look at their targets:

    | Task | Item | Mean score | Discrimination |
    | --- | --- | ---: | ---: |
    | math/arith\_chain | arith\_chain-9 | 0.50 | −0.35 |

    ## Expert load by layer

    tiny+nothink: not observable: a remote endpoint does not show its experts.

    tiny+think: no routed experts in this model.

    ## Method and provenance

    ```text
    tripos report r-7f3a -o tripos-report.html
    ```

    - made: 2026-03-01 14:05 UTC
    - Tripos: 0.1.0
    - Wilson: Score interval of a share; items are the unit.
    - seed: 0
    - suite smoke 1.0.0: b3:0011aabb
    - tiny+nothink: tiny+nothink b3:91ab77de
    - tiny+think: tiny+think b3:91ab77de
    - math/arith\_chain: 1.0.0 b3:5f1c9a20
    "#);
}

#[test]
fn one_arm_and_none_are_reports_too() {
    let page = render(&one_arm());
    assert!(page.contains("**tiny+nothink scores 37 % \\[30, 45\\] (n = 140).**"), "{page}");
    assert!(page.contains("There is one arm only"));
    assert!(render(&empty()).contains("Nothing was run"));
}

#[test]
fn a_report_full_of_flips_fits_a_comment() {
    let mut report = two_arms();
    let mut flip = report.comparisons[0].flips[0].clone();
    for text in [&mut flip.prompt, &mut flip.baseline.answer, &mut flip.candidate.answer] {
        *text = "word ".repeat(4_000);
    }
    flip.candidate.reasoning = "think ".repeat(4_000);
    report.comparisons[0].flips = vec![flip; 500];
    let page = render(&report);
    assert!(page.chars().count() < 65_536, "{}", page.chars().count());
    assert!(page.contains("Shown are the 50 worst of 500"));
}
