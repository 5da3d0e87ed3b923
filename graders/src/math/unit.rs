//! Units of measurement: what they measure and how large they are.
//!
//! A unit that is not known here is a word beside a number and never makes two answers differ. Sizes are
//! exact rationals (BIPM, "The International System of Units", 9th ed.; the international yard and pound
//! of 1959).

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Pow};

/// The base quantities, in the order of [`Unit::dimensions`].
const BASES: usize = 14;
const LENGTH: usize = 0;
const MASS: usize = 1;
const TIME: usize = 2;
const CURRENT: usize = 3;
const TEMPERATURE: usize = 4;
const AMOUNT: usize = 5;
const CELSIUS: usize = 6;
const FAHRENHEIT: usize = 7;
const DOLLARS: usize = 8;
const EUROS: usize = 9;
const POUNDS: usize = 10;
const YEN: usize = 11;
const RUPEES: usize = 12;
const ANGLE: usize = 13;
/// The largest exponent of a unit.
const POWER_MAX: i8 = 12;

/// A product of powers of units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// How many base units make one.
    pub(super) size: BigRational,
    /// The exponent of each base quantity.
    dimensions: [i8; BASES],
    /// Whether every word of it is known.
    pub(super) known: bool,
}

impl Unit {
    /// A count of things.
    pub(super) fn none() -> Self {
        Self { size: BigRational::one(), dimensions: [0; BASES], known: true }
    }

    /// A word that is no unit known here.
    pub(super) fn unknown() -> Self {
        Self { known: false, ..Self::none() }
    }

    /// Whether both measure the same quantity.
    pub(super) fn measures_as(&self, other: &Self) -> bool {
        self.dimensions == other.dimensions
    }

    /// Whether it is the radian.
    pub(super) fn is_radian(&self) -> bool {
        let mut angle = [0; BASES];
        angle[ANGLE] = 1;
        self.dimensions == angle
    }

    /// Whether it measures anything.
    pub(super) fn is_bare(&self) -> bool {
        self.dimensions == [0; BASES]
    }

    /// Whether it is only a factor, such as a million or a third.
    pub(super) fn is_scale(&self) -> bool {
        self.is_bare() && !self.size.is_one()
    }

    /// The product of `self` and `other` to a power; nothing where that is absurd.
    pub(super) fn times(&self, other: &Self, power: i8) -> Option<Self> {
        if power.abs() > POWER_MAX {
            return None;
        }
        let mut dimensions = self.dimensions;
        for (mine, theirs) in dimensions.iter_mut().zip(other.dimensions) {
            *mine = mine.checked_add(theirs.checked_mul(power)?)?;
        }
        let factor = Pow::pow(&other.size, u32::from(power.unsigned_abs()));
        let size = if power < 0 { &self.size / factor } else { &self.size * factor };
        Some(Self { size, dimensions, known: self.known && other.known })
    }
}

/// The unit that `word` names; nothing for any other word.
pub(super) fn named(word: &str) -> Option<Unit> {
    let (top, bottom, bases) = size(word).or_else(|| {
        let lower = word.to_lowercase();
        let singular = lower.strip_suffix('s').filter(|short| short.len() > 2);
        size(&lower).filter(|_| lower.len() > 2).or_else(|| singular.and_then(size))
    })?;
    let mut dimensions = [0; BASES];
    for (base, power) in bases {
        dimensions[*base] += power;
    }
    let size = BigRational::new(BigInt::from(top), BigInt::from(bottom));
    Some(Unit { size, dimensions, known: true })
}

type Size = (u64, u64, &'static [(usize, i8)]);

/// The size of a unit as a fraction, and its base quantities.
fn size(word: &str) -> Option<Size> {
    length(word).or_else(|| mass(word)).or_else(|| time(word)).or_else(|| other(word))
}

fn length(word: &str) -> Option<Size> {
    const L: &[(usize, i8)] = &[(LENGTH, 1)];
    const VOLUME: &[(usize, i8)] = &[(LENGTH, 3)];
    const SPEED: &[(usize, i8)] = &[(LENGTH, 1), (TIME, -1)];
    Some(match word {
        "m" | "meter" | "metre" => (1, 1, L),
        "km" | "kilometer" | "kilometre" => (1000, 1, L),
        "cm" | "centimeter" | "centimetre" => (1, 100, L),
        "mm" | "millimeter" | "millimetre" => (1, 1000, L),
        "μm" | "micrometer" => (1, 1_000_000, L),
        "nm" | "nanometer" => (1, 1_000_000_000, L),
        "in" | "inch" | "inche" => (254, 10_000, L),
        "ft" | "foot" | "feet" => (3048, 10_000, L),
        "yd" | "yard" => (9144, 10_000, L),
        "mi" | "mile" => (1_609_344, 1000, L),
        "mph" => (1_609_344, 3_600_000, SPEED),
        "kph" | "kmh" => (1000, 3600, SPEED),
        "acre" => (40_468_564_224, 10_000_000, &[(LENGTH, 2)]),
        "hectare" | "ha" => (10_000, 1, &[(LENGTH, 2)]),
        "L" | "l" | "liter" | "litre" => (1, 1000, VOLUME),
        "mL" | "ml" | "milliliter" | "millilitre" | "cc" => (1, 1_000_000, VOLUME),
        "gal" | "gallon" => (3_785_411_784, 1_000_000_000_000, VOLUME),
        "qt" | "quart" => (946_352_946, 1_000_000_000_000, VOLUME),
        "cup" => (2_365_882_365, 10_000_000_000_000, VOLUME),
        "pint" => (473_176_473, 1_000_000_000_000, VOLUME),
        _ => return None,
    })
}

fn mass(word: &str) -> Option<Size> {
    const M: &[(usize, i8)] = &[(MASS, 1)];
    Some(match word {
        "kg" | "kilogram" => (1, 1, M),
        "g" | "gram" => (1, 1000, M),
        "mg" | "milligram" => (1, 1_000_000, M),
        "lb" | "lbs" | "pound" => (45_359_237, 100_000_000, M),
        "oz" | "ounce" => (45_359_237, 1_600_000_000, M),
        "tonne" => (1000, 1, M),
        "ton" => (45_359_237, 50_000, M),
        _ => return None,
    })
}

fn time(word: &str) -> Option<Size> {
    const T: &[(usize, i8)] = &[(TIME, 1)];
    Some(match word {
        "s" | "sec" | "secs" | "second" => (1, 1, T),
        "ms" | "millisecond" => (1, 1000, T),
        "min" | "minute" | "mins" => (60, 1, T),
        "h" | "hr" | "hrs" | "hour" => (3600, 1, T),
        "day" => (86_400, 1, T),
        "week" | "wk" => (604_800, 1, T),
        "month" => (2_629_800, 1, T),
        "year" | "yr" | "yrs" => (31_557_600, 1, T),
        "Hz" | "hertz" => (1, 1, &[(TIME, -1)]),
        "kHz" => (1000, 1, &[(TIME, -1)]),
        "MHz" => (1_000_000, 1, &[(TIME, -1)]),
        _ => return None,
    })
}

fn other(word: &str) -> Option<Size> {
    const FORCE: &[(usize, i8)] = &[(MASS, 1), (LENGTH, 1), (TIME, -2)];
    const ENERGY: &[(usize, i8)] = &[(MASS, 1), (LENGTH, 2), (TIME, -2)];
    const POWER: &[(usize, i8)] = &[(MASS, 1), (LENGTH, 2), (TIME, -3)];
    const PRESSURE: &[(usize, i8)] = &[(MASS, 1), (LENGTH, -1), (TIME, -2)];
    const VOLTAGE: &[(usize, i8)] = &[(MASS, 1), (LENGTH, 2), (TIME, -3), (CURRENT, -1)];
    const RESISTANCE: &[(usize, i8)] = &[(MASS, 1), (LENGTH, 2), (TIME, -3), (CURRENT, -2)];
    Some(match word {
        "N" | "newton" => (1, 1, FORCE),
        "kN" => (1000, 1, FORCE),
        "J" | "joule" => (1, 1, ENERGY),
        "kJ" | "kilojoule" => (1000, 1, ENERGY),
        "MJ" => (1_000_000, 1, ENERGY),
        "W" | "watt" => (1, 1, POWER),
        "kW" | "kilowatt" => (1000, 1, POWER),
        "Pa" | "pascal" => (1, 1, PRESSURE),
        "kPa" => (1000, 1, PRESSURE),
        "V" | "volt" => (1, 1, VOLTAGE),
        "kV" => (1000, 1, VOLTAGE),
        "mV" => (1, 1000, VOLTAGE),
        "A" | "amp" | "ampere" => (1, 1, &[(CURRENT, 1)]),
        "mA" => (1, 1000, &[(CURRENT, 1)]),
        "ohm" | "Ω" => (1, 1, RESISTANCE),
        "coulomb" => (1, 1, &[(CURRENT, 1), (TIME, 1)]),
        "T" | "tesla" => (1, 1, &[(MASS, 1), (TIME, -2), (CURRENT, -1)]),
        "K" | "kelvin" => (1, 1, &[(TEMPERATURE, 1)]),
        "mol" | "mole" => (1, 1, &[(AMOUNT, 1)]),
        "celsius" => (1, 1, &[(CELSIUS, 1)]),
        "fahrenheit" => (1, 1, &[(FAHRENHEIT, 1)]),
        "$" | "dollar" | "usd" | "USD" | "buck" => (1, 1, &[(DOLLARS, 1)]),
        "cent" | "penny" | "pennie" => (1, 100, &[(DOLLARS, 1)]),
        "€" | "euro" | "eur" | "EUR" => (1, 1, &[(EUROS, 1)]),
        "£" | "gbp" | "GBP" => (1, 1, &[(POUNDS, 1)]),
        "¥" | "yen" | "jpy" | "JPY" => (1, 1, &[(YEN, 1)]),
        "rupee" | "inr" | "INR" | "Rs" => (1, 1, &[(RUPEES, 1)]),
        "rad" | "radian" => (1, 1, &[(ANGLE, 1)]),
        "half" | "halve" => (1, 2, &[]),
        "third" => (1, 3, &[]),
        "quarter" | "fourth" => (1, 4, &[]),
        "fifth" => (1, 5, &[]),
        "sixth" => (1, 6, &[]),
        "eighth" => (1, 8, &[]),
        "tenth" => (1, 10, &[]),
        "hundredth" => (1, 100, &[]),
        "dozen" => (12, 1, &[]),
        "hundred" => (100, 1, &[]),
        "thousand" => (1000, 1, &[]),
        "million" => (1_000_000, 1, &[]),
        "billion" => (1_000_000_000, 1, &[]),
        "trillion" => (1_000_000_000_000, 1, &[]),
        _ => return None,
    })
}

/// Whether a single letter may be a unit outside of text.
pub(super) fn is_letter(letter: char) -> bool {
    matches!(
        letter,
        'm' | 'g' | 's' | 'h' | 'N' | 'J' | 'W' | 'V' | 'A' | 'T' | 'K' | 'L' | 'C' | 'F'
    )
}
