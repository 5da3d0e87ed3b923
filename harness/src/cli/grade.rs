//! `tripos grade`: grades answers that were made elsewhere. No store, no model.

mod code;
mod lines;
mod math;

use std::process::ExitCode;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

pub(super) use code::{SandboxArgs, open as open_sandbox};

/// Grade answers made elsewhere, JSON lines in and out
///
/// Order is kept. A line that cannot be graded becomes a line with its `id` and an `error`, and the
/// exit code is 4 at the end.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GradeArgs {
    #[command(subcommand)]
    grader: Grader,
}

#[derive(Clone, Debug, Subcommand)]
enum Grader {
    Math(math::MathArgs),
    Code(code::CodeArgs),
}

/// Grades with the grader that was asked for.
pub(super) fn run(context: &Context, arguments: &GradeArgs) -> Result<ExitCode, Failure> {
    match &arguments.grader {
        Grader::Math(arguments) => math::run(context, arguments),
        Grader::Code(arguments) => code::run(context, arguments),
    }
}
