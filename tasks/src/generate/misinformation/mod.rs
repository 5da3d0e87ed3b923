//! Misinformation probes in a closed world: invented towns whose record is the only authority.

pub mod claim_verification;
pub mod context_poison;
pub mod false_premise;
pub mod world;
