//! After the last service: whether processes are left, and when to look again.
//!
//! Each living process is waited for through its pidfd, so processes that entered the container from outside and have no
//! parent in it count, too.  Not even a flood of processes that are born and end delays what is due: the deadline comes
//! first, the host reaps a few at a time, and /proc is read again only when every process of the last reading has
//! ended, at most ten times a second.

use crate::limits::LOOK_PAUSE;
use crate::pid1::keys::FIRST_END;
use crate::pid1::processes::others;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};
use std::os::fd::{AsFd, OwnedFd};
use supervisor::host::Host;
use tool::clock::{self, Moment};

/// The number of processes that are waited for at once; the others follow when these have ended.
const BATCH: usize = 256;

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

/// The processes that are left.
#[derive(Debug, Default)]
pub(crate) struct Remaining {
    known: Known,
    /// Those that are waited for, by their keys.
    pidfds: Vec<Option<OwnedFd>>,
    /// When to look again.
    look_at: Option<Moment>,
}

impl Remaining {
    /// Whether no process is left but the keeper; `due` is the lifecycle's deadline.
    pub(crate) fn is_none(
        &mut self,
        host: &mut Host,
        due: Option<Moment>,
        keeper: impl Fn() -> Option<Pid>,
    ) -> bool {
        let own = rustix::process::getpid();
        self.known.is_first = own.is_init();
        self.known.is_reaped = false;
        self.look_at = None;
        loop {
            let now = clock::now();
            match self.known.next(due, now) {
                Turn::Expire => return false,
                Turn::Empty => return true,
                Turn::Reap => {
                    let has_children = match sys::process::peek() {
                        // The host reaps it, and asks again.
                        Ok(Some(_)) => return false,
                        Ok(None) => true,
                        Err(_) => false,
                    };
                    let reaches_any = has_children || sys::process::kill_all(0) != Err(Errno::SRCH);
                    self.known = Known { is_reaped: true, has_children, reaches_any, ..self.known };
                }
                Turn::Look => {
                    let keeper = keeper();
                    let mut living = others(own).unwrap_or_default();
                    living.retain(|pid| Some(*pid) != keeper);
                    // Those that have ended and wait for a parent outside don't count, nor does what shows the output.
                    let found_none = living.is_empty() && (!self.known.has_children || keeper.is_some());
                    self.watch(&living, host);
                    let watched = self.pidfds.len();
                    self.known = Known { found_none, watched, looked: Some(now), ..self.known };
                }
                Turn::Wait(until) => {
                    self.look_at = until.filter(|at| Some(*at) != due);
                    return false;
                }
            }
        }
    }

    /// When to ask again at the latest.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.look_at
    }

    /// Waits for the ends of the first of these processes.
    fn watch(&mut self, pids: &[Pid], host: &mut Host) {
        let open = |pid: &Pid| rustix::process::pidfd_open(*pid, PidfdFlags::empty()).ok();
        self.pidfds.clear();
        for (pidfd, key) in pids.iter().take(BATCH).filter_map(open).zip(FIRST_END..) {
            if host.watch(pidfd.as_fd(), key).is_ok() {
                self.pidfds.push(Some(pidfd));
            }
        }
    }

    /// The process with this key has ended.
    pub(crate) fn ended(&mut self, key: u32) {
        let at = key.checked_sub(FIRST_END).and_then(|at| usize::try_from(at).ok());
        if let Some(pidfd) = at.and_then(|at| self.pidfds.get_mut(at))
            && pidfd.take().is_some()
        {
            self.known.watched = self.known.watched.saturating_sub(1);
        }
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
