//! The house rules, as a test: who may depend on whom, what may stand where, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The packages and what each may depend on inside the workspace.
const EDGES: [(&str, &[&str]); 6] = [
    ("tasks", &[]),
    ("graders", &["tripos-tasks"]),
    ("runners", &["tripos-tasks"]),
    ("dashboards", &["tripos-tasks"]),
    ("harness", &["tripos-dashboards", "tripos-graders", "tripos-runners", "tripos-tasks"]),
    ("tests", &["tripos"]),
];
/// The modules of `harness`, in the order data meets them: each uses only those before it.
const HARNESS_ORDER: [&str; 11] = [
    "config", "key", "plan", "store", "engine", "stats", "report", "gate", "bundle", "failure",
    "cli",
];
/// The most lines of code a file may have, tests and comments not counted.
const MAX_LINES: usize = 500;
/// The most packages the lock file may hold.
const MAX_LOCKED: usize = 560;
/// The files that may hold `unsafe`, each for one reason that stands there.
const UNSAFE_FILES: [&str; 2] = [
    // Maps a checkpoint into memory.
    "runners/src/local/checkpoint.rs",
    // System calls of the sandbox that no crate wraps.
    "runners/src/sandbox/sys.rs",
];
/// The files that may ask for a feature; everywhere else a feature is none of the code's business.
const FEATURE_FILES: [&str; 4] = [
    "runners/src/lib.rs",
    "runners/src/open.rs",
    "runners/src/local/device.rs",
    "harness/src/cli/doctor.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// Every Rust file of the workspace by its path from the root, with its text.
fn rust_files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (package, _) in EDGES {
        collect(&root().join(package), &mut found);
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).expect("inside").display().to_string();
            found.insert(name, fs::read_to_string(&path).expect("text"));
        }
    }
}

/// Fails with every offence at once.
#[track_caller]
fn none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn packages_depend_only_on_those_below_them() {
    for (package, allowed) in EDGES {
        let text = fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let dependencies = manifest["dependencies"].as_table().expect("a table");
        let inside: BTreeSet<&str> = dependencies
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("tripos"))
            .collect();
        assert_eq!(inside, allowed.iter().copied().collect(), "the edges of `{package}`");
    }
}

#[test]
fn the_modules_of_harness_use_only_those_before_them() {
    let place = |module: &str| HARNESS_ORDER.iter().position(|name| *name == module);
    let mut offences = Vec::new();
    for (file, text) in rust_files() {
        let Some(rest) = file.strip_prefix("harness/src/") else { continue };
        let own = rest.split(['/', '.']).next().expect("a first part");
        let Some(own_place) = place(own) else {
            if !["lib", "main"].contains(&own) {
                offences.push(format!("{file}: `{own}` has no place in the order"));
            }
            continue;
        };
        for line in text.lines() {
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
                let used = used.unwrap_or_default();
                if place(used).is_some_and(|used_place| used_place > own_place) {
                    offences.push(format!("{file}: `{own}` uses `{used}`, which comes later"));
                }
            }
        }
    }
    none("the modules of harness", &offences);
}

#[test]
fn statistics_know_nothing_else_of_the_harness() {
    let offences: Vec<String> = rust_files()
        .into_iter()
        .filter(|(file, _)| file.starts_with("harness/src/stats"))
        .filter(|(_, text)| text.split("crate::").skip(1).any(|used| !used.starts_with("stats")))
        .map(|(file, _)| file)
        .collect();
    none("`stats` uses nothing but itself", &offences);
}

#[test]
fn every_file_says_what_it_is_and_none_is_too_long() {
    let mut offences = Vec::new();
    for (file, text) in rust_files() {
        if !text.starts_with("//!") {
            offences.push(format!("{file} does not open with `//!`"));
        }
        let lines = code_lines(&file, &text);
        if lines > MAX_LINES {
            offences.push(format!("{file} has {lines} lines of code: at most {MAX_LINES}"));
        }
    }
    none("files", &offences);
}

/// Counts lines that are neither blank nor comments, up to the tests at the end of the file.
fn code_lines(file: &str, text: &str) -> usize {
    let is_test = file.ends_with("tests.rs") || file.contains("/tests/");
    let end = if is_test { "\u{0}" } else { "#[cfg(test)]\nmod tests {" };
    let code = text.split(end).next().expect("a first part");
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn unsafe_and_features_stand_only_where_they_may() {
    let mut offences = Vec::new();
    for (file, text) in rust_files() {
        if file == "tests/tests/tidy.rs" {
            continue;
        }
        let code: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
        let has = |what: &str| code.iter().any(|line| line.contains(what));
        if (has("unsafe {") || has("unsafe fn")) && !UNSAFE_FILES.contains(&file.as_str()) {
            offences.push(format!("{file} holds `unsafe`"));
        }
        let asks = has("cfg(feature") || has("cfg!(feature") || has("cfg(not(feature");
        if asks && !FEATURE_FILES.contains(&file.as_str()) {
            offences.push(format!("{file} asks for a feature"));
        }
        if (has("todo!(") || has("unimplemented!(")) && !file.ends_with("tidy.rs") {
            offences.push(format!("{file} holds a stub"));
        }
    }
    none("`unsafe`, features and stubs", &offences);
}

#[test]
fn only_the_store_holds_sql() {
    let offences: Vec<String> = rust_files()
        .into_iter()
        .filter(|(file, _)| !file.starts_with("harness/src/store/") && !file.starts_with("tests/"))
        .filter(|(file, _)| !file.contains("/tests"))
        .filter(|(_, text)| {
            ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "]
                .iter()
                .any(|sql| text.contains(sql))
        })
        .map(|(file, _)| file)
        .collect();
    none("SQL outside the store", &offences);
}

#[test]
fn every_module_file_is_compiled() {
    let files = rust_files();
    let mut offences = Vec::new();
    for file in files.keys() {
        let path = Path::new(file);
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = path.parent().expect("a folder");
        let is_root = ["src", "bin", "tests", "examples", "benches"]
            .iter()
            .any(|name| folder.file_name().is_some_and(|folder| folder == *name))
            && !folder.ends_with("tests/tests/e2e")
            && (stem == "lib" || stem == "main" || !folder.ends_with("src"))
            && !(folder.ends_with("tests")
                && folder.components().any(|part| part.as_os_str() == "src"));
        if is_root || stem == "main" {
            continue;
        }
        let (name, parents) = if stem == "mod" {
            let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
            (name, parents_of(folder.parent().expect("a folder")))
        } else {
            (stem, parents_of(folder))
        };
        let declared = parents.iter().filter_map(|parent| files.get(parent)).any(|text| {
            text.lines().any(|line| {
                let module =
                    line.trim().strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
                module.is_some_and(|(before, module)| {
                    module == name && (before.is_empty() || before.starts_with("pub"))
                })
            })
        });
        if !declared {
            offences.push(format!("{file} is declared nowhere"));
        }
    }
    none("forgotten files", &offences);
}

/// The files that may declare a module which lies in `folder`.
fn parents_of(folder: &Path) -> Vec<String> {
    let inside =
        ["mod.rs", "lib.rs", "main.rs"].map(|name| folder.join(name).display().to_string());
    let beside = folder.with_extension("rs").display().to_string();
    inside.into_iter().chain([beside]).collect()
}

#[test]
fn the_lock_file_stays_small() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(packages <= MAX_LOCKED, "{packages} packages are locked: at most {MAX_LOCKED}");
}

#[test]
fn documents_stand_alone() {
    let mut offences = Vec::new();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).expect("a document");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = link.is_empty() || link.contains("://");
            if !outside && !root().join(link).exists() {
                offences.push(format!("{name} links to `{link}`, which is not there"));
            }
        }
    }
    none("dead links", &offences);
}
