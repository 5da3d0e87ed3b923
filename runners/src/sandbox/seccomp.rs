//! The system calls a cell may not make, as a classic BPF program.
//!
//! A deny list with the holes of deny lists closed: another architecture's numbers and the x32 numbers
//! kill the process, and `clone3`, whose flags a filter cannot read, answers that it does not exist.
//! Sources: `seccomp(2)`, `include/uapi/linux/{filter,seccomp,audit}.h`.

use libc::{EACCES, EAGAIN, ENOSYS, EPERM, c_long};

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xC000_00B7;
/// The first number of the x32 calls.
const X32: u32 = 0x4000_0000;

const RET_KILL: u32 = 0x8000_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_ALLOW: u32 = 0x7FFF_0000;
const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Where in `struct seccomp_data` things stand; arguments are eight bytes, low half first.
const AT_NUMBER: u32 = 0;
const AT_ARCH: u32 = 4;
const fn low_half(argument: u32) -> u32 {
    16 + 8 * argument
}

/// Every flag of `clone` that makes a namespace.
const CLONE_NEW: u32 = 0x7E02_0000;
const CLONE_THREAD: u32 = 0x0001_0000;

/// What no cell needs: the kernel's own doors, other processes' memory, kernel objects that hold
/// memory outside any process.
#[rustfmt::skip]
const DENIED: &[(c_long, i32)] = &[
    (libc::SYS_mount, EPERM), (libc::SYS_umount2, EPERM), (libc::SYS_pivot_root, EPERM),
    (libc::SYS_chroot, EPERM), (libc::SYS_unshare, EPERM), (libc::SYS_setns, EPERM),
    (libc::SYS_fsopen, EPERM), (libc::SYS_fsconfig, EPERM), (libc::SYS_fsmount, EPERM),
    (libc::SYS_fspick, EPERM), (libc::SYS_move_mount, EPERM), (libc::SYS_open_tree, EPERM),
    (libc::SYS_mount_setattr, EPERM), (libc::SYS_swapon, EPERM), (libc::SYS_swapoff, EPERM),
    (libc::SYS_reboot, EPERM), (libc::SYS_sethostname, EPERM), (libc::SYS_setdomainname, EPERM),
    (libc::SYS_init_module, EPERM), (libc::SYS_finit_module, EPERM), (libc::SYS_delete_module, EPERM),
    (libc::SYS_kexec_load, EPERM), (libc::SYS_acct, EPERM), (libc::SYS_quotactl, EPERM),
    (libc::SYS_settimeofday, EPERM), (libc::SYS_clock_settime, EPERM), (libc::SYS_adjtimex, EPERM),
    (libc::SYS_clock_adjtime, EPERM), (libc::SYS_syslog, EPERM), (libc::SYS_vhangup, EPERM),
    (libc::SYS_ptrace, EPERM), (libc::SYS_process_vm_readv, EPERM), (libc::SYS_process_vm_writev, EPERM),
    (libc::SYS_process_madvise, EPERM), (libc::SYS_kcmp, EPERM), (libc::SYS_pidfd_getfd, EPERM),
    (libc::SYS_move_pages, EPERM), (libc::SYS_migrate_pages, EPERM),
    (libc::SYS_bpf, EPERM), (libc::SYS_perf_event_open, EPERM), (libc::SYS_userfaultfd, EPERM),
    (libc::SYS_add_key, EPERM), (libc::SYS_request_key, EPERM), (libc::SYS_keyctl, EPERM),
    (libc::SYS_name_to_handle_at, EPERM), (libc::SYS_open_by_handle_at, EPERM),
    (libc::SYS_fanotify_init, EPERM), (libc::SYS_fanotify_mark, EPERM),
    (libc::SYS_io_uring_setup, ENOSYS), (libc::SYS_io_uring_enter, ENOSYS),
    (libc::SYS_io_uring_register, ENOSYS), (libc::SYS_io_setup, ENOSYS),
    (libc::SYS_memfd_create, ENOSYS), (libc::SYS_memfd_secret, ENOSYS),
    (libc::SYS_shmget, ENOSYS), (libc::SYS_msgget, ENOSYS), (libc::SYS_semget, ENOSYS),
    (libc::SYS_mq_open, ENOSYS), (libc::SYS_clone3, ENOSYS),
];
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const DENIED_HERE: &[(c_long, i32)] = &[
    (libc::SYS_iopl, EPERM), (libc::SYS_ioperm, EPERM), (libc::SYS_modify_ldt, EPERM),
    (libc::SYS_kexec_file_load, EPERM),
];
#[cfg(target_arch = "aarch64")]
const DENIED_HERE: &[(c_long, i32)] = &[(libc::SYS_kexec_file_load, EPERM)];

/// What a cell without namespaces shares with the machine: files' modes and owners, other processes'
/// limits and priorities, descriptors of processes.
#[rustfmt::skip]
const DENIED_UNNAMED: &[(c_long, i32)] = &[
    (libc::SYS_fchmod, EPERM), (libc::SYS_fchmodat, EPERM), (452, EPERM), // fchmodat2
    (libc::SYS_fchown, EPERM), (libc::SYS_fchownat, EPERM), (libc::SYS_utimensat, EPERM),
    (libc::SYS_setxattr, EPERM), (libc::SYS_lsetxattr, EPERM), (libc::SYS_fsetxattr, EPERM),
    (libc::SYS_removexattr, EPERM), (libc::SYS_lremovexattr, EPERM), (libc::SYS_fremovexattr, EPERM),
    (libc::SYS_setpriority, EPERM), (libc::SYS_ioprio_set, EPERM), (libc::SYS_sched_setscheduler, EPERM),
    (libc::SYS_sched_setparam, EPERM), (libc::SYS_sched_setattr, EPERM), (libc::SYS_sched_setaffinity, EPERM),
    (libc::SYS_tkill, EPERM), (libc::SYS_pidfd_open, EPERM), (libc::SYS_pidfd_send_signal, EPERM),
    (libc::SYS_process_mrelease, EPERM), (libc::SYS_socket, EACCES),
];
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const DENIED_UNNAMED_HERE: &[(c_long, i32)] = &[
    (libc::SYS_chmod, EPERM), (libc::SYS_chown, EPERM), (libc::SYS_lchown, EPERM),
    (libc::SYS_utime, EPERM), (libc::SYS_utimes, EPERM), (libc::SYS_futimesat, EPERM),
];
#[cfg(target_arch = "aarch64")]
const DENIED_UNNAMED_HERE: &[(c_long, i32)] = &[];

/// The calls whose first argument must be the caller's own process where there is no namespace.
const OWN_PROCESS: [c_long; 4] =
    [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];
/// `ioctl`s that type into a terminal or direct signals.
const IOCTLS: [u32; 4] = [0x5412, 0x541C, 0x8901, 0x8902];
/// `fcntl`s that direct signals: `F_SETOWN`, `F_SETSIG`, `F_SETOWN_EX`.
const FCNTLS: [u32; 3] = [8, 10, 15];
const PR_SET_PDEATHSIG: u32 = 1;
const AF_UNIX: u32 = 1;

/// What a cell may do besides computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// The cell has namespaces: it may start processes and talk over its own local sockets.
    Namespaces,
    /// The cell shares the machine's: one process, no socket at all.
    OneProcess,
    /// The cell shares the machine's and a compiler runs in it, which starts its parts as processes.
    Compiler,
}

/// A filter and the places in it where the process that installs it writes its own number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// `struct sock_filter`s, as the kernel takes them.
    pub(super) code: Vec<u8>,
    /// Offsets of four bytes each.
    pub(super) own_pid_at: Vec<usize>,
}

/// Builds the filter of a profile.
pub(super) fn filter(profile: Profile) -> Filter {
    let mut filter = Filter::default();
    filter.load(AT_ARCH);
    filter.unless(JUMP_EQUAL, NATIVE, RET_KILL);
    filter.load(AT_NUMBER);
    if cfg!(target_arch = "x86_64") {
        filter.when(JUMP_AT_LEAST, X32, RET_KILL);
    }
    for (number, errno) in DENIED.iter().chain(DENIED_HERE) {
        filter.deny(*number, *errno);
    }
    filter.argument(libc::SYS_clone, 0, |f| f.when(JUMP_ANY_BIT, CLONE_NEW, errno(EPERM)));
    filter.argument(libc::SYS_ioctl, 1, |f| {
        for request in IOCTLS {
            f.when(JUMP_EQUAL, request, errno(EPERM));
        }
    });
    if profile == Profile::Namespaces {
        filter.argument(libc::SYS_socket, 0, |f| f.unless(JUMP_EQUAL, AF_UNIX, errno(EACCES)));
    } else {
        filter.shared_machine(profile);
    }
    filter.push(RETURN, 0, 0, RET_ALLOW);
    filter
}

const fn errno(number: i32) -> u32 {
    RET_ERRNO | number.unsigned_abs()
}

impl Filter {
    /// What stands in for namespaces.
    fn shared_machine(&mut self, profile: Profile) {
        for (number, error) in DENIED_UNNAMED.iter().chain(DENIED_UNNAMED_HERE) {
            // A compiler's parts set the modes of what they write.
            let is_mode = [libc::SYS_fchmod, libc::SYS_fchmodat, 452].contains(number);
            #[cfg(target_arch = "x86_64")]
            let is_mode = is_mode || *number == libc::SYS_chmod;
            if !(is_mode && profile == Profile::Compiler) {
                self.deny(*number, *error);
            }
        }
        if profile == Profile::OneProcess {
            self.argument(libc::SYS_clone, 0, |f| {
                f.unless(JUMP_ANY_BIT, CLONE_THREAD, errno(EAGAIN));
            });
            #[cfg(target_arch = "x86_64")]
            for number in [libc::SYS_fork, libc::SYS_vfork] {
                self.deny(number, EAGAIN);
            }
        }
        for number in OWN_PROCESS {
            self.argument(number, 0, Self::unless_own_process);
        }
        self.argument(libc::SYS_prlimit64, 0, |f| {
            // 0 is the caller: skip the comparison with its number.
            f.push(JUMP_EQUAL, 2, 0, 0);
            f.unless_own_process();
        });
        self.argument(libc::SYS_fcntl, 1, |f| {
            for command in FCNTLS {
                f.when(JUMP_EQUAL, command, errno(EPERM));
            }
        });
        self.argument(libc::SYS_prctl, 0, |f| f.when(JUMP_EQUAL, PR_SET_PDEATHSIG, errno(EPERM)));
    }

    fn push(&mut self, code: u16, if_true: u8, if_false: u8, value: u32) {
        self.code.extend(code.to_ne_bytes());
        self.code.extend([if_true, if_false]);
        self.code.extend(value.to_ne_bytes());
    }

    fn load(&mut self, at: u32) {
        self.push(LOAD, 0, 0, at);
    }

    fn when(&mut self, test: u16, value: u32, action: u32) {
        self.push(test, 0, 1, value);
        self.push(RETURN, 0, 0, action);
    }

    fn unless(&mut self, test: u16, value: u32, action: u32) {
        self.push(test, 1, 0, value);
        self.push(RETURN, 0, 0, action);
    }

    fn unless_own_process(&mut self) {
        self.own_pid_at.push(self.code.len() + 4);
        self.unless(JUMP_EQUAL, 0, errno(EPERM));
    }

    fn deny(&mut self, number: c_long, error: i32) {
        self.when(JUMP_EQUAL, number_of(number), errno(error));
    }

    /// Adds tests of one argument of one call; the call's number is loaded again after them.
    fn argument(&mut self, number: c_long, argument: u32, tests: impl FnOnce(&mut Self)) {
        let mut body = Self::default();
        body.load(low_half(argument));
        tests(&mut body);
        body.load(AT_NUMBER);
        let length = u8::try_from(body.code.len() / 8).expect("a few tests");
        self.push(JUMP_EQUAL, 0, length, number_of(number));
        let start = self.code.len();
        self.own_pid_at.extend(body.own_pid_at.iter().map(|at| start + at));
        self.code.extend(body.code);
    }
}

fn number_of(call: c_long) -> u32 {
    u32::try_from(call).expect("numbers of system calls are small")
}
