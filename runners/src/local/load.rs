//! Tensors by name out of the weight files, checked against what the spec calls for.
//!
//! Nothing is allocated before a tensor's stored size is known to be the one expected, so a header
//! cannot ask for more memory than its file has bytes. A model is loaded twice over: the first time
//! through [`Weights::checking`], which looks at every tensor and copies none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::checkpoint::Shard;
use super::error::LocalError;
use super::gguf::{self, Gguf, Kind, Stored};
use super::packed;
use super::spec::Packing;

/// The most a header of safetensors may have.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// The most tensors of all files together.
const MAX_TENSORS: usize = 1 << 18;

/// The tensors of a checkpoint.
#[derive(Clone)]
pub(crate) struct Weights<'a> {
    tensors: Rc<HashMap<String, Found<'a>>>,
    /// The file that a missing tensor is reported against.
    first: &'a Path,
    packing: Packing,
    copies: bool,
}

/// A tensor and its file.
struct Found<'a> {
    path: &'a PathBuf,
    stored: Stored<'a>,
}

/// The matrices of all experts in one tensor.
#[derive(Clone, Copy)]
pub(crate) struct Bank<'n> {
    /// Its name, without the endings of a packed one.
    pub(crate) name: &'n str,
    /// Its experts.
    pub(crate) experts: usize,
    /// The outputs of one.
    pub(crate) rows: usize,
    /// The inputs of one.
    pub(crate) columns: usize,
}

impl<'a> Weights<'a> {
    /// Reads the headers of `shards`, whose matrices may be packed.
    pub(crate) fn read(shards: &'a [Shard], packing: Packing) -> Result<Self, LocalError> {
        let mut tensors: HashMap<String, Found<'a>> = HashMap::new();
        for shard in shards {
            let found = read_shard(shard)?;
            if found.len() > MAX_TENSORS - tensors.len() {
                return Err(LocalError::Header { path: shard.path.clone() });
            }
            for (name, stored) in found {
                match tensors.entry(name) {
                    Entry::Vacant(place) => {
                        place.insert(Found { path: &shard.path, stored });
                    }
                    Entry::Occupied(other) => {
                        return Err(LocalError::TwiceTensor {
                            path: shard.path.clone(),
                            other: other.get().path.clone(),
                            name: other.key().clone(),
                        });
                    }
                }
            }
        }
        let first = shards.first().map_or(Path::new(""), |shard| &shard.path);
        Ok(Self { tensors: Rc::new(tensors), first, packing, copies: true })
    }

    /// Returns the same tensors with nothing in them: every check is made, and no value is copied.
    pub(crate) fn checking(&self) -> Self {
        Self { copies: false, ..self.clone() }
    }

    /// Whether there is a tensor `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Returns the values of a tensor that has no scales.
    fn plain(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let found = self.find(name, shape)?;
        self.widen(name, found, found.stored.data)
    }

    /// Returns the values of tensor `name`, which must have this `shape`, row by row.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let found = self.find(name, shape)?;
        match (found.stored.kind, self.packing, shape) {
            (Kind::Plain(Dtype::F8_E4M3), Packing::Float8 { rows, columns }, [height, width]) => {
                let scale = format!("{name}_scale_inv");
                let blocks = [height.div_ceil(rows), width.div_ceil(columns)];
                let scales = self.plain(&scale, &blocks)?;
                let bytes = found.stored.data;
                Ok(if self.copies {
                    packed::float8(bytes, *width, &scales, (rows, columns))
                } else {
                    Vec::new()
                })
            }
            _ => self.plain(name, shape),
        }
    }

    /// Returns the rows of several tensors with `columns` columns, one below the other.
    pub(crate) fn stacked(
        &self,
        parts: &[(String, usize)],
        columns: usize,
    ) -> Result<Vec<f32>, LocalError> {
        let mut values = Vec::new();
        for (name, rows) in parts {
            values.append(&mut self.values(name, &[*rows, columns])?);
        }
        Ok(values)
    }

    /// Returns the matrix of one expert, one row an output.
    pub(crate) fn expert(&self, bank: Bank<'_>, expert: usize) -> Result<Vec<f32>, LocalError> {
        let Bank { name, experts, rows, columns } = bank;
        let blocks = format!("{name}_blocks");
        if self.packing == Packing::Mxfp4 && self.has(&blocks) {
            return self.packed_expert(bank, &blocks, expert);
        }
        // Stored the other way round: one row an input.
        let found = self.find(name, &[experts, columns, rows])?;
        let data = found.stored.data;
        let bytes = data.len() / experts;
        let turned = self.widen(name, found, &data[expert * bytes..][..bytes])?;
        Ok((0..turned.len()).map(|n| turned[n % columns * rows + n / columns]).collect())
    }

    /// Returns the matrix of one expert out of a bank in four-bit blocks.
    fn packed_expert(
        &self,
        bank: Bank<'_>,
        blocks: &str,
        expert: usize,
    ) -> Result<Vec<f32>, LocalError> {
        let Bank { name, experts, rows, columns } = bank;
        let groups = columns.div_ceil(packed::GROUP);
        let blocks = self.bytes(blocks, &[experts, rows, groups, packed::GROUP / 2])?;
        let scales = self.bytes(&format!("{name}_scales"), &[experts, rows, groups])?;
        if !columns.is_multiple_of(packed::GROUP) {
            return Err(LocalError::TensorShape {
                path: self.first.to_path_buf(),
                name: name.to_owned(),
                expected: vec![experts, rows, columns],
                found: vec![experts, rows, groups * packed::GROUP],
            });
        }
        let one = |bytes: &'a [u8]| {
            let each = bytes.len() / experts;
            &bytes[expert * each..][..each]
        };
        Ok(if self.copies { packed::mxfp4(one(blocks), one(scales)) } else { Vec::new() })
    }

    /// Returns the stored bytes of a tensor of bytes.
    fn bytes(&self, name: &str, shape: &[usize]) -> Result<&'a [u8], LocalError> {
        let found = self.find(name, shape)?;
        if found.stored.kind == Kind::Plain(Dtype::U8) {
            return Ok(found.stored.data);
        }
        Err(unread(name, found))
    }

    /// Looks a tensor up and checks its shape.
    fn find(&self, name: &str, shape: &[usize]) -> Result<&Found<'a>, LocalError> {
        let found = self.tensors.get(name).ok_or_else(|| LocalError::MissingTensor {
            path: self.first.to_path_buf(),
            name: name.to_owned(),
        })?;
        if found.stored.shape == shape {
            return Ok(found);
        }
        Err(LocalError::TensorShape {
            path: found.path.clone(),
            name: name.to_owned(),
            expected: shape.to_vec(),
            found: found.stored.shape.clone(),
        })
    }

    /// Widens `bytes` of a tensor.
    fn widen(&self, name: &str, found: &Found<'a>, bytes: &[u8]) -> Result<Vec<f32>, LocalError> {
        let bytes = if self.copies { bytes } else { &[] };
        let values = match found.stored.kind {
            Kind::Plain(dtype) => as_f32(dtype, bytes),
            Kind::Blocks(kind) => packed::blocks(kind, bytes),
        };
        values.ok_or_else(|| unread(name, found))
    }
}

/// Reads the header of one file.
fn read_shard(shard: &Shard) -> Result<Vec<(String, Stored<'_>)>, LocalError> {
    let path = || shard.path.clone();
    if shard.bytes.starts_with(gguf::MAGIC) {
        let file = Gguf::read(&shard.bytes).and_then(|file| gguf::rename(&file));
        return file.map_err(|problem| LocalError::Gguf { path: path(), problem });
    }
    let header = shard.bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    // One that is longer than its file is refused in its own words.
    if (MAX_HEADER_BYTES + 1..=shard.bytes.len() as u64).contains(&header) {
        return Err(LocalError::Header { path: path() });
    }
    let file = SafeTensors::deserialize(&shard.bytes)
        .map_err(|source| LocalError::Weights { path: path(), source })?;
    let stored = file.tensors().into_iter().map(|(name, view)| {
        let (shape, kind) = (view.shape().to_vec(), Kind::Plain(view.dtype()));
        (name, Stored { shape, kind, data: view.data() })
    });
    Ok(stored.collect())
}

fn unread(name: &str, found: &Found<'_>) -> LocalError {
    let dtype = match found.stored.kind {
        Kind::Plain(dtype) => dtype.to_string(),
        Kind::Blocks(kind) => format!("{kind:?}"),
    };
    LocalError::TensorType { path: found.path.clone(), name: name.to_owned(), dtype }
}

/// Widens stored values, or `None` for a type that is not read.
fn as_f32(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}
