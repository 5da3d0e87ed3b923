//! The helper process: this program again, single-threaded, before it does anything else.
//!
//! It reads a [`Setup`] from its standard input, which is a socket, puts namespaces and limits in
//! place, and becomes what the setup says. When the other end of the socket closes, it ends, and with
//! it every process it started.

use std::fs;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Uid, execve, setgroups, setresgid, setresuid};
use serde_json::json;

use super::confine::{keep_mount_capability, ruleset};
use super::setup::{INNER_ID, Role, Setup, WRITABLE};
use super::{commands, packet, root, sys};

/// The argument that makes this program a helper.
pub const ARGUMENT: &str = "__sandbox-init";
/// Where a fork server finds its socket, its script and the landlock rules: above whatever is open.
const CONTROL_FD: RawFd = 198;
const SCRIPT_FD: RawFd = 199;
const RULES_FD: RawFd = 200;
/// The exit code of a helper that could not set up.
const BROKEN: u8 = 70;

/// Says whether this process was started as a helper.
pub fn is_helper() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT)
}

/// Runs the helper to its end; why it could not is sent back before the socket closes.
pub fn main() -> ExitCode {
    let control = sys::standard_input();
    match run(&control) {
        Ok(code) => code,
        Err(error) => {
            // The parent may be gone, and then nobody is left to be told.
            let _ = packet::send(&control, format!("E{error}").as_bytes(), &[]);
            std::mem::forget(control);
            ExitCode::from(BROKEN)
        }
    }
}

fn run(control: &OwnedFd) -> io::Result<ExitCode> {
    let (message, _) = packet::receive(control)?;
    let setup: Setup = serde_json::from_slice(&message)?;
    set_pdeathsig(Signal::SIGKILL)?;
    if let Some(id) = setup.drop_to {
        if setup.tier == 1 {
            root::stage(&setup.visible)?;
        }
        setgroups(&[])?;
        setresgid(Gid::from_raw(id), Gid::from_raw(id), Gid::from_raw(id))?;
        setresuid(Uid::from_raw(id), Uid::from_raw(id), Uid::from_raw(id))?;
        // A change of credentials clears it.
        set_pdeathsig(Signal::SIGKILL)?;
        nix::sys::prctl::set_dumpable(true)?;
    }
    if setup.tier == 1 {
        return namespaces(control, &setup);
    }
    become_role(control, &setup)
}

/// Enters namespaces of its own and goes on as the first process in them.
fn namespaces(control: &OwnedFd, setup: &Setup) -> io::Result<ExitCode> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .map_err(told("a namespace is refused"))?;
    fs::write("/proc/self/setgroups", "deny").map_err(told("`setgroups` cannot be denied"))?;
    fs::write("/proc/self/uid_map", format!("{INNER_ID} {uid} 1"))
        .map_err(told("the uid map is refused"))?;
    fs::write("/proc/self/gid_map", format!("{INNER_ID} {gid} 1"))
        .map_err(told("the gid map is refused"))?;
    match sys::fork()? {
        ForkResult::Parent { child } => {
            // The first process in the namespaces has the socket now: its end must be seen.
            nix::unistd::close(0)?;
            let status = waitpid(child, None);
            Ok(ExitCode::from(u8::from(status.is_err())))
        }
        ForkResult::Child => {
            set_pdeathsig(Signal::SIGKILL)?;
            nix::unistd::sethostname("cell").map_err(told("the host name is refused"))?;
            root::build(&setup.visible, setup.drop_to.is_some())?;
            become_role(control, setup)
        }
    }
}

fn become_role(control: &OwnedFd, setup: &Setup) -> io::Result<ExitCode> {
    match &setup.role {
        Role::ForkServer { .. } => {
            fork_server(control, setup)?;
            unreachable!("`execve` does not come back without an error")
        }
        Role::Commands { disk_bytes, files } => {
            if setup.tier == 1 {
                root::own_files(*disk_bytes, *files)?;
            } else {
                nix::sys::prctl::set_child_subreaper(true)?;
            }
            commands::serve(control, setup)
        }
    }
}

/// Becomes the Python interpreter that forks cells.
fn fork_server(control: &OwnedFd, setup: &Setup) -> io::Result<()> {
    let Role::ForkServer { interpreter, script, filter, environment } = &setup.role else {
        unreachable!("the caller matched the role")
    };
    let rules = if setup.tier == 0 { None } else { ruleset(setup)? };
    let config = json!({
        "tier": setup.tier,
        "control": CONTROL_FD,
        "landlock": rules.as_ref().map_or(-1, |_| RULES_FD),
        "writable": WRITABLE,
        "filter": filter.code,
        "own_pid_at": filter.own_pid_at,
    });
    let script =
        format!("import json\nCONFIG = json.loads({})\n{script}", json!(config.to_string()));
    let file = packet::memory_file(script.as_bytes())?;
    sys::duplicate_to(control, CONTROL_FD)?;
    sys::duplicate_to(&file, SCRIPT_FD)?;
    if let Some(rules) = &rules {
        sys::duplicate_to(rules, RULES_FD)?;
    }
    if setup.tier == 1 {
        keep_mount_capability()?;
    }
    let null = packet::null()?;
    for number in 0..3 {
        sys::duplicate_to(&null, number)?;
    }
    let bootstrap = format!(
        "import os;exec(compile(os.fdopen({SCRIPT_FD},'rb').read(),'<cell>','exec'));main(CONFIG)"
    );
    let argv = ["python3", "-I", "-B", "-X", "utf8", "-c", &bootstrap];
    execute(interpreter, &argv.map(str::to_owned), environment)
}

/// Replaces this process; comes back only with an error.
pub(super) fn execute(
    program: &Path,
    argv: &[String],
    environment: &[(String, String)],
) -> io::Result<()> {
    let c_string = |text: &str| std::ffi::CString::new(text).map_err(io::Error::from);
    let program = c_string(&program.to_string_lossy())?;
    let argv = argv.iter().map(|a| c_string(a)).collect::<io::Result<Vec<_>>>()?;
    let environment = environment
        .iter()
        .map(|(name, value)| c_string(&format!("{name}={value}")))
        .collect::<io::Result<Vec<_>>>()?;
    execve(&program, &argv, &environment).map_err(told("the program cannot be started"))?;
    Ok(())
}

/// Says what was being done when the system refused.
pub(super) fn told<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    }
}

/// What a helper's standard streams are: the socket, and nothing.
pub(super) fn streams(command: &mut std::process::Command, socket: OwnedFd) {
    command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(Stdio::null());
}
