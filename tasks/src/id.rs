//! The names of things. Each is a type of its own, so that a task's name cannot stand where an
//! item's is wanted.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// Returns the name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// Names a suite, such as `smoke`.
    SuiteId
}
name! {
    /// Names a task, such as `math/arith_chain`.
    TaskId
}
name! {
    /// Names an item inside its task.
    ItemId
}
name! {
    /// Ties items that are variants of each other.
    GroupId
}
name! {
    /// A version for people; results are compared by digest, never by this.
    Version
}
