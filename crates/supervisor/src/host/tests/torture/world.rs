//! The simulated system: processes and a clock that are made up, and the faults of a plan.

use super::plan::Fault;
use crate::memory::Watch;
use crate::part::{Part, Start};
use crate::system::fake::pid;
use crate::system::{Effect, System, hook, raw};
use rustix::io::Errno;
use rustix::process::Pid;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use sys::process::{Ended, Fork};
use sys::signal::{self, Signal, SignalFd};
use sys::spawn::Spawn;
use tool::clock::Moment;
use wire::tai::Tai64n;

/// The process id of the hosts.
pub(super) const HOST: u32 = 1;

/// Copies of a host's descriptors have numbers from here on.
const COPIES: RawFd = 600;

/// The descriptor on which a service notifies its readiness.
pub(super) const NOTIFICATION: RawFd = 7;

/// What a process that faulted unwinds with.
pub(super) struct Struck;

/// A simulated process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) parent: u32,
    /// Its service and its program; a child of the policy, or a supervisor.
    pub(super) file: String,
    pub(super) is_alive: bool,
    how: Ended,
    /// The write end of its notification pipe.
    pub(super) notification: Option<OwnedFd>,
    pub(super) has_notified: bool,
    /// Those that a supervisor hasn't read.
    signals: VecDeque<Signal>,
}

/// A supervisor process that was forked and hasn't run yet.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) pid: u32,
    pub(super) name: Vec<u8>,
    pub(super) dir: OwnedFd,
    pub(super) slots: OwnedFd,
    pub(super) socket: OwnedFd,
    pub(super) notification: Option<OwnedFd>,
    pub(super) board: [Option<OwnedFd>; 2],
    pub(super) number: usize,
    pub(super) resumes: bool,
    pub(super) started: Option<Pid>,
}

/// The simulated system.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) now: Cell<Moment>,
    /// What has been done so far, besides waiting.
    pub(super) done: Cell<u32>,
    /// How many effects there have been.
    pub(super) effects: Cell<u32>,
    pub(super) faults: RefCell<BTreeMap<u32, Fault>>,
    last_pid: Cell<u32>,
    pub(super) processes: RefCell<BTreeMap<u32, Process>>,
    pub(super) begun: RefCell<Vec<Begun>>,
    pub(super) wrong: RefCell<Vec<String>>,
    /// Whose code runs.
    pub(super) current: Cell<u32>,
    /// The numbers of a host that faulted, with copies: unwinding closes what an exec would hand on.
    copies: RefCell<Vec<(RawFd, OwnedFd)>>,
    /// Descriptors of the process that runs the plans.
    others: Vec<RawFd>,
    /// How many programs were started for the end of a service.
    pub(super) consequences: Cell<usize>,
    /// How many processes of each service have ended.
    pub(super) ends: RefCell<BTreeMap<String, usize>>,
    /// Children of the policy that were started.
    pub(super) children: RefCell<Vec<u8>>,
}

impl World {
    pub(super) fn new() -> &'static Self {
        let world =
            Self { others: sys::fd::open_numbers().unwrap(), last_pid: Cell::new(1000), ..Self::default() };
        world.current.set(HOST);
        world.now.set(Duration::from_secs(1000));
        let world: &'static Self = Box::leak(Box::new(world));
        hook::set(Box::leak(Box::new(|| {
            let _ = world.hit();
        })));
        world
    }

    /// Something is about to be done: it fails, or a fault strikes before.
    fn hit(&self) -> Result<(), Errno> {
        self.done.set(self.done.get() + 1);
        self.meet()
    }

    #[expect(clippy::print_stdout, reason = "what the only plan does")]
    fn meet(&self) -> Result<(), Errno> {
        let number = self.effects.get();
        self.effects.set(number + 1);
        match self.faults.borrow_mut().remove(&number) {
            Some(Fault::Strike) => {
                if std::env::var_os(super::PLAN).is_some() {
                    println!("{number} strikes {}: {}", self.current.get(), Backtrace::force_capture());
                }
                if self.current.get() == HOST {
                    self.copy_descriptors();
                }
                resume_unwind(Box::new(Struck))
            }
            Some(Fault::Fail(errno)) => Err(Errno::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }

    fn copy_descriptors(&self) {
        let open = sys::fd::open_numbers().unwrap();
        let open = open.into_iter().filter(|fd| *fd < COPIES && !self.others.contains(fd));
        let copy = |fd| sys::fd::with(fd, |fd| rustix::io::fcntl_dupfd_cloexec(fd, COPIES)).unwrap();
        self.copies.borrow_mut().extend(open.map(|fd| (fd, copy(fd))));
    }

    /// Opens again what the unwinding has closed.
    pub(super) fn restore_descriptors(&self) {
        for (number, copy) in self.copies.take() {
            sys::fd::copy(copy.as_raw_fd(), number).unwrap();
        }
    }

    pub(super) fn living(&self, file: &str) -> Vec<u32> {
        let processes = self.processes.borrow();
        processes.iter().filter(|(_, p)| p.is_alive && p.file == file).map(|(pid, _)| *pid).collect()
    }

    fn add(&self, parent: u32, file: String, is_alive: bool, notification: Option<OwnedFd>) -> u32 {
        let number = self.last_pid.get() + 1;
        self.last_pid.set(number);
        let (how, has_notified, signals) = (Ended::Exited(0), false, VecDeque::new());
        let process = Process { parent, file, is_alive, how, notification, has_notified, signals };
        self.processes.borrow_mut().insert(number, process);
        if !is_alive {
            self.tell(parent, signal::CHLD);
        }
        number
    }

    fn tell(&self, pid: u32, signal: Signal) {
        if let Some(process) = self.processes.borrow_mut().get_mut(&pid) {
            process.signals.push_back(signal);
        }
    }

    /// A process ends; its children come to the host.
    pub(super) fn end(&self, pid: u32, how: Ended) {
        let mut processes = self.processes.borrow_mut();
        let Some(process) = processes.get_mut(&pid).filter(|process| process.is_alive) else { return };
        (process.is_alive, process.how, process.notification) = (false, how, None);
        *self.ends.borrow_mut().entry(process.file.clone()).or_default() += 1;
        let parent = process.parent;
        processes.values_mut().filter(|p| p.parent == pid).for_each(|p| p.parent = HOST);
        drop(processes);
        self.tell(parent, signal::CHLD);
    }

    /// Whether a supervisor has signals to read, or is to be killed.
    pub(super) fn has_signals(&self, pid: u32) -> bool {
        self.processes.borrow().get(&pid).is_some_and(|process| !process.signals.is_empty())
    }

    pub(super) fn is_alive(&self, pid: u32) -> bool {
        self.processes.borrow().get(&pid).is_some_and(|process| process.is_alive)
    }

    /// Makes a child of the policy.
    pub(super) fn fork(&self, kind: u8, note: Option<&AtomicU32>) -> Result<Fork, Errno> {
        self.hit()?;
        if self.children.borrow().contains(&kind) {
            self.wrong.borrow_mut().push(format!("the policy's child {kind} is started twice"));
        }
        self.children.borrow_mut().push(kind);
        let number = self.add(HOST, format!("child {kind}"), true, None);
        if let Some(note) = note {
            note.store(number, Ordering::Relaxed);
        }
        let _ = self.hit();
        Ok(Fork::Parent(pid(number)))
    }
}

/// The system, as the process with this number sees it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) world: &'static World,
    pub(super) pid: u32,
}

impl Seat {
    pub(super) fn new(world: &'static World, pid: u32) -> &'static Self {
        Box::leak(Box::new(Self { world, pid }))
    }
}

/// The service and the program of a process that is started in a directory.
fn name(dir: Option<BorrowedFd<'_>>, file: &[u8]) -> (String, String) {
    let dir = dir.map(|dir| std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd())).unwrap());
    let name = |path: &Path| {
        let last = path.file_name().unwrap().to_string_lossy().into_owned();
        let parent = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        if last == "log" { format!("{parent}/log") } else { last }
    };
    let program = String::from_utf8_lossy(file).trim_start_matches("./").to_owned();
    (format!("{}:{program}", dir.as_deref().map(name).unwrap_or_default()), program)
}

impl System for Seat {
    fn before(&self, effect: Effect) -> Result<(), Errno> {
        match effect {
            Effect::Wait => self.world.meet(),
            // There is room for it, but a fault may strike.
            Effect::Board => {
                let _ = self.world.hit();
                Ok(())
            }
            _ => self.world.hit(),
        }
    }

    fn now(&self) -> Moment {
        self.world.now.get()
    }

    fn wall(&self) -> Tai64n {
        Tai64n::from_unix(i64::try_from(self.now().as_secs()).unwrap(), 0)
    }

    fn spawn(&self, what: &Spawn<'_>) -> Result<Pid, Errno> {
        let world = self.world;
        world.hit()?;
        let (file, program) = name(what.dir, what.file);
        if program == "run" && !world.living(&file).is_empty() {
            world.wrong.borrow_mut().push(format!("{file} is started beside itself"));
        }
        if what.dir.is_none() {
            world.consequences.set(world.consequences.get() + 1);
        }
        let notification = what.fds.iter().find(|(_, number)| *number == NOTIFICATION);
        let notification = notification.map(|(fd, _)| rustix::io::fcntl_dupfd_cloexec(fd, 0).unwrap());
        let number = world.add(self.pid, file, program == "run", notification);
        if let Some(note) = what.note {
            note.store(number, Ordering::Relaxed);
        }
        // The process is there; its parent may fault before it knows.
        let _ = world.hit();
        Ok(pid(number))
    }

    fn supervise(&self, part: &Part<'_>, _run: fn(&Start, Vec<Vec<u8>>) -> u8) -> Result<Pid, Errno> {
        self.world.hit()?;
        let copy = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 0).unwrap();
        let name = String::from_utf8_lossy(part.name).into_owned();
        let number = self.world.add(self.pid, format!("s6-supervise {name}"), true, None);
        self.world.begun.borrow_mut().push(Begun {
            pid: number,
            name: part.name.to_vec(),
            dir: copy(part.dir),
            slots: copy(part.slots),
            socket: copy(part.socket),
            notification: part.notification.map(copy),
            board: part.board.map(|fd| fd.map(copy)),
            number: part.number,
            resumes: part.resumes,
            started: part.started,
        });
        part.note.store(number, Ordering::Relaxed);
        let _ = self.world.hit();
        Ok(pid(number))
    }

    fn kill(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        // It doesn't fail for lack of anything.
        let _ = self.world.hit();
        let is_supervisor = self.world.processes.borrow().get(&raw(pid)).map(|p| p.file.starts_with("s6-"));
        match is_supervisor {
            Some(true) if signal == signal::KILL => self.world.end(raw(pid), Ended::Killed(9)),
            Some(true) => self.world.tell(raw(pid), signal),
            Some(false) if [signal::TERM, signal::KILL, signal::HUP].contains(&signal) => {
                self.world.end(raw(pid), Ended::Killed(15));
            }
            _ => {}
        }
        Ok(())
    }

    fn kill_group(&self, leader: Pid, signal: Signal) -> Result<(), Errno> {
        self.kill(leader, signal)
    }

    fn peek(&self) -> Result<Option<(Pid, Ended)>, Errno> {
        let processes = self.world.processes.borrow();
        let ended = processes.iter().find(|(_, p)| !p.is_alive && p.parent == self.pid);
        Ok(ended.map(|(number, process)| (pid(*number), process.how)))
    }

    fn memory_kills(&self) -> Option<u32> {
        None
    }

    fn watch_kills(&self) -> Option<Watch> {
        None
    }

    fn memory_limit(&self) -> Option<u64> {
        None
    }

    fn strays(&self, _parent: Pid, _age: Duration, _after: u32) -> Vec<Pid> {
        Vec::new()
    }

    fn reap(&self, pid: Pid) -> Option<u64> {
        let _ = self.world.hit();
        let mut processes = self.world.processes.borrow_mut();
        if processes.get(&raw(pid)).is_some_and(|p| !p.is_alive && p.parent == self.pid) {
            processes.remove(&raw(pid));
        }
        drop(processes);
        let _ = self.world.hit();
        None
    }

    fn signal(&self, _signals: &SignalFd) -> Result<Option<Signal>, Errno> {
        let mut processes = self.world.processes.borrow_mut();
        Ok(processes.get_mut(&self.pid).and_then(|process| process.signals.pop_front()))
    }

    fn is_child(&self, pid: Pid) -> bool {
        self.world.processes.borrow().get(&raw(pid)).is_some_and(|process| process.parent == self.pid)
    }

    fn session(&self, _leader: u32) -> Vec<Pid> {
        Vec::new()
    }

    fn has_memory(&self) -> bool {
        true
    }

    fn warn(&self, _name: &str, _text: &dyn std::fmt::Display) {}
}
