//! The last `\boxed{…}` of a text, by one pass over its braces.

use std::ops::Range;

/// What the last box of a text holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LastBox {
    /// A whole box, and the boxes that a separator joins to it: `\boxed{3} or \boxed{4}`.
    Closed { inside: Range<usize>, also: Vec<Range<usize>> },
    /// A box that lacks nothing but its last brace, at the very end of the text.
    EndsWithText { inside: Range<usize> },
    /// A box that is not closed and is not the end either.
    Broken,
}

/// A box that is closed.
struct Closed {
    start: usize,
    inside: Range<usize>,
    end: usize,
}

/// A box that is open.
struct Open {
    start: usize,
    inside: usize,
    /// Plain braces open inside it.
    braces: usize,
}

/// What a pass has seen.
#[derive(Default)]
struct Boxes {
    /// The closed boxes that stand in no other closed one.
    closed: Vec<Closed>,
    /// The open ones, the innermost last.
    open: Vec<Open>,
}

/// Finds the last box. Of boxes in boxes the outermost counts. Where `several` values are wanted, boxes
/// in one paragraph belong together with labels between them.
pub(super) fn last(text: &str, several: bool, steps: &mut usize) -> Option<LastBox> {
    let Boxes { closed, open } = scan(text, steps);
    let boxes_open = open.len();
    if let Some(open) = open.last()
        && closed.last().is_none_or(|last| last.start < open.start)
    {
        let rest = text[open.inside..].trim_end().trim_end_matches('$').trim_end();
        let inside = open.inside..open.inside + rest.len();
        let is_end = boxes_open == 1 && open.braces == 0 && !rest.contains('\n');
        return Some(if is_end { LastBox::EndsWithText { inside } } else { LastBox::Broken });
    }
    let last = closed.last()?;
    let mut also = Vec::new();
    for pair in closed.windows(2).rev() {
        let between = &text[pair[0].end..pair[1].start];
        if !(joins(between) || several && labels(between)) {
            break;
        }
        also.push(pair[0].inside.clone());
    }
    Some(LastBox::Closed { inside: last.inside.clone(), also })
}

/// Reads all boxes.
fn scan(text: &str, steps: &mut usize) -> Boxes {
    let bytes = text.as_bytes();
    let mut boxes = Boxes::default();
    let mut at = 0;
    while at < bytes.len() {
        *steps += 1;
        match bytes[at] {
            b'\\' => match command(&bytes[at..]) {
                Some(length) => {
                    at = boxes.begin(text, at, at + length);
                    continue;
                }
                None => at += 1,
            },
            b'{' => {
                if let Some(open) = boxes.open.last_mut() {
                    open.braces += 1;
                }
            }
            b'}' => boxes.close(at),
            _ => {}
        }
        at += 1;
    }
    boxes
}

impl Boxes {
    /// Begins the box whose command stands at `start` and ends at `after`: before a brace, or around
    /// one number or letter. Returns where to read on.
    fn begin(&mut self, text: &str, start: usize, after: usize) -> usize {
        let spaces =
            text[after..].bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\n')).count();
        let at = after + spaces;
        let rest = &text[at..];
        if rest.starts_with('{') {
            self.open.push(Open { start, inside: at + 1, braces: 0 });
            return at + 1;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letter = rest.chars().next().filter(|c| c.is_alphabetic()).map_or(0, char::len_utf8);
        let end = at + digits.max(letter);
        self.closed.push(Closed { start, inside: at..end, end });
        end
    }

    /// Closes what is open at the brace `at`.
    fn close(&mut self, at: usize) {
        let Some(innermost) = self.open.last_mut() else { return };
        if innermost.braces > 0 {
            innermost.braces -= 1;
            return;
        }
        let (start, inside) = (innermost.start, innermost.inside);
        self.open.pop();
        while self.closed.last().is_some_and(|last| last.start > start) {
            self.closed.pop();
        }
        self.closed.push(Closed { start, inside: inside..at, end: at + 1 });
    }
}

/// The length of the box command that `bytes` start with.
fn command(bytes: &[u8]) -> Option<usize> {
    let name = [&b"\\boxed"[..], b"\\fbox"].into_iter().find(|name| bytes.starts_with(name))?;
    // `\boxedeq` is another command.
    let ends = !bytes.get(name.len()).is_some_and(u8::is_ascii_alphabetic);
    ends.then_some(name.len())
}

/// Whether what stands between two boxes is a label for the second.
fn labels(between: &str) -> bool {
    const RETRACTS: [&str; 14] = [
        "wait",
        "actually",
        "but",
        "no",
        "not",
        "instead",
        "correction",
        "sorry",
        "rather",
        "however",
        "mistake",
        "recheck",
        "wrong",
        "so",
    ];
    let within = between.len() <= 80 && !between.contains("\n\n") && !between.contains(". ");
    let mut words = between.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1);
    within && words.all(|word| !RETRACTS.contains(&word.to_ascii_lowercase().as_str()))
}

/// Whether what stands between two boxes makes them alternatives or parts of one answer.
fn joins(between: &str) -> bool {
    if between.len() > 64 || between.contains('\n') {
        return false;
    }
    let separators = [',', ';', '&', '/'];
    let plain = between.replace("\\text", " ").replace("\\quad", " ");
    let words = plain.replace(['$', '\\', '(', ')', '[', ']', '{', '}', ',', ';', '&', '/'], " ");
    let mut words = words.split_whitespace().peekable();
    (words.peek().is_some() || between.contains(separators))
        && words.all(|word| {
            let word = word.to_ascii_lowercase();
            matches!(
                word.as_str(),
                "or" | "and" | "maybe" | "possibly" | "perhaps" | "else" | "alternatively" | "even"
            )
        })
}
