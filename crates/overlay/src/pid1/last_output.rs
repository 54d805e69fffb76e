//! At the end: waits until the container's output is read, as far as it goes through the relay or the catch-all logger.
//!
//! Without them, what a program writes holds the program up until it is read, and the program holds up the container.  So
//! does what is on its way through them: without limit, unless a stop was asked for, before or meanwhile.

use super::NAME;
use crate::boot::catch_all;
use crate::limits::{MESSAGE_LIMIT, OUTPUT_LIMIT, OUTPUT_REMINDER};
use crate::pid1::init::Init;
use crate::pid1::lifecycle::SIGNALS;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};
use std::os::fd::{AsFd, OwnedFd};
use supervisor::host::Host;
use sys::signal::{CHLD, KILL, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::diag;

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The process is told to finish, without limit or within [`OUTPUT_LIMIT`].
    Finish(Limit),
    /// What is waited for is reported.
    Remind,
    /// The process is killed.
    Kill,
    /// Wait, until then if there is a deadline.
    Wait(Option<Moment>),
}

/// How long the output may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    Output,
}

/// Pure: what was done so far.
#[derive(Debug)]
struct Course {
    /// When the process was told to finish without limit.
    told: Option<Moment>,
    /// When it was told to finish within the limit.
    limited: Option<Moment>,
    is_reminded: bool,
}

impl Course {
    fn new() -> Self {
        Self { told: None, limited: None, is_reminded: false }
    }

    fn next(&mut self, is_asked: bool, now: Moment) -> Turn {
        if let Some(since) = self.limited {
            // The relay reports before it ends.
            let until = since.saturating_add(OUTPUT_LIMIT).saturating_add(MESSAGE_LIMIT);
            return if until <= now { Turn::Kill } else { Turn::Wait(Some(until)) };
        }
        if is_asked {
            self.limited = Some(now);
            return Turn::Finish(Limit::Output);
        }
        let Some(since) = self.told else {
            self.told = Some(now);
            return Turn::Finish(Limit::None);
        };
        let reminder = since.saturating_add(OUTPUT_REMINDER);
        if self.is_reminded {
            Turn::Wait(None)
        } else if reminder <= now {
            self.is_reminded = true;
            Turn::Remind
        } else {
            Turn::Wait(Some(reminder))
        }
    }
}

/// Waits until the output is read, or no longer waited for.
pub(crate) fn wait(init: &mut Init, host: &mut Host) {
    let Some(keeper) = init.keeper() else { return };
    let signals = SignalFd::new(&Set::of(&[&SIGNALS[..], &[CHLD]].concat()));
    let mut course = Course::new();
    let pidfd = rustix::process::pidfd_open(keeper, PidfdFlags::empty()).ok();
    while !has_ended(keeper, pidfd.as_ref()) {
        if let Ok(signals) = &signals {
            read_signals(init, host, signals);
        }
        let is_asked = init.is_asked_to_stop() || signals.is_err();
        let until = match course.next(is_asked, clock::now()) {
            Turn::Finish(limit) => {
                if let Some(relay) = init.relay() {
                    relay.finish((limit == Limit::Output).then_some(OUTPUT_LIMIT));
                }
                continue;
            }
            Turn::Remind => {
                let process = diag::process(keeper.as_raw_nonzero().get().unsigned_abs());
                diag::warn(NAME, &format!("waiting until the container's output is read: process {process}"));
                continue;
            }
            Turn::Kill => {
                kill(init, keeper);
                return;
            }
            Turn::Wait(until) => until,
        };
        let mut fds = vec![PollFd::from_borrowed_fd(init.requests(), PollFlags::IN)];
        fds.extend(pidfd.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(signals.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        let _ = clock::poll_until(&mut fds, until);
        let is_requested = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        if is_requested {
            init.read_requests(host);
        }
    }
}

/// Whether the process has ended.  It may be the child of a process that ends now.
fn has_ended(pid: Pid, pidfd: Option<&OwnedFd>) -> bool {
    match pidfd {
        Some(fd) => clock::poll_until(&mut [PollFd::new(fd, PollFlags::IN)], Some(Moment::ZERO)) != Ok(0),
        None => sys::process::reap_one(pid) != Ok(None),
    }
}

fn read_signals(init: &mut Init, host: &mut Host, signals: &SignalFd) {
    while let Ok(Some((signal, sender))) = signals.read_with_sender() {
        if signal != CHLD {
            init.signaled(signal, sender, host);
        }
    }
}

/// Ends a process that hasn't ended in time.
fn kill(init: &Init, keeper: Pid) {
    if init.relay().is_none() {
        // What it holds itself is unknown.
        let bytes = catch_all::unread();
        diag::warn(
            NAME,
            &format!("at least {bytes} bytes of the container's output are missing: nothing read them"),
        );
    }
    let _ = sys::process::kill(keeper, KILL);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ms(n: u64) -> Moment {
        Duration::from_millis(n)
    }

    #[test]
    fn while_nobody_asks_for_a_stop_there_is_no_limit() {
        let mut course = Course::new();
        assert_eq!(course.next(false, ms(0)), Turn::Finish(Limit::None));
        assert_eq!(course.next(false, ms(0)), Turn::Wait(Some(ms(2000))));
        assert_eq!(course.next(false, ms(2000)), Turn::Remind);
        assert_eq!(course.next(false, ms(2000)), Turn::Wait(None));
        assert_eq!(course.next(false, ms(1_000_000_000)), Turn::Wait(None));
        assert_eq!(course.next(true, ms(1_000_000_000)), Turn::Finish(Limit::Output));
        assert_eq!(course.next(true, ms(1_000_002_999)), Turn::Wait(Some(ms(1_000_003_000))));
        assert_eq!(course.next(true, ms(1_000_003_000)), Turn::Kill);
    }

    #[test]
    fn after_a_request_there_is_one_from_the_beginning() {
        let mut course = Course::new();
        assert_eq!(course.next(true, ms(7)), Turn::Finish(Limit::Output));
        assert_eq!(course.next(true, ms(7)), Turn::Wait(Some(ms(3007))));
        assert_eq!(course.next(true, ms(3007)), Turn::Kill);
    }
}
