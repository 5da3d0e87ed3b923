//! Decides whether an answer says what the gold says: the shapes of both, and what may stand for what.

mod collection;
mod measure;
mod reals;
mod relation;
mod scalar;

use std::collections::HashMap;

use tripos_tasks::MathPolicy;

use super::budget::Stop;
use super::normal::{Forms, Id, Notation};
use super::parse::Parsed;
use super::tree::{Constant, Join, Node, Numbers, Ref, Tree};
use super::words::{self, Function, Meaning};

/// How a decision came about; the later, the more it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    /// The same tokens.
    Identical,
    /// The same words.
    Text,
    /// The same normal form, or different numbers.
    Exact,
    /// Values modulo primes.
    Modular,
    /// Values of points in ball arithmetic.
    Sampled,
    /// Values of constants in ball arithmetic, to 512 bits where they are equal.
    Numeric,
}

/// Whether two things are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Equal(Method),
    NotEqual(Method),
    Unknown(Stop),
}

impl From<Stop> for Decision {
    /// What has no value equals nothing that has one.
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Undefined => Self::NotEqual(Method::Exact),
            stop => Self::Unknown(stop),
        }
    }
}

impl Decision {
    pub(super) fn is_equal(self) -> bool {
        matches!(self, Self::Equal(_))
    }

    /// Equal where both are, different where one is.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotEqual(method), _) | (_, Self::NotEqual(method)) => Self::NotEqual(method),
            (Self::Unknown(stop), _) | (_, Self::Unknown(stop)) => Self::Unknown(stop),
            (Self::Equal(one), Self::Equal(two)) => Self::Equal(one.max(two)),
        }
    }

    /// The more favourable of two ways to see it.
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.is_equal() {
            return self;
        }
        match (self, other()) {
            (_, equal @ Self::Equal(_)) => equal,
            (Self::NotEqual(_), unknown @ Self::Unknown(_)) => unknown,
            (first, _) => first,
        }
    }
}

/// The verdict that shapes which nothing reconciles get.
const DIFFERENT: Decision = Decision::NotEqual(Method::Exact);

/// A part of an answer, with the branch of its signs `±`.
#[derive(Clone, Copy, Debug)]
struct Part<'t> {
    tree: &'t Tree,
    at: Ref,
    /// Whether it is of the gold.
    gold: bool,
    branch: u32,
    linked: bool,
}

impl<'t> Part<'t> {
    fn of(tree: &'t Tree, at: Ref, gold: bool) -> Self {
        Self { tree, at, gold, branch: 0, linked: false }
    }

    fn node(self) -> &'t Node {
        self.tree.get(self.at)
    }

    /// A part of this part.
    fn child(self, at: Ref) -> Self {
        Self { at, ..self }
    }

    fn children(self, items: &[Ref]) -> Vec<Self> {
        items.iter().map(|item| self.child(*item)).collect()
    }

    fn any(self, test: &impl Fn(&Node) -> bool) -> bool {
        self.tree.any(self.at, test)
    }

    fn alike(self, other: Self) -> bool {
        self.tree.alike(self.at, other.tree, other.at)
    }
}

/// A comparison on its way.
pub(super) struct Decider<'c> {
    forms: Forms,
    known: HashMap<(bool, Ref, u32), Result<Id, Stop>>,
    policy: &'c MathPolicy,
    seed: u64,
    natural_log: [bool; 2],
    /// A letter of the answer, and what it is called in the gold.
    renamed: Option<(String, String)>,
    /// The rules of the semantics table that were leant on.
    flags: Vec<&'static str>,
}

/// What a comparison came to.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) decision: Decision,
    pub(super) flags: Vec<&'static str>,
    pub(super) steps: u64,
}

/// Compares one reading of the answer with one of the gold.
pub(super) fn decide(gold: &Parsed, given: &Parsed, policy: &MathPolicy, seed: u64) -> Outcome {
    let mut decider = Decider {
        forms: Forms::new(),
        known: HashMap::new(),
        policy,
        seed,
        natural_log: [policy.natural_log; 2],
        renamed: None,
        flags: Vec::new(),
    };
    let gold = Part::of(&gold.tree, gold.root, true);
    let given = Part::of(&given.tree, given.root, false);
    let decision = decider.compare(gold, given);
    let decision = decision.or(|| decider.with_natural_log(gold, given));
    let decision = decision.or(|| decider.with_parameter(gold, given));
    Outcome { decision, flags: decider.flags, steps: decider.forms.budget.used() }
}

impl<'t> Decider<'_> {
    /// Notes that a rule of the semantics table was leant on.
    fn flag(&mut self, rule: &'static str) {
        if !self.flags.contains(&rule) {
            self.flags.push(rule);
        }
    }

    /// `decision`, and where it is equal the rule that made it so.
    fn flagged(&mut self, rule: &'static str, decision: Decision) -> Decision {
        if decision.is_equal() {
            self.flag(rule);
        }
        decision
    }

    /// Tries the answer's `\log` as the natural logarithm where the gold speaks of `\ln` only.
    fn with_natural_log(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        let plain =
            |node: &Node| matches!(node, Node::Call(Function::Log, parts) if parts.len() == 1);
        let natural = |node: &Node| matches!(node, Node::Call(Function::Ln, _));
        if self.policy.natural_log || !given.any(&plain) || gold.any(&plain) || !gold.any(&natural)
        {
            return DIFFERENT;
        }
        self.natural_log[1] = true;
        self.known.clear();
        let decision = self.compare(gold, given);
        self.flagged("log_is_ln", decision)
    }

    /// Tries the answer's letter for any whole number under the name that the gold gives it: a family
    /// of solutions has a parameter, and its name says nothing.
    fn with_parameter(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        let families = |part: Part<'t>| {
            part.any(&|node| matches!(node, Node::Where(..) | Node::Constant(Constant::Pi)))
        };
        // A constant of integration has any name, too.
        let constants = ["C", "c", "C_1", "c_1"];
        let is_constant =
            |node: &Node| matches!(node, Node::Symbol(name) if constants.contains(&name.as_str()));
        let is_other = |node: &Node| match node {
            Node::Symbol(name) => !constants.contains(&name.as_str()),
            Node::Unknown(..) => true,
            _ => false,
        };
        let (names, given_names) = if families(gold) && families(given) {
            (parameters(gold, &PARAMETERS), parameters(given, &PARAMETERS))
        } else if gold.any(&is_constant) && gold.any(&is_other) {
            (parameters(gold, &constants), parameters(given, &CONSTANTS))
        } else {
            return DIFFERENT;
        };
        let alone = |names: &[String], others: &[String]| {
            let mut alone = names.iter().filter(|name| !others.contains(name));
            alone.next().filter(|_| alone.next().is_none()).cloned()
        };
        let (Some(name), Some(given_name)) =
            (alone(&names, &given_names), alone(&given_names, &names))
        else {
            return DIFFERENT;
        };
        self.renamed = Some((given_name, name));
        self.known.clear();
        let decision = self.compare(gold, given);
        self.flagged("parameter_name", decision)
    }

    /// The normal form of a part.
    fn form(&mut self, part: Part<'_>) -> Result<Id, Stop> {
        let key = (part.gold, part.at, part.branch);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let notation = Notation {
            natural_log: self.natural_log[usize::from(!part.gold)],
            branch: part.branch,
            linked: part.linked,
            renamed: self.renamed.clone().filter(|_| !part.gold),
        };
        let form = self.forms.read(part.tree, part.at, &notation);
        self.known.insert(key, form);
        form
    }

    /// Compares any two parts.
    fn compare(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        if let Err(stop) = self.forms.budget.charge(4) {
            return Decision::Unknown(stop);
        }
        if gold.branch == given.branch && gold.alike(given) {
            return Decision::Equal(Method::Identical);
        }
        if let (Node::Where(..), _) | (_, Node::Where(..)) = (gold.node(), given.node()) {
            return self.conditioned(gold, given);
        }
        if let Some(decision) = Self::meanings(gold, given) {
            return decision;
        }
        if let Some(decision) = self.real_sets(gold, given) {
            return decision;
        }
        let relations = |part: Part<'_>| matches!(part.node(), Node::Relations(..));
        match (relations(gold), relations(given)) {
            (true, true) => return self.two_relations(gold, given),
            (true, false) => return self.gold_relation(gold, given),
            (false, true) => return self.given_relation(gold, given),
            (false, false) => {}
        }
        if let Some(decision) = self.unit_vectors(gold, given) {
            return decision;
        }
        if let Some(decision) = self.collections(gold, given) {
            return decision;
        }
        if let Some(decision) = self.matrices(gold, given) {
            return decision;
        }
        match (gold.node(), given.node()) {
            (Node::Text(one), Node::Text(two)) => same_text(one, two),
            (Node::Text(one), other) | (other, Node::Text(one)) => text_and_letter(one, other),
            _ if is_scalar(gold.node()) && is_scalar(given.node()) => self.measures(gold, given),
            _ => DIFFERENT,
        }
    }

    /// Compares statements that name a condition: a condition on one side only does not count, nor
    /// does one that says which whole numbers a letter runs through.
    fn conditioned(&mut self, gold: Part<'t>, given: Part<'t>) -> Decision {
        let body = |part: Part<'t>| match part.node() {
            Node::Where(body, rest) => (part.child(*body), part.children(rest)),
            _ => (part, Vec::new()),
        };
        let ((gold, limits), (given, given_limits)) = (body(gold), body(given));
        let decision = self.compare(gold, given);
        if !decision.is_equal() {
            return decision;
        }
        let counts = |part: &Part<'t>| match part.node() {
            Node::Relations(_, rest) => match rest[..] {
                [(super::lex::Relation::In, set)] => {
                    !matches!(part.tree.get(set), Node::Numbers(_) | Node::Text(_))
                }
                _ => true,
            },
            _ => true,
        };
        let limits: Vec<_> = limits.into_iter().filter(counts).collect();
        let given_limits: Vec<_> = given_limits.into_iter().filter(counts).collect();
        if limits.is_empty() || given_limits.is_empty() {
            if limits.len() + given_limits.len() > 0 {
                self.flag("condition_dropped");
            }
            return decision;
        }
        decision.and(self.matched(&limits, &given_limits))
    }

    /// Compares what has a word for it: nothing, infinity, everything.
    fn meanings(gold: Part<'t>, given: Part<'t>) -> Option<Decision> {
        let (one, two) = (meaning(gold), meaning(given));
        match (one, two) {
            (Some(one), Some(two)) if one == two => Some(Decision::Equal(Method::Text)),
            (Some(one), Some(two)) if one != two => Some(Decision::NotEqual(Method::Text)),
            _ => None,
        }
    }
}

/// The meaning of what stands at `at`, where there is a word for it.
pub(super) fn meaning_of(tree: &Tree, at: Ref) -> Option<Meaning> {
    meaning(Part::of(tree, at, true))
}

/// The meaning of a part that has a word for it.
fn meaning(part: Part<'_>) -> Option<Meaning> {
    match part.node() {
        Node::Empty => Some(Meaning::Nothing),
        Node::Constant(Constant::Infinity) => Some(Meaning::Infinity),
        Node::Negative(inner) => match part.tree.get(*inner) {
            Node::Constant(Constant::Infinity) => Some(Meaning::MinusInfinity),
            _ => None,
        },
        Node::Numbers(Numbers::Reals) => Some(Meaning::AllReals),
        Node::Text(text) => words::meaning(&words::bare(text)),
        Node::Quantity(inner, _) => meaning(part.child(*inner)),
        _ => None,
    }
}

/// Compares two texts by their words.
pub(super) fn same_text(one: &str, two: &str) -> Decision {
    let bare = |text: &str| {
        let words = words::bare(text);
        words.strip_suffix(" only").map_or(words.clone(), str::to_owned)
    };
    let (one, two) = (bare(one), bare(two));
    // A time of day may leave out its half.
    let hour = |text: &str| {
        let half = text.strip_suffix(" am").or_else(|| text.strip_suffix(" pm"));
        half.filter(|hour| hour.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
    };
    let (one, two) = match (hour(&one), hour(&two)) {
        (Some(hour), None) => (hour, two),
        (None, Some(hour)) => (one, hour),
        _ => (one, two),
    };
    if one == two && !one.is_empty() {
        return Decision::Equal(Method::Text);
    }
    match (words::meaning(&one), words::meaning(&two)) {
        (Some(one), Some(two)) if one == two => Decision::Equal(Method::Text),
        _ => Decision::NotEqual(Method::Text),
    }
}

/// Compares a text with something else: a letter in an upright font is still that letter.
fn text_and_letter(text: &str, other: &Node) -> Decision {
    match other {
        Node::Symbol(name) if name == text.trim() => Decision::Equal(Method::Text),
        Node::Constant(Constant::I) if text.trim() == "i" => Decision::Equal(Method::Text),
        Node::Constant(Constant::E) if text.trim() == "e" => Decision::Equal(Method::Text),
        _ => Decision::NotEqual(Method::Text),
    }
}

/// Letters that commonly stand for any whole number.
const PARAMETERS: [&str; 6] = ["k", "n", "m", "l", "j", "t"];
/// Letters that commonly stand for a constant of integration.
const CONSTANTS: [&str; 11] = ["C", "c", "C_1", "c_1", "K", "k", "A", "B", "D", "C_0", "c_0"];

/// The letters of a part that are among `known`.
fn parameters(part: Part<'_>, known: &[&str]) -> Vec<String> {
    let found = std::cell::RefCell::new(Vec::new());
    part.any(&|node| {
        if let Node::Symbol(name) = node
            && known.contains(&name.as_str())
            && !found.borrow().contains(name)
        {
            found.borrow_mut().push(name.clone());
        }
        false
    });
    found.into_inner()
}

/// Whether a node is one value.
fn is_scalar(node: &Node) -> bool {
    !matches!(
        node,
        Node::Tuple { .. }
            | Node::Outward { .. }
            | Node::Set(_)
            | Node::List { .. }
            | Node::Builder(..)
            | Node::Where(..)
            | Node::Union(_)
            | Node::Intersection(_)
            | Node::Difference(..)
            | Node::Numbers(_)
            | Node::Empty
            | Node::Relations(..)
            | Node::Matrix { .. }
            | Node::Text(_)
    )
}

/// Whether the items of a list are alternatives.
fn is_or(join: Join) -> bool {
    join == Join::Or
}
