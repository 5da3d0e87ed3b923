//! What keeps false content about invented things only: two lists of real names.
//!
//! `denied.txt` has what no text of ours may name: countries, large cities, people in office, firms,
//! medicines; and the words of topics that are out of bounds. [`lint`] holds any text against it.
//! `spelled.txt` has the real names that the syllables of the invented ones could spell: those of places
//! from `GeoNames` (more than 500 people, all their names; CC BY 4.0), then a few of people, firms and
//! words. No newly drawn name is among them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Real names made of the syllables of [`super::world::SYLLABLES`].
const SPELLED: &str = include_str!("spelled.txt");
/// Names and topics: a name begins with a capital and is matched with its case.
const DENIED: &str = include_str!("denied.txt");

static SPELLED_NAMES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| lines(SPELLED).collect());
static NAMES: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| lines(DENIED).filter(|line| is_name(line)).collect());
static TOPICS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| lines(DENIED).filter(|line| !is_name(line)).collect());

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn is_name(line: &str) -> bool {
    line.starts_with(char::is_uppercase)
}

/// Whether a name in lower case is a real one that the syllables spell.
pub fn is_spelled(lower: &str) -> bool {
    SPELLED_NAMES.contains(lower)
}

/// Returns the names and topics of a text that no text of ours may have, in order.
pub fn lint(text: &str) -> Vec<String> {
    let words: Vec<&str> = words(text).collect();
    let mut found = Vec::new();
    for (n, word) in words.iter().enumerate() {
        if NAMES.contains(word) || TOPICS.contains(word.to_lowercase().as_str()) {
            found.push((*word).to_owned());
        }
        let pair = words.get(n + 1).map(|next| format!("{word} {next}"));
        found.extend(pair.filter(|pair| NAMES.contains(pair.as_str())));
    }
    found
}

/// Returns the names of a text that are real ones by chance.
pub fn spelled(text: &str) -> Vec<String> {
    let names = words(text).filter(|word| is_name(word));
    names.filter(|name| is_spelled(&name.to_lowercase())).map(str::to_owned).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(lint(text), expected, "in {text:?}");
    }

    #[test]
    fn real_names_and_topics_are_found_and_plain_words_are_not() {
        check("Balimu has a population of 4000.", &[]);
        check("The town on the river Gaza has a bridge.", &["Gaza"]);
        check("The capital of France is Paris.", &["France", "Paris"]);
        check("New Zealand, as a whole", &["New Zealand"]);
        check("An election was held; vaccines were given.", &["election", "vaccines"]);
        check("", &[]);
    }

    #[test]
    fn a_name_that_a_place_has_is_found_and_a_word_is_not() {
        assert_eq!(spelled("The town on the river Beru: time of a line"), ["Beru"]);
        assert!(spelled("Balimu has a base").is_empty());
    }

    #[test]
    fn the_lists_are_in_order_and_say_nothing_twice() {
        for text in [SPELLED, DENIED] {
            for section in text.split("\n#") {
                let section: Vec<&str> =
                    section.lines().skip(1).filter(|line| !line.is_empty()).collect();
                assert!(section.is_sorted(), "{section:?}");
            }
            let all: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        }
        assert!(SPELLED_NAMES.len() > 300 && NAMES.len() > 300 && TOPICS.len() > 50);
    }
}
