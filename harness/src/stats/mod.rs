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

pub mod estimate;
pub mod paired;
pub mod size;
mod special;
pub mod spend;
mod sum;

pub use estimate::{Estimate, ItemScore, accuracy, macro_average, quantile};
pub use paired::{Comparison, PairedItem, difference, macro_difference};
pub use size::pairs_needed;
pub use spend::{Amount, PairedAmount, mean_amount, ratio};

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
        }
    }
}

#[cfg(test)]
mod tests;
