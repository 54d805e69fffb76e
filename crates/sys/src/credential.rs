//! User and group ids of the process.
//!
//! Each change concerns real, effective and saved id at once, as set*id(2) do for a privileged process.

use rustix::io::Errno;

fn check(rc: libc::c_int) -> Result<(), Errno> {
    if rc == 0 { Ok(()) } else { Err(last()) }
}

/// The error number of the last failed C library call.
fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Sets all user ids, setuid(2).
pub fn set_uid(uid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setuid(uid) })
}

/// Sets all group ids, setgid(2).
pub fn set_gid(gid: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::setgid(gid) })
}

/// Replaces the supplementary groups, setgroups(2).
pub fn set_groups(gids: &[u32]) -> Result<(), Errno> {
    // SAFETY: the pointer and the count describe the slice.
    check(unsafe { libc::setgroups(gids.len(), gids.as_ptr()) })
}
