//! The real binary against a real server and real files: that each command is wired up, and that
//! nothing is lost when something goes wrong.

mod action;
mod browser;
mod code;
mod compare;
mod docs;
mod errors;
mod export;
mod gate;
mod gate_more;
mod grade;
mod grade_math;
mod hub;
mod import;
mod json;
mod junit;
mod regrade;
mod report;
mod resume;
mod run;
mod same;
mod spend;

use std::path::PathBuf;

use tripos_tests::server::{Asked, Reply, knowing};
use tripos_tests::{Project, Server};

/// An empty project.
fn project() -> Project {
    Project::new(env!("CARGO_BIN_EXE_tripos-under-test"))
}

/// A project whose model `far` is `server`.
fn project_with(server: &Server) -> Project {
    let project = project();
    let url = server.base_url();
    let text = format!(
        "[models.far]\nrunner = \"chat\"\nbase_url = \"{url}\"\nlimits = {{ concurrency = 4 }}\n"
    );
    project.write("tripos.toml", text);
    project
}

/// The smallest model in the Hugging Face layout, of random weights.
fn fixture() -> PathBuf {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../runners/fixtures/deepseek_v3");
    PathBuf::from(path)
}

/// A script that answers every item of `smoke` rightly when it may think, and every second otherwise.
fn knows_smoke() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let items = project().json(&["suites", "preview", "smoke", "-n", "1000"]);
    let items = items["items"].as_array().expect("a list of items").clone();
    let answer = |item: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        (text(&item["prompt"][0]["content"]), format!("Answer: {}", right(&text(&item["target"]))))
    };
    let answers: Vec<(String, String)> = items.iter().map(answer).collect();
    let thinking = knowing(answers.clone());
    let hasty = knowing(answers.into_iter().step_by(2));
    move |asked| match asked.body["reasoning_effort"].as_str() {
        Some("none") => hasty(asked),
        _ => thinking(asked),
    }
}

/// The final answer for a target, as a model would write it.
fn right(target: &str) -> &str {
    if target.starts_with("FALSE PREMISE") { "FALSE PREMISE" } else { target }
}
