//! What is asked for, and what is read from any bytes at all.

use proptest::prelude::*;

use super::*;
use crate::remote::tests::fixtures::FIXTURES;
use crate::runner::Want;

fn endpoint(extra: Value) -> ChatEndpoint {
    let Value::Object(extra) = extra else { panic!("extra members are an object") };
    ChatEndpoint {
        base_url: "http://127.0.0.1/v1".to_owned(),
        model: "m".to_owned(),
        key: None,
        extra,
        think_tags: None,
        stream: false,
        concurrency: 1,
    }
}

fn sampling(reasoning: ReasoningLevel) -> Sampling {
    Sampling {
        max_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        stop: vec!["END".to_owned()],
        reasoning,
    }
}

fn dialect(url: &str, model: &str) -> Dialect {
    Dialect::of(&Url::parse(url).expect("an address"), model)
}

/// The body and the effective sampling, as JSON without what is the same in all cases.
fn sent(
    dialect: Dialect,
    extra: Value,
    reasoning: ReasoningLevel,
) -> (Value, Sampling, Vec<String>) {
    let endpoint = endpoint(extra);
    let sampling = sampling(reasoning);
    let effective = effective(dialect, &endpoint, &sampling);
    assert_eq!(effective.reasoning, effective.sampling.reasoning);
    let request = Request { conversation: Vec::new(), want: Want::Text, sampling, seed: 7 << 33 };
    let mut body = body(dialect, &endpoint, &request);
    assert_eq!(body.remove("model"), Some(json!("m")));
    assert_eq!(body.remove("messages"), Some(json!([])));
    assert_eq!(body.remove("seed"), Some(json!(7)));
    (Value::Object(body), effective.sampling, effective.dropped)
}

#[test]
fn the_level_of_reasoning_is_sent_where_the_wire_has_a_word_for_it() {
    use ReasoningLevel::{Auto, High, Low, Medium, Off, Tokens};
    let plain = dialect("http://127.0.0.1/v1", "m");
    for (level, effort) in [(Off, "none"), (Low, "low"), (Medium, "medium"), (High, "high")] {
        let (body, takes, dropped) = sent(plain, json!({}), level);
        assert_eq!((&body["reasoning_effort"], takes.reasoning), (&json!(effort), level));
        assert_eq!(dropped, [""; 0]);
    }
    for (level, expected) in [(Auto, &[][..]), (Tokens(512), &["reasoning"][..])] {
        let (body, takes, dropped) = sent(plain, json!({}), level);
        assert_eq!((body.get("reasoning_effort"), takes.reasoning), (None, Auto));
        assert_eq!(dropped, expected);
    }
}

#[test]
fn extra_members_win_and_what_they_replace_is_said() {
    let plain = dialect("http://127.0.0.1/v1", "m");
    let extra = json!({"temperature": 0.1, "max_tokens": 7, "reasoning_effort": "max", "top_k": 1});
    let (body, takes, dropped) = sent(plain, extra, ReasoningLevel::High);
    let expected = json!({
        "max_tokens": 7, "temperature": 0.1, "top_p": 0.9, "stop": ["END"],
        "reasoning_effort": "max", "top_k": 1,
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, ["max_tokens", "temperature", "reasoning"]);
    assert_eq!((takes.max_tokens, takes.temperature), (7, 0.1));
    assert_eq!((takes.top_p, takes.reasoning), (0.9, ReasoningLevel::Auto));
}

#[test]
fn openai_gets_the_names_and_only_the_settings_that_it_takes() {
    let api = "https://api.openai.com/v1";
    let (body, takes, dropped) = sent(dialect(api, "o3-mini"), json!({}), ReasoningLevel::Low);
    assert_eq!(body, json!({"max_completion_tokens": 100, "reasoning_effort": "low"}));
    assert_eq!(dropped, ["temperature", "top_p", "stop"]);
    assert_eq!((takes.temperature, takes.top_p, takes.stop.len()), (1.0, 1.0, 0));
    for model in ["gpt-4.1", "omni"] {
        let (body, _, dropped) = sent(dialect(api, model), json!({}), ReasoningLevel::Auto);
        assert!(body["temperature"] == 0.5 && body["max_completion_tokens"] == 100, "{body}");
        assert_eq!(dropped, [""; 0]);
    }
    let elsewhere = dialect("https://api.example.com/v1", "gpt-5");
    assert_eq!(sent(elsewhere, json!({}), ReasoningLevel::Auto).0["max_tokens"], 100);
}

fn tags() -> (String, String) {
    ("<think>".to_owned(), "</think>".to_owned())
}

#[test]
fn every_recorded_stream_is_read() {
    for fixture in &FIXTURES {
        let answer = parse(fixture.stream.as_bytes(), Some(&tags())).expect(fixture.name);
        assert_eq!(answer.split.answer, fixture.answer, "{}", fixture.name);
        let reasoning = (answer.split.reasoning.kind, answer.split.reasoning.text.as_str());
        assert_eq!(reasoning, fixture.reasoning, "{}", fixture.name);
        let usage = (answer.usage.input, answer.usage.output, answer.usage.reasoning);
        assert_eq!(usage, fixture.usage, "{}", fixture.name);
        match &fixture.finish {
            Finish::Other(_) => assert_eq!(answer.finish, Finish::Other("abort".to_owned())),
            finish => assert_eq!(&answer.finish, finish, "{}", fixture.name),
        }
    }
}

#[test]
fn a_stream_cut_anywhere_is_never_a_whole_answer_of_less() {
    for fixture in &FIXTURES {
        for end in 0..fixture.stream.len() {
            if let Ok(answer) = parse(&fixture.stream.as_bytes()[..end], Some(&tags())) {
                assert_eq!(answer.split.answer, fixture.answer, "{} at {end}", fixture.name);
            }
        }
    }
}

#[track_caller]
fn check_finish(choice: &Value, expected: &Finish) {
    let answer =
        parse(json!({"choices": [choice]}).to_string().as_bytes(), None).expect("an answer");
    assert_eq!(&answer.finish, expected);
}

#[test]
fn reasons_for_stopping_are_translated_or_kept() {
    let with = |reason: &str| json!({"message": {"content": "4"}, "finish_reason": reason});
    for reason in ["stop", "eos", "eos_token", "end_turn", "stop_sequence"] {
        check_finish(&with(reason), &Finish::Stop);
    }
    check_finish(&with("length"), &Finish::Length);
    check_finish(&with("model_length"), &Finish::Context);
    check_finish(&with("content_filter"), &Finish::ContentFilter);
    check_finish(&with("tool_calls"), &Finish::Other("tool_calls".to_owned()));
    check_finish(&with(&"é".repeat(99)), &Finish::Other("é".repeat(64)));
    check_finish(&json!({"message": {}, "finish_reason": "stop"}), &Finish::Stop);
    check_finish(&json!({"message": {}, "finish_reason": "length"}), &Finish::Length);
    let thought = json!({"message": {"content": " ", "reasoning": "r"}, "finish_reason": "length"});
    check_finish(&thought, &Finish::LengthInReasoning);
    check_finish(&json!({"message": {"refusal": "no"}, "finish_reason": "stop"}), &Finish::Refusal);
}

#[test]
fn a_refusal_is_kept_to_be_read() {
    let body = json!({"choices": [{"message": {"refusal": "I won't."}, "finish_reason": "stop"}]});
    let answer = parse(body.to_string().as_bytes(), None).expect("an answer");
    assert_eq!(answer.split.answer, "I won't.");
}

#[track_caller]
fn check_usage(usage: &Value, expected: (Option<u64>, Option<u64>, Option<u64>)) {
    let body = json!({"choices": [{"message": {"content": "4"}}], "usage": usage});
    let got = parse(body.to_string().as_bytes(), None).expect("an answer").usage;
    assert_eq!((got.input, got.output, got.reasoning), expected);
}

#[test]
fn the_output_includes_the_reasoning_however_it_is_counted() {
    let details = json!({"reasoning_tokens": 30});
    check_usage(
        &json!({"prompt_tokens": 10, "completion_tokens": 35, "total_tokens": 45,
            "completion_tokens_details": details}),
        (Some(10), Some(35), Some(30)),
    );
    check_usage(
        &json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45,
            "completion_tokens_details": details}),
        (Some(10), Some(35), Some(30)),
    );
    check_usage(&json!({"prompt_tokens": 3.0, "completion_tokens": "5"}), (Some(3), None, None));
    check_usage(&json!({"completion_tokens": -1, "prompt_tokens": 1.5}), (None, None, None));
    check_usage(&json!([1]), (None, None, None));
    check_usage(
        &json!({"completion_tokens": u64::MAX, "prompt_tokens": u64::MAX,
        "reasoning_tokens": 1}),
        (Some(u64::MAX), Some(u64::MAX), Some(1)),
    );
}

/// JSON with the members of an answer in any places and with any values.
fn any_answer() -> impl Strategy<Value = Value> {
    const MEMBERS: [&str; 20] = [
        "choices",
        "message",
        "delta",
        "content",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "type",
        "text",
        "thinking",
        "finish_reason",
        "index",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "error",
        "code",
        "refusal",
        "model",
        "object",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(stop|length|error|<think>|</think>|\\PC){0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&MEMBERS[..]), inner), 0..6).prop_map(
                |members| {
                    Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
                }
            ),
        ]
    })
}

proptest! {
    #[test]
    fn reading_is_total_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, Some(&tags()));
        let _ = parse(&[b"data: ", &bytes[..]].concat(), Some(&tags()));
        let _ = parse(&[b"{", &bytes[..]].concat(), None);
    }

    #[test]
    fn reading_is_total_on_any_json(value in any_answer(), second in any_answer()) {
        let _ = parse(value.to_string().as_bytes(), Some(&tags()));
        let choices = json!({"choices": [{"message": value, "finish_reason": second}]});
        let _ = parse(choices.to_string().as_bytes(), Some(&tags()));
        let events = format!("data: {choices}\n\ndata: {second}\n\n");
        let _ = parse(events.as_bytes(), Some(&tags()));
    }

    #[test]
    fn the_way_a_stream_is_cut_into_deltas_changes_nothing(
        text in "(<think>|</think>|[a-c ]){0,12}",
        at in any::<prop::sample::Index>(),
    ) {
        let cut = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect::<Vec<_>>();
        let (one, two) = text.split_at(cut[at.index(cut.len())]);
        let delta = |text: &str, end: Value| {
            json!({"choices": [{"delta": {"content": text}, "finish_reason": end}]})
        };
        let stream = format!("data: {}\n\ndata: {}\n\n", delta(one, Value::Null), delta(two, json!("stop")));
        let whole = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
        prop_assert_eq!(
            parse(stream.as_bytes(), Some(&tags())),
            parse(whole.to_string().as_bytes(), Some(&tags()))
        );
    }
}
