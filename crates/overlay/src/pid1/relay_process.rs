//! The relay as process 1 knows it: a child, and the socket that pipes are sent through.

use crate::limits::RELAY_LIFE_MIN;
use crate::pid1::children::Child;
use crate::pid1::forked::Forked;
use crate::relay::{self, Handling};
use ipc::relay::{Relay, Shelf};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;
use supervisor::host::Host;
use sys::process::{Fork, fork_noted};
use sys::signal::{KILL, Set};
use tool::clock::{self, Moment};

/// The relay process.
#[derive(Debug)]
pub(crate) struct RelayProcess {
    pid: Pid,
    socket: Rc<Relay>,
    /// The relay's end, for another relay: supervisor processes have the other one for good, and what was sent stays in between.
    theirs: OwnedFd,
    /// Keeps its pipes for another relay.
    shelf: Option<Shelf>,
    born: Moment,
}

impl RelayProcess {
    /// Starts the relay.
    ///
    /// # Errors
    /// No child or no socket can be made.
    pub(crate) fn start(handling: Handling, host: &mut Host) -> Result<Self, Errno> {
        // One that a fault left without a note has no socket that anybody knows.
        if let Some(pid) = host.take_child(Child::Relay.kind()) {
            let _ = sys::process::kill(pid, KILL);
        }
        let (ours, theirs) = Relay::new()?;
        // Without it, the end of the relay costs what services say to their ends.
        Self::on(Rc::new(ours), theirs, Shelf::new().ok(), handling, host)
    }

    /// Starts another relay in the place of this one, which has ended.
    ///
    /// # Errors
    /// As [`RelayProcess::start`].
    pub(crate) fn replace(self, handling: Handling, host: &mut Host) -> Result<Self, Errno> {
        Self::on(self.socket, self.theirs, self.shelf, handling, host)
    }

    fn on(
        ours: Rc<Relay>,
        theirs: OwnedFd,
        shelf: Option<Shelf>,
        handling: Handling,
        host: &mut Host,
    ) -> Result<Self, Errno> {
        match host.start_child(Child::Relay.kind(), fork_noted)? {
            Fork::Parent(pid) => Ok(Self { pid, socket: ours, theirs, shelf, born: clock::now() }),
            Fork::Child => {
                let _ = rustix::process::setsid();
                // It ends after its last writer, so it blocks all signals.
                let mask = Set::full();
                let keep: Vec<_> =
                    std::iter::once(theirs.as_fd()).chain(shelf.iter().flat_map(Shelf::ends)).collect();
                let forked = Forked {
                    title: relay::TITLE,
                    open_files: None,
                    keep: &keep,
                    inherited: &[],
                    mask: &mask,
                };
                let mut kept = forked.enter().into_iter();
                let socket = kept.next().flatten();
                let shelf = kept.next().flatten().zip(kept.next().flatten());
                let shelf = shelf.map(|(put, take)| Shelf::from_ends(put, take));
                tool::conclude(relay::NAME, relay::run(socket, shelf, handling), None)
            }
        }
    }

    /// The relay that was started before this process was re-executed.
    pub(crate) fn restored(pid: Pid, socket: OwnedFd, theirs: OwnedFd, shelf: Option<Shelf>) -> Self {
        Self { pid, socket: Rc::new(socket.into()), theirs, shelf, born: clock::now() }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The socket that the host sends services' pipes through.
    pub(crate) fn socket(&self) -> Rc<Relay> {
        Rc::clone(&self.socket)
    }

    pub(crate) fn socket_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The relay's end of the socket.
    pub(crate) fn theirs(&self) -> BorrowedFd<'_> {
        self.theirs.as_fd()
    }

    /// Both ends of its shelf.
    pub(crate) fn shelf(&self) -> Option<[BorrowedFd<'_>; 2]> {
        self.shelf.as_ref().map(Shelf::ends)
    }

    /// Whether it ran long enough to be started again.
    pub(crate) fn has_lived(&self, now: Moment) -> bool {
        now.saturating_sub(self.born) >= RELAY_LIFE_MIN
    }

    /// Lets the relay end after the last process that writes to it.
    pub(crate) fn seal(&self) {
        let _ = self.socket.seal();
    }

    /// Lets the relay end when it has passed on what is in its pipes, even if processes still write to them; within `limit`
    /// if there is one.
    pub(crate) fn finish(&self, limit: Option<Duration>) {
        let _ = self.socket.finish(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_relay_that_ends_within_a_second_is_not_started_again() {
        let born = Duration::from_secs(100);
        let (socket, theirs) = Relay::new().unwrap();
        let relay = RelayProcess {
            pid: rustix::process::getpid(),
            socket: Rc::new(socket),
            theirs,
            shelf: None,
            born,
        };
        assert!(!relay.has_lived(born));
        assert!(!relay.has_lived(born + Duration::from_millis(999)));
        assert!(relay.has_lived(born + Duration::from_secs(1)));
    }
}
