//! Tests that may stop at any item: the ratio test and the betting e-process.

use super::margin::MarginVerdict;
use super::running::Running;

/// What a sequential probability ratio test holds against each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioTest {
    /// The chance of success if nothing is wrong.
    pub p0: f64,
    /// The chance of success that must be noticed.
    pub p1: f64,
    /// How often `p1` may be accepted while `p0` holds.
    pub alpha: f64,
    /// How often `p0` may be accepted while `p1` holds.
    pub beta: f64,
}

/// What a sequential probability ratio test accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioDecision {
    /// The chance is `p0`.
    AcceptH0,
    /// The chance is `p1`.
    AcceptH1,
    /// Neither yet.
    Continue,
}

impl RatioDecision {
    /// Returns the name as reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptH0 => "accept_h0",
            Self::AcceptH1 => "accept_h1",
            Self::Continue => "continue",
        }
    }
}

/// Where a sequential probability ratio test stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioOutcome {
    /// ln((1 − β)/α): `p1` is accepted from here up.
    pub upper: f64,
    /// ln(β/(1 − α)): `p0` is accepted from here down.
    pub lower: f64,
    /// The log-likelihood ratio where it stopped, or at the end.
    pub llr: f64,
    /// What follows.
    pub decision: RatioDecision,
    /// Outcomes seen at the stop.
    pub stop: Option<usize>,
}

/// Wald's sequential probability ratio test (Wald 1945, "Sequential tests of statistical hypotheses";
/// oracle `sprt`).
pub fn sprt(test: RatioTest, outcomes: &[bool]) -> RatioOutcome {
    let upper = libm::log((1.0 - test.beta) / test.alpha);
    let lower = libm::log(test.beta / (1.0 - test.alpha));
    let success = libm::log(test.p1 / test.p0);
    let failure = libm::log((1.0 - test.p1) / (1.0 - test.p0));
    let (mut hits, mut misses, mut llr) = (0_u32, 0_u32, 0.0);
    for (n, &outcome) in outcomes.iter().enumerate() {
        hits += u32::from(outcome);
        misses += u32::from(!outcome);
        llr = part(hits, success) + part(misses, failure);
        let decision = if llr >= upper {
            RatioDecision::AcceptH1
        } else if llr <= lower {
            RatioDecision::AcceptH0
        } else {
            continue;
        };
        return RatioOutcome { upper, lower, llr, decision, stop: Some(n + 1) };
    }
    RatioOutcome { upper, lower, llr, decision: RatioDecision::Continue, stop: None }
}

/// What so many outcomes add; none of an impossible kind adds nothing.
fn part(outcomes: u32, each: f64) -> f64 {
    if outcomes == 0 { 0.0 } else { f64::from(outcomes) * each }
}

/// Two gamblers, one betting that a mean difference is above minus a margin and one that it is below.
/// Either is convinced once its wealth reaches 1/α, whenever that is (Ville's inequality).
///
/// Differences are in [−1, 1] and come in random order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BettingGate {
    middle: f64,
    threshold: f64,
    log_wealth_pass: f64,
    log_wealth_regress: f64,
    running: Running,
}

impl BettingGate {
    /// Starts with a wealth of 1 each, before the first difference.
    pub fn new(margin: f64, alpha: f64) -> Self {
        Self {
            middle: (1.0 - margin) / 2.0,
            threshold: -libm::log(alpha),
            log_wealth_pass: 0.0,
            log_wealth_regress: 0.0,
            running: Running::default(),
        }
    }

    /// Bets on the next difference, candidate minus baseline (Waudby-Smith & Ramdas 2024, 4; the bets
    /// are GRAPA's approximation, eq. 40, capped at ½; oracle `betting_gate`).
    pub fn see(&mut self, difference: f64) {
        let (y, m) = (f64::midpoint(difference, 1.0), self.middle);
        let edge = self.running.mean() - m;
        let bet = edge / (self.running.variance() + edge * edge);
        let up = bet.clamp(0.0, 0.5 / m);
        let down = (-bet).clamp(0.0, 0.5 / (1.0 - m));
        self.log_wealth_pass += libm::log1p(up * (y - m));
        self.log_wealth_regress += libm::log1p(-down * (y - m));
        self.running.see(y);
    }

    /// What the wealth says now; a regression is looked for first.
    pub fn verdict(&self) -> MarginVerdict {
        if self.log_wealth_regress >= self.threshold {
            MarginVerdict::Regress
        } else if self.log_wealth_pass >= self.threshold {
            MarginVerdict::Pass
        } else {
            MarginVerdict::Inconclusive
        }
    }

    /// The logarithms of the wealth of who bets on a pass and of who bets on a regression.
    pub fn log_wealth(&self) -> (f64, f64) {
        (self.log_wealth_pass, self.log_wealth_regress)
    }

    /// The log wealth that convinces: ln(1/α).
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
}

/// Bets on differences until a gambler is convinced; returns the gate and the differences seen by then,
/// if one was.
pub fn betting_gate(differences: &[f64], margin: f64, alpha: f64) -> (BettingGate, Option<usize>) {
    let mut gate = BettingGate::new(margin, alpha);
    for (n, &difference) in differences.iter().enumerate() {
        gate.see(difference);
        if gate.verdict() != MarginVerdict::Inconclusive {
            return (gate, Some(n + 1));
        }
    }
    (gate, None)
}
