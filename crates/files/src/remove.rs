//! Removing files and whole trees.

use crate::dir::{Kind, entries, open_dir_itself};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// How often a directory is emptied again that others make files in meanwhile: a supervisor on its way out makes a few.
const TRIES: u32 = 100;

/// Removes a file or a whole tree; links in it are removed, never followed.  One that isn't there is no error.
///
/// # Errors
/// As unlink(2) and open(2); a part of the tree may be gone.
pub fn remove_tree(at: impl AsFd, name: &[u8]) -> Result<(), Errno> {
    remove(at.as_fd(), name)
}

fn remove(at: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let why = match unless_gone(sys::fs::unlinkat(at, name, AtFlags::empty())) {
        // unlink(2) of a directory is EISDIR on Linux, EPERM by POSIX.
        Err(why @ (Errno::ISDIR | Errno::PERM)) => why,
        done => return done,
    };
    for _ in 1..TRIES {
        match empty(at, name, why).and_then(|()| sys::fs::unlinkat(at, name, AtFlags::REMOVEDIR)) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            done => return unless_gone(done),
        }
    }
    Err(Errno::NOTEMPTY)
}

/// Removes what is in a directory.  Each level holds a descriptor open; links can't make it endless.
fn empty(at: BorrowedFd<'_>, name: &[u8], why: Errno) -> Result<(), Errno> {
    let dir = open_dir_itself(at, name).map_err(|e| match e {
        // A file that may not be removed.
        Errno::NOTDIR | Errno::LOOP => why,
        e => e,
    })?;
    for entry in entries(&dir)? {
        if entry.kind == Kind::Directory {
            remove(dir.as_fd(), &entry.name)?;
        } else {
            unless_gone(sys::fs::unlinkat(&dir, &entry.name, AtFlags::empty()))?;
        }
    }
    Ok(())
}

/// Somebody else has removed it: that is what was wanted.
fn unless_gone(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::names_at;
    use std::os::unix::fs::symlink;

    #[test]
    fn trees_files_and_links_go_and_what_links_lead_to_stays() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir_all(tmp.path().join("tree/a/b/c")).unwrap();
        std::fs::create_dir(tmp.path().join("kept")).unwrap();
        std::fs::write(tmp.path().join("kept/f"), "").unwrap();
        std::fs::write(tmp.path().join("tree/a/f"), "").unwrap();
        std::fs::write(tmp.path().join("file"), "").unwrap();
        symlink("../../kept", tmp.path().join("tree/a/to-dir")).unwrap();
        symlink("kept", tmp.path().join("link")).unwrap();
        for name in [&b"tree/"[..], b"file", b"link", b"none", b"tree"] {
            remove_tree(&dir, name).unwrap();
        }
        assert_eq!(names_at(&dir, b".").unwrap(), [b"kept"]);
        assert_eq!(names_at(&dir, b"kept").unwrap(), [b"f"]);
    }

    #[test]
    fn deep_trees_go() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir_all(tmp.path().join("t/".repeat(300))).unwrap();
        remove_tree(&dir, b"t").unwrap();
        assert!(names_at(&dir, b".").unwrap().is_empty());
    }

    #[test]
    fn what_others_make_meanwhile_goes_as_well() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        let tree = tmp.path().join("t");
        std::fs::create_dir(&tree).unwrap();
        std::thread::scope(|threads| {
            // Fewer than tries: each that fails has found a new one.
            threads.spawn(|| (0..50).all(|n| std::fs::write(tree.join(n.to_string()), "").is_ok()));
            remove_tree(&dir, b"t").unwrap();
        });
        remove_tree(&dir, b"t").unwrap();
        assert!(names_at(&dir, b".").unwrap().is_empty());
    }

    #[test]
    fn errors_are_those_of_what_can_t_be_removed() {
        assert_eq!(remove_tree(rustix::fs::CWD, b"/proc/self/status"), Err(Errno::PERM));
        let tmp = tempfile::tempdir().unwrap();
        let dir = std::fs::File::open(tmp.path()).unwrap();
        std::fs::write(tmp.path().join("f"), "").unwrap();
        assert_eq!(remove_tree(&dir, b"f/g"), Err(Errno::NOTDIR));
    }
}
