//! The integral of a polynomial between whole limits.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Pow as _;
use serde_json::json;

use super::polynomial::Polynomial;
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.integral",
    version: 1,
    domain: Domain::Math,
    graders: &["rational", "expression"],
    about: "the integral of a polynomial between whole limits",
    draw,
    check,
    twins: None,
};

/// The largest coefficient, by level; the degree is the level.
const MAX_COEFFICIENT: [i64; 5] = [9, 9, 9, 9, 12];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let integrand = Polynomial::draw(random, level, MAX_COEFFICIENT[level - 1]);
    let from = random.range(-3, 2);
    let to = from + random.range(1, 4);
    if integrand.terms() < 2 {
        return None;
    }
    Some(Draw {
        parameters: json!({ "integrand": integrand.coefficients(), "from": from, "to": to }),
        text: format!("What is the integral of {integrand} from x = {from} to x = {to}?"),
        target: Target::Rational(integral(&integrand, from, to)),
        decoys: BTreeMap::new(),
    })
}

/// The difference of the antiderivative at the limits.
fn integral(integrand: &Polynomial, from: i64, to: i64) -> BigRational {
    let power = |x: i64, n: u32| BigInt::from(x).pow(n);
    integrand
        .coefficients()
        .iter()
        .zip(1_u32..)
        .map(|(coefficient, n)| {
            BigRational::new((power(to, n) - power(from, n)) * *coefficient, n.into())
        })
        .sum()
}

/// Reads the text back and applies Boole's rule, which is exact up to degree 5 (Abramowitz and Stegun,
/// 25.4.14).
fn check(draw: &Draw) -> Result<(), String> {
    let read = || {
        let rest = draw.text.strip_prefix("What is the integral of ")?;
        let (integrand, limits) = rest.split_once(" from x = ")?;
        let integrand = Polynomial::read(integrand)?;
        let (from, to) = limits.strip_suffix('?')?.split_once(" to x = ")?;
        let (from, to): (i64, i64) = (from.parse().ok()?, to.parse().ok()?);
        let at = |n: i64| {
            integrand.at_fraction(&BigRational::new((4 * from + n * (to - from)).into(), 4.into()))
        };
        let weighted: BigRational = [7, 32, 12, 32, 7]
            .into_iter()
            .zip(0..)
            .map(|(weight, n)| at(n) * BigRational::from_integer(weight.into()))
            .sum();
        Some(weighted * BigRational::new((to - from).into(), 90.into()))
    };
    match read() {
        Some(value) if Target::Rational(value.clone()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}
