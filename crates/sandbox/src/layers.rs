//! The root file system: the layers under one writable layer, by overlayfs.
//!
//! Layers are handled as descriptors and named `/proc/self/fd/N` to overlayfs, so that no name needs quoting and
//! a mount over their place doesn't hide them.
//!
//! Overlayfs refuses layers of which one lies inside another, as a build directory lies inside `/`: then all but the
//! lowest are copied to memory first.
//!
//! In a user namespace the kernel refuses an overlay over a directory with mounts below it (they could hide
//! something), which the machine's `/` always is.  Such a directory is taken in pieces: a directory of ours with
//! one overlay for each directory in it, and so on down.

use std::collections::BTreeSet;
use std::ffi::{CString, OsString};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use crate::fault::{Fault, Unable};

/// Directories that the container gets fresh, so that their content in the layers doesn't matter.
const FRESH: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// Where writable layers live.
struct Scratch {
    directory: PathBuf,
    used: u32,
}

impl Scratch {
    /// A fresh pair of upper and work directory.
    fn next(&mut self) -> std::io::Result<(PathBuf, PathBuf)> {
        self.used += 1;
        let upper = self.directory.join(format!("upper{}", self.used));
        let work = self.directory.join(format!("work{}", self.used));
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        Ok((upper, work))
    }
}

/// Mounts the layers, the first on top, and gives the mount point back.
/// Covers one directory of the caller's mount namespace (`/tmp` where there is one), which has to be private.
pub(crate) fn mount(layers: &[PathBuf], user_namespace: bool) -> Result<PathBuf, Fault> {
    let mut layers = layers.iter().map(|layer| open(layer)).collect::<Result<Vec<_>, _>>()?;
    let cover = ["/tmp", "/mnt", "/media", "/var"].map(Path::new).into_iter().find(|p| p.is_dir());
    let cover = cover.ok_or("no directory to cover: /tmp is missing")?;
    rustix::mount::mount("tmpfs", cover, "tmpfs", MountFlags::empty(), Some(c"mode=0755"))
        .unable(format!("mount a tmpfs on {}", cover.display()))?;
    let mut scratch = Scratch { directory: cover.to_owned(), used: 0 };
    let root = cover.join("root");
    fs::create_dir(&root).unable("make the root's mount point")?;
    let mut mounted = overlay(&layers, &root, &mut scratch, user_namespace);
    if mounted == Err(Errno::LOOP) {
        for (number, layer) in layers.iter_mut().rev().skip(1).enumerate() {
            let place = cover.join(format!("layer{number}"));
            copy(&in_proc(layer).join("."), &place).unable("copy a layer")?;
            *layer = open(&place)?;
        }
        mounted = overlay(&layers, &root, &mut scratch, user_namespace);
    }
    match mounted {
        Ok(()) => {}
        Err(Errno::INVAL) if user_namespace => {
            rustix::mount::mount("tmpfs", &root, "tmpfs", MountFlags::empty(), Some(c"mode=0755"))
                .unable("mount a tmpfs as the root")?;
            pieces(&layers, &root, &mut scratch, &FRESH)?;
        }
        Err(why) => return Err(format!("unable to mount an overlay: {why}")),
    }
    Ok(root)
}

fn open(layer: &Path) -> Result<OwnedFd, Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    sys::fs::open(layer, flags, Mode::empty()).unable(format!("open {}", layer.display()))
}

/// Copies a tree with its modes and owners to a place that doesn't exist; leaves devices, pipes and sockets out.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if metadata.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if metadata.is_file() {
        fs::copy(from, to)?;
    } else {
        return Ok(());
    }
    std::os::unix::fs::lchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    if !metadata.is_symlink() {
        fs::set_permissions(to, metadata.permissions())?;
    }
    Ok(())
}

fn in_proc(layer: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", layer.as_raw_fd()))
}

/// One overlay mount.
fn overlay(
    layers: &[OwnedFd],
    target: &Path,
    scratch: &mut Scratch,
    unprivileged: bool,
) -> Result<(), Errno> {
    let (upper, work) = scratch.next().map_err(|why| Errno::from_io_error(&why).unwrap_or(Errno::IO))?;
    let lower: Vec<String> = layers.iter().map(|l| in_proc(l).display().to_string()).collect();
    let mut options =
        format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), upper.display(), work.display());
    if unprivileged {
        options.push_str(",userxattr");
    }
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    rustix::mount::mount("overlay", target, "overlay", MountFlags::empty(), Some(options.as_c_str()))
}

/// Makes the merged content of the layers in `target`, an empty directory of ours, entry by entry.
/// What the caller can't read stays away; of the entries in `empty` only the directory is made.
fn pieces(layers: &[OwnedFd], target: &Path, scratch: &mut Scratch, empty: &[&str]) -> Result<(), Fault> {
    let mut names: BTreeSet<OsString> = BTreeSet::new();
    for layer in layers {
        if let Ok(entries) = fs::read_dir(in_proc(layer)) {
            names.extend(entries.flatten().map(|entry| entry.file_name()));
        }
    }
    for name in names {
        let place = target.join(&name);
        let in_layer = |layer: &OwnedFd| {
            sys::fs::statat(layer, &name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|s| s.st_mode)
        };
        let Some((layer, mode)) = layers.iter().find_map(|l| Some((l, in_layer(l)?))) else {
            continue;
        };
        match FileType::from_raw_mode(mode) {
            FileType::Symlink => {
                let to = sys::fs::readlinkat(layer, &name, Vec::new()).unable("read a symlink")?;
                sys::fs::symlinkat(to, CWD, &place).unable(format!("make {}", place.display()))?;
            }
            FileType::Directory => {
                fs::create_dir(&place).unable(format!("make {}", place.display()))?;
                let permissions = fs::Permissions::from_mode(Mode::from_raw_mode(mode).bits());
                fs::set_permissions(&place, permissions)
                    .unable(format!("set the mode of {}", place.display()))?;
                if empty.iter().all(|e| name != *e) {
                    directory(layers, &name, &place, scratch)?;
                }
            }
            FileType::RegularFile => {
                // Only a directory that has mounts below it has its files copied, and those are few.
                let _ = fs::copy(in_proc(layer).join(&name), &place);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The merged directory `name` of the layers, as an overlay or again in pieces.
fn directory(layers: &[OwnedFd], name: &OsString, place: &Path, scratch: &mut Scratch) -> Result<(), Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut below = Vec::new();
    for layer in layers {
        match sys::fs::openat(layer, name, flags, Mode::empty()) {
            Ok(fd) => below.push(fd),
            Err(Errno::NOENT) => {}
            Err(_) => break,
        }
    }
    match overlay(&below, place, scratch, true) {
        Err(Errno::INVAL) => pieces(&below, place, scratch, &[]),
        // An unreadable directory is an empty one.
        Ok(()) | Err(_) => Ok(()),
    }
}
