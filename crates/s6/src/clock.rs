//! The two clocks of supervision: the wall clock for what is written, the monotonic one for what is waited for.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use wire::tai::Tai64n;

/// The current time of day.
#[must_use]
pub fn wall() -> Tai64n {
    let now = clock_gettime(ClockId::Realtime);
    Tai64n::from_unix(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A moment: the time since the machine's start.
pub type Moment = Duration;

/// The current moment.
#[must_use]
pub fn now() -> Moment {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}
