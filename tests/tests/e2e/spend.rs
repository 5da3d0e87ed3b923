//! What answers cost and how sure they say they are: from the server to the terminal, JSON and the pages.

use serde_json::Value;
use tripos_tests::server::{Answer, Asked, Reply};
use tripos_tests::{Project, Server};

use crate::knows_smoke;
use crate::project;

/// Thinking, it is right and 90 % sure; hasty, it is right at every second item, half sure, and silent about
/// it once in a while. A thousand tokens in, 100 or 50 out.
fn sure() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let right = knows_smoke();
    move |asked| {
        let hasty = asked.body["reasoning_effort"] == "none";
        let answer = match right(asked) {
            Reply::Answer(answer) => answer,
            other => return other,
        };
        let text = answer.text().to_owned();
        let told = text.starts_with("Answer: ");
        let stated = match (hasty, told) {
            (false, _) => "\nConfidence: 90",
            (true, true) => "\nConfidence: 80%",
            (true, false) => "",
        };
        let output = if hasty { 50 } else { 100 };
        Reply::Answer(Answer::new(format!("{text}{stated}")).tokens(1_000, output, 0))
    }
}

fn priced(server: &Server, price: &str) -> Project {
    let project = project();
    let url = server.base_url();
    let text = format!("[models.far]\nrunner = \"chat\"\nbase_url = \"{url}\"\nprice = {price}\n");
    project.write("tripos.toml", text);
    project
}

const RUN: [&str; 9] =
    ["run", "smoke/arith_chain", "-m", "far", "--reasoning", "off,low", "--limit", "8", "--name"];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

#[test]
fn dollars_for_a_right_answer_are_in_every_form_where_prices_are_known() {
    let server = Server::start(sure());
    let project = priced(&server, "{ input = 1.0, output = 10.0 }");
    project.succeed(&[&RUN[..], &["two"]].concat());
    let compared = project.json(&["compare", "two"]);
    let arms = &compared["result"]["arms"];
    let spend = |arm: usize| &arms[arm]["total"]["spend"];
    // 1,000 tokens at a dollar and 50 or 100 at ten dollars a million.
    let (hasty, slow) = (0.0015, 0.0020);
    assert!((number(&spend(0)["cost_usd"]) - 8.0 * hasty).abs() < 1e-12, "{}", spend(0));
    assert!((number(&spend(1)["cost_usd"]) - 8.0 * slow).abs() < 1e-12, "{}", spend(1));
    let right = number(&arms[0]["total"]["counts"]["correct"]);
    assert!(right > 0.0 && right < 8.0, "{}", arms[0]["total"]["counts"]);
    let each = &spend(0)["usd_per_correct"];
    assert!((number(&each["estimate"]) - 8.0 * hasty / right).abs() < 1e-12, "{each}");
    assert!(number(&each["lower"]) < number(&each["estimate"]), "{each}");
    assert!(number(&each["upper"]) > number(&each["estimate"]), "{each}");
    assert_eq!((&each["method"], &each["n"]), (&"ratio of totals".into(), &8.into()));
    let tokens = &spend(0)["tokens_per_correct"];
    assert!((number(&tokens["estimate"]) - 8.0 * 50.0 / right).abs() < 1e-9, "{tokens}");
    let ratio = &compared["result"]["comparisons"][0]["cost_ratio"];
    assert!((number(&ratio["estimate"]) - slow / hasty).abs() < 1e-12, "{ratio}");

    let said = project.succeed(&["compare", "two"]).stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("A right answer cost $0.0020"), "{said}");
    assert!(said.contains("the dollars of far+nothink"), "{said}");
    assert!(said.contains("A right answer took 100"), "{said}");
    for page in ["page.md", "page.html"] {
        project.succeed(&["report", "two", "-o", page]);
        let text = project.read(page);
        assert!(text.contains("dollars for a right answer"), "{page}");
        assert!(text.contains("$0.002"), "{page}");
    }

    // Without a price there are tokens and no dollars.
    let other = priced(&server, "{ input = 1.0, output = 10.0 }");
    let url = server.base_url();
    other.write("tripos.toml", format!("[models.far]\nrunner = \"chat\"\nbase_url = \"{url}\"\n"));
    other.succeed(&[&RUN[..], &["two"]].concat());
    let compared = other.json(&["compare", "two"]);
    let spend = &compared["result"]["arms"][0]["total"]["spend"];
    assert_eq!(
        (&spend["cost_usd"], &spend["usd_per_correct"]["estimate"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!other.succeed(&["compare", "two"]).stdout.contains('$'));
    // A price on the command line is one of this command.
    let run = other.succeed(&[&RUN[..], &["two", "--price", "1,10"]].concat()).stdout;
    assert!(run.contains("far+nothink cost $0.0120 in all"), "{run}");
    for (price, said) in [
        ("{ input = -1, output = 1 }", "line 4: a price is USD for a million tokens, 0 or more"),
        ("{ input = 1 }", "line 4: missing field `output`"),
        (
            "{ input = 1, output = 1, hour = 2 }",
            "line 4: unknown key `hour` in `[models.far.price]`",
        ),
    ] {
        let refused = priced(&server, price).run(&["models"]);
        assert_eq!(refused.code, Some(2), "{price}: {}", refused.stdout);
        assert!(refused.stderr.contains(said), "{price}: {}", refused.stderr);
    }
}

#[test]
fn stated_confidence_is_measured_where_answers_state_it() {
    let server = Server::start(sure());
    let project = priced(&server, "{ input = 1.0, output = 10.0 }");
    project.succeed(&[&RUN[..], &["two"]].concat());
    let shown = project.json(&["compare", "two"]);
    let arms = &shown["result"]["arms"];
    let (hasty, slow) = (&arms[0]["calibration"], &arms[1]["calibration"]);
    // Eight answers, all right, all 90 % sure.
    assert_eq!((&slow["stated"], &slow["missing"]), (&8.into(), &0.into()), "{slow}");
    assert!((number(&slow["brier"]["estimate"]) - 0.01).abs() < 1e-12, "{slow}");
    assert!((number(&slow["ece"]) - 0.1).abs() < 1e-12, "{slow}");
    assert_eq!(slow["auroc"]["estimate"], Value::Null, "nothing was wrong: {slow}");
    assert_eq!(slow["coverage_at_95"], 1.0);
    assert_eq!(slow["bins"][9]["count"], 8, "an edge belongs to the upper bin");
    let counted = |name: &str| hasty[name].as_u64().expect("a count");
    assert_eq!(counted("stated") + counted("missing"), 8, "{hasty}");
    assert!(
        number(&hasty["missing"]) > 0.0,
        "what states nothing is counted and not guessed: {hasty}"
    );
    let said = project.succeed(&["compare", "two"]).stdout;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("far+low stated its confidence in 8 of 8 answers: Brier 0.01"), "{said}");
    for page in ["page.md", "page.html"] {
        project.succeed(&["report", "two", "-o", page]);
        assert!(project.read(page).contains("Stated confidence"), "{page}");
    }
    // It survives a bundle, and nothing is said where nobody states any.
    project.succeed(&["export", "two", "-o", "two.run"]);
    project.succeed(&["--store", "other.db", "import", "two.run"]);
    let again = project.json(&["--store", "other.db", "compare", "two"]);
    assert_eq!(again["result"]["arms"][1]["calibration"], *slow);
    let plain = Server::start(knows_smoke());
    let project = priced(&plain, "{ input = 1.0, output = 10.0 }");
    project.succeed(&[&RUN[..], &["two"]].concat());
    assert_eq!(project.json(&["compare", "two"])["result"]["arms"][0]["calibration"], Value::Null);
}
