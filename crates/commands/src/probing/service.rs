//! A process of a service that is probed: what was handed over for it, how far it is, and what is done about it.

use super::attempts::{Attempts, said};
use super::check::{Answered, Begun, Check, Shared, Subject, begin};
use super::health::Health;
use super::output::{Scratch, Stream};
use super::said::hear;
use files::{Permissions, Replace, Writers, replace_at};
use ipc::registration::{NOTIFY, Registration, is_gone};
use overlay::layout::SCANDIR;
use posix_regex::Regex;
use rustix::event::PollFlags;
use rustix::fs::CWD;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use supervision::control::{self, PROBES};
use sys::process::Ended;
use sys::signal::Signal;
use tool::clock::Moment;
use tool::diag::{self, show};
use tool::path::join;
use wire::attended::{self, FOLDER, Liveness, Report};
use wire::control::{Command, ProcessSignal};
use wire::probes::{Kind, OnUnhealthy, Probe, Probes};

/// At most so many programs run at once.
pub(crate) const PROGRAMS_MAX: usize = 4;

/// From a look at a process that the kernel has no descriptor for to the next one.
const LOOK: Duration = Duration::from_secs(1);

/// What was handed over that something may happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Process,
    Notify,
    Fd,
    Check,
    Stream(usize),
}

/// A process of a service.
pub(crate) struct Service {
    pub(crate) name: Vec<u8>,
    pub(crate) pid: u32,
    probes: Probes,
    pidfd: Option<OwnedFd>,
    notification: Option<OwnedFd>,
    notify: Option<OwnedFd>,
    fd: Option<OwnedFd>,
    streams: Vec<Option<Stream>>,
    expressions: Vec<(usize, Regex)>,
    attempts: Attempts,
    is_ready: bool,
    /// When it is looked at, if the kernel has no descriptor for it.
    look_at: Moment,
    pub(crate) health: Option<Health>,
    check: Option<(usize, Check)>,
    pub(crate) report: Report,
    written: Vec<u8>,
    kill_at: Option<Moment>,
    /// The process has ended, or another one has taken its place: only its output is passed on.
    pub(crate) is_over: bool,
}

impl Service {
    /// Goes on with what an attendant before this one has found out of the same process.
    pub(crate) fn new(one: Registration<'_, OwnedFd>, now: Moment) -> Option<Self> {
        let probes = wire::probes::decode(one.record)?;
        let report = report_of(one.name, one.pid).unwrap_or(Report { pid: one.pid, ..Report::default() });
        let lines = probes.ready.as_ref().map(|ready| ready.probes.as_slice()).unwrap_or_default();
        let expressions = lines.iter().enumerate().filter_map(|(at, probe)| match &probe.kind {
            Kind::Log(expression) => Some((at, Regex::extended(expression).ok()?)),
            _ => None,
        });
        let mut service = Self {
            name: one.name.to_vec(),
            pid: one.pid,
            pidfd: one.pidfd,
            notification: one.notification,
            notify: one.notify,
            fd: one.fd,
            streams: one
                .streams
                .into_iter()
                .map(|ends| ends.map(|(from, to)| Stream::new(from, to)))
                .collect(),
            expressions: expressions.collect(),
            attempts: Attempts::new(report.held, now),
            is_ready: false,
            look_at: now,
            health: None,
            check: None,
            report,
            written: Vec::new(),
            kill_at: None,
            is_over: false,
            probes,
        };
        if service.is_gone() {
            service.end();
        }
        Some(service)
    }

    fn is_gone(&self) -> bool {
        is_gone(self.pid, self.pidfd.as_ref().map(AsFd::as_fd))
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.is_over && self.streams.iter().all(Option::is_none)
    }

    /// Nothing but its output counts any more.
    pub(crate) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if let Some((_, check)) = self.check.take() {
            check.abandon();
        }
        if let Some(socket) = &self.notify
            && let Some(path) = socket_path(socket.as_fd())
        {
            let _ = sys::fs::unlink(path.as_slice());
        }
        (self.notification, self.notify, self.fd) = (None, None, None);
        if report_of(&self.name, self.pid).is_some() {
            let _ = sys::fs::unlink(report_path(&self.name).as_slice());
        }
    }

    /// Its socket for the protocol of sd_notify(3).
    pub(crate) fn socket(&self) -> Option<Vec<u8>> {
        self.notify.as_ref().and_then(|socket| socket_path(socket.as_fd()))
    }

    /// Calls `add` with what is waited for.
    pub(crate) fn wait<'a>(&'a self, add: &mut dyn FnMut(BorrowedFd<'a>, PollFlags, Source)) {
        let whole = [(&self.pidfd, Source::Process), (&self.notify, Source::Notify), (&self.fd, Source::Fd)];
        for (fd, source) in whole {
            if let Some(fd) = fd.as_ref().filter(|_| !self.is_over) {
                add(fd.as_fd(), PollFlags::IN, source);
            }
        }
        if let Some((fd, events)) = self.check.as_ref().and_then(|(_, check)| check.wait()) {
            add(fd, events, Source::Check);
        }
        for (at, stream) in self.streams.iter().enumerate() {
            if let Some(stream) = stream {
                let (fd, events) = stream.wait();
                add(fd, events, Source::Stream(at));
            }
        }
    }

    /// When something is to be done at the latest.
    pub(crate) fn due(&self, has_room: bool) -> Option<Moment> {
        if self.is_over {
            return None;
        }
        let next = match &self.check {
            Some((_, check)) => Some(check.until),
            None => self.next().filter(|(_, probe, _)| has_room || !is_program(probe)).map(|(_, _, due)| due),
        };
        let watchdog = self.health.as_ref().and_then(Health::watchdog_due);
        let looks = self.pidfd.is_none().then_some(self.look_at);
        [next, watchdog, looks, self.kill_at].into_iter().flatten().min()
    }

    /// The line to ask, and when.
    fn next(&self) -> Option<(usize, &Probe, Moment)> {
        match (&self.health, &self.probes.live, &self.probes.ready) {
            (Some(health), Some(live), _) => {
                let (at, due) = health.next(live)?;
                Some((at, live.probes.get(at)?, due))
            }
            (None, _, Some(ready)) if !self.is_ready => self.attempts.next(ready),
            _ => None,
        }
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Moment, all: &mut Shared) {
        if self.is_over {
            return;
        }
        if self.pidfd.is_none() && self.look_at <= now {
            self.look_at = now.saturating_add(LOOK);
            if self.is_gone() {
                return self.end();
            }
        }
        if let Some((_, check)) = self.check.as_mut().filter(|(_, check)| check.until <= now)
            && let Some(answered) = check.expire()
        {
            self.answered(answered, now);
        }
        self.ask(now, all);
        if !self.is_ready && self.has_become_ready() {
            self.become_ready(now);
        }
        let health = self.health.as_mut().filter(|health| health.watchdog_due().is_some_and(|at| at <= now));
        if health.is_some_and(|health| health.condemn(b"watchdog: WATCHDOG=1 hasn't come in time".to_vec())) {
            self.act(now);
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            self.send(Command::Signal(ProcessSignal::Kill));
        }
    }

    /// Asks the lines that are due, until one has to be waited for.
    fn ask(&mut self, now: Moment, all: &mut Shared) {
        while self.check.is_none() && !self.is_over {
            let has_room = all.programs < PROGRAMS_MAX;
            let Some((at, probe, _)) =
                self.next().filter(|(_, probe, due)| *due <= now && (has_room || !is_program(probe)))
            else {
                return;
            };
            let whose = Subject { name: &self.name, pid: self.pid, is_live: self.is_ready };
            let limit = match (&self.probes.live, &self.probes.ready) {
                (Some(live), _) if self.is_ready => live.timeout,
                (_, Some(ready)) => ready.timeout,
                _ => return,
            };
            match begin(probe, &whose, limit, now, all) {
                Begun::Answered(answered) => self.judge(at, answered, now),
                Begun::Waits(check) => self.check = Some((at, check)),
            }
        }
    }

    /// The check has an answer.
    fn answered(&mut self, answered: Answered, now: Moment) {
        if let Some((at, _)) = self.check.take() {
            self.judge(at, answered, now);
        }
    }

    fn judge(&mut self, at: usize, answered: Answered, now: Moment) {
        if let (Some(health), Some(live)) = (&mut self.health, &self.probes.live) {
            match (answered, live.probes.get(at)) {
                (Err(why), Some(probe)) => {
                    if health.fail(said(probe, &why), live, now) {
                        self.act(now);
                    }
                }
                _ => health.hold(live, now),
            }
            return;
        }
        match (answered, &self.probes.ready) {
            (Err(why), Some(ready)) => self.attempts.fail(why, ready, now),
            _ => self.hold(at, now),
        }
    }

    /// A line of `ready` holds.
    fn hold(&mut self, at: usize, now: Moment) {
        if self.attempts.hold(at, now) {
            self.tell();
        }
    }

    /// All lines of a kind hold.
    pub(crate) fn hold_kind(&mut self, is_it: fn(&Kind) -> bool, now: Moment) {
        let ready = self.probes.ready.iter().flat_map(|ready| ready.probes.iter().enumerate());
        let lines: Vec<usize> = ready.filter(|(_, probe)| is_it(&probe.kind)).map(|(at, _)| at).collect();
        lines.into_iter().for_each(|at| self.hold(at, now));
    }

    fn has_become_ready(&self) -> bool {
        self.probes.ready.as_ref().is_none_or(|ready| self.attempts.is_ready(ready))
    }

    fn become_ready(&mut self, now: Moment) {
        self.is_ready = true;
        if let Some(pipe) = self.notification.take() {
            // If nobody reads it, the process has ended, or this was said before.
            let _ = rustix::io::write(&pipe, b"\n");
        }
        self.fd = None;
        self.health = self.probes.live.as_ref().map(|live| Health::new(live, now));
        if let (Some(health), Some(Liveness::Unhealthy(why))) = (&mut self.health, &self.report.live) {
            // It was acted on already.
            health.condemn(why.clone());
        }
    }

    /// It doesn't do its work any more: what follows.
    pub(crate) fn act(&mut self, now: Moment) {
        let (Some(live), Some(Liveness::Unhealthy(why))) =
            (&self.probes.live, self.health.as_ref().map(|health| &health.liveness))
        else {
            return;
        };
        diag::warn(PROBES, format!("{} is unhealthy: {}", show(&self.name), show(why)));
        let action = live.on_unhealthy;
        self.tell();
        match action {
            OnUnhealthy::Nothing => {}
            OnUnhealthy::Restart => self.send(Command::Unhealthy),
            OnUnhealthy::Stop => self.send(Command::UnhealthyStop),
            OnUnhealthy::Signal(signal) => {
                self.send(Command::UnhealthyMark);
                self.signal(signal.into());
                let text = files::read_file(CWD, &join(&self.directory(), b"timeout-kill"), 64);
                let limit = text.ok().and_then(|text| wire::number::milliseconds(text.trim_ascii()));
                self.kill_at = limit
                    .filter(|limit| *limit > 0)
                    .map(|limit| now.saturating_add(Duration::from_millis(limit)));
            }
        }
    }

    fn directory(&self) -> Vec<u8> {
        join(SCANDIR.as_bytes(), &self.name)
    }

    fn send(&self, command: Command) {
        if let Err(why) = control::send(&self.directory(), &[command]) {
            diag::warn(PROBES, format!("unable to control {}: {why}", show(&self.name)));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| !self.is_gone()) {
            let _ = sys::process::kill(pid, signal);
        }
    }

    /// Something has happened to what was handed over.
    pub(crate) fn serve(&mut self, source: Source, now: Moment, scratch: &Scratch) {
        match source {
            Source::Process => {
                if self.is_gone() {
                    self.end();
                }
            }
            Source::Notify => {
                if let Some(socket) = self.notify.take() {
                    hear(self, socket.as_fd(), now);
                    self.notify = Some(socket).filter(|_| !self.is_over);
                }
            }
            Source::Fd => self.read_fd(now, scratch),
            Source::Check => {
                if let Some(answered) = self.check.as_mut().and_then(|(_, check)| check.step()) {
                    self.answered(answered, now);
                }
            }
            Source::Stream(at) => self.pass(at, now, scratch),
        }
    }

    /// The program that is its check has ended; `false` if it is another's.
    pub(crate) fn program_ended(&mut self, pid: Pid, ended: Ended, now: Moment) -> bool {
        let Some((_, check)) = self.check.as_mut().filter(|(_, check)| check.program() == Some(pid)) else {
            return false;
        };
        let answered = check.ended(ended);
        self.answered(answered, now);
        true
    }

    /// A line in the pipe of `fd` stays there until that is written down.
    fn read_fd(&mut self, now: Moment, scratch: &Scratch) {
        let Some(pipe) = self.fd.take() else { return };
        match scratch.copy(pipe.as_fd(), 4096) {
            Ok(bytes) if bytes.contains(&b'\n') => self.hold_kind(|kind| matches!(kind, Kind::Fd(_)), now),
            Ok(bytes) if !bytes.is_empty() => {
                let mut taken = vec![0; bytes.len()];
                let _ = rustix::io::read(&pipe, &mut taken);
                self.fd = Some(pipe);
            }
            Ok(_) => {}
            Err(_) => self.fd = Some(pipe),
        }
    }

    /// Passes output on.
    fn pass(&mut self, at: usize, now: Moment, scratch: &Scratch) {
        let Some(mut stream) = self.streams.get_mut(at).and_then(Option::take) else { return };
        let mut expressions = std::mem::take(&mut self.expressions);
        let is_open = if self.is_over || self.is_ready || expressions.is_empty() {
            stream.pass(scratch, None)
        } else {
            let mut look = |line: &[u8]| {
                expressions.retain_mut(|(at, expression)| {
                    let matches = expression.is_match(line);
                    if matches {
                        self.hold(*at, now);
                    }
                    !matches
                });
                !expressions.is_empty()
            };
            stream.pass(scratch, Some(&mut look))
        };
        self.expressions = expressions;
        if let Some(place) = self.streams.get_mut(at).filter(|_| is_open) {
            *place = Some(stream);
        }
    }

    /// Writes the report, if it is another one now.
    pub(crate) fn tell(&mut self) {
        if self.is_over {
            return;
        }
        let ready = self.probes.ready.as_ref();
        self.report.held = self.attempts.held;
        self.report.unready = ready.and_then(|ready| self.attempts.why(ready));
        self.report.live = self.health.as_ref().map(|health| health.liveness.clone());
        let text = attended::encode(&self.report);
        if text == self.written {
            return;
        }
        let how = Replace::with(Permissions::Exact(0o644), Writers::One);
        // A full /run keeps the old one; probing goes on.
        let _ = replace_at(CWD, &report_path(&self.name), &text, how);
        self.written = text;
    }
}

fn is_program(probe: &Probe) -> bool {
    matches!(probe.kind, Kind::Exec(_))
}

/// The report about a process.
fn report_of(name: &[u8], pid: u32) -> Option<Report> {
    let folder = supervision::attended::open(FOLDER.as_bytes()).ok()?;
    supervision::attended::report(folder, name, pid)
}

/// Removes the report about a service that isn't known; whether the process that it was about is still there.
pub(crate) fn forget(name: &[u8]) -> bool {
    let is_there = supervision::attended::of_servicedir(&join(SCANDIR.as_bytes(), name)).is_some();
    let _ = sys::fs::unlink(report_path(name).as_slice());
    is_there
}

fn report_path(name: &[u8]) -> Vec<u8> {
    join(FOLDER.as_bytes(), name)
}

/// The path that a service's socket was bound to.
fn socket_path(socket: BorrowedFd<'_>) -> Option<Vec<u8>> {
    sys::fs::fstat(socket).ok().map(|st| format!("{NOTIFY}/{}", st.st_ino).into_bytes())
}
