//! How many pairs would settle a difference of the size seen.

use super::special::normal_quantile;
use super::sum::count;
use super::{Comparison, LEVEL};

/// The chance wanted of seeing a difference that is there.
const POWER: f64 = 0.8;

/// Returns how many pairs of the same spread would show the difference seen, if it is the true one,
/// four times in five: n·((z₁₋α⁄₂ + z₀.₈)·se/d)² (Cohen 1988, "Statistical Power Analysis", 2.3).
/// Absent when the interval already excludes zero, and when there is no difference to settle.
pub fn pairs_needed(comparison: &Comparison) -> Option<u64> {
    let (lower, upper) = (comparison.lower?, comparison.upper?);
    let (difference, se) = (comparison.difference?, comparison.se?);
    if lower > 0.0 || upper < 0.0 || difference.abs() < f64::EPSILON {
        return None;
    }
    let z = normal_quantile(1.0 - (1.0 - LEVEL) / 2.0) + normal_quantile(POWER);
    let needed = count(comparison.n) * (z * se / difference).powi(2);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= needed < 1e15"
    )]
    (needed < 1e15).then(|| needed.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{PairedItem, difference};

    fn compared(better: usize, worse: usize, same: usize) -> Comparison {
        let pair = |baseline, candidate| PairedItem { baseline, candidate, cluster: None };
        let mut pairs = vec![pair(0.0, 1.0); better];
        pairs.extend(vec![pair(1.0, 0.0); worse]);
        pairs.extend(vec![pair(1.0, 1.0); same]);
        difference(&pairs)
    }

    #[test]
    fn only_an_open_difference_needs_more() {
        assert_eq!(pairs_needed(&compared(30, 0, 10)), None);
        assert_eq!(pairs_needed(&compared(4, 4, 10)), None);
        assert_eq!(pairs_needed(&compared(0, 0, 0)), None);
    }

    #[test]
    fn the_number_grows_as_the_difference_shrinks() {
        let wide = pairs_needed(&compared(6, 3, 31)).expect("open");
        let narrow = pairs_needed(&compared(5, 4, 31)).expect("open");
        assert!(wide > 40 && narrow > 5 * wide, "{wide} and {narrow}");
    }
}
