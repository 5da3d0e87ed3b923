//! Tensors by name out of the weight files, checked against what the spec calls for.
//!
//! Nothing is allocated before a tensor's stored size is known to be the one expected, so a header
//! cannot ask for more memory than its file has bytes.

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::checkpoint::Shard;
use super::error::LocalError;

/// The tensors of a checkpoint.
pub(crate) struct Weights<'a> {
    files: Vec<(&'a Shard, SafeTensors<'a>)>,
}

impl<'a> Weights<'a> {
    /// Reads the headers of `shards`.
    pub(crate) fn read(shards: &'a [Shard]) -> Result<Self, LocalError> {
        let mut files = Vec::new();
        for shard in shards {
            let tensors = SafeTensors::deserialize(&shard.bytes)
                .map_err(|source| LocalError::Weights { path: shard.path.clone(), source })?;
            files.push((shard, tensors));
        }
        Ok(Self { files })
    }

    /// Returns the values of tensor `name`, which must have this `shape`, row by row.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LocalError> {
        let found = self.files.iter().find_map(|(shard, tensors)| {
            tensors.tensor(name).ok().map(|tensor| (&shard.path, tensor))
        });
        let Some((path, tensor)) = found else {
            let (first, _) = &self.files[0];
            return Err(LocalError::MissingTensor {
                path: first.path.clone(),
                name: name.to_owned(),
            });
        };
        if tensor.shape() != shape {
            return Err(LocalError::TensorShape {
                path: path.clone(),
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape().to_vec(),
            });
        }
        as_f32(&tensor).ok_or_else(|| LocalError::TensorType {
            path: path.clone(),
            name: name.to_owned(),
            dtype: format!("{:?}", tensor.dtype()),
        })
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
}

/// Widens the stored values, or `None` for a type that is not read.
fn as_f32(tensor: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = tensor.data();
    let pairs = || bytes.as_chunks::<2>().0.iter();
    Some(match tensor.dtype() {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        _ => return None,
    })
}
