//! Who holds a record lock, fcntl(2) `F_GETLK`.

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
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(lock.l_type != kind(libc::F_UNLCK))
}

/// The lock's kind in the width of the structure's field; the constants are small.
fn kind(constant: libc::c_int) -> libc::c_short {
    libc::c_short::try_from(constant).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_a_fresh_file() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(!is_locked(&file).unwrap());
    }
}
