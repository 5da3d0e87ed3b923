//! Rows and estimates become the view data of a report.
//!
//! Pure: time, machine and store arrive as text. The first source is the baseline of every
//! comparison. A failed trial is in no score and in no pair; it is counted and said.

use std::collections::BTreeMap;

use tripos_dashboards::report::{
    Arm, Experts, Fact, Items, LayerLoad, Provenance, Report, TaskRow,
};
use tripos_runners::runner::Telemetry;
use tripos_tasks::{ReasoningLevel, Sensitivity};

use crate::config::Price;
use crate::key::TrialKey;
use crate::stats;
use crate::store::rows::{self, Run, RunState, Sample, Transcript, TrialState};

mod cells;
mod compare;
mod flips;
mod stated;
mod worth;

use flips::Flipped;

pub use compare::mismatches;

/// One arm of one run, with all that the store says of it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The run.
    pub run: &'a Run,
    /// The place of the arm in the run.
    pub arm: usize,
    /// What became of the run's trials, of all arms.
    pub samples: &'a [Sample],
    /// What was seen inside the model.
    pub telemetry: Option<&'a Telemetry>,
    /// What the model's tokens cost, where that is known.
    pub price: Option<Price>,
    /// Whether the model is behind an endpoint, so that nothing inside it can be seen.
    pub remote: bool,
}

/// What the report says of its own making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// When, as the reader sees it.
    pub created: String,
    /// The command that makes the report again.
    pub command: String,
    /// Where the ledger is.
    pub store: String,
    /// What it ran on: processor, system, cores.
    pub machine: String,
}

/// How much of a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that any format shows.
    Whole,
    /// What a terminal shows of a comparison: no flip, no item, no token limit, and of what was spent
    /// that of right answers.
    Terminal,
}

/// Sources put in order, of which a report is made.
pub struct Draft<'a> {
    sources: &'a [Source<'a>],
    extent: Extent,
    views: Vec<View<'a>>,
    /// What flipped between the first arm and each other one.
    flipped: Vec<Vec<Flipped<'a>>>,
}

impl<'a> Draft<'a> {
    /// Puts `sources` in order, the baseline first.
    pub fn new(sources: &'a [Source<'a>], extent: Extent) -> Self {
        let views: Vec<_> = sources.iter().map(View::new).collect();
        let flipped = views.iter().skip(1).map(|candidate| match extent {
            Extent::Whole => flips::flipped(&views[0], candidate),
            Extent::Terminal => Vec::new(),
        });
        let flipped = flipped.collect();
        Self { sources, extent, views, flipped }
    }

    /// The trials that the report shows in full: both sides of what flipped, the worst of it where it is
    /// much.
    pub fn shown_trials(&self) -> Vec<TrialKey> {
        let shown = self.flipped.iter().flat_map(|flipped| flipped.iter().take(flips::READ));
        let mut keys: Vec<TrialKey> =
            shown.flat_map(|pair| [pair.baseline.key, pair.candidate.key]).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Makes the report; `transcripts` holds what [`Draft::shown_trials`] names.
    pub fn report(&self, transcripts: &BTreeMap<TrialKey, Transcript>, making: &Making) -> Report {
        let (sources, views) = (self.sources, self.views.as_slice());
        let tasks = tasks(views);
        let names = names(sources);
        let comparison = |(n, flipped): (usize, &Vec<Flipped<'_>>)| {
            compare::comparison((views, n + 1), &tasks, flipped, transcripts)
        };
        Report {
            title: title(sources, &names),
            created: making.created.clone(),
            confidence: stats::LEVEL,
            notices: notices(sources, &names),
            tasks: rows(views, &tasks, self.extent),
            comparisons: self.flipped.iter().enumerate().map(comparison).collect(),
            items: match self.extent {
                Extent::Whole => worth::items(views, &tasks),
                Extent::Terminal => Items::default(),
            },
            arms: views
                .iter()
                .zip(names)
                .map(|(view, name)| arm(view, name, self.extent))
                .collect(),
            provenance: provenance(sources, making),
        }
    }
}

/// What every arm made of every task.
fn rows(views: &[View<'_>], tasks: &[&rows::TaskRow], extent: Extent) -> Vec<TaskRow> {
    let cell = |view: &View<'_>, task: &str| {
        let task = view.task(task)?;
        Some(cells::cell(task, view.source.price, extent))
    };
    tasks
        .iter()
        .map(|task| TaskRow {
            id: task.task.clone(),
            title: task.title.clone(),
            version: task.version.clone(),
            digest: task.digest.clone(),
            sensitivity: sensitivity(&task.sensitivity),
            cells: views.iter().map(|view| cell(view, &task.task).unwrap_or_default()).collect(),
        })
        .collect()
}

/// What one arm made of each task, in the order of the run.
struct View<'a> {
    source: Source<'a>,
    tasks: Vec<TaskView<'a>>,
}

/// What one arm made of one task.
struct TaskView<'a> {
    row: &'a rows::TaskRow,
    /// Every trial, by item and repeat.
    samples: Vec<&'a Sample>,
    /// The items with a graded trial, by name.
    items: Vec<cells::Item<'a>>,
    accuracy: stats::Estimate,
}

impl<'a> View<'a> {
    fn new(source: &Source<'a>) -> Self {
        let mut all: Vec<Vec<&Sample>> = vec![Vec::new(); source.run.tasks.len()];
        for sample in source.samples.iter().filter(|sample| sample.arm == source.arm) {
            all[sample.task].push(sample);
        }
        let tasks = source.run.tasks.iter().zip(all);
        Self { source: *source, tasks: tasks.map(|(row, own)| TaskView::new(row, own)).collect() }
    }

    fn task(&self, name: &str) -> Option<&TaskView<'a>> {
        self.tasks.iter().find(|task| task.row.task == name)
    }

    fn row(&self) -> &'a rows::ArmRow {
        &self.source.run.arms[self.source.arm]
    }
}

impl<'a> TaskView<'a> {
    fn new(row: &'a rows::TaskRow, mut samples: Vec<&'a Sample>) -> Self {
        // The order in which trials were read moves no digit and shows no other transcript.
        samples.sort_by(|a, b| (&a.item, a.repeat).cmp(&(&b.item, b.repeat)));
        let items = cells::items(&samples);
        let accuracy = cells::task_accuracy(&items);
        Self { row, samples, items, accuracy }
    }
}

/// Every task that any source asked, in the order of the first that did.
fn tasks<'a>(views: &[View<'a>]) -> Vec<&'a rows::TaskRow> {
    let mut all: Vec<&rows::TaskRow> = Vec::new();
    for task in views.iter().flat_map(|view| &view.tasks) {
        if all.iter().all(|known| known.task != task.row.task) {
            all.push(task.row);
        }
    }
    all
}

/// A name for each source that no other has: the arm's label, with the run where that is needed.
fn names(sources: &[Source<'_>]) -> Vec<String> {
    let label = |source: &Source<'_>| source.run.arms[source.arm].label.clone();
    sources
        .iter()
        .map(|source| {
            let own = label(source);
            let shared = sources.iter().filter(|other| label(other) == own).count() > 1;
            if shared { format!("{}/{own}", source.run.summary.handle) } else { own }
        })
        .collect()
}

fn title(sources: &[Source<'_>], names: &[String]) -> String {
    let mut suites: Vec<&str> = Vec::new();
    for suite in sources.iter().flat_map(|source| &source.run.summary.suites) {
        if !suites.contains(&suite.as_str()) {
            suites.push(suite);
        }
    }
    format!("{}: {}", suites.join(", "), names.join(" and "))
}

/// What a reader must know first.
fn notices(sources: &[Source<'_>], names: &[String]) -> Vec<String> {
    let mut notices = Vec::new();
    for (source, name) in sources.iter().zip(names) {
        let own = || source.samples.iter().filter(|sample| sample.arm == source.arm);
        let open = own()
            .filter(|s| matches!(s.state, TrialState::Planned | TrialState::Completed))
            .count();
        if open > 0 {
            let handle = &source.run.summary.handle;
            notices.push(format!(
                "{open} trials of {name} are not done: `tripos resume {handle}` finishes them."
            ));
        }
        let left_out = &source.run.left_out;
        if let Some(first) = left_out.first() {
            let notice = format!(
                "{} of run {} left out, since their own tests cannot be trusted: `{}` of `{}`{} ({}).",
                phrase_items(left_out.len()),
                source.run.summary.handle,
                first.item,
                first.task,
                if left_out.len() > 1 { " first" } else { "" },
                first.why,
            );
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        let bare = own().filter(|s| s.tier == Some(0)).count();
        if bare > 0 {
            notices.push(format!(
                "{bare} programs of {name} ran WITHOUT ISOLATION (`--unsafe-no-sandbox`): nothing \
                 kept them from the machine."
            ));
        }
        if let (RunState::Stopped, Some(reason)) =
            (source.run.summary.state, &source.run.summary.reason)
        {
            let notice = format!("Run {} stopped early: {reason}.", source.run.summary.handle);
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
    }
    notices
}

fn phrase_items(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

fn arm(view: &View<'_>, name: String, extent: Extent) -> Arm {
    let row = view.row();
    Arm {
        name,
        model: row.model.clone(),
        run: view.source.run.summary.handle.clone(),
        reasoning: agreed(row.effective.iter().map(|effective| level(effective.reasoning))),
        digest: row.digest.clone(),
        settings: settings(row),
        total: cells::total(view, extent),
        budgets: match extent {
            Extent::Whole => worth::budgets(view),
            Extent::Terminal => Vec::new(),
        },
        calibration: stated::calibration(view),
        experts: experts(&view.source),
    }
}

/// What was set, and what of it was dropped.
fn settings(row: &rows::ArmRow) -> Vec<Fact> {
    let sampling = || row.effective.iter().map(|effective| &effective.sampling);
    let mut facts = vec![
        Fact::new("token limit", agreed(sampling().map(|s| thousands(s.max_tokens.into())))),
        Fact::new("temperature", agreed(sampling().map(|s| s.temperature.to_string()))),
        Fact::new("top p", agreed(sampling().map(|s| s.top_p.to_string()))),
    ];
    let asked = agreed(row.requested.iter().map(|requested| level(requested.reasoning)));
    facts.push(Fact::new("reasoning requested", asked));
    let mut dropped: Vec<&str> =
        row.effective.iter().flat_map(|e| e.dropped.iter().map(String::as_str)).collect();
    dropped.sort_unstable();
    dropped.dedup();
    if !dropped.is_empty() {
        facts.push(Fact::new("settings the model does not take", dropped.join(", ")));
    }
    facts
}

/// The values that tasks have, each once, in order.
fn agreed(values: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all.join(" or ")
}

fn level(level: ReasoningLevel) -> String {
    match level {
        ReasoningLevel::Tokens(tokens) => format!("{} tokens", thousands(tokens.into())),
        named => named.to_string(),
    }
}

/// Writes a count with a comma before every third digit.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn experts(source: &Source<'_>) -> Experts {
    let Some(telemetry) = source.telemetry else {
        return if source.remote { Experts::NotObservable } else { Experts::NotRecorded };
    };
    if telemetry.expert_load.is_empty() {
        return Experts::Dense;
    }
    let layers = telemetry
        .expert_load
        .iter()
        .map(|load| {
            let tokens: u64 = load.tokens.iter().sum();
            LayerLoad {
                layer: load.layer,
                tokens,
                ratios: load.tokens.iter().map(|&own| to_uniform(own, tokens, load)).collect(),
                router_entropy_bits: (tokens > 0).then_some(load.router_entropy_bits),
            }
        })
        .collect();
    Experts::Observed { layers }
}

/// An expert's share of the tokens as ratio to a uniform share.
#[expect(clippy::cast_precision_loss, reason = "token counts come nowhere near 2^53")]
fn to_uniform(own: u64, all: u64, load: &tripos_runners::runner::LayerLoad) -> f64 {
    if all == 0 { 0.0 } else { own as f64 * load.tokens.len() as f64 / all as f64 }
}

fn sensitivity(stored: &str) -> Sensitivity {
    match stored {
        "none" => Sensitivity::None,
        "misinformation" => Sensitivity::Misinformation,
        // What this version does not know is shown as little as can be.
        _ => Sensitivity::Gated,
    }
}

fn provenance(sources: &[Source<'_>], making: &Making) -> Provenance {
    let mut facts = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for source in sources {
        let (run, handle) = (source.run, source.run.summary.handle.as_str());
        if seen.contains(&handle) {
            continue;
        }
        seen.push(handle);
        let chosen = &run.selection;
        facts.push(Fact::new(format!("run {handle}"), format!("digest {}", run.digest)));
        facts.push(Fact::new(format!("{handle}: command"), run.command.clone()));
        facts.push(Fact::new(format!("{handle}: seed"), chosen.seed.to_string()));
        facts.push(Fact::new(format!("{handle}: suites"), run.summary.suites.join(", ")));
        let limit = chosen.limit.map_or_else(|| "all".to_owned(), |limit| limit.to_string());
        facts.push(Fact::new(format!("{handle}: items a task"), limit));
        let repeats = agreed(run.tasks.iter().map(|task| task.repeats.to_string()));
        facts.push(Fact::new(format!("{handle}: repeats of an item"), repeats));
        facts.push(Fact::new(format!("{handle}: planned by"), format!("tripos {}", run.version)));
    }
    facts.push(Fact::new("store", making.store.clone()));
    facts.push(Fact::new("machine", making.machine.clone()));
    Provenance {
        command: making.command.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        methods: methods(sources.len() > 1),
        facts,
    }
}

/// The statistical methods, each in a sentence.
fn methods(compared: bool) -> Vec<Fact> {
    let mut methods = vec![
        Fact::new(
            "unit",
            "The item: its repeats are averaged first, and variants of one item form a cluster. \
             Failed trials are left out; truncated and unparsed answers count as wrong.",
        ),
        Fact::new(
            "accuracy of a task",
            "Wilson's score interval where every item is right or wrong and stands alone; else the \
             mean with a clustered standard error and Student's t.",
        ),
        Fact::new(
            "accuracy of all tasks",
            "The weighted average over tasks with a normal interval.",
        ),
        Fact::new("tokens and seconds", "Means over trials, clustered by item, Student's t."),
        Fact::new(
            "dollars and tokens for a right answer",
            "The ratio of totals over the same answers, with a linearised standard error, clustered. \
             Dollars are those of accepted answers at the prices known when the report was made.",
        ),
        Fact::new(
            "stated confidence",
            "Over 10 equal bins; the error of calibration has no interval and is never below zero by \
             chance. Brier: the mean squared error, clustered, Student's t. AUROC: by placements, \
             clustered (Obuchowski 1997). Answers that state none are in none of these.",
        ),
        Fact::new(
            "token limits",
            "Accuracy as above, when an answer that took more counts as wrong, as it would have been cut \
             off.",
        ),
    ];
    if compared {
        methods.push(Fact::new(
            "difference",
            "Paired by item, candidate minus baseline: Tango's score interval with the exact \
             McNemar test where every item is right or wrong and stands alone; else the mean \
             difference, clustered, with Student's t. Over all tasks: their weighted average.",
        ));
        methods.push(Fact::new(
            "several tasks",
            "Tests are adjusted over the tasks (Holm); a task is called better or worse only if its \
             test holds after that.",
        ));
        methods.push(Fact::new(
            "probability of being better",
            "Of the share gained among what differs, under Jeffreys' prior, where every item is right \
             or wrong and stands alone; else of a normal mean.",
        ));
        methods.push(Fact::new(
            "ratio of tokens, of dollars and of seconds",
            "The ratio of totals over the same items, with a linearised standard error.",
        ));
    }
    methods
}

#[cfg(test)]
pub(crate) mod tests;
