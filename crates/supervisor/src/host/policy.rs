//! What the program around a host decides.
//!
//! Circle: the trait is called with the [`Host`] that calls it.

use super::Host;
use crate::memory::Cause;
use crate::service::over::Over;
use rustix::process::Pid;
use std::os::fd::BorrowedFd;
use sys::process::Ended;
use sys::signal::{Sender, Signal};
use tool::clock::Moment;

/// Whether the policy has handled something, or the host is to do the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// The host does nothing more.
    Yes,
    /// The host does the usual.
    No,
}

/// An input of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The descriptor, which doesn't block.
    pub fd: BorrowedFd<'a>,
    /// How many bytes are read and handled in one go, at most the room of [`wire::host_journal::INPUT`].
    pub size: usize,
}

/// What the program around a host decides.  Every default is plain `s6-svscan`; what a re-executed host needs has no
/// default.
pub trait Policy {
    /// A signal has arrived, other than SIGCHLD; asked before the `.s6-svscan/SIG*` programs and the usual effect.
    fn signal(&mut self, host: &mut Host, signal: Signal, sender: Sender) -> Handled {
        let _ = (host, signal, sender);
        Handled::No
    }

    /// A letter has arrived through `.s6-svscan/control`.
    fn command(&mut self, host: &mut Host, letter: u8) -> Handled {
        let _ = (host, letter);
        Handled::No
    }

    /// A child that isn't a service's process has ended: one that the policy started, or an orphan.
    fn child(&mut self, host: &mut Host, pid: Pid, how: Ended, cause: Cause) {
        let _ = (host, pid, how, cause);
    }

    /// A service isn't started again; whether the policy does what is to be done about it.  If not, the host starts
    /// `s6-overlay-consequence`.  After a fault, it may be called again for the same end.
    fn over(&mut self, host: &mut Host, over: &Over) -> Handled {
        let _ = (host, over);
        Handled::No
    }

    /// What the descriptor that was given to [`Host::watch`] with this key is read for: the host reads it, and calls
    /// [`Policy::item`].  `None` if the policy reads it itself, or only wants to know: then [`Policy::readable`] is called.
    fn input(&self, key: u32) -> Option<Input<'_>> {
        let _ = key;
        None
    }

    /// The keys of all inputs.
    fn inputs(&self) -> Vec<u32> {
        Vec::new()
    }

    /// This was read from the input with this key.
    fn item(&mut self, host: &mut Host, key: u32, item: &[u8]) {
        let _ = (host, key, item);
    }

    /// The input with this key has ended.
    fn ended(&mut self, host: &mut Host, key: u32) {
        let _ = (host, key);
    }

    /// The descriptor that was given to [`Host::watch`] with this key is readable.
    fn readable(&mut self, host: &mut Host, key: u32) {
        let _ = (host, key);
    }

    /// When [`Policy::timeout`] is to be called; asked each time before the host waits.
    fn deadline(&self) -> Option<Moment> {
        None
    }

    /// The deadline has passed.
    fn timeout(&mut self, host: &mut Host) {
        let _ = host;
    }

    /// The policy's state for the re-executed host: at most 256 bytes.
    fn save(&self) -> Vec<u8>;

    /// The descriptors that the re-executed host gets: at most 32.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// The children of the policy, for a host that was re-executed: one that is gone has ended.
    fn children(&self) -> Vec<Pid> {
        Vec::new()
    }

    /// Whether the loop goes on when all services are down; [`Host::abort`] ends it then.
    fn outlives_services(&self) -> bool {
        false
    }

    /// Hosts of this process have faulted too often; whether the policy brings everything to an end in this loop.  If not,
    /// the loop ends at once.
    fn gave_up(&mut self, host: &mut Host) -> bool {
        let _ = host;
        false
    }

    /// All events are handled, and the host is about to wait.
    ///
    /// Here a policy checks whether the state that it waits for is reached; [`Host::abort`] ends the loop.
    fn settled(&mut self, host: &mut Host) {
        let _ = host;
    }
}

/// Plain `s6-svscan`.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Policy for Plain {
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}
