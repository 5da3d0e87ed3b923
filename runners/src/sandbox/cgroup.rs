//! Control groups of version 2, where a part of their tree is this process's own: the kernel then bounds
//! the memory and the processes of all of a cell together (`cgroup-v2.rst`, "Memory" and "PID").
//!
//! Each helper lives in a group of its own from before it does anything, so that whatever it forks is
//! in there too. A machine where nothing was delegated is not changed in any way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tripos_tasks::Limits;

/// The controllers that are used.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// How often it is tried to remove a group whose processes are ending.
const REMOVALS: u32 = 20;

/// The part of the tree that is this process's own.
#[derive(Debug)]
pub(super) struct Delegated {
    folder: PathBuf,
    count: AtomicU64,
}

/// The group of one helper and of everything it starts. It is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
}

impl Delegated {
    /// Takes over the group that this process is in, where that can be done; nothing where it cannot.
    ///
    /// A group with controllers for its children may hold no process, so this process moves into a child
    /// of its group. Where other processes are in the group, it is not ours to arrange.
    pub(super) fn take() -> Option<Self> {
        let folder = own_group()?;
        let offered = fs::read_to_string(folder.join("cgroup.controllers")).ok()?;
        if !CONTROLLERS.iter().all(|name| offered.split_whitespace().any(|word| word == *name)) {
            return None;
        }
        if enable(&folder).is_err() {
            move_down(&folder)?;
            enable(&folder).ok()?;
        }
        Some(Self { folder, count: AtomicU64::new(0) })
    }

    /// Makes a group with one process in it, which has not started anything yet.
    pub(super) fn group(&self, process: u32) -> io::Result<Group> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("tripos-{}-{number}", std::process::id());
        let group = Group { folder: self.folder.join(name) };
        fs::create_dir(&group.folder)?;
        // Not there where the kernel counts no swap; then there is none to bound.
        let _ = fs::write(group.folder.join("memory.swap.max"), "0");
        fs::write(group.folder.join("cgroup.procs"), process.to_string())?;
        Ok(group)
    }
}

impl Group {
    /// Bounds what is started next: memory beyond what the helper itself holds, and processes beside
    /// `own` of the sandbox's.
    pub(super) fn bound(&self, limits: &Limits, own: u64) -> io::Result<()> {
        let held: u64 = self.read("memory.current").trim().parse().map_err(io::Error::other)?;
        let most = held.saturating_add(limits.memory_bytes);
        fs::write(self.folder.join("memory.max"), most.to_string())?;
        fs::write(self.folder.join("pids.max"), (limits.processes + own).to_string())
    }

    /// How many processes of the group the kernel has killed for want of memory.
    pub(super) fn kills(&self) -> u64 {
        let events = self.read("memory.events");
        let line = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group that stays is empty, and only untidy.
        for _ in 0..REMOVALS {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Moves this process from its group into a child of it, where no other process is in the group.
fn move_down(folder: &Path) -> Option<()> {
    let own = std::process::id().to_string();
    let members = fs::read_to_string(folder.join("cgroup.procs")).ok()?;
    if members.split_whitespace().any(|id| id != own) {
        return None;
    }
    let home = folder.join(format!("tripos-{own}"));
    fs::create_dir(&home).ok()?;
    if fs::write(home.join("cgroup.procs"), own).is_err() {
        // Nothing else was changed.
        let _ = fs::remove_dir(&home);
        return None;
    }
    Some(())
}

fn enable(folder: &Path) -> io::Result<()> {
    let words = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
    fs::write(folder.join("cgroup.subtree_control"), words)
}

/// The folder of the group of this process, where version 2 is mounted.
fn own_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    folder_of(path, &mounts)
}

/// Where a group is found, by the mounts as `proc_pid_mountinfo(5)` lists them.
fn folder_of(group: &str, mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let fields: Vec<&str> = before.split(' ').collect();
        let (root, point) = (fields.get(3)?, fields.get(4)?);
        if !after.starts_with("cgroup2 ") {
            return None;
        }
        let below = Path::new(group).strip_prefix(root).ok()?;
        Some(Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(group: &str, mounts: &str, expected: Option<&str>) {
        assert_eq!(folder_of(group, mounts), expected.map(PathBuf::from), "{group}");
    }

    #[test]
    fn the_group_is_found_where_the_tree_is_mounted() {
        let plain = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw";
        check("/user.slice/run-1.scope", plain, Some("/sys/fs/cgroup/user.slice/run-1.scope"));
        check("/", plain, Some("/sys/fs/cgroup/"));
        // A container sees a part of the tree.
        let part = "1 2 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";
        check("/docker/abc/x", part, Some("/sys/fs/cgroup/x"));
        check("/elsewhere", part, None);
        // Version 1, and both.
        let old = "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        check("/", old, None);
        let both = format!("{old}\n29 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw");
        check("/a", &both, Some("/sys/fs/cgroup/unified/a"));
    }
}
