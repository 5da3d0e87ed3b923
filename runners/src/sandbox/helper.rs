//! A helper process from the side of whoever started it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cgroup::{Delegated, Group};
use super::setup::Setup;
use super::{init, memory, packet};

/// How long a helper may take to be ready, or to start a cell.
const READY_MAX: Duration = Duration::from_secs(20);
/// How long a helper whose socket was closed may take to end by itself.
const END_MAX: Duration = Duration::from_millis(300);

/// How this program starts itself as a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program: this one, or one whose `main` begins as this one's does.
    pub program: PathBuf,
}

impl Default for Launch {
    fn default() -> Self {
        Self { program: PathBuf::from("/proc/self/exe") }
    }
}

/// A running helper. Dropping it ends it and everything it started.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    control: Option<OwnedFd>,
    /// Dropped last: a group with processes stays.
    group: Option<Arc<Group>>,
}

type Order = (OwnedFd, mpsc::Sender<io::Result<Child>>);

/// The thread that starts helpers. A helper ends when the thread that started it does, so one thread
/// that lives as long as the sandbox starts them all.
#[derive(Clone, Debug)]
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    pub(super) fn new(launch: Launch) -> io::Result<Self> {
        let (orders, received) = mpsc::channel::<Order>();
        thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            for (socket, reply) in received {
                let mut command = Command::new(&launch.program);
                command.arg(init::ARGUMENT).env_clear().current_dir("/");
                init::streams(&mut command, socket);
                // Whoever ordered it waits for the reply.
                let _ = reply.send(command.spawn());
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a helper and waits until it has set everything up.
    pub(super) fn start(&self, setup: &Setup, delegated: Option<&Delegated>) -> io::Result<Helper> {
        let (control, theirs) = packet::pair()?;
        let (reply, spawned) = mpsc::channel();
        let gone = || io::Error::other("the thread that starts helpers is gone");
        self.orders.send((theirs, reply)).map_err(|_| gone())?;
        let child = spawned.recv().map_err(|_| gone())??;
        // It waits for its setup, and has started nothing yet.
        let group = delegated.map(|delegated| delegated.group(child.id())).transpose();
        let mut helper = Helper { child, control: Some(control), group: None };
        helper.group = group?.map(Arc::new);
        packet::send(helper.control(), &serde_json::to_vec(setup)?, &[])?;
        helper.reply(b'R')?;
        Ok(helper)
    }
}

impl Helper {
    /// Sends a request with descriptors.
    pub(super) fn send(&self, request: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        packet::send(self.control(), request, fds)
    }

    /// Waits for the answer that begins with `kind` and returns its descriptors.
    pub(super) fn reply(&self, kind: u8) -> io::Result<Vec<OwnedFd>> {
        let mut ready = [PollFd::new(self.control().as_fd(), PollFlags::POLLIN)];
        let until = Instant::now() + READY_MAX;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match poll(&mut ready, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(0) => return Err(io::Error::other("the helper does not answer")),
                Ok(_) => break,
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (message, fds) = packet::receive(self.control())?;
        match message.split_first() {
            Some((first, _)) if *first == kind => Ok(fds),
            Some((b'E', why)) => Err(io::Error::other(String::from_utf8_lossy(why).into_owned())),
            _ => Err(io::Error::other("the helper ended without a word")),
        }
    }

    /// Returns the group of control that the helper is in, if there is one.
    pub(super) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    /// Returns the helper's process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    fn control(&self) -> &OwnedFd {
        self.control.as_ref().expect("only dropping takes the socket")
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.control = None;
        let until = Instant::now() + END_MAX;
        let mut wait = Duration::from_micros(200);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(wait);
            wait = (wait * 2).min(Duration::from_millis(10));
        }
        memory::kill_all(&memory::family(self.child.id()));
        // It was killed: there is nothing else to wait for.
        let _ = self.child.wait();
    }
}
