//! What a grader needs from the world, and what it got.
//!
//! The two enums mirror each other. The graders of this version need nothing; a judge's opinion and
//! the execution of a program join here when their graders do.

/// What a grader needs before it can decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the answer is enough.
    Nothing,
}

/// What the engine got for a [`Need`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing was needed.
    Nothing,
}
