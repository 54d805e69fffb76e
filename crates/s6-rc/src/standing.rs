//! How the transition of a longrun stands, by what is seen of it: the decisions behind [`crate::longrun`].

use rustix::io::Errno;
use std::time::Duration;
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// What a transition waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The daemon runs.
    Up,
    /// The daemon has reported that it is ready.
    Ready,
    /// The daemon and its `finish` have ended.
    Down,
}

impl Goal {
    /// What a time-out was waiting for.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Up => "its run script to be started",
            Self::Ready => "its readiness notification",
            Self::Down => "its daemon to die and its finish script to end",
        }
    }
}

/// Why a transition failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No supervisor runs on the service directory, or it ended.
    NotSupervised,
    /// It will not be restarted: its `finish` exited 125.
    Permanent,
    /// Its `run` can't be executed, whatever the number of attempts.
    NotStarted,
    /// It is down and isn't wanted up any more, though the start hasn't ended.
    GivenUp,
    /// No descriptor is left to subscribe with.
    NoDescriptors,
    /// A system call failed.
    Failed(Errno),
}

/// How a transition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Done,
    Failed(Trouble),
}

/// Whether a service with this status has reached the goal.
pub(crate) fn is_reached(goal: Goal, status: &Status) -> bool {
    match goal {
        Goal::Up => status.is_up(),
        Goal::Ready => status.is_up() && status.ready,
        // Between two runs counts: the command keeps the next one from starting.
        Goal::Down => status.pid == 0,
    }
}

/// What is seen of a longrun when it is asked how it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) goal: Goal,
    /// When the transition began.
    pub(crate) since: Tai64n,
    pub(crate) is_supervised: bool,
    /// `None` if there is none that can be read.
    pub(crate) status: Option<Status>,
    /// The process of the status doesn't exist any more.
    pub(crate) is_gone: bool,
    /// A daemon has ended since the transition began.
    pub(crate) has_ended: bool,
}

/// So long a service is found without a supervisor, or given up, before that counts.
const BELIEVED_AFTER: Duration = Duration::from_secs(1);

/// So long the process of a status is gone before the service counts as down without an event: by default, `finish` may
/// take five seconds.
const GONE_AFTER: Duration = Duration::from_secs(6);

/// How a longrun stands in its transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Where it should be.
    There,
    /// Where it should be, for now: the supervisor wants something else.
    ThereForNow,
    /// On its way, or unknown.
    OnItsWay,
    /// The supervisor hasn't got the command.
    NotTold,
    /// Since the transition began it has gone down, and isn't wanted up any more.
    GivenUp,
    /// Its status names a process that is gone: it will be new in a moment, or can't be written.
    Gone,
    /// No supervisor runs on the directory, or none for a moment.
    NotSupervised,
}

impl View {
    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        if !self.is_supervised {
            return Standing::NotSupervised;
        }
        let Some(status) = self.status else { return Standing::OnItsWay };
        if status.pid != 0 && self.is_gone {
            return Standing::Gone;
        }
        let is_wanted = status.want_up != (self.goal == Goal::Down);
        let has_changed = status.stamp >= self.since || status.ready_stamp >= self.since;
        match (is_reached(self.goal, &status), is_wanted) {
            (true, _) if self.goal != Goal::Down => Standing::There,
            (true, true) => Standing::There,
            (true, false) => Standing::ThereForNow,
            // A command that it has got isn't repeated: `d` is another signal, `u` ends a pause between two starts.
            (false, true) => Standing::OnItsWay,
            (false, false) if self.goal == Goal::Down || !has_changed => Standing::NotTold,
            // A host that faulted may have begun to supervise it anew, and has heard of no command then.
            (false, false) if is_new(&status) && !self.has_ended => Standing::NotTold,
            // It was up, and then its `finish` exited 125, or somebody told it to go down.
            (false, false) if status.pid == 0 => Standing::GivenUp,
            (false, false) => Standing::OnItsWay,
        }
    }
}

/// Whether a status is that of a service that hasn't run since its supervision began.  It may also be that of one that was
/// successful, and has no `finish`.
pub(crate) fn is_new(status: &Status) -> bool {
    status.pid == 0 && status.wstat == 0 && status.stamp == status.ready_stamp
}

impl Standing {
    /// Whether the command is to be sent again.
    pub(crate) fn needs_command(self) -> bool {
        matches!(self, Self::NotTold | Self::ThereForNow)
    }

    /// What follows when the same was found for so long.
    ///
    /// What may be so for a moment only, while a supervisor is replaced or has just heard of a death, is believed when it
    /// has been found again.
    pub(crate) fn progress(self, goal: Goal, lasted: Duration) -> Progress {
        let is_certain = lasted >= BELIEVED_AFTER;
        match (self, goal) {
            (Self::There | Self::ThereForNow, _) => Progress::Done,
            (Self::NotSupervised, Goal::Down) if is_certain => Progress::Done,
            (Self::NotSupervised, _) if is_certain => Progress::Failed(Trouble::NotSupervised),
            (Self::GivenUp, _) if is_certain => Progress::Failed(Trouble::GivenUp),
            (Self::Gone, Goal::Down) if lasted >= GONE_AFTER => Progress::Done,
            _ => Progress::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(goal: Goal, pid: u32, want_up: bool) -> View {
        let status = Status {
            stamp: Tai64n::from_unix(50, 0),
            ready_stamp: Tai64n::from_unix(50, 0),
            pid,
            wstat: 0,
            paused: false,
            finishing: false,
            want_up,
            ready: false,
        };
        let since = Tai64n::from_unix(100, 0);
        View { goal, since, is_supervised: true, status: Some(status), is_gone: false, has_ended: false }
    }

    #[test]
    fn each_view_has_its_standing() {
        use std::fmt::Write;
        let mut table = String::new();
        for goal in [Goal::Up, Goal::Ready, Goal::Down] {
            let view = view(goal, 0, false);
            for (what, view) in [
                ("not supervised", View { is_supervised: false, ..view }),
                ("without a status", View { status: None, ..view }),
            ] {
                writeln!(table, "{goal:?}, {what}: {:?}", view.standing()).unwrap();
            }
            for (phase, pid, finishing, ready) in [
                ("down", 0, false, true),
                ("up", 7, false, false),
                ("ready", 7, false, true),
                ("finishing", 7, true, false),
            ] {
                for want_up in [true, false] {
                    for (when, second) in [("before", 50), ("since", 100)] {
                        for is_gone in [false, true] {
                            if is_gone && pid == 0 {
                                continue;
                            }
                            let stamp = Tai64n::from_unix(second, 0);
                            let status = view.status.unwrap();
                            let status = Status { stamp, pid, finishing, ready, want_up, ..status };
                            let view = View { status: Some(status), is_gone, ..view };
                            let wanted = if want_up { "wanted up" } else { "wanted down" };
                            let gone = if is_gone { ", process gone" } else { "" };
                            writeln!(
                                table,
                                "{goal:?}, {phase} {when}, {wanted}{gone}: {:?}",
                                view.standing()
                            )
                            .unwrap();
                        }
                    }
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_service_that_is_supervised_anew_has_not_given_up() {
        let stamp = Tai64n::from_unix(101, 0);
        let view = view(Goal::Up, 0, false);
        let new = Status { stamp, ready_stamp: stamp, ..view.status.unwrap() };
        let standing = |status, has_ended| View { status: Some(status), has_ended, ..view }.standing();
        assert_eq!(standing(new, false), Standing::NotTold);
        assert_eq!(standing(new, true), Standing::GivenUp, "it was successful, and has no finish");
        assert_eq!(standing(Status { wstat: 256, ..new }, false), Standing::GivenUp);
        let ready_stamp = Tai64n::from_unix(101, 1);
        assert_eq!(standing(Status { ready_stamp, ..new }, false), Standing::GivenUp, "a finish has ended");
    }

    #[test]
    fn what_may_pass_is_believed_when_it_is_found_again() {
        use std::fmt::Write;
        let mut table = String::new();
        for goal in [Goal::Up, Goal::Down] {
            for standing in [
                Standing::There,
                Standing::ThereForNow,
                Standing::OnItsWay,
                Standing::NotTold,
                Standing::GivenUp,
                Standing::Gone,
                Standing::NotSupervised,
            ] {
                let progress =
                    [0, 999, 1000, 5999, 6000].map(|ms| standing.progress(goal, Duration::from_millis(ms)));
                let command = if standing.needs_command() { ", command sent" } else { "" };
                writeln!(table, "{goal:?}, {standing:?}{command}: {progress:?}").unwrap();
            }
        }
        insta::assert_snapshot!(table);
    }
}
