//! `tripos run`: asks what is missing, once, and prints the same table each time.

use std::io::Read;

use tripos_tests::Server;
use tripos_tests::server::{Answer, Reply};

use crate::{knows_smoke, project, project_with};

const RUN: &[&str] = &["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "4"];

#[test]
fn the_same_command_again_asks_nothing_and_prints_the_same() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let first = project.succeed(RUN);
    let asked = server.asked().len();
    assert_eq!(asked, 2 * 7 * 4, "every trial is asked once");
    let second = project.succeed(RUN);
    assert_eq!(server.asked().len(), asked, "nothing is asked again");
    assert_eq!(first.bytes, second.bytes);
    assert!(second.stderr.contains("new trials: 0; from the store: 56;"), "{}", second.stderr);
}

#[test]
fn the_table_has_every_task_and_says_what_thinking_makes() {
    let server = Server::start(knows_smoke());
    let ran = project_with(&server).succeed(RUN);
    for word in ["smoke/arith_chain", "far+nothink", "far+low", "n = ", "tripos.db", "r-"] {
        assert!(ran.stdout.contains(word), "`{word}` is missing:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no styles in a pipe");
}

#[test]
fn more_items_ask_only_for_what_is_new() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    project.succeed(&["run", "smoke", "-m", "far", "--limit", "2"]);
    project.succeed(&["run", "smoke", "-m", "far", "--limit", "3"]);
    assert_eq!(server.asked().len(), 7 * 3);
    assert!(server.counts().values().all(|count| *count == 1));
    assert_eq!(project.json(&["runs"])["runs"].as_array().expect("a list").len(), 2);
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let mut child = project.command(RUN).spawn().expect("the binary starts");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("is piped").read_to_string(&mut said).expect("is text");
    assert_eq!(child.wait().expect("ends").code(), Some(0), "{said}");
    let runs = project.json(&["runs"]);
    assert_eq!(runs["runs"][0]["state"], "finished");
    assert_eq!(runs["runs"][0]["graded"], 56);
}

#[test]
fn quiet_says_nothing_but_results() {
    let server = Server::start(knows_smoke());
    let ran = project_with(&server).succeed(&[RUN, &["--quiet"]].concat());
    assert_eq!(ran.stderr, "");
    assert!(!ran.stdout.is_empty());
}

#[test]
fn a_dry_run_asks_nothing_and_keeps_nothing() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let plan = project.json(&[RUN, &["--dry-run"]].concat());
    assert_eq!(plan["trials"], 56);
    assert!(server.asked().is_empty());
    assert!(!project.store().exists());
}

#[test]
fn a_model_on_this_machine_and_one_behind_a_server_stand_in_one_run() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let run = ["run", "smoke", "-m", "tiny", "-m", "far", "--limit", "2", "--max-tokens", "64"];
    let ran = project.json(&[&run[..], &["--report", "page.html"]].concat());
    let arms = ran["result"]["arms"].as_array().expect("a list");
    assert_eq!(arms.len(), 2);
    assert_eq!(arms[0]["name"], "tiny");
    assert_eq!(arms[0]["experts"]["state"], "observed");
    assert_eq!(arms[1]["experts"]["state"], "not_observable");
    let page = project.read("page.html");
    assert!(page.contains("far is better than tiny"), "the page compares the two");
}

#[test]
fn what_the_server_says_about_tokens_and_reasoning_is_kept() {
    let server = Server::start(|_| {
        Reply::Answer(Answer::new("Answer: 5").reasoning("two and three").tokens(20, 9, 4))
    });
    let checked = project_with(&server).json(&["models", "check", "far"]);
    assert_eq!(checked["answer"], "Answer: 5");
    assert_eq!(checked["reasoning"]["text"], "two and three");
    assert_eq!(checked["usage"]["reasoning"], 4);
}

#[test]
fn the_lists_need_neither_store_nor_network() {
    let project = project();
    let suites = project.succeed(&["suites"]).stdout;
    assert!(suites.contains("smoke") && suites.contains("smoke/arith_chain"), "{suites}");
    assert!(project.succeed(&["suites", "show", "smoke"]).stdout.contains("smoke/false_premise"));
    assert!(project.succeed(&["models"]).stdout.contains("tiny"));
    let doctor = project.succeed(&["doctor"]).stdout;
    assert!(doctor.contains("not made yet"), "{doctor}");
    assert!(!project.store().exists());
}

#[test]
fn without_an_argument_the_built_in_model_answers_in_two_ways_and_there_is_a_page() {
    let project = project();
    // One item a task keeps it short; it stays the job that comes unasked.
    let first = project.succeed(&["run", "--limit", "1"]);
    let paths = "store   tripos.db\nreport  tripos-report.html\n";
    assert!(first.stdout.ends_with(paths), "{}", first.stdout);
    assert!(first.stdout.contains("tiny+nothink") && first.stdout.contains("tiny+think"));
    assert!(project.read("tripos-report.html").contains("tiny+think"));
    let second = project.succeed(&["run", "--limit", "1"]);
    assert_eq!(first.bytes, second.bytes);
    assert!(second.stderr.starts_with("new trials: 0;"), "{}", second.stderr);
}
