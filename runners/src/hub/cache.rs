//! The cache of `huggingface_hub`, in whose layout files are found and left.
//!
//! `models--ORG--NAME/blobs/DIGEST` holds a file once, `snapshots/COMMIT/FILE` links to it, `refs/REV`
//! holds the commit that a branch meant when it was last asked for, `.no_exist/COMMIT/FILE` says that a
//! commit has no such file, and `../.locks/models--ORG--NAME/DIGEST.lock` is held by whoever writes a
//! blob. The Python library takes the same names and the same kind of lock, so both may work at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::HubError;
use super::reference::{Reference, is_commit, is_hex};
use super::select::{CONFIG, INDEX, OPTIONAL, TOKENIZER, WEIGHTS, is_safe};

/// Bytes of an index that is read.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// One repository in the cache.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    /// `…/hub/models--ORG--NAME`.
    folder: PathBuf,
    locks: PathBuf,
}

/// How much of a checkpoint has to be known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// What no checkpoint goes without.
    Needed,
    /// Also, for every file that a checkpoint may have, that it is there or does not exist.
    All,
}

/// Which files a checkpoint in several parts has.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Cache {
    /// The place of a repository in the cache at `root`. Nothing is written.
    pub(super) fn new(root: &Path, reference: &Reference) -> Self {
        let repository = reference.repository.replace('/', "--");
        let name = format!("{}--{repository}", reference.kind.plural());
        Self { folder: root.join(&name), locks: root.join(".locks").join(name) }
    }

    /// Where the files of a commit are.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Where the blob with this digest is, or will be.
    pub(super) fn blob(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest)
    }

    /// Returns the commit that `revision` meant when it was last asked for.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        let commit = text.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Keeps which commit `revision` means now.
    pub(super) fn remember(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if revision == commit || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        write(&self.folder.join("refs").join(revision), commit)
    }

    /// Keeps that `commit` has no file `name`.
    pub(super) fn remember_absent(&self, commit: &str, name: &str) -> Result<(), HubError> {
        write(&self.folder.join(".no_exist").join(commit).join(name), "")
    }

    /// Whether a file of a commit is here, whole.
    pub(super) fn has(&self, commit: &str, name: &str) -> bool {
        self.snapshot(commit).join(name).is_file()
    }

    /// Whether it is known that `commit` has no file `name`.
    pub(super) fn lacks(&self, commit: &str, name: &str) -> bool {
        self.folder.join(".no_exist").join(commit).join(name).is_file()
    }

    /// Returns the first file of a checkpoint that is not here.
    pub(super) fn missing(&self, commit: &str, proof: Proof) -> Option<String> {
        let needed = [CONFIG, TOKENIZER].into_iter().find(|name| !self.has(commit, name));
        if let Some(name) = needed {
            return Some(name.to_owned());
        }
        if proof == Proof::All {
            let open = |name: &&&str| !self.has(commit, name) && !self.lacks(commit, name);
            if let Some(name) = OPTIONAL.iter().find(open) {
                return Some((*name).to_owned());
            }
        }
        if self.has(commit, WEIGHTS) {
            return None;
        }
        let Some(shards) = self.shards(commit) else { return Some(WEIGHTS.to_owned()) };
        shards.into_iter().find(|name| !self.has(commit, name))
    }

    /// Returns the shards that the index of a commit names, if it has a readable one.
    pub(super) fn shards(&self, commit: &str) -> Option<BTreeSet<String>> {
        let path = self.snapshot(commit).join(INDEX);
        if fs::metadata(&path).ok()?.len() > INDEX_BYTES_MAX {
            return None;
        }
        let index: Index = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let shards: BTreeSet<String> = index.weight_map.into_values().collect();
        (!shards.is_empty() && shards.iter().all(|name| is_safe(name))).then_some(shards)
    }

    /// Makes `snapshots/COMMIT/NAME` stand for a blob that is whole.
    pub(super) fn place(&self, commit: &str, name: &str, digest: &str) -> Result<(), HubError> {
        self.place_with(commit, (name, digest), symlink)
    }

    /// The same with another way to make a link; where it cannot be made, the file is copied.
    pub(super) fn place_with(
        &self,
        commit: &str,
        (name, digest): (&str, &str),
        link: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> Result<(), HubError> {
        let path = self.snapshot(commit).join(name);
        let failed = |source| HubError::Write { path: path.clone(), source };
        if path.is_file() {
            return Ok(());
        }
        make_parent(&path)?;
        // A link whose blob was thrown away.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let up = "../".repeat(2 + name.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{digest}"));
        match link(&target, &path) {
            Ok(()) => Ok(()),
            // Another process has placed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) => {
                let copy = path.with_added_extension("incomplete");
                fs::copy(self.blob(digest), &copy).map_err(failed)?;
                fs::rename(&copy, &path).map_err(failed)
            }
        }
    }

    /// Opens the file that is locked while the blob with this digest is written.
    pub(super) fn lock_file(&self, digest: &str) -> Result<File, HubError> {
        let path = self.locks.join(format!("{digest}.lock"));
        make_parent(&path)?;
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        opened.map_err(|source| HubError::Write { path, source })
    }

    /// Makes the folder for blobs and returns it.
    pub(super) fn blobs(&self) -> Result<PathBuf, HubError> {
        let path = self.folder.join("blobs");
        fs::create_dir_all(&path)
            .map_err(|source| HubError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

/// Whether `text` can be the name of a blob: a SHA-256, or the SHA-1 of a git blob.
pub(super) fn is_digest(text: &str) -> bool {
    is_hex(text, 64) || is_hex(text, 40)
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn make_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().expect("every file of the cache lies in a folder");
    fs::create_dir_all(parent).map_err(|source| HubError::Write { path: parent.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), HubError> {
    make_parent(path)?;
    fs::write(path, text).map_err(|source| HubError::Write { path: path.to_owned(), source })
}
