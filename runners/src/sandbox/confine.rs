//! What a process gives up for good before a program runs in it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};

use super::init::told;
use super::setup::Setup;
use super::sys;

/// The newest kind of landlock asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;
const CAP_SETPCAP: u32 = 8;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_LAST: u32 = 63;
/// No capabilities from uid 0, none kept over a change of uid, none raised later; each one locked.
const SECUREBITS: libc::c_ulong = 0b1100_1111;

/// Builds the landlock rules of a cell; they bind whoever enforces them later.
///
/// With namespaces they stand behind the cell's own root; without, they are all that keeps the
/// machine's files apart, and `/proc` is not among what may be read.
pub(super) fn ruleset(setup: &Setup) -> io::Result<Option<OwnedFd>> {
    let all = AccessFs::from_all(LANDLOCK);
    let read = AccessFs::from_read(LANDLOCK);
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|rules| rules.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp))
        .and_then(|rules| rules.scope(Scope::AbstractUnixSocket | Scope::Signal))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    let mut rules = rules;
    if setup.tier == 1 {
        rules = allow(rules, Path::new("/"), read)?;
        rules = allow(rules, Path::new("/run"), all)?;
    }
    for path in &setup.visible {
        rules = allow(rules, path, read)?;
    }
    if let Some(scratch) = &setup.scratch {
        rules = allow(rules, scratch, all)?;
    }
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    for name in ["null", "zero", "full", "random", "urandom"] {
        rules = allow(rules, &PathBuf::from("/dev").join(name), device)?;
    }
    let rules: Option<OwnedFd> = rules.into();
    rules.map(Some).ok_or_else(|| io::Error::other("the kernel has no landlock"))
}

/// Allows `access` beneath a path; a path that is not there allows nothing.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let Ok(fd) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
    rules.add_rule(PathBeneath::new(fd, access)).map_err(refused)
}

fn refused(error: landlock::RulesetError) -> io::Error {
    io::Error::other(error)
}

/// Keeps, over `execve`, the one capability by which a fork server makes namespaces and mounts, and
/// gives up every other one.
pub(super) fn keep_mount_capability() -> io::Result<()> {
    sys::set_capabilities(1 << CAP_SYS_ADMIN | 1 << CAP_SETPCAP)?;
    let raise = libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong;
    sys::prctl(libc::PR_CAP_AMBIENT, raise, CAP_SYS_ADMIN.into()).map_err(told("ambient"))?;
    drop_bounds(Some(CAP_SYS_ADMIN))?;
    sys::prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0).map_err(told("securebits"))
}

/// Takes every capability out of the set that a program could ever have, but one.
fn drop_bounds(keep: Option<u32>) -> io::Result<()> {
    for capability in (0..=CAP_LAST).filter(|capability| Some(*capability) != keep) {
        let dropped = sys::prctl(libc::PR_CAPBSET_DROP, capability.into(), 0);
        // The kernel answers so for numbers above its last capability.
        if dropped.as_ref().is_err_and(|e| e.raw_os_error() != Some(libc::EINVAL)) {
            return dropped.map_err(told("the bounding set"));
        }
    }
    Ok(())
}

/// Locks this process down: limits, capabilities, landlock, system calls. There is no way back.
pub(super) fn confine(
    rlimits: &[(u32, u64)],
    rules: Option<&OwnedFd>,
    filter: &mut [u8],
    has_namespaces: bool,
) -> io::Result<()> {
    for (resource, value) in rlimits {
        sys::limit(*resource, *value)?;
    }
    if has_namespaces {
        drop_bounds(None)?;
        sys::prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0).map_err(told("securebits"))?;
    }
    let Some(rules) = rules else { return Ok(()) };
    sys::set_capabilities(0).map_err(told("capabilities"))?;
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0)?;
    sys::enforce(rules).map_err(told("landlock"))?;
    sys::install(filter).map_err(told("seccomp"))
}
