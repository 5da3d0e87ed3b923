//! When a run that cannot be decided asks for more, how much, and what that does to alpha.
//!
//! What a newcomer would get wrong: asking until the answer pleases errs far more often than alpha. Here
//! the looks are counted beforehand and share alpha between them, so that all of them together err at
//! most as often as one would (Bonferroni 1936). More is asked as items that the baseline has and a limit
//! left out, since items narrow an interval most; where there are none left, as more repeats. Items that the
//! baseline does not have cannot be paired.

use tripos_dashboards::gate::{Gate, Verdict};

use super::guard;
use super::measure::Measured;
use super::policy::{Hold, Metric, OnInconclusive, Policy};
use crate::report::{Source, thousands};
use crate::stats::repeat_decomposition;
use crate::store::rows::Sample;

/// The share of alpha that each look may spend: the first, of what was planned, has most.
const SHARES: [f64; 4] = [0.5, 0.25, 0.125, 0.125];

/// What follows an open look.
#[derive(Clone, Debug, PartialEq)]
pub enum More {
    /// So many items of each task are asked in all.
    Items(usize),
    /// Every item is asked so many times in all.
    Repeats(u32),
    /// Nothing more is asked: why, as a sentence.
    Nothing(String),
}

/// How far a run has looked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Looked {
    /// Looks taken before this one.
    pub before: usize,
    /// Dollars that the samples of the first look cost, where a price is known.
    pub first_usd: Option<f64>,
}

/// Returns the policy as it holds at a look that comes after `before` others.
pub fn at_look(policy: &Policy, before: usize) -> Policy {
    let share = match policy.on_inconclusive {
        OnInconclusive::SampleMore => SHARES.get(before).copied().unwrap_or(0.0),
        OnInconclusive::Fail | OnInconclusive::Warn => 1.0,
    };
    Policy { alpha: policy.alpha * share, ..policy.clone() }
}

/// Returns what the answers of `candidate` cost in dollars, where its price is known.
pub fn dollars(candidate: &Source<'_>) -> Option<f64> {
    let price = candidate.price?;
    let costs: Option<Vec<f64>> = answered(candidate).map(|s| price.of(&s.usage)).collect();
    Some(costs?.iter().sum())
}

fn answered<'a>(candidate: &Source<'a>) -> impl Iterator<Item = &'a Sample> {
    let arm = candidate.arm;
    candidate.samples.iter().filter(move |s| s.arm == arm && s.timing.is_some())
}

/// Says what more is asked after `found`, which `policy` judged; absent where that is decided, or the policy
/// does not want more.
pub fn more(
    policy: &Policy,
    (baseline, candidate): (&Source<'_>, &Source<'_>),
    found: &Gate,
    looked: Looked,
) -> Option<More> {
    if policy.on_inconclusive != OnInconclusive::SampleMore
        || found.verdict != Verdict::Inconclusive
    {
        return None;
    }
    let nothing = |why: &str| Some(More::Nothing(why.to_owned()));
    if looked.before + 1 >= SHARES.len() {
        return nothing("Every look that the policy's alpha is shared between was taken.");
    }
    let (before, now) = (Measured::new(baseline), Measured::new(candidate));
    let hopeless = policy.rules.iter().zip(&found.rules).any(|(rule, held)| {
        let doubted = matches!(rule.hold, Hold::NonInferior(margin)
            if rule.metric == Metric::Accuracy
                && guard::is_doubted((&rule.scope, margin), &before, &now));
        held.verdict == Verdict::Inconclusive && (doubted || rule.hold == Hold::AllPass)
    });
    if hopeless {
        return nothing(
            "What keeps a rule open is not chance, so that more samples would not close it.",
        );
    }
    let scores: Vec<Vec<f64>> = now
        .items()
        .map(|(_, item)| item.samples.iter().filter_map(|sample| sample.score).collect())
        .collect();
    if repeat_decomposition(&scores).sampling_part.is_some_and(|part| part <= 0.0) {
        return nothing("All repeats of an item agree, so that more of them would say nothing.");
    }
    if let Some(more) = more_items(policy, (&before, candidate), looked) {
        return Some(more);
    }
    Some(affordable(policy, candidate, looked))
}

/// Twice the items that a limit allows, or as many as the baseline has and the money reaches for; absent where
/// the baseline has no others.
fn more_items(
    policy: &Policy,
    (before, candidate): (&Measured<'_>, &Source<'_>),
    looked: Looked,
) -> Option<More> {
    let now = candidate.run.selection.limit?;
    let tasks: Vec<(usize, u32)> = candidate
        .run
        .tasks
        .iter()
        .map(|row| {
            let known = before.task(&row.task).map_or(0, |task| task.items().count());
            (known, row.repeats)
        })
        .collect();
    let most = tasks.iter().map(|(known, _)| *known).max().unwrap_or(0);
    let wanted = most.min(now.saturating_mul(2));
    let trials = |limit: usize| -> u64 {
        let more = |known: usize| known.min(limit).saturating_sub(now) as u64;
        tasks.iter().map(|(known, repeats)| more(*known) * u64::from(*repeats)).sum()
    };
    let budget = budget(policy, candidate, looked);
    (now + 1..=wanted).rev().find(|&limit| budget.is_enough(trials(limit))).map(More::Items)
}

/// What may still be spent, where that is known, and what an answer costs.
struct Budget {
    each_and_left: Option<(f64, f64)>,
}

impl Budget {
    fn is_enough(&self, trials: u64) -> bool {
        self.each_and_left.is_none_or(|(each, left)| real(trials) * each <= left)
    }
}

fn budget(policy: &Policy, candidate: &Source<'_>, looked: Looked) -> Budget {
    let known = policy.max_extra_cost.zip(dollars(candidate)).map(|(most, so_far)| {
        let answers = answered(candidate).count().max(1) as u64;
        (so_far / real(answers), most - (so_far - looked.first_usd.unwrap_or(so_far)))
    });
    Budget { each_and_left: known }
}

/// Twice the repeats, or as many as the money reaches for.
fn affordable(policy: &Policy, candidate: &Source<'_>, looked: Looked) -> More {
    let tasks = &candidate.run.tasks;
    let now = tasks.iter().map(|task| task.repeats).max().unwrap_or(1).max(1);
    let wanted = now.saturating_mul(2);
    let trials = |repeats: u32| -> u64 {
        tasks.iter().map(|task| task.items * u64::from(repeats.saturating_sub(task.repeats))).sum()
    };
    let budget = budget(policy, candidate, looked);
    let found = (now + 1..=wanted).rev().find(|&repeats| budget.is_enough(trials(repeats)));
    match (found, budget.each_and_left) {
        (Some(repeats), _) => More::Repeats(repeats),
        (None, known) => More::Nothing(format!(
            "One more repeat of every item ({} trials) would cost about ${:.4}, and ${:.4} of \
             `max_extra_cost` is left.",
            thousands(trials(now + 1)),
            real(trials(now + 1)) * known.map_or(0.0, |known| known.0),
            known.map_or(0.0, |known| known.1.max(0.0))
        )),
    }
}

/// Says in `found` how often was looked, what that cost, and why it ended.
pub fn say(found: &mut Gate, candidate: &Source<'_>, looked: Looked, why: Option<String>) {
    if looked.before > 0 {
        let cost = dollars(candidate).zip(looked.first_usd);
        let cost = cost.map_or_else(String::new, |(now, first)| {
            format!(", for ${:.4} more", (now - first).max(0.0))
        });
        let repeats = candidate.run.tasks.iter().map(|task| task.repeats).max().unwrap_or(1);
        found.notes.push(format!(
            "Looked {} times: {} trials are listed now, {repeats} of each item{cost}. The looks share \
             alpha, and this one has {:.2} %.",
            looked.before + 1,
            thousands(candidate.samples.iter().filter(|s| s.arm == candidate.arm).count() as u64),
            100.0 * found.alpha
        ));
    }
    found.notes.extend(why);
}

/// Says in `found`, of runs that are finished, that no more can be asked of them.
pub fn say_finished(policy: &Policy, found: &mut Gate) {
    let wants = policy.on_inconclusive == OnInconclusive::SampleMore;
    if wants && found.verdict == Verdict::Inconclusive {
        found.notes.push(
            "The policy wants more samples, and these runs are finished: `tripos run --gate` asks for more by \
             itself."
                .to_owned(),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "trial counts come nowhere near 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}
