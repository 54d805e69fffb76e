//! What the program around a host decides.

use super::Host;
use rustix::process::Pid;
use std::os::fd::BorrowedFd;
use sys::process::Ended;
use sys::signal::Signal;
use tool::clock::Moment;

/// Whether the policy has taken care of something, or the host should do what it does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// The host does nothing more about it.
    Yes,
    /// The host goes on as usual.
    No,
}

/// What the program around a host decides.  Every default is plain `s6-svscan`.
pub trait Policy {
    /// A signal has come, SIGCHLD excepted; before the `.s6-svscan/SIG*` programs and the usual effect.
    fn signal(&mut self, host: &mut Host, signal: Signal) -> Handled {
        let _ = (host, signal);
        Handled::No
    }

    /// A letter has come in through `.s6-svscan/control`.
    fn command(&mut self, host: &mut Host, letter: u8) -> Handled {
        let _ = (host, letter);
        Handled::No
    }

    /// A child that is no service's process has ended: one that the policy started, or an orphan.
    fn child(&mut self, host: &mut Host, pid: Pid, how: Ended) {
        let _ = (host, pid, how);
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

    /// What it needs to go on in the next program of this process: 256 bytes at most.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The descriptors that it hands over to that program: 32 at most.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    /// All that has come is dealt with, and the host is about to wait for more.
    ///
    /// Here a policy looks whether what it waits for has come about; [`Host::abort`] ends the loop.
    fn settled(&mut self, host: &mut Host) {
        let _ = host;
    }
}

/// Plain `s6-svscan`.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Policy for Plain {}
