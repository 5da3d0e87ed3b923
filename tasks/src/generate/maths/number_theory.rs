//! Divisors, totients, prime factors and least common multiples.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::generate::{Draw, Family, Place, Random, listed};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.number_theory",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "expression"],
    about: "the divisors of a number, its totient, its largest prime factor, a least common multiple",
    draw,
    check,
    twins: None,
};

/// The smallest and the largest number, by level.
const NUMBER: [(i64, i64); 5] =
    [(12, 300), (100, 2_000), (1_000, 10_000), (10_000, 100_000), (100_000, 1_000_000)];
/// The largest number whose multiples are asked for, by level.
const MAX_MULTIPLIED: [i64; 5] = [40, 60, 120, 400, 1_000];
/// Above this, the totient's definition is not counted out by the check.
const COUNTED: i64 = 20_000;

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let kind = *random.pick(&["count", "sum", "totient", "factor", "multiple"]);
    if kind == "multiple" {
        return multiple(place, random);
    }
    let n = random.range(NUMBER[level].0, NUMBER[level].1);
    let factors = factors(n);
    if factors.len() == 1 && factors[0].1 == 1 {
        return None; // A prime answers every question at once.
    }
    let gold = match kind {
        "count" => factors.iter().map(|(_, e)| i64::from(*e) + 1).product(),
        "sum" => factors.iter().map(|(p, e)| (p.pow(e + 1) - 1) / (p - 1)).product(),
        "totient" => factors.iter().map(|(p, e)| p.pow(e - 1) * (p - 1)).product(),
        _ => factors.last()?.0,
    };
    let text = match kind {
        "count" => format!("How many positive divisors does {n} have, 1 and {n} included?"),
        "sum" => {
            format!("What is the sum of all positive divisors of {n}, 1 and {n} included?")
        }
        "totient" => {
            format!("How many whole numbers from 1 to {n} share no factor with {n} other than 1?")
        }
        _ => format!("What is the largest prime factor of {n}?"),
    };
    Some(made(text, json!({ "kind": kind, "numbers": [n] }), gold))
}

fn multiple(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level) - 1;
    let count = if level < 2 { 2 } else { 3 };
    let mut numbers: Vec<i64> =
        (0..count).map(|_| random.range(6, MAX_MULTIPLIED[level])).collect();
    numbers.sort_unstable();
    let mut powers: BTreeMap<i64, u32> = BTreeMap::new();
    for (prime, exponent) in numbers.iter().flat_map(|n| factors(*n)) {
        let kept = powers.entry(prime).or_default();
        *kept = exponent.max(*kept);
    }
    let gold: i64 = powers.iter().map(|(prime, exponent)| prime.pow(*exponent)).product();
    // The largest alone, or the product, would be no question.
    let product: i64 = numbers.iter().product();
    if gold == product || numbers.contains(&gold) {
        return None;
    }
    let text = format!("What is the least common multiple of {}?", listed(&numbers));
    Some(made(text, json!({ "kind": "multiple", "numbers": numbers }), gold))
}

fn made(text: String, parameters: Value, gold: i64) -> Draw {
    Draw { text, parameters, target: Target::Integer(gold.into()), decoys: BTreeMap::new() }
}

/// Factorises by trial division: primes in order, with their exponents.
fn factors(mut n: i64) -> Vec<(i64, u32)> {
    let mut found = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= n {
        let mut exponent = 0;
        while n % divisor == 0 {
            n /= divisor;
            exponent += 1;
        }
        if exponent > 0 {
            found.push((divisor, exponent));
        }
        divisor += 1;
    }
    if n > 1 {
        found.push((n, 1));
    }
    found
}

/// Finds the gold again from the definition, knowing nothing of factorisations.
fn check(draw: &Draw) -> Result<(), String> {
    let numbers = draw.parameters["numbers"].as_array().cloned().unwrap_or_default();
    let numbers: Vec<i64> = numbers.iter().filter_map(Value::as_i64).collect();
    let n = numbers[0];
    let named = numbers.iter().all(|n| draw.text.contains(&n.to_string()));
    let found = match draw.parameters["kind"].as_str().filter(|_| named) {
        Some("count") => i64::try_from(divisors(n).len()).ok(),
        Some("sum") => Some(divisors(n).iter().sum()),
        Some("totient") => Some(totient(n)),
        Some("factor") => divisors(n).into_iter().rev().find(|divisor| is_prime(*divisor)),
        Some("multiple") => {
            let largest = numbers[numbers.len() - 1];
            let others: i64 = numbers.iter().rev().skip(1).product();
            let mut multiples = (1..=others).map(|times| times * largest);
            multiples.find(|m| numbers.iter().all(|n| m % n == 0))
        }
        _ => None,
    };
    match found {
        Some(value) if Target::Integer(value.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` gives {other:?}", draw.text)),
    }
}

/// Every divisor, upwards: each below the root brings the one above it.
fn divisors(n: i64) -> Vec<i64> {
    let low: Vec<i64> = (1..=n.isqrt()).filter(|divisor| n % divisor == 0).collect();
    let high = low.iter().rev().map(|divisor| n / divisor).filter(|d| d * d > n);
    low.iter().copied().chain(high).collect()
}

fn is_prime(n: i64) -> bool {
    n > 1 && (2..=n.isqrt()).all(|divisor| n % divisor != 0)
}

/// Counts what shares no factor; of a large number by Gauss's identity, that the totients of the
/// divisors sum to it (Hardy and Wright, theorem 63).
fn totient(n: i64) -> i64 {
    fn gcd(a: i64, b: i64) -> i64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    if n <= COUNTED {
        return (1..=n).map(|m| i64::from(gcd(n, m) == 1)).sum();
    }
    let divisors = divisors(n);
    let mut totients: Vec<i64> = Vec::with_capacity(divisors.len());
    for divisor in &divisors {
        let below = divisors.iter().zip(&totients).filter(|(d, _)| divisor % **d == 0);
        let sum: i64 = below.map(|(_, totient)| totient).sum();
        totients.push(divisor - sum);
    }
    totients.last().copied().unwrap_or_default()
}
