//! Programs that read standard input and write standard output: run once a case, compared outside.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tripos_tasks::program::{StdioCase, StdioTests};
use tripos_tasks::{Captured, Execution, Integrity, Language, Limits, Program, RunVerdict};

use super::cell::{Cell, Stop, supervise};
use super::compare::{difference, shown};
use super::function::{self, job};
use super::seccomp::filter;
use super::setup::Command;
use super::slot::{CommandCell, Ground, Job, Side, Slot, environment, rlimits};

/// The exit status by which a fork server's cell says that Python does not accept the program.
pub(super) const REFUSED_STATUS: i32 = 78;
/// The exit status by which it says that Python ran out of memory.
const MEMORY_STATUS: i32 = 77;
/// How much more time and memory a compiler may take than the program.
const COMPILER_FACTOR: u64 = 2;

/// How a cell ended, as far as anything can be said without looking at its output.
pub(super) struct Ended {
    /// What went wrong, and how; nothing where the program ended with status 0.
    pub(super) wrong: Option<(RunVerdict, String)>,
    /// Processor time.
    pub(super) cpu: Duration,
    /// What it wrote.
    pub(super) output: Captured,
}

/// Runs every case until one does not pass.
pub(super) fn run(
    ground: &Ground,
    slot: &mut Slot,
    program: &Program,
    tests: &StdioTests,
) -> io::Result<Execution> {
    let mut course = Course { ground, program, tests, cpu: Duration::ZERO };
    let (verdict, detail, output) = if program.language == Language::Python {
        course.python(slot)?
    } else {
        course.commands(slot)?
    };
    let (tier, integrity) = (ground.tier, Integrity::Isolated);
    let (cpu, wall) = (course.cpu, Duration::ZERO);
    Ok(Execution { verdict, detail, tier, integrity, output, cpu, wall })
}

type Verdict = (RunVerdict, String, Captured);

/// A program on its way through the cases.
struct Course<'a> {
    ground: &'a Ground,
    program: &'a Program,
    tests: &'a StdioTests,
    cpu: Duration,
}

impl Course<'_> {
    fn python(&mut self, slot: &mut Slot) -> io::Result<Verdict> {
        let head = json!({ "name": "main.py", "refused": REFUSED_STATUS });
        let text = job(&head, &self.program.source);
        let limits = self.program.limits;
        let mut last = Captured::default();
        for (n, case) in self.tests.cases.iter().enumerate() {
            let input = Some(case.stdin.clone().into_bytes());
            let job = Job {
                kind: "script",
                text: &text,
                limits: &limits,
                input,
                is_captured: true,
                is_trusted: false,
                extra: Vec::new(),
            };
            let cell = slot.start(self.ground, Side::Solution, job)?;
            let mut ended = finish(cell, &limits)?;
            if let Some(verdict) = self.case(slot, n, case, &mut ended)? {
                return Ok(verdict);
            }
            last = ended.output;
        }
        Ok((RunVerdict::Pass, self.all(), last))
    }

    fn commands(&mut self, slot: &mut Slot) -> io::Result<Verdict> {
        let language = self.program.language;
        let tool = self.ground.tools.tool(language).map_err(io::Error::other)?;
        let cell = slot.commands(self.ground, tool, &self.program.limits)?;
        let recipe = Recipe::of(language, &tool.program);
        let mut file = Some(self.program.source.as_slice());
        if let Some(compiler) = &recipe.compile {
            let limits = compiler_limits(&self.program.limits);
            let mut command = self.command(&cell, compiler, (true, &limits));
            command.file = Some(recipe.file.to_owned());
            let ended = finish(cell.start(&command, None, file.take())?, &limits)?;
            self.cpu += ended.cpu;
            if let Some((verdict, detail)) = ended.wrong {
                let (verdict, detail) = refused(verdict, detail, &ended.output);
                return Ok((verdict, detail, ended.output));
            }
        }
        let mut last = Captured::default();
        for (n, case) in self.tests.cases.iter().enumerate() {
            let mut command = self.command(&cell, &recipe.run, (false, &self.program.limits));
            let file = file.take();
            command.file = file.map(|_| recipe.file.to_owned());
            let input = Some(case.stdin.clone().into_bytes());
            let mut ended = finish(cell.start(&command, input, file)?, &self.program.limits)?;
            if let Some(verdict) = self.case(slot, n, case, &mut ended)? {
                return Ok(verdict);
            }
            last = ended.output;
        }
        Ok((RunVerdict::Pass, self.all(), last))
    }

    /// A command line in the cell of the program.
    fn command(
        &self,
        cell: &CommandCell,
        argv: &[String],
        (is_compiler, limits): (bool, &Limits),
    ) -> Command {
        let work = cell.work();
        let argv = argv.iter().map(|a| a.replace("{work}", &work.display().to_string())).collect();
        // A compiler is a program of the machine's own, whatever it compiles.
        let language = if is_compiler { Language::Go } else { self.program.language };
        Command {
            argv,
            environment: environment(&work),
            rlimits: rlimits(limits, language, self.ground),
            filter: filter(cell.profile(is_compiler)).into(),
            file: None,
            work,
        }
    }

    /// Judges one case; nothing where it passed.
    fn case(
        &mut self,
        slot: &mut Slot,
        n: usize,
        case: &StdioCase,
        ended: &mut Ended,
    ) -> io::Result<Option<Verdict>> {
        self.cpu += ended.cpu;
        let wrong = ended.wrong.take();
        let wrong = weigh(wrong, || self.difference(slot, case, &ended.output.stdout))?;
        Ok(wrong.map(|(verdict, detail)| {
            let detail = format!("case {} of {}: {detail}", n + 1, self.tests.cases.len());
            (verdict, detail, std::mem::take(&mut ended.output))
        }))
    }

    fn difference(
        &self,
        slot: &mut Slot,
        case: &StdioCase,
        output: &[u8],
    ) -> io::Result<Option<String>> {
        match &self.tests.judge {
            Some(judge) => {
                function::judge(self.ground, slot, (judge, &self.program.limits), (case, output))
            }
            None => Ok(difference(output, &case.expect, self.tests.tolerance)),
        }
    }

    fn all(&self) -> String {
        format!("{} cases", self.tests.cases.len())
    }
}

/// Puts the way a program ended together with what its output is not; nothing where both are right.
pub(super) fn weigh(
    wrong: Option<(RunVerdict, String)>,
    difference: impl FnOnce() -> io::Result<Option<String>>,
) -> io::Result<Option<(RunVerdict, String)>> {
    let crash = match wrong {
        Some((verdict, _)) if verdict != RunVerdict::RuntimeError => return Ok(wrong),
        crash => crash,
    };
    Ok(match (crash, difference()?) {
        (None, None) => None,
        (None, Some(difference)) => Some((RunVerdict::Fail, difference)),
        (Some((_, how)), None) => {
            Some((RunVerdict::Fail, format!("the answer is right, but then: {how}")))
        }
        (Some(crash), Some(_)) => Some(crash),
    })
}

/// Runs a cell to its end and says how it ended.
pub(super) fn finish(cell: Cell, limits: &Limits) -> io::Result<Ended> {
    let mut cells = [cell];
    let stop = supervise(&mut cells, Instant::now() + limits.wall())?;
    let [cell] = cells;
    ended(cell, stop, limits)
}

/// Says how a cell ended that nothing is left of.
pub(super) fn ended(cell: Cell, stop: Option<Stop>, limits: &Limits) -> io::Result<Ended> {
    let report = cell.ended.unwrap_or_default();
    let mut outputs = cell.outputs.into_iter();
    let (out, err) = (outputs.next(), outputs.next());
    let is_cut = [&out, &err].into_iter().flatten().any(|output| output.is_cut);
    let bytes = |output: Option<super::cell::Capture>| output.map_or_else(Vec::new, |o| o.bytes);
    let output = Captured { stdout: bytes(out), stderr: bytes(err), is_cut };
    let cpu = Duration::from_micros(report.cpu_us).max(cell.cpu_seen);
    let (code, signal) = (report.status >> 8 & 0xFF, report.status & 0x7F);
    let spent = cpu.as_millis() >= u128::from(limits.cpu_ms) || signal == libc::SIGXCPU;
    let wrong = match (stop, report.error) {
        (Some(stop), _) => Some(stopped(stop, limits)),
        (None, Some(error)) if !cell.is_told => return Err(io::Error::other(error)),
        (None, Some(_)) => None,
        (None, None) if spent => {
            Some((RunVerdict::Timeout, over_time(limits.cpu_ms, " of processor time")))
        }
        (None, None) => exited(code, signal, &output),
    };
    Ok(Ended { wrong, cpu, output })
}

/// The verdict on a program that was ended early.
pub(super) fn stopped(stop: Stop, limits: &Limits) -> (RunVerdict, String) {
    match stop {
        Stop::Time => (RunVerdict::Timeout, over_time(limits.wall_ms, "")),
        Stop::Output => {
            let most = limits.output_bytes;
            (RunVerdict::OutputLimit, format!("more than {most} bytes were written"))
        }
        Stop::Memory => {
            let most = limits.memory_bytes;
            (RunVerdict::MemoryLimit, format!("more than {most} bytes were held"))
        }
        Stop::Disk => {
            let (bytes, files) = (limits.disk_bytes, limits.files);
            let detail = format!("more than {bytes} bytes or {files} files lay in its folder");
            (RunVerdict::OutputLimit, detail)
        }
    }
}

/// The verdict on the way a program ended by itself; nothing where that was status 0.
pub(super) fn exited(code: i32, signal: i32, output: &Captured) -> Option<(RunVerdict, String)> {
    let last = last_line(&output.stderr);
    Some(match code {
        _ if signal != 0 => (RunVerdict::RuntimeError, format!("ended by {}", named(signal))),
        0 => return None,
        MEMORY_STATUS => (RunVerdict::MemoryLimit, "the program ran out of memory".to_owned()),
        REFUSED_STATUS => (RunVerdict::CompileError, last.unwrap_or_default()),
        code => {
            let why = last.map_or_else(String::new, |line| format!(": {line}"));
            (RunVerdict::RuntimeError, format!("exit status {code}{why}"))
        }
    })
}

fn over_time(ms: u64, of: &str) -> String {
    format!("took more than {ms} ms{of}")
}

/// The verdict on a program that its compiler did not accept, or not in time.
pub(super) fn refused(
    verdict: RunVerdict,
    detail: String,
    output: &Captured,
) -> (RunVerdict, String) {
    let error = String::from_utf8_lossy(&output.stderr);
    let line = error.lines().find(|line| line.contains("error")).map(shown);
    let detail = format!("the compiler: {}", line.unwrap_or(detail));
    let verdict = match verdict {
        RunVerdict::RuntimeError | RunVerdict::MemoryLimit => RunVerdict::CompileError,
        other => other,
    };
    (verdict, detail)
}

fn compiler_limits(limits: &Limits) -> Limits {
    Limits {
        wall_ms: limits.wall_ms.max(10_000) * COMPILER_FACTOR,
        cpu_ms: limits.cpu_ms.max(10_000) * COMPILER_FACTOR,
        memory_bytes: limits.memory_bytes.max(2 << 30),
        file_bytes: limits.file_bytes.max(64 << 20),
        ..*limits
    }
}

fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(shown(line))
}

fn named(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned())
}

/// How a language is compiled and run; `{work}` is the folder of the cell.
pub(super) struct Recipe {
    pub(super) file: &'static str,
    pub(super) compile: Option<Vec<String>>,
    pub(super) run: Vec<String>,
}

impl Recipe {
    pub(super) fn of(language: Language, tool: &Path) -> Self {
        let tool = tool.display().to_string();
        let line = |words: &[&str]| -> Vec<String> {
            std::iter::once(tool.clone()).chain(words.iter().map(|w| (*w).to_owned())).collect()
        };
        let made = || vec!["{work}/program".to_owned()];
        match language {
            Language::Python => Self { file: "main.py", compile: None, run: line(&["main.py"]) },
            Language::C => Self {
                file: "main.c",
                compile: Some(line(&["-O2", "-std=gnu17", "-o", "program", "main.c", "-lm"])),
                run: made(),
            },
            Language::Cpp => Self {
                file: "main.cpp",
                compile: Some(line(&["-O2", "-std=gnu++17", "-o", "program", "main.cpp"])),
                run: made(),
            },
            Language::Rust => Self {
                file: "main.rs",
                compile: Some(line(&["-O", "--edition", "2021", "-o", "program", "main.rs"])),
                run: made(),
            },
            Language::Go => Self {
                file: "main.go",
                compile: Some(line(&["build", "-o", "program", "main.go"])),
                run: made(),
            },
            Language::JavaScript => {
                Self { file: "main.js", compile: None, run: line(&["main.js"]) }
            }
            Language::Shell => Self { file: "main.sh", compile: None, run: line(&["main.sh"]) },
        }
    }
}
