//! What an answer says, as written: a tree of nodes in one arena.
//!
//! Nodes refer to others by index and only to earlier ones, so no walk needs recursion to drop it and
//! its depth is known while it is built.

use num_rational::BigRational;

use super::budget::Stop;
use super::lex::{Bracket, Relation};
use super::unit::Unit;
use super::words::Function;

/// The most nodes of an answer.
pub(super) const NODES_MAX: usize = 4096;
/// The deepest that nodes may nest.
pub(super) const DEPTH_MAX: u16 = 128;

/// A node's place in its arena.
pub(super) type Ref = u32;

/// A constant with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Constant {
    Pi,
    E,
    I,
    Infinity,
}

/// A set of numbers with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Naturals,
    Integers,
    Rationals,
    Reals,
    Complex,
}

/// How the items of a list are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    Comma,
    Or,
    And,
}

/// One construct.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Number(BigRational),
    /// A number written with a point, and how many digits stand behind it.
    Decimal(BigRational, i64),
    Symbol(String),
    Constant(Constant),
    Sum(Vec<Ref>),
    Product(Vec<Ref>),
    Quotient(Ref, Ref),
    Power(Ref, Ref),
    Negative(Ref),
    /// `±` or, where `flipped`, `∓`.
    PlusMinus {
        operand: Ref,
        flipped: bool,
    },
    Call(Function, Vec<Ref>),
    /// A function without a meaning of its own, `f(x)`.
    Unknown(String, Vec<Ref>),
    /// A sum or a product over whole numbers.
    Series {
        product: bool,
        index: String,
        from: Ref,
        to: Ref,
        body: Ref,
    },
    /// A construct that is compared by its parts only: an integral, a limit.
    Opaque(String, Vec<Ref>),
    Percent(Ref),
    /// An angle in degrees.
    Degrees(Ref),
    Quantity(Ref, Unit),
    Based {
        digits: String,
        base: u32,
    },
    Ratio(Vec<Ref>),
    Tuple {
        open: Bracket,
        close: Bracket,
        items: Vec<Ref>,
    },
    /// `]a, b[` and its like: the brackets look outwards.
    Outward {
        low_open: bool,
        high_open: bool,
        items: Vec<Ref>,
    },
    Set(Vec<Ref>),
    List {
        items: Vec<Ref>,
        join: Join,
    },
    /// `{x | …}`, and the conditions.
    Builder(Ref, Vec<Ref>),
    /// A statement and what limits it: `x = kπ for k ∈ ℤ`.
    Where(Ref, Vec<Ref>),
    Union(Vec<Ref>),
    Intersection(Vec<Ref>),
    Difference(Ref, Ref),
    Numbers(Numbers),
    Empty,
    Relations(Ref, Vec<(Relation, Ref)>),
    Matrix {
        columns: usize,
        cells: Vec<Ref>,
    },
    Text(String),
}

/// The arena.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    depths: Vec<u16>,
}

impl Tree {
    /// Adds a node.
    pub(super) fn add(&mut self, node: Node) -> Result<Ref, Stop> {
        let mut depth = 0;
        children(&node, &mut |child| depth = depth.max(self.depths[child as usize] + 1));
        if depth > DEPTH_MAX || self.nodes.len() >= NODES_MAX {
            return Err(Stop::Limit);
        }
        self.nodes.push(node);
        self.depths.push(depth);
        Ok(Ref::try_from(self.nodes.len() - 1).unwrap_or(Ref::MAX))
    }

    /// The node at `at`.
    pub(super) fn get(&self, at: Ref) -> &Node {
        &self.nodes[at as usize]
    }

    /// Whether `test` holds of `at` or of anything below it.
    pub(super) fn any(&self, at: Ref, test: &impl Fn(&Node) -> bool) -> bool {
        let mut found = false;
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            let node = self.get(at);
            if test(node) {
                found = true;
                break;
            }
            children(node, &mut |child| open.push(child));
        }
        found
    }

    /// Whether the nodes at `at` here and `other` there are written alike.
    pub(super) fn alike(&self, at: Ref, there: &Self, other: Ref) -> bool {
        let mut open = vec![(at, other)];
        while let Some((at, other)) = open.pop() {
            let (one, two) = (self.get(at), there.get(other));
            let (mut left, mut right) = (Vec::new(), Vec::new());
            children(one, &mut |child| left.push(child));
            children(two, &mut |child| right.push(child));
            if left.len() != right.len() || !same_head(one, two) {
                return false;
            }
            open.extend(left.into_iter().zip(right));
        }
        true
    }
}

/// Calls `visit` with every child of `node`, in order.
fn children(node: &Node, visit: &mut impl FnMut(Ref)) {
    match node {
        Node::Number(_)
        | Node::Decimal(..)
        | Node::Symbol(_)
        | Node::Constant(_)
        | Node::Based { .. }
        | Node::Numbers(_)
        | Node::Empty
        | Node::Text(_) => {}
        Node::Negative(one)
        | Node::PlusMinus { operand: one, .. }
        | Node::Percent(one)
        | Node::Degrees(one)
        | Node::Quantity(one, _) => visit(*one),
        Node::Quotient(one, two) | Node::Power(one, two) | Node::Difference(one, two) => {
            visit(*one);
            visit(*two);
        }
        Node::Series { from, to, body, .. } => {
            visit(*from);
            visit(*to);
            visit(*body);
        }
        Node::Sum(items)
        | Node::Product(items)
        | Node::Call(_, items)
        | Node::Unknown(_, items)
        | Node::Opaque(_, items)
        | Node::Ratio(items)
        | Node::Tuple { items, .. }
        | Node::Outward { items, .. }
        | Node::Set(items)
        | Node::List { items, .. }
        | Node::Union(items)
        | Node::Intersection(items)
        | Node::Matrix { cells: items, .. } => items.iter().for_each(|item| visit(*item)),
        Node::Builder(first, rest) | Node::Where(first, rest) => {
            visit(*first);
            for item in rest {
                visit(*item);
            }
        }
        Node::Relations(first, rest) => {
            visit(*first);
            for (_, item) in rest {
                visit(*item);
            }
        }
    }
}

/// Whether two nodes are equal, their children aside.
fn same_head(one: &Node, two: &Node) -> bool {
    match (one, two) {
        (Node::PlusMinus { flipped: one, .. }, Node::PlusMinus { flipped: two, .. }) => one == two,
        (Node::Call(one, _), Node::Call(two, _)) => one == two,
        (Node::Unknown(one, _), Node::Unknown(two, _))
        | (Node::Opaque(one, _), Node::Opaque(two, _)) => one == two,
        (
            Node::Series { product: one, index: a, .. },
            Node::Series { product: two, index: b, .. },
        ) => one == two && a == b,
        (Node::Quantity(_, one), Node::Quantity(_, two)) => one == two,
        (Node::Tuple { open: a, close: b, .. }, Node::Tuple { open: c, close: d, .. }) => {
            a == c && b == d
        }
        (
            Node::Outward { low_open: a, high_open: b, .. },
            Node::Outward { low_open: c, high_open: d, .. },
        ) => a == c && b == d,
        (Node::List { join: one, .. }, Node::List { join: two, .. }) => one == two,
        (Node::Relations(_, one), Node::Relations(_, two)) => {
            one.iter().map(|(relation, _)| relation).eq(two.iter().map(|(relation, _)| relation))
        }
        (Node::Matrix { columns: one, .. }, Node::Matrix { columns: two, .. }) => one == two,
        (
            Node::Number(_)
            | Node::Decimal(..)
            | Node::Symbol(_)
            | Node::Constant(_)
            | Node::Based { .. }
            | Node::Numbers(_)
            | Node::Text(_),
            _,
        ) => one == two,
        _ => std::mem::discriminant(one) == std::mem::discriminant(two),
    }
}
