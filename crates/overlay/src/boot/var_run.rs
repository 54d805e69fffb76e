//! /run and /var/run are two names of one folder: whichever of them is the link, or a mount.
//!
//! Where they aren't, /var/run becomes a link to /run, and what an image keeps there moves into /run.  What can't be moved,
//! because a file system is mounted there or nobody may, stays where it is, and old scripts find the overlay's folders there
//! by links.

use crate::layout::{RESULTS, RUN, RUN_S6, SCANDIR};
use files::{Kind, entries, follow, move_tree, open_dir_itself, remove_tree, replace_link};
use rustix::fs::{AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use tool::diag::show;

/// Another path of /run, which old scripts use.
const VAR_RUN: &str = "/var/run";

/// The folders that a container makes in /run and old scripts look for in /var/run.
const LINKED: [&str; 3] = [RUN_S6, SCANDIR, RESULTS];

/// The depth to which the contents of folders that exist in both places are moved one by one.
const DEPTH: u32 = 100;

/// Whether both paths lead to one folder.
pub(super) fn is_run() -> bool {
    let identity = |path: &str| sys::fs::stat(path).map(|s| (s.st_dev, s.st_ino));
    identity(RUN).is_ok_and(|run| identity(VAR_RUN) == Ok(run))
}

/// Removes /run where it is a link that leads nowhere, or through /var/run back to itself; whether it was one.
pub(super) fn remove_useless_link() -> bool {
    matches!(sys::fs::stat(RUN), Err(Errno::LOOP | Errno::NOENT))
        && sys::fs::readlink(RUN, Vec::new()).is_ok()
        && sys::fs::unlink(RUN).is_ok()
}

/// Makes /var/run a link to /run; gives what there is to warn of.  The container works without it.
pub(super) fn link() -> Option<String> {
    if is_run() {
        return None;
    }
    match sys::fs::mkdir("/var", Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Some(unable(sys::strerror(e))),
    }
    let made = match sys::fs::lstat(VAR_RUN).map(|s| FileType::from_raw_mode(s.st_mode)) {
        Err(_) => return sys::fs::symlink(RUN, VAR_RUN).err().map(|e| unable(sys::strerror(e))),
        Ok(FileType::Directory) => replace_folder(),
        Ok(_) => sys::fs::unlink(VAR_RUN).map(|()| false).map_err(reason),
    };
    match made.and_then(|moved| sys::fs::symlink(RUN, VAR_RUN).map(|()| moved).map_err(reason)) {
        Ok(false) => Some("/var/run wasn't a link to /run, and is one now".to_owned()),
        Ok(true) => {
            Some("/var/run wasn't a link to /run, and is one now; what was in it is in /run".to_owned())
        }
        Err(why) => Some(unable(&why)),
    }
}

fn unable(why: &str) -> String {
    format!("/var/run isn't a link to /run and can't be made one: {why} (in the image: ln -s /run /var/run)")
}

/// Links the overlay's folders into a /var/run that is a folder of its own.
pub(super) fn link_folders() {
    if is_run() {
        return;
    }
    let Ok(dir) = files::open_dir(CWD, VAR_RUN.as_bytes()) else { return };
    for folder in LINKED {
        let name = folder.rsplit('/').next().unwrap_or_default();
        let _ = replace_link(&dir, folder.as_bytes(), name.as_bytes());
    }
}

fn reason(e: Errno) -> String {
    sys::strerror(e).to_owned()
}

/// Moves what is in /var/run into /run, and removes it; whether anything was moved.
fn replace_folder() -> Result<bool, String> {
    if let Some(mount) = mount_below(&std::fs::read("/proc/self/mounts").unwrap_or_default()) {
        return Err(format!("a file system is mounted on {}", show(&mount)));
    }
    let moved = open_dir_itself(CWD, VAR_RUN.as_bytes())
        .and_then(|from| Ok((from, files::open_dir(CWD, RUN.as_bytes())?)))
        .and_then(|(from, to)| move_contents(from.as_fd(), to.as_fd(), DEPTH));
    moved.and_then(|moved| remove_tree(CWD, VAR_RUN.as_bytes()).map(|()| moved)).map_err(reason)
}

/// The first mount on /var/run or below it, among the lines of /proc/self/mounts.
fn mount_below(mounts: &[u8]) -> Option<Vec<u8>> {
    let points = mounts.split(|b| *b == b'\n').filter_map(|line| line.split(|b| *b == b' ').nth(1));
    let mut inside = points.filter(|point| {
        point.strip_prefix(VAR_RUN.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    });
    inside.next().map(<[u8]>::to_vec)
}

/// Moves each entry that the target lacks; folders that both have are gone through.  What both have stays.
fn move_contents(from: BorrowedFd<'_>, to: BorrowedFd<'_>, levels: u32) -> Result<bool, Errno> {
    let levels = levels.checked_sub(1).ok_or(Errno::LOOP)?;
    let mut moved = false;
    for entry in entries(from)? {
        let name = entry.name.as_slice();
        match sys::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {
                // /run is often a file system of its own, and folders of an image's layers can't be renamed.
                move_tree(from, to, name)?;
                moved = true;
            }
            Err(e) => return Err(e),
            Ok(_) if entry.kind == Kind::Directory && follow(to, name) == Kind::Directory => {
                let (inner, target) = (open_dir_itself(from, name)?, files::open_dir(to, name)?);
                moved |= move_contents(inner.as_fd(), target.as_fd(), levels)?;
            }
            Ok(_) => {}
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_on_or_below_var_run_keep_it() {
        let of = |text: &str| mount_below(text.as_bytes()).map(|m| tool::diag::shown(&m));
        assert_eq!(
            of("overlay / overlay rw 0 0\ntmpfs /run tmpfs rw 0 0\ntmpfs /var/runner tmpfs rw 0 0\n"),
            None
        );
        for point in ["/var/run", "/var/run/docker.sock"] {
            assert_eq!(
                of(&format!("proc /proc proc rw 0 0\ntmpfs {point} tmpfs rw 0 0\n")),
                Some(point.into())
            );
        }
    }

    #[test]
    fn what_the_target_lacks_moves_and_what_both_have_stays() {
        let tmp = tempfile::tempdir().unwrap();
        let path = |name: &str| tmp.path().join(name);
        for folder in ["from/only", "from/both/in", "to/both"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        for (file, text) in [
            ("from/only/f", "a"),
            ("from/both/f", "b"),
            ("from/both/g", "b"),
            ("to/both/g", "mine"),
            ("from/file", "c"),
        ] {
            std::fs::write(path(file), text).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", path("from/link")).unwrap();
        let open = |name: &str| std::fs::File::open(path(name)).unwrap();
        assert_eq!(move_contents(open("from").as_fd(), open("to").as_fd(), DEPTH), Ok(true));
        for (file, text) in [("to/only/f", "a"), ("to/both/f", "b"), ("to/both/g", "mine"), ("to/file", "c")]
        {
            assert_eq!(std::fs::read_to_string(path(file)).unwrap(), text, "{file}");
        }
        assert!(path("to/both/in").is_dir() && path("to/link").is_symlink());
        assert_eq!(move_contents(open("from").as_fd(), open("to").as_fd(), DEPTH), Ok(false));
    }
}
