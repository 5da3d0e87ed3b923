//! A story in steps: things are bought, given away, multiplied, bought in packs; one sentence is beside
//! the point.

use std::collections::BTreeMap;

use serde_json::json;

use crate::generate::{Draw, Family, Place, Random, Twins, Variant};
use crate::item::Expected;
use crate::{Domain, Target};

/// The family's row.
pub const FAMILY: Family = Family {
    name: "math.word_problem",
    version: 1,
    domain: Domain::Math,
    graders: &["integer", "rational", "expression", "tokens"],
    about: "how many things there are in the end, after steps told in words",
    draw,
    check,
    twins: Some(Twins {
        offered: &[
            Variant::Renamed,
            Variant::Renumbered,
            Variant::Reordered,
            Variant::Noop,
            Variant::Reworded,
            Variant::Units,
            Variant::Missing,
        ],
        always: &[],
        draw: twin,
    }),
};

/// The largest number at the start, by level.
const MAX_START: [i64; 5] = [40, 60, 90, 120, 200];
/// The largest number of things bought or given at once, by level.
const MAX_STEP: [i64; 5] = [20, 30, 60, 90, 150];
/// The most there may be at any time.
const MAX_VALUE: i64 = 20_000;
/// A name with the words that stand for it.
const PEOPLE: [[&str; 3]; 8] = [
    ["Mia", "she", "her"],
    ["Noah", "he", "his"],
    ["Lena", "she", "her"],
    ["Felix", "he", "his"],
    ["Ivy", "she", "her"],
    ["Hugo", "he", "his"],
    ["Nora", "she", "her"],
    ["Emil", "he", "his"],
];
/// What is counted.
const THINGS: [&str; 8] =
    ["stamps", "marbles", "shells", "stickers", "buttons", "beads", "cards", "pencils"];
/// What the sentence beside the point counts.
const OTHERS: [&str; 4] = ["coins", "postcards", "pebbles", "ribbons"];

/// One step of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Buy(i64),
    Give(i64),
    Multiply(i64),
    Packs(i64, i64),
}

impl Step {
    fn draw(random: &mut Random, max: i64) -> Self {
        match random.below(4) {
            0 => Self::Buy(random.range(2, max)),
            1 => Self::Give(random.range(2, max)),
            2 => Self::Multiply(random.range(2, 4)),
            _ => Self::Packs(random.range(2, 9), random.range(3, 12)),
        }
    }

    /// Another step of the same kind.
    fn renumbered(self, random: &mut Random, max: i64) -> Self {
        match self {
            Self::Buy(_) => Self::Buy(random.range(2, max)),
            Self::Give(_) => Self::Give(random.range(2, max)),
            Self::Multiply(_) => Self::Multiply(random.range(2, 4)),
            Self::Packs(..) => Self::Packs(random.range(2, 9), random.range(3, 12)),
        }
    }

    fn apply(self, value: i64) -> i64 {
        match self {
            Self::Buy(n) => value + n,
            Self::Give(n) => value - n,
            Self::Multiply(n) => value * n,
            Self::Packs(n, size) => value + n * size,
        }
    }
}

/// What happens, and the words it is told in.
#[derive(Clone, Debug)]
struct Story {
    start: i64,
    steps: Vec<Step>,
    person: [&'static str; 3],
    things: &'static str,
    others: &'static str,
    /// The number of the sentence beside the point, and the step it stands before.
    aside: (i64, usize),
    telling: Telling,
}

/// How a story departs from the plain telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Plain,
    Second,
    Dozens,
    /// One more number beside the point, before a step.
    Noop(i64, usize),
    /// The number of this step is not told; that of the start where there is no such step.
    Missing(usize),
}

fn draw(place: Place, random: &mut Random) -> Option<Draw> {
    made(&story(place, random)?)
}

fn story(place: Place, random: &mut Random) -> Option<Story> {
    let level = usize::from(place.level);
    let max = MAX_STEP[level - 1];
    let start = random.range(5, MAX_START[level - 1]);
    let steps: Vec<Step> = (0..=level).map(|_| Step::draw(random, max)).collect();
    let person = *random.pick(&PEOPLE);
    let things = *random.pick(&THINGS);
    let others = *random.pick(&OTHERS);
    let aside = (random.range(3, max), random.index(level + 1));
    let story = Story { start, steps, person, things, others, aside, telling: Telling::Plain };
    story.end().is_some().then_some(story)
}

impl Story {
    /// How many things there are in the end; nothing where a value leaves the range on the way.
    fn end(&self) -> Option<i64> {
        self.steps.iter().try_fold(self.start, |value, step| {
            Some(step.apply(value)).filter(|value| (1..=MAX_VALUE).contains(value))
        })
    }

    /// Swaps two steps that follow one another and whose order does not matter; where there are none,
    /// moves the sentence beside the point.
    fn reorder(&mut self) {
        let adds = |step: &Step| !matches!(step, Step::Multiply(_));
        let differ = |pair: &[Step]| pair[0] != pair[1] && pair.iter().all(adds);
        let found = self.steps.windows(2).position(differ);
        let before = self.end();
        if let Some(n) = found {
            self.steps.swap(n, n + 1);
            if self.end() == before {
                return;
            }
            self.steps.swap(n, n + 1);
        }
        self.aside.1 = (self.aside.1 + 1) % self.steps.len();
    }
}

fn twin(place: Place, base: &mut Random, variant: Variant, random: &mut Random) -> Option<Draw> {
    let mut story = story(place, base)?;
    match variant {
        Variant::Renamed => {
            let other = |from: usize, len: usize, random: &mut Random| {
                (from + 1 + random.index(len - 1)) % len
            };
            let person = PEOPLE.iter().position(|person| *person == story.person)?;
            story.person = PEOPLE[other(person, PEOPLE.len(), random)];
            let things = THINGS.iter().position(|things| *things == story.things)?;
            story.things = THINGS[other(things, THINGS.len(), random)];
        }
        Variant::Renumbered => {
            let level = usize::from(place.level) - 1;
            let before = story.end();
            story.start = random.range(5, MAX_START[level]);
            for step in &mut story.steps {
                *step = step.renumbered(random, MAX_STEP[level]);
            }
            if story.end().is_none() || story.end() == before {
                return None;
            }
        }
        Variant::Reordered => story.reorder(),
        Variant::Noop => {
            story.telling = Telling::Noop(random.range(12, 95), random.index(story.steps.len()));
        }
        Variant::Reworded => story.telling = Telling::Second,
        Variant::Units if story.start >= 24 => story.telling = Telling::Dozens,
        Variant::Missing => {
            let with_number: Vec<usize> = (0..story.steps.len())
                .filter(|n| !matches!(story.steps[*n], Step::Multiply(_)))
                .chain([story.steps.len()])
                .collect();
            story.telling = Telling::Missing(*random.pick(&with_number));
        }
        _ => return None,
    }
    made(&story)
}

fn made(story: &Story) -> Option<Draw> {
    let gold = story.end()?;
    let steps: Vec<_> = story
        .steps
        .iter()
        .map(|step| match *step {
            Step::Buy(n) => json!(["buy", n]),
            Step::Give(n) => json!(["give", n]),
            Step::Multiply(n) => json!(["multiply", n]),
            Step::Packs(n, size) => json!(["packs", n, size]),
        })
        .collect();
    let target = match story.telling {
        Telling::Missing(_) => Target::Token(Expected::Abstain),
        _ => Target::Integer(gold.into()),
    };
    Some(Draw {
        text: text(story),
        parameters: json!({ "start": story.start, "steps": steps }),
        target,
        decoys: BTreeMap::new(),
    })
}

fn text(story: &Story) -> String {
    let Story { things, others, .. } = story;
    let [name, _, possessive] = story.person;
    let is_second = story.telling == Telling::Second;
    let is_untold = story.telling == Telling::Missing(story.steps.len());
    let mut sentences = vec![match (is_second, story.telling) {
        (true, _) => format!("At first there are {} {things} in {name}'s box.", story.start),
        (_, Telling::Dozens) => format!("{name} has {}.", dozens(story.start, things)),
        _ if is_untold => format!("{name} has some {things}."),
        _ => format!("{name} has {} {things}.", story.start),
    }];
    for n in 0..story.steps.len() {
        if n == story.aside.1 {
            sentences.push(if is_second {
                format!("Another box, kept elsewhere, holds {} {others}.", story.aside.0)
            } else {
                format!("{} brother has {} {others}.", capital(possessive), story.aside.0)
            });
        }
        if let Telling::Noop(minutes, before) = story.telling
            && before == n
        {
            sentences.push(format!("Sorting everything takes {minutes} minutes."));
        }
        sentences.push(if is_second { second(story, n) } else { plain(story, n) });
    }
    sentences.push(if is_second {
        format!("How many {things} are in {name}'s box at the end?")
    } else {
        format!("How many {things} does {name} have at the end?")
    });
    sentences.join(" ")
}

fn plain(story: &Story, n: usize) -> String {
    let things = story.things;
    let [name, pronoun, _] = story.person;
    // After another's things it is said again whose these are.
    let who = if n == story.aside.1 { name.to_owned() } else { capital(pronoun) };
    let number = |number: i64| {
        if story.telling == Telling::Missing(n) { "some".to_owned() } else { number.to_string() }
    };
    match story.steps[n] {
        Step::Buy(n) => format!("{who} buys {} more {things}.", number(n)),
        Step::Give(n) => format!("{who} gives {} {things} to a friend.", number(n)),
        Step::Multiply(n) => {
            let [_, pronoun, _] = story.person;
            format!(
                "{who} then collects until {pronoun} has {} as many {things} as before.",
                times(n)
            )
        }
        Step::Packs(n, size) => format!("{who} buys {} packs of {size} {things} each.", number(n)),
    }
}

fn second(story: &Story, n: usize) -> String {
    let things = story.things;
    // After another box it is said again which one this is.
    let own =
        if n == story.aside.1 { format!("{}'s box", story.person[0]) } else { "it".to_owned() };
    match story.steps[n] {
        Step::Buy(n) => format!("Then {n} {things} are added to {own}."),
        Step::Give(n) => format!("Then {n} {things} are taken out of {own} and given away."),
        Step::Multiply(n) => {
            format!("Then the number of {things} in {own} grows to {} what it was.", times(n))
        }
        Step::Packs(n, size) => {
            format!("Then {n} packets, each with {size} {things}, are emptied into {own}.")
        }
    }
}

fn times(n: i64) -> String {
    if n == 2 { "twice".to_owned() } else { format!("{n} times") }
}

/// A number in dozens.
fn dozens(number: i64, things: &str) -> String {
    match (number / 12, number % 12) {
        (dozen, 0) => format!("{dozen} dozen {things}"),
        (dozen, more) => format!("{dozen} dozen {things} and {more} more"),
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Reads the story back sentence by sentence and works it out again.
fn check(draw: &Draw) -> Result<(), String> {
    let mut value: Option<i64> = None;
    let mut is_told = true;
    let sentences: Vec<&str> = draw.text.split_inclusive(['.', '?']).map(str::trim).collect();
    for (n, sentence) in sentences.iter().enumerate() {
        let numbers: Vec<i64> =
            sentence.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        let has = |word: &str| sentence.contains(word);
        let read = match (numbers.as_slice(), value) {
            _ if has(" some ") => {
                is_told = false;
                value.or(Some(0))
            }
            ([dozen, rest @ ..], None) if has(" dozen ") => {
                Some(dozen * 12 + rest.first().unwrap_or(&0))
            }
            ([start], None) if n == 0 => Some(*start),
            (_, Some(value)) if has("twice") => Some(value * 2),
            ([n], Some(value)) if has("times") => Some(value * n),
            ([n, size], Some(value)) if has("packs of") || has("packets") => Some(value + n * size),
            ([n], Some(value)) if has("buys") || has("added") => Some(value + n),
            ([n], Some(value)) if has("gives") || has("taken") => Some(value - n),
            // Beside the point, or the question.
            (_, value) => value,
        };
        value = read;
    }
    let found = match (is_told, value) {
        (true, Some(value)) => Target::Integer(value.into()),
        _ => Target::Token(Expected::Abstain),
    };
    if found == draw.target {
        return Ok(());
    }
    Err(format!("`{}` gives {found:?}", draw.text))
}
