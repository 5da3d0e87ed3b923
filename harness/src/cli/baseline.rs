//! `tripos baseline export`: one arm of a run as a file to judge later runs against.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::Context;
use super::output::{print, print_json, write_file};
use super::select::{Loaded, block_on, load, open_store, sources};
use crate::bundle::{self, Baseline, BundleError};
use crate::failure::Failure;
use crate::report::Source;
use crate::store::Store;

/// Keep what a run was measured as, to judge later runs against
#[derive(Clone, Debug, clap::Args)]
pub(super) struct BaselineArgs {
    #[command(subcommand)]
    command: BaselineCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum BaselineCommand {
    /// Write one model's verdicts as a file; it holds no prompt, no answer and no secret
    Export(ExportArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct ExportArgs {
    /// The run: one that holds one model, or RUN/MODEL
    #[arg(value_name = "RUN")]
    run: String,

    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Why a baseline cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum BaselineError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` has more than {} bytes", .0.display(), bundle::MAX_BYTES)]
    Long(PathBuf),
    #[error("cannot use the baseline `{}`", path.display())]
    Bundle { path: PathBuf, source: BundleError },
    #[error("cannot use the bundle `{}`", path.display())]
    Run { path: PathBuf, source: BundleError },
    #[error("cannot write the baseline `{}`", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("`{name}` holds {count} models: name one")]
    NotOne { name: String, count: usize },
}

/// Writes the file.
pub(super) fn run(context: &Context, arguments: &BaselineArgs) -> Result<ExitCode, Failure> {
    let BaselineCommand::Export(arguments) = &arguments.command;
    block_on(async {
        let store = open_store(context).await?;
        let loaded = [load(&store, &arguments.run).await?];
        let all = sources(context, &loaded);
        let [source] = all.as_slice() else {
            let (name, count) = (arguments.run.clone(), all.len());
            let label = all.first().map(|one| one.run.arms[one.arm].label.clone());
            let hint = label.map(|label| format!("such as `{name}/{label}`"));
            return Err(Failure::usage(BaselineError::NotOne { name, count }).maybe_hint(hint));
        };
        let path = &arguments.output;
        write_file(path, bundle::export(source).as_bytes()).map_err(|source| {
            Failure::invalid(BaselineError::Write { path: path.clone(), source })
        })?;
        let written = path.display().to_string();
        if context.output.is_json() {
            print_json(&json!({ "schema": 1, "baseline": written }))?;
        } else {
            print(&format!("baseline  {written}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What a run is judged against: from the store, or from a file.
pub(super) enum Pinned {
    Stored(Box<[Loaded; 1]>),
    File(Box<Baseline>),
}

impl Pinned {
    /// The arms it holds.
    pub(super) fn sources<'a>(&'a self, context: &Context) -> Vec<Source<'a>> {
        match self {
            Self::Stored(loaded) => sources(context, loaded.as_slice()),
            Self::File(baseline) => {
                let (run, samples) = (&baseline.run, baseline.samples.as_slice());
                let price = context.config.prices.get(&run.arms[0].model).copied();
                vec![Source { run, arm: 0, samples, telemetry: None, price, remote: false }]
            }
        }
    }
}

/// Finds a baseline: a file of that name, else a run.
pub(super) async fn pinned(
    context: &Context,
    store: Option<&Store>,
    name: &str,
) -> Result<Pinned, Failure> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(Pinned::File(Box::new(read_file(path)?)));
    }
    let loaded = match store {
        Some(store) => load(store, name).await?,
        None => load(&open_store(context).await?, name).await?,
    };
    Ok(Pinned::Stored(Box::new([loaded])))
}

/// Reads a baseline.
pub(super) fn read_file(path: &Path) -> Result<Baseline, Failure> {
    bundle::read(&String::from_utf8_lossy(&read_bytes(path)?)).map_err(|source| {
        Failure::invalid(BaselineError::Bundle { path: path.to_owned(), source })
            .hint("`tripos baseline export RUN -o FILE` writes one")
    })
}

/// Reads a file of bounded length.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |source| Failure::invalid(BaselineError::Read { path: path.to_owned(), source });
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(bundle::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bundle::MAX_BYTES {
        return Err(Failure::invalid(BaselineError::Long(path.to_owned())));
    }
    Ok(bytes)
}
