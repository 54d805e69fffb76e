//! What a supervisor couldn't write about its service, and when it tries again.
//!
//! A full disk, or a lack of descriptors, loses nothing: what is owed is tried again whenever the service has something
//! else to write, and after 1, 2, 4 … seconds, at most a minute.  Each kind is warned of once, and once more when it is
//! written.  Of what is owed, the file `down` and the latest deaths are saved; a re-executed host compares the status files.

use std::time::Duration;
use supervision::fifodir::Notifier;
use tool::clock::{Moment, doubled};
use wire::death_tally::Death;
use wire::host_journal::OWED_DEATHS_MAX;
use wire::svstatus::Status;

/// From the first failure to the next attempt; further ones double it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts.
const RETRY_LIMIT: Duration = Duration::from_mins(1);

/// What can be owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Status,
    Deaths,
    DownFile,
    Events,
    /// More events than are kept.
    LostEvents,
}

impl Kind {
    /// What could not be done.
    pub(super) fn to_do(self) -> &'static str {
        match self {
            Self::Status => "write supervise/status, which shows an old state until that works",
            Self::Deaths => "write supervise/death_tally, which is tried again",
            Self::DownFile => "create ./down, which is tried again",
            Self::Events => "notify event, which is tried again",
            Self::LostEvents => "notify event, whose listeners miss what happens",
        }
    }

    /// What is so again.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Status => "supervise/status is up to date again",
            Self::Deaths => "supervise/death_tally is up to date again",
            Self::DownFile => "./down is created now",
            Self::Events => "listeners in event have heard all",
            Self::LostEvents => "listeners in event are notified again",
        }
    }
}

/// The debts of one service.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// The latest status.
    pub(super) status: Option<Status>,
    /// Deaths that aren't in the tally, oldest first; as many as the tally may have.
    pub(super) deaths: Vec<Death>,
    /// Events that listeners haven't heard.
    pub(super) events: Notifier,
    /// The file `down` is to be made.
    pub(super) down_file: bool,
    /// The kinds that were warned of.
    warned: Vec<Kind>,
    /// How often in a row the timer has found something that is still owed.
    attempts: u32,
    at: Option<Moment>,
}

impl Owed {
    /// When the next attempt is due.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.at
    }

    /// Whether anything is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.status.is_none() && self.deaths.is_empty() && !self.down_file && self.events.is_empty()
    }

    /// Whether something could not be done that could before: a reason for a warning.
    pub(super) fn is_first_failure(&mut self, kind: Kind) -> bool {
        let is_first = !self.warned.contains(&kind);
        if is_first {
            self.warned.push(kind);
        }
        is_first
    }

    /// Whether something could be done that had failed before.
    pub(super) fn is_first_success(&mut self, kind: Kind) -> bool {
        let before = self.warned.len();
        self.warned.retain(|other| *other != kind);
        self.warned.len() < before
    }

    /// Sets the timer after an attempt to write all that is owed.
    pub(super) fn settle(&mut self, now: Moment) {
        if self.is_empty() {
            (self.at, self.attempts) = (None, 0);
        } else if self.at.is_none_or(|at| at <= now) {
            self.at = Some(now.saturating_add(doubled(RETRY_PAUSE, self.attempts, RETRY_LIMIT)));
            self.attempts = self.attempts.saturating_add(1);
        }
    }

    /// Owes the status at once: a former supervisor may not have written it.
    pub(super) fn owe_status_now(&mut self, status: Status) {
        (self.status, self.at) = (Some(status), Some(Moment::ZERO));
    }

    /// Owes deaths at once: a former supervisor did.
    pub(super) fn owe_deaths_now(&mut self, deaths: Vec<Death>) {
        (self.deaths, self.at) = (deaths, Some(Moment::ZERO));
    }

    /// The latest deaths that are owed, as many as the journal has.
    pub(super) fn latest_deaths(&self) -> Vec<Death> {
        let first = self.deaths.len().saturating_sub(OWED_DEATHS_MAX);
        self.deaths.get(first..).unwrap_or_default().to_vec()
    }

    /// Owes the file `down` at once: a former supervisor did.
    pub(super) fn owe_down_file_now(&mut self) {
        (self.down_file, self.at) = (true, Some(Moment::ZERO));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_after_1_2_4_seconds_and_then_each_minute() {
        let mut owed = Owed { down_file: true, ..Owed::default() };
        let mut tried = Vec::new();
        owed.settle(Moment::ZERO);
        for second in 0..=250 {
            let now = Moment::from_secs(second);
            // Whatever else happens tries, too, and changes nothing about the timer.
            let is_due = owed.deadline().is_some_and(|at| at <= now);
            owed.settle(now);
            if is_due {
                tried.push(second);
            }
        }
        assert_eq!(tried, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
        owed.down_file = false;
        owed.settle(Moment::from_secs(251));
        assert_eq!(owed.deadline(), None);
        owed.down_file = true;
        owed.settle(Moment::from_secs(300));
        assert_eq!(owed.deadline(), Some(Moment::from_secs(301)), "the pauses begin from scratch");
    }

    #[test]
    fn each_kind_is_warned_of_once_and_once_when_it_is_well() {
        let mut owed = Owed::default();
        let kinds = [Kind::Status, Kind::Deaths];
        assert_eq!(kinds.map(|k| owed.is_first_failure(k)), [true, true]);
        assert_eq!(kinds.map(|k| owed.is_first_failure(k)), [false, false]);
        assert_eq!((owed.is_first_success(Kind::Deaths), owed.is_first_success(Kind::Deaths)), (true, false));
        assert_eq!((owed.is_first_failure(Kind::Deaths), owed.is_first_failure(Kind::Status)), (true, false));
        assert!(!owed.is_first_success(Kind::Events));
    }

    #[test]
    fn each_kind_has_its_texts() {
        let rows = [Kind::Status, Kind::Deaths, Kind::DownFile, Kind::Events, Kind::LostEvents]
            .map(|kind| format!("unable to {}; {}\n", kind.to_do(), kind.done()));
        insta::assert_snapshot!(rows.concat());
    }
}
