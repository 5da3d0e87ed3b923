//! A run from its selection to its table: what `run` and `resume` share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tripos_dashboards::gate::{self, Form, Gate};
use tripos_dashboards::terminal::{self, Align, Table};
use tripos_dashboards::{Format, Report};
use tripos_runners::Runner;
use tripos_tasks::{Catalog, Suite};

use super::Context;
use super::arms::arms;
use super::gate::Wish;
use super::grade::SandboxArgs;
use super::output::{print, print_json, screen, write_file};
use super::progress::Line;
use super::select::{Loaded, block_on, load_id, make_report, report_document, sources};
use super::trusted::{self, Programs};
use crate::config::Price;
use crate::engine::{self, Outcome};
use crate::failure::{Failure, Kind};
use crate::gate::{Looked, Monitor, More, dollars};
use crate::plan::{self, Arm, Plan, Selection};
use crate::report::{Extent, thousands};
use crate::store::Store;

/// How often the line that says how far a run is looks at the clock.
const TICK: Duration = Duration::from_millis(500);

/// A run that is wanted.
pub(super) struct Job {
    /// What was chosen.
    pub(super) selection: Selection,
    /// What the user calls it.
    pub(super) name: Option<String>,
    /// The command as typed.
    pub(super) command: String,
    /// Where its page goes.
    pub(super) report: Option<PathBuf>,
    /// The run it must turn out to be, by handle and digest.
    pub(super) expected: Option<(String, String)>,
    /// The gate it goes through.
    pub(super) gate: Option<Wish>,
    /// What tokens of its models cost, whatever the settings say.
    pub(super) price: Option<Price>,
    /// What stands between the programs of models and this machine.
    pub(super) sandbox: SandboxArgs,
}

/// Why a run cannot be started, or does not count.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("`{}` is no report: its name ends in `.html`, `.md` or `.json`", .0.display())]
    ReportName(PathBuf),
    #[error("there is no folder `{}` for the report", .0.display())]
    NoFolder(PathBuf),
    #[error("run `{0}` cannot be finished: what it would ask now is not what it asked then")]
    Changed(String),
    #[error("cannot write the report `{}`", path.display())]
    Report { path: PathBuf, source: std::io::Error },
    #[error("interrupted: run `{run}` has {done} of {total} trials")]
    Interrupted { run: String, done: u64, total: u64 },
    #[error("`{arm}` could not be asked any more: {reason}")]
    Stopped { arm: String, reason: String },
    #[error("{failed} of {total} trials failed: more than the {allowed} % that may")]
    Failed { failed: u64, total: u64, allowed: f64 },
}

/// Does what is missing of a run and prints its table.
pub(super) fn perform(context: &Context, job: &Job) -> Result<ExitCode, Failure> {
    if let Some(path) = &job.report {
        report_format(path)?;
        report_folder(path)?;
    }
    let (suites, programs) = trusted::suites(context, suites(&job.selection)?, &job.sandbox)?;
    let arms = open_arms(context, &job.selection)?;
    let context = &priced(context, job, &arms);
    if let Some(wish) = &job.gate {
        arms.iter().try_for_each(|arm| wish.check_price(context, arm))?;
    }
    let mut round = Round { selection: job.selection.clone(), looked: Looked::default() };
    loop {
        let plan = plan::plan(&suites, &arms, &round.selection)?;
        if let Some((handle, digest)) = &job.expected
            && *digest != plan.digest.to_string()
        {
            return Err(Failure::invalid(JobError::Changed(handle.clone()))
                .hint("a suite, a model or this version of tripos has changed; start a new run"));
        }
        match block_on(measure((context, job), &round, (&plan, &programs)))? {
            Next::End(code) => return Ok(code),
            Next::More { more, first_usd } => {
                context.output.note(&round.ask(more));
                round.looked.before += 1;
                round.looked.first_usd = round.looked.first_usd.or(first_usd);
            }
        }
    }
}

/// One plan of a job: a gate that stays open may want another, with more repeats.
struct Round {
    selection: Selection,
    looked: Looked,
}

/// What follows a round.
enum Next {
    End(ExitCode),
    More { more: More, first_usd: Option<f64> },
}

impl Round {
    /// Wants more of the next plan, and says what.
    fn ask(&mut self, more: More) -> String {
        match more {
            More::Repeats(repeats) => {
                self.selection.repeats = Some(repeats);
                format!("not decided yet: every item is asked {repeats} times in all")
            }
            More::Items(limit) => {
                self.selection.limit = Some(limit);
                format!("not decided yet: {limit} items of each task are asked in all")
            }
            More::Nothing(why) => why,
        }
    }
}

/// The settings with the price that the command line gives.
fn priced(context: &Context, job: &Job, arms: &[Arm]) -> Context {
    let mut config = context.config.clone();
    if let Some(price) = job.price {
        config.prices.extend(arms.iter().map(|arm| (arm.model.clone(), price)));
    }
    Context { config, output: context.output }
}

/// Asks what is missing of a plan, judges it and prints its table, unless its gate wants more first.
async fn measure(
    (context, job): (&Context, &Job),
    round: &Round,
    (plan, programs): (&Plan<'_>, &Programs),
) -> Result<Next, Failure> {
    let watched = match &job.gate {
        // More samples are looked at once, when all of them are in.
        Some(wish) if round.looked.before == 0 => wish.watch(context, plan)?,
        _ => None,
    };
    let monitor = RefCell::new(watched);
    let store = Store::open(&context.config.store).await?;
    let outcome = work((context, job, round), (plan, programs), &store, &monitor).await?;
    let monitor = monitor.into_inner();
    if outcome.interrupted && !monitor.as_ref().is_some_and(Monitor::is_early) {
        return Err(interrupted(&outcome));
    }
    let loaded = [load_id(&store, outcome.run).await?];
    let Some(wish) = &job.gate else {
        summarise((context, job), &store, &loaded, None).await?;
        return Ok(Next::End(judge(context, &outcome)?));
    };
    let candidate = sources(context, &loaded)[0];
    let (found, more) = wish.judge(context, &candidate, monitor.as_ref(), round.looked)?;
    if let Some(more) = more {
        return Ok(Next::More { more, first_usd: dollars(&candidate) });
    }
    summarise((context, job), &store, &loaded, Some(&found)).await?;
    // A gate says in its own words that too much is missing.
    Ok(Next::End(ExitCode::from(found.exit_code)))
}

/// Prints what would be asked.
pub(super) fn dry_run(context: &Context, job: &Job) -> Result<ExitCode, Failure> {
    let suites = suites(&job.selection)?;
    let arms = open_arms(context, &job.selection)?;
    let plan = plan::plan(&suites, &arms, &job.selection)?;
    let most = |arm: usize, task: usize| {
        let trials = plan.trials.iter().filter(|t| t.arm == arm && t.task == task).count() as u64;
        (trials, trials * u64::from(plan.arms[arm].effective[task].sampling.max_tokens))
    };
    let places =
        || (0..plan.arms.len()).flat_map(|arm| (0..plan.tasks.len()).map(move |task| (arm, task)));
    let tokens: u64 = places().map(|(arm, task)| most(arm, task).1).sum();
    if context.output.is_json() {
        let rows: Vec<_> = places()
            .map(|(arm, task)| {
                let (trials, tokens) = most(arm, task);
                json!({
                    "model": plan.arms[arm].arm.label,
                    "task": plan.tasks[task].task.id,
                    "items": plan.tasks[task].items.len(),
                    "repeats": plan.tasks[task].repeats,
                    "trials": trials,
                    "tokens_max": tokens,
                })
            })
            .collect();
        let trials = plan.trials.len();
        print_json(&json!({
            "schema": 1, "plan": rows, "trials": trials, "tokens_max": tokens,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = [
        ("model", Align::Left),
        ("task", Align::Left),
        ("items", Align::Right),
        ("repeats", Align::Right),
        ("trials", Align::Right),
        ("tokens at most", Align::Right),
    ];
    let mut table = Table::new(&headings);
    for (arm, task) in places() {
        let (trials, tokens) = most(arm, task);
        let asked = &plan.tasks[task];
        table.row([
            plan.arms[arm].arm.label.clone(),
            asked.task.id.to_string(),
            thousands(asked.items.len() as u64),
            asked.repeats.to_string(),
            thousands(trials),
            thousands(tokens),
        ]);
    }
    print(&table.render(screen()))?;
    print(&format!(
        "{} trials, at most {} tokens generated; nothing was asked\n",
        thousands(plan.trials.len() as u64),
        thousands(tokens)
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn suites(selection: &Selection) -> Result<Vec<Suite>, Failure> {
    let catalog = Catalog::built_in();
    selection.suites.iter().map(|name| Ok(catalog.suite(name)?)).collect()
}

/// Opens every model once, however many arms it has.
fn open_arms(context: &Context, selection: &Selection) -> Result<Vec<Arm>, Failure> {
    let mut open: BTreeMap<String, Arc<dyn Runner>> = BTreeMap::new();
    arms(context, &selection.models, &selection.reasoning)?
        .into_iter()
        .map(|arm| {
            let runner = match open.get(&arm.model.name) {
                Some(runner) => Arc::clone(runner),
                None => tripos_runners::open(&arm.model)?,
            };
            open.insert(arm.model.name.clone(), Arc::clone(&runner));
            Ok(Arm {
                label: arm.name,
                model: arm.model.name,
                runner,
                reasoning: arm.reasoning,
                max_tokens: selection.max_tokens,
            })
        })
        .collect()
}

/// Asks what is missing until it is done or the user has had enough.
///
/// Where a gate is decided before that, the work ends there.
async fn work(
    (context, job, round): (&Context, &Job, &Round),
    (plan, programs): (&Plan<'_>, &Programs),
    store: &Store,
    monitor: &RefCell<Option<Monitor>>,
) -> Result<Outcome, Failure> {
    let line = RefCell::new(Line::new(context.output));
    let (stop, cancel) = watch::channel(false);
    let order = engine::Job {
        plan,
        selection: &round.selection,
        command: &job.command,
        name: job.name.as_deref(),
        sandbox: programs.sandbox.as_ref(),
        left_out: &programs.left_out,
    };
    let observe = |now: &engine::Progress| {
        line.borrow_mut().observe(now);
        if monitor.borrow_mut().as_mut().is_some_and(|monitor| monitor.see(&now.settled)) {
            stop.send_replace(true);
        }
    };
    let mut working = std::pin::pin!(engine::run(order, store, cancel, observe));
    let mut clock = tokio::time::interval(TICK);
    let outcome = loop {
        tokio::select! {
            outcome = &mut working => break outcome?,
            _ = clock.tick() => line.borrow_mut().tick(),
            _ = tokio::signal::ctrl_c() => {
                if stop.send_replace(true) {
                    return Err(Failure::new(Kind::Interrupted, "interrupted twice")
                        .hint("what was finished is kept; `tripos runs` names the run"));
                }
                context.output.note("\nstopping; once more ends at once");
            }
        }
    };
    line.borrow().finish();
    Ok(outcome)
}

/// A run for programs.
#[derive(Serialize)]
struct Document {
    schema: u32,
    run: String,
    store: String,
    report: Option<String>,
    result: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<serde_json::Value>,
}

/// Prints the table of a run and writes its page.
async fn summarise(
    (context, job): (&Context, &Job),
    store: &Store,
    loaded: &[Loaded],
    found: Option<&Gate>,
) -> Result<(), Failure> {
    let sources = sources(context, loaded);
    let handle = loaded[0].run.summary.handle.clone();
    let path = &context.config.store;
    let report = make_report(store, (&sources, Extent::Whole), path, job.command.clone()).await?;
    if let Some(path) = &job.report {
        save_report(path, &report)?;
    }
    let page = job.report.as_ref().map(|path| path.display().to_string());
    if context.output.is_json() {
        return print_json(&Document {
            schema: 1,
            run: handle,
            store: path.display().to_string(),
            report: page,
            result: report_document(&report),
            gate: found.map(gate_document),
        });
    }
    print(&terminal::run(&report, screen()))?;
    let page = page.unwrap_or_else(|| format!("`tripos report {handle} -o FILE`"));
    let store = path.display();
    print(&format!("\nrun     {handle}\nstore   {store}\nreport  {page}\n"))?;
    match found {
        Some(found) => print(&format!("\n{}", gate::terminal(found, screen()))),
        None => Ok(()),
    }
}

/// A gate as documents hold it.
fn gate_document(found: &Gate) -> serde_json::Value {
    serde_json::from_str(&gate::render(found, Form::Json)).expect("a rendered gate is JSON")
}

/// Writes a page in the format that its name asks for.
pub(super) fn save_report(path: &Path, report: &Report) -> Result<(), Failure> {
    let text = tripos_dashboards::render(report, report_format(path)?);
    write_file(path, text.as_bytes()).map_err(|source| {
        Failure::invalid(JobError::Report { path: path.to_owned(), source })
            .hint("the answers are kept: `tripos report RUN -o FILE` writes the page again")
    })
}

fn report_format(path: &Path) -> Result<Format, Failure> {
    path.extension()
        .and_then(|ending| Format::from_ending(&ending.to_string_lossy()))
        .ok_or_else(|| Failure::usage(JobError::ReportName(path.to_owned())))
}

/// Refuses a page whose folder is not there, before anything is asked for it.
fn report_folder(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => {
            Err(Failure::usage(JobError::NoFolder(folder.to_owned())))
        }
        _ => Ok(()),
    }
}

fn interrupted(outcome: &Outcome) -> Failure {
    let (done, total) = (outcome.progress.done(), outcome.progress.total());
    let error = JobError::Interrupted { run: outcome.handle.clone(), done, total };
    Failure::new(Kind::Interrupted, error)
        .hint(format!("`tripos resume {}` does the rest", outcome.handle))
}

/// Says whether enough was measured.
fn judge(context: &Context, outcome: &Outcome) -> Result<ExitCode, Failure> {
    let arms = &outcome.progress.arms;
    for arm in arms {
        if let Some(reason) = &arm.stopped {
            let (arm, reason) = (arm.label.clone(), reason.clone());
            return Err(Failure::invalid(JobError::Stopped { arm, reason }).hint(format!(
                "`tripos resume {}` asks what is missing once the model answers",
                outcome.handle
            )));
        }
    }
    let total = outcome.progress.total();
    let failed: u64 = arms.iter().map(|arm| arm.failed).sum();
    let allowed = context.config.run.max_failed;
    #[expect(clippy::cast_precision_loss, reason = "trial counts come nowhere near 2^53")]
    let share = failed as f64 / total as f64;
    if share > allowed {
        let allowed = 100.0 * allowed;
        return Err(Failure::invalid(JobError::Failed { failed, total, allowed })
            .hint(format!("`tripos show {}` says why they failed", outcome.handle)));
    }
    Ok(ExitCode::SUCCESS)
}
