//! The decoder against reference logits, and against itself in other company.

use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;

use super::super::fixture::{self, Case, Copy, Stored};
use super::*;

/// Takes a whole prompt in, a chunk at a time, and returns the logits of every position.
fn prefill(decoder: &mut Decoder, slot: usize, ids: &[u32], chunk: usize) -> Vec<Vec<f32>> {
    decoder.pages().release(slot);
    assert!(decoder.pages().reserve(slot, ids.len() + 64));
    let rows = rows(ids, slot, 0);
    let mut logits = Vec::new();
    for part in rows.chunks(chunk) {
        let want: Vec<usize> = (0..part.len()).collect();
        let all = decoder.step(part, &want).expect("a step");
        logits.extend(all.chunks(decoder.vocab()).map(<[f32]>::to_vec));
    }
    logits
}

fn rows(ids: &[u32], slot: usize, first: u32) -> Vec<Row> {
    (first..).zip(ids).map(|(position, &token)| Row { token, slot, position }).collect()
}

fn best(logits: &[f32]) -> u32 {
    let best = |a: usize, b: usize| if logits[b] > logits[a] { b } else { a };
    (0..logits.len()).reduce(best).expect("a vocabulary") as u32
}

/// Goes on greedily after `logits` of the last token, whose position is `position - 1`.
fn greedy(decoder: &mut Decoder, slot: usize, mut logits: Vec<f32>, position: u32) -> Vec<u32> {
    let mut tokens = Vec::new();
    for position in position..position + 48 {
        let token = best(&logits);
        tokens.push(token);
        logits = decoder.step(&[Row { token, slot, position }], &[0]).expect("a step");
    }
    tokens
}

fn log_probability(logits: &[f32], token: u32) -> f64 {
    let top = f64::from(logits.iter().copied().fold(f32::MIN, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - top).exp()).sum();
    f64::from(logits[token as usize]) - top - sum.ln()
}

/// The most a logit or a log-probability may differ from the reference's.
const TOLERANCE: f32 = 5e-4;

/// Holds generated tokens against the reference's. Where its own two best were closer than the
/// tolerance, as can happen in checkpoints of another seed, a tie may end the comparison.
#[track_caller]
fn same_tokens(tokens: &[u32], case: &Case, context: &str) {
    let equal = tokens.iter().zip(&case.greedy).take_while(|(ours, theirs)| ours == theirs).count();
    if case.greedy_min_margin < TOLERANCE && equal < case.greedy.len() {
        println!("{context}: {equal} equal tokens up to a tie");
    } else {
        assert_eq!(tokens, case.greedy, "{context}");
    }
}

/// The last part of a folder's path.
fn name(folder: &Path) -> String {
    folder.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn logits_probabilities_and_greedy_tokens_are_those_of_the_reference() {
    for folder in fixture::folders() {
        let mut decoder = fixture::decoder(&folder);
        let (mut logit, mut probability) = (0.0_f32, 0.0_f64);
        for case in fixture::expected_in(&folder).cases {
            let context = format!("{} {:?}", folder.display(), case.prompt);
            let logits = prefill(&mut decoder, 0, &case.ids, usize::MAX);
            let last = logits.last().expect("a prompt").clone();
            assert_eq!(last.len(), case.last_logits.len(), "{context}");
            for (ours, theirs) in last.iter().zip(&case.last_logits) {
                logit = logit.max((ours - theirs).abs());
                assert!((ours - theirs).abs() < TOLERANCE, "{context}: {ours} {theirs}");
            }
            let scored = logits.iter().zip(&case.ids[1..]).zip(&case.token_logprobs);
            for ((logits, token), theirs) in scored {
                let ours = log_probability(logits, *token);
                probability = probability.max((ours - theirs).abs());
                let close = (ours - theirs).abs() < f64::from(TOLERANCE);
                assert!(close, "{context}: {ours} {theirs}");
            }
            let tokens = greedy(&mut decoder, 0, last, case.ids.len() as u32);
            same_tokens(&tokens, &case, &context);
        }
        println!("{}: logits {logit:.1e}, probabilities {probability:.1e}", folder.display());
    }
}

#[test]
fn sequences_in_ragged_chunks_beside_each_other_give_the_tokens_they_give_alone() {
    const CHUNKS: [usize; 4] = [1, 3, 5, 2];
    for folder in fixture::folders() {
        let cases = fixture::expected_in(&folder).cases;
        let mut decoder = fixture::decoder(&folder);
        // Slots are handed out in another order than the sequences', and pages interleave.
        let mut pending: Vec<Vec<u32>> = cases.iter().map(|case| case.ids.clone()).collect();
        let mut positions = vec![0_u32; cases.len()];
        let mut produced: Vec<Vec<u32>> = vec![Vec::new(); cases.len()];
        for slot in 0..cases.len() {
            assert!(decoder.pages().reserve(cases.len() - slot, cases[slot].ids.len() + 48));
        }
        while produced.iter().any(|tokens| tokens.len() < 48) {
            let (mut batch, mut want, mut asked) = (Vec::new(), Vec::new(), Vec::new());
            for sequence in 0..cases.len() {
                let count = CHUNKS[sequence].min(pending[sequence].len());
                let part: Vec<u32> = pending[sequence].drain(..count).collect();
                batch.extend(rows(&part, cases.len() - sequence, positions[sequence]));
                positions[sequence] += count as u32;
                if count > 0 && pending[sequence].is_empty() {
                    want.push(batch.len() - 1);
                    asked.push(sequence);
                }
            }
            let logits = decoder.step(&batch, &want).expect("a step");
            for (sequence, logits) in asked.iter().zip(logits.chunks(decoder.vocab())) {
                produced[*sequence].push(best(logits));
                if produced[*sequence].len() < 48 {
                    pending[*sequence] = vec![best(logits)];
                }
            }
        }
        for (case, tokens) in cases.iter().zip(&produced) {
            same_tokens(tokens, case, &format!("{} {:?}", folder.display(), case.prompt));
        }
    }
}

/// After the prompts every clear top token is kept. Along the generated tokens a rounded weight may
/// tip a close choice between two experts, which changes everything behind it. Over the same rounded
/// weights Hugging Face transformers keeps as many (counted for six checkpoints).
#[test]
fn a_bfloat16_copy_keeps_the_clear_top_tokens() {
    let (mut clear, mut kept) = (0, 0);
    for folder in fixture::folders() {
        let copy = Copy::of_folder(&folder);
        copy.edit_weights(|tensors| {
            let short = |value| bf16::from_f32(value).to_le_bytes();
            for tensor in tensors.values_mut().filter(|tensor| tensor.dtype == Dtype::F32) {
                tensor.convert(Dtype::BF16, short);
            }
        });
        let (mut whole, mut short) = (fixture::decoder(&folder), fixture::decoder(copy.path()));
        let before = (clear, kept);
        for case in fixture::expected_in(&folder).cases {
            let ids = [case.ids.as_slice(), &case.greedy].concat();
            let reference = prefill(&mut whole, 0, &ids, 16);
            let ours = prefill(&mut short, 0, &ids, 16);
            for (place, (reference, ours)) in reference.iter().zip(&ours).enumerate() {
                if margin(reference) > 0.5 {
                    clear += 1;
                    kept += usize::from(best(ours) == best(reference));
                    let last = place + 1 == case.ids.len();
                    let same = best(ours) == best(reference);
                    assert!(!last || same, "{} {:?}", folder.display(), case.prompt);
                }
            }
        }
        println!("{}: {} of {} clear top tokens", name(&folder), kept - before.1, clear - before.0);
        assert!((kept - before.1) * 100 >= (clear - before.0) * 95, "{}", folder.display());
    }
}

fn margin(logits: &[f32]) -> f32 {
    let mut sorted = logits.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted[0] - sorted[1]
}

#[test]
fn half_precision_and_shards_are_the_same_model() {
    let copy = Copy::of("deepseek_v3");
    let case = &fixture::expected("deepseek_v3").cases[0];
    let logits = prefill(&mut fixture::decoder(copy.path()), 0, &case.ids, 64);
    copy.shard();
    assert_eq!(prefill(&mut fixture::decoder(copy.path()), 0, &case.ids, 64), logits);
    let copy = Copy::of("deepseek_v3");
    copy.edit_weights(|tensors| {
        let half = |value| f16::from_f32(value).to_le_bytes();
        for tensor in tensors.values_mut() {
            tensor.convert(Dtype::F16, half);
        }
    });
    let close = prefill(&mut fixture::decoder(copy.path()), 0, &case.ids, 64);
    assert!(close.iter().flatten().zip(logits.iter().flatten()).all(|(a, b)| (a - b).abs() < 0.2));
}

#[test]
fn every_token_passes_its_experts_and_is_counted() {
    let mut decoder = fixture::decoder(&fixture::folder("deepseek_v3"));
    let ids: Vec<u32> = (10..33).collect();
    prefill(&mut decoder, 0, &ids, 7);
    let telemetry = decoder.counters.read();
    let layers: Vec<u32> = telemetry.expert_load.iter().map(|load| load.layer).collect();
    assert_eq!(layers, [1, 2]);
    for load in telemetry.expert_load {
        assert_eq!(load.tokens.iter().sum::<u64>(), 2 * 23, "two experts a token");
        assert!((1.0..=3.0).contains(&load.router_entropy_bits), "{}", load.router_entropy_bits);
    }
    assert_eq!(telemetry.kv_bytes_per_token, (24 + 8) * 4 * 3);
}

#[test]
fn a_tied_head_is_the_embedding() {
    let (untied, tied) = (Copy::of("deepseek_v3"), Copy::of("deepseek_v3"));
    untied.edit_weights(|tensors| {
        let table = tensors["model.embed_tokens.weight"].clone();
        tensors.insert("lm_head.weight".to_owned(), table);
    });
    tied.edit_config(|config| config["tie_word_embeddings"] = true.into());
    tied.edit_weights(|tensors| drop(tensors.remove("lm_head.weight")));
    assert_eq!(first_logits(&tied), first_logits(&untied));
}

#[test]
fn a_query_without_a_bottleneck_is_a_bottleneck_that_lets_everything_through() {
    // With an identity for its first half, and an input whose norm is already one, the bottleneck
    // changes nothing but the last digits.
    let (direct, through) = (Copy::of("deepseek_v3"), Copy::of("deepseek_v3"));
    direct.edit_config(|config| config["q_lora_rank"] = serde_json::Value::Null);
    through.edit_config(|config| config["q_lora_rank"] = 64.into());
    let ones = Stored::new(&[64], &[1.0; 64]);
    let identity: Vec<f32> = (0..64 * 64).map(|n| f32::from(u8::from(n % 65 == 0))).collect();
    for (copy, bottleneck) in [(&direct, false), (&through, true)] {
        copy.edit_weights(|tensors| {
            for layer in 0..3 {
                let prefix = format!("model.layers.{layer}");
                let name = |part: &str| format!("{prefix}.self_attn.{part}.weight");
                let query: Vec<f32> =
                    (0..96 * 64).map(|n| ((n * 37 % 101) as f32 - 50.0) / 300.0).collect();
                let query = Stored::new(&[96, 64], &query);
                tensors.insert(format!("{prefix}.input_layernorm.weight"), ones.clone());
                if bottleneck {
                    tensors.insert(name("q_a_proj"), Stored::new(&[64, 64], &identity));
                    tensors.insert(name("q_a_layernorm"), ones.clone());
                    tensors.insert(name("q_b_proj"), query);
                } else {
                    tensors.insert(name("q_proj"), query);
                }
            }
        });
    }
    let (direct, through) = (first_logits(&direct), first_logits(&through));
    let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3;
    assert!(direct.iter().flatten().zip(through.iter().flatten()).all(close));
}

fn first_logits(copy: &Copy) -> Vec<Vec<f32>> {
    let ids = &fixture::expected("deepseek_v3").cases[0].ids;
    prefill(&mut fixture::decoder(copy.path()), 0, ids, 64)
}
