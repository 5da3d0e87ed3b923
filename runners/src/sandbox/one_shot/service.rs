//! Shots by a service over HTTP that runs programs: Piston's or `SandboxFusion`'s interface.
//!
//! What isolates a program there is the service's own affair; it gets no expected value. What it says is
//! read with a bound, and where it makes no sense nothing is known of the program.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tripos_tasks::{Captured, Language, Limits};

use super::super::cell::Stop;
use super::super::toolchain::Tool;
use super::{End, Ran, Shot};

/// How long a service may take beyond what the program may.
const SERVICE_MAX: Duration = Duration::from_mins(1);
/// The largest answer that is read beyond what a program may write.
const ANSWER_MAX: u64 = 1 << 20;

/// A service that runs programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it listens, such as `http://localhost:2000`.
    pub url: String,
    /// How it is spoken to.
    pub dialect: Dialect,
}

/// The interfaces that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `POST /api/v2/execute` (engineer-man/piston).
    Piston,
    /// `POST /run_code` (bytedance/SandboxFusion).
    Fusion,
}

/// A service that can be spoken to.
#[derive(Debug)]
pub(in crate::sandbox) struct Client {
    http: reqwest::Client,
    url: Url,
    dialect: Dialect,
    tools: [OnceLock<Result<Tool, String>>; Language::ALL.len()],
}

impl Client {
    pub(super) fn new(service: &Service) -> Result<Self, String> {
        let mut url = Url::parse(&service.url)
            .map_err(|error| format!("`{}` is no address: {error}", service.url))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(format!("`{}` is no address of a service over HTTP", service.url));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let http = crate::remote::builder().build().map_err(|error| error.to_string())?;
        Ok(Self { http, url, dialect: service.dialect, tools: Default::default() })
    }

    /// Returns what runs a language there. Only a Piston says what it has.
    pub(super) fn tool(&self, language: Language) -> Result<&Tool, String> {
        let place = Language::ALL.iter().position(|l| *l == language).expect("`ALL` holds it");
        let found = self.tools[place].get_or_init(|| {
            let version = match self.dialect {
                Dialect::Piston => self.piston_version(language)?,
                Dialect::Fusion => format!("by {}", self.url),
            };
            Ok(Tool { program: self.url.as_str().into(), version, needs: Vec::new() })
        });
        found.as_ref().map_err(Clone::clone)
    }

    fn piston_version(&self, language: Language) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Runtime {
            language: String,
            version: String,
        }
        let known = self.ask("api/v2/runtimes", None, (ANSWER_MAX, SERVICE_MAX));
        let known = known.map_err(|error| error.to_string())?;
        let known: Vec<Runtime> = serde_json::from_value(known)
            .map_err(|error| format!("`{}` is no Piston: {error}", self.url))?;
        let name = name(self.dialect, language);
        let found = known.into_iter().find(|runtime| runtime.language == name);
        found.map(|runtime| runtime.version).ok_or_else(|| format!("`{}` has no {name}", self.url))
    }

    pub(super) fn run(&self, shot: &Shot<'_>) -> io::Result<Ran> {
        let source = std::str::from_utf8(shot.source);
        let Ok(source) = source else {
            // It cannot be sent, and no compiler or interpreter of these takes it.
            let stderr = b"error: the program is not UTF-8".to_vec();
            let output = Captured { stderr, ..Captured::default() };
            return Ok(Ran { end: End::Refused, output });
        };
        let limits = shot.limits;
        let bound = (ANSWER_MAX + 12 * limits.output_bytes, limits.wall() + SERVICE_MAX);
        match self.dialect {
            Dialect::Piston => {
                let version = self.tool(shot.language).map_err(io::Error::other)?.version.clone();
                let body = piston_request(shot, source, &version);
                let answer = self.ask("api/v2/execute", Some(&body), bound)?;
                piston_answer(serde_json::from_value(answer).map_err(|e| nonsense(&e))?, limits)
            }
            Dialect::Fusion => {
                let answer = self.ask("run_code", Some(&fusion_request(shot, source)), bound)?;
                fusion_answer(serde_json::from_value(answer).map_err(|e| nonsense(&e))?, limits)
            }
        }
    }

    /// Asks the service, on a thread that may wait; reads no more than a bound, for no longer than one.
    fn ask(
        &self,
        path: &str,
        body: Option<&Json>,
        (most, time): (u64, Duration),
    ) -> io::Result<Json> {
        let url = self.url.join(path).map_err(io::Error::other)?;
        let answer = async {
            let request = match body {
                Some(body) => self
                    .http
                    .post(url)
                    .header("content-type", "application/json")
                    .body(body.to_string()),
                None => self.http.get(url),
            };
            let mut response = request.timeout(time).send().await?.error_for_status()?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() as u64 > most {
                    break;
                }
            }
            Ok(bytes)
        };
        let bytes: Result<Vec<u8>, reqwest::Error> = thread::scope(|scope| {
            let work = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                io::Result::Ok(runtime.block_on(answer))
            };
            scope.spawn(work).join().map_err(|_| io::Error::other("the request broke"))?
        })?;
        let bytes = bytes.map_err(|error| {
            let why =
                std::error::Error::source(&error).map_or_else(String::new, |e| format!(": {e}"));
            io::Error::other(format!("the service at `{}`: {error}{why}", self.url))
        })?;
        if bytes.len() as u64 > most {
            return Err(io::Error::other("the service answers with more than is read"));
        }
        serde_json::from_slice(&bytes).map_err(|e| nonsense(&e))
    }
}

fn nonsense(error: &serde_json::Error) -> io::Error {
    io::Error::other(format!("the service's answer makes no sense: {error}"))
}

fn name(dialect: Dialect, language: Language) -> &'static str {
    match (dialect, language) {
        (Dialect::Piston, Language::Cpp) => "c++",
        (Dialect::Fusion, Language::C) => "cpp",
        (Dialect::Fusion, Language::JavaScript) => "nodejs",
        (_, Language::Shell) => "bash",
        (_, language) => language.as_str(),
    }
}

fn piston_request(shot: &Shot<'_>, source: &str, version: &str) -> Json {
    let limits = shot.limits;
    json!({
        "language": name(Dialect::Piston, shot.language),
        "version": version,
        "files": [{ "name": file(shot.language), "content": source }],
        "stdin": String::from_utf8_lossy(shot.input),
        "run_timeout": limits.wall_ms,
        "run_memory_limit": limits.memory_bytes,
    })
}

fn file(language: Language) -> &'static str {
    super::super::stdio::Recipe::of(language, std::path::Path::new("")).file
}

#[derive(Debug, Deserialize)]
struct PistonAnswer {
    compile: Option<PistonStage>,
    run: Option<PistonStage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PistonStage {
    stdout: String,
    stderr: String,
    code: Option<i32>,
    signal: Option<String>,
    /// Two letters, in newer versions.
    status: Option<String>,
}

fn piston_answer(answer: PistonAnswer, limits: &Limits) -> io::Result<Ran> {
    let failed = |stage: &PistonStage| stage.code != Some(0);
    if let Some(compile) = answer.compile.filter(failed) {
        return Ok(Ran {
            end: End::Refused,
            output: captured(compile.stdout, compile.stderr, limits),
        });
    }
    let run = answer.run.ok_or_else(|| io::Error::other("the service ran nothing"))?;
    let status = run.status.as_deref().unwrap_or_default();
    let end = match (status, run.code, run.signal.as_deref()) {
        ("OL" | "EL", ..) => End::Stopped(Stop::Output),
        ("XX", ..) => return Err(io::Error::other("the service broke")),
        // Older ones kill without a word what takes too long or too much.
        ("TO", ..) | (_, _, Some("SIGKILL")) => End::Stopped(Stop::Time),
        (_, _, Some(signal)) => End::Signal(signal.parse().map_or(libc::SIGABRT, number)),
        (_, Some(code), None) => End::Exit(code),
        (_, None, None) => return Err(io::Error::other("the service does not say how it ended")),
    };
    Ok(Ran { end, output: captured(run.stdout, run.stderr, limits) })
}

fn number(signal: nix::sys::signal::Signal) -> i32 {
    signal as i32
}

fn fusion_request(shot: &Shot<'_>, source: &str) -> Json {
    let limits = shot.limits;
    let seconds = limits.wall().as_secs_f64();
    json!({
        "language": name(Dialect::Fusion, shot.language),
        "code": source,
        "stdin": String::from_utf8_lossy(shot.input),
        "compile_timeout": 2.0 * seconds.max(10.0),
        "run_timeout": seconds,
        "memory_limit_MB": limits.memory_bytes >> 20,
        "files": BTreeMap::<String, String>::new(),
    })
}

#[derive(Debug, Deserialize)]
struct FusionAnswer {
    status: String,
    #[serde(default)]
    message: String,
    compile_result: Option<FusionStage>,
    run_result: Option<FusionStage>,
}

#[derive(Debug, Deserialize)]
struct FusionStage {
    status: String,
    return_code: Option<i32>,
    #[serde(default)]
    stdout: Option<String>,
    #[serde(default)]
    stderr: Option<String>,
}

fn fusion_answer(answer: FusionAnswer, limits: &Limits) -> io::Result<Ran> {
    if answer.status == "SandboxError" {
        return Err(io::Error::other(format!("the service broke: {}", answer.message)));
    }
    let is_refused =
        |stage: &FusionStage| stage.status != "Finished" || stage.return_code != Some(0);
    let (stage, is_compiler) = match (answer.compile_result.filter(is_refused), answer.run_result) {
        (Some(stage), _) => (stage, true),
        (None, Some(stage)) => (stage, false),
        (None, None) => return Err(io::Error::other("the service ran nothing")),
    };
    let end = match (stage.status.as_str(), stage.return_code) {
        _ if is_compiler => End::Refused,
        ("TimeLimitExceeded", _) => End::Stopped(Stop::Time),
        ("Finished", Some(code)) if code < 0 => End::Signal(-code),
        ("Finished", Some(code)) => End::Exit(code),
        (status, _) => return Err(io::Error::other(format!("the service says `{status}`"))),
    };
    let output =
        captured(stage.stdout.unwrap_or_default(), stage.stderr.unwrap_or_default(), limits);
    Ok(Ran { end, output })
}

/// What a program wrote, cut to what is kept.
fn captured(stdout: String, stderr: String, limits: &Limits) -> Captured {
    let cap = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
    let (mut stdout, mut stderr) = (stdout.into_bytes(), stderr.into_bytes());
    let is_cut = stdout.len() > cap || stderr.len() > cap;
    stdout.truncate(cap);
    stderr.truncate(cap);
    Captured { stdout, stderr, is_cut }
}
