//! Shots in containers: one for each, by the command of `docker` or `podman`.
//!
//! No image is ever fetched: one that is not there is named, with the command that fetches it. A
//! container has no network, no rights, a root that cannot be written, and a folder in memory to work in.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tripos_tasks::{Captured, Language, Limits};

use super::super::cell::Stop;
use super::super::function::nonce;
use super::super::stdio::{REFUSED_STATUS, Recipe};
use super::super::toolchain::Tool;
use super::{End, Ran, Shot};

const ENGINES: [&str; 2] = ["docker", "podman"];
/// Where a program lies and works.
const BOX: &str = "/box";
/// How long a command of the engine may take, but for the program itself.
const ENGINE_MAX: Duration = Duration::from_secs(30);
/// How often a running container is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// The exit codes by which an engine says that the program was never started.
const NOT_STARTED: std::ops::RangeInclusive<i32> = 125..=127;
const KILLED: i32 = 128 + libc::SIGKILL;

/// A container engine that answers.
#[derive(Debug)]
pub(in crate::sandbox) struct Engine {
    program: PathBuf,
    image: Option<String>,
    tools: [OnceLock<Result<Tool, String>>; Language::ALL.len()],
}

impl Engine {
    /// Finds an engine that answers, or says why there is none.
    pub(super) fn find(folders: &[PathBuf], image: Option<&str>) -> Result<Self, String> {
        let mut why =
            "neither `docker` nor `podman` is installed, and no service is named".to_owned();
        let places = ENGINES.iter().flat_map(|name| folders.iter().map(move |f| f.join(name)));
        for program in places.filter(|program| program.is_file()) {
            let engine =
                Self { program, image: image.map(str::to_owned), tools: Default::default() };
            match engine.ask(&["ps", "--quiet", "--last", "1"]) {
                Ok(_) => return Ok(engine),
                Err(error) => {
                    why = format!("`{}` does not work: {error}", engine.program.display());
                }
            }
        }
        Err(why)
    }

    /// Returns the image that runs a language, or what is missing.
    pub(super) fn tool(&self, language: Language) -> Result<&Tool, String> {
        let place = Language::ALL.iter().position(|l| *l == language).expect("`ALL` holds it");
        let found = self.tools[place].get_or_init(|| {
            let image = self.image.as_deref().unwrap_or_else(|| official(language));
            let name = self.program.file_name().unwrap_or_default().to_string_lossy();
            self.ask(&["image", "inspect", "--format", "{{.Id}}", image])
                .map_err(|_| format!("its image is not here: `{name} pull {image}` fetches it"))?;
            let version = format!("image {image}");
            Ok(Tool { program: command(language).into(), version, needs: Vec::new() })
        });
        found.as_ref().map_err(Clone::clone)
    }

    /// Asks the engine something that takes no input; returns what it prints.
    fn ask(&self, words: &[&str]) -> Result<String, String> {
        let mut child = self.start(words, Stdio::null()).map_err(|error| error.to_string())?;
        let until = Instant::now() + ENGINE_MAX;
        let status = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if Instant::now() > until => {
                    // It is ended by its handle; that it is gone already is as good.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err("it does not answer".to_owned());
                }
                None => thread::sleep(LOOK),
            }
        };
        let read = |pipe: Option<&mut dyn Read>| {
            let mut text = Vec::new();
            pipe.map(|pipe| pipe.take(1 << 16).read_to_end(&mut text));
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let out = read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read));
        let error = read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
        if status.success() { Ok(out) } else { Err(error.lines().last().unwrap_or("").to_owned()) }
    }

    fn start(&self, words: &[&str], input: Stdio) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(words).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Runs a shot in a container of its own, which is gone afterwards.
    pub(super) fn run(&self, shot: &Shot<'_>) -> io::Result<Ran> {
        // Whoever else speaks to this engine, from wherever, has other names.
        let name = format!("tripos-{}", nonce()?);
        let tool = self.tool(shot.language).map_err(io::Error::other)?;
        let image = tool.version.trim_start_matches("image ");
        let words = words(&name, image, shot);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let began = Instant::now();
        let child = self.start(&words, Stdio::piped())?;
        let result = self.watch(child, &name, shot).and_then(|(code, stop, output)| {
            let end = match (stop, code) {
                (Some(stop), _) => End::Stopped(stop),
                (None, Some(code)) => self.end(code, &name, (began.elapsed(), shot), &output)?,
                (None, None) => return Err(io::Error::other("the engine was ended by a signal")),
            };
            Ok(Ran { end, output })
        });
        // What it left in the way would only be untidy.
        let _ = self.ask(&["rm", "--force", &name]);
        result
    }

    /// Says how a container ended by itself.
    fn end(
        &self,
        code: i32,
        name: &str,
        (took, shot): (Duration, &Shot<'_>),
        output: &Captured,
    ) -> io::Result<End> {
        if NOT_STARTED.contains(&code)
            && self.state(name).is_none_or(|state| state.starts_with("created"))
        {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.lines().last().unwrap_or_default();
            return Err(io::Error::other(format!("the container did not start: {why}")));
        }
        Ok(match code {
            REFUSED_STATUS => End::Refused,
            KILLED if self.state(name).is_some_and(|state| state.ends_with("true")) => {
                End::Stopped(Stop::Memory)
            }
            KILLED if took >= shot.limits.wall() => End::Stopped(Stop::Time),
            code if code == 128 + libc::SIGXCPU => End::Stopped(Stop::Time),
            code if code > 128 => End::Signal(code - 128),
            code => End::Exit(code),
        })
    }

    /// The state of a container, and whether it ran out of memory.
    fn state(&self, name: &str) -> Option<String> {
        self.ask(&["inspect", "--format", "{{.State.Status}} {{.State.OOMKilled}}", name]).ok()
    }

    /// Feeds a container and reads what it writes, until it ends or has to be ended.
    fn watch(
        &self,
        mut child: Child,
        name: &str,
        shot: &Shot<'_>,
    ) -> io::Result<(Option<i32>, Option<Stop>, Captured)> {
        let (input, out, error) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let cap = shot.limits.output_bytes;
        let is_over = AtomicBool::new(false);
        let until = Instant::now() + shot.limits.wall() + ENGINE_MAX;
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut input = input?;
                // A program may end before it has read everything.
                input.write_all(shot.source).and_then(|()| input.write_all(shot.input)).ok()
            });
            let out = scope.spawn(|| capture(out, cap, &is_over));
            let error = scope.spawn(|| capture(error, cap, &is_over));
            let mut stop = None;
            let status = loop {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
                let now = if is_over.load(Ordering::Relaxed) {
                    Some(Stop::Output)
                } else {
                    (Instant::now() > until).then_some(Stop::Time)
                };
                if let (None, Some(_)) = (stop, now) {
                    stop = now;
                    // One that has ended by itself cannot be killed, which is as good.
                    let _ = self.ask(&["kill", name]);
                    let _ = child.kill();
                }
                thread::sleep(LOOK);
            };
            let broken = |_| io::Error::other("what a container wrote could not be read");
            let (stdout, stderr) = (out.join().map_err(broken)?, error.join().map_err(broken)?);
            let is_cut = is_over.load(Ordering::Relaxed);
            let stop = stop.or(is_cut.then_some(Stop::Output));
            Ok((status.code(), stop, Captured { stdout, stderr, is_cut }))
        })
    }
}

/// Reads up to `cap` bytes, and says where there are more.
fn capture(pipe: Option<impl Read>, cap: u64, is_over: &AtomicBool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(pipe) = pipe else { return bytes };
    // What was read before an error is kept.
    let _ = pipe.take(cap + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > cap {
        is_over.store(true, Ordering::Relaxed);
        bytes.pop();
    }
    bytes
}

/// The command line of a shot.
fn words(name: &str, image: &str, Shot { language, source, limits, .. }: &Shot<'_>) -> Vec<String> {
    let Limits { memory_bytes, disk_bytes, files, processes, .. } = **limits;
    let (memory, cpu) = (memory_bytes.to_string(), limits.cpu_ms.div_ceil(1_000));
    let fixed = [
        "run",
        "--interactive",
        "--pull",
        "never",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--user",
        "65534:65534",
        "--workdir",
        BOX,
        "--env",
        "HOME=/box",
        "--env",
        "TMPDIR=/box",
        "--env",
        "PYTHONHASHSEED=0",
        "--env",
        "LANG=C.UTF-8",
    ];
    let mut words: Vec<String> = fixed.map(str::to_owned).into();
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--name", name.to_owned());
    option("--memory", memory.clone());
    option("--memory-swap", memory);
    option("--pids-limit", processes.to_string());
    option("--tmpfs", format!("{BOX}:rw,exec,mode=1777,size={disk_bytes},nr_inodes={files}"));
    option("--ulimit", format!("cpu={cpu}:{}", cpu + 1));
    option("--ulimit", format!("fsize={}", limits.file_bytes));
    option("--ulimit", format!("nofile={}", limits.open_files));
    option("--ulimit", "core=0".to_owned());
    words.extend([image.to_owned(), "sh".to_owned(), "-c".to_owned()]);
    words.push(script(*language, source.len(), limits));
    words
}

/// What the container's shell does: it takes the program off its input, compiles it, and becomes it.
fn script(language: Language, length: usize, limits: &Limits) -> String {
    let recipe = Recipe::of(language, Path::new(command(language)));
    let line = |argv: &[String]| {
        let words: Vec<String> =
            argv.iter().map(|word| format!("'{}'", word.replace("{work}", BOX))).collect();
        words.join(" ")
    };
    let file = recipe.file;
    let mut text = match length {
        0 => format!(": > {file} || exit 125\n"),
        // One block of just that length: what follows it is the program's own input.
        length => {
            format!("dd of={file} bs={length} count=1 iflag=fullblock 2> /dev/null || exit 125\n")
        }
    };
    if let Some(compile) = &recipe.compile {
        let _ = writeln!(text, "{} 1>&2 < /dev/null || exit {REFUSED_STATUS}", line(compile));
    }
    let _ = writeln!(
        text,
        "exec timeout -s KILL {} {}",
        limits.wall_ms.div_ceil(1_000),
        line(&recipe.run)
    );
    text
}

/// The program of an image that compiles or runs a language.
fn command(language: Language) -> &'static str {
    match language {
        Language::Python => "python3",
        Language::C => "gcc",
        Language::Cpp => "g++",
        Language::Rust => "rustc",
        Language::JavaScript => "node",
        Language::Go => "go",
        Language::Shell => "sh",
    }
}

/// The image of a language by those who make the language, or its distribution.
fn official(language: Language) -> &'static str {
    match language {
        Language::Python => "python:3.13-slim",
        Language::C | Language::Cpp => "gcc:14",
        Language::Rust => "rust:1-slim",
        Language::JavaScript => "node:22-slim",
        Language::Go => "golang:1",
        Language::Shell => "debian:12-slim",
    }
}
