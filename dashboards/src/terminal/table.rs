//! A table of words and numbers that fits the screen.
//!
//! Words are cut where space is short, numbers never; where even that does not fit, each row becomes a
//! block of lines.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::Screen;
use crate::text::{clip, columns, visible_line};

/// The narrowest a column of words is cut to.
const NARROWEST: usize = 10;

/// Between two columns.
const GAP: usize = 2;

/// A table with a heading for each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words, cut where space is short.
    Left,
    /// Words that are never cut.
    Whole,
    /// Numbers.
    Right,
}

/// What a row's last cell says, in colour where there is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tint {
    Plain,
    Better,
    Worse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    heading: String,
    align: Align,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    Section(String),
    Cells(Vec<String>, Tint),
}

impl Table {
    /// Returns a table with these headings and no rows.
    pub fn new(headings: &[(&str, Align)]) -> Self {
        let column = |&(heading, align): &(&str, Align)| Column {
            heading: visible_line(heading).into_owned(),
            align,
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty, cells without a column are dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        self.tinted(&cells, Tint::Plain);
        self
    }

    /// Returns the table as lines, each ending in a line feed.
    pub fn render(&self, screen: Screen) -> String {
        match self.widths(screen.width) {
            Some(widths) => self.grid(&widths, screen.color),
            None => self.blocks(screen.color),
        }
    }

    /// Adds a row whose last cell is tinted.
    pub(super) fn tinted(&mut self, cells: &[String], tint: Tint) {
        let mut cells: Vec<String> =
            cells.iter().map(|cell| visible_line(cell).into_owned()).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(Row::Cells(cells, tint));
    }

    /// Adds a line over the rows that follow.
    pub(super) fn section(&mut self, heading: &str) {
        self.rows.push(Row::Section(visible_line(heading).into_owned()));
    }

    /// Returns the columns' widths, words cut until the whole fits; `None` where it cannot.
    fn widths(&self, screen: usize) -> Option<Vec<usize>> {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| columns(&c.heading)).collect();
        for row in &self.rows {
            if let Row::Cells(cells, _) = row {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = columns(cell).max(*width);
                }
            }
        }
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > screen {
            let words = |index: &usize| self.columns[*index].align == Align::Left;
            let widest = (0..widths.len()).filter(words).max_by_key(|index| widths[*index])?;
            if widths[widest] <= NARROWEST {
                return None;
            }
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn grid(&self, widths: &[usize], color: bool) -> String {
        let headings: Vec<String> = self.columns.iter().map(|c| c.heading.clone()).collect();
        let mut text = paint(&self.line(&headings, widths), Style::new().bold(), color) + "\n";
        for row in &self.rows {
            let line = match row {
                Row::Section(heading) => heading.clone(),
                Row::Cells(cells, Tint::Plain) => self.line(cells, widths),
                Row::Cells(cells, tint) => {
                    let plain = self.line(cells, widths);
                    let last = cells.last().map_or("", String::as_str);
                    match plain.strip_suffix(last) {
                        Some(start) => format!("{start}{}", paint(last, tint.style(), color)),
                        None => plain,
                    }
                }
            };
            let _ = writeln!(text, "{line}");
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, column), &width) in cells.iter().zip(&self.columns).zip(widths) {
            let cell = clip(cell, width);
            let space = " ".repeat(width - columns(&cell));
            let gap = " ".repeat(if line.is_empty() { 0 } else { GAP });
            let _ = match column.align {
                Align::Left | Align::Whole => write!(line, "{gap}{cell}{space}"),
                Align::Right => write!(line, "{gap}{space}{cell}"),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn blocks(&self, color: bool) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells = match row {
                Row::Section(heading) => {
                    let _ = writeln!(text, "{}", paint(heading, Style::new().bold(), color));
                    continue;
                }
                Row::Cells(cells, _) => cells,
            };
            let mut pairs = cells.iter().zip(&self.columns);
            if let Some((first, _)) = pairs.next() {
                let _ = writeln!(text, "{first}");
            }
            for (cell, column) in pairs.filter(|(cell, _)| !cell.is_empty()) {
                let colon = if column.heading.is_empty() { "" } else { ": " };
                let _ = writeln!(text, "    {}{colon}{cell}", column.heading);
            }
        }
        text
    }
}

impl Tint {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Better => Style::new().fg_color(Some(AnsiColor::Blue.into())),
            Self::Worse => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        }
    }
}

/// Returns `text` in `style` where the screen has colour.
pub(crate) fn paint(text: &str, style: Style, color: bool) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
