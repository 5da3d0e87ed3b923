//! Families of verifiable maths. Every gold is exact.

pub mod arith_chain;
pub mod linear_system;
pub mod modular;
