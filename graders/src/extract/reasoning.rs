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
    let start = answer.rfind(CLOSE).map_or(0, |at| at + CLOSE.len());
    let rest = &answer[start..];
    if rest.contains(OPEN) {
        return Err(Missing::UnclosedReasoning);
    }
    let cut = rest.ceil_char_boundary(rest.len().saturating_sub(READ_MAX));
    Ok(Readable { text: &rest[cut..], start: start + cut })
}
