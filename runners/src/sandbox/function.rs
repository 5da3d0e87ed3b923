//! Functions: the program in one cell, the checks in another, plain values between them.
//!
//! Only the record of the cell of the checks can say that all is well, and only with the nonce that no
//! other process was told. How the program's own process ended proves nothing.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tripos_tasks::program::{Check, FunctionTests, StdioCase};
use tripos_tasks::{Captured, Execution, Integrity, Limits, Program, RunVerdict};

use super::asserts::PlainCall;
use super::cell::{Capture, Cell, NO_REPORT, Stop, supervise};
use super::compare::shown;
use super::slot::{Ground, Job, Side, Slot};
use super::stdio::{Ended, ended};
use super::{asserts, calls, packet};

/// Said where a cell of checks ended without a word. What the program sent may have brought it down,
/// so the second time in a row it counts against the program.
pub(super) const NO_RECORD: &str = "the cell of the checks left no record";
/// The largest record of a cell of checks.
const RECORD_MAX: usize = 1 << 20;

/// What a cell of checks says in the end.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) nonce: String,
    pub(super) verdict: String,
    pub(super) calls: u64,
    pub(super) detail: String,
}

/// Puts a head and a program into one job.
pub(super) fn job(head: &Value, source: &[u8]) -> Vec<u8> {
    let head = head.to_string();
    let length = u32::try_from(head.len()).expect("a head is short");
    [&length.to_be_bytes(), head.as_bytes(), source].concat()
}

/// A number that nobody can guess, in hexadecimal.
pub(super) fn nonce() -> io::Result<String> {
    use std::fmt::Write as _;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Runs the checks of a function against it.
pub(super) fn run(
    ground: &Ground,
    slot: &mut Slot,
    program: &Program,
    tests: &FunctionTests,
) -> io::Result<Execution> {
    if let Some(plain) = plain(tests)? {
        return calls::run(ground, slot, (program, tests), &plain);
    }
    if let Check::Beside(test) = &tests.check {
        return beside(ground, slot, (program, tests), test);
    }
    let nonce = nonce()?;
    let checks = checks(tests, &nonce);
    let limits = &program.limits;
    let began = Instant::now();
    let (theirs, ours) = packet::stream_pair()?;
    let solution = solution(ground, slot, (program, tests), theirs)?;
    let checks =
        recorded(ground, slot, ("checks", limits), (checks.to_string().as_bytes(), Some(ours)))?;
    let mut cells = [checks, solution];
    let stop = supervise(&mut cells, began + limits.wall())?;
    let [checks, solution] = cells;
    conclude(ground, &checks, (solution, stop), (limits, &nonce))
}

/// Reads tests as plain calls; nothing where they are more.
///
/// # Errors
///
/// Where tests that come as calls are none.
pub(super) fn plain(tests: &FunctionTests) -> io::Result<Option<Vec<PlainCall>>> {
    Ok(match &tests.check {
        Check::Candidate(test) => asserts::of_candidate(&tests.entry, test),
        Check::Asserts { setup, asserts } if setup.trim().is_empty() => {
            asserts::of_asserts(&tests.entry, asserts)
        }
        Check::Calls(calls) => {
            Some(asserts::of_calls(&tests.entry, calls).map_err(io::Error::other)?)
        }
        Check::Asserts { .. } | Check::Beside(_) => None,
    })
}

/// The job of the side of the checks.
pub(super) fn checks(tests: &FunctionTests, nonce: &str) -> Value {
    match &tests.check {
        Check::Candidate(test) => json!({
            "kind": "candidate", "nonce": nonce, "entry": tests.entry, "test": test,
            "prelude": slim(&tests.prelude, &tests.entry),
        }),
        Check::Asserts { setup, asserts } => json!({
            "kind": "asserts", "nonce": nonce, "names": entries(tests), "setup": setup,
            "asserts": asserts,
        }),
        Check::Calls(_) | Check::Beside(_) => unreachable!("the caller has dealt with both"),
    }
}

/// The head of a job of the side of the program.
pub(super) fn head(program: &Program, tests: &FunctionTests) -> Value {
    // A program that repeats the prelude needs it no second time.
    let is_repeated = program.source.starts_with(tests.prelude.as_bytes());
    let prelude = if is_repeated { "" } else { &tests.prelude };
    json!({ "entries": entries(tests), "prelude": prelude })
}

/// What checks can use of a prelude: all of it, or its imports where all else is the function itself.
fn slim(prelude: &str, entry: &str) -> String {
    let head = format!("def {entry}(");
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ");
    let is_own = |line: &str| {
        line.is_empty() || line.starts_with([' ', '\t', '#']) || line.starts_with(&head)
    };
    if prelude.lines().all(|line| is_import(&line) || is_own(line)) {
        return prelude.lines().filter(is_import).map(|line| line.to_owned() + "\n").collect();
    }
    prelude.to_owned()
}

fn entries(tests: &FunctionTests) -> Vec<&str> {
    if tests.entry.is_empty() { Vec::new() } else { vec![&tests.entry] }
}

/// Starts the cell of a program that answers calls on `link`.
pub(super) fn solution(
    ground: &Ground,
    slot: &mut Slot,
    (program, tests): (&Program, &FunctionTests),
    link: OwnedFd,
) -> io::Result<Cell> {
    let text = job(&head(program, tests), &program.source);
    let extra = vec![link];
    let limits = &program.limits;
    let job = Job {
        kind: "solution",
        text: &text,
        limits,
        input: None,
        is_captured: true,
        is_trusted: false,
        extra,
    };
    slot.start(ground, Side::Solution, job)
}

/// Starts a cell that leaves a record, which is the last thing it is captured of.
fn recorded(
    ground: &Ground,
    slot: &mut Slot,
    (kind, limits): (&str, &Limits),
    (text, link): (&[u8], Option<OwnedFd>),
) -> io::Result<Cell> {
    let (record, written) = packet::pipe()?;
    let extra: Vec<OwnedFd> = link.into_iter().chain([written]).collect();
    let is_captured = kind == "beside";
    let is_trusted = kind == "checks";
    let job = Job { kind, text, limits, input: None, is_captured, is_trusted, extra };
    let mut cell = slot.start(ground, Side::Checks, job)?;
    cell.outputs.push(Capture::new(record, RECORD_MAX)?);
    Ok(cell)
}

/// Runs checks beside the program, and again against expectations that nothing meets.
fn beside(
    ground: &Ground,
    slot: &mut Slot,
    (program, tests): (&Program, &FunctionTests),
    test: &str,
) -> io::Result<Execution> {
    let mut cpu = Duration::ZERO;
    let mut last = None;
    for is_spoiled in [false, true] {
        let nonce = nonce()?;
        let head = json!({
            "nonce": nonce, "entry": tests.entry, "prelude": tests.prelude, "test": test,
            "spoiled": is_spoiled,
        });
        let text = job(&head, &program.source);
        let cell = recorded(ground, slot, ("beside", &program.limits), (&text, None))?;
        let mut cells = [cell];
        let stop = supervise(&mut cells, Instant::now() + program.limits.wall())?;
        let [cell] = cells;
        let record = cell.outputs.last().and_then(|o| read_record(&o.bytes));
        let ended = ended(cell, stop, &program.limits)?;
        cpu += ended.cpu;
        let record = record.filter(|record| record.nonce == nonce);
        let (verdict, detail) = match (record, ended.wrong) {
            (_, Some(wrong)) if wrong.0 != RunVerdict::RuntimeError => wrong,
            (Some(record), wrong) => judged(&record, wrong, 0)?,
            (None, _) => (RunVerdict::Fail, "the program ended before the checks did".to_owned()),
        };
        last = Some((verdict, detail, ended.output));
        if is_spoiled {
            break;
        }
        if verdict != RunVerdict::Pass {
            return Ok(in_process(ground, last, cpu));
        }
    }
    let (verdict, _, output) = last.expect("two rounds were run");
    let last = if verdict == RunVerdict::Pass {
        let detail = "the program passes checks that nothing can pass".to_owned();
        (RunVerdict::Fail, detail, output)
    } else {
        (RunVerdict::Pass, "checked beside the program".to_owned(), output)
    };
    Ok(in_process(ground, Some(last), cpu))
}

fn in_process(
    ground: &Ground,
    last: Option<(RunVerdict, String, Captured)>,
    cpu: Duration,
) -> Execution {
    let (verdict, detail, output) = last.expect("a round was run");
    let (tier, integrity, wall) = (ground.tier, Integrity::InProcess, Duration::ZERO);
    Execution { verdict, detail, tier, integrity, output, cpu, wall }
}

/// Puts together what the two cells came to.
fn conclude(
    ground: &Ground,
    checks: &Cell,
    (solution, stop): (Cell, Option<Stop>),
    (limits, nonce): (&Limits, &str),
) -> io::Result<Execution> {
    let report = checks.ended.clone().unwrap_or_default();
    let record = checks.outputs.first().and_then(|o| read_record(&o.bytes));
    let solution = ended(solution, stop, limits)?;
    let cpu = solution.cpu + Duration::from_micros(report.cpu_us);
    let Ended { wrong, output, .. } = solution;
    let (verdict, detail) = match (stop, record) {
        (Some(_), _) => wrong.expect("a cell that was stopped has a reason"),
        (None, Some(record)) if record.nonce == nonce => judged(&record, wrong, report.status)?,
        (None, _) => match report.error {
            Some(error) if error != NO_REPORT => return Err(io::Error::other(error)),
            _ => return Err(io::Error::other(NO_RECORD)),
        },
    };
    let (tier, integrity, wall) = (ground.tier, Integrity::Isolated, Duration::ZERO);
    Ok(Execution { verdict, detail, tier, integrity, output, cpu, wall })
}

/// Reads the verdict out of a record with the right nonce.
pub(super) fn judged(
    record: &Record,
    wrong: Option<(RunVerdict, String)>,
    status: i32,
) -> io::Result<(RunVerdict, String)> {
    let detail = shown(&record.detail);
    // Time and memory are limits of the program: what the checks saw of its end is less exact.
    let limit = wrong.filter(|(verdict, _)| {
        matches!(verdict, RunVerdict::Timeout | RunVerdict::MemoryLimit | RunVerdict::OutputLimit)
    });
    Ok(match (record.verdict.as_str(), limit) {
        ("pass", _) if record.calls > 0 && status == 0 => {
            (RunVerdict::Pass, format!("{} calls", record.calls))
        }
        (_, Some(limit)) => limit,
        ("fail", None) => (RunVerdict::Fail, detail),
        ("runtime_error", None) => (RunVerdict::RuntimeError, detail),
        ("compile_error", None) => (RunVerdict::CompileError, detail),
        ("memory_limit", None) => (RunVerdict::MemoryLimit, detail),
        (other, None) => {
            return Err(io::Error::other(format!("the checks ended with `{other}`: {detail}")));
        }
    })
}

fn read_record(bytes: &[u8]) -> Option<Record> {
    let (length, body) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    serde_json::from_slice(body.get(..length)?).ok()
}

/// Asks a task's own judge about an output; nothing where it is right.
pub(super) fn judge(
    ground: &Ground,
    slot: &mut Slot,
    (judge, limits): (&str, &Limits),
    (case, output): (&StdioCase, &[u8]),
) -> io::Result<Option<String>> {
    let nonce = nonce()?;
    let head = json!({
        "nonce": nonce, "judge": judge, "input": case.stdin, "answer": case.expect,
    });
    let cell = recorded(ground, slot, ("judge", limits), (&job(&head, output), None))?;
    let mut cells = [cell];
    let stop = supervise(&mut cells, Instant::now() + limits.wall())?;
    let record = cells[0].outputs.last().and_then(|o| read_record(&o.bytes));
    let record = record.filter(|record| record.nonce == nonce && stop.is_none());
    if record.is_none() && stop.is_some() {
        return Ok(Some("the task's judge is not done with it in time".to_owned()));
    }
    accepted(record)
}

/// What a task's judge says of an output; nothing where it is right.
pub(super) fn accepted(record: Option<Record>) -> io::Result<Option<String>> {
    match record {
        Some(record) if record.verdict == "pass" => Ok(None),
        Some(record) if record.verdict == "fail" => {
            let why = if record.detail.is_empty() {
                String::new()
            } else {
                format!(": {}", shown(&record.detail))
            };
            Ok(Some(format!("the task's judge does not accept the output{why}")))
        }
        Some(record) => Err(io::Error::other(format!("the task's judge broke: {}", record.detail))),
        None => Err(io::Error::other(NO_RECORD)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prelude: &str, expected: &str) {
        assert_eq!(slim(prelude, "f"), expected, "of {prelude:?}");
    }

    #[test]
    fn checks_get_the_helpers_of_a_prelude_and_not_the_function_itself() {
        check("import math\n\n\ndef f(x):\n    \"\"\"Doc.\"\"\"\n", "import math\n");
        let helper = "def g(x):\n    return x\n\n\ndef f(x):\n";
        check(helper, helper);
        check("N = 3\ndef f(x):\n", "N = 3\ndef f(x):\n");
        check("def ff(x):\n", "def ff(x):\n");
    }
}
