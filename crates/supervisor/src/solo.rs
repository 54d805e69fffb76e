//! A process that supervises one service: the command `s6-supervise`, and the child of a host that supervises by processes.
//!
//! Such a child is forked without an exec ([`sys::child`]) and looks like the command.  It keeps its state in its slot
//! ([`crate::slot`]), so that another one takes its service over if it is killed.

pub(crate) mod start;

use crate::journal::Journal;
use crate::launch::{Launch, Stdio};
use crate::service::machine::Event;
use crate::service::{Service, hold};
use crate::slot::OwnSlot;
use crate::system::raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{self, Set, Signal, SignalFd};
use tool::{Fatal, OrUnable};
use wire::control::Command;
use wire::host_journal::InFlight;
use wire::supervisor_slot::State;

/// The signals that count.
const CAUGHT: [Signal; 5] = [signal::CHLD, signal::TERM, signal::HUP, signal::QUIT, signal::INT];

/// Supervises the working directory, whose service gets `name` as its argument, until it is told to exit.
///
/// # Errors
/// As [`Service::begin`]; code 111: it can't wait for events any more.
pub fn supervise(name: &[u8], env: &[Vec<u8>]) -> Result<(), Fatal> {
    let launch = Launch::new(env)?;
    let dir = sys::fs::open(".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| "open the service directory")?;
    signal::reset_all();
    let signals = catch_signals()?;
    let service = Service::begin(dir, name, Stdio::default(), &launch)?;
    Supervisor::new(service, signals, launch).run()
}

/// All dispositions must be the defaults, except that SIGPIPE may be ignored already.
fn catch_signals() -> Result<SignalFd, Fatal> {
    let signals = SignalFd::new(&Set::of(&CAUGHT)).or_unable(|| "make a signal descriptor")?;
    signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    Ok(signals)
}

/// How long nothing happens before a supervisor gives back the memory that it doesn't use: what happens in one go, such as a
/// boot, uses the same pages.
const QUIET_BEFORE_TRIM: Duration = Duration::from_secs(1);

/// The supervisor of one service.
pub(crate) struct Supervisor {
    service: Service,
    signals: SignalFd,
    launch: Launch,
    /// Memory was given back since the last event.
    is_trimmed: bool,
}

impl Supervisor {
    fn new(service: Service, signals: SignalFd, launch: Launch) -> Self {
        Self { service, signals, launch, is_trimmed: false }
    }

    /// Whether the supervision has ended.
    pub(crate) fn has_left(&self) -> bool {
        self.service.has_left()
    }

    /// The numbers of its descriptors.
    #[cfg(test)]
    pub(crate) fn numbers(&self) -> Vec<std::os::fd::RawFd> {
        let saved = self.service.save();
        let own = [self.signals.as_fd(), self.launch.null.as_fd()].map(|fd| fd.as_raw_fd());
        let slot = self.launch.journal.slot().map(OwnSlot::socket).map(|fd| fd.as_raw_fd());
        let service = saved.into_iter().flat_map(|s| [s.dir, s.control, s.lock, s.notification]);
        let board = self.launch.board.files().into_iter().flatten().map(|fd| fd.as_raw_fd());
        service.flatten().chain(own).chain(slot).chain(board).collect()
    }

    fn run(&mut self) -> Result<(), Fatal> {
        let mut detached = false;
        loop {
            if self.service.is_detached() && !detached {
                // A reader of this process's output sees its end.
                detached = true;
                self.null_standard().or_unable(|| "open /dev/null")?;
            }
            self.see_to_over();
            if self.has_left() {
                return Ok(());
            }
            self.wait()?;
        }
    }

    /// Does what the restart policy has for a service that isn't started again; a host does that for its supervisors.
    fn see_to_over(&mut self) {
        if !self.service.is_over() || self.launch.journal.slot().is_some() {
            return;
        }
        let Some(over) = self.service.over() else { return };
        self.service.over_seen();
        if let Err(e) = over.carry_out(&self.launch) {
            self.service.dir().warn_unable("do what the restart policy says", e);
        }
    }

    /// Waits for the next events and handles them.
    fn wait(&mut self) -> Result<(), Fatal> {
        let deadline = self.service.deadline();
        let left = deadline.map(|d| d.saturating_sub(self.launch.system.now()));
        let was_trimmed = std::mem::take(&mut self.is_trimmed);
        let (timeout, trims) = pause(left, was_trimmed);
        let timeout = timeout.and_then(|l| Timespec::try_from(l).ok());
        let mut fds = vec![PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN)];
        let [control, notification] = self.inputs();
        for fd in [control, notification].into_iter().flatten() {
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if trims => {
                drop(fds);
                self.is_trimmed = true;
                sys::child::trim();
                return Ok(());
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("wait for events", e)),
        }
        let ready = |n: usize| fds.get(n).is_some_and(|fd| !fd.revents().is_empty());
        let (signal, control, notification) = (ready(0), ready(1), ready(2));
        drop(fds);
        self.serve(notification, signal, control)
    }

    /// The control FIFO and the notification pipe.
    pub(crate) fn inputs(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [self.service.control(), self.service.notification()]
    }

    /// Handles what has arrived, and what is due.
    pub(crate) fn serve(&mut self, notification: bool, signal: bool, control: bool) -> Result<(), Fatal> {
        // Readiness that was notified before a death is announced before the death.
        if notification {
            self.service.read_notification(&self.launch);
        }
        if signal {
            self.read_signal()?;
        }
        if control {
            self.service.read_control(&self.launch);
        }
        if self.service.deadline().is_some_and(|d| d <= self.launch.system.now()) {
            self.service.feed(Event::Timeout, &self.launch);
        }
        Ok(())
    }

    /// Handles a signal; if there are more, the descriptor stays readable.
    fn read_signal(&mut self) -> Result<(), Fatal> {
        let Some(signal) = self.launch.system.signal(&self.signals).or_unable(|| "read signals")? else {
            return Ok(());
        };
        let event = match signal {
            signal::CHLD => return self.reap(),
            signal::TERM => Event::Terminate,
            signal::HUP => Event::Hangup,
            signal::QUIT => Event::Quit,
            _ => Event::Interrupt,
        };
        self.service.feed(event, &self.launch);
        Ok(())
    }

    fn reap(&mut self) -> Result<(), Fatal> {
        loop {
            match self.launch.system.peek() {
                Ok(Some((pid, how))) => {
                    if self.is_own(pid) {
                        self.launch.journal.handle_end(pid, how);
                    }
                    let peak = self.launch.system.reap(pid);
                    self.ended(pid, how, peak);
                }
                Ok(None) | Err(Errno::CHILD) => break,
                Err(e) => return Err(Fatal::unable("reap", e)),
            }
        }
        self.read_end();
        Ok(())
    }

    /// Handles the end of a process that isn't a child of this one: its host has reaped it.
    fn read_end(&mut self) {
        let Some((pid, how)) = self.launch.journal.slot().and_then(OwnSlot::end) else { return };
        if self.is_own(pid) {
            self.launch.journal.handle_end(pid, how);
            self.ended(pid, how, None);
        }
        if let Some(slot) = self.launch.journal.slot() {
            slot.clear_end();
        }
    }

    /// Whether it is the service's process.
    fn is_own(&self, pid: Pid) -> bool {
        self.service.machine().pid() == Some(raw(pid))
    }

    fn ended(&mut self, pid: Pid, how: Ended, peak: Option<u64>) {
        if self.is_own(pid) {
            self.service.ended(how, peak, &self.launch);
            if let Some(report) = self.service.take_report() {
                self.service.report_crashes(&report, |_| false, &self.launch);
            }
        }
    }

    /// Replaces standard input and output by /dev/null.
    fn null_standard(&self) -> Result<(), Errno> {
        sys::fd::copy(self.launch.null.as_raw_fd(), 0)?;
        sys::fd::copy(self.launch.null.as_raw_fd(), 1)
    }

    /// Completes what the supervisor before this one was doing when it was killed; `started` is the process that it had
    /// started and not noted.
    fn complete(&mut self, event: InFlight, started: Option<Pid>, notification: Option<OwnedFd>) {
        let launch = &self.launch;
        let (letter, said) =
            launch.journal.slot().map_or((None, false), |slot| (slot.letter(), slot.said().contains(&b'\n')));
        launch.journal.repeat(event);
        if let Some(pid) = started {
            launch.journal.offer((pid, notification));
        }
        match event.kind {
            InFlight::ENDED => {
                let how = Ended::from_wstat(event.detail);
                if let Some(pid) = Pid::from_raw(event.about.cast_signed()) {
                    self.ended(pid, how, None);
                }
            }
            InFlight::LETTER | InFlight::READY if event.is_skipped() => self.report_skipped(event),
            InFlight::LETTER => self.obey(u8::try_from(event.detail).ok()),
            InFlight::READY => self.service.feed(Event::Ready, &self.launch),
            _ => {}
        }
        if let Some((pid, notification)) = self.launch.journal.adopt() {
            self.service.adopt(pid, notification, &self.launch);
        }
        // What was read from a pipe and not handled.
        if said {
            self.service.feed(Event::Ready, &self.launch);
        }
        if event.kind != InFlight::LETTER {
            self.obey(letter);
        }
    }

    /// Says which event nobody handles, since supervisor processes have ended over it again and again.
    fn report_skipped(&self, event: InFlight) {
        let what = match u8::try_from(event.detail) {
            Ok(letter) if event.kind == InFlight::LETTER => {
                format!("the command \"{}\"", tool::diag::show(&[letter]))
            }
            _ => "the readiness of the service".to_owned(),
        };
        let text = format!("supervisors have ended again and again over {what}, which is skipped");
        self.launch.system.warn(self.service.dir().label(), &text);
    }

    fn obey(&mut self, letter: Option<u8>) {
        if let Some(command) = letter.and_then(Command::from_letter) {
            self.service.feed(Event::Command(command), &self.launch);
        }
    }

    /// Handles what has happened while nobody supervised the service.
    fn catch_up(&mut self, was_leaving: bool) {
        self.service.read_notification(&self.launch);
        self.read_end();
        let told = self.launch.journal.slot().and_then(OwnSlot::told).filter(|_| !was_leaving);
        match told {
            Some(signal::HUP) => self.service.feed(Event::Hangup, &self.launch),
            Some(_) => self.service.feed(Event::Terminate, &self.launch),
            None => {}
        }
    }
}

/// How long to wait with so much time left until the deadline, and whether memory is given back if nothing happens till
/// then.
fn pause(left: Option<Duration>, is_trimmed: bool) -> (Option<Duration>, bool) {
    match left {
        _ if is_trimmed => (left, false),
        Some(left) if left <= QUIET_BEFORE_TRIM => (Some(left), false),
        _ => (Some(QUIET_BEFORE_TRIM), true),
    }
}

/// What a supervisor process begins with, besides its state.
pub(crate) struct Inheritance {
    pub(crate) name: Vec<u8>,
    pub(crate) dir: OwnedFd,
    /// A process that the supervisor before this one had started and not noted.
    pub(crate) started: Option<Pid>,
    pub(crate) notification: Option<OwnedFd>,
}

impl Supervisor {
    /// Takes over a service that another supervisor process had, or begins to supervise it.
    pub(crate) fn take_over(
        mut launch: Launch,
        slot: OwnSlot,
        resumes: bool,
        with: Inheritance,
    ) -> Result<Self, Fatal> {
        let Inheritance { name, dir, started, mut notification } = with;
        let left = slot.inherit().filter(|_| resumes);
        launch.journal = Journal::of_supervisor(slot);
        // The host has reset all others, and ignores SIGPIPE.
        sys::fault::disarm();
        let signals = SignalFd::of_blocked(&Set::of(&CAUGHT)).or_unable(|| "make a signal descriptor")?;
        let Some(State { in_flight, supervised, .. }) = left else {
            return Ok(Self::new(begin(dir, &name, &launch)?, signals, launch));
        };
        let Some(saved) = supervised else {
            // The other one was killed at its first start.
            launch.journal.repeat(in_flight);
            started.into_iter().for_each(|pid| launch.journal.offer((pid, notification.take())));
            let mut supervisor = Self::new(begin(dir, &name, &launch)?, signals, launch);
            supervisor.catch_up(false);
            return Ok(supervisor);
        };
        // The pipe belongs to the start in flight, if there is one.
        let (of_start, of_service) =
            if in_flight.starting != 0 { (notification, None) } else { (None, notification) };
        let mut service = Service::succeed(&saved, dir, &name, of_service)?;
        service.show_again(&launch);
        lend_control(&service, &launch);
        let mut supervisor = Self::new(service, signals, launch);
        supervisor.complete(in_flight, started, of_start);
        supervisor.catch_up(saved.leaving);
        Ok(supervisor)
    }
}

/// Begins to supervise; the host has the control FIFO before anybody hears of the supervision.
fn begin(dir: OwnedFd, name: &[u8], launch: &Launch) -> Result<Service, Fatal> {
    let mut service = Service::open(dir, name, Stdio::default(), launch)?;
    lend_control(&service, launch);
    service.announce(launch);
    Ok(service)
}

/// Sees to it that commands wait for the next supervisor if this one is killed; without a descriptor they don't.
fn lend_control(service: &Service, launch: &Launch) {
    if let Some(slot) = launch.journal.slot()
        && let Ok(writer) = hold::open_writer(service.dir().as_fd())
    {
        slot.lend_control(writer.as_fd());
    }
}

#[cfg(test)]
mod tests;
