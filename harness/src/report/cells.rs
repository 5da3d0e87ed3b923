//! What one arm made of one task, or of all.

use tripos_dashboards::report::{Cell, Counts, Figure, Spend};
use tripos_graders::Outcome;

use super::{Extent, TaskView, View};
use crate::config::Price;
use crate::stats::{
    self, Amount, Estimate, ItemScore, Method, PairedAmount, accuracy, macro_average, mean_amount,
    ratio,
};
use crate::store::rows::{Sample, TrialState};

/// What an arm made of one task.
pub(super) fn cell(task: &TaskView<'_>, price: Option<Price>, extent: Extent) -> Cell {
    Cell {
        accuracy: figure(&task.accuracy),
        counts: counts(&task.samples),
        // A terminal shows what all tasks took together.
        spend: match extent {
            Extent::Whole => spend(std::slice::from_ref(task), price),
            Extent::Terminal => Spend::default(),
        },
    }
}

/// What an arm made of all its tasks.
pub(super) fn total(view: &View<'_>, extent: Extent) -> Cell {
    let weighted: Vec<(u32, &Estimate)> =
        view.tasks.iter().map(|task| (task.row.weight, &task.accuracy)).collect();
    let accuracy = match weighted.as_slice() {
        [(_, only)] => figure(only),
        several => figure(&macro_average(several)),
    };
    let (tasks, price) = (view.tasks.as_slice(), view.source.price);
    let spend = match extent {
        Extent::Whole => spend(tasks, price),
        Extent::Terminal => per_right_answer(tasks, price),
    };
    Cell { accuracy, counts: counts(&samples(tasks)), spend }
}

fn samples<'a>(tasks: &[TaskView<'a>]) -> Vec<&'a Sample> {
    tasks.iter().flat_map(|task| &task.samples).copied().collect()
}

/// The graded repeats of one item.
pub(super) struct Item<'a> {
    pub(super) id: &'a str,
    pub(super) score: f64,
    pub(super) cluster: &'a str,
    pub(super) samples: Vec<&'a Sample>,
}

/// The items of one task with at least one graded repeat, by name as `samples` are.
pub(super) fn items<'a>(samples: &[&'a Sample]) -> Vec<Item<'a>> {
    samples
        .chunk_by(|a, b| a.item == b.item)
        .filter_map(|repeats| {
            let samples: Vec<&Sample> =
                repeats.iter().copied().filter(|sample| sample.score.is_some()).collect();
            let scores: Vec<f64> = samples.iter().filter_map(|sample| sample.score).collect();
            let (first, score) = (*samples.first()?, ItemScore::of_repeats(&scores, None)?.score);
            Some(Item { id: &first.item, score, cluster: &first.cluster, samples })
        })
        .collect()
}

/// The items of one side, each with the same item of the other side where that has it; both by name.
pub(super) fn beside<'m, 'a>(
    own: &'m [Item<'a>],
    other: &'m [Item<'a>],
) -> impl Iterator<Item = (&'m Item<'a>, Option<&'m Item<'a>>)> {
    let mut rest = other;
    own.iter().map(move |item| {
        let before = rest.iter().take_while(|other| other.id < item.id).count();
        rest = &rest[before..];
        (item, rest.first().filter(|other| other.id == item.id))
    })
}

/// The accuracy on one task.
pub(super) fn task_accuracy(items: &[Item<'_>]) -> Estimate {
    let score =
        |item: &Item<'_>| ItemScore { score: item.score, cluster: Some(item.cluster.to_owned()) };
    accuracy(&items.iter().map(score).collect::<Vec<_>>())
}

fn counts(samples: &[&Sample]) -> Counts {
    let of = |outcome| number(samples.iter().filter(|s| s.outcome == Some(outcome)).count());
    let failed = samples.iter().filter(|s| matches!(s.state, TrialState::Failed(_))).count();
    Counts {
        planned: number(samples.len()),
        graded: number(samples.iter().filter(|sample| sample.outcome.is_some()).count()),
        failed: number(failed),
        correct: of(Outcome::Correct),
        incorrect: of(Outcome::Incorrect),
        abstained: of(Outcome::Abstained),
        unparsed: of(Outcome::Unparsed),
        undecided: of(Outcome::Undecided),
        truncated: of(Outcome::Truncated),
        empty: of(Outcome::Empty),
        refused: of(Outcome::Refused),
        filtered: of(Outcome::Filtered),
    }
}

fn spend(tasks: &[TaskView<'_>], price: Option<Price>) -> Spend {
    let samples = samples(tasks);
    let mean = |value: fn(&Sample) -> Option<f64>| {
        let amounts: Vec<Amount> = samples
            .iter()
            .filter_map(|sample| {
                let cluster = Some(cluster_of(sample));
                Some(Amount { value: value(sample)?, cluster })
            })
            .collect();
        figure(&mean_amount(&amounts))
    };
    Spend {
        input_tokens: mean(|sample| sample.usage.input.map(real)),
        output_tokens: mean(|sample| sample.usage.output.map(real)),
        reasoning_tokens: mean(|sample| sample.usage.reasoning.map(real)),
        latency_s: mean(|sample| sample.timing.map(|timing| timing.total.as_secs_f64())),
        truncated: share(tasks, Outcome::Truncated),
        unparsed: share(tasks, Outcome::Unparsed),
        ..per_right_answer(tasks, price)
    }
}

/// What a right answer took, and all answers together.
fn per_right_answer(tasks: &[TaskView<'_>], price: Option<Price>) -> Spend {
    let samples = samples(tasks);
    Spend {
        tokens_per_correct: per_correct(&samples, |sample| sample.usage.output.map(real)),
        usd_per_correct: per_correct(&samples, |sample| price?.of(&sample.usage)),
        cost_usd: cost(&samples, price),
        ..Spend::default()
    }
}

/// All of an amount over all points of the graded trials that say what they took.
fn per_correct(samples: &[&Sample], amount: impl Fn(&Sample) -> Option<f64>) -> Figure {
    let amounts: Vec<PairedAmount> = samples
        .iter()
        .filter_map(|sample| {
            let (candidate, baseline) = (amount(sample)?, sample.score?);
            Some(PairedAmount { baseline, candidate, cluster: Some(cluster_of(sample)) })
        })
        .collect();
    figure(&ratio(&amounts))
}

/// The dollars of every answer; absent where one does not say what it took, or nothing was answered.
fn cost(samples: &[&Sample], price: Option<Price>) -> Option<f64> {
    let price = price?;
    let answered = samples.iter().filter(|sample| sample.timing.is_some());
    let dollars: Option<Vec<f64>> = answered.map(|sample| price.of(&sample.usage)).collect();
    let mut dollars = dollars.filter(|dollars| !dollars.is_empty())?;
    dollars.sort_by(f64::total_cmp);
    Some(dollars.iter().sum())
}

/// The share of graded trials that ended as `outcome`, by item as accuracy is.
pub(super) fn share(tasks: &[TaskView<'_>], outcome: Outcome) -> Figure {
    let shares: Vec<ItemScore> = tasks
        .iter()
        .flat_map(|task| &task.items)
        .filter_map(|item| {
            let cluster = item.samples.first().map(|sample| cluster_of(sample));
            Some(ItemScore { score: hits(item, outcome)?, cluster })
        })
        .collect();
    figure(&accuracy(&shares))
}

/// The same share without its interval.
pub(super) fn plain_share(tasks: &[TaskView<'_>], outcome: Outcome) -> Option<f64> {
    let items = tasks.iter().flat_map(|task| &task.items);
    stats::sorted_mean(items.filter_map(|item| hits(item, outcome)).collect())
}

/// The share of an item's repeats that ended as `outcome`.
fn hits(item: &Item<'_>, outcome: Outcome) -> Option<f64> {
    let hit = |sample: &&Sample| if sample.outcome == Some(outcome) { 1.0 } else { 0.0 };
    stats::mean(&item.samples.iter().map(hit).collect::<Vec<f64>>())
}

/// What varies together, over all tasks: items of different tasks share names.
pub(super) fn cluster_of(sample: &Sample) -> String {
    format!("{}/{}", sample.task, sample.cluster)
}

/// An estimate as the page shows it.
pub(super) fn figure(estimate: &Estimate) -> Figure {
    Figure {
        estimate: estimate.estimate,
        lower: estimate.lower,
        upper: estimate.upper,
        n: number(estimate.n),
        method: method(estimate.method).to_owned(),
    }
}

/// What a method is called on a page.
pub(super) fn method(method: Method) -> &'static str {
    match method {
        Method::Wilson => "Wilson",
        Method::ClusteredMean => "clustered t",
        Method::PairedScore => "Tango",
        Method::Constant => "no spread",
        Method::MacroAverage => "weighted average",
        Method::RatioOfTotals => "ratio of totals",
    }
}

/// A count as pages hold it.
pub(super) fn number(count: usize) -> u64 {
    count as u64
}

/// A count as statistics hold it.
#[expect(clippy::cast_precision_loss, reason = "token counts come nowhere near 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}
