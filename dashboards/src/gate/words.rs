//! The sentences of a gate, said once for every form, and its text for the terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{Gate, Rule, Verdict};
use crate::number::{Unit, count, p_value, show};
use crate::report::Figure;
use crate::terminal::{Align, Screen, Table, paint, wrapped};
use crate::text::visible_line;

/// Flips that the terminal shows.
const FLIPS_SHOWN: usize = 10;

/// Returns what the gate found, for people.
pub fn terminal(gate: &Gate, screen: Screen) -> String {
    let style = Style::new().bold().fg_color(Some(match gate.verdict {
        Verdict::Pass => AnsiColor::Green.into(),
        Verdict::Regress | Verdict::Invalid => AnsiColor::Red.into(),
        Verdict::Inconclusive => AnsiColor::Yellow.into(),
    }));
    let title = wrapped(&headline(gate), screen.width, "");
    let mut text = format!("{}\n", paint(title.trim_end(), style, screen.color));
    for sentence in &gate.invalid {
        text.push_str(&wrapped(sentence, screen.width, "  "));
    }
    for rule in &gate.rules {
        let line = format!("{} {}: {}", mark(rule.verdict), name(rule), finding(rule));
        let _ = write!(text, "\n{}", wrapped(&line, screen.width, ""));
        for sentence in details(rule) {
            text.push_str(&wrapped(&sentence, screen.width, "  "));
        }
    }
    text.push('\n');
    for sentence in [changed(gate)].iter().chain(&gate.notes) {
        text.push_str(&wrapped(sentence, screen.width, ""));
    }
    if !gate.flips.is_empty() {
        let mut table = Table::new(&[
            ("task", Align::Left),
            ("item", Align::Left),
            ("before", Align::Right),
            ("now", Align::Right),
            ("outcome", Align::Whole),
            ("trial", Align::Whole),
        ]);
        for flip in gate.flips.iter().take(FLIPS_SHOWN) {
            let (task, item) = (flip.task.clone(), flip.item.clone());
            let (before, now) = (score(flip.baseline), score(flip.candidate));
            let trial = flip.trial.chars().take(12).collect();
            table.row([task, item, before, now, flip.outcome.clone(), trial]);
        }
        let _ = write!(text, "\n{}", table.render(screen));
    }
    text
}

/// The gate in one sentence.
pub(super) fn headline(gate: &Gate) -> String {
    let (candidate, baseline) = (&gate.candidate.name, &gate.baseline.name);
    let broken = gate.rules.iter().filter(|rule| rule.verdict == gate.verdict).count();
    let rules = |n: usize| if n == 1 { "1 rule".to_owned() } else { format!("{n} rules") };
    let all = rules(gate.rules.len());
    match gate.verdict {
        Verdict::Pass => format!("PASS: {candidate} against {baseline}: {all} hold"),
        Verdict::Regress => {
            format!("REGRESS: {candidate} against {baseline}: {broken} of {all} broken")
        }
        Verdict::Inconclusive => {
            let end = if gate.exit_code == 0 { " (a warning, as the policy says)" } else { "" };
            format!("INCONCLUSIVE: {candidate} against {baseline}: {broken} of {all} open{end}")
        }
        Verdict::Invalid => format!("INVALID: {candidate} against {baseline}: not measured"),
    }
}

/// The mark that stands beside a verdict.
pub(super) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Regress => "✗",
        Verdict::Inconclusive => "?",
        Verdict::Invalid => "!",
    }
}

/// What a rule asks.
pub(super) fn name(rule: &Rule) -> String {
    let of =
        if rule.task == "*" { "all tasks".to_owned() } else { visible_line(&rule.task).into() };
    let metric = rule.metric.replace('_', " ");
    let limit = rule.limit.map(|limit| bare(limit, rule.unit)).unwrap_or_default();
    match rule.kind.as_str() {
        "non_inferior" => format!("{metric} of {of} not worse by {limit}"),
        "at_most" => format!("{metric} of {of} at most {limit}"),
        "at_least" => format!("{metric} of {of} at least {limit}"),
        "ratio_at_most" => format!("{metric} of {of} at most {limit} the baseline's"),
        _ => format!("every item of {of} passes"),
    }
}

/// What was found, in words.
pub(super) fn finding(rule: &Rule) -> String {
    let shown = show(&rule.figure, rule.unit);
    let said = match (rule.verdict, rule.kind.as_str()) {
        (Verdict::Pass, _) => "holds",
        (Verdict::Regress, _) => "broken",
        (Verdict::Inconclusive, _) => "not decided",
        (Verdict::Invalid, _) => "not measured",
    };
    format!("{said}, {shown}")
}

/// What a reader must know of a rule, method and test first.
pub(super) fn details(rule: &Rule) -> Vec<String> {
    let mut sentences = Vec::new();
    if !rule.figure.method.is_empty() {
        let mut sentence = rule.figure.method.clone();
        if let Some(p) = rule.p_value {
            let _ = write!(sentence, "; broken this far by chance: {}", p_value(p));
        }
        if let Some(adjusted) = rule.p_adjusted.filter(|p| Some(*p) != rule.p_value) {
            let _ = write!(sentence, ", over all rules (Holm): {}", p_value(adjusted));
        }
        sentences.push(format!("{sentence}."));
    }
    if let Some(needed) = rule.items_needed {
        sentences.push(format!("About {} items of this spread would decide.", count(needed)));
    }
    sentences.extend(rule.notes.iter().cloned());
    sentences
}

/// How the items changed, in one sentence.
pub(super) fn changed(gate: &Gate) -> String {
    let changed = &gate.changed;
    let mut sentence = format!(
        "Of {} items that both answered, {} lost and {} gained.",
        count(changed.pairs),
        count(changed.lost),
        count(changed.gained)
    );
    if changed.unpaired > 0 {
        let verb = if changed.unpaired == 1 { "item was" } else { "items were" };
        let _ = write!(
            sentence,
            " {} {verb} answered by one side only: in no difference.",
            count(changed.unpaired)
        );
    }
    sentence
}

/// A score between 0 and 1.
pub(super) fn score(score: f64) -> String {
    let text = format!("{score:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A limit as the policy's reader thinks of it.
fn bare(limit: f64, unit: Unit) -> String {
    let figure = Figure { estimate: Some(limit), ..Figure::default() };
    match unit {
        Unit::Points => format!("{} points", trimmed(100.0 * limit)),
        Unit::Percent => format!("{} %", trimmed(100.0 * limit)),
        Unit::Ratio => format!("{}×", trimmed(limit)),
        Unit::Plain => trimmed(limit),
        Unit::Amount | Unit::Seconds | Unit::Dollars => show(&figure, unit).estimate,
    }
}

/// A number without the zeros that end it.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
