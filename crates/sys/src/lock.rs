//! Record locks of fcntl(2): taking them, and whether a process holds one.

use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// Whether another process holds an exclusive lock on any part of the file.
pub fn is_locked(fd: impl AsFd) -> Result<bool, Errno> {
    // SAFETY: all-zero bytes are a valid `flock`: the whole file, from its start.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind(libc::F_RDLCK);
    // SAFETY: the structure is valid for the call, which fills it in.
    let rc = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETLK, &mut lock) };
    if rc == -1 {
        return Err(crate::errno::last());
    }
    Ok(lock.l_type != kind(libc::F_UNLCK))
}

/// Takes an exclusive lock on the whole file unless one is held; `false` if one is.
///
/// The lock belongs to the open file, not to the process, if the kernel has such locks: closing another descriptor of
/// the same file doesn't release it.
pub fn try_exclusive(fd: impl AsFd) -> Result<bool, Errno> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: all-zero bytes are a valid `flock`: the whole file, from its start.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind(libc::F_WRLCK);
    let set = |command| {
        // SAFETY: the structure is valid for the call, which only reads it.
        if unsafe { libc::fcntl(fd, command, &lock) } == 0 {
            return Ok(());
        }
        Err(crate::errno::last())
    };
    let done = match set(libc::F_OFD_SETLK) {
        Err(Errno::INVAL) => set(libc::F_SETLK),
        done => done,
    };
    match done {
        Ok(()) => Ok(true),
        Err(Errno::ACCESS | Errno::AGAIN) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The lock's kind in the width of the structure's field; the constants are small.
fn kind(constant: libc::c_int) -> libc::c_short {
    libc::c_short::try_from(constant).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_file_is_not_locked() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(!is_locked(&file).unwrap());
    }

    #[test]
    fn a_lock_keeps_others_out() {
        let path = std::env::temp_dir().join(format!("lock-test-{}", std::process::id()));
        let open = || std::fs::File::options().write(true).read(true).create(true).truncate(true).open(&path);
        let (mine, other) = (open().unwrap(), open().unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(try_exclusive(&mine).unwrap());
        assert!(!try_exclusive(&other).unwrap());
        assert!(is_locked(&other).unwrap());
        drop(mine);
        assert!(try_exclusive(&other).unwrap());
    }
}
