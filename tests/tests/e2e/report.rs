//! `tripos report` and `tripos show`: what was kept, as a page and as text.

use tripos_tests::Server;
use tripos_tests::server::{Answer, Reply};

use crate::{knows_smoke, project_with};

#[test]
fn the_page_stands_alone_and_shows_what_flipped() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let run = ["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "4"];
    project.succeed(&[&run[..], &["--name", "a"]].concat());
    project.succeed(&["report", "a", "-o", "page.html"]);
    let page = project.read("page.html");
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(outside), "the page loads something: {outside}");
    }
    assert!(page.contains("I was asked this before"), "reasoning of a flip is shown");
    project.succeed(&["report", "a", "-o", "page.md"]);
    assert!(project.read("page.md").contains("far+low"));
    project.succeed(&["report", "a", "-o", "page.json"]);
    let json: serde_json::Value = serde_json::from_str(&project.read("page.json")).expect("JSON");
    assert_eq!(json["schema"], 1);
}

#[test]
fn a_hostile_answer_is_only_ever_text() {
    let hostile = "<script>alert(1)</script>\u{1b}]0;title\u{7}\u{202e}Answer: 1";
    let server = Server::start(move |asked| {
        let low = asked.body["reasoning_effort"] == "low";
        Reply::Answer(Answer::new(if low { hostile } else { "Answer: 0" }))
    });
    let project = project_with(&server);
    let run = ["run", "smoke/modular", "-m", "far", "--reasoning", "off,low", "--name", "a"];
    project.succeed(&run);
    project.succeed(&["report", "a", "-o", "page.html"]);
    let page = project.read("page.html");
    assert!(!page.contains("<script>alert"));
    let shown = project.json(&["show", "a/far+low"]);
    let key = shown["trials"][0]["trial"].as_str().expect("a key").to_owned();
    let text = project.succeed(&["show", &key]).stdout;
    assert!(text.contains("\\u{1b}]0;title\\u{7}\\u{202e}Answer: 1"), "{text}");
    assert!(text.contains("attempt 1") && text.contains("target"), "{text}");
    // The beginning of a key is enough.
    assert_eq!(project.succeed(&["show", &key[..16]]).stdout, text);
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_asked() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let ran = project.run(&["run", "smoke", "-m", "far", "--report", "page.docx"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.stderr,
        "error: `page.docx` is no report: its name ends in `.html`, `.md` or `.json`\n"
    );
    let ran = project.run(&["run", "smoke", "-m", "far", "--report", "no/such/page.html"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stderr, "error: there is no folder `no/such` for the report\n");
    assert!(server.asked().is_empty());
}
