//! Opening a file by its path without following a link that another user could have made or moved.
//!
//! What is done to the file is done as root: in a folder of a service's user, a link could lead to any file of the system.

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tool::diag;

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;

/// The type of the file system of /proc, whose links lead to files that have no path.
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// Why a file isn't opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The system's reason.
    System(Errno),
    /// The way leads over a link of this name, which this user could change.
    Link(Vec<u8>, u32),
}

impl From<Errno> for Refusal {
    fn from(e: Errno) -> Self {
        Self::System(e)
    }
}

impl Refusal {
    /// The reason, and what to write instead.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::System(e) => sys::strerror(*e).to_owned(),
            Self::Link(name, uid) => {
                let name = diag::show(name);
                format!("the link {name} is under the control of user {uid}: write the path that it leads to")
            }
        }
    }
}

/// Opens a path with `O_PATH`.  A link is followed if it and its folder belong to root or to this process's user.
///
/// # Errors
/// As open(2), and where a link isn't followed.
pub(super) fn open(path: &[u8]) -> Result<OwnedFd, Refusal> {
    let own = [0, rustix::process::geteuid().as_raw()];
    let mut here = start(path)?;
    // What is still to be walked, the next component last.
    let mut rest = components(path);
    let mut links = 0_usize;
    while let Some(name) = rest.pop() {
        if matches!(name.as_slice(), b"" | b".") {
            continue;
        }
        let next = open_at(here.as_fd(), &name, OFlags::NOFOLLOW)?;
        let st = sys::fs::fstat(&next)?;
        if FileType::from_raw_mode(st.st_mode) != FileType::Symlink {
            here = next;
            continue;
        }
        links = links.saturating_add(1);
        if links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let folder = sys::fs::fstat(&here)?;
        if let Some(uid) = [folder.st_uid, st.st_uid].into_iter().find(|uid| !own.contains(uid)) {
            return Err(Refusal::Link(name, uid));
        }
        if rustix::fs::fstatfs(&here).is_ok_and(|fs| u64::try_from(fs.f_type) == Ok(PROC_SUPER_MAGIC)) {
            here = open_at(here.as_fd(), &name, OFlags::empty())?;
            continue;
        }
        let target = sys::fs::readlinkat(&next, "", Vec::new())?.into_bytes();
        if target.starts_with(b"/") {
            here = start(&target)?;
        }
        rest.extend(components(&target));
    }
    Ok(here)
}

/// Where the walk of a path begins.
fn start(path: &[u8]) -> Result<OwnedFd, Errno> {
    open_at(CWD, if path.starts_with(b"/") { b"/" } else { b"." }, OFlags::empty())
}

fn open_at(at: BorrowedFd<'_>, name: &[u8], extra: OFlags) -> Result<OwnedFd, Errno> {
    sys::fs::openat(at, name, OFlags::PATH | OFlags::CLOEXEC | extra, Mode::empty())
}

/// The components, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|b| *b == b'/').map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    #[test]
    fn links_in_ones_own_folders_are_followed() {
        let tmp = tempfile::tempdir().unwrap();
        let top = tmp.path();
        std::fs::create_dir(top.join("folder")).unwrap();
        std::fs::write(top.join("folder/file"), "").unwrap();
        let inode = std::fs::metadata(top.join("folder/file")).unwrap().ino();
        for (name, target) in [
            ("relative", "folder/file".into()),
            ("absolute", top.join("folder/file")),
            ("over", "folder/../relative".into()),
            ("loop", "loop".into()),
            ("dangling", "none".into()),
        ] {
            symlink(target, top.join(name)).unwrap();
        }
        let led = |name: &str| {
            open(top.join(name).as_os_str().as_bytes()).map(|fd| sys::fs::fstat(fd).unwrap().st_ino)
        };
        for name in ["folder/file", "relative", "absolute", "over", "folder/./..//folder/file"] {
            assert_eq!(led(name), Ok(inode), "{name}");
        }
        assert_eq!(led("loop"), Err(Refusal::System(Errno::LOOP)));
        assert_eq!(led("dangling"), Err(Refusal::System(Errno::NOENT)));
        assert_eq!(led("relative/x"), Err(Refusal::System(Errno::NOTDIR)));
        assert!(open(b"/proc/self/fd/0").is_ok());
    }

    #[test]
    fn a_link_that_another_user_could_change_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let tmp = tempfile::tempdir().unwrap();
        let top = tmp.path();
        for name in ["theirs", "shared"] {
            std::fs::create_dir(top.join(name)).unwrap();
            symlink("/etc/passwd", top.join(name).join("link")).unwrap();
        }
        let path = |name: &str| top.join(name).as_os_str().as_bytes().to_vec();
        let refusal = Refusal::Link(b"link".to_vec(), 4242);
        assert!(open(&path("theirs/link")).is_ok());
        std::os::unix::fs::chown(top.join("theirs"), Some(4242), None).unwrap();
        assert_eq!(open(&path("theirs/link")).unwrap_err(), refusal);
        lchown(top.join("shared/link"), Some(4242), None).unwrap();
        assert_eq!(open(&path("shared/link")).unwrap_err(), refusal);
        assert_eq!(
            refusal.reason(),
            "the link link is under the control of user 4242: write the path that it leads to"
        );
        // What is no link is theirs to give.
        std::fs::write(top.join("theirs/file"), "").unwrap();
        assert!(open(&path("theirs/file")).is_ok());
    }
}
