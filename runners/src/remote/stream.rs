//! Reads server-sent events from bytes that arrive in any pieces.
//!
//! Lines are split as bytes and decoded whole, so a character or a line end cut by the network changes
//! nothing. Every byte is looked at once.

/// The most bytes one event may have, its unfinished line included.
const EVENT_BYTES_MAX: usize = 16 << 20;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What has been read so far of a stream of events.
#[derive(Clone, Debug)]
pub(super) struct EventReader {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    after_carriage_return: bool,
    past_first_line: bool,
    event_bytes_max: usize,
}

/// One event: its name, empty for most, and its data lines joined by line feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
}

/// An event was longer than any answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {} MiB", EVENT_BYTES_MAX >> 20)]
pub(super) struct EventTooLong;

impl EventReader {
    /// A reader at the start of a stream.
    pub(super) fn new() -> Self {
        Self {
            line: Vec::new(),
            name: Vec::new(),
            data: None,
            after_carriage_return: false,
            past_first_line: false,
            event_bytes_max: EVENT_BYTES_MAX,
        }
    }

    /// Takes the next piece of the stream and appends the events it completes to `events`.
    pub(super) fn push(
        &mut self,
        mut piece: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), EventTooLong> {
        if self.after_carriage_return && !piece.is_empty() {
            self.after_carriage_return = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(end) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&piece[..end]);
            self.check_length()?;
            self.end_line(events);
            let carriage_return = piece[end] == b'\r';
            piece = &piece[end + 1..];
            if carriage_return {
                self.after_carriage_return = piece.is_empty();
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
        }
        self.line.extend_from_slice(piece);
        self.check_length()
    }

    /// Ends the stream: a last line and event that nothing closed count as closed.
    pub(super) fn finish(mut self, events: &mut Vec<Event>) {
        if !self.line.is_empty() {
            self.end_line(events);
        }
        self.end_event(events);
    }

    fn check_length(&self) -> Result<(), EventTooLong> {
        let length = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
        if length > self.event_bytes_max { Err(EventTooLong) } else { Ok(()) }
    }

    fn end_line(&mut self, events: &mut Vec<Event>) {
        let whole = std::mem::take(&mut self.line);
        let mut line = whole.as_slice();
        if !self.past_first_line {
            self.past_first_line = true;
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event(events);
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.name = value.to_vec(),
            // Comments have an empty field name; `id` and `retry` are for reconnecting, which we don't.
            _ => {}
        }
    }

    fn end_event(&mut self, events: &mut Vec<Event>) {
        let name = std::mem::take(&mut self.name);
        if let Some(data) = self.data.take() {
            events.push(Event { name, data });
        }
    }
}

/// Reads a whole stream at once.
pub(super) fn read_all(bytes: &[u8]) -> Result<Vec<Event>, EventTooLong> {
    let mut events = Vec::new();
    let mut reader = EventReader::new();
    reader.push(bytes, &mut events)?;
    reader.finish(&mut events);
    Ok(events)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::remote::tests::fixtures::FIXTURES;

    /// What a stream comes to when it arrives in `pieces`: its events, and whether one was too long.
    fn read(pieces: &[&[u8]], event_bytes_max: usize) -> (Vec<Event>, bool) {
        let mut events = Vec::new();
        let mut reader = EventReader { event_bytes_max, ..EventReader::new() };
        for piece in pieces {
            if reader.push(piece, &mut events).is_err() {
                return (events, true);
            }
        }
        reader.finish(&mut events);
        (events, false)
    }

    #[track_caller]
    fn check(stream: &[u8], expected: &[(&str, &str)]) {
        let expected: Vec<Event> = expected
            .iter()
            .map(|(name, data)| Event {
                name: name.as_bytes().into(),
                data: data.as_bytes().into(),
            })
            .collect();
        let shown = String::from_utf8_lossy(stream);
        assert_eq!(read(&[stream], EVENT_BYTES_MAX), (expected.clone(), false), "{shown:?}");
        for at in 0..=stream.len() {
            let (one, two) = stream.split_at(at);
            assert_eq!(read(&[one, two], EVENT_BYTES_MAX).0, expected, "{shown:?} split at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes, EVENT_BYTES_MAX).0, expected, "{shown:?} byte by byte");
    }

    #[test]
    fn reads_events_with_any_line_end_in_any_pieces() {
        check(b"", &[]);
        check(b"data: a\n\n", &[("", "a")]);
        check(b"data:a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
        check(b"data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
        check(b"data: a\n\r\ndata: b\r\n\n", &[("", "a"), ("", "b")]);
        check("\u{feff}data: é→𝄞\n\n".as_bytes(), &[("", "é→𝄞")]);
        check(b"event: error\nid: 7\nretry: 10\ndata: x\n\n", &[("error", "x")]);
    }

    #[test]
    fn every_recorded_stream_is_the_same_in_any_two_pieces() {
        for fixture in &FIXTURES {
            let stream = fixture.stream.as_bytes();
            let whole = read(&[stream], EVENT_BYTES_MAX);
            for at in 0..=stream.len() {
                let (one, two) = stream.split_at(at);
                assert_eq!(read(&[one, two], EVENT_BYTES_MAX), whole, "{} at {at}", fixture.name);
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(read(&bytes, EVENT_BYTES_MAX), whole, "{} byte by byte", fixture.name);
        }
    }

    #[test]
    fn joins_data_lines_and_leaves_out_what_carries_none() {
        check(b"data: a\ndata:  b\ndata\n\n", &[("", "a\n b\n")]);
        check(b": keep-alive\n\n: keep-alive\n\ndata: a\n\n", &[("", "a")]);
        check(b"event: ping\n\ndata: a\n\n", &[("", "a")]);
        check(b"\n\n\ndata: a: b\n\n\n", &[("", "a: b")]);
        check(b"{\"json\": 1}\n", &[]);
    }

    #[test]
    fn the_end_of_the_stream_closes_the_last_event() {
        check(b"data: a", &[("", "a")]);
        check(b"data: a\ndata: b\n", &[("", "a\nb")]);
        check(b"data: a\n\ndat", &[("", "a")]);
    }

    #[test]
    fn an_event_beyond_the_cap_is_refused_in_any_pieces() {
        let stream = b"data: a\n\ndata: 01234\ndata: 56789\n\ndata: b\n\n";
        let whole = read(&[stream], 12);
        assert!(whole.1);
        assert_eq!(whole.0.len(), 1);
        for at in 0..=stream.len() {
            let (one, two) = stream.split_at(at);
            assert_eq!(read(&[one, two], 12), whole, "split at {at}");
        }
    }

    #[test]
    fn a_line_of_eight_mebibytes_takes_linear_time() {
        let mut stream = b"data: ".to_vec();
        stream.resize(8 << 20, b'x');
        stream.extend_from_slice(b"\n\n");
        let pieces: Vec<&[u8]> = stream.chunks(1400).collect();
        let started = Instant::now();
        let (events, _) = read(&pieces, EVENT_BYTES_MAX);
        assert_eq!(events[0].data.len(), (8 << 20) - 6);
        // Far above what it takes, far below what a quadratic reader would.
        assert!(started.elapsed() < Duration::from_secs(2), "took {:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_two_pieces_give_the_same_events(
            bytes in prop::collection::vec(
                prop_oneof![
                    4 => prop::sample::select(b"data: event\n\r\xEF\xBB\xBF".to_vec()),
                    1 => any::<u8>(),
                ],
                0..200,
            ),
            at in any::<prop::sample::Index>(),
            event_bytes_max in 1_usize..40,
        ) {
            let (one, two) = bytes.split_at(at.index(bytes.len() + 1));
            let whole = read(&[&bytes], event_bytes_max);
            prop_assert_eq!(&read(&[one, two], event_bytes_max), &whole);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&read(&single, event_bytes_max), &whole);
        }
    }
}
