//! One arm against the baseline, on the items that both answered.

use std::collections::BTreeMap;

use tripos_dashboards::report::{Comparison, Difference, Direction, Figure, Pairs, Spread};
use tripos_graders::Outcome;

use super::cells::{Item, beside, figure, method, number, plain_share, real};
use super::flips::{Flipped, flips};
use super::{Source, TaskView, View};
use crate::config::Price;
use crate::key::TrialKey;
use crate::stats::{
    self, LEVEL, Method, PairedAmount, PairedItem, difference, holm, macro_difference, mean_ci,
    pairs_needed, probability_better, repeat_decomposition,
};
use crate::store::rows::{Sample, TaskRow, Transcript};

/// The difference in cut or unreadable answers from which a difference in score is doubted.
const DOUBTFUL_SHARE: f64 = 0.05;

/// Compares the arm at `candidate` with the first.
pub(super) fn comparison(
    (views, candidate): (&[View<'_>], usize),
    tasks: &[&TaskRow],
    flipped: &[Flipped<'_>],
    transcripts: &BTreeMap<TrialKey, Transcript>,
) -> Comparison {
    let (one, two) = (&views[0], &views[candidate]);
    let mut board = Board { prices: [one.source.price, two.source.price], ..Board::default() };
    for task in tasks {
        board.add(task, one.task(&task.task), two.task(&task.task));
    }
    let measured: Vec<(u32, &stats::Comparison)> =
        board.tasks.iter().filter(|(_, task)| task.n > 0).map(|(w, task)| (*w, task)).collect();
    let overall = match measured.as_slice() {
        [(_, only)] => (*only).clone(),
        several => macro_difference(several),
    };
    let mut caveats = mismatches(&one.source, &two.source);
    caveats.extend(doubts(one, two));
    if board.pairs.unpaired > 0 {
        let unpaired = board.pairs.unpaired;
        caveats.push(format!("{unpaired} items were answered by one arm only: in no difference."));
    }
    Comparison {
        baseline: 0,
        candidate,
        tasks: adjusted(board.tasks.iter().map(|(_, task)| shown(task)).collect()),
        token_ratio: figure(&stats::ratio(&board.tokens)),
        cost_ratio: figure(&stats::ratio(&board.dollars)),
        latency_ratio: figure(&stats::ratio(&board.seconds)),
        probability_better: probability_better(&overall),
        spread: board.spread(),
        pairs: board.pairs,
        pairs_needed: pairs_needed(&overall),
        overall: shown(&overall),
        caveats,
        flips: flips(flipped, tasks, transcripts),
    }
}

/// Adjusts the tests of tasks for their number; what is not shown after that is not called a difference.
fn adjusted(mut tasks: Vec<Difference>) -> Vec<Difference> {
    let tested: Vec<usize> = (0..tasks.len()).filter(|&n| tasks[n].p_value.is_some()).collect();
    let p: Vec<f64> = tested.iter().filter_map(|&n| tasks[n].p_value).collect();
    let holm = holm(&p, 1.0 - LEVEL);
    for (&n, (p, reject)) in tested.iter().zip(holm.p.into_iter().zip(holm.reject)) {
        tasks[n].p_adjusted = Some(p);
        if !reject {
            tasks[n].direction = Direction::Unresolved;
        }
    }
    tasks
}

/// What makes two arms incomparable, a sentence each.
///
/// Reasoning levels may differ: they are what arms are for.
pub fn mismatches(baseline: &Source<'_>, candidate: &Source<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut shared = 0;
    for (n, task) in baseline.run.tasks.iter().enumerate() {
        let Some(m) = candidate.run.tasks.iter().position(|other| other.task == task.task) else {
            continue;
        };
        shared += 1;
        if candidate.run.tasks[m].digest != task.digest {
            sentences.push(format!(
                "Task {} is not the same in both: digest {:.12} and {:.12}.",
                task.task, task.digest, candidate.run.tasks[m].digest
            ));
        }
        let one = &baseline.run.arms[baseline.arm].requested[n];
        let two = &candidate.run.arms[candidate.arm].requested[m];
        let limits = (one.max_tokens, two.max_tokens);
        if limits.0 != limits.1 {
            sentences.push(format!(
                "Task {} had a token limit of {} in one and {} in the other.",
                task.task, limits.0, limits.1
            ));
        }
        let same_draws = one.temperature.to_bits() == two.temperature.to_bits()
            && one.top_p.to_bits() == two.top_p.to_bits()
            && one.stop == two.stop;
        if !same_draws {
            sentences.push(format!("Task {} was sampled in different ways.", task.task));
        }
    }
    if shared == 0 {
        sentences.push("The two have no task in common.".to_owned());
    }
    sentences
}

/// Why a difference in score may be something else.
fn doubts(one: &View<'_>, two: &View<'_>) -> Vec<String> {
    let kinds = [(Outcome::Truncated, "cut off"), (Outcome::Unparsed, "unreadable")];
    kinds
        .into_iter()
        .filter_map(|(outcome, word)| {
            let (one, two) = (plain_share(&one.tasks, outcome)?, plain_share(&two.tasks, outcome)?);
            ((one - two).abs() > DOUBTFUL_SHARE).then(|| {
                format!(
                    "{:.1} % of the baseline's answers and {:.1} % of the candidate's were {word}: \
                     the difference in score may be one in length or form.",
                    100.0 * one,
                    100.0 * two
                )
            })
        })
        .collect()
}

/// Pairs collected task by task.
#[derive(Default)]
struct Board {
    tasks: Vec<(u32, stats::Comparison)>,
    tokens: Vec<PairedAmount>,
    dollars: Vec<PairedAmount>,
    seconds: Vec<PairedAmount>,
    prices: [Option<Price>; 2],
    /// The repeats of each item that both answered, of the baseline and of the candidate.
    repeats: [Vec<Vec<f64>>; 2],
    differences: Vec<f64>,
    pairs: Pairs,
}

impl Board {
    fn add(&mut self, task: &TaskRow, one: Option<&TaskView<'_>>, two: Option<&TaskView<'_>>) {
        let [one, two] = [one, two].map(|side| side.map_or(&[][..], |task| task.items.as_slice()));
        let mut pairs = Vec::with_capacity(one.len());
        for (baseline, candidate) in beside(one, two) {
            let Some(candidate) = candidate else { continue };
            let pair = PairedItem {
                baseline: baseline.score,
                candidate: candidate.score,
                cluster: Some(baseline.cluster.to_owned()),
            };
            self.count(&pair);
            // Items of different tasks share names, so the cluster carries the task.
            let cluster = pair.cluster.as_ref().map(|name| format!("{}/{name}", task.task));
            let both = |baseline: Option<f64>, candidate: Option<f64>| {
                let (baseline, candidate) = (baseline?, candidate?);
                Some(PairedAmount { baseline, candidate, cluster: cluster.clone() })
            };
            let amount = |of: fn(&Sample) -> Option<f64>| {
                both(item_mean(&baseline.samples, of), item_mean(&candidate.samples, of))
            };
            let cost = |item: &Item<'_>, price: Option<Price>| {
                item_mean(&item.samples, |sample| price?.of(&sample.usage))
            };
            self.tokens.extend(amount(|sample| sample.usage.output.map(real)));
            self.seconds.extend(amount(|sample| Some(sample.timing?.total.as_secs_f64())));
            let [before, now] = self.prices;
            self.dollars.extend(both(cost(baseline, before), cost(candidate, now)));
            for (all, item) in self.repeats.iter_mut().zip([baseline, candidate]) {
                all.push(item.samples.iter().filter_map(|sample| sample.score).collect());
            }
            self.differences.push(pair.candidate - pair.baseline);
            pairs.push(pair);
        }
        self.pairs.unpaired += number(one.len() + two.len() - 2 * pairs.len());
        self.tasks.push((task.weight, difference(&pairs)));
    }

    /// Where the spread of the differences comes from; absent unless both arms repeated items.
    fn spread(&self) -> Option<Spread> {
        let parts =
            self.repeats.each_ref().map(|scores| repeat_decomposition(scores).sampling_part);
        let (sampling, sd) = (parts[0]? + parts[1]?, mean_ci(&self.differences, LEVEL).sd?);
        let sampling_share = (sd > 0.0).then(|| (sampling / (sd * sd)).min(1.0))?;
        Some(Spread {
            sampling_share,
            twice_repeats: 1.0 - (1.0 - sampling_share / 2.0).sqrt(),
            twice_items: 1.0 - std::f64::consts::FRAC_1_SQRT_2,
        })
    }

    fn count(&mut self, pair: &PairedItem) {
        let full = |score: f64| score >= 1.0;
        let place = if pair.candidate < pair.baseline {
            &mut self.pairs.lost
        } else if pair.candidate > pair.baseline {
            &mut self.pairs.gained
        } else if full(pair.baseline) {
            &mut self.pairs.both_right
        } else {
            &mut self.pairs.both_wrong
        };
        *place += 1;
    }
}

/// The mean of what an item's repeats took, where every repeat says.
fn item_mean(samples: &[&Sample], of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let amounts: Option<Vec<f64>> = samples.iter().map(|sample| of(sample)).collect();
    stats::mean(&amounts?)
}

/// A difference as the page shows it.
fn shown(compared: &stats::Comparison) -> Difference {
    let direction = match (compared.lower, compared.upper) {
        (Some(lower), _) if lower > 0.0 => Direction::Better,
        (_, Some(upper)) if upper < 0.0 => Direction::Worse,
        _ => Direction::Unresolved,
    };
    let test = match compared.method {
        Method::PairedScore => "McNemar, exact",
        Method::ClusteredMean => "paired t, clustered",
        Method::MacroAverage => "normal",
        Method::Wilson | Method::Constant | Method::RatioOfTotals => "",
    };
    Difference {
        figure: Figure {
            estimate: compared.difference,
            lower: compared.lower,
            upper: compared.upper,
            n: number(compared.n),
            method: method(compared.method).to_owned(),
        },
        direction,
        p_value: compared.p_value,
        p_adjusted: None,
        test: if compared.p_value.is_some() { test.to_owned() } else { String::new() },
    }
}
