//! From an accepted completion to its grade: need, evidence, verdict.

use tripos_graders::{Answer, AnswerFinish, Evidence, Grade, Need};
use tripos_runners::Finish;
use tripos_tasks::{Item, Task};

use crate::store::write::Accepted;

/// Grades what was answered to `item`.
pub(super) fn grade(task: &Task, item: &Item, accepted: &Accepted) -> Grade {
    let answers = [Answer { text: &accepted.text, finish: answer_finish(&accepted.finish) }];
    let evidence = match tripos_graders::need(&task.grader, item, &answers) {
        Need::Nothing => Evidence::Nothing,
    };
    tripos_graders::grade(&task.grader, item, &answers, &evidence)
}

/// Returns what a grader learns of why the model stopped.
fn answer_finish(finish: &Finish) -> AnswerFinish {
    match finish {
        // What a provider calls something else came with a whole answer.
        Finish::Stop | Finish::Other(_) => AnswerFinish::Whole,
        Finish::Length | Finish::Context => AnswerFinish::CutInAnswer,
        Finish::LengthInReasoning => AnswerFinish::CutInReasoning,
        Finish::ContentFilter => AnswerFinish::Filtered,
        Finish::Refusal => AnswerFinish::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_stop_has_a_meaning_for_graders() {
        let cases = [
            (Finish::Stop, AnswerFinish::Whole),
            (Finish::Other("eos".to_owned()), AnswerFinish::Whole),
            (Finish::Length, AnswerFinish::CutInAnswer),
            (Finish::Context, AnswerFinish::CutInAnswer),
            (Finish::LengthInReasoning, AnswerFinish::CutInReasoning),
            (Finish::ContentFilter, AnswerFinish::Filtered),
            (Finish::Refusal, AnswerFinish::Refused),
        ];
        for (finish, expected) in cases {
            assert_eq!(answer_finish(&finish), expected, "for {finish:?}");
        }
    }
}
