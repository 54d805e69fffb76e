//! What the container sees: its root with fresh `/proc`, `/run`, `/tmp`, `/dev` and `/sys`.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::fault::{Fault, Unable};
use crate::layers;
use crate::spec::Sandbox;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Makes the description's root the root of the calling process, which has its own mount and pid namespace.
pub(crate) fn enter(sandbox: &Sandbox, user_namespace: bool) -> Result<(), Fault> {
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .unable("make the mounts private")?;
    let old = open("/").unable("open /")?;
    let devices = DEVICES
        .map(|name| open(&format!("/dev/{name}")).map(|fd| (name, fd)))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .unable("open the devices")?;
    let sources = sandbox.binds.iter().map(|(directory, _)| {
        let shown = directory.display();
        sys::fs::open(directory.as_os_str().as_bytes(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .unable(format!("open {shown}"))
    });
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let root = layers::mount(&sandbox.layers, user_namespace)?;
    rustix::process::chdir(&root).unable("enter the new root")?;
    rustix::process::pivot_root(".", ".").unable("pivot into the new root")?;
    // From here absolute paths are the container's.  The old root stays mounted until nothing is taken from it
    // any more: a fresh proc may only be mounted where another one can be seen.
    proc()?;
    let run = sandbox.run_options.as_bytes();
    tmpfs("/run", run)?;
    tmpfs("/tmp", b"mode=1777")?;
    tmpfs("/dev", b"mode=0755")?;
    for (name, device) in &devices {
        let place = format!("/dev/{name}");
        fs::write(&place, b"").unable(format!("make {place}"))?;
        let source = format!("/proc/self/fd/{}", device.as_raw_fd());
        rustix::mount::mount_bind(source, &place).unable(format!("bind {place}"))?;
    }
    dev().unable("lay /dev out")?;
    for (source, (_, place)) in sources.iter().zip(&sandbox.binds) {
        fs::create_dir_all(place).unable(format!("make {}", place.display()))?;
        rustix::mount::mount_bind(format!("/proc/self/fd/{}", source.as_raw_fd()), place)
            .unable(format!("bind {}", place.display()))?;
    }
    sys(&old)?;
    rustix::process::fchdir(old.as_fd()).unable("go to the old root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).unable("leave the old root")?;
    rustix::process::chdir("/").unable("enter the new root")?;
    content(sandbox)
}

/// Remounts the root read-only; what is mounted below stays as it is.
pub(crate) fn make_read_only() -> Result<(), Fault> {
    rustix::mount::mount_remount("/", MountFlags::BIND | MountFlags::RDONLY, c"")
        .unable("make the root read-only")
}

fn open(path: &str) -> rustix::io::Result<OwnedFd> {
    sys::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

fn proc() -> Result<(), Fault> {
    fs::create_dir_all("/proc").unable("make /proc")?;
    rustix::mount::mount("proc", "/proc", "proc", MountFlags::empty(), None).unable("mount /proc")?;
    // What is below concerns the whole machine.
    rustix::mount::mount_bind("/proc/sys", "/proc/sys").unable("bind /proc/sys")?;
    rustix::mount::mount_remount("/proc/sys", MountFlags::BIND | MountFlags::RDONLY, c"")
        .unable("make /proc/sys read-only")
}

/// Mounts a tmpfs; of the options, those that are mount flags are taken out.
fn tmpfs(place: &str, options: &[u8]) -> Result<(), Fault> {
    fs::create_dir_all(place).unable(format!("make {place}"))?;
    let mut flags = MountFlags::empty();
    let mut rest: Vec<&[u8]> = Vec::new();
    for option in options.split(|b| *b == b',') {
        match option {
            b"exec" => {}
            b"noexec" => flags |= MountFlags::NOEXEC,
            b"nosuid" => flags |= MountFlags::NOSUID,
            b"nodev" => flags |= MountFlags::NODEV,
            other => rest.push(other),
        }
    }
    let data = CString::new(rest.join(&b","[..])).unable(format!("read the options of {place}"))?;
    let named = OsStr::from_bytes(options).display().to_string();
    rustix::mount::mount("tmpfs", place, "tmpfs", flags, Some(data.as_c_str()))
        .unable(format!("mount a tmpfs with {named} on {place}"))
}

fn dev() -> std::io::Result<()> {
    symlink("/proc/self/fd", "/dev/fd")?;
    for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
        symlink(format!("/proc/self/fd/{number}"), format!("/dev/{name}"))?;
    }
    for (place, kind, options) in
        [("/dev/pts", "devpts", c"newinstance,ptmxmode=0666,mode=0620"), ("/dev/shm", "tmpfs", c"mode=1777")]
    {
        fs::create_dir(place)?;
        rustix::mount::mount(kind, place, kind, MountFlags::NOSUID | MountFlags::NOEXEC, Some(options))?;
    }
    symlink("pts/ptmx", "/dev/ptmx")
}

/// A read-only `/sys`: of the own network namespace where the kernel allows it, else the machine's.
/// It stays empty if neither can be had, as in some containers.
fn sys(old: &OwnedFd) -> Result<(), Fault> {
    fs::create_dir_all("/sys").unable("make /sys")?;
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    if rustix::mount::mount("sysfs", "/sys", "sysfs", flags, None).is_err() {
        let machines = format!("/proc/self/fd/{}/sys", old.as_raw_fd());
        if rustix::mount::mount_bind_recursive(machines, "/sys").is_ok() {
            rustix::mount::mount_remount("/sys", MountFlags::BIND | flags, c"")
                .unable("make /sys read-only")?;
        }
    }
    Ok(())
}

fn content(sandbox: &Sandbox) -> Result<(), Fault> {
    for directory in &sandbox.directories {
        fs::create_dir_all(directory).unable(format!("make {}", directory.display()))?;
    }
    for (path, text) in &sandbox.files {
        let parent = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).unable(format!("make {}", parent.display()))?;
        fs::write(path, text.as_bytes()).unable(format!("write {}", path.display()))?;
    }
    Ok(())
}
