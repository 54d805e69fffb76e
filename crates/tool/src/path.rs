//! Paths as bytes, and directories that appear under their name only when they are whole.

use crate::{Fatal, OrUnable, diag};
use rustix::fs::{CWD, Mode, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

/// `a/b` from `a` and `b`.
#[must_use]
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(dir.len() + 1 + name.len());
    path.extend_from_slice(dir);
    if !dir.is_empty() && !dir.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// The part of a path before its last slash (`.` if there is none) and the part after it; slashes at the end
/// don't count.
#[must_use]
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let mut end = path.len();
    while end > 1 && path.get(end - 1) == Some(&b'/') {
        end -= 1;
    }
    let path = path.get(..end).unwrap_or_default();
    match path.iter().rposition(|b| *b == b'/') {
        None => (b".", path),
        Some(0) => (b"/", path.get(1..).unwrap_or_default()),
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
    }
}

/// A name that nobody else uses, for something that is renamed to `name` later.
#[must_use]
pub fn temporary_name(name: &[u8], purpose: &str) -> Vec<u8> {
    let mut random = [0_u8; 8];
    // Without random numbers the name is still unlikely to be taken, and a taken name is an error.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::NONBLOCK);
    let mut out = name.to_vec();
    out.extend_from_slice(format!(":{purpose}:{:016x}", u64::from_le_bytes(random)).as_bytes());
    out
}

/// Renames in the directory `at` to a name that doesn't exist yet.
///
/// # Errors
/// The name exists, or the system refuses.
pub fn rename_new(at: impl AsFd, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    match sys::fs::renameat_with(at.as_fd(), from, at.as_fd(), to, RenameFlags::NOREPLACE) {
        // A file system without this flag: a directory only ever replaces an empty directory.
        Err(Errno::INVAL | Errno::NOSYS) => sys::fs::renameat(at.as_fd(), from, at.as_fd(), to),
        done => done,
    }
}

/// Makes the directory `dir` with this mode, whatever the umask; `fill` writes into it under another name, and nothing
/// is left if it fails.
///
/// # Errors
/// `dir` exists, the system failed: code 111; or as `fill`.
pub fn make_whole(dir: &[u8], mode: u32, fill: impl FnOnce(&[u8]) -> Result<(), Fatal>) -> Result<(), Fatal> {
    let unable = || format!("mkdir {}", diag::show(dir));
    if sys::fs::lstat(dir).is_ok() {
        return Err(Fatal::unable(&unable(), Errno::EXIST));
    }
    let (parent, name) = split(dir);
    let temporary = join(parent, &[b".", temporary_name(name, "new").as_slice()].concat());
    sys::fs::mkdir(&temporary, Mode::RWXU).or_unable(unable)?;
    let done = fill(&temporary).and_then(|()| {
        sys::fs::chmod(&temporary, Mode::from_raw_mode(mode)).or_unable(unable)?;
        rename_new(CWD, &temporary, dir).or_unable(unable)
    });
    if done.is_err() {
        let _ = std::fs::remove_dir_all(OsStr::from_bytes(&temporary));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_at_their_last_slash() {
        assert_eq!(split(b"a"), (&b"."[..], &b"a"[..]));
        assert_eq!(split(b"/a"), (&b"/"[..], &b"a"[..]));
        assert_eq!(split(b"a/b//"), (&b"a"[..], &b"b"[..]));
        assert_eq!(join(b"a/", b"b"), b"a/b");
        assert_eq!(join(b"/", b"b"), b"/b");
    }

    #[test]
    fn a_directory_is_whole_or_absent() {
        let place = std::env::temp_dir().join(format!("tool-path-{}", std::process::id()));
        std::fs::create_dir(&place).unwrap();
        let dir = join(place.as_os_str().as_bytes(), b"d");
        let file = |at: &[u8]| std::fs::write(OsStr::from_bytes(&join(at, b"f")), "x").or_unable(|| "write");
        let failed = make_whole(&dir, 0o750, |at| file(at).and(Err(Fatal::user("no"))));
        assert_eq!(failed.unwrap_err().message(), "no");
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
        make_whole(&dir, 0o750, file).unwrap();
        assert_eq!(sys::fs::stat(&dir).unwrap().st_mode & 0o7777, 0o750);
        assert_eq!(make_whole(&dir, 0o750, file).unwrap_err().code(), 111);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);
        std::fs::remove_dir_all(&place).unwrap();
    }
}
