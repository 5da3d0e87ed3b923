//! The mean and the variance of values that come one after the other.

/// The mean and the variance of what was seen so far, each with half an observation before the first
/// (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", eq. 24).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Running {
    seen: f64,
    total: f64,
    squares: f64,
}

impl Running {
    pub(super) fn mean(&self) -> f64 {
        (0.5 + self.total) / (self.seen + 1.0)
    }

    pub(super) fn variance(&self) -> f64 {
        (0.25 + self.squares) / (self.seen + 1.0)
    }

    pub(super) fn see(&mut self, value: f64) {
        self.seen += 1.0;
        self.total += value;
        self.squares += (value - self.mean()).powi(2);
    }
}
