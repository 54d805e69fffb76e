//! The effects of the lifecycle's actions on the system.

use crate::boot::catch_all;
use crate::pid1::exit_code;
use crate::pid1::forked::Forked;
use crate::pid1::processes::{describe_below, describe_remaining, signal_all};
use crate::stop::stage3::Stage3;
use ipc::relay::Relay;
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use supervisor::host::Host;
use sys::process::{Fork, fork};
use sys::signal::{Set, Signal};
use tool::{Env, diag};

/// The command line of the stop child in ps: that of the reference.
const STOP_TITLE: &[u8] = b"/run/s6/basedir/scripts/rc.shutdown";

/// The effects, one call each; tests record the calls.
pub(crate) trait Effects {
    /// Sends a signal to one child.
    fn signal(&mut self, pid: Pid, signal: Signal);
    /// Sends a signal to every other process of the container but one.
    fn signal_all(&mut self, signal: Signal, spared: Option<Pid>);
    /// Stops supervising: services that end are not started again.
    fn stop_supervising(&mut self);
    /// Supervisor processes that end are not replaced any more.
    fn stop_replacing(&mut self);
    /// Makes the host leave its loop at once.
    fn leave_host(&mut self);
    /// Starts the stop child.
    fn start_stop(&mut self) -> Result<Pid, Errno>;
    /// Writes the container's exit code.
    fn write_code(&mut self, code: u8) -> Result<(), Errno>;
    /// Whether no exit code has been written.
    fn is_code_untouched(&self) -> bool;
    /// The living descendants of a process, for a message; empty if there are none.
    fn describe_below(&self, root: Pid) -> String;
    /// The other processes of the container but one, for a message; empty if there are none.
    fn describe_remaining(&self, spared: Option<Pid>) -> String;
    /// Takes the terminal from the boot session, which has ended, so that ^C still reaches a process.
    fn take_terminal_back(&mut self);
    /// The process that passes the container's output on, which doesn't get the last KILL.
    fn keeper(&self) -> Option<Pid>;
    /// Prints an error.
    fn fatal(&mut self, text: &str);
    /// Prints a warning.
    fn warn(&mut self, text: &str);
    /// Prints a message.
    fn info(&mut self, text: &str);
}

/// The effects in a container.
pub(crate) struct ContainerEffects<'a> {
    /// `None` after its loop has ended.
    pub(crate) host: Option<&'a mut Host>,
    /// The environment of the stop child.
    pub(crate) env: &'a Env,
    /// The relay's process id, and its socket, for the stop child.
    pub(crate) relay: Option<(Pid, BorrowedFd<'a>)>,
    /// Whether the catch-all logger shows what it logs.
    pub(crate) shows_log: bool,
    /// The limit on open files from before the host raised its own.
    pub(crate) open_files: Option<Rlimit>,
}

impl Effects for ContainerEffects<'_> {
    fn signal(&mut self, pid: Pid, signal: Signal) {
        let _ = sys::process::kill(pid, signal);
    }

    fn signal_all(&mut self, signal: Signal, spared: Option<Pid>) {
        signal_all(signal, spared);
    }

    fn stop_supervising(&mut self) {
        if let Some(host) = self.host.as_deref_mut() {
            host.stop(false);
        }
    }

    fn stop_replacing(&mut self) {
        if let Some(host) = self.host.as_deref_mut() {
            host.stop_replacing();
        }
    }

    fn leave_host(&mut self) {
        if let Some(host) = self.host.as_deref_mut() {
            host.abort();
        }
    }

    fn start_stop(&mut self) -> Result<Pid, Errno> {
        match fork()? {
            Fork::Parent(pid) => Ok(pid),
            Fork::Child => {
                let _ = rustix::process::setsid();
                let keep: Vec<_> = self.relay.map(|(_, socket)| socket).into_iter().collect();
                let mask = Set::empty();
                let forked = Forked {
                    title: STOP_TITLE,
                    open_files: self.open_files,
                    keep: &keep,
                    inherited: &[],
                    mask: &mask,
                };
                let relay = forked.enter().pop().flatten().map(|socket| Rc::new(Relay::from(socket)));
                let stage3 = Stage3 { env: self.env.clone(), relay };
                tool::conclude(super::NAME, stage3.carry_out(), None)
            }
        }
    }

    fn write_code(&mut self, code: u8) -> Result<(), Errno> {
        exit_code::write(code)
    }

    fn is_code_untouched(&self) -> bool {
        exit_code::is_untouched()
    }

    fn describe_below(&self, root: Pid) -> String {
        describe_below(root)
    }

    fn describe_remaining(&self, spared: Option<Pid>) -> String {
        describe_remaining(spared)
    }

    fn take_terminal_back(&mut self) {
        for number in 1..3 {
            let _ = sys::fd::with(number, |fd| rustix::process::ioctl_tiocsctty(fd));
        }
    }

    fn keeper(&self) -> Option<Pid> {
        match self.relay {
            Some((pid, _)) => Some(pid),
            None if self.shows_log => catch_all::logger(),
            None => None,
        }
    }

    fn fatal(&mut self, text: &str) {
        diag::fatal(super::NAME, text);
    }

    fn warn(&mut self, text: &str) {
        diag::warn(super::NAME, text);
    }

    fn info(&mut self, text: &str) {
        diag::info(super::NAME, text);
    }
}
