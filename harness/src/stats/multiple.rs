//! Many tests at once: adjusted p-values, and the ranks they leave open.

use super::sum::count;

/// Adjusted p-values in the order given, and which of them are rejected.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    /// Each p-value, so that comparing it with alpha keeps the family's error rate.
    pub p: Vec<f64>,
    /// Whether it is at most alpha.
    pub reject: Vec<bool>,
}

/// Holm's step-down adjustment: the chance of any false rejection is at most `alpha` (Holm 1979, "A
/// simple sequentially rejective multiple test procedure"; oracle `holm`).
///
/// ```
/// let adjusted = tripos::stats::holm(&[0.02, 0.01, 0.04], 0.05);
/// assert_eq!(adjusted.p, [0.04, 0.03, 0.04]);
/// ```
pub fn holm(p: &[f64], alpha: f64) -> Adjusted {
    let order = rising(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut most = 0.0_f64;
    for (rank, &place) in order.iter().enumerate() {
        most = most.max(p[place] * count(p.len() - rank)).min(1.0);
        adjusted[place] = most;
    }
    Adjusted::new(adjusted, alpha)
}

/// Benjamini and Hochberg's step-up adjustment: of the rejections, a share of at most `alpha` is false
/// on average (Benjamini & Hochberg 1995, "Controlling the false discovery rate"; oracle `bh`).
pub fn bh(p: &[f64], alpha: f64) -> Adjusted {
    let order = rising(p);
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (rank, &place) in order.iter().enumerate().rev() {
        least = least.min(p[place] * count(p.len()) / count(rank + 1));
        adjusted[place] = least;
    }
    Adjusted::new(adjusted, alpha)
}

impl Adjusted {
    fn new(p: Vec<f64>, alpha: f64) -> Self {
        let reject = p.iter().map(|&p| p <= alpha).collect();
        Self { p, reject }
    }
}

/// Places from the smallest p-value to the largest.
fn rising(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    order
}

/// The ranks a model may have, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankInterval {
    /// One more than the models that are better beyond doubt.
    pub best: usize,
    /// The number of models less those that are worse beyond doubt.
    pub worst: usize,
}

/// A test of two models, the first against the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairTest {
    /// The two-sided p-value.
    pub p: f64,
    /// The first one's score minus the second's.
    pub difference: f64,
}

/// The ranks that tests of all pairs leave open, with Holm's adjustment over the pairs (Mogstad et al.
/// 2024, "Inference for ranks"; oracle `rank_intervals`).
///
/// `pairs` lists (0, 1), (0, 2), …, (1, 2), … of `models` models; pairs past its end decide nothing.
pub fn rank_intervals(models: usize, pairs: &[PairTest], alpha: f64) -> Vec<RankInterval> {
    let adjusted = holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>(), alpha);
    let mut ranks = vec![RankInterval { best: 1, worst: models }; models];
    let places = (0..models).flat_map(|one| (one + 1..models).map(move |two| (one, two)));
    for ((one, two), (pair, reject)) in places.zip(pairs.iter().zip(adjusted.reject)) {
        if !reject || pair.difference.abs() <= 0.0 {
            continue;
        }
        let (better, worse) = if pair.difference > 0.0 { (one, two) } else { (two, one) };
        ranks[worse].best += 1;
        ranks[better].worst -= 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_test_rejects_nothing() {
        assert_eq!(holm(&[], 0.05).p, [0.0; 0]);
        assert_eq!(bh(&[], 0.05).reject, [false; 0]);
        assert_eq!(rank_intervals(0, &[], 0.05), []);
        assert_eq!(rank_intervals(1, &[], 0.05), [RankInterval { best: 1, worst: 1 }]);
    }

    #[test]
    fn adjusted_values_stay_in_order_and_at_most_one() {
        let p = [0.9, 0.7, 0.012, 0.011, 1.0, 0.0];
        for adjusted in [holm(&p, 0.05), bh(&p, 0.05)] {
            assert!(adjusted.p.iter().all(|&p| (0.0..=1.0).contains(&p)));
            let mut pairs: Vec<(f64, f64)> = p.iter().copied().zip(adjusted.p).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(pairs.is_sorted_by(|a, b| a.1 <= b.1), "{pairs:?}");
        }
    }

    #[test]
    fn a_difference_of_zero_ranks_nobody() {
        let tied = PairTest { p: 0.0, difference: 0.0 };
        assert_eq!(rank_intervals(2, &[tied], 0.05), [RankInterval { best: 1, worst: 2 }; 2]);
    }
}
