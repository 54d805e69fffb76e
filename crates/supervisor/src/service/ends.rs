//! What is said of the ends of a service's processes: why one was killed, that the service ends again and again, and what it
//! has left behind.

use super::Service;
use super::crash_loop::{Report, Way};
use crate::launch::Launch;
use crate::memory::Cause;
use crate::system::raw;
use rustix::process::Pid;
use sys::process::Ended;

/// How many processes a warning names.
const NAMED_AT_MOST: usize = 10;

impl Service {
    /// Finds out why `run` has ended, and reports what nobody has asked for.
    pub(super) fn note_end(&mut self, how: Ended, peak: Option<u64>, launch: &Launch) {
        let is_wanted = self.machine.is_end_wanted(how);
        let is_kill = how == Ended::Killed(9) && !is_wanted;
        let is_unhealthy = !is_wanted && self.machine.is_unhealthy();
        let own = if is_unhealthy { Cause::Unhealthy } else { Cause::Own };
        self.cause = match is_kill.then(|| launch.cause_of_kill(None, peak)) {
            Some(cause @ Cause::Memory(_)) => cause,
            Some(cause) if !is_unhealthy => cause,
            _ => own,
        };
        self.machine.note_cause(matches!(self.cause, Cause::Memory(_)));
        if is_wanted || !self.machine.is_wanted_up() {
            self.crashes.forget();
        } else {
            let way = match self.cause {
                Cause::Memory(_) => Way::Memory,
                Cause::Unhealthy => Way::Unhealthy,
                Cause::Own | Cause::Foreign => Way::Ended(how),
            };
            self.report = self.crashes.ended(way, launch.system.now());
        }
        if self.cause != Cause::Own && launch.reports && !self.crashes.is_reported() {
            launch.system.warn(self.dir.label(), &self.cause.text(9));
        }
    }

    /// The report that is due.
    pub(crate) fn take_report(&mut self) -> Option<Report> {
        self.report.take()
    }

    /// Prints a report; `is_known` says of a process whether it belongs to another service.
    pub(crate) fn report_crashes(&self, report: &Report, is_known: impl Fn(u32) -> bool, launch: &Launch) {
        if !launch.reports || !self.machine.starts_again() {
            return;
        }
        let begun = report.begun();
        let age = launch.system.now().saturating_sub(begun.at);
        let mut left =
            launch.reaper().map(|reaper| launch.system.strays(reaper, age, begun.pid)).unwrap_or_default();
        left.retain(|pid| !is_known(raw(*pid)));
        let text = report.text(&describe(&left), self.dir.has(wire::restart_policy::FILE));
        launch.system.warn(self.dir.label(), &text);
    }

    /// Warns of processes that are left of the session of `run`.
    pub(super) fn name_session(&self, left: &[Pid]) {
        if left.is_empty() {
            return;
        }
        self.dir.warn(format_args!(
            "stopped, but these processes that run started are still there: {} (start the daemon with exec, or write \
             session into a file kill-mode to end them)",
            describe(left).join(", ")
        ));
    }
}

/// Descriptions of processes, some of them by number only.
fn describe(pids: &[Pid]) -> Vec<String> {
    let mut names: Vec<String> =
        pids.iter().take(NAMED_AT_MOST).map(|pid| tool::diag::process(raw(*pid))).collect();
    let more = pids.len().saturating_sub(NAMED_AT_MOST);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}
