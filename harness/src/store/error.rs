//! Why the store could not do what was asked of it.

use std::path::PathBuf;

/// Why the store could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read, or its folder cannot be written.
    #[error("cannot open the store `{}`", path.display())]
    Open {
        /// The store.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database cannot make its files beside the store.
    #[error("cannot write beside the store `{}`", path.display())]
    Folder {
        /// The store.
        path: PathBuf,
        /// What the database says.
        source: sqlx::Error,
    },
    /// There is no such file, and nothing is to be made.
    #[error("there is no store at `{}`", path.display())]
    Missing {
        /// The store.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is not a Tripos store: {found}; it was left as it is", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// A later version of Tripos wrote the store.
    #[error("`{}` has schema {found}; this version of tripos reads up to {known}", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// The store is damaged.
    #[error("the store `{}` is damaged: {report}; it was left as it is", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What the check found first.
        report: String,
    },
    /// A stored body is not what was stored.
    #[error("the stored body `{hash}` is damaged")]
    Body {
        /// Its name.
        hash: String,
    },
    /// A stored value is not one this version writes.
    #[error("the stored {what} `{value}` is not one this version knows")]
    Value {
        /// What it is.
        what: &'static str,
        /// How it stands in the store.
        value: String,
    },
    /// Another process is at work on the run.
    #[error("the run `{run}` is being worked on by process {pid}")]
    Busy {
        /// The run.
        run: String,
        /// The other process.
        pid: u32,
    },
    /// A trial of the run has more turns than a bundle holds.
    #[error(
        "the run `{run}` holds conversations of several turns, which a bundle does not hold yet"
    )]
    ManyTurns {
        /// The run.
        run: String,
    },
    /// What is to be imported calls itself a run that it is not.
    #[error("the store has the run {0:.12}, and its trials are not those of the file")]
    OtherRun(String),
    /// No run has this name.
    #[error("no run is called `{0}`")]
    NoSuchRun(String),
    /// Several runs begin with this.
    #[error("`{name}` can mean several runs: {}", candidates.join(", "))]
    AmbiguousRun {
        /// What was given.
        name: String,
        /// The runs.
        candidates: Vec<String>,
    },
    /// The run has no such arm.
    #[error("the run `{run}` has no model `{name}`; it has {}", candidates.join(", "))]
    NoSuchArm {
        /// The run.
        run: String,
        /// What was given.
        name: String,
        /// The arms it has.
        candidates: Vec<String>,
    },
    /// No trial has this key.
    #[error("no trial has a key that begins with `{0}`")]
    NoSuchTrial(String),
    /// Several trials begin with this.
    #[error("several trials have a key that begins with `{0}`")]
    AmbiguousTrial(String),
    /// The database refused a statement.
    #[error("cannot {doing} in the store")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        source: sqlx::Error,
    },
}
