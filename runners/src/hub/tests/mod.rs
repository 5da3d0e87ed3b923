//! The hub against a stand-in on loopback: what is asked, what is kept, and what is refused.

mod kept;
mod server;

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use self::server::{Answer, Asked, COMMIT, Repository, Server, git_sha1, sha256};
use super::cache::Cache;
use super::*;

const WEIGHTS_PATH: &str =
    "/acme/tiny/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors";

/// An empty cache and the settings for a hub.
fn settings(server: &Server) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("hub");
    let settings = Settings { endpoint: server.url(), cache, token: None, offline: false };
    (folder, settings)
}

fn with_token(settings: Settings) -> Settings {
    let token = ApiKey { variable: "HF_TOKEN".to_owned(), secret: "hf_abcdefgh".into() };
    Settings { token: Some(token), ..settings }
}

fn get(settings: &Settings, text: &str) -> Result<Pulled, HubError> {
    get_shown(settings, text, &Wanted::Checkpoint, &|_| {})
}

fn get_shown(
    settings: &Settings,
    text: &str,
    wanted: &Wanted,
    show: &dyn Fn(Progress),
) -> Result<Pulled, HubError> {
    let reference: Reference = text.parse().expect("a reference");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(pull(settings, &reference, wanted, show))
}

/// The repository of the tests with one fault.
fn hub(fault: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Server {
    let repository = Repository::checkpoint();
    Server::start(move |asked| fault(asked).unwrap_or_else(|| repository.answer(asked)))
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[track_caller]
fn check_refused(settings: &Settings, text: &str, expected: &str) {
    let error = get(settings, text).expect_err("is refused");
    let port = settings.endpoint.rsplit_once(':').expect("a port").1;
    assert_eq!(error.to_string().replace(port, "[PORT]"), expected);
}

#[test]
fn a_checkpoint_is_brought_whole_and_a_pinned_one_is_not_asked_for_again() {
    let server = hub(|_| None);
    let (_folder, settings) = settings(&server);
    let last = Cell::new(Progress::default());
    let pulled = get_shown(&settings, "acme/tiny", &Wanted::Checkpoint, &|now| last.set(now))
        .expect("pulls");
    let repository = settings.cache.join("models--acme--tiny");
    assert_eq!(pulled.folder, repository.join("snapshots").join(COMMIT));
    let expected = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    assert_eq!(names(&pulled.folder), expected);
    let files = Repository::checkpoint().files;
    for name in expected {
        let bytes = &files[name];
        assert_eq!(&fs::read(pulled.folder.join(name)).expect("is there"), bytes);
        let is_large = name == "model.safetensors";
        let digest = if is_large { sha256(bytes) } else { git_sha1(bytes) };
        let link = fs::read_link(pulled.folder.join(name)).expect("a link");
        assert_eq!(link, Path::new("../../blobs").join(digest));
    }
    assert_eq!(names(&repository.join("blobs")).len(), 4, "nothing else lies there");
    let bytes: usize = expected.iter().map(|name| files[*name].len()).sum();
    let bytes = bytes as u64;
    let whole = Progress { files_done: 4, files: 4, bytes_done: bytes, bytes };
    assert_eq!(last.get(), whole);
    let main = fs::read_to_string(repository.join("refs/main")).expect("the ref");
    assert_eq!(main, COMMIT);
    let absent = names(&repository.join(".no_exist").join(COMMIT));
    assert_eq!(absent, ["chat_template.jinja", "generation_config.json"]);
    let before = server.lines().len();
    assert_eq!(before, 9, "a list, and HEAD and GET for each file: {:?}", server.lines());
    assert_eq!(get(&settings, &format!("acme/tiny@{COMMIT}")).expect("is here"), pulled);
    assert_eq!(server.lines().len(), before, "nothing is asked of a pinned commit");
    assert_eq!(get(&settings, "acme/tiny@main").expect("is here"), pulled);
    assert_eq!(server.lines()[before..], ["GET /api/models/acme/tiny/revision/main"]);
    let offline = Settings { offline: true, ..settings };
    assert_eq!(get(&offline, "acme/tiny@main").expect("is here"), pulled);
    assert_eq!(server.lines().len(), before + 1);
}

#[test]
fn weights_in_parts_are_those_of_the_index() {
    let mut repository = Repository::checkpoint();
    repository.files.remove("model.safetensors");
    let index = r#"{"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}"#;
    let files = [
        ("model.safetensors.index.json", index),
        ("part-1.safetensors", "one"),
        ("part-2.safetensors", "two"),
        ("other.safetensors", "three"),
    ];
    repository.files.extend(files.map(|(name, text)| (name.to_owned(), text.into())));
    let server = Server::start(move |asked| repository.answer(asked));
    let (_folder, settings) = settings(&server);
    let pulled = get(&settings, "acme/tiny").expect("pulls");
    let found = names(&pulled.folder);
    assert!(found.contains(&"part-2.safetensors".to_owned()), "{found:?}");
    assert!(!found.contains(&"other.safetensors".to_owned()), "{found:?}");
    // A part that is lost is noticed and brought again.
    fs::remove_file(pulled.folder.join("part-1.safetensors")).expect("was there");
    get(&settings, &format!("acme/tiny@{COMMIT}")).expect("pulls");
    assert_eq!(fs::read(pulled.folder.join("part-1.safetensors")).expect("is back"), b"one");
}

#[test]
fn one_file_of_a_data_set_is_brought_by_its_path() {
    let bytes = b"{\"question\": 1}\n".to_vec();
    let server = Server::start(move |asked| {
        let list = r#"{"sha": "0123456789abcdef0123456789abcdef01234567",
                       "siblings": [{"rfilename": "main/a b.jsonl"}, {"rfilename": "x.csv"}]}"#;
        match asked.path.as_str() {
            "/api/datasets/acme/items/revision/refs%2Fconvert%2Fparquet" => Answer::new(200, list),
            "/datasets/acme/items/resolve/0123456789abcdef0123456789abcdef01234567/main/a%20b.jsonl" => {
                server::file(asked, "a.jsonl", &bytes)
            }
            other => panic!("asked for {other}"),
        }
    });
    let (_folder, settings) = settings(&server);
    let reference = Reference::parse(Kind::Dataset, "acme/items@refs/convert/parquet");
    let reference = reference.expect("reads");
    let wanted = Wanted::Files(vec!["main/a b.jsonl".to_owned()]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let pulled = runtime.expect("starts").block_on(pull(&settings, &reference, &wanted, &|_| {}));
    let path = pulled.expect("pulls").folder.join("main/a b.jsonl");
    assert_eq!(fs::read(&path).expect("a file"), b"{\"question\": 1}\n");
    assert!(fs::read_link(path).expect("a link").starts_with("../../../blobs"));
    let refs = settings.cache.join("datasets--acme--items/refs/refs/convert/parquet");
    assert_eq!(fs::read_to_string(refs).expect("a ref"), COMMIT);
}

#[test]
fn a_cut_goes_on_where_it_broke_off() {
    let server = hub(|asked| {
        let first = asked.method == "GET" && asked.path == WEIGHTS_PATH;
        (first && !asked.headers.contains_key("range")).then(|| {
            let answer = Repository::checkpoint().answer(asked);
            Answer { cut: Some(100_000), ..answer }
        })
    });
    let (_folder, settings) = settings(&server);
    let pulled = get(&settings, "acme/tiny").expect("pulls");
    let asked = server.asked();
    let ranges: Vec<_> = asked.iter().filter_map(|asked| asked.headers.get("range")).collect();
    assert_eq!(ranges, ["bytes=100000-"]);
    let weights = fs::read(pulled.folder.join("model.safetensors")).expect("is there");
    assert_eq!(weights, Repository::checkpoint().files["model.safetensors"]);
}

#[test]
fn what_another_run_left_half_way_is_used_or_thrown_away_when_wrong() {
    let weights = Repository::checkpoint().files["model.safetensors"].clone();
    for (left, ranges) in
        [(weights[..7].to_vec(), 1), (b"wrong".to_vec(), 1), (vec![0; 900_000], 0)]
    {
        let server = hub(|_| None);
        let (_folder, settings) = settings(&server);
        let blobs = settings.cache.join("models--acme--tiny/blobs");
        fs::create_dir_all(&blobs).expect("makes");
        let partial = blobs.join(format!("{}.incomplete", sha256(&weights)));
        fs::write(&partial, &left).expect("writes");
        let pulled = get(&settings, "acme/tiny").expect("pulls");
        let found = fs::read(pulled.folder.join("model.safetensors")).expect("is there");
        assert_eq!(found, weights);
        let asked = server.asked();
        assert_eq!(asked.iter().filter(|a| a.headers.contains_key("range")).count(), ranges);
        assert!(!partial.exists());
    }
}

#[test]
fn a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept() {
    let server = hub(|asked| {
        (asked.method == "GET" && asked.path == WEIGHTS_PATH).then(|| {
            let answer = Repository::checkpoint().answer(asked);
            Answer { cut: Some(answer.body.len().min(10)), ..answer }
        })
    });
    let (_folder, settings) = settings(&server);
    let error = get(&settings, "acme/tiny").expect_err("is given up");
    assert!(matches!(error, HubError::Connection { .. }), "{error}");
    let weights = &Repository::checkpoint().files["model.safetensors"];
    let blob = settings.cache.join("models--acme--tiny/blobs").join(sha256(weights));
    let kept = fs::read(blob.with_added_extension("incomplete")).expect("is kept");
    assert_eq!(kept, weights[..50], "ten bytes of each of five tries");
    assert!(!blob.exists());
    let refs = settings.cache.join("models--acme--tiny/refs/main");
    assert!(!refs.exists(), "the branch is not moved to what is not here");
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    for name in ["model.safetensors", "tokenizer.json"] {
        let server = hub(move |asked| {
            (asked.method == "GET" && asked.path.ends_with(name)).then(|| {
                let mut answer = Repository::checkpoint().answer(asked);
                answer.body[3] ^= 1;
                answer
            })
        });
        let (_folder, settings) = settings(&server);
        let error = get(&settings, "acme/tiny").expect_err("is refused");
        assert!(matches!(&error, HubError::Digest { file, .. } if file == name), "{error}");
        let repository = settings.cache.join("models--acme--tiny");
        let bytes = &Repository::checkpoint().files[name];
        let (large, git) = (sha256(bytes), git_sha1(bytes));
        let left = names(&repository.join("blobs"));
        let own = |left: &&String| left.starts_with(&large) || left.starts_with(&git);
        assert_eq!(left.iter().find(own), None, "of {left:?}");
        assert!(!repository.join("snapshots").join(COMMIT).join(name).exists());
    }
}

#[test]
fn a_size_that_is_not_true_is_refused() {
    let lying = |said: &'static str, chunked: bool| {
        hub(move |asked| {
            (asked.path == WEIGHTS_PATH).then(|| {
                let mut answer = Repository::checkpoint().answer(asked);
                answer.headers.retain(|(name, _)| name != "x-linked-size");
                if chunked && asked.method == "GET" {
                    let count = format!("{:x}\r\n", answer.body.len()).into_bytes();
                    answer.body = [&count, &answer.body[..], b"\r\n0\r\n\r\n"].concat();
                    answer = answer.header("transfer-encoding", "chunked");
                }
                answer.header("x-linked-size", said)
            })
        })
    };
    let absurd = "`model.safetensors` has more than the 1099511627776 bytes that such a file may \
                  have: 99999999999999999";
    for (said, error) in [
        ("1000", "`model.safetensors` was to have 1000 bytes and has 800000"),
        ("900000", "`model.safetensors` was to have 900000 bytes and has 800000"),
        ("99999999999999999", absurd),
    ] {
        let server = lying(said, false);
        let (_folder, settings) = settings(&server);
        check_refused(&settings, "acme/tiny", error);
    }
    let server = lying("1000000000000", false);
    let (_folder, large) = settings(&server);
    let error = get(&large, "acme/tiny").expect_err("is refused");
    let refused = matches!(error, HubError::Space { .. } | HubError::Size { .. });
    assert!(refused, "no room for a terabyte, or else its length gives it away: {error}");
    // Without a length the bytes themselves are counted.
    let server = lying("1000", true);
    let (_folder, counted) = settings(&server);
    let error = get(&counted, "acme/tiny").expect_err("is refused");
    assert!(matches!(error, HubError::Size { said: 1000, .. }), "{error}");
    let left = names(&counted.cache.join("models--acme--tiny/blobs"));
    assert!(left.iter().all(|name| !name.ends_with("incomplete")), "{left:?}");
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let store = Server::start(|asked| {
        let weights = &Repository::checkpoint().files["model.safetensors"];
        server::file(asked, "x.bin", weights)
    });
    let elsewhere = format!("{}/store/x?signature=secret", store.url());
    let server = hub(move |asked| match asked.path.as_str() {
        // A large file lies elsewhere; a small one has moved inside the hub.
        WEIGHTS_PATH => {
            let answer = Repository::checkpoint().answer(asked);
            let mut moved = Answer::new(302, "").header("location", elsewhere.clone());
            moved.headers.extend(answer.headers.into_iter().filter(|(n, _)| n.starts_with("x-")));
            Some(moved)
        }
        path if path.ends_with("/config.json") && !path.starts_with("/moved") => {
            Some(Answer::new(307, "").header("location", "/moved/config.json"))
        }
        "/moved/config.json" => {
            Some(server::file(asked, "config.json", &Repository::checkpoint().files["config.json"]))
        }
        _ => None,
    });
    let (_folder, settings) = settings(&server);
    let pulled = get(&with_token(settings), "acme/tiny").expect("pulls");
    assert!(pulled.folder.join("model.safetensors").is_file());
    let asked = server.asked();
    let sent = |asked: &Asked| asked.headers.get("authorization").cloned();
    assert!(asked.iter().all(|a| sent(a).as_deref() == Some("Bearer hf_abcdefgh")), "{asked:?}");
    assert!(asked.iter().any(|a| a.path == "/moved/config.json"));
    let stored = store.asked();
    assert_eq!(stored.iter().map(sent).collect::<Vec<_>>(), [None], "one GET without it");
}

#[test]
fn redirects_that_lead_nowhere_are_refused() {
    let moved = |location: &'static str| {
        hub(move |asked| {
            (asked.path.contains("config.json"))
                .then(|| Answer::new(302, "").header("location", location))
        })
    };
    let host = "`127.0.0.1:[PORT]`";
    let server = moved("/acme/config.json");
    let (_folder, circle) = settings(&server);
    check_refused(&circle, "acme/tiny", &format!("{host} redirects `config.json` too often"));
    let server = moved("http://169.254.169.254/latest");
    let (_folder, metadata) = settings(&server);
    // A size and a digest are needed before anything is fetched from there.
    let said = format!("what {host} says of `config.json` makes no sense: its tag `` is no digest");
    check_refused(&metadata, "acme/tiny", &said);
    let server = hub(|asked| {
        (asked.path == WEIGHTS_PATH).then(|| {
            let mut answer = Repository::checkpoint().answer(asked);
            (answer.status, answer.body) = (302, Vec::new());
            answer.header("location", "http://169.254.169.254/latest")
        })
    });
    let (_folder, metadata) = settings(&server);
    let said = format!("{host} gives an address for `model.safetensors` that is not followed");
    check_refused(&metadata, "acme/tiny", &said);
}

#[test]
fn each_refusal_of_the_hub_says_what_to_do() {
    let refusing = |status: u16, code: &'static str| {
        hub(move |_| Some(Answer::new(status, "").header("x-error-code", code)))
    };
    let cases = [
        (
            401,
            "GatedRepo",
            "`acme/tiny@main` is gated: its terms are accepted at `http://127.0.0.1:[PORT]/acme/tiny`",
            Some("accept them there, then set `HF_TOKEN` to a token of that account"),
        ),
        (
            401,
            "RepoNotFound",
            "`127.0.0.1:[PORT]` has no `acme/tiny@main`: no such repository, or none that may be seen",
            Some("check the name; for a private repository set `HF_TOKEN`"),
        ),
        (404, "RevisionNotFound", "`acme/tiny@main`: the repository has no such revision", None),
        (
            403,
            "",
            "`127.0.0.1:[PORT]` refuses `acme/tiny@main` (status 403)",
            Some("set `HF_TOKEN` to a token of yours"),
        ),
        (418, "", "`127.0.0.1:[PORT]` answered 418 for `acme/tiny@main`", None),
    ];
    for (status, code, said, hint) in cases {
        let server = refusing(status, code);
        let (_folder, settings) = settings(&server);
        check_refused(&settings, "acme/tiny", said);
        assert_eq!(server.lines().len(), 1, "nothing is tried twice");
        if let Some(hint) = hint {
            let error = get(&settings, "acme/tiny").expect_err("is refused");
            assert_eq!(error.hint().as_deref(), Some(hint));
        }
        assert!(!settings.cache.exists(), "nothing is written");
    }
    let server = refusing(403, "GatedRepo");
    let (_folder, settings) = settings(&server);
    let error = get(&with_token(settings), "acme/tiny").expect_err("is refused");
    let hint = "accept them with the account of this `HF_TOKEN`, and allow the token to read gated \
                repositories";
    assert_eq!(error.hint().as_deref(), Some(hint));
}

#[test]
fn trouble_that_passes_is_waited_for() {
    let server = hub(|asked| match asked.number {
        0 => Some(Answer::new(503, "")),
        1 => Some(Answer::new(429, "").header("retry-after", "0")),
        _ => None,
    });
    let (_folder, waiting) = settings(&server);
    get(&waiting, "acme/tiny").expect("pulls");
    let server = hub(|_| Some(Answer::new(429, "").header("retry-after", "3600")));
    let (_folder, limited) = settings(&server);
    check_refused(&limited, "acme/tiny", "`127.0.0.1:[PORT]` wants no more requests for 3600 s");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn what_the_hub_says_is_not_believed_where_it_cannot_be() {
    let listing = |body: &'static str| {
        hub(move |asked| asked.path.starts_with("/api").then(|| Answer::new(200, body)))
    };
    let no_sense = "what `127.0.0.1:[PORT]` says of";
    for (body, said) in [
        (
            r#"{"sha": "../../x"}"#,
            format!("{no_sense} `acme/tiny@main` makes no sense: `../../x` is no commit"),
        ),
        (
            r#"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "../x"}]}"#,
            "`acme/tiny@main` lists a file whose name leaves its folder: `../x`".to_owned(),
        ),
        (
            r#"{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "x.gguf"}]}"#,
            "`acme/tiny@main` has no file `config.json`".to_owned(),
        ),
    ] {
        let server = listing(body);
        let (_folder, settings) = settings(&server);
        check_refused(&settings, "acme/tiny", &said);
    }
    let server = listing(r#"{"sha": "0123456789abcdef0123456789abcdef01234567"}"#);
    let (_folder, pinned) = settings(&server);
    let other = "a".repeat(40);
    let said = format!("{no_sense} `acme/tiny@{other}` makes no sense: it gives commit `{COMMIT}`");
    check_refused(&pinned, &format!("acme/tiny@{other}"), &said);
    for (tag, problem) in
        [("\"../../x\"", "its tag `\"../../x\"` is no digest"), ("", "its tag `` is no digest")]
    {
        let server = hub(move |asked| {
            asked.path.ends_with("/config.json").then(|| Answer::new(200, "{}").header("etag", tag))
        });
        let (_folder, settings) = settings(&server);
        let said = format!("{no_sense} `config.json` makes no sense: {problem}");
        check_refused(&settings, "acme/tiny", &said);
    }
}

#[test]
fn a_gated_repository_may_be_listed_by_anyone() {
    let server = hub(|asked| {
        let is_file = asked.path.contains("/resolve/");
        is_file.then(|| Answer::new(401, "").header("x-error-code", "GatedRepo"))
    });
    let (_folder, settings) = settings(&server);
    let said = "`acme/tiny@main` is gated: its terms are accepted at \
                `http://127.0.0.1:[PORT]/acme/tiny`";
    check_refused(&settings, "acme/tiny", said);
}
