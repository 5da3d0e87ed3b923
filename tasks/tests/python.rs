//! Python itself prints what the items of `code.output_prediction` say it prints.

use std::fmt::Write as _;
use std::process::Command;

use tripos_tasks::generate::{family, generate};

#[test]
fn python_agrees_with_every_gold() {
    let family = family("code.output_prediction").expect("a family");
    let mut program = String::new();
    let mut golds = Vec::new();
    for level in 1..=5 {
        for item in generate(family, 3, level, 200).expect("200 items") {
            let text = item.fields["text"].as_str().expect("a text").to_owned();
            writeln!(program, "{text}").expect("written");
            golds.push(item.target.display());
        }
    }
    // These programs are our own: no model wrote them.
    let output = Command::new("python3").args(["-I", "-c", &program]).output();
    let output = output.expect("`python3` is one of the three things the README asks for");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.lines().eq(golds.iter().map(String::as_str)));
    assert_eq!(golds.len(), 1_000);
}
