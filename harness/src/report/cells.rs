//! What one arm made of one task, or of all.

use std::collections::BTreeMap;

use tripos_dashboards::report::{Cell, Counts, Figure, Spend};
use tripos_graders::Outcome;

use super::View;
use crate::config::Price;
use crate::stats::{
    Amount, Estimate, ItemScore, Method, PairedAmount, accuracy, macro_average, mean_amount, ratio,
};
use crate::store::rows::{Sample, TrialState};

/// What an arm made of the samples of one task.
pub(super) fn cell(samples: &[&Sample], price: Option<Price>) -> Cell {
    Cell {
        accuracy: figure(&task_accuracy(samples)),
        counts: counts(samples),
        spend: spend(samples, price),
    }
}

/// What an arm made of all its tasks.
pub(super) fn total(view: &View<'_>) -> Cell {
    let all: Vec<&Sample> = view.tasks.iter().flat_map(|(_, samples)| samples).copied().collect();
    let estimates: Vec<(u32, Estimate)> =
        view.tasks.iter().map(|(row, samples)| (row.weight, task_accuracy(samples))).collect();
    let weighted: Vec<(u32, &Estimate)> = estimates.iter().map(|(w, e)| (*w, e)).collect();
    let accuracy = match weighted.as_slice() {
        [(_, only)] => figure(only),
        several => figure(&macro_average(several)),
    };
    Cell { accuracy, counts: counts(&all), spend: spend(&all, view.source.price) }
}

/// The graded repeats of one item.
pub(super) struct Item<'a> {
    pub(super) score: ItemScore,
    pub(super) samples: Vec<&'a Sample>,
}

/// The items of one task with at least one graded repeat, by name.
pub(super) fn items<'a>(samples: &[&'a Sample]) -> BTreeMap<&'a str, Item<'a>> {
    let mut graded: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.score.is_some()) {
        graded.entry(sample.item.as_str()).or_default().push(sample);
    }
    graded
        .into_iter()
        .filter_map(|(id, samples)| {
            let scores: Vec<f64> = samples.iter().filter_map(|sample| sample.score).collect();
            let cluster = samples.first().map(|sample| sample.cluster.clone());
            Some((id, Item { score: ItemScore::of_repeats(&scores, cluster)?, samples }))
        })
        .collect()
}

fn task_accuracy(samples: &[&Sample]) -> Estimate {
    let scores: Vec<ItemScore> = items(samples).into_values().map(|item| item.score).collect();
    accuracy(&scores)
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

fn spend(samples: &[&Sample], price: Option<Price>) -> Spend {
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
        truncated: share(samples, Outcome::Truncated),
        unparsed: share(samples, Outcome::Unparsed),
        tokens_per_correct: per_correct(samples, |sample| sample.usage.output.map(real)),
        usd_per_correct: per_correct(samples, |sample| price?.of(&sample.usage)),
        cost_usd: cost(samples, price),
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
pub(super) fn share(samples: &[&Sample], outcome: Outcome) -> Figure {
    let mut tasks: BTreeMap<usize, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        tasks.entry(sample.task).or_default().push(sample);
    }
    let shares: Vec<ItemScore> = tasks
        .values()
        .flat_map(|samples| items(samples).into_values())
        .filter_map(|item| {
            let hits: Vec<f64> = item
                .samples
                .iter()
                .map(|sample| if sample.outcome == Some(outcome) { 1.0 } else { 0.0 })
                .collect();
            ItemScore::of_repeats(&hits, item.samples.first().map(|sample| cluster_of(sample)))
        })
        .collect();
    figure(&accuracy(&shares))
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
