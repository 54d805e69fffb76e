//! One daemon, told through its control FIFO.

use super::plan::Deed;
use crate::status::TIMED_OUT;
use overlay::log_dirs::{CURRENT, directories, tail};
use rustix::fs::Access;
use std::time::Duration;
use supervision::control::{Undelivered, send};
use supervision::listen::{Goal, Listening};
use supervision::status::read_status;
use tool::clock::{self, Moment};
use tool::diag::{show, shown};
use tool::path::join;
use tool::{Fatal, OrUnable};
use wire::control::Command;
use wire::svstatus::Status;

/// At most so many bytes at the end of a log are looked at.
const LOG_TAIL: usize = 2048;

/// So many of its last lines are shown.
const LOG_LINES: usize = 5;

/// A daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The service's name.
    pub(crate) name: Vec<u8>,
    /// Its service directory.
    pub(crate) dir: Vec<u8>,
    /// The service directory of its logger, if it has one.
    pub(crate) logger: Option<Vec<u8>>,
    /// The longest that its start may take, in milliseconds.
    pub(crate) limit: Option<u32>,
}

/// What has become of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Became {
    /// What was wanted, in a word or two.
    Done(&'static str),
    /// Something else, why, and the exit code.
    Failed(String, u8),
}

/// What a daemon is told, and what is waited for then.
type Order = (Command, Goal, &'static str);

/// Pure: what is sent for a deed; or that nothing is to be done.
fn order(deed: Deed, status: &Status) -> Result<Order, &'static str> {
    let (is_up, is_wanted) = (status.is_up(), status.want_up);
    match deed {
        Deed::Start if is_up && is_wanted => Err("was up already"),
        Deed::Start if is_up => Ok((Command::Up, Goal::Restart, "started")),
        Deed::Stop if !is_up && !is_wanted => Err("was down already"),
        Deed::Stop => Ok((Command::Down, Goal::DownReady, "stopped")),
        Deed::Restart if is_up && is_wanted => Ok((Command::Restart, Goal::Restart, "restarted")),
        Deed::Restart if is_up => Ok((Command::Up, Goal::Restart, "restarted")),
        Deed::Start | Deed::Restart => Ok((Command::Up, Goal::Up, "started")),
    }
}

impl Daemon {
    /// Starts, stops or restarts it, and waits for that; at `deadline` the whole command gives up.
    ///
    /// # Errors
    /// It can't be told anything: code 111.
    pub(super) fn carry_out(&self, deed: Deed, deadline: Option<Moment>) -> Result<Became, Fatal> {
        let name = || show(&self.name);
        let status = read_status(&self.dir).or_unable(|| format!("read the status of {}", name()))?;
        let (command, goal, done) = match order(deed, &status) {
            Ok(order) => order,
            Err(already) => return Ok(Became::Done(already)),
        };
        let goal = match goal {
            Goal::Up if self.notifies() => Goal::UpReady,
            Goal::Restart if self.notifies() => Goal::RestartReady,
            goal => goal,
        };
        let mut listening = Listening::new(std::slice::from_ref(&self.dir), goal, false)?;
        send(&self.dir, &[command]).map_err(|why| match why {
            Undelivered::Failed(e) => Fatal::unable(format_args!("control {}", name()), e),
            _ => Fatal::new(111, format_args!("unable to control {}: no supervisor is listening", name())),
        })?;
        let own = self.limit.filter(|_| deed != Deed::Stop);
        let own = own.map(|ms| clock::now().saturating_add(Duration::from_millis(ms.into())));
        let until = deadline.into_iter().chain(own).min();
        Ok(match listening.wait(until) {
            Ok(()) => Became::Done(done),
            Err(why) if why.code() == TIMED_OUT => {
                let is_own = until != deadline;
                let what = match goal {
                    Goal::DownReady => "isn't down yet",
                    Goal::UpReady | Goal::RestartReady => "isn't ready yet",
                    _ => "isn't up yet",
                };
                Became::Failed(format!("{what}: timed out"), if is_own { 1 } else { TIMED_OUT })
            }
            Err(_) => Became::Failed(format!("has failed for good: {}", self.last_end()), 1),
        })
    }

    fn notifies(&self) -> bool {
        sys::fs::access(join(&self.dir, b"notification-fd"), Access::EXISTS).is_ok()
    }

    /// How it ended the last time.
    fn last_end(&self) -> String {
        match read_status(&self.dir) {
            Ok(status) => match (status.term_signal(), status.exit_code()) {
                (Some(signal), _) => format!("killed by {}", sys::signal::show(signal.into())),
                (None, code) => format!("exit code {}", code.unwrap_or_default()),
            },
            Err(_) => "its status can't be read".to_owned(),
        }
    }

    /// The last lines that its logger has written.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let dirs = self.logger.as_deref().map(|logger| directories(logger, None, false)).unwrap_or_default();
        let Some((text, is_cut)) = dirs.iter().find_map(|dir| tail(&join(dir, CURRENT), LOG_TAIL).ok())
        else {
            return Vec::new();
        };
        let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
        if is_cut && lines.len() > 1 {
            // The first one has no beginning.
            lines.remove(0);
        }
        let skipped = lines.len().saturating_sub(LOG_LINES);
        lines.into_iter().skip(skipped).map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::tai::Tai64n;

    #[test]
    fn what_is_sent_depends_on_what_the_daemon_does() {
        let stamp = Tai64n::from_unix(0, 0);
        let mut lines = Vec::new();
        for (pid, want_up) in [(7, true), (7, false), (0, true), (0, false)] {
            let status = Status {
                stamp,
                ready_stamp: stamp,
                pid,
                wstat: 0,
                paused: false,
                finishing: false,
                want_up,
                ready: false,
            };
            for deed in [Deed::Start, Deed::Stop, Deed::Restart] {
                let is = |is: bool, word: &'static str| if is { word } else { "" };
                let there = format!("{}{}", is(pid != 0, "up"), is(want_up, " wanted"));
                lines.push(format!("{deed:?} [{there}]: {:?}", order(deed, &status)));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
