//! Families about programs in a small list language, printed as Python.

pub mod fn_synthesis;
pub mod output_prediction;
pub mod program;
pub mod stdin_judge;
pub mod synthesis;
