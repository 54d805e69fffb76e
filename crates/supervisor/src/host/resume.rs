//! Re-execution: how a host keeps its journal, and how the next one in the same process continues from it.
//!
//! A command and a fault go the same way: the journal is always current, the process is replaced by its own program, and
//! the program finds the journal, its children, and every descriptor that the journal names.  After a command there is no
//! in-flight event; after a fault, the in-flight event is completed, a process that was being started is found by its
//! directory, and the directory is scanned.
//!
//! An event over which a host faults twice is skipped.  After five faults within a minute the host gives up.

use super::config::Config;
use super::pipes::Pipe;
use super::policy::Policy;
use super::poller::Source;
use super::processes::Processes;
use super::roster::{Pair, Roster, Slot};
use super::{Host, Leave, open_scandir};
use crate::journal::{self, Journal, record_place};
use crate::launch::Launch;
use crate::service::Service;
use crate::service::machine::Event;
use crate::slot::Slots;
use crate::system::raw;
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;
use sys::process::Ended;
use tool::{Env, Fatal, OrUnable};
use wire::control::Command;
use wire::host_journal::{FAULT, HEADER, Header, IN_FLIGHT, InFlight, MAGIC, RECORDS, Record, Supervised};

/// The variable that holds the number of the journal's descriptor.
const VARIABLE: &[u8] = b"S6_HOST_MEMO";

/// [`wire::host_journal::FAULTS`] faults within this time are too many.
const FAULT_SPAN: Duration = Duration::from_mins(1);

/// The command line and the environment of the re-executed program.
#[derive(Debug, Clone)]
pub struct Reexec {
    /// Its name and arguments.
    pub argv: Vec<Vec<u8>>,
    /// The environment that this process began with.
    pub env: Vec<Vec<u8>>,
}

/// Takes the descriptor of the journal that a former host of this process has left out of the environment.
pub fn take_journal(env: &mut Env) -> Option<RawFd> {
    let number = env.get(VARIABLE).and_then(wire::number::decimal);
    env.unset(VARIABLE);
    number
}

/// The state that the policy of a former host has left.
#[derive(Debug)]
pub struct PolicyState {
    /// The bytes from [`Policy::save`].
    pub bytes: Vec<u8>,
    /// The descriptors from [`Policy::descriptors`].
    pub fds: Vec<OwnedFd>,
}

/// The descriptors of the former host; each is taken once, or shared.
#[derive(Default)]
pub(super) struct Inherited {
    taken: BTreeSet<RawFd>,
    shared: HashMap<RawFd, Rc<OwnedFd>>,
    pipes: HashMap<RawFd, Rc<Pipe>>,
}

impl Inherited {
    pub(super) fn take(&mut self, fd: Option<RawFd>) -> Result<OwnedFd, Errno> {
        let fd = fd.filter(|fd| *fd > 2 && !self.taken.contains(fd)).ok_or(Errno::BADF)?;
        let owned = sys::fd::adopt(fd)?;
        self.taken.insert(fd);
        Ok(owned)
    }

    fn maybe(&mut self, fd: Option<RawFd>) -> Result<Option<OwnedFd>, Errno> {
        fd.map(|fd| self.take(Some(fd))).transpose()
    }

    fn share(&mut self, fd: Option<RawFd>) -> Result<Option<Rc<OwnedFd>>, Errno> {
        let Some(fd) = fd else { return Ok(None) };
        if let Some(shared) = self.shared.get(&fd) {
            return Ok(Some(Rc::clone(shared)));
        }
        let shared = Rc::new(self.take(Some(fd))?);
        self.shared.insert(fd, Rc::clone(&shared));
        Ok(Some(shared))
    }

    fn pipe(&mut self, read: Option<RawFd>, write: Option<RawFd>) -> Result<Option<Rc<Pipe>>, Errno> {
        let (Some(number), Some(_)) = (read, write) else { return Ok(None) };
        if let Some(pipe) = self.pipes.get(&number) {
            return Ok(Some(Rc::clone(pipe)));
        }
        let (Some(read), Some(write)) = (self.share(read)?, self.share(write)?) else { return Ok(None) };
        let pipe = Rc::new(Pipe { read, write });
        self.pipes.insert(number, Rc::clone(&pipe));
        Ok(Some(pipe))
    }

    /// Closes the former host's descriptors that weren't taken.
    fn close_others(&self) {
        let kept: Vec<RawFd> = self.taken.iter().copied().collect();
        sys::fd::close_from_except(3, &kept);
    }
}

fn record(slot: &Slot) -> Record {
    let raw = |fd: &Rc<OwnedFd>| fd.as_raw_fd();
    let ends = |pipe: &Option<Rc<Pipe>>| {
        let pipe = pipe.as_ref();
        (pipe.map(|p| raw(&p.read)), pipe.map(|p| raw(&p.write)))
    };
    let ((a, b), (c, d)) = (ends(&slot.named_input), ends(&slot.named_output));
    Record {
        name: slot.name.clone(),
        identity: slot.identity,
        active: slot.active,
        pair: match slot.pair {
            Pair::None => (0, 0),
            Pair::Producer(n) => (1, journal::number(n)),
            Pair::Logger(n) => (2, journal::number(n)),
            Pair::Widowed => (3, 0),
        },
        log_pipe: slot.log_pipe.as_ref().map(raw),
        named: [a, b, c, d],
        supervisor: slot.supervisor.unwrap_or(0),
        dir: slot.dir.as_ref().map(AsRawFd::as_raw_fd),
        kept: slot.kept.as_ref().map_or((0, None), |(start, fd)| (*start, Some(fd.as_raw_fd()))),
        begun: Some(slot.begun),
        begin_at: slot.begin_at,
        failures: slot.failures,
        service: slot.service.as_ref().and_then(Service::save),
    }
}

/// The slot of a record, and its service's part, which needs the slot's descriptors.
fn slot(record: Record, inherited: &mut Inherited) -> Result<(Slot, Option<Supervised>), Errno> {
    let mut slot = Slot::new(&record.name, record.identity, record.begun.unwrap_or_default());
    slot.active = record.active;
    let partner = usize::try_from(record.pair.1).map_err(|_| Errno::INVAL)?;
    slot.pair = match record.pair.0 {
        1 => Pair::Producer(partner),
        2 => Pair::Logger(partner),
        3 => Pair::Widowed,
        _ => Pair::None,
    };
    slot.log_pipe = inherited.share(record.log_pipe)?;
    let [a, b, c, d] = record.named;
    slot.named_input = inherited.pipe(a, b)?;
    slot.named_output = inherited.pipe(c, d)?;
    slot.supervisor = Some(record.supervisor).filter(|pid| *pid != 0);
    slot.dir = inherited.maybe(record.dir)?;
    slot.kept = inherited.maybe(record.kept.1)?.map(|fd| (record.kept.0, fd));
    slot.begin_at = record.begin_at;
    slot.failures = record.failures;
    Ok((slot, record.service))
}

/// All that a former host of this process has left.
pub(super) struct Predecessor {
    journal: Journal,
    header: Header,
    /// The signal of the fault that ended it, 0 if it ended in order.
    fault: u8,
    in_flight: InFlight,
    /// The notification pipe of a start in flight.
    notification: Option<OwnedFd>,
    roster: Roster,
    control: OwnedFd,
    lock: OwnedFd,
    oneshot: Option<OwnedFd>,
    console: Option<Rc<OwnedFd>>,
    processes: Option<Processes>,
    policy: PolicyState,
}

impl Predecessor {
    /// Reads the journal and takes the descriptors that it names.
    pub(super) fn read(journal: Journal, inherited: &mut Inherited) -> Result<Self, Fatal> {
        let damaged = || Fatal::new(111, "the journal of the former host is damaged".to_owned());
        let read = |at, room| journal.read(at, room).or_unable(|| "read the journal of the former host");
        let head = read(0, usize::try_from(HEADER.0).unwrap_or_default())?;
        let mut header = Header::unpack(&read(HEADER.0, HEADER.1)?).ok_or_else(damaged)?;
        if !head.starts_with(&MAGIC) || header.pid != raw(rustix::process::getpid()) {
            return Err(damaged());
        }
        let fault = usize::try_from(FAULT).ok().and_then(|at| head.get(at)).copied().unwrap_or(0);
        let in_flight = usize::try_from(IN_FLIGHT.0).ok().and_then(|at| InFlight::unpack(head.get(at..)?));
        let in_flight = in_flight.ok_or_else(damaged)?;
        let mut slots = Vec::new();
        for n in 0..usize::try_from(header.slots).unwrap_or_default() {
            let record = Record::unpack(&read(record_place(n), RECORDS.1)?).ok_or_else(damaged)?;
            let slot = record.map(|r| slot(r, inherited)).transpose();
            slots.push(slot.or_unable(|| "take a service over")?);
        }
        let missing = || "take the descriptors of the former host";
        let console = inherited.share(header.console).or_unable(missing)?;
        let control = inherited.take(header.control).or_unable(missing)?;
        let lock = inherited.take(header.lock).or_unable(missing)?;
        let oneshot = inherited.maybe(header.oneshot).or_unable(missing)?;
        let [shared, ours, theirs] = header.supervisors;
        let processes = match (inherited.maybe(shared), inherited.maybe(ours), inherited.maybe(theirs)) {
            (Ok(Some(shared)), Ok(Some(ours)), Ok(Some(theirs))) => {
                let slots = Slots::open(shared).or_unable(|| "map the memory of supervisors")?;
                Some(Processes { slots, ours, theirs })
            }
            (Ok(None), Ok(None), Ok(None)) => None,
            _ => return Err(Fatal::unable(missing(), Errno::BADF)),
        };
        let notification = inherited.maybe(in_flight.notification).or_unable(missing)?;
        let fds = header.policy_fds.iter().map(|fd| inherited.take(Some(*fd)));
        let fds = fds.collect::<Result<Vec<_>, _>>().or_unable(missing)?;
        let roster = restore(slots, inherited, console.as_ref())?;
        let policy = PolicyState { bytes: std::mem::take(&mut header.policy), fds };
        Ok(Self {
            journal,
            header,
            fault,
            in_flight,
            notification,
            roster,
            control,
            lock,
            oneshot,
            console,
            processes,
            policy,
        })
    }
}

/// The services of the former host.
fn restore(
    slots: Vec<Option<(Slot, Option<Supervised>)>>,
    inherited: &mut Inherited,
    console: Option<&Rc<OwnedFd>>,
) -> Result<Roster, Fatal> {
    let mut roster = Roster::default();
    for (n, found) in slots.into_iter().enumerate() {
        let Some((mut slot, service)) = found else {
            roster.put(n, None);
            continue;
        };
        if let Some(service) = service {
            let fds = (|| {
                let notification = inherited.maybe(service.notification)?;
                let mut take = |fd| inherited.take(fd);
                Ok((take(service.dir)?, take(service.control)?, take(service.lock)?, notification))
            })();
            let fds = fds.map_err(|e: Errno| Fatal::unable("take a service over", e))?;
            let stdio = super::scan::stdio(&slot, console);
            slot.service = Some(Service::resume(&service, fds, &slot.name, stdio));
        }
        roster.put(n, Some(slot));
    }
    Ok(roster)
}

impl Host {
    /// Writes the services that have changed into the journal, which ends the handling of an event.
    pub(super) fn write_services(&mut self) {
        let touched = self.roster.take_touched();
        let journal = &self.launch.journal;
        if journal.as_raw().is_none() {
            return;
        }
        for n in touched {
            journal.write_record(n, self.roster.get(n).map(record).as_ref());
        }
        journal.done();
    }

    /// Writes all that has changed into the journal.
    pub(super) fn write_journal(&mut self, policy: &dyn Policy) {
        if self.launch.journal.as_raw().is_some() {
            let limits = self.launch.open_files;
            self.launch.journal.write_header(&Header {
                pid: raw(rustix::process::getpid()),
                slots: journal::number(self.roster.slot_count()),
                control: Some(self.control.as_raw_fd()),
                lock: Some(self.lock.as_raw_fd()),
                oneshot: self.oneshot.as_ref().map(AsRawFd::as_raw_fd),
                console: self.config.console.as_ref().map(|c| c.as_raw_fd()),
                supervisors: self.processes.as_ref().map_or([None; 3], |p| {
                    [p.slots.as_raw_fd(), p.ours.as_raw_fd(), p.theirs.as_raw_fd()].map(Some)
                }),
                stopping: self.is_stopping(),
                open_files: (limits.current, limits.maximum),
                scan_at: self.scan_at,
                faults: self.faults,
                policy_fds: policy.descriptors().iter().map(AsRawFd::as_raw_fd).collect(),
                policy: policy.save(),
            });
        }
        self.write_services();
    }

    /// From now on, a command and a fault make this process re-execute its own program; see [`Host::resume`].
    ///
    /// # Errors
    /// There is no memory for the journal, or the process can't be prepared.
    pub fn allow_reexec(&mut self, what: &Reexec, policy: &dyn Policy) -> Result<(), Errno> {
        let number = self.keep_journal(policy)?;
        let name = what.argv.first().and_then(|a| a.rsplit(|b| *b == b'/').next()).unwrap_or_default();
        let file = Launch::own_file(&String::from_utf8_lossy(name));
        let mut env = Env::from_vars(what.env.clone());
        env.set(VARIABLE, number.to_string().as_bytes());
        if self.leave.is_none() {
            sys::fault::arm(&file, &what.argv, env.vars(), number, FAULT)?;
        }
        Ok(())
    }

    /// Keeps a journal from now on; gives the number of its descriptor.
    pub(super) fn keep_journal(&mut self, policy: &dyn Policy) -> Result<RawFd, Errno> {
        let number = match self.launch.journal.as_raw() {
            Some(number) => number,
            None => {
                self.launch.journal = Journal::create()?;
                self.launch.journal.as_raw().ok_or(Errno::NOMEM)?
            }
        };
        self.write_journal(policy);
        Ok(number)
    }

    /// Re-executes the process's own program; returns only if that fails.
    pub(super) fn reexecute(&mut self, policy: &dyn Policy) {
        self.write_journal(policy);
        let e = sys::fault::reexecute();
        self.warn(&format!("unable to re-execute the own program: {}", sys::strerror(e)));
    }

    /// Continues as the host that a former host of this process was; `journal` is what [`take_journal`] gave.
    ///
    /// # Errors
    /// Code 111: the journal isn't one of this process and version, or a descriptor that it names is missing.
    pub fn resume(journal: RawFd, config: Config) -> Result<(Self, PolicyState), Fatal> {
        let mut inherited = Inherited::default();
        let journal = inherited.take(Some(journal)).or_unable(|| "find the journal of the former host")?;
        let predecessor = Predecessor::read(Journal::open(journal), &mut inherited)?;
        inherited.close_others();
        let mut launch = Launch::new(&config.env)?;
        launch.take_window();
        Self::succeed(predecessor, config, launch, open_scandir()?)
    }

    /// Takes the place of the former host.
    pub(super) fn succeed(
        predecessor: Predecessor,
        mut config: Config,
        mut launch: Launch,
        dir: OwnedFd,
    ) -> Result<(Self, PolicyState), Fatal> {
        let Predecessor { header, fault, control, lock, .. } = predecessor;
        config.console = predecessor.console;
        launch.open_files = Rlimit { current: header.open_files.0, maximum: header.open_files.1 };
        launch.journal = predecessor.journal;
        let mut host = Self::assemble(config, launch, dir, lock, control)?;
        host.roster = predecessor.roster;
        host.stopping = header.stopping;
        host.scan_at = header.scan_at;
        host.oneshot = predecessor.oneshot;
        if let Some(socket) = &host.oneshot {
            host.poller.add(Source::Oneshot, socket.as_fd()).or_unable(|| "wait for oneshots")?;
        }
        if predecessor.processes.is_some() {
            host.set_processes(predecessor.processes)?;
        }
        host.faults = header.faults;
        if fault != 0 {
            host.note_fault(fault);
        }
        host.watch_services()?;
        host.in_flight = Some((predecessor.in_flight, predecessor.notification));
        Ok((host, predecessor.policy))
    }

    fn note_fault(&mut self, fault: u8) {
        let now = self.launch.system.now();
        let reason = sys::signal::name(fault.into()).unwrap_or_else(|| fault.to_string());
        self.faults.rotate_right(1);
        if let Some(latest) = self.faults.first_mut() {
            *latest = Some(now);
        }
        self.launch.journal.clear_fault();
        if self.faults.iter().all(|at| at.is_some_and(|at| now.saturating_sub(at) < FAULT_SPAN)) {
            let count = self.faults.len();
            self.warn(&format!("faulted ({reason}) {count} times within a minute: giving up"));
            self.leave = Some(Leave::Failed(Errno::NOTRECOVERABLE));
        } else {
            self.warn(&format!("faulted ({reason}); the services are found again and go on"));
            // What the fault interrupted may have been a scan.
            self.scan_at = Some(Duration::ZERO);
        }
    }

    fn watch_services(&mut self) -> Result<(), Fatal> {
        for n in 0..self.roster.slot_count() {
            let Some(slot) = self.roster.get_mut(n) else { continue };
            for (file, pipe) in
                [("pipe-in", slot.named_input.as_ref()), ("pipe-out", slot.named_output.as_ref())]
            {
                if let Some((pipe, service)) = pipe.zip(slot.service.as_ref())
                    && let Some(name) = service.dir().pipe_name(file)
                {
                    self.pipes.put(&name, pipe);
                }
            }
            let control = slot.service.as_ref().and_then(Service::control);
            let watched = control.map(|fd| self.poller.add(Source::Control(n), fd));
            watched.transpose().or_unable(|| "wait for commands")?;
            self.roster.index(n);
            self.sync(n);
        }
        Ok(())
    }

    /// Completes what the former host was doing: the first thing that a re-executed host does.
    pub(super) fn complete_in_flight(&mut self, policy: &mut dyn Policy) {
        let Some((event, notification)) = self.in_flight.take() else { return };
        if self.launch.journal.as_raw().is_none() {
            return;
        }
        self.find_supervisors();
        // A start that the journal announces may have happened.
        let starting = event.starting.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        let started = starting.and_then(|n| Some((n, self.find_stray(n)?)));
        self.launch.journal.repeat(event);
        if let Some((n, pid)) = started {
            self.launch.journal.offer((pid, notification));
            if self.roster.get(n).is_some_and(|slot| !slot.is_live()) {
                self.begin_again(n);
            }
        }
        self.complete(event, policy);
        if let (Some((n, _)), Some((pid, notification))) = (started, self.launch.journal.adopt()) {
            self.with(n, |service, launch| service.adopt(pid, notification, launch));
        }
        self.find_lost();
        self.write_journal(policy);
        // The former host may have read the signal that announced these.
        self.reap(policy);
    }

    /// Handles the in-flight event, unless a host has faulted over it twice.
    fn complete(&mut self, event: InFlight, policy: &mut dyn Policy) {
        let about = usize::try_from(event.about).unwrap_or(usize::MAX);
        match event.kind {
            InFlight::ENDED => {
                let how = Ended::from_wstat(event.detail);
                if let Some(pid) = Pid::from_raw(event.about.cast_signed()) {
                    // It may not have been reaped yet.
                    self.reap_one(pid, how, policy);
                }
            }
            InFlight::LETTER if !event.is_repeated => {
                let command = u8::try_from(event.detail).ok().and_then(Command::from_letter);
                command.into_iter().for_each(|command| self.feed(about, Event::Command(command)));
            }
            InFlight::READY if !event.is_repeated => self.feed(about, Event::Ready),
            _ => {}
        }
    }

    /// The process of a service that the former host started and couldn't note.
    fn find_stray(&self, number: usize) -> Option<Pid> {
        let identity = self.roster.get(number)?.identity;
        self.launch.system.find_child(identity, &|pid| self.roster.of_pid(raw(pid)).is_some())
    }

    /// Handles the ends of processes that the journal has and that are no children any more.
    fn find_lost(&mut self) {
        for n in 0..self.roster.slot_count() {
            if self.roster.get(n).is_some_and(|s| !s.is_held() && s.begin_at.is_none()) {
                // Its supervision was about to begin.
                self.supervision_ended(n);
            }
            let pid =
                self.roster.get(n).and_then(|slot| slot.pid).and_then(|pid| Pid::from_raw(pid.cast_signed()));
            let Some(pid) = pid.filter(|pid| !self.launch.system.is_child(*pid)) else { continue };
            self.warn(&format!("process {pid} has ended, nobody knows how"));
            self.child_ended(n, Ended::Killed(9));
        }
    }
}
