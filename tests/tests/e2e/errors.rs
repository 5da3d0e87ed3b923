//! What goes wrong is said once, in words that say what to do, with its exit code; nothing is lost.

use std::fs;

use tripos_tests::project::copy_folder;
use tripos_tests::server::{Answer, Reply};
use tripos_tests::{Project, Server};

use crate::{fixture, knows_smoke, project, project_with};

#[track_caller]
fn check(project: &Project, arguments: &[&str], code: i32, expected: &str) {
    let ran = project.run(arguments);
    assert_eq!(ran.stderr, expected, "tripos {arguments:?}");
    assert_eq!(ran.code, Some(code), "tripos {arguments:?}");
    assert_eq!(ran.stdout, "", "tripos {arguments:?}");
}

#[test]
fn an_unknown_suite_has_a_nearest_name() {
    check(
        &project(),
        &["run", "smoek"],
        2,
        "error: there is no suite or task `smoek`\n\
         hint: did you mean `smoke`?\n\
         hint: `tripos suites` lists what can be run\n",
    );
}

#[test]
fn an_unknown_model_has_a_nearest_name() {
    check(
        &project(),
        &["run", "-m", "tinny"],
        2,
        "error: there is no model `tinny`\n\
         hint: did you mean `tiny`? `tripos models` lists what can be asked\n",
    );
}

#[test]
fn a_malformed_config_has_a_line() {
    let project = project();
    project.write("tripos.toml", "store = \"a.db\"\n[models.a\n");
    let ran = project.run(&["runs"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.starts_with("error: `tripos.toml` line 2: "), "{}", ran.stderr);
}

#[test]
fn a_malformed_suite_has_a_line() {
    let project = project();
    project.write("mine.toml", "schema = 1\nkind = \"inline\"\nid = mine\n");
    let ran = project.run(&["suites", "check", "mine.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.starts_with("error: `mine.toml` line 3"), "{}", ran.stderr);
}

#[test]
fn what_would_measure_wrongly_is_found_before_it_is_asked() {
    let project = project();
    let head = "schema = 1\nid = \"mine\"\nversion = \"1\"\ntitle = \"Mine\"\nkind = \"inline\"\n\
                domain = \"misinfo\"\n[prompt]\nuser = \"{{ item.text }}\"\n[grade]\n\
                kind = \"expression\"\n";
    let item = |id: &str, text: &str, gold: &str| {
        format!("[[item]]\nid = \"{id}\"\ntext = \"{text}\"\ngold = \"{gold}\"\n")
    };
    let items = [
        item("one", "How many bridges has Balimu?", "4"),
        item("two", "How many bridges has Paris?", "4"),
        item("three", "How many bridges has Balimu?", "4\\n5"),
    ];
    project.write("mine.toml", &(head.to_owned() + &items.concat()));
    let ran = project.run(&["suites", "check", "mine.toml"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    for found in [
        "mine.toml: 3 findings: 1 tasks, 3 items",
        "mine item `two` names `Paris`",
        "mine item `three` asks what item `one` asks",
        "mine item `three` its own gold `4",
    ] {
        assert!(ran.stdout.contains(found), "no {found:?} in {}", ran.stdout);
    }
}

#[test]
fn an_unknown_key_has_a_line_and_a_neighbour() {
    let project = project();
    project.write("tripos.toml", "[models.a]\nrunner = \"chat\"\nbase_ulr = \"http://x\"\n");
    check(
        &project,
        &["models"],
        2,
        "error: `tripos.toml` line 3: unknown key `base_ulr` in `[models.a]`\n\
         hint: did you mean `base_url`?\n",
    );
}

#[test]
fn a_missing_model_folder_is_named() {
    let project = project();
    check(
        &project,
        &["run", "-m", "models/none"],
        2,
        "error: `models/none`: there is no such folder\n",
    );
    project.write("tripos.toml", "[models.a]\nrunner = \"local\"\npath = \"gone\"\n");
    check(
        &project,
        &["run", "-m", "a"],
        2,
        "error: `gone`: there is no such folder\n\
         hint: `path` of `[models.a]` starts at the config file\n",
    );
}

#[test]
fn half_a_checkpoint_is_refused_before_anything_is_kept() {
    let project = project();
    let folder = project.folder().join("half");
    copy_folder(&fixture(), &folder).expect("copies");
    let weights = folder.join("model.safetensors");
    let whole = fs::read(&weights).expect("reads");
    fs::write(&weights, &whole[..whole.len() / 2]).expect("writes");
    let ran = project.run(&["run", "-m", "half"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let said = "error: cannot open the model `half`\n  caused by: `half/model.safetensors` is not a \
                whole safetensors file\n";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    assert!(!project.store().exists());
}

#[test]
fn another_architecture_is_named() {
    let project = project();
    let folder = project.folder().join("other");
    copy_folder(&fixture(), &folder).expect("copies");
    let config = folder.join("config.json");
    let text = fs::read_to_string(&config).expect("reads");
    let text = text.replace("DeepseekV3ForCausalLM", "GPT2LMHeadModel");
    fs::write(&config, text.replace("deepseek_v3", "gpt2")).expect("writes");
    let ran = project.run(&["run", "-m", "other"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: cannot open the model `other`\n  caused by: "));
    assert!(
        ran.stderr.contains("GPT2LMHeadModel") || ran.stderr.contains("gpt2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_key_is_named_and_a_key_is_never_shown() {
    let server = Server::start(|_| Reply::Answer(Answer::new("Answer: 1")));
    let mut project = project();
    let url = server.base_url();
    let text = format!(
        "[models.far]\nrunner = \"chat\"\nbase_url = \"{url}\"\napi_key_env = \"FAR_KEY\"\n"
    );
    project.write("tripos.toml", text);
    check(
        &project,
        &["run", "-m", "far"],
        2,
        "error: model `far` needs a key, and `FAR_KEY` is not set\n\
         hint: set it for this command: `FAR_KEY=… tripos …`\n",
    );
    assert!(server.asked().is_empty());
    project.set("FAR_KEY", "sk-very-secret");
    for arguments in [&["doctor"][..], &["models"], &["run", "smoke/modular", "-m", "far"]] {
        let ran = project.succeed(arguments);
        assert!(!ran.stdout.contains("very-secret") && !ran.stderr.contains("very-secret"));
    }
    assert_eq!(server.asked()[0].authorization.as_deref(), Some("Bearer sk-very-secret"));
    let store = fs::read(project.store()).expect("reads");
    assert!(!store.windows(11).any(|bytes| bytes == b"very-secret"));
}

#[test]
fn a_refused_connection_stops_the_model_and_can_be_resumed() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    drop(server);
    let ran = project.run(&["run", "smoke/modular", "-m", "far"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("127.0.0.1:[PORT]"), "{}", ran.stderr);
    let runs = project.json(&["runs"]);
    assert_eq!(runs["runs"][0]["graded"], 0);
}

#[test]
fn too_many_failed_trials_are_not_a_measurement_and_no_wrong_answers() {
    let script = knows_smoke();
    let server = Server::start(move |asked| match asked.number % 10 {
        0 => Reply::Status { status: 400, headers: Vec::new(), body: "{}".to_owned() },
        _ => script(asked),
    });
    let project = project_with(&server);
    let ran = project.run(&["run", "smoke/modular", "-m", "far", "--reasoning", "low"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("trials failed: more than the 2 % that may"), "{}", ran.stderr);
    let run = project.json(&["runs"])["runs"][0]["run"].as_str().expect("a name").to_owned();
    let shown = project.json(&["show", &run]);
    let cell = &shown["result"]["tasks"][0]["cells"][0];
    assert!(cell["counts"]["failed"].as_u64() > Some(0));
    assert_eq!(cell["counts"]["incorrect"], 0);
}

#[test]
fn a_store_that_is_none_is_left_as_it_is() {
    let project = project();
    let notes = "buy milk\n".repeat(20);
    project.write("notes.txt", &notes);
    check(
        &project,
        &["runs", "--store", "notes.txt"],
        4,
        "error: `notes.txt` is not a Tripos store: it is not a SQLite database; it was left as it \
         is\nhint: `--store` or `TRIPOS_STORE` names another place\n",
    );
    assert_eq!(project.read("notes.txt"), notes);
    check(
        &project,
        &["runs"],
        4,
        "error: there is no store at `tripos.db`\n\
         hint: `tripos run` makes one; `--store` names one that is elsewhere\n",
    );
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_said_before_anything_is_asked() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let readable = |mode| fs::set_permissions(project.folder(), fs::Permissions::from_mode(mode));
    // Root may write anywhere, so the binary runs as nobody, who must be able to read it.
    let binary = project.folder().join("tripos");
    fs::copy(env!("CARGO_BIN_EXE_tripos-under-test"), &binary).expect("copies");
    let root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    readable(0o555).expect("sets");
    let mut command = project.command_of(&binary, &["run", "-m", "far"]);
    if root {
        command.uid(65534).gid(65534);
    }
    let ran = project.ran(command.output().expect("the binary starts"));
    readable(0o755).expect("sets");
    assert_eq!(
        ran.stderr,
        "error: cannot open the store `tripos.db`\n  caused by: Permission denied (os error 13)\n\
         hint: `--store` or `TRIPOS_STORE` names another place\n"
    );
    assert_eq!(ran.code, Some(4));
    assert!(server.asked().is_empty());
}

#[test]
fn a_wrong_command_line_is_code_two() {
    for arguments in [&["rnu"][..], &["run", "--limit", "0"], &["run", "--reasoning", "lots"], &[]]
    {
        assert_eq!(project().run(arguments).code, Some(2), "tripos {arguments:?}");
    }
    let help = project().succeed(&["run", "--help"]).stdout;
    assert!(help.contains("--reasoning <LEVEL>"), "{help}");
}
