//! Processes that the kernel kills for lack of memory: of those that this process doesn't reap, too, it is told by the kernel.
//!
//! A notification says little: version 2 of control groups notifies of each reclaim at the limit, too, up to a hundred times a
//! second, and version 1 before anything is killed.  So after each the host looks at the number of kills, and for a while
//! waits for no other: a second, and while they go on twice as long each time, up to a minute.  Kills that the ends of
//! processes don't explain are reported when none can any more.  Nothing of this is in the journal: a re-executed host begins
//! again.

use super::Host;
use super::poller::Source;
use crate::memory::{self, Cause, Seen, Watch};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use wire::cgroup::show_size;
use wire::record::{Event, Kind};

/// From one report of a process that the kernel has killed, and that is no service's own, to the next one; the longest time
/// for which notifications are not waited for.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// The first time for which they are not waited for.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What a host knows of kills, besides their number.
#[derive(Debug, Default)]
pub(super) struct Kills {
    /// What the kernel notifies, if it is waited for.
    change: Option<OwnedFd>,
    /// When it is waited for again.
    watch_at: Option<Moment>,
    /// For how long it wasn't, the last time, and until when a notification means that they go on.
    pause: Duration,
    goes_on_until: Moment,
    /// Kills of processes that this one doesn't know, not reported yet.
    unknown: u32,
    /// When a kill is reported again.
    report_at: Option<Moment>,
}

impl Host {
    /// Begins to count the processes that the kernel kills for lack of memory.
    pub(super) fn count_kills(&mut self) {
        if self.config.watches_kills {
            self.watch_kills();
        } else {
            memory::begin(self.seen_kills(), || self.launch.system.memory_kills());
        }
    }

    /// What is known of the number of kills.
    fn seen_kills(&self) -> Seen<'_> {
        self.launch.kills(self.shared_kills())
    }

    /// What supervisor processes and this one know of kills.
    fn shared_kills(&self) -> Option<Seen<'_>> {
        self.processes.as_ref()?.slots.kills()
    }

    /// Waits for the next notification, if the kernel notifies this process.
    fn watch_kills(&mut self) {
        let now = self.launch.system.now();
        self.kills.watch_at = None;
        let Some(Watch { kills, change }) = self.launch.system.watch_kills() else { return };
        memory::note(self.seen_kills(), kills, now);
        let Some((fd, flags)) = change else { return };
        match self.poller.try_add(Source::Kills, fd.as_fd(), flags) {
            Ok(()) => self.kills.change = Some(fd),
            // It is a file that somebody has put there.
            Err(Errno::PERM) => {}
            Err(_) => self.kills.watch_at = Some(now.saturating_add(PAUSE_MAX)),
        }
    }

    /// The number of kills may have changed.
    pub(super) fn kills_changed(&mut self) {
        let Some(fd) = self.kills.change.take() else { return };
        // A process that was forked meanwhile may have it, too, and then closing it isn't enough.
        let _ = self.poller.remove(fd.as_fd());
        let now = self.launch.system.now();
        let Kills { pause, watch_at, goes_on_until, .. } = &mut self.kills;
        let goes_on = now <= *goes_on_until;
        *pause = if goes_on { pause.saturating_mul(2).clamp(FIRST_PAUSE, PAUSE_MAX) } else { FIRST_PAUSE };
        let at = now.saturating_add(*pause);
        (*watch_at, *goes_on_until) = (Some(at), at.saturating_add(*pause));
        if let Some(kills) = self.launch.system.memory_kills() {
            memory::note(self.seen_kills(), kills, now);
        }
    }

    /// When [`Host::see_to_kills`] has something to do.
    pub(super) fn kills_at(&self) -> Option<Moment> {
        let Kills { watch_at, unknown, report_at, .. } = self.kills;
        let report = (unknown > 0).then(|| report_at.unwrap_or_default());
        let left = memory::left_at(self.seen_kills()).filter(|_| self.config.watches_kills);
        [watch_at, report, left].into_iter().flatten().min()
    }

    /// Waits for notifications again, and reports kills that no process's end has told of in time.
    pub(super) fn see_to_kills(&mut self, now: Moment) {
        if self.kills_at().is_none_or(|at| at > now) {
            return;
        }
        if self.kills.watch_at.is_some_and(|at| at <= now) {
            self.watch_kills();
        }
        if memory::left_at(self.seen_kills()).is_some_and(|at| at <= now) {
            let left = memory::take_left(self.seen_kills());
            self.kills.unknown = self.kills.unknown.saturating_add(left);
        }
        if self.kills.unknown > 0 && self.may_report_kill(now) {
            let why = match self.launch.system.memory_limit() {
                Some(limit) => format!("because of the memory limit of {}", show_size(limit)),
                None => "since the machine has run out of memory".to_owned(),
            };
            let unknown = std::mem::take(&mut self.kills.unknown);
            let code = u16::try_from(unknown).unwrap_or(u16::MAX);
            self.record(Event { kind: Kind::MemoryKill, code, ..Event::default() });
            let text = match unknown {
                1 => format!(
                    "a process of the container was killed by the kernel {why}; no service itself, maybe a child of one"
                ),
                n => format!(
                    "{n} processes of the container were killed by the kernel {why}; no service itself, maybe children of one"
                ),
            };
            self.warn(&text);
        }
    }

    /// Whether a kill may be reported, which then counts as done: at most once a minute.
    fn may_report_kill(&mut self, now: Moment) -> bool {
        let may = self.kills.report_at.is_none_or(|at| at <= now);
        if may {
            self.kills.report_at = Some(now.saturating_add(PAUSE_MAX));
        }
        may
    }

    /// Reports that the kernel has killed a process, at most once a minute.
    pub(super) fn report_kill(&mut self, text: &str) {
        if self.launch.reports && self.may_report_kill(self.launch.system.now()) {
            self.warn(text);
        }
    }

    /// Whether a process that is no service's was killed from outside.
    pub(super) fn is_foreign_kill(&self, how: Ended) -> bool {
        // Once supervisors aren't replaced any more, SIGKILL is sent from here.
        how == Ended::Killed(9) && self.replaces
    }

    /// Why a process that is no service's has ended; `peak` is the most memory that it had.
    pub(super) fn cause(&self, how: Ended, peak: Option<u64>) -> Cause {
        if self.is_foreign_kill(how) {
            self.launch.cause_of_kill(self.shared_kills(), peak)
        } else {
            Cause::Own
        }
    }
}
