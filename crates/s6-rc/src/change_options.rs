//! How a change is to be made.

use crate::reporter::Reporter;
use ipc::relay::Relay;
use rustix::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;
use tool::Env;
use tool::clock::Moment;

/// Which process starts oneshots' scripts.
#[derive(Debug, Clone)]
pub enum Starter {
    /// This process.
    ///
    /// The scripts' output goes to the relay, if there is one; else they have this process's standard streams.
    /// Whatever other children this process has are reaped, too, during a change.
    ThisProcess(Option<Rc<Relay>>),
    /// The host of the scan directory, in its own environment, with this process's standard streams; where no host
    /// offers that, this process.
    Host,
}

/// How oneshots' scripts are run.
#[derive(Clone)]
pub struct Oneshots<'a> {
    /// Which process starts them.
    pub starter: Starter,
    /// The environment of those that this process starts.
    pub env: &'a Env,
    /// The PATH that programs are looked up in by this process.
    pub path: Option<&'a [u8]>,
    /// Carries out a command line in this process, if it is one that does little and succeeds; otherwise gives `false`, and
    /// a process is started for it.
    pub carry_out: &'a dyn Fn(&[Vec<u8>]) -> bool,
    /// Carries out a command line in this process since no process can be made for it, and nothing else is in progress;
    /// `false` if it can't, or has failed.  It may take a while.
    pub in_need: &'a dyn Fn(&[Vec<u8>]) -> bool,
}

impl<'a> Oneshots<'a> {
    /// A process is started for every command line.
    #[must_use]
    pub fn by_processes(starter: Starter, env: &'a Env, path: Option<&'a [u8]>) -> Self {
        Self { starter, env, path, carry_out: &|_| false, in_need: &|_| false }
    }
}

/// What an interruption does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Waits for the oneshots that are in progress, so that their state is known.
    FinishOneshots,
    /// Sends SIGTERM to the oneshots that are in progress, and returns.
    Abandon,
}

/// How a change is to be made.
#[derive(Clone)]
pub struct ChangeOptions<'a> {
    /// Where messages are printed.
    pub reporter: Reporter<'a>,
    /// Stops essential services too.
    pub force: bool,
    /// When to give up.
    pub deadline: Option<Moment>,
    /// Only prints what would be run; each transition takes this many milliseconds.
    pub dry_run: Option<u32>,
    /// How oneshots' scripts are run.
    pub oneshots: Oneshots<'a>,
    /// Ends the change early when this can be read.
    pub interrupt: Option<BorrowedFd<'a>>,
    /// What that does.
    pub on_interrupt: OnInterrupt,
    /// After so long without progress, and from then on ever less often, the change reports what it waits for; `None`:
    /// never.
    pub remind: Option<Duration>,
}
