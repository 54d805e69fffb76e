//! A system that a test answers for: processes are numbers, and the clock stands still until the test sets it.

use super::System;
use crate::memory::Watch;
use crate::part::{Part, Start};
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::fmt::Display;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{self, Signal, SignalFd};
use sys::spawn::Spawn;
use tool::clock::Moment;
use wire::tai::Tai64n;

/// A process that was started.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    /// The file with its directory, the last two components of the path.
    pub(crate) file: String,
    /// The numbers of the descriptors that were given, and the inodes behind them.
    pub(crate) fds: Vec<(RawFd, u64)>,
}

/// The system of a test.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    now: Cell<Moment>,
    /// Why starts fail, if they do.
    pub(crate) refuses: Cell<Option<Errno>>,
    pub(crate) started: RefCell<Vec<Started>>,
    /// Children that have ended and aren't reaped.
    pub(crate) ended: RefCell<VecDeque<(Pid, Ended)>>,
    /// Processes that are no children any more.
    pub(crate) lost: RefCell<HashSet<Pid>>,
    /// What [`System::session`] finds.
    pub(crate) session: RefCell<Vec<Pid>>,
    /// How many processes the kernel has killed.
    pub(crate) kills: Cell<u32>,
    /// What becomes readable when that may have changed, if that is told.
    pub(crate) watched: RefCell<Option<OwnedFd>>,
    /// Whether memory is short.
    pub(crate) is_short: Cell<bool>,
    done: RefCell<Vec<String>>,
}

impl Fake {
    pub(crate) fn new() -> &'static Self {
        let fake = Self::default();
        fake.set(1000);
        Box::leak(Box::new(fake))
    }

    /// Sets the clock, in milliseconds.
    pub(crate) fn set(&self, ms: u64) {
        self.now.set(Duration::from_millis(ms));
    }

    /// What was done since the last call: starts, signals, warnings.
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.take()
    }

    fn note(&self, line: String) {
        self.done.borrow_mut().push(line);
    }

    /// The last process that was started from this file.
    pub(crate) fn last(&self, file: &str) -> Started {
        self.started.borrow().iter().rfind(|s| s.file == file).unwrap().clone()
    }
}

pub(crate) fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed()).unwrap()
}

/// The last components of the path behind a descriptor.
fn directory(fd: RawFd) -> String {
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
    let mut names: Vec<_> = path.iter().rev().map(|n| n.to_string_lossy().into_owned()).collect();
    let last = if names.first().is_some_and(|n| n == "log") { 2 } else { 1 };
    names.truncate(last);
    names.reverse();
    names.join("/")
}

impl System for Fake {
    fn now(&self) -> Moment {
        self.now.get()
    }

    fn wall(&self) -> Tai64n {
        Tai64n::from_unix(i64::try_from(self.now.get().as_secs()).unwrap(), 0)
    }

    fn spawn(&self, what: &Spawn<'_>) -> Result<Pid, Errno> {
        let name = String::from_utf8_lossy(what.file).into_owned();
        let name = name.rsplit_once('/').filter(|_| what.dir.is_some()).map_or(name.as_str(), |(_, n)| n);
        let file = match what.dir {
            Some(dir) => format!("{}/{name}", directory(dir.as_raw_fd())),
            None => name.to_owned(),
        };
        if let Some(why) = self.refuses.get() {
            self.note(format!("refused {file}"));
            return Err(why);
        }
        let fds = what.fds.iter().map(|(fd, n)| (*n, sys::fs::fstat(fd).unwrap().st_ino)).collect();
        let pid = u32::try_from(self.started.borrow().len()).unwrap() + 1001;
        self.note(format!("start {file}: {pid}"));
        self.started.borrow_mut().push(Started { pid, file, fds });
        Ok(self::pid(pid))
    }

    fn supervise(&self, part: &Part<'_>, _run: fn(&Start, Vec<Vec<u8>>) -> u8) -> Result<Pid, Errno> {
        part.start();
        let name = String::from_utf8_lossy(part.name).into_owned();
        if let Some(why) = self.refuses.get() {
            self.note(format!("refused s6-supervise {name}"));
            return Err(why);
        }
        let fds = part.stdio.iter().map(|(fd, n)| (*n, sys::fs::fstat(fd).unwrap().st_ino)).collect();
        let pid = u32::try_from(self.started.borrow().len()).unwrap() + 1001;
        let mut line = format!("{} {name}: {pid}", if part.resumes { "replace" } else { "supervise" });
        if let Some(started) = part.started {
            line += &format!(", started {}", started.as_raw_nonzero());
        }
        if part.notification.is_some() {
            line += ", with a pipe";
        }
        self.note(line);
        self.started.borrow_mut().push(Started { pid, file: format!("s6-supervise {name}"), fds });
        part.note.store(pid, std::sync::atomic::Ordering::Relaxed);
        Ok(self::pid(pid))
    }

    fn kill(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        self.note(format!("{} to {}", signal::name(signal).unwrap(), pid.as_raw_nonzero()));
        Ok(())
    }

    fn kill_group(&self, leader: Pid, signal: Signal) -> Result<(), Errno> {
        self.note(format!("{} to group {}", signal::name(signal).unwrap(), leader.as_raw_nonzero()));
        Ok(())
    }

    fn peek(&self) -> Result<Option<(Pid, Ended)>, Errno> {
        Ok(self.ended.borrow().front().copied())
    }

    fn reap(&self, pid: Pid) -> Option<u64> {
        self.ended.borrow_mut().retain(|(ended, _)| *ended != pid);
        Some(7 << 20)
    }

    fn memory_kills(&self) -> Option<u32> {
        Some(self.kills.get())
    }

    fn watch_kills(&self) -> Option<Watch> {
        let fd = self.watched.borrow().as_ref().map(|fd| fd.try_clone().unwrap());
        Some(Watch { kills: self.kills.get(), change: fd.map(|fd| (fd, EventFlags::IN)) })
    }

    fn memory_limit(&self) -> Option<u64> {
        Some(64 << 20)
    }

    fn signal(&self, signals: &SignalFd) -> Result<Option<Signal>, Errno> {
        signals.read()
    }

    fn is_child(&self, pid: Pid) -> bool {
        !self.lost.borrow().contains(&pid)
    }

    fn session(&self, leader: u32) -> Vec<Pid> {
        self.note(format!("look for session {leader}"));
        self.session.borrow().clone()
    }

    fn strays(&self, parent: Pid, age: Duration, _after: u32) -> Vec<Pid> {
        self.note(format!("look for children of {} for {} ms", parent.as_raw_nonzero(), age.as_millis()));
        self.session.borrow().clone()
    }

    fn has_memory(&self) -> bool {
        !self.is_short.get()
    }

    fn warn(&self, name: &str, text: &dyn Display) {
        self.note(format!("{name}: warning: {text}"));
    }
}
