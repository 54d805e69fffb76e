//! The host of a scan directory: supervises every service of the directory in this one process.
//!
//! [`Host`] is the event loop of `s6-svscan`, as a library: one thread that waits for signals, letters in control FIFOs,
//! readiness notifications and deadlines, and feeds the services' state machines.  The program around it says with a
//! [`Policy`] what is different from plain `s6-svscan`; the overlay's pid 1 is such a program.
//!
//! The directory is the reference's: `.s6-svscan/{lock,control,finish,crash,SIG*}`, a service directory (or a link
//! to one) for each service, `NAME/log` for its logger.  Beyond it:
//!
//! - A service directory may have a file `pipe-out` or `pipe-in` that holds a name.  The host keeps one pipe for
//!   each name, as long as a service that names it is loaded, and gives the service the write end as
//!   standard output, or the read end as standard input, at every start.
//! - `.s6-svscan/oneshot` is a stream socket for this user: for each connection the host starts
//!   `s6-rc-oneshot-run` with the connection as standard input and its own environment.
//! - The control letter `R` (`s6-svscanctl -R`) makes the host re-execute its own program, and so does a fault: the next
//!   host continues with the same services.
//!
//! A service costs three descriptors, and one more for each end of a logger's pipe; it causes no wake-ups while nothing
//! happens to it.
//!
//! Nothing here panics, and no error ends the loop that a retry could fix: these modules run in pid 1.
//!
//! Circle: `Host` is one type whose functions stand in one file per subject (`input`, `requests`, `scan`, `stop`, `resume`), and
//! [`Policy`] is the trait that it calls with itself.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod config;
mod consequences;
mod input;
mod kills;
mod oneshot;
mod pipes;
mod policy;
mod poller;
mod processes;
mod reaping;
mod requests;
mod resume;
mod roster;
mod scan;
mod shortage;
mod stop;

pub use config::Config;
pub use policy::{Handled, Input, Plain, Policy};
pub use resume::{PolicyState, Reexec, take_journal};

use crate::launch::Launch;
use crate::service::machine::Event;
use crate::service::{Service, hold};
use crate::system::raw;
use ipc::relay::Relay;
use kills::Kills;
use pipes::NamedPipes;
use poller::{Poller, Source};
use processes::Processes;
use resume::Left;
use roster::Roster;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::fmt::Display;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use sys::process::Fork;
use sys::signal::{self, SignalFd};
use tool::clock::Moment;
use tool::sorted::Set;
use tool::{Fatal, OrUnable};
use wire::board::Header;
use wire::host_journal::FAULTS;
use wire::record;

/// From the beginning of a service's supervision to the next one, if supervision has ended in between.
const SUPERVISION_PAUSE: Duration = Duration::from_secs(1);

/// From one look at descriptors that can't be waited for to the next one.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Why a host's loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It was told to stop all services, and all are down.
    Stopped,
    /// It was told to exit at once.
    Aborted,
    /// It has faulted too often.
    Faulted,
}

/// The host of a scan directory.
#[derive(Debug)]
pub struct Host {
    config: Config,
    /// This process, as the journal names it.
    pid: u32,
    launch: Launch,
    dir: OwnedFd,
    poller: Poller,
    /// Room for the sources that are readable.
    sources: Vec<Source>,
    roster: Roster,
    pipes: NamedPipes,
    /// Of a host that supervises by processes.
    processes: Option<Processes>,
    /// Whether a supervisor process that ends is replaced.
    replaces: bool,
    /// The numbers of services that aren't started again, and something may be to be done about it.
    over: Set<usize>,
    /// When that is tried again.
    over_at: Option<Moment>,
    scan_at: Option<Moment>,
    stopping: bool,
    control: OwnedFd,
    lock: OwnedFd,
    signals: SignalFd,
    oneshot: Option<OwnedFd>,
    leave: Option<Leave>,
    /// When hosts of this process have faulted, the latest first.
    faults: [Option<Moment>; FAULTS],
    /// They have faulted too often.
    gives_up: bool,
    /// The poller doesn't work.
    is_blind: bool,
    /// Sources that couldn't be read when that was last tried, which was reported.
    troubled: Set<Source>,
    /// A service that a scan finds may have a process that the journal has lost.
    finds_by_status: bool,
    /// What the former host has left undone.
    in_flight: Option<Left>,
    /// A child of the policy that the former host started without noting it, with its kind.
    child: Option<(u8, Pid)>,
    reexec: bool,
    /// Why the last scan could not read the directory; it is reported once.
    scan_failed: Option<Errno>,
    /// Set while memory is short.
    shortage: Option<shortage::Shortage>,
    /// Whether letters that mean nothing were reported, and what came with them may not be read to its end.
    has_unknown_commands: bool,
    /// Children that have ended may be left to reap.
    has_unreaped: bool,
    kills: Kills,
}

/// Takes the lock and the control FIFO of a scan directory.
fn take_scandir(dir: BorrowedFd<'_>) -> Result<(OwnedFd, OwnedFd), Fatal> {
    match sys::fs::mkdirat(dir, ".s6-svscan", Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(e) => return Err(Fatal::unable("mkdir .s6-svscan", e)),
    }
    let st = sys::fs::statat(dir, ".s6-svscan", AtFlags::empty()).or_unable(|| "stat .s6-svscan")?;
    if !rustix::fs::FileType::from_raw_mode(st.st_mode).is_dir() {
        return Err(Fatal::user(".s6-svscan exists and is not a directory"));
    }
    let Some(lock) = hold::take_lock(dir, ".s6-svscan/lock", 0o600)? else {
        return Err(Fatal::user("another s6-svscan is already running on the same directory"));
    };
    Ok((lock, hold::open_fifo(dir, ".s6-svscan/control")?))
}

/// The working directory, which is the scan directory.
fn open_scandir() -> Result<OwnedFd, Fatal> {
    sys::fs::open(".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| "open the scan directory")
}

impl Host {
    /// Becomes the host of a scan directory, which becomes the working directory.
    ///
    /// From here on the process catches its signals by descriptor, ignores SIGPIPE, and leaves every other
    /// signal at its default.  Nothing is supervised before [`Host::run`].
    ///
    /// # Errors
    /// Code 100: another process hosts the directory, or it isn't fit for a host; 111: the system failed.
    pub fn open(scandir: &[u8], config: Config) -> Result<Self, Fatal> {
        rustix::process::chdir(scandir).or_unable_to("chdir to", scandir)?;
        let mut launch = Launch::new(&config.env)?;
        launch.take_window();
        let dir = open_scandir()?;
        let (lock, control) = take_scandir(dir.as_fd())?;
        signal::reset_all();
        let mut host = Self::assemble(config, launch, dir, lock, control)?;
        if host.config.processes
            && let Err(fatal) = host.set_processes(None)
        {
            host.warn(format_args!("supervising all services in this process: {}", fatal.message()));
        }
        host.count_kills();
        host.remove_dangling_links().or_unable(|| "read the scan directory")?;
        host.listen();
        Ok(host)
    }

    /// Listens for oneshots.
    fn listen(&mut self) {
        match oneshot::listen() {
            Ok(socket) => {
                // If it can't be waited for, it is read once in a while.
                let _ = self.poller.add(Source::Oneshot, socket.as_fd());
                self.oneshot = Some(socket);
            }
            // Without the socket s6-rc still works, in the caller's environment.
            Err(e) => self.warn(format_args!("unable to listen for oneshots: {}", sys::strerror(e))),
        }
    }

    /// A host of the directory, without services.
    fn assemble(
        mut config: Config,
        mut launch: Launch,
        dir: OwnedFd,
        lock: OwnedFd,
        control: OwnedFd,
    ) -> Result<Self, Fatal> {
        launch.reports = config.reports;
        launch.board = std::mem::take(&mut config.board);
        let mut caught: Vec<_> = requests::SIGNALS.iter().map(|row| row.signal).collect();
        caught.extend_from_slice(&config.signals);
        let set = signal::Set::of(&caught);
        let signals = resume::persistently(|| SignalFd::new(&set).or_unable(|| "make a signal descriptor"))?;
        signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
        let mut poller = resume::persistently(|| Poller::new(launch.system).or_unable(|| "make a poller"))?;
        // What can't be waited for is read once in a while.
        let _ = poller.add(Source::Signals, signals.as_fd());
        let _ = poller.add(Source::ScanControl, control.as_fd());
        Ok(Self {
            config,
            pid: raw(rustix::process::getpid()),
            launch,
            dir,
            poller,
            sources: Vec::new(),
            roster: Roster::default(),
            pipes: NamedPipes::default(),
            processes: None,
            replaces: true,
            over: Set::new(),
            over_at: None,
            scan_at: Some(Moment::ZERO),
            stopping: false,
            control,
            lock,
            signals,
            oneshot: None,
            leave: None,
            faults: [None; FAULTS],
            gives_up: false,
            is_blind: false,
            troubled: Set::new(),
            finds_by_status: false,
            in_flight: None,
            child: None,
            reexec: false,
            scan_failed: None,
            shortage: None,
            has_unknown_commands: false,
            has_unreaped: false,
            kills: Kills::default(),
        })
    }

    /// Supervises until it is told to exit.
    ///
    /// This is the only loop, and [`Host::settle`] the only place where an event ends: what the event has changed is in the
    /// journal then.
    pub fn run(&mut self, policy: &mut dyn Policy) -> Leave {
        if self.leave.is_none() {
            self.complete_in_flight(policy);
        }
        if std::mem::take(&mut self.gives_up) && !policy.gave_up(self) {
            self.leave = Some(Leave::Faulted);
        }
        loop {
            if let Some(leave) = self.turn(policy) {
                return leave;
            }
        }
    }

    /// Serves what is due, waits for the next events and handles them; gives why the loop ends, if it does.
    fn turn(&mut self, policy: &mut dyn Policy) -> Option<Leave> {
        self.catch_up(policy);
        self.see_to_ends(policy);
        policy.settled(self);
        self.settle(policy);
        if self.stopping && self.roster.len() == 0 && !policy.outlives_services() {
            self.leave.get_or_insert(Leave::Stopped);
        }
        if self.leave.is_some() {
            return self.leave;
        }
        if std::mem::take(&mut self.reexec) {
            self.reexecute(policy);
        }
        let unreaped = std::mem::take(&mut self.has_unreaped);
        let timer = self.roster.next_timer().map(|(at, _)| at);
        let unreaped_at = unreaped.then_some(Moment::ZERO);
        let deadline = [timer, self.scan_at, self.over_at, self.kills_at(), policy.deadline(), unreaped_at];
        self.wait(deadline.into_iter().flatten().min(), policy);
        if unreaped {
            self.reap(policy);
        }
        None
    }

    /// Serves the deadlines that have passed.
    fn catch_up(&mut self, policy: &mut dyn Policy) {
        let now = self.launch.system.now();
        if self.scan_at.is_some_and(|at| at <= now) {
            self.scan();
        }
        self.is_short();
        self.see_to_kills(now);
        while let Some((at, number)) = self.roster.next_timer().filter(|(at, _)| *at <= now) {
            match self.roster.get_mut(number) {
                Some(slot) if slot.is_live() => self.feed(number, Event::Timeout),
                Some(_) => self.begin_again(number),
                None => {}
            }
            // In any case, the same deadline isn't served twice in a row.
            if self.roster.next_timer() == Some((at, number)) {
                break;
            }
        }
        if policy.deadline().is_some_and(|at| at <= now) {
            policy.timeout(self);
        }
    }

    fn wait(&mut self, deadline: Option<Moment>, policy: &mut dyn Policy) {
        let now = self.launch.system.now();
        // What can't be waited for is read once in a while.
        let look = self.poller.is_partial().then(|| now.saturating_add(LOOK_PAUSE));
        let until = [deadline, look].into_iter().flatten().min();
        let mut sources = std::mem::take(&mut self.sources);
        match self.poller.wait(until.map(|at| at.saturating_sub(now)), &mut sources) {
            Ok(()) => self.is_blind = false,
            Err(e) => {
                if !std::mem::replace(&mut self.is_blind, true) {
                    let text = format!("unable to wait for events: {}", sys::strerror(e));
                    self.warn(format_args!("{text}: looking for them each second"));
                }
                let pause = now.saturating_add(LOOK_PAUSE);
                let _ = tool::clock::poll_until(&mut [], Some(deadline.map_or(pause, |at| at.min(pause))));
                sources.extend(self.all_sources(policy));
            }
        }
        sources.extend(self.watch_missing(policy));
        for source in sources.drain(..) {
            self.read(source, policy);
        }
        self.sources = sources;
    }

    /// Reads what a source has and handles it.
    fn read(&mut self, source: Source, policy: &mut dyn Policy) {
        match source {
            Source::Oneshot => self.serve_oneshots(),
            Source::Supervisors => self.read_supervisors(),
            Source::Kills => self.kills_changed(),
            Source::Policy(key) if policy.input(key).is_none() => policy.readable(self, key),
            _ => return self.take_in(source, policy),
        }
        self.settle(policy);
    }

    fn serve_oneshots(&mut self) {
        let Some(socket) = &self.oneshot else { return };
        if let Err(e) = oneshot::serve(socket, &self.launch) {
            self.warn(format_args!("unable to serve a oneshot: {}", sys::strerror(e)));
        }
    }

    /// Serves a connection that a former host has accepted.
    fn serve(&self, connection: &OwnedFd) {
        if let Err(e) = oneshot::serve_one(connection.as_fd(), &self.launch) {
            self.warn(format_args!("unable to serve a oneshot: {}", sys::strerror(e)));
        }
    }

    /// Works on a service, and brings the tables and its record in the journal up to date.
    ///
    /// Every change of a service passes here: what is done without it is missing in the journal.
    fn with(&mut self, number: usize, work: impl FnOnce(&mut Service, &Launch)) {
        if let Some(service) = self.roster.get_mut(number).and_then(|s| s.service.as_mut()) {
            self.launch.journal.enter(number);
            work(service, &self.launch);
            self.sync(number);
            self.write_services();
        }
    }

    fn feed(&mut self, number: usize, event: Event) {
        self.with(number, |service, launch| service.feed(event, launch));
    }

    /// Brings the tables up to date with a service.
    fn sync(&mut self, number: usize) {
        let Some(slot) = self.roster.get_mut(number) else { return };
        let Some(service) = &slot.service else { return };
        if service.has_left() {
            let dir = slot.service.take().map(Service::into_dir);
            slot.notification = None;
            self.launch.journal.close(dir);
            return self.supervision_ended(number);
        }
        if service.is_over() {
            self.over.insert(number);
        }
        let notification = service.notification().map(|fd| fd.as_raw_fd());
        if notification != slot.notification {
            slot.notification = notification;
            if let Some(fd) = service.notification()
                && let Err(e) = self.poller.add(Source::Notification(number), fd)
            {
                self.warn(format_args!("unable to wait for readiness: {}", sys::strerror(e)));
            }
        }
        self.roster.index(number);
    }

    /// Removes a service whose supervision has ended, or sets the time to supervise it again.
    fn supervision_ended(&mut self, number: usize) {
        let Some(slot) = self.roster.get_mut(number) else { return };
        if self.stopping || !slot.active {
            self.roster.remove(number);
        } else {
            let pause = SUPERVISION_PAUSE.max(scan::back_off(slot.failures.saturating_sub(1)));
            slot.begin_at = Some(slot.begun.saturating_add(pause));
            self.roster.index(number);
        }
    }

    /// Ends the loop at once; services stay as they are.
    pub fn abort(&mut self) {
        self.leave = Some(Leave::Aborted);
    }

    /// Whether nothing is supervised any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roster.len() == 0
    }

    /// Makes a child of the policy's: `fork` does that, with the place where the kernel stores the child's process id.
    ///
    /// If a fault strikes before the policy's state is saved, the next host finds the child, and this gives it instead of
    /// another one, as long as it is there.
    ///
    /// # Errors
    /// Those of `fork`.
    pub fn start_child(
        &mut self,
        kind: u8,
        fork: impl FnOnce(Option<&AtomicU32>) -> Result<Fork, Errno>,
    ) -> Result<Fork, Errno> {
        if let Some((_, pid)) = self.child.take_if(|(found, _)| *found == kind)
            && self.launch.system.is_child(pid)
        {
            return Ok(Fork::Parent(pid));
        }
        self.launch.journal.starting_child(kind);
        self.launch.journal.with_note(fork)
    }

    /// The child of this kind that a former host started without noting it; nobody else gets it.
    pub fn take_child(&mut self, kind: u8) -> Option<Pid> {
        let (_, pid) = self.child.take_if(|(found, _)| *found == kind)?;
        Some(pid).filter(|pid| self.launch.system.is_child(*pid))
    }

    /// The processes of the services: those in this process's supervision, and the supervisors of the others.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let pids = self.roster.iter().filter_map(|slot| slot.pid);
        pids.filter_map(|pid| Pid::from_raw(pid.cast_signed())).collect()
    }

    /// Writes the policy's state into the journal now, before what can't be repeated.
    pub fn save(&mut self, policy: &dyn Policy) {
        self.write_journal(policy);
    }

    /// Closes a descriptor of the policy when the journal doesn't name it any more.
    pub fn close(&self, fd: Option<OwnedFd>) {
        self.launch.journal.close(fd);
    }

    /// The console holder.
    #[must_use]
    pub fn console(&self) -> Option<Rc<OwnedFd>> {
        self.config.console.clone()
    }

    /// Whether [`Host::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Waits for a descriptor, too: [`Policy::readable`] is called with `key` while it is readable.
    ///
    /// # Errors
    /// The descriptor cannot be waited for.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, key: u32) -> Result<(), Errno> {
        self.poller.add(Source::Policy(key), fd)
    }

    /// Stops waiting for a descriptor.  One that is closed needs no call.
    ///
    /// # Errors
    /// The descriptor wasn't waited for.
    pub fn unwatch(&mut self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        self.poller.remove(fd)
    }

    /// Sends the output of services that would go to the host's own to this relay, or without one to the host's own again.
    pub fn set_relay(&mut self, relay: Option<Rc<Relay>>) {
        self.launch.relay = relay;
    }

    /// What children begin with, for a policy that starts them itself.
    #[must_use]
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// Changes what everybody may know of the container.
    pub fn show(&self, change: impl FnOnce(&mut Header)) {
        self.launch.board.show_container(self.launch.system, change);
    }

    /// Adds an event of now to the record.
    pub fn record(&self, event: record::Event) {
        let shared = self.processes.as_ref().and_then(|processes| processes.slots.events());
        self.launch.record(shared, &[record::Event { at: self.launch.system.now(), ..event }]);
    }

    /// Prints a warning.
    fn warn(&self, text: impl Display) {
        self.launch.system.warn(self.config.name, &text);
    }
}

#[cfg(test)]
mod tests;
