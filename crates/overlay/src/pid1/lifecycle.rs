//! A container's life as a pure machine: what its first process does next.
//!
//! ```text
//! Booting ──────────────► Up ─────────────► Stopping ──► Terminating ──► Killing ──► Ended
//!    │  (stop asked)                            ▲
//!    └────────────► Interrupted ────────────────┘
//! ```
//!
//! - **Booting**: one child brings the services up; at its end it becomes the CMD, or exits if there is none.
//! - **Up**: services run, and the CMD if there is one.  The CMD's end stops the container.
//! - **Interrupted**: a stop was asked while booting.  The boot child starts nothing more, lets what runs finish,
//!   and exits; after a grace time it is killed.
//! - **Stopping**: one child brings the services down.
//! - **Terminating**: every process has got SIGTERM; it ends when none is left, or after the grace time.
//! - **Killing**: every process has got SIGKILL.
//!
//! Rules: a stop request counts at any moment; the first one decides how it ends; one that says *now* ends
//! everything at once.  Each step depends on nothing but its arguments, and no phase but Up waits for ever for
//! anything else than the services' own time-outs.

use s6_linux_init::request::{How, LENGTH, Request};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{ABRT, HALT, INT, PWR, QUIT, Signal, TERM, USR1, USR2, WINCH};

/// A moment on the monotonic clock.
pub type Moment = Duration;

/// The signals that a CMD can be given.
pub const PASSED_ON: [Signal; 7] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR];

/// The signals that mean something here.
pub const SIGNALS: [Signal; 9] = [INT, QUIT, USR1, USR2, TERM, WINCH, PWR, ABRT, HALT];

/// The longest grace time, as the reference has it.
const LONGEST_GRACE: Duration = Duration::from_secs(300);

/// How long processes may take after TERM before they are named.
const PATIENCE: Duration = crate::stop::stage3::PATIENCE;

/// How long killed processes may take to vanish where this process can't end without them.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// What doesn't change during a container's life.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// There is a CMD.
    pub command: bool,
    /// S6_CMD_RECEIVE_SIGNALS: a running CMD gets the signals.
    pub receive_signals: bool,
    /// S6_KILL_GRACETIME: the most between TERM and KILL.
    pub kill_grace: Duration,
    /// How long an interrupted boot may take to finish what it does: S6_SERVICES_GRACETIME.
    pub interrupt_grace: Duration,
    /// This is process 1 of its namespace: its end is the end of all.
    pub first: bool,
}

/// Where the container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The boot child works.
    Booting,
    /// The boot child was told to stop.
    Interrupted,
    /// All is up.
    Up,
    /// The stop child works.
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

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A signal of [`SIGNALS`] came.
    Signal(Signal),
    /// Somebody asked.
    Asked(Request),
    /// The boot child is about to become the CMD.
    CommandStarts,
    /// The boot child, or the CMD that it became, has ended.
    BootEnded(Ended),
    /// The stop child has ended.
    StopEnded,
    /// The host can't go on: nothing is supervised any more, and no child brings the services down.
    HostLost,
    /// No process is left.
    Empty,
    /// The deadline may have passed.
    Time,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Tell the boot child to start nothing more: SIGTERM.
    InterruptBoot,
    /// SIGKILL to the boot child.
    KillBoot,
    /// Send the signal to the CMD.
    PassOn(Signal),
    /// Start the child that brings the services down.
    StartStop,
    /// Write the container's exit code.
    KeepCode(u8),
    /// Write the container's exit code if nobody wrote one.
    KeepCodeIfNone(u8),
    /// Stop supervising, and TERM to every process.
    Terminate,
    /// Say who is still there after TERM.
    NameLeft,
    /// KILL to every process.
    Kill,
    /// The end.
    End(How),
}

/// The machine.
#[derive(Debug)]
pub struct Lifecycle {
    config: Config,
    phase: Phase,
    how: How,
    kill_grace: Duration,
    /// The CMD runs.
    command: bool,
    /// A stop for later.
    planned: Option<(Moment, Request)>,
    /// When the phase ends by itself.
    deadline: Option<Moment>,
    /// When to say who is still there, and how much later the next time.
    reminder: Option<(Moment, Duration)>,
}

impl Lifecycle {
    /// A container that boots.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let kill_grace = config.kill_grace.min(LONGEST_GRACE);
        Self {
            config,
            phase: Phase::Booting,
            how: How::Halt,
            kill_grace,
            command: false,
            planned: None,
            deadline: None,
            reminder: None,
        }
    }

    /// What [`Lifecycle::restore`] goes on with: bytes for the next program of this process, which is of the same
    /// version.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let Config { command, receive_signals, kill_grace, interrupt_grace, first } = self.config;
        let flags = [command, receive_signals, first, self.command].map(u8::from);
        let phase = PHASES.iter().position(|p| *p == self.phase).and_then(|n| u8::try_from(n).ok());
        let mut bytes = vec![phase.unwrap_or(u8::MAX)];
        bytes.extend(flags);
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

    /// The container that [`Lifecycle::save`] told of; `None` if the bytes aren't from there.
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<5>()?;
        let [phase, flags @ ..] = *head;
        let [command, receive_signals, first, running] = flags.map(|flag| flag != 0);
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
            planned: planned.map(|at| (at, request)),
            deadline,
            reminder: None,
        })
    }

    /// Where it is.
    #[cfg(test)]
    fn phase(&self) -> Phase {
        self.phase
    }

    /// When [`Event::Time`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let others = [self.planned.map(|(at, _)| at), self.reminder.map(|(at, _)| at)];
        others.into_iter().chain([self.deadline]).flatten().min()
    }

    /// One step.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Signal(signal) => self.on_signal(signal, now),
            Event::Asked(request) => self.on_request(request, now),
            Event::CommandStarts => {
                self.command = true;
                if self.phase == Phase::Booting {
                    self.phase = Phase::Up;
                }
                Vec::new()
            }
            Event::BootEnded(ended) => self.on_boot_end(ended, now),
            Event::StopEnded if self.phase == Phase::Stopping => self.terminate(now),
            Event::HostLost if !matches!(self.phase, Phase::Terminating | Phase::Killing | Phase::Ended) => {
                self.terminate(now)
            }
            Event::Empty if matches!(self.phase, Phase::Terminating | Phase::Killing) => self.end(),
            Event::StopEnded | Event::HostLost | Event::Empty => Vec::new(),
            Event::Time => self.on_time(now),
        }
    }

    fn on_signal(&mut self, signal: Signal, now: Moment) -> Vec<Action> {
        if self.command && self.config.receive_signals && PASSED_ON.contains(&signal) {
            return vec![Action::PassOn(signal)];
        }
        let how = match signal {
            // The last one is what asks systemd to halt, the stop signal of images that had it.
            TERM | USR2 | ABRT | HALT => How::Halt,
            INT => How::Reboot,
            USR1 | PWR => How::PowerOff,
            // Stop signals of some images; with a CMD they never stopped a container.
            QUIT | WINCH if !self.config.command => How::Halt,
            _ => return Vec::new(),
        };
        self.stop(how, now)
    }

    fn on_request(&mut self, request: Request, now: Moment) -> Vec<Action> {
        match request {
            Request::Cancel => self.planned = None,
            Request::Stop { how, now: true, .. } => {
                self.how = how;
                return self.end();
            }
            Request::Stop { delay, .. } if delay > 0 => {
                self.planned = Some((now.saturating_add(Duration::from_millis(delay)), request));
            }
            Request::Stop { how, grace, .. } => {
                if grace > 0 && matches!(self.phase, Phase::Booting | Phase::Up) {
                    self.kill_grace = Duration::from_millis(u64::from(grace)).min(LONGEST_GRACE);
                }
                return self.stop(how, now);
            }
        }
        Vec::new()
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
                vec![Action::StartStop]
            }
            _ => Vec::new(),
        }
    }

    fn on_boot_end(&mut self, ended: Ended, now: Moment) -> Vec<Action> {
        let was_command = std::mem::take(&mut self.command);
        match self.phase {
            Phase::Booting if ended == Ended::Exited(0) && !self.config.command => {
                self.phase = Phase::Up;
                Vec::new()
            }
            Phase::Booting | Phase::Up => {
                self.phase = Phase::Up;
                let mut actions = vec![Action::KeepCode(ended.code())];
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

    fn on_time(&mut self, now: Moment) -> Vec<Action> {
        if let Some((_, request)) = self.planned.take_if(|(at, _)| *at <= now)
            && let Request::Stop { how, grace, .. } = request
        {
            return self.on_request(Request::Stop { how, now: false, delay: 0, grace }, now);
        }
        if self.deadline.take_if(|at| *at <= now).is_none() {
            let Some((_, gap)) = self.reminder.take_if(|(at, _)| *at <= now) else { return Vec::new() };
            self.reminder = Some((now.saturating_add(gap), gap.saturating_mul(2)));
            return vec![Action::NameLeft];
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
            self.reminder = Some((now.saturating_add(PATIENCE), PATIENCE));
        }
        actions
    }

    fn kill(&mut self, now: Moment) -> Vec<Action> {
        self.phase = Phase::Killing;
        let mut actions = vec![Action::Kill];
        if self.config.first {
            // The kernel kills what is left together with process 1.
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
mod tests {
    use super::*;

    const CONFIG: Config = Config {
        command: true,
        receive_signals: false,
        kill_grace: Duration::from_secs(3),
        interrupt_grace: Duration::from_secs(3),
        first: true,
    };

    fn ms(n: u64) -> Moment {
        Duration::from_millis(n)
    }

    fn machine(config: Config) -> Lifecycle {
        Lifecycle::new(config)
    }

    fn up(config: Config) -> Lifecycle {
        let mut m = machine(config);
        let event = if config.command { Event::CommandStarts } else { Event::BootEnded(Ended::Exited(0)) };
        assert_eq!(m.step(event, ms(0)), []);
        assert_eq!(m.phase(), Phase::Up);
        m
    }

    #[test]
    fn a_commands_end_stops_the_container_with_its_code() {
        let mut m = up(CONFIG);
        let actions = m.step(Event::BootEnded(Ended::Exited(7)), ms(1));
        assert_eq!(actions, [Action::KeepCode(7), Action::StartStop]);
        assert_eq!(m.step(Event::StopEnded, ms(2)), [Action::Terminate]);
        assert_eq!(m.step(Event::Empty, ms(3)), [Action::End(How::Halt)]);
        assert_eq!(m.step(Event::Empty, ms(4)), []);
    }

    #[test]
    fn grace_is_the_most_that_is_waited() {
        let mut m = up(CONFIG);
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::StopEnded, ms(10));
        assert_eq!(m.deadline(), Some(ms(2010)));
        assert_eq!(m.step(Event::Time, ms(2010)), [Action::NameLeft]);
        assert_eq!(m.deadline(), Some(ms(3010)));
        assert_eq!(m.step(Event::Time, ms(3009)), []);
        assert_eq!(m.step(Event::Time, ms(3010)), [Action::Kill, Action::End(How::Halt)]);
    }

    #[test]
    fn who_stays_long_is_named_ever_less_often() {
        let mut m = up(Config { kill_grace: Duration::from_secs(60), ..CONFIG });
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::StopEnded, ms(0));
        let mut named = Vec::new();
        while m.phase() == Phase::Terminating {
            let now = m.deadline().unwrap();
            if m.step(Event::Time, now) == [Action::NameLeft] {
                named.push(now.as_secs());
            }
        }
        assert_eq!(named, [2, 4, 8, 16, 32]);
        assert_eq!(m.deadline(), None);
    }

    #[test]
    fn no_grace_kills_at_once() {
        let mut m = up(Config { kill_grace: Duration::ZERO, ..CONFIG });
        m.step(Event::Signal(TERM), ms(0));
        let actions = m.step(Event::StopEnded, ms(1));
        assert_eq!(actions, [Action::Terminate, Action::Kill, Action::End(How::Halt)]);
    }

    #[test]
    fn a_stop_interrupts_the_boot() {
        let mut m = machine(CONFIG);
        assert_eq!(m.step(Event::Signal(TERM), ms(0)), [Action::InterruptBoot]);
        assert_eq!(m.step(Event::Signal(TERM), ms(1)), []);
        assert_eq!(m.step(Event::Time, ms(3000)), [Action::KillBoot]);
        assert_eq!(m.step(Event::BootEnded(Ended::Killed(9)), ms(3001)), [Action::StartStop]);
        assert_eq!(m.phase(), Phase::Stopping);
        assert_eq!(m.deadline(), None);
    }

    #[test]
    fn an_interrupted_boot_that_became_the_command_anyway_goes_on_to_its_end() {
        let mut m = machine(CONFIG);
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::CommandStarts, ms(1));
        assert_eq!(m.phase(), Phase::Interrupted);
        assert_eq!(m.step(Event::BootEnded(Ended::Killed(15)), ms(2)), [Action::StartStop]);
    }

    #[test]
    fn a_failed_boot_stops_with_its_code() {
        let mut m = machine(Config { command: false, ..CONFIG });
        let actions = m.step(Event::BootEnded(Ended::Exited(1)), ms(0));
        assert_eq!(actions, [Action::KeepCode(1), Action::StartStop]);
    }

    #[test]
    fn signals_without_and_with_a_command() {
        let no_command = Config { command: false, ..CONFIG };
        for (signal, how) in [
            (TERM, How::Halt),
            (INT, How::Reboot),
            (USR1, How::PowerOff),
            (PWR, How::PowerOff),
            (QUIT, How::Halt),
            (WINCH, How::Halt),
            (ABRT, How::Halt),
            (HALT, How::Halt),
        ] {
            let mut m = up(no_command);
            assert_eq!(m.step(Event::Signal(signal), ms(0)), [Action::StartStop]);
            m.step(Event::StopEnded, ms(0));
            assert_eq!(m.step(Event::Empty, ms(0)), [Action::End(how)], "{signal}");
        }
        assert_eq!(up(CONFIG).step(Event::Signal(QUIT), ms(0)), []);
        assert_eq!(up(CONFIG).step(Event::Signal(WINCH), ms(0)), []);
        assert_eq!(up(CONFIG).step(Event::Signal(HALT), ms(0)), [Action::StartStop]);
    }

    #[test]
    fn a_command_that_receives_signals() {
        let config = Config { receive_signals: true, ..CONFIG };
        let mut m = up(config);
        assert_eq!(m.step(Event::Signal(TERM), ms(0)), [Action::PassOn(TERM)]);
        assert_eq!(m.phase(), Phase::Up);
        assert_eq!(up(config).step(Event::Signal(HALT), ms(0)), [Action::StartStop]);
        m.step(Event::BootEnded(Ended::Exited(0)), ms(1));
        assert_eq!(m.step(Event::Signal(TERM), ms(2)), []);
        assert_eq!(machine(config).step(Event::Signal(TERM), ms(0)), [Action::InterruptBoot]);
    }

    #[test]
    fn the_commands_code_while_stopping() {
        let mut m = up(CONFIG);
        m.step(Event::Signal(TERM), ms(0));
        assert_eq!(m.step(Event::BootEnded(Ended::Exited(5)), ms(1)), [Action::KeepCode(5)]);
        let mut m = up(CONFIG);
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::StopEnded, ms(1));
        assert_eq!(m.step(Event::BootEnded(Ended::Exited(5)), ms(2)), [Action::KeepCodeIfNone(5)]);
        let mut m = up(CONFIG);
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::StopEnded, ms(1));
        assert_eq!(m.step(Event::BootEnded(Ended::Killed(15)), ms(2)), []);
    }

    #[test]
    fn planned_and_cancelled() {
        let mut m = up(CONFIG);
        let later = Request::Stop { how: How::Reboot, now: false, delay: 500, grace: 40 };
        assert_eq!(m.step(Event::Asked(later), ms(100)), []);
        assert_eq!(m.deadline(), Some(ms(600)));
        m.step(Event::Asked(Request::Cancel), ms(200));
        assert_eq!(m.deadline(), None);
        m.step(Event::Asked(later), ms(300));
        assert_eq!(m.step(Event::Time, ms(800)), [Action::StartStop]);
        m.step(Event::StopEnded, ms(900));
        assert_eq!(m.deadline(), Some(ms(940)));
        assert_eq!(m.step(Event::Empty, ms(901)), [Action::End(How::Reboot)]);
    }

    #[test]
    fn without_a_host_everything_is_terminated() {
        let mut m = up(CONFIG);
        assert_eq!(m.step(Event::HostLost, ms(0)), [Action::Terminate]);
        assert_eq!(m.step(Event::HostLost, ms(1)), []);
        assert_eq!(m.deadline(), Some(ms(2000)));
    }

    #[test]
    fn a_saved_life_goes_on() {
        let mut m = up(Config { receive_signals: true, ..CONFIG });
        m.step(Event::Asked(Request::Stop { how: How::Reboot, now: false, delay: 500, grace: 40 }), ms(100));
        let mut restored = Lifecycle::restore(&m.save()).unwrap();
        assert_eq!(restored.save(), m.save());
        assert_eq!(restored.step(Event::Signal(TERM), ms(200)), [Action::PassOn(TERM)]);
        assert_eq!(restored.step(Event::Time, ms(600)), [Action::StartStop]);
        assert_eq!(restored.phase(), Phase::Stopping);
        let mut restored = Lifecycle::restore(&restored.save()).unwrap();
        restored.step(Event::StopEnded, ms(700));
        assert_eq!(restored.deadline(), Some(ms(740)));
        for length in 0..m.save().len() {
            assert!(Lifecycle::restore(&m.save()[..length]).is_none());
        }
        assert!(Lifecycle::restore(&[0xff; 80]).is_none());
    }

    #[test]
    fn now_means_now() {
        let mut m = machine(CONFIG);
        let now = Request::Stop { how: How::PowerOff, now: true, delay: 0, grace: 0 };
        assert_eq!(m.step(Event::Asked(now), ms(0)), [Action::End(How::PowerOff)]);
    }

    #[test]
    fn beside_other_processes_the_killed_ones_are_awaited() {
        let mut m = up(Config { first: false, kill_grace: ms(1), ..CONFIG });
        m.step(Event::Signal(TERM), ms(0));
        m.step(Event::StopEnded, ms(0));
        assert_eq!(m.step(Event::Time, ms(1)), [Action::Kill]);
        assert_eq!(m.step(Event::Empty, ms(2)), [Action::End(How::Halt)]);
    }
}
