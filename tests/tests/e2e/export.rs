//! `tripos export` and `tripos import`: a whole run carried to another store, and what is refused.

use serde_json::Value;
use tripos_tests::server::Reply;
use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

/// What no file may hold. Servers that echo it are no excuse.
const CANARY: &str = "sk-canary-4711-do-not-leak";
const POLICY: &str = "schema = 1\n[[rule]]\ntask = \"*\"\nmetric = \"accuracy\"\n\
                      kind = \"non_inferior\"\nmargin = 0.4\n";

/// A project with a run of two arms at an endpoint that needs a key and quotes it, in answers and in errors.
fn ran() -> (Server, Project) {
    let knows = knows_smoke();
    let server = Server::start(move |asked| {
        if asked.prompt().contains("remainder when") && asked.body["reasoning_effort"] == "none" {
            let body = format!("{{\"error\": \"the key {CANARY} may not ask that\"}}");
            return Reply::Status { status: 400, headers: Vec::new(), body };
        }
        match knows(asked) {
            Reply::Answer(answer) => {
                Reply::Answer(answer.reasoning(format!("I was given {CANARY}.")))
            }
            other => other,
        }
    });
    let mut project = project_with(&server);
    project.set("FAR_KEY", CANARY);
    let settings = project.read("tripos.toml");
    project.write("tripos.toml", format!("{settings}api_key_env = \"FAR_KEY\"\n"));
    project.write("gate.toml", POLICY);
    let run = ["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "4"];
    project.run(&[&run[..], &["--name", "two"]].concat());
    (server, project)
}

/// A comparison without what is of the making: when, where, and the command.
fn compared(project: &Project, store: &str) -> Value {
    let mut document =
        project.json(&["--store", store, "compare", "two/far+nothink", "two/far+low"]);
    let result = &mut document["result"];
    result["created"] = Value::Null;
    result["provenance"]["command"] = Value::Null;
    let facts = result["provenance"]["facts"].as_array_mut().expect("a list");
    facts.retain(|fact| fact["name"] != "store");
    document
}

#[test]
fn a_run_in_another_store_is_compared_gated_shown_and_reported_as_it_was() {
    let (server, project) = ran();
    let written = project.json(&["export", "two", "-o", "two.run"]);
    assert_eq!(written["trials"], 56, "{written}");
    let imported = project.json(&["--store", "other.db", "import", "two.run"]);
    assert_eq!((&imported["trials"], &imported["run"]), (&56.into(), &written["run"]));
    assert_eq!(compared(&project, "tripos.db"), compared(&project, "other.db"));
    let gate = ["gate", "two/far+low", "--baseline", "two/far+nothink", "--policy", "gate.toml"];
    let gate = [&gate[..], &["--allow-mismatch"]].concat();
    let judged = project.run(&[&["--store", "other.db"], &gate[..]].concat());
    assert_eq!(judged.stdout, project.run(&gate).stdout);
    let trials = |store| {
        let mut shown = project.json(&["--store", store, "show", "two"])["trials"].clone();
        for trial in shown.as_array_mut().expect("a list") {
            // That a trial failed is kept, and not what a server said.
            trial["failed"] = trial["failed"].is_string().into();
        }
        let key = shown[0]["trial"].as_str().expect("a key").to_owned();
        (shown, project.json(&["--store", store, "show", &key])["listings"].clone())
    };
    assert_eq!(trials("tripos.db"), trials("other.db"));
    project.succeed(&["--store", "other.db", "report", "two", "-o", "page.html"]);
    // Nothing is missing but what failed, and the plan is the same: going on asks only that.
    let asked = server.asked().len();
    project.run(&["--store", "other.db", "resume", "two"]);
    assert!(server.asked().len() - asked < 20, "what was answered is not asked again");
    // What is exported there is the same file, but for what the second attempt wrote.
    project.succeed(&["--store", "third.db", "import", "two.run"]);
    project.succeed(&["--store", "third.db", "export", "two", "-o", "again.run"]);
    assert_eq!(project.read("again.run"), project.read("two.run"));
}

#[test]
fn a_bundle_holds_no_key_and_nothing_of_the_settings() {
    let (server, project) = ran();
    project.succeed(&["export", "two", "-o", "two.run"]);
    let text = project.read("two.run");
    assert!(!text.contains(CANARY) && !text.contains(&CANARY[..16]), "a secret is in the bundle");
    assert!(!text.contains(&server.base_url()), "the settings are in the bundle");
    assert!(text.contains("I was given [redacted:"), "the answers are");
    assert!(text.contains("\"failed\":true"), "and that trials failed");
    assert!(!text.contains("may not ask that"), "what a server said of a failure is in the bundle");
}

#[test]
fn what_is_not_whole_or_not_known_is_refused_and_nothing_is_kept() {
    let (_server, project) = ran();
    project.succeed(&["export", "two", "-o", "two.run"]);
    let whole = project.read("two.run");
    let lines: Vec<&str> = whole.lines().collect();
    let cut = lines[..lines.len() / 2].join("\n") + "\n";
    let changed = whole.replacen("\"outcome\":\"correct\"", "\"outcome\":\"refused\"", 1);
    assert_ne!(whole, changed);
    for (name, text, said) in [
        ("half.run", &whole[..whole.len() / 2], "the file is cut short or damaged"),
        ("lines.run", &cut, "the file is cut short or damaged"),
        ("head.run", &whole[..40], "the file is cut short or damaged"),
        ("changed.run", &changed, "the file was changed after it was written"),
        (
            "newer.run",
            &whole.replacen("\"version\":1", "\"version\":9", 1),
            "the bundle has format 9, and this version of tripos knows 1",
        ),
    ] {
        project.write(name, text);
        let ran = project.run(&["--store", "new.db", "import", name]);
        assert_eq!(ran.code, Some(4), "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{name}");
        assert!(!project.folder().join("new.db").exists(), "{name} left a store behind");
    }
    for (arguments, code, said) in [
        (["export", "nobody", "-o", "x.run"], 2, "no run is called `nobody`"),
        (["export", "two/far+low", "-o", "x.run"], 2, "names one of the models of a run"),
        (["export", "two", "-o", "no/such/folder.run"], 4, "cannot write the bundle"),
    ] {
        let ran = project.run(&arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_bundle_that_calls_itself_another_run_is_refused_and_changes_nothing() {
    let (_server, project) = ran();
    project.succeed(&["run", "smoke/modular", "-m", "far", "--limit", "2", "--name", "small"]);
    project.succeed(&["export", "small", "-o", "small.run"]);
    project.succeed(&["export", "two", "-o", "two.run"]);
    let text = |name: &str| project.read(name);
    let digest = |text: &str| {
        let run: Value = serde_json::from_str(text.lines().nth(1).expect("a run")).expect("JSON");
        run["run"]["digest"].as_str().expect("a digest").to_owned()
    };
    // The larger run under the name of the smaller one, with a first line that fits.
    let (_, body) =
        text("two.run").split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("lines");
    let body = body.replace(&digest(&text("two.run")), &digest(&text("small.run")));
    let head = serde_json::json!({
        "kind": "tripos-run", "version": 1, "lines": body.lines().count(), "digest": sha256(&project, &body),
    });
    project.write("forged.run", format!("{head}\n{body}"));
    let before = project.json(&["runs"]);
    let refused = project.run(&["import", "forged.run"]);
    assert_eq!(refused.code, Some(4), "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("its trials are not those of the file"), "{}", refused.stderr);
    assert_eq!(project.json(&["runs"]), before);
}

/// The SHA-256 of a text, by another program.
fn sha256(project: &Project, text: &str) -> String {
    let file = project.write("body", text);
    let ran = std::process::Command::new("sha256sum").arg(file).output().expect("it starts");
    String::from_utf8_lossy(&ran.stdout)[..64].to_owned()
}

#[test]
fn an_import_adds_nothing_to_a_store_that_has_the_run() {
    let (_server, project) = ran();
    project.succeed(&["export", "two", "-o", "two.run"]);
    let before = compared(&project, "tripos.db");
    project.succeed(&["import", "two.run"]);
    assert_eq!(project.json(&["runs"])["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(compared(&project, "tripos.db"), before);
}
