//! `tripos grade`: verdicts on answers made elsewhere, without a store and without a model.

use std::process::ExitCode;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

mod code;

pub(super) use code::{SandboxArgs, open as open_sandbox};

/// Grade answers made elsewhere: JSON lines in, JSON lines out
#[derive(Clone, Debug, clap::Args)]
pub(super) struct GradeArgs {
    #[command(subcommand)]
    grader: Grader,
}

#[derive(Clone, Debug, Subcommand)]
enum Grader {
    Code(code::CodeArgs),
}

/// Grades every line of the input.
pub(super) fn run(context: &Context, arguments: &GradeArgs) -> Result<ExitCode, Failure> {
    match &arguments.grader {
        Grader::Code(arguments) => code::run(context, arguments),
    }
}
