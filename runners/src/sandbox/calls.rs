//! Calls with plain arguments and plain results: no cell of checks is needed, the results are compared
//! here, where no program can reach.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use serde_json::{Value as Json, json};
use tripos_tasks::program::{Call, FunctionTests};
use tripos_tasks::{Execution, Integrity, Program, RunVerdict};

use super::cell::supervise;
use super::compare::{quoted, shown};
use super::function::solution;
use super::packet;
use super::slot::{Ground, Slot};
use super::stdio::ended;
use super::value::{equal, from_link, literal, to_link};

/// The largest frame that is read from a program.
const FRAME_MAX: usize = 16 << 20;

/// Makes every call and compares every result.
pub(super) fn run(
    ground: &Ground,
    slot: &mut Slot,
    (program, tests): (&Program, &FunctionTests),
    calls: &[Call],
) -> io::Result<Execution> {
    let began = Instant::now();
    let (theirs, ours) = packet::stream_pair()?;
    let cell = solution(ground, slot, (program, tests), theirs)?;
    let entry = tests.entry.clone();
    let mut cells = [cell];
    let (stop, said) = thread::scope(|scope| {
        let dialogue = scope.spawn(|| talk(ours, &entry, calls));
        let stop = supervise(&mut cells, began + program.limits.wall());
        (stop, dialogue.join())
    });
    let stop = stop?;
    let said = said.map_err(|_| io::Error::other("the comparison of results broke"))??;
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

type Said = (RunVerdict, String);

/// Talks to the program until something is wrong; nothing is where every result is right.
///
/// # Errors
///
/// Where the task's own literals cannot be read.
fn talk(link: OwnedFd, entry: &str, calls: &[Call]) -> io::Result<Option<Said>> {
    let mut link = UnixStream::from(link);
    if let Some(wrong) = greeting(receive(&mut link)) {
        return Ok(Some(wrong));
    }
    for (n, call) in calls.iter().enumerate() {
        let broken =
            |what: &str| io::Error::other(format!("call {}: {what} is no plain literal", n + 1));
        let arguments = literal(&call.arguments).as_ref().and_then(to_link);
        let arguments = match arguments.ok_or_else(|| broken("the list of arguments"))? {
            Json::Array(list) => list,
            Json::Object(mut tuple) => match tuple.remove("t") {
                Some(Json::Array(list)) => list,
                _ => return Err(broken("the list of arguments")),
            },
            _ => return Err(broken("the list of arguments")),
        };
        let expected = literal(&call.expected).ok_or_else(|| broken("the expected result"))?;
        let request = json!({ "f": entry, "a": arguments, "k": {} });
        if send(&mut link, &request).is_err() {
            return Ok(Some(gone()));
        }
        let Some(reply) = receive(&mut link) else { return Ok(Some(gone())) };
        let place = format!("call {} of {}", n + 1, calls.len());
        if let Some(error) = reply.get("e").and_then(Json::as_str) {
            return Ok(Some((RunVerdict::Fail, format!("{place}: {}", shown(error)))));
        }
        let result = reply.get("r").and_then(from_link);
        if !result.is_some_and(|found| equal(&found, &expected, call.tolerance)) {
            let found = shown(&reply.get("r").map_or_else(String::new, Json::to_string));
            let expected = quoted(&call.expected);
            return Ok(Some((
                RunVerdict::Fail,
                format!("{place}: `{found}` in place of {expected}"),
            )));
        }
    }
    Ok(None)
}

fn gone() -> Said {
    (RunVerdict::RuntimeError, "the program ended before it had answered".to_owned())
}

/// Reads how the program started.
fn greeting(hello: Option<Json>) -> Option<Said> {
    let Some(hello) = hello else { return Some(gone()) };
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
        (RunVerdict::Fail, "the program sent bytes that are no answer".to_owned())
    })
}

/// Reads one frame; nothing where the program is gone or sends what no honest one does.
fn receive(link: &mut UnixStream) -> Option<Json> {
    let mut head = [0; 4];
    link.read_exact(&mut head).ok()?;
    let length = usize::try_from(u32::from_be_bytes(head)).ok()?;
    if length > FRAME_MAX {
        return None;
    }
    let mut body = Vec::new();
    link.take(length as u64).read_to_end(&mut body).ok()?;
    if body.len() < length { None } else { serde_json::from_slice(&body).ok() }
}

fn send(link: &mut UnixStream, request: &Json) -> io::Result<()> {
    let body = request.to_string();
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    link.write_all(&length.to_be_bytes())?;
    link.write_all(body.as_bytes())
}
