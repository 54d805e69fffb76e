//! The root file system that is installed into, and everything that is done to it.
//!
//! Paths are walked a component at a time from the root's descriptor.  Symbolic links are followed as they would be in
//! the container: an absolute one from the root, and none leads out of it.

use super::{Found, Wanted};
use rustix::fs::{self as sysfs, AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::{Fatal, OrUnable, diag};

/// What a file is called until it is whole.
const UNFINISHED: &str = ".s6-overlay-install";
/// As many links as the kernel follows.
const LINKS: usize = 40;

/// A root file system.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    /// Its path for messages, without a slash at the end.
    path: String,
    /// Whether owners and the setuid bit can be what they should be.
    pub privileged: bool,
}

/// What to take back after a failure, in the order in which it was made: paths, and whether each is a directory.
#[derive(Debug, Default)]
pub struct Undo(Vec<(String, bool)>);

/// Where a path led.
enum Walk {
    /// To this directory; whether there was no symbolic link on the way.
    Directory(OwnedFd, bool),
    /// Nowhere.
    Missing,
    /// To something that isn't a directory.
    Blocked(String),
}

impl Root {
    /// Opens the directory and makes sure that nobody else installs into it; files are to get the modes that they are
    /// made with.
    ///
    /// # Errors
    /// It isn't a directory, or another installation is under way.
    pub fn open(path: &[u8]) -> Result<Self, Fatal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = sys::fs::openat(CWD, path, flags, Mode::empty()).or_unable_to("open", path)?;
        if sysfs::flock(&dir, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            let path = diag::show(path);
            return Err(Fatal::new(111, format!("another installation into {path} is under way")));
        }
        rustix::process::umask(Mode::empty());
        let path = diag::show(path).trim_end_matches('/').to_owned();
        Ok(Self { dir, path, privileged: rustix::process::geteuid().is_root() })
    }

    /// A path below the root for messages.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}/{}", self.path, diag::show(path.as_bytes()))
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// It can't be looked at.
    pub fn find(&self, path: &str, wanted: &Wanted<'_>) -> Result<Found, Fatal> {
        let unable = || format!("look at {}", self.shown(path));
        if *wanted == Wanted::Directory {
            return Ok(match self.walk(path, None).or_unable(unable)? {
                Walk::Directory(..) => Found::Directory,
                Walk::Missing => Found::Nothing,
                Walk::Blocked(at) => Found::Blocked(at),
            });
        }
        let (parent, name) = split(path);
        let (dir, straight) = match self.walk(parent, None).or_unable(unable)? {
            Walk::Directory(dir, straight) => (dir, straight),
            Walk::Missing => return Ok(Found::Nothing),
            Walk::Blocked(at) => return Ok(Found::Blocked(at)),
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
            (FileType::Symlink, _) => Found::Link { same: false },
            (FileType::RegularFile, Wanted::File { content, mode, .. }) => Found::File {
                same_content: holds(dir.as_fd(), name, &stat, content).or_unable(unable)?,
                same_attributes: self.has_attributes(&stat, *mode),
            },
            (FileType::RegularFile, _) => Found::File { same_content: false, same_attributes: false },
            _ => Found::Special,
        })
    }

    /// Where the symbolic link at `path` leads; `None` if there is none.
    ///
    /// # Errors
    /// It can't be looked at.
    pub fn link(&self, path: &str) -> Result<Option<String>, Fatal> {
        let unable = || format!("look at {}", self.shown(path));
        let (parent, name) = split(path);
        let Walk::Directory(dir, _) = self.walk(parent, None).or_unable(unable)? else { return Ok(None) };
        match sys::fs::readlinkat(&dir, name, Vec::new()) {
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            target => Ok(Some(diag::show(target.or_unable(unable)?.as_bytes()))),
        }
    }

    /// Makes what is wanted at `path`, and the directories above it.
    ///
    /// # Errors
    /// It couldn't be made; nothing is at `path` then that wasn't there before.
    pub fn make(&self, path: &str, wanted: &Wanted<'_>, replace: bool, undo: &mut Undo) -> Result<(), Fatal> {
        let unable = || format!("make {}", self.shown(path));
        let (parent, name) = if *wanted == Wanted::Directory { (path, "") } else { split(path) };
        let (dir, straight) = match self.walk(parent, Some(undo)).or_unable(unable)? {
            Walk::Directory(dir, straight) => (dir, straight),
            Walk::Missing => return Err(Fatal::unable(&unable(), Errno::NOENT)),
            Walk::Blocked(_) => return Err(Fatal::unable(&unable(), Errno::NOTDIR)),
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

    /// Removes what was made, as far as that can be done.
    pub fn take_back(&self, undo: Undo) {
        for (path, is_directory) in undo.0.iter().rev() {
            let (parent, name) = split(path);
            if let Ok(Walk::Directory(dir, _)) = self.walk(parent, None) {
                let flags = if *is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                let _ = sys::fs::unlinkat(&dir, name, flags);
            }
        }
    }

    /// A link that appears at once, also in the place of something else.
    fn place_link(&self, dir: BorrowedFd<'_>, name: &str, target: &[u8]) -> Result<(), Errno> {
        remove_unfinished(dir);
        sys::fs::symlinkat(target, dir, UNFINISHED)?;
        self.give_to_root(dir, UNFINISHED)
            .and_then(|()| finish(dir, name))
            .inspect_err(|_| remove_unfinished(dir))
    }

    /// A file that appears whole, also in the place of something else.
    fn place_file(&self, dir: BorrowedFd<'_>, name: &str, content: &[u8], mode: u32) -> Result<(), Errno> {
        remove_unfinished(dir);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = sys::fs::openat(dir, UNFINISHED, flags, Mode::from(0o600))?;
        let write = || {
            let mut rest = content;
            while !rest.is_empty() {
                let n = rustix::io::retry_on_intr(|| rustix::io::write(&file, rest))?;
                rest = rest.get(n..).unwrap_or_default();
            }
            // The owner first: a change of it takes the setuid bit away.
            self.give_to_root(dir, UNFINISHED)?;
            sysfs::fchmod(&file, Mode::from(self.mode(mode)))?;
            finish(dir, name)
        };
        write().inspect_err(|_| remove_unfinished(dir))
    }

    /// The mode that can be given: a program that is setuid to somebody else than root would be a hole.
    fn mode(&self, mode: u32) -> u32 {
        if self.privileged { mode } else { mode & 0o777 }
    }

    fn has_attributes(&self, stat: &Stat, mode: u32) -> bool {
        let owner = !self.privileged || (stat.st_uid, stat.st_gid) == (0, 0);
        owner && stat.st_mode & 0o7777 == self.mode(mode)
    }

    fn give_to_root(&self, dir: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        if !self.privileged {
            return Ok(());
        }
        sys::fs::chownat(dir, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Walks to a directory; with `undo` what is missing is made.
    fn walk(&self, path: &str, mut undo: Option<&mut Undo>) -> Result<Walk, Errno> {
        // What is still to be walked, the next component last; and where that came from for as long as it is `path`.
        let mut rest: Vec<Vec<u8>> = path.rsplit('/').map(|name| name.as_bytes().to_vec()).collect();
        let mut walked = String::new();
        let mut above: Vec<OwnedFd> = Vec::new();
        let mut links = 0_usize;
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    above.pop();
                    continue;
                }
                _ => {}
            }
            let here = above.last().map_or(self.dir.as_fd(), |dir| dir.as_fd());
            if links == 0 {
                walked =
                    if walked.is_empty() { diag::show(&name) } else { walked + "/" + &diag::show(&name) };
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = match sys::fs::openat(here, name.as_slice(), flags, Mode::empty()) {
                Err(Errno::NOENT) => {
                    let Some(undo) = undo.as_deref_mut() else { return Ok(Walk::Missing) };
                    self.make_directory(here, &name)?;
                    if links == 0 {
                        undo.0.push((walked.clone(), true));
                    }
                    sys::fs::openat(here, name.as_slice(), flags, Mode::empty())?
                }
                next => next?,
            };
            match FileType::from_raw_mode(sysfs::fstat(&next)?.st_mode) {
                FileType::Directory => above.push(next),
                FileType::Symlink => {
                    links = links.saturating_add(1);
                    if links > LINKS {
                        return Err(Errno::LOOP);
                    }
                    let target = sys::fs::readlinkat(&next, "", Vec::new())?.into_bytes();
                    if target.starts_with(b"/") {
                        above.clear();
                    }
                    rest.extend(target.rsplit(|b| *b == b'/').map(<[u8]>::to_vec));
                }
                _ => return Ok(Walk::Blocked(walked)),
            }
        }
        let dir = match above.pop() {
            Some(dir) => dir,
            None => rustix::io::fcntl_dupfd_cloexec(&self.dir, 3)?,
        };
        Ok(Walk::Directory(dir, links == 0))
    }

    fn make_directory(&self, dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        sys::fs::mkdirat(dir, name, Mode::from(0o755))?;
        if self.privileged {
            // The directory above may hand down its group, and a bit that hands it down further.
            sys::fs::chownat(dir, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW)?;
            sys::fs::chmodat(dir, name, Mode::from(0o755), AtFlags::empty())?;
        }
        Ok(())
    }
}

/// The directory that a path is in, and its name there.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What a link at `path` is to hold: the relative `target`, or, where a link leads to the directory that it is in, what
/// that means from the root, since relative ones count from where they really are.
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

/// Whether a file holds exactly this.
fn holds(dir: BorrowedFd<'_>, name: &str, stat: &Stat, content: &[u8]) -> Result<bool, Errno> {
    if usize::try_from(stat.st_size) != Ok(content.len()) {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = sys::fs::openat(dir, name, flags, Mode::empty())?;
    let (mut rest, mut buffer) = (content, [0; 16 * 1024]);
    loop {
        let n = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut buffer))?;
        let read = buffer.get(..n).unwrap_or_default();
        match rest.strip_prefix(read) {
            Some(after) if n > 0 => rest = after,
            Some(after) => return Ok(after.is_empty()),
            None => return Ok(false),
        }
    }
}

/// Gives what is finished its name.
fn finish(dir: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    sys::fs::renameat(dir, UNFINISHED, dir, name)
}

/// Removes what an installation that was killed left.
fn remove_unfinished(dir: BorrowedFd<'_>) {
    let _ = sys::fs::unlinkat(dir, UNFINISHED, AtFlags::empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_count_from_the_root_where_they_are_not_where_they_seem() {
        assert_eq!(link_target("usr/bin/x", "../../command/x", true), "../../command/x");
        assert_eq!(link_target("usr/bin/x", "../../command/x", false), "/command/x");
        assert_eq!(link_target("package/admin/s6", "s6-2.15", false), "/package/admin/s6-2.15");
        assert_eq!(link_target("init", "package/a/b", false), "/package/a/b");
    }
}
