//! Fifodirs: one process notifies, any number of processes listen.
//!
//! A fifodir is a directory in which each listener keeps a FIFO (see [`wire::fifodir`] for its name); the notifier
//! writes into all of them without waiting.  The processes that may make files in the directory may listen: mode 1733
//! for all users, 3730 for a group.

use crate::control::join;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Makes a fifodir that the group `gid` may listen in, all users if `None`.
///
/// An existing directory of this user keeps its mode and group unless `force` is set.
///
/// # Errors
/// The directory cannot be made; `ACCESS` if it belongs to another user.
pub fn make(path: &[u8], gid: Option<u32>, force: bool) -> Result<(), Errno> {
    match sys::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {}
        Err(Errno::EXIST) => {
            let st = sys::fs::stat(path)?;
            if st.st_uid != rustix::process::getuid().as_raw() {
                return Err(Errno::ACCESS);
            }
            if !FileType::from_raw_mode(st.st_mode).is_dir() {
                return Err(Errno::NOTDIR);
            }
            if !force {
                return Ok(());
            }
        }
        Err(e) => return Err(e),
    }
    let mode = if let Some(gid) = gid {
        sys::fs::chown(path, None, Some(rustix::process::Gid::from_raw(gid)))?;
        0o3730
    } else {
        0o1733
    };
    sys::fs::chmod(path, Mode::from_raw_mode(mode))
}

/// Calls `each` with the name of every listener's FIFO in a directory.
fn for_each_listener(dir: &OwnedFd, mut each: impl FnMut(&std::ffi::CStr)) -> Result<(), Errno> {
    files::for_each_entry(dir, &mut |name, _| {
        if wire::fifodir::is_listener(name.to_bytes()) {
            each(name);
        }
        Ok(())
    })
}

const WRITE: OFlags = OFlags::WRONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Sends `letters` to all listeners in the fifodir `path` under `at`; gives how many got them.
///
/// A FIFO without a reader is removed, a full one is skipped.  The process must not die of SIGPIPE.
///
/// # Errors
/// The directory cannot be read.
pub fn notify_at(at: BorrowedFd<'_>, path: &[u8], letters: &[u8]) -> Result<usize, Errno> {
    let dir = files::open_dir(at, path)?;
    let mut reached = 0_usize;
    for_each_listener(&dir, |name| {
        let written = sys::fs::openat(&dir, name, WRITE, Mode::empty())
            .and_then(|fifo| rustix::io::write(fifo, letters));
        match written {
            Ok(n) if n == letters.len() => reached = reached.saturating_add(1),
            Err(Errno::NXIO | Errno::PIPE) => {
                let _ = sys::fs::unlinkat(&dir, name, AtFlags::empty());
            }
            _ => {}
        }
    })?;
    Ok(reached)
}

/// As [`notify_at`], from the working directory.
///
/// # Errors
/// As [`notify_at`].
pub fn notify(path: &[u8], letters: &[u8]) -> Result<usize, Errno> {
    notify_at(CWD, path, letters)
}

/// Removes the FIFOs that no listener reads any more.
///
/// # Errors
/// The directory cannot be read.
pub fn clean_at(at: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
    let dir = files::open_dir(at, path)?;
    for_each_listener(&dir, |name| {
        if let Err(Errno::NXIO) = sys::fs::openat(&dir, name, WRITE, Mode::empty()) {
            let _ = sys::fs::unlinkat(&dir, name, AtFlags::empty());
        }
    })
}

/// As [`clean_at`], from the working directory.
///
/// # Errors
/// As [`clean_at`].
pub fn clean(path: &[u8]) -> Result<(), Errno> {
    clean_at(CWD, path)
}

/// A listener in a fifodir; it reads what is sent from its creation on.  Dropping it removes its FIFO.
#[derive(Debug)]
pub struct Listener {
    fifo: OwnedFd,
    path: Vec<u8>,
}

impl Listener {
    /// Listens in the fifodir `path` from now on.
    ///
    /// # Errors
    /// The directory doesn't exist, or this user may not listen in it.
    pub fn new(path: &[u8]) -> Result<Self, Errno> {
        let mut unique = [0; 6];
        sys::random::fill_distinct(&mut unique);
        let name = wire::fifodir::listener_name(tool::clock::wall(), unique);
        let hidden = join(path, &[&[b".", name.as_slice()].concat()]);
        let shown = join(path, &[&name]);
        sys::fs::mknodat(CWD, &hidden, FileType::Fifo, Mode::from_raw_mode(0o622), 0)?;
        let unlink = |e: Errno| {
            let _ = sys::fs::unlink(&hidden);
            e
        };
        // Open for both directions, so that reading never meets the end.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = sys::fs::open(&hidden, flags, Mode::empty()).map_err(unlink)?;
        rustix::fs::fchmod(&fifo, Mode::from_raw_mode(0o622)).map_err(unlink)?;
        sys::fs::rename(&hidden, &shown).map_err(unlink)?;
        Ok(Self { fifo, path: shown })
    }

    /// The letters that have arrived since the last call.
    ///
    /// # Errors
    /// The FIFO cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Errno> {
        let mut letters = Vec::new();
        let mut buffer = [0; 256];
        loop {
            match rustix::io::read(&self.fifo, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(letters),
                Ok(n) => {
                    letters.extend(buffer.iter().take(n));
                    // Less than the room: the FIFO is drained.
                    if n < buffer.len() {
                        return Ok(letters);
                    }
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
            // A flood comes in pieces; the rest stays in the FIFO.
            if letters.len() >= 4096 {
                return Ok(letters);
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fifo.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = sys::fs::unlink(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn letters_reach_every_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("event").as_os_str().as_bytes().to_vec();
        make(&path, None, false).unwrap();
        let (a, b) = (Listener::new(&path).unwrap(), Listener::new(&path).unwrap());
        assert_eq!(notify(&path, b"su").unwrap(), 2);
        assert_eq!((a.read().unwrap(), b.read().unwrap()), (b"su".to_vec(), b"su".to_vec()));
        drop(a);
        assert_eq!(notify(&path, b"U").unwrap(), 1);
        assert_eq!(b.read().unwrap(), b"U");
    }

    #[test]
    fn stale_fifos_are_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str().as_bytes().to_vec();
        let stale = join(&path, &[b"ftrig1:@4000000066a1b2c30a1b2c3d:x1Y2z3"]);
        sys::fs::mknodat(CWD, &stale, FileType::Fifo, Mode::from_raw_mode(0o622), 0).unwrap();
        let live = Listener::new(&path).unwrap();
        clean(&path).unwrap();
        assert!(sys::fs::stat(&stale).is_err());
        assert!(sys::fs::stat(&live.path).is_ok());
    }
}
