//! Sets of real numbers: intervals, unions, differences, inequalities in one letter.
//!
//! Each becomes disjoint intervals in rising order, and two sets are equal when these are.

use std::cmp::Ordering;

use num_traits::Signed;

use super::collection::branches;
use super::{Decider, Decision, Method, Part, is_or, meaning, scalar};
use crate::math::lex::{Bracket, Relation};
use crate::math::normal::{Form, Id, ONE, ZERO};
use crate::math::tree::{Constant, Join, Node, Numbers};
use crate::math::words::{Function, Meaning};

/// The most intervals of a set.
const PIECES_MAX: usize = 64;

/// An end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Minus infinity below, infinity above.
    Infinite,
    At {
        value: Id,
        closed: bool,
    },
}

/// An interval.
#[derive(Clone, Copy, Debug)]
struct Piece {
    low: End,
    high: End,
}

const LINE: Piece = Piece { low: End::Infinite, high: End::Infinite };

/// A set, and the letter that its description uses.
struct Described {
    pieces: Vec<Piece>,
    letter: Option<Id>,
}

impl<'t> Decider<'_> {
    /// Compares two parts as sets of real numbers, where one is such a set for sure and the other can be.
    pub(super) fn real_sets(&mut self, gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        if !is_set(gold) && !is_set(given) {
            return None;
        }
        let (one, two) = (self.described(gold)?, self.described(given)?);
        if let (Some(one), Some(two)) = (one.letter, two.letter)
            && one != two
        {
            return Some(Decision::NotEqual(Method::Exact));
        }
        if self.policy.strict_intervals && is_inequality(gold) != is_inequality(given) {
            return Some(Decision::NotEqual(Method::Exact));
        }
        let (one, two) = (self.sorted(one.pieces)?, self.sorted(two.pieces)?);
        if one.len() != two.len() {
            return Some(Decision::NotEqual(Method::Exact));
        }
        let mut decision = Decision::Equal(Method::Exact);
        for (a, b) in one.iter().zip(&two) {
            decision = decision.and(self.same_end(a.low, b.low)).and(self.same_end(a.high, b.high));
        }
        if is_inequality(gold) != is_inequality(given) {
            decision = self.flagged("interval_vs_inequality", decision);
        }
        Some(decision)
    }

    fn same_end(&mut self, one: End, two: End) -> Decision {
        match (one, two) {
            (End::Infinite, End::Infinite) => Decision::Equal(Method::Exact),
            (End::At { value: a, closed: c }, End::At { value: b, closed: d }) if c == d => {
                scalar::same(&mut self.forms, a, b, self.seed)
            }
            _ => Decision::NotEqual(Method::Exact),
        }
    }

    /// The set that a part describes.
    fn described(&mut self, part: Part<'t>) -> Option<Described> {
        let known = |pieces| Some(Described { pieces, letter: None });
        match part.node() {
            Node::Numbers(Numbers::Reals) => known(vec![LINE]),
            Node::Empty => known(Vec::new()),
            Node::Text(_) => match meaning(part)? {
                Meaning::AllReals => known(vec![LINE]),
                Meaning::Nothing => known(Vec::new()),
                _ => None,
            },
            Node::Tuple { open, close, items } => {
                let [low, high] = items[..] else { return None };
                let closed = |bracket: Bracket| bracket == Bracket::Square;
                if *open == Bracket::Angle {
                    return None;
                }
                self.interval((part.child(low), closed(*open)), (part.child(high), closed(*close)))
            }
            Node::Outward { low_open, high_open, items } => {
                let [low, high] = items[..] else { return None };
                self.interval((part.child(low), !low_open), (part.child(high), !high_open))
            }
            Node::Set(items) => {
                let mut pieces = Vec::new();
                for item in part.children(items) {
                    for value in branches(item)? {
                        pieces.push(point(self.form(value).ok()?));
                    }
                }
                known(pieces)
            }
            Node::Union(items) | Node::List { items, join: Join::Or } => {
                self.combined(&part.children(items), true)
            }
            Node::Intersection(items) => self.combined(&part.children(items), false),
            Node::List { items, join } => self.listed(&part.children(items), *join),
            Node::Difference(one, two) => {
                let (one, two) =
                    (self.described(part.child(*one))?, self.described(part.child(*two))?);
                let outside = self.complement(two.pieces)?;
                let pieces = self.intersection(&one.pieces, &outside)?;
                Some(Described { pieces, letter: one.letter.or(two.letter) })
            }
            Node::Sum(items) => self.subtracted(part, items),
            Node::Relations(first, rest) => self.chain(part, *first, rest),
            Node::Builder(_, conditions) => {
                let conditions: Vec<Part<'t>> = part
                    .children(conditions)
                    .into_iter()
                    .filter(|condition| !is_membership_of_reals(*condition))
                    .collect();
                // The letter of a description is its own.
                let described = self.combined(&conditions, false)?;
                Some(Described { letter: None, ..described })
            }
            _ => None,
        }
    }

    /// `ℝ - {0}`, written with a minus sign.
    fn subtracted(&mut self, part: Part<'t>, items: &[u32]) -> Option<Described> {
        let [one, two] = *items else { return None };
        let Node::Negative(two) = part.tree.get(two) else { return None };
        let (one, two) = (self.described(part.child(one))?, self.described(part.child(*two))?);
        let outside = self.complement(two.pieces)?;
        Some(Described { pieces: self.intersection(&one.pieces, &outside)?, letter: None })
    }

    fn interval(&mut self, low: (Part<'t>, bool), high: (Part<'t>, bool)) -> Option<Described> {
        let low = self.end(low, Meaning::MinusInfinity)?;
        let high = self.end(high, Meaning::Infinity)?;
        Some(Described { pieces: vec![Piece { low, high }], letter: None })
    }

    fn end(&mut self, (part, closed): (Part<'t>, bool), infinite: Meaning) -> Option<End> {
        match meaning(part) {
            // Infinity is never in an interval, whatever its bracket.
            Some(found) if found == infinite => Some(End::Infinite),
            Some(_) => None,
            None => Some(End::At { value: self.form(part).ok()?, closed }),
        }
    }

    /// The union or the intersection of several sets.
    fn combined(&mut self, parts: &[Part<'t>], union: bool) -> Option<Described> {
        let (first, rest) = parts.split_first()?;
        let mut all = self.described(*first)?;
        for part in rest {
            let next = self.described(*part)?;
            if let (Some(one), Some(two)) = (all.letter, next.letter)
                && one != two
            {
                return None;
            }
            all.letter = all.letter.or(next.letter);
            if union {
                all.pieces.extend(next.pieces);
            } else {
                all.pieces = self.intersection(&all.pieces, &next.pieces)?;
            }
        }
        Some(all)
    }

    /// Inequalities joined by commas: what holds of all, or, where nothing does, of any.
    fn listed(&mut self, parts: &[Part<'t>], join: Join) -> Option<Described> {
        if is_or(join) {
            return self.combined(parts, true);
        }
        // `x ≠ 0, 2` leaves out both.
        let (first, rest) = parts.split_first()?;
        if let Node::Relations(_, relations) = first.node()
            && matches!(relations[..], [(Relation::NotEqual, _)])
            && rest.iter().all(|part| !matches!(part.node(), Node::Relations(..)))
        {
            let mut all = self.described(*first)?;
            for part in rest {
                for value in branches(*part)? {
                    let value = self.form(value).ok()?;
                    let outside = self.complement(vec![point(value)])?;
                    all.pieces = self.intersection(&all.pieces, &outside)?;
                }
            }
            self.flag("exclusion_list");
            return Some(all);
        }
        let parts: Vec<Part<'t>> =
            parts.iter().copied().filter(|part| !is_membership_of_reals(*part)).collect();
        let parts = &parts[..];
        if parts.is_empty() || !parts.iter().all(|part| is_inequality(*part)) {
            return None;
        }
        let all = self.combined(parts, false)?;
        if all.pieces.is_empty() && join == Join::Comma {
            self.combined(parts, true)
        } else {
            Some(all)
        }
    }

    /// The set of a chain of inequalities in one letter, each of them linear in it.
    fn chain(&mut self, part: Part<'t>, first: u32, rest: &[(Relation, u32)]) -> Option<Described> {
        if let [(Relation::In, set)] = *rest {
            let mut set = self.described(part.child(set))?;
            let letter = self.form(part.child(first)).ok()?;
            set.letter = matches!(self.forms.get(letter), Form::Symbol(_)).then_some(letter);
            return Some(set);
        }
        let mut left = first;
        let mut all: Option<Described> = None;
        for (relation, right) in rest {
            let mut next = self.linear(part.child(left), *relation, part.child(*right))?;
            if let Some(all) = all {
                if all.letter != next.letter {
                    return None;
                }
                next.pieces = self.intersection(&all.pieces, &next.pieces)?;
            }
            all = Some(next);
            left = *right;
        }
        all
    }

    /// The set of one inequality.
    fn linear(&mut self, left: Part<'t>, relation: Relation, right: Part<'t>) -> Option<Described> {
        let relation = match relation {
            Relation::Less
            | Relation::LessEqual
            | Relation::Greater
            | Relation::GreaterEqual
            | Relation::NotEqual => relation,
            _ => return None,
        };
        if let Some(infinite) = meaning(left).or(meaning(right)) {
            // `-∞ < x` says nothing.
            let letter = if meaning(left).is_some() { right } else { left };
            let letter = self.form(letter).ok()?;
            let infinite = matches!(infinite, Meaning::Infinity | Meaning::MinusInfinity);
            let is_letter = matches!(self.forms.get(letter), Form::Symbol(_));
            return (infinite && is_letter)
                .then(|| Described { pieces: vec![LINE], letter: Some(letter) });
        }
        let (left, right) = (self.form(left).ok()?, self.form(right).ok()?);
        let difference = self.forms.sub(left, right).ok()?;
        self.half_line(difference, relation)
    }

    /// The set where a form that is linear in one letter, or in the absolute value of such a form, is in
    /// a relation to zero.
    fn half_line(&mut self, form: Id, relation: Relation) -> Option<Described> {
        let mut terms = self.forms.terms(form);
        let is_known = |form: &Form| matches!(form, Form::Symbol(_) | Form::Call(Function::Abs, _));
        let at = terms.iter().position(|(term, _)| is_known(self.forms.get(*term)))?;
        let (term, factor) = terms.remove(at);
        if terms.iter().any(|(term, _)| *term != ONE && self.forms.is_open(*term)) {
            return None;
        }
        let mut parts = Vec::new();
        for (term, value) in terms {
            parts.push(self.forms.scale(term, &-value).ok()?);
        }
        let bound = self.forms.add(&parts).ok()?;
        let bound = self.forms.scale(bound, &factor.recip()).ok()?;
        let relation =
            if factor.is_negative() { super::relation::flipped(relation) } else { relation };
        if let Form::Call(Function::Abs, inner) = self.forms.get(term) {
            let inner = inner[0];
            return self.absolute(inner, relation, bound);
        }
        let end = |closed| End::At { value: bound, closed };
        let below = |closed| Piece { low: End::Infinite, high: end(closed) };
        let above = |closed| Piece { low: end(closed), high: End::Infinite };
        let pieces = match relation {
            Relation::Less => vec![below(false)],
            Relation::LessEqual => vec![below(true)],
            Relation::Greater => vec![above(false)],
            Relation::GreaterEqual => vec![above(true)],
            _ => vec![below(false), above(false)],
        };
        Some(Described { pieces, letter: Some(term) })
    }

    /// The set where |inner| is in a relation to a positive bound.
    fn absolute(&mut self, inner: Id, relation: Relation, bound: Id) -> Option<Described> {
        if scalar::order(&mut self.forms, bound, ZERO)? != Ordering::Greater {
            return None;
        }
        let lower = self.forms.add(&[inner, bound]).ok()?;
        let upper = self.forms.sub(inner, bound).ok()?;
        let one = self.half_line(upper, relation)?;
        let two = self.half_line(lower, super::relation::flipped(relation))?;
        let within = matches!(relation, Relation::Less | Relation::LessEqual | Relation::NotEqual);
        let pieces = if within {
            self.intersection(&one.pieces, &two.pieces)?
        } else {
            one.pieces.into_iter().chain(two.pieces).collect()
        };
        Some(Described { pieces, letter: one.letter })
    }

    /// What is in both sets.
    fn intersection(&mut self, one: &[Piece], two: &[Piece]) -> Option<Vec<Piece>> {
        if one.len() * two.len() > PIECES_MAX * PIECES_MAX {
            return None;
        }
        let mut pieces = Vec::new();
        for a in one {
            for b in two {
                let low = self.later(a.low, b.low)?;
                let high = self.earlier(a.high, b.high)?;
                let piece = Piece { low, high };
                if !self.is_nothing(piece)? {
                    pieces.push(piece);
                }
            }
        }
        Some(pieces)
    }

    /// The higher of two lower ends.
    fn later(&mut self, one: End, two: End) -> Option<End> {
        let (End::At { value: a, closed: c }, End::At { value: b, closed: d }) = (one, two) else {
            return Some(if one == End::Infinite { two } else { one });
        };
        Some(match scalar::order(&mut self.forms, a, b)? {
            Ordering::Less => two,
            Ordering::Greater => one,
            Ordering::Equal => End::At { value: a, closed: c && d },
        })
    }

    /// The lower of two upper ends.
    fn earlier(&mut self, one: End, two: End) -> Option<End> {
        let (End::At { value: a, closed: c }, End::At { value: b, closed: d }) = (one, two) else {
            return Some(if one == End::Infinite { two } else { one });
        };
        Some(match scalar::order(&mut self.forms, a, b)? {
            Ordering::Less => one,
            Ordering::Greater => two,
            Ordering::Equal => End::At { value: a, closed: c && d },
        })
    }

    /// Whether no number is in an interval.
    fn is_nothing(&mut self, piece: Piece) -> Option<bool> {
        let (End::At { value: a, closed: c }, End::At { value: b, closed: d }) =
            (piece.low, piece.high)
        else {
            return Some(false);
        };
        Some(match scalar::order(&mut self.forms, a, b)? {
            Ordering::Less => false,
            Ordering::Equal => !(c && d),
            Ordering::Greater => true,
        })
    }

    /// What is in no interval of a set.
    fn complement(&mut self, pieces: Vec<Piece>) -> Option<Vec<Piece>> {
        let mut outside = vec![LINE];
        for piece in pieces {
            let mut around = Vec::new();
            if let End::At { value, closed } = piece.low {
                around.push(Piece { low: End::Infinite, high: End::At { value, closed: !closed } });
            }
            if let End::At { value, closed } = piece.high {
                around.push(Piece { low: End::At { value, closed: !closed }, high: End::Infinite });
            }
            outside = self.intersection(&outside, &around)?;
        }
        Some(outside)
    }

    /// Disjoint intervals in rising order, those that touch made one.
    fn sorted(&mut self, pieces: Vec<Piece>) -> Option<Vec<Piece>> {
        if pieces.len() > PIECES_MAX {
            return None;
        }
        let mut sorted: Vec<Piece> = Vec::new();
        for piece in pieces {
            if self.is_nothing(piece).unwrap_or(false) {
                continue;
            }
            let mut place = 0;
            while let Some(other) = sorted.get(place) {
                if self.starts_before(piece.low, other.low)? {
                    break;
                }
                place += 1;
            }
            sorted.insert(place, piece);
        }
        let mut merged: Vec<Piece> = Vec::new();
        for piece in sorted {
            if let Some(last) = merged.last().copied()
                && self.touches(last.high, piece.low)?
            {
                let high = self.farther(last.high, piece.high)?;
                if let Some(last) = merged.last_mut() {
                    last.high = high;
                }
            } else {
                merged.push(piece);
            }
        }
        Some(merged)
    }

    fn starts_before(&mut self, one: End, two: End) -> Option<bool> {
        Some(match (one, two) {
            (End::Infinite, _) => true,
            (_, End::Infinite) => false,
            (End::At { value: a, closed }, End::At { value: b, .. }) => {
                match scalar::order(&mut self.forms, a, b)? {
                    Ordering::Less => true,
                    Ordering::Equal => closed,
                    Ordering::Greater => false,
                }
            }
        })
    }

    /// Whether an interval that ends at `high` leaves no gap before one that begins at `low`.
    fn touches(&mut self, high: End, low: End) -> Option<bool> {
        let (End::At { value: a, closed: c }, End::At { value: b, closed: d }) = (high, low) else {
            return Some(true);
        };
        Some(match scalar::order(&mut self.forms, b, a)? {
            Ordering::Less => true,
            Ordering::Equal => c || d,
            Ordering::Greater => false,
        })
    }

    /// The higher of two upper ends.
    fn farther(&mut self, one: End, two: End) -> Option<End> {
        let (End::At { value: a, closed: c }, End::At { value: b, closed: d }) = (one, two) else {
            return Some(End::Infinite);
        };
        Some(match scalar::order(&mut self.forms, a, b)? {
            Ordering::Less => two,
            Ordering::Greater => one,
            Ordering::Equal => End::At { value: a, closed: c || d },
        })
    }
}

/// The interval of one number.
fn point(value: Id) -> Piece {
    let end = End::At { value, closed: true };
    Piece { low: end, high: end }
}

/// Whether a part can only be a set of real numbers.
fn is_set(part: Part<'_>) -> bool {
    match part.node() {
        Node::Outward { .. }
        | Node::Union(_)
        | Node::Intersection(_)
        | Node::Difference(..)
        | Node::Builder(..)
        | Node::Numbers(Numbers::Reals) => true,
        Node::Tuple { open, close, items } => {
            let infinite = |at: &u32| {
                part.tree.any(*at, &|node| matches!(node, Node::Constant(Constant::Infinity)))
            };
            items.len() == 2 && (open != close || items.iter().any(infinite))
        }
        Node::Sum(items) => match items[..] {
            [one, _] => matches!(part.tree.get(one), Node::Numbers(Numbers::Reals)),
            _ => false,
        },
        Node::List { items, .. } => items.iter().any(|item| is_inequality(part.child(*item))),
        Node::Relations(_, rest) => match rest[..] {
            [(Relation::In, set)] => {
                is_set(part.child(set)) || matches!(part.tree.get(set), Node::Tuple { .. })
            }
            _ => is_inequality(part),
        },
        _ => false,
    }
}

/// Whether a part is an inequality, or alternatives of such.
fn is_inequality(part: Part<'_>) -> bool {
    match part.node() {
        Node::Relations(_, rest) => rest.iter().all(|(relation, _)| {
            matches!(
                relation,
                Relation::Less
                    | Relation::LessEqual
                    | Relation::Greater
                    | Relation::GreaterEqual
                    | Relation::NotEqual
            )
        }),
        Node::List { items, .. } => items.iter().any(|item| is_inequality(part.child(*item))),
        _ => false,
    }
}

fn is_membership_of_reals(part: Part<'_>) -> bool {
    match part.node() {
        Node::Relations(_, rest) => {
            matches!(rest[..], [(Relation::In, set)] if matches!(part.tree.get(set), Node::Numbers(Numbers::Reals)))
        }
        _ => false,
    }
}
