//! Files as llama.cpp's own package writes them, twins of other checkpoints, and damaged ones.

use std::path::{Path, PathBuf};

use candle_core::quantized::QTensor;
use candle_core::{Device, Tensor};
use proptest::prelude::*;

use super::super::batch::Row;
use super::super::checkpoint::Checkpoint;
use super::super::describe::describe;
use super::super::fixture::{self, Copy, Tensors};
use super::super::load::Weights;
use super::super::open_folder;
use super::super::spec::{ArchSpec, Packing};
use super::names::{BANKS, PARTS, WHOLE};
use super::*;

const TWINS: [&str; 2] = ["qwen3moe", "deepseek2"];

fn folder(name: &str) -> PathBuf {
    fixture::folder("gguf").join(name)
}

/// A folder with nothing but this file and a tokenizer.
fn alone(file: &[u8]) -> Copy {
    let copy = Copy::of("llama");
    copy.remove("config.json");
    copy.remove("model.safetensors");
    copy.write("model.gguf", file);
    copy
}

/// The file of a twin.
fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder(name).join("model.gguf")).expect("the fixture")
}

/// Returns the bits of the logits after some tokens.
fn logits(folder: &Path) -> Vec<u32> {
    let mut decoder = fixture::decoder(folder);
    assert!(decoder.pages().reserve(0, 40));
    let rows: Vec<Row> =
        (0..40).map(|n| Row { token: 7 * n % 384, slot: 0, position: n }).collect();
    let want: Vec<usize> = (0..40).collect();
    let logits = decoder.step(&rows, &want).expect("a step");
    logits.into_iter().map(f32::to_bits).collect()
}

fn spec(folder: &Path) -> ArchSpec {
    let files = Checkpoint::Folder(folder);
    describe(files, &files.shards().expect("shards")).expect("a description").spec
}

#[test]
fn a_file_and_its_twin_are_the_same_model_to_the_last_bit() {
    for name in TWINS {
        let copy = alone(&file(name));
        assert_eq!(spec(copy.path()), spec(&folder(name)), "{name}");
        assert_eq!(logits(copy.path()), logits(&folder(name)), "{name}");
        open_folder(copy.path()).map(drop).expect(name);
        // One of several files can be named; what lies beside it is the same.
        copy.write("other.gguf", "GGUF");
        open_folder(&copy.path().join("model.gguf")).map(drop).expect(name);
    }
}

/// One tensor to be written: its name, its shape, the number of its type and its bytes.
type Written = (String, Vec<usize>, u32, Vec<u8>);

/// Writes a file: `metadata` counts and holds the values behind the counts.
fn write(metadata: (u64, &[u8]), tensors: &[Written]) -> Vec<u8> {
    let mut file = [MAGIC, &3_u32.to_le_bytes(), &(tensors.len() as u64).to_le_bytes()].concat();
    file.extend(metadata.0.to_le_bytes());
    file.extend(metadata.1);
    let mut offset = 0_u64;
    for (name, shape, kind, data) in tensors {
        file.extend((name.len() as u64).to_le_bytes());
        file.extend(name.bytes());
        file.extend((shape.len() as u32).to_le_bytes());
        for side in shape.iter().rev() {
            file.extend((*side as u64).to_le_bytes());
        }
        file.extend(kind.to_le_bytes());
        file.extend(offset.to_le_bytes());
        offset += (data.len() as u64).next_multiple_of(ALIGNMENT);
    }
    for (.., data) in tensors {
        file.resize(file.len().next_multiple_of(ALIGNMENT as usize), 0);
        file.extend(data);
    }
    file
}

/// Returns the metadata of a file as it stands there.
fn metadata(file: &[u8]) -> (u64, &[u8]) {
    let mut reader = Reader { bytes: file, place: 16 };
    let count = reader.u64().expect("a count");
    for _ in 0..count {
        reader.text().expect("a key");
        let kind = reader.u32().expect("a type");
        reader.value(kind).expect("a value");
    }
    (count, &file[24..reader.place])
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Returns values in blocks, and what they are then.
fn quantise(values: &[f32], kind: GgmlDType) -> (Vec<u8>, Vec<f32>) {
    let values = Tensor::from_slice(values, values.len(), &Device::Cpu).expect("a tensor");
    let packed = QTensor::quantize(&values, kind).expect("blocks");
    let wide = packed.dequantize(&Device::Cpu).expect("values").to_vec1().expect("values");
    (packed.data().expect("bytes").into_owned(), wide)
}

#[test]
fn blocks_of_every_kind_are_what_they_say() {
    for name in TWINS {
        let original = file(name);
        let read = Gguf::read(&original).expect("a file");
        for (number, kind) in [(2, GgmlDType::Q4_0), (6, GgmlDType::Q5_0), (8, GgmlDType::Q8_0)] {
            let (mut packed, mut wide) = (Vec::new(), Vec::new());
            for (name, stored) in &read.tensors {
                let pairs = stored.data.as_chunks::<2>().0;
                let values: Vec<f32> = match stored.kind {
                    Kind::Plain(Dtype::BF16) => {
                        pairs.iter().map(|pair| half::bf16::from_le_bytes(*pair).to_f32()).collect()
                    }
                    _ => stored
                        .data
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|b| f32::from_le_bytes(*b))
                        .collect(),
                };
                let (name, shape) = ((*name).to_owned(), stored.shape.clone());
                if shape.len() > 1 && shape.last().is_some_and(|width| width.is_multiple_of(32)) {
                    let (blocks, values) = quantise(&values, kind);
                    packed.push((name.clone(), shape.clone(), number, blocks));
                    wide.push((name, shape, 0, bytes(&values)));
                } else {
                    packed.push((name.clone(), shape.clone(), 0, bytes(&values)));
                    wide.push((name, shape, 0, bytes(&values)));
                }
            }
            let metadata = metadata(&original);
            let (packed, wide) = (alone(&write(metadata, &packed)), alone(&write(metadata, &wide)));
            assert_eq!(logits(packed.path()), logits(wide.path()), "{name} {kind:?}");
        }
    }
}

#[test]
fn blocks_of_long_rows_are_read() {
    let values: Vec<f32> = (0..4 * 256_u16).map(|n| f32::from(n * 37 % 101) / 50.0 - 1.0).collect();
    let kinds = [
        (3, GgmlDType::Q4_1),
        (7, GgmlDType::Q5_1),
        (12, GgmlDType::Q4K),
        (13, GgmlDType::Q5K),
        (14, GgmlDType::Q6K),
    ];
    for (number, kind) in kinds {
        let (blocks, expected) = quantise(&values, kind);
        let tensor = ("output.weight".to_owned(), vec![4, 256], number, blocks);
        let copy = alone(&write((0, &[]), &[tensor]));
        let shards = Checkpoint::Folder(copy.path()).shards().expect("a file");
        let weights = Weights::read(&shards, Packing::None).expect("tensors");
        let found = weights.values("lm_head.weight", &[4, 256]).expect("values");
        assert_eq!(bytes(&found), bytes(&expected), "{kind:?}");
    }
}

/// One value of metadata, its key without the architecture.
fn whole(key: &str, value: u32) -> (String, u32, Vec<u8>) {
    (key.to_owned(), 4, value.to_le_bytes().to_vec())
}

/// Writes a fixture with grouped heads as the file that llama.cpp's converter makes of it.
fn converted(name: &str, arch: &str, metadata: Vec<(String, u32, Vec<u8>)>) -> Vec<u8> {
    let mut tensors = Tensors::new();
    let copy = Copy::of(name);
    copy.edit_weights(|all| tensors.clone_from(all));
    let mut written: Vec<Written> = Vec::new();
    let mut banks: BTreeMap<String, (usize, Written)> = BTreeMap::new();
    for (name, stored) in &tensors {
        // Every fixture but one is stored in bfloat16.
        let number = if stored.dtype == Dtype::F32 { 0 } else { 30 };
        let mut tensor = (name.clone(), stored.shape.clone(), number, stored.data.clone());
        if let Some((known, _)) = WHOLE.iter().find(|(_, other)| other == name) {
            tensor.0 = (*known).to_owned();
            written.push(tensor);
            continue;
        }
        let rest = name.strip_prefix("model.layers.").expect("a layer");
        let (layer, part) = rest.split_once('.').expect("a part");
        let part =
            part.replace("block_sparse_moe", "mlp").replace(".shared_experts.", ".shared_expert.");
        let part = part
            .replace(".shared_expert.", ".")
            .replace("_correction_bias", "_correction_bias.bias");
        let (part, ending) = part.rsplit_once('.').expect("an ending");
        if let Some(expert) = part.strip_prefix("mlp.experts.") {
            let (_, matrix) = expert.split_once('.').expect("an expert's matrix");
            let find = |(_, plain, short): &&(&str, &str, &str)| [*plain, *short].contains(&matrix);
            let (bank, ..) = BANKS.iter().find(find).expect("a bank");
            let name = format!("blk.{layer}.{bank}.{ending}");
            let bank = banks.entry(name.clone()).or_insert((0, (name, tensor.1, number, vec![])));
            bank.0 += 1;
            bank.1.3.extend(tensor.3);
            continue;
        }
        let shared = [".shared_expert.", ".shared_experts."].iter().any(|part| name.contains(part));
        let known = if shared { part.replace("mlp.", "") } else { part.to_owned() };
        let (known, _) = PARTS.iter().find(|(_, other)| *other == known).expect(&known);
        tensor.0 = format!("blk.{layer}.{known}.{ending}");
        if arch == "llama" && ["attn_q", "attn_k"].contains(known) {
            let heads = if *known == "attn_q" { 4 } else { 2 };
            tensor.3 = neighbours(&tensor.3, heads);
        }
        written.push(tensor);
    }
    if name == "llama_llama3" {
        // Pairs with more than four waves in 64 tokens are kept, with less than one stretched by 8.
        written.push(("rope_freqs.weight".to_owned(), vec![4], 0, bytes(&[1.0, LAST, 8.0, 8.0])));
    }
    for (count, mut bank) in banks.into_values() {
        bank.1.insert(0, count);
        written.push(bank);
    }
    let arch_value = [&(arch.len() as u64).to_le_bytes(), arch.as_bytes()].concat();
    let mut values = vec![("general.architecture".to_owned(), 8, arch_value)];
    values.extend(
        metadata.into_iter().map(|(key, kind, value)| (format!("{arch}.{key}"), kind, value)),
    );
    let mut head = Vec::new();
    for (key, kind, value) in &values {
        head.extend((key.len() as u64).to_le_bytes());
        head.extend(key.bytes());
        head.extend(kind.to_le_bytes());
        head.extend(value);
    }
    write((values.len() as u64, &head), &written)
}

/// Moves the rows of each head so that the two of a rotated pair are neighbours.
fn neighbours(data: &[u8], heads: usize) -> Vec<u8> {
    let head = data.len() / heads;
    let row = head / 8;
    let order = [0, 4, 1, 5, 2, 6, 3, 7];
    let rows = |head: usize| order.map(|number| &data[head + number * row..][..row]);
    (0..heads).flat_map(|number| rows(number * head)).flatten().copied().collect()
}

/// The factor of the pair with 64 / (10 TAU) waves: 1.0186, of which 0.0062 in 1 are kept.
const LAST: f32 = 7.667_385;

#[test]
fn other_families_are_the_same_model_to_the_last_bit() {
    let common = |experts: u32| {
        let eps = |eps: f32| {
            ("attention.layer_norm_rms_epsilon".to_owned(), 6, eps.to_le_bytes().to_vec())
        };
        let mut values = vec![
            whole("vocab_size", 384),
            whole("embedding_length", 32),
            whole("block_count", 2),
            whole("context_length", 512),
            whole("attention.head_count", 4),
            whole("attention.head_count_kv", 2),
            eps(if experts == 4 { 1e-5 } else { 1e-6 }),
        ];
        if experts > 0 {
            values.extend([whole("expert_count", experts), whole("expert_used_count", 2)]);
        }
        values
    };
    let with = |experts: u32, more: &[(&str, u32)]| {
        let mut values = common(experts);
        values.extend(more.iter().map(|(key, value)| whole(key, *value)));
        values
    };
    let base = |base: f32| ("rope.freq_base".to_owned(), 6, base.to_le_bytes().to_vec());
    let mut mixtral = with(4, &[("feed_forward_length", 40)]);
    mixtral.push(base(1e6));
    let mut olmoe = with(8, &[("feed_forward_length", 40)]);
    for (key, kind, value) in &mut olmoe {
        match key.as_str() {
            "attention.head_count_kv" => *value = 4_u32.to_le_bytes().to_vec(),
            "attention.layer_norm_rms_epsilon" => *value = 1e-5_f32.to_le_bytes().to_vec(),
            _ => assert!([4, 6].contains(kind)),
        }
    }
    let qwen2_moe = [
        ("feed_forward_length", 40),
        ("expert_feed_forward_length", 24),
        ("expert_shared_feed_forward_length", 20),
    ];
    let cases = [
        ("llama", "llama", with(0, &[("feed_forward_length", 40)])),
        ("llama_llama3", "llama", with(0, &[("feed_forward_length", 40)])),
        ("qwen2", "qwen2", with(0, &[("feed_forward_length", 40)])),
        ("qwen3", "qwen3", with(0, &[("feed_forward_length", 40), ("attention.key_length", 12)])),
        ("qwen2_moe", "qwen2moe", with(8, &qwen2_moe)),
        ("mixtral", "llama", mixtral),
        ("olmoe", "olmoe", olmoe),
    ];
    for (name, arch, metadata) in cases {
        let copy = alone(&converted(name, arch, metadata));
        let interleaved = arch == "llama";
        let (mut ours, theirs) = (spec(copy.path()), spec(&fixture::folder(name)));
        assert_eq!(ours.rope.interleaved, interleaved, "{name}");
        ours.rope.interleaved = false;
        if name == "llama_llama3" {
            ours.rope.stretch.clone_from(&theirs.rope.stretch);
        }
        assert_eq!(ours, theirs, "{name}");
        let (ours, theirs) = (logits(copy.path()), logits(&fixture::folder(name)));
        if interleaved {
            // The values of a head stand, and are summed, in another order.
            let close =
                |(a, b): (&u32, &u32)| (f32::from_bits(*a) - f32::from_bits(*b)).abs() < 1e-4;
            assert!(ours.iter().zip(&theirs).all(close), "{name}");
        } else {
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

#[test]
fn a_sigmoid_router_groups_and_a_stretch_are_read_from_the_metadata() {
    let number = |key: &str, value: f32| (key.to_owned(), 6, value.to_le_bytes().to_vec());
    let yarn = [&4_u64.to_le_bytes()[..], b"yarn"].concat();
    let sizes = [
        ("vocab_size", 384),
        ("embedding_length", 64),
        ("block_count", 3),
        ("context_length", 512),
        ("feed_forward_length", 96),
        ("attention.head_count", 4),
        ("attention.head_count_kv", 1),
        ("attention.q_lora_rank", 32),
        ("attention.kv_lora_rank", 24),
        ("attention.key_length_mla", 24),
        ("attention.value_length_mla", 16),
        ("rope.dimension_count", 8),
        ("leading_dense_block_count", 1),
        ("expert_count", 8),
        ("expert_used_count", 2),
        ("expert_feed_forward_length", 48),
        ("expert_shared_count", 1),
        ("expert_group_count", 4),
        ("expert_group_used_count", 2),
        ("expert_gating_func", 2),
        ("rope.scaling.original_context_length", 64),
    ];
    let mut metadata: Vec<_> = sizes.map(|(key, value)| whole(key, value)).into();
    metadata.extend([
        number("attention.layer_norm_rms_epsilon", 1e-6),
        number("expert_weights_scale", 2.5),
        number("rope.scaling.factor", 8.0),
        number("rope.scaling.yarn_log_multiplier", 0.1),
        ("expert_weights_norm".to_owned(), 7, vec![1]),
        ("rope.scaling.type".to_owned(), 8, yarn),
    ]);
    let name = "deepseek_v3_yarn";
    let copy = alone(&converted(name, "deepseek2", metadata));
    let (ours, theirs) = (spec(copy.path()), spec(&fixture::folder(name)));
    assert_eq!((&ours.moe, &ours.layers), (&theirs.moe, &theirs.layers));
    assert_eq!((&ours.attention, ours.dense_inter), (&theirs.attention, theirs.dense_inter));
    // The multiplier is a float32: the scales differ in the ninth digit.
    let (ours, theirs) = (logits(copy.path()), logits(&fixture::folder(name)));
    let close = |(a, b): (&u32, &u32)| (f32::from_bits(*a) - f32::from_bits(*b)).abs() < 1e-4;
    assert!(ours.iter().zip(&theirs).all(close));
}

#[track_caller]
fn check(file: &[u8], expected: &str) {
    let copy = alone(file);
    let found = open_folder(copy.path()).map(drop).expect_err(expected).to_string();
    let found = found.replace(&copy.path().display().to_string(), "DIR");
    let expected = format!("`DIR/model.gguf` is no GGUF file that can be read: {expected}");
    assert_eq!(found, expected);
}

#[test]
fn what_cannot_be_read_is_named() {
    let original = file("qwen3moe");
    let (count, values) = metadata(&original);
    let one = |shape: &[usize], kind: u32, data: usize| -> Written {
        ("output.weight".to_owned(), shape.to_vec(), kind, vec![0; data])
    };
    let with = |tensors: &[Written]| write((count, values), tensors);
    check(b"GGUF\x01\0\0\0", "it has version 1: 2 and 3 are read");
    check(b"GGUF\x03\0\0\0", "it ends within its header");
    let many = [b"GGUF\x03\0\0\0".as_slice(), &[0xff; 16]].concat();
    let found = Gguf::read(&many).map(drop).expect_err("too many");
    assert!(found.ends_with("at most 65536 of each are read"), "{found}");
    check(&write((0, &[]), &[]), "`general.architecture` is missing");
    let kind = "tensor `output.weight` is stored as type 10: F32, F16, BF16, Q4_0, Q4_1, Q5_0, \
                Q5_1, Q8_0, Q4_K, Q5_K and Q6_K are read";
    check(&with(&[one(&[1], 10, 4)]), kind);
    let within = "tensor `output.weight` does not end within the file";
    check(&with(&[one(&[2], 0, 4)]), within);
    check(&with(&[one(&[usize::MAX, usize::MAX], 0, 4)]), within);
    let rows = "the rows of tensor `output.weight` are no whole blocks of 32";
    check(&with(&[one(&[31], 8, 40)]), rows);
    check(&with(&[one(&[1; 5], 0, 4)]), "tensor `output.weight` has 5 dimensions");
    check(&with(&[one(&[1], 0, 4), one(&[1], 0, 4)]), "tensor `output.weight` is there twice");
    let other = ("output_norm.weight".to_owned(), vec![1], 0, vec![]);
    let shared = "tensors `output.weight` and `output_norm.weight` share bytes";
    check(&with(&[(other.0, other.1, 0, other.3), one(&[1], 0, 4)]), shared);
    let bank = ("blk.0.ffn_up_exps.weight".to_owned(), vec![5000, 1, 1], 0, vec![0; 20_000]);
    let many = "tensor `blk.0.ffn_up_exps.weight` holds 5000 experts: 1 to 4096 are read";
    let copy = alone(&with(&[bank]));
    let found = open_folder(copy.path()).map(drop).expect_err(many).to_string();
    assert!(found.ends_with(many), "{found}");
    let copy = alone(&original);
    copy.write("other.gguf", &original);
    let found = open_folder(copy.path()).map(drop).expect_err("two files").to_string();
    assert!(found.ends_with("holds 2 `*.gguf` files: name the one to be read"), "{found}");
}

#[test]
fn other_architectures_and_stretches_are_refused_by_name() {
    let known = "`llama`, `qwen2`, `qwen3`, `qwen2moe`, `qwen3moe`, `olmoe` and `deepseek2` are \
                 read from such files";
    let gemma = converted("llama", "gemma3", vec![]);
    check(&gemma, &format!("unknown architecture `gemma3`: {known}"));
    let original = file("qwen3moe");
    let factors = |values: &[f32]| {
        let tensor = ("rope_freqs.weight".to_owned(), vec![values.len()], 0, bytes(values));
        write(metadata(&original), &[tensor])
    };
    check(&factors(&[1.0; 3]), "tensor `rope_freqs.weight` does not hold 4 F32 values");
    let zero = "tensor `rope_freqs.weight` holds 0: nothing to divide by";
    check(&factors(&[1.0, 1.0, 0.0, 1.0]), zero);
    let linear = [&6_u64.to_le_bytes()[..], b"linear"].concat();
    let linear = converted("qwen2", "qwen2", vec![("rope.scaling.type".to_owned(), 8, linear)]);
    check(&linear, "unknown rope type `linear`: `none` and `yarn` are known");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = file("deepseek2");
    for length in (4..3000).chain([whole.len() / 2, whole.len() - 40]) {
        assert!(Gguf::read(&whole[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_is_an_error_or_a_model(
        name in prop::sample::select(TWINS.to_vec()),
        damage in prop::collection::vec((0..4000_usize, any::<u8>()), 1..6),
    ) {
        let mut file = file(name);
        for (place, byte) in damage {
            file[place] = byte;
        }
        let copy = alone(&file);
        drop(open_folder(copy.path()));
    }
}
