//! Prompt templates: minijinja with every undefined name an error.
//!
//! A suite file is hostile input, so a template has fuel, no loader, no clock and no environment,
//! and what it may write is capped.

use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::{Serialize, Serializer};

use crate::Fields;

/// Instructions, bytes and items a template may spend; the longest built-in prompt spends 2 % of it.
const FUEL: u64 = 2_000_000;
/// The most bytes a rendered message may have.
const MAX_BYTES: usize = 4 << 20;

/// A template and the text it was made from.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    environment: Arc<Environment<'static>>,
}

/// Why a template could not be read or rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The text is not a template.
    #[error("the template does not parse")]
    Syntax(#[source] minijinja::Error),
    /// A name is undefined, a filter failed or the fuel ran out.
    #[error("the template cannot be rendered")]
    Render(#[source] minijinja::Error),
    /// The rendered text is too long.
    #[error("the template renders to more than {MAX_BYTES} bytes")]
    TooLong,
}

impl Template {
    /// Reads a template.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(64);
        // The built-in one allocates its indentation before the fuel is checked.
        environment.remove_filter("tojson");
        environment
            .add_template_owned("prompt".to_owned(), source.to_owned())
            .map_err(TemplateError::Syntax)?;
        Ok(Self { source: source.into(), environment: Arc::new(environment) })
    }

    /// Returns the text the template was made from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders with `item` bound to `fields`.
    ///
    /// # Panics
    ///
    /// Never: the one template of the environment was added when it was made.
    pub fn render(&self, fields: &Fields) -> Result<String, TemplateError> {
        let template = self.environment.get_template("prompt").expect("added in `new`");
        let context = Value::from_pairs([("item", Value::from(Serde(fields)))]);
        let text = template.render(context).map_err(TemplateError::Render)?;
        if text.len() > MAX_BYTES {
            return Err(TemplateError::TooLong);
        }
        Ok(text)
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({:?})", self.source)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Fields {
        Fields::from([("text".to_owned(), json!("1 + 1"))])
    }

    #[test]
    fn shows_the_fields_of_the_item() {
        let template = Template::new("Compute {{ item.text }}.").expect("a template");
        assert_eq!(template.render(&fields()).expect("renders"), "Compute 1 + 1.");
    }

    #[test]
    fn an_undefined_name_is_an_error() {
        let template = Template::new("{{ item.txet }}").expect("a template");
        assert!(matches!(template.render(&fields()), Err(TemplateError::Render(_))));
    }

    #[test]
    fn an_open_brace_is_a_syntax_error() {
        assert!(matches!(Template::new("{{ item.text"), Err(TemplateError::Syntax(_))));
    }

    #[test]
    fn a_template_that_never_ends_runs_out_of_fuel() {
        let source =
            "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
        let template = Template::new(source).expect("a template");
        assert!(matches!(template.render(&fields()), Err(TemplateError::Render(_))));
    }
}
