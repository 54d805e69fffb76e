//! The processes of the container, from /proc: which ones get signals at the end, and which ones remain.

use rustix::io::Errno;
use rustix::process::Pid;
use sys::signal::{CONT, KILL, STOP, Signal};
use wire::proc_stat::Stat;

/// The used part of /proc/PID/stat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its process id.
    pub(crate) pid: i32,
    /// The process id of its parent; 0 if that is outside of this pid namespace.
    pub(crate) parent: i32,
    /// Whether it has ended and waits to be reaped.
    pub(crate) dead: bool,
    /// Whether it is a part of the kernel.
    pub(crate) kernel: bool,
}

impl Process {
    fn new(stat: &Stat) -> Option<Self> {
        let id = |n: u64| i32::try_from(n).ok();
        let (dead, kernel) = (stat.is_dead(), stat.is_of_kernel());
        Some(Self { pid: id(stat.pid)?, parent: id(stat.ppid)?, dead, kernel })
    }
}

/// All processes except those that disappear meanwhile.
///
/// # Errors
/// /proc can't be read.
pub(crate) fn all() -> Result<Vec<Process>, Errno> {
    let found: Vec<_> = tool::processes::all()?.iter().filter_map(Process::new).collect();
    if found.is_empty() { Err(Errno::NOENT) } else { Ok(found) }
}

/// The living processes that descend from `root`, without it.
#[must_use]
pub(crate) fn descendants(processes: &[Process], root: i32) -> Vec<i32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next = next.saturating_add(1);
        found.extend(processes.iter().filter(|p| p.parent == parent && p.pid != parent).map(|p| p.pid));
    }
    found.retain(|pid| *pid != root && processes.iter().any(|p| p.pid == *pid && !p.dead));
    found
}

/// The living processes of the namespace except `own`, which is its first one.
///
/// # Errors
/// /proc can't be read.
pub(crate) fn others(own: Pid) -> Result<Vec<Pid>, Errno> {
    let own = own.as_raw_nonzero().get();
    let living = all()?.into_iter().filter(|p| !p.dead && !p.kernel && p.pid != own);
    Ok(living.filter_map(|p| Pid::from_raw(p.pid)).collect())
}

/// Describes processes for a message: process ids and command lines of at most ten.
fn describe(pids: &[i32]) -> String {
    const NAMED_AT_MOST: usize = 10;
    let mut words: Vec<String> =
        pids.iter().take(NAMED_AT_MOST).map(|pid| tool::diag::process(pid.unsigned_abs())).collect();
    if pids.len() > NAMED_AT_MOST {
        words.push(format!("{} more", pids.len().saturating_sub(NAMED_AT_MOST)));
    }
    words.join(", ")
}

/// The other processes of the container: for process 1 all of the namespace, otherwise its descendants.
fn reachable() -> Vec<i32> {
    let own = rustix::process::getpid();
    if own.is_init() {
        let others = others(own).unwrap_or_default();
        return others.iter().map(|p| p.as_raw_nonzero().get()).collect();
    }
    descendants(&all().unwrap_or_default(), own.as_raw_nonzero().get())
}

/// The processes that [`signal_all`] would reach, for a message; empty if there are none.
#[must_use]
pub(crate) fn describe_remaining(spared: Option<Pid>) -> String {
    let mut remaining = reachable();
    remaining.retain(|pid| *pid != Pid::as_raw(spared));
    describe(&remaining)
}

/// The living descendants of a process, for a message; empty if there are none.
#[must_use]
pub(crate) fn describe_below(root: Pid) -> String {
    describe(&descendants(&all().unwrap_or_default(), root.as_raw_nonzero().get()))
}

/// How often processes that KILL has to reach are looked up: each time finds those that others started meanwhile.
const KILL_ROUNDS: usize = 100;

/// Sends a signal to the other processes of the container but one: as process 1 to all of the namespace, otherwise to its
/// descendants.
pub(crate) fn signal_all(signal: Signal, spared: Option<Pid>) {
    let is_first = rustix::process::getpid().is_init();
    let spared = match spared {
        Some(spared) if is_first => spared,
        None if is_first => {
            let _ = sys::process::kill_all(signal);
            return;
        }
        _ => return signal_descendants(signal, spared),
    };
    // A stopped process starts no others, so one list of them is complete.
    let is_last = signal == KILL;
    if is_last {
        let _ = sys::process::kill_all(STOP);
    }
    for pid in reachable().into_iter().filter_map(Pid::from_raw).filter(|pid| *pid != spared) {
        let _ = sys::process::kill(pid, signal);
    }
    if is_last {
        let _ = sys::process::kill(spared, CONT);
    }
}

/// Sends a signal to the other processes of the container but those and what descends from them.
pub(crate) fn signal_others(signal: Signal, spared: &[Pid]) {
    let all = all().unwrap_or_default();
    let roots: Vec<i32> = spared.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
    let kept: Vec<i32> = roots.iter().flat_map(|root| descendants(&all, *root)).collect();
    let others = reachable().into_iter().filter(|pid| !roots.contains(pid) && !kept.contains(pid));
    for pid in others.filter_map(Pid::from_raw) {
        let _ = sys::process::kill(pid, signal);
    }
}

/// [`signal_all`] where this isn't process 1.
fn signal_descendants(signal: Signal, spared: Option<Pid>) {
    let mut reached: Vec<i32> = spared.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
    for _ in 0..KILL_ROUNDS {
        let mut found = reachable();
        found.retain(|pid| !reached.contains(pid));
        for pid in found.iter().copied().filter_map(Pid::from_raw) {
            let _ = sys::process::kill(pid, signal);
        }
        if found.is_empty() || signal != KILL {
            return;
        }
        reached.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_living_descendants() {
        let p = |pid, parent, dead| Process { pid, parent, dead, kernel: false };
        let all =
            [p(1, 0, false), p(5, 1, false), p(6, 5, false), p(7, 6, true), p(8, 1, false), p(9, 7, false)];
        assert_eq!(descendants(&all, 5), [6, 9]);
        assert!(descendants(&all, 8).is_empty());
    }

    #[test]
    fn this_process_is_listed() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        assert!(all().unwrap().iter().any(|p| p.pid == own));
    }
}
