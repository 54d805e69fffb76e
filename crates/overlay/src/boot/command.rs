//! How the boot child becomes the CMD.

use crate::boot::inherited::Inherited;
use crate::environment::settings::Settings;
use crate::environment::variables::{S6_CMD_ARG0, S6_CMD_USE_TERMINAL, S6_UMASK};
use crate::layout::WORKDIR;
use crate::program;
use crate::relay;
use ipc::relay::{Relay, STREAMS};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use sys::signal::{Set, set_mask};
use tool::{Env, Next, OrUnable, Outcome};

/// The byte that process 1 reads when the boot child becomes the CMD.
const NOTICE: &[u8] = b"C";

/// The CMD that the boot child becomes.
pub(crate) struct Command {
    /// Its environment.
    pub(crate) env: Env,
    /// Its words; none if there is no CMD.
    pub(crate) argv: Vec<Vec<u8>>,
    /// The descriptors that the container was started with.
    pub(crate) inherited: Inherited,
    /// Receives [`NOTICE`] just before.
    pub(crate) notice: Option<OwnedFd>,
    /// Receives its output if S6_LOG_CMD is on.
    pub(crate) relay: Option<Rc<Relay>>,
}

impl Command {
    /// Becomes the CMD, in the container's working directory; exits 0 if there is none.
    pub(crate) fn become_it(self) -> Outcome {
        if self.argv.is_empty() {
            return Ok(Next::SUCCESS);
        }
        let settings = Settings::new(&self.env);
        let mut argv = settings.words(S6_CMD_ARG0);
        argv.extend(self.argv);
        let workdir = std::fs::read(WORKDIR).or_unable(|| format!("read {WORKDIR}"))?;
        let workdir = workdir.strip_suffix(b"\n").unwrap_or(&workdir);
        rustix::process::chdir(workdir).or_unable_to("change to the working directory", workdir)?;
        if settings.switch(S6_CMD_USE_TERMINAL) {
            use_terminal();
        }
        if let Some(relay) = self.relay {
            relay_output(&relay).or_unable(|| "relay the command's output")?;
        }
        if let Some(notice) = self.notice {
            let _ = rustix::io::write(notice, NOTICE);
        }
        set_mask(&Set::empty());
        rustix::process::umask(settings.umask(S6_UMASK)?);
        let mut env = self.env;
        self.inherited.hand_on(&mut env);
        Next::run(program::with_interpreter(argv, &env), env)
    }
}

/// S6_CMD_USE_TERMINAL: the CMD's output goes to the terminal that its input comes from, not to a log.
fn use_terminal() {
    if !rustix::termios::isatty(rustix::stdio::stdin()) {
        return;
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = sys::fs::openat(CWD, "/proc/self/fd/0", flags, Mode::empty());
    let _ = opened.and_then(|tty| sys::fd::place(tty, 1)).and_then(|()| sys::fd::copy(1, 2));
}

/// S6_LOG_CMD: sends this process's output, which becomes the CMD's, to the relay.
fn relay_output(relay: &Relay) -> Result<(), Errno> {
    for (pipe, number) in relay.pipes(relay::COMMAND, &STREAMS)? {
        sys::fd::place(pipe, number)?;
    }
    // The relay also formats the lines that this process prints.
    relay::set_format(None);
    Ok(())
}
