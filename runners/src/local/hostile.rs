//! Damaged checkpoints: whatever stands in the files, opening them ends in a model or an error.

use proptest::prelude::*;

use super::fixture::{Copy, NAMES};
use super::open_folder;

/// Where to write what.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

/// The name of any fixture.
fn fixture() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn spoiled(mut bytes: Vec<u8>, length: usize, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, byte) in damage {
        bytes[place.index(length)] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_header_is_an_error_or_a_model(name in fixture(), damage in damage()) {
        let copy = Copy::of(name);
        let weights = copy.read("model.safetensors");
        let header = 8 + u64::from_le_bytes(*weights.first_chunk().expect("a header")) as usize;
        copy.write("model.safetensors", spoiled(weights, header, &damage));
        drop(open_folder(copy.path()));
    }

    #[test]
    fn a_damaged_configuration_is_an_error_or_a_model(name in fixture(), damage in damage()) {
        let copy = Copy::of(name);
        let config = copy.read("config.json");
        let length = config.len();
        copy.write("config.json", spoiled(config, length, &damage));
        drop(open_folder(copy.path()));
    }

    #[test]
    fn any_number_in_a_configuration_is_an_error_or_a_model(
        name in fixture(),
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
