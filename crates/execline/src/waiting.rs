//! Waits for children of the process, including those it had before it executed this program.

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::time::Duration;
use sys::process::{Ended, reap, wait_any};
use sys::signal::{self, Set, SignalFd};
use tool::clock::{now, poll_until};

/// Which children to wait for, and how long.
#[derive(Debug)]
pub(crate) struct Request {
    /// The children; if empty, all children.
    pub(crate) pids: Vec<Pid>,
    /// Whether one of them is enough.
    pub(crate) one: bool,
    /// The time limit; zero only reaps children that are dead already.
    pub(crate) timeout: Option<Duration>,
}

/// The result of waiting.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The child that was enough, or else the one named last.
    pub(crate) last: Option<(Pid, Ended)>,
    /// Whether the time limit passed first.
    pub(crate) timed_out: bool,
}

/// The children that have not ended yet.
struct Pending {
    pids: Vec<Pid>,
    /// The child whose end is the answer.
    named_last: Option<Pid>,
    one: bool,
    any: bool,
    last: Option<(Pid, Ended)>,
}

impl Pending {
    fn new(request: &Request) -> Self {
        let named_last = request.pids.last().copied();
        let any = request.pids.is_empty();
        Self { pids: request.pids.clone(), named_last, one: request.one, any, last: None }
    }

    /// Records the end of a child; whether the wait is over.
    fn record(&mut self, pid: Pid, ended: Ended) -> bool {
        let wanted = self.any || self.pids.contains(&pid);
        self.pids.retain(|p| *p != pid);
        if wanted && (self.one || Some(pid) == self.named_last) {
            self.last = Some((pid, ended));
        }
        wanted && (self.one || (!self.any && self.pids.is_empty()))
    }
}

/// Waits as requested; other children that end meanwhile are reaped.
pub(crate) fn wait(request: Request) -> Result<Answer, Errno> {
    let mut pending = Pending::new(&request);
    let timed_out = match request.timeout {
        None => loop {
            match wait_any() {
                Ok((pid, ended)) if pending.record(pid, ended) => break false,
                Ok(_) => {}
                Err(Errno::CHILD) => break false,
                Err(e) => return Err(e),
            }
        },
        Some(limit) => wait_at_most(&mut pending, limit)?,
    };
    Ok(Answer { last: pending.last, timed_out })
}

/// As [`wait`], with a time limit; true if it passed.
fn wait_at_most(pending: &mut Pending, limit: Duration) -> Result<bool, Errno> {
    let old = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&[signal::CHLD]))?;
    let deadline = now().saturating_add(limit);
    let timed_out = loop {
        match reap() {
            Ok(Some((pid, ended))) if pending.record(pid, ended) => break false,
            Ok(Some(_)) => continue,
            Err(Errno::CHILD) => break false,
            Err(e) => return Err(e),
            Ok(None) => {}
        }
        if now() >= deadline {
            break true;
        }
        poll_until(&mut [PollFd::new(&signals, PollFlags::IN)], Some(deadline))?;
        while signals.read()?.is_some() {}
    };
    drop(signals);
    signal::set_mask(&old);
    Ok(timed_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: Ended = Ended::Exited(3);

    fn pids(numbers: &[i32]) -> Vec<Pid> {
        numbers.iter().map(|n| Pid::from_raw(*n).unwrap()).collect()
    }

    fn pending(numbers: &[i32], one: bool) -> Pending {
        Pending::new(&Request { pids: pids(numbers), one, timeout: None })
    }

    #[test]
    fn all_named_children_are_waited_for() {
        let [a, b, c] = pids(&[5, 6, 7])[..] else { panic!() };
        let mut p = pending(&[5, 6], false);
        assert!(!p.record(c, ENDED));
        assert!(!p.record(b, ENDED));
        assert!(p.record(a, Ended::Killed(9)));
        assert_eq!(p.last, Some((b, ENDED)), "the one named last");
    }

    #[test]
    fn one_child_is_enough_on_request() {
        let [a, c] = pids(&[5, 7])[..] else { panic!() };
        let mut p = pending(&[5, 6], true);
        assert!(!p.record(c, ENDED));
        assert!(p.record(a, ENDED));
        assert_eq!(p.last, Some((a, ENDED)));
        assert!(pending(&[], true).record(c, ENDED));
        assert!(!pending(&[], false).record(c, ENDED));
    }
}
