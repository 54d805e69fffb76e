//! Walking a path as it would be walked in a container whose root is a given directory.

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Where a path led.
#[derive(Debug)]
pub enum Walk {
    /// To this directory, and whether there was no symbolic link on the way.
    Directory(OwnedFd, bool),
    /// Nowhere.
    Missing,
    /// To something that isn't a directory: the part of the path up to it, or to the link that led there.
    Blocked(Vec<u8>),
}

/// Makes a directory that is missing on the way: where, its name, and the path up to it if no link was on the way.
pub type Make<'a> = &'a mut dyn FnMut(BorrowedFd<'_>, &[u8], Option<&[u8]>) -> Result<(), Errno>;

/// Walks a path a component at a time from the descriptor of a directory, which is the root for it: an absolute link
/// counts from there, and `..` doesn't lead out of it, whatever others do to the tree meanwhile.
///
/// Without `make` a path that doesn't exist is [`Walk::Missing`].
///
/// # Errors
/// As open(2), `LOOP` for more than 40 links, or as `make`.
pub fn walk_in_root(root: BorrowedFd<'_>, path: &[u8], mut make: Option<Make<'_>>) -> Result<Walk, Errno> {
    // What is still to be walked, the next component last; and where that came from for as long as it is `path`.
    let mut rest: Vec<Vec<u8>> = components(path);
    let mut walked: Vec<u8> = Vec::new();
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut links = 0_usize;
    while let Some(name) = rest.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                above.pop();
                continue;
            }
            _ => {}
        }
        let here = above.last().map_or(root, AsFd::as_fd);
        if links == 0 {
            if !walked.is_empty() {
                walked.push(b'/');
            }
            walked.extend_from_slice(&name);
        }
        let next = match open(here, &name) {
            Err(Errno::NOENT) => {
                let Some(make) = make.as_deref_mut() else { return Ok(Walk::Missing) };
                make(here, &name, (links == 0).then_some(&walked))?;
                open(here, &name)?
            }
            next => next?,
        };
        match FileType::from_raw_mode(sys::fs::fstat(&next)?.st_mode) {
            FileType::Directory => above.push(next),
            FileType::Symlink => {
                links = links.saturating_add(1);
                if links > LINKS {
                    return Err(Errno::LOOP);
                }
                let target = sys::fs::readlinkat(&next, "", Vec::new())?.into_bytes();
                if target.starts_with(b"/") {
                    above.clear();
                }
                rest.extend(components(&target));
            }
            _ => return Ok(Walk::Blocked(walked)),
        }
    }
    let dir = match above.pop() {
        Some(dir) => dir,
        None => rustix::io::fcntl_dupfd_cloexec(root, 3)?,
    };
    Ok(Walk::Directory(dir, links == 0))
}

fn open(at: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    sys::fs::openat(at, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The components, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|b| *b == b'/').map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    /// Where a path in `top/root` leads, as a path below `top`.
    fn walk(top: &Path, path: &str) -> String {
        let root = std::fs::File::open(top.join("root")).unwrap();
        match walk_in_root(root.as_fd(), path.as_bytes(), None) {
            Ok(Walk::Directory(dir, straight)) => {
                let inode = sys::fs::fstat(&dir).unwrap().st_ino;
                let places = ["", "root", "root/a", "root/a/b", "outside"];
                let place = places.iter().find(|p| std::fs::metadata(top.join(p)).unwrap().ino() == inode);
                format!("{} {}", place.unwrap(), if straight { "straight" } else { "by links" })
            }
            Ok(Walk::Missing) => String::from("missing"),
            Ok(Walk::Blocked(at)) => format!("blocked at {}", String::from_utf8(at).unwrap()),
            Err(e) => format!("error {}", e.raw_os_error()),
        }
    }

    #[test]
    fn no_path_leads_out_of_the_root() {
        let tmp = tempfile::tempdir().unwrap();
        let top = tmp.path();
        std::fs::create_dir_all(top.join("root/a/b")).unwrap();
        std::fs::create_dir(top.join("outside")).unwrap();
        std::fs::write(top.join("root/a/file"), "").unwrap();
        for (name, target) in [
            ("up", "../../outside"),
            ("absolute", "/a/b"),
            ("relative", "b"),
            ("chain", "../absolute/.."),
            ("loop", "loop"),
            ("dangling", "none"),
            ("to-file", "file"),
        ] {
            symlink(target, top.join("root/a").join(name)).unwrap();
        }
        symlink("a/b", top.join("root/absolute")).unwrap();
        for (path, expected) in [
            ("", "root straight"),
            ("/", "root straight"),
            ("a//b/.", "root/a/b straight"),
            ("../../a", "root/a straight"),
            ("a/b/../..", "root straight"),
            ("a/absolute", "root/a/b by links"),
            ("a/relative/..", "root/a by links"),
            ("a/chain", "root/a by links"),
            ("a/up", "missing"),
            ("a/none", "missing"),
            ("a/dangling", "missing"),
            ("a/file", "blocked at a/file"),
            ("a/file/x", "blocked at a/file"),
            ("a/to-file/x", "blocked at a/to-file"),
            ("a/loop", "error 40"),
        ] {
            assert_eq!(walk(top, path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_made_and_named() {
        let tmp = tempfile::tempdir().unwrap();
        let root = std::fs::File::open(tmp.path()).unwrap();
        std::fs::create_dir(tmp.path().join("a")).unwrap();
        symlink("/x/y", tmp.path().join("a/link")).unwrap();
        let mut made = Vec::new();
        let mut make = |dir: BorrowedFd<'_>, name: &[u8], path: Option<&[u8]>| {
            made.push(path.map(<[u8]>::to_vec));
            sys::fs::mkdirat(dir, name, Mode::RWXU)
        };
        for (path, is_straight) in [("a/b/c", true), ("a/link/z", false)] {
            let walk = walk_in_root(root.as_fd(), path.as_bytes(), Some(&mut make)).unwrap();
            assert!(matches!(walk, Walk::Directory(_, straight) if straight == is_straight), "{path}");
        }
        assert!(tmp.path().join("a/b/c").is_dir() && tmp.path().join("x/y/z").is_dir());
        assert_eq!(made, [Some(b"a/b".to_vec()), Some(b"a/b/c".to_vec()), None, None, None]);
        let refuse: Make<'_> = &mut |_, _, _| Err(Errno::ACCESS);
        assert!(matches!(walk_in_root(root.as_fd(), b"q", Some(refuse)), Err(Errno::ACCESS)));
    }
}
