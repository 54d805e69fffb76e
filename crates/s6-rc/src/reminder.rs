//! When a change reports what it is waiting for: after some time without progress, and from then on ever less often.

use std::time::Duration;
use tool::clock::Moment;

/// The limit of the time between two reminders.
const GAP_LIMIT: Duration = Duration::from_mins(1);

/// When to remind.
#[derive(Debug)]
pub(crate) struct Reminder {
    /// The time without progress before the first reminder; `None`: there is none.
    first: Option<Duration>,
    gap: Duration,
    /// The last progress.
    since: Moment,
    at: Option<Moment>,
}

impl Reminder {
    pub(crate) fn new(first: Option<Duration>, now: Moment) -> Self {
        let mut reminder = Self { first, gap: Duration::ZERO, since: now, at: None };
        reminder.progress(now);
        reminder
    }

    /// Something has moved.
    pub(crate) fn progress(&mut self, now: Moment) {
        let Some(first) = self.first else { return };
        self.gap = first;
        self.since = now;
        self.at = now.checked_add(first);
    }

    /// When the next reminder is due.
    pub(crate) fn at(&self) -> Option<Moment> {
        self.at
    }

    /// If a reminder is due, for how long nothing has moved.
    pub(crate) fn due(&mut self, now: Moment) -> Option<Duration> {
        self.at.filter(|at| *at <= now)?;
        let quiet = now.saturating_sub(self.since);
        self.at = now.checked_add(self.gap);
        self.gap = self.gap.saturating_mul(2).min(GAP_LIMIT);
        Some(quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn reminders_come_ever_less_often() {
        let mut r = Reminder::new(Some(s(2)), s(100));
        let mut due = Vec::new();
        for second in 100..=300 {
            due.extend(r.due(s(second)).map(|quiet| quiet.as_secs()));
        }
        assert_eq!(due, [2, 4, 8, 16, 32, 64, 124, 184]);
        r.progress(s(300));
        assert_eq!((r.at(), r.due(s(301)), r.due(s(302))), (Some(s(302)), None, Some(s(2))));
    }

    #[test]
    fn reminders_can_be_turned_off() {
        let mut r = Reminder::new(None, s(0));
        r.progress(s(1));
        assert_eq!((r.at(), r.due(s(1000))), (None, None));
    }
}
