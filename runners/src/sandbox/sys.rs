//! The system calls that have no safe wrapper, each behind one: the only `unsafe` of the sandbox.
#![expect(unsafe_code, reason = "system calls; each block says why it is sound")]

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{ForkResult, Pid};

use super::setup::Report;

/// Takes a number from the system: negative ones are errors.
fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Forks a process that has one thread.
pub(super) fn fork() -> io::Result<ForkResult> {
    // SAFETY: helpers have one thread, so the child may do whatever the parent could.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// Takes over the socket that a helper is started with.
pub(super) fn standard_input() -> OwnedFd {
    // SAFETY: whoever started the helper made descriptor 0 its socket, and nothing else uses it.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// Takes over descriptors that the kernel made in a call which hands out their numbers.
pub(super) fn received(numbers: Vec<RawFd>) -> Vec<OwnedFd> {
    // SAFETY: the kernel made them for this process and nobody else knows them.
    numbers.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}

/// Gives a descriptor a second number that survives `execve`. The number must be nobody's.
pub(super) fn duplicate_to(fd: &OwnedFd, number: RawFd) -> io::Result<()> {
    // SAFETY: the call takes numbers; what the second one meant before, its only user gives up.
    checked(unsafe { libc::dup2(fd.as_raw_fd(), number) }.into())?;
    // SAFETY: the number was made in the line above.
    let made = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(made, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// Ends this process at once, without running what its parent registered.
pub(super) fn exit_now(status: i32) -> ! {
    // SAFETY: the call does not come back.
    unsafe { libc::_exit(status) }
}

/// Gives the program that comes next the signals it expects: none ignored, none blocked.
pub(super) fn reset_signals() {
    // SAFETY: the default action needs no handler, and the set lives through both calls.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none = zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Waits for a child and says how it ended and what it used.
pub(super) fn wait(child: Pid) -> io::Result<Report> {
    let mut status = 0;
    // SAFETY: zeroes are a valid `rusage`, and both pointers live through the call.
    let (waited, used) = unsafe {
        let mut used = zeroed::<libc::rusage>();
        (libc::wait4(child.as_raw(), &raw mut status, 0, &raw mut used), used)
    };
    checked(waited.into())?;
    let us = |t: libc::timeval| u64::try_from(t.tv_sec * 1_000_000 + t.tv_usec).unwrap_or(0);
    let cpu_us = us(used.ru_utime) + us(used.ru_stime);
    let rss_kib = u64::try_from(used.ru_maxrss).unwrap_or(0);
    Ok(Report { status, cpu_us, rss_kib, error: None })
}

/// Opens a handle on a child that is not reaped yet.
pub(super) fn open_process(child: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only and makes a descriptor for this process.
    let fd = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) })?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel made it in the call above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Kills the process behind a handle; one that has ended cannot be killed again.
pub(super) fn kill(process: &OwnedFd) {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes numbers and a null pointer.
    unsafe {
        let fd = process.as_raw_fd();
        libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, no_info, 0);
    }
}

/// Lowers a limit of this process to `value`, or to what it may have at most.
pub(super) fn limit(resource: u32, value: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a limit that lives through the call.
    checked(unsafe { libc::getrlimit(resource, &raw mut limit) }.into())?;
    limit.rlim_cur = limit.rlim_max.min(value);
    // The signal that processor time is up comes a second before the kill.
    let hard = if resource == libc::RLIMIT_CPU { value + 1 } else { value };
    limit.rlim_max = limit.rlim_max.min(hard);
    // SAFETY: as above.
    checked(unsafe { libc::setrlimit(resource, &raw const limit) }.into())?;
    Ok(())
}

/// Sets a property of this process that takes two numbers.
pub(super) fn prctl(option: i32, first: libc::c_ulong, second: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the options used here take numbers only.
    checked(unsafe { libc::prctl(option, first, second, 0, 0) }.into())?;
    Ok(())
}

/// Sets the effective, permitted and inheritable capabilities of this process.
pub(super) fn set_capabilities(set: u64) -> io::Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3`.
    const VERSION: u32 = 0x2008_0522;
    let header = [VERSION, 0];
    let low = u32::try_from(set & 0xFFFF_FFFF).expect("masked");
    let high = u32::try_from(set >> 32).expect("shifted");
    let sets = [low, low, low, high, high, high];
    // SAFETY: both arrays have the layout of `capset(2)`, version 3.
    checked(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) })?;
    Ok(())
}

/// Returns the version of landlock that the kernel offers; 0 where it offers none.
pub(super) fn landlock_version() -> i64 {
    // SAFETY: with this flag the call reads no memory and makes nothing.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0_usize, 0_usize, 1_u32) }.max(0)
}

/// Puts this process, and all it starts, under landlock rules for good.
pub(super) fn enforce(rules: &OwnedFd) -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    checked(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) })?;
    Ok(())
}

/// Puts this process, and all it starts, under a system call filter for good.
pub(super) fn install(filter: &mut [u8]) -> io::Result<()> {
    let length = u16::try_from(filter.len() / 8).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr().cast() };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the program lives through the call, which copies it; its bytes are whole instructions.
    checked(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) }.into())?;
    Ok(())
}

/// Makes a mount and everything under it read-only, without set-uid programs and devices.
pub(super) fn make_read_only(path: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let wanted = libc::mount_attr { attr_set: flags, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = size_of::<libc::mount_attr>();
    let (call, here) = (libc::SYS_mount_setattr, libc::AT_FDCWD);
    let deep = libc::AT_RECURSIVE;
    // SAFETY: path and attributes live through the call, and the size is theirs.
    checked(unsafe { libc::syscall(call, here, path.as_ptr(), deep, &raw const wanted, size) })?;
    Ok(())
}
