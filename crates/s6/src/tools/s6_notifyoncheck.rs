//! `s6-notifyoncheck`: runs a daemon, and notifies its readiness when a check program finds it ready.
//!
//! The process becomes the daemon; a process beside it repeats the check until it succeeds, the daemon has ended, or the
//! limit of tries or of time is reached.  That process is no child of the daemon, which may not reap children that it
//! doesn't know; it watches the daemon by a pidfd, of which the daemon notices nothing.

use crate::beside::fork_beside;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;
use supervision::control;
use sys::process::{Ended, Fork, kill, reap_one, wait_for};
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Setup, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-notifyoncheck",
    summary: "run a daemon and notify its supervisor when a check succeeds",
    operands: "prog...",
    options: &[
        Opt::flag('d', "no effect: the process that checks is never a child of the daemon")
            .long("doublefork"),
        Opt::value('3', "fd", "notify on this descriptor; default: what ./notification-fd says")
            .long("notification-fd"),
        Opt::value('s', "ms", "wait before the first check; default 10").long("initial-sleep"),
        Opt::value('T', "ms", "give up after this time; default 0, never").long("global-timeout"),
        Opt::value('t', "ms", "kill a check after this time; default 0, never").long("local-timeout"),
        Opt::value('w', "ms", "wait between checks; default 1000").long("waiting-time"),
        Opt::value('n', "tries", "give up after this many checks; default 7, 0 is never").long("tries"),
        Opt::value('c', "checkprog", "the check is this command line, not ./data/check")
            .long("check-program"),
    ],
    role: Role::Stay,
    main,
};

/// The child's exit code when so many checks as are allowed have failed.
const GAVE_UP: u8 = 1;

/// Its exit code when the time for all checks is over.
const OUT_OF_TIME: u8 = 3;

/// The checks that the process beside the daemon makes.
struct Plan {
    argv: Vec<Vec<u8>>,
    initial: Duration,
    between: Duration,
    each: Option<Duration>,
    until: Option<Moment>,
    tries: Option<u32>,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let number = notification_fd(&options)?;
    if !sys::fd::is_open(number) {
        return Err(Fatal::new(111, format_args!("the notification descriptor {number} isn't open")));
    }
    let plan = Plan::new(&options)?;
    if !control::is_supervised(b".").or_unable(|| "look for a supervisor of the current directory")? {
        return Err(Fatal::user(
            "no supervisor runs on the current directory, which should be a service directory",
        ));
    }
    let notification = sys::fd::duplicate(number, 3).or_unable(|| "duplicate the notification descriptor")?;
    let daemon = Daemon::of(getpid());
    match fork_beside(true).or_unable(|| "fork")? {
        Fork::Child => {
            sys::fd::close(number);
            let code = plan.check_until_ready(call, &daemon, &notification)?;
            match code {
                GAVE_UP => call.warn(plan.gave_up()),
                OUT_OF_TIME => call.warn("giving up on the readiness of the service: the time of -T is over"),
                _ => {}
            }
            Ok(Next::Exit(code))
        }
        Fork::Parent(_) => {
            drop(notification);
            sys::fd::close(number);
            let env = call.take_env();
            Next::run(call.take_args(), env)
        }
    }
}

fn notification_fd(options: &Options) -> Result<RawFd, Fatal> {
    let valid = |n: &RawFd| *n >= 0;
    if let Some(word) = options.get('3') {
        return number::decimal(word).filter(valid).ok_or_else(Fatal::usage);
    }
    let text = std::fs::read("notification-fd").or_unable(|| "read ./notification-fd")?;
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    number::decimal(line).filter(valid).ok_or_else(|| Fatal::user("invalid ./notification-fd"))
}

/// The process to watch: by a pidfd if the kernel has them, else by its number.
struct Daemon {
    pid: Pid,
    pidfd: Option<OwnedFd>,
}

impl Daemon {
    fn of(pid: Pid) -> Self {
        Self { pid, pidfd: pidfd_open(pid, PidfdFlags::empty()).ok() }
    }

    fn is_gone(&self) -> bool {
        match &self.pidfd {
            Some(fd) => {
                let mut fds = [PollFd::new(fd, PollFlags::IN)];
                poll(&mut fds, Some(&Timespec::default())).is_ok_and(|n| n > 0)
            }
            None => kill(self.pid, 0).is_err(),
        }
    }
}

/// Why a wait ended.
enum Woken {
    Time,
    Signal,
    DaemonGone,
}

/// Waits for the daemon's end, a signal if `signals` is given, or the moment.
fn wait(daemon: &Daemon, signals: Option<&SignalFd>, until: Option<Moment>) -> Result<Woken, Fatal> {
    loop {
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        let watched: [Option<BorrowedFd<'_>>; 2] =
            [daemon.pidfd.as_ref().map(AsFd::as_fd), signals.map(AsFd::as_fd)];
        fds.extend(watched.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let timeout = until.map(|u| u.saturating_sub(clock::now()));
        match poll(&mut fds, timeout.and_then(|l| Timespec::try_from(l).ok()).as_ref()) {
            Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("poll", e)),
            Ok(_) if daemon.is_gone() => return Ok(Woken::DaemonGone),
            Ok(0) if until.is_some_and(|u| clock::now() >= u) => return Ok(Woken::Time),
            Ok(0) => {}
            Ok(_) => return Ok(Woken::Signal),
        }
    }
}

impl Plan {
    fn new(options: &Options) -> Result<Self, Fatal> {
        let number = |letter, default: u32| Ok::<_, Fatal>(options.number(letter)?.unwrap_or(default));
        let ms = |n: u32| Duration::from_millis(n.into());
        let limit = |n: u32| Some(ms(n)).filter(|d| !d.is_zero());
        Ok(Self {
            argv: match options.get('c') {
                Some(text) => vec![tool::tool_file("execlineb"), b"-Pc".to_vec(), text.to_vec()],
                None => vec![b"./data/check".to_vec()],
            },
            initial: ms(number('s', 10)?),
            between: ms(number('w', 1000)?),
            each: limit(number('t', 0)?),
            until: limit(number('T', 0)?).map(|d| clock::now() + d),
            tries: Some(number('n', 7)?).filter(|n| *n > 0),
        })
    }

    /// Checks until the daemon is ready; gives the exit code of the process beside it.
    fn check_until_ready(&self, call: &Call, daemon: &Daemon, notification: &OwnedFd) -> Result<u8, Fatal> {
        let mask = signal::block(&Set::empty());
        let signals = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "make a signal descriptor")?;
        let mut private = vec![notification.as_fd(), signals.as_fd()];
        private.extend(daemon.pidfd.as_ref().map(AsFd::as_fd));
        let setup = Setup { private: &private, mask: Some(mask), ..Setup::default() };
        let mut pause = self.initial;
        let mut tries = 0;
        while self.tries.is_none_or(|limit| tries < limit) {
            tries += 1;
            let next = clock::now() + pause;
            pause = self.between;
            match wait(daemon, None, Some(self.until.map_or(next, |u| u.min(next))))? {
                Woken::DaemonGone => return Ok(2),
                _ if self.is_over() => return Ok(OUT_OF_TIME),
                _ => {}
            }
            let pid = match tool::try_spawn(call, self.argv.clone(), call.env.clone(), &setup) {
                Ok(pid) => pid,
                Err(e) => {
                    let name = self.argv.first().map(Vec::as_slice).unwrap_or_default();
                    call.warn(tool::unable_to_spawn(name, e).message());
                    continue;
                }
            };
            match self.one_check(pid, daemon, &signals)? {
                Checked::Ready => {
                    rustix::io::write(notification, b"\n").or_unable(|| "notify")?;
                    return Ok(0);
                }
                Checked::NotReady => {}
                Checked::DaemonGone => return Ok(2),
                Checked::Over => return Ok(OUT_OF_TIME),
            }
        }
        Ok(GAVE_UP)
    }

    fn gave_up(&self) -> String {
        let tries = self.tries.unwrap_or_default();
        format!("giving up on the readiness of the service: {tries} checks have failed, which -n allows")
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|u| clock::now() >= u)
    }

    fn one_check(&self, pid: Pid, daemon: &Daemon, signals: &SignalFd) -> Result<Checked, Fatal> {
        let end_of_check = self.each.map(|d| clock::now() + d);
        let until = [end_of_check, self.until].into_iter().flatten().min();
        loop {
            if let Some(ended) = reap_one(pid).or_unable(|| "wait for the check")? {
                return Ok(if ended == Ended::Exited(0) { Checked::Ready } else { Checked::NotReady });
            }
            match wait(daemon, Some(signals), until)? {
                Woken::Signal => while signals.read().or_unable(|| "read signals")?.is_some() {},
                Woken::DaemonGone => {
                    let _ = kill(pid, signal::TERM);
                    return Ok(Checked::DaemonGone);
                }
                Woken::Time if self.is_over() => {
                    let _ = kill(pid, signal::TERM);
                    return Ok(Checked::Over);
                }
                Woken::Time => {
                    let _ = kill(pid, signal::KILL);
                    wait_for(pid).or_unable(|| "wait for the check")?;
                    return Ok(Checked::NotReady);
                }
            }
        }
    }
}

/// The outcome of one check.
enum Checked {
    Ready,
    NotReady,
    DaemonGone,
    Over,
}
