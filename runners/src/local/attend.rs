//! The inner loops of attention: one row's heads over its cached latents.
//!
//! Written over vectors whose width is the processor's, chosen when the program runs. The order of
//! every sum is fixed by the row alone: what else is in the batch changes nothing here.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for this processor")]

use pulp::{Arch, Simd, WithSimd};

/// Attends from the heads of one row to the latents in `runs`: every head's softmax over its
/// products with the latents of `width` values, and to `out` the mix of their first values.
pub(crate) fn attend<'a>(
    query: &[f32],
    width: usize,
    runs: impl Iterator<Item = &'a [f32]>,
    out: &mut [f32],
) {
    let runs: Vec<&[f32]> = runs.collect();
    Arch::new().dispatch(Attend { query, width, runs: &runs, out });
}

struct Attend<'a> {
    query: &'a [f32],
    width: usize,
    runs: &'a [&'a [f32]],
    out: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let heads = self.query.len() / self.width;
        let mut scores = self.products(simd, heads);
        softmax(&mut scores, heads);
        self.mix(simd, &scores, heads);
    }
}

impl Attend<'_> {
    /// Returns the product of each latent with each head, `[tokens, heads]`.
    #[inline(always)]
    fn products<S: Simd>(&self, simd: S, heads: usize) -> Vec<f32> {
        let values: usize = self.runs.iter().map(|run| run.len()).sum();
        let mut products = Vec::with_capacity(values / self.width * heads);
        for run in self.runs {
            for latent in run.chunks_exact(self.width) {
                for head in self.query.chunks_exact(self.width) {
                    products.push(dot(simd, head, latent));
                }
            }
        }
        products
    }

    /// Adds up the latents by their scores.
    #[inline(always)]
    fn mix<S: Simd>(self, simd: S, scores: &[f32], heads: usize) {
        let rank = self.out.len() / heads;
        self.out.fill(0.0);
        let mut scores = scores.chunks_exact(heads);
        for run in self.runs {
            for (latent, token) in run.chunks_exact(self.width).zip(&mut scores) {
                for (out, score) in self.out.chunks_exact_mut(rank).zip(token) {
                    add_scaled(simd, out, &latent[..rank], *score);
                }
            }
        }
    }
}

/// Turns products into shares: for each head they are positive and sum to one.
fn softmax(scores: &mut [f32], heads: usize) {
    let mut highest = vec![f32::NEG_INFINITY; heads];
    for token in scores.chunks_exact(heads) {
        for (highest, score) in highest.iter_mut().zip(token) {
            *highest = highest.max(*score);
        }
    }
    let mut sums = vec![0.0; heads];
    for token in scores.chunks_exact_mut(heads) {
        for ((score, highest), sum) in token.iter_mut().zip(&highest).zip(&mut sums) {
            *score = (*score - highest).exp();
            *sum += *score;
        }
    }
    for token in scores.chunks_exact_mut(heads) {
        for (score, sum) in token.iter_mut().zip(&sums) {
            *score /= sum;
        }
    }
}

/// Returns the product of two rows.
#[inline(always)]
fn dot<S: Simd>(simd: S, one: &[f32], two: &[f32]) -> f32 {
    let (one, one_rest) = S::as_simd_f32s(one);
    let (two, two_rest) = S::as_simd_f32s(two);
    let ((one, one_odd), (two, two_odd)) = (one.as_chunks::<2>(), two.as_chunks::<2>());
    let (mut even, mut odd) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
    for (x, y) in one.iter().zip(two) {
        even = simd.mul_add_e_f32s(x[0], y[0], even);
        odd = simd.mul_add_e_f32s(x[1], y[1], odd);
    }
    for (x, y) in one_odd.iter().zip(two_odd) {
        even = simd.mul_add_e_f32s(*x, *y, even);
    }
    let mut sum = simd.reduce_sum_f32s(simd.add_f32s(even, odd));
    for (x, y) in one_rest.iter().zip(two_rest) {
        sum += x * y;
    }
    sum
}

/// Adds `scale` times `row` to `out`.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, out: &mut [f32], row: &[f32], scale: f32) {
    let (out, out_rest) = S::as_mut_simd_f32s(out);
    let (row, row_rest) = S::as_simd_f32s(row);
    let scales = simd.splat_f32s(scale);
    for (out, value) in out.iter_mut().zip(row) {
        *out = simd.mul_add_e_f32s(scales, *value, *out);
    }
    for (out, value) in out_rest.iter_mut().zip(row_rest) {
        *out += scale * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the product of `values` with themselves on the vectors of this machine.
    fn product(values: &[f32]) -> f32 {
        struct Product<'a>(&'a [f32]);
        impl WithSimd for Product<'_> {
            type Output = f32;

            fn with_simd<S: Simd>(self, simd: S) -> f32 {
                dot(simd, self.0, self.0)
            }
        }
        Arch::new().dispatch(Product(values))
    }

    #[test]
    fn a_dot_product_takes_in_the_rest_behind_the_lanes() {
        for length in [0, 1, 7, 8, 15, 16, 17, 35, 63, 100] {
            let values: Vec<f32> = (0..length).map(|n| n as f32).collect();
            let expected: f32 = values.iter().map(|x| x * x).sum();
            let found = product(&values);
            assert!((found - expected).abs() <= expected * 1e-6, "{found} of {length}");
        }
    }

    #[test]
    fn a_head_mixes_what_it_looks_at() {
        // Two heads, latents of two values of which the first is mixed.
        let query = [0.0, 50.0, 0.0, 0.0];
        let run = [3.0, 1.0, 5.0, 0.0];
        let mut out = [0.0; 2];
        attend(&query, 2, std::iter::once(run.as_slice()), &mut out);
        assert!((out[0] - 3.0).abs() < 1e-6 && (out[1] - 4.0).abs() < 1e-6, "{out:?}");
    }
}
