//! A conversation to a prompt, through the model's own chat template.
//!
//! A template comes with the checkpoint and is hostile input: it runs without a loader, with fuel
//! and a limit on nesting. So is the text of messages: see [`Prompt::mark`].

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::merge_maps;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde_json::Value as Json;
use tripos_tasks::Message;

use super::vocabulary::{THINK_CLOSE, THINK_OPEN};

/// Instructions one rendering may take.
const FUEL: u64 = 2_000_000;
/// How deep macros may call each other.
const NESTING: usize = 64;
/// The name of the one template.
const NAME: &str = "chat";
/// The template's variable that turns thinking on and off.
const SWITCH: &str = "enable_thinking";
/// Characters that stand for nothing; one that no message contains becomes the mark.
const MARKS: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// A compiled chat template.
pub(crate) struct Chat {
    environment: Environment<'static>,
    /// What the tokenizer's configuration says about special tokens.
    tokens: BTreeMap<String, String>,
    guarded: Vec<String>,
    has_switch: bool,
    has_tags: bool,
    closing: String,
}

/// A rendered conversation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prompt {
    /// The text, with marks in it.
    pub(crate) text: String,
    /// The character that breaks what only looks like a control token.
    pub(crate) mark: char,
    /// Whether the text ends inside a think block.
    pub(crate) open: bool,
}

/// Why a conversation could not be rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChatError {
    /// The template failed.
    #[error("the chat template cannot render the conversation: {0:#}")]
    Template(Error),
    /// The messages contain all noncharacters at once.
    #[error("the conversation leaves no character to mark its text with")]
    NoMark,
}

impl Chat {
    /// Compiles the template in `chat_template.jinja` or, without one, in `tokenizer_config.json`;
    /// `None` where neither has one. `guarded` are the spellings that messages must not bring in.
    pub(crate) fn compile(
        file: Option<String>,
        tokenizer_config: &Json,
        guarded: Vec<String>,
    ) -> Result<Option<Self>, Error> {
        let Some(template) = file.or_else(|| template_in(tokenizer_config)) else {
            return Ok(None);
        };
        let has_tags = template.contains(THINK_CLOSE) || template.contains(THINK_OPEN);
        let mut environment = Environment::new();
        environment
            .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(NESTING);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned(NAME, template)?;
        let has_switch =
            environment.get_template(NAME)?.undeclared_variables(false).contains(SWITCH);
        let mut chat = Self {
            environment,
            tokens: special_tokens(tokenizer_config),
            guarded,
            has_switch,
            has_tags,
            closing: THINK_CLOSE.to_owned(),
        };
        if let Some(closing) = chat.closing_of_template() {
            chat.closing = closing;
        }
        Ok(Some(chat))
    }

    /// Returns whether the template listens to the think switch.
    pub(crate) fn has_switch(&self) -> bool {
        self.has_switch
    }

    /// Returns whether the template knows the think tags.
    pub(crate) fn has_tags(&self) -> bool {
        self.has_tags
    }

    /// Returns what ends a think block: the closing tag and what the template writes behind it.
    pub(crate) fn closing(&self) -> &str {
        &self.closing
    }

    /// Returns the spelling of a special token, such as `eos_token`.
    pub(crate) fn special_token(&self, name: &str) -> Option<&str> {
        self.tokens.get(name).map(String::as_str)
    }

    /// Renders `conversation` up to where the model answers.
    pub(crate) fn render(
        &self,
        conversation: &[Message],
        think: Option<bool>,
    ) -> Result<Prompt, ChatError> {
        let used = |mark: &char| conversation.iter().any(|message| message.content.contains(*mark));
        let mark = MARKS.into_iter().find(|mark| !used(mark)).ok_or(ChatError::NoMark)?;
        let messages: Vec<Value> = conversation
            .iter()
            .map(|message| {
                let content = marked(&message.content, &self.guarded, mark);
                context! { role => message.role.as_str(), content => content }
            })
            .collect();
        let text = self.render_messages(&messages, think).map_err(ChatError::Template)?;
        let open = match (text.rfind(THINK_OPEN), text.rfind(THINK_CLOSE)) {
            (Some(open), Some(close)) => open > close,
            (open, None) => open.is_some(),
            (None, Some(_)) => false,
        };
        Ok(Prompt { text, mark, open })
    }

    fn render_messages(&self, messages: &[Value], think: Option<bool>) -> Result<String, Error> {
        let switch = think.map_or_else(|| context! {}, |on| context! { enable_thinking => on });
        self.environment.get_template(NAME)?.render(context! {
            messages => messages,
            add_generation_prompt => true,
            tools => Value::from(()),
            documents => Value::from(()),
            ..merge_maps([switch, Value::from_pairs(self.tokens.clone())])
        })
    }

    /// Returns the end of the empty think block that the template writes when thinking is off.
    fn closing_of_template(&self) -> Option<String> {
        let question = [context! { role => "user", content => "?" }];
        let on = self.render_messages(&question, Some(true)).ok()?;
        let off = self.render_messages(&question, Some(false)).ok()?;
        let common = on.bytes().zip(off.bytes()).take_while(|(a, b)| a == b).count();
        let close = off.rfind(THINK_CLOSE)?;
        (close >= common).then(|| off[close..].to_owned())
    }
}

/// Returns the template inside a tokenizer's configuration: a text, or the one named `default`.
fn template_in(tokenizer_config: &Json) -> Option<String> {
    match tokenizer_config.get("chat_template")? {
        Json::String(template) => Some(template.clone()),
        Json::Array(named) => named.iter().find_map(|entry| {
            (entry.get("name")?.as_str()? == "default")
                .then(|| entry.get("template")?.as_str().map(str::to_owned))?
        }),
        _ => None,
    }
}

/// Returns `bos_token` and its like, which are texts or objects with a `content`.
fn special_tokens(tokenizer_config: &Json) -> BTreeMap<String, String> {
    let mut tokens = BTreeMap::new();
    for (key, value) in tokenizer_config.as_object().into_iter().flatten() {
        let text = value.as_str().or_else(|| value.get("content")?.as_str());
        if let Some(text) = text.filter(|_| key.ends_with("_token")) {
            tokens.insert(key.clone(), text.to_owned());
        }
    }
    tokens
}

/// Puts `mark` behind the first character of each guarded spelling in `text`.
fn marked(text: &str, guarded: &[String], mark: char) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        out.push(character);
        if guarded.iter().any(|spelling| text[place..].starts_with(spelling.as_str())) {
            out.push(mark);
        }
    }
    out
}

#[cfg(test)]
mod tests;
