//! A service that isn't started again: what its restart policy has for that.

use super::Service;
use super::machine::Saved;
use super::policy::{explain, stop_code};
use super::service_dir::ServiceDir;
use crate::launch::Launch;
use crate::service::machine::Settings;
use rustix::io::Errno;
use rustix::process::Pid;
use sys::process::Ended;
use wire::restart_policy::{Consequence, RestartPolicy};
use wire::restarts::{Mark, Restarts, Verdict};

/// The tool that does what a policy has for the end of a service.
const RUNNER: &str = "s6-overlay-consequence";

/// The end of a service that isn't started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// The service.
    pub name: Vec<u8>,
    /// How `run` ended.
    pub how: Ended,
    /// Whether the service has failed for good, or else has ended with success.
    pub has_failed: bool,
    /// Why `run` has ended, in a word.
    pub cause: &'static str,
    /// Failures in a row.
    pub failures: u16,
    /// What follows.
    pub consequence: Consequence,
    /// Why it has failed, and what follows, for a message.
    pub text: String,
}

impl Over {
    /// The end of the service of this directory, of which this is remembered; `None` if another start
    /// follows, or its policy can't be read now.
    pub(crate) fn of(dir: &mut ServiceDir, name: &[u8], restarts: &Restarts, wstat: u16) -> Option<Self> {
        let has_failed = match restarts.verdict {
            Verdict::Failed => true,
            Verdict::Ended => false,
            Verdict::None | Verdict::Again => return None,
        };
        let mut policy = dir.policy().ok()?.unwrap_or_default();
        if restarts.mark == Mark::Stop && !matches!(policy.on_failure, Consequence::Stop(_)) {
            policy.on_failure = Consequence::Stop(None);
        }
        let how = Ended::from_wstat(wstat);
        let text = explain(restarts, &policy, how);
        let RestartPolicy { on_failure, on_success, .. } = policy;
        let consequence = if has_failed { on_failure } else { on_success };
        let cause = match how {
            _ if restarts.is_memory => "memory",
            _ if restarts.mark != Mark::None => "unhealthy",
            Ended::Exited(_) => "exit",
            Ended::Killed(_) => "signal",
        };
        let failures = restarts.failures;
        Some(Self { name: name.to_vec(), how, has_failed, cause, failures, consequence, text })
    }

    /// The exit code of the container, if it is to stop.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        match self.consequence {
            Consequence::Stop(code) => Some(stop_code(code, self.has_failed, self.how)),
            _ => None,
        }
    }

    /// Starts what does that; `None` if nothing is to be done.
    pub(crate) fn carry_out(&self, launch: &Launch) -> Result<Option<Pid>, Errno> {
        let code = self.code().unwrap_or_default().to_string();
        let mut words: Vec<&[u8]> = match &self.consequence {
            Consequence::Nothing => return Ok(None),
            Consequence::Stop(_) => vec![b"stop", code.as_bytes()],
            Consequence::StopDependents => vec![b"stop-dependents"],
            Consequence::Run(words) => {
                std::iter::once(&b"run"[..]).chain(words.iter().map(Vec::as_slice)).collect()
            }
        };
        let (exit_code, signal) = match self.how {
            Ended::Exited(code) => (code.to_string(), "0".to_owned()),
            Ended::Killed(signal) => (String::new(), signal.to_string()),
        };
        let failures = self.failures.to_string();
        let which = if self.has_failed { &b"on-failure"[..] } else { b"on-success" };
        let facts = [exit_code.as_bytes(), signal.as_bytes(), self.cause.as_bytes(), failures.as_bytes()];
        let mut argv: Vec<&[u8]> = vec![RUNNER.as_bytes(), b"--", &self.name, which];
        argv.extend(facts);
        argv.append(&mut words);
        launch.spawn(None, &Launch::own_file(RUNNER), &argv, &[]).map(Some)
    }
}

impl Service {
    /// What is to be done since the service isn't started again, until [`Service::over_seen`] is called.
    pub(crate) fn over(&mut self) -> Option<Over> {
        let Saved { status, restarts, .. } = self.machine.save();
        if restarts.is_pending { Over::of(&mut self.dir, &self.name, &restarts, status.wstat) } else { None }
    }

    /// Whether something is to be done since the service isn't started again.
    pub(crate) fn is_over(&self) -> bool {
        self.machine.is_over()
    }

    /// That is being done.
    pub(crate) fn over_seen(&mut self) {
        self.machine.over_seen();
    }

    /// Reports that the service isn't started again, if it has failed.
    pub(super) fn report_over(&mut self, launch: &Launch) {
        if launch.reports
            && let Some(over) = self.over().filter(|over| over.has_failed)
        {
            launch.system.warn(self.dir.label(), &over.text);
        }
    }
}
