//! Runs programs that nobody trusts, and says what came of it in a way nobody can forge.
//!
//! Two mechanisms for two problems. Isolation keeps the machine safe: a [`Tier`] is what stands around
//! a cell, and each is tried out by really running something before it is used. The verdict protocol
//! keeps the score honest: the process of a program holds no expected value, no check and no way to
//! say that it passed. What a cell writes is data; its exit status proves nothing.

mod asserts;
mod calls;
mod cell;
mod cgroup;
mod commands;
mod compare;
mod confine;
mod function;
mod helper;
mod init;
mod literal;
mod memory;
mod one_shot;
mod packet;
mod root;
mod scratch;
mod seccomp;
mod setup;
mod slot;
mod stdio;
mod sys;
mod toolchain;
mod uids;
mod value;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tripos_tasks::program::StdioTests;
use tripos_tasks::{
    Captured, Execution, Integrity, Language, Limits, Program, RunVerdict, Tests, Tier,
};

pub use helper::Launch;
pub use init::{ARGUMENT as HELPER_ARGUMENT, is_helper, main as helper_main};
pub use one_shot::{Dialect, Elsewhere, Service};
pub use toolchain::Tool;

use cgroup::Delegated;
use function::NO_RECORD;
use helper::Spawner;
use one_shot::Backend;
use slot::{Ground, Slot};
use toolchain::Toolchain;

/// Slots for each core: a cell waits for the kernel while it is taken apart.
const SLOTS_PER_CORE: usize = 4;
/// The most slots; each has two uids of its own where this program is root.
const MAX_SLOTS: usize = 512;
/// The share of the processor limit below which a time-out by the clock may be the machine's fault.
const BUSY_SHARE: f64 = 0.5;

/// What sandbox is wanted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The one tier to use, in place of the best there is.
    pub tier: Option<Tier>,
    /// Cells at once; by default as the machine has cores.
    pub slots: Option<usize>,
    /// Where to look for interpreters and compilers, the system's own folders first; only those
    /// where none is given.
    pub folders: Vec<PathBuf>,
    /// How this program starts itself.
    pub launch: Launch,
    /// Where tier 3 is to be had.
    pub elsewhere: Elsewhere,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No tier works, or not the one asked for.
    #[error("no sandbox works here: {}", listed(reasons))]
    Refused {
        /// Each tier tried, and why it does not work.
        reasons: Vec<(Tier, String)>,
    },
    /// Helpers cannot be started at all.
    #[error("the sandbox cannot start its helper")]
    Helper {
        /// Why.
        source: io::Error,
    },
}

fn listed(reasons: &[(Tier, String)]) -> String {
    let one = |(tier, why): &(Tier, String)| format!("tier {}: {why}", tier.number());
    reasons.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// What the probe found out.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The tier in use, if there is one.
    pub tier: Option<Tier>,
    /// Each better tier, and why it is not in use.
    pub refused: Vec<(Tier, String)>,
    /// The version of landlock the kernel offers; 0 for none.
    pub landlock: i64,
    /// Whether control groups bound the memory of a cell.
    pub has_control_groups: bool,
}

/// Runs programs in cells, several at once.
#[derive(Debug)]
pub struct Sandbox {
    place: Place,
    probe: Probe,
    slots: Mutex<Vec<Slot>>,
    /// How many slots there are, the taken ones too.
    count: usize,
    freed: Condvar,
    /// Held by everyone who runs something; alone by what must run alone.
    quiet: RwLock<()>,
}

/// Where programs run.
#[derive(Debug)]
enum Place {
    /// In cells of this machine.
    Cells(Ground),
    /// In containers, or by a service.
    Elsewhere(Box<Backend>),
}

impl Sandbox {
    /// Finds the best tier that works, by running something in it.
    ///
    /// # Errors
    ///
    /// When none does. [`Tier::Unsafe`] is never found: it has to be asked for.
    pub fn open(options: &Options) -> Result<Self, SandboxError> {
        let spawner = Spawner::new(options.launch.clone())
            .map_err(|source| SandboxError::Helper { source })?;
        let tools = Arc::new(Toolchain::new(&options.folders));
        let best = vec![Tier::Namespaces, Tier::Landlock, Tier::Container];
        let mut reasons = Vec::new();
        for tier in options.tier.map_or(best, |tier| vec![tier]) {
            if tier == Tier::Container {
                match Backend::open(&options.elsewhere, tools.folders()) {
                    Ok(backend) => {
                        return Ok(Self::on(Place::Elsewhere(Box::new(backend)), reasons, options));
                    }
                    Err(why) => reasons.push((tier, why)),
                }
                continue;
            }
            let mut ground = Ground::new(tier, spawner.clone(), tools.clone(), delegated())
                .map_err(|source| SandboxError::Helper { source })?;
            let mut works = ground.probe();
            // A group that looks like ours and is not must not cost the tier.
            if works.is_err() && ground.delegated.take().is_some() {
                works = ground.probe();
            }
            match works {
                Ok(()) => return Ok(Self::on(Place::Cells(ground), reasons, options)),
                Err(error) => reasons.push((tier, error.to_string())),
            }
        }
        Err(SandboxError::Refused { reasons })
    }

    fn on(place: Place, refused: Vec<(Tier, String)>, options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = options.slots.unwrap_or(cores * SLOTS_PER_CORE).clamp(1, MAX_SLOTS);
        let tier = Some(place.tier());
        let has_control_groups =
            matches!(&place, Place::Cells(ground) if ground.delegated.is_some());
        let landlock = sys::landlock_version();
        let probe = Probe { tier, refused, landlock, has_control_groups };
        let slots = (0..count).map(Slot::new).collect();
        let (slots, freed) = (Mutex::new(slots), Condvar::new());
        Self { place, probe, slots, count, freed, quiet: RwLock::new(()) }
    }

    /// Returns what the probe found out.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Returns what compiles or runs a language, or why nothing can here.
    pub fn tool(&self, language: Language) -> Result<&Tool, String> {
        match &self.place {
            Place::Cells(ground) => {
                let tool = ground.tools.tool(language).map_err(str::to_owned)?;
                ground.unreachable(tool).map_or(Ok(tool), Err)
            }
            Place::Elsewhere(backend) => backend.tool(language),
        }
    }

    /// Returns the tier in use.
    pub fn tier(&self) -> Tier {
        self.place.tier()
    }

    /// Returns how many programs can run at once.
    pub fn concurrency(&self) -> usize {
        self.count
    }

    /// Runs a program and judges it. Blocks the thread until the verdict.
    ///
    /// A sandbox that breaks is replaced and the program run once more; a time-out with little
    /// processor time used is run again alone before it counts.
    pub fn execute(&self, program: &Program) -> Execution {
        if let Some(verdict) = self.refusal(program) {
            return verdict;
        }
        let mut execution = self.attempt(program, false);
        if execution.verdict == RunVerdict::Infra {
            execution = self.attempt(program, false);
            if execution.verdict == RunVerdict::Infra && execution.detail == NO_RECORD {
                execution.verdict = RunVerdict::Fail;
                "what the program sent ended the checks, twice".clone_into(&mut execution.detail);
            }
        }
        if execution.verdict == RunVerdict::Timeout && is_idle(&execution, &program.limits) {
            execution = self.attempt(program, true);
        }
        execution
    }

    /// Says what can be said without running anything.
    fn refusal(&self, program: &Program) -> Option<Execution> {
        let verdict = |verdict, detail: String| {
            let output = Captured::default();
            let (cpu, wall) = (Duration::ZERO, Duration::ZERO);
            let (tier, integrity) = (self.tier(), Integrity::Isolated);
            Some(Execution { verdict, detail, tier, integrity, output, cpu, wall })
        };
        if let Err(why) = program.limits.check() {
            return verdict(RunVerdict::Infra, why);
        }
        if let Err(why) = self.tool(program.language) {
            let language = program.language.as_str();
            return verdict(RunVerdict::Infra, format!("no {language} can be run here: {why}"));
        }
        match &program.tests {
            Tests::Function(_) if program.language != Language::Python => verdict(
                RunVerdict::Infra,
                format!(
                    "functions are tested in python only, not in {}",
                    program.language.as_str()
                ),
            ),
            Tests::Stdio(StdioTests { cases, .. }) if cases.is_empty() => {
                verdict(RunVerdict::Infra, "the task has no cases".to_owned())
            }
            _ => None,
        }
    }

    fn attempt(&self, program: &Program, alone: bool) -> Execution {
        let (_shared, _alone);
        if alone {
            _alone = self.quiet.write().unwrap_or_else(PoisonError::into_inner);
        } else {
            _shared = self.quiet.read().unwrap_or_else(PoisonError::into_inner);
        }
        let mut slot = self.take();
        let began = Instant::now();
        let result = match (&self.place, &program.tests) {
            (Place::Cells(ground), Tests::Function(tests)) => {
                function::run(ground, &mut slot, program, tests)
            }
            (Place::Cells(ground), Tests::Stdio(tests)) => {
                stdio::run(ground, &mut slot, program, tests)
            }
            (Place::Elsewhere(backend), _) => one_shot::execute(backend, program),
        };
        let mut execution = result.unwrap_or_else(|error| {
            // Whatever the slot held may be what broke.
            slot.reset();
            Execution {
                verdict: RunVerdict::Infra,
                detail: error.to_string(),
                tier: self.tier(),
                integrity: Integrity::Isolated,
                output: Captured::default(),
                cpu: Duration::ZERO,
                wall: Duration::ZERO,
            }
        });
        execution.wall = began.elapsed();
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        self.freed.notify_one();
        execution
    }

    fn take(&self) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(slot) = slots.pop() {
                return slot;
            }
            slots = self.freed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// What of the tree of control groups is this process's own, found out once.
fn delegated() -> Option<Arc<Delegated>> {
    static FOUND: OnceLock<Option<Arc<Delegated>>> = OnceLock::new();
    FOUND.get_or_init(|| Delegated::take().map(Arc::new)).clone()
}

impl Place {
    fn tier(&self) -> Tier {
        match self {
            Self::Cells(ground) => ground.tier,
            Self::Elsewhere(_) => Tier::Container,
        }
    }
}

/// Says whether a time-out left the processor mostly unused.
fn is_idle(execution: &Execution, limits: &Limits) -> bool {
    execution.cpu < Duration::from_millis(limits.cpu_ms).mul_f64(BUSY_SHARE)
}
