//! The effects of the lifecycle's actions on the system.

use crate::boot::catch_all;
use crate::environment::settings::Settings;
use crate::limits::OUTPUT_LIMIT;
use crate::pid1::children::Child;
use crate::pid1::exit_code;
use crate::pid1::forked::Forked;
use crate::pid1::keeper::{self, Keeper};
use crate::pid1::lifecycle::Limit;
use crate::pid1::manager::Manager;
use crate::pid1::processes::{describe_below, describe_remaining, signal_all, signal_others};
use crate::pid1::relay_process::RelayProcess;
use crate::pid1::told::{self, Turn};
use crate::stop::stage3::Stage3;
use crate::termination_log;
use ipc::relay::Relay;
use rustix::io::Errno;
use rustix::process::Pid;
use std::rc::Rc;
use supervisor::host::Host;
use sys::process::{Fork, fork_noted};
use sys::signal::{KILL, Set, Signal};
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
    /// The processes of the services that are supervised: daemons, or their supervisors.
    fn services(&self) -> Vec<Pid>;
    /// Sends a signal to every process but those and what descends from them.
    fn signal_others(&mut self, signal: Signal, services: &[Pid]);
    /// The process that passes the container's output on, which doesn't get the last KILL.
    fn keeper(&self) -> Option<Pid>;
    /// Begins to wait for the end of the keeper; `false` if there is none.
    fn await_keeper(&mut self) -> bool;
    /// Tells the keeper to finish.
    fn finish_output(&mut self, limit: Limit);
    /// Reports that the keeper is waited for.
    fn name_keeper(&mut self);
    /// Ends the keeper, and reports what is lost.
    fn kill_keeper(&mut self);
    /// Tells the engine why the container ends badly.
    fn tell_reason(&mut self, reason: &str);
    /// Shows everybody a turn in the container's life.
    fn tell(&mut self, turn: Turn);
    /// Shows everybody that nothing follows.
    fn tell_end(&mut self);
    /// Prints an error.
    fn fatal(&mut self, text: &str);
    /// Prints a warning.
    fn warn(&mut self, text: &str);
    /// Prints a message.
    fn info(&mut self, text: &str);
}

/// The effects in a container.
pub(crate) struct ContainerEffects<'a> {
    pub(crate) host: &'a mut Host,
    /// The environment of the stop child.
    pub(crate) env: &'a Env,
    pub(crate) relay: Option<&'a RelayProcess>,
    /// The keeper that is waited for.
    pub(crate) keeper: &'a mut Option<Keeper>,
    /// Whether the catch-all logger shows what it logs.
    pub(crate) shows_log: bool,
    /// The service whose failure for good stops the container.
    pub(crate) failed: &'a Option<Vec<u8>>,
    pub(crate) manager: &'a Manager,
}

impl Effects for ContainerEffects<'_> {
    fn signal(&mut self, pid: Pid, signal: Signal) {
        let _ = sys::process::kill(pid, signal);
    }

    fn signal_all(&mut self, signal: Signal, spared: Option<Pid>) {
        signal_all(signal, spared);
    }

    fn stop_supervising(&mut self) {
        self.host.stop(false);
    }

    fn stop_replacing(&mut self) {
        self.host.stop_replacing();
    }

    fn leave_host(&mut self) {
        self.host.abort();
    }

    fn start_stop(&mut self) -> Result<Pid, Errno> {
        match self.host.start_child(Child::Stop.kind(), fork_noted)? {
            Fork::Parent(pid) => Ok(pid),
            Fork::Child => {
                let _ = rustix::process::setsid();
                let keep: Vec<_> = self.relay.map(RelayProcess::socket_fd).into_iter().collect();
                let mask = Set::empty();
                let forked = Forked {
                    title: STOP_TITLE,
                    open_files: Some(self.host.launch().open_files),
                    keep: &keep,
                    inherited: &[],
                    mask: &mask,
                };
                let relay = forked.enter().pop().flatten().map(|socket| Rc::new(Relay::from(socket)));
                let stage3 = Stage3 { env: self.env.clone(), relay, failed: self.failed.clone() };
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

    fn services(&self) -> Vec<Pid> {
        self.host.processes()
    }

    fn signal_others(&mut self, signal: Signal, services: &[Pid]) {
        let spared: Vec<Pid> = services.iter().copied().chain(self.keeper()).collect();
        signal_others(signal, &spared);
    }

    fn keeper(&self) -> Option<Pid> {
        keeper::find(self.relay, self.shows_log)
    }

    fn await_keeper(&mut self) -> bool {
        *self.keeper = self.keeper().and_then(|pid| Keeper::watch(pid, self.host));
        self.keeper.is_some()
    }

    fn finish_output(&mut self, limit: Limit) {
        if let Some(relay) = self.relay {
            relay.finish((limit == Limit::Output).then_some(OUTPUT_LIMIT));
        }
    }

    fn name_keeper(&mut self) {
        if let Some(keeper) = self.keeper.as_ref() {
            let process = diag::process(keeper.pid.as_raw_nonzero().get().unsigned_abs());
            self.warn(&format!("waiting until the container's output is read: process {process}"));
        }
    }

    fn kill_keeper(&mut self) {
        if self.relay.is_none() {
            // What it holds itself is unknown.
            let bytes = catch_all::unread();
            self.warn(&format!(
                "at least {bytes} bytes of the container's output are missing: nothing read them"
            ));
        }
        if let Some(keeper) = self.keeper.as_ref() {
            let _ = sys::process::kill(keeper.pid, KILL);
        }
    }

    fn tell_reason(&mut self, reason: &str) {
        termination_log::write(&Settings::new(self.env), reason);
    }

    fn tell(&mut self, turn: Turn) {
        self.manager.tell(&turn);
        told::tell(turn, self.host);
    }

    fn tell_end(&mut self) {
        let code = exit_code::parse(&exit_code::read()).unwrap_or(111);
        self.tell(Turn::Over(code));
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
