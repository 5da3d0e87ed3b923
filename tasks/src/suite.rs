//! Turns a file's form into a task: items made, prompts rendered once, digests taken.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::json;

use crate::error::SuiteError;
use crate::file::{Generation, InlineItem, Kind, SCHEMA, Source, TaskFile, TestSetForm};
use crate::generate::{self, Family, MAX_LEVEL, Variant};
use crate::item::{Expected, Fields, Item, Target};
use crate::program::Check;
use crate::task::About;
use crate::{
    Digest, GraderSpec, GroupId, ItemId, Protocol, Sampling, SuiteId, Task, TaskId, Template,
    TestSet, Tests, Version,
};

/// The most items one level may ask for.
const MAX_ITEMS: u64 = 100_000;

/// An ordered list of tasks.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name.
    pub id: SuiteId,
    /// A version for people.
    pub version: Version,
    /// One line for lists and reports.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The tasks, in order.
    pub tasks: Vec<Task>,
    /// The digest of the ordered task digests and weights.
    pub digest: Digest,
}

impl Suite {
    /// Digests an ordered list of tasks.
    pub(crate) fn digest_of(tasks: &[Task]) -> Digest {
        let parts: Vec<_> = tasks.iter().map(|t| json!([t.id, t.digest, t.weight])).collect();
        Digest::of_json(&parts)
    }
}

/// Makes the task that a file describes; `seed` overrides the file's own.
pub(crate) fn task(file: &str, form: TaskFile, seed: Option<u64>) -> Result<Task, SuiteError> {
    let invalid = |message: String| SuiteError::Invalid { file: file.to_owned(), message };
    check_schema(form.schema).map_err(invalid)?;
    check_generation(&form.generation).map_err(invalid)?;
    let template = |source: &str| {
        Template::new(source).map_err(|source| SuiteError::Template {
            file: file.to_owned(),
            item: String::new(),
            source,
        })
    };
    let prompt = template(&form.prompt.user)?;
    let system = form.prompt.system.as_deref().map(template).transpose()?;
    let items = match (form.kind, &form.source) {
        (Kind::Generated, Some(source)) => generated(file, source, &form.grade, seed)?,
        (Kind::Inline, None) => inline(&form.item, &form.grade).map_err(invalid)?,
        (Kind::Generated, None) => return Err(invalid("a generated task needs `[source]`".into())),
        _ => return Err(invalid("an inline task has `[[item]]` and no `[source]`".into())),
    };
    if items.is_empty() {
        return Err(invalid("the task has no items".into()));
    }
    let sampling = Sampling {
        max_tokens: form.generation.max_tokens,
        temperature: form.generation.temperature,
        top_p: form.generation.top_p,
        stop: form.generation.stop,
        reasoning: form.generation.reasoning,
    };
    let mut task = Task {
        id: TaskId::new(form.id),
        version: Version::new(form.version),
        title: form.title,
        about: About {
            description: form.description,
            tags: form.tags,
            license: form.license,
            canary: form.canary,
        },
        domain: form.domain,
        sensitivity: form.sensitivity,
        system,
        prompt,
        protocol: form.protocol.unwrap_or(Protocol::Single),
        grader: form.grade,
        sampling,
        samples: form.generation.samples,
        weight: 1,
        items,
        digest: Digest::of_bytes(b""),
    };
    task.digest = digest(file, &task)?;
    Ok(task)
}

/// Digests everything that decides a result: rows, rendered prompts, protocol, sampling, grader.
fn digest(file: &str, task: &Task) -> Result<Digest, SuiteError> {
    let mut rows = Vec::with_capacity(task.items.len());
    for item in &task.items {
        let prompt = task.render(item).map_err(|source| SuiteError::Template {
            file: file.to_owned(),
            item: item.id.to_string(),
            source,
        })?;
        rows.push(json!([item.id, prompt, item.target.display(), item.decoys]));
    }
    Ok(Digest::of_json(&json!({
        "schema": SCHEMA,
        "rows": rows,
        "protocol": task.protocol,
        "sampling": task.sampling,
        "samples": task.samples,
        "grader": task.grader,
    })))
}

impl Task {
    /// Keeps `limit` items, taken from every level in turn, and takes the digest again.
    pub(crate) fn limited(mut self, file: &str, limit: usize) -> Result<Self, SuiteError> {
        if limit < self.items.len() {
            self.items = spread(self.items, limit);
            self.digest = digest(file, &self)?;
        }
        Ok(self)
    }
}

/// Takes items out of a suite, by task and name, and takes the digests again; a task left without
/// items goes as a whole.
pub fn without(
    mut suite: Suite,
    is_bad: impl Fn(&Task, &Item) -> bool,
) -> Result<Suite, SuiteError> {
    let file = suite.id.to_string();
    for task in &mut suite.tasks {
        let before = task.items.len();
        let items = std::mem::take(&mut task.items);
        task.items = items.into_iter().filter(|item| !is_bad(task, item)).collect();
        if task.items.len() < before {
            task.digest = digest(&file, task)?;
        }
    }
    suite.tasks.retain(|task| !task.items.is_empty());
    suite.digest = Suite::digest_of(&suite.tasks);
    Ok(suite)
}

/// The first `limit` items in an order that takes one from each level in turn; fewer where the last twin
/// set would be cut, unless it is the first one too.
fn spread(items: Vec<Item>, limit: usize) -> Vec<Item> {
    let place = |item: &Item| item.origin.as_ref().map_or((0, 0), |o| (o.index, o.level));
    let mut order: Vec<(usize, Item)> = items.into_iter().enumerate().collect();
    order.sort_by_key(|(n, item)| (place(item), *n));
    let is_cut = |n: usize| order[n].1.group.is_some() && order[n].1.group == order[n - 1].1.group;
    let whole = (1..=limit.min(order.len() - 1)).rev().find(|n| !is_cut(*n));
    order.truncate(whole.unwrap_or(limit));
    order.sort_by_key(|(n, _)| *n);
    order.into_iter().map(|(_, item)| item).collect()
}

/// Refuses a version of the format that this one does not read.
pub(crate) fn check_schema(schema: u32) -> Result<(), String> {
    if schema == SCHEMA {
        return Ok(());
    }
    Err(format!("schema {schema} is not known: this version reads {SCHEMA}"))
}

fn check_generation(generation: &Generation) -> Result<(), String> {
    if generation.max_tokens == 0 {
        return Err("`max_tokens` is 0: no answer could be given".to_owned());
    }
    if !(generation.temperature.is_finite() && generation.temperature >= 0.0) {
        return Err(format!("`temperature` is {}: it is 0 or more", generation.temperature));
    }
    if !(generation.top_p > 0.0 && generation.top_p <= 1.0) {
        return Err(format!("`top_p` is {}: it is above 0 and at most 1", generation.top_p));
    }
    if generation.samples == 0 {
        return Err("`samples` is 0: nothing would be asked".to_owned());
    }
    if generation.stop.iter().any(String::is_empty) {
        return Err("`stop` has an empty string: every answer would end at once".to_owned());
    }
    Ok(())
}

/// Generates the items of every level that the file asks for.
fn generated(
    file: &str,
    source: &Source,
    grader: &GraderSpec,
    seed: Option<u64>,
) -> Result<Vec<Item>, SuiteError> {
    let invalid = |message: String| SuiteError::Invalid { file: file.to_owned(), message };
    let Some(newest) = generate::family(&source.family) else {
        let names = generate::FAMILIES.iter().map(|family| family.name);
        let hint = crate::file::nearest(&source.family, names)
            .map_or(String::new(), |name| format!(": did you mean `{name}`?"));
        return Err(invalid(format!("there is no family `{}`{hint}", source.family)));
    };
    let Some(family) = generate::family_at(&source.family, source.family_version) else {
        return Err(invalid(format!(
            "family `{}` is at version {}, the file wants {}",
            newest.name, newest.version, source.family_version
        )));
    };
    if !family.graders.contains(&grader.kind()) {
        return Err(invalid(format!(
            "grader `{}` cannot grade family `{}`: use {}",
            grader.kind(),
            family.name,
            family.graders.join(" or ")
        )));
    }
    let variants = variants(family, source, grader).map_err(invalid)?;
    let mut levels = Vec::new();
    for (level, count) in &source.levels {
        let level: u8 =
            level.parse().ok().filter(|level| (1..=MAX_LEVEL).contains(level)).ok_or_else(
                || invalid(format!("`{level}` is not a level: levels are 1 to {MAX_LEVEL}")),
            )?;
        if *count > MAX_ITEMS {
            return Err(invalid(format!(
                "level {level} asks for {count} items: at most {MAX_ITEMS}"
            )));
        }
        levels.push((level, *count));
    }
    let items = generate::generate_levels(family, &variants, seed.unwrap_or(source.seed), &levels)
        .map_err(|source| SuiteError::Generate { file: file.to_owned(), source })?;
    Ok(items.into_iter().map(|item| graded_by(item, grader)).collect())
}

/// Puts a number into the form in which a grader of values and tokens compares it.
fn graded_by(mut item: Item, grader: &GraderSpec) -> Item {
    let is_number = matches!(item.target, Target::Integer(_) | Target::Rational(_));
    if is_number && matches!(grader, GraderSpec::Tokens { .. }) {
        item.target = Target::Token(Expected::Value(item.target.display()));
    }
    item
}

/// The variants that a file asks for, and those that its family always has.
fn variants(family: &Family, source: &Source, grader: &GraderSpec) -> Result<Vec<Variant>, String> {
    let (offered, always) =
        family.twins.map_or((&[][..], &[][..]), |twins| (twins.offered, twins.always));
    let name = family.name;
    if let Some(other) = source.twins.iter().find(|variant| !offered.contains(variant)) {
        let offered: Vec<&str> = offered.iter().map(|variant| variant.as_str()).collect();
        let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        return Err(format!("family `{name}` has no twin `{other}`: it has {offered}"));
    }
    let abstains = matches!(grader, GraderSpec::Tokens { abstain: true, .. });
    let wanted: BTreeSet<Variant> = source.twins.iter().chain(always).copied().collect();
    if wanted.contains(&Variant::Missing) && !abstains {
        return Err("the twin `missing` needs the grader `tokens` with `abstain = true`".to_owned());
    }
    Ok(wanted.into_iter().collect())
}

/// Reads hand-written items.
fn inline(rows: &[InlineItem], grader: &GraderSpec) -> Result<Vec<Item>, String> {
    let mut names = BTreeSet::new();
    rows.iter()
        .map(|row| {
            if !names.insert(&row.id) {
                return Err(format!("item `{}` appears twice", row.id));
            }
            let mut fields = Fields::from([("text".to_owned(), json!(row.text))]);
            for (name, value) in &row.meta {
                fields.insert(name.clone(), json!(value));
            }
            Ok(Item {
                id: ItemId::new(row.id.clone()),
                group: row.group.clone().map(GroupId::new),
                fields,
                target: target(&row.gold, grader).ok_or_else(|| {
                    format!("the gold of item `{}` is no {}", row.id, grader.kind())
                })?,
                decoys: std::collections::BTreeMap::new(),
                origin: None,
            })
        })
        .collect()
}

/// Reads a gold in the form that its grader compares.
fn target(gold: &toml::Value, grader: &GraderSpec) -> Option<Target> {
    if grader.language().is_some() {
        let form: TestSetForm = gold.clone().try_into().ok()?;
        let tests = form.tests.tests().ok()?;
        let is_function = matches!(tests, Tests::Function(_));
        let fits = match grader {
            GraderSpec::Function { .. } => is_function,
            GraderSpec::Input { .. } => has_one_call(&tests),
            _ => !is_function,
        };
        let TestSetForm { reference, stub, .. } = form;
        let set = TestSet { tests, reference, stub, mutants: Vec::new() };
        return fits.then(|| Target::Tests(Box::new(set)));
    }
    let text = match gold {
        toml::Value::String(text) => text.trim().to_owned(),
        toml::Value::Integer(number) => number.to_string(),
        _ => return None,
    };
    Some(match grader {
        GraderSpec::Integer => Target::Integer(BigInt::from_str(&text).ok()?),
        GraderSpec::Rational => {
            let (_, denominator) = text.split_once('/').unwrap_or((&text, "1"));
            if BigInt::from_str(denominator).ok()? == BigInt::ZERO {
                return None;
            }
            Target::Rational(BigRational::from_str(&text).ok()?)
        }
        GraderSpec::Expression(_) if text.is_empty() => return None,
        GraderSpec::Expression(_) => Target::Expression(text),
        GraderSpec::Literal => Target::Literal(text),
        GraderSpec::Label { labels } => {
            labels.iter().any(|label| label.name == text).then_some(Target::Label(text))?
        }
        GraderSpec::Tokens { abstain, premise } => Target::Token(match text.as_str() {
            "ABSTAIN" if *abstain => Expected::Abstain,
            "FALSE PREMISE" if *premise => Expected::FalsePremise { corrected: String::new() },
            _ => Expected::Value(text),
        }),
        GraderSpec::Function { .. } | GraderSpec::Input { .. } | GraderSpec::Stdio { .. } => {
            return None;
        }
    })
}

/// Whether tests are the one call that shows an input which is right.
fn has_one_call(tests: &Tests) -> bool {
    let Tests::Function(function) = tests else { return false };
    matches!(&function.check, Check::Calls(calls) if calls.len() == 1)
}
