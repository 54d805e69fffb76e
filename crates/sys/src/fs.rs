//! System calls that take paths.
//!
//! rustix has them all, but compiles each once per type of path and descriptor: some hundreds of copies.  Here each is
//! one function on bytes.  What they do, and their errors, are rustix's.
#![expect(clippy::disallowed_methods, reason = "here they are compiled once")]

use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A type that can be a path.
pub trait Path {
    /// Its bytes.
    fn bytes(&self) -> &[u8];
}

macro_rules! paths {
    ($($kind:ty: $bytes:expr),* $(,)?) => {$(
        impl Path for $kind {
            fn bytes(&self) -> &[u8] {
                let bytes: fn(&Self) -> &[u8] = $bytes;
                bytes(self)
            }
        }
    )*};
}

paths! {
    [u8]: |path| path,
    Vec<u8>: |path| path,
    str: |path| path.as_bytes(),
    String: |path| path.as_bytes(),
    CStr: |path| path.to_bytes(),
    CString: |path| path.as_bytes(),
    OsStr: |path| path.as_encoded_bytes(),
    OsString: |path| path.as_encoded_bytes(),
    std::path::Path: |path| path.as_os_str().as_encoded_bytes(),
    std::path::PathBuf: |path| path.as_os_str().as_encoded_bytes(),
}

impl<T: Path + ?Sized> Path for &T {
    fn bytes(&self) -> &[u8] {
        (*self).bytes()
    }
}

/// open(2).
#[inline]
pub fn open(path: impl Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    openat(CWD, path, flags, mode)
}

/// openat(2).
#[inline]
pub fn openat(dir: impl AsFd, path: impl Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(dir, path, flags, mode)
    }
    on_bytes(dir.as_fd(), path.bytes(), flags, mode)
}

/// stat(2).
#[inline]
pub fn stat(path: impl Path) -> Result<Stat, Errno> {
    statat(CWD, path, AtFlags::empty())
}

/// lstat(2).
#[inline]
pub fn lstat(path: impl Path) -> Result<Stat, Errno> {
    statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
}

/// fstatat(2).
#[inline]
pub fn statat(dir: impl AsFd, path: impl Path, flags: AtFlags) -> Result<Stat, Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], flags: AtFlags) -> Result<Stat, Errno> {
        rustix::fs::statat(dir, path, flags)
    }
    on_bytes(dir.as_fd(), path.bytes(), flags)
}

/// access(2), with the real ids.
#[inline]
pub fn access(path: impl Path, access: Access) -> Result<(), Errno> {
    accessat(CWD, path, access, AtFlags::empty())
}

/// faccessat(2).
#[inline]
pub fn accessat(dir: impl AsFd, path: impl Path, access: Access, flags: AtFlags) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], access: Access, flags: AtFlags) -> Result<(), Errno> {
        rustix::fs::accessat(dir, path, access, flags)
    }
    on_bytes(dir.as_fd(), path.bytes(), access, flags)
}

/// mkdir(2).
#[inline]
pub fn mkdir(path: impl Path, mode: Mode) -> Result<(), Errno> {
    mkdirat(CWD, path, mode)
}

/// mkdirat(2).
#[inline]
pub fn mkdirat(dir: impl AsFd, path: impl Path, mode: Mode) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], mode: Mode) -> Result<(), Errno> {
        rustix::fs::mkdirat(dir, path, mode)
    }
    on_bytes(dir.as_fd(), path.bytes(), mode)
}

/// mknodat(2).
#[inline]
pub fn mknodat(dir: impl AsFd, path: impl Path, kind: FileType, mode: Mode, dev: u64) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], kind: FileType, mode: Mode, dev: u64) -> Result<(), Errno> {
        rustix::fs::mknodat(dir, path, kind, mode, dev)
    }
    on_bytes(dir.as_fd(), path.bytes(), kind, mode, dev)
}

/// unlink(2).
#[inline]
pub fn unlink(path: impl Path) -> Result<(), Errno> {
    unlinkat(CWD, path, AtFlags::empty())
}

/// unlinkat(2).
#[inline]
pub fn unlinkat(dir: impl AsFd, path: impl Path, flags: AtFlags) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], flags: AtFlags) -> Result<(), Errno> {
        rustix::fs::unlinkat(dir, path, flags)
    }
    on_bytes(dir.as_fd(), path.bytes(), flags)
}

/// chmod(2).
#[inline]
pub fn chmod(path: impl Path, mode: Mode) -> Result<(), Errno> {
    chmodat(CWD, path, mode, AtFlags::empty())
}

/// fchmodat(2).
#[inline]
pub fn chmodat(dir: impl AsFd, path: impl Path, mode: Mode, flags: AtFlags) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], mode: Mode, flags: AtFlags) -> Result<(), Errno> {
        rustix::fs::chmodat(dir, path, mode, flags)
    }
    on_bytes(dir.as_fd(), path.bytes(), mode, flags)
}

/// chown(2).
#[inline]
pub fn chown(path: impl Path, uid: Option<Uid>, gid: Option<Gid>) -> Result<(), Errno> {
    chownat(CWD, path, uid, gid, AtFlags::empty())
}

/// fchownat(2).
#[inline]
pub fn chownat(
    dir: impl AsFd,
    path: impl Path,
    uid: Option<Uid>,
    gid: Option<Gid>,
    flags: AtFlags,
) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(
        dir: BorrowedFd<'_>,
        path: &[u8],
        uid: Option<Uid>,
        gid: Option<Gid>,
        flags: AtFlags,
    ) -> Result<(), Errno> {
        rustix::fs::chownat(dir, path, uid, gid, flags)
    }
    on_bytes(dir.as_fd(), path.bytes(), uid, gid, flags)
}

/// rename(2).
#[inline]
pub fn rename(old: impl Path, new: impl Path) -> Result<(), Errno> {
    renameat(CWD, old, CWD, new)
}

/// renameat(2).
#[inline]
pub fn renameat(old_dir: impl AsFd, old: impl Path, new_dir: impl AsFd, new: impl Path) -> Result<(), Errno> {
    renameat_with(old_dir, old, new_dir, new, RenameFlags::empty())
}

/// renameat2(2); renameat(2) without flags.
#[inline]
pub fn renameat_with(
    old_dir: impl AsFd,
    old: impl Path,
    new_dir: impl AsFd,
    new: impl Path,
    flags: RenameFlags,
) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(
        old: (BorrowedFd<'_>, &[u8]),
        new: (BorrowedFd<'_>, &[u8]),
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        if flags.is_empty() {
            rustix::fs::renameat(old.0, old.1, new.0, new.1)
        } else {
            rustix::fs::renameat_with(old.0, old.1, new.0, new.1, flags)
        }
    }
    on_bytes((old_dir.as_fd(), old.bytes()), (new_dir.as_fd(), new.bytes()), flags)
}

/// linkat(2).
#[inline]
pub fn linkat(
    old_dir: impl AsFd,
    old: impl Path,
    new_dir: impl AsFd,
    new: impl Path,
    flags: AtFlags,
) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(
        old: (BorrowedFd<'_>, &[u8]),
        new: (BorrowedFd<'_>, &[u8]),
        flags: AtFlags,
    ) -> Result<(), Errno> {
        rustix::fs::linkat(old.0, old.1, new.0, new.1, flags)
    }
    on_bytes((old_dir.as_fd(), old.bytes()), (new_dir.as_fd(), new.bytes()), flags)
}

/// symlink(2): makes `link`, which leads to `target`.
#[inline]
pub fn symlink(target: impl Path, link: impl Path) -> Result<(), Errno> {
    symlinkat(target, CWD, link)
}

/// symlinkat(2).
#[inline]
pub fn symlinkat(target: impl Path, dir: impl AsFd, link: impl Path) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(target: &[u8], dir: BorrowedFd<'_>, link: &[u8]) -> Result<(), Errno> {
        rustix::fs::symlinkat(target, dir, link)
    }
    on_bytes(target.bytes(), dir.as_fd(), link.bytes())
}

/// readlink(2), of any length; `room` is a buffer to reuse.
#[inline]
pub fn readlink(path: impl Path, room: Vec<u8>) -> Result<CString, Errno> {
    readlinkat(CWD, path, room)
}

/// readlinkat(2), of any length; `room` is a buffer to reuse.
#[inline]
pub fn readlinkat(dir: impl AsFd, path: impl Path, room: Vec<u8>) -> Result<CString, Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], room: Vec<u8>) -> Result<CString, Errno> {
        rustix::fs::readlinkat(dir, path, room)
    }
    on_bytes(dir.as_fd(), path.bytes(), room)
}
