//! SIGTERM and SIGINT, which end a command's change early.

use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use crate::reporter::Reporter;
use rustix::fd::{AsFd, BorrowedFd};
use sys::signal::{self, Set, SignalFd};
use tool::{Call, Fatal, OrUnable};

/// The trapped signals.
#[derive(Debug)]
pub struct Interrupts(SignalFd);

impl Interrupts {
    /// Traps SIGTERM and SIGINT; scripts find them as they were.
    ///
    /// # Errors
    /// The signals can't be trapped: code 111.
    pub fn trap() -> Result<Self, Fatal> {
        SignalFd::new(&Set::of(&[signal::TERM, signal::INT])).or_unable(|| "trap signals").map(Self)
    }

    /// Readable as soon as one of the signals has come.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// How a command makes changes: the host runs the oneshots, an interruption waits for those that are in progress, and
    /// essential services stay up.
    #[must_use]
    pub fn change_options<'a>(&'a self, call: &'a Call, verbosity: u32) -> ChangeOptions<'a> {
        ChangeOptions {
            reporter: Reporter { name: call.tool.name, verbosity, idle: &[] },
            force: false,
            deadline: None,
            dry_run: None,
            oneshots: Oneshots::by_processes(Starter::Host, &call.env, call.path.as_deref()),
            interrupt: Some(self.0.as_fd()),
            on_interrupt: OnInterrupt::FinishOneshots,
            remind: None,
        }
    }
}
