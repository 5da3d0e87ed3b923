//! Pulls a model that `-m hf:ORG/NAME@REV` names, and says how far it is.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tripos_runners::hub::{self, Progress, Pulled, Reference, ReferenceError, Wanted};
use tripos_runners::model::LocalModel;
use tripos_runners::{Model, ModelSource};

use super::Context;
use super::output::{Output, is_watched, rewrite_line};
use super::select::block_on;
use crate::config;
use crate::failure::Failure;

/// What stands before the name of a model on a hub.
pub(super) const PREFIX: &str = "hf:";

/// How often the line is drawn on a terminal, and written elsewhere.
const REDRAW: Duration = Duration::from_millis(100);
const PLAIN: Duration = Duration::from_secs(5);
/// Digits of a commit that are shown.
const COMMIT_DIGITS: usize = 12;

/// Why `-m hf:` cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("`{PREFIX}{name}` names nothing on a hub")]
struct NoReference {
    name: String,
    source: ReferenceError,
}

/// The line that says how far a pull is.
struct Line<'a> {
    output: Output,
    name: &'a str,
    watched: bool,
    started: Instant,
    drawn: Cell<Option<Instant>>,
    latest: Cell<Progress>,
}

/// Brings what is missing of the model `name`, which is called as it was typed.
pub(super) fn pull(context: &Context, name: &str) -> Result<Model, Failure> {
    let reference: Reference = name.parse().map_err(|source| {
        Failure::usage(NoReference { name: name.to_owned(), source })
            .hint("`-m hf:ORG/NAME@REVISION`, such as `-m hf:Qwen/Qwen3-0.6B@main`")
    })?;
    let settings = config::hub()?;
    let line = Line::new(context.output, name);
    let show = |progress: Progress| line.show(progress);
    let work = async { Ok(hub::pull(&settings, &reference, &Wanted::Checkpoint, &show).await?) };
    let pulled = block_on(work);
    line.clear();
    let pulled = pulled?;
    context.output.note(&line.summary(&pulled));
    let source = ModelSource::Folder(LocalModel { path: pulled.folder });
    Ok(Model { name: name.to_owned(), source })
}

impl<'a> Line<'a> {
    fn new(output: Output, name: &'a str) -> Self {
        let watched = is_watched();
        let now = Instant::now();
        // The first plain line is due after the first pause.
        let drawn = Cell::new(if watched { None } else { Some(now) });
        Self { output, name, watched, started: now, drawn, latest: Cell::default() }
    }

    /// Takes how far it is, and draws when it is time to.
    fn show(&self, progress: Progress) {
        self.latest.set(progress);
        let pause = if self.watched { REDRAW } else { PLAIN };
        let due = self.drawn.get().is_none_or(|drawn| drawn.elapsed() >= pause);
        if self.output.is_quiet() || !due {
            return;
        }
        self.drawn.set(Some(Instant::now()));
        let line = describe(self.name, progress);
        if self.watched { rewrite_line(&line) } else { self.output.note(&line) }
    }

    /// Takes the line off the terminal.
    fn clear(&self) {
        if self.watched && !self.output.is_quiet() && self.drawn.get().is_some() {
            rewrite_line("");
        }
    }

    /// What the model is, and what that took.
    fn summary(&self, pulled: &Pulled) -> String {
        let commit: String = pulled.commit.chars().take(COMMIT_DIGITS).collect();
        let Progress { files, bytes, .. } = self.latest.get();
        let took = if files == 0 {
            "from the cache".to_owned()
        } else {
            let seconds = self.started.elapsed().as_secs();
            format!("{files} files, {}, pulled in {seconds} s", size(bytes))
        };
        format!("{}: commit {commit}, {took}", self.name)
    }
}

fn describe(name: &str, progress: Progress) -> String {
    let Progress { files_done, files, bytes_done, bytes } = progress;
    format!("pulling {name}  {files_done}/{files} files  {} of {}", size(bytes_done), size(bytes))
}

/// Bytes in the unit that suits them.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return format!("{bytes} bytes");
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit / (unit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_of_how_much_is_here() {
        let progress = Progress { files_done: 1, files: 4, bytes_done: 999, bytes: 1_234_567_890 };
        let line = "pulling acme/tiny  1/4 files  999 bytes of 1.2 GB";
        assert_eq!(describe("acme/tiny", progress), line);
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(999_999), "999.9 kB");
        assert_eq!(size(8_000_000), "8.0 MB");
    }
}
