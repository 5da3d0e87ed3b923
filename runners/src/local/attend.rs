//! The inner loops of attention: the heads of one row over the tokens that are kept.
//!
//! Written over vectors whose width is the processor's, chosen when the program runs. The order of
//! every sum is fixed by the row alone: what else is in the batch changes nothing here.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for this processor")]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// Where heads that share keys and values look in the kept row of a token.
pub(crate) struct Look<'a> {
    /// Values of the kept row.
    pub(crate) row: usize,
    /// The key in it.
    pub(crate) key: Range<usize>,
    /// The value in it.
    pub(crate) value: Range<usize>,
    /// For each head a score that takes attention away from every token, or nothing at all
    /// (Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2023; learned, as
    /// in gpt-oss).
    pub(crate) sinks: &'a [f32],
}

/// Attends from the heads of one row to the kept rows in `runs`: every head's softmax over its
/// products with the keys, and to `out` the mix of the values, `[heads, value]`.
pub(crate) fn attend(look: &Look<'_>, query: &[f32], runs: &[&[f32]], out: &mut [f32]) {
    Arch::new().dispatch(Attend { look, query, runs, out });
}

struct Attend<'a> {
    look: &'a Look<'a>,
    query: &'a [f32],
    runs: &'a [&'a [f32]],
    out: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let heads = self.query.len() / self.look.key.len();
        let mut scores = self.products(simd, heads);
        softmax(&mut scores, heads, self.look.sinks);
        self.mix(simd, &scores, heads);
    }
}

impl Attend<'_> {
    /// Returns the product of each key with each head, `[tokens, heads]`.
    #[inline(always)]
    fn products<S: Simd>(&self, simd: S, heads: usize) -> Vec<f32> {
        let values: usize = self.runs.iter().map(|run| run.len()).sum();
        let mut products = Vec::with_capacity(values / self.look.row * heads);
        for run in self.runs {
            for kept in run.chunks_exact(self.look.row) {
                let key = &kept[self.look.key.clone()];
                for head in self.query.chunks_exact(key.len()) {
                    products.push(dot(simd, head, key));
                }
            }
        }
        products
    }

    /// Adds up the values by their scores.
    #[inline(always)]
    fn mix<S: Simd>(self, simd: S, scores: &[f32], heads: usize) {
        self.out.fill(0.0);
        let mut scores = scores.chunks_exact(heads);
        for run in self.runs {
            for (kept, token) in run.chunks_exact(self.look.row).zip(&mut scores) {
                let value = &kept[self.look.value.clone()];
                for (out, score) in self.out.chunks_exact_mut(value.len()).zip(token) {
                    add_scaled(simd, out, value, *score);
                }
            }
        }
    }
}

/// Turns products into shares: for each head they are positive and sum to one, a sink counted.
fn softmax(scores: &mut [f32], heads: usize, sinks: &[f32]) {
    let mut highest = vec![f32::NEG_INFINITY; heads];
    for token in scores.chunks_exact(heads).chain(std::iter::once(sinks)) {
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
    for ((sink, highest), sum) in sinks.iter().zip(&highest).zip(&mut sums) {
        *sum += (sink - highest).exp();
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

    fn mixed(sinks: &[f32]) -> [f32; 2] {
        // Two heads, kept rows of two values: both are the key, the first is the value.
        let look = Look { row: 2, key: 0..2, value: 0..1, sinks };
        let mut out = [0.0; 2];
        attend(&look, &[0.0, 50.0, 0.0, 0.0], &[&[3.0, 1.0], &[5.0, 0.0]], &mut out);
        out
    }

    #[test]
    fn a_head_mixes_what_it_looks_at() {
        let out = mixed(&[]);
        assert!((out[0] - 3.0).abs() < 1e-6 && (out[1] - 4.0).abs() < 1e-6, "{out:?}");
    }

    #[test]
    fn a_sink_takes_its_share_and_gives_nothing() {
        let out = mixed(&[f32::NEG_INFINITY, 0.0]);
        assert!((out[0] - 3.0).abs() < 1e-6, "{out:?}");
        assert!((out[1] - 8.0 / 3.0).abs() < 1e-6, "{out:?}");
        let out = mixed(&[1000.0, 1000.0]);
        assert!(out.iter().all(|value| value.abs() < 1e-6), "{out:?}");
    }
}
