//! Re-execution: how a host keeps its journal, and how the next one in the same process continues from it.
//!
//! A command and a fault go the same way: the journal is always current, the process is replaced by its own program, and
//! the program finds the journal, its children, and every descriptor that the journal names.  After a command there is no
//! in-flight event; after a fault, the in-flight event is handled from the state before it, with the process that it may
//! have started, then what was read and not handled, and the directory is scanned.
//!
//! An event over which hosts fault three times is skipped.  After five faults within a minute the host gives up.
//!
//! A descriptor that the journal names and that isn't what it should be costs what it is for: the pipe is made again, the
//! lock is taken again.  A damaged record costs the record: the scan finds the directory, and the service's process by its
//! status.  Only a damaged header ends the process.

use super::config::Config;
use super::pipes::Pipe;
use super::policy::Policy;
use super::poller::Source;
use super::processes::Processes;
use super::reaping::Fate;
use super::roster::{Pair, Roster, Slot};
use super::{Host, open_scandir, take_scandir};
use crate::board::Board;
use crate::journal::{self, Journal, record_place};
use crate::launch::Launch;
use crate::memory::Cause;
use crate::service::Service;
use crate::service::hold::{self, Hold};
use crate::service::service_dir::pipe_name;
use crate::slot::Slots;
use crate::system::{Effect, Identity, Linux, System, raw};
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use tool::sorted::{Map, Set};
use tool::{Env, Fatal, OrUnable};
use wire::host_journal::{
    FAULT, FAULT_ADDRESS, HEADER, Header, IN_FLIGHT, InFlight, MAGIC, RECORDS, Record, Supervised,
};
use wire::record::{Event, Kind};

/// The variable that holds the number of the journal's descriptor.
const VARIABLE: &[u8] = b"S6_HOST_MEMO";

/// Why a journal is refused.
const DAMAGED: &str = "the journal of the former host is damaged";

/// [`wire::host_journal::FAULTS`] faults within this time are too many.
const FAULT_SPAN: Duration = Duration::from_mins(1);

/// The first and the last pause of what a re-executed host tries again.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(2);

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
    /// The descriptors from [`Policy::descriptors`], `None` for one that isn't open.
    pub fds: Vec<Option<OwnedFd>>,
}

/// The descriptors of the former host; each is taken once, or shared.
pub(super) struct Inherited {
    system: &'static dyn System,
    taken: Set<RawFd>,
    shared: Map<RawFd, Rc<OwnedFd>>,
    pipes: Map<RawFd, Rc<Pipe>>,
}

impl Inherited {
    /// None of them is taken.
    pub(super) fn new(system: &'static dyn System) -> Self {
        Self { system, taken: Set::new(), shared: Map::new(), pipes: Map::new() }
    }

    /// What a descriptor is; `None` if it is closed.  An error means that it can't be told, and is believed to be right.
    fn look(&self, fd: RawFd) -> Option<Result<Stat, Errno>> {
        match self.system.before(Effect::Look).and_then(|()| sys::fd::with(fd, |fd| sys::fs::fstat(fd))) {
            Err(Errno::BADF) => None,
            found => Some(found),
        }
    }

    /// The descriptor with this number, if it is one of the former host's and not taken.
    pub(super) fn take(&mut self, fd: Option<RawFd>) -> Option<OwnedFd> {
        let fd = fd.filter(|fd| *fd > 2 && !self.taken.contains(fd))?;
        let owned = sys::fd::adopt(fd).ok()?;
        self.taken.insert(fd);
        Some(owned)
    }

    /// The same, if it is a file of this kind.
    fn take_kind(&mut self, fd: Option<RawFd>, kind: FileType) -> Option<OwnedFd> {
        let found = self.look(fd.filter(|fd| !self.taken.contains(fd))?)?;
        found
            .map_or(true, |found| FileType::from_raw_mode(found.st_mode) == kind)
            .then(|| self.take(fd))
            .flatten()
    }

    /// The same, if it is the file that this name in a directory leads to.
    fn take_file(&mut self, fd: Option<RawFd>, dir: BorrowedFd<'_>, name: &str) -> Option<OwnedFd> {
        let found = self.look(fd?)?;
        let is_it = match (found, sys::fs::statat(dir, name, AtFlags::empty())) {
            (Ok(found), Ok(there)) => identity(&found) == identity(&there),
            (_, Err(Errno::NOENT)) => false,
            _ => true,
        };
        is_it.then(|| self.take(fd)).flatten()
    }

    /// The same, if it is this directory.
    fn take_dir(&mut self, fd: Option<RawFd>, expected: Identity) -> Option<OwnedFd> {
        let found = self.look(fd?)?;
        found.map_or(true, |found| identity(&found) == expected).then(|| self.take(fd)).flatten()
    }

    fn share(&mut self, fd: Option<RawFd>) -> Option<Rc<OwnedFd>> {
        let number = fd?;
        if let Some(shared) = self.shared.get(&number) {
            return Some(Rc::clone(shared));
        }
        let shared = Rc::new(self.take_kind(fd, FileType::Fifo)?);
        self.shared.set(number, Rc::clone(&shared));
        Some(shared)
    }

    fn pipe(&mut self, read: Option<RawFd>, write: Option<RawFd>) -> Option<Rc<Pipe>> {
        let number = read?;
        if let Some(pipe) = self.pipes.get(&number) {
            return Some(Rc::clone(pipe));
        }
        let pipe = Rc::new(Pipe { read: self.share(read)?, write: self.share(write)? });
        self.pipes.set(number, Rc::clone(&pipe));
        Some(pipe)
    }

    /// Descriptors that are none of the former host's.
    pub(super) fn keep_also(&mut self, numbers: impl IntoIterator<Item = RawFd>) {
        self.taken.extend(numbers);
    }

    /// Closes the former host's descriptors that weren't taken; gives connections that it had accepted.
    pub(super) fn close_others(&mut self) -> Vec<OwnedFd> {
        let numbers = sys::fd::open_numbers().unwrap_or_default();
        let is_connection = |fd: &RawFd| {
            *fd > 2 && sys::fd::with(*fd, |fd| Ok(super::oneshot::is_connection(fd))).unwrap_or(false)
        };
        let found: Vec<RawFd> =
            numbers.into_iter().filter(|fd| !self.taken.contains(fd)).filter(is_connection).collect();
        let connections = found.into_iter().filter_map(|fd| self.take(Some(fd))).collect();
        let kept: Vec<RawFd> = self.taken.keys().copied().collect();
        sys::fd::close_from_except(3, &kept);
        connections
    }
}

fn identity(found: &Stat) -> Identity {
    (found.st_dev, found.st_ino)
}

fn record(slot: &Slot) -> Record<'_> {
    let raw = |fd: &Rc<OwnedFd>| fd.as_raw_fd();
    let ends = |pipe: &Option<Rc<Pipe>>| {
        let pipe = pipe.as_ref();
        (pipe.map(|p| raw(&p.read)), pipe.map(|p| raw(&p.write)))
    };
    let ((a, b), (c, d)) = (ends(&slot.named_input), ends(&slot.named_output));
    Record {
        name: slot.name.as_slice().into(),
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
        control: slot.control.as_ref().map(AsRawFd::as_raw_fd),
        begun: Some(slot.begun),
        begin_at: slot.begin_at,
        failures: slot.failures,
        service: slot.service.as_ref().and_then(Service::save),
    }
}

/// The slot of a record, and its service's part, which needs the slot's descriptors.
fn slot(record: Record<'_>, inherited: &mut Inherited) -> (Slot, Option<Supervised>) {
    let mut slot = Slot::new(&record.name, record.identity, record.begun.unwrap_or_default());
    slot.active = record.active;
    slot.log_pipe = inherited.share(record.log_pipe);
    let partner = usize::try_from(record.pair.1).unwrap_or(usize::MAX);
    slot.pair = match record.pair.0 {
        // Without its pipe, the next scan makes a pair of the two again.
        1 | 2 if slot.log_pipe.is_none() && record.log_pipe.is_some() => Pair::None,
        1 => Pair::Producer(partner),
        2 => Pair::Logger(partner),
        3 => Pair::Widowed,
        _ => Pair::None,
    };
    let [a, b, c, d] = record.named;
    slot.named_input = inherited.pipe(a, b);
    slot.named_output = inherited.pipe(c, d);
    slot.supervisor = Some(record.supervisor).filter(|pid| *pid != 0);
    slot.dir = inherited.take_dir(record.dir, record.identity);
    let kept = inherited.take_kind(record.kept.1, FileType::Fifo);
    slot.kept = kept.map(|fd| (record.kept.0, fd));
    slot.control = inherited.take_kind(record.control, FileType::Fifo);
    slot.begin_at = record.begin_at;
    slot.failures = record.failures;
    (slot, record.service)
}

/// Does what a host can't do without again and again for a while, if it fails: a re-executed host has nowhere else to go.
pub(super) fn persistently<T>(mut work: impl FnMut() -> Result<T, Fatal>) -> Result<T, Fatal> {
    let mut pause = FIRST_PAUSE;
    loop {
        match work() {
            Err(_) if pause <= LAST_PAUSE => {
                let until = tool::clock::now().saturating_add(pause);
                let _ = tool::clock::poll_until(&mut [], Some(until));
                pause = pause.saturating_mul(2);
            }
            done => return done,
        }
    }
}

/// What a former host has begun and not ended.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) event: InFlight,
    /// The notification pipe of a start in flight, or the connection that is being served.
    fd: Option<OwnedFd>,
    /// Connections that it had accepted, no more.
    connections: Vec<OwnedFd>,
}

/// The journal of a former host of this process.
pub(super) struct Head {
    journal: Journal,
    header: Header,
    /// The signal of the fault that ended it, 0 if it ended in order, and its address, 0 for none.
    fault: (u8, u64),
}

/// Whether so many hosts have faulted within a minute that the next one gives up.
fn are_too_many(faults: &[Option<Moment>], now: Moment) -> bool {
    faults.iter().all(|at| at.is_some_and(|at| now.saturating_sub(at) < FAULT_SPAN))
}

impl Head {
    /// Reads what is about the host itself, and counts the fault that ended it: a host that faults over what follows counts,
    /// too.
    pub(super) fn read(journal: Journal, now: Moment) -> Result<Self, Fatal> {
        let damaged = || Fatal::new(111, DAMAGED.to_owned());
        let read = |at, room| journal.read(at, room).or_unable(|| "read the journal of the former host");
        let start = read(0, MAGIC.len())?;
        let mut header = Header::unpack(&read(HEADER.0, HEADER.1)?).ok_or_else(damaged)?;
        if start != MAGIC || header.pid != raw(rustix::process::getpid()) {
            return Err(damaged());
        }
        let fault = read(FAULT.into(), 1)?.first().copied().unwrap_or(0);
        let address = read(FAULT_ADDRESS.into(), size_of::<u64>())?;
        if fault != 0 {
            header.faults.rotate_right(1);
            if let Some(latest) = header.faults.first_mut() {
                *latest = Some(now);
            }
            journal.write_header(&header);
            journal.clear_fault();
        }
        let address = address.try_into().map(u64::from_ne_bytes).unwrap_or_default();
        Ok(Self { journal, header, fault: (fault, address) })
    }
}

/// All that a former host of this process has left.
pub(super) struct Predecessor {
    head: Head,
    left: Left,
    services: Services,
    control: Option<OwnedFd>,
    lock: Option<OwnedFd>,
    oneshot: Option<OwnedFd>,
    processes: Option<Processes>,
    board: Board,
    policy: PolicyState,
}

impl Predecessor {
    /// Reads the journal and takes the descriptors that it names; `dir` is the scan directory.
    pub(super) fn read(
        mut head: Head,
        inherited: &mut Inherited,
        dir: BorrowedFd<'_>,
    ) -> Result<Self, Fatal> {
        let damaged = || Fatal::new(111, DAMAGED.to_owned());
        let Head { journal, header, .. } = &mut head;
        let in_flight = journal.read(IN_FLIGHT.0, IN_FLIGHT.1);
        let in_flight = in_flight.or_unable(|| "read the journal of the former host")?;
        // An event that can't be read is lost; the services aren't.
        let in_flight = InFlight::unpack(&in_flight).unwrap_or_default();
        let services = Services::read(journal, header, inherited, dir)?.ok_or_else(damaged)?;
        let control = inherited.take_file(header.control, dir, ".s6-svscan/control");
        let lock = inherited.take_file(header.lock, dir, ".s6-svscan/lock");
        let oneshot = inherited.take_kind(header.oneshot, FileType::Socket);
        let processes = match header.supervisors.map(|fd| inherited.take(fd)) {
            [Some(shared), Some(ours), Some(theirs)] => {
                let map = || Slots::map(shared.as_fd()).or_unable(|| "map the memory of supervisors");
                let slots = Slots::new(persistently(map)?, shared);
                Some(Processes { slots, ours, theirs })
            }
            _ if header.supervisors == [None; 3] => None,
            _ => return Err(damaged()),
        };
        let [board, record] = header.board.map(|fd| inherited.take_kind(fd, FileType::RegularFile));
        let board = Board::resume(board, record);
        let kind = if in_flight.kind == InFlight::SERVED { FileType::Socket } else { FileType::Fifo };
        let fd = inherited.take_kind(in_flight.notification, kind);
        let left = Left { event: in_flight, fd, connections: Vec::new() };
        let fds = header.policy_fds.iter().map(|fd| inherited.take(Some(*fd))).collect();
        let policy = PolicyState { bytes: std::mem::take(&mut header.policy), fds };
        Ok(Self { head, left, services, control, lock, oneshot, processes, board, policy })
    }
}

/// The services of a former host.
struct Services {
    roster: Roster,
    /// Numbers of damaged records.
    damaged: Vec<usize>,
    /// Whether the roster has all services with their state.
    is_whole: bool,
    /// The console holder, which their descriptors depend on.
    console: Option<Rc<OwnedFd>>,
}

impl Services {
    /// Reads the records; `None` if there are fewer than the header says.
    fn read(
        journal: &Journal,
        header: &Header,
        inherited: &mut Inherited,
        dir: BorrowedFd<'_>,
    ) -> Result<Option<Self>, Fatal> {
        let (mut roster, mut damaged, mut services) = (Roster::default(), Vec::new(), Vec::new());
        for n in 0..usize::try_from(header.slots).unwrap_or_default() {
            let bytes = journal
                .read(record_place(n), RECORDS.1)
                .or_unable(|| "read the journal of the former host")?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let record = Record::unpack(&bytes);
            if record.is_none() {
                damaged.push(n);
            }
            let found = record.flatten().map(|record| slot(record, inherited));
            let service = found.as_ref().and_then(|(_, service)| service.clone());
            services.extend(service.map(|service| (n, service)));
            roster.put(n, found.map(|(slot, _)| slot));
        }
        let console = inherited.take(header.console).map(Rc::new);
        let mut is_whole = damaged.is_empty();
        for (n, service) in services {
            is_whole &= resume_service(&mut roster, n, &service, inherited, dir, console.as_ref());
        }
        Ok(Some(Self { roster, damaged, is_whole, console }))
    }
}

/// The name of a pipe in a file of the service's directory.
fn name_of_pipe(slot: &Slot, file: &str) -> Result<Option<Vec<u8>>, Fatal> {
    let dir = match &slot.service {
        Some(service) => service.dir().as_fd(),
        None => match &slot.dir {
            Some(dir) => dir.as_fd(),
            None => return Ok(None),
        },
    };
    pipe_name(dir, file).or_unable(|| "read the name of a pipe")
}

/// Supervises a service of the former host again; whether that succeeds.
fn resume_service(
    roster: &mut Roster,
    number: usize,
    saved: &Supervised,
    inherited: &mut Inherited,
    scandir: BorrowedFd<'_>,
    console: Option<&Rc<OwnedFd>>,
) -> bool {
    let notification = inherited.take_kind(saved.notification, FileType::Fifo);
    let Some(slot) = roster.get_mut(number) else { return false };
    let dir = inherited.take_dir(saved.dir, slot.identity).or_else(|| {
        let (dir, identity) = super::scan::open_service(scandir, &slot.name).ok()?;
        (identity == slot.identity).then_some(dir)
    });
    let Some(dir) = dir else { return false };
    inherited.keep_also([dir.as_raw_fd()]);
    let control = inherited.take_file(saved.control, dir.as_fd(), hold::CONTROL);
    let lock = inherited.take_file(saved.lock, dir.as_fd(), hold::LOCK);
    let held = match (control, lock) {
        (Some(control), Some(lock)) => Ok(Hold { control, lock }),
        _ => hold::take_again(dir.as_fd()),
    };
    // If another supervisor has it, the next attempt comes soon.
    let Ok(held) = held else { return false };
    inherited.keep_also([held.control.as_raw_fd(), held.lock.as_raw_fd()]);
    let stdio = super::scan::stdio(slot, console);
    slot.service = Some(Service::resume(saved, dir, held, notification, &slot.name, stdio));
    true
}

/// From now on, a fault executes the program again, with the journal behind this descriptor.
fn arm(what: &Reexec, journal: RawFd) -> Result<(), Errno> {
    let name = what.argv.first().and_then(|a| a.rsplit(|b| *b == b'/').next()).unwrap_or_default();
    let file = Launch::own_file(&String::from_utf8_lossy(name));
    let mut env = Env::from_vars(what.env.clone());
    env.set(VARIABLE, journal.to_string().as_bytes());
    sys::fault::arm(&file, &what.argv, env.vars(), journal, (FAULT, FAULT_ADDRESS))
}

impl Host {
    /// Writes the services that have changed into the journal: what was being started is noted then.
    pub(super) fn write_services(&mut self) {
        let touched = self.roster.take_touched();
        if self.launch.journal.as_raw().is_none() {
            self.roster.bury();
            return;
        }
        for n in &touched {
            let slot = self.roster.get(*n);
            self.launch.journal.write_record(*n, slot.map(record).as_ref());
            if slot.is_none() {
                self.launch.board.show_nothing(self.launch.system, *n);
            }
        }
        self.roster.reuse(touched);
        self.launch.journal.write_count(self.roster.slot_count());
        self.launch.journal.started();
        // Their descriptors are in no record any more.
        self.roster.bury();
    }

    /// Ends an event: all that it has changed is in the journal from here on, and nothing is in flight.
    pub(super) fn settle(&mut self, policy: &dyn Policy) {
        self.write_journal(policy);
        self.launch.journal.done();
    }

    /// Writes all that has changed into the journal.
    pub(super) fn write_journal(&mut self, policy: &dyn Policy) {
        if self.launch.journal.as_raw().is_some() {
            let limits = self.launch.open_files;
            self.launch.journal.write_header(&Header {
                pid: self.pid,
                slots: journal::number(self.roster.slot_count()),
                control: Some(self.control.as_raw_fd()),
                lock: Some(self.lock.as_raw_fd()),
                oneshot: self.oneshot.as_ref().map(AsRawFd::as_raw_fd),
                console: self.config.console.as_ref().map(|c| c.as_raw_fd()),
                supervisors: self.processes.as_ref().map_or([None; 3], |p| {
                    [p.slots.as_raw_fd(), p.ours.as_raw_fd(), p.theirs.as_raw_fd()].map(Some)
                }),
                board: self.launch.board.files().map(|file| file.map(|fd| fd.as_raw_fd())),
                stopping: self.is_stopping(),
                open_files: (limits.current, limits.maximum),
                scan_at: self.scan_at,
                faults: self.faults,
                child: self.child.map_or((0, 0), |(kind, pid)| (kind, raw(pid))),
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
        if self.leave.is_none() { arm(what, number) } else { Ok(()) }
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
        self.warn(format_args!("unable to re-execute the own program: {}", sys::strerror(e)));
    }

    /// Continues as the host that a former host of this process was; `journal` is what [`take_journal`] gave.
    ///
    /// # Errors
    /// Code 111: the journal isn't one of this process and version, or a descriptor that it names is missing.
    pub fn resume(journal: RawFd, config: Config, what: &Reexec) -> Result<(Self, PolicyState), Fatal> {
        let mut inherited = Inherited::new(&Linux);
        let file = inherited.take(Some(journal)).ok_or(Errno::BADF);
        let file = file.or_unable(|| "find the journal of the former host")?;
        let now = tool::clock::now();
        let head = Head::read(Journal::open(file), now)?;
        if !are_too_many(&head.header.faults, now) {
            // Until the journal is written again, the next host finds what this one has found.
            sys::fd::open_numbers()
                .unwrap_or_default()
                .last()
                .into_iter()
                .for_each(|fd| sys::fault::keep(*fd));
            let _ = arm(what, journal);
        }
        let dir = persistently(open_scandir)?;
        // What is opened here may have a number that the journal names, though it had been closed.
        inherited.keep_also([dir.as_raw_fd()]);
        let mut predecessor = Predecessor::read(head, &mut inherited, dir.as_fd())?;
        predecessor.left.connections = inherited.close_others();
        let mut launch = persistently(|| Launch::new(&config.env))?;
        launch.take_window();
        Self::succeed(predecessor, config, launch, dir)
    }

    /// Takes the place of the former host.
    pub(super) fn succeed(
        predecessor: Predecessor,
        mut config: Config,
        mut launch: Launch,
        dir: OwnedFd,
    ) -> Result<(Self, PolicyState), Fatal> {
        let Predecessor { head: Head { journal, header, fault: (fault, address) }, control, lock, .. } =
            predecessor;
        let services = predecessor.services;
        config.console = services.console;
        config.board = predecessor.board;
        launch.open_files = Rlimit { current: header.open_files.0, maximum: header.open_files.1 };
        launch.journal = journal;
        let (lock, control) = match (lock, control) {
            (Some(lock), Some(control)) => (lock, control),
            _ => persistently(|| take_scandir(dir.as_fd()))?,
        };
        let mut host = Self::assemble(config, launch, dir, lock, control)?;
        host.roster = services.roster;
        host.stopping = header.stopping;
        host.scan_at = header.scan_at;
        host.oneshot = predecessor.oneshot;
        if host.oneshot.is_none() && header.oneshot.is_some() {
            host.listen();
        } else if let Some(socket) = &host.oneshot {
            // One that fails is missing, and read once in a while.
            let _ = host.poller.add(Source::Oneshot, socket.as_fd());
        }
        if predecessor.processes.is_some() {
            host.set_processes(predecessor.processes)?;
        }
        host.count_kills();
        host.faults = header.faults;
        host.child = Pid::from_raw(header.child.1.cast_signed()).map(|pid| (header.child.0, pid));
        host.record(Event { kind: Kind::Reexecuted, code: fault.into(), ..Event::default() });
        if fault != 0 {
            host.report_fault(fault, address);
        }
        host.finds_by_status = !services.is_whole;
        host.watch_services();
        host.end_damaged(&services.damaged);
        host.in_flight = Some(predecessor.left);
        Ok((host, predecessor.policy))
    }

    /// The address tells where a release failed, since it is built to the same bytes again.
    fn report_fault(&mut self, fault: u8, address: u64) {
        let mut reason = sys::signal::name(fault.into()).unwrap_or_else(|| fault.to_string());
        if address != 0 {
            reason += &format!(" at {address:#x}");
        }
        if are_too_many(&self.faults, self.launch.system.now()) {
            let count = self.faults.len();
            self.warn(format_args!("faulted ({reason}) {count} times within a minute: giving up"));
            self.gives_up = true;
        } else {
            self.warn(format_args!("faulted ({reason}); the services are found again and go on"));
            // What the fault interrupted may have been a scan.
            self.scan_at = Some(Duration::ZERO);
        }
    }

    fn watch_services(&mut self) {
        for n in 0..self.roster.slot_count() {
            let Some(slot) = self.roster.get_mut(n) else { continue };
            for (file, pipe) in
                [("pipe-in", slot.named_input.as_ref()), ("pipe-out", slot.named_output.as_ref())]
            {
                if let Some(pipe) = pipe
                    && let Ok(Some(name)) = persistently(|| name_of_pipe(slot, file))
                {
                    self.pipes.put(&name, pipe);
                }
            }
            if let Some(service) = &mut slot.service {
                self.launch.journal.enter(n);
                service.show_again(&self.launch);
            }
            if let Some(control) = slot.service.as_ref().and_then(Service::control) {
                // One that fails is missing, and read once in a while.
                let _ = self.poller.add(Source::Control(n), control);
            }
            self.roster.index(n);
            self.sync(n);
        }
    }

    /// Services whose records are damaged are found by the next scan, and their processes by their status.
    ///
    /// A supervisor process without a record is killed, with its daemon: both would be in the way of the next ones.
    fn end_damaged(&mut self, damaged: &[usize]) {
        if damaged.is_empty() {
            return;
        }
        let count = damaged.len();
        self.warn(format_args!("{count} records of the journal are damaged: their services are looked for"));
        self.scan_at = Some(Duration::ZERO);
        let Some(processes) = &self.processes else { return };
        for n in damaged {
            let state = processes.slots.state(*n);
            let daemon = state.and_then(|state| state.supervised).map(|service| service.status.pid);
            let daemon = daemon.and_then(|pid| Pid::from_raw(pid.cast_signed()));
            for pid in processes.slots.supervisor(*n).into_iter().chain(daemon) {
                let _ = self.launch.system.kill(pid, sys::signal::KILL);
            }
            processes.slots.clear(*n);
        }
    }

    /// Finds what the former host was starting; the number of the service whose start it was, if it was one.
    fn complete_start(
        &mut self,
        event: InFlight,
        fd: Option<OwnedFd>,
        policy: &mut dyn Policy,
    ) -> Option<usize> {
        // A start that the journal announces has happened if the kernel has noted the process.
        let noted = self.launch.journal.noted().filter(|pid| self.launch.system.is_child(*pid));
        let noted = noted.filter(|pid| self.roster.of_pid(raw(*pid)).is_none());
        self.launch.journal.repeat(event);
        let mut started = None;
        let consequence = event.starting.checked_sub(InFlight::CONSEQUENCES);
        match (event.starting.checked_sub(InFlight::CHILDREN), event.starting.checked_sub(1), noted) {
            (Some(kind), _, Some(pid)) => {
                self.child = u8::try_from(kind).ok().map(|kind| (kind, pid));
                // The next start overwrites what says so.
                self.write_journal(policy);
            }
            (None, _, Some(_)) if let Some(n) = consequence => {
                self.over_seen(usize::try_from(n).unwrap_or(usize::MAX));
            }
            (None, Some(n), Some(pid)) => {
                started = usize::try_from(n).ok();
                started.into_iter().for_each(|n| self.launch.journal.enter(n));
                self.launch.journal.offer((pid, fd));
                if let Some(n) = started.filter(|n| self.roster.get(*n).is_some_and(|slot| !slot.is_live())) {
                    self.begin_again(n);
                }
            }
            _ if event.kind == InFlight::SERVED && self.launch.journal.noted().is_none() => {
                fd.iter().for_each(|connection| self.serve(connection));
            }
            _ => {}
        }
        started
    }

    /// Completes what the former host was doing: the first thing that a re-executed host does.
    pub(super) fn complete_in_flight(&mut self, policy: &mut dyn Policy) {
        let Some(Left { event, fd, connections }) = self.in_flight.take() else { return };
        if self.launch.journal.as_raw().is_none() {
            return;
        }
        self.find_supervisors();
        let started = self.complete_start(event, fd, policy);
        if event.kind == InFlight::ENDED
            && let Some(pid) = Pid::from_raw(event.about.cast_signed())
        {
            // It may not have been reaped yet.
            self.reap_one(pid, Ended::from_wstat(event.detail), policy);
            self.settle(policy);
        }
        self.finish_input(event.kind == InFlight::INPUT && event.is_skipped(), policy);
        started.into_iter().for_each(|n| self.launch.journal.enter(n));
        if let (Some(n), Some((pid, notification))) = (started, self.launch.journal.adopt()) {
            if self.roster.get(n).is_some_and(|slot| slot.service.is_some()) {
                self.with(n, |service, launch| service.adopt(pid, notification, launch));
            } else {
                // Its supervision couldn't begin yet.
                self.launch.journal.offer((pid, notification));
            }
        }
        connections.iter().for_each(|connection| self.serve(connection));
        self.find_lost();
        for pid in policy.children() {
            if !self.launch.system.is_child(pid) {
                self.warn(format_args!("process {pid} has ended, nobody knows how"));
                policy.child(self, pid, Ended::Killed(9), Cause::Own);
            }
        }
        self.settle(policy);
        // The former host may have read the signal that announced these.
        self.reap(policy);
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
            self.warn(format_args!("process {pid} has ended, nobody knows how"));
            self.child_ended(n, Ended::Killed(9), Fate::Unknown);
        }
    }
}
