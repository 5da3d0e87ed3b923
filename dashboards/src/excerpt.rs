//! Decides what of the flips is shown: how many, how much of each text, and what sensitivity allows.
//!
//! Every format takes its flips from here, so that none can show what another withholds.

use tripos_tasks::Sensitivity;

use crate::number::count;
use crate::report::{Comparison, Flip, Report, Transcript};

/// Characters shown of each text of a task whose text is real misinformation.
const REDACTED_CHARACTERS: usize = 80;

/// How much a format shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Flips of each comparison.
    pub(crate) flips: usize,
    /// Characters of each text.
    pub(crate) characters: usize,
}

/// What is shown of a comparison's flips.
pub(crate) struct Excerpt {
    /// The worst of them, texts cut.
    pub(crate) flips: Vec<Flip>,
    /// What was left out, in whole sentences.
    pub(crate) left_out: Vec<String>,
}

/// Returns what is shown of the flips of `comparison`.
pub(crate) fn excerpt(report: &Report, comparison: &Comparison, limits: Limits) -> Excerpt {
    let mut cut = 0;
    let mut flips = Vec::new();
    for flip in comparison.flips.iter().take(limits.flips) {
        let mut shown = flip.clone();
        let sensitivity = sensitivity(report, flip);
        for text in texts(&mut shown) {
            cut += usize::from(shorten(text, limits.characters, sensitivity));
        }
        for side in [&mut shown.baseline, &mut shown.candidate] {
            cut += usize::from(shorten_answer(side, limits.characters, sensitivity));
        }
        flips.push(shown);
    }
    let left_out = left_out(report, comparison, &flips, cut, limits);
    Excerpt { flips, left_out }
}

/// Returns what may be shown of the task of `flip`; a task that is not there is gated.
pub(crate) fn sensitivity(report: &Report, flip: &Flip) -> Sensitivity {
    report.tasks.get(flip.task).map_or(Sensitivity::Gated, |task| task.sensitivity)
}

fn left_out(
    report: &Report,
    comparison: &Comparison,
    flips: &[Flip],
    cut: usize,
    limits: Limits,
) -> Vec<String> {
    let of = |wanted| flips.iter().filter(|flip| sensitivity(report, flip) == wanted).count();
    let mut lines = Vec::new();
    let rest = comparison.flips.len() - flips.len();
    if rest > 0 {
        lines.push(format!(
            "Shown are the {} worst of {}; {} are left out.",
            number(flips.len()),
            number(comparison.flips.len()),
            number(rest)
        ));
    }
    if cut > 0 {
        let limit = number(limits.characters);
        lines.push(format!("{} texts are cut in the middle to {limit} characters.", number(cut)));
    }
    if of(Sensitivity::Gated) > 0 {
        let gated = number(of(Sensitivity::Gated));
        lines.push(format!("{gated} are of gated tasks: ids and verdicts only."));
    }
    if of(Sensitivity::Misinformation) > 0 {
        let redacted = number(of(Sensitivity::Misinformation));
        lines.push(format!(
            "{redacted} are of tasks with real false claims: each text stops after \
             {REDACTED_CHARACTERS} characters."
        ));
    }
    lines
}

fn number(size: usize) -> String {
    count(u64::try_from(size).unwrap_or(u64::MAX))
}

/// The texts of a flip but the answers, which carry a marked span.
fn texts(flip: &mut Flip) -> impl Iterator<Item = &mut String> {
    let Flip { prompt, target, baseline, candidate, .. } = flip;
    [prompt, target, &mut baseline.reasoning, &mut candidate.reasoning].into_iter().chain(
        [
            &mut baseline.extracted,
            &mut candidate.extracted,
            &mut baseline.reason,
            &mut candidate.reason,
            &mut baseline.reasoning_note,
            &mut candidate.reasoning_note,
        ]
        .into_iter()
        .flatten(),
    )
}

/// Cuts `text` as `sensitivity` and `limit` ask; says whether the limit cut something.
fn shorten(text: &mut String, limit: usize, sensitivity: Sensitivity) -> bool {
    match sensitivity {
        Sensitivity::Gated => {
            text.clear();
            false
        }
        Sensitivity::Misinformation => {
            if let Some((end, _)) = text.char_indices().nth(REDACTED_CHARACTERS) {
                text.truncate(end);
                text.push('…');
            }
            false
        }
        Sensitivity::None => match Cut::of(text, limit) {
            Some(cut) => {
                *text = cut.text(text);
                true
            }
            None => false,
        },
    }
}

fn shorten_answer(side: &mut Transcript, limit: usize, sensitivity: Sensitivity) -> bool {
    if sensitivity != Sensitivity::None {
        side.span = None;
    }
    if let (Sensitivity::None, Some(cut)) = (sensitivity, Cut::of(&side.answer, limit)) {
        side.span = side.span.and_then(|span| cut.span(span));
    }
    shorten(&mut side.answer, limit, sensitivity)
}

/// Where a long text is cut: its end matters most, its beginning next, so the middle goes.
struct Cut {
    head: usize,
    tail: usize,
    note: String,
}

impl Cut {
    fn of(text: &str, limit: usize) -> Option<Self> {
        let characters = text.chars().count();
        if characters <= limit {
            return None;
        }
        let byte_of = |place| text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
        let head = byte_of(limit / 2);
        let tail = byte_of(characters - limit / 2);
        let note = format!("\n… {} characters left out …\n", number(characters - limit / 2 * 2));
        Some(Self { head, tail, note })
    }

    fn text(&self, text: &str) -> String {
        format!("{}{}{}", &text[..self.head], self.note, &text[self.tail..])
    }

    /// Returns where `span` lies after the cut, unless the cut runs through it.
    fn span(&self, (start, end): (usize, usize)) -> Option<(usize, usize)> {
        if end <= self.head {
            return Some((start, end));
        }
        let shift = |byte: usize| byte - self.tail + self.head + self.note.len();
        (start >= self.tail && end >= start).then(|| (shift(start), shift(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_both_ends_and_the_mark() {
        let text = format!("start {} answer: 42", "x".repeat(500));
        let start = text.find("42").expect("it is there");
        let cut = Cut::of(&text, 40).expect("it is too long");
        let short = cut.text(&text);
        assert!(short.starts_with("start xxx"), "{short}");
        let (from, to) = cut.span((start, start + 2)).expect("it is in the tail");
        assert_eq!(&short[from..to], "42");
        assert_eq!(cut.span((1, 3)), Some((1, 3)));
        assert_eq!(cut.span((100, 102)), None);
        assert_eq!(cut.span((10, text.len())), None);
        assert_eq!(cut.span((text.len(), 3)), Some((text.len(), 3)).filter(|_| 3 <= cut.head));
        assert!(Cut::of("short", 5).is_none());
    }

    #[test]
    fn sensitive_text_is_withheld_or_stops_early() {
        let long = "é".repeat(200);
        let check = |sensitivity, expected: usize| {
            let mut text = long.clone();
            assert!(!shorten(&mut text, 1_000, sensitivity));
            assert_eq!(text.chars().count(), expected, "{sensitivity:?}");
        };
        check(Sensitivity::Gated, 0);
        check(Sensitivity::Misinformation, REDACTED_CHARACTERS + 1);
        check(Sensitivity::None, 200);
    }
}
