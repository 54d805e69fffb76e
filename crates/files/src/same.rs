//! Comparing whole trees.

use crate::copy::DEPTH;
use crate::dir::names_at;
use crate::read::read_file;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// Whether two files or trees in a directory have the same names, modes, owners and contents.
///
/// # Errors
/// As stat(2), open(2) and read(2); `LOOP` for trees of more than 100 levels.
pub fn same_tree(at: impl AsFd, a: &[u8], b: &[u8]) -> Result<bool, Errno> {
    is_same(at.as_fd(), a, b, DEPTH)
}

fn is_same(at: BorrowedFd<'_>, a: &[u8], b: &[u8], levels: u32) -> Result<bool, Errno> {
    let stat = |name| sys::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    let (st, other) = (stat(a)?, stat(b)?);
    if (st.st_mode, st.st_uid, st.st_gid) != (other.st_mode, other.st_uid, other.st_gid) {
        return Ok(false);
    }
    match FileType::from_raw_mode(st.st_mode) {
        FileType::RegularFile => {
            let read = |name| read_file(at, name, usize::MAX);
            Ok(st.st_size == other.st_size && read(a)? == read(b)?)
        }
        FileType::Symlink => {
            let read = |name| sys::fs::readlinkat(at, name, Vec::new());
            Ok(read(a)? == read(b)?)
        }
        FileType::Directory => {
            let levels = levels.checked_sub(1).ok_or(Errno::LOOP)?;
            let (names, others) = (names_at(at, a)?, names_at(at, b)?);
            if names != others {
                return Ok(false);
            }
            for name in names {
                let join = |dir: &[u8]| [dir, b"/", &name].concat();
                if !is_same(at, &join(a), &join(b), levels)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(st.st_rdev == other.st_rdev),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::{Owners, copy_tree};
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// What is done to a tree.
    type Change = fn(&std::path::Path);

    #[test]
    fn every_difference_counts() {
        let tmp = tempfile::tempdir().unwrap();
        let top = tmp.path();
        let dir = std::fs::File::open(top).unwrap();
        std::fs::create_dir_all(top.join("a/sub")).unwrap();
        std::fs::write(top.join("a/sub/f"), "text").unwrap();
        symlink("x", top.join("a/link")).unwrap();
        let changes: [(&str, Change); 6] = [
            ("content", |b| std::fs::write(b.join("sub/f"), "TEXT").unwrap()),
            ("size", |b| std::fs::write(b.join("sub/f"), "text ").unwrap()),
            ("mode", |b| std::fs::set_permissions(b.join("sub"), PermissionsExt::from_mode(0o700)).unwrap()),
            ("name", |b| std::fs::rename(b.join("sub/f"), b.join("sub/g")).unwrap()),
            ("one more", |b| std::fs::write(b.join("new"), "").unwrap()),
            ("target", |b| {
                std::fs::remove_file(b.join("link")).unwrap();
                symlink("y", b.join("link")).unwrap();
            }),
        ];
        std::fs::set_permissions(top.join("a/sub"), PermissionsExt::from_mode(0o755)).unwrap();
        for (what, change) in changes {
            copy_tree(&dir, b"a", &dir, b"b", Owners::Kept).unwrap();
            assert!(same_tree(&dir, b"a", b"b").unwrap(), "{what}");
            change(&top.join("b"));
            assert!(!same_tree(&dir, b"a", b"b").unwrap(), "{what}");
            crate::remove_tree(&dir, b"b").unwrap();
        }
        assert_eq!(same_tree(&dir, b"a", b"b"), Err(Errno::NOENT));
    }
}
