//! Waits until services are in a state, by their events.
//!
//! A listener subscribes first and then reads the status, so it misses no change.  As an event may be lost where
//! descriptors or memory run out, it reads the status again now and then, ever less often.

use crate::asking::Asking;
use crate::control::{join, send};
use crate::watch::Watch;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use tool::clock::{self, Moment};
use tool::diag::show;
use tool::{Fatal, Options, OrUnable};
use wire::fifodir::ServiceEvent;
use wire::svstatus::Status;

/// The state that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// `run` is alive.
    Up,
    /// … and the service has notified its readiness.
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

/// The options that name a goal.
const GOALS: &[(char, Goal)] = &[
    ('u', Goal::Up),
    ('U', Goal::UpReady),
    ('d', Goal::Down),
    ('D', Goal::DownReady),
    ('r', Goal::Restart),
    ('R', Goal::RestartReady),
];

impl Goal {
    /// The goal of an option's letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        GOALS.iter().find(|(l, _)| *l == letter).map(|(_, goal)| *goal)
    }

    /// The goal of the last option that names one; by default [`Goal::Up`].
    #[must_use]
    pub fn of_options(options: &Options) -> Self {
        options.iter().filter_map(|(letter, _)| Self::from_letter(letter)).last().unwrap_or(Self::Up)
    }
}

/// The state of one service, as its status and events tell it.
#[derive(Debug, Clone, Copy)]
struct Tracker {
    up: bool,
    ready: bool,
    /// It was down at some time since the subscription.
    was_down: bool,
    failed: Option<Failure>,
}

/// Why a service will not reach the goal.
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

    /// Takes in a status that was read while no event was waiting.
    fn see(&mut self, status: &Status) {
        (self.up, self.ready) = (status.is_up(), status.ready);
        self.was_down |= !self.up;
    }

    fn settled(&self, goal: Goal) -> bool {
        self.failed.is_some() || self.reached(goal)
    }

    /// Whether the event says that a start has failed, and not that `finish` wants no other.
    fn is_failed_start(&self, event: ServiceEvent) -> bool {
        event == ServiceEvent::PermanentFailure && !self.up && self.ready
    }

    fn take(&mut self, event: ServiceEvent, goal: Goal) {
        (self.up, self.ready) = match event {
            ServiceEvent::Up => (true, false),
            ServiceEvent::Ready => (true, true),
            ServiceEvent::Down => (false, false),
            ServiceEvent::DownReady => (false, true),
            ServiceEvent::PermanentFailure if !matches!(goal, Goal::Down | Goal::DownReady) => {
                self.failed = Some(Failure::Permanent);
                return;
            }
            ServiceEvent::Exit if !self.reached(goal) => {
                self.failed.get_or_insert(Failure::SupervisorGone);
                return;
            }
            ServiceEvent::Supervised | ServiceEvent::PermanentFailure | ServiceEvent::Exit => return,
        };
        self.was_down |= !self.up;
    }
}

/// A subscription to the events of services, with the goal to wait for.
#[derive(Debug)]
pub struct Listening {
    watch: Watch,
    dirs: Vec<Vec<u8>>,
    services: Vec<Tracker>,
    goal: Goal,
    /// One service that reaches the goal is enough.
    any: bool,
    /// A start that fails isn't the end: the next attempt may succeed.
    past_failed_starts: bool,
}

impl Listening {
    /// Subscribes to the services in `dirs`.
    ///
    /// # Errors
    /// Code 111: a fifodir cannot be listened in, or a service isn't supervised.
    pub fn new(dirs: &[Vec<u8>], goal: Goal, any: bool) -> Result<Self, Fatal> {
        let mut watch = Watch::new().or_unable(|| "make a poller")?;
        let mut services = Vec::with_capacity(dirs.len());
        for dir in dirs {
            let name = || show(dir);
            watch.add(&join(dir, &[b"event"])).or_unable(|| format!("subscribe to events for {}", name()))?;
            services.push(match crate::status::read_status(dir) {
                Ok(status) => Tracker::new(status.is_up(), status.ready),
                // Its supervisor already listens, and writes it next.
                Err(Errno::NOENT) if send(dir, &[]).is_ok() => Tracker::new(false, false),
                Err(e) => return Err(Fatal::unable(format_args!("read status for {}", name()), e)),
            });
        }
        Ok(Self { watch, dirs: dirs.to_vec(), services, goal, any, past_failed_starts: false })
    }

    /// Goes on waiting when a start fails that is tried again.
    ///
    /// For who subscribes at any time, and so hears of a failed start or comes after it by chance.
    #[must_use]
    pub fn past_failed_starts(self) -> Self {
        Self { past_failed_starts: true, ..self }
    }

    /// The descriptors that a child must not inherit.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptors()
    }

    fn done(&self) -> bool {
        let mut settled = self.services.iter().map(|s| s.settled(self.goal));
        if self.any { settled.any(|s| s) } else { settled.all(|s| s) }
    }

    /// Waits until the goal is reached, or cannot be reached any more.
    ///
    /// # Errors
    /// Code 99: the deadline has passed; 102: a supervisor has exited; n: n services, at most 98, have failed
    /// permanently; 111: the system failed.
    pub fn wait(&mut self, deadline: Option<Moment>) -> Result<(), Fatal> {
        let mut events: VecDeque<(usize, ServiceEvent)> = VecDeque::new();
        let mut asking = Asking::new(clock::now(), true);
        while !self.done() {
            if let Some((index, event)) = events.pop_front() {
                if let Some(service) = self.services.get_mut(index)
                    && !(self.past_failed_starts && service.is_failed_start(event))
                {
                    service.take(event, self.goal);
                }
                continue;
            }
            let until = deadline.into_iter().chain([asking.at()]).min();
            match self.watch.next(until).or_unable(|| "wait for events")? {
                None if deadline.is_some_and(|at| at <= clock::now()) => {
                    return Err(Fatal::new(99, "timed out"));
                }
                None => {
                    asking = asking.next(clock::now());
                    self.look();
                }
                Some((index, letters)) => {
                    let new = letters.into_iter().filter_map(ServiceEvent::from_letter);
                    events.extend(new.map(|event| (index, event)));
                }
            }
        }
        self.verdict()
    }

    /// Reads the statuses of the services that haven't reached the goal.
    fn look(&mut self) {
        let goal = self.goal;
        for (dir, service) in self.dirs.iter().zip(&mut self.services) {
            if !service.settled(goal)
                && let Ok(status) = crate::status::read_status(dir)
            {
                service.see(&status);
            }
        }
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
    use rustix::fs::{CWD, FileType, Mode, OFlags};
    use std::os::unix::ffi::OsStrExt;
    use tool::Opt;

    /// Whether a service that was up reaches the goal after `letters`, and why not.
    fn after(letters: &str, goal: Goal) -> (bool, Option<Failure>) {
        let mut tracker = Tracker::new(true, false);
        for event in letters.bytes().filter_map(ServiceEvent::from_letter) {
            tracker.take(event, goal);
        }
        (tracker.reached(goal), tracker.failed)
    }

    #[test]
    fn goals_of_options() {
        let goal = |words: &[&str]| {
            let flags = GOALS.iter().map(|(letter, _)| Opt::flag(*letter, "")).collect::<Vec<_>>();
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            Goal::of_options(&Options::take(&flags, &mut args).unwrap())
        };
        assert_eq!(
            (goal(&[]), goal(&["-d", "-U"]), goal(&["-UD"])),
            (Goal::Up, Goal::UpReady, Goal::DownReady)
        );
        let rows = GOALS.iter().map(|(letter, goal)| format!("{letter} {goal:?}\n"));
        insta::assert_snapshot!(rows.collect::<String>());
    }

    #[test]
    fn a_supervisor_that_has_not_written_the_status_yet_is_waited_for() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().as_os_str().as_bytes().to_vec();
        std::fs::create_dir(tmp.path().join("event")).unwrap();
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        let new =
            || Listening::new(std::slice::from_ref(&dir), Goal::Up, false).map(|listening| listening.done());
        assert!(new().is_err(), "nobody supervises it");
        let fifo = tmp.path().join("supervise/control");
        sys::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(new().is_err(), "nobody listens");
        let _reader = sys::fs::open(&fifo, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        assert_eq!(new().ok(), Some(false));
    }

    #[test]
    fn events_lead_to_goals() {
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
    fn a_start_fails_while_the_service_is_down() {
        let failed_start =
            |up, ready| Tracker::new(up, ready).is_failed_start(ServiceEvent::PermanentFailure);
        assert!(failed_start(false, true));
        assert!(!failed_start(false, false), "finish runs");
        assert!(!failed_start(true, false) && !failed_start(true, true));
        assert!(!Tracker::new(false, true).is_failed_start(ServiceEvent::Up));
    }

    #[test]
    fn a_failure_counts_unless_the_goal_is_reached() {
        assert_eq!(after("dOD", Goal::UpReady).1, Some(Failure::Permanent));
        assert_eq!(after("dOD", Goal::DownReady), (true, None));
        assert_eq!(after("dDx", Goal::UpReady).1, Some(Failure::SupervisorGone));
        assert_eq!(after("dDx", Goal::DownReady), (true, None));
    }

    #[test]
    fn a_status_counts_where_events_were_lost() {
        let status = |pid, ready| Status {
            stamp: wire::tai::Tai64n::from_unix(0, 0),
            ready_stamp: wire::tai::Tai64n::from_unix(0, 0),
            pid,
            wstat: 0,
            paused: false,
            finishing: false,
            want_up: true,
            ready,
        };
        let mut tracker = Tracker::new(true, false);
        let mut reached = |status: Status, goal| {
            tracker.see(&status);
            tracker.reached(goal)
        };
        assert_eq!([false, true].map(|ready| reached(status(7, ready), Goal::UpReady)), [false, true]);
        assert!(!reached(status(7, true), Goal::RestartReady), "it wasn't seen down");
        assert_eq!([false, true].map(|ready| reached(status(0, ready), Goal::DownReady)), [false, true]);
        assert!(reached(status(8, true), Goal::RestartReady));
    }

    #[test]
    fn a_wait_ends_without_any_event() {
        use std::os::unix::ffi::OsStrExt;
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().as_os_str().as_bytes().to_vec();
        std::fs::create_dir(tmp.path().join("supervise")).unwrap();
        crate::fifodir::make(&join(&dir, &[b"event"]), None, false).unwrap();
        let write = |bytes: &[u8]| std::fs::write(tmp.path().join("supervise/status"), bytes).unwrap();
        let mut bytes = [0; wire::svstatus::SIZE];
        (bytes[0], bytes[12]) = (0x40, 0x40);
        write(&bytes);
        let mut listening = Listening::new(&[dir], Goal::Up, false).unwrap();
        bytes[31] = 7;
        write(&bytes);
        assert!(listening.wait(None).is_ok());
    }
}
