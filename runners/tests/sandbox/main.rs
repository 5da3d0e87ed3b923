//! The sandbox from outside: real programs in real cells, in every tier that works here.
//!
//! `TRIPOS_SANDBOX_TIER` chooses one tier; a tier that does not work here is skipped with its reason,
//! unless `TRIPOS_REQUIRE_TIER` is set.
#![expect(clippy::print_stdout, reason = "a skipped tier is said")]

mod bombs;
mod elsewhere;
mod escapes;
mod fixtures;
mod public;
mod verdicts;

use std::path::PathBuf;
use std::sync::OnceLock;

use tripos_runners::sandbox::{Launch, Options, Sandbox, SandboxError};
use tripos_tasks::program::{Check, FunctionTests, StdioCase, StdioTests};
use tripos_tasks::{Execution, Language, Limits, Program, RunVerdict, Tests, Tier};

fn options(tier: Tier) -> Options {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sandbox_helper"));
    Options { tier: Some(tier), launch: Launch { program }, ..Options::default() }
}

/// Says whether this process runs one test and nothing beside it; where it does not, a process that
/// does is started and must succeed.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "TRIPOS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let own = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(own);
    let status = command.args([test, "--exact", "--nocapture"]).env(ALONE, "1").status();
    assert!(status.expect("it starts").success(), "`{test}` in a process of its own");
    false
}

/// The sandboxes of the tiers that work here, made once.
fn sandboxes() -> impl Iterator<Item = &'static Sandbox> {
    static OPEN: OnceLock<Vec<Sandbox>> = OnceLock::new();
    let open = OPEN.get_or_init(|| {
        let wanted = std::env::var("TRIPOS_SANDBOX_TIER").ok();
        let tiers = [Tier::Namespaces, Tier::Landlock].into_iter();
        tiers
            .filter(|t| wanted.as_ref().is_none_or(|w| *w == t.number().to_string()))
            .filter_map(open)
            .collect()
    });
    open.iter()
}

fn open(tier: Tier) -> Option<Sandbox> {
    match Sandbox::open(&options(tier)) {
        Ok(sandbox) => Some(sandbox),
        Err(error @ SandboxError::Refused { .. }) => {
            assert!(std::env::var_os("TRIPOS_REQUIRE_TIER").is_none(), "{error}");
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn program(language: Language, source: impl Into<Vec<u8>>, tests: Tests) -> Program {
    Program { language, source: source.into(), tests, limits: Limits::default() }
}

/// Cases of a program that reads and writes.
fn stdio(cases: &[(&str, &str)]) -> Tests {
    let case = |(stdin, expect): &(&str, &str)| StdioCase {
        stdin: (*stdin).to_owned(),
        expect: (*expect).to_owned(),
    };
    Tests::Stdio(StdioTests {
        cases: cases.iter().map(case).collect(),
        tolerance: None,
        judge: None,
    })
}

/// The sum of two numbers, read and written.
fn sum() -> Tests {
    stdio(&[("2 3\n", "5\n"), ("10 -4\n", "6\n")])
}

/// The sum of two numbers, called.
fn add() -> Tests {
    let test = "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-1, 1) == 0\n    \
                assert candidate(10**12, 1) == 1000000000001\n";
    function("add", Check::Candidate(test.to_owned()))
}

fn function(entry: &str, check: Check) -> Tests {
    Tests::Function(FunctionTests { entry: entry.to_owned(), prelude: String::new(), check })
}

/// The same checks, with a statement that keeps them from being read as plain calls: an interpreter runs
/// them in a cell of their own.
fn interpreted(mut tests: Tests) -> Tests {
    if let Tests::Function(tests) = &mut tests {
        match &mut tests.check {
            Check::Candidate(test) => test.push_str("\n    pass\n"),
            Check::Asserts { setup, .. } => setup.push_str("\npass\n"),
            Check::Calls(_) | Check::Beside(_) => {}
        }
    }
    tests
}

fn python(source: &str, tests: Tests) -> Program {
    program(Language::Python, source, tests)
}

#[track_caller]
fn check(sandbox: &Sandbox, program: &Program, expected: &[RunVerdict]) -> Execution {
    let execution = sandbox.execute(program);
    assert!(
        expected.contains(&execution.verdict),
        "{:?} ({}) in tier {}, not {expected:?}, for\n{}\n{}",
        execution.verdict,
        execution.detail,
        sandbox.tier().number(),
        String::from_utf8_lossy(&program.source[..program.source.len().min(2_000)]),
        String::from_utf8_lossy(&execution.output.stderr),
    );
    execution
}
