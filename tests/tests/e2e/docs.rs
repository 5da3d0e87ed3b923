//! The commands of `docs/ci-gate.md` and `docs/suites.md`, run in their order in an empty folder.

use std::fs;
use std::path::Path;

use tripos_tests::Project;

use crate::project;

/// A block of a document that is fenced, with the word behind its fence.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    text.split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').expect("a fence has a line of its own"))
        .collect()
}

/// Runs every block of a document: files are written, commands must succeed.
fn run_document(name: &str, file: &str, project: &Project) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let text = fs::read_to_string(path).expect("the document is there");
    let mut commands = 0;
    for (word, block) in blocks(&text) {
        match word {
            "toml" => {
                project.write(file, block);
            }
            "sh" => {
                for line in block.lines() {
                    let arguments: Vec<&str> = line.split_whitespace().collect();
                    assert_eq!(arguments[0], "tripos", "`{line}` is one of our commands");
                    project.succeed(&arguments[1..]);
                    commands += 1;
                }
            }
            "yaml" => names_inputs(block),
            _ => panic!("`{word}` is no block that can be run"),
        }
    }
    commands
}

/// Checks that a workflow hands the action only inputs that it has, and all that it needs.
fn names_inputs(workflow: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../action.yml");
    let action = fs::read_to_string(path).expect("the action is there");
    let (_, with) = workflow.split_once("        with:\n").expect("the step has inputs");
    let given: Vec<&str> =
        with.lines().filter_map(|line| line.trim().split_once(": ")).map(|(key, _)| key).collect();
    for input in &given {
        assert!(action.contains(&format!("\n  {input}:\n")), "`{input}` is an input of the action");
    }
    for (name, _) in action.match_indices("    required: true") {
        let input = action[..name]
            .rsplit("\n  ")
            .find(|line| !line.starts_with("  ") && line.contains(':'));
        let input = input.expect("a required input has a name").split(':').next().expect("a name");
        assert!(given.contains(&input), "`{input}` is given");
    }
}

#[test]
fn the_five_minutes_of_the_gate_are_as_they_are_told() {
    let project = project();
    assert_eq!(run_document("ci-gate.md", "gate.toml", &project), 10);
    assert!(project.read("gate.xml").contains("failures=\"0\" errors=\"0\""));
    assert!(project.read("comment.md").contains("PASS: "));
}

#[test]
fn a_suite_of_ones_own_is_written_as_it_is_told() {
    let project = project();
    assert_eq!(run_document("suites.md", "mine.toml", &project), 4);
    let preview = project.succeed(&["suites", "preview", "mine.toml", "-n", "3"]).stdout;
    assert!(preview.contains("item L1-0000-missing") && preview.contains("target: ABSTAIN"));
}
