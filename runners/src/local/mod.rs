//! Mixture-of-experts models on this machine: a batched decoder on candle's matrices.
//!
//! [`open_folder`] reads a Hugging Face folder or a GGUF file, [`open_built_in`] the model inside the
//! binary. Both give a [`LocalRunner`], a handle to a thread that owns the model and answers up to 32
//! requests side by side. From the outside in: `handle` takes requests, `schedule` decides which rows
//! run next, `decoder` computes them, `gqa`, `mla`, `feed` and `moe` are its layers. `describe` says
//! what a checkpoint is, `load` gives its tensors.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "weights are computed in f32, and every size is bounded when the spec is read"
)]

mod attend;
mod batch;
mod chat;
mod checkpoint;
mod decoder;
mod describe;
mod device;
mod error;
mod feed;
mod gguf;
mod gqa;
mod handle;
mod load;
mod matrix;
mod mla;
mod moe;
mod norm;
mod packed;
mod pages;
mod rope;
mod route;
mod sample;
mod schedule;
mod spec;
mod telemetry;
mod transcript;
mod vocabulary;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

pub use self::error::LocalError;
pub use self::handle::LocalRunner;
pub use self::spec::SpecError;

use self::chat::Chat;
use self::checkpoint::{Checkpoint, Shard};
use self::decoder::Decoder;
use self::describe::{Description, describe};
use self::load::Weights;
use self::pages::Pages;
use self::schedule::{Engine, MAX_ROWS};
use self::spec::ArchSpec;
use self::telemetry::Counters;
use self::vocabulary::Vocabulary;
use crate::completion::Served;

const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const TEMPLATE: &str = "chat_template.jinja";
/// The most bytes the cache of one model may take.
const CACHE_BYTES: usize = 1 << 30;

/// Opens a folder in the Hugging Face layout, or a GGUF file with its tokenizer beside it.
pub fn open_folder(path: &Path) -> Result<LocalRunner, LocalError> {
    let (files, name) = if path.is_file() {
        (Checkpoint::File(path), path.file_stem())
    } else {
        (Checkpoint::Folder(path), path.file_name())
    };
    open(files, &name.unwrap_or(path.as_os_str()).to_string_lossy())
}

/// Opens the model inside the binary.
pub fn open_built_in() -> Result<LocalRunner, LocalError> {
    open(Checkpoint::Embedded(BUILT_IN), "tiny")
}

/// The files of the model inside the binary.
const BUILT_IN: &[(&str, &[u8])] = &[
    (CONFIG, include_bytes!("../../tiny/config.json")),
    (GENERATION, include_bytes!("../../tiny/generation_config.json")),
    (TOKENIZER, include_bytes!("../../tiny/tokenizer.json")),
    (TOKENIZER_CONFIG, include_bytes!("../../tiny/tokenizer_config.json")),
    (TEMPLATE, include_bytes!("../../tiny/chat_template.jinja")),
    ("model.safetensors", include_bytes!("../../tiny/model.safetensors")),
];

/// Reads all files of a model, checks them against each other and starts its thread.
fn open(files: Checkpoint<'_>, name: &str) -> Result<LocalRunner, LocalError> {
    let shards = files.shards()?;
    let Description { config, spec, template } = describe(files, &shards)?;
    let vocabulary = read_vocabulary(files, &spec)?;
    let tokenizer_config = optional_json(files, TOKENIZER_CONFIG)?;
    let chat = read_chat(files, template, &tokenizer_config, vocabulary.guarded())?;
    let end = end_tokens(&[optional_json(files, GENERATION)?, config])
        .or_else(|| Some(vec![vocabulary.id(chat.special_token("eos_token")?)?]));
    let closing = vocabulary.encode(chat.closing(), '\0').unwrap_or_default();
    let digest = digest(files, &shards)?;
    let counters = Arc::new(Counters::new(&spec));
    let pages = Pages::new(&spec, MAX_ROWS, CACHE_BYTES);
    let context = spec.context.min(pages.capacity());
    let decoder =
        Decoder::load(&spec, &Weights::read(&shards, spec.packing)?, pages, counters.clone())?;
    let served = Served {
        model: Some(name.to_owned()),
        fingerprint: Some(digest.clone()),
        request_id: None,
    };
    let vocabulary = Arc::new(vocabulary);
    let end = end.unwrap_or_default();
    let engine = Engine { decoder, vocabulary, counters, end, closing, context, served };
    LocalRunner::start(engine, chat, digest)
}

fn read_vocabulary(files: Checkpoint<'_>, spec: &ArchSpec) -> Result<Vocabulary, LocalError> {
    let path = files.path(TOKENIZER);
    let vocabulary = Vocabulary::read(&files.required(TOKENIZER)?)
        .map_err(|source| LocalError::Tokenizer { path: path.clone(), source })?;
    let highest = vocabulary.highest();
    if highest as usize >= spec.vocab {
        return Err(LocalError::Vocabulary { path, highest, vocab: spec.vocab });
    }
    Ok(vocabulary)
}

fn read_chat(
    files: Checkpoint<'_>,
    inside: Option<String>,
    tokenizer_config: &Value,
    guarded: Vec<String>,
) -> Result<Chat, LocalError> {
    let folder = files.folder();
    let file = files.optional(TEMPLATE)?;
    let file = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let file = match tokenizer_config.get("chat_template") {
        None => file.or(inside),
        Some(_) => file,
    };
    match Chat::compile(file, tokenizer_config, guarded) {
        Ok(Some(chat)) => Ok(chat),
        Ok(None) => Err(LocalError::NoTemplate { folder }),
        Err(source) => Err(LocalError::Template { folder, source }),
    }
}

fn json(files: Checkpoint<'_>, name: &str, bytes: &[u8]) -> Result<Value, LocalError> {
    serde_json::from_slice(bytes)
        .map_err(|source| LocalError::Json { path: files.path(name), source })
}

fn optional_json(files: Checkpoint<'_>, name: &str) -> Result<Value, LocalError> {
    files.optional(name)?.map_or(Ok(Value::Null), |bytes| json(files, name, &bytes))
}

/// Returns the tokens that end a completion: those of the first configuration that names any.
fn end_tokens(configs: &[Value]) -> Option<Vec<u32>> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    configs.iter().find_map(|config| match config.get("eos_token_id")? {
        Value::Array(ids) => Some(ids.iter().filter_map(id).collect()),
        one => id(one).map(|id| vec![id]),
    })
}

/// Digests everything that decides what the model answers.
fn digest(files: Checkpoint<'_>, shards: &[Shard]) -> Result<String, LocalError> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |name: &[u8], content: &[u8]| {
        for part in [name, content] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    for name in [CONFIG, GENERATION, TOKENIZER, TOKENIZER_CONFIG, TEMPLATE] {
        if let Some(content) = files.optional(name)? {
            add(name.as_bytes(), &content);
        }
    }
    for shard in shards {
        let name = shard.path.file_name().unwrap_or_default();
        add(name.as_encoded_bytes(), &shard.bytes);
    }
    Ok(format!("blake3:{}", hasher.finalize()))
}

#[cfg(test)]
mod tests;
