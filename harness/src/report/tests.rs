//! A run written by hand, row by row, and what the report says of it.

use std::time::Duration;

use tripos_dashboards::report::Direction;
use tripos_graders::{Detail, Grade, Outcome};
use tripos_runners::runner::LayerLoad as SeenLoad;
use tripos_runners::{Effective, Finish, Reasoning, Served, Timing, Usage, UsageSource};
use tripos_tasks::{Message, Prompt, Sampling};

use super::*;
use crate::plan::Selection;
use crate::store::rows::{
    ArmRow, CompletionRow, ItemRow, Listing, RunId, RunSummary, TaskRow as StoredTask, TurnRow,
};

fn sampling(reasoning: ReasoningLevel, max_tokens: u32) -> Sampling {
    Sampling { max_tokens, temperature: 0.0, top_p: 1.0, stop: Vec::new(), reasoning }
}

pub(crate) fn arm_row(label: &str, reasoning: ReasoningLevel, max_tokens: u32) -> ArmRow {
    let asked = sampling(reasoning, max_tokens);
    let effective = Effective { sampling: asked.clone(), reasoning, dropped: Vec::new() };
    ArmRow {
        label: label.to_owned(),
        model: "tiny".to_owned(),
        digest: "abc".to_owned(),
        requested: vec![asked],
        effective: vec![effective],
    }
}

pub(crate) fn a_run(handle: &str, arms: Vec<ArmRow>) -> Run {
    let summary = RunSummary {
        id: RunId(1),
        handle: handle.to_owned(),
        name: None,
        created_ms: 0,
        ended_ms: None,
        state: RunState::Finished,
        reason: None,
        suites: vec!["smoke".to_owned()],
        arms: arms.iter().map(|arm| arm.label.clone()).collect(),
        trials: 0,
        graded: 0,
        failed: 0,
    };
    let task = StoredTask {
        suite: "smoke".to_owned(),
        task: "math/one".to_owned(),
        version: "1".to_owned(),
        title: "sums".to_owned(),
        domain: "math".to_owned(),
        sensitivity: "none".to_owned(),
        weight: 1,
        digest: "d1".to_owned(),
        grader: serde_json::json!({ "kind": "integer" }),
        items: 4,
        repeats: 1,
    };
    Run {
        summary,
        digest: "run".to_owned(),
        command: "tripos run".to_owned(),
        selection: Selection {
            suites: vec!["smoke".to_owned()],
            models: vec!["tiny".to_owned()],
            reasoning: Vec::new(),
            seed: 7,
            repeats: None,
            limit: None,
            max_tokens: None,
            concurrency: None,
            shuffled: false,
        },
        version: "0.1.0".to_owned(),
        arms,
        tasks: vec![task],
        left_out: Vec::new(),
    }
}

fn key(arm: usize, item: usize) -> TrialKey {
    format!("{:064x}", 1 + 100 * arm + item).parse().expect("64 digits")
}

/// One sample; no outcome makes a failed one.
pub(crate) fn sample(arm: usize, item: usize, outcome: Option<Outcome>) -> Sample {
    let state = match outcome {
        Some(_) => TrialState::Graded,
        None => TrialState::Failed("refused".to_owned()),
    };
    Sample {
        arm,
        task: 0,
        item: format!("i{item}"),
        cluster: format!("i{item}"),
        level: Some(1),
        repeat: 0,
        key: key(arm, item),
        grader: "g1".to_owned(),
        state,
        score: outcome.map(|outcome| if outcome == Outcome::Correct { 1.0 } else { 0.0 }),
        outcome,
        tier: None,
        confidence: None,
        finish: outcome.map(|_| Finish::Stop),
        usage: Usage {
            input: Some(10),
            output: Some(20 * (1 + arm as u64) + item as u64),
            reasoning: Some(0),
            cached_input: None,
            source: UsageSource::Provider,
        },
        timing: outcome.map(|_| Timing { first: None, total: Duration::from_millis(500) }),
    }
}

fn transcript(sample: &Sample) -> Transcript {
    let grade = sample.outcome.map(|outcome| Grade {
        outcome,
        score: sample.score.unwrap_or_default(),
        detail: Detail { extracted: Some("5".to_owned()), ..Detail::default() },
    });
    Transcript {
        key: sample.key,
        model: "abc".to_owned(),
        sampling: sampling(ReasoningLevel::Off, 64),
        seed: 1,
        turns: vec![TurnRow {
            prompt: Prompt(vec![Message::user("2 + 3?")]),
            attempts: Vec::new(),
            completion: Some(CompletionRow {
                text: "Answer: 5".to_owned(),
                reasoning: Reasoning::default(),
                finish: Finish::Stop,
                usage: sample.usage,
                timing: sample.timing.unwrap_or_default(),
                served: Served::default(),
            }),
        }],
        listings: vec![Listing {
            run: "r-1".to_owned(),
            arm: "tiny".to_owned(),
            task: "math/one".to_owned(),
            repeat: 0,
            item: ItemRow {
                id: sample.item.clone(),
                group: None,
                fields: serde_json::json!({}),
                target_kind: "integer".to_owned(),
                target: "5".to_owned(),
                decoys: serde_json::json!({}),
                origin: None,
            },
            failed: None,
            grade,
        }],
    }
}

/// Two arms over items by their outcomes; `None` fails.
fn two_arms(outcomes: &[(Option<Outcome>, Option<Outcome>)]) -> (Run, Vec<Sample>) {
    let arms = vec![
        arm_row("tiny+nothink", ReasoningLevel::Off, 64),
        arm_row("tiny+think", ReasoningLevel::High, 64),
    ];
    let samples = outcomes
        .iter()
        .enumerate()
        .flat_map(|(n, (one, two))| [sample(0, n, *one), sample(1, n, *two)])
        .collect();
    (a_run("r-1", arms), samples)
}

fn making() -> Making {
    Making {
        created: "now".to_owned(),
        command: "tripos report r-1 -o x.html".to_owned(),
        store: "tripos.db".to_owned(),
        machine: "one".to_owned(),
    }
}

fn made(run: &Run, samples: &[Sample]) -> Report {
    let source = |arm| Source { run, arm, samples, telemetry: None, price: None, remote: false };
    let sources: Vec<_> = (0..run.arms.len()).map(source).collect();
    let draft = Draft::new(&sources, Extent::Whole);
    let wanted = draft.shown_trials();
    let transcripts = samples
        .iter()
        .filter(|sample| wanted.contains(&sample.key))
        .map(|sample| (sample.key, transcript(sample)))
        .collect();
    draft.report(&transcripts, &making())
}

fn source_of<'a>(run: &'a Run, samples: &'a [Sample]) -> Source<'a> {
    Source { run, arm: 0, samples, telemetry: None, price: None, remote: false }
}

const RIGHT: Option<Outcome> = Some(Outcome::Correct);
const WRONG: Option<Outcome> = Some(Outcome::Incorrect);
const CUT: Option<Outcome> = Some(Outcome::Truncated);

#[test]
fn what_was_lost_comes_before_what_was_gained() {
    let (run, samples) =
        two_arms(&[(WRONG, RIGHT), (RIGHT, WRONG), (RIGHT, RIGHT), (WRONG, RIGHT)]);
    let report = made(&run, &samples);
    let compared = &report.comparisons[0];
    let flips: Vec<_> =
        compared.flips.iter().map(|flip| (flip.item.as_str(), flip.change)).collect();
    assert_eq!(flips, [("i1", -1.0), ("i0", 1.0), ("i3", 1.0)]);
    let pairs = compared.pairs;
    assert_eq!((pairs.lost, pairs.gained, pairs.both_right, pairs.both_wrong), (1, 2, 1, 0));
    assert_eq!(compared.flips[0].candidate.trial, key(1, 1).to_string());
    assert_eq!(compared.flips[0].prompt, "2 + 3?");
}

#[test]
fn a_failed_trial_is_in_no_score_and_no_pair() {
    let (run, samples) = two_arms(&[(RIGHT, None), (RIGHT, RIGHT)]);
    let report = made(&run, &samples);
    let cell = &report.tasks[0].cells[1];
    assert_eq!((cell.counts.planned, cell.counts.graded, cell.counts.failed), (2, 1, 1));
    assert_eq!(cell.accuracy.estimate, Some(1.0));
    assert_eq!(report.comparisons[0].pairs.unpaired, 1);
}

#[test]
fn the_order_of_trials_changes_no_byte_of_a_comparison() {
    let outcomes: Vec<_> = (0..60)
        .map(|n| (if n % 3 == 0 { RIGHT } else { CUT }, if n % 4 == 0 { CUT } else { RIGHT }))
        .collect();
    let (run, mut samples) = two_arms(&outcomes);
    let mut again: Vec<Sample> = samples.clone();
    for (n, sample) in again.iter_mut().enumerate() {
        sample.repeat = 1;
        let shift = [0.0, 0.1, 0.3, 0.7][n % 4];
        sample.score = sample.score.map(|score| (score + shift) / 1.7);
    }
    samples.extend(again);
    let json = |samples: &[Sample]| {
        tripos_dashboards::render(&made(&run, samples), tripos_dashboards::Format::Json)
    };
    let before = json(&samples);
    tripos_tasks::generate::Random::from_key("order").shuffle(&mut samples);
    assert_eq!(json(&samples), before);
}

#[test]
fn a_right_answer_has_a_price_in_tokens() {
    let (run, samples) = two_arms(&[(RIGHT, CUT), (RIGHT, RIGHT)]);
    let report = made(&run, &samples);
    let price = |arm: usize| report.arms[arm].total.spend.tokens_per_correct.estimate;
    // 20 and 21 tokens for two right answers, 40 and 41 for one.
    assert_eq!((price(0), price(1)), (Some(20.5), Some(81.0)));
    let (run, samples) = two_arms(&[(CUT, CUT)]);
    assert_eq!(made(&run, &samples).arms[0].total.spend.tokens_per_correct.estimate, None);
}

#[test]
fn repeats_show_what_would_narrow_the_interval() {
    let (run, mut samples) = two_arms(&[(RIGHT, CUT), (RIGHT, RIGHT), (CUT, RIGHT), (CUT, CUT)]);
    assert_eq!(made(&run, &samples).comparisons[0].spread, None, "asked once");
    let mut again: Vec<Sample> = samples.clone();
    for sample in &mut again {
        sample.repeat = 1;
        sample.score = sample.score.map(|score| f64::midpoint(score, 1.0));
    }
    samples.extend(again);
    let spread = made(&run, &samples).comparisons[0].spread.expect("asked twice");
    assert!(spread.sampling_share > 0.0 && spread.twice_repeats < spread.twice_items, "{spread:?}");
}

#[test]
fn items_of_different_tasks_that_share_a_name_are_different_items() {
    let one = [sample(0, 0, RIGHT), sample(0, 1, CUT)];
    let two = one.clone().map(|sample| Sample { task: 1, ..sample });
    let run = a_run("r", vec![arm_row("tiny", ReasoningLevel::Off, 64)]);
    let tasks = [&one, &two].map(|all| TaskView::new(&run.tasks[0], all.iter().collect()));
    let truncated = cells::share(&tasks, Outcome::Truncated);
    assert_eq!((truncated.estimate, truncated.n), (Some(0.5), 4));
}

#[test]
fn a_cut_answer_counts_as_wrong_and_raises_a_doubt() {
    let (run, samples) = two_arms(&[(RIGHT, CUT), (RIGHT, RIGHT)]);
    let report = made(&run, &samples);
    let cell = &report.tasks[0].cells[1];
    assert_eq!((cell.accuracy.estimate, cell.counts.truncated), (Some(0.5), 1));
    let caveats = &report.comparisons[0].caveats;
    assert!(
        caveats.iter().any(|caveat| caveat.contains("50.0 % of the candidate's")),
        "{caveats:?}"
    );
}

#[test]
fn a_difference_that_excludes_zero_has_a_direction() {
    let (run, samples) = two_arms(&[(WRONG, RIGHT); 12]);
    let compared = &made(&run, &samples).comparisons[0];
    assert_eq!(compared.overall.direction, Direction::Better);
    assert_eq!(compared.overall.figure.estimate, Some(1.0));
    assert_eq!(compared.pairs_needed, None);
    let (run, samples) = two_arms(&[(WRONG, RIGHT), (RIGHT, RIGHT)]);
    assert_eq!(made(&run, &samples).comparisons[0].overall.direction, Direction::Unresolved);
}

#[test]
fn the_candidate_takes_twice_the_tokens() {
    let (run, samples) = two_arms(&[(RIGHT, RIGHT)]);
    let report = made(&run, &samples);
    assert_eq!(report.comparisons[0].token_ratio.estimate, Some(2.0));
    assert_eq!(report.arms[1].total.spend.output_tokens.estimate, Some(40.0));
}

#[test]
fn arms_of_one_label_are_told_apart_by_their_run() {
    let (one, samples) = two_arms(&[(RIGHT, RIGHT)]);
    let two = a_run("r-2", one.arms.clone());
    let source =
        |run| Source { run, arm: 0, samples: &samples, telemetry: None, price: None, remote: true };
    let sources = [source(&one), source(&two)];
    let report = Draft::new(&sources, Extent::Whole).report(&BTreeMap::new(), &making());
    let names: Vec<_> = report.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["r-1/tiny+nothink", "r-2/tiny+nothink"]);
    assert_eq!(report.arms[0].experts, Experts::NotObservable);
}

#[test]
fn other_tasks_and_other_limits_are_named() {
    let (one, samples) = two_arms(&[(RIGHT, RIGHT)]);
    let mut two = a_run("r-2", vec![arm_row("tiny", ReasoningLevel::Off, 128)]);
    two.tasks[0].digest = "d2".to_owned();
    assert_eq!(
        mismatches(&source_of(&one, &samples), &source_of(&two, &samples)),
        [
            "Task math/one is not the same in both: digest d1 and d2.",
            "Task math/one had a token limit of 64 in one and 128 in the other."
        ]
    );
    two.tasks[0].task = "math/two".to_owned();
    let sentences = mismatches(&source_of(&one, &samples), &source_of(&two, &samples));
    assert_eq!(sentences, ["The two have no task in common."]);
    let thinking = Source { arm: 1, ..source_of(&one, &samples) };
    assert!(mismatches(&source_of(&one, &samples), &thinking).is_empty());
}

#[test]
fn an_expert_with_its_fair_share_has_ratio_one() {
    let (run, samples) = two_arms(&[(RIGHT, RIGHT)]);
    let telemetry = Telemetry {
        expert_load: vec![SeenLoad { layer: 1, tokens: vec![30, 10], router_entropy_bits: 0.8 }],
        ..Telemetry::default()
    };
    let telemetry = Some(&telemetry);
    let source =
        Source { run: &run, arm: 0, samples: &samples, telemetry, price: None, remote: false };
    let Experts::Observed { layers } = experts(&source) else { panic!("was watched") };
    assert_eq!((layers[0].tokens, layers[0].ratios.as_slice()), (40, [1.5, 0.5].as_slice()));
}

#[test]
fn an_answer_over_a_token_limit_counts_as_wrong_there() {
    // The first arm takes 20 to 23 tokens an item, the second 40 to 43.
    let (run, mut samples) =
        two_arms(&[(RIGHT, RIGHT), (WRONG, RIGHT), (RIGHT, CUT), (None, RIGHT)]);
    let report = made(&run, &samples);
    let curve = |arm: usize| {
        let points = report.arms[arm].budgets.iter();
        points.map(|point| (point.tokens, point.accuracy.estimate)).collect::<Vec<_>>()
    };
    assert_eq!(curve(0), [(16, Some(0.0)), (32, Some(2.0 / 3.0))]);
    assert_eq!(curve(1), [(16, Some(0.0)), (32, Some(0.0)), (64, Some(0.75))]);
    // The widest limit bought what was measured.
    for arm in &report.arms {
        let widest = arm.budgets.last().map(|point| &point.accuracy);
        assert_eq!(widest, Some(&arm.total.accuracy));
    }
    samples[0].usage.output = None;
    assert_eq!(made(&run, &samples).arms[0].budgets, [], "one answer does not say what it took");
}

#[test]
fn items_that_tell_nothing_are_counted_and_the_others_weighed() {
    let report = |arms: usize, right: &[&[usize]]| {
        let row = |n: usize| arm_row(&format!("arm{n}"), ReasoningLevel::Off, 64);
        let run = a_run("r-1", (0..arms).map(row).collect());
        let of = |arm: usize, item: usize| {
            sample(arm, item, if right[item].contains(&arm) { RIGHT } else { WRONG })
        };
        let samples = (0..arms).flat_map(|arm| (0..right.len()).map(move |item| of(arm, item)));
        made(&run, &samples.collect::<Vec<_>>()).items
    };
    let two = report(2, &[&[0, 1], &[1], &[], &[0, 1]]);
    assert_eq!((two.all_right, two.none_right, two.rows.len()), (2, 1, 4));
    assert_eq!(two.reliability, None);
    assert!(two.rows.iter().all(|row| row.discrimination.is_none()), "two arms correlate with all");

    // The first four agree on who is good; on the last the worst two do best.
    let four = report(4, &[&[1, 2, 3], &[2, 3], &[2, 3], &[3], &[0, 1]]);
    let difficulty: Vec<f64> = four.rows.iter().map(|row| row.difficulty).collect();
    assert_eq!(difficulty, [0.75, 0.5, 0.5, 0.25, 0.5]);
    let telling = |item: usize| four.rows[item].discrimination.expect("four arms say");
    assert!(telling(1) > 0.0 && telling(4) < -0.5, "{:?}", four.rows);
    assert!(four.reliability.is_some());
}

#[test]
fn an_item_that_one_arm_did_not_answer_is_not_weighed() {
    let (run, samples) = two_arms(&[(RIGHT, RIGHT), (RIGHT, None)]);
    let items = made(&run, &samples).items;
    assert_eq!((items.rows.len(), items.all_right), (1, 1));
}

#[test]
fn thousands_have_commas() {
    let shown = [0, 999, 1000, 1_234_567].map(thousands);
    assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
}
