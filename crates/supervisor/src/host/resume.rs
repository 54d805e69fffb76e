//! Re-execution: what a host leaves in its memo, and how the next one in the same process goes on from there.
//!
//! There is one way for both occasions, a command and a fault: the memo is always current, the process is replaced by
//! its own program, and that finds number and content of the memo, its children, and every descriptor that the
//! memo names.  A host that was told to has nothing in work; after a fault, the event that the memo names is seen
//! through once more, a process that was just being started is found by its directory, and the directory is scanned.
//!
//! An event over which a host faults twice is left out.  After five faults within a minute the host gives up.

use super::pipes::Pipe;
use super::policy::Policy;
use super::roster::{Identity, Pair, Roster, Slot};
use super::{Config, Host, Leave, Source};
use crate::journal::{self, Memo};
use crate::service::machine::Event;
use crate::service::{Launch, Service};
use rustix::io::Errno;
use rustix::process::{Pid, Rlimit, WaitId, WaitIdOptions};
use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;
use sys::process::Ended;
use tool::clock::{self, Moment};
use tool::{Env, Fatal, OrUnable, diag};
use wire::control::Command;
use wire::host_memo::{FAULT, HEADER, Header, MAGIC, RECORDS, Record, Supervised, WORK, Work};

/// The variable that tells a program its memo.
const VARIABLE: &[u8] = b"S6_HOST_MEMO";

/// So many faults within this time are too many.
const FAULT_SPAN: Duration = Duration::from_mins(1);

/// What a program is re-executed as.
#[derive(Debug, Clone)]
pub struct Reexec {
    /// Its name and arguments.
    pub argv: Vec<Vec<u8>>,
    /// The environment that it began with.
    pub env: Vec<Vec<u8>>,
}

/// Takes the memo that a host before has left for this process out of the environment.
pub fn take_memo(env: &mut Env) -> Option<RawFd> {
    let number = env.get(VARIABLE).and_then(wire::number::decimal);
    env.unset(VARIABLE);
    number
}

/// What the policy of a host before has left.
#[derive(Debug)]
pub struct Left {
    /// What its `save` gave.
    pub bytes: Vec<u8>,
    /// Its descriptors.
    pub fds: Vec<OwnedFd>,
}

/// The descriptors that were handed over; each is taken once, or shared.
#[derive(Default)]
struct Inherited {
    taken: BTreeSet<RawFd>,
    shared: HashMap<RawFd, Rc<OwnedFd>>,
    pipes: HashMap<RawFd, Rc<Pipe>>,
}

impl Inherited {
    fn take(&mut self, fd: Option<RawFd>) -> Result<OwnedFd, Errno> {
        let fd = fd.filter(|fd| *fd > 2 && !self.taken.contains(fd)).ok_or(Errno::BADF)?;
        let owned = sys::fd::own(fd)?;
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

    /// Closes what the host before had open and nobody wants.
    fn close_others(&self) {
        let mut next = 3;
        for fd in &self.taken {
            (next..*fd).for_each(sys::fd::close);
            next = fd.saturating_add(1);
        }
        sys::fd::close_from(next.unsigned_abs());
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
        end: slot.end.as_ref().map(raw),
        named: [a, b, c, d],
        supervisor: slot.supervisor.unwrap_or(0),
        begun: Some(slot.begun),
        again: slot.again,
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
    slot.end = inherited.share(record.end)?;
    let [a, b, c, d] = record.named;
    slot.named_input = inherited.pipe(a, b)?;
    slot.named_output = inherited.pipe(c, d)?;
    slot.supervisor = Some(record.supervisor).filter(|pid| *pid != 0);
    slot.again = record.again;
    slot.failures = record.failures;
    Ok((slot, record.service))
}

/// The most recent child that leads a session, is known to nobody, and runs in that directory.
fn stray_child(identity: Identity, roster: &Roster) -> Option<Pid> {
    let children = std::fs::read_to_string("/proc/thread-self/children").ok()?;
    let pids =
        children.split_ascii_whitespace().filter_map(|w| w.parse::<i32>().ok()).filter_map(Pid::from_raw);
    let mut strays = pids.filter(|pid| roster.of_pid(pid.as_raw_nonzero().get().unsigned_abs()).is_none());
    // They are listed in the order of their birth.
    strays.rfind(|pid| {
        let cwd = sys::fs::stat(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
        rustix::process::getsid(Some(*pid)) == Ok(*pid)
            && cwd.is_ok_and(|st| (st.st_dev, st.st_ino) == identity)
    })
}

impl Host {
    /// Writes down what has changed in the services, which ends the work on an event.
    pub(super) fn keep(&mut self) {
        let Some(memo) = &self.launch.memo else {
            self.roster.take_touched();
            return;
        };
        for n in self.roster.take_touched() {
            memo.keep(n, self.roster.get(n).map(record).as_ref());
        }
        memo.done();
    }

    /// Writes down everything that has changed.
    pub(super) fn keep_all(&mut self, policy: &dyn Policy) {
        if let Some(memo) = &self.launch.memo {
            let limits = self.launch.open_files;
            let (control, lock) = (self.control.as_raw_fd(), self.lock.as_raw_fd());
            let header = Header {
                pid: rustix::process::getpid().as_raw_nonzero().get().unsigned_abs(),
                slots: journal::number(self.roster.end()),
                control: Some(control),
                lock: Some(lock),
                oneshot: self.oneshot.as_ref().map(AsRawFd::as_raw_fd),
                console: self.config.console.as_ref().map(|c| c.as_raw_fd()),
                stopping: self.is_stopping(),
                open_files: (limits.current, limits.maximum),
                scan_at: self.scan_at,
                faults: self.faults,
                policy_fds: policy.descriptors().iter().map(AsRawFd::as_raw_fd).collect(),
                policy: policy.save(),
            };
            match Memo::pack(&header) {
                Some(bytes) if bytes != self.kept => {
                    memo.write(HEADER.0, &bytes);
                    self.kept = bytes;
                }
                _ => {}
            }
        }
        self.keep();
    }

    /// From now on, a command and a fault make this process execute its own program anew; see [`Host::resume`].
    ///
    /// # Errors
    /// There is no memory for the memo, or the process can't be prepared.
    pub fn allow_reexec(&mut self, what: &Reexec, policy: &dyn Policy) -> Result<(), Errno> {
        let memo = match &self.launch.memo {
            Some(memo) => Rc::clone(memo),
            None => Rc::new(Memo::new()?),
        };
        let name = what.argv.first().and_then(|a| a.rsplit(|b| *b == b'/').next()).unwrap_or_default();
        let file = Launch::own_file(&String::from_utf8_lossy(name));
        let mut env = Env::from_vars(what.env.clone());
        env.set(VARIABLE, memo.as_raw().to_string().as_bytes());
        self.launch.memo = Some(Rc::clone(&memo));
        self.keep_all(policy);
        if self.leave.is_none() {
            sys::fault::arm(&file, &what.argv, env.vars(), memo.as_raw(), FAULT)?;
        }
        Ok(())
    }

    /// Executes the own program anew; it comes back only if that can't be done.
    pub(super) fn reexecute(&mut self, policy: &dyn Policy) {
        self.keep_all(policy);
        let e = sys::fault::reexecute();
        self.warn(&format!("unable to execute the own program anew: {}", sys::strerror(e)));
    }

    /// Goes on as the host that a host before in this process was; `memo` is what [`take_memo`] gave.
    ///
    /// # Errors
    /// Code 111: the memo isn't one of this process and version, or misses what it names.
    pub fn resume(memo: RawFd, mut config: Config) -> Result<(Self, Left), Fatal> {
        let mut inherited = Inherited::default();
        let memo = Memo::of(inherited.take(Some(memo)).or_unable(|| "find the memo of the host before")?);
        let damaged = || Fatal::new(111, "the memo of the host before is damaged".to_owned());
        let read = |at, room| memo.read(at, room).or_unable(|| "read the memo of the host before");
        let head = read(0, usize::try_from(HEADER.0).unwrap_or_default())?;
        let mut header = Header::unpack(&read(HEADER.0, HEADER.1)?).ok_or_else(damaged)?;
        let own = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
        if !head.starts_with(&MAGIC) || header.pid != own {
            return Err(damaged());
        }
        let fault = usize::try_from(FAULT).ok().and_then(|at| head.get(at)).copied().unwrap_or(0);
        let work =
            usize::try_from(WORK.0).ok().and_then(|at| Work::unpack(head.get(at..)?)).ok_or_else(damaged)?;
        let mut slots = Vec::new();
        for n in 0..u64::from(header.slots) {
            let at = n.saturating_mul(u64::try_from(RECORDS.1).unwrap_or_default()).saturating_add(RECORDS.0);
            let record = Record::unpack(&read(at, RECORDS.1)?).ok_or_else(damaged)?;
            slots.push(
                record.map(|r| slot(r, &mut inherited)).transpose().or_unable(|| "take a service over")?,
            );
        }
        let missing = || "take the descriptors of the host before";
        config.console = inherited.share(header.console).or_unable(missing)?;
        let control = inherited.take(header.control).or_unable(missing)?;
        let lock = inherited.take(header.lock).or_unable(missing)?;
        let oneshot = inherited.maybe(header.oneshot).or_unable(missing)?;
        let notification = inherited.maybe(work.notification).or_unable(missing)?;
        let fds = header.policy_fds.iter().map(|fd| inherited.take(Some(*fd)));
        let fds = fds.collect::<Result<Vec<_>, _>>().or_unable(missing)?;
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
                let stdio = super::scan::stdio(&slot, config.console.as_ref());
                slot.service = Some(Service::resume(&service, fds, &slot.name, stdio));
            }
            roster.put(n, Some(slot));
        }
        inherited.close_others();
        let mut launch = Launch::new(&config.env)?;
        launch.open_files = Rlimit { current: header.open_files.0, maximum: header.open_files.1 };
        launch.take_window();
        launch.memo = Some(Rc::new(memo));
        let mut host = Self::assemble(config, launch, lock, control)?;
        host.roster = roster;
        host.stopping = header.stopping;
        host.scan_at = header.scan_at;
        host.oneshot = oneshot;
        if let Some(socket) = &host.oneshot {
            host.poller
                .add(Source::Oneshot, std::os::fd::AsFd::as_fd(socket))
                .or_unable(|| "wait for oneshots")?;
        }
        host.faults = header.faults;
        if fault != 0 {
            host.note_fault(fault);
        }
        host.watch_services()?;
        host.in_work = Some((work, notification));
        Ok((host, Left { bytes: std::mem::take(&mut header.policy), fds }))
    }

    fn note_fault(&mut self, fault: u8) {
        let now = clock::now();
        let reason = sys::signal::name(fault.into()).unwrap_or_else(|| fault.to_string());
        self.faults.rotate_right(1);
        if let Some(first) = self.faults.first_mut() {
            *first = Some(now);
        }
        if let Some(memo) = &self.launch.memo {
            memo.write(FAULT.into(), &[0]);
        }
        if self.faults.iter().all(|at| at.is_some_and(|at| now.saturating_sub(at) < FAULT_SPAN)) {
            let count = self.faults.len();
            self.warn(&format!("faulted ({reason}) {count} times within a minute: giving up"));
            self.leave = Some(Leave::Failed(Errno::NOTRECOVERABLE));
        } else {
            self.warn(&format!("faulted ({reason}); the services are found again and go on"));
            // What the fault interrupted may have been a scan.
            self.scan_at = Some(Moment::ZERO);
        }
    }

    fn watch_services(&mut self) -> Result<(), Fatal> {
        for n in 0..self.roster.end() {
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

    /// The first thing that a host does which goes on for another: what that one was about to do.
    pub(super) fn see_through(&mut self, policy: &mut dyn Policy) {
        let Some((work, notification)) = self.in_work.take() else { return };
        let Some(memo) = self.launch.memo.clone() else { return };
        // A start that the memo knows of may have happened.
        let starting = work.starting.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        let started =
            starting.and_then(|n| Some((n, stray_child(self.roster.get(n)?.identity, &self.roster)?)));
        memo.begin_again(work);
        if let Some((n, pid)) = started {
            memo.leave(Some((pid, notification)));
            if self.roster.get(n).is_some_and(|slot| !slot.is_live()) {
                self.begin_again(n);
            }
        }
        let about = usize::try_from(work.about).unwrap_or(usize::MAX);
        match work.kind {
            Work::ENDED => {
                let [code, signal] = work.detail.to_be_bytes();
                let how = if signal == 0 { Ended::Exited(code) } else { Ended::Killed(signal & 0x7f) };
                if let Some(pid) = Pid::from_raw(work.about.cast_signed()) {
                    // It may not have been reaped yet.
                    let _ = sys::process::reap_one(pid);
                    self.ended(pid, how, policy);
                }
            }
            Work::LETTER if !work.again => {
                let command = u8::try_from(work.detail).ok().and_then(Command::from_letter);
                command.into_iter().for_each(|command| self.feed(about, Event::Command(command)));
            }
            Work::READY if !work.again => self.feed(about, Event::Ready),
            _ => {}
        }
        if let (Some((n, _)), Some((pid, notification))) = (started, memo.adopt()) {
            self.with(n, |service, launch| service.take_over(pid, notification, launch));
        }
        self.find_lost();
        self.keep_all(policy);
        // The signal that told of these may have been read already.
        self.reap(policy);
    }

    /// A process that isn't ours any more has ended, whatever the memo says.
    fn find_lost(&mut self) {
        for n in 0..self.roster.end() {
            let pid =
                self.roster.get(n).and_then(|slot| slot.pid).and_then(|pid| Pid::from_raw(pid.cast_signed()));
            let Some(pid) = pid else { continue };
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if rustix::process::waitid(WaitId::Pid(pid), options).is_err_and(|e| e == Errno::CHILD) {
                diag::warn(self.config.name, &format!("process {pid} has ended, nobody knows how"));
                self.child_ended(n, Ended::Killed(9));
            }
        }
    }
}
