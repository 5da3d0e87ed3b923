//! Reads sample logs of lm-evaluation-harness: `samples_TASK_DATE.jsonl` with `results_DATE.json` beside it.
//!
//! Each filter of a task judges the same answers in its own way, so each becomes a run of its own. A
//! verdict is on an item: where a task repeats its items, its filter makes one of all repeats.

use serde_json::{Value, json};
use tripos_graders::Outcome;
use tripos_runners::{Finish, Timing, Usage};
use tripos_tasks::{Message, Prompt, ReasoningLevel, Sampling};

use super::ImportError;
use super::foreign::{Entry, Log, imported, outcome};
use super::{Judged, Wanted};

/// The versions whose logs are known.
const KNOWN: &str = "0.4.";
/// The metrics that are looked for first; else the first that a sample names.
const METRICS: [&str; 4] = ["exact_match", "acc", "pass@1", "acc_norm"];
/// What a filter that finds nothing hands on.
const NOTHING: &str = "[invalid]";

/// Returns the task of a samples file of this name, and the name of its results file.
pub(super) fn names(samples: &str) -> Option<(String, String)> {
    let stem = samples.strip_prefix("samples_")?.strip_suffix(".jsonl")?;
    let (task, date) = stem.rsplit_once('_')?;
    Some((task.to_owned(), format!("results_{date}.json")))
}

/// Reads the samples of `task` with the results they belong to.
pub(super) fn read(
    task: &str,
    (samples, results): (&str, &str),
    wanted: Wanted<'_>,
) -> Result<Vec<Judged>, ImportError> {
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
    let metric = metric(first, wanted.metric)?;
    let mut filters: Vec<&str> = Vec::new();
    for (_, row) in &rows {
        let filter = row["filter"].as_str().unwrap_or("none");
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }
    let filters = wanted.of(&filters)?;
    filters.into_iter().map(|filter| judged(&results, (task, &metric, filter), &rows)).collect()
}

fn judged(
    results: &Value,
    (task, metric, filter): (&str, &str, &str),
    rows: &[(usize, Value)],
) -> Result<Judged, ImportError> {
    let entries = rows
        .iter()
        .filter(|(_, row)| row["filter"].as_str().unwrap_or("none") == filter)
        .map(|(line, row)| entry(row, metric).ok_or(ImportError::Sample { line: *line }))
        .collect::<Result<Vec<_>, _>>()?;
    let config = &results["configs"][task];
    let arguments = &rows[0].1["arguments"]["gen_args_0"]["arg_1"];
    let version = match &results["versions"][task] {
        Value::Null => "0".to_owned(),
        version => version.to_string(),
    };
    let run = imported(Log {
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
            config["repeats"],
            config["filter_list"],
            metric,
            filter
        ]),
        sampling: sampling(arguments),
        entries,
    })?;
    Ok(Judged { grader: filter.to_owned(), run })
}

/// The metric that is read, the same for every sample.
fn metric(row: &Value, wanted: Option<&str>) -> Result<String, ImportError> {
    let numeric = |name: &&str| row.get(*name).is_some_and(Value::is_number);
    let named = row["metrics"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(wanted) = wanted {
        let known = named.filter(numeric).map(str::to_owned).collect();
        let (what, name) = ("metric", wanted.to_owned());
        return if numeric(&wanted) {
            Ok(name)
        } else {
            Err(ImportError::NoSuch { what, name, known })
        };
    }
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
    let requests = requests(&row["arguments"])?;
    let said = match choice(row, &requests, metric) {
        Some(chosen) => Said { text: chosen.1.trim().to_owned(), found: None },
        None => said(row),
    };
    let target = match (&row["target"], choices(&requests)) {
        (Value::String(place), Some(choices)) => match place.parse::<usize>() {
            Ok(n) if n < choices.len() => choices[n].trim().to_owned(),
            _ => place.clone(),
        },
        (Value::String(target), None) => target.clone(),
        (other, _) => other.to_string(),
    };
    let verdict = match said.found.as_deref() {
        Some(NOTHING) if score < 1.0 => Outcome::Unparsed,
        _ => outcome(score, &said.text),
    };
    Some(Entry {
        item: row["doc_id"].as_u64()?.to_string(),
        repeat: 0,
        fields: row["doc"].clone(),
        target,
        prompt: prompt(requests.first()?.0)?,
        finish: Finish::Stop,
        usage: Usage::default(),
        timing: Timing::default(),
        verdict: Ok((verdict, score)),
        extracted: said.found,
        text: said.text,
    })
}

/// What a model said, and what the filter made of it.
struct Said {
    text: String,
    found: Option<String>,
}

/// The answer as it came; of several repeats, what their filter made of them.
fn said(row: &Value) -> Said {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let found = match &row["filtered_resps"] {
        // Some filters keep a list for each request, others one value.
        Value::Array(list) => match &list[..] {
            [Value::Array(inner)] if inner.len() == 1 => text(&inner[0]),
            [one] => text(one),
            _ => row["filtered_resps"].to_string(),
        },
        other => text(other),
    };
    match row["resps"][0].as_array().map(Vec::as_slice) {
        Some([Value::String(only)]) => Said { text: only.clone(), found: Some(found) },
        _ => Said { text: found.clone(), found: Some(found) },
    }
}

/// The two arguments of every request of a sample, in order.
fn requests(arguments: &Value) -> Option<Vec<(&Value, &Value)>> {
    let all = arguments.as_object()?;
    (0..all.len())
        .map(|n| {
            let request = all.get(&format!("gen_args_{n}"))?;
            Some((request.get("arg_0")?, request.get("arg_1")?))
        })
        .collect()
}

/// The options of a task that weighs continuations: their texts; nothing of other tasks.
fn choices<'a>(requests: &[(&'a Value, &'a Value)]) -> Option<Vec<&'a str>> {
    requests.iter().map(|(_, continuation)| continuation.as_str()).collect()
}

/// The option that has the greatest likelihood, by character where the metric is normalised.
fn choice<'a>(
    row: &Value,
    requests: &[(&'a Value, &'a Value)],
    metric: &str,
) -> Option<(usize, &'a str)> {
    let choices = choices(requests)?;
    let weighed: Option<Vec<f64>> = (0..choices.len())
        .map(|n| {
            let logprob = match &row["filtered_resps"][n][0] {
                Value::String(text) => text.parse().ok()?,
                number => number.as_f64()?,
            };
            let length =
                if metric.ends_with("_norm") { choices[n].trim().chars().count() } else { 1 };
            #[expect(clippy::cast_precision_loss, reason = "an option comes nowhere near 2^53")]
            Some(logprob / length.max(1) as f64)
        })
        .collect();
    let best = weighed?.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    Some((best, choices[best]))
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
