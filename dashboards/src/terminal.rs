//! Tables for people: width-aware, readable without colour, never an escape sequence from data.

mod table;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::number::{Unit, count, show};
use crate::phrase;
use crate::report::{Cell, Comparison, Direction, Figure, Report};
use crate::text::{columns, visible_line};
use table::Tint;
pub(crate) use table::paint;
pub use table::{Align, Table};

/// What the tables are printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns that fit on a line.
    pub width: usize,
    /// Whether styles may be used.
    pub color: bool,
}

/// Returns the table at the end of a run: a line for each task and arm, then what the arms differ by.
pub fn run(report: &Report, screen: Screen) -> String {
    if report.arms.is_empty() {
        return "nothing was run\n".to_owned();
    }
    // A column of zeros says nothing; failures that happened are never hidden.
    let failed = report.arms.iter().any(|arm| arm.total.counts.failed > 0);
    let mut headings = vec![
        ("task", Align::Left),
        ("score", Align::Right),
        ("n", Align::Right),
        ("unparsed", Align::Right),
        ("truncated", Align::Right),
    ];
    headings.extend(failed.then_some(("failed", Align::Right)));
    headings.push(("tokens", Align::Right));
    let mut table = Table::new(&headings);
    let totals: Vec<&Cell> = report.arms.iter().map(|arm| &arm.total).collect();
    let tasks = report.tasks.iter().map(|task| (task.id.as_str(), task.cells.iter().collect()));
    for (id, cells) in tasks.chain([("all tasks", totals)]) {
        add_cells(&mut table, report, id, &cells, failed);
    }
    let mut text = table.render(screen);
    text.push_str(&notices(report, screen));
    text.push_str(&besides(report, screen));
    for comparison in &report.comparisons {
        text.push_str(&conclusion(report, comparison, screen));
    }
    text
}

/// Adds the cells of one task: with one arm on one line, else a heading and a line for each arm.
fn add_cells(table: &mut Table, report: &Report, id: &str, cells: &[&Cell], failed: bool) {
    let alone = report.arms.len() == 1;
    if !alone {
        table.section(id);
    }
    for (arm, cell) in report.arms.iter().zip(cells) {
        let name = if alone { id.to_owned() } else { format!("  {}", arm.name) };
        let mut row = vec![
            name,
            without_n(&cell.accuracy, Unit::Percent),
            count(cell.accuracy.n),
            count(cell.counts.unparsed),
            count(cell.counts.truncated),
        ];
        row.extend(failed.then(|| count(cell.counts.failed)));
        row.push(without_n(&cell.spend.output_tokens, Unit::Amount));
        table.row(row);
    }
}

/// Returns the comparison: both scores and their difference for each task, then the verdict.
pub fn comparison(report: &Report, screen: Screen) -> String {
    let mut text = String::new();
    for comparison in &report.comparisons {
        let [baseline, candidate] = phrase::names(report, comparison);
        let mut table = Table::new(&[
            ("task", Align::Left),
            (baseline, Align::Right),
            (candidate, Align::Right),
            ("difference", Align::Right),
            ("n", Align::Right),
            ("", Align::Whole),
        ]);
        let arms = [comparison.baseline, comparison.candidate];
        for (task, difference) in report.tasks.iter().zip(&comparison.tasks) {
            let scores = arms.map(|arm| score(task.cells.get(arm)));
            add_difference(&mut table, &task.id, scores, difference);
        }
        let scores = arms.map(|arm| score(report.arms.get(arm).map(|arm| &arm.total)));
        add_difference(&mut table, "all tasks", scores, &comparison.overall);
        text.push_str(&table.render(screen));
        text.push_str(&conclusion(report, comparison, screen));
    }
    for said in report.arms.iter().filter_map(phrase::calibration) {
        text.push_str(&wrapped(&said, screen.width, "  "));
    }
    text.push_str(&notices(report, screen));
    text
}

/// Returns what arms cost and how sure they said they were, where either is known.
fn besides(report: &Report, screen: Screen) -> String {
    let mut text = String::new();
    let costs = report.arms.iter().filter_map(phrase::cost);
    for said in costs.chain(report.arms.iter().filter_map(phrase::calibration)) {
        let _ = write!(text, "\n{}", wrapped(&said, screen.width, ""));
    }
    text
}

/// Returns what a reader must know beside the numbers, each after an empty line.
fn notices(report: &Report, screen: Screen) -> String {
    let mut text = String::new();
    for notice in phrase::notices(report) {
        let _ = write!(text, "\n{}", wrapped(&notice, screen.width, ""));
    }
    text
}

fn add_difference(
    table: &mut Table,
    id: &str,
    [baseline, candidate]: [String; 2],
    difference: &crate::report::Difference,
) {
    let direction = difference.direction;
    let said = format!("{} {}", direction.mark(), direction.word());
    let shown = without_n(&difference.figure, Unit::Points).replace(" points", "");
    let pairs = count(difference.figure.n);
    table.tinted(&[id.to_owned(), baseline, candidate, shown, pairs, said], tint(direction));
}

fn score(cell: Option<&Cell>) -> String {
    cell.map_or_else(|| "not asked".to_owned(), |cell| without_n(&cell.accuracy, Unit::Percent))
}

/// Returns a figure whose sample size stands in a column beside it.
fn without_n(figure: &Figure, unit: Unit) -> String {
    let shown = show(figure, unit);
    if shown.interval.is_empty() {
        shown.estimate
    } else {
        format!("{} {}", shown.estimate, shown.interval)
    }
}

/// Returns the verdict and what it rests on.
fn conclusion(report: &Report, comparison: &Comparison, screen: Screen) -> String {
    let verdict = phrase::verdict(report, comparison);
    let mark = verdict.direction.mark();
    let headline = wrapped(&format!("{mark} {}", verdict.headline), screen.width, "");
    let style = Style::new().bold();
    let style = match verdict.direction {
        Direction::Better => style.fg_color(Some(AnsiColor::Blue.into())),
        Direction::Worse => style.fg_color(Some(AnsiColor::Yellow.into())),
        Direction::Unresolved => style,
    };
    let mut text = format!("\n{}\n", paint(headline.trim_end(), style, screen.color));
    for detail in &verdict.details {
        text.push_str(&wrapped(detail, screen.width, "  "));
    }
    text
}

fn tint(direction: Direction) -> Tint {
    match direction {
        Direction::Better => Tint::Better,
        Direction::Worse => Tint::Worse,
        Direction::Unresolved => Tint::Plain,
    }
}

/// The longest bracket that is kept on one line.
const BRACKET: usize = 30;

/// Returns `text` in lines of at most `width` columns, each behind `indent`.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in words(&visible_line(text)) {
        if !line.is_empty() && columns(indent) + columns(&line) + 1 + columns(&word) > width {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    let _ = writeln!(lines, "{indent}{line}");
    lines
}

/// Splits `text` at its spaces, but not inside a short bracket such as an interval.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match words.last_mut() {
            Some(last) if is_open(last) && columns(last) + columns(word) < BRACKET => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn is_open(word: &str) -> bool {
    let count = |wanted: &[char]| word.matches(wanted).count();
    count(&['(', '[']) > count(&[')', ']'])
}

/// A run in the list of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id or name.
    pub run: String,
    /// When it began, as the reader sees it.
    pub started: String,
    /// Its suites.
    pub suites: String,
    /// Its arms.
    pub arms: String,
    /// Trials graded.
    pub graded: u64,
    /// Trials planned.
    pub planned: u64,
    /// Trials failed.
    pub failed: u64,
    /// Where it stands: `finished`, `interrupted`.
    pub state: String,
}

/// Returns the list of runs.
pub fn runs(rows: &[RunRow], screen: Screen) -> String {
    if rows.is_empty() {
        return "no runs yet\n".to_owned();
    }
    let mut table = Table::new(&[
        ("run", Align::Whole),
        ("started", Align::Whole),
        ("suites", Align::Left),
        ("arms", Align::Left),
        ("graded", Align::Right),
        ("failed", Align::Right),
        ("state", Align::Whole),
    ]);
    for row in rows {
        let graded = format!("{}/{}", count(row.graded), count(row.planned));
        let failed = count(row.failed);
        let words = [&row.run, &row.started, &row.suites, &row.arms].map(String::clone);
        table.row(words.into_iter().chain([graded, failed, row.state.clone()]));
    }
    table.render(screen)
}

#[cfg(test)]
mod tests;
