//! View data in, text out: reports for browsers, pull requests, programs and terminals.
//!
//! Nothing here computes a statistic, reads a clock or touches a file. [`report`] is what the caller
//! fills; [`render`] turns it into one self-contained page, Markdown or JSON; [`terminal`] prints
//! tables for people. Text from models is only ever text: see [`text`].

mod chart;
mod excerpt;
#[cfg(test)]
mod fixture;
pub mod gate;
mod html;
mod json;
mod markdown;
mod number;
mod phrase;
pub mod report;
mod svg;
pub mod terminal;
pub mod text;

pub use report::Report;

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// For pull requests.
    Markdown,
    /// For programs; carries `"schema": 1`.
    Json,
}

impl Format {
    /// Returns the format that a file's ending asks for: `html`, `md` or `json`, without the dot.
    pub fn from_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Self::Html),
            "md" | "markdown" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Renders `report` as `format`. The same report gives the same bytes.
pub fn render(report: &Report, format: Format) -> String {
    match format {
        Format::Html => html::render(report),
        Format::Markdown => markdown::render(report),
        Format::Json => json::render(report),
    }
}
