//! Grades a value, or the token that says there is none: `ABSTAIN`, `FALSE PREMISE`.

use tripos_tasks::item::Expected;
use tripos_tasks::{Item, MathPolicy, Target};

use crate::exact::{contains_words, words};
use crate::extract::{Readable, final_line};
use crate::grade::{Grade, Outcome};
use crate::math::{self, Gold};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 2;

/// The tokens that are answers of a task.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) abstain: bool,
    pub(crate) premise: bool,
}

/// Grades the value or the token that `text` ends on.
pub(crate) fn grade(allowed: Allowed, item: &Item, text: Readable<'_>) -> Grade {
    let Target::Token(expected) = &item.target else {
        return Grade::without_answer(Outcome::Undecided, Some("target_mismatch"));
    };
    let found = match final_line(text) {
        Ok(found) => found,
        Err(missing) => return missing.grade(),
    };
    match (read(allowed, found.text()), expected) {
        (Given::Value(value), Expected::Value(gold)) if same_value(gold, value) => {
            found.grade(Outcome::Correct, None)
        }
        (Given::Value(value), _) => {
            let decoy = item.decoys.iter().find(|(_, decoy)| same_value(decoy, value));
            found.decoyed(decoy.map(|(name, _)| name.as_str()))
        }
        (Given::Abstain, Expected::Abstain) => found.grade(Outcome::Correct, None),
        (Given::Abstain, _) => found.grade(Outcome::Abstained, None),
        (Given::FalsePremise, Expected::FalsePremise { corrected }) => {
            let corrects = contains_words(&words(text.as_str()), &words(corrected));
            found.grade(Outcome::Correct, corrects.then_some("corrects"))
        }
        (Given::FalsePremise, _) => found.grade(Outcome::Incorrect, Some("false_premise")),
        (Given::Nothing, _) => found.grade(Outcome::Unparsed, Some("empty_answer")),
    }
}

/// What a line says.
enum Given<'a> {
    Value(&'a str),
    Abstain,
    FalsePremise,
    Nothing,
}

/// Reads a line. A token stands alone, but for the correction that may follow `FALSE PREMISE` in
/// brackets or after a colon, a dash or a comma. A token the task does not list is a value as any
/// other.
fn read(allowed: Allowed, line: &str) -> Given<'_> {
    let said = words(line);
    match said.as_str() {
        "" => Given::Nothing,
        "ABSTAIN" if allowed.abstain => Given::Abstain,
        "FALSE PREMISE" if allowed.premise => Given::FalsePremise,
        _ => {
            let head = line.split(['(', ':', ',', ';', '.', '-', '–', '—']).next().unwrap_or(line);
            let rest = words(&line[head.len()..]);
            let hedged = contains_words(&rest, "OR") || contains_words(&rest, "ABSTAIN");
            if allowed.premise && words(head) == "FALSE PREMISE" && !hedged {
                Given::FalsePremise
            } else {
                Given::Value(line)
            }
        }
    }
}

/// Whether two values are the same: numbers by value, everything else by its words.
fn same_value(gold: &str, given: &str) -> bool {
    math::compare(&Gold::read(gold), given, &MathPolicy::default()).is_equal()
}

#[cfg(test)]
mod tests {
    use tripos_tasks::GraderSpec;

    use super::*;
    use crate::tests::{graded, item};

    #[track_caller]
    fn check(expected: Expected, text: &str, outcome: Outcome) -> Grade {
        let spec = GraderSpec::Tokens { abstain: true, premise: true };
        let mut item = item(Target::Token(expected));
        item.decoys.insert("poison".to_owned(), "1,931".to_owned());
        let graded = graded(&spec, &item, text);
        assert_eq!(graded.outcome, outcome, "in {text:?}: {:?}", graded.detail);
        graded
    }

    fn value(value: &str) -> Expected {
        Expected::Value(value.to_owned())
    }

    fn false_premise() -> Expected {
        Expected::FalsePremise { corrected: "14".to_owned() }
    }

    #[test]
    fn a_value_is_compared_as_a_number_or_by_its_words() {
        check(value("1874"), "ANSWER: 1,874.", Outcome::Correct);
        check(value("Ravo Tel"), "**ANSWER:** ravo tel", Outcome::Correct);
        check(value("1874"), "ANSWER: 1875", Outcome::Incorrect);
        check(value("1874"), "ANSWER: -1874", Outcome::Incorrect);
        check(value("1874"), "ANSWER: 1874 or 1875", Outcome::Incorrect);
        check(value("1874"), "It is 1874.", Outcome::Unparsed);
        check(value("1874"), "ANSWER:\n\n", Outcome::Unparsed);
    }

    #[test]
    fn a_decoy_is_wrong_and_named() {
        let grade = check(value("1874"), "ANSWER: 1931", Outcome::Incorrect);
        assert_eq!(grade.detail.decoy.as_deref(), Some("poison"));
        let grade = check(value("1874"), "ANSWER: 1932", Outcome::Incorrect);
        assert_eq!(grade.detail.decoy, None);
    }

    #[test]
    fn abstaining_is_right_only_where_the_fact_is_missing() {
        check(Expected::Abstain, "ANSWER: abstain.", Outcome::Correct);
        check(Expected::Abstain, "ANSWER: 12", Outcome::Incorrect);
        check(Expected::Abstain, "ANSWER: FALSE PREMISE", Outcome::Incorrect);
        check(Expected::Abstain, "ANSWER: ABSTAIN or 12", Outcome::Incorrect);
        check(value("12"), "ANSWER: ABSTAIN", Outcome::Abstained);
        check(false_premise(), "ANSWER: ABSTAIN", Outcome::Abstained);
    }

    #[test]
    fn rejecting_is_right_only_where_the_premise_is_false() {
        check(false_premise(), "ANSWER: False premise", Outcome::Correct);
        let grade = check(false_premise(), "ANSWER: FALSE PREMISE (it is 14)", Outcome::Correct);
        assert_eq!(grade.detail.reason.as_deref(), Some("corrects"));
        check(false_premise(), "ANSWER: 14", Outcome::Incorrect);
        check(false_premise(), "ANSWER: FALSE PREMISE or 14", Outcome::Incorrect);
        check(false_premise(), "ANSWER: FALSE PREMISE, or 14", Outcome::Incorrect);
        check(false_premise(), "ANSWER: FALSE PREMISE / ABSTAIN", Outcome::Incorrect);
        check(value("12"), "ANSWER: FALSE PREMISE", Outcome::Incorrect);
    }

    #[test]
    fn a_token_the_task_does_not_list_is_a_value() {
        let spec = GraderSpec::Tokens { abstain: false, premise: false };
        let item = item(Target::Token(value("12")));
        assert_eq!(graded(&spec, &item, "ANSWER: ABSTAIN").outcome, Outcome::Incorrect);
        assert_eq!(graded(&spec, &item, "ANSWER: FALSE PREMISE").outcome, Outcome::Incorrect);
    }
}
