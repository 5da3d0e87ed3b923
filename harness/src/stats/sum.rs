//! Sums that do not drift, whatever the number of terms.

/// Adds `values` with Neumaier's compensation (Neumaier 1974, "Rundungsfehleranalyse einiger
/// Verfahren zur Summation endlicher Summen"; checked by `a_small_term_survives_large_ones`).
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = 0.0_f64;
    let mut lost = 0.0_f64;
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + lost
}

/// Returns a count as a number; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "nothing counted here comes near 2^53")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// Returns the mean, or nothing of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values.iter().copied()) / count(values.len()))
}

/// Returns a mean whose last digit the order of the values does not move.
pub(crate) fn sorted_mean(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    mean(&values)
}

/// Returns the variance with n − 1, or nothing of fewer than two values. Values that are all the same
/// leave rounding behind, not spread: theirs is exactly 0.
pub(super) fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares = sum(values.iter().map(|value| (value - mean).powi(2)));
    Some(without_rounding(squares, values) / count(values.len() - 1))
}

/// Returns a sum of squared errors, or 0 where it is no more than rounding leaves behind.
pub(super) fn without_rounding(squares: f64, values: &[f64]) -> f64 {
    let scale = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let rounding = (4.0 * f64::EPSILON * scale * count(values.len())).powi(2);
    if squares <= rounding { 0.0 } else { squares }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_term_survives_large_ones() {
        let total = sum([1.0, 1e100, 1.0, -1e100]);
        assert!((total - 2.0).abs() < f64::EPSILON, "{total}");
    }

    #[test]
    fn a_tenth_added_ten_million_times_is_a_million() {
        let total = sum(std::iter::repeat_n(0.1, 10_000_000));
        assert!((total - 1_000_000.0).abs() < 1e-9, "{total}");
    }
}
