//! Rotary positions: plain, of a part of a head, or stretched as `YaRN` or Llama 3.1 do.

use std::f64::consts::TAU;

use super::spec::{Llama3Spec, RopeSpec, Stretch, YarnSpec, magnitude};

/// The rotation of one head's positional values.
pub(crate) struct Rope {
    frequencies: Vec<f32>,
    magnitude: f32,
    width: usize,
    interleaved: bool,
}

/// The cosines and sines of one position.
pub(crate) struct Angle {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rope {
    /// Prepares the rotation.
    pub(crate) fn new(spec: &RopeSpec) -> Self {
        let width = spec.width as f64;
        let plain: Vec<f64> =
            (0..spec.width / 2).map(|pair| spec.theta.powf(-2.0 * pair as f64 / width)).collect();
        let frequencies = match &spec.stretch {
            None => plain.iter().map(|frequency| *frequency as f32).collect(),
            Some(Stretch::Yarn(yarn)) => {
                stretched(&plain, yarn.factor, &yarn_kept(yarn, spec.theta, spec.width))
            }
            Some(Stretch::Llama3(llama)) => {
                stretched(&plain, llama.factor, &llama3_kept(llama, &plain))
            }
            Some(Stretch::Factors(factors)) => {
                let pairs = plain.iter().zip(factors);
                pairs.map(|(frequency, factor)| (frequency / f64::from(*factor)) as f32).collect()
            }
        };
        let magnitude = match &spec.stretch {
            Some(Stretch::Yarn(yarn)) => value_scale(yarn) as f32,
            _ => 1.0,
        };
        Self { frequencies, magnitude, width: spec.width, interleaved: spec.interleaved }
    }

    /// Returns the cosines and sines of a position.
    pub(crate) fn angle(&self, position: u32) -> Angle {
        let turn = |frequency: &f32| position as f32 * frequency;
        let cos = |angle: f32| angle.cos() * self.magnitude;
        let sin = |angle: f32| angle.sin() * self.magnitude;
        Angle {
            cos: self.frequencies.iter().map(|f| cos(turn(f))).collect(),
            sin: self.frequencies.iter().map(|f| sin(turn(f))).collect(),
        }
    }

    /// Rotates the first values of one head in place; those past the rotated width stay.
    pub(crate) fn rotate(&self, values: &mut [f32], angle: &Angle) {
        let half = self.width / 2;
        for (pair, (cos, sin)) in angle.cos.iter().zip(&angle.sin).enumerate() {
            let (one, two) =
                if self.interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) };
            let (x, y) = (values[one], values[two]);
            values[one] = x * cos - y * sin;
            values[two] = y * cos + x * sin;
        }
    }
}

/// Divides frequencies by `factor` as far as they are not kept.
fn stretched(plain: &[f64], factor: f64, kept: &[f64]) -> Vec<f32> {
    let one = |(frequency, kept): (&f64, &f64)| {
        (frequency / factor * (1.0 - kept) + frequency * kept) as f32
    };
    plain.iter().zip(kept).map(one).collect()
}

/// Returns for each pair how much of its wave length stays as it was: 1 for the quick ones, 0 for
/// the slow ones, and a ramp between.
fn yarn_kept(yarn: &YarnSpec, theta: f64, width: usize) -> Vec<f64> {
    let pair_of = |rotations: f64| {
        width as f64 * (yarn.original_context / (rotations * TAU)).ln() / (2.0 * theta.ln())
    };
    let (mut low, mut high) = (pair_of(yarn.beta_fast), pair_of(yarn.beta_slow));
    if yarn.truncate {
        (low, high) = (low.floor(), high.ceil());
    }
    low = low.max(0.0);
    high = high.min(width as f64 - 1.0);
    if low >= high {
        high = low + 0.001;
    }
    (0..width / 2).map(|pair| 1.0 - ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0)).collect()
}

/// Returns the same for the stretch of Llama 3.1.
fn llama3_kept(llama: &Llama3Spec, plain: &[f64]) -> Vec<f64> {
    let waves = |frequency: &f64| llama.original_context * frequency / TAU;
    let kept = |frequency| (waves(frequency) - llama.low) / (llama.high - llama.low);
    plain.iter().map(|frequency| kept(frequency).clamp(0.0, 1.0)).collect()
}

/// Returns what the rotated values are multiplied by.
fn value_scale(yarn: &YarnSpec) -> f64 {
    if let Some(given) = yarn.attention_factor {
        return given;
    }
    match (yarn.mscale, yarn.mscale_all_dim) {
        (Some(scale), Some(all)) if scale != 0.0 && all != 0.0 => {
            magnitude(yarn.factor, scale) / magnitude(yarn.factor, all)
        }
        _ => magnitude(yarn.factor, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(interleaved: bool, position: u32, values: [f32; 4]) -> [f32; 4] {
        let rope = Rope::new(&RopeSpec { theta: 1e4, width: 4, interleaved, stretch: None });
        let mut values = values;
        rope.rotate(&mut values, &rope.angle(position));
        values
    }

    #[track_caller]
    fn check(interleaved: bool, position: u32, values: [f32; 4], expected: [f32; 4]) {
        let found = rotated(interleaved, position, values);
        let close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn position_zero_changes_nothing_and_length_is_kept() {
        check(true, 0, [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]);
        let length: f32 = rotated(false, 77, [1.0, 2.0, 3.0, 4.0]).iter().map(|x| x * x).sum();
        assert!((length - 30.0).abs() < 1e-4, "{length}");
    }

    #[test]
    fn pairs_are_neighbours_or_one_of_each_half() {
        let (sin, cos) = 1.0_f32.sin_cos();
        check(true, 1, [1.0, 0.0, 0.0, 0.0], [cos, sin, 0.0, 0.0]);
        check(false, 1, [1.0, 0.0, 0.0, 0.0], [cos, 0.0, sin, 0.0]);
    }

    #[test]
    fn only_the_rotated_width_turns() {
        let spec = RopeSpec { theta: 1e4, width: 2, interleaved: false, stretch: None };
        let rope = Rope::new(&spec);
        let mut values = [1.0, 0.0, 5.0, 6.0];
        rope.rotate(&mut values, &rope.angle(1));
        let (sin, cos) = 1.0_f32.sin_cos();
        let expected = [cos, sin, 5.0, 6.0];
        assert_eq!(values.map(f32::to_bits), expected.map(f32::to_bits));
    }

    #[test]
    fn llama_keeps_quick_pairs_and_stretches_slow_ones() {
        // Waves in the old context: 64 / TAU = 10.2 for the first pair, 0.1 for the second.
        let llama = Llama3Spec { factor: 8.0, original_context: 64.0, low: 1.0, high: 4.0 };
        let stretch = Some(Stretch::Llama3(llama));
        let rope = Rope::new(&RopeSpec { theta: 1e4, width: 4, interleaved: false, stretch });
        assert_eq!(rope.frequencies, [1.0, 0.01 / 8.0]);
    }
}
