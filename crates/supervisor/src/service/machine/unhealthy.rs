//! The process of `run` was found unhealthy: its end is a failure, if nobody asks for it.

use super::{Action, Machine, Now, Settings};
use wire::control::Command;
use wire::restarts::Mark;

impl Machine {
    /// Whether it was.
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.restarts.mark != Mark::None
    }

    /// Notes it, and ends the process unless it is only to be noted.
    pub(super) fn found_unhealthy(
        &mut self,
        by: Command,
        now: Now,
        settings: &mut dyn Settings,
        out: &mut Vec<Action>,
    ) {
        let mark = if by == Command::UnhealthyStop { Mark::Stop } else { Mark::Unhealthy };
        self.restarts.mark = mark.max(self.restarts.mark);
        if by != Command::UnhealthyMark {
            self.end(now, settings, out);
        }
    }
}
