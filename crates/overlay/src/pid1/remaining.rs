//! After the last service: waits until no process is left, or the grace time is over.
//!
//! Each living process is waited for through its pidfd, so processes that entered the container from outside and have no
//! parent in it count, too.

use crate::pid1::init::Init;
use crate::pid1::processes::others;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use sys::missing::is_missing;
use sys::signal::{CHLD, Set, SignalFd};
use tool::clock;

/// The number of processes that are waited for at once; the others follow when these have ended.
const BATCH: usize = 256;

/// How often processes without pidfds are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until the lifecycle has ended.
pub(crate) fn wait(init: &mut Init) {
    let own = rustix::process::getpid();
    let children = SignalFd::new(&Set::of(&[CHLD])).ok();
    while init.end().is_none() {
        let alone = reap_all(init);
        if init.end().is_some() {
            return;
        }
        // If this isn't process 1, only descendants count, and the last of them become children.
        if alone && (!own.is_init() || sys::process::kill_all(0) == Err(Errno::SRCH)) {
            return init.emptied();
        }
        let left = if own.is_init() { others(own).unwrap_or_default() } else { Vec::new() };
        let pidfds = open_batch(&left);
        let look = pidfds.is_none().then_some(LOOK);
        let pidfds = pidfds.unwrap_or_default();
        if alone && pidfds.is_empty() && look.is_none() {
            // The remaining processes have ended and wait for a parent outside.
            return init.emptied();
        }
        wait_for_batch(init, pidfds, children.as_ref(), look);
    }
}

/// Handles every child that has ended; whether none is left.
fn reap_all(init: &mut Init) -> bool {
    loop {
        match sys::process::reap() {
            Ok(Some((pid, how))) => init.child_ended(pid, how, None),
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

/// The pidfds of processes that are still there; `None` if there are no pidfds, as on Linux before 5.3.
fn open_batch(pids: &[Pid]) -> Option<Vec<OwnedFd>> {
    let mut opened = Vec::new();
    for pid in pids.iter().take(BATCH) {
        match rustix::process::pidfd_open(*pid, PidfdFlags::empty()) {
            Err(e) if is_missing(e) => return None,
            other => opened.extend(other.ok()),
        }
    }
    Some(opened)
}

/// Waits until these processes have ended, any child has, the deadline has passed, or for `look`.
fn wait_for_batch(
    init: &mut Init,
    mut pidfds: Vec<OwnedFd>,
    children: Option<&SignalFd>,
    look: Option<Duration>,
) {
    loop {
        let mut fds: Vec<PollFd<'_>> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        fds.extend(children.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        if fds.is_empty() && init.due().is_none() && look.is_none() {
            // There is nothing to wait for.
            return init.emptied();
        }
        let left = init.due().map(|due| due.saturating_sub(clock::now())).into_iter().chain(look).min();
        let timeout = left.and_then(|l| Timespec::try_from(l).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(0) if init.due().is_none_or(|due| due > clock::now()) => return,
            Ok(0) => return init.expire(None),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return init.emptied(),
        }
        if children.is_some_and(|fd| fd.read().is_ok_and(|s| s.is_some())) {
            return;
        }
        let gone: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut gone = gone.into_iter();
        pidfds.retain(|_| !gone.next().unwrap_or(false));
        if pidfds.is_empty() {
            return;
        }
    }
}
