//! The tensors of a GGUF file under the names that a folder in the Hugging Face layout has.

use super::super::spec::MAX_EXPERTS;
use super::{Gguf, Stored};

/// The most matrices that the banks of a file are cut into.
const MAX_MATRICES: usize = 1 << 18;
/// What belongs to no layer, here and there.
pub(super) const WHOLE: [(&str, &str); 3] = [
    ("token_embd.weight", "model.embed_tokens.weight"),
    ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
];
/// Parts of a layer, here and there.
pub(super) const PARTS: [(&str, &str); 25] = [
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("attn_q_a", "self_attn.q_a_proj"),
    ("attn_q_a_norm", "self_attn.q_a_layernorm"),
    ("attn_q_b", "self_attn.q_b_proj"),
    ("attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"),
    ("attn_kv_a_norm", "self_attn.kv_a_layernorm"),
    ("attn_kv_b", "self_attn.kv_b_proj"),
    ("attn_k_b", "self_attn.k_b_proj"),
    ("attn_v_b", "self_attn.v_b_proj"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_inp_shexp", "mlp.shared_expert_gate"),
    ("ffn_gate_shexp", "gate_proj"),
    ("ffn_up_shexp", "up_proj"),
    ("ffn_down_shexp", "down_proj"),
    ("exp_probs_b", "mlp.gate.e_score_correction_bias"),
];
/// The banks of experts, and what one expert's matrix is called; in Mixtral otherwise.
pub(super) const BANKS: [(&str, &str, &str); 3] = [
    ("ffn_gate_exps", "gate_proj", "w1"),
    ("ffn_up_exps", "up_proj", "w3"),
    ("ffn_down_exps", "down_proj", "w2"),
];

/// Returns every tensor of a file under its other name, banks of experts cut into single ones.
///
/// # Errors
///
/// What is wrong with a name or a bank, in words.
pub(crate) fn rename<'a>(file: &Gguf<'a>) -> Result<Vec<(String, Stored<'a>)>, String> {
    let mixtral = file.interleaved();
    let gated = file.tensors.keys().any(|name| name.contains("ffn_gate_inp_shexp"));
    let mut renamed = Vec::new();
    for (name, stored) in &file.tensors {
        if let Some((_, other)) = WHOLE.iter().find(|(known, _)| known == name) {
            renamed.push(((*other).to_owned(), stored.clone()));
        }
        let Some((layer, part)) = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let (part, ending) = part.rsplit_once('.').unwrap_or((part, "weight"));
        let prefix = format!("model.layers.{layer}");
        if let Some((_, plain, short)) = BANKS.iter().find(|(bank, ..)| *bank == part) {
            let (block, short) = if mixtral { ("block_sparse_moe", short) } else { ("mlp", plain) };
            for (expert, stored) in experts(name, stored)?.enumerate() {
                let name = format!("{prefix}.{block}.experts.{expert}.{short}.{ending}");
                renamed.push((name, stored));
            }
            if renamed.len() > MAX_MATRICES {
                return Err(format!("its banks hold more than {MAX_MATRICES} experts together"));
            }
        } else if let Some((_, other)) = PARTS.iter().find(|(known, _)| *known == part) {
            let mut stored = stored.clone();
            let name = match part {
                "exp_probs_b" => format!("{prefix}.{other}"),
                "ffn_gate_inp" if mixtral => format!("{prefix}.block_sparse_moe.gate.{ending}"),
                "ffn_gate_inp_shexp" => {
                    // One row, stored without saying so.
                    if stored.shape.len() == 1 {
                        stored.shape.insert(0, 1);
                    }
                    format!("{prefix}.{other}.{ending}")
                }
                _ if part.ends_with("_shexp") => {
                    let block = if gated { "shared_expert" } else { "shared_experts" };
                    format!("{prefix}.mlp.{block}.{other}.{ending}")
                }
                _ => format!("{prefix}.{other}.{ending}"),
            };
            renamed.push((name, stored));
        }
    }
    Ok(renamed)
}

/// Cuts a bank into its experts.
fn experts<'a>(
    name: &str,
    bank: &Stored<'a>,
) -> Result<impl Iterator<Item = Stored<'a>> + use<'a>, String> {
    let [count, rows, columns] = bank.shape[..] else {
        return Err(format!("tensor `{name}` is no bank: its shape is {:?}", bank.shape));
    };
    if !(1..=MAX_EXPERTS).contains(&count) {
        return Err(format!("tensor `{name}` holds {count} experts: 1 to {MAX_EXPERTS} are read"));
    }
    let size = bank.data.len() / count;
    let (kind, data) = (bank.kind, bank.data);
    let cut = move |expert: usize| Stored {
        shape: vec![rows, columns],
        kind,
        data: &data[expert * size..][..size],
    };
    Ok((0..count).map(cut))
}
