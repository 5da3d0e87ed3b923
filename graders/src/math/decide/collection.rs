//! Compares lists, sets, tuples and matrices.

use num_rational::BigRational;

use super::{DIFFERENT, Decider, Decision, Method, Part, is_scalar, scalar};
use crate::math::budget::Stop;
use crate::math::lex::{Bracket, Relation};
use crate::math::normal::{BRANCHES_MAX, Id, read_signs};
use crate::math::tree::{Constant, Join, Node};

/// The most items that are matched in any order.
const ITEMS_MAX: usize = 256;

/// Items side by side, and what holds them together.
#[derive(Clone, Debug)]
struct Items<'t> {
    items: Vec<Part<'t>>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Braces: no order.
    Set,
    /// Nothing but separators: no order, but one is written.
    List,
    /// Brackets: an order.
    Tuple(Bracket, Bracket),
}

impl<'t> Decider<'_> {
    /// Compares collections; nothing where neither is one.
    pub(super) fn collections(&mut self, gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        if says_and_for_or(gold, given) {
            return Some(DIFFERENT);
        }
        let (one, two) = (Self::items(gold), Self::items(given));
        match (one, two) {
            (Some(one), Some(two)) => Some(self.two_collections(&one, &two)),
            (Some(one), None)
                if is_scalar(given.node()) || matches!(given.node(), Node::Text(_)) =>
            {
                // A single value stands for a set of one.
                match (&one.items[..], one.kind) {
                    ([only], Kind::Set | Kind::List) => Some(self.compare(*only, given)),
                    _ => Some(self.with_repeats(&one, given)),
                }
            }
            (None, Some(two)) if is_scalar(gold.node()) || matches!(gold.node(), Node::Text(_)) => {
                match (&two.items[..], two.kind) {
                    ([only], Kind::Set) => Some(self.compare(gold, *only)),
                    // `x = 2, y = 2` says two things.
                    (_, Kind::List) if !one_name(&two.items) => Some(DIFFERENT),
                    // `0.15 or 15 %`: the same value said twice.
                    (_, Kind::List) => {
                        let mut decision = Decision::Equal(Method::Identical);
                        for item in &two.items {
                            if decision.is_equal() {
                                decision = decision.and(self.compare(gold, *item));
                            }
                        }
                        Some(self.flagged("restated", decision))
                    }
                    _ => Some(DIFFERENT),
                }
            }
            _ => None,
        }
    }

    /// A list whose items are all the same value is that value.
    fn with_repeats(&mut self, list: &Items<'t>, given: Part<'t>) -> Decision {
        if matches!(list.kind, Kind::Tuple(..)) || !one_name(&list.items) {
            return DIFFERENT;
        }
        let mut decision = Decision::Equal(Method::Identical);
        for item in &list.items {
            decision = decision.and(self.compare(*item, given));
            if !decision.is_equal() {
                break;
            }
        }
        decision
    }

    fn two_collections(&mut self, one: &Items<'t>, two: &Items<'t>) -> Decision {
        match (one.kind, two.kind) {
            (Kind::Tuple(a, b), Kind::Tuple(c, d)) => {
                let same = |a, b| a == b || (round(a) && round(b));
                if same(a, c) && same(b, d) {
                    self.in_order(&one.items, &two.items)
                } else {
                    DIFFERENT
                }
            }
            (Kind::Tuple(..), Kind::Set) if one.items.len() > 1 => match two.items[..] {
                [only] if matches!(only.node(), Node::Tuple { .. }) => match Self::items(only) {
                    Some(inner) => self.two_collections(one, &inner),
                    None => DIFFERENT,
                },
                _ => DIFFERENT,
            },
            (Kind::Tuple(a, b), Kind::List)
                if round(a) && round(b) && !has_infinity(&one.items) =>
            {
                let labelled = gold_labels(&two.items);
                let decision = self.in_order(&one.items, &self_values(&by_label(&two.items)));
                let rule = if labelled { "labelled_components" } else { "bare_list_for_tuple" };
                self.flagged(rule, decision)
            }
            (Kind::List, Kind::Tuple(a, b))
                if round(a) && round(b) && !has_infinity(&two.items) =>
            {
                let decision = self.in_order(&self_values(&one.items), &two.items);
                self.flagged("tuple_for_bare_list", decision)
            }
            (Kind::Tuple(..), _) | (_, Kind::Tuple(..)) => DIFFERENT,
            (Kind::List, Kind::List) if self.policy.ordered => {
                self.in_order(&one.items, &two.items)
            }
            (Kind::Set, Kind::List) => {
                let decision = self.unordered(&one.items, &two.items);
                self.flagged("braces_dropped", decision)
            }
            _ => self.unordered(&one.items, &two.items),
        }
    }

    /// Compares items one by one.
    pub(super) fn in_order(&mut self, gold: &[Part<'t>], given: &[Part<'t>]) -> Decision {
        if gold.len() != given.len() {
            return DIFFERENT;
        }
        let mut decision = Decision::Equal(Method::Identical);
        for (one, two) in gold.iter().zip(given) {
            decision = decision.and(self.compare(*one, *two));
            if matches!(decision, Decision::NotEqual(_)) {
                break;
            }
        }
        decision
    }

    /// Compares items in any order; labels that all items share do not count.
    fn unordered(&mut self, gold: &[Part<'t>], given: &[Part<'t>]) -> Decision {
        let (labels, given_labels) = (labels(gold), labels(given));
        let distinct = |labels: &[Option<Part<'t>>]| {
            let mut known = labels.iter().flatten().copied();
            known.next().is_some_and(|first| {
                // `x_1 = 2, x_2 = 3` are two values of x.
                known.any(|other| !first.alike(other) && indexed(first) != indexed(other))
            })
        };
        // `x = 1, y = 2` against `y = 2, x = 1`.
        if distinct(&labels) || distinct(&given_labels) {
            return if given_labels.iter().all(Option::is_none) && !given.is_empty() {
                self.in_order(&self_values(gold), given)
            } else if labels.iter().all(Option::is_none) {
                self.in_order(gold, &self_values(given))
            } else {
                self.matched(gold, given)
            };
        }
        if let (Some(Some(one)), Some(Some(two))) = (labels.first(), given_labels.first())
            && !one.alike(*two)
            && indexed(*one) != indexed(*two)
        {
            return DIFFERENT;
        }
        self.matched(&self_values(gold), &self_values(given))
    }

    /// Matches items of two sets, repeats aside: each has an equal one on the other side.
    pub(super) fn matched(&mut self, gold: &[Part<'t>], given: &[Part<'t>]) -> Decision {
        if gold.len() > ITEMS_MAX || given.len() > ITEMS_MAX {
            return Decision::Unknown(Stop::Limit);
        }
        let mut decision = Decision::Equal(Method::Identical);
        let mut met = vec![false; given.len()];
        for (n, one) in gold.iter().enumerate() {
            let mut best = DIFFERENT;
            // The same place first: most answers keep the order.
            let start = n % given.len().max(1);
            let order = (start..given.len()).chain(0..start);
            for place in order {
                let found = self.compare(*one, given[place]);
                if found.is_equal() {
                    met[place] = true;
                    best = found;
                    break;
                }
                best = best.or(|| found);
            }
            decision = decision.and(best);
            if matches!(decision, Decision::NotEqual(_)) {
                return decision;
            }
        }
        for (two, _) in given.iter().zip(&met).filter(|(_, met)| !**met) {
            let mut best = DIFFERENT;
            for one in gold {
                best = best.or(|| self.compare(*one, *two));
                if best.is_equal() {
                    break;
                }
            }
            decision = decision.and(best);
        }
        if decision.is_equal() && gold.len() != given.len() {
            self.flag("repeated_items");
        }
        decision
    }

    /// The items of a collection, with every sign `±` written out.
    fn items(part: Part<'t>) -> Option<Items<'t>> {
        let (items, kind) = match part.node() {
            Node::Set(items) => (items, Kind::Set),
            // `a and b` and `a or b` are lists as `a, b` is.
            Node::List { items, .. } => (items, Kind::List),
            Node::Tuple { open, close, items } => {
                return Some(Items {
                    items: part.children(items),
                    kind: Kind::Tuple(*open, *close),
                });
            }
            Node::Unknown(name, items)
                if items.len() > 1 && name.starts_with(char::is_uppercase) =>
            {
                // A point with its name, `P(1, 2)`.
                return Some(Items {
                    items: part.children(items),
                    kind: Kind::Tuple(Bracket::Round, Bracket::Round),
                });
            }
            _ => {
                let branches = branches(part)?;
                return (branches.len() > 1).then_some(Items { items: branches, kind: Kind::List });
            }
        };
        let mut all = Vec::new();
        for item in part.children(items) {
            match item.node() {
                Node::List { items: inner, .. } if kind == Kind::List => {
                    for inner in item.children(inner) {
                        all.extend(branches(inner)?);
                    }
                }
                _ => all.extend(branches(item)?),
            }
        }
        Some(Items { items: all, kind })
    }

    /// Compares matrices with matrices, and columns or rows with tuples.
    pub(super) fn matrices(&mut self, gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        let is_matrix = |part: Part<'t>| part.any(&|node| matches!(node, Node::Matrix { .. }));
        if !is_matrix(gold) && !is_matrix(given) {
            return None;
        }
        if let (Node::Matrix { columns, cells }, Node::Matrix { columns: other, cells: others }) =
            (gold.node(), given.node())
        {
            if columns != other {
                return Some(DIFFERENT);
            }
            return Some(self.in_order(&gold.children(cells), &given.children(others)));
        }
        if let Some(decision) = self.vector_and_tuple(gold, given) {
            return Some(decision);
        }
        let (Some((columns, cells)), Some((other, others))) =
            (self.worked_out(gold), self.worked_out(given))
        else {
            return Some(DIFFERENT);
        };
        if columns != other || cells.len() != others.len() {
            return Some(DIFFERENT);
        }
        let mut decision = Decision::Equal(Method::Exact);
        for (one, two) in cells.into_iter().zip(others) {
            decision = decision.and(scalar::same(&mut self.forms, one, two, self.seed));
        }
        Some(decision)
    }

    /// Compares a tuple or a column with a sum of multiples of the unit vectors i, j and k.
    pub(super) fn unit_vectors(&mut self, gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        let cells = |part: Part<'t>| match part.node() {
            Node::Matrix { columns: 1, cells: items } | Node::Tuple { items, .. } => {
                Some(part.children(items)).filter(|items| (2..=3).contains(&items.len()))
            }
            _ => None,
        };
        let (cells, sum) = match (cells(gold), cells(given)) {
            (Some(cells), None) if is_scalar(given.node()) => (cells, given),
            (None, Some(cells)) if is_scalar(gold.node()) => (cells, gold),
            _ => return None,
        };
        let units = ["i", "j", "k"];
        if !sum.any(&|node| match node {
            Node::Symbol(name) => units.contains(&name.as_str()),
            Node::Constant(Constant::I) => true,
            _ => false,
        }) {
            return None;
        }
        let mut terms = Vec::new();
        for (cell, unit) in cells.into_iter().zip(units) {
            let unit = match unit {
                "i" => self.forms.constant(Constant::I).ok()?,
                unit => self.forms.symbol(unit).ok()?,
            };
            let cell = self.form(cell).ok()?;
            terms.push(self.forms.mul(&[cell, unit]).ok()?);
        }
        let (whole, sum) = (self.forms.add(&terms).ok()?, self.form(sum).ok()?);
        let decision = scalar::same(&mut self.forms, whole, sum, self.seed);
        Some(self.flagged("unit_vectors", decision))
    }

    /// Compares a matrix of one column or row with a tuple.
    fn vector_and_tuple(&mut self, gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        let cells = |part: Part<'t>| match part.node() {
            Node::Matrix { columns, cells } if *columns == 1 || *columns == cells.len() => {
                Some(part.children(cells))
            }
            Node::Tuple { items, open, .. } if *open != Bracket::Group => {
                Some(part.children(items))
            }
            Node::List { items, join: Join::Comma } => Some(part.children(items)),
            _ => None,
        };
        let (one, two) = (cells(gold)?, cells(given)?);
        let decision = self.in_order(&one, &two);
        Some(self.flagged("vector_as_tuple", decision))
    }

    /// The cells of a matrix with sums of matrices and multiples worked out.
    fn worked_out(&mut self, part: Part<'t>) -> Option<(usize, Vec<Id>)> {
        match part.node() {
            Node::Matrix { columns, cells } => {
                let cells: Option<Vec<Id>> =
                    part.children(cells).into_iter().map(|cell| self.form(cell).ok()).collect();
                Some((*columns, cells?))
            }
            Node::Tuple { items, open: Bracket::Square, .. } => {
                // Rows in brackets, as programs write them.
                let mut all = Vec::new();
                let mut columns = 0;
                for row in part.children(items) {
                    let Node::Tuple { items, .. } = row.node() else { return None };
                    if columns != 0 && columns != items.len() {
                        return None;
                    }
                    columns = items.len();
                    for cell in row.children(items) {
                        all.push(self.form(cell).ok()?);
                    }
                }
                Some((columns, all))
            }
            Node::Negative(inner) => {
                let by = -BigRational::from_integer(1.into());
                let by = self.forms.rational(by).ok()?;
                self.multiplied(part.child(*inner), by)
            }
            Node::Quotient(top, bottom) => {
                let bottom = self.form(part.child(*bottom)).ok()?;
                let by = self.forms.inverse(bottom).ok()?;
                self.multiplied(part.child(*top), by)
            }
            Node::Product(parts) => {
                let matrix =
                    |at: &&u32| part.tree.any(**at, &|node| matches!(node, Node::Matrix { .. }));
                let found: Vec<&u32> = parts.iter().filter(matrix).collect();
                let [found] = found[..] else { return None };
                let mut factors = Vec::new();
                for other in parts.iter().filter(|other| *other != found) {
                    factors.push(self.form(part.child(*other)).ok()?);
                }
                let by = self.forms.mul(&factors).ok()?;
                self.multiplied(part.child(*found), by)
            }
            Node::Sum(items) => {
                let (first, rest) = items.split_first()?;
                let (columns, mut sum) = self.worked_out(part.child(*first))?;
                for item in rest {
                    let (other, cells) = self.worked_out(part.child(*item))?;
                    if other != columns || cells.len() != sum.len() {
                        return None;
                    }
                    for (total, cell) in sum.iter_mut().zip(cells) {
                        *total = self.forms.add(&[*total, cell]).ok()?;
                    }
                }
                Some((columns, sum))
            }
            _ => None,
        }
    }

    fn multiplied(&mut self, part: Part<'t>, by: Id) -> Option<(usize, Vec<Id>)> {
        let (columns, cells) = self.worked_out(part)?;
        let cells: Option<Vec<Id>> =
            cells.into_iter().map(|cell| self.forms.mul(&[cell, by]).ok()).collect();
        Some((columns, cells?))
    }
}

/// A part once for each way to take its signs `±`; of an assignment, the right side.
pub(super) fn branches(part: Part<'_>) -> Option<Vec<Part<'_>>> {
    let (signs, linked) = read_signs(part.tree, part.at);
    if signs == 0 || part.branch != 0 || part.linked {
        return Some(vec![part]);
    }
    if signs > BRANCHES_MAX {
        return None;
    }
    let target = match part.node() {
        Node::Relations(_, rest) => match rest[..] {
            [(Relation::Equal, right)] => part.child(right),
            _ => return Some(vec![part]),
        },
        _ => part,
    };
    if !is_scalar(target.node()) {
        return Some(vec![part]);
    }
    let count = if linked { 2 } else { 1 << signs };
    Some((0..count).map(|branch| Part { branch: branch | 1 << 31, linked, ..target }).collect())
}

/// Whether a tuple with such items can only be an interval.
fn has_infinity(items: &[Part<'_>]) -> bool {
    items.iter().any(|item| item.any(&|node| matches!(node, Node::Constant(Constant::Infinity))))
}

fn round(bracket: Bracket) -> bool {
    matches!(bracket, Bracket::Round | Bracket::Angle)
}

/// The letter that an index is put to; of a name without one, all of it.
fn indexed(part: Part<'_>) -> Option<String> {
    match part.node() {
        Node::Symbol(name) => Some(name.split('_').next().unwrap_or(name).to_owned()),
        _ => None,
    }
}

/// What each item is said to be the value of.
fn labels<'t>(items: &[Part<'t>]) -> Vec<Option<Part<'t>>> {
    let label = |part: &Part<'t>| match part.node() {
        Node::Relations(first, rest) if matches!(rest[..], [(Relation::Equal, _)]) => {
            Some(part.child(*first)).filter(|name| super::relation::is_name(*name))
        }
        _ => None,
    };
    items.iter().map(label).collect()
}

/// Items in the order of their labels, where each has one of its own.
fn by_label<'t>(items: &[Part<'t>]) -> Vec<Part<'t>> {
    let mut named: Vec<(String, Part<'t>)> = Vec::new();
    for (item, label) in items.iter().zip(labels(items)) {
        let Some(Node::Symbol(name)) = label.map(Part::node) else { return items.to_vec() };
        if named.iter().any(|(known, _)| known == name) {
            return items.to_vec();
        }
        named.push((name.clone(), *item));
    }
    named.sort_by(|one, two| one.0.cmp(&two.0));
    named.into_iter().map(|(_, item)| item).collect()
}

/// Whether one side joins words or statements by `and` and the other by `or`; of values both are said.
fn says_and_for_or(gold: Part<'_>, given: Part<'_>) -> bool {
    let (Node::List { items, join: one }, Node::List { join: two, .. }) =
        (gold.node(), given.node())
    else {
        return false;
    };
    let named = |part: &Part<'_>| matches!(part.node(), Node::Text(_) | Node::Symbol(_));
    matches!((one, two), (Join::And, Join::Or) | (Join::Or, Join::And))
        && gold.children(items).iter().all(named)
}

/// Whether no two of the items name different things.
fn one_name(items: &[Part<'_>]) -> bool {
    let mut names = labels(items).into_iter().flatten();
    names.next().is_none_or(|first| names.all(|name| name.alike(first)))
}

fn gold_labels(items: &[Part<'_>]) -> bool {
    labels(items).iter().any(Option::is_some)
}

/// The items with the right side of an assignment in its place.
fn self_values<'t>(items: &[Part<'t>]) -> Vec<Part<'t>> {
    let value = |(part, label): (&Part<'t>, Option<Part<'t>>)| match (part.node(), label) {
        (Node::Relations(_, rest), Some(_)) => part.child(rest[0].1),
        _ => *part,
    };
    items.iter().zip(labels(items)).map(value).collect()
}
