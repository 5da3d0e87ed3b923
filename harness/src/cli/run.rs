//! `tripos run`: plan, ask, grade, store, summarise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use tripos_tasks::ReasoningLevel;

use super::Context;
use super::gate::Wish;
use super::grade::SandboxArgs;
use super::job::{Job, dry_run, perform};
use crate::config::Price;
use crate::failure::Failure;
use crate::plan::Selection;

/// Ask models the items of suites, grade what they answer, and compare them
///
/// Without an argument: the suite `smoke`, the built-in model `tiny` with thinking off and on, and a
/// report at `tripos-report.html`. The same command again asks only what is missing.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunArgs {
    /// What to ask: names that `tripos suites` lists, or files ending in `.toml` [default: smoke]
    #[arg(value_name = "SUITE")]
    suites: Vec<String>,

    /// Whom to ask; the first is the baseline [default: tiny+nothink, tiny+think]
    ///
    /// A built-in name, a name from `tripos.toml`, a folder, a GGUF file or
    /// `hf:ORG/NAME@REVISION`. A suffix `+think` or `+nothink` sets
    /// the chat template's switch; `+budget=N` caps the reasoning.
    #[arg(short, long = "model", value_name = "MODEL")]
    models: Vec<String>,

    /// The most items a task
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: Option<usize>,

    /// How often each item is asked
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: Option<u32>,

    /// Decides every draw [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Requests under way at once for each model
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    concurrency: Option<usize>,

    /// The most tokens an answer may have, reasoning included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,

    /// How much to think: auto, off, low, medium, high or a number of tokens; one arm for each
    #[arg(long, value_name = "LEVEL", value_delimiter = ',')]
    reasoning: Vec<ReasoningLevel>,

    /// Where to write the report: `.html`, `.md` or `.json`
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// A name for the run
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    name: Option<String>,

    /// Judge the run by this policy, and stop early where the policy lets it; needs one model
    #[arg(long, value_name = "POLICY", requires = "baseline")]
    gate: Option<PathBuf>,

    /// What to judge it against: a run, or a file that `tripos baseline export` wrote
    #[arg(long, value_name = "RUN|FILE", requires = "gate")]
    baseline: Option<String>,

    /// Dollars for a million tokens in and out, such as `0.28,0.42`, of every model of this run [default: `price` in the settings]
    #[arg(long, value_name = "IN,OUT", value_parser = Price::parse)]
    price: Option<Price>,

    /// Print what would be asked, and ask nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// Plans what was asked for and works on it.
pub(super) fn run(context: &Context, arguments: &RunArgs) -> Result<ExitCode, Failure> {
    let job = job(context, arguments)?;
    if arguments.dry_run { dry_run(context, &job) } else { perform(context, &job) }
}

fn job(context: &Context, arguments: &RunArgs) -> Result<Job, Failure> {
    let wish = match (&arguments.gate, &arguments.baseline) {
        (Some(policy), Some(baseline)) => Some(Wish::read(context, policy, baseline)?),
        _ => None,
    };
    let defaults = &context.config.run;
    // The page that comes unasked belongs to the job that comes unasked.
    let unasked = arguments.suites.is_empty() && arguments.models.is_empty();
    let report = arguments.report.as_deref().or(unasked.then_some(defaults.report.as_path()));
    let or = |given: &[String], default: &[String]| {
        if given.is_empty() { default.to_vec() } else { given.to_vec() }
    };
    Ok(Job {
        selection: Selection {
            suites: or(&arguments.suites, &defaults.suites),
            models: or(&arguments.models, &defaults.models),
            reasoning: arguments.reasoning.clone(),
            seed: arguments.seed.unwrap_or(defaults.seed),
            repeats: arguments.repeats,
            limit: arguments.limit,
            max_tokens: arguments.max_tokens,
            concurrency: arguments.concurrency,
            shuffled: wish.as_ref().is_some_and(Wish::stops_early),
        },
        name: arguments.name.clone(),
        command: super::command_line(),
        report: report.map(Path::to_owned),
        expected: None,
        gate: wish,
        price: arguments.price,
        sandbox: arguments.sandbox.clone(),
    })
}

/// A name that can stand before the slash of `RUN/MODEL`.
pub(super) fn run_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a name has letters, digits, `-`, `_` and `.`".to_owned())
    }
}
