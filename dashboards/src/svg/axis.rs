//! Axes: a line of ticks with their words, faint grid lines across the plot.

use super::{Anchor, Svg};

/// A tick: its place along the axis and what is written there.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) place: f64,
    pub(crate) label: String,
}

/// Where an axis lies: its place across, and where the plot begins and ends on the other side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis<'a> {
    /// The y of a bottom axis, the x of a left one.
    pub(crate) at: f64,
    /// How far its grid lines reach.
    pub(crate) reach: f64,
    /// What is measured, with the unit.
    pub(crate) title: &'a str,
    /// The middle of the axis, where the title stands.
    pub(crate) middle: f64,
}

/// Draws an axis below the plot.
pub(crate) fn bottom(svg: &mut Svg, axis: Axis<'_>, ticks: &[Tick]) {
    for tick in ticks {
        svg.line((tick.place, axis.reach), (tick.place, axis.at), "grid");
        svg.text((tick.place, axis.at + 18.0), Anchor::Middle, "tick", &tick.label);
    }
    svg.text((axis.middle, axis.at + 38.0), Anchor::Middle, "axis-title", axis.title);
}

/// Draws an axis to the left of the plot, its title above it.
pub(crate) fn left(svg: &mut Svg, axis: Axis<'_>, ticks: &[Tick]) {
    for tick in ticks {
        svg.line((axis.at, tick.place), (axis.reach, tick.place), "grid");
        svg.text((axis.at - 8.0, tick.place + 4.0), Anchor::End, "tick", &tick.label);
    }
    svg.text((axis.at, axis.middle), Anchor::Start, "axis-title", axis.title);
}
