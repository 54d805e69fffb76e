//! The host of a scan directory: every service of the directory under supervision, in this one process.
//!
//! [`Host`] is the event loop of `s6-svscan`, as a library: one thread that waits for signals, letters in
//! control FIFOs, readiness notifications and deadlines, and feeds the services' state machines.  A program
//! around it says with a [`Policy`] what is different from plain `s6-svscan`; the overlay's pid 1 is such a
//! program.
//!
//! The directory is the reference's: `.s6-svscan/{lock,control,finish,crash,SIG*}`, a service directory (or a link
//! to one) for each service, `NAME/log` for its logger.  Beyond it:
//!
//! - A service directory may have a file `pipe-out` or `pipe-in` that holds a name.  The host keeps one pipe for
//!   each name, as long as a service that names it is loaded, and gives the service the write end as
//!   standard output, or the read end as standard input, at every start.
//! - `.s6-svscan/oneshot` is a stream socket for this user: for each connection the host starts
//!   `s6-rc-oneshot-run` with the connection as standard input and its own environment.
//!
//! - The control letter `R` (`s6-svscanctl -R`) makes the host execute its own program anew, in the same process, and
//!   so does a fault: the next host goes on with the same services.
//!
//! What a service costs: three descriptors, and one more for each end of a logger's pipe; nothing while nothing
//! happens.
//!
//! Nothing here panics and no error ends the loop that another try could mend: these modules run in pid 1.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod oneshot;
mod pipes;
mod policy;
mod resume;
mod roster;
mod scan;

pub use policy::{Handled, Plain, Policy};
pub use resume::{Left, Reexec, take_memo};

use crate::service::machine::Event;
use crate::service::{Launch, directory};
use ipc::relay::Relay;
use pipes::NamedPipes;
use roster::Roster;
use rustix::event::{Timespec, epoll};
use rustix::fs::{Access, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;
use sys::signal::{self, Signal, SignalFd};
use tool::clock::{self, Moment};
use tool::diag::{self, show};
use tool::{Fatal, OrUnable};
use wire::control::ScanCommand;
use wire::host_memo::{FAULTS, Work};
use wire::svstatus::Status;

/// What a host is told at its start.
#[derive(Debug)]
pub struct Config {
    /// The name in its diagnostics.
    pub name: &'static str,
    /// Scan by itself this often.
    pub rescan: Option<Duration>,
    /// The most services, loggers included.
    pub services_max: usize,
    /// The longest name of a service, in bytes.
    pub name_max: usize,
    /// Standard error for the service `s6-svscan-log`.
    pub console: Option<Rc<OwnedFd>>,
    /// The classic layout: an `s6-supervise` process for each service, for who looks for these.
    pub processes: bool,
    /// The environment of all children.
    pub env: Vec<Vec<u8>>,
    /// Signals to catch beyond those of `s6-svscan`, for the policy.
    pub signals: Vec<Signal>,
}

impl Config {
    /// `s6-svscan` without options; `S6_SUPERVISE_PROCESSES=1` in the environment asks for the classic layout.
    #[must_use]
    pub fn new(name: &'static str, env: Vec<Vec<u8>>) -> Self {
        let (rescan, console, signals) = (None, None, Vec::new());
        let processes = env.iter().any(|v| v == b"S6_SUPERVISE_PROCESSES=1");
        Self { name, rescan, services_max: 1000, name_max: 251, console, processes, env, signals }
    }
}

/// Why a host's loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It was told to stop everything, and everything is down.
    Stopped,
    /// It was told to leave at once.
    Aborted,
    /// It cannot wait for events any more.
    Failed(Errno),
}

/// What a descriptor of the poller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Signals,
    ScanControl,
    Oneshot,
    Control(usize),
    Notification(usize),
    Policy(u32),
}

impl Source {
    fn token(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::ScanControl => (1, 0),
            Self::Oneshot => (2, 0),
            Self::Control(n) => (3, u32::try_from(n).unwrap_or(u32::MAX)),
            Self::Notification(n) => (4, u32::try_from(n).unwrap_or(u32::MAX)),
            Self::Policy(key) => (5, key),
        };
        (kind << 32) | u64::from(number)
    }

    fn from_token(token: u64) -> Option<Self> {
        let number = u32::try_from(token & u64::from(u32::MAX)).ok()?;
        Some(match token >> 32 {
            0 => Self::Signals,
            1 => Self::ScanControl,
            2 => Self::Oneshot,
            3 => Self::Control(usize::try_from(number).ok()?),
            4 => Self::Notification(usize::try_from(number).ok()?),
            5 => Self::Policy(number),
            _ => return None,
        })
    }
}

/// What is waited for.
#[derive(Debug)]
struct Poller(OwnedFd);

impl Poller {
    fn add(&self, source: Source, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::add(&self.0, fd, epoll::EventData::new_u64(source.token()), epoll::EventFlags::IN)
    }
}

/// The host of a scan directory.
#[derive(Debug)]
pub struct Host {
    config: Config,
    launch: Launch,
    dir: OwnedFd,
    poller: Poller,
    roster: Roster,
    pipes: NamedPipes,
    scan_at: Option<Moment>,
    stopping: bool,
    control: OwnedFd,
    lock: OwnedFd,
    signals: SignalFd,
    oneshot: Option<OwnedFd>,
    leave: Option<Leave>,
    /// When hosts of this process have faulted, the last one first.
    faults: [Option<Moment>; FAULTS],
    /// What the memo has as its header.
    kept: Vec<u8>,
    /// What the host before had in work, with the notification pipe of a start.
    in_work: Option<(Work, Option<OwnedFd>)>,
    reexec: bool,
}

/// The signals that `s6-svscan` takes.
const SIGNALS: &[Signal] = &[
    signal::CHLD,
    signal::ALRM,
    signal::ABRT,
    signal::HUP,
    signal::INT,
    signal::TERM,
    signal::QUIT,
    signal::USR1,
    signal::USR2,
    signal::PWR,
    signal::WINCH,
];

/// Takes the lock and the control FIFO of the scan directory, which is the working directory.
fn take_scandir() -> Result<(OwnedFd, OwnedFd), Fatal> {
    match sys::fs::mkdir(".s6-svscan", Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(Fatal::unable("mkdir .s6-svscan", e)),
    }
    let st = sys::fs::stat(".s6-svscan").or_unable(|| "stat .s6-svscan")?;
    if !rustix::fs::FileType::from_raw_mode(st.st_mode).is_dir() {
        return Err(Fatal::user(".s6-svscan exists and is not a directory"));
    }
    let Some(lock) = directory::take_lock(CWD, ".s6-svscan/lock", 0o600)? else {
        return Err(Fatal::user("another s6-svscan is already running on the same directory"));
    };
    Ok((lock, directory::open_fifo(CWD, ".s6-svscan/control")?))
}

impl Host {
    /// Becomes the host of a scan directory, which becomes the working directory.
    ///
    /// From here on the process catches its signals by descriptor, ignores SIGPIPE, and leaves every other
    /// signal at its default.  Nothing is supervised before [`Host::run`].
    ///
    /// # Errors
    /// Code 100: somebody else hosts the directory, or it isn't fit for it; 111: the system failed.
    pub fn open(scandir: &[u8], config: Config) -> Result<Self, Fatal> {
        rustix::process::chdir(scandir).or_unable_to("chdir to", scandir)?;
        let mut launch = Launch::new(&config.env)?;
        launch.take_window();
        let (lock, control) = take_scandir()?;
        signal::reset_all();
        let mut host = Self::assemble(config, launch, lock, control)?;
        host.remove_dangling_links().or_unable(|| "read the scan directory")?;
        // Without the socket s6-rc still works, in the caller's environment.
        match oneshot::listen().and_then(|s| host.poller.add(Source::Oneshot, s.as_fd()).map(|()| s)) {
            Ok(socket) => host.oneshot = Some(socket),
            Err(e) => host.warn(&format!("unable to listen for oneshots: {}", sys::strerror(e))),
        }
        Ok(host)
    }

    /// A host of the working directory that knows no service.
    fn assemble(config: Config, launch: Launch, lock: OwnedFd, control: OwnedFd) -> Result<Self, Fatal> {
        let dir = sys::fs::open(".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .or_unable(|| "open the scan directory")?;
        let mut caught = SIGNALS.to_vec();
        caught.extend_from_slice(&config.signals);
        let signals = SignalFd::new(&signal::Set::of(&caught)).or_unable(|| "make a signal descriptor")?;
        signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
        let poller = Poller(epoll::create(epoll::CreateFlags::CLOEXEC).or_unable(|| "make a poller")?);
        poller.add(Source::Signals, signals.as_fd()).or_unable(|| "wait for signals")?;
        poller.add(Source::ScanControl, control.as_fd()).or_unable(|| "wait for commands")?;
        Ok(Self {
            config,
            launch,
            dir,
            poller,
            roster: Roster::default(),
            pipes: NamedPipes::default(),
            scan_at: Some(Moment::ZERO),
            stopping: false,
            control,
            lock,
            signals,
            oneshot: None,
            leave: None,
            faults: [None; FAULTS],
            kept: Vec::new(),
            in_work: None,
            reexec: false,
        })
    }

    /// Supervises until it is told to leave.
    pub fn run(&mut self, policy: &mut dyn Policy) -> Leave {
        if self.leave.is_none() {
            self.see_through(policy);
        }
        loop {
            self.catch_up(policy);
            policy.settled(self);
            self.keep_all(policy);
            if self.stopping && self.roster.len() == 0 {
                self.leave.get_or_insert(Leave::Stopped);
            }
            if let Some(leave) = self.leave {
                return leave;
            }
            if std::mem::take(&mut self.reexec) {
                self.reexecute(policy);
            }
            let deadline = [self.roster.next_timer().map(|(at, _)| at), self.scan_at, policy.deadline()];
            if let Err(e) = self.wait(deadline.into_iter().flatten().min(), policy) {
                self.warn(&format!("unable to wait for events: {}", sys::strerror(e)));
                return Leave::Failed(e);
            }
        }
    }

    /// Does what is due by now.
    fn catch_up(&mut self, policy: &mut dyn Policy) {
        let now = clock::now();
        if self.scan_at.is_some_and(|at| at <= now) {
            self.scan();
        }
        while let Some((at, number)) = self.roster.next_timer().filter(|(at, _)| *at <= now) {
            match self.roster.get_mut(number) {
                Some(slot) if slot.is_live() => self.feed(number, Event::Timeout),
                Some(_) => self.begin_again(number),
                None => {}
            }
            // Whatever happened, the same deadline isn't served twice in a row.
            if self.roster.next_timer() == Some((at, number)) {
                break;
            }
        }
        if policy.deadline().is_some_and(|at| at <= now) {
            policy.timeout(self);
        }
    }

    fn wait(&mut self, deadline: Option<Moment>, policy: &mut dyn Policy) -> Result<(), Errno> {
        let left = deadline.map(|d| d.saturating_sub(clock::now()));
        let timeout = left.and_then(|l| Timespec::try_from(l).ok());
        let mut events = Vec::with_capacity(64);
        match epoll::wait(&self.poller.0, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
        for event in events {
            match Source::from_token(event.data.u64()) {
                Some(Source::Signals) => self.read_signals(policy),
                Some(Source::ScanControl) => self.read_control(policy),
                Some(Source::Oneshot) => self.serve_oneshots(),
                Some(Source::Control(number)) => {
                    self.with(number, |service, launch| service.read_control(launch));
                }
                Some(Source::Notification(number)) => {
                    self.with(number, |service, launch| service.read_notification(launch));
                }
                Some(Source::Policy(key)) => policy.readable(self, key),
                None => {}
            }
        }
        Ok(())
    }

    fn serve_oneshots(&mut self) {
        let Some(socket) = &self.oneshot else { return };
        if let Err(e) = oneshot::serve(socket, &self.launch) {
            self.warn(&format!("unable to serve a oneshot: {}", sys::strerror(e)));
        }
    }

    /// Does something with a service, and keeps the books.
    fn with(&mut self, number: usize, act: impl FnOnce(&mut crate::service::Service, &Launch)) {
        if let Some(service) = self.roster.get_mut(number).and_then(|s| s.service.as_mut()) {
            if let Some(memo) = &self.launch.memo {
                memo.enter(crate::journal::number(number));
            }
            act(service, &self.launch);
            self.sync(number);
            self.keep();
        }
    }

    fn feed(&mut self, number: usize, event: Event) {
        self.with(number, |service, launch| service.feed(event, launch));
    }

    /// Brings the books up to date with a service after it was given something.
    fn sync(&mut self, number: usize) {
        let Some(slot) = self.roster.get_mut(number) else { return };
        let Some(service) = &slot.service else { return };
        if service.has_left() {
            slot.service = None;
            slot.notification = None;
            return self.supervision_ended(number);
        }
        let notification = service.notification().map(|fd| fd.as_raw_fd());
        if notification != slot.notification {
            slot.notification = notification;
            if let Some(fd) = service.notification()
                && let Err(e) = self.poller.add(Source::Notification(number), fd)
            {
                diag::warn(self.config.name, &format!("unable to wait for readiness: {}", sys::strerror(e)));
            }
        }
        self.roster.index(number);
    }

    /// A service without supervision is forgotten, or supervised again a second after it last was.
    fn supervision_ended(&mut self, number: usize) {
        let Some(slot) = self.roster.get_mut(number) else { return };
        if self.stopping || !slot.active {
            self.roster.remove(number);
        } else {
            slot.again = Some(slot.begun.saturating_add(Duration::from_secs(1)));
            self.roster.index(number);
        }
    }

    fn read_signals(&mut self, policy: &mut dyn Policy) {
        loop {
            match self.signals.read_with_origin() {
                Ok(Some((signal::CHLD, _))) => self.reap(policy),
                // A terminal was resized, which asks for nothing.
                Ok(Some((signal::WINCH, false))) => {}
                Ok(Some((signal, _))) => self.signal(signal, policy),
                Ok(None) => return,
                Err(e) => return self.warn(&format!("unable to read signals: {}", sys::strerror(e))),
            }
        }
    }

    fn signal(&mut self, signal: Signal, policy: &mut dyn Policy) {
        if policy.signal(self, signal) == Handled::Yes {
            return;
        }
        match signal {
            signal::ALRM => self.scan(),
            signal::ABRT => self.abort(),
            _ if self.run_signal_program(signal) => {}
            signal::HUP => {
                self.scan();
                self.prune(false);
            }
            signal::INT | signal::TERM => self.stop(false),
            signal::QUIT => self.stop(true),
            _ => {}
        }
    }

    /// Starts `.s6-svscan/SIGNAME` if there is such a program.
    fn run_signal_program(&mut self, signal: Signal) -> bool {
        let Some(name) = signal::name(signal) else { return false };
        let file = format!(".s6-svscan/{name}");
        if sys::fs::access(&file, Access::EXEC_OK).is_err() {
            return false;
        }
        match self.launch.spawn(None, file.as_bytes(), &[file.as_bytes()], &[]) {
            Ok(_) => true,
            Err(e) => {
                self.warn(&format!("unable to spawn {file}: {}", sys::strerror(e)));
                false
            }
        }
    }

    /// Takes note of every child that has ended.
    fn reap(&mut self, policy: &mut dyn Policy) {
        loop {
            match sys::process::peek() {
                Ok(Some((pid, how))) => {
                    if let Some(memo) = &self.launch.memo {
                        memo.begin(Work::ENDED, how.wstat(), pid.as_raw_nonzero().get().unsigned_abs());
                    }
                    let _ = sys::process::reap_one(pid);
                    self.ended(pid, how, policy);
                }
                Ok(None) | Err(Errno::CHILD) => return,
                Err(e) => return self.warn(&format!("unable to reap: {}", sys::strerror(e))),
            }
        }
    }

    /// A child has ended.
    fn ended(&mut self, pid: Pid, how: sys::process::Ended, policy: &mut dyn Policy) {
        match self.roster.of_pid(pid.as_raw_nonzero().get().unsigned_abs()) {
            Some(number) => {
                self.child_ended(number, how);
                self.keep();
            }
            None => {
                policy.child(self, pid, how);
                self.keep_all(policy);
            }
        }
    }

    /// The process that a slot knows has ended: a service's, or in the classic layout its supervisor.
    fn child_ended(&mut self, number: usize, how: sys::process::Ended) {
        match self.roster.get_mut(number) {
            Some(slot) if slot.supervisor.is_some() => {
                slot.supervisor = None;
                self.supervision_ended(number);
            }
            _ => self.feed(number, Event::Ended(how)),
        }
    }

    fn read_control(&mut self, policy: &mut dyn Policy) {
        let mut letters = [0; 64];
        let count = match rustix::io::read(&self.control, &mut letters) {
            Ok(n) => n,
            Err(Errno::AGAIN | Errno::INTR) => return,
            Err(e) => return self.warn(&format!("unable to read .s6-svscan/control: {}", sys::strerror(e))),
        };
        let (mut scan, mut prune) = (false, None);
        for letter in letters.into_iter().take(count) {
            if policy.command(self, letter) == Handled::Yes {
                continue;
            }
            match ScanCommand::from_letter(letter) {
                Some(ScanCommand::Reap) => self.reap(policy),
                Some(ScanCommand::Scan) => scan = true,
                Some(ScanCommand::Abort) => self.abort(),
                Some(ScanCommand::Hangup) => {
                    scan = true;
                    prune = Some(prune.unwrap_or(false));
                }
                Some(ScanCommand::Terminate) => self.stop(false),
                Some(ScanCommand::Reexecute) if self.launch.memo.is_some() => self.reexec = true,
                Some(ScanCommand::Reexecute) => self.warn("this host can't be executed anew"),
                Some(ScanCommand::Quit) => self.stop(true),
                Some(ScanCommand::Prune) => prune = Some(prune.unwrap_or(false)),
                Some(ScanCommand::PruneWithLoggers) => prune = Some(true),
                None => self.warn(&format!("received unknown command: {}", show(&[letter]))),
            }
        }
        // What is pruned is what the scan of the same request didn't see.
        if scan {
            self.scan();
        }
        if let Some(loggers) = prune {
            self.prune(loggers);
        }
    }

    /// Ends the supervision of every service that `which` picks.
    ///
    /// Loggers, unless `loggers` is set, only leave when they end by themselves: after their last line.
    fn end(&mut self, loggers: bool, which: impl Fn(&roster::Slot) -> bool) {
        for number in 0..self.roster.end() {
            let Some(slot) = self.roster.get_mut(number).filter(|s| which(s)) else { continue };
            let patient = !loggers && (slot.pair.is_logger() || scan::is_catch_all(slot));
            if slot.service.is_some() {
                self.feed(number, if patient { Event::Hangup } else { Event::Terminate });
            } else if let Some(pid) = slot.supervisor.and_then(|pid| Pid::from_raw(pid.cast_signed())) {
                // It has not been reaped, so it is still there.
                let _ = sys::process::kill(pid, if patient { signal::HUP } else { signal::TERM });
            } else {
                self.roster.remove(number);
            }
        }
    }

    /// Stops the services that the last scan didn't see.
    pub fn prune(&mut self, loggers: bool) {
        self.end(loggers, |slot| !slot.active);
    }

    /// Stops all services; when they are down the loop ends.
    pub fn stop(&mut self, loggers: bool) {
        if !self.stopping {
            self.stopping = true;
            self.scan_at = None;
            self.let_catch_all_end();
            // A logger reads the end of its input when the last writer is gone.
            for slot in self.roster.iter_mut() {
                slot.end = None;
            }
        }
        self.end(loggers, |_| true);
    }

    /// Lets go of the catch-all logger's input, which is our own output.
    fn let_catch_all_end(&mut self) {
        if !self.roster.iter().any(scan::is_catch_all) {
            return;
        }
        let null = sys::fs::open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        let replaced = null.and_then(|null| {
            sys::fd::copy(null.as_raw_fd(), 1)?;
            sys::fd::copy(self.config.console.as_ref().map_or(null.as_raw_fd(), |c| c.as_raw_fd()), 2)
        });
        if let Err(e) = replaced {
            self.warn(&format!("unable to redirect the output: {}", sys::strerror(e)));
        }
    }

    /// Ends the loop at once; services are left as they are.
    pub fn abort(&mut self) {
        self.leave = Some(Leave::Aborted);
    }

    /// The console holder.
    #[must_use]
    pub fn console(&self) -> Option<Rc<OwnedFd>> {
        self.config.console.clone()
    }

    /// Whether [`Host::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Waits for a descriptor too; [`Policy::readable`] is called with `key` while it is readable.
    ///
    /// # Errors
    /// The descriptor cannot be waited for.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, key: u32) -> Result<(), Errno> {
        self.poller.add(Source::Policy(key), fd)
    }

    /// Doesn't wait for a descriptor any more.  One that is closed needs no call.
    ///
    /// # Errors
    /// The descriptor wasn't waited for.
    pub fn unwatch(&mut self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::delete(&self.poller.0, fd)
    }

    /// Starts a program as the host's child, with the environment and the limits that services get; its end
    /// comes to [`Policy::child`].
    ///
    /// # Errors
    /// Why it could not be executed.
    pub fn spawn(
        &mut self,
        file: &[u8],
        argv: &[&[u8]],
        fds: &[(BorrowedFd<'_>, RawFd)],
    ) -> Result<Pid, Errno> {
        self.launch.spawn(None, file, argv, fds)
    }

    /// From now on, services' output that would go to the host's own goes to this relay, or again to the host's own.
    pub fn set_relay(&mut self, relay: Option<Rc<Relay>>) {
        self.launch.relay = relay;
    }

    /// What children begin with, for a policy that starts them in its own way.
    #[must_use]
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Names and states of the services under supervision.
    pub fn services(&self) -> impl Iterator<Item = (&[u8], &Status)> {
        self.roster.iter().filter_map(|s| Some((s.name.as_slice(), s.service.as_ref()?.machine().status())))
    }

    /// Prints a warning.
    fn warn(&self, text: &str) {
        diag::warn(self.config.name, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_convert_both_ways() {
        let sources = [Source::Signals, Source::ScanControl, Source::Oneshot, Source::Control(7)];
        for source in sources.into_iter().chain([Source::Notification(70_000), Source::Policy(u32::MAX)]) {
            assert_eq!(Source::from_token(source.token()), Some(source));
        }
        assert_eq!(Source::from_token(u64::MAX), None);
    }
}
