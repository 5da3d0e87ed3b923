//! Compares equations, inequalities and assignments.

use num_bigint::Sign;
use num_rational::BigRational;

use super::{DIFFERENT, Decider, Decision, Method, Part, scalar};
use crate::math::ball::Ball;
use crate::math::budget::Stop;
use crate::math::complex::Complex;
use crate::math::evaluate::{Evaluation, Point};
use crate::math::lex::Relation;
use crate::math::normal::{Form, Id, ZERO};
use crate::math::sample::{self, Range};
use crate::math::tree::Node;

/// The precision at which the sides of equations are compared.
const BITS: u64 = 256;
/// Points in one range, and the fewest that must tell.
const POINTS: u32 = 8;
const POINTS_MIN: usize = 3;

/// A chain of relations.
struct Chain<'t> {
    first: Part<'t>,
    rest: Vec<(Relation, Part<'t>)>,
}

impl<'t> Chain<'t> {
    fn of(part: Part<'t>) -> Option<Self> {
        let Node::Relations(first, rest) = part.node() else { return None };
        let rest = rest.iter().map(|(relation, at)| (*relation, part.child(*at))).collect();
        Some(Self { first: part.child(*first), rest })
    }

    /// The two sides, where there are two.
    fn pair(&self) -> Option<(Part<'t>, Relation, Part<'t>)> {
        match self.rest[..] {
            [(relation, right)] => Some((self.first, relation, right)),
            _ => None,
        }
    }
}

/// How one side is to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    Positive,
    Negative,
    /// Not a constant times the other.
    None,
}

impl<'t> Decider<'_> {
    /// Compares a gold that is a relation with an answer that is none: `x = 5` with `5`.
    pub(super) fn gold_relation(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        let Some(chain) = Chain::of(gold) else { return DIFFERENT };
        match chain.pair() {
            Some((left, Relation::Equal, right)) if is_name(left) || is_said_of(left, right) => {
                let decision = self.compare(right, given);
                self.flagged("rhs_only", decision)
            }
            Some((left, Relation::Equal, right)) if is_name(right) => {
                let decision = self.compare(left, given);
                self.flagged("rhs_only", decision)
            }
            Some((_, Relation::In, set)) => self.compare(set, given),
            Some((left, Relation::Implies, right)) => {
                let decision = self.compare(right, given);
                if decision.is_equal() { decision } else { self.compare(left, given) }
            }
            _ => DIFFERENT,
        }
    }

    /// Compares an answer that is a relation with a gold that is none: `5` with `x = 5`.
    pub(super) fn given_relation(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        match self.stated(given) {
            Ok(value) if value.at == given.at => DIFFERENT,
            Ok(value) => {
                let decision = self.compare(gold, value);
                self.flagged("label_dropped", decision)
            }
            Err(decision) => decision,
        }
    }

    /// The value that a chain states: `x = 5`, `S = 10/2 = 5`, `1/3 ≈ 0.333`. Constants that are said to
    /// be equal must be.
    fn stated(&mut self, given: Part<'t>) -> Result<Part<'t>, Decision> {
        let Some(chain) = Chain::of(given) else { return Ok(given) };
        if let Some((_, Relation::In, set)) = chain.pair() {
            return Ok(set);
        }
        let mut parts = vec![(Relation::Equal, chain.first)];
        parts.extend(chain.rest);
        // What is nearly equal to something stands for less than it.
        while parts.len() > 1 {
            let Some((Relation::Approximately, _)) = parts.last() else { break };
            let exact = parts.len() > 2 || !is_quantity_name(parts[0].1);
            if !exact {
                break;
            }
            parts.pop();
        }
        // `(y, x) = (2, 3)` names its parts in another order than anybody expects.
        if let Node::Tuple { items, .. } = parts[0].1.node() {
            let names: Vec<Option<String>> =
                items.iter().map(|item| label(parts[0].1.child(*item))).collect();
            if !names.is_sorted() {
                return Err(DIFFERENT);
            }
        }
        let allowed = |relation: &Relation| {
            matches!(relation, Relation::Equal | Relation::Approximately | Relation::Implies)
        };
        if !parts.iter().all(|(relation, _)| allowed(relation)) {
            return Err(DIFFERENT);
        }
        if let [(_, left), (_, right)] = parts[..]
            && !is_quantity_name(left)
            && is_quantity_name(right)
            && !has_letters(left)
        {
            return Ok(left);
        }
        let mut names = parts.iter().take_while(|(_, part)| is_quantity_name(*part)).count();
        if names > 0 {
            // `V = πr²h = 204`: what has letters leads to what has none.
            names += parts[names..].iter().take_while(|(_, part)| has_letters(*part)).count();
        }
        let values = &parts[names.min(parts.len() - 1)..];
        let Some(((_, first), others)) = values.split_first() else { return Ok(given) };
        if names == 0 && others.iter().any(|_| has_letters(*first)) {
            return Err(DIFFERENT);
        }
        let mut value = *first;
        for (_, other) in others {
            let decision = self.compare(value, *other);
            if !decision.is_equal() {
                return Err(decision.and(DIFFERENT));
            }
            value = *other;
        }
        Ok(value)
    }

    /// Compares two relations.
    pub(super) fn two_relations(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        let (Some(one), Some(two)) = (Chain::of(gold), Chain::of(given)) else { return DIFFERENT };
        let (pair, given_pair) = (one.pair(), two.pair());
        if let (Some((left, Relation::Equal, right)), None) = (&pair, &given_pair)
            && two
                .rest
                .iter()
                .all(|(relation, _)| matches!(relation, Relation::Equal | Relation::Approximately))
            && self.compare(*left, two.first).is_equal()
        {
            // `x = 10/2 = 5` against `x = 5`.
            return match self.stated(given) {
                Ok(value) => self.compare(*right, value),
                Err(decision) => decision,
            };
        }
        match (pair, given_pair) {
            (Some(one), Some(two)) => self.pairs(one, two),
            _ => self.chains(&one, &two),
        }
    }

    /// Compares chains side by side, forwards or backwards.
    fn chains(&mut self, one: &Chain<'t>, two: &Chain<'t>) -> Decision {
        if one.rest.len() != two.rest.len() {
            return DIFFERENT;
        }
        let forwards = one.rest.iter().zip(&two.rest).all(|(a, b)| a.0 == b.0);
        let backwards =
            one.rest.iter().zip(two.rest.iter().rev()).all(|(a, b)| a.0 == flipped(b.0));
        let sides = |chain: &Chain<'t>| {
            let mut sides = vec![chain.first];
            sides.extend(chain.rest.iter().map(|(_, part)| *part));
            sides
        };
        let (gold, mut given) = (sides(one), sides(two));
        let mut decision = DIFFERENT;
        if forwards {
            decision = self.in_order(&gold, &given);
        }
        if backwards && !decision.is_equal() {
            given.reverse();
            decision = self.in_order(&gold, &given);
        }
        decision
    }

    /// Compares two relations of two sides each.
    fn pairs(
        &mut self,
        (left, relation, right): (Part<'t>, Relation, Part<'t>),
        (given_left, given_relation, given_right): (Part<'t>, Relation, Part<'t>),
    ) -> Decision {
        let near = |relation| match relation {
            Relation::Approximately | Relation::Congruent => Relation::Equal,
            relation => relation,
        };
        let (relation, given_relation) = (near(relation), near(given_relation));
        if matches!(
            (relation, given_relation),
            (Relation::Equal, Relation::In) | (Relation::In, Relation::Equal)
        ) {
            // `x = 2` and `x ∈ {2}`
            return if left.alike(given_left) {
                self.compare(right, given_right)
            } else {
                DIFFERENT
            };
        }
        let names = (label(left), label(given_left));
        let same_name = matches!(&names, (Some(one), Some(two)) if one == two || is_inverse(one, two))
            || is_graph(left) && names.1.as_deref() == Some("y")
            || is_graph(given_left) && names.0.as_deref() == Some("y");
        if relation == given_relation && (same_name || self.compare(left, given_left).is_equal()) {
            let decision = self.compare(right, given_right);
            if decision.is_equal() || same_name && relation != Relation::Equal {
                return decision;
            }
        }
        let turns = !matches!(relation, Relation::Implies | Relation::In | Relation::NotIn);
        if turns && relation == flipped(given_relation) && left.alike(given_right) {
            let decision = self.compare(right, given_left);
            if decision.is_equal() {
                return decision;
            }
        }
        match self.differences((left, right), (given_left, given_right)) {
            Ok((one, two)) => self.zero_sets(
                (one, relation, (left, right)),
                (two, given_relation, (given_left, given_right)),
            ),
            Err(Stop::Unsupported) => DIFFERENT,
            Err(stop) => stop.into(),
        }
    }

    /// The differences of both sides of two relations.
    fn differences(
        &mut self,
        (left, right): (Part<'t>, Part<'t>),
        (given_left, given_right): (Part<'t>, Part<'t>),
    ) -> Result<(Id, Id), Stop> {
        let (left, right) = (self.form(left)?, self.form(right)?);
        let (given_left, given_right) = (self.form(given_left)?, self.form(given_right)?);
        Ok((self.forms.sub(left, right)?, self.forms.sub(given_left, given_right)?))
    }

    /// Compares `one ~ 0` with `two ~ 0`: one a constant times the other, or one solved for a letter
    /// that the other holds.
    fn zero_sets(
        &mut self,
        (one, relation, sides): (Id, Relation, (Part<'t>, Part<'t>)),
        (two, given_relation, given_sides): (Id, Relation, (Part<'t>, Part<'t>)),
    ) -> Decision {
        let comparable = !matches!(relation, Relation::Implies | Relation::In | Relation::NotIn);
        if !comparable || !self.forms.is_open(one) || !self.forms.is_open(two) {
            return DIFFERENT;
        }
        let factor = match self.factor(one, two) {
            Ok(factor) => factor,
            Err(stop) => return Decision::Unknown(stop),
        };
        let turned = match factor {
            Factor::Positive => given_relation,
            Factor::Negative => flipped(given_relation),
            Factor::None if relation == Relation::Equal && given_relation == Relation::Equal => {
                let decision = self.solved(sides, two);
                let decision = decision.or(|| self.solved(given_sides, one));
                return self.flagged("unsolved_equation", decision);
            }
            Factor::None => return DIFFERENT,
        };
        // Two assignments to different letters are different, whatever their zeros.
        if turned == relation { Decision::Equal(Method::Sampled) } else { DIFFERENT }
    }

    /// Whether putting the right side of `letter = value` into `other`, which is linear in the letter,
    /// leaves nothing.
    fn solved(&mut self, (left, right): (Part<'t>, Part<'t>), other: Id) -> Decision {
        let solved =
            self.letter_and_value(left, right).or_else(|| self.letter_and_value(right, left));
        let Some((letter, value)) = solved else { return DIFFERENT };
        let result = (|| {
            let zero = self.forms.replace(other, letter, value)?;
            if !scalar::same(&mut self.forms, zero, ZERO, self.seed).is_equal() {
                return Ok(false);
            }
            // Linear: as far on both sides, and a hundred times as far a hundred steps away.
            let mut at = |step: i64| {
                let step = self.forms.integer(step)?;
                let moved = self.forms.add(&[value, step])?;
                self.forms.replace(other, letter, moved)
            };
            let (slope, far, back) = (at(1)?, at(100)?, at(-100)?);
            let wanted = self.forms.scale(slope, &BigRational::from_integer(100.into()))?;
            let both = self.forms.add(&[far, back])?;
            let mut same = |one, two| scalar::same(&mut self.forms, one, two, self.seed).is_equal();
            let linear = same(far, wanted) && same(both, ZERO) && !same(slope, ZERO);
            Ok::<bool, Stop>(linear && self.never_vanishes(slope, value)?)
        })();
        match result {
            Ok(true) => Decision::Equal(Method::Sampled),
            Ok(false) => DIFFERENT,
            Err(stop) => stop.into(),
        }
    }

    /// Whether a letter that makes the slope vanish leaves the solution without a value: `V = wh` is
    /// `w = V/h`, but `xy = x²` is more than `y = x`.
    fn never_vanishes(&mut self, slope: Id, value: Id) -> Result<bool, Stop> {
        for symbol in 0..self.forms.symbols() {
            let letter = self.forms.letter(symbol)?;
            let form = self.forms.get(letter).clone();
            if !self.forms.any(slope, &|inner| *inner == form) {
                continue;
            }
            match self.forms.replace(slope, letter, ZERO) {
                Ok(ZERO) => {}
                _ => continue,
            }
            if self.forms.replace(value, letter, ZERO) != Err(Stop::Undefined) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A letter, and what it is said to be, where that does not hold the letter.
    fn letter_and_value(&mut self, left: Part<'t>, right: Part<'t>) -> Option<(Id, Id)> {
        if !matches!(left.node(), Node::Symbol(_)) {
            return None;
        }
        let (letter, value) = (self.form(left).ok()?, self.form(right).ok()?);
        let form = self.forms.get(letter).clone();
        (!self.forms.any(value, &|inner| *inner == form)).then_some((letter, value))
    }

    /// Whether `one` is a constant times `two`, at points where both have a real value.
    fn factor(&mut self, one: Id, two: Id) -> Result<Factor, Stop> {
        let mut known: Option<Complex> = None;
        let mut points = 0;
        for range in [Range::Real, Range::Positive, Range::Far] {
            for n in 0..POINTS {
                let Some((a, b)) = self.at(one, two, range, n)? else { continue };
                match (a.may_be_zero(), b.may_be_zero()) {
                    (true, true) => continue,
                    (false, false) => {}
                    _ => return Ok(Factor::None),
                }
                let ratio = a.mul(&b.inverse(BITS)?, BITS)?;
                match &known {
                    Some(known) if !known.sub(&ratio, BITS)?.may_be_zero() => {
                        return Ok(Factor::None);
                    }
                    Some(_) => {}
                    None => known = Some(ratio),
                }
                points += 1;
            }
            if points >= POINTS_MIN {
                break;
            }
        }
        match known {
            Some(ratio) if points >= POINTS_MIN && ratio.is_real() => {
                Ok(match ratio.re.sign()? {
                    Sign::Minus => Factor::Negative,
                    _ => Factor::Positive,
                })
            }
            Some(_) if points >= POINTS_MIN => Ok(Factor::Positive),
            _ => Err(Stop::Unsupported),
        }
    }

    /// The values of two forms at a point, where both have one.
    fn at(
        &mut self,
        one: Id,
        two: Id,
        range: Range,
        n: u32,
    ) -> Result<Option<(Complex, Complex)>, Stop> {
        let imaginary =
            |form: &Form| matches!(form, Form::Constant(crate::math::tree::Constant::I));
        let real = !(self.forms.any(one, &imaginary) || self.forms.any(two, &imaginary));
        let symbols = u32::try_from(self.forms.symbols()).unwrap_or(u32::MAX);
        let values: Result<Vec<Complex>, Stop> = (0..symbols)
            .map(|symbol| {
                Ok(Ball::rational(&sample::value(self.seed, range, n, symbol), BITS)?.into())
            })
            .collect();
        let values = values?;
        let point = Point { prec: BITS, values: &values, real, seed: self.seed };
        let mut evaluation = Evaluation::new(&self.forms, &point);
        let one = evaluation.value(&mut self.forms, one);
        let two = evaluation.value(&mut self.forms, two);
        match (one, two) {
            (Ok(one), Ok(two)) => Ok(Some((one, two))),
            (Err(stop @ (Stop::Limit | Stop::Unsupported)), _)
            | (_, Err(stop @ (Stop::Limit | Stop::Unsupported))) => Err(stop),
            _ => Ok(None),
        }
    }
}

/// The relation seen from the other side.
pub(super) fn flipped(relation: Relation) -> Relation {
    match relation {
        Relation::Less => Relation::Greater,
        Relation::LessEqual => Relation::GreaterEqual,
        Relation::Greater => Relation::Less,
        Relation::GreaterEqual => Relation::LessEqual,
        relation => relation,
    }
}

/// Whether a part names one thing, so that `part = value` gives it a value.
pub(super) fn is_name(part: Part<'_>) -> bool {
    match part.node() {
        // `e = 3/5` is an eccentricity, not the base of the logarithm.
        Node::Symbol(_)
        | Node::Text(_)
        | Node::Unknown(..)
        | Node::Constant(crate::math::tree::Constant::E) => true,
        Node::Power(base, exponent) => {
            // The inverse of a matrix or a function.
            is_name(part.child(*base))
                && matches!(part.tree.get(*exponent), Node::Negative(_) | Node::Number(_))
                && matches!(part.tree.get(*base), Node::Symbol(name) if name.starts_with(char::is_uppercase) || name == "f" || name == "g")
        }
        Node::Product(parts) => parts.iter().all(|inner| {
            matches!(part.tree.get(*inner), Node::Symbol(name) if name.len() == 1 && name.starts_with(char::is_uppercase))
        }),
        Node::Tuple { items, .. } => items.iter().all(|item| is_name(part.child(*item))),
        Node::Call(_, parts) => parts.iter().all(|inner| matches!(part.tree.get(*inner), Node::Text(_))),
        _ => false,
    }
}

/// Whether a gold's left side is what its right side is said of: `cos A = 3/5`, `lim f = 3`,
/// `A ∩ B = {1, 2}`.
fn is_said_of(left: Part<'_>, right: Part<'_>) -> bool {
    if has_letters(right) {
        return label(left).is_some_and(|name| name == "derivative");
    }
    match left.node() {
        Node::Call(..) | Node::Union(_) | Node::Intersection(_) | Node::Difference(..) => {
            has_letters(left)
        }
        Node::Opaque(..) => true,
        _ => label(left).is_some(),
    }
}

/// What a part is the name of, the way the name is written aside: `|AB|`, `\overline{AB}` and `AB`; `y'`,
/// `f'(x)` and `dy/dx` are all derivatives.
fn label(part: Part<'_>) -> Option<String> {
    match part.node() {
        Node::Symbol(name) | Node::Unknown(name, _) if name.ends_with('\'') => {
            let primes = name.len() - name.trim_end_matches('\'').len();
            Some(if primes == 1 { "derivative".to_owned() } else { format!("derivative {primes}") })
        }
        Node::Symbol(name) => {
            let bare = name.rsplit(' ').next().unwrap_or(name);
            Some(bare.to_owned())
        }
        Node::Unknown(name, _) => Some(name.clone()),
        Node::Call(crate::math::words::Function::Abs, parts) => {
            // The length of a segment; |x| is not x.
            label(part.child(parts[0])).filter(|name| name.starts_with(char::is_uppercase))
        }
        Node::Product(parts) => {
            let letters = parts.iter().map(|inner| match part.tree.get(*inner) {
                Node::Symbol(name) if name.len() == 1 && name.starts_with(char::is_uppercase) => {
                    Some(name.as_str())
                }
                _ => None,
            });
            letters.collect()
        }
        Node::Quotient(top, bottom) => {
            let is_differential = |at: u32| match part.tree.get(at) {
                Node::Product(parts) => {
                    matches!(parts[..], [d, _] if matches!(part.tree.get(d), Node::Symbol(name) if name == "d"))
                }
                _ => false,
            };
            (is_differential(*top) && is_differential(*bottom)).then(|| "derivative".to_owned())
        }
        _ => None,
    }
}

/// Whether one label is an inverse function and the other the letter that is solved for.
fn is_inverse(one: &str, two: &str) -> bool {
    one.ends_with("^-1") && two == "y" || two.ends_with("^-1") && one == "y"
}

/// Whether a part is a function of a letter, such as f(x): its graph is written `y = …`, too.
fn is_graph(part: Part<'_>) -> bool {
    match part.node() {
        Node::Unknown(_, arguments) => match arguments[..] {
            [only] => matches!(part.tree.get(only), Node::Symbol(_)),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a part names a quantity that a question may ask for: a name, or a combination of letters
/// without numbers in it such as `m+n`.
fn is_quantity_name(part: Part<'_>) -> bool {
    if is_name(part) {
        return true;
    }
    match part.node() {
        Node::Power(base, _) if matches!(part.tree.get(*base), Node::Call(..)) => {
            is_quantity_name(part.child(*base))
        }
        Node::Sum(_)
        | Node::Product(_)
        | Node::Quotient(..)
        | Node::Negative(_)
        | Node::Power(..) => is_label(part),
        Node::Opaque(..) | Node::Series { .. } => true,
        Node::Union(items) | Node::Intersection(items) => {
            items.iter().all(|item| is_name(part.child(*item)))
        }
        Node::Difference(one, two) => is_name(part.child(*one)) && is_name(part.child(*two)),
        Node::Call(..) => has_letters(part) && !part.any(&|node| matches!(node, Node::Decimal(..))),
        _ => false,
    }
}

/// Whether a combination of letters names a quantity: `100m + n`, `AB²`, but no equation to be solved
/// such as `2x = 10`, nor a curve such as `x² + y² = 25`.
fn is_label(part: Part<'_>) -> bool {
    let curved = matches!(part.node(), Node::Sum(_))
        && part.any(&|node| matches!(node, Node::Power(..)))
        && !part.any(&|node| matches!(node, Node::Unknown(..)));
    !curved && (letters(part) > 1 || letters(part) == 1 && !has_numbers(part))
}

/// How many different letters and unknown functions stand in a part, two at the most.
fn letters(part: Part<'_>) -> usize {
    let names = std::cell::RefCell::new(Vec::<String>::new());
    part.any(&|node| {
        let mut names = names.borrow_mut();
        match node {
            Node::Symbol(name) | Node::Text(name) if !names.contains(name) => {
                names.push(name.clone());
            }
            // f(1) + f(2) names what it is a sum of.
            Node::Unknown(name, _) => names.extend([name.clone(), name.clone()]),
            _ => {}
        }
        names.len() > 1
    });
    names.into_inner().len().min(2)
}

fn has_numbers(part: Part<'_>) -> bool {
    part.any(&|node| matches!(node, Node::Number(_) | Node::Decimal(..)))
}

/// Whether a letter stands in a part.
fn has_letters(part: Part<'_>) -> bool {
    part.any(&|node| matches!(node, Node::Symbol(_) | Node::Unknown(..) | Node::Text(_)))
}
