//! Which process works on a run, and whether it still lives.
//!
//! A process is told from a later one of the same number by when it started and in which boot of
//! the machine. Where the system does not show that, a recent sign of life has to do.

use std::fs;

use super::now_ms;

/// How old a sign of life may be where processes cannot be looked up.
const SIGN_OF_LIFE_MS: i64 = 30_000;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Its number.
    pub pid: u32,
    /// The boot of the machine it runs in; empty where the system does not say.
    pub boot: String,
    /// When it started, in ticks since that boot; 0 where the system does not say.
    pub started: i64,
}

impl Owner {
    /// This process.
    pub(super) fn this() -> Self {
        Self::of(std::process::id())
    }

    /// The process that has this number now.
    pub(super) fn of(pid: u32) -> Self {
        Self { pid, boot: boot(), started: started(pid).unwrap_or(0) }
    }

    /// Says whether the process still runs, given when it last gave a sign of life.
    pub(super) fn lives(&self, heartbeat_ms: i64) -> bool {
        let boot = boot();
        if boot.is_empty() || self.boot.is_empty() {
            return now_ms() - heartbeat_ms < SIGN_OF_LIFE_MS;
        }
        self.boot == boot && started(self.pid) == Some(self.started)
    }
}

/// Returns the name of this boot of the machine, on Linux.
fn boot() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// Returns when a process started, on Linux; nothing for one that has ended, reaped or not.
fn started(pid: u32) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may hold spaces and parentheses.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_earlier_one_of_its_number_does_not() {
        let this = Owner::this();
        assert!(this.lives(now_ms()));
        if this.boot.is_empty() {
            return;
        }
        assert!(!Owner { started: this.started - 1, ..this.clone() }.lives(now_ms()));
        assert!(!Owner { boot: "another".to_owned(), ..this.clone() }.lives(now_ms()));
    }

    #[test]
    fn where_processes_cannot_be_looked_up_a_sign_of_life_decides() {
        let other = Owner { pid: 1, boot: String::new(), started: 0 };
        assert!(other.lives(now_ms()));
        assert!(!other.lives(now_ms() - SIGN_OF_LIFE_MS - 1));
    }
}
