//! Watches a run while it goes on, and says when its gate is decided.
//!
//! What finishes early waits: differences are taken in the order of the plan, which the seed draws, so that
//! quick answers do not count for more than slow ones. Margin and looks are fixed before the first answer.

use std::collections::{BTreeMap, BTreeSet};

use super::measure::Measured;
use super::policy::{EarlyStop, Hold, Metric, Policy};
use crate::engine::Settled;
use crate::plan::Plan;
use crate::report::Source;
use crate::stats::{HybridGate, ItemScore, MarginVerdict};

/// A run under watch.
#[derive(Clone, Debug)]
pub struct Monitor {
    rules: Vec<Watched>,
    /// Whether the policy has rules that need every item.
    others: bool,
    items: Vec<Item>,
    /// The item of each trial.
    of_trial: Vec<usize>,
    /// The first item whose difference was not taken yet.
    next: usize,
}

/// A rule that can be decided before every item is in.
#[derive(Clone, Debug)]
struct Watched {
    /// Its place in the policy.
    rule: usize,
    tasks: BTreeSet<String>,
    gate: HybridGate,
}

#[derive(Clone, Debug)]
struct Item {
    task: String,
    baseline: Option<f64>,
    waiting: u32,
    scores: Vec<f64>,
}

impl Monitor {
    /// Watches the one arm of `plan`; absent where the policy does not want it, or no rule can be decided early.
    ///
    /// A rule can be where it compares accuracy, its items stand alone, and each of them weighs the same.
    pub fn new(policy: &Policy, baseline: &Source<'_>, plan: &Plan<'_>) -> Option<Self> {
        if policy.early_stop == EarlyStop::None || plan.arms.len() != 1 {
            return None;
        }
        let measured = Measured::new(baseline);
        let mut items: Vec<Item> = Vec::new();
        let mut places: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut of_trial = Vec::with_capacity(plan.trials.len());
        for trial in &plan.trials {
            let at = *places.entry((trial.task, trial.item)).or_insert_with(|| {
                let task = &plan.tasks[trial.task];
                let (task, id) = (task.task.id.to_string(), task.items[trial.item].id.to_string());
                let baseline = measured.item(&task, &id).map(|item| item.score);
                items.push(Item { task, baseline, waiting: 0, scores: Vec::new() });
                items.len() - 1
            });
            items[at].waiting += 1;
            of_trial.push(at);
        }
        let rules: Vec<Watched> = policy
            .rules
            .iter()
            .enumerate()
            .filter_map(|(n, rule)| {
                let Hold::NonInferior(margin) = rule.hold else { return None };
                let tasks: BTreeSet<String> = plan
                    .tasks
                    .iter()
                    .map(|task| task.task.id.to_string())
                    .filter(|task| rule.scope.holds(task))
                    .collect();
                let pairs = pairs(&items, &tasks);
                let fits = rule.metric == Metric::Accuracy
                    && alone(plan, &tasks)
                    && weigh_the_same(plan, &items, &tasks);
                let gate = HybridGate::new(pairs, margin, policy.alpha, policy.rules.len());
                Some(Watched { rule: n, tasks, gate: gate.filter(|_| fits)? })
            })
            .collect();
        let others = rules.len() < policy.rules.len();
        (!rules.is_empty()).then_some(Self { rules, others, items, of_trial, next: 0 })
    }

    /// Takes what was settled, and says whether the gate is decided.
    pub fn see(&mut self, settled: &[Settled]) -> bool {
        for one in settled {
            let item = &mut self.items[self.of_trial[one.n]];
            item.waiting = item.waiting.saturating_sub(1);
            item.scores.extend(one.score);
        }
        while let Some(item) = self.items.get(self.next).filter(|item| item.waiting == 0) {
            if self.is_decided() {
                break;
            }
            let score = ItemScore::of_repeats(&item.scores, None).map(|item| item.score);
            if let (Some(before), Some(now)) = (item.baseline, score) {
                for rule in self.rules.iter_mut().filter(|rule| rule.tasks.contains(&item.task)) {
                    rule.gate.see(now - before);
                }
            }
            self.next += 1;
        }
        self.is_decided()
    }

    /// Whether a regression is certain, or every rule of the policy holds.
    pub fn is_decided(&self) -> bool {
        let is = |verdict| move |rule: &Watched| rule.gate.verdict() == verdict;
        self.rules.iter().any(is(MarginVerdict::Regress))
            || (!self.others && self.rules.iter().all(is(MarginVerdict::Pass)))
    }

    /// What follows for the rule at `place` of the policy, and from how many items; absent where it was not
    /// watched. With every item in, it is looked at for the last time.
    pub(super) fn verdict(&self, place: usize) -> Option<(MarginVerdict, usize)> {
        let watched = self.rules.iter().find(|rule| rule.rule == place)?;
        let mut gate = watched.gate.clone();
        if !self.is_early() {
            gate.finish();
        }
        Some((gate.verdict(), gate.seen()))
    }

    /// Whether the run was left before its last item.
    pub fn is_early(&self) -> bool {
        self.is_decided() && self.items.iter().any(|item| item.waiting > 0)
    }

    /// Items whose answers were taken, and all of them.
    pub fn taken(&self) -> (usize, usize) {
        (self.next, self.items.len())
    }
}

/// The items of `tasks` that the baseline has too.
fn pairs(items: &[Item], tasks: &BTreeSet<String>) -> usize {
    items.iter().filter(|item| item.baseline.is_some() && tasks.contains(&item.task)).count()
}

/// Whether no two items of `tasks` are variants of one another.
fn alone(plan: &Plan<'_>, tasks: &BTreeSet<String>) -> bool {
    let of = plan.tasks.iter().filter(|task| tasks.contains(task.task.id.as_str()));
    of.flat_map(|task| &task.items).all(|item| item.group.is_none())
}

/// Whether the mean over the items of `tasks` is the weighted average of the tasks.
fn weigh_the_same(plan: &Plan<'_>, items: &[Item], tasks: &BTreeSet<String>) -> bool {
    let mut shares = plan.tasks.iter().filter_map(|task| {
        let own = BTreeSet::from([task.task.id.to_string()]);
        let items = pairs(items, &own);
        (tasks.is_superset(&own) && items >= 1).then(|| (u64::from(task.task.weight), items as u64))
    });
    let Some((weight, count)) = shares.next() else { return false };
    shares.all(|(other, items)| weight * items == other * count)
}
