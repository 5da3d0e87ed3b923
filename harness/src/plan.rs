//! Suites × arms × items × repeats, as a list of trials.
//!
//! A plan holds keys and places only: each prompt is rendered here to name its trial, dropped, and
//! rendered again when the trial starts. The same input gives the same plan in the same order.

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tripos_runners::sandbox::Sandbox;
use tripos_runners::{Effective, Runner};
use tripos_tasks::generate::Random;
use tripos_tasks::template::TemplateError;
use tripos_tasks::{Digest, Item, ReasoningLevel, Sampling, Suite, SuiteId, Task};

use crate::key::{Identity, TrialKey, grader_digest};

/// What the user chose: enough to plan the same run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The suites, as given: names or paths.
    pub suites: Vec<String>,
    /// The models, as given, suffixes included.
    pub models: Vec<String>,
    /// The reasoning levels, one arm each; empty where none was given.
    pub reasoning: Vec<ReasoningLevel>,
    /// The seed of the run.
    pub seed: u64,
    /// Repeats of each item; each task's own number where none was given.
    pub repeats: Option<u32>,
    /// The most items a task.
    pub limit: Option<usize>,
    /// The most tokens a completion; each task's own number where none was given.
    pub max_tokens: Option<u32>,
    /// Requests under way at once; each runner's own wish where none was given.
    pub concurrency: Option<usize>,
    /// Whether items come in an order drawn from the seed, all repeats of one before the next: what a gate
    /// that may stop early needs.
    #[serde(default)]
    pub shuffled: bool,
}

/// One model at one reasoning level.
#[derive(Clone)]
pub struct Arm {
    /// What reports and `RUN/MODEL` call it, such as `tiny+think`.
    pub label: String,
    /// The model's name, without suffixes.
    pub model: String,
    /// Who answers. Arms of one model share it.
    pub runner: Arc<dyn Runner>,
    /// The reasoning level in place of each task's own.
    pub reasoning: Option<ReasoningLevel>,
    /// The token limit in place of each task's own.
    pub max_tokens: Option<u32>,
}

impl Arm {
    /// Returns what is asked of the model in `task`.
    pub fn requested(&self, task: &Task) -> Sampling {
        let mut sampling = task.sampling.clone();
        if let Some(reasoning) = self.reasoning {
            sampling.reasoning = reasoning;
        }
        if let Some(max_tokens) = self.max_tokens {
            sampling.max_tokens = max_tokens;
        }
        sampling
    }
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A plan and where it came from: what a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What is to be asked.
    pub plan: &'a Plan<'a>,
    /// What it was planned from.
    pub selection: &'a Selection,
    /// The command line as typed.
    pub command: &'a str,
    /// The name the user gives the run.
    pub name: Option<&'a str>,
    /// Where programs are run, if any task asks for programs.
    pub sandbox: Option<&'a Arc<Sandbox>>,
    /// What of the suites is not asked.
    pub left_out: &'a [LeftOut],
}

/// An item that is not asked, because its own tests cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its task.
    pub task: String,
    /// Its name.
    pub item: String,
    /// Why, as the end of a sentence.
    pub why: String,
}

/// What is to be asked, in the order in which it is asked.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The seed of the run.
    pub seed: u64,
    /// Who is asked.
    pub arms: Vec<PlannedArm<'a>>,
    /// What is asked.
    pub tasks: Vec<PlannedTask<'a>>,
    /// Every repeat of every item by every arm.
    pub trials: Vec<Trial>,
    /// Names the run: equal plans are the same run.
    pub digest: Digest,
}

/// An arm and what it does with each task's sampling.
#[derive(Debug)]
pub struct PlannedArm<'a> {
    /// The arm.
    pub arm: &'a Arm,
    /// What was requested, for each task of the plan.
    pub requested: Vec<Sampling>,
    /// What takes effect, for each task of the plan.
    pub effective: Vec<Effective>,
}

/// A task and the part of it that is asked.
#[derive(Debug)]
pub struct PlannedTask<'a> {
    /// The suite it belongs to.
    pub suite: &'a SuiteId,
    /// The task.
    pub task: &'a Task,
    /// The items asked, levels spread evenly.
    pub items: Vec<&'a Item>,
    /// How often each is asked.
    pub repeats: u32,
}

/// One repeat of one item by one arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its name by content; two places of a plan may share it.
    pub key: TrialKey,
    /// The place of the arm in [`Plan::arms`].
    pub arm: usize,
    /// The place of the task in [`Plan::tasks`].
    pub task: usize,
    /// The place of the item in [`PlannedTask::items`].
    pub item: usize,
    /// Which repeat, from 0.
    pub repeat: u32,
}

/// Why nothing could be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No suite, no model, or suites without items.
    #[error("nothing to run: the selection holds no {0}")]
    Empty(&'static str),
    /// Two arms have one name.
    #[error("the model `{0}` is given twice")]
    DuplicateArm(String),
    /// Two suites have a task of one name.
    #[error("the task `{0}` is given twice")]
    DuplicateTask(String),
    /// An item does not fit its task's template.
    #[error("cannot render item `{item}` of task `{task}`")]
    Render {
        /// The task.
        task: String,
        /// The item.
        item: String,
        /// What the template says.
        source: TemplateError,
    },
}

/// Lists every trial of `suites` by `arms`.
///
/// Arms come one after the other; inside an arm the tasks take turns, so that an interrupted run
/// has something of each, whether items come by level or in an order drawn from the seed.
pub fn plan<'a>(
    suites: &'a [Suite],
    arms: &'a [Arm],
    selection: &Selection,
) -> Result<Plan<'a>, PlanError> {
    let tasks = planned_tasks(suites, selection)?;
    let arms = planned_arms(arms, &tasks)?;
    let mut trials = Vec::new();
    for (n, planned) in arms.iter().enumerate() {
        list_trials((n, planned), &tasks, selection, &mut trials)?;
    }
    if trials.is_empty() {
        return Err(PlanError::Empty("items"));
    }
    let digest = digest(&arms, &tasks, &trials);
    Ok(Plan { seed: selection.seed, arms, tasks, trials, digest })
}

fn planned_tasks<'a>(
    suites: &'a [Suite],
    selection: &Selection,
) -> Result<Vec<PlannedTask<'a>>, PlanError> {
    let mut seen = BTreeSet::new();
    let mut tasks = Vec::new();
    for suite in suites {
        for task in &suite.tasks {
            if !seen.insert(&task.id) {
                return Err(PlanError::DuplicateTask(task.id.to_string()));
            }
            let mut items = spread(&task.items);
            items.truncate(selection.limit.unwrap_or(usize::MAX));
            if selection.shuffled {
                Random::from_key(&format!("order\n{}\n{}", selection.seed, task.id))
                    .shuffle(&mut items);
            }
            let repeats = selection.repeats.unwrap_or(task.samples);
            tasks.push(PlannedTask { suite: &suite.id, task, items, repeats });
        }
    }
    if tasks.is_empty() { Err(PlanError::Empty("tasks")) } else { Ok(tasks) }
}

fn planned_arms<'a>(
    arms: &'a [Arm],
    tasks: &[PlannedTask<'_>],
) -> Result<Vec<PlannedArm<'a>>, PlanError> {
    if arms.is_empty() {
        return Err(PlanError::Empty("models"));
    }
    let mut seen = BTreeSet::new();
    let mut planned = Vec::with_capacity(arms.len());
    for arm in arms {
        if !seen.insert(&arm.label) {
            return Err(PlanError::DuplicateArm(arm.label.clone()));
        }
        let requested: Vec<_> = tasks.iter().map(|task| arm.requested(task.task)).collect();
        let effective = requested.iter().map(|asked| arm.runner.effective(asked)).collect();
        planned.push(PlannedArm { arm, requested, effective });
    }
    Ok(planned)
}

/// Orders items so that any beginning of the list has as many of each level as can be.
fn spread(items: &[Item]) -> Vec<&Item> {
    let mut levels: BTreeMap<Option<u8>, Vec<&Item>> = BTreeMap::new();
    for item in items {
        levels.entry(item.origin.as_ref().map(|origin| origin.level)).or_default().push(item);
    }
    let longest = levels.values().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|n| levels.values().filter_map(move |level| level.get(n)).copied())
        .collect()
}

fn list_trials(
    (arm, planned): (usize, &PlannedArm<'_>),
    tasks: &[PlannedTask<'_>],
    selection: &Selection,
    trials: &mut Vec<Trial>,
) -> Result<(), PlanError> {
    let repeats = tasks.iter().map(|task| task.repeats).max().unwrap_or(0);
    let items = tasks.iter().map(|task| task.items.len()).max().unwrap_or(0);
    let rounds: Vec<(u32, usize)> = if selection.shuffled {
        (0..items).flat_map(|item| (0..repeats).map(move |repeat| (repeat, item))).collect()
    } else {
        (0..repeats).flat_map(|repeat| (0..items).map(move |item| (repeat, item))).collect()
    };
    for (repeat, item) in rounds {
        for (task, asked) in tasks.iter().enumerate() {
            let Some(&content) = asked.items.get(item).filter(|_| repeat < asked.repeats) else {
                continue;
            };
            let prompt = asked.task.render(content).map_err(|source| PlanError::Render {
                task: asked.task.id.to_string(),
                item: content.id.to_string(),
                source,
            })?;
            let key = TrialKey::of(&Identity {
                model: planned.arm.runner.digest(),
                prompt: &prompt,
                effective: &planned.effective[task],
                seed: selection.seed,
                repeat,
            });
            trials.push(Trial { key, arm, task, item, repeat });
        }
    }
    Ok(())
}

/// Digests what makes two runs the same run: who is asked what, in which order, graded how.
fn digest(arms: &[PlannedArm<'_>], tasks: &[PlannedTask<'_>], trials: &[Trial]) -> Digest {
    let arms: Vec<_> = arms.iter().map(|arm| json!([arm.arm.label, arm.requested])).collect();
    let tasks: Vec<_> = tasks
        .iter()
        .map(|task| {
            let items = task.items.iter().map(|item| grader_digest(&task.task.grader, item));
            json!([task.suite, task.task.id, task.task.digest, items.collect::<Vec<_>>()])
        })
        .collect();
    let trials: Vec<_> = trials
        .iter()
        .map(|trial| {
            json!([trial.key.to_string(), trial.arm, trial.task, trial.item, trial.repeat])
        })
        .collect();
    Digest::of_json(&json!({ "run": 1, "arms": arms, "tasks": tasks, "trials": trials }))
}
