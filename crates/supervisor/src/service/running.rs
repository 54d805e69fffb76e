//! A service directory under supervision: carries out what its machine decides.

use super::definition::ServiceDir;
use super::directory::{self, Hold};
use super::machine::{Action, Event, Machine, Now, Saved};
use super::{noexec, tally};
use crate::journal::Memo;
use ipc::relay::{Relay, STREAMS};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use sys::process::Ended;
use sys::signal::{self, Signal};
use sys::spawn::{Spawn, Strings, Window, spawn};
use tool::clock;
use tool::{Fatal, OrUnable};
use wire::control::Command;
use wire::host_memo::{Supervised, Work};
use wire::svstatus::Status;

/// What all children of a host begin with.
#[derive(Debug)]
pub struct Launch {
    /// The environment.
    pub env: Strings,
    /// The limit on open files from before the host raised its own.
    pub open_files: Rlimit,
    null: OwnedFd,
    /// For a host of many services.
    window: Option<Window>,
    /// Where output goes that would go to the host's own.
    pub(crate) relay: Option<Rc<Relay>>,
    /// Of a host that can be re-executed.
    pub(crate) memo: Option<Rc<Memo>>,
}

/// Signals that the host itself ignores.
const RESET: &[Signal] = &[signal::PIPE];

/// Letters that are read from the control FIFO in one go; a command of s6-svc rarely has more than three.
const LETTERS_AT_ONCE: usize = 256;

impl Launch {
    /// For children with this environment; raises the process's own limit on open files as far as it may.
    ///
    /// # Errors
    /// `INVAL` for a NUL byte in the environment; /dev/null cannot be opened.
    pub fn new(env: &[Vec<u8>]) -> Result<Self, Fatal> {
        let env = Strings::new(env).or_unable(|| "read the environment")?;
        let open_files = rustix::process::getrlimit(Resource::Nofile);
        // What can't be raised is what there is: each service that doesn't fit is refused by itself.
        let _ = rustix::process::setrlimit(
            Resource::Nofile,
            Rlimit { current: open_files.maximum, maximum: open_files.maximum },
        );
        let null = sys::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .or_unable(|| "open /dev/null")?;
        Ok(Self { env, open_files, null, window: None, relay: None, memo: None })
    }

    /// Makes starts cheap for a process with many descriptors; to be called while it has few.
    pub fn take_window(&mut self) {
        // Without one it works too, only slower.
        self.window = Window::new().ok();
    }

    /// The file that runs this binary as the tool `name`.
    #[must_use]
    pub fn own_file(name: &str) -> Vec<u8> {
        let file = tool::own_file(name);
        // Without a link of that name beside the binary, the name comes by argv[0] alone.
        if file.contains(&b'/') { file } else { b"/proc/self/exe".to_vec() }
    }

    /// Pipes to the relay, if there is one, for a process that gets only these descriptors, with their numbers.
    pub(crate) fn relayed(&self, name: &[u8], fds: &[(BorrowedFd<'_>, RawFd)]) -> Vec<(OwnedFd, RawFd)> {
        let Some(relay) = &self.relay else { return Vec::new() };
        let mut streams = STREAMS.to_vec();
        streams.retain(|stream| !fds.iter().any(|(_, number)| *number == stream.number()));
        // What can't be relayed now still isn't lost.
        relay.pipes(name, &streams).unwrap_or_default()
    }

    fn note(&self, note: impl FnOnce(&Memo)) {
        if let Some(memo) = &self.memo {
            note(memo);
        }
    }

    /// Starts a program in `dir` with these descriptors, as everything that a host starts.
    ///
    /// # Errors
    /// Why it could not be executed.
    pub fn spawn(
        &self,
        dir: Option<BorrowedFd<'_>>,
        file: &[u8],
        argv: &[&[u8]],
        fds: &[(BorrowedFd<'_>, RawFd)],
    ) -> Result<Pid, Errno> {
        let argv = Strings::new(argv)?;
        spawn(&self.plain(dir, file, &argv, fds))
    }

    fn plain<'a>(
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
        }
    }
}

/// Where a service's standard descriptors lead; what isn't given is inherited from the host.
#[derive(Debug, Default, Clone)]
pub struct Stdio {
    /// Standard input.
    pub input: Option<Rc<OwnedFd>>,
    /// Standard output.
    pub output: Option<Rc<OwnedFd>>,
    /// Standard error.
    pub error: Option<Rc<OwnedFd>>,
}

impl Stdio {
    /// The descriptors that are given, with their numbers.
    #[must_use]
    pub fn descriptors(&self) -> Vec<(BorrowedFd<'_>, RawFd)> {
        let slots = [(&self.input, 0), (&self.output, 1), (&self.error, 2)];
        slots.into_iter().filter_map(|(fd, n)| Some((fd.as_ref()?.as_fd(), n))).collect()
    }
}

/// A service under supervision.
#[derive(Debug)]
pub struct Service {
    dir: ServiceDir,
    name: Vec<u8>,
    /// Given up when the machine leaves.
    hold: Option<Hold>,
    machine: Machine,
    stdio: Stdio,
    detached: bool,
    notification: Option<OwnedFd>,
    /// No status was written yet.
    is_new: bool,
    /// To be done when the machine has come to rest: one status and one event write for all that happened.
    unwritten: Option<Status>,
    unsaid: Vec<u8>,
    actions: Vec<Action>,
}

/// The time by both clocks.
fn now() -> Now {
    Now { moment: clock::now(), wall: clock::wall() }
}

impl Service {
    /// Becomes the supervisor of the directory behind `fd`, and starts its service if it is wanted up.
    ///
    /// `name` is what `run` and `finish` get as argument.
    ///
    /// # Errors
    /// Code 100: somebody else supervises the directory, or it isn't fit for it; 111: the system failed.
    pub fn begin(fd: OwnedFd, name: &[u8], stdio: Stdio, launch: &Launch) -> Result<Self, Fatal> {
        let hold = directory::hold(fd.as_fd())?;
        let dir = ServiceDir::new(fd, name);
        let want_up = !dir.has("down");
        let mut service = Self {
            dir,
            name: name.to_vec(),
            hold: Some(hold),
            machine: Machine::new(want_up, now()),
            stdio,
            detached: false,
            notification: None,
            is_new: true,
            unwritten: None,
            unsaid: Vec::new(),
            actions: Vec::new(),
        };
        service.machine.begin(&mut service.actions);
        service.perform(launch);
        Ok(service)
    }

    /// Goes on with a service that a host before has left; `fds` are the directory, its control FIFO, its lock and
    /// the notification pipe.
    pub(crate) fn resume(
        saved: &Supervised,
        (dir, control, lock, notification): (OwnedFd, OwnedFd, OwnedFd, Option<OwnedFd>),
        name: &[u8],
        stdio: Stdio,
    ) -> Self {
        let Supervised { status, deadline, next_start, dying, leaving, .. } = *saved;
        let mut service = Self {
            dir: ServiceDir::new(dir, name),
            name: name.to_vec(),
            hold: Some(Hold { control, lock }),
            machine: Machine::resume(&Saved { status, deadline, next_start, dying, leaving }),
            stdio,
            detached: false,
            notification,
            is_new: false,
            unwritten: None,
            unsaid: Vec::new(),
            actions: Vec::new(),
        };
        if saved.detached {
            service.act(Action::Detach);
        }
        service
    }

    /// What [`Service::resume`] goes on with; `None` when the service has left.
    pub(crate) fn save(&self) -> Option<Supervised> {
        let hold = self.hold.as_ref()?;
        let Saved { status, deadline, next_start, dying, leaving } = self.machine.save();
        Some(Supervised {
            dir: Some(self.dir.as_fd().as_raw_fd()),
            control: Some(hold.control.as_raw_fd()),
            lock: Some(hold.lock.as_raw_fd()),
            notification: self.notification.as_ref().map(AsRawFd::as_raw_fd),
            detached: self.detached,
            status,
            deadline,
            next_start,
            dying,
            leaving,
        })
    }

    /// Takes hold of a process that runs `run`, started by a host before.
    pub(crate) fn take_over(&mut self, pid: Pid, notification: Option<OwnedFd>, launch: &Launch) {
        self.notification = notification;
        self.feed(Event::Started(pid.as_raw_nonzero().get().unsigned_abs()), launch);
    }

    /// The service directory.
    pub(crate) fn dir(&self) -> &ServiceDir {
        &self.dir
    }

    /// The control FIFO; `None` when the service has left.
    #[must_use]
    pub fn control(&self) -> Option<BorrowedFd<'_>> {
        self.hold.as_ref().map(|h| h.control.as_fd())
    }

    /// The descriptor on which the service notifies its readiness, while that is waited for.
    #[must_use]
    pub fn notification(&self) -> Option<BorrowedFd<'_>> {
        self.notification.as_ref().map(AsFd::as_fd)
    }

    /// The state machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether supervision has ended.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.hold.is_none()
    }

    /// Whether the service is to go on without the host's standard input and output.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.detached
    }

    /// What `run` gets as argument.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Changes what the standard descriptors of the next processes lead to.
    pub fn set_stdio(&mut self, stdio: Stdio) {
        if !self.detached {
            self.stdio = stdio;
        }
    }

    /// Takes an event.
    pub fn feed(&mut self, event: Event, launch: &Launch) {
        self.machine.step(event, now(), &mut self.dir, &mut self.actions);
        self.perform(launch);
    }

    /// Takes what has come in through the control FIFO.
    ///
    /// All letters of one command come before any other event: after `du` a service that dies at once is wanted up.
    pub fn read_control(&mut self, launch: &Launch) {
        for _ in 0..LETTERS_AT_ONCE {
            let Some(hold) = &self.hold else { return };
            // One at a time: the others stay where they are safe.
            let mut letter = [0; 1];
            match rustix::io::read(&hold.control, &mut letter) {
                Ok(0) | Err(Errno::AGAIN | Errno::INTR) => return,
                Ok(_) => {
                    let [letter] = letter;
                    if let Some(command) = Command::from_letter(letter) {
                        launch.note(|memo| memo.begin_here(Work::LETTER, letter.into()));
                        self.feed(Event::Command(command), launch);
                    }
                }
                Err(e) => return self.dir.warn_unable("read supervise/control", e),
            }
        }
    }

    /// Takes what has come in on the notification descriptor: a newline means ready.
    pub fn read_notification(&mut self, launch: &Launch) {
        let Some(fd) = &self.notification else { return };
        let mut bytes = [0; 512];
        match rustix::io::read(fd, &mut bytes) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(n) if n > 0 => {
                if bytes.iter().take(n).any(|b| *b == b'\n') {
                    launch.note(|memo| memo.begin_here(Work::READY, 0));
                    self.feed(Event::Ready, launch);
                }
            }
            Ok(_) | Err(_) => self.notification = None,
        }
    }

    /// Carries out what the machine has decided, until it comes to rest.
    fn perform(&mut self, launch: &Launch) {
        let mut next = 0_usize;
        while let Some(action) = self.actions.get(next).copied() {
            next = next.saturating_add(1);
            let answer = match action {
                Action::Start => {
                    if self.is_new {
                        // The service, or who hears from it, may ask for its status at once.
                        self.write_status();
                    }
                    Some(self.start(launch))
                }
                Action::Finish(how, pid) => Some(self.finish(how, pid, launch)),
                _ => {
                    self.act(action);
                    None
                }
            };
            if let Some(event) = answer {
                self.machine.step(event, now(), &mut self.dir, &mut self.actions);
            }
        }
        self.actions.clear();
        self.tell();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Signal(pid, signal) => self.kill(pid, signal, sys::process::kill),
            Action::SignalGroup(pid, signal) => self.kill(pid, signal, sys::process::kill_group),
            Action::Publish(status) => self.unwritten = Some(status),
            Action::Announce(letters) => self.unsaid.extend_from_slice(letters),
            Action::Record(death) => tally::record(&self.dir, death),
            Action::MakeDownFile => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
                if let Err(e) = sys::fs::openat(&self.dir, "down", flags, Mode::from_raw_mode(0o666)) {
                    self.dir.warn_unable("create ./down", e);
                }
            }
            Action::RemoveDownFile => match sys::fs::unlinkat(&self.dir, "down", AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => self.dir.warn_unable("remove ./down", e),
            },
            Action::Detach => {
                self.detached = true;
                self.stdio.input = None;
                self.stdio.output = None;
            }
            Action::ForgetNotification => self.notification = None,
            Action::Warn(text) => self.dir.warn(text),
            Action::Leave => {
                // What else the command said, as `d` after `x`, isn't meant for the next supervisor.
                if let Some(hold) = &self.hold {
                    let _ = rustix::io::read(&hold.control, &mut [0; LETTERS_AT_ONCE]);
                }
                // Whoever hears that we leave finds the directory free.
                self.hold = None;
                self.stdio = Stdio::default();
                self.notification = None;
            }
            Action::Start | Action::Finish(..) => {}
        }
    }

    fn kill(&self, pid: u32, signal: Signal, kill: fn(Pid, Signal) -> Result<(), Errno>) {
        let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
        match kill(target, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(e) => self.dir.warn_unable(&format!("send signal {signal} to {pid}"), e),
        }
    }

    fn write_status(&mut self) {
        let Some(status) = self.unwritten.take() else { return };
        self.is_new = false;
        if let Err(e) = directory::write_status(&self.dir, &status) {
            self.dir.warn_unable("write supervise/status", e);
        }
    }

    /// Writes the status, then sends the events.
    fn tell(&mut self) {
        self.write_status();
        if self.unsaid.is_empty() {
            return;
        }
        if let Err(e) = supervision::fifodir::notify_at(self.dir.as_fd(), b"event", &self.unsaid) {
            self.dir.warn_unable("notify event", e);
        }
        self.unsaid.clear();
    }

    /// The standard descriptors of the next process.
    fn descriptors<'a>(&'a self, launch: &'a Launch) -> Vec<(BorrowedFd<'a>, RawFd)> {
        let mut fds = self.stdio.descriptors();
        if self.detached {
            fds.retain(|(_, n)| *n > 1);
            fds.extend([(launch.null.as_fd(), 0), (launch.null.as_fd(), 1)]);
        }
        fds
    }

    fn start(&mut self, launch: &Launch) -> Event {
        if let Some((pid, notification)) = launch.memo.as_ref().and_then(|memo| memo.adopt()) {
            self.notification = notification;
            return Event::Started(pid.as_raw_nonzero().get().unsigned_abs());
        }
        match self.spawn_run(launch) {
            Ok((pid, notification)) => {
                self.notification = notification;
                Event::Started(pid)
            }
            Err(retry) => Event::NotStarted { retry },
        }
    }

    /// Starts a program; a script of this directory, which is given with its arguments, also where it may not be executed.
    fn execute(&self, what: Spawn<'_>, script: Option<(&str, &[&[u8]])>) -> Result<Pid, Errno> {
        let refused = match spawn(&what) {
            Err(Errno::ACCESS) => Errno::ACCESS,
            done => return done,
        };
        let words = script.and_then(|(name, arguments)| noexec::around(self.dir.as_fd(), name, arguments));
        let Some((words, file)) = words.as_ref().and_then(|w| Some((w, w.first()?))) else {
            return Err(refused);
        };
        let argv = Strings::new(words)?;
        spawn(&Spawn { file, argv: &argv, ..what })
    }

    /// Executes `run`; an error is printed, and tells whether to try again.
    fn spawn_run(&self, launch: &Launch) -> Result<(u32, Option<OwnedFd>), bool> {
        let limit = launch.open_files.current.unwrap_or(u64::MAX);
        let pid_namespace = self.dir.has("flag-newpidns");
        let lock = self.dir.descriptor("lock-fd", limit);
        let notification = self.dir.descriptor("notification-fd", limit);
        if lock.is_some() && lock == notification {
            self.dir.warn("unable to start: notification-fd and lock-fd are the same");
            return Err(false);
        }
        let wait = |to_do: &str, reason: &str| {
            self.dir.warn(&format!("unable to {to_do} (waiting 60 seconds): {reason}"));
            true
        };
        let number = lock.map(|n| n.to_string());
        let mut argv: Vec<&[u8]> = Vec::with_capacity(8);
        let mut file = b"./run".to_vec();
        if let Some(number) = &number {
            self.check_service_lock().map_err(|e| wait("open the service lock", &sys::strerror(e)))?;
            file = Launch::own_file("s6-setlock");
            argv.extend([&b"s6-setlock"[..], b"-d", number.as_bytes(), b"--", SERVICE_LOCK.as_bytes()]);
        }
        argv.extend([&b"./run"[..], &self.name]);
        let argv = Strings::new(&argv).map_err(|_| false)?;
        let pipe = notification
            .map(|n| notification_pipe().map(|(r, w)| (r, w, n)))
            .transpose()
            .map_err(|e| wait("make a notification pipe", &sys::strerror(e)))?;
        let mut fds = self.descriptors(launch);
        if let Some((_, writer, n)) = &pipe {
            fds.retain(|(_, number)| number != n);
            fds.push((writer.as_fd(), *n));
        }
        let relayed = launch.relayed(&self.name, &fds);
        fds.extend(relayed.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        launch.note(|memo| memo.starting(pipe.as_ref().map(|(reader, _, _)| reader.as_fd())));
        let plain = launch.plain(Some(self.dir.as_fd()), &file, &argv, &fds);
        let words = [self.name.as_slice()];
        let script = number.is_none().then_some(("run", &words[..]));
        match self.execute(Spawn { session: true, pid_namespace, ..plain }, script) {
            Ok(pid) => Ok((pid.as_raw_nonzero().get().unsigned_abs(), pipe.map(|(r, _, _)| r))),
            Err(e) => Err(wait("spawn ./run", &tool::exec_failure::explain(self.dir.as_fd(), b"run", e))),
        }
    }

    /// Says it if an earlier instance still runs; the new one will wait for it.
    fn check_service_lock(&self) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let lock = sys::fs::openat(&self.dir, SERVICE_LOCK, flags, Mode::from_raw_mode(0o666))?;
        if rustix::fs::fstat(&lock)?.st_size != 0 {
            self.dir.warn("a previous instance of the service wrote to the lock file");
            rustix::fs::ftruncate(&lock, 0)?;
        }
        if sys::lock::is_locked(&lock)? {
            self.dir.warn("another instance of the service is already running: the new one will wait for it");
        }
        Ok(())
    }

    fn finish(&mut self, how: Ended, pid: u32, launch: &Launch) -> Event {
        if let Some((pid, _)) = launch.memo.as_ref().and_then(|memo| memo.adopt()) {
            return Event::FinishStarted(pid.as_raw_nonzero().get().unsigned_abs());
        }
        if !self.dir.has("finish") {
            return Event::NoFinish;
        }
        let (code, signal) = match how {
            Ended::Exited(code) => (u16::from(code), 0),
            Ended::Killed(signal) => (256, signal),
        };
        let words = [code.to_string(), signal.to_string(), pid.to_string()];
        let [code, signal, pid] = words.each_ref().map(|w| w.as_bytes());
        let Ok(argv) = Strings::new(&[b"finish", code, signal, self.name.as_slice(), pid]) else {
            return Event::NoFinish;
        };
        let mut fds = self.descriptors(launch);
        let relayed = launch.relayed(&self.name, &fds);
        fds.extend(relayed.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        launch.note(|memo| memo.starting(None));
        let plain = launch.plain(Some(self.dir.as_fd()), b"./finish", &argv, &fds);
        let words = [code, signal, self.name.as_slice(), pid];
        match self.execute(Spawn { session: true, ..plain }, Some(("finish", &words))) {
            Ok(pid) => Event::FinishStarted(pid.as_raw_nonzero().get().unsigned_abs()),
            Err(e) => {
                let reason = tool::exec_failure::explain(self.dir.as_fd(), b"finish", e);
                self.dir.warn(&format!("unable to spawn ./finish: {reason}"));
                Event::NoFinish
            }
        }
    }
}

const SERVICE_LOCK: &str = "supervise/service-lock";

/// A pipe whose read end doesn't block; the service's end is an ordinary one.
fn notification_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    Ok((reader, writer))
}
