//! The roots of a polynomial with whole roots, no two of them equal.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::polynomial::Polynomial;
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.poly_roots",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "expression"],
    about: "the largest root of a polynomial, or the sum of the squares of its roots",
    draw,
    check,
    twins: None,
};

/// The degree, by level.
const DEGREE: [usize; 5] = [2, 2, 3, 3, 4];
/// The largest root, either way from 0, by level.
const MAX_ROOT: [i64; 5] = [12, 25, 9, 15, 12];

const LARGEST: &str = "What is the largest root?";
const SQUARES: &str = "What is the sum of the squares of the roots?";

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let max = MAX_ROOT[level];
    let roots: BTreeSet<i64> = (0..DEGREE[level]).map(|_| random.range(-max, max)).collect();
    let asks_largest = random.below(2) == 0;
    if roots.len() < DEGREE[level] {
        return None;
    }
    let one = Polynomial::new(vec![1]);
    let product =
        roots.iter().fold(one, |product, root| product.times(&Polynomial::new(vec![-root, 1])));
    let (question, gold) = if asks_largest {
        (LARGEST, roots.last().copied()?)
    } else {
        (SQUARES, roots.iter().map(|root| root * root).sum())
    };
    Some(Draw {
        parameters: json!({ "roots": roots, "largest": asks_largest }),
        text: format!("All roots of {product} are integers, and no two are equal. {question}"),
        target: Target::Integer(gold.into()),
        decoys: BTreeMap::new(),
    })
}

/// Reads the polynomial back and searches its roots, or applies Vieta's formulas.
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let rest = draw.text.strip_prefix("All roots of ")?;
        let (polynomial, rest) = rest.split_once(" are integers, and no two are equal. ")?;
        let polynomial = Polynomial::read(polynomial)?;
        let c = polynomial.coefficients();
        let degree = c.len() - 1;
        let roots: Vec<i64> = (-100..=100).filter(|x| polynomial.at(*x) == 0).collect();
        if roots.len() != degree {
            return None;
        }
        // The sum of the squares is the square of the sum less twice the sum of the products of pairs.
        let squares = c[degree - 1] * c[degree - 1] - 2 * c[degree - 2];
        match rest {
            LARGEST => roots.last().copied(),
            SQUARES => Some(squares),
            _ => None,
        }
    };
    match read() {
        Some(value) if Target::Integer(value.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}
