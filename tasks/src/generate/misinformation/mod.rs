//! Misinformation probes in a closed world: invented towns whose record is the only authority.

mod citations;

pub mod citation_check;
pub mod cite_support;
pub mod claim_verification;
pub mod context_poison;
pub mod false_premise;
pub mod harmless;
pub mod hint;
pub mod numeric_claim;
pub mod unanswerable;
pub mod world;
