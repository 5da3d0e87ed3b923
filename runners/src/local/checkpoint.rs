//! The files of a model: a folder in the Hugging Face layout, or the ones inside the binary.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::LocalError;

/// The most a configuration, tokenizer or template may have.
const MAX_TEXT_BYTES: u64 = 64 << 20;
/// The endings of files that only a pickle reader understands.
const PICKLE_ENDINGS: [&str; 4] = ["bin", "pt", "pth", "ckpt"];
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Where the files of a model are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Checkpoint<'a> {
    /// In a folder.
    Folder(&'a Path),
    /// The weights in this one file, everything else beside it.
    File(&'a Path),
    /// In the binary: name and content.
    Embedded(&'a [(&'static str, &'static [u8])]),
}

/// The bytes of one weight file and the name errors give it.
pub(crate) struct Shard {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its bytes.
    pub(crate) bytes: Bytes,
}

/// The bytes of a weight file.
pub(crate) enum Bytes {
    /// Mapped from a file.
    Mapped(memmap2::Mmap),
    /// Inside the binary.
    Static(&'static [u8]),
    /// Made by a test.
    #[cfg(test)]
    Made(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
            #[cfg(test)]
            Self::Made(bytes) => bytes,
        }
    }
}

impl Checkpoint<'_> {
    /// Returns the name errors give to `file`.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        match self {
            Self::Folder(_) | Self::File(_) => self.folder().join(file),
            Self::Embedded(_) => Path::new("built-in").join(file),
        }
    }

    /// Returns the folder, or what stands for it.
    pub(crate) fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.to_path_buf(),
            Self::File(file) => file.parent().unwrap_or(file).to_path_buf(),
            Self::Embedded(_) => PathBuf::from("built-in"),
        }
    }

    /// Reads a small file, `None` where there is no such file.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<Vec<u8>>, LocalError> {
        let path = self.path(name);
        match self {
            Self::Embedded(files) => Ok(find(files, name).map(<[u8]>::to_vec)),
            Self::Folder(_) | Self::File(_) => match read_bounded(&path) {
                Err(LocalError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    Ok(None)
                }
                other => other.map(Some),
            },
        }
    }

    /// Reads a small file that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<Vec<u8>, LocalError> {
        self.optional(name)?.ok_or_else(|| LocalError::Read {
            path: self.path(name),
            source: std::io::Error::from(ErrorKind::NotFound),
        })
    }

    /// Opens the weight files in the order of their names.
    pub(crate) fn shards(&self) -> Result<Vec<Shard>, LocalError> {
        let folder = match self {
            Self::Embedded(files) => {
                let bytes = find(files, SINGLE)
                    .ok_or_else(|| LocalError::NoWeights { folder: self.folder() })?;
                return Ok(vec![Shard { path: self.path(SINGLE), bytes: Bytes::Static(bytes) }]);
            }
            Self::File(file) => return Ok(vec![map(file.to_path_buf())?]),
            Self::Folder(folder) => folder,
        };
        if folder.join(SINGLE).is_file() {
            return Ok(vec![map(folder.join(SINGLE))?]);
        }
        if let Some(index) = self.optional(INDEX)? {
            let names = shard_names(&self.path(INDEX), &index)?;
            return names.iter().map(|name| map(folder.join(name))).collect();
        }
        let gguf = with_endings(folder, &["gguf"])?;
        match <[PathBuf; 1]>::try_from(gguf) {
            Ok([path]) => Ok(vec![map(path)?]),
            Err(none) if none.is_empty() => Err(no_weights(folder)?),
            Err(several) => {
                Err(LocalError::SeveralGguf { folder: folder.to_path_buf(), count: several.len() })
            }
        }
    }
}

fn find(files: &[(&'static str, &'static [u8])], name: &str) -> Option<&'static [u8]> {
    files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}

/// Reads a file that must not be larger than a text can be.
fn read_bounded(path: &Path) -> Result<Vec<u8>, LocalError> {
    let read = |source| LocalError::Read { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    if bytes > MAX_TEXT_BYTES {
        return Err(LocalError::TooLarge { path: path.to_path_buf(), bytes });
    }
    let mut content = Vec::new();
    file.by_ref().take(MAX_TEXT_BYTES).read_to_end(&mut content).map_err(read)?;
    Ok(content)
}

/// Maps a weight file.
fn map(path: PathBuf) -> Result<Shard, LocalError> {
    let read = |source| LocalError::Read { path: path.clone(), source };
    let file = File::open(&path).map_err(read)?;
    #[expect(
        unsafe_code,
        reason = "a mapped file is only sound while nobody cuts it short; weights \
        are copied out while the model opens, and the map is dropped then"
    )]
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(read)?;
    Ok(Shard { path, bytes: Bytes::Mapped(map) })
}

/// Returns the files that an index lists. A name that leaves the folder is refused.
fn shard_names(path: &Path, index: &[u8]) -> Result<BTreeSet<String>, LocalError> {
    let problem = |problem: String| LocalError::Index { path: path.to_path_buf(), problem };
    let index: Value = serde_json::from_slice(index)
        .map_err(|source| LocalError::Json { path: path.to_path_buf(), source })?;
    let files = index.get("weight_map").and_then(Value::as_object);
    let files = files.ok_or_else(|| problem("`weight_map` is missing".to_owned()))?;
    let mut names = BTreeSet::new();
    for (tensor, file) in files {
        match file.as_str() {
            Some(name) if name.ends_with(".safetensors") && !name.contains(['/', '\\']) => {
                names.insert(name.to_owned());
            }
            _ => return Err(problem(format!("tensor `{tensor}` is said to be in {file}"))),
        }
    }
    if names.is_empty() {
        return Err(problem("`weight_map` is empty".to_owned()));
    }
    Ok(names)
}

/// Says why a folder without weights that are read cannot be opened: it may hold pickles.
fn no_weights(folder: &Path) -> Result<LocalError, LocalError> {
    Ok(match with_endings(folder, &PICKLE_ENDINGS)?.into_iter().min() {
        Some(path) => LocalError::Pickle { path },
        None => LocalError::NoWeights { folder: folder.to_path_buf() },
    })
}

/// Returns the files of a folder whose names end so.
fn with_endings(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, LocalError> {
    let read = |source| LocalError::Read { path: folder.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if ending.is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
    Ok(found)
}
