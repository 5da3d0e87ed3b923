//! What requests and answers look like on the wire, a file for each format.

pub(super) mod chat;
