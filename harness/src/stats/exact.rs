//! Exact tests of paired differences: no spread is estimated, chances are counted.
//!
//! A tiny p-value keeps its relative accuracy: no tail is formed as 1 minus its complement.

use std::collections::BTreeMap;

use tripos_tasks::generate::Random;

use super::special::{binomial_cdf, binomial_mass, binomial_tail};
use super::sum::{count, sum};

/// The chances of a fair coin.
const FAIR: (f64, f64) = (0.5, 0.5);
/// The most groups of which every sign flip is tried: 2²⁰ flips.
const GROUPS_MAX: usize = 20;
/// The flips that are drawn where there are too many to try them all.
const DRAWS: u32 = 100_000;
/// How far rounding may move a mean that equals the observed one.
const TIE: f64 = 1e-12;

/// `McNemar`'s test of paired yes-or-no answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Pairs that differ.
    pub discordant: usize,
    /// How often chance alone splits them as unevenly.
    pub p_two_sided: f64,
    /// The same with half the weight on the split seen.
    pub p_mid: f64,
    /// How often chance gives at least as many to the first count.
    pub p_greater_b: f64,
    /// How often chance gives at least as many to the second.
    pub p_greater_c: f64,
}

/// Tests whether `b` pairs of one kind against `c` of the other are chance: X of N = b + c is
/// Bin(N, ½) (`McNemar` 1947; mid-p: Fagerland, Lydersen & Laake 2013; oracle `mcnemar_exact`).
///
/// ```
/// let test = tripos::stats::mcnemar_exact(9, 2);
/// assert!((test.p_two_sided - 0.065_429_687_5).abs() < 1e-12);
/// ```
pub fn mcnemar_exact(b: usize, c: usize) -> McNemar {
    let (n, few) = (b + c, b.min(c));
    let tail = binomial_cdf(few, n, FAIR);
    let mid = tail - 0.5 * binomial_mass(few, n, FAIR);
    McNemar {
        discordant: n,
        p_two_sided: (2.0 * tail).min(1.0),
        p_mid: (2.0 * mid).min(1.0),
        p_greater_b: binomial_tail(b, n, FAIR),
        p_greater_c: binomial_tail(c, n, FAIR),
    }
}

/// The sign test of differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignTest {
    /// Differences above 0.
    pub positive: usize,
    /// Differences below 0.
    pub negative: usize,
    /// Differences of 0: they say nothing.
    pub ties: usize,
    /// How often chance alone splits the signs as unevenly.
    pub p_two_sided: f64,
    /// How often chance gives at least as many above 0.
    pub p_greater: f64,
    /// How often chance gives at least as many below 0.
    pub p_less: f64,
}

/// Tests whether differences above and below 0 are equally likely (Arbuthnot 1710; Conover 1999, 3.4;
/// oracle `sign_test`).
pub fn sign_test(differences: &[f64]) -> SignTest {
    let positive = differences.iter().filter(|&&d| d > 0.0).count();
    let negative = differences.iter().filter(|&&d| d < 0.0).count();
    let test = mcnemar_exact(positive, negative);
    SignTest {
        positive,
        negative,
        ties: differences.len() - positive - negative,
        p_two_sided: test.p_two_sided,
        p_greater: test.p_greater_b,
        p_less: test.p_greater_c,
    }
}

/// The sign-flip permutation test of a mean difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Permutation {
    /// The mean difference; absent of nothing.
    pub statistic: Option<f64>,
    /// The flips that were tried or drawn.
    pub flips: u32,
    /// Whether every flip was tried.
    pub exact: bool,
    /// How often a flip moves the mean as far.
    pub p_two_sided: f64,
    /// How often a flip gives a mean as high.
    pub p_greater: f64,
    /// How often a flip gives a mean as low.
    pub p_less: f64,
}

/// Tests a mean difference by flipping signs, whole clusters together (Fisher 1935, "The Design of
/// Experiments", 21; oracle `permutation_exact`). A flip whose mean equals the observed one counts.
///
/// Up to 2²⁰ flips are all tried; of more, 100,000 are drawn from `seed`, and p = (1 + hits)/(1 + draws)
/// (Phipson & Smyth 2010).
pub fn permutation(differences: &[f64], clusters: Option<&[usize]>, seed: u64) -> Permutation {
    let n = differences.len();
    let alone: Vec<usize> = (0..n).collect();
    let sums = cluster_sums(differences, clusters.unwrap_or(&alone));
    let scale = count(n.max(1));
    let observed = sum(sums.iter().copied()) / scale;
    let mut hits = Hits::new(observed);
    if sums.len() <= GROUPS_MAX {
        let (low, high) = sums.split_at(sums.len() / 2);
        let (low, high) = (signed_sums(low), signed_sums(high));
        for high in &high {
            for low in &low {
                hits.see((low + high) / scale);
            }
        }
    } else {
        let mut random = Random::from_key(&format!("permutation\n{seed}"));
        hits.see(observed);
        for _ in 0..DRAWS {
            hits.see(draw(&sums, &mut random) / scale);
        }
    }
    hits.test((n > 0).then_some(observed), sums.len() <= GROUPS_MAX)
}

/// The summed differences of each cluster, in an order that the input's does not decide.
fn cluster_sums(differences: &[f64], clusters: &[usize]) -> Vec<f64> {
    let mut groups: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (&difference, &cluster) in differences.iter().zip(clusters) {
        groups.entry(cluster).or_default().push(difference);
    }
    let total = |mut group: Vec<f64>| {
        group.sort_by(f64::total_cmp);
        sum(group)
    };
    let mut sums: Vec<f64> = groups.into_values().map(total).collect();
    sums.sort_by(f64::total_cmp);
    sums
}

/// The sums that all choices of signs give.
fn signed_sums(values: &[f64]) -> Vec<f64> {
    let flipped = |choice: u32| {
        sum(values.iter().enumerate().map(|(n, v)| if choice >> n & 1 == 0 { *v } else { -*v }))
    };
    (0..1_u32 << values.len()).map(flipped).collect()
}

/// A sum under signs drawn at random.
fn draw(values: &[f64], random: &mut Random) -> f64 {
    let mut bits = 0;
    sum(values.iter().enumerate().map(|(n, &value)| {
        if n % 64 == 0 {
            bits = random.next_u64();
        }
        let keep = bits >> (n % 64) & 1 == 0;
        if keep { value } else { -value }
    }))
}

/// Flips seen, and how many of them are as extreme as what was observed.
struct Hits {
    observed: f64,
    seen: u32,
    both: u32,
    greater: u32,
    less: u32,
}

impl Hits {
    fn new(observed: f64) -> Self {
        Self { observed, seen: 0, both: 0, greater: 0, less: 0 }
    }

    fn see(&mut self, mean: f64) {
        let tie = TIE * self.observed.abs().max(1.0);
        self.seen += 1;
        self.both += u32::from(mean.abs() >= self.observed.abs() - tie);
        self.greater += u32::from(mean >= self.observed - tie);
        self.less += u32::from(mean <= self.observed + tie);
    }

    fn test(&self, statistic: Option<f64>, exact: bool) -> Permutation {
        let share = |hits: u32| f64::from(hits) / f64::from(self.seen);
        Permutation {
            statistic,
            flips: if exact { self.seen } else { DRAWS },
            exact,
            p_two_sided: share(self.both),
            p_greater: share(self.greater),
            p_less: share(self.less),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_differs_is_no_evidence() {
        let none = mcnemar_exact(0, 0);
        assert_eq!((none.p_two_sided, none.p_mid, none.p_greater_b), (1.0, 1.0, 1.0));
        let ties = sign_test(&[0.0, 0.0]);
        assert_eq!((ties.ties, ties.p_two_sided), (2, 1.0));
        let nothing = permutation(&[], None, 1);
        assert_eq!((nothing.statistic, nothing.flips, nothing.p_two_sided), (None, 1, 1.0));
    }

    #[test]
    fn a_tiny_chance_keeps_its_digits() {
        let test = mcnemar_exact(0, 1000);
        let want = libm::exp2(-999.0);
        assert!((test.p_two_sided - want).abs() <= 1e-11 * want, "{:e}", test.p_two_sided);
    }

    #[test]
    fn drawn_flips_agree_with_all_flips_and_the_seed_decides_them() {
        let differences: Vec<f64> = (0..20).map(|n| f64::from(n % 7) - 2.4).collect();
        let exact = permutation(&differences, None, 1);
        assert!(exact.exact && exact.flips == 1 << 20);
        let mut longer = differences.clone();
        longer.push(0.0);
        let drawn = permutation(&longer, None, 1);
        assert!(!drawn.exact && drawn.flips == DRAWS);
        assert!((drawn.p_two_sided - exact.p_two_sided).abs() < 0.01);
        assert_eq!(drawn, permutation(&longer, None, 1));
        assert_ne!(drawn, permutation(&longer, None, 2));
        // A cluster of its own for each pair of values: few enough to try them all.
        let clusters: Vec<usize> = (0..21).map(|n| n / 2).collect();
        assert!(permutation(&longer, Some(&clusters), 1).exact);
    }
}
