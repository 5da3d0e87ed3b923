//! Settings: built-in defaults, then `tripos.toml`, then the environment, then flags.
//!
//! The only module that reads the environment and config files. The defaults are a commented TOML
//! file inside the binary. A key is never in a file: a model names the variable or the file that
//! holds it, and both are read when the model is opened, not before.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

mod hub;
mod price;

pub use hub::hub;
pub use price::Price;
use price::PriceShape;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tripos_runners::model::{ApiKey, ChatEndpoint, LocalModel};
use tripos_runners::sandbox::{Dialect, Elsewhere, Service};
use tripos_runners::{Model, ModelSource};

/// The defaults, which are also their documentation.
pub const DEFAULTS: &str = include_str!("default-config.toml");

/// The config file that is read when it exists.
pub const FILE: &str = "tripos.toml";

/// The most bytes a config or key file may have.
const MAX_BYTES: u64 = 1 << 20;
/// How many requests may be under way at once at an endpoint that says nothing about it.
const CONCURRENCY: usize = 8;

const TOP_KEYS: &[&str] = &["store", "run", "sandbox", "models"];
const RUN_KEYS: &[&str] = &["suites", "models", "report", "seed", "max_failed"];
const SANDBOX_KEYS: &[&str] = &["service", "dialect", "image"];
const LOCAL_KEYS: &[&str] = &["runner", "path", "price"];
const CHAT_KEYS: &[&str] = &[
    "runner",
    "base_url",
    "model",
    "api_key_env",
    "api_key_file",
    "extra",
    "think_tags",
    "stream",
    "limits",
    "price",
];
const LIMIT_KEYS: &[&str] = &["concurrency"];
const PRICE_KEYS: &[&str] = &["input", "cached_input", "output"];

/// Returns the folders in which the user's programs are looked for.
pub fn search_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Every setting, merged.
#[derive(Clone, Debug)]
pub struct Config {
    /// The ledger.
    pub store: PathBuf,
    /// What `tripos run` does unless told otherwise.
    pub run: RunDefaults,
    /// Where programs run when this machine isolates none itself.
    pub elsewhere: Elsewhere,
    /// The configured models by name.
    pub models: BTreeMap<String, ModelEntry>,
    /// What their tokens cost, by name, where that is known.
    pub prices: BTreeMap<String, Price>,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
}

/// What `tripos run` does unless told otherwise.
#[derive(Clone, Debug)]
pub struct RunDefaults {
    /// The suites asked.
    pub suites: Vec<String>,
    /// The models asked, the baseline first.
    pub models: Vec<String>,
    /// Where the page goes.
    pub report: PathBuf,
    /// Decides every draw.
    pub seed: u64,
    /// The share of trials that may fail.
    pub max_failed: f64,
}

/// A model of the config file.
#[derive(Clone, Debug)]
pub enum ModelEntry {
    /// A folder.
    Local(LocalModel),
    /// An endpoint, without its key, and where the key is.
    Chat(Box<ChatEndpoint>, KeySource),
}

/// Where the key of an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// It needs none.
    None,
    /// In this variable.
    Variable(String),
    /// In this file.
    File(PathBuf),
}

/// Why settings could not be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant means")]
pub enum ConfigError {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is larger than {MAX_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("`{}` line {line}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("`{}` line {line}: unknown key `{key}`{place}", path.display())]
    UnknownKey { path: PathBuf, line: usize, key: String, place: Place, known: Vec<&'static str> },
    #[error("`{}` line {line}: {message}", path.display())]
    Value { path: PathBuf, line: usize, message: String },
    #[error("model `{model}` needs a key, and `{variable}` is not set")]
    MissingKey { model: String, variable: String },
    #[error("cannot read the key of model `{model}` from `{}`", path.display())]
    KeyFile { model: String, path: PathBuf, source: io::Error },
    #[error("the key of model `{model}` is readable by others: `{}` has mode {mode:04o}", path.display())]
    KeyExposed { model: String, path: PathBuf, mode: u32 },
    #[error("the key of model `{model}` is empty")]
    EmptyKey { model: String },
    #[error("there is no place for the cache of models: neither `HF_HOME` nor `HOME` is set")]
    NoHome,
    #[error("`{variable}` is not text")]
    NotText { variable: &'static str },
}

/// The table a key stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The top of the file.
    Top,
    /// A table, by its full name.
    Table(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Table(name) => write!(f, " in `[{name}]`"),
        }
    }
}

/// Reads the settings: `explicit`, or `tripos.toml` in the current folder when it exists.
pub fn load(explicit: Option<&Path>) -> Result<Config, ConfigError> {
    let (path, required) = explicit.map_or((Path::new(FILE), false), |path| (path, true));
    let text = match read_bounded(path) {
        Ok(text) => Some(text),
        Err(ConfigError::Read { source, .. })
            if source.kind() == io::ErrorKind::NotFound && !required =>
        {
            None
        }
        Err(error) => return Err(error),
    };
    let mut config = defaults();
    if let Some(text) = text {
        let file = parse(path, &text)?;
        merge(&mut config, path, &text, file)?;
        config.file = Some(path.to_owned());
    }
    Ok(config)
}

impl Config {
    /// Returns the configured model `name` with its key, ready to be opened.
    pub fn model(&self, name: &str) -> Option<Result<Model, ConfigError>> {
        let source = match self.models.get(name)? {
            ModelEntry::Local(local) => ModelSource::Folder(local.clone()),
            ModelEntry::Chat(endpoint, key) => match key.read(name) {
                Ok(key) => ModelSource::Chat(ChatEndpoint { key, ..(**endpoint).clone() }),
                Err(error) => return Some(Err(error)),
            },
        };
        Some(Ok(Model { name: name.to_owned(), source }))
    }
}

impl KeySource {
    /// Says what the key is called, without reading it.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Variable(name) => Some(name.clone()),
            Self::File(path) => Some(path.display().to_string()),
        }
    }

    /// Says whether the key is there.
    pub fn is_present(&self) -> bool {
        match self {
            Self::None => true,
            Self::Variable(name) => std::env::var(name).is_ok_and(|key| !key.trim().is_empty()),
            Self::File(path) => path.is_file(),
        }
    }

    fn read(&self, model: &str) -> Result<Option<ApiKey>, ConfigError> {
        let (variable, key) = match self {
            Self::None => return Ok(None),
            Self::Variable(variable) => {
                let key = std::env::var(variable).map_err(|_| ConfigError::MissingKey {
                    model: model.to_owned(),
                    variable: variable.clone(),
                })?;
                (variable.clone(), key)
            }
            Self::File(path) => (path.display().to_string(), read_key_file(model, path)?),
        };
        let key = key.trim();
        if key.is_empty() {
            return Err(ConfigError::EmptyKey { model: model.to_owned() });
        }
        Ok(Some(ApiKey { variable, secret: key.into() }))
    }
}

fn read_key_file(model: &str, path: &Path) -> Result<String, ConfigError> {
    let failed =
        |source| ConfigError::KeyFile { model: model.to_owned(), path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            let (model, path) = (model.to_owned(), path.to_owned());
            return Err(ConfigError::KeyExposed { model, path, mode });
        }
    }
    let mut key = String::new();
    file.take(MAX_BYTES).read_to_string(&mut key).map_err(failed)?;
    Ok(key)
}

fn read_bounded(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

/// The shape of a config file. Unknown keys were refused before it is read.
#[derive(Debug, Default, Deserialize)]
struct FileShape {
    store: Option<PathBuf>,
    #[serde(default)]
    run: RunShape,
    #[serde(default)]
    sandbox: SandboxShape,
    #[serde(default)]
    models: BTreeMap<String, ModelShape>,
}

#[derive(Debug, Default, Deserialize)]
struct SandboxShape {
    service: Option<Spanned<String>>,
    dialect: Option<Dialect>,
    image: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct RunShape {
    suites: Option<Vec<String>>,
    models: Option<Vec<String>>,
    report: Option<PathBuf>,
    seed: Option<u64>,
    max_failed: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
struct ModelShape {
    runner: Spanned<String>,
    path: Option<PathBuf>,
    base_url: Option<String>,
    model: Option<String>,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
    #[serde(default)]
    extra: toml::Table,
    think_tags: Option<(String, String)>,
    stream: Option<bool>,
    limits: Option<LimitShape>,
    price: Option<PriceShape>,
}

#[derive(Debug, Deserialize)]
struct LimitShape {
    concurrency: Option<Spanned<usize>>,
}

fn defaults() -> Config {
    let shape = parse(Path::new("default-config.toml"), DEFAULTS).expect("the defaults parse");
    let run = shape.run;
    Config {
        store: shape.store.expect("the defaults name a store"),
        run: RunDefaults {
            suites: run.suites.expect("the defaults name suites"),
            models: run.models.expect("the defaults name models"),
            report: run.report.expect("the defaults name a report"),
            seed: run.seed.expect("the defaults have a seed"),
            max_failed: *run.max_failed.expect("the defaults bound failures").get_ref(),
        },
        elsewhere: Elsewhere::default(),
        models: BTreeMap::new(),
        prices: BTreeMap::new(),
        file: None,
    }
}

fn parse(path: &Path, text: &str) -> Result<FileShape, ConfigError> {
    let syntax = |error: &toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(text, error.span()),
        message: error.message().trim_end().replace('\n', ", "),
    };
    let table = DeTable::parse(text).map_err(|error| syntax(&error))?;
    refuse_unknown_keys(path, text, table.get_ref())?;
    toml::from_str(text).map_err(|error| syntax(&error))
}

fn refuse_unknown_keys(path: &Path, text: &str, top: &DeTable<'_>) -> Result<(), ConfigError> {
    let check = |table: &DeTable<'_>, known: &[&'static str], place: Place| {
        let unknown = table.keys().find(|key| !known.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |key| {
            Err(ConfigError::UnknownKey {
                path: path.to_owned(),
                line: line_of(text, Some(key.span())),
                key: key.get_ref().to_string(),
                place,
                known: known.to_vec(),
            })
        })
    };
    check(top, TOP_KEYS, Place::Top)?;
    if let Some(run) = table_at(top, "run") {
        check(run, RUN_KEYS, Place::Table("run".to_owned()))?;
    }
    if let Some(sandbox) = table_at(top, "sandbox") {
        check(sandbox, SANDBOX_KEYS, Place::Table("sandbox".to_owned()))?;
    }
    for (name, model) in table_at(top, "models").into_iter().flatten() {
        let name = name.get_ref();
        let Some(model) = model.get_ref().as_table() else { continue };
        let known = match model.get("runner").and_then(|runner| runner.get_ref().as_str()) {
            Some("local") => LOCAL_KEYS,
            Some("chat") => CHAT_KEYS,
            _ => continue,
        };
        check(model, known, Place::Table(format!("models.{name}")))?;
        if let Some(limits) = table_at(model, "limits") {
            check(limits, LIMIT_KEYS, Place::Table(format!("models.{name}.limits")))?;
        }
        if let Some(price) = table_at(model, "price") {
            check(price, PRICE_KEYS, Place::Table(format!("models.{name}.price")))?;
        }
    }
    Ok(())
}

fn table_at<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    table.get(key).and_then(|value| DeValue::as_table(value.get_ref()))
}

/// Puts what the file says over `config`. Paths of models are taken from the file's folder.
fn merge(config: &mut Config, path: &Path, text: &str, file: FileShape) -> Result<(), ConfigError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let refuse = |span: Range<usize>, message: String| ConfigError::Value {
        path: path.to_owned(),
        line: line_of(text, Some(span)),
        message,
    };
    let RunShape { suites, models, report, seed, max_failed } = file.run;
    if let Some(share) = max_failed {
        if !(0.0..=1.0).contains(share.get_ref()) {
            let message = format!("`max_failed` is a share from 0 to 1, not {}", share.get_ref());
            return Err(refuse(share.span(), message));
        }
        config.run.max_failed = *share.get_ref();
    }
    config.run.suites = suites.unwrap_or(std::mem::take(&mut config.run.suites));
    config.run.models = models.unwrap_or(std::mem::take(&mut config.run.models));
    config.run.report = report.unwrap_or(std::mem::take(&mut config.run.report));
    config.run.seed = seed.unwrap_or(config.run.seed);
    config.store = file.store.unwrap_or(std::mem::take(&mut config.store));
    config.elsewhere.image = file.sandbox.image;
    config.elsewhere.service = match (file.sandbox.service, file.sandbox.dialect) {
        (Some(url), Some(dialect)) => Some(Service { url: url.into_inner(), dialect }),
        (Some(url), None) => {
            let message = "a `service` needs its `dialect`: `piston` or `fusion`".to_owned();
            return Err(refuse(url.span(), message));
        }
        (None, _) => None,
    };
    for (name, shape) in file.models {
        let span = shape.runner.span();
        if let Some(shape) = &shape.price {
            let price = shape.price().map_err(|span| {
                refuse(span, "a price is USD for a million tokens, 0 or more".to_owned())
            })?;
            config.prices.insert(name.clone(), price);
        }
        let entry = model_entry(&name, shape, folder)
            .map_err(|Refused { span: inner, message }| refuse(inner.unwrap_or(span), message))?;
        config.models.insert(name, entry);
    }
    Ok(())
}

/// What is wrong with a model's table, and where, if not at its `runner`.
struct Refused {
    span: Option<Range<usize>>,
    message: String,
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self { span: None, message }
    }
}

fn model_entry(name: &str, shape: ModelShape, folder: &Path) -> Result<ModelEntry, Refused> {
    if let Some(wrong) = name.chars().find(|c| !c.is_alphanumeric() && !"-_.".contains(*c)) {
        return Err(format!("the name of model `{name}` may not hold `{wrong}`").into());
    }
    let missing = |key: &str| format!("model `{name}` has no `{key}`");
    match shape.runner.get_ref().as_str() {
        "local" => {
            let path = folder.join(shape.path.ok_or_else(|| missing("path"))?);
            Ok(ModelEntry::Local(LocalModel { path }))
        }
        "chat" => {
            let key = match (shape.api_key_env, shape.api_key_file) {
                (None, None) => KeySource::None,
                (Some(variable), None) => KeySource::Variable(variable),
                (None, Some(path)) => KeySource::File(folder.join(path)),
                (Some(_), Some(_)) => {
                    return Err(format!("model `{name}` names two places for its key").into());
                }
            };
            let extra = serde_json::to_value(shape.extra)
                .map_err(|error| format!("`extra` of model `{name}`: {error}"))?;
            let endpoint = ChatEndpoint {
                base_url: shape.base_url.ok_or_else(|| missing("base_url"))?,
                model: shape.model.unwrap_or_else(|| name.to_owned()),
                key: None,
                extra: extra.as_object().cloned().unwrap_or_default(),
                think_tags: shape.think_tags,
                stream: shape.stream.unwrap_or(true),
                concurrency: concurrency(shape.limits)?,
            };
            Ok(ModelEntry::Chat(Box::new(endpoint), key))
        }
        other => {
            let known = "this version has `local` and `chat`";
            Err(format!("model `{name}`: there is no runner `{other}`; {known}").into())
        }
    }
}

fn concurrency(limits: Option<LimitShape>) -> Result<usize, Refused> {
    match limits.and_then(|limits| limits.concurrency) {
        None => Ok(CONCURRENCY),
        Some(limit) if *limit.get_ref() > 0 => Ok(limit.into_inner()),
        Some(limit) => Err(Refused {
            span: Some(limit.span()),
            message: "`concurrency` is at least 1".to_owned(),
        }),
    }
}

/// The line, from 1, of the byte where `span` starts.
fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    text.as_bytes()[..start].split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests;
