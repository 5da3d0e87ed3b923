//! Drawing from a bag without putting back: exactly, or at least, so many of a colour.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::json;

use crate::generate::{Draw, Family, Place, Random, Twins, Variant, listed};
use crate::item::Expected;
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.probability",
    version: 1,
    domain: Domain::Math,
    graders: &["rational", "expression", "tokens"],
    about: "the chance of so many balls of a colour, drawn from a bag without putting back",
    draw,
    check,
    twins: Some(Twins {
        offered: &[
            Variant::Renamed,
            Variant::Renumbered,
            Variant::Reordered,
            Variant::Noop,
            Variant::Reworded,
            Variant::Missing,
        ],
        always: &[],
        draw: twin,
    }),
};

/// The colours, and those they may be renamed to.
const COLOURS: [&str; 8] = ["red", "blue", "green", "white", "black", "yellow", "orange", "purple"];
/// The most balls of a colour, by level.
const MAX_COUNT: [i64; 5] = [6, 7, 8, 10, 12];
/// The most balls that are drawn, by level.
const MAX_DRAWN: [i64; 5] = [3, 3, 4, 5, 6];
/// Up to so many ways to draw, the check looks at each.
const ENUMERATED: i64 = 3_000;

/// A bag and what is asked of it. The first colour is the one that is asked about.
#[derive(Clone, Debug)]
struct Bag {
    counts: Vec<i64>,
    drawn: i64,
    wanted: Wanted,
}

/// How many of the first colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Exactly(i64),
    AtLeast(i64),
    /// Exactly so many of the first colour and of the second.
    Both(i64, i64),
}

/// How a bag is put into words.
#[derive(Clone, Debug)]
struct Wording {
    colours: Vec<&'static str>,
    /// The colours in the order they are told in.
    order: Vec<usize>,
    is_second: bool,
    noise: Option<i64>,
    /// The colour whose number is left out.
    missing: Option<usize>,
}

impl Wording {
    fn of(bag: &Bag) -> Self {
        let colours = COLOURS[..bag.counts.len()].to_vec();
        let order = (0..bag.counts.len()).collect();
        Self { colours, order, is_second: false, noise: None, missing: None }
    }
}

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    let bag = bag(place, random)?;
    let wording = Wording::of(&bag);
    Some(made(&bag, &wording))
}

fn bag(place: Place, random: &mut Random) -> Option<Bag> {
    let level = usize::from(place.level) - 1;
    let colours = if level < 4 { 3 } else { 4 };
    let counts: Vec<i64> = (0..colours).map(|_| random.range(2, MAX_COUNT[level])).collect();
    let drawn = random.range(2, MAX_DRAWN[level]);
    let wanted = match random.below(if level < 2 { 2 } else { 3 }) {
        0 => Wanted::Exactly(random.range(0, drawn)),
        1 => Wanted::AtLeast(random.range(1, drawn - 1)),
        _ => {
            let first = random.range(1, drawn - 1);
            Wanted::Both(first, random.range(1, drawn - first))
        }
    };
    let bag = Bag { counts, drawn, wanted };
    let zero = BigRational::from_integer(BigInt::ZERO);
    let one = BigRational::from_integer(1.into());
    let gold = bag.probability();
    (gold > zero && gold < one).then_some(bag)
}

impl Bag {
    /// Whether so many of the first two colours are as wanted.
    fn is_wanted(&self, first: i64, second: i64) -> bool {
        match self.wanted {
            Wanted::Exactly(n) => first == n,
            Wanted::AtLeast(n) => first >= n,
            Wanted::Both(n, m) => first == n && second == m,
        }
    }

    /// The hypergeometric probability.
    fn probability(&self) -> BigRational {
        let others: i64 = self.counts[2..].iter().sum();
        let ways = |first: i64, second: i64| {
            binomial(self.counts[0], first)
                * binomial(self.counts[1], second)
                * binomial(others, self.drawn - first - second)
        };
        let pairs = (0..=self.drawn).flat_map(|first| (0..=self.drawn).map(move |n| (first, n)));
        let fitting = pairs.filter(|(first, second)| {
            first + second <= self.drawn && self.is_wanted(*first, *second)
        });
        let favourable: i64 = fitting.map(|(first, second)| ways(first, second)).sum();
        let all = binomial(self.counts.iter().sum(), self.drawn);
        BigRational::new(favourable.into(), all.into())
    }
}

fn binomial(n: i64, k: i64) -> i64 {
    if k < 0 || k > n {
        return 0;
    }
    (0..k).fold(1, |value, i| value * (n - i) / (i + 1))
}

fn twin(place: Place, base: &mut Random, variant: Variant, random: &mut Random) -> Option<Draw> {
    let mut bag = bag(place, base)?;
    let mut wording = Wording::of(&bag);
    match variant {
        Variant::Renamed => {
            let shift = 1 + random.index(COLOURS.len() - 1);
            let renamed = (0..bag.counts.len()).map(|n| COLOURS[(n + shift) % COLOURS.len()]);
            wording.colours = renamed.collect();
        }
        Variant::Renumbered => {
            let max = MAX_COUNT[usize::from(place.level) - 1];
            let before = bag.probability();
            bag.counts.iter_mut().for_each(|count| *count = random.range(2, max));
            let after = bag.probability();
            let zero = BigRational::from_integer(BigInt::ZERO);
            if after == before || after <= zero || after >= BigRational::from_integer(1.into()) {
                return None;
            }
        }
        Variant::Reordered => {
            let turn = 1 + random.index(bag.counts.len() - 1);
            wording.order.rotate_left(turn);
        }
        Variant::Noop => wording.noise = Some(random.range(120, 900)),
        Variant::Reworded => wording.is_second = true,
        Variant::Missing => wording.missing = Some(random.index(bag.counts.len())),
        _ => return None,
    }
    Some(made(&bag, &wording))
}

fn made(bag: &Bag, wording: &Wording) -> Draw {
    let mut others = bag.counts.clone();
    let named = if matches!(bag.wanted, Wanted::Both(..)) { 2 } else { 1 };
    others[named..].sort_unstable();
    let wanted = match bag.wanted {
        Wanted::Exactly(n) => json!([n]),
        Wanted::AtLeast(n) => json!({ "least": n }),
        Wanted::Both(n, m) => json!([n, m]),
    };
    let target = if wording.missing.is_some() {
        Target::Token(Expected::Abstain)
    } else {
        Target::Rational(bag.probability())
    };
    Draw {
        text: text(bag, wording),
        parameters: json!({ "counts": others, "drawn": bag.drawn, "wanted": wanted }),
        target,
        decoys: BTreeMap::new(),
    }
}

fn text(bag: &Bag, wording: &Wording) -> String {
    let colours = wording.order.iter().map(|n| {
        if wording.missing == Some(*n) {
            format!("some {}", wording.colours[*n])
        } else {
            format!("{} {}", bag.counts[*n], wording.colours[*n])
        }
    });
    let colours = listed(&colours.collect::<Vec<_>>());
    let drawn = bag.drawn;
    let are = |n: i64| if n == 1 { "is" } else { "are" };
    let [first, second] = [wording.colours[0], wording.colours[1]];
    let event = match bag.wanted {
        Wanted::Exactly(0) => format!("none of them is {first}"),
        Wanted::Exactly(n) => format!("exactly {n} of them {} {first}", are(n)),
        Wanted::AtLeast(n) => format!("at least {n} of them {} {first}", are(n)),
        Wanted::Both(n, m) => {
            format!("exactly {n} of them {} {first} and exactly {m} {} {second}", are(n), are(m))
        }
    };
    let noise = wording.noise.map_or(String::new(), |n| format!("Together they weigh {n} grams. "));
    if wording.is_second {
        return format!(
            "Someone takes {drawn} balls, blindly and without putting any back, out of a bag with \
             {colours} balls. {noise}How probable is it that {event}?"
        );
    }
    format!(
        "A bag holds {colours} balls. {noise}From it, {drawn} balls are drawn at random without \
         replacement. What is the probability that {event}?"
    )
}

/// Reads the text back and draws ball after ball; where there are few ways, looks at every one too.
fn check(draw: &Draw) -> Result<(), String> {
    let Some(bag) = read(&draw.text) else {
        let is_missing = draw.text.contains("some ");
        let is_abstain = draw.target == Target::Token(Expected::Abstain);
        return if is_missing && is_abstain { Ok(()) } else { Err(format!("`{}`", draw.text)) };
    };
    let value = tree(&bag, [bag.counts[0], bag.counts[1]], bag.counts[2..].iter().sum(), (0, 0));
    let total: i64 = bag.counts.iter().sum();
    let few = binomial(total, bag.drawn) <= ENUMERATED;
    if few && enumerated(&bag) != value {
        return Err(format!("`{}`: {} and {value}", draw.text, enumerated(&bag)));
    }
    if Target::Rational(value.clone()) == draw.target {
        return Ok(());
    }
    Err(format!("`{}` gives {value}", draw.text))
}

/// The probability from here on, with `left` of the named colours and `others` in the bag.
fn tree(bag: &Bag, left: [i64; 2], others: i64, got: (i64, i64)) -> BigRational {
    let total = left[0] + left[1] + others;
    let drawn = bag.counts.iter().sum::<i64>() - total;
    if drawn == bag.drawn {
        return BigRational::from_integer(i64::from(bag.is_wanted(got.0, got.1)).into());
    }
    let part = |count: i64, rest: BigRational| BigRational::new(count.into(), total.into()) * rest;
    let mut sum = BigRational::from_integer(BigInt::ZERO);
    if left[0] > 0 {
        sum += part(left[0], tree(bag, [left[0] - 1, left[1]], others, (got.0 + 1, got.1)));
    }
    if left[1] > 0 {
        sum += part(left[1], tree(bag, [left[0], left[1] - 1], others, (got.0, got.1 + 1)));
    }
    if others > 0 {
        sum += part(others, tree(bag, left, others - 1, got));
    }
    sum
}

/// The share of the fitting among all sets of balls.
fn enumerated(bag: &Bag) -> BigRational {
    let balls: Vec<usize> = bag
        .counts
        .iter()
        .enumerate()
        .flat_map(|(colour, count)| (0..*count).map(move |_| colour))
        .collect();
    let mut tally = [0_i64; 2];
    choose(bag, &balls, bag.drawn, &mut (0, 0), &mut tally);
    BigRational::new(tally[0].into(), tally[1].into())
}

fn choose(bag: &Bag, balls: &[usize], left: i64, got: &mut (i64, i64), tally: &mut [i64; 2]) {
    if left == 0 {
        tally[0] += i64::from(bag.is_wanted(got.0, got.1));
        tally[1] += 1;
        return;
    }
    for (n, colour) in balls.iter().enumerate() {
        let mut with = (got.0 + i64::from(*colour == 0), got.1 + i64::from(*colour == 1));
        choose(bag, &balls[n + 1..], left - 1, &mut with, tally);
    }
}

/// Reads a bag: the colours that are asked about first.
fn read(text: &str) -> Option<Bag> {
    let (bag, event) = text.split_once(" that ")?;
    let words: Vec<&str> = bag.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let mut counts: Vec<(i64, &str)> = words
        .windows(2)
        .filter(|pair| COLOURS.contains(&pair[1]))
        .map(|pair| pair[0].parse().ok().map(|count| (count, pair[1])))
        .collect::<Option<_>>()?;
    let drawn = words
        .windows(2)
        .rev()
        .find_map(|pair| pair[1].starts_with("balls").then(|| pair[0].parse().ok()).flatten())?;
    let event = event.strip_suffix('?')?;
    let (first, second) =
        event.split_once(" and exactly ").map_or((event, None), |(a, b)| (a, Some(b)));
    let is_of = |text: &str, colour: &str| text.ends_with(&format!(" {colour}"));
    let number = |text: &str| text.split(' ').find_map(|word| word.parse().ok());
    counts.sort_by_key(|(_, colour)| {
        (!is_of(first, colour), !second.is_some_and(|second| is_of(second, colour)))
    });
    let wanted = match second {
        Some(second) => Wanted::Both(number(first)?, number(second)?),
        None if first.starts_with("none") => Wanted::Exactly(0),
        None if first.starts_with("at least") => Wanted::AtLeast(number(first)?),
        None => Wanted::Exactly(number(first)?),
    };
    Some(Bag { counts: counts.into_iter().map(|(count, _)| count).collect(), drawn, wanted })
}
