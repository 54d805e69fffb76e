//! A transition in progress, and the process or supervisor that it depends on.

use crate::longrun::Transition;
use crate::oneshot::TERMINATE;
use crate::work::Work;
use rustix::fd::OwnedFd;
use rustix::net::SendFlags;
use rustix::process::{Pid, Signal, kill_process};
use tool::processes;

/// A transition in progress.
pub(crate) enum Running {
    /// A supervisor was commanded.
    Longrun(Transition),
    /// A script runs as a child.
    Child(Pid),
    /// The host of the scan directory runs a script; the connection to it.
    Host(OwnedFd),
}

impl Running {
    /// What it waits for.
    pub(crate) fn waits_for(&self) -> String {
        match self {
            Self::Longrun(transition) => transition.waits_for(),
            Self::Child(pid) => format!("its script to end, process {}", describe(*pid)),
            Self::Host(_) => "its script to end".to_owned(),
        }
    }

    /// What it waits for, with the process that this depends on.
    pub(crate) fn explain(&self, work: Work) -> String {
        let word = work.script().word();
        match self {
            Self::Longrun(transition) => transition.explain(),
            Self::Child(pid) => {
                format!("its {word} script hasn't ended, process {}", describe(*pid))
            }
            Self::Host(_) => format!("its {word} script hasn't ended"),
        }
    }

    /// Asks a script to end.
    pub(crate) fn terminate(&self) {
        match self {
            Self::Child(pid) => {
                let _ = kill_process(*pid, Signal::TERM);
                let _ = kill_process(*pid, Signal::CONT);
            }
            Self::Host(socket) => {
                let _ = rustix::net::send(socket, &[TERMINATE], SendFlags::NOSIGNAL);
            }
            Self::Longrun(_) => {}
        }
    }
}

/// The process of a script, and what it runs: of the overlay's own, that is the image's script.
fn describe(pid: Pid) -> String {
    processes::describe_with_children(pid.as_raw_nonzero().get().unsigned_abs())
}
