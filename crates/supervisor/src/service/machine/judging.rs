//! What follows the end of `run`, by the restart policy; if that can't be read, it is decided a little later.

use super::unread::READS_MAX;
use super::{Action, Machine, Now, Outlook, RESTART_PAUSE, Settings};
use crate::service::policy::{self, End};
use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use wire::fifodir::ServiceEvent;
use wire::restart_policy::RestartPolicy;
use wire::restarts::{Mark, Verdict};

impl Machine {
    /// Decides what follows the end of `run`; gives what `finish` is told of that.
    pub(super) fn judge(&mut self, how: Ended, now: Now, settings: &mut dyn Settings) -> Option<Outlook> {
        let restarts = &mut self.restarts;
        (restarts.verdict, restarts.delay, restarts.is_pending) = (Verdict::None, None, false);
        let policy = settings.policy();
        self.is_unjudged = policy.is_err();
        let policy = policy.ok()?;
        let is_asked = policy::is_wanted(restarts, how);
        if !self.status.want_up || self.leaving || is_asked {
            restarts.mark = Mark::None;
        }
        let policy = policy.or_else(|| (restarts.mark == Mark::Stop).then(RestartPolicy::default))?;
        if !self.status.want_up || self.leaving {
            // Nothing follows.
        } else if is_asked {
            restarts.verdict = Verdict::Again;
        } else {
            let lives = self.status.ready || !settings.notifies_readiness();
            let life = restarts.since.filter(|_| lives).map(|since| now.moment.saturating_sub(since));
            let end = End { how, life: life.unwrap_or_default(), at: now.moment };
            policy::judge(restarts, &policy, end, &mut || settings.random());
        }
        let is_last = restarts.verdict != Verdict::Again;
        Some(Outlook { failures: restarts.failures, is_last })
    }

    /// Whether no start follows, and whether the service has failed permanently, by what was decided; if so, it isn't wanted
    /// up any more.
    pub(super) fn verdict(&mut self, is_permanent: bool) -> (bool, bool) {
        let verdict = Some(self.restarts.verdict).filter(|_| self.status.want_up).unwrap_or_default();
        let is_over = matches!(verdict, Verdict::Failed | Verdict::Ended);
        let has_failed = is_permanent || verdict == Verdict::Failed;
        self.status.want_up &= !is_over && !has_failed;
        (is_over, has_failed)
    }

    /// When the service is started again, or its end is judged if it couldn't be.
    pub(super) fn next_start(&self, now: Now) -> Moment {
        if self.is_unjudged {
            return now.moment;
        }
        let delay = self.restarts.delay.map(|ms| Duration::from_millis(ms.into()));
        let usual = || self.next_start.unwrap_or_else(|| now.moment.saturating_add(RESTART_PAUSE));
        delay.map_or_else(usual, |delay| now.moment.saturating_add(delay))
    }

    /// Decides what follows the end of `run`, of a service that is down, if the restart policy can be read now.
    pub(super) fn judge_late(&mut self, now: Now, settings: &mut dyn Settings, out: &mut Vec<Action>) {
        self.judge(Ended::from_wstat(self.status.wstat), now, settings);
        if self.is_unjudged && self.unread < READS_MAX {
            if self.unread == 0 {
                out.push(Action::Warn("unable to read restart-policy: trying again"));
            }
            return self.read_later(now);
        }
        if std::mem::take(&mut self.is_unjudged) {
            out.push(Action::Warn("unable to read restart-policy: the service is restarted as without it"));
        }
        self.unread = 0;
        let (is_over, has_failed) = self.verdict(false);
        if !is_over {
            self.deadline = Some(self.next_start(now));
            return;
        }
        self.publish(out);
        if has_failed {
            out.push(Action::Announce(&[ServiceEvent::PermanentFailure]));
        }
        self.restarts.is_pending = true;
        out.push(Action::Over);
    }
}
