//! Pure: what everybody may know of one service: its row on the status board, and the events that come of a change.
//!
//! Both follow from the machine's state before and after an event, and from what is kept here.  None of it is in the journal: a
//! successor finds it on the board, and begins from nothing where it is damaged.

use super::machine::{Event, PERMANENT_FAILURE, Saved};
use crate::board::EVENTS_MAX;
use crate::memory;
use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use wire::board::{Cause, Flags, Row, State};
use wire::control::Command;
use wire::record::{self, Kind};
use wire::restarts::{Restarts, Verdict};
use wire::svstatus::Status;

/// A life this long ends a row of failures, where no restart policy counts.
const LIFE_OF_SUCCESS: Duration = Duration::from_mins(1);

/// What is kept of a service for the board.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) row: Row,
    /// The process of `run` was killed because it took too long to stop.
    is_killed: bool,
    /// Checksum of the row as it is written.
    pub(super) written: u32,
}

/// Before an event.
pub(super) struct Before {
    pub(super) saved: Saved,
    /// Whether an end of `run`, if this is one, was asked for.
    pub(super) is_wanted: bool,
    pub(super) is_supervised: bool,
    /// When that was: what others do because of the event comes later.
    pub(super) at: Moment,
}

/// What is known of an event besides the machine's states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// Whether an end of `run` was asked for.
    pub(super) is_wanted: bool,
    /// Why it has ended.
    pub(super) cause: memory::Cause,
    pub(super) at: Moment,
}

/// An event of the record; its name is added where it is written.
pub(super) fn event(kind: Kind, pid: u32, code: u16, value: Option<u64>) -> record::Event {
    record::Event { kind, pid, code, value, ..record::Event::default() }
}

fn nanos(span: Duration) -> Option<u64> {
    u64::try_from(span.as_nanos()).ok()
}

/// Whether these are one life of `run`.
fn is_same_life(old: &Status, new: &Status) -> bool {
    old.is_up() && new.is_up() && old.pid == new.pid
}

impl Shown {
    /// Follows an event from one state of the machine to the next; gives what is to be recorded of it.
    pub(super) fn follow(&mut self, by: Event, was: &Saved, is: &Saved, facts: Facts) -> Vec<record::Event> {
        let (old, new) = (&was.status, &is.status);
        let mut out = Vec::with_capacity(EVENTS_MAX);
        match by {
            Event::Ended(how) if old.is_up() => {
                if let memory::Cause::Memory(lack) = facts.cause {
                    out.push(event(Kind::MemoryKill, old.pid, 1, lack.peak));
                }
                out.push(self.ended(how, was, facts));
            }
            Event::Ended(how) if old.pid != 0 => {
                out.push(event(Kind::FinishEnded, old.pid, how.wstat(), None));
            }
            Event::Timeout if was.dying && is_same_life(old, new) => {
                self.is_killed = true;
                out.push(event(Kind::Killed, old.pid, 0, None));
            }
            Event::Command(Command::Up | Command::UpForGood | Command::Forget) => self.row.failures = 0,
            _ => {}
        }
        if is.restarts.verdict != Verdict::None {
            self.row.failures = is.restarts.failures;
        }
        let is_end = matches!(by, Event::Ended(_)) && old.pid != 0 && new.pid == 0;
        let has_failed = is_end && self.fails_for_good(by, is);
        if is_end && old.want_up && !new.want_up {
            let kind = if has_failed { Kind::Failed } else { Kind::Done };
            out.push(event(kind, 0, self.row.failures, None));
        } else if old.want_up != new.want_up {
            out.push(event(if new.want_up { Kind::WantedUp } else { Kind::WantedDown }, 0, 0, None));
        }
        if new.finishing && new.pid != 0 && !old.finishing {
            out.push(event(Kind::FinishStarted, new.pid, 0, None));
        }
        if new.is_up() && !is_same_life(old, new) {
            self.row.starts = self.row.starts.saturating_add(1);
            (self.row.started, self.row.ready, self.is_killed) = (Some(facts.at), None, false);
            out.push(event(Kind::Started, new.pid, 0, None));
        }
        if new.is_up() && new.ready && self.row.ready.is_none() {
            self.row.ready = Some(facts.at);
            let span = self.row.started.map(|at| facts.at.saturating_sub(at));
            out.push(event(Kind::Ready, new.pid, 0, span.and_then(nanos)));
        }
        let next = is.deadline.filter(|_| new.want_up && new.pid == 0);
        if is_end && next.is_some() && self.is_unwanted() {
            out.push(event(Kind::Backoff, 0, self.row.failures, next.and_then(nanos)));
        } else if old.pid == 0 && new.pid == 0 && next.is_some_and(|at| at > facts.at) && was.deadline != next
        {
            out.push(event(Kind::NotStarted, 0, 0, next.and_then(nanos)));
        }
        self.settle(is, has_failed, facts.at);
        out.truncate(EVENTS_MAX);
        out
    }

    /// `run` has ended.
    fn ended(&mut self, how: Ended, was: &Saved, facts: Facts) -> record::Event {
        let life = self.row.started.map(|at| facts.at.saturating_sub(at));
        let cause = match facts.cause {
            memory::Cause::Memory(_) => Cause::Memory,
            memory::Cause::Foreign => Cause::Foreign,
            memory::Cause::Unhealthy => Cause::Unhealthy,
            memory::Cause::Own if self.is_killed && how == Ended::Killed(9) => Cause::Timeout,
            memory::Cause::Own if facts.is_wanted => Cause::Asked,
            memory::Cause::Own => Cause::Own,
        };
        if !facts.is_wanted && was.status.want_up {
            let row = &mut self.row;
            row.deaths = row.deaths.saturating_add(1);
            let before = if life >= Some(LIFE_OF_SUCCESS) { 0 } else { row.failures };
            row.failures = before.saturating_add(1);
        }
        (self.row.cause, self.row.ended, self.row.life) = (cause, Some(facts.at), life);
        let told = event(Kind::Ended, was.status.pid, how.wstat(), life.and_then(nanos));
        record::Event { how: cause as u8, ..told }
    }

    /// Whether the end of a process is the service's end for good, by its `finish` or by its restart policy.
    fn fails_for_good(&self, by: Event, is: &Saved) -> bool {
        let by_finish = by == Event::Ended(Ended::Exited(PERMANENT_FAILURE));
        is.restarts.verdict == Verdict::Failed || (self.row.state == State::Finishing && by_finish)
    }

    /// Whether the last end of `run` wasn't asked for.
    fn is_unwanted(&self) -> bool {
        matches!(self.row.cause, Cause::Own | Cause::Foreign | Cause::Memory | Cause::Unhealthy)
    }

    /// Brings the row up to date with the machine's state.
    pub(super) fn settle(&mut self, is: &Saved, has_failed: bool, now: Moment) {
        let status = &is.status;
        let state = match (status.pid, status.want_up) {
            (0, true) if self.row.starts > 0 && self.is_unwanted() => State::Backoff,
            (0, true) => State::Waiting,
            (0, false) if has_failed => State::Failed,
            (0, false) if is.restarts.verdict == Verdict::Ended => State::Done,
            // Until somebody wants it up again.
            (0, false) if matches!(self.row.state, State::Failed | State::Done) => self.row.state,
            (0, false) => State::Down,
            _ if status.finishing => State::Finishing,
            (_, false) if is.restarts.told == Restarts::TO_END => State::Stopping,
            _ if status.ready => State::Ready,
            _ => State::Up,
        };
        self.enter(state, now);
        let flags = self.row.flags.0 & Flags::READINESS;
        let flag = |is: bool, flag: u16| if is { flag } else { 0 };
        self.row.flags =
            Flags(flags | flag(status.want_up, Flags::WANTED) | flag(status.paused, Flags::PAUSED));
        self.row.pid = status.pid;
        self.row.wstat = status.wstat;
        self.row.next_start = is.deadline.filter(|_| status.want_up && status.pid == 0);
    }

    pub(super) fn enter(&mut self, state: State, now: Moment) {
        if self.row.state != state {
            (self.row.state, self.row.since) = (state, Some(now));
        }
    }

    /// Whether the service declares its readiness, as seen at a start.
    pub(super) fn set_readiness(&mut self, declares: bool) {
        let others = self.row.flags.0 & !Flags::READINESS;
        self.row.flags = Flags(if declares { others | Flags::READINESS } else { others });
    }

    /// The most memory that the process had which has ended.
    pub(super) fn set_peak(&mut self, peak: Option<u64>) {
        self.row.peak = peak;
    }
}
