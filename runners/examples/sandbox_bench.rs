//! What a cell costs, side by side with the plain interpreter and with a runner without isolation.
//!
//! `cargo run --release -p tripos-runners --example sandbox_bench [-- CASES]`; CASES is a file of lines as
//! `tripos grade code` reads them, functions with a `test`. Processor time is that of this process and of
//! everything it started, read from `/proc` in ticks of 10 ms.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tripos_runners::sandbox::{Options, Sandbox, helper_main, is_helper};
use tripos_tasks::program::form::Case;
use tripos_tasks::program::{StdioCase, StdioTests};
use tripos_tasks::{Language, Limits, Program, RunVerdict, Tests, Tier};

/// Cells and interpreters started for one figure.
const MANY: usize = 200;
/// What the best-known runner without isolation does for a problem (openai/human-eval,
/// `human_eval/execution.py`, in words of our own): a manager process, a list shared through it, and one
/// process that makes a folder, takes dangerous functions away, sets an alarm and runs program and checks
/// in one namespace with its streams swallowed, after which the manager is shut down; four workers, as is
/// its default.
const STAND_IN: &str = "import json, multiprocessing, sys
from concurrent.futures import ThreadPoolExecutor

def late(*_):
    raise TimeoutError

def work(text, result):
    import builtins, contextlib, faulthandler, io, os, shutil, signal, subprocess, tempfile
    folder = tempfile.mkdtemp()
    rmtree, rmdir, chdir = shutil.rmtree, os.rmdir, os.chdir
    chdir(folder)
    faulthandler.disable()
    builtins.exit = builtins.quit = None
    for name in ('kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename '
                 'renames truncate replace unlink fchmod fchown chmod chown chroot lchown getcwd').split():
        setattr(os, name, None)
    shutil.rmtree = shutil.move = shutil.chown = subprocess.Popen = None
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, 3)
            exec(text, {})
            signal.setitimer(signal.ITIMER_REAL, 0)
        result.append('passed')
    except BaseException as error:
        result.append('failed: %r' % error)
    os.rmdir, shutil.rmtree = rmdir, rmtree
    chdir('/')
    rmdir(folder)

def judge(case):
    tests = case['tests']
    text = case['program'] + '\\n' + tests['test'] + '\\ncheck(%s)' % tests['entry']
    with multiprocessing.Manager() as manager:
        result = manager.list()
        process = multiprocessing.Process(target=work, args=(text, result))
        process.start()
        process.join(4)
        if process.is_alive():
            process.kill()
        return list(result) == ['passed']

if __name__ == '__main__':
    with open(sys.argv[1]) as file:
        cases = [json.loads(line) for line in file]
    with ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(judge, cases)))
";

fn main() -> ExitCode {
    if is_helper() {
        return helper_main();
    }
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), Box<dyn Error>> {
    println!("{:<44}{:>12}{:>12}{:>10}", "", "CPU ms each", "wall ms p50", "a second");
    let python = Command::new("/usr/bin/python3").exists_or("python3");
    measure("plain `python3 -c pass`, one at a time", MANY, 1, |_| {
        let status = Command::new(&python).args(["-c", "pass"]).stdin(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    });
    for tier in [Tier::Namespaces, Tier::Landlock] {
        let options = Options { tier: Some(tier), ..Options::default() };
        let sandbox = match Sandbox::open(&options) {
            Ok(sandbox) => sandbox,
            Err(error) => {
                println!("{error}");
                continue;
            }
        };
        let name = format!("tier {}", tier.number());
        let cell = trivial();
        let run = |_| sandbox.execute(&cell).verdict == RunVerdict::Pass;
        warm(&sandbox, &cell);
        measure(&format!("{name}: one cell, one at a time"), MANY, 1, run);
        measure(
            &format!("{name}: one cell, {} at a time", sandbox.concurrency()),
            2 * MANY,
            sandbox.concurrency(),
            run,
        );
        if let Some(file) = std::env::args().nth(1) {
            problems(&sandbox, &name, &file)?;
        }
    }
    if let Some(file) = std::env::args().nth(1) {
        let count = fs::read_to_string(&file)?.lines().count();
        let (before, began) = (processor_time(), Instant::now());
        let output = Command::new(&python).args(["-c", STAND_IN, &file]).output()?;
        let (spent, took) = (processor_time().saturating_sub(before), began.elapsed());
        let passed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        line(
            &format!("no isolation, 4 workers: {passed} of {count} pass"),
            count,
            spent,
            (took, None),
        );
    }
    Ok(())
}

/// The path of a program where it is there, another name where it is not.
trait ExistsOr {
    fn exists_or(&self, other: &str) -> String;
}

impl ExistsOr for Command {
    fn exists_or(&self, other: &str) -> String {
        let path = self.get_program().to_string_lossy().into_owned();
        if fs::exists(&path).unwrap_or(false) { path } else { other.to_owned() }
    }
}

fn trivial() -> Program {
    let cases = vec![StdioCase { stdin: "2 3\n".to_owned(), expect: "5\n".to_owned() }];
    Program {
        language: Language::Python,
        source: b"a, b = map(int, input().split())\nprint(a + b)\n".to_vec(),
        tests: Tests::Stdio(StdioTests { cases, tolerance: None, judge: None }),
        limits: Limits::default(),
    }
}

/// Starts the fork servers of every slot.
fn warm(sandbox: &Sandbox, program: &Program) {
    std::thread::scope(|scope| {
        for _ in 0..sandbox.concurrency() {
            scope.spawn(|| (0..4).for_each(|_| drop(sandbox.execute(program))));
        }
    });
}

/// Runs a file of problems, warm.
fn problems(sandbox: &Sandbox, name: &str, file: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let programs: Vec<Program> = text
        .lines()
        .map(|line| Ok(serde_json::from_str::<Case>(line)?.program()?))
        .collect::<Result<_, Box<dyn Error>>>()?;
    if let Some(first) = programs.first() {
        warm(sandbox, first);
    }
    let passed = AtomicUsize::new(0);
    let run = |n: usize| {
        let is_pass = sandbox.execute(&programs[n]).verdict == RunVerdict::Pass;
        passed.fetch_add(usize::from(is_pass), Ordering::Relaxed);
        true
    };
    measure(
        &format!("{name}: {} problems", programs.len()),
        programs.len(),
        sandbox.concurrency(),
        run,
    );
    println!("    {} of {} pass", passed.into_inner(), programs.len());
    Ok(())
}

/// Does something many times on some threads and prints what it took.
fn measure(name: &str, count: usize, threads: usize, run: impl Fn(usize) -> bool + Sync) {
    let next = AtomicUsize::new(0);
    let (before, began) = (processor_time(), Instant::now());
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let work = || {
            let mut times = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return times;
                }
                let began = Instant::now();
                assert!(run(n), "{name}: number {n} failed");
                times.push(began.elapsed());
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("a worker")).collect()
    });
    let (spent, took) = (processor_time().saturating_sub(before), began.elapsed());
    times.sort_unstable();
    line(name, count, spent, (took, times.get(count / 2).copied()));
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn line(name: &str, count: usize, spent: Duration, (took, middle): (Duration, Option<Duration>)) {
    let each = spent.as_secs_f64() * 1e3 / count as f64;
    let middle = middle.map_or("-".to_owned(), |m| format!("{:.1}", m.as_secs_f64() * 1e3));
    println!("{name:<44}{each:>12.2}{middle:>12}{:>10.0}", count as f64 / took.as_secs_f64());
}

/// Processor time of this process and of all it started, the ended ones included.
fn processor_time() -> Duration {
    let mut ticks = 0;
    let mut family = vec![std::process::id().to_string()];
    while let Some(process) = family.pop() {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if let Some((_, rest)) = stat.rsplit_once(')') {
            let fields = rest.split_whitespace().skip(11).take(4);
            ticks += fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().map(str::to_owned));
        }
    }
    Duration::from_millis(ticks * 10)
}
