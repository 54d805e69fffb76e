//! `s6-ipcserver-socketbinder`: runs a program whose standard input is a listening Unix socket.

use ipc::unix_socket::bind_to;
use rustix::net::{AddressFamily, SocketFlags, SocketType, listen, socket_with};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-ipcserver-socketbinder",
    summary: "run a program on a bound Unix socket",
    operands: "path prog...",
    options: &[
        Opt::flag('d', "take the place of a socket that was left there (default)"),
        Opt::flag('D', "fail if there is something"),
        Opt::value('b', "backlog", "how many connections may wait; 0: don't listen"),
        Opt::flag('M', "make a stream socket (default)"),
        Opt::flag('m', "make a datagram socket"),
        Opt::value('a', "perms", "permissions of the socket, octal; default 0777"),
        Opt::flag('B', "leave the socket in blocking mode"),
    ],
    role: Role::Chain,
    main,
};

/// The longest backlog that the system takes.
const SOMAXCONN: u32 = 4096;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let backlog = options.number::<u32>('b')?.unwrap_or(SOMAXCONN);
    let permissions = match options.get('a') {
        None => 0o777,
        Some(word) => number::octal(word).filter(|m| *m <= 0o777).ok_or_else(Fatal::usage)?,
    };
    let path = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let kind = if options.last_of("mM") == Some('m') { SocketType::DGRAM } else { SocketType::STREAM };
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, !options.has('B'));
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None).or_unable(|| "make a socket")?;
    bind_to(&socket, &path, permissions, options.last_of("dD") != Some('D'))
        .or_unable_to("bind to", &path)?;
    if backlog > 0 {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        listen(&socket, backlog).or_unable_to("listen on", &path)?;
    }
    sys::fd::place(socket, 0).or_unable(|| "move the socket to standard input")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
