//! Damaged checkpoints: whatever stands in the files, opening them ends in a model or an error.

use proptest::prelude::*;

use super::checkpoint::{Bytes, Shard};
use super::fixture::{self, Copy, NAMES};
use super::open_folder;

/// Where to write what.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

/// The name of any fixture.
fn any_fixture() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn spoiled(mut bytes: Vec<u8>, length: usize, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, byte) in damage {
        bytes[place.index(length)] = *byte;
    }
    bytes
}

/// Random damage to the headers of all formats, in memory: what still has every tensor is loaded.
#[test]
fn a_hundred_thousand_damaged_headers_are_errors_or_models() {
    let names =
        ["qwen3_moe", "deepseek_v3_fp8", "gpt_oss_mxfp4", "gguf/qwen3moe", "gguf/deepseek2"];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let (mut errors, mut models) = (0, 0);
    for name in names {
        let file = if name.starts_with("gguf") { "model.gguf" } else { "model.safetensors" };
        let whole = std::fs::read(fixture::folder(name).join(file)).expect("the fixture");
        let header = if file == "model.gguf" { 4000 } else { header_length(&whole) };
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..=next(3) {
                bytes[next(header)] = next(256) as u8;
            }
            let folder = fixture::folder(name);
            let shard = Shard { path: folder.join(file), bytes: Bytes::Made(bytes) };
            match fixture::load(&folder, &[shard]) {
                Ok(_) => models += 1,
                Err(_) => errors += 1,
            }
        }
    }
    println!("{errors} errors, {models} models");
    assert_eq!(errors + models, 100_000);
    assert!(errors > models);
}

fn header_length(file: &[u8]) -> usize {
    8 + u64::from_le_bytes(*file.first_chunk().expect("a header")) as usize
}

#[test]
fn a_header_larger_than_that_of_any_model_is_refused() {
    let copy = Copy::of("llama");
    let header = format!("{{{}}}", " ".repeat(17 << 20));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    copy.write("model.safetensors", file);
    let found = open_folder(copy.path()).map(drop).expect_err("too large").to_string();
    assert!(found.ends_with("is larger than that of any model can be"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_header_is_an_error_or_a_model(name in any_fixture(), damage in damage()) {
        let copy = Copy::of(name);
        let weights = copy.read("model.safetensors");
        let header = header_length(&weights);
        copy.write("model.safetensors", spoiled(weights, header, &damage));
        drop(open_folder(copy.path()));
    }

    #[test]
    fn a_damaged_configuration_is_an_error_or_a_model(name in any_fixture(), damage in damage()) {
        let copy = Copy::of(name);
        let config = copy.read("config.json");
        let length = config.len();
        copy.write("config.json", spoiled(config, length, &damage));
        drop(open_folder(copy.path()));
    }

    #[test]
    fn any_number_in_a_configuration_is_an_error_or_a_model(
        name in any_fixture(),
        key in any::<prop::sample::Index>(),
        number in prop_oneof![Just(0), Just(1), Just(u64::MAX), 0..4096_u64, any::<u64>()],
    ) {
        let copy = Copy::of(name);
        copy.edit_config(|config| {
            let members = config.as_object_mut().expect("an object");
            let place = key.index(members.len());
            *members.values_mut().nth(place).expect("a member") = number.into();
        });
        drop(open_folder(copy.path()));
    }

    #[test]
    fn a_damaged_tokenizer_is_an_error_or_a_model(damage in damage()) {
        let copy = Copy::of("deepseek_v3");
        let json = copy.read("tokenizer.json");
        let length = json.len();
        copy.write("tokenizer.json", spoiled(json, length, &damage));
        drop(open_folder(copy.path()));
    }
}
