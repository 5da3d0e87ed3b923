//! From an accepted completion to its grade: need, evidence, verdict.

use std::sync::Arc;

use tripos_graders::{Answer, AnswerFinish, Evidence, Grade, Need};
use tripos_runners::Finish;
use tripos_runners::sandbox::Sandbox;
use tripos_tasks::{Execution, GraderSpec, Item, Program, RunVerdict, Task};

use crate::store::write::Accepted;

/// Grades what was answered to `item`; where the sandbox fails it, says why there is no grade.
pub(super) async fn grade(
    task: &Task,
    item: &Item,
    accepted: &Accepted,
    sandbox: Option<&Arc<Sandbox>>,
) -> Result<Grade, String> {
    let answers = [Answer { text: &accepted.text, finish: answer_finish(&accepted.finish) }];
    let evidence = match tripos_graders::need(&task.grader, item, &answers) {
        Need::Nothing => Evidence::Nothing,
        Need::Execution(program) => {
            Evidence::Execution(Box::new(execute(sandbox, *program).await?))
        }
    };
    Ok(tripos_graders::grade(&task.grader, item, &answers, &evidence))
}

/// Grades a stored completion once more; nothing where its grader needs more than the store holds.
pub fn regrade(spec: &GraderSpec, item: &Item, (text, finish): (&str, &Finish)) -> Option<Grade> {
    let answers = [Answer { text, finish: answer_finish(finish) }];
    match tripos_graders::need(spec, item, &answers) {
        Need::Nothing => Some(tripos_graders::grade(spec, item, &answers, &Evidence::Nothing)),
        Need::Execution(_) => None,
    }
}

/// Runs a program on a thread that may block.
async fn execute(sandbox: Option<&Arc<Sandbox>>, program: Program) -> Result<Execution, String> {
    let sandbox = Arc::clone(sandbox.ok_or("there is no sandbox to run the program in")?);
    let execution = tokio::task::spawn_blocking(move || sandbox.execute(&program)).await;
    let execution = execution.map_err(|error| format!("the sandbox broke: {error}"))?;
    if execution.verdict == RunVerdict::Infra {
        return Err(format!("the program could not be measured: {}", execution.detail));
    }
    Ok(execution)
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
