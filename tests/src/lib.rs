//! The product from outside: a scripted model server and a throwaway project.

pub mod project;
pub mod server;

pub use project::{Project, Ran};
pub use server::Server;
