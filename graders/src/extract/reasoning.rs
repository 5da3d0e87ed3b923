//! Takes reasoning out of an answer.
//!
//! The runner has done so already, by the field or the tags of the model at hand. This is the second
//! line of defence, for the tags that everybody uses: reasoning is never graded.

use super::{Missing, READ_MAX, Readable};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Returns what stands after the last closing tag. Text before a lone closing tag is reasoning, since
/// many templates write the opening tag into the prompt; an opening tag without an end leaves nothing.
pub(crate) fn readable(answer: &str) -> Result<Readable<'_>, Missing> {
    let answer = without_end_tokens(answer);
    let start = answer.rfind(CLOSE).map_or(0, |at| at + CLOSE.len());
    let rest = &answer[start..];
    if rest.contains(OPEN) {
        return Err(Missing::UnclosedReasoning);
    }
    let cut = rest.ceil_char_boundary(rest.len().saturating_sub(READ_MAX));
    Ok(Readable { text: &rest[cut..], start: start + cut })
}

/// `answer` without the tokens that end a turn, where a server left them in the text.
fn without_end_tokens(answer: &str) -> &str {
    let mut text = answer.trim_end();
    loop {
        let before = text.len();
        for token in ["</s>", "<eos>", "<end_of_turn>"] {
            text = text.strip_suffix(token).unwrap_or(text).trim_end();
        }
        if let Some(body) = text.strip_suffix("|>")
            && let Some(start) = body.rfind("<|")
            && body.len() - start < 32
        {
            text = body[..start].trim_end();
        }
        if text.len() == before {
            return text;
        }
    }
}
