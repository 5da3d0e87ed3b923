//! Which method answers which question, and how sure an answer is.
//!
//! The item is the unit: its repeats are averaged first ([`ItemScore::of_repeats`]), and items that
//! are variants of each other form a cluster. Nothing here fails: too few items give a wide interval
//! or none at all, never `NaN`.
//!
//! | question | shape of the scores | method |
//! |---|---|---|
//! | accuracy of a task | every item 0 or 1, no clusters | Wilson's score interval |
//! | accuracy of a task | anything else | mean, standard error clustered, Student's t |
//! | difference of two arms | every item 0 or 1 in both, no clusters | Tango's score interval, exact `McNemar` test |
//! | difference of two arms | anything else | mean difference, clustered, Student's t |
//! | accuracy or difference of a suite | one value a task | weighted average over tasks, normal interval |
//!
//! `docs/statistics.md` has the formula and the source of every method.

pub mod agreement;
pub mod boundary;
pub mod bradley_terry;
pub mod budget;
pub mod calibration;
pub mod estimate;
pub mod exact;
pub mod hybrid;
pub mod items;
pub mod margin;
pub mod mean;
pub mod multiple;
pub mod paired;
pub mod pareto;
pub mod pass_at;
pub mod posterior;
pub mod proportion;
mod running;
pub mod sequence;
pub mod sequential;
pub mod size;
mod special;
pub mod spend;
mod sum;
pub mod weighted;

pub use agreement::{AgreementFit, JudgeErrors, TwoVerdicts, agreement, cohen_kappa, rogan_gladen};
pub use boundary::{Boundary, obf_boundary};
pub use bradley_terry::{Games, bradley_terry};
pub use budget::{Spent, budget_curve, doubling_budgets};
pub use calibration::{Stated, auroc, auroc_interval, brier_interval, calibration, risk_coverage};
pub use estimate::{Estimate, ItemScore, accuracy, macro_average, quantile};
pub use exact::{mcnemar_exact, permutation, sign_test};
pub use hybrid::HybridGate;
pub use items::item_stats;
pub use margin::{
    BoundTest, MarginTest, MarginVerdict, PairedCounts, mean_bound, non_inferiority, normal_margin,
    paired_score, share_bound,
};
pub use mean::{ClusteredMean, clustered_se, mean_ci, number_clusters, repeat_decomposition};
pub use multiple::{bh, holm, rank_intervals};
pub use paired::{
    Comparison, PairedItem, difference, difference_at, macro_difference, paired_diff,
};
pub use pareto::{CostScore, pareto_frontier};
pub use pass_at::{Draws, g_pass_at_k, maj_at_k, pass_at_k, pass_hat_k};
pub use posterior::{paired_dirichlet, probability_better};
pub use proportion::{Prior, Tally, beta_posterior, clopper_pearson, newcombe, wilson};
pub use sequence::{cs_beta_binomial, cs_empirical_bernstein, cs_normal_mixture, cs_rho2};
pub use sequential::{BettingGate, betting_gate, sprt};
pub use size::{
    Errors, PairVariance, Sides, mcnemar_power, mde_paired, mde_unpaired, pairs_needed,
    power_paired, sample_size_paired,
};
pub use spend::{Amount, PairedAmount, mean_amount, ratio, ratio_at, ratio_ci};
pub(crate) use sum::{mean, sorted_mean};
pub use weighted::{Part, weighted_mean};

/// The examples of the document, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/statistics.md")]
struct Examples;

/// The two-sided confidence of every interval that a report shows.
pub const LEVEL: f64 = 0.95;

/// How an interval came about; a report names it beside the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Wilson's score interval for a proportion.
    Wilson,
    /// A mean with its standard error, clustered where items are, and Student's t.
    ClusteredMean,
    /// Tango's score interval for the difference of two paired proportions.
    PairedScore,
    /// Every score was the same, so that their spread says nothing: the width that Wilson's interval
    /// has for as many items without a single exception.
    Constant,
    /// A weighted average over tasks with a normal interval.
    MacroAverage,
    /// A ratio of totals with a linearised standard error and a normal interval.
    RatioOfTotals,
}

impl Method {
    /// Returns the name as reports and `--format json` write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::ClusteredMean => "clustered_mean",
            Self::PairedScore => "paired_score",
            Self::Constant => "constant",
            Self::MacroAverage => "macro_average",
            Self::RatioOfTotals => "ratio_of_totals",
        }
    }
}

#[cfg(test)]
mod tests;
