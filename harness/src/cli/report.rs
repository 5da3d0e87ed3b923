//! `tripos report`: one self-contained page from what the store holds.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::job::save_report;
use super::output::{print, print_json};
use super::select::{block_on, load, make_report, open_store, sources};
use super::{Context, command_line};
use crate::failure::Failure;
use crate::report::Extent;

/// Write a page about one run or several
///
/// The first model of the first run is the baseline that every other is compared with.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// The runs, or RUN/MODEL, the baseline first
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,

    /// Where to write it: `.html`, `.md` or `.json`
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Writes the page.
pub(super) fn run(context: &Context, arguments: &ReportArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let store = open_store(context).await?;
        let mut loaded = Vec::with_capacity(arguments.runs.len());
        for name in &arguments.runs {
            loaded.push(load(&store, name).await?);
        }
        let all = sources(context, &loaded);
        let path = &context.config.store;
        let report = make_report(&store, (&all, Extent::Whole), path, command_line()).await?;
        save_report(&arguments.output, &report)?;
        let path = arguments.output.display().to_string();
        if context.output.is_json() {
            print_json(&json!({ "schema": 1, "report": path }))?;
        } else {
            print(&format!("report  {path}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
