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
use sys::signal::{CHLD, Set, SignalFd};
use tool::clock;

/// The number of processes that are waited for at once; the others follow when these have ended.
const BATCH: usize = 256;

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
        if alone && pidfds.is_empty() {
            // The remaining processes have ended and wait for a parent outside.
            return init.emptied();
        }
        wait_for_batch(init, pidfds, children.as_ref());
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

fn open_batch(pids: &[Pid]) -> Vec<OwnedFd> {
    let open = |pid: &Pid| rustix::process::pidfd_open(*pid, PidfdFlags::empty()).ok();
    pids.iter().take(BATCH).filter_map(open).collect()
}

/// Waits until these processes have ended, any child has, or the deadline has passed.
fn wait_for_batch(init: &mut Init, mut pidfds: Vec<OwnedFd>, children: Option<&SignalFd>) {
    loop {
        let mut fds: Vec<PollFd<'_>> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        fds.extend(children.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        if fds.is_empty() && init.due().is_none() {
            // There is nothing to wait for.
            return init.emptied();
        }
        let left = init.due().map(|due| due.saturating_sub(clock::now()));
        let timeout = left.and_then(|l| Timespec::try_from(l).ok());
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
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
