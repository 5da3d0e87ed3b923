//! What must not happen outside, whatever a program does.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use tripos_tasks::{RunVerdict, Tier};

use super::{check, python, sandboxes, stdio};

#[test]
fn nothing_can_be_written_outside_the_cell() {
    let paths = [
        "/usr/bin/tripos-planted",
        "/var/tmp/tripos-planted",
        "/root/tripos-planted",
        "/home/tripos-planted",
        "/tripos-planted",
        "/dev/tripos-planted",
        "/dev/shm/tripos-planted",
        "/etc/tripos-planted",
        "/tmp/tripos-planted",
        "/usr/lib/python3/dist-packages/sitecustomize.py",
    ];
    let source = format!(
        "import os\nn = 0\nfor p in {paths:?}:\n    try: open(p, 'w').write('x'); n += 1\n    \
         except OSError: pass\n    for f in (os.mkdir, lambda p: os.symlink('/etc', p), \
         lambda p: os.rename('main.py', p)):\n        try: f(p + '.x')\n        except OSError: pass\n\
         for f in (lambda: os.chmod('/tmp', 0o700), lambda: os.utime('/tmp'), \
         lambda: os.truncate('/etc/hostname', 0), lambda: os.unlink('/etc/hostname')):\n    \
         try: f()\n    except OSError: pass\nprint('done')"
    );
    let mode = || fs::metadata("/tmp").map(|m| (m.permissions(), m.modified().ok())).expect("/tmp");
    let before = mode().0;
    for sandbox in sandboxes() {
        check(sandbox, &python(&source, stdio(&[("", "done")])), &[RunVerdict::Pass]);
        for path in paths {
            assert!(!Path::new(path).exists(), "`{path}` was made");
            assert!(fs::symlink_metadata(format!("{path}.x")).is_err(), "`{path}.x` was made");
        }
        assert_eq!(mode().0, before);
    }
}

#[test]
fn secrets_of_the_machine_cannot_be_read() {
    let secret = tempfile::tempdir().expect("a folder");
    let file = secret.path().join("key");
    fs::write(&file, "tripos-secret").expect("written");
    let own = std::process::id();
    let source = format!(
        "import os\nfor p in ({file:?}, '/etc/shadow', '/proc/{own}/environ', '/proc/1/environ', \
         '/proc/%d/environ' % os.getppid(), '/proc/{own}/cmdline', '/proc/sys/kernel/core_pattern'):\n    \
         try: print(p, open(p).read()[:50])\n    except OSError: pass\n\
         for p in ('/root', '/home', '/tmp', '/proc'):\n    \
         try: print(p, [n for n in os.listdir(p) if n == '{own}' or 'tripos' in n or n.startswith('.')])\n    \
         except OSError: pass\nprint(dict(os.environ))"
    );
    for sandbox in sandboxes() {
        let run = check(sandbox, &python(&source, stdio(&[("", "?")])), &[RunVerdict::Fail]);
        let text = String::from_utf8_lossy(&run.output.stdout).into_owned();
        for line in text.lines() {
            let is_empty_list = line.ends_with("[]");
            let is_environment = line.starts_with('{');
            assert!(is_empty_list || is_environment, "{line}");
        }
        for name in ["CARGO", "HOME': '/root", "USER", "tripos-secret"] {
            assert!(!text.contains(name), "{text}");
        }
    }
}

#[test]
fn nothing_is_heard_over_any_network() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let name = format!("tripos-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let unix = UnixListener::bind_addr(&address).expect("a socket");
    tcp.set_nonblocking(true).expect("set");
    udp.set_nonblocking(true).expect("set");
    unix.set_nonblocking(true).expect("set");
    let source = format!(
        "import socket, ctypes\nn = 0\n\
         def t(f):\n    global n\n    try: f(); n += 1\n    except (OSError, ValueError): pass\n\
         t(lambda: socket.create_connection(('127.0.0.1', {}), 1))\n\
         t(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {})))\n\
         t(lambda: socket.socket(socket.AF_UNIX).connect('\\0{name}'))\n\
         t(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))\n\
         t(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))\n\
         t(lambda: socket.socket(40, socket.SOCK_STREAM))\n\
         libc = ctypes.CDLL(None)\nif libc.syscall(425, 8, 0) >= 0: n += 1\nprint(n)",
        tcp.local_addr().expect("bound").port(),
        udp.local_addr().expect("bound").port(),
    );
    for sandbox in sandboxes() {
        check(sandbox, &python(&source, stdio(&[("", "0")])), &[RunVerdict::Pass]);
        let nothing = |kind: ErrorKind| assert_eq!(kind, ErrorKind::WouldBlock);
        nothing(tcp.accept().expect_err("nobody came").kind());
        nothing(udp.recv(&mut [0; 8]).expect_err("nothing came").kind());
        nothing(unix.accept().expect_err("nobody came").kind());
    }
}

#[test]
fn no_process_outlives_its_verdict() {
    // The kernel keeps 15 letters of a process's name.
    let name = format!("left-{}", std::process::id());
    let source = format!(
        "import ctypes, os, sys, time\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\n\
         try:\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            \
         while True: time.sleep(1)\n        while True: time.sleep(1)\n\
         except OSError: pass\nprint(input())\nsys.stdout.flush()\n"
    );
    for sandbox in sandboxes() {
        for tail in ["", "os._exit(1)", "while True: pass", "raise SystemExit"] {
            let mut program = python(&format!("{source}{tail}"), stdio(&[("x", "x")]));
            program.limits.wall_ms = 1_000;
            sandbox.execute(&program);
            let until = Instant::now() + Duration::from_millis(100);
            while running(&name) > 0 {
                assert!(Instant::now() < until, "{} processes are left", running(&name));
            }
        }
    }
}

/// How many processes of this name run.
fn running(name: &str) -> usize {
    let is_it = |entry: &fs::DirEntry| {
        fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    fs::read_dir("/proc").expect("processes").flatten().filter(is_it).count()
}

#[test]
fn the_doors_of_the_kernel_are_shut() {
    let source = "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nopen_doors = []\n\
        def door(name, result):\n    if result >= 0: open_doors.append(name)\n\
        door('unshare', l.unshare(0x10000000))\ndoor('mount', l.mount(b'x', b'/tmp', b'tmpfs', 0, None))\n\
        door('umount', l.umount2(b'/proc', 2))\ndoor('chroot', l.chroot(b'.'))\n\
        door('ptrace', l.ptrace(16, os.getppid(), 0, 0))\ndoor('setns', l.setns(0, 0))\n\
        door('bpf', l.syscall(321, 0, 0, 0))\ndoor('perf', l.syscall(298, 0, 0, -1, -1, 0))\n\
        door('keyctl', l.syscall(250, 0, 0, 0, 0, 0))\ndoor('uffd', l.syscall(323, 0))\n\
        door('memfd', l.syscall(319, b'x', 0))\ndoor('clone3', l.syscall(435, 0, 0))\n\
        door('io_uring', l.syscall(425, 8, 0))\ndoor('shmget', l.shmget(0, 4096, 0o1600))\n\
        door('kill others', l.kill(os.getppid(), 9) if os.getppid() > 1 else -1)\n\
        door('reboot', l.reboot(0))\ndoor('sethostname', l.sethostname(b'x', 1))\nprint(open_doors)";
    for sandbox in sandboxes() {
        check(sandbox, &python(source, stdio(&[("", "[]")])), &[RunVerdict::Pass]);
    }
}

#[test]
fn the_first_process_of_a_cell_cannot_be_touched() {
    // It stands in the memory of the fork server.
    let source = "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nfound = []\n\
        buffer = ctypes.create_string_buffer(8)\n\
        vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)\n\
        if l.ptrace(16, 1, 0, 0) >= 0: found.append('ptrace')\n\
        if l.process_vm_readv(1, vector, 1, vector, 1, 0) >= 0: found.append('memory')\n\
        for name in ('mem', 'environ', 'maps', 'fd', 'root', 'exe'):\n    try:\n        \
        (os.listdir if name in ('fd', 'root') else lambda p: open(p, 'rb').read(1))('/proc/1/' + name)\n        \
        found.append(name)\n    except OSError: pass\n\
        for number in (9, 15, 19, 2, 1, 11): l.kill(1, number)\n\
        if os.fork() == 0: os._exit(0)\nos.wait()\nprint(found, os.getpid() > 1)";
    for sandbox in sandboxes().filter(|sandbox| sandbox.tier() == Tier::Namespaces) {
        for _ in 0..3 {
            let tests = stdio(&[("", "[] True"), ("", "[] True")]);
            check(sandbox, &python(source, tests), &[RunVerdict::Pass]);
        }
    }
}

#[test]
fn numbers_of_other_system_call_tables_kill() {
    // `getpid` by its x32 number, and through the 32-bit gate.
    let machine_code = ["b82700004 00f05c3".replace(' ', ""), "b814000000cd80c3".to_owned()];
    for sandbox in sandboxes() {
        for code in &machine_code {
            let source = format!(
                "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('{code}'))\n\
                 a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n\
                 print(ctypes.CFUNCTYPE(ctypes.c_long)(a)())"
            );
            let run =
                check(sandbox, &python(&source, stdio(&[("", "1")])), &[RunVerdict::RuntimeError]);
            assert!(run.detail.contains("SIGSYS"), "{}", run.detail);
        }
    }
}

#[test]
fn one_cell_leaves_nothing_for_the_next() {
    let source = "import os\nfound = []\nfor folder in ('.', '/tmp', os.environ['TMPDIR'], '/dev/shm'):\n    \
        try:\n        found += [n for n in os.listdir(folder) if n.startswith('left')]\n        \
        open(folder + '/left', 'w').write('x'); os.mkdir(folder + '/left.d')\n    except OSError: pass\nprint(found)";
    for sandbox in sandboxes() {
        for _ in 0..2 * sandbox.concurrency() {
            let run = sandbox.execute(&python(source, stdio(&[("", "[]")])));
            let text = String::from_utf8_lossy(&run.output.stdout).into_owned();
            // `/tmp` and `TMPDIR` may be one folder: what this cell made itself may be seen.
            let own = [
                "[]\n",
                "['left', 'left.d']\n",
                "['left.d', 'left']\n",
                "['left', 'left.d', 'left', 'left.d']\n",
                "['left.d', 'left', 'left.d', 'left']\n",
            ];
            assert!(own.contains(&text.as_str()), "{text}");
        }
    }
}
