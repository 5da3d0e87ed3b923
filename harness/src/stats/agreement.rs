//! How far a judge can be trusted: agreement beyond chance, and an accuracy corrected for its errors.

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
