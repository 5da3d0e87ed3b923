//! `tripos grade code`: runs programs against their tests, one a line.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tripos_runners::sandbox::{Options, Sandbox};
use tripos_tasks::program::form::Case;
use tripos_tasks::{Execution, RunVerdict, Tier};

use super::lines::{self, Files};
use crate::cli::Context;
use crate::config::search_folders;
use crate::failure::{Failure, Kind};

/// Run programs against their tests
///
/// In: `{"id", "lang", "program", "tests"}` with tests of kind `function` or `stdio`. Out: `{"id",
/// "verdict", "detail", "tier", "integrity", "wall_ms", "cpu_ms"}`. Exit code 4 where a program could
/// not be measured.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CodeArgs {
    #[command(flatten)]
    files: Files,

    #[command(flatten)]
    sandbox: SandboxArgs,
}

/// What stands between programs and this machine.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct SandboxArgs {
    /// Use this isolation tier and no other [default: the best that works here]
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(in crate::cli) tier: Option<u8>,

    /// Run programs without any isolation where no tier works; every verdict says so
    #[arg(long)]
    pub(in crate::cli) unsafe_no_sandbox: bool,
}

/// Some programs got no verdict.
#[derive(Debug, thiserror::Error)]
#[error("{0} programs were not measured: the sandbox or an interpreter failed them")]
struct NotMeasured(u64);

/// Judges every line.
pub(super) fn run(context: &Context, arguments: &CodeArgs) -> Result<ExitCode, Failure> {
    lines::check(&arguments.files)?;
    let sandbox = open_with(context, &arguments.sandbox, arguments.files.threads)?;
    let infra = AtomicU64::new(0);
    let code = lines::run(context, &arguments.files, sandbox.concurrency(), |line| {
        let case: Case = serde_json::from_value(line.clone()).map_err(|error| error.to_string())?;
        let execution = sandbox.execute(&case.program()?);
        let is_infra = execution.verdict == RunVerdict::Infra;
        infra.fetch_add(u64::from(is_infra), Ordering::Relaxed);
        Ok(verdict_line(&line["id"], &execution))
    })?;
    match infra.into_inner() {
        0 => Ok(code),
        infra => {
            Err(Failure::invalid(NotMeasured(infra)).hint("`tripos doctor` says what is missing"))
        }
    }
}

/// Opens the sandbox that the arguments ask for, and says so where there is none.
pub(in crate::cli) fn open(context: &Context, arguments: &SandboxArgs) -> Result<Sandbox, Failure> {
    open_with(context, arguments, None)
}

fn open_with(
    context: &Context,
    arguments: &SandboxArgs,
    slots: Option<usize>,
) -> Result<Sandbox, Failure> {
    let tier = arguments.tier.map(|tier| tier.try_into().expect("the range was checked"));
    let elsewhere = context.config.elsewhere.clone();
    let options =
        Options { tier, slots, folders: search_folders(), elsewhere, ..Options::default() };
    let error = match Sandbox::open(&options) {
        Ok(sandbox) => return Ok(sandbox),
        Err(error) => error,
    };
    if arguments.unsafe_no_sandbox {
        context.output.note(&format!("warning: {error}; programs run WITHOUT ISOLATION"));
        let options = Options { tier: Some(Tier::Unsafe), ..options };
        return Sandbox::open(&options).map_err(Failure::invalid);
    }
    Err(Failure::new(Kind::Invalid, error)
        .hint("docs/sandbox.md has recipes for machines that refuse namespaces")
        .hint("`--unsafe-no-sandbox` runs programs without any isolation"))
}

/// Writes a verdict down. In these files a program that crashes fails; the detail says that it did.
fn verdict_line(id: &Value, execution: &Execution) -> Value {
    let (verdict, detail) = match execution.verdict {
        RunVerdict::RuntimeError => {
            (RunVerdict::Fail, format!("runtime_error: {}", execution.detail))
        }
        verdict => (verdict, execution.detail.clone()),
    };
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1_000.0;
    let rounded = |ms: f64| (ms * 10.0).round() / 10.0;
    let mut line = json!({
        "id": id,
        "verdict": verdict,
        "detail": detail,
        "tier": execution.tier,
        "integrity": execution.integrity,
        "wall_ms": rounded(milliseconds(execution.wall)),
        "cpu_ms": rounded(milliseconds(execution.cpu)),
    });
    if execution.tier == Tier::Unsafe {
        line["unsafe_no_sandbox"] = json!(true);
    }
    line
}
