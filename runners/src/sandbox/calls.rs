//! Calls with plain arguments and plain results: no cell of checks is needed, the results are compared
//! here, where no program can reach.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use serde_json::{Value as Json, json};
use tripos_tasks::program::FunctionTests;
use tripos_tasks::{Execution, Integrity, Program, RunVerdict};

use super::asserts::PlainCall;
use super::cell::supervise;
use super::compare::{self, shown};
use super::function::solution;
use super::packet;
use super::slot::{Ground, Slot};
use super::stdio::ended;
use super::value::{Value, equal, from_link, to_link};

/// The largest frame that is read from a program.
const FRAME_MAX: usize = 16 << 20;
/// The most requests, and the most bytes of them, that are sent before their turn.
const AHEAD_MAX: usize = 64;
const AHEAD_BYTES_MAX: usize = 32 << 10;

/// Makes every call and compares every result.
pub(super) fn run(
    ground: &Ground,
    slot: &mut Slot,
    (program, tests): (&Program, &FunctionTests),
    calls: &[PlainCall],
) -> io::Result<Execution> {
    let began = Instant::now();
    let (theirs, ours) = packet::stream_pair()?;
    let cell = solution(ground, slot, (program, tests), theirs)?;
    let mut cells = [cell];
    let (stop, said) = thread::scope(|scope| {
        let dialogue = scope.spawn(|| talk(ours, calls));
        let stop = supervise(&mut cells, began + program.limits.wall());
        (stop, dialogue.join())
    });
    let stop = stop?;
    let said = said.map_err(|_| io::Error::other("the comparison of results broke"))?;
    let [cell] = cells;
    let ended = ended(cell, stop, &program.limits)?;
    let (verdict, detail) = match (said, ended.wrong) {
        (None, _) if stop.is_none() => (RunVerdict::Pass, format!("{} calls", calls.len())),
        (_, Some(wrong)) if wrong.0 != RunVerdict::RuntimeError => wrong,
        (Some(said), _) => said,
        (None, wrong) => wrong.unwrap_or((RunVerdict::Fail, "the program ended early".to_owned())),
    };
    Ok(Execution {
        verdict,
        detail,
        tier: ground.tier,
        integrity: Integrity::Isolated,
        output: ended.output,
        cpu: ended.cpu,
        wall: began.elapsed(),
    })
}

pub(super) type Said = (RunVerdict, String);

/// Talks to the program until something is wrong; nothing is where every result is right.
fn talk(link: OwnedFd, calls: &[PlainCall]) -> Option<Said> {
    let mut link = BufReader::new(UnixStream::from(link));
    let wrong = receive(&mut link).map_or_else(Some, |hello| greeting(&hello));
    if wrong.is_some() {
        return wrong;
    }
    let mut ahead = Ahead::default();
    calls.iter().enumerate().find_map(|(n, call)| {
        if ahead.send(link.get_mut(), calls, n).is_err() {
            return Some(gone());
        }
        let place = place(n, calls.len());
        receive(&mut link).map_or_else(Some, |reply| judge(&reply, call, &place))
    })
}

/// Requests on their way before their turn, so that neither side waits for the other at each call.
///
/// What is ahead fits into the socket's buffer, so that sending never blocks while the program waits for
/// its replies to be read.
#[derive(Debug, Default)]
struct Ahead {
    /// The sizes of the requests that were sent, from the oldest without a reply on.
    sizes: VecDeque<usize>,
    bytes: usize,
    sent: usize,
}

impl Ahead {
    /// Sends as much as may be under way while the reply to call `n` is waited for.
    fn send(&mut self, link: &mut UnixStream, calls: &[PlainCall], n: usize) -> io::Result<()> {
        while self.sizes.len() > self.sent - n {
            self.bytes -= self.sizes.pop_front().unwrap_or_default();
        }
        let has_room = self.sizes.len() <= AHEAD_MAX / 2 && self.bytes <= AHEAD_BYTES_MAX / 2;
        let mut frames = Vec::new();
        while has_room && self.sent < calls.len() {
            let frame = frame(&calls[self.sent])?;
            let is_full =
                self.sizes.len() == AHEAD_MAX || self.bytes + frame.len() > AHEAD_BYTES_MAX;
            if is_full && self.sent > n {
                break;
            }
            self.bytes += frame.len();
            self.sizes.push_back(frame.len());
            self.sent += 1;
            frames.extend_from_slice(&frame);
        }
        link.write_all(&frames)
    }
}

/// What is sent of a call: its arguments, and no wish to hear what it did to them.
pub(super) fn request(call: &PlainCall) -> Json {
    let arguments: Option<Vec<Json>> = call.arguments.iter().map(to_link).collect();
    let arguments = arguments.expect("a literal has no value that cannot cross");
    json!({ "f": call.function, "a": arguments, "k": {} })
}

/// A call as it travels.
fn frame(call: &PlainCall) -> io::Result<Vec<u8>> {
    let body = request(call).to_string();
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), body.as_bytes()].concat())
}

/// Where in the tests a call stands.
pub(super) fn place(n: usize, count: usize) -> String {
    format!("call {} of {count}", n + 1)
}

/// Says what is wrong with a reply; nothing where it holds the right result.
pub(super) fn judge(reply: &Json, call: &PlainCall, place: &str) -> Option<Said> {
    if let Some(error) = reply.get("e").and_then(Json::as_str) {
        let verdict =
            if error == "MemoryError" { RunVerdict::MemoryLimit } else { RunVerdict::Fail };
        let why = match reply.get("x").and_then(Json::as_str) {
            Some(text) if !text.is_empty() => format!("{error}: {text}"),
            _ => error.to_owned(),
        };
        return Some((verdict, format!("{place}: {}", shown(&why))));
    }
    let Some(found) = reply.get("r").and_then(from_link) else { return Some(no_answer()) };
    if equal(&found, &call.expected, call.tolerance) {
        return None;
    }
    let detail = format!("{place}: {} in place of {}", quoted(&found), quoted(&call.expected));
    Some((RunVerdict::Fail, detail))
}

fn quoted(value: &Value) -> String {
    compare::quoted(&value.to_string())
}

pub(super) fn no_answer() -> Said {
    (RunVerdict::Fail, "the program sent bytes that are no answer".to_owned())
}

pub(super) fn gone() -> Said {
    (RunVerdict::RuntimeError, "the program ended before it had answered".to_owned())
}

/// Reads how the program started.
pub(super) fn greeting(hello: &Json) -> Option<Said> {
    let text = |key: &str| hello.get(key).and_then(Json::as_str).map(shown);
    if hello.get("ready").is_some() {
        return None;
    }
    Some(if let Some(why) = text("refused") {
        (RunVerdict::CompileError, why)
    } else if let Some(why) = text("died") {
        let ran_out = hello.get("memory").and_then(Json::as_bool) == Some(true);
        let verdict = if ran_out { RunVerdict::MemoryLimit } else { RunVerdict::RuntimeError };
        (verdict, format!("the program ended with {why}"))
    } else if let Some(name) = text("missing") {
        (RunVerdict::Fail, format!("the program does not define `{name}`"))
    } else {
        no_answer()
    })
}

/// Reads one frame, or says what it means that there is none.
fn receive(link: &mut BufReader<UnixStream>) -> Result<Json, Said> {
    let mut head = [0; 4];
    link.read_exact(&mut head).map_err(|_| gone())?;
    let length = u32::from_be_bytes(head);
    if usize::try_from(length).map_or(true, |length| length > FRAME_MAX) {
        return Err(no_answer());
    }
    let mut body = Vec::new();
    link.take(u64::from(length)).read_to_end(&mut body).map_err(|_| gone())?;
    if body.len() as u64 != u64::from(length) {
        return Err(gone());
    }
    serde_json::from_slice(&body).map_err(|_| no_answer())
}
