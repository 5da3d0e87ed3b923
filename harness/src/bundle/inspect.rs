//! Reads logs of Inspect: `.eval`, a zip archive with a header and a file for each sample.
//!
//! Each scorer judges the same answers in its own way, so each becomes a run of its own. Long texts may
//! stand among the attachments of a sample, under a name that takes their place.

use std::time::Duration;

use serde_json::{Value, json};
use tripos_graders::Outcome;
use tripos_runners::{Finish, Timing, Usage, UsageSource};
use tripos_tasks::{Message, Prompt, ReasoningLevel, Role, Sampling};

use super::ImportError;
use super::foreign::{Entry, Log, imported, outcome};
use super::zip::Archive;
use super::{Judged, Wanted};

/// The versions of the format that are known. The first had the same samples.
const KNOWN: std::ops::RangeInclusive<u64> = 1..=2;
/// What takes the place of a text that stands among the attachments.
const ATTACHED: &str = "attachment://";

/// Reads an archive.
pub(super) fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<Vec<Judged>, ImportError> {
    let archive = Archive::open(bytes)?;
    let header = json_of(&archive, "header.json")?
        .ok_or_else(|| ImportError::Content("it has no header: the run did not end".to_owned()))?;
    match header["version"].as_u64() {
        Some(version) if KNOWN.contains(&version) => {}
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |version| version.to_string());
            return Err(ImportError::Version { program: "Inspect", found, known: "1 and 2" });
        }
    }
    let eval = &header["eval"];
    let mut names: Vec<&str> =
        archive.names().filter(|name| name.starts_with("samples/")).collect();
    names.sort_unstable();
    let mut samples = Vec::with_capacity(names.len());
    for name in names {
        let mut sample = json_of(&archive, name)?.unwrap_or_default();
        attach(&mut sample);
        samples.push((name, sample));
    }
    if samples.is_empty() {
        return Err(ImportError::Empty);
    }
    let scorers = scorers(eval, &samples);
    let scorers = wanted.of(&scorers.iter().map(String::as_str).collect::<Vec<_>>())?;
    scorers.into_iter().map(|scorer| judged(&header, scorer, &samples)).collect()
}

/// The scorers in the order of the header; in that of the first scored sample where it names none.
fn scorers(eval: &Value, samples: &[(&str, Value)]) -> Vec<String> {
    let named: Vec<String> = eval["scorers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|scorer| scorer["name"].as_str())
        .map(str::to_owned)
        .collect();
    let of = |sample: &Value| -> Vec<String> {
        sample["scores"].as_object().into_iter().flat_map(|s| s.keys().cloned()).collect()
    };
    let scored = samples.iter().map(|(_, sample)| of(sample)).find(|scores| !scores.is_empty());
    match scored {
        // A scorer may be called something else in the samples than in the header.
        Some(scores) if !named.iter().all(|name| scores.contains(name)) => scores,
        Some(scores) if named.is_empty() => scores,
        _ if named.is_empty() => vec!["none".to_owned()],
        _ => named,
    }
}

/// Puts attachments where their names stand.
fn attach(sample: &mut Value) {
    let Some(Value::Object(attachments)) = sample.get_mut("attachments").map(Value::take) else {
        return;
    };
    for part in ["input", "output", "messages"] {
        place(&mut sample[part], &attachments);
    }
}

fn place(value: &mut Value, attachments: &serde_json::Map<String, Value>) {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix(ATTACHED);
            if let Some(Value::String(whole)) = name.and_then(|name| attachments.get(name)) {
                *text = whole.clone();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| place(value, attachments)),
        Value::Object(map) => map.values_mut().for_each(|value| place(value, attachments)),
        _ => {}
    }
}

fn judged(header: &Value, scorer: &str, samples: &[(&str, Value)]) -> Result<Judged, ImportError> {
    let eval = &header["eval"];
    let entries = samples
        .iter()
        .map(|(name, sample)| {
            entry(sample, scorer).map_err(|what| ImportError::Content(format!("`{name}`: {what}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let packages = eval["packages"]["inspect_ai"].as_str().unwrap_or("of an unnamed version");
    let run = imported(Log {
        program: format!("Inspect {packages}"),
        model: text(&eval["model"]),
        served: eval["model_args"].clone(),
        task: text(&eval["task"]),
        version: eval["task_version"].to_string(),
        settings: json!([
            eval["task_args"],
            eval["dataset"]["name"],
            eval["scorers"],
            scorer,
            header["plan"]["steps"]
        ]),
        sampling: sampling(&eval["model_generate_config"]),
        entries,
    })?;
    Ok(Judged { grader: scorer.to_owned(), run })
}

fn json_of(archive: &Archive<'_>, name: &str) -> Result<Option<Value>, ImportError> {
    let Some(bytes) = archive.read(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(ImportError::NoJson)
}

fn entry(sample: &Value, scorer: &str) -> Result<Entry, String> {
    let item = match &sample["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return Err("the sample has no id".to_owned()),
    };
    let epoch = sample["epoch"].as_u64().and_then(|epoch| u32::try_from(epoch).ok()).unwrap_or(1);
    let target = match &sample["target"] {
        Value::String(target) => target.clone(),
        other => other.to_string(),
    };
    let output = &sample["output"];
    let text = output["completion"].as_str().unwrap_or_default().to_owned();
    let finish = match output["choices"][0]["stop_reason"].as_str() {
        Some("stop") | None => Finish::Stop,
        Some("max_tokens") => Finish::Length,
        Some("model_length") => Finish::Context,
        Some("content_filter") => Finish::ContentFilter,
        Some(other) => Finish::Other(other.to_owned()),
    };
    let usage = &output["usage"];
    let verdict = match (&sample["error"], score(&sample["scores"], scorer)) {
        (Value::Null, score) => Ok(verdict(score?, &text, &finish)),
        (error, _) => Err(error["message"].as_str().unwrap_or("it failed").to_owned()),
    };
    Ok(Entry {
        item,
        repeat: epoch.saturating_sub(1),
        fields: json!({ "input": sample["input"] }),
        target,
        prompt: prompt(&sample["input"]),
        finish,
        usage: Usage {
            input: usage["input_tokens"].as_u64(),
            cached_input: usage["input_tokens_cache_read"].as_u64(),
            output: usage["output_tokens"].as_u64(),
            reasoning: usage["reasoning_tokens"].as_u64(),
            source: UsageSource::Provider,
        },
        timing: Timing {
            first: None,
            total: output["time"]
                .as_f64()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .unwrap_or_default(),
        },
        verdict,
        extracted: sample["scores"][scorer]["answer"].as_str().map(str::to_owned),
        text,
    })
}

/// A score between 0 and 1, as Inspect's accuracy counts it; `None` is its "no answer".
fn score(scores: &Value, scorer: &str) -> Result<Option<f64>, String> {
    let found = scores.get(scorer);
    match &found.ok_or_else(|| format!("the sample has no score of `{scorer}`"))?["value"] {
        Value::String(letter) => match letter.as_str() {
            "C" => Ok(Some(1.0)),
            "I" => Ok(Some(0.0)),
            "P" => Ok(Some(0.5)),
            "N" => Ok(None),
            other => {
                word(other).map(Some).ok_or_else(|| format!("the score `{other}` is not known"))
            }
        },
        Value::Bool(right) => Ok(Some(f64::from(u8::from(*right)))),
        value => match value.as_f64().filter(|score| (0.0..=1.0).contains(score)) {
            Some(score) => Ok(Some(score)),
            None => Err(format!("the score of `{scorer}` is no number from 0 to 1")),
        },
    }
}

/// A score in words, as Inspect's `value_to_float` counts it.
fn word(text: &str) -> Option<f64> {
    match text.to_lowercase().as_str() {
        "yes" | "true" => Some(1.0),
        "no" | "false" => Some(0.0),
        number => number.parse().ok().filter(|score| (0.0..=1.0).contains(score)),
    }
}

fn verdict(score: Option<f64>, text: &str, finish: &Finish) -> (Outcome, f64) {
    let score_of = score.unwrap_or(0.0);
    let outcome = match (score, finish) {
        (_, Finish::ContentFilter) => Outcome::Filtered,
        (_, Finish::Length | Finish::Context) if score_of < 1.0 => Outcome::Truncated,
        (None, _) => Outcome::Unparsed,
        (Some(score), _) => outcome(score, text),
    };
    (outcome, score_of)
}

fn prompt(input: &Value) -> Prompt {
    let message = |message: &Value| Message {
        role: match message["role"].as_str() {
            Some("system") => Role::System,
            Some("assistant") => Role::Assistant,
            _ => Role::User,
        },
        content: match &message["content"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    };
    match input {
        Value::Array(messages) => Prompt(messages.iter().map(message).collect()),
        Value::String(text) => Prompt(vec![Message::user(text)]),
        other => Prompt(vec![Message::user(other.to_string())]),
    }
}

fn sampling(config: &Value) -> Sampling {
    let stop = config["stop_seqs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Sampling {
        max_tokens: config["max_tokens"]
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok())
            .unwrap_or(u32::MAX),
        temperature: config["temperature"].as_f64().unwrap_or(1.0),
        top_p: config["top_p"].as_f64().unwrap_or(1.0),
        stop: stop.map(str::to_owned).collect(),
        reasoning: ReasoningLevel::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: Result<Option<f64>, &str>) {
        let scores = json!({ "match": { "value": value } });
        assert_eq!(score(&scores, "match"), expected.map_err(str::to_owned), "{value}");
    }

    #[test]
    fn scores_count_as_they_do_in_inspect() {
        check(&json!("C"), Ok(Some(1.0)));
        check(&json!("P"), Ok(Some(0.5)));
        check(&json!("I"), Ok(Some(0.0)));
        check(&json!("N"), Ok(None));
        check(&json!(true), Ok(Some(1.0)));
        check(&json!("Yes"), Ok(Some(1.0)));
        check(&json!("false"), Ok(Some(0.0)));
        check(&json!("0.25"), Ok(Some(0.25)));
        check(&json!(0.75), Ok(Some(0.75)));
        check(&json!("NaN"), Err("the score `NaN` is not known"));
        check(&json!("B"), Err("the score `B` is not known"));
        let no_number = Err("the score of `match` is no number from 0 to 1");
        for value in [json!(7), json!({ "a": 1 }), json!([1.0]), json!(null)] {
            check(&value, no_number);
        }
        let other = json!({ "includes": { "value": "C" } });
        assert_eq!(score(&other, "match"), Err("the sample has no score of `match`".to_owned()));
    }

    #[test]
    fn attachments_stand_where_their_names_stood() {
        let mut sample = json!({
            "input": [{ "role": "user", "content": "attachment://ab" }],
            "output": { "completion": "attachment://cd", "choices": [] },
            "attachments": { "ab": "a long question", "cd": "a long answer" },
        });
        attach(&mut sample);
        assert_eq!(sample["input"][0]["content"], "a long question");
        assert_eq!(sample["output"]["completion"], "a long answer");
        let mut unknown = json!({ "input": "attachment://zz", "attachments": {} });
        attach(&mut unknown);
        assert_eq!(unknown["input"], "attachment://zz");
    }
}
