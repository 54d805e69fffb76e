//! One longrun's transition: a command to its supervisor, and the events that tell how it went.

use crate::folder::join;
use rustix::fs::Access;
use rustix::io::Errno;
use s6::control::{self, SUPERVISE, Undelivered};
use s6::status::read_status;
use s6::watch::Watch;

/// What a transition waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The daemon runs.
    Up,
    /// The daemon has said that it is ready.
    Ready,
    /// The daemon is dead and `finish` done.
    Down,
}

impl Goal {
    /// What a time-out was waiting for.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Up => "its run script to be started",
            Self::Ready => "its readiness notification",
            Self::Down => "its daemon to die and its finish script to end",
        }
    }
}

/// Why a transition failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No supervisor runs on the service directory, or it ended.
    NotSupervised,
    /// It will not be restarted: its `finish` exited 125.
    Permanent,
    /// No descriptors are left to listen with.
    NoDescriptors,
    /// A system call failed.
    Failed(Errno),
}

/// A transition on its way.
#[derive(Debug)]
pub(crate) struct Transition {
    servicedir: Vec<u8>,
    goal: Goal,
    /// The listener's index in the watch.
    pub(crate) index: usize,
}

/// How a transition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Done,
    Failed(Trouble),
}

pub(crate) fn undelivered(e: Undelivered) -> Trouble {
    match e {
        Undelivered::NobodyListens | Undelivered::NotThere => Trouble::NotSupervised,
        Undelivered::Failed(e) => failed(e),
    }
}

fn failed(e: Errno) -> Trouble {
    match e {
        Errno::NOENT => Trouble::NotSupervised,
        Errno::MFILE | Errno::NFILE => Trouble::NoDescriptors,
        e => Trouble::Failed(e),
    }
}

/// Whether the goal is reached by now.
fn reached(servicedir: &[u8], goal: Goal) -> Result<bool, Errno> {
    let status = read_status(servicedir)?;
    Ok(match goal {
        Goal::Up => status.is_up(),
        Goal::Ready => status.is_up() && status.ready,
        // Between two runs counts: the command keeps the next one from starting.
        Goal::Down => status.pid == 0,
    })
}

impl Transition {
    /// Tells the supervisor to bring the longrun up or down, and begins to listen; `None` if it is there already.
    pub(crate) fn begin(servicedir: Vec<u8>, up: bool, watch: &mut Watch) -> Result<Option<Self>, Trouble> {
        let ready = join(&servicedir, b"notification-fd");
        let goal = match up {
            false => Goal::Down,
            true if rustix::fs::access(&ready, Access::EXISTS).is_ok() => Goal::Ready,
            true => Goal::Up,
        };
        // Listening comes first: whatever changes from here on is heard.
        let index = watch.add(&join(&servicedir, b"event")).map_err(failed)?;
        let told = reached(&servicedir, goal).map_err(failed).and_then(|there| {
            control::send(&servicedir, SUPERVISE, if up { b"u" } else { b"d" }).map_err(undelivered)?;
            Ok(there)
        });
        match told {
            Ok(false) => Ok(Some(Self { servicedir, goal, index })),
            Ok(true) => {
                watch.remove(index);
                Ok(None)
            }
            Err(trouble) => {
                watch.remove(index);
                Err(trouble)
            }
        }
    }

    /// What it waits for.
    pub(crate) fn goal(&self) -> Goal {
        self.goal
    }

    /// Takes in what the supervisor said.
    pub(crate) fn hear(&self, letters: &[u8]) -> Progress {
        letters
            .iter()
            .map(|l| self.hear_one(*l))
            .find(|p| *p != Progress::Waiting)
            .unwrap_or(Progress::Waiting)
    }

    fn hear_one(&self, letter: u8) -> Progress {
        match (self.goal, letter) {
            (Goal::Up, b'u' | b'U') | (Goal::Ready, b'U') => Progress::Done,
            // It may have been restarted before the command came; then another one follows.
            (Goal::Down, b'D') => match read_status(&self.servicedir) {
                Ok(status) if status.pid != 0 => Progress::Waiting,
                _ => Progress::Done,
            },
            (Goal::Down, b'x') => Progress::Done,
            (Goal::Up | Goal::Ready, b'x') => Progress::Failed(Trouble::NotSupervised),
            // The failure may be older than the command, which then takes it back.
            (Goal::Up | Goal::Ready, b'O') => match read_status(&self.servicedir) {
                Ok(status) if status.want_up => Progress::Waiting,
                _ => Progress::Failed(Trouble::Permanent),
            },
            _ => Progress::Waiting,
        }
    }
}
