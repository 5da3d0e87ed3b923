//! Reads sample logs of lm-evaluation-harness: `samples_TASK_DATE.jsonl` with `results_DATE.json` beside it.

use serde_json::{Value, json};
use tripos_runners::{Finish, Timing, Usage};
use tripos_tasks::{Message, Prompt, ReasoningLevel, Sampling};

use super::ImportError;
use super::foreign::{Entry, Log, imported, outcome};
use crate::store::import::Imported;

/// The versions whose logs are known.
const KNOWN: &str = "0.4.";
/// The metrics that are looked for first; else the first that a sample names.
const METRICS: [&str; 4] = ["exact_match", "acc", "pass@1", "acc_norm"];

/// Returns the task of a samples file of this name, and the name of its results file.
pub(super) fn names(samples: &str) -> Option<(String, String)> {
    let stem = samples.strip_prefix("samples_")?.strip_suffix(".jsonl")?;
    let (task, date) = stem.rsplit_once('_')?;
    Some((task.to_owned(), format!("results_{date}.json")))
}

/// Reads the samples of `task` with the results they belong to.
pub(super) fn read(task: &str, samples: &str, results: &str) -> Result<Imported, ImportError> {
    let results: Value = serde_json::from_str(results).map_err(ImportError::NoJson)?;
    let version = results["lm_eval_version"].as_str().unwrap_or("none").to_owned();
    if !version.starts_with(KNOWN) {
        return Err(ImportError::Version { program: "lm-eval", found: version, known: "0.4" });
    }
    if !results["configs"][task].is_object() {
        return Err(ImportError::Content(format!("the results file has no task `{task}`")));
    }
    let mut rows = Vec::new();
    for (n, line) in samples.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line)
            .map_err(|source| ImportError::Line { line: n + 1, source })?;
        rows.push((n + 1, row));
    }
    let Some((_, first)) = rows.first() else { return Err(ImportError::Empty) };
    let (filter, metric) = (first["filter"].clone(), metric(first)?);
    read_task(&results, (task, &metric, &filter), &rows)
}

fn read_task(
    results: &Value,
    (task, metric, filter): (&str, &str, &Value),
    rows: &[(usize, Value)],
) -> Result<Imported, ImportError> {
    let entries = rows
        .iter()
        .filter(|(_, row)| row["filter"] == *filter)
        .map(|(line, row)| entry(row, metric).ok_or(ImportError::Sample { line: *line }))
        .collect::<Result<Vec<_>, _>>()?;
    let config = &results["configs"][task];
    let arguments = &rows[0].1["arguments"]["gen_args_0"]["arg_1"];
    let version = match &results["versions"][task] {
        Value::Null => "0".to_owned(),
        version => version.to_string(),
    };
    imported(Log {
        program: format!("lm-eval {}", results["lm_eval_version"].as_str().unwrap_or_default()),
        model: results["model_name"].as_str().unwrap_or("unknown").to_owned(),
        served: json!([results["model_source"]]),
        task: task.to_owned(),
        version,
        settings: json!([
            results["task_hashes"][task],
            results["n-shot"][task],
            config["doc_to_text"],
            config["doc_to_target"],
            config["metric_list"],
            metric,
            filter
        ]),
        sampling: sampling(arguments),
        entries,
    })
}

/// The metric that is read, the same for every sample.
fn metric(row: &Value) -> Result<String, ImportError> {
    let numeric = |name: &&str| row.get(*name).is_some_and(Value::is_number);
    let named = row["metrics"].as_array().into_iter().flatten().filter_map(Value::as_str);
    METRICS
        .iter()
        .copied()
        .find(|name| numeric(name))
        .or_else(|| named.into_iter().find(|name| numeric(name)))
        .map(str::to_owned)
        .ok_or_else(|| ImportError::Content("no metric of a sample is a number".to_owned()))
}

fn entry(row: &Value, metric: &str) -> Option<Entry> {
    let score = row[metric].as_f64().filter(|score| (0.0..=1.0).contains(score))?;
    let text = match &row["filtered_resps"][0] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let target = match &row["target"] {
        Value::String(target) => target.clone(),
        other => other.to_string(),
    };
    Some(Entry {
        item: row["doc_id"].as_u64()?.to_string(),
        repeat: 0,
        fields: row["doc"].clone(),
        target,
        prompt: prompt(&row["arguments"]["gen_args_0"]["arg_0"])?,
        finish: Finish::Stop,
        usage: Usage::default(),
        timing: Timing::default(),
        verdict: Ok((outcome(score, &text), score)),
        text,
    })
}

/// The prompt: a text, or a list that holds a chat as JSON.
fn prompt(argument: &Value) -> Option<Prompt> {
    let text = match argument {
        Value::String(text) => text,
        Value::Array(parts) => parts.first()?.as_str()?,
        _ => return None,
    };
    let messages: Option<Vec<Message>> = serde_json::from_str(text).ok();
    Some(Prompt(messages.unwrap_or_else(|| vec![Message::user(text)])))
}

fn sampling(arguments: &Value) -> Sampling {
    let number = |name: &str| arguments[name].as_f64();
    let stop = arguments["until"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Sampling {
        max_tokens: arguments["max_gen_toks"]
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok())
            .unwrap_or(1),
        temperature: number("temperature").unwrap_or(0.0),
        top_p: number("top_p").unwrap_or(1.0),
        stop: stop.map(str::to_owned).collect(),
        reasoning: ReasoningLevel::Auto,
    }
}
