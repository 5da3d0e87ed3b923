//! JSON lines through a function, on every core, in order and in constant memory.
//!
//! Lines are read in blocks of bounded size; a block is worked on by all threads and written before the
//! next one is read.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde_json::{Value, json};

use crate::cli::Context;
use crate::failure::{Failure, Kind};
use crate::report::thousands;

/// The longest line.
const LINE_MAX: usize = 16 << 20;
/// A block ends after so many lines or bytes.
const BLOCK_LINES: usize = 4096;
const BLOCK_BYTES: usize = 32 << 20;

/// Where lines come from and go to.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Files {
    /// The answers, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// The verdicts, one JSON object a line; `-` is standard output
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// Lines to grade at once [default: as the cores allow]
    #[arg(long, visible_alias = "jobs", value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=512))]
    pub(super) threads: Option<usize>,
}

/// Why a file could not be graded.
#[derive(Debug, thiserror::Error)]
enum LinesError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` is both the input and the output", path.display())]
    SameFile { path: PathBuf },
    #[error("cannot start threads")]
    Threads { source: rayon::ThreadPoolBuildError },
    #[error("{wrong} of {all} lines could not be graded; the first is line {line}: {error}")]
    Wrong { wrong: String, all: String, line: usize, error: String },
}

/// A line as it was read.
enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// What became of all lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Lines of the input, blank ones too.
    read: usize,
    /// Lines of the output.
    lines: usize,
    wrong: usize,
    first: Option<(usize, String)>,
}

/// Sends every line through `grade` on some threads (0: one for each core). It gives the object to
/// write or says what is wrong with the line. Blank lines are left out.
pub(super) fn run(
    context: &Context,
    files: &Files,
    threads: usize,
    grade: impl Fn(&Value) -> Result<Value, String> + Sync,
) -> Result<ExitCode, Failure> {
    let mut input = open(&files.input)?;
    let mut output = create(files)?;
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|source| Failure::invalid(LinesError::Threads { source }))?;
    let unreadable =
        |source| Failure::invalid(LinesError::Read { path: files.input.clone(), source });
    let mut tally = Tally::default();
    loop {
        let block = read_block(&mut input).map_err(unreadable)?;
        if block.is_empty() {
            break;
        }
        let graded: Vec<_> =
            pool.install(|| block.par_iter().map(|line| one(line, &grade)).collect());
        let written = write_block(&mut output, graded, &mut tally);
        match written.and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written.map_err(|source| {
                Failure::invalid(LinesError::Write { path: files.output.clone(), source })
            })?,
        }
    }
    finish(context, tally)
}

/// Says what can be said of the input before anything else is done: that it is there.
pub(super) fn check(files: &Files) -> Result<(), Failure> {
    if files.input == Path::new("-") { Ok(()) } else { open(&files.input).map(drop) }
}

fn finish(context: &Context, tally: Tally) -> Result<ExitCode, Failure> {
    let all = thousands(tally.lines as u64);
    match tally.first {
        None => {
            context.output.note(&format!("{all} lines graded"));
            Ok(ExitCode::SUCCESS)
        }
        Some((line, error)) => {
            let wrong = thousands(tally.wrong as u64);
            Err(Failure::invalid(LinesError::Wrong { wrong, all, line, error })
                .hint("every other line is graded in the output"))
        }
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::with_capacity(1 << 20, file))),
        Err(source) => {
            Err(Failure::new(Kind::Usage, LinesError::Read { path: path.to_owned(), source }))
        }
    }
}

fn create(files: &Files) -> Result<Box<dyn Write>, Failure> {
    if files.output == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let same = |a: &Path, b: &Path| {
        fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b))
    };
    if same(&files.input, &files.output) {
        return Err(Failure::usage(LinesError::SameFile { path: files.output.clone() }));
    }
    let file = File::create(&files.output).map_err(|source| {
        Failure::invalid(LinesError::Write { path: files.output.clone(), source })
    })?;
    Ok(Box::new(BufWriter::with_capacity(1 << 20, file)))
}

/// Reads the next lines; none at the end.
fn read_block(input: &mut impl BufRead) -> io::Result<Vec<Line>> {
    let (mut block, mut bytes) = (Vec::new(), 0);
    while block.len() < BLOCK_LINES && bytes < BLOCK_BYTES {
        let Some(line) = read_line(input)? else { break };
        bytes += match &line {
            Line::Text(text) => text.len(),
            Line::TooLong => 0,
        };
        block.push(line);
    }
    Ok(block)
}

/// Reads a line without its end; of one that is too long the rest is skipped.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let limit = LINE_MAX as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.last() != Some(&b'\n') && text.len() > LINE_MAX {
        skip_line(input)?;
        return Ok(Some(Line::TooLong));
    }
    Ok(Some(Line::Text(text)))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Grades one line: what is written for it and, where it is wrong, why. Nothing for a blank one.
fn one(
    line: &Line,
    grade: &(impl Fn(&Value) -> Result<Value, String> + Sync),
) -> Option<(Value, Option<String>)> {
    let error = |id: Value, error: String| Some((json!({ "id": id, "error": error }), Some(error)));
    let text = match line {
        Line::TooLong => return error(Value::Null, format!("longer than {LINE_MAX} bytes")),
        Line::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => return None,
            Ok(text) => text,
            Err(_) => return error(Value::Null, "not valid UTF-8".to_owned()),
        },
    };
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(cause) => return error(Value::Null, format!("not valid JSON: {cause}")),
    };
    if !value.is_object() {
        return error(Value::Null, "not a JSON object".to_owned());
    }
    match grade(&value) {
        Ok(graded) => Some((graded, None)),
        Err(cause) => error(value["id"].clone(), cause),
    }
}

fn write_block(
    output: &mut impl Write,
    graded: Vec<Option<(Value, Option<String>)>>,
    tally: &mut Tally,
) -> io::Result<()> {
    for line in graded {
        tally.read += 1;
        let Some((value, error)) = line else { continue };
        if let Some(error) = error {
            tally.wrong += 1;
            tally.first.get_or_insert((tally.read, error));
        }
        serde_json::to_writer(&mut *output, &value)?;
        output.write_all(b"\n")?;
        tally.lines += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut input = text;
        let mut all = Vec::new();
        while let Some(line) = read_line(&mut input).expect("memory") {
            all.push(match line {
                Line::Text(text) => format!("{} bytes", text.len()),
                Line::TooLong => "too long".to_owned(),
            });
        }
        all
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        let mut text = vec![b'x'; LINE_MAX + 5];
        text.extend(b"\nab\n");
        text.extend(vec![b'y'; LINE_MAX]);
        text.extend(b"\nc");
        let longest = format!("{} bytes", LINE_MAX + 1);
        assert_eq!(lines(&text), ["too long", "3 bytes", &longest, "1 bytes"]);
    }

    #[track_caller]
    fn check(line: &[u8], written: &str) {
        let echo = |value: &Value| match &value["n"] {
            Value::Null => Err("no `n`".to_owned()),
            n => Ok(json!({ "id": value["id"], "n": n })),
        };
        let seen = one(&Line::Text(line.to_vec()), &echo);
        let seen = seen.map_or("nothing".to_owned(), |(value, _)| value.to_string());
        assert_eq!(seen, written);
    }

    #[test]
    fn a_wrong_line_is_an_error_of_its_own() {
        check(b"{\"id\": 7, \"n\": 1}\n", r#"{"id":7,"n":1}"#);
        check(b"{\"id\": \"a\"}", r#"{"id":"a","error":"no `n`"}"#);
        check(b"  \n", "nothing");
        check(b"[1]", r#"{"id":null,"error":"not a JSON object"}"#);
        check(b"{\"id\": \"\xff\"}", r#"{"id":null,"error":"not valid UTF-8"}"#);
        let control = r"control character (\\u0000-\\u001F) found while parsing a string";
        check(
            b"{\"id\": \"\x00\"}",
            &format!(r#"{{"id":null,"error":"not valid JSON: {control} at line 1 column 9"}}"#),
        );
    }

    #[test]
    fn the_first_wrong_line_is_counted_as_editors_do() {
        let fine = || Some((json!({}), None));
        let wrong = |why: &str| Some((json!({}), Some(why.to_owned())));
        let mut tally = Tally::default();
        let blocks = [vec![fine(), None, fine()], vec![None, fine(), wrong("a"), wrong("b")]];
        for block in blocks {
            write_block(&mut io::sink(), block, &mut tally).expect("a sink");
        }
        let first = Some((6, "a".to_owned()));
        assert_eq!(tally, Tally { read: 7, lines: 5, wrong: 2, first });
    }
}
