//! How long things may take where no variable says so.

use std::time::Duration;

/// How long process 1, the stop and the scripts of cont-finish.d wait for a reader of their messages: nothing but the
/// messages is lost without one.
pub(crate) const MESSAGE_LIMIT: Duration = Duration::from_secs(1);

/// How long a start may make no progress before it names what it waits for: preparing data may well take long.
pub(crate) const START_REMINDER: Duration = Duration::from_secs(10);

/// The same for a stop: well before an engine, after ten seconds by default, kills the container.
pub(crate) const STOP_REMINDER: Duration = Duration::from_secs(2);

/// How long processes may take after TERM before they are named; twice as long before the next time, and so on.
pub(crate) const REMAINING_REMINDER: Duration = STOP_REMINDER;

/// The longest time between TERM and KILL, whatever S6_KILL_GRACETIME or a request says: the reference's limit.
pub(crate) const KILL_GRACE_MAX: Duration = Duration::from_secs(300);

/// How long killed processes may take to vanish where the container's first process isn't process 1.
pub(crate) const KILL_LIMIT: Duration = Duration::from_secs(2);

/// A relay that ends sooner is not started again.
pub(crate) const RELAY_LIFE_MIN: Duration = Duration::from_secs(1);

/// How long the relay may take, at the very end, to pass on what it has.
pub(crate) const RELAY_DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// How long a legacy service may be without a supervisor, say because no descriptors are left, before the start goes on.
pub(crate) const SUPERVISION_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_things_may_take() {
        let seconds = |limit: Duration| (limit.as_secs(), limit.subsec_nanos());
        assert_eq!(seconds(MESSAGE_LIMIT), (1, 0));
        assert_eq!(seconds(START_REMINDER), (10, 0));
        assert_eq!(seconds(STOP_REMINDER), (2, 0));
        assert_eq!(seconds(REMAINING_REMINDER), (2, 0));
        assert_eq!(seconds(KILL_GRACE_MAX), (300, 0));
        assert_eq!(seconds(KILL_LIMIT), (2, 0));
        assert_eq!(seconds(RELAY_LIFE_MIN), (1, 0));
        assert_eq!(seconds(RELAY_DRAIN_LIMIT), (2, 0));
        assert_eq!(seconds(SUPERVISION_LIMIT), (5, 0));
    }
}
