//! Whether the confidence that answers state means what it says.

use std::collections::BTreeMap;

use tripos_dashboards::report::{Calibration, ConfidenceBin, CoveragePoint, Figure};

use super::View;
use super::cells::{cluster_of, figure, number};
use crate::stats::{
    ItemScore, LEVEL, Stated, accuracy, auroc_interval, brier_interval, calibration as measure,
    risk_coverage,
};
use crate::store::rows::Sample;

/// Equal bins of the confidence.
const BINS: usize = 10;
/// The most points of the risk-coverage curve that a report holds.
const POINTS: usize = 100;
/// The accuracy that the kept answers must have.
const WANTED: f64 = 0.95;

/// An answer that states how sure it is.
struct Answer<'a> {
    stated: Stated,
    sample: &'a Sample,
}

/// Measures calibration over the tasks in which an answer states its confidence; nothing where none does.
pub(super) fn calibration(view: &View<'_>) -> Option<Calibration> {
    let asked = view.tasks.iter().filter(|task| task.samples.iter().any(|s| said(s).is_some()));
    let graded: Vec<&Sample> = asked
        .flat_map(|task| &task.samples)
        .copied()
        .filter(|sample| sample.score.is_some())
        .collect();
    let answers: Vec<Answer<'_>> = graded.iter().filter_map(|sample| said(sample)).collect();
    if answers.is_empty() {
        return None;
    }
    let stated: Vec<Stated> = answers.iter().map(|answer| answer.stated).collect();
    let names: Vec<String> = answers.iter().map(|answer| cluster_of(answer.sample)).collect();
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
    let clusters = crate::stats::number_clusters(&names);
    let fit = measure(&stated, BINS);
    let curve = risk_coverage(&stated);
    let kept = curve.iter().rev().find(|point| 1.0 - point.risk >= WANTED);
    let (brier, rank) =
        (brier_interval(&stated, &clusters, LEVEL), auroc_interval(&stated, &clusters, LEVEL));
    Some(Calibration {
        stated: number(stated.len()),
        missing: number(graded.len() - stated.len()),
        ece: fit.ece,
        mce: fit.mce,
        log_loss: fit.log_loss,
        brier: shown(&brier, "clustered t"),
        auroc: shown(&rank, "placements, clustered t"),
        coverage_at_95: kept.map_or(0.0, |point| point.coverage),
        bins: bins(&answers),
        risk_coverage: thinned(&curve),
    })
}

fn said(sample: &Sample) -> Option<Answer<'_>> {
    let (percent, score) = (sample.confidence?, sample.score?);
    let stated = Stated { confidence: percent / 100.0, correct: score >= 1.0 };
    Some(Answer { stated, sample })
}

/// Each bin with the accuracy of its answers, by item as accuracy is everywhere.
fn bins(answers: &[Answer<'_>]) -> Vec<ConfidenceBin> {
    let stated: Vec<Stated> = answers.iter().map(|answer| answer.stated).collect();
    let fit = measure(&stated, BINS);
    #[expect(clippy::cast_precision_loss, reason = "ten bins")]
    let edge = |n: usize| n as f64 / BINS as f64;
    (fit.bins.iter().enumerate())
        .map(|(n, bin)| {
            let last = n + 1 == BINS;
            let inside = |answer: &&Answer<'_>| {
                let at = answer.stated.confidence;
                at >= edge(n) && (at < edge(n + 1) || last)
            };
            let mut items: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
            for answer in answers.iter().filter(inside) {
                let place = (answer.sample.task, answer.sample.item.as_str());
                let score = if answer.stated.correct { 1.0 } else { 0.0 };
                items.entry(place).or_default().push(score);
            }
            let scores: Vec<ItemScore> = items
                .into_values()
                .filter_map(|scores| ItemScore::of_repeats(&scores, None))
                .collect();
            ConfidenceBin {
                from: edge(n),
                to: edge(n + 1),
                count: number(bin.count),
                confidence: bin.confidence,
                accuracy: figure(&accuracy(&scores)),
            }
        })
        .collect()
}

fn shown(fit: &crate::stats::ClusteredMean, method: &str) -> Figure {
    Figure {
        estimate: fit.mean,
        lower: fit.lower.map(|lower| lower.max(0.0)),
        upper: fit.upper.map(|upper| upper.min(1.0)),
        n: number(fit.n),
        method: method.to_owned(),
    }
}

/// The curve with at most [`POINTS`] points, the last one among them.
fn thinned(curve: &[crate::stats::calibration::RiskAtCoverage]) -> Vec<CoveragePoint> {
    let step = curve.len().div_ceil(POINTS).max(1);
    let kept = |n: &usize| n % step == step - 1 || n + 1 == curve.len();
    (0..curve.len())
        .filter(kept)
        .map(|n| CoveragePoint { coverage: curve[n].coverage, risk: curve[n].risk })
        .collect()
}
