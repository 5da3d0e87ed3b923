//! What flipped: items on which the candidate did worse first, then those on which it did better.

use std::collections::BTreeMap;

use tripos_dashboards::report::{self, Flip};
use tripos_runners::ReasoningKind;

use super::View;
use super::cells::beside;
use crate::key::TrialKey;
use crate::store::rows::{Sample, TaskRow, Transcript, TurnRow};

/// Flips of a comparison whose texts are read: the most that any format shows.
pub(super) const READ: usize = 2_000;

/// An item on which two arms differ, with the repeats that show it.
pub(super) struct Flipped<'a> {
    task: &'a str,
    item: &'a str,
    change: f64,
    pub(super) baseline: &'a Sample,
    pub(super) candidate: &'a Sample,
}

/// Everything that flipped between two arms, worst first.
pub(super) fn flipped<'a>(one: &View<'a>, two: &View<'a>) -> Vec<Flipped<'a>> {
    let mut all = Vec::new();
    for task in &one.tasks {
        let name = &task.row.task;
        let Some(candidate) = two.task(name) else { continue };
        for (one, two) in beside(&task.items, &candidate.items) {
            let Some(two) = two else { continue };
            let change = two.score - one.score;
            let Some((baseline, candidate)) = telling(&one.samples, &two.samples, change) else {
                continue;
            };
            all.push(Flipped { task: name, item: one.id, change, baseline, candidate });
        }
    }
    let gained = |flip: &Flipped<'_>| flip.change > 0.0;
    all.sort_by(|a, b| gained(a).cmp(&gained(b)).then(b.change.abs().total_cmp(&a.change.abs())));
    all
}

/// The two repeats that show a change best: the same repeat where it changed, else the extremes.
fn telling<'a>(
    one: &[&'a Sample],
    two: &[&'a Sample],
    change: f64,
) -> Option<(&'a Sample, &'a Sample)> {
    if change.abs() < f64::EPSILON {
        return None;
    }
    let gap = |a: &Sample, b: &Sample| {
        let score = |sample: &Sample| sample.score.unwrap_or(0.0);
        (score(b) - score(a)) * change.signum()
    };
    let same = one
        .iter()
        .flat_map(|&a| two.iter().filter(move |b| b.repeat == a.repeat).map(move |&b| (a, b)));
    let any = one.iter().flat_map(|&a| two.iter().map(move |&b| (a, b)));
    same.chain(any).find(|(a, b)| gap(a, b) > 0.0)
}

/// The flips as the page shows them: the worst [`READ`] with their texts, the others to be counted.
pub(super) fn flips(
    flipped: &[Flipped<'_>],
    tasks: &[&TaskRow],
    transcripts: &BTreeMap<TrialKey, Transcript>,
) -> Vec<Flip> {
    flipped
        .iter()
        .enumerate()
        .filter_map(|(n, flip)| {
            if n >= READ {
                return untold(flip, tasks);
            }
            let transcript = transcripts.get(&flip.baseline.key)?;
            let listing = transcript
                .listings
                .iter()
                .find(|listing| listing.task == flip.task && listing.item.id == flip.item)?;
            Some(Flip {
                task: tasks.iter().position(|task| task.task == flip.task)?,
                item: flip.item.to_owned(),
                change: flip.change,
                prompt: transcript.turns.first().map(prompt).unwrap_or_default(),
                target: listing.item.target.clone(),
                baseline: shown(flip.baseline, flip.task, transcript),
                candidate: shown(flip.candidate, flip.task, transcripts.get(&flip.candidate.key)?),
            })
        })
        .collect()
}

/// A flip that no format shows, without its texts.
fn untold(flip: &Flipped<'_>, tasks: &[&TaskRow]) -> Option<Flip> {
    let side = |sample: &Sample| report::Transcript {
        outcome: sample.outcome.map_or_else(String::new, |outcome| outcome.as_str().to_owned()),
        score: sample.score.unwrap_or_default(),
        trial: sample.key.to_string(),
        ..report::Transcript::default()
    };
    Some(Flip {
        task: tasks.iter().position(|task| task.task == flip.task)?,
        item: flip.item.to_owned(),
        change: flip.change,
        prompt: String::new(),
        target: String::new(),
        baseline: side(flip.baseline),
        candidate: side(flip.candidate),
    })
}

/// The messages of a turn as one text.
fn prompt(turn: &TurnRow) -> String {
    let messages = &turn.prompt.0;
    if let [only] = messages.as_slice() {
        return only.content.clone();
    }
    let texts: Vec<String> =
        messages.iter().map(|m| format!("[{}]\n{}", m.role.as_str(), m.content)).collect();
    texts.join("\n\n")
}

fn shown(sample: &Sample, task: &str, transcript: &Transcript) -> report::Transcript {
    let completion = transcript.turns.first().and_then(|turn| turn.completion.as_ref());
    let detail = transcript
        .listings
        .iter()
        .find(|listing| listing.task == task && listing.item.id == sample.item)
        .and_then(|listing| listing.grade.as_ref())
        .map(|grade| grade.detail.clone())
        .unwrap_or_default();
    let note = completion.and_then(|completion| match completion.reasoning.kind {
        ReasoningKind::Hidden => Some("hidden".to_owned()),
        ReasoningKind::Summary => Some("summary".to_owned()),
        ReasoningKind::None | ReasoningKind::Full | ReasoningKind::InlineTags => None,
    });
    report::Transcript {
        outcome: sample.outcome.map_or_else(String::new, |outcome| outcome.as_str().to_owned()),
        score: sample.score.unwrap_or_default(),
        reasoning: completion.map(|c| c.reasoning.text.clone()).unwrap_or_default(),
        reasoning_note: note,
        answer: completion.map(|c| c.text.clone()).unwrap_or_default(),
        span: detail.span.map(|span| (span.start, span.end)),
        extracted: detail.extracted,
        reason: detail.reason,
        output_tokens: completion.and_then(|c| c.usage.output),
        trial: sample.key.to_string(),
    }
}
