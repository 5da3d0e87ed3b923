//! Files that are right, files that are wrong, and keys that are not there.

use std::fs;

use super::*;

/// Loads `text` from a file of its own and hands over its outcome.
fn load_text(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tripos.toml");
    fs::write(&path, text).expect("writes");
    load(Some(&path))
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = load_text(text).expect_err("is refused").to_string();
    let said = error.split_once("tripos.toml` ").map_or(error.as_str(), |(_, said)| said);
    assert_eq!(said, expected, "for\n{text}");
}

#[test]
fn the_defaults_are_complete_and_name_the_built_in_job() {
    let config = defaults();
    assert_eq!(config.store, Path::new("tripos.db"));
    assert_eq!(config.run.suites, ["smoke"]);
    assert_eq!(config.run.models, ["tiny+nothink", "tiny+think"]);
    assert!(config.models.is_empty());
}

#[test]
fn the_commented_models_of_the_defaults_are_themselves_right() {
    let (_, commented) =
        DEFAULTS.split_once("every key each takes:\n#\n").expect("the comment is there");
    let lines: Vec<&str> =
        commented.lines().map(|line| line.trim_start_matches('#').trim_start()).collect();
    let models = lines.join("\n");
    let config = load_text(&models).expect("reads");
    assert_eq!(config.models.keys().collect::<Vec<_>>(), ["local-moe", "remote"]);
}

#[test]
fn a_service_that_runs_programs_is_read() {
    let text =
        "[sandbox]\nservice = \"http://localhost:2000\"\ndialect = \"piston\"\nimage = \"mine\"";
    let config = load_text(text).expect("reads");
    let service = Service { url: "http://localhost:2000".to_owned(), dialect: Dialect::Piston };
    let elsewhere = Elsewhere { service: Some(service), image: Some("mine".to_owned()) };
    assert_eq!(config.elsewhere, elsewhere);
}

#[test]
fn what_is_wrong_is_refused_with_its_line() {
    check_refused("store = \"a\"\nsuites = [", "line 2: unclosed array, expected `]`");
    check_refused("\nstroe = \"a\"\n", "line 2: unknown key `stroe`");
    check_refused("[run]\nmodel = []\n", "line 2: unknown key `model` in `[run]`");
    check_refused("[run]\nmax_failed = 2.0", "line 2: `max_failed` is a share from 0 to 1, not 2");
    check_refused("[sandbox]\nserivce = \"x\"", "line 2: unknown key `serivce` in `[sandbox]`");
    check_refused(
        "[sandbox]\nservice = \"http://localhost:2000\"",
        "line 2: a `service` needs its `dialect`: `piston` or `fusion`",
    );
    check_refused("[run]\nseed = -1", "line 2: invalid value: integer `-1`, expected u64");
    check_refused(
        "[models.a]\nrunner = \"local\"\npth = \"x\"",
        "line 3: unknown key `pth` in `[models.a]`",
    );
    check_refused("[models.a]\nrunner = \"local\"", "line 2: model `a` has no `path`");
    check_refused("[models.a]\nrunner = \"chat\"", "line 2: model `a` has no `base_url`");
    check_refused(
        "[models.a]\nrunner = \"messages\"",
        "line 2: model `a`: there is no runner `messages`; this version has `local` and `chat`",
    );
    check_refused(
        "[models.\"a/b\"]\nrunner = \"local\"\npath = \"x\"",
        "line 2: the name of model `a/b` may not hold `/`",
    );
    check_refused(
        "[models.a]\nrunner = \"chat\"\nbase_url = \"http://x\"\nlimits = { rate = 1 }",
        "line 4: unknown key `rate` in `[models.a.limits]`",
    );
    check_refused(
        "[models.a]\nrunner = \"chat\"\nbase_url = \"http://x\"\nlimits = { concurrency = 0 }",
        "line 4: `concurrency` is at least 1",
    );
    check_refused(
        "[models.a]\nrunner = \"chat\"\nbase_url = \"http://x\"\napi_key_env = \"A\"\n\
         api_key_file = \"b\"",
        "line 2: model `a` names two places for its key",
    );
}

#[test]
fn an_unknown_key_knows_its_neighbours() {
    let Err(ConfigError::UnknownKey { key, known, .. }) = load_text("modles = 1") else {
        panic!("is refused as an unknown key")
    };
    assert_eq!(tripos_tasks::nearest(&key, known.into_iter()).as_deref(), Some("models"));
}

#[test]
fn a_file_that_was_named_must_exist_and_be_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.toml");
    assert!(matches!(load(Some(&path)), Err(ConfigError::Read { .. })));
    fs::write(&path, vec![b'#'; 2 << 20]).expect("writes");
    assert!(matches!(load(Some(&path)), Err(ConfigError::TooLarge { .. })));
}

#[test]
fn paths_of_models_start_at_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tripos.toml");
    fs::write(&path, "[models.a]\nrunner = \"local\"\npath = \"m\"").expect("writes");
    let config = load(Some(&path)).expect("reads");
    let model = config.model("a").expect("is there").expect("needs no key");
    assert_eq!(model.source, ModelSource::Folder(LocalModel { path: folder.path().join("m") }));
    assert!(config.model("b").is_none());
}

#[test]
fn a_key_that_is_not_set_is_named_and_nothing_is_read_before_it_is_wanted() {
    let config = load_text(
        "[models.a]\nrunner = \"chat\"\nbase_url = \"http://localhost\"\n\
         api_key_env = \"TRIPOS_TEST_KEY_THAT_NOBODY_SETS\"",
    )
    .expect("reads");
    let error = config.model("a").expect("is there").expect_err("has no key");
    assert_eq!(
        error.to_string(),
        "model `a` needs a key, and `TRIPOS_TEST_KEY_THAT_NOBODY_SETS` is not set"
    );
}

#[cfg(unix)]
#[test]
fn a_key_file_is_read_only_when_nobody_else_can() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let source = KeySource::File(path.clone());
    assert!(matches!(source.read("a"), Err(ConfigError::KeyFile { .. })));
    fs::write(&path, "  \n").expect("writes");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets");
    mode(0o644);
    assert!(matches!(source.read("a"), Err(ConfigError::KeyExposed { mode: 0o644, .. })));
    mode(0o600);
    assert!(matches!(source.read("a"), Err(ConfigError::EmptyKey { .. })));
    fs::write(&path, "secret\n").expect("writes");
    assert!(source.read("a").expect("reads").is_some());
}
