//! Scales: numbers to places, with ticks at round numbers.

/// A linear scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    domain: (f64, f64),
    range: (f64, f64),
}

impl Linear {
    /// Returns the scale that takes `domain` to `range`; an empty domain is widened.
    pub(crate) fn new(domain: (f64, f64), range: (f64, f64)) -> Self {
        let (low, high) = domain;
        let domain = if high - low > f64::EPSILON { domain } else { (low - 0.5, high + 0.5) };
        Self { domain, range }
    }

    /// Returns the place of `value`; what lies outside is put on the edge.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + share.clamp(0.0, 1.0) * (self.range.1 - self.range.0)
    }

    /// Returns at most about `wanted` ticks at 1, 2, 2.5 or 5 times a power of ten.
    pub(crate) fn ticks(&self, wanted: u32) -> Vec<f64> {
        let rough = (self.domain.1 - self.domain.0) / f64::from(wanted.max(1));
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        let mut ticks = Vec::new();
        let mut number = (self.domain.0 / step).ceil();
        while number * step <= self.domain.1 + step * 1e-9 {
            ticks.push(number * step + 0.0);
            number += 1.0;
        }
        ticks
    }
}

/// A scale on which a doubling is always as wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log2 {
    low: i32,
    high: i32,
    range: (f64, f64),
}

impl Log2 {
    /// Returns a scale over whole powers of two that holds every value of `values`.
    ///
    /// Values that are not above zero have no place on it; without any other it spans 1 to 2.
    pub(crate) fn holding(values: impl Iterator<Item = f64>, range: (f64, f64)) -> Self {
        let mut exponents: Option<(f64, f64)> = None;
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            let exponent = value.log2();
            let (low, high) = exponents.unwrap_or((exponent, exponent));
            exponents = Some((low.min(exponent), high.max(exponent)));
        }
        let (low, high) = exponents.unwrap_or((0.0, 1.0));
        let (low, high) = (whole(low.floor()), whole(high.ceil()));
        Self { low, high: high.max(low + 1), range }
    }

    /// Returns the place of `value`, which lies above zero.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let span = f64::from(self.high - self.low);
        let share = (value.log2() - f64::from(self.low)) / span;
        self.range.0 + share.clamp(0.0, 1.0) * (self.range.1 - self.range.0)
    }

    /// Returns at most about `wanted` powers of two.
    pub(crate) fn ticks(&self, wanted: u32) -> Vec<f64> {
        let span = self.high.abs_diff(self.low);
        let step = span.div_ceil(wanted.max(1)).max(1);
        let step = usize::try_from(step).unwrap_or(1);
        (self.low..=self.high).step_by(step).map(|exponent| 2_f64.powi(exponent)).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a finite f64 fits an i32")]
fn whole(exponent: f64) -> i32 {
    exponent as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, expected: f64) {
        assert!((number - expected).abs() < 1e-9, "{number} is not {expected}");
    }

    #[test]
    fn a_linear_scale_ticks_at_round_numbers() {
        let check_ticks = |domain, expected: &[f64]| {
            let ticks = Linear::new(domain, (0.0, 100.0)).ticks(5);
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            for (tick, wanted) in ticks.iter().zip(expected) {
                check(*tick, *wanted);
            }
        };
        check_ticks((0.0, 100.0), &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        check_ticks((-12.0, 31.0), &[-10.0, 0.0, 10.0, 20.0, 30.0]);
        check_ticks((0.0, 0.9), &[0.0, 0.2, 0.4, 0.6, 0.8]);
    }

    #[test]
    fn places_stay_on_the_picture() {
        let scale = Linear::new((0.0, 10.0), (20.0, 40.0));
        for (value, place) in [(-5.0, 20.0), (0.0, 20.0), (5.0, 30.0), (99.0, 40.0)] {
            check(scale.place(value), place);
        }
        check(Linear::new((3.0, 3.0), (0.0, 10.0)).place(3.0), 5.0);
    }

    #[test]
    fn a_doubling_is_always_as_wide() {
        let scale = Log2::holding([70.0, 0.0, 900.0, f64::NAN].into_iter(), (0.0, 40.0));
        assert_eq!(scale.ticks(10), [64.0, 128.0, 256.0, 512.0, 1024.0]);
        assert_eq!(scale.ticks(2), [64.0, 256.0, 1024.0]);
        for (value, place) in [(64.0, 0.0), (128.0, 10.0), (1024.0, 40.0)] {
            check(scale.place(value), place);
        }
        assert_eq!(Log2::holding([].into_iter(), (0.0, 1.0)).ticks(4), [1.0, 2.0]);
    }
}
