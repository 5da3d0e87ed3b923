//! Whether a failed attempt is followed by another, and when.
//!
//! Waits are drawn from the seed of the trial, so a run waits the same way each time.

use std::time::Duration;

use serde_json::json;
use tripos_runners::{Billed, Retry, RunnerError};
use tripos_tasks::Digest;

/// The most attempts at a trial that end in errors which cannot have been billed.
const UNBILLED_MAX: u32 = 8;
/// The most attempts at a trial that end in errors which may have been billed.
const POSSIBLY_BILLED_MAX: u32 = 3;
/// The longest first wait.
const BASE: Duration = Duration::from_secs(1);
/// The longest wait that is not the server's wish.
const CAP: Duration = Duration::from_mins(1);
/// The longest wait that a server may wish for; beyond it the model is not asked any more.
const WISH_MAX: Duration = Duration::from_mins(10);
/// How much longer than the server's wish a wait may be, so that not all come back at once.
const WISH_JITTER: f64 = 0.2;

/// The failed attempts at one trial.
#[derive(Debug)]
pub(super) struct Retries {
    seed: u64,
    unbilled: u32,
    possibly_billed: u32,
}

/// What follows a failed attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Another attempt after this wait.
    Again(Duration),
    /// No answer can be had for this trial.
    GiveUp,
    /// The model is not asked any more; why.
    Stop(String),
}

impl Retries {
    /// No attempt has failed yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, unbilled: 0, possibly_billed: 0 }
    }

    /// Counts a failed attempt and says what follows it.
    pub(super) fn after(&mut self, error: &RunnerError) -> Next {
        match error.billed {
            Billed::No => self.unbilled += 1,
            Billed::Possibly => self.possibly_billed += 1,
        }
        let spent = self.unbilled >= UNBILLED_MAX || self.possibly_billed >= POSSIBLY_BILLED_MAX;
        match error.retry {
            Retry::StopModel => Next::Stop(error.message.clone()),
            Retry::Never => Next::GiveUp,
            Retry::After(Some(wish)) if wish > WISH_MAX => {
                let wish = wish.as_secs();
                Next::Stop(format!("{}; it asks to wait {wish} s", error.message))
            }
            Retry::After(_) if spent => Next::GiveUp,
            Retry::After(Some(wish)) => {
                Next::Again(wish.mul_f64(1.0 + WISH_JITTER * self.fraction()))
            }
            Retry::After(None) => Next::Again(self.longest().mul_f64(self.fraction())),
        }
    }

    /// Returns how many attempts have failed.
    pub(super) fn failed(&self) -> u32 {
        self.unbilled + self.possibly_billed
    }

    /// Returns the longest wait that may follow the last attempt.
    fn longest(&self) -> Duration {
        let doublings = self.failed().saturating_sub(1).min(16);
        BASE.saturating_mul(1 << doublings).min(CAP)
    }

    /// Draws a number from 0 up to 1 for the last attempt.
    fn fraction(&self) -> f64 {
        let digest = Digest::of_json(&json!({ "retry": self.failed(), "seed": self.seed }));
        let drawn = u32::from_le_bytes(std::array::from_fn(|n| digest.as_bytes()[n]));
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use tripos_runners::{ErrorKind, Raw};

    use super::*;

    fn error(billed: Billed, retry: Retry) -> RunnerError {
        let raw = Box::new(Raw::default());
        RunnerError { kind: ErrorKind::Server, billed, retry, message: "no".to_owned(), raw }
    }

    /// Counts the attempts until no other follows.
    fn attempts(billed: Billed) -> u32 {
        let mut retries = Retries::new(1);
        while let Next::Again(_) = retries.after(&error(billed, Retry::After(None))) {}
        retries.failed()
    }

    #[test]
    fn attempts_are_bounded_and_those_that_cost_are_fewer() {
        assert_eq!(attempts(Billed::No), 8);
        assert_eq!(attempts(Billed::Possibly), 3);
    }

    #[test]
    fn waits_grow_up_to_the_cap_and_are_drawn_from_the_seed() {
        let waits = |seed| {
            let mut retries = Retries::new(seed);
            let mut waits = Vec::new();
            while let Next::Again(wait) = retries.after(&error(Billed::No, Retry::After(None))) {
                waits.push(wait);
            }
            waits
        };
        for (n, wait) in (0..).zip(waits(1)) {
            assert!(wait <= Duration::from_secs(1 << n).min(CAP), "wait {n} is {wait:?}");
        }
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn a_server_is_not_asked_sooner_than_it_wishes() {
        let wish = Duration::from_secs(100);
        for seed in 0..50 {
            let next = Retries::new(seed).after(&error(Billed::No, Retry::After(Some(wish))));
            let Next::Again(wait) = next else { panic!("{next:?} in place of a wait") };
            assert!(wait >= wish && wait <= wish.mul_f64(1.2), "waits {wait:?}");
        }
    }

    #[test]
    fn a_wish_beyond_ten_minutes_stops_the_model() {
        let wish = Retry::After(Some(Duration::from_secs(601)));
        let next = Retries::new(1).after(&error(Billed::No, wish));
        assert_eq!(next, Next::Stop("no; it asks to wait 601 s".to_owned()));
    }

    #[test]
    fn some_errors_are_final() {
        assert_eq!(Retries::new(1).after(&error(Billed::No, Retry::Never)), Next::GiveUp);
        let next = Retries::new(1).after(&error(Billed::No, Retry::StopModel));
        assert_eq!(next, Next::Stop("no".to_owned()));
    }
}
