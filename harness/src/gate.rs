//! Judges a candidate against a baseline by a policy: one value, from which every form is written.
//!
//! What a newcomer would get wrong: a gate does not ask whether the score fell. It asks whether the
//! candidate is worse by more than a margin, and where the items cannot say, it says that.
//!
//! Several rules: a pass needs every rule to pass; a regression in any is adjusted over the rules
//! (Holm); the verdict is the worst of them.

mod guard;
mod measure;
mod monitor;
mod more;
mod plan;
mod policy;
mod rule;

#[cfg(test)]
mod tests;

use tripos_dashboards::gate::{Changed, Flip, Gate, Rule, Side, Verdict};
use tripos_graders::Outcome;

pub use monitor::Monitor;
pub use more::{Looked, More, at_look, dollars, more, say, say_finished};
pub use plan::{Plan, PlanRule, plan};
pub use policy::{EarlyStop, MAX_BYTES, OnInconclusive, Policy, PolicyError};

use self::measure::Measured;
use crate::report::Source;
use crate::stats::holm;
use crate::store::rows::TrialState;

/// Judges `candidate` against `baseline`. Differences of setting make the verdict invalid unless
/// `allow_mismatch`; then they are notes. A rule that `monitor` watched has the verdict that it found.
pub fn judge(
    policy: &Policy,
    baseline: &Source<'_>,
    candidate: &Source<'_>,
    allow_mismatch: bool,
    monitor: Option<&Monitor>,
) -> Gate {
    let (before, now) = (Measured::new(baseline), Measured::new(candidate));
    let mut notes = Vec::new();
    let mut invalid = Vec::new();
    let differences = guard::differences(baseline, candidate, &before, &now);
    if allow_mismatch {
        notes.extend(differences);
    } else {
        invalid.extend(differences);
    }
    let changed = changed(&before, &now);
    let early = monitor.filter(|monitor| monitor.is_early());
    let shares = guard::missing(policy, (&before, &now), &changed, early);
    invalid.extend(shares.invalid);
    notes.extend(shares.notes);
    let mut rules = Vec::new();
    if invalid.is_empty() {
        let sides = (&before, &now);
        let hold = |(n, rule)| rule::hold(rule, policy, sides, watched(monitor, n));
        rules = policy.rules.iter().enumerate().map(hold).collect();
        adjust(&mut rules, policy.alpha);
    }
    let worst = rules.iter().map(|rule| rule.verdict).max();
    let verdict =
        if invalid.is_empty() { worst.unwrap_or(Verdict::Pass) } else { Verdict::Invalid };
    let warns = verdict == Verdict::Inconclusive && policy.on_inconclusive == OnInconclusive::Warn;
    Gate {
        verdict,
        exit_code: if warns { 0 } else { verdict.code() },
        policy: policy.name.clone(),
        alpha: policy.alpha,
        baseline: side(baseline, &before),
        candidate: side(candidate, &now),
        invalid,
        rules,
        notes,
        changed,
        flips: flips(&before, &now),
    }
}

/// How the rule at place `n` was watched.
fn watched(monitor: Option<&Monitor>, n: usize) -> rule::Watch {
    match monitor {
        None => rule::Watch::Not,
        Some(monitor) => match monitor.verdict(n) {
            Some((verdict, items)) => rule::Watch::Found(verdict, items),
            None if monitor.is_early() => rule::Watch::Left,
            None => rule::Watch::Not,
        },
    }
}

/// Adjusts what breaks rules over all rules: one that is broken only before is not decided.
fn adjust(rules: &mut [Rule], alpha: f64) {
    let tested: Vec<usize> = (0..rules.len()).filter(|&n| rules[n].p_value.is_some()).collect();
    let p: Vec<f64> = tested.iter().filter_map(|&n| rules[n].p_value).collect();
    for (&n, p) in tested.iter().zip(holm(&p, alpha).p) {
        let rule = &mut rules[n];
        rule.p_adjusted = Some(p);
        if rule.verdict == Verdict::Regress && p > alpha {
            rule.verdict = Verdict::Inconclusive;
            rule.notes.push(
                "Broken taken alone, but not after the adjustment for several rules.".to_owned(),
            );
        }
    }
}

fn side(source: &Source<'_>, measured: &Measured<'_>) -> Side {
    let row = &source.run.arms[source.arm];
    let failed = measured.samples().filter(|s| matches!(s.state, TrialState::Failed(_))).count();
    Side {
        name: format!("{}/{}", source.run.summary.handle, row.label),
        model: row.model.clone(),
        digest: row.digest.clone(),
        planned: measured.samples().count() as u64,
        failed: failed as u64,
    }
}

/// How the scores of items changed.
fn changed(before: &Measured<'_>, now: &Measured<'_>) -> Changed {
    let mut changed = Changed::default();
    for (_, two, one) in now.beside(before) {
        let Some(one) = one else {
            changed.unpaired += 1;
            continue;
        };
        changed.pairs += 1;
        changed.lost += u64::from(two.score < one.score);
        changed.gained += u64::from(two.score > one.score);
    }
    changed.unpaired += before.beside(now).filter(|(.., two)| two.is_none()).count() as u64;
    changed
}

/// What changed, lost before gained, the largest change first, then by name.
fn flips(before: &Measured<'_>, now: &Measured<'_>) -> Vec<Flip> {
    let mut flips = Vec::new();
    for (task, two, one) in now.beside(before) {
        let Some(one) = one else { continue };
        if (one.score - two.score).abs() <= 0.0 {
            continue;
        }
        // The repeat that shows it: the worst one of what was lost, the best one of what was gained.
        let sign = if two.score < one.score { 1.0 } else { -1.0 };
        let telling = two.samples.iter().min_by(|a, b| {
            let score = |score: Option<f64>| sign * score.unwrap_or_default();
            score(a.score).total_cmp(&score(b.score)).then(a.repeat.cmp(&b.repeat))
        });
        flips.push(Flip {
            task: task.to_owned(),
            item: two.id.to_owned(),
            baseline: one.score,
            candidate: two.score,
            outcome: telling.and_then(|s| s.outcome).map_or("", Outcome::as_str).to_owned(),
            trial: telling.map(|sample| sample.key.to_string()).unwrap_or_default(),
        });
    }
    let change = |flip: &Flip| flip.candidate - flip.baseline;
    flips.sort_by(|a, b| {
        let names = (&a.task, &a.item).cmp(&(&b.task, &b.item));
        let sizes = change(b).abs().total_cmp(&change(a).abs());
        (change(a) > 0.0).cmp(&(change(b) > 0.0)).then(sizes).then(names)
    });
    flips
}
