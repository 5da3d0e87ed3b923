//! The derivative of a product of two polynomials at a point.

use std::collections::BTreeMap;

use serde_json::json;

use super::polynomial::Polynomial;
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.derivative",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "expression"],
    about: "the derivative of a product of two polynomials at a whole number",
    draw,
    check,
    twins: None,
};

/// The degrees of the two factors, by level.
const DEGREES: [(usize, usize); 5] = [(2, 1), (2, 2), (3, 2), (3, 3), (4, 4)];
/// The largest coefficient, by level.
const MAX_COEFFICIENT: [i64; 5] = [5, 6, 6, 7, 9];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let (first, second) = DEGREES[level];
    let f = Polynomial::draw(random, first, MAX_COEFFICIENT[level]);
    let g = Polynomial::draw(random, second, MAX_COEFFICIENT[level]);
    let point = random.range(-2 - i64::from(place.level) / 3, 3);
    if f.terms() < 2 || g.terms() < 2 || point == 0 {
        return None; // A single term needs no product rule, and 0 no arithmetic.
    }
    let slope = f.times(&g).derivative().at(point);
    let mut factors = [f.coefficients(), g.coefficients()];
    factors.sort_unstable();
    Some(Draw {
        parameters: json!({ "factors": factors, "point": point }),
        text: format!("Let h(x) = ({f})({g}). What is h'({point})?"),
        target: Target::Integer(slope.into()),
        decoys: BTreeMap::new(),
    })
}

/// Reads the factors back from the text and applies the product rule.
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let rest = draw.text.strip_prefix("Let h(x) = (")?;
        let (factors, question) = rest.split_once("). What is h'(")?;
        let (f, g) = factors.split_once(")(")?;
        let (f, g) = (Polynomial::read(f)?, Polynomial::read(g)?);
        let x: i64 = question.strip_suffix(")?")?.parse().ok()?;
        Some(f.derivative().at(x) * g.at(x) + f.at(x) * g.derivative().at(x))
    };
    match read() {
        Some(slope) if Target::Integer(slope.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}
