//! Families about programs in a small list language, printed as Python.

pub mod output_prediction;
pub mod program;
