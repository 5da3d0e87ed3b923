//! What stands against a verdict: settings that differ, trials that are missing, answers that were cut
//! off more often on one side.

use std::collections::BTreeSet;

use tripos_dashboards::gate::{Changed, Rule, Verdict};

use super::measure::{Item, Measured};
use super::monitor::Monitor;
use super::policy::{Metric, OnInconclusive, Policy, Scope};
use crate::report::{Source, mismatches, thousands};
use crate::store::rows::TrialState;

/// What makes the two sides incomparable, a sentence each: tasks, limits, sampling, reasoning, graders.
pub(super) fn differences(
    baseline: &Source<'_>,
    candidate: &Source<'_>,
    before: &Measured<'_>,
    now: &Measured<'_>,
) -> Vec<String> {
    let mut sentences = mismatches(baseline, candidate);
    for (n, task) in baseline.run.tasks.iter().enumerate() {
        let Some(m) = candidate.run.tasks.iter().position(|other| other.task == task.task) else {
            sentences.push(format!("Task {} is in the baseline only.", task.task));
            continue;
        };
        let level = |source: &Source<'_>, n: usize| {
            source.run.arms[source.arm].effective.get(n).map(|effective| effective.reasoning)
        };
        if let (Some(one), Some(two)) = (level(baseline, n), level(candidate, m))
            && one != two
        {
            sentences.push(format!(
                "Task {} was reasoned about at level {one} in one and {two} in the other.",
                task.task
            ));
        }
        let now = now.task(&task.task);
        let pairs = before.task(&task.task).into_iter().flat_map(|before| before.beside(now));
        let regraded = pairs.filter(|(item, other)| {
            other.is_some_and(|other| item.samples[0].grader != other.samples[0].grader)
        });
        let regraded = regraded.count();
        if regraded > 0 {
            sentences.push(format!(
                "{} items of task {} were graded by another version of the grader, or against \
                 another answer.",
                thousands(regraded as u64),
                task.task
            ));
        }
    }
    for task in &candidate.run.tasks {
        if before.task(&task.task).is_none() {
            sentences.push(format!("Task {} is in the candidate only.", task.task));
        }
    }
    sentences
}

/// What missing trials and items mean.
pub(super) struct Missing {
    /// Why nothing can be said.
    pub(super) invalid: Vec<String>,
    /// What a reader must know.
    pub(super) notes: Vec<String>,
}

/// Counts failed, unfinished and unpaired trials; more than the policy allows make the gate invalid.
pub(super) fn missing(
    policy: &Policy,
    (before, now): (&Measured<'_>, &Measured<'_>),
    changed: &Changed,
    early: Option<&Monitor>,
) -> Missing {
    let mut found = Missing { invalid: Vec::new(), notes: Vec::new() };
    let allowed = format!("{} % may be missing", 100.0 * policy.max_failed);
    for (name, side) in [("baseline", before), ("candidate", now)] {
        let planned = side.samples().count() as u64;
        let failed =
            side.samples().filter(|s| matches!(s.state, TrialState::Failed(_))).count() as u64;
        let open = side
            .samples()
            .filter(|s| matches!(s.state, TrialState::Planned | TrialState::Completed))
            .count() as u64;
        // What a gate left out on purpose is not missing.
        let open = if early.is_some() && name == "candidate" { 0 } else { open };
        for (count, what) in [(failed, "failed"), (open, "not done")] {
            let of = format!("{} of {}", thousands(count), thousands(planned));
            if exceeds(count, planned, policy.max_failed) {
                found.invalid.push(format!("{of} trials of the {name} are {what}: {allowed}."));
            } else if count > 0 {
                found.notes.push(format!("{of} trials of the {name} are {what}: in no score."));
            }
        }
    }
    if let Some(monitor) = early {
        let (taken, all) = monitor.taken();
        found.notes.push(format!(
            "Stopped early, after {} of {} items: the answer was clear.",
            thousands(taken as u64),
            thousands(all as u64)
        ));
    }
    let unasked = unasked(policy, before, now);
    if unasked > 0 {
        found.notes.push(format!(
            "{} items of the baseline were not asked: the run has a limit.",
            thousands(unasked)
        ));
    }
    let unpaired = changed.unpaired.saturating_sub(unasked);
    let all = changed.pairs + unpaired;
    if changed.pairs == 0 {
        found.invalid.push("No item was answered by both sides.".to_owned());
    } else if early.is_none() && exceeds(unpaired, all, policy.max_failed) {
        found.invalid.push(format!(
            "{} of {} items were answered by one side only: {allowed}.",
            thousands(unpaired),
            thousands(all)
        ));
    }
    found
}

/// Items of the baseline that a limit left out of the candidate, where the policy may still ask for them. A
/// limit takes the first items of an order that no answer decides.
fn unasked(policy: &Policy, before: &Measured<'_>, now: &Measured<'_>) -> u64 {
    if policy.on_inconclusive != OnInconclusive::SampleMore || !now.is_limited() {
        return 0;
    }
    let planned: BTreeSet<(&str, &str)> = now
        .tasks()
        .iter()
        .flat_map(|task| task.samples.iter().map(|s| (task.row.task.as_str(), s.item.as_str())))
        .collect();
    let left = |(task, item): &(&str, &Item<'_>)| {
        now.task(task).is_some() && !planned.contains(&(*task, item.id))
    };
    before.items().filter(left).count() as u64
}

#[expect(clippy::cast_precision_loss, reason = "trial counts come nowhere near 2^53")]
fn exceeds(count: u64, of: u64, share: f64) -> bool {
    count as f64 > share * of as f64
}

/// Takes back what rests on a difference in how often answers were cut off or could not be read.
pub(super) fn doubt(
    rule: &mut Rule,
    (scope, margin): (&Scope, f64),
    before: &Measured<'_>,
    now: &Measured<'_>,
) {
    for (word, one, two) in doubts((scope, margin), before, now) {
        rule.notes.push(format!(
            "{:.1} % of the baseline's answers and {:.1} % of the candidate's were {word}: the \
             difference in score may be a difference in length or form.",
            100.0 * one,
            100.0 * two
        ));
        if matches!(rule.verdict, Verdict::Pass | Verdict::Regress) {
            rule.verdict = Verdict::Inconclusive;
            rule.notes.push("What was found rests on it, so that it decides nothing.".to_owned());
        }
    }
}

/// Whether a difference in score may be one in length or form.
pub(super) fn is_doubted(about: (&Scope, f64), before: &Measured<'_>, now: &Measured<'_>) -> bool {
    doubts(about, before, now).next().is_some()
}

/// What differs by more than the margin: its word, and both shares.
fn doubts(
    (scope, margin): (&Scope, f64),
    before: &Measured<'_>,
    now: &Measured<'_>,
) -> impl Iterator<Item = (&'static str, f64, f64)> {
    [(Metric::Truncated, "cut off"), (Metric::Unparsed, "unreadable")]
        .map(|(metric, word)| {
            (word, share(before, now, scope, metric), share(now, before, scope, metric))
        })
        .into_iter()
        .filter(move |(_, one, two)| (one - two).abs() > margin)
}

/// The share of `of`'s answers that `metric` names, on the items that `other` answered too.
fn share(of: &Measured<'_>, other: &Measured<'_>, scope: &Scope, metric: Metric) -> f64 {
    let (mut total, mut items) = (0.0, 0.0);
    for (_, item, other) in of.beside(other).filter(|(task, ..)| scope.holds(task)) {
        if other.is_some() {
            total += item.value(metric).unwrap_or_default();
            items += 1.0;
        }
    }
    if items > 0.0 { total / items } else { 0.0 }
}
