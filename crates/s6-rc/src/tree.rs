//! Whole trees: copied with owners and modes, compared, and removed.

use crate::folder::{Kind, entries, open_directory};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use tool::path::join;

/// The deepest tree that is copied or removed; each level holds descriptors open.
const DEPTH: u32 = 100;

fn copy_data(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut chunk = [0_u8; 16384];
    loop {
        match rustix::io::read(from, &mut chunk) {
            Err(Errno::INTR) => {}
            Ok(0) => return Ok(()),
            done => crate::folder::write_all(to, chunk.get(..done?).unwrap_or_default())?,
        }
    }
}

/// Copies a regular file to a name that doesn't exist yet.
pub(crate) fn copy_file(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    as_name: &[u8],
    mode: u32,
) -> Result<(), Errno> {
    let source = sys::fs::openat(from, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let target = sys::fs::openat(to, as_name, flags, Mode::from_raw_mode(mode & 0o777))?;
    copy_data(source.as_fd(), target.as_fd())
}

fn copy_at(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    as_name: &[u8],
    depth: u32,
) -> Result<(), Errno> {
    let st = sys::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = st.st_mode & 0o7777;
    let kind = FileType::from_raw_mode(st.st_mode);
    match kind {
        FileType::RegularFile => copy_file(from, name, to, as_name, mode)?,
        FileType::Directory => {
            let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
            let source = open_directory(from, name)?;
            sys::fs::mkdirat(to, as_name, Mode::RWXU)?;
            let target = open_directory(to, as_name)?;
            for entry in entries(source.as_fd())? {
                copy_at(source.as_fd(), &entry.name, target.as_fd(), &entry.name, below)?;
            }
        }
        FileType::Symlink => {
            let target = sys::fs::readlinkat(from, name, Vec::new())?;
            sys::fs::symlinkat(target, to, as_name)?;
        }
        other => sys::fs::mknodat(to, as_name, other, Mode::from_raw_mode(mode & 0o777), st.st_rdev)?,
    }
    // Only root may give files away: without that right the copy belongs to whoever makes it.
    let _ = sys::fs::chownat(
        to,
        as_name,
        Some(Uid::from_raw(st.st_uid)),
        Some(Gid::from_raw(st.st_gid)),
        AtFlags::SYMLINK_NOFOLLOW,
    );
    if kind != FileType::Symlink {
        sys::fs::chmodat(to, as_name, Mode::from_raw_mode(mode), AtFlags::empty())?;
    }
    Ok(())
}

/// Copies a file or tree to a name that doesn't exist yet: contents, links, FIFOs and devices, with modes, and
/// with owners where permitted.
pub(crate) fn copy(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    as_name: &[u8],
) -> Result<(), Errno> {
    copy_at(from, name, to, as_name, DEPTH)
}

fn same_at(at: BorrowedFd<'_>, a: &[u8], b: &[u8], depth: u32) -> Result<bool, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let (st, other) = (sys::fs::statat(at, a, flags)?, sys::fs::statat(at, b, flags)?);
    if (st.st_mode, st.st_uid, st.st_gid) != (other.st_mode, other.st_uid, other.st_gid) {
        return Ok(false);
    }
    match FileType::from_raw_mode(st.st_mode) {
        FileType::RegularFile => {
            let read = |name| crate::folder::read(at, name, usize::MAX);
            Ok(st.st_size == other.st_size && read(a)? == read(b)?)
        }
        FileType::Symlink => {
            let read = |name| sys::fs::readlinkat(at, name, Vec::new());
            Ok(read(a)? == read(b)?)
        }
        FileType::Directory => {
            let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
            let names = |name| -> Result<Vec<Vec<u8>>, Errno> {
                let found = entries(open_directory(at, name)?.as_fd())?;
                let mut names: Vec<_> = found.into_iter().map(|e| e.name).collect();
                names.sort();
                Ok(names)
            };
            let (list, other) = (names(a)?, names(b)?);
            if list != other {
                return Ok(false);
            }
            for name in list {
                if !same_at(at, &join(a, &name), &join(b, &name), below)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(st.st_rdev == other.st_rdev),
    }
}

/// Whether two trees have the same names, modes, owners and contents.
pub(crate) fn same(at: BorrowedFd<'_>, a: &[u8], b: &[u8]) -> Result<bool, Errno> {
    same_at(at, a, b, DEPTH)
}

fn remove_at(at: BorrowedFd<'_>, name: &[u8], depth: u32) -> Result<(), Errno> {
    match sys::fs::unlinkat(at, name, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        done => return done,
    }
    let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let dir = sys::fs::openat(at, name, flags, Mode::empty())?;
    for entry in entries(dir.as_fd())? {
        if entry.kind == Kind::Directory {
            remove_at(dir.as_fd(), &entry.name, below)?;
        } else {
            sys::fs::unlinkat(&dir, &entry.name, AtFlags::empty())?;
        }
    }
    sys::fs::unlinkat(at, name, AtFlags::REMOVEDIR)
}

/// Removes a file or a tree; it is no error if there is none.  Links are not followed.
pub(crate) fn remove(at: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    remove_at(at, name, DEPTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_copy_has_modes_and_links_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        std::fs::create_dir_all(top.join("a/sub")).unwrap();
        std::fs::write(top.join("a/sub/f"), "text").unwrap();
        std::fs::set_permissions(top.join("a/sub/f"), std::fs::Permissions::from_mode(0o4711)).unwrap();
        symlink("nowhere", top.join("a/link")).unwrap();
        let fd = open_directory(rustix::fs::CWD, top.as_os_str().as_bytes()).unwrap();
        copy(fd.as_fd(), b"a", fd.as_fd(), b"b").unwrap();
        assert_eq!(std::fs::read(top.join("b/sub/f")).unwrap(), b"text");
        assert_eq!(std::fs::metadata(top.join("b/sub/f")).unwrap().permissions().mode() & 0o7777, 0o4711);
        assert_eq!(std::fs::read_link(top.join("b/link")).unwrap(), std::path::Path::new("nowhere"));
        assert!(same(fd.as_fd(), b"a", b"b").unwrap());
        std::fs::write(top.join("b/sub/f"), "TEXT").unwrap();
        assert!(!same(fd.as_fd(), b"a", b"b").unwrap());
        remove(fd.as_fd(), b"b").unwrap();
        assert!(!top.join("b").exists());
        remove(fd.as_fd(), b"b").unwrap();
    }
}
