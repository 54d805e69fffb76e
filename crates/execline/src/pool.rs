//! Runs the body of a loop, several at once if asked to.

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

/// The options of [`Pool::new`], besides the exit codes and autoimport.
const PARALLEL: Opt = Opt::flag('p', "run all at once");
const MAX_PARALLEL: Opt = Opt::value('P', "maxpar", "run at most maxpar at once");
/// The options that all loops share.
pub(crate) const OPTIONS: [Opt; 6] =
    [AUTOIMPORT, NO_AUTOIMPORT, PARALLEL, MAX_PARALLEL, OK_CODES, BREAK_CODES];

/// The limit of children at once, with `-p` or any `-P`.
const PARALLEL_LIMIT: u32 = 10_000;

/// SIGCHLD as a descriptor, for loops that run several children at once.
struct Deaths {
    signals: SignalFd,
    /// The mask from before SIGCHLD was blocked, which children get.
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
    private: Vec<BorrowedFd<'a>>,
    /// Whether a body that can't be executed fails one run only, rather than the loop.  With autoimport it does: the
    /// program's name may come from the value.
    pub(crate) survives_exec_failure: bool,
    /// Whether a child exited with a code that ends the loop.
    pub(crate) broken: bool,
}

impl<'a> Pool<'a> {
    /// Creates the pool for `body`; children don't get the descriptors in `private`.
    pub(crate) fn new(
        options: &Options,
        variable: Vec<u8>,
        body: Vec<Vec<u8>>,
        private: Vec<BorrowedFd<'a>>,
    ) -> Result<Self, Fatal> {
        let at_once = parallel_limit(options)?;
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
            survives_exec_failure: import,
            codes: Codes::from_options(options)?,
            at_once,
            running: Vec::new(),
            deaths,
            private,
            broken: false,
        })
    }

    /// Starts the body for `value`, then waits until another may start.  Returns the exit code if the loop ends here.
    pub(crate) fn start(&mut self, call: &Call, value: &[u8]) -> Result<Option<u8>, Fatal> {
        // exec cuts an argument at its first NUL byte.
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
            Err(e) if self.survives_exec_failure => {
                call.warn(format_args!("unable to exec {}: {}", diag::show(&name), sys::strerror(e)));
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

    /// The signal mask for other children of the loop.
    pub(crate) fn mask(&self) -> Option<Set> {
        self.deaths.as_ref().map(|d| d.mask)
    }

    fn spawn(&self, call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Pid, Errno> {
        let mut private = self.private.clone();
        private.extend(self.deaths.as_ref().map(|d| d.signals.as_fd()));
        tool::try_spawn(call, argv, env, &Setup { fds: &[], private: &private, mask: self.mask() })
    }

    /// Records the end of a child; returns the exit code if it ends a loop whose bodies run one after the other.
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
            // This also reaps children that this process had before it executed the loop: nothing else would.
            while let Ok(Some((pid, ended))) = reap() {
                if let Some(at) = self.running.iter().position(|p| *p == pid) {
                    self.running.swap_remove(at);
                    self.ended(ended);
                }
            }
        }
        Ok(())
    }

    /// Waits for all children that still run.
    pub(crate) fn wait_for_all(&mut self) -> Result<(), Fatal> {
        self.wait_below(1)
    }
}

/// How many children may run at once.
fn parallel_limit(options: &Options) -> Result<usize, Fatal> {
    let limit = match options.last_of("pP") {
        Some('p') => PARALLEL_LIMIT,
        Some(_) => options.number('P')?.unwrap_or(1).clamp(1, PARALLEL_LIMIT),
        None => 1,
    };
    Ok(usize::try_from(limit).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_runs_one_child_at_a_time_unless_asked() {
        let limit = |words: &str| {
            let mut args = words.split_whitespace().map(|w| w.as_bytes().to_vec()).collect();
            parallel_limit(&Options::take(&OPTIONS, &mut args).unwrap()).map_err(|e| e.code())
        };
        let cases =
            [("", 1), ("-P 3", 3), ("-P 0", 1), ("-P 1000000", 10_000), ("-p", 10_000), ("-P 3 -p", 10_000)];
        for (words, expected) in cases {
            assert_eq!(limit(words), Ok(expected), "{words}");
        }
        assert_eq!(limit("-p -P 2"), Ok(2));
        assert_eq!(limit("-P x"), Err(100));
    }
}
