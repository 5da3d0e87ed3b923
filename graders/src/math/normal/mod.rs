//! Normal forms: expressions in which equal things are one thing.
//!
//! Every form stands once in an arena, so two forms are the same exactly when their ids are. Rational
//! numbers are folded, like terms and like factors are collected, roots of whole numbers are taken apart
//! into primes. What is left may still be equal without being the same: that is for the modular and the
//! numeric tests to say.

mod call;
mod integer;
mod power;
mod read;

use std::collections::HashMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::budget::{Budget, Stop};
use super::rational::{cost, limbs, product, sum};
use super::tree::Constant;
use super::words::Function;

pub(super) use read::{BRANCHES_MAX, Notation, signs as read_signs};

/// A form's place in its arena.
pub(super) type Id = u32;

/// Zero.
pub(super) const ZERO: Id = 0;
/// One.
pub(super) const ONE: Id = 1;
/// The most forms of a comparison.
const FORMS_MAX: usize = 1 << 15;
/// The steps that a new form is charged.
const FORM_STEPS: u64 = 20;

/// One form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Rational(BigRational),
    /// A letter, by its place among the names.
    Symbol(u32),
    Constant(Constant),
    /// Terms and their coefficients, by id; the constant term is that of [`ONE`]. Either several terms,
    /// or one whose coefficient is not one.
    Sum(Vec<(Id, BigRational)>),
    /// Bases and their exponents, by id.
    Product(Vec<(Id, Id)>),
    Call(Function, Vec<Id>),
    /// A function of which nothing is known; one that is `free` may take any value.
    Opaque {
        name: String,
        free: bool,
        parts: Vec<Id>,
    },
}

/// The arena.
#[derive(Debug)]
pub(super) struct Forms {
    all: Vec<Form>,
    ids: HashMap<Form, Id>,
    names: Vec<String>,
    pub(super) budget: Budget,
}

impl Forms {
    pub(super) fn new() -> Self {
        let mut forms = Self {
            all: Vec::with_capacity(32),
            ids: HashMap::with_capacity(32),
            names: Vec::new(),
            budget: Budget::new(),
        };
        for value in [BigRational::zero(), BigRational::one()] {
            forms.all.push(Form::Rational(value.clone()));
            let id = Id::from(!value.is_zero());
            forms.ids.insert(Form::Rational(value), id);
        }
        forms
    }

    /// The form at `id`.
    pub(super) fn get(&self, id: Id) -> &Form {
        &self.all[id as usize]
    }

    /// How many forms there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many letters there are.
    pub(super) fn symbols(&self) -> usize {
        self.names.len()
    }

    fn intern(&mut self, form: Form) -> Result<Id, Stop> {
        self.budget.charge(FORM_STEPS)?;
        if let Some(id) = self.ids.get(&form) {
            return Ok(*id);
        }
        if self.all.len() >= FORMS_MAX {
            return Err(Stop::Limit);
        }
        let id = Id::try_from(self.all.len()).map_err(|_| Stop::Limit)?;
        self.all.push(form.clone());
        self.ids.insert(form, id);
        Ok(id)
    }

    /// The form of a rational number.
    pub(super) fn rational(&mut self, value: BigRational) -> Result<Id, Stop> {
        self.budget.charge(limbs(&value))?;
        if value.is_zero() {
            return Ok(ZERO);
        }
        self.intern(Form::Rational(value))
    }

    /// The form of a whole number.
    pub(super) fn integer(&mut self, value: i64) -> Result<Id, Stop> {
        self.rational(BigRational::from_integer(value.into()))
    }

    /// The form of a letter.
    pub(super) fn symbol(&mut self, name: &str) -> Result<Id, Stop> {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.intern(Form::Symbol(u32::try_from(at).map_err(|_| Stop::Limit)?))
    }

    /// The form of the letter at a place among the names.
    pub(super) fn letter(&mut self, place: usize) -> Result<Id, Stop> {
        self.intern(Form::Symbol(u32::try_from(place).map_err(|_| Stop::Limit)?))
    }

    /// The name of a letter.
    pub(super) fn name(&self, symbol: u32) -> &str {
        &self.names[symbol as usize]
    }

    /// The form of a constant.
    pub(super) fn constant(&mut self, constant: Constant) -> Result<Id, Stop> {
        self.intern(Form::Constant(constant))
    }

    /// The rational number that a form is.
    pub(super) fn as_rational(&self, id: Id) -> Option<&BigRational> {
        match self.get(id) {
            Form::Rational(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number that a form is.
    pub(super) fn as_integer(&self, id: Id) -> Option<&BigInt> {
        self.as_rational(id).filter(|value| value.is_integer()).map(BigRational::numer)
    }

    /// Whether `test` holds of a form or of anything in it.
    pub(super) fn any(&self, id: Id, test: &impl Fn(&Form) -> bool) -> bool {
        let mut seen = vec![false; self.all.len()];
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id as usize], true) {
                continue;
            }
            let form = self.get(id);
            if test(form) {
                return true;
            }
            match form {
                Form::Rational(_) | Form::Symbol(_) | Form::Constant(_) => {}
                Form::Sum(terms) => open.extend(terms.iter().map(|(term, _)| *term)),
                Form::Product(factors) => {
                    open.extend(factors.iter().flat_map(|(base, exponent)| [*base, *exponent]));
                }
                Form::Call(_, parts) | Form::Opaque { parts, .. } => open.extend(parts),
            }
        }
        false
    }

    /// Whether a letter, or a function of which nothing is known, stands in it.
    pub(super) fn is_open(&self, id: Id) -> bool {
        self.any(id, &|form| matches!(form, Form::Symbol(_) | Form::Opaque { .. }))
    }

    /// The terms of a sum, or the form as the only one.
    pub(super) fn terms(&self, id: Id) -> Vec<(Id, BigRational)> {
        match self.get(id) {
            Form::Rational(value) if value.is_zero() => Vec::new(),
            Form::Rational(value) => vec![(ONE, value.clone())],
            Form::Sum(terms) => terms.clone(),
            _ => vec![(id, BigRational::one())],
        }
    }

    /// The sum of terms in the order of their ids, none of them zero.
    fn sum_of(&mut self, terms: Vec<(Id, BigRational)>) -> Result<Id, Stop> {
        match &terms[..] {
            [] => Ok(ZERO),
            [(ONE, value)] => self.rational(value.clone()),
            [(term, value)] if value.is_one() => Ok(*term),
            _ => self.intern(Form::Sum(terms)),
        }
    }

    /// The sum of `items`.
    pub(super) fn add(&mut self, items: &[Id]) -> Result<Id, Stop> {
        let mut all: Vec<(Id, BigRational)> = Vec::new();
        for item in items {
            all.extend(self.terms(*item));
        }
        all.sort_by_key(|(term, _)| *term);
        let mut merged: Vec<(Id, BigRational)> = Vec::with_capacity(all.len());
        for (term, value) in all {
            self.budget.charge(limbs(&value))?;
            match merged.last_mut() {
                Some((last, so_far)) if *last == term => {
                    self.budget.charge(cost(so_far, &value))?;
                    *so_far = sum(so_far, &value);
                }
                _ => merged.push((term, value)),
            }
        }
        merged.retain(|(_, value)| !value.is_zero());
        self.sum_of(merged)
    }

    /// `one - two`.
    pub(super) fn sub(&mut self, one: Id, two: Id) -> Result<Id, Stop> {
        let two = self.negative(two)?;
        self.add(&[one, two])
    }

    /// `-id`.
    pub(super) fn negative(&mut self, id: Id) -> Result<Id, Stop> {
        self.scale(id, &-BigRational::one())
    }

    /// `id` times a number.
    pub(super) fn scale(&mut self, id: Id, by: &BigRational) -> Result<Id, Stop> {
        if by.is_one() {
            return Ok(id);
        }
        if by.is_zero() {
            return Ok(ZERO);
        }
        let mut terms = self.terms(id);
        for (_, value) in &mut terms {
            self.budget.charge(cost(value, by))?;
            *value = product(value, by);
        }
        self.sum_of(terms)
    }

    /// A form as a number times factors; of a sum of several terms the last coefficient is taken out.
    fn split(&mut self, id: Id) -> Result<(BigRational, Vec<(Id, Id)>), Stop> {
        Ok(match self.get(id).clone() {
            Form::Rational(value) => (value, Vec::new()),
            Form::Product(factors) => (BigRational::one(), factors),
            Form::Sum(mut terms) => {
                let Some((last, content)) = terms.last().cloned() else {
                    return Ok((BigRational::zero(), Vec::new()));
                };
                if terms.len() == 1 {
                    let (_, factors) = self.split(last)?;
                    return Ok((content, factors));
                }
                if content.is_one() {
                    return Ok((content, vec![(id, ONE)]));
                }
                for (_, value) in &mut terms {
                    self.budget.charge(cost(value, &content))?;
                    *value /= &content;
                }
                let primitive = self.intern(Form::Sum(terms))?;
                (content, vec![(primitive, ONE)])
            }
            _ => (BigRational::one(), vec![(id, ONE)]),
        })
    }

    /// The number in front of a form, as [`Forms::split`] takes it out.
    pub(super) fn coefficient(&mut self, id: Id) -> Result<BigRational, Stop> {
        Ok(self.split(id)?.0)
    }

    /// The product of `items`.
    pub(super) fn mul(&mut self, items: &[Id]) -> Result<Id, Stop> {
        let mut coefficient = BigRational::one();
        let mut all: Vec<(Id, Id)> = Vec::new();
        for item in items {
            let (number, factors) = self.split(*item)?;
            self.budget.charge(cost(&coefficient, &number))?;
            coefficient = product(&coefficient, &number);
            all.extend(factors);
        }
        if coefficient.is_zero() {
            return Ok(ZERO);
        }
        self.collect(coefficient, all)
    }

    /// A number times powers, with like bases made one.
    fn collect(
        &mut self,
        mut coefficient: BigRational,
        mut all: Vec<(Id, Id)>,
    ) -> Result<Id, Stop> {
        all.sort_by_key(|(base, _)| *base);
        let mut merged: Vec<(Id, Id)> = Vec::with_capacity(all.len());
        for (base, exponent) in all {
            match merged.last_mut() {
                Some((last, sum)) if *last == base => *sum = self.add(&[*sum, exponent])?,
                _ => merged.push((base, exponent)),
            }
        }
        let mut factors = Vec::with_capacity(merged.len());
        for (base, exponent) in merged {
            let (number, exponent) = self.reduced(base, exponent)?;
            if !number.is_one() {
                self.budget.charge(cost(&coefficient, &number))?;
                coefficient = product(&coefficient, &number);
            }
            if exponent != ZERO {
                factors.push((base, exponent));
            }
        }
        let monomial = match factors[..] {
            [] => return self.rational(coefficient),
            [(base, ONE)] => base,
            _ => self.intern(Form::Product(factors))?,
        };
        self.scale(monomial, &coefficient)
    }

    /// The most bits of any number in a form.
    pub(super) fn widest(&self, id: Id) -> u64 {
        let mut widest = 0;
        let mut seen = vec![false; self.all.len()];
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id as usize], true) {
                continue;
            }
            let bits = |value: &BigRational| value.numer().bits().max(value.denom().bits());
            match self.get(id) {
                Form::Rational(value) => widest = widest.max(bits(value)),
                Form::Symbol(_) | Form::Constant(_) => {}
                Form::Sum(terms) => {
                    widest = terms.iter().map(|(_, value)| bits(value)).fold(widest, u64::max);
                    open.extend(terms.iter().map(|(term, _)| *term));
                }
                Form::Product(factors) => {
                    open.extend(factors.iter().flat_map(|(base, exponent)| [*base, *exponent]));
                }
                Form::Call(_, parts) | Form::Opaque { parts, .. } => open.extend(parts),
            }
        }
        widest
    }

    /// `id` with a letter replaced by another form.
    pub(super) fn replace(&mut self, id: Id, letter: Id, by: Id) -> Result<Id, Stop> {
        let mut known = HashMap::new();
        known.insert(letter, by);
        self.replaced(id, &mut known)
    }

    fn replaced(&mut self, id: Id, known: &mut HashMap<Id, Id>) -> Result<Id, Stop> {
        if let Some(new) = known.get(&id) {
            return Ok(*new);
        }
        self.budget.charge(1)?;
        let new = match self.get(id).clone() {
            Form::Rational(_) | Form::Symbol(_) | Form::Constant(_) => id,
            Form::Sum(terms) => {
                let mut parts = Vec::with_capacity(terms.len());
                for (term, factor) in terms {
                    let term = self.replaced(term, known)?;
                    parts.push(self.scale(term, &factor)?);
                }
                self.add(&parts)?
            }
            Form::Product(factors) => {
                let mut parts = Vec::with_capacity(factors.len());
                for (base, exponent) in factors {
                    let (base, exponent) =
                        (self.replaced(base, known)?, self.replaced(exponent, known)?);
                    parts.push(self.pow(base, exponent)?);
                }
                self.mul(&parts)?
            }
            Form::Call(function, parts) => {
                let parts = self.all_replaced(&parts, known)?;
                self.call(function, &parts)?
            }
            Form::Opaque { name, free, parts } => {
                let parts = self.all_replaced(&parts, known)?;
                self.intern(Form::Opaque { name, free, parts })?
            }
        };
        known.insert(id, new);
        Ok(new)
    }

    fn all_replaced(&mut self, parts: &[Id], known: &mut HashMap<Id, Id>) -> Result<Vec<Id>, Stop> {
        parts.iter().map(|part| self.replaced(*part, known)).collect()
    }

    /// Whether a number is a power that stays small enough to be worked out.
    fn fits(value: &BigRational, exponent: &BigInt) -> bool {
        let bits = value.numer().bits().max(value.denom().bits());
        let by = u64::try_from(exponent.abs()).unwrap_or(u64::MAX);
        bits <= 1 || bits.saturating_mul(by) <= integer::POWER_BITS_MAX
    }
}
