//! The matrices of a model and what multiplies by them.

use candle_core::{Result, Tensor};

use super::device::device;

/// A weight matrix, one row an output, and what is added to its products.
pub(crate) struct Matrix {
    weight: Tensor,
    inputs: usize,
    /// One value an output, or none at all.
    bias: Vec<f32>,
}

impl Matrix {
    /// Takes the values of a matrix with `inputs` columns, row by row.
    pub(crate) fn new(values: Vec<f32>, inputs: usize) -> Self {
        let outputs = values.len() / inputs;
        Self { weight: place(values, (outputs, inputs)), inputs, bias: Vec::new() }
    }

    /// Adds `bias`, one value an output, to every product.
    pub(crate) fn with_bias(mut self, bias: Vec<f32>) -> Self {
        self.bias = bias;
        self
    }

    /// Multiplies every row of `rows`.
    pub(crate) fn apply(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let shape = (rows.len() / self.inputs, self.inputs);
        let rows = Tensor::from_slice(rows, shape, self.weight.device())?;
        let mut products = rows.matmul(&self.weight.t()?)?.flatten_all()?.to_vec1()?;
        if !self.bias.is_empty() {
            for row in products.chunks_exact_mut(self.bias.len()) {
                row.iter_mut()
                    .zip(&self.bias)
                    .for_each(|(value, bias): (&mut f32, _)| *value += bias);
            }
        }
        Ok(products)
    }
}

/// One matrix a head, each `[inputs, outputs]`.
pub(crate) struct HeadMatrices {
    weight: Tensor,
    heads: usize,
    inputs: usize,
}

impl HeadMatrices {
    /// Takes the values of `heads` matrices of `inputs` rows, one after the other.
    pub(crate) fn new(values: Vec<f32>, heads: usize, inputs: usize) -> Self {
        let outputs = values.len() / (heads * inputs);
        Self { weight: place(values, (heads, inputs, outputs)), heads, inputs }
    }

    /// Multiplies the rows of each head by its matrix; in and out are `[heads, rows, width]`.
    pub(crate) fn apply(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let count = rows.len() / (self.heads * self.inputs);
        let shape = (self.heads, count, self.inputs);
        let rows = Tensor::from_slice(rows, shape, self.weight.device())?;
        rows.matmul(&self.weight)?.flatten_all()?.to_vec1()
    }
}

/// Puts values on the device.
fn place(values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::from_vec(values, shape.into(), &device())
        .expect("every tensor's size was checked when it was loaded")
}
