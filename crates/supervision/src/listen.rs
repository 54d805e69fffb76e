//! Waiting until services have come into a state, from their events and without polling.
//!
//! A listener subscribes first and then reads the status, so that no change is missed.

use crate::control::join;
use crate::watch::Watch;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use tool::clock::Moment;
use tool::diag::show;
use tool::{Fatal, OrUnable};
use wire::fifodir::event;

/// The state that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// `run` is alive.
    Up,
    /// … and the service has said that it is ready.
    UpReady,
    /// `run` is dead.
    Down,
    /// … and `finish` is done.
    DownReady,
    /// Down, then up.
    Restart,
    /// Down, then up and ready.
    RestartReady,
}

impl Goal {
    /// The letter of the options that name a goal: `u`, `U`, `d`, `D`, `r`, `R`.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'u' => Self::Up,
            'U' => Self::UpReady,
            'd' => Self::Down,
            'D' => Self::DownReady,
            'r' => Self::Restart,
            'R' => Self::RestartReady,
            _ => return None,
        })
    }
}

/// What is known about one service.
#[derive(Debug, Clone, Copy)]
struct Tracker {
    up: bool,
    ready: bool,
    /// It was down since the listening began.
    was_down: bool,
    failed: Option<Failure>,
}

/// Why a service will not come into the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Permanent,
    SupervisorGone,
}

impl Tracker {
    fn new(up: bool, ready: bool) -> Self {
        Self { up, ready, was_down: !up, failed: None }
    }

    fn reached(&self, goal: Goal) -> bool {
        match goal {
            Goal::Up => self.up,
            Goal::UpReady => self.up && self.ready,
            Goal::Down => !self.up,
            Goal::DownReady => !self.up && self.ready,
            Goal::Restart => self.was_down && self.up,
            Goal::RestartReady => self.was_down && self.up && self.ready,
        }
    }

    fn settled(&self, goal: Goal) -> bool {
        self.failed.is_some() || self.reached(goal)
    }

    fn take(&mut self, letter: u8, goal: Goal) {
        (self.up, self.ready) = match letter {
            event::UP => (true, false),
            event::READY => (true, true),
            event::DOWN => (false, false),
            event::DOWN_READY => (false, true),
            event::PERMANENT_FAILURE if !matches!(goal, Goal::Down | Goal::DownReady) => {
                self.failed = Some(Failure::Permanent);
                return;
            }
            event::EXIT if !self.reached(goal) => {
                self.failed.get_or_insert(Failure::SupervisorGone);
                return;
            }
            _ => return,
        };
        self.was_down |= !self.up;
    }
}

/// A subscription to services that are waited for.
#[derive(Debug)]
pub struct Listening {
    watch: Watch,
    services: Vec<Tracker>,
    goal: Goal,
    /// One service is enough.
    any: bool,
}

impl Listening {
    /// Subscribes to the services in `dirs`.
    ///
    /// # Errors
    /// Code 111: one of them cannot be listened to, or isn't supervised.
    pub fn new(dirs: &[Vec<u8>], goal: Goal, any: bool) -> Result<Self, Fatal> {
        let mut watch = Watch::new().or_unable(|| "make a poller")?;
        let mut services = Vec::with_capacity(dirs.len());
        for dir in dirs {
            let name = || show(dir);
            watch.add(&join(dir, &[b"event"])).or_unable(|| format!("subscribe to events for {}", name()))?;
            let status =
                crate::status::read_status(dir).or_unable(|| format!("read status for {}", name()))?;
            services.push(Tracker::new(status.is_up(), status.ready));
        }
        Ok(Self { watch, services, goal, any })
    }

    /// The descriptors that a child must not see.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptors()
    }

    fn done(&self) -> bool {
        let mut settled = self.services.iter().map(|s| s.settled(self.goal));
        if self.any { settled.any(|s| s) } else { settled.all(|s| s) }
    }

    /// Waits until the state is reached, or cannot be any more.
    ///
    /// # Errors
    /// Code 99: the deadline has passed; 102: a supervisor has ended; n: so many services have failed for good;
    /// 111: the system failed.
    pub fn wait(&mut self, deadline: Option<Moment>) -> Result<(), Fatal> {
        let mut letters = VecDeque::new();
        while !self.done() {
            if let Some((index, letter)) = letters.pop_front() {
                let goal = self.goal;
                if let Some(service) = self.services.get_mut(index) {
                    Tracker::take(service, letter, goal);
                }
                continue;
            }
            match self.watch.next(deadline).or_unable(|| "wait for events")? {
                None => return Err(Fatal::new(99, "timed out")),
                Some((index, new)) => letters.extend(new.into_iter().map(|letter| (index, letter))),
            }
        }
        self.verdict()
    }

    fn verdict(&self) -> Result<(), Fatal> {
        let failed = |why| self.services.iter().filter(|s| s.failed == Some(why)).count();
        if failed(Failure::SupervisorGone) > 0 {
            return Err(Fatal::new(102, "the supervisor of a service has ended"));
        }
        match failed(Failure::Permanent) {
            0 => Ok(()),
            n => Err(Fatal::new(
                u8::try_from(n).unwrap_or(98).min(98),
                "some services reported permanent failure",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `letters` do to a service that is up, waited for with `goal`.
    fn after(letters: &str, goal: Goal) -> (bool, Option<Failure>) {
        let mut tracker = Tracker::new(true, false);
        for letter in letters.bytes() {
            tracker.take(letter, goal);
        }
        (tracker.reached(goal), tracker.failed)
    }

    #[test]
    fn letters_lead_to_goals() {
        assert_eq!(after("", Goal::Up), (true, None));
        assert_eq!(after("", Goal::UpReady), (false, None));
        assert_eq!(after("U", Goal::UpReady), (true, None));
        assert_eq!(after("d", Goal::Down), (true, None));
        assert_eq!(after("d", Goal::DownReady), (false, None));
        assert_eq!(after("dD", Goal::DownReady), (true, None));
        assert_eq!(after("", Goal::Restart), (false, None));
        assert_eq!(after("dDu", Goal::Restart), (true, None));
        assert_eq!(after("dDu", Goal::RestartReady), (false, None));
        assert_eq!(after("dDuU", Goal::RestartReady), (true, None));
    }

    #[test]
    fn failures() {
        assert_eq!(after("dOD", Goal::UpReady).1, Some(Failure::Permanent));
        assert_eq!(after("dOD", Goal::DownReady), (true, None));
        assert_eq!(after("dDx", Goal::UpReady).1, Some(Failure::SupervisorGone));
        assert_eq!(after("dDx", Goal::DownReady), (true, None));
    }
}
