//! What supervision asks of the system around it: processes, clocks, and a place for warnings.
//!
//! [`Linux`] is the real one.  The tests of this crate answer in its place, with processes that they make up and a clock
//! that they set; files and descriptors are real there, too.

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod hook;

use crate::memory::{self, Watch};
use crate::part::{Part, Start};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::Pid;
use std::fmt::Debug;
use std::fmt::Display;
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{Signal, SignalFd};
use sys::spawn::Spawn;
use tool::clock::{self, Moment};
use tool::diag;
use wire::proc_stat::Stat;
use wire::tai::Tai64n;

/// Device and inode of a service directory: two names of one directory are one service.
pub(crate) type Identity = (u64, u64);

/// What a host does to the system besides what [`System`] does itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Waiting for a descriptor, too.
    Watch,
    /// Waiting for events.
    Wait,
    /// Reading input.
    Read,
    /// Opening a service directory.
    Open,
    /// Making a pipe.
    Pipe,
    /// Taking the lock and the control FIFO of a service.
    Hold,
    /// Looking at a descriptor of a former host.
    Look,
    /// Writing a status.
    Status,
    /// Sending events.
    Notify,
    /// Writing what everybody may know.
    Board,
}

/// The system, as a host and its services see it.
pub(crate) trait System: Debug {
    /// Asked before each of these effects: an error is that of the effect, which isn't tried.  A test decides here what
    /// fails, and where a fault strikes.
    fn before(&self, effect: Effect) -> Result<(), Errno> {
        let _ = effect;
        Ok(())
    }

    /// The current moment, for deadlines.
    fn now(&self) -> Moment;
    /// The time of day, for what is written.
    fn wall(&self) -> Tai64n;
    /// Starts a program; its process id once it has been executed.
    fn spawn(&self, what: &Spawn<'_>) -> Result<Pid, Errno>;
    /// Forks a supervisor process, which runs this function.
    fn supervise(&self, part: &Part<'_>, run: fn(&Start, Vec<Vec<u8>>) -> u8) -> Result<Pid, Errno>;
    /// Sends a signal to a process.
    fn kill(&self, pid: Pid, signal: Signal) -> Result<(), Errno>;
    /// Sends a signal to the group that a process leads.
    fn kill_group(&self, leader: Pid, signal: Signal) -> Result<(), Errno>;
    /// A child that has ended and isn't reaped yet; `CHILD` if there are no children.
    fn peek(&self) -> Result<Option<(Pid, Ended)>, Errno>;
    /// Reaps a child, if it has ended; gives the most memory that it had, in bytes.
    fn reap(&self, pid: Pid) -> Option<u64>;
    /// How many processes of this container the kernel has killed for lack of memory.
    fn memory_kills(&self) -> Option<u32>;
    /// That number, and what tells that it may have changed.
    fn watch_kills(&self) -> Option<Watch>;
    /// The container's limit of memory, in bytes.
    fn memory_limit(&self) -> Option<u64>;
    /// The next signal for a supervisor process, if one is pending.
    fn signal(&self, signals: &SignalFd) -> Result<Option<Signal>, Errno>;
    /// Whether a process is a child of this one, alive or not yet reaped.
    fn is_child(&self, pid: Pid) -> bool;
    /// The living processes of the session that this process led, which has ended.
    fn session(&self, leader: u32) -> Vec<Pid>;
    /// The living children of this process that began at most so long ago, and, where that is too coarse, have a number
    /// above this one; but for those of this program.
    fn strays(&self, parent: Pid, age: Duration, after: u32) -> Vec<Pid>;
    /// Whether there is memory for more than what is being done.
    fn has_memory(&self) -> bool;
    /// Prints a warning of `name`.
    fn warn(&self, name: &str, text: &dyn Display);
}

/// The system that this program runs on.
#[derive(Debug)]
pub(crate) struct Linux;

impl System for Linux {
    fn now(&self) -> Moment {
        clock::now()
    }

    fn wall(&self) -> Tai64n {
        clock::wall()
    }

    fn spawn(&self, what: &Spawn<'_>) -> Result<Pid, Errno> {
        sys::spawn::spawn(what)
    }

    fn supervise(&self, part: &Part<'_>, run: fn(&Start, Vec<Vec<u8>>) -> u8) -> Result<Pid, Errno> {
        sys::child::fork(&[b"s6-supervise", part.name], part.start(), part.note, run)
    }

    fn kill(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        sys::process::kill(pid, signal)
    }

    fn kill_group(&self, leader: Pid, signal: Signal) -> Result<(), Errno> {
        sys::process::kill_group(leader, signal)
    }

    fn peek(&self) -> Result<Option<(Pid, Ended)>, Errno> {
        sys::process::peek()
    }

    fn reap(&self, pid: Pid) -> Option<u64> {
        sys::process::reap_with_peak(pid).ok().flatten()
    }

    fn memory_kills(&self) -> Option<u32> {
        memory::kills()
    }

    fn watch_kills(&self) -> Option<Watch> {
        Watch::open()
    }

    fn memory_limit(&self) -> Option<u64> {
        memory::limit()
    }

    fn signal(&self, signals: &SignalFd) -> Result<Option<Signal>, Errno> {
        signals.read()
    }

    fn is_child(&self, pid: Pid) -> bool {
        sys::process::is_child(pid)
    }

    fn session(&self, leader: u32) -> Vec<Pid> {
        let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) else { return Vec::new() };
        let is_of_session = |pid: Pid| rustix::process::getsid(Some(pid)) == Ok(leader);
        // As long as one is left, no other process gets the number: if one has it, none is.
        if rustix::process::getsid(Some(leader)).is_ok() {
            return Vec::new();
        }
        let mut found = processes();
        found.retain(|pid| is_of_session(*pid) && stat(*pid).is_some_and(|stat| !stat.is_dead()));
        found
    }

    fn strays(&self, parent: Pid, age: Duration, after: u32) -> Vec<Pid> {
        let since_boot = sys::clock::get(rustix::time::ClockId::Boottime);
        let now = Duration::try_from(since_boot).unwrap_or_default();
        // In ticks, which are hundredths of a second on all architectures; one more for rounding.
        let first = now.saturating_sub(age).as_millis() / 10;
        let first = u64::try_from(first).unwrap_or_default().saturating_sub(1);
        let is_stray = |stat: &Stat| {
            let is_later = stat.start > first.saturating_add(2) || stat.pid > after.into();
            stat.ppid == raw(parent).into()
                && stat.start >= first
                && is_later
                && !stat.is_dead()
                && !stat.comm.starts_with(b"s6-")
        };
        let mut found = processes();
        found.retain(|pid| stat(*pid).is_some_and(|stat| is_stray(&stat)));
        found
    }

    fn has_memory(&self) -> bool {
        sys::reserve::refill()
    }

    fn warn(&self, name: &str, text: &dyn Display) {
        diag::warn(name, text);
    }
}

/// All processes.
fn processes() -> Vec<Pid> {
    let listed = files::names_at(CWD, b"/proc").unwrap_or_default();
    listed.iter().filter_map(|name| wire::number::decimal(name)).filter_map(Pid::from_raw).collect()
}

/// What the kernel says of a process.
fn stat(pid: Pid) -> Option<Stat> {
    Stat::parse(&std::fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// A journal is about to be changed: a fault may strike there as well as before an effect.
pub(crate) fn about_to_store() {
    #[cfg(test)]
    hook::call();
}

/// A process id as the status file has it.
pub(crate) fn raw(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}
