//! Configurations that are read, and those that are refused by name.

use serde_json::json;

use super::super::fixture;
use super::*;

fn config() -> Value {
    let path = fixture::folder("deepseek_v3").join("config.json");
    serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("JSON")
}

/// Reads the fixture's configuration with one member replaced (`null` removes it).
fn with(key: &str, value: Value) -> Result<ArchSpec, SpecError> {
    let mut config = config();
    config[key] = value;
    ArchSpec::read(&config)
}

#[track_caller]
fn check(key: &str, value: Value, expected: &str) {
    let shown = value.to_string();
    let error = with(key, value).expect_err(&shown);
    assert_eq!(error.to_string(), expected, "`{key}` = {shown}");
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    check(
        "model_type",
        json!("mamba"),
        "unknown architecture `mamba`: this engine computes `deepseek_v3`",
    );
    check("model_type", Value::Null, "`model_type` is missing");
    check("hidden_act", json!("gelu"), "unknown activation `gelu`: `silu` is known");
    let packed = "unknown quantisation `fp8`: only f32, bf16 and f16 weights are read";
    check("quantization_config", json!({"quant_method": "fp8"}), packed);
    let rope = "unknown rope type `llama3`: `default` and `yarn` are known";
    check("rope_parameters", json!({"rope_type": "llama3", "factor": 8.0}), rope);
    check(
        "scoring_func",
        json!("softmax"),
        "`scoring_func` is `softmax`: only `sigmoid` is computed",
    );
    check("topk_method", json!("greedy"), "`topk_method` is `greedy`: only `noaux_tc` is computed");
    check("moe_layer_freq", json!(2), "`moe_layer_freq` is 2: only 1 is computed");
    check(
        "attention_bias",
        json!(true),
        "`attention_bias` is true: biases in attention are not computed",
    );
    assert_eq!(ArchSpec::read(&json!([])), Err(SpecError::NotAnObject));
}

#[test]
fn sizes_that_cannot_be_are_refused_before_anything_is_made() {
    check("hidden_size", json!(0), "`hidden_size` is 0");
    check("hidden_size", Value::Null, "`hidden_size` is missing");
    check("hidden_size", json!(-64), "`hidden_size` is -64, not a whole number from 0");
    check("hidden_size", json!(64.5), "`hidden_size` is 64.5, not a whole number from 0");
    check("hidden_size", json!("64"), "`hidden_size` is \"64\", not a whole number from 0");
    check("vocab_size", json!(u64::MAX), "`vocab_size` is 18446744073709551615, more than 2097152");
    check("num_hidden_layers", json!(1_000_000), "`num_hidden_layers` is 1000000, more than 1024");
    check("first_k_dense_replace", json!(4), "`first_k_dense_replace` is 4, more than 3");
    check("n_group", json!(3), "`n_group` is 3, which does not divide 8 experts");
    check("n_group", json!(8), "`n_group` leaves less than two experts a group");
    check("topk_group", json!(5), "`topk_group` is 5, more than 4");
    check("num_experts_per_tok", json!(5), "`num_experts_per_tok` is 5, more than 4");
    check("qk_rope_head_dim", json!(7), "`qk_rope_head_dim` is 7: pairs are rotated");
    check(
        "num_key_value_heads",
        json!(2),
        "`num_key_value_heads` differs from `num_attention_heads`",
    );
    check("rms_norm_eps", json!(-1.0), "`rms_norm_eps` is -1.0, not a number from 0 to 1");
    check("rope_interleave", json!(1), "`rope_interleave` is 1, not true or false");
    check("rope_parameters", json!([]), "`rope_parameters` is not an object");
    check("rope_parameters", json!({"rope_type": "yarn"}), "`factor` is missing");
    check(
        "rope_parameters",
        json!({"rope_theta": 0}),
        "`rope_theta` is 0, not a number from 1 to 1000000000000",
    );
    check("rope_parameters", json!({"rope_type": 3}), "`rope_type` is 3, not a string");
}

#[test]
fn both_forms_of_the_rotation_read_the_same() {
    let new = json!({"rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "mscale": 0.7});
    let new = with("rope_parameters", new).expect("the new form");
    let mut old = config();
    old["rope_parameters"] = Value::Null;
    old["rope_theta"] = json!(5000.0);
    old["rope_scaling"] = json!({"type": "yarn", "factor": 4.0, "mscale": 0.7});
    let old = ArchSpec::read(&old).expect("the old form");
    assert_eq!(old, new);
    let yarn = old.rope.yarn.expect("a stretch");
    assert_eq!((yarn.original_context, yarn.beta_fast, yarn.mscale), (512.0, 32.0, Some(0.7)));
}

#[test]
fn a_missing_bottleneck_and_absent_switches_take_their_defaults() {
    let spec = with("q_lora_rank", Value::Null).expect("no bottleneck");
    assert_eq!(spec.mla.q_rank, None);
    let spec = with("rope_interleave", Value::Null).expect("no switch");
    assert!(spec.rope.interleaved);
}
