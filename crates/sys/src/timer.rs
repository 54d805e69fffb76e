//! The interval timer that sends SIGALRM, for system calls that take no time-out.

use rustix::io::Errno;
use std::time::Duration;

/// Sends SIGALRM after `first`, and then every `again`; a zero `first` stops the timer.
///
/// The repetition is for a call that the first signal came just too early to interrupt.
pub fn set_alarm(first: Duration, again: Duration) -> Result<(), Errno> {
    // Through i32, because the C library's own types for these have no one width.
    let value = |d: Duration| libc::timeval {
        tv_sec: i32::try_from(d.as_secs()).unwrap_or(i32::MAX).into(),
        tv_usec: i32::try_from(d.subsec_micros()).unwrap_or(0).into(),
    };
    let timer = libc::itimerval { it_interval: value(again), it_value: value(first) };
    // SAFETY: the structure is valid for the call; a null old value is allowed.
    if unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) } == -1 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    }
    Ok(())
}
