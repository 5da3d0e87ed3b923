//! Prints how long 100,000 paired items take to compare and to judge, once they are in memory, and writes
//! them as a bundle, so that the commands can be timed on a store that has them.
//!
//! `cargo run --release -p tripos --example pairs -- FILE`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tripos::bundle::read_run;
use tripos::gate::{Policy, judge};
use tripos::report::{Draft, Extent, Making, Source};
use tripos::stats::{PairedItem, difference};
use tripos::store::rows::Sample;
use tripos_tasks::Digest;
use tripos_tasks::generate::Random;

const PAIRS: usize = 100_000;
/// Each is timed so often; the quickest is printed: what else the machine does is not what is measured.
const TIMES: usize = 5;
/// How many of a hundred items each arm gets right.
const RIGHT: [u64; 2] = [70, 71];
const POLICY: &str = "schema = 1\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                      kind = \"non_inferior\"\nmargin = 0.02\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = bundle();
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(path, &text)?;
    }
    let imported = read_run(&text)?;
    let samples: Vec<Sample> = imported.trials.into_iter().map(|trial| trial.sample).collect();
    let run = &imported.run;
    let source =
        |arm| Source { run, arm, samples: &samples, telemetry: None, price: None, remote: false };
    let sources = [source(0), source(1)];
    let policy = Policy::parse("example", POLICY)?;
    let making = Making {
        created: String::new(),
        command: String::new(),
        store: String::new(),
        machine: String::new(),
    };
    let report = |extent| Draft::new(&sources, extent).report(&BTreeMap::new(), &making);
    let pairs = clusters_of_two();
    let mut out = io::stdout().lock();
    writeln!(out, "| {PAIRS} pairs | seconds |\n| --- | ---: |")?;
    let mut row =
        |what: &str, took: Duration| writeln!(out, "| {what} | {:.3} |", took.as_secs_f64());
    row("the difference, in clusters of two", quickest(|| difference(&pairs)))?;
    row("the comparison that a terminal shows", quickest(|| report(Extent::Terminal)))?;
    row("the whole report, without texts", quickest(|| report(Extent::Whole)))?;
    row("the gate", quickest(|| judge(&policy, &sources[0], &sources[1], false, None)))?;
    Ok(())
}

/// The least time that `work` takes.
fn quickest<T>(work: impl Fn() -> T) -> Duration {
    let times = (0..TIMES).map(|_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn clusters_of_two() -> Vec<PairedItem> {
    (0..PAIRS)
        .map(|n| PairedItem {
            baseline: if n % 3 == 2 { 1.0 } else { 0.0 },
            candidate: if n % 5 > 2 { 1.0 } else { 0.0 },
            cluster: Some(format!("c{}", n / 2)),
        })
        .collect()
}

/// A run of two arms over one task, every trial answered and graded, as `tripos export` writes it.
fn bundle() -> String {
    let mut random = Random::from_key("pairs");
    let mut lines = head();
    for item in 0..PAIRS {
        lines.push(json!({ "item": {
            "id": format!("i{item}"), "group": null, "level": null, "fields": {},
            "target_kind": "integer", "target": "4", "decoys": {}, "origin": null,
        }}));
        for (arm, right) in RIGHT.into_iter().enumerate() {
            let correct = random.next_u64() % 100 < right;
            lines.push(trial(arm, item, correct));
        }
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let body = lines.join("\n") + "\n";
    let digest = Digest::of_bytes(body.as_bytes()).to_string();
    let head =
        json!({ "kind": "tripos-run", "version": 1, "lines": lines.len(), "digest": digest });
    format!("{head}\n{body}")
}

/// The run, its arms and its task.
fn head() -> Vec<Value> {
    let sampling = json!({
        "max_tokens": 320, "temperature": 0.0, "top_p": 1.0, "stop": [], "reasoning": "off",
    });
    let effective = json!({ "sampling": sampling, "reasoning": "off", "dropped": [] });
    let mut lines = vec![json!({ "run": {
        "handle": "r-pairs", "name": "pairs", "digest": Digest::of_bytes(b"pairs").to_string(),
        "created_ms": 0, "state": "finished", "reason": null, "command": "pairs",
        "selection": {
            "suites": ["pairs"], "models": ["tiny"], "reasoning": [], "seed": 1, "repeats": null,
            "limit": null, "max_tokens": null, "concurrency": null, "shuffled": false,
        },
        "version": env!("CARGO_PKG_VERSION"), "suites": ["pairs"],
    }})];
    lines.extend(["a", "b"].map(|label| {
        json!({ "arm": {
            "row": {
                "label": label, "model": "tiny",
                "digest": Digest::of_bytes(label.as_bytes()).to_string(),
                "requested": [sampling], "effective": [effective],
            },
            "telemetry": null,
        }})
    }));
    lines.push(json!({ "task": {
        "suite": "pairs", "task": "pairs/sums", "version": "1.0.0", "title": "Sums",
        "domain": "math", "sensitivity": "none", "weight": 1,
        "digest": Digest::of_bytes(b"sums").to_string(), "grader": { "kind": "integer" },
        "items": PAIRS, "repeats": 1,
    }}));
    lines
}

fn trial(arm: usize, item: usize, correct: bool) -> Value {
    let (outcome, score) = if correct { ("correct", 1.0) } else { ("incorrect", 0.0) };
    json!({ "trial": {
        "arm": arm, "task": 0, "item": item, "repeat": 0,
        "key": Digest::of_bytes(format!("{arm} {item}").as_bytes()).to_string(),
        "grader": Digest::of_bytes(b"4").to_string(), "failed": false,
        "grade": { "outcome": outcome, "score": score, "detail": {} },
        "answer": {
            "prompt": [{ "role": "user", "content": format!("What is 2 + 2? ({item})") }],
            "text": "Answer: 4", "reasoning": { "kind": "none", "text": "" }, "finish": "stop",
            "usage": {
                "input": 10, "cached_input": null, "output": 10 + item % 50, "reasoning": 0,
                "source": "provider",
            },
            "timing": { "first": null, "total": { "secs": 1, "nanos": item % 1000 } },
            "served": { "model": null, "fingerprint": null, "request_id": null },
        },
    }})
}
