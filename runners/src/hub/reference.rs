//! What a reference to something on the hub may look like: `hf:ORG/NAME[@REV]`.
//!
//! Its parts become names of folders and parts of addresses, so they are held to the characters that the
//! hub allows before either is made.

use std::fmt;
use std::str::FromStr;

/// Characters of an organisation, of a name and of a revision at most.
const PART_MAX: usize = 96;
const REVISION_MAX: usize = 200;
/// Hexadecimal digits of a commit.
const COMMIT_DIGITS: usize = 40;

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A checkpoint.
    Model,
    /// Items.
    Dataset,
}

impl Kind {
    /// The word in the addresses of the hub's interface and in the names of the cache's folders.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }

    /// What stands before the repository in the addresses of pages and files.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::Dataset => "datasets/",
        }
    }
}

/// A repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What it holds.
    pub kind: Kind,
    /// `ORG/NAME`.
    pub repository: String,
    /// A branch, a tag or a commit; `main` unless another is named.
    pub revision: String,
}

/// Why a text is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not two parts.
    #[error("a repository is `ORG/NAME`")]
    Shape,
    /// An organisation or a name that the hub would not give.
    #[error(
        "`ORG` and `NAME` have 1 to 96 letters, digits, `-`, `_` and `.`; neither begins or ends \
         with `-` or `.`, holds `--` or `..`, or ends with `.git`"
    )]
    Part,
    /// A revision that git would not take.
    #[error(
        "a revision is a branch, a tag or a commit: letters, digits, `-`, `_`, `.` and `/`, without \
         empty parts, `..`, or parts that begin with `-` or `.`"
    )]
    Revision,
}

impl Reference {
    /// Reads `ORG/NAME[@REV]`, what follows `hf:`.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, ReferenceError> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (organisation, name) = repository.split_once('/').ok_or(ReferenceError::Shape)?;
        if name.contains('/') {
            return Err(ReferenceError::Shape);
        }
        if !is_part(organisation) || !is_part(name) {
            return Err(ReferenceError::Part);
        }
        if !is_revision(revision) {
            return Err(ReferenceError::Revision);
        }
        Ok(Self { kind, repository: repository.to_owned(), revision: revision.to_owned() })
    }

    /// Whether the revision is a whole commit, which always means the same files.
    pub fn is_pinned(&self) -> bool {
        is_commit(&self.revision)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads the reference of a model.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(Kind::Model, text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}@{}", self.kind.prefix(), self.repository, self.revision)
    }
}

/// Whether `text` is a whole commit.
pub(super) fn is_commit(text: &str) -> bool {
    is_hex(text, COMMIT_DIGITS)
}

/// Whether `text` is a number of `digits` hexadecimal digits as digests are written.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_part(text: &str) -> bool {
    (1..=PART_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.'])
        && !text.contains("--")
        && !text.contains("..")
        && text.rsplit_once('.').is_none_or(|(_, ending)| ending != "git")
}

fn is_revision(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !part.starts_with(['-', '.'])
            && !part.ends_with('.')
            && !part.contains("..")
    };
    text.len() <= REVISION_MAX && text.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), ReferenceError>) {
        let got = text.parse::<Reference>().map(|r| (r.repository, r.revision));
        let expected = expected.map(|(name, revision)| (name.to_owned(), revision.to_owned()));
        assert_eq!(got, expected, "of {text:?}");
    }

    #[test]
    fn references_have_a_repository_and_perhaps_a_revision() {
        check("acme/tiny", Ok(("acme/tiny", "main")));
        check("acme/Tiny-1.5_b@v1.0", Ok(("acme/Tiny-1.5_b", "v1.0")));
        check("a/b@refs/convert/parquet", Ok(("a/b", "refs/convert/parquet")));
        let commit = "0123456789abcdef0123456789abcdef01234567";
        check(&format!("a/b@{commit}"), Ok(("a/b", commit)));
        let pinned = |text: &str| text.parse::<Reference>().expect("reads").is_pinned();
        assert!(pinned(&format!("a/b@{commit}")));
        assert!(!pinned("a/b@0123456"));
    }

    #[test]
    fn what_could_leave_its_folder_or_address_is_refused() {
        for text in ["", "a", "a@b", "a/b/c", "/", "a//b"] {
            let shape = matches!(
                text.parse::<Reference>(),
                Err(ReferenceError::Shape | ReferenceError::Part)
            );
            assert!(shape, "{text:?}");
        }
        for text in
            ["/b", "a/", "../b", "a/..", "a/b--c", "-a/b", "a/b.", "a/b.git", "a/b c", "ä/b"]
        {
            check(text, Err(ReferenceError::Part));
        }
        check(&format!("a/{}", "b".repeat(97)), Err(ReferenceError::Part));
        for revision in ["", "..", "a/../b", "/a", "a/", "a//b", "-a", ".a", "a b", "a@b", "a?b"] {
            check(&format!("a/b@{revision}"), Err(ReferenceError::Revision));
        }
    }
}
