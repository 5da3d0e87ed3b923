//! Programs: taken out of an answer, and graded by what running them came to.
//!
//! Nothing is run here. A program is asked for with [`Need::Execution`]; the verdict is read from the
//! [`Execution`] that comes back.

use tripos_tasks::{Execution, GraderSpec, Item, Language, Program, RunVerdict, Target, Tests};

use crate::evidence::Need;
use crate::grade::{Detail, Grade, Outcome, Ran, Span};

pub(crate) const VERSION: u32 = 1;
/// The most of a program that a grade repeats.
const EXTRACTED_MAX: usize = 400;

/// A program as it stands in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) source: &'a str,
    pub(crate) span: Span,
    pub(crate) rule: &'static str,
}

/// Asks for the execution of the program in `text`; of none where there is none.
pub(crate) fn need(spec: &GraderSpec, item: &Item, text: &str) -> Need {
    let (GraderSpec::Function { limits } | GraderSpec::Stdio { limits, .. }) = spec else {
        return Need::Nothing;
    };
    let (Some(language), Target::Tests(set)) = (spec.language(), &item.target) else {
        return Need::Nothing;
    };
    let Some(found) = program(language, &set.tests, text) else { return Need::Nothing };
    let source = whole(&set.tests, found.source).into_bytes();
    let tests = set.tests.clone();
    Need::Execution(Box::new(Program { language, source, tests, limits: *limits }))
}

/// Grades the program in `text` by what running it came to.
pub(crate) fn grade(
    spec: &GraderSpec,
    item: &Item,
    text: &str,
    execution: Option<&Execution>,
) -> Grade {
    let Target::Tests(set) = &item.target else {
        return Grade::without_answer(Outcome::Undecided, Some("the item has no tests"));
    };
    let language = spec.language().unwrap_or(Language::Python);
    let Some(found) = program(language, &set.tests, text) else {
        return Grade::without_answer(Outcome::Unparsed, Some("there is no program in the answer"));
    };
    let Some(execution) = execution else {
        return Grade::without_answer(Outcome::Undecided, Some("the program was not run"));
    };
    let end = found.source.char_indices().map(|(at, _)| at).find(|at| *at > EXTRACTED_MAX);
    let detail = Detail {
        rule: Some(found.rule.to_owned()),
        span: Some(found.span),
        extracted: Some(found.source[..end.unwrap_or(found.source.len())].to_owned()),
        reason: (!execution.detail.is_empty()).then(|| execution.detail.clone()),
        run: Some(ran(execution)),
        ..Detail::default()
    };
    Grade::new(outcome(execution), detail)
}

/// What a run comes to as an outcome.
pub(crate) fn outcome(execution: &Execution) -> Outcome {
    match execution.verdict {
        RunVerdict::Pass => Outcome::Correct,
        RunVerdict::Infra => Outcome::Undecided,
        RunVerdict::Fail
        | RunVerdict::RuntimeError
        | RunVerdict::Timeout
        | RunVerdict::MemoryLimit
        | RunVerdict::OutputLimit
        | RunVerdict::CompileError => Outcome::Incorrect,
    }
}

/// What a grade keeps of a run.
pub(crate) fn ran(execution: &Execution) -> Ran {
    Ran { verdict: execution.verdict, tier: execution.tier, integrity: execution.integrity }
}

/// Takes the program out of an answer.
///
/// The last fenced block that defines the entry point; the last one where none does, or where there is
/// nothing to define; the whole answer when there is no fence. A fence in another language is no
/// candidate as long as there is one in this language, or in none.
pub(crate) fn program<'a>(language: Language, tests: &Tests, text: &'a str) -> Option<Found<'a>> {
    let entry = match tests {
        Tests::Function(tests) => tests.entry.as_str(),
        Tests::Stdio(_) => "",
    };
    let blocks = blocks(text);
    let is_ours =
        |block: &&Block<'_>| block.tag.is_empty() || names(language).contains(&&*block.tag);
    let ours: Vec<&Block<'_>> = blocks.iter().filter(is_ours).collect();
    let candidates = if ours.is_empty() { blocks.iter().collect() } else { ours };
    let defining = candidates.iter().rev().find(|block| defines(block.source, entry));
    let (source, rule) = match (defining, candidates.last()) {
        (Some(block), _) if !entry.is_empty() => (block.source, "block_with_entry"),
        (_, Some(block)) => (block.source, "last_block"),
        (_, None) => (text, "whole_answer"),
    };
    if source.trim().is_empty() {
        return None;
    }
    let start = source.as_ptr() as usize - text.as_ptr() as usize;
    Some(Found { source, span: Span { start, end: start + source.len() }, rule })
}

/// Completes what continues the task's own text: the indented body of a function.
fn whole(tests: &Tests, source: &str) -> String {
    let Tests::Function(tests) = tests else { return source.to_owned() };
    let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let continues = first.starts_with([' ', '\t']) && !defines(source, &tests.entry);
    if continues && !tests.prelude.is_empty() {
        let newline = if tests.prelude.ends_with('\n') { "" } else { "\n" };
        return format!("{}{newline}{source}", tests.prelude);
    }
    source.to_owned()
}

/// Says whether Python text defines a name at its top level.
fn defines(source: &str, name: &str) -> bool {
    !name.is_empty()
        && source.lines().any(|line| {
            let rest = ["async def ", "def ", "class "]
                .iter()
                .find_map(|word| line.strip_prefix(word))
                .unwrap_or(line);
            let after = rest.strip_prefix(name).map(str::trim_start);
            let is_definition = rest.len() < line.len();
            after.is_some_and(|after| {
                if is_definition {
                    after.starts_with(['(', ':', '['])
                } else {
                    after.starts_with('=') && !after.starts_with("==") || after.starts_with(':')
                }
            })
        })
}

/// The names by which fences call a language.
fn names(language: Language) -> &'static [&'static str] {
    match language {
        Language::Python => &["python", "py", "python3", "python 3", "pycon"],
        Language::C => &["c"],
        Language::Cpp => &["cpp", "c++", "cxx", "cc"],
        Language::Rust => &["rust", "rs"],
        Language::JavaScript => &["javascript", "js", "node"],
        Language::Go => &["go", "golang"],
        Language::Shell => &["sh", "bash", "shell"],
    }
}

/// A fenced block.
struct Block<'a> {
    tag: String,
    source: &'a str,
}

/// Finds the fenced blocks of Markdown text, nested fences of fewer marks being text. A fence that is
/// never closed reaches to the end.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, char, String, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        let content = line.trim();
        let mark = content.chars().next().filter(|c| matches!(c, '`' | '~'));
        let run = mark.map_or(0, |mark| content.chars().take_while(|c| *c == mark).count());
        match (&open, mark) {
            (Some((marks, kind, tag, start)), Some(mark))
                if mark == *kind && run >= *marks && content.len() == run =>
            {
                found.push(Block { tag: tag.clone(), source: &text[*start..at] });
                open = None;
            }
            (None, Some(mark)) if run >= 3 && !content[run..].contains('`') => {
                let tag = content[run..].trim().to_lowercase();
                let tag = tag.split([' ', '{', ',']).next().unwrap_or_default().to_owned();
                open = Some((run, mark, tag, next));
            }
            _ => {}
        }
        at = next;
    }
    if let Some((_, _, tag, start)) = open {
        found.push(Block { tag, source: &text[start..] });
    }
    found
}

#[cfg(test)]
mod tests;
