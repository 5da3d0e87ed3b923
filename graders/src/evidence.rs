//! What a grader needs from the world, and what it got.
//!
//! The two enums mirror each other. A judge's opinion joins here when its grader does.

use tripos_tasks::{Execution, Program};

/// What a grader needs before it can decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the answer is enough.
    Nothing,
    /// What running this program comes to.
    Execution(Box<Program>),
}

/// What the engine got for a [`Need`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing was needed.
    Nothing,
    /// A program was run.
    Execution(Box<Execution>),
}
