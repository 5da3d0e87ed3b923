//! Gated feed-forward layers: dense ones, single experts, and what every token passes beside them.

use candle_core::Result;

use super::error::LocalError;
use super::load::{Bank, Weights};
use super::matrix::Matrix;
use super::spec::Clamp;

/// One gated feed-forward layer.
pub(crate) struct FeedForward {
    /// The gate's rows, then the rows it gates.
    entry: Matrix,
    exit: Matrix,
    inter: usize,
    clamp: Option<Clamp>,
}

impl FeedForward {
    /// Loads the layer whose tensors start with `prefix` and end as usual.
    pub(crate) fn load(
        weights: &Weights<'_>,
        prefix: &str,
        hidden: usize,
        inter: usize,
    ) -> std::result::Result<Self, LocalError> {
        let names = ["gate_proj", "up_proj", "down_proj"];
        Self::named(weights, names.map(|part| format!("{prefix}.{part}.weight")), hidden, inter)
    }

    /// Loads the layer whose gate, gated and output matrices have these names.
    pub(crate) fn named(
        weights: &Weights<'_>,
        [gate, up, down]: [String; 3],
        hidden: usize,
        inter: usize,
    ) -> std::result::Result<Self, LocalError> {
        let exit = weights.values(&down, &[hidden, inter])?;
        Ok(Self {
            entry: Matrix::new(weights.stacked(&[(gate, inter), (up, inter)], hidden)?, hidden),
            exit: Matrix::new(exit, inter),
            inter,
            clamp: None,
        })
    }

    /// Loads all experts out of banks, in which gate and gated rows take turns.
    pub(crate) fn banked(
        weights: &Weights<'_>,
        prefix: &str,
        [experts, hidden, inter]: [usize; 3],
        clamp: Option<Clamp>,
    ) -> std::result::Result<Vec<Self>, LocalError> {
        let name = |part: &str| format!("{prefix}.{part}");
        let (entry_name, exit_name) = (name("gate_up_proj"), name("down_proj"));
        let entry = Bank { name: &entry_name, experts, rows: 2 * inter, columns: hidden };
        let exit = Bank { name: &exit_name, experts, rows: hidden, columns: inter };
        let entry_bias = weights.values(&name("gate_up_proj_bias"), &[experts, 2 * inter])?;
        let exit_bias = weights.values(&name("down_proj_bias"), &[experts, hidden])?;
        let bias = |bias: &[f32], width: usize, expert: usize| -> Vec<f32> {
            bias.chunks_exact(width).nth(expert).unwrap_or_default().to_vec()
        };
        let load = |expert| {
            let entry = untwine(&weights.expert(entry, expert)?, hidden);
            let exit = weights.expert(exit, expert)?;
            let entry_bias = untwine(&bias(&entry_bias, 2 * inter, expert), 1);
            Ok(Self {
                entry: Matrix::new(entry, hidden).with_bias(entry_bias),
                exit: Matrix::new(exit, inter).with_bias(bias(&exit_bias, hidden, expert)),
                inter,
                clamp,
            })
        };
        (0..experts).map(load).collect()
    }

    /// Returns what the layer makes of each row.
    pub(crate) fn forward(&self, rows: &[f32]) -> Result<Vec<f32>> {
        let entry = self.entry.apply(rows)?;
        let mut gated = Vec::with_capacity(entry.len() / 2);
        for row in entry.chunks_exact(2 * self.inter) {
            let pairs = row[..self.inter].iter().zip(&row[self.inter..]);
            match self.clamp {
                None => gated.extend(pairs.map(|(gate, up)| gate * sigmoid(*gate) * up)),
                Some(clamp) => gated.extend(pairs.map(|(gate, up)| clamped(clamp, *gate, *up))),
            }
        }
        self.exit.apply(&gated)
    }
}

/// Returns the even rows of `width` values and then the odd ones.
fn untwine(rows: &[f32], width: usize) -> Vec<f32> {
    let even = rows.chunks_exact(width).step_by(2);
    even.chain(rows.chunks_exact(width).skip(1).step_by(2)).flatten().copied().collect()
}

fn clamped(Clamp { alpha, limit }: Clamp, gate: f32, up: f32) -> f32 {
    let gate = gate.min(limit);
    gate * sigmoid(alpha * gate) * (up.clamp(-limit, limit) + 1.0)
}

/// The logistic function.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_the_gate_from_above_and_the_gated_both_ways() {
        let clamp = Clamp { alpha: 1.702, limit: 7.0 };
        let at = |gate, up| clamped(clamp, gate, up);
        let seven = 7.0 * sigmoid(1.702 * 7.0);
        for (gate, up, expected) in [
            (9.0, 1.0, seven * 2.0),
            (9.0, 100.0, seven * 8.0),
            (9.0, -100.0, seven * -6.0),
            (0.0, 3.0, 0.0),
            (-9.0, 0.0, -9.0 * sigmoid(-1.702 * 9.0)),
        ] {
            assert!((at(gate, up) - expected).abs() < 1e-5, "{gate} {up}: {}", at(gate, up));
        }
    }

    #[test]
    fn rows_that_take_turns_are_sorted() {
        assert_eq!(
            untwine(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 2),
            [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]
        );
    }
}
