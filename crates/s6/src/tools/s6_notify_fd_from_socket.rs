//! `s6-notify-fd-from-socket`: runs a daemon that notifies readiness by NOTIFY_SOCKET, for a supervisor that reads it
//! from a descriptor.
//!
//! The process becomes the daemon; a child reads the socket, an abstract one that the kernel names, until `READY=1`
//! arrives, the daemon has ended, or the deadline has passed.

use crate::beside::fork_beside;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::getpid;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use sys::process::Fork;
use tool::clock::{Moment, deadline};
use tool::ends::Ends;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-notify-fd-from-socket",
    summary: "run a daemon that uses NOTIFY_SOCKET under s6",
    operands: "prog...",
    options: &[
        Opt::value('3', "fd", "notify on this descriptor; default: what ./notification-fd says")
            .long("notification-fd"),
        Opt::value('t', "timeout", "give up after this many milliseconds").long("timeout"),
        Opt::flag('f', "wait in a child of the daemon, not in a grandchild").long("no-doublefork"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let deadline = deadline(options.number('t')?);
    let number = notification_fd(&options)?;
    if !sys::fd::is_open(number) {
        return Err(Fatal::new(111, format_args!("the notification descriptor {number} isn't open")));
    }
    let (socket, name) = socket().or_unable(|| "make a socket")?;
    let mut daemon = Ends::of([getpid()]);
    match fork_beside(!options.has('f')).or_unable(|| "fork")? {
        Fork::Child => {
            if wait(&socket, &mut daemon, deadline).or_unable(|| "wait for readiness")? {
                sys::fd::with(number, |fd| rustix::io::write(fd, b"\n")).or_unable(|| "notify")?;
                return Ok(Next::SUCCESS);
            }
            Ok(Next::Exit(99))
        }
        Fork::Parent(_) => {
            drop(socket);
            sys::fd::close(number);
            let mut env = call.take_env();
            env.set(ipc::notify_socket::NOTIFY_SOCKET, &name);
            Next::run(call.take_args(), env)
        }
    }
}

fn notification_fd(options: &Options) -> Result<RawFd, Fatal> {
    if let Some(word) = options.get('3') {
        return wire::number::decimal(word).filter(|n| *n >= 0).ok_or_else(Fatal::usage);
    }
    let text = std::fs::read("notification-fd").or_unable(|| "read ./notification-fd")?;
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    wire::number::decimal(line).filter(|n| *n >= 0).ok_or_else(|| Fatal::user("invalid ./notification-fd"))
}

/// A datagram socket with a name that the kernel chooses, and that name as the value of the variable.
fn socket() -> Result<(OwnedFd, Vec<u8>), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new_unnamed())?;
    let address = SocketAddrUnix::try_from(rustix::net::getsockname(&socket)?)?;
    let name = address.abstract_name().ok_or(Errno::AFNOSUPPORT)?;
    Ok((socket, [b"@", name].concat()))
}

/// Waits for the daemon's readiness; `false` if it ended or the deadline passed first.
fn wait(socket: &OwnedFd, daemon: &mut Ends, deadline: Option<Moment>) -> Result<bool, Errno> {
    loop {
        if !daemon.wait(Some(socket.as_fd()), deadline)? {
            return Ok(false);
        }
        let mut message = [0; 4096];
        loop {
            match rustix::net::recv(socket, &mut message[..], rustix::net::RecvFlags::empty()) {
                Ok((n, _)) if says_ready(message.get(..n).unwrap_or_default()) => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(e) => return Err(e),
            }
        }
        if daemon.is_empty() {
            return Ok(false);
        }
    }
}

fn says_ready(message: &[u8]) -> bool {
    message.split(|b| *b == b'\n').any(|line| line == b"READY=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_a_line_of_its_own() {
        assert!(says_ready(b"STATUS=up\nREADY=1"));
        assert!(says_ready(b"READY=1\n"));
        assert!(!says_ready(b"READY=10"));
        assert!(!says_ready(b"XREADY=1"));
    }
}
