//! The ends of children: each child is reaped, and its end handed to its service, to its supervisor, or to the policy.

use super::Host;
use super::policy::Policy;
use crate::memory::Cause;
use crate::service::crash_loop::Report;
use crate::service::machine;
use crate::system::raw;
use rustix::io::Errno;
use rustix::process::Pid;
use sys::process::Ended;
use wire::record::{Event, Kind, Name};

/// The number of children that are reaped before other events are served: a flood of orphans delays nothing.
const REAPED_AT_ONCE: usize = 256;

/// What is known of a process's end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// How it ended, and the most memory that it had.
    Known(Option<u64>),
    /// Nothing.
    Unknown,
}

impl Host {
    /// Reaps children that have ended; if there may be more, [`Host::run`] reaps them after other events.
    pub(super) fn reap(&mut self, policy: &mut dyn Policy) {
        for _ in 0..REAPED_AT_ONCE {
            match self.launch.system.peek() {
                Ok(Some((pid, how))) => {
                    self.launch.journal.handle_end(pid, how);
                    self.reap_one(pid, how, policy);
                    self.settle(policy);
                }
                Ok(None) | Err(Errno::CHILD) => return,
                Err(e) => return self.warn(format_args!("unable to reap: {}", sys::strerror(e))),
            }
        }
        self.has_unreaped = true;
    }

    /// Reaps a child that has ended, and handles that.
    pub(super) fn reap_one(&mut self, pid: Pid, how: Ended, policy: &mut dyn Policy) {
        // Until it is reaped, its process id is no other's.
        let orphan_of = self.leave_end(pid, how);
        let number = self.roster.of_pid(raw(pid));
        let is_other = orphan_of.is_none() && number.is_none();
        let is_policys = is_other && policy.children().contains(&pid);
        let name = (is_other && self.is_foreign_kill(how)).then(|| tool::diag::process(raw(pid)));
        let peak = self.launch.system.reap(pid);
        match (orphan_of, number) {
            (Some(number), _) => self.wake_supervisor(number),
            (None, Some(number)) => self.child_ended(number, how, Fate::Known(peak)),
            (None, None) => {
                if is_policys {
                    // What stops the container comes before the end of a start that failed for that reason.
                    self.read_supervisors();
                    self.see_to_ends(policy);
                }
                self.child.take_if(|(_, child)| *child == pid);
                let cause = self.cause(how, peak);
                if let (Cause::Memory(lack), Some(name)) = (cause, name) {
                    let event = Event { kind: Kind::MemoryKill, pid: raw(pid), code: 1, ..Event::default() };
                    self.record(Event { value: lack.peak, name: Name::new(name.as_bytes()), ..event });
                    if !is_policys {
                        self.report_kill(&format!(
                            "process {name}, which is no service's own, {}",
                            cause.text(9)
                        ));
                    }
                }
                policy.child(self, pid, how, cause);
            }
        }
    }

    /// The process of a slot has ended: the service's or its supervisor.
    pub(super) fn child_ended(&mut self, number: usize, how: Ended, fate: Fate) {
        match self.roster.get_mut(number) {
            Some(slot) if slot.supervisor.is_some() => self.supervisor_ended(number, how),
            _ => {
                self.with(number, |service, launch| match fate {
                    Fate::Known(peak) => service.ended(how, peak, launch),
                    Fate::Unknown => service.feed(machine::Event::Ended(how), launch),
                });
                let report =
                    self.roster.get_mut(number).and_then(|slot| slot.service.as_mut()?.take_report());
                if let Some(report) = report {
                    self.report_crashes(number, &report);
                }
            }
        }
    }

    /// Reports that a service ends again and again.
    fn report_crashes(&self, number: usize, report: &Report) {
        let Some(service) = self.roster.get(number).and_then(|slot| slot.service.as_ref()) else { return };
        service.report_crashes(report, |pid| self.roster.of_pid(pid).is_some(), &self.launch);
    }
}
