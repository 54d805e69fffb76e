//! `s6-linux-init-shutdownd`: waits for shutdown requests, stops the system and ends process 1.
//!
//! It reads requests from `fifo` in its working directory, a service directory in a system that s6-linux-init booted.

use crate::image::{End, Ending, SCANDIR, execline_script};
use crate::request::{How, Message, Request, read_message};
use files::{Permissions, Replace, Writers, replace_at};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{OwnedFd, RawFd};
use supervision::by_hand::MESSAGE;
use supervision::control::{self, SVSCAN};
use sys::fs::openat;
use sys::signal::{CONT, HUP, TERM};
use tool::clock::{self, Moment};
use tool::ends::Ends;
use tool::path::join;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::control::ScanCommand;

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-shutdownd",
    summary: "stop the system on request",
    operands: "",
    options: &[
        Opt::value('d', "notif", "write a newline to this descriptor when ready"),
        Opt::value(
            'c',
            "basedir",
            "the directory made by s6-linux-init-maker; default /etc/s6-linux-init/current",
        ),
        Opt::value('g', "milliseconds", "time between SIGTERM and SIGKILL; default 3000"),
        Opt::flag('C', "this is a container"),
        Opt::flag('B', "there is no catch-all logger"),
        Opt::flag('S', "with -C: sync the disks at the end"),
    ],
    role: Role::Stay,
    main,
};

/// A stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    how: How,
    /// Whether to stop at once, without an orderly shutdown.
    now: bool,
    grace: u32,
}

/// What is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scheduled {
    at: Moment,
    /// The stop; without one, only the services are brought down.
    stop: Option<Stop>,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let basedir = options.get('c').unwrap_or(b"/etc/s6-linux-init/current");
    let grace = options.number::<u32>('g')?.unwrap_or(3000);
    let notif = options.number::<RawFd>('d')?;
    if notif.is_some_and(|fd| fd < 3) {
        return Err(Fatal::user("notif must be 3 or more"));
    }
    // Opened for reading and writing, the FIFO never reports its end.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fifo = openat(CWD, "fifo", flags, Mode::empty()).or_unable(|| "open fifo")?;
    if let Some(fd) = notif {
        let fd = sys::fd::adopt(fd).or_unable(|| "notify readiness")?;
        rustix::io::write(&fd, b"\n").or_unable(|| "notify readiness")?;
    }
    let stop = await_stop(call, &fifo, basedir, grace)?;
    if !stop.now {
        shut_down(call, basedir, options.has('C') || options.has('B'));
        terminate_all(stop.grace);
    }
    let end = End { basedir, is_container: options.has('C'), sync: options.has('S') };
    let script = execline_script(&end.script(Ending::Requested(stop.how)));
    end_supervision(&script)?;
    Ok(Next::SUCCESS)
}

/// Handles requests until a stop is due.
fn await_stop(call: &Call, fifo: &OwnedFd, basedir: &[u8], grace: u32) -> Result<Stop, Fatal> {
    let mut scheduled: Option<Scheduled> = None;
    loop {
        while let Some(bytes) = next_request(fifo).or_unable(|| "read fifo")? {
            match read_message(&bytes) {
                Some(Message::Request(request, ..)) => scheduled = schedule(request, grace, clock::now()),
                Some(Message::Note(_)) => {}
                None => call.warn("ignoring malformed data in fifo"),
            }
        }
        if let Some(due) = scheduled.take_if(|due| due.at <= clock::now()) {
            match due.stop {
                Some(stop) => return Ok(stop),
                // The catch-all logger goes on.
                None => shut_down(call, basedir, true),
            }
        }
        let mut fds = [PollFd::new(fifo, PollFlags::IN)];
        clock::poll_until(&mut fds, scheduled.map(|due| due.at)).or_unable(|| "poll")?;
    }
}

/// What a request schedules; `None` if it cancels that.
fn schedule(request: Request, default_grace: u32, now: Moment) -> Option<Scheduled> {
    let at = |delay| now.saturating_add(std::time::Duration::from_millis(delay));
    match request {
        Request::Cancel => None,
        Request::ServicesDown { delay } => Some(Scheduled { at: at(delay), stop: None }),
        Request::Stop { how, now, delay, grace } => {
            let grace = if grace == 0 { default_grace } else { grace };
            Some(Scheduled { at: at(delay), stop: Some(Stop { how, now, grace }) })
        }
    }
}

/// Reads a request; `None` if there is none.  After a short read, the rest of the FIFO is discarded, and the result is
/// not a valid request.
fn next_request(fifo: &OwnedFd) -> Result<Option<[u8; MESSAGE]>, Errno> {
    let mut bytes = [0; MESSAGE];
    match rustix::io::read(fifo, &mut bytes) {
        Err(Errno::AGAIN | Errno::INTR) | Ok(0) => Ok(None),
        Err(e) => Err(e),
        Ok(MESSAGE) => Ok(Some(bytes)),
        Ok(_) => {
            while rustix::io::read(fifo, &mut [0; 512]).is_ok_and(|count| count > 0) {}
            Ok(Some([0; MESSAGE]))
        }
    }
}

/// Runs the shutdown script; its failure doesn't prevent the stop.
fn shut_down(call: &Call, basedir: &[u8], keeps_output: bool) {
    let script = join(&join(basedir, b"scripts"), b"rc.shutdown");
    if !keeps_output {
        // The catch-all logger is about to end.
        let console =
            openat(CWD, "/dev/console", OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        if let Ok(console) = console {
            for fd in [1, 2] {
                let _ = sys::fd::copy(std::os::fd::AsRawFd::as_raw_fd(&console), fd);
            }
        }
    }
    let env: Env = call.env.clone();
    let ended = tool::spawn(call, vec![script.clone()], env)
        .and_then(|pid| sys::process::wait_for(pid).or_unable(|| "wait for the shutdown script"));
    match ended.map(sys::process::Ended::code) {
        Err(fatal) => call.warn(fatal.message()),
        Ok(0) => {}
        Ok(code) => call.warn(format_args!("{} exited {code}", diag::show(&script))),
    }
}

/// Sends SIGTERM to all processes but process 1 and this one, and waits at most `grace` milliseconds for their end.
/// Process 1 kills the remaining processes, at a time when it no longer restarts any.
fn terminate_all(grace: u32) {
    let mut watched = others();
    // The supervisor of this process gets it, too, and passes it on.
    let _ = sys::signal::set_ignored(TERM);
    // Interactive shells ignore SIGTERM, but not SIGHUP; stopped processes need SIGCONT to handle a signal.
    for signal in [TERM, HUP, CONT] {
        let _ = sys::process::kill_all(signal);
    }
    let deadline = clock::deadline(Some(grace));
    while !watched.is_empty() && watched.wait(None, deadline) == Ok(true) {}
}

/// All processes but process 1, this one, its parent, which waits for it, and kernel threads.
fn others() -> Ends {
    let own = u64::from(std::process::id());
    let parent =
        rustix::process::getppid().map_or(1, |pid| u64::from(pid.as_raw_nonzero().get().unsigned_abs()));
    let stats = tool::processes::all().unwrap_or_default().into_iter();
    let alive =
        stats.filter(|stat| ![own, parent, 1].contains(&stat.pid) && !stat.is_of_kernel() && !stat.is_dead());
    Ends::of(alive.filter_map(|stat| Pid::from_raw(i32::try_from(stat.pid).ok()?)))
}

/// Writes the final script of process 1, and makes s6-svscan execute it.
fn end_supervision(script: &[u8]) -> Result<(), Fatal> {
    let finish = [SCANDIR.as_bytes(), b"/", SVSCAN, b"/finish"].concat();
    let how = Replace { sync: true, ..Replace::with(Permissions::Exact(0o755), Writers::Many) };
    replace_at(CWD, &finish, script, how).or_unable_to("write", &finish)?;
    control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Abort])
        .map_err(|why| Fatal::new(111, format_args!("unable to tell s6-svscan to end: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_schedules_or_cancels_a_stop() {
        let now = clock::now();
        let stop = Request::Stop { how: How::Halt, now: false, delay: 1500, grace: 0 };
        let at = now.saturating_add(std::time::Duration::from_millis(1500));
        let expected = Stop { how: How::Halt, now: false, grace: 77 };
        assert_eq!(schedule(stop, 77, now), Some(Scheduled { at, stop: Some(expected) }));
        assert_eq!(schedule(Request::Cancel, 77, now), None);
    }

    #[test]
    fn a_request_may_concern_only_the_services() {
        let down = schedule(Request::ServicesDown { delay: 20 }, 77, Moment::from_millis(5));
        assert_eq!(down, Some(Scheduled { at: Moment::from_millis(25), stop: None }));
    }

    #[test]
    fn a_request_may_set_the_grace_time() {
        let stop = Request::Stop { how: How::Reboot, now: true, delay: 0, grace: 5 };
        let expected = Stop { how: How::Reboot, now: true, grace: 5 };
        let at = Moment::ZERO;
        assert_eq!(schedule(stop, 3000, at), Some(Scheduled { at, stop: Some(expected) }));
    }
}
