//! System calls that take paths.
//!
//! rustix has them all, but compiles each once per type of path and descriptor: some hundreds of copies.  Here each is
//! one function on bytes.  What they do, and their errors, are rustix's.
#![expect(clippy::disallowed_methods, reason = "here they are compiled once")]

use crate::missing::is_missing;
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
        let done = rustix::fs::statat(dir, path, flags);
        #[cfg(target_pointer_width = "32")]
        if matches!(done, Err(Errno::PERM)) {
            return old_stat::statat(dir, path, flags);
        }
        done
    }
    on_bytes(dir.as_fd(), path.bytes(), flags)
}

/// fstat(2).
#[inline]
pub fn fstat(fd: impl AsFd) -> Result<Stat, Errno> {
    #[inline(never)]
    fn on_fd(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
        let done = rustix::fs::fstat(fd);
        #[cfg(target_pointer_width = "32")]
        if matches!(done, Err(Errno::PERM)) {
            return old_stat::fstat(fd);
        }
        done
    }
    on_fd(fd.as_fd())
}

/// access(2), with the real ids.
#[inline]
pub fn access(path: impl Path, access: Access) -> Result<(), Errno> {
    accessat(CWD, path, access, AtFlags::empty())
}

/// faccessat(2).  Without faccessat2(2), the effective ids count by the file's mode.
#[inline]
pub fn accessat(dir: impl AsFd, path: impl Path, access: Access, flags: AtFlags) -> Result<(), Errno> {
    #[inline(never)]
    fn on_bytes(dir: BorrowedFd<'_>, path: &[u8], access: Access, flags: AtFlags) -> Result<(), Errno> {
        // Only flags take faccessat2(2), which came with Linux 5.8.
        if flags.is_empty() || (flags == AtFlags::EACCESS && !crate::credential::is_raised()) {
            return rustix::fs::accessat(dir, path, access, AtFlags::empty());
        }
        match rustix::fs::accessat(dir, path, access, flags) {
            Err(e) if is_missing(e) && flags == AtFlags::EACCESS => {
                let st = statat(dir, path, AtFlags::empty())?;
                if allows(&st, access) { Ok(()) } else { Err(Errno::ACCESS) }
            }
            done => done,
        }
    }
    on_bytes(dir.as_fd(), path.bytes(), access, flags)
}

/// Whether a file's mode allows this to the effective ids.
fn allows(st: &Stat, access: Access) -> bool {
    let user = rustix::process::geteuid().as_raw();
    if user == 0 {
        return !access.contains(Access::EXEC_OK)
            || st.st_mode & 0o111 != 0
            || st.st_mode & 0o170_000 == 0o040_000;
    }
    let in_group = || {
        rustix::process::getegid().as_raw() == st.st_gid
            || rustix::process::getgroups().is_ok_and(|groups| groups.iter().any(|g| g.as_raw() == st.st_gid))
    };
    let shift = if user == st.st_uid {
        6
    } else if in_group() {
        3
    } else {
        0
    };
    let wanted = access.bits() & 0o7;
    (st.st_mode >> shift) & wanted == wanted
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

/// stat(2) as it was before statx(2), on machines whose structure has 32-bit times.
#[cfg(target_pointer_width = "32")]
mod old_stat {
    use rustix::fs::{AtFlags, Stat};
    use rustix::io::Errno;
    use std::ffi::CString;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, BorrowedFd};

    /// The kernel's `struct stat64`, the same on x86 and ARM but for the alignment of 64-bit numbers.
    #[repr(C)]
    struct Stat64 {
        dev: u64,
        pad0: [u8; 4],
        short_ino: u32,
        mode: u32,
        nlink: u32,
        uid: u32,
        gid: u32,
        rdev: u64,
        pad3: [u8; 4],
        size: i64,
        blksize: u32,
        blocks: u64,
        /// Seconds and nanoseconds of the last access, the last modification and the last change of status.
        times: [u32; 6],
        ino: u64,
    }

    fn converted(rc: libc::c_long, raw: &MaybeUninit<Stat64>) -> Result<Stat, Errno> {
        if rc == -1 {
            return Err(crate::errno::last());
        }
        // SAFETY: the call has filled the structure in, and all bytes of its fields are valid.
        let raw = unsafe { raw.assume_init_ref() };
        // SAFETY: the structure consists of integers.
        let mut st: Stat = unsafe { std::mem::zeroed() };
        (st.st_dev, st.st_ino, st.st_rdev) = (raw.dev, raw.ino, raw.rdev);
        (st.st_mode, st.st_nlink, st.st_uid, st.st_gid) = (raw.mode, raw.nlink, raw.uid, raw.gid);
        (st.st_size, st.st_blksize, st.st_blocks) = (raw.size, raw.blksize, raw.blocks);
        let [atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec] = raw.times;
        let signed = |seconds: u32| i64::from(seconds.cast_signed());
        (st.st_atime, st.st_mtime, st.st_ctime) = (signed(atime), signed(mtime), signed(ctime));
        (st.st_atime_nsec, st.st_mtime_nsec, st.st_ctime_nsec) = (atime_nsec, mtime_nsec, ctime_nsec);
        Ok(st)
    }

    pub(super) fn statat(dir: BorrowedFd<'_>, path: &[u8], flags: AtFlags) -> Result<Stat, Errno> {
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        let mut raw = MaybeUninit::<Stat64>::zeroed();
        let (dir, flags) = (dir.as_raw_fd(), flags.bits());
        // SAFETY: a NUL-terminated string, and a structure of the call's layout, which it fills in.
        let rc = unsafe { libc::syscall(libc::SYS_fstatat64, dir, path.as_ptr(), raw.as_mut_ptr(), flags) };
        converted(rc, &raw)
    }

    pub(super) fn fstat(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
        let mut raw = MaybeUninit::<Stat64>::zeroed();
        // SAFETY: a structure of the call's layout, which it fills in.
        let rc = unsafe { libc::syscall(libc::SYS_fstat64, fd.as_raw_fd(), raw.as_mut_ptr()) };
        converted(rc, &raw)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn both_ways_tell_the_same() {
            let shown = |st: &Stat| format!("{st:?}");
            let file = std::fs::File::open("/proc/self/exe").unwrap();
            let st = rustix::fs::fstat(&file).unwrap();
            assert_eq!(shown(&fstat(std::os::fd::AsFd::as_fd(&file)).unwrap()), shown(&st));
            let st = rustix::fs::statat(rustix::fs::CWD, "/etc/passwd", AtFlags::empty()).unwrap();
            assert_eq!(
                shown(&statat(rustix::fs::CWD, b"/etc/passwd", AtFlags::empty()).unwrap()),
                shown(&st)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_allows_what_it_says() {
        let st = stat("/proc/self/exe").unwrap();
        assert!(allows(&st, Access::EXEC_OK | Access::READ_OK));
        let plain = stat("/etc/passwd").unwrap();
        assert!(allows(&plain, Access::READ_OK) && !allows(&plain, Access::EXEC_OK));
        assert!(allows(&stat("/").unwrap(), Access::EXEC_OK | Access::EXISTS));
    }
}
