//! Waiting for children of the process, also for ones that it inherited from the program before.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};
use sys::process::{Ended, reap, wait_any};
use sys::signal::{self, Set, SignalFd};

/// What to wait for.
#[derive(Debug)]
pub(crate) struct Request {
    /// These children, or all if there are none.
    pub(crate) pids: Vec<Pid>,
    /// One of them is enough.
    pub(crate) one: bool,
    /// At most that long, in milliseconds; 0 only reaps what is dead already.
    pub(crate) timeout: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The one child that was enough, or the one that was named last.
    pub(crate) last: Option<(Pid, Ended)>,
    /// Whether time ran out before all was there.
    pub(crate) timed_out: bool,
}

/// What is still waited for.
struct Pending {
    pids: Vec<Pid>,
    /// The one whose end is the answer.
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

    /// Takes note of an end; whether that was the last one.
    fn note(&mut self, pid: Pid, ended: Ended) -> bool {
        let wanted = self.any || self.pids.contains(&pid);
        self.pids.retain(|p| *p != pid);
        if wanted && (self.one || Some(pid) == self.named_last) {
            self.last = Some((pid, ended));
        }
        wanted && (self.one || (!self.any && self.pids.is_empty()))
    }
}

/// Waits; children that aren't waited for are reaped on the way.
pub(crate) fn wait(request: Request) -> Result<Answer, Errno> {
    let mut pending = Pending::new(&request);
    let timed_out = match request.timeout {
        None => loop {
            match wait_any() {
                Ok((pid, ended)) if pending.note(pid, ended) => break false,
                Ok(_) => {}
                Err(Errno::CHILD) => break false,
                Err(e) => return Err(e),
            }
        },
        Some(milliseconds) => wait_until(&mut pending, milliseconds)?,
    };
    Ok(Answer { last: pending.last, timed_out })
}

/// As [`wait`] with a limit; true if it ran out.
fn wait_until(pending: &mut Pending, milliseconds: u32) -> Result<bool, Errno> {
    let old = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::of(&[signal::CHLD]))?;
    let deadline = now() + i64::from(milliseconds);
    let timed_out = loop {
        match reap() {
            Ok(Some((pid, ended))) if pending.note(pid, ended) => break false,
            Ok(Some(_)) => continue,
            Err(Errno::CHILD) => break false,
            Err(e) => return Err(e),
            Ok(None) => {}
        }
        let left = deadline - now();
        if left <= 0 {
            break true;
        }
        let limit = Timespec { tv_sec: left / 1000, tv_nsec: left % 1000 * 1_000_000 };
        let mut fds = [PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
        while signals.read()?.is_some() {}
    };
    drop(signals);
    signal::set_mask(&old);
    Ok(timed_out)
}

/// Milliseconds of a clock that only goes forward.
fn now() -> i64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec * 1000 + t.tv_nsec / 1_000_000
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
    fn all_that_are_named() {
        let [a, b, c] = pids(&[5, 6, 7])[..] else { panic!() };
        let mut p = pending(&[5, 6], false);
        assert!(!p.note(c, ENDED));
        assert!(!p.note(b, ENDED));
        assert!(p.note(a, Ended::Killed(9)));
        assert_eq!(p.last, Some((b, ENDED)), "the one named last");
    }

    #[test]
    fn one_is_enough() {
        let [a, c] = pids(&[5, 7])[..] else { panic!() };
        let mut p = pending(&[5, 6], true);
        assert!(!p.note(c, ENDED));
        assert!(p.note(a, ENDED));
        assert_eq!(p.last, Some((a, ENDED)));
        assert!(pending(&[], true).note(c, ENDED));
        assert!(!pending(&[], false).note(c, ENDED));
    }
}
