//! A program to be judged, the tests that judge it, and what running it came to.
//!
//! Nothing is run here. The nouns stand at the bottom because a grader asks for an [`Execution`], a
//! runner makes it, and the store keeps it.

pub mod form;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A program with everything that decides its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it is written in.
    pub language: Language,
    /// Its text, as it came: it need not be UTF-8.
    pub source: Vec<u8>,
    /// What it must do.
    pub tests: Tests,
    /// What it may use.
    pub limits: Limits,
}

/// A language that programs can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python 3.
    #[serde(alias = "py", alias = "python3")]
    Python,
    /// C17.
    C,
    /// C++17.
    #[serde(alias = "c++", alias = "cxx")]
    Cpp,
    /// Rust, edition 2021, one file.
    #[serde(alias = "rs")]
    Rust,
    /// JavaScript under Node.
    #[serde(alias = "js", alias = "node")]
    JavaScript,
    /// Go, one file.
    #[serde(alias = "golang")]
    Go,
    /// A POSIX shell script.
    #[serde(alias = "sh", alias = "bash")]
    Shell,
}

impl Language {
    /// Every language, in the order tables show them.
    pub const ALL: [Self; 7] =
        [Self::Python, Self::C, Self::Cpp, Self::Rust, Self::JavaScript, Self::Go, Self::Shell];

    /// Returns the name as suite files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Go => "go",
            Self::Shell => "shell",
        }
    }
}

/// Tests, with a program that passes them and one that must not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestSet {
    /// What a program must do.
    pub tests: Tests,
    /// A program that passes.
    pub reference: String,
    /// A program that does nothing: were it to pass, the tests would test nothing.
    pub stub: String,
    /// Programs that are wrong in one step; each must fail.
    pub mutants: Vec<String>,
}

/// What a program must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Tests {
    /// A function is called. Python only.
    Function(FunctionTests),
    /// The program reads standard input and writes standard output.
    Stdio(StdioTests),
}

/// How a function is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionTests {
    /// The function's name; empty where the checks name several themselves.
    pub entry: String,
    /// The text the function completes: its imports and helpers.
    pub prelude: String,
    /// The checks.
    pub check: Check,
}

/// The checks of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Check {
    /// Python that defines `check(candidate)`.
    Candidate(String),
    /// Python statements that name the solution's functions themselves; run after `setup`.
    Asserts {
        /// Statements before the checks.
        setup: String,
        /// One check each.
        asserts: Vec<String>,
    },
    /// Arguments and the result expected, as Python literals; compared outside any cell.
    Calls(Vec<Call>),
    /// Python that needs the solution's own objects: it runs beside the solution, after it.
    Beside(String),
}

/// One call and what it must return, as Python literals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// A literal of the list or tuple of arguments, such as `[[1, 2], 3]`.
    pub arguments: String,
    /// A literal of the result.
    pub expected: String,
    /// How far a float in the result may be off, absolutely or relatively.
    pub tolerance: Option<Tolerance>,
}

/// How a program that reads and writes is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StdioTests {
    /// The cases, run in order until one does not pass.
    pub cases: Vec<StdioCase>,
    /// How far a number in the output may be off.
    pub tolerance: Option<Tolerance>,
    /// Python that judges in place of a comparison: it is called with the names of three files
    /// (input, output, answer) and ends with status 0 where the output is right, 1 where it is not.
    pub judge: Option<String>,
}

/// One input and the output it must give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdioCase {
    /// What stands on standard input.
    #[serde(default)]
    pub stdin: String,
    /// What must stand on standard output.
    pub expect: String,
}

/// How far a number may be off, absolutely or relatively, as a decimal such as `1e-6`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Tolerance(f64);

impl Eq for Tolerance {}

impl TryFrom<f64> for Tolerance {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        let is_fine = value.is_finite() && (0.0..1.0).contains(&value);
        is_fine.then_some(Self(value)).ok_or_else(|| {
            format!("a tolerance of {value} makes no sense: it is 0 or more and below 1")
        })
    }
}

impl From<Tolerance> for f64 {
    fn from(tolerance: Tolerance) -> Self {
        tolerance.0
    }
}

impl Tolerance {
    /// Says whether `found` is near enough to `expected`: `|f - e| <= t * max(1, |e|)`.
    pub fn allows(self, found: f64, expected: f64) -> bool {
        if found.is_nan() || expected.is_nan() {
            return found.is_nan() && expected.is_nan();
        }
        found.total_cmp(&expected).is_eq()
            || (found - expected).abs() <= self.0 * expected.abs().max(1.0)
    }
}

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Milliseconds by the clock: of a case, or of all calls of a function together.
    pub wall_ms: u64,
    /// Milliseconds of processor time, the same way.
    pub cpu_ms: u64,
    /// Bytes of address space a process, and of memory of all processes together.
    pub memory_bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub disk_bytes: u64,
    /// Files and folders.
    pub files: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Files open at once.
    pub open_files: u64,
    /// Bytes of the stack.
    pub stack_bytes: u64,
    /// Bytes kept of standard output, and of standard error.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: 6_000,
            cpu_ms: 5_000,
            memory_bytes: 2 << 30,
            file_bytes: 32 << 20,
            disk_bytes: 64 << 20,
            files: 4_096,
            processes: 64,
            open_files: 256,
            stack_bytes: 64 << 20,
            output_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// The time by the clock.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }

    /// Refuses limits that no program could live in, or no machine could keep.
    pub fn check(&self) -> Result<(), String> {
        let ranges = [
            ("wall_ms", self.wall_ms, 10, 3_600_000),
            ("cpu_ms", self.cpu_ms, 10, 3_600_000),
            ("memory_bytes", self.memory_bytes, 16 << 20, 1 << 40),
            ("file_bytes", self.file_bytes, 1 << 12, 1 << 34),
            ("disk_bytes", self.disk_bytes, 1 << 16, 1 << 34),
            ("files", self.files, 16, 1 << 20),
            ("processes", self.processes, 4, 4_096),
            ("open_files", self.open_files, 16, 65_536),
            ("stack_bytes", self.stack_bytes, 1 << 16, 1 << 32),
            ("output_bytes", self.output_bytes, 1, 64 << 20),
        ];
        let wrong = ranges.iter().find(|(_, value, least, most)| value < least || value > most);
        wrong.map_or(Ok(()), |(name, value, least, most)| {
            Err(format!("the limit `{name}` is {value}: it is {least} to {most}"))
        })
    }
}

/// What running a program came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// The verdict.
    pub verdict: RunVerdict,
    /// Why, in a line; it may quote the program and is shown escaped.
    pub detail: String,
    /// What stood between the program and the machine.
    pub tier: Tier,
    /// What stood between the program and its verdict.
    pub integrity: Integrity,
    /// What the last process wrote.
    pub output: Captured,
    /// Processor time of all cells.
    #[serde(rename = "cpu_ms", with = "milliseconds")]
    pub cpu: Duration,
    /// Time by the clock from the first cell's start to the last one's end.
    #[serde(rename = "wall_ms", with = "milliseconds")]
    pub wall: Duration,
}

/// The verdict on a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunVerdict {
    /// Every test passed.
    Pass,
    /// A test did not.
    Fail,
    /// The program crashed: an exception nobody caught, a signal, a status other than 0.
    RuntimeError,
    /// It took longer than it may.
    Timeout,
    /// It wanted more memory than it may have.
    MemoryLimit,
    /// It wrote more than is read.
    OutputLimit,
    /// It does not compile.
    CompileError,
    /// The sandbox broke, or an interpreter is missing: nothing is known of the program.
    Infra,
}

impl RunVerdict {
    /// Returns the name as the store and the files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::RuntimeError => "runtime_error",
            Self::Timeout => "timeout",
            Self::MemoryLimit => "memory_limit",
            Self::OutputLimit => "output_limit",
            Self::CompileError => "compile_error",
            Self::Infra => "infra",
        }
    }
}

/// What stands between a program and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Tier {
    /// Nothing: `--unsafe-no-sandbox`.
    Unsafe,
    /// Namespaces, a root of its own, landlock, seccomp and limits.
    Namespaces,
    /// Landlock, seccomp and limits; one process.
    Landlock,
    /// A container, or a service elsewhere.
    Container,
}

impl Tier {
    /// The number people call it by; 0 is no isolation at all.
    pub fn number(self) -> u8 {
        match self {
            Self::Unsafe => 0,
            Self::Namespaces => 1,
            Self::Landlock => 2,
            Self::Container => 3,
        }
    }
}

impl From<Tier> for u8 {
    fn from(tier: Tier) -> Self {
        tier.number()
    }
}

impl TryFrom<u8> for Tier {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        [Self::Unsafe, Self::Namespaces, Self::Landlock, Self::Container]
            .into_iter()
            .find(|tier| tier.number() == number)
            .ok_or_else(|| format!("there is no tier {number}: tiers are 1, 2 and 3"))
    }
}

/// What stands between a program and its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// The program's process held nothing that could forge a pass.
    Isolated,
    /// The checks ran in the program's process: a determined cheat can still forge a pass.
    InProcess,
}

/// What a process wrote, up to a cap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The first bytes of standard output; data, never read for records.
    pub stdout: Vec<u8>,
    /// The first bytes of standard error.
    pub stderr: Vec<u8>,
    /// Whether there was more.
    pub is_cut: bool,
}

/// Durations as whole milliseconds, rounded.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from((time.as_micros() + 500) / 1_000).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
