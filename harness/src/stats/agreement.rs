//! How far a judge can be trusted: agreement beyond chance, and an accuracy corrected for its errors.

use super::mean::{clustered_se, number_clusters};
use super::proportion::{Tally, wilson};
use super::sum::{count, sum};

/// How far two graders agree. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// The share they agree on.
    pub observed: Option<f64>,
    /// The share they would agree on by chance.
    pub expected: Option<f64>,
    /// Cohen's κ; absent where chance alone agrees on everything.
    pub kappa: Option<f64>,
}

/// Cohen's κ of a square table whose rows are the first grader's verdicts and whose columns are the
/// second's (Cohen 1960, "A coefficient of agreement for nominal scales"; oracle `cohen_kappa`).
pub fn cohen_kappa(table: &[Vec<usize>]) -> Agreement {
    let total: usize = table.iter().flatten().sum();
    if total == 0 {
        return Agreement { observed: None, expected: None, kappa: None };
    }
    let cell = |row: usize, column: usize| table[row].get(column).copied().unwrap_or(0);
    let share = |n: usize| count(n) / count(total);
    let observed = share((0..table.len()).map(|n| cell(n, n)).sum());
    let by_chance = (0..table.len()).map(|n| {
        let row: usize = table[n].iter().sum();
        let column: usize = (0..table.len()).map(|row| cell(row, n)).sum();
        (row, column)
    });
    let margins: Vec<(usize, usize)> = by_chance.collect();
    let certain = margins.iter().any(|&(row, column)| row == total && column == total);
    let expected = sum(margins.iter().map(|&(row, column)| share(row) * share(column)));
    let kappa = (observed - expected) / (1.0 - expected);
    Agreement {
        observed: Some(observed),
        expected: Some(expected),
        kappa: (!certain).then_some(kappa),
    }
}

/// What two graders made of one answer, by the places of their verdicts in a list of categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoVerdicts {
    /// The first grader's.
    pub one: usize,
    /// The second grader's.
    pub two: usize,
    /// What varies together: repeats of one item, variants of it.
    pub cluster: Option<String>,
}

/// How far two graders agree, with an interval. What is not defined is absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgreementFit {
    /// Answers that both judged.
    pub n: usize,
    /// The share they agree on.
    pub observed: Option<f64>,
    /// The share they would agree on by chance.
    pub expected: Option<f64>,
    /// Cohen's κ; absent where chance alone agrees on everything.
    pub kappa: Option<f64>,
    /// The interval's lower bound.
    pub lower: Option<f64>,
    /// The interval's upper bound.
    pub upper: Option<f64>,
}

/// Cohen's κ of `verdicts` with a linearised interval: the influence of each answer on κ, summed over
/// clusters, and Student's t. With every answer a cluster of its own the standard error is that of
/// Fleiss, Cohen & Everitt 1969, "Large sample standard errors of kappa and weighted kappa", eq. 13,
/// times √(n/(n − 1)) (test `the_interval_is_that_of_fleiss_cohen_and_everitt`).
///
/// Where the two agree on everything κ has no spread; Wilson's lower bound of the share they agree on
/// takes its place.
pub fn agreement(verdicts: &[TwoVerdicts], level: f64) -> AgreementFit {
    let categories = verdicts.iter().map(|v| 1 + v.one.max(v.two)).max().unwrap_or(0);
    let mut table = vec![vec![0; categories]; categories];
    for verdict in verdicts {
        table[verdict.one][verdict.two] += 1;
    }
    let Agreement { observed, expected, kappa } = cohen_kappa(&table);
    let n = verdicts.len();
    let fit = AgreementFit { n, observed, expected, kappa, lower: None, upper: None };
    let (Some(observed), Some(expected), Some(kappa)) = (observed, expected, kappa) else {
        return fit;
    };
    let names: Vec<Option<&str>> = verdicts.iter().map(|v| v.cluster.as_deref()).collect();
    let clusters = number_clusters(&names);
    let groups = clusters.iter().max().map_or(0, |last| last + 1);
    let chance = 1.0 - expected;
    let share = |n: usize| count(n) / count(verdicts.len());
    let rows: Vec<f64> = table.iter().map(|row| share(row.iter().sum())).collect();
    let columns: Vec<f64> =
        (0..categories).map(|n| share(table.iter().map(|row| row[n]).sum())).collect();
    let linear: Vec<f64> = verdicts
        .iter()
        .map(|v| {
            let agrees = if v.one == v.two { 1.0 } else { 0.0 };
            let by_chance = columns[v.one] + rows[v.two] - 2.0 * expected;
            let agreed = (agrees - observed) / chance;
            kappa + agreed - by_chance * (1.0 - observed) / (chance * chance)
        })
        .collect();
    let spread = clustered_se(&linear, &clusters, level);
    if observed >= 1.0 {
        let least = Tally::new(groups, groups).map(|tally| wilson(tally, level).lower);
        let lower = least.map(|least| (least - expected) / chance);
        return AgreementFit { lower, upper: Some(1.0), ..fit };
    }
    let bound = |end: Option<f64>| end.map(|end| end.clamp(-1.0, 1.0));
    AgreementFit { lower: bound(spread.lower), upper: bound(spread.upper), ..fit }
}

/// What a judge made of answers whose truth is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgeErrors {
    /// Right answers it called right.
    pub true_positives: usize,
    /// Right answers it called wrong.
    pub false_negatives: usize,
    /// Wrong answers it called wrong.
    pub true_negatives: usize,
    /// Wrong answers it called right.
    pub false_positives: usize,
}

/// An accuracy corrected for the judge's errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// The share of right answers that the judge calls right.
    pub sensitivity: f64,
    /// The share of wrong answers that it calls wrong.
    pub specificity: f64,
    /// The accuracy, inside [0, 1]; absent where nothing was judged.
    pub estimate: Option<f64>,
    /// Its standard error; absent where nothing was judged.
    pub se: Option<f64>,
}

/// Why an accuracy cannot be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// Its verdicts carry no information.
    #[error("the judge does not tell right answers from wrong ones better than a coin does")]
    UninformativeGrader,
}

/// Corrects `successes` of `n` verdicts for a judge's errors (Rogan & Gladen 1978, "Estimating
/// prevalence from the results of a screening test"; the variance includes that of the judge's own rates,
/// Reiczigel, Földi & Ózsvári 2010; oracle `rogan_gladen`).
pub fn rogan_gladen(
    (successes, n): (usize, usize),
    judge: JudgeErrors,
) -> Result<Corrected, JudgeError> {
    let right = count(judge.true_positives + judge.false_negatives);
    let wrong = count(judge.true_negatives + judge.false_positives);
    let sensitivity = count(judge.true_positives) / right;
    let specificity = count(judge.true_negatives) / wrong;
    // In whole numbers, so that a judge no better than a coin is seen as one: tp·tn against fn·fp.
    let told = judge.true_positives as u128 * judge.true_negatives as u128;
    let missed = judge.false_negatives as u128 * judge.false_positives as u128;
    if told <= missed {
        return Err(JudgeError::UninformativeGrader);
    }
    let gain = sensitivity + specificity - 1.0;
    if n == 0 {
        return Ok(Corrected { sensitivity, specificity, estimate: None, se: None });
    }
    let p = count(successes) / count(n);
    let estimate = (p + specificity - 1.0) / gain;
    let variance = sum([
        p * (1.0 - p) / count(n),
        estimate * estimate * sensitivity * (1.0 - sensitivity) / right,
        (1.0 - estimate).powi(2) * specificity * (1.0 - specificity) / wrong,
    ]);
    Ok(Corrected {
        sensitivity,
        specificity,
        estimate: Some(estimate.clamp(0.0, 1.0)),
        se: Some(libm::sqrt(variance) / gain),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(table: [[usize; 2]; 2]) -> Vec<TwoVerdicts> {
        let cells = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let one = |(one, two): (usize, usize)| TwoVerdicts { one, two, cluster: None };
        cells.into_iter().flat_map(|at| vec![one(at); table[at.0][at.1]]).collect()
    }

    #[test]
    fn the_interval_is_that_of_fleiss_cohen_and_everitt() {
        let table = [[20, 5], [10, 15]];
        let fit = agreement(&verdicts(table), 0.95);
        assert!(fit.kappa.is_some_and(|kappa| (kappa - 0.4).abs() < 1e-12), "{fit:?}");
        // Equation 13 on the same table: p of the cells, κ = 0.4, chance 0.5.
        let (p, pe, kappa) = ([[0.4, 0.1], [0.2, 0.3]], 0.5_f64, 0.4_f64);
        let (rows, columns): ([f64; 2], [f64; 2]) = ([0.5, 0.5], [0.6, 0.4]);
        let mut variance = 0.0;
        for i in 0..2 {
            for j in 0..2 {
                let both = columns[i] + rows[j];
                let term =
                    if i == j { (1.0 - pe) - both * (1.0 - 0.7) } else { -both * (1.0 - 0.7) };
                variance += p[i][j] * term * term;
            }
        }
        let po = 0.7;
        variance -= (po * pe - 2.0 * pe + po).powi(2);
        let se = (variance / 50.0).sqrt() / (1.0 - pe).powi(2) * (50.0_f64 / 49.0).sqrt();
        let half = 2.009_575_2 * se;
        assert!(fit.lower.is_some_and(|low| (low - (kappa - half)).abs() < 1e-6), "{fit:?}, {se}");
        assert!(fit.upper.is_some_and(|high| (high - (kappa + half)).abs() < 1e-6), "{fit:?}");
    }

    #[test]
    fn repeats_of_an_item_count_once_and_full_agreement_is_no_certainty() {
        let once = verdicts([[4, 1], [1, 4]]);
        let named = |n: usize, v: &TwoVerdicts| TwoVerdicts {
            cluster: Some(format!("item {n}")),
            ..v.clone()
        };
        let ten_times: Vec<TwoVerdicts> =
            (0..10).flat_map(|_| once.iter().enumerate().map(|(n, v)| named(n, v))).collect();
        let (one, ten) = (agreement(&once, 0.95), agreement(&ten_times, 0.95));
        assert!((one.lower.expect("bounds") - ten.lower.expect("bounds")).abs() < 1e-9);
        assert_eq!(ten.n, 100);
        let same = agreement(&verdicts([[5, 0], [0, 5]]), 0.95);
        assert_eq!((same.kappa, same.upper), (Some(1.0), Some(1.0)));
        assert!(same.lower.is_some_and(|low| low > 0.3 && low < 0.5), "{same:?}");
        let nothing = agreement(&[], 0.95);
        assert_eq!((nothing.n, nothing.kappa, nothing.lower), (0, None, None));
    }

    #[test]
    fn agreement_on_everything_by_chance_is_no_agreement() {
        for table in [vec![], vec![vec![0, 0], vec![0, 0]], vec![vec![9, 0], vec![0, 0]]] {
            assert_eq!(cohen_kappa(&table).kappa, None, "{table:?}");
        }
        assert_eq!(cohen_kappa(&[vec![5, 0], vec![0, 5]]).kappa, Some(1.0));
    }

    #[test]
    fn a_judge_no_better_than_a_coin_is_refused() {
        let judge = |tp, fneg, tn, fp| JudgeErrors {
            true_positives: tp,
            false_negatives: fneg,
            true_negatives: tn,
            false_positives: fp,
        };
        for bad in [judge(1, 9, 9, 1), judge(5, 5, 5, 5), judge(0, 0, 0, 0), judge(3, 7, 7, 3)] {
            let got = rogan_gladen((5, 10), bad);
            assert_eq!(got, Err(JudgeError::UninformativeGrader), "{bad:?}");
        }
        let perfect = rogan_gladen((3, 12), judge(10, 0, 10, 0)).expect("a good judge");
        assert_eq!(perfect.estimate, Some(0.25));
        assert_eq!(rogan_gladen((0, 0), judge(9, 1, 9, 1)).expect("a good judge").estimate, None);
    }

    #[test]
    fn an_estimate_stays_a_share() {
        let judge = JudgeErrors {
            true_positives: 9,
            false_negatives: 1,
            true_negatives: 7,
            false_positives: 3,
        };
        let low = rogan_gladen((0, 40), judge).expect("a good judge");
        assert_eq!(low.estimate, Some(0.0));
        assert!(low.se.is_some_and(|se| se > 0.0));
    }
}
