//! Numbers that do not depend on how rows lie in the store, nor on how many threads there are.

use std::process::Command;

use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

/// Lists the trials of every run in an order drawn from a seed.
const SHUFFLE: &str = r"
import random, sqlite3, sys
random.seed(int(sys.argv[2]))
store = sqlite3.connect(sys.argv[1])
store.execute('PRAGMA foreign_keys = OFF')
for (run,) in store.execute('SELECT id FROM run').fetchall():
    places = [n for (n,) in store.execute('SELECT n FROM run_trial WHERE run = ?', (run,))]
    new = places[:]
    random.shuffle(new)
    assert new != places
    store.execute('UPDATE run_trial SET n = n + 1000000 WHERE run = ?', (run,))
    for old, place in zip(places, new):
        store.execute('UPDATE run_trial SET n = ? WHERE run = ? AND n = ?',
                      (place, run, old + 1000000))
store.commit()
store.execute('VACUUM')
";

/// The documents of `compare` and `gate`, byte for byte, but for the moment of making.
fn documents(project: &Project) -> [Vec<u8>; 2] {
    let compared = project.succeed(&["compare", "two", "--format", "json"]).bytes;
    let compared = String::from_utf8(compared).expect("JSON is text");
    let moment = |line: &&str| !line.trim_start().starts_with("\"created\": ");
    let compared: Vec<&str> = compared.lines().filter(moment).collect();
    let gate = ["gate", "two/far+low", "--baseline", "two/far+nothink", "--policy", "gate.toml"];
    let more = ["--allow-mismatch", "--json", "gate.json", "--format", "json"];
    let judged = project.run(&[&gate[..], &more].concat());
    assert_eq!(String::from_utf8_lossy(&judged.bytes), project.read("gate.json"));
    [compared.join("\n").into_bytes(), judged.bytes]
}

#[test]
fn shuffled_rows_and_one_thread_or_two_give_the_same_bytes() {
    let server = Server::start(knows_smoke());
    let mut project = project_with(&server);
    let run = ["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "6"];
    project.succeed(&[&run[..], &["--repeats", "2", "--name", "two"]].concat());
    let policy = "schema = 1\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                  kind = \"non_inferior\"\nmargin = 0.1\n[[rule]]\ntask = \"*\"\n\
                  metric = \"output_tokens\"\nkind = \"ratio_at_most\"\nvalue = 3.0\n";
    project.write("gate.toml", policy);
    project.set("RAYON_NUM_THREADS", "1");
    let first = documents(&project);
    assert!(first.iter().all(|document| document.len() > 1_000), "there is something to compare");
    for (seed, threads) in [("1", "1"), ("2", "2"), ("3", "7")] {
        let shuffled =
            Command::new("python3").args(["-c", SHUFFLE]).arg(project.store()).arg(seed).output();
        let shuffled = shuffled.expect("python3 starts");
        assert!(shuffled.status.success(), "{}", String::from_utf8_lossy(&shuffled.stderr));
        project.set("RAYON_NUM_THREADS", threads);
        let again = documents(&project);
        assert!(first == again, "seed {seed}, {threads} threads");
    }
    // And on one processor, where there is a second one to go without.
    let arguments = ["compare", "two", "--format", "json"];
    let alone = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_tripos-under-test")])
        .args(arguments)
        .current_dir(project.folder())
        .output();
    let Ok(alone) = alone else {
        println!("skipped: `taskset` is not installed");
        return;
    };
    let text = String::from_utf8(alone.stdout).expect("JSON is text");
    let kept =
        |line: &&str| !line.trim_start().starts_with("\"created\": ") && !line.contains(" cores\"");
    let whole = String::from_utf8(first[0].clone()).expect("JSON is text");
    let before: Vec<&str> = whole.lines().filter(kept).collect();
    assert_eq!(text.lines().filter(kept).collect::<Vec<_>>(), before, "on one processor");
}
