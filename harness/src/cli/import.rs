//! `tripos import`: runs that were measured elsewhere, to compare and gate like our own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::Context;
use super::baseline::{read_bytes, read_file};
use super::output::{print, print_json};
use super::select::block_on;
use crate::bundle::{self, ImportError};
use crate::failure::Failure;
use crate::store::Store;
use crate::store::import::{Imported, import};

/// Keep a run that was measured elsewhere
///
/// Reads sample logs of lm-evaluation-harness (`samples_TASK_DATE.jsonl`, with `results_DATE.json` beside it), `.eval`
/// logs of Inspect, and what `tripos baseline export` wrote. The verdicts are kept as they are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A name for the run
    #[arg(long, value_name = "NAME", value_parser = super::run::run_name)]
    name: Option<String>,
}

/// Why a log cannot be kept.
#[derive(Debug, thiserror::Error)]
enum CannotImport {
    #[error("cannot import `{}`", path.display())]
    Log { path: PathBuf, source: ImportError },
    #[error("`{}` is not text", .0.display())]
    NoText(PathBuf),
}

/// Reads the log and keeps it.
pub(super) fn run(context: &Context, arguments: &ImportArgs) -> Result<ExitCode, Failure> {
    let imported = read(&arguments.file)?;
    block_on(async {
        let store = Store::open(&context.config.store).await?;
        let handle = import(&store, &imported, arguments.name.as_deref()).await?;
        let (trials, model) = (imported.trials.len(), &imported.run.arms[0].label);
        if context.output.is_json() {
            print_json(&json!({ "schema": 1, "run": handle, "model": model, "trials": trials }))?;
        } else {
            print(&format!("run     {handle}\nmodel   {model}\ntrials  {trials}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn read(path: &Path) -> Result<Imported, Failure> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| Failure::invalid(CannotImport::Log { path, source })
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some((task, results)) = bundle::lm_eval_names(&name) {
        let results = text(&path.with_file_name(results))?;
        return bundle::from_lm_eval(&task, &text(path)?, &results).map_err(wrong(path));
    }
    let bytes = read_bytes(path)?;
    if bytes.starts_with(b"PK") {
        return bundle::from_inspect(&bytes).map_err(wrong(path));
    }
    Ok(bundle::from_baseline(read_file(path)?))
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path)?)
        .map_err(|_| Failure::invalid(CannotImport::NoText(path.to_owned())))
}
