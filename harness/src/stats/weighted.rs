//! Averages of independent means by weight: a suite from its tasks.

use super::proportion::two_sided_z;
use super::sum::sum;

/// One mean's part in an average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its weight, at least 0.
    pub weight: f64,
    /// The mean, where there is one.
    pub mean: Option<f64>,
    /// Its standard error, where there is one.
    pub se: Option<f64>,
}

/// A weighted average and its normal interval. What is not defined is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightedMean {
    /// The average; absent when a part has no mean, or nothing has weight.
    pub mean: Option<f64>,
    /// Its standard error; absent when a part has none.
    pub se: Option<f64>,
    /// The lower end of the interval.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
}

/// Averages independent means: Σwm/Σw with standard error √Σ(w·se)²/Σw (variance of a linear
/// combination; oracle `macro_average`).
pub fn weighted_mean(parts: &[Part], level: f64) -> WeightedMean {
    let total = sum(parts.iter().map(|p| p.weight));
    let means: Option<Vec<f64>> = parts.iter().map(|p| p.mean.map(|m| p.weight * m)).collect();
    let Some(means) = means.filter(|_| total > 0.0) else {
        return WeightedMean::default();
    };
    let mean = sum(means) / total;
    let errors: Option<Vec<f64>> =
        parts.iter().map(|p| p.se.map(|se| (p.weight * se).powi(2))).collect();
    let se = errors.map(|squares| libm::sqrt(sum(squares)) / total);
    let half = se.map(|se| se * two_sided_z(level));
    WeightedMean {
        mean: Some(mean),
        se,
        lower: half.map(|half| mean - half),
        upper: half.map(|half| mean + half),
    }
}
