//! `tripos runs`: what the store holds.

use std::process::ExitCode;

use serde_json::{Value, json};
use tripos_dashboards::terminal::{self, RunRow};

use super::Context;
use super::output::{print, print_json, screen};
use super::select::{block_on, moment, open_store};
use crate::failure::Failure;
use crate::store::read;
use crate::store::rows::RunSummary;

/// List the runs in the store, newest first
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunsArgs {}

/// Prints the list.
pub(super) fn run(context: &Context, _: &RunsArgs) -> Result<ExitCode, Failure> {
    let runs = block_on(async { Ok(read::runs(&open_store(context).await?).await?) })?;
    if context.output.is_json() {
        let rows: Vec<Value> = runs.iter().map(document).collect();
        print_json(&json!({ "schema": 1, "runs": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if runs.is_empty() {
        context.output.note("the store holds no run; `tripos run` makes one");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<RunRow> = runs
        .iter()
        .map(|run| RunRow {
            run: match &run.name {
                Some(name) => format!("{} ({name})", run.handle),
                None => run.handle.clone(),
            },
            started: moment(run.created_ms),
            suites: run.suites.join(", "),
            arms: run.arms.join(", "),
            graded: run.graded,
            planned: run.trials,
            failed: run.failed,
            state: run.state.as_str().to_owned(),
        })
        .collect();
    print(&terminal::runs(&rows, screen()))?;
    Ok(ExitCode::SUCCESS)
}

/// A run as `--format json` writes it.
pub(super) fn document(run: &RunSummary) -> Value {
    json!({
        "run": run.handle,
        "name": run.name,
        "created_ms": run.created_ms,
        "ended_ms": run.ended_ms,
        "state": run.state.as_str(),
        "reason": run.reason,
        "suites": run.suites,
        "models": run.arms,
        "trials": run.trials,
        "graded": run.graded,
        "failed": run.failed,
    })
}
