//! `s6-supervise`: supervises one service directory.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd};
use supervisor::launch::{Launch, Stdio};
use supervisor::service::Service;
use supervisor::service::machine::Event;
use sys::signal::{self, SignalFd};
use tool::clock;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-supervise",
    summary: "supervise one service directory",
    operands: "servicedir",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let name = call.shift()?;
    rustix::process::chdir(&name).or_unable_to("chdir to", &name)?;
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let launch = Launch::new(call.env.vars())?;
    let dir = sys::fs::open(".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| "open the service directory")?;
    signal::reset_all();
    let caught = [signal::CHLD, signal::TERM, signal::HUP, signal::QUIT, signal::INT];
    let signals = SignalFd::new(&signal::Set::of(&caught)).or_unable(|| "make a signal descriptor")?;
    signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let mut service = Service::begin(dir, &name, Stdio::default(), &launch)?;
    let mut detached = false;
    while !service.has_left() {
        wait(&mut service, &signals, &launch)?;
        if service.is_detached() && !detached {
            // A reader of this process's output sees its end.
            detached = true;
            null_standard().or_unable(|| "open /dev/null")?;
        }
    }
    Ok(Next::SUCCESS)
}

/// Waits for the next events and handles them.
fn wait(service: &mut Service, signals: &SignalFd, launch: &Launch) -> Result<(), Fatal> {
    let deadline = service.machine().deadline();
    let timeout = deadline.map(|d| d.saturating_sub(clock::now()));
    let timeout = timeout.and_then(|l| Timespec::try_from(l).ok());
    let mut fds = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
    for fd in [service.control(), service.notification()].into_iter().flatten() {
        fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
    }
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(e) => return Err(Fatal::unable("wait for events", e)),
    }
    let ready = |n: usize| fds.get(n).is_some_and(|fd| !fd.revents().is_empty());
    let (signal, control, notification) = (ready(0), ready(1), ready(2));
    // Readiness that was notified before a death is announced before the death.
    if notification {
        service.read_notification(launch);
    }
    if signal {
        read_signals(service, signals, launch)?;
    }
    if control {
        service.read_control(launch);
    }
    if service.machine().deadline().is_some_and(|d| d <= clock::now()) {
        service.feed(Event::Timeout, launch);
    }
    Ok(())
}

fn read_signals(service: &mut Service, signals: &SignalFd, launch: &Launch) -> Result<(), Fatal> {
    while let Some(signal) = signals.read().or_unable(|| "read signals")? {
        let event = match signal {
            signal::CHLD => {
                reap(service, launch)?;
                continue;
            }
            signal::TERM => Event::Terminate,
            signal::HUP => Event::Hangup,
            signal::QUIT => Event::Quit,
            _ => Event::Interrupt,
        };
        service.feed(event, launch);
    }
    Ok(())
}

fn reap(service: &mut Service, launch: &Launch) -> Result<(), Fatal> {
    loop {
        match sys::process::reap() {
            Ok(Some((pid, how))) => {
                let run_pid = service.machine().pid().and_then(|p| Pid::from_raw(p.cast_signed()));
                if run_pid == Some(pid) {
                    service.feed(Event::Ended(how), launch);
                }
            }
            Ok(None) | Err(Errno::CHILD) => return Ok(()),
            Err(e) => return Err(Fatal::unable("reap", e)),
        }
    }
}

/// Replaces standard input and output by /dev/null.
fn null_standard() -> Result<(), Errno> {
    let null = sys::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    sys::fd::copy(null.as_raw_fd(), 0)?;
    sys::fd::copy(null.as_raw_fd(), 1)
}
