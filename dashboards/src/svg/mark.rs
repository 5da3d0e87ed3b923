//! Marks: a shape where a number lies, a bar over its interval.

use super::{Point, Svg};

/// A mark's shape: with its colour it says which arm, so that colour alone never has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Diamond,
    Square,
    Triangle,
}

impl Shape {
    /// Returns the shape of the arm at `index`.
    pub(crate) fn of_arm(index: usize) -> Self {
        [Self::Circle, Self::Diamond, Self::Square, Self::Triangle][index % 4]
    }
}

/// Draws `kind` around `at`.
pub(crate) fn shape(svg: &mut Svg, kind: Shape, at: Point, radius: f64, class: &str) {
    let (x, y) = at;
    let r = radius;
    match kind {
        Shape::Circle => svg.circle(at, r, class),
        Shape::Square => svg.rect((x - r * 0.9, y - r * 0.9), (r * 1.8, r * 1.8), class),
        Shape::Diamond => {
            let d = r * 1.25;
            svg.polygon(&[(x, y - d), (x + d, y), (x, y + d), (x - d, y)], class);
        }
        Shape::Triangle => {
            let d = r * 1.2;
            svg.polygon(&[(x, y - d), (x + d, y + d * 0.8), (x - d, y + d * 0.8)], class);
        }
    }
}

/// Draws an interval from one place to another, with a cap at each end.
pub(crate) fn interval(svg: &mut Svg, from: Point, to: Point, cap: f64, class: &str) {
    svg.line(from, to, class);
    // A level bar has upright caps, an upright bar level ones.
    let level = (from.1 - to.1).abs() < f64::EPSILON;
    for (x, y) in [from, to] {
        if level {
            svg.line((x, y - cap), (x, y + cap), class);
        } else {
            svg.line((x - cap, y), (x + cap, y), class);
        }
    }
}
