//! Grades the one label of a closed set on the final answer line.
//!
//! A line that holds more than a label is not read: `not SUPPORTED` names a label without saying it.

use tripos_tasks::{Item, LabelSpec, Target};

use crate::exact::{contains_words, words};
use crate::extract::{Readable, final_line};
use crate::grade::{Grade, Outcome};

/// Raised by any change that can change a verdict.
pub(crate) const VERSION: u32 = 1;

/// Grades the label that `text` ends on.
pub(crate) fn grade(labels: &[LabelSpec], item: &Item, text: Readable<'_>) -> Grade {
    let Target::Label(gold) = &item.target else {
        return Grade::without_answer(Outcome::Undecided, Some("target_mismatch"));
    };
    let found = match final_line(text) {
        Ok(found) => found,
        Err(missing) => return missing.grade(),
    };
    let line = words(found.text());
    match read(labels, &line) {
        Reading::Label(label) if words(label) == words(gold) => found.grade(Outcome::Correct, None),
        Reading::Label(label) => {
            let decoy = item.decoys.iter().find(|(_, value)| words(value) == words(label));
            found.decoyed(decoy.map(|(name, _)| name.as_str()))
        }
        Reading::Several => found.grade(Outcome::Incorrect, Some("hedge")),
        Reading::OtherWords => found.grade(Outcome::Unparsed, Some("not_a_label")),
    }
}

/// What a line says.
enum Reading<'a> {
    Label(&'a str),
    Several,
    OtherWords,
}

/// Reads a line of [`words`] against the labels and their aliases.
fn read<'a>(labels: &'a [LabelSpec], line: &str) -> Reading<'a> {
    let names = |label: &'a LabelSpec| {
        std::iter::once(&label.name).chain(&label.aliases).map(|name| words(name))
    };
    if let Some(label) = labels.iter().find(|label| names(label).any(|name| name == line)) {
        return Reading::Label(&label.name);
    }
    let named = labels.iter().filter(|label| names(label).any(|name| contains_words(line, &name)));
    if named.count() > 1 { Reading::Several } else { Reading::OtherWords }
}

#[cfg(test)]
mod tests {
    use tripos_tasks::GraderSpec;

    use super::*;
    use crate::tests::{graded, item};

    #[track_caller]
    fn check(text: &str, expected: Outcome) {
        let label = |name: &str, aliases: &[&str]| LabelSpec {
            name: name.to_owned(),
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        };
        let labels = vec![
            label("SUPPORTED", &["supports", "true"]),
            label("REFUTED", &["refutes", "false"]),
            label("NOT ENOUGH INFO", &["NEI", "not enough information"]),
        ];
        let spec = GraderSpec::Label { labels };
        let graded = graded(&spec, &item(Target::Label("NOT ENOUGH INFO".to_owned())), text);
        assert_eq!(graded.outcome, expected, "in {text:?}: {:?}", graded.detail);
    }

    #[test]
    fn the_label_is_read_in_any_dress() {
        check("ANSWER: NOT ENOUGH INFO", Outcome::Correct);
        check("I looked.\n\n**ANSWER: not enough info.**", Outcome::Correct);
        check("Answer: `Not Enough Information`", Outcome::Correct);
        check("ANSWER: [NEI]\n", Outcome::Correct);
        check("ANSWER: REFUTED\nNo, wait.\nANSWER: NEI", Outcome::Correct);
    }

    #[test]
    fn another_label_is_wrong() {
        check("ANSWER: REFUTED", Outcome::Incorrect);
        check("ANSWER: false", Outcome::Incorrect);
        check("ANSWER: NEI\nANSWER: SUPPORTED", Outcome::Incorrect);
    }

    #[test]
    fn two_labels_are_a_hedge_and_never_right() {
        check("ANSWER: NOT ENOUGH INFO or REFUTED", Outcome::Incorrect);
        check("ANSWER: SUPPORTED / NEI", Outcome::Incorrect);
    }

    #[test]
    fn what_is_not_a_label_is_not_read() {
        check("ANSWER: not NEI", Outcome::Unparsed);
        check("ANSWER: maybe", Outcome::Unparsed);
        check("ANSWER:", Outcome::Unparsed);
        check("The claim has not enough info.", Outcome::Unparsed);
        check("<think>ANSWER: NEI</think>", Outcome::Empty);
        check("<think>ANSWER: NEI", Outcome::Unparsed);
    }
}
