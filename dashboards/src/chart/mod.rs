//! The charts of a report as inline SVG. Each states its finding in its description; the page shows
//! its data in a table beneath.

mod experts;
mod forest;
mod tokens;

pub(crate) use experts::{COLUMNS as EXPERT_COLUMNS, experts, extremes};
pub(crate) use forest::{accuracies, differences};
pub(crate) use tokens::tokens;

/// The most marks in one chart; beyond, it shows less and says so.
const MARKS: usize = 2_000;

/// The arms that have a colour of their own; further ones begin again.
const ARM_COLORS: usize = 7;

/// Returns the class that colours the arm at `index`.
pub(crate) fn arm_class(index: usize) -> String {
    format!("arm-{}", index % ARM_COLORS)
}

/// Returns a whole number as f64.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and columns are small")]
fn real(count: usize) -> f64 {
    count as f64
}
