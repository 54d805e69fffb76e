//! The two clocks: the wall clock for time stamps, the monotonic clock for waits.

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;
use rustix::time::ClockId;
use std::time::Duration;
use wire::tai::Tai64n;

/// The current time of day.
#[must_use]
pub fn wall() -> Tai64n {
    let now = sys::clock::get(ClockId::Realtime);
    Tai64n::from_unix(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A moment: the time since the machine's start.
pub type Moment = Duration;

/// The current moment.
#[must_use]
pub fn now() -> Moment {
    let now = sys::clock::get(ClockId::Monotonic);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}

/// The moment `ms` milliseconds from now; `None`, which is never, for 0 or `None`.
#[must_use]
pub fn deadline(milliseconds: Option<u32>) -> Option<Moment> {
    let span = Duration::from_millis(milliseconds.filter(|ms| *ms != 0)?.into());
    now().checked_add(span)
}

/// The pause before an attempt: `first`, doubled for each of the attempts that failed after the first one, at most `limit`.
#[must_use]
pub fn doubled(first: Duration, times: u32, limit: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(limit)
}

/// poll(2) until something is ready or the deadline has passed: then 0.  Without descriptors it waits for the deadline.
///
/// # Errors
/// As poll(2); an interruption is none.
pub fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Moment>) -> Result<usize, Errno> {
    loop {
        let left = deadline.map(|d| d.saturating_sub(now()));
        match poll(fds, left.and_then(|l| Timespec::try_from(l).ok()).as_ref()) {
            Err(Errno::INTR) => {}
            Ok(0) if deadline.is_none_or(|d| d > now()) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit() {
        let pause =
            |times| doubled(Duration::from_millis(100), times, Duration::from_millis(1000)).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 31, 32, u32::MAX].map(pause),
            [100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000]
        );
    }
}
