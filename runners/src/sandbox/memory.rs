//! What a cell holds, read from outside: memory of all its processes together, bytes in its folder.
//!
//! Limits of one process times the number of processes is no bound; the sum is.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most processes of a cell that are looked at; limits keep it below.
const MAX_PROCESSES: usize = 4_096;
/// The unit of times in `/proc`, the same on every Linux machine.
const TICKS_PER_SECOND: u64 = 100;

/// Returns the process, as this one numbers it, behind a handle.
pub(super) fn process_of(handle: &OwnedFd) -> Option<u32> {
    let path = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok()
}

/// Returns the bytes of memory that processes hold together, shared pages counted once.
pub(super) fn used(processes: &[u32]) -> u64 {
    processes.iter().map(|process| held(*process)).sum()
}

/// Bytes held by one process. A process that ended holds nothing.
fn held(process: u32) -> u64 {
    let share = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    let resident = || {
        let text = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        Some(text.split_whitespace().nth(1)?.parse::<u64>().ok()? * 4)
    };
    share.or_else(resident).unwrap_or(0) << 10
}

/// Returns the processor time of processes, with that of the ended ones they waited for.
pub(super) fn cpu(processes: &[u32]) -> Duration {
    let of = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in brackets may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<u64> = rest
            .split_whitespace()
            .skip(11)
            .take(4)
            .map_while(|field| field.parse().ok())
            .collect();
        Some(fields.iter().sum::<u64>())
    };
    let ticks: u64 = processes.iter().filter_map(of).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// A process and its descendants, the eldest first.
pub(super) fn family(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() && found.len() < MAX_PROCESSES {
        let folder = format!("/proc/{}/task", found[at]);
        for thread in fs::read_dir(folder).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        at += 1;
    }
    found
}

/// Kills processes.
pub(super) fn kill_all(processes: &[u32]) {
    for process in processes {
        if let Ok(id) = i32::try_from(*process) {
            let id = nix::unistd::Pid::from_raw(id);
            let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Says whether a folder holds more bytes or more files than it may. Links are not followed, and the
/// walk stops as soon as it knows.
pub(super) fn is_over(folder: &Path, most_bytes: u64, most_files: u64) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let mut left: Vec<PathBuf> = vec![folder.to_owned()];
    let (mut bytes, mut files) = (0_u64, 0_u64);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            files += 1;
            bytes += metadata.blocks() * 512;
            if bytes > most_bytes || files > most_files {
                return true;
            }
            if metadata.is_dir() {
                left.push(entry.path());
            }
        }
    }
    false
}
