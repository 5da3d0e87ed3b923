"""The fork server: one warm interpreter that forks a locked-down cell for each job.

Code of a program under test never runs in this process. A request carries limits and descriptors and
nothing else: what is to be run is read by the cell itself. `CONFIG` is set by the line before this
file: tier, the seccomp filter, the landlock rules' descriptor, the writable folder.
"""

import ctypes
import fcntl
import gc
import mmap
import os
import resource
import select
import signal
import socket
import struct
import sys

# What programs ask for most; a cell that finds it loaded starts faster.
import array, base64, bisect, collections, copy, datetime, decimal, fractions, functools, hashlib  # noqa: E401
import heapq, io, itertools, json, math, operator, random, re, statistics, string, time, typing  # noqa: E401
import traceback, threading, types, atexit  # noqa: E401

CLONE_VM, NEWNS, NEWPID = 0x00000100, 0x00020000, 0x20000000
STACK_BYTES = 64 << 10
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SYS_CLOSE_RANGE = 436
SYS_LANDLOCK_RESTRICT_SELF = 446
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
# Where the ends of a request land in a cell, above what a program expects to find free.
LINK = 3
MEMORY_STATUS = 77

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


class CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


NO_CAPABILITIES = (ctypes.c_uint32 * 6)()
CAP_HEADER = CapHeader(0x20080522, 0)


def must(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, what + ": " + os.strerror(error))
    return result


class Server:
    """Everything a cell needs, made once."""

    def __init__(self, config):
        self.namespaces = config["tier"] == 1
        self.unsafe = config["tier"] == 0
        self.control = socket.socket(fileno=config["control"])
        self.landlock = config["landlock"]
        self.writable = config["writable"]
        self.code = ctypes.create_string_buffer(base64.b64decode(config["filter"]))
        self.own_pid_at = config["own_pid_at"]
        self.filter = Filter(len(self.code) // 8, ctypes.addressof(self.code))
        self.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if self.namespaces else -1
        # A guard waits in this process's memory, on a stack of its own, of which the top is given.
        self.memory = mmap.mmap(-1, STACK_BYTES)
        top = ctypes.addressof(ctypes.c_char.from_buffer(self.memory)) + STACK_BYTES
        self.stack = ctypes.c_void_p(top)
        # No cell may look into the memory of a guard.
        libc.prctl(PR_SET_DUMPABLE, 0)

    def serve(self):
        self.control.send(b"R")
        while True:
            message, fds, _, _ = socket.recv_fds(self.control, 4096, 8)
            if not message:
                return
            request = json.loads(message)
            try:
                if request["is_trusted"]:
                    self.start_alone(request, fds)
                else:
                    self.start(request, fds)
            except OSError as error:
                self.control.send(b"E" + str(error).encode())
            for fd in fds:
                os.close(fd)
            self.reap()

    def reap(self):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def enter(self):
        """Makes the pid namespace of the next cell; a process may do that only from its own."""
        if self.namespaces:
            must(libc.setns(self.pid_namespace, NEWPID), "setns")
            must(libc.unshare(NEWPID), "unshare")

    def answer(self, *pids):
        """Hands out handles of processes."""
        handles = [os.pidfd_open(pid) for pid in pids]
        socket.send_fds(self.control, [b"P"], handles)
        for handle in handles:
            os.close(handle)

    def start_alone(self, request, fds):
        self.enter()
        pid = os.fork()
        if pid == 0:
            try:
                self.alone(request, fds)
            finally:
                os._exit(70)
        self.answer(pid)

    def start(self, request, fds):
        """Starts a cell for a program, waits for its end and reports what it used."""
        self.enter()
        guard = self.guard() if self.namespaces else 0
        try:
            ready, confined = os.pipe()
            pid = os.fork()
            if pid == 0:
                self.program(request, fds, ready, confined)
            os.close(confined)
            self.answer(*([guard, pid] if guard else [pid]))
            self.report(fds[4], self.wait(pid, fds[4], ready))
            os.close(ready)
        finally:
            if guard:
                # The end of the first process of a namespace is the end of all others.
                os.kill(guard, signal.SIGKILL)
                os.waitpid(guard, 0)

    def report(self, to, text):
        try:
            os.write(to, text)
        except OSError:
            pass  # Nobody listens any more.

    def program(self, request, fds, ready, confined):
        """Becomes the program's process; does not come back."""
        status = 70
        try:
            os.close(ready)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if self.namespaces:
                self.mount(request)
            status = self.cell(request, fds, confined)
        except BaseException as error:
            os.write(2, repr(error).encode()[:500])
        finally:
            os._exit(status)

    def guard(self):
        """Starts the first process of the cell's namespace: it only waits, in this one's memory, and
        what is left to it is reaped by the kernel. No signal from inside the namespace reaches it."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            return must(libc.clone(libc.pause, self.stack, CLONE_VM | signal.SIGCHLD, None), "clone")
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def alone(self, request, fds):
        """Runs checks, which are trusted not to pretend: as process 1, without a second one to watch,
        and without files of their own to write."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        status = self.cell({**request, "work": "/"}, fds, fds[4])
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = round((used.ru_utime + used.ru_stime) * 1e6)
        os.write(LINK + len(fds) - 5, b'{"status": %d, "cpu_us": %d, "rss_kib": %d}' % (status << 8, cpu, used.ru_maxrss))
        os._exit(status)

    def wait(self, pid, report, ready):
        """Waits for a program, or for the other side to hang up; returns the report."""
        pidfd = os.pidfd_open(pid)
        is_confined = os.read(ready, 1) == b"1"
        if is_confined:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.register(report, select.POLLIN)
            if not any(fd == pidfd for fd, _ in poll.poll()):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        _, status, used = os.wait4(pid, 0)
        os.close(pidfd)
        if not is_confined:
            return b'{"error": "the cell could not be locked down"}'
        cpu = round((used.ru_utime + used.ru_stime) * 1e6)
        return b'{"status": %d, "cpu_us": %d, "rss_kib": %d}' % (status, cpu, used.ru_maxrss)

    def mount(self, request):
        """Gives the cell files and a /proc of its own."""
        must(libc.unshare(NEWNS), "unshare")
        options = b"mode=0755,size=%d,nr_inodes=%d" % (request["disk_bytes"], request["files"])
        writable = self.writable.encode()
        must(libc.mount(b"cell", writable, b"tmpfs", MS_NOSUID | MS_NODEV, options), "mount tmpfs")
        os.mkdir(self.writable + "/tmp", 0o777)
        os.mkdir(self.writable + "/work", 0o777)
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        must(libc.mount(b"proc", b"/proc", b"proc", flags, b"hidepid=invisible,subset=pid"), "mount proc")

    def cell(self, request, fds, confined):
        """Locks this process down and runs the job; returns its exit status."""
        libc.prctl(PR_SET_DUMPABLE, 1)
        os.setsid()
        with os.fdopen(fds[0], "rb", closefd=False) as job:
            text = job.read()
        os.chdir(request["work"])
        for number in range(3):
            os.dup2(fds[1 + number], number)
        # Up and out of the way first, then down: no number may be overwritten on the way.
        kept = [*fds[5:], confined, *([self.landlock] if self.landlock >= 0 else [])]
        kept = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in kept]
        for number, fd in enumerate(kept, LINK):
            os.dup2(fd, number)
        extras, last = LINK + len(fds) - 5, LINK + len(kept)
        libc.syscall(SYS_CLOSE_RANGE, last, ctypes.c_uint(0xFFFFFFFF), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.confine(request, last - 1)
        if confined != fds[4]:
            os.write(extras, b"1")
            os.close(extras)
        if last - 1 > extras:
            os.close(last - 1)
        return JOBS[request["kind"]](text, request)

    def confine(self, request, landlock):
        for name, value in request["rlimits"]:
            most = resource.getrlimit(name)[1]
            value = value if most < 0 else min(value, most)
            # The signal that time is up comes a second before the kill.
            hard = value + 1 if name == resource.RLIMIT_CPU and most < 0 else value
            resource.setrlimit(name, (value, hard))
        if self.unsafe:
            return
        must(libc.capset(ctypes.byref(CAP_HEADER), NO_CAPABILITIES), "capset")
        must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        must(libc.syscall(SYS_LANDLOCK_RESTRICT_SELF, landlock, 0), "landlock")
        for at in self.own_pid_at:
            struct.pack_into("<I", self.code, at, os.getpid())
        must(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(self.filter), 0, 0), "seccomp")


JOBS = {}


def main(config):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server = Server(config)
    threading.current_thread()
    gc.collect()
    gc.freeze()
    server.serve()
    os._exit(0)
