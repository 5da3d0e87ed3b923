//! Root-mean-square norms.

/// The norm of rows.
pub(crate) struct Norm {
    weight: Vec<f32>,
    eps: f32,
}

impl Norm {
    /// Takes the weight of each column and what is added to the mean square.
    pub(crate) fn new(weight: Vec<f32>, eps: f32) -> Self {
        Self { weight, eps }
    }

    /// Normalises a row where it stands.
    pub(crate) fn in_place(&self, row: &mut [f32]) {
        let scale = self.scale(row);
        for (x, weight) in row.iter_mut().zip(&self.weight) {
            *x = *x * scale * weight;
        }
    }

    fn scale(&self, row: &[f32]) -> f32 {
        let square: f32 = row.iter().map(|x| x * x).sum();
        1.0 / (square / row.len() as f32 + self.eps).sqrt()
    }

    /// Writes the normalised `row` to `out`.
    pub(crate) fn row(&self, row: &[f32], out: &mut [f32]) {
        let scale = self.scale(row);
        for ((out, x), weight) in out.iter_mut().zip(row).zip(&self.weight) {
            *out = x * scale * weight;
        }
    }

    /// Returns every row normalised.
    pub(crate) fn rows(&self, rows: &[f32]) -> Vec<f32> {
        let width = self.weight.len();
        let mut out = vec![0.0; rows.len()];
        for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            self.row(row, out);
        }
        out
    }
}
