//! Which files of a repository are brought.
//!
//! A repository may hold the same weights several times over, in other formats and folders; only what
//! the local runner reads is taken, and the files that the tokenizer's own library would look for.

use super::error::HubError;
use super::reference::Reference;

/// What no checkpoint goes without.
pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// The weights in one file, and the list of them in several.
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// What the local runner reads where it is there.
pub(super) const OPTIONAL: [&str; 3] =
    ["generation_config.json", "tokenizer_config.json", "chat_template.jinja"];

/// Bytes of a file of weights or of items, and of any other file, at most.
const LARGE_BYTES_MAX: u64 = 1 << 40;
const SMALL_BYTES_MAX: u64 = 256 << 20;

/// What is wanted of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What the local runner needs to open a model.
    Checkpoint,
    /// These files, by their paths in the repository.
    Files(Vec<String>),
}

impl Wanted {
    /// Returns which of the files that a commit has are wanted first: of a checkpoint all but its
    /// weights, whose names are known when its index is here.
    pub(super) fn first(
        &self,
        reference: &Reference,
        listed: &[String],
    ) -> Result<Vec<String>, HubError> {
        if let Some(name) = listed.iter().find(|name| !is_safe(name)) {
            let (reference, name) = (reference.to_string(), name.clone());
            return Err(HubError::FileName { reference, name });
        }
        match self {
            Self::Files(files) => {
                files.iter().try_for_each(|file| need(reference, listed, file))?;
                Ok(files.clone())
            }
            Self::Checkpoint => {
                need(reference, listed, CONFIG)?;
                need(reference, listed, TOKENIZER)?;
                if !listed.iter().any(|name| name == INDEX) {
                    need(reference, listed, WEIGHTS)?;
                }
                Ok(listed.iter().filter(|name| describes(name)).cloned().collect())
            }
        }
    }
}

/// Refuses a commit without `file`.
pub(super) fn need(reference: &Reference, listed: &[String], file: &str) -> Result<(), HubError> {
    if listed.iter().any(|name| name == file) {
        return Ok(());
    }
    Err(HubError::NoFile { reference: reference.to_string(), file: file.to_owned() })
}

/// Whether a name stays inside its folder.
pub(super) fn is_safe(name: &str) -> bool {
    const BYTES_MAX: usize = 1024;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.len() <= BYTES_MAX
        && !name.contains(|c: char| c.is_control() || c == '\\')
        && name.split('/').all(is_plain)
}

/// How many bytes a file of this name may have.
pub(super) fn bytes_max(name: &str) -> u64 {
    match ending(name) {
        "safetensors" | "gguf" | "parquet" | "jsonl" | "gz" | "csv" | "tsv" => LARGE_BYTES_MAX,
        _ => SMALL_BYTES_MAX,
    }
}

/// What follows the last point of a name.
fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Whether a file describes a checkpoint and its texts.
fn describes(name: &str) -> bool {
    let known = matches!(name, CONFIG | INDEX | "generation_config.json")
        || name.starts_with("tokenizer") && ending(name) == "json"
        || name.starts_with("chat_template");
    known && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listed: &[&str], expected: Result<&[&str], &str>) {
        let reference: Reference = "a/b".parse().expect("reads");
        let listed: Vec<String> = listed.iter().map(|&name| name.to_owned()).collect();
        match (Wanted::Checkpoint.first(&reference, &listed), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (got, _) => panic!("{got:?} of {listed:?}, not {expected:?}"),
        }
    }

    #[test]
    fn what_describes_a_checkpoint_comes_first() {
        let base = ["config.json", "tokenizer.json"];
        let with = |more: &[&'static str]| [&base[..], more].concat();
        check(&with(&["model.safetensors", "pytorch_model.bin", "x.py"]), Ok(&base));
        let index = with(&["model.safetensors.index.json"]);
        check(&[&index[..], &["model-1.safetensors", "a/config.json"]].concat(), Ok(&index));
        let texts = ["tokenizer_config.json", "chat_template.jinja", "generation_config.json"];
        check(&with(&[&texts[..], &["model.safetensors"]].concat()), Ok(&with(&texts)));
    }

    #[test]
    fn what_is_no_checkpoint_or_leaves_its_folder_is_refused() {
        check(&["model.safetensors"], Err("`a/b@main` has no file `config.json`"));
        let none = "`a/b@main` has no file `model.safetensors`";
        check(&["config.json", "tokenizer.json", "x.gguf"], Err(none));
        for name in ["../x", "/etc/passwd", "a/../../b", "a//b", "", ".", "a/./b", "a\\b", "a\0b"] {
            let said = format!("`a/b@main` lists a file whose name leaves its folder: `{name}`");
            check(&["config.json", name], Err(&said));
        }
    }
}
