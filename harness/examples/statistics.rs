//! Prints what `docs/benchmarks.md` says of the statistics: exact coverage of intervals, and how gates
//! err on simulated runs of one model.
//!
//! `cargo run --release -p tripos --example statistics`

use std::io::{self, Write};

use tripos::stats::{
    self, HybridGate, MarginVerdict, PairedCounts, Prior, Tally, beta_posterior, clopper_pearson,
    non_inferiority, paired_score, proportion::coverage, wilson,
};
use tripos_tasks::generate::Random;

const ALPHA: f64 = 0.05;
/// Simulated pairs of runs in each cell.
const RUNS: u32 = 20_000;
/// The same where a share is held against alpha: enough for a standard error of 0.05 points.
const RUNS_AT_MARGIN: u32 = 200_000;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    coverage_table(&mut out)?;
    for n in [198, 500, 1_319] {
        gates(&mut out, n)?;
    }
    asking_more(&mut out)
}

/// An interval by its name.
type Interval = (&'static str, fn(Tally) -> (f64, f64));

const INTERVALS: [Interval; 4] = [
    ("Clopper-Pearson", |tally| {
        let fit = clopper_pearson(tally, stats::LEVEL);
        (fit.lower, fit.upper)
    }),
    ("Wilson", |tally| {
        let fit = wilson(tally, stats::LEVEL);
        (fit.lower, fit.upper)
    }),
    ("Beta(½, ½)", |tally| posterior(tally, 0.5)),
    ("Beta(1, 1)", |tally| posterior(tally, 1.0)),
];

fn posterior(tally: Tally, weight: f64) -> (f64, f64) {
    let prior = Prior::new(weight, weight).expect("a proper prior");
    beta_posterior(tally, prior).interval(stats::LEVEL)
}

/// The exact coverage of each interval, the least and the mean over p from 0.01 to 0.99.
fn coverage_table(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| interval | n | least coverage | at p | mean coverage |")?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: |")?;
    for (name, interval) in INTERVALS {
        for n in [10, 50, 500] {
            let cells: Vec<(f64, f64)> = (1..100)
                .map(|percent| {
                    let p = f64::from(percent) / 100.0;
                    (coverage(n, p, interval), p)
                })
                .collect();
            let least =
                cells.iter().copied().fold((1.0, 0.0), |a, b| if b.0 < a.0 { b } else { a });
            let mean = cells.iter().map(|cell| cell.0).sum::<f64>() / 99.0;
            writeln!(out, "| {name} | {n} | {:.4} | {:.2} | {mean:.4} |", least.0, least.1)?;
        }
    }
    writeln!(out)
}

/// What happened in the runs of one cell, as counts.
#[derive(Default)]
struct Seen {
    naive_alarms: u32,
    fixed: [u32; 2],
    hybrid: [u32; 2],
    items: usize,
}

/// How often gates pass and alarm, for candidates that are as good, worse by the margin, and worse.
fn gates(out: &mut impl Write, n: usize) -> io::Result<()> {
    let mut random = Random::from_key(&format!("statistics\n{n}"));
    let mut items = chances(n, &mut random);
    // The margin that an equal candidate passes nine times in ten on so many items.
    let variance = items.iter().map(|p| 2.0 * p * (1.0 - p)).sum::<f64>() / real(n);
    let margin = (1.644_853_627 + 1.281_551_566) * (variance / real(n)).sqrt();
    writeln!(
        out,
        "n = {n}, margin {:.1} points, {RUNS} pairs of runs, {RUNS_AT_MARGIN} at the margin\n",
        100.0 * margin
    )?;
    writeln!(
        out,
        "| candidate | naive gate alarms | fixed passes | fixed alarms | hybrid passes | \
         hybrid alarms | items saved |"
    )?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for (name, loss, runs) in [
        ("the same", 0.0, RUNS),
        ("worse by the margin", margin, RUNS_AT_MARGIN),
        ("worse by 8 points", 0.08, RUNS),
        ("worse by 15 points", 0.15, RUNS),
    ] {
        let mut seen = Seen::default();
        let hybrid = HybridGate::new(n, margin, ALPHA, 1).expect("items and a margin");
        for _ in 0..runs {
            // As the seed of a run draws it: looks at one order would always see the same items first.
            random.shuffle(&mut items);
            run(&items, (&hybrid, margin, loss), &mut random, &mut seen);
        }
        let percent = |count: u32| format!("{:.1} %", 100.0 * f64::from(count) / f64::from(runs));
        let saved = 100.0 * (1.0 - real(seen.items) / (real(n) * f64::from(runs)));
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {saved:.0} % |",
            percent(seen.naive_alarms),
            percent(seen.fixed[0]),
            percent(seen.fixed[1]),
            percent(seen.hybrid[0]),
            percent(seen.hybrid[1]),
        )?;
    }
    writeln!(out)
}

/// The share of alpha and the repeats of an item at each look of a gate that asks for more.
const LOOKS: [(f64, u32); 4] = [(0.5, 1), (0.25, 2), (0.125, 4), (0.125, 8)];

/// How often a gate that asks for more repeats passes and alarms, against one look at all of alpha.
fn asking_more(out: &mut impl Write) -> io::Result<()> {
    let n = 198;
    let mut random = Random::from_key("asking more");
    let items = chances(n, &mut random);
    let margin = 0.08;
    let mean = items.iter().sum::<f64>() / real(n);
    writeln!(out, "n = {n}, margin {:.1} points, up to {} looks\n", 100.0 * margin, LOOKS.len())?;
    writeln!(
        out,
        "| candidate | one look passes | one look alarms | passes | alarms | open | repeats |"
    )?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for (name, loss, runs) in [
        ("the same", 0.0, RUNS),
        ("worse by the margin", margin, RUNS_AT_MARGIN),
        ("worse by twice the margin", 2.0 * margin, RUNS),
    ] {
        let kept = 1.0 - loss / mean;
        let (mut one, mut more, mut repeats) = ([0_u32; 3], [0_u32; 3], 0_u32);
        for _ in 0..runs {
            let before: Vec<bool> = items.iter().map(|p| uniform(&mut random) < *p).collect();
            let mut right = vec![0_u32; n];
            let mut asked = 0;
            let mut found = MarginVerdict::Inconclusive;
            for (look, (share, wanted)) in LOOKS.into_iter().enumerate() {
                for _ in asked..wanted {
                    for (right, p) in right.iter_mut().zip(&items) {
                        *right += u32::from(uniform(&mut random) < p * kept);
                    }
                }
                asked = wanted;
                if look == 0 {
                    one[place(at_look((&before, &right), asked, margin, ALPHA))] += 1;
                }
                found = at_look((&before, &right), asked, margin, ALPHA * share);
                if found != MarginVerdict::Inconclusive {
                    break;
                }
            }
            more[place(found)] += 1;
            repeats += asked;
        }
        let percent = |count: u32| format!("{:.1} %", 100.0 * f64::from(count) / f64::from(runs));
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {:.1} |",
            percent(one[0]),
            percent(one[1]),
            percent(more[0]),
            percent(more[1]),
            percent(more[2]),
            f64::from(repeats) / f64::from(runs),
        )?;
    }
    writeln!(out)
}

fn place(verdict: MarginVerdict) -> usize {
    match verdict {
        MarginVerdict::Pass => 0,
        MarginVerdict::Regress => 1,
        MarginVerdict::Inconclusive => 2,
    }
}

/// What the gate says of `asked` repeats: Tango's test of one, else Student's t of the items' means.
fn at_look(
    (before, right): (&[bool], &[u32]),
    asked: u32,
    margin: f64,
    alpha: f64,
) -> MarginVerdict {
    let pairs = before.iter().zip(right);
    if asked == 1 {
        let mut counts = PairedCounts::default();
        for (before, right) in pairs {
            *match (before, right) {
                (true, 0) => &mut counts.n10,
                (false, 1..) => &mut counts.n01,
                (true, 1..) => &mut counts.n11,
                (false, 0) => &mut counts.n00,
            } += 1;
        }
        return paired_score(counts, margin, alpha).verdict;
    }
    let score = |right: u32| f64::from(right) / f64::from(asked);
    let differences: Vec<f64> =
        pairs.map(|(before, right)| score(*right) - f64::from(u8::from(*before))).collect();
    non_inferiority(&differences, None, margin, alpha).verdict
}

/// The chance of each item to be answered rightly: many are easy or hard, few between.
fn chances(n: usize, random: &mut Random) -> Vec<f64> {
    (0..n)
        .map(|_| {
            // The square of a sine of a uniform angle is Beta(½, ½); its square root leans to the right.
            let sine = (std::f64::consts::FRAC_PI_2 * uniform(random)).sin();
            sine.powf(1.2)
        })
        .collect()
}

/// One pair of runs: what each gate says of it.
fn run(
    items: &[f64],
    (hybrid, margin, loss): (&HybridGate, f64, f64),
    random: &mut Random,
    seen: &mut Seen,
) {
    let mean = items.iter().sum::<f64>() / real(items.len());
    let kept = 1.0 - loss / mean;
    let mut hybrid = hybrid.clone();
    let mut counts = PairedCounts::default();
    let mut verdict = MarginVerdict::Inconclusive;
    for p in items {
        let (before, now) = (uniform(random) < *p, uniform(random) < p * kept);
        let (cell, difference) = match (before, now) {
            (true, false) => (&mut counts.n10, -1.0),
            (false, true) => (&mut counts.n01, 1.0),
            (true, true) => (&mut counts.n11, 0.0),
            (false, false) => (&mut counts.n00, 0.0),
        };
        *cell += 1;
        verdict = hybrid.see(difference);
    }
    let fixed = paired_score(counts, margin, ALPHA).verdict;
    for (tally, verdict) in [(&mut seen.fixed, fixed), (&mut seen.hybrid, verdict)] {
        tally[0] += u32::from(verdict == MarginVerdict::Pass);
        tally[1] += u32::from(verdict == MarginVerdict::Regress);
    }
    seen.naive_alarms += u32::from(real(counts.n10) - real(counts.n01) >= 0.01 * real(items.len()));
    seen.items += hybrid.seen();
}

/// A number from 0 up to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn uniform(random: &mut Random) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts come nowhere near 2^53")]
fn real(n: usize) -> f64 {
    n as f64
}
