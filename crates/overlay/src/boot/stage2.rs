//! Stage 2, in a child of the first process: brings the services up and becomes the CMD.
//!
//! After SIGTERM, as long as it isn't the CMD, the child starts nothing more, lets running oneshots finish, and exits.

use crate::boot::command::Command;
use crate::boot::inherited::Inherited;
use crate::boot::omissions::TOP;
use crate::boot::services::{Services, Started, is_interrupted};
use crate::boot::{hook, replaced};
use crate::texts;
use ipc::relay::Relay;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use sys::signal::{Set, SignalFd, TERM};
use tool::{Env, Next, OrUnable, Outcome};

/// The script of the stage.
pub(crate) const SCRIPT: &str = "rc.init";

/// The boot child.
pub(crate) struct Stage2 {
    /// The environment of everything in the container.
    pub(crate) env: Env,
    /// Receives a byte just before the child becomes the CMD.
    pub(crate) notice: Option<OwnedFd>,
    /// Receives the output of the hook and of oneshots, if there is a relay.
    pub(crate) relay: Option<Rc<Relay>>,
    /// The descriptors that the container was started with, for the CMD.
    pub(crate) inherited: Inherited,
    /// The CMD; empty if there is none.
    pub(crate) command: Vec<Vec<u8>>,
    /// Whether the relay receives the CMD's output, too.
    pub(crate) relays_command: bool,
}

impl Stage2 {
    /// Carries out the stage, or becomes the image's own script for it.
    pub(crate) fn carry_out(self) -> Outcome {
        if replaced::has_script(SCRIPT) {
            let arguments = std::iter::once(TOP.to_vec()).chain(self.command).collect();
            let mut env = self.env;
            self.inherited.hand_on(&mut env);
            return replaced::become_script(SCRIPT, arguments, env);
        }
        self.run()
    }

    /// Runs the hook, brings the services up, and becomes the CMD; exits 0 if there is none.
    pub(crate) fn run(self) -> Outcome {
        texts::follow_stage(SCRIPT);
        let interrupt = SignalFd::new(&Set::of(&[TERM])).or_unable(|| "make a signal descriptor")?;
        if is_interrupted(interrupt.as_fd()) {
            return Ok(Next::SUCCESS);
        }
        self.inherited.announce();
        hook::run(&self.env, self.relay.as_deref())?;
        if is_interrupted(interrupt.as_fd()) {
            return Ok(Next::SUCCESS);
        }
        let services = Services { env: &self.env, interrupt: interrupt.as_fd(), relay: self.relay.clone() };
        if services.bring_up()? == Started::Interrupted {
            return Ok(Next::SUCCESS);
        }
        let relay = self.relay.filter(|_| self.relays_command);
        Command { env: self.env, argv: self.command, inherited: self.inherited, notice: self.notice, relay }
            .become_it()
    }
}
