//! The report for pull requests: the same order, tables in Markdown, the worst flips with their texts.
//!
//! Model text stands only in table cells, escaped, and in fenced blocks whose fence is longer than any
//! run of back-ticks inside.

use std::fmt::Write as _;

use tripos_tasks::Sensitivity;

use crate::excerpt::{Limits, excerpt, sensitivity};
use crate::number::{self, Unit, count, show};
use crate::phrase;
use crate::report::{Comparison, Difference, Fact, Figure, Flip, Report, Spend, Transcript};
use crate::text::{visible, visible_line};

/// Hosts refuse comments above 65,536 characters; this stays below.
const LIMITS: Limits = Limits { flips: 50, characters: 800 };

/// Flips whose texts are shown; the others have a line in the table.
const TRANSCRIPTS: usize = 8;

/// Returns `report` as Markdown.
pub(crate) fn render(report: &Report) -> String {
    let mut page = Page::default();
    page.line(&format!("# {}", escape(&report.title)));
    page.verdict(report);
    page.tasks(report);
    page.spend(report);
    page.budgets(report);
    page.calibration(report);
    page.flips(report);
    page.items(report);
    page.experts(report);
    page.provenance(report);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// Writes a block and the empty line after it.
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str("\n\n");
    }

    fn table(&mut self, headings: &[(String, Align)], rows: &[Vec<String>]) {
        let heads: Vec<&str> = headings.iter().map(|(heading, _)| heading.as_str()).collect();
        let _ = writeln!(self.text, "| {} |", heads.join(" | "));
        let rules: Vec<&str> = headings.iter().map(|(_, align)| align.rule()).collect();
        let _ = writeln!(self.text, "| {} |", rules.join(" | "));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
        self.text.push('\n');
    }

    fn verdict(&mut self, report: &Report) {
        for notice in phrase::notices(report) {
            self.line(&format!("> {}", escape(&notice)));
        }
        match report.arms.first() {
            None => self.line("Nothing was run: there is no arm to report on."),
            Some(arm) if report.comparisons.is_empty() => {
                self.line(&format!("**{}.**", escape(&phrase::alone(arm))));
                self.line("There is one arm only, so there is nothing to compare it with.");
            }
            Some(_) => {}
        }
        for comparison in &report.comparisons {
            let verdict = phrase::verdict(report, comparison);
            let mark = verdict.direction.mark();
            self.line(&format!("**{mark} {}**", escape(&verdict.headline)));
            self.line(&escape(&verdict.details.join(" ")));
        }
    }

    fn tasks(&mut self, report: &Report) {
        if report.tasks.is_empty() {
            return;
        }
        self.line("## Tasks");
        let mut headings = vec![left("Task")];
        headings.extend(report.arms.iter().map(|arm| right(&arm.name)));
        headings.extend(report.comparisons.iter().map(|comparison| {
            let [baseline, candidate] = phrase::names(report, comparison);
            right(&format!("{candidate} − {baseline}"))
        }));
        let mut rows = Vec::new();
        for (index, task) in report.tasks.iter().enumerate() {
            let mut row = vec![escape(&task.id)];
            row.extend(task.cells.iter().map(|cell| percent(&cell.accuracy)));
            let differences = report.comparisons.iter().filter_map(|c| c.tasks.get(index));
            row.extend(differences.map(difference));
            rows.push(row);
        }
        let mut row = vec!["**all tasks**".to_owned()];
        row.extend(report.arms.iter().map(|arm| percent(&arm.total.accuracy)));
        row.extend(report.comparisons.iter().map(|comparison| difference(&comparison.overall)));
        rows.push(row);
        self.table(&headings, &rows);
    }

    fn spend(&mut self, report: &Report) {
        if report.arms.is_empty() {
            return;
        }
        self.line("## Cost, tokens, latency, truncation");
        let mut headings = vec![left("Mean a trial")];
        headings.extend(report.arms.iter().map(|arm| right(&arm.name)));
        let figures = |label: &str, pick: fn(&Spend) -> &Figure, unit| {
            let cells =
                report.arms.iter().map(|arm| show(pick(&arm.total.spend), unit).to_string());
            std::iter::once(label.to_owned()).chain(cells).collect::<Vec<_>>()
        };
        let counts = |label: &str, text: &dyn Fn(&crate::report::Arm) -> String| {
            std::iter::once(label.to_owned()).chain(report.arms.iter().map(text)).collect()
        };
        let mut rows = vec![
            figures("generated tokens", |spend| &spend.output_tokens, Unit::Amount),
            figures("of these, reasoning", |spend| &spend.reasoning_tokens, Unit::Amount),
            figures("latency", |spend| &spend.latency_s, Unit::Seconds),
            figures("truncated", |spend| &spend.truncated, Unit::Percent),
            figures("unparsed", |spend| &spend.unparsed, Unit::Percent),
            counts("failed trials", &|arm| {
                let counts = &arm.total.counts;
                format!("{} of {}", count(counts.failed), count(counts.planned))
            }),
            counts("cost in all", &|arm| {
                let cost = arm.total.spend.cost_usd.map(|sum| escape(&number::dollars(sum)));
                cost.unwrap_or_else(|| "no price known".to_owned())
            }),
        ];
        for (label, pick, unit) in phrase::PER_CORRECT {
            let known = |arm: &crate::report::Arm| pick(&arm.total.spend).estimate.is_some();
            if report.arms.iter().any(known) {
                rows.push(figures(label, pick, unit));
            }
        }
        self.table(&headings, &rows);
    }

    fn calibration(&mut self, report: &Report) {
        let said: Vec<String> = report.arms.iter().filter_map(phrase::calibration).collect();
        if said.is_empty() {
            return;
        }
        self.line("## Stated confidence");
        for sentence in said {
            self.line(&escape(&sentence));
        }
        let headings = [
            left("Model"),
            left("Stated"),
            right("Answers"),
            right("Mean confidence"),
            right("Right"),
        ];
        let rows: Vec<Vec<String>> = phrase::confidence_rows(report)
            .into_iter()
            .map(|row| row.map(|cell| escape(&cell)).to_vec())
            .collect();
        self.table(&headings, &rows);
    }

    fn budgets(&mut self, report: &Report) {
        let limits = phrase::budgets(report);
        if limits.is_empty() {
            return;
        }
        self.line("## What a token limit would have bought");
        let mut headings = vec![right("Token limit")];
        headings.extend(report.arms.iter().map(|arm| right(&arm.name)));
        let rows: Vec<Vec<String>> = limits
            .iter()
            .map(|(tokens, figures)| {
                let cells = figures.iter().map(|figure| figure.map_or_else(|| "—".into(), percent));
                std::iter::once(count(*tokens)).chain(cells).collect()
            })
            .collect();
        self.table(&headings, &rows);
    }

    fn items(&mut self, report: &Report) {
        if report.arms.len() < 2 {
            return;
        }
        self.line("## What the items tell");
        self.line(&escape(&phrase::items(&report.items)));
        let odd = phrase::odd_items(report);
        if odd.is_empty() {
            return;
        }
        self.line("Arms that do well on the rest do worse on these; look at their targets:");
        let headings = [left("Task"), left("Item"), right("Mean score"), right("Discrimination")];
        let row = |odd: &phrase::OddItem<'_>| {
            vec![
                escape(odd.task),
                escape(odd.item),
                odd.difficulty.clone(),
                odd.discrimination.clone(),
            ]
        };
        self.table(&headings, &odd.iter().map(row).collect::<Vec<_>>());
    }

    fn flips(&mut self, report: &Report) {
        for comparison in &report.comparisons {
            let [baseline, candidate] = phrase::names(report, comparison).map(escape);
            self.line(&format!("## What flipped: {candidate} against {baseline}"));
            let excerpt = excerpt(report, comparison, LIMITS);
            if excerpt.flips.is_empty() {
                self.line("No item flipped.");
                continue;
            }
            if !excerpt.left_out.is_empty() {
                self.line(&escape(&excerpt.left_out.join(" ")));
            }
            let headings = ["", "Task", "Item", &baseline, &candidate]
                .map(|heading| (heading.to_owned(), Align::Left));
            let rows: Vec<Vec<String>> =
                excerpt.flips.iter().map(|flip| flip_row(report, flip)).collect();
            self.table(&headings, &rows);
            let open = |flip: &&Flip| sensitivity(report, flip) != Sensitivity::Gated;
            for flip in excerpt.flips.iter().filter(open).take(TRANSCRIPTS) {
                self.flip(report, comparison, flip);
            }
        }
    }

    fn flip(&mut self, report: &Report, comparison: &Comparison, flip: &Flip) {
        let (task, item) = (escape_html(task_id(report, flip)), escape_html(&flip.item));
        self.line(&format!("<details><summary>{} {task} {item}</summary>", change(flip)));
        self.line("Question:");
        self.line(&fenced(&flip.prompt));
        self.line("Expected:");
        self.line(&fenced(&flip.target));
        let names = phrase::names(report, comparison).map(escape);
        for (name, side) in names.iter().zip([&flip.baseline, &flip.candidate]) {
            if !side.reasoning.is_empty() {
                self.line(&format!("{name}, reasoning:"));
                self.line(&fenced(&side.reasoning));
            }
            self.line(&format!("{name}, {}:", escape(&side.outcome)));
            self.line(&fenced(&side.answer));
        }
        self.line("</details>");
    }

    fn experts(&mut self, report: &Report) {
        if report.arms.is_empty() {
            return;
        }
        self.line("## Expert load by layer");
        for arm in &report.arms {
            let name = escape(&arm.name);
            let layers = match (&arm.experts, phrase::experts(&arm.experts)) {
                (crate::report::Experts::Observed { layers }, None) => layers,
                (_, why) => {
                    self.line(&format!("{name}: {}.", why.unwrap_or("not observed")));
                    continue;
                }
            };
            self.line(&format!("{name}, load of an expert as ratio to its fair share:"));
            let headings = ["Layer", "Tokens", "Least", "Most", "Router entropy, bits"].map(right);
            let rows: Vec<Vec<String>> = layers
                .iter()
                .map(|layer| {
                    let (least, most) = crate::chart::extremes(&layer.ratios);
                    let entropy = layer.router_entropy_bits;
                    vec![
                        layer.layer.to_string(),
                        count(layer.tokens),
                        number::ratio(least),
                        number::ratio(most),
                        entropy.map_or_else(|| "—".into(), |bits| format!("{bits:.2}")),
                    ]
                })
                .collect();
            self.table(&headings, &rows);
        }
    }

    fn provenance(&mut self, report: &Report) {
        let provenance = &report.provenance;
        self.line("## Method and provenance");
        if !provenance.command.is_empty() {
            self.line(&fenced(&provenance.command));
        }
        let own = [Fact::new("made", &report.created), Fact::new("Tripos", &provenance.version)];
        let arms = report
            .arms
            .iter()
            .map(|arm| Fact::new(&arm.name, format!("{} {}", arm.model, arm.digest)));
        let tasks = report
            .tasks
            .iter()
            .map(|task| Fact::new(&task.id, format!("{} {}", task.version, task.digest)));
        for fact in own
            .into_iter()
            .chain(provenance.methods.iter().chain(&provenance.facts).cloned())
            .chain(arms)
            .chain(tasks)
        {
            let _ = writeln!(self.text, "- {}: {}", escape(&fact.name), escape(&fact.value));
        }
    }
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

impl Align {
    fn rule(self) -> &'static str {
        match self {
            Self::Left => "---",
            Self::Right => "---:",
        }
    }
}

fn left(heading: &str) -> (String, Align) {
    (escape(heading), Align::Left)
}

fn right(heading: &str) -> (String, Align) {
    (escape(heading), Align::Right)
}

fn percent(figure: &Figure) -> String {
    show(figure, Unit::Percent).to_string()
}

fn difference(difference: &Difference) -> String {
    let direction = difference.direction;
    let shown = show(&difference.figure, Unit::Points);
    format!("{shown} {} {}", direction.mark(), direction.word())
}

fn task_id<'a>(report: &'a Report, flip: &Flip) -> &'a str {
    report.tasks.get(flip.task).map_or("", |task| &task.id)
}

fn change(flip: &Flip) -> &'static str {
    if flip.change < 0.0 { "▼ lost" } else { "▲ gained" }
}

fn flip_row(report: &Report, flip: &Flip) -> Vec<String> {
    let side = |side: &Transcript| match &side.extracted {
        Some(answer) if !answer.is_empty() => {
            format!("{}: {}", escape(&side.outcome), escape(answer))
        }
        _ => escape(&side.outcome),
    };
    vec![
        change(flip).to_owned(),
        escape(task_id(report, flip)),
        escape(&flip.item),
        side(&flip.baseline),
        side(&flip.candidate),
    ]
}

/// Returns `text` as one line in which nothing is markup, a link, a mention or the end of a cell.
pub(crate) fn escape(text: &str) -> String {
    let line = visible_line(text);
    let mut escaped = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            '|' => escaped.push_str("&#124;"),
            '`' => escaped.push_str("&#96;"),
            // A bare address would become a link.
            ':' if characters.peek() == Some(&'/') => escaped.push_str("&#58;"),
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped.push_str("&#46;"),
            '\\' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns `text` for a line of HTML, where Markdown's own escapes would be seen.
fn escape_html(text: &str) -> String {
    visible_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns `text` in a fenced block that nothing inside can close.
fn fenced(text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

#[cfg(test)]
mod tests;
