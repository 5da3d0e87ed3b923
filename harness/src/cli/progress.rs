//! How far a run is: one line on a terminal, a plain line now and then elsewhere, else nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::output::{Output, is_watched, rewrite_line};
use crate::engine::{ArmProgress, Progress};
use crate::report::thousands;

/// How often a line is drawn on a terminal at most.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(5);
/// Columns of the live line; a longer one would wrap and stay.
const WIDTH: usize = 79;

/// The line that says how far a run is.
pub(super) struct Line {
    output: Output,
    watched: bool,
    started: Instant,
    drawn: Option<Instant>,
    latest: Progress,
}

impl Line {
    /// A line for a run that starts now.
    pub(super) fn new(output: Output) -> Self {
        let watched = is_watched();
        let now = Instant::now();
        // The first plain line is due after the first pause.
        let drawn = if watched { None } else { Some(now) };
        Self { output, watched, started: now, drawn, latest: Progress::default() }
    }

    /// Takes what the recorder says.
    pub(super) fn observe(&mut self, progress: &Progress) {
        self.latest.clone_from(progress);
        self.tick();
    }

    /// Draws when it is time to.
    pub(super) fn tick(&mut self) {
        let pause = if self.watched { REDRAW } else { PLAIN };
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= pause);
        if self.output.is_quiet() || self.latest.arms.is_empty() || !due {
            return;
        }
        self.drawn = Some(Instant::now());
        let line = describe(&self.latest, self.started.elapsed());
        if self.watched {
            rewrite_line(&line.chars().take(WIDTH).collect::<String>());
        } else {
            self.output.note(&line);
        }
        if self.output.is_verbose() && !self.watched {
            self.latest.arms.iter().for_each(|arm| self.output.note(&describe_arm(arm)));
        }
    }

    /// Ends the line and says how long it took.
    pub(super) fn finish(&self) {
        if self.output.is_quiet() {
            return;
        }
        if self.watched {
            rewrite_line("");
        }
        let new = thousands(self.latest.done().saturating_sub(self.latest.reused));
        let reused = thousands(self.latest.reused);
        let took = duration(self.started.elapsed());
        self.output.note(&format!("new trials: {new}; from the store: {reused}; took {took}"));
        if self.output.is_verbose() {
            self.latest.arms.iter().for_each(|arm| self.output.note(&describe_arm(arm)));
        }
    }
}

/// What is running, how much of it is done, how fast, how long still, and what it took.
fn describe(progress: &Progress, elapsed: Duration) -> String {
    let total = progress.total();
    let done = progress.done();
    let failed: u64 = progress.arms.iter().map(|arm| arm.failed).sum();
    let running = progress
        .arms
        .iter()
        .find(|arm| arm.stopped.is_none() && arm.done() < arm.total)
        .map_or("finishing", |arm| arm.label.as_str());
    let mut line = format!("{running}  {}/{}", thousands(done), thousands(total));
    let now = done.saturating_sub(progress.reused);
    if let Some(rate) = rate(now, elapsed) {
        let left = Duration::try_from_secs_f64(real(total - done) / rate).unwrap_or(Duration::MAX);
        let _ = write!(line, "  {rate:.1}/s  {} left", duration(left));
    }
    let _ = write!(line, "  {} tokens", thousands(progress.tokens_in + progress.tokens_out));
    if failed > 0 {
        let _ = write!(line, "  {} failed", thousands(failed));
    }
    line
}

fn describe_arm(arm: &ArmProgress) -> String {
    let mut line = format!("  {}: {} of {}", arm.label, arm.done(), arm.total);
    for (outcome, count) in tripos_graders::Outcome::ALL.iter().zip(arm.outcomes) {
        if count > 0 {
            let _ = write!(line, ", {count} {}", outcome.as_str());
        }
    }
    if arm.failed > 0 {
        let _ = write!(line, ", {} failed", arm.failed);
    }
    line
}

fn rate(done: u64, elapsed: Duration) -> Option<f64> {
    let rate = real(done) / elapsed.as_secs_f64();
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

#[expect(clippy::cast_precision_loss, reason = "trial counts come nowhere near 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

/// A length of time in at most two units.
fn duration(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..=59 => format!("{s} s"),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(label: &str, total: u64, correct: u64, failed: u64) -> ArmProgress {
        let mut outcomes = [0; 9];
        outcomes[0] = correct;
        ArmProgress { label: label.to_owned(), total, outcomes, failed, stopped: None }
    }

    #[track_caller]
    fn check(arms: Vec<ArmProgress>, reused: u64, seconds: u64, expected: &str) {
        let progress =
            Progress { arms, reused, tokens_in: 1000, tokens_out: 234, ..Progress::default() };
        assert_eq!(describe(&progress, Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn the_line_names_what_runs_and_what_is_left() {
        let arms = || vec![arm("off", 10, 10, 0), arm("on", 1400, 390, 0)];
        check(arms(), 0, 100, "on  400/1,410  4.0/s  4 min 12 s left  1,234 tokens");
        check(arms(), 400, 100, "on  400/1,410  1,234 tokens");
        check(vec![arm("off", 3, 2, 1)], 0, 0, "finishing  3/3  1,234 tokens  1 failed");
    }

    #[test]
    fn time_has_at_most_two_units() {
        let shown = [5, 65, 3605, 90_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["5 s", "1 min 5 s", "1 h 0 min", "25 h 0 min"]);
    }
}
