//! `s6-notify-socket-from-fd`: runs a daemon that notifies readiness on a descriptor, for a manager that reads it from
//! NOTIFY_SOCKET.

use crate::beside::fork_beside;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{OwnedFd, RawFd};
use sys::process::Fork;
use tool::clock::{self, Moment, deadline};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-notify-socket-from-fd",
    summary: "run a daemon that notifies on a descriptor under a manager that uses NOTIFY_SOCKET",
    operands: "prog...",
    options: &[
        Opt::value('d', "fd", "the descriptor that the daemon writes to; default 1").long("notification-fd"),
        Opt::value('t', "timeout", "give up after so many milliseconds").long("timeout"),
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
    let Some(name) = env.get(b"NOTIFY_SOCKET").map(<[u8]>::to_vec) else {
        return Next::run(call.take_args(), env);
    };
    let address = address(&name)
        .map_err(|e| Fatal::unable(&format!("use the socket {}", diag::show(&name)), e).with_code(100))?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    match fork_beside(!options.has('f')).or_unable(|| "fork")? {
        Fork::Child => {
            drop(writer);
            let code = wait(&reader, deadline).or_unable(|| "wait for readiness")?;
            if code == 0 {
                notify(&address).or_unable_to("notify", &name)?;
            }
            Ok(Next::Exit(code))
        }
        Fork::Parent(_) => {
            drop(reader);
            sys::fd::place(writer, number).or_unable(|| "place the notification descriptor")?;
            if !options.has('k') {
                env.unset(b"NOTIFY_SOCKET");
            }
            Next::run(call.take_args(), env)
        }
    }
}

/// The address of a socket: a path, or `@` and an abstract name.
fn address(name: &[u8]) -> Result<SocketAddrUnix, Errno> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name),
        None => SocketAddrUnix::new(name),
    }
}

/// Waits for a newline: 0; 1 if the daemon ends without one, 99 after the deadline.
fn wait(reader: &OwnedFd, deadline: Option<Moment>) -> Result<u8, Errno> {
    loop {
        if clock::poll_until(&mut [PollFd::new(reader, PollFlags::IN)], deadline)? == 0 {
            return Ok(99);
        }
        let mut bytes = [0; 512];
        match rustix::io::read(reader, &mut bytes) {
            Ok(0) => return Ok(1),
            Ok(n) if bytes.iter().take(n).any(|b| *b == b'\n') => return Ok(0),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

fn notify(address: &SocketAddrUnix) -> Result<(), Errno> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::sendto(socket, b"READY=1\n", SendFlags::empty(), address).map(drop)
}
