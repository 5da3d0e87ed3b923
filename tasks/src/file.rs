//! The TOML forms: what a task file and a suite file may say, and where a mistake stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::SuiteError;
use crate::generate::Variant;
use crate::program::form::TestsForm;
use crate::{Domain, GraderSpec, Protocol, ReasoningLevel, Sensitivity};

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// The key that says which form a file has.
#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) title: String,
}

/// The forms a file can have.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Generated,
    Inline,
    Suite,
}

/// A file of kind `suite`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteFile {
    pub(crate) schema: u32,
    pub(crate) id: String,
    pub(crate) version: String,
    // Read with the head; here because every other key is refused.
    #[serde(rename = "kind")]
    pub(crate) _kind: Kind,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) task: Vec<TaskReference>,
}

/// One task of a suite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskReference {
    pub(crate) id: String,
    pub(crate) limit: Option<usize>,
    #[serde(default = "one")]
    pub(crate) weight: u32,
}

/// A file of kind `generated` or `inline`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskFile {
    pub(crate) schema: u32,
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) kind: Kind,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) license: Option<String>,
    pub(crate) canary: Option<String>,
    pub(crate) domain: Domain,
    #[serde(default)]
    pub(crate) sensitivity: Sensitivity,
    pub(crate) source: Option<Source>,
    pub(crate) prompt: PromptForm,
    pub(crate) protocol: Option<Protocol>,
    #[serde(default)]
    pub(crate) generation: Generation,
    pub(crate) grade: GraderSpec,
    #[serde(default)]
    pub(crate) item: Vec<InlineItem>,
}

/// Where generated items come from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) family: String,
    pub(crate) family_version: u32,
    pub(crate) seed: u64,
    pub(crate) levels: BTreeMap<String, u64>,
    #[serde(default)]
    pub(crate) twins: Vec<Variant>,
}

/// The messages that ask.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptForm {
    pub(crate) system: Option<String>,
    pub(crate) user: String,
}

/// How completions are drawn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Generation {
    pub(crate) max_tokens: u32,
    pub(crate) temperature: f64,
    pub(crate) top_p: f64,
    pub(crate) samples: u32,
    pub(crate) stop: Vec<String>,
    pub(crate) reasoning: ReasoningLevel,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            max_tokens: 4_096,
            temperature: 0.0,
            top_p: 1.0,
            samples: 1,
            stop: Vec::new(),
            reasoning: ReasoningLevel::Auto,
        }
    }
}

/// A hand-written item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InlineItem {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) gold: toml::Value,
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) meta: BTreeMap<String, toml::Value>,
}

/// The gold of an item whose answer is a program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSetForm {
    pub(crate) tests: TestsForm,
    pub(crate) reference: String,
    pub(crate) stub: String,
}

fn one() -> u32 {
    1
}

/// Reads `text` into a form; a mistake is an error that names file, line and the nearest key.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, SuiteError> {
    toml::from_str(text).map_err(|error| explained(file, text, &error))
}

/// Turns a parser's error into one that says where it is and what to write in its place.
fn explained(file: &str, text: &str, error: &toml::de::Error) -> SuiteError {
    let offset = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let message = error.message().to_owned();
    let file = file.to_owned();
    let Some((key, known)) = unknown_field(&message) else {
        return SuiteError::Syntax { file, line, column, message: message.replace('\n', " ") };
    };
    let nearest = nearest(&key, known.iter().map(String::as_str));
    SuiteError::UnknownKey { file, line, key, nearest }
}

/// Takes the key and the known keys out of the message serde writes for an unknown field.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let mut quoted = rest.split('`');
    let key = quoted.next()?.to_owned();
    let known = quoted.skip(1).step_by(2).map(str::to_owned).collect();
    Some((key, known))
}

/// Returns the name nearest to `wanted`, if any is near.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wanted.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}
