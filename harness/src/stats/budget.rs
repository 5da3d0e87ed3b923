//! Accuracy against tokens: what a budget would have bought.

use super::{Estimate, ItemScore, accuracy};

/// One answer: what it took and what it scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// The item.
    pub item: String,
    /// The variants the item belongs to; without one it is a cluster of its own.
    pub cluster: Option<String>,
    /// Tokens generated, reasoning included.
    pub tokens: u64,
    /// Its share of a point.
    pub score: f64,
}

/// Accuracy at a budget.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetPoint {
    /// The most tokens an answer may take.
    pub tokens: u64,
    /// The accuracy when every longer answer counts as wrong.
    pub accuracy: Estimate,
}

/// The accuracy that each of `budgets` would have bought: an answer that took more counts as wrong, since
/// it would have been cut off. Repeats are averaged inside an item (Muennighoff et al. 2025, "s1: Simple
/// test-time scaling", 3.2, for accuracy against tokens).
pub fn budget_curve(answers: &[Spent], budgets: &[u64]) -> Vec<BudgetPoint> {
    let mut sorted: Vec<&Spent> = answers.iter().collect();
    sorted.sort_by(|a, b| a.item.cmp(&b.item));
    let items: Vec<&[&Spent]> = sorted.chunk_by(|a, b| a.item == b.item).collect();
    let at = |tokens: u64| {
        let within = |answer: &&Spent| if answer.tokens <= tokens { answer.score } else { 0.0 };
        let score = |repeats: &&[&Spent]| {
            let mut scores: Vec<f64> = repeats.iter().map(within).collect();
            scores.sort_by(f64::total_cmp);
            let cluster = repeats.first().and_then(|answer| answer.cluster.clone());
            ItemScore::of_repeats(&scores, cluster)
        };
        accuracy(&items.iter().filter_map(score).collect::<Vec<_>>())
    };
    budgets.iter().map(|&tokens| BudgetPoint { tokens, accuracy: at(tokens) }).collect()
}

/// Budgets that show where a curve bends: powers of two from 16 up to the first that pays for every
/// answer.
pub fn doubling_budgets<'a>(answers: impl IntoIterator<Item = &'a Spent>) -> Vec<u64> {
    let most = answers.into_iter().map(|answer| answer.tokens).max().unwrap_or(0);
    let mut budgets = vec![16];
    while budgets.last().is_some_and(|&last| last < most && last < 1 << 62) {
        budgets.extend(budgets.last().map(|last| last * 2));
    }
    budgets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(item: &str, tokens: u64, score: f64) -> Spent {
        Spent { item: item.to_owned(), cluster: None, tokens, score }
    }

    #[test]
    fn an_answer_over_the_budget_counts_as_wrong() {
        let answers =
            [spent("a", 10, 1.0), spent("b", 100, 1.0), spent("b", 10, 1.0), spent("c", 5, 0.0)];
        let curve = budget_curve(&answers, &[9, 10, 100]);
        let got: Vec<Option<f64>> = curve.iter().map(|point| point.accuracy.estimate).collect();
        assert_eq!(got, [Some(0.0), Some(0.5), Some(2.0 / 3.0)]);
        assert!(curve.iter().all(|point| point.accuracy.n == 3));
    }

    #[test]
    fn nothing_spent_buys_nothing_known() {
        assert_eq!(budget_curve(&[], &[16])[0].accuracy.estimate, None);
        assert_eq!(doubling_budgets([]), [16]);
        assert_eq!(doubling_budgets(&[spent("a", 65, 1.0)]), [16, 32, 64, 128]);
    }
}
