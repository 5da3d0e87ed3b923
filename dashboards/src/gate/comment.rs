//! The gate in Markdown, for the page of a CI run and for a pull request.
//!
//! It ends below the host's limit whatever there is to say: the flips come last, the worst first, and
//! what does not fit is counted.

use std::fmt::Write as _;

use super::words::{changed, details, finding, headline, mark, name, score};
use super::{Flip, Gate};
use crate::markdown::escape;
use crate::number::count;

/// A mark by which a comment is found again, so that there is one and it is updated.
const MARKER: &str = "<!-- tripos-gate -->";
/// Flips listed at most, however much fits.
const FLIPS_MAX: usize = 1_000;
/// The most characters of one sentence or name: a name may be as long as a book.
const CELL_MAX: usize = 2_000;
/// Room kept for the line that counts what was left out.
const RESERVE: usize = 400;

/// Returns `gate` in Markdown of at most `limit` bytes.
pub(super) fn render(gate: &Gate, limit: usize) -> String {
    let mut page = Page { text: String::new(), limit: limit - RESERVE };
    page.add(&format!("{MARKER}\n## {}\n\n", cell(&headline(gate))));
    for sentence in &gate.invalid {
        page.add(&format!("> {}\n\n", cell(sentence)));
    }
    if !gate.rules.is_empty() {
        page.add("| | rule | found |\n| --- | --- | --- |\n");
        for rule in &gate.rules {
            let (name, finding) = (cell(&name(rule)), cell(&finding(rule)));
            page.add(&format!("| {} | {name} | {finding} |\n", mark(rule.verdict)));
        }
        page.add("\n");
    }
    for rule in &gate.rules {
        for sentence in details(rule) {
            page.add(&format!("- {}: {}\n", cell(&name(rule)), cell(&sentence)));
        }
    }
    page.add("\n");
    for sentence in [changed(gate)].iter().chain(&gate.notes) {
        page.add(&format!("{}\n\n", cell(sentence)));
    }
    page.flips(gate);
    page.text
}

struct Page {
    text: String,
    limit: usize,
}

impl Page {
    /// Adds a block where it fits; says whether it did.
    fn add(&mut self, block: &str) -> bool {
        let fits = self.text.len() + block.len() <= self.limit;
        if fits {
            self.text.push_str(block);
        }
        fits
    }

    /// Adds the flips as far as they fit, and says how many did not.
    fn flips(&mut self, gate: &Gate) {
        let total = gate.changed.lost + gate.changed.gained;
        if gate.flips.is_empty() {
            return;
        }
        let summary = format!(
            "<details><summary>{} items changed</summary>\n\n\
             | task | item | before | now | outcome |\n| --- | --- | ---: | ---: | --- |\n",
            count(total)
        );
        let mut shown = 0;
        if self.add(&summary) {
            let rows = gate.flips.iter().take(FLIPS_MAX);
            shown = rows.take_while(|flip| self.add(&row(flip))).count() as u64;
            self.text.push_str("\n</details>\n");
        }
        if shown < total {
            let _ = write!(
                self.text,
                "\n{} of {} changed items are not listed here.\n",
                count(total - shown),
                count(total)
            );
        }
    }
}

fn row(flip: &Flip) -> String {
    format!(
        "| {} | {} | {} | {} | {} |\n",
        cell(&flip.task),
        cell(&flip.item),
        score(flip.baseline),
        score(flip.candidate),
        cell(&flip.outcome)
    )
}

/// Text that stands in a table cell, cut where it is as long as a book.
fn cell(text: &str) -> String {
    match text.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", escape(&text[..end])),
        None => escape(text),
    }
}
