//! The metadata of a GGUF file as the `config.json` it would have, so that both are read and refused
//! by the same rules.

use safetensors::Dtype;
use serde_json::{Map, Value, json};

use super::{Gguf, Kind, Meta};

/// The scale of attention that `YaRN` multiplies by the logarithm of the stretch; llama.cpp keeps the
/// product.
const LOG_MULTIPLIER: f64 = 0.1;

/// The stretch of Llama 3.1, worked out beforehand.
const FACTORS: &str = "rope_freqs.weight";

/// Keys that hold the same under another name: behind the architecture, and in `config.json`.
const SAME: [(&str, &str); 21] = [
    ("embedding_length", "hidden_size"),
    ("block_count", "num_hidden_layers"),
    ("context_length", "max_position_embeddings"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    ("rope.freq_base", "rope_theta"),
    ("vocab_size", "vocab_size"),
    ("expert_count", "num_experts"),
    ("expert_count", "num_local_experts"),
    ("expert_count", "n_routed_experts"),
    ("expert_used_count", "num_experts_per_tok"),
    ("expert_feed_forward_length", "moe_intermediate_size"),
    ("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
    ("expert_shared_count", "n_shared_experts"),
    ("expert_weights_scale", "routed_scaling_factor"),
    ("expert_group_count", "n_group"),
    ("expert_group_used_count", "topk_group"),
    ("attention.q_lora_rank", "q_lora_rank"),
    ("attention.kv_lora_rank", "kv_lora_rank"),
    ("attention.sliding_window", "sliding_window"),
];

impl Gguf<'_> {
    /// Returns the configuration that the metadata describes.
    ///
    /// # Errors
    ///
    /// The name of an architecture that is not read from such files.
    pub(crate) fn config(&self) -> Result<Value, String> {
        let Some(Meta::Text(arch)) = self.metadata.get("general.architecture").copied() else {
            return Err("`general.architecture` is missing".to_owned());
        };
        let family = self.family(arch)?;
        let mut config = Map::new();
        for (from, to) in SAME {
            if let Some(value) = self.get(arch, from) {
                config.insert(to.to_owned(), value);
            }
        }
        config.insert("model_type".to_owned(), family.into());
        if let Some(Meta::List(tokens)) = self.metadata.get("tokenizer.ggml.tokens") {
            config.entry("vocab_size").or_insert((*tokens).into());
        }
        if let Some(Meta::Whole(end)) = self.metadata.get("tokenizer.ggml.eos_token_id") {
            config.insert("eos_token_id".to_owned(), (*end).into());
        }
        let tied = !self.tensors.contains_key("output.weight");
        config.insert("tie_word_embeddings".to_owned(), tied.into());
        match family {
            "deepseek_v2" | "deepseek_v3" => self.add_latent(arch, family, &mut config),
            _ => self.add_grouped(arch, family, &mut config),
        }
        if let Some(scaling) = self.scaling(arch)? {
            config.insert("rope_scaling".to_owned(), scaling);
        }
        Ok(Value::Object(config))
    }

    /// Returns the template for conversations, if there is one.
    pub(crate) fn template(&self) -> Option<String> {
        match self.metadata.get("tokenizer.chat_template") {
            Some(Meta::Text(template)) => Some((*template).to_owned()),
            _ => None,
        }
    }

    /// Whether rotated pairs are neighbours, although the family's own are one value of each half.
    pub(crate) fn interleaved(&self) -> bool {
        self.metadata.get("general.architecture") == Some(&Meta::Text("llama"))
    }

    /// Returns what the frequency of each of `pairs` rotated pairs is divided by, if that is stored.
    ///
    /// # Errors
    ///
    /// What is wrong with the factors.
    pub(crate) fn factors(&self, pairs: usize) -> Result<Option<Vec<f32>>, String> {
        let Some(stored) = self.tensors.get(FACTORS) else { return Ok(None) };
        if stored.kind != Kind::Plain(Dtype::F32) || stored.shape != [pairs] {
            return Err(format!("tensor `{FACTORS}` does not hold {pairs} F32 values"));
        }
        let factors = stored.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let factors: Vec<f32> = factors.collect();
        match factors.iter().find(|factor| !(1e-6..=1e6).contains(*factor)) {
            None => Ok(Some(factors)),
            Some(factor) => Err(format!("tensor `{FACTORS}` holds {factor}: nothing to divide by")),
        }
    }

    fn family(&self, arch: &str) -> Result<&'static str, String> {
        let experts = !matches!(self.get(arch, "expert_count"), None | Some(Value::Null));
        let sigmoid = self.get(arch, "expert_gating_func") == Some(json!(2));
        Ok(match arch {
            "llama" if experts => "mixtral",
            "llama" => "llama",
            "qwen2" => "qwen2",
            "qwen3" => "qwen3",
            "qwen2moe" => "qwen2_moe",
            "qwen3moe" => "qwen3_moe",
            "olmoe" => "olmoe",
            "deepseek2" if sigmoid => "deepseek_v3",
            "deepseek2" => "deepseek_v2",
            other => {
                return Err(format!(
                    "unknown architecture `{other}`: `llama`, `qwen2`, `qwen3`, `qwen2moe`, \
                     `qwen3moe`, `olmoe` and `deepseek2` are read from such files"
                ));
            }
        })
    }

    /// Adds what latent attention and its router need.
    fn add_latent(&self, arch: &str, family: &str, config: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(key.to_owned(), value);
            }
        };
        put(
            "first_k_dense_replace",
            self.get(arch, "leading_dense_block_count").or(Some(0.into())),
        );
        let rope = self.get(arch, "rope.dimension_count");
        let of = |one: &str, other: &str| self.get(arch, one).or_else(|| self.get(arch, other));
        let key = of("attention.key_length_mla", "attention.key_length");
        let nope = key.as_ref().and_then(Value::as_u64).zip(rope.as_ref().and_then(Value::as_u64));
        put(
            "qk_nope_head_dim",
            nope.and_then(|(key, rope)| key.checked_sub(rope)).map(Value::from),
        );
        put("qk_rope_head_dim", rope);
        put("v_head_dim", of("attention.value_length_mla", "attention.value_length"));
        put("norm_topk_prob", self.get(arch, "expert_weights_norm").or(Some(false.into())));
        if family == "deepseek_v2" {
            let groups = self.get(arch, "expert_group_count").and_then(|count| count.as_u64());
            let limited = groups.is_some_and(|groups| groups > 1);
            let method = if limited { "group_limited_greedy" } else { "greedy" };
            put("topk_method", Some(method.into()));
        }
    }

    /// Adds what grouped heads and a softmax router need.
    fn add_grouped(&self, arch: &str, family: &str, config: &mut Map<String, Value>) {
        for (from, to) in [
            ("attention.head_count_kv", "num_key_value_heads"),
            ("attention.key_length", "head_dim"),
        ] {
            if let Some(value) = self.get(arch, from) {
                config.insert(to.to_owned(), value);
            }
        }
        // llama.cpp knows these by the architecture alone.
        config.insert("norm_topk_prob".to_owned(), (family == "qwen3_moe").into());
        let bias = self.tensors.contains_key("blk.0.attn_q.bias");
        config.insert("attention_bias".to_owned(), bias.into());
        config.insert("qkv_bias".to_owned(), bias.into());
    }

    /// Returns the stretch for long contexts, if there is one.
    fn scaling(&self, arch: &str) -> Result<Option<Value>, String> {
        let get = |key: &str| self.get(arch, key).unwrap_or(Value::Null);
        match get("rope.scaling.type").as_str() {
            None | Some("none") => Ok(None),
            Some("yarn") => {
                let scale = get("rope.scaling.yarn_log_multiplier").as_f64();
                let scale = scale.map(|scale| scale / LOG_MULTIPLIER);
                Ok(Some(json!({
                    "rope_type": "yarn",
                    "factor": get("rope.scaling.factor"),
                    "original_max_position_embeddings": get("rope.scaling.original_context_length"),
                    "beta_fast": get("rope.scaling.yarn_beta_fast"),
                    "beta_slow": get("rope.scaling.yarn_beta_slow"),
                    "mscale": scale,
                    "mscale_all_dim": scale,
                })))
            }
            Some(other) => Err(format!("unknown rope type `{other}`: `none` and `yarn` are known")),
        }
    }

    /// Returns a value behind the architecture's name.
    fn get(&self, arch: &str, key: &str) -> Option<Value> {
        let name = format!("{arch}.{key}");
        Some(match *self.metadata.get(name.as_str())? {
            Meta::Whole(number) => number.into(),
            Meta::Negative(number) => number.into(),
            Meta::Number(number) => number.into(),
            Meta::Switch(on) => on.into(),
            Meta::Text(text) => text.into(),
            // Sizes that differ from layer to layer are refused where a number is read.
            Meta::List(length) => json!(format!("a list of {length}")),
        })
    }
}
