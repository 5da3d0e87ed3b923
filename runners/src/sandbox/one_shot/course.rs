//! The way from a program and its tests to a verdict, by shots alone.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tripos_tasks::program::{Check, FunctionTests, StdioCase, StdioTests};
use tripos_tasks::{Captured, Execution, Integrity, Language, Program, RunVerdict, Tests, Tier};

use super::super::asserts::PlainCall;
use super::super::calls::{Said, gone, greeting, judge, no_answer, place, request};
use super::super::compare::difference;
use super::super::function::{NO_RECORD, Record, accepted, checks, head, judged, nonce, plain};
use super::super::stdio::{Ended, weigh};
use super::{Backend, Ran, Shot};

/// The most calls of checks that are run again for each of them.
const ROUNDS_MAX: usize = 128;
const VALUES: &str = include_str!("../python/values.py");
const MODULES: &str = include_str!("../python/modules.py");
const SOLUTION: &str = include_str!("../python/solution.py");
const CHECKS: &str = include_str!("../python/checks.py");
const SHOT: &str = include_str!("../python/shot.py");
/// What a fork server has loaded, and what its jobs are entered in.
const HEAD: &str =
    "import atexit, base64, collections, decimal, fractions, itertools, json, math, os
import random, struct, sys, threading, traceback, types
JOBS, LINK, MEMORY_STATUS = {}, 3, 77
";

/// Runs a program to its verdict.
///
/// # Errors
///
/// Where nothing is known of the program.
pub(in crate::sandbox) fn execute(backend: &Backend, program: &Program) -> io::Result<Execution> {
    let course = Course { backend, program };
    let (verdict, detail, output) = match &program.tests {
        Tests::Stdio(tests) => course.stdio(tests)?,
        Tests::Function(tests) => course.function(tests)?,
    };
    let (tier, integrity) = (Tier::Container, Integrity::Isolated);
    let (cpu, wall) = (Duration::ZERO, Duration::ZERO);
    Ok(Execution { verdict, detail, tier, integrity, output, cpu, wall })
}

type Verdict = (RunVerdict, String, Captured);

/// A program on its way.
struct Course<'a> {
    backend: &'a Backend,
    program: &'a Program,
}

/// What a shot of the checks says in the end: a call to make, or the record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Look {
    ask: Option<Json>,
    #[serde(flatten)]
    record: Record,
}

/// What a shot of the program told.
struct Told {
    hello: Option<Json>,
    replies: Vec<Json>,
    ended: Ended,
}

impl Course<'_> {
    fn stdio(&self, tests: &StdioTests) -> io::Result<Verdict> {
        let (language, limits) = (self.program.language, &self.program.limits);
        let source = self.program.source.as_slice();
        let count = tests.cases.len();
        let mut last = Captured::default();
        for (n, case) in tests.cases.iter().enumerate() {
            let shot = Shot { language, source, input: case.stdin.as_bytes(), limits };
            let ended = self.backend.run(&shot)?.ended(language, limits);
            let stdout = &ended.output.stdout;
            let wrong = weigh(ended.wrong, || match &tests.judge {
                Some(judge) => self.judge(judge, case, stdout),
                None => Ok(difference(stdout, &case.expect, tests.tolerance)),
            })?;
            last = ended.output;
            if let Some((verdict, detail)) = wrong {
                return Ok((verdict, format!("case {} of {count}: {detail}", n + 1), last));
            }
        }
        Ok((RunVerdict::Pass, format!("{count} cases"), last))
    }

    /// Asks a task's own judge about an output; nothing where it is right.
    fn judge(&self, judge: &str, case: &StdioCase, output: &[u8]) -> io::Result<Option<String>> {
        let nonce = nonce()?;
        let job = json!({
            "nonce": nonce, "judge": judge, "input": case.stdin, "answer": case.expect,
            "output": STANDARD.encode(output),
        });
        let ran = self.python(&[CHECKS, SHOT, "judge_output()"], &job)?;
        let record = last::<Record>(&ran.output.stdout).filter(|record| record.nonce == nonce);
        accepted(record)
    }

    fn function(&self, tests: &FunctionTests) -> io::Result<Verdict> {
        if matches!(tests.check, Check::Beside(_)) {
            let why = "checks beside the program are not run in tier 3";
            return Ok((RunVerdict::Infra, why.to_owned(), Captured::default()));
        }
        match plain(tests)? {
            Some(calls) => self.calls(tests, &calls),
            None => self.checks(tests),
        }
    }

    /// Makes every call in one shot and compares every result.
    fn calls(&self, tests: &FunctionTests, calls: &[PlainCall]) -> io::Result<Verdict> {
        let requests: Vec<Json> = calls.iter().map(request).collect();
        let told = self.told(tests, &requests)?;
        let mut replies = told.replies.iter();
        let said = match &told.hello {
            None => Some(gone()),
            Some(hello) => greeting(hello),
        };
        let said = said.or_else(|| {
            calls.iter().enumerate().find_map(|(n, call)| match replies.next() {
                Some(reply) => judge(reply, call, &place(n, calls.len())),
                None => Some(gone()),
            })
        });
        let passed = || (RunVerdict::Pass, format!("{} calls", calls.len()));
        let (verdict, detail) = settled(said, &told.ended).unwrap_or_else(passed);
        Ok((verdict, detail, told.ended.output))
    }

    /// Runs the checks again for each call they make, until they are done.
    fn checks(&self, tests: &FunctionTests) -> io::Result<Verdict> {
        let (mut asked, mut replies): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
        let mut output = Captured::default();
        for _ in 0..ROUNDS_MAX {
            let nonce = nonce()?;
            let mut job = checks(tests, &nonce);
            let pairs = asked.iter().zip(&replies).map(|(request, reply)| json!([request, reply]));
            job["replies"] = pairs.collect();
            let ran = self.python(&[CHECKS, SHOT, "look_again()"], &job)?;
            let look = last::<Look>(&ran.output.stdout).filter(|look| look.record.nonce == nonce);
            let look = look.ok_or_else(|| io::Error::other(NO_RECORD))?;
            let Some(ask) = look.ask else {
                let (verdict, detail) = judged(&look.record, None, 0)?;
                return Ok((verdict, detail, output));
            };
            asked.push(ask);
            let mut told = self.told(tests, &asked)?;
            let reply = told.replies.get_mut(asked.len() - 1).map(Json::take);
            let said = match (&told.hello, &reply) {
                (None, _) => Some(gone()),
                (Some(hello), None) => greeting(hello).or_else(|| Some(gone())),
                (Some(_), Some(_)) => None,
            };
            output = std::mem::take(&mut told.ended.output);
            if let Some((verdict, detail)) = settled(said, &told.ended) {
                return Ok((verdict, detail, output));
            }
            replies.extend(reply);
        }
        let why = format!("the checks make more than {ROUNDS_MAX} calls, too many for tier 3");
        Ok((RunVerdict::Infra, why, output))
    }

    /// Runs the program and makes calls.
    fn told(&self, tests: &FunctionTests, calls: &[Json]) -> io::Result<Told> {
        let mut job = head(self.program, tests);
        job["source"] = STANDARD.encode(&self.program.source).into();
        job["calls"] = calls.into();
        let ran = self.python(&[SOLUTION, SHOT, "answer_calls()"], &job)?;
        let mut lines = ran.output.stdout.split(|byte| *byte == b'\n');
        let mut read = lines.by_ref().filter(|line| !line.is_empty());
        let mut next = || read.next().map(|line| serde_json::from_slice(line).ok());
        let hello = next().map(|hello| hello.unwrap_or(Json::Null));
        // What is no line of JSON is a reply that is no answer.
        let replies = std::iter::from_fn(next).map(Option::unwrap_or_default).collect();
        let mut ended = ran.ended(Language::Python, &self.program.limits);
        ended.output.stdout.clear();
        Ok(Told { hello, replies, ended })
    }

    fn python(&self, parts: &[&str], job: &Json) -> io::Result<Ran> {
        let source = [&[HEAD, VALUES, MODULES], parts].concat().join("\n\n");
        self.backend.run(&Shot {
            language: Language::Python,
            source: source.as_bytes(),
            input: job.to_string().as_bytes(),
            limits: &self.program.limits,
        })
    }
}

/// Puts what was said together with how the program ended; nothing where both are right.
fn settled(said: Option<Said>, ended: &Ended) -> Option<Said> {
    match (said, &ended.wrong) {
        (None, _) => None,
        (_, Some(wrong)) if wrong.0 != RunVerdict::RuntimeError => Some(wrong.clone()),
        (Some(said), _) if said == no_answer() => Some(said),
        (Some(said), Some(wrong)) if said == gone() => Some(wrong.clone()),
        (Some(said), _) => Some(said),
    }
}

/// The last line of JSON.
fn last<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    let line = bytes.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty())?;
    serde_json::from_slice(line).ok()
}
