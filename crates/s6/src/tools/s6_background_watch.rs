//! `s6-background-watch`: stays in the foreground for a daemon that puts itself into the background.
//!
//! It is a child subreaper, so the daemon becomes its child.  It passes signals on to the daemon, and exits as the daemon
//! does.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use sys::process::{Ended, kill, reap};
use sys::signal::{self, Set, SignalFd};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-background-watch",
    summary: "watch a daemon that puts itself into the background",
    operands: "pidfile prog...",
    options: &[
        Opt::value('t', "ms", "kill prog if it hasn't exited by then; default 0, never")
            .long("timeout-ready"),
        Opt::value('d', "fd", "write a newline to this descriptor when the daemon runs")
            .long("notification-fd"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let timeout = options.number::<u32>('t')?.filter(|ms| *ms > 0).map(|ms| Duration::from_millis(ms.into()));
    let notification = options.number::<RawFd>('d')?;
    if let Some(number) = notification {
        if number < 3 {
            return Err(Fatal::user("the notification descriptor can't be 0, 1 or 2"));
        }
        if !sys::fd::is_open(number) {
            return Err(Fatal::new(111, format_args!("the notification descriptor {number} isn't open")));
        }
    }
    let pidfile = call.shift()?;
    let argv = call.take_args();
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;
    let mask = signal::block(&Set::empty());
    let signals = SignalFd::new(&Set::full()).or_unable(|| "make a signal descriptor")?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .or_unable(|| "become a subreaper")?;
    // Only this program notifies readiness.
    let notification = match notification {
        None => None,
        Some(number) => {
            let copy = sys::fd::duplicate(number, 3).or_unable(|| "duplicate the notification descriptor")?;
            sys::fd::close(number);
            Some(copy)
        }
    };
    let mut private = vec![signals.as_fd()];
    private.extend(notification.as_ref().map(AsFd::as_fd));
    let setup = Setup { private: &private, mask: Some(mask), ..Setup::default() };
    let env = call.take_env();
    let parent = tool::try_spawn(call, argv, env, &setup)
        .map_err(|e| tool::unable_to_spawn(&name, e).with_code(if e == Errno::NOENT { 127 } else { 126 }))?;

    let mut watch = Watch { signals, ended: Vec::new() };
    let deadline = timeout.map(|t| clock::now() + t);
    match watch.wait_for(parent, deadline)? {
        Some(Ended::Exited(0)) => {}
        Some(how) => return Ok(Next::Exit(how.code())),
        None => {
            call.warn(format_args!("{} did not exit in time, killing it", diag::show(&name)));
            kill(parent, signal::KILL).or_unable(|| "kill the program")?;
            let how = watch.wait_for(parent, None)?;
            return Ok(Next::Exit(how.map_or(111, Ended::code)));
        }
    }
    let daemon = read_pid(&pidfile)?;
    if !watch.has_ended(daemon) {
        kill(daemon, 0).or_unable(|| "find the daemon")?;
    }
    if let Some(fd) = notification {
        rustix::io::write(&fd, b"\n").or_unable(|| "notify")?;
    }
    let how = watch.wait_for(daemon, None)?;
    Ok(Next::Exit(how.map_or(111, Ended::code)))
}

fn read_pid(file: &[u8]) -> Result<Pid, Fatal> {
    let text = std::fs::read(std::ffi::OsStr::from_bytes(file)).or_unable_to("read", file)?;
    parse_pid(&text)
        .ok_or_else(|| Fatal::new(111, format_args!("there is no process id in {}", diag::show(file))))
}

/// The number at the start of a pidfile; 1 is never a daemon.
fn parse_pid(text: &[u8]) -> Option<Pid> {
    let word = text.split(|b| b.is_ascii_whitespace()).find(|w| !w.is_empty())?;
    Pid::from_raw(number::decimal(word).filter(|n| *n > 1)?)
}

struct Watch {
    signals: SignalFd,
    /// Processes that ended during a wait for another one.
    ended: Vec<(Pid, Ended)>,
}

impl Watch {
    fn has_ended(&self, pid: Pid) -> bool {
        self.ended.iter().any(|(p, _)| *p == pid)
    }

    /// Waits until this process ends, and passes signals on to it; `None` after the deadline.
    fn wait_for(&mut self, pid: Pid, deadline: Option<Moment>) -> Result<Option<Ended>, Fatal> {
        loop {
            while let Some(child) = match reap() {
                Ok(child) => child,
                Err(Errno::CHILD) => None,
                Err(e) => return Err(Fatal::unable("wait for a child", e)),
            } {
                self.ended.push(child);
            }
            if let Some((_, how)) = self.ended.iter().find(|(p, _)| *p == pid) {
                return Ok(Some(*how));
            }
            let timeout = deadline.map(|d| d.saturating_sub(clock::now()));
            match poll(
                &mut [PollFd::new(&self.signals, PollFlags::IN)],
                timeout.and_then(|l| Timespec::try_from(l).ok()).as_ref(),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(Fatal::unable("poll", e)),
            }
            while let Some(number) = self.signals.read().or_unable(|| "read signals")? {
                if number != signal::CHLD {
                    let _ = kill(pid, number);
                }
            }
            if deadline.is_some_and(|d| d <= clock::now()) {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pidfiles() {
        let pid = |text: &str| parse_pid(text.as_bytes()).map(|p| p.as_raw_nonzero().get());
        assert_eq!(pid("123\n"), Some(123));
        assert_eq!(pid(" 77 daemon\n"), Some(77));
        for bad in ["", "\n", "x", "-5", "0", "1", "99999999999"] {
            assert_eq!(pid(bad), None, "{bad:?}");
        }
    }
}
