//! What a comparison may cost, counted in steps and never in time.
//!
//! A step is a visit to a node or one operation on a 64-bit limb, so a verdict is the same on every
//! machine. Whatever works for a comparison charges the one budget before it works.

/// The most steps of one comparison.
pub const STEPS_MAX: u64 = 2_000_000;

/// Why a comparison, or a part of one, came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It would cost more than a limit allows.
    Limit,
    /// The value does not exist: a division by zero, a pole.
    Undefined,
    /// The working precision does not tell.
    Imprecise,
    /// No method here handles it.
    Unsupported,
}

/// The steps that are left.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    /// A whole budget.
    pub(super) fn new() -> Self {
        Self { left: STEPS_MAX }
    }

    /// Takes `steps`, or nothing and an error where they are more than is left.
    pub(super) fn charge(&mut self, steps: u64) -> Result<(), Stop> {
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Stop::Limit)
    }

    /// The steps taken so far.
    pub(super) fn used(&self) -> u64 {
        STEPS_MAX - self.left
    }
}
