//! A derivative or an antiderivative, as an expression.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use num_rational::Ratio;
use serde_json::json;

use super::dual::{self, evaluate};
use super::polynomial::Polynomial;
use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.symbolic",
    version: 1,
    domain: Domain::Math,
    graders: &["expression"],
    about: "a derivative or an antiderivative, as an expression",
    draw,
    check,
    twins: None,
};

/// The largest coefficient, by level.
const MAX_COEFFICIENT: [i64; 5] = [9, 9, 6, 6, 9];
/// The primes of the check.
const PRIMES: [u64; 2] = [998_244_353, 1_000_000_007];
/// The points of the check, as fractions.
const POINTS: [(u64, u64); 8] =
    [(1, 2), (2, 3), (5, 7), (11, 4), (13, 9), (17, 5), (23, 8), (31, 6)];

const DERIVATIVE: &str = "What is the derivative of f(x) = ";
const ANTIDERIVATIVE: &str = "Give an antiderivative of f(x) = ";

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let max = MAX_COEFFICIENT[level - 1];
    let (opening, function, gold) = if random.below(3) == 0 {
        let degree = level.max(2) - random.index(2);
        let integrand = Polynomial::draw(random, degree, max);
        (integrand.terms() > 1)
            .then(|| (ANTIDERIVATIVE, integrand.to_string(), antiderivative(&integrand)))?
    } else {
        let (function, gold) = differentiated(level, random, max)?;
        (DERIVATIVE, function, gold)
    };
    let mark = if opening == DERIVATIVE { '?' } else { '.' };
    let draw = Draw {
        parameters: json!({ "opening": opening, "function": function }),
        text: format!("{opening}{function}{mark}"),
        target: Target::Expression(gold),
        decoys: BTreeMap::new(),
    };
    is_varied(&draw).then_some(draw)
}

/// A function and its derivative, by the rule that the level asks for.
fn differentiated(level: usize, random: &mut Random, max: i64) -> Option<(String, String)> {
    let mut factor = |degree: usize| {
        let drawn = Polynomial::draw(random, degree, max);
        (drawn.terms() > 1).then_some(drawn)
    };
    Some(match level {
        1 => {
            let f = factor(3)?;
            (f.to_string(), f.derivative().to_string())
        }
        2 => {
            let (f, g) = (factor(2)?, factor(1)?);
            (format!("({f})({g})"), product(&f, &g))
        }
        3 => {
            let f = factor(2)?;
            let n = random.range(3, 6);
            (format!("({f})^{n}"), format!("{n}({})({f})^{}", f.derivative(), n - 1))
        }
        4 => {
            let (f, g) = (factor(1)?, factor(2)?);
            let n = random.range(2, 5);
            // (fⁿg)' = fⁿ⁻¹(n f' g + f g').
            let inner = format!("{n}({})({g}) + ({f})({})", f.derivative(), g.derivative());
            let power = if n == 2 { format!("({f})") } else { format!("({f})^{}", n - 1) };
            (format!("({f})^{n} * ({g})"), format!("{power}({inner})"))
        }
        _ => {
            let (f, g) = (factor(1)?, factor(2)?);
            let top = format!("({})({g}) - ({f})({})", f.derivative(), g.derivative());
            (format!("({f})/({g})"), format!("({top})/({g})^2"))
        }
    })
}

/// The product rule.
fn product(f: &Polynomial, g: &Polynomial) -> String {
    format!("({})({g}) + ({f})({})", f.derivative(), g.derivative())
}

/// The antiderivative of a polynomial, with its constant.
fn antiderivative(integrand: &Polynomial) -> String {
    let mut text = String::new();
    let coefficients = integrand.coefficients();
    let powers = (1_i64..).take(coefficients.len()).collect::<Vec<_>>();
    for (coefficient, power) in coefficients.iter().zip(powers).rev() {
        let part = Ratio::new(*coefficient, power);
        let (numerator, denominator) = (part.numer().abs(), *part.denom());
        if numerator == 0 {
            continue;
        }
        let sign = match (*coefficient < 0, text.is_empty()) {
            (true, true) => "-",
            (true, false) => " - ",
            (false, true) => "",
            (false, false) => " + ",
        };
        let factor = if numerator == 1 { String::new() } else { numerator.to_string() };
        let x = if power == 1 { "x".to_owned() } else { format!("x^{power}") };
        let divisor = if denominator == 1 { String::new() } else { format!("/{denominator}") };
        let _ = write!(text, "{sign}{factor}{x}{divisor}");
    }
    text + " + C"
}

/// Every point of the check modulo every prime.
fn places() -> impl Iterator<Item = (u64, u64)> {
    PRIMES.into_iter().flat_map(|prime| {
        POINTS
            .into_iter()
            .map(move |(top, bottom)| (top * dual::inverse(bottom, prime) % prime, prime))
    })
}

/// Whether the gold is no constant.
fn is_varied(draw: &Draw) -> bool {
    let Target::Expression(gold) = &draw.target else { return false };
    let mut slopes = places().filter_map(|(x, prime)| Some(evaluate(gold, x, prime)?.slope));
    slopes.any(|slope| slope != 0)
}

/// Evaluates function and gold at eight points modulo two primes, with slopes by dual numbers.
fn check(draw: &Draw) -> Result<(), String> {
    let Target::Expression(gold) = &draw.target else { return Err("no expression".to_owned()) };
    let read = |opening: &str| {
        let function = draw.text.strip_prefix(opening)?;
        function.strip_suffix(['?', '.'])
    };
    let agrees = |(x, prime): (u64, u64)| {
        if let Some(function) = read(DERIVATIVE) {
            Some(evaluate(function, x, prime)?.slope == evaluate(gold, x, prime)?.value)
        } else {
            let function = read(ANTIDERIVATIVE)?;
            Some(evaluate(gold, x, prime)?.slope == evaluate(function, x, prime)?.value)
        }
    };
    // A pole of the function is no point to compare at.
    let compared: Vec<bool> = places().filter_map(agrees).collect();
    if compared.len() >= PRIMES.len() * POINTS.len() / 2 && compared.iter().all(|same| *same) {
        return Ok(());
    }
    Err(format!("`{}` is not {gold}", draw.text))
}
