//! Whether a stated confidence means what it says, and whether it tells right answers from wrong ones.

use super::mean::{ClusteredMean, clustered_se};
use super::sum::{count, mean, sum};

/// An answer with the confidence that was stated for it, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stated {
    /// The confidence.
    pub confidence: f64,
    /// Whether the answer is right.
    pub correct: bool,
}

impl Stated {
    fn outcome(self) -> f64 {
        if self.correct { 1.0 } else { 0.0 }
    }
}

/// The answers whose confidence lies in one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Answers.
    pub count: usize,
    /// Their mean confidence; absent of none.
    pub confidence: Option<f64>,
    /// The share that is right; absent of none.
    pub accuracy: Option<f64>,
}

/// How far stated confidence is from what happened. What is not defined is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The mean gap of the bins, weighted by their answers.
    pub ece: Option<f64>,
    /// The largest gap of a bin.
    pub mce: Option<f64>,
    /// The mean squared error.
    pub brier: Option<f64>,
    /// The mean negative log-likelihood; absent where certainty was wrong, whose loss has no bound.
    pub log_loss: Option<f64>,
    /// The bins from the least confident.
    pub bins: Vec<Bin>,
}

/// Measures calibration over equal bins; an edge belongs to the upper bin and the last bin is closed
/// (Naeini et al. 2015, "Obtaining well calibrated probabilities", eq. 3 and 4; Brier 1950; oracle
/// `calibration`).
pub fn calibration(answers: &[Stated], bins: usize) -> Calibration {
    let place = |confidence: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to bins")]
        let place = (confidence.clamp(0.0, 1.0) * count(bins)).floor() as usize;
        place.min(bins.saturating_sub(1))
    };
    let mut members: Vec<Vec<Stated>> = vec![Vec::new(); bins];
    for &answer in answers {
        if let Some(bin) = members.get_mut(place(answer.confidence)) {
            bin.push(answer);
        }
    }
    let bins: Vec<Bin> = members.iter().map(|members| bin(members)).collect();
    let gaps: Vec<(f64, f64)> = bins
        .iter()
        .filter_map(|bin| Some((count(bin.count), (bin.accuracy? - bin.confidence?).abs())))
        .collect();
    let average = |loss: fn(&Stated) -> f64| mean(&answers.iter().map(loss).collect::<Vec<_>>());
    let some = !gaps.is_empty();
    Calibration {
        ece: some.then(|| sum(gaps.iter().map(|(n, gap)| n * gap)) / count(answers.len())),
        mce: gaps.iter().map(|gap| gap.1).reduce(f64::max),
        brier: average(|answer| (answer.confidence - answer.outcome()).powi(2)),
        log_loss: average(log_loss).filter(|loss| loss.is_finite()),
        bins,
    }
}

fn bin(members: &[Stated]) -> Bin {
    let average = |of: fn(&Stated) -> f64| mean(&members.iter().map(of).collect::<Vec<_>>());
    Bin {
        count: members.len(),
        confidence: average(|answer| answer.confidence),
        accuracy: average(|answer| answer.outcome()),
    }
}

fn log_loss(answer: &Stated) -> f64 {
    if answer.correct { -libm::log(answer.confidence) } else { -libm::log1p(-answer.confidence) }
}

/// The chance that a right answer was stated with more confidence than a wrong one, a tie counting half:
/// the area under the ROC curve (Mann & Whitney 1947; Hanley & `McNeil` 1982). Absent unless there are
/// both.
pub fn auroc(answers: &[Stated]) -> Option<f64> {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let right = answers.iter().filter(|answer| answer.correct).count();
    let wrong = answers.len() - right;
    if right == 0 || wrong == 0 {
        return None;
    }
    let (mut below, mut wins) = (0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.confidence.total_cmp(&b.confidence).is_eq()) {
        let right = tied.iter().filter(|answer| answer.correct).count();
        let wrong = tied.len() - right;
        wins += count(right) * (count(below) + count(wrong) / 2.0);
        below += wrong;
    }
    Some(wins / (count(right) * count(wrong)))
}

/// The Brier score with its interval: the mean squared error, clustered, Student's t (Brier 1950; the interval is
/// that of [`clustered_se`]). No interval where every error is the same.
pub fn brier_interval(answers: &[Stated], clusters: &[usize], level: f64) -> ClusteredMean {
    let losses: Vec<f64> =
        answers.iter().map(|answer| (answer.confidence - answer.outcome()).powi(2)).collect();
    without_certainty(clustered_se(&losses, clusters, level))
}

/// [`auroc`] with its interval: the placement of each answer among those of the other kind, summed over clusters
/// (`DeLong` et al. 1988; Obuchowski 1997, "Nonparametric analysis of clustered ROC curve
/// data"), and Student's t. No interval where no placement differs, as when the two kinds do not overlap.
pub fn auroc_interval(answers: &[Stated], clusters: &[usize], level: f64) -> ClusteredMean {
    let Some(area) = auroc(answers) else {
        return ClusteredMean { n: answers.len(), ..ClusteredMean::default() };
    };
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by(|&a, &b| answers[a].confidence.total_cmp(&answers[b].confidence));
    let right = answers.iter().filter(|answer| answer.correct).count();
    let wrong = answers.len() - right;
    let mut linear = vec![0.0; answers.len()];
    let (mut right_below, mut wrong_below) = (0, 0);
    let tied =
        |a: &usize, b: &usize| answers[*a].confidence.total_cmp(&answers[*b].confidence).is_eq();
    for group in order.chunk_by(tied) {
        let rights = group.iter().filter(|&&n| answers[n].correct).count();
        let wrongs = group.len() - rights;
        for &n in group {
            // The share of the other kind that the answer outranks, or is outranked by.
            let (placement, own) = if answers[n].correct {
                ((count(wrong_below) + count(wrongs) / 2.0) / count(wrong), right)
            } else {
                let above = right - right_below - rights;
                ((count(above) + count(rights) / 2.0) / count(right), wrong)
            };
            linear[n] = area + (placement - area) * count(answers.len()) / count(own);
        }
        right_below += rights;
        wrong_below += wrongs;
    }
    without_certainty(clustered_se(&linear, clusters, level))
}

/// Takes the interval away where nothing varies: it would claim certainty.
fn without_certainty(fit: ClusteredMean) -> ClusteredMean {
    if fit.se.is_some_and(|se| se > 0.0) {
        fit
    } else {
        ClusteredMean { lower: None, upper: None, ..fit }
    }
}

/// What is wrong among the answers kept when the least confident are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskAtCoverage {
    /// The share of answers kept.
    pub coverage: f64,
    /// The share of these that is wrong.
    pub risk: f64,
}

/// The risk-coverage curve, from the most confident answers to all of them; answers of one confidence
/// are kept or left out together (El-Yaniv & Wiener 2010, "On the foundations of noise-free selective
/// classification").
pub fn risk_coverage(answers: &[Stated]) -> Vec<RiskAtCoverage> {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let (mut kept, mut wrong) = (0, 0);
    sorted
        .chunk_by(|a, b| a.confidence.total_cmp(&b.confidence).is_eq())
        .map(|tied| {
            kept += tied.len();
            wrong += tied.iter().filter(|answer| !answer.correct).count();
            RiskAtCoverage {
                coverage: count(kept) / count(answers.len()),
                risk: count(wrong) / count(kept),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(confidence: f64, correct: bool) -> Stated {
        Stated { confidence, correct }
    }

    #[test]
    fn nothing_stated_measures_nothing() {
        let none = calibration(&[], 3);
        assert_eq!((none.ece, none.mce, none.brier, none.log_loss), (None, None, None, None));
        assert_eq!(none.bins, [Bin::default(); 3]);
        assert_eq!(calibration(&[stated(0.5, true)], 0).ece, None);
        assert_eq!(auroc(&[stated(0.9, true)]), None);
        assert_eq!(risk_coverage(&[]), []);
    }

    #[test]
    fn certainty_that_is_wrong_has_no_finite_loss() {
        let fit = calibration(&[stated(1.0, false), stated(0.5, true)], 2);
        assert_eq!((fit.log_loss, fit.bins[1].count), (None, 2));
    }

    #[test]
    fn the_interval_of_the_area_is_that_of_delong() {
        let answers = [
            stated(0.9, true),
            stated(0.8, true),
            stated(0.6, true),
            stated(0.7, false),
            stated(0.4, false),
        ];
        let clusters = [0, 1, 2, 3, 4];
        let fit = auroc_interval(&answers, &clusters, 0.95);
        // Placements of the right ones 1, 1, ½ and of the wrong ones ⅔, 1: their mean is 5/6.
        assert!(fit.mean.is_some_and(|area| (area - 5.0 / 6.0).abs() < 1e-12), "{fit:?}");
        // DeLong with divisors n: (2·(1/6)² + (1/3)²)/9 + 2·(1/6)²/4, times n/(n − 1) for the clusters.
        let squares: f64 = (2.0 / 36.0 + 1.0 / 9.0) / 9.0 + (2.0 / 36.0) / 4.0;
        let expected = (squares * 5.0 / 4.0).sqrt();
        assert!(fit.se.is_some_and(|se| (se - expected).abs() < 1e-12), "{fit:?} {expected}");
        let apart = auroc_interval(&[stated(0.9, true), stated(0.1, false)], &[0, 1], 0.95);
        assert_eq!((apart.mean, apart.lower), (Some(1.0), None));
        assert_eq!(auroc_interval(&[stated(0.9, true)], &[0], 0.95).mean, None);
        let brier = brier_interval(&answers, &clusters, 0.95);
        assert!(brier.mean.is_some_and(|mean| (mean - 0.172).abs() < 1e-12), "{brier:?}");
        assert!(brier.lower < brier.mean && brier.mean < brier.upper);
    }

    #[test]
    fn confidence_tells_right_from_wrong() {
        let sorted = [stated(0.9, true), stated(0.8, true), stated(0.2, false)];
        assert_eq!(auroc(&sorted), Some(1.0));
        assert_eq!(auroc(&sorted.map(|answer| stated(0.5, answer.correct))), Some(0.5));
        let risks: Vec<f64> = risk_coverage(&sorted).iter().map(|point| point.risk).collect();
        assert_eq!(risks, [0.0, 0.0, 1.0 / 3.0]);
        let tied = risk_coverage(&[stated(0.5, true), stated(0.5, false)]);
        assert_eq!(tied, [RiskAtCoverage { coverage: 1.0, risk: 0.5 }]);
    }
}
