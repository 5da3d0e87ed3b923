//! An input that a known function must turn into a known result: a literal, judged by a call.
//!
//! Nothing of the model's is run. The literal is parsed, held against the shape of the input that is
//! known to be right, and given to the item's own function; any input that leads to the result is right.

use tripos_tasks::program::{Call, Check, FunctionTests};
use tripos_tasks::{Execution, GraderSpec, Item, Language, Program, Target, TestSet, Tests};

use crate::code;
use crate::evidence::Need;
use crate::extract::{Found, Readable, final_line};
use crate::grade::{Grade, Outcome};
use crate::literal::{self, Unread};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 1;

/// Asks for the call with the literal that `text` ends on; for none where there is none.
pub(crate) fn need(spec: &GraderSpec, item: &Item, text: Readable<'_>) -> Need {
    let GraderSpec::Input { limits } = spec else { return Need::Nothing };
    let Some((set, call)) = known(item) else { return Need::Nothing };
    let Ok(found) = final_line(text) else { return Need::Nothing };
    let Ok(arguments) = arguments(call, &found) else { return Need::Nothing };
    let call = Call { arguments, ..call.clone() };
    let Tests::Function(function) = &set.tests else { return Need::Nothing };
    let tests =
        Tests::Function(FunctionTests { check: Check::Calls(vec![call]), ..function.clone() });
    let source = set.reference.clone().into_bytes();
    Need::Execution(Box::new(Program {
        language: Language::Python,
        source,
        tests,
        limits: *limits,
    }))
}

/// Grades the literal that `text` ends on by what the call came to.
pub(crate) fn grade(item: &Item, text: Readable<'_>, execution: Option<&Execution>) -> Grade {
    let Some((_, call)) = known(item) else {
        return Grade::without_answer(Outcome::Undecided, Some("target_mismatch"));
    };
    let found = match final_line(text) {
        Ok(found) => found,
        Err(missing) => return missing.grade(),
    };
    match (arguments(call, &found), execution) {
        (Err(Unread::NotALiteral), _) => found.grade(Outcome::Unparsed, Some("not_a_literal")),
        (Err(Unread::Hedge), _) => found.grade(Outcome::Incorrect, Some("hedge")),
        (Err(Unread::Limit), _) => found.grade(Outcome::Undecided, Some("limit")),
        (Err(Unread::OtherShape), _) => found.grade(Outcome::Incorrect, Some("other_shape")),
        (Ok(_), None) => found.grade(Outcome::Undecided, Some("the function was not called")),
        (Ok(_), Some(execution)) => {
            let mut grade = found.grade(code::outcome(execution), None);
            grade.detail.run = Some(code::ran(execution));
            grade
        }
    }
}

/// The tests of an item and the one call that shows a right input.
fn known(item: &Item) -> Option<(&TestSet, &Call)> {
    let Target::Tests(set) = &item.target else { return None };
    let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) = &set.tests else {
        return None;
    };
    match &calls[..] {
        [call] => Some((set, call)),
        _ => None,
    }
}

/// The arguments of the call with the answer in place of the known input.
fn arguments(call: &Call, found: &Found<'_>) -> Result<String, Unread> {
    literal::has_shape_of(found.text(), &call.arguments)?;
    Ok(format!("[{}]", found.text().trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tripos_tasks::{Captured, Integrity, Limits, RunVerdict, Tier};

    use super::*;
    use crate::tests::item;
    use crate::{Answer, AnswerFinish, Evidence};

    fn asked() -> Item {
        let call = Call {
            arguments: "[[1, 2]]".to_owned(),
            expected: "[2, 1]".to_owned(),
            tolerance: None,
        };
        let tests = FunctionTests {
            entry: "f".to_owned(),
            prelude: String::new(),
            check: Check::Calls(vec![call]),
        };
        item(Target::Tests(Box::new(TestSet {
            tests: Tests::Function(tests),
            reference: "def f(xs):\n    return xs[::-1]\n".to_owned(),
            stub: String::new(),
            mutants: Vec::new(),
        })))
    }

    /// The arguments of the call that an answer asks for, and its grade should the call end so.
    fn graded(text: &str, verdict: RunVerdict) -> (Option<String>, Grade) {
        let spec = GraderSpec::Input { limits: Limits::default() };
        let answers = [Answer { text, finish: AnswerFinish::Whole }];
        let (called, evidence) = match crate::need(&spec, &asked(), &answers) {
            Need::Nothing => (None, Evidence::Nothing),
            Need::Execution(program) => {
                let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) =
                    program.tests
                else {
                    unreachable!("a call is asked for")
                };
                let execution = Execution {
                    verdict,
                    detail: String::new(),
                    tier: Tier::Namespaces,
                    integrity: Integrity::Isolated,
                    output: Captured::default(),
                    cpu: Duration::ZERO,
                    wall: Duration::ZERO,
                };
                (Some(calls[0].arguments.clone()), Evidence::Execution(Box::new(execution)))
            }
        };
        (called, crate::grade(&spec, &asked(), &answers, &evidence))
    }

    #[track_caller]
    fn check(text: &str, called: Option<&str>, outcome: Outcome) {
        let (found, grade) = graded(text, RunVerdict::Pass);
        assert_eq!((found.as_deref(), grade.outcome), (called, outcome), "{text:?}");
    }

    #[test]
    fn a_literal_of_the_known_shape_is_called_and_the_call_decides() {
        check("ANSWER: [1, 2]", Some("[[1, 2]]"), Outcome::Correct);
        check("So.\n**ANSWER: [ 5,6,-7 ].**", Some("[[ 5,6,-7 ]]"), Outcome::Correct);
        check("ANSWER: []", Some("[[]]"), Outcome::Correct);
        for verdict in [RunVerdict::Fail, RunVerdict::RuntimeError, RunVerdict::Timeout] {
            assert_eq!(graded("ANSWER: [1]", verdict).1.outcome, Outcome::Incorrect);
        }
        assert_eq!(graded("ANSWER: [1]", RunVerdict::Infra).1.outcome, Outcome::Undecided);
    }

    #[test]
    fn nothing_else_reaches_the_sandbox() {
        check("ANSWER: [1, 2] or [3]", None, Outcome::Incorrect);
        check("ANSWER: [1.5]", None, Outcome::Incorrect);
        check("ANSWER: [True]", None, Outcome::Incorrect);
        check("ANSWER: (1, 2)", None, Outcome::Incorrect);
        check("ANSWER: [1], [2]", None, Outcome::Incorrect);
        check("ANSWER: [1] * 9", None, Outcome::Unparsed);
        check("ANSWER: __import__('os')", None, Outcome::Unparsed);
        check("[1, 2]", None, Outcome::Unparsed);
        check("<think>ANSWER: [1, 2]</think>", None, Outcome::Empty);
        check("", None, Outcome::Empty);
    }
}
