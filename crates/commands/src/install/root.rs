//! The root file system that is installed into.
//!
//! Paths are walked component by component from the root's descriptor.  Symbolic links are followed as in the container:
//! absolute ones start at the root, and none leads out of it.

use super::{Found, Wanted};
use files::{
    Make, Permissions, Replace, Walk, Writers, open_dir, read_at_most, replace_at, replace_link_of,
    walk_in_root,
};
use rustix::fs::{self as sysfs, AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::{Fatal, OrUnable, diag};

/// A root file system.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    /// Its path for messages, without a slash at the end.
    path: String,
    /// Whether owners and the setuid bit can be set.
    pub(crate) privileged: bool,
}

/// What to remove after a failure, in the order in which it was made: paths, and whether each is a directory.
#[derive(Debug, Default)]
pub(crate) struct Undo(Vec<(String, bool)>);

impl Root {
    /// Opens the directory, locks it against other installations, and clears the umask of this process, so that files get
    /// exactly the wanted modes.
    ///
    /// # Errors
    /// It isn't a directory, or another installation is under way.
    pub(crate) fn open(path: &[u8]) -> Result<Self, Fatal> {
        let dir = open_dir(CWD, path).or_unable_to("open", path)?;
        if sysfs::flock(&dir, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            let path = diag::show(path);
            return Err(Fatal::new(111, format_args!("another installation into {path} is under way")));
        }
        rustix::process::umask(Mode::empty());
        let path = diag::shown(path).trim_end_matches('/').to_owned();
        Ok(Self { dir, path, privileged: rustix::process::geteuid().is_root() })
    }

    /// A path below the root for messages.
    #[must_use]
    pub(crate) fn shown(&self, path: &str) -> String {
        format!("{}/{}", self.path, diag::show(path.as_bytes()))
    }

    /// Compares what is at `path` with what is wanted.
    ///
    /// # Errors
    /// It can't be examined.
    pub(crate) fn find(&self, path: &str, wanted: &Wanted<'_>) -> Result<Found, Fatal> {
        let unable = || format!("look at {}", self.shown(path));
        if *wanted == Wanted::Directory {
            return Ok(match self.walk(path, None).or_unable(unable)? {
                Walk::Directory(..) => Found::Directory,
                Walk::Missing => Found::Nothing,
                Walk::Blocked(at) => Found::Blocked(diag::shown(&at)),
            });
        }
        let (parent, name) = split(path);
        let (dir, straight) = match self.walk(parent, None).or_unable(unable)? {
            Walk::Directory(dir, straight) => (dir, straight),
            Walk::Missing => return Ok(Found::Nothing),
            Walk::Blocked(at) => return Ok(Found::Blocked(diag::shown(&at))),
        };
        let stat = match sys::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            stat => stat.or_unable(unable)?,
        };
        Ok(match (FileType::from_raw_mode(stat.st_mode), wanted) {
            (FileType::Directory, _) => Found::Directory,
            (FileType::Symlink, Wanted::Link(target)) => {
                let there = sys::fs::readlinkat(&dir, name, Vec::new()).or_unable(unable)?;
                Found::Link { same: there.as_bytes() == link_target(path, target, straight).as_bytes() }
            }
            (FileType::Symlink, _) => {
                let there = sys::fs::readlinkat(&dir, name, Vec::new()).or_unable(unable)?;
                let leaf = there.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
                let was_ours = [installation::OVERLAY.as_bytes(), b"logutil-service"].contains(&leaf);
                Found::Link { same: was_ours }
            }
            (FileType::RegularFile, Wanted::File { content, mode, .. }) => Found::File {
                same_content: holds(dir.as_fd(), name, &stat, content).or_unable(unable)?,
                same_attributes: self.has_attributes(&stat, *mode),
            },
            (FileType::RegularFile, _) => Found::File { same_content: false, same_attributes: false },
            _ => Found::Special,
        })
    }

    /// The target of the symbolic link at `path`; `None` if there is none.
    ///
    /// # Errors
    /// It can't be examined.
    pub(crate) fn link(&self, path: &str) -> Result<Option<String>, Fatal> {
        let unable = || format!("look at {}", self.shown(path));
        let (parent, name) = split(path);
        let Walk::Directory(dir, _) = self.walk(parent, None).or_unable(unable)? else { return Ok(None) };
        match sys::fs::readlinkat(&dir, name, Vec::new()) {
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            target => Ok(Some(diag::shown(target.or_unable(unable)?.as_bytes()))),
        }
    }

    /// Makes what is wanted at `path`, and the directories above it.
    ///
    /// # Errors
    /// It can't be made; `path` is unchanged then.
    pub(crate) fn make(
        &self,
        path: &str,
        wanted: &Wanted<'_>,
        replace: bool,
        undo: &mut Undo,
    ) -> Result<(), Fatal> {
        let unable = || format!("make {}", self.shown(path));
        let (parent, name) = if *wanted == Wanted::Directory { (path, "") } else { split(path) };
        let (dir, straight) = match self.walk(parent, Some(undo)).or_unable(unable)? {
            Walk::Directory(dir, straight) => (dir, straight),
            Walk::Missing => return Err(Fatal::unable(unable(), Errno::NOENT)),
            Walk::Blocked(_) => return Err(Fatal::unable(unable(), Errno::NOTDIR)),
        };
        let place = match wanted {
            Wanted::Directory => return Ok(()),
            Wanted::Link(target) => {
                self.place_link(dir.as_fd(), name, link_target(path, target, straight).as_bytes())
            }
            Wanted::File { content, mode, .. } => self.place_file(dir.as_fd(), name, content, *mode),
        };
        place.or_unable(unable)?;
        if !replace {
            undo.0.push((path.to_owned(), false));
        }
        Ok(())
    }

    /// Removes what was made, as far as possible.
    pub(crate) fn undo(&self, undo: Undo) {
        for (path, is_directory) in undo.0.iter().rev() {
            let (parent, name) = split(path);
            if let Ok(Walk::Directory(dir, _)) = self.walk(parent, None) {
                let flags = if *is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                let _ = sys::fs::unlinkat(&dir, name, flags);
            }
        }
    }

    /// Makes a link atomically; replaces what has its name.
    fn place_link(&self, dir: BorrowedFd<'_>, name: &str, target: &[u8]) -> Result<(), Errno> {
        replace_link_of(dir, target, name.as_bytes(), self.owner())
    }

    /// Makes a file atomically; replaces what has its name.
    fn place_file(&self, dir: BorrowedFd<'_>, name: &str, content: &[u8], mode: u32) -> Result<(), Errno> {
        let (mode, owner) = (Permissions::Exact(self.mode(mode)), self.owner());
        let how = Replace { mode, owner, sync: false, writers: Writers::One };
        replace_at(dir, name.as_bytes(), content, how)
    }

    /// The mode that can be set: a program that is setuid to another user than root would give its caller that user's rights.
    fn mode(&self, mode: u32) -> u32 {
        if self.privileged { mode } else { mode & 0o777 }
    }

    fn has_attributes(&self, stat: &Stat, mode: u32) -> bool {
        let owner = !self.privileged || (stat.st_uid, stat.st_gid) == (0, 0);
        owner && stat.st_mode & 0o7777 == self.mode(mode)
    }

    /// The owner of files: root if that can be set.
    fn owner(&self) -> Option<(u32, u32)> {
        self.privileged.then_some((0, 0))
    }

    /// Walks to a directory; with `undo` it makes missing directories.
    fn walk(&self, path: &str, undo: Option<&mut Undo>) -> Result<Walk, Errno> {
        let (root, path) = (self.dir.as_fd(), path.as_bytes());
        let Some(undo) = undo else { return walk_in_root(root, path, None) };
        let make: Make<'_> = &mut |dir, name, walked| {
            self.make_directory(dir, name)?;
            undo.0.extend(walked.map(|path| (diag::shown(path), true)));
            Ok(())
        };
        walk_in_root(root, path, Some(make))
    }

    fn make_directory(&self, dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        sys::fs::mkdirat(dir, name, Mode::from(0o755))?;
        if self.privileged {
            // A new directory may inherit the group and the setgid bit of the directory above.
            sys::fs::chownat(dir, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW)?;
            sys::fs::chmodat(dir, name, Mode::from(0o755), AtFlags::empty())?;
        }
        Ok(())
    }
}

/// The directory of a path, and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The target of a link at `path`: the relative `target`; or the absolute one if `path` contains a link itself, since a
/// relative target is resolved from the real directory of a link.
fn link_target(path: &str, target: &str, straight: bool) -> String {
    if straight {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = split(path).0.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a file has exactly these contents.
fn holds(dir: BorrowedFd<'_>, name: &str, stat: &Stat, content: &[u8]) -> Result<bool, Errno> {
    if usize::try_from(stat.st_size) != Ok(content.len()) {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir, name, flags, Mode::empty())?;
    Ok(read_at_most(&file, content.len().saturating_add(1))? == content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_absolute_if_the_path_contains_a_link() {
        assert_eq!(link_target("usr/bin/x", "../../command/x", true), "../../command/x");
        assert_eq!(link_target("usr/bin/x", "../../command/x", false), "/command/x");
        assert_eq!(link_target("package/admin/s6", "s6-2.15", false), "/package/admin/s6-2.15");
        assert_eq!(link_target("init", "package/a/b", false), "/package/a/b");
    }
}
