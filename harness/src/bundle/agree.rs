//! How far two graders of a log agree on its answers: right or not, answer by answer.

use std::collections::BTreeMap;

use super::Judged;
use crate::stats::{AgreementFit, LEVEL, TwoVerdicts, agreement};

/// Two graders of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoGraders {
    /// The first.
    pub one: String,
    /// The second.
    pub two: String,
    /// How far they agree on what has the full score.
    pub fit: AgreementFit,
}

/// Compares every two graders of a log, in their order.
pub(super) fn of(all: &[Judged]) -> Vec<TwoGraders> {
    let pairs = (0..all.len()).flat_map(|n| (n + 1..all.len()).map(move |m| (n, m)));
    pairs
        .map(|(n, m)| TwoGraders {
            one: all[n].grader.clone(),
            two: all[m].grader.clone(),
            fit: agreement(&verdicts(&all[n], &all[m]), LEVEL),
        })
        .collect()
}

fn verdicts(one: &Judged, two: &Judged) -> Vec<TwoVerdicts> {
    let full = |score: f64| usize::from(score >= 1.0);
    let known: BTreeMap<(&str, u32), f64> = scores(one).collect();
    scores(two)
        .filter_map(|((item, repeat), score)| {
            let other = known.get(&(item, repeat))?;
            let cluster = Some(item.to_owned());
            Some(TwoVerdicts { one: full(*other), two: full(score), cluster })
        })
        .collect()
}

fn scores(judged: &Judged) -> impl Iterator<Item = ((&str, u32), f64)> {
    judged.run.trials.iter().filter_map(|trial| {
        let sample = &trial.sample;
        Some(((sample.item.as_str(), sample.repeat), sample.score?))
    })
}
