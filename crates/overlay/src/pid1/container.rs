//! A running container: its lifecycle with its boot and stop children.
//!
//! [`Lifecycle`] decides, and [`Effects`] acts; this module connects them.

use crate::environment::variables::{S6_KILL_GRACETIME, S6_SERVICES_GRACETIME};
use crate::pid1::cause::{self, Cause};
use crate::pid1::effects::Effects;
use crate::pid1::lifecycle::{Action, Event, Lifecycle, SAVED, Successor};
use crate::pid1::told::{self, Stage, Step, Turn};
use rustix::process::Pid;
use s6_linux_init::request::How;
use supervisor::memory;
use sys::process::Ended;
use sys::signal::{CONT, KILL, Signal, TERM};
use tool::clock::Moment;

/// The ways to end, by their number in saved bytes.
const ENDS: [How; 3] = [How::Halt, How::PowerOff, How::Reboot];

/// The number of an end that isn't known yet.
const NO_END: u8 = u8::MAX;

/// A container's lifecycle with its children.
#[derive(Debug)]
pub(crate) struct Container {
    life: Lifecycle,
    boot: Option<Pid>,
    stop: Option<Pid>,
    end: Option<How>,
    verbosity: u8,
    /// Why the child was killed whose end is being handled.
    killed_by: memory::Cause,
    /// It was said that the stop child can't be started.  Not saved: at worst it is said again.
    is_short: bool,
}

impl Container {
    /// A container that is about to boot.
    pub(crate) fn new(life: Lifecycle, verbosity: u32) -> Self {
        let verbosity = u8::try_from(verbosity).unwrap_or(u8::MAX);
        Self {
            life,
            boot: None,
            stop: None,
            end: None,
            verbosity,
            killed_by: memory::Cause::Own,
            is_short: false,
        }
    }

    /// Whether warnings are wanted.
    pub(crate) fn warns(&self) -> bool {
        self.verbosity >= 1
    }

    /// Whether what goes on is wanted.
    pub(crate) fn tells(&self) -> bool {
        self.verbosity >= 2
    }

    /// Sets the boot child.
    pub(crate) fn set_boot(&mut self, pid: Pid) {
        self.boot = Some(pid);
    }

    /// How the container ends, as soon as that is known.
    pub(crate) fn end(&self) -> Option<How> {
        self.end
    }

    /// When [`Event::Time`] is due.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.life.deadline()
    }

    /// The lifecycle.
    pub(crate) fn life(&self) -> &Lifecycle {
        &self.life
    }

    /// The children that it knows.
    pub(crate) fn children(&self) -> impl Iterator<Item = Pid> {
        self.boot.into_iter().chain(self.stop)
    }

    /// Performs the actions of the lifecycle after an event; `cause` is known of an event that asks for a stop.
    pub(crate) fn step(
        &mut self,
        event: Event,
        cause: Option<&Cause>,
        now: Moment,
        effects: &mut dyn Effects,
    ) {
        let was = Stage::of(&self.life);
        let (was_alive, ran_command) = (self.life.is_alive(), self.life.has_command());
        let actions = self.life.step(event, now);
        let why = if was_alive && !self.life.is_alive() {
            cause::of_stop(event, cause, ran_command, self.killed_by)
        } else {
            None
        };
        let step = Step {
            event,
            cause,
            boot: self.boot,
            killed_by: self.killed_by,
            why: why.as_ref().map_or("", |(text, _)| text),
        };
        for turn in told::turns(was, Stage::of(&self.life), &step) {
            effects.tell(turn);
        }
        if let Some((text, is_crash)) = why {
            match (event, cause, self.killed_by) {
                (Event::BootEnded(_), _, memory::Cause::Memory(_)) => effects.tell_reason(&text),
                (_, Some(Cause::Service { name, failure: Some(failure) }), _) => {
                    effects.tell_reason(&format!("{name} {failure}"));
                }
                _ => {}
            }
            match (is_crash, self.verbosity) {
                (true, 1..) => effects.warn(&text),
                (false, 2..) => effects.info(&text),
                _ => {}
            }
        }
        for action in actions {
            self.act(action, now, effects);
        }
    }

    /// Handles the end of the boot child or the stop child; `false` if it was neither.
    pub(crate) fn child_ended(
        &mut self,
        pid: Pid,
        ended: Ended,
        killed_by: memory::Cause,
        now: Moment,
        effects: &mut dyn Effects,
    ) -> bool {
        self.killed_by = killed_by;
        if self.boot.take_if(|boot| *boot == pid).is_some() {
            effects.take_terminal_back();
            self.step(Event::BootEnded(ended), None, now, effects);
            true
        } else if self.stop.take_if(|stop| *stop == pid).is_some() {
            self.step(Event::StopEnded(ended), None, now, effects);
            true
        } else {
            false
        }
    }

    fn act(&mut self, action: Action, now: Moment, effects: &mut dyn Effects) {
        match action {
            Action::InterruptBoot => self.signal_boot(TERM, effects),
            Action::KillBoot => {
                if self.verbosity >= 1 {
                    effects.warn(&self.late_boot(effects));
                }
                self.signal_boot(KILL, effects);
            }
            Action::PassOn(signal) => self.signal_boot(signal, effects),
            Action::StartStop => match effects.start_stop() {
                Ok(pid) => self.stop = Some(pid),
                Err(e) => {
                    if !std::mem::replace(&mut self.is_short, true) {
                        effects.warn(&cause::no_stop_child(e));
                    }
                    self.step(Event::StopNotStarted, None, now, effects);
                }
            },
            Action::FreeProcesses => {
                let services = effects.services();
                effects.signal_others(TERM, &services);
                effects.signal_others(CONT, &services);
            }
            Action::ReportUnordered => effects.warn(cause::UNORDERED),
            Action::ReportBootKilled(signal) => self.report_boot_killed(signal, effects),
            Action::ReportStopKilled(signal, successor) => {
                if self.verbosity >= 1 || successor == Successor::None {
                    effects.warn(&cause::stop_killed(signal, self.killed_by, successor));
                }
            }
            Action::KeepCode(code) => keep_code(code, effects),
            Action::KeepCodeIfNone(code) => {
                if effects.is_code_untouched() {
                    keep_code(code, effects);
                }
            }
            Action::Terminate => {
                effects.stop_supervising();
                effects.signal_all(TERM, None);
                effects.signal_all(CONT, None);
            }
            Action::NameRemaining => {
                self.name_remaining("still running after TERM", effects.keeper(), effects);
            }
            Action::Kill => {
                let keeper = effects.keeper();
                if self.life.has_grace() {
                    let text = format!("killed, because TERM didn't end them within {S6_KILL_GRACETIME}");
                    self.name_remaining(&text, keeper, effects);
                }
                effects.stop_replacing();
                effects.signal_all(KILL, keeper);
            }
            _ => self.act_at_the_end(action, now, effects),
        }
    }

    fn act_at_the_end(&mut self, action: Action, now: Moment, effects: &mut dyn Effects) {
        match action {
            Action::FinishOutput(limit) => effects.finish_output(limit),
            Action::AwaitKeeper if effects.await_keeper() => {}
            Action::AwaitKeeper => self.step(Event::Drained, None, now, effects),
            Action::NameKeeper => effects.name_keeper(),
            Action::KillKeeper => effects.kill_keeper(),
            Action::End(how) => {
                effects.tell_end();
                self.end = Some(how);
                effects.leave_host();
            }
            // These are at the beginning.
            _ => {}
        }
    }

    fn report_boot_killed(&self, signal: u8, effects: &mut dyn Effects) {
        let text = cause::boot_killed(signal, self.killed_by);
        effects.fatal(&text);
        effects.tell_reason(&text);
    }

    fn signal_boot(&self, signal: Signal, effects: &mut dyn Effects) {
        if let Some(pid) = self.boot {
            effects.signal(pid, signal);
        }
    }

    fn late_boot(&self, effects: &dyn Effects) -> String {
        let remaining = self.boot.map(|pid| effects.describe_below(pid)).filter(|text| !text.is_empty());
        let remaining = remaining.map(|text| format!(": {text}")).unwrap_or_default();
        format!(
            "what the start was doing hasn't ended {S6_SERVICES_GRACETIME} after the stop was asked{remaining}; \
             the stop goes on without it"
        )
    }

    fn name_remaining(&self, what: &str, spared: Option<Pid>, effects: &mut dyn Effects) {
        let remaining = if self.verbosity >= 1 { effects.describe_remaining(spared) } else { String::new() };
        if !remaining.is_empty() {
            effects.warn(&format!("{what}: {remaining}"));
        }
    }

    /// The bytes for [`Container::restore`], in big-endian order.
    ///
    /// | byte | content |
    /// |---|---|
    /// | 0 | process id of the boot child, or 0 |
    /// | 4 | process id of the stop child, or 0 |
    /// | 8 | process id of the relay, or 0 |
    /// | 12 | the end, or 255 |
    /// | 13 | the verbosity, 255 at most |
    /// | 14… | the lifecycle |
    pub(crate) fn save(&self, relay: Option<Pid>) -> Vec<u8> {
        let pid = |pid: Option<Pid>| Pid::as_raw(pid).to_be_bytes();
        let end = self.end.and_then(|end| ENDS.iter().position(|how| *how == end));
        let end = end.and_then(|n| u8::try_from(n).ok()).unwrap_or(NO_END);
        let mut bytes = Vec::with_capacity(SAVED);
        bytes.extend([pid(self.boot), pid(self.stop), pid(relay)].as_flattened());
        bytes.extend([end, self.verbosity]);
        bytes.extend(self.life.save());
        bytes
    }

    /// The container and the process id of the relay from the bytes of [`Container::save`]; `None` for other bytes.
    pub(crate) fn restore(bytes: &[u8]) -> Option<(Self, Option<Pid>)> {
        let (head, life) = bytes.split_first_chunk::<14>()?;
        let (pids, flags) = head.split_first_chunk::<12>()?;
        let (boot, pids) = pids.split_first_chunk::<4>()?;
        let (stop, relay) = pids.split_first_chunk::<4>()?;
        let pid = |bytes: &[u8]| Pid::from_raw(i32::from_be_bytes(bytes.try_into().ok()?));
        let &[end, verbosity] = flags else { return None };
        let container = Self {
            life: Lifecycle::restore(life)?,
            boot: pid(boot),
            stop: pid(stop),
            end: (end != NO_END).then(|| ENDS.get(usize::from(end)).copied()).flatten(),
            verbosity,
            killed_by: memory::Cause::Own,
            is_short: false,
        };
        Some((container, pid(relay)))
    }
}

fn keep_code(code: u8, effects: &mut dyn Effects) {
    effects.tell(Turn::Code(code));
    if let Err(e) = effects.write_code(code) {
        effects.warn(&format!("unable to write the exit code {code}: {}", sys::strerror(e)));
    }
}

#[cfg(test)]
mod tests;
