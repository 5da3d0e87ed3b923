//! When a test that is looked at several times may stop: O'Brien and Fleming's boundary.
//!
//! What a newcomer would get wrong: testing at 5 % after every fifth of the items raises a false alarm in
//! 14 % of identical runs, not in 5 %.

use super::special::{normal_quantile, normal_tail};
use super::sum::{count, sum};

/// Nodes of the quadrature in each unit of the walk.
const NODES: usize = 12;
/// How many standard deviations of the whole walk are followed below its start.
const DEPTH: f64 = 6.0;

/// O'Brien and Fleming's boundary for equally spaced looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Boundary {
    /// C: the bound of the last look.
    pub constant: f64,
    /// The bound of each look, C·√(K/k).
    pub z_bounds: Vec<f64>,
}

/// The one-sided boundary for `looks` looks: C with P(max Sₖ ≥ C·√K) = `alpha` for a Gaussian walk of K
/// unit steps (O'Brien & Fleming 1979, "A multiple testing procedure for clinical trials"; Jennison &
/// Turnbull 2000, 19.2, for the recursion; oracle `obf_boundary`). Absent without a look, or for an
/// `alpha` outside (0, ½).
///
/// ```
/// let boundary = tripos::stats::obf_boundary(5, 0.05).expect("five looks");
/// assert!((boundary.constant - 1.750_865_8).abs() < 1e-7);
/// ```
pub fn obf_boundary(looks: usize, alpha: f64) -> Option<Boundary> {
    if looks == 0 || !(0.0..0.5).contains(&alpha) || alpha <= 0.0 {
        return None;
    }
    let root = libm::sqrt(count(looks));
    // At most twice the last look's chance, by reflection, and at least that.
    let (mut low, mut high) = (-normal_quantile(alpha), -normal_quantile(alpha / 2.0));
    let walk = Walk::new(looks, high * root);
    let excess = |constant: f64| walk.crossing(constant * root) - alpha;
    let (mut at_low, mut at_high) = (excess(low), excess(high));
    // The method of false position, halving the weight of an end that stays (Illinois).
    for _ in 0..60 {
        if high - low <= 1e-14 || at_low <= 0.0 || at_high >= 0.0 {
            break;
        }
        let middle = (low * at_high - high * at_low) / (at_high - at_low);
        let at_middle = excess(middle);
        if at_middle > 0.0 {
            (low, at_low, at_high) = (middle, at_middle, at_high / 2.0);
        } else {
            (high, at_high, at_low) = (middle, at_middle, at_low / 2.0);
        }
        if at_middle.abs() <= 1e-15 * alpha {
            (low, high) = (middle, middle);
        }
    }
    let constant = if at_low <= 0.0 { low } else { f64::midpoint(low, high) };
    let z_bounds = (1..=looks).map(|k| constant * libm::sqrt(count(looks) / count(k))).collect();
    Some(Boundary { constant, z_bounds })
}

/// A Gaussian walk of unit steps that ends where it first reaches a height.
///
/// Places are distances below that height, so that steps between them do not depend on it.
struct Walk {
    looks: usize,
    /// Distances below the height, with their quadrature weights.
    nodes: Vec<(f64, f64)>,
    /// For each node the chance to cross from there in one step.
    tails: Vec<f64>,
    /// The density of a step between two nodes, by row.
    steps: Vec<f64>,
}

impl Walk {
    fn new(looks: usize, highest: f64) -> Self {
        let depth = highest + DEPTH * libm::sqrt(count(looks));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small length"
        )]
        let panels = depth.ceil() as usize;
        let rule = gauss_legendre();
        let nodes: Vec<(f64, f64)> = (0..panels)
            .flat_map(|panel| {
                rule.iter().map(move |(x, w)| (count(panel) + (x + 1.0) / 2.0, w / 2.0))
            })
            .collect();
        let tails = nodes.iter().map(|node| normal_tail(node.0)).collect();
        let steps = nodes.iter().flat_map(|to| nodes.iter().map(|from| density(to.0 - from.0)));
        let steps = steps.collect();
        Self { looks, nodes, tails, steps }
    }

    /// The chance that the walk reaches `height` in one of its steps.
    fn crossing(&self, height: f64) -> f64 {
        let mut weights: Vec<f64> =
            self.nodes.iter().map(|(place, weight)| weight * density(height - place)).collect();
        let mut crossed = vec![normal_tail(height)];
        for look in 1..self.looks {
            crossed.push(sum(weights.iter().zip(&self.tails).map(|(weight, tail)| weight * tail)));
            if look + 1 < self.looks {
                let rows = self.steps.chunks(self.nodes.len());
                let reached =
                    |row: &[f64]| row.iter().zip(&weights).map(|(d, w)| d * w).sum::<f64>();
                let next = rows.zip(&self.nodes).map(|(row, (_, weight))| weight * reached(row));
                weights = next.collect();
            }
        }
        sum(crossed)
    }
}

fn density(x: f64) -> f64 {
    libm::exp(-x * x / 2.0) / libm::sqrt(2.0 * std::f64::consts::PI)
}

/// The nodes and weights of Gauss-Legendre quadrature on (−1, 1), by Newton's method on the Legendre
/// polynomial (DLMF 3.5.21).
fn gauss_legendre() -> Vec<(f64, f64)> {
    let n = count(NODES);
    (0..NODES)
        .map(|place| {
            let mut x = libm::cos(std::f64::consts::PI * (count(place) + 0.75) / (n + 0.5));
            let mut slope = 0.0;
            for _ in 0..20 {
                let (mut before, mut value) = (1.0, x);
                for degree in 2..=NODES {
                    let d = count(degree);
                    (before, value) =
                        (value, ((2.0 * d - 1.0) * x * value - (d - 1.0) * before) / d);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                x -= value / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_is_the_plain_test_and_nonsense_has_no_boundary() {
        let one = obf_boundary(1, 0.05).expect("one look");
        assert!((one.constant - 1.644_853_626_951_472_7).abs() < 1e-12);
        assert_eq!(obf_boundary(0, 0.05), None);
        for alpha in [0.0, 0.5, 1.0, -0.1, f64::NAN] {
            assert_eq!(obf_boundary(3, alpha), None, "{alpha}");
        }
    }

    #[test]
    fn constants_are_the_published_ones() {
        // Jennison & Turnbull 2000, table 2.3, two-sided at 5 % (one-sided at 2.5 %, to four figures).
        for (looks, want) in [(2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087)] {
            let got = obf_boundary(looks, 0.025).expect("looks").constant;
            assert!((got - want).abs() < 6e-4, "{looks}: {got}");
        }
    }

    #[test]
    fn a_tiny_error_rate_keeps_its_digits() {
        let tiny = obf_boundary(3, 1e-9).expect("three looks");
        assert!(tiny.constant > 5.99 && tiny.constant < 6.11, "{}", tiny.constant);
    }
}
