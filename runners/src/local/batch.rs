//! What one step works on: rows of any sequences at any positions.

use super::rope::{Angle, Rope};

/// One token of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The token.
    pub(crate) token: u32,
    /// The slot of the cache that holds its sequence.
    pub(crate) slot: usize,
    /// Its position in the sequence, from 0.
    pub(crate) position: u32,
}

/// The rows of one step with what every layer needs of them.
pub(crate) struct Batch<'a> {
    /// The rows.
    pub(crate) rows: &'a [Row],
    /// What turns queries and keys.
    pub(crate) rope: &'a Rope,
    /// The angle of each row.
    pub(crate) angles: Vec<Angle>,
}
