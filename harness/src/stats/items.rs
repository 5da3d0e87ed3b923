//! What the items of a test are worth: how hard each is, and whether it tells good systems from bad.

use super::paired::correlation;
use super::sum::{count, mean, sum};

/// What is known of a test's items. What is not defined is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemStats {
    /// For each item the mean score: 1 is an item that all pass, 0 one that none does.
    pub difficulty: Vec<f64>,
    /// For each item the correlation with the score on the others; absent where either is constant.
    pub discrimination: Vec<Option<f64>>,
    /// Kuder and Richardson's reliability; absent with one item, or where all systems score the same.
    pub kr20: Option<f64>,
}

/// Analyses a matrix of scores whose rows are systems (Kuder & Richardson 1937, formula 20; the
/// corrected item-total correlation, Henrysson 1963; oracle `item_stats`). Rows are cut to the shortest.
pub fn item_stats(matrix: &[Vec<f64>]) -> ItemStats {
    let items = matrix.iter().map(Vec::len).min().unwrap_or(0);
    let totals: Vec<f64> = matrix.iter().map(|row| sum(row[..items].iter().copied())).collect();
    let column = |item: usize| matrix.iter().map(|row| row[item]).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..items).map(column).collect();
    let difficulty: Vec<f64> = columns.iter().filter_map(|column| mean(column)).collect();
    let discrimination = columns
        .iter()
        .map(|own| {
            let rest: Vec<f64> = totals.iter().zip(own).map(|(total, own)| total - own).collect();
            correlation(own, &rest)
        })
        .collect();
    let kr20 = population_variance(&totals).filter(|_| items > 1).map(|variance| {
        let noise = sum(difficulty.iter().map(|p| p * (1.0 - p)));
        count(items) / count(items - 1) * (1.0 - noise / variance)
    });
    ItemStats { difficulty, discrimination, kr20 }
}

/// The variance with n; absent where nothing varies.
fn population_variance(values: &[f64]) -> Option<f64> {
    let n = count(values.len());
    super::sum::variance(values).filter(|v| *v > 0.0).map(|variance| variance * (n - 1.0) / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_absent() {
        let none = item_stats(&[]);
        assert_eq!((none.difficulty, none.discrimination, none.kr20), (vec![], vec![], None));
        let one_system = item_stats(&[vec![1.0, 0.0]]);
        assert_eq!(one_system.difficulty, [1.0, 0.0]);
        assert_eq!((one_system.discrimination, one_system.kr20), (vec![None, None], None));
        let one_item = item_stats(&[vec![1.0], vec![0.0]]);
        assert_eq!((one_item.discrimination, one_item.kr20), (vec![None], None));
    }

    #[test]
    fn items_that_agree_are_reliable() {
        let agreed = item_stats(&[vec![1.0; 4], vec![0.0; 4], vec![1.0; 4]]);
        assert!(agreed.kr20.is_some_and(|kr20| (kr20 - 1.0).abs() < 1e-12));
        assert!(agreed.discrimination.iter().all(|r| r.is_some_and(|r| r > 0.999)));
    }
}
