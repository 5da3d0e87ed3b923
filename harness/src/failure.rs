//! What the user sees when something went wrong: a kind, which is the exit code, the error with
//! its causes, and what to try.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use tripos_dashboards::text::visible;
use tripos_runners::OpenError;
use tripos_runners::hub::HubError;
use tripos_runners::remote::RemoteError;
use tripos_tasks::{SuiteError, nearest};

use crate::config::ConfigError;
use crate::gate::PolicyError;
use crate::plan::PlanError;
use crate::store::StoreError;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const CAUSE: Style = Style::new().dimmed();
const HINT: Style = AnsiColor::Cyan.on_default();

/// The most causes printed; a longer chain is a loop.
const MAX_CAUSES: usize = 16;

/// Something that ended a command.
#[derive(Debug)]
pub struct Failure {
    /// Whose fault it is.
    pub kind: Kind,
    /// What happened.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to try: commands and keys that exist.
    pub hints: Vec<String>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the user wrote is wrong: command line, config or suite file.
    Usage,
    /// Nothing could be measured: endpoint, store, disk, checkpoint or hardware.
    Invalid,
    /// The user, or the system, asked to stop.
    Interrupted,
    /// Tripos is wrong.
    Bug,
}

impl Kind {
    /// Returns the exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Invalid => 4,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        Self::from(kind.code())
    }
}

impl Failure {
    /// A failure without hints.
    pub fn new(kind: Kind, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, error: error.into(), hints: Vec::new() }
    }

    /// What the user wrote is wrong.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Usage, error)
    }

    /// Nothing could be measured.
    pub fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::Invalid, error)
    }

    /// Adds something to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds something to try, where there is something.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// Writes the error, its causes and the hints, one a line, with styles.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{ERROR}error:{ERROR:#} {}", shown(&self.error.to_string()))?;
        let mut cause = self.error.source();
        for _ in 0..MAX_CAUSES {
            let Some(error) = cause else { break };
            writeln!(out, "  {CAUSE}caused by:{CAUSE:#} {}", shown(&error.to_string()))?;
            cause = error.source();
        }
        for hint in &self.hints {
            writeln!(out, "{HINT}hint:{HINT:#} {}", shown(hint))?;
        }
        Ok(())
    }
}

/// Makes control characters visible, so that a server's message cannot move the cursor; lines
/// after the first are indented.
fn shown(text: &str) -> String {
    visible(text.trim_end()).replace('\n', "\n    ")
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::UnknownKey { key, known, .. } => {
                Some(match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the keys here are {}", known.join(", ")),
                })
            }
            ConfigError::MissingKey { variable, .. } => {
                Some(format!("set it for this command: `{variable}=… tripos …`"))
            }
            ConfigError::KeyExposed { path, .. } => {
                Some(format!("`chmod 600 {}` hides it", path.display()))
            }
            _ => None,
        };
        Self::usage(error).maybe_hint(hint)
    }
}

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        let near = error.nearest().map(|near| format!("did you mean `{near}`?"));
        let list = matches!(error, SuiteError::Unknown { .. } | SuiteError::Read { .. })
            .then(|| "`tripos suites` lists what can be run".to_owned());
        Self::usage(error).maybe_hint(near).maybe_hint(list)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let what_the_user_wrote = matches!(
            &error,
            OpenError::Remote { source: RemoteError::Address { .. } | RemoteError::Key { .. }, .. }
        );
        Self::new(if what_the_user_wrote { Kind::Usage } else { Kind::Invalid }, error)
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        let what_the_user_wrote = matches!(
            &error,
            HubError::Endpoint { .. }
                | HubError::Token { .. }
                | HubError::NoRepository { .. }
                | HubError::NoRevision { .. }
                | HubError::NoFile { .. }
        );
        let hint = error.hint();
        Self::new(if what_the_user_wrote { Kind::Usage } else { Kind::Invalid }, error)
            .maybe_hint(hint)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        let near = match &error {
            PolicyError::UnknownTask { near, .. } => near.clone(),
            _ => None,
        };
        Self::usage(error).maybe_hint(near.map(|near| format!("did you mean `{near}`?")))
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::usage(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NoSuchRun(_) | StoreError::AmbiguousRun { .. } => {
                Self::usage(error).hint("`tripos runs` lists what the store holds")
            }
            StoreError::NoSuchArm { .. }
            | StoreError::NoSuchTrial(_)
            | StoreError::AmbiguousTrial(_) => Self::usage(error),
            StoreError::Missing { .. } => Self::invalid(error)
                .hint("`tripos run` makes one; `--store` names one that is elsewhere"),
            StoreError::Open { .. } | StoreError::NotAStore { .. } => {
                Self::invalid(error).hint("`--store` or `TRIPOS_STORE` names another place")
            }
            StoreError::Busy { .. } => {
                Self::invalid(error).hint("wait for it; what it finishes is not asked again")
            }
            _ => Self::invalid(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `{0}`")]
    struct Outer(&'static str, #[source] io::Error);

    #[track_caller]
    fn check(failure: &Failure, expected: &str) {
        let mut styled = Vec::new();
        failure.write(&mut styled).expect("a vector takes everything");
        let plain = anstream::adapter::strip_bytes(&styled).into_vec();
        assert_eq!(String::from_utf8(plain).expect("text"), expected);
    }

    #[test]
    fn the_causes_follow_the_error_and_the_hints_come_last() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "no such file");
        check(
            &Failure::usage(Outer("suites/math.toml", cause)).hint("`tripos suites` lists them"),
            "error: cannot read `suites/math.toml`\n  caused by: no such file\n\
             hint: `tripos suites` lists them\n",
        );
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        check(&Failure::invalid("said \u{1b}[2J\rx\ny"), "error: said \\u{1b}[2J\\u{d}x\n    y\n");
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let codes = [Kind::Usage, Kind::Invalid, Kind::Interrupted, Kind::Bug].map(Kind::code);
        assert_eq!(codes, [2, 4, 130, 70]);
    }
}
