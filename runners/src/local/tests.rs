//! Whole models opened and asked.

use safetensors::Dtype;
use serde_json::json;
use tripos_tasks::{Message, ReasoningLevel, Sampling};

use super::fixture::{Copy, NAMES, Stored, Tensors};
use super::*;
use crate::runner::{Request, Runner as _, Want};

/// Spoils a copy of a checkpoint and returns what opening it says, cause behind cause.
#[track_caller]
fn error(spoil: impl FnOnce(&Copy)) -> String {
    let copy = Copy::of("deepseek_v3");
    spoil(&copy);
    let Err(error) = open_folder(copy.path()) else { panic!("the spoiled copy was opened") };
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace(&copy.path().display().to_string(), "DIR")
}

#[track_caller]
fn check(spoil: impl FnOnce(&Copy), expected: &str) {
    let found = error(spoil);
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn missing_files_are_named() {
    check(|copy| copy.remove("config.json"), "cannot read `DIR/config.json`: entity not found");
    check(|copy| copy.remove("tokenizer.json"), "cannot read `DIR/tokenizer.json`");
    check(|copy| copy.remove("model.safetensors"), "no `*.safetensors` or `*.gguf` file in `DIR`");
    let no_template = "no chat template in `DIR`: neither `chat_template.jinja` nor";
    check(|copy| copy.remove("chat_template.jinja"), no_template);
    let missing_shard = |copy: &Copy| {
        copy.shard();
        copy.remove("b.safetensors");
    };
    check(missing_shard, "cannot read `DIR/b.safetensors`: No such file");
}

#[test]
fn pickles_are_refused_by_name() {
    let pickle = |copy: &Copy| {
        copy.remove("model.safetensors");
        copy.write("pytorch_model.bin", "\u{80}");
    };
    check(pickle, "`DIR/pytorch_model.bin` is a pickle file, which is never read");
}

#[test]
fn texts_that_are_not_what_they_should_be_are_named() {
    check(|copy| copy.write("config.json", "{"), "`DIR/config.json` is not valid JSON: EOF");
    check(|copy| copy.write("tokenizer.json", "{}"), "`DIR/tokenizer.json` is not a tokenizer: ");
    let template = "the chat template in `DIR` cannot be compiled: syntax error";
    check(|copy| copy.write("chat_template.jinja", "{% for %}"), template);
    let large = |copy: &Copy| {
        let file = std::fs::File::create(copy.path().join("tokenizer.json")).expect("a file");
        file.set_len(1 << 40).expect("a sparse file");
    };
    check(large, "`DIR/tokenizer.json` has 1099511627776 bytes, more than such a file can have");
}

#[test]
fn configurations_that_cannot_be_run_say_why() {
    let spoil = |key: &'static str, value: Value| {
        move |copy: &Copy| copy.edit_config(|config| config[key] = value)
    };
    let start = "`DIR/config.json` describes a model that cannot be run: ";
    let check_config =
        |key, value, expected: &str| check(spoil(key, value), &format!("{start}{expected}"));
    check_config("model_type", json!("gemma3"), "unknown architecture `gemma3`");
    check_config("rope_parameters", json!({"rope_type": "dynamic"}), "unknown rope type `dynamic`");
    check_config("hidden_size", json!(0), "`hidden_size` is 0");
    check(
        spoil("vocab_size", json!(100)),
        "`DIR/tokenizer.json` has tokens up to 383, but the model only 100",
    );
}

#[test]
fn weights_that_are_not_what_the_configuration_says_name_tensor_and_file() {
    let norm = "model.layers.2.input_layernorm.weight";
    check(
        |copy| copy.edit_weights(|tensors| drop(tensors.remove(norm))),
        "tensor `model.layers.2.input_layernorm.weight` is not in `DIR/model.safetensors`",
    );
    check(
        |copy| copy.edit_config(|config| config["vocab_size"] = json!(385)),
        "tensor `model.embed_tokens.weight` in `DIR/model.safetensors` has the shape [384, 64] \
         instead of [385, 64]",
    );
    check(
        |copy| copy.edit_config(|config| config["num_hidden_layers"] = json!(1000)),
        "tensor `model.layers.3.",
    );
    check(
        |copy| {
            copy.edit_weights(|tensors| {
                for tensor in tensors.values_mut() {
                    tensor.dtype = Dtype::I32;
                }
            });
        },
        "tensor `model.embed_tokens.weight` in `DIR/model.safetensors` is stored as I32",
    );
}

/// Spoils the weights of a packed fixture.
#[track_caller]
fn check_packed(name: &str, spoil: impl FnOnce(&mut Tensors), expected: &str) {
    let copy = Copy::of(name);
    copy.edit_weights(spoil);
    let found = open_folder(copy.path()).map(drop).expect_err(expected).to_string();
    let found = found.replace(&copy.path().display().to_string(), "DIR");
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn packed_weights_that_do_not_fit_together_name_tensor_and_file() {
    let down = "model.layers.1.mlp.experts.1.down_proj.weight";
    let scale = format!("{down}_scale_inv");
    check_packed(
        "deepseek_v3_fp8",
        |tensors| drop(tensors.remove(&scale)),
        &format!("tensor `{scale}` is not in `DIR/model.safetensors`"),
    );
    check_packed(
        "deepseek_v3_fp8",
        |tensors| drop(tensors.insert(scale.clone(), Stored::new(&[1, 1], &[1.0]))),
        &format!(
            "tensor `{scale}` in `DIR/model.safetensors` has the shape [1, 1] instead of [2, 1]"
        ),
    );
    let scaled = Stored { dtype: Dtype::F8_E4M3, shape: vec![2, 1], data: vec![0x38; 2] };
    check_packed(
        "deepseek_v3_fp8",
        |tensors| drop(tensors.insert(scale.clone(), scaled)),
        &format!("tensor `{scale}` in `DIR/model.safetensors` is stored as F8_E4M3"),
    );
    let copy = Copy::of("deepseek_v3_fp8");
    copy.edit_config(|config| config["quantization_config"] = Value::Null);
    let found = open_folder(copy.path()).map(drop).expect_err("packed").to_string();
    assert!(found.contains("is stored as F8_E4M3, which is not read here"), "{found}");
    let bank = "model.layers.1.mlp.experts.gate_up_proj";
    check_packed(
        "gpt_oss_mxfp4",
        |tensors| drop(tensors.remove(&format!("{bank}_scales"))),
        &format!("tensor `{bank}_scales` is not in `DIR/model.safetensors`"),
    );
    check_packed(
        "gpt_oss_mxfp4",
        |tensors| tensors.get_mut(&format!("{bank}_blocks")).expect("it").dtype = Dtype::I8,
        &format!("tensor `{bank}_blocks` in `DIR/model.safetensors` is stored as I8"),
    );
    check_packed(
        "gpt_oss_mxfp4",
        |tensors| drop(tensors.remove(&format!("{bank}_blocks"))),
        &format!("tensor `{bank}` is not in `DIR/model.safetensors`"),
    );
}

#[test]
fn a_tensor_in_two_files_is_refused() {
    let twice = |copy: &Copy| {
        copy.shard();
        let whole = copy.read("a.safetensors");
        copy.write("c.safetensors", whole);
        let index = json!({"weight_map": {"x": "a.safetensors", "y": "c.safetensors"}});
        copy.write("model.safetensors.index.json", index.to_string());
    };
    let found = error(twice);
    let end = "` is in `DIR/a.safetensors` and in `DIR/c.safetensors`";
    assert!(found.starts_with("tensor `model.layers.1.") && found.ends_with(end), "{found}");
}

#[tokio::test]
async fn every_family_opens_and_answers() {
    for name in NAMES {
        let copy = Copy::of(name);
        let runner = open_folder(copy.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let sampling = Sampling {
            max_tokens: 5,
            temperature: 0.0,
            top_p: 1.0,
            stop: Vec::new(),
            reasoning: ReasoningLevel::Auto,
        };
        let conversation = vec![Message::user("What is 2 + 2?")];
        let request = Request { conversation, want: Want::Text, sampling, seed: 1 };
        let answer = runner.complete(&request).await.expect(name);
        assert!(answer.usage.output.is_some_and(|tokens| (1..=5).contains(&tokens)), "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_not_a_checkpoint() {
    for share in [0, 1, 10, 50, 99] {
        let cut = |copy: &Copy| {
            let whole = copy.read("model.safetensors");
            copy.write("model.safetensors", &whole[..whole.len() * share / 100]);
        };
        check(cut, "`DIR/model.safetensors` is not a whole safetensors file: ");
    }
}

#[test]
fn an_index_that_leaves_the_folder_or_lists_nothing_is_refused() {
    let index = |content: Value| {
        move |copy: &Copy| {
            copy.remove("model.safetensors");
            copy.write("model.safetensors.index.json", content.to_string());
        }
    };
    let start = "`DIR/model.safetensors.index.json` does not list the shards: ";
    let check_index =
        |content, expected: &str| check(index(content), &format!("{start}{expected}"));
    check_index(json!({}), "`weight_map` is missing");
    check_index(json!({"weight_map": {}}), "`weight_map` is empty");
    let outside = json!({"weight_map": {"a": "../other.safetensors"}});
    check_index(outside, "tensor `a` is said to be in \"../other.safetensors\"");
    check_index(json!({"weight_map": {"a": 1}}), "tensor `a` is said to be in 1");
}

#[test]
fn the_digest_follows_every_file_and_not_the_folder() {
    let digest =
        |copy: &Copy| crate::Runner::digest(&open_folder(copy.path()).expect("a model")).to_owned();
    let (one, two) = (Copy::of("deepseek_v3"), Copy::of("deepseek_v3"));
    let whole = digest(&one);
    assert!(whole.starts_with("blake3:") && whole.len() == 7 + 64, "{whole}");
    assert_eq!(whole, digest(&two));
    two.write("chat_template.jinja", "{{ messages[0].content }}");
    assert_ne!(whole, digest(&two));
    let three = Copy::of("deepseek_v3");
    let mut weights = three.read("model.safetensors");
    *weights.last_mut().expect("weights") ^= 1;
    three.write("model.safetensors", weights);
    assert_ne!(whole, digest(&three));
}

#[test]
fn the_end_of_a_completion_is_a_token_or_a_list_of_them() {
    let of = |first: Value, second: Value| end_tokens(&[first, second]);
    assert_eq!(of(json!({"eos_token_id": [1, 5]}), json!({"eos_token_id": 2})), Some(vec![1, 5]));
    assert_eq!(of(json!(null), json!({"eos_token_id": 2})), Some(vec![2]));
    assert_eq!(of(json!({"eos_token_id": null}), json!({"eos_token_id": -1})), None);
    assert_eq!(of(json!({}), json!({})), None);
}
