//! Time limits that no variable sets.

use std::time::Duration;

/// How long process 1, the stop child and cont-finish wait for a reader of their messages; then they drop the messages.
pub(crate) const MESSAGE_LIMIT: Duration = Duration::from_secs(1);

/// How long a start may make no progress before it reports what it waits for.  Preparing data may take long.
pub const START_REMINDER: Duration = Duration::from_secs(10);

/// How long a start that has failed waits for the stop that the restart policy of a failed service has: process 1 hears of the
/// failure a moment after s6-rc.
pub(crate) const POLICY_LIMIT: Duration = Duration::from_secs(5);

/// How long a stop may make no progress before it reports what it waits for: long before an engine kills the container, by
/// default after ten seconds.
pub(crate) const STOP_REMINDER: Duration = Duration::from_secs(2);

/// How long processes may take after TERM before they are reported; the interval doubles each time.
pub(crate) const REMAINING_REMINDER: Duration = STOP_REMINDER;

/// The upper bound of the time between TERM and KILL for S6_KILL_GRACETIME and requests: that of the reference.
pub(crate) const KILL_GRACE_MAX: Duration = Duration::from_secs(300);

/// From an attempt to start what stops the services to the next one; further ones double it.
pub(crate) const STOP_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long killed processes may take to disappear where the container's first process isn't process 1.
pub(crate) const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A relay that ends earlier is not started again.
pub(crate) const RELAY_LIFE_MIN: Duration = Duration::from_secs(1);

/// An attendant that ends earlier is followed by another one only after a pause: [`ATTENDANT_PAUSE`].
pub(crate) const ATTENDANT_LIFE_MIN: Duration = RELAY_LIFE_MIN;

/// From an attendant that has ended at once, or couldn't be started, to the next one; further ones double it, up to
/// [`ATTENDANT_PAUSE_MAX`].
pub(crate) const ATTENDANT_PAUSE: Duration = Duration::from_secs(1);

/// The longest of these pauses.
pub(crate) const ATTENDANT_PAUSE_MAX: Duration = Duration::from_secs(60);

/// At the end of a container that was asked to stop, how long its output may take to be read.
pub(crate) const OUTPUT_LIMIT: Duration = Duration::from_secs(2);

/// At the end, how long the container's output may take to be read before the wait for that is reported.
pub(crate) const OUTPUT_REMINDER: Duration = STOP_REMINDER;

/// The least time between two looks at the remaining processes.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// How long a legacy service may have no supervisor, for example for lack of descriptors, before the start continues.
pub(crate) const SUPERVISION_LIMIT: Duration = Duration::from_secs(5);

/// How long a program may take that a service's restart policy has for its end.
pub(crate) const CONSEQUENCE_LIMIT: Duration = Duration::from_secs(10);

/// How long a program may take that a condition asks.
pub(crate) const CONDITION_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_the_value_that_the_pages_state() {
        let seconds = |limit: Duration| (limit.as_secs(), limit.subsec_nanos());
        assert_eq!(seconds(MESSAGE_LIMIT), (1, 0));
        assert_eq!(seconds(START_REMINDER), (10, 0));
        assert_eq!(seconds(STOP_REMINDER), (2, 0));
        assert_eq!(seconds(REMAINING_REMINDER), (2, 0));
        assert_eq!(seconds(KILL_GRACE_MAX), (300, 0));
        assert_eq!(seconds(STOP_RETRY_PAUSE), (0, 100_000_000));
        assert_eq!(seconds(KILL_LIMIT), (2, 0));
        assert_eq!(seconds(RELAY_LIFE_MIN), (1, 0));
        let of_attendant = [ATTENDANT_LIFE_MIN, ATTENDANT_PAUSE, ATTENDANT_PAUSE_MAX];
        assert_eq!(of_attendant.map(seconds), [(1, 0), (1, 0), (60, 0)]);
        assert_eq!(seconds(OUTPUT_LIMIT), (2, 0));
        assert_eq!(seconds(OUTPUT_REMINDER), (2, 0));
        assert_eq!(seconds(LOOK_PAUSE), (0, 100_000_000));
        assert_eq!(seconds(SUPERVISION_LIMIT), (5, 0));
        assert_eq!(seconds(CONDITION_LIMIT), (5, 0));
    }
}
