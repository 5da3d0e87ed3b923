//! A folder of the machine that a cell without namespaces writes to.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// Where such folders lie.
const BASE: &str = "/tmp";
/// The most names that are tried.
const MAX_TRIES: u32 = 1_000;

/// A folder that is emptied before each cell and removed in the end.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    owner: Option<u32>,
}

impl Scratch {
    /// Makes a folder that belongs to `owner`, where this program is root.
    pub(super) fn new(owner: Option<u32>) -> io::Result<Self> {
        for number in 0..MAX_TRIES {
            let name = format!("tripos-cell-{}-{number}", std::process::id());
            let path = Path::new(BASE).join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let scratch = Self { path, owner };
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
}
