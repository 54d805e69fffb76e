//! `s6-rc-oneshot-run`: runs the script of a oneshot.
//!
//! With operands it becomes the script of a service of the current database, given by its number.  Without any it
//! serves one request on its standard input, see [`crate::oneshot`]: this is how the host of the scan directory calls it.
//!
//! Exit codes: the script's; 3 no such oneshot, 4 an invalid database, 100 wrong usage, 111 a system call failed, 126 and
//! 127 the script can't be run.

use crate::common_options::{LIVE_DIR, live_dir};
use crate::live::load;
use crate::oneshot::{Answer, Request, Script, TERMINATE, receive};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sys::process::reap_one;
use sys::signal::{self, Set, SignalFd};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag::show};
use wire::number::decimal;

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-oneshot-run",
    summary: "run the script of a oneshot",
    operands: "[ up|down|reload servicenumber ]",
    options: &[
        Opt::flag('b', "wait for writers; a database never changes, so nobody waits").long("block"),
        Opt::flag('\u{1}', "don't wait for writers (the default)").long("no-block"),
        LIVE_DIR,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let words = call.take_args();
    if words.is_empty() {
        let is_socket = rustix::net::sockopt::socket_type(rustix::stdio::stdin()).is_ok();
        return if is_socket { serve(call) } else { Err(Fatal::usage()) };
    }
    let [script, number] = words.as_slice() else { return Err(Fatal::usage()) };
    let script = Script::from_word(script).ok_or_else(Fatal::usage)?;
    let id: u32 = decimal(number).ok_or_else(Fatal::usage)?;
    let database = load(&tool::path::join(live_dir(&options), b"compiled"))?;
    let service = database.service(id).filter(|s| !s.is_longrun());
    let service =
        service.ok_or_else(|| Fatal::new(3, format_args!("no oneshot has the number {}", show(number))))?;
    let request = Request { script, name: service.name.clone(), argv: script.of(service).to_vec() };
    Next::run_if_any(request.argv.clone(), request.environment(&call.env))
}

/// Serves the connection on standard input.
fn serve(call: &Call) -> Outcome {
    let socket = sys::fd::duplicate(0, 3).or_unable(|| "use standard input")?;
    let (request, fds) = receive(&socket).or_unable(|| "read the request")?;
    // Where scripts run when a machine boots; the host's working directory isn't for them.
    rustix::process::chdir("/").or_unable(|| "change to /")?;
    signal::set_default(signal::CHLD).or_unable(|| "trap signals")?;
    let children = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "trap signals")?;
    let answer = if request.argv.is_empty() {
        Answer::Ended(sys::process::Ended::Exited(0))
    } else {
        let fds: Vec<_> = fds.into_iter().zip(0..).collect();
        let spawned = request.spawn(
            TOOL.name,
            call.path.as_deref(),
            &call.env,
            &fds,
            &[socket.as_fd(), children.as_fd()],
        );
        drop(fds);
        match spawned {
            Ok(pid) => wait(pid, &socket, &children)?,
            Err(e) => Answer::NotRun(e),
        }
    };
    // The client may have disconnected.
    let _ = rustix::net::send(&socket, &answer.encode(), rustix::net::SendFlags::NOSIGNAL);
    Ok(Next::SUCCESS)
}

/// Waits for the script; a client's request to end it becomes SIGTERM and SIGCONT.
fn wait(pid: Pid, socket: &OwnedFd, children: &SignalFd) -> Result<Answer, Fatal> {
    let mut listening = true;
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(children.as_fd(), PollFlags::IN)];
        if listening {
            fds.push(PollFd::new(socket, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(e) => return Err(e).or_unable(|| "poll"),
        }
        while children.read().or_unable(|| "read signals")?.is_some() {}
        if let Some(ended) = reap_one(pid).or_unable(|| "wait for the script")? {
            return Ok(Answer::Ended(ended));
        }
        if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) {
            let mut command = [0; 1];
            match rustix::io::read(socket, &mut command) {
                Ok(1) if command == [TERMINATE] => {
                    let _ = kill_process(pid, Signal::TERM);
                    let _ = kill_process(pid, Signal::CONT);
                }
                Ok(1) | Err(Errno::INTR | Errno::AGAIN) => {}
                _ => listening = false,
            }
        }
    }
}
