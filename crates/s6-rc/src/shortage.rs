//! What a change does while descriptors or processes are short: it waits a little and tries again.

use std::time::Duration;
use tool::clock::Moment;

/// From the first refusal to the next attempt; further ones double it.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const PAUSE_LIMIT: Duration = Duration::from_millis(1600);

/// After so long a transition fails, if there is no other one whose end could make room.
pub(crate) const SHORTAGE_LIMIT: Duration = Duration::from_secs(10);

/// Whether transitions are being refused.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    /// Since the first refusal: its moment, the pause, and when the next attempt is due.
    refused: Option<(Moment, Duration, Moment)>,
    is_reported: bool,
}

impl Shortage {
    /// A transition was refused.
    pub(crate) fn refuse(&mut self, now: Moment) {
        let (since, pause) = match self.refused {
            None => (now, PAUSE),
            Some((since, pause, _)) => (since, pause.saturating_mul(2).min(PAUSE_LIMIT)),
        };
        self.refused = Some((since, pause, now.saturating_add(pause)));
    }

    /// Whether it is time to report it, which is so once.
    pub(crate) fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.is_reported, true)
    }

    /// A transition has ended by itself: there was room for it.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// A transition has ended, so there may be room.
    pub(crate) fn retry(&mut self) {
        if let Some((_, _, at)) = &mut self.refused {
            *at = Moment::ZERO;
        }
    }

    /// When the next attempt is due, if one has failed.
    pub(crate) fn at(&self) -> Option<Moment> {
        self.refused.map(|(_, _, at)| at)
    }

    /// Whether it is too early for another attempt.
    pub(crate) fn holds(&self, now: Moment) -> bool {
        self.at().is_some_and(|at| at > now)
    }

    /// Whether it has lasted for longer than is worth to wait.
    pub(crate) fn is_long(&self, now: Moment) -> bool {
        self.refused.is_some_and(|(since, _, _)| now.saturating_sub(since) >= SHORTAGE_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_after_a_tenth_of_a_second_and_end_after_ten() {
        let mut shortage = Shortage::default();
        let mut now = Moment::from_secs(100);
        let mut attempts = Vec::new();
        shortage.refuse(now);
        while !shortage.is_long(now) {
            assert!(shortage.holds(now));
            now = shortage.at().unwrap();
            assert!(!shortage.holds(now));
            attempts.push(now.as_millis() - 100_000);
            shortage.refuse(now);
        }
        assert_eq!(attempts, [100, 300, 700, 1500, 3100, 4700, 6300, 7900, 9500, 11_100]);
        shortage.end();
        assert_eq!((shortage.at(), shortage.is_long(now)), (None, false));
        shortage.refuse(now);
        assert_eq!(shortage.at(), now.checked_add(PAUSE), "the pauses begin from scratch");
    }

    #[test]
    fn what_ends_may_make_room_at_once() {
        let mut shortage = Shortage::default();
        let now = Moment::from_secs(100);
        shortage.retry();
        assert_eq!(shortage.at(), None);
        shortage.refuse(now);
        shortage.retry();
        assert!(!shortage.holds(now));
    }

    #[test]
    fn a_shortage_is_reported_once() {
        let mut shortage = Shortage::default();
        assert_eq!((shortage.is_news(), shortage.is_news()), (true, false));
        shortage.end();
        assert!(shortage.is_news());
    }
}
