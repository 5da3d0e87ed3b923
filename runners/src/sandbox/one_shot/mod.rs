//! Tier 3: programs run elsewhere, each from nothing to its end, in a container or by a service.
//!
//! Neither can hold a cell open to talk to, so everything is a [`Shot`]: a program, what it reads, what it
//! wrote. Expected values stay on this side as in every tier, and where checks have to run, they run in a
//! shot of their own, again for each call they make, with what was answered before.

mod container;
mod course;
mod service;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tripos_tasks::{Captured, Language, Limits, RunVerdict};

use super::cell::Stop;
use super::compare::shown;
use super::stdio::{Ended, REFUSED_STATUS, exited, refused, stopped};
use super::toolchain::Tool;
use container::Engine;
use service::Client;

pub(super) use course::execute;
pub use service::{Dialect, Service};

/// Where tier 3 is to be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// A service that runs programs; without one, `docker` or `podman` is looked for.
    pub service: Option<Service>,
    /// One image for every language, in place of the official ones.
    pub image: Option<String>,
}

/// A program to run once, to its end.
pub(super) struct Shot<'a> {
    pub(super) language: Language,
    pub(super) source: &'a [u8],
    pub(super) input: &'a [u8],
    pub(super) limits: &'a Limits,
}

/// How a shot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Exit(i32),
    Signal(i32),
    /// It was ended early.
    Stopped(Stop),
    /// The compiler did not accept it.
    Refused,
}

/// What came of a shot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) output: Captured,
}

/// Who runs shots.
#[derive(Debug)]
pub(super) enum Backend {
    Container(Box<Engine>),
    Service(Box<Client>),
}

impl Backend {
    /// Finds out whether tier 3 works, by running something in it; says why it does not.
    pub(super) fn open(elsewhere: &Elsewhere, folders: &[PathBuf]) -> Result<Self, String> {
        let backend = match &elsewhere.service {
            Some(service) => Self::Service(Box::new(Client::new(service)?)),
            None => Self::Container(Box::new(Engine::find(folders, elsewhere.image.as_deref())?)),
        };
        let source = b"print('works')".as_slice();
        let shot =
            Shot { language: Language::Python, source, input: b"", limits: &Limits::default() };
        backend.tool(Language::Python)?;
        let ran = backend.run(&shot).map_err(|error| error.to_string())?;
        if ran.end != End::Exit(0) || ran.output.stdout.trim_ascii() != b"works" {
            let said = String::from_utf8_lossy(&ran.output.stderr);
            let said = said.lines().last().unwrap_or_default();
            return Err(format!("a program that prints a word does not print it there: {said}"));
        }
        Ok(backend)
    }

    /// Returns what runs a language, or why nothing does.
    pub(super) fn tool(&self, language: Language) -> Result<&Tool, String> {
        match self {
            Self::Container(engine) => engine.tool(language),
            Self::Service(client) => client.tool(language),
        }
    }

    /// Runs a shot.
    ///
    /// # Errors
    ///
    /// Where nothing is known of the program.
    pub(super) fn run(&self, shot: &Shot<'_>) -> io::Result<Ran> {
        match self {
            Self::Container(engine) => engine.run(shot),
            Self::Service(client) => client.run(shot),
        }
    }
}

impl Ran {
    /// Says how the program ended, as cells do.
    fn ended(self, language: Language, limits: &Limits) -> Ended {
        let error = String::from_utf8_lossy(&self.output.stderr);
        let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let is_unread = language == Language::Python
            && ["SyntaxError", "IndentationError", "TabError"].iter().any(|e| last.starts_with(e));
        let wrong = match self.end {
            End::Exit(1) if is_unread && self.output.stdout.is_empty() => {
                exited(REFUSED_STATUS, 0, &self.output)
            }
            End::Exit(code) => exited(code, 0, &self.output),
            End::Signal(signal) => exited(0, signal, &self.output),
            End::Stopped(stop) => Some(stopped(stop, limits)),
            End::Refused => Some(refused(RunVerdict::CompileError, shown(last), &self.output)),
        };
        // Neither says what processor time was used.
        Ended { wrong, cpu: Duration::ZERO, output: self.output }
    }
}
