//! What is in the cache already, and who else writes to it.

use super::*;

#[test]
fn offline_says_what_is_missing_and_asks_nothing() {
    let server = hub(|_| None);
    let (_folder, online) = settings(&server);
    let offline = Settings { offline: true, ..online.clone() };
    let not_whole = "is not whole in the cache, and the network is not to be used: no";
    let said = format!("`acme/tiny@main` {not_whole} commit of this revision");
    check_refused(&offline, "acme/tiny", &said);
    assert_eq!(server.lines(), [""; 0]);
    let pulled = get(&online, "acme/tiny").expect("pulls");
    fs::remove_file(pulled.folder.join("model.safetensors")).expect("was there");
    check_refused(
        &offline,
        "acme/tiny",
        &format!("`acme/tiny@main` {not_whole} `model.safetensors`"),
    );
}

#[test]
fn files_of_the_python_library_are_used() {
    let server = hub(|_| None);
    let (_folder, settings) = settings(&server);
    let repository = settings.cache.join("models--acme--tiny");
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).expect("makes");
    fs::create_dir_all(repository.join("refs")).expect("makes");
    fs::write(repository.join("refs/main"), COMMIT).expect("writes");
    for (name, bytes) in Repository::checkpoint().files {
        if !name.contains('/') {
            fs::write(snapshot.join(name), bytes).expect("writes");
        }
    }
    let offline = Settings { offline: true, ..settings.clone() };
    assert_eq!(get(&offline, "acme/tiny").expect("is here").folder, snapshot);
    // Whether files that are not here exist at all is not known yet: it is asked once.
    get(&settings, &format!("acme/tiny@{COMMIT}")).expect("is here");
    assert_eq!(server.lines(), [format!("GET /api/models/acme/tiny/revision/{COMMIT}")]);
    get(&settings, &format!("acme/tiny@{COMMIT}")).expect("is here");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_file_is_copied_where_no_link_can_be_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference: Reference = "acme/tiny".parse().expect("reads");
    let cache = Cache::new(folder.path(), &reference);
    let digest = "a".repeat(64);
    fs::write(cache.blobs().expect("makes").join(&digest), "bytes").expect("writes");
    let refuse = |_: &Path, _: &Path| Err(io::ErrorKind::PermissionDenied.into());
    cache.place_with(COMMIT, ("a/x.json", &digest), refuse).expect("copies");
    let path = cache.snapshot(COMMIT).join("a/x.json");
    assert!(path.symlink_metadata().expect("is there").is_file());
    assert_eq!(fs::read_to_string(path).expect("is there"), "bytes");
}

#[test]
fn a_blob_that_another_process_writes_is_waited_for() {
    let held: Arc<Mutex<Option<(fs::File, PathBuf)>>> = Arc::default();
    let other = Arc::clone(&held);
    let config = Repository::checkpoint().files["config.json"].clone();
    let bytes = config.clone();
    // The lock was tried in vain when the next file is asked for: then the other process is done.
    let server = hub(move |asked| {
        let next = asked.method == "GET" && asked.path.ends_with("/tokenizer.json");
        if let Some((lock, blob)) = next.then(|| other.lock().expect("no panic").take()).flatten() {
            fs::write(blob, &bytes).expect("writes");
            drop(lock);
        }
        None
    });
    let (_folder, settings) = settings(&server);
    let reference: Reference = "acme/tiny".parse().expect("reads");
    let cache = Cache::new(&settings.cache, &reference);
    let lock = cache.lock_file(&git_sha1(&config)).expect("opens");
    lock.lock().expect("locks");
    let blob = cache.blobs().expect("makes").join(git_sha1(&config));
    *held.lock().expect("no panic") = Some((lock, blob));
    get(&settings, "acme/tiny").expect("pulls");
    let asked = format!("GET /acme/tiny/resolve/{COMMIT}/config.json");
    assert!(!server.lines().contains(&asked), "the other process brought it");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let server = hub(|_| None);
    let (folder, settings) = settings(&server);
    fs::write(folder.path().join("hub"), "a file").expect("writes");
    let error = get(&settings, "acme/tiny").expect_err("is refused");
    let path = settings.cache.join("models--acme--tiny/blobs");
    assert_eq!(error.to_string(), format!("cannot write `{}`", path.display()));
    let hint = "`HF_HOME` or `HF_HUB_CACHE` names another place";
    assert_eq!(error.hint().as_deref(), Some(hint));
}

#[test]
fn a_blob_of_another_size_is_brought_again() {
    let server = hub(|_| None);
    let (_folder, settings) = settings(&server);
    let pulled = get(&settings, "acme/tiny").expect("pulls");
    let bytes = &Repository::checkpoint().files["tokenizer.json"];
    let blob = settings.cache.join("models--acme--tiny/blobs").join(git_sha1(bytes));
    fs::write(&blob, "cut").expect("writes");
    fs::remove_file(pulled.folder.join("tokenizer.json")).expect("was there");
    get(&settings, "acme/tiny").expect("pulls");
    assert_eq!(&fs::read(pulled.folder.join("tokenizer.json")).expect("is there"), bytes);
}
