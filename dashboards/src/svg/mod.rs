//! A small writer of SVG: every text escaped, every picture with a role, a title and a description.
//!
//! Colours come from classes that the page's style sheet defines, so that a picture follows the
//! reader's light or dark setting and needs no inline style, which the content policy forbids.

mod axis;
mod mark;
mod picture;
mod scale;

pub(crate) use axis::{Axis, Tick, bottom, left};
pub(crate) use mark::{Shape, interval, shape};
pub(crate) use picture::{Anchor, Point, Svg};
pub(crate) use scale::{Linear, Log2};
