//! The relay as process 1 knows it: a child, and the socket that pipes are sent through.

use crate::limits::{RELAY_DRAIN_LIMIT, RELAY_LIFE_MIN};
use crate::pid1::forked::Forked;
use crate::program::wait_at_most;
use crate::relay::{self, Format};
use ipc::relay::Relay;
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use sys::process::{Fork, fork};
use sys::signal::{KILL, Set};
use tool::clock::{self, Moment};

/// The relay process.
#[derive(Debug)]
pub(crate) struct RelayProcess {
    pid: Pid,
    /// `None` after [`RelayProcess::release`].
    socket: Option<Rc<Relay>>,
    /// The relay's end, for another relay: supervisor processes have the other one for good, and what was sent stays in between.
    theirs: Option<OwnedFd>,
    born: Moment,
}

impl RelayProcess {
    /// Starts the relay.
    ///
    /// # Errors
    /// No child or no socket can be made.
    pub(crate) fn start(format: Format) -> Result<Self, Errno> {
        let (ours, theirs) = Relay::new()?;
        Self::on(Rc::new(ours), theirs, format)
    }

    /// Starts another relay in the place of this one, which has ended.
    ///
    /// # Errors
    /// As [`RelayProcess::start`].
    pub(crate) fn replace(self, format: Format) -> Result<Self, Errno> {
        match (self.socket, self.theirs) {
            (Some(ours), Some(theirs)) => Self::on(ours, theirs, format),
            _ => Self::start(format),
        }
    }

    fn on(ours: Rc<Relay>, theirs: OwnedFd, format: Format) -> Result<Self, Errno> {
        match fork()? {
            Fork::Parent(pid) => {
                let (socket, theirs) = (Some(ours), Some(theirs));
                Ok(Self { pid, socket, theirs, born: clock::now() })
            }
            Fork::Child => {
                let _ = rustix::process::setsid();
                // It ends after its last writer, so it blocks all signals.
                let mask = Set::full();
                let forked = Forked {
                    title: relay::TITLE,
                    open_files: None,
                    keep: &[theirs.as_fd()],
                    inherited: &[],
                    mask: &mask,
                };
                let socket = forked.enter().pop().flatten();
                tool::conclude(relay::NAME, relay::run(socket, format), None)
            }
        }
    }

    /// The relay that was started before this process was re-executed.
    pub(crate) fn restored(pid: Pid, socket: OwnedFd, theirs: OwnedFd) -> Self {
        let (socket, theirs) = (Some(Rc::new(socket.into())), Some(theirs));
        Self { pid, socket, theirs, born: clock::now() }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The socket that the host sends services' pipes through; `None` after [`RelayProcess::release`].
    pub(crate) fn socket(&self) -> Option<Rc<Relay>> {
        self.socket.clone()
    }

    pub(crate) fn socket_fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(|socket| socket.as_fd())
    }

    /// The relay's end of the socket.
    pub(crate) fn theirs(&self) -> Option<BorrowedFd<'_>> {
        self.theirs.as_ref().map(AsFd::as_fd)
    }

    /// Whether it ran long enough to be started again.
    pub(crate) fn has_lived(&self, now: Moment) -> bool {
        now.saturating_sub(self.born) >= RELAY_LIFE_MIN
    }

    /// Closes the socket, so that the relay ends after the last process that writes to it.
    pub(crate) fn release(&mut self) {
        self.socket = None;
        self.theirs = None;
    }

    /// Ends the relay even if processes still write to it.  It drains its pipes first, unless nothing reads its output.
    pub(crate) fn end(self) {
        if let Some(socket) = &self.socket {
            let _ = socket.finish();
        }
        let _ = wait_at_most(self.pid, Some(RELAY_DRAIN_LIMIT), KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_relay_that_ends_within_a_second_is_not_started_again() {
        let born = Duration::from_secs(100);
        let relay = RelayProcess { pid: rustix::process::getpid(), socket: None, theirs: None, born };
        assert!(!relay.has_lived(born));
        assert!(!relay.has_lived(born + Duration::from_millis(999)));
        assert!(relay.has_lived(born + Duration::from_secs(1)));
    }
}
