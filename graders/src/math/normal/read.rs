//! Brings a tree into normal form.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use super::super::tree::{Constant, Node, Ref, Tree};
use super::{Form, Forms, Function, Id, Stop};

/// The most terms of a sum or a product that is written out.
const SERIES_MAX: i64 = 10_000;
/// The most signs `±` in one expression, each of which doubles its values.
pub(in crate::math) const BRANCHES_MAX: u32 = 6;

/// How notation that does not speak for itself is meant.
#[derive(Clone, Debug, Default)]
pub(in crate::math) struct Notation {
    /// Whether `\log` is the natural logarithm, and not the one to base ten.
    pub(in crate::math) natural_log: bool,
    /// Which branch of each sign `±` is taken: a bit a sign.
    pub(in crate::math) branch: u32,
    /// A letter that is read as another one.
    pub(in crate::math) renamed: Option<(String, String)>,
    /// Whether all signs turn together, as `±` and `∓` do.
    pub(in crate::math) linked: bool,
}

/// A reading on its way.
struct Reader<'r> {
    tree: &'r Tree,
    notation: &'r Notation,
    /// How many signs `±` have been met.
    signs: u32,
    /// The letters that stand for something: the indices of sums, what an equation is solved for.
    bound: Vec<(String, Id)>,
}

impl Forms {
    /// The normal form of the expression at `at`.
    pub(in crate::math) fn read(
        &mut self,
        tree: &Tree,
        at: Ref,
        notation: &Notation,
    ) -> Result<Id, Stop> {
        let mut reader = Reader { tree, notation, signs: 0, bound: Vec::new() };
        self.walk(&mut reader, at)
    }

    fn walk(&mut self, reader: &mut Reader<'_>, at: Ref) -> Result<Id, Stop> {
        self.budget.charge(1)?;
        let tree = reader.tree;
        match tree.get(at) {
            Node::Number(value) | Node::Decimal(value, _) => self.rational(value.clone()),
            Node::Symbol(name) => self.bound_or_free(reader, name),
            Node::Constant(constant) => self.constant(*constant),
            Node::Sum(items) => {
                let items = self.walk_all(reader, items)?;
                self.add(&items)
            }
            Node::Product(items) => {
                let items = self.walk_all(reader, items)?;
                self.mul(&items)
            }
            Node::Quotient(top, bottom) => {
                let (top, bottom) = (self.walk(reader, *top)?, self.walk(reader, *bottom)?);
                self.div(top, bottom)
            }
            Node::Power(base, exponent) => {
                let (base, exponent) = (self.walk(reader, *base)?, self.walk(reader, *exponent)?);
                self.pow(base, exponent)
            }
            Node::Negative(inner) => {
                let inner = self.walk(reader, *inner)?;
                self.negative(inner)
            }
            Node::PlusMinus { operand, flipped } => {
                // A sign whose branch nobody chose would silently be taken as plus.
                let bit = if reader.notation.linked { 0 } else { reader.signs };
                if reader.notation.branch == 0 || bit >= BRANCHES_MAX {
                    return Err(Stop::Limit);
                }
                reader.signs += 1;
                let negative = (reader.notation.branch >> bit) & 1 == 1;
                let inner = self.walk(reader, *operand)?;
                if negative == *flipped { Ok(inner) } else { self.negative(inner) }
            }
            Node::Call(function, parts) => self.walk_call(reader, *function, parts),
            Node::Unknown(name, parts) => {
                let parts = self.walk_all(reader, parts)?;
                self.intern(Form::Opaque { name: name.clone(), free: true, parts })
            }
            Node::Opaque(name, parts) => {
                let parts = self.walk_all(reader, parts)?;
                self.intern(Form::Opaque { name: name.clone(), free: false, parts })
            }
            Node::Series { product, index, from, to, body } => {
                let range = (self.walk(reader, *from)?, self.walk(reader, *to)?);
                self.series(reader, *product, (index, *body), range)
            }
            Node::Percent(inner) => {
                let inner = self.walk(reader, *inner)?;
                self.scale(inner, &BigRational::new(BigInt::one(), 100.into()))
            }
            Node::Degrees(inner) => {
                let (inner, pi) = (self.walk(reader, *inner)?, self.constant(Constant::Pi)?);
                let radians = self.mul(&[inner, pi])?;
                self.scale(radians, &BigRational::new(BigInt::one(), 180.into()))
            }
            Node::Based { digits, base } => self.based(digits, *base),
            Node::Ratio(parts) => match parts[..] {
                [one, two] => {
                    let (one, two) = (self.walk(reader, one)?, self.walk(reader, two)?);
                    self.div(one, two)
                }
                _ => Err(Stop::Unsupported),
            },
            _ => Err(Stop::Unsupported),
        }
    }

    fn walk_all(&mut self, reader: &mut Reader<'_>, items: &[Ref]) -> Result<Vec<Id>, Stop> {
        items.iter().map(|item| self.walk(reader, *item)).collect()
    }

    fn bound_or_free(&mut self, reader: &Reader<'_>, name: &str) -> Result<Id, Stop> {
        match reader.bound.iter().rev().find(|(index, _)| index == name) {
            Some((_, value)) => Ok(*value),
            None => match &reader.notation.renamed {
                Some((from, to)) if from == name => self.symbol(to),
                _ => self.symbol(name),
            },
        }
    }

    fn walk_call(
        &mut self,
        reader: &mut Reader<'_>,
        function: Function,
        parts: &[Ref],
    ) -> Result<Id, Stop> {
        if function == Function::Det {
            return self.determinant(reader, parts);
        }
        let parts = self.walk_all(reader, parts)?;
        if let (Function::Log, [x]) = (function, &parts[..]) {
            if reader.notation.natural_log {
                return self.call(Function::Ln, &[*x]);
            }
            let ten = self.integer(10)?;
            return self.call(Function::Log, &[*x, ten]);
        }
        self.call(function, &parts)
    }

    /// The determinant of a matrix of two or three rows.
    fn determinant(&mut self, reader: &mut Reader<'_>, parts: &[Ref]) -> Result<Id, Stop> {
        let [matrix] = *parts else { return Err(Stop::Unsupported) };
        let Node::Matrix { columns, cells } = reader.tree.get(matrix) else {
            return Err(Stop::Unsupported);
        };
        let cells = self.walk_all(reader, cells)?;
        let permutations: &[(&[usize], i64)] = match (*columns, cells.len()) {
            (2, 4) => &[(&[0, 3], 1), (&[1, 2], -1)],
            (3, 9) => &[
                (&[0, 4, 8], 1),
                (&[1, 5, 6], 1),
                (&[2, 3, 7], 1),
                (&[2, 4, 6], -1),
                (&[1, 3, 8], -1),
                (&[0, 5, 7], -1),
            ],
            _ => return Err(Stop::Unsupported),
        };
        let mut terms = Vec::new();
        for (places, sign) in permutations {
            let factors: Vec<Id> = places.iter().map(|place| cells[*place]).collect();
            let product = self.mul(&factors)?;
            terms.push(self.scale(product, &BigRational::from_integer((*sign).into()))?);
        }
        self.add(&terms)
    }

    /// Writes out a sum or a product over whole numbers.
    fn series(
        &mut self,
        reader: &mut Reader<'_>,
        product: bool,
        (index, body): (&str, Ref),
        (from, to): (Id, Id),
    ) -> Result<Id, Stop> {
        let bounds = self.as_integer(from).cloned().zip(self.as_integer(to).cloned());
        let count = bounds.as_ref().and_then(|(from, to)| (to - from + 1_i32).to_i64());
        let Some(((from, _), count)) = bounds.zip(count).filter(|(_, count)| *count <= SERIES_MAX)
        else {
            let inner = self.walk(reader, body)?;
            let name = if product { "prod" } else { "sum" }.to_owned() + " " + index;
            let bounds = vec![from, to, inner];
            return self.intern(Form::Opaque { name, free: false, parts: bounds });
        };
        let mut parts = Vec::new();
        for step in 0..count.max(0) {
            let value = self.rational(BigRational::from_integer(&from + step))?;
            reader.bound.push((index.to_owned(), value));
            let part = self.walk(reader, body);
            reader.bound.pop();
            parts.push(part?);
            // A product in one go would multiply what is long with what is short.
            if product && parts.len() == 64 {
                parts = vec![self.mul(&parts)?];
            }
        }
        if product { self.mul(&parts) } else { self.add(&parts) }
    }

    /// The value of digits in a base.
    fn based(&mut self, digits: &str, base: u32) -> Result<Id, Stop> {
        let limbs = digits.len() as u64 / 10 + 1;
        self.budget.charge(limbs * limbs)?;
        let mut value = BigInt::zero();
        for digit in digits.chars() {
            let digit = digit.to_digit(base).ok_or(Stop::Unsupported)?;
            value = value * base + digit;
        }
        self.rational(BigRational::from_integer(value))
    }
}

/// How many signs `±` stand in an expression, and whether they turn together.
pub(in crate::math) fn signs(tree: &Tree, at: Ref) -> (u32, bool) {
    let count = std::cell::Cell::new(0);
    let linked = std::cell::Cell::new(false);
    tree.any(at, &|node| {
        if let Node::PlusMinus { flipped, .. } = node {
            count.set(count.get() + 1);
            linked.set(linked.get() || *flipped);
        }
        false
    });
    (count.get(), linked.get())
}
