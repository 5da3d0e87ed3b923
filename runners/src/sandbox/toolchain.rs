//! What programs are written in, and what runs them on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tripos_tasks::Language;

/// Where system folders are looked for first.
const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// What every cell sees of the machine.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
];
/// The oldest Python that has handles on processes.
const OLDEST_PYTHON: (u32, u32) = (3, 9);

/// What compiles or runs a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program.
    pub program: PathBuf,
    /// What it says of itself.
    pub version: String,
    /// Folders outside the system's that it needs.
    pub(super) needs: Vec<PathBuf>,
}

/// The tools of this machine, each looked for when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Toolchain {
    folders: Vec<PathBuf>,
    found: [OnceLock<Result<Tool, String>>; Language::ALL.len()],
}

impl Toolchain {
    /// Looks in `folders`, those of the system first; in the system's where there are none.
    pub(super) fn new(folders: &[PathBuf]) -> Self {
        let is_system = |folder: &PathBuf| FOLDERS.iter().any(|system| folder == Path::new(system));
        let mut folders = folders.to_owned();
        if folders.is_empty() {
            folders = FOLDERS.map(PathBuf::from).into();
        }
        folders.sort_by_key(|folder| !is_system(folder));
        Self { folders, found: Default::default() }
    }

    /// Returns the folders that are looked in.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Returns the tool of a language, or why there is none.
    ///
    /// # Panics
    ///
    /// Never: every language has its place.
    pub(super) fn tool(&self, language: Language) -> Result<&Tool, &str> {
        let place = Language::ALL.iter().position(|l| *l == language).expect("`ALL` holds it");
        let found = self.found[place].get_or_init(|| tool(language, &self.folders));
        found.as_ref().map_err(String::as_str)
    }
}

/// What every cell sees of the machine, where it is there.
pub(super) fn system() -> Vec<PathBuf> {
    SYSTEM.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}

fn tool(language: Language, folders: &[PathBuf]) -> Result<Tool, String> {
    let names: &[&str] = match language {
        Language::Python => &["python3"],
        Language::C => &["gcc", "cc", "clang"],
        Language::Cpp => &["g++", "c++", "clang++"],
        Language::Rust => &["rustc"],
        Language::JavaScript => &["node", "nodejs"],
        Language::Go => &["go"],
        Language::Shell => &["sh"],
    };
    let mut why = format!("`{}` is not installed", names[0]);
    for program in folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)))
    {
        if !program.is_file() {
            continue;
        }
        match inspect(language, &program) {
            Ok(tool) => return Ok(tool),
            Err(reason) => why = format!("`{}`: {reason}", program.display()),
        }
    }
    Err(why)
}

/// Asks a tool what it is and where its own files lie. The tool is the machine's own and trusted.
fn inspect(language: Language, program: &Path) -> Result<Tool, String> {
    match language {
        Language::Python => {
            let ask = "import os,sys;print(os.path.realpath(sys.executable));print(sys.base_prefix);\
                       print('%d.%d.%d'%sys.version_info[:3])";
            let text = answer(program, &["-I", "-S", "-c", ask])?;
            let mut lines = text.lines();
            let real = PathBuf::from(lines.next().unwrap_or_default());
            let prefix = PathBuf::from(lines.next().unwrap_or_default());
            let version = lines.next().unwrap_or_default();
            let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
            let number = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
            if number < OLDEST_PYTHON {
                return Err(format!(
                    "Python {version} is too old: {}.{} or newer is needed",
                    OLDEST_PYTHON.0, OLDEST_PYTHON.1
                ));
            }
            Ok(Tool {
                program: real,
                version: format!("Python {version}"),
                needs: outside([prefix]),
            })
        }
        Language::Rust => {
            let root = PathBuf::from(answer(program, &["--print", "sysroot"])?.trim());
            let version = answer(program, &["--version"])?.trim().to_owned();
            let real = root.join("bin/rustc");
            let program = if real.is_file() { real } else { program.to_owned() };
            Ok(Tool { program, version, needs: outside([root]) })
        }
        Language::Go => {
            let root = PathBuf::from(answer(program, &["env", "GOROOT"])?.trim());
            let version = answer(program, &["version"])?.trim().to_owned();
            Ok(Tool { program: root.join("bin/go"), version, needs: outside([root]) })
        }
        Language::Shell => {
            Ok(Tool { program: program.to_owned(), version: "sh".to_owned(), needs: Vec::new() })
        }
        Language::C | Language::Cpp | Language::JavaScript => {
            let text = answer(program, &["--version"])?;
            let version = text.lines().next().unwrap_or_default().to_owned();
            let real = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
            let needs = real.parent().and_then(Path::parent).map(Path::to_owned);
            let program = if real.starts_with("/usr") { program.to_owned() } else { real };
            Ok(Tool { program, version, needs: outside(needs) })
        }
    }
}

/// The paths that lie outside what every cell sees.
fn outside(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let is_outside = |path: &PathBuf| {
        !path.as_os_str().is_empty() && !SYSTEM.iter().any(|system| path.starts_with(system))
    };
    paths.into_iter().filter(is_outside).collect()
}

/// Runs a tool of the machine with an environment of its own and returns what it prints.
fn answer(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let folder = program.parent().unwrap_or(Path::new("/"));
    let path = format!("{}:{}", folder.display(), FOLDERS.join(":"));
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot be started: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(why.lines().next().unwrap_or("it does not say its version").to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
