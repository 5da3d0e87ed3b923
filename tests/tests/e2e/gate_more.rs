//! `on_inconclusive = "sample_more"`: a gated run that goes on asking until it is decided, or may ask no more.

use std::collections::HashMap;
use std::sync::Mutex;

use tripos_tests::server::{Answer, Asked, Reply};
use tripos_tests::{Project, Ran, Server};

use crate::{knows_smoke, project_with};

/// A policy that a single repeat of every item cannot meet and that several can.
fn policy(cap: &str) -> String {
    format!(
        "schema = 1\non_inconclusive = \"sample_more\"\n{cap}[[rule]]\ntask = \"*\"\n\
         metric = \"accuracy\"\nkind = \"non_inferior\"\nmargin = 0.15\n"
    )
}

/// Answers every item rightly four times out of five, another time for each; a hundred tokens in, fifty out.
fn wavers() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let right = knows_smoke();
    let asked_before: Mutex<HashMap<String, usize>> = Mutex::default();
    move |asked| {
        let mut before = asked_before.lock().expect("no thread panics");
        let known = before.len();
        // Its place among the items and how often it was asked, as one number.
        let turn = before.entry(asked.prompt().to_owned()).or_insert(known);
        *turn += 1;
        if turn.is_multiple_of(5) {
            return Reply::Answer(Answer::new("ANSWER: 987654321").tokens(100, 50, 0));
        }
        match right(asked) {
            Reply::Answer(answer) => Reply::Answer(answer.tokens(100, 50, 0)),
            other => other,
        }
    }
}

const RUN: [&str; 7] = ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "low", "--seed"];

/// A project with a baseline of five repeats: every item is right in four of them.
fn measured(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Server, Project) {
    let server = Server::start(script);
    let project = project_with(&server);
    project.succeed(&[&RUN[..], &["1", "--repeats", "5", "--name", "base"]].concat());
    project.succeed(&["baseline", "export", "base", "-o", "base.json"]);
    (server, project)
}

fn gated(project: &Project, cap: &str, more: &[&str]) -> Ran {
    project.write("gate.toml", policy(cap));
    let gate = ["2", "--gate", "gate.toml", "--baseline", "base.json", "--name", "new"];
    project.run(&[&RUN[..], &gate, more].concat())
}

#[test]
fn it_asks_more_repeats_until_it_is_decided() {
    let (server, project) = measured(wavers());
    let asked = server.asked().len();
    let items = asked / 5;
    let passed = gated(&project, "max_extra_cost = 5.0\n", &["--price", "1,2"]);
    assert_eq!(passed.code, Some(0), "{}{}", passed.stdout, passed.stderr);
    assert!(passed.stdout.contains("PASS: "), "{}", passed.stdout);
    assert!(passed.stdout.contains("The looks share alpha"), "{}", passed.stdout);
    assert!(
        passed.stderr.contains("not decided yet: every item is asked 2 times"),
        "{}",
        passed.stderr
    );
    let repeats = (server.asked().len() - asked) / items;
    assert_eq!((server.asked().len() - asked) % items, 0, "nothing is asked twice");
    assert!((2..=8).contains(&repeats), "{repeats} repeats");
    let extra = 0.0002 * f64::from(u32::try_from((repeats - 1) * items).expect("few"));
    assert!(passed.stdout.contains(&format!("for ${extra:.4} more")), "{extra}: {}", passed.stdout);
    // The run of the last look holds every repeat, and is the one that has the name.
    let shown = project.json(&["show", "new"]);
    assert_eq!(shown["run"]["trials"], (repeats * items) as u64, "{}", shown["run"]);
}

#[test]
fn items_that_a_limit_left_out_are_asked_before_repeats_are() {
    let (server, project) = measured(wavers());
    let asked = server.asked().len();
    let few = ["--limit", "6", "--price", "1,2"];
    let judged = gated(&project, "max_extra_cost = 5.0\n", &few);
    assert!(matches!(judged.code, Some(0 | 3)), "{}{}", judged.stdout, judged.stderr);
    let said = "not decided yet: 12 items of each task are asked in all";
    assert!(judged.stderr.contains(said), "{}", judged.stderr);
    let shown = project.json(&["show", "new"]);
    assert_eq!(shown["run"]["trials"], (server.asked().len() - asked) as u64, "nothing twice");
    // A limit without the wish for more is no such thing: most of the baseline was not answered.
    project.write("plain.toml", policy("").replace("sample_more", "fail"));
    let few = ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "low", "--limit", "2"];
    project.succeed(&[&few[..], &["--seed", "9", "--name", "few"]].concat());
    let invalid =
        project.run(&["gate", "few", "--baseline", "base.json", "--policy", "plain.toml"]);
    assert_eq!(invalid.code, Some(4), "{}", invalid.stdout);
}

#[test]
fn it_stops_where_the_money_ends_and_says_so() {
    let (server, project) = measured(wavers());
    let asked = server.asked().len();
    let items = asked / 5;
    let open = gated(&project, "max_extra_cost = 0.0001\n", &["--price", "1,2"]);
    assert_eq!(open.code, Some(3), "{}{}", open.stdout, open.stderr);
    assert!(open.stdout.contains("INCONCLUSIVE: "), "{}", open.stdout);
    let said = open.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("and $0.0001 of `max_extra_cost` is left"), "{said}");
    assert_eq!(server.asked().len() - asked, items, "nothing was asked after the first look");
}

#[test]
fn dollars_need_a_price_and_answers_that_never_change_are_not_asked_for_again() {
    let (server, project) = measured(wavers());
    let asked = server.asked().len();
    let refused = gated(&project, "max_extra_cost = 5.0\n", &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    let said = "`max_extra_cost` is in dollars, and no price of `far` is known";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(server.asked().len(), asked, "nothing was asked");

    // Right on every second item, every time: repeats say nothing, and the first look is open.
    let items = Mutex::new(HashMap::<String, usize>::new());
    let right = knows_smoke();
    let (server, project) = measured(move |asked| {
        let mut items = items.lock().expect("no thread panics");
        let known = items.len();
        if items.entry(asked.prompt().to_owned()).or_insert(known).is_multiple_of(2) {
            return right(asked);
        }
        Reply::Answer(Answer::new("ANSWER: 987654321"))
    });
    let asked = server.asked().len();
    project.write("gate.toml", policy("").replace("0.15", "0.001"));
    let gate = ["2", "--gate", "gate.toml", "--baseline", "base.json"];
    let open = project.run(&[&RUN[..], &gate].concat());
    assert_eq!(open.code, Some(3), "{}{}", open.stdout, open.stderr);
    let said = open.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("All repeats of an item agree"), "{said}");
    assert_eq!(server.asked().len() - asked, 2 * asked / 5, "two repeats of every item");
    // A gate over finished runs asks nobody.
    let finished =
        project.run(&["gate", "base", "--baseline", "base.json", "--policy", "gate.toml"]);
    assert_eq!(finished.code, Some(3), "{}", finished.stdout);
    assert!(finished.stdout.contains("`tripos run --gate` asks"), "{}", finished.stdout);
}
