//! Clocks, sleeping, and the times of files.
//!
//! On 32-bit machines the calls with 64-bit times came with Linux 5.1.  rustix falls back to the older ones on `NOSYS`; here
//! that is done on `PERM`, too.
#![expect(clippy::disallowed_methods, reason = "here they have another way")]

#[cfg(target_pointer_width = "32")]
use crate::missing::is_missing;
use rustix::fs::Timestamps;
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec};
use std::os::fd::AsFd;

/// The time of a clock.
#[must_use]
pub fn get(clock: ClockId) -> Timespec {
    #[cfg(target_pointer_width = "32")]
    if !old::has_wide_times() {
        return old::get(clock);
    }
    rustix::time::clock_gettime(clock)
}

/// Sets a clock, clock_settime(2).
///
/// # Errors
/// As clock_settime(2).
pub fn set(clock: ClockId, time: Timespec) -> Result<(), Errno> {
    let done = rustix::time::clock_settime(clock, time);
    #[cfg(target_pointer_width = "32")]
    if done.is_err_and(is_missing) {
        return old::set(clock, time);
    }
    done
}

/// Sleeps until a moment of the monotonic clock.
///
/// # Errors
/// `INTR` if a signal handler ran.
pub fn sleep_until(moment: &Timespec) -> Result<(), Errno> {
    let slept = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, moment);
    #[cfg(target_pointer_width = "32")]
    if slept.is_err_and(is_missing) {
        return old::sleep_until(*moment);
    }
    slept
}

/// Sets a file's times, futimens(3).
///
/// # Errors
/// As futimens(3).
pub fn set_times(file: impl AsFd, times: &Timestamps) -> Result<(), Errno> {
    let done = rustix::fs::futimens(&file, times);
    #[cfg(target_pointer_width = "32")]
    if done.is_err_and(is_missing) {
        return old::set_times(file.as_fd(), times);
    }
    done
}

/// The calls with 32-bit times.
#[cfg(target_pointer_width = "32")]
mod old {
    use super::{ClockId, Errno, Timespec, Timestamps};
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::sync::atomic::{AtomicU8, Ordering};

    /// The kernel's structure.
    #[repr(C)]
    #[derive(Default)]
    struct Short {
        seconds: i32,
        nanoseconds: i32,
    }

    impl Short {
        fn of(time: Timespec) -> Self {
            Self {
                seconds: i32::try_from(time.tv_sec).unwrap_or(i32::MAX),
                nanoseconds: i32::try_from(time.tv_nsec).unwrap_or_default(),
            }
        }
    }

    fn check(rc: libc::c_long) -> Result<(), Errno> {
        match rc {
            0 => Ok(()),
            _ => Err(crate::errno::last()),
        }
    }

    /// Whether clock_gettime64 works, asked once.
    pub(super) fn has_wide_times() -> bool {
        /// clock_gettime64, the same number on all machines.
        const NUMBER: libc::c_long = 403;
        static ANSWER: AtomicU8 = AtomicU8::new(0);
        match ANSWER.load(Ordering::Relaxed) {
            0 => {
                let mut time = [0_i64; 2];
                // SAFETY: the call fills in two 64-bit numbers.
                let there = unsafe { libc::syscall(NUMBER, libc::CLOCK_MONOTONIC, time.as_mut_ptr()) } == 0;
                ANSWER.store(if there { 1 } else { 2 }, Ordering::Relaxed);
                there
            }
            answer => answer == 1,
        }
    }

    pub(super) fn get(clock: ClockId) -> Timespec {
        let mut time = Short::default();
        // SAFETY: the structure has the call's layout; an unknown clock leaves it as it is.
        unsafe { libc::syscall(libc::SYS_clock_gettime, clock as i32, &raw mut time) };
        Timespec { tv_sec: time.seconds.into(), tv_nsec: time.nanoseconds.into() }
    }

    pub(super) fn set(clock: ClockId, time: Timespec) -> Result<(), Errno> {
        let time = Short::of(time);
        // SAFETY: the structure has the call's layout and is only read.
        check(unsafe { libc::syscall(libc::SYS_clock_settime, clock as i32, &raw const time) })
    }

    pub(super) fn sleep_until(moment: Timespec) -> Result<(), Errno> {
        let (moment, clock) = (Short::of(moment), libc::CLOCK_MONOTONIC);
        let null = std::ptr::null_mut::<Short>();
        // SAFETY: the structure has the call's layout and is only read.
        let rc = unsafe {
            libc::syscall(libc::SYS_clock_nanosleep, clock, libc::TIMER_ABSTIME, &raw const moment, null)
        };
        check(rc)
    }

    pub(super) fn set_times(file: BorrowedFd<'_>, times: &Timestamps) -> Result<(), Errno> {
        let times = [Short::of(times.last_access), Short::of(times.last_modification)];
        let no_name = std::ptr::null::<libc::c_char>();
        // SAFETY: two structures of the call's layout, only read; without a name it changes the open file.
        check(unsafe { libc::syscall(libc::SYS_utimensat, file.as_raw_fd(), no_name, times.as_ptr(), 0) })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn both_ways_tell_the_same_time() {
            let (wide, short) = (rustix::time::clock_gettime(ClockId::Monotonic), get(ClockId::Monotonic));
            assert!((0..60).contains(&(short.tv_sec - wide.tv_sec)));
            assert!((0..1_000_000_000).contains(&short.tv_nsec));
            sleep_until(short).unwrap();
        }
    }
}
