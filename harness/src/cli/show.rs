//! `tripos show`: one run, or one trial with everything that is known of it.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tripos_dashboards::terminal;
use tripos_dashboards::text::{visible, visible_line};

use super::output::{print, print_json, screen};
use super::runs::document;
use super::select::{
    Loaded, block_on, load, make_report, moment, open_store, report_document, sources,
};
use super::{Context, command_line};
use crate::failure::Failure;
use crate::report::{Extent, Source};
use crate::store::rows::{AttemptRow, CompletionRow, Listing, Sample, Transcript, TrialState};
use crate::store::{Store, StoreError, read};

/// The most failed trials that are named.
const MAX_NAMED: usize = 20;
/// The most characters of a body that are shown.
const MAX_BODY: usize = 2_000;

/// Show a run, or a trial with prompt, attempts, answer, reasoning and grade
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// A run, or the beginning of a trial's key
    #[arg(value_name = "RUN|TRIAL")]
    name: String,
}

/// Shows what has this name.
pub(super) fn run(context: &Context, arguments: &ShowArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let store = open_store(context).await?;
        match read::find_trial(&store, &arguments.name).await {
            Ok(key) if !is_run(&store, &arguments.name).await? => {
                let transcript = read::transcript(&store, key).await?;
                if context.output.is_json() {
                    print_json(&trial_document(&transcript))?;
                } else {
                    print(&describe(&transcript))?;
                }
            }
            Ok(_) | Err(StoreError::NoSuchTrial(_)) => {
                let loaded = load(&store, &arguments.name).await?;
                show_run(context, &store, loaded).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Whether a name that could be a trial's is a run's: a run's name wins.
async fn is_run(store: &Store, name: &str) -> Result<bool, Failure> {
    match read::find_run(store, name).await {
        Ok(_) => Ok(true),
        Err(StoreError::NoSuchRun(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A run for programs.
#[derive(Serialize)]
struct Document {
    schema: u32,
    run: Value,
    result: Box<RawValue>,
    trials: Vec<Value>,
}

async fn show_run(context: &Context, store: &Store, loaded: Loaded) -> Result<(), Failure> {
    let loaded = [loaded];
    let all = sources(context, &loaded);
    let path = &context.config.store;
    let report = make_report(store, (&all, Extent::Whole), path, command_line()).await?;
    let run = &loaded[0].run;
    if context.output.is_json() {
        return print_json(&Document {
            schema: 1,
            run: document(&run.summary),
            result: report_document(&report),
            trials: trials(&all),
        });
    }
    let mut text = String::new();
    line(&mut text, "run", &run.summary.handle);
    line(&mut text, "state", run.summary.state.as_str());
    line(&mut text, "started", &moment(run.summary.created_ms));
    line(&mut text, "command", &visible_line(&run.command));
    text += "\n";
    text += &terminal::run(&report, screen());
    let failed: Vec<_> = all
        .iter()
        .flat_map(|source| source.samples.iter().filter(|sample| sample.arm == source.arm))
        .filter_map(|sample| match &sample.state {
            TrialState::Failed(why) => Some((sample, why)),
            _ => None,
        })
        .collect();
    for (sample, why) in failed.iter().take(MAX_NAMED) {
        let key = sample.key.to_string();
        let _ = writeln!(text, "failed {}: {}: {}", &key[..12], sample.item, visible_line(why));
    }
    if failed.len() > MAX_NAMED {
        let _ = writeln!(text, "and {} more failed", failed.len() - MAX_NAMED);
    }
    print(&text)
}

/// The trials of the arms wanted, a line each.
fn trials(sources: &[Source<'_>]) -> Vec<Value> {
    let listed = |source: &Source<'_>, sample: &Sample| {
        let (state, why) = match &sample.state {
            TrialState::Planned => ("planned", None),
            TrialState::Completed => ("completed", None),
            TrialState::Graded => ("graded", None),
            TrialState::Failed(why) => ("failed", Some(why.clone())),
        };
        json!({
            "trial": sample.key.to_string(),
            "model": source.run.arms[sample.arm].label,
            "task": source.run.tasks[sample.task].task,
            "item": sample.item,
            "level": sample.level,
            "repeat": sample.repeat,
            "state": state,
            "failed": why,
            "outcome": sample.outcome,
            "score": sample.score,
        })
    };
    sources
        .iter()
        .flat_map(|source| {
            let own = source.samples.iter().filter(|sample| sample.arm == source.arm);
            own.map(|sample| listed(source, sample))
        })
        .collect()
}

/// A trial for people.
fn describe(transcript: &Transcript) -> String {
    let mut text = String::new();
    line(&mut text, "trial", &transcript.key.to_string());
    line(&mut text, "model", &transcript.model);
    line(&mut text, "seed", &transcript.seed.to_string());
    let sampling = &transcript.sampling;
    let drawn = format!(
        "at most {} tokens, temperature {}, top p {}, reasoning {}",
        sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.reasoning
    );
    line(&mut text, "sampling", &drawn);
    for listing in &transcript.listings {
        let place = format!(
            "{} {} {} item {} repeat {}",
            listing.run, listing.arm, listing.task, listing.item.id, listing.repeat
        );
        line(&mut text, "listed", &visible_line(&place));
    }
    for turn in &transcript.turns {
        for message in &turn.prompt.0 {
            block(&mut text, message.role.as_str(), &message.content);
        }
        for attempt in &turn.attempts {
            describe_attempt(&mut text, attempt);
        }
        if let Some(completion) = &turn.completion {
            describe_completion(&mut text, completion);
        }
    }
    for listing in &transcript.listings {
        describe_verdict(&mut text, listing);
    }
    text
}

fn describe_attempt(text: &mut String, attempt: &AttemptRow) {
    let mut said = format!("{}, {}", attempt.status.as_str(), moment(attempt.started_ms));
    if let Some(ended) = attempt.ended_ms {
        let _ = write!(said, ", {} ms", ended - attempt.started_ms);
    }
    if let Some(status) = attempt.http_status {
        let _ = write!(said, ", HTTP {status}");
    }
    for part in [&attempt.error, &attempt.message].into_iter().flatten() {
        let _ = write!(said, ", {part}");
    }
    text.push('\n');
    line(text, &format!("attempt {}", attempt.n), &visible_line(&said));
    if attempt.error.is_some() && !attempt.raw.is_empty() {
        let raw = String::from_utf8_lossy(&attempt.raw);
        let shown: String = raw.chars().take(MAX_BODY).collect();
        block(text, "what came back", &shown);
    }
}

fn describe_completion(text: &mut String, completion: &CompletionRow) {
    if !completion.reasoning.text.is_empty() {
        block(text, "reasoning", &completion.reasoning.text);
    }
    block(text, "answer", &completion.text);
    text.push('\n');
    let finish = serde_json::to_value(&completion.finish).unwrap_or_default();
    let finish = finish.as_str().map_or_else(|| finish.to_string(), str::to_owned);
    line(text, "finish", &visible_line(&finish));
    let count = |n: Option<u64>| n.map_or_else(|| "not reported".to_owned(), |n| n.to_string());
    let usage = &completion.usage;
    let tokens = format!(
        "{} in, {} out, of which {} reasoning",
        count(usage.input),
        count(usage.output),
        count(usage.reasoning)
    );
    line(text, "tokens", &tokens);
    line(text, "time", &format!("{:.3} s", completion.timing.total.as_secs_f64()));
    if let Some(model) = &completion.served.model {
        line(text, "served by", &visible_line(model));
    }
}

fn describe_verdict(text: &mut String, listing: &Listing) {
    let place = format!("{} {}", listing.run, listing.arm);
    line(text, "target", &visible_line(&listing.item.target));
    match (&listing.grade, &listing.failed) {
        (Some(grade), _) => {
            let mut said = format!("{}, score {}", grade.outcome.as_str(), grade.score);
            let detail = &grade.detail;
            let parts = [
                ("read", &detail.extracted),
                ("by rule", &detail.rule),
                ("decoy", &detail.decoy),
                ("because", &detail.reason),
            ];
            for (word, part) in parts {
                if let Some(part) = part {
                    let _ = write!(said, ", {word} {part}");
                }
            }
            line(text, "grade", &visible_line(&format!("{said} ({place})")));
        }
        (None, Some(why)) => line(text, "failed", &visible_line(&format!("{why} ({place})"))),
        (None, None) => line(text, "grade", &format!("none yet ({place})")),
    }
}

/// A trial as `--format json` writes it.
fn trial_document(transcript: &Transcript) -> Value {
    let turns: Vec<Value> = transcript
        .turns
        .iter()
        .map(|turn| {
            let attempts: Vec<Value> = turn.attempts.iter().map(attempt_document).collect();
            let completion = turn.completion.as_ref().map(|completion| {
                json!({
                    "text": completion.text,
                    "reasoning": completion.reasoning,
                    "finish": completion.finish,
                    "usage": completion.usage,
                    "seconds": completion.timing.total.as_secs_f64(),
                    "served": completion.served,
                })
            });
            json!({ "prompt": turn.prompt, "attempts": attempts, "completion": completion })
        })
        .collect();
    let listings: Vec<Value> = transcript
        .listings
        .iter()
        .map(|listing| {
            json!({
                "run": listing.run,
                "model": listing.arm,
                "task": listing.task,
                "item": listing.item.id,
                "repeat": listing.repeat,
                "target": listing.item.target,
                "failed": listing.failed,
                "grade": listing.grade,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "trial": transcript.key.to_string(),
        "model_digest": transcript.model,
        "seed": transcript.seed,
        "sampling": transcript.sampling,
        "turns": turns,
        "listings": listings,
    })
}

fn attempt_document(attempt: &AttemptRow) -> Value {
    json!({
        "n": attempt.n,
        "status": attempt.status.as_str(),
        "started_ms": attempt.started_ms,
        "ended_ms": attempt.ended_ms,
        "error": attempt.error,
        "message": attempt.message,
        "billed": attempt.billed,
        "http_status": attempt.http_status,
        "redacted": attempt.redacted,
        "raw": String::from_utf8_lossy(&attempt.raw),
    })
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<10}{value}");
}

fn block(text: &mut String, name: &str, content: &str) {
    let _ = writeln!(text, "\n{name}:");
    for line in visible(content).lines() {
        let _ = writeln!(text, "  {line}");
    }
}
