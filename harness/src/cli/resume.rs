//! `tripos resume`: finish an interrupted run from what the store knows.

use std::process::ExitCode;

use super::Context;
use super::grade::SandboxArgs;
use super::job::{Job, perform};
use super::select::{block_on, open_store};
use crate::failure::Failure;
use crate::store::read;

/// Finish an interrupted run
///
/// The run is planned again from what was chosen then; what the store has is not asked again.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// The run, as `tripos runs` lists it
    #[arg(value_name = "RUN")]
    run: String,

    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// Plans the run again and works on what is missing.
pub(super) fn run(context: &Context, arguments: &ResumeArgs) -> Result<ExitCode, Failure> {
    let known = block_on(async {
        let store = open_store(context).await?;
        let selected = read::find_run(&store, &arguments.run).await?;
        Ok(read::run(&store, selected.run).await?)
    })?;
    let job = Job {
        selection: known.selection,
        name: known.summary.name,
        command: known.command,
        report: None,
        gate: None,
        price: None,
        expected: Some((known.summary.handle, known.digest)),
        sandbox: arguments.sandbox.clone(),
    };
    perform(context, &job)
}
