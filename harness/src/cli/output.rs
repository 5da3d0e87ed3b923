//! Where words go: results to stdout, everything else to stderr. The only place that prints.
//!
//! A reader that goes away is not an error: what it no longer wants is not written, and the command
//! goes on to its end.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use tripos_dashboards::terminal::Screen;

use super::Format;
use crate::failure::Failure;

/// Columns that tables may take.
const WIDTH: usize = 100;

/// What a command says, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    format: Format,
    voice: Voice,
}

/// How much is said besides results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// Nothing but errors.
    Quiet,
    /// How far things are.
    Normal,
    /// What becomes of every model, too.
    Verbose,
}

impl Output {
    pub(super) fn new(format: Format, voice: Voice) -> Self {
        Self { format, voice }
    }

    /// Whether results are for programs.
    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether nothing but results and errors is said.
    pub(super) fn is_quiet(self) -> bool {
        self.voice == Voice::Quiet
    }

    /// Whether every model is named.
    pub(super) fn is_verbose(self) -> bool {
        self.voice == Voice::Verbose
    }

    /// Says something that is not a result, unless asked to be quiet.
    pub(super) fn note(self, text: &str) {
        if !self.is_quiet() {
            // Nowhere is left to say that stderr is gone.
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        }
    }
}

/// What tables are made for. Styles are stripped on the way out where they are not wanted.
pub(super) fn screen() -> Screen {
    Screen { width: WIDTH, color: true }
}

/// Prints a result for people.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    kept(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints a result for programs.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(document).expect("documents serialise to JSON");
    text.push('\n');
    let mut out = io::stdout().lock();
    kept(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Whether someone watches stderr as it comes.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Rewrites the last line of the terminal that stderr is.
pub(super) fn rewrite_line(text: &str) {
    let mut out = io::stderr().lock();
    let _ = write!(out, "\r\u{1b}[2K{text}").and_then(|()| out.flush());
}

/// Prints a failure to stderr.
pub(super) fn print_failure(failure: &Failure) {
    let _ = failure.write(&mut anstream::stderr().lock());
}

/// Writes a file as a whole: a reader sees the old one or the new one.
pub(super) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, content).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // The first error is the one to report; a leftover part is only untidy.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Forgives a reader that went away.
fn kept(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::invalid(Unprinted { source: error }))
        }
        _ => Ok(()),
    }
}

/// Standard output that takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct Unprinted {
    source: io::Error,
}
