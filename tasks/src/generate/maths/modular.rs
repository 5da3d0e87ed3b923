//! Remainders: a power, an inverse, or a number with two given remainders.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.modular",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational"],
    about: "remainders of powers, inverses, and numbers with two given remainders",
    draw,
    check,
    twins: None,
};

/// The largest modulus, by level.
const MAX_MODULUS: [i64; 5] = [30, 99, 300, 999, 5_000];
/// The largest exponent, by level.
const MAX_EXPONENT: [i64; 5] = [4, 9, 20, 60, 200];

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let max = MAX_MODULUS[level];
    match random.below(3) {
        0 => Some(power(random, max, MAX_EXPONENT[level])),
        1 => inverse(random, max),
        _ => remainders(random, max),
    }
}

fn power(random: &mut Random, max: i64, max_exponent: i64) -> Draw {
    let modulus = random.range(3, max);
    let base = random.range(2, modulus - 1);
    let exponent = random.range(2, max_exponent);
    let gold = power_mod(base, exponent, modulus);
    made(
        format!("What is the remainder when {base}^{exponent} is divided by {modulus}?"),
        json!({ "kind": "power", "base": base, "exponent": exponent, "modulus": modulus }),
        gold,
    )
}

fn inverse(random: &mut Random, max: i64) -> Option<Draw> {
    let modulus = random.range(3, max);
    let base = random.range(2, modulus - 1);
    let (divisor, coefficient) = extended_gcd(base, modulus);
    (divisor == 1).then(|| {
        made(
            format!(
                "Which x from 1 to {} gives remainder 1 when {base} * x is divided by {modulus}?",
                modulus - 1
            ),
            json!({ "kind": "inverse", "base": base, "modulus": modulus }),
            coefficient.rem_euclid(modulus),
        )
    })
}

fn remainders(random: &mut Random, max: i64) -> Option<Draw> {
    let first = random.range(3, max);
    let second = random.range(3, max);
    let (divisor, coefficient) = extended_gcd(first, second);
    if divisor != 1 {
        return None;
    }
    let (a, b) = (random.range(0, first - 1), random.range(0, second - 1));
    // x = a + first · t with t ≡ (b − a) / first modulo second.
    let t = ((b - a) * coefficient).rem_euclid(second);
    Some(made(
        format!(
            "What is the smallest x from 0 up that leaves remainder {a} when divided by {first} \
             and remainder {b} when divided by {second}?"
        ),
        json!({ "kind": "remainders", "moduli": [first, second], "remainders": [a, b] }),
        a + first * t,
    ))
}

fn made(text: String, parameters: Value, gold: i64) -> Draw {
    Draw { text, parameters, target: Target::Integer(gold.into()), decoys: BTreeMap::new() }
}

/// Square and multiply.
fn power_mod(base: i64, exponent: i64, modulus: i64) -> i64 {
    let (mut result, mut square, mut left) = (1, base % modulus, exponent);
    while left > 0 {
        if left % 2 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        left /= 2;
    }
    result
}

/// Returns `(g, x)` with `a · x ≡ g` modulo `b`, `g` the greatest common divisor.
fn extended_gcd(a: i64, b: i64) -> (i64, i64) {
    let (mut old, mut new) = ((a, 1), (b, 0));
    while new.0 != 0 {
        let quotient = old.0 / new.0;
        (old, new) = (new, (old.0 - quotient * new.0, old.1 - quotient * new.1));
    }
    old
}

/// Finds the gold again with the plain loop that the definition names.
fn check(draw: &Draw) -> Result<(), String> {
    let number = |name: &str| draw.parameters[name].as_i64().unwrap_or_default();
    let pair = |name: &str| {
        let list = &draw.parameters[name];
        (list[0].as_i64().unwrap_or_default(), list[1].as_i64().unwrap_or_default())
    };
    let found = match draw.parameters["kind"].as_str() {
        Some("power") => {
            let modulus = number("modulus");
            Some((0..number("exponent")).fold(1, |value, _| value * number("base") % modulus))
        }
        Some("inverse") => {
            (1..number("modulus")).find(|x| number("base") * x % number("modulus") == 1)
        }
        _ => {
            let ((m, n), (a, b)) = (pair("moduli"), pair("remainders"));
            (0..m * n).find(|x| x % m == a && x % n == b)
        }
    };
    match found {
        Some(value) if Target::Integer(value.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}
