//! Public data, read from beside the checkout where it is there: reference solutions pass, stubs do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex_lite::Regex;
use serde_json::Value;
use tripos_runners::sandbox::Sandbox;
use tripos_tasks::program::form::Case;
use tripos_tasks::{Execution, Program, RunVerdict};

use super::{interpreted, sandboxes};

/// Prints `HumanEval` as cases: the reference, then a stub, in turn.
const HUMAN_EVAL: &str = "import gzip, json, sys
for line in gzip.open(sys.argv[1], 'rt'):
    row = json.loads(line)
    tests = {'kind': 'function', 'entry': row['entry_point'], 'prelude': row['prompt'], 'test': row['test']}
    for body in (row['canonical_solution'], '    return None\\n'):
        print(json.dumps({'lang': 'python', 'program': row['prompt'] + body, 'tests': tests}))
";
/// Prints MBPP as cases: what the checks call is what the reference defines, and they see the modules
/// that it imports.
const MBPP: &str = "import ast, json, sys
for line in open(sys.argv[1]):
    row = json.loads(line)
    tree = ast.parse(row['code'])
    defined = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    used = {n.id for t in row['test_list'] for n in ast.walk(ast.parse(t)) if isinstance(n, ast.Name)}
    imports = [ast.unparse(n) for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    tests = {'kind': 'function', 'entry': next((d for d in defined if d in used), ''),
             'setup': '\\n'.join([*imports, row['test_setup_code']]), 'asserts': row['test_list']}
    print(json.dumps({'lang': 'python', 'program': row['code'], 'tests': tests}))
";

/// The path of a file of public data; nothing, with a reason, where it is not there.
fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let path = root.join("../shared/data/public").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("TRIPOS_REQUIRE_SHARED").is_none(), "`{}`", path.display());
    println!("skipped: there is no `{}`", path.display());
    None
}

/// Makes cases out of a file with a program of our own.
fn cases(script: &str, path: &Path) -> Vec<Case> {
    let output = Command::new("python3").args(["-I", "-c", script]).arg(path).output();
    let output = output.expect("`python3` is one of the three things the README asks for");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// Every case as its tests are written, and again with its checks run by an interpreter.
fn both_ways(cases: &[Case]) -> [Vec<Program>; 2] {
    let plain: Vec<Program> =
        cases.iter().map(|case| case.clone().program().expect("a program")).collect();
    let cells = plain.iter().cloned();
    let cells = cells.map(|program| Program { tests: interpreted(program.tests), ..program });
    [plain.clone(), cells.collect()]
}

/// Runs every case on as many threads as there are slots; returns what each came to.
fn run(sandbox: &Sandbox, programs: &[Program]) -> Vec<(RunVerdict, String)> {
    executions(sandbox, programs).into_iter().map(|run| (run.verdict, run.detail)).collect()
}

fn executions(sandbox: &Sandbox, programs: &[Program]) -> Vec<Execution> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![None; programs.len()]);
    std::thread::scope(|scope| {
        for _ in 0..sandbox.concurrency() {
            scope.spawn(|| {
                while let Some((n, program)) = {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    programs.get(n).map(|program| (n, program))
                } {
                    let run = sandbox.execute(program);
                    found.lock().expect("no test panics")[n] = Some(run);
                }
            });
        }
    });
    let found = found.into_inner().expect("no test panics");
    found.into_iter().map(|run| run.expect("every program was run")).collect()
}

#[test]
fn every_reference_of_human_eval_passes_and_no_stub_does_five_times() {
    let Some(path) = shared("humaneval/HumanEval.jsonl.gz") else { return };
    let cases = cases(HUMAN_EVAL, &path);
    assert_eq!(cases.len(), 328);
    let ways = both_ways(&cases);
    for sandbox in sandboxes() {
        for round in 0..5 {
            let found = run(sandbox, &ways[round % 2]);
            for (n, (verdict, detail)) in found.into_iter().enumerate() {
                let expected = n % 2 == 0;
                assert_eq!(verdict == RunVerdict::Pass, expected, "HumanEval/{}: {detail}", n / 2);
                assert_ne!(verdict, RunVerdict::Infra, "HumanEval/{}: {detail}", n / 2);
            }
        }
    }
}

#[test]
fn the_references_of_mbpp_pass_but_for_a_few_that_build_trees() {
    let Some(path) = shared("mbpp/mbpp.jsonl") else { return };
    let cases = cases(MBPP, &path);
    assert_eq!(cases.len(), 974);
    let ways = both_ways(&cases);
    for sandbox in sandboxes() {
        let mut verdicts = Vec::new();
        for programs in &ways {
            let found = run(sandbox, programs);
            let passed = found.iter().filter(|(verdict, _)| *verdict == RunVerdict::Pass).count();
            println!("tier {}: {passed} of {} pass", sandbox.tier().number(), cases.len());
            assert!(passed >= 971, "{passed} of {} pass", cases.len());
            verdicts.push(found.into_iter().map(|(verdict, _)| verdict).collect::<Vec<_>>());
        }
        assert_eq!(verdicts[0], verdicts[1], "both ways say the same");
    }
}

#[test]
fn every_line_of_the_hostile_collection_gets_the_verdict_it_must() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let path = root.join("../shared/data/hostile_code_dev.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        assert!(std::env::var_os("TRIPOS_REQUIRE_SHARED").is_none(), "`{}`", path.display());
        return println!("skipped: there is no `{}`", path.display());
    };
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let cases: Vec<Case> =
        lines.iter().map(|line| serde_json::from_value(line.clone()).expect("a case")).collect();
    let programs = both_ways(&cases).concat();
    let before = names_outside();
    for sandbox in sandboxes() {
        let lines = lines.iter().chain(&lines);
        for (run, line) in executions(sandbox, &programs).into_iter().zip(lines) {
            let Execution { verdict, detail, output, .. } = run;
            // In this collection a crash is a failure.
            let crashed = verdict == RunVerdict::RuntimeError;
            let name = if crashed { "fail" } else { verdict.as_str() };
            let is_expected = match &line["expected_verdict"] {
                Value::Array(names) => names.iter().any(|expected| expected == name),
                expected => expected == name,
            };
            let tier = sandbox.tier().number();
            assert!(is_expected, "{} in tier {tier}: {name}: {detail}", line["id"]);
            let Some(forbidden) = line["forbidden_output_regex"].as_str() else { continue };
            let forbidden = Regex::new(forbidden).expect("a pattern");
            for text in [&output.stdout, &output.stderr, &detail.into_bytes()] {
                let text = String::from_utf8_lossy(text);
                assert!(!forbidden.is_match(&text), "{} in tier {tier}: {text}", line["id"]);
            }
        }
        assert_eq!(names_outside(), before, "what lies outside the cells has changed");
    }
}

/// What lies where hostile programs would plant something.
fn names_outside() -> Vec<PathBuf> {
    let folders = [
        "/",
        "/etc",
        "/usr",
        "/usr/bin",
        "/usr/lib/python3",
        "/root",
        "/home",
        "/var/tmp",
        "/dev/shm",
    ];
    let names = |folder| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = folders.into_iter().flat_map(names).map(|e| e.path()).collect();
    all.sort();
    all
}
