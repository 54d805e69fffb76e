//! The controlling terminal.

use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// Gives up the controlling terminal, TIOCNOTTY of ioctl_tty(2).
///
/// If the process leads its session, the whole session loses it, and the foreground processes get SIGHUP and SIGCONT.
///
/// # Errors
/// `NOTTY` if it isn't the controlling terminal.
pub fn give_up(tty: impl AsFd) -> Result<(), Errno> {
    // SAFETY: the request takes no argument.
    if unsafe { libc::ioctl(tty.as_fd().as_raw_fd(), libc::TIOCNOTTY) } == -1 {
        return Err(crate::errno::last());
    }
    Ok(())
}
