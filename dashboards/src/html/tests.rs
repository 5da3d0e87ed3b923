//! Tests of the page: hostile text, structure, what is shown of little and of much.

use proptest::prelude::*;
use tripos_tasks::Sensitivity;

use super::*;
use crate::fixture::{empty, one_arm, three_arms, two_arms};
use crate::report::{Cell, Experts, Fact, Flip};

/// Elements without an end tag.
const VOID: [&str; 3] = ["meta", "link", "br"];

/// A start tag: its name and its attributes.
type Tag = (String, Vec<(String, String)>);

/// Reads `page` as strictly as XML: every start tag has its end tag, every attribute its quotes, no
/// `<` or `&` stands bare. Returns the start tags in order.
#[track_caller]
fn tags(page: &str) -> Vec<Tag> {
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").unwrap_or(page);
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        let end = rest[start..].find('>').expect("a tag ends") + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "an end tag closes the innermost element"
            );
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = read_tag(tag);
        if name == "style" {
            rest = &rest[rest.find("</style>").expect("the style sheet ends")..];
        }
        if !closed && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        tags.push((name, attributes));
    }
    check_text(rest);
    assert_eq!(open, Vec::<String>::new(), "every element is closed");
    tags
}

#[track_caller]
fn read_tag(tag: &str) -> Tag {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "odd tag name {name:?}");
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        if rest.trim() == "open" {
            break;
        }
        let (key, value) = rest.split_once("=\"").expect("an attribute has a quoted value");
        let (value, after) = value.split_once('"').expect("an attribute's value ends");
        check_text(value);
        attributes.push((key.trim().to_owned(), value.to_owned()));
        rest = after;
    }
    (name.to_owned(), attributes)
}

#[track_caller]
fn check_text(text: &str) {
    for part in text.split('&').skip(1) {
        let entity = part.split_once(';').map(|(entity, _)| entity).unwrap_or_default();
        let known = matches!(entity, "lt" | "gt" | "amp" | "quot") || entity.starts_with('#');
        assert!(known, "a bare & in {text:?}");
    }
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(hidden), "a control character in {text:?}");
}

/// Returns `report` with `text` in every field that holds text.
fn poisoned(mut report: Report, text: &str) -> Report {
    let s = || text.to_owned();
    (report.title, report.created, report.notices) = (s(), s(), vec![s()]);
    for arm in &mut report.arms {
        (arm.name, arm.model, arm.run, arm.reasoning, arm.digest) = (s(), s(), s(), s(), s());
        arm.settings = vec![Fact::new(s(), s())];
        arm.total.accuracy.method = s();
        arm.total.spend.output_tokens.method = s();
    }
    for task in &mut report.tasks {
        (task.id, task.title, task.version, task.digest) = (s(), s(), s(), s());
    }
    for comparison in &mut report.comparisons {
        comparison.caveats = vec![s()];
        comparison.overall.test = s();
        comparison.tasks.iter_mut().for_each(|task| task.test = s());
        for flip in &mut comparison.flips {
            (flip.item, flip.prompt, flip.target) = (s(), s(), s());
            for side in [&mut flip.baseline, &mut flip.candidate] {
                (side.outcome, side.reasoning, side.answer, side.trial) = (s(), s(), s(), s());
                side.span = None;
                (side.extracted, side.reason, side.reasoning_note) =
                    (Some(s()), Some(s()), Some(s()));
            }
        }
    }
    let provenance = &mut report.provenance;
    (provenance.command, provenance.version) = (s(), s());
    provenance.methods = vec![Fact::new(s(), s())];
    provenance.facts = vec![Fact::new(s(), s())];
    report
}

/// The page with `text` everywhere has the elements and attributes that it has with a plain word.
#[track_caller]
fn check_harmless(text: &str) {
    let plain = tags(&render(&poisoned(three_arms(), "word")));
    let hostile = tags(&render(&poisoned(three_arms(), text)));
    // A longer name moves the legend of a chart, so coordinates are left aside.
    let shape = |tags: Vec<Tag>| -> Vec<Tag> {
        let place = |(key, _): &(String, String)| !matches!(key.as_str(), "x" | "cx" | "points");
        tags.into_iter()
            .map(|(name, attributes)| (name, attributes.into_iter().filter(place).collect()))
            .collect()
    };
    let (plain, hostile) = (shape(plain), shape(hostile));
    for (place, (plain, hostile)) in plain.iter().zip(&hostile).enumerate() {
        assert_eq!(plain, hostile, "tag {place} with {text:?}");
    }
    assert_eq!(plain.len(), hostile.len(), "with {text:?}");
}

#[test]
fn hostile_text_is_only_ever_text() {
    for text in [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)",
        "]]><b>",
        "<!-- -->",
        "{{ title }} {% raw %}",
        "\u{1b}[31m\u{1b}]8;;http://example.com\u{7}click",
        "\u{202e}gnp.exe \u{2066}x",
        "&lt;b&gt; &bogus; &",
        "javascript:alert(1)",
        "$$\\href{javascript:alert(1)}{x}$$",
        "\0\r\n\u{85}\u{ffff}",
        "=cmd|' /C calc'!A0",
    ] {
        check_harmless(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_string_adds_an_element(text in "[<>&\"'`/=!\\-\\]\\[a-z\\p{Cc}\\p{Cf} \\PC]{1,40}") {
        check_harmless(&text);
    }
}

#[test]
fn a_page_carries_its_policy_and_loads_nothing() {
    let page = render(&two_arms());
    let tags = tags(&page);
    let policy = policy();
    assert!(page.contains(&format!("Content-Security-Policy\" content=\"{policy}\"")));
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(
        page.contains(&format!("<style>{STYLE}</style>")),
        "the digest is of what stands there"
    );
    for (name, attributes) in &tags {
        assert!(
            !matches!(name.as_str(), "script" | "img" | "iframe" | "object" | "form"),
            "{name}"
        );
        for (key, value) in attributes {
            assert!(!key.starts_with("on") && key != "style" && key != "src", "{name} {key}");
            assert!(key != "href" || value.starts_with('#') || value == "data:,", "{value}");
        }
    }
}

#[test]
fn ids_are_unique_and_references_lead_somewhere() {
    let tags = tags(&render(&three_arms()));
    let values = |wanted: &[&str]| -> Vec<String> {
        let all = tags.iter().flat_map(|(_, attributes)| attributes);
        all.filter(|(key, _)| wanted.contains(&key.as_str())).map(|(_, v)| v.clone()).collect()
    };
    let mut ids = values(&["id"]);
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id appears twice");
    let named = values(&["aria-labelledby"]);
    for id in named.iter().flat_map(|ids| ids.split(' ')) {
        assert!(ids.iter().any(|known| known == id), "nothing is called {id}");
    }
}

#[test]
fn every_picture_has_a_role_a_title_and_a_finding() {
    let page = render(&three_arms());
    let pictures =
        page.split("<svg ").skip(1).map(|rest| rest.split_once("</svg>").expect("it ends").0);
    let mut seen = 0;
    for picture in pictures {
        tags(&format!("<svg {picture}</svg>"));
        assert!(picture.contains("role=\"img\""));
        for part in ["title", "desc"] {
            let (_, element) = picture.split_once(&format!("<{part} id=")).expect("it has one");
            let (_, text) = element.split_once('>').expect("the tag ends");
            assert!(!text.starts_with('<'), "an empty {part}");
        }
        seen += 1;
    }
    assert_eq!(seen, 5, "two forests, the tokens, two local arms' experts");
}

#[test]
fn a_page_says_something_true_however_little_there_is() {
    let check = |report: &Report, words: &[&str]| {
        let page = render(report);
        tags(&page);
        for word in words {
            assert!(page.contains(word), "{word:?} is missing");
        }
    };
    check(&empty(), &["Nothing was run", "No task was asked", "With one arm nothing can flip"]);
    check(&one_arm(), &["There is one arm only", "tiny+nothink scores 37 % [30, 45] (n = 140)"]);
    check(
        &three_arms(),
        &["lab&#x2f;reasoner is better than tiny+nothink", "$0.42", "not observable"],
    );
    check(&two_arms(), &["2 of 280 trials have no answer and are in no score."]);
    let mut failed = two_arms();
    failed.tasks[2].cells[1] = Cell::default();
    failed.comparisons[0].tasks[2].figure = crate::report::Figure::default();
    check(&failed, &["not measured</b> <span class=\"ci\">(n = 0)"]);
    let mut layers = two_arms();
    layers.arms[0].experts = Experts::Observed { layers: Vec::new() };
    layers.arms[1].experts = Experts::NotRecorded;
    check(&layers, &["no routed experts were seen", "every answer came from the store"]);
}

#[test]
fn gated_texts_are_withheld_and_misinformation_stops_early() {
    let mut report = two_arms();
    let secret = |flip: &mut Flip| {
        let text = format!("{}SECRET", "x".repeat(90));
        (flip.prompt, flip.target) = (text.clone(), text.clone());
        for side in [&mut flip.baseline, &mut flip.candidate] {
            (side.answer, side.reasoning, side.extracted) =
                (text.clone(), text.clone(), Some(text.clone()));
        }
    };
    report.comparisons[0].flips.iter_mut().for_each(secret);
    report.tasks[5].sensitivity = Sensitivity::Gated;
    report.tasks[0].sensitivity = Sensitivity::Misinformation;
    for format in [crate::Format::Html, crate::Format::Markdown, crate::Format::Json] {
        let page = crate::render(&report, format);
        assert!(!page.contains("SECRET"), "{format:?}");
        assert!(page.contains("context_poison-3-0011") || page.contains("context\\_poison-3-0011"));
        assert!(page.contains(&"x".repeat(80)), "{format:?}");
        assert!(!page.contains(&"x".repeat(81)), "{format:?}");
    }
}

#[test]
fn many_flips_are_capped_and_what_is_missing_is_said() {
    let mut report = two_arms();
    let mut flip = report.comparisons[0].flips[0].clone();
    flip.candidate.reasoning = "thinking ".repeat(5_000);
    report.comparisons[0].flips = vec![flip; 1_500];
    let page = render(&report);
    assert!(page.contains("Shown are the 200 worst of 1,500; 1,300 are left out."));
    assert!(page.contains("200 texts are cut in the middle to 6,000 characters."));
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
}

#[test]
fn the_final_answer_is_marked_and_a_wrong_span_is_not() {
    let page = render(&two_arms());
    assert!(page.contains("Answer: <mark class=\"wrong\">1913</mark></div>"));
    let mut report = two_arms();
    report.comparisons[0].flips[0].candidate.answer = "é".to_owned();
    report.comparisons[0].flips[0].candidate.span = Some((1, 99));
    assert!(render(&report).contains("<div class=\"text\">é</div>"));
}
