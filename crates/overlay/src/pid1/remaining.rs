//! After the last service: waits until no process is left, or the grace time is over.
//!
//! Each living process is waited for through its pidfd, so processes that entered the container from outside and have no
//! parent in it count, too.  Not even a flood of processes that are born and end delays what is due: the deadline comes
//! first, children are reaped a few at a time, and /proc is read again only when every process of the last reading has
//! ended, at most ten times a second.

use crate::limits::LOOK_PAUSE;
use crate::pid1::init::Init;
use crate::pid1::processes::others;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};
use std::os::fd::{AsFd, OwnedFd};
use sys::signal::{CHLD, Set, SignalFd};
use tool::clock::{self, Moment};

/// The number of processes that are waited for at once; the others follow when these have ended.
const BATCH: usize = 256;

/// The number of children that are reaped before the deadline is checked again.
const REAPED_AT_ONCE: usize = 64;

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The deadline has passed.
    Expire,
    /// Some children that have ended are reaped.
    Reap,
    /// No process is left.
    Empty,
    /// The living processes are looked up.
    Look,
    /// Wait for their ends and for children's, until then if there is a deadline.
    Wait(Option<Moment>),
}

/// Pure: what is known of the remaining processes.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Whether this is process 1, to which other processes than its descendants count.
    is_first: bool,
    /// Every child that had ended is reaped.
    is_reaped: bool,
    has_children: bool,
    /// Whether a signal to all would reach a process; true if this isn't known.
    reaches_any: bool,
    /// How many processes of the last look are waited for.
    watched: usize,
    /// When the living processes were last looked up.
    looked: Option<Moment>,
    /// The last look found no process that counts.
    found_none: bool,
}

impl Known {
    fn next(&self, due: Option<Moment>, now: Moment) -> Turn {
        if due.is_some_and(|at| at <= now) {
            return Turn::Expire;
        }
        if !self.is_reaped {
            return Turn::Reap;
        }
        if self.found_none || !(self.has_children || self.is_first && self.reaches_any) {
            return Turn::Empty;
        }
        // If this isn't process 1, only descendants count, and the last of them become children.
        if self.watched > 0 || !self.is_first {
            return Turn::Wait(due);
        }
        match self.looked.map(|at| at.saturating_add(LOOK_PAUSE)).filter(|at| *at > now) {
            Some(next) => Turn::Wait(Some(due.map_or(next, |due| due.min(next)))),
            None => Turn::Look,
        }
    }
}

/// Waits until the lifecycle has ended.
pub(crate) fn wait(init: &mut Init) {
    let own = rustix::process::getpid();
    let children = SignalFd::new(&Set::of(&[CHLD])).ok();
    let mut known = Known { is_first: own.is_init(), ..Known::default() };
    let mut pidfds = Vec::new();
    while init.end().is_none() {
        let now = clock::now();
        match known.next(init.due(), now) {
            Turn::Expire => init.expire(None),
            Turn::Empty => init.emptied(),
            Turn::Reap => {
                (known.is_reaped, known.has_children) = reap_some(init);
                known.reaches_any = known.has_children || sys::process::kill_all(0) != Err(Errno::SRCH);
            }
            Turn::Look => {
                let keeper = init.keeper();
                let mut living = others(own).unwrap_or_default();
                living.retain(|pid| Some(*pid) != keeper);
                // Those that have ended and wait for a parent outside don't count, nor does what shows the output.
                known.found_none = living.is_empty() && (!known.has_children || keeper.is_some());
                pidfds = open_batch(&living);
                known = Known { watched: pidfds.len(), looked: Some(now), is_reaped: false, ..known };
            }
            Turn::Wait(None) if pidfds.is_empty() && children.is_none() => init.emptied(),
            Turn::Wait(until) => {
                wait_for_some(&mut pidfds, children.as_ref(), until);
                known = Known { watched: pidfds.len(), is_reaped: false, ..known };
            }
        }
    }
}

/// Handles some children that have ended: whether these were all, and whether there are others.
fn reap_some(init: &mut Init) -> (bool, bool) {
    for _ in 0..REAPED_AT_ONCE {
        match sys::process::reap() {
            Ok(Some((pid, how))) => init.child_ended(pid, how, None),
            Ok(None) => return (true, true),
            Err(_) => return (true, false),
        }
    }
    (false, true)
}

fn open_batch(pids: &[Pid]) -> Vec<OwnedFd> {
    let open = |pid: &Pid| rustix::process::pidfd_open(*pid, PidfdFlags::empty()).ok();
    pids.iter().take(BATCH).filter_map(open).collect()
}

/// Waits until some of these processes have ended, any child has, or the deadline has passed; removes those that have.
fn wait_for_some(pidfds: &mut Vec<OwnedFd>, children: Option<&SignalFd>, until: Option<Moment>) {
    let mut fds: Vec<PollFd<'_>> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    fds.extend(children.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
    if clock::poll_until(&mut fds, until).is_err() {
        return;
    }
    let gone: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    drop(fds);
    let mut gone = gone.into_iter();
    pidfds.retain(|_| !gone.next().unwrap_or(false));
    if let Some(children) = children {
        while let Ok(Some(_)) = children.read() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ms(n: u64) -> Moment {
        Duration::from_millis(n)
    }

    const FIRST: Known = Known {
        is_first: true,
        is_reaped: true,
        has_children: true,
        reaches_any: true,
        watched: 0,
        looked: None,
        found_none: false,
    };

    #[test]
    fn the_deadline_comes_before_everything() {
        for known in [
            FIRST,
            Known { is_reaped: false, ..FIRST },
            Known { watched: 3, ..FIRST },
            Known { found_none: true, ..FIRST },
            Known { is_first: false, has_children: false, ..FIRST },
        ] {
            assert_eq!(known.next(Some(ms(10)), ms(10)), Turn::Expire, "{known:?}");
        }
    }

    /// Each child that is reaped is followed by another one that has ended, and each look finds processes that have ended
    /// when they are opened: a step takes 1 ms.
    #[test]
    fn a_flood_delays_nothing() {
        let mut known = Known { is_reaped: false, ..FIRST };
        let mut turns = Vec::new();
        for now in 0..=350 {
            let turn = known.next(Some(ms(350)), ms(now));
            match turn {
                Turn::Reap => known.is_reaped = now % 7 == 0,
                Turn::Look => known = Known { looked: Some(ms(now)), is_reaped: false, ..known },
                Turn::Wait(_) => known.is_reaped = false,
                Turn::Expire | Turn::Empty => {}
            }
            turns.push((now, turn));
        }
        assert_eq!(turns.last(), Some(&(350, Turn::Expire)));
        assert_eq!(turns.iter().filter(|(_, turn)| *turn == Turn::Expire).count(), 1);
        let looks: Vec<u64> = turns.iter().filter(|(_, t)| *t == Turn::Look).map(|(now, _)| *now).collect();
        assert!(looks.windows(2).all(|pair| pair[1] - pair[0] >= 100), "{looks:?}");
        assert!(looks.len() >= 3, "{looks:?}");
    }

    #[test]
    fn it_looks_again_when_what_it_waits_for_has_ended() {
        assert_eq!(FIRST.next(None, ms(5)), Turn::Look);
        let looked = Known { watched: 2, looked: Some(ms(5)), ..FIRST };
        assert_eq!(looked.next(Some(ms(3000)), ms(2000)), Turn::Wait(Some(ms(3000))));
        let ended = Known { watched: 0, ..looked };
        assert_eq!(ended.next(Some(ms(3000)), ms(6)), Turn::Wait(Some(ms(105))));
        assert_eq!(ended.next(Some(ms(50)), ms(6)), Turn::Wait(Some(ms(50))));
        assert_eq!(ended.next(Some(ms(3000)), ms(105)), Turn::Look);
    }

    #[test]
    fn nobody_is_left() {
        let alone = Known { has_children: false, reaches_any: false, ..FIRST };
        assert_eq!(alone.next(Some(ms(9)), ms(0)), Turn::Empty);
        // Processes from outside.
        assert_eq!(Known { reaches_any: true, ..alone }.next(Some(ms(9)), ms(0)), Turn::Look);
        assert_eq!(
            Known { found_none: true, reaches_any: true, ..alone }.next(Some(ms(9)), ms(0)),
            Turn::Empty
        );
        let beside = Known { is_first: false, ..FIRST };
        assert_eq!(beside.next(Some(ms(9)), ms(0)), Turn::Wait(Some(ms(9))));
        assert_eq!(Known { has_children: false, ..beside }.next(Some(ms(9)), ms(0)), Turn::Empty);
    }
}
