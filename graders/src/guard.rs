//! The last net under a comparison: a panic ends it, and nothing else.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread, now, would leave one comparison undecided and nothing else.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// The result of `inner`, or nothing where it panicked.
pub(crate) fn guarded<T>(inner: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    // What `inner` works on is dropped with it, so nothing half-done is seen again.
    let result = catch_unwind(AssertUnwindSafe(inner));
    GUARDED.set(before);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_the_thread_goes_on() {
        assert_eq!(guarded(|| 1), Some(1));
        assert_eq!(guarded(|| -> i32 { std::panic::resume_unwind(Box::new("a bug")) }), None);
        assert!(!is_guarded());
        assert!(guarded(is_guarded).expect("no panic"));
    }
}
