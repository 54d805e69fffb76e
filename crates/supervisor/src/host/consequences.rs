//! Services that aren't started again: what their restart policies have for that is done here, once for each end.
//!
//! The record of the service, or the slot of its supervisor process, says that something is to be done, until it is
//! being done: a fault in between loses nothing.

use super::Host;
use super::policy::{Handled, Policy};
use crate::service::over::Over;
use crate::service::service_dir::ServiceDir;
use std::time::Duration;
use wire::restart_policy::Consequence;

/// From one attempt to the next one, if there is no memory or no process for it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

impl Host {
    /// The end of a service that something is to be done about.
    fn over(&mut self, number: usize) -> Option<Over> {
        let slot = self.roster.get_mut(number)?;
        if let Some(service) = &mut slot.service {
            return service.over();
        }
        let (service, _) = self.processes.as_ref()?.slots.over(number)?;
        let dir = slot.dir.as_ref().and_then(|dir| rustix::io::fcntl_dupfd_cloexec(dir, 0).ok())?;
        let mut dir = ServiceDir::new(dir, &slot.name);
        Over::of(&mut dir, &slot.name, &service.restarts, service.status.wstat)
    }

    /// Whether something is to be done about the end of a service.
    fn is_over(&self, number: usize) -> bool {
        match self.roster.get(number).map(|slot| &slot.service) {
            Some(Some(service)) => service.is_over(),
            Some(None) => self.processes.as_ref().is_some_and(|p| p.slots.over(number).is_some()),
            None => false,
        }
    }

    /// Notes a service that something may be to be done about.
    pub(super) fn note_over(&mut self, number: usize) {
        if self.is_over(number) {
            self.over.insert(number);
        }
    }

    /// What is to be done about the end of a service is being done.
    pub(super) fn over_seen(&mut self, number: usize) {
        self.over.remove(&number);
        if let Some(processes) = &self.processes
            && let Some((_, start)) = processes.slots.over(number)
        {
            processes.slots.over_seen(number, start);
        }
        self.with(number, |service, _| service.over_seen());
        self.write_services();
    }

    /// Does what is to be done about services that aren't started again.
    pub(super) fn see_to_ends(&mut self, policy: &mut dyn Policy) {
        if self.over_at.is_some_and(|at| at > self.launch.system.now()) {
            return;
        }
        self.over_at = None;
        for number in std::mem::take(&mut self.over).into_keys() {
            self.see_to_end(number, policy);
        }
    }

    fn see_to_end(&mut self, number: usize, policy: &mut dyn Policy) {
        let is_stopping = self.is_stopping();
        let Some(over) = self.over(number) else {
            if self.is_over(number) {
                self.try_again(number);
            }
            return;
        };
        if is_stopping || over.consequence == Consequence::Nothing {
            return self.over_seen(number);
        }
        if policy.over(self, &over) == Handled::Yes {
            // Nothing is to be done any more only when the policy's state is written.
            self.write_journal(policy);
            return self.over_seen(number);
        }
        self.launch.journal.starting_consequence(number);
        match over.carry_out(&self.launch) {
            Ok(_) => self.over_seen(number),
            Err(e) => {
                self.launch.journal.started();
                let name = tool::diag::show(&over.name);
                self.warn(format_args!(
                    "unable to do what the restart policy of {name} says, trying again: {}",
                    sys::strerror(e)
                ));
                self.try_again(number);
            }
        }
    }

    fn try_again(&mut self, number: usize) {
        self.over.insert(number);
        self.over_at = Some(self.launch.system.now().saturating_add(RETRY_PAUSE));
    }
}
