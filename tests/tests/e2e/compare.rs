//! `tripos compare`: two arms of one run, two runs, and what cannot be compared.

use tripos_tests::{Project, Server};

use crate::{knows_smoke, project_with};

/// A project with two runs: two arms with thinking off and on, and one with another token limit.
fn runs() -> (Server, Project) {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let two = ["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "4"];
    project.succeed(&[&two[..], &["--name", "two"]].concat());
    let one = ["run", "smoke", "-m", "far", "--limit", "4", "--max-tokens", "99"];
    project.succeed(&[&one[..], &["--name", "short"]].concat());
    (server, project)
}

#[test]
fn a_run_with_two_models_is_compared_with_itself() {
    let (_server, project) = runs();
    let compared = project.json(&["compare", "two"]);
    let overall = &compared["result"]["comparisons"][0]["overall"];
    assert_eq!(overall["direction"], "better");
    assert_eq!(overall["figure"]["n"], 28);
    let turned = project.json(&["compare", "two/far+low", "two/far+nothink"]);
    assert_eq!(turned["result"]["comparisons"][0]["overall"]["direction"], "worse");
    let table = project.succeed(&["compare", "two"]).stdout;
    assert!(table.contains("smoke/arith_chain"), "{table}");
}

#[test]
fn other_limits_are_refused_unless_allowed() {
    let (_server, project) = runs();
    let refused = project.run(&["compare", "two/far+low", "short"]);
    assert_eq!(refused.code, Some(4));
    let said = "error: the two are not comparable: Task smoke/arith_chain had a token limit of ";
    assert!(refused.stderr.starts_with(said), "{}", refused.stderr);
    let allowed = project.json(&["compare", "two/far+low", "short", "--allow-mismatch"]);
    let caveats = allowed["result"]["comparisons"][0]["caveats"].as_array().expect("a list");
    assert!(caveats[0].as_str().expect("a sentence").contains("token limit"));
}

#[test]
fn what_is_not_two_models_says_how_to_name_them() {
    let (_server, project) = runs();
    let ran = project.run(&["compare", "short"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.stderr,
        "error: `short`: two models can be compared, and it holds 1\n\
         hint: `tripos compare RUN/MODEL RUN/MODEL` names both\n"
    );
    let ran = project.run(&["compare", "two", "short"]);
    assert_eq!(
        ran.stderr,
        "error: `two` holds 2 models: name one\nhint: such as `two/far+nothink`\n"
    );
    let ran = project.run(&["compare", "nobody", "short"]);
    assert_eq!(
        ran.stderr,
        "error: no run is called `nobody`\nhint: `tripos runs` lists what the store holds\n"
    );
}
