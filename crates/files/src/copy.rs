//! Copying files and whole trees.

use crate::dir::{entries, open_dir, retry};
use crate::make::Permissions;
use crate::write::write_all;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The deepest tree that is copied; each level holds descriptors open.
pub(crate) const DEPTH: u32 = 100;

/// Whom a copy belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Whom the original belongs to, where the caller may give files away, which only root may.
    Kept,
    /// The caller.
    Caller,
}

/// Copies a file or a tree to a name that doesn't exist yet: directories, contents, links, FIFOs, sockets and devices,
/// with their modes, whatever the umask is.
///
/// # Errors
/// `EXIST` if there is something of that name, `LOOP` for a tree of more than 100 levels, or as the system calls.  What
/// was copied so far stays.
pub fn copy_tree(
    from: impl AsFd,
    name: &[u8],
    to: impl AsFd,
    as_name: &[u8],
    owners: Owners,
) -> Result<(), Errno> {
    copy((from.as_fd(), name), (to.as_fd(), as_name), owners, DEPTH)
}

/// Moves a file or a tree to another directory, where the name doesn't exist: by renaming, or as a copy, whose original
/// stays, if the file system can't.
///
/// # Errors
/// As [`copy_tree`] and rename(2).
pub fn move_tree(from: impl AsFd, to: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    match sys::fs::renameat(&from, name, &to, name) {
        Err(Errno::XDEV) => copy_tree(from, name, to, name, Owners::Kept),
        done => done,
    }
}

/// A directory and a name in it.
type Place<'a> = (BorrowedFd<'a>, &'a [u8]);

fn copy(from: Place<'_>, to: Place<'_>, owners: Owners, levels: u32) -> Result<(), Errno> {
    let st = sys::fs::statat(from.0, from.1, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(st.st_mode) {
        FileType::RegularFile => drop(copy_regular(from, to, OFlags::NOFOLLOW, Mode::RUSR | Mode::WUSR)?),
        FileType::Directory => copy_directory(from, to, owners, levels.checked_sub(1).ok_or(Errno::LOOP)?)?,
        FileType::Symlink => {
            let target = sys::fs::readlinkat(from.0, from.1, Vec::new())?;
            sys::fs::symlinkat(target, to.0, to.1)?;
        }
        other => sys::fs::mknodat(to.0, to.1, other, Mode::RUSR | Mode::WUSR, st.st_rdev)?,
    }
    take_after(&st, to, owners)
}

fn copy_directory(from: Place<'_>, to: Place<'_>, owners: Owners, levels: u32) -> Result<(), Errno> {
    let source = open_dir(from.0, from.1)?;
    sys::fs::mkdirat(to.0, to.1, Mode::RWXU)?;
    let target = open_dir(to.0, to.1)?;
    for entry in entries(&source)? {
        copy((source.as_fd(), &entry.name), (target.as_fd(), &entry.name), owners, levels)?;
    }
    Ok(())
}

/// Copies a regular file to a name that doesn't exist yet; a link to one is followed.
///
/// # Errors
/// `EXIST` if there is something of that name, otherwise as the system calls.  What was copied so far stays.
pub fn copy_file(
    from: impl AsFd,
    name: &[u8],
    to: impl AsFd,
    as_name: &[u8],
    mode: Permissions,
) -> Result<(), Errno> {
    let file = copy_regular((from.as_fd(), name), (to.as_fd(), as_name), OFlags::empty(), mode.at_first())?;
    mode.finish(&file)
}

fn copy_regular(from: Place<'_>, to: Place<'_>, extra: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    // NONBLOCK: a FIFO in the place of a file must not hang the copy.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | extra;
    let source = retry(|| sys::fs::openat(from.0, from.1, flags, Mode::empty()))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = retry(|| sys::fs::openat(to.0, to.1, flags, mode))?;
    copy_content(&source, &target).map(|()| target)
}

/// Gives a copy the owner and the mode of its original: the owner first, whose change takes set-id bits away.
fn take_after(st: &Stat, to: Place<'_>, owners: Owners) -> Result<(), Errno> {
    if owners == Owners::Kept {
        let (uid, gid) = (Uid::from_raw(st.st_uid), Gid::from_raw(st.st_gid));
        // Without the right to give files away, the copy is the caller's.
        let _ = sys::fs::chownat(to.0, to.1, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
    }
    if FileType::from_raw_mode(st.st_mode) == FileType::Symlink {
        return Ok(());
    }
    sys::fs::chmodat(to.0, to.1, Mode::from_raw_mode(st.st_mode & 0o7777), AtFlags::empty())
}

/// Copies what is left to read in one file to another.
///
/// # Errors
/// As read(2) and write(2).
pub fn copy_content(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    fn on(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            match retry(|| rustix::io::read(from, &mut chunk))? {
                0 => return Ok(()),
                n => write_all(to, chunk.get(..n).unwrap_or_default())?,
            }
        }
    }
    on(from.as_fd(), to.as_fd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::names_at;
    use crate::same::same_tree;
    use rustix::fs::CWD;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn set_mode(path: std::path::PathBuf, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_copy_is_the_same() {
        let tmp = tempfile::tempdir().unwrap();
        let top = tmp.path();
        let dir = std::fs::File::open(top).unwrap();
        std::fs::create_dir_all(top.join("a/sub")).unwrap();
        std::fs::write(top.join("a/sub/f"), vec![b'x'; 40_000]).unwrap();
        set_mode(top.join("a/sub/f"), 0o4711);
        set_mode(top.join("a/sub"), 0o3777);
        symlink("nowhere", top.join("a/link")).unwrap();
        sys::fs::mknodat(CWD, top.join("a/fifo"), FileType::Fifo, Mode::empty(), 0).unwrap();
        set_mode(top.join("a/fifo"), 0o622);
        for owners in [Owners::Kept, Owners::Caller] {
            copy_tree(&dir, b"a", &dir, b"b", owners).unwrap();
            assert_eq!(std::fs::read(top.join("b/sub/f")).unwrap(), vec![b'x'; 40_000]);
            assert_eq!(std::fs::metadata(top.join("b/sub/f")).unwrap().mode(), 0o104_711);
            assert_eq!(std::fs::metadata(top.join("b/sub")).unwrap().mode(), 0o043_777);
            assert_eq!(std::fs::metadata(top.join("b/fifo")).unwrap().mode(), 0o010_622);
            assert_eq!(std::fs::read_link(top.join("b/link")).unwrap(), std::path::Path::new("nowhere"));
            assert!(same_tree(&dir, b"a", b"b").unwrap());
            crate::remove_tree(&dir, b"b").unwrap();
        }
    }

    #[test]
    fn owners_are_kept_if_asked_for() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("a"), "").unwrap();
        let own = std::fs::metadata(tmp.path().join("a")).unwrap().uid();
        let is_root = own == 0;
        if is_root {
            sys::fs::chown(tmp.path().join("a"), Some(Uid::from_raw(12)), Some(Gid::from_raw(34))).unwrap();
            set_mode(tmp.path().join("a"), 0o6755);
        }
        for (owners, expected) in [(Owners::Kept, if is_root { 12 } else { own }), (Owners::Caller, own)] {
            copy_tree(&dir, b"a", &dir, b"b", owners).unwrap();
            let st = std::fs::metadata(tmp.path().join("b")).unwrap();
            assert_eq!(st.uid(), expected);
            assert_eq!(st.mode() & 0o7777 == 0o6755, is_root, "set-id bits survive the change of owner");
            std::fs::remove_file(tmp.path().join("b")).unwrap();
        }
    }

    #[test]
    fn nothing_is_copied_over_or_through_a_link() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("f"), "new").unwrap();
        std::fs::create_dir(tmp.path().join("d")).unwrap();
        symlink("target", tmp.path().join("link")).unwrap();
        for from in [&b"f"[..], b"d", b"link"] {
            for to in [&b"f"[..], b"d", b"link"] {
                assert_eq!(copy_tree(&dir, from, &dir, to, Owners::Kept), Err(Errno::EXIST));
            }
        }
        assert_eq!(copy_tree(&dir, b"none", &dir, b"x", Owners::Kept), Err(Errno::NOENT));
        assert_eq!(names_at(&dir, b".").unwrap(), [&b"d"[..], b"f", b"link"]);
    }

    #[test]
    fn a_file_is_copied_through_a_link_with_another_mode() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("f"), "text").unwrap();
        symlink("f", tmp.path().join("link")).unwrap();
        copy_file(&dir, b"link", &dir, b"g", Permissions::Exact(0o751)).unwrap();
        let st = std::fs::symlink_metadata(tmp.path().join("g")).unwrap();
        assert_eq!((st.mode(), st.len()), (0o100_751, 4));
        assert_eq!(copy_file(&dir, b"f", &dir, b"link", Permissions::Exact(0o644)), Err(Errno::EXIST));
        assert_eq!(copy_file(&dir, b"none", &dir, b"h", Permissions::Exact(0o644)), Err(Errno::NOENT));
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir_all(tmp.path().join("a/".repeat(100))).unwrap();
        assert_eq!(copy_tree(&dir, b"a", &dir, b"b", Owners::Kept), Ok(()));
        std::fs::create_dir_all(tmp.path().join("a/".repeat(101))).unwrap();
        assert_eq!(copy_tree(&dir, b"a", &dir, b"c", Owners::Kept), Err(Errno::LOOP));
    }
}
