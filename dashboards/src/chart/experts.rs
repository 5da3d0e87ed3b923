//! Expert load by layer as a heat strip: a row for each layer, a cell for each expert, shaded by its
//! load as ratio to a uniform spread.

use crate::chart::{MARKS, real};
use crate::number::ratio;
use crate::report::LayerLoad;
use crate::svg::{Anchor, Point, Svg};

/// The most cells in a row; a model with more experts is shown in groups of neighbours.
pub(crate) const COLUMNS: usize = 64;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 28.0;
const GAP: f64 = 2.0;

/// A cell at least this wide has its ratio printed in it.
const PRINTED: f64 = 36.0;

/// Returns the chart for the layers of the arm called `name`, or `None` without any expert.
pub(crate) fn experts(name: &str, layers: &[LayerLoad], id: &str) -> Option<String> {
    let widest =
        layers.iter().map(|layer| layer.ratios.len()).max().filter(|widest| *widest > 0)?;
    let rows = layers.len().min(MARKS / 4);
    let columns = widest.min(COLUMNS).min((MARKS / rows).max(1));
    let group = widest.div_ceil(columns);
    let columns = widest.div_ceil(group);
    let row = if rows > 24 { 14.0 } else { 28.0 };
    let height = TOP + row * real(rows) + 56.0;
    let title = format!("Expert load by layer: {name}");
    let mut svg = Svg::new(id, (WIDTH, height), &title, &finding(layers));
    svg.text((LEFT, 16.0), Anchor::Start, "axis-title", &heading(widest, group));
    svg.text((WIDTH - 4.0, 16.0), Anchor::End, "axis-title", "least to most");
    let width = (RIGHT - LEFT) / real(columns);
    for (index, layer) in layers.iter().take(rows).enumerate() {
        let y = TOP + row * real(index);
        svg.text(
            (LEFT - 10.0, y + row / 2.0 + 4.0),
            Anchor::End,
            "label",
            &format!("layer {}", layer.layer),
        );
        for (column, ratios) in layer.ratios.chunks(group).enumerate() {
            let at = (LEFT + width * real(column), y);
            draw_cell(&mut svg, at, (width - GAP, row - GAP), farthest(ratios));
        }
        let (least, most) = extremes(&layer.ratios);
        let range = format!("{} to {}", ratio(least), ratio(most));
        svg.text((WIDTH - 4.0, y + row / 2.0 + 4.0), Anchor::End, "label", &range);
    }
    draw_key(&mut svg, TOP + row * real(rows) + 18.0);
    Some(svg.finish())
}

fn heading(experts: usize, group: usize) -> String {
    match group {
        1 => format!("{experts} experts, by number"),
        group => format!(
            "{experts} experts in groups of {group} neighbours; shade: the one farthest from uniform"
        ),
    }
}

fn finding(layers: &[LayerLoad]) -> String {
    let busiest =
        layers.iter().max_by(|a, b| extremes(&a.ratios).1.total_cmp(&extremes(&b.ratios).1));
    busiest.map_or_else(String::new, |layer| {
        format!(
            "The busiest expert, in layer {}, took {} its share of a uniform spread; \
             1.0× is the fair share.",
            layer.layer,
            ratio(extremes(&layer.ratios).1)
        )
    })
}

/// Returns the least and the greatest ratio.
pub(crate) fn extremes(ratios: &[f64]) -> (f64, f64) {
    let finite = || ratios.iter().copied().filter(|ratio| ratio.is_finite());
    let least = finite().min_by(f64::total_cmp).unwrap_or(0.0);
    (least, finite().max_by(f64::total_cmp).unwrap_or(0.0))
}

/// Returns the ratio that lies farthest from 1 by factor.
fn farthest(ratios: &[f64]) -> f64 {
    let distance = |ratio: &f64| ratio.max(1e-9).log2().abs();
    ratios.iter().copied().max_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(1.0)
}

fn draw_cell(svg: &mut Svg, at: Point, size: Point, load: f64) {
    svg.rect(at, size, &format!("heat {}", shade(load)));
    if size.0 >= PRINTED && size.1 >= 20.0 {
        let place = (at.0 + size.0 / 2.0, at.1 + size.1 / 2.0 + 4.0);
        svg.text(place, Anchor::Middle, "cell", ratio(load).trim_end_matches('×'));
    }
}

/// Returns the class of a load: five steps of a factor 1.5 either way, the middle one near uniform.
fn shade(load: f64) -> &'static str {
    match load {
        x if x < 0.3 => "under-2",
        x if x < 0.67 => "under-1",
        x if x < 1.5 => "even",
        x if x < 3.4 => "over-1",
        _ => "over-2",
    }
}

fn draw_key(svg: &mut Svg, y: f64) {
    let steps = [
        (0.1, "below 0.30×"),
        (0.5, "to 0.67×"),
        (1.0, "near uniform"),
        (2.0, "from 1.5×"),
        (5.0, "from 3.4×"),
    ];
    let mut x = LEFT;
    for (load, words) in steps {
        svg.rect((x, y), (18.0, 14.0), &format!("heat {}", shade(load)));
        svg.text((x + 24.0, y + 12.0), Anchor::Start, "tick", words);
        x += 124.0;
    }
}
