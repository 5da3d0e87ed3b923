//! Writes numbers: never one without its interval and sample size, never more digits than the
//! interval supports.
//!
//! The last digit shown is that of the interval's half-width under the rule of the Particle Data Group
//! (Review of Particle Physics, "Rounding"): two digits of the half-width when it begins with 100 to
//! 354, otherwise one. The estimate and its bounds are written alike.

use std::fmt;

use serde::Serialize;

use crate::report::Figure;

/// What a figure counts, and so how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A fraction, written in percent.
    Percent,
    /// A difference of fractions, written in points with its sign.
    Points,
    /// Tokens and other amounts.
    Amount,
    /// Seconds.
    Seconds,
    /// Dollars.
    Dollars,
    /// How many times.
    Ratio,
    /// A score without a unit.
    Plain,
}

/// A figure as it is shown, in parts that a renderer may set apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The estimate with its unit.
    pub(crate) estimate: String,
    /// The bounds in brackets, or that there are none.
    pub(crate) interval: String,
    /// The sample size.
    pub(crate) n: String,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interval.is_empty() {
            write!(f, "{} ({})", self.estimate, self.n)
        } else {
            write!(f, "{} {} ({})", self.estimate, self.interval, self.n)
        }
    }
}

/// Returns `figure` as it is shown in `unit`.
pub(crate) fn show(figure: &Figure, unit: Unit) -> Shown {
    let n = format!("n = {}", count(figure.n));
    let Some(estimate) = finite(figure.estimate) else {
        let estimate = if figure.n == 0 { "not measured" } else { "not reported" };
        return Shown { estimate: estimate.to_owned(), interval: String::new(), n };
    };
    let factor = if matches!(unit, Unit::Percent | Unit::Points) { 100.0 } else { 1.0 };
    let estimate = estimate * factor;
    let bounds = finite(figure.lower).zip(finite(figure.upper));
    let bounds = bounds.map(|(lower, upper)| (lower * factor, upper * factor));
    let digits = Digits::fitting(estimate, bounds, unit);
    let suffix = match unit {
        Unit::Percent => " %",
        Unit::Points => " points",
        Unit::Amount | Unit::Dollars | Unit::Plain => "",
        Unit::Seconds => " s",
        Unit::Ratio => "×",
    };
    let interval = match bounds {
        Some((lower, upper)) => format!("[{}, {}]", digits.write(lower), digits.write(upper)),
        None => "[no interval]".to_owned(),
    };
    let prefix = if unit == Unit::Dollars { "$" } else { "" };
    Shown { estimate: format!("{prefix}{}{suffix}", digits.write(estimate)), interval, n }
}

/// Returns a whole number with commas between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a p-value with its sign of relation: `p = 0.012`, `p < 0.0001`.
pub(crate) fn p_value(p: f64) -> String {
    match p {
        p if !p.is_finite() => "p not defined".to_owned(),
        p if p < 0.0001 => "p < 0.0001".to_owned(),
        p if p < 0.001 => format!("p = {p:.4}"),
        p if p < 0.1 => format!("p = {p:.3}"),
        p => format!("p = {p:.2}"),
    }
}

/// Returns a sum of dollars: exact to the cent, finer below ten cents.
pub(crate) fn dollars(sum: f64) -> String {
    if sum > 0.0 && sum < 0.1 { format!("${sum:.4}") } else { format!("${sum:.2}") }
}

/// Returns a ratio to a fair share with two digits that matter.
pub(crate) fn ratio(value: f64) -> String {
    let decimals = if value >= 10.0 { 0 } else { 1 + usize::from(value < 0.95) };
    format!("{value:.decimals$}×")
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// How a number and its bounds are written alike.
struct Digits {
    /// The power of ten of the last digit shown.
    place: i32,
    /// What the numbers are divided by, as a power of ten, and the letter that says so.
    thousands: (i32, &'static str),
    signed: bool,
}

impl Digits {
    fn fitting(estimate: f64, bounds: Option<(f64, f64)>, unit: Unit) -> Self {
        let (lower, upper) = bounds.unwrap_or((estimate, estimate));
        let half_width = (upper - lower) / 2.0;
        let largest = estimate.abs().max(lower.abs()).max(upper.abs());
        let share = matches!(unit, Unit::Percent | Unit::Points);
        let (finest, coarsest) = match unit {
            Unit::Percent | Unit::Points => (-2, 0),
            Unit::Amount => (-1, 6),
            Unit::Seconds | Unit::Ratio | Unit::Plain => (-3, 6),
            Unit::Dollars => (-7, 6),
        };
        let place = if half_width > 0.0 {
            last_digit(half_width)
        } else if bounds.is_some() || share {
            0
        } else {
            magnitude(largest) - 1
        };
        let thousands = match largest {
            x if x >= 10_000_000.0 => (6, "M"),
            x if x >= 10_000.0 => (3, "k"),
            _ => (0, ""),
        };
        let signed = unit == Unit::Points;
        Self { place: place.clamp(finest, coarsest), thousands, signed }
    }

    fn write(&self, value: f64) -> String {
        let step = 10_f64.powi(self.place);
        let rounded = (value / step).round() * step;
        let (power, letter) = self.thousands;
        let decimals = usize::try_from(power - self.place).unwrap_or(0);
        let size = format!("{:.decimals$}{letter}", rounded.abs() / 10_f64.powi(power));
        let sign = match rounded {
            x if x <= -step / 2.0 => "−",
            x if x >= step / 2.0 && self.signed => "+",
            _ => "",
        };
        format!("{sign}{size}")
    }
}

/// Returns the power of ten of the last digit that an interval of this half-width supports.
fn last_digit(half_width: f64) -> i32 {
    let first = magnitude(half_width);
    first - i32::from(half_width / 10_f64.powi(first) < 3.55)
}

/// Returns the power of ten of the first significant digit; 0 for zero.
#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite f64 fits an i32")]
fn magnitude(value: f64) -> i32 {
    if value > 0.0 { value.log10().floor() as i32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: Unit, estimate: f64, bounds: Option<(f64, f64)>, expected: &str) {
        let (lower, upper) = bounds.unzip();
        let figure =
            Figure { estimate: Some(estimate), lower, upper, n: 1800, method: String::new() };
        assert_eq!(show(&figure, unit).to_string(), format!("{expected} (n = 1,800)"));
    }

    #[test]
    fn shows_the_digits_that_the_interval_supports() {
        let percent = |estimate, bounds, expected| check(Unit::Percent, estimate, bounds, expected);
        percent(0.714, Some((0.682, 0.745)), "71.4 % [68.2, 74.5]");
        percent(0.714_28, Some((0.59, 0.81)), "71 % [59, 81]");
        percent(0.98, Some((0.9771, 0.9832)), "98.00 % [97.71, 98.32]");
        percent(0.0, Some((0.0, 0.051)), "0.0 % [0.0, 5.1]");
        percent(1.0, Some((1.0, 1.0)), "100 % [100, 100]");
        percent(0.5, None, "50 % [no interval]");
    }

    #[test]
    fn signs_differences_and_only_those() {
        let points = |estimate, bounds, expected| check(Unit::Points, estimate, bounds, expected);
        points(0.234, Some((0.152, 0.315)), "+23 points [+15, +32]");
        points(-0.02, Some((-0.05, 0.01)), "−2.0 points [−5.0, +1.0]");
        points(0.0, Some((0.0, 0.0)), "0 points [0, 0]");
        points(-0.0001, Some((-0.02, 0.02)), "0.0 points [−2.0, +2.0]");
        check(Unit::Amount, -3.0, Some((-5.0, -1.0)), "−3.0 [−5.0, −1.0]");
    }

    #[test]
    fn shortens_large_amounts_alike() {
        let amount = |estimate, bounds, expected| check(Unit::Amount, estimate, bounds, expected);
        amount(812.4, Some((780.2, 845.0)), "812 [780, 845]");
        amount(9_312.0, Some((8_120.0, 10_504.0)), "9.3k [8.1k, 10.5k]");
        amount(45_312.0, Some((44_120.0, 46_504.0)), "45.3k [44.1k, 46.5k]");
        amount(12_500_000.0, Some((12_000_000.0, 13_000_000.0)), "12.5M [12.0M, 13.0M]");
        amount(0.0, Some((0.0, 0.0)), "0 [0, 0]");
        amount(1_234.0, Some((0.0, 2_468.0)), "1200 [0, 2500]");
        check(Unit::Seconds, 0.0421, Some((0.0409, 0.0433)), "0.042 s [0.041, 0.043]");
        check(Unit::Ratio, 5.23, Some((4.81, 5.66)), "5.2× [4.8, 5.7]");
        check(Unit::Plain, 0.1432, Some((0.1211, 0.1653)), "0.143 [0.121, 0.165]");
    }

    #[test]
    fn says_when_there_is_no_number() {
        let nothing = Figure::default();
        assert_eq!(show(&nothing, Unit::Percent).to_string(), "not measured (n = 0)");
        let hidden = Figure { estimate: Some(f64::NAN), n: 3, ..Figure::default() };
        assert_eq!(show(&hidden, Unit::Amount).to_string(), "not reported (n = 3)");
    }

    #[test]
    fn writes_the_other_numbers() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(p_value(0.000_02), "p < 0.0001");
        assert_eq!(p_value(0.0123), "p = 0.012");
        assert_eq!(p_value(0.5), "p = 0.50");
        assert_eq!(dollars(0.0), "$0.00");
        assert_eq!(dollars(0.0123), "$0.0123");
        assert_eq!(dollars(12.345), "$12.35");
        assert_eq!(ratio(0.93), "0.93×");
        assert_eq!(ratio(1.0), "1.0×");
        assert_eq!(ratio(12.4), "12×");
    }
}
