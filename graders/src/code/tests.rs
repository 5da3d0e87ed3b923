//! What counts as the program of an answer, and what its execution comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use tripos_tasks::program::{Check, FunctionTests, StdioTests};
use tripos_tasks::{Captured, Fields, Integrity, ItemId, Limits, TestSet, Tier};

use super::*;
use crate::{Answer, AnswerFinish, Evidence};

fn tests(entry: &str, prelude: &str) -> Tests {
    if entry.is_empty() {
        return Tests::Stdio(StdioTests { cases: Vec::new(), tolerance: None, judge: None });
    }
    Tests::Function(FunctionTests {
        entry: entry.to_owned(),
        prelude: prelude.to_owned(),
        check: Check::Candidate(String::new()),
    })
}

#[track_caller]
fn check(entry: &str, text: &str, expected: Option<(&str, &str)>) {
    let tests = tests(entry, "");
    let found = program(Language::Python, &tests, text);
    let found = found.map(|found| {
        assert_eq!(&text[found.span.start..found.span.end], found.source, "the span");
        (found.rule, found.source.trim_end())
    });
    assert_eq!(found, expected, "in {text:?}");
}

#[test]
fn the_last_block_that_defines_the_entry_is_the_program() {
    let two =
        "```python\ndef f(x):\n    return 1\n```\nor\n```python\ndef f(x):\n    return 2\n```";
    check("f", two, Some(("block_with_entry", "def f(x):\n    return 2")));
    let usage = "```python\ndef f(x): return 1\n```\nUse it:\n```python\nprint(f(1))\n```";
    check("f", usage, Some(("block_with_entry", "def f(x): return 1")));
    check("f", "```\ndef g(): pass\n```\n", Some(("last_block", "def g(): pass")));
    check("f", "def f(x): return 3", Some(("whole_answer", "def f(x): return 3")));
    check("f", "```py\nf = lambda x: x\n```", Some(("block_with_entry", "f = lambda x: x")));
    check("f", "```py\nff = 1\nf == 2\n```", Some(("last_block", "ff = 1\nf == 2")));
    check("f", "```py\ndef f(x):\n  return 1", Some(("block_with_entry", "def f(x):\n  return 1")));
}

#[test]
fn a_block_in_another_language_is_no_program_while_there_is_one_in_this() {
    let text = "```python\nprint(1)\n```\nOutput:\n```text\n1\n```\n```bash\npython x.py\n```";
    check("", text, Some(("last_block", "print(1)")));
    check("", "```text\n1\n```", Some(("last_block", "1")));
    check("", "~~~~python\n```\n~~~~\n", Some(("last_block", "```")));
    check("", "print(1)", Some(("whole_answer", "print(1)")));
    check("", "  \n", None);
    check("", "```python\n```", None);
}

#[test]
fn the_body_of_a_function_is_put_under_its_head() {
    let tests = tests("f", "import math\ndef f(x):\n    \"\"\"Doc.\"\"\"");
    let body = "    return math.sqrt(x)\n";
    let expected = "import math\ndef f(x):\n    \"\"\"Doc.\"\"\"\n    return math.sqrt(x)\n";
    assert_eq!(whole(&tests, body), expected);
    let function = "def f(x):\n    return 1\n";
    assert_eq!(whole(&tests, function), function);
}

fn item() -> Item {
    let set = TestSet {
        tests: tests("f", ""),
        reference: String::new(),
        stub: String::new(),
        mutants: Vec::new(),
    };
    Item {
        id: ItemId::new("1"),
        group: None,
        fields: Fields::new(),
        target: Target::Tests(Box::new(set)),
        decoys: BTreeMap::new(),
        origin: None,
    }
}

fn execution(verdict: RunVerdict) -> Execution {
    Execution {
        verdict,
        detail: "why".to_owned(),
        tier: Tier::Namespaces,
        integrity: Integrity::Isolated,
        output: Captured::default(),
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
    }
}

#[test]
fn only_a_pass_is_correct_and_a_broken_sandbox_decides_nothing() {
    let spec = GraderSpec::Function { limits: Limits::default() };
    let answer = [Answer { text: "def f(): pass", finish: AnswerFinish::Whole }];
    for (verdict, outcome) in [
        (RunVerdict::Pass, Outcome::Correct),
        (RunVerdict::Fail, Outcome::Incorrect),
        (RunVerdict::RuntimeError, Outcome::Incorrect),
        (RunVerdict::Timeout, Outcome::Incorrect),
        (RunVerdict::MemoryLimit, Outcome::Incorrect),
        (RunVerdict::OutputLimit, Outcome::Incorrect),
        (RunVerdict::CompileError, Outcome::Incorrect),
        (RunVerdict::Infra, Outcome::Undecided),
    ] {
        let evidence = Evidence::Execution(Box::new(execution(verdict)));
        let grade = crate::grade(&spec, &item(), &answer, &evidence);
        assert_eq!(grade.outcome, outcome, "{verdict:?}");
        assert_eq!(grade.detail.run.map(|run| run.verdict), Some(verdict));
    }
    let unrun = crate::grade(&spec, &item(), &answer, &Evidence::Nothing);
    assert_eq!(unrun.outcome, Outcome::Undecided);
}

#[test]
fn a_program_is_asked_for_and_an_answer_without_one_asks_for_nothing() {
    let spec = GraderSpec::Function { limits: Limits::default() };
    let need =
        |text: &str| crate::need(&spec, &item(), &[Answer { text, finish: AnswerFinish::Whole }]);
    match need("Sure:\n```python\ndef f(x):\n    return x\n```") {
        Need::Execution(program) => assert_eq!(program.source, b"def f(x):\n    return x\n"),
        Need::Nothing => panic!("a program is there"),
    }
    assert_eq!(need("```python\n\n```"), Need::Nothing);
    let cut = [Answer { text: "def f(): pass", finish: AnswerFinish::CutInAnswer }];
    assert_eq!(crate::need(&spec, &item(), &cut), Need::Nothing);
}
