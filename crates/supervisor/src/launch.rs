//! How the children of a host are started: what they all begin with, and where their output goes.

use crate::board::Board;
use crate::journal::Journal;
use crate::memory::{self, Cause, Seen, Shortfall};
use crate::system::{Linux, System};
use ipc::relay::{Relay, STREAMS, Stream};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::atomic::AtomicU32;
use sys::signal::{self, Signal};
use sys::spawn::{Frozen, Spawn, Strings, Window};
use tool::{Fatal, OrUnable};
use wire::board::Flags;
use wire::record::Event;

/// What all children of a host begin with.
#[derive(Debug)]
pub struct Launch {
    env: Strings,
    /// The limit on open files from before the host raised its own.
    pub open_files: Rlimit,
    pub(crate) null: OwnedFd,
    /// For a host of many services.
    window: Option<Window>,
    /// Where the output goes that would go to the host's own.
    pub(crate) relay: Option<Rc<Relay>>,
    /// The streams that lead where the host's own do.
    pub(crate) relayed_streams: Vec<Stream>,
    /// Whether ends of services that nobody has asked for are reported.
    pub(crate) reports: bool,
    /// Of a host that can be re-executed.
    pub(crate) journal: Journal,
    /// What everybody may know.
    pub(crate) board: Board,
    /// Of a supervisor process: which of [`wire::board::Flags`] its own standard streams mean for its service.
    pub(crate) given: u16,
    /// What is known of kills, unless supervisor processes share it.
    kills: [AtomicU32; 3],
    pub(crate) system: &'static dyn System,
}

/// Signals that the host itself ignores.
const RESET: &[Signal] = &[signal::PIPE];

impl Launch {
    /// For children with this environment; raises the process's own limit on open files as far as it may.
    ///
    /// # Errors
    /// `INVAL` for a NUL byte in the environment; /dev/null cannot be opened.
    pub fn new(env: &[Vec<u8>]) -> Result<Self, Fatal> {
        let env = Strings::new(env).or_unable(|| "read the environment")?;
        let open_files = sys::limit::get(Resource::Nofile);
        // If the limit can't be raised, each service that doesn't fit is refused by itself.
        let _ = sys::limit::set(
            Resource::Nofile,
            &Rlimit { current: open_files.maximum, maximum: open_files.maximum },
        );
        Self::with(env, open_files)
    }

    /// For the children of a supervisor process, whose host has these, and has raised the limit.
    ///
    /// # Errors
    /// As [`Launch::new`].
    pub(crate) fn of_supervisor(env: Frozen, open_files: Rlimit) -> Result<Self, Fatal> {
        Self::with(env.into(), open_files)
    }

    /// The environment, for supervisor processes.
    pub(crate) fn freeze_env(&mut self) -> Result<Frozen, Errno> {
        self.env.freeze()
    }

    fn with(env: Strings, open_files: Rlimit) -> Result<Self, Fatal> {
        let null = sys::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .or_unable(|| "open /dev/null")?;
        let (journal, board, system) = (Journal::default(), Board::default(), &Linux);
        let (window, relay, relayed_streams) = (None, None, STREAMS.to_vec());
        let kills = Default::default();
        Ok(Self {
            env,
            open_files,
            null,
            window,
            relay,
            relayed_streams,
            reports: true,
            journal,
            board,
            given: 0,
            kills,
            system,
        })
    }

    /// The process to which the children of daemons come that end before them; `None` if it isn't a host.
    pub(crate) fn reaper(&self) -> Option<Pid> {
        if self.journal.slot().is_some() {
            rustix::process::getppid()
        } else {
            self.journal.as_raw().map(|_| rustix::process::getpid())
        }
    }

    /// What is known of kills: what supervisor processes share, or else what this process knows.
    pub(crate) fn kills<'a>(&'a self, shared: Option<Seen<'a>>) -> Seen<'a> {
        shared.or_else(|| self.journal.slot()?.kills()).unwrap_or_else(|| self.kills.each_ref())
    }

    /// Why a process was killed by a SIGKILL that wasn't sent from here; `peak` is the most memory that it had.
    pub(crate) fn cause_of_kill(&self, shared: Option<Seen<'_>>, peak: Option<u64>) -> Cause {
        let count = self.system.memory_kills();
        if count.is_some_and(|count| memory::is_by_kernel(self.kills(shared), count, self.system.now())) {
            return Cause::Memory(Shortfall { limit: self.system.memory_limit(), peak });
        }
        Cause::Foreign
    }

    /// Adds events to the record; `shared` is the number of the last one, where supervisor processes share it.
    pub(crate) fn record(&self, shared: Option<&AtomicU32>, events: &[Event]) {
        let shared = shared.or_else(|| self.journal.slot()?.events());
        self.board.add(self.system, shared, events);
    }

    /// Makes starts cheap for a process with many descriptors; to be called while it has few.
    pub(crate) fn take_window(&mut self) {
        // Without a window starts work, too, only slower.
        self.window = Window::new().ok();
    }

    /// The file that runs this binary as the tool `name`.
    #[must_use]
    pub fn own_file(name: &str) -> Vec<u8> {
        let file = tool::tool_file(name);
        // Without a link of that name beside the binary, argv[0] alone carries the name.
        if file.contains(&b'/') { file } else { b"/proc/self/exe".to_vec() }
    }

    /// Pipes to the relay, if there is one, for a process that gets only these descriptors, with their numbers.
    pub(crate) fn relayed(&self, name: &[u8], fds: &[(BorrowedFd<'_>, RawFd)]) -> Vec<(OwnedFd, RawFd)> {
        let Some(relay) = &self.relay else { return Vec::new() };
        let mut streams = self.relayed_streams.clone();
        streams.retain(|stream| !fds.iter().any(|(_, number)| *number == stream.number()));
        // Without pipes the output goes to the host's own and isn't lost.
        relay.pipes(name, &streams).unwrap_or_default()
    }

    /// Starts a program in `dir` with these descriptors, as everything that a host starts.
    ///
    /// # Errors
    /// Why it could not be executed.
    pub(crate) fn spawn(
        &self,
        dir: Option<BorrowedFd<'_>>,
        file: &[u8],
        argv: &[&[u8]],
        fds: &[(BorrowedFd<'_>, RawFd)],
    ) -> Result<Pid, Errno> {
        let argv = Strings::new(argv)?;
        self.journal.with_note(|note| self.system.spawn(&Spawn { note, ..self.plain(dir, file, &argv, fds) }))
    }

    /// A program to start, with what all children begin with.
    pub(crate) fn plain<'a>(
        &'a self,
        dir: Option<BorrowedFd<'a>>,
        file: &'a [u8],
        argv: &'a Strings,
        fds: &'a [(BorrowedFd<'a>, RawFd)],
    ) -> Spawn<'a> {
        Spawn {
            file,
            argv,
            env: &self.env,
            dir,
            fds,
            session: false,
            pid_namespace: false,
            open_files: Some(self.open_files),
            reset: RESET,
            window: self.window.as_ref(),
            note: None,
        }
    }
}

/// Which of [`Flags`] a service has whose input or output is a pipe between it and a logger or producer.
pub(crate) fn flags_of(has_input: bool, has_output: bool) -> u16 {
    (if has_input { Flags::LOGGER } else { 0 }) | (if has_output { Flags::LOGGED } else { 0 })
}

/// Where a service's standard descriptors lead; what isn't given is inherited from the host.
#[derive(Debug, Default, Clone)]
pub struct Stdio {
    /// Standard input.
    pub(crate) input: Option<Rc<OwnedFd>>,
    /// Standard output.
    pub(crate) output: Option<Rc<OwnedFd>>,
    /// Standard error.
    pub(crate) error: Option<Rc<OwnedFd>>,
}

impl Stdio {
    /// What these mean for a service, on the status board.
    pub(crate) fn flags(&self) -> u16 {
        flags_of(self.input.is_some(), self.output.is_some())
    }

    /// The descriptors that are given, with their numbers.
    pub(crate) fn descriptors(&self) -> Vec<(BorrowedFd<'_>, RawFd)> {
        let slots = [(&self.input, 0), (&self.output, 1), (&self.error, 2)];
        slots.into_iter().filter_map(|(fd, n)| Some((fd.as_ref()?.as_fd(), n))).collect()
    }
}
