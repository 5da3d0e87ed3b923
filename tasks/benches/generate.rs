//! How many items a second one core makes of each family at each level.
//!
//! `cargo bench -p tripos-tasks --bench generate`. What is timed is all that a suite pays for: rejected
//! draws, fingerprints and names. The aim is 2,000 a second for the slowest.

use std::time::{Duration, Instant};

use tripos_tasks::generate::{FAMILIES, Family, MAX_LEVEL, generate};

/// Items of a set; every family has as many at every level.
const ITEMS: u32 = 200;
/// How long each level is measured at least.
const TIME: Duration = Duration::from_millis(200);

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    println!("items a second on one core, by level");
    let mut slowest = f64::INFINITY;
    for family in FAMILIES {
        let rates = (1..=MAX_LEVEL).map(|level| rate(family, level)).collect::<Vec<f64>>();
        slowest = rates.iter().copied().fold(slowest, f64::min);
        let cells: Vec<String> = rates.iter().map(|rate| format!("{rate:>10.0}")).collect();
        println!("{:<28} {} {}", family.name, family.version, cells.concat());
    }
    println!("slowest: {slowest:.0}");
}

/// Makes sets of other seeds until the time is over.
fn rate(family: &'static Family, level: u8) -> f64 {
    let started = Instant::now();
    let mut sets = 0_u32;
    while started.elapsed() < TIME {
        let items = generate(family, sets.into(), level, ITEMS.into()).expect("200 items");
        std::hint::black_box(items);
        sets += 1;
    }
    f64::from(sets) * f64::from(ITEMS) / started.elapsed().as_secs_f64()
}
