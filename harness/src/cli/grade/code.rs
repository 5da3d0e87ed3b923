//! `tripos grade code`: runs programs against their tests, one a line.
//!
//! Lines are judged side by side and written in order. A line that cannot be read is an error of its
//! own and stops nothing; memory does not grow with the number of lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use serde::Deserialize;
use serde_json::{Value, json};
use tripos_runners::sandbox::{Options, Sandbox};
use tripos_tasks::program::form::Case;
use tripos_tasks::{Execution, RunVerdict, Tier};

use super::super::Context;
use crate::config::search_folders;
use crate::failure::{Failure, Kind};

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 64 << 20;
/// How many verdicts may wait for an earlier one, for each program that can run at once.
const AHEAD: usize = 8;

/// Judge programs: `{id, lang, program, tests}` a line
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CodeArgs {
    /// The programs, one JSON object a line
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// Where the verdicts go, one JSON object a line in the same order
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// What stands between programs and this machine.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct SandboxArgs {
    /// Use this isolation tier and no other [default: the best that works here]
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(in crate::cli) tier: Option<u8>,

    /// Run programs without any isolation where no tier works; every verdict says so
    #[arg(long)]
    pub(in crate::cli) unsafe_no_sandbox: bool,
}

/// Why not every line has a verdict.
#[derive(Debug, thiserror::Error)]
enum GradeError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{bad} of {lines} lines could not be graded: each has an `error` in `{}`", path.display())]
    Lines { bad: u64, lines: u64, path: PathBuf },
    #[error(
        "{infra} of {lines} programs were not measured: the sandbox or an interpreter failed them"
    )]
    Infra { infra: u64, lines: u64 },
}

/// One line of the input.
#[derive(Deserialize)]
struct Line {
    id: Value,
    #[serde(flatten)]
    case: Case,
}

/// What became of a line.
struct Graded {
    text: Value,
    is_bad: bool,
    is_infra: bool,
}

/// How many lines there were, and what became of them.
#[derive(Default)]
struct Count {
    lines: u64,
    bad: u64,
    infra: u64,
}

/// Judges every line.
pub(super) fn run(context: &Context, arguments: &CodeArgs) -> Result<ExitCode, Failure> {
    let reading = |source| GradeError::Read { path: arguments.input.clone(), source };
    let writing = |source| GradeError::Write { path: arguments.output.clone(), source };
    let input = File::open(&arguments.input).map_err(|e| Failure::usage(reading(e)))?;
    let sandbox = open(context, &arguments.sandbox)?;
    let output = File::create(&arguments.output).map_err(|e| Failure::usage(writing(e)))?;
    let mut output = BufWriter::new(output);
    let count = grade_all(&sandbox, BufReader::new(input), &mut output)
        .and_then(|count| output.flush().map(|()| count).map_err(Trouble::Write));
    let count = match count {
        Ok(count) => count,
        Err(Trouble::Read(error)) => return Err(Failure::invalid(reading(error))),
        Err(Trouble::Write(error)) => return Err(Failure::invalid(writing(error))),
    };
    let Count { lines, bad, infra } = count;
    context.output.note(&format!("{lines} lines graded in tier {}", sandbox.tier().number()));
    let path: &Path = &arguments.output;
    if bad > 0 {
        return Err(Failure::invalid(GradeError::Lines { bad, lines, path: path.to_owned() }));
    }
    if infra > 0 {
        return Err(Failure::invalid(GradeError::Infra { infra, lines })
            .hint("`tripos doctor` says what is missing"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the sandbox that the arguments ask for, and says so where there is none.
pub(in crate::cli) fn open(context: &Context, arguments: &SandboxArgs) -> Result<Sandbox, Failure> {
    let tier = arguments.tier.map(|tier| tier.try_into().expect("the range was checked"));
    let options = Options { tier, folders: search_folders(), ..Options::default() };
    let error = match Sandbox::open(&options) {
        Ok(sandbox) => return Ok(sandbox),
        Err(error) => error,
    };
    if arguments.unsafe_no_sandbox {
        context.output.note(&format!("warning: {error}; programs run WITHOUT ISOLATION"));
        let options = Options { tier: Some(Tier::Unsafe), ..options };
        return Sandbox::open(&options).map_err(Failure::invalid);
    }
    Err(Failure::new(Kind::Invalid, error)
        .hint("docs/sandbox.md has recipes for machines that refuse namespaces")
        .hint("`--unsafe-no-sandbox` runs programs without any isolation"))
}

/// What ended the work early.
enum Trouble {
    Read(io::Error),
    Write(io::Error),
}

/// Judges the lines of `input` side by side and writes their verdicts in order.
fn grade_all(
    sandbox: &Sandbox,
    mut input: impl BufRead + Send,
    output: &mut impl Write,
) -> Result<Count, Trouble> {
    let workers = sandbox.concurrency();
    let (lines, received) = mpsc::sync_channel::<(u64, Result<Vec<u8>, String>)>(workers);
    let received = Mutex::new(received);
    let (graded, verdicts) = mpsc::channel::<(u64, Graded)>();
    // A ticket a line: no more lines are under way than there are tickets.
    let (tickets, returned) = mpsc::sync_channel::<()>(workers * AHEAD);
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            for n in 0.. {
                let Some(line) = next_line(&mut input)? else { break };
                if tickets.send(()).is_err() || lines.send((n, line)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        for _ in 0..workers {
            let (graded, received) = (graded.clone(), &received);
            scope.spawn(move || {
                loop {
                    let next = received.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((n, line)) = next else { return };
                    if graded.send((n, grade_line(sandbox, n, line))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(graded);
        let count = write_in_order(&verdicts, &returned, output);
        drop((verdicts, returned));
        let read = reader.join().expect("reading lines does not panic");
        let count = count.map_err(Trouble::Write)?;
        read.map_err(Trouble::Read)?;
        Ok(count)
    })
}

/// Writes verdicts in the order of their lines.
fn write_in_order(
    verdicts: &mpsc::Receiver<(u64, Graded)>,
    returned: &mpsc::Receiver<()>,
    output: &mut impl Write,
) -> io::Result<Count> {
    let mut count = Count::default();
    let mut waiting = BTreeMap::new();
    for (n, graded) in verdicts {
        waiting.insert(n, graded);
        while let Some(graded) = waiting.remove(&count.lines) {
            writeln!(output, "{}", graded.text)?;
            count.lines += 1;
            count.bad += u64::from(graded.is_bad);
            count.infra += u64::from(graded.is_infra);
            // The reader may be through already.
            let _ = returned.try_recv();
        }
    }
    Ok(count)
}

/// Reads one line; a line that is too long is read to its end and not kept.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    let mut is_long = false;
    loop {
        let part = input.fill_buf()?;
        if part.is_empty() {
            let is_end = line.is_empty() && !is_long;
            return Ok((!is_end).then(|| kept(line, is_long)));
        }
        let end = part.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(part.len());
        is_long |= line.len() + length > MAX_LINE;
        if is_long {
            line.clear();
        } else {
            line.extend_from_slice(&part[..length]);
        }
        input.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            return Ok(Some(kept(line, is_long)));
        }
    }
}

fn kept(line: Vec<u8>, is_long: bool) -> Result<Vec<u8>, String> {
    if is_long { Err(format!("the line is longer than {MAX_LINE} bytes")) } else { Ok(line) }
}

/// Judges one line, or says why it cannot be read.
fn grade_line(sandbox: &Sandbox, n: u64, line: Result<Vec<u8>, String>) -> Graded {
    let bad = |id: Value, why: &str| Graded {
        text: json!({ "id": id, "error": format!("line {}: {why}", n + 1) }),
        is_bad: true,
        is_infra: false,
    };
    let line = match line {
        Ok(line) => line,
        Err(why) => return bad(Value::Null, &why),
    };
    let text = match String::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return bad(Value::Null, &format!("not UTF-8: {}", error.utf8_error())),
    };
    let id = || {
        let value: Option<Value> = serde_json::from_str(&text).ok();
        value.and_then(|value| value.get("id").cloned()).unwrap_or_default()
    };
    let Line { id, case } = match serde_json::from_str(&text) {
        Ok(line) => line,
        Err(error) => return bad(id(), &error.to_string()),
    };
    match case.program() {
        Ok(program) => {
            let execution = sandbox.execute(&program);
            let is_infra = execution.verdict == RunVerdict::Infra;
            Graded { text: verdict_line(&id, &execution), is_bad: false, is_infra }
        }
        Err(why) => bad(id, &why),
    }
}

/// Writes a verdict down. In these files a program that crashes fails; the detail says that it did.
fn verdict_line(id: &Value, execution: &Execution) -> Value {
    let (verdict, detail) = match execution.verdict {
        RunVerdict::RuntimeError => {
            (RunVerdict::Fail, format!("runtime_error: {}", execution.detail))
        }
        verdict => (verdict, execution.detail.clone()),
    };
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1_000.0;
    let rounded = |ms: f64| (ms * 10.0).round() / 10.0;
    let mut line = json!({
        "id": id,
        "verdict": verdict,
        "detail": detail,
        "tier": execution.tier,
        "integrity": execution.integrity,
        "wall_ms": rounded(milliseconds(execution.wall)),
        "cpu_ms": rounded(milliseconds(execution.cpu)),
    });
    if execution.tier == Tier::Unsafe {
        line["unsafe_no_sandbox"] = json!(true);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_a_long_one_is_not_kept() {
        let long = "x".repeat(MAX_LINE + 1);
        let text = format!("a\n\n{long}\nb\r\nlast");
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut read = Vec::new();
        while let Some(line) = next_line(&mut input).expect("memory can be read") {
            read.push(line.map(|line| String::from_utf8(line).expect("text")).map_err(|_| ()));
        }
        let expected = [Ok("a"), Ok(""), Err(()), Ok("b\r"), Ok("last")];
        assert_eq!(read, expected.map(|line| line.map(str::to_owned)));
    }
}
