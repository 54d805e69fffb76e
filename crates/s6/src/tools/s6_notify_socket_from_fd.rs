//! `s6-notify-socket-from-fd`: runs a daemon that notifies readiness on a descriptor, for a manager that reads it from
//! NOTIFY_SOCKET.

use crate::beside::fork_beside;
use ipc::notify_socket::{NOTIFY_SOCKET, address, connect};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, getpid};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use sys::process::Fork;
use tool::clock::{self, Moment, deadline};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-notify-socket-from-fd",
    summary: "run a daemon that notifies on a descriptor under a manager that uses NOTIFY_SOCKET",
    operands: "prog...",
    options: &[
        Opt::value('d', "fd", "the descriptor that the daemon writes to; default 1").long("notification-fd"),
        Opt::value('t', "timeout", "give up after this many milliseconds").long("timeout"),
        Opt::flag('f', "wait in a child of the daemon, not in a grandchild").long("no-doublefork"),
        Opt::flag('k', "keep NOTIFY_SOCKET in the daemon's environment").long("keep-environment"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = deadline(options.number('t')?);
    let number = options.number::<RawFd>('d')?.unwrap_or(1);
    if call.args.is_empty() || number < 0 {
        return Err(Fatal::usage());
    }
    let mut env = call.take_env();
    let Some(name) = env.get(NOTIFY_SOCKET).map(<[u8]>::to_vec) else {
        return Next::run(call.take_args(), env);
    };
    let address = address(&name)
        .map_err(|e| Fatal::unable(format_args!("use the socket {}", diag::show(&name)), e).with_code(100))?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    let daemon = getpid();
    match fork_beside(!options.has('f')).or_unable(|| "fork")? {
        Fork::Child => {
            drop(writer);
            let mut code = wait(&reader, deadline).or_unable(|| "wait for readiness")?;
            if code == READY {
                code = notify(&address, daemon, deadline).or_unable_to("notify", &name)?;
            }
            Ok(Next::Exit(code))
        }
        Fork::Parent(_) => {
            drop(reader);
            sys::fd::place(writer, number).or_unable(|| "place the notification descriptor")?;
            if !options.has('k') {
                env.unset(NOTIFY_SOCKET);
            }
            Next::run(call.take_args(), env)
        }
    }
}

/// The exit codes of the process that waits.
const READY: u8 = 0;
const ENDED: u8 = 1;
const LATE: u8 = 99;

/// Waits for a newline.
fn wait(reader: &OwnedFd, deadline: Option<Moment>) -> Result<u8, Errno> {
    loop {
        if clock::poll_until(&mut [PollFd::new(reader, PollFlags::IN)], deadline)? == 0 {
            return Ok(LATE);
        }
        let mut bytes = [0; 512];
        match rustix::io::read(reader, &mut bytes) {
            Ok(0) => return Ok(ENDED),
            Ok(n) if bytes.iter().take(n).any(|b| *b == b'\n') => return Ok(READY),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// Notifies the manager, and waits until it has read that: it finds out which service the message is about by its
/// sender, so that has to exist until then.  The protocol's means for it is a descriptor that the manager closes.
fn notify(address: &SocketAddrUnix, daemon: Pid, deadline: Option<Moment>) -> Result<u8, Errno> {
    let socket = connect(address)?;
    send_with(&socket, message(daemon).as_bytes(), &[], deadline)?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    send_with(&socket, b"BARRIER=1\n", &[writer.as_fd()], deadline)?;
    drop((writer, socket));
    let is_late = clock::poll_until(&mut [PollFd::new(&reader, PollFlags::IN)], deadline)? == 0;
    Ok(if is_late { LATE } else { READY })
}

/// Sends a datagram, waiting for room in the queue of the manager.
fn send_with(
    socket: &OwnedFd,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    deadline: Option<Moment>,
) -> Result<(), Errno> {
    loop {
        match ipc::unix_message::send_with(socket, bytes, fds) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if clock::poll_until(&mut [PollFd::new(socket, PollFlags::OUT)], deadline)? == 0 {
                    return Err(Errno::TIMEDOUT);
                }
            }
            sent => return sent.map(drop),
        }
    }
}

/// The message that the daemon is ready.  It names the daemon, which isn't the sender.
fn message(daemon: Pid) -> String {
    format!("READY=1\nMAINPID={}\n", daemon.as_raw_nonzero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_daemon() {
        assert_eq!(message(Pid::from_raw(77).unwrap()), "READY=1\nMAINPID=77\n");
    }
}
