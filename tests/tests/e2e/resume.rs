//! Runs that end in the middle: killed, interrupted, resumed. Nothing that was accepted is asked again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tripos_tests::server::{Asked, Reply};
use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

const RUN: &[&str] = &["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "6"];
/// The trials of [`RUN`].
const TRIALS: usize = 2 * 7 * 6;
/// How often the run is killed.
const KILLS: usize = 10;
/// The longest wait for anything; a test that needs more is stuck.
const PATIENCE: Duration = Duration::from_mins(2);

/// Knows `smoke`, but takes its time.
fn slowly(delay: Duration) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let script = knows_smoke();
    move |asked| match script(asked) {
        Reply::Answer(answer) => Reply::Answer(answer.after(delay)),
        other => other,
    }
}

/// Waits until the server has been asked `count` times in all, or the process has ended.
fn wait_for(server: &Server, count: usize, child: &mut Child) {
    let started = Instant::now();
    while server.asked().len() < count && child.try_wait().expect("can be waited for").is_none() {
        assert!(started.elapsed() < PATIENCE, "the run asks no more");
        std::thread::yield_now();
    }
}

/// Checks that every trial is graded, has one accepted answer, and was asked no more after it.
#[track_caller]
fn check_ledger(project: &Project, server: &Server) {
    let runs = project.json(&["runs"]);
    let runs = runs["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 1, "one plan is one run");
    assert_eq!(runs[0]["state"], "finished");
    let run = runs[0]["run"].as_str().expect("a name").to_owned();
    let shown = project.json(&["show", &run]);
    let trials = shown["trials"].as_array().expect("a list");
    assert_eq!(trials.len(), TRIALS);
    let mut attempts = 0;
    for trial in trials {
        assert_eq!(trial["state"], "graded", "{trial}");
        let key = trial["trial"].as_str().expect("a key");
        let known = project.json(&["show", key]);
        let tries = known["turns"][0]["attempts"].as_array().expect("a list");
        let states: Vec<_> = tries.iter().filter_map(|a| a["status"].as_str()).collect();
        let (last, before) = states.split_last().expect("was asked");
        assert_eq!(*last, "ok", "{key}: {states:?}");
        assert!(before.iter().all(|state| *state == "lost"), "{key}: {states:?}");
        attempts += states.len();
    }
    // Each try is in the ledger before it is sent, so the server cannot have seen more.
    assert!(server.asked().len() <= attempts, "{} of {attempts}", server.asked().len());
}

#[test]
fn killed_ten_times_it_grades_every_trial_once() {
    let server = Server::start(slowly(Duration::from_millis(15)));
    let project = project_with(&server);
    let mut kills = 0;
    while kills < KILLS {
        let random = usize::try_from(RandomState::new().hash_one(kills) % 64).expect("is small");
        let mut child = project.command(RUN).spawn().expect("the binary starts");
        wait_for(&server, server.asked().len() + random % 8, &mut child);
        // Somewhere between being asked and the answer's commit, or after it.
        let spin = Instant::now();
        while spin.elapsed() < Duration::from_millis(random as u64) {
            std::thread::yield_now();
        }
        child.kill().expect("can be killed");
        child.wait().expect("ends");
        kills += 1;
    }
    project.succeed(RUN);
    check_ledger(&project, &server);
}

#[cfg(unix)]
#[test]
fn interrupted_it_keeps_what_was_finished_and_says_how_to_go_on() {
    let server = Server::start(slowly(Duration::from_millis(15)));
    let project = project_with(&server);
    let mut child = project.command(RUN).spawn().expect("the binary starts");
    wait_for(&server, 10, &mut child);
    let signal = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &signal]).status().expect("sh starts").success());
    let ran = project.ran(child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let runs = project.json(&["runs"]);
    let run = runs["runs"][0]["run"].as_str().expect("a name").to_owned();
    assert_eq!(runs["runs"][0]["state"], "interrupted");
    let hint = format!("hint: `tripos resume {run}` does the rest\n");
    assert!(ran.stderr.ends_with(&hint), "{}", ran.stderr);
    project.succeed(&["resume", &run]);
    check_ledger(&project, &server);
    let asked = server.asked().len();
    project.succeed(&["resume", &run]);
    assert_eq!(server.asked().len(), asked, "a finished run asks nothing");
}

#[test]
fn a_run_whose_suite_has_changed_is_not_resumed() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let task = |gold: u32| {
        format!(
            "schema = 1\nkind = \"inline\"\nid = \"mine\"\nversion = \"1\"\ntitle = \"t\"\n\
             domain = \"math\"\n[prompt]\nuser = \"{{{{ item.text }}}}\"\n[grade]\n\
             kind = \"integer\"\n[[item]]\nid = \"a\"\ntext = \"2 + 3?\"\ngold = {gold}\n"
        )
    };
    project.write("mine.toml", task(5));
    project.succeed(&["run", "mine.toml", "-m", "far"]);
    let runs = project.json(&["runs"]);
    let run = runs["runs"][0]["run"].as_str().expect("a name").to_owned();
    project.write("mine.toml", task(6));
    let ran = project.run(&["resume", &run]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("what it would ask now is not what it asked then"));
}
