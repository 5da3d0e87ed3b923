//! When a run that cannot be decided asks for more, how much, and what that does to alpha.
//!
//! What a newcomer would get wrong: asking until the answer pleases errs far more often than alpha. Here
//! the looks are counted beforehand and share alpha between them, so that all of them together err at
//! most as often as one would (Bonferroni 1936). More is asked as more repeats of the same items, since
//! those have a baseline to be paired with.

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
    Some(affordable(policy, candidate, looked))
}

/// Twice the repeats, or as many as the money reaches for.
fn affordable(policy: &Policy, candidate: &Source<'_>, looked: Looked) -> More {
    let tasks = &candidate.run.tasks;
    let now = tasks.iter().map(|task| task.repeats).max().unwrap_or(1).max(1);
    let wanted = now.saturating_mul(2);
    let (Some(most), Some(so_far)) = (policy.max_extra_cost, dollars(candidate)) else {
        return More::Repeats(wanted);
    };
    let answers = answered(candidate).count();
    let trials = |repeats: u32| -> u64 {
        tasks.iter().map(|task| task.items * u64::from(repeats.saturating_sub(task.repeats))).sum()
    };
    let each = so_far / real(answers.max(1) as u64);
    let left = most - (so_far - looked.first_usd.unwrap_or(so_far));
    match (now + 1..=wanted).rev().find(|&repeats| real(trials(repeats)) * each <= left) {
        Some(repeats) => More::Repeats(repeats),
        None => More::Nothing(format!(
            "One more repeat of every item ({} trials) would cost about ${:.4}, and ${:.4} of \
             `max_extra_cost` is left.",
            thousands(trials(now + 1)),
            real(trials(now + 1)) * each,
            left.max(0.0)
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
            "Looked {} times: items are asked {repeats} times now{cost}. The looks share alpha, \
             and this one has {:.2} %.",
            looked.before + 1,
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
