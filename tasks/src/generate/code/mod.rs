//! Families about programs in a small list language, printed as Python.

pub mod bug_repair;
pub mod fn_synthesis;
pub mod input_prediction;
pub mod output_prediction;
pub mod program;
pub mod stdin_judge;
pub mod synthesis;
