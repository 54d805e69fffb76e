//! The two clocks of supervision: the wall clock for what is written, the monotonic one for what is waited for.

use rustix::time::{ClockId, clock_gettime};
pub use tool::clock::{Moment, deadline, now, poll_until};
use wire::tai::Tai64n;

/// The current time of day.
#[must_use]
pub fn wall() -> Tai64n {
    let now = clock_gettime(ClockId::Realtime);
    Tai64n::from_unix(now.tv_sec, u32::try_from(now.tv_nsec).unwrap_or_default())
}
