//! Repeated sampling: what k draws out of n would have shown, without drawing.
//!
//! What a newcomer would get wrong: ⌈τ·k⌉ is taken on the decimal that was written. 0.55 · 20 is 11; in
//! binary it is a little more, and its ceiling 12.

use super::mean::mean_ci;
use super::special::{binomial_mass, ln_binomial_mass};
use super::sum::{count, sum};

/// Why an estimate cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// More draws are asked for than there are.
    #[error("k = {k} draws are asked for, and a problem has {n}")]
    KExceedsN {
        /// The draws asked for.
        k: usize,
        /// The draws that the problem has.
        n: usize,
    },
}

/// The draws of one problem and how many of them are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Draws.
    pub n: usize,
    /// Of these, right; never more.
    pub correct: usize,
}

/// An estimate for each problem and their plain mean.
#[derive(Clone, Debug, PartialEq)]
pub struct PassAt {
    /// For each problem, in order.
    pub per_problem: Vec<f64>,
    /// The mean; absent without problems.
    pub mean: Option<f64>,
    /// The standard error over problems; absent with fewer than two.
    pub se: Option<f64>,
}

impl PassAt {
    fn new(per_problem: Vec<f64>) -> Self {
        let fit = mean_ci(&per_problem, super::LEVEL);
        Self { per_problem, mean: fit.mean, se: fit.se }
    }
}

/// The chance that at least one of `k` draws is right: 1 − C(n − c, k)/C(n, k) (Chen et al. 2021,
/// "Evaluating large language models trained on code", eq. 1; oracle `pass_at_k`).
///
/// ```
/// use tripos::stats::{Draws, pass_at_k};
///
/// let problems = [Draws { n: 5, correct: 2 }, Draws { n: 5, correct: 0 }];
/// let estimate = pass_at_k(&problems, 3).expect("three of five");
/// assert_eq!(estimate.per_problem[1], 0.0);
/// assert!((estimate.per_problem[0] - 0.9).abs() < 1e-12);
/// assert!(pass_at_k(&problems, 6).is_err());
/// ```
pub fn pass_at_k(problems: &[Draws], k: usize) -> Result<PassAt, PassError> {
    each(problems, k, |draws| at_least(draws, k, 1))
}

/// The chance that all of `k` draws are right: C(c, k)/C(n, k) (Yao et al. 2024, "τ-bench", 3; oracle
/// `pass_hat_k`).
pub fn pass_hat_k(problems: &[Draws], k: usize) -> Result<PassAt, PassError> {
    each(problems, k, |draws| at_least(draws, k, k))
}

/// How stable right answers are.
#[derive(Clone, Debug, PartialEq)]
pub struct GPassAt {
    /// How many of the draws must be right: max(1, ⌈τ·k⌉).
    pub threshold: usize,
    /// The chance that so many are.
    pub pass: PassAt,
    /// The mean over problems of the area above τ = ½: (2/k)·Σ P(X ≥ i), i from ⌈k/2⌉ + 1 to k.
    pub mg_pass: Option<f64>,
}

/// The chance that a share of at least `tau` of `k` draws is right (Liu et al. 2024, "Are your LLMs
/// capable of stable reasoning?", eq. 3 to 5; oracle `g_pass_at_k`).
pub fn g_pass_at_k(problems: &[Draws], k: usize, tau: f64) -> Result<GPassAt, PassError> {
    let threshold = ceiling_of(tau, k).max(1);
    let pass = each(problems, k, |draws| at_least(draws, k, threshold))?;
    let area = |draws: &Draws| {
        let mut tail = 0.0;
        let tails = (k.div_ceil(2) + 1..=k).rev().map(|i| {
            tail += mass(*draws, k, i);
            tail
        });
        2.0 / count(k) * sum(tails)
    };
    let areas: Vec<f64> = problems.iter().map(area).collect();
    Ok(GPassAt { threshold, pass, mg_pass: mean_ci(&areas, super::LEVEL).mean })
}

/// Estimates each problem, unless one has too few draws.
fn each(
    problems: &[Draws],
    k: usize,
    estimate: impl Fn(Draws) -> f64,
) -> Result<PassAt, PassError> {
    match problems.iter().find(|draws| draws.n < k) {
        Some(&Draws { n, .. }) => Err(PassError::KExceedsN { k, n }),
        None => Ok(PassAt::new(problems.iter().map(|&draws| estimate(draws)).collect())),
    }
}

/// P(X ≥ m) of the right ones among `k` draws: the shorter tail is summed.
fn at_least(draws: Draws, k: usize, m: usize) -> f64 {
    if m == 1 {
        return one_minus_none(draws, k);
    }
    let most = k.min(draws.correct);
    sum((m..=most).rev().map(|i| mass(draws, k, i))).min(1.0)
}

/// 1 − P(X = 0); exactly 0 without a right draw and exactly 1 where the wrong ones do not suffice.
fn one_minus_none(Draws { n, correct }: Draws, k: usize) -> f64 {
    let (few, many) = (k.min(correct), k.max(correct));
    // C(n − c, k)/C(n, k) is a product of as many factors as the smaller of c and k.
    let logs = (0..few).map(|i| libm::log1p(-count(many) / count(n - i)));
    if n.saturating_sub(correct) < k { 1.0 } else { 0.0 - libm::expm1(sum(logs)) }
}

/// P(X = i) of the hypergeometric distribution, from three binomials (Loader 2000).
fn mass(Draws { n, correct }: Draws, k: usize, i: usize) -> f64 {
    let wrong = n.saturating_sub(correct);
    if i > correct || i > k || k - i > wrong {
        return 0.0;
    }
    let p = count(k) / count(n);
    let shares = (p, count(n - k) / count(n));
    let log = ln_binomial_mass(i, correct, shares) + ln_binomial_mass(k - i, wrong, shares)
        - ln_binomial_mass(k, n, shares);
    libm::exp(log)
}

/// ⌈tau·k⌉ on the exact decimal that `tau` prints as.
fn ceiling_of(tau: f64, k: usize) -> usize {
    let text = format!("{}", tau.max(0.0));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    // More digits than this are of a share too small to count.
    let fraction = &fraction[..fraction.len().min(20)];
    let read = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).expect("at most 20 digits"));
    let exact = read(whole).zip(read(fraction)).and_then(|(whole, fraction)| {
        let tau = whole.checked_mul(scale)?.checked_add(fraction)?;
        usize::try_from(tau.checked_mul(k as u128)?.div_ceil(scale)).ok()
    });
    exact.unwrap_or(usize::MAX)
}

/// Answers that are the same, and whether they are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerClass {
    /// How many draws gave it.
    pub count: usize,
    /// Whether it is right.
    pub correct: bool,
}

/// The draws of one problem by what they answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballot {
    /// The answers.
    pub classes: Vec<AnswerClass>,
    /// Draws without a valid answer: they take a slot and cannot win.
    pub invalid: usize,
}

/// The expected score of the most frequent answer among `k` draws; a tie is split evenly, and no valid
/// vote scores 0 (Wang et al. 2023, "Self-consistency"; oracle `maj_at_k`).
///
/// Exact over all C(n, k) choices: given that independent binomial votes add up to k, they are
/// distributed as draws without replacement, so that every term is a product of binomials.
pub fn maj_at_k(problems: &[Ballot], k: usize) -> Result<PassAt, PassError> {
    let drawn = |ballot: &Ballot| {
        ballot.invalid + ballot.classes.iter().map(|class| class.count).sum::<usize>()
    };
    if let Some(n) = problems.iter().map(drawn).find(|&n| n < k) {
        return Err(PassError::KExceedsN { k, n });
    }
    Ok(PassAt::new(problems.iter().map(|ballot| majority(ballot, drawn(ballot), k)).collect()))
}

/// The expected score of one problem.
fn majority(ballot: &Ballot, n: usize, k: usize) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let shares = (count(k) / count(n), count(n - k) / count(n));
    let chance = |votes: usize, of: usize| binomial_mass(votes, of, shares);
    let largest = ballot.classes.iter().map(|class| class.count).max().unwrap_or(0).min(k);
    let score = sum((1..=largest).map(|most| won_with(ballot, k, most, &chance)));
    score / binomial_mass(k, n, shares)
}

/// The expected score where the most frequent answer has `most` votes, times the chance of `k` votes.
fn won_with(ballot: &Ballot, k: usize, most: usize, chance: &impl Fn(usize, usize) -> f64) -> f64 {
    let ties_max = k / most;
    // For each number of votes and of tied answers: the chance, and the chance times right ones tied.
    let mut states = vec![vec![(0.0, 0.0); ties_max + 1]; k + 1];
    states[0][0] = (1.0, 0.0);
    for class in &ballot.classes {
        let mut next = vec![vec![(0.0, 0.0); ties_max + 1]; k + 1];
        let chances: Vec<f64> =
            (0..=most.min(class.count)).map(|votes| chance(votes, class.count)).collect();
        for (given, row) in states.iter().enumerate() {
            for (ties, &(weight, right)) in row.iter().enumerate() {
                if weight <= 0.0 {
                    continue;
                }
                for (votes, chance) in chances.iter().enumerate().take(k - given + 1) {
                    let tied = votes == most;
                    let place: &mut (f64, f64) = &mut next[given + votes][ties + usize::from(tied)];
                    let gained = if tied && class.correct { weight } else { 0.0 };
                    place.0 += chance * weight;
                    place.1 += chance * (right + gained);
                }
            }
        }
        states = next;
    }
    let wins = states.iter().enumerate().flat_map(|(given, row)| {
        let rest = chance(k - given, ballot.invalid);
        row.iter().enumerate().skip(1).map(move |(ties, (_, right))| rest * right / count(ties))
    });
    sum(wins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_draws_than_there_are_cannot_be_asked_for() {
        let one = [Draws { n: 2, correct: 1 }];
        let error = Err(PassError::KExceedsN { k: 3, n: 2 });
        assert_eq!(pass_at_k(&one, 3), error);
        assert_eq!(pass_hat_k(&one, 3), error);
        assert_eq!(g_pass_at_k(&one, 3, 0.5).map(|g| g.pass), error);
        let class = AnswerClass { count: 1, correct: true };
        assert_eq!(maj_at_k(&[Ballot { classes: vec![class], invalid: 1 }], 3), error);
    }

    #[test]
    fn nothing_estimates_nothing() {
        assert_eq!(pass_at_k(&[], 3).expect("no problem has too few").mean, None);
        assert_eq!(maj_at_k(&[], 3).expect("no problem has too few").mean, None);
        let none = [Ballot { classes: vec![], invalid: 4 }];
        assert_eq!(maj_at_k(&none, 2).expect("two of four").per_problem, [0.0]);
    }

    #[test]
    fn the_ceiling_is_that_of_the_decimal() {
        for (tau, k, want) in [
            (0.55, 20, 11),
            (0.7, 10, 7),
            (0.07, 100, 7),
            (0.1, 3, 1),
            (0.25, 3, 1),
            (1.0, 8, 8),
            (0.0, 8, 0),
            (1e-9, 8, 1),
            (0.333_333_333_333_333_3, 3, 1),
            (0.333_333_333_333_333_37, 3, 2),
            (2.0, 3, 6),
        ] {
            assert_eq!(ceiling_of(tau, k), want, "{tau} of {k}");
        }
    }

    /// Every choice of `k` of the draws, scored by hand.
    fn by_enumeration(ballot: &Ballot, k: usize) -> f64 {
        let mut draws: Vec<Option<usize>> = vec![None; ballot.invalid];
        for (n, class) in ballot.classes.iter().enumerate() {
            draws.extend(vec![Some(n); class.count]);
        }
        let (mut total, mut choices) = (0.0, 0.0);
        for choice in (0_u32..1 << draws.len()).filter(|c| c.count_ones() as usize == k) {
            let mut votes = vec![0; ballot.classes.len()];
            for draw in (0..draws.len()).filter(|n| choice >> n & 1 == 1) {
                if let Some(class) = draws[draw] {
                    votes[class] += 1;
                }
            }
            let most = votes.iter().copied().max().unwrap_or(0);
            let tied: Vec<bool> = (0..votes.len())
                .filter(|&n| most > 0 && votes[n] == most)
                .map(|n| ballot.classes[n].correct)
                .collect();
            if !tied.is_empty() {
                total += count(tied.iter().filter(|right| **right).count()) / count(tied.len());
            }
            choices += 1.0;
        }
        total / choices
    }

    #[test]
    fn a_majority_is_that_of_all_choices() {
        let class = |count, correct| AnswerClass { count, correct };
        for classes in [
            vec![class(3, true), class(3, false), class(2, true)],
            vec![class(1, false), class(1, false), class(1, true), class(4, false)],
            vec![class(5, true)],
        ] {
            let ballot = Ballot { classes, invalid: 3 };
            for k in 1..=7 {
                let got =
                    maj_at_k(std::slice::from_ref(&ballot), k).expect("enough").per_problem[0];
                let want = by_enumeration(&ballot, k);
                assert!((got - want).abs() < 1e-12, "k {k}: {got}, {want}");
            }
        }
    }
}
