//! The command line: what may be asked for, and who does it.
//!
//! Every command is a file with its arguments and one `run`; it hands back how it ended or a
//! [`Failure`], and prints only through `Output`. The one thing decided here is what every
//! command shares: settings, colours, the exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{self, Config};
use crate::failure::{Failure, Kind};

mod arms;
mod baseline;
mod compare;
mod doctor;
mod export;
mod gate;
mod grade;
mod import;
mod job;
mod models;
mod output;
mod progress;
mod pull;
mod regrade;
mod report;
mod resume;
mod run;
mod runs;
mod select;
mod show;
mod suites;
mod trusted;

use output::{Output, Voice};

/// Evaluate reasoning models on verifiable maths, code and misinformation probes
///
/// `tripos run` asks the built-in model the suite `smoke`, with thinking and without, and writes a
/// report. Every answer is kept in one store, so the same command again asks only what is missing.
#[derive(Debug, Parser)]
#[command(name = "tripos", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The ledger of answers and grades [default: tripos.db]
    #[arg(long, global = true, value_name = "PATH", env = "TRIPOS_STORE")]
    store: Option<PathBuf>,

    /// The settings [default: tripos.toml, when it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,

    /// Say nothing but results and errors
    #[arg(long, global = true)]
    quiet: bool,

    /// Say what becomes of every model's trials
    #[arg(short = 'v', global = true, conflicts_with = "quiet")]
    verbose: bool,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// One document with `"schema": 1`
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Resume(resume::ResumeArgs),
    Suites(suites::SuitesArgs),
    Models(models::ModelsArgs),
    Runs(runs::RunsArgs),
    Show(show::ShowArgs),
    Compare(compare::CompareArgs),
    Report(report::ReportArgs),
    Gate(gate::GateArgs),
    Baseline(baseline::BaselineArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Grade(grade::GradeArgs),
    Regrade(regrade::RegradeArgs),
    Doctor(doctor::DoctorArgs),
}

/// What a command works with.
#[derive(Debug)]
struct Context {
    config: Config,
    output: Output,
}

/// Runs the command line of this process to its exit code.
pub fn main() -> ExitCode {
    // Before anything else: a helper of the sandbox must have one thread and no settings.
    if tripos_runners::sandbox::is_helper() {
        return tripos_runners::sandbox::helper_main();
    }
    std::panic::set_hook(Box::new(|panic| {
        if tripos_graders::is_guarded() {
            // The comparison ends undecided, and says so.
            return;
        }
        report_bug(panic);
        // A bug ends the process at once; the store survives a kill.
        std::process::exit(i32::from(Kind::Bug.code()));
    }));
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    choose_colors(arguments.global.color);
    match dispatch(arguments) {
        Ok(code) => code,
        Err(failure) => {
            output::print_failure(&failure);
            failure.kind.into()
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { global, command } = arguments;
    let voice = match (global.quiet, global.verbose) {
        (true, _) => Voice::Quiet,
        (false, true) => Voice::Verbose,
        (false, false) => Voice::Normal,
    };
    let output = Output::new(global.format, voice);
    let mut config = config::load(global.config.as_deref())?;
    config.store = global.store.unwrap_or(config.store);
    let context = Context { config, output };
    match command {
        Command::Run(arguments) => run::run(&context, &arguments),
        Command::Resume(arguments) => resume::run(&context, &arguments),
        Command::Suites(arguments) => suites::run(&context, &arguments),
        Command::Models(arguments) => models::run(&context, &arguments),
        Command::Runs(arguments) => runs::run(&context, &arguments),
        Command::Show(arguments) => show::run(&context, &arguments),
        Command::Compare(arguments) => compare::run(&context, &arguments),
        Command::Report(arguments) => report::run(&context, &arguments),
        Command::Gate(arguments) => gate::run(&context, &arguments),
        Command::Baseline(arguments) => baseline::run(&context, &arguments),
        Command::Export(arguments) => export::run(&context, &arguments),
        Command::Import(arguments) => import::run(&context, &arguments),
        Command::Grade(arguments) => grade::run(&context, &arguments),
        Command::Regrade(arguments) => regrade::run(&context, &arguments),
        Command::Doctor(arguments) => doctor::run(&context, &arguments),
    }
}

/// Prints what clap has to say: help and version are results, everything else is an error.
fn usage(error: &clap::Error) -> ExitCode {
    // Nowhere is left to say that printing failed.
    let _ = error.print();
    if error.use_stderr() { Kind::Usage.into() } else { ExitCode::SUCCESS }
}

fn choose_colors(color: Color) {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// The command as typed, with quotes where a shell needs them.
fn command_line() -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./+=,:@%".contains(c);
    let quoted = std::env::args_os().skip(1).map(|argument| {
        let argument = argument.to_string_lossy().into_owned();
        if !argument.is_empty() && argument.chars().all(plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    });
    std::iter::once("tripos".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

/// Says that Tripos is wrong, and where.
fn report_bug(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a panic without a message").to_owned();
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    let failure = Failure::new(Kind::Bug, format!("a bug in tripos{place}: {message}"))
        .hint("what was finished is kept; please report this line with the command");
    output::print_failure(&failure);
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
