//! Strings compared without case, punctuation and spacing.

/// Returns `text` as upper-case words with one space between them; everything that is neither letter
/// nor digit separates words.
pub(crate) fn words(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !normal.is_empty() {
            normal.push(' ');
        }
        gap = false;
        normal.extend(c.to_uppercase());
    }
    normal
}

/// Whether the words of `phrase` stand in `text` side by side; both as [`words`] returns them.
pub(crate) fn contains_words(text: &str, phrase: &str) -> bool {
    !phrase.is_empty() && format!(" {text} ").contains(&format!(" {phrase} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_spacing_do_not_count() {
        for text in
            ["Not enough info", "**NOT ENOUGH INFO.**", " not-enough\tinfo!", "«Not_Enough info»"]
        {
            assert_eq!(words(text), "NOT ENOUGH INFO", "in {text:?}");
        }
        assert_eq!(words(" . "), "");
        assert_eq!(words("straße"), "STRASSE");
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        assert!(contains_words("NOT SUPPORTED", "SUPPORTED"));
        assert!(!contains_words("UNSUPPORTED", "SUPPORTED"));
        assert!(!contains_words("ANYTHING", ""));
    }
}
