//! Pure: the life of a container as a state machine, which decides what its first process does next.
//!
//! ```text
//! Booting ──────────────► Up ─────────────► Stopping ──► Terminating ──► Killing ──► Draining ──► Ended
//!    │  (stop asked)                            ▲
//!    └────────────► Interrupted ────────────────┘
//! ```
//!
//! - **Booting**: one child brings the services up; then it becomes the CMD, or exits if there is none.
//! - **Up**: services run, and the CMD if there is one.  The CMD's end stops the container.
//! - **Interrupted**: a stop was requested while booting.  The boot child starts nothing more, lets running oneshots finish,
//!   and exits; it is killed after a grace time.
//! - **Stopping**: one child brings the services down.
//! - **Terminating**: every process has received SIGTERM; the phase ends when none is left, or after the grace time.
//! - **Killing**: every process has received SIGKILL.
//! - **Draining**: no process is left but the keeper, which passes the container's output on: the relay, or the catch-all
//!   logger.  What it holds is waited for: without limit, unless a stop was asked for, before or meanwhile.  Without a
//!   keeper, what a program writes holds the program up until it is read, and the program holds up the container.
//!
//! A request to bring only the services down is followed in Up by the same stop child, after which the container goes on;
//! one that comes while booting waits for the end of the boot.
//!
//! The end of a service stops the container, too, if its restart policy says so: its code counts then, rather than the CMD's,
//! unless the CMD has ended before.
//!
//! Rules: a stop request counts at any moment; the first one decides how the container ends; one that says *now* ends
//! everything at once.  A stop child that is killed is replaced twice.  If it can't be started, for lack of processes or
//! memory, what isn't a service is told to end, and it is tried again for half of the grace time; the other half is for
//! what is terminated then.  Each step depends only on its arguments.  Except in Up, and in Draining if nobody asked for a
//! stop, the container waits without limit only for services, which have time-outs of their own.

use crate::limits::{
    KILL_GRACE_MAX, KILL_LIMIT, MESSAGE_LIMIT, OUTPUT_LIMIT, OUTPUT_REMINDER, REMAINING_REMINDER,
    STOP_RETRY_PAUSE,
};
use s6_linux_init::request::{How, Request};
use std::time::Duration;
use supervision::by_hand::HEAD;
use sys::process::Ended;
use sys::signal::{ABRT, HALT, INT, PWR, QUIT, Signal, TERM, USR1, USR2, WINCH};
use tool::clock::Moment;

/// The signals that are passed on to a CMD.
pub(crate) const PASSED_ON: [Signal; 7] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR];

/// The signals that have a meaning here.
pub(crate) const SIGNALS: [Signal; 9] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR, ABRT, HALT];

/// The signals that stop a container whether or not it has a CMD, unless the CMD receives them.
pub(crate) const STOP_SIGNALS: [Signal; 7] = [INT, USR1, USR2, TERM, PWR, ABRT, HALT];

/// How many stop children that are killed have a successor.
const STOPS_REPLACED: u8 = 2;

/// Room for what a policy saves, of which this is a part: it does so after each event.
pub(super) const SAVED: usize = 128;

/// What stays the same during the life of a container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    /// Whether there is a CMD.
    pub(crate) command: bool,
    /// S6_CMD_RECEIVE_SIGNALS: whether signals are passed on to a running CMD.
    pub(crate) receive_signals: bool,
    /// S6_KILL_GRACETIME: the upper bound of the time between TERM and KILL.
    pub(crate) kill_grace: Duration,
    /// S6_SERVICES_GRACETIME: how long an interrupted boot may take to finish.
    pub(crate) interrupt_grace: Duration,
    /// Whether this is process 1 of its namespace, whose end ends all processes.
    pub(crate) first: bool,
}

/// A phase of the container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The boot child brings the services up.
    Booting,
    /// The boot child was told to stop.
    Interrupted,
    /// The boot is complete.
    Up,
    /// The stop child brings the services down.
    Stopping,
    /// TERM was sent.
    Terminating,
    /// KILL was sent.
    Killing,
    /// The keeper passes the last output on.
    Draining,
    /// Nothing follows.
    Ended,
}

/// The phases by their number in saved bytes.
const PHASES: [Phase; 8] = [
    Phase::Booting,
    Phase::Interrupted,
    Phase::Up,
    Phase::Stopping,
    Phase::Terminating,
    Phase::Killing,
    Phase::Draining,
    Phase::Ended,
];

/// An event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// A signal of [`SIGNALS`] was received.
    Signal(Signal),
    /// A request was received.
    Asked(Request),
    /// The boot child is about to become the CMD.
    CommandStarts,
    /// The boot child, or the CMD that it became, has ended.
    BootEnded(Ended),
    /// The stop child has ended.
    StopEnded(Ended),
    /// The stop child can't be started now.
    StopNotStarted,
    /// A service's restart policy stops the container, with this exit code.
    ServiceOver(u8),
    /// The host can't continue: nothing is supervised any more, and no child brings the services down.
    HostLost,
    /// No process is left.
    Empty,
    /// There is no keeper, or it has ended.
    Drained,
    /// The keeper was killed, and another one has taken its place.
    KeeperReplaced,
    /// The deadline may have passed.
    Time,
}

/// An action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Tell the boot child to start nothing more: SIGTERM.
    InterruptBoot,
    /// SIGKILL to the boot child.
    KillBoot,
    /// Send the signal to the CMD.
    PassOn(Signal),
    /// Report that the boot child was killed by this signal.
    ReportBootKilled(u8),
    /// Start the child that brings the services down.
    StartStop,
    /// Report that the stop child was killed by this signal; a second one follows, or none does.
    ReportStopKilled(u8, Successor),
    /// Write the container's exit code.
    KeepCode(u8),
    /// Write the container's exit code unless one was written.
    KeepCodeIfNone(u8),
    /// Stop supervising; TERM, and CONT for those that are stopped, to every process.
    Terminate,
    /// Report the processes that remain after TERM.
    NameRemaining,
    /// KILL to every process.
    Kill,
    /// TERM, and CONT, to every process that belongs to no service, so that the stop child can be started.
    FreeProcesses,
    /// Report that the services aren't stopped in order, since the stop child can't be started.
    ReportUnordered,
    /// Wait for the end of the keeper; if there is none, feed [`Event::Drained`].
    AwaitKeeper,
    /// Tell the keeper to finish: within [`OUTPUT_LIMIT`] or without limit.
    FinishOutput(Limit),
    /// Report that the keeper is waited for.
    NameKeeper,
    /// KILL to the keeper.
    KillKeeper,
    /// End the container.
    End(How),
}

/// How long the last output may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// As long as it takes.
    None,
    /// [`OUTPUT_LIMIT`].
    Output,
}

/// What becomes of a request to bring only the services down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServicesDown {
    /// There is none.
    No,
    /// The boot has to end first.
    Wanted,
    /// The stop child does it.
    Running,
}

/// What follows a stop child that was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Successor {
    /// Another one goes on where it was.
    Next,
    /// The services aren't brought down in order.
    None,
}

/// Attempts to start the stop child.
#[derive(Debug, Clone, Copy)]
struct Retry {
    /// When the next one is due; `None` while its outcome isn't known.
    at: Option<Moment>,
    /// The pause before it.
    pause: Duration,
    /// No attempt comes later.
    until: Moment,
}

/// The state machine.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    config: Config,
    phase: Phase,
    how: How,
    kill_grace: Duration,
    /// Whether the CMD runs.
    command: bool,
    /// Whether a stop was requested, rather than the CMD's end or a failed start causing it.
    asked: bool,
    /// Whether a service's end has decided the exit code, so that the CMD's doesn't count.
    decided: bool,
    /// How many stop children were killed.
    stops_killed: u8,
    /// Attempts to start the stop child, after one that failed.
    retry: Option<Retry>,
    /// What becomes of a request to bring only the services down.
    services_down: ServicesDown,
    /// What is scheduled.
    planned: Option<(Moment, Request)>,
    /// When the phase ends by itself.
    deadline: Option<Moment>,
    /// When to report the remaining processes, and the interval until the next report.
    reminder: Option<(Moment, Duration)>,
}

impl Lifecycle {
    /// A container that is booting.
    #[must_use]
    pub(crate) fn new(config: Config) -> Self {
        let kill_grace = config.kill_grace.min(KILL_GRACE_MAX);
        Self {
            config,
            phase: Phase::Booting,
            how: How::Halt,
            kill_grace,
            command: false,
            services_down: ServicesDown::No,
            asked: false,
            decided: false,
            stops_killed: 0,
            retry: None,
            planned: None,
            deadline: None,
            reminder: None,
        }
    }

    /// The bytes for [`Lifecycle::restore`] in the re-executed program, which is of the same version.
    #[must_use]
    pub(crate) fn save(&self) -> Vec<u8> {
        let Config { command, receive_signals, kill_grace, interrupt_grace, first } = self.config;
        let down_wanted = self.services_down == ServicesDown::Wanted;
        let down_runs = self.services_down == ServicesDown::Running;
        let flags =
            [command, receive_signals, first, self.command, down_wanted, down_runs, self.asked, self.decided];
        let phase = PHASES.iter().position(|p| *p == self.phase).and_then(|n| u8::try_from(n).ok());
        let mut bytes = Vec::with_capacity(SAVED);
        bytes.extend([phase.unwrap_or(u8::MAX), self.stops_killed]);
        bytes.extend(flags.map(u8::from));
        let planned = self.planned.map(|(at, _)| at);
        let times = [
            Some(kill_grace),
            Some(interrupt_grace),
            Some(self.kill_grace),
            self.deadline,
            planned,
            self.retry.and_then(|retry| retry.at),
            self.retry.map(|retry| retry.pause),
            self.retry.map(|retry| retry.until),
        ];
        for time in times {
            let nanos = time.and_then(|t| u64::try_from(t.as_nanos()).ok()).unwrap_or(u64::MAX);
            bytes.extend(nanos.to_be_bytes());
        }
        bytes.extend(Request::stop(self.how).pack());
        bytes.extend(self.planned.map_or(Request::Cancel, |(_, request)| request).pack());
        bytes
    }

    /// The machine from the bytes of [`Lifecycle::save`]; `None` for other bytes.
    #[must_use]
    pub(crate) fn restore(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<10>()?;
        let [phase, stops_killed, flags @ ..] = *head;
        let flags = flags.map(|flag| flag != 0);
        let [command, receive_signals, first, running, down_wanted, down_runs, asked, decided] = flags;
        let (times, rest) = rest.split_first_chunk::<64>()?;
        let (stop, rest) = rest.split_first_chunk::<HEAD>()?;
        let mut times = times.as_chunks::<8>().0.iter().map(|t| {
            let nanos = u64::from_be_bytes(*t);
            (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
        });
        let (kill_grace, interrupt_grace) = (times.next()??, times.next()??);
        let config = Config { command, receive_signals, kill_grace, interrupt_grace, first };
        let (kill_grace, deadline, planned) = (times.next()??, times.next()?, times.next()?);
        let (at, pause, until) = (times.next()?, times.next()?, times.next()?);
        let Request::Stop { how, .. } = Request::unpack(stop)? else { return None };
        let request = Request::unpack(rest.first_chunk::<HEAD>()?)?;
        Some(Self {
            config,
            phase: *PHASES.get(usize::from(phase))?,
            how,
            kill_grace,
            command: running,
            asked,
            decided,
            stops_killed,
            services_down: match (down_wanted, down_runs) {
                (_, true) => ServicesDown::Running,
                (true, false) => ServicesDown::Wanted,
                (false, false) => ServicesDown::No,
            },
            planned: planned.map(|at| (at, request)),
            deadline,
            reminder: None,
            retry: pause.zip(until).map(|(pause, until)| Retry { at, pause, until }),
        })
    }

    /// The phase.
    #[cfg(test)]
    fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the container hasn't begun to stop.
    #[must_use]
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Booting | Phase::Up)
    }

    /// Whether services are being started, and nobody has asked for a stop.
    #[must_use]
    pub(crate) fn is_booting(&self) -> bool {
        self.phase == Phase::Booting
    }

    /// Whether the last processes are told to end, and are waited for.
    #[must_use]
    pub(crate) fn awaits_processes(&self) -> bool {
        matches!(self.phase, Phase::Terminating | Phase::Killing)
    }

    /// Whether the keeper is waited for.
    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.phase == Phase::Draining
    }

    /// Whether no service is supervised any more, or about to be.
    #[must_use]
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Terminating | Phase::Killing | Phase::Draining | Phase::Ended)
    }

    /// Whether the CMD runs.
    #[must_use]
    pub(crate) fn has_command(&self) -> bool {
        self.command
    }

    /// Whether a stop was requested by a signal or a request.
    #[cfg(test)]
    fn is_asked_to_stop(&self) -> bool {
        self.asked
    }

    /// Whether processes get any time between TERM and KILL.
    #[must_use]
    pub(crate) fn has_grace(&self) -> bool {
        !self.kill_grace.is_zero()
    }

    /// When [`Event::Time`] is due.
    #[must_use]
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let others =
            [self.planned.map(|(at, _)| at), self.reminder.map(|(at, _)| at), self.retry.and_then(|r| r.at)];
        others.into_iter().chain([self.deadline]).flatten().min()
    }

    /// Handles an event.
    pub(crate) fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        let was_asked = self.asked;
        let mut actions = self.decide(event, now);
        if self.asked && !was_asked && self.phase == Phase::Draining && self.deadline.is_none() {
            actions.push(self.finish_output(now));
        }
        actions
    }

    fn decide(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Signal(signal) => self.on_signal(signal, now),
            Event::Asked(request) => self.on_request(request, now),
            Event::CommandStarts => {
                self.command = true;
                if self.phase == Phase::Booting { self.booted() } else { Vec::new() }
            }
            Event::BootEnded(ended) => self.on_boot_end(ended, now),
            Event::StopEnded(ended) if self.phase == Phase::Stopping => self.on_stop_end(ended, now),
            Event::StopEnded(_) if self.phase == Phase::Up => {
                self.services_down = ServicesDown::No;
                Vec::new()
            }
            Event::StopNotStarted if self.phase == Phase::Stopping => self.on_no_stop_child(now),
            Event::StopNotStarted => {
                self.services_down = ServicesDown::No;
                Vec::new()
            }
            Event::ServiceOver(code) if self.is_alive() => {
                self.decided = true;
                let mut actions = vec![Action::KeepCodeIfNone(code)];
                actions.extend(self.stop(How::Halt, now));
                actions
            }
            Event::HostLost if !self.is_ending() => self.terminate(now, self.kill_grace),
            Event::Empty if self.awaits_processes() => self.end(now),
            Event::Drained if self.phase == Phase::Draining => self.ended(),
            Event::KeeperReplaced if self.phase == Phase::Draining => {
                let limit = if self.asked { Limit::Output } else { Limit::None };
                vec![Action::FinishOutput(limit), Action::AwaitKeeper]
            }
            Event::StopEnded(_) | Event::ServiceOver(_) | Event::HostLost | Event::Empty => Vec::new(),
            Event::Drained | Event::KeeperReplaced => Vec::new(),
            Event::Time => self.on_time(now),
        }
    }

    fn on_signal(&mut self, signal: Signal, now: Moment) -> Vec<Action> {
        if self.command && self.config.receive_signals && PASSED_ON.contains(&signal) {
            // What engines send to stop a container.  The others may mean anything to a CMD.
            self.asked |= matches!(signal, TERM | INT | QUIT | PWR);
            return vec![Action::PassOn(signal)];
        }
        let how = match signal {
            // The last one makes systemd halt; images with systemd have it as their stop signal.
            TERM | USR2 | ABRT | HALT => How::Halt,
            INT => How::Reboot,
            USR1 | PWR => How::PowerOff,
            // Stop signals of some images; with a CMD they never stopped a container.
            QUIT | WINCH if !self.config.command => How::Halt,
            _ => return Vec::new(),
        };
        self.asked = true;
        self.stop(how, now)
    }

    fn on_request(&mut self, request: Request, now: Moment) -> Vec<Action> {
        match request {
            Request::Cancel => self.planned = None,
            Request::Stop { how, now: true, .. } => {
                self.asked = true;
                if !matches!(self.phase, Phase::Draining | Phase::Ended) {
                    self.how = how;
                }
                return self.end(now);
            }
            Request::Stop { delay, .. } | Request::ServicesDown { delay } if delay > 0 => {
                self.planned = Some((now.saturating_add(Duration::from_millis(delay)), request));
            }
            Request::Stop { how, grace, .. } => {
                self.asked = true;
                if grace > 0 && matches!(self.phase, Phase::Booting | Phase::Up) {
                    self.kill_grace = Duration::from_millis(u64::from(grace)).min(KILL_GRACE_MAX);
                }
                return self.stop(how, now);
            }
            Request::ServicesDown { .. } => return self.bring_services_down(),
        }
        Vec::new()
    }

    /// The boot is complete.
    fn booted(&mut self) -> Vec<Action> {
        self.phase = Phase::Up;
        let is_wanted = self.services_down == ServicesDown::Wanted;
        if is_wanted { self.bring_services_down() } else { Vec::new() }
    }

    fn bring_services_down(&mut self) -> Vec<Action> {
        match (self.phase, self.services_down) {
            (Phase::Booting, _) => {
                self.services_down = ServicesDown::Wanted;
                Vec::new()
            }
            (Phase::Up, ServicesDown::No | ServicesDown::Wanted) => {
                self.services_down = ServicesDown::Running;
                vec![Action::StartStop]
            }
            _ => Vec::new(),
        }
    }

    fn stop(&mut self, how: How, now: Moment) -> Vec<Action> {
        match self.phase {
            Phase::Booting => {
                self.how = how;
                self.phase = Phase::Interrupted;
                self.deadline = Some(now.saturating_add(self.config.interrupt_grace));
                vec![Action::InterruptBoot]
            }
            Phase::Up => {
                self.how = how;
                self.phase = Phase::Stopping;
                // A stop child that runs already does the same.
                let runs = self.services_down == ServicesDown::Running;
                if runs { Vec::new() } else { vec![Action::StartStop] }
            }
            _ => Vec::new(),
        }
    }

    fn on_boot_end(&mut self, ended: Ended, now: Moment) -> Vec<Action> {
        let was_command = std::mem::take(&mut self.command);
        match self.phase {
            Phase::Booting if ended == Ended::Exited(0) && !self.config.command => self.booted(),
            Phase::Booting | Phase::Up => {
                self.phase = Phase::Up;
                let mut actions = match ended {
                    Ended::Killed(signal) if !was_command => vec![Action::ReportBootKilled(signal)],
                    _ => Vec::new(),
                };
                actions.push(Action::KeepCode(ended.code()));
                actions.extend(self.stop(How::Halt, now));
                actions
            }
            Phase::Interrupted => {
                self.phase = Phase::Stopping;
                self.deadline = None;
                vec![Action::StartStop]
            }
            Phase::Stopping if was_command && !self.decided => vec![Action::KeepCode(ended.code())],
            Phase::Terminating => match ended {
                Ended::Exited(code) if was_command && !self.decided && code != 0 => {
                    vec![Action::KeepCodeIfNone(code)]
                }
                _ => Vec::new(),
            },
            Phase::Stopping | Phase::Killing | Phase::Draining | Phase::Ended => Vec::new(),
        }
    }

    /// A stop child that was killed, for example for lack of memory, has a successor: what it did is recorded, so the next
    /// one goes on where it was.
    fn on_stop_end(&mut self, ended: Ended, now: Moment) -> Vec<Action> {
        self.retry = None;
        let Ended::Killed(signal) = ended else { return self.terminate(now, self.kill_grace) };
        if self.stops_killed < STOPS_REPLACED {
            self.stops_killed = self.stops_killed.saturating_add(1);
            return vec![Action::ReportStopKilled(signal, Successor::Next), Action::StartStop];
        }
        let code = Action::KeepCodeIfNone(ended.code());
        let mut actions = vec![Action::ReportStopKilled(signal, Successor::None), code];
        actions.extend(self.terminate(now, self.kill_grace));
        actions
    }

    /// The stop child can't be started: it is tried again for half of the grace time.
    fn on_no_stop_child(&mut self, now: Moment) -> Vec<Action> {
        let half = self.kill_grace.checked_div(2).unwrap_or_default();
        let (pause, until, mut actions) = match self.retry {
            Some(Retry { pause, until, .. }) => (pause.saturating_mul(2), until, Vec::new()),
            None => (STOP_RETRY_PAUSE, now.saturating_add(half), vec![Action::FreeProcesses]),
        };
        if until <= now {
            self.retry = None;
            actions = vec![Action::ReportUnordered];
            actions.extend(self.terminate(now, half));
        } else {
            self.retry = Some(Retry { at: Some(now.saturating_add(pause).min(until)), pause, until });
        }
        actions
    }

    fn on_time(&mut self, now: Moment) -> Vec<Action> {
        if let Some((_, request)) = self.planned.take_if(|(at, _)| *at <= now) {
            return self.on_request(request.at_once(), now);
        }
        if self.retry.as_mut().and_then(|retry| retry.at.take_if(|at| *at <= now)).is_some() {
            return vec![Action::StartStop];
        }
        if self.deadline.take_if(|at| *at <= now).is_none() {
            let Some((_, gap)) = self.reminder.take_if(|(at, _)| *at <= now) else { return Vec::new() };
            if self.phase == Phase::Draining {
                return vec![Action::NameKeeper];
            }
            self.reminder = Some((now.saturating_add(gap), gap.saturating_mul(2)));
            return vec![Action::NameRemaining];
        }
        self.reminder = None;
        match self.phase {
            Phase::Interrupted => vec![Action::KillBoot],
            Phase::Terminating => self.kill(now),
            Phase::Killing => self.end(now),
            Phase::Draining => {
                let mut actions = vec![Action::KillKeeper];
                actions.extend(self.ended());
                actions
            }
            _ => Vec::new(),
        }
    }

    fn terminate(&mut self, now: Moment, grace: Duration) -> Vec<Action> {
        self.phase = Phase::Terminating;
        self.retry = None;
        let mut actions = vec![Action::Terminate];
        if grace.is_zero() {
            actions.extend(self.kill(now));
        } else {
            self.deadline = Some(now.saturating_add(grace));
            self.reminder = Some((now.saturating_add(REMAINING_REMINDER), REMAINING_REMINDER));
        }
        actions
    }

    fn kill(&mut self, now: Moment) -> Vec<Action> {
        self.phase = Phase::Killing;
        let mut actions = vec![Action::Kill];
        if self.config.first {
            // The kernel kills the remaining processes together with process 1.
            actions.extend(self.end(now));
        } else {
            self.deadline = Some(now.saturating_add(KILL_LIMIT));
        }
        actions
    }

    /// Everything has ended but the keeper.
    fn end(&mut self, now: Moment) -> Vec<Action> {
        if matches!(self.phase, Phase::Draining | Phase::Ended) {
            return Vec::new();
        }
        self.phase = Phase::Draining;
        self.deadline = None;
        self.planned = None;
        self.retry = None;
        self.reminder = Some((now.saturating_add(OUTPUT_REMINDER), OUTPUT_REMINDER));
        vec![self.finish_output(now), Action::AwaitKeeper]
    }

    /// The keeper finishes, without limit if nobody asked for a stop.
    fn finish_output(&mut self, now: Moment) -> Action {
        if !self.asked {
            return Action::FinishOutput(Limit::None);
        }
        self.reminder = None;
        // The relay reports before it ends.
        self.deadline = Some(now.saturating_add(OUTPUT_LIMIT).saturating_add(MESSAGE_LIMIT));
        Action::FinishOutput(Limit::Output)
    }

    fn ended(&mut self) -> Vec<Action> {
        self.phase = Phase::Ended;
        self.deadline = None;
        self.reminder = None;
        vec![Action::End(self.how)]
    }
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
