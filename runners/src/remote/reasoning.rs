//! Tells the answer from the reasoning, wherever a server of the chat wire puts either.
//!
//! Reasoning comes in a field of its own, in typed parts of the content, or between tags inside the
//! text. The first place that holds any wins, and the text found there is never part of the answer.

use serde_json::Value;

use crate::completion::{Reasoning, ReasoningKind};

/// The pieces of a message: all of a plain one at once, or the deltas of a streamed one as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces {
    content: String,
    thinking_parts: String,
    reasoning_content: String,
    reasoning: String,
    details_text: String,
    details_summary: String,
    encrypted: bool,
    refusal: String,
}

/// A message with its reasoning taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// What may be graded.
    pub answer: String,
    /// What may not.
    pub reasoning: Reasoning,
    /// What the model said in declining, if it declined.
    pub refusal: String,
}

impl Pieces {
    /// Takes a message or a delta; what is missing, null or of another type adds nothing.
    pub(super) fn absorb(&mut self, message: &Value) {
        push_text(&mut self.reasoning_content, &message["reasoning_content"]);
        push_text(&mut self.reasoning, &message["reasoning"]);
        push_text(&mut self.refusal, &message["refusal"]);
        for detail in elements(&message["reasoning_details"]) {
            push_text(&mut self.details_text, &detail["text"]);
            push_text(&mut self.details_summary, &detail["summary"]);
            self.encrypted |= detail["data"].is_string();
        }
        push_text(&mut self.content, &message["content"]);
        for part in elements(&message["content"]) {
            match &part["thinking"] {
                Value::Array(inner) => {
                    for text in inner {
                        push_text(&mut self.thinking_parts, &text["text"]);
                    }
                }
                text => push_text(&mut self.thinking_parts, text),
            }
            push_text(&mut self.content, &part["text"]);
        }
    }

    /// Returns whether nothing at all was said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes the reasoning out; `tags` are those the model writes around it inside the text.
    pub(super) fn split(self, tags: Option<&(String, String)>) -> Split {
        let refusal = self.refusal;
        let whole = |text, kind| (self.content.clone(), Reasoning { kind, text });
        let (answer, reasoning) = if !self.details_text.is_empty() {
            whole(self.details_text, ReasoningKind::Full)
        } else if !self.details_summary.is_empty() {
            whole(self.details_summary, ReasoningKind::Summary)
        } else if !self.reasoning_content.is_empty() {
            whole(self.reasoning_content, ReasoningKind::Full)
        } else if !self.reasoning.is_empty() {
            whole(self.reasoning, ReasoningKind::Full)
        } else if !self.thinking_parts.is_empty() {
            whole(self.thinking_parts, ReasoningKind::Full)
        } else if let Some((open, close)) = tags {
            split_tags(&self.content, open, close)
        } else {
            whole(String::new(), ReasoningKind::None)
        };
        let reasoning = match reasoning.kind {
            ReasoningKind::None if self.encrypted => {
                Reasoning { kind: ReasoningKind::Hidden, text: String::new() }
            }
            _ => reasoning,
        };
        Split { answer, reasoning, refusal }
    }
}

/// Takes every tagged block out of `text`. A block that is never closed runs to the end; a closing tag
/// with no opening one before it ends a block that the prompt opened.
fn split_tags(text: &str, open: &str, close: &str) -> (String, Reasoning) {
    let mut answer = String::new();
    let mut blocks: Vec<&str> = Vec::new();
    let mut rest = text;
    if let Some((before, after)) = rest.split_once(close)
        && !before.contains(open)
    {
        blocks.push(before.trim());
        rest = after;
    }
    while let Some((before, after)) = rest.split_once(open) {
        answer.push_str(before);
        let (block, after) = after.split_once(close).unwrap_or((after, ""));
        blocks.push(block.trim());
        rest = after;
    }
    if blocks.is_empty() {
        return (text.to_owned(), Reasoning::default());
    }
    answer.push_str(rest);
    let reasoning = blocks.into_iter().filter(|block| !block.is_empty()).collect::<Vec<_>>();
    let kind = if reasoning.is_empty() { ReasoningKind::None } else { ReasoningKind::InlineTags };
    (answer.trim().to_owned(), Reasoning { kind, text: reasoning.join("\n\n") })
}

fn push_text(out: &mut String, value: &Value) {
    if let Some(text) = value.as_str() {
        out.push_str(text);
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tags() -> (String, String) {
        ("<think>".to_owned(), "</think>".to_owned())
    }

    #[track_caller]
    fn check(message: &Value, expected: (&str, &str, ReasoningKind)) {
        let mut pieces = Pieces::default();
        pieces.absorb(message);
        let split = pieces.split(Some(&tags()));
        let got = (split.answer.as_str(), split.reasoning.text.as_str(), split.reasoning.kind);
        assert_eq!(got, expected, "in {message}");
    }

    #[test]
    fn the_first_place_with_reasoning_wins() {
        use ReasoningKind::{Full, Hidden, None, Summary};
        let details = |kind: &str, field: &str| json!([{"type": kind, (field): "d"}]);
        let cases = [
            (json!({"content": "4"}), ("4", "", None)),
            (json!({"content": "4", "reasoning_content": "r"}), ("4", "r", Full)),
            (json!({"content": "4", "reasoning": "r"}), ("4", "r", Full)),
            (json!({"content": "4", "reasoning": "r", "reasoning_content": "r"}), ("4", "r", Full)),
            (
                json!({"content": "4", "reasoning": "r",
                    "reasoning_details": details("reasoning.text", "text")}),
                ("4", "d", Full),
            ),
            (
                json!({"content": "4", "reasoning": "d",
                    "reasoning_details": details("reasoning.summary", "summary")}),
                ("4", "d", Summary),
            ),
            (
                json!({"content": "4", "reasoning_details": details("reasoning.encrypted", "data")}),
                ("4", "", Hidden),
            ),
            (
                json!({"content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "r"}]},
                    {"type": "text", "text": "4"},
                ]}),
                ("4", "r", Full),
            ),
            (json!({"content": [{"type": "thinking", "thinking": "r"}]}), ("", "r", Full)),
            (json!({"content": null, "reasoning_content": "r"}), ("", "r", Full)),
            (json!({"content": 4, "reasoning_content": ["r"], "reasoning": {}}), ("", "", None)),
        ];
        for (message, expected) in cases {
            check(&message, expected);
        }
    }

    #[track_caller]
    fn check_tags(text: &str, answer: &str, reasoning: &str) {
        let kind =
            if reasoning.is_empty() { ReasoningKind::None } else { ReasoningKind::InlineTags };
        check(&json!({ "content": text }), (answer, reasoning, kind));
    }

    #[test]
    fn tags_may_be_closed_unclosed_or_only_closed() {
        check_tags("<think>\na\n</think>\n\n4", "4", "a");
        check_tags("<think>a", "", "a");
        check_tags("<think>", "", "");
        check_tags("a</think>4", "4", "a");
        check_tags("</think>4", "4", "");
        check_tags("<think>\n\n</think>\n\n4", "4", "");
        check_tags("<think>a</think>4<think>b</think>5", "45", "a\n\nb");
        check_tags("a</think>4<think>b", "4", "a\n\nb");
        check_tags("so <think>a</think> 4", "so  4", "a");
        check_tags("no tags at all ", "no tags at all ", "");
    }

    #[test]
    fn tags_count_only_where_they_are_declared_and_no_field_holds_reasoning() {
        let mut pieces = Pieces::default();
        pieces.absorb(&json!({"content": "<think>a</think>4"}));
        assert_eq!(pieces.split(None).answer, "<think>a</think>4");
        check(
            &json!({"content": "<think>a</think>4", "reasoning": "r"}),
            ("<think>a</think>4", "r", ReasoningKind::Full),
        );
    }
}
