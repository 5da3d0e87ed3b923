//! Tests of the tables: what a person reads at several widths.

use super::*;
use crate::fixture::{empty, one_arm, three_arms, two_arms};

const SCREEN: Screen = Screen { width: 80, color: false };

#[test]
fn a_run_ends_with_a_table() {
    insta::assert_snapshot!(run(&two_arms(), SCREEN), @r#"
    task                    score    n  unparsed  truncated  failed          tokens
    math/arith_chain
      tiny+nothink  35 % [18, 57]   20         0          0       0  4.0 [3.7, 4.3]
      tiny+think    90 % [70, 97]   20         0          0       0    93 [86, 100]
    math/linear_system
      tiny+nothink   20 % [8, 42]   20         0          0       0  6.0 [5.5, 6.5]
      tiny+think    45 % [26, 66]   20         0          0       0  171 [157, 185]
    math/modular
      tiny+nothink   15 % [5, 36]   20         0          0       0  3.0 [2.8, 3.2]
      tiny+think    25 % [11, 47]   20         0          0       0  140 [129, 151]
    code/output_prediction
      tiny+nothink  30 % [14, 52]   20         0          0       0  8.0 [7.4, 8.6]
      tiny+think    30 % [14, 52]   20         0          0       0  122 [112, 132]
    misinfo/claim_verification
      tiny+nothink  55 % [34, 74]   20         0          0       0  3.0 [2.8, 3.2]
      tiny+think    80 % [58, 92]   20         0          0       0     66 [61, 71]
    misinfo/context_poison
      tiny+nothink  65 % [43, 82]   20         0          0       0  4.0 [3.7, 4.3]
      tiny+think    30 % [14, 52]   20         0          0       0     58 [53, 63]
    misinfo/false_premise
      tiny+nothink  40 % [22, 61]   20         0          0       0  5.0 [4.6, 5.4]
      tiny+think    50 % [30, 70]   20         0          0       0     61 [56, 66]
    all tasks
      tiny+nothink  37 % [30, 45]  140         0          0       0  4.7 [4.3, 5.1]
      tiny+think    50 % [42, 58]  140         4          6       2   102 [93, 110]

    2 of 280 trials have no answer and are in no score.

    ▲ tiny+think is better than tiny+nothink: +13 points [+5, +21] (n = 138)
      p = 0.002 (sign flip, exact).
      Gained 28, lost 10; both right on 42, both wrong on 58. 2 items were answered
      by one arm only and left out of the difference.
      tiny+think generated 21.6× [19.8, 23.4] (n = 138) the tokens of tiny+nothink.
      4.3 % of the candidate's answers were cut off and none of the baseline's: part
      of the difference is a difference in length.
    "#);
}

#[test]
fn one_arm_has_a_line_for_each_task() {
    insta::assert_snapshot!(run(&one_arm(), SCREEN), @r#"
    task                             score    n  unparsed  truncated          tokens
    math/arith_chain         35 % [18, 57]   20         0          0  4.0 [3.7, 4.3]
    math/linear_system        20 % [8, 42]   20         0          0  6.0 [5.5, 6.5]
    math/modular              15 % [5, 36]   20         0          0  3.0 [2.8, 3.2]
    code/output_prediction   30 % [14, 52]   20         0          0  8.0 [7.4, 8.6]
    misinfo/cla…erification  55 % [34, 74]   20         0          0  3.0 [2.8, 3.2]
    misinfo/context_poison   65 % [43, 82]   20         0          0  4.0 [3.7, 4.3]
    misinfo/false_premise    40 % [22, 61]   20         0          0  5.0 [4.6, 5.4]
    all tasks                37 % [30, 45]  140         0          0  4.7 [4.3, 5.1]
    "#);
}

#[test]
fn a_comparison_shows_both_sides() {
    insta::assert_snapshot!(comparison(&two_arms(), SCREEN), @r#"
    task                 tiny+nothink     tiny+think      difference    n
    math/arith_chain    35 % [18, 57]  90 % [70, 97]  +55 [+29, +81]   20  ▲ better
    math/linear_system   20 % [8, 42]  45 % [26, 66]   +25 [+2, +48]   20  ▲ better
    math/modular         15 % [5, 36]  25 % [11, 47]   +10 [−9, +29]   20  ◇ unclear
    code/out…rediction  30 % [14, 52]  30 % [14, 52]    0 [−15, +15]   20  ◇ unclear
    misinfo/…ification  55 % [34, 74]  80 % [58, 92]   +25 [+1, +49]   20  ▲ better
    misinfo/…xt_poison  65 % [43, 82]  30 % [14, 52]   −35 [−62, −8]   20  ▼ worse
    misinfo/…e_premise  40 % [22, 61]  50 % [30, 70]  +10 [−13, +33]   20  ◇ unclear
    all tasks           37 % [30, 45]  50 % [42, 58]   +13 [+5, +21]  138  ▲ better

    ▲ tiny+think is better than tiny+nothink: +13 points [+5, +21] (n = 138)
      p = 0.002 (sign flip, exact).
      Gained 28, lost 10; both right on 42, both wrong on 58. 2 items were answered
      by one arm only and left out of the difference.
      tiny+think generated 21.6× [19.8, 23.4] (n = 138) the tokens of tiny+nothink.
      4.3 % of the candidate's answers were cut off and none of the baseline's: part
      of the difference is a difference in length.

    2 of 280 trials have no answer and are in no score.
    "#);
}

#[test]
fn a_narrow_screen_gets_blocks_instead_of_cut_numbers() {
    let mut report = two_arms();
    report.tasks.truncate(1);
    report.comparisons[0].tasks.truncate(1);
    let narrow = Screen { width: 40, color: false };
    insta::assert_snapshot!(comparison(&report, narrow), @r#"
    math/arith_chain
        tiny+nothink: 35 % [18, 57]
        tiny+think: 90 % [70, 97]
        difference: +55 [+29, +81]
        n: 20
        ▲ better
    all tasks
        tiny+nothink: 37 % [30, 45]
        tiny+think: 50 % [42, 58]
        difference: +13 [+5, +21]
        n: 138
        ▲ better

    ▲ tiny+think is better than
    tiny+nothink: +13 points [+5, +21]
    (n = 138)
      p = 0.002 (sign flip, exact).
      Gained 28, lost 10; both right on 42,
      both wrong on 58. 2 items were
      answered by one arm only and left out
      of the difference.
      tiny+think generated 21.6×
      [19.8, 23.4] (n = 138) the tokens of
      tiny+nothink.
      4.3 % of the candidate's answers were
      cut off and none of the baseline's:
      part of the difference is a difference
      in length.

    2 of 280 trials have no answer and are
    in no score.
    "#);
}

#[test]
fn the_runs_are_listed() {
    let row = |run: &str, state: &str, graded| RunRow {
        run: run.to_owned(),
        started: "2026-03-01 14:05".to_owned(),
        suites: "smoke".to_owned(),
        arms: "tiny+nothink, tiny+think".to_owned(),
        graded,
        planned: 1280,
        failed: 2,
        state: state.to_owned(),
    };
    let rows = [row("r-7f3a", "finished", 1278), row("r-8b10", "interrupted", 94)];
    insta::assert_snapshot!(runs(&rows, SCREEN), @r#"
    run     started           suites  arms               graded  failed  state
    r-7f3a  2026-03-01 14:05  smoke   tiny+…+think  1,278/1,280       2  finished
    r-8b10  2026-03-01 14:05  smoke   tiny+…+think     94/1,280       2  interrupted
    "#);
    assert_eq!(runs(&[], SCREEN), "no runs yet\n");
}

#[test]
fn lines_fit_the_screen_and_say_something_of_nothing() {
    for width in [60, 80, 100, 200] {
        for report in [one_arm(), two_arms(), three_arms()] {
            let screen = Screen { width, color: false };
            let text = run(&report, screen) + &comparison(&report, screen);
            for line in text.lines() {
                assert!(columns(line) <= width, "{} columns of {width}: {line}", columns(line));
            }
        }
    }
    assert_eq!(run(&empty(), SCREEN), "nothing was run\n");
    assert_eq!(comparison(&one_arm(), SCREEN), "");
}

#[test]
fn no_escape_byte_comes_from_data() {
    let mut report = two_arms();
    let text = "\u{1b}]8;;x\u{7}\u{9b}31m\r\u{202e}\n".to_owned();
    (report.arms[0].name, report.arms[1].name) = (text.clone(), text.clone());
    report.tasks.iter_mut().for_each(|task| task.id = text.clone());
    report.comparisons[0].caveats = vec![text.clone()];
    report.comparisons[0].overall.test = text.clone();
    for width in [30, 200] {
        let screen = Screen { width, color: false };
        let printed = run(&report, screen) + &comparison(&report, screen);
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!printed.contains(acts), "{printed:?}");
    }
}

#[test]
fn colour_adds_styles_and_no_words() {
    let plain = comparison(&two_arms(), SCREEN);
    let styled = comparison(&two_arms(), Screen { width: 80, color: true });
    assert!(styled.contains("\u{1b}[34m▲ better\u{1b}[0m"), "{styled:?}");
    let mut bare = String::new();
    let mut rest = styled.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').expect("a style ends in m").1;
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}
