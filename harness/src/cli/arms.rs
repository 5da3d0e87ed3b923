//! Who is asked: the forms of `-m`, their suffixes, and `--reasoning`, as a list of arms.

use std::path::Path;

use tripos_runners::model::LocalModel;
use tripos_runners::{Model, ModelSource};
use tripos_tasks::{ReasoningLevel, nearest};

use super::{Context, pull};
use crate::config::Config;
use crate::failure::Failure;

/// The model inside the binary.
pub(super) const BUILT_IN: &str = "tiny";

/// The names before the slash that mean a provider and not a folder.
const PROVIDERS: &[&str] =
    &["anthropic", "deepseek", "google", "groq", "mistral", "openai", "openrouter", "together"];

/// One model with one way of answering.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arm {
    /// The model's name with the suffix that says how it thinks: `tiny+nothink`.
    pub(super) name: String,
    /// Who answers.
    pub(super) model: Model,
    /// How much it is to think; `None` leaves it to the suite.
    pub(super) reasoning: Option<ReasoningLevel>,
}

/// Why `-m` or `--reasoning` cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum ArmError {
    #[error("there is no model `{0}`")]
    Unknown(String),
    #[error("`{0}`: there is no such folder")]
    NoFolder(String),
    #[error("`{name}`: the provider `{provider}` is not built into this version")]
    Provider { name: String, provider: String },
    #[error("`{name}`: a budget is a number of tokens, not `{budget}`")]
    Budget { name: String, budget: String },
    #[error("`{name}`: there is no suffix `+{suffix}`")]
    Suffix { name: String, suffix: String },
    #[error("the arm `{0}` is named twice")]
    Twice(String),
}

/// Lists the arms: every name as it is written, or once for each of `levels`.
pub(super) fn arms(
    context: &Context,
    names: &[String],
    levels: &[ReasoningLevel],
) -> Result<Vec<Arm>, Failure> {
    let mut arms: Vec<Arm> = Vec::new();
    for name in names {
        let (base, suffix) = split_suffix(name)?;
        let model = model(context, base)?;
        let own = [suffix];
        let asked: Vec<Option<ReasoningLevel>> = if levels.is_empty() {
            own.to_vec()
        } else {
            levels.iter().copied().map(Some).collect()
        };
        for reasoning in asked {
            let name = format!("{}{}", model.name, reasoning.map_or(String::new(), suffix_of));
            if arms.iter().any(|arm| arm.name == name) {
                return Err(Failure::usage(ArmError::Twice(name)));
            }
            arms.push(Arm { name, model: model.clone(), reasoning });
        }
    }
    Ok(arms)
}

/// Returns the model that a name without suffix stands for; pulls it where it is on a hub.
fn model(context: &Context, name: &str) -> Result<Model, Failure> {
    let config = &context.config;
    if let Some(configured) = config.model(name) {
        let model = configured?;
        return match &model.source {
            ModelSource::Folder(local) if !holds_model(&local.path) => {
                Err(Failure::usage(ArmError::NoFolder(local.path.display().to_string()))
                    .hint(format!("`path` of `[models.{name}]` starts at the config file")))
            }
            _ => Ok(model),
        };
    }
    if name == BUILT_IN {
        return Ok(Model { name: name.to_owned(), source: ModelSource::BuiltIn });
    }
    if let Some(reference) = name.strip_prefix(pull::PREFIX) {
        return pull::pull(context, reference);
    }
    let path = Path::new(name);
    if holds_model(path) {
        let name = if path.is_dir() {
            path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_owned()))
        } else {
            path.file_stem().map(ToOwned::to_owned)
        };
        let name = name.map_or_else(|| "model".to_owned(), |n| n.to_string_lossy().into_owned());
        let source = ModelSource::Folder(LocalModel { path: path.to_owned() });
        return Ok(Model { name, source });
    }
    Err(unknown(config, name))
}

/// Whether a path is a folder or a GGUF file.
fn holds_model(path: &Path) -> bool {
    let gguf = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
    path.is_dir() || gguf && path.is_file()
}

/// Takes the suffix off a name.
pub(super) fn split_suffix(name: &str) -> Result<(&str, Option<ReasoningLevel>), Failure> {
    let Some((base, suffix)) = name.rsplit_once('+') else { return Ok((name, None)) };
    if base.is_empty() || holds_model(Path::new(name)) {
        return Ok((name, None));
    }
    let level = match suffix {
        "think" => ReasoningLevel::High,
        "nothink" => ReasoningLevel::Off,
        other => budget(name, other)?,
    };
    Ok((base, Some(level)))
}

/// Reads the suffix `budget=N`.
fn budget(name: &str, suffix: &str) -> Result<ReasoningLevel, Failure> {
    let name = name.to_owned();
    let Some(budget) = suffix.strip_prefix("budget=") else {
        let suffix = suffix.to_owned();
        return Err(Failure::usage(ArmError::Suffix { name, suffix })
            .hint("a suffix is `+think`, `+nothink` or `+budget=N`"));
    };
    match budget.parse() {
        Ok(tokens) if tokens > 0 => Ok(ReasoningLevel::Tokens(tokens)),
        _ => Err(Failure::usage(ArmError::Budget { name, budget: budget.to_owned() })),
    }
}

/// The suffix that names a level; what `-m` has no suffix for is written as `--reasoning` takes it.
fn suffix_of(level: ReasoningLevel) -> String {
    match level {
        ReasoningLevel::Auto => String::new(),
        ReasoningLevel::Off => "+nothink".to_owned(),
        ReasoningLevel::High => "+think".to_owned(),
        ReasoningLevel::Low | ReasoningLevel::Medium => format!("+{level}"),
        ReasoningLevel::Tokens(tokens) => format!("+budget={tokens}"),
    }
}

fn unknown(config: &Config, name: &str) -> Failure {
    let provider = name.split_once('/').map(|(provider, _)| provider);
    if let Some(provider) = provider.filter(|provider| PROVIDERS.contains(provider)) {
        let (name, provider) = (name.to_owned(), provider.to_owned());
        return Failure::usage(ArmError::Provider { name, provider }).hint(
            "give the server a name of its own in `tripos.toml`: a table `[models.NAME]` with \
             `runner = \"chat\"` and `base_url`",
        );
    }
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Failure::usage(ArmError::NoFolder(name.to_owned()));
    }
    let known = std::iter::once(BUILT_IN).chain(config.models.keys().map(String::as_str));
    Failure::usage(ArmError::Unknown(name.to_owned())).hint(match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`? `tripos models` lists what can be asked"),
        None => "`tripos models` lists what can be asked".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Format;
    use super::super::output::{Output, Voice};
    use super::*;

    fn settings() -> (tempfile::TempDir, Context) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tripos.toml");
        let text = "[models.far]\nrunner = \"chat\"\nbase_url = \"http://localhost:1/v1\"\n";
        fs::write(&path, text).expect("writes");
        let config = crate::config::load(Some(&path)).expect("reads");
        (folder, Context { config, output: Output::new(Format::Human, Voice::Quiet) })
    }

    #[track_caller]
    fn check_refused(name: &str, error: &str, hint: Option<&str>) {
        let failure = arms(&settings().1, &[name.to_owned()], &[]).expect_err("is refused");
        assert_eq!(failure.error.to_string(), error, "for {name}");
        assert_eq!(failure.hints.first().map(String::as_str), hint, "for {name}");
    }

    #[test]
    fn names_that_cannot_be_followed_say_what_can() {
        let near = "did you mean `tiny`? `tripos models` lists what can be asked";
        check_refused("tiney", "there is no model `tiney`", Some(near));
        let list = "`tripos models` lists what can be asked";
        check_refused("zzz", "there is no model `zzz`", Some(list));
        check_refused("models/none", "`models/none`: there is no such folder", None);
        let tokens = "`tiny+budget=x`: a budget is a number of tokens, not `x`";
        check_refused("tiny+budget=x", tokens, None);
        let suffix = "a suffix is `+think`, `+nothink` or `+budget=N`";
        check_refused(
            "tiny+thinking",
            "`tiny+thinking`: there is no suffix `+thinking`",
            Some(suffix),
        );
        let repository = "`hf:name` names nothing on a hub";
        let form = "`-m hf:ORG/NAME@REVISION`, such as `-m hf:Qwen/Qwen3-0.6B@main`";
        check_refused("hf:name", repository, Some(form));
        check_refused("hf:../x@main+think", "`hf:../x@main` names nothing on a hub", Some(form));
        let failure = arms(&settings().1, &["openai/o3".to_owned()], &[]).expect_err("is refused");
        let said = "`openai/o3`: the provider `openai` is not built into this version";
        assert_eq!(failure.error.to_string(), said);
    }

    #[track_caller]
    fn check_names(names: &[&str], levels: &[ReasoningLevel], expected: &[&str]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let arms = arms(&settings().1, &names, levels).expect("can be followed");
        assert_eq!(arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_suffix_and_a_level_both_name_an_arm_and_the_level_wins() {
        check_names(&["tiny", "far"], &[], &["tiny", "far"]);
        check_names(&["tiny+nothink", "tiny+think"], &[], &["tiny+nothink", "tiny+think"]);
        let levels = [ReasoningLevel::Off, ReasoningLevel::Low, ReasoningLevel::Tokens(64)];
        check_names(&["tiny+think"], &levels, &["tiny+nothink", "tiny+low", "tiny+budget=64"]);
        check_names(&["far"], &[ReasoningLevel::Auto], &["far"]);
    }

    #[test]
    fn an_arm_named_twice_is_refused() {
        let twice = ["tiny+think".to_owned(), "tiny+think".to_owned()];
        let failure = arms(&settings().1, &twice, &[]).expect_err("is refused");
        assert_eq!(failure.error.to_string(), "the arm `tiny+think` is named twice");
    }

    #[test]
    fn a_gguf_file_is_called_by_its_name_without_the_ending() {
        let (folder, context) = settings();
        let path = folder.path().join("small+q8.gguf");
        fs::write(&path, "GGUF").expect("writes");
        let given = path.display().to_string();
        let found = arms(&context, &[given], &[]).expect("can be followed").remove(0);
        assert_eq!(found.name, "small+q8");
        assert_eq!(found.model.source, ModelSource::Folder(LocalModel { path }));
    }

    #[test]
    fn a_folder_is_called_by_its_last_name() {
        let (folder, context) = settings();
        let path = folder.path().join("a-model");
        fs::create_dir(&path).expect("makes");
        let model = model(&context, &path.display().to_string()).expect("is there");
        assert_eq!(model.name, "a-model");
    }
}
