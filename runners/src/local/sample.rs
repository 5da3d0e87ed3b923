//! The next token out of the logits.

use std::cmp::Ordering;

use tripos_tasks::generate::random::Random;

/// How tokens are drawn, and the random numbers that decide.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    temperature: f64,
    top_p: f64,
    random: Random,
}

impl Sampler {
    /// Starts the draws of one completion. Its seed decides them all, one draw a position, so that
    /// nothing depends on what else is answered at the same time.
    pub(crate) fn new(temperature: f64, top_p: f64, seed: u64) -> Self {
        Self { temperature, top_p, random: Random::from_key(&format!("tripos.sample/1\n{seed}")) }
    }

    /// Returns the next token, `None` where a logit is not a number. Ties go to the lowest token.
    pub(crate) fn next(&mut self, logits: &[f32]) -> Option<u32> {
        let draw = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        let best = highest(logits)?;
        if self.temperature <= 0.0 {
            return Some(best as u32);
        }
        let top = f64::from(logits[best]);
        let share = |logit: &f32| ((f64::from(*logit) - top) / self.temperature).exp();
        let shares: Vec<f64> = logits.iter().map(share).collect();
        Some(if self.top_p < 1.0 {
            let kept = nucleus(&shares, self.top_p);
            pick(&kept, &shares, draw)
        } else {
            let all: Vec<usize> = (0..shares.len()).collect();
            pick(&all, &shares, draw)
        })
    }
}

/// Returns the place of the highest logit, the first of equals.
fn highest(logits: &[f32]) -> Option<usize> {
    let better =
        |best: usize, place: usize| if logits[place] > logits[best] { place } else { best };
    (0..logits.len()).reduce(better)
}

/// Returns the fewest tokens whose shares reach `top_p` of all, the likeliest first.
fn nucleus(shares: &[f64], top_p: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let likelier = |a: &usize, b: &usize| {
        shares[*b].partial_cmp(&shares[*a]).unwrap_or(Ordering::Equal).then(a.cmp(b))
    };
    order.sort_by(likelier);
    let wanted = top_p * shares.iter().sum::<f64>();
    let mut sum = 0.0;
    let enough = order.iter().position(|token| {
        sum += shares[*token];
        sum >= wanted
    });
    order.truncate(enough.map_or(order.len(), |last| last + 1));
    order
}

/// Returns the candidate in whose share `draw`, from 0 to 1, falls.
fn pick(candidates: &[usize], shares: &[f64], draw: f64) -> u32 {
    let total: f64 = candidates.iter().map(|token| shares[*token]).sum();
    let mut left = draw * total;
    for token in candidates {
        left -= shares[*token];
        if left < 0.0 {
            return *token as u32;
        }
    }
    *candidates.last().expect("the likeliest token is always a candidate") as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_greedy(logits: &[f32], expected: Option<u32>) {
        assert_eq!(Sampler::new(0.0, 1.0, 7).next(logits), expected, "of {logits:?}");
    }

    #[test]
    fn greedy_takes_the_highest_and_of_equals_the_first() {
        check_greedy(&[0.0, 2.0, 1.0], Some(1));
        check_greedy(&[1.0, 2.0, 2.0], Some(1));
        check_greedy(&[-0.0, 0.0], Some(0));
        check_greedy(&[0.0, f32::NAN], None);
        check_greedy(&[0.0, f32::INFINITY], None);
        check_greedy(&[], None);
    }

    #[test]
    fn the_seed_decides_and_the_temperature_spreads() {
        let logits = [0.0, 1.0, 2.0, 3.0];
        let draw = |temperature, seed| {
            let mut sampler = Sampler::new(temperature, 1.0, seed);
            (0..200).map(|_| sampler.next(&logits).expect("finite")).collect::<Vec<_>>()
        };
        assert_eq!(draw(1.0, 5), draw(1.0, 5));
        assert_ne!(draw(1.0, 5), draw(1.0, 6));
        let best = |tokens: Vec<u32>| tokens.iter().filter(|token| **token == 3).count();
        assert!((105..=150).contains(&best(draw(1.0, 5))), "64 % of 200 are expected");
        assert_eq!(best(draw(0.01, 5)), 200);
    }

    #[test]
    fn top_p_keeps_the_smallest_set() {
        let shares = [0.1, 0.5, 0.1, 0.3];
        assert_eq!(nucleus(&shares, 0.5), [1]);
        assert_eq!(nucleus(&shares, 0.6), [1, 3]);
        assert_eq!(nucleus(&shares, 0.85), [1, 3, 0]);
    }

    #[test]
    fn a_draw_falls_into_its_share() {
        let shares = [0.25, 0.5, 0.25];
        for (draw, token) in [(0.0, 0), (0.24, 0), (0.25, 1), (0.74, 1), (0.75, 2), (1.0, 2)] {
            assert_eq!(pick(&[0, 1, 2], &shares, draw), token, "at {draw}");
        }
    }
}
