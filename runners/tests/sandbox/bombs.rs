//! Programs that take all they can get: they are stopped in time, and the harness stays small.

use std::fs;
use std::time::Duration;

use tripos_tasks::RunVerdict::{
    CompileError, Fail, MemoryLimit, OutputLimit, Pass, RuntimeError, Timeout,
};
use tripos_tasks::{Language, RunVerdict, Tier};

use super::{check, is_alone, program, python, sandboxes, sum};

const MIB: u64 = 1 << 20;
/// How much the harness may grow over all bombs.
const GROWTH_MAX: u64 = 64 * MIB;
/// How far over its limit a program may run here, beside other tests; `sandbox_bench` shows what it is.
const OVERRUN_MAX: Duration = Duration::from_secs(1);

const BOMBS: [(Language, &str); 18] = [
    (Language::Python, "x = []\nwhile True: x.append(bytearray(b'x' * (16 << 20)))"),
    (
        Language::Python,
        "import os\nfor _ in range(30):\n    if os.fork() == 0: break\nx = []\n\
        while True:\n    try: x.append(b'x' * (8 << 20))\n    except MemoryError: pass",
    ),
    (Language::Python, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
    (
        Language::Python,
        "import threading, time\nwhile True:\n    \
        try: threading.Thread(target=time.sleep, args=(60,)).start()\n    except RuntimeError: pass",
    ),
    (Language::Python, "import sys\nwhile True: sys.stderr.write('A' * 65536)"),
    (Language::Python, "import os\nwhile True: os.write(1, b'A' * (1 << 20))"),
    (
        Language::Python,
        "n = 0\nwhile True:\n    open('/tmp/f%d' % n, 'wb').write(b'x' * (16 << 20)); n += 1",
    ),
    (Language::Python, "n = 0\nwhile True:\n    open('/tmp/f%d' % n, 'w'); n += 1"),
    (Language::Python, "import os\nwhile True: os.mkdir('d'); os.chdir('d')"),
    (Language::Python, "import os\nkept = []\nwhile True: kept.append(os.pipe())"),
    (Language::Python, "import mmap\nkept = [mmap.mmap(-1, 1 << 30) for _ in range(1000)]"),
    (Language::Python, "import time\ntime.sleep(1000)"),
    (
        Language::Python,
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    ),
    (Language::Python, "import os\nos.close(0); os.close(1); os.close(2)\nwhile True: pass"),
    (Language::Python, "9 ** 9 ** 9"),
    (Language::Python, "import re\nre.match('(a+)+b', 'a' * 99)"),
    (Language::C, "int a[1 << 28];int main(void){for(;;)for(int i=0;i<1<<28;i+=1024)a[i]++;}"),
    (Language::Shell, "b() { b | b & }; b; while :; do :; done"),
];

#[test]
fn the_kernel_bounds_the_memory_of_many_processes_where_groups_can_be_made() {
    let source = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = b'x' * (40 << 20)\n        \
                  time.sleep(2)\n        os._exit(0)\nfor _ in range(8): os.wait()\n\
                  print(sum(map(int, input().split())))";
    for sandbox in sandboxes().filter(|sandbox| sandbox.tier() == Tier::Namespaces) {
        if !sandbox.probe().has_control_groups {
            println!("skipped: no control group was delegated to these tests");
            continue;
        }
        let mut many = python(source, sum());
        for (memory, expected) in [(256 * MIB, MemoryLimit), (1_024 * MIB, Pass)] {
            many.limits.memory_bytes = memory;
            check(sandbox, &many, &[expected]);
        }
        // What was killed in one cell counts in no other.
        check(sandbox, &python("print(sum(map(int, input().split())))", sum()), &[Pass]);
        println!("control groups bound the memory of a cell");
    }
}

#[test]
fn bombs_are_stopped_and_the_harness_stays_small() {
    // What other tests hold would be counted too.
    if !is_alone("bombs::bombs_are_stopped_and_the_harness_stays_small") {
        return;
    }
    for sandbox in sandboxes() {
        // Whatever is made once is made before the measurement.
        check(sandbox, &python("print(sum(map(int, input().split())))", sum()), &[Pass]);
        let before = resident();
        for (language, source) in BOMBS {
            let mut bomb = program(language, source, sum());
            bomb.limits.wall_ms = 1_000;
            bomb.limits.cpu_ms = 1_000;
            bomb.limits.memory_bytes = 512 * MIB;
            let expected: &[RunVerdict] =
                &[Fail, RuntimeError, Timeout, MemoryLimit, OutputLimit, CompileError];
            check(sandbox, &bomb, expected);
        }
        let grown = resident().saturating_sub(before);
        println!(
            "tier {}: {} KiB more after {} bombs",
            sandbox.tier().number(),
            grown >> 10,
            BOMBS.len()
        );
        assert!(grown <= GROWTH_MAX, "{} MiB more", grown / MIB);
        check(sandbox, &python("print(sum(map(int, input().split())))", sum()), &[Pass]);
    }
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("this process");
    let pages: u64 = text.split_whitespace().nth(1).expect("a field").parse().expect("a number");
    pages * 4_096
}

#[test]
fn a_time_out_overruns_little() {
    for sandbox in sandboxes() {
        for source in [
            "while True: pass",
            "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    \
             except (OSError, ValueError): pass\nwhile True: pass",
        ] {
            let mut slow = python(source, sum());
            slow.limits.wall_ms = 500;
            // Never reached: the clock is what is tested.
            slow.limits.cpu_ms = 600;
            // The best of a few: other tests run beside this one.
            let overruns = (0..3).map(|_| {
                let run = check(sandbox, &slow, &[Timeout]);
                run.wall.saturating_sub(slow.limits.wall())
            });
            let least = overruns.min().expect("three runs");
            println!("tier {}: {least:?} over the limit", sandbox.tier().number());
            assert!(least <= OVERRUN_MAX, "{least:?} over the limit");
        }
    }
}
