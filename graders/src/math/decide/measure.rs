//! Compares single values with what they are dressed in: percent signs, degrees, units, bases, the
//! digits of a decimal, a constant of integration.

use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use super::{DIFFERENT, Decider, Decision, Method, Part, scalar};
use crate::math::ball::Ball;
use crate::math::budget::Stop;
use crate::math::normal::{Form, Id};
use crate::math::tree::{Constant, Node};
use crate::math::unit::Unit;

/// The fewest significant digits with which a decimal may stand for an exact value.
const ROUNDED_DIGITS_MIN: usize = 6;
/// The most digits behind the point that are checked.
const PLACES_MAX: i64 = 2000;

/// A value and its dress.
#[derive(Clone, Debug)]
struct Measure<'t> {
    core: Part<'t>,
    negative: bool,
    percent: bool,
    degrees: bool,
    unit: Option<Unit>,
}

impl<'t> Measure<'t> {
    fn of(part: Part<'t>) -> Self {
        let mut measure =
            Self { core: part, negative: false, percent: false, degrees: false, unit: None };
        loop {
            let inner = match measure.core.node() {
                Node::Negative(inner) => {
                    measure.negative = !measure.negative;
                    inner
                }
                Node::Percent(inner) if !measure.percent => {
                    measure.percent = true;
                    inner
                }
                Node::Degrees(inner) if !measure.degrees => {
                    measure.degrees = true;
                    inner
                }
                Node::Quantity(inner, unit) if measure.unit.is_none() => {
                    measure.unit = Some(unit.clone());
                    inner
                }
                _ => return measure,
            };
            measure.core = measure.core.child(*inner);
        }
    }

    /// The unit, where it is known to measure something.
    fn known_unit(&self) -> Option<&Unit> {
        self.unit.as_ref().filter(|unit| unit.known && !unit.is_bare())
    }
}

impl<'t> Decider<'_> {
    /// Compares two values.
    pub(super) fn measures(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        // ∞ - ∞ and the like have no value that could be compared.
        let infinite = |node: &Node| matches!(node, Node::Constant(Constant::Infinity));
        let is_open = |part: Part<'t>| part.any(&infinite) && super::meaning(part).is_none();
        if is_open(gold) || is_open(given) {
            return Decision::Unknown(Stop::Unsupported);
        }
        let (one, two) = (Measure::of(gold), Measure::of(given));
        if let Some(decision) = self.bases(&one, &two) {
            return decision;
        }
        if let Some(decision) = self.ratios(one.core, two.core) {
            return decision;
        }
        // A ratio is a fraction, but no whole number.
        let is_ratio = |measure: &Measure<'t>| matches!(measure.core.node(), Node::Ratio(_));
        let is_whole = |measure: &Measure<'t>| matches!(measure.core.node(), Node::Number(value) if value.is_integer());
        if is_ratio(&one) && is_whole(&two) || is_whole(&one) && is_ratio(&two) {
            return DIFFERENT;
        }
        let values = self.signed(&one).and_then(|a| self.signed(&two).map(|b| (a, b)));
        let (a, b) = match values {
            Ok(values) => values,
            Err(Stop::Undefined) => return DIFFERENT,
            Err(stop) => return Decision::Unknown(stop),
        };
        if let (Some(unit), Some(other)) = (one.known_unit(), two.known_unit()) {
            return self.in_units((a, unit), (b, other));
        }
        let radians = |measure: &Measure<'t>| measure.known_unit().is_some_and(Unit::is_radian);
        if one.degrees && radians(&two) || radians(&one) && two.degrees {
            return self.turned((a, one.degrees), b);
        }
        if one.degrees && two.known_unit().is_some() || one.known_unit().is_some() && two.degrees {
            return self.flag_conflict();
        }
        if let Some(decision) = self.counted((a, &one), (b, &two)) {
            return decision;
        }
        if one.degrees != two.degrees {
            return self.degrees_and_radians((a, one.degrees), b);
        }
        if one.percent != two.percent {
            return self.one_percent((a, &one), (b, &two));
        }
        if self.policy.require_reduced && is_unreduced(two.core) {
            return DIFFERENT;
        }
        let decision = self.values(a, b, (&one, &two));
        if one.unit.is_some() != two.unit.is_some() {
            return self.flagged("unit_missing", decision);
        }
        decision
    }

    /// Compares values of which one counts in dozens or millions. A gold that does is met by the bare
    /// number as well, since the question may have named the unit.
    fn counted(
        &mut self,
        (a, one): (Id, &Measure<'t>),
        (b, two): (Id, &Measure<'t>),
    ) -> Option<Decision> {
        let count = |measure: &Measure<'_>| {
            measure.unit.as_ref().filter(|unit| unit.is_bare()).map(|unit| unit.size.clone())
        };
        let large = |size: &Option<BigRational>| size.as_ref().is_some_and(|size| !size.is_one());
        let (size, given_size) = (count(one), count(two));
        if !large(&size) && !large(&given_size) {
            return None;
        }
        let by = |size: Option<BigRational>| size.unwrap_or_else(BigRational::one);
        let scaled = self
            .forms
            .scale(a, &by(size.clone()))
            .and_then(|a| Ok((a, self.forms.scale(b, &by(given_size.clone()))?)));
        let decision = match scaled {
            Ok((a, b)) => scalar::same(&mut self.forms, a, b, self.seed),
            Err(stop) => stop.into(),
        };
        Some(if large(&given_size) {
            decision
        } else {
            decision.or(|| scalar::same(&mut self.forms, a, b, self.seed))
        })
    }

    fn signed(&mut self, measure: &Measure<'t>) -> Result<Id, Stop> {
        let id = self.form(measure.core)?;
        if measure.negative { self.forms.negative(id) } else { Ok(id) }
    }

    /// Compares two expressions, the way the answer is written taken into account.
    fn values(&mut self, a: Id, b: Id, (one, two): (&Measure<'t>, &Measure<'t>)) -> Decision {
        let decision = scalar::same(&mut self.forms, a, b, self.seed);
        if decision.is_equal() {
            return decision;
        }
        if let Node::Decimal(_, places) = two.core.node()
            && !one.core.any(&|node| matches!(node, Node::Decimal(..)))
        {
            let rounded = self.rounds(b, *places, a);
            if rounded.is_equal() {
                return self.flagged("rounded", rounded);
            }
        }
        if self.policy.rounded_gold
            && let Node::Decimal(_, places) = one.core.node()
        {
            let rounded = self.rounds_to(a, *places, b);
            if rounded.is_equal() {
                return self.flagged("rounded_gold", rounded);
            }
        }
        if let Some(tolerance) = self.policy.relative_tolerance {
            let near = self.near(a, b, tolerance);
            if near.is_equal() {
                return self.flagged("relative_tolerance", near);
            }
        }
        let constant = self.without_constants(a, b);
        if constant.is_equal() { constant } else { decision }
    }

    /// Whether the decimal `given` is `exact` rounded or cut off, with digits enough.
    fn rounds(&mut self, given: Id, places: i64, exact: Id) -> Decision {
        let Some(given) = self.forms.as_rational(given).cloned() else { return DIFFERENT };
        if self.forms.as_rational(exact).is_some_and(ends) || places.abs() > PLACES_MAX {
            return DIFFERENT;
        }
        let shifted = &given * ten_to(places);
        let digits = shifted.to_integer().magnitude().to_string().len();
        if digits < ROUNDED_DIGITS_MIN || !shifted.is_integer() {
            return DIFFERENT;
        }
        let Some((down, nearest)) = self.at_places(exact, places) else { return DIFFERENT };
        let digits = shifted.to_integer();
        if digits == down || digits == nearest {
            Decision::Equal(Method::Numeric)
        } else {
            DIFFERENT
        }
    }

    /// Whether `exact` rounds to the decimal `gold`.
    fn rounds_to(&mut self, gold: Id, places: i64, exact: Id) -> Decision {
        let Some(gold) = self.forms.as_rational(gold).cloned() else { return DIFFERENT };
        if places.abs() > PLACES_MAX {
            return DIFFERENT;
        }
        let wanted = (&gold * ten_to(places)).to_integer();
        match self.at_places(exact, places) {
            Some((_, nearest)) if nearest == wanted => Decision::Equal(Method::Numeric),
            _ => DIFFERENT,
        }
    }

    /// A real constant in units of its last place: cut off, and rounded.
    fn at_places(&mut self, id: Id, places: i64) -> Option<(BigInt, BigInt)> {
        if self.forms.is_open(id) {
            return None;
        }
        let scale = self.forms.rational(ten_to(places)).ok()?;
        let scaled = self.forms.mul(&[id, scale]).ok()?;
        for prec in [128, 512, 4096] {
            let value = scalar::constant(&mut self.forms, scaled, prec).ok()?;
            if !value.is_real() {
                return None;
            }
            let negative = value.re.sign().ok()? == num_bigint::Sign::Minus;
            let size = value.re.abs();
            let half = Ball::integer(1).scaled(-1).ok()?;
            let rounded = size.add(&half, prec).ok()?.floor();
            if let (Ok(down), Ok(nearest)) = (size.floor(), rounded) {
                return Some(if negative { (-down, -nearest) } else { (down, nearest) });
            }
        }
        None
    }

    /// Whether two real constants differ by a small part of the first only.
    fn near(&mut self, a: Id, b: Id, tolerance: f64) -> Decision {
        let mut real = |id: Id| {
            let value = scalar::constant(&mut self.forms, id, 128).ok()?;
            value.is_real().then(|| value.re.approximate())
        };
        match (real(a), real(b)) {
            (Some(a), Some(b)) if (a - b).abs() <= tolerance * a.abs() => {
                Decision::Equal(Method::Numeric)
            }
            _ => DIFFERENT,
        }
    }

    /// Compares antiderivatives: the name of the constant does not count, nor, unless the policy wants
    /// it, whether it is there.
    fn without_constants(&mut self, a: Id, b: Id) -> Decision {
        let Some(gold) = self.constant_of_integration(a, &["C", "c", "K", "k"]) else {
            return DIFFERENT;
        };
        let given = self.constant_of_integration(b, &["C", "c", "K", "k", "D", "A", "const"]);
        if given.is_none() && self.policy.require_constant {
            return DIFFERENT;
        }
        let rest = |forms: &mut crate::math::normal::Forms, id, constant: Option<Id>| match constant
        {
            Some(constant) => forms.sub(id, constant),
            None => Ok(id),
        };
        let pair = rest(&mut self.forms, a, Some(gold))
            .and_then(|a| Ok((a, rest(&mut self.forms, b, given)?)));
        match pair {
            Ok((a, b)) => {
                let rule =
                    if given.is_some() { "constant_name" } else { "constant_of_integration" };
                let decision = scalar::same(&mut self.forms, a, b, self.seed);
                let decision = match given {
                    // The constants take up any difference that is constant itself.
                    Some(_) => decision.or(|| scalar::parallel(&mut self.forms, a, b, self.seed)),
                    None => decision,
                };
                self.flagged(rule, decision)
            }
            Err(stop) => stop.into(),
        }
    }

    /// The letter that is added to a function of other letters, where it has one of `names`.
    fn constant_of_integration(&self, id: Id, names: &[&str]) -> Option<Id> {
        let terms = self.forms.terms(id);
        let found = terms.iter().find(|(term, factor)| {
            let named = match self.forms.get(*term) {
                Form::Symbol(name) => {
                    let name = self.forms.name(*name);
                    names.contains(&name.split('_').next().unwrap_or(name))
                }
                _ => false,
            };
            named && factor.is_one()
        })?;
        let symbol = self.forms.get(found.0).clone();
        let alone = terms
            .iter()
            .all(|(term, _)| *term == found.0 || !self.forms.any(*term, &|form| *form == symbol));
        let others = terms.iter().any(|(term, _)| *term != found.0 && self.forms.is_open(*term));
        (alone && others).then_some(found.0)
    }

    /// Compares numbers of which one at least names its base.
    fn bases(&mut self, one: &Measure<'t>, two: &Measure<'t>) -> Option<Decision> {
        let based = |measure: &Measure<'t>| match measure.core.node() {
            Node::Based { digits, base } => {
                Some((digits.trim_start_matches('0').to_lowercase(), Some(*base)))
            }
            Node::Number(value) if value.is_integer() => Some((value.to_string(), None)),
            Node::Symbol(name) => Some((name.to_lowercase(), None)),
            _ => None,
        };
        let is_based = |measure: &Measure<'t>| matches!(measure.core.node(), Node::Based { .. });
        if !is_based(one) && !is_based(two) {
            return None;
        }
        let (Some((digits, base)), Some((other, other_base))) = (based(one), based(two)) else {
            return Some(DIFFERENT);
        };
        let equal = digits == other && one.negative == two.negative;
        Some(match (base, other_base) {
            (Some(base), Some(other_base)) if base != other_base => DIFFERENT,
            (Some(_), Some(_)) if equal => Decision::Equal(Method::Exact),
            _ if equal => self.flagged("base_subscript_dropped", Decision::Equal(Method::Exact)),
            _ => DIFFERENT,
        })
    }

    /// Compares ratios: of two numbers as their quotient, of more part by part up to a factor.
    fn ratios(&mut self, one: Part<'t>, two: Part<'t>) -> Option<Decision> {
        let (Node::Ratio(a), Node::Ratio(b)) = (one.node(), two.node()) else { return None };
        if a.len() != b.len() {
            return Some(DIFFERENT);
        }
        if is_time(one) && is_time(two) {
            return Some(self.in_order(&one.children(a), &two.children(b)));
        }
        let mut decision = Decision::Equal(Method::Exact);
        for (a, b) in a.iter().zip(b).skip(1) {
            // a : b = c : d where ad = bc.
            let mut product = |x: Part<'t>, y: Part<'t>| -> Result<Id, Stop> {
                let (x, y) = (self.form(x)?, self.form(y)?);
                self.forms.mul(&[x, y])
            };
            let (first, first_given) = match (one.node(), two.node()) {
                (Node::Ratio(a), Node::Ratio(b)) => (a[0], b[0]),
                _ => return None,
            };
            let left = product(one.child(first), two.child(*b));
            let right = product(one.child(*a), two.child(first_given));
            decision = decision.and(match (left, right) {
                (Ok(left), Ok(right)) => scalar::same(&mut self.forms, left, right, self.seed),
                (Err(stop), _) | (_, Err(stop)) => stop.into(),
            });
        }
        Some(decision)
    }

    /// Compares values in units that are known on both sides.
    fn in_units(&mut self, (a, unit): (Id, &Unit), (b, other): (Id, &Unit)) -> Decision {
        if !unit.measures_as(other) {
            return self.flag_conflict();
        }
        let scaled = self
            .forms
            .scale(a, &unit.size)
            .and_then(|a| Ok((a, self.forms.scale(b, &other.size)?)));
        match scaled {
            Ok((a, b)) => {
                let decision = scalar::same(&mut self.forms, a, b, self.seed);
                if unit.size == other.size {
                    decision
                } else {
                    self.flagged("unit_conversion", decision)
                }
            }
            Err(stop) => stop.into(),
        }
    }

    fn flag_conflict(&mut self) -> Decision {
        self.flag("unit_conflict");
        DIFFERENT
    }

    /// Compares an angle in degrees with a value without the sign: the same number, or its radians.
    fn degrees_and_radians(&mut self, (a, gold_is_degrees): (Id, bool), b: Id) -> Decision {
        let decision = scalar::same(&mut self.forms, a, b, self.seed);
        if decision.is_equal() {
            return self.flagged("degree_sign_missing", decision);
        }
        let radians = if gold_is_degrees { b } else { a };
        let pi = |form: &Form| matches!(form, Form::Constant(Constant::Pi));
        if self.forms.any(radians, &pi) { self.turned((a, gold_is_degrees), b) } else { decision }
    }

    /// Compares an angle in degrees with one in radians.
    fn turned(&mut self, (a, gold_is_degrees): (Id, bool), b: Id) -> Decision {
        let (degrees, radians) = if gold_is_degrees { (a, b) } else { (b, a) };
        let turned = self.forms.constant(Constant::Pi).and_then(|pi| {
            let product = self.forms.mul(&[degrees, pi])?;
            self.forms.scale(product, &BigRational::new(BigInt::one(), 180.into()))
        });
        match turned {
            Ok(turned) => {
                let decision = scalar::same(&mut self.forms, turned, radians, self.seed);
                self.flagged("deg_vs_rad", decision)
            }
            Err(stop) => stop.into(),
        }
    }

    /// Compares a value in percent with one without the sign: a hundredth of it, or the same number,
    /// since a question may ask for percents.
    fn one_percent(
        &mut self,
        (a, one): (Id, &Measure<'t>),
        (b, two): (Id, &Measure<'t>),
    ) -> Decision {
        let hundredth = BigRational::new(BigInt::one(), 100.into());
        let scaled = if one.percent {
            self.forms.scale(a, &hundredth).map(|a| (a, b))
        } else {
            self.forms.scale(b, &hundredth).map(|b| (a, b))
        };
        let decision = match scaled {
            Ok((a, b)) => self.values(a, b, (one, two)),
            Err(stop) => stop.into(),
        };
        if decision.is_equal() || one.known_unit().is_some() || two.known_unit().is_some() {
            return decision;
        }
        // 0.75 and 0.75 % are a slip, not a way of writing.
        let small = self.forms.as_rational(a).is_some_and(|a| a.abs() <= BigRational::one());
        if two.percent && small {
            return decision;
        }
        let bare = scalar::same(&mut self.forms, a, b, self.seed);
        let bare = self.flagged("pct_sign_vs_bare_number", bare);
        if bare.is_equal() { bare } else { decision }
    }
}

/// Whether a ratio may be a time of day: up to 24, and two digits below sixty.
fn is_time(part: Part<'_>) -> bool {
    let Node::Ratio(parts) = part.node() else { return false };
    let whole = |at: u32| match part.tree.get(at) {
        Node::Number(value) if value.is_integer() => value.to_i64(),
        _ => None,
    };
    match parts[..] {
        [hours, minutes] => {
            whole(hours).is_some_and(|h| (0..=24).contains(&h))
                && whole(minutes).is_some_and(|m| (10..60).contains(&m))
        }
        _ => false,
    }
}

/// 10 to the power of `exponent`.
fn ten_to(exponent: i64) -> BigRational {
    let size = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX).min(1 << 16);
    let power = BigRational::from_integer(Pow::pow(BigInt::from(10), size));
    if exponent < 0 { power.recip() } else { power }
}

/// Whether a number ends as a decimal: its denominator has no prime factor but 2 and 5.
fn ends(value: &BigRational) -> bool {
    let mut rest = value.denom().magnitude().clone();
    rest >>= rest.trailing_zeros().unwrap_or(0);
    let five = BigUint::from(5_u32);
    while (&rest % &five).is_zero() {
        rest /= &five;
    }
    rest.is_one()
}

/// Whether a part is a fraction of whole numbers with a common factor.
fn is_unreduced(part: Part<'_>) -> bool {
    let Node::Quotient(top, bottom) = part.node() else { return false };
    let whole = |at: u32| match part.tree.get(at) {
        Node::Number(value) if value.is_integer() => Some(value.numer().clone()),
        _ => None,
    };
    match (whole(*top), whole(*bottom)) {
        (Some(top), Some(bottom)) => {
            let common = top.gcd(&bottom);
            common.to_u64() != Some(1) || bottom.abs().is_one()
        }
        _ => false,
    }
}
