//! What a gate says of runs written by hand: the verdict and the words it should.

use tripos_dashboards::gate::{Form, render};
use tripos_runners::runner::Telemetry;
use tripos_tasks::ReasoningLevel;

use super::*;
use crate::engine::Settled;
use crate::plan::scripted::{Scripted, arm, selection, suite};
use crate::plan::{self, Selection};
use crate::report::tests::{a_run, arm_row, sample};
use crate::stats::MarginVerdict;
use crate::store::rows::{Run, Sample};

/// One side of a gate.
struct Arm {
    run: Run,
    samples: Vec<Sample>,
}

impl Arm {
    /// A run of one task whose items came out as `outcomes`.
    fn new(handle: &str, outcomes: &[Option<Outcome>]) -> Self {
        let run = a_run(handle, vec![arm_row("tiny", ReasoningLevel::Off, 64)]);
        let samples = outcomes.iter().enumerate().map(|(n, o)| sample(0, n, *o)).collect();
        Self { run, samples }
    }

    /// The first `right` of `n` items right.
    fn scoring(handle: &str, right: usize, n: usize) -> Self {
        let outcome = |item| Some(if item < right { Outcome::Correct } else { Outcome::Incorrect });
        Self::new(handle, &(0..n).map(outcome).collect::<Vec<_>>())
    }

    fn source(&self) -> Source<'_> {
        let telemetry: Option<&Telemetry> = None;
        Source {
            run: &self.run,
            arm: 0,
            samples: &self.samples,
            telemetry,
            price: None,
            remote: false,
        }
    }
}

fn policy(rules: &str) -> Policy {
    Policy::parse("gate.toml", &format!("schema = 1\n{rules}")).expect("a policy")
}

fn margin(margin: f64) -> Policy {
    policy(&format!(
        "[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = {margin}\n"
    ))
}

fn judged(policy: &Policy, baseline: &Arm, candidate: &Arm) -> Gate {
    judge(policy, &baseline.source(), &candidate.source(), false, None)
}

#[track_caller]
fn says(gate: &Gate, words: &str) {
    let text = render(gate, Form::Json);
    assert!(text.contains(words), "`{words}` is not in {text}");
}

#[test]
fn the_same_answers_pass_where_the_items_suffice() {
    let run = |n| Arm::scoring("r", n / 2, n);
    let passed = judged(&margin(0.02), &run(200), &run(200));
    assert_eq!((passed.verdict, passed.exit_code), (Verdict::Pass, 0));
    let open = judged(&margin(0.02), &run(20), &run(20));
    assert_eq!((open.verdict, open.exit_code), (Verdict::Inconclusive, 3));
    assert!(open.rules[0].items_needed.is_some_and(|items| items > 20), "{:?}", open.rules);
    let warned = policy(
        "on_inconclusive = \"warn\"\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
         kind = \"non_inferior\"\nmargin = 0.02\n",
    );
    let warned = judged(&warned, &run(20), &run(20));
    assert_eq!((warned.verdict, warned.exit_code), (Verdict::Inconclusive, 0));
}

#[test]
fn a_fall_beyond_the_margin_is_a_regression_with_what_was_lost_first() {
    let found = judged(&margin(0.02), &Arm::scoring("a", 150, 200), &Arm::scoring("b", 120, 200));
    assert_eq!((found.verdict, found.exit_code), (Verdict::Regress, 1));
    assert_eq!((found.changed.lost, found.changed.gained), (30, 0));
    assert_eq!((found.flips.len(), found.flips[0].candidate), (30, 0.0));
    assert_eq!(found.rules[0].figure.method, "Tango, one-sided");
}

#[test]
fn one_failed_trial_of_200_is_in_no_score_and_named() {
    let mut outcomes = vec![Some(Outcome::Correct); 200];
    outcomes[17] = None;
    let baseline = Arm::scoring("a", 200, 200);
    let found = judged(&margin(0.03), &baseline, &Arm::new("b", &outcomes));
    assert_eq!(
        (found.verdict, found.changed.pairs, found.changed.unpaired),
        (Verdict::Pass, 199, 1)
    );
    says(&found, "1 of 200 trials of the candidate are failed: in no score.");
    let mut many = outcomes;
    many.iter_mut().take(5).for_each(|outcome| *outcome = None);
    let found = judged(&margin(0.03), &baseline, &Arm::new("b", &many));
    assert_eq!((found.verdict, found.exit_code), (Verdict::Invalid, 4));
    says(&found, "6 of 200 trials of the candidate are failed: 2 % may be missing.");
    assert!(found.rules.is_empty(), "nothing is held against what was not measured");
}

#[test]
fn one_wrong_answer_of_200_breaks_must_pass_and_nothing_else() {
    let must = policy(
        "[[rule]]\ntask = \"math/one\"\nkind = \"all_pass\"\n[[rule]]\ntask = \"*\"\n\
         metric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.03\n",
    );
    let found = judged(&must, &Arm::scoring("a", 200, 200), &Arm::scoring("b", 199, 200));
    assert_eq!(found.verdict, Verdict::Regress);
    assert_eq!((found.rules[0].verdict, found.rules[1].verdict), (Verdict::Regress, Verdict::Pass));
    says(&found, "1 of 200 items fail: math/one i199.");
}

#[test]
fn a_baseline_with_three_items_missing_is_paired_on_the_rest() {
    let found = judged(&margin(0.03), &Arm::scoring("a", 197, 197), &Arm::scoring("b", 200, 200));
    assert_eq!(
        (found.verdict, found.changed.pairs, found.changed.unpaired),
        (Verdict::Pass, 197, 3)
    );
    let few = judged(&margin(0.03), &Arm::scoring("a", 190, 190), &Arm::scoring("b", 200, 200));
    assert_eq!(few.verdict, Verdict::Invalid);
    says(&few, "10 of 200 items were answered by one side only: 2 % may be missing.");
}

#[test]
fn other_budgets_levels_and_graders_make_it_invalid_unless_allowed() {
    let baseline = Arm::scoring("a", 200, 200);
    let mut short = Arm::scoring("b", 200, 200);
    short.run.arms = vec![arm_row("tiny", ReasoningLevel::Off, 32)];
    let found = judged(&margin(0.03), &baseline, &short);
    assert_eq!((found.verdict, found.exit_code), (Verdict::Invalid, 4));
    says(&found, "Task math/one had a token limit of 64 in one and 32 in the other.");
    let allowed = judge(&margin(0.03), &baseline.source(), &short.source(), true, None);
    assert_eq!(allowed.verdict, Verdict::Pass);
    assert!(allowed.notes[0].contains("token limit"), "it is said all the same");

    let mut thinking = Arm::scoring("b", 200, 200);
    thinking.run.arms = vec![arm_row("tiny", ReasoningLevel::High, 64)];
    says(&judged(&margin(0.03), &baseline, &thinking), "at level off in one and high in the other");
    let mut regraded = Arm::scoring("b", 200, 200);
    regraded.samples[3].grader = "g2".to_owned();
    says(
        &judged(&margin(0.03), &baseline, &regraded),
        "1 items of task math/one were graded by another version of the grader",
    );
    let mut other = Arm::scoring("b", 200, 200);
    other.run.tasks[0].digest = "d2".to_owned();
    says(&judged(&margin(0.03), &baseline, &other), "Task math/one is not the same in both");
}

#[test]
fn a_verdict_that_rests_on_answers_cut_off_decides_nothing() {
    let outcomes = |cut: usize| -> Vec<Option<Outcome>> {
        (0..200)
            .map(|n| Some(if n < cut { Outcome::Truncated } else { Outcome::Correct }))
            .collect()
    };
    let found = judged(&margin(0.02), &Arm::new("a", &outcomes(20)), &Arm::new("b", &outcomes(40)));
    assert_eq!((found.verdict, found.exit_code), (Verdict::Inconclusive, 3));
    says(&found, "10.0 % of the baseline's answers and 20.0 % of the candidate's were cut off");
    says(&found, "so that it decides nothing");
}

#[test]
fn shares_and_spending_have_rules_of_their_own() {
    let rules = |kind: &str, metric: &str, value: f64| {
        policy(&format!(
            "[[rule]]\ntask = \"*\"\nmetric = \"{metric}\"\nkind = \"{kind}\"\nvalue = {value}\n"
        ))
    };
    let right = Arm::scoring("a", 200, 200);
    let none = Arm::new("b", &[Some(Outcome::Truncated); 200]);
    for (kind, metric, value, candidate, verdict) in [
        ("at_most", "truncated", 0.05, &right, Verdict::Pass),
        ("at_most", "truncated", 0.05, &none, Verdict::Regress),
        ("at_most", "truncated", 0.01, &right, Verdict::Inconclusive),
        ("at_least", "accuracy", 0.9, &right, Verdict::Pass),
        ("at_least", "accuracy", 0.1, &none, Verdict::Regress),
        ("ratio_at_most", "output_tokens", 1.1, &right, Verdict::Pass),
        ("ratio_at_most", "output_tokens", 0.9, &right, Verdict::Regress),
        ("at_most", "output_tokens", 1_000.0, &right, Verdict::Pass),
        ("at_most", "latency_s", 0.4, &right, Verdict::Regress),
    ] {
        let found = judged(&rules(kind, metric, value), &right, candidate);
        assert_eq!(found.rules[0].verdict, verdict, "{kind} {metric} {value}: {:?}", found.rules);
    }
}

#[test]
fn an_open_limit_says_how_many_items_would_decide_it() {
    let rare = policy(
        "[[rule]]\ntask = \"*\"\nmetric = \"truncated\"\nkind = \"at_most\"\nvalue = 0.01\n",
    );
    let right = Arm::scoring("a", 200, 200);
    let found = judged(&rare, &right, &right);
    assert_eq!(found.verdict, Verdict::Inconclusive);
    // The rule of three: 299 items without an exception bound a share below 1 %.
    let needed = found.rules[0].items_needed.expect("a number");
    assert!((299..900).contains(&needed), "{needed}");
}

#[test]
fn a_hundred_thousand_pairs_are_judged() {
    let (baseline, candidate) =
        (Arm::scoring("a", 60_000, 100_000), Arm::scoring("b", 59_900, 100_000));
    let found = judged(&margin(0.02), &baseline, &candidate);
    assert_eq!((found.verdict, found.changed.pairs), (Verdict::Pass, 100_000));
    assert_eq!((found.changed.lost, found.changed.gained, found.flips.len()), (100, 0, 100));
}

#[test]
fn several_rules_share_the_error_rate() {
    // Taken alone a fall of 12 of 200 against a margin of two points is broken at 5 %.
    let one =
        "[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.02\n";
    let (baseline, candidate) = (Arm::scoring("a", 200, 200), Arm::scoring("b", 190, 200));
    let alone = judged(&policy(one), &baseline, &candidate);
    assert_eq!(alone.verdict, Verdict::Regress);
    let many = format!(
        "{one}{}",
        "[[rule]]\ntask = \"*\"\nmetric = \"truncated\"\nkind = \"at_most\"\nvalue = 0.5\n"
            .repeat(20)
    );
    let adjusted = judged(&policy(&many), &baseline, &candidate);
    assert_eq!(adjusted.rules[0].verdict, Verdict::Inconclusive);
    says(&adjusted, "not after the adjustment for several rules");
}

#[test]
fn the_order_of_trials_changes_no_byte() {
    let baseline = Arm::scoring("a", 120, 200);
    let mut candidate = Arm::new(
        "b",
        &(0..200)
            .map(|n| Some(if n % 3 == 0 { Outcome::Correct } else { Outcome::Incorrect }))
            .collect::<Vec<_>>(),
    );
    let rules = policy(
        "[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.02\n\
         [[rule]]\ntask = \"*\"\nmetric = \"output_tokens\"\nkind = \"ratio_at_most\"\nvalue = 1.5\n",
    );
    let before = render(&judged(&rules, &baseline, &candidate), Form::Json);
    tripos_tasks::generate::Random::from_key("order").shuffle(&mut candidate.samples);
    assert_eq!(render(&judged(&rules, &baseline, &candidate), Form::Json), before);
}

#[test]
fn a_plan_says_what_the_items_can_detect() {
    let baseline = Arm::scoring("a", 150, 200);
    let planned = plan(&margin(0.02), &baseline.source());
    let rule = &planned.rules[0];
    assert_eq!((rule.items, rule.seen, rule.repeats), (200, false, 1.0));
    // 2·p·(1 − p) = 0.375; (z.95 + z.8)·√(0.375/200) = 0.1077.
    assert!((rule.variance - 0.375).abs() < 1e-12 && (rule.detectable - 0.1077).abs() < 1e-4);
    assert!(rule.items_needed.is_some_and(|items| items > 5_000));
    let mut repeated = Arm::scoring("a", 150, 200);
    let again: Vec<Sample> =
        repeated.samples.iter().map(|s| Sample { repeat: 1, ..s.clone() }).collect();
    repeated.samples.extend(again);
    let steady = plan(&margin(0.02), &repeated.source());
    assert!(steady.rules[0].seen && steady.rules[0].variance <= 0.0, "{:?}", steady.rules);
}

/// The answers of a run that is watched, for each item of the plan right or wrong; in which order they come.
fn watched(
    policy: &Policy,
    items: u64,
    right: fn(usize) -> bool,
    backwards: bool,
) -> Option<Monitor> {
    let mut baseline = Arm::scoring("a", 300, 300);
    baseline.run.tasks[0].task = "math/sum".to_owned();
    for (n, sample) in baseline.samples.iter_mut().enumerate() {
        sample.item = format!("sum-{n}");
    }
    let (suites, arms) = ([suite(items)], [arm("m", &Scripted::right("m"))]);
    let wish = Selection { shuffled: true, ..selection() };
    let plan = plan::plan(&suites, &arms, &wish).expect("a plan");
    let mut monitor = Monitor::new(policy, &baseline.source(), &plan)?;
    let mut order: Vec<usize> = (0..plan.trials.len()).collect();
    if backwards {
        order.reverse();
    }
    for n in order {
        let score = Some(if right(n) { 1.0 } else { 0.0 });
        if monitor.see(&[Settled { n, score }]) {
            break;
        }
    }
    Some(monitor)
}

fn hybrid(rules: &str) -> Policy {
    policy(&format!("early_stop = \"hybrid\"\n{rules}"))
}

const RULE: &str =
    "[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.05\n";
const LIMIT: &str =
    "[[rule]]\ntask = \"*\"\nmetric = \"truncated\"\nkind = \"at_most\"\nvalue = 0.1\n";

#[test]
fn a_watched_run_ends_as_soon_as_its_gate_is_decided() {
    let same = watched(&hybrid(RULE), 300, |_| true, false).expect("watched");
    assert!(same.is_early());
    assert_eq!((same.taken(), same.verdict(0)), ((180, 300), Some((MarginVerdict::Pass, 180))));
    let wrong = watched(&hybrid(RULE), 300, |_| false, false).expect("watched");
    let (taken, _) = wrong.taken();
    assert!(taken < 30 && wrong.is_early(), "{taken}");
    assert_eq!(wrong.verdict(0), Some((MarginVerdict::Regress, taken)));
    let other = watched(&hybrid(&format!("{RULE}{LIMIT}")), 300, |_| true, false).expect("watched");
    assert_eq!(
        (other.is_early(), other.taken()),
        (false, (300, 300)),
        "the limit needs every item"
    );
}

#[test]
fn what_finishes_early_waits_for_its_turn() {
    let backwards = watched(&hybrid(RULE), 300, |_| true, true).expect("watched");
    assert!(!backwards.is_early(), "the first item of the order was the last to come");
    assert_eq!(backwards.verdict(0).map(|found| found.0), Some(MarginVerdict::Pass));
}

#[test]
fn what_cannot_be_decided_early_is_not_watched() {
    assert!(watched(&policy(RULE), 300, |_| true, false).is_none(), "the policy does not want it");
    assert!(watched(&hybrid(LIMIT), 300, |_| true, false).is_none(), "no rule compares");
    assert!(watched(&hybrid(RULE), 4, |_| true, false).is_none(), "fewer items than looks");
}

#[test]
fn a_gate_that_stopped_early_says_so_and_misses_nothing() {
    let monitor = watched(&hybrid(RULE), 300, |_| false, false).expect("watched");
    let (baseline, mut candidate) = (Arm::scoring("a", 300, 300), Arm::scoring("b", 0, 300));
    for sample in &mut candidate.samples[20..] {
        (sample.outcome, sample.score) = (None, None);
        sample.state = TrialState::Planned;
    }
    let sides = (baseline.source(), candidate.source());
    let found = judge(&hybrid(RULE), &sides.0, &sides.1, false, Some(&monitor));
    assert_eq!((found.verdict, found.exit_code), (Verdict::Regress, 1));
    says(&found, "Stopped early, after ");
    says(&found, "Decided by looks at ");
    let unwatched = judge(&hybrid(RULE), &sides.0, &sides.1, false, None);
    assert_eq!(unwatched.verdict, Verdict::Invalid, "what was not asked is missing otherwise");
}

#[test]
fn the_looks_of_a_policy_that_wants_more_share_its_alpha() {
    let plain = policy(RULE);
    assert!((at_look(&plain, 0).alpha - plain.alpha).abs() < 1e-15, "one look has all of it");
    let text = format!("on_inconclusive = \"sample_more\"\n{RULE}");
    let wants = policy(&text);
    let shares: Vec<f64> = (0..9).map(|before| at_look(&wants, before).alpha).collect();
    assert!((shares.iter().sum::<f64>() - wants.alpha).abs() < 1e-15, "{shares:?}");
    assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]), "{shares:?}");
}

#[test]
fn more_is_asked_only_where_more_could_decide() {
    let text = format!("on_inconclusive = \"sample_more\"\n{RULE}");
    let wants = policy(&text);
    let (one, two) = (Arm::scoring("a", 14, 20), Arm::scoring("b", 13, 20));
    let next = |candidate: &Arm, before: usize| {
        let sides = (one.source(), candidate.source());
        let found = judge(&at_look(&wants, before), &sides.0, &sides.1, false, None);
        let looked = Looked { before, first_usd: None };
        more(&wants, (&sides.0, &sides.1), &found, looked)
    };
    assert_eq!(next(&two, 0), Some(More::Repeats(2)));
    let Some(More::Nothing(why)) = next(&two, 3) else { panic!("the looks have an end") };
    assert!(why.contains("was taken"), "{why}");
    // Cut off three times as often: what is open is no matter of chance.
    let mut cut = Arm::scoring("b", 13, 20);
    for sample in cut.samples.iter_mut().filter(|sample| sample.score == Some(0.0)) {
        sample.outcome = Some(Outcome::Truncated);
    }
    let Some(More::Nothing(why)) = next(&cut, 0) else { panic!("it would not help") };
    assert!(why.contains("not chance"), "{why}");
    let sides = (one.source(), two.source());
    let found = judge(&policy(RULE), &sides.0, &sides.1, false, None);
    assert_eq!(more(&policy(RULE), (&sides.0, &sides.1), &found, Looked::default()), None);
}
