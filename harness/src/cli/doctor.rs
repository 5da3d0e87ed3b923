//! `tripos doctor`: what this machine can do, and whether the store is well.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use tripos_runners::sandbox::{Options, Sandbox, SandboxError};
use tripos_tasks::Language;

use super::Context;
use super::models::key_state;
use super::output::{print, print_json};
use super::select::{block_on, machine};
use crate::config::{FILE, ModelEntry, search_folders};
use crate::failure::Failure;
use crate::store::{Store, StoreError, read};

/// Say what this machine can do: devices, sandbox, languages, settings, keys by name, the health of the store
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DoctorArgs {}

/// Prints what was found. A store that cannot be used ends with code 4; a missing one is no fault.
pub(super) fn run(context: &Context, _: &DoctorArgs) -> Result<ExitCode, Failure> {
    let path = context.config.store.display().to_string();
    let found = block_on(async {
        match Store::open_existing(&context.config.store).await {
            Ok(store) => Ok(Ok(read::runs(&store).await?.len())),
            Err(error) => Ok(Err(error)),
        }
    })?;
    let config = context.config.file.as_ref().map(|path| path.display().to_string());
    let keys: Vec<(&str, &crate::config::KeySource)> = context
        .config
        .models
        .iter()
        .filter_map(|(name, entry)| match entry {
            ModelEntry::Chat(_, key) if key.name().is_some() => Some((name.as_str(), key)),
            _ => None,
        })
        .collect();
    if context.output.is_json() {
        let keys: Vec<Value> = keys
            .iter()
            .map(|(model, key)| {
                json!({ "model": model, "key": key.name(), "present": key.is_present() })
            })
            .collect();
        let (state, runs) = store_state(&found);
        print_json(&json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "machine": machine(),
            "devices": tripos_runners::open::devices(),
            "sandbox": sandbox_document(context),
            "config": config,
            "keys": keys,
            "store": { "path": path, "state": state, "runs": runs },
        }))?;
    } else {
        let sandbox = sandbox_lines(context);
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10}{value}");
        };
        line("version", env!("CARGO_PKG_VERSION"));
        line("machine", &machine());
        line("devices", &tripos_runners::open::devices().join(", "));
        for (name, value) in &sandbox {
            line(name, value);
        }
        line("config", config.as_deref().unwrap_or(&format!("none: there is no `{FILE}` here")));
        for (model, key) in keys {
            line("key", &format!("{} for {model}", key_state(key)));
        }
        let (state, runs) = store_state(&found);
        line("store", &format!("{path}: {state}, {runs} runs"));
        print(&text)?;
    }
    match found {
        Err(error) if !matches!(error, StoreError::Missing { .. }) => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Opens the best sandbox there is.
fn sandbox(context: &Context) -> Result<Sandbox, SandboxError> {
    let elsewhere = context.config.elsewhere.clone();
    Sandbox::open(&Options { folders: search_folders(), elsewhere, ..Options::default() })
}

/// What can be said of the sandbox and its languages, one line each.
fn sandbox_lines(context: &Context) -> Vec<(&'static str, String)> {
    let sandbox = match sandbox(context) {
        Ok(sandbox) => sandbox,
        Err(error) => return vec![("sandbox", error.to_string())],
    };
    let probe = sandbox.probe();
    let tier = sandbox.tier().number();
    let groups = if probe.has_control_groups { ", control groups" } else { "" };
    let state = format!("tier {tier}, landlock version {}{groups}", probe.landlock);
    let mut lines = vec![("sandbox", state)];
    for (tier, why) in &probe.refused {
        lines.push(("", format!("tier {} is refused: {why}", tier.number())));
    }
    for language in Language::ALL {
        lines.push((
            "language",
            match sandbox.tool(language) {
                Ok(tool) => format!("{}: {}", language.as_str(), tool.version),
                Err(why) => format!("{}: {why}; its trials would fail", language.as_str()),
            },
        ));
    }
    lines
}

fn sandbox_document(context: &Context) -> Value {
    let sandbox = match sandbox(context) {
        Ok(sandbox) => sandbox,
        Err(error) => return json!({ "tier": null, "why": error.to_string() }),
    };
    let probe = sandbox.probe();
    let refused: Vec<Value> =
        probe.refused.iter().map(|(tier, why)| json!({ "tier": tier, "why": why })).collect();
    let languages: Vec<Value> = Language::ALL
        .into_iter()
        .map(|language| {
            let tool = sandbox.tool(language);
            json!({
                "language": language.as_str(),
                "version": tool.as_ref().ok().map(|tool| &tool.version),
                "why": tool.as_ref().err(),
            })
        })
        .collect();
    json!({
        "tier": sandbox.tier(),
        "landlock": probe.landlock,
        "control_groups": probe.has_control_groups,
        "refused": refused,
        "languages": languages,
    })
}

/// The state of the store in a word, and how many runs it holds.
fn store_state(found: &Result<usize, StoreError>) -> (&'static str, usize) {
    match found {
        Ok(runs) => ("well", *runs),
        Err(StoreError::Missing { .. }) => ("not made yet", 0),
        Err(_) => ("not usable", 0),
    }
}
