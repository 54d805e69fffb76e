//! Renaming what is finished, and links.

use crate::temporary::{sole_name, unique_name};
use rustix::fs::{AtFlags, Gid, RenameFlags, Uid};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// Renames in a directory to a name that doesn't exist yet.
///
/// # Errors
/// `EXIST` if it exists; otherwise as rename(2).
pub fn rename_new(dir: impl AsFd, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    fn on(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        match sys::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            // A file system without this flag: a directory only ever replaces an empty directory.
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
                match sys::fs::statat(dir, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST),
                    Err(Errno::NOENT) => sys::fs::renameat(dir, from, dir, to),
                    Err(e) => Err(e),
                }
            }
            done => done,
        }
    }
    on(dir.as_fd(), from, to)
}

/// Makes `name` a link to `target`, whatever it was before, unless it is a directory: others see the old one or the
/// new one.
///
/// # Errors
/// As symlink(2) and rename(2); `name` stays as it was, and nothing else is left.
pub fn replace_link(dir: impl AsFd, target: &[u8], name: &[u8]) -> Result<(), Errno> {
    fn on(dir: BorrowedFd<'_>, target: &[u8], name: &[u8]) -> Result<(), Errno> {
        match sys::fs::symlinkat(target, dir, name) {
            Err(Errno::EXIST) => put_link(dir, target, name, None, &unique_name(name)),
            done => done,
        }
    }
    on(dir.as_fd(), target, name)
}

/// The same where only this process writes: the link belongs to `owner`, a user and a group, or to the caller, and the
/// left-over of a former process is removed.
///
/// # Errors
/// As of [`replace_link`], and as chown(2).
pub fn replace_link_of(
    dir: BorrowedFd<'_>,
    target: &[u8],
    name: &[u8],
    owner: Option<(u32, u32)>,
) -> Result<(), Errno> {
    let temporary = sole_name(name);
    match sys::fs::unlinkat(dir, &temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => put_link(dir, target, name, owner, &temporary),
        failed => failed,
    }
}

fn put_link(
    dir: BorrowedFd<'_>,
    target: &[u8],
    name: &[u8],
    owner: Option<(u32, u32)>,
    temporary: &[u8],
) -> Result<(), Errno> {
    sys::fs::symlinkat(target, dir, temporary)?;
    let owned = owner.map_or(Ok(()), |(uid, gid)| {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        sys::fs::chownat(dir, temporary, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    });
    owned.and_then(|()| sys::fs::renameat(dir, temporary, dir, name)).inspect_err(|_| {
        let _ = sys::fs::unlinkat(dir, temporary, AtFlags::empty());
    })
}

/// Puts `fresh` in the place of `name`, directories as well, and gives the name under which the old one is now; `None`
/// if there was none.
///
/// On a file system that can't exchange two names there is no `name` for a moment.
///
/// # Errors
/// As rename(2); both are where they were.
pub fn exchange(dir: impl AsFd, fresh: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    fn on(dir: BorrowedFd<'_>, fresh: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        match sys::fs::renameat_with(dir, fresh, dir, name, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(Some(fresh.to_vec())),
            Err(Errno::NOENT) => sys::fs::renameat(dir, fresh, dir, name).map(|()| None),
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => exchange_in_steps(dir, fresh, name),
            Err(e) => Err(e),
        }
    }
    on(dir.as_fd(), fresh, name)
}

fn exchange_in_steps(dir: BorrowedFd<'_>, fresh: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let old = unique_name(name);
    match sys::fs::renameat(dir, name, dir, &old) {
        Err(Errno::NOENT) => return sys::fs::renameat(dir, fresh, dir, name).map(|()| None),
        moved => moved?,
    }
    match sys::fs::renameat(dir, fresh, dir, name) {
        Ok(()) => Ok(Some(old)),
        Err(e) => {
            let _ = sys::fs::renameat(dir, &old, dir, name);
            Err(e)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::names_at;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    #[test]
    fn nothing_is_renamed_over() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        for name in ["a", "b"] {
            std::fs::write(tmp.path().join(name), name).unwrap();
        }
        symlink("nowhere", tmp.path().join("link")).unwrap();
        assert_eq!(rename_new(&dir, b"a", b"b"), Err(Errno::EXIST));
        assert_eq!(rename_new(&dir, b"a", b"link"), Err(Errno::EXIST));
        assert_eq!(rename_new(&dir, b"none", b"c"), Err(Errno::NOENT));
        rename_new(&dir, b"a", b"c").unwrap();
        assert_eq!(names_at(&dir, b".").unwrap(), [&b"b"[..], b"c", b"link"]);
    }

    #[test]
    fn a_link_replaces_links_and_files_but_no_directory() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("file"), "").unwrap();
        std::fs::create_dir(tmp.path().join("dir")).unwrap();
        symlink("dir", tmp.path().join("link")).unwrap();
        for name in ["file", "link", "new"] {
            replace_link(&dir, b"target", name.as_bytes()).unwrap();
            assert_eq!(std::fs::read_link(tmp.path().join(name)).unwrap(), Path::new("target"));
        }
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let owner = if own.0 == 0 { (12, 34) } else { own };
        std::fs::write(tmp.path().join(".file:new"), "a left-over").unwrap();
        for name in ["file", "link", "other"] {
            replace_link_of(dir.as_fd(), b"theirs", name.as_bytes(), Some(owner)).unwrap();
            let st = std::fs::symlink_metadata(tmp.path().join(name)).unwrap();
            assert_eq!((st.uid(), st.gid()), owner);
            assert_eq!(std::fs::read_link(tmp.path().join(name)).unwrap(), Path::new("theirs"));
        }
        assert_eq!(replace_link(&dir, b"target", b"dir"), Err(Errno::ISDIR));
        assert_eq!(replace_link_of(dir.as_fd(), b"target", b"dir", None), Err(Errno::ISDIR));
        assert_eq!(names_at(&dir, b".").unwrap(), [&b"dir"[..], b"file", b"link", b"new", b"other"]);
    }

    /// With and without a file system that exchanges names.
    type Exchange = fn(BorrowedFd<'_>, &[u8], &[u8]) -> Result<Option<Vec<u8>>, Errno>;

    #[test]
    fn full_directories_change_places() {
        let ways: [Exchange; 2] = [|dir, fresh, name| exchange(dir, fresh, name), exchange_in_steps];
        for exchange in ways {
            let tmp = tempfile::tempdir().unwrap();
            let dir = std::fs::File::open(tmp.path()).unwrap();
            for name in ["old", "fresh"] {
                std::fs::create_dir(tmp.path().join(name)).unwrap();
                std::fs::write(tmp.path().join(name).join("f"), name).unwrap();
            }
            let left = exchange(dir.as_fd(), b"fresh", b"old").unwrap().unwrap();
            let read = |name: &[u8]| crate::read_file(&dir, &[name, b"/f"].concat(), 99).unwrap();
            assert_eq!((read(b"old"), read(&left)), (b"fresh".to_vec(), b"old".to_vec()));
            assert_eq!(names_at(&dir, b".").unwrap().len(), 2);
        }
    }

    #[test]
    fn a_failed_exchange_leaves_both_where_they_were() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("old"), "").unwrap();
        assert_eq!(exchange(&dir, b"none", b"old"), Err(Errno::NOENT));
        assert_eq!(exchange_in_steps(dir.as_fd(), b"none", b"old"), Err(Errno::NOENT));
        assert_eq!(names_at(&dir, b".").unwrap(), [b"old"]);
        assert_eq!(exchange(&dir, b"old", b"new"), Ok(None));
        assert_eq!(exchange_in_steps(dir.as_fd(), b"new", b"old"), Ok(None));
        assert_eq!(exchange_in_steps(dir.as_fd(), b"old", b"new"), Ok(None));
        assert_eq!(names_at(&dir, b".").unwrap(), [b"new"]);
    }
}
