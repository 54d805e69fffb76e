//! The state machine of one supervised service.
//!
//! It decides and has no effects: [`Machine::step`] takes an event and the time, and appends [`Action`]s for its host to
//! carry out in order.  The rules are those of the reference's pages for s6-supervise, s6-svc and service directories.
//! `snapshots/` holds what every state does with every event.
//!
//! ```text
//!            Start                   run died                  finish died
//!   Down ───────────▶ Up ───────────────────────▶ Finishing ──────────────▶ Down
//!     ▲  Started(pid)      Finish; FinishStarted                              │
//!     └───────────────────────────────────────────────────────────────────────┘
//!                          no finish: straight to Down
//! ```
//!
//! - **Down.**  No process runs.  A service that is wanted up starts when `deadline` passes: at once at the beginning;
//!   later a second after it went down or, if it had been ready, a second after it became ready, which means at once for
//!   a service that was ready for longer.  A command to start doesn't wait.  A start that fails for a reason that
//!   may pass is tried again after 0.1, 0.2, 0.4 … seconds, at most a minute.  If the reason stays until somebody changes
//!   something, the event `O` announces a failure, and the next attempt comes after a minute.
//! - **Up.**  `run` is alive.  A stop sends the down signal and SIGCONT; if `timeout-kill` is set, SIGKILL follows when
//!   that time has passed, and again every five seconds.  A service that was found unhealthy is ended likewise, and its
//!   end is a failure.
//! - **Finishing.**  `finish` is alive, for at most `timeout-finish`.  If it exits 125, the service has failed
//!   permanently: it is not wanted up any more, and the event `O` announces that.
//!
//! Processes of the session of `run` may be left when it has ended.  With `kill-mode` they get SIGTERM then, and SIGKILL
//! when `timeout-kill` has passed or the service starts again.  Without it, if `run` ended on command, those that are left
//! a second later, or when the service starts again, are named in a warning.
//!
//! A machine that was told to exit goes on as before until the service is down.  [`Action::Leave`] is the last action of a
//! machine.
//!
//! Every change is first published in the status file, then announced as an event, so a listener that hears the event
//! reads the new status.

mod judging;
mod unhealthy;
mod unread;

use super::policy;
use rustix::io::Errno;
use std::time::Duration;
use supervision::control::signal_number;
use sys::process::Ended;
use sys::signal::{self, Signal};
use tool::clock::{Moment, doubled};
use wire::control::{Command, Target};
use wire::death_tally::Death;
use wire::fifodir::ServiceEvent;
use wire::restart_policy::RestartPolicy;
use wire::restarts::{Mark, Restarts, Verdict};
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// From going down, or from readiness, to the next start.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// From one SIGKILL to the next for a process that is still there.
const KILL_INTERVAL: Duration = Duration::from_secs(5);

/// From the down signal to SIGKILL for what was found unhealthy, where no `timeout-kill` says it: it may not hear the signal.
const UNHEALTHY_KILL: Duration = Duration::from_secs(10);

/// From the first start that failed to the next attempt; further ones double it.
const START_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts to start.
const START_RETRY_LIMIT: Duration = Duration::from_mins(1);

/// From the end of a service that was told to stop to the look for what is left of its session: what has been told to end
/// may take a moment.
const LEFT_PAUSE: Duration = Duration::from_secs(1);

/// The signal that stops a service without a file `down-signal`.
pub(super) const DOWN_SIGNAL: Signal = signal::TERM;

/// At most this long `finish` runs without a file `timeout-finish`.
pub(super) const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// The exit code of a `finish` whose service has failed permanently.
pub const PERMANENT_FAILURE: u8 = 125;

/// The time of an event, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) moment: Moment,
    /// For what is written.
    pub(crate) wall: Tai64n,
}

/// The settings of a service, which the machine asks for at the moment when they count.  One that can't be read for lack of
/// descriptors or memory, which may pass, is an error.
pub(crate) trait Settings {
    /// The signal that stops the service.
    fn down_signal(&mut self) -> Result<Signal, Errno>;
    /// The signal that makes the service reload its configuration.
    fn reload_signal(&mut self) -> Result<Signal, Errno>;
    /// How long the service may take to stop; `None` for no limit.
    fn kill_timeout(&mut self) -> Result<Option<Duration>, Errno>;
    /// Whether SIGKILL after that time goes to the whole process group.
    fn kills_group(&mut self) -> bool;
    /// How long `finish` may take; `None` for no limit.
    fn finish_timeout(&mut self) -> Result<Option<Duration>, Errno>;
    /// Whether a stop ends the whole session of `run`.
    fn kills_session(&mut self) -> bool;
    /// The restart policy; `None` for the reference's rules.
    fn policy(&mut self) -> Result<Option<RestartPolicy>, Errno>;
    /// Whether `run` notifies its readiness.
    fn notifies_readiness(&mut self) -> bool;
    /// A random number.
    fn random(&mut self) -> u64;
}

/// When a start that failed makes sense again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Soon: the reason may pass by itself.
    Soon,
    /// After a minute: somebody may have changed a file, a mount or a permission.
    Late,
    /// With the next command.
    Never,
}

/// What happens to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A letter came in through the control FIFO.
    Command(Command),
    /// The machine's deadline has passed.
    Timeout,
    /// The process of the status has ended.
    Ended(Ended),
    /// The service has notified its readiness.
    Ready,
    /// Answer to [`Action::Start`]: `run` was executed.
    Started(u32),
    /// Answer to [`Action::Start`]: it could not be executed.
    NotStarted(Retry),
    /// Answer to [`Action::Finish`]: `finish` was executed.
    FinishStarted(u32),
    /// Answer to [`Action::Finish`]: there is none, or it could not be executed.
    NoFinish,
    /// Stop the service, then exit.
    Terminate,
    /// Exit when the service is down.
    Hangup,
    /// Exit at once and leave the service running.
    Quit,
    /// Interrupt the service's process group and exit at once.
    Interrupt,
}

/// What `finish` is told of a service with a restart policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Failures in a row.
    pub(crate) failures: u16,
    /// No other start follows.
    pub(crate) is_last: bool,
}

/// What the host has to do for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Execute `run`, then feed [`Event::Started`] or [`Event::NotStarted`].
    Start,
    /// Execute `finish` for a `run` that ended thus and had this process id, then feed
    /// [`Event::FinishStarted`] or [`Event::NoFinish`].
    Finish(Ended, u32, Option<Outlook>),
    /// Report that the service isn't started again, and see to what that leads to.
    Over,
    /// Send the signal to this process.
    Signal(u32, Signal),
    /// Send the signal to the group that this process leads.
    SignalGroup(u32, Signal),
    /// Send the signal to what is left of the session of `run`, which had this process id.
    SignalSession(u32, Signal),
    /// Warn if something is left of it.
    NameSession(u32),
    /// Write the status file.
    Publish(Status),
    /// Send events to the fifodir, in one write.
    Announce(&'static [ServiceEvent]),
    /// Add to the death tally.
    Record(Death),
    /// Make the `down` file.
    MakeDownFile,
    /// Remove the `down` file.
    RemoveDownFile,
    /// Give the next processes /dev/null for their standard input and output, and close the old ones.
    Detach,
    /// Close the notification descriptor.
    ForgetNotification,
    /// Print a warning.
    Warn(&'static str),
    /// The machine is done: end the supervision.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    Up,
    Finishing,
}

/// The state of a machine at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    /// The state as it is published; the phase follows from it.
    pub(crate) status: Status,
    /// When [`Event::Timeout`] is due.
    pub(crate) deadline: Option<Moment>,
    /// The earliest next start, if the service has been ready.
    pub(crate) next_start: Option<Moment>,
    /// A kill is due at the deadline.
    pub(crate) dying: bool,
    /// Exit when the service is down.
    pub(crate) leaving: bool,
    /// What is remembered for the restart policy.
    pub(crate) restarts: Restarts,
}

/// One service.
#[derive(Debug, Clone)]
pub struct Machine {
    phase: Phase,
    status: Status,
    deadline: Option<Moment>,
    /// The earliest next start, if the service has been ready.
    next_start: Option<Moment>,
    /// A kill is due at the deadline.
    dying: bool,
    /// Exit when the service is down.
    leaving: bool,
    restarts: Restarts,
    left: bool,
    /// Starts in a row that failed.  Not saved: a new host begins with the short pauses.
    failed_starts: u32,
    /// Whether the process of `run` was told to end.  Not saved: at worst a warning is missing.
    is_told: bool,
    /// The process id that `run` had, if its session may have to be looked at.  Not saved, either.
    former: Option<u32>,
    /// How often in a row what a stop needs couldn't be read.  Not saved, either.
    unread: u32,
    /// Whether the limit of `finish` couldn't be read.  Not saved, either.
    is_finish_unread: bool,
    /// Whether the restart policy couldn't be read when `run` had ended.  Not saved, either.
    is_unjudged: bool,
}

impl Machine {
    /// Begins to supervise a service that is down.
    ///
    /// The caller announces that with [`Machine::begin`].
    pub(crate) fn new(want_up: bool, now: Now) -> Self {
        let status = Status {
            stamp: now.wall,
            ready_stamp: now.wall,
            pid: 0,
            wstat: 0,
            paused: false,
            finishing: false,
            want_up,
            ready: true,
        };
        Self {
            phase: Phase::Down,
            status,
            deadline: want_up.then_some(now.moment),
            next_start: None,
            dying: false,
            leaving: false,
            restarts: Restarts::default(),
            left: false,
            failed_starts: 0,
            is_told: false,
            former: None,
            unread: 0,
            is_finish_unread: false,
            is_unjudged: false,
        }
    }

    /// Restores the machine that [`Machine::save`] saved.
    pub(crate) fn resume(saved: &Saved) -> Self {
        let phase = match (saved.status.pid, saved.status.finishing) {
            (0, _) => Phase::Down,
            (_, true) => Phase::Finishing,
            (_, false) => Phase::Up,
        };
        let Saved { status, deadline, next_start, dying, leaving, ref restarts } = *saved;
        Self {
            phase,
            status,
            deadline,
            next_start,
            dying,
            leaving,
            restarts: restarts.clone(),
            left: false,
            failed_starts: 0,
            is_told: false,
            former: None,
            unread: 0,
            is_finish_unread: false,
            is_unjudged: false,
        }
    }

    /// The state of a machine at rest, whose actions have all been carried out.
    pub(crate) fn save(&self) -> Saved {
        let Self { status, deadline, next_start, dying, leaving, ref restarts, .. } = *self;
        // A look at what is left isn't worth to be remembered.
        let deadline = deadline.filter(|_| self.phase != Phase::Down || status.want_up);
        Saved { status, deadline, next_start, dying, leaving, restarts: restarts.clone() }
    }

    /// The first actions: announce the supervision, and start the service if it is wanted up.
    pub(crate) fn begin(&mut self, out: &mut Vec<Action>) {
        // The mark of a service that hasn't been started yet.
        out.push(Action::Publish(Status { paused: true, ..self.status }));
        out.push(Action::Announce(&[ServiceEvent::Supervised]));
        if self.status.want_up {
            out.push(Action::Start);
        }
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// The pause before the next attempt, if a start fails now.
    pub(crate) fn retry_pause(&self, retry: Retry) -> Duration {
        if retry == Retry::Late {
            return START_RETRY_LIMIT;
        }
        doubled(START_RETRY_PAUSE, self.failed_starts, START_RETRY_LIMIT)
    }

    /// The state as in the status file.
    #[cfg(test)]
    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Notes, before the end of `run` is handled, whether the kernel has killed it for lack of memory.
    pub(crate) fn note_cause(&mut self, is_memory: bool) {
        self.restarts.is_memory = is_memory;
    }

    /// Whether another start follows.
    pub(crate) fn starts_again(&self) -> bool {
        self.status.want_up && !matches!(self.restarts.verdict, Verdict::Failed | Verdict::Ended)
    }

    /// Whether something is to be done since the service isn't started again.
    pub(crate) fn is_over(&self) -> bool {
        self.restarts.is_pending
    }

    /// That is being done.
    pub(crate) fn over_seen(&mut self) {
        self.restarts.is_pending = false;
    }

    /// The process of the service, if one is alive.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (self.status.pid != 0).then_some(self.status.pid)
    }

    /// Whether `run` is alive.
    pub(crate) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Whether the service is wanted up.
    pub(crate) fn is_wanted_up(&self) -> bool {
        self.status.want_up
    }

    /// Whether such an end of `run` now is what somebody has asked for: a stop, a restart, or a command that sends a signal.
    pub(crate) fn is_end_wanted(&self, how: Ended) -> bool {
        policy::is_wanted(&self.restarts, how) || self.leaving
    }

    /// Handles an event and appends the actions.
    pub(crate) fn step(
        &mut self,
        event: Event,
        now: Now,
        settings: &mut dyn Settings,
        out: &mut Vec<Action>,
    ) {
        if self.left {
            return;
        }
        match (event, self.phase) {
            (Event::Timeout, _) => self.timeout(now, settings, out),
            (Event::Ended(how), _) => self.ended(how, now, settings, out),
            (Event::Ready, Phase::Up) => self.ready(now, out),
            (Event::Started(pid), Phase::Down) => self.started(pid, now, out),
            (Event::NotStarted(retry), Phase::Down) => self.not_started(retry, now, out),
            (Event::FinishStarted(pid), Phase::Finishing) => {
                self.status.pid = pid;
                self.status.finishing = true;
                // If it can't be read, it is read when the default is over.
                let limit = settings.finish_timeout();
                self.is_finish_unread = limit.is_err();
                self.deadline = limit.unwrap_or(Some(FINISH_TIMEOUT)).map(|t| now.moment.saturating_add(t));
                self.publish(out);
                out.push(Action::Announce(&[ServiceEvent::Down]));
            }
            (Event::NoFinish, Phase::Finishing) => self.went_down(true, false, now, settings, out),
            (Event::Command(command), phase) => self.command(command, phase, now, settings, out),
            (Event::Terminate | Event::Hangup, Phase::Down) => self.leave(out),
            (Event::Terminate, Phase::Up) => {
                self.leaving = true;
                self.stop(now, settings, out);
            }
            (Event::Terminate, Phase::Finishing) if self.leaving => {}
            (Event::Terminate | Event::Hangup, _) => self.leave_when_down(out),
            (Event::Quit, _) => self.leave(out),
            (Event::Interrupt, _) => {
                if let Some(pid) = self.pid() {
                    out.push(Action::SignalGroup(pid, signal::INT));
                }
                self.leave(out);
            }
            // Answers to actions that weren't wanted.
            (Event::Ready | Event::Started(_) | Event::NotStarted(_), _)
            | (Event::FinishStarted(_) | Event::NoFinish, _) => {}
        }
    }

    fn publish(&self, out: &mut Vec<Action>) {
        out.push(Action::Publish(self.status));
    }

    fn leave(&mut self, out: &mut Vec<Action>) {
        self.left = true;
        self.deadline = None;
        out.push(Action::Announce(&[ServiceEvent::Exit]));
        out.push(Action::Leave);
    }

    fn leave_when_down(&mut self, out: &mut Vec<Action>) {
        self.leaving = true;
        out.push(Action::Detach);
    }

    fn want(&mut self, up: bool, out: &mut Vec<Action>) {
        self.status.want_up = up;
        if !up && self.phase == Phase::Down {
            self.deadline = None;
        }
        self.publish(out);
    }

    fn signal(&self, signal: Signal, out: &mut Vec<Action>) {
        if let Some(pid) = self.pid() {
            out.push(Action::Signal(pid, signal));
        }
    }

    fn signal_group(&self, signal: Signal, out: &mut Vec<Action>) {
        if let Some(pid) = self.pid() {
            out.push(Action::SignalGroup(pid, signal));
        }
    }

    fn set_paused(&mut self, paused: bool, out: &mut Vec<Action>) {
        self.status.paused = paused;
        self.publish(out);
    }

    fn stop(&mut self, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        self.status.want_up = false;
        self.restarts.told = Restarts::TO_END;
        self.end(now, settings, out);
    }

    /// Sends the down signal and lets a stopped process see it; sets the deadline for SIGKILL.
    fn end(&mut self, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        self.is_told = true;
        let (signal, timeout) = match (settings.down_signal(), settings.kill_timeout()) {
            (Ok(signal), Ok(timeout)) => (signal, timeout),
            _ if self.reads_again(now, out) => return self.publish(out),
            (signal, timeout) => (signal.unwrap_or(DOWN_SIGNAL), timeout.unwrap_or_default()),
        };
        self.unread = 0;
        self.signal(signal, out);
        self.signal(signal::CONT, out);
        self.set_paused(false, out);
        let timeout = timeout.or((self.restarts.told != Restarts::TO_END).then_some(UNHEALTHY_KILL));
        self.dying = timeout.is_some();
        self.deadline = timeout.map(|t| now.moment.saturating_add(t));
    }

    fn started(&mut self, pid: u32, now: Now, out: &mut Vec<Action>) {
        self.unread = 0;
        self.is_unjudged = false;
        self.phase = Phase::Up;
        self.deadline = None;
        self.next_start = None;
        self.failed_starts = 0;
        self.is_told = false;
        (self.restarts.told, self.restarts.mark) = (0, Mark::None);
        self.restarts.is_pending = false;
        self.restarts.since = Some(now.moment);
        self.status.pid = pid;
        self.status.ready = false;
        self.status.stamp = now.wall;
        self.publish(out);
        out.push(Action::Announce(&[ServiceEvent::Up]));
    }

    fn not_started(&mut self, retry: Retry, now: Now, out: &mut Vec<Action>) {
        let again = retry != Retry::Never && self.status.want_up;
        self.deadline = again.then(|| now.moment.saturating_add(self.retry_pause(retry)));
        if retry == Retry::Soon {
            self.failed_starts = self.failed_starts.saturating_add(1);
        } else {
            self.failed_starts = 0;
            out.push(Action::Announce(&[ServiceEvent::PermanentFailure]));
        }
    }

    fn ready(&mut self, now: Now, out: &mut Vec<Action>) {
        self.next_start = Some(now.moment.saturating_add(RESTART_PAUSE));
        self.restarts.since = Some(now.moment);
        self.status.ready_stamp = now.wall;
        self.status.ready = true;
        out.push(Action::ForgetNotification);
        self.publish(out);
        out.push(Action::Announce(&[ServiceEvent::Ready]));
    }

    fn timeout(&mut self, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        self.deadline = None;
        match self.phase {
            Phase::Down if self.status.want_up && self.is_unjudged => self.judge_late(now, settings, out),
            Phase::Down if self.status.want_up => self.start(settings, out),
            Phase::Down => self.look_at_session(settings, out),
            Phase::Up if self.dying => {
                if settings.kills_group() {
                    self.signal_group(signal::KILL, out);
                    self.signal_group(signal::CONT, out);
                } else {
                    self.signal(signal::KILL, out);
                    self.signal(signal::CONT, out);
                }
                self.set_paused(false, out);
                self.deadline = Some(now.moment.saturating_add(KILL_INTERVAL));
            }
            // Only what a stop, a restart or the end of what is unhealthy couldn't read sets such a deadline.
            Phase::Up if self.is_unhealthy() && self.restarts.told != Restarts::TO_END => {
                self.end(now, settings, out);
            }
            Phase::Up if self.status.want_up => self.restart(now, settings, out),
            Phase::Up => self.stop(now, settings, out),
            Phase::Finishing if self.is_finish_unread => {
                self.is_finish_unread = false;
                if !self.has_time(now, settings) {
                    self.kill_finish(now, out);
                }
            }
            Phase::Finishing => self.kill_finish(now, out),
        }
    }

    fn kill_finish(&mut self, now: Now, out: &mut Vec<Action>) {
        out.push(Action::Warn("finish takes longer than timeout-finish allows (5 s by default): killing it"));
        self.signal(signal::KILL, out);
        self.deadline = Some(now.moment.saturating_add(KILL_INTERVAL));
    }

    fn ended(&mut self, how: Ended, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Down => {}
            Phase::Up => {
                let pid = self.status.pid;
                let outlook = self.judge(how, now, settings);
                self.phase = Phase::Finishing;
                self.deadline = None;
                self.dying = false;
                self.status.paused = false;
                self.status.ready = false;
                self.status.stamp = now.wall;
                self.status.wstat = how.wstat();
                self.status.pid = 0;
                let signal = if let Ended::Killed(s) = how { s } else { 0 };
                out.push(Action::ForgetNotification);
                out.push(Action::Record(Death { stamp: now.wall, exit_code: how.code(), signal }));
                if settings.kills_session() {
                    self.former = Some(pid);
                    out.push(Action::SignalSession(pid, signal::TERM));
                } else if self.is_told {
                    self.former = Some(pid);
                }
                out.push(Action::Finish(how, pid, outlook));
            }
            Phase::Finishing => {
                self.went_down(false, how == Ended::Exited(PERMANENT_FAILURE), now, settings, out);
            }
        }
    }

    /// The service is down: suddenly, since there is no `finish`, or after it, which may say that the service has failed
    /// permanently.
    fn went_down(
        &mut self,
        is_sudden: bool,
        is_permanent: bool,
        now: Now,
        settings: &mut dyn Settings,
        out: &mut Vec<Action>,
    ) {
        if self.is_unjudged {
            self.judge(Ended::from_wstat(self.status.wstat), now, settings);
        }
        if is_permanent && self.restarts.verdict != Verdict::None {
            self.restarts.verdict = Verdict::Failed;
        }
        let (is_over, has_failed) = self.verdict(is_permanent);
        self.phase = Phase::Down;
        self.status.pid = 0;
        self.status.finishing = false;
        self.status.ready = true;
        self.status.ready_stamp = now.wall;
        self.deadline = None;
        if self.status.want_up {
            self.deadline = Some(self.next_start(now));
        } else if self.former.is_some() {
            let pause = settings
                .kill_timeout()
                .unwrap_or_default()
                .filter(|_| settings.kills_session())
                .unwrap_or(LEFT_PAUSE);
            self.deadline = Some(now.moment.saturating_add(pause));
        }
        self.publish(out);
        use ServiceEvent::{Down, DownReady, PermanentFailure};
        out.push(Action::Announce(match (is_sudden, has_failed) {
            (true, true) => &[Down, PermanentFailure, DownReady],
            (true, false) => &[Down, DownReady],
            (false, true) => &[PermanentFailure, DownReady],
            (false, false) => &[DownReady],
        }));
        if is_over {
            self.restarts.is_pending = true;
            out.push(Action::Over);
        }
        if self.leaving {
            self.leave(out);
        }
    }

    /// A person says: try again.
    fn forgive(&mut self) {
        let restarts = &mut self.restarts;
        policy::forgive(restarts);
        (restarts.delay, restarts.is_pending) = (None, false);
        if restarts.verdict != Verdict::None {
            restarts.verdict = Verdict::Again;
        }
    }

    fn command(
        &mut self,
        command: Command,
        phase: Phase,
        now: Now,
        settings: &mut dyn Settings,
        out: &mut Vec<Action>,
    ) {
        let up = phase == Phase::Up;
        match command {
            Command::Once => {
                self.want(false, out);
                self.start_if_down(settings, out);
            }
            Command::OnceAtMost => self.want(false, out),
            Command::OnceForGood => {
                out.push(Action::MakeDownFile);
                self.want(false, out);
            }
            Command::Forget => policy::forgive(&mut self.restarts),
            Command::Up | Command::UpForGood => {
                if command == Command::UpForGood {
                    out.push(Action::RemoveDownFile);
                }
                self.forgive();
                self.want(true, out);
                self.start_if_down(settings, out);
            }
            Command::Down if up => self.stop(now, settings, out),
            Command::Down => self.want(false, out),
            Command::DownForGood => {
                out.push(Action::MakeDownFile);
                if up { self.stop(now, settings, out) } else { self.want(false, out) }
            }
            Command::Exit if phase == Phase::Down => self.leave(out),
            Command::Exit => self.leave_when_down(out),
            // The rest concerns the process of `run`.
            _ if !up => {}
            Command::Restart => self.restart(now, settings, out),
            Command::Reload => self.reload(settings, out),
            Command::Unhealthy | Command::UnhealthyMark | Command::UnhealthyStop => {
                self.found_unhealthy(command, now, settings, out);
            }
            Command::Signal(_) | Command::KillGroup => self.send(command, out),
            Command::Pause | Command::PauseGroup => {
                self.send(command, out);
                self.set_paused(true, out);
            }
            Command::Continue | Command::ContinueGroup => {
                self.send(command, out);
                self.set_paused(false, out);
            }
        }
    }

    /// Sends the signal that the command names.
    fn send(&mut self, command: Command, out: &mut Vec<Action>) {
        let Some((which, target)) = command.sends() else { return };
        let signal = signal_number(which);
        self.tell(command, signal);
        match target {
            Target::Process => self.signal(signal, out),
            Target::Group => self.signal_group(signal, out),
        }
    }

    fn tell(&mut self, command: Command, signal: Signal) {
        policy::tell(&mut self.restarts, command, u8::try_from(signal).unwrap_or_default());
    }

    fn start_if_down(&mut self, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        if self.phase == Phase::Down {
            self.start(settings, out);
        }
    }

    fn start(&mut self, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        // Otherwise there may be two daemons.
        self.look_at_session(settings, out);
        out.push(Action::Start);
    }

    fn look_at_session(&mut self, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        let Some(pid) = self.former.take() else { return };
        out.push(match settings.kills_session() {
            true => Action::SignalSession(pid, signal::KILL),
            false => Action::NameSession(pid),
        });
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_unhealthy.rs"]
mod unhealthy_histories;

#[cfg(test)]
#[path = "machine_table.rs"]
mod table;

#[cfg(test)]
#[path = "machine_policy.rs"]
mod policy_histories;
