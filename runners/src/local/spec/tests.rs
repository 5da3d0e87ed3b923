//! Configurations that are read, and those that are refused by name.

use serde_json::json;

use super::super::fixture;
use super::*;

fn config(name: &str) -> Value {
    let path = fixture::folder(name).join("config.json");
    serde_json::from_slice(&std::fs::read(path).expect("the fixture")).expect("JSON")
}

/// Reads a fixture's configuration with one member replaced (`null` removes it).
fn change(name: &str, key: &str, value: Value) -> Result<ArchSpec, SpecError> {
    let mut config = config(name);
    config[key] = value;
    ArchSpec::read(&config)
}

fn with(key: &str, value: Value) -> Result<ArchSpec, SpecError> {
    change("deepseek_v3", key, value)
}

#[track_caller]
fn check_in(name: &str, key: &str, value: Value, expected: &str) {
    let shown = value.to_string();
    let error = change(name, key, value).expect_err(&shown);
    assert_eq!(error.to_string(), expected, "`{key}` = {shown} in {name}");
}

#[track_caller]
fn check(key: &str, value: Value, expected: &str) {
    check_in("deepseek_v3", key, value, expected);
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    check(
        "model_type",
        json!("mamba"),
        "unknown architecture `mamba`: this engine computes `llama`, `qwen2`, `qwen3`, \
         `qwen2_moe`, `qwen3_moe`, `mixtral`, `olmoe`, `glm4_moe`, `gpt_oss`, `deepseek_v2`, \
         `deepseek_v3`",
    );
    check("model_type", Value::Null, "`model_type` is missing");
    check("hidden_act", json!("gelu"), "unknown activation `gelu`: `silu` is known");
    let rope = "unknown rope type `longrope`: `default`, `yarn` and `llama3` are known";
    check("rope_parameters", json!({"rope_type": "longrope", "factor": 8.0}), rope);
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
        "`attention_bias` is true: biases in latent attention are not computed",
    );
    check(
        "partial_rotary_factor",
        json!(0.5),
        "`partial_rotary_factor` is 0.5: only `glm4_moe` rotates a part",
    );
    assert_eq!(ArchSpec::read(&json!([])), Err(SpecError::NotAnObject));
}

#[test]
fn what_is_not_computed_of_other_families_is_refused_by_name() {
    check_in(
        "olmoe",
        "clip_qkv",
        json!(8.0),
        "`clip_qkv` is given: clipped queries and keys are not computed",
    );
    check_in(
        "llama",
        "mlp_bias",
        json!(true),
        "`mlp_bias` is true: biases in dense feed-forward layers are not computed",
    );
    check_in(
        "deepseek_v2",
        "topk_method",
        json!("noaux_tc"),
        "`topk_method` is `noaux_tc`: only `greedy` and `group_limited_greedy` are computed",
    );
    check_in(
        "deepseek_v2",
        "norm_topk_prob",
        json!(true),
        "`norm_topk_prob` is true: normalised weights of `deepseek_v2` are not computed",
    );
    let entry = "`layer_types` has \"linear_attention\", which is not computed";
    check_in("qwen3", "layer_types", json!(["linear_attention", "full_attention"]), entry);
    let sliding = "`layer_types` has sliding layers, but no window is in use";
    check_in("qwen3", "layer_types", json!(["sliding_attention", "full_attention"]), sliding);
    check_in("gpt_oss", "layer_types", json!(["x"]), "`layer_types` has 1 entries for 2 layers");
    check_in("qwen3", "layer_types", json!(3), "`layer_types` is not a list");
}

#[test]
fn packings_that_are_not_read_are_refused_by_name() {
    let unknown = |name: &str| {
        format!(
            "unknown quantisation `{name}`: `fp8` in blocks is known, and `mxfp4` for the experts \
             of `gpt_oss`"
        )
    };
    let packed = |method: &str| json!({"quant_method": method});
    for method in ["gptq", "awq", "mxfp4", "bitsandbytes"] {
        check("quantization_config", packed(method), &unknown(method));
    }
    check("quantization_config", json!({}), &unknown("unnamed"));
    check("quantization_config", json!([]), "`quantization_config` is not an object");
    let no_block = "`weight_block_size` does not give the two sides of a block";
    check("quantization_config", packed("fp8"), no_block);
    let block = |block: Value| json!({"quant_method": "fp8", "weight_block_size": block});
    check("quantization_config", block(json!([128])), no_block);
    let zero = "`weight_block_size` has 0, not 1 to 4096";
    check("quantization_config", block(json!([128, 0])), zero);
    let other = json!({"quant_method": "fp8", "fmt": "e5m2", "weight_block_size": [1, 1]});
    check("quantization_config", other, "`fmt` is `e5m2`: only `e4m3` is computed");
    let read = |name: &str| ArchSpec::read(&config(name)).expect("a spec").packing;
    assert_eq!(read("deepseek_v3_fp8"), Packing::Float8 { rows: 128, columns: 128 });
    assert_eq!(read("gpt_oss_mxfp4"), Packing::Mxfp4);
    assert_eq!(read("llama"), Packing::None);
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
    check(
        "qk_rope_head_dim",
        json!(7),
        "`qk_rope_head_dim` leaves 7 of 7 values: pairs are rotated",
    );
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
fn sizes_of_other_families_that_cannot_be_are_refused() {
    let heads = "`num_key_value_heads` is 3, which does not divide 4 heads";
    check_in("llama", "num_key_value_heads", json!(3), heads);
    check_in("llama", "num_key_value_heads", json!(8), "`num_key_value_heads` is 8, more than 4");
    let odd = "`head_dim` leaves 7 of 7 values: pairs are rotated";
    check_in("llama", "head_dim", json!(7), odd);
    let part = json!({"partial_rotary_factor": 0.1});
    let none = "`partial_rotary_factor` leaves 0 of 8 values: pairs are rotated";
    check_in("glm4_moe", "rope_parameters", part, none);
    let layer = "`mlp_only_layers` has 2, which is none of 2 layers";
    check_in("qwen3_moe", "mlp_only_layers", json!([2]), layer);
    check_in("qwen2_moe", "decoder_sparse_step", json!(0), "`decoder_sparse_step` is 0");
    check_in("gpt_oss", "sliding_window", json!(0), "`sliding_window` is 0");
    check_in("mixtral", "num_local_experts", Value::Null, "`num_local_experts` is missing");
    check_in("deepseek_v2", "n_group", json!(3), "`n_group` is 3, which does not divide 8 experts");
    check_in(
        "deepseek_v2",
        "num_experts_per_tok",
        json!(5),
        "`num_experts_per_tok` is 5, more than 4",
    );
    let llama3 = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    });
    let order = "`high_freq_factor` is 4, not more than 4";
    check_in("llama", "rope_parameters", llama3, order);
}

/// Returns the windows and the routed layers of a changed configuration of six layers.
fn layers(name: &str, changes: &Value) -> (Vec<Option<usize>>, Vec<bool>) {
    let mut config = config(name);
    config["num_hidden_layers"] = json!(6);
    config["layer_types"] = Value::Null;
    for (key, value) in changes.as_object().expect("an object") {
        config[key] = value.clone();
    }
    let spec = ArchSpec::read(&config).expect(name);
    spec.layers.iter().map(|layer| (layer.window, layer.routed)).unzip()
}

#[test]
fn every_family_has_its_own_order_of_layers() {
    let (none, all) = (vec![None; 6], vec![true; 6]);
    let at = |layers: &[usize]| -> Vec<bool> { (0..6).map(|n| layers.contains(&n)).collect() };
    let windows = |layers: &[usize]| -> Vec<Option<usize>> {
        (0..6).map(|n| layers.contains(&n).then_some(9)).collect()
    };
    let slides = json!({"use_sliding_window": true, "sliding_window": 9, "max_window_layers": 4});
    assert_eq!(layers("llama", &json!({"sliding_window": 9})), (none.clone(), at(&[])));
    assert_eq!(layers("qwen2", &slides), (windows(&[4, 5]), at(&[])));
    assert_eq!(layers("qwen3", &json!({"sliding_window": 9})), (none.clone(), at(&[])));
    assert_eq!(layers("qwen2_moe", &slides), (windows(&[0, 2]), all.clone()));
    assert_eq!(layers("qwen3_moe", &slides), (windows(&[0, 1, 2, 3, 4, 5]), all.clone()));
    let sparse = json!({"decoder_sparse_step": 2, "mlp_only_layers": [3]});
    assert_eq!(layers("qwen3_moe", &sparse), (none.clone(), at(&[1, 5])));
    let window = json!({"sliding_window": 9});
    assert_eq!(layers("mixtral", &window), (windows(&[0, 1, 2, 3, 4, 5]), all.clone()));
    assert_eq!(layers("gpt_oss", &window), (windows(&[0, 2, 4]), all));
    let dense = json!({"first_k_dense_replace": 2});
    assert_eq!(layers("glm4_moe", &dense), (none, at(&[2, 3, 4, 5])));
}

#[test]
fn what_a_family_takes_for_granted_is_filled_in() {
    let bare = |name: &str| {
        let mut config = config(name);
        for key in ["rms_norm_eps", "rope_parameters", "head_dim", "num_key_value_heads"] {
            config[key] = Value::Null;
        }
        let spec = ArchSpec::read(&config).expect(name);
        let AttentionSpec::Gqa(gqa) = spec.attention else { panic!("grouped heads") };
        (spec.norm_eps, spec.rope.theta, spec.rope.width, gqa.kv_heads)
    };
    assert_eq!(bare("llama"), (1e-6, 1e4, 8, 4));
    assert_eq!(bare("qwen3"), (1e-6, 1e4, 128, 4));
    assert_eq!(bare("mixtral"), (1e-5, 1e6, 8, 4));
    assert_eq!(bare("gpt_oss"), (1e-5, 150_000.0, 64, 4));
    assert_eq!(bare("glm4_moe"), (1e-5, 1e4, 4, 4));
}

#[test]
fn both_forms_of_the_rotation_read_the_same() {
    let new = json!({"rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "mscale": 0.7});
    let new = with("rope_parameters", new).expect("the new form");
    let mut old = config("deepseek_v3");
    old["rope_parameters"] = Value::Null;
    old["rope_theta"] = json!(5000.0);
    old["rope_scaling"] = json!({"type": "yarn", "factor": 4.0, "mscale": 0.7});
    let old = ArchSpec::read(&old).expect("the old form");
    assert_eq!(old, new);
    let Some(Stretch::Yarn(yarn)) = old.rope.stretch else { panic!("a stretch") };
    assert_eq!((yarn.original_context, yarn.beta_fast, yarn.mscale), (512.0, 32.0, Some(0.7)));
}

#[test]
fn a_missing_bottleneck_and_absent_switches_take_their_defaults() {
    let spec = with("q_lora_rank", Value::Null).expect("no bottleneck");
    let AttentionSpec::Mla(mla) = spec.attention else { panic!("a latent") };
    assert_eq!(mla.q_rank, None);
    let spec = with("rope_interleave", Value::Null).expect("no switch");
    assert!(spec.rope.interleaved);
}

/// The keys of published models, in the form in which the hub has them.
#[test]
fn published_configurations_in_the_old_form_are_read() {
    let llama = json!({
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4096, "num_hidden_layers": 32,
        "intermediate_size": 14_336, "num_attention_heads": 32, "num_key_value_heads": 8,
        "max_position_embeddings": 131_072, "rms_norm_eps": 1e-5, "rope_theta": 500_000.0,
        "rope_scaling": {
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3",
        },
        "attention_bias": false, "mlp_bias": false, "hidden_act": "silu", "pretraining_tp": 1,
    });
    let spec = ArchSpec::read(&llama).expect("Llama 3.1 8B");
    assert_eq!((spec.rope.theta, spec.rope.width, spec.layers.len()), (500_000.0, 128, 32));
    assert!(matches!(spec.rope.stretch, Some(Stretch::Llama3(_))));

    let lite = json!({
        "model_type": "deepseek_v2", "vocab_size": 102_400, "hidden_size": 2048,
        "num_hidden_layers": 27, "intermediate_size": 10_944, "moe_intermediate_size": 1408,
        "num_attention_heads": 16, "num_key_value_heads": 16, "n_routed_experts": 64,
        "n_shared_experts": 2, "num_experts_per_tok": 6, "n_group": 1, "topk_group": 1,
        "topk_method": "greedy", "scoring_func": "softmax", "norm_topk_prob": false,
        "routed_scaling_factor": 1.0, "first_k_dense_replace": 1, "moe_layer_freq": 1,
        "q_lora_rank": null, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
        "v_head_dim": 128, "max_position_embeddings": 163_840, "rope_theta": 10000,
        "rope_scaling": {
            "beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707,
            "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096, "type": "yarn",
        },
    });
    let spec = ArchSpec::read(&lite).expect("DeepSeek-V2-Lite");
    assert_eq!(spec.attention.kept(), 576);
    assert_eq!(spec.moe.as_ref().and_then(|moe| moe.shared).map(|shared| shared.inter), Some(2816));
    let stretch = 1.0 + 0.1 * 0.707 * 40.0_f32.ln();
    assert!((spec.score_scale() - stretch * stretch / 192.0_f32.sqrt()).abs() < 1e-6);

    let oss = json!({
        "model_type": "gpt_oss", "vocab_size": 201_088, "hidden_size": 2880,
        "num_hidden_layers": 24, "intermediate_size": 2880, "head_dim": 64,
        "num_attention_heads": 64, "num_key_value_heads": 8, "num_local_experts": 32,
        "num_experts_per_tok": 4, "experts_per_token": 4, "attention_bias": true,
        "sliding_window": 128, "swiglu_limit": 7.0, "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-5, "rope_theta": 150_000,
        "rope_scaling": {
            "beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0,
            "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": false,
        },
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
    });
    let spec = ArchSpec::read(&oss).expect("gpt-oss 20B");
    let windows: Vec<_> = spec.layers.iter().map(|layer| layer.window).take(3).collect();
    assert_eq!(windows, [Some(128), None, Some(128)]);
    assert_eq!((spec.packing, spec.attention.kept()), (Packing::Mxfp4, 1024));
}
