//! Brings files into the cache, a few at once, each to the end or not at all.
//!
//! Bytes go to `DIGEST.incomplete`, which gets its name only when size and digest are right. What is
//! wrong is thrown away; what broke off stays, and is hashed again from its beginning before more comes.
//! Blocks are written between awaits without handing them to another thread: they are small.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::cache::Cache;
use super::error::HubError;
use super::patience::{Patience, persist};
use super::reference::Reference;
use super::select::bytes_max;
use super::wire::{Again, Fault, SILENCE_MAX, Stated, Wire, lost, silent};
use super::{PARALLEL, Progress};
use crate::remote;

/// How often it is looked whether another process has let go of a blob.
const LOCK_PAUSE: Duration = Duration::from_millis(200);
/// Bytes by which a try has to come further, for the next failure to count as a first one.
const HEADWAY: u64 = 1 << 20;
/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// What files are brought from, to and for.
pub(super) struct Fetch<'a> {
    wire: &'a Wire,
    cache: &'a Cache,
    reference: &'a Reference,
    commit: &'a str,
    show: &'a dyn Fn(Progress),
    progress: Cell<Progress>,
}

/// One file on its way.
struct Arriving<'a> {
    name: &'a str,
    stated: &'a Stated,
    partial: &'a Path,
    /// Bytes that the progress shows.
    counted: u64,
}

/// The digest of what has arrived of a file.
enum Hasher {
    Git(Sha1),
    Large(Sha256),
}

impl<'a> Fetch<'a> {
    pub(super) fn new(
        wire: &'a Wire,
        cache: &'a Cache,
        (reference, commit): (&'a Reference, &'a str),
        show: &'a dyn Fn(Progress),
    ) -> Self {
        Self { wire, cache, reference, commit, show, progress: Cell::default() }
    }

    /// Brings those of `names` that are not here.
    pub(super) async fn all(&self, names: Vec<String>) -> Result<(), HubError> {
        let names = names.into_iter().filter(|name| !self.cache.has(self.commit, name));
        let files: Vec<(String, Stated)> = stream::iter(names)
            .map(|name| async move {
                let asked = async || self.wire.head(self.reference, self.commit, &name).await;
                let stated = persist(asked).await?;
                let max = bytes_max(&name);
                if stated.size > max {
                    return Err(HubError::TooLarge { file: name, size: stated.size, max });
                }
                Ok((name, stated))
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        if files.is_empty() {
            return Ok(());
        }
        self.check_space(&files)?;
        self.advance(|progress| {
            progress.files += files.len();
            progress.bytes += files.iter().map(|(_, stated)| stated.size).sum::<u64>();
        });
        stream::iter(&files)
            .map(|(name, stated)| self.one(name, stated))
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await
    }

    /// Refuses to begin what the disk cannot hold.
    fn check_space(&self, files: &[(String, Stated)]) -> Result<(), HubError> {
        let folder = self.cache.blobs()?;
        let missing = |stated: &Stated| {
            let blob = self.cache.blob(&stated.digest);
            let here = if blob.is_file() { stated.size } else { length(&incomplete(&blob)) };
            stated.size.saturating_sub(here)
        };
        let needed: u64 = files.iter().map(|(_, stated)| missing(stated)).sum();
        // A file system that does not say how much is free says so when it is full.
        let Ok(disk) = nix::sys::statvfs::statvfs(&folder) else { return Ok(()) };
        let available = disk.blocks_available().saturating_mul(disk.fragment_size());
        if needed > available {
            return Err(HubError::Space { folder, needed, available });
        }
        Ok(())
    }

    async fn one(&self, name: &str, stated: &Stated) -> Result<(), HubError> {
        let blob = self.cache.blob(&stated.digest);
        let mut counted = 0;
        if !is_whole(&blob, stated) {
            let _held = self.lock(&stated.digest).await?;
            // Whoever held it may have brought it.
            if !is_whole(&blob, stated) {
                let partial = incomplete(&blob);
                let mut file = Arriving { name, stated, partial: &partial, counted };
                self.bring(&mut file).await?;
                counted = file.counted;
                fs::rename(&partial, &blob)
                    .map_err(|source| HubError::Write { path: blob, source })?;
            }
        }
        self.cache.place(self.commit, name, &stated.digest)?;
        self.advance(|progress| {
            progress.files_done += 1;
            progress.bytes_done += stated.size - counted;
        });
        Ok(())
    }

    /// Waits until no other process writes the blob.
    async fn lock(&self, digest: &str) -> Result<File, HubError> {
        let file = self.cache.lock_file(digest)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(source)) => {
                    return Err(HubError::Write { path: self.cache.blob(digest), source });
                }
            }
        }
    }

    /// Tries until the file is whole.
    async fn bring(&self, file: &mut Arriving<'_>) -> Result<(), HubError> {
        let mut patience = Patience::default();
        loop {
            let before = length(file.partial);
            let Err(fault) = self.attempt(file).await else { return Ok(()) };
            if length(file.partial) >= before + HEADWAY {
                patience.renew();
            }
            patience.wait(fault).await?;
        }
    }

    /// Asks for what is missing of the file once.
    async fn attempt(&self, file: &mut Arriving<'_>) -> Result<(), Fault> {
        let failed = |source| HubError::Write { path: file.partial.to_owned(), source };
        let (mut out, mut hasher, mut have) = reopen(file).await.map_err(failed)?;
        let size = file.stated.size;
        let resumed = have > 0;
        self.count(file, have);
        if have < size {
            let of = (self.reference, self.commit);
            let response = self.wire.bytes(of, file.name, have).await?;
            if !goes_on(&response, have) {
                (hasher, have) = (Hasher::of(file.stated), 0);
                out.set_len(0).and_then(|()| out.rewind()).map_err(failed)?;
                self.count(file, have);
            }
            check_length(&response, file, have)?;
            let url = response.url().clone();
            let mut pieces = response.bytes_stream();
            while let Some(piece) = tokio::time::timeout(SILENCE_MAX, pieces.next())
                .await
                .map_err(|_| lost(&url, file.name, silent()))?
            {
                let piece = piece.map_err(|e| lost(&url, file.name, remote::root_cause(&e)))?;
                have += piece.len() as u64;
                if have > size {
                    return Err(self.refuse(file, size_error(file, have)).into());
                }
                out.write_all(&piece).map_err(failed)?;
                hasher.update(&piece);
                self.count(file, have);
            }
            if have < size {
                let reason = format!("it ended after {have} of {size} bytes");
                return Err(lost(&url, file.name, reason));
            }
        }
        let got = hasher.finish();
        if got != file.stated.digest {
            let (name, said) = (file.name.to_owned(), file.stated.digest.clone());
            let error = self.refuse(file, HubError::Digest { file: name, said, got });
            // The part that lay here may have been the wrong one.
            let again = if resumed { Again::Soon } else { Again::Never };
            return Err(Fault { error, again });
        }
        out.sync_all().map_err(failed)?;
        Ok(())
    }

    /// Throws away what has arrived.
    fn refuse(&self, file: &mut Arriving<'_>, error: HubError) -> HubError {
        self.count(file, 0);
        match fs::remove_file(file.partial) {
            Ok(()) => error,
            Err(source) => HubError::Write { path: file.partial.to_owned(), source },
        }
    }

    /// Shows that `have` bytes of a file are here.
    fn count(&self, file: &mut Arriving<'_>, have: u64) {
        let counted = std::mem::replace(&mut file.counted, have);
        self.advance(|progress| progress.bytes_done = progress.bytes_done + have - counted);
    }

    fn advance(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        change(&mut progress);
        self.progress.set(progress);
        (self.show)(progress);
    }
}

impl Hasher {
    fn of(stated: &Stated) -> Self {
        if stated.digest.len() == SHA256_DIGITS {
            return Self::Large(Sha256::new());
        }
        // A git blob is hashed with its type and length before it.
        Self::Git(Sha1::new().chain_update(format!("blob {}\0", stated.size)))
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Git(hasher) => hasher.update(bytes),
            Self::Large(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Git(hasher) => hex(&hasher.finalize()),
            Self::Large(hasher) => hex(&hasher.finalize()),
        }
    }
}

/// Bytes as digests are written.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text can always be longer");
    }
    text
}

/// Opens what is here of a file at its end and hashes it; begins anew where there is too much of it.
async fn reopen(file: &Arriving<'_>) -> io::Result<(File, Hasher, u64)> {
    let (path, mut hasher, size) =
        (file.partial.to_owned(), Hasher::of(file.stated), file.stated.size);
    let work = move || {
        let mut open = OpenOptions::new();
        let mut out = open.read(true).write(true).create(true).truncate(false).open(path)?;
        if out.metadata()?.len() > size {
            out.set_len(0)?;
        }
        let mut block = vec![0; 1 << 20];
        let mut have = 0;
        loop {
            let read = out.read(&mut block)?;
            if read == 0 {
                out.seek(SeekFrom::Start(have))?;
                return Ok((out, hasher, have));
            }
            hasher.update(&block[..read]);
            have += read as u64;
        }
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Whether an answer begins with byte `have`, as asked; otherwise it begins with the first.
fn goes_on(response: &Response, have: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-'));
    have == 0 || from.is_some_and(|(from, _)| from.parse() == Ok(have))
}

/// Refuses an answer whose length cannot be that of the rest of the file.
fn check_length(response: &Response, file: &Arriving<'_>, have: u64) -> Result<(), HubError> {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(rest) if have.saturating_add(rest) != file.stated.size => {
            Err(size_error(file, have.saturating_add(rest)))
        }
        _ => Ok(()),
    }
}

fn size_error(file: &Arriving<'_>, got: u64) -> HubError {
    HubError::Size { file: file.name.to_owned(), said: file.stated.size, got }
}

fn is_whole(blob: &Path, stated: &Stated) -> bool {
    fs::metadata(blob).is_ok_and(|found| found.is_file() && found.len() == stated.size)
}

fn incomplete(blob: &Path) -> std::path::PathBuf {
    blob.with_added_extension("incomplete")
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
