//! Pure: the life of a container as a state machine, which decides what its first process does next.
//!
//! ```text
//! Booting ──────────────► Up ─────────────► Stopping ──► Terminating ──► Killing ──► Ended
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
//!
//! A request to bring only the services down is followed in Up by the same stop child, after which the container goes on;
//! one that comes while booting waits for the end of the boot.
//!
//! Rules: a stop request counts at any moment; the first one decides how the container ends; one that says *now* ends
//! everything at once.  A stop child that is killed is replaced once.  Each step depends only on its arguments.  Except
//! in Up, the container waits without limit only for services, which have time-outs of their own.

use crate::limits::{KILL_GRACE_MAX, KILL_LIMIT, REMAINING_REMINDER};
use s6_linux_init::request::{How, LENGTH, Request};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{ABRT, HALT, INT, PWR, QUIT, Signal, TERM, USR1, USR2, WINCH};
use tool::clock::Moment;

/// The signals that are passed on to a CMD.
pub(crate) const PASSED_ON: [Signal; 7] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR];

/// The signals that have a meaning here.
pub(crate) const SIGNALS: [Signal; 9] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR, ABRT, HALT];

/// The signals that stop a container whether or not it has a CMD, unless the CMD receives them.
pub(crate) const STOP_SIGNALS: [Signal; 7] = [INT, USR1, USR2, TERM, PWR, ABRT, HALT];

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
    /// Nothing follows.
    Ended,
}

/// The phases by their number in saved bytes.
const PHASES: [Phase; 7] = [
    Phase::Booting,
    Phase::Interrupted,
    Phase::Up,
    Phase::Stopping,
    Phase::Terminating,
    Phase::Killing,
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
    /// The host can't continue: nothing is supervised any more, and no child brings the services down.
    HostLost,
    /// No process is left.
    Empty,
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
    /// End the container.
    End(How),
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
    Second,
    /// The services aren't brought down in order.
    None,
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
    /// Whether the stop child is the second one.
    is_second_stop: bool,
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
            is_second_stop: false,
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
        let Self { asked, is_second_stop, .. } = *self;
        let flags =
            [command, receive_signals, first, self.command, down_wanted, down_runs, asked, is_second_stop];
        let phase = PHASES.iter().position(|p| *p == self.phase).and_then(|n| u8::try_from(n).ok());
        let mut bytes = vec![phase.unwrap_or(u8::MAX)];
        bytes.extend(flags.map(u8::from));
        let planned = self.planned.map(|(at, _)| at);
        let times = [Some(kill_grace), Some(interrupt_grace), Some(self.kill_grace), self.deadline, planned];
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
        let (head, rest) = bytes.split_first_chunk::<9>()?;
        let [phase, flags @ ..] = *head;
        let flags = flags.map(|flag| flag != 0);
        let [command, receive_signals, first, running, down_wanted, down_runs, asked, is_second_stop] = flags;
        let (times, rest) = rest.split_first_chunk::<40>()?;
        let (stop, rest) = rest.split_first_chunk::<LENGTH>()?;
        let mut times = times.as_chunks::<8>().0.iter().map(|t| {
            let nanos = u64::from_be_bytes(*t);
            (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
        });
        let (kill_grace, interrupt_grace) = (times.next()??, times.next()??);
        let config = Config { command, receive_signals, kill_grace, interrupt_grace, first };
        let (kill_grace, deadline, planned) = (times.next()??, times.next()?, times.next()?);
        let Request::Stop { how, .. } = Request::unpack(stop)? else { return None };
        let request = Request::unpack(rest.first_chunk::<LENGTH>()?)?;
        Some(Self {
            config,
            phase: *PHASES.get(usize::from(phase))?,
            how,
            kill_grace,
            command: running,
            asked,
            is_second_stop,
            services_down: match (down_wanted, down_runs) {
                (_, true) => ServicesDown::Running,
                (true, false) => ServicesDown::Wanted,
                (false, false) => ServicesDown::No,
            },
            planned: planned.map(|at| (at, request)),
            deadline,
            reminder: None,
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

    /// Whether the CMD runs.
    #[must_use]
    pub(crate) fn has_command(&self) -> bool {
        self.command
    }

    /// Whether a stop was requested by a signal or a request.
    #[must_use]
    pub(crate) fn is_asked_to_stop(&self) -> bool {
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
        let others = [self.planned.map(|(at, _)| at), self.reminder.map(|(at, _)| at)];
        others.into_iter().chain([self.deadline]).flatten().min()
    }

    /// Handles an event.
    pub(crate) fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
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
            Event::HostLost if !matches!(self.phase, Phase::Terminating | Phase::Killing | Phase::Ended) => {
                self.terminate(now)
            }
            Event::Empty if matches!(self.phase, Phase::Terminating | Phase::Killing) => self.end(),
            Event::StopEnded(_) | Event::HostLost | Event::Empty => Vec::new(),
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
                self.how = how;
                self.asked = true;
                return self.end();
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
            Phase::Stopping if was_command => vec![Action::KeepCode(ended.code())],
            Phase::Terminating => match ended {
                Ended::Exited(code) if was_command && code != 0 => vec![Action::KeepCodeIfNone(code)],
                _ => Vec::new(),
            },
            Phase::Stopping | Phase::Killing | Phase::Ended => Vec::new(),
        }
    }

    /// A stop child that was killed, for example for lack of memory, has a successor: what it did is recorded, so the second
    /// one goes on where it was.
    fn on_stop_end(&mut self, ended: Ended, now: Moment) -> Vec<Action> {
        let Ended::Killed(signal) = ended else { return self.terminate(now) };
        if !std::mem::replace(&mut self.is_second_stop, true) {
            return vec![Action::ReportStopKilled(signal, Successor::Second), Action::StartStop];
        }
        let code = Action::KeepCodeIfNone(ended.code());
        let mut actions = vec![Action::ReportStopKilled(signal, Successor::None), code];
        actions.extend(self.terminate(now));
        actions
    }

    fn on_time(&mut self, now: Moment) -> Vec<Action> {
        if let Some((_, request)) = self.planned.take_if(|(at, _)| *at <= now) {
            return self.on_request(request.at_once(), now);
        }
        if self.deadline.take_if(|at| *at <= now).is_none() {
            let Some((_, gap)) = self.reminder.take_if(|(at, _)| *at <= now) else { return Vec::new() };
            self.reminder = Some((now.saturating_add(gap), gap.saturating_mul(2)));
            return vec![Action::NameRemaining];
        }
        self.reminder = None;
        match self.phase {
            Phase::Interrupted => vec![Action::KillBoot],
            Phase::Terminating => self.kill(now),
            Phase::Killing => self.end(),
            _ => Vec::new(),
        }
    }

    fn terminate(&mut self, now: Moment) -> Vec<Action> {
        self.phase = Phase::Terminating;
        let mut actions = vec![Action::Terminate];
        if self.kill_grace.is_zero() {
            actions.extend(self.kill(now));
        } else {
            self.deadline = Some(now.saturating_add(self.kill_grace));
            self.reminder = Some((now.saturating_add(REMAINING_REMINDER), REMAINING_REMINDER));
        }
        actions
    }

    fn kill(&mut self, now: Moment) -> Vec<Action> {
        self.phase = Phase::Killing;
        let mut actions = vec![Action::Kill];
        if self.config.first {
            // The kernel kills the remaining processes together with process 1.
            actions.extend(self.end());
        } else {
            self.deadline = Some(now.saturating_add(KILL_LIMIT));
        }
        actions
    }

    fn end(&mut self) -> Vec<Action> {
        if self.phase == Phase::Ended {
            return Vec::new();
        }
        self.phase = Phase::Ended;
        self.deadline = None;
        self.reminder = None;
        self.planned = None;
        vec![Action::End(self.how)]
    }
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
