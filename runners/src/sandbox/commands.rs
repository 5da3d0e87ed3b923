//! A cell in which commands run one after the other: a compiler, then what it made, once a case.
//!
//! This process starts each command, waits, ends whatever the command left behind, and reports. It is
//! process 1 of its namespace, or, where there is none, the reaper of everything it starts.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

use base64::Engine as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, setsid};

use super::confine::{confine, ruleset};
use super::init::execute;
use super::setup::{Command, Report, Setup};
use super::{packet, sys};

/// Runs commands until the other end of the socket closes.
pub(super) fn serve(control: &OwnedFd, setup: &Setup) -> io::Result<ExitCode> {
    let rules = if setup.tier == 0 { None } else { ruleset(setup)? };
    packet::send(control, b"R", &[])?;
    loop {
        let (message, mut fds) = packet::receive(control)?;
        if message.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let command: Command = serde_json::from_slice(&message)?;
        if fds.len() < 4 {
            return Err(io::Error::other("a command came without its descriptors"));
        }
        let file = fds.drain(4..).next();
        let report = fds.pop().expect("counted above");
        let outcome = run(&command, &fds, file.as_ref(), (rules.as_ref(), &report), setup);
        drop(fds);
        let outcome =
            outcome.unwrap_or_else(|e| Report { error: Some(e.to_string()), ..Report::default() });
        // Whoever waited for it may be gone; the socket's end says so.
        let _ = fs::File::from(report).write_all(&serde_json::to_vec(&outcome)?);
    }
}

fn run(
    command: &Command,
    streams: &[OwnedFd],
    file: Option<&OwnedFd>,
    (rules, report): (Option<&OwnedFd>, &OwnedFd),
    setup: &Setup,
) -> io::Result<Report> {
    let (ready, started) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    match sys::fork()? {
        ForkResult::Child => {
            let failed = start(command, streams, file, rules, setup.tier);
            let text = failed.err().map_or_else(String::new, |e| e.to_string());
            let _ = fs::File::from(started).write_all(text.as_bytes());
            sys::exit_now(70)
        }
        ForkResult::Parent { child } => {
            drop(started);
            let mut error = String::new();
            fs::File::from(ready).read_to_string(&mut error)?;
            let mut ended = wait(child, report)?;
            end_stragglers(setup.tier)?;
            ended.error = (!error.is_empty()).then_some(error);
            Ok(ended)
        }
    }
}

/// Becomes the command; comes back only with an error.
fn start(
    command: &Command,
    streams: &[OwnedFd],
    file: Option<&OwnedFd>,
    rules: Option<&OwnedFd>,
    tier: u8,
) -> io::Result<()> {
    setsid()?;
    std::env::set_current_dir(&command.work)?;
    if let (Some(name), Some(content)) = (&command.file, file) {
        let mut text = Vec::new();
        fs::File::from(content.try_clone()?).read_to_end(&mut text)?;
        fs::write(name, text)?;
    }
    for (number, stream) in (0..).zip(streams) {
        sys::duplicate_to(stream, number)?;
    }
    sys::reset_signals();
    let mut filter = base64::engine::general_purpose::STANDARD
        .decode(&command.filter.code)
        .map_err(io::Error::other)?;
    let own = std::process::id().to_ne_bytes();
    for at in &command.filter.own_pid_at {
        filter[*at..*at + own.len()].copy_from_slice(&own);
    }
    confine(&command.rlimits, rules, &mut filter, tier == 1)?;
    let program = command.argv.first().ok_or_else(|| io::Error::other("an empty command"))?;
    execute(Path::new(program), &command.argv, &command.environment)
}

/// Waits for the command, or for the other side to hang up, and says what it used.
fn wait(child: Pid, report: &OwnedFd) -> io::Result<Report> {
    let handle = sys::open_process(child)?;
    let mut both = [
        PollFd::new(handle.as_fd(), PollFlags::POLLIN),
        PollFd::new(report.as_fd(), PollFlags::POLLIN),
    ];
    while matches!(poll(&mut both, PollTimeout::NONE), Err(nix::errno::Errno::EINTR)) {}
    if !both[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
        kill(child, Signal::SIGKILL)?;
    }
    sys::wait(child)
}

/// Ends and reaps whatever a command left running.
fn end_stragglers(tier: u8) -> io::Result<()> {
    loop {
        if tier == 1 {
            // Everything in the namespace but this process.
            let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        } else {
            for child in children()? {
                let _ = kill(child, Signal::SIGKILL);
            }
        }
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(nix::errno::Errno::ECHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The children of this process; those of an ended child have become its own.
fn children() -> io::Result<Vec<Pid>> {
    let text = fs::read_to_string("/proc/self/task/self/children").or_else(|_| {
        fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()))
    })?;
    Ok(text.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect())
}
