//! One longrun's transition: a command to its supervisor, and the events that report its outcome.

use crate::failure::Failure;
use crate::standing::{Goal, Progress, Standing, Trouble, View, is_new, is_reached};
use crate::work::Work;
use rustix::fs::{Access, CWD};
use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use supervision::attended;
use supervision::control::{self, REFUSED, Undelivered};
use supervision::status::{read_deaths, read_status};
use supervision::watch::Watch;
use tool::clock::{self, Moment};
use tool::diag;
use tool::path::join;
use wire::death_tally::Death;
use wire::fifodir::ServiceEvent;
use wire::restart_policy::{self, RestartPolicy};
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// How a command to a supervisor went.
#[derive(Debug)]
pub(crate) enum Commanded {
    /// The longrun is already where it should be, or nothing is to be waited for.
    Done,
    /// The longrun is on its way.
    InProgress(Transition),
    /// It is on its way, but its supervisor's events can't be subscribed to, for this reason.
    Unheard(Transition, Errno),
    /// The supervisor can't be commanded, or its events can't be subscribed to.
    Failed(Trouble),
}

/// A transition in progress.
#[derive(Debug)]
pub(crate) struct Transition {
    servicedir: Vec<u8>,
    goal: Goal,
    /// When it began.
    since: Tai64n,
    /// The listener's index in the watch; `None` if its supervisor's events can't be subscribed to.
    pub(crate) index: Option<usize>,
    /// What the last question has found, and since when that is so.
    found: Option<(Standing, Option<Status>, Moment)>,
}

fn undelivered(e: Undelivered) -> Trouble {
    match e {
        Undelivered::NobodyListens | Undelivered::NotThere => Trouble::NotSupervised,
        Undelivered::Failed(e) => failed(e),
    }
}

fn failed(e: Errno) -> Trouble {
    match e {
        Errno::NOENT => Trouble::NotSupervised,
        Errno::MFILE | Errno::NFILE => Trouble::NoDescriptors,
        e => Trouble::Failed(e),
    }
}

/// Whether the goal is reached by now.
fn reached(servicedir: &[u8], goal: Goal) -> Result<bool, Errno> {
    match read_status(servicedir) {
        // Without a status only events tell; whether there is a supervisor, the command does.
        Err(Errno::NOENT | Errno::PIPE | Errno::IO) => Ok(false),
        status => status.map(|status| is_reached(goal, &status)),
    }
}

/// Whether no process of this id exists.
fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH))
}

/// What a longrun must reach for this work; `None` if sending the command is all.
fn goal(servicedir: &[u8], work: Work) -> Option<Goal> {
    match work {
        Work::Reload => None,
        Work::Stop => Some(Goal::Down),
        Work::Start => {
            let ready = join(servicedir, b"notification-fd");
            let is_notified = sys::fs::access(ready, Access::EXISTS).is_ok();
            Some(if is_notified { Goal::Ready } else { Goal::Up })
        }
    }
}

/// Subscribes to the events of a longrun's supervisor, and sends it the command for this work.
pub(crate) fn command(servicedir: Vec<u8>, work: Work, watch: &mut Watch) -> Commanded {
    let send = || control::send(&servicedir, &[work.command()]).map_err(undelivered);
    let Some(goal) = goal(&servicedir, work) else {
        return send().map_or_else(Commanded::Failed, |()| Commanded::Done);
    };
    let since = clock::wall();
    // Subscribing comes first, so that no later change is missed.
    let subscribed = watch.add(&join(&servicedir, b"event"));
    if let Err(e) = subscribed
        && !is_room_short(e)
    {
        return Commanded::Failed(failed(e));
    }
    // The command is sent even if the goal is reached: the supervisor must want it, too.
    let outcome = match reached(&servicedir, goal).map_err(failed).and_then(|there| send().map(|()| there)) {
        Err(Trouble::NotSupervised) if is_unheard_for_now(&servicedir) => Ok(false),
        outcome => outcome,
    };
    let outcome = match outcome {
        Ok(false) => {
            let transition = Transition { servicedir, goal, since, index: subscribed.ok(), found: None };
            return match subscribed {
                Ok(_) => Commanded::InProgress(transition),
                Err(e) => Commanded::Unheard(transition, e),
            };
        }
        Ok(true) => Commanded::Done,
        Err(trouble) => Commanded::Failed(trouble),
    };
    if let Ok(index) = subscribed {
        watch.remove(index);
    }
    outcome
}

/// Whether a directory has had a supervisor, of which it may be without one only for a moment: a host that faulted while it
/// began to supervise does that again.  The command is sent again when it is asked how the service stands.
fn is_unheard_for_now(servicedir: &[u8]) -> bool {
    let exists = |name: &[u8]| sys::fs::access(join(servicedir, name), Access::EXISTS).is_ok();
    exists(b"supervise/control") && !exists(REFUSED.as_bytes())
}

/// Whether a subscription failed because of the file system or the kernel's memory, and not for what it is or for lack of
/// descriptors: then the status has to do.
fn is_room_short(e: Errno) -> bool {
    matches!(e, Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::NOMEM | Errno::IO)
}

impl Transition {
    /// What it waits for, how often its daemon has ended meanwhile, and why it isn't ready, if that is known.
    pub(crate) fn waits_for(&self) -> String {
        let text = self.with_deaths(self.goal.text());
        if self.goal == Goal::Ready { attended::with_reason(text, &self.servicedir) } else { text }
    }

    /// The ends of its daemon since the transition began.
    fn deaths(&self) -> Vec<Death> {
        let mut deaths = read_deaths(&self.servicedir).unwrap_or_default();
        deaths.retain(|death| death.stamp >= self.since);
        deaths
    }

    /// A text, and how often its daemon has ended since the transition began.
    fn with_deaths(&self, text: &str) -> String {
        let deaths = self.deaths();
        let Some(last) = deaths.last().filter(|_| self.goal != Goal::Down) else { return text.to_owned() };
        let how = match last.signal {
            0 => format!("exited {}", last.exit_code),
            signal => format!("was killed by signal {signal}"),
        };
        match deaths.len() {
            1 => format!("{text}; meanwhile its daemon {how}"),
            n => format!("{text}; meanwhile its daemon has ended {n} times, the last one {how}"),
        }
    }

    /// Why the transition has failed.
    pub(crate) fn failure(&self, trouble: Trouble) -> Failure {
        match trouble {
            // Its status may be known before the event that tells these two apart.
            Trouble::GivenUp if self.has_policy() && self.has_succeeded() => {
                Failure::Unable(self.with_deaths("it has ended and isn't started again"))
            }
            Trouble::Permanent | Trouble::GivenUp if self.has_policy() => {
                Failure::Unable(self.with_deaths("it has failed for good"))
            }
            _ => Failure::of_trouble(trouble),
        }
    }

    fn has_policy(&self) -> bool {
        sys::fs::access(join(&self.servicedir, restart_policy::FILE.as_bytes()), Access::EXISTS).is_ok()
    }

    /// Whether the last end of its daemon is a success by its restart policy.
    fn has_succeeded(&self) -> bool {
        let file = join(&self.servicedir, restart_policy::FILE.as_bytes());
        let record = files::read_file(CWD, &file, restart_policy::SIZE_MAX).unwrap_or_default();
        let success = RestartPolicy::unpack(&record).unwrap_or_default().success;
        self.deaths().last().is_none_or(|death| match death.signal {
            0 => success.has_code(death.exit_code),
            signal => success.has_signal(signal),
        })
    }

    /// What it waits for, with the process that this depends on.
    pub(crate) fn explain(&self) -> String {
        let status = read_status(&self.servicedir).ok().filter(|status| status.pid != 0);
        let Some(status) = status else { return format!("it waits for {}", self.waits_for()) };
        let process = diag::process(status.pid);
        match self.goal {
            _ if status.finishing => format!("its finish script hasn't ended, process {process}"),
            Goal::Down if self.has_limit() => format!("its daemon hasn't ended, process {process}"),
            Goal::Down => format!(
                "its daemon was told to end and hasn't, process {process}; \
                 a file timeout-kill in its definition, with milliseconds, would end it by force"
            ),
            Goal::Up | Goal::Ready => format!("it waits for {}, process {process}", self.waits_for()),
        }
    }

    /// The daemon is killed if it doesn't end by itself.
    fn has_limit(&self) -> bool {
        let limit = std::fs::read(Path::new(OsStr::from_bytes(&join(&self.servicedir, b"timeout-kill"))));
        limit.ok().and_then(|text| wire::number::decimal::<u32>(text.trim_ascii())).is_some_and(|ms| ms > 0)
    }

    /// Looks how the transition stands, and sends the command for this work again if the supervisor hasn't got it.
    pub(crate) fn ask(&mut self, work: Work, now: Moment) -> Progress {
        let status = read_status(&self.servicedir).ok();
        let (goal, since) = (self.goal, self.since);
        let is_supervised = control::send(&self.servicedir, &[]).is_ok();
        let is_gone = status.is_some_and(|status| is_gone(status.pid));
        let has_ended = status.as_ref().is_some_and(is_new) && !self.deaths().is_empty();
        let standing = View { goal, since, is_supervised, status, is_gone, has_ended }.standing();
        let since = match self.found {
            Some((before, same, since)) if (before, same) == (standing, status) => since,
            _ => now,
        };
        self.found = Some((standing, status, since));
        if standing.needs_command() {
            let _ = control::send(&self.servicedir, &[work.command()]);
        }
        standing.progress(goal, now.saturating_sub(since))
    }

    /// How the transition stands after these events of the supervisor.
    pub(crate) fn hear(&self, letters: &[u8]) -> Progress {
        let mut events = letters.iter().filter_map(|letter| ServiceEvent::from_letter(*letter)).peekable();
        while let Some(event) = events.next() {
            // One write of the supervisor: a `finish` that exited 125 has ended.  Alone: a start that can't succeed.
            let is_start = event == ServiceEvent::PermanentFailure
                && events.peek() != Some(&ServiceEvent::DownReady)
                && self.goal != Goal::Down;
            let progress = match is_start {
                true => Progress::Failed(Trouble::NotStarted),
                false => self.hear_one(event),
            };
            if progress != Progress::Waiting {
                return progress;
            }
        }
        Progress::Waiting
    }

    fn hear_one(&self, event: ServiceEvent) -> Progress {
        match (self.goal, event) {
            (Goal::Up, ServiceEvent::Up | ServiceEvent::Ready) | (Goal::Ready, ServiceEvent::Ready) => {
                Progress::Done
            }
            // It may have been restarted before the command came; then another one follows.  A process that is gone was
            // not: the status is older than the event, because it could not be written.
            (Goal::Down, ServiceEvent::DownReady) => match read_status(&self.servicedir) {
                Ok(status) if status.pid != 0 && !is_gone(status.pid) => Progress::Waiting,
                _ => Progress::Done,
            },
            (Goal::Down, ServiceEvent::Exit) => Progress::Done,
            (Goal::Up | Goal::Ready, ServiceEvent::Exit) => Progress::Failed(Trouble::NotSupervised),
            // The failure may be older than the command, which then takes it back.
            (Goal::Up | Goal::Ready, ServiceEvent::PermanentFailure) => match read_status(&self.servicedir) {
                Ok(status) if status.want_up => Progress::Waiting,
                _ => Progress::Failed(Trouble::Permanent),
            },
            // Its restart policy has no other start after a success.
            (Goal::Up | Goal::Ready, ServiceEvent::DownReady) if self.has_policy() => {
                match read_status(&self.servicedir) {
                    Ok(status) if !status.want_up => Progress::Failed(Trouble::GivenUp),
                    _ => Progress::Waiting,
                }
            }
            _ => Progress::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, Mode};
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;

    /// A service directory whose supervisor is the test.
    struct Supervised {
        dir: tempfile::TempDir,
        control: std::fs::File,
    }

    impl Supervised {
        fn new(pid: u32, want_up: bool) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let supervise = dir.path().join("supervise");
            std::fs::create_dir(&supervise).unwrap();
            let fifo = supervise.join("control");
            sys::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
            let control = std::fs::File::options().read(true).write(true).open(fifo).unwrap();
            supervision::fifodir::make(dir.path().join("event").as_os_str().as_bytes(), None, false).unwrap();
            let made = Self { dir, control };
            made.status(pid, want_up);
            made
        }

        fn path(&self) -> Vec<u8> {
            self.dir.path().as_os_str().as_bytes().to_vec()
        }

        fn status(&self, pid: u32, want_up: bool) {
            let now = Tai64n::from_unix(0, 0);
            let status = Status {
                stamp: now,
                ready_stamp: now,
                pid,
                wstat: 0,
                paused: false,
                finishing: false,
                want_up,
                ready: true,
            };
            std::fs::write(self.dir.path().join("supervise/status"), status.pack()).unwrap();
        }

        fn command(&self, work: Work) -> Commanded {
            command(self.path(), work, &mut Watch::new().unwrap())
        }

        fn transition(&self, work: Work) -> Transition {
            match self.command(work) {
                Commanded::InProgress(transition) => transition,
                other => panic!("{other:?}"),
            }
        }

        fn commands(&mut self, count: usize) -> Vec<u8> {
            let mut letters = vec![0; count];
            self.control.read_exact(&mut letters).unwrap();
            letters
        }
    }

    #[test]
    fn what_is_there_already_is_still_told() {
        let mut s = Supervised::new(7, true);
        assert!(matches!(s.command(Work::Start), Commanded::Done));
        s.status(0, false);
        assert!(matches!(s.command(Work::Stop), Commanded::Done));
        assert_eq!(s.commands(2), b"ud");
    }

    #[test]
    fn readiness_counts_only_where_it_is_notified() {
        let s = Supervised::new(0, false);
        let plain = s.transition(Work::Start);
        assert_eq!((plain.goal, plain.hear(b"u")), (Goal::Up, Progress::Done));
        std::fs::write(s.dir.path().join("notification-fd"), "3\n").unwrap();
        let ready = s.transition(Work::Start);
        assert_eq!(ready.hear(b"u"), Progress::Waiting);
        assert_eq!(ready.hear(b"dDuU"), Progress::Done);
        assert_eq!(ready.hear(b"x"), Progress::Failed(Trouble::NotSupervised));
    }

    #[test]
    fn a_permanent_failure_counts_unless_the_command_took_it_back() {
        let s = Supervised::new(0, false);
        let transition = s.transition(Work::Start);
        assert_eq!(transition.hear(b"dOD"), Progress::Failed(Trouble::Permanent));
        assert_eq!(transition.hear(b"O"), Progress::Failed(Trouble::NotStarted));
        s.status(0, true);
        assert_eq!(transition.hear(b"OD"), Progress::Waiting);
    }

    #[test]
    fn an_end_by_a_restart_policy_counts_at_once() {
        let s = Supervised::new(0, false);
        std::fs::write(s.dir.path().join("notification-fd"), "3\n").unwrap();
        let transition = s.transition(Work::Start);
        assert_eq!(transition.hear(b"udD"), Progress::Waiting, "somebody may have sent another command");
        std::fs::write(s.dir.path().join("restart-policy"), "").unwrap();
        assert_eq!(transition.hear(b"udD"), Progress::Failed(Trouble::GivenUp));
        assert_eq!(transition.hear(b"udOD"), Progress::Failed(Trouble::Permanent));
        let death = |exit_code| Death { stamp: clock::wall(), exit_code, signal: 0 };
        let texts = |last| {
            let tally = wire::death_tally::render(&[death(1), death(last)], 9);
            std::fs::write(s.dir.path().join("supervise/death_tally"), tally).unwrap();
            [Trouble::Permanent, Trouble::GivenUp, Trouble::NotSupervised]
                .map(|t| transition.failure(t).to_string())
        };
        let failed = "it has failed for good; meanwhile its daemon has ended 2 times, the last one exited 9";
        assert_eq!(texts(9), [failed, failed, "no supervisor runs on its service directory"]);
        assert_eq!(
            texts(0)[1],
            "it has ended and isn't started again; meanwhile its daemon has ended 2 times, the last one exited 0"
        );
        s.status(0, true);
        assert_eq!(transition.hear(b"udD"), Progress::Waiting);
    }

    #[test]
    fn a_daemon_that_was_restarted_meanwhile_is_not_down() {
        let s = Supervised::new(7, true);
        let transition = s.transition(Work::Stop);
        s.status(8, true);
        assert_eq!(transition.hear(b"dDu"), Progress::Waiting);
        s.status(0, false);
        assert_eq!(transition.hear(b"dD"), Progress::Done);
    }

    #[test]
    fn without_a_supervisor_a_command_fails() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new().unwrap();
        let path = dir.path().as_os_str().as_bytes().to_vec();
        let commanded = command(path, Work::Start, &mut watch);
        assert!(matches!(commanded, Commanded::Failed(Trouble::NotSupervised)), "{commanded:?}");
    }

    #[test]
    fn a_supervisor_that_is_about_to_come_gets_the_command() {
        let Supervised { dir, control } = Supervised::new(0, false);
        drop(control);
        let path = dir.path().as_os_str().as_bytes().to_vec();
        let Commanded::InProgress(mut transition) =
            command(path.clone(), Work::Start, &mut Watch::new().unwrap())
        else {
            panic!("it is there in a moment");
        };
        let fifo = dir.path().join("supervise/control");
        let control = std::fs::File::options().read(true).write(true).open(fifo).unwrap();
        let mut s = Supervised { dir, control };
        assert_eq!(transition.ask(Work::Start, Moment::ZERO), Progress::Waiting);
        assert_eq!(s.commands(1), b"u");
        let Supervised { dir, control } = s;
        drop(control);
        let asked = [1, 2].map(|second| transition.ask(Work::Start, Moment::from_secs(second)));
        assert_eq!(asked, [Progress::Waiting, Progress::Failed(Trouble::NotSupervised)]);
        std::fs::write(dir.path().join(REFUSED), "").unwrap();
        let commanded = command(path, Work::Start, &mut Watch::new().unwrap());
        assert!(matches!(commanded, Commanded::Failed(Trouble::NotSupervised)), "{commanded:?}");
    }

    #[test]
    fn a_command_that_was_lost_is_sent_again_and_one_that_was_not_is_not() {
        let mut s = Supervised::new(std::process::id(), true);
        let mut transition = s.transition(Work::Stop);
        assert_eq!(s.commands(1), b"d");
        assert_eq!(transition.ask(Work::Stop, Moment::ZERO), Progress::Waiting);
        assert_eq!(s.commands(1), b"d", "the supervisor still wants it up");
        s.status(std::process::id(), false);
        assert_eq!(transition.ask(Work::Stop, Moment::ZERO), Progress::Waiting);
        s.status(0, false);
        assert_eq!(transition.ask(Work::Stop, Moment::ZERO), Progress::Done, "without any event");
        rustix::fs::fcntl_setfl(&s.control, rustix::fs::OFlags::NONBLOCK).unwrap();
        assert!(s.control.read(&mut [0]).is_err(), "no other command was sent");
    }

    /// The id of a process that has ended.
    fn gone() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn an_end_counts_although_the_status_could_not_be_written() {
        let s = Supervised::new(gone(), true);
        let mut transition = s.transition(Work::Stop);
        assert_eq!(transition.hear(b"d"), Progress::Waiting, "finish may run");
        assert_eq!(transition.hear(b"dD"), Progress::Done);
        // Without the event it takes longer than `finish` by default.
        let asked = [1, 3, 7].map(|second| transition.ask(Work::Stop, Moment::from_secs(second)));
        assert_eq!(asked, [Progress::Waiting, Progress::Waiting, Progress::Done]);
    }

    #[test]
    fn where_no_fifo_can_be_made_the_status_has_to_do() {
        assert!([Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::NOMEM].into_iter().all(is_room_short));
        assert!(![Errno::NOENT, Errno::ACCESS, Errno::MFILE, Errno::NFILE].into_iter().any(is_room_short));
    }
}
