//! What a plan lists, and what it refuses.

use serde_json::json;
use tripos_tasks::{GraderSpec, Sampling, Suite};

use super::scripted::{Scripted, arm, selection, suite, suite_of, task};
use super::*;

/// Plans and returns the prompts asked, in order.
fn asked(suites: &[Suite], selection: &Selection) -> Vec<String> {
    let arms = [arm("m", &Scripted::right("m"))];
    let plan = plan(suites, &arms, selection).expect("a plan");
    let place = |trial: &Trial| {
        let task = &plan.tasks[trial.task];
        format!("{} {} {}", task.task.id, task.items[trial.item].id, trial.repeat)
    };
    plan.trials.iter().map(place).collect()
}

#[test]
fn nothing_to_ask_is_an_error() {
    let arms = [arm("m", &Scripted::right("m"))];
    let suites = [suite(1)];
    let empty = |suites: &[Suite], arms: &[Arm], selection: &Selection| {
        plan(suites, arms, selection).expect_err("an empty plan").to_string()
    };
    let none = Selection { limit: Some(0), ..selection() };
    assert_eq!(empty(&[], &arms, &selection()), "nothing to run: the selection holds no tasks");
    assert_eq!(empty(&suites, &[], &selection()), "nothing to run: the selection holds no models");
    assert_eq!(empty(&suites, &arms, &none), "nothing to run: the selection holds no items");
    assert_eq!(
        empty(&[suite(0)], &arms, &selection()),
        "nothing to run: the selection holds no items"
    );
}

#[test]
fn the_same_arm_or_task_twice_is_an_error() {
    let runner = Scripted::right("m");
    let twice = [arm("m", &runner), arm("m", &runner)];
    let suites = [suite(1), suite(1)];
    let arms = plan(&suites[..1], &twice, &selection()).expect_err("an arm twice");
    assert_eq!(arms.to_string(), "the model `m` is given twice");
    let tasks = plan(&suites, &twice[..1], &selection()).expect_err("a task twice");
    assert_eq!(tasks.to_string(), "the task `math/sum` is given twice");
}

#[test]
fn an_item_that_does_not_fit_the_template_is_named() {
    let mut broken = task("math/sum", 2);
    broken.items[1].fields = [("other".to_owned(), json!(1))].into();
    let arms = [arm("m", &Scripted::right("m"))];
    let suites = [suite_of(vec![broken])];
    let error = plan(&suites, &arms, &selection()).expect_err("an item without text");
    assert_eq!(error.to_string(), "cannot render item `sum-1` of task `math/sum`");
}

#[test]
fn a_drawn_order_is_that_of_the_seed_and_keeps_repeats_together() {
    let suites = [suite(6)];
    let drawn =
        |seed| asked(&suites, &Selection { shuffled: true, repeats: Some(2), seed, ..selection() });
    let (one, two) = (drawn(1), drawn(2));
    assert_eq!(one, drawn(1));
    assert_ne!(one, two, "another seed draws another order");
    for pair in one.chunks(2) {
        assert_eq!(pair[0].trim_end_matches('0'), pair[1].trim_end_matches('1'), "{pair:?}");
    }
    let mut sorted = (one, asked(&suites, &Selection { repeats: Some(2), ..selection() }));
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "the same trials");
}

#[test]
fn a_limit_takes_levels_evenly_and_a_higher_one_adds_to_it() {
    let limited = |limit| asked(&[suite(6)], &Selection { limit: Some(limit), ..selection() });
    let three = ["math/sum sum-0 0", "math/sum sum-2 0", "math/sum sum-4 0"];
    assert_eq!(limited(3), three);
    assert_eq!(limited(4)[..3], three);
    assert_eq!(limited(99).len(), 6);
}

#[test]
fn tasks_take_turns_and_repeats_come_last() {
    let suites = [suite_of(vec![task("a", 1), task("b", 2)])];
    let order = asked(&suites, &Selection { repeats: Some(2), ..selection() });
    assert_eq!(
        order,
        ["a sum-0 0", "b sum-0 0", "b sum-1 0", "a sum-0 1", "b sum-0 1", "b sum-1 1"]
    );
}

#[test]
fn equal_plans_are_one_run_and_any_other_is_another() {
    let digest = |suites: &[Suite], label: &str, selection: &Selection| {
        let arms = [arm(label, &Scripted::right("m"))];
        plan(suites, &arms, selection).expect("a plan").digest
    };
    let one = digest(&[suite(3)], "m", &selection());
    assert_eq!(one, digest(&[suite(3)], "m", &selection()));
    // How many are asked at once decides nothing.
    let faster = Selection { concurrency: Some(9), ..selection() };
    assert_eq!(one, digest(&[suite(3)], "m", &faster));
    let mut regraded = task("math/sum", 3);
    regraded.grader = GraderSpec::Rational;
    let others = [
        digest(&[suite(4)], "m", &selection()),
        digest(&[suite_of(vec![regraded])], "m", &selection()),
        digest(&[suite(3)], "n", &selection()),
        digest(&[suite(3)], "m", &Selection { seed: 2, ..selection() }),
        digest(&[suite(3)], "m", &Selection { repeats: Some(2), ..selection() }),
        digest(&[suite(3)], "m", &Selection { limit: Some(2), ..selection() }),
    ];
    for (n, other) in others.iter().enumerate() {
        assert_ne!(one, *other, "plan {n}");
    }
}

#[test]
fn tasks_that_ask_the_same_thing_share_its_key() {
    let suites = [suite_of(vec![task("a", 2), task("b", 1)])];
    let arms = [arm("m", &Scripted::right("m"))];
    let plan = plan(&suites, &arms, &selection()).expect("a plan");
    assert_eq!(plan.trials[0].key, plan.trials[1].key);
    assert_ne!(plan.trials[0].key, plan.trials[2].key);
}

#[test]
fn an_arm_overrides_what_the_task_says() {
    let runner = Scripted::right("m");
    let mut arm = arm("m+nothink", &runner);
    arm.reasoning = Some(ReasoningLevel::Off);
    arm.max_tokens = Some(9);
    let asked = arm.requested(&task("a", 1));
    let own = task("a", 1).sampling;
    assert_eq!(asked, Sampling { max_tokens: 9, reasoning: ReasoningLevel::Off, ..own });
}
