//! The interval timer that sends SIGALRM, for system calls that take no time-out.

use rustix::io::Errno;
use std::time::Duration;

/// Sends SIGALRM after `first`, and then every `interval`; a zero `first` stops the timer.
///
/// The repetition is for a system call that began just after the first signal, which then didn't interrupt it.
pub fn set_alarm(first: Duration, interval: Duration) -> Result<(), Errno> {
    // Through i32, because the C library's types for these differ in width.
    let value = |d: Duration| libc::timeval {
        tv_sec: i32::try_from(d.as_secs()).unwrap_or(i32::MAX).into(),
        tv_usec: i32::try_from(d.subsec_micros()).unwrap_or(0).into(),
    };
    let timer = libc::itimerval { it_interval: value(interval), it_value: value(first) };
    // SAFETY: the structure is valid for the call; a null old value is allowed.
    if unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) } == -1 {
        return Err(crate::errno::last());
    }
    Ok(())
}
