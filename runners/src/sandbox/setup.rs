//! What a helper process is told to set up: the one message it reads before anything else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::seccomp::Filter;

/// The uid and gid that a program finds itself under.
pub(super) const INNER_ID: u32 = 1_000;
/// The folder under which everything a cell with namespaces can write lies.
pub(super) const WRITABLE: &str = "/run/cell";

/// Everything a helper needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// The tier by number; 0 sets up nothing.
    pub(super) tier: u8,
    /// The uid and gid to become first, where the helper is root.
    pub(super) drop_to: Option<u32>,
    /// What the cell sees of the machine, read-only.
    pub(super) visible: Vec<PathBuf>,
    /// The folder the cell may write to where it shares the machine's files.
    pub(super) scratch: Option<PathBuf>,
    /// What becomes of the helper.
    pub(super) role: Role,
}

/// What becomes of a helper once everything is set up.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Role {
    /// A fork server in Python.
    ForkServer {
        /// The interpreter.
        interpreter: PathBuf,
        /// What it runs.
        script: String,
        /// What its cells may not do.
        filter: Code,
        /// Its environment.
        environment: Vec<(String, String)>,
    },
    /// Process 1 of a cell in which commands run one after the other.
    Commands {
        /// Bytes of all files together.
        disk_bytes: u64,
        /// Files and folders.
        files: u64,
    },
}

/// A filter as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Code {
    /// The filter, in base 64.
    pub(super) code: String,
    /// Where the process's own number goes.
    pub(super) own_pid_at: Vec<usize>,
}

impl From<Filter> for Code {
    fn from(filter: Filter) -> Self {
        use base64::Engine as _;
        let code = base64::engine::general_purpose::STANDARD.encode(filter.code);
        Self { code, own_pid_at: filter.own_pid_at }
    }
}

/// A command to run in a cell of role [`Role::Commands`]; its descriptors come along: standard input,
/// output and error, and the socket for the report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Command {
    /// The program and its arguments.
    pub(super) argv: Vec<String>,
    /// Its environment.
    pub(super) environment: Vec<(String, String)>,
    /// The folder it starts in.
    pub(super) work: PathBuf,
    /// Limits: the number of the resource and the value.
    pub(super) rlimits: Vec<(u32, u64)>,
    /// What it may not do.
    pub(super) filter: Code,
    /// A file to write first: its name in `work`. The content comes as a fifth descriptor.
    pub(super) file: Option<String>,
}

/// How a command, or a cell of a fork server, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    /// The status as `wait(2)` gives it.
    pub(super) status: i32,
    /// Processor time in microseconds.
    pub(super) cpu_us: u64,
    /// The most memory of one process.
    pub(super) rss_kib: u64,
    /// Why it could not be started.
    pub(super) error: Option<String>,
}
