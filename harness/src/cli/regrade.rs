//! `tripos regrade`: grades the stored completions of a run once more.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};
use tripos_dashboards::terminal::{Align, Table};
use tripos_graders::{Grade, Outcome};
use tripos_tasks::Digest;

use super::Context;
use super::output::{print, print_json, screen};
use super::select::{block_on, open_store};
use crate::engine::regrade;
use crate::failure::Failure;
use crate::key::grader_digest;
use crate::report::thousands;
use crate::stats::{AgreementFit, LEVEL, TwoVerdicts, agreement};
use crate::store::regrade::{Graded, completions, keep};
use crate::store::{Store, read, rows::Run};

/// The most changes that are listed for people.
const LISTED_MAX: usize = 100;

/// Grade the stored completions again
///
/// Neither a model nor a network is needed. Every verdict that changed is listed; the run then stands
/// under the new verdicts, and the old ones stay in the store. Programs are not run again, and verdicts that were imported stay.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RegradeArgs {
    /// The run, as `tripos runs` lists it
    #[arg(value_name = "RUN")]
    run: String,

    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// What became of the verdicts of a run.
struct Regraded<'g> {
    run: &'g Run,
    /// Completions that were graded again.
    graded: usize,
    /// Those whose grader needs more than the store holds.
    skipped: usize,
    changed: Vec<(&'g Graded, &'g Grade)>,
    /// How far the verdicts that there were agree with the new ones, by outcome.
    agreement: AgreementFit,
}

/// Grades everything and shows what changed.
pub(super) fn run(context: &Context, arguments: &RegradeArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let store = open_store(context).await?;
        let selected = read::find_run(&store, &arguments.run).await?;
        let run = read::run(&store, selected.run).await?;
        let stored = completions(&store, selected.run).await?;
        let mut grades = Vec::with_capacity(stored.len());
        for graded in &stored {
            let Some((spec, item)) = &graded.gradable else { continue };
            if let Some(grade) = regrade(spec, item, (&graded.text, &graded.finish)) {
                grades.push((graded, grader_digest(spec, item), grade));
            }
        }
        if !arguments.dry_run {
            keep(&store, selected.run, &grades).await?;
        }
        let differs =
            |(graded, _, grade): &&(&Graded, _, Grade)| graded.outcome != Some(grade.outcome);
        let changed = grades.iter().filter(differs).map(|(graded, _, grade)| (*graded, grade));
        let regraded = Regraded {
            run: &run,
            graded: grades.len(),
            skipped: stored.len() - grades.len(),
            changed: changed.collect(),
            agreement: agreement(&verdicts(&grades), LEVEL),
        };
        show(context, &store, &regraded)
    })
}

/// The old verdict of each completion beside the new one; repeats of an item vary together.
fn verdicts(grades: &[(&Graded, Digest, Grade)]) -> Vec<TwoVerdicts> {
    let place = |outcome| Outcome::ALL.iter().position(|known| *known == outcome);
    grades
        .iter()
        .filter_map(|(graded, _, grade)| {
            Some(TwoVerdicts {
                one: place(graded.outcome?)?,
                two: place(grade.outcome)?,
                cluster: Some(format!("{}/{}/{}", graded.arm, graded.task, graded.item_name)),
            })
        })
        .collect()
}

fn show(context: &Context, store: &Store, regraded: &Regraded<'_>) -> Result<ExitCode, Failure> {
    if context.output.is_json() {
        print_json(&document(regraded))?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = [
        ("model", Align::Left),
        ("task", Align::Left),
        ("item", Align::Left),
        ("was", Align::Left),
        ("is", Align::Left),
        ("trial", Align::Left),
    ];
    let mut table = Table::new(&headings);
    for (graded, grade) in regraded.changed.iter().take(LISTED_MAX) {
        table.row([
            regraded.run.arms[graded.arm].label.clone(),
            regraded.run.tasks[graded.task].task.clone(),
            graded.item_name.clone(),
            name(graded.outcome).to_owned(),
            grade.outcome.as_str().to_owned(),
            graded.key[..12].to_owned(),
        ]);
    }
    if !regraded.changed.is_empty() {
        print(&table.render(screen()))?;
    }
    print(&format!("{}\n", summary(regraded)))?;
    if regraded.changed.len() > LISTED_MAX {
        let more = regraded.changed.len() - LISTED_MAX;
        context.output.note(&format!("{more} more: `--format json` lists all"));
    }
    context
        .output
        .note(&format!("`tripos show TRIAL` shows one; store {}", store.path().display()));
    Ok(ExitCode::SUCCESS)
}

/// One sentence on all of it, with how often each verdict became each other.
fn summary(regraded: &Regraded<'_>) -> String {
    let count = |n: usize| thousands(n as u64);
    let mut parts = vec![format!(
        "{} of {} verdicts changed",
        count(regraded.changed.len()),
        count(regraded.graded),
    )];
    let mut ways: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (graded, grade) in &regraded.changed {
        *ways.entry((name(graded.outcome), grade.outcome.as_str())).or_default() += 1;
    }
    parts.extend(ways.into_iter().map(|((was, is), n)| format!("{was} -> {is}: {}", count(n))));
    if regraded.skipped > 0 {
        parts.push(format!(
            "{} not graded again: the store does not hold all that their grader needs",
            count(regraded.skipped)
        ));
    }
    if !regraded.changed.is_empty() {
        parts.extend(agreed(&regraded.agreement));
    }
    parts.join("; ")
}

/// How far the graders agree, where that is defined.
fn agreed(fit: &AgreementFit) -> Option<String> {
    let (kappa, lower, upper) = (fit.kappa?, fit.lower?, fit.upper?);
    Some(format!(
        "they agree on {:.1} % (Cohen's kappa {kappa:.2} [{lower:.2}, {upper:.2}])",
        100.0 * fit.observed?
    ))
}

fn name(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("none", Outcome::as_str)
}

fn document(regraded: &Regraded<'_>) -> Value {
    let changed: Vec<Value> = regraded
        .changed
        .iter()
        .map(|(graded, grade)| {
            json!({
                "trial": graded.key,
                "model": regraded.run.arms[graded.arm].label,
                "task": regraded.run.tasks[graded.task].task,
                "item": graded.item_name,
                "was": graded.outcome.map(Outcome::as_str),
                "is": grade.outcome.as_str(),
                "detail": grade.detail,
            })
        })
        .collect();
    let fit = &regraded.agreement;
    json!({
        "schema": 1,
        "run": regraded.run.summary.handle,
        "graded": regraded.graded,
        "skipped": regraded.skipped,
        "changed": changed,
        "agreement": {
            "n": fit.n, "observed": fit.observed, "expected": fit.expected,
            "kappa": fit.kappa, "lower": fit.lower, "upper": fit.upper,
        },
    })
}
