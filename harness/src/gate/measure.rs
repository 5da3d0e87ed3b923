//! What one side was measured as: by task and item, in an order that nothing outside decides.

use tripos_graders::Outcome;

use super::policy::Metric;
use crate::report::Source;
use crate::stats::ItemScore;
use crate::store::rows::{Sample, TaskRow};

/// One side, by task.
pub(super) struct Measured<'a> {
    tasks: Vec<Task<'a>>,
    limited: bool,
}

/// One task of one side.
pub(super) struct Task<'a> {
    pub(super) row: &'a TaskRow,
    pub(super) samples: Vec<&'a Sample>,
    /// By name.
    items: Vec<Item<'a>>,
}

/// One item with its graded repeats, in order.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) id: &'a str,
    pub(super) cluster: &'a str,
    pub(super) score: f64,
    pub(super) samples: Vec<&'a Sample>,
}

impl<'a> Measured<'a> {
    pub(super) fn new(source: &Source<'a>) -> Self {
        let mut tasks: Vec<Task<'a>> = source
            .run
            .tasks
            .iter()
            .map(|row| Task { row, samples: Vec::new(), items: Vec::new() })
            .collect();
        for sample in source.samples.iter().filter(|sample| sample.arm == source.arm) {
            tasks[sample.task].samples.push(sample);
        }
        for task in &mut tasks {
            task.samples.sort_by(|a, b| (&a.item, a.repeat).cmp(&(&b.item, b.repeat)));
            task.items = items(&task.samples);
        }
        Self { tasks, limited: source.run.selection.limit.is_some() }
    }

    /// Whether the run was told to ask only so many items of a task.
    pub(super) fn is_limited(&self) -> bool {
        self.limited
    }

    pub(super) fn tasks(&self) -> &[Task<'a>] {
        &self.tasks
    }

    pub(super) fn task(&self, name: &str) -> Option<&Task<'a>> {
        self.tasks.iter().find(|task| task.row.task == name)
    }

    /// Every trial, graded or not.
    pub(super) fn samples(&self) -> impl Iterator<Item = &'a Sample> {
        self.tasks.iter().flat_map(|task| &task.samples).copied()
    }

    /// Every item with a graded repeat, with its task.
    pub(super) fn items(&self) -> impl Iterator<Item = (&'a str, &Item<'a>)> {
        self.tasks
            .iter()
            .flat_map(|task| task.items.iter().map(|item| (task.row.task.as_str(), item)))
    }

    pub(super) fn item(&self, task: &str, item: &str) -> Option<&Item<'a>> {
        let items = &self.task(task)?.items;
        Some(&items[items.binary_search_by(|own| own.id.cmp(item)).ok()?])
    }

    /// Every item with a graded repeat, with its task and the same item of `other` where that has it.
    pub(super) fn beside<'m>(
        &'m self,
        other: &'m Self,
    ) -> impl Iterator<Item = (&'a str, &'m Item<'a>, Option<&'m Item<'a>>)> {
        self.tasks.iter().flat_map(|task| {
            let name = task.row.task.as_str();
            task.beside(other.task(name)).map(move |(item, other)| (name, item, other))
        })
    }
}

impl<'a> Task<'a> {
    pub(super) fn items(&self) -> impl Iterator<Item = &Item<'a>> {
        self.items.iter()
    }

    /// The items, each with the same item of `other` where that has it.
    pub(super) fn beside<'m>(
        &'m self,
        other: Option<&'m Self>,
    ) -> impl Iterator<Item = (&'m Item<'a>, Option<&'m Item<'a>>)> {
        let mut rest = other.map_or(&[][..], |other| &other.items);
        self.items.iter().map(move |item| {
            let before = rest.iter().take_while(|other| other.id < item.id).count();
            rest = &rest[before..];
            (item, rest.first().filter(|other| other.id == item.id))
        })
    }
}

fn items<'a>(samples: &[&'a Sample]) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    for repeats in samples.chunk_by(|a, b| a.item == b.item) {
        let graded: Vec<&Sample> =
            repeats.iter().copied().filter(|sample| sample.score.is_some()).collect();
        let scores: Vec<f64> = graded.iter().filter_map(|sample| sample.score).collect();
        let (Some(first), Some(score)) = (graded.first(), ItemScore::of_repeats(&scores, None))
        else {
            continue;
        };
        let (id, cluster) = (first.item.as_str(), first.cluster.as_str());
        items.push(Item { id, cluster, score: score.score, samples: graded });
    }
    items
}

impl Item<'_> {
    /// The metric of the item, its repeats averaged; absent where a repeat does not say.
    pub(super) fn value(&self, metric: Metric) -> Option<f64> {
        let values: Option<Vec<f64>> =
            self.samples.iter().map(|sample| value(sample, metric)).collect();
        Some(ItemScore::of_repeats(&values?, None)?.score)
    }
}

/// The metric of one graded trial.
fn value(sample: &Sample, metric: Metric) -> Option<f64> {
    let is = |outcome| Some(if sample.outcome == Some(outcome) { 1.0 } else { 0.0 });
    #[expect(clippy::cast_precision_loss, reason = "token counts come nowhere near 2^53")]
    let tokens = |count: Option<u64>| count.map(|count| count as f64);
    match metric {
        Metric::Accuracy => sample.score,
        Metric::Truncated => is(Outcome::Truncated),
        Metric::Unparsed => is(Outcome::Unparsed),
        Metric::Abstained => is(Outcome::Abstained),
        Metric::Refused => is(Outcome::Refused),
        Metric::OutputTokens => tokens(sample.usage.output),
        Metric::ReasoningTokens => tokens(sample.usage.reasoning),
        Metric::LatencyS => sample.timing.map(|timing| timing.total.as_secs_f64()),
    }
}
