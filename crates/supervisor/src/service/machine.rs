//! The state machine of one supervised service.
//!
//! It decides and does nothing: [`Machine::step`] takes an event and the time, and appends [`Action`]s for its
//! host to carry out in order.  The rules are those of the reference's pages for s6-supervise, s6-svc and
//! service directories.
//!
//! ```text
//!            Start                   run died                  finish died
//!   Down ───────────▶ Up ───────────────────────▶ Finishing ──────────────▶ Down
//!     ▲  Started(pid)      Finish; FinishStarted                              │
//!     └───────────────────────────────────────────────────────────────────────┘
//!                          no finish: straight to Down
//! ```
//!
//! - **Down.**  Nothing runs.  While the service is wanted up it is started when `deadline` passes: at once at
//!   the beginning, later a second after it went down, or a second after it had become ready, which for a
//!   service that was ready for longer means at once.  A command to start doesn't wait.  A start that fails
//!   is tried again after a minute.
//! - **Up.**  `run` is alive.  A stop sends the down signal and SIGCONT; if `timeout-kill` is set, SIGKILL follows
//!   when it is over, and again every five seconds.
//! - **Finishing.**  `finish` is alive, for `timeout-finish` at most.  If it exits 125 the service has failed for
//!   good: it is not wanted up any more and the event `O` says so.
//!
//! A machine that was told to leave goes on as before until the service is down, then leaves.  [`Action::Leave`]
//! is the last action that a machine ever gives.
//!
//! Every change is first published in the status file, then announced as an event: who hears the event finds
//! the status up to date.

use std::time::Duration;
use sys::process::Ended;
use sys::signal::{self, Signal};
use tool::clock::Moment;
use wire::control::{Command, ProcessSignal};
use wire::death_tally::Death;
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// Least time between two starts, and between a failed attempt to kill and the next one.
const PAUSE: Duration = Duration::from_secs(1);
const KILL_AGAIN: Duration = Duration::from_secs(5);
const START_AGAIN: Duration = Duration::from_mins(1);

/// The exit code by which `finish` says that the service has failed for good.
const PERMANENT_FAILURE: Ended = Ended::Exited(125);

/// The time of an event, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For what is waited for.
    pub moment: Moment,
    /// For what is written.
    pub wall: Tai64n,
}

/// What a service directory defines and the machine asks for at the moment when it counts.
pub trait Definition {
    /// The signal that stops the service.
    fn down_signal(&mut self) -> Signal;
    /// The signal that makes the service reload its configuration.
    fn reload_signal(&mut self) -> Signal;
    /// How long the service may take to stop; `None`: as long as it wants.
    fn kill_timeout(&mut self) -> Option<Duration>;
    /// Whether the end of that time kills the whole process group.
    fn kills_group(&mut self) -> bool;
    /// How long `finish` may take; `None`: as long as it wants.
    fn finish_timeout(&mut self) -> Option<Duration>;
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
    /// Answer to [`Action::Start`]: it could not be executed; to be tried again or not.
    NotStarted {
        /// Whether it makes sense to try again without a change.
        retry: bool,
    },
    /// Answer to [`Action::Finish`]: `finish` was executed.
    FinishStarted(u32),
    /// Answer to [`Action::Finish`]: there is none, or it could not be executed.
    NoFinish,
    /// Stop the service, then leave.
    Terminate,
    /// Leave when the service stops.
    Hangup,
    /// Leave at once and let the service be.
    Quit,
    /// Interrupt the service's process group and leave at once.
    Interrupt,
}

/// What the host has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Execute `run`, then feed [`Event::Started`] or [`Event::NotStarted`].
    Start,
    /// Execute `finish` for a `run` that ended thus and had this process id, then feed
    /// [`Event::FinishStarted`] or [`Event::NoFinish`].
    Finish(Ended, u32),
    /// Send the signal to this process.
    Signal(u32, Signal),
    /// Send the signal to the group that this process leads.
    SignalGroup(u32, Signal),
    /// Write the status file.
    Publish(Status),
    /// Send letters to the fifodir.
    Announce(&'static [u8]),
    /// Add to the death tally.
    Record(Death),
    /// Make the `down` file.
    MakeDownFile,
    /// Remove the `down` file.
    RemoveDownFile,
    /// Give the next processes /dev/null for their standard input and output, and let go of the old ones.
    Detach,
    /// Don't listen for readiness any more.
    ForgetNotification,
    /// Print a warning.
    Warn(&'static str),
    /// The machine is done; the host lets go of the service.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    Up,
    Finishing,
}

/// What a machine at rest is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The state as it is published; the phase follows from it.
    pub status: Status,
    /// When [`Event::Timeout`] is due.
    pub deadline: Option<Moment>,
    /// When it may start again, if readiness has decided that.
    pub next_start: Option<Moment>,
    /// A kill is due at the deadline.
    pub dying: bool,
    /// Leave when the service is down.
    pub leaving: bool,
}

/// One service.
#[derive(Debug, Clone)]
pub struct Machine {
    phase: Phase,
    status: Status,
    deadline: Option<Moment>,
    /// When it may start again, if readiness has decided that.
    next_start: Option<Moment>,
    /// A kill is due at the deadline.
    dying: bool,
    /// Leave when the service is down.
    leaving: bool,
    left: bool,
}

impl Machine {
    /// Begins to supervise a service that is down.
    ///
    /// The caller announces that with [`Machine::begin`].
    #[must_use]
    pub fn new(want_up: bool, now: Now) -> Self {
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
            left: false,
        }
    }

    /// Goes on with what [`Machine::save`] gave.
    #[must_use]
    pub fn resume(saved: &Saved) -> Self {
        let phase = match (saved.status.pid, saved.status.finishing) {
            (0, _) => Phase::Down,
            (_, true) => Phase::Finishing,
            (_, false) => Phase::Up,
        };
        let Saved { status, deadline, next_start, dying, leaving } = *saved;
        Self { phase, status, deadline, next_start, dying, leaving, left: false }
    }

    /// The state of a machine at rest, all of whose questions were answered.
    #[must_use]
    pub fn save(&self) -> Saved {
        let Self { status, deadline, next_start, dying, leaving, .. } = *self;
        Saved { status, deadline, next_start, dying, leaving }
    }

    /// The first actions: tells that supervision has begun, and starts the service if it is wanted up.
    pub fn begin(&mut self, out: &mut Vec<Action>) {
        // The mark of a service that was never tried.
        out.push(Action::Publish(Status { paused: true, ..self.status }));
        out.push(Action::Announce(b"s"));
        if self.status.want_up {
            out.push(Action::Start);
        }
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// The state as the status file tells it.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The process that is alive, if one is.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (self.status.pid != 0).then_some(self.status.pid)
    }

    /// Takes an event at a time and appends what is to be done.
    pub fn step(&mut self, event: Event, now: Now, definition: &mut dyn Definition, out: &mut Vec<Action>) {
        if self.left {
            return;
        }
        match (event, self.phase) {
            (Event::Timeout, _) => self.timeout(now, definition, out),
            (Event::Ended(how), _) => self.ended(how, now, out),
            (Event::Ready, Phase::Up) => self.ready(now, out),
            (Event::Started(pid), Phase::Down) => self.started(pid, now, out),
            (Event::NotStarted { retry }, Phase::Down) => {
                let again = retry && self.status.want_up;
                self.deadline = again.then(|| now.moment.saturating_add(START_AGAIN));
            }
            (Event::FinishStarted(pid), Phase::Finishing) => {
                self.status.pid = pid;
                self.status.finishing = true;
                self.deadline = definition.finish_timeout().map(|t| now.moment.saturating_add(t));
                self.publish(out);
                out.push(Action::Announce(b"d"));
            }
            (Event::NoFinish, Phase::Finishing) => self.went_down(b"dD", now, out),
            (Event::Command(command), phase) => self.command(command, phase, now, definition, out),
            (Event::Terminate | Event::Hangup, Phase::Down) => self.leave(out),
            (Event::Terminate, Phase::Up) => {
                self.leaving = true;
                self.stop(now, definition, out);
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
            // Answers to questions that weren't asked.
            (Event::Ready | Event::Started(_) | Event::NotStarted { .. }, _)
            | (Event::FinishStarted(_) | Event::NoFinish, _) => {}
        }
    }

    fn publish(&self, out: &mut Vec<Action>) {
        out.push(Action::Publish(self.status));
    }

    fn leave(&mut self, out: &mut Vec<Action>) {
        self.left = true;
        self.deadline = None;
        out.push(Action::Announce(b"x"));
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

    /// Sends the down signal, lets a stopped process see it, and sets the time for a kill.
    fn stop(&mut self, now: Now, definition: &mut dyn Definition, out: &mut Vec<Action>) {
        self.status.want_up = false;
        self.signal(definition.down_signal(), out);
        self.signal(signal::CONT, out);
        self.set_paused(false, out);
        let timeout = definition.kill_timeout();
        self.dying = timeout.is_some();
        self.deadline = timeout.map(|t| now.moment.saturating_add(t));
    }

    fn started(&mut self, pid: u32, now: Now, out: &mut Vec<Action>) {
        self.phase = Phase::Up;
        self.deadline = None;
        self.next_start = None;
        self.status.pid = pid;
        self.status.ready = false;
        self.status.stamp = now.wall;
        self.publish(out);
        out.push(Action::Announce(b"u"));
    }

    fn ready(&mut self, now: Now, out: &mut Vec<Action>) {
        self.next_start = Some(now.moment.saturating_add(PAUSE));
        self.status.ready_stamp = now.wall;
        self.status.ready = true;
        out.push(Action::ForgetNotification);
        self.publish(out);
        out.push(Action::Announce(b"U"));
    }

    fn timeout(&mut self, now: Now, definition: &mut dyn Definition, out: &mut Vec<Action>) {
        self.deadline = None;
        match self.phase {
            Phase::Down if self.status.want_up => out.push(Action::Start),
            Phase::Down => {}
            Phase::Up if self.dying => {
                if definition.kills_group() {
                    self.signal_group(signal::KILL, out);
                    self.signal_group(signal::CONT, out);
                } else {
                    self.signal(signal::KILL, out);
                    self.signal(signal::CONT, out);
                }
                self.set_paused(false, out);
                self.deadline = Some(now.moment.saturating_add(KILL_AGAIN));
            }
            Phase::Up => {}
            Phase::Finishing => {
                out.push(Action::Warn(
                    "finish takes longer than timeout-finish allows (5 s by default): killing it",
                ));
                self.signal(signal::KILL, out);
                self.deadline = Some(now.moment.saturating_add(KILL_AGAIN));
            }
        }
    }

    fn ended(&mut self, how: Ended, now: Now, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Down => {}
            Phase::Up => {
                let pid = self.status.pid;
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
                out.push(Action::Finish(how, pid));
            }
            Phase::Finishing if how == PERMANENT_FAILURE => {
                self.status.want_up = false;
                self.went_down(b"OD", now, out);
            }
            Phase::Finishing => self.went_down(b"D", now, out),
        }
    }

    fn went_down(&mut self, letters: &'static [u8], now: Now, out: &mut Vec<Action>) {
        self.phase = Phase::Down;
        self.status.pid = 0;
        self.status.finishing = false;
        self.status.ready = true;
        self.status.ready_stamp = now.wall;
        self.deadline = None;
        if self.status.want_up {
            self.deadline = Some(self.next_start.unwrap_or_else(|| now.moment.saturating_add(PAUSE)));
        }
        self.publish(out);
        out.push(Action::Announce(letters));
        if self.leaving {
            self.leave(out);
        }
    }

    fn command(
        &mut self,
        command: Command,
        phase: Phase,
        now: Now,
        definition: &mut dyn Definition,
        out: &mut Vec<Action>,
    ) {
        let up = phase == Phase::Up;
        match command {
            Command::Once if !up => {
                self.want(false, out);
                self.start_if_down(out);
            }
            Command::Once | Command::OnceAtMost => self.want(false, out),
            Command::OnceForGood => {
                out.push(Action::MakeDownFile);
                self.want(false, out);
            }
            Command::Up => {
                self.want(true, out);
                self.start_if_down(out);
            }
            Command::UpForGood => {
                out.push(Action::RemoveDownFile);
                self.want(true, out);
                self.start_if_down(out);
            }
            Command::Down if up => self.stop(now, definition, out),
            Command::Down => self.want(false, out),
            Command::DownForGood => {
                out.push(Action::MakeDownFile);
                if up { self.stop(now, definition, out) } else { self.want(false, out) }
            }
            Command::Exit if phase == Phase::Down => self.leave(out),
            Command::Exit => self.leave_when_down(out),
            // The rest concerns the process of `run`.
            _ if !up => {}
            Command::Signal(which) => self.signal(number(which), out),
            Command::Restart => self.signal(definition.down_signal(), out),
            Command::Reload => self.signal(definition.reload_signal(), out),
            Command::Pause => {
                self.signal(signal::STOP, out);
                self.set_paused(true, out);
            }
            Command::Continue => {
                self.signal(signal::CONT, out);
                self.set_paused(false, out);
            }
            Command::PauseGroup => {
                self.signal_group(signal::STOP, out);
                self.set_paused(true, out);
            }
            Command::ContinueGroup => {
                self.signal_group(signal::CONT, out);
                self.set_paused(false, out);
            }
            Command::KillGroup => self.signal_group(signal::KILL, out),
        }
    }

    fn start_if_down(&mut self, out: &mut Vec<Action>) {
        if self.phase == Phase::Down {
            out.push(Action::Start);
        }
    }
}

fn number(which: ProcessSignal) -> Signal {
    match which {
        ProcessSignal::Alarm => signal::ALRM,
        ProcessSignal::Abort => signal::ABRT,
        ProcessSignal::Quit => signal::QUIT,
        ProcessSignal::Hangup => signal::HUP,
        ProcessSignal::Kill => signal::KILL,
        ProcessSignal::Terminate => signal::TERM,
        ProcessSignal::Interrupt => signal::INT,
        ProcessSignal::User1 => signal::USR1,
        ProcessSignal::User2 => signal::USR2,
        ProcessSignal::Window => signal::WINCH,
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
