//! The sentences of a report, said once for every format.

use std::fmt::Write as _;

use crate::number::{Unit, count, p_value, show};
use crate::report::{
    Arm, Comparison, ConfidenceBin, Counts, Difference, Direction, Experts, Figure, ItemRow, Items,
    Report, Spend, Spread,
};

/// Picks a figure of what an arm took.
pub(crate) type Pick = fn(&Spend) -> &Figure;

/// What a right answer took, row by row: shown where any arm says.
pub(crate) const PER_CORRECT: [(&str, Pick, Unit); 2] = [
    ("tokens for a right answer", |spend| &spend.tokens_per_correct, Unit::Amount),
    ("dollars for a right answer", |spend| &spend.usd_per_correct, Unit::Dollars),
];

/// The first thing a reader sees: what the comparison says.
pub(crate) struct Verdict {
    /// Which way it goes.
    pub(crate) direction: Direction,
    /// The claim in one sentence, with its interval.
    pub(crate) headline: String,
    /// What it rests on, what it took and what stands against it: whole sentences.
    pub(crate) details: Vec<String>,
}

impl Direction {
    /// Returns the mark that stands beside the word.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Better => "▲",
            Self::Worse => "▼",
            Self::Unresolved => "◇",
        }
    }

    /// Returns the word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Unresolved => "unclear",
        }
    }
}

/// Returns what `comparison` says.
pub(crate) fn verdict(report: &Report, comparison: &Comparison) -> Verdict {
    let [baseline, candidate] = names(report, comparison);
    let figure = &comparison.overall.figure;
    let shown = show(figure, Unit::Points);
    let direction = comparison.overall.direction;
    let headline = match (figure.estimate, direction) {
        (None, _) => format!("{candidate} and {baseline} have no item in common to compare"),
        (_, Direction::Better) => format!("{candidate} is better than {baseline}: {shown}"),
        (_, Direction::Worse) => format!("{candidate} is worse than {baseline}: {shown}"),
        (_, Direction::Unresolved) => {
            format!("No difference shown between {candidate} and {baseline}: {shown}")
        }
    };
    let mut details = Vec::new();
    if let Some(test) = test(&comparison.overall) {
        details.push(format!("{test}."));
    }
    details.extend(probability(candidate, comparison));
    details.push(pairs(comparison));
    if comparison.token_ratio.estimate.is_some() {
        let ratio = show(&comparison.token_ratio, Unit::Ratio);
        details.push(format!("{candidate} generated {ratio} the tokens of {baseline}."));
    }
    details.extend(tokens_per_correct(report, comparison));
    if comparison.cost_ratio.estimate.is_some() {
        let ratio = show(&comparison.cost_ratio, Unit::Ratio);
        details.push(format!("{candidate} cost {ratio} the dollars of {baseline}."));
    }
    details.extend(dollars_per_correct(report, comparison));
    if comparison.latency_ratio.estimate.is_some() {
        let ratio = show(&comparison.latency_ratio, Unit::Ratio);
        details.push(format!("{candidate} took {ratio} the seconds of {baseline}."));
    }
    if let (Direction::Unresolved, Some(needed)) = (direction, comparison.pairs_needed) {
        let needed = count(needed);
        details.push(format!("About {needed} pairs would settle a difference of this size."));
    }
    details.extend(comparison.spread.map(spread));
    details.extend(comparison.caveats.iter().cloned());
    Verdict { direction, headline, details }
}

/// Returns how likely it is that the candidate is better, in plain words.
fn probability(candidate: &str, comparison: &Comparison) -> Option<String> {
    let chance = comparison.probability_better?;
    let word = match chance {
        p if p >= 0.99 => "almost certainly better",
        p if p >= 0.9 => "probably better",
        p if p > 0.6 => "a little more likely better than worse",
        p if p >= 0.4 => "as likely better as worse",
        p if p > 0.1 => "a little more likely worse than better",
        p if p > 0.01 => "probably worse",
        _ => "almost certainly worse",
    };
    let percent = match 100.0 * chance {
        p if p > 99.9 => "above 99.9 %".to_owned(),
        p if p < 0.1 => "below 0.1 %".to_owned(),
        p => format!("{p:.1} %"),
    };
    Some(format!("{candidate} is {word}: the probability that it is better is {percent}."))
}

/// Returns what a right answer took, where both sides have some.
fn tokens_per_correct(report: &Report, comparison: &Comparison) -> Option<String> {
    let [one, two] = [comparison.baseline, comparison.candidate].map(|arm| {
        let figure = &report.arms.get(arm)?.total.spend.tokens_per_correct;
        figure.estimate.map(|_| show(figure, Unit::Amount))
    });
    let [baseline, candidate] = names(report, comparison);
    Some(format!("A right answer took {} tokens of {candidate}, {} of {baseline}.", two?, one?))
}

/// Returns what a right answer cost, where both sides have some and a price.
fn dollars_per_correct(report: &Report, comparison: &Comparison) -> Option<String> {
    let [one, two] = [comparison.baseline, comparison.candidate].map(|arm| {
        let figure = &report.arms.get(arm)?.total.spend.usd_per_correct;
        figure.estimate.map(|_| show(figure, Unit::Dollars))
    });
    let [baseline, candidate] = names(report, comparison);
    Some(format!("A right answer cost {} with {candidate}, {} with {baseline}.", two?, one?))
}

/// Returns what one arm cost, where its price is known.
pub(crate) fn cost(arm: &Arm) -> Option<String> {
    let sum = crate::number::dollars(arm.total.spend.cost_usd?);
    let figure = &arm.total.spend.usd_per_correct;
    Some(match figure.estimate {
        Some(_) => {
            let each = show(figure, Unit::Dollars);
            format!("{} cost {sum} in all; a right answer cost {each}.", arm.name)
        }
        None => format!("{} cost {sum} in all, and nothing was right.", arm.name),
    })
}

/// Returns whether the confidence that an arm states means what it says, where it states any.
pub(crate) fn calibration(arm: &Arm) -> Option<String> {
    let fit = arm.calibration.as_ref()?;
    let mut parts = vec![format!(
        "{} stated its confidence in {} of {} answers: Brier {}",
        arm.name,
        count(fit.stated),
        count(fit.stated + fit.missing),
        show(&fit.brier, Unit::Plain),
    )];
    if fit.auroc.estimate.is_some() {
        parts.push(format!("AUROC {}", show(&fit.auroc, Unit::Plain)));
    }
    parts.extend(
        fit.ece.map(|ece| format!("calibration error {ece:.2} over {} bins", fit.bins.len())),
    );
    parts.push(match fit.coverage_at_95 {
        kept if kept > 0.0 => {
            format!("the most confident {:.0} % are 95 % right", 100.0 * kept)
        }
        _ => "no confidence is high enough for 95 % right".to_owned(),
    });
    Some(format!("{}.", parts.join("; ")))
}

/// Returns the bins that hold answers, for each arm: arm, range, answers, mean confidence, accuracy.
pub(crate) fn confidence_rows(report: &Report) -> Vec<[String; 5]> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let of_arm = |arm: &Arm| {
        let bins = arm.calibration.iter().flat_map(|fit| &fit.bins);
        let row = |bin: &ConfidenceBin| {
            [
                arm.name.clone(),
                format!("{} to {}", percent(bin.from), percent(bin.to)),
                count(bin.count),
                bin.confidence.map_or_else(String::new, percent),
                show(&bin.accuracy, Unit::Percent).to_string(),
            ]
        };
        bins.filter(|bin| bin.count > 0).map(row).collect::<Vec<_>>()
    };
    report.arms.iter().flat_map(of_arm).collect()
}

/// Returns where the spread comes from, and what would narrow it.
fn spread(spread: Spread) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    format!(
        "{} of the spread is sampling and the rest the questions: twice the repeats would narrow the \
         interval by {}, twice the items by {}.",
        percent(spread.sampling_share),
        percent(spread.twice_repeats),
        percent(spread.twice_items)
    )
}

/// Returns the baseline's and the candidate's name.
pub(crate) fn names<'a>(report: &'a Report, comparison: &Comparison) -> [&'a str; 2] {
    [comparison.baseline, comparison.candidate].map(|arm| arm_name(report, arm))
}

/// Returns the name of the arm at `index`.
pub(crate) fn arm_name(report: &Report, index: usize) -> &str {
    report.arms.get(index).map_or("unknown arm", |arm| &arm.name)
}

/// Returns a line for a report without a comparison.
pub(crate) fn alone(arm: &Arm) -> String {
    let score = show(&arm.total.accuracy, Unit::Percent);
    format!("{} scores {score}", arm.name)
}

/// Returns the test and what it gave, where there is one.
pub(crate) fn test(difference: &Difference) -> Option<String> {
    let p = difference.p_value?;
    let name = if difference.test.is_empty() { "two-sided" } else { &difference.test };
    Some(format!("{} ({name})", p_value(p)))
}

/// Returns how the pairs split.
pub(crate) fn pairs(comparison: &Comparison) -> String {
    let pairs = &comparison.pairs;
    let mut line = format!(
        "Gained {}, lost {}; both right on {}, both wrong on {}.",
        count(pairs.gained),
        count(pairs.lost),
        count(pairs.both_right),
        count(pairs.both_wrong)
    );
    if pairs.unpaired > 0 {
        let unpaired = count(pairs.unpaired);
        let verb = if pairs.unpaired == 1 { "item was" } else { "items were" };
        let _ = write!(
            line,
            " {unpaired} {verb} answered by one arm only and left out of the difference."
        );
    }
    line
}

/// Returns what a reader must know before any number: what failed, and what the caller says.
pub(crate) fn notices(report: &Report) -> Vec<String> {
    failures(report).into_iter().chain(report.notices.iter().cloned()).collect()
}

/// Returns how many trials have no answer, and that they are in no score.
fn failures(report: &Report) -> Option<String> {
    let (failed, planned) = report.arms.iter().fold((0, 0), |(failed, planned), arm| {
        (failed + arm.total.counts.failed, planned + arm.total.counts.planned)
    });
    let are =
        if failed == 1 { "trial has no answer and is" } else { "trials have no answer and are" };
    (failed > 0).then(|| format!("{} of {} {are} in no score.", count(failed), count(planned)))
}

/// The token limits of any arm, and what each would have bought each arm. An arm that never took as much
/// has what its widest limit bought.
pub(crate) fn budgets(report: &Report) -> Vec<(u64, Vec<Option<&Figure>>)> {
    let mut limits: Vec<u64> =
        report.arms.iter().flat_map(|arm| &arm.budgets).map(|point| point.tokens).collect();
    limits.sort_unstable();
    limits.dedup();
    let at = |limit| report.arms.iter().map(|arm| within(arm, limit)).collect();
    limits.into_iter().map(|limit| (limit, at(limit))).collect()
}

/// What a token limit would have bought an arm.
fn within(arm: &Arm, limit: u64) -> Option<&Figure> {
    arm.budgets.iter().rev().find(|point| point.tokens <= limit).map(|point| &point.accuracy)
}

/// An item on which good arms do worse than bad ones.
#[derive(Clone, Debug)]
pub(crate) struct OddItem<'a> {
    pub(crate) task: &'a str,
    pub(crate) item: &'a str,
    pub(crate) difficulty: String,
    pub(crate) discrimination: String,
}

/// The items that tell arms apart the wrong way, the worst first.
pub(crate) fn odd_items(report: &Report) -> Vec<OddItem<'_>> {
    const SHOWN_MAX: usize = 10;
    let mut odd: Vec<(f64, &ItemRow)> = report
        .items
        .rows
        .iter()
        .filter_map(|row| Some((row.discrimination.filter(|value| *value < 0.0)?, row)))
        .collect();
    odd.sort_by(|a, b| a.0.total_cmp(&b.0));
    odd.iter()
        .take(SHOWN_MAX)
        .map(|(discrimination, row)| OddItem {
            task: report.tasks.get(row.task).map_or("", |task| &task.id),
            item: &row.item,
            difficulty: format!("{:.2}", row.difficulty),
            discrimination: format!("{discrimination:.2}").replace('-', "−"),
        })
        .collect()
}

/// Says what the items tell: nothing where all arms did alike on them.
pub(crate) fn items(items: &Items) -> String {
    if items.rows.is_empty() {
        return "No item was answered by every arm.".to_owned();
    }
    let (all, right, none) = (items.rows.len() as u64, items.all_right, items.none_right);
    let reliability = items.reliability.map_or_else(String::new, |value| {
        format!(" The reliability of the whole is {value:.2} (KR-20).")
    });
    format!(
        "Every arm answered {} items: {} right in all arms and {} in none, which tell no arm from \
         another.{reliability}",
        count(all),
        count(right),
        count(none),
    )
}

/// Returns why nothing is known of an arm's experts; `None` where something is.
pub(crate) fn experts(experts: &Experts) -> Option<&'static str> {
    match experts {
        Experts::NotObservable => {
            Some("not observable: a remote endpoint does not show its experts")
        }
        Experts::Dense => Some("no routed experts in this model"),
        Experts::NotRecorded => Some("not recorded: every answer came from the store"),
        Experts::Observed { layers } if layers.is_empty() => Some("no routed experts were seen"),
        Experts::Observed { .. } => None,
    }
}

/// Returns the outcomes with their counts, in the order tables show them.
pub(crate) fn outcomes(counts: &Counts) -> [(&'static str, u64); 10] {
    [
        ("correct", counts.correct),
        ("incorrect", counts.incorrect),
        ("abstained", counts.abstained),
        ("unparsed", counts.unparsed),
        ("undecided", counts.undecided),
        ("truncated", counts.truncated),
        ("empty", counts.empty),
        ("refused", counts.refused),
        ("filtered", counts.filtered),
        ("failed", counts.failed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::two_arms;

    #[test]
    fn a_probability_is_said_in_plain_words() {
        for (chance, words) in [
            (1.0, "almost certainly better: the probability that it is better is above 99.9 %."),
            (0.95, "probably better: the probability that it is better is 95.0 %."),
            (0.5, "as likely better as worse: the probability that it is better is 50.0 %."),
            (
                0.3,
                "a little more likely worse than better: the probability that it is better is 30.0 %.",
            ),
            (0.0, "almost certainly worse: the probability that it is better is below 0.1 %."),
        ] {
            let comparison = Comparison {
                probability_better: Some(chance),
                ..two_arms().comparisons[0].clone()
            };
            assert_eq!(probability("b", &comparison), Some(format!("b is {words}")));
        }
    }

    #[test]
    fn a_reader_learns_what_would_narrow_the_interval() {
        let split = Spread { sampling_share: 0.5, twice_repeats: 0.134, twice_items: 0.293 };
        assert_eq!(
            spread(split),
            "50 % of the spread is sampling and the rest the questions: twice the repeats would \
             narrow the interval by 13 %, twice the items by 29 %."
        );
    }
}
