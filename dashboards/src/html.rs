//! One self-contained page: readable without scripts, in light and dark, on paper and on a phone.
//!
//! Every string passes through [`write_visible`], so no template can forget to make hostile text
//! visible; only pictures of our own are exempt from escaping. The content policy allows the one
//! style sheet by its digest and nothing else, so nothing may carry a `style` attribute.

mod view;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, Output, State, UndefinedBehavior, escape_formatter};
use sha2::{Digest as _, Sha256};

use crate::report::Report;
use crate::text::visible;
use view::Page;

/// The page in its parts, in the order in which a reader meets them.
const TEMPLATE: &str = concat!(
    include_str!("../templates/macros.html"),
    include_str!("../templates/head.html"),
    include_str!("../templates/verdict.html"),
    include_str!("../templates/tasks.html"),
    include_str!("../templates/cost.html"),
    include_str!("../templates/flips.html"),
    include_str!("../templates/charts.html"),
    include_str!("../templates/method.html"),
);

const STYLE: &str = include_str!("../templates/style.css");

/// Returns `report` as a page.
///
/// # Panics
///
/// When a template asks for a value that the view does not have: a bug here, whatever the report.
pub(crate) fn render(report: &Report) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax());
    environment.set_formatter(write_visible);
    environment.add_template("report.html", TEMPLATE).expect("the page's template parses");
    let template = environment.get_template("report.html").expect("the template was just added");
    template
        .render(Serde(Page::of(report, &policy(), STYLE)))
        .expect("the page's view has every value that its template asks for")
}

/// Returns the syntax in which a line that holds only a block leaves no line behind.
fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    syntax.build().expect("the delimiters are the usual ones")
}

/// Writes a value with hostile characters made visible, then escaped.
fn write_visible(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(visible(text).as_ref()))
        }
        _ => escape_formatter(out, state, value),
    }
}

/// Returns the content policy: our own style sheet, pictures from inside the page, nothing else.
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; \
         form-action 'none'"
    )
}

#[cfg(test)]
mod tests;
