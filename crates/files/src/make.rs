//! New files and directories.

use crate::dir::retry;
use crate::write::write_all;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The permissions of something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permissions {
    /// These, whatever the umask is.
    Exact(u32),
    /// These without the umask's, as of a file that a user makes.
    LessUmask(u32),
}

impl Permissions {
    /// The mode to open a new file with: until it has its exact mode it is private.
    pub(crate) fn at_first(self) -> Mode {
        match self {
            Self::Exact(mode) => Mode::from_raw_mode(mode) & Mode::RWXU,
            Self::LessUmask(mode) => Mode::from_raw_mode(mode),
        }
    }

    /// Gives a new file what [`Self::at_first`] couldn't.
    pub(crate) fn finish(self, file: &OwnedFd) -> Result<(), Errno> {
        match self {
            Self::Exact(mode) => rustix::fs::fchmod(file, Mode::from_raw_mode(mode)),
            Self::LessUmask(_) => Ok(()),
        }
    }
}

/// Makes a file that doesn't exist yet.
///
/// # Errors
/// `EXIST` if there is anything of that name, also a link; otherwise as open(2) and write(2), and no file is left.
pub fn create(at: impl AsFd, name: &[u8], bytes: &[u8], mode: Permissions) -> Result<(), Errno> {
    fn on(at: BorrowedFd<'_>, name: &[u8], bytes: &[u8], mode: Permissions) -> Result<(), Errno> {
        if let Permissions::LessUmask(_) = mode
            && bytes.is_empty()
        {
            // One call; where it isn't permitted, there is the other way.
            let made = sys::fs::mknodat(at, name, FileType::RegularFile, mode.at_first(), 0);
            if matches!(made, Ok(()) | Err(Errno::EXIST)) {
                return made;
            }
        }
        let file = open(at, name, OFlags::EXCL | OFlags::NOFOLLOW, mode)?;
        fill(&file, bytes, mode).inspect_err(|_| {
            let _ = sys::fs::unlinkat(at, name, AtFlags::empty());
        })
    }
    on(at.as_fd(), name, bytes, mode)
}

/// Writes a file in place: one that exists keeps its owner, and is cut off first.
///
/// Links are followed, so this is for directories that nobody else writes in; others may see a part of the content.
///
/// # Errors
/// As open(2) and write(2).
pub fn write_file(at: impl AsFd, name: &[u8], bytes: &[u8], mode: Permissions) -> Result<(), Errno> {
    fn on(at: BorrowedFd<'_>, name: &[u8], bytes: &[u8], mode: Permissions) -> Result<(), Errno> {
        fill(&open(at, name, OFlags::TRUNC, mode)?, bytes, mode)
    }
    on(at.as_fd(), name, bytes, mode)
}

fn open(at: BorrowedFd<'_>, name: &[u8], extra: OFlags, mode: Permissions) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | extra;
    retry(|| sys::fs::openat(at, name, flags, mode.at_first()))
}

fn fill(file: &OwnedFd, bytes: &[u8], mode: Permissions) -> Result<(), Errno> {
    write_all(file, bytes)?;
    mode.finish(file)
}

/// Makes a directory with this mode, whatever the umask is.
///
/// # Errors
/// As mkdir(2).
pub fn make_dir(at: impl AsFd, name: &[u8], mode: u32) -> Result<(), Errno> {
    fn on(at: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
        sys::fs::mkdirat(at, name, Mode::RWXU)?;
        sys::fs::chmodat(at, name, Mode::from_raw_mode(mode), AtFlags::empty())
    }
    on(at.as_fd(), name, mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn modes_are_exact_or_less_the_umask() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let mode = |name: &str| std::fs::metadata(tmp.path().join(name)).unwrap().mode() & 0o7777;
        // The other tests of this crate look at exact modes only.
        let umask = rustix::process::umask(Mode::from_raw_mode(0o027));
        for write in [create, write_file] {
            write(&dir, b"exact", b"x", Permissions::Exact(0o4757)).unwrap();
            write(&dir, b"masked", b"x", Permissions::LessUmask(0o666)).unwrap();
            assert_eq!((mode("exact"), mode("masked")), (0o4757, 0o640));
            std::fs::remove_file(tmp.path().join("exact")).unwrap();
            std::fs::remove_file(tmp.path().join("masked")).unwrap();
        }
        make_dir(&dir, b"d", 0o3757).unwrap();
        rustix::process::umask(umask);
        assert_eq!(mode("d"), 0o3757);
        assert_eq!(make_dir(&dir, b"d", 0o755), Err(Errno::EXIST));
    }

    #[test]
    fn what_is_there_is_left_alone_or_written_over() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(tmp.path().join(name)).unwrap();
        std::fs::write(tmp.path().join("f"), "longer").unwrap();
        symlink("target", tmp.path().join("link")).unwrap();
        for taken in [&b"f"[..], b"link"] {
            assert_eq!(create(&dir, taken, b"x", Permissions::Exact(0o644)), Err(Errno::EXIST));
        }
        assert_eq!(read("f"), "longer");
        assert!(!tmp.path().join("target").exists());
        write_file(&dir, b"f", b"x", Permissions::Exact(0o644)).unwrap();
        write_file(&dir, b"link", b"y", Permissions::Exact(0o644)).unwrap();
        assert_eq!((read("f").as_str(), read("target").as_str()), ("x", "y"));
    }
}
