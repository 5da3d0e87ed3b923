//! Checkpoints and items from a Hugging Face hub, into the cache that its Python library uses.
//!
//! [`pull`] asks which commit a revision is and which files it has, brings those that are wanted and not
//! here yet, and returns the folder. Every file is held to the size and the digest that the hub states
//! before it gets its name: SHA-256 for large files, the SHA-1 of a git blob for the others. What breaks
//! off half way goes on from there the next time. Nothing in a repository is run.
//!
//! Of a pinned commit whose files are all here nothing is asked at all.

mod cache;
mod error;
mod fetch;
mod patience;
mod reference;
mod select;
mod wire;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use self::cache::{Cache, Proof};
pub use self::error::HubError;
use self::fetch::Fetch;
use self::patience::persist;
pub use self::reference::{Kind, Reference, ReferenceError};
pub use self::select::Wanted;
use self::select::{INDEX, OPTIONAL, WEIGHTS, need};
use self::wire::{Listing, Wire};
use crate::model::ApiKey;

/// Files that are brought at once.
const PARALLEL: usize = 4;

/// Where the hub and the cache are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hub's address, such as `https://huggingface.co`.
    pub endpoint: String,
    /// The folder with one folder for each repository: `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// The token, if there is one. It is sent to the endpoint only.
    pub token: Option<ApiKey>,
    /// Whether only the cache may be used.
    pub offline: bool,
}

/// How far a pull is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files that are here, whole.
    pub files_done: usize,
    /// Files whose size is known so far.
    pub files: usize,
    /// Their bytes that are here.
    pub bytes_done: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The folder with the files under their own names.
    pub folder: PathBuf,
    /// The commit they belong to.
    pub commit: String,
}

/// Brings what is wanted of a repository and is not in the cache yet; tells `show` how far it is.
pub async fn pull(
    settings: &Settings,
    reference: &Reference,
    wanted: &Wanted,
    show: &dyn Fn(Progress),
) -> Result<Pulled, HubError> {
    let cache = Cache::new(&settings.cache, reference);
    if settings.offline {
        return here(&cache, reference, wanted);
    }
    if reference.is_pinned() && missing(&cache, &reference.revision, wanted, Proof::All).is_none() {
        return Ok(pulled(&cache, &reference.revision));
    }
    let wire = Wire::new(settings)?;
    let listing = persist(async || wire.list(reference).await).await?;
    if missing(&cache, &listing.commit, wanted, Proof::All).is_some() {
        let of = (reference, listing.commit.as_str());
        let fetch = Fetch::new(&wire, &cache, of, show);
        fetch.all(wanted.first(reference, &listing.files)?).await?;
        if *wanted == Wanted::Checkpoint {
            fetch.all(weights(&wire, &cache, reference, &listing)?).await?;
            for name in OPTIONAL {
                if need(reference, &listing.files, name).is_err() {
                    cache.remember_absent(&listing.commit, name)?;
                }
            }
        }
    }
    // Only now: a branch that cannot be brought whole still means what it meant offline.
    cache.remember(&reference.revision, &listing.commit)?;
    Ok(pulled(&cache, &listing.commit))
}

/// What the cache has of a repository, when the network is not to be used.
fn here(cache: &Cache, reference: &Reference, wanted: &Wanted) -> Result<Pulled, HubError> {
    let offline = |missing: String| HubError::Offline { reference: reference.to_string(), missing };
    let commit = if reference.is_pinned() {
        Some(reference.revision.clone())
    } else {
        cache.commit_of(&reference.revision)
    };
    let commit = commit.ok_or_else(|| offline("commit of this revision".to_owned()))?;
    match missing(cache, &commit, wanted, Proof::Needed) {
        Some(name) => Err(offline(format!("`{name}`"))),
        None => Ok(pulled(cache, &commit)),
    }
}

fn pulled(cache: &Cache, commit: &str) -> Pulled {
    Pulled { folder: cache.snapshot(commit), commit: commit.to_owned() }
}

/// The first wanted file that is not known to be here.
fn missing(cache: &Cache, commit: &str, wanted: &Wanted, proof: Proof) -> Option<String> {
    match wanted {
        Wanted::Checkpoint => cache.missing(commit, proof),
        Wanted::Files(files) => {
            files.iter().find(|name| !select::is_safe(name) || !cache.has(commit, name)).cloned()
        }
    }
}

/// The files with the weights of a checkpoint whose index is here.
fn weights(
    wire: &Wire,
    cache: &Cache,
    reference: &Reference,
    listing: &Listing,
) -> Result<Vec<String>, HubError> {
    if need(reference, &listing.files, WEIGHTS).is_ok() {
        return Ok(vec![WEIGHTS.to_owned()]);
    }
    let shards = cache.shards(&listing.commit).ok_or_else(|| {
        wire.malformed(INDEX, "it is no list of the files that hold each tensor".to_owned())
    })?;
    shards.iter().try_for_each(|name| need(reference, &listing.files, name))?;
    Ok(shards.into_iter().collect())
}
