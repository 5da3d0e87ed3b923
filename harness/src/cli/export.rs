//! `tripos export`: a whole run as one file, to carry to another store.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::Context;
use super::output::{print, print_json, write_file};
use super::select::{block_on, open_store};
use crate::bundle;
use crate::failure::Failure;
use crate::store::export::export;
use crate::store::read;

/// Write a whole run as one file: what was sent, what was answered and every verdict
///
/// `tripos import FILE` keeps it in another store, where it is compared, gated, reported and resumed
/// like any other. It holds no key and nothing of the settings, but all that models were asked and said.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// The run, with all its models
    #[arg(value_name = "RUN")]
    run: String,

    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Why a run is not written.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("cannot write the bundle `{}`", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("`{0}` names one of the models of a run, and a bundle holds all of it")]
    OneModel(String),
    #[error("the run is larger than the {} bytes that a bundle may have", bundle::MAX_BYTES)]
    Long,
}

/// Writes the file.
pub(super) fn run(context: &Context, arguments: &ExportArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let store = open_store(context).await?;
        let selected = read::find_run(&store, &arguments.run).await?;
        let whole = export(&store, selected.run).await?;
        if selected.arm.is_some() && whole.run.arms.len() > 1 {
            return Err(Failure::usage(ExportError::OneModel(arguments.run.clone())).hint(
                format!(
                    "`tripos export {}` writes the run; `tripos baseline export` one model",
                    whole.run.summary.handle
                ),
            ));
        }
        let text = bundle::export_run(&whole);
        if text.len() as u64 > bundle::MAX_BYTES {
            return Err(Failure::invalid(ExportError::Long));
        }
        let path = &arguments.output;
        write_file(path, text.as_bytes()).map_err(|source| {
            Failure::invalid(ExportError::Write { path: path.clone(), source })
        })?;
        let (written, handle) = (path.display().to_string(), &whole.run.summary.handle);
        let trials = whole.trials.len();
        if context.output.is_json() {
            print_json(
                &json!({ "schema": 1, "run": handle, "bundle": written, "trials": trials }),
            )?;
        } else {
            print(&format!("run     {handle}\ntrials  {trials}\nbundle  {written}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
