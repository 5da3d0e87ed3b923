//! Each verdict, each kind of tests, each language; input that is no program; broken parts.

use std::fs;

use tripos_runners::sandbox::Sandbox;
use tripos_tasks::RunVerdict::{
    CompileError, Fail, Infra, MemoryLimit, OutputLimit, Pass, RuntimeError, Timeout,
};
use tripos_tasks::program::{Call, Check, StdioTests};
use tripos_tasks::{Integrity, Language, Limits, RunVerdict, Tests, Tier};

use super::{add, check, function, is_alone, options, program, python, sandboxes, stdio, sum};

/// The sum of two numbers in each language that is compiled or interpreted once a program.
const SUMS: [(Language, &str); 6] = [
    (
        Language::C,
        "#include <stdio.h>\nint main(void){int a,b;scanf(\"%d %d\",&a,&b);printf(\"%d\\n\",a+b);}",
    ),
    (
        Language::Cpp,
        "#include <iostream>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b<<std::endl;}",
    ),
    (
        Language::Rust,
        "fn main(){let mut s=String::new();std::io::stdin().read_line(&mut s).unwrap();\
         println!(\"{}\",s.split_whitespace().map(|x|x.parse::<i64>().unwrap()).sum::<i64>());}",
    ),
    (
        Language::JavaScript,
        "const [a,b]=require('fs').readFileSync(0,'utf8').trim().split(/\\s+/).map(Number);\
         console.log(a+b);",
    ),
    (
        Language::Go,
        "package main\nimport \"fmt\"\nfunc main(){var a,b int;fmt.Scan(&a,&b);fmt.Println(a+b)}",
    ),
    (Language::Shell, "read a b\necho $((a + b))\n"),
];

#[test]
fn every_language_passes_with_the_right_program_or_is_not_measured_at_all() {
    for sandbox in sandboxes() {
        for (language, source) in SUMS {
            let is_here = sandbox.tool(language).is_ok();
            let expected = if is_here { Pass } else { Infra };
            let run = check(sandbox, &program(language, source, sum()), &[expected]);
            if !is_here {
                assert!(run.detail.contains("is not installed"), "{}", run.detail);
                // Rust is here, but where a cell of another user may not reach it.
                let is_required = std::env::var_os("TRIPOS_REQUIRE_LANGUAGES").is_some();
                assert!(!is_required || language == Language::Rust, "{}", run.detail);
                println!("skipped: {}", run.detail);
            }
        }
    }
}

#[test]
fn a_program_that_does_not_compile_says_where() {
    for sandbox in sandboxes() {
        let c = program(Language::C, "int main(void){return x;}", sum());
        let run = check(sandbox, &c, &[CompileError]);
        assert!(run.detail.contains("main.c:1"), "{}", run.detail);
        let run = check(sandbox, &python("a b", sum()), &[CompileError]);
        assert!(run.detail.contains("SyntaxError"), "{}", run.detail);
        check(sandbox, &python("def add(", add()), &[CompileError]);
    }
}

#[test]
fn wrong_crashed_slow_and_loud_programs_are_told_apart() {
    for sandbox in sandboxes() {
        check(sandbox, &python("print(4)", sum()), &[Fail]);
        check(sandbox, &python("1 / 0", sum()), &[RuntimeError]);
        check(sandbox, &python("import os\nos.abort()", sum()), &[RuntimeError]);
        check(sandbox, &python("while True: print('x' * 9999)", sum()), &[OutputLimit]);
        check(sandbox, &python("x = [1]\nwhile True: x = x + x", sum()), &[MemoryLimit]);
        let mut slow = python("while True: pass", sum());
        slow.limits = Limits { wall_ms: 1_500, cpu_ms: 1_000, ..Limits::default() };
        check(sandbox, &slow, &[Timeout]);
        slow.source = b"def add(a, b):\n    while True: pass\n".to_vec();
        slow.tests = add();
        check(sandbox, &slow, &[Timeout]);
        let c = "int main(void){int *p=0;return *p;}";
        check(sandbox, &program(Language::C, c, sum()), &[RuntimeError]);
    }
}

#[test]
fn what_is_no_program_gets_a_verdict() {
    let long = format!("{}print(sum(map(int, input().split())))", "# x\n".repeat(300_000));
    let cases: [(&[u8], RunVerdict); 4] = [
        (b"", Fail),
        (b"\xff\xfe\x00", CompileError),
        (b"print(1)\x00print(2)", CompileError),
        (long.as_bytes(), Pass),
    ];
    for sandbox in sandboxes() {
        for (source, expected) in cases {
            check(sandbox, &program(Language::Python, source, sum()), &[expected]);
        }
        check(sandbox, &python("", add()), &[Fail]);
        check(sandbox, &program(Language::C, b"\xff\xfe".to_vec(), sum()), &[CompileError]);
    }
}

#[test]
fn plain_calls_are_compared_outside() {
    let calls = |calls: &[(&str, &str)]| {
        let call = |(arguments, expected): &(&str, &str)| Call {
            arguments: (*arguments).to_owned(),
            expected: (*expected).to_owned(),
            tolerance: None,
        };
        function("f", Check::Calls(calls.iter().map(call).collect()))
    };
    let source = "def f(x, y=0):\n    return {x: (y, [None, True, 2**80])}\n";
    let right = calls(&[("['a', 1.0]", "{'a': (1, [None, True, 1208925819614629174706176])}")]);
    let wrong = calls(&[("['a']", "{'a': [0, [None, True, 1208925819614629174706176]]}")]);
    for sandbox in sandboxes() {
        check(sandbox, &python(source, right.clone()), &[Pass]);
        let run = check(sandbox, &python(source, wrong.clone()), &[Fail]);
        assert!(run.detail.contains("call 1 of 1"), "{}", run.detail);
        check(sandbox, &python("def f(x): raise KeyError", wrong.clone()), &[Fail]);
        check(sandbox, &python("raise SystemExit", right.clone()), &[RuntimeError]);
        let lie = "class E:\n    def __eq__(s, o): return True\ndef f(*a): return E()";
        check(sandbox, &python(lie, right.clone()), &[Fail]);
        check(sandbox, &python(source, calls(&[("f()", "1")])), &[Infra]);
    }
}

#[test]
fn asserts_find_the_functions_they_name_and_objects_come_back_as_themselves() {
    let check_of = |setup: &str, asserts: &[&str]| Check::Asserts {
        setup: setup.to_owned(),
        asserts: asserts.iter().map(|text| (*text).to_owned()).collect(),
    };
    let pair = "class Pair:\n    def __init__(self, a, b): self.a, self.b = a, b\n\
                def total(pairs): return sum(p.a + p.b for p in pairs)\n";
    let tests = function("", check_of("", &["assert total([Pair(1, 2), Pair(3, 4)]) == 10"]));
    let shadow = function("sum", check_of("import math", &["assert sum(1, 2) == math.floor(3.5)"]));
    for sandbox in sandboxes() {
        check(sandbox, &python(pair, tests.clone()), &[Pass]);
        check(sandbox, &python("def total(x): return 9", tests.clone()), &[RuntimeError, Fail]);
        check(sandbox, &python("def sum(a, b): return a + b", shadow.clone()), &[Pass]);
        check(sandbox, &python("def sum(a, b): return a", shadow.clone()), &[Fail]);
    }
}

#[test]
fn checks_beside_the_program_are_marked_and_have_a_negative_control() {
    let test = "assert A().x == 1\n";
    let unit = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self):\n        \
                self.assertEqual(A().x, 1)\n";
    let right = "class A:\n    x = 1\n";
    let lie = "class E:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n\
               class A:\n    x = E()\n";
    for sandbox in sandboxes() {
        for test in [test, unit] {
            let tests = || function("", Check::Beside(test.to_owned()));
            let run = check(sandbox, &python(right, tests()), &[Pass]);
            assert_eq!(run.integrity, Integrity::InProcess);
            for cheat in [
                lie,
                "class A:\n    x = 2\n",
                "import os\nos._exit(0)",
                "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\nclass A: x = 0\n",
                "import builtins\nbuiltins.AssertionError = SystemExit\nclass A: x = 0\n",
            ] {
                check(sandbox, &python(cheat, tests()), &[Fail, RuntimeError]);
            }
        }
    }
}

#[test]
fn a_judge_of_the_task_decides_where_there_is_one() {
    let judge = "import sys\nwords = open(sys.argv[2]).read().split()\n\
                 sys.exit(0 if len(words) == 2 and sum(map(int, words)) == int(open(sys.argv[3]).read()) else 1)";
    let tests = |judge: &str| {
        let Tests::Stdio(tests) = stdio(&[("", "5")]) else { unreachable!("made so") };
        Tests::Stdio(StdioTests { judge: Some(judge.to_owned()), ..tests })
    };
    for sandbox in sandboxes() {
        check(sandbox, &python("print(2, 3)", tests(judge)), &[Pass]);
        check(sandbox, &python("print(1, 4)", tests(judge)), &[Pass]);
        check(sandbox, &python("print(1, 5)", tests(judge)), &[Fail]);
        check(sandbox, &python("print(5)", tests(judge)), &[Fail]);
        // An output that a judge stumbles over is not accepted; a judge that is no program is broken.
        let run = check(sandbox, &python("print('x', 'y')", tests(judge)), &[Fail]);
        assert!(run.detail.contains("ValueError"), "{}", run.detail);
        check(sandbox, &python("print(2, 3)", tests("import")), &[Infra]);
    }
}

#[test]
fn a_dead_fork_server_is_replaced_and_the_program_run_once_more() {
    // Fork servers of other tests would be killed too.
    if !is_alone("verdicts::a_dead_fork_server_is_replaced_and_the_program_run_once_more") {
        return;
    }
    for sandbox in sandboxes() {
        let mut options = options(sandbox.tier());
        options.slots = Some(1);
        let sandbox = Sandbox::open(&options).expect("it opened before");
        let right = python("def add(a, b): return a + b", add());
        check(&sandbox, &right, &[Pass]);
        let killed = kill_helpers();
        assert!(killed >= 2, "{killed} fork servers were running");
        check(&sandbox, &right, &[Pass]);
        check(&sandbox, &python("print(sum(map(int, input().split())))", sum()), &[Pass]);
        // In the middle of a program too.
        let slow =
            python("import time\ndef add(a, b):\n    time.sleep(1)\n    return a + b", add());
        std::thread::scope(|scope| {
            let run = scope.spawn(|| check(&sandbox, &slow, &[Pass]));
            while kill_helpers() == 0 {
                std::thread::yield_now();
            }
            run.join().expect("a verdict");
        });
    }
}

#[test]
fn no_program_can_make_itself_unmeasured() {
    let twice = "def check(c):\n    x = c(2)\n    assert c(x) == 4\n";
    let square =
        "def check(c):\n    x = c(2)\n    while x in x[1:]: pass\n    assert len(x) == 1\n";
    let cases = [
        // Half a character in a message, and in a value.
        (twice, "def f(x): raise ValueError('\\ud800\\x1b[31m')"),
        (twice, "def f(x): return '\\ud800'"),
        // A result that cannot be handed back.
        (
            twice,
            "import os, struct\ndef f(x):\n    if x != 2: return 4\n    \
             body = b'{\"r\":[' + b'0,' * 2_000_000 + b'0],\"m\":[]}'\n    \
             body = struct.pack('>I', len(body)) + body\n    \
             while body: body = body[os.write(3, body):]\n    os.read(3, 1 << 20)\n",
        ),
        (twice, "def f(x):\n    y = []\n    for _ in range(199): y = [y]\n    return y"),
        // A result over which the checks run out of time.
        (square, "def f(x):\n    class L(list): pass\n    return [[0] * 9] * 90_000"),
        (twice, "def f(x): raise ModuleNotFoundError('x')"),
    ];
    for sandbox in sandboxes() {
        for (test, source) in cases {
            let mut program = python(source, function("f", Check::Candidate(test.to_owned())));
            program.limits = Limits { wall_ms: 3_000, cpu_ms: 1_000, ..Limits::default() };
            check(sandbox, &program, &[Fail, Timeout, RuntimeError]);
        }
    }
}

#[test]
fn checks_that_need_what_is_not_here_are_not_measured() {
    let test = "import no_such_module\ndef check(c):\n    assert c(1) == 1\n";
    let tests = function("f", Check::Candidate(test.to_owned()));
    for sandbox in sandboxes() {
        let run = check(sandbox, &python("def f(x): return x", tests.clone()), &[Infra]);
        assert!(run.detail.contains("no_such_module"), "{}", run.detail);
    }
}

#[test]
fn a_time_out_without_work_is_run_again_before_it_counts() {
    for sandbox in sandboxes() {
        let mut idle = python("import time\ntime.sleep(100)", sum());
        idle.limits.wall_ms = 300;
        let began = std::time::Instant::now();
        check(sandbox, &idle, &[Timeout]);
        assert!(began.elapsed() >= 2 * idle.limits.wall());
    }
}

/// Kills the fork servers among the descendants of the newest sandbox of this process.
fn kill_helpers() -> usize {
    let own = std::process::id().to_string();
    let mut killed = 0;
    let mut family = vec![own];
    while let Some(parent) = family.pop() {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace() {
                let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
                if name.starts_with("python") {
                    let status = std::process::Command::new("kill").args(["-9", child]).status();
                    killed += usize::from(status.is_ok_and(|status| status.success()));
                } else {
                    family.push(child.to_owned());
                }
            }
        }
    }
    killed
}

#[test]
fn without_isolation_every_verdict_says_so() {
    let sandbox = Sandbox::open(&options(Tier::Unsafe)).expect("nothing is asked of the machine");
    let run = check(&sandbox, &python("print(sum(map(int, input().split())))", sum()), &[Pass]);
    assert_eq!(run.tier, Tier::Unsafe);
    check(&sandbox, &python("def add(a, b): return a + b", add()), &[Pass]);
    check(&sandbox, &python("def add(a, b): return a - b", add()), &[Fail]);
}
