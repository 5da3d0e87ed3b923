//! A gate that looks while items come in and stops when the answer is clear.
//!
//! What a newcomer would get wrong: passing is only possible at looks that were fixed beforehand, since each
//! look spends some of the error rate; a regression is bet on after every item, which costs nothing.

use super::boundary::{Boundary, obf_boundary};
use super::margin::{MarginVerdict, score_statistic};
use super::sequential::BettingGate;
use super::sum::count;

/// How often the items are looked at.
pub const LOOKS: usize = 5;

/// A gate over a fixed number of items that may stop early.
///
/// A pass needs O'Brien and Fleming's boundary at one of five equal looks, one-sided at alpha. A regression
/// needs theirs at alpha/2, or [`BettingGate`] at alpha/2, whichever comes first; together they err at most
/// as often as alpha. Where several rules may each report a regression, they share that alpha. Differences are in [−1, 1] and must come in random order.
///
/// ```
/// use tripos::stats::{HybridGate, MarginVerdict};
///
/// let mut gate = HybridGate::new(1_000, 0.02, 0.05, 1).expect("items and a margin");
/// // A candidate that loses three items of ten is noticed long before the thousandth.
/// let seen = (0..1_000).position(|n| {
///     gate.see(if n % 10 < 3 { -1.0 } else { 0.0 }) == MarginVerdict::Regress
/// });
/// assert!(seen.is_some_and(|seen| seen < 200));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HybridGate {
    margin: f64,
    looks: Vec<usize>,
    pass: Boundary,
    regress: Boundary,
    betting: BettingGate,
    seen: Seen,
    verdict: MarginVerdict,
}

/// What came in so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    n: usize,
    better: usize,
    worse: usize,
    whole: bool,
    total: f64,
    squares: f64,
}

impl HybridGate {
    /// A gate over `items`, as one of `rules`; absent with fewer items than looks, or a margin or an alpha that is none.
    pub fn new(items: usize, margin: f64, alpha: f64, rules: usize) -> Option<Self> {
        if items < LOOKS || margin <= 0.0 || margin >= 1.0 {
            return None;
        }
        let regress = alpha / (2.0 * count(rules.max(1)));
        Some(Self {
            margin,
            looks: (1..=LOOKS).map(|look| items * look / LOOKS).collect(),
            pass: obf_boundary(LOOKS, alpha)?,
            regress: obf_boundary(LOOKS, regress)?,
            betting: BettingGate::new(margin, regress),
            seen: Seen { whole: true, ..Seen::default() },
            verdict: MarginVerdict::Inconclusive,
        })
    }

    /// Takes the next difference, candidate minus baseline, and says what follows; what was decided stays.
    pub fn see(&mut self, difference: f64) -> MarginVerdict {
        if self.verdict != MarginVerdict::Inconclusive {
            return self.verdict;
        }
        self.seen.see(difference);
        self.betting.see(difference);
        if self.betting.verdict() == MarginVerdict::Regress {
            self.verdict = MarginVerdict::Regress;
        } else if let Some(look) = self.looks.iter().position(|&n| n == self.seen.n) {
            self.look(look);
        }
        self.verdict
    }

    /// Looks for the last time, where items are missing so that the last look never came.
    pub fn finish(&mut self) -> MarginVerdict {
        if self.verdict == MarginVerdict::Inconclusive {
            self.look(LOOKS - 1);
        }
        self.verdict
    }

    fn look(&mut self, look: usize) {
        self.verdict = match self.seen.statistic(self.margin) {
            Some(z) if z >= self.pass.z_bounds[look] => MarginVerdict::Pass,
            Some(z) if -z >= self.regress.z_bounds[look] => MarginVerdict::Regress,
            _ => MarginVerdict::Inconclusive,
        };
    }

    /// What follows so far.
    pub fn verdict(&self) -> MarginVerdict {
        self.verdict
    }

    /// Items seen so far.
    pub fn seen(&self) -> usize {
        self.seen.n
    }
}

impl Seen {
    fn see(&mut self, difference: f64) {
        self.n += 1;
        self.better += usize::from(difference >= 1.0);
        self.worse += usize::from(difference <= -1.0);
        self.whole &= difference.abs() <= 0.0 || difference.abs() >= 1.0;
        self.total += difference;
        self.squares += difference * difference;
    }

    /// Tango's statistic at minus the margin for yes-or-no answers, else the mean's; absent without spread.
    fn statistic(&self, margin: f64) -> Option<f64> {
        if self.whole {
            return score_statistic((self.better, self.worse), self.n, -margin);
        }
        let n = count(self.n);
        let mean = self.total / n;
        let variance = (self.squares - n * mean * mean) / (n - 1.0);
        (variance > 0.0).then(|| (mean + margin) / libm::sqrt(variance / n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_looked_at_has_no_gate() {
        for (items, margin, alpha) in
            [(4, 0.1, 0.05), (50, 0.0, 0.05), (50, 1.0, 0.05), (50, 0.1, 0.5)]
        {
            assert_eq!(HybridGate::new(items, margin, alpha, 1), None, "{items} {margin} {alpha}");
        }
    }

    #[test]
    fn an_equal_candidate_passes_only_at_a_look_and_stays_passed() {
        let mut gate = HybridGate::new(500, 0.1, 0.05, 1).expect("a gate");
        let passed = (1..=500).find(|_| gate.see(0.0) == MarginVerdict::Pass);
        assert_eq!(passed, Some(200), "the second look");
        assert_eq!((gate.see(-1.0), gate.seen()), (MarginVerdict::Pass, 200));
    }

    #[test]
    fn items_that_are_missing_do_not_keep_the_last_look_from_coming() {
        let mut gate = HybridGate::new(100, 0.1, 0.05, 1).expect("a gate");
        assert!((0..39).all(|_| gate.see(0.0) == MarginVerdict::Inconclusive));
        assert_eq!(gate.finish(), MarginVerdict::Pass);
        let nothing = HybridGate::new(100, 0.1, 0.05, 1).expect("a gate").finish();
        assert_eq!(nothing, MarginVerdict::Inconclusive);
    }

    #[test]
    fn fractional_scores_are_decided_too() {
        let mut gate = HybridGate::new(400, 0.05, 0.05, 1).expect("a gate");
        let last = (0..400).map(|n| gate.see(if n % 2 == 0 { 0.25 } else { -0.25 })).last();
        assert_eq!(last, Some(MarginVerdict::Pass));
    }
}
