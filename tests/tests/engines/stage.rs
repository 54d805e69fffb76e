//! Where the engines run: in namespaces of their own, with everything that they write on one tmpfs.
//!
//! The test program executes itself again there.  Mounts, network, processes and files of the engines end with it,
//! however it ends: the stage's first process is waited for by `unshare`, and killed with it.  What it sees:
//! - `/run`: a new tmpfs, [`HOME`] in it;
//! - `/etc`, `/var`: the machine's, with changes that go to that tmpfs;
//! - no network but a loopback;
//! - the control groups of the machine.  Those that the engines leave there are removed afterwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// The first argument of the program inside.
pub const INSIDE: &str = "inside-the-stage";

/// Everything that the engines write.
pub const HOME: &str = "/run/engines";

/// The control group of containers, for engines that let us choose.
pub const GROUP: &str = "/s6-overlay-engines";

const GROUPS: &str = "/sys/fs/cgroup";

/// Runs this program inside, with its arguments; gives its exit code.
pub fn enter(arguments: &[String]) -> Result<i32, String> {
    let program = std::env::current_exe().map_err(|why| format!("unable to find this program: {why}"))?;
    // Two stages at a time would remove each other's groups.
    let turn = fs::File::open(GROUPS).and_then(|directory| directory.lock().map(|()| directory));
    let _turn = turn.map_err(|why| format!("unable to lock {GROUPS}: {why}"))?;
    let before = groups();
    let status = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation",
            "private",
        ])
        // The first process reaps what the engines leave behind.
        .args(["catatonit", "--"])
        .arg(program)
        .arg(INSIDE)
        .args(arguments)
        .env("TMPDIR", format!("{HOME}/tmp"))
        .status()
        .map_err(|why| format!("unable to run unshare: {why}"))?;
    for group in groups().iter().filter(|group| !before.contains(group)) {
        remove(group).map_err(|why| format!("unable to remove {}: {why}", group.display()))?;
    }
    Ok(status.code().unwrap_or(2))
}

/// The control groups that our engines make, as far as they are there.
fn groups() -> Vec<PathBuf> {
    let names = [GROUP, "/docker", "/libpod_parent"].map(|name| name.trim_start_matches('/'));
    let controllers = fs::read_dir(GROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    let hierarchies: Vec<_> = controllers.chain([GROUPS.into()]).collect();
    let places = hierarchies.iter().flat_map(|place| names.map(|name| place.join(name)));
    places.filter(|place| place.is_dir()).collect()
}

/// Removes a control group without processes, and those below it.
fn remove(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Makes the place inside.
pub fn set_up() -> Result<(), String> {
    make().map_err(|why| format!("unable to make a place for the engines: {why}"))
}

fn make() -> io::Result<()> {
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), c"mode=755")?;
    for place in ["tmp", "over"] {
        fs::create_dir_all(Path::new(HOME).join(place))?;
    }
    for place in ["/etc", "/var"] {
        let over = format!("{HOME}/over{place}");
        fs::create_dir_all(format!("{over}/changes"))?;
        fs::create_dir_all(format!("{over}/work"))?;
        lay_over(place, &over, Path::new(place))?;
    }
    // Where version 1 and 2 of control groups are both mounted, crun takes the wrong one.
    match unmount(format!("{GROUPS}/unified"), UnmountFlags::DETACH) {
        Err(why) if why != rustix::io::Errno::INVAL && why != rustix::io::Errno::NOENT => Err(why.into()),
        _ => Ok(()),
    }
}

/// Mounts `lower` at `target`, with its changes kept in the directories `changes` and `work` of `over`.
pub fn lay_over(lower: &str, over: &str, target: &Path) -> io::Result<()> {
    let options = format!("lowerdir={lower},upperdir={over}/changes,workdir={over}/work");
    let options = std::ffi::CString::new(options)?;
    Ok(mount("overlay", target, "overlay", MountFlags::empty(), options.as_c_str())?)
}
