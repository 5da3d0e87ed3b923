//! What is asked and what counts as right.
//!
//! A [`Suite`] is an ordered list of [`Task`]s; a task is a set of [`Item`]s with the prompt that asks
//! them, the protocol, the grader and the sampling. Items come from a generated family ([`generate`])
//! or from the suite file itself. Nothing here is asynchronous and nothing connects anywhere; the only
//! thing read is a suite file.

pub mod catalog;
pub mod digest;
pub mod error;
pub mod file;
pub mod generate;
pub mod id;
pub mod item;
pub mod lint;
pub mod program;
pub mod prompt;
pub mod sampling;
pub mod suite;
pub mod task;
pub mod template;

pub use catalog::Catalog;
pub use digest::Digest;
pub use error::SuiteError;
pub use file::nearest;
pub use id::{GroupId, ItemId, SuiteId, TaskId, Version};
pub use item::{Expected, Fields, Item, Origin, Target};
pub use program::{
    Captured, Execution, Integrity, Language, Limits, Program, RunVerdict, TestSet, Tests, Tier,
};
pub use prompt::{Message, Prompt, Role};
pub use sampling::{ReasoningLevel, Sampling};
pub use suite::Suite;
pub use task::{About, Domain, GraderSpec, LabelSpec, MathPolicy, Protocol, Sensitivity, Task};
pub use template::Template;
