//! Pure: whether a service still does its work.

use std::time::Duration;
use tool::clock::Moment;
use wire::attended::Liveness;
use wire::probes::Live;

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How many checks in a row have failed.
    failures: u32,
    /// The line that is asked now.
    line: usize,
    /// When it is asked.
    due: Moment,
    /// The longest time between two signs of life, and when the next one is due at the latest.
    watchdog: Option<(Duration, Moment)>,
    /// For the report.
    pub liveness: Liveness,
}

impl Health {
    /// Of a service that is ready now.
    #[must_use]
    pub fn new(live: &Live, now: Moment) -> Self {
        let watchdog = live.watchdog.map(|time| Duration::from_millis(time.into()));
        Self {
            failures: 0,
            line: 0,
            due: now.saturating_add(period(live)),
            watchdog: watchdog.map(|time| (time, now.saturating_add(time))),
            liveness: Liveness::Yes,
        }
    }

    /// Whether so much has failed that something follows.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        matches!(self.liveness, Liveness::Unhealthy(_))
    }

    /// The line to ask, and when.
    #[must_use]
    pub fn next(&self, live: &Live) -> Option<(usize, Moment)> {
        (self.line < live.probes.len()).then_some((self.line, self.due))
    }

    /// When the watchdog's time is over.
    #[must_use]
    pub fn watchdog_due(&self) -> Option<Moment> {
        self.watchdog.map(|(_, at)| at).filter(|_| !self.is_unhealthy())
    }

    /// The line that was asked holds.
    pub fn hold(&mut self, live: &Live, now: Moment) {
        self.line = self.line.saturating_add(1);
        if self.line >= live.probes.len() {
            (self.failures, self.line) = (0, 0);
            self.due = now.saturating_add(period(live));
            self.liveness = Liveness::Yes;
        }
    }

    /// The line that was asked doesn't hold; whether something follows.
    pub fn fail(&mut self, why: Vec<u8>, live: &Live, now: Moment) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.line = 0;
        self.due = now.saturating_add(period(live));
        if self.failures < live.threshold {
            self.liveness = Liveness::Failing(why);
            return false;
        }
        self.condemn(why)
    }

    /// Nothing was heard in time, or the service says itself that it fails; whether something follows.
    pub fn condemn(&mut self, why: Vec<u8>) -> bool {
        let is_new = !self.is_unhealthy();
        self.liveness = Liveness::Unhealthy(why);
        is_new
    }

    /// A sign of life.
    pub fn heard(&mut self, now: Moment) {
        if let Some((time, at)) = &mut self.watchdog {
            *at = now.saturating_add(*time);
        }
    }

    /// The longest time between two signs of life is another one.
    pub fn set_watchdog(&mut self, time: Duration, now: Moment) {
        self.watchdog = Some((time, now.saturating_add(time))).filter(|_| !time.is_zero());
    }
}

fn period(live: &Live) -> Duration {
    Duration::from_millis(live.period.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::probes::{Kind, OnUnhealthy, Probe};

    fn live(lines: usize, watchdog: Option<u32>) -> Live {
        let probe = Probe { text: Vec::new(), kind: Kind::Listen(None, 80) };
        let probes = vec![probe; lines];
        Live { period: 100, timeout: 10, threshold: 3, watchdog, on_unhealthy: OnUnhealthy::Restart, probes }
    }

    fn ms(milliseconds: u64) -> Moment {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn something_follows_once_so_many_checks_in_a_row_have_failed() {
        let live = live(2, None);
        let mut health = Health::new(&live, ms(0));
        assert_eq!(health.next(&live), Some((0, ms(100))));
        let no = || b"no".to_vec();
        assert!(!health.fail(no(), &live, ms(100)) && !health.fail(no(), &live, ms(200)));
        assert_eq!(health.liveness, Liveness::Failing(no()));
        health.hold(&live, ms(300));
        assert_eq!(health.next(&live), Some((1, ms(300))), "the next line is asked at once");
        health.hold(&live, ms(301));
        assert_eq!((health.next(&live), &health.liveness), (Some((0, ms(401))), &Liveness::Yes));
        assert!(!health.fail(no(), &live, ms(401)) && !health.fail(no(), &live, ms(501)));
        assert!(health.fail(no(), &live, ms(601)));
        assert_eq!(health.liveness, Liveness::Unhealthy(no()));
        assert!(!health.fail(no(), &live, ms(701)), "it follows once");
        health.hold(&live, ms(801));
        health.hold(&live, ms(801));
        assert_eq!(health.liveness, Liveness::Yes);
    }

    #[test]
    fn a_watchdog_wants_signs_of_life() {
        let live = live(0, Some(500));
        let mut health = Health::new(&live, ms(0));
        assert_eq!((health.next(&live), health.watchdog_due()), (None, Some(ms(500))));
        health.heard(ms(400));
        assert_eq!(health.watchdog_due(), Some(ms(900)));
        health.set_watchdog(ms(50), ms(400));
        assert_eq!(health.watchdog_due(), Some(ms(450)));
        assert!(health.condemn(b"x".to_vec()) && !health.condemn(b"x".to_vec()));
        assert_eq!(health.watchdog_due(), None);
        health.set_watchdog(ms(0), ms(400));
        assert_eq!(health.watchdog, None);
    }
}
