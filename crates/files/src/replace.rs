//! Replacing a file at once.

use crate::dir::retry;
use crate::make::Permissions;
use crate::temporary::{sole_name, unique_name};
use crate::write::write_all;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, fchown, fsync};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Who may replace a file at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// This process only, because it holds a lock or nobody else may write there: a left-over of a former process is
    /// removed.
    One,
    /// Others as well: each has a temporary name of its own, and the last one's content stays.
    Many,
}

/// How a file is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Replace {
    /// The permissions of the new file; the old one's don't count.
    pub mode: Permissions,
    /// The user and the group that it belongs to; the caller's if `None`.
    pub owner: Option<(u32, u32)>,
    /// Whether it is on the disk before it has its name, and its name is before this returns.
    pub sync: bool,
    /// Who else may do this.
    pub writers: Writers,
}

impl Replace {
    /// As a program writes a file for others to read: with these permissions, without waiting for the disk.
    #[must_use]
    pub fn with(mode: Permissions, writers: Writers) -> Self {
        Self { mode, owner: None, sync: false, writers }
    }
}

/// Makes the file `name` in `dir` one with this content: who opens it gets the old one or the new one.
///
/// A link of that name is replaced, not followed.  `name` may be a path.
///
/// # Errors
/// As open(2), write(2), fsync(2), fchown(2) and rename(2); the file stays as it was and no other is left.  Only after
/// a failure to sync the directory it is the new one.
pub fn replace_at(dir: impl AsFd, name: &[u8], bytes: &[u8], how: Replace) -> Result<(), Errno> {
    fn on(dir: BorrowedFd<'_>, name: &[u8], bytes: &[u8], how: Replace) -> Result<(), Errno> {
        let (temporary, file) = open(dir, name, how)?;
        let done = fill(&file, bytes, how).and_then(|()| sys::fs::renameat(dir, &temporary, dir, name));
        if let Err(e) = done {
            let _ = sys::fs::unlinkat(dir, &temporary, AtFlags::empty());
            return Err(e);
        }
        if how.sync { sync_parent(dir, name) } else { Ok(()) }
    }
    on(dir.as_fd(), name, bytes, how)
}

/// How a file got its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A new file took its place: a reader got the old one or the new one.
    Replaced,
    /// For this reason it could not be replaced, and the file that was there was overwritten.
    Overwritten(Errno),
}

/// Replaces a file as [`replace_at`] does, or overwrites it where there is no room for another one.
///
/// # Errors
/// Why it could not be replaced, if it could not be overwritten, either.
pub fn replace_or_overwrite(
    dir: impl AsFd,
    name: &[u8],
    bytes: &[u8],
    how: Replace,
) -> Result<Written, Errno> {
    let dir = dir.as_fd();
    let Err(why) = replace_at(dir, name, bytes, how) else { return Ok(Written::Replaced) };
    overwrite_at(dir, name, bytes).map(|()| Written::Overwritten(why)).map_err(|_| why)
}

/// Writes into a file that exists, in place, and cuts off what is beyond; its permissions stay.
///
/// A full file system usually permits that: the file's blocks are its own already.  A process that reads at this very
/// moment may get a part of the old content: the kernel copies up to a page for one read(2) and one write(2), and tmpfs,
/// ext4 and others don't keep these two copies apart.
///
/// # Errors
/// `NOENT` if it doesn't exist, `LOOP` if it is a link, `INVAL` if it isn't a regular file; as open(2), pwrite(2) and
/// ftruncate(2).
pub fn overwrite_at(dir: impl AsFd, name: &[u8], bytes: &[u8]) -> Result<(), Errno> {
    fn on(dir: BorrowedFd<'_>, name: &[u8], bytes: &[u8]) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = retry(|| sys::fs::openat(dir, name, flags, Mode::empty()))?;
        let st = sys::fs::fstat(&file)?;
        if FileType::from_raw_mode(st.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        let length = u64::try_from(bytes.len()).map_err(|_| Errno::FBIG)?;
        // In one piece, or not at all: a small file is within one block.
        if retry(|| rustix::io::pwrite(&file, bytes, 0))? != bytes.len() {
            return Err(Errno::NOSPC);
        }
        if u64::try_from(st.st_size).is_ok_and(|size| size > length) {
            retry(|| rustix::fs::ftruncate(&file, length))?;
        }
        Ok(())
    }
    on(dir.as_fd(), name, bytes)
}

/// A new file under a temporary name.
fn open(dir: BorrowedFd<'_>, name: &[u8], how: Replace) -> Result<(Vec<u8>, OwnedFd), Errno> {
    let temporary = match how.writers {
        Writers::One => sole_name(name),
        Writers::Many => unique_name(name),
    };
    // Until it has its owner, it is private.
    let mode = if how.owner.is_some() { Mode::RUSR | Mode::WUSR } else { how.mode.at_first() };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || retry(|| sys::fs::openat(dir, &temporary, flags, mode));
    let file = match open() {
        Err(Errno::EXIST) if how.writers == Writers::One => {
            sys::fs::unlinkat(dir, &temporary, AtFlags::empty())?;
            open()?
        }
        opened => opened?,
    };
    Ok((temporary, file))
}

fn fill(file: &OwnedFd, bytes: &[u8], how: Replace) -> Result<(), Errno> {
    write_all(file, bytes)?;
    if let Some((uid, gid)) = how.owner {
        let made = sys::fs::fstat(file)?;
        if (made.st_uid, made.st_gid) != (uid, gid) {
            fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
    }
    // After the owner, whose change takes set-id bits away.
    how.mode.finish(file)?;
    if how.sync { retry(|| fsync(file)) } else { Ok(()) }
}

fn sync_parent(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let parent = match name.iter().rposition(|b| *b == b'/') {
        None => b".",
        Some(slash) => name.get(..=slash).unwrap_or_default(),
    };
    let parent = crate::dir::open_dir(dir, parent)?;
    retry(|| fsync(&parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::names_at;
    use std::os::unix::fs::{MetadataExt, symlink};

    const HOW: Replace =
        Replace { mode: Permissions::Exact(0o640), owner: None, sync: false, writers: Writers::Many };

    #[test]
    fn the_new_file_takes_the_place_of_anything_but_a_directory() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("old"), "old").unwrap();
        std::fs::write(tmp.path().join("target"), "target").unwrap();
        symlink("target", tmp.path().join("link")).unwrap();
        std::fs::create_dir(tmp.path().join("d")).unwrap();
        for writers in [Writers::One, Writers::Many] {
            for sync in [false, true] {
                let how = Replace { writers, sync, ..HOW };
                for name in ["old", "link", "new", "d/new"] {
                    replace_at(&dir, name.as_bytes(), b"bytes", how).unwrap();
                    let path = tmp.path().join(name);
                    assert_eq!(std::fs::read_to_string(&path).unwrap(), "bytes", "{name}");
                    assert_eq!(std::fs::symlink_metadata(path).unwrap().mode(), 0o100_640, "{name}");
                }
                assert_eq!(replace_at(&dir, b"d", b"bytes", how), Err(Errno::ISDIR));
            }
        }
        assert_eq!(std::fs::read_to_string(tmp.path().join("target")).unwrap(), "target");
        assert_eq!(names_at(&dir, b".").unwrap(), [&b"d"[..], b"link", b"new", b"old", b"target"]);
        assert_eq!(names_at(&dir, b"d").unwrap(), [b"new"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir_all(tmp.path().join("d/full")).unwrap();
        assert_eq!(replace_at(&dir, b"d", b"x", HOW), Err(Errno::ISDIR), "rename(2) fails");
        assert_eq!(replace_at(&dir, b"none/f", b"x", HOW), Err(Errno::NOENT), "open(2) fails");
        if !rustix::process::geteuid().is_root() {
            std::fs::write(tmp.path().join("f"), "old").unwrap();
            let how = Replace { owner: Some((0, 0)), ..HOW };
            assert_eq!(replace_at(&dir, b"f", b"x", how), Err(Errno::PERM), "fchown(2) fails");
            assert_eq!(std::fs::read_to_string(tmp.path().join("f")).unwrap(), "old");
            std::fs::remove_file(tmp.path().join("f")).unwrap();
        }
        assert_eq!(names_at(&dir, b".").unwrap(), [b"d"]);
    }

    #[test]
    fn a_left_over_or_a_trap_under_the_temporary_name_does_no_harm() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let how = Replace { writers: Writers::One, ..HOW };
        std::fs::write(tmp.path().join("victim"), "victim").unwrap();
        symlink("victim", tmp.path().join(".f:new")).unwrap();
        replace_at(&dir, b"f", b"1", how).unwrap();
        std::fs::write(tmp.path().join(".f:new"), "a longer left-over").unwrap();
        replace_at(&dir, b"f", b"2", how).unwrap();
        assert_eq!(std::fs::read_to_string(tmp.path().join("f")).unwrap(), "2");
        assert_eq!(std::fs::read_to_string(tmp.path().join("victim")).unwrap(), "victim");
        assert_eq!(names_at(&dir, b".").unwrap(), [&b"f"[..], b"victim"]);
    }

    #[test]
    fn owner_and_set_id_bits_are_as_wanted() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let owner = if own.0 == 0 { (12, 34) } else { own };
        let how = Replace { mode: Permissions::Exact(0o6755), owner: Some(owner), ..HOW };
        replace_at(&dir, b"f", b"x", how).unwrap();
        let st = std::fs::metadata(tmp.path().join("f")).unwrap();
        assert_eq!((st.mode() & 0o7777, (st.uid(), st.gid())), (0o6755, owner));
    }

    #[test]
    fn what_can_not_be_replaced_is_overwritten() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("f"), "a long text").unwrap();
        let way = |bytes: &[u8]| replace_or_overwrite(&dir, b"f", bytes, HOW);
        assert_eq!(way(b"new"), Ok(Written::Replaced));
        // A directory that nobody empties is in the way of the new file.
        std::fs::create_dir_all(tmp.path().join(".f:new/full")).unwrap();
        let how = Replace { writers: Writers::One, ..HOW };
        for text in ["newer", "", "the newest"] {
            let written = replace_or_overwrite(&dir, b"f", text.as_bytes(), how);
            assert!(matches!(written, Ok(Written::Overwritten(_))), "{written:?}");
            assert_eq!(std::fs::read_to_string(tmp.path().join("f")).unwrap(), text);
        }
        std::fs::remove_file(tmp.path().join("f")).unwrap();
        assert!(replace_or_overwrite(&dir, b"f", b"x", how).is_err(), "there is nothing to overwrite");
    }

    #[test]
    fn only_a_regular_file_is_overwritten() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("f"), "old").unwrap();
        symlink("f", tmp.path().join("link")).unwrap();
        sys::fs::mknodat(&dir, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(overwrite_at(&dir, b"none", b"x"), Err(Errno::NOENT));
        assert_eq!(overwrite_at(&dir, b"link", b"x"), Err(Errno::LOOP));
        assert_eq!(overwrite_at(&dir, b"fifo", b"x"), Err(Errno::NXIO));
        assert_eq!(overwrite_at(&dir, b".", b"x"), Err(Errno::ISDIR));
        assert_eq!(std::fs::read_to_string(tmp.path().join("f")).unwrap(), "old");
    }
}
