//! Python itself finds what the golds of the code families say it finds.

use std::fmt::Write as _;
use std::process::Command;

use tripos_tasks::generate::{family, generate};
use tripos_tasks::program::{Check, FunctionTests};
use tripos_tasks::{Item, Target, Tests};

/// The first items of every level.
fn items(name: &str, count: u64) -> Vec<Item> {
    let family = family(name).expect("a family");
    (1..=5).flat_map(|level| generate(family, 3, level, count).expect("items")).collect()
}

/// What Python prints for a program; of our own, since no model wrote it.
fn printed(program: &str) -> String {
    let output = Command::new("python3").args(["-I", "-c", program]).output();
    let output = output.expect("`python3` is one of the three things the README asks for");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn python_agrees_with_every_gold() {
    let items = items("code.output_prediction", 200);
    let texts = items.iter().map(|item| item.fields["text"].as_str().expect("a text"));
    let program = texts.collect::<Vec<_>>().join("\n");
    let golds: Vec<String> = items.iter().map(|item| item.target.display()).collect();
    assert_eq!(golds.len(), 1_000);
    assert!(printed(&program).lines().eq(golds.iter().map(String::as_str)));
}

#[test]
fn python_agrees_with_every_call_of_the_functions() {
    for name in ["code.fn_synthesis", "code.bug_repair", "code.input_prediction"] {
        let mut program = String::new();
        let mut golds = Vec::new();
        for item in items(name, 15) {
            let Target::Tests(set) = item.target else { panic!("{name} has tests") };
            let Tests::Function(FunctionTests { check: Check::Calls(calls), .. }) = set.tests
            else {
                panic!("{name} has calls")
            };
            program += &set.reference;
            for call in calls {
                writeln!(program, "print(f(*{}))", call.arguments).expect("written");
                golds.push(call.expected);
            }
        }
        assert!(golds.len() >= 75, "{name}");
        assert!(printed(&program).lines().eq(golds.iter().map(String::as_str)), "{name}");
    }
}
