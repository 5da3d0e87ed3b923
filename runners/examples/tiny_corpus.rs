//! Writes what the built-in model is trained on: the prompts of the `smoke` tasks over fresh seeds,
//! each with worked steps and the direct answer, one JSON object a line.
//!
//! `cargo run --release -p tripos-runners --no-default-features --example tiny_corpus -- COUNT SEED STAGE`
//!
//! Stage 1 draws every family alike and begins with small tables; stage 2 gives most lines to chains
//! and claims, whose share of the tokens is small in stage 1, and keeps the tables whole; stage 3 gives
//! most to claims and compares two numbers digit by digit in the steps, where the stages before write
//! the verdict alone.
//! Levels 1 and 2 only. An item that the `smoke` suite asks, or that the held-out seeds of
//! `train.py` measure, is left out by its fingerprint. A first share of the items about records
//! has most lines of the record taken away: the small tables teach looking a value up.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;

use serde_json::json;
use tripos_tasks::generate::{self, Draw, Family, Place, Random};
use tripos_tasks::{Catalog, Fields, Task};

/// How often each family is drawn in the three stages, out of the sum.
const SHARES: [(&str, [u64; 3]); 7] = [
    ("math.arith_chain", [30, 60, 24]),
    ("math.linear_system", [8, 3, 4]),
    ("math.modular", [8, 3, 4]),
    ("code.output_prediction", [10, 4, 6]),
    ("misinfo.claim_verification", [30, 24, 44]),
    ("misinfo.context_poison", [12, 4, 8]),
    ("misinfo.false_premise", [14, 4, 10]),
];
/// The seed of the `smoke` suite and those of the measurements.
const HELD_OUT: [u64; 2] = [20_261_123, 1];
/// Items of each level that are held out.
const HELD_OUT_ITEMS: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().ok_or("COUNT is missing")?.parse()?;
    let seed: u64 = arguments.next().ok_or("SEED is missing")?.parse()?;
    let stage = match arguments.next().as_deref() {
        Some("1") => 0,
        Some("2") => 1,
        Some("3") => 2,
        _ => return Err("STAGE is 1, 2 or 3".into()),
    };
    if HELD_OUT.contains(&seed) {
        return Err("this seed is held out".into());
    }
    let suite = Catalog::built_in().suite("smoke")?;
    let held_out = held_out()?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut choice = Random::from_key(&format!("tiny-corpus/{seed}"));
    let sum: u64 = SHARES.iter().map(|(_, shares)| shares[stage]).sum();
    for index in 0..count {
        let mut at = choice.below(sum);
        let (name, _) = SHARES
            .iter()
            .find(|(_, shares)| {
                let here = at < shares[stage];
                at = at.wrapping_sub(shares[stage]);
                here
            })
            .ok_or("the shares cover the sum")?;
        // The versions that `smoke` asks.
        let family = generate::family_at(name, 1).ok_or("a family of this name")?;
        let task = task_of(&suite.tasks, family).ok_or("smoke has a task of each family")?;
        let level = if choice.below(10) < 7 { 1 } else { 2 };
        // A town that is not in the record is the hardest to see: stage 3 asks for it more often.
        let missing = stage == 2 && family.graders == ["label"] && choice.below(4) == 0;
        let place = Place { level, index: if missing { 2 } else { choice.below(12) } };
        let mut random = Random::for_item(family.name, family.version, seed, index, 0);
        let Some(draw) = (family.draw)(place, &mut random) else { continue };
        if held_out.contains(&generate::fingerprint(&draw).to_string()) {
            continue;
        }
        // Small tables throughout; in the first stage most of the early ones.
        let early = stage == 0 && choice.below(count) > index.saturating_mul(2);
        let small = early || choice.below(8) == 0;
        let text = if small { with_few_lines(&draw.text, &mut choice) } else { draw.text.clone() };
        let fields = Fields::from([("text".to_owned(), json!(text))]);
        let line = json!({
            "family": family.name,
            "level": level,
            "user": task.prompt.render(&fields)?,
            "steps": steps(family, &text, &draw, stage == 2).ok_or_else(|| format!("no steps: {text}"))?,
            "answer": draw.target.answer(),
        });
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

/// Fingerprints of the items that nothing is trained on.
fn held_out() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut fingerprints = BTreeSet::new();
    for family in generate::FAMILIES {
        for (seed, level) in HELD_OUT.into_iter().flat_map(|seed| [(seed, 1), (seed, 2)]) {
            let items = generate::generate(family, seed, level, HELD_OUT_ITEMS)?;
            fingerprints.extend(items.into_iter().filter_map(|i| Some(i.origin?.fingerprint)));
        }
    }
    Ok(fingerprints)
}

fn task_of<'a>(tasks: &'a [Task], family: &Family) -> Option<&'a Task> {
    tasks.iter().find(|task| {
        let origin = task.items.first().and_then(|item| item.origin.as_ref());
        origin.is_some_and(|origin| origin.family == family.name)
    })
}

/// Takes lines of the record away, but none that the question is about.
fn with_few_lines(text: &str, random: &mut Random) -> String {
    let Some((record, question)) = text.split_once("\n\n") else { return text.to_owned() };
    if !(question.starts_with("Claim") || question.starts_with("Question")) {
        return text.to_owned();
    }
    let spare = 1 + random.index(2);
    let mut lines: Vec<&str> = record.lines().collect();
    let needed = |line: &str| {
        let (town, rest) = line.split_once(": ").unwrap_or((line, ""));
        let river = rest.strip_prefix("river ").and_then(|rest| rest.split(',').next());
        let asked = |name: &str| question.split([' ', '.', '?']).any(|word| word == name);
        !rest.contains(", ") || asked(town) || river.is_some_and(asked)
    };
    while lines.iter().filter(|line| !needed(line)).count() > spare {
        let place = random.index(lines.len());
        if !needed(lines[place]) {
            lines.remove(place);
        }
    }
    format!("{}\n\n{question}", lines.join("\n"))
}

/// The worked steps, one a line.
fn steps(family: &Family, text: &str, draw: &Draw, by_digit: bool) -> Option<String> {
    let lines = match family.name {
        "math.arith_chain" => chain(text),
        "math.linear_system" => linear(draw),
        "math.modular" => modular(draw),
        "code.output_prediction" => lists(draw),
        "misinfo.claim_verification" => claim(text, by_digit),
        "misinfo.context_poison" => poison(text),
        _ => premise(text, by_digit),
    };
    Some(lines?.join("\n"))
}

/// Works the innermost bracket out, again and again.
fn chain(text: &str) -> Option<Vec<String>> {
    let mut rest = text.to_owned();
    let mut lines = Vec::new();
    loop {
        let open = rest.rfind('(');
        let inner = match open {
            Some(open) => open + 1..open + rest[open..].find(')')?,
            None => 0..rest.len(),
        };
        let words: Vec<&str> = rest[inner.clone()].split(' ').collect();
        let [left, operator, right] = words.as_slice() else { return None };
        let (a, b): (i64, i64) = (left.parse().ok()?, right.parse().ok()?);
        let value = match *operator {
            "+" => a + b,
            "-" => a - b,
            _ => a * b,
        };
        lines.push(format!("{a} {operator} {b} = {value}"));
        let Some(open) = open else { return Some(lines) };
        rest.replace_range(open..=inner.end, &value.to_string());
    }
}

/// Cramer's rule for two unknowns.
#[expect(clippy::many_single_char_names, reason = "the letters of the rule")]
fn linear(draw: &Draw) -> Option<Vec<String>> {
    let number = |value: &serde_json::Value| value.as_i64();
    let rows = &draw.parameters["rows"];
    let (a, b) = (number(&rows[0][0])?, number(&rows[0][1])?);
    let (c, d) = (number(&rows[1][0])?, number(&rows[1][1])?);
    let sides = &draw.parameters["sides"];
    let (e, f) = (number(&sides[0])?, number(&sides[1])?);
    let line = |name: &str, p: i64, q: i64, r: i64, s: i64| {
        format!("{name} = {p} * {q} - {r} * {s} = {} - {} = {}", p * q, r * s, p * q - r * s)
    };
    let whole = a * d - b * c;
    let (part, second) = if number(&draw.parameters["asked"])? == 0 {
        (e * d - b * f, line("N", e, d, b, f))
    } else {
        (a * f - e * c, line("N", a, f, e, c))
    };
    let last = format!("{part} / {whole} = {}", part / whole);
    Some(vec![line("D", a, d, b, c), second, last])
}

fn modular(draw: &Draw) -> Option<Vec<String>> {
    let parameters = &draw.parameters;
    let number = |name: &str| parameters[name].as_i64();
    match parameters["kind"].as_str()? {
        "power" => {
            let (base, modulus) = (number("base")?, number("modulus")?);
            let mut value = base;
            let mut lines = Vec::new();
            for _ in 1..number("exponent")? {
                let product = value * base;
                lines.push(format!(
                    "{value} * {base} = {product}, {product} % {modulus} = {}",
                    product % modulus
                ));
                value = product % modulus;
            }
            Some(lines)
        }
        "inverse" => {
            let (base, modulus) = (number("base")?, number("modulus")?);
            let x = (1..modulus).find(|x| base * x % modulus == 1)?;
            Some(vec![format!("{base} * {x} = {}", base * x)])
        }
        _ => {
            let (moduli, remainders) = (&parameters["moduli"], &parameters["remainders"]);
            let (m, n) = (moduli[0].as_i64()?, moduli[1].as_i64()?);
            let (a, b) = (remainders[0].as_i64()?, remainders[1].as_i64()?);
            let tried: Vec<i64> = (0..n).map(|t| a + m * t).collect();
            let hit = tried.iter().position(|x| x % n == b)?;
            let shown = &tried[hit.saturating_sub(9)..=hit];
            Some(shown.iter().map(|x| format!("{x} % {n} = {}", x % n)).collect())
        }
    }
}

/// The list after each step.
fn lists(draw: &Draw) -> Option<Vec<String>> {
    use tripos_tasks::generate::code::program;
    let list = draw.parameters["list"].as_array()?;
    let mut list: Vec<i64> = list.iter().filter_map(serde_json::Value::as_i64).collect();
    let steps: Vec<program::Step> =
        serde_json::from_value(draw.parameters["steps"].clone()).ok()?;
    let mut lines = vec![program::literal(&list)];
    for step in steps {
        list = step.apply(&list)?;
        lines.push(program::literal(&list));
    }
    Some(lines)
}

/// The line of a town, whole.
fn line_of<'a>(record: &'a str, town: &str) -> Option<&'a str> {
    record.lines().find(|line| line.strip_prefix(town).is_some_and(|rest| rest.starts_with(": ")))
}

/// The entry of an attribute on a line.
fn entry_of<'a>(line: &'a str, attribute: &str) -> Option<&'a str> {
    line.split_once(": ")?.1.split(", ").find(|entry| entry.starts_with(attribute))
}

/// Compares the number of an entry with the one that was said: the verdict alone, or pair by pair of
/// their digits up to the first that differs.
fn compared(entry: &str, said: &str, by_digit: bool) -> String {
    let recorded = entry.rsplit(' ').next().unwrap_or_default();
    if !by_digit {
        return if recorded == said { "same" } else { "differs" }.to_owned();
    }
    let (mut ours, mut theirs) = (recorded.chars(), said.chars());
    let mut pairs = Vec::new();
    loop {
        let pair = match (ours.next(), theirs.next()) {
            (None, None) => return pairs.join(", "),
            pair => pair,
        };
        let shown = |digit: Option<char>| digit.map_or("none".to_owned(), String::from);
        let verdict = if pair.0 == pair.1 { "=" } else { "not" };
        pairs.push(format!("{} {} {verdict}", shown(pair.0), shown(pair.1)));
        if pair.0 != pair.1 {
            return pairs.join(", ");
        }
    }
}

fn claim(text: &str, by_digit: bool) -> Option<Vec<String>> {
    let (record, claim) = text.split_once("\n\nClaim: ")?;
    let (subject, rest) = claim.strip_suffix('.')?.split_once(" has ")?;
    let (attribute, value) = rest.rsplit_once(' ')?;
    let mut lines = Vec::new();
    let town = match subject.strip_prefix("The town on the river ") {
        None => Some(subject.to_owned()),
        Some(river) => {
            let town = generate::misinformation::world::town_on(record, river);
            lines.push(format!("river {river}: {}", town.as_deref().unwrap_or("none")));
            town
        }
    };
    let Some(town) = town else { return Some(lines) };
    let Some(line) = line_of(record, &town) else {
        lines.push(format!("{town}: none"));
        return Some(lines);
    };
    lines.push(line.to_owned());
    match entry_of(line, attribute) {
        None => lines.push(format!("no {attribute}")),
        Some(entry) => {
            lines.push(format!("{entry}, claim {value}"));
            lines.push(compared(entry, value, by_digit));
        }
    }
    Some(lines)
}

fn poison(text: &str) -> Option<Vec<String>> {
    let (record, question) = text.split_once("\n\nQuestion: what is the ")?;
    let (attribute, town) = question.strip_suffix('?')?.split_once(" of ")?;
    let correction = record.lines().find_map(|line| line.strip_prefix("Official correction: "));
    if let Some(correction) = correction {
        return Some(vec![format!("correction: {}", correction.strip_suffix('.')?)]);
    }
    let line = line_of(record, town)?;
    let entry = entry_of(line, attribute)?;
    Some(vec!["correction: none".to_owned(), line.to_owned(), entry.to_owned()])
}

fn premise(text: &str, by_digit: bool) -> Option<Vec<String>> {
    let (record, question) = text.split_once("\n\nQuestion: ")?;
    let (premise, asked) = question.split_once(". What is the ")?;
    let (town, said) = premise.split_once(" has ")?;
    let (said, value) = said.rsplit_once(' ')?;
    let asked = asked.strip_suffix(" of this town?")?;
    let line = line_of(record, town)?;
    let recorded = entry_of(line, said)?;
    let verdict = compared(recorded, value, by_digit);
    let mut lines = vec![line.to_owned(), format!("{recorded}, claim {value}"), verdict.clone()];
    if verdict.ends_with(['=', 'e']) {
        lines.push(entry_of(line, asked)?.to_owned());
    }
    Some(lines)
}
