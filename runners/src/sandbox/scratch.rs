//! A folder of the machine that a cell without namespaces writes to.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

/// Where such folders lie.
const BASE: &str = "/tmp";
/// How their names begin.
const PREFIX: &str = "tripos-cell-";
/// How old a folder is that nobody is about to lock.
const ABANDONED_AFTER: Duration = Duration::from_mins(1);
/// The most names that are tried.
const MAX_TRIES: u32 = 1_000;

/// A folder that is emptied before each cell and removed in the end.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    owner: Option<u32>,
    /// Held as long as the folder is in use.
    _lock: fs::File,
}

impl Scratch {
    /// Makes a folder that belongs to `owner`, where this program is root.
    pub(super) fn new(owner: Option<u32>) -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(Path::new(BASE), ABANDONED_AFTER));
        for number in 0..MAX_TRIES {
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            let path = Path::new(BASE).join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = fs::File::open(&path)?;
                    lock.lock()?;
                    let scratch = Self { path, owner, _lock: lock };
                    scratch.give(&scratch.path)?;
                    scratch.clean()?;
                    return Ok(scratch);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("no name is free in `{BASE}`")))
    }

    /// Returns the folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Empties the folder and makes the two that a cell starts with.
    pub(super) fn clean(&self) -> io::Result<()> {
        empty(&self.path)?;
        for name in ["work", "tmp"] {
            let folder = self.path.join(name);
            fs::DirBuilder::new().mode(0o700).create(&folder)?;
            self.give(&folder)?;
        }
        Ok(())
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        self.owner.map_or(Ok(()), |id| chown(path, Some(id), Some(id)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder left behind is only untidy.
        let _ = empty(&self.path).and_then(|()| fs::remove_dir(&self.path));
    }
}

/// Removes the folders of programs of ours that were killed: those that nobody holds.
fn sweep(base: &Path, older: Duration) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let age = metadata.modified().ok().and_then(|time| time.elapsed().ok());
        if !is_ours || !metadata.is_dir() || age.is_none_or(|age| age < older) {
            continue;
        }
        // Whoever may not open or empty it is not who made it.
        let Ok(lock) = fs::File::open(&path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = empty(&path).and_then(|()| fs::remove_dir(&path));
        }
    }
}

/// Removes everything in a folder. Links are not followed, and depth costs no stack: folders inside
/// folders are first moved up.
fn empty(folder: &Path) -> io::Result<()> {
    let mut moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in fs::read_dir(folder)? {
            is_empty = false;
            let path = entry?.path();
            if !fs::symlink_metadata(&path)?.is_dir() {
                fs::remove_file(&path)?;
                continue;
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            for inner in fs::read_dir(&path)? {
                let inner = inner?.path();
                if fs::symlink_metadata(&inner)?.is_dir() {
                    fs::set_permissions(&inner, fs::Permissions::from_mode(0o700))?;
                    fs::rename(&inner, folder.join(format!(".moved-{moved}")))?;
                    moved += 1;
                } else {
                    fs::remove_file(&inner)?;
                }
            }
            fs::remove_dir(&path)?;
        }
        if is_empty {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_tree_and_links_are_removed_and_what_links_point_to_stays() {
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("kept"), "kept").expect("written");
        let scratch = Scratch::new(None).expect("a folder");
        let mut folder = scratch.path().join("work");
        for _ in 0..300 {
            folder.push("d");
            fs::create_dir(&folder).expect("a folder");
        }
        std::os::unix::fs::symlink(outside.path(), scratch.path().join("work/link"))
            .expect("a link");
        fs::write(scratch.path().join("tmp/.moved-0"), "in the way").expect("written");
        fs::set_permissions(scratch.path().join("tmp"), fs::Permissions::from_mode(0o000))
            .expect("set");
        scratch.clean().expect("cleaned");
        let names = || fs::read_dir(scratch.path()).expect("a folder").count();
        assert_eq!(names(), 2);
        assert!(outside.path().join("kept").exists());
        let path = scratch.path().to_owned();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn folders_that_nobody_holds_are_swept_and_held_or_foreign_ones_stay() {
        let base = tempfile::tempdir().expect("a folder");
        let at = |name: &str| base.path().join(name);
        for name in ["tripos-cell-1-0", "tripos-cell-1-1", "other"] {
            fs::create_dir_all(at(name).join("work")).expect("a folder");
        }
        std::os::unix::fs::symlink(at("other"), at("tripos-cell-1-2")).expect("a link");
        let held = fs::File::open(at("tripos-cell-1-1")).expect("it opens");
        held.lock().expect("nobody holds it");
        sweep(base.path(), Duration::from_mins(1));
        assert!(at("tripos-cell-1-0").exists(), "it is too young");
        sweep(base.path(), Duration::ZERO);
        assert!(!at("tripos-cell-1-0").exists());
        assert!(at("tripos-cell-1-1/work").exists() && at("other/work").exists());
        assert!(fs::symlink_metadata(at("tripos-cell-1-2")).is_ok());
    }
}
