//! A running cell as seen from outside: what it is fed, what it writes, when it is over.
//!
//! End of file on its pipes is not the end of a cell, and the end of its first process is not the end
//! of its pipes: both are waited for, the second only for a moment.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};

use super::cgroup::Group;
use super::setup::Report;
use super::{memory, sys};

/// How long a cell that was told to end may take before its first process is killed directly.
const GRACE: Duration = Duration::from_millis(40);
/// How long a killed cell may take to be gone before it counts as a broken sandbox.
const GONE_MAX: Duration = Duration::from_secs(5);
/// How long is waited for pipes to empty after a cell is gone.
const DRAIN: Duration = Duration::from_millis(50);
/// How often memory and files of a running cell are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Said of a cell whose first process was ended before it could report.
pub(super) const NO_REPORT: &str = "the cell ended without a report";
/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// A running cell.
pub(super) struct Cell {
    /// The first process of the cell, where it is the cell's own; its end is the end of all others.
    pub(super) first: Option<OwnedFd>,
    /// The program's process, where its parent is no process of the cell.
    pub(super) program: Option<OwnedFd>,
    /// The socket on which the end is reported; hanging up ends the cell.
    pub(super) report: OwnedFd,
    /// What is still to be written to its standard input.
    pub(super) input: Option<Feed>,
    /// What it writes.
    pub(super) outputs: Vec<Capture>,
    /// What it may use while it runs.
    pub(super) bounds: Bounds,
    /// How it ended.
    pub(super) ended: Option<Report>,
    /// Processor time of all its processes, as seen when it was told to end early.
    pub(super) cpu_seen: Duration,
    /// Whether a process in it hears when it is told to end; without one it is killed at once.
    pub(super) has_guard: bool,
    /// Whether it was told to end; then it may be gone before it could report.
    pub(super) is_told: bool,
    /// Whether nothing of it is left.
    pub(super) is_gone: bool,
}

/// What is watched from outside, because no limit inside bounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// Bytes of memory of all processes together.
    pub(super) memory: u64,
    /// Whether a limit inside keeps each process to that many bytes: then one alone needs no watching.
    pub(super) is_kept_inside: bool,
    /// A process of the machine whose descendants are the cell, where no process of it is known.
    pub(super) root: Option<u32>,
    /// The group that bounds its memory together, where control groups can be made.
    pub(super) group: Option<Grouped>,
    /// The folder it writes to, with the most bytes and files in it.
    pub(super) folder: Option<(std::path::PathBuf, u64, u64)>,
}

/// A control group, and what the kernel had killed in it before the cell started.
#[derive(Clone, Debug)]
pub(super) struct Grouped {
    pub(super) group: Arc<Group>,
    pub(super) kills: u64,
}

/// Bytes on their way into a cell.
pub(super) struct Feed {
    pub(super) pipe: File,
    pub(super) bytes: Vec<u8>,
    pub(super) written: usize,
}

/// Bytes on their way out of a cell, up to a cap.
pub(super) struct Capture {
    pipe: Option<File>,
    /// The first bytes.
    pub(super) bytes: Vec<u8>,
    cap: usize,
    /// Whether there were more.
    pub(super) is_cut: bool,
}

/// Why a cell was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The time was up.
    Time,
    /// It wrote more than is read.
    Output,
    /// Its processes together held more memory than they may.
    Memory,
    /// It filled its folder.
    Disk,
}

impl Capture {
    /// Captures up to `cap` bytes of what comes out of `pipe`.
    pub(super) fn new(pipe: OwnedFd, cap: usize) -> io::Result<Self> {
        set_nonblocking(&pipe)?;
        Ok(Self { pipe: Some(File::from(pipe)), bytes: Vec::new(), cap, is_cut: false })
    }

    /// Reads what is there.
    fn read(&mut self) {
        let mut chunk = vec![0; CHUNK];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    let room = self.cap - self.bytes.len();
                    self.bytes.extend_from_slice(&chunk[..length.min(room)]);
                    self.is_cut |= length > room;
                    if self.is_cut {
                        self.pipe = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

impl Feed {
    /// Feeds `bytes` into `pipe`.
    pub(super) fn new(pipe: OwnedFd, bytes: Vec<u8>) -> io::Result<Self> {
        set_nonblocking(&pipe)?;
        Ok(Self { pipe: File::from(pipe), bytes, written: 0 })
    }

    /// Writes what fits; returns whether there is more.
    fn write(&mut self) -> bool {
        while self.written < self.bytes.len() {
            match self.pipe.write(&self.bytes[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // The program reads no more.
                Err(_) => return false,
            }
        }
        false
    }
}

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// What one descriptor in the list of a poll is.
#[derive(Clone, Copy)]
enum End {
    First(usize),
    Report(usize),
    Input(usize),
    Output(usize, usize),
}

/// Runs cells until the first of them is gone, then ends the others; says why it ended them early.
///
/// # Errors
///
/// When a cell cannot be ended.
pub(super) fn supervise(cells: &mut [Cell], deadline: Instant) -> io::Result<Option<Stop>> {
    let mut stop = None;
    let mut look = Instant::now() + LOOK;
    while !cells[0].is_gone {
        let now = Instant::now();
        if stop.is_none() {
            stop = if now >= deadline {
                Some(Stop::Time)
            } else if cells.iter().any(|cell| cell.outputs.iter().any(|output| output.is_cut)) {
                Some(Stop::Output)
            } else if now >= look {
                look = now + LOOK;
                cells.iter().find_map(Cell::overrun)
            } else {
                None
            };
            if stop.is_some() {
                for cell in &mut *cells {
                    cell.cpu_seen = memory::cpu(&cell.processes());
                    cell.hang_up();
                }
                return end(cells, Instant::now()).map(|()| stop);
            }
        }
        step(cells, deadline.min(look))?;
    }
    cells.iter_mut().for_each(Cell::hang_up);
    end(cells, Instant::now())?;
    if cells.iter().any(Cell::ran_out) {
        return Ok(Some(Stop::Memory));
    }
    let overflow = cells.iter().any(|cell| cell.outputs.iter().any(|output| output.is_cut));
    Ok(overflow.then_some(Stop::Output))
}

/// Waits for cells that were told to end, and takes what is left in their pipes.
fn end(cells: &mut [Cell], since: Instant) -> io::Result<()> {
    let mut is_forced = false;
    while cells.iter().any(|cell| !cell.is_gone) {
        let waited = since.elapsed();
        if waited > GONE_MAX {
            return Err(io::Error::other("a cell does not end"));
        }
        if waited > GRACE && !is_forced {
            is_forced = true;
            cells.iter().for_each(Cell::kill);
        }
        step(cells, Instant::now() + if is_forced { LOOK } else { GRACE })?;
    }
    let until = Instant::now() + DRAIN;
    let is_open = |cells: &[Cell]| {
        cells.iter().any(|cell| cell.outputs.iter().any(|output| output.pipe.is_some()))
    };
    while is_open(cells) && Instant::now() < until {
        for cell in &mut *cells {
            cell.input = None;
        }
        step(cells, until)?;
    }
    Ok(())
}

/// Waits until something happens, or `until`, and deals with it.
fn step(cells: &mut [Cell], until: Instant) -> io::Result<()> {
    let mut list: Vec<(End, BorrowedFd<'_>, PollFlags)> = Vec::new();
    for (n, cell) in cells.iter().enumerate() {
        cell.list(n, &mut list);
    }
    let mut fds: Vec<PollFd<'_>> =
        list.iter().map(|(_, fd, events)| PollFd::new(*fd, *events)).collect();
    let wait = until.saturating_duration_since(Instant::now());
    // Rounded up: a wait of zero milliseconds would spin.
    let wait = PollTimeout::try_from(wait + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, wait) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let ready: Vec<End> = list
        .iter()
        .zip(&fds)
        .filter(|(_, fd)| fd.revents().is_some_and(|events| !events.is_empty()))
        .map(|((end, ..), _)| *end)
        .collect();
    for end in ready {
        match end {
            End::First(n) => {
                cells[n].is_gone = true;
                if cells[n].ended.is_none() {
                    // It was written before the process ended, or never will be.
                    cells[n].read_report();
                }
            }
            End::Report(n) if cells[n].ended.is_none() => cells[n].read_report(),
            End::Report(_) => {}
            End::Input(n) => {
                if !cells[n].input.as_mut().is_some_and(Feed::write) {
                    cells[n].input = None;
                }
            }
            End::Output(n, output) => cells[n].outputs[output].read(),
        }
    }
    Ok(())
}

impl Cell {
    /// Lists the descriptors that are waited for.
    fn list<'a>(&'a self, n: usize, list: &mut Vec<(End, BorrowedFd<'a>, PollFlags)>) {
        if !self.is_gone {
            if let Some(first) = &self.first {
                list.push((End::First(n), first.as_fd(), PollFlags::POLLIN));
            }
            if self.ended.is_none() {
                list.push((End::Report(n), self.report.as_fd(), PollFlags::POLLIN));
            }
        }
        if let Some(input) = &self.input {
            list.push((End::Input(n), input.pipe.as_fd(), PollFlags::POLLOUT));
        }
        for (output, capture) in self.outputs.iter().enumerate() {
            if let Some(pipe) = &capture.pipe {
                list.push((End::Output(n, output), pipe.as_fd(), PollFlags::POLLIN));
            }
        }
    }

    fn read_report(&mut self) {
        let mut bytes = [0; 1 << 10];
        let length = nix::unistd::read(&self.report, &mut bytes).unwrap_or(0);
        let report = serde_json::from_slice(&bytes[..length])
            .unwrap_or_else(|_| Report { error: Some(NO_REPORT.to_owned()), ..Report::default() });
        self.ended = Some(report);
        // Where no process is the cell's own, the report is written after all others are gone.
        self.is_gone |= self.first.is_none();
    }

    /// Tells the cell to end.
    fn hang_up(&mut self) {
        self.is_told |= !self.is_gone;
        if let (false, false, Some(first)) = (self.has_guard, self.is_gone, &self.first) {
            return sys::kill(first);
        }
        // A cell that is gone cannot be told.
        let _ = shutdown(std::os::fd::AsRawFd::as_raw_fd(&self.report), Shutdown::Write);
    }

    /// Kills the first process, and by that all others; or all there are.
    fn kill(&self) {
        match &self.first {
            Some(first) => sys::kill(first),
            None => memory::kill_all(&self.processes()),
        }
    }

    /// The processes of the cell, as this process numbers them. One that only stands at the head of the
    /// cell's namespace is none of them.
    fn processes(&self) -> Vec<u32> {
        let family = |handle: &OwnedFd| memory::process_of(handle).map(memory::family);
        let of_program = self.program.as_ref().and_then(family).unwrap_or_default();
        let mut all = match &self.first {
            Some(first) => family(first).unwrap_or_default(),
            None => self.bounds.root.map(memory::family).unwrap_or_default(),
        };
        if self.program.is_some() && !all.is_empty() {
            all.remove(0);
        }
        all.extend(of_program);
        all
    }

    /// Says whether the kernel has killed something of the cell for want of memory.
    fn ran_out(&self) -> bool {
        self.bounds.group.as_ref().is_some_and(|grouped| grouped.group.kills() > grouped.kills)
    }

    /// Says whether the cell holds more than it may.
    fn overrun(&self) -> Option<Stop> {
        if self.is_gone {
            return None;
        }
        let processes = self.processes();
        let is_bounded =
            self.bounds.group.is_some() || self.bounds.is_kept_inside && processes.len() <= 1;
        if !is_bounded && memory::used(&processes) > self.bounds.memory {
            return Some(Stop::Memory);
        }
        let (folder, bytes, files) = self.bounds.folder.as_ref()?;
        memory::is_over(folder, *bytes, *files).then_some(Stop::Disk)
    }
}
