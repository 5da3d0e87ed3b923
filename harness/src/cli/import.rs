//! `tripos import`: runs that were measured elsewhere, to compare and gate like our own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use tripos_dashboards::terminal::{Align, Table};

use super::Context;
use super::baseline::{BaselineError, read_bytes, read_file};
use super::output::{print, print_json, screen};
use super::select::block_on;
use crate::bundle::{self, ImportError, Judged, TwoGraders, Wanted};
use crate::failure::Failure;
use crate::store::Store;
use crate::store::import::import;

/// Keep a run that was measured elsewhere
///
/// Reads what `tripos export` and `tripos baseline export` wrote, sample logs of lm-evaluation-harness
/// (`samples_TASK_DATE.jsonl`, with `results_DATE.json` beside it) and `.eval` logs of Inspect. The verdicts are
/// kept as they are. A log that several graders judged (filters, scorers) becomes a run for each of them,
/// and how far they agree is said.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The bundle or log
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A name for the run
    #[arg(long, value_name = "NAME", value_parser = super::run::run_name)]
    name: Option<String>,

    /// Keep the verdicts of this grader only: a filter of lm-evaluation-harness, a scorer of Inspect
    #[arg(long, value_name = "GRADER")]
    grader: Option<String>,

    /// The metric of lm-evaluation-harness to read [default: its usual one, such as `exact_match` or `acc`]
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
}

/// Why a log cannot be kept.
#[derive(Debug, thiserror::Error)]
enum CannotImport {
    #[error("cannot import `{}`", path.display())]
    Log { path: PathBuf, source: ImportError },
    #[error("`{}` is not text", .0.display())]
    NoText(PathBuf),
    #[error("`{}` was judged by {}: a name is for one run", path.display(), graders.join(", "))]
    Named { path: PathBuf, graders: Vec<String> },
    #[error("`{}` was judged by one grader, which is not named", .0.display())]
    NoGrader(PathBuf),
}

/// Reads the log and keeps it.
pub(super) fn run(context: &Context, arguments: &ImportArgs) -> Result<ExitCode, Failure> {
    let all = read(arguments)?;
    if arguments.name.is_some() && all.len() > 1 {
        let graders: Vec<String> = all.iter().map(|judged| judged.grader.clone()).collect();
        let hint = format!("`--grader {}` keeps one of them", graders[0]);
        let path = arguments.file.clone();
        return Err(Failure::usage(CannotImport::Named { path, graders }).hint(hint));
    }
    let agreement = bundle::agreement(&all);
    block_on(async {
        let store = Store::open(&context.config.store).await?;
        let mut handles = Vec::with_capacity(all.len());
        for judged in &all {
            handles.push(import(&store, &judged.run, arguments.name.as_deref()).await?);
        }
        if context.output.is_json() {
            print_json(&document(&all, &handles, &agreement))?;
        } else {
            show(&all, &handles, &agreement)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn models(judged: &Judged) -> String {
    let arms = &judged.run.run.arms;
    arms.iter().map(|arm| arm.label.as_str()).collect::<Vec<_>>().join(", ")
}

fn document(all: &[Judged], handles: &[String], agreement: &[TwoGraders]) -> Value {
    let runs: Vec<Value> = all
        .iter()
        .zip(handles)
        .map(|(judged, handle)| {
            json!({
                "run": handle,
                "grader": judged.grader,
                "trials": judged.run.trials.len(),
            })
        })
        .collect();
    let agreement: Vec<Value> = agreement
        .iter()
        .map(|two| {
            let fit = &two.fit;
            json!({
                "one": two.one, "two": two.two, "n": fit.n, "observed": fit.observed,
                "expected": fit.expected, "kappa": fit.kappa, "lower": fit.lower,
                "upper": fit.upper,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "run": handles[0],
        "model": models(&all[0]),
        "trials": all[0].run.trials.len(),
        "runs": runs,
        "agreement": agreement,
    })
}

fn show(all: &[Judged], handles: &[String], agreement: &[TwoGraders]) -> Result<(), Failure> {
    if let ([only], [handle]) = (all, handles) {
        let (trials, models) = (only.run.trials.len(), models(only));
        return print(&format!("run     {handle}\nmodel   {models}\ntrials  {trials}\n"));
    }
    let mut table = Table::new(&[
        ("run", Align::Left),
        ("model", Align::Left),
        ("grader", Align::Left),
        ("trials", Align::Right),
    ]);
    for (judged, handle) in all.iter().zip(handles) {
        let trials = judged.run.trials.len().to_string();
        table.row([handle.clone(), models(judged), judged.grader.clone(), trials]);
    }
    print(&table.render(screen()))?;
    agreement.iter().try_for_each(|two| print(&format!("{}\n", sentence(two))))
}

/// How far two graders agree, in a sentence.
fn sentence(two: &TwoGraders) -> String {
    let fit = &two.fit;
    let share =
        fit.observed.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    let kappa = match (fit.kappa, fit.lower, fit.upper) {
        (Some(kappa), Some(lower), Some(upper)) => {
            format!("Cohen's kappa {kappa:.2} [{lower:.2}, {upper:.2}]")
        }
        _ => "Cohen's kappa is not defined: both say the same of every answer".to_owned(),
    };
    let (one, two) = (&two.one, &two.two);
    format!("{one} and {two} agree on {share} of {} answers; {kappa}", fit.n)
}

fn read(arguments: &ImportArgs) -> Result<Vec<Judged>, Failure> {
    let path = arguments.file.as_path();
    let wanted =
        Wanted { grader: arguments.grader.as_deref(), metric: arguments.metric.as_deref() };
    let wrong = |source: ImportError| {
        let path = path.to_owned();
        match source {
            ImportError::NoSuch { .. } => Failure::usage(CannotImport::Log { path, source }),
            source @ ImportError::Content(_) if arguments.grader.is_none() => {
                Failure::invalid(CannotImport::Log { path, source })
                    .hint("where several graders judged a log, `--grader NAME` reads one of them")
            }
            source => Failure::invalid(CannotImport::Log { path, source }),
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some((task, results)) = bundle::lm_eval_names(&name) {
        let results = text(&path.with_file_name(results))?;
        let texts = (text(path)?, results);
        return bundle::from_lm_eval(&task, (&texts.0, &texts.1), wanted).map_err(wrong);
    }
    let bytes = read_bytes(path)?;
    if bytes.starts_with(b"PK") {
        return bundle::from_inspect(&bytes, wanted).map_err(wrong);
    }
    if arguments.grader.is_some() || arguments.metric.is_some() {
        return Err(Failure::usage(CannotImport::NoGrader(path.to_owned())));
    }
    let text = String::from_utf8_lossy(&bytes);
    let run = if bundle::is_run(&text) {
        bundle::read_run(&text).map_err(|source| {
            Failure::invalid(BaselineError::Run { path: path.to_owned(), source })
                .hint("`tripos export RUN -o FILE` writes one")
        })?
    } else {
        bundle::from_baseline(read_file(path)?)
    };
    Ok(vec![Judged { grader: "tripos".to_owned(), run }])
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read_bytes(path)?)
        .map_err(|_| Failure::invalid(CannotImport::NoText(path.to_owned())))
}
