//! `tripos suites`: what can be asked, and whether a file of one's own is right.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};
use tripos_dashboards::terminal::{Align, Table};
use tripos_dashboards::text::visible;
use tripos_graders::{Answer, AnswerFinish, Evidence, Need, Outcome};
use tripos_tasks::lint::{Finding, lint};
use tripos_tasks::{Catalog, Task};

use super::Context;
use super::output::{print, print_json, screen};
use crate::failure::Failure;
use crate::report::thousands;

/// List, show, check and preview suites
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SuitesArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// List what can be run by name (the default)
    List,
    /// Show a suite: its tasks, their items, graders and limits
    Show {
        /// A name, or a file ending in `.toml`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Check files by every rule: format, templates, golds, duplicates, names
    Check {
        /// Suite or task files, or names
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the first prompts of each task with what counts as right
    Preview {
        /// A name, or a file ending in `.toml`
        #[arg(value_name = "ID")]
        id: String,
        /// Items of each task
        #[arg(short, value_name = "N", default_value_t = 1)]
        n: usize,
        /// Draws generated items from this seed in place of the file's own
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
    },
}

/// Does what was asked.
pub(super) fn run(context: &Context, arguments: &SuitesArgs) -> Result<ExitCode, Failure> {
    let catalog = Catalog::built_in();
    match arguments.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(context, &catalog),
        Action::Show { id } => show(context, &catalog, id),
        Action::Check { files } => check(context, &catalog, files),
        Action::Preview { id, n, seed } => preview(context, &catalog, (id, *n, *seed)),
    }
}

fn list(context: &Context, catalog: &Catalog) -> Result<ExitCode, Failure> {
    let kind = |is_suite| if is_suite { "suite" } else { "task" };
    if context.output.is_json() {
        let rows: Vec<Value> = catalog
            .entries()
            .iter()
            .map(|e| json!({ "id": e.id, "kind": kind(e.is_suite), "title": e.title }))
            .collect();
        print_json(&json!({ "schema": 1, "suites": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = [("name", Align::Left), ("kind", Align::Left), ("what it asks", Align::Left)];
    let mut table = Table::new(&headings);
    for entry in catalog.entries() {
        table.row([entry.id.as_str(), kind(entry.is_suite), entry.title.as_str()]);
    }
    print(&table.render(screen()))?;
    Ok(ExitCode::SUCCESS)
}

fn show(context: &Context, catalog: &Catalog, id: &str) -> Result<ExitCode, Failure> {
    let suite = catalog.suite(id)?;
    if context.output.is_json() {
        let tasks: Vec<Value> = suite.tasks.iter().map(task_document).collect();
        print_json(&json!({
            "schema": 1,
            "id": suite.id,
            "version": suite.version,
            "title": suite.title,
            "description": suite.description,
            "digest": suite.digest,
            "tasks": tasks,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{} {}: {}\n", suite.id, suite.version, suite.title);
    if !suite.description.is_empty() {
        let _ = writeln!(text, "{}", suite.description.trim());
    }
    let _ = writeln!(text, "digest {}\n", suite.digest);
    let headings = [
        ("task", Align::Left),
        ("version", Align::Left),
        ("items", Align::Right),
        ("repeats", Align::Right),
        ("grader", Align::Left),
        ("tokens at most", Align::Right),
        ("digest", Align::Left),
    ];
    let mut table = Table::new(&headings);
    for task in &suite.tasks {
        table.row([
            task.id.to_string(),
            task.version.to_string(),
            thousands(task.items.len() as u64),
            task.samples.to_string(),
            task.grader.kind().to_owned(),
            thousands(task.sampling.max_tokens.into()),
            task.digest.short(),
        ]);
    }
    print(&(text + &table.render(screen())))?;
    Ok(ExitCode::SUCCESS)
}

fn task_document(task: &Task) -> Value {
    json!({
        "id": task.id,
        "version": task.version,
        "title": task.title,
        "about": task.about,
        "domain": task.domain,
        "sensitivity": task.sensitivity,
        "grader": task.grader,
        "sampling": task.sampling,
        "repeats": task.samples,
        "weight": task.weight,
        "items": task.items.len(),
        "digest": task.digest,
    })
}

fn preview(
    context: &Context,
    catalog: &Catalog,
    (id, n, seed): (&str, usize, Option<u64>),
) -> Result<ExitCode, Failure> {
    let suite = match seed {
        Some(seed) => catalog.suite_with_seed(id, seed)?,
        None => catalog.suite(id)?,
    };
    let mut rows: Vec<Value> = Vec::new();
    let mut text = String::new();
    for task in &suite.tasks {
        for item in task.items.iter().take(n) {
            let prompt = task.render(item).map_err(Failure::usage)?;
            let target = item.target.display();
            let _ = writeln!(text, "── {} item {} ──", task.id, item.id);
            for message in &prompt.0 {
                let _ = writeln!(text, "{}:\n{}", message.role.as_str(), visible(&message.content));
            }
            let _ = writeln!(text, "target: {}\n", visible(&target));
            rows.push(json!({
                "task": task.id, "item": item.id, "prompt": prompt, "target": target,
            }));
        }
    }
    if context.output.is_json() {
        print_json(&json!({ "schema": 1, "items": rows }))?;
    } else {
        print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads every file, which applies the rules of the format, then looks for what would measure wrongly.
fn check(context: &Context, catalog: &Catalog, files: &[PathBuf]) -> Result<ExitCode, Failure> {
    let mut rows: Vec<Value> = Vec::new();
    let mut text = String::new();
    let mut is_right = true;
    for file in files {
        let suite = catalog.suite(&file.display().to_string())?;
        let items: usize = suite.tasks.iter().map(|task| task.items.len()).sum();
        let (tasks, digest) = (suite.tasks.len(), suite.digest.short());
        let found: Vec<String> = suite.tasks.iter().flat_map(findings).collect();
        is_right &= found.is_empty();
        let file = file.display().to_string();
        let verdict = match found.len() {
            0 => "right".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{} findings", thousands(count as u64)),
        };
        let items_shown = thousands(items as u64);
        let _ = writeln!(
            text,
            "{file}: {verdict}: {tasks} tasks, {items_shown} items, digest {digest}"
        );
        for finding in &found {
            let _ = writeln!(text, "  {}", visible(finding));
        }
        rows.push(json!({
            "file": file, "id": suite.id, "tasks": tasks, "items": items, "digest": suite.digest,
            "findings": found,
        }));
    }
    if context.output.is_json() {
        print_json(&json!({ "schema": 1, "files": rows }))?;
    } else {
        print(&text)?;
    }
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// What is wrong with a task: its items, and golds that their own grader does not take.
fn findings(task: &Task) -> Vec<String> {
    let mut found = lint(task);
    for item in &task.items {
        let Some(gold) = item.target.answer() else { continue };
        let text = format!("ANSWER: {gold}");
        let answers = [Answer { text: &text, finish: AnswerFinish::Whole }];
        if tripos_graders::need(&task.grader, item, &answers) != Need::Nothing {
            continue; // A program decides: it is held against its tests before a run.
        }
        let grade = tripos_graders::grade(&task.grader, item, &answers, &Evidence::Nothing);
        if grade.outcome != Outcome::Correct {
            let outcome = grade.outcome.as_str();
            let message = format!("its own gold `{gold}` is graded `{outcome}`");
            found.push(Finding { item: item.id.clone(), message });
        }
    }
    let line =
        |finding: Finding| format!("{} item `{}` {}", task.id, finding.item, finding.message);
    found.into_iter().map(line).collect()
}
