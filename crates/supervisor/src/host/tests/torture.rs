//! Seeded plans against a simulated system: any effect of a host fails, or a fault strikes before it, and the next host goes
//! on from the journal.
//!
//! A plan is a script (letters, deaths, readiness, time) and the effects that fail, by their number.  After every step no
//! service may have two daemons; when the faults are over, each service must be as its last letter says, with a true
//! status, and a stop must end everything.  The processes and the clock are made up; directories, FIFOs, pipes, the journal
//! and the poller are real.  What fails is shrunk to the shortest plan.
//!
//! A host that a fault ends leaves its descriptors behind, so plans run in a process of their own, which has nothing else:
//! [`plans`] starts it.  `S6_TORTURE_PLANS` is the number of plans, and `S6_TORTURE_SEED` what they are made of.

use super::*;
use crate::host::resume::{Inherited, Predecessor};
use crate::journal::Journal;
use crate::part::{Part, Start};
use crate::system::System;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;
use sys::signal::Signal;
use sys::spawn::Spawn;
use wire::control::Command;
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// The services: one that notifies its readiness, one with a logger, one with a `finish`.
const SERVICES: [&str; 4] = ["ready", "logged", "logged/log", "finishes"];

/// How many plans a run of the tests has.
const PLANS: u32 = 300;

/// What happens to an effect.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The host faults before it.
    Strike,
    /// It fails with this error.
    Fail(i32),
}

/// A step of a script.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A letter to a service.
    Letter(usize, u8),
    /// Its process ends by itself.
    Die(usize),
    /// It notifies its readiness.
    Notify(usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The directory is scanned.
    Scan,
}

/// A simulated process.
#[derive(Debug)]
struct Process {
    /// Its service and its program.
    file: String,
    is_alive: bool,
    is_reaped: bool,
    /// The write end of its notification pipe.
    notification: Option<OwnedFd>,
}

/// The simulated system.
#[derive(Debug, Default)]
struct World {
    now: Cell<Moment>,
    effects: Cell<u32>,
    faults: RefCell<BTreeMap<u32, Fault>>,
    processes: RefCell<BTreeMap<u32, Process>>,
    wrong: RefCell<Vec<String>>,
    /// Nothing fails: a host takes over, whose descriptors an unwinding would close.
    is_quiet: Cell<bool>,
}

/// What a host that faulted unwinds with.
struct Struck;

impl World {
    fn hit(&self) -> Result<(), Errno> {
        if self.is_quiet.get() {
            return Ok(());
        }
        let number = self.effects.get();
        self.effects.set(number + 1);
        match self.faults.borrow_mut().remove(&number) {
            Some(Fault::Strike) => resume_unwind(Box::new(Struck)),
            Some(Fault::Fail(errno)) => Err(Errno::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }

    fn living(&self, file: &str) -> Vec<u32> {
        let processes = self.processes.borrow();
        processes.iter().filter(|(_, p)| p.is_alive && p.file == file).map(|(pid, _)| *pid).collect()
    }

    fn end(&self, pid: u32) {
        if let Some(process) = self.processes.borrow_mut().get_mut(&pid) {
            process.is_alive = false;
            process.notification = None;
        }
    }
}

impl System for World {
    fn before(&self, effect: Effect) -> Result<(), Errno> {
        match (effect, self.hit()) {
            (Effect::Journal, _) => Ok(()),
            (_, result) => result,
        }
    }

    fn now(&self) -> Moment {
        self.now.get()
    }

    fn wall(&self) -> Tai64n {
        Tai64n::from_unix(i64::try_from(self.now.get().as_secs()).unwrap(), 0)
    }

    fn spawn(&self, what: &Spawn<'_>) -> Result<Pid, Errno> {
        self.hit()?;
        let dir =
            what.dir.map(|dir| std::fs::read_link(format!("/proc/self/fd/{}", dir.as_raw_fd())).unwrap());
        let name = |path: &Path| {
            let last = path.file_name().unwrap().to_string_lossy().into_owned();
            let parent = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
            if last == "log" { format!("{parent}/log") } else { last }
        };
        let program = String::from_utf8_lossy(what.file).trim_start_matches("./").to_owned();
        let file = format!("{}:{program}", dir.as_deref().map(name).unwrap_or_default());
        if program == "run" && !self.living(&file).is_empty() {
            self.wrong.borrow_mut().push(format!("{file} is started beside itself"));
        }
        let notification = what.fds.iter().find(|(_, number)| *number == 7);
        let notification = notification.map(|(fd, _)| rustix::io::fcntl_dupfd_cloexec(fd, 0).unwrap());
        let number = 1001 + u32::try_from(self.processes.borrow().len()).unwrap();
        let process = Process { file, is_alive: program == "run", is_reaped: false, notification };
        self.processes.borrow_mut().insert(number, process);
        if let Some(note) = what.note {
            note.store(number, Ordering::Relaxed);
        }
        // The process is there; its parent may fault before it knows.
        let _ = self.hit();
        Ok(pid(number))
    }

    fn supervise(&self, _part: &Part<'_>, _run: fn(&Start, Vec<Vec<u8>>) -> u8) -> Result<Pid, Errno> {
        Err(Errno::NOSYS)
    }

    fn kill(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        // It doesn't fail for lack of anything.
        let _ = self.hit();
        if signal == signal::TERM || signal == signal::KILL || signal == signal::HUP {
            self.end(raw(pid));
        }
        Ok(())
    }

    fn kill_group(&self, leader: Pid, signal: Signal) -> Result<(), Errno> {
        self.kill(leader, signal)
    }

    fn peek(&self) -> Result<Option<(Pid, Ended)>, Errno> {
        let processes = self.processes.borrow();
        let ended = processes.iter().find(|(_, p)| !p.is_alive && !p.is_reaped);
        Ok(ended.map(|(number, _)| (pid(*number), Ended::Exited(0))))
    }

    fn reap(&self, pid: Pid) {
        let _ = self.hit();
        if let Some(process) = self.processes.borrow_mut().get_mut(&raw(pid)) {
            process.is_reaped = true;
        }
        let _ = self.hit();
    }

    fn is_child(&self, pid: Pid) -> bool {
        self.processes.borrow().get(&raw(pid)).is_some_and(|process| !process.is_reaped)
    }

    fn session(&self, _leader: u32) -> Vec<Pid> {
        Vec::new()
    }

    fn has_memory(&self) -> bool {
        true
    }

    fn warn(&self, _name: &str, _text: &str) {}
}

/// A policy that never lets the host wait.
struct Hasty;

impl Policy for Hasty {
    fn deadline(&self) -> Option<Moment> {
        Some(Moment::ZERO)
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
}

/// A host in its world, and the hosts after it.
struct Life {
    path: PathBuf,
    world: &'static World,
    host: ManuallyDrop<Host>,
    /// Descriptors that are none of the host's.
    others: Vec<RawFd>,
    /// The last letter to each service.
    wanted: BTreeMap<&'static str, bool>,
    left: Option<Leave>,
}

fn config() -> Config {
    Config::new("s6-svscan", vec![b"S6_SUPERVISE_PROCESSES=0".to_vec()])
}

fn launch(world: &'static World) -> Launch {
    let mut launch = Launch::new(&[]).unwrap();
    launch.system = world;
    launch
}

impl Life {
    fn new(path: &Path, faults: &[(u32, Fault)]) -> Self {
        for service in SERVICES {
            std::fs::create_dir_all(path.join(service)).unwrap();
            std::fs::write(path.join(service).join("run"), "").unwrap();
        }
        std::fs::write(path.join("ready/notification-fd"), "7").unwrap();
        std::fs::write(path.join("finishes/finish"), "").unwrap();
        let others = sys::fd::open_numbers().unwrap();
        let world: &'static World = Box::leak(Box::default());
        world.now.set(Duration::from_secs(1000));
        let dir = open(path);
        let (lock, control) = take_scandir(dir.as_fd()).unwrap();
        let mut host = Host::assemble(config(), launch(world), dir, lock, control).unwrap();
        host.keep_journal(&Hasty).unwrap();
        world.faults.borrow_mut().extend(faults.iter().copied());
        let wanted = SERVICES.map(|service| (service, true)).into_iter().collect();
        Self { path: path.to_owned(), world, host: ManuallyDrop::new(host), others, wanted, left: None }
    }

    /// The host works until it has nothing to do; after a fault the next one does.
    fn work(&mut self) {
        for _ in 0..40 {
            self.host.has_unreaped |= self.world.peek() != Ok(None);
            let turn = catch_unwind(AssertUnwindSafe(|| {
                self.host.complete_in_flight(&mut Hasty);
                self.host.turn(&mut Hasty)
            }));
            match turn {
                Ok(leave) => self.left = self.left.or(leave),
                Err(why) if why.is::<Struck>() => self.resume(),
                Err(why) => resume_unwind(why),
            }
            if self.left.is_some() {
                return;
            }
        }
    }

    /// The next host takes over, as after an exec.
    fn resume(&mut self) {
        let number = self.host.launch.journal.as_raw().unwrap();
        let mut inherited = Inherited::default();
        let journal = Journal::open(inherited.take(Some(number)).unwrap());
        let dir = open(&self.path);
        let predecessor = Predecessor::read(journal, &mut inherited, dir.as_fd()).unwrap();
        let held = self.world.processes.borrow();
        let notifications = held.values().filter_map(|p| p.notification.as_ref()).map(AsRawFd::as_raw_fd);
        let kept = self.others.iter().copied().chain(notifications).chain([dir.as_raw_fd()]);
        inherited.keep_also(kept.collect());
        drop(held);
        inherited.close_others();
        self.world.is_quiet.set(true);
        let (host, _) = Host::succeed(predecessor, config(), launch(self.world), dir).unwrap();
        self.world.is_quiet.set(false);
        self.host = ManuallyDrop::new(host);
        // As after a real fault, which the handler notes.
        self.host.scan_at = Some(Duration::ZERO);
    }

    fn control(&self, service: &str) -> Option<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path = self.path.join(service).join("supervise/control");
        sys::fs::open(path, flags, Mode::empty()).ok()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Letter(number, letter) => {
                let service = SERVICES[number];
                // Nobody reads it before the supervision has begun.
                if let Some(control) = self.control(service) {
                    rustix::io::write(control, &[letter]).unwrap();
                    match Command::from_letter(letter) {
                        Some(Command::Up) => drop(self.wanted.insert(service, true)),
                        Some(Command::Down) => drop(self.wanted.insert(service, false)),
                        _ => {}
                    }
                }
            }
            Step::Die(number) => {
                let run = format!("{}:run", SERVICES[number]);
                self.world.living(&run).into_iter().for_each(|pid| self.world.end(pid));
            }
            Step::Notify(number) => {
                let run = format!("{}:run", SERVICES[number]);
                for pid in self.world.living(&run) {
                    if let Some(fd) = &self.world.processes.borrow()[&pid].notification {
                        let _ = rustix::io::write(fd, b"\n");
                    }
                }
            }
            Step::Pass(ms) => self.world.now.set(self.world.now() + Duration::from_millis(ms)),
            Step::Scan => drop(rustix::io::write(&self.host.control, b"a")),
        }
        self.work();
    }

    /// What isn't as it should be once the faults are over.
    fn check(&mut self) -> Vec<String> {
        self.world.faults.borrow_mut().clear();
        for _ in 0..8 {
            self.step(Step::Pass(30_000));
        }
        let mut wrong = std::mem::take(&mut *self.world.wrong.borrow_mut());
        for service in SERVICES {
            let living = self.world.living(&format!("{service}:run"));
            let wanted = self.wanted[service];
            if living.len() != usize::from(wanted) {
                wrong.push(format!("{service} should be up: {wanted}, and has the daemons {living:?}"));
            }
            let bytes = std::fs::read(self.path.join(service).join("supervise/status")).unwrap_or_default();
            let status = Status::unpack(&bytes);
            let pid = living.first().copied().unwrap_or(0);
            if status.is_none_or(|status| (status.pid, status.want_up) != (pid, wanted)) {
                wrong.push(format!("the status of {service} isn't true: {status:?}"));
            }
        }
        rustix::io::write(&self.host.control, b"q").unwrap();
        for _ in 0..8 {
            self.step(Step::Pass(30_000));
        }
        if self.left != Some(Leave::Stopped) {
            wrong.push(format!("the host hasn't stopped: {:?}", self.left));
        }
        wrong
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let errors = [Errno::NOMEM, Errno::NFILE, Errno::NOSPC, Errno::AGAIN, Errno::IO, Errno::INTR];
    prop_oneof![
        Just(Fault::Strike),
        prop::sample::select(errors.map(|e| Fault::Fail(e.raw_os_error())).to_vec()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let service = 0..SERVICES.len();
    prop_oneof![
        3 => (service.clone(), prop::sample::select(vec![b'u', b'd', b't'])).prop_map(|(n, l)| Step::Letter(n, l)),
        2 => service.clone().prop_map(Step::Die),
        1 => service.prop_map(Step::Notify),
        2 => prop::sample::select(vec![100_u64, 1000, 5000]).prop_map(Step::Pass),
        1 => Just(Step::Scan),
    ]
}

/// Runs so many plans; nothing else may happen in this process.
fn run(plans: u32, seed: u64) {
    let own = sys::fd::open_numbers().unwrap();
    let runs = Runs { cases: plans, max_shrink_iters: 2000, ..Runs::default() };
    let seed: Vec<u8> = seed.to_be_bytes().repeat(4);
    let mut runner = TestRunner::new_with_rng(runs, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let faults = prop::collection::vec((0_u32..500, fault()), 0..4);
    let plan = (prop::collection::vec(step(), 0..10), faults);
    let outcome = runner.run(&plan, |(script, faults)| {
        let tmp = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut life = Life::new(tmp.path(), &faults);
        life.work();
        script.into_iter().for_each(|step| life.step(step));
        let wrong = life.check();
        life.world.processes.borrow_mut().clear();
        sys::fd::close_from_except(3, &own);
        prop_assert!(wrong.is_empty(), "{wrong:#?}");
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (script, faults))) => {
            panic!("{why}\nscript: {script:?}\nfaults: {faults:?}");
        }
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn plans() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("S6_TORTURE_PLANS").map_or(PLANS, |n| u32::try_from(n).unwrap());
    if std::env::var_os("S6_TORTURE_ALONE").is_some() {
        return run(count, number("S6_TORTURE_SEED").unwrap_or(1));
    }
    let (seed, parts) = (number("S6_TORTURE_SEED").unwrap_or(1), 2);
    let start = |part: u32| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["host::tests::torture::plans", "--exact", "--nocapture", "--test-threads=1"])
            .env("S6_TORTURE_ALONE", "1")
            .env("S6_TORTURE_PLANS", (count / parts).to_string())
            .env("S6_TORTURE_SEED", (seed + u64::from(part)).to_string())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..parts).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}
