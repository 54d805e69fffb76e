//! `s6-linux-init-shutdownd`: waits for shutdown requests, stops everything and ends process 1.
//!
//! It listens to `fifo` in its current directory, a service directory of a tree that s6-linux-init started.

use crate::image::{End, Ending, SCANDIR, execline_script};
use crate::request::{How, LENGTH, Request};
use files::{Permissions, Replace, Writers, replace_at};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::{OwnedFd, RawFd};
use supervision::control::{self, SVSCAN};
use sys::fs::openat;
use sys::signal::{CONT, HUP, TERM};
use tool::clock::{self, Moment};
use tool::path::join;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::control::ScanCommand;

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-shutdownd",
    summary: "stop the system when it is asked to",
    operands: "",
    options: &[
        Opt::value('d', "notif", "write a newline to this descriptor when ready"),
        Opt::value('c', "basedir", "what s6-linux-init-maker made; default /etc/s6-linux-init/current"),
        Opt::value('g', "milliseconds", "time between TERM and KILL; default 3000"),
        Opt::flag('C', "this is a container"),
        Opt::flag('B', "there is no catch-all logger"),
        Opt::flag('S', "with -C: sync the disks at the end"),
    ],
    role: Role::Stay,
    main,
};

/// A planned stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    how: How,
    /// Without an orderly stop.
    now: bool,
    grace: u32,
    at: Moment,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let basedir = options.get('c').unwrap_or(b"/etc/s6-linux-init/current");
    let grace = options.number::<u32>('g')?.unwrap_or(3000);
    let notif = options.number::<RawFd>('d')?;
    if notif.is_some_and(|fd| fd < 3) {
        return Err(Fatal::user("notif must be 3 or more"));
    }
    // Opened for both, the FIFO never ends.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fifo = openat(CWD, "fifo", flags, Mode::empty()).or_unable(|| "open fifo")?;
    if let Some(fd) = notif {
        let fd = sys::fd::own(fd).or_unable(|| "notify readiness")?;
        rustix::io::write(&fd, b"\n").or_unable(|| "notify readiness")?;
    }
    let plan = await_plan(call, &fifo, grace)?;
    if !plan.now {
        shut_down(call, basedir, options.has('C') || options.has('B'));
        terminate_everybody(plan.grace);
    }
    let end = End { basedir, is_container: options.has('C'), sync: options.has('S') };
    let script = execline_script(&end.script(Ending::Asked(plan.how)));
    end_supervision(&script)?;
    Ok(Next::SUCCESS)
}

/// Waits until the time of a planned stop has come.
fn await_plan(call: &Call, fifo: &OwnedFd, grace: u32) -> Result<Plan, Fatal> {
    let mut plan: Option<Plan> = None;
    loop {
        while let Some(bytes) = next_request(fifo).or_unable(|| "read fifo")? {
            match Request::unpack(&bytes) {
                Some(request) => plan = planned(request, grace, clock::now()),
                None => call.warn("what was written to fifo is no request"),
            }
        }
        if let Some(plan) = plan.filter(|plan| plan.at <= clock::now()) {
            return Ok(plan);
        }
        let mut fds = [PollFd::new(fifo, PollFlags::IN)];
        clock::poll_until(&mut fds, plan.map(|plan| plan.at)).or_unable(|| "poll")?;
    }
}

/// What a request plans; nothing if it takes a plan back.
fn planned(request: Request, usual_grace: u32, now: Moment) -> Option<Plan> {
    match request {
        Request::Cancel => None,
        Request::Stop { how, now: at_once, delay, grace } => {
            let grace = if grace == 0 { usual_grace } else { grace };
            let at = now.saturating_add(std::time::Duration::from_millis(delay));
            Some(Plan { how, now: at_once, grace, at })
        }
    }
}

/// A request, or other bytes, for which what is left of the FIFO is dropped; nothing if it is empty.
fn next_request(fifo: &OwnedFd) -> Result<Option<[u8; LENGTH]>, Errno> {
    let mut bytes = [0; LENGTH];
    match rustix::io::read(fifo, &mut bytes) {
        Err(Errno::AGAIN | Errno::INTR) | Ok(0) => Ok(None),
        Err(e) => Err(e),
        Ok(LENGTH) => Ok(Some(bytes)),
        Ok(_) => {
            while rustix::io::read(fifo, &mut [0; 512]).is_ok_and(|count| count > 0) {}
            Ok(Some([0; LENGTH]))
        }
    }
}

/// Runs the shutdown script; whatever becomes of it, the stop goes on.
fn shut_down(call: &Call, basedir: &[u8], keeps_output: bool) {
    let script = join(&join(basedir, b"scripts"), b"rc.shutdown");
    if !keeps_output {
        // The catch-all logger won't be there for long.
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
        Ok(code) => call.warn(&format!("{} exited {code}", diag::show(&script))),
    }
}

/// TERM for everybody but process 1 and this one, and a wait of at most `grace` milliseconds for their ends.  Who is left
/// gets KILL from process 1, which by then starts nothing again.
fn terminate_everybody(grace: u32) {
    let watched = others();
    // Shells ignore TERM, but not HUP; what is stopped has to go on to notice.
    for signal in [TERM, HUP, CONT] {
        let _ = sys::process::kill_all(signal);
    }
    await_ends(watched, clock::deadline(Some(grace)));
}

/// Handles of all processes but process 1, this one, and parts of the kernel; those that vanish meanwhile are left out.
fn others() -> Vec<OwnedFd> {
    let own = u64::from(std::process::id());
    let stats = tool::processes::all().unwrap_or_default().into_iter();
    let alive =
        stats.filter(|stat| stat.pid != own && stat.pid != 1 && !stat.is_of_kernel() && !stat.is_dead());
    let pids = alive.filter_map(|stat| Pid::from_raw(i32::try_from(stat.pid).ok()?));
    pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect()
}

fn await_ends(mut processes: Vec<OwnedFd>, deadline: Option<Moment>) {
    while !processes.is_empty() && deadline.is_none_or(|at| clock::now() < at) {
        let mut fds: Vec<PollFd<'_>> = processes.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        if clock::poll_until(&mut fds, deadline).is_err() {
            return;
        }
        let ended: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut ended = ended.into_iter();
        processes.retain(|_| !ended.next().unwrap_or_default());
    }
}

/// Gives process 1 the script that it becomes, and tells it to.
fn end_supervision(script: &[u8]) -> Result<(), Fatal> {
    let finish = [SCANDIR.as_bytes(), b"/", SVSCAN, b"/finish"].concat();
    let how = Replace { sync: true, ..Replace::with(Permissions::Exact(0o755), Writers::Many) };
    replace_at(CWD, &finish, script, how).or_unable_to("write", &finish)?;
    control::send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Abort])
        .map_err(|why| Fatal::new(111, format!("unable to tell s6-svscan to end: {why:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_become_plans() {
        let now = clock::now();
        let stop = Request::Stop { how: How::Halt, now: false, delay: 1500, grace: 0 };
        let plan = planned(stop, 77, now).unwrap();
        assert_eq!((plan.how, plan.now, plan.grace), (How::Halt, false, 77));
        assert_eq!(plan.at, now.saturating_add(std::time::Duration::from_millis(1500)));
        assert_eq!(planned(Request::Cancel, 77, now), None);
    }
}
