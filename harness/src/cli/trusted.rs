//! Which tasks of the chosen suites can be trusted to judge programs, and where programs run.
//!
//! Tests that their own reference fails, or that a program which does nothing passes, measure nothing:
//! the item is left out, and the user is told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tripos_runners::sandbox::Sandbox;
use tripos_tasks::{
    GraderSpec, Item, Language, Limits, Program, RunVerdict, Suite, Target, Task, TestSet,
};

use super::Context;
use super::grade::{SandboxArgs, open_sandbox};
use crate::failure::Failure;
use crate::plan::LeftOut;

/// The most items named one by one.
const NAMED_MAX: usize = 10;

/// Why there is nothing left to ask.
#[derive(Debug, thiserror::Error)]
#[error("suite `{0}` has no item left whose tests can be trusted")]
struct NothingLeft(String);

/// What a run needs for its programs.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Where they run, if any task asks for programs.
    pub(super) sandbox: Option<Arc<Sandbox>>,
    /// The items that cannot be trusted.
    pub(super) left_out: Vec<LeftOut>,
}

/// Opens the sandbox where any task asks for programs, and leaves out every item whose reference
/// solution fails or whose empty stub passes.
pub(super) fn suites(
    context: &Context,
    suites: Vec<Suite>,
    arguments: &SandboxArgs,
) -> Result<(Vec<Suite>, Programs), Failure> {
    let mut tasks = suites.iter().flat_map(|suite| &suite.tasks);
    if !tasks.any(|task| task.grader.language().is_some()) {
        return Ok((suites, Programs::default()));
    }
    let sandbox = open_sandbox(context, arguments)?;
    missing_languages(context, &suites, &sandbox);
    let mut left_out = Vec::new();
    let trusted = suites.into_iter().map(|suite| trusted(context, suite, &sandbox, &mut left_out));
    let suites = trusted.collect::<Result<_, _>>()?;
    Ok((suites, Programs { sandbox: Some(Arc::new(sandbox)), left_out }))
}

/// Says once for each language that cannot be run here what will not be measured for it.
fn missing_languages(context: &Context, suites: &[Suite], sandbox: &Sandbox) {
    for language in Language::ALL {
        let Err(why) = sandbox.tool(language) else { continue };
        let of_it = |task: &&Task| task.grader.language() == Some(language);
        let tasks = suites.iter().flat_map(|suite| &suite.tasks).filter(of_it);
        let items: usize = tasks.map(|task| task.items.len()).sum();
        if items > 0 {
            let name = language.as_str();
            context.output.note(&format!(
                "warning: no {name} can be run here: {why}; {items} items will not be measured"
            ));
        }
    }
}

fn trusted(
    context: &Context,
    suite: Suite,
    sandbox: &Sandbox,
    left_out: &mut Vec<LeftOut>,
) -> Result<Suite, Failure> {
    let items: Vec<(&Task, &Item, &TestSet)> = suite
        .tasks
        .iter()
        .flat_map(|task| task.items.iter().map(move |item| (task, item)))
        .filter_map(|(task, item)| match &item.target {
            Target::Tests(set) => Some((task, item, &**set)),
            _ => None,
        })
        .collect();
    let next = AtomicUsize::new(0);
    let bad = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..sandbox.concurrency().min(items.len()) {
            scope.spawn(|| {
                while let Some((task, item, set)) = items.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if let Some(why) = distrust(sandbox, &task.grader, set) {
                        let mut bad = bad.lock().unwrap_or_else(PoisonError::into_inner);
                        let (task, item) = (task.id.to_string(), item.id.to_string());
                        bad.push(LeftOut { task, item, why });
                    }
                }
            });
        }
    });
    let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    if bad.is_empty() {
        return Ok(suite);
    }
    bad.sort();
    for LeftOut { task, item, why } in bad.iter().take(NAMED_MAX) {
        context.output.note(&format!("warning: `{task}` item `{item}` is left out: {why}"));
    }
    if bad.len() > NAMED_MAX {
        let more = bad.len() - NAMED_MAX;
        context.output.note(&format!("warning: {more} more items are left out"));
    }
    let names: BTreeSet<(&str, &str)> =
        bad.iter().map(|one| (one.task.as_str(), one.item.as_str())).collect();
    let is_bad = |task: &Task, item: &Item| {
        names.contains(&(task.id.to_string().as_str(), item.id.to_string().as_str()))
    };
    let suite = tripos_tasks::suite::without(suite, is_bad)?;
    if suite.tasks.is_empty() {
        return Err(Failure::invalid(NothingLeft(suite.id.to_string())));
    }
    left_out.append(&mut bad);
    Ok(suite)
}

/// Says why tests cannot be trusted; nothing where they can, or where it could not be found out.
fn distrust(sandbox: &Sandbox, grader: &GraderSpec, set: &TestSet) -> Option<String> {
    let (GraderSpec::Function { limits }
    | GraderSpec::Input { limits }
    | GraderSpec::Stdio { limits, .. }) = grader
    else {
        return None;
    };
    let run = |source: &str, limits: &Limits| {
        let source = source.as_bytes().to_vec();
        let language = grader.language().expect("matched above");
        sandbox.execute(&Program { language, source, tests: set.tests.clone(), limits: *limits })
    };
    let reference = run(&set.reference, limits);
    match reference.verdict {
        RunVerdict::Pass => {}
        // The machine's fault, not the tests': the trials will say so.
        RunVerdict::Infra => return None,
        verdict => {
            let verdict = verdict.as_str();
            return Some(format!("its own reference ends in `{verdict}`: {}", reference.detail));
        }
    }
    let stub = run(&set.stub, limits);
    (stub.verdict == RunVerdict::Pass).then(|| "a program that does nothing passes".to_owned())
}
