//! Root file systems for containers: the distribution that is tested, and what it is laid over.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The top of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The tree that is tested: `init`, `command/`, `package/`, … as the tarballs unpack.
pub fn distribution() -> Result<PathBuf, String> {
    if let Some(root) = std::env::var_os("S6_OVERLAY_ROOT") {
        return fs::canonicalize(&root).map_err(|why| format!("S6_OVERLAY_ROOT {}: {why}", root.display()));
    }
    let root = target().join("dist/root");
    if !is_fresh(&root) {
        distribute("--tree")?;
    }
    Ok(root)
}

/// The directory with the tarballs of that tree.
pub fn tarballs() -> Result<PathBuf, String> {
    let folder = target().join("dist");
    let root = folder.join("root");
    // `dist --tree` makes only the tree.  The tarballs are written after it.
    let packed = |made: SystemTime| {
        let mut changes =
            TARBALLS.iter().map(|name| fs::metadata(folder.join(name)).and_then(|m| m.modified()));
        changes.all(|change| change.is_ok_and(|time| time >= made))
    };
    let made = fs::metadata(&root).and_then(|m| m.modified());
    if !is_fresh(&root) || !made.is_ok_and(packed) {
        distribute("--without-tls")?;
    }
    Ok(folder)
}

/// Those that an image needs.
pub const TARBALLS: [&str; 4] = [
    "s6-overlay-noarch.tar.xz",
    "s6-overlay-x86_64.tar.xz",
    "s6-overlay-noarch.tar.gz",
    "s6-overlay-x86_64.tar.gz",
];

/// Where cargo builds.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

fn distribute(option: &str) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["xtask", "dist", option])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|why| format!("unable to run cargo: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo xtask dist: {status}")) }
}

/// Whether the tree is there and nothing that it is made from is newer.
fn is_fresh(root: &Path) -> bool {
    let Ok(made) = fs::metadata(root).and_then(|m| m.modified()) else {
        return false;
    };
    let top = workspace();
    let mut sources = ["Cargo.toml", "Cargo.lock", "docs/tools.txt"].map(|name| top.join(name)).to_vec();
    // Not part of the program.
    let apart = ["s6-tls", "sandbox", "xtask"].map(|name| top.join("crates").join(name));
    if let Ok(crates) = fs::read_dir(top.join("crates")) {
        sources.extend(crates.flatten().map(|entry| entry.path()).filter(|path| !apart.contains(path)));
    }
    sources.iter().all(|path| newest(path).is_ok_and(|time| time <= made))
}

/// The latest time of change of anything at or below `path`.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::symlink_metadata(path)?;
    let mut latest = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            latest = latest.max(newest(&entry?.path())?);
        }
    }
    Ok(latest)
}

/// Makes a small root file system at `root`: Debian's static busybox as every one of its names, and three accounts.
pub fn busybox(root: &Path) -> Result<(), String> {
    let places = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new);
    let program = places
        .into_iter()
        .find(|p| p.exists())
        .ok_or("busybox is missing: apt-get install busybox-static")?;
    let list =
        Command::new(program).arg("--list").output().map_err(|why| format!("busybox --list: {why}"))?;
    let lay_out = || -> io::Result<()> {
        for place in
            ["bin", "sbin", "usr/bin", "usr/sbin", "etc", "tmp", "proc", "sys", "dev", "run", "var", "root"]
        {
            fs::create_dir_all(root.join(place))?;
        }
        fs::copy(program, root.join("bin/busybox"))?;
        for name in String::from_utf8_lossy(&list.stdout).lines().filter(|name| *name != "busybox") {
            symlink("busybox", root.join("bin").join(name))?;
        }
        fs::write(
            root.join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\ndaemon:x:2:2:daemon:/:/bin/false\n",
        )?;
        fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\ndaemon:x:2:\n")
    };
    lay_out().map_err(|why| format!("unable to make a busybox root in {}: {why}", root.display()))
}
