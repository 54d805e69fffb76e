//! The keeper while it is waited for at the end: the relay, or the catch-all logger, which passes the last output on.

use crate::boot::catch_all;
use crate::pid1::keys::KEEPER;
use crate::pid1::relay_process::RelayProcess;
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

/// The keeper's process: the relay, or, if it shows what it logs, the catch-all logger.
pub(crate) fn find(relay: Option<&RelayProcess>, shows_log: bool) -> Option<Pid> {
    match relay {
        Some(relay) => Some(relay.pid()),
        None => shows_log.then(catch_all::logger).flatten(),
    }
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

    /// Whether that look would find it gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_blind() && !tool::ends::is_there(self.pid)
    }
}
