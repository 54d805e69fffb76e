//! What a machine does when the files of a service can't be read for lack of descriptors or memory: it tries again, and only
//! after some seconds the defaults count.

use super::{Action, DOWN_SIGNAL, FINISH_TIMEOUT, Machine, Now, START_RETRY_LIMIT, Settings};
use std::time::Duration;
use tool::clock::doubled;
use wire::control::Command;
use wire::restarts::Restarts;

/// From the first attempt to read what a stop needs to the next one; further ones double it.
const READ_PAUSE: Duration = Duration::from_millis(100);

/// After so many attempts, which is after six seconds, the defaults count.
pub(super) const READS_MAX: u32 = 6;

impl Machine {
    /// The settings of a stop can't be read for lack of descriptors or memory: whether they are read again a little later, before
    /// anything is sent.
    pub(super) fn reads_again(&mut self, now: Now, out: &mut Vec<Action>) -> bool {
        if self.unread >= READS_MAX {
            out.push(Action::Warn(
                "unable to read down-signal and timeout-kill for lack of descriptors or memory: SIGTERM is sent",
            ));
            return false;
        }
        if self.unread == 0 {
            out.push(Action::Warn(
                "unable to read down-signal and timeout-kill for lack of descriptors or memory: trying again",
            ));
        }
        self.dying = false;
        self.read_later(now);
        true
    }

    /// Sets the time of the next attempt.
    pub(super) fn read_later(&mut self, now: Now) {
        self.deadline = Some(now.moment.saturating_add(doubled(READ_PAUSE, self.unread, START_RETRY_LIMIT)));
        self.unread = self.unread.saturating_add(1);
    }

    /// Sends the down signal to a service that is started again when it has ended.
    pub(super) fn restart(&mut self, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        self.is_told = true;
        self.restarts.told = Restarts::TO_END;
        let signal = settings.down_signal();
        if signal.is_ok() || !self.reads_again(now, out) {
            self.unread = 0;
            self.signal(signal.unwrap_or(DOWN_SIGNAL), out);
        }
    }

    /// Sends the signal that makes the service reload its configuration; not another one, which may end it.
    pub(super) fn reload(&mut self, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        match settings.reload_signal() {
            Ok(signal) => {
                self.tell(Command::Reload, signal);
                self.signal(signal, out);
            }
            Err(_) => out.push(Action::Warn(
                "unable to read reload-signal for lack of descriptors or memory: no signal is sent",
            )),
        }
    }

    /// Whether `finish` may take longer than the default, which is over; sets the deadline.
    pub(super) fn has_time(&mut self, now: Now, settings: &mut dyn Settings) -> bool {
        let Ok(limit) = settings.finish_timeout() else { return false };
        let more = limit.map(|limit| limit.saturating_sub(FINISH_TIMEOUT));
        self.deadline = more.map(|more| now.moment.saturating_add(more));
        more.is_none_or(|more| !more.is_zero())
    }
}
