//! The children of a loop.

use crate::child::approximate;
use crate::codes::{BREAK_CODES, Codes, OK_CODES};
use crate::variable::{self, AUTOIMPORT, NO_AUTOIMPORT};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd};
use sys::process::{Ended, reap, wait_for};
use sys::signal::{self, Set, SignalFd};
use tool::{Call, Env, Fatal, Opt, Options, OrUnable, Setup, diag};

/// The options of [`Pool::new`], beside the list of exit codes and autoimport.
pub(crate) const PARALLEL: Opt = Opt::flag('p', "run all at once");
pub(crate) const AT_MOST: Opt = Opt::value('P', "maxpar", "run at most maxpar at once");
/// All options that the loops share.
pub(crate) const OPTIONS: [Opt; 6] = [AUTOIMPORT, NO_AUTOIMPORT, PARALLEL, AT_MOST, OK_CODES, BREAK_CODES];

/// What `-p` comes to: enough for all, and still a bound.
const MANY: u32 = 10_000;

/// SIGCHLD as a descriptor, for loops that run several children at once.
struct Deaths {
    signals: SignalFd,
    /// The mask that children get: the one from before.
    mask: Set,
}

/// Runs the body of a loop once for each value.
pub(crate) struct Pool<'a> {
    variable: Vec<u8>,
    body: Vec<Vec<u8>>,
    import: bool,
    codes: Option<Codes>,
    at_once: usize,
    running: Vec<Pid>,
    deaths: Option<Deaths>,
    own: Vec<BorrowedFd<'a>>,
    /// Whether a body that can't be executed is one run's failure, not the loop's.  With autoimport it is: the name may
    /// come from the value.
    pub(crate) goes_on: bool,
    /// Whether some child ended with a code that ends the loop.
    pub(crate) broken: bool,
}

impl<'a> Pool<'a> {
    /// A pool for `body`; children don't see the descriptors in `own`.
    pub(crate) fn new(
        options: &Options,
        variable: Vec<u8>,
        body: Vec<Vec<u8>>,
        own: Vec<BorrowedFd<'a>>,
    ) -> Result<Self, Fatal> {
        let at_once = match options.last_of("pP") {
            Some('p') => MANY,
            Some(_) => options.number('P')?.unwrap_or(1).clamp(1, MANY),
            None => 1,
        };
        let deaths = if at_once > 1 {
            signal::set_default(signal::CHLD).or_unable(|| "reset SIGCHLD")?;
            let mask = signal::block(&Set::empty());
            let signals = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "watch SIGCHLD")?;
            Some(Deaths { signals, mask })
        } else {
            None
        };
        let import = variable::autoimports(options);
        Ok(Self {
            variable,
            body,
            import,
            goes_on: import,
            codes: Codes::from_options(options)?,
            at_once: usize::try_from(at_once).unwrap_or(1),
            running: Vec::new(),
            deaths,
            own,
            broken: false,
        })
    }

    /// Starts the body for `value`; waits while there are too many.  Gives back the exit code if the loop ends here.
    pub(crate) fn start(&mut self, call: &Call, value: &[u8]) -> Result<Option<u8>, Fatal> {
        // As exec would see it.
        let value = value.split(|b| *b == 0).next().unwrap_or_default();
        let (argv, env) = variable::deliver(
            &[(&self.variable, Some(value))],
            self.import,
            self.body.clone(),
            call.env.clone(),
        )?;
        let Some(name) = argv.first().cloned() else {
            return Ok(self.ended(Ended::Exited(0)));
        };
        let pid = match self.spawn(call, argv, env) {
            Ok(pid) => pid,
            Err(e) if self.goes_on => {
                call.warn(&format!("unable to exec {}: {}", diag::show(&name), sys::strerror(e)));
                return Ok(self.ended(Ended::Exited(if e == Errno::NOENT { 127 } else { 126 })));
            }
            Err(e) => return Err(tool::unable_to_spawn(&name, e)),
        };
        if self.deaths.is_none() {
            let ended = wait_for(pid).or_unable(|| "wait for a child")?;
            return Ok(self.ended(ended));
        }
        self.running.push(pid);
        self.wait_below(self.at_once)?;
        Ok(None)
    }

    /// The signal mask that other children of the loop are to get.
    pub(crate) fn mask(&self) -> Option<Set> {
        self.deaths.as_ref().map(|d| d.mask)
    }

    fn spawn(&self, call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Pid, Errno> {
        let mut own = self.own.clone();
        own.extend(self.deaths.as_ref().map(|d| d.signals.as_fd()));
        tool::try_spawn(call, argv, env, &Setup { fds: &[], own: &own, mask: self.mask() })
    }

    /// Notes an end; the exit code if that ends a loop whose bodies run one after the other.
    fn ended(&mut self, ended: Ended) -> Option<u8> {
        let code = approximate(ended);
        let ends = self.codes.as_ref().is_some_and(|c| c.ends(code));
        self.broken |= ends;
        (ends && self.deaths.is_none()).then_some(code)
    }

    fn wait_below(&mut self, limit: usize) -> Result<(), Fatal> {
        while self.running.len() >= limit {
            let Some(deaths) = &self.deaths else { return Ok(()) };
            let mut fds = [PollFd::new(&deaths.signals, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(Fatal::unable("poll", e)),
            }
            while deaths.signals.read().or_unable(|| "read signals")?.is_some() {}
            // Also reaps children that the program before left to this process; nobody else will.
            while let Ok(Some((pid, ended))) = reap() {
                if let Some(at) = self.running.iter().position(|p| *p == pid) {
                    self.running.swap_remove(at);
                    self.ended(ended);
                }
            }
        }
        Ok(())
    }

    /// Waits for all that still run.
    pub(crate) fn finish(&mut self) -> Result<(), Fatal> {
        self.wait_below(1)
    }
}
