//! Replacing a file at once.

use crate::dir::retry;
use crate::make::Permissions;
use crate::temporary::{sole_name, unique_name};
use crate::write::write_all;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, fchown, fsync};
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
}
