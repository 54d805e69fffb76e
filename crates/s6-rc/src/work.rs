//! What a change does to services, and one such transition on its way.

use crate::longrun::Transition;
use crate::oneshot::{Script, TERMINATE};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, Signal};
use tool::diag;

/// What is being done to the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Start,
    Stop,
    Reload,
}

/// How messages call the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// What is to be done.
    pub(crate) verb: &'static str,
    /// What is happening.
    pub(crate) present: &'static str,
    /// What has happened.
    pub(crate) past: &'static str,
}

impl Work {
    /// How messages call it.
    pub(crate) fn words(self) -> Words {
        let (verb, present, past) = match self {
            Self::Start => ("start", "starting", "started"),
            Self::Stop => ("stop", "stopping", "stopped"),
            Self::Reload => ("reload", "reloading", "reloaded"),
        };
        Words { verb, present, past }
    }

    /// The oneshots' script for it.
    pub(crate) fn script(self) -> Script {
        match self {
            Self::Start => Script::Up,
            Self::Stop => Script::Down,
            Self::Reload => Script::Reload,
        }
    }
}

/// A transition on its way.
pub(crate) enum Running {
    Longrun(Transition),
    Child(Pid),
    Host(OwnedFd),
    /// A pretended one.
    Nothing,
}

impl Running {
    /// What it waits for.
    pub(crate) fn waits_for(&self) -> String {
        match self {
            Self::Longrun(transition) => transition.waits_for(),
            Self::Child(_) | Self::Host(_) => "its script to end".to_owned(),
            Self::Nothing => "the end of the dry run".to_owned(),
        }
    }

    /// What it waits for and who that is, for a person who waits too.
    pub(crate) fn explain(&self, work: Work) -> String {
        match self {
            Self::Longrun(transition) => transition.explain(),
            Self::Child(pid) => format!(
                "its {} script hasn't ended, process {}",
                work.script().word(),
                diag::process(pid.as_raw_nonzero().get().unsigned_abs())
            ),
            Self::Host(_) => format!("its {} script hasn't ended", work.script().word()),
            Self::Nothing => self.waits_for(),
        }
    }

    /// Asks a script to end.
    pub(crate) fn terminate(&self) {
        match self {
            Self::Child(pid) => {
                let _ = rustix::process::kill_process(*pid, Signal::TERM);
                let _ = rustix::process::kill_process(*pid, Signal::CONT);
            }
            Self::Host(socket) => {
                let _ = rustix::net::send(socket, &[TERMINATE], rustix::net::SendFlags::NOSIGNAL);
            }
            Self::Longrun(_) | Self::Nothing => {}
        }
    }
}
