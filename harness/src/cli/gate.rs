//! `tripos gate`: the verdict of a policy, as exit code and in every form that CI reads.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tripos_dashboards::gate::{self as view, Form, Gate};
use tripos_dashboards::terminal::{Align, Table};

use super::Context;
use super::baseline::{Pinned, pinned};
use super::output::{print, print_json, screen, write_file};
use super::select::{block_on, load, open_store, sources};
use crate::config::{ModelEntry, Price};
use crate::failure::Failure;
use crate::gate::{self, EarlyStop, Looked, Monitor, More, OnInconclusive, Plan, Policy};
use crate::plan::Arm;
use crate::report::{Source, thousands};

/// Judge a run against a baseline by a policy, and end with its exit code
///
/// 0: every rule holds. 1: a rule is broken beyond doubt. 3: too few items to decide. 4: not
/// measurable, as when settings differ or too many trials failed.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct GateArgs {
    #[command(subcommand)]
    plan: Option<GateCommand>,

    #[command(flatten)]
    judge: Option<JudgeArgs>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum GateCommand {
    /// Say what a policy can detect on the items there are, before anything is spent
    Plan(PlanArgs),
}

/// What is judged, and where it is written.
#[derive(Clone, Debug, clap::Args)]
struct JudgeArgs {
    /// The run to judge: one that holds one model, or RUN/MODEL
    #[arg(value_name = "RUN")]
    candidate: String,

    /// What to judge it against: a run, or a file that `tripos baseline export` wrote
    #[arg(long, value_name = "RUN|FILE")]
    baseline: String,

    /// The rules: margins, limits, what to do when undecided
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,

    /// Judge even where tasks, limits, sampling, reasoning or graders differ
    #[arg(long)]
    allow_mismatch: bool,

    /// Where to write the rules as test cases, in `JUnit`'s XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Where to write the page of the CI run, in Markdown
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// Where to write the comment for a pull request, in Markdown
    #[arg(long, value_name = "FILE")]
    comment: Option<PathBuf>,

    /// Where to write the gate as a JSON document
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is planned.
#[derive(Clone, Debug, clap::Args)]
struct PlanArgs {
    /// What a candidate will be judged against: a run, or a file that `tripos baseline export` wrote
    #[arg(long, value_name = "RUN|FILE")]
    baseline: String,

    /// The rules
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,

    /// Dollars for a million tokens in and out, such as `0.28,0.42` [default: the model's `price` in the settings]
    #[arg(long, value_name = "IN,OUT", value_parser = Price::parse)]
    price: Option<Price>,
}

/// Why nothing is judged.
#[derive(Debug, thiserror::Error)]
enum GateError {
    #[error("cannot read the policy `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the policy `{}` has more than {} bytes", .0.display(), gate::MAX_BYTES)]
    Long(PathBuf),
    #[error("`{name}` holds {} models: name one", models.len())]
    NotOne { name: String, models: Vec<String> },
    #[error(
        "the baseline and the candidate have no task in common: {baseline} against {candidate}"
    )]
    OtherSuite { baseline: String, candidate: String },
    #[error("`max_extra_cost` is in dollars, and no price of `{0}` is known")]
    NoPrice(String),
    #[error("the policy has no rule that compares accuracy: there is nothing to plan")]
    NothingToPlan,
}

/// Judges or plans.
pub(super) fn run(context: &Context, arguments: &GateArgs) -> Result<ExitCode, Failure> {
    match (&arguments.plan, &arguments.judge) {
        (Some(GateCommand::Plan(plan)), _) => run_plan(context, plan),
        (None, Some(judge)) => run_judge(context, judge),
        (None, None) => unreachable!("clap asks for the run where no subcommand is given"),
    }
}

/// A gate over a run that is still to be made.
pub(super) struct Wish {
    policy: Policy,
    name: String,
    baseline: Pinned,
}

impl Wish {
    /// Reads the policy and the baseline, before anything is asked.
    pub(super) fn read(context: &Context, policy: &Path, name: &str) -> Result<Self, Failure> {
        let policy = read_policy(policy)?;
        let baseline = block_on(pinned(context, None, name))?;
        only(name, &baseline.sources(context))?;
        Ok(Self { policy, name: name.to_owned(), baseline })
    }

    /// Whether the run may end before its last item.
    pub(super) fn stops_early(&self) -> bool {
        self.policy.early_stop == EarlyStop::Hybrid
    }

    /// Refuses a cap on dollars where nobody knows what an answer costs.
    pub(super) fn check_price(&self, context: &Context, arm: &Arm) -> Result<(), Failure> {
        let model = &arm.model;
        let remote = matches!(context.config.models.get(model), Some(ModelEntry::Chat(..)));
        let wants = self.policy.on_inconclusive == OnInconclusive::SampleMore
            && self.policy.max_extra_cost.is_some();
        if wants && remote && !context.config.prices.contains_key(model) {
            return Err(Failure::usage(GateError::NoPrice(model.clone())).hint(format!(
                "`price = {{ input = USD, output = USD }}` in `[models.{model}]`, or `--price IN,OUT`: a \
                 million tokens"
            )));
        }
        Ok(())
    }

    /// Checks that the plan can be judged, and watches it where the policy wants that.
    pub(super) fn watch(
        &self,
        context: &Context,
        plan: &crate::plan::Plan<'_>,
    ) -> Result<Option<Monitor>, Failure> {
        if plan.arms.len() != 1 {
            let models = plan.arms.iter().map(|planned| planned.arm.label.clone()).collect();
            let name = "this run".to_owned();
            return Err(Failure::usage(GateError::NotOne { name, models })
                .hint("`--gate` judges one model; `tripos gate RUN/MODEL` judges one of several"));
        }
        let tasks: Vec<&str> = plan.tasks.iter().map(|task| task.task.id.as_str()).collect();
        self.policy.check_tasks(&tasks)?;
        let all = self.baseline.sources(context);
        let baseline = only(&self.name, &all)?;
        if !baseline.run.tasks.iter().any(|task| tasks.contains(&task.task.as_str())) {
            let candidate = plan.tasks.iter().map(|task| task.suite.to_string()).collect();
            return Err(other_suite(baseline, candidate));
        }
        Ok(Monitor::new(&gate::at_look(&self.policy, 0), baseline, plan))
    }

    /// Judges the run, and says what more is asked where it cannot be decided.
    pub(super) fn judge(
        &self,
        context: &Context,
        candidate: &Source<'_>,
        monitor: Option<&Monitor>,
        looked: Looked,
    ) -> Result<(Gate, Option<More>), Failure> {
        let all = self.baseline.sources(context);
        let baseline = only(&self.name, &all)?;
        let policy = gate::at_look(&self.policy, looked.before);
        let mut found = gate::judge(&policy, baseline, candidate, false, monitor);
        let (more, why) = match gate::more(&policy, (baseline, candidate), &found, looked) {
            Some(More::Nothing(why)) => (None, Some(why)),
            more => (more, None),
        };
        gate::say(&mut found, candidate, looked, why);
        Ok((found, more))
    }
}

fn run_judge(context: &Context, arguments: &JudgeArgs) -> Result<ExitCode, Failure> {
    let policy = read_policy(&arguments.policy)?;
    block_on(async {
        let store = open_store(context).await?;
        let (candidate, baseline) = tokio::join!(
            load(&store, &arguments.candidate),
            pinned(context, Some(&store), &arguments.baseline)
        );
        let loaded = [candidate?];
        let all = sources(context, &loaded);
        let candidate = only(&arguments.candidate, &all)?;
        let baseline = baseline?;
        let all = baseline.sources(context);
        let baseline = only(&arguments.baseline, &all)?;
        same_suite(baseline, candidate)?;
        let tasks: Vec<&str> = candidate.run.tasks.iter().map(|task| task.task.as_str()).collect();
        policy.check_tasks(&tasks)?;
        let mut found = gate::judge(&policy, baseline, candidate, arguments.allow_mismatch, None);
        gate::say_finished(&policy, &mut found);
        write_forms(arguments, &found)?;
        if context.output.is_json() {
            print(&view::render(&found, Form::Json))?;
        } else {
            print(&view::terminal(&found, screen()))?;
        }
        Ok(ExitCode::from(found.exit_code))
    })
}

fn write_forms(arguments: &JudgeArgs, found: &Gate) -> Result<(), Failure> {
    let forms = [
        (&arguments.junit, Form::Junit),
        (&arguments.summary, Form::Summary),
        (&arguments.comment, Form::Comment),
        (&arguments.json, Form::Json),
    ];
    for (path, form) in forms {
        let Some(path) = path else { continue };
        write_file(path, view::render(found, form).as_bytes())
            .map_err(|source| Failure::invalid(GateError::Write { path: path.clone(), source }))?;
    }
    Ok(())
}

fn run_plan(context: &Context, arguments: &PlanArgs) -> Result<ExitCode, Failure> {
    let policy = read_policy(&arguments.policy)?;
    block_on(async {
        let baseline = pinned(context, None, &arguments.baseline).await?;
        let all = baseline.sources(context);
        let baseline = only(&arguments.baseline, &all)?;
        let tasks: Vec<&str> = baseline.run.tasks.iter().map(|task| task.task.as_str()).collect();
        policy.check_tasks(&tasks)?;
        let plan = gate::plan(&policy, baseline);
        if plan.rules.is_empty() {
            return Err(Failure::usage(GateError::NothingToPlan));
        }
        show_plan(context, &plan, arguments.price.or(baseline.price))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn show_plan(context: &Context, plan: &Plan, price: Option<Price>) -> Result<(), Failure> {
    let dollars = |rule: &gate::PlanRule, items: f64| {
        let (tokens_in, tokens_out) = rule.tokens_per_item;
        price.map(|price| items * (tokens_in * price.input + tokens_out * price.output) / 1e6)
    };
    #[expect(clippy::cast_precision_loss, reason = "items come nowhere near 2^53")]
    let needed_dollars =
        |rule: &gate::PlanRule| dollars(rule, rule.items_needed.unwrap_or(rule.items) as f64);
    if context.output.is_json() {
        let rules: Vec<_> = plan
            .rules
            .iter()
            .map(|rule| {
                json!({
                    "task": rule.task, "margin": rule.margin, "items": rule.items,
                    "repeats": rule.repeats, "variance": rule.variance,
                    "variance_seen": rule.seen, "detectable": rule.detectable,
                    "items_needed": rule.items_needed, "usd_needed": needed_dollars(rule),
                })
            })
            .collect();
        return print_json(&json!({ "schema": 1, "power": plan.power, "rules": rules }));
    }
    let mut headings = vec![
        ("task", Align::Left),
        ("margin", Align::Right),
        ("items", Align::Right),
        ("detectable", Align::Right),
        ("items needed", Align::Right),
    ];
    headings.extend(price.map(|_| ("dollars", Align::Right)));
    let mut table = Table::new(&headings);
    for rule in &plan.rules {
        let mut row = vec![
            rule.task.clone(),
            format!("{:.1} points", 100.0 * rule.margin),
            thousands(rule.items),
            format!("{:.1} points", 100.0 * rule.detectable),
            rule.items_needed.map_or_else(|| "-".to_owned(), thousands),
        ];
        row.extend(needed_dollars(rule).map(|usd| format!("${usd:.2}")));
        table.row(row);
    }
    print(&table.render(screen()))?;
    let short = plan.rules.iter().filter(|rule| rule.detectable > rule.margin).count();
    print(&format!(
        "\nAn equal candidate passes {:.0} % of the time where the margin is at least what is \
         detectable.\n{} of {} rules are too tight for the items there are.\n",
        100.0 * plan.power,
        short,
        plan.rules.len()
    ))?;
    if plan.rules.iter().any(|rule| !rule.seen) {
        print(
            "Items were asked once, so that their spread is the most it can be; `--repeats 3` shows it.\n",
        )?;
    }
    Ok(())
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Failure::usage(GateError::Read { path: path.to_owned(), source }))?;
    if text.len() > gate::MAX_BYTES {
        return Err(Failure::usage(GateError::Long(path.to_owned())));
    }
    Ok(Policy::parse(&path.display().to_string(), &text)?)
}

/// The one arm that was named.
fn only<'s, 'a>(name: &str, all: &'s [Source<'a>]) -> Result<&'s Source<'a>, Failure> {
    if let [one] = all {
        return Ok(one);
    }
    let models: Vec<String> =
        all.iter().map(|source| source.run.arms[source.arm].label.clone()).collect();
    let hint = models.first().map(|model| format!("such as `{name}/{model}`"));
    Err(Failure::usage(GateError::NotOne { name: name.to_owned(), models }).maybe_hint(hint))
}

/// Refuses what was measured on something else altogether.
fn same_suite(baseline: &Source<'_>, candidate: &Source<'_>) -> Result<(), Failure> {
    let shared = |task: &crate::store::rows::TaskRow| {
        candidate.run.tasks.iter().any(|other| other.task == task.task)
    };
    if baseline.run.tasks.iter().any(shared) {
        return Ok(());
    }
    Err(other_suite(baseline, candidate.run.summary.suites.clone()))
}

fn other_suite(baseline: &Source<'_>, mut candidate: Vec<String>) -> Failure {
    candidate.dedup();
    let baseline = baseline.run.summary.suites.join(", ");
    let candidate = candidate.join(", ");
    Failure::invalid(GateError::OtherSuite { baseline, candidate })
        .hint("`tripos runs` lists what the store holds, with suites")
}
