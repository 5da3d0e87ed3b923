//! Areas of convex polygons, distances, surfaces of cylinders: exact, with roots and π.

use std::collections::BTreeMap;

use num_rational::Ratio;
use serde_json::json;

use crate::generate::{Draw, Family, Place, Random, Twins, Variant};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.geometry",
    version: 1,
    domain: Domain::Math,
    graders: &["expression"],
    about: "the area of a convex polygon, a distance, the surface of a cylinder",
    draw,
    check,
    twins: Some(Twins {
        offered: &[Variant::Reordered, Variant::Noop, Variant::Reworded, Variant::Units],
        always: &[],
        draw: twin,
    }),
};

/// The corners of a polygon, by level.
const CORNERS: [usize; 5] = [3, 4, 4, 5, 6];
/// What a polygon is called.
const POLYGONS: [(usize, &str); 4] =
    [(3, "triangle"), (4, "quadrilateral"), (5, "pentagon"), (6, "hexagon")];
/// The largest coordinate, by level.
const MAX_COORDINATE: [i64; 5] = [6, 9, 12, 20, 40];
/// The largest radius and height in centimetres, by level.
const MAX_LENGTH: [i64; 5] = [15, 20, 30, 50, 99];

/// What is asked about.
#[derive(Clone, Debug)]
enum Figure {
    /// The corners in order.
    Polygon(Vec<(i64, i64)>),
    /// Two points of as many coordinates.
    Distance(Vec<i64>, Vec<i64>),
    /// Twice the radius, the height, and how many ends are closed.
    Cylinder { diameter: i64, height: i64, ends: i64 },
}

/// How a figure is put into words.
#[derive(Clone, Copy, Debug, Default)]
struct Wording {
    is_second: bool,
    in_millimetres: bool,
    /// Says the height before the radius.
    height_first: bool,
    /// A number that has nothing to do with the question.
    noise: Option<i64>,
}

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    Some(made(&figure(place, random)?, Wording::default()))
}

fn figure(place: Place, random: &mut Random) -> Option<Figure> {
    let level = usize::from(place.level) - 1;
    match random.below(3) {
        0 => polygon(random, CORNERS[level], MAX_COORDINATE[level]),
        1 => {
            let dimensions = if level < 2 { 2 } else { 3 };
            let max = MAX_COORDINATE[level];
            let mut point =
                || -> Vec<i64> { (0..dimensions).map(|_| random.range(-max, max)).collect() };
            let (from, to) = (point(), point());
            // Along an axis there is nothing to work out.
            let moved = from.iter().zip(&to).filter(|(a, b)| a != b).count();
            (moved >= 2).then_some(Figure::Distance(from, to))
        }
        _ => {
            let max = MAX_LENGTH[level];
            let radius = random.range(1, max);
            // Half a centimetre more from level 4 up.
            let half = i64::from(level >= 3 && random.below(2) == 0);
            let height = random.range(1, max);
            let ends = if level >= 1 && random.below(2) == 0 { 1 } else { 2 };
            Some(Figure::Cylinder { diameter: 2 * radius + half, height, ends })
        }
    }
}

/// Draws points until enough of them are corners of their convex hull.
fn polygon(random: &mut Random, corners: usize, max: i64) -> Option<Figure> {
    let mut points: Vec<(i64, i64)> =
        (0..corners + corners / 2).map(|_| (random.range(0, max), random.range(0, max))).collect();
    points.sort_unstable();
    points.dedup();
    let mut hull = chain(points.iter());
    hull.pop();
    let upper = chain(points.iter().rev());
    hull.extend(&upper[..upper.len().saturating_sub(1)]);
    let turn = random.index(corners);
    (hull.len() == corners).then(|| {
        hull.rotate_left(turn);
        Figure::Polygon(hull)
    })
}

/// One side of the convex hull, every turn strictly to the left (Andrew, 1979).
fn chain<'a>(points: impl Iterator<Item = &'a (i64, i64)>) -> Vec<(i64, i64)> {
    let mut kept: Vec<(i64, i64)> = Vec::new();
    for point in points {
        while kept.len() >= 2 && cross(kept[kept.len() - 2], kept[kept.len() - 1], *point) <= 0 {
            kept.pop();
        }
        kept.push(*point);
    }
    kept
}

/// Twice the signed area of a triangle.
fn cross(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

fn twin(place: Place, base: &mut Random, variant: Variant, random: &mut Random) -> Option<Draw> {
    let mut figure = figure(place, base)?;
    let mut wording = Wording::default();
    match (variant, &mut figure) {
        // The same corners, the other way round; the same points, from the other end.
        (Variant::Reordered, Figure::Polygon(corners)) => corners.reverse(),
        (Variant::Reordered, Figure::Distance(from, to)) => std::mem::swap(from, to),
        (Variant::Reordered, Figure::Cylinder { .. }) => wording.height_first = true,
        (Variant::Noop, _) => wording.noise = Some(random.range(12, 480)),
        (Variant::Reworded, _) => wording.is_second = true,
        (Variant::Units, Figure::Cylinder { .. }) => wording.in_millimetres = true,
        _ => return None,
    }
    Some(made(&figure, wording))
}

fn made(figure: &Figure, wording: Wording) -> Draw {
    let noise = wording.noise.map_or(String::new(), |n| match figure {
        Figure::Cylinder { .. } => format!("A metal piece weighs {n} grams. "),
        _ => format!("A drawing has been saved {n} times. "),
    });
    let (parameters, text, gold) = match figure {
        Figure::Polygon(corners) => {
            let mut sorted = corners.clone();
            sorted.sort_unstable();
            (json!({ "corners": sorted }), polygon_text(corners, wording), area(corners))
        }
        Figure::Distance(from, to) => {
            let mut ends = [from, to];
            ends.sort_unstable();
            let text = if wording.is_second {
                format!("How far apart are {} and {}?", point(from), point(to))
            } else {
                format!(
                    "What is the distance between the points {} and {}?",
                    point(from),
                    point(to)
                )
            };
            (json!({ "ends": ends }), text, root(square_distance(from, to)))
        }
        Figure::Cylinder { diameter, height, ends } => {
            let radius = Ratio::new(*diameter, 2);
            // 2πrh for the side and πr² for each end.
            let surface = radius * 2 * *height + radius * radius * *ends;
            (
                json!({ "diameter": diameter, "height": height, "ends": ends }),
                cylinder_text((radius, *height, *ends), wording),
                times_pi(surface),
            )
        }
    };
    Draw {
        text: noise + &text,
        parameters,
        target: Target::Expression(gold),
        decoys: BTreeMap::new(),
    }
}

fn polygon_text(corners: &[(i64, i64)], wording: Wording) -> String {
    let name = POLYGONS.iter().find(|(n, _)| *n == corners.len()).map_or("polygon", |(_, n)| n);
    let corners: Vec<String> = corners.iter().map(|(x, y)| format!("({x}, {y})")).collect();
    let corners = corners.join(", ");
    if wording.is_second {
        format!("A {name} has its corners, in order, at {corners}. How large is its area?")
    } else {
        format!("What is the area of the {name} with corners {corners}, given in order?")
    }
}

fn cylinder_text((radius, height, ends): (Ratio<i64>, i64, i64), wording: Wording) -> String {
    let kind =
        if ends == 2 { "closed at both ends" } else { "closed at the bottom and open at the top" };
    let length = |length: Ratio<i64>| {
        if wording.in_millimetres {
            format!("{} mm", length * 10)
        } else if length.is_integer() {
            format!("{length} cm")
        } else {
            format!("{}.5 cm", length.to_integer())
        }
    };
    let (radius, height) = (length(radius), length(height.into()));
    if wording.height_first {
        return format!(
            "A cylinder is {kind}. Its height is {height} and its radius is {radius}. What is the area \
             of its outer surface in square centimetres?"
        );
    }
    if wording.is_second {
        return format!(
            "How large, in square centimetres, is the outer surface of a cylinder that is {kind}, has a \
             radius of {radius} and is {height} high?"
        );
    }
    format!(
        "A cylinder is {kind}. Its radius is {radius} and its height is {height}. What is the area of \
         its outer surface in square centimetres?"
    )
}

fn point(coordinates: &[i64]) -> String {
    let coordinates: Vec<String> = coordinates.iter().map(i64::to_string).collect();
    format!("({})", coordinates.join(", "))
}

/// The area by the shoelace formula.
fn area(corners: &[(i64, i64)]) -> String {
    let next = corners.iter().cycle().skip(1);
    let twice: i64 = corners.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
    fraction(Ratio::new(twice.abs(), 2))
}

fn square_distance(from: &[i64], to: &[i64]) -> i64 {
    from.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Writes a root as `k\sqrt{m}` with no square left in `m`.
fn root(square: i64) -> String {
    let outside = (1..=square.isqrt()).rev().find(|k| square % (k * k) == 0);
    let outside = outside.unwrap_or(1);
    match (outside, square / (outside * outside)) {
        (k, 1) => k.to_string(),
        (1, m) => format!("\\sqrt{{{m}}}"),
        (k, m) => format!("{k}\\sqrt{{{m}}}"),
    }
}

fn fraction(value: Ratio<i64>) -> String {
    if value.is_integer() {
        value.to_string()
    } else {
        format!("\\frac{{{}}}{{{}}}", value.numer(), value.denom())
    }
}

fn times_pi(value: Ratio<i64>) -> String {
    if value == Ratio::from_integer(1) { "\\pi".to_owned() } else { fraction(value) + "\\pi" }
}

/// Reads the text back: triangles from one corner, the square of the root, the parts of the surface.
fn check(draw: &Draw) -> Result<(), String> {
    let Target::Expression(gold) = &draw.target else { return Err("no expression".to_owned()) };
    let found = if draw.text.contains("cylinder") {
        surface_is(&draw.text, gold)
    } else {
        points(&draw.text).and_then(|points| {
            if draw.text.contains("area") {
                area_is(&points, gold)
            } else {
                distance_is(&points, gold)
            }
        })
    };
    if found == Some(true) {
        return Ok(());
    }
    Err(format!("`{}` is not {gold}: {found:?}", draw.text))
}

/// The points of a text, in order.
fn points(text: &str) -> Option<Vec<Vec<i64>>> {
    let inside = text.split('(').skip(1).map(|rest| rest.split(')').next());
    inside.map(|point| point?.split(", ").map(|x| x.parse().ok()).collect()).collect()
}

fn area_is(points: &[Vec<i64>], gold: &str) -> Option<bool> {
    let corners: Vec<(i64, i64)> = points.iter().map(|p| (p[0], p[1])).collect();
    let (first, rest) = corners.split_first()?;
    let triangles: Vec<i64> = rest.windows(2).map(|pair| cross(*first, pair[0], pair[1])).collect();
    // Convex: all turns the same way.
    let signs = triangles.iter().map(|area| area.signum());
    let is_convex = signs.clone().all(|sign| sign == 1) || signs.clone().all(|sign| sign == -1);
    let twice: i64 = triangles.iter().map(|area| area.abs()).sum();
    Some(is_convex && read_fraction(gold)? == Ratio::new(twice, 2))
}

fn distance_is(points: &[Vec<i64>], gold: &str) -> Option<bool> {
    let [from, to] = points else { return None };
    let (outside, inside) = match gold.split_once("\\sqrt{") {
        None => (gold, 1),
        Some((outside, inside)) => (outside, inside.strip_suffix('}')?.parse().ok()?),
    };
    let outside: i64 = if outside.is_empty() { 1 } else { outside.parse().ok()? };
    Some(outside * outside * inside == square_distance(from, to))
}

fn surface_is(text: &str, gold: &str) -> Option<bool> {
    let words: Vec<&str> = text.split([' ', ',']).collect();
    let lengths: Vec<Ratio<i64>> = words
        .windows(2)
        .filter_map(|pair| {
            let unit = pair[1].trim_end_matches('.');
            let parts = match unit {
                "mm" => 10,
                "cm" => 1,
                _ => return None,
            };
            let (whole, half) = pair[0].split_once('.').unwrap_or((pair[0], "0"));
            let tenths: i64 = whole.parse::<i64>().ok()? * 10 + half.parse::<i64>().ok()?;
            Some(Ratio::new(tenths, 10 * parts))
        })
        .collect();
    let [first, second] = lengths[..] else { return None };
    let height_first = text.contains("Its height is");
    let (radius, height) = if height_first { (second, first) } else { (first, second) };
    let disc = radius * radius;
    let side = (radius + radius) * height;
    let ends = if text.contains("open at the top") { disc } else { disc + disc };
    let factor = gold.strip_suffix("\\pi")?;
    let factor = if factor.is_empty() { Ratio::from_integer(1) } else { read_fraction(factor)? };
    Some(factor == side + ends)
}

fn read_fraction(text: &str) -> Option<Ratio<i64>> {
    match text.strip_prefix("\\frac{") {
        None => text.parse().ok().map(Ratio::from_integer),
        Some(rest) => {
            let (numerator, denominator) = rest.strip_suffix('}')?.split_once("}{")?;
            Some(Ratio::new(numerator.parse().ok()?, denominator.parse().ok()?))
        }
    }
}
