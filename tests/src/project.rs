//! A throwaway project: a folder of its own, files in it, and the real binary run inside it.
//!
//! The binary sees no environment but what a test gives it, so no key and no setting of whoever
//! runs the tests leaks in. What it prints is compared after folders, ports and ids were replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A folder that goes away with the test.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    binary: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed, with folders, ports and ids replaced.
    pub stdout: String,
    /// What it said besides, with folders, ports and ids replaced.
    pub stderr: String,
    /// What it printed, byte for byte.
    pub bytes: Vec<u8>,
}

impl Project {
    /// Makes an empty project for the binary at `binary`.
    ///
    /// # Panics
    ///
    /// When no folder can be made.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { folder, binary: binary.into(), environment: Vec::new() }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns where the store is by default.
    pub fn store(&self) -> PathBuf {
        self.folder().join("tripos.db")
    }

    /// Writes a file, with the folders above it.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        let parent = path.parent().expect("a file in the project has a folder");
        fs::create_dir_all(parent).expect("the project can hold folders");
        fs::write(&path, content).expect("the project can be written to");
        path
    }

    /// Reads a file as text.
    ///
    /// # Panics
    ///
    /// When it is not there or not text.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).expect("the file was written")
    }

    /// Sets a variable for every later command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the command, ready to be started, with its output captured.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&self.binary, arguments)
    }

    /// Returns the command of another copy of the binary.
    pub fn command_of(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(arguments).current_dir(self.folder()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the binary starts");
        self.ran(output)
    }

    /// Runs the command and expects exit code 0.
    ///
    /// # Panics
    ///
    /// When it ends otherwise.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "tripos {arguments:?} failed:\n{}", ran.stderr);
        ran
    }

    /// Runs the command with `--format json` and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it fails or prints something else.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let ran = self.succeed(&[arguments, &["--format", "json"]].concat());
        serde_json::from_slice(&ran.bytes).expect("stdout is one JSON document")
    }

    /// Reads what a command left behind.
    pub fn ran(&self, output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: self.filtered(&output.stdout),
            stderr: self.filtered(&output.stderr),
            bytes: output.stdout,
        }
    }

    /// Replaces what differs from run to run.
    fn filtered(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let folder = self.folder().display().to_string();
        replace_ports(&text.replace(&folder, "[FOLDER]"))
    }
}

/// Copies a folder with its files, one level deep.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Writes `127.0.0.1:[PORT]` for every loopback port.
fn replace_ports(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(HOST);
        out.push_str(if rest.len() < part.len() { "[PORT]" } else { "" });
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_replaced_and_nothing_else() {
        assert_eq!(replace_ports("at 127.0.0.1:80/v1, 10"), "at 127.0.0.1:[PORT]/v1, 10");
        assert_eq!(replace_ports("127.0.0.1:x"), "127.0.0.1:x");
        assert_eq!(replace_ports(""), "");
    }
}
