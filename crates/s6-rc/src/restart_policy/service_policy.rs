//! What a definition, with the variables about it, says about the ends of its daemon.

use crate::folder::READABLE;
use files::create;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use wire::restart_policy::{Consequence, Limit, Restart, RestartPolicy};

/// The record of a service, and what merging it with variables needs to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServicePolicy {
    /// What goes into the service directory.
    pub(crate) record: RestartPolicy,
    /// Whether the container is for this service: there is a file `main`.
    pub(crate) main: bool,
    /// Whether the definition says which ends are followed by another start, or how often.
    pub(crate) says_restart: bool,
    /// Whether it says what a failure for good leads to.
    pub(crate) says_on_failure: bool,
    /// Whether it says when the daemon is started again, or has failed for good, so that no limit is implied.
    pub(crate) decides: bool,
}

/// The limit of a service whose definition only says what its failure leads to: the first failure is the last one.
pub(crate) const IMPLIED_LIMIT: Limit = Limit { count: 1, window: None };

impl ServicePolicy {
    /// Whether the service can fail for good; `finish`: it has one, which may exit 125.
    pub(crate) fn may_fail(&self, finish: bool) -> bool {
        let record = &self.record;
        finish
            || record.limit.is_some()
            || record.restart == Restart::Never
            || record.never_on != RestartPolicy::default().never_on
    }

    /// Writes the record to a file that doesn't exist.
    ///
    /// # Errors
    /// As open(2) and write(2), and `TOOBIG` for a record that can't be packed.
    pub(crate) fn write(&self, at: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        create(at, name, &self.record.pack().ok_or(Errno::TOOBIG)?, READABLE)
    }

    /// Whether an end brings down what needs the service.
    pub(crate) fn stops_dependents(&self) -> bool {
        [&self.record.on_failure, &self.record.on_success].contains(&&Consequence::StopDependents)
    }
}
