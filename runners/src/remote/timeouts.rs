//! How long an attempt may take, and how much may come back.

use std::time::Duration;

/// For a connection to stand, TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// For a connection to end after the stream said `[DONE]`; what comes later is not waited for.
pub(super) const AFTER_DONE: Duration = Duration::from_secs(1);
/// Between probes of a silent connection.
pub(super) const TCP_KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long an idle connection is kept for the next request. Common servers close theirs after five
/// seconds; a request written into that moment would be lost.
pub(super) const POOL_IDLE: Duration = Duration::from_secs(4);
/// The most of an error's body that is read and kept.
pub(super) const ERROR_BYTES_MAX: usize = 64 << 10;

/// The bounds of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Until the first byte of the body.
    pub first_byte: Duration,
    /// Between two bytes.
    pub idle: Duration,
    /// Between two events; comments that only keep the connection open are none.
    pub useful: Duration,
    /// For all of it.
    pub whole: Duration,
    /// Bytes of the body.
    pub body_bytes_max: usize,
}

/// A plain answer comes in one piece, so only the whole is timed.
pub(super) const PLAIN: Bounds = Bounds {
    first_byte: Duration::from_mins(15),
    idle: Duration::from_mins(15),
    useful: Duration::from_mins(15),
    whole: Duration::from_mins(15),
    body_bytes_max: 32 << 20,
};

/// A streamed answer may wait in a queue first.
pub(super) const STREAMED: Bounds = Bounds {
    first_byte: Duration::from_mins(10),
    idle: Duration::from_mins(5),
    useful: Duration::from_mins(15),
    whole: Duration::from_hours(1),
    body_bytes_max: 64 << 20,
};
