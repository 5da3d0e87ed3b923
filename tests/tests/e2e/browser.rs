//! The page in a real browser: it shows itself without scripts, and its own style passes its policy.

use std::path::Path;
use std::process::Command;

use tripos_tests::Server;

use crate::{knows_smoke, project_with};

/// Starts Chromium on a page, or says why it cannot be.
#[expect(clippy::print_stdout, reason = "a test that skips says so")]
fn chromium(profile: &Path, arguments: &[&str], page: &Path) -> Option<Vec<u8>> {
    let quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    let offline =
        ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    let output = Command::new("chromium")
        .args(quiet)
        .args(offline)
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output();
    match output {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) => {
            let required = std::env::var_os("TRIPOS_REQUIRE_CHROMIUM").is_some();
            assert!(!required, "Chromium is required and cannot be started: {error}");
            println!("skipped: Chromium cannot be started: {error}");
            None
        }
    }
}

#[test]
fn the_page_shows_itself_in_light_and_in_dark() {
    let server = Server::start(knows_smoke());
    let project = project_with(&server);
    let run =
        ["run", "smoke", "-m", "far", "--reasoning", "off,low", "--limit", "2", "--name", "a"];
    project.succeed(&run);
    project.succeed(&["report", "a", "-o", "page.html"]);
    let page = project.folder().join("page.html");
    let profile = project.folder().join("profile");

    let Some(document) = chromium(&profile, &["--dump-dom"], &page) else { return };
    let document = String::from_utf8(document).expect("text");
    for shown in ["far+low", "smoke/arith_chain", "<svg", "</html>"] {
        assert!(document.contains(shown), "the page does not show {shown}");
    }

    // A style that the page's own policy refused would look the same in both.
    let picture = |scheme: &str| {
        let file = project.folder().join(format!("{scheme}.png"));
        let arguments = [
            format!("--screenshot={}", file.display()),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            "--window-size=900,900".to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        chromium(&profile, &arguments, &page);
        std::fs::read(file).expect("a picture")
    };
    let (dark, light) = (picture("0"), picture("1"));
    assert!(dark.len() > 5_000 && light.len() > 5_000, "{} and {}", dark.len(), light.len());
    assert_ne!(dark, light, "the page looks the same in light and in dark");
}
