//! Holds one rule: which test answers it, and what follows.

use tripos_dashboards::gate::{Rule, Unit, Verdict};
use tripos_dashboards::report::Figure;

use super::guard;
use super::measure::{Item, Measured, Task};
use super::policy::{Hold, Metric, Policy, PolicyRule, Scope};
use crate::stats::size::POWER;
use crate::stats::{
    BoundTest, ClusteredMean, Errors, ItemScore, MarginTest, MarginVerdict, PairedAmount,
    PairedCounts, PairedItem, Part, Sides, clustered_se, difference_at, mde_paired, mean_bound,
    non_inferiority, normal_margin, number_clusters, paired_score, ratio_at, sample_size_paired,
    share_bound, size, weighted_mean,
};

/// Items that a broken `all_pass` names.
const NAMED: usize = 20;

/// How a watched rule was decided.
const HYBRID: &str = "hybrid: O'Brien-Fleming at 5 looks, and betting";

/// How a rule was watched while the run went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// It was not: it is held against everything, once.
    Not,
    /// What was found, from so many items.
    Found(MarginVerdict, usize),
    /// Another rule ended the run before its items were in.
    Left,
}

/// Holds `rule`.
pub(super) fn hold(
    rule: &PolicyRule,
    policy: &Policy,
    (before, now): (&Measured<'_>, &Measured<'_>),
    watch: Watch,
) -> Rule {
    let alpha = policy.alpha;
    let scope = &rule.scope;
    let mut held = match rule.hold {
        Hold::NonInferior(margin) => {
            let mut held = non_inferior((rule, margin), alpha, before, now);
            if let Watch::Found(found, items) = watch {
                // Looked at more than once, so that neither the interval nor the test is what it claims.
                held.verdict = verdict(found);
                (held.p_value, held.items_needed) = (None, None);
                HYBRID.clone_into(&mut held.figure.method);
                held.notes = vec![format!(
                    "Decided by looks at {items} items; the interval is that of a single look."
                )];
            }
            if rule.metric == Metric::Accuracy {
                guard::doubt(&mut held, (scope, margin), before, now);
            }
            held
        }
        Hold::AtMost(value) => at_most((rule, value), alpha, now),
        Hold::AtLeast(value) => at_least((rule, value), alpha, now),
        Hold::RatioAtMost(value) => ratio_at_most((rule, value), alpha, before, now),
        Hold::AllPass => all_pass(rule, now),
    };
    if watch == Watch::Left && (held.kind != "all_pass" || held.verdict == Verdict::Pass) {
        held.verdict = Verdict::Inconclusive;
        (held.p_value, held.items_needed) = (None, None);
        held.notes.push("The run ended before its items were in.".to_owned());
    }
    held
}

/// A rule of which nothing is known yet.
fn blank(rule: &PolicyRule, kind: &str, limit: Option<f64>, unit: Unit) -> Rule {
    Rule {
        task: rule.scope.as_str().to_owned(),
        metric: rule.metric.as_str().to_owned(),
        kind: kind.to_owned(),
        limit,
        verdict: Verdict::Inconclusive,
        baseline: None,
        candidate: None,
        figure: Figure::default(),
        unit,
        p_value: None,
        p_adjusted: None,
        items_needed: None,
        notes: Vec::new(),
    }
}

/// The tasks of one side that a rule is about.
fn scoped<'m, 'a>(scope: &'m Scope, side: &'m Measured<'a>) -> impl Iterator<Item = &'m Task<'a>> {
    side.tasks().iter().filter(|task| scope.holds(&task.row.task))
}

/// The items of a task that both sides answered, by the rule's metric.
fn pairs(task: &Task<'_>, before: &Measured<'_>, metric: Metric) -> Vec<PairedItem> {
    let value = |item: &Item<'_>| {
        // More is better: of what should be rare, the share that it is not.
        let value = item.value(metric)?;
        Some(if metric == Metric::Accuracy { value } else { 1.0 - value })
    };
    task.beside(before.task(&task.row.task))
        .filter_map(|(item, other)| {
            Some(PairedItem {
                baseline: value(other?)?,
                candidate: value(item)?,
                cluster: Some(item.cluster.to_owned()),
            })
        })
        .collect()
}

fn non_inferior(
    (rule, margin): (&PolicyRule, f64),
    alpha: f64,
    before: &Measured<'_>,
    now: &Measured<'_>,
) -> Rule {
    let level = 1.0 - 2.0 * alpha;
    let tasks: Vec<(f64, Vec<PairedItem>)> = scoped(&rule.scope, now)
        .map(|task| (f64::from(task.row.weight), pairs(task, before, rule.metric)))
        .filter(|(_, pairs)| !pairs.is_empty())
        .collect();
    let compared: Vec<_> =
        tasks.iter().map(|(w, pairs)| (*w, difference_at(pairs, level))).collect();
    let part = |weight: f64, mean: Option<f64>, se: Option<f64>| Part { weight, mean, se };
    let average = |parts: Vec<Part>| weighted_mean(&parts, level);
    let whole = average(compared.iter().map(|(w, c)| part(*w, c.difference, c.se)).collect());
    let (test, method) = match tasks.as_slice() {
        [(_, only)] => one_task(only, margin, alpha),
        _ => (normal_margin(whole.mean, whole.se, margin, alpha), "weighted average, normal"),
    };
    let n: usize = compared.iter().map(|(_, compared)| compared.n).sum();
    let mean = |of: fn(&crate::stats::Comparison) -> Option<f64>| {
        average(compared.iter().map(|(w, c)| part(*w, of(c), c.se)).collect()).mean
    };
    let mut held = blank(rule, "non_inferior", Some(margin), Unit::Points);
    held.verdict = verdict(test.verdict);
    let shown = |value: f64| if rule.metric == Metric::Accuracy { value } else { 1.0 - value };
    held.baseline = mean(|compared| compared.baseline).map(shown);
    held.candidate = mean(|compared| compared.candidate).map(shown);
    held.p_value = test.p_value.map(|p| 1.0 - p);
    held.figure = figure(test.difference, test.bounds, n, method);
    if rule.metric != Metric::Accuracy {
        held.notes.push("Better is above zero: the metric should be rare.".to_owned());
    }
    if test.worse_within_margin() {
        held.notes.push("It is worse beyond doubt, and by less than the margin.".to_owned());
    } else if test.improved() {
        held.notes.push("It is better beyond doubt.".to_owned());
    }
    if held.verdict == Verdict::Inconclusive {
        held.items_needed = items_needed(&test, whole.se, (margin, alpha), n);
    }
    held
}

/// Tango's test where every item is a yes or a no and stands alone, else Student's t with clusters.
fn one_task(pairs: &[PairedItem], margin: f64, alpha: f64) -> (MarginTest, &'static str) {
    let names: Vec<Option<&str>> = pairs.iter().map(|pair| pair.cluster.as_deref()).collect();
    let clusters = number_clusters(&names);
    let alone = clusters.iter().copied().max().is_some_and(|last| last + 1 == pairs.len());
    let yes = |score: f64| score >= 1.0;
    let plain = |score: f64| yes(score) || score <= 0.0;
    if alone && pairs.iter().all(|pair| plain(pair.baseline) && plain(pair.candidate)) {
        let count = |one, two| {
            let like = |p: &&PairedItem| yes(p.baseline) == one && yes(p.candidate) == two;
            pairs.iter().filter(like).count()
        };
        let counts = PairedCounts {
            n10: count(true, false),
            n01: count(false, true),
            n11: count(true, true),
            n00: count(false, false),
        };
        return (paired_score(counts, margin, alpha), "Tango, one-sided");
    }
    let differences: Vec<f64> = pairs.iter().map(|pair| pair.candidate - pair.baseline).collect();
    let test = non_inferiority(&differences, Some(&clusters), margin, alpha);
    let method = if test.degenerate { "no spread" } else { "clustered t, one-sided" };
    (test, method)
}

/// The items of the same spread that would decide, if what was seen is true.
fn items_needed(
    test: &MarginTest,
    se: Option<f64>,
    (margin, alpha): (f64, f64),
    n: usize,
) -> Option<u64> {
    let (difference, se) = (test.difference?, se?);
    #[expect(clippy::cast_precision_loss, reason = "items come nowhere near 2^53")]
    let variance = se * se * n as f64;
    let errors = Errors { alpha, power: POWER, sides: Sides::One };
    // So many did not decide, whatever the plan for a normal mean says.
    size::whole(sample_size_paired(difference + margin, variance, errors)?)
        .map(|needed| needed.max(n as u64 + 1))
}

fn at_most((rule, value): (&PolicyRule, f64), alpha: f64, now: &Measured<'_>) -> Rule {
    let (test, n) = bound((rule, value), alpha, now);
    let mut held = held_bound(rule, ("at_most", value), &test, n);
    held.p_value = test.p_above;
    held.verdict = match test.bounds {
        Some((_, upper)) if upper <= value => Verdict::Pass,
        Some((lower, _)) if lower > value => Verdict::Regress,
        _ => Verdict::Inconclusive,
    };
    bound_needs(&mut held, &test, (value, alpha), n);
    held
}

fn at_least((rule, value): (&PolicyRule, f64), alpha: f64, now: &Measured<'_>) -> Rule {
    let (test, n) = bound((rule, value), alpha, now);
    let mut held = held_bound(rule, ("at_least", value), &test, n);
    held.p_value = test.p_below;
    held.verdict = match test.bounds {
        Some((lower, _)) if lower >= value => Verdict::Pass,
        Some((_, upper)) if upper < value => Verdict::Regress,
        _ => Verdict::Inconclusive,
    };
    bound_needs(&mut held, &test, (value, alpha), n);
    held
}

/// Says how many items would decide a bound that is open, if what was seen is true: at least as many as a
/// share without an exception needs, ln α/ln(1 − distance to the value).
fn bound_needs(held: &mut Rule, test: &BoundTest, (value, alpha): (f64, f64), n: usize) {
    let (Verdict::Inconclusive, Some(mean), Some((lower, upper))) =
        (held.verdict, test.estimate, test.bounds)
    else {
        return;
    };
    let errors = Errors { alpha, power: POWER, sides: Sides::One };
    // The bounds are as many standard errors apart as twice the test's quantile.
    let span = (upper - lower) / 2.0;
    #[expect(clippy::cast_precision_loss, reason = "items come nowhere near 2^53")]
    let items = n as f64;
    let spread = mde_paired(1, 1.0, Errors { power: 0.5, ..errors }).map_or(1.0, |unit| unit.mde);
    let variance = items * (span / spread).powi(2);
    let by_spread = sample_size_paired(value - mean, variance, errors);
    let plain = test.exact.then(|| alpha.ln() / (-(value - mean).abs().min(0.999)).ln_1p());
    held.items_needed = by_spread.map(|n| n.max(plain.unwrap_or(0.0))).and_then(size::whole);
}

/// The candidate's mean against a value, over the items of all tasks the rule is about.
fn bound((rule, value): (&PolicyRule, f64), alpha: f64, now: &Measured<'_>) -> (BoundTest, usize) {
    let items: Vec<ItemScore> = scoped(&rule.scope, now)
        .flat_map(|task| task.items().map(move |item| (task.row.task.as_str(), item)))
        .filter_map(|(task, item)| {
            // Items of different tasks share names, so the cluster carries the task.
            let cluster = Some(format!("{task}/{}", item.cluster));
            Some(ItemScore { score: item.value(rule.metric)?, cluster })
        })
        .collect();
    if rule.metric.is_share() {
        return (share_bound(&items, value, alpha), items.len());
    }
    let amounts: Vec<f64> = items.iter().map(|item| item.score).collect();
    let names: Vec<Option<&str>> = items.iter().map(|item| item.cluster.as_deref()).collect();
    let fit = clustered_se(&amounts, &number_clusters(&names), 1.0 - 2.0 * alpha);
    (mean_bound(&fit, value), items.len())
}

fn held_bound(rule: &PolicyRule, (kind, value): (&str, f64), test: &BoundTest, n: usize) -> Rule {
    let mut held = blank(rule, kind, Some(value), unit(rule.metric));
    let method = if test.exact { "Clopper-Pearson, one-sided" } else { "clustered t, one-sided" };
    held.candidate = test.estimate;
    held.figure = figure(test.estimate, test.bounds, n, method);
    if n == 0 {
        held.notes.push("Nothing was reported.".to_owned());
    }
    held
}

fn ratio_at_most(
    (rule, value): (&PolicyRule, f64),
    alpha: f64,
    before: &Measured<'_>,
    now: &Measured<'_>,
) -> Rule {
    let amounts: Vec<PairedAmount> = scoped(&rule.scope, now)
        .flat_map(|task| {
            let name = task.row.task.as_str();
            task.beside(before.task(name)).map(move |(item, other)| (name, item, other))
        })
        .filter_map(|(task, item, other)| {
            Some(PairedAmount {
                baseline: other?.value(rule.metric)?,
                candidate: item.value(rule.metric)?,
                cluster: Some(format!("{task}/{}", item.cluster)),
            })
        })
        .collect();
    let fit: ClusteredMean = ratio_at(&amounts, 1.0 - 2.0 * alpha);
    let test = normal_margin(fit.mean.map(|ratio| value - ratio), fit.se, 0.0, alpha);
    let mut held = blank(rule, "ratio_at_most", Some(value), Unit::Ratio);
    held.p_value = test.p_value.map(|p| 1.0 - p);
    held.figure = figure(fit.mean, fit.lower.zip(fit.upper), fit.n, "ratio of totals, one-sided");
    held.verdict = match (fit.lower, fit.upper) {
        (_, Some(upper)) if upper <= value => Verdict::Pass,
        (Some(lower), _) if lower > value => Verdict::Regress,
        _ => Verdict::Inconclusive,
    };
    if fit.n == 0 {
        held.notes.push("The baseline reported nothing.".to_owned());
    }
    held
}

fn all_pass(rule: &PolicyRule, now: &Measured<'_>) -> Rule {
    let mut held = blank(rule, "all_pass", None, Unit::Percent);
    let items: Vec<(&str, &Item<'_>)> = scoped(&rule.scope, now)
        .flat_map(|task| task.items().map(move |item| (task.row.task.as_str(), item)))
        .collect();
    let full = |item: &Item<'_>| item.samples.iter().all(|s| s.score.is_some_and(|s| s >= 1.0));
    let failing: Vec<String> = items
        .iter()
        .filter(|(_, item)| !full(item))
        .map(|(task, item)| format!("{task} {}", item.id))
        .collect();
    let unanswered = scoped(&rule.scope, now)
        .flat_map(|task| &task.samples)
        .filter(|sample| sample.score.is_none())
        .count();
    let passing = items.len() - failing.len();
    #[expect(clippy::cast_precision_loss, reason = "items come nowhere near 2^53")]
    let share = (!items.is_empty()).then(|| passing as f64 / items.len() as f64);
    held.candidate = share;
    // Every item is looked at: there is nothing to estimate.
    held.figure = figure(share, share.map(|share| (share, share)), items.len(), "counted");
    held.verdict = match (failing.len(), unanswered, items.len()) {
        (0, 0, 1..) => Verdict::Pass,
        (0, _, _) => Verdict::Inconclusive,
        _ => Verdict::Regress,
    };
    if unanswered > 0 {
        held.notes.push(format!("{unanswered} trials have no answer that could have failed."));
    }
    if !failing.is_empty() {
        let shown = failing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if failing.len() > NAMED { ", and more" } else { "" };
        held.notes.push(format!("{} of {} items fail: {shown}{more}.", failing.len(), items.len()));
    }
    held
}

fn figure(estimate: Option<f64>, bounds: Option<(f64, f64)>, n: usize, method: &str) -> Figure {
    let (lower, upper) = bounds.unzip();
    Figure { estimate, lower, upper, n: n as u64, method: method.to_owned() }
}

fn verdict(of: MarginVerdict) -> Verdict {
    match of {
        MarginVerdict::Pass => Verdict::Pass,
        MarginVerdict::Regress => Verdict::Regress,
        MarginVerdict::Inconclusive => Verdict::Inconclusive,
    }
}

fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::OutputTokens | Metric::ReasoningTokens => Unit::Amount,
        Metric::LatencyS => Unit::Seconds,
        _ => Unit::Percent,
    }
}
