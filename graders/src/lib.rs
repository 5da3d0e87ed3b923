//! The verdict: pure, blind and total.
//!
//! [`grade()`] sees the item, the text of the answer and whether it was cut off. It does not see which
//! model wrote it, what it cost or how long it took, and it never fails: an answer that cannot be
//! read is an outcome. When a grader needs the world it says so with [`Need`], the engine gets it, and
//! the grader decides from [`Evidence`].

pub mod evidence;
pub mod grade;
pub mod math;

mod answer;
mod code;
mod confidence;
mod exact;
mod extract;
mod guard;
mod input;
mod label;
mod literal;
mod tokens;

use tripos_tasks::{GraderSpec, Item, MathPolicy};

pub use answer::{Offline, grade_answer, grade_response};
pub use evidence::{Evidence, Need};
pub use grade::{Answer, AnswerFinish, Detail, Grade, Outcome, Ran, Span};
pub use guard::is_guarded;

/// Returns what the grader of `spec` needs from the world before it can decide.
pub fn need(spec: &GraderSpec, item: &Item, answers: &[Answer<'_>]) -> Need {
    match spec {
        GraderSpec::Integer
        | GraderSpec::Rational
        | GraderSpec::Expression(_)
        | GraderSpec::Literal
        | GraderSpec::Label { .. }
        | GraderSpec::Tokens { .. } => Need::Nothing,
        GraderSpec::Function { .. } | GraderSpec::Input { .. } | GraderSpec::Stdio { .. } => {
            let whole = answers.last().filter(|answer| answer.finish == AnswerFinish::Whole);
            match (spec, whole.map(|answer| extract::readable(answer.text))) {
                (GraderSpec::Input { .. }, Some(Ok(text))) => input::need(spec, item, text),
                (_, Some(Ok(text))) => code::need(spec, item, text.as_str()),
                _ => Need::Nothing,
            }
        }
    }
}

/// Grades the answers to `item`, one a turn; a single question is graded by its last.
///
/// An answer that was cut off is truncated whatever stands in it: what it would have said next is
/// unknown, and its last line may itself be cut (`ANSWER: 12` of 123). A reasoning block that the
/// runner left in the text is never graded: what stands before its end is no answer, and a block
/// without an end leaves none. How sure a whole answer says it is goes into the detail and decides nothing.
pub fn grade(spec: &GraderSpec, item: &Item, answers: &[Answer<'_>], evidence: &Evidence) -> Grade {
    let Some(answer) = answers.last() else {
        return Grade::without_answer(Outcome::Empty, None);
    };
    let mut grade = decide(spec, item, *answer, evidence);
    if answer.finish == AnswerFinish::Whole
        && let Ok(text) = extract::readable(answer.text)
    {
        grade.detail.confidence = confidence::stated(text.as_str());
    }
    grade
}

fn decide(spec: &GraderSpec, item: &Item, answer: Answer<'_>, evidence: &Evidence) -> Grade {
    match answer.finish {
        AnswerFinish::Refused => return Grade::without_answer(Outcome::Refused, None),
        AnswerFinish::Filtered => return Grade::without_answer(Outcome::Filtered, None),
        AnswerFinish::CutInReasoning => {
            return Grade::without_answer(Outcome::Truncated, Some("in_reasoning"));
        }
        AnswerFinish::CutInAnswer => {
            return Grade::without_answer(Outcome::Truncated, Some("in_answer"));
        }
        AnswerFinish::Whole => {}
    }
    let text = match extract::readable(answer.text) {
        Ok(text) if text.is_blank() => return Grade::without_answer(Outcome::Empty, None),
        Ok(text) => text,
        Err(missing) => return missing.grade(),
    };
    let execution = match evidence {
        Evidence::Execution(execution) => Some(&**execution),
        Evidence::Nothing => None,
    };
    match spec {
        GraderSpec::Integer | GraderSpec::Rational => {
            answer::grade(&MathPolicy::default(), item, text)
        }
        GraderSpec::Expression(policy) => answer::grade(policy, item, text),
        GraderSpec::Literal => literal::grade(item, text),
        GraderSpec::Label { labels } => label::grade(labels, item, text),
        GraderSpec::Tokens { abstain, premise } => {
            let allowed = tokens::Allowed { abstain: *abstain, premise: *premise };
            tokens::grade(allowed, item, text)
        }
        GraderSpec::Input { .. } => input::grade(item, text, execution),
        GraderSpec::Function { .. } | GraderSpec::Stdio { .. } => {
            code::grade(spec, item, text.as_str(), execution)
        }
    }
}

/// Returns the version of a grader, part of its digest: raised by any change that can change a
/// verdict.
pub fn version(spec: &GraderSpec) -> u32 {
    match spec {
        GraderSpec::Integer | GraderSpec::Rational | GraderSpec::Expression(_) => answer::VERSION,
        GraderSpec::Literal => literal::VERSION,
        GraderSpec::Label { .. } => label::VERSION,
        GraderSpec::Tokens { .. } => tokens::VERSION,
        GraderSpec::Input { .. } => input::VERSION,
        GraderSpec::Function { .. } | GraderSpec::Stdio { .. } => code::VERSION,
    }
}

#[cfg(test)]
mod tests;
