//! A chain of whole-number operations, written with brackets.
//!
//! The tree has one leaf at every inner node but the last, so that `level + 1` operations follow one
//! another and each needs the result of the one before.

use std::collections::BTreeMap;

use serde_json::json;

use crate::generate::{Draw, Family, Place, Random};
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.arith_chain",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational"],
    about: "a bracketed chain of +, - and * over whole numbers",
    draw,
    check,
    twins: None,
};

/// The largest leaf, by level.
const MAX_LEAF: [i64; 5] = [9, 20, 60, 200, 999];
/// The largest gold, either way from 0.
const MAX_GOLD: i64 = 1_000_000_000;

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let level = usize::from(place.level);
    let max = MAX_LEAF[level - 1];
    let mut value = random.range(1, max);
    let mut text = value.to_string();
    let mut inner = false;
    for _ in 0..=level {
        let leaf = random.range(1, max);
        let operator = *random.pick(&['+', '-', '*']);
        let chain = if inner { format!("({text})") } else { text };
        let chain_first = random.below(2) == 0;
        let (left, right) = if chain_first { (value, leaf) } else { (leaf, value) };
        text = if chain_first {
            format!("{chain} {operator} {leaf}")
        } else {
            format!("{leaf} {operator} {chain}")
        };
        value = apply(operator, left, right)?;
        inner = true;
    }
    (value.abs() <= MAX_GOLD).then(|| Draw {
        parameters: json!({ "expression": text }),
        text,
        target: Target::Integer(value.into()),
        decoys: BTreeMap::new(),
    })
}

/// Applies one operation; `None` where it overflows.
fn apply(operator: char, left: i64, right: i64) -> Option<i64> {
    match operator {
        '+' => left.checked_add(right),
        '-' => left.checked_sub(right),
        _ => left.checked_mul(right),
    }
}

/// Parses the printed text with a precedence parser and compares its value.
fn check(draw: &Draw) -> Result<(), String> {
    let tokens: Vec<u8> = draw.text.bytes().filter(|byte| *byte != b' ').collect();
    let mut rest = tokens.as_slice();
    let value = sum(&mut rest).filter(|_| rest.is_empty());
    match value {
        Some(value) if Target::Integer(value.into()) == draw.target => Ok(()),
        other => Err(format!("`{}` evaluates to {other:?}", draw.text)),
    }
}

fn sum(rest: &mut &[u8]) -> Option<i64> {
    let mut value = product(rest)?;
    while let Some((sign @ (b'+' | b'-'), after)) = rest.split_first() {
        *rest = after;
        let next = product(rest)?;
        value = if *sign == b'+' { value.checked_add(next)? } else { value.checked_sub(next)? };
    }
    Some(value)
}

fn product(rest: &mut &[u8]) -> Option<i64> {
    let mut value = atom(rest)?;
    while let Some((b'*', after)) = rest.split_first() {
        *rest = after;
        value = value.checked_mul(atom(rest)?)?;
    }
    Some(value)
}

fn atom(rest: &mut &[u8]) -> Option<i64> {
    if let Some((b'(', after)) = rest.split_first() {
        *rest = after;
        let value = sum(rest)?;
        let (b')', after) = rest.split_first()? else { return None };
        *rest = after;
        return Some(value);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at(digits);
    *rest = after;
    std::str::from_utf8(number).ok()?.parse().ok()
}
