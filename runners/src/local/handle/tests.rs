//! Completions of a model on its thread: limits, stops, caps, cancelling and damage.

use std::path::Path;

use ReasoningLevel::{Auto, Low, Off, Tokens};

use futures_util::future::join_all;
use serde_json::json;
use tripos_tasks::Message;

use super::super::fixture::{self, Case, Copy, Stored};
use super::super::open_folder;
use super::*;
use crate::completion::{Finish, ReasoningKind, UsageSource};

/// A copy of the checkpoint whose template passes the first message on as it is.
fn bare() -> Copy {
    let copy = Copy::of("deepseek_v3");
    copy.write("chat_template.jinja", "{{ messages[0].content }}");
    copy
}

fn runner(folder: &Path) -> LocalRunner {
    open_folder(folder).expect("a model")
}

fn cases() -> Vec<Case> {
    fixture::expected("deepseek_v3").cases
}

fn sampling(max_tokens: u32) -> Sampling {
    Sampling {
        max_tokens,
        temperature: 0.0,
        top_p: 1.0,
        stop: Vec::new(),
        reasoning: ReasoningLevel::Auto,
    }
}

fn request(prompt: &str, sampling: Sampling) -> Request {
    let conversation = vec![Message::user(prompt)];
    Request { conversation, want: Want::Text, sampling, seed: 11 }
}

/// Asks a copy with the first case's prompt.
async fn ask(copy: &Copy, sampling: Sampling) -> Result<Completion, RunnerError> {
    runner(copy.path()).complete(&request(&cases()[0].prompt, sampling)).await
}

/// Returns the first `count` greedy tokens of the first case as text.
fn greedy_text(runner: &LocalRunner, case: &Case, count: usize) -> String {
    runner.vocabulary.decode(&case.greedy[..count])
}

#[tokio::test]
async fn more_requests_than_rows_give_what_the_reference_gives() {
    let copy = bare();
    let runner = runner(copy.path());
    let cases = cases();
    let asked: Vec<Request> = (0..3 * MAX_ROWS)
        .map(|n| request(&cases[n % 4].prompt, sampling(40 + n as u32 % 9)))
        .collect();
    let answers = join_all(asked.iter().map(|request| runner.complete(request))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        let (answer, case, count) = (answer.expect("an answer"), &cases[n % 4], 40 + n % 9);
        assert_eq!(answer.raw.body, greedy_text(&runner, case, count).as_bytes(), "request {n}");
        assert_eq!(answer.finish, Finish::Length);
        assert_eq!(answer.usage.input, Some(case.ids.len() as u64));
        assert_eq!(answer.usage.output, Some(count as u64));
        assert_eq!(answer.usage.source, UsageSource::Provider);
        assert!(answer.timing.first.expect("a token") <= answer.timing.total);
    }
    let telemetry = runner.telemetry().expect("telemetry");
    let prompts: usize = (0..3 * MAX_ROWS).map(|n| cases[n % 4].ids.len()).sum();
    assert_eq!(telemetry.prefill_tokens, prompts as u64);
    let generated: usize = (0..3 * MAX_ROWS).map(|n| 40 + n % 9).sum();
    assert_eq!(telemetry.decode_tokens, generated as u64);
}

#[tokio::test]
async fn a_token_that_ends_and_a_string_that_stops_are_not_part_of_the_answer() {
    let copy = bare();
    let case = &cases()[0];
    copy.write("generation_config.json", json!({"eos_token_id": [1, case.greedy[5]]}).to_string());
    let ended = ask(&copy, sampling(48)).await.expect("an answer");
    assert_eq!(ended.finish, Finish::Stop);
    assert_eq!(ended.usage.output, Some(6));

    let copy = bare();
    let runner = runner(copy.path());
    let whole = greedy_text(&runner, case, 20);
    let stop: String = whole.chars().skip(6).take(3).collect();
    let stopping = Sampling { stop: vec![stop.clone()], ..sampling(48) };
    let stopped = runner.complete(&request(&case.prompt, stopping)).await.expect("an answer");
    assert_eq!(stopped.finish, Finish::Stop);
    assert_eq!(stopped.text, whole[..whole.find(&stop).expect("it is there")]);
}

#[tokio::test]
async fn reasoning_is_kept_apart_capped_and_closed() {
    let copy = Copy::of("deepseek_v3");
    copy.write("chat_template.jinja", "{{ messages[0].content }}<think>");
    let endless = ask(&copy, sampling(20)).await.expect("an answer");
    assert_eq!(endless.finish, Finish::LengthInReasoning);
    assert_eq!((endless.text.as_str(), endless.usage.reasoning), ("", Some(20)));
    assert_eq!(endless.reasoning.kind, ReasoningKind::InlineTags);

    let capped = Sampling { reasoning: ReasoningLevel::Tokens(7), ..sampling(20) };
    let capped = ask(&copy, capped).await.expect("an answer");
    assert_eq!(capped.finish, Finish::Length);
    assert_eq!((capped.usage.reasoning, capped.usage.output), (Some(8), Some(20)));
    let whole = String::from_utf8_lossy(&capped.raw.body).into_owned();
    let (reasoning, answer) = whole.split_once("</think>").expect("the block is closed");
    assert_eq!(capped.reasoning.text, reasoning.trim());
    assert_eq!(capped.text, answer.trim_start());
    let endless = String::from_utf8_lossy(&endless.raw.body).into_owned();
    assert!(endless.starts_with(reasoning.trim_end_matches('\u{fffd}')));
}

#[tokio::test]
async fn the_context_ends_what_does_not_fit() {
    let copy = bare();
    copy.edit_config(|config| config["max_position_embeddings"] = json!(20));
    let cut = ask(&copy, sampling(48)).await.expect("an answer");
    assert_eq!((cut.finish, cut.usage.output), (Finish::Context, Some(12)));
    let long = request("Compute 17 + 25. Compute 17 + 25. Compute 17 + 25.", sampling(1));
    let error = runner(copy.path()).complete(&long).await.expect_err("too long");
    assert_eq!((error.kind, error.retry), (ErrorKind::Configuration, Retry::Never));
    assert!(error.message.ends_with("tokens, the context 20"), "{error}");
}

#[tokio::test]
async fn requests_that_cannot_be_answered_are_refused() {
    let copy = bare();
    let refused = [
        (Sampling { max_tokens: 0, ..sampling(1) }, "`max_tokens` is 0"),
        (Sampling { temperature: f64::NAN, ..sampling(1) }, "`temperature` is NaN"),
        (Sampling { temperature: -1.0, ..sampling(1) }, "`temperature` is -1"),
        (Sampling { temperature: 1.0, top_p: 0.0, ..sampling(1) }, "`top_p` is 0"),
    ];
    for (sampling, expected) in refused {
        let error = ask(&copy, sampling).await.expect_err(expected);
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Configuration, expected));
    }
    let empty = request("", sampling(1));
    let error = runner(copy.path()).complete(&empty).await.expect_err("an empty prompt");
    assert_eq!(error.message, "the chat template makes an empty prompt");
    copy.write("chat_template.jinja", "{{ raise_exception('no') }}");
    let error = ask(&copy, sampling(1)).await.expect_err("the template refuses");
    assert!(error.message.starts_with("the chat template cannot render"), "{error}");
}

#[tokio::test]
async fn weights_that_are_not_numbers_fail_the_request() {
    let copy = bare();
    copy.edit_weights(|tensors| {
        tensors.insert("model.norm.weight".to_owned(), Stored::new(&[64], &[f32::NAN; 64]));
    });
    let error = ask(&copy, sampling(4)).await.expect_err("no token");
    assert_eq!((error.kind, error.retry), (ErrorKind::Engine, Retry::Never));
}

#[tokio::test]
async fn the_seed_decides_what_is_drawn() {
    let copy = bare();
    let runner = runner(copy.path());
    let drawn = async |seed| {
        let sampling = Sampling { temperature: 1.0, top_p: 0.9, ..sampling(30) };
        let request = Request { seed, ..request(&cases()[1].prompt, sampling) };
        runner.complete(&request).await.expect("an answer").raw.body
    };
    let first = drawn(1).await;
    assert_eq!(drawn(1).await, first);
    assert_ne!(drawn(2).await, first);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_frees_its_row() {
    let copy = bare();
    let runner = runner(copy.path());
    let case = &cases()[0];
    let (short, long) = (request(&case.prompt, sampling(2)), request(&case.prompt, sampling(500)));
    {
        let long = join_all((0..MAX_ROWS - 1).map(|_| runner.complete(&long)));
        // The short one ends while the long ones run; leaving the block drops them.
        tokio::select! {
            answer = runner.complete(&short) => assert!(answer.is_ok()),
            _ = long => panic!("the long requests ended first"),
        }
    }
    let answer = runner.complete(&short).await.expect("an answer");
    assert_eq!(answer.finish, Finish::Length);
    let generated = runner.telemetry().expect("telemetry").decode_tokens;
    assert!(generated < 250 * MAX_ROWS as u64, "{generated} tokens for nobody");
}

#[tokio::test]
async fn a_panic_of_the_model_thread_is_an_error_for_everybody() {
    let copy = bare();
    let runner = runner(copy.path());
    let (reply, answer) = oneshot::channel();
    let mut job = runner.prepare(&request("a", sampling(4)), reply).expect("a job");
    job.prompt = vec![u32::MAX];
    runner.jobs.as_ref().expect("open").send(job).await.expect("the thread is there");
    assert!(answer.await.is_err(), "the job is gone");
    let error = runner.complete(&request("a", sampling(4))).await.expect_err("nobody is there");
    assert_eq!((error.kind, error.retry), (ErrorKind::Engine, Retry::StopModel));
}

#[test]
fn what_takes_effect_is_said() {
    let with_switch = runner(&fixture::folder("deepseek_v3"));
    let bare = bare();
    let without = runner(bare.path());
    let level = |runner: &LocalRunner, reasoning| {
        let effective = runner.effective(&Sampling { reasoning, ..sampling(100_000) });
        assert_eq!(effective.sampling.max_tokens, 512, "the context");
        assert_eq!(effective.sampling.reasoning, effective.reasoning);
        (effective.reasoning, effective.dropped)
    };
    for reasoning in [Auto, Off, Low, Tokens(9)] {
        assert_eq!(level(&with_switch, reasoning), (reasoning, vec![]));
        let dropped = if reasoning == Auto { vec![] } else { vec!["reasoning".to_owned()] };
        assert_eq!(level(&without, reasoning), (Auto, dropped));
    }
    let greedy = with_switch.effective(&Sampling { top_p: 0.5, ..sampling(1) });
    assert_eq!((greedy.sampling.top_p, greedy.dropped), (1.0, vec!["top_p".to_owned()]));
    let drawn = Sampling { top_p: 0.5, temperature: 0.5, ..sampling(1) };
    assert_eq!(with_switch.effective(&drawn).sampling, drawn);
}

#[tokio::test]
async fn the_model_inside_the_binary_answers() {
    let runner = super::super::open_built_in().expect("the built-in model");
    let request = request("What is 2 + 2?", sampling(16));
    let answer = runner.complete(&request).await.expect("an answer");
    assert!(answer.usage.output.is_some_and(|tokens| (1..=16).contains(&tokens)));
    assert_eq!(answer.served.model.as_deref(), Some("tiny"));
    assert_eq!(answer.served.fingerprint.as_deref(), Some(runner.digest()));
}
