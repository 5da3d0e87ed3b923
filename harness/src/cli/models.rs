//! `tripos models`: who can be asked, and what one request to them brings back.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};
use tripos_dashboards::terminal::{Align, Table};
use tripos_dashboards::text::visible;
use tripos_runners::{Completion, Effective, ReasoningKind, Request, UsageSource, Want};
use tripos_tasks::{Message, Sampling};

use super::Context;
use super::arms::{BUILT_IN, arms};
use super::output::{print, print_json, screen};
use super::select::block_on;
use crate::config::{KeySource, ModelEntry};
use crate::failure::Failure;

/// The question of `models check`.
const QUESTION: &str = "Compute 2 + 3. End with a line `Answer: N`.";
/// The most tokens its answer may have.
const MAX_TOKENS: u32 = 512;

/// List the models that can be asked, or check one
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ModelsArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// List the built-in and the configured models (the default)
    List,
    /// Send one request and show where answer, reasoning and usage came from
    Check {
        /// A model in any form that `tripos run -m` takes
        #[arg(value_name = "MODEL")]
        model: String,
    },
}

/// Does what was asked.
pub(super) fn run(context: &Context, arguments: &ModelsArgs) -> Result<ExitCode, Failure> {
    match arguments.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(context),
        Action::Check { model } => check(context, model),
    }
}

fn list(context: &Context) -> Result<ExitCode, Failure> {
    let mut rows = vec![Row {
        name: BUILT_IN.to_owned(),
        runner: "built-in",
        place: "in the binary".to_owned(),
        key: None,
    }];
    rows.extend(context.config.models.iter().map(|(name, entry)| Row::of(name, entry)));
    if context.output.is_json() {
        let rows: Vec<Value> = rows.iter().map(Row::document).collect();
        print_json(&json!({ "schema": 1, "models": rows }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["name", "runner", "where", "key"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&headings);
    for row in &rows {
        let key = row.key.map_or_else(String::new, key_state);
        table.row([row.name.clone(), row.runner.to_owned(), row.place.clone(), key]);
    }
    print(&table.render(screen()))?;
    Ok(ExitCode::SUCCESS)
}

/// A key by name, and whether it is there.
pub(super) fn key_state(key: &KeySource) -> String {
    let name = key.name().unwrap_or_else(|| "none needed".to_owned());
    if key.is_present() { name } else { format!("{name} (missing)") }
}

struct Row<'a> {
    name: String,
    runner: &'static str,
    place: String,
    key: Option<&'a KeySource>,
}

impl<'a> Row<'a> {
    fn of(name: &str, entry: &'a ModelEntry) -> Self {
        let (runner, place, key) = match entry {
            ModelEntry::Local(local) => ("local", local.path.display().to_string(), None),
            ModelEntry::Chat(endpoint, key) => {
                ("chat", format!("{} as {}", endpoint.base_url, endpoint.model), Some(key))
            }
        };
        Self { name: name.to_owned(), runner, place, key }
    }

    fn document(&self) -> Value {
        json!({
            "name": self.name,
            "runner": self.runner,
            "where": self.place,
            "key": self.key.and_then(KeySource::name),
            "key_present": self.key.map(KeySource::is_present),
        })
    }
}

fn check(context: &Context, name: &str) -> Result<ExitCode, Failure> {
    let arm = arms(context, &[name.to_owned()], &[])?.remove(0);
    let runner = tripos_runners::open(&arm.model)?;
    let wanted = Sampling {
        max_tokens: MAX_TOKENS,
        temperature: 0.0,
        top_p: 1.0,
        stop: Vec::new(),
        reasoning: arm.reasoning.unwrap_or_default(),
    };
    let effective = runner.effective(&wanted);
    let request = Request {
        conversation: vec![Message::user(QUESTION)],
        want: Want::Text,
        sampling: crate::key::sent_sampling(&effective),
        seed: context.config.run.seed,
    };
    let completion = block_on(async { runner.complete(&request).await.map_err(Failure::invalid) })?;
    if context.output.is_json() {
        print_json(&json!({
            "schema": 1,
            "model": arm.name,
            "digest": runner.digest(),
            "effective": effective,
            "question": QUESTION,
            "answer": completion.text,
            "reasoning": completion.reasoning,
            "finish": completion.finish,
            "usage": completion.usage,
            "seconds": completion.timing.total.as_secs_f64(),
            "served": completion.served,
        }))?;
    } else {
        let text = describe(&arm.name, runner.digest(), &effective, &completion);
        print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(name: &str, digest: &str, effective: &Effective, completion: &Completion) -> String {
    let reasoning = match completion.reasoning.kind {
        ReasoningKind::None => "there was none",
        ReasoningKind::Full => "in a field of its own",
        ReasoningKind::Summary => "a summary in a field of its own",
        ReasoningKind::InlineTags => "between tags in the text",
        ReasoningKind::Hidden => "counted, but not given",
    };
    let count = |n: Option<u64>| n.map_or_else(|| "not reported".to_owned(), |n| n.to_string());
    let usage = &completion.usage;
    let counted = match usage.source {
        UsageSource::Provider => "counted by whoever served the model",
        UsageSource::Missing => "nobody counted",
    };
    let dropped = if effective.dropped.is_empty() {
        "nothing".to_owned()
    } else {
        effective.dropped.join(", ")
    };
    let served = completion.served.model.as_deref().unwrap_or("not reported");
    let indented = |text: &str| visible(text).trim().replace('\n', "\n            ");
    let thought = match indented(&completion.reasoning.text) {
        empty if empty.is_empty() => empty,
        thought => format!("\n            {thought}"),
    };
    format!(
        "model       {name}\n\
         digest      {digest}\n\
         question    {QUESTION}\n\
         answer      {}\n\
         reasoning   {reasoning}{}\n\
         level       {} took effect; dropped: {dropped}\n\
         finish      {}\n\
         tokens      {} in, {} out, of which {} reasoning: {counted}\n\
         served by   {}\n\
         time        {:.2} s\n",
        indented(&completion.text),
        thought,
        effective.reasoning,
        indented(&serde_json::to_string(&completion.finish).unwrap_or_default()),
        count(usage.input),
        count(usage.output),
        count(usage.reasoning),
        indented(served),
        completion.timing.total.as_secs_f64(),
    )
}
