//! What can be run by name: the suites and tasks inside the binary, and those in files.

use std::path::{Path, PathBuf};

use crate::error::SuiteError;
use crate::file::{self, Head, Kind, SuiteFile, TaskFile};
use crate::suite::{self, Suite};
use crate::{SuiteId, Task, TaskId, Version};

/// The files inside the binary: name and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("smoke.toml", include_str!("../suites/smoke.toml")),
    ("smoke/arith_chain.toml", include_str!("../suites/smoke/arith_chain.toml")),
    ("smoke/linear_system.toml", include_str!("../suites/smoke/linear_system.toml")),
    ("smoke/modular.toml", include_str!("../suites/smoke/modular.toml")),
    ("smoke/output_prediction.toml", include_str!("../suites/smoke/output_prediction.toml")),
    ("smoke/claim_verification.toml", include_str!("../suites/smoke/claim_verification.toml")),
    ("smoke/context_poison.toml", include_str!("../suites/smoke/context_poison.toml")),
    ("smoke/false_premise.toml", include_str!("../suites/smoke/false_premise.toml")),
    ("code.toml", include_str!("../suites/code.toml")),
    ("code/fn_synthesis.toml", include_str!("../suites/code/fn_synthesis.toml")),
    ("code/stdin_judge.toml", include_str!("../suites/code/stdin_judge.toml")),
    ("reasoning-core.toml", include_str!("../suites/reasoning-core.toml")),
    ("misinformation.toml", include_str!("../suites/misinformation.toml")),
    ("twins.toml", include_str!("../suites/twins.toml")),
    ("math/arith_chain.toml", include_str!("../suites/math/arith_chain.toml")),
    ("math/linear_system.toml", include_str!("../suites/math/linear_system.toml")),
    ("math/modular.toml", include_str!("../suites/math/modular.toml")),
    ("math/counting.toml", include_str!("../suites/math/counting.toml")),
    ("math/number_theory.toml", include_str!("../suites/math/number_theory.toml")),
    ("math/geometry.toml", include_str!("../suites/math/geometry.toml")),
    ("math/probability.toml", include_str!("../suites/math/probability.toml")),
    ("math/poly_roots.toml", include_str!("../suites/math/poly_roots.toml")),
    ("math/derivative.toml", include_str!("../suites/math/derivative.toml")),
    ("math/integral.toml", include_str!("../suites/math/integral.toml")),
    ("math/word_problem.toml", include_str!("../suites/math/word_problem.toml")),
    ("math/symbolic.toml", include_str!("../suites/math/symbolic.toml")),
    ("code/output_prediction.toml", include_str!("../suites/code/output_prediction.toml")),
    ("code/input_prediction.toml", include_str!("../suites/code/input_prediction.toml")),
    ("code/bug_repair.toml", include_str!("../suites/code/bug_repair.toml")),
    ("misinfo/claim_verification.toml", include_str!("../suites/misinfo/claim_verification.toml")),
    ("misinfo/numeric_claim.toml", include_str!("../suites/misinfo/numeric_claim.toml")),
    ("misinfo/unanswerable.toml", include_str!("../suites/misinfo/unanswerable.toml")),
    ("misinfo/false_premise.toml", include_str!("../suites/misinfo/false_premise.toml")),
    ("misinfo/context_poison.toml", include_str!("../suites/misinfo/context_poison.toml")),
    ("misinfo/hint.toml", include_str!("../suites/misinfo/hint.toml")),
    ("misinfo/citation_check.toml", include_str!("../suites/misinfo/citation_check.toml")),
    ("misinfo/cite_support.toml", include_str!("../suites/misinfo/cite_support.toml")),
    ("twins/word_problem.toml", include_str!("../suites/twins/word_problem.toml")),
    ("twins/linear_system.toml", include_str!("../suites/twins/linear_system.toml")),
    ("twins/probability.toml", include_str!("../suites/twins/probability.toml")),
    ("twins/geometry.toml", include_str!("../suites/twins/geometry.toml")),
    ("twins/units.toml", include_str!("../suites/twins/units.toml")),
    ("twins/unanswerable.toml", include_str!("../suites/twins/unanswerable.toml")),
];
/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// The suites and tasks that can be named.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
}

/// One file of the catalog.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name it is run by.
    pub id: String,
    /// One line for lists.
    pub title: String,
    /// Whether it lists tasks, or is one.
    pub is_suite: bool,
    /// The file's name in messages.
    pub file: String,
    text: String,
}

impl Catalog {
    /// Opens the catalog of what is inside the binary.
    ///
    /// # Panics
    ///
    /// Never: a test reads every file inside the binary.
    pub fn built_in() -> Self {
        let entries = BUILT_IN
            .iter()
            .map(|(name, text)| entry(&format!("built-in:{name}"), text).expect("a test reads it"))
            .collect();
        Self { entries }
    }

    /// Returns what can be run by name, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Loads a suite by name, or from a file when `name` ends in `.toml`. A task alone is a suite of one.
    pub fn suite(&self, name: &str) -> Result<Suite, SuiteError> {
        self.load(name, None)
    }

    /// Loads a suite with every generated item drawn from `seed` in place of the file's own.
    pub fn suite_with_seed(&self, name: &str, seed: u64) -> Result<Suite, SuiteError> {
        self.load(name, Some(seed))
    }

    fn load(&self, name: &str, seed: Option<u64>) -> Result<Suite, SuiteError> {
        if !has_toml_ending(name) {
            let entry = self.find(name)?;
            return self.build(entry, seed);
        }
        let path = Path::new(name);
        let own = entry(name, &read_file(path)?)?;
        let mut entries = beside(path)?;
        entries.extend(self.entries.iter().cloned());
        Self { entries }.build(&own, seed)
    }

    fn find(&self, name: &str) -> Result<&Entry, SuiteError> {
        self.entries.iter().find(|entry| entry.id == name).ok_or_else(|| SuiteError::Unknown {
            name: name.to_owned(),
            nearest: file::nearest(name, self.entries.iter().map(|entry| entry.id.as_str())),
        })
    }

    fn build(&self, entry: &Entry, seed: Option<u64>) -> Result<Suite, SuiteError> {
        if !entry.is_suite {
            return Ok(suite_of_one(task(entry, seed)?));
        }
        let form: SuiteFile = file::read(&entry.file, &entry.text)?;
        let invalid = |message: String| SuiteError::Invalid { file: entry.file.clone(), message };
        suite::check_schema(form.schema).map_err(invalid)?;
        let mut tasks: Vec<Task> = Vec::with_capacity(form.task.len());
        for reference in form.task {
            if tasks.iter().any(|task| task.id.as_str() == reference.id) {
                return Err(invalid(format!("task `{}` appears twice", reference.id)));
            }
            if reference.weight == 0 || reference.limit == Some(0) {
                return Err(invalid(format!(
                    "task `{}`: `weight` and `limit` start at 1",
                    reference.id
                )));
            }
            let found = self.find(&reference.id)?;
            if found.is_suite {
                return Err(invalid(format!("`{}` is a suite: a suite lists tasks", reference.id)));
            }
            let mut task = task(found, seed)?;
            if let Some(limit) = reference.limit {
                task = task.limited(&found.file, limit)?;
            }
            task.weight = reference.weight;
            tasks.push(task);
        }
        if tasks.is_empty() {
            return Err(invalid("the suite lists no task".to_owned()));
        }
        Ok(Suite {
            id: SuiteId::new(form.id),
            version: Version::new(form.version),
            title: form.title,
            description: form.description,
            tags: form.tags,
            digest: Suite::digest_of(&tasks),
            tasks,
        })
    }
}

/// Cuts every task of a suite down to `limit` items, taken from every level in turn.
pub fn limited(mut suite: Suite, limit: usize) -> Result<Suite, SuiteError> {
    let file = suite.id.to_string();
    suite.tasks =
        suite.tasks.into_iter().map(|task| task.limited(&file, limit)).collect::<Result<_, _>>()?;
    suite.digest = Suite::digest_of(&suite.tasks);
    Ok(suite)
}

fn suite_of_one(task: Task) -> Suite {
    Suite {
        id: SuiteId::new(task.id.as_str()),
        version: task.version.clone(),
        title: task.title.clone(),
        description: task.about.description.clone(),
        tags: task.about.tags.clone(),
        digest: Suite::digest_of(std::slice::from_ref(&task)),
        tasks: vec![task],
    }
}

fn task(entry: &Entry, seed: Option<u64>) -> Result<Task, SuiteError> {
    let form: TaskFile = file::read(&entry.file, &entry.text)?;
    suite::task(&entry.file, form, seed)
}

/// Reads the keys that every form has.
fn entry(file: &str, text: &str) -> Result<Entry, SuiteError> {
    let head: Head = file::read(file, text)?;
    let id = TaskId::new(head.id);
    let named = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if id.as_str().is_empty() || !id.as_str().chars().all(named) {
        let message = format!("`{id}` is no name: use letters, digits, `.`, `_`, `-` and `/`");
        return Err(SuiteError::Invalid { file: file.to_owned(), message });
    }
    Ok(Entry {
        id: id.to_string(),
        title: head.title,
        is_suite: head.kind == Kind::Suite,
        file: file.to_owned(),
        text: text.to_owned(),
    })
}

/// The task files in the folder of a suite file. One that is no task is not this suite's business.
fn beside(path: &Path) -> Result<Vec<Entry>, SuiteError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let failed = |source| SuiteError::Read { path: folder.to_owned(), source };
    let mut files: Vec<PathBuf> = Vec::new();
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        // A link could lead out of the folder.
        if file.file_type().map_err(failed)?.is_file() && file.path() != path {
            files.push(file.path());
        }
    }
    files.sort();
    let toml = files.iter().filter(|file| has_toml_ending(&file.to_string_lossy()));
    Ok(toml
        .filter_map(|file| entry(&file.display().to_string(), &read_file(file).ok()?).ok())
        .collect())
}

fn has_toml_ending(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "toml")
}

fn read_file(path: &Path) -> Result<String, SuiteError> {
    let failed = |source| SuiteError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        let message = format!("{size} bytes: at most {MAX_FILE_BYTES}");
        return Err(SuiteError::Invalid { file: path.display().to_string(), message });
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests;
