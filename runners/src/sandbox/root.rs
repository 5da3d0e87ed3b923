//! The files of a cell with namespaces: a root of its own, made of read-only binds.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::init::told;
use super::setup::{INNER_ID, WRITABLE};
use super::sys;

/// Where the new root is put together; whatever lies there stays reachable until the old root goes.
const PLACES: [&str; 4] = ["/mnt", "/media", "/srv", "/tmp"];
/// Where root keeps trees that the uid it becomes could not reach by their own names.
const STAGE: &str = "/run";
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const PASSWD: &str = "cell:x:1000:1000::/run/cell/work:/bin/sh\n";

const NONE: Option<&str> = None;

/// Binds, while still root, every tree whose path another uid may not walk.
///
/// The mount namespace is this process's own by then, so nothing is seen outside.
pub(super) fn stage(visible: &[PathBuf]) -> io::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).map_err(told("a mount namespace"))?;
    private()?;
    let hidden: Vec<&PathBuf> = visible.iter().filter(|path| !is_walkable(path)).collect();
    if hidden.is_empty() {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("stage"), STAGE, Some("tmpfs"), flags, Some("mode=0755"))
        .map_err(told("a stage"))?;
    for path in hidden {
        let place = staged(path);
        make_point(path, &place)?;
        bind(path, &place)?;
    }
    Ok(())
}

/// Says whether everybody may walk to `path`.
pub(super) fn is_walkable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.ancestors().skip(1).all(|folder| {
        fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

fn staged(path: &Path) -> PathBuf {
    Path::new(STAGE).join("stage").join(path.strip_prefix("/").unwrap_or(path))
}

fn private() -> io::Result<()> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(told("mounts cannot be made private"))
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
        .map_err(told("a folder cannot be bound"))
}

/// Makes what a bind needs to lie on: a folder for a folder, a file for a file.
fn make_point(like: &Path, place: &Path) -> io::Result<()> {
    if like.is_dir() {
        return fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(place, "")
}

/// Builds the root out of what shall be visible and moves into it.
pub(super) fn build(visible: &[PathBuf], was_root: bool) -> io::Result<()> {
    private()?;
    let is_free = |place: &&&str| {
        Path::new(place).is_dir() && !visible.iter().any(|path| path.starts_with(place))
    };
    let place = PLACES.iter().find(is_free).ok_or_else(|| {
        io::Error::other(format!("none of {} is a folder to put a root in", PLACES.join(", ")))
    })?;
    let root = Path::new(place);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("root"), root, Some("tmpfs"), flags, Some("mode=0755,size=1m,nr_inodes=4096"))
        .map_err(told("a root cannot be mounted"))?;
    for path in visible {
        show(root, path, was_root)?;
    }
    base(root)?;
    devices(root)?;
    let proc_flags = flags | MsFlags::MS_NOEXEC;
    mount(Some("proc"), &root.join("proc"), Some("proc"), proc_flags, NONE)
        .map_err(told("`/proc` cannot be mounted"))?;
    nix::unistd::chdir(root)?;
    nix::unistd::pivot_root(".", ".").map_err(told("the root cannot be changed"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(told("the old root stays"))?;
    nix::unistd::chdir("/")?;
    let remount = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | flags;
    mount(NONE, "/", NONE, remount, NONE).map_err(told("the root cannot be made read-only"))
}

/// Shows one path of the machine, read-only; a link as a link.
fn show(root: &Path, path: &Path, was_root: bool) -> io::Result<()> {
    let place = root.join(path.strip_prefix("/").unwrap_or(path));
    if let Ok(target) = fs::read_link(path) {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        return symlink(target, place);
    }
    let stage = staged(path);
    let from = if was_root && stage.exists() { &stage } else { path };
    if !from.exists() || place.exists() {
        return Ok(());
    }
    make_point(from, &place)?;
    bind(from, &place)?;
    sys::make_read_only(&place).map_err(told("a read-only mount"))
}

fn base(root: &Path) -> io::Result<()> {
    for folder in ["etc", "dev", "proc", &WRITABLE[1..]] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), format!("cell:x:{INNER_ID}:\n"))?;
    symlink(format!("{WRITABLE}/tmp"), root.join("tmp"))?;
    Ok(())
}

fn devices(root: &Path) -> io::Result<()> {
    let folder = root.join("dev");
    for name in DEVICES {
        let place = folder.join(name);
        fs::write(&place, "")?;
        bind(&Path::new("/dev").join(name), &place)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("shm", "/run/cell/tmp"),
    ] {
        symlink(target, folder.join(name))?;
    }
    Ok(())
}

/// Mounts what the cell may write to, for a cell that is the only one in its namespaces.
pub(super) fn own_files(bytes: u64, files: u64) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = format!("mode=0755,size={bytes},nr_inodes={files}");
    mount(Some("cell"), WRITABLE, Some("tmpfs"), flags, Some(options.as_str()))
        .map_err(told("the cell's files cannot be mounted"))?;
    for folder in ["tmp", "work"] {
        fs::create_dir(Path::new(WRITABLE).join(folder))?;
    }
    let flags = flags | MsFlags::MS_NOEXEC;
    let options = Some("hidepid=invisible,subset=pid");
    mount(Some("proc"), "/proc", Some("proc"), flags, options)
        .map_err(told("the cell's `/proc` cannot be mounted"))
}
