//! Families of verifiable maths. Every gold is exact.

mod dual;
mod polynomial;

pub mod arith_chain;
pub mod counting;
pub mod derivative;
pub mod geometry;
pub mod integral;
pub mod linear_system;
pub mod modular;
pub mod number_theory;
pub mod poly_roots;
pub mod probability;
pub mod symbolic;
pub mod word_problem;
