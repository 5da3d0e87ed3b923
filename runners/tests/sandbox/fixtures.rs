//! The two collections beside this file: programs that cheat and programs that are honest.

use tripos_tasks::generate::{MAX_LEVEL, family, generate};
use tripos_tasks::{Language, RunVerdict, Target, Tests, Tier};

use super::{add, check, interpreted, program, python, sandboxes, sum};

const CHEATS: &str = include_str!("cheats.txt");
const HONEST: &str = include_str!("honest.txt");

/// One section: its name, what stands after it, and the program.
fn sections(text: &'static str) -> Vec<(&'static str, Vec<&'static str>, String)> {
    let mut found = Vec::new();
    for section in text.split("\n=== ").skip(1) {
        let (head, source) = section.split_once('\n').expect("a head and a program");
        let mut words = head.split(" | ");
        let name = words.next().expect("a name");
        found.push((name, words.collect(), source.replace("<NUL>", "\0") + "\n"));
    }
    found
}

/// The tests of a section; those of a function both as calls and as checks in a cell.
fn tests_of(kind: &str) -> Vec<Tests> {
    if kind == "function" { vec![add(), interpreted(add())] } else { vec![sum()] }
}

#[test]
fn no_cheat_passes() {
    let cheats = sections(CHEATS);
    assert!(cheats.len() >= 60, "only {} cheats were read", cheats.len());
    for sandbox in sandboxes() {
        std::thread::scope(|scope| {
            for part in cheats.chunks(cheats.len().div_ceil(4)) {
                scope.spawn(move || {
                    for (name, kind, source) in part {
                        for tests in tests_of(kind[0]) {
                            let execution = sandbox.execute(&python(source, tests));
                            let is_refused =
                                !matches!(execution.verdict, RunVerdict::Pass | RunVerdict::Infra);
                            assert!(
                                is_refused,
                                "`{name}`: {:?}: {}",
                                execution.verdict, execution.detail
                            );
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn every_honest_program_passes() {
    let honest = sections(HONEST);
    assert!(honest.len() >= 25, "only {} programs were read", honest.len());
    for sandbox in sandboxes() {
        for (_, words, source) in &honest {
            if words[1] == "processes" && sandbox.tier() == Tier::Landlock {
                continue;
            }
            for tests in tests_of(words[0]) {
                check(sandbox, &python(source, tests), &[RunVerdict::Pass]);
            }
        }
    }
}

#[test]
fn references_of_generated_items_pass_and_stubs_and_mutants_fail() {
    let Some(sandbox) = sandboxes().next() else { return };
    for name in
        ["code.fn_synthesis", "code.bug_repair", "code.input_prediction", "code.stdin_judge"]
    {
        for level in 1..=MAX_LEVEL {
            let items = generate(family(name).expect("a family"), 3, level, 8).expect("8 items");
            for item in items {
                let Target::Tests(set) = item.target else { panic!("{name} has tests") };
                let run = |source: &str| program(Language::Python, source, set.tests.clone());
                check(sandbox, &run(&set.reference), &[RunVerdict::Pass]);
                check(sandbox, &run(&set.stub), &[RunVerdict::Fail]);
                // An input is judged by a call of the item's own function, of which there are no mutants.
                assert_eq!(set.mutants.len(), if name == "code.input_prediction" { 0 } else { 5 });
                for mutant in &set.mutants {
                    check(sandbox, &run(mutant), &[RunVerdict::Fail]);
                }
            }
        }
    }
}
