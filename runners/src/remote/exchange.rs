//! Sends one request and reads what comes back as bytes, against the clock.
//!
//! What the bytes mean is decided elsewhere: here they are only kept, however the response ends.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use tokio::time::{Instant, timeout_at};

use super::stream::EventReader;
use super::timeouts::{AFTER_DONE, Bounds, ERROR_BYTES_MAX};

/// A response as far as it came.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// When the first event came, or the first byte where there are no events.
    pub first: Option<Duration>,
    pub ending: Ending,
}

/// How a response ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// As it should.
    Whole,
    /// With more bytes than are read.
    TooLong,
    /// Before its end.
    Early(Broken),
}

/// Why there is no response, or not all of one.
#[derive(Debug)]
pub(super) enum Broken {
    /// A timer ran out.
    Late(String),
    /// The connection failed.
    Connection(reqwest::Error),
}

/// Sends `request` and reads the response; `streamed` watches for events while it comes.
pub(super) async fn exchange(
    request: RequestBuilder,
    bounds: &Bounds,
    streamed: bool,
) -> Result<Reply, Broken> {
    let mut clock = Clock::start(bounds, streamed);
    let (deadline, late) = clock.deadline();
    let response = match timeout_at(deadline, request.send()).await {
        Ok(sent) => sent.map_err(Broken::Connection)?,
        Err(_) => return Err(Broken::Late(late)),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let success = response.status().is_success();
    let bytes_max = if success { bounds.body_bytes_max } else { ERROR_BYTES_MAX };
    let mut body = Vec::new();
    let ending = read(response, &mut body, bytes_max, &mut clock).await;
    Ok(Reply { status, headers, body, first: clock.first(), ending })
}

async fn read(
    mut response: Response,
    body: &mut Vec<u8>,
    bytes_max: usize,
    clock: &mut Clock<'_>,
) -> Ending {
    loop {
        let (deadline, late) = clock.deadline();
        let piece = match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return Ending::Whole,
            Ok(Err(error)) => return Ending::Early(Broken::Connection(error)),
            Err(_) if clock.is_done() => return Ending::Whole,
            Err(_) => return Ending::Early(Broken::Late(late)),
        };
        clock.observe(&piece);
        let room = bytes_max - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ending::TooLong;
        }
    }
}

/// The timers of one attempt.
struct Clock<'a> {
    bounds: &'a Bounds,
    started: Instant,
    first_byte: Option<Instant>,
    last_byte: Option<Instant>,
    first_event: Option<Instant>,
    last_event: Option<Instant>,
    done: Option<Instant>,
    events: Option<EventReader>,
}

impl<'a> Clock<'a> {
    fn start(bounds: &'a Bounds, streamed: bool) -> Self {
        Self {
            bounds,
            started: Instant::now(),
            first_byte: None,
            last_byte: None,
            first_event: None,
            last_event: None,
            done: None,
            events: streamed.then(EventReader::new),
        }
    }

    /// Notes when `piece` came and whether it completed an event.
    fn observe(&mut self, piece: &[u8]) {
        let now = Instant::now();
        self.first_byte.get_or_insert(now);
        self.last_byte = Some(now);
        let Some(reader) = &mut self.events else { return };
        let mut events = Vec::new();
        if reader.push(piece, &mut events).is_err() {
            // Whoever parses the whole will say so; there is nothing more to time.
            self.events = None;
        }
        if !events.is_empty() {
            self.first_event.get_or_insert(now);
            self.last_event = Some(now);
        }
        if events.iter().any(|event| event.data == b"[DONE]") {
            self.done = Some(now);
        }
    }

    /// Whether the stream said that it is over.
    fn is_done(&self) -> bool {
        self.done.is_some()
    }

    /// Returns when the first of the timers runs out, and what that means.
    fn deadline(&self) -> (Instant, String) {
        let Bounds { first_byte, idle, useful, whole, .. } = *self.bounds;
        let silent = match self.last_byte {
            None => (self.started + first_byte, first_byte, "nothing came"),
            Some(last) => (last + idle, idle, "nothing more came"),
        };
        let useless =
            (self.last_event.unwrap_or(self.started) + useful, useful, "nothing but comments came");
        let endless = (self.started + whole, whole, "the answer was not whole");
        let timers = [silent, useless, endless];
        let first = timers.into_iter().min_by_key(|(at, ..)| *at).expect("there are three timers");
        let (at, limit, what) = first;
        let at = self.done.map_or(at, |done| at.min(done + AFTER_DONE));
        (at, format!("{what} within {limit:?}"))
    }

    fn first(&self) -> Option<Duration> {
        Some(self.first_event.or(self.first_byte)?.duration_since(self.started))
    }
}
