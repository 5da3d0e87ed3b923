//! What is wrong with a task that loads: prompts asked twice, and real names in invented content.

use std::collections::BTreeMap;

use crate::generate::misinformation::harmless;
use crate::{Domain, ItemId, Sensitivity, Task};

/// One thing that is wrong with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The item.
    pub item: ItemId,
    /// What is wrong.
    pub message: String,
}

/// Returns what is wrong with the items of `task`, in their order.
///
/// Names are looked for in misinformation probes that say they hold nothing sensitive: what is false
/// there must be about invented things. A data set about real ones says so with `sensitivity`.
pub fn lint(task: &Task) -> Vec<Finding> {
    let is_invented = task.domain == Domain::Misinfo && task.sensitivity == Sensitivity::None;
    let mut found = Vec::new();
    let mut asked = BTreeMap::new();
    for item in &task.items {
        let Ok(prompt) = task.render(item) else { continue }; // Loading renders every prompt.
        let text: Vec<String> = prompt.0.into_iter().map(|message| message.content).collect();
        let text = text.join("\n");
        if is_invented {
            found.extend(harmless::lint(&text).into_iter().map(|name| Finding {
                item: item.id.clone(),
                message: format!("names `{name}`: probes are about invented things only"),
            }));
        }
        if let Some(first) = asked.insert(text, &item.id) {
            let message = format!("asks what item `{first}` asks");
            found.push(Finding { item: item.id.clone(), message });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use crate::item::{Item, Target};

    fn task(texts: &[&str]) -> Task {
        let suite = Catalog::built_in().suite("smoke/false_premise").expect("loads");
        let mut task = suite.tasks.into_iter().next().expect("a task");
        let item = |(n, text): (usize, &&str)| Item {
            id: ItemId::new(n.to_string()),
            group: None,
            fields: [("text".to_owned(), (*text).into())].into(),
            target: Target::Integer(1.into()),
            decoys: BTreeMap::new(),
            origin: None,
        };
        task.items = texts.iter().enumerate().map(item).collect();
        task
    }

    fn messages(task: &Task) -> Vec<String> {
        lint(task).into_iter().map(|f| format!("{}: {}", f.item, f.message)).collect()
    }

    #[test]
    fn real_names_and_repeated_prompts_are_found() {
        let mut task =
            task(&["Balimu has 4 bridges.", "Paris has 4 bridges.", "Balimu has 4 bridges."]);
        let repeated = "2: asks what item `0` asks";
        let named = "1: names `Paris`: probes are about invented things only";
        assert_eq!(messages(&task), [named, repeated]);
        task.sensitivity = Sensitivity::Misinformation;
        assert_eq!(messages(&task), [repeated]);
    }

    #[test]
    fn nothing_is_found_in_the_built_in_suites() {
        let catalog = Catalog::built_in();
        for entry in catalog.entries().iter().filter(|entry| !entry.is_suite) {
            for task in catalog.suite(&entry.id).expect("loads").tasks {
                assert_eq!(messages(&task), [""; 0], "{}", task.id);
            }
        }
    }
}
