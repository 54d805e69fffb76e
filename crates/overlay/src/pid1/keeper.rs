//! The keeper while it is waited for at the end: the relay, or the catch-all logger, which passes the last output on.

use crate::pid1::keys::KEEPER;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::{AsFd, OwnedFd};
use supervisor::host::Host;

/// The process, which may be the child of another one.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) pid: Pid,
    /// Readable when it has ended.
    pidfd: Option<OwnedFd>,
}

impl Keeper {
    /// Waits for its end, too; `None` if it has ended.
    pub(crate) fn watch(pid: Pid, host: &mut Host) -> Option<Self> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty());
        if pidfd.as_ref().err() == Some(&Errno::SRCH) {
            return None;
        }
        let pidfd = pidfd.ok().filter(|fd| host.watch(fd.as_fd(), KEEPER).is_ok());
        Some(Self { pid, pidfd })
    }

    /// Whether its end is only noticed by looking.
    pub(crate) fn is_blind(&self) -> bool {
        self.pidfd.is_none()
    }

    /// Whether it is there, alive or not.
    pub(crate) fn is_there(&self) -> bool {
        sys::process::kill(self.pid, 0) != Err(Errno::SRCH)
    }
}
