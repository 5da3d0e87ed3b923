//! A picture: lines, rectangles, shapes and words, each with a class and nothing else.

use std::fmt::Write as _;

use crate::text::visible_line;

/// A place in a picture: to the right, and down.
pub(crate) type Point = (f64, f64);

/// A picture being drawn.
pub(crate) struct Svg {
    id: String,
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Begins a picture; `id` is one of our own words and unique on the page.
    pub(crate) fn new(id: &str, size: Point, title: &str, description: &str) -> Self {
        Self {
            id: id.to_owned(),
            width: size.0,
            height: size.1,
            title: escape(title),
            description: escape(description),
            body: String::new(),
        }
    }

    /// Draws a line.
    pub(crate) fn line(&mut self, from: Point, to: Point, class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(coordinate);
        let _ =
            write!(self.body, r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#);
    }

    /// Draws a rectangle from its upper left corner.
    pub(crate) fn rect(&mut self, at: Point, size: Point, class: &str) {
        let [x, y, w, h] = [at.0, at.1, size.0.max(0.0), size.1.max(0.0)].map(coordinate);
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}"/>"#
        );
    }

    /// Draws a circle.
    pub(crate) fn circle(&mut self, at: Point, radius: f64, class: &str) {
        let [x, y, r] = [at.0, at.1, radius].map(coordinate);
        let _ = write!(self.body, r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}"/>"#);
    }

    /// Draws a filled outline.
    pub(crate) fn polygon(&mut self, points: &[Point], class: &str) {
        let corners: Vec<String> =
            points.iter().map(|&(x, y)| format!("{},{}", coordinate(x), coordinate(y))).collect();
        let points = corners.join(" ");
        let _ = write!(self.body, r#"<polygon class="{class}" points="{points}"/>"#);
    }

    /// Writes one line of text on the base line `at`.
    pub(crate) fn text(&mut self, at: Point, anchor: Anchor, class: &str, text: &str) {
        let [x, y] = [at.0, at.1].map(coordinate);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// Returns the picture.
    pub(crate) fn finish(self) -> String {
        let Self { id, width, height, title, description, body } = self;
        let [width, height] = [width, height].map(coordinate);
        let mut svg = String::with_capacity(body.len() + 400);
        let _ = write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title><desc id="{id}-desc">{description}</desc>{body}</svg>"#
        );
        svg
    }
}

/// Returns `text` as XML character data on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns a coordinate to a tenth, without a needless zero.
fn coordinate(value: f64) -> String {
    let value = if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 };
    // Adding zero turns -0 into 0.
    format!("{}", value + 0.0)
}
