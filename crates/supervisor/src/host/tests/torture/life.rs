//! A host in the simulated system, with its supervisor processes and its policy, and the hosts after it.

use super::plan::{Fault, Step};
use super::world::{Begun, HOST, NOTIFICATION, Seat, Struck, World};
use super::*;
use crate::board::Board;
use crate::host::resume::{Head, Inherited, Predecessor};
use crate::journal::Journal;
use crate::service::over::Over;
use crate::slot::OwnSlot;
use crate::solo::{Inheritance, Supervisor};
use crate::system::fake::pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use sys::process::Fork;
use wire::board::{Flags, Row, State};
use wire::control::Command;
use wire::host_journal::FAULT;
use wire::restart_policy::{Consequence, FILE, Limit, RestartPolicy};
use wire::svstatus::Status;

/// The folder of the status board, which no scan looks at.
const BOARD: &str = ".board";

/// A service that comes later.
const LATE: &str = "late";

/// The children of the policy: one that runs from the beginning, and one that stops everything.
const BOOT: u8 = 0;
const STOP: u8 = 1;

/// The letter that asks the policy for a stop.
const ASK: u8 = b'S';

/// A child of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    NotStarted,
    Running(u32),
    Ended,
}

/// A policy that never lets the host wait, with the children of a container's life.
#[derive(Debug)]
struct Lifecycle {
    world: &'static World,
    children: [Child; 2],
    is_asked: bool,
    /// The failure of a service has been decided about.
    has_decided: bool,
}

impl Lifecycle {
    fn new(world: &'static World) -> Self {
        Self { world, children: [Child::NotStarted; 2], is_asked: false, has_decided: false }
    }

    fn restore(world: &'static World, bytes: &[u8]) -> Self {
        let (words, flags) = bytes.as_chunks::<4>();
        let child = |word: &[u8; 4]| match u32::from_be_bytes(*word) {
            0 => Child::NotStarted,
            u32::MAX => Child::Ended,
            pid => Child::Running(pid),
        };
        let (is_asked, has_decided) = (flags[0] == 1, flags[1] == 1);
        Self { world, children: [child(&words[0]), child(&words[1])], is_asked, has_decided }
    }

    fn start(&mut self, kind: u8, host: &mut Host) {
        if self.children[usize::from(kind)] != Child::NotStarted {
            return;
        }
        host.save(self);
        let world = self.world;
        if let Ok(Fork::Parent(pid)) = host.start_child(kind, |note| world.fork(kind, note)) {
            self.children[usize::from(kind)] = Child::Running(raw(pid));
            host.save(self);
        }
    }
}

impl Policy for Lifecycle {
    fn deadline(&self) -> Option<Moment> {
        Some(Moment::ZERO)
    }

    fn command(&mut self, _host: &mut Host, letter: u8) -> Handled {
        self.is_asked |= letter == ASK;
        if letter == ASK { Handled::Yes } else { Handled::No }
    }

    fn over(&mut self, _host: &mut Host, over: &Over) -> Handled {
        if over.name != DECIDES.as_bytes() {
            return Handled::No;
        }
        self.has_decided = true;
        Handled::Yes
    }

    fn timeout(&mut self, host: &mut Host) {
        self.start(BOOT, host);
        if self.is_asked {
            self.start(STOP, host);
        }
    }

    fn child(&mut self, host: &mut Host, pid: Pid, _how: Ended, _cause: Cause) {
        if let Some(number) = self.children.iter().position(|child| *child == Child::Running(raw(pid))) {
            self.children[number] = Child::Ended;
            if number == usize::from(STOP) {
                host.stop(true);
            }
        }
    }

    fn children(&self) -> Vec<Pid> {
        let running =
            |child: &Child| if let Child::Running(number) = child { Some(pid(*number)) } else { None };
        self.children.iter().filter_map(running).collect()
    }

    fn save(&self) -> Vec<u8> {
        let word = |child: &Child| match child {
            Child::NotStarted => 0,
            Child::Running(pid) => *pid,
            Child::Ended => u32::MAX,
        };
        let words = self.children.iter().flat_map(|child| word(child).to_be_bytes());
        words.chain([self.is_asked, self.has_decided].map(u8::from)).collect()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}

/// All that is alive in a plan.
pub(super) struct Life {
    path: PathBuf,
    pub(super) world: &'static World,
    by_processes: bool,
    host: ManuallyDrop<Host>,
    policy: Lifecycle,
    supervisors: BTreeMap<u32, Supervisor>,
    /// Descriptors that are nobody's here.
    others: Vec<RawFd>,
    /// The last letter to each service.
    wanted: BTreeMap<&'static str, bool>,
    /// How many consequences there had been when it came.
    before: usize,
    /// The services with a restart policy that were found unhealthy while they were up, and got no letter since.
    unhealthy: BTreeSet<&'static str>,
    left: Option<Leave>,
}

fn config(by_processes: bool) -> Config {
    let mut config = Config::new("s6-svscan", vec![b"S6_SUPERVISE_PROCESSES=0".to_vec()]);
    config.processes = by_processes;
    config
}

fn launch(world: &'static World, pid: u32) -> Launch {
    let mut launch = Launch::new(&[]).unwrap();
    launch.system = Seat::new(world, pid);
    launch
}

fn make(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::write(path.join("run"), "").unwrap();
}

impl Life {
    pub(super) fn new(path: &Path, by_processes: bool, faults: &[(u32, Fault)]) -> Self {
        SERVICES.iter().for_each(|service| make(&path.join(service)));
        std::fs::write(path.join("ready/notification-fd"), NOTIFICATION.to_string()).unwrap();
        for service in ["finishes", DECIDES] {
            std::fs::write(path.join(service).join("finish"), "").unwrap();
        }
        for (service, on_failure) in
            [(FAILS, Consequence::Run(vec![b"/x".to_vec()])), (DECIDES, Consequence::Stop(None))]
        {
            let limit = Some(Limit { count: 1, window: Some(60) });
            let mut policy = RestartPolicy { limit, on_failure, ..RestartPolicy::default() };
            // An end by the down signal is a failure only of what is unhealthy.
            policy.success.insert_signal(15);
            std::fs::write(path.join(service).join(FILE), policy.pack().unwrap()).unwrap();
        }
        let others = sys::fd::open_numbers().unwrap();
        let world = World::new();
        let dir = open(path);
        let (lock, control) = take_scandir(dir.as_fd()).unwrap();
        let mut config = config(by_processes);
        let board = path.join(BOARD);
        std::fs::create_dir(&board).unwrap();
        let (board, failed) = Board::create(open(&board).as_fd(), 0o644);
        assert_eq!(failed, None);
        config.board = board;
        let mut host = Host::assemble(config, launch(world, HOST), dir, lock, control).unwrap();
        if by_processes {
            host.set_processes(None).unwrap();
        }
        let policy = Lifecycle::new(world);
        host.keep_journal(&policy).unwrap();
        world.faults.borrow_mut().extend(faults.iter().copied());
        Self {
            path: path.to_owned(),
            world,
            by_processes,
            host: ManuallyDrop::new(host),
            policy,
            supervisors: BTreeMap::new(),
            others,
            wanted: SERVICES.map(|service| (service, true)).into_iter().collect(),
            before: 0,
            unhealthy: BTreeSet::new(),
            left: None,
        }
    }

    /// Everybody works until there is nothing to do; after a fault of a host the next one does.
    pub(super) fn work(&mut self) {
        let mut idle = 0;
        for _ in 0..400 {
            let done = self.world.done.get();
            self.host_works();
            if self.left.is_some() {
                return;
            }
            self.supervisors_work();
            idle = if self.world.done.get() == done { idle + 1 } else { 0 };
            if idle == 2 {
                return;
            }
        }
        self.world.wrong.borrow_mut().push("it never comes to rest".to_owned());
    }

    fn host_works(&mut self) {
        self.host.has_unreaped |= self.host.launch.system.peek() != Ok(None);
        let turn = catch_unwind(AssertUnwindSafe(|| {
            self.host.complete_in_flight(&mut self.policy);
            self.host.turn(&mut self.policy)
        }));
        match turn {
            Ok(leave) => self.left = self.left.or(leave),
            Err(why) if why.is::<Struck>() => self.resume(),
            Err(why) => resume_unwind(why),
        }
    }

    /// The next host takes over, as after an exec; or the one after that, if it faults.
    fn resume(&mut self) {
        loop {
            self.world.restore_descriptors();
            let number = self.host.launch.journal.as_raw().unwrap();
            // As the handler of the fault does.
            sys::fd::with(number, |fd| rustix::io::pwrite(fd, &[11], FAULT.into())).unwrap();
            match catch_unwind(AssertUnwindSafe(|| self.succeed(number))) {
                Ok((host, policy)) => {
                    self.host = ManuallyDrop::new(host);
                    self.policy = policy;
                    return;
                }
                Err(why) if why.is::<Struck>() => {}
                Err(why) => resume_unwind(why),
            }
        }
    }

    fn succeed(&self, journal: RawFd) -> (Host, Lifecycle) {
        let mut inherited = Inherited::new(Seat::new(self.world, HOST));
        let journal = Journal::open(inherited.take(Some(journal)).unwrap());
        let dir = open(&self.path);
        let head = Head::read(journal, self.world.now.get()).unwrap();
        inherited.keep_also([dir.as_raw_fd()]);
        let predecessor = Predecessor::read(head, &mut inherited, dir.as_fd()).unwrap();
        let mut kept = self.others.clone();
        kept.extend(self.supervisors.values().flat_map(Supervisor::numbers));
        let processes = self.world.processes.borrow();
        kept.extend(processes.values().filter_map(|p| p.notification.as_ref()).map(AsRawFd::as_raw_fd));
        drop(processes);
        for begun in &*self.world.begun.borrow() {
            kept.extend([&begun.dir, &begun.slots, &begun.socket].map(AsRawFd::as_raw_fd));
            let others = begun.board.iter().flatten().chain(&begun.notification);
            kept.extend(others.map(AsRawFd::as_raw_fd));
        }
        inherited.keep_also(kept);
        inherited.close_others();
        let launch = launch(self.world, HOST);
        let (host, state) = Host::succeed(predecessor, config(self.by_processes), launch, dir).unwrap();
        (host, Lifecycle::restore(self.world, &state.bytes))
    }

    fn supervisors_work(&mut self) {
        // The host may have killed some.
        self.supervisors.retain(|number, _| self.world.is_alive(*number));
        for begun in self.world.begun.take() {
            let number = begun.pid;
            if !self.world.is_alive(number) {
                continue;
            }
            let world = self.world;
            let began = self.as_supervisor(number, move |_| {
                let mut launch = launch(world, number);
                let [board, record] = begun.board;
                launch.board = Board::of_supervisor(board, record);
                let is_kept = begun.notification.is_some();
                let slot = OwnSlot::open(begun.slots.as_fd(), begun.number, begun.socket, is_kept).unwrap();
                let Begun { name, dir, started, notification, .. } = Begun {
                    slots: begun.slots,
                    socket: open(Path::new("/dev/null")),
                    board: [None, None],
                    ..begun
                };
                let inheritance = Inheritance { name, dir, started, notification };
                Supervisor::take_over(launch, slot, begun.resumes, inheritance)
            });
            if let Some(supervisor) = began {
                self.supervisors.insert(number, supervisor);
            }
        }
        let numbers: Vec<u32> = self.supervisors.keys().copied().collect();
        for number in numbers {
            self.as_supervisor(number, |life| {
                let supervisor = life.supervisors.get_mut(&number).unwrap();
                let [control, notification] = supervisor.inputs().map(|fd| fd.is_some_and(is_readable));
                supervisor.serve(notification, life.world.has_signals(number), control)
            });
            if self.supervisors.get(&number).is_some_and(Supervisor::has_left) {
                self.supervisors.remove(&number);
                self.world.end(number, Ended::Exited(0));
            }
        }
    }

    /// Does what a supervisor process does, which ends if that fails, or a fault strikes.
    fn as_supervisor<T>(
        &mut self,
        number: u32,
        work: impl FnOnce(&mut Self) -> Result<T, Fatal>,
    ) -> Option<T> {
        self.world.current.set(number);
        let worked = catch_unwind(AssertUnwindSafe(|| work(self)));
        let how = match worked {
            Ok(Ok(done)) => {
                self.world.current.set(HOST);
                return Some(done);
            }
            Ok(Err(fatal)) => Ended::Exited(fatal.code()),
            Err(why) if why.is::<Struck>() => Ended::Killed(11),
            Err(why) => resume_unwind(why),
        };
        self.world.current.set(HOST);
        self.supervisors.remove(&number);
        self.world.end(number, how);
        None
    }

    fn control(&self, service: &str) -> Option<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(service).join("supervise/control");
        sys::fs::open(path, flags, Mode::empty()).ok()
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Letter(number, letter) => {
                let service = SERVICES[number];
                // Nobody reads it before the supervision has begun.
                if let Some(control) = self.control(service) {
                    rustix::io::write(control, &[letter]).unwrap();
                    self.unhealthy.remove(service);
                    let is_up = !self.world.living(&format!("{service}:run")).is_empty();
                    match Command::from_letter(letter) {
                        Some(Command::Up) => {
                            self.wanted.insert(service, true);
                            self.before =
                                if service == FAILS { self.world.consequences.get() } else { self.before };
                            self.policy.has_decided &= service != DECIDES;
                        }
                        Some(Command::Down) => drop(self.wanted.insert(service, false)),
                        Some(Command::Unhealthy) if is_up && [FAILS, DECIDES].contains(&service) => {
                            self.unhealthy.insert(service);
                        }
                        _ => {}
                    }
                }
            }
            Step::Die(number) => {
                let run = format!("{}:run", SERVICES[number]);
                self.world.living(&run).into_iter().for_each(|pid| self.world.end(pid, Ended::Exited(1)));
            }
            Step::Notify(number) => {
                let run = format!("{}:run", SERVICES[number]);
                for pid in self.world.living(&run) {
                    if let Some(process) = self.world.processes.borrow_mut().get_mut(&pid)
                        && let Some(fd) = &process.notification
                    {
                        // If nobody reads any more, readiness has been heard of.
                        process.has_notified |= rustix::io::write(fd, b"\n").is_ok();
                    }
                }
            }
            Step::Pass(ms) => self.world.now.set(self.world.now.get() + Duration::from_millis(ms)),
            Step::Scan => drop(rustix::io::write(&self.host.control, b"a")),
            Step::Add => {
                make(&self.path.join(LATE));
                self.wanted.insert(LATE, true);
                rustix::io::write(&self.host.control, b"a").unwrap();
            }
            Step::EndBoot => self.end_child(BOOT),
            Step::Kill(number) => {
                let file = format!("s6-supervise {}", SERVICES[number]);
                for pid in self.world.living(&file) {
                    self.world.end(pid, Ended::Killed(9));
                    self.supervisors.remove(&pid);
                }
            }
        }
        self.work();
    }

    fn end_child(&self, kind: u8) {
        let file = format!("child {kind}");
        self.world.living(&file).into_iter().for_each(|pid| self.world.end(pid, Ended::Exited(0)));
    }

    /// What isn't as it should be once the faults are over.
    pub(super) fn check(&mut self) -> Vec<String> {
        self.world.faults.borrow_mut().clear();
        for _ in 0..8 {
            self.step(Step::Pass(30_000));
        }
        let mut wrong = std::mem::take(&mut *self.world.wrong.borrow_mut());
        for (service, wanted) in &self.wanted {
            self.check_service(service, *wanted, &mut wrong);
        }
        rustix::io::write(&self.host.control, &[ASK]).unwrap();
        self.work();
        self.end_child(BOOT);
        self.end_child(STOP);
        for _ in 0..8 {
            self.step(Step::Pass(30_000));
        }
        if self.left != Some(Leave::Stopped) {
            wrong.push(format!("the host hasn't stopped: {:?}", self.left));
        }
        let rows = self.rows();
        if !rows.is_empty() {
            wrong.push(format!("the board has services at the end: {rows:?}"));
        }
        let children = (self.world.children.take(), self.policy.children);
        if children != (vec![BOOT, STOP], [Child::Ended; 2]) {
            wrong.push(format!("the policy's children: {children:?}"));
        }
        let living: Vec<String> =
            self.world.processes.borrow().values().filter(|p| p.is_alive).map(|p| p.file.clone()).collect();
        if !living.is_empty() {
            wrong.push(format!("still there: {living:?}"));
        }
        wrong
    }

    /// Whether a service that is wanted up has failed for good; then its failure must have had its consequence.
    fn has_failed(&self, service: &str, wrong: &mut Vec<String>) -> bool {
        let bytes = std::fs::read(self.path.join(service).join("supervise/status")).unwrap_or_default();
        let has_failed = Status::unpack(&bytes).is_some_and(|status| !status.want_up);
        let (count, ends) = (self.world.consequences.get(), self.world.ends.borrow());
        let is_done = match service {
            FAILS => count > self.before,
            DECIDES => self.policy.has_decided,
            _ => return false,
        };
        if self.unhealthy.contains(service) && !has_failed {
            wrong.push(format!("{service} was found unhealthy, and has not failed"));
        }
        if has_failed && !is_done {
            wrong.push(format!("{service} has failed for good, and nothing follows"));
        }
        if service == FAILS && count > ends.get("fails:run").copied().unwrap_or(0) {
            wrong.push(format!("{count} consequences of {ends:?}"));
        }
        has_failed
    }

    fn check_service(&self, service: &str, wanted: bool, wrong: &mut Vec<String>) {
        let wanted = wanted && !self.has_failed(service, wrong);
        let living = self.world.living(&format!("{service}:run"));
        if living.len() != usize::from(wanted) {
            wrong.push(format!("{service} should be up: {wanted}, and has the daemons {living:?}"));
        }
        let pid = living.first().copied().unwrap_or(0);
        let has_notified = self.world.processes.borrow().get(&pid).is_some_and(|p| p.has_notified);
        let bytes = std::fs::read(self.path.join(service).join("supervise/status")).unwrap_or_default();
        let status = Status::unpack(&bytes);
        let is_true =
            |s: Status| s.pid == pid && s.want_up == wanted && (s.ready || !has_notified || !wanted);
        if !status.is_some_and(is_true) {
            wrong.push(format!("the status of {service} isn't true (ready: {has_notified}): {status:?}"));
        }
        let rows = self.rows();
        let row = rows.iter().find(|row| row.name == service.as_bytes());
        let is_true = |row: &Row| {
            let is_up = matches!(row.state, State::Up | State::Ready);
            row.pid == pid && is_up == wanted && row.flags.has(Flags::WANTED) == wanted
        };
        if !row.is_some_and(is_true) {
            wrong.push(format!("the board isn't true about {service} (up: {wanted}, {pid}): {row:?}"));
        }
    }

    /// The services that are on the board.
    fn rows(&self) -> Vec<Row> {
        let board =
            supervision::board::read_board(self.path.join(BOARD).join("board").as_os_str().as_bytes());
        board.unwrap().services
    }

    /// The plan is over.
    pub(super) fn end(mut self) {
        self.world.processes.borrow_mut().clear();
        self.world.begun.borrow_mut().clear();
        self.supervisors.clear();
        // Its descriptors are its own; those of the hosts before it have become its own.
        drop(ManuallyDrop::into_inner(self.host));
        sys::fd::close_from_except(3, &self.others);
    }
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&Timespec::default())) != Ok(0)
}
