//! Why a suite could not be loaded.

use std::path::PathBuf;

use crate::generate::GenerateError;
use crate::template::TemplateError;

/// Why a suite could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing has this name.
    #[error("there is no suite or task `{name}`")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("`{file}` line {line}, column {column}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A key that the format does not have.
    #[error("`{file}` line {line}: unknown key `{key}`")]
    UnknownKey {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The nearest key there is.
        nearest: Option<String>,
    },
    /// A value that the format allows and this file cannot have.
    #[error("`{file}`: {message}")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// A prompt template is wrong, or cannot be rendered for an item.
    #[error("`{file}`: the prompt of item `{item}`")]
    Template {
        /// The file.
        file: String,
        /// The item; empty when the template does not parse.
        item: String,
        /// Why.
        source: TemplateError,
    },
    /// The items cannot be generated.
    #[error("`{file}`: the items cannot be generated")]
    Generate {
        /// The file.
        file: String,
        /// Why.
        source: GenerateError,
    },
}

impl SuiteError {
    /// Returns the nearest name there is, where a name was not known.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::Unknown { nearest, .. } | Self::UnknownKey { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }
}
