//! Where programs run: what all slots share, and what each keeps warm.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tripos_tasks::{Language, Limits, Tier};

use super::cell::{Bounds, Capture, Cell, Feed, Grouped, supervise};
use super::cgroup::Delegated;
use super::helper::{Helper, Spawner};
use super::packet;
use super::root;
use super::scratch::Scratch;
use super::seccomp::{Profile, filter};
use super::setup::{Command, Role, Setup, WRITABLE};
use super::toolchain::{self, Tool, Toolchain};
use super::uids::{self, Uids};

const CELL: &str = include_str!("python/cell.py");
const VALUES: &str = include_str!("python/values.py");
const SOLUTION: &str = include_str!("python/solution.py");
const CHECKS: &str =
    concat!(include_str!("python/checks.py"), "\n\n", include_str!("python/beside.py"),);

/// Processes that the sandbox itself has in a cell's user namespace.
const OWN_PROCESSES: u64 = 4;
/// How long the program of a probe may take.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// What all slots share.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) tier: Tier,
    pub(super) tools: Arc<Toolchain>,
    spawner: Spawner,
    /// Whom helpers become, where this program is root.
    uids: Option<Uids>,
    /// Where control groups can be made.
    pub(super) delegated: Option<Arc<Delegated>>,
}

/// What one program at a time runs in.
#[derive(Debug)]
pub(super) struct Slot {
    number: usize,
    solution: Option<Warm>,
    checks: Option<Warm>,
}

/// A running fork server and the folder of its cells.
#[derive(Debug)]
struct Warm {
    helper: Helper,
    scratch: Option<Scratch>,
}

/// Which of a slot's two fork servers is meant. They share nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Where programs run.
    Solution,
    /// Where checks run.
    Checks,
}

/// A cell to start in a fork server.
pub(super) struct Job<'a> {
    /// What it runs, by the name the fork server knows.
    pub(super) kind: &'a str,
    /// What it reads first.
    pub(super) text: &'a [u8],
    /// What it may use.
    pub(super) limits: &'a Limits,
    /// Standard input; nothing where absent.
    pub(super) input: Option<Vec<u8>>,
    /// Whether what it writes is kept.
    pub(super) is_captured: bool,
    /// Whether it runs nothing but a task's own checks: then one process is enough.
    pub(super) is_trusted: bool,
    /// Further descriptors, from number 3 on.
    pub(super) extra: Vec<OwnedFd>,
}

impl Slot {
    pub(super) fn new(number: usize) -> Self {
        Self { number, solution: None, checks: None }
    }

    /// Gives up everything that is warm.
    pub(super) fn reset(&mut self) {
        self.solution = None;
        self.checks = None;
    }

    /// Starts a cell in one of the slot's fork servers.
    pub(super) fn start(&mut self, ground: &Ground, side: Side, job: Job<'_>) -> io::Result<Cell> {
        let number = u32::try_from(self.number).unwrap_or(u32::MAX / 4) * 2;
        let (warm, number) = match side {
            Side::Solution => (&mut self.solution, number),
            Side::Checks => (&mut self.checks, number + 1),
        };
        if warm.is_none() {
            *warm = Some(ground.fork_server(side, number)?);
        }
        let server = warm.as_ref().expect("made above");
        let started = server.start(ground, job);
        if started.is_err() {
            *warm = None;
        }
        started
    }

    /// Makes a cell for commands.
    pub(super) fn commands(
        &mut self,
        ground: &Ground,
        tool: &Tool,
        limits: &Limits,
    ) -> io::Result<CommandCell> {
        let owner = ground.owner(u32::try_from(self.number).unwrap_or(0) * 2);
        let scratch = ground.scratch(owner)?;
        let role = Role::Commands { disk_bytes: limits.disk_bytes, files: limits.files };
        let setup = ground.setup(role, tool, owner, scratch.as_ref());
        let helper = ground.spawner.start(&setup, ground.delegated.as_deref())?;
        Ok(CommandCell { helper, scratch, tier: ground.tier, limits: *limits })
    }
}

impl Warm {
    fn start(&self, ground: &Ground, job: Job<'_>) -> io::Result<Cell> {
        if let Some(scratch) = &self.scratch {
            scratch.clean()?;
        }
        let work = work(self.scratch.as_ref());
        let request = json!({
            "kind": job.kind,
            "is_trusted": job.is_trusted,
            "work": work,
            "disk_bytes": job.limits.disk_bytes,
            "files": job.limits.files,
            "rlimits": rlimits(job.limits, Language::Python, ground),
            "refused": super::stdio::REFUSED_STATUS,
        });
        let group = grouped(&self.helper, job.limits)?;
        let text = packet::memory_file(job.text)?;
        let mut ends = Ends::open(job.input, job.is_captured, job.limits)?;
        let mut fds = vec![text.as_fd()];
        fds.extend(ends.theirs.iter().map(AsFd::as_fd));
        fds.extend(job.extra.iter().map(AsFd::as_fd));
        self.helper.send(request.to_string().as_bytes(), &fds)?;
        drop(fds);
        ends.theirs.clear();
        let handles = self.helper.reply(b'P')?;
        let bounds = Bounds {
            memory: job.limits.memory_bytes,
            is_kept_inside: true,
            group,
            root: None,
            folder: folder(self.scratch.as_ref(), job.limits),
        };
        let mut cell = ends.cell(bounds);
        let mut handles = handles.into_iter();
        let missing = || io::Error::other("a cell came without its handle");
        if job.is_trusted || ground.tier == Tier::Namespaces {
            cell.first = Some(handles.next().ok_or_else(missing)?);
        }
        if !job.is_trusted {
            cell.program = Some(handles.next().ok_or_else(missing)?);
        }
        cell.has_guard = !job.is_trusted;
        Ok(cell)
    }
}

/// A cell in which commands run one after the other.
#[derive(Debug)]
pub(super) struct CommandCell {
    helper: Helper,
    scratch: Option<Scratch>,
    tier: Tier,
    limits: Limits,
}

impl CommandCell {
    /// The folder that commands start in.
    pub(super) fn work(&self) -> PathBuf {
        work(self.scratch.as_ref())
    }

    /// Starts a command; `file` is written before it starts.
    pub(super) fn start(
        &self,
        command: &Command,
        input: Option<Vec<u8>>,
        file: Option<&[u8]>,
    ) -> io::Result<Cell> {
        let group = grouped(&self.helper, &self.limits)?;
        let mut ends = Ends::open(input, true, &self.limits)?;
        let file = file.map(packet::memory_file).transpose()?;
        let mut fds: Vec<BorrowedFd<'_>> = ends.theirs.iter().map(AsFd::as_fd).collect();
        fds.extend(file.as_ref().map(AsFd::as_fd));
        self.helper.send(&serde_json::to_vec(command)?, &fds)?;
        drop(fds);
        ends.theirs.clear();
        let bounds = Bounds {
            memory: self.limits.memory_bytes,
            is_kept_inside: false,
            group,
            root: Some(self.helper.process()),
            folder: folder(self.scratch.as_ref(), &self.limits),
        };
        Ok(ends.cell(bounds))
    }

    /// Says what commands of this cell may not do.
    pub(super) fn profile(&self, is_compiler: bool) -> Profile {
        match (self.tier, is_compiler) {
            (Tier::Namespaces | Tier::Unsafe | Tier::Container, _) => Profile::Namespaces,
            (Tier::Landlock, true) => Profile::Compiler,
            (Tier::Landlock, false) => Profile::OneProcess,
        }
    }
}

/// The pipes of a cell, and its report.
struct Ends {
    /// Standard input, output, error, and the report, as the cell gets them.
    theirs: Vec<OwnedFd>,
    report: OwnedFd,
    input: Option<Feed>,
    outputs: Vec<Capture>,
}

impl Ends {
    fn open(input: Option<Vec<u8>>, is_captured: bool, limits: &Limits) -> io::Result<Self> {
        // A program may open its own standard streams again by name, as whoever it runs as.
        let pipe = || {
            let (read, write) = packet::pipe()?;
            let read = std::fs::File::from(read);
            read.set_permissions(std::fs::Permissions::from_mode(0o666))?;
            io::Result::Ok((OwnedFd::from(read), write))
        };
        let cap = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX / 2);
        let (report, their_report) = packet::pair()?;
        nix::fcntl::fcntl(&report, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        let mut ends = Self { theirs: Vec::new(), report, input: None, outputs: Vec::new() };
        match input {
            Some(bytes) => {
                let (read, write) = pipe()?;
                ends.theirs.push(read);
                ends.input = Some(Feed::new(write, bytes)?);
            }
            None => ends.theirs.push(packet::null()?),
        }
        for _ in 0..2 {
            if is_captured {
                let (read, write) = pipe()?;
                ends.theirs.push(write);
                ends.outputs.push(Capture::new(read, cap)?);
            } else {
                ends.theirs.push(packet::null()?);
            }
        }
        ends.theirs.push(their_report);
        Ok(ends)
    }

    fn cell(self, bounds: Bounds) -> Cell {
        let Self { report, input, outputs, .. } = self;
        Cell {
            first: None,
            program: None,
            report,
            input,
            outputs,
            bounds,
            ended: None,
            cpu_seen: Duration::ZERO,
            has_guard: true,
            is_told: false,
            is_gone: false,
        }
    }
}

/// Bounds the group of a helper, where it is in one, for what it starts next.
fn grouped(helper: &Helper, limits: &Limits) -> io::Result<Option<Grouped>> {
    let Some(group) = helper.group() else { return Ok(None) };
    group.bound(limits, OWN_PROCESSES)?;
    Ok(Some(Grouped { kills: group.kills(), group: Arc::clone(group) }))
}

fn work(scratch: Option<&Scratch>) -> PathBuf {
    scratch.map_or_else(|| Path::new(WRITABLE).join("work"), |s| s.path().join("work"))
}

fn folder(scratch: Option<&Scratch>, limits: &Limits) -> Option<(PathBuf, u64, u64)> {
    scratch.map(|s| (s.path().to_owned(), limits.disk_bytes, limits.files))
}

impl Ground {
    pub(super) fn new(
        tier: Tier,
        spawner: Spawner,
        tools: Arc<Toolchain>,
        delegated: Option<Arc<Delegated>>,
    ) -> io::Result<Self> {
        let uids = uids::can_drop().then(Uids::take).transpose()?;
        Ok(Self { tier, tools, spawner, uids, delegated })
    }

    /// Runs something in a cell of this tier.
    pub(super) fn probe(&self) -> io::Result<()> {
        let limits = Limits::default();
        let mut slot = Slot::new(0);
        let shell = self.tools.tool(Language::Shell).map_err(io::Error::other)?;
        let commands = slot.commands(self, shell, &limits)?;
        let command = Command {
            argv: vec![shell.program.display().to_string(), "-c".into(), "echo works".into()],
            environment: Vec::new(),
            work: commands.work(),
            rlimits: rlimits(&limits, Language::Shell, self),
            filter: filter(commands.profile(false)).into(),
            file: None,
        };
        let mut cells = [commands.start(&command, None, None)?];
        let stop = supervise(&mut cells, Instant::now() + PROBE_MAX)?;
        let [cell] = cells;
        let report = cell.ended.unwrap_or_default();
        if let Some(error) = report.error {
            return Err(io::Error::other(error));
        }
        if stop.is_some() || report.status != 0 || cell.outputs[0].bytes != b"works\n" {
            return Err(io::Error::other("a command in a cell does not give what it should"));
        }
        Ok(())
    }

    /// Says why a cell of this tier cannot reach a tool; nothing where it can.
    pub(super) fn unreachable(&self, tool: &Tool) -> Option<String> {
        // With namespaces the tool is bound to where a cell can reach it.
        let is_bound = self.tier == Tier::Namespaces || self.uids.is_none();
        (!is_bound && !root::is_walkable(&tool.program)).then(|| {
            let program = tool.program.display();
            format!("`{program}` lies where the user that programs run as may not go")
        })
    }

    /// The uid that a helper becomes, where this program is root.
    fn owner(&self, number: u32) -> Option<u32> {
        self.uids.as_ref().map(|uids| uids.get(number))
    }

    fn scratch(&self, owner: Option<u32>) -> io::Result<Option<Scratch>> {
        let has_own_files = self.tier == Tier::Namespaces;
        if has_own_files { Ok(None) } else { Scratch::new(owner).map(Some) }
    }

    fn setup(
        &self,
        role: Role,
        tool: &Tool,
        owner: Option<u32>,
        scratch: Option<&Scratch>,
    ) -> Setup {
        let mut visible = toolchain::system();
        visible.extend(tool.needs.iter().cloned());
        Setup {
            tier: self.tier.number(),
            drop_to: owner,
            visible,
            scratch: scratch.map(|s| s.path().to_owned()),
            role,
        }
    }

    fn fork_server(&self, side: Side, number: u32) -> io::Result<Warm> {
        let python = self.tools.tool(Language::Python).map_err(io::Error::other)?;
        let owner = self.owner(number);
        let scratch = self.scratch(owner)?;
        let profile = match self.tier {
            Tier::Landlock => Profile::OneProcess,
            _ => Profile::Namespaces,
        };
        let own = match side {
            Side::Solution => SOLUTION,
            Side::Checks => CHECKS,
        };
        let role = Role::ForkServer {
            interpreter: python.program.clone(),
            script: [CELL, VALUES, SOLUTION_COMMON, own].join("\n\n"),
            filter: filter(profile).into(),
            environment: environment(&work(scratch.as_ref())),
        };
        let setup = self.setup(role, python, owner, scratch.as_ref());
        let helper = self.spawner.start(&setup, self.delegated.as_deref())?;
        Ok(Warm { helper, scratch })
    }
}

/// What both sides share besides values.
const SOLUTION_COMMON: &str = include_str!("python/modules.py");

/// The whole environment of a cell.
pub(super) fn environment(work: &Path) -> Vec<(String, String)> {
    let temporary = match work.parent() {
        Some(scratch) if !work.starts_with(WRITABLE) => scratch.join("tmp").display().to_string(),
        _ => "/tmp".to_owned(),
    };
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("PYTHONHASHSEED", "0"),
        // Not to be read where it cannot be, and node gives up on what it cannot read.
        ("OPENSSL_CONF", "/dev/null"),
        ("OMP_NUM_THREADS", "1"),
        ("OPENBLAS_NUM_THREADS", "1"),
        ("HOME", &work.display().to_string()),
        ("TMPDIR", &temporary),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The limits that the kernel keeps inside a cell.
pub(super) fn rlimits(limits: &Limits, language: Language, ground: &Ground) -> Vec<(u32, u64)> {
    let mut list = vec![
        (libc::RLIMIT_CPU, limits.cpu_ms.div_ceil(1_000)),
        (libc::RLIMIT_FSIZE, limits.file_bytes),
        (libc::RLIMIT_NOFILE, limits.open_files),
        (libc::RLIMIT_STACK, limits.stack_bytes),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_MEMLOCK, 1 << 20),
    ];
    // The virtual machines of these reserve more addresses than they ever use.
    if !matches!(language, Language::JavaScript | Language::Go) {
        list.push((libc::RLIMIT_AS, limits.memory_bytes));
    }
    // Without a user namespace the count is of everything that the user runs anywhere.
    if ground.tier == Tier::Namespaces || ground.uids.is_some() {
        list.push((libc::RLIMIT_NPROC, limits.processes + OWN_PROCESSES));
    }
    list
}
