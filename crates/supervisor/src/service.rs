//! One supervised service: its directory, its state machine, and what connects them.
//!
//! [`machine`] decides, [`Service`] carries out: it owns the descriptors, writes the status, starts the processes.  The
//! process that hosts services (one in `s6-supervise`, all of a scan directory in [`crate::host`]) waits for the control
//! FIFO, the notification, the deadline and the end of the process of each [`Service`], and feeds it the events.
//!
//! Nothing here panics: these modules run in pid 1.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) mod crash_loop;
mod ends;
pub(crate) mod hold;
pub mod machine;
pub mod over;
mod owed;
mod policy;
pub(crate) mod service_dir;
mod shown;
mod tally;
mod telling;

use crate::launch::{Launch, Stdio};
use crate::memory::Cause;
use crate::noexec;
use crate::system::{Effect, raw};
use crash_loop::{CrashLoop, Report};
use hold::Hold;
use machine::{Action, Event, Machine, Now, Outlook, Retry, Saved};
use owed::{Kind, Owed};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use service_dir::ServiceDir;
use shown::Shown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use sys::process::Ended;
use sys::signal::{CONT, Signal};
use sys::spawn::{Spawn, Strings};
use tool::clock::Moment;
use tool::{Fatal, OrUnable};
use wire::control::Command;
use wire::host_journal::Supervised;
use wire::restarts::Restarts;
use wire::svstatus::{SIZE, Status};

/// At most this many letters are read from the control FIFO in one go; a command of s6-svc rarely has more than three.
pub(crate) const LETTERS_AT_ONCE: usize = 256;

/// At most this many bytes are read from the notification descriptor in one go.
pub(crate) const SAID_AT_ONCE: usize = 512;

/// So often in a row a notification pipe may fail to be read.
const FAILED_READS: u8 = 8;

/// The lock that `run` inherits if the directory has a `lock-fd`.
const SERVICE_LOCK: &str = "supervise/service-lock";

/// A service under supervision.
#[derive(Debug)]
pub struct Service {
    dir: ServiceDir,
    name: Vec<u8>,
    /// `None` once supervision has ended.
    hold: Option<Hold>,
    machine: Machine,
    stdio: Stdio,
    detached: bool,
    notification: Option<OwnedFd>,
    /// No status has been written so far.
    is_new: bool,
    /// Kept until the machine is at rest: all that has happened takes one status and one write of events.
    unwritten: Option<Status>,
    unsent: Vec<u8>,
    /// What couldn't be written.
    owed: Owed,
    /// How often in a row the notification pipe couldn't be read.
    failed_reads: u8,
    actions: Vec<Action>,
    /// Why `run` ended the last time.
    cause: Cause,
    crashes: CrashLoop,
    /// What is to be reported of them.
    report: Option<Report>,
    /// What everybody may know.
    shown: Shown,
}

/// The time by both clocks.
fn now(launch: &Launch) -> Now {
    Now { moment: launch.system.now(), wall: launch.system.wall() }
}

impl Service {
    /// Becomes the supervisor of the directory behind `fd`, and starts its service if it is wanted up.
    ///
    /// `name` is the argument of `run` and `finish`.
    ///
    /// # Errors
    /// Code 100: another process supervises the directory, or it isn't fit for supervision; 111: the system failed.
    pub fn begin(fd: OwnedFd, name: &[u8], stdio: Stdio, launch: &Launch) -> Result<Self, Fatal> {
        let mut service = Self::open(fd, name, stdio, launch)?;
        service.announce(launch);
        Ok(service)
    }

    /// As [`Service::begin`], without a word to anybody: [`Service::announce`] follows when the journal has the service.
    ///
    /// # Errors
    /// As [`Service::begin`].
    pub(crate) fn open(fd: OwnedFd, name: &[u8], stdio: Stdio, launch: &Launch) -> Result<Self, Fatal> {
        launch.system.before(Effect::Hold).or_unable(|| "take its directory")?;
        let hold = hold::take(fd.as_fd())?;
        let dir = ServiceDir::new(fd, name);
        let want_up = !dir.has("down");
        Ok(Self {
            dir,
            name: name.to_vec(),
            hold: Some(hold),
            machine: Machine::new(want_up, now(launch)),
            stdio,
            detached: false,
            notification: None,
            is_new: true,
            unwritten: None,
            unsent: Vec::new(),
            owed: Owed::default(),
            failed_reads: 0,
            actions: Vec::new(),
            cause: Cause::default(),
            crashes: CrashLoop::default(),
            report: None,
            shown: Shown::default(),
        })
    }

    /// Announces the supervision, and starts the service if it is wanted up.
    pub(crate) fn announce(&mut self, launch: &Launch) {
        self.tell_of_supervision(launch);
        let before = self.before(Event::Timeout, launch);
        self.machine.begin(&mut self.actions);
        self.perform(launch);
        self.tell(Event::Timeout, before, launch);
        self.publish(launch);
        launch.journal.save(|| self.save());
    }

    /// Takes over a service from a supervisor process that was killed.
    ///
    /// # Errors
    /// As [`Service::begin`].
    pub(crate) fn succeed(
        saved: &Supervised,
        fd: OwnedFd,
        name: &[u8],
        notification: Option<OwnedFd>,
    ) -> Result<Self, Fatal> {
        let hold = hold::take_again(fd.as_fd())?;
        Ok(Self::resume(saved, fd, hold, notification, name, Stdio::default()))
    }

    /// Takes over a service from a former host, with the directory and the notification pipe.
    pub(crate) fn resume(
        saved: &Supervised,
        dir: OwnedFd,
        hold: Hold,
        notification: Option<OwnedFd>,
        name: &[u8],
        stdio: Stdio,
    ) -> Self {
        let Supervised { status, deadline, next_start, dying, leaving, .. } = *saved;
        let restarts = saved.restarts.clone();
        let mut service = Self {
            dir: ServiceDir::new(dir, name),
            name: name.to_vec(),
            hold: Some(hold),
            machine: Machine::resume(&Saved { status, deadline, next_start, dying, leaving, restarts }),
            stdio,
            detached: false,
            notification,
            is_new: false,
            unwritten: None,
            unsent: Vec::new(),
            owed: Owed::default(),
            failed_reads: 0,
            actions: Vec::new(),
            cause: Cause::default(),
            crashes: CrashLoop::default(),
            report: None,
            shown: Shown::default(),
        };
        if saved.detached {
            service.detach();
        }
        if saved.down_file {
            service.owed.owe_down_file_now();
        }
        if !saved.deaths.is_empty() {
            service.owed.owe_deaths_now(tally::missing(&service.dir, &saved.deaths));
        }
        // The status is what the journal says; what the former host owed isn't in it.
        if !hold::has_status(&service.dir, &status) {
            service.owed.owe_status_now(status);
        }
        service
    }

    /// Takes over a service whose state is lost but for its status file: its process, if that is a child of this one;
    /// `None` if there is no such process.
    ///
    /// # Errors
    /// As [`Service::begin`].
    pub(crate) fn find(
        dir: &OwnedFd,
        name: &[u8],
        stdio: Stdio,
        launch: &Launch,
        is_known: impl Fn(u32) -> bool,
    ) -> Result<Option<Self>, Fatal> {
        let status = files::read_file(dir, hold::STATUS.as_bytes(), SIZE).ok();
        let Some(status) = status.and_then(|bytes| Status::unpack(&bytes)) else { return Ok(None) };
        let pid = i32::try_from(status.pid).ok().and_then(Pid::from_raw);
        if is_known(status.pid) || !pid.is_some_and(|pid| launch.system.is_child(pid)) {
            return Ok(None);
        }
        let held = hold::take_again(dir.as_fd())?;
        let dir = rustix::io::fcntl_dupfd_cloexec(dir, 0).or_unable(|| "open its files")?;
        let saved = Supervised {
            dir: None,
            control: None,
            lock: None,
            notification: None,
            detached: false,
            status,
            deadline: None,
            next_start: None,
            dying: false,
            leaving: false,
            down_file: false,
            deaths: Vec::new(),
            restarts: Restarts::default(),
        };
        Ok(Some(Self::resume(&saved, dir, held, None, name, stdio)))
    }

    /// The state for [`Service::resume`]; `None` once supervision has ended.
    pub(crate) fn save(&self) -> Option<Supervised> {
        let hold = self.hold.as_ref()?;
        let Saved { status, deadline, next_start, dying, leaving, restarts } = self.machine.save();
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
            down_file: self.owed.down_file,
            deaths: self.owed.latest_deaths(),
            restarts,
        })
    }

    /// Adopts a process of `run` that a former host started.
    pub(crate) fn adopt(&mut self, pid: Pid, notification: Option<OwnedFd>, launch: &Launch) {
        self.notification = notification;
        self.feed(Event::Started(raw(pid)), launch);
    }

    /// The service directory's descriptor, of a service whose supervision has ended.
    pub(crate) fn into_dir(self) -> OwnedFd {
        self.dir.into()
    }

    /// The service directory.
    pub(crate) fn dir(&self) -> &ServiceDir {
        &self.dir
    }

    /// The control FIFO; `None` once supervision has ended.
    #[must_use]
    pub fn control(&self) -> Option<BorrowedFd<'_>> {
        self.hold.as_ref().map(|h| h.control.as_fd())
    }

    /// The descriptor on which the service notifies its readiness, as long as it hasn't.
    #[must_use]
    pub fn notification(&self) -> Option<BorrowedFd<'_>> {
        self.notification.as_ref().map(AsFd::as_fd)
    }

    /// The state machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// When [`Event::Timeout`] is due: the machine's deadline, or the time to write what is owed.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.machine.deadline().into_iter().chain(self.owed.deadline()).min()
    }

    /// Whether supervision has ended.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.hold.is_none()
    }

    /// Whether the next processes get /dev/null for the host's standard input and output.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.detached
    }

    /// Changes where the standard descriptors of the next processes lead.
    pub(crate) fn set_stdio(&mut self, stdio: Stdio) {
        if !self.detached {
            self.stdio = stdio;
        }
    }

    /// Handles an event.
    pub fn feed(&mut self, event: Event, launch: &Launch) {
        match event {
            Event::Command(command) => launch.journal.handle_command(command),
            Event::Ready => launch.journal.handle_readiness(),
            _ => {}
        }
        let before = self.before(event, launch);
        let is_owed_only = event == Event::Timeout && !self.is_machine_due(launch);
        if !is_owed_only {
            self.machine.step(event, now(launch), &mut self.dir, &mut self.actions);
        }
        self.perform(launch);
        // Whoever hears of it finds it on the board.
        self.tell(event, before, launch);
        self.publish(launch);
        launch.journal.save(|| self.save());
    }

    /// Handles the end of the service's process, which had at most so much memory, in bytes.
    pub(crate) fn ended(&mut self, how: Ended, peak: Option<u64>, launch: &Launch) {
        self.shown.set_peak(peak);
        if self.machine.is_up() {
            self.note_end(how, peak, launch);
        }
        self.feed(Event::Ended(how), launch);
    }

    /// Why `run` ended the last time.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    fn is_machine_due(&self, launch: &Launch) -> bool {
        self.machine.deadline().is_some_and(|at| at <= launch.system.now())
    }

    /// Reads and handles the letters in the control FIFO.
    ///
    /// All letters of one write come before any other event: after `du`, a service that dies at once is wanted up.
    pub fn read_control(&mut self, launch: &Launch) {
        for _ in 0..LETTERS_AT_ONCE {
            let Some(hold) = &self.hold else { return };
            // One at a time: a fault doesn't lose the others, which are still in the FIFO.
            let ready = launch.system.before(Effect::Read);
            match ready.and_then(|()| launch.journal.read_letter(hold.control.as_fd())) {
                Ok(None) | Err(Errno::AGAIN | Errno::INTR) => return,
                Ok(Some(letter)) => {
                    if let Some(command) = Command::from_letter(letter) {
                        self.feed(Event::Command(command), launch);
                    }
                }
                Err(e) => return self.dir.warn_unable("read supervise/control", e),
            }
        }
    }

    /// Reads the notification descriptor: a newline means ready.
    pub fn read_notification(&mut self, launch: &Launch) {
        let Some(fd) = &self.notification else { return };
        let ready = launch.system.before(Effect::Read);
        match ready.and_then(|()| launch.journal.read_said(fd.as_fd())) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // What fails once is tried again: it is still readable.
            Err(_) if self.failed_reads < FAILED_READS => {
                self.failed_reads = self.failed_reads.saturating_add(1);
            }
            Ok(bytes) if !bytes.is_empty() => {
                self.failed_reads = 0;
                if bytes.contains(&b'\n') {
                    self.feed(Event::Ready, launch);
                }
            }
            Ok(_) | Err(_) => self.forget_notification(launch),
        }
    }

    /// The service can't notify its readiness any more.
    pub(crate) fn forget_notification(&mut self, launch: &Launch) {
        launch.journal.close(self.notification.take());
        launch.journal.save(|| self.save());
    }

    /// Carries out the machine's actions until it is at rest.
    fn perform(&mut self, launch: &Launch) {
        let mut next = 0_usize;
        while let Some(action) = self.actions.get(next).copied() {
            next = next.saturating_add(1);
            let answer = match action {
                Action::Start => {
                    if self.is_new {
                        // The service, or a listener of its events, may ask for the status at once.
                        self.write_status(launch);
                    }
                    Some(self.start(launch))
                }
                Action::Finish(how, pid, outlook) => Some(self.finish(how, pid, outlook, launch)),
                _ => {
                    self.act(action, launch);
                    None
                }
            };
            if let Some(event) = answer {
                self.machine.step(event, now(launch), &mut self.dir, &mut self.actions);
            }
        }
        self.actions.clear();
    }

    fn act(&mut self, action: Action, launch: &Launch) {
        match action {
            Action::Signal(pid, signal) => self.kill(pid, signal, |pid| launch.system.kill(pid, signal)),
            Action::SignalGroup(pid, signal) => {
                self.kill(pid, signal, |pid| launch.system.kill_group(pid, signal));
            }
            Action::SignalSession(leader, signal) => {
                for pid in launch.system.session(leader) {
                    self.kill(raw(pid), signal, |pid| launch.system.kill(pid, signal));
                    let _ = launch.system.kill(pid, CONT);
                }
            }
            Action::NameSession(leader) => self.name_session(&launch.system.session(leader)),
            Action::Publish(status) => self.unwritten = Some(status),
            Action::Announce(events) => self.unsent.extend(events.iter().map(|event| event.letter())),
            Action::Record(death) => {
                self.owed.deaths.push(death);
                // `finish` may look at it.
                self.write_files();
            }
            Action::MakeDownFile => {
                self.owed.down_file = true;
                self.write_files();
            }
            Action::RemoveDownFile => {
                self.owed.down_file = false;
                match sys::fs::unlinkat(&self.dir, "down", AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(e) => self.dir.warn_unable("remove ./down", e),
                }
            }
            Action::Detach => self.detach(),
            Action::ForgetNotification => launch.journal.close(self.notification.take()),
            Action::Warn(text) => self.dir.warn(text),
            Action::Over => self.report_over(launch),
            Action::Leave => {
                // The letters after this one, as `d` in `xd`, aren't meant for the next supervisor.
                if let Some(hold) = &self.hold {
                    let _ = rustix::io::read(&hold.control, &mut [0; LETTERS_AT_ONCE]);
                }
                // A listener that hears of the exit finds the directory free.
                self.hold = None;
                self.stdio = Stdio::default();
                launch.journal.close(self.notification.take());
            }
            Action::Start | Action::Finish(..) => {}
        }
    }

    fn detach(&mut self) {
        self.detached = true;
        self.stdio.input = None;
        self.stdio.output = None;
    }

    fn kill(&self, pid: u32, signal: Signal, kill: impl FnOnce(Pid) -> Result<(), Errno>) {
        let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
        match kill(target) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(e) => self.dir.warn_unable(&format!("send signal {signal} to {pid}"), e),
        }
    }

    /// Writes the status if it has changed or is owed.
    fn write_status(&mut self, launch: &Launch) {
        if let Some(status) = self.unwritten.take() {
            self.is_new = false;
            self.owed.status = Some(status);
        }
        if let Some(status) = self.owed.status {
            let written = launch.system.before(Effect::Status);
            let written = written.and_then(|()| hold::write_status(&self.dir, &status));
            if written.is_ok() {
                self.owed.status = None;
            }
            self.note(Kind::Status, written);
        }
    }

    /// Writes the other files that have changed or are owed.
    fn write_files(&mut self) {
        if !self.owed.deaths.is_empty() {
            let recorded = tally::record(&self.dir, &mut self.owed.deaths);
            self.note(Kind::Deaths, recorded);
        }
        if self.owed.down_file {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
            let made = sys::fs::openat(&self.dir, "down", flags, Mode::from_raw_mode(0o666)).map(drop);
            self.owed.down_file = made.is_err();
            self.note(Kind::DownFile, made);
        }
    }

    /// Warns of the first failure of a kind, and when it is over.
    fn note(&mut self, kind: Kind, result: Result<(), Errno>) {
        match result {
            Err(e) if self.owed.is_first_failure(kind) => self.dir.warn_unable(kind.to_do(), e),
            Ok(()) if self.owed.is_first_success(kind) => self.dir.warn(kind.done()),
            _ => {}
        }
    }

    /// Writes what is to be written, then sends the events.
    fn publish(&mut self, launch: &Launch) {
        self.write_files();
        self.write_status(launch);
        if !self.unsent.is_empty() || !self.owed.events.is_empty() {
            self.notify(launch);
        }
        if self.hold.is_none() {
            // The files are another supervisor's by now.
            self.owed = Owed::default();
        } else if !self.owed.is_empty() || self.owed.deadline().is_some() {
            self.owed.settle(launch.system.now());
        }
    }

    /// Sends the events that haven't been sent.
    fn notify(&mut self, launch: &Launch) {
        let now = launch.system.wall();
        let kept = self.owed.events.owe(&self.unsent, now);
        self.unsent.clear();
        let ready = launch.system.before(Effect::Notify);
        let sent = ready.and_then(|()| self.owed.events.send(self.dir.as_fd(), b"event", now));
        match kept.and(sent) {
            Ok(()) => [Kind::Events, Kind::LostEvents].into_iter().for_each(|kind| self.note(kind, Ok(()))),
            Err(e @ (Errno::OVERFLOW | Errno::USERS)) => self.note(Kind::LostEvents, Err(e)),
            Err(e) => self.note(Kind::Events, Err(e)),
        }
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
        if let Some((pid, notification)) = launch.journal.adopt() {
            self.notification = notification;
            return Event::Started(raw(pid));
        }
        match self.spawn_run(launch) {
            Ok((pid, notification)) => {
                self.crashes.started(pid, launch.system.now());
                self.shown.set_readiness(notification.is_some());
                self.notification = notification;
                Event::Started(pid)
            }
            Err(retry) => Event::NotStarted(retry),
        }
    }

    /// Starts a process of the service, which the journal notes before.
    ///
    /// A script of this directory, given with its arguments, is also started where the file system forbids to execute
    /// it.
    fn execute(
        &self,
        what: Spawn<'_>,
        script: Option<(&str, &[&[u8]])>,
        notification: Option<BorrowedFd<'_>>,
        launch: &Launch,
    ) -> Result<Pid, Errno> {
        launch.journal.starting(notification);
        let spawn =
            |what: Spawn<'_>| launch.journal.with_note(|note| launch.system.spawn(&Spawn { note, ..what }));
        let refused = match spawn(what) {
            Err(Errno::ACCESS) => Errno::ACCESS,
            done => return done,
        };
        let words = script.and_then(|(name, arguments)| noexec::around(self.dir.as_fd(), name, arguments));
        let Some((words, file)) = words.as_ref().and_then(|w| Some((w, w.first()?))) else {
            return Err(refused);
        };
        let argv = Strings::new(words)?;
        spawn(Spawn { file, argv: &argv, ..what })
    }

    /// Executes `run`.  Prints an error, and gives when to try again.
    fn spawn_run(&self, launch: &Launch) -> Result<(u32, Option<OwnedFd>), Retry> {
        let limit = launch.open_files.current.unwrap_or(u64::MAX);
        let pid_namespace = self.dir.has("flag-newpidns");
        let failed = |to_do: &str, e: Errno, reason: &str| self.start_failed(to_do, e, reason);
        let descriptor = |file: &str| {
            let read = self.dir.descriptor(file, limit);
            read.map_err(|e| failed(&format!("read {file}"), e, sys::strerror(e)))
        };
        let (lock, notification) = (descriptor("lock-fd")?, descriptor("notification-fd")?);
        if lock.is_some() && lock == notification {
            self.dir.warn("unable to start: notification-fd and lock-fd are the same");
            return Err(Retry::Never);
        }
        let number = lock.map(|n| n.to_string());
        let mut argv: Vec<&[u8]> = Vec::with_capacity(8);
        let mut file = b"./run".to_vec();
        if let Some(number) = &number {
            // s6-setlock executes it, so that its failure isn't heard of.
            tool::exec_failure::foresee(self.dir.as_fd(), b"run").map_err(|e| {
                failed("spawn ./run", e, &tool::exec_failure::explain(self.dir.as_fd(), b"run", e))
            })?;
            self.check_service_lock().map_err(|e| failed("open the service lock", e, sys::strerror(e)))?;
            file = Launch::own_file("s6-setlock");
            argv.extend([&b"s6-setlock"[..], b"-d", number.as_bytes(), b"--", SERVICE_LOCK.as_bytes()]);
        }
        argv.extend([&b"./run"[..], &self.name]);
        let argv = Strings::new(&argv).map_err(|_| Retry::Never)?;
        let pipe = notification
            .map(|n| notification_pipe().map(|(r, w)| (r, w, n)))
            .transpose()
            .map_err(|e| failed("make a notification pipe", e, sys::strerror(e)))?;
        let mut fds = self.descriptors(launch);
        if let Some((_, writer, n)) = &pipe {
            fds.retain(|(_, number)| number != n);
            fds.push((writer.as_fd(), *n));
        }
        let relayed = launch.relayed(&self.name, &fds);
        fds.extend(relayed.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        let plain = launch.plain(Some(self.dir.as_fd()), &file, &argv, &fds);
        let words = [self.name.as_slice()];
        let script = number.is_none().then_some(("run", &words[..]));
        let notification = pipe.as_ref().map(|(reader, _, _)| reader.as_fd());
        match self.execute(Spawn { session: true, pid_namespace, ..plain }, script, notification, launch) {
            Ok(pid) => Ok((raw(pid), pipe.map(|(r, _, _)| r))),
            Err(e) => {
                launch.journal.close(pipe.map(|(r, _, _)| r));
                Err(failed("spawn ./run", e, &tool::exec_failure::explain(self.dir.as_fd(), b"run", e)))
            }
        }
    }

    /// Prints why a start failed; when to try again.
    fn start_failed(&self, to_do: &str, e: Errno, reason: &str) -> Retry {
        let retry = if is_lasting(e) { Retry::Late } else { Retry::Soon };
        let pause = self.machine.retry_pause(retry);
        let pause = match (pause.as_secs(), pause.subsec_millis() / 100) {
            (seconds, 0) => seconds.to_string(),
            (seconds, tenths) => format!("{seconds}.{tenths}"),
        };
        self.dir.warn(format_args!("unable to {to_do} (waiting {pause} seconds): {reason}"));
        retry
    }

    /// Warns if an earlier instance of the service still runs; the new one waits for its end.
    fn check_service_lock(&self) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let lock = sys::fs::openat(&self.dir, SERVICE_LOCK, flags, Mode::from_raw_mode(0o666))?;
        if sys::fs::fstat(&lock)?.st_size != 0 {
            self.dir.warn("a previous instance of the service wrote to the lock file");
            rustix::fs::ftruncate(&lock, 0)?;
        }
        if sys::lock::is_locked(&lock)? {
            self.dir.warn("another instance of the service is already running: the new one will wait for it");
        }
        Ok(())
    }

    fn finish(&mut self, how: Ended, pid: u32, outlook: Option<Outlook>, launch: &Launch) -> Event {
        if let Some((pid, _)) = launch.journal.adopt() {
            return Event::FinishStarted(raw(pid));
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
        let failures = outlook.map(|outlook| outlook.failures.to_string()).unwrap_or_default();
        let mut words = vec![b"finish".as_slice(), code, signal, self.name.as_slice(), pid];
        if let Some(outlook) = outlook {
            words.extend([failures.as_bytes(), if outlook.is_last { b"last" } else { b"retry" }]);
        }
        let Ok(argv) = Strings::new(&words) else { return Event::NoFinish };
        let mut fds = self.descriptors(launch);
        let relayed = launch.relayed(&self.name, &fds);
        fds.extend(relayed.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        let plain = launch.plain(Some(self.dir.as_fd()), b"./finish", &argv, &fds);
        let words = words.get(1..).unwrap_or_default();
        match self.execute(Spawn { session: true, ..plain }, Some(("finish", words)), None, launch) {
            Ok(pid) => Event::FinishStarted(raw(pid)),
            Err(e) => {
                let reason = tool::exec_failure::explain(self.dir.as_fd(), b"finish", e);
                self.dir.warn(format_args!("unable to spawn ./finish: {reason}"));
                Event::NoFinish
            }
        }
    }
}

/// Whether an error of a start stays until somebody changes a file, a mount or a permission.
///
/// What isn't listed may pass, as a lack of memory, processes or descriptors, or a file that is being written.
fn is_lasting(e: Errno) -> bool {
    const LASTING: &[Errno] = &[
        Errno::NOENT,
        Errno::NOEXEC,
        Errno::ACCESS,
        Errno::PERM,
        Errno::LOOP,
        Errno::NOTDIR,
        Errno::ISDIR,
        Errno::NAMETOOLONG,
        Errno::TOOBIG,
        Errno::INVAL,
        Errno::LIBBAD,
        Errno::ROFS,
    ];
    LASTING.contains(&e)
}

/// A pipe whose read end doesn't block; the service's end is an ordinary one.
fn notification_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    Ok((reader, writer))
}

#[cfg(test)]
mod tests;
